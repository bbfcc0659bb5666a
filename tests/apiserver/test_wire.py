#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is on the wire: credentials, versions, lists in chunks, watches, faults on purpose."""
import http.client
import json
import os
import socket
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time

from harness import PODS, POLICIES, Server, equal, contains, pod, policy, run_all


def test_nobody_else_gets_in(weir):
    with Server(weir) as s:
        status, answer = s.call('GET', '/api/v1/namespaces', token=False)
        equal((status, answer['message'], answer['reason']), (401, 'Unauthorized', 'Unauthorized'))
        equal(s.call('GET', '/api/v1/namespaces', token='0' * 64)[0], 401)
        equal(s.call('GET', '/api/v1/namespaces', token=s.token[:-1])[0], 401)
        equal(s.call('GET', '/version', token=False)[0], 401)
        equal(s.call('GET', '/api/v1/namespaces')[0], 200)
        connection = s.connect(certificate=True)
        connection.request('GET', '/api/v1/namespaces')
        equal(connection.getresponse().status, 200, 'the client certificate')
        connection.close()
        with Server(weir) as other:  # a certificate of another server's authority
            other.ca = s.ca
            other.host, other.port = s.host, s.port
            connection = other.connect(certificate=True)
            try:
                connection.request('GET', '/api/v1/namespaces')
                equal(connection.getresponse().status, 401, 'a foreign certificate')
            except (ssl.SSLError, ConnectionError, http.client.HTTPException):
                pass  # refused already in the handshake
            connection.close()


def test_only_loopback(weir):
    for address in ('0.0.0.0:0', '[::]:0', '192.0.2.1:0'):
        done = subprocess.run([weir, 'apiserver', '--listen', address], capture_output=True,
                              text=True, timeout=30)
        equal(done.returncode, 2, address)
        contains(done.stderr, 'is no loopback address')


def test_versions_and_conflicts(weir):
    with Server(weir) as s:
        status, a = s.call('POST', POLICIES, policy('a'))
        equal(status, 201)
        equal((a['metadata']['generation'], a['spec']['policyTypes']), (1, ['Ingress']))
        equal(a['spec']['ingress'][0]['ports'][0]['protocol'], 'TCP', 'default')
        status, again = s.call('POST', POLICIES, policy('a'))
        equal((status, again['message'], again['reason']),
              (409, 'networkpolicies.networking.k8s.io "a" already exists', 'AlreadyExists'))
        a['metadata']['labels'] = {'x': 'y'}
        status, b = s.call('PUT', POLICIES + '/a', a)
        equal((status, b['metadata']['generation']), (200, 1), 'labels are no change of the spec')
        assert int(b['metadata']['resourceVersion']) > int(a['metadata']['resourceVersion'])
        status, answer = s.call('PUT', POLICIES + '/a', a)
        equal((status, answer['reason']), (409, 'Conflict'))
        contains(answer['message'], 'Operation cannot be fulfilled on networkpolicies.networking.'
                 'k8s.io "a": the object has been modified; please apply your changes to the '
                 'latest version and try again')
        status, same = s.call('PUT', POLICIES + '/a', b)
        equal(same['metadata']['resourceVersion'], b['metadata']['resourceVersion'], 'no change')
        b['spec']['ingress'] = []
        status, c = s.call('PUT', POLICIES + '/a', b)
        equal(c['metadata']['generation'], 2)
        status, answer = s.call('GET', POLICIES + '/none')
        equal((status, answer), (404, {
            'kind': 'Status', 'apiVersion': 'v1', 'metadata': {}, 'status': 'Failure',
            'message': 'networkpolicies.networking.k8s.io "none" not found', 'reason': 'NotFound',
            'details': {'name': 'none', 'group': 'networking.k8s.io', 'kind': 'networkpolicies'},
            'code': 404}))
        status, answer = s.call('POST', POLICIES.replace('default', 'none'), policy('a'))
        equal((status, answer['message']), (404, 'namespaces "none" not found'))
        status, answer = s.call('DELETE', POLICIES + '/a',
                                {'preconditions': {'uid': 'other'}})
        equal((status, answer['reason']), (409, 'Conflict'))
        equal(s.call('DELETE', POLICIES + '/a')[1]['status'], 'Success')


def test_dry_run_changes_nothing(weir):
    with Server(weir) as s:
        before = s.call('GET', '/api/v1/namespaces')[1]['metadata']['resourceVersion']
        equal(s.call('POST', POLICIES + '?dryRun=All', policy('a'))[0], 201)
        equal(s.call('GET', POLICIES + '/a')[0], 404)
        equal(s.call('GET', '/api/v1/namespaces')[1]['metadata']['resourceVersion'], before)
        s.call('POST', POLICIES, policy('a'))
        status, answer = s.call('DELETE', POLICIES + '/a?dryRun=All')
        equal((status, s.call('GET', POLICIES + '/a')[0]), (200, 200))


def names(answer):
    return [i['metadata']['name'] for i in answer['items']]


def test_chunks_show_one_state(weir):
    with Server(weir, '--history', '20') as s:
        for i in range(6):
            s.call('POST', PODS, pod(f'p{i}', i='x'))
        first = s.call('GET', PODS + '?limit=2')[1]
        equal((names(first), first['metadata']['remainingItemCount']), (['p0', 'p1'], 4))
        # changes after the first chunk are not in the others
        s.call('DELETE', PODS + '/p3')
        s.call('POST', PODS, pod('p25'))
        token = first['metadata']['continue']
        second = s.call('GET', f'{PODS}?limit=3&continue={token}')[1]
        equal(names(second), ['p2', 'p3', 'p4'])
        equal(second['metadata']['resourceVersion'], first['metadata']['resourceVersion'])
        third = s.call('GET', f'{PODS}?limit=3&continue={second["metadata"]["continue"]}')[1]
        equal(names(third), ['p5'])
        assert 'continue' not in third['metadata']
        equal(names(s.call('GET', PODS)[1]), ['p0', 'p1', 'p2', 'p25', 'p4', 'p5'])
        for i in range(30):
            s.call('POST', PODS, pod(f'q{i}'))
        status, answer = s.call('GET', f'{PODS}?limit=3&continue={token}')
        equal((status, answer['reason']), (410, 'Expired'))
        rest = s.call('GET', f'{PODS}?continue={answer["metadata"]["continue"]}')[1]
        equal(names(rest)[:3], ['p2', 'p25', 'p4'], 'the token that came with the 410')
        status, answer = s.call('GET', PODS + '?continue=zzzz')
        equal((status, answer['reason']), (400, 'BadRequest'))


def test_selectors(weir):
    with Server(weir) as s:
        for name, labels in (('a', {'app': 'web'}), ('b', {'app': 'db', 'tier': 'x'}), ('c', {})):
            s.call('POST', PODS, pod(name, node=name, **labels))
        for query, want in (('labelSelector=app%3Dweb', ['a']),
                            ('labelSelector=app!%3Dweb', ['b', 'c']),
                            ('labelSelector=app+in+(web,db)', ['a', 'b']),
                            ('labelSelector=app+notin+(web)', ['b', 'c']),
                            ('labelSelector=app', ['a', 'b']), ('labelSelector=!app', ['c']),
                            ('labelSelector=app,tier%3Dx', ['b']),
                            ('fieldSelector=metadata.name%3Dc', ['c']),
                            ('fieldSelector=spec.nodeName%3Db', ['b']),
                            ('fieldSelector=spec.nodeName!%3Db', ['a', 'c']),
                            ('fieldSelector=status.phase%3DPending', ['a', 'b', 'c'])):
            equal(names(s.call('GET', f'{PODS}?{query}')[1]), want, query)
        for bad in ('labelSelector=a+in+b', 'labelSelector=a%3D%2Fx', 'labelSelector=,',
                    'fieldSelector=x'):
            equal(s.call('GET', f'{PODS}?{bad}')[0], 400, bad)


def test_watch(weir):
    with Server(weir) as s:
        rv = s.call('GET', PODS)[1]['metadata']['resourceVersion']
        s.call('POST', PODS, pod('a', app='web'))
        s.call('POST', POLICIES, policy('n'))
        s.call('PATCH', PODS + '/a', {'metadata': {'labels': {'app': 'db'}}},
               'application/merge-patch+json')
        s.call('DELETE', PODS + '/a')
        events = list(s.watch(f'{PODS}?watch=1&resourceVersion={rv}&timeoutSeconds=1'
                              '&allowWatchBookmarks=true'))
        equal([e['type'] for e in events],
              ['ADDED', 'MODIFIED', 'MODIFIED', 'DELETED', 'BOOKMARK'])
        assert 'deletionTimestamp' in events[2]['object']['metadata']
        versions = [int(e['object']['metadata']['resourceVersion']) for e in events]
        equal(versions, sorted(versions))
        events = list(s.watch(f'{PODS}?watch=1&resourceVersion={rv}&timeoutSeconds=1'
                              '&labelSelector=app%3Dweb'))
        equal([e['type'] for e in events], ['ADDED', 'DELETED'], 'it left the selector')
        equal(events[1]['object']['metadata']['labels'], {'app': 'web'})
        assert int(events[1]['object']['metadata']['resourceVersion']) == versions[1]
        table = list(s.watch(f'{PODS}?watch=1&resourceVersion={rv}&timeoutSeconds=1',
                             Accept='application/json;as=Table;v=v1;g=meta.k8s.io'))
        equal(table[0]['object']['kind'], 'Table')
        equal(table[0]['object']['rows'][0]['cells'][0], 'a')


def test_watch_from_the_beginning(weir):
    with Server(weir) as s:
        s.call('POST', POLICIES, policy('a'))
        query = ('?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan'
                 '&allowWatchBookmarks=true&timeoutSeconds=1')
        events = list(s.watch(POLICIES + query))
        equal([e['type'] for e in events][:2], ['ADDED', 'BOOKMARK'])
        equal(events[1]['object']['metadata']['annotations'], {'k8s.io/initial-events-end': 'true'})
        equal(s.call('GET', POLICIES + '?watch=1&sendInitialEvents=true')[0], 422)
        events = list(s.watch(POLICIES + '?watch=1&timeoutSeconds=1'))
        equal([e['type'] for e in events], ['ADDED'])


def test_watch_wakes_at_once_and_alone(weir):
    with Server(weir) as s:
        rv = s.call('GET', PODS)[1]['metadata']['resourceVersion']
        seen = []

        def follow():
            for event in s.watch(f'{PODS}?watch=1&resourceVersion={rv}&timeoutSeconds=5'):
                seen.append((time.monotonic(), event['object']['metadata']['name']))
        thread = threading.Thread(target=follow)
        thread.start()
        time.sleep(1)
        start = time.monotonic()
        s.call('POST', PODS, pod('late'))
        thread.join()
        equal([name for _, name in seen], ['late'])
        assert seen[0][0] - start < 1, f'{seen[0][0] - start} s'


def test_old_versions_are_gone(weir):
    with Server(weir, '--history', '3') as s:
        rv = s.call('GET', PODS)[1]['metadata']['resourceVersion']
        for i in range(6):
            s.call('POST', PODS, pod(f'p{i}'))
        events = list(s.watch(f'{PODS}?watch=1&resourceVersion={rv}&timeoutSeconds=1'))
        equal((events[0]['type'], events[0]['object']['code'], events[0]['object']['reason']),
              ('ERROR', 410, 'Expired'))
        contains(events[0]['object']['message'], f'too old resource version: {rv} (')
        equal(s.call('GET', f'{PODS}?resourceVersion={rv}&resourceVersionMatch=Exact')[0], 410)
        equal(s.call('GET', f'{PODS}?resourceVersion=99999')[0], 504)


def test_restart_keeps_state(weir):
    folder = tempfile.mkdtemp(prefix='weir-apiserver-')
    try:
        s = Server(weir, data=True, folder=folder)
        a = s.call('POST', POLICIES, policy('a'))[1]
        s.call('POST', POLICIES, policy('b'))
        s.call('DELETE', POLICIES + '/b')
        token, rv = s.token, s.call('GET', POLICIES)[1]['metadata']['resourceVersion']
        s.stop(kill=True)
        s = Server(weir, data=True, folder=folder)
        answer = s.call('GET', POLICIES)[1]
        equal((names(answer), answer['metadata']['resourceVersion'], s.token), (['a'], rv, token))
        equal(s.call('GET', POLICIES + '/a')[1], a)
        events = list(s.watch(f'{POLICIES}?watch=1&resourceVersion={int(rv) - 1}&timeoutSeconds=1'))
        equal(events[0]['object']['code'], 410, 'history before the restart')
        equal(list(s.watch(f'{POLICIES}?watch=1&resourceVersion={rv}&timeoutSeconds=1')), [])
        second = subprocess.run([weir, 'apiserver', '--listen', '127.0.0.1:0', '--data',
                                 os.path.join(folder, 'data')], capture_output=True, text=True,
                                timeout=60)
        equal(second.returncode, 2, 'two servers on one database')
        contains(second.stderr, 'locked')
        equal(os.stat(os.path.join(folder, 'data', 'objects.db')).st_mode & 0o77, 0)
        equal(os.stat(os.path.join(folder, 'config')).st_mode & 0o77, 0)
        text = s.stop()
        assert not text, text
    finally:
        shutil.rmtree(folder)


def test_namespace_takes_all_with_it(weir):
    with Server(weir) as s:
        s.call('POST', '/api/v1/namespaces', {'metadata': {'name': 'x'}})
        s.call('POST', PODS.replace('default', 'x'), pod('a'))
        s.call('POST', POLICIES.replace('default', 'x'), policy('a'))
        rv = s.call('GET', PODS)[1]['metadata']['resourceVersion']
        equal(s.call('DELETE', '/api/v1/namespaces/x')[0], 200)
        equal(s.call('GET', '/api/v1/pods')[1]['items'], [])
        events = list(s.watch(f'/api/v1/namespaces?watch=1&resourceVersion={rv}&timeoutSeconds=1'))
        equal([(e['type'], e['object']['status']['phase']) for e in events],
              [('MODIFIED', 'Terminating'), ('DELETED', 'Terminating')])
        equal(s.call('DELETE', '/api/v1/namespaces/default')[0], 403)


def test_custom_resources_are_replaced_by_version(weir):
    path = '/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies'
    with Server(weir, '--policy-crds') as s:
        o = {'metadata': {'name': 'a'}, 'spec': {
            'tier': 'Admin', 'priority': 1, 'subject': {'namespaces': {}}}}
        equal(s.call('POST', path, o)[0], 201)
        status, answer = s.call('PUT', path + '/a', o)
        equal((status, answer['details']['causes'][0]['field']),
              (422, 'metadata.resourceVersion'))
        item = s.call('GET', path)[1]['items'][0]
        equal((item['kind'], s.call('PUT', path + '/a', item)[0]), ('ClusterNetworkPolicy', 200))
        equal(s.call('PATCH', path + '/a', {}, 'application/strategic-merge-patch+json')[0], 415)


def test_weir_reads_it_as_a_cluster(weir):
    with Server(weir) as s:
        s.call('POST', PODS, pod('web', app='web'))
        s.call('POST', POLICIES, policy('a'))
        for context in ('weir', 'weir-token'):
            done = subprocess.run([weir, 'describe', '--kubeconfig', s.config, '--context', context,
                                   '-A', 'default/a'], capture_output=True, text=True, timeout=60)
            equal((done.returncode, done.stderr), (0, ''))
            contains(done.stdout, 'default/a')


def test_finalizers_hold(weir):
    with Server(weir) as s:
        s.call('POST', POLICIES, policy('a', finalizers=['example.com/x']))
        equal(s.call('DELETE', POLICIES + '/a')[0], 200)
        a = s.call('GET', POLICIES + '/a')[1]
        assert a['metadata']['deletionTimestamp']
        equal(s.call('PATCH', POLICIES + '/a', {'metadata': {'finalizers': None}},
                     'application/merge-patch+json')[0], 200)
        equal(s.call('GET', POLICIES + '/a')[0], 404)


def test_pods_wait_for_their_node(weir):
    with Server(weir, '--graceful-pods') as s:
        s.call('POST', PODS, pod('a', node='n1'))
        s.call('POST', PODS, pod('b'))
        answer = s.call('DELETE', PODS + '/a')[1]
        equal(answer['metadata']['deletionGracePeriodSeconds'], 30)
        equal(s.call('GET', PODS + '/a')[0], 200)
        s.call('DELETE', PODS + '/b')
        equal(s.call('GET', PODS + '/b')[0], 404, 'not scheduled')
        s.call('DELETE', PODS + '/a', {'gracePeriodSeconds': 0})
        equal(s.call('GET', PODS + '/a')[0], 404)


def test_status_is_another_door(weir):
    with Server(weir) as s:
        body = {**pod('a'), 'status': {'podIP': '10.0.0.1'}}
        equal(s.call('POST', PODS, body)[1]['status']['phase'], 'Pending')
        status, a = s.call('PATCH', PODS + '/a/status',
                           {'status': {'podIP': '10.0.0.1', 'phase': 'Running'},
                            'spec': {'nodeName': 'x'}}, 'application/merge-patch+json')
        equal((a['status']['podIP'], 'nodeName' in a['spec']), ('10.0.0.1', False))
        status, a = s.call('PATCH', PODS + '/a', {'status': {'podIP': '10.0.0.2'}},
                           'application/merge-patch+json')
        equal(a['status']['podIP'], '10.0.0.1')
        equal(s.call('POST', PODS + '/a/binding', {'target': {'name': 'n1'}})[0] // 100, 2)
        equal(s.call('GET', PODS + '/a')[1]['spec']['nodeName'], 'n1')


def test_bad_requests_are_refused(weir):
    with Server(weir) as s:
        for body in ('', '{', '[]', '1', '{"kind":"Pod"}', '{"kind":1}', '"x"', '{"metadata":[]}',
                     '{"metadata":{"name":1}}', '{"metadata":{"labels":{"a":1}}}', '\0',
                     '{"a":' * 200 + '1' + '}' * 200, json.dumps(policy('A_B'))):
            status, answer = s.call('POST', POLICIES, body)
            assert status in (400, 422), f'{body[:60]!r}: {status} {answer}'
        for kind in ('application/vnd.kubernetes.protobuf', 'application/xml;yaml'):
            assert s.call('POST', POLICIES, b'k8s\0\x0a\xff', kind)[0] in (400, 415)
        equal(s.call('POST', POLICIES, 'x' * (4 << 20))[0], 413)
        for path in ('/api/v2/pods', '/nope', '/api/v1/things', '/apis/x/v1/pods', POLICIES + '/a/b',
                     '/api/v1/namespaces/a/b/c/d/e/f/g', '/api/v1/pods/x'):
            assert s.call('GET', path)[0] in (404, 400), path
        equal(s.call('GET', '/api/v1/po%00ds')[0], 400)
        equal(s.call('POST', '/api/v1/pods', pod('x'))[0], 405)
        equal(s.call('PATCH', POLICIES + '/a', {}, 'text/plain')[0], 415)
        equal(s.call('GET', POLICIES, Accept='application/yaml')[0], 406)
        raw = socket.create_connection((s.host, s.port))  # no TLS
        raw.sendall(b'GET / HTTP/1.1\r\n\r\n')
        raw.settimeout(10)
        assert b'HTTP/1.1 200' not in raw.recv(100)
        raw.close()
        equal(s.call('GET', '/healthz')[0], 200, 'still there')


def test_faults_on_purpose(weir):
    with Server(weir, '--gone-every', '2') as s:
        equal([s.call('GET', PODS + '?watch=1&timeoutSeconds=1')[0] for _ in range(4)],
              [200, 410, 200, 410])
    with Server(weir, '--busy-every', '3') as s:
        equal([s.call('GET', PODS)[0] for _ in range(3)], [200, 200, 429])
        equal(s.headers['Retry-After'], '1')
    with Server(weir, '--delay', '400') as s:
        start = time.monotonic()
        s.call('GET', PODS)
        assert time.monotonic() - start >= 0.4
    with Server(weir, '--cut-watch', '1') as s:
        start = time.monotonic()
        try:
            connection = s.connect()
            connection.request('GET', PODS + '?watch=1&timeoutSeconds=30',
                               headers={'Authorization': 'Bearer ' + s.token})
            connection.getresponse().read()
            assert False, 'the stream ended in good order'
        except (http.client.HTTPException, ConnectionError, ssl.SSLError):
            assert time.monotonic() - start < 10
    with Server(weir, '--cut-every', '2') as s:
        equal(s.call('GET', PODS)[0], 200)
        try:
            s.call('GET', PODS)
            assert False, 'the connection was not cut'
        except (http.client.HTTPException, ConnectionError, ssl.SSLError):
            pass


def test_peers_that_go_are_noticed(weir):
    with Server(weir) as s:
        for _ in range(50):
            connection = s.connect()
            connection.request('GET', PODS + '?watch=1',
                               headers={'Authorization': 'Bearer ' + s.token})
            equal(connection.getresponse().status, 200)
            connection.sock.close() if connection.sock else None
            connection.close()
        equal(s.call('GET', PODS)[0], 200)


if __name__ == '__main__':
    sys.exit(run_all(globals()))
