#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Exposure proved: exposure.py WEIR

Random policies of all tiers over pods of every combination of a few labels, in
namespaces of every label. What `weir list --exposure` claims of the ingress of a
workload must be so for every pod that has the labels and is no exception, at
every port; and every pod and port that the engine lets in must be claimed.
Claims are read back from their words.
"""
import itertools
import json
import os
import random
import re
import subprocess
import sys
import tempfile

SEEDS = 60
APPS, TIERS, TEAMS = ('a', 'b', None), ('x', None), ('r', 's', None)
PORTS = {'TCP': (80, 81, 90), 'UDP': (80,)}
failed = 0


def result(name, ok, why=''):
    global failed
    failed += not ok
    print(f'ok {name}' if ok else f'FAIL {name}: {why}')


def pods():
    for team in TEAMS:
        for app, tier in itertools.product(APPS, TIERS):
            labels = {k: v for k, v in (('app', app), ('tier', tier)) if v}
            yield f'team-{team or "none"}', f'p-{app or "none"}-{tier or "none"}'.lower(), labels, {'team': team} if team else {}


def documents():
    seen = set()
    for i, (ns, name, labels, ns_labels) in enumerate(pods()):
        if ns not in seen:
            yield {'apiVersion': 'v1', 'kind': 'Namespace', 'metadata': {'name': ns, 'labels': ns_labels}}
        seen.add(ns)
        yield {'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': name, 'namespace': ns, 'labels': labels},
               'spec': {'containers': [{'name': 'c'}]}, 'status': {'podIP': f'10.0.0.{i + 1}'}}


def selector(r, keys):
    labels = {k: r.choice([v for v in values if v]) for k, values in keys.items() if r.random() < .5}
    out = {'matchLabels': labels} if labels else {}
    if r.random() < .3:
        key = r.choice(list(keys))
        op = r.choice(['In', 'NotIn', 'Exists', 'DoesNotExist'])
        e = {'key': key, 'operator': op}
        if op in ('In', 'NotIn'):
            e['values'] = [r.choice([v for v in keys[key] if v])]
        out['matchExpressions'] = [e]
    return out


def pods_peer(r):
    return {'namespaceSelector': selector(r, {'team': TEAMS}),
            'podSelector': selector(r, {'app': APPS, 'tier': TIERS})}


def cluster_rule(r):
    peers = [{'pods': pods_peer(r)} if r.random() < .6 else {'namespaces': selector(r, {'team': TEAMS})}
             for _ in range(r.randint(1, 2))]
    out = {'action': r.choice(['Accept', 'Deny', 'Deny', 'Pass']), 'from': peers}
    if r.random() < .4:
        out['protocols'] = [r.choice([{'tcp': {'destinationPort': {'number': 80}}},
                                      {'tcp': {'destinationPort': {'range': {'start': 80, 'end': 85}}}},
                                      {'udp': {'destinationPort': {'number': 80}}}])]
    return out


def policies(r):
    for i in range(r.randint(1, 4)):
        yield {'apiVersion': 'policy.networking.k8s.io/v1alpha2', 'kind': 'ClusterNetworkPolicy',
               'metadata': {'name': f'c{i}'},
               'spec': {'tier': r.choice(['Admin', 'Admin', 'Baseline']), 'priority': i,
                        'subject': {'pods': pods_peer(r)} if r.random() < .4 else {'namespaces': {}},
                        'ingress': [cluster_rule(r) for _ in range(r.randint(1, 4))]}}
    for i in range(r.randint(0, 2)):
        peer = {'podSelector': selector(r, {'app': APPS})} if r.random() < .4 else pods_peer(r)
        rule = {'from': [peer]} if r.random() < .8 else {}
        if r.random() < .3:
            rule['ports'] = [{'port': 80}]
        yield {'apiVersion': 'networking.k8s.io/v1', 'kind': 'NetworkPolicy',
               'metadata': {'name': f'n{i}', 'namespace': r.choice(['team-r', 'team-s'])},
               'spec': {'podSelector': selector(r, {'app': APPS}), 'ingress': [rule]}}


# ---- words ----

def has(text, labels):
    """Whether labels have what a selector's text says."""
    for term in re.split(r',(?![^(]*\))', text):
        m = re.fullmatch(r'(!?)([\w./-]+)(?:(!?=)(\w*)| (in|notin) \((.*)\))?', term)
        key, value = m.group(2), labels.get(m.group(2))
        if m.group(1):
            ok = value is None
        elif m.group(3):
            ok = (value == m.group(4)) == (m.group(3) == '=')
        elif m.group(5):
            ok = (value in m.group(6).split(',')) == (m.group(5) == 'in')
        else:
            ok = value is not None
        if not ok:
            return False
    return True


def holds(text, pod):
    """Whether the words for a peer hold a pod."""
    ns, _, labels, ns_labels = pod
    if ' that are also ' in text:
        return all(holds(t, pod) for t in text.split(' that are also '))
    m = re.fullmatch(r'(?:any pod|pods with (.*?)) (?:of any namespace|in namespaces with (.*)|in namespace (\S+))', text)
    return ((not m.group(1) or has(m.group(1), labels)) and (not m.group(2) or has(m.group(2), ns_labels)) and
            (not m.group(3) or m.group(3) == ns))


def is_port(text, proto, port):
    if ' but ' in text:
        first, _, rest = text.partition(' but ')
        return is_port(first, proto, port) and not is_port(rest, proto, port)
    if ' that is also ' in text:
        return all(is_port(t, proto, port) for t in text.split(' that is also '))
    if text == 'All Connections':
        return True
    for part in text.split(','):
        m = re.fullmatch(r'(TCP|UDP|SCTP)(?: (\d+)(?:-(\d+))?)?', part)
        if m.group(1) == proto and (not m.group(2) or int(m.group(2)) <= port <= int(m.group(3) or m.group(2))):
            return True
    return False


def claimed(claim, pod, proto, port):
    if not holds(claim['peer'], pod) or not is_port(claim['conn'], proto, port):
        return False
    for text in claim.get('except', []):
        peer, _, ports = text.partition(' on ')
        if holds(peer, pod) and (not ports or is_port(ports, proto, port)):
            return False
    return True


# ---- one cluster ----

def check(seed, folder):
    """(claims that were tried, what is wrong or None)"""
    r = random.Random(seed)
    path = os.path.join(folder, 'm.json')
    with open(path, 'w', encoding='utf-8') as f:
        json.dump({'apiVersion': 'v1', 'kind': 'List', 'items': [*documents(), *policies(r)]}, f)
    claims = json.loads(subprocess.run([WEIR, 'list', '-f', path, '--exposure', '-o', 'json'], check=True,
                                       stdout=subprocess.PIPE).stdout)
    everybody = list(pods())
    subjects = r.sample(everybody, 4)
    flows = [(s, p, proto, port) for s in subjects for p in everybody if p[:2] != s[:2]
             for proto, ports in PORTS.items() for port in ports]
    text = ''.join(json.dumps({'from': f'{p[0]}/{p[1]}', 'to': f'{s[0]}/{s[1]}', 'protocol': proto, 'port': port}) + '\n'
                   for s, p, proto, port in flows)
    answers = subprocess.run([WEIR, 'eval', '-f', path, '--flows', '-'], check=True, input=text.encode(),
                             stdout=subprocess.PIPE).stdout.splitlines()
    tried = 0
    for (s, p, proto, port), line in zip(flows, answers, strict=True):
        allowed = json.loads(line)['ingress']['verdict'] == 'allow'
        mine = [c for c in claims if c['workload'] == f'{s[0]}/{s[1]}[Pod]' and c['direction'] == 'ingress']
        of = [c for c in mine if claimed(c, p, proto, port)]
        tried += len(of)
        if bool(of) != allowed:
            return tried, f'{p[:2]} -> {s[:2]} {proto} {port}: the engine says {allowed}, exposure {of or mine}\n' + line.decode()
    return tried, None


def main():
    total = 0
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(SEEDS):
            tried, wrong = check(seed, folder)
            total += tried
            if wrong:
                result(f'seed-{seed}', False, wrong)
    result(f'{total}-claims-hold', total > 10000 and not failed, 'too few, or see above')
    return 1 if failed else 0


if __name__ == '__main__':
    WEIR = os.path.abspath(sys.argv[1])
    sys.exit(main())
