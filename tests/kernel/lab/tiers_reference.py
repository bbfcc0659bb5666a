# SPDX-License-Identifier: Apache-2.0
"""
For tiers_random.py: what policies say of a connection, read off the manifests
one by one, without any of the engine's ideas (classes, rows, port sets).
"""
import ipaddress


def selects(selector, labels):
    for k, v in selector.get('matchLabels', {}).items():
        if labels.get(k) != v:
            return False
    for e in selector.get('matchExpressions', []):
        k, values = e['key'], e.get('values', [])
        if not {'In': k in labels and labels[k] in values,
                'NotIn': labels.get(k) not in values,
                'Exists': k in labels, 'DoesNotExist': k not in labels}[e['operator']]:
            return False
    return True


class Cluster:
    """
    namespaces: name to labels. ends: name to ns, labels, ips (IPv4 and IPv6),
    ports of the manifest, and node: labels of the node that a host-network pod is.
    """

    def __init__(self, namespaces, ends):
        self.namespaces = {n: {**labels, 'kubernetes.io/metadata.name': n}
                           for n, labels in namespaces.items()}
        self.ends = ends

    def is_pod_of(self, peer, end):
        """Whether a namespaces or pods peer, or subject, has this pod."""
        if end.get('node'):
            return False
        if 'namespaces' in peer:
            return selects(peer['namespaces'], self.namespaces[end['ns']])
        return selects(peer['pods']['namespaceSelector'], self.namespaces[end['ns']]) and \
            selects(peer['pods']['podSelector'], end['labels'])

    def is_peer(self, peer, end, family):
        if 'nodes' in peer:
            return bool(end.get('node')) and selects(peer['nodes'], end['node'])
        if 'networks' in peer:
            ip = ipaddress.ip_address(end['ips'][family])
            return any(ip in ipaddress.ip_network(n) for n in peer['networks'])
        return self.is_pod_of(peer, end)

    def by_tier(self, objects, tier, direction, me, other, to, protocol, port, family):
        """'Accept', 'Deny', 'Pass', or None where no rule matches."""
        def tier_of(o):
            return o['spec'].get('tier', {'AdminNetworkPolicy': 'Admin',
                                          'BaselineAdminNetworkPolicy': 'Baseline'}.get(o['kind']))
        mine = [o for o in objects
                if tier_of(o) == tier and self.is_pod_of(o['spec']['subject'], me)]
        for o in sorted(mine, key=lambda o: (o['spec'].get('priority', 0), o['metadata']['name'])):
            for r in o['spec'].get(direction, []):
                peers = r['to' if direction == 'egress' else 'from']
                if any(self.is_peer(p, other, family) for p in peers) and \
                        is_port(r, to, protocol, port):
                    return 'Accept' if r['action'] == 'Allow' else r['action']
        return None

    def by_networkpolicies(self, objects, direction, me, other):
        """Whether they allow it, or None where none isolates. Rules have one peer: namespaces."""
        mine = [o['spec'] for o in objects
                if o['kind'] == 'NetworkPolicy' and not me.get('node') and
                o['metadata']['namespace'] == me['ns'] and
                direction.capitalize() in o['spec']['policyTypes'] and
                selects(o['spec']['podSelector'], me['labels'])]
        if not mine:
            return None
        return any(not other.get('node') and
                   selects(p['namespaceSelector'], self.namespaces[other['ns']])
                   for spec in mine for r in spec.get(direction, [])
                   for p in r['to' if direction == 'egress' else 'from'])

    def allows_way(self, objects, direction, source, to, protocol, port, family):
        me, other = (source, to) if direction == 'egress' else (to, source)
        verdict = self.by_tier(objects, 'Admin', direction, me, other, to, protocol, port, family)
        if verdict in ('Accept', 'Deny'):
            return verdict == 'Accept'
        verdict = self.by_networkpolicies(objects, direction, me, other)
        if verdict is not None:
            return verdict
        return self.by_tier(objects, 'Baseline', direction, me, other, to, protocol, port,
                            family) != 'Deny'

    def allows(self, objects, flow, family):
        """family: 0 for IPv4, 1 for IPv6."""
        source, to = self.ends[flow.source], self.ends[flow.to]
        return all(self.allows_way(objects, d, source, to, flow.protocol, flow.port, family)
                   for d in ('egress', 'ingress'))


def is_port(r, to, protocol, port):
    """Whether the ports or protocols of a rule, of either form of the API, have it."""
    entries = r.get('protocols') or r.get('ports')
    return not entries or any(is_entry(e, to, protocol, port) for e in entries)


def is_entry(e, to, protocol, port):
    name = e.get('destinationNamedPort') or e.get('namedPort')
    if name:
        return not to.get('node') and any(
            p['name'] == name and p['protocol'] == protocol and str(p['containerPort']) == port
            for p in to['ports'])
    if 'portNumber' in e:
        wanted, numbers = e['portNumber']['protocol'], (e['portNumber']['port'],) * 2
    elif 'portRange' in e:
        r = e['portRange']
        wanted, numbers = r['protocol'], (r['start'], r['end'])
    else:
        (wanted, how), = e.items()
        dst = how['destinationPort']
        numbers = (dst['number'],) * 2 if 'number' in dst else \
            (dst['range']['start'], dst['range']['end'])
    return wanted.upper() == protocol and port != '' and numbers[0] <= int(port) <= numbers[1]
