# SPDX-License-Identifier: Apache-2.0
"""For tiers.py: its cluster, and cluster-wide policies in both forms of the API."""
from typing import NamedTuple

HOUSES = {'n': 'north', 's': 'south', 'e': 'east', 'w': 'west'}


# ---- the cluster ----

PORTS = (('web', 'TCP', 80), ('alt', 'TCP', 8080), ('dns', 'UDP', 53), ('mdns', 'UDP', 5353),
         ('sctp', 'SCTP', 9003), ('sctp-alt', 'SCTP', 9005))
HOST_PORTS = (('a', 'TCP', 36363), ('b', 'TCP', 36364), ('c', 'UDP', 34345), ('d', 'UDP', 34346),
              ('e', 'SCTP', 9003))


def container(ports):
    return {'name': 'c', 'ports': [{'name': n, 'protocol': p, 'containerPort': c}
                                   for n, p, c in ports]}


def cluster():
    """Four namespaces of two pods, a host-network pod on each node, a Service of one pod."""
    for house in HOUSES.values():
        labels = {'house': house}
        yield {'apiVersion': 'v1', 'kind': 'Namespace',
               'metadata': {'name': house, 'labels': labels}}
        yield {'apiVersion': 'apps/v1', 'kind': 'StatefulSet',
               'metadata': {'name': house, 'namespace': house},
               'spec': {'replicas': 2, 'selector': {'matchLabels': labels},
                        'template': {'metadata': {'labels': labels},
                                     'spec': {'containers': [container(PORTS)]}}}}
    for i in (0, 1):
        yield {'apiVersion': 'v1', 'kind': 'Pod',
               'metadata': {'name': f'host-{i}', 'namespace': 'hosts'},
               'spec': {'nodeName': f'node-{i + 1}', 'hostNetwork': True,
                        'containers': [container(HOST_PORTS)]}}
    yield {'apiVersion': 'v1', 'kind': 'Service', 'metadata': {'name': 'own', 'namespace': 'north'},
           'spec': {'ipFamilyPolicy': 'PreferDualStack',
                    'selector': {'statefulset.kubernetes.io/pod-name': 'north-0'},
                    'ports': [{'port': 80, 'targetPort': 'web'}]}}


# ---- rules and policies, in both forms of the API ----

class Rule(NamedTuple):
    action: str
    peers: list
    ports: str = ''  # 'tcp/80 udp/53-5353 web'
    name: str = ''


class Policy(NamedTuple):
    tier: str
    name: str
    priority: int
    subject: dict
    ingress: list = []
    egress: list = []


def ns(letter):
    return {'namespaces': {'matchLabels': {'kubernetes.io/metadata.name': HOUSES[letter]}}}


def pods(letter, pod=None):
    labels = {'statefulset.kubernetes.io/pod-name': f'{HOUSES[letter]}-{pod}'} \
        if pod else {'house': HOUSES[letter]}
    return {'pods': {'namespaceSelector': {'matchLabels': {'house': HOUSES[letter]}},
                     'podSelector': {'matchLabels': labels}}}


def labelled(letter):
    """Pods by their label alone, of all namespaces: alpha1 has no default for namespaceSelector."""
    return {'pods': {'namespaceSelector': {},
                     'podSelector': {'matchLabels': {'house': HOUSES[letter]}}}}


def nets(*cidrs):
    return {'networks': list(cidrs)}


ALL_HOUSES = {'namespaces': {'matchExpressions': [{'key': 'house', 'operator': 'Exists'}]}}
NODE_2 = {'nodes': {'matchLabels': {'kubernetes.io/hostname': 'node-2'}}}
NODES = {'nodes': {'matchLabels': {'kubernetes.io/os': 'linux'}}}
WORLD = nets('0.0.0.0/0', '::/0')


def port(word, old):
    protocol, _, numbers = word.partition('/')
    if not numbers:
        return {'namedPort': word} if old else {'destinationNamedPort': word}
    first, _, last = numbers.partition('-')
    span = {'start': int(first), 'end': int(last or first)}
    if old:
        proto = {'protocol': protocol.upper()}
        return {'portRange': {**proto, **span}} if last else \
            {'portNumber': {**proto, 'port': int(first)}}
    return {protocol: {'destinationPort': {'range': span} if last else {'number': int(first)}}}


def rule(r, direction, old):
    action = 'Allow' if old and r.action == 'Accept' else r.action
    made = {'action': action, 'from' if direction == 'ingress' else 'to': r.peers}
    if r.name:
        made['name'] = r.name
    if r.ports:
        made['ports' if old else 'protocols'] = [port(word, old) for word in r.ports.split()]
    return made


def manifest(p, old):
    """The object that says a policy; what is an object already stays as it is."""
    if isinstance(p, dict):
        return p
    spec = {'subject': p.subject}
    if not old:
        spec['tier'] = p.tier
    if not old or p.tier == 'Admin':
        spec['priority'] = p.priority
    for direction in ('ingress', 'egress'):
        if getattr(p, direction):
            spec[direction] = [rule(r, direction, old) for r in getattr(p, direction)]
    kind = 'ClusterNetworkPolicy' if not old else \
        'AdminNetworkPolicy' if p.tier == 'Admin' else 'BaselineAdminNetworkPolicy'
    name = 'default' if old and p.tier == 'Baseline' else p.name  # there is one, of that name
    return {'apiVersion': f'policy.networking.k8s.io/v1alpha{1 if old else 2}', 'kind': kind,
            'metadata': {'name': name}, 'spec': spec}
