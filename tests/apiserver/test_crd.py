#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""CustomResourceDefinitions: what they say is served, for as long as they are there."""
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading

from harness import Server, contains, equal, run_all

CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
GROUP = '/apis/policy.networking.k8s.io'
CNPS = GROUP + '/v1alpha2/clusternetworkpolicies'
WIDGETS = '/apis/example.com/v1/namespaces/default/widgets'
TOP = {'metadata': {'name': 'top'}, 'spec': {'tier': 'Admin', 'priority': 3,
                                             'subject': {'namespaces': {}}}}


def crd(plural, kind, *versions, group='example.com', scope='Namespaced', **names):
    """A definition as people write it; the last version is the stored one."""
    schema = {'openAPIV3Schema': {'type': 'object', 'properties': {
        'spec': {'type': 'object', 'properties': {'size': {'type': 'integer'}}}}}}
    return {'apiVersion': 'apiextensions.k8s.io/v1', 'kind': 'CustomResourceDefinition',
            'metadata': {'name': f'{plural}.{group}',
                         'annotations': {'api-approved.kubernetes.io': 'https://example.com'}},
            'spec': {'group': group, 'scope': scope,
                     'names': {'plural': plural, 'kind': kind, **names},
                     'versions': [{'name': v, 'served': True, 'storage': v == versions[-1],
                                   'schema': schema, 'subresources': {'status': {}}}
                                  for v in versions]}}


def cnp_crd(*versions):
    return crd('clusternetworkpolicies', 'ClusterNetworkPolicy', *versions,
               group='policy.networking.k8s.io', scope='Cluster', shortNames=['cnp'])


def groups(s):
    return [g['name'] for g in s.call('GET', '/apis')[1]['groups']]


def conditions(o):
    return {c['type']: (c['status'], c['reason']) for c in o['status']['conditions']}


def test_policies_come_and_go_with_their_definition(weir):
    with Server(weir) as s:
        assert 'policy.networking.k8s.io' not in groups(s)
        for path in (CNPS, GROUP, GROUP + '/v1alpha2', '/openapi/v3' + GROUP + '/v1alpha2'):
            equal(s.call('GET', path)[0], 404)
        equal(s.call('POST', CNPS, TOP)[0], 404)
        status, o = s.call('POST', CRDS, cnp_crd('v1alpha2'))
        equal((status, conditions(o)), (201, {'NamesAccepted': ('True', 'NoConflicts'),
                                              'Established': ('True', 'InitialNamesAccepted')}))
        equal((o['status']['storedVersions'], o['spec']['names']['singular'],
               o['spec']['names']['listKind']),
              (['v1alpha2'], 'clusternetworkpolicy', 'ClusterNetworkPolicyList'))
        assert 'policy.networking.k8s.io' in groups(s)
        equal([r['name'] for r in s.call('GET', GROUP + '/v1alpha2')[1]['resources']],
              ['clusternetworkpolicies', 'clusternetworkpolicies/status'])
        equal(s.call('POST', CNPS, TOP)[0], 201)
        # weir's own validation, as recorded; the elders are not there
        status, answer = s.call('POST', CNPS, {'metadata': {'name': 'b'}, 'spec': {
            'tier': 'Admin', 'priority': 2000, 'subject': {'namespaces': {}}}})
        equal((status, answer['details']['causes'][0]['field']), (422, 'spec.priority'))
        equal(s.call('GET', GROUP + '/v1alpha1/adminnetworkpolicies')[0], 404)
        equal(s.call('DELETE', CRDS + '/clusternetworkpolicies.policy.networking.k8s.io')[0], 200)
        equal(s.call('GET', CNPS)[0], 404)
        assert 'policy.networking.k8s.io' not in groups(s)
        # what it held is gone for good
        equal(s.call('POST', CRDS, cnp_crd('v1alpha2'))[0], 201)
        equal(s.call('GET', CNPS)[1]['items'], [])


def test_watches_end_with_their_definition(weir):
    with Server(weir, '--policy-crds') as s:
        s.call('POST', CNPS, TOP)
        events = []
        watch = threading.Thread(target=lambda: events.extend(
            s.watch(CNPS + '?watch=1&timeoutSeconds=60')))
        watch.start()
        while not events:
            watch.join(0.05)
        s.call('DELETE', CRDS + '/clusternetworkpolicies.policy.networking.k8s.io')
        watch.join(20)
        assert not watch.is_alive(), 'the watch goes on'
        equal([e['type'] for e in events], ['ADDED', 'DELETED'])


def test_later_version_is_stricter(weir):
    wrong = {'metadata': {'name': 'a'}, 'spec': {
        'tier': 'Admin', 'priority': 1, 'subject': {'namespaces': {}},
        'egress': [{'action': 'Deny', 'to': [{'networks': ['10.0.0.1/8']}]}]}}
    with Server(weir) as s:
        equal(s.call('POST', CRDS, cnp_crd('v1beta1', 'v1alpha2'))[0], 201)
        equal(s.call('POST', f'{GROUP}/v1beta1/clusternetworkpolicies', wrong)[0], 422)
        equal(s.call('POST', CNPS, wrong)[0], 201)
        equal(s.call('GET', GROUP)[1]['preferredVersion']['version'], 'v1beta1')
        item = s.call('GET', f'{GROUP}/v1beta1/clusternetworkpolicies/a')[1]
        equal((item['apiVersion'], item['spec']), ('policy.networking.k8s.io/v1beta1', wrong['spec']))


def test_status(weir):
    def apply(name, manager, kind, status, force='false'):
        body = {'apiVersion': 'policy.networking.k8s.io/v1alpha2', 'kind': 'ClusterNetworkPolicy',
                'metadata': {'name': name}, 'status': {'conditions': [
                    {'type': kind, 'status': status, 'reason': 'R', 'message': 'm',
                     'lastTransitionTime': '2026-01-01T00:00:00Z'}]}}
        return s.call('PATCH', f'{CNPS}/{name}/status?fieldManager={manager}&force={force}', body,
                      'application/apply-patch+yaml')

    def types(o):
        return {c['type']: c['status'] for c in o['status']['conditions']}
    with Server(weir, '--policy-crds') as s:
        made = s.call('POST', CNPS, {**TOP, 'status': {'conditions': []}})[1]
        assert 'status' not in made
        made['status'] = {'conditions': [{'type': 'A', 'status': 'True'}]}
        made['spec']['priority'] = 7
        status, o = s.call('PUT', CNPS + '/top/status', made)
        equal((status, types(o), o['spec']['priority'], o['metadata']['generation']),
              (200, {'A': 'True'}, 3, 1))
        status, o = s.call('PATCH', CNPS + '/top/status', {'spec': {'priority': 9}, 'status': {
            'conditions': [{'type': 'B', 'status': 'True'}]}}, 'application/merge-patch+json')
        equal((status, types(o), o['spec']['priority']), (200, {'B': 'True'}, 3))
        # each manager its own conditions
        equal(apply('top', 'one', 'One', 'True')[0], 200)
        status, o = apply('top', 'two', 'Two', 'False')
        equal((status, types(o)), (200, {'B': 'True', 'One': 'True', 'Two': 'False'}))
        equal(apply('top', 'two', 'One', 'False')[0], 409)
        status, o = apply('top', 'two', 'One', 'False', 'true')
        equal((status, types(o)), (200, {'B': 'True', 'One': 'False'}))
        rv = o['metadata']['resourceVersion']
        equal(apply('top', 'two', 'One', 'False', 'true')[1]['metadata']['resourceVersion'], rv)
        equal(apply('nobody', 'one', 'One', 'True')[0], 404)


def test_other_custom_resources(weir):
    with Server(weir, data=True) as s:
        equal(s.call('POST', CRDS, crd('widgets', 'Widget', 'v1beta1', 'v1', shortNames=['wd']))[0],
              201)
        o = {'metadata': {'name': 'w'}, 'spec': {'size': 4, 'any': ['thing']}}
        status, made = s.call('POST', WIDGETS, o)
        equal((status, made['kind'], made['apiVersion'], made['spec']),
              (201, 'Widget', 'example.com/v1', o['spec']))
        old = WIDGETS.replace('/v1/', '/v1beta1/')
        equal(s.call('GET', old)[1]['items'][0]['apiVersion'], 'example.com/v1beta1')
        status, o = s.call('PATCH', old + '/w', {'spec': {'size': 5}},
                           'application/merge-patch+json')
        equal((status, o['spec']['size'], o['metadata']['generation']), (200, 5, 2))
        equal(s.call('GET', WIDGETS + '/w')[1]['apiVersion'], 'example.com/v1')
        folder = s.folder
        s.own_folder = False
    try:
        with Server(weir, data=True, folder=folder) as s:
            equal(s.call('GET', WIDGETS + '/w')[1]['spec']['size'], 5)
            equal(s.call('DELETE', CRDS + '/widgets.example.com')[0], 200)
        with Server(weir, data=True, folder=folder) as s:
            equal(s.call('GET', WIDGETS)[0], 404)
            equal(s.call('POST', CRDS, crd('widgets', 'Widget', 'v1'))[0], 201)
            equal(s.call('GET', WIDGETS)[1]['items'], [])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_deleted_namespaces_take_them_along(weir):
    with Server(weir) as s:
        s.call('POST', CRDS, crd('widgets', 'Widget', 'v1'))
        s.call('POST', '/api/v1/namespaces', {'metadata': {'name': 'x'}})
        equal(s.call('POST', WIDGETS.replace('default', 'x'), {'metadata': {'name': 'w'}})[0], 201)
        equal(s.call('DELETE', '/api/v1/namespaces/x')[0], 200)
        equal(s.call('GET', '/apis/example.com/v1/widgets')[1]['items'], [])


def test_definitions_are_validated(weir):
    def causes(change):
        o = crd('widgets', 'Widget', 'v1')
        change(o)
        status, answer = s.call('POST', CRDS, o)
        return status, [(c['field'], c['message']) for c in answer['details'].get('causes', [])]
    with Server(weir) as s:
        equal(causes(lambda o: o['metadata'].update(name='gadgets.example.com')), (422, [
            ('metadata.name', 'Invalid value: "gadgets.example.com": must be '
             'spec.names.plural+"."+spec.group')]))
        equal(causes(lambda o: o['spec'].update(scope='Galaxy')), (422, [
            ('spec.scope', 'Unsupported value: "Galaxy": supported values: "Cluster", '
             '"Namespaced"')]))
        equal(causes(lambda o: o['spec']['versions'][0].update(storage=False))[1][0][0],
              'spec.versions')
        equal(causes(lambda o: o['spec']['versions'][0].pop('schema')), (422, [
            ('spec.versions[0].schema.openAPIV3Schema', 'Required value: schemas are required')]))
        # a kind stands in stored texts
        equal(causes(lambda o: o['spec']['names'].update(kind='A","b":"', singular='a'))[1][0][0],
              'spec.names.kind')
        o = cnp_crd('v1alpha2')
        o['metadata'].pop('annotations')
        contains(s.call('POST', CRDS, o)[1]['message'], 'api-approved.kubernetes.io')
        equal(s.call('POST', CRDS, crd('widgets', 'Widget', 'v1'))[0], 201)
        # the same kind again: stored, and not served
        status, o = s.call('POST', CRDS, crd('gadgets', 'Widget', 'v1'))
        equal((status, conditions(o)), (201, {'NamesAccepted': ('False', 'KindConflict'),
                                              'Established': ('False', 'NotAccepted')}))
        equal(s.call('GET', WIDGETS.replace('widgets', 'gadgets'))[0], 404)
        o = s.call('GET', CRDS + '/widgets.example.com')[1]
        o['spec']['scope'] = 'Cluster'
        status, answer = s.call('PUT', CRDS + '/widgets.example.com', o)
        equal((status, answer['details']['causes'][0]['message']),
              (422, 'Invalid value: "Cluster": field is immutable'))


def test_definitions_are_bounded(weir):
    with Server(weir) as s:
        codes = [s.call('POST', CRDS, crd(f'w{i}s', f'W{i}', 'v1'))[0] for i in range(97)]
        equal(codes, [201] * 96 + [422])
        path = '/apis/example.com/v1/namespaces/default/'
        equal(s.call('POST', path + 'w95s', {'metadata': {'name': 'a'}})[0], 201)
        # a place that becomes free is another's, without what was there
        rv = s.call('GET', path + 'w0s')[1]['metadata']['resourceVersion']
        equal(s.call('POST', path + 'w0s', {'metadata': {'name': 'a'}})[0], 201)
        equal(s.call('DELETE', CRDS + '/w0s.example.com')[0], 200)
        equal(s.call('POST', CRDS, crd('news', 'New', 'v1'))[0], 201)
        equal(s.call('GET', path + 'news')[1]['items'], [])
        answer = s.call('GET', f'{path}news?resourceVersion={rv}&resourceVersionMatch=Exact')
        equal(answer[0], 410)


def test_manifests_without_their_definition_are_not_lost_in_silence(weir):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / 'a.yaml'
        path.write_text('apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\n'
                        'metadata: {name: top}\n'
                        'spec: {tier: Admin, priority: 1, subject: {namespaces: {}}}\n')
        done = subprocess.run([weir, 'apiserver', '--listen', '127.0.0.1:0', '--load', path],
                              capture_output=True, text=True, timeout=30)
        equal(done.returncode, 2)
        contains(done.stderr, 'ClusterNetworkPolicy top is not taken', '--policy-crds')
        with Server(weir, '--policy-crds', '--load', str(path)) as s:
            equal(s.call('GET', CNPS + '/top')[0], 200)


def test_kubectl_waits_and_explains(weir):
    if not shutil.which('kubectl'):
        print('skip kubectl: it is not installed')
        return
    with Server(weir, '--policy-crds') as s:
        contains(s.kubectl('wait', '--for=condition=established', '--timeout=10s',
                           'crd/adminnetworkpolicies.policy.networking.k8s.io'), 'condition met')
        contains(s.kubectl('api-resources', '--api-group=policy.networking.k8s.io'), 'banp', 'cnp')
        s.kubectl('delete', 'crd', '--all')
        contains(s.kubectl('get', 'anp', ok=False), "the server ")
        path = pathlib.Path(s.folder) / 'crd.yaml'
        path.write_text(str(crd('widgets', 'Widget', 'v1')).replace("'", '"')
                        .replace('True', 'true').replace('False', 'false'))
        s.kubectl('apply', '-f', str(path))
        contains(s.kubectl('explain', 'widget.spec.size'), 'integer')
        s.kubectl('apply', '--server-side', '-f', '-', stdin=(
            'apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: a}\nspec: {size: 2}\n'))
        contains(s.kubectl('get', 'widgets'), 'NAME', 'AGE', '\na ')


if __name__ == '__main__':
    sys.exit(run_all(globals()))
