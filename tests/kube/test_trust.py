# SPDX-License-Identifier: Apache-2.0
"""TLS, credentials and configurations."""
import base64
import json
import os
import shutil
import socket
import subprocess
import threading
import time

from certs import Certs
from harness import FAST, PODS, Client, check, kubeconfig, pod
from server import Server, status
from test_feed import finish, started

LOOP = 'IP:127.0.0.1,DNS:localhost'


def secure(folder, name='server', subject='/CN=server', names=LOOP, client_ca=None, **how):
    certs = Certs(folder)
    certs.sign(name, subject, names, **how)
    server = Server(tls=certs.server(name, client_ca))
    for i in range(3):
        server.model.apply(PODS, pod(f'p{i}'))
    return certs, server


def follow(folder, server, *argv, env=None, user='{token: secret}', **cluster):
    config = kubeconfig(folder / 'config', server.url, user, **cluster)
    return Client(f'kubeconfig={config}', *FAST, *argv, 'pods', env=env)


def refused(client, server, pattern):
    client.wait('failures=2 .*' + pattern)
    check(not server.requests, 'a request went out')
    finish(server, client)


def test_tls(folder):
    certs, server = secure(folder)
    data = base64.b64encode(certs.path('ca.crt').read_bytes()).decode()
    for given in ({'certificate_authority': certs.path('ca.crt')},
                  {'certificate_authority_data': data}, {'certificate_authority': 'ca.crt'}):
        client = follow(folder, server, **given)
        client.wait('^synced Pod 3')
        client.close()
    check(all(r.headers['authorization'] == 'Bearer secret' for r in server.requests), 'token')
    server.stop()


def test_tls_unknown_ca(folder):
    certs, server = secure(folder)
    certs.ca('other')
    client = follow(folder, server, certificate_authority=certs.path('other.crt'))
    refused(client, server, 'error=.*(certificate|SSL)')


def test_tls_no_ca_given(folder):
    _, server = secure(folder)
    refused(follow(folder, server), server, 'error=.*(certificate|SSL)')


def test_tls_self_made_chain(folder):
    """A certificate that another server certificate has signed."""
    certs, server = secure(folder)
    certs.sign('leaf', '/CN=leaf', LOOP, ca='server')
    (folder / 'leaf.crt').write_text((folder / 'leaf.crt').read_text() +
                                     (folder / 'server.crt').read_text())
    server.tls.load_cert_chain(folder / 'leaf.crt', folder / 'leaf.key')
    refused(follow(folder, server, certificate_authority=certs.path('ca.crt')), server, 'error=.*SSL')


def test_tls_wrong_host(folder):
    certs, server = secure(folder, names='DNS:elsewhere.example,IP:127.0.0.2')
    client = follow(folder, server, certificate_authority=certs.path('ca.crt'))
    refused(client, server, 'error=.*(host|name|SSL)')


def test_tls_name_only_in_subject(folder):
    certs, server = secure(folder, subject='/CN=127.0.0.1', names='DNS:elsewhere.example')
    client = follow(folder, server, certificate_authority=certs.path('ca.crt'))
    refused(client, server, 'error=.*(host|name|SSL)')


def test_tls_expired(folder):
    certs, server = secure(folder, past=True)
    client = follow(folder, server, certificate_authority=certs.path('ca.crt'))
    refused(client, server, 'error=.*(expired|SSL)')


def test_tls_server_name(folder):
    certs, server = secure(folder, names='DNS:api.example')
    client = follow(folder, server, certificate_authority=certs.path('ca.crt'),
                    tls_server_name='api.example')
    client.wait('^synced Pod 3')
    check(server.requests[0].headers['host'] == f'127.0.0.1:{server.port}',
          f'Host: {server.requests[0].headers["host"]}')
    client.close()
    client = follow(folder, server, certificate_authority=certs.path('ca.crt'),
                    tls_server_name='other.example')
    client.wait('failures=1 .*error=')
    finish(server, client)


def test_tls_insecure_if_asked(folder):
    _, server = secure(folder, names='DNS:elsewhere.example')
    client = follow(folder, server, insecure_skip_tls_verify='true')
    client.wait('^synced Pod 3')
    client.close()
    client = follow(folder, server, insecure_skip_tls_verify='false')
    client.wait('failures=1 .*error=')
    finish(server, client)


def test_tls_server_speaks_http(folder):
    server = Server()
    config = kubeconfig(folder / 'config', server.url.replace('http:', 'https:'))
    client = Client(f'kubeconfig={config}', *FAST, 'pods')
    client.wait('failures=2 .*error=')
    check(not server.requests, 'a request went out')
    finish(server, client)


def test_tls_handshake_hangs(folder):
    silent = socket.create_server(('127.0.0.1', 0))
    config = kubeconfig(folder / 'config', f'https://127.0.0.1:{silent.getsockname()[1]}')
    client = Client(f'kubeconfig={config}', *FAST, 'connect=300', 'pods')
    client.wait('failures=2', 5)
    client.close()
    silent.close()


def test_ca_rotates(folder):
    """The CA file gets another content, as in a pod when the cluster's CA is renewed."""
    certs, server = secure(folder)
    certs.ca('next')
    certs.sign('after', '/CN=after', LOOP, ca='next')
    (folder / 'trusted').write_bytes(certs.path('ca.crt').read_bytes())
    client = follow(folder, server, certificate_authority=folder / 'trusted')
    client.wait('^synced Pod 3')
    server.tls.load_cert_chain(certs.path('after.crt'), certs.path('after.key'))
    server.cut()
    client.wait('failures=3')
    (folder / 'new').write_bytes(certs.path('next.crt').read_bytes())
    os.rename(folder / 'new', folder / 'trusted')
    server.model.apply(PODS, pod('after'))
    client.wait('^added Pod a/after')
    finish(server, client)


def test_client_certificate(folder):
    certs, server = secure(folder, client_ca='ca')
    certs.sign('me', '/O=system:masters/CN=me', client=True)
    cert, key = certs.path('me.crt'), certs.path('me.key')
    b64 = [base64.b64encode(p.read_bytes()).decode() for p in (cert, key)]
    users = [f'{{client-certificate: {cert}, client-key: {key}}}', '{client-certificate: me.crt, client-key: me.key}',
             f'{{client-certificate-data: {b64[0]}, client-key-data: {b64[1]}}}']
    for user in users:
        client = follow(folder, server, user=user, certificate_authority='ca.crt')
        client.wait('^synced Pod 3')
        client.close()
        check(server.requests[-1].peer, 'it showed no certificate')
        check('authorization' not in server.requests[-1].headers, 'a token from nowhere')
    server.stop()


def guard(server, token):
    """The server wants this token: a list of one, so that it may change."""
    def hook(request, conn):
        if request.headers.get('authorization') == 'Bearer ' + token[0]:
            return False
        conn.send(401, status(401, 'Unauthorized', 'Unauthorized'))
        return True
    server.hook = hook


def test_token_file(folder):
    server, token = Server(), ['one']
    guard(server, token)
    (folder / 'token').write_text('one\n')
    for i in range(3):
        server.model.apply(PODS, pod(f'p{i}'))
    client = follow(folder, server, user='{tokenFile: token, token: old}')
    client.wait('^synced Pod 3')
    token[0] = 'two'
    server.cut()
    client.wait('code=401 error=the server says 401: Unauthorized')
    (folder / 'next').write_text('two\n')
    os.rename(folder / 'next', folder / 'token')
    server.model.apply(PODS, pod('late'))
    client.wait('^added Pod a/late')
    # gone for a moment: what was known is good
    os.unlink(folder / 'token')
    server.cut()
    server.model.apply(PODS, pod('later'))
    client.wait('^added Pod a/later')
    finish(server, client)


PLUGIN = '''#!/usr/bin/env python3
import json, os, sys, time
with open(%(log)r, 'a') as log:
    log.write(json.dumps([sys.argv[1:], os.environ.get('COLOUR'), os.environ['KUBERNETES_EXEC_INFO']]) + '\\n')
mode = open(%(mode)r).read().split()
if mode[0] == 'fail': sys.exit(3)
if mode[0] == 'junk': print('hello'); sys.exit(0)
if mode[0] == 'long': print('x' * 3000000); sys.exit(0)
status = {'token': mode[1]} if len(mode) > 1 else {}
if mode[0] == 'short':
    status['expirationTimestamp'] = time.strftime('%%Y-%%m-%%dT%%H:%%M:%%SZ', time.gmtime(time.time() + 11))
if mode[0] == 'cert':
    status = {'clientCertificateData': open(mode[1]).read(), 'clientKeyData': open(mode[2]).read()}
print(json.dumps({'apiVersion': 'client.authentication.k8s.io/v1', 'kind': 'ExecCredential', 'status': status}))
'''
EXEC = ('{exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, args: [a, "b c"], '
        'env: [{name: COLOUR, value: red}], interactiveMode: Never, provideClusterInfo: true, '
        'installHint: read the manual}}')


def plugin(folder, mode):
    log, state = folder / 'log', folder / 'mode'
    (folder / 'plugin').write_text(PLUGIN % {'log': str(log), 'mode': str(state)})
    (folder / 'plugin').chmod(0o755)
    state.write_text(mode)
    return log, state


def test_exec_plugin(folder):
    server, token = Server(), ['one']
    guard(server, token)
    server.model.apply(PODS, pod('p0'))
    log, state = plugin(folder, 'ok one')
    client = follow(folder, server, user=EXEC)
    client.wait('^synced Pod 1')
    argv, colour, info = json.loads(log.read_text().splitlines()[0])
    info = json.loads(info)
    check(argv == ['a', 'b c'] and colour == 'red', f'{argv} {colour}')
    check(info['kind'] == 'ExecCredential' and info['spec']['cluster']['server'] == server.url and
          info['spec']['interactive'] is False, str(info))
    server.cut()
    server.model.apply(PODS, pod('p1'))
    client.wait('^added Pod a/p1')
    check(len(log.read_text().splitlines()) == 1, 'asked again without need')
    # refused by the server: asked again, at once
    token[0] = 'two'
    state.write_text('ok two')
    server.cut()
    server.model.apply(PODS, pod('p2'))
    client.wait('^added Pod a/p2')
    check(len(log.read_text().splitlines()) == 2, 'not asked once')
    finish(server, client)


def test_exec_token_expires(folder):
    server, token = Server(), ['one']
    guard(server, token)
    server.model.apply(PODS, pod('p0'))
    log, state = plugin(folder, 'short one')
    client = follow(folder, server, user=EXEC)
    client.wait('^synced Pod 1')
    time.sleep(1.5)  # it is to be renewed ten seconds before its end
    state.write_text('ok one')
    server.cut()
    server.model.apply(PODS, pod('p1'))
    client.wait('^added Pod a/p1')
    check(len(log.read_text().splitlines()) == 2, 'not asked again')
    finish(server, client)


def test_exec_plugin_fails(folder):
    server = Server()
    server.model.apply(PODS, pod('p0'))
    _, state = plugin(folder, 'fail')
    client = follow(folder, server, user=EXEC)
    client.wait('error=the credential plugin .*plugin failed; what it says stands on stderr; read the manual')
    state.write_text('junk')
    client.wait('error=.*no JSON')
    state.write_text('long')
    client.wait('error=.*more than a megabyte')
    state.write_text('ok')
    client.wait('error=.*neither a token nor a certificate')
    check(not server.requests, 'a request went out')
    state.write_text('ok one')
    client.wait('^synced Pod 1')
    client.close()
    client = follow(folder, server, user=EXEC.replace('./plugin', 'no-such-plugin'))
    client.wait('error=the credential plugin no-such-plugin is not installed')
    finish(server, client)


def test_exec_certificate(folder):
    certs, server = secure(folder, client_ca='ca')
    certs.sign('me', '/CN=me', client=True)
    plugin(folder, f'cert {certs.path("me.crt")} {certs.path("me.key")}')
    client = follow(folder, server, user=EXEC, certificate_authority='ca.crt')
    client.wait('^synced Pod 3')
    check(server.requests[0].peer, 'it showed no certificate')
    finish(server, client)


def test_in_cluster(folder):
    certs, server = secure(folder)
    guard(server, ['one'])
    for name, text in (('token', 'one'), ('ca.crt', certs.path('ca.crt').read_text()), ('namespace', 'shop')):
        (folder / name).write_text(text)
    env = {'KUBERNETES_SERVICE_HOST': '127.0.0.1', 'KUBERNETES_SERVICE_PORT': str(server.port)}
    client = Client(f'in-cluster={folder}', *FAST, 'pods', env=env)
    client.wait(f'^server https://127.0.0.1:{server.port} context - namespace shop')
    client.wait('^synced Pod 3')
    client.close()
    check('cannot be' not in '\n'.join(client.lines), 'errors')
    client = Client(f'in-cluster={folder}', *FAST, 'pods')
    client.wait('error .*this is no pod')
    check(client.close() == 1, 'status')
    (folder / 'token').unlink()
    client = Client(f'in-cluster={folder}', *FAST, 'pods', env=env)
    client.wait("error .*token.*cannot read the pod's credentials")
    check(client.close() == 1, 'status')
    server.stop()


def test_impersonation(folder):
    server, client = started(folder, 'pods')
    client.close()
    client = follow(folder, server, user='{token: x, as: jane, as-uid: "7", as-groups: [dev, ops]}')
    client.wait('^synced Pod 5')
    headers = server.requests[-1].headers
    check(headers['impersonate-user'] == 'jane' and headers['impersonate-uid'] == '7' and
          headers['impersonate-group'] == 'ops', str(headers))
    finish(server, client)


def test_basic_authentication(folder):
    server, client = started(folder, 'pods')
    client.close()
    client = follow(folder, server, user='{username: jane, password: pw}')
    client.wait('^synced Pod 5')
    want = 'Basic ' + base64.b64encode(b'jane:pw').decode()
    check(server.requests[-1].headers['authorization'] == want, str(server.requests[-1].headers))
    finish(server, client)


def test_no_token_in_clear_text(folder):
    config = kubeconfig(folder / 'config', 'http://192.0.2.1:8080')
    client = Client(f'kubeconfig={config}', 'pods')
    client.wait('error .*config:.*server: the credentials would be sent in clear text')
    client.close()


class Proxy:
    """An HTTP proxy: CONNECT to anywhere goes to one server."""

    def __init__(self, server):
        self.server, self.asked = server, []
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.url = f'http://127.0.0.1:{self.listener.getsockname()[1]}'
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        head = b''
        while b'\r\n\r\n' not in head:
            head += sock.recv(4096)
        self.asked.append(head.decode().split('\r\n')[0])
        there = socket.create_connection(('127.0.0.1', self.server.port))
        sock.sendall(b'HTTP/1.1 200 OK\r\n\r\n')
        threading.Thread(target=self.pump, args=(there, sock), daemon=True).start()
        self.pump(sock, there)

    @staticmethod
    def pump(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
        except OSError:
            pass
        for s in (a, b):
            s.close()


def test_proxy(folder):
    certs, server = secure(folder, names='DNS:api.example')
    proxy = Proxy(server)
    config = kubeconfig(folder / 'config', 'https://api.example:6443', certificate_authority='ca.crt',
                        proxy_url=proxy.url)
    client = Client(f'kubeconfig={config}', *FAST, 'pods')
    client.wait('^synced Pod 3')
    check(proxy.asked[0].startswith('CONNECT api.example:6443 '), str(proxy.asked))
    proxy.listener.close()
    finish(server, client)


def test_several_kubeconfigs(folder):
    """$KUBECONFIG: the first file that has a name wins; files that are not there are passed over."""
    server, client = started(folder, 'pods')
    client.close()
    (folder / 'first').write_text('current-context: mine\n')
    (folder / 'second').write_text(
        'current-context: other\ncontexts: [{name: mine, context: {cluster: far, user: u}}]\n'
        f'clusters: [{{name: far, cluster: {{server: "{server.url}"}}}}]\n')
    third = kubeconfig(folder / 'third', 'http://127.0.0.1:1')
    env = {'KUBECONFIG': f'{folder}/none:{folder}/first::{folder}/second:{third}'}
    client = Client(*FAST, 'pods', env=env)
    client.wait(f'^server {server.url} context mine')
    client.wait('^synced Pod 5')
    client.close()
    client = Client('context=c', 'pods', env=env)
    client.wait('^server http://127.0.0.1:1 context c namespace shop')
    client.close()
    (folder / '.kube').mkdir()
    kubeconfig(folder / '.kube' / 'config', server.url)
    client = Client(*FAST, 'pods', env={'HOME': str(folder)})
    client.wait('^synced Pod 5')
    client.close()
    client = Client('pods', env={'HOME': str(folder / 'none')})
    client.wait('error .*there is no kubeconfig')
    check(client.close() == 1, 'status')
    server.stop()


def test_http2(folder):
    """All on one connection of HTTP/2, which is cut and comes again (nghttpx speaks it for the server)."""
    if not shutil.which('nghttpx'):
        return 'nghttpx, which would speak HTTP/2 for the server, is not installed'
    certs, server = Certs(folder), Server()
    certs.sign('front', '/CN=front', LOOP)
    for i in range(700):
        server.model.apply(PODS, pod(f'p{i}'))
    with socket.create_server(('127.0.0.1', 0)) as s:
        port = s.getsockname()[1]
    argv = ['nghttpx', f'-f127.0.0.1,{port}', f'-b127.0.0.1,{server.port}', '--no-ocsp', '-n1',
            '--errorlog-file=/dev/null', '--backend-read-timeout=60s', '--single-process',
            certs.path('front.key'), certs.path('front.crt')]
    config = kubeconfig(folder / 'config', f'https://127.0.0.1:{port}', certificate_authority='ca.crt')
    for streaming in ([], ['paged=1', 'page=100']):
        front = subprocess.Popen([str(a) for a in argv], stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        try:
            client = Client(f'kubeconfig={config}', *FAST, *streaming, 'pods', 'nodes')
            for _ in range(2):
                client.wait('^synced (Pod 700|Node 0)')
            server.model.apply('/api/v1/nodes', {'metadata': {'name': f'n{len(streaming)}'}})
            client.wait('^added Node n')
            check(all(r.headers['via'].startswith('2 ') for r in server.requests), 'this was not HTTP/2')
            server.cut()  # behind the front: both watches are reset, the connection stays
            server.model.apply(PODS, pod(f'late{len(streaming)}'))
            client.wait('^added Pod a/late')
            front.terminate()
            front.wait()
            client.wait('failures=[2-9]')
            front = subprocess.Popen([str(a) for a in argv], stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL)
            server.model.apply(PODS, pod(f'later{len(streaming)}'))
            client.wait('^added Pod a/later')
            client.close()
            for name in [f'late{len(streaming)}', f'later{len(streaming)}']:
                server.model.delete(PODS, 'a', name)
            server.model.delete('/api/v1/nodes', None, f'n{len(streaming)}')
        finally:
            front.terminate()
            front.wait()
    server.stop()
