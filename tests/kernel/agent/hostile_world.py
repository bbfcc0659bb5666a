# SPDX-License-Identifier: Apache-2.0
"""For hostile.py: what happens, by chance, to the objects of a cluster and to its API server."""
import json
import time

from agent import CLUSTER_POLICIES, POLICIES
from chance import SPACES
from server import KINDS, Connection, Server

NODE = 'node-1'
PODS = '/api/v1/pods'
NAMESPACES = '/api/v1/namespaces'
PORTS = [{'name': n, 'protocol': p, 'containerPort': c} for n, p, c in
         (('web', 'TCP', 80), ('alt', 'TCP', 8080), ('dns', 'UDP', 53), ('sig', 'SCTP', 9003))]
PER_SPACE = 3

# what no chance touches: watched/never is reached by nobody, watched/always by watched/client
WATCHED = [
    {'metadata': {'name': 'never', 'namespace': 'watched'},
     'spec': {'podSelector': {'matchLabels': {'app': 'never'}}, 'policyTypes': ['Ingress']}},
    {'metadata': {'name': 'always', 'namespace': 'watched'},
     'spec': {'podSelector': {'matchLabels': {'app': 'always'}}, 'policyTypes': ['Ingress'],
              'ingress': [{'from': [{'podSelector': {'matchLabels': {'app': 'client'}}}]}]}}]


def lab_cluster():
    """The lab's manifests: three pods in each of three namespaces, and the watched."""
    made = [(ns, f'p{i}', {'app': f'a{i}', 'tier': 'ab'[i % 2]})
            for ns in SPACES for i in range(PER_SPACE)]
    made += [('watched', name, {'app': name}) for name in ('client', 'never', 'always')]
    docs = [{'apiVersion': 'v1', 'kind': 'Namespace',
             'metadata': {'name': ns, 'labels': {'team': ns} if ns in SPACES else {}}}
            for ns in SPACES + ('watched',)]
    docs += [{'apiVersion': 'v1', 'kind': 'Pod',
              'metadata': {'name': name, 'namespace': ns, 'labels': labels},
              'spec': {'containers': [{'name': 'c', 'ports': PORTS}]}} for ns, name, labels in made]
    return '\n---\n'.join(json.dumps(d) for d in docs)


def brief(obj):
    """What of an object decides verdicts."""
    meta, spec = obj['metadata'], dict(obj.get('spec', {}))
    spec.pop('containers', None)
    return f'{meta.get("namespace", "")}/{meta["name"]} {meta.get("labels")} {json.dumps(spec)}'


class Changes:
    """Changes of the API's objects; last is what was done, for who has to find out."""

    def __init__(self, model, chance):
        self.model, self.chance = model, chance
        self.last = []
        self.ips = [i['ip'] for (p, _, _), o in model.objects.items() if p == PODS
                    for i in o['status']['podIPs']]

    def have(self, path, spaces=SPACES):
        with self.model.lock:
            return [k for k in self.model.objects if k[0] == path and
                    (k[1] in spaces if k[1] else k[2] in spaces or path == CLUSTER_POLICIES)]

    def put(self, path, obj, why):
        self.last = self.last[-30:] + [f'{why}: {brief(obj)}']
        self.model.apply(path, obj)

    def copy(self, key):
        with self.model.lock:
            return json.loads(json.dumps(self.model.objects[key]))

    def remove(self, path, keys=None):
        keys = self.have(path) if keys is None else keys
        if keys:
            key = self.chance.choice(keys)
            self.last = self.last[-30:] + [f'delete {key}']
            self.model.delete(*key)

    def relabel_pod(self):
        key = self.chance.choice(self.have(PODS))
        pod = self.copy(key)
        pod['metadata']['labels'] = {'app': f'a{self.chance.randrange(4)}',
                                     'tier': self.chance.choice('ab')}
        self.put(PODS, pod, 'pod labels')

    def relabel_space(self):
        space = self.copy((NAMESPACES, None, self.chance.choice(SPACES)))
        name = space['metadata']['name']
        space['metadata']['labels'] = {'team': self.chance.team(),
                                       'kubernetes.io/metadata.name': name}
        self.put(NAMESPACES, space, 'namespace labels')

    def ghost(self):
        """A pod that only the API knows, here or on another node, comes, or is another's."""
        here, k = self.chance.random() < .5, self.chance.randrange(4)
        base = self.copy(self.chance.choice([k for k in self.have(PODS) if k[2][0] == 'p']))
        own = base['status']['podIPs'][0]['ip'].rsplit('.', 1)[0]
        ip = f'{own}.{200 + k}' if here else f'10.99.7.{k + 1}'
        base['metadata'].update(name=f'ghost-{int(here)}-{k}')
        base['metadata'].pop('uid', None)
        base['spec']['nodeName'] = NODE if here else 'node-9'
        base['status'].update(podIP=ip, podIPs=[{'ip': ip}])
        for other in [o for o in self.have(PODS) if o[2] == base['metadata']['name']]:
            if other[1] != base['metadata']['namespace']:
                self.model.delete(*other)
        self.put(PODS, base, 'pod')

    def any(self):
        c = self.chance
        c.choice([
            lambda: self.put(POLICIES, c.network_policy(self.ips), 'policy'),
            lambda: self.put(POLICIES, c.network_policy(self.ips), 'policy'),
            lambda: self.put(CLUSTER_POLICIES, c.cluster_policy(self.ips), 'cluster policy'),
            lambda: self.remove(POLICIES), lambda: self.remove(CLUSTER_POLICIES),
            self.relabel_pod, self.relabel_pod, self.relabel_space, self.ghost, self.ghost,
            lambda: self.remove(PODS, [k for k in self.have(PODS) if k[2].startswith('ghost')]),
        ])()


# ---- the server's trouble ----

class Trouble:
    """What an API server does wrong, or somebody on the way to it. heal() ends all of it."""

    def __init__(self, model, start, chance):
        self.model, self.start, self.chance = model, start, chance
        self.server = start(0)
        self.cuts = 0
        self.quiet = False
        self.honest = Connection.raw
        Connection.raw = lambda connection, data: self.raw(connection, data)

    def raw(self, connection, data):
        if self.cuts and self.chance.random() < .3:
            self.cuts -= 1
            connection.sock.sendall(data[:self.chance.randrange(len(data) + 1)])
            self.chance.choice((connection.reset, connection.close))()
            raise OSError('cut')
        self.honest(connection, data)

    def heal(self):
        self.cuts, self.quiet = 0, False
        if self.server.stopped:
            for _ in range(100):
                try:
                    self.server = self.start(self.server.port)
                    break
                except OSError:  # the port is not free yet
                    time.sleep(.05)
        self.server.hook = None

    def refuse(self):
        self.server.hook = lambda request, connection: connection.reset() or True
        self.server.cut()

    def silent(self):
        self.quiet = True

        def hold(_request, connection):
            while self.quiet and not self.server.stopped:
                time.sleep(.05)
            connection.reset()
            return True
        self.server.hook = hold
        self.server.cut()

    def gone(self):
        self.model.compact()
        self.server.cut()

    def restart(self):
        self.server.stop()

    def overloaded(self):
        self.server.hook = lambda request, connection: connection.send(
            self.chance.choice((429, 500, 503)), b'{}', {'Retry-After': '1'}) or True
        self.server.cut()

    def cut_bytes(self):
        self.cuts = self.chance.randint(1, 12)
        self.server.cut()

    def any(self):
        kind = self.chance.choice(('refuse', 'silent', 'gone', 'gone', 'restart', 'overloaded',
                                   'cut_bytes', 'cut_bytes', 'cut_bytes'))
        getattr(self, kind)()
        return kind


# ---- a server that lies ----

def endless(connection, head, piece):
    connection.begin()
    connection.chunk(head)
    for _ in range(2000):  # more than any bound of the client
        connection.chunk(piece)


def whole(body):
    return lambda request, connection: connection.send(200, body) or True


def of_kind(**more):
    def answer(request, connection):
        kind, api, _ = KINDS.get(request.path, ('Status', 'v1', False))
        connection.send(200, dict({'kind': kind + 'List', 'apiVersion': api}, **more))
        return True
    return answer


def event(*events):
    def answer(request, connection):
        connection.begin()
        for e in events:
            connection.chunk(e)
        connection.end()
        return True
    return answer


def raw(data):
    return lambda request, connection: connection.raw(data) or connection.close() or True


CORE = (PODS, NAMESPACES, POLICIES, '/api/v1/nodes')
DEEP = b'[' * 200000
HOSTILE = {
    'nothing': whole(b''), 'empty-object': whole({}), 'null': whole(b'null'), 'list': whole([]),
    'other-kind': whole({'kind': 'ConfigMapList', 'apiVersion': 'v1', 'metadata': {
        'resourceVersion': '9'}, 'items': []}),
    'items-a-number': of_kind(metadata={'resourceVersion': '900'}, items=5),
    'items-a-map': of_kind(metadata={'resourceVersion': '900'}, items={'a': 1}),
    'items-without-version': of_kind(items=[]),
    'version-a-map': of_kind(metadata={'resourceVersion': {}}, items=[]),
    'items-of-wrong-types': of_kind(metadata={'resourceVersion': '900'}, items=[5, None, 'x', []]),
    'deep': whole(b'{"kind":"PodList","items":' + DEEP),
    'deep-event': event(b'{"type":"ADDED","object":' + DEEP + b'\n'),
    'endless-string': lambda r, c: endless(c, b'{"kind":"', b'x' * 65536) or True,
    'endless-blanks': lambda r, c: endless(c, b'{', b' ' * 65536) or True,
    'endless-header': lambda r, c: [c.raw(b'HTTP/1.1 200 OK\r\n')] and [
        c.raw(b'X-A: ' + b'y' * 65000 + b'\r\n') for _ in range(200)] and True,
    'wrong-events': event({'type': 7}, {'type': 'ADDED'}, {'type': 'ADDED', 'object': 5},
                          {'type': 'DELETED', 'object': []}, {'type': 'BOOKMARK', 'object': None},
                          [], 5, {'type': 'ERROR', 'object': 'x'}, {'type': 'UNHEARD', 'object': {}}),
    'bookmark-ends-early': event({'type': 'BOOKMARK', 'object': {'metadata': {
        'annotations': {'k8s.io/initial-events-end': 'true'}}}}),
    'bad-chunks': raw(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello'),
    'short': raw(b'HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"kind":"PodList","items":[]}'),
    'long': raw(b'HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n{}'),
    'no-http': raw(b'\x00\xff' * 5000), 'not-gzip': raw(
        b'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd'),
    'forbidden': lambda r, c: c.send(403, b'{}') or True,
    # of the cluster-wide kinds it would be the truth: they come and go
    'not-found': lambda r, c: r.path in CORE and (c.send(404, b'404 page not found') or True),
}


def new_server(model, in_node):
    """A function that starts a server on a port (0: any) in the node's network namespace."""
    return lambda port: in_node(lambda: Server(model, port=port))
