#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""weir datapath on what a lab has loaded: datapath.py WEIR

Prints "ok NAME" or "FAIL NAME: why" for each thing tried.
"""
import json
import os
import pathlib
import subprocess
import sys

MANIFESTS = pathlib.Path(__file__).resolve().parents[2] / 'golden/input/shop.yaml'
LAB = f'clidp{os.getpid()}'
FAILED = []


def run(*args):
    return subprocess.run([sys.argv[1], *args], capture_output=True, text=True, timeout=120,
                          check=False)


def check(name, good, why=''):
    print(f'ok   {name}' if good else f'FAIL {name}: {why}', flush=True)
    if not good:
        FAILED.append(name)


def loaded(pins):
    done = run('datapath', 'status', '--pin-dir', pins, '-o', 'json')
    check('status', done.returncode == 0, done.stderr)
    status = json.loads(done.stdout or '{}')
    check('status/hooks', status.get('hooks') == 6, status)
    check('status/generation', status.get('generation', 0) >= 1, status)
    check('status/counters', 'denied' in status.get('counters', {}), status)
    text = run('datapath', 'status', '--pin-dir', pins).stdout
    check('status/text', 'hooks attached    6 of 6' in text, text)
    done = run('datapath', 'dump', '--pin-dir', pins, '-o', 'json')
    rows = json.loads(done.stdout or '[]')
    pods = [r for r in rows if 'pod' in r['flags'] and 'local' in r['flags']]
    check('dump/pods', len(pods) >= 8, rows)  # 4 pods of the manifests, both families
    check('dump/isolated', any(r['ingressRow'] for r in pods), rows)
    check('dump/except', any(r['address'] == '10.1.0.0/16' for r in rows), rows)
    check('dump/size', status.get('addresses', 0) + status.get('prefixes', 0) == len(rows),
          (status, len(rows)))
    table = run('datapath', 'dump', '--pin-dir', pins).stdout.splitlines()
    check('dump/table', len(table) == len(rows) + 1, table[:3])


def detached(pins):
    done = run('datapath', 'detach', '--pin-dir', pins, '-o', 'json')
    check('detach', done.returncode == 0 and json.loads(done.stdout or '{}').get('detached'),
          done.stderr)
    done = run('datapath', 'status', '--pin-dir', pins)
    check('detach/status', done.returncode == 2 and 'no datapath is loaded' in done.stderr,
          done.stderr)
    done = run('datapath', 'dump', '--pin-dir', pins)
    check('detach/dump', done.returncode == 2 and not done.stdout, done.stdout)
    check('detach/again', run('datapath', 'detach', '--pin-dir', pins).returncode == 0)


def main():
    version = run('version', '-o', 'json')
    features = json.loads(version.stdout or '{}')
    check('version', version.returncode == 0 and features.get('features'), version.stderr)
    if not features.get('datapath'):
        lacks = [f['name'] for f in features.get('features', []) if not f['found']]
        print(f'skip datapath: this kernel lacks {", ".join(lacks)}')
        return 1 if FAILED else 0
    try:
        up = run('lab', 'up', '-f', str(MANIFESTS), '--name', LAB)
        check('up', up.returncode == 0, up.stderr)
        status = json.loads(run('lab', 'status', '--name', LAB, '-o', 'json').stdout or '{}')
        pins = status['nodes'][0]['pinDir']
        loaded(pins)
        detached(pins)
    finally:
        run('lab', 'down', '--name', LAB)
    return 1 if FAILED else 0


if __name__ == '__main__':
    sys.exit(main())
