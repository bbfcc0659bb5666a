#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The examples of docs/lint.md: run.py WEIR

For every rule that weir knows there must be a section with a wrong example,
which the rule reports, and a right one, which it does not. Where the finding
has a fix, the fixed text must parse and be free of it, its comments must be
those from before, and without findings to mend --fix must print the input
byte for byte. In the end the recorded cases of lint-cases.tsv, where they are
at hand: each policy gets a finding other than `invalid`.
"""
import csv
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CORPUS = ROOT.parent / 'shared' / 'corpus' / 'real-world'
failed = 0


def result(ok, name, why=''):
    global failed
    failed += not ok
    print(f'ok {name}' if ok else f'FAIL {name}: {why}')


def weir(*args, text=None):
    p = subprocess.run([WEIR, 'lint', '--no-config', *args], input=text, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, timeout=60, check=False)
    if p.returncode not in (0, 1) or b'Sanitizer' in p.stderr or b'runtime error' in p.stderr:
        raise RuntimeError(f'weir lint: exit status {p.returncode}: {p.stderr.decode()}')
    return p.stdout


def findings(text, *args):
    return json.loads(weir('-f', '-', '-o', 'json', '--strict', *args, text=text.encode()))['findings']


def comments(text):
    return re.findall(r'#.*', text)


def sections(text):
    for part in re.split(r'^## ', text, flags=re.M)[1:]:
        rule = part.split('\n', 1)[0].strip()
        blocks = re.findall(r'^(Wrong|Right):\n\n```yaml\n(.*?)^```$', part, re.M | re.S)
        yield rule, [t for k, t in blocks if k == 'Wrong'], [t for k, t in blocks if k == 'Right']


def check_fix(rule, text):
    fixed = weir('-f', '-', '--strict', '--fix', text=text.encode()).decode()
    left = [f for f in findings(fixed) if f['rule'] == rule and f['fixable']]
    result(not left, f'{rule}/fixed', f'still there after --fix: {left}\n{fixed}')
    result(comments(text) == comments(fixed), f'{rule}/fix-keeps-comments', fixed)


def check_section(rule, wrong, right):
    for text in wrong:
        mine = [f for f in findings(text) if f['rule'] == rule]
        result(bool(mine), f'{rule}/wrong', f'not reported; found {[f["rule"] for f in findings(text)]}')
        result(all(f['line'] and f['message'] for f in mine), f'{rule}/place', str(mine))
        off = [f for f in findings(text, '--rule', f'{rule}=off') if f['rule'] == rule]
        result(not off, f'{rule}/off', 'reported although it is off')
        lines = text.splitlines(True)
        for n in sorted({f['line'] for f in mine}, reverse=True):
            lines[n - 1] = lines[n - 1].rstrip('\n') + f' # weir:ignore {rule} it is meant\n'
        silenced = [f for f in findings(''.join(lines)) if f['rule'] == rule]
        result(not silenced, f'{rule}/silenced', f'a comment does not silence it: {silenced}')
        if any(f['fixable'] for f in mine):
            check_fix(rule, text)
    for text in right:
        mine = [f for f in findings(text) if f['rule'] == rule]
        result(not mine, f'{rule}/right', f'reported: {mine}')
        if not any(f['fixable'] for f in findings(text)):
            same = weir('-f', '-', '--strict', '--fix', text=text.encode()).decode()
            result(same == text, f'{rule}/nothing-to-fix', f'changed:\n{same}')


def check_cases():
    cases = CORPUS / 'lint-cases.tsv'
    if not cases.exists():
        print('skip recorded-cases: the recorded files are not there')
        return
    with open(cases, encoding='utf-8') as f:
        rows = list(csv.DictReader(f, delimiter='\t', quoting=csv.QUOTE_NONE))
    for row in rows:
        out = json.loads(weir('-f', str(CORPUS / row['file']), '-o', 'json'))['findings']
        # an object that is refused, or lost, has no name in its finding
        names = (f'/{row["policy"]}', f' {row["policy"]}')
        mine = [f for f in out if f['rule'] != 'invalid' and
                ((f['object'] or '').endswith(names) or not f['object'])]
        result(bool(mine), f'recorded/{row["file"][-40:]}/{row["policy"]}'.replace(' ', '-'), row['reason'])


def main():
    listed = weir('--rules').decode().splitlines()[1:]
    rules = {line.split()[0] for line in listed}
    seen = set()
    for rule, wrong, right in sections((ROOT / 'docs' / 'lint.md').read_text(encoding='utf-8')):
        result(rule in rules, f'{rule}/exists', 'weir lint --rules does not list it')
        result(bool(wrong and right), f'{rule}/has-examples', 'a wrong and a right one are needed')
        seen.add(rule)
        check_section(rule, wrong, right)
    for rule in sorted(rules - seen):
        result(False, f'{rule}/documented', 'docs/lint.md has no section for it')
    check_cases()
    return 1 if failed else 0


if __name__ == '__main__':
    WEIR = os.path.abspath(sys.argv[1])
    sys.exit(main())
