# SPDX-License-Identifier: Apache-2.0
"""Lists and watches of a server that does what API servers do."""
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import time

from harness import (CNPS, FAST, PODS, POLICIES, Client, check, kubeconfig, pod, policy, truth)
from server import Model, Server, status

CORPUS = pathlib.Path(__file__).resolve().parent.parent.parent.parent / 'shared' / 'corpus' / 'kube-api'


def started(folder, *argv, pods=5, server=None, **cluster):
    server = server or Server()
    for i in range(pods):
        server.model.apply(PODS, pod(f'p{i}', ip=f'10.0.0.{i + 1}', app='x'))
    config = kubeconfig(folder / 'config', server.url, **cluster)
    return server, Client(f'kubeconfig={config}', *FAST, *argv)


def agree(client, server, path=PODS, seconds=10):
    """The client comes to hold what the server has."""
    until = time.monotonic() + seconds
    while True:
        mine, theirs = client.dump(), truth(server.model, path)
        if mine == theirs:
            return
        check(time.monotonic() < until, f'it holds {mine}, the server has {theirs}')
        time.sleep(0.05)


def finish(server, client):
    client.close()
    server.stop()


def test_streaming_list(folder):
    server, client = started(folder, 'pods')
    client.wait('^server http://127')
    client.wait('^synced Pod 5')
    server.model.apply(PODS, pod('p1', ip='10.0.0.9'))
    client.wait('^changed Pod a/p1 .* labels=0 ip=10.0.0.9')
    server.model.apply(PODS, pod('new', ns='b'))
    client.wait('^added Pod b/new')
    server.model.delete(PODS, 'a', 'p2')
    client.wait('^deleted Pod a/p2')
    agree(client, server)
    check(len(server.requests) == 1, 'one request would have done')
    finish(server, client)


def test_heartbeats(folder):
    """What changes nothing that is kept is not told; only the version is taken over."""
    server, client = started(folder, 'pods')
    client.wait('^synced Pod 5')

    def beat(i, **more):
        p = pod('p1', ip='10.0.0.2', app='x')
        p['metadata'].update(uid=uid, annotations={'beat': str(i)}, **more)
        p['status']['conditions'] = [{'type': 'Ready', 'message': 'x' * i}]
        server.model.apply(PODS, p)
    with server.model.lock:
        uid = server.model.objects[(PODS, 'a', 'p1')]['metadata']['uid']
    server.model.version = 999_999_999_990  # versions become longer than their room
    for i in range(1, 20):
        beat(i)
    server.model.version = 99_999_999_999_999_990
    for i in range(1, 20):
        beat(i)
    agree(client, server)
    check(not any(l.startswith('changed') for l in client.lines), 'a heartbeat is no change')
    check(any(l.endswith(' unchanged 38') for l in client.lines), 'they are counted')
    beat(1, labels={'app': 'y'})
    client.wait('^changed Pod a/p1 ')
    beat(2, labels={'app': 'y'})
    server.model.compact()
    server.cut()
    agree(client, server)
    uid = 'another'
    beat(2, labels={'app': 'y'})
    client.wait('^changed Pod a/p1 ')
    finish(server, client)


def test_pages(folder):
    server, client = started(folder, 'paged=1', 'page=2', 'pods', pods=7)
    client.wait('^synced Pod 7')
    client.wait('live=1')
    agree(client, server)
    pages = [r.query for r in server.requests if 'limit' in r.query]
    check([('continue' in q) for q in pages] == [False, True, True, True], str(pages))
    check(any('live=1' in l for l in client.lines), 'the watch does not run')
    server.model.apply(PODS, pod('late'))
    client.wait('^added Pod a/late')
    finish(server, client)


def test_pages_from_one_moment(folder):
    """What changes while the pages come is told by the watch."""
    server = Server()

    def hook(request, conn):
        if 'continue' in request.query and not hook.done:
            hook.done = True
            server.model.apply(PODS, pod('p0', ip='10.9.9.9'))
            server.model.delete(PODS, 'a', 'p6')
        return False
    hook.done = False
    server.hook = hook
    _, client = started(folder, 'paged=1', 'page=3', 'pods', pods=7, server=server)
    client.wait('^synced Pod 7')
    client.wait('^changed Pod a/p0 .*10.9.9.9')
    client.wait('^deleted Pod a/p6')
    finish(server, client)


def test_continue_expires(folder):
    server = Server()

    def hook(request, conn):
        if 'continue' in request.query and hook.left:
            hook.left -= 1
            server.model.compact()
        return False
    hook.left = 2
    server.hook = hook
    _, client = started(folder, 'paged=1', 'page=2', 'pods', pods=9, server=server)
    client.wait('^synced Pod 9')
    agree(client, server)
    limits = [r.query['limit'] for r in server.requests if 'limit' in r.query]
    check('8' in limits, f'pages do not grow: {limits}')
    finish(server, client)


def test_compacted_watch(folder):
    """410 as an event: what was deleted meanwhile is deleted, what is the same is not told."""
    server, client = started(folder, 'pods')
    client.wait('^synced Pod 5')
    server.hook = lambda request, conn: conn.close() or True  # away
    server.cut()
    client.wait('live=0 .*failures=1')
    server.model.delete(PODS, 'a', 'p1')
    server.model.apply(PODS, pod('p3', ip='10.0.0.99'))
    server.model.apply(PODS, pod('p9'))
    server.model.compact()
    server.hook = None
    start = len(client.lines)
    client.wait('^synced Pod 5')
    told = sorted(' '.join(l.split()[:3]) for l in client.lines[start:]
                  if l.split()[0] in ('added', 'changed', 'deleted'))
    check(told == ['added Pod a/p9', 'changed Pod a/p3', 'deleted Pod a/p1'], str(told))
    agree(client, server)
    finish(server, client)


def test_expired_by_status(folder):
    """410 as the answer's status, on a watch."""
    server, client = started(folder, 'pods')
    client.wait('^synced Pod 5')

    def hook(request, conn):
        if request.watch and 'resourceVersion' in request.query:
            conn.send(410, status(410, 'too old resource version', 'Expired'))
            return True
        return False
    server.hook = hook
    server.model.delete(PODS, 'a', 'p4')
    client.wait('^deleted Pod a/p4')
    server.cut()
    client.wait('^synced Pod 4')
    agree(client, server)
    finish(server, client)


def test_one_uid_after_another(folder):
    """Deleted and made again between two lists, under the same name."""
    server, client = started(folder, 'pods', pods=2)
    client.wait('^synced Pod 2')
    server.hook = lambda request, conn: conn.close() or True
    server.cut()
    client.wait('live=0')
    server.model.delete(PODS, 'a', 'p1')
    server.model.apply(PODS, pod('p1', ip='10.0.7.7'))
    server.model.compact()
    server.hook = None
    client.wait('^changed Pod a/p1 .*10.0.7.7')
    agree(client, server)
    finish(server, client)


def test_no_streaming_lists(folder):
    model = Model()
    model.streaming = False
    server, client = started(folder, 'page=2', 'pods', server=Server(model))
    client.wait('^synced Pod 5')
    check(not any('failures=1' in l for l in client.lines), 'this is no failure')
    agree(client, server)
    check(sum(r.initial for r in server.requests) == 1, 'it asked again')
    finish(server, client)


def test_streaming_list_taken_for_a_watch(folder):
    """An old server ignores what it does not know, and never says where the list ends."""
    server = Server()

    def hook(request, conn):
        if not request.initial:
            return False
        conn.begin()
        for o in server.model.of(server.model.objects, PODS, None):
            conn.chunk({'type': 'ADDED', 'object': dict(o, kind='Pod', apiVersion='v1')})
        time.sleep(5)
        return True
    server.hook = hook
    _, client = started(folder, 'pods', server=server)
    client.wait('^synced Pod 5', 5)
    agree(client, server)
    finish(server, client)


def test_bookmarks(folder):
    """A new watch begins at the last bookmark, also when nothing has happened to the kind."""
    server, client = started(folder, 'watch=1', 'pods')
    client.wait('^synced Pod 5')
    for i in range(5):
        server.model.apply(POLICIES, policy(f'n{i}'))
    until = time.monotonic() + 10
    while sum(r.watch and not r.initial for r in server.requests) < 2 and time.monotonic() < until:
        time.sleep(0.1)
    versions = [r.query['resourceVersion'] for r in server.requests if 'resourceVersion' in r.query]
    check(str(server.model.version) in versions, f'{versions}, the server is at {server.model.version}')
    check(not any('failures=1' in l for l in client.lines), 'the end of a watch is no failure')
    finish(server, client)


def test_gzip(folder):
    model = Model()
    model.gzip = True
    server, client = started(folder, 'paged=1', 'pods', pods=50, server=Server(model))
    client.wait('^synced Pod 50')
    agree(client, server)
    finish(server, client)


def test_one_namespace(folder):
    server, client = started(folder, 'ns=b', 'pods', 'nodes')
    server.model.apply(PODS, pod('mine', ns='b'))
    server.model.apply('/api/v1/nodes', {'metadata': {'name': 'n1'}})
    client.wait('^added Node n1')
    client.wait('^added Pod b/mine') if not any('b/mine' in l for l in client.lines) else None
    check(any(r.target.startswith('/api/v1/namespaces/b/pods?') for r in server.requests),
          'the namespace is not in the path')
    check(not any(' a/p' in l for l in client.lines), "another's pods")
    finish(server, client)


def test_cut_at_every_byte(folder):
    """Connections that end after any byte of an event: nothing lost, nothing told twice."""
    server = Server()

    def hook(request, conn):
        if not request.watch or request.initial:
            return False
        text = (hook.text % (200 + hook.at, 200 + hook.at)).encode()
        if hook.at >= len(text):
            return False
        version, at = int(request.query['resourceVersion']), hook.at
        check(hook.asked <= version <= hook.given, f'it watches from {version} after {hook.given}')
        hook.asked, hook.at = version, at + 1
        conn.begin()
        if at % 3 == 2:  # the whole event, byte by byte, and then a part of the next
            for b in text:
                conn.chunk(bytes([b]))
            hook.given = 200 + at
        conn.chunk(text[:at])
        conn.reset() if at % 3 == 1 else conn.close()
        return True
    hook.at, hook.asked, hook.given = 0, 101, 101
    hook.text = ('{"type":"MODIFIED","object":{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p0",'
                 '"namespace":"a","uid":"u\\"}\\\\","resourceVersion":"%d",'
                 '"labels":{"v":"%d"}}}}\n')
    server.hook = hook
    _, client = started(folder, 'backoff=1', 'backoff-max=2', 'pods', pods=1, server=server)
    client.wait('^synced Pod 1')
    server.cut()
    until = time.monotonic() + 60
    while hook.at < len(hook.text) - 1 and time.monotonic() < until:
        time.sleep(0.05)
    check(hook.at >= len(hook.text) - 1 and not server.errors, f'at byte {hook.at}: {server.errors}')
    server.hook = None
    server.model.version = 1000
    server.model.apply(PODS, pod('p0', ip='10.1.1.1'))
    client.wait('^changed Pod a/p0 1001 .*10.1.1.1')
    versions = [int(m.group(1)) for m in (re.match(r'changed Pod a/p0 (\d+)', l)
                                          for l in client.lines) if m]
    check(versions == sorted(set(versions)), f'told twice, or in no order: {versions}')
    want = {200 + at for at in range(hook.at - 1) if at % 3 == 2}
    check(want <= set(versions), f'lost: {want - set(versions)}')
    check(not any(l.startswith(('deleted', 'synced Pod 0')) for l in client.lines), 'lost the pod')
    finish(server, client)


def test_silent_watch(folder):
    """A server that says nothing, and does not keep to timeoutSeconds, is left."""
    server, client = started(folder, 'watch=1', 'grace=300', 'pods')
    client.wait('^synced Pod 5')

    def hook(request, conn):
        if not request.watch:
            return False
        hook.seen += 1
        conn.begin()
        time.sleep(30)
        return True
    hook.seen = 0
    server.hook = hook
    server.cut()
    client.wait('live=0 .*failures=2', 6)
    check(hook.seen >= 1, 'no watch')
    server.hook = None
    server.model.apply(PODS, pod('p0', ip='10.2.2.2'))
    client.wait('^changed Pod a/p0 .*10.2.2.2')
    finish(server, client)


def test_idle_watch(folder):
    """A healthy watch with nothing to tell is left alone."""
    server, client = started(folder, 'stall=1', 'initial=500', 'pods')
    client.wait('live=1')
    client.quiet('.', 4)
    check(len(server.requests) == 1, 'it asked again')
    server.model.apply(PODS, pod('p0', ip='10.2.2.2'))
    client.wait('^changed Pod a/p0 .*10.2.2.2')
    finish(server, client)


def in_a_namespace_of_its_own(name):
    """Runs a test of this file again in a network namespace where it may drop packets."""
    if os.geteuid() or not all(shutil.which(p) for p in ('ip', 'nft')):
        return 'needs root, ip(8) and nft(8)'
    ns = f'weir-kube-{os.getpid()}'
    subprocess.run(['ip', 'netns', 'add', ns], check=True)
    try:
        subprocess.run(['ip', '-n', ns, 'link', 'set', 'lo', 'up'], check=True)
        p = subprocess.run(['ip', 'netns', 'exec', ns, sys.executable, *sys.argv[:3], name], text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120,
                           env=dict(os.environ, WEIR_TEST_NETNS=ns), check=False)
    finally:
        subprocess.run(['ip', 'netns', 'del', ns], check=True)
    check(p.stdout == f'ok {name}\n', p.stdout)
    return None


def test_dead_peer(folder):
    """A peer that is gone without a word is found by TCP, long before the watch would end."""
    if 'WEIR_TEST_NETNS' not in os.environ:
        return in_a_namespace_of_its_own('dead-peer')
    server, client = started(folder, 'keepalive=1', 'pods')
    client.wait('live=1')
    client.quiet('.', 6)  # idle, and alive: probes are answered
    subprocess.run(['nft', 'add table inet t; add chain inet t c { type filter hook input priority 0; };'
                    f'add rule inet t c tcp dport {server.port} drop;'
                    f'add rule inet t c tcp sport {server.port} drop'], check=True)
    began = time.monotonic()
    client.wait('failures=1', 15)
    check(time.monotonic() - began < 10, f'{time.monotonic() - began:.1f} s')
    server.model.delete(PODS, 'a', 'p1')
    subprocess.run(['nft', 'delete', 'table', 'inet', 't'], check=True)
    client.wait('^deleted Pod a/p1', 20)
    agree(client, server)
    finish(server, client)
    return None


def test_too_many_requests(folder):
    server = Server()

    def hook(request, conn):
        hook.times.append(time.monotonic())
        if len(hook.times) > 2:
            return False
        conn.send(429 if len(hook.times) == 1 else 503, status(429, 'slow down', 'TooManyRequests'),
                  {'Retry-After': '1'})
        return True
    hook.times = []
    server.hook = hook
    _, client = started(folder, 'pods', server=server)
    client.wait('failures=1 .*code=429 error=the server says 429: slow down')
    client.wait('code=503')
    client.wait('^synced Pod 5')
    gaps = [b - a for a, b in zip(hook.times, hook.times[1:])]
    check(all(1.0 <= g < 4 for g in gaps), f'waited {gaps} s')
    finish(server, client)


def test_back_off(folder):
    """Pauses grow, have jitter, and begin anew after a success."""
    server = Server()
    times = []

    def hook(request, conn):
        times.append(time.monotonic())
        if len(times) > 6:
            return False
        conn.send(500, status(500, 'no'))
        return True
    server.hook = hook
    _, client = started(folder, 'backoff=50', 'backoff-max=400', 'pods', server=server)
    client.wait('^synced Pod 5', 20)
    gaps = [b - a for a, b in zip(times, times[1:])]
    for i, g in enumerate(gaps[:6]):
        least = min(0.05 * 2 ** i, 0.4)
        check(least <= g < least * 2 + 1, f'pause {i} is {g:.3f} s')
    server.model.apply(PODS, pod('p1'))  # a watch that has brought something
    client.wait('^changed Pod a/p1')
    server.cut()
    again = time.monotonic()
    client.wait('live=0')
    server.model.apply(PODS, pod('p0'))
    client.wait('^changed Pod a/p0')
    check(time.monotonic() - again < 0.35, 'the pauses did not begin anew')
    finish(server, client)


def test_expired_again_and_again(folder):
    """Watches that are always too old do not make lists without a pause."""
    server = Server()

    def hook(request, conn):
        if request.initial or not request.watch:
            return False
        conn.send(410, status(410, 'too old', 'Expired'))
        return True
    server.hook = hook
    _, client = started(folder, 'paged=1', 'backoff=100', 'backoff-max=800', 'pods', server=server)
    client.wait('failures=3')
    time.sleep(2)
    lists = sum(not r.watch for r in server.requests)
    check(5 <= lists <= 16, f'{lists} lists')
    server.hook = None
    server.model.apply(PODS, pod('new'))
    client.wait('^added Pod a/new')
    finish(server, client)


def test_server_set_back(folder):
    """A server that has lost its newest state refuses the watch, until a new list says what there is."""
    server, client = started(folder, 'pods')
    client.wait('live=1')
    with server.model.lock:
        server.model.version -= 2
        server.model.events = [e for e in server.model.events if e[0] <= server.model.version]
        for name in ('p3', 'p4'):
            del server.model.objects[(PODS, 'a', name)]

    def hook(request, conn):
        if 'resourceVersion' not in request.query or int(request.query['resourceVersion']) <= server.model.version:
            return False
        if hook.n % 2:
            conn.send(504, status(504, 'Too large resource version', 'Timeout'))
        else:
            conn.begin()
            conn.chunk({'type': 'ERROR', 'object': status(504, 'Too large resource version', 'Timeout')})
            conn.end()
        hook.n += 1
        return True
    hook.n = 0
    server.hook = hook
    server.cut()
    client.wait('^deleted Pod a/p[34]')
    client.wait('^synced Pod 3')
    agree(client, server)
    check(hook.n == 5, f'{hook.n} refusals')
    finish(server, client)


def test_server_away(folder):
    """Nothing is lost while nobody answers, and the watch goes on where it was."""
    server, client = started(folder, 'pods')
    client.wait('^synced Pod 5')
    model, port = server.model, server.port
    server.stop()
    client.wait('failures=3')
    check(len(client.dump()) == 5, 'objects are gone')
    model.delete(PODS, 'a', 'p0')
    import server as server_module
    import socket
    bind = socket.socket.bind
    try:  # the same port again
        socket.socket.bind = lambda s, a: bind(s, (a[0], port))
        again = server_module.Server(model)
    finally:
        socket.socket.bind = bind
    client.wait('^deleted Pod a/p0')
    check(not any(r.initial for r in again.requests), 'a list was not needed')
    agree(client, again)
    finish(again, client)


CNP = {'metadata': {'name': 'deny'}, 'spec': {
    'tier': 'Admin', 'priority': 5, 'subject': {'namespaces': {}},
    'ingress': [{'action': 'Deny', 'from': [{'namespaces': {}}]}]}}


def test_kind_comes_and_goes(folder):
    server, client = started(folder, 'cnp')
    client.wait('^synced ClusterNetworkPolicy 0')
    client.wait('absent=1')
    server.model.absent.clear()
    server.model.apply(CNPS, CNP)
    client.wait('^added ClusterNetworkPolicy deny')
    client.wait('absent=0')
    # the API of the kind is gone, and the watch with it
    server.model.absent.add(CNPS)
    server.cut()
    client.wait('^deleted ClusterNetworkPolicy deny')
    client.wait('absent=1')
    server.model.absent.clear()
    client.wait('^added ClusterNetworkPolicy deny')
    finish(server, client)


def test_kind_seems_to_go(folder):
    """404 from somebody who does not know: policies stay until discovery says that they are gone."""
    server = Server()
    server.model.absent.clear()
    server.model.apply(CNPS, CNP)
    _, client = started(folder, 'cnp', 'pods', server=server)
    for _ in range(2):
        client.wait('live=1')

    def hook(request, conn):
        hook.n += 1
        conn.send(404, b'<html>not here</html>' if hook.n % 2 else status(404, 'not found'))
        return True
    hook.n = 0
    server.hook = hook
    server.cut()
    client.wait('status ClusterNetworkPolicy live=0 .*failures=4')
    held = client.dump()
    check('deny' in held and len(held) == 6, f'only {held} is left')
    # discovery answers, and has the kind
    server.hook = lambda r, c: r.path != '/apis' and (c.send(404, b'no') or True)
    client.wait('ClusterNetworkPolicy .*failures=6')
    check('deny' in client.dump(), 'the policy is gone')
    server.hook = None
    server.model.apply(CNPS, dict(CNP, metadata={'name': 'other'}))
    client.wait('^added ClusterNetworkPolicy other')
    finish(server, client)


def test_object_nobody_can_read(folder):
    """The last good version stays, the problem is told, and what comes after it too."""
    server = Server()
    server.model.apply(POLICIES, policy('p', podSelector={'matchLabels': {'a': 'b'}}))
    server.model.apply(POLICIES, policy('bad', ingress='all'))
    _, client = started(folder, 'networkpolicies', server=server)
    client.wait('^added NetworkPolicy a/bad .*problem=spec.ingress: ')
    server.model.apply(POLICIES, policy('p', podSelector=7))
    client.wait('^changed NetworkPolicy a/p .*problem=spec.podSelector: ')
    server.model.apply(POLICIES, policy('p', podSelector=[]))
    client.wait('^changed NetworkPolicy a/p .*problem=spec.podSelector: ')
    server.model.apply(POLICIES, policy('bad'))
    client.wait('^changed NetworkPolicy a/bad .*problem=-')
    server.model.apply(POLICIES, policy('p'))
    client.wait('^changed NetworkPolicy a/p .*problem=-')
    agree(client, server, POLICIES)
    check(not any('failures=1' in l for l in client.lines), 'that is no failure of the server')
    finish(server, client)


def bodies(name):
    """What stands after the header of a recorded conversation."""
    text = (CORPUS / name).read_text()
    return text.partition('\n\n')[2].encode()


def test_recorded(folder):
    """Bodies that an API server of Kubernetes 1.36 sent."""
    if not CORPUS.is_dir():
        return 'the recorded conversations are not beside this checkout'
    server = Server()

    def hook(request, conn):
        if request.path == POLICIES and request.initial:
            conn.begin()
            conn.chunk(bodies('23-watch-sendInitialEvents.txt'))
            time.sleep(1)
            conn.end()
        elif request.path == POLICIES:
            conn.begin()
            conn.chunk(bodies('34-compacted-watch.txt') if not hook.compacted else b'')
            hook.compacted = True
            conn.end()
        elif request.path == '/broken':
            conn.send(404, bodies('26-not-found.txt'))
        elif request.initial:
            conn.send(400, bodies('33-invalid-continue.txt'))
        elif 'continue' in request.query:
            conn.send(200, bodies('21-list-continue.txt').replace(b'"continue"', b'"went on"'))
        elif 'limit' in request.query:
            conn.send(200, bodies('20-list-limit.txt'))
        else:
            conn.begin()
            conn.chunk(bodies('22-watch.txt'))
            time.sleep(2)
            conn.end()
        return True
    hook.compacted = False
    server.hook = hook
    config = kubeconfig(folder / 'config', server.url)
    client = Client(f'kubeconfig={config}', *FAST, 'watch=1', 'pods', 'networkpolicies')
    client.wait('^changed Pod utils/pod-2 627 labels=3')
    client.wait('^deleted Pod utils/pod-3 628')  # that it was to end had changed nothing
    check(not any('changed Pod utils/pod-3 628' in l for l in client.lines), 'no change')
    check(any('added NetworkPolicy utils/default-deny-ingress 625' in l for l in client.lines), 'policy')
    client.order('/broken')
    client.wait('answer 0 404 the server says 404: networkpolicies.networking.k8s.io "none" not found')
    finish(server, client)


def test_chaos(folder):
    """Random changes and random accidents: in the end, and in every step, the state is right."""
    seed = random.randrange(1 << 30)
    rng = random.Random(seed)
    server = Server()

    def hook(request, conn):
        accident = rng.random()
        if accident < 0.05:
            conn.reset()
        elif accident < 0.1:
            conn.send(rng.choice([429, 500, 503, 410]), status(500, 'accident'))
        elif accident < 0.15:
            conn.begin()
            conn.chunk(rng.choice([b'{"type":', b'{}', b'null', b'{"type":"ADDED","object":{}}', b'\0',
                                   b'{"type":"ERROR","object":{"code":500}}', b'[[[', b'"']))
            conn.close()
        else:
            return False
        return True
    server.hook = hook
    argv = ['backoff=5', 'backoff-max=30', 'page=7'] + (['paged=1'] if rng.random() < 0.5 else [])
    _, client = started(folder, *argv, 'pods', server=server)
    end = time.monotonic() + 8
    while time.monotonic() < end:
        name = f'p{rng.randrange(30)}'
        with server.model.lock:
            there = (PODS, 'a', name) in server.model.objects
        if there and rng.random() < 0.4:
            server.model.delete(PODS, 'a', name)
        else:
            server.model.apply(PODS, pod(name, ip=f'10.0.{rng.randrange(256)}.{rng.randrange(256)}'))
        if rng.random() < 0.03:
            server.cut()
        if rng.random() < 0.02:
            server.model.compact()
        time.sleep(rng.random() * 0.02)
    server.hook = None
    try:
        agree(client, server)
        held = {}
        for line in client.lines:
            word, _, rest = line.partition(' ')
            if word not in ('added', 'changed', 'deleted'):
                continue
            _, name, version = rest.split()[:3]
            check((word == 'added') == (name not in held), f'{line}, after {held.get(name)}')
            check(word != 'changed' or held[name] != version, f'{line}, and nothing changed')
            held[name] = version
            if word == 'deleted':
                del held[name]
        check(held == truth(server.model, PODS), 'the calls do not add up to the state')
    except Exception as e:
        raise AssertionError(f'seed {seed}: {e}') from e
    finish(server, client)
