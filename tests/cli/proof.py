#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Findings proved: proof.py WEIR

Random clusters are linted, and what lint says can go is taken away: policies
and rules and peers that are redundant, rules without effect or that the other
end denies, peers that match nothing, policies that select nobody. `weir diff`
must then find no connection changed. Where lint offers fixes that only take
away, the fixed text must not change a connection either.

The same for cluster-wide policies: rules that never match, decide nothing or
pass to no purpose. And the other way round: where no two policies of equal
priority are reported, their order must not matter.
"""
import copy
import json
import os
import random
import re
import subprocess
import sys
import tempfile

SEEDS = 60
# removing these must change nothing at all
HARMLESS = {'redundant-policy', 'redundant-rule', 'redundant-peer', 'one-sided', 'selects-nothing',
            'peer-matches-nothing', 'peer-in-other-namespace', 'node-label-on-namespace',
            'namespace-label-missing', 'rules-without-effect', 'allow-all-rule',
            'tier-rule-shadowed', 'pass-skips-rule', 'tier-rule-unused', 'baseline-not-reached',
            'denied-by-admin', 'pass-without-effect', 'pass-in-baseline', 'domain-names'}
failed = 0


def result(name, ok, why=''):
    global failed
    failed += not ok
    print(f'ok {name}' if ok else f'FAIL {name}: {why}')


def weir(*args):
    p = subprocess.run([WEIR, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120,
                       check=False)
    if p.returncode not in (0, 1):
        raise RuntimeError(p.stderr.decode())
    return json.loads(p.stdout)


def labels(r, few=False):
    keys = ('app', 'tier') if few else ('app', 'tier', 'team')
    return {k: r.choice('abc') for k in keys if r.random() < .6}


def selector(r):
    out = {'matchLabels': labels(r)} if r.random() < .7 else {}
    if r.random() < .2:
        out['matchExpressions'] = [{'key': 'app', 'operator': r.choice(['In', 'NotIn']), 'values': [r.choice('abc')]}]
    return out


def peer(r):
    if r.random() < .2:
        base = r.choice(['10.0.0.0/8', '10.0.0.0/16', '10.0.1.0/24', '0.0.0.0/0'])
        block = {'cidr': base}
        if base != '10.0.1.0/24' and r.random() < .4:
            block['except'] = ['10.0.1.0/24' if base == '10.0.0.0/16' else '10.0.0.0/16']
        return {'ipBlock': block}
    out = {}
    if r.random() < .5:
        out['namespaceSelector'] = {'matchLabels': {'team': r.choice('abc')}} if r.random() < .6 else {}
    if r.random() < .7 or not out:
        out['podSelector'] = selector(r)
    return out


def port(r):
    out = {'port': r.choice([80, 81, 'http'])}
    if r.random() < .3:
        out['protocol'] = 'UDP'
    if out['port'] == 80 and r.random() < .3:
        out['endPort'] = 90
    return out


def rule(r, side):
    out = {}
    if r.random() < .9:
        out[side] = [peer(r) for _ in range(r.randint(1, 3))]
    if r.random() < .5:
        out['ports'] = [port(r) for _ in range(r.randint(1, 2))]
    return out


def cluster(seed):
    r = random.Random(seed)
    items = [{'apiVersion': 'v1', 'kind': 'Namespace', 'metadata': {'name': n, 'labels': {'team': n}}}
             for n in 'ab']
    for i in range(r.randint(3, 8)):
        items.append({'apiVersion': 'v1', 'kind': 'Pod',
                      'metadata': {'name': f'p{i}', 'namespace': r.choice('ab'), 'labels': labels(r, True)},
                      'spec': {'containers': [{'name': 'c', 'ports': [
                          {'name': 'http', 'containerPort': r.choice([80, 8080])}]}]},
                      'status': {'podIP': f'10.0.{i % 3}.{i + 1}'}})
    for i in range(r.randint(1, 6)):
        spec = {'podSelector': selector(r)}
        for field, side in (('ingress', 'from'), ('egress', 'to')):
            if r.random() < .7:
                spec[field] = [rule(r, side) for _ in range(r.randint(0, 3))]
        if r.random() < .6:
            spec['policyTypes'] = r.choice([['Ingress'], ['Egress'], ['Ingress', 'Egress']])
        items.append({'apiVersion': 'networking.k8s.io/v1', 'kind': 'NetworkPolicy',
                      'metadata': {'name': f'n{i}', 'namespace': r.choice('ab')}, 'spec': spec})
    return items


def cluster_peer(r, egress):
    kind = r.choice(['namespaces', 'pods', 'pods'] + (['networks', 'networks', 'domainNames'] if egress else []))
    if kind == 'networks':
        return {kind: r.sample(['10.0.0.0/8', '10.0.0.0/16', '10.0.1.0/24', '10.0.2.0/24', '0.0.0.0/0', '192.0.2.0/24'],
                               r.randint(1, 2))}
    if kind == 'domainNames':
        return {kind: ['example.com']}
    namespaces = r.choice([{}, {'matchLabels': {'team': r.choice('abc')}},
                           {'matchExpressions': [{'key': 'team', 'operator': r.choice(['In', 'NotIn']),
                                                  'values': r.sample('abc', r.randint(1, 2))}]}])
    if kind == 'namespaces':
        return {kind: namespaces}
    return {kind: {'namespaceSelector': namespaces, 'podSelector': selector(r)}}


def cluster_port(r):
    if r.random() < .15:
        return {'destinationNamedPort': 'http'}
    port = r.choice([{'number': 80}, {'number': 81}, {'number': 8080}, {'range': {'start': 1, 'end': 80}},
                     {'range': {'start': 80, 'end': 65535}}])
    return {r.choice(['tcp', 'tcp', 'udp']): {'destinationPort': port}}


def cluster_rule(r, side, wide):
    out = {'action': r.choice(['Accept', 'Deny', 'Pass']),
           side: [{'namespaces': {}}] if wide else [cluster_peer(r, side == 'to') for _ in range(r.randint(1, 3))]}
    if r.random() < .5:
        ports = [cluster_port(r) for _ in range(r.randint(1, 2))]
        addresses = any(k in ('networks', 'domainNames') for p in out[side] for k in p)
        ports = [p for p in ports if not addresses or 'destinationNamedPort' not in p]
        out['protocols'] = [p for i, p in enumerate(ports) if p not in ports[:i]] or None
    return {k: v for k, v in out.items() if v}


def tiers(seed):
    """Cluster-wide policies for the cluster of a seed."""
    r = random.Random(-seed - 1)
    items = []
    for i in range(r.randint(1, 6)):
        spec = {'tier': r.choice(['Admin', 'Admin', 'Baseline']), 'priority': r.randint(0, 2),
                'subject': {'namespaces': {}} if r.random() < .5 else cluster_peer(r, False)}
        for field, side in (('ingress', 'from'), ('egress', 'to')):
            if r.random() < .7:
                spec[field] = [cluster_rule(r, side, r.random() < .15) for _ in range(r.randint(1, 5))]
        items.append({'apiVersion': 'policy.networking.k8s.io/v1alpha2', 'kind': 'ClusterNetworkPolicy',
                      'metadata': {'name': f'c{i}'}, 'spec': spec})
    return items


def reordered(items):
    """The same with the names of cluster-wide policies, by which equal priorities go, in reverse."""
    out = copy.deepcopy(items)
    for o in out:
        if o['kind'] == 'ClusterNetworkPolicy':
            o['metadata']['name'] = f'c{9 - int(o["metadata"]["name"][1:])}'
    return out


def without_rule(spec, finding):
    """Takes what a finding about a cluster-wide policy names out of it."""
    field, i, side, k, n = re.fullmatch(
        r'spec\.(ingress|egress)(?:\[(\d+)\](?:\.(from|to)\[(\d+)\](?:\.networks\[(\d+)\])?)?)?',
        finding['path']).groups()
    rules = spec[field]
    if finding['rule'] == 'pass-in-baseline':
        rules[int(i)]['action'] = 'Accept'
        return
    if i is None:
        del spec[field]
        return
    peers = rules[int(i)][side] if side else []
    if n is not None and len(peers[int(k)]['networks']) > 1:
        del peers[int(k)]['networks'][int(n)]
    elif len(peers) > 1:
        del peers[int(k)]
    else:
        del rules[int(i)]
    if not rules:
        del spec[field]


def without(items, finding):
    """The cluster without what the finding is about; None: it cannot be taken away alone."""
    out = copy.deepcopy(items)
    if finding['object'].startswith('ClusterNetworkPolicy'):
        at = next(i for i, o in enumerate(out) if finding['object'] == f'{o["kind"]} {o["metadata"]["name"]}')
        if finding['rule'] == 'selects-nothing' or finding['path'].startswith('spec.subject'):
            del out[at]
        else:
            without_rule(out[at]['spec'], finding)
        return out
    ns, name = finding['object'].split(' ')[1].split('/')
    at = next(i for i, o in enumerate(out) if o['kind'] == 'NetworkPolicy' and
              o['metadata'] == {'name': name, 'namespace': ns})
    if finding['rule'] in ('redundant-policy', 'selects-nothing'):
        del out[at]
        return out
    spec, path = out[at]['spec'], finding['path']
    whole = re.fullmatch(r'spec\.(ingress|egress)', path)
    part = re.fullmatch(r'spec\.(ingress|egress)\[(\d+)\](?:\.(from|to)\[(\d+)\])?', path)
    # defaults follow what is written: keep what they were
    types = spec.get('policyTypes') or ['Ingress'] + (['Egress'] if spec.get('egress') else [])
    spec['policyTypes'] = types
    if whole:
        del spec[whole[1]]
        return out
    field, i, side, k = part.groups()
    rules = spec[field]
    if finding['rule'] == 'allow-all-rule':
        rules[:] = [rules[int(i)]]  # the others add nothing
    elif side is None:
        del rules[int(i)]
    elif len(rules[int(i)][side]) == 1:
        del rules[int(i)]
    else:
        del rules[int(i)][side][int(k)]
    return out


def write(path, items):
    with open(path, 'w', encoding='utf-8') as f:
        json.dump({'apiVersion': 'v1', 'kind': 'List', 'items': items}, f, indent=1)


def check(name, items, before, after, proved):
    write(before, items)
    findings = weir('lint', '--no-config', '-f', before, '-o', 'json')['findings']
    for finding in findings:
        if finding['rule'] not in HARMLESS:
            continue
        write(after, without(items, finding))
        changes = weir('diff', '-f', before, '--to', after, '-o', 'json')['connections']
        if changes:
            result(f'{name}/{finding["rule"]}', False, f'{finding} {changes[:2]}')
        proved[finding['rule']] = proved.get(finding['rule'], 0) + 1
    return findings


def check_order(name, items, findings, before, after, proved):
    write(after, reordered(items))
    changes = weir('diff', '-f', before, '--to', after, '-o', 'json')['connections']
    told = any(f['rule'] == 'equal-priority' for f in findings)
    if changes and not told:
        result(f'{name}/order', False, f'the order matters, and nobody says so: {changes[:2]}')
    key = 'equal-priority-told' if told and changes else 'equal-priority-silent' if not told else None
    proved[key] = proved.get(key, 0) + 1


def main():
    proved = {}
    with tempfile.TemporaryDirectory() as folder:
        before, after = os.path.join(folder, 'before.json'), os.path.join(folder, 'after.json')
        for seed in range(SEEDS):
            items = cluster(seed)
            check(f'seed-{seed}', items, before, after, proved)
            items += tiers(seed)
            findings = check(f'seed-{seed}-tiers', items, before, after, proved)
            check_order(f'seed-{seed}-tiers', items, findings, before, after, proved)
    proved.pop(None, None)
    for rule_id in sorted(proved):
        result(f'{rule_id}-{proved[rule_id]}-times', not failed, 'see above')
    result('all-kinds-were-met', len(proved) >= 15, str(proved))
    return 1 if failed else 0


if __name__ == '__main__':
    WEIR = os.path.abspath(sys.argv[1])
    sys.exit(main())
