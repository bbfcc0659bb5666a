#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Generated tests: generate.py WEIR. What --generate writes passes against the same
manifests; a policy that is taken away makes some of it fail whenever it denied
anything; and the JUnit report is XML that counts right."""
import glob
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
failed = 0


def result(name, ok, why=''):
    global failed
    failed += not ok
    print(f'ok {name}' if ok else f'FAIL {name}: {why}')


def weir(*args, text=None):
    p = subprocess.run([WEIR, *args], input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       timeout=120, check=False, text=True)
    return p.returncode, p.stdout, p.stderr


def manifests():
    yield from sorted(glob.glob(str(ROOT / 'examples/recipes/*')))
    for name in ('shop', 'ports', 'dual', 'subtle', 'lint', 'ingress', 'clusterwide', 'closed', 'failclosed'):
        yield str(ROOT / f'tests/golden/input/{name}.yaml')
    yield from sorted(glob.glob(str(ROOT.parent / 'shared/corpus/connectivity/*/manifests')))[::5]
    yield from sorted(glob.glob(str(ROOT.parent / 'shared/corpus/tiers/*/manifests')))[::9]


def check_generated(path, folder):
    name = path.removesuffix('/manifests').split('/')[-1]
    status, tests, err = weir('test', '-f', path, '--generate')
    if status == 2:
        return  # manifests that weir refuses
    file = os.path.join(folder, 'tests.yaml')
    pathlib.Path(file).write_text(tests, encoding='utf-8')
    if 'tests: []' in tests:
        return
    status, out, err = weir('test', '-f', path, file, '-o', 'json')
    ok = status == 0 and json.loads(out)['failed'] == 0 and json.loads(out)['passed'] == tests.count('- name:')
    result(f'{name}/passes', ok, f'{status} {err} {out[-600:]}')


def check_removed(folder, name):
    """Without all policies the generated tests for what must not pass fail."""
    path = ROOT / f'tests/golden/input/{name}.yaml'
    _, tests, _ = weir('test', '-f', str(path), '--generate')
    file = os.path.join(folder, 'tests.yaml')
    pathlib.Path(file).write_text(tests, encoding='utf-8')
    documents = path.read_text(encoding='utf-8').split('\n---\n')
    bare = '\n---\n'.join(d for d in documents if not re.search('^kind: .*NetworkPolicy$', d, re.M))
    status, out, err = weir('test', '-f', '-', file, '-o', 'json', text=bare)
    got = json.loads(out) if status in (0, 1) else {'failed': -1}
    result(f'{name}/without-policies', got['failed'] == tests.count('expect: deny') > 3,
           f'{status} {err} {out[:300]}')


def check_junit():
    base = ROOT / 'tests/golden/input'
    status, out, _ = weir('test', '-f', str(base / 'shop.yaml'), str(base / 'shop.tests.yaml'), '-o', 'junit')
    root = ET.fromstring(out)
    cases = root.findall('./testsuite/testcase')
    broken = [c for c in cases if c.find('failure') is not None]
    result('junit', status == 1 and root.get('tests') == str(len(cases)) == '5' and
           root.get('failures') == str(len(broken)) == '1', out)


def main():
    with tempfile.TemporaryDirectory() as folder:
        for path in manifests():
            check_generated(path, folder)
        check_removed(folder, 'shop')
        check_removed(folder, 'clusterwide')
    check_junit()
    return 1 if failed else 0


if __name__ == '__main__':
    WEIR = os.path.abspath(sys.argv[1])
    sys.exit(main())
