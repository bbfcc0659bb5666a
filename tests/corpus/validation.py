#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The decoder against what an API server said: validation.py WEIR [CORPUS]

WEIR is the built program; decode_dump is looked for beside it, in
tests/corpus. Recorded answers lie outside of this tree (default
../shared/corpus, seen from the project's root); without them there is nothing
to do, and the run is skipped with exit status 77.

validation  single policies, each broken (or valid) in one way
real-world  files of policies as public projects ship them
crd-validation  the same for single policies of the cluster-wide kinds

Of every policy must agree: whether it is accepted, the exact text of
the field errors, the warnings, and the stored spec with its defaults. A file
is one line: "ok NAME", "FAIL NAME: why" or "skip NAME: reason" where the two
differ by meaning. Exit status 1 when anything fails.
"""
import collections
import glob
import ipaddress
import json
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
POLICY = ('networking.k8s.io/v1', 'NetworkPolicy')
CLUSTER_API = 'policy.networking.k8s.io/'
CLUSTER_KINDS = ('ClusterNetworkPolicy', 'AdminNetworkPolicy', 'BaselineAdminNetworkPolicy')

# Files in which the two differ by meaning and not by mistake, each with the reason.
EXPLAINED = {
}


def selector(s):
    if s is None:
        return None
    labels = [[k, 'In', v] for k, v in sorted((s.get('matchLabels') or {}).items())]
    return labels + [[e['key'], e['operator'], *(e.get('values') or [])]
                     for e in s.get('matchExpressions') or []]


def block(b):
    if b is None:
        return None
    return [str(ipaddress.ip_network(c)) for c in [b['cidr'], *(b.get('except') or [])]]


def port(p):
    number = p.get('port')
    if number is None:
        return [p['protocol']]
    if isinstance(number, str):
        return [p['protocol'], number]
    return [p['protocol'], number, p.get('endPort', number)]


def rules(spec, direction, peers):
    return [{'ports': [port(p) for p in r.get('ports') or []],
             'peers': [{'podSelector': selector(p.get('podSelector')),
                        'namespaceSelector': selector(p.get('namespaceSelector')),
                        'ipBlock': block(p.get('ipBlock'))} for p in r.get(peers) or []]}
            for r in spec.get(direction) or []]


def is_policy(api, kind):
    return (api, kind) == POLICY or (api or '').startswith(CLUSTER_API) and kind in CLUSTER_KINDS


def readable(s):
    """Whether anybody can read a selector: the schemas of the cluster-wide kinds do not ask."""
    wants_values = {'In': True, 'NotIn': True, 'Exists': False, 'DoesNotExist': False}
    return all(e['operator'] in wants_values
               and wants_values[e['operator']] == bool(e.get('values'))
               for e in s.get('matchExpressions') or [])


def cluster_peer(p):
    if 'domainNames' in p:
        return {'kind': 'domainNames', 'list': p['domainNames'], 'unreadable': False}
    if 'networks' in p:
        return {'kind': 'networks', 'unreadable': False,
                'list': [str(ipaddress.ip_network(c, strict=False)) for c in p['networks']]}
    if 'nodes' in p:
        kind, parts = 'nodes', {'nodes': p['nodes']}
    elif 'pods' in p:
        kind, parts = 'pods', {'namespaces': p['pods'].get('namespaceSelector') or {},
                               'pods': p['pods']['podSelector']}
    else:
        kind, parts = 'pods', {'namespaces': p['namespaces'], 'pods': {}}
    if not all(readable(s) for s in parts.values()):
        return {'kind': kind, 'list': [], 'unreadable': True}
    return {'kind': kind, **{k: selector(s) for k, s in parts.items()}, 'unreadable': False}


def cluster_port(p):
    name = p.get('destinationNamedPort', p.get('namedPort'))
    if name is not None:
        return [name, 'named']
    old = p.get('portNumber') or p.get('portRange')
    if old:
        proto, ports = old.get('protocol', 'TCP'), old
    else:
        (proto, transport), = p.items()
        proto, ports = proto.upper(), transport['destinationPort']
    if proto not in ('TCP', 'UDP', 'SCTP'):
        return [proto]
    ports = ports.get('range', ports)
    number = ports.get('number', ports.get('port'))
    return [proto, *((number, number) if number else (ports['start'], ports['end']))]


def cluster_rules(spec, direction, peers):
    return [{'action': {'Allow': 'Accept'}.get(r['action'], r['action']), 'name': r.get('name', ''),
             'peers': [cluster_peer(p) for p in r[peers]],
             'ports': [cluster_port(p) for p in r.get('protocols') or r.get('ports') or []]}
            for r in spec.get(direction) or []]


def normal_cluster(spec, kind):
    tier = 'Baseline' if kind == 'BaselineAdminNetworkPolicy' else spec.get('tier', 'Admin')
    return {'tier': tier, 'priority': spec.get('priority', 0),
            'subject': cluster_peer(spec['subject']),
            'ingress': cluster_rules(spec, 'ingress', 'from'),
            'egress': cluster_rules(spec, 'egress', 'to')}


def normal(spec, kind='NetworkPolicy'):
    """A spec as the server stores it, in the form of decode_dump."""
    if kind != 'NetworkPolicy':
        return normal_cluster(spec, kind)
    return {'podSelector': selector(spec.get('podSelector') or {}),
            'isolates': [t for t in ('Ingress', 'Egress') if t in spec['policyTypes']],
            'ingress': rules(spec, 'ingress', 'from'), 'egress': rules(spec, 'egress', 'to')}


def in_order(errors):
    """Errors of one map of labels come in any order from the server: they are sorted here."""
    groups = []
    for e in errors:
        path = e.split(': ')[0]
        if groups and groups[-1][0] == path:
            groups[-1][1].append(e)
        else:
            groups.append((path, [e]))
    return [e for path, g in groups
            for e in (sorted(g) if re.search(r'(matchLabels|labels|annotations)$', path) else g)]


def compare(want, got):
    """What differs between the server's record of one policy and weir's."""
    if want['accepted'] != got['accepted']:
        yield (f'accepted: the server says {want["accepted"]}, weir {got["accepted"]} '
               f'{got["decode_errors"] + got["field_errors"]}')
    # a server that cannot decode does not validate; weir tells of both
    field_errors = [] if got['decode_errors'] else got['field_errors']
    if in_order(want['field_errors']) != in_order(field_errors):
        yield f'field errors\n  server: {want["field_errors"]}\n  weir:   {got["field_errors"]}'
    if want['decode_error'] and not got['decode_errors']:
        yield f'the server cannot decode it ({want["decode_error"]}), weir can'
    if want['field_errors'] and got['decode_errors']:
        yield f'the server can decode it, weir cannot: {got["decode_errors"]}'
    if want['accepted'] and want['warnings'] != got['warnings']:
        yield f'warnings\n  server: {want["warnings"]}\n  weir:   {got["warnings"]}'
    stored = normal(want['stored'], got['kind']) if want['stored'] and got['accepted'] else None
    if stored and stored != got['spec']:
        yield f'stored spec\n  server: {stored}\n  weir:   {got["spec"]}'


def validation_records(path):
    with open(path.replace('.yaml', '.expected.json'), encoding='utf-8') as f:
        r = json.load(f)
    decode = r['kubectl_message'] if not r['accepted'] and not r['field_errors'] else ''
    return [{'accepted': r['accepted'], 'field_errors': r['field_errors'], 'decode_error': decode,
             'warnings': r['warnings'], 'stored': r['stored_spec'], 'name': None}]


def real_records(path):
    """NetworkPolicies of a file in order, by what the server said to the bytes themselves."""
    with open(path + '.expected.json', encoding='utf-8') as f:
        documents = json.load(f)['documents']
    for r in documents:
        if not is_policy(r['apiVersion'], r['kind']) or r['accepted'] is None:
            continue
        post = r.get('server_post_strict')
        if not post:  # kubectl found no such kind, or could not read it, and asked nobody
            yield {'accepted': False, 'field_errors': [], 'decode_error': r['message'],
                   'warnings': [], 'stored': None, 'name': r['name'], 'line': r.get('line')}
            continue
        causes = [f'{c["field"]}: {c["message"]}' for c in post.get('causes', [])]
        accepted = post['status'] == 201
        yield {'accepted': accepted, 'field_errors': causes,
               'decode_error': '' if accepted or causes else post['message'],
               'warnings': post['warnings'], 'stored': r['stored_spec'], 'name': r['name'],
               'line': r.get('line')}


def dump(tool, path):
    out = subprocess.run([tool, path], stdout=subprocess.PIPE, check=True, timeout=60).stdout
    return json.loads(out)


def pair(records, objects, unreadable):
    """The server's records with weir's; what weir could not even parse is a refusal."""
    refusal = {'accepted': False, 'field_errors': [], 'decode_errors': unreadable, 'warnings': []}
    objects = collections.deque(objects)
    for want in records:
        if objects and (want['name'] is None or objects[0]['name'] == want['name']):
            yield want, objects.popleft()
        elif unreadable:
            yield want, refusal
        else:
            yield want, None
    for got in objects:
        yield None, got


def check(path, records, dumped, policies_only):
    objects = [o for o in dumped['objects']
               if not policies_only or is_policy(o['apiVersion'], o['kind'])]
    for want, got in pair(records, objects, dumped['unreadable']):
        if want is None or got is None:
            yield 'more policies here: ' + ('weir' if want is None else 'the server')
        else:
            yield from compare(want, got)


def command(weir, path, dumped):
    """What `weir validate` says must be what the decoder says, in the server's terms."""
    p = subprocess.run([weir, 'validate', '-f', path, '-o', 'json'], stdout=subprocess.PIPE,
                       timeout=60, check=False)
    documents = json.loads(p.stdout)['documents']
    got = [(d['accepted'], d['field_errors'], d['warnings']) for d in documents]
    want = [(o['accepted'] if 'spec' in o or not o['accepted'] else None,
             [] if o['decode_errors'] else o['field_errors'], o['warnings'])
            for o in dumped['objects']] + [(False, [], [])] * len(dumped['unreadable'])
    if got != want:
        yield f'weir validate: {got}\n  the decoder: {want}'
    if any(not d['diagnostics'] or not all(x['line'] for x in d['diagnostics'])
           for d in documents if d['accepted'] is False):
        yield 'weir validate: a refusal without a place'
    if p.returncode != any(d['accepted'] is False for d in documents):
        yield f'weir validate: exit status {p.returncode}'


def corpus(tool, weir, name, files, records, policies_only):
    counts = collections.Counter()
    for path in files:
        case = f'{name}/{os.path.basename(path)}'
        wants = list(records(path))
        if not wants:
            continue
        dumped = dump(tool, path)
        differences = list(check(path, wants, dumped, policies_only))
        differences += command(weir, path, dumped)
        kind = 'ok' if not differences else 'skip' if case in EXPLAINED else 'FAIL'
        counts[kind] += 1
        counts['policies'] += len(wants)
        if kind == 'FAIL':
            print(f'FAIL {case}: {differences[0]}', *differences[1:], sep='\n  ')
        elif kind == 'skip':
            print(f'skip {case}: {EXPLAINED[case]}')
        else:
            print(f'ok {case}')
    print(f'{name}: {counts["policies"]} policies in {counts["ok"] + counts["FAIL"] + counts["skip"]} '
          f'files: {counts["ok"]} agree, {counts["FAIL"]} differ, {counts["skip"]} explained')
    return counts['FAIL']


def main():
    weir = sys.argv[1]
    folder = sys.argv[2] if len(sys.argv) > 2 else os.path.join(ROOT, '..', 'shared', 'corpus')
    tool = os.path.join(os.path.dirname(weir), 'tests', 'corpus', 'decode_dump')
    if not os.path.isdir(folder):
        print('skip validation: the recorded answers are not there')
        return 77
    failed = corpus(tool, weir, 'validation', sorted(glob.glob(os.path.join(folder, 'validation/*.yaml'))),
                    validation_records, False)
    crds = sorted(glob.glob(os.path.join(folder, 'crd-validation/*.yaml')))
    failed += corpus(tool, weir, 'crd-validation', crds, real_records, True)
    real = [f[:-len('.expected.json')]
            for f in sorted(glob.glob(os.path.join(folder, 'real-world/*.expected.json')))]
    failed += corpus(tool, weir, 'real-world', real, real_records, True)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
