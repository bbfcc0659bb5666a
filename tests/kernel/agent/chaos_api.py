# SPDX-License-Identifier: Apache-2.0
"""For chaos.py: `weir apiserver` in the node's network namespace, a client of it, kubectl,
and somebody on the way from the agent to it, who cuts, holds and delays what passes."""
import base64
import ctypes
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time

from agent import CLONE_NEWNET, NETNS, WEIR, in_node

CORE, NETWORKING, TIERS = '/api/v1', '/apis/networking.k8s.io/v1', '/apis/policy.networking.k8s.io'
KINDS = {  # resource -> kind, apiVersion, path before the namespace, namespaced
    'namespaces': ('Namespace', 'v1', CORE, False),
    'nodes': ('Node', 'v1', CORE, False),
    'pods': ('Pod', 'v1', CORE, True),
    'networkpolicies': ('NetworkPolicy', 'networking.k8s.io/v1', NETWORKING, True),
    'clusternetworkpolicies': ('ClusterNetworkPolicy', 'policy.networking.k8s.io/v1alpha2',
                               TIERS + '/v1alpha2', False),
    'adminnetworkpolicies': ('AdminNetworkPolicy', 'policy.networking.k8s.io/v1alpha1',
                             TIERS + '/v1alpha1', False),
    'baselineadminnetworkpolicies': ('BaselineAdminNetworkPolicy',
                                     'policy.networking.k8s.io/v1alpha1', TIERS + '/v1alpha1',
                                     False),
}
PATIENCE = 30  # seconds that one change may take, whatever the server does on purpose
RESET = struct.pack('ii', 1, 0)


def path_of(resource, ns, name):
    _, _, before, namespaced = KINDS[resource]
    return before + (f'/namespaces/{ns}' if namespaced else '') + f'/{resource}' + (
        f'/{name}' if name else '')


class ApiServer:
    """weir apiserver with its state in a folder: it can be killed, and comes back as it was."""

    def __init__(self, folder):
        self.data, self.config = os.path.join(folder, 'data'), os.path.join(folder, 'server.config')
        self.log, self.port, self.process = os.path.join(folder, 'apiserver.log'), 0, None
        self.start()

    def start(self, *faults):
        with open(self.log, 'a', encoding='utf-8') as log:
            self.process = subprocess.Popen(
                ['nsenter', f'--net={NETNS}', WEIR, 'apiserver', '--policy-crds', '--listen',
                 f'127.0.0.1:{self.port}', '--data', self.data, '--kubeconfig', self.config,
                 *faults], stdout=subprocess.PIPE, stderr=log, text=True)
        line = self.process.stdout.readline()
        found = re.match(r'serving https://[\d.]+:(\d+) ', line)
        if not found:
            raise RuntimeError(f'the API server did not start: {line}{self.text()}')
        self.port = int(found.group(1))

    def stop(self, number=signal.SIGKILL):
        self.process.send_signal(number)
        self.process.wait(30)
        self.process.stdout.close()

    def text(self):
        with open(self.log, encoding='utf-8') as f:
            return f.read()

    def config_for(self, port, path):
        """The kubeconfig, with another port."""
        with open(self.config, encoding='utf-8') as f:
            text = f.read()
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text.replace(f'127.0.0.1:{self.port}', f'127.0.0.1:{port}'))
        return path


class Api:
    """Calls to the server that are repeated until it has answered; and kubectl."""

    def __init__(self, server, folder):
        self.server, self.folder, self.connection = server, folder, None
        with open(server.config, encoding='utf-8') as f:
            text = f.read()
        ca = base64.b64decode(re.search(r'certificate-authority-data: (\S+)', text)[1]).decode()
        self.token = re.search(r'token: (\w+)', text)[1]
        self.context = ssl.create_default_context(cadata=ca)
        self.kubectl_path = shutil.which('kubectl')
        self.repeated = 0

    def connect(self):
        connection = http.client.HTTPSConnection('127.0.0.1', self.server.port, timeout=10,
                                                 context=self.context)
        in_node(connection.connect)
        return connection

    def once(self, method, path, body, kind):
        if not self.connection:
            self.connection = self.connect()
        headers = {'Authorization': 'Bearer ' + self.token, 'Content-Type': kind}
        self.connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read() or b'{}')

    def call(self, method, path, body=None, kind='application/json'):
        end = time.monotonic() + PATIENCE
        while True:
            try:
                status, answer = self.once(method, path, body, kind)
                if status not in (429, 410) and status < 500:
                    return status, answer
            except (OSError, http.client.HTTPException, ValueError) as e:
                status, answer, self.connection = 0, e, None
            if time.monotonic() > end:
                raise RuntimeError(f'{method} {path}: {status} {answer}')
            self.repeated += 1
            time.sleep(.02)

    def must(self, method, path, body=None, kind='application/json', also=()):
        status, answer = self.call(method, path, body, kind)
        if status >= 300 and status not in also:
            raise RuntimeError(f'{method} {path}: {status} {answer}\n{json.dumps(body)}')
        return status

    def put(self, resource, obj):
        """Made, or changed, whichever it is."""
        kind, version = KINDS[resource][:2]
        meta = obj['metadata']
        ns, name = meta.get('namespace'), meta['name']
        obj = dict(obj, kind=kind, apiVersion=version)
        path = path_of(resource, ns, name)
        for _ in range(5):  # a repeated request may find what the first has done
            status, there = self.call('GET', path)
            if status == 404:
                if self.must('POST', path_of(resource, ns, ''), obj, also=(409,)) < 300:
                    return
                continue
            new = dict(meta, resourceVersion=there['metadata']['resourceVersion'])
            if self.must('PUT', path, dict(obj, metadata=new), also=(404, 409)) < 300:
                return
        raise RuntimeError(f'{path}: neither made nor changed')

    def patch(self, resource, ns, name, body, sub=''):
        self.must('PATCH', path_of(resource, ns, name) + sub, body, 'application/merge-patch+json')

    def delete(self, resource, ns, name):
        self.must('DELETE', path_of(resource, ns, name) + '?gracePeriodSeconds=0', also=(404,))

    def kubectl(self, args, text=None):
        """Whether it did it; the caller does it himself where it did not."""
        done = subprocess.run(
            ['nsenter', f'--net={NETNS}', self.kubectl_path, '--request-timeout=10s', *args],
            input=text, capture_output=True, text=True, timeout=60, check=False,
            env={**os.environ, 'KUBECONFIG': self.server.config, 'HOME': self.folder})
        return done.returncode == 0, done.stdout + done.stderr

    def everything(self):
        """All objects that decide verdicts, and the server's version."""
        items, version = [], 0
        for resource, (kind, api, before, _) in KINDS.items():
            status, answer = self.call('GET', f'{before}/{resource}')
            if status != 200:
                raise RuntimeError(f'{resource}: {status} {answer}')
            version = max(version, int(answer['metadata']['resourceVersion']))
            for item in answer['items']:
                item['metadata'].pop('managedFields', None)
                items.append(dict(item, kind=kind, apiVersion=api))
        return items, version


class Road(threading.Thread):
    """Carries the agent's connections to the server. What happens to them is `mode`:

    ok; refuse: every connection is reset; silent: nothing passes any more, nobody
    says so; drip: a few bytes at a time. cut() resets what is there; after
    cut_within(n) each connection is reset after some bytes more, n times.
    """

    def __init__(self, server, seed):
        super().__init__(daemon=True)
        self.server, self.chance, self.mode, self.cuts = server, random.Random(seed), 'ok', 0
        self.pairs, self.lock = set(), threading.Lock()
        self.listener = in_node(lambda: socket.create_server(('127.0.0.1', 0), backlog=64))
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        with open(NETNS, encoding='ascii') as f:
            if ctypes.CDLL(None, use_errno=True).setns(f.fileno(), CLONE_NEWNET):
                raise OSError('setns')
        while True:
            near, _ = self.listener.accept()
            try:
                if self.mode == 'refuse':
                    raise OSError('refused')
                far = socket.create_connection(('127.0.0.1', self.server.port), 5)
                far.settimeout(None)
            except OSError:
                self.reset(near)
                continue
            with self.lock:
                self.pairs.add((near, far))
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self.carry, args=(a, b, (near, far)), daemon=True).start()

    @staticmethod
    def reset(sock):
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            sock.shutdown(socket.SHUT_RD)  # wakes who reads it
        except OSError:
            pass
        sock.close()

    def carry(self, source, target, pair):
        try:
            while data := source.recv(65536):
                while self.mode == 'silent' and pair in self.pairs:
                    time.sleep(.02)
                if self.cuts and self.chance.random() < .3:
                    self.cuts -= 1
                    target.sendall(data[:self.chance.randrange(len(data) + 1)])
                    break
                step = 37 if self.mode == 'drip' else len(data)
                for at in range(0, len(data), step):
                    target.sendall(data[at:at + step])
                    if self.mode == 'drip':
                        time.sleep(.002)
        except OSError:
            pass
        self.drop(pair)

    def drop(self, pair):
        with self.lock:
            if pair not in self.pairs:
                return
            self.pairs.discard(pair)
        for sock in pair:
            self.reset(sock)

    def cut(self):
        for pair in list(self.pairs):
            self.drop(pair)

    def heal(self):
        silent = self.mode == 'silent'
        self.mode, self.cuts = 'ok', 0
        if silent:
            self.cut()
