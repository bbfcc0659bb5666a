#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every rule of scripts/check-style.py can fail, and a clean tree passes.

bad/RULE-words/ is a small tree that breaks that rule; good/ breaks none.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
CHECK = HERE.parent.parent / 'scripts' / 'check-style.py'


def check(tree):
    return subprocess.run([sys.executable, str(CHECK), '--root', str(tree)],
                          capture_output=True, text=True, timeout=60)


def main():
    failed = 0

    def report(name, good, done):
        nonlocal failed
        print(f'ok style/{name}' if good else f'FAIL style/{name}\n{done.stdout}{done.stderr}')
        failed += not good

    done = check(HERE / 'good')
    report('good', done.returncode == 0 and not done.stdout, done)
    covered = set()
    with tempfile.TemporaryDirectory() as folder:  # too long to keep
        tree = pathlib.Path(folder) / 'S6-long-file'
        (tree / 'src/base').mkdir(parents=True)
        (tree / 'src/base/long.h').write_text(
            '/* SPDX-License-Identifier: Apache-2.0 */\n#pragma once\n' + 'extern int wr_a;\n' * 799)
        done = check(tree)
        report(tree.name, done.returncode == 1 and ': S6: ' in done.stdout, done)
        covered.add('S6')
    for tree in sorted((HERE / 'bad').iterdir()):
        rule = tree.name.split('-')[0]
        done = check(tree)
        if f'{rule} passed over' in done.stderr:
            print(f'skip style/{tree.name} {done.stderr.strip()}')
            covered.add(rule)
            continue
        hit = re.search(rf'^\S+:\d+: {rule}: ', done.stdout, re.M)
        report(tree.name, done.returncode == 1 and hit, done)
        covered.add(rule)
    rules = set(re.findall(r"add\('(S\d+)'", CHECK.read_text(encoding='utf-8')))
    # S16 is clang-tidy, which has tests of its own
    missing = sorted(rules - covered - {'S16'})
    print(f'FAIL style/coverage no bad sample for {missing}' if missing else 'ok style/coverage')
    return 1 if failed or missing else 0


if __name__ == '__main__':
    sys.exit(main())
