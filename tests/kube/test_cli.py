# SPDX-License-Identifier: Apache-2.0
"""Commands that read a live cluster, alone and below manifests."""
import json
import os
import re
import subprocess

from harness import Client, ENV, FAST, PODS, POLICIES, SANITIZER, check, kubeconfig, pod, policy
from server import KINDS, Server, status

WEIR = None
NAMESPACES, NODES, SERVICES = '/api/v1/namespaces', '/api/v1/nodes', '/api/v1/services'


def weir(folder, *argv, env=None, want=0):
    p = subprocess.run([WEIR, *map(str, argv)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                       env=dict(ENV, KUBECONFIG=str(folder / 'config'), NO_COLOR='1', **(env or {})),
                       timeout=60, check=False, cwd=folder, stdin=subprocess.DEVNULL)
    text = p.stdout + p.stderr
    check(not SANITIZER.search(text), text[-3000:])
    check(p.returncode == want, f'weir {" ".join(map(str, argv))}: status {p.returncode}\n{text}')
    return p


def has(text, *parts):
    for part in parts:
        check(part in text, f'no "{part}" in:\n{text}')


def shop(folder, **cluster):
    """A server with web and db in shop, web in other; only shop's web may reach db."""
    server = Server()
    for ns in ('shop', 'other'):
        server.model.apply(NAMESPACES, {'metadata': {'name': ns, 'labels': {'team': ns}}})
    server.model.apply(NODES, {'metadata': {'name': 'n1'}})
    for i, (ns, name) in enumerate((('shop', 'web'), ('shop', 'db'), ('other', 'web'))):
        o = pod(name, ns=ns, ip=f'10.0.0.{i + 1}', app=name, env='prod')
        o['metadata']['managedFields'] = [{'manager': 'x'}]
        o['spec']['containers'] = [{'name': 'c', 'env': [{'name': 'A', 'value': 'secret'}],
                                    'ports': [{'name': 'sql', 'containerPort': 5432}]}]
        server.model.apply(PODS, o)
    server.model.apply(POLICIES, policy(
        'db', ns='shop', podSelector={'matchLabels': {'app': 'db', 'env': 'prod'}},
        ingress=[{'from': [{'podSelector': {'matchLabels': {'app': 'web'}}}], 'ports': [{'port': 'sql'}]}]))
    kubeconfig(folder / 'config', server.url, **cluster)
    return server


DB = ('--to', 'shop/db', '--port', '5432')


def test_cli_whole_cluster(folder):
    server = shop(folder)
    out = weir(folder, 'eval', '-A', '--from', 'shop/web', *DB).stdout
    has(out, 'allowed  shop/web -> shop/db', 'cluster:networkpolicies/shop/db:')
    weir(folder, 'eval', '-A', '--from', 'other/web', *DB, want=1)
    out = weir(folder, 'explain', '-A', '--from', 'other/web', *DB, want=1).stdout
    has(out, 'without a namespaceSelector it stays in its own namespace shop')
    has(weir(folder, 'describe', '-A', 'shop/db').stdout, '1 pod: db')
    has(weir(folder, 'list', '--context', 'c').stdout, 'shop/web[Pod]', 'other/web[Pod]')
    has(weir(folder, 'list', '--kubeconfig', folder / 'config').stdout, 'shop/web[Pod]')
    weir(folder, 'lint', '-A', '--fail-on', 'error')
    weir(folder, 'matrix', '-A')
    (folder / 'my.tests.yaml').write_text(
        'tests:\n- {name: db, from: shop/web, to: shop/db, port: 5432, expect: allow}\n'
        '- {name: not, from: other/web, to: shop/db, port: 5432, expect: deny}\n')
    weir(folder, 'test', '-A', 'my.tests.yaml')
    methods = {r.method for r in server.requests}
    check(methods == {'GET'} and not any(r.watch for r in server.requests), 'more than lists')


def test_cli_lines_of_the_cluster(folder):
    """The line that is told is the line of the rule in the object's text."""
    server = shop(folder)
    server.model.apply(POLICIES, policy('zz', ns='shop', podSelector={'matchLabels': {'app': 'none'}}))
    out = weir(folder, 'eval', '-A', '--from', 'shop/web', *DB).stdout
    line = int(out.partition('cluster:networkpolicies/shop/db:')[2].split()[0])
    check(8 < line < 25, f'line {line}')
    out = weir(folder, 'describe', '-A', '-o', 'json').stdout
    has(out, '"policy": "shop/zz"')
    lines = {part.split(',')[0] for part in out.split('"line": ')[1:]}
    check('4' in lines and out.count('"line": 4,') == 2, f'names in lines {lines}')


def test_cli_what_if(folder):
    """Manifests over the cluster: the same name replaces, what is new comes in addition."""
    shop(folder)
    replaced = folder / 'db.yaml'
    replaced.write_text('apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: db}\n'
                        'spec: {podSelector: {matchLabels: {app: db}}, ingress: [{from: [{namespaceSelector: {}}]}]}\n')
    weir(folder, 'eval', '-A', '-f', replaced, '--from', 'other/web', *DB)
    added = folder / 'deny.yaml'
    added.write_text('apiVersion: v1\nkind: List\nitems:\n- apiVersion: networking.k8s.io/v1\n  kind: NetworkPolicy\n'
                     '  metadata: {name: deny}\n  spec: {podSelector: {}, policyTypes: [Egress]}\n')
    weir(folder, 'eval', '-A', '-f', added, '--from', 'shop/web', *DB, want=1)
    # without a namespace it is the context's (shop), or -n's
    weir(folder, 'eval', '-A', '-f', added, '--from', 'other/web', '--to', 'shop/web', '--port', '80')
    out = weir(folder, 'diff', '-A', '--to', replaced).stdout
    has(out, '~ policy shop/db  changed', '+ other/web[Pod] -> shop/db[Pod]')
    out = weir(folder, 'diff', '-A', '-f', added, '--to', replaced).stdout
    has(out, 'policy shop/deny')
    weir(folder, 'lint', '-A', '-f', added, '--fail-on', 'never')
    check('replaces' not in out, out)


def test_cli_one_namespace(folder):
    server = shop(folder)

    def hook(request, conn):
        if request.path in PODS_ONLY and request.ns is None or request.path in (NAMESPACES, NODES):
            conn.send(403, status(403, f'{request.path} is forbidden', 'Forbidden'))
            return True
        return False
    PODS_ONLY = {PODS, POLICIES, SERVICES}
    server.hook = hook
    p = weir(folder, 'eval', '-n', 'shop', '--from', 'shop/web', *DB)
    has(p.stdout, 'allowed')
    has(p.stderr, 'note: of namespaces only shop was read', 'note: nodes were not read: the server says 403')
    p = weir(folder, 'list', '-A', want=2)
    has(p.stderr, 'weir list: the cluster cannot be read: ', 'forbidden', 'hint: -n NAMESPACE')
    p = weir(folder, 'list', '-n', 'x/y', want=2)
    has(p.stderr, '-n is no name of a namespace')
    weir(folder, 'list', '-A', '-n', 'shop', want=2)


def test_cli_forbidden_kinds(folder):
    """Without Ingresses and workloads answers are right, without policies of the cluster they are not."""
    server = shop(folder)

    def hook(request, conn):
        if hook.word in request.path:
            conn.send(403, status(403, 'no ' + hook.word, 'Forbidden'))
            return True
        return False
    server.hook = hook
    for hook.word, want in (('ingresses', 0), ('replicasets', 0), ('clusternetworkpolicies', 2),
                            ('/networkpolicies', 2), ('nodes', 2), ('services', 2)):
        p = weir(folder, 'list', '-A', want=want)
        has(p.stderr, 'no ' + hook.word)


def test_cli_small_server(folder):
    """One that has neither workloads nor Ingresses, like the lab's."""
    server = shop(folder)
    server.model.absent |= {p for p in KINDS if '/apps/' in p or '/batch/' in p or 'ingresses' in p or
                            'replicationc' in p}
    p = weir(folder, 'list', '-A')
    has(p.stdout, 'shop/web[Pod]')
    check(not p.stderr, p.stderr)
    server.model.absent.add(SERVICES)
    has(weir(folder, 'list', '-A', want=2).stderr, 'services: the server says 404')


def test_cli_validate(folder):
    """What a current server would say to policies that an older one took."""
    server = shop(folder)
    has(weir(folder, 'validate', '-A').stdout, '1 document checked: 1 accepted, 0 refused')
    server.model.apply(POLICIES, policy('old', ns='shop', ingress=[{'from': [{'ipBlock': {'cidr': '10.0.0.1/8'}}]}]))
    out = weir(folder, 'validate', '-A', want=1).stdout
    has(out, 'cluster:networkpolicies/shop/old:', 'spec.ingress[0].from[0].ipBlock.cidr', '1 accepted, 1 refused')
    weir(folder, 'validate', '-A', '--old-cidrs')


def test_cli_many_pages(folder):
    server = shop(folder)
    for i in range(1200):
        server.model.apply(PODS, pod(f'x{i}', ns='many', ip=f'10.1.{i // 250}.{i % 250 + 1}'))
    p = weir(folder, 'eval', '-A', '--from', 'many/x1199', '--to', 'many/x0', '--port', '1')
    has(p.stdout, 'allowed')
    pages = [r for r in server.requests if r.path == PODS]
    check(len(pages) == 3, f'{len(pages)} pages')


def test_cli_troubles(folder):
    """Servers that ask to wait are waited for; others end the command with what they said."""
    server = shop(folder)
    left = [3]

    def busy(request, conn):
        if request.path == PODS and left[0]:
            left[0] -= 1
            conn.send(503, status(503, 'starting'))
            return True
        return False
    server.hook = busy
    weir(folder, 'list', '-A')
    check(not left[0], 'it did not come again')
    server.hook = lambda r, c: c.send(401, status(401, 'Unauthorized')) or True
    has(weir(folder, 'list', '-A', want=2).stderr, 'the server says 401: Unauthorized', 'hint: does `kubectl')
    server.hook = lambda r, c: c.send(200, b'{"kind":"Status"}') or True
    has(weir(folder, 'list', '-A', want=2).stderr, 'no list of the kind asked for')
    server.stop()
    has(weir(folder, 'list', '-A', want=2).stderr, 'Failed to connect')
    (folder / 'config').write_text('current-context: [x]\n')
    has(weir(folder, 'list', '-A', want=2).stderr, f'{folder}/config:1:18: error: current-context: must be a text')
    has(weir(folder, 'list', '--kubeconfig', folder / 'none', want=2).stderr, 'cannot read the kubeconfig')
    p = weir(folder, 'list', want=2)
    has(p.stderr, '--filename PATH is missing (or --all-namespaces)')
    weir(folder, 'diff', '-A', want=2)
    os.unlink(folder / 'config')


def test_cli_object_with_errors(folder):
    """A policy that weir cannot read stops the command, and says which it is."""
    server = shop(folder)
    server.model.apply(POLICIES, policy('odd', ns='shop', ingress=[{'fromm': []}]))
    p = weir(folder, 'list', '-A', want=2)
    has(p.stderr, 'NetworkPolicy shop/odd', 'cluster:networkpolicies/shop/odd:', 'fromm')


OBJECTS = '''apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: c, image: x}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec: {podSelector: {matchLabels: {app: db}}}
'''


def test_api_server_of_the_lab(folder):
    """weir's own API server over TLS, well and ill: what a PATCH changes arrives."""
    (folder / 'objects.yaml').write_text(OBJECTS)
    for ill in ([], ['--cut-every', '3'], ['--gone-every', '2'], ['--busy-every', '2'], ['--cut-watch', '1']):
        config = folder / 'config'
        config.unlink(missing_ok=True)
        server = subprocess.Popen([WEIR, 'apiserver', '--listen', '127.0.0.1:0', '--kubeconfig', config,
                                   '--load', folder / 'objects.yaml', *ill], stdout=subprocess.PIPE, text=True)
        try:
            has(server.stdout.readline(), 'serving https://127.0.0.1:')
            client = Client(f'kubeconfig={config}', *FAST, 'pods', 'networkpolicies', 'cnp')
            for _ in range(2):
                client.wait('^added (Pod shop/web|NetworkPolicy shop/db)')
            for turn in range(3):
                for _ in range(20):  # it may be refused on purpose
                    patch = {'metadata': {'labels': {f'turn{turn}': 'x'}}}
                    client.order('PATCH /api/v1/namespaces/shop/pods/web ' + json.dumps(patch))
                    if client.wait('^answer (.*)', 20).group(1).startswith('0 200'):
                        break
                told = f'changed Pod shop/web .* labels={turn + 2} '
                if not any(re.search(told, l) for l in client.lines):  # before the answer came
                    client.wait(told)
            client.close()
            check(sum(l.startswith('added NetworkPolicy shop/db') for l in client.lines) == 1, 'policy')
        finally:
            server.terminate()
            server.wait()
