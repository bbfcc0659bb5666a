#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The agent in its image, with packets: image.py WEIR

The image's files become the root of a mount namespace as a container runtime
makes it for the DaemonSet: read-only, /proc/sys read-only, the node's network,
the capabilities that the DaemonSet names, a bpffs and a service account's token
mounted, TLS to the API server. No container engine is needed.
"""
import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

import agent as base
from agent import DENY, LAB, NETNS, POLICIES, ROOT, WEIR, connects, get, result, wait, weir

sys.path.insert(0, os.path.join(ROOT, 'tests', 'kube'))
from certs import Certs  # noqa: E402

SECRETS = '/var/run/secrets/kubernetes.io/serviceaccount'
NUMBERS = {'NET_ADMIN': 12, 'PERFMON': 38, 'BPF': 39}
PR_CAPBSET_DROP = 24


def daemonset():
    """(arguments, capabilities) that the DaemonSet gives, read from its lines."""
    with open(os.path.join(ROOT, 'deploy', 'base', 'daemonset.yaml'), encoding='utf-8') as f:
        text = f.read()
    args = re.search(r'^        args:\n((?:        (?:- |#).*\n)+)', text, re.M).group(1)
    caps = re.search(r'^            add:\n((?:            - .*\n)+)', text, re.M).group(1)
    return re.findall(r'- (\S+)', args), re.findall(r'- (\w+)', caps)


def mount(*args):
    subprocess.run(['mount', *args], check=True)


def inside(root, bpf, run, secrets, *command):
    """In a mount and network namespace of its own: becomes the container."""
    libc = ctypes.CDLL(None, use_errno=True)
    _, caps = daemonset()
    os.makedirs(root + SECRETS, exist_ok=True)
    mount('--bind', root, root)
    for source, target in ((bpf, '/bpf'), (run, '/run/weir'), (secrets, SECRETS), ('/proc', '/proc'),
                           ('/sys', '/sys')):
        mount('--rbind' if source == '/sys' else '--bind', source, root + target)
    mount('--bind', '/proc/sys', root + '/proc/sys')
    for target in (SECRETS, '/proc/sys', ''):
        mount('-o', 'remount,bind,ro', root + target)
    os.chroot(root)
    os.chdir('/')
    for cap in range(64):
        if cap not in [NUMBERS[name] for name in caps]:
            libc.prctl(PR_CAPBSET_DROP, cap, 0, 0, 0)
    os.execve('/usr/bin/weir', ['weir', *command], {
        'NODE_NAME': 'node-1', 'KUBERNETES_SERVICE_HOST': '127.0.0.1',
        'KUBERNETES_SERVICE_PORT': os.environ['PORT']})


class Container(base.Agent):
    def __init__(self, folder, port):
        super().__init__(folder)
        self.rootfs = os.path.join(folder, 'rootfs')
        self.secrets = os.path.join(folder, 'secrets')
        self.port = port
        self.bpf = f'/run/weir/lab/{LAB}/bpf'
        self.pins = self.bpf + '/weir'

    def start(self, *args):
        args = args or [a.replace('$(NODE_IP)', '127.0.0.1') for a in daemonset()[0]]
        os.makedirs(self.run_dir, exist_ok=True)
        with open(self.log, 'a', encoding='utf-8') as log:
            self.process = subprocess.Popen(
                ['nsenter', f'--net={NETNS}', 'unshare', '--mount', '--propagation', 'private',
                 sys.executable, os.path.abspath(__file__), '--inside', self.rootfs, self.bpf,
                 self.run_dir, self.secrets, *args],
                stdout=log, stderr=log, env=dict(os.environ, PORT=str(self.port)))


def checks(container, api):
    container.start()
    result('ready', wait(container.ready), container.text())
    base.confinement(container, 'confined')
    result('open', connects(), container.text())
    api.model.apply(POLICIES, DENY)
    result('denied', wait(lambda: not connects()), container.text())
    status, out, err = weir('status', '--run-dir', container.run_dir, 'shop/deny')
    result('status-from-the-node', status == 0, out + err)
    token = os.path.join(container.secrets, 'token')
    with open(token + '.new', 'w', encoding='ascii') as f:
        f.write('another')
    os.rename(token + '.new', token)
    container.stop(signal.SIGKILL)
    result('killed-enforces', not connects())
    container.start()
    result('restarted', wait(container.ready) and not connects(), container.text())
    base.run(['nsenter', f'--net={NETNS}', 'nft', 'flush', 'ruleset'])
    result('repaired', wait(lambda: 'weir_repairs_total 1' in get('/metrics')[1], 30) and
           wait(container.ready) and not connects(), container.text())
    container.stop(signal.SIGTERM)
    container.start('agent', '--cleanup', '--pin-dir=/bpf/weir')
    status = container.process.wait(timeout=20)
    result('cleanup', status == 0 and connects() and not os.path.exists(container.pins) and
           not os.listdir(container.run_dir), f'{status} {container.text()}')


def main():
    for tool in ('openssl', 'ldd', 'strip'):
        if not shutil.which(tool):
            print(f'skip all: {tool}(1) is not installed')
            return 0
    folder = tempfile.mkdtemp(prefix='weir-image-')
    cluster = os.path.join(folder, 'cluster.yaml')
    with open(cluster, 'w', encoding='utf-8') as f:
        f.write(base.CLUSTER)
    os.mkdir(os.path.join(folder, 'secrets'))
    certs = Certs(os.path.join(folder, 'secrets'))
    certs.sign('server', '/CN=api', 'IP:127.0.0.1')
    status, out, err = weir('lab', 'up', '-f', cluster, '--nodes', '1', '--name', LAB)
    if status:
        result('up', False, out + err)
        return 1
    base.make_way()
    container = None
    try:
        api = base.Api(folder, certs.server('server'))
        container = Container(folder, api.server.port)
        with open(os.path.join(container.secrets, 'token'), 'w', encoding='ascii') as f:
            f.write('secret')
        subprocess.run([os.path.join(ROOT, 'scripts', 'image.py'), '--rootfs', container.rootfs, WEIR],
                       check=True)
        checks(container, api)
    finally:
        if container and container.process and container.process.poll() is None:
            container.process.kill()
        weir('lab', 'down', '--name', LAB)
        shutil.rmtree(folder)
    return 1 if base.failed else 0


if __name__ == '__main__':
    if sys.argv[1] == '--inside':
        inside(*sys.argv[2:])
    sys.exit(main())
