#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kubectl in the lab, as a newcomer types it, with packets: kubectl.py [WEIR]

`weir lab up` serves the API; agents enforce what it says. Then the
processes are killed one by one: what is in force stays, and `weir lab down`
leaves nothing.
"""
import json
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent
WEIR = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else str(ROOT / 'build/weir'))
LAB = 'tkube%d' % (os.getpid() % 100000)
FOLDER = f'/run/weir/lab/{LAB}'
MARK = f'WEIR_LAB_DAEMON={LAB}'.encode()
PROGRAM = 'kubectl'
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
OLD_SET = '''
apiVersion: v1
kind: ReplicationController
metadata: {name: old, namespace: shop}
spec: {template: {metadata: {labels: {app: old}}, spec: {containers: [{name: c, image: c}]}}}
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
    return run(PROGRAM, *args, **kw)


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
    status, out, err = lab('up', '--nodes', '2')
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


def sessions(what=''):
    def inside(*argv, flags=(), text=None):
        return kubectl('exec', *flags, '-n', 'utils', 'utils', '--', *argv, text=text)
    status, out, err = inside('sh', '-c', 'echo out; echo err >&2; exit 3')
    report(f'{what}exec/exit-code', status == 3 and out == 'out\n' and err.startswith('err\n'), out + err)
    text = 'line of text\n' * 30000
    status, out, err = inside('cat', flags=['-i'], text=text)
    report(f'{what}exec/stdin', status == 0 and out == text, f'{len(out)} {err}')
    status, out, err = inside('no-such-program')
    report(f'{what}exec/no-program', status == 127, f'{status} {err}')
    status, out, err = kubectl('exec', '-n', 'utils', 'nobody', '--', 'true')
    report(f'{what}exec/no-pod', status == 1 and 'pods "nobody" not found' in err, err)
    if shutil.which('script'):
        status, out, err = run('script', '-qec', f'stty rows 31 cols 97; {PROGRAM} exec -it -n utils '
                               'utils -- sh -c "tty; sleep 0.3; stty size"', '/dev/null')
        report(f'{what}exec/terminal', status == 0 and '/dev/pts/' in out and '31 97' in out, out + err)
    else:
        print(f'skip {what}exec/terminal: script is not installed')
    status, out, err = kubectl('exec', '-n', 'shop', 'deploy/web', '--', 'cat', '/etc/resolv.conf')
    report(f'{what}exec/resolv-conf', 'shop.svc.cluster.local' in out, out + err)
    both_ways = os.urandom(1 << 20).hex()
    status, out, err = inside('cat', flags=['-i'], text=both_ways)
    report(f'{what}exec/both-ways', status == 0 and out == both_ways, f'{len(out)} {err}')


def copies(folder, what=''):
    there, here = os.path.join(folder, 'there'), os.path.join(folder, 'here')
    pathlib.Path(here).write_text('copied\n', encoding='utf-8')
    status, out, err = kubectl('cp', here, f'utils/utils:{there}')
    report(f'{what}cp/to', status == 0 and pathlib.Path(there).read_text('utf-8') == 'copied\n',
           out + err)
    os.unlink(here)
    status, out, err = kubectl('cp', f'utils/utils:{there}', here)
    report(f'{what}cp/from', status == 0 and pathlib.Path(here).read_text('utf-8') == 'copied\n',
           out + err)
    os.unlink(there)


def logs(db, what=''):
    nc(db, 5432)
    status, out, err = kubectl('logs', '-n', 'shop', 'db', '--tail=1')
    report(f'{what}logs', status == 0 and out.startswith('connection to port 5432 from 10.244.1.') and
           out.count('\n') == 1, out + err)
    status, out, err = kubectl('logs', '-n', 'shop', 'db', '--tail=1', '--timestamps', '--since=1m')
    report(f'{what}logs/times', re.match(r'20\d\d-\d\d-\d\dT\S+Z connection to port', out), out + err)
    status, out, err = kubectl('logs', '-n', 'shop', 'db', '--since-time=2099-01-01T00:00:00Z')
    report(f'{what}logs/since', status == 0 and out == '', out + err)
    status, out, err = kubectl('logs', '-n', 'shop', 'db', '-c', 'other')
    report(f'{what}logs/container', status == 1 and 'container other is not valid' in err, out + err)
    for verb, flags in ('logs', ['-f', '--tail=0']), ('attach', []):
        p = subprocess.Popen([PROGRAM, verb, *flags, '-n', 'shop', 'db'], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True)
        try:
            time.sleep(1)
            nc(db, 5432)
            seen = bool(select.select([p.stdout], [], [], 10)[0]) and p.stdout.readline()
            report(f'{what}{verb}/follow', seen and seen.startswith('connection to port 5432'), seen)
        finally:
            p.kill()
            p.communicate()


def forwards(what=''):
    """To a pod, by a port that the client chooses; then to a port where nothing is."""
    p = subprocess.Popen([PROGRAM, 'port-forward', '-n', 'shop', 'pod/db', ':5432', ':5433'],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        ports = {}
        while len(ports) < 2:
            line = p.stdout.readline()
            found = re.match(r'Forwarding from 127.0.0.1:(\d+) -> (\d+)', line)
            if found:
                ports[found.group(2)] = int(found.group(1))
            elif not line:
                break
        for i in range(3):
            with socket.create_connection(('127.0.0.1', ports['5432']), 5) as s:
                line = s.recv(100)
            report(f'{what}port-forward/{i}', line == b'db 127.0.0.1\n', line)
        with socket.create_connection(('127.0.0.1', ports['5433']), 5) as s:
            s.settimeout(5)
            try:
                line = s.recv(100)
            except ConnectionResetError:
                line = b''
        said = p.stderr.readline()
        report(f'{what}port-forward/closed', line == b'' and 'Connection refused' in said, said)
    finally:
        p.kill()
        p.communicate()


def runs(db, what=''):
    """kubectl run: a pod that is there for one program."""
    status, out, err = kubectl('run', 'once', '-i', '--rm', '--restart=Never', '--image=busybox', '-n',
                               'utils', '--', 'sh', text=f'nc -zv -w1 {db} 5432; exit 3\n')
    report(f'{what}run', status == 3 and 'succeeded' in out + err, f'{status} {out} {err}')
    report(f'{what}run/rm', not any(p['metadata']['name'] == 'once' for p in pods('-n', 'utils')))


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


def images():
    return sorted(p['spec']['containers'][0]['image'] for p in pods('-n', 'shop', '-l', 'app=web')
                  if p.get('status', {}).get('phase') == 'Running')


def rollouts(names):
    """One template after the other, and never fewer pods than maxUnavailable allows."""
    def rolled(name, *args, image):
        fewest, most, mixed = 3, 3, False
        p = subprocess.Popen([PROGRAM, 'rollout', *args, '-n', 'shop', 'deployment/web'],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        end = time.monotonic() + 20
        while time.monotonic() < end and images() != [image] * 3:
            now = images()
            fewest, most, mixed = min(fewest, len(now)), max(most, len(now)), mixed or len(set(now)) > 1
        text, _ = p.communicate(timeout=30)
        status, out, err = kubectl('rollout', 'status', '-n', 'shop', 'deployment/web', '--timeout=20s')
        report(f'rollout/{name}', p.returncode == 0 and status == 0 and images() == [image] * 3 and
               fewest >= 3 and most <= 4, f'{fewest} {most} {images()} {text} {out} {err}')
        return mixed
    kubectl('set', 'image', '-n', 'shop', 'deployment/web', 'web=nginx:2')
    report('rollout/mixed', rolled('status', 'status', '--timeout=20s', image='nginx:2'))
    before = names()
    rolled('undo', 'undo', image='nginx')
    report('rollout/undo-same-set', {n.rsplit('-', 1)[0] for n in names()} !=
           {n.rsplit('-', 1)[0] for n in before} and len(get('rs', '-n', 'shop')['items']) == 2, names())
    status, out, err = kubectl('rollout', 'history', '-n', 'shop', 'deployment/web')
    report('rollout/history', [line.split()[0] for line in out.splitlines() if line[:1].isdigit()] ==
           ['2', '3'], out + err)
    before = names()
    kubectl('rollout', 'restart', '-n', 'shop', 'deployment/web')
    report('rollout/restart', wait(lambda: len(names()) == 3 and not names() & before, 20), names())
    kubectl('rollout', 'pause', '-n', 'shop', 'deployment/web')
    kubectl('set', 'image', '-n', 'shop', 'deployment/web', 'web=nginx:3')
    time.sleep(1)
    report('rollout/pause', images() == ['nginx'] * 3, images())
    kubectl('rollout', 'resume', '-n', 'shop', 'deployment/web')
    report('rollout/resume', wait(lambda: images() == ['nginx:3'] * 3, 20), images())


def jobs():
    job = {'apiVersion': 'batch/v1', 'kind': 'Job', 'metadata': {'name': 'job', 'namespace': 'shop'},
           'spec': {'completions': 3, 'parallelism': 2, 'template': {
               'metadata': {'annotations': {'weir/runs-for': '1'}},
               'spec': {'restartPolicy': 'Never', 'containers': [{'name': 'c', 'image': 'c'}]}}}}
    kubectl('create', '-f', '-', text=json.dumps(job))
    status, out, err = kubectl('wait', '-n', 'shop', '--for=condition=complete', 'job/job',
                               '--timeout=20s')
    phases = [p['status']['phase'] for p in pods('-n', 'shop', '-l', 'job-name=job')]
    report('job', status == 0 and phases == ['Succeeded'] * 3, f'{phases} {out} {err}')
    kubectl('delete', 'job', 'job', '-n', 'shop')
    report('delete-job', wait(lambda: not pods('-n', 'shop', '-l', 'job-name=job')))


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
    rollouts(names)
    kubectl('apply', '-f', '-', text=OTHERS)
    report('statefulset', wait(lambda: {p['metadata']['name'] for p in pods(
        '-n', 'shop', '-l', 'app=set')} == {'set-0', 'set-1'}))
    report('daemonset', wait(lambda: sorted(p['spec'].get('nodeName', '') for p in pods(
        '-n', 'shop', '-l', 'app=daemon')) == ['node-1', 'node-2']))
    for kind, label in ('statefulset/set', 'app=set'), ('daemonset/daemon', 'app=daemon'):
        before = {p['metadata']['uid'] for p in pods('-n', 'shop', '-l', label)}
        kubectl('rollout', 'restart', '-n', 'shop', kind)
        status, out, err = kubectl('rollout', 'status', '-n', 'shop', kind, '--timeout=20s')
        after = {p['metadata']['uid'] for p in pods('-n', 'shop', '-l', label)}
        report(f'restart/{kind}', status == 0 and len(after) == 2 and not before & after, out + err)
    jobs()
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


def beside_the_lab(folder):
    """weir lab apply, label and delete beside kubectl: one API for both."""
    path = os.path.join(folder, 'deny.yaml')
    pathlib.Path(path).write_text(UTILS + '---' + DENY, encoding='utf-8')
    line = (UTILS + '---' + DENY).splitlines().index('metadata: {name: deny-all, namespace: shop}') + 1

    def column():
        status, out, err = lab('get', 'netpol', '-o', 'wide')
        return next((row.split()[-1] for row in out.splitlines() if ' deny-all ' in row), out + err)
    status, out, err = lab('apply', '-f', path)
    db = ip_of('db')
    report('lab-apply', status == 0 and db and not ping(db), out + err)
    report('lab-apply-is-seen', get('networkpolicy', 'deny-all', '-n', 'shop').get('metadata'))
    report('lab-knows-the-file', column() in (f'{path}:{line - 2}', f'{path}:{line}'), column())
    status, out, err = lab('apply', '-f', path)
    report('apply-again-changes-nothing', status == 0 and get(
        'networkpolicy', 'deny-all', '-n', 'shop')['metadata']['generation'] == 1, out + err)
    kubectl('patch', 'networkpolicy', 'deny-all', '-n', 'shop', '--type=merge', '-p',
            '{"spec":{"podSelector":{"matchLabels":{"app":"web"}}}}')
    status, out, err = lab('probe', '--from', 'utils/utils', '--to', 'shop/db', '--port', '5432',
                           '-o', 'json')
    report('probe-waits-for-kubectl', status == 0 and '"observed":"allow"' in out, out + err)
    report('another-text-has-no-file', column() == '<none>', column())
    status, out, err = lab('label', 'pod', 'shop/db', 'app=web', '--overwrite')
    report('lab-label', status == 0 and not ping(db) and get(
        'pod', 'db', '-n', 'shop')['metadata']['labels'] == {'app': 'web'}, out + err)
    status, out, err = lab('apply', '-f', path)
    report('apply-leaves-the-label', status == 0 and ip_of('db') == db and get(
        'pod', 'db', '-n', 'shop')['metadata']['labels'] == {'app': 'web'}, out + err)
    status, out, err = run(WEIR, 'lab', 'apply', '--name', LAB, '-f', '-', text=OLD_SET)
    status, out, err = lab('exec', next((f'shop/{p["metadata"]["name"]}' for p in pods(
        '-n', 'shop', '-l', 'app=old')), 'shop/none'), '--', 'true')
    report('replication-controller-has-its-pods', status == 0, out + err)
    status, out, err = lab('delete', '-f', path)
    report('lab-delete', status == 0 and not pods('-n', 'shop') and
           'not found' in get('networkpolicy', 'deny-all', '-n', 'shop').get('error', ''), out + err)
    status, out, err = lab('delete', '-f', path)
    report('delete-again-warns', status == 0 and 'deny.yaml:' in err and 'is not in the lab' in err, err)
    status, out, err = lab('up')
    report('second-up-is-refused', status == 2 and 'running already' in err, out + err)


def down(name):
    status, out, err = lab('down')
    left = remains()
    report(name, status == 0 and not left, f'{left} {out}{err}')


TOLD = {'apiserver': 'the API server does not run', 'relay': 'the relay does not run',
        'kubelet': 'the kubelet does not run', 'agent': 'node-1: its agent does not run'}


def killed(what):
    """A lab one of whose processes died; what was in force stays."""
    status, out, err = lab('up', '--nodes', '1')
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
    status, out, err = lab('status')
    report(f'killed/{what}-is-told', status == 1 and TOLD[what] in out, out + err)
    status, out, err = run(WEIR, 'lab', 'delete', '--name', LAB, '-f', '-', text=DENY, timeout=90)
    report(f'killed/{what}-change-is-an-error', status == 2 and 'lab status' in err, out + err)
    down(f'killed/{what}-down')


def sanitizers():
    logs = ''.join(pathlib.Path(FOLDER, name).read_text(encoding='utf-8', errors='replace')
                   for name in os.listdir(FOLDER) if name.endswith('.log'))
    report('no-sanitizer-errors', 'Sanitizer' not in logs and 'runtime error' not in logs, logs)


def kubectl_minor():
    """The 32 of kubectl 1.32."""
    text = subprocess.run([PROGRAM, 'version', '--client', '-o', 'json'], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, timeout=60, check=False).stdout
    return int(re.match(r'\d+', json.loads(text)['clientVersion']['minor']).group(0))


def every_way(db, folder):
    """Sessions by each kubectl there is: before 1.30 they are SPDY, later WebSocket."""
    global PROGRAM
    for PROGRAM in ['kubectl', *[p for p in os.environ.get('WEIR_KUBECTL', '').split(':') if p]]:
        what = f'1.{kubectl_minor()}/' if PROGRAM != 'kubectl' else ''
        sessions(what)
        copies(folder, what)
        logs(db, what)
        forwards(what)
        runs(db, what)
    PROGRAM = 'kubectl'


def main():
    for program in 'kubectl', 'nc', 'ping', 'ip', 'nft':
        if not shutil.which(program) and not os.path.exists(f'/usr/sbin/{program}'):
            print(f'skip kubectl {program} is not installed')
            return 0
    if os.geteuid():
        print('skip kubectl needs root')
        return 0
    lab('down')
    folder = tempfile.mkdtemp(prefix='weir-kubectl-')
    os.environ['KUBECACHEDIR'] = folder
    try:
        if up():
            db = first_steps()
            every_way(db, folder)
            policies(db, folder)
            labels(db)
            workloads()
            unreadable()
            beside_the_lab(folder)
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
