# SPDX-License-Identifier: Apache-2.0
"""A small API server for tests of the client: correct by default, and made to misbehave.

Objects live in `Model`; `Server` serves them over HTTP/1.1 on loopback, over TLS
if given a context. A test may put a function before it (server.hook), which
gets every request and answers it itself (true), or leaves it to the model.
"""
import base64
import gzip
import json
import socket
import struct
import threading
import time
import urllib.parse

KINDS = {
    '/api/v1/namespaces': ('Namespace', 'v1', False),
    '/api/v1/pods': ('Pod', 'v1', True),
    '/api/v1/nodes': ('Node', 'v1', False),
    '/api/v1/services': ('Service', 'v1', True),
    '/apis/apps/v1/deployments': ('Deployment', 'apps/v1', True),
    '/apis/apps/v1/replicasets': ('ReplicaSet', 'apps/v1', True),
    '/apis/apps/v1/statefulsets': ('StatefulSet', 'apps/v1', True),
    '/apis/apps/v1/daemonsets': ('DaemonSet', 'apps/v1', True),
    '/apis/batch/v1/jobs': ('Job', 'batch/v1', True),
    '/apis/batch/v1/cronjobs': ('CronJob', 'batch/v1', True),
    '/api/v1/replicationcontrollers': ('ReplicationController', 'v1', True),
    '/apis/networking.k8s.io/v1/networkpolicies': ('NetworkPolicy', 'networking.k8s.io/v1', True),
    '/apis/networking.k8s.io/v1/ingresses': ('Ingress', 'networking.k8s.io/v1', True),
    '/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies':
        ('ClusterNetworkPolicy', 'policy.networking.k8s.io/v1alpha2', False),
}


class Gone(Exception):
    pass


class Model:
    """Objects of all kinds with one counter of versions, and the events since it was compacted."""

    def __init__(self):
        self.lock = threading.Condition()
        self.version = 100
        self.objects = {}     # (path, namespace, name) -> object
        self.events = []      # (version, type, path, object)
        self.compacted = 0    # versions up to this are forgotten
        self.absent = {p for p in KINDS if 'policy.networking' in p}
        self.streaming = True
        self.bookmarks = True
        self.gzip = False
        self.snapshots = {}   # version -> objects, for pages

    def apply(self, path, obj, delete=False):
        kind, api, namespaced = KINDS[path]
        meta = obj['metadata']
        key = (path, meta.get('namespace') if namespaced else None, meta['name'])
        with self.lock:
            self.version += 1
            meta['resourceVersion'] = str(self.version)
            meta.setdefault('uid', f'uid-{self.version}')
            obj = json.loads(json.dumps(obj))
            event = 'DELETED' if delete else 'MODIFIED' if key in self.objects else 'ADDED'
            if delete:
                self.objects.pop(key, None)
            else:
                self.objects[key] = obj
            self.events.append((self.version, event, path, dict(obj, kind=kind, apiVersion=api)))
            self.lock.notify_all()

    def delete(self, path, ns, name):
        with self.lock:
            obj = json.loads(json.dumps(self.objects[(path, ns, name)]))
        self.apply(path, obj, delete=True)

    def compact(self):
        with self.lock:
            self.version += 1
            self.compacted = self.version  # watches that run have their events still
            self.snapshots = {}

    def of(self, objects, path, ns):
        return [o for (p, n, _), o in sorted(objects.items(), key=lambda i: str(i[0]))
                if p == path and (ns is None or n == ns)]

    def listing(self, path, ns, limit, token):
        kind, api, _ = KINDS[path]
        with self.lock:
            if token:
                version, at = json.loads(base64.b64decode(token))
                if version not in self.snapshots:
                    raise Gone('The provided continue parameter is too old')
                objects = self.snapshots[version]
            else:
                version, at = self.version, 0
                objects = self.snapshots[version] = dict(self.objects)
        items = self.of(objects, path, ns)
        meta = {'resourceVersion': str(version)}
        if limit and at + limit < len(items):
            meta['continue'] = base64.b64encode(json.dumps([version, at + limit]).encode()).decode()
            meta['remainingItemCount'] = len(items) - at - limit
        page = items[at:at + limit] if limit else items[at:]
        return {'kind': kind + 'List', 'apiVersion': api, 'metadata': meta, 'items': page}


def status(code, message, reason='', **details):
    return {'kind': 'Status', 'apiVersion': 'v1', 'metadata': {}, 'status': 'Failure',
            'message': message, 'reason': reason, 'code': code, 'details': details}


class Connection:
    def __init__(self, sock):
        self.sock = sock
        self.chunked = False

    def raw(self, data):
        self.sock.sendall(data)

    def send(self, code, body, headers=(), compress=False):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        headers = dict({'Content-Type': 'application/json'}, **dict(headers))
        if compress:
            body = gzip.compress(body)
            headers['Content-Encoding'] = 'gzip'
        head = ''.join(f'{k}: {v}\r\n' for k, v in headers.items())
        self.raw(f'HTTP/1.1 {code} X\r\n{head}Content-Length: {len(body)}\r\n\r\n'.encode() + body)

    def begin(self, code=200, headers=()):
        head = ''.join(f'{k}: {v}\r\n' for k, v in
                       dict({'Content-Type': 'application/json'}, **dict(headers)).items())
        self.raw(f'HTTP/1.1 {code} OK\r\n{head}Transfer-Encoding: chunked\r\n\r\n'.encode())

    def chunk(self, data):
        if not isinstance(data, bytes):
            data = (json.dumps(data) + '\n').encode()
        if data:
            self.raw(b'%x\r\n%s\r\n' % (len(data), data))

    def end(self):
        self.raw(b'0\r\n\r\n')

    def reset(self):
        sock = getattr(self.sock, '_sock', self.sock)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        except OSError:
            pass
        self.close()

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()


class Request:
    def __init__(self, head):
        lines = head.decode('latin-1').split('\r\n')
        self.method, self.target, _ = lines[0].split(' ', 2)
        self.headers = {k.lower(): v.strip() for k, _, v in (l.partition(':') for l in lines[1:])}
        url = urllib.parse.urlsplit(self.target)
        self.query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        self.ns, self.path = None, url.path
        parts = url.path.split('/')
        if 'namespaces' in parts and len(parts) > parts.index('namespaces') + 2:
            at = parts.index('namespaces')
            self.ns = parts[at + 1]
            self.path = '/'.join(parts[:at] + parts[at + 2:])
        self.watch = 'watch' in self.query
        self.initial = self.query.get('sendInitialEvents') == 'true'


class Server:
    running = []

    def __init__(self, model=None, tls=None, host='127.0.0.1', port=0):
        self.model = model or Model()
        Server.running.append(self)
        self.hook = None
        self.tls = tls
        self.requests = []
        self.errors = []  # what the hook found wrong
        self.connections = set()
        self.stopped = False
        self.listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((host, port))
        self.listener.listen(64)
        self.port = self.listener.getsockname()[1]
        self.url = f'{"https" if tls else "http"}://{host}:{self.port}'
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while not self.stopped:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def stop(self):
        if self.stopped:
            return
        self.stopped = True
        self.listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits in it
        self.listener.close()
        self.cut()
        with self.model.lock:
            self.model.lock.notify_all()

    def cut(self):
        for c in list(self.connections):
            c.reset()

    def serve(self, sock):
        conn = None
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True)
            conn = Connection(sock)
            self.connections.add(conn)
            buffer = b''
            while True:
                while b'\r\n\r\n' not in buffer:
                    got = sock.recv(65536)
                    if not got:
                        return
                    buffer += got
                head, _, buffer = buffer.partition(b'\r\n\r\n')
                request = Request(head)
                request.peer = sock.getpeercert() if self.tls else None
                length = int(request.headers.get('content-length', 0))
                while len(buffer) < length:
                    buffer += sock.recv(65536)
                request.body, buffer = buffer[:length], buffer[length:]
                self.requests.append(request)
                if not (self.hook and self.hook(request, conn)):
                    self.answer(request, conn)
        except (OSError, ValueError):
            pass
        except Exception as e:  # a hook's own check: for the test to tell
            self.errors.append(str(e))
        finally:
            self.connections.discard(conn)
            sock.close()

    def answer(self, request, conn):
        m = self.model
        if request.path == '/apis':
            groups = sorted({KINDS[p][1] for p in KINDS if p not in m.absent and '/' in KINDS[p][1]})
            return conn.send(200, {'kind': 'APIGroupList', 'apiVersion': 'v1', 'groups': [
                {'name': g.split('/')[0], 'versions': [{'groupVersion': g}]} for g in groups]})
        if request.path not in KINDS or request.path in m.absent:
            return conn.send(404, b'404 page not found\n', {'Content-Type': 'text/plain'})
        if request.initial and not m.streaming:
            return conn.send(422, status(422, 'sendInitialEvents is forbidden for watch unless the '
                                         'WatchList feature gate is enabled', 'Invalid'))
        if request.watch:
            return self.watch(request, conn)
        try:
            page = m.listing(request.path, request.ns, int(request.query.get('limit', 0)),
                             request.query.get('continue'))
        except Gone as gone:
            return conn.send(410, status(410, str(gone), 'Expired'))
        return conn.send(200, page, compress=m.gzip and 'gzip' in
                         request.headers.get('accept-encoding', ''))

    def watch(self, request, conn):
        m = self.model
        kind, api, _ = KINDS[request.path]
        until = time.monotonic() + int(request.query.get('timeoutSeconds', 3600))
        version = int(request.query.get('resourceVersion') or 0)
        conn.begin()

        def bookmark(at, notes=None):
            meta = {'resourceVersion': str(at)}
            if notes:
                meta['annotations'] = notes
            conn.chunk({'type': 'BOOKMARK', 'object': {'kind': kind, 'apiVersion': api,
                                                       'metadata': meta}})
        if request.initial:
            with m.lock:
                version, objects = m.version, m.of(m.objects, request.path, request.ns)
            for o in objects:
                conn.chunk({'type': 'ADDED', 'object': dict(o, kind=kind, apiVersion=api)})
            bookmark(version, {'k8s.io/initial-events-end': 'true'})
        elif version < m.compacted:
            conn.chunk({'type': 'ERROR', 'object': status(
                410, f'too old resource version: {version} ({m.compacted})', 'Expired')})
            return conn.end()
        while True:
            with m.lock:
                news = [e for e in m.events if e[0] > version]
                if not news and not self.stopped:
                    m.lock.wait(max(0, min(until - time.monotonic(), 1)))
                    news = [e for e in m.events if e[0] > version]
            for at, event, path, obj in news:
                version = at
                if path == request.path and request.ns in (None, obj['metadata'].get('namespace')):
                    conn.chunk({'type': event, 'object': obj})
            if time.monotonic() >= until or self.stopped:
                if m.bookmarks:
                    bookmark(version)
                return conn.end()
