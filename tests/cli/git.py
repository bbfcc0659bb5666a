#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""weir diff on revisions of a git repository that this makes: run.py WEIR"""
import os
import shutil
import subprocess
import sys
import tempfile

POLICY = '''apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p}
spec:
  podSelector: {}
  ingress:
  - ports: [{port: %d}]
---
apiVersion: v1
kind: Pod
metadata: {name: a}
---
apiVersion: v1
kind: Pod
metadata: {name: b}
'''
failed = 0


def result(name, ok, why):
    global failed
    failed += not ok
    print(f'ok {name}' if ok else f'FAIL {name}: {why}')


def weir(folder, *args):
    p = subprocess.run([WEIR, 'diff', *args], cwd=folder, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, timeout=60, check=False)
    return p.returncode, p.stdout.decode(), p.stderr.decode()


def git(folder, *args):
    subprocess.run(['git', '-c', 'user.name=t', '-c', 'user.email=t@example.org', *args], cwd=folder,
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main():
    if not shutil.which('git'):
        print('skip git: git is not installed')
        return 0
    with tempfile.TemporaryDirectory() as folder:
        os.makedirs(f'{folder}/k8s/deep er')
        path = f'{folder}/k8s/deep er/p.yaml'
        git(folder, 'init', '-q')
        for n, port in enumerate((80, 81)):
            with open(path, 'w', encoding='utf-8') as f:
                f.write(POLICY % port)
            with open(f'{folder}/k8s/readme.txt', 'w', encoding='utf-8') as f:
                f.write(f'no: [manifest {n}')
            git(folder, 'add', '.')
            git(folder, 'commit', '-q', '-m', f'{n}')
        status, out, err = weir(folder, '-f', 'HEAD~1:k8s', '--to', 'HEAD:k8s', '--fail-on', 'any')
        result('directory', status == 1 and 'TCP 80  =>  TCP 81' in out, f'{status} {out} {err}')
        result('place', 'HEAD:k8s/deep er/p.yaml:' in out, out)
        status, out, err = weir(folder, '-f', 'HEAD~1:k8s/deep er/p.yaml', '--to', 'k8s')
        result('file-and-worktree', status == 0 and 'TCP 80  =>  TCP 81' in out, f'{status} {out} {err}')
        status, out, err = weir(folder, '-f', 'HEAD:', '--to', 'k8s')
        result('root', status == 0 and 'no connection changes' in out, f'{status} {out} {err}')
        status, out, err = weir(folder, '-f', 'HEAD:nothing', '--to', 'k8s')
        result('missing', status == 2 and 'HEAD:nothing' in err and not out, f'{status} {out} {err}')
        status, out, err = weir(folder, '-f', 'no-such-branch:k8s', '--to', 'k8s')
        result('revision', status == 2 and 'no-such-branch' in err, f'{status} {out} {err}')
        status, out, err = weir('/', '-f', 'HEAD:k8s', '--to', path)
        result('no-repository', status == 2 and 'git' in err, f'{status} {out} {err}')
    return 1 if failed else 0


if __name__ == '__main__':
    WEIR = os.path.abspath(sys.argv[1])
    sys.exit(main())
