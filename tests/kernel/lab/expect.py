#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of policies by real packets: expect.py WEIR

`weir test --lab` in a lab of its own: what holds, what does not (and then says
so with the reason), and what packets cannot try.
"""
import json
import os
import subprocess
import sys
import tempfile

WEIR = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else 'build/weir')
LAB = 'texp%d' % (os.getpid() % 100000)
failed = 0

CLUSTER = '''
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: c, ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {containers: [{name: c, ports: [{name: sql, containerPort: 5432}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: tool, namespace: utils}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {selector: {app: db}, ports: [{port: 1000, targetPort: sql}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
    ports: [{port: 5432}]
'''
TESTS = '''
tests:
- {name: passes, from: shop/web, to: shop/db, port: sql, expect: allow}
- {name: service, from: shop/web, to: shop/service/db, port: 1000, expect: allow}
- {name: nobody else, to: shop/db, port: 5432, only: [shop/web, outside]}
- {name: wrong, from: utils/tool, to: shop/db, port: 5432, expect: allow}
- {name: sctp, from: utils/tool, to: shop/db, port: 5432, protocol: SCTP, expect: deny}
'''


def result(name, ok, why=''):
    global failed
    failed += not ok
    print(f'ok {name}' if ok else f'FAIL {name}: {why}')


def weir(*args):
    p = subprocess.run([WEIR, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120,
                       check=False)
    return p.returncode, p.stdout.decode(), p.stderr.decode()


def main():
    with tempfile.TemporaryDirectory() as folder:
        cluster, tests = os.path.join(folder, 'cluster.yaml'), os.path.join(folder, 'tests.yaml')
        for path, text in ((cluster, CLUSTER), (tests, TESTS)):
            with open(path, 'w', encoding='utf-8') as f:
                f.write(text)
        status, out, err = weir('lab', 'up', '-f', cluster, '--nodes', '2', '--name', LAB)
        if status:
            result('up', False, out + err)
            return 1
        try:
            status, out, err = weir('test', '--lab', LAB, tests, '-o', 'json')
            got = {t['name']: t for t in json.loads(out)['tests']} if status in (0, 1) else {}
            result('exit-status', status == 1, f'{status} {out} {err}')
            for name in ('passes', 'service', 'nobody else'):
                t = got.get(name, {})
                result(name.replace(' ', '-'), t.get('passed') and t['checked'] > 0, f'{t} {err}')
            wrong = got.get('wrong', {})
            result('wrong', wrong.get('failed') == 1 and 'shop/db' in wrong['failures'][0]['reason'], f'{wrong}')
            sctp = got.get('sctp', {})
            result('sctp-is-skipped', sctp.get('checked') == 0 and sctp.get('skipped') == 1, f'{sctp}')
            status, out, err = weir('test', '--lab', LAB, tests, '--filter', 'sctp')
            result('skip-is-said', out.startswith('skip sctp'), out)
        finally:
            weir('lab', 'down', '--name', LAB)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
