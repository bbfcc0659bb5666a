#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What deploy/ holds, against the program and, where it is there, kubectl: deploy.py WEIR"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DEPLOY = ROOT / 'deploy'
BASE = DEPLOY / 'base'
failed = 0


def result(name, ok, why=''):
    global failed
    failed += not ok
    print(f'ok {name}' if ok else f'FAIL {name}: {why}', flush=True)


def run(*args, **more):
    p = subprocess.run([str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       timeout=120, check=False, **more)
    return p.returncode, p.stdout.decode()


def rules():
    """(group, resource) that the ClusterRole lets the agent list and watch; of other verbs
    only patch, for the status of cluster-wide policies."""
    text = (BASE / 'rbac.yaml').read_text(encoding='utf-8')
    found = re.findall(r'apiGroups: \[(.*)\]\n  resources: \[(.*)\]\n  verbs: \[(.*)\]', text)
    result('rbac/verbs', found and {v for _, _, v in found} == {'list, watch', 'patch'}, found)
    patched = {(g, r) for g, names, v in found if v == 'patch' for r in names.split(', ')}
    read = {(g.strip('"'), r) for g, names, v in found if v != 'patch' for r in names.split(', ')}
    result('rbac/writes-only-status', patched == {(g, r + '/status') for g, r in read
                                                  if g == 'policy.networking.k8s.io'}, patched)
    return read


def followed():
    """The same of the kinds that the agent follows, from its source and the client's table."""
    source = (ROOT / 'src/agent/source_kube.c').read_text(encoding='utf-8')
    kinds = re.findall(r'WR_KIND_\w+', re.search(r'kinds\[\] = \{(.*?)\};', source, re.S).group(1))
    table = (ROOT / 'src/kube/kinds.c').read_text(encoding='utf-8')
    out = set()
    for kind in kinds:
        row = re.search(r'\[' + kind + r'\] = (.*?)(?=\[WR_KIND|};)', table, re.S).group(1)
        words = re.findall(r'"([^"]*)"', row)
        group = '' if row.startswith('CORE') else 'policy.networking.k8s.io' \
            if 'CLUSTER_POLICIES' in row else words[0].split('/')[0]
        out.add((group, words[-1]))
    return out


def manifests(weir):
    status, out = run(weir, 'validate', '-f', DEPLOY)
    result('validate', status == 0, out)
    status, out = run(weir, 'lint', '--no-config', '-f', DEPLOY)
    result('lint', status == 0, out)
    allowed, needed = rules(), followed()
    result('rbac/just-what-is-followed', allowed == needed, f'{allowed} instead of {needed}')
    status, out = run(weir, 'agent', '--help')
    flags = re.findall(r'^        - --([a-z-]+)', (BASE / 'daemonset.yaml').read_text(), re.M)
    result('flags', flags and all(f'--{flag}' in out for flag in flags), flags)
    status, out = run(weir, 'version')
    tag = re.search(r'newTag: (\S+)', (BASE / 'kustomization.yaml').read_text()).group(1)
    result('tag', out.startswith(f'weir {tag}\n'), out)


def dry_run(weir):
    """What kubectl and the program's own API server say."""
    with tempfile.TemporaryDirectory() as work:
        config = os.path.join(work, 'config')
        server = subprocess.Popen([weir, 'apiserver', '--listen', '127.0.0.1:0', '--kubeconfig', config],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            end = time.monotonic() + 20
            while not os.path.exists(config) and time.monotonic() < end:
                time.sleep(0.05)
            # the namespace is every cluster's
            run('kubectl', '--kubeconfig', config, 'create', 'namespace', 'kube-system')
            for mode in ('client', 'server'):
                for path in sorted(DEPLOY.glob('*/*.yaml')):
                    if path.name == 'kustomization.yaml':
                        continue
                    status, out = run('kubectl', '--kubeconfig', config, 'apply',
                                      f'--dry-run={mode}', '-f', path)
                    result(f'kubectl/{path.parent.name}-{path.stem}-{mode}', status == 0 and 'dry run' in out, out)
            status, out = run('kubectl', '--kubeconfig', config, 'apply', '-k', DEPLOY / 'prometheus')
            result('kubectl/apply', status == 0 and out.count(' created') == 6, out)
            status, out = run('kubectl', '--kubeconfig', config, 'delete', '-k', DEPLOY / 'prometheus')
            result('kubectl/delete', status == 0, out)
        finally:
            server.terminate()
            server.wait(timeout=20)


def kubectl_minor():
    """The 32 of kubectl 1.32."""
    _, out = run('kubectl', 'version', '--client', '-o', 'json')
    return int(re.search(r'"minor": "(\d+)', out)[1])


def main():
    weir = os.path.abspath(sys.argv[1])
    manifests(weir)
    if not shutil.which('kubectl'):
        print('skip kubectl: it is not installed')
        return 1 if failed else 0
    if kubectl_minor() < 24:
        print(f'skip kubectl 1.{kubectl_minor()}: what deploy/ holds wants 1.24')
        return 1 if failed else 0
    for folder in ('base', 'prometheus', 'cleanup'):
        status, out = run('kubectl', 'kustomize', DEPLOY / folder)
        result(f'kustomize/{folder}', status == 0 and 'image: weir:' in out, out)
        checked, text = run(weir, 'validate', '-f', '-', input=out.encode())
        result(f'kustomize/{folder}-validates', checked == 0, text)
    dry_run(weir)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
