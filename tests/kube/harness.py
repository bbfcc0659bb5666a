# SPDX-License-Identifier: Apache-2.0
"""Runs the client (kubedump) against a server and waits for what it says."""
import concurrent.futures
import os
import queue
import re
import subprocess
import sys
import threading
import time

from server import Server

PODS, POLICIES = '/api/v1/pods', '/apis/networking.k8s.io/v1/networkpolicies'
CNPS = '/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies'
SANITIZER = re.compile(r'ERROR: (Address|Leak)Sanitizer|runtime error:|LeakSanitizer: detected')
PROXIES = {'http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'}
ENV = {k: v for k, v in os.environ.items()
       if k.lower() not in PROXIES and not k.startswith('KUBE')}
WORKERS = 4
FAST = ['backoff=20', 'backoff-max=200', 'absent=200', 'initial=600', 'connect=3000', 'grace=500']


class Failed(Exception):
    pass


def check(condition, message):
    if not condition:
        raise Failed(message)


def pod(name, ns='a', ip='', **labels):
    o = {'metadata': {'name': name, 'namespace': ns, 'labels': labels}, 'spec': {'nodeName': 'n1'}}
    if ip:
        o['status'] = {'phase': 'Running', 'podIP': ip, 'podIPs': [{'ip': ip}]}
    return o


def policy(name, ns='a', **spec):
    return {'metadata': {'name': name, 'namespace': ns},
            'spec': dict({'podSelector': {}, 'policyTypes': ['Ingress']}, **spec)}


def kubeconfig(path, server, user='{token: secret}', **cluster):
    more = ''.join(f', {k.replace("_", "-")}: {v}' for k, v in cluster.items())
    path.write_text('apiVersion: v1\nkind: Config\ncurrent-context: c\n'
                    'contexts: [{name: c, context: {cluster: k, user: u, namespace: shop}}]\n'
                    f'clusters: [{{name: k, cluster: {{server: "{server}"{more}}}}}]\n'
                    f'users: [{{name: u, user: {user}}}]\n')
    return path


class Client:
    program = None
    running = []

    def __init__(self, *argv, env=None):
        Client.running.append(self)
        self.lines = []
        self.new = queue.Queue()
        self.proc = subprocess.Popen([self.program, *map(str, argv)], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                     env=dict(ENV, **(env or {})))
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.proc.stdout:
            self.new.put(line.rstrip('\n'))
        self.new.put(None)

    def wait(self, pattern, seconds=10):
        """The match of the next line that fits; all lines before it are passed over (and kept)."""
        until = time.monotonic() + seconds
        while True:
            try:
                line = self.new.get(timeout=max(0.01, until - time.monotonic()))
            except queue.Empty:
                raise Failed(f'no line like "{pattern}" in {seconds} s; it said:\n' +
                             '\n'.join(self.lines[-15:])) from None
            if line is None:
                raise Failed(f'it ended before a line like "{pattern}":\n' + '\n'.join(self.lines[-25:]))
            self.lines.append(line)
            found = re.search(pattern, line)
            if found:
                return found

    def quiet(self, pattern, seconds):
        """Nothing like this comes for a while."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                line = self.new.get(timeout=max(0.01, until - time.monotonic()))
            except queue.Empty:
                return
            check(line is not None, 'it ended')
            self.lines.append(line)
            check(not re.search(pattern, line), f'unexpected: {line}')

    def order(self, line):
        self.proc.stdin.write(line + '\n')
        self.proc.stdin.flush()

    def dump(self):
        """{name: version} of all items."""
        self.order('dump')
        start = len(self.lines)
        self.wait('^end$')
        return {m.group(1): m.group(2) for m in
                (re.match(r'item \w+ (\S+) (\S+) ', l) for l in self.lines[start:]) if m}

    def close(self):
        try:
            self.proc.stdin.close()
            status = self.proc.wait(20)
        except (subprocess.TimeoutExpired, OSError):
            self.proc.kill()
            raise Failed('it does not end') from None
        while True:
            line = self.new.get()
            if line is None:
                break
            self.lines.append(line)
        text = '\n'.join(self.lines)
        check(not SANITIZER.search(text) and status in (0, 1), f'status {status}\n{text[-4000:]}')
        return status


def truth(model, path, ns=None):
    with model.lock:
        return {(n + '/' if n else '') + name: o['metadata']['resourceVersion']
                for (p, n, name), o in model.objects.items() if p == path and ns in (None, n)}


def parallel(tests):
    """Each test in a process of its own, some at a time: they mostly wait."""
    def one(name):
        p = subprocess.run([sys.executable, *sys.argv[:3], name], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, check=False)
        line = re.search(r'^(ok|FAIL|skip) .*$', p.stdout, re.M)
        return line.group(0) if line else f'FAIL {name} {p.stdout[-2000:]!r}'
    bad = 0
    names = [t.__name__.removeprefix('test_').replace('_', '-') for t in tests]
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        for line in pool.map(one, names):
            bad += line.startswith('FAIL')
            print(line, flush=True)
    return 1 if bad else 0


def main(tests, folder):
    """Prints "ok NAME" or "FAIL NAME why" for each test (a function of a folder)."""
    bad = 0
    wanted = sys.argv[3:]
    if not wanted:
        return parallel(tests)
    for test in tests:
        name = test.__name__.removeprefix('test_').replace('_', '-')
        if wanted and name not in wanted:
            continue
        here = folder / name
        here.mkdir()
        try:
            reason = test(here)
            print(f'skip {name}: {reason}' if reason else f'ok {name}', flush=True)
        except (Failed, AssertionError, OSError, ValueError, KeyError) as e:
            bad += 1
            text = f'{type(e).__name__}: {e}'.replace('\n', ' | ')
            print(f'FAIL {name} {text[:3000]}', flush=True)
        finally:
            for client in Client.running:
                client.proc.kill()
                client.proc.wait()
            for server in Server.running:
                server.stop()
            Client.running.clear()
            Server.running.clear()
    return 1 if bad else 0
