# SPDX-License-Identifier: Apache-2.0
"""Servers that are broken or hostile: nothing crashes, nothing that was known is lost."""
import itertools
import json
import threading
import time

from harness import FAST, PODS, Client, check, kubeconfig, pod
from server import Server
from test_feed import agree, finish, started

META = '"metadata":{"resourceVersion":"5"}'
HEAD = '{"kind":"PodList","apiVersion":"v1",' + META
LISTS = [
    '', 'null', '[]', '"x"', '{', '{}', '\0\0\0', '{"kind":"PodList"}', '<html>hello</html>',
    HEAD + '}x', HEAD + ',"items":{}}', HEAD + ',"items":"x"}', HEAD + ',"items":[1]}',
    HEAD + ',"items":[null]}', HEAD + ',"items":[[]]}', HEAD + ',"items":[{}]}',
    HEAD + ',"items":[{"metadata":7}]}', HEAD + ',"items":[{"metadata":{"name":"x"}}]}',
    HEAD + ',"items":[{"metadata":{"name":"x","namespace":"a","resourceVersion":7}}]}',
    HEAD + ',"items":[{"metadata":{"name":["x"],"namespace":"a","resourceVersion":"7"}}]}',
    HEAD + ',"items":[{"metadata":{"name":"x","resourceVersion":"7"}}]}',
    HEAD + ',"items":[{"kind":"Node","metadata":{"name":"x","namespace":"a","resourceVersion":"7"}}]}',
    HEAD + ',"items":[{"metadata":{"name":"x","namespace":"a","resourceVersion":"7"}} {}]}',
    HEAD + ',"items":[,{"metadata":{"name":"x","namespace":"a","resourceVersion":"7"}}]}',
    HEAD + ',"items":[{"metadata":{"name":"x","namespace":"a","resourceVersion":"7"}},]}',
    HEAD + ',"items":[{"metadata":{"name":"x","namespace":"a","resourceVersion":"7"}]}',
    HEAD + ',"items":[{"metadata":{"name":"\xff","namespace":"a","resourceVersion":"7"}}]}',
    '{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":""},"items":[]}',
    '{"kind":"PodList","apiVersion":"v1","metadata":[],"items":[]}',
    '{"kind":"NodeList","apiVersion":"v1",' + META + ',"items":[]}',
    '{"kind":"Table","apiVersion":"meta.k8s.io/v1",' + META + ',"rows":[]}',
    '{"kind":["PodList"],' + META + ',"items":[]}', '[' * 100000, '{"a":' * 100000,
    HEAD + ',"items":[' + '{"a":' * 1000 + '}' * 1000 + ']}', '{"\\', '{"a":"' + 'x' * 100000,
]
EVENTS = [
    'null', '[]', 'x', '{}', '{"type":1}', '{"type":"ADDED"}', '{"type":"ADDED","object":1}',
    '{"type":"ADDED","object":{}}', '{"type":"ADDED","object":{"metadata":null}}',
    '{"type":"NEW","object":{"metadata":{"name":"x","namespace":"a","resourceVersion":"7"}}}',
    '{"type":"DELETED","object":{"metadata":{"resourceVersion":"7"}}}',
    '{"type":"DELETED","object":{"metadata":{"name":"p0","resourceVersion":"7"}}}',
    '{"type":"DELETED","object":{"metadata":{"name":"p0","namespace":"a"}}}',
    '{"type":"BOOKMARK","object":{}}', '{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":7}}}',
    '{"type":"ERROR","object":{}}', '{"type":"ERROR","object":7}',
    '{"type":"ERROR","object":{"code":"410","message":7}}',
    '{"type":"ERROR","object":{"code":500,"message":"\\u001b[31m","details":{"retryAfterSeconds":-5}}}',
    '{"type":"ADDED","object":{"kind":"Node","apiVersion":"v1","metadata":{"name":"x","namespace":"a",'
    '"resourceVersion":"7"}}}',
    '{"type":"ADDED","object":' + '[' * 5000, '}', ']', '"', '\\', '\x00',
]


def test_lists_of_wrong_types(folder):
    server, client = started(folder, 'paged=1', 'backoff=1', 'backoff-max=2', 'pods')
    client.wait('live=1')
    todo = list(LISTS)

    def hook(request, conn):
        if request.watch and todo:
            conn.send(410, b'{}')
        elif todo:
            body = todo.pop(0)
            conn.send(200, body.encode('latin-1'))
        else:
            return False
        return True
    server.hook = hook
    server.model.delete(PODS, 'a', 'p0')
    client.wait('^deleted Pod a/p0')
    start = len(client.lines)
    server.cut()
    client.wait('^synced Pod 4', 30)
    check(not todo, 'not all were asked for')
    failures = sum('live=0' in l for l in client.lines[start:])
    check(failures >= len(LISTS), f'{failures} failures for {len(LISTS)} bad lists')
    check(not any(l.startswith(('added', 'deleted', 'changed')) for l in client.lines[start:]),
          'a bad list changed something')
    agree(client, server)
    finish(server, client)


def test_events_of_wrong_types(folder):
    server, client = started(folder, 'backoff=1', 'backoff-max=2', 'pods')
    client.wait('^synced Pod 5')
    todo = list(EVENTS)

    def hook(request, conn):
        if request.initial or not todo:
            return False
        conn.begin()
        conn.chunk(todo.pop(0).encode('latin-1'))
        conn.end()
        return True
    server.hook = hook
    server.cut()
    until = time.monotonic() + 30
    while todo and time.monotonic() < until:
        server.cut()  # out of the good watches
        time.sleep(0.05)
    check(not todo, f'{len(todo)} were not asked for')
    server.hook = None
    server.cut()
    server.model.apply(PODS, pod('p0', ip='10.8.8.8'))
    client.wait('^changed Pod a/p0 .*10.8.8.8')
    changed = [l for l in client.lines if l.startswith(('added', 'deleted', 'changed'))]
    check(len(changed) == 6, f'a bad event changed something: {changed}')
    agree(client, server)
    finish(server, client)


def pour(conn, head, piece, seconds=20):
    """Sends without end, until the other side hangs up."""
    end = time.monotonic() + seconds
    conn.raw(head)
    sent = 0
    try:
        while time.monotonic() < end:
            conn.raw(piece)
            sent += len(piece)
    except OSError:
        return sent
    return -1


ENDLESS = {
    'one string': (b'HTTP/1.1 200 OK\r\n\r\n{"kind":"', b'x' * 65536, 17),
    'one object': (b'HTTP/1.1 200 OK\r\n\r\n' + HEAD.encode() + b',"items":[{"a":[', b'7,' * 32768, 17),
    'values': (b'HTTP/1.1 200 OK\r\n\r\n' + HEAD.encode() + b',"items":[{"a":[', b'{},' * 20000, 5),
    'error body': (b'HTTP/1.1 500 OK\r\n\r\n', b'x' * 65536, 5),
    'headers': (b'HTTP/1.1 200 OK\r\n', b'X-Y: ' + b'z' * 1000 + b'\r\n', 2),
    'one header': (b'HTTP/1.1 200 OK\r\nX-Y: ', b'z' * 65536, 2),
}


def test_endless_bodies(folder):
    server = Server()
    results = {}
    todo = list(ENDLESS)

    def hook(request, conn):
        if request.watch and todo:
            conn.send(400, b'{}')
        elif todo:
            name = todo.pop(0)
            head, piece, _ = ENDLESS[name]
            results[name] = pour(conn, head, piece)
        else:
            return False
        return True
    server.hook = hook
    _, client = started(folder, 'paged=1', 'backoff=1', 'backoff-max=2', 'pods', server=server)
    client.wait('^synced Pod 5', 60)
    for name, (_, _, most) in ENDLESS.items():
        # what lies in the sockets' buffers counts with what was read
        check(0 <= results[name] < (most + 14) << 20, f'{name}: took {results[name]} bytes')
    agree(client, server)
    finish(server, client)


def test_endless_event(folder):
    """An event past the bound is an error and a new list."""
    server, client = started(folder, 'pods')
    client.wait('^synced Pod 5')

    def hook(request, conn):
        if request.initial or hook.taken >= 0:
            return False
        hook.taken = 0
        conn.begin()
        try:
            conn.chunk(b'{"type":"ADDED","object":{"metadata":{"annotations":{"a":"')
            while hook.taken < 100 << 20:
                conn.chunk(b'y' * 65536)
                hook.taken += 65536
        except OSError:
            pass
        return True
    hook.taken = -1
    server.hook = hook
    server.cut()
    client.wait('error=the server sent an object of more than 16777216 bytes', 30)
    client.wait('^synced Pod 5')
    check(hook.taken < 32 << 20, f'it took {hook.taken} bytes')
    finish(server, client)


def test_large_object(folder):
    """One within the bound is no trouble."""
    server, client = started(folder, 'pods')
    client.wait('^synced Pod 5')
    big = pod('big', ip='10.0.3.3')
    big['metadata']['annotations'] = {'a': 'z' * (15 << 20)}
    server.model.apply(PODS, big)
    client.wait('^added Pod a/big .*10.0.3.3', 30)
    finish(server, client)


def test_gzip_bomb(folder):
    import gzip
    server = Server()
    bomb = gzip.compress(HEAD.encode() + b',"items":[{"a":"' + b'0' * (200 << 20))

    def hook(request, conn):
        if request.watch or hook.n:
            return False
        hook.n += 1
        conn.send(200, bomb, {'Content-Encoding': 'gzip'})
        return True
    hook.n = 0
    server.hook = hook
    _, client = started(folder, 'paged=1', 'pods', server=server)
    client.wait('error=the server sent an object of more than 16777216 bytes', 30)
    client.wait('^synced Pod 5')
    finish(server, client)


BAD_HTTP = [
    b'\0' * 100, b'hello\r\n\r\n', b'HTTP/9.9 200 OK\r\n\r\n', b'HTTP/1.1 abc\r\n\r\n', b'HTTP/1.1\r\n\r\n',
    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n',
    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n{}\r\n',
    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}\r\n',
    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a":1}\r\n0\r\n\r\n',
    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n',
    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n',
    b'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\n01234567890123456789',
    b'HTTP/1.1 200 OK\r\nContent-Encoding: lzma\r\nContent-Length: 2\r\n\r\n{}',
    b'HTTP/1.1 200 OK\r\nContent-Length: -7\r\n\r\n{}', b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{}',
    b'HTTP/1.1 204 No\r\n\r\n', b'HTTP/1.1 206 Part\r\nContent-Length: 2\r\n\r\n{}',
    b'HTTP/1.1 100 Continue\r\n\r\n', b'HTTP/1.1 101 Switch\r\nUpgrade: h2c\r\n\r\n',
    b'HTTP/1.1 304 Same\r\n\r\n', b'HTTP/1.1 401 No\r\nWWW-Authenticate: Negotiate\r\nContent-Length: 0\r\n\r\n',
    b'HTTP/1.1 403 No\r\nContent-Length: 9\r\n\r\n\x1b[31mred\r\n', b'HTTP/1.1 429 Slow\r\nRetry-After: x\r\n\r\n',
]


def test_bad_http(folder):
    server, client = started(folder, 'backoff=1', 'backoff-max=2', 'stall=1', 'pods')
    client.wait('^synced Pod 5')
    server.model.compact()
    todo = [(kind, bad) for bad in BAD_HTTP for kind in ('first', 'again')]

    def hook(request, conn):
        if not todo:
            return False
        conn.raw(todo.pop(0)[1])
        conn.close()
        return True
    server.hook = hook
    start = len(client.lines)
    server.cut()
    client.wait('^synced Pod 5', 60)
    check(not todo, 'not all were asked for')
    check(not any(l.startswith(('added', 'deleted', 'changed')) for l in client.lines[start:]),
          'a bad answer changed something')
    check(not any('\x1b' in l for l in client.lines), 'an escape sequence gets through')
    agree(client, server)
    finish(server, client)


def test_redirect(folder):
    """Credentials are not carried to another place."""
    server, other = Server(), Server()

    def hook(request, conn):
        conn.send(302, b'', {'Location': other.url + request.target})
        return True
    server.hook = hook
    _, client = started(folder, 'pods', server=server)
    client.wait('error=the server says 302')
    client.wait('failures=3')
    check(not other.requests, 'it followed')
    other.stop()
    finish(server, client)


def test_pages_without_end(folder):
    """A continue that never ends is left alone after a while, and does no harm till then."""
    server = Server()

    def hook(request, conn):
        if request.watch:
            conn.send(400, b'{}')
        else:
            conn.send(200, {'kind': 'PodList', 'apiVersion': 'v1', 'items': [],
                            'metadata': {'resourceVersion': '5', 'continue': 'again'}})
        return True
    server.hook = hook
    _, client = started(folder, 'pods', server=server)
    client.wait('error=the server sends a list without end', 60)
    server.hook = None
    client.wait('^synced Pod 5')
    finish(server, client)


def test_stalled_list(folder):
    """A list that stands still is given up."""
    server = Server()

    def hook(request, conn):
        if request.watch or hook.n:
            return False
        hook.n += 1
        conn.begin()
        conn.chunk(HEAD.encode())
        time.sleep(20)
        return True
    hook.n = 0
    server.hook = hook
    _, client = started(folder, 'paged=1', 'stall=1', 'pods', server=server)
    client.wait('failures=1', 8)
    client.wait('^synced Pod 5')
    finish(server, client)


def test_half_a_list(folder):
    """A list that is cut anywhere changes nothing."""
    server, client = started(folder, 'paged=1', 'backoff=1', 'backoff-max=2', 'pods', pods=2)
    client.wait('live=1')
    whole = json.dumps({'kind': 'PodList', 'apiVersion': 'v1', 'metadata': {'resourceVersion': '5'},
                        'items': [pod('other')]}).encode()
    at = itertools.count(0, 5)

    def hook(request, conn):
        n = hook.n = next(at) if hook.n < len(whole) else hook.n
        if n >= len(whole):
            return False
        if request.watch:
            conn.send(410, b'{}')
            return True
        conn.begin()
        conn.chunk(whole[:n])
        conn.close() if n % 2 else conn.end()
        return True
    hook.n = 0
    server.hook = hook
    start = len(client.lines)
    server.cut()
    client.wait('^synced Pod 2', 30)
    check(hook.n >= len(whole), 'not all were tried')
    check(not any(l.startswith(('added', 'deleted', 'changed')) for l in client.lines[start:]),
          'half a list changed something')
    finish(server, client)


def test_end_while_busy(folder):
    """A client that is freed in the middle of everything leaves nothing behind."""
    server = Server()
    for i in range(300):
        server.model.apply(PODS, pod(f'x{i}'))
    stop = threading.Event()

    def hook(request, conn):
        if request.path == '/slow':
            time.sleep(3)
        return False
    server.hook = hook
    config = kubeconfig(folder / 'config', server.url)
    for n in range(6):
        client = Client(f'kubeconfig={config}', *FAST, 'paged=1', 'page=5', 'pods', 'nodes', 'cnp')
        client.order('/slow')
        time.sleep(0.03 * n)
        client.close()
    stop.set()
    server.stop()
