#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The recipes, the tutorial and Services in the lab, with packets: recipes.py [WEIR]"""
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent
WEIR = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / 'build/weir')
LAB = 'recipes'

SERVICES = """
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: a, labels: {app: client}}
spec: {nodeName: node-1, containers: [{name: c, ports: [{containerPort: 7000}]}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: b}
spec:
  replicas: 3
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, ports: [{name: http, containerPort: 8080}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: lone, namespace: b, labels: {app: lone}}
spec: {nodeName: node-2, containers: [{name: c, ports: [{name: http, containerPort: 9090}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: b}
spec:
  type: NodePort
  selector: {app: web}
  ports: [{port: 80, targetPort: http, nodePort: 30080}]
---
apiVersion: v1
kind: Service
metadata: {name: lone, namespace: b}
spec: {selector: {app: lone}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: lone, namespace: b}
spec:
  podSelector: {matchLabels: {app: lone}}
  policyTypes: [Ingress, Egress]
"""

failed = 0


def report(name, wrong):
    global failed
    failed += bool(wrong)
    print(f'FAIL {name} {wrong}' if wrong else f'ok {name}', flush=True)


def weir(*args, text=None):
    return subprocess.run([WEIR, 'lab', args[0], '--name', LAB, *args[1:]], capture_output=True,
                          text=True, input=text, timeout=120)


def up(*args, text=None):
    weir('down')
    done = weir('up', *args, '--nodes', '2', '--outside', '203.0.113.10=client.example',
                '--outside', '203.0.113.200=guest.example', '--outside', '2001:db8::10',
                '--outside', '169.254.169.254=metadata.example', text=text)
    return None if done.returncode == 0 else f'up: {done.stderr.strip()[:300]}'


def run(pod, *argv):
    done = weir('exec', pod, '--', *argv)
    return done.stdout.strip()


def recipe(folder):
    flows = [json.loads(line) for line in (folder / 'flows.jsonl').read_text().splitlines()]
    asked = ''.join(json.dumps({k: v for k, v in f.items() if k != 'verdict'}) + '\n' for f in flows)
    wrong = up('-f', str(folder / 'cluster.yaml'), '-f', str(folder / 'policy.yaml'))
    if wrong:
        return wrong
    done = weir('probe', '--flows', '-', '-o', 'json', text=asked)
    got = [json.loads(line) for line in done.stdout.splitlines()]
    bad = [g for f, g in zip(flows, got)
           if not g['expected'] == g['observed'] == f['verdict']]
    if len(got) != len(flows):
        return f'{len(got)} of {len(flows)} answers: {done.stderr.strip()[:300]}'
    return json.dumps(bad[0]) if bad else None


def nc(pod, address, port):
    return run(pod, 'nc', '-w1', address, str(port))


def services():
    wrong = up('-f', '-', text=SERVICES)
    report('services-up', wrong)
    if wrong:
        return
    answers = {nc('a/client', 'web.b', 80).split(' ')[0] for _ in range(12)}
    report('cluster-ip-by-name', None if len(answers) > 1 and all(a.startswith('web-') for a in answers)
           else f'answers from {answers}')
    client = json.loads(weir('get', 'pods', '-o', 'json').stdout)['items']
    ip = {p['metadata']['name']: p['status']['podIP'] for p in client}
    answer = nc('a/client', 'web.b', 80)
    report('cluster-ip-keeps-the-client', None if answer.endswith(ip['client']) else answer)
    for node in ('192.168.77.11', '192.168.77.12'):
        answer = nc('a/client', node, 30080)
        report(f'node-port-{node}', None if answer.startswith('web-') else repr(answer))
        done = weir('probe', '--from', '203.0.113.10', '--to', node, '--port', '30080', '-o', 'json')
        got = json.loads(done.stdout or '{}')
        report(f'node-port-{node}-from-outside',
               None if got.get('observed') == 'allow' and 'web-' in got.get('reply', '') else done.stdout)
    answer = nc('b/lone', 'lone.b', 80)
    report('isolated-pod-has-no-dns', None if not answer else answer)
    rows = [line.split() for line in weir('get', 'services').stdout.splitlines()]
    column = rows[0].index('CLUSTER-IP')
    cluster_ip = next((r[column] for r in rows if r[:2] == ['b', 'lone']), None)
    answer = nc('b/lone', cluster_ip, 80)
    report('hairpin-through-its-own-service', None if answer.startswith('lone ') else repr(answer))
    answer = nc('a/client', cluster_ip, 80)
    report('isolated-pod-behind-its-service', None if not answer else answer)
    answer = nc('a/client', '203.0.113.10', 80)
    report('masquerade', None if answer.endswith('192.168.77.11') else repr(answer))
    answer = run('a/client', 'nslookup', '-timeout=2', 'nothing.example')
    report('dns-other-names-do-not-exist', None if 'NXDOMAIN' in answer else answer[:200])
    report('dns-outside', None if nc('a/client', 'client.example', 80) else 'no answer')


def main():
    if os.geteuid():
        print('skip recipes needs root')
        return 0
    try:
        for folder in sorted((ROOT / 'examples/recipes').iterdir()):
            report(folder.name, recipe(folder))
        services()
    finally:
        weir('down')
    done = subprocess.run([str(ROOT / 'examples/demo.py'), WEIR], capture_output=True, text=True,
                          timeout=180)
    pages = subprocess.run([str(ROOT / 'tests/examples/pages.py'), WEIR, '--lab'],
                           capture_output=True, text=True, timeout=180)
    bad = [line for line in pages.stdout.splitlines() if line.startswith('FAIL')]
    report('pages', '; '.join(bad) or (pages.stderr[-300:] if pages.returncode else None))
    report('demonstration', None if done.returncode == 0 else done.stdout[-300:] + done.stderr[-300:])
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
