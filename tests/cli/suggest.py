#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Suggestions proved: suggest.py WEIR

In random clusters, for denied connections, what `weir explain --suggest` says is
put into the manifests by hand: a new policy as a document more, other lines
below the line that is named. Then the connection must be allowed in the
directions for which there was a suggestion, the file must validate, and
`weir diff` must find exactly the connections that were said to be opened.
"""
import importlib.util
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
spec = importlib.util.spec_from_file_location('proof', HERE / 'proof.py')
proof = importlib.util.module_from_spec(spec)
spec.loader.exec_module(proof)
SEEDS, ASKED = 40, 6
failed = 0


def result(name, ok, why=''):
    global failed
    failed += not ok
    print(f'ok {name}' if ok else f'FAIL {name}: {why}')


def weir(*args):
    p = subprocess.run([WEIR, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120,
                       check=False)
    if p.returncode not in (0, 1):
        raise RuntimeError(f'{args}: {p.stderr.decode()}')
    return json.loads(p.stdout)


def block(value, indent=0):
    """A value as YAML in block style, as people write it."""
    pad = ' ' * indent
    if isinstance(value, dict) and value:
        for k, v in value.items():
            if isinstance(v, (dict, list)) and v:
                yield f'{pad}{k}:'
                yield from block(v, indent + (0 if isinstance(v, list) else 2))
            else:
                yield f'{pad}{k}: {json.dumps(v)}'
    elif isinstance(value, list) and value:
        for v in value:
            lines = list(block(v, indent + 2)) if isinstance(v, (dict, list)) and v else [f'{pad}  {json.dumps(v)}']
            yield pad + '- ' + lines[0][indent + 2:]
            yield from lines[1:]
    else:
        yield pad + json.dumps(value)


def apply(text, suggestion):
    if 'belowLine' not in suggestion:
        return text + '---\n' + suggestion['yaml']
    lines = text.splitlines(True)
    lines.insert(suggestion['belowLine'], suggestion['yaml'])
    return ''.join(lines)


def check(seed, before, after, a, b):
    """What is wrong with the suggestions for one connection; None: nothing. And their number."""
    args = ['--from', a, '--to', b, '--port', '80']
    answer = weir('explain', '-f', before, *args, '--suggest', '-o', 'json')
    if answer['verdict'] == 'allow':
        return None, 0
    text = pathlib.Path(before).read_text(encoding='utf-8')
    for s in answer['suggestions']:
        changed = apply(text, s)
        pathlib.Path(after).write_text(changed, encoding='utf-8')
        if any(d['accepted'] is False for d in weir('validate', '-f', after, '-o', 'json')['documents']):
            return f'the API server would refuse it:\n{changed}', 0
        now = weir('explain', '-f', after, *args, '-o', 'json')
        if now[s['direction']]['verdict'] != 'allow':
            return f'it does not help:\n{s}', 0
        opened = {f'{c["src"]} -> {c["dst"]}' for c in
                  weir('diff', '-f', before, '--to', after, '-o', 'json')['connections']}
        said = {o.split(' (was ')[0].rsplit(' -> ', 1)[0] + ' -> ' + o.split(' -> ')[1].split(' ')[0]
                for o in s['opens']}
        # ranges that are cut anew have other names before and after
        inside = {o for o in opened if '[External]' not in o}
        if len(s['opens']) < 20 and inside != {o for o in said if '[External]' not in o}:
            return f'it opens {sorted(inside)}, said {sorted(said)}', 0
    denied = [d for d in ('egress', 'ingress') if answer[d]['verdict'] == 'deny']
    if len(answer['suggestions']) != len(denied):
        return f'{len(denied)} directions deny, {len(answer["suggestions"])} suggestions', 0
    return None, len(answer['suggestions'])


def main():
    total = 0
    with tempfile.TemporaryDirectory() as folder:
        before, after = os.path.join(folder, 'before.yaml'), os.path.join(folder, 'after.yaml')
        for seed in range(1000, 1000 + SEEDS):
            items = proof.cluster(seed)
            text = ''.join('---\n' + '\n'.join(block(i)) + '\n' for i in items)
            pathlib.Path(before).write_text(text, encoding='utf-8')
            pods = [f'{i["metadata"]["namespace"]}/{i["metadata"]["name"]}' for i in items if i['kind'] == 'Pod']
            r = random.Random(seed)
            for _ in range(ASKED):
                a, b = r.sample(pods, 2)
                wrong, n = check(seed, before, after, a, b)
                total += n
                if wrong:
                    result(f'seed-{seed}/{a}-{b}', False, wrong)
    result(f'{total}-suggestions-hold', total > 30 and not failed, 'too few, or see above')
    return 1 if failed else 0


if __name__ == '__main__':
    WEIR = os.path.abspath(sys.argv[1])
    sys.exit(main())
