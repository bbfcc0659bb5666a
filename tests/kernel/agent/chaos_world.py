# SPDX-License-Identifier: Apache-2.0
"""For chaos.py: a cluster's objects, and changes of them by chance, by API calls and kubectl.

The lab's pods are places: network namespaces with addresses. Which Pod of the API
has an address is a matter of chance: Pods come and go, complete, change addresses,
take over another's, have one family only, are the host's, or are where nobody is.
"""
import json

from chaos_api import KINDS
from chance import SPACES

NODE, OTHER = 'node-1', 'node-9'
ALL_SPACES = SPACES + ('grey',)  # grey goes as a whole at times
PLACES = 9
NAMED = {'web': ('TCP', 80), 'alt': ('TCP', 8080), 'dns': ('UDP', 53), 'sig': ('SCTP', 9003)}
NODES_OF = {OTHER: ('10.99.0.9', 'fd99::9')}
WATCHED = ('client', 'always', 'never', 'jail', 'guest', 'host')


def lab_manifests():
    """Places for Pods to be in, and the watched."""
    docs = [{'apiVersion': 'v1', 'kind': 'Namespace', 'metadata': {'name': ns}}
            for ns in ('places', 'watched')]
    ports = [{'name': n, 'protocol': p, 'containerPort': c} for n, (p, c) in NAMED.items()]
    docs += [{'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': name, 'namespace': ns},
              'spec': {'containers': [{'name': 'c', 'ports': ports}]}}
             for ns, name in [('places', f's{i}') for i in range(PLACES)] +
             [('watched', name) for name in WATCHED]]
    return '\n---\n'.join(json.dumps(d) for d in docs)


def policy(name, app, types, **rules):
    return {'metadata': {'name': name, 'namespace': 'watched'},
            'spec': {'podSelector': {'matchLabels': {'app': app}}, 'policyTypes': types, **rules}}


def from_app(app, **spaces):
    return [{'from': [{'podSelector': {'matchLabels': {'app': app}}, **spaces}]}]


# never is reached by nobody and jail reaches nobody; always by client; host by guest, at times
HOST_OPEN = policy('host', 'host', ['Ingress'], ingress=from_app(
    'guest', namespaceSelector={'matchLabels': {'open': 'yes'}}))
WATCHED_POLICIES = [
    policy('never', 'never', ['Ingress']), policy('jail', 'jail', ['Egress']),
    policy('always', 'always', ['Ingress'], ingress=from_app('client')), HOST_OPEN]
CLOSING = {'metadata': {'name': 'closed'}, 'spec': {
    'tier': 'Admin', 'priority': 3,
    'subject': {'pods': {'namespaceSelector': {'matchLabels': {'watched': 'yes'}},
                         'podSelector': {'matchLabels': {'app': 'host'}}}},
    'ingress': [{'action': 'Deny', 'from': [{'pods': {
        'namespaceSelector': {}, 'podSelector': {'matchLabels': {'app': 'guest'}}}}]}]}}
SPACE_LABELS = {'watched': 'yes', 'open': 'yes'}


def pod_object(ns, name, labels, ports, node=NODE, host=False):
    return {'metadata': {'name': name, 'namespace': ns, 'labels': labels}, 'spec': {
        'nodeName': node, 'hostNetwork': host, 'containers': [{
            'name': 'c', 'image': 'x',
            'ports': [{'name': n, 'protocol': p, 'containerPort': c} for n, p, c in ports]}]}}


def status_of(ips, phase='Running'):
    return {'status': {'phase': phase, 'podIP': ips[0] if ips else None,
                       'podIPs': [{'ip': ip} for ip in ips] or None}}


def brief(verb, args):
    """A change on one line, without what does not matter."""
    args = [dict(a) if isinstance(a, dict) else a for a in args]
    for a in args:
        if isinstance(a, dict) and 'containers' in a.get('spec', {}):
            spec = dict(a['spec'])
            ports = spec.pop('containers')[0]['ports']
            spec['ports'] = ' '.join(f'{p["name"]}={p["protocol"]}/{p["containerPort"]}'
                                     for p in ports)
            a['spec'] = spec
    return f'{verb} ' + ' '.join(a if isinstance(a, str) else json.dumps(a) for a in args)


class Recorder:
    """Does a change, and writes it down so that --replay can do it again."""

    def __init__(self, api, path):
        self.api, self.path, self.last, self.changes, self.by_kubectl = api, path, [], 0, 0
        self.kubectl_failed = 0

    def write(self, entry):
        with open(self.path, 'a', encoding='utf-8') as f:
            f.write(json.dumps(entry) + '\n')

    def note(self, text):
        self.last = self.last[-60:] + [text]

    def do(self, verb, *args):
        self.write([verb, *args])
        self.note(brief(verb, args))
        self.changes += 1
        getattr(self.api, verb)(*args)

    def kubectl(self, args, text=None):
        if not self.api.kubectl_path:
            return False
        ok, said = self.api.kubectl(args, text)
        if not ok:  # it may have done a part
            self.kubectl_failed += 1
            self.note(f'kubectl {args} failed: {said.strip()[-200:]}')
            return False
        self.write(['kubectl', args, text])
        self.note(f'kubectl {" ".join(args)} {text or ""}')
        self.changes += 1
        self.by_kubectl += 1
        return True


class Changes:
    def __init__(self, recorder, chance, lab_pods, lab_nodes, wide=False):
        self.r, self.chance = recorder, chance
        self.pods_of_space, ghosts = (25, 30) if wide else (5, 3)
        chance.names = 15 if wide else 4
        self.lab_node = next(n for n in lab_nodes if n['metadata']['name'] == NODE)
        self.nodes = {NODE: [a['address'] for a in self.lab_node['status']['addresses']],
                      **NODES_OF}
        self.lab = {(p['metadata']['namespace'], p['metadata']['name']):
                    [i['ip'] for i in p['status']['podIPs']] for p in lab_pods}
        self.places = {k[1]: ips for k, ips in self.lab.items() if k[0] == 'places'}
        own = [c.rsplit('.', 1)[0] for c in self.lab_node['spec']['podCIDRs'] if '.' in c][0]
        own6 = [c.split('/')[0] for c in self.lab_node['spec']['podCIDRs'] if ':' in c][0]
        self.ghosts = [(f'{own}.{200 + k}', f'{own6}c8:{k}') for k in range(ghosts)]
        self.homes = [(NODE, tuple(ips)) for ips in self.places.values()]
        self.homes += [(NODE, g) for g in self.ghosts] + [
            (OTHER, (f'10.99.7.{k}', f'fd99::7:{k}')) for k in range(1, ghosts + 1)]
        self.ips = [ip for _, ips in self.homes for ip in ips] + ['192.0.2.7', '2001:db8::7']
        self.ips += self.nodes[OTHER]
        self.pods, self.policies, self.node_objects = {}, {}, {}
        self.open = True

    def addresses(self):
        """Every address that a pod may ever have, and some."""
        return sorted(set(self.ips))

    # ---- the beginning ----

    def put_node(self, name, cidrs=None, labels=None):
        if name == NODE:
            cidrs = cidrs or self.lab_node['spec']['podCIDRs']
        else:
            cidrs = ['10.99.7.0/24', 'fd99::7:0/112']
        self.r.do('put', 'nodes', {'metadata': {'name': name, 'labels': labels or {}},
                                   'spec': {'podCIDR': cidrs[0], 'podCIDRs': cidrs}})
        self.r.do('patch', 'nodes', None, name, {'status': {'addresses': [
            {'type': 'InternalIP', 'address': ip} for ip in self.nodes[name]]}}, '/status')
        self.node_objects[name] = cidrs

    def begin(self):
        for name in self.nodes:
            self.put_node(name, labels={'zone': 'x'})
        for ns in ALL_SPACES:
            self.r.do('put', 'namespaces', {'metadata': {'name': ns, 'labels': {'team': ns}}})
        self.r.do('put', 'namespaces', {'metadata': {'name': 'watched', 'labels': SPACE_LABELS}})
        ports = [(n, p, c) for n, (p, c) in NAMED.items()]
        for (ns, name), ips in self.lab.items():
            if ns != 'places':
                self.make_watched(ns, name, ips, ports)
        for p in WATCHED_POLICIES:
            self.r.do('put', 'networkpolicies', p)
        for i, (_, ips) in enumerate(self.homes[:PLACES]):
            self.make_pod(SPACES[i % 3], f'p{i // 3}', NODE, list(ips))

    def make_watched(self, ns, name, ips, ports=()):
        self.r.do('put', 'pods', pod_object(ns, name, {'app': name}, ports))
        self.r.do('patch', 'pods', ns, name, status_of(ips), '/status')

    # ---- pods ----

    def labels(self):
        c = self.chance
        made = {'app': f'a{c.randrange(4)}', 'tier': c.choice('ab'), 'odd': 'yes'}
        return {k: v for k, v in made.items() if c.random() < .85}

    def make_pod(self, ns, name, node, ips, host=False):
        c = self.chance
        ports = [(n, p, port if c.random() < .7 else c.choice((80, 8080, 53, 9003, 100)))
                 for n, (p, port) in NAMED.items() if c.random() < .85]
        self.r.do('put', 'pods', pod_object(ns, name, self.labels(), ports, node, host))
        if c.random() < .93:  # else it has no address yet
            self.r.do('patch', 'pods', ns, name, status_of(ips), '/status')
        self.pods[ns, name] = {'node': node, 'ips': ips, 'host': host}

    def free_homes(self):
        taken = {ip for p in self.pods.values() for ip in p['ips']}
        return [h for h in self.homes if not taken & set(h[1])] or self.homes

    def home(self):
        c = self.chance
        node, ips = c.choice(self.free_homes() if c.random() < .9 else self.homes)
        part = c.random()
        return node, list(ips if part < .7 else ips[:1] if part < .85 else ips[1:])

    def new_pod(self):
        c = self.chance
        key = c.choice(ALL_SPACES), f'p{c.randrange(self.pods_of_space)}'
        if key in self.pods:
            self.delete_pod(key)
        if c.random() < .08:
            node = c.choice((NODE, OTHER))
            self.make_pod(*key, node, list(self.nodes[node]), True)
        else:
            self.make_pod(*key, *self.home())

    def delete_pod(self, key=None):
        if not key and not self.pods:
            return
        key = key or self.chance.choice(sorted(self.pods))
        del self.pods[key]
        if not (self.by_kubectl() and self.r.kubectl(
                ['delete', 'pod', key[1], '-n', key[0], '--now', '--wait=false'])):
            self.r.do('delete', 'pods', *key)

    def take_over(self):
        """A pod goes, and another one gets its addresses at once."""
        here = [k for k, p in sorted(self.pods.items()) if p['ips'] and not p['host']]
        if not here:
            return
        c = self.chance
        old = c.choice(here)
        node, ips = self.pods[old]['node'], self.pods[old]['ips']
        key = c.choice(ALL_SPACES), f'p{c.randrange(self.pods_of_space)}'
        if key in self.pods and key != old:
            self.delete_pod(key)
        if c.random() < .25:  # completed, it has none; its object stays
            self.complete(old)
            if key == old:
                self.delete_pod(old)
        else:
            self.delete_pod(old)
        self.make_pod(*key, node, ips)

    def complete(self, key):
        self.r.do('patch', 'pods', *key, {'status': {
            'phase': self.chance.choice(('Succeeded', 'Failed'))}}, '/status')
        self.pods[key]['ips'] = []

    def complete_any(self):
        if self.pods:
            self.complete(self.chance.choice(sorted(self.pods)))

    def move(self):
        """Another address of the same pod, or one family more or less."""
        keys = [k for k, p in sorted(self.pods.items()) if p['ips'] and not p['host']]
        if keys:
            key = self.chance.choice(keys)
            node, ips = self.home()
            if node == self.pods[key]['node']:
                self.pods[key]['ips'] = ips
                self.r.do('patch', 'pods', *key, status_of(ips), '/status')

    def relabel_pod(self):
        if not self.pods:
            return
        key = self.chance.choice(sorted(self.pods))
        labels = dict({'app': None, 'tier': None, 'odd': None}, **self.labels())
        if self.by_kubectl() and self.r.kubectl(
                ['label', 'pod', key[1], '-n', key[0], '--overwrite',
                 *(f'{k}={v}' if v else f'{k}-' for k, v in labels.items())]):
            return
        self.r.do('patch', 'pods', *key, {'metadata': {'labels': labels}})

    # ---- namespaces and nodes ----

    def relabel_space(self):
        c = self.chance
        ns, team = c.choice(ALL_SPACES), c.choice((*ALL_SPACES, None))
        if self.by_kubectl() and self.r.kubectl(
                ['label', 'namespace', ns, '--overwrite', f'team={team}' if team else 'team-']):
            return
        self.r.do('put', 'namespaces', {'metadata': {
            'name': ns, 'labels': {'team': team} if team else {}}})

    def relabel_all(self):
        ns, tier = self.chance.choice(ALL_SPACES), self.chance.choice('ab')
        self.r.kubectl(['label', 'pods', '--all', '-n', ns, '--overwrite', f'tier={tier}'])

    def delete_space(self):
        """With all that is in it; and it comes back."""
        if not (self.by_kubectl() and self.r.kubectl(['delete', 'namespace', 'grey',
                                                      '--wait=false'])):
            self.r.do('delete', 'namespaces', None, 'grey')
        for known in (self.pods, self.policies):
            for key in [k for k in known if 'grey' in k]:
                del known[key]
        self.r.do('put', 'namespaces', {'metadata': {'name': 'grey', 'labels': {'team': 'grey'}}})

    def change_node(self):
        c, roll = self.chance, self.chance.random()
        name = c.choice((NODE, OTHER))
        if roll < .2 and name in self.node_objects:
            del self.node_objects[name]
            self.r.do('delete', 'nodes', None, name)
            return
        cidrs = list(self.lab_node['spec']['podCIDRs'])
        if roll > .7:
            cidrs += ['fd00:1234::/64'] if c.random() < .5 else ['10.88.0.0/24']
        self.put_node(name, cidrs, {'zone': c.choice('xyz')})

    # ---- policies ----

    def by_kubectl(self):
        return self.chance.random() < .12

    def put_policy(self, resource, obj):
        meta = obj['metadata']
        if resource == 'networkpolicies' and self.chance.random() < .2:
            meta['namespace'] = 'grey'
        self.policies[resource, meta.get('namespace'), meta['name']] = True
        if self.by_kubectl():
            kind, version = KINDS[resource][:2]
            text = json.dumps(dict(obj, kind=kind, apiVersion=version))
            how = ['--server-side', '--force-conflicts'] if self.chance.random() < .5 else []
            if self.r.kubectl(['apply', *how, '-f', '-'], text):
                return
        self.r.do('put', resource, obj)

    def delete_policy(self):
        if not self.policies:
            return
        key = self.chance.choice(sorted(self.policies, key=str))
        resource, ns, name = key
        del self.policies[key]
        if not (self.by_kubectl() and self.r.kubectl(
                ['delete', resource, name, *(['-n', ns] if ns else []), '--wait=false'])):
            self.r.do('delete', *key)

    def delete_all(self):
        ns = self.chance.choice(ALL_SPACES)
        keys = [k for k in sorted(self.policies, key=str) if k[1] == ns]
        if self.r.kubectl(['delete', 'networkpolicies', '--all', '-n', ns, '--wait=false']):
            for key in keys:
                del self.policies[key]

    def any(self):
        c, ips = self.chance, self.ips
        what = c.choices((
            lambda: self.put_policy('networkpolicies', c.network_policy(ips)),
            lambda: self.put_policy('clusternetworkpolicies', c.cluster_policy(ips)),
            lambda: self.put_policy('adminnetworkpolicies', c.admin_policy(ips)),
            lambda: self.put_policy('baselineadminnetworkpolicies', c.baseline_policy(ips)),
            self.delete_policy, self.relabel_pod, self.relabel_space, self.new_pod,
            self.delete_pod, self.take_over, self.complete_any, self.move, self.change_node,
            self.delete_space, self.relabel_all, self.delete_all),
            (20, 6, 3, 2, 14, 14, 6, 8, 5, 6, 2, 4, 3, 1, 1, .5))[0]
        what()

    # ---- the guest ----

    def toggle(self):
        """Closes or opens the way from guest to host, in one of many ways. Tells which."""
        if self.open:
            self.way = self.chance.choice(('policy', 'pod label', 'namespace label', 'pod deleted',
                                           'cluster policy', 'pod completed'))
        self.open = not self.open
        getattr(self, 'by_' + self.way.replace(' ', '_'))(self.open)
        return self.way

    def by_policy(self, opened):
        self.r.do('put', 'networkpolicies', HOST_OPEN if opened else
                  policy('host', 'host', ['Ingress']))

    def by_pod_label(self, opened):
        self.r.do('patch', 'pods', 'watched', 'guest',
                  {'metadata': {'labels': {'app': 'guest' if opened else 'nobody'}}})

    def by_namespace_label(self, opened):
        self.r.do('patch', 'namespaces', None, 'watched',
                  {'metadata': {'labels': {'open': 'yes' if opened else None}}})

    def by_pod_deleted(self, opened):
        if opened:
            self.make_watched('watched', 'guest', self.lab['watched', 'guest'])
        else:
            self.r.do('delete', 'pods', 'watched', 'guest')

    def by_pod_completed(self, opened):
        if opened:
            self.by_pod_deleted(False)
            self.by_pod_deleted(True)
        else:
            self.r.do('patch', 'pods', 'watched', 'guest', {'status': {'phase': 'Succeeded'}},
                      '/status')

    def by_cluster_policy(self, opened):
        if opened:
            self.r.do('delete', 'clusternetworkpolicies', None, 'closed')
        else:
            self.r.do('put', 'clusternetworkpolicies', CLOSING)
