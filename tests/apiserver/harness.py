# SPDX-License-Identifier: Apache-2.0
"""An API server for a test: started, spoken to, ended; and how results are told."""
import base64
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import traceback

SANITIZER = re.compile(r'ERROR: (Address|Leak)Sanitizer|runtime error:|LeakSanitizer: detected')


class Server:
    """weir apiserver in a directory of its own."""

    def __init__(self, weir, *args, data=False, folder=None):
        self.folder = folder or tempfile.mkdtemp(prefix='weir-apiserver-')
        self.own_folder = folder is None
        self.config = os.path.join(self.folder, 'config')
        argv = [str(weir), 'apiserver', '--listen', '127.0.0.1:0', '--kubeconfig', self.config]
        if data:
            argv += ['--data', os.path.join(self.folder, 'data')]
        self.log = open(os.path.join(self.folder, 'log'), 'w+', encoding='utf-8')
        self.proc = subprocess.Popen([*argv, *args], stdout=subprocess.PIPE, stderr=self.log,
                                     stdin=subprocess.DEVNULL, text=True)
        line = self.proc.stdout.readline()
        found = re.match(r'serving https://([\d.]+):(\d+) ', line)
        if not found:
            self.proc.kill()
            self.proc.wait()
            self.log.seek(0)
            raise RuntimeError(f'the server did not start: {line}{self.log.read()}')
        self.host, self.port = found.group(1), int(found.group(2))
        text = pathlib.Path(self.config).read_text(encoding='utf-8')
        self.token = re.search(r'token: (\w+)', text).group(1)
        self.ca, self.cert, self.key = (
            base64.b64decode(re.search(key + r': (\S+)', text).group(1)).decode()
            for key in ('certificate-authority-data', 'client-certificate-data', 'client-key-data'))

    def context(self, certificate=False):
        context = ssl.create_default_context(cadata=self.ca)
        if certificate:
            path = os.path.join(self.folder, 'pair.pem')
            pathlib.Path(path).write_text(self.cert + self.key, encoding='utf-8')
            context.load_cert_chain(path)
        return context

    def connect(self, certificate=False, timeout=20):
        return http.client.HTTPSConnection(self.host, self.port, timeout=timeout,
                                           context=self.context(certificate))

    def call(self, method, path, body=None, kind='application/json', token=True, **headers):
        """Status and answer: parsed where it is JSON."""
        connection = self.connect()
        send = {'Content-Type': kind, **{k.replace('_', '-'): v for k, v in headers.items()}}
        if token:
            send['Authorization'] = 'Bearer ' + (self.token if token is True else token)
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        connection.request(method, path, body, send)
        answer = connection.getresponse()
        data = answer.read()
        self.headers = answer.headers
        connection.close()
        try:
            return answer.status, json.loads(data)
        except ValueError:
            return answer.status, data

    def watch(self, path, **headers):
        """The events of a watch, until it ends."""
        connection = self.connect()
        connection.request('GET', path, headers={'Authorization': 'Bearer ' + self.token, **headers})
        answer = connection.getresponse()
        for line in iter(answer.readline, b''):
            yield json.loads(line)
        connection.close()

    def kubectl(self, *args, stdin=None, ok=True, program='kubectl', env=None, seconds=60):
        """Output of kubectl (with its errors), which must succeed, or must fail where ok is False."""
        done = subprocess.run([program, *args], input=stdin, capture_output=True, text=True,
                              timeout=seconds,
                              env={**os.environ, 'KUBECONFIG': self.config, 'HOME': self.folder,
                                   **(env or {})})
        out = done.stdout + done.stderr
        assert (done.returncode == 0) == ok, f'kubectl {" ".join(args)}: {done.returncode}\n{out}'
        return out

    def stop(self, kill=False):
        """Ends it; the text of what it said wrong, '' when all was well."""
        self.proc.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        self.proc.wait(30)
        self.proc.stdout.close()
        self.log.seek(0)
        text = self.log.read()
        self.log.close()
        if self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)
        bad = SANITIZER.search(text) or (self.proc.returncode and not kill)
        return f'exit status {self.proc.returncode}\n{text}' if bad else ''

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        text = self.stop()
        if text and kind is None:
            raise AssertionError(text)
        if text:
            print(text, file=sys.stderr)


def policy(name, port=80, **meta):
    return {'apiVersion': 'networking.k8s.io/v1', 'kind': 'NetworkPolicy',
            'metadata': {'name': name, **meta},
            'spec': {'podSelector': {'matchLabels': {'app': 'web'}},
                     'ingress': [{'ports': [{'port': port}]}]}}


def pod(name, node=None, **labels):
    spec = {'containers': [{'name': 'c', 'image': 'x'}]}
    if node:
        spec['nodeName'] = node
    return {'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': name, 'labels': labels},
            'spec': spec}


POLICIES = '/apis/networking.k8s.io/v1/namespaces/default/networkpolicies'
PODS = '/api/v1/namespaces/default/pods'


def equal(got, want, what=''):
    assert got == want, f'{what}: got {got!r}, wanted {want!r}'


def contains(text, *parts):
    for part in parts:
        assert part in text, f'{part!r} is not in:\n{text}'


def run_all(tests):
    """Runs functions test_x(weir) and prints a line for each."""
    weir, failed = sys.argv[1], False
    for name, test in list(tests.items()):
        if not name.startswith('test_') or not callable(test):
            continue
        label = name[5:].replace('_', '-')
        try:
            test(weir)
            print(f'ok {label}', flush=True)
        except Exception as error:  # each test for itself
            failed = True
            lines = (str(error) or traceback.format_exc()).splitlines()
            where = traceback.extract_tb(error.__traceback__)[1].lineno
            print(f'FAIL {label}: line {where}: {" | ".join(lines)[:1500]}', flush=True)
    return 1 if failed else 0
