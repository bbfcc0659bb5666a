#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Cluster-wide tiers in the lab, with packets: tiers.py [WEIR]

What the public conformance suite of the policy.networking.k8s.io API asks of
an implementation, scenario by scenario, with its names of tests: who connects
to whom under which rules, and whether that has to work. Every scenario runs
twice, written as ClusterNetworkPolicy and as the older AdminNetworkPolicy and
BaselineAdminNetworkPolicy. Each flow is judged by the engine, by packets of
both families, and by the maps read back from the kernel (SCTP by those only);
all must say what the scenario says.

A step of a scenario is what is in force, and for each of its sub-tests the
flows: 'n0>w1 tcp/80' has to work, '!n0>w1 tcp/80' must not. Pods are named by
the letter of their namespace and their number.
"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
from typing import NamedTuple

from tiers_forms import (ALL_HOUSES, HOUSES, NODE_2, NODES, WORLD, Policy, Rule, cluster, labelled,
                         manifest, nets, ns, pods)

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent
WEIR = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / 'build/weir')
LAB = 'tiers'

failed = 0


# ---- the lab ----

def report(name, wrong):
    global failed
    failed += bool(wrong)
    print(f'FAIL {name} {wrong}' if wrong else f'ok {name}', flush=True)


def weir(*args, text=None):
    return subprocess.run([WEIR, 'lab', args[0], '--name', LAB, *args[1:]], capture_output=True,
                          text=True, input=text, timeout=120, check=False)


def documents(objects):
    return '---\n'.join(json.dumps(o) + '\n' for o in objects)


def change(verb, objects):
    """Applies or deletes objects; what is wrong, or None."""
    if not objects:
        return None
    done = weir(verb, '-f', '-', text=documents(objects))
    return None if done.returncode == 0 else f'{verb}: {done.stderr.strip()[:300]}'


def key(o):
    return o['kind'], o['metadata'].get('namespace'), o['metadata']['name']


class InForce:
    """The objects of the scenario that runs: to the next step by changes only."""

    def __init__(self):
        self.now = {}

    def become(self, objects):
        want = {key(o): o for o in objects}
        gone = [o for k, o in self.now.items() if k not in want]
        new = [o for k, o in want.items() if self.now.get(k) != o]
        wrong = change('delete', gone) or change('apply', new)
        if not wrong:
            self.now = want
        return wrong


# ---- flows ----

class Flow(NamedTuple):
    source: str
    to: str
    protocol: str
    port: str  # or ''
    allowed: bool


def end(name):
    """'n0' to 'north/north-0'; 'h0' is a host-network pod, a name with a slash stays."""
    if '/' in name:
        return name
    house = HOUSES.get(name[0], 'host')
    return f'{"hosts" if house == "host" else house}/{house}-{name[1:]}'


def parse(flows):
    for text in flows.split(','):
        ends, port = text.split()
        source, to = ends.lstrip('!').split('>')
        protocol, _, number = port.partition('/')
        yield Flow(end(source), end(to), protocol.upper(), number, not ends.startswith('!'))


def judge(flow, row, how):
    """What is wrong with one answer of a probe, or None."""
    want = 'allow' if flow.allowed else 'deny'
    if how == 'packets' and flow.protocol == 'SCTP' and row['observed'] is None:
        row['observed'] = want  # many kernels have no sockets of it: the maps are asked
    if row['expected'] == want == row['observed']:
        return None
    return (f'{flow.source} -> {flow.to} {flow.protocol}/{flow.port} {row.get("family")} {how}: '
            f'want {want}, engine {row["expected"]}, observed {row["observed"]} '
            f'{row.get("note", "")}')


def probe(flows, family='both'):
    """For each flow, a list of what is wrong."""
    families = 2 if family == 'both' else 1
    text = ''.join(json.dumps({'from': f.source, 'to': f.to, 'protocol': f.protocol,
                               **({'port': f.port} if f.port else {})}) + '\n' for f in flows)
    bad = [[] for _ in flows]
    for how, more in (('packets', []), ('maps', ['--maps'])):
        done = weir('probe', '--flows', '-', '--family', family, '-o', 'json', *more, text=text)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        if done.returncode > 1 or len(rows) != families * len(flows):
            return [[f'{how}: {len(rows)} answers to {len(flows)} flows: '
                     f'{done.stderr.strip()[:300]}'] for _ in flows]
        for i, row in enumerate(rows):
            at = i // families
            # the address of a Service is no destination that the maps know
            if how == 'maps' and flows[at].to.startswith('service/'):
                continue
            wrong = judge(flows[at], row, how)
            if wrong:
                bad[at].append(wrong)
    return bad


def run_step(force, name, objects, subs):
    flows = {sub: list(parse(text)) for sub, text in subs.items()}
    everything = [f for some in flows.values() for f in some]
    wrong = force.become(objects)
    bad = iter([[wrong]] * len(everything) if wrong else probe(everything))
    for sub, some in flows.items():
        mine = [w for _ in some for w in next(bad)]
        report(f'{name}/{sub}', '; '.join(mine[:2]))


# ---- the ladder: everything, one port, and the order of the rules ----

def ladder(tier, every, refused, some, refused_ports, some_ports):
    """Accept, deny (and pass) every port of one peer; deny ports of one; accept some of a third."""
    rules = [Rule('Accept', [ns(every)]), Rule('Deny', [ns(every)])]
    rules += [Rule('Pass', [ns(every)])] if tier == 'Admin' else []
    rules += [Rule('Deny', [ns(refused)], refused_ports)]
    rules += [Rule('Pass', [ns(refused)], refused_ports)] if tier == 'Admin' else []
    return rules + [Rule('Accept', [ns(some)], some_ports), Rule('Deny', [ns(some)])]


def swapped(rules, a, b):
    new = list(rules)
    new[a], new[b] = new[b], new[a]
    return new


def allowed(flows):
    return flows.replace('!', '')


def denied(flows):
    return ', '.join('!' + f.strip() for f in flows.split(','))


def climb(tier, name, subject, ways, flows):
    """
    Steps of the ladders in ways, {direction: rules}. flows: what is allowed by
    the first rule, by port, denied once deny comes first, denied by port,
    and allowed again once pass comes first (as is denied by port).
    """
    allow, allow_port, deny, deny_port, passed = flows

    def step(**subs):
        return [Policy(tier, name, 10, ns(subject), **ways)], subs

    yield step(**{'allow': allow, 'allow-port': allow_port})
    ways = {w: swapped(r, 0, 1) for w, r in ways.items()}
    yield step(**{'deny': deny, 'deny-port': deny_port})
    if tier == 'Admin':
        ways = {w: swapped(r, 0, 2) for w, r in ways.items()}
        yield step(**{'pass': passed})
        ways = {w: swapped(r, 3, 4) for w, r in ways.items()}
        yield step(**{'pass-port': allowed(deny_port)})


# direction, protocol: subject, the three peers of its ladder, the two ports, and the flows
LADDERS = {
    ('Egress', 'TCP'): ('n', 'wse', 'tcp/80', 'tcp/8080', (
        'n0>w0 tcp/80, n1>w0 tcp/8080', 'n0>e1 tcp/8080, !n1>e1 tcp/80',
        '!n0>w1 tcp/80, !n1>w1 tcp/8080', '!n0>s0 tcp/80, n1>s0 tcp/8080',
        'n0>w0 tcp/80, n1>w0 tcp/8080')),
    ('Egress', 'UDP'): ('e', 'wsn', 'udp/5353', 'udp/53', (
        'e0>w0 udp/53, e1>w0 udp/5353', 'e0>n1 udp/53, !e1>n1 udp/5353',
        '!e0>w1 udp/53, !e1>w1 udp/5353', '!e0>s0 udp/5353, e1>s0 udp/53',
        'e0>w1 udp/5353, e1>w1 udp/53')),
    ('Egress', 'SCTP'): ('w', 'nse', 'sctp/9003', 'sctp/9003', (
        'w0>n0 sctp/9003, w1>n0 sctp/9005', 'w0>e1 sctp/9003, !w1>e1 sctp/9005',
        '!w0>n1 sctp/9003, !w1>n1 sctp/9005', '!w0>s0 sctp/9003, w1>s0 sctp/9005',
        'w0>n1 sctp/9003, w1>n1 sctp/9005')),
    ('Ingress', 'TCP'): ('n', 'wse', 'tcp/80', 'tcp/80', (
        'w0>n0 tcp/80, w1>n0 tcp/8080', 'e0>n1 tcp/80, !e1>n1 tcp/8080',
        '!w0>n1 tcp/80, !w1>n1 tcp/8080', '!s0>n0 tcp/80, s1>n0 tcp/8080',
        'w0>n0 tcp/80, w1>n0 tcp/8080')),
    ('Ingress', 'UDP'): ('e', 'wsn', 'udp/5353', 'udp/53', (
        'w0>e0 udp/53, w1>e0 udp/5353', 'n0>e1 udp/53, !n1>e1 udp/5353',
        '!w0>e1 udp/53, !w1>e1 udp/5353', '!s0>e0 udp/5353, s1>e0 udp/53',
        'w0>e1 udp/5353, w1>e1 udp/53')),
    ('Ingress', 'SCTP'): ('w', 'nse', 'sctp/9003', 'sctp/9003', (
        'n0>w0 sctp/9003, n1>w0 sctp/9005', 'e0>w1 sctp/9003, !e1>w1 sctp/9005',
        '!n0>w1 sctp/9003, !n1>w1 sctp/9005', '!s0>w0 sctp/9003, s1>w0 sctp/9005',
        'n0>w1 sctp/9003, n1>w1 sctp/9005')),
}
GRESS = (
    'n0>w0 tcp/80, n1>w0 udp/53, n0>w0 sctp/9003, w0>n0 tcp/80, w1>n0 udp/53, w1>n0 sctp/9003',
    'n0>e1 tcp/8080, !n1>e1 tcp/80, n0>e1 udp/5353, !n1>e1 udp/53, n0>e1 sctp/9003, '
    '!n1>e1 sctp/9005, e0>n1 tcp/80, !e1>n1 tcp/8080, e0>n1 udp/5353, !e1>n1 udp/53, '
    'e0>n1 sctp/9003, !e1>n1 sctp/9005',
    '!n0>w1 tcp/80, !n1>w1 udp/53, !n0>w1 sctp/9003, !w0>n1 tcp/80, !w1>n1 udp/53, '
    '!w1>n1 sctp/9003',
    '!n0>s0 tcp/80, n1>s0 tcp/8080, !n0>s0 udp/53, n1>s0 udp/5353, !n0>s0 sctp/9003, '
    'n1>s0 sctp/9005, !s0>n0 tcp/80, s1>n0 tcp/8080, !s0>n0 udp/53, s1>n0 udp/5353, '
    '!s0>n0 sctp/9003, s1>n0 sctp/9005',
    'n0>w0 tcp/80, n0>w0 udp/5353, n0>w0 sctp/9003, w0>n0 tcp/80, w1>n0 udp/53, w1>n0 sctp/9003')


def rules_of(tier, way, protocol):
    subject, peers, refused, some, flows = LADDERS[way, protocol]
    return subject, ladder(tier, *peers, refused, some), flows


def ladders(tier):
    for way, protocol in LADDERS:
        subject, rules, flows = rules_of(tier, way, protocol)
        yield f'{way}{protocol}', climb(tier, f'{way}-{protocol}'.lower(), subject,
                                        {way.lower(): rules}, flows)
    refused = 'tcp/80 udp/53 sctp/9003'
    ways = {'ingress': ladder(tier, *'wse', refused, 'tcp/80 udp/5353 sctp/9003'),
            'egress': ladder(tier, *'wse', refused, 'tcp/8080 udp/5353 sctp/9003')}
    yield 'Gress', climb(tier, 'gress', 'n', ways, GRESS)


# ---- named ports, networks, nodes ----

def named_port(tier, way, protocol, name, flows):
    """A ladder whose last accept has a named port, which is another number or the same."""
    subject, rules, _ = rules_of(tier, way, protocol)
    rules[-2] = rules[-2]._replace(ports=name)
    yield [Policy(tier, f'{way}-{protocol}'.lower(), 10, ns(subject), **{way.lower(): rules})], \
        {'allow': flows}


def on_all(ends, mark=''):
    """Flows to the ports of all protocols: 'n1>w0 n1>e0'."""
    return ', '.join(f'{mark}{e} {p}' for e in ends.split()
                     for p in ('tcp/80', 'udp/53', 'sctp/9003'))


def networks(tier, ips):
    rules = [Rule('Accept', [pods('s')]), Rule('Deny', [WORLD])]
    subject = pods('n') if tier == 'Admin' else ns('n')
    yield [Policy(tier, 'networks', 85, subject, egress=rules)], \
        {'deny': on_all('n1>w0 n1>e0', '!') + ', ' + on_all('n1>s0')}
    rules = [Rule('Accept', [nets(*ips[end('w0')], *ips[end('e0')])]), *rules]
    yield [Policy(tier, 'networks', 85, subject, egress=rules)], \
        {'allow': on_all('n1>w0 n1>e0') + ', ' + on_all('n1>w1 n1>e1', '!')}


def nodes(tier):
    """Ports of host-network pods: the peer is the node, the client's own or the other."""
    rules = [Rule('Accept', [NODES], 'tcp/36363'), Rule('Pass', [NODES], 'udp/34345'),
             Rule('Deny', [pods('s'), NODES, WORLD])]
    subs = {'allow': 'n1>h0 tcp/36363, n1>h1 tcp/36363',
            'pass': 'n1>h0 udp/34345, n1>h1 udp/34345',
            'deny': '!n1>h0 tcp/36364, !n1>h1 udp/34346, !n1>h0 sctp/9003, !n1>h1 tcp/36364, '
                    '!n1>h0 udp/34346, !n1>h1 sctp/9003'}
    if tier == 'Baseline':
        rules = [Rule('Accept', [NODES], 'tcp/36363-36364'), Rule('Deny', [NODES, WORLD])]
        subs = {'allow': 'n0>h0 tcp/36363, n1>h0 tcp/36364, n0>h1 tcp/36363, n1>h1 tcp/36364',
                'deny': '!n1>h0 udp/34346, !n1>h0 sctp/9003, !n1>h1 udp/34346, !n1>h1 sctp/9003'}
    yield [Policy(tier, 'nodes', 75, pods('n') if tier == 'Admin' else ns('n'), egress=rules)], subs


# ---- several policies, and the tiers together ----

def both_ways(action, peer, ports=''):
    return {'ingress': [Rule(action, [peer], ports)], 'egress': [Rule(action, [peer], ports)]}


SOUTH_TO_NORTH = {'kind': 'NetworkPolicy', 'apiVersion': 'networking.k8s.io/v1',
                  'metadata': {'name': 'south', 'namespace': 'north'},
                  'spec': {'podSelector': {}, 'policyTypes': ['Ingress', 'Egress'],
                           'ingress': [{'from': [{'namespaceSelector': {
                               'matchLabels': {'house': 'south'}}}]}],
                           'egress': [{'to': [{'namespaceSelector': {
                               'matchLabels': {'house': 'south'}}}]}]}}
COMING = 's0>n0 tcp/80, s1>n0 tcp/8080'
GOING = 'n0>s0 tcp/80, n1>s0 tcp/8080'


def integration():
    admin = Policy('Admin', 'first', 10, ns('n'), **both_ways('Deny', ns('s')))
    last = Policy('Baseline', 'last', 10, ns('n'), **both_ways('Deny', ns('s')))
    yield [admin, SOUTH_TO_NORTH, last], {'admin-denies-ingress': denied(COMING),
                                          'admin-denies-egress': denied(GOING)}
    admin = admin._replace(ingress=[Rule('Pass', [ns('s')])])
    yield [admin, SOUTH_TO_NORTH, last], {'pass-ingress-networkpolicy': COMING}
    admin = admin._replace(egress=[Rule('Pass', [ns('s')])])
    yield [admin, SOUTH_TO_NORTH, last], {'pass-egress-networkpolicy': GOING}
    yield [admin, last], {'pass-ingress-baseline': denied(COMING),
                          'pass-egress-baseline': denied(GOING)}


def priorities():
    deny = Policy('Admin', 'fifty', 50, pods('n'), **both_ways('Deny', pods('s')))
    skip = Policy('Admin', 'sixty-then-forty', 60, pods('n'), **both_ways('Pass', pods('s')))
    accept = Policy('Baseline', 'last', 10, pods('n'), **both_ways('Accept', pods('s')))
    yield [deny, skip, accept], {'deny-ingress': denied(COMING), 'deny-egress': denied(GOING)}
    yield [deny, skip._replace(priority=40), accept], {'pass-first': f'{COMING}, {GOING}'}


# ---- what came later, and what is ours ----

def same_priority(tier):
    """Policies of one priority, no flow in common: all in force, none on another's subject."""
    three = [Policy(tier, 'north-south', 15, ns('n'), **both_ways('Deny', ns('s'), 'tcp/80')),
             Policy(tier, 'north-east', 15, ns('n'), **both_ways('Deny', ns('e'), 'tcp/80')),
             Policy(tier, 'east-south', 15, ns('e'), **both_ways('Deny', ns('s'), 'tcp/8080'))]
    yield three, {
        'deny': '!s0>n0 tcp/80, !n0>s0 tcp/80, !e0>n0 tcp/80, !n1>e0 tcp/80, !s1>e0 tcp/8080, '
                '!e1>s0 tcp/8080',
        'own-subjects-only': 's0>n0 tcp/8080, n0>s0 tcp/8080, s1>e0 tcp/80, e0>s0 tcp/80',
        'others-untouched': 'w0>n0 tcp/80, n1>w0 tcp/80'}
    # the API leaves open which of two wins that match the same: here the names decide
    accept, deny = ({'egress': [Rule(a, [ns('w')])]} for a in ('Accept', 'Deny'))
    yield [Policy(tier, 'b', 15, ns('n'), **deny), Policy(tier, 'a', 15, ns('n'), **accept)], \
        {'overlap-by-name-accept': 'n0>w0 tcp/80'}
    yield [Policy(tier, 'b', 15, ns('n'), **accept), Policy(tier, 'a', 15, ns('n'), **deny)], \
        {'overlap-by-name-deny': '!n0>w0 tcp/80'}


def one_direction(tier, way):
    """Rules of one direction leave the other as it was."""
    flows = {'ingress': ('!s0>n0 tcp/80', 'n0>w0 tcp/80, n0>e0 tcp/80, n1>s0 tcp/80'),
             'egress': ('!n0>s0 tcp/80', 'w0>n0 tcp/80, e0>n0 tcp/80, s0>n1 tcp/80')}[way]
    yield [Policy(tier, 'isolation', 5, ns('n'), **{way: [Rule('Deny', [ns('s')])]})], \
        {'deny': flows[0], 'other-direction': flows[1]}


def pod_selectors(tier):
    yield [Policy(tier, 'selectors', 20, labelled('n'),
                  ingress=[Rule('Deny', [labelled('s')]), Rule('Deny', [pods('e', '0')])],
                  egress=[Rule('Deny', [labelled('w')]), Rule('Deny', [pods('e', '0')])])], {
        'egress': '!n0>w0 tcp/80, !n0>e0 tcp/80, n0>e1 tcp/80',
        'ingress': '!s0>n0 tcp/80, !e0>n0 tcp/80, e1>n0 tcp/80',
        'subject': 's0>e0 tcp/80'}
    yield [Policy(tier, 'one-pod', 21, pods('w', '0'), egress=[Rule('Deny', [ns('s')])])], \
        {'subject-by-name': '!w0>s0 tcp/80, w1>s0 tcp/80'}


def port_ranges(tier):
    rules = [Rule('Accept', [ns('w')], 'tcp/80-8080'), Rule('Accept', [ns('e')], 'udp/53-5353'),
             Rule('Accept', [ns('s')], 'sctp/9003-9005'), Rule('Deny', [ALL_HOUSES])]
    yield [Policy(tier, 'ranges', 9, ns('n'), ingress=rules, egress=rules)], {
        'egress': 'n0>w0 tcp/80, n0>w0 tcp/8080, !n1>w0 udp/53, n0>e0 udp/53, n0>e0 udp/5353, '
                  '!n1>e0 tcp/80, n0>s0 sctp/9003, n0>s0 sctp/9005, !n1>s0 tcp/80',
        'ingress': 'w0>n0 tcp/80, w0>n0 tcp/8080, !w1>n0 udp/53, e0>n0 udp/53, e0>n0 udp/5353, '
                   '!e1>n0 tcp/80, s0>n0 sctp/9003, s0>n0 sctp/9005, !s1>n0 tcp/80'}


def hairpin(tier):
    """
    A pod through its own Service: cluster-wide tiers judge it. By its own address
    it never leaves the pod: nothing does.
    """
    rules = {'ingress': [Rule('Deny', [ns('n')])]}
    yield [Policy(tier, 'hairpin', 15, ns('n'), **rules)], {
        'deny': '!n0>service/north/own tcp/80', 'own-address': 'n0>n0 tcp/80',
        'others': 'w0>service/north/own tcp/80'}
    rules = {'egress': [Rule('Deny', [ns('n')], 'tcp/80')]}
    yield [Policy(tier, 'hairpin', 15, ns('n'), **rules)], \
        {'deny-egress': '!n0>service/north/own tcp/80'}
    isolate = {**SOUTH_TO_NORTH, 'spec': {'podSelector': {}, 'policyTypes': ['Ingress', 'Egress']}}
    yield [isolate], {'networkpolicy-does-not': 'n0>service/north/own tcp/80, n0>n0 tcp/80, '
                                                '!w0>service/north/own tcp/80'}


def other_protocols(tier):
    """A rule without ports is about every protocol, one with ports about no other."""
    yield [Policy(tier, 'icmp', 30, ns('n'), egress=[
        Rule('Accept', [ns('w')]), Rule('Accept', [ns('e')], 'tcp/80'), Rule('Deny', [WORLD])])], {
            'without-ports': 'n0>w0 icmp, n1>w0 icmp, !n0>s0 icmp, !n1>s0 icmp',
            'with-ports': '!n0>e0 icmp, !n1>e0 icmp, n1>e0 tcp/80, !n1>e0 udp/53'}


def one_node(tier):
    yield [Policy(tier, 'node', 31, ns('n'), egress=[Rule('Deny', [NODE_2])])], \
        {'by-label': 'n0>h0 tcp/36363, !n0>h1 tcp/36363, n1>h0 udp/34345, !n1>h1 udp/34345',
         'not-its-pods': 'n0>w0 tcp/80, n1>w0 tcp/80'}


def domain_names(tier):
    """Names match nothing yet: what they would accept stays denied."""
    yield [Policy(tier, 'names', 32, ns('n'), egress=[
        Rule('Accept', [{'domainNames': ['west.example', '*.example.com']}]),
        Rule('Deny', [WORLD])])], {'match-nothing': '!n0>w0 tcp/80, !n1>w0 tcp/80, w0>n0 tcp/80'}


def between_tiers():
    nothing = {**SOUTH_TO_NORTH, 'spec': {'podSelector': {}, 'policyTypes': ['Ingress']}}
    yield [Policy('Admin', 'first', 10, ns('n'), ingress=[Rule('Accept', [ns('w')], 'tcp/80')]),
           nothing], {'accept-before-networkpolicy': 'w0>n0 tcp/80, !w0>n0 tcp/8080, !s0>n0 tcp/80'}
    yield [nothing, Policy('Baseline', 'last', 0, ns('n'), **both_ways('Accept', ns('w')))], \
        {'networkpolicy-before-baseline': '!w0>n0 tcp/80, n0>w0 tcp/80'}
    yield [nothing, Policy('Baseline', 'last', 0, ns('n'), **both_ways('Deny', ns('w')))], \
        {'networkpolicy-by-direction': '!w0>n0 tcp/80, !n0>w0 tcp/80, n0>s0 tcp/80'}


def baseline_pass():
    """Nothing follows the Baseline tier but the default: allowed."""
    yield [Policy('Baseline', 'last', 5, ns('n'), ingress=[Rule('Pass', [ns('w')])]),
           Policy('Baseline', 'very-last', 6, ns('n'), ingress=[Rule('Deny', [ALL_HOUSES])])], \
        {'ends-the-tier': 'w0>n0 tcp/80, !s0>n0 tcp/80, !n1>n0 tcp/80'}


# the older API has one Baseline policy, with no Pass and no names in it
ONLY_NEW = {('Baseline', 'SamePriority'), ('Baseline', 'Pass'), ('Baseline', 'DomainNames')}


def scenarios(ips):
    """(tier, the suite's name of the test without the tier, steps)."""
    for tier in ('Admin', 'Baseline'):
        admin = tier == 'Admin'
        of_tier = [*ladders(tier), ('EgressInlineCIDRPeers', networks(tier, ips)),
                   ('EgressNamedPort', named_port(
                       tier, 'Egress', *(('TCP', 'web', 'n0>e1 tcp/80, !n1>e1 tcp/8080') if admin
                                         else ('UDP', 'dns', 'e0>n1 udp/53, !e1>n1 udp/5353')))),
                   ('IngressNamedPort', named_port(
                       tier, 'Ingress', *(('UDP', 'dns', 'n0>e1 udp/53, !n1>e1 udp/5353') if admin
                                          else ('TCP', 'web', 'e0>n1 tcp/80, !e1>n1 tcp/8080')))),
                   ('EgressNodePeers', nodes(tier))]
        if admin:
            of_tier += [('Integration', integration()), ('PriorityField', priorities()),
                        ('BetweenTiers', between_tiers())]
        else:
            of_tier.append(('Pass', baseline_pass()))
        of_tier += [('IngressRulesEgressUnaffected', one_direction(tier, 'ingress')),
                    ('EgressRulesIngressUnaffected', one_direction(tier, 'egress')),
                    ('PortRange', port_ranges(tier)), ('Hairpin', hairpin(tier)),
                    ('SamePriority', same_priority(tier)), ('PodSelector', pod_selectors(tier)),
                    ('OtherProtocols', other_protocols(tier)), ('OneNode', one_node(tier)),
                    ('DomainNames', domain_names(tier))]
        for name, steps in of_tier:
            yield tier, name, list(steps)


# ---- what else the lab knows of them ----

def listed(force):
    for old, kinds in ((False, {'cnp': ['back', 'guard']}),
                       (True, {'anp': ['guard'], 'banp': ['default']})):
        both = [Policy('Admin', 'guard', 7, ns('n'), ingress=[Rule('Deny', [ns('w')])]),
                Policy('Baseline', 'back', 7, ns('n'), ingress=[Rule('Deny', [ns('w')])])]
        wrong = force.become([manifest(p, old) for p in both])
        for kind, names in kinds.items():
            done = weir('get', kind, '-o', 'json')
            items = json.loads(done.stdout or '{"items": []}')['items']
            rows = [r.split() for r in weir('get', kind).stdout.splitlines()[1:]]
            got = sorted(i['metadata']['name'] for i in items), sorted(r[0] for r in rows)
            report(f'get-{kind}', wrong or (got != (names, names) and f'{got} {done.stderr}'))


SHORT = Policy('Admin', 'short', 5, ns('n'), [Rule('Pass', [{'namespaces': {'matchExpressions': [
    {'key': 'house', 'operator': 'in', 'values': ['south']}]}}])],
    [Rule('Accept', [ns('s')]), Rule('Accept', [{'domainNames': ['example.com']}], '', 'shops')])


def told_by_status(force):
    """Rules that cannot do what they say."""
    wrong = force.become([manifest(SHORT, False)])
    got = [(i['policy'], i['direction'], i['rule'], i.get('ruleName'), i['message'].split(',')[0])
           for i in json.loads(weir('status', '-o', 'json').stdout)['shortcomings']]
    want = [('Admin/short', 'egress', 2, 'shops', 'has domain names'),
            ('Admin/short', 'ingress', 1, None, 'has a peer that nobody can read')]
    report('status', wrong or got != want and f'{got}')
    lines = weir('status').stdout.splitlines()
    report('status-text', f'{lines}' if not any(
        line.startswith('Admin/short egress rule 2 (shops) has domain names') for line in lines) else None)


def named_in_flows(force):
    """A flow says the tier, the policy and the rule that judged it, where there is one."""
    rules = {'ingress': [Rule('Accept', [ns('w')], 'tcp/80', 'web-for-west'),
                         Rule('Deny', [ns('w')])],
             'egress': [Rule('Deny', [ns('n')], name='stay-away')]}
    wrong = force.become([manifest(Policy('Admin', 'guard', 7, ns('n'), **rules), False)])
    seen = len(weir('flows', '-o', 'json').stdout.splitlines())
    probe(list(parse('w0>n1 tcp/80, !w0>n1 tcp/8080, !n0>service/north/own tcp/80')))
    lines = weir('flows', '-o', 'json').stdout.splitlines()[seen:]
    got = {(f['from'][-1:] + f['to'][-1:], f['port'], f['verdict'], f['direction'],
            f.get('policy'), f.get('rule'), f.get('rule_name')) for f in map(json.loads, lines)}
    # of two nodes, the source's allows what the destination's judges
    want = {('01', 80, 'allow', 'ingress', 'Admin/guard', 1, 'web-for-west'),
            ('01', 8080, 'allow', 'egress', None, None, None),
            ('01', 8080, 'deny', 'ingress', 'Admin/guard', 2, None),
            ('00', 80, 'deny', 'egress', 'Admin/guard', 1, 'stay-away')}
    report('flows-name-policy-and-rule', wrong or (got != want and f'{got}'))


ECHO = '''
import socket
s = socket.create_server(('', 7777))
while True:
    c, _ = s.accept()
    while (data := c.recv(100)):
        c.sendall(data)
'''
TALK = '''
import socket, sys
c = socket.create_connection((sys.argv[1], 7777), 3)
c.settimeout(1.5)
for line in sys.stdin:
    try:
        c.sendall(b'x')
        print('alive' if c.recv(100) else 'closed', flush=True)
    except OSError:
        print('cut', flush=True)
'''


def inside(pod, *argv):
    return subprocess.Popen([WEIR, 'lab', 'exec', '--name', LAB, pod, '--', sys.executable, *argv],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                            start_new_session=True)


def live_connection(force, ips):
    """What a new rule forbids is cut, what it does not forbid lives on."""
    def is_now(policy):
        wrong = force.become([manifest(policy, False)])
        talk.stdin.write('\n')
        talk.stdin.flush()
        return wrong or talk.stdout.readline().strip()

    deny = Policy('Admin', 'guard', 7, ns('n'), ingress=[Rule('Deny', [ns('s')])])
    force.become([])
    echo = inside('north/north-0', '-c', ECHO)
    time.sleep(0.5)
    talk = inside('west/west-1', '-c', TALK, ips[end('n0')][0].split('/')[0])
    try:
        got = [is_now(deny), is_now(deny._replace(ingress=[Rule('Deny', [ns('w')])]))]
    finally:
        for process in (talk, echo):
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    report('live-connection', got != ['alive', 'cut'] and f'{got}')


def main():
    if os.geteuid():
        print('skip tiers needs root')
        return 0
    weir('down')
    try:
        done = weir('up', '-f', '-', '--nodes', '2', text=documents(cluster()))
        if done.returncode:
            report('up', done.stderr.strip()[:300])
            return 1
        run_all()
    finally:
        weir('down')
    return 1 if failed else 0


def addresses():
    """'namespace/pod' to its addresses as networks."""
    items = json.loads(weir('get', 'pods', '-o', 'json').stdout)['items']
    return {f'{p["metadata"]["namespace"]}/{p["metadata"]["name"]}':
            [i['ip'] + ('/128' if ':' in i['ip'] else '/32') for i in p['status']['podIPs']]
            for p in items}


def run_all():
    ips = addresses()
    table = list(scenarios(ips))
    force = InForce()
    used = sorted({f for *_, steps in table for _, subs in steps for flows in subs.values()
                   for f in allowed(flows).split(', ')})
    run_step(force, 'control', [], {'everything-works-without-policies': ', '.join(used)})
    for old in (False, True):
        for tier, name, steps in table:
            if old and (tier, name) in ONLY_NEW:
                continue
            test = f'CNP{tier}Tier{name}' if not old else \
                f'{"Baseline" if tier == "Baseline" else ""}AdminNetworkPolicy{name}'
            for policies, subs in steps:
                run_step(force, test, [manifest(p, old) for p in policies], subs)
    listed(force)
    told_by_status(force)
    named_in_flows(force)
    live_connection(force, ips)
    report('nothing-is-left', force.become([]))


if __name__ == '__main__':
    sys.exit(main())
