#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kubectl in the lab, as a newcomer types it, with packets: kubectl.py [WEIR]

`weir lab up --api` serves the API; agents enforce what it says. Then the
processes are killed one by one: what is in force stays, and `weir lab down`
leaves nothing.
"""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent
WEIR = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else str(ROOT / 'build/weir'))
LAB = 'kubectl'
FOLDER = f'/run/weir/lab/{LAB}'
MARK = f'WEIR_LAB_DAEMON={LAB}'.encode()
failed = 0

UTILS = '''
apiVersion: v1
kind: Namespace
metadata: {name: utils, labels: {team: tools}}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Pod
metadata: {name: utils, namespace: utils, labels: {app: utils}}
spec: {nodeName: node-1, containers: [{name: utils, image: busybox}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {nodeName: node-2, containers: [{name: db, image: db, ports: [{containerPort: 5432}]}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: nginx, ports: [{name: http, containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
'''
DENY = '''
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny-all, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
'''
FROM_TOOLS = '''
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: from-tools, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress: [{from: [{namespaceSelector: {matchLabels: {access: db}}}]}]
'''
OTHERS = '''
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: set, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: set}}
  template:
    metadata: {labels: {app: set}}
    spec: {containers: [{name: c, image: c, ports: [{containerPort: 80}]}]}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: daemon, namespace: shop}
spec:
  selector: {matchLabels: {app: daemon}}
  template:
    metadata: {labels: {app: daemon}}
    spec: {containers: [{name: c, image: c, ports: [{containerPort: 80}]}]}
'''


def report(name, ok, why=''):
    global failed
    failed += not ok
    print(f'ok {name}' if ok else f'FAIL {name} {str(why).strip()[:600]}', flush=True)


def run(*args, text=None, timeout=60, **env):
    p = subprocess.run(args, input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                       timeout=timeout, check=False, env={**os.environ, **env})
    return p.returncode, p.stdout, p.stderr


def lab(*args):
    return run(WEIR, 'lab', args[0], '--name', LAB, *args[1:])


def kubectl(*args, **kw):
    return run('kubectl', *args, **kw)


def wait(condition, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return bool(condition())


def get(*args):
    status, out, err = kubectl('get', *args, '-o', 'json')
    return json.loads(out) if status == 0 else {'items': [], 'error': err}


def pods(*args):
    return get('pods', *args)['items']


def ip_of(name):
    return get('pod', name, '-n', 'shop').get('status', {}).get('podIP')


def nc(address, port):
    return kubectl('exec', '-n', 'utils', 'utils', '--', 'nc', '-zv', '-w1', address,
                   str(port))[0] == 0


def ping(address):
    return kubectl('exec', '-n', 'utils', 'utils', '--', 'ping', '-c1', '-W1', address)[0] == 0


def processes():
    """pid -> what it is, of the lab's own processes."""
    found = {}
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{pid}/environ', 'rb') as f:
                if MARK not in f.read().split(b'\0'):
                    continue
            with open(f'/proc/{pid}/cmdline', 'rb') as f:
                words = f.read().decode().split('\0')
        except OSError:
            continue
        if len(words) > 2:
            found[int(pid)] = words[2] if words[1] == 'lab' else words[1]
    return found


def remains():
    spaces = os.listdir('/run/netns') if os.path.isdir('/run/netns') else []
    with open('/proc/mounts', encoding='utf-8') as f:
        mounts = [line for line in f if FOLDER in line]
    return [s for s in spaces if s.startswith(f'weir-{LAB}-')] + mounts + \
        list(processes().values()) + ([FOLDER] if os.path.exists(FOLDER) else [])


def up():
    status, out, err = lab('up', '--api', '--nodes', '2')
    report('up', status == 0, out + err)
    status, out, err = lab('kubeconfig')
    report('kubeconfig', status == 0 and os.stat(out.strip()).st_mode & 0o777 == 0o600, out + err)
    os.environ['KUBECONFIG'] = out.strip()
    return status == 0


def first_steps():
    status, out, err = kubectl('apply', '-f', '-', text=UTILS)
    report('apply', status == 0 and 'deployment.apps/web created' in out, out + err)
    ready = wait(lambda: len([p for p in pods('-n', 'shop')
                              if p.get('status', {}).get('podIP')]) == 3)
    status, out, err = kubectl('get', 'pod', '-n', 'shop', '-o', 'wide')
    report('get-wide', ready and status == 0 and out.count('1/1     Running') == 3 and
           '10.244.2.' in out and 'node-2' in out, out + err)
    db = ip_of('db')
    report('exec-ping', wait(lambda: ping(db)), db)
    report('exec-nc', wait(lambda: nc(db, 5432)), db)
    report('exec-nc-closed-port', not nc(db, 5433))
    report('service', wait(lambda: nc(get('service', 'web', '-n', 'shop')['spec']['clusterIP'], 80)))
    report('service-by-name', wait(lambda: nc('web.shop', 80)))
    slices = get('endpointslices', '-n', 'shop')['items']
    addresses = {a for s in slices for e in s['endpoints'] for a in e['addresses']}
    report('endpoints', addresses == {p['status']['podIP'] for p in pods('-n', 'shop', '-l', 'app=web')},
           addresses)
    status, out, err = kubectl('get', 'nodes')
    report('nodes', out.count(' Ready ') == 2, out + err)
    return db


def sessions():
    def inside(*argv, flags=(), text=None):
        return kubectl('exec', *flags, '-n', 'utils', 'utils', '--', *argv, text=text)
    status, out, err = inside('sh', '-c', 'echo out; echo err >&2; exit 3')
    report('exec/exit-code', status == 3 and out == 'out\n' and err.startswith('err\n'), out + err)
    text = 'line of text\n' * 30000
    status, out, err = inside('cat', flags=['-i'], text=text)
    report('exec/stdin', status == 0 and out == text, f'{len(out)} {err}')
    status, out, err = inside('no-such-program')
    report('exec/no-program', status == 127, f'{status} {err}')
    status, out, err = kubectl('exec', '-n', 'utils', 'nobody', '--', 'true')
    report('exec/no-pod', status == 1 and 'pods "nobody" not found' in err, err)
    status, out, err = run('script', '-qec', 'kubectl exec -it -n utils utils -- tty', '/dev/null') \
        if shutil.which('script') else (0, '/dev/pts/', '')
    report('exec/terminal', status == 0 and '/dev/pts/' in out, out + err)
    status, out, err = kubectl('exec', '-n', 'shop', 'deploy/web', '--', 'cat', '/etc/resolv.conf')
    report('exec/resolv-conf', 'shop.svc.cluster.local' in out, out + err)
    status, out, err = kubectl('logs', '-n', 'shop', 'db')
    report('logs', status == 0 and 'connection to port 5432 from 10.244.1.' in out, out + err)


def policies(db, folder):
    status, out, err = kubectl('apply', '-f', '-', text=DENY)
    report('deny-all', status == 0 and wait(lambda: not nc(db, 5432)) and not ping(db), out + err)
    before = get('networkpolicy', 'deny-all', '-n', 'shop')['metadata']
    report('generation', before['generation'] == 1, before)
    editor = os.path.join(folder, 'editor')
    pathlib.Path(editor).write_text('#!/bin/sh\nsed -i "s/podSelector: {}/podSelector: '
                                    '{matchLabels: {app: web}}/" "$1"\n', encoding='utf-8')
    os.chmod(editor, 0o755)
    status, out, err = kubectl('edit', 'networkpolicy', 'deny-all', '-n', 'shop', EDITOR=editor,
                               KUBE_EDITOR=editor)
    report('edit', status == 0 and 'edited' in out, out + err)
    report('edit-opens', wait(lambda: nc(db, 5432)) and ping(db))
    after = get('networkpolicy', 'deny-all', '-n', 'shop')['metadata']
    report('edit-generation', after['generation'] == 2 and
           int(after['resourceVersion']) > int(before['resourceVersion']) and
           after['uid'] == before['uid'], after)
    status, out, err = kubectl('get', 'networkpolicy', 'deny-all', '-n', 'shop', '-o', 'yaml')
    report('get-yaml', 'generation: 2' in out and 'app: web' in out, out + err)
    status, out, err = kubectl('describe', 'networkpolicy', 'deny-all', '-n', 'shop')
    report('describe', 'PodSelector:     app=web' in out and 'Policy Types: Ingress, Egress' in out,
           out + err)


def labels(db):
    status, out, err = kubectl('apply', '-f', '-', text=FROM_TOOLS)
    report('from-tools', status == 0 and wait(lambda: not nc(db, 5432)), out + err)
    status, out, err = kubectl('label', 'namespace', 'utils', 'access=db')
    report('label-namespace', status == 0 and wait(lambda: nc(db, 5432)), out + err)
    status, out, err = kubectl('label', 'namespace', 'utils', 'access-')
    report('unlabel-namespace', status == 0 and wait(lambda: not nc(db, 5432)), out + err)
    status, out, err = kubectl('label', 'pod', 'db', '-n', 'shop', 'app=other', '--overwrite')
    report('label-pod', status == 0 and wait(lambda: nc(db, 5432)), out + err)
    status, out, err = lab('probe', '--all', '-o', 'json')
    lines = [json.loads(line) for line in out.splitlines()]
    report('probe', lines and all(p['expected'] == p['observed'] for p in lines), out + err)
    report('probe-has-both', {p['observed'] for p in lines} == {'allow', 'deny'}, out)
    status, out, err = lab('flows', '--denied', '-o', 'json')
    report('flows', any('utils/utils' in line and 'shop/from-tools' in line
                        for line in out.splitlines()), out[-600:] + err)
    status, out, err = lab('status')
    report('status', status == 0 and '2 policies' in out and 'generation 0' not in out, out + err)
    kubectl('delete', 'networkpolicy', '--all', '-n', 'shop')
    web = pods('-n', 'shop', '-l', 'app=web')[0]['status']['podIP']
    report('delete-policies', wait(lambda: nc(web, 8080) and nc(db, 5432)))


def workloads():
    kubectl('scale', '-n', 'shop', 'deployment/web', '--replicas=3')

    def names():
        return {p['metadata']['name'] for p in pods('-n', 'shop', '-l', 'app=web')}
    report('scale-up', wait(lambda: len(names()) == 3), names())
    victim = sorted(names())[0]
    kubectl('delete', 'pod', '-n', 'shop', victim)
    report('replaced', wait(lambda: len(names()) == 3 and victim not in names()), names())
    status, out, err = kubectl('wait', '-n', 'shop', '--for=condition=Available', 'deployment/web',
                               '--timeout=10s')
    report('available', status == 0, out + err)
    kubectl('set', 'image', '-n', 'shop', 'deployment/web', 'web=nginx:2')
    report('new-template', wait(lambda: len(names()) == 3 and all(
        p['spec']['containers'][0]['image'] == 'nginx:2'
        for p in pods('-n', 'shop', '-l', 'app=web'))), names())
    kubectl('apply', '-f', '-', text=OTHERS)
    report('statefulset', wait(lambda: {p['metadata']['name'] for p in pods(
        '-n', 'shop', '-l', 'app=set')} == {'set-0', 'set-1'}))
    report('daemonset', wait(lambda: sorted(p['spec'].get('nodeName', '') for p in pods(
        '-n', 'shop', '-l', 'app=daemon')) == ['node-1', 'node-2']))
    kubectl('delete', 'deployment', 'web', '-n', 'shop')
    report('delete-deployment', wait(lambda: not names()), names())
    kubectl('delete', 'namespace', 'shop')
    report('delete-namespace', wait(lambda: not pods('-n', 'shop')) and wait(
        lambda: not [s for s in os.listdir('/run/netns') if s.startswith(f'weir-{LAB}-pod-')][2:]),
        os.listdir('/run/netns'))


def unreadable():
    """An object that weir cannot read is in nobody's way."""
    bad = {'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': 'bad'},
           'spec': {'containers': [{'name': 'c', 'image': 'c', 'ports': [{'containerPort': 70000}]}]}}
    good = {'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': 'good'},
            'spec': {'containers': [{'name': 'c', 'image': 'c'}]}}
    kubectl('create', '-f', '-', text=json.dumps(bad))
    kubectl('create', '-f', '-', text=json.dumps(good))
    report('unreadable', wait(lambda: get('pod', 'good').get('status', {}).get('podIP')),
           get('pods'))
    kubectl('delete', 'pod', 'bad', 'good')


def refusals():
    status, out, err = run(WEIR, 'lab', 'apply', '--name', LAB, '-f', '-', text=DENY)
    report('lab-apply-is-refused', status == 2 and 'kubectl' in err, out + err)
    status, out, err = lab('up', '--api')
    report('second-up-is-refused', status == 2 and 'running already' in err, out + err)


def down(name):
    status, out, err = lab('down')
    left = remains()
    report(name, status == 0 and not left, f'{left} {out}{err}')


def killed(what):
    """A lab one of whose processes died; what was in force stays."""
    status, out, err = lab('up', '--api', '--nodes', '1')
    if status:
        report(f'killed/{what}', False, out + err)
        return
    kubectl('apply', '-f', '-', text=UTILS.replace('node-2', 'node-1'))
    kubectl('apply', '-f', '-', text=DENY)
    wait(lambda: ip_of('db'))
    victims = [pid for pid, name in processes().items() if name == what]
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.2)
    status, out, err = lab('probe', '--from', 'utils/utils', '--to', 'shop/db', '--port', '5432',
                           '-o', 'json')
    report(f'killed/{what}-still-denies', victims and '"observed":"deny"' in out, out + err)
    down(f'killed/{what}-down')


def sanitizers():
    logs = ''.join(pathlib.Path(FOLDER, name).read_text(encoding='utf-8', errors='replace')
                   for name in os.listdir(FOLDER) if name.endswith('.log'))
    report('no-sanitizer-errors', 'Sanitizer' not in logs and 'runtime error' not in logs, logs)


def kubectl_minor():
    """The 32 of kubectl 1.32."""
    text = subprocess.run(['kubectl', 'version', '--client', '-o', 'json'], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, timeout=60, check=False).stdout
    return int(re.match(r'\d+', json.loads(text)['clientVersion']['minor']).group(0))


def main():
    for program in 'kubectl', 'nc', 'ping', 'ip', 'nft':
        if not shutil.which(program) and not os.path.exists(f'/usr/sbin/{program}'):
            print(f'skip kubectl {program} is not installed')
            return 0
    if os.geteuid():
        print('skip kubectl needs root')
        return 0
    if kubectl_minor() < 31:
        print(f'skip kubectl 1.{kubectl_minor()}: exec over WebSocket came with 1.31')
        return 0
    lab('down')
    folder = tempfile.mkdtemp(prefix='weir-kubectl-')
    os.environ['KUBECACHEDIR'] = folder
    try:
        if up():
            db = first_steps()
            sessions()
            policies(db, folder)
            labels(db)
            workloads()
            unreadable()
            refusals()
            sanitizers()
        down('down')
        for what in 'apiserver', 'relay', 'agent', 'kubelet':
            killed(what)
    finally:
        lab('down')
        shutil.rmtree(folder)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
