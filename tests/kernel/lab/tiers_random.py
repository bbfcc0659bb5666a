#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random cluster-wide policies with packets: tiers_random.py [WEIR [CASES [SEED]]]

Random ClusterNetworkPolicies, AdminNetworkPolicies, a BaselineAdminNetworkPolicy
and NetworkPolicies together in one lab. Between all pods, and to the nodes, over
TCP, UDP, ICMP and SCTP and both families, the engine, the packets, the maps
read back from the kernel and a slow reading of the manifests say the same.
"""
import ipaddress
import json
import os
import random
import sys

import tiers
from tiers_forms import HOST_PORTS, HOUSES, PORTS, Policy, Rule, cluster, manifest
from tiers_reference import Cluster

CASES = int(sys.argv[2]) if len(sys.argv) > 2 else 25
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else 20261121
PORT_WORDS = ('tcp/80', 'tcp/8080', 'udp/53', 'udp/5353', 'sctp/9003', 'sctp/9005', 'tcp/80-8080',
              'udp/1-100', 'sctp/9000-9004', 'tcp/36363', 'udp/34345', 'tcp/1-65535', 'web', 'dns',
              'sctp')
tiers.LAB = 'tiersrandom'


def read_cluster():
    """The reference's cluster: the lab's pods with the addresses that they got."""
    namespaces = {o['metadata']['name']: o['metadata']['labels'] for o in cluster()
                  if o['kind'] == 'Namespace'}
    ends = {}
    for p in json.loads(tiers.weir('get', 'pods', '-o', 'json').stdout)['items']:
        ns, name = p['metadata']['namespace'], p['metadata']['name']
        node = {'kubernetes.io/os': 'linux', 'kubernetes.io/hostname': p['spec']['nodeName']}
        ends[f'{ns}/{name}'] = {
            'ns': ns, 'labels': p['metadata'].get('labels', {}),
            'ips': [i['ip'] for i in p['status']['podIPs']],
            'ports': p['spec']['containers'][0].get('ports', []),
            'node': node if p['spec'].get('hostNetwork') else None}
    return Cluster({**namespaces, 'hosts': {}, 'kube-system': {}}, ends)


class Chance(random.Random):
    """Random parts of policies."""

    def house(self):
        return self.choice(list(HOUSES.values()))

    def selector(self):
        return self.choice([
            {}, {'matchLabels': {'house': self.house()}}, {'matchLabels': {'house': self.house()}},
            {'matchLabels': {'kubernetes.io/metadata.name': self.house()}},
            {'matchExpressions': [{'key': 'house', 'operator': 'Exists'}]},
            {'matchExpressions': [{'key': 'house', 'operator': 'DoesNotExist'}]},
            {'matchExpressions': [{'key': 'house', 'operator': 'NotIn', 'values': [self.house()]}]},
            {'matchExpressions': [{'key': 'house', 'operator': 'In',
                                   'values': self.sample(list(HOUSES.values()), 2)}]}])

    def pod_selector(self):
        one = f'{self.house()}-{self.randrange(2)}'
        return self.choice([{}, self.selector(),
                            {'matchLabels': {'statefulset.kubernetes.io/pod-name': one}}])

    def pods(self):
        return self.choice([{'namespaces': self.selector()},
                            {'pods': {'namespaceSelector': self.selector(),
                                      'podSelector': self.pod_selector()}}])

    def network(self, ends):
        ip = self.choice(self.choice(list(ends.values()))['ips'])
        length = self.choice((0, 64, 120, 127, 128) if ':' in ip else (0, 16, 24, 30, 31, 32))
        return str(ipaddress.ip_network(f'{ip}/{length}', strict=False))

    def peer(self, ends, only_pods):
        if only_pods or self.random() < .65:
            return self.pods()
        if self.random() < .3:
            name = f'node-{self.randrange(1, 3)}'
            return {'nodes': self.choice([{}, {'matchLabels': {'kubernetes.io/hostname': name}}])}
        return {'networks': sorted({self.network(ends) for _ in range(self.randint(1, 3))})}

    def rules(self, direction, ends, actions):
        for _ in range(self.randint(0, 4)):
            words = self.sample(PORT_WORDS, self.randint(1, 3)) if self.random() < .6 else []
            # the API has no named ports of nodes and networks
            pods = direction == 'ingress' or any('/' not in w for w in words)
            yield Rule(self.choice(actions),
                       [self.peer(ends, pods) for _ in range(self.randint(1, 2))], ' '.join(words))

    def cluster_policy(self, ends, name, may_be_baseline):
        old, tier = self.random() < .4, self.choice(('Admin', 'Baseline'))
        if old and not may_be_baseline:
            tier = 'Admin'
        actions = ['Accept', 'Deny'] + ([] if old and tier == 'Baseline' else ['Pass'])
        ways = {d: list(self.rules(d, ends, actions)) for d in ('ingress', 'egress')}
        return manifest(Policy(tier, name, self.randint(0, 3) * 5, self.pods(), **ways), old)

    def network_policy(self, name):
        types = self.choice((['Ingress'], ['Egress'], ['Ingress', 'Egress']))
        spec = {'podSelector': self.pod_selector(), 'policyTypes': types}
        for t, peers in (('Ingress', 'from'), ('Egress', 'to')):
            if t in types and self.random() < .7:
                spec[t.lower()] = [{peers: [{'namespaceSelector': self.selector()}]}]
        return {'apiVersion': 'networking.k8s.io/v1', 'kind': 'NetworkPolicy',
                'metadata': {'name': name, 'namespace': self.house()}, 'spec': spec}

    def policies(self, ends):
        made = []
        for i in range(self.randint(1, 6)):
            free = all(o['kind'] != 'BaselineAdminNetworkPolicy' for o in made)
            made.append(self.cluster_policy(ends, f'p{i}', free))
        return made + [self.network_policy(f'n{i}') for i in range(self.randrange(3))]


def all_flows(ends):
    """allowed is of no meaning here."""
    pods = [n for n, e in ends.items() if e['ns'] in HOUSES.values()]
    hosts = [n for n, e in ends.items() if e['node']]
    for a in pods:
        for b in pods:
            if a != b:
                yield from (tiers.Flow(a, b, p, str(n), True) for _, p, n in PORTS)
                yield tiers.Flow(a, b, 'ICMP', '', True)
        for b in hosts:
            yield from (tiers.Flow(a, b, p, str(n), True) for _, p, n in HOST_PORTS)


def check(world, force, objects, flows):
    """What is wrong, or None; and how many verdicts were denials."""
    wrong = force.become(objects)
    if wrong:
        return wrong, 0
    bad = denials = 0
    for family in (0, 1):
        told = [f._replace(allowed=world.allows(objects, f, family)) for f in flows]
        denials += sum(not f.allowed for f in told)
        for some in tiers.probe(told, ('ipv4', 'ipv6')[family]):
            bad += bool(some)
            wrong = wrong or '; '.join(some)
    return wrong and f'{bad} flows differ: {wrong}', denials


def main():
    if os.geteuid():
        print('skip tiers-random needs root')
        return 0
    chance, force, failed, denials = Chance(SEED), tiers.InForce(), 0, 0
    tiers.weir('down')
    try:
        done = tiers.weir('up', '-f', '-', '--nodes', '2', text=tiers.documents(cluster()))
        if done.returncode:
            print(f'FAIL up {done.stderr.strip()[:300]}')
            return 1
        world = read_cluster()
        flows = list(all_flows(world.ends))
        for i in range(CASES):
            objects = chance.policies(world.ends)
            wrong, n = check(world, force, objects, flows)
            denials += n
            if wrong:
                failed += 1
                print(f'FAIL case-{i} of seed {SEED}: {wrong}\n{tiers.documents(objects)}')
    finally:
        tiers.weir('down')
    judged = 2 * CASES * len(flows)
    some = failed or judged // 20 < denials < judged * 19 // 20
    print(f'{"ok" if not failed and some else "FAIL"} random {CASES} sets of policies, {judged} '
          f'verdicts, {denials} denied', flush=True)
    return 1 if failed or not some else 0


if __name__ == '__main__':
    sys.exit(main())
