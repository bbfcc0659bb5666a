#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What people type: a real kubectl against the server. WEIR_KUBECTL may name others, with : between."""
import json
import os
import re
import shutil
import subprocess
import sys
import time

from harness import Server, equal, contains, run_all

NAMESPACE = 'apiVersion: v1\nkind: Namespace\nmetadata: {name: utils, labels: {name: utils}}\n'
POLICY = '''apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: utils}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress]
'''
POD = '''apiVersion: v1
kind: Pod
metadata: {name: web, namespace: utils, labels: {app: web}}
spec: {containers: [{name: c, image: "nginx:1", ports: [{containerPort: 80}]}]}
'''
DEPLOYMENT = '''apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: utils}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: a, image: "a:1", env: [{name: X, value: "1"}, {name: Z, value: "2"}]}
      - {name: b, image: "b:1"}
'''
PROGRAM = 'kubectl'


def minor(program):
    text = subprocess.run([program, 'version', '--client', '-o', 'json'], capture_output=True,
                          text=True, timeout=60).stdout
    return int(re.match(r'\d+', json.loads(text)['clientVersion']['minor']).group(0))


def served(weir):
    s = Server(weir, '--policy-crds')
    plain = s.kubectl
    s.kubectl = lambda *a, **kw: plain(*a, program=PROGRAM, **kw)
    s.kubectl('apply', '-f', '-', stdin=NAMESPACE)
    return s


def rows(text):
    return [re.split(r'\s{2,}', line.strip()) for line in text.splitlines()]


def test_apply_get_describe(weir):
    with served(weir) as s:
        equal(s.kubectl('apply', '-f', '-', stdin=POLICY),
              'networkpolicy.networking.k8s.io/deny created\n')
        equal(s.kubectl('apply', '-f', '-', stdin=POLICY),
              'networkpolicy.networking.k8s.io/deny unchanged\n')
        table = rows(s.kubectl('get', 'netpol', '-n', 'utils'))
        equal(table[0], ['NAME', 'POD-SELECTOR', 'AGE'])
        equal(table[1][:2], ['deny', 'app=web'])
        equal(rows(s.kubectl('get', 'networkpolicies', '-A'))[0][0], 'NAMESPACE')
        text = s.kubectl('describe', 'netpol', 'deny', '-n', 'utils')
        contains(text, 'PodSelector:     app=web', 'Not affecting egress traffic',
                 'Policy Types: Ingress')
        equal(s.kubectl('get', 'netpol', '-n', 'utils', '-o', 'name'),
              'networkpolicy.networking.k8s.io/deny\n')
        equal(s.kubectl('get', 'netpol', 'deny', '-n', 'utils', '-o',
                        'jsonpath={.metadata.generation} {.spec.policyTypes[0]}'), '1 Ingress')
        changed = POLICY + '  ingress: [{from: [{podSelector: {}}]}]\n'
        equal(s.kubectl('apply', '-f', '-', stdin=changed),
              'networkpolicy.networking.k8s.io/deny configured\n')
        o = json.loads(s.kubectl('get', 'netpol', 'deny', '-n', 'utils', '-o', 'json'))
        equal((o['metadata']['generation'], o['spec']['ingress']),
              (2, [{'from': [{'podSelector': {}}]}]))
        # what is left out of the manifest goes
        s.kubectl('apply', '-f', '-', stdin=POLICY)
        o = json.loads(s.kubectl('get', 'netpol', 'deny', '-n', 'utils', '-o', 'json'))
        equal((o['metadata']['generation'], 'ingress' in o['spec']), (3, False))
        contains(s.kubectl('get', 'netpol', '-n', 'utils', '-o', 'yaml'), 'kind: List',
                 'resourceVersion: ')


def test_create_replace_delete(weir):
    with served(weir) as s:
        s.kubectl('create', '-f', '-', stdin=POLICY)
        contains(s.kubectl('create', '-f', '-', stdin=POLICY, ok=False),
                 'Error from server (AlreadyExists)', '"deny" already exists')
        s.kubectl('replace', '-f', '-', stdin=POLICY + '  egress: []\n')
        equal(s.kubectl('delete', 'netpol', 'deny', '-n', 'utils').startswith(
            'networkpolicy.networking.k8s.io "deny" deleted'), True)
        contains(s.kubectl('get', 'netpol', 'deny', '-n', 'utils', ok=False),
                 'Error from server (NotFound): networkpolicies.networking.k8s.io "deny" not found')
        for name in 'abc':
            s.kubectl('create', '-f', '-', stdin=POLICY.replace('deny', name))
        s.kubectl('delete', 'netpol', '--all', '-n', 'utils')
        contains(s.kubectl('get', 'netpol', '-n', 'utils'), 'No resources found')
        s.kubectl('create', 'ns', 'other')
        s.kubectl('create', '-f', '-', stdin=POLICY.replace('utils', 'other'))
        s.kubectl('delete', 'ns', 'other')
        contains(s.kubectl('get', 'netpol', '-A'), 'No resources found')


def test_label_annotate_edit_patch(weir):
    with served(weir) as s:
        s.kubectl('apply', '-f', '-', stdin=POLICY)
        contains(s.kubectl('label', 'namespace', 'utils', 'team=a'), 'namespace/utils labeled')
        contains(s.kubectl('label', 'namespace', 'utils', 'team=b', ok=False), 'already has a value')
        s.kubectl('label', 'namespace', 'utils', 'team=b', '--overwrite')
        equal(s.kubectl('get', 'ns', '-l', 'team=b', '-o', 'name'), 'namespace/utils\n')
        s.kubectl('label', 'namespace', 'utils', 'team-')
        equal(s.kubectl('get', 'ns', '-l', 'team', '-o', 'name'), '')
        s.kubectl('annotate', 'netpol', 'deny', '-n', 'utils', 'why=test')
        editor = os.path.join(s.folder, 'editor')
        with open(editor, 'w', encoding='utf-8') as file:
            file.write('#!/bin/sh\nsed -i "s/app: web/app: db/" "$1"\n')
        os.chmod(editor, 0o755)
        contains(s.kubectl('edit', 'netpol', 'deny', '-n', 'utils', env={'EDITOR': editor}),
                 'deny edited')
        get = ['get', 'netpol', 'deny', '-n', 'utils', '-o', 'jsonpath={.spec.podSelector.'
               'matchLabels.app},{.metadata.annotations.why},{.spec.policyTypes}']
        equal(s.kubectl(*get), 'db,test,["Ingress"]')
        s.kubectl('patch', 'netpol', 'deny', '-n', 'utils', '--type=merge', '-p',
                  '{"spec":{"podSelector":{"matchLabels":{"app":"x"}}}}')
        s.kubectl('patch', 'netpol', 'deny', '-n', 'utils', '--type=json', '-p',
                  '[{"op":"add","path":"/spec/policyTypes/-","value":"Egress"}]')
        s.kubectl('patch', 'netpol', 'deny', '-n', 'utils', '-p',
                  '{"metadata":{"annotations":{"why":"strategic"}}}')
        equal(s.kubectl(*get), 'x,strategic,["Ingress","Egress"]')
        contains(s.kubectl('patch', 'netpol', 'deny', '-n', 'utils', '--type=json', '-p',
                           '[{"op":"test","path":"/spec/policyTypes/0","value":"x"}]', ok=False),
                 'The request is invalid')


def test_strategic_lists(weir):
    with served(weir) as s:
        s.kubectl('apply', '-f', '-', stdin=DEPLOYMENT)
        path = 'jsonpath={range .spec.template.spec.containers[*]}{.name}={.image}{.env[*].value} {end}'
        get = ['get', 'deploy', 'web', '-n', 'utils', '-o', path]
        s.kubectl('set', 'image', 'deploy/web', 'b=b:2', '-n', 'utils')
        equal(s.kubectl(*get), 'a=a:11 2 b=b:2 ')
        # the manifest drops a variable and a container; what others set on b stays with it until then
        less = DEPLOYMENT.replace(', {name: Z, value: "2"}', '').replace('"a:1"', '"a:3"')
        s.kubectl('apply', '-f', '-', stdin=less)
        equal(s.kubectl(*get), 'a=a:31 b=b:1 ')
        s.kubectl('apply', '-f', '-', stdin=less.replace('      - {name: b, image: "b:1"}\n', ''))
        equal(s.kubectl(*get), 'a=a:31 ')
        s.kubectl('scale', 'deploy/web', '--replicas=5', '-n', 'utils')
        table = rows(s.kubectl('get', 'deploy', '-n', 'utils', '-o', 'wide'))
        equal(table[0], ['NAME', 'READY', 'UP-TO-DATE', 'AVAILABLE', 'AGE', 'CONTAINERS', 'IMAGES',
                         'SELECTOR'])
        equal(table[1][:2] + table[1][5:], ['web', '0/5', 'a', 'a:3', 'app=web'])


def test_server_side_apply(weir):
    with served(weir) as s:
        apply = ['apply', '--server-side', '-f', '-']
        equal(s.kubectl(*apply, stdin=POLICY),
              'networkpolicy.networking.k8s.io/deny serverside-applied\n')
        version = ['get', 'netpol', 'deny', '-n', 'utils', '-o',
                   'jsonpath={.metadata.resourceVersion}']
        before = s.kubectl(*version)
        s.kubectl(*apply, stdin=POLICY)
        equal(s.kubectl(*version), before, 'the same again changes nothing')
        other = POLICY.replace('app: web', 'app: db')
        text = s.kubectl(*apply, '--field-manager', 'other', stdin=other, ok=False)
        contains(text, 'Apply failed with 1 conflict: conflict with "kubectl"', '.spec.podSelector')
        s.kubectl(*apply, '--field-manager', 'other', '--force-conflicts', stdin=other)
        equal(s.kubectl('get', 'netpol', 'deny', '-n', 'utils', '-o',
                        'jsonpath={.spec.podSelector.matchLabels.app}'), 'db')
        more = POLICY.replace('namespace: utils', 'namespace: utils, labels: {a: b}')
        s.kubectl(*apply, '--force-conflicts', stdin=more)
        labels = ['get', 'netpol', 'deny', '-n', 'utils', '-o', 'jsonpath={.metadata.labels}']
        equal(s.kubectl(*labels), '{"a":"b"}')
        s.kubectl('label', 'netpol', 'deny', '-n', 'utils', 'c=d')
        s.kubectl(*apply, stdin=POLICY)
        equal(s.kubectl(*labels), '{"c":"d"}', 'what was applied goes, what others set stays')
        fields = json.loads(s.kubectl('get', '--raw', '/apis/networking.k8s.io/v1/namespaces/utils/'
                                      'networkpolicies/deny'))['metadata']['managedFields']
        equal({(f['manager'], f['operation']) for f in fields} >=
              {('kubectl', 'Apply'), ('kubectl-label', 'Update')}, True, fields)


def test_validation_in_the_servers_words(weir):
    with served(weir) as s:
        contains(s.kubectl('apply', '-f', '-', stdin=POLICY + '  podselector: {}\n', ok=False),
                 'strict decoding error: unknown field "spec.podselector"')
        text = s.kubectl('apply', '-f', '-', '--validate=warn',
                         stdin=POLICY + '  podselector: {}\n')
        contains(text, 'Warning: unknown field "spec.podselector"', 'deny created')
        o = json.loads(s.kubectl('get', 'netpol', 'deny', '-n', 'utils', '-o', 'json'))
        assert 'podselector' not in o['spec']
        text = s.kubectl('apply', '-f', '-', stdin=POLICY + '''  ingress:
  - from: [{ipBlock: {cidr: 10.0.0.0/33}}]
    ports: [{port: 70000}]
''', ok=False)
        contains(text, 'The NetworkPolicy "deny" is invalid:',
                 '* spec.ingress[0].ports[0].port: Invalid value: 70000: must be between 1 and '
                 '65535, inclusive')
        contains(s.kubectl('create', 'ns', 'A_b', ok=False), 'metadata.name: Invalid value: "A_b"')


def test_dry_run_and_diff(weir):
    with served(weir) as s:
        contains(s.kubectl('apply', '--dry-run=server', '-f', '-', stdin=POLICY), 'created (server dry run)')
        contains(s.kubectl('get', 'netpol', '-n', 'utils'), 'No resources found')
        s.kubectl('apply', '-f', '-', stdin=POLICY)
        equal(s.kubectl('diff', '-f', '-', stdin=POLICY), '')
        text = s.kubectl('diff', '-f', '-', stdin=POLICY.replace('app: web', 'app: db'), ok=False)
        contains(text, '-      app: web', '+      app: db')


def test_discovery(weir):
    with served(weir) as s:
        contains(s.kubectl('api-resources'), 'networkpolicies', 'netpol', 'clusternetworkpolicies',
                 'policy.networking.k8s.io/v1alpha2')
        contains(s.kubectl('api-versions'), 'networking.k8s.io/v1\n', 'apps/v1\n', 'v1\n')
        contains(s.kubectl('version'), 'v1.36.2+weir')
        equal(s.kubectl('auth', 'can-i', 'create', 'netpol'), 'yes\n')
        contains(s.kubectl('get', '--raw', '/readyz'), 'ok')


def test_explain(weir):
    with served(weir) as s:
        contains(s.kubectl('explain', 'netpol.spec.ingress.from.ipBlock'), 'cidr', '<string>', 'except')
        contains(s.kubectl('explain', 'cnp.spec'), 'priority', 'tier', 'subject')


def test_pods_nodes_services(weir):
    with served(weir) as s:
        s.kubectl('apply', '-f', '-', stdin=POD)
        s.kubectl('apply', '-f', '-', stdin='apiVersion: v1\nkind: Node\nmetadata: {name: n1}\n')
        s.kubectl('patch', 'node', 'n1', '--subresource=status', '--type=merge', '-p', json.dumps(
            {'status': {'conditions': [{'type': 'Ready', 'status': 'True'}],
                        'addresses': [{'type': 'InternalIP', 'address': '10.0.0.1'}]}}))
        equal(rows(s.kubectl('get', 'nodes'))[1][:3], ['n1', 'Ready', '<none>'])
        s.kubectl('patch', 'pod', 'web', '-n', 'utils', '--subresource=status', '--type=merge', '-p',
                  json.dumps({'status': {'phase': 'Running', 'podIP': '10.1.0.1', 'conditions': [
                      {'type': 'Ready', 'status': 'True'}], 'containerStatuses': [
                          {'name': 'c', 'ready': True, 'restartCount': 2}]}}))
        table = rows(s.kubectl('get', 'pod', '-n', 'utils', '-o', 'wide'))
        equal(table[0], ['NAME', 'READY', 'STATUS', 'RESTARTS', 'AGE', 'IP', 'NODE',
                         'NOMINATED NODE', 'READINESS GATES'])
        equal(table[1][:4] + table[1][5:6], ['web', '1/1', 'Running', '2', '10.1.0.1'])
        contains(s.kubectl('wait', '--for=condition=Ready', 'pod/web', '-n', 'utils',
                           '--timeout=10s'), 'condition met')
        contains(s.kubectl('describe', 'pod', 'web', '-n', 'utils'), 'IP:', '10.1.0.1')
        s.kubectl('expose', 'pod', 'web', '-n', 'utils', '--port=80')
        table = rows(s.kubectl('get', 'svc', '-n', 'utils'))
        equal(table[0], ['NAME', 'TYPE', 'CLUSTER-IP', 'EXTERNAL-IP', 'PORT(S)', 'AGE'])
        equal(table[1][:2] + table[1][4:5], ['web', 'ClusterIP', '80/TCP'])
        contains(s.kubectl('get', 'all', '-n', 'utils'), 'pod/web', 'service/web')
        equal(s.kubectl('get', 'pod', '-A', '--field-selector', 'status.phase=Running', '-o', 'name'),
              'pod/web\n')
        s.kubectl('create', 'configmap', 'c', '--from-literal=a=b', '-n', 'utils')
        equal(s.kubectl('get', 'cm', 'c', '-n', 'utils', '-o', 'jsonpath={.data.a}'), 'b')
        equal(s.kubectl('delete', 'pod', 'web', '-n', 'utils').splitlines()[0][:18],
              'pod "web" deleted'[:18])


def test_created_from_the_command_line(weir):
    with served(weir) as s:
        for words in ('namespace x', 'configmap c --from-literal=a=b', 'serviceaccount s',
                      'secret generic s --from-literal=a=b', 'job j --image=x',
                      'service clusterip web --tcp=80:http', 'deployment web --image=nginx',
                      'role r --verb=get --resource=pods',
                      'clusterrole r --verb=get,list --resource=pods,nodes',
                      'rolebinding r --role=r --user=u',
                      'clusterrolebinding r --clusterrole=r --serviceaccount=default:s'):
            contains(s.kubectl('create', *words.split()), ' created')
        role = json.loads(s.kubectl('get', 'clusterrole', 'r', '-o', 'json'))
        equal(role['rules'], [{'verbs': ['get', 'list'], 'apiGroups': [''],
                               'resources': ['pods', 'nodes']}])
        equal(s.kubectl('get', 'clusterrolebinding', 'r', '-o', 'jsonpath={.subjects[0].namespace}'
                        '/{.subjects[0].name} {.roleRef.kind}'), 'default/s ClusterRole')
        service = json.loads(s.kubectl('get', 'svc', 'web', '-o', 'json'))['spec']
        equal((service['ports'][0]['targetPort'], service['selector']), ('http', {'app': 'web'}))
        equal(s.kubectl('get', 'secret', 's', '-o', 'jsonpath={.data.a}'), 'Yg==')
        s.kubectl('create', 'ingress', 'i', '--rule=a.b/c*=web:http', '--default-backend=web:81')
        spec = json.loads(s.kubectl('get', 'ingress', 'i', '-o', 'json'))['spec']
        equal(spec['defaultBackend'], {'service': {'name': 'web', 'port': {'number': 81}}})
        equal(spec['rules'], [{'host': 'a.b', 'http': {'paths': [
            {'path': '/c', 'pathType': 'Prefix',
             'backend': {'service': {'name': 'web', 'port': {'name': 'http'}}}}]}}])
        contains(s.kubectl('describe', 'job', 'j'), 'batch.kubernetes.io/controller-uid=')
        contains(s.kubectl('auth', 'can-i', '--list'), '*.*', '[*]')


def test_newer_commands(weir):
    with served(weir) as s:
        contains(s.kubectl('auth', 'whoami'), 'weir-admin', 'system:masters')
        s.kubectl('create', 'cronjob', 'c', '--image=x', '--schedule=*/5 * * * *', '--', 'sh', '-c', 'y')
        s.kubectl('create', 'job', 'j', '--from=cronjob/c')
        job = json.loads(s.kubectl('get', 'job', 'j', '-o', 'json'))['spec']
        equal(job['template']['spec']['containers'][0]['command'], ['sh', '-c', 'y'])
        equal(rows(s.kubectl('get', 'jobs'))[0], ['NAME', 'STATUS', 'COMPLETIONS', 'DURATION', 'AGE'])


def test_cluster_policies(weir):
    with served(weir) as s:
        cnp = '''apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: top}
spec:
  tier: Admin
  priority: 10
  subject: {namespaces: {}}
  ingress: [{name: a, action: Deny, from: [{namespaces: {}}]}]
'''
        s.kubectl('apply', '-f', '-', stdin=cnp)
        table = rows(s.kubectl('get', 'cnp'))
        equal((table[0], table[1][:3]), (['NAME', 'TIER', 'PRIORITY', 'AGE'], ['top', 'Admin', '10']))
        s.kubectl('apply', '-f', '-', stdin=cnp.replace('priority: 10', 'priority: 20'))
        equal(s.kubectl('get', 'cnp', 'top', '-o', 'jsonpath={.metadata.generation} {.spec.priority}'),
              '2 20')
        contains(s.kubectl('apply', '-f', '-', stdin=cnp.replace('priority: 10', 'priority: 2000'),
                           ok=False), 'The ClusterNetworkPolicy "top" is invalid: spec.priority')
        s.kubectl('delete', 'cnp', '--all')


def test_chunks_and_watch(weir):
    with served(weir) as s:
        many = '---\n'.join(POLICY.replace('deny', f'p{i:02}') for i in range(25))
        s.kubectl('create', '-f', '-', stdin=many)
        equal(len(s.kubectl('get', 'netpol', '-n', 'utils', '--chunk-size=4', '--no-headers')
                  .splitlines()), 25)
        watch = subprocess.Popen([PROGRAM, 'get', 'netpol', '-n', 'utils', '-w', '--no-headers'],
                                 stdout=subprocess.PIPE, text=True,
                                 env={**os.environ, 'KUBECONFIG': s.config, 'HOME': s.folder})
        try:
            for _ in range(25):
                watch.stdout.readline()
            time.sleep(0.5)
            s.kubectl('create', '-f', '-', stdin=POLICY)
            equal(watch.stdout.readline().split()[:2], ['deny', 'app=web'])
        finally:
            watch.kill()
            watch.communicate()


# What Debian's kubectl 1.20 cannot do, or does in another way.
NEEDS = {'validation_in_the_servers_words': 25, 'explain': 27,
         'pods_nodes_services': 24, 'newer_commands': 27}


def main():
    global PROGRAM
    status = 0
    programs = [p for p in ['kubectl', *os.environ.get('WEIR_KUBECTL', '').split(':')] if p]
    for PROGRAM in programs:
        if not shutil.which(PROGRAM):
            print(f'skip {os.path.basename(PROGRAM)}: {PROGRAM} is not installed '
                  '(scripts/setup.sh test)')
            continue
        version = minor(PROGRAM)
        tests = {k: v for k, v in globals().items() if k.startswith('test_')}
        for name, need in NEEDS.items():
            if version < need:
                del tests['test_' + name]
                print(f'skip {name.replace("_", "-")}: kubectl 1.{version}, and it needs 1.{need}')
        status |= run_all(tests)
    return status


if __name__ == '__main__':
    sys.exit(main())
