#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes a container image of a built program, without a container engine.

    scripts/image.py [--output FILE] [--tag NAME] WEIR    an archive for podman load,
                                                          docker load, ctr images import,
                                                          kind load image-archive
    scripts/image.py --rootfs DIR WEIR                    only the files, in a folder

One layer: the program, stripped, and the libraries that it is linked with. Two
runs over the same files give the same bytes.
"""
import argparse
import gzip
import hashlib
import io
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

MACHINES = {'x86_64': 'amd64', 'aarch64': 'arm64', 'ppc64le': 'ppc64le', 's390x': 's390x',
            'riscv64': 'riscv64'}


def libraries(program):
    """Paths by which the loader finds what a program is linked with, the loader included."""
    out = subprocess.run(['ldd', program], capture_output=True, text=True, check=True).stdout
    if 'not found' in out:
        sys.exit(f'image.py: {program} lacks libraries here:\n{out}')
    return sorted(set(re.findall(r'(/\S+) \(0x', out)))


def make_rootfs(program, root):
    binary = root / 'usr/bin/weir'
    binary.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(program, binary)
    subprocess.run(['strip', binary], check=True)
    binary.chmod(0o755)
    for path in libraries(program):
        # what is linked to from /lib is a file of /usr/lib on a merged system: one place each
        place = root / path.lstrip('/')
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(os.path.realpath(path), place)
        place.chmod(0o755)
    for folder in ('bpf', 'dev', 'etc', 'proc', 'run/weir', 'sys', 'tmp'):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name, text in {'passwd': 'root:x:0:0:root:/:/none\n', 'group': 'root:x:0:\n',
                       'nsswitch.conf': 'hosts: files dns\n'}.items():
        (root / 'etc' / name).write_text(text, encoding='ascii')


def pack(root):
    """The folder as a tar: sorted, root's, and of no date."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode='w', format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(root.rglob('*')):
            info = tar.gettarinfo(str(path), str(path.relative_to(root)))
            info.uid = info.gid = info.mtime = 0
            info.uname = info.gname = ''
            info.mode = 0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644
            with open(path, 'rb') if path.is_file() else io.BytesIO() as f:
                tar.addfile(info, f if path.is_file() else None)
    return data.getvalue()


def blob(files, data):
    digest = hashlib.sha256(data).hexdigest()
    files[f'blobs/sha256/{digest}'] = data
    return {'digest': f'sha256:{digest}', 'size': len(data)}


def as_json(value):
    return json.dumps(value, sort_keys=True, separators=(',', ':')).encode()


def make_archive(root, tag, output):
    """An OCI layout, with the manifest.json besides that docker load asks for."""
    files = {}
    layer = pack(root)
    oci = 'application/vnd.oci.image.'
    config = blob(files, as_json({
        'architecture': MACHINES.get(platform.machine(), platform.machine()), 'os': 'linux',
        'config': {'Entrypoint': ['/usr/bin/weir'], 'Cmd': ['agent', '--in-cluster'],
                   'Env': ['PATH=/usr/bin'], 'WorkingDir': '/',
                   'Labels': {'org.opencontainers.image.title': 'weir',
                              'org.opencontainers.image.licenses': 'Apache-2.0'}},
        'rootfs': {'type': 'layers', 'diff_ids': ['sha256:' + hashlib.sha256(layer).hexdigest()]},
        'history': [{'created_by': 'scripts/image.py'}]}))
    packed = blob(files, gzip.compress(layer, 9, mtime=0))
    manifest = blob(files, as_json({
        'schemaVersion': 2, 'mediaType': oci + 'manifest.v1+json',
        'config': {'mediaType': oci + 'config.v1+json', **config},
        'layers': [{'mediaType': oci + 'layer.v1.tar+gzip', **packed}]}))
    name = tag.rpartition(':')[2]
    files['oci-layout'] = as_json({'imageLayoutVersion': '1.0.0'})
    files['index.json'] = as_json({
        'schemaVersion': 2, 'mediaType': oci + 'index.v1+json',
        'manifests': [{'mediaType': oci + 'manifest.v1+json', **manifest, 'annotations': {
            'io.containerd.image.name': f'docker.io/library/{tag}',
            'org.opencontainers.image.ref.name': name}}]})
    files['manifest.json'] = as_json([{
        'Config': 'blobs/' + config['digest'].replace(':', '/'), 'RepoTags': [tag],
        'Layers': ['blobs/' + packed['digest'].replace(':', '/')]}])
    with tarfile.open(output, 'w', format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(files):
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(files[path]), 0o644
            tar.addfile(info, io.BytesIO(files[path]))
    print(f'{output}: {tag}, {len(layer) / 1e6:.1f} MB, {packed["size"] / 1e6:.1f} MB packed')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--output', default='build/weir-image.tar')
    parser.add_argument('--tag', default='weir:0.1.0')
    parser.add_argument('--rootfs', type=pathlib.Path)
    parser.add_argument('program')
    args = parser.parse_args()
    if args.rootfs:
        make_rootfs(args.program, args.rootfs)
        return
    with tempfile.TemporaryDirectory() as work:
        make_rootfs(args.program, pathlib.Path(work))
        make_archive(pathlib.Path(work), args.tag, args.output)


if __name__ == '__main__':
    main()
