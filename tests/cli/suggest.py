#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Suggestions proved: suggest.py WEIR

In random clusters, for denied connections, what `weir explain --suggest` says is
put into the manifests by hand, one suggestion after the other: a new policy as a
document more, other lines below the line that is named. Each time the API
server must accept the file, the connection must be allowed in that direction,
and `weir diff` must find exactly what was said to be opened, and nothing closed.
The same in clusters with policies of the Admin and Baseline tiers, where there
may be no suggestion, but then a note must say why.
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


def apply(text, suggestions):
    """All of them; line numbers are those of the text as it was."""
    lines = text.splitlines(True)
    for s in sorted(suggestions, key=lambda s: -s.get('belowLine', 0)):
        lines.insert(s.get('belowLine', len(lines)), s['yaml'] if 'belowLine' in s else '---\n' + s['yaml'])
    return ''.join(lines)


def flat(r, text):
    """Some labels of one line in flow style, as people write them, too."""
    out = []
    lines = text.splitlines(True)
    while lines:
        line = lines.pop(0)
        if line.strip() == 'matchLabels:' and r.random() < .5:
            depth, inside = len(line) - len(line.lstrip()), []
            while lines and len(lines[0]) - len(lines[0].lstrip()) > depth:
                inside.append(lines.pop(0).strip())
            line = line.rstrip('\n') + ' {' + ', '.join(inside) + '}\n'
        out.append(line)
    return ''.join(out)


def one_step(texts, files, args, s):
    """What is wrong with one suggestion; None: nothing."""
    pathlib.Path(files[0]).write_text(texts[0], encoding='utf-8')
    pathlib.Path(files[1]).write_text(texts[1], encoding='utf-8')
    if any(d['accepted'] is False for d in weir('validate', '-f', files[1], '-o', 'json')['documents']):
        return f'the API server would refuse it:\n{texts[1]}'
    now = weir('explain', '-f', files[1], *args, '-o', 'json')
    if now[s['direction']]['verdict'] != 'allow':
        return f'it does not help:\n{s}'
    changes = weir('diff', '-f', files[0], '--to', files[1], '-o', 'json')['connections']
    if any(c['change'] == 'removed' for c in changes):
        return f'it denies what was allowed:\n{s}'
    opened = sorted(f'{c["src"]} -> {c["dst"]} {c["after"]}' + (f' (was {c["before"]})' if c['before'] else '')
                    for c in changes)
    if len(opened) != s['opensCount'] or opened != sorted(s['opens']):
        return f'it opens {opened}, said {s["opens"]}'
    return None


def check(text, before, after, args):
    """What is wrong with the suggestions for one connection; None: nothing. And their number."""
    pathlib.Path(before).write_text(text, encoding='utf-8')
    answer = weir('explain', '-f', before, *args, '--suggest', '-o', 'json')
    if answer['verdict'] == 'allow':
        return None, 0
    all_of_them = answer['suggestions']
    for i, s in enumerate(all_of_them):
        wrong = one_step((apply(text, all_of_them[:i]), apply(text, all_of_them[:i + 1])), (before, after), args, s)
        if wrong:
            return wrong, 0
    denied = [d for d in ('egress', 'ingress') if answer[d]['verdict'] == 'deny']
    notes = [n['direction'] for n in answer.get('notes', [])]
    by_tier = [d for d in denied if answer[d]['reason'].startswith('denied by ')]
    if notes != by_tier:
        return f'{by_tier} are denied by tiers, notes {notes}', 0
    if [s['direction'] for s in all_of_them] != denied and notes:
        return None, len(all_of_them)
    if [s['direction'] for s in all_of_them] != denied:
        return f'{denied} deny, suggestions {all_of_them}', 0
    if weir('explain', '-f', after, *args, '-o', 'json')['verdict'] != 'allow':
        return f'all together do not help: {all_of_them}', 0
    return None, len(all_of_them)


def cluster_peer(r, side):
    if side == 'to' and r.random() < .3:
        return {'networks': [r.choice(['10.0.0.0/8', '10.0.1.0/24', '0.0.0.0/0'])]}
    if r.random() < .5:
        return {'namespaces': {'matchLabels': {'team': r.choice('ab')}} if r.random() < .7 else {}}
    return {'pods': {'namespaceSelector': {}, 'podSelector': proof.selector(r)}}


def cluster_rule(r, side, old, baseline):
    actions = ['Deny', 'Deny', 'Allow' if old else 'Accept']
    out = {'action': r.choice(actions if old and baseline else actions + ['Pass']),
           side: [cluster_peer(r, side) for _ in range(r.randint(1, 2))]}
    if r.random() < .3:
        port = r.choice([80, 8081])
        out.update({'ports': [{'portNumber': {'protocol': 'TCP', 'port': port}}]} if old else
                   {'protocols': [{'tcp': {'destinationPort': {'number': port}}}]})
    return out


def cluster_policies(seed):
    r = random.Random(seed)
    for i in range(r.randint(1, 3)):
        old, baseline = r.random() < .4, r.random() < .5
        version = 'v1alpha1' if old else 'v1alpha2'
        kind = 'ClusterNetworkPolicy' if not old else 'BaselineAdminNetworkPolicy' if baseline else 'AdminNetworkPolicy'
        name = 'default' if old and baseline else f'c{i}'
        spec = {} if old else {'tier': 'Baseline' if baseline else 'Admin'}
        if not (old and baseline):
            spec['priority'] = r.randint(0, 9)
        spec['subject'] = {'namespaces': {'matchLabels': {'team': r.choice('ab')}} if r.random() < .5 else {}}
        for field, side in (('ingress', 'from'), ('egress', 'to')):
            if r.random() < .7:
                spec[field] = [cluster_rule(r, side, old, baseline) for _ in range(r.randint(1, 3))]
        yield {'apiVersion': f'policy.networking.k8s.io/{version}', 'kind': kind, 'metadata': {'name': name},
               'spec': spec}


# where this applies, a NetworkPolicy takes nothing away
CLOSED = {'apiVersion': 'policy.networking.k8s.io/v1alpha2', 'kind': 'ClusterNetworkPolicy',
          'metadata': {'name': 'closed'},
          'spec': {'tier': 'Baseline', 'priority': 100, 'subject': {'namespaces': {}}, 'egress': [
              {'action': 'Deny', 'to': [{'namespaces': {}}, {'networks': ['0.0.0.0/0', '::/0']}]}]}}


def with_tiers(seed):
    """A cluster with few NetworkPolicies and some cluster-wide ones, each name once."""
    items = [i for i in proof.cluster(seed) if i['kind'] != 'NetworkPolicy' or i['metadata']['name'] == 'n0']
    names = set()
    for p in cluster_policies(seed):
        if (p['kind'], p['metadata']['name']) not in names:
            items.append(p)
        names.add((p['kind'], p['metadata']['name']))
    return items + [CLOSED] if seed % 2 else items


def ask(folder, seed, items):
    """Asks about some connections; the number of suggestions that held."""
    before, after = os.path.join(folder, 'before.yaml'), os.path.join(folder, 'after.yaml')
    text = ''.join('---\n' + '\n'.join(block(i)) + '\n' for i in items)
    pods = [f'{i["metadata"]["namespace"]}/{i["metadata"]["name"]}' for i in items if i['kind'] == 'Pod']
    r = random.Random(seed)
    text = flat(r, text)
    total = 0
    for _ in range(ASKED):
        a, b = r.sample(pods, 2)
        if r.random() < .2:
            a = f'{r.choice(["10.0.0", "10.9.9", "192.0.2"])}.{r.randint(100, 200)}'
        wrong, n = check(text, before, after, ['--from', a, '--to', b, '--port', r.choice(['80', '8081'])])
        total += n
        if wrong:
            result(f'seed-{seed}/{a}-{b}', False, wrong)
    return total


def main():
    with tempfile.TemporaryDirectory() as folder:
        total = sum(ask(folder, seed, proof.cluster(seed)) for seed in range(1000, 1000 + SEEDS))
        tiers = sum(ask(folder, seed, with_tiers(seed)) for seed in range(2000, 2000 + SEEDS))
    result(f'{total}-suggestions-hold', total > 30 and not failed, 'too few, or see above')
    result(f'{tiers}-suggestions-with-tiers-hold', tiers > 30 and not failed, 'too few, or see above')
    return 1 if failed else 0


if __name__ == '__main__':
    WEIR = os.path.abspath(sys.argv[1])
    sys.exit(main())
