# SPDX-License-Identifier: Apache-2.0
"""Selectors, peers, ports and policies of all kinds by chance, for tests of the agent."""
import ipaddress
import random

SPACES = ('red', 'green', 'blue')


def network(ip, bits):
    return str(ipaddress.ip_network(f'{ip}/{bits}', strict=False))


class Chance(random.Random):
    """Random selectors, policies, labels. Subjects are never in the namespace watched."""
    names = 4  # how many policies of a kind there may be (in a namespace)

    def team(self):
        return self.choice(SPACES + ('grey',))

    def space(self):
        return self.choice([
            {}, {'matchLabels': {'team': self.team()}},
            {'matchLabels': {'kubernetes.io/metadata.name': self.choice(SPACES)}},
            {'matchExpressions': [{'key': 'team', 'operator': 'NotIn', 'values': [self.team()]}]}])

    def pods(self):
        return self.choice([
            {}, {'matchLabels': {'app': f'a{self.randrange(4)}'}},
            {'matchLabels': {'tier': self.choice('ab')}},
            {'matchExpressions': [{'key': 'app', 'operator': 'In', 'values': ['a0', 'a2']}]},
            {'matchExpressions': [{'key': 'tier', 'operator': 'Exists'}]}])

    def block(self, ips):
        ip = self.choice(ips)
        bits = self.choice((32, 24, 28, 0) if ':' not in ip else (128, 64, 120, 0))
        if bits == 0:
            return {'cidr': '::/0', 'except': [f'{ip}/128']} if ':' in ip else {
                'cidr': '0.0.0.0/0', 'except': [f'{ip}/32']}
        return {'cidr': network(ip, bits)}

    def peer(self, ips):
        return self.choice([
            lambda: {'podSelector': self.pods()}, lambda: {'namespaceSelector': self.space()},
            lambda: {'namespaceSelector': self.space(), 'podSelector': self.pods()},
            lambda: {'ipBlock': self.block(ips)}])()

    def ports(self):
        return [self.choice([{'port': 80}, {'port': 'web'}, {'port': 'dns', 'protocol': 'UDP'},
                             {'port': 1, 'endPort': 100}, {'protocol': 'SCTP', 'port': 9003},
                             {'protocol': 'UDP'}]) for _ in range(self.randint(1, 3))]

    def np_rule(self, word, ips):
        rule = {}
        if self.random() < .8:
            rule[word] = [self.peer(ips) for _ in range(self.randint(1, 2))]
        if self.random() < .6:
            rule['ports'] = self.ports()
        return rule

    def network_policy(self, ips):
        types = self.choice((['Ingress'], ['Egress'], ['Ingress', 'Egress']))
        spec = {'podSelector': self.pods(), 'policyTypes': types}
        for t, word in (('Ingress', 'from'), ('Egress', 'to')):
            if t in types:
                spec[t.lower()] = [self.np_rule(word, ips) for _ in range(self.randint(0, 2))]
        return {'metadata': {'name': f'n{self.randrange(self.names)}', 'namespace': self.choice(SPACES)},
                'spec': spec}

    def subject(self):
        teams = self.sample(SPACES + ('grey',), self.randint(1, 3))
        spaces = {'matchExpressions': [{'key': 'team', 'operator': 'In', 'values': teams}]}
        return self.choice([{'namespaces': spaces},
                            {'pods': {'namespaceSelector': spaces, 'podSelector': self.pods()}}])

    def tier_peer(self, direction, ips):
        if direction == 'egress' and self.random() < .3:
            ip = self.choice(ips)
            return self.choice([
                {'networks': [network(ip, 64 if ':' in ip else 24)]},
                {'networks': ['0.0.0.0/0', '::/0']},
                {'nodes': self.choice([{}, {'matchLabels': {'zone': self.choice('xy')}}])}])
        return self.choice([{'namespaces': self.space()},
                            {'pods': {'namespaceSelector': self.space(),
                                      'podSelector': self.pods()}}])

    def cnp_rule(self, direction, ips):
        peers = [self.tier_peer(direction, ips) for _ in range(self.randint(1, 2))]
        rule = {'action': self.choice(('Accept', 'Deny', 'Pass'))}
        ports = [{'tcp': {'destinationPort': {'number': 80}}},
                 {'udp': {'destinationPort': {'range': {'start': 1, 'end': 100}}}},
                 {'sctp': {'destinationPort': {'number': 9003}}}]
        if all('pods' in p or 'namespaces' in p for p in peers):
            ports += [{'destinationNamedPort': n} for n in ('web', 'dns')]
        if self.random() < .5:
            rule['protocols'] = [self.choice(ports)]
        return dict(rule, **{'from' if direction == 'ingress' else 'to': peers})

    def rules(self, rule, ips):
        made = {d: [rule(d, ips) for _ in range(self.randint(0, 2))]
                for d in ('ingress', 'egress')}
        return {d: rules for d, rules in made.items() if rules}

    def cluster_policy(self, ips):
        spec = {'tier': self.choice(('Admin', 'Baseline')), 'priority': self.randint(0, 9),
                'subject': self.subject(), **self.rules(self.cnp_rule, ips)}
        return {'metadata': {'name': f'c{self.randrange(self.names)}'}, 'spec': spec}

    def old_rule(self, direction, ips):
        """A rule of v1alpha1."""
        peers = [self.tier_peer(direction, ips)]
        rule = {'action': self.choice(('Allow', 'Deny'))}
        ports = [{'portNumber': {'protocol': 'TCP', 'port': 8080}},
                 {'portRange': {'protocol': 'UDP', 'start': 50, 'end': 60}}]
        if 'networks' not in peers[0] and 'nodes' not in peers[0]:
            ports.append({'namedPort': 'web'})
        if self.random() < .5:
            rule['ports'] = [self.choice(ports)]
        return dict(rule, **{'from' if direction == 'ingress' else 'to': peers})

    def admin_policy(self, ips):
        """AdminNetworkPolicy."""
        return {'metadata': {'name': f'o{self.randrange(2)}'},
                'spec': {'priority': self.randint(0, 9), 'subject': self.subject(),
                         **self.rules(self.old_rule, ips)}}

    def baseline_policy(self, ips):
        """BaselineAdminNetworkPolicy: there is but one."""
        return {'metadata': {'name': 'default'},
                'spec': {'subject': self.subject(), **self.rules(self.old_rule, ips)}}
