#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a node's agent costs in a big cluster: agent.py WEIR GEN [PODSxPOLICIESxNODES...]  (root)

The tests' API server poses as the cluster, `weir agent` enforces on node-0 in a
network namespace without interfaces. Times go from the write of an object to
the change in the kernel's maps, which are read all the time: they hold the
server, the wire, the client, the compiler and the load. The server is a process
of its own. Beside them, what the agent itself counts: from the first event that
it saw until the program was in force.
"""
import ctypes
import json
import multiprocessing
import os
import platform
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'tests', 'kube'))
from server import KINDS, Model, Server  # noqa: E402 (the path is known only here)

SYS_BPF = {'x86_64': 321, 'aarch64': 280}[platform.machine()]
HTTP = 'http://127.0.0.1:9464/metrics'
PATHS = {kind: path for path, (kind, _, _) in KINDS.items()}
BURST_SECONDS = 10
BURST_RATE = 100
LIBC = ctypes.CDLL(None, use_errno=True)

# goals in milliseconds (first sync, policy, pod, namespace), MB and seconds of CPU
GOALS = {1000: {'first': 50, 'policy': 2, 'pod': 0.5, 'namespace': 5, 'memory': 15},
         100000: {'policy': 6, 'pod': 1.5, 'namespace': 15, 'memory': 100, 'cpu': 10}}


# ---- the kernel's maps ----

def bpf(command, attr):
    buf = ctypes.create_string_buffer(attr, 128)
    return LIBC.syscall(SYS_BPF, command, buf, 128)


class Maps:
    """Cell 0 of the image in force, and addresses; by the pins of the agent."""

    def __init__(self, pins):
        self.outer = self.open(os.path.join(pins, 'v1', 'images'))
        self.addr4 = self.open(os.path.join(pins, 'v1', 'addr4'))
        self.ids = {}

    @staticmethod
    def open(path):
        name = ctypes.create_string_buffer(path.encode())
        fd = bpf(7, struct.pack('QII', ctypes.addressof(name), 0, 0))
        if fd < 0:
            raise OSError(ctypes.get_errno(), path)
        return fd

    @staticmethod
    def lookup(fd, key, size):
        k, v = ctypes.create_string_buffer(key, len(key)), ctypes.create_string_buffer(size)
        rc = bpf(1, struct.pack('IIQQQ', fd, 0, ctypes.addressof(k), ctypes.addressof(v), 0))
        return None if rc else v.raw

    def head(self):
        inner = struct.unpack('I', self.lookup(self.outer, bytes(4), 4))[0]
        if inner not in self.ids:
            self.ids = {inner: bpf(14, struct.pack('II', inner, 0))}
        return inner, self.lookup(self.ids[inner], bytes(4), 16)

    def address(self, ip):
        return self.lookup(self.addr4, socket.inet_aton(ip), 4)


# ---- the server, a process of its own ----

def serve(pipe, manifest):
    model = Model()
    with open(manifest, encoding='utf-8') as f:
        items = json.load(f)['items']
    for item in items:
        model.apply(PATHS[item['kind']], item)
    model.events.clear()
    model.compacted = model.version
    server = Server(model)
    pipe.send(server.port)
    while True:
        verb, kind, obj = pipe.recv()
        if verb == 'stop':
            return
        with model.lock:
            del model.events[:-300]
        at = time.monotonic()
        model.apply(PATHS[kind], obj, delete=verb == 'delete')
        pipe.send(at)


class Cluster:
    def __init__(self, manifest):
        with open(manifest, encoding='utf-8') as f:
            self.items = json.load(f)['items']
        self.pipe, other = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=serve, args=(other, manifest), daemon=True)
        self.process.start()
        self.port = self.pipe.recv()

    def write(self, obj, verb='apply'):
        """When it was written."""
        self.pipe.send((verb, obj['kind'], obj))
        return self.pipe.recv()

    def of(self, kind):
        return [i for i in self.items if i['kind'] == kind]

    def stop(self):
        self.process.terminate()
        self.process.join()


# ---- the agent ----

class Agent:
    def __init__(self, weir, folder, port):
        self.folder, self.pins = folder, os.path.join(folder, 'bpf', 'weir')
        os.makedirs(os.path.join(folder, 'bpf'), exist_ok=True)
        subprocess.run(['mount', '-t', 'bpf', 'bpf', os.path.join(folder, 'bpf')], check=True)
        config = os.path.join(folder, 'kubeconfig')
        with open(config, 'w', encoding='utf-8') as f:
            f.write('apiVersion: v1\nkind: Config\ncurrent-context: c\n'
                    'contexts: [{name: c, context: {cluster: k, user: u}}]\n'
                    f'clusters: [{{name: k, cluster: {{server: "http://127.0.0.1:{port}"}}}}]\n'
                    'users: [{name: u, user: {token: secret}}]\n')
        self.log = os.path.join(folder, 'log')
        with open(self.log, 'w', encoding='utf-8') as log:
            self.process = subprocess.Popen(
                [weir, 'agent', '--kubeconfig', config, '--node-name', 'node-0', '--pin-dir',
                 self.pins, '--run-dir', os.path.join(folder, 'run'),
                 '--listen', '127.0.0.1:9464'], stderr=log)

    def metrics(self):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(HTTP, timeout=30) as r:
                return r.read().decode()
        except OSError:
            return ''

    def syncs(self):
        """(number, seconds) of the changes that the agent put in force."""
        text = self.metrics()
        return [float((re.search(rf'^weir_sync_duration_seconds_{w} (\S+)$', text, re.M) or
                       ['', '0'])[1]) for w in ('count', 'sum')]

    def cpu(self):
        with open(f'/proc/{self.process.pid}/stat', encoding='ascii') as f:
            fields = f.read().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def memory(self, what='VmRSS'):
        with open(f'/proc/{self.process.pid}/status', encoding='ascii') as f:
            return int(re.search(rf'{what}:\s+(\d+)', f.read())[1]) / 1024

    def stop(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        subprocess.run(['umount', os.path.join(self.folder, 'bpf')], check=True)


# ---- measuring ----

def percentile(values, p):
    return sorted(values)[min(len(values) - 1, int(len(values) * p))]


def goal(pods, what):
    value = GOALS.get(pods, {}).get(what)
    return f'(goal {value})' if value else ''


def until(read, before, seconds=60):
    """When what is read differs from before."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        now = read()
        if now != before:
            return time.monotonic()
    raise TimeoutError('nothing came to the kernel')


def settle(agent):
    last, same = None, 0
    while same < 3:
        now = agent.syncs()[0]
        same = same + 1 if now == last else 0
        last = now
        time.sleep(0.05)


def events(agent, cluster, name, changes, read, pods):
    """changes: (object, verb) one after the other; each has to change what is read."""
    took = []
    count, total = agent.syncs()
    for obj, verb in changes:
        before = read()
        begun = cluster.write(obj, verb)
        took.append((until(read, before) - begun) * 1e3)
        time.sleep(0.02)  # what follows the change is not the next one's cost
    more, sum_ = agent.syncs()
    own = (sum_ - total) / max(more - count, 1) * 1e3
    print(f'    {name:<16} median {percentile(took, .5):8.2f} ms   p99 {percentile(took, .99):8.2f}'
          f' ms   in the agent {own:8.2f} ms  {goal(pods, name)}', flush=True)


def alike(obj, name, **meta):
    copy = json.loads(json.dumps(obj))
    copy['metadata'].update(name=name, **meta)
    return copy


def policy_events(cluster, n):
    pod = next(p for p in cluster.of('Pod') if p['spec']['nodeName'] == 'node-0')
    policy = {'apiVersion': 'networking.k8s.io/v1', 'kind': 'NetworkPolicy',
              'metadata': {'name': 'added', 'namespace': pod['metadata']['namespace']},
              'spec': {'podSelector': {'matchLabels': {'app': pod['metadata']['labels']['app']}},
                       'ingress': [{'from': [{'podSelector': {}}], 'ports': [{'port': 4711}]}]}}
    return [(policy, 'delete' if i % 2 else 'apply') for i in range(n)]


def new_pod(cluster, ip):
    pod = alike(next(p for p in cluster.of('Pod') if p['spec']['nodeName'] == 'node-0'), 'added')
    pod['status'].update(podIP=ip, podIPs=[{'ip': ip}])
    return pod


def namespace_events(cluster, n):
    ns = cluster.of('Namespace')[0]
    other = alike(ns, ns['metadata']['name'])
    other['metadata']['labels'] = dict(ns['metadata']['labels'], env='dev', team='gold')
    return [(ns if i % 2 else other, 'apply') for i in range(n)]


def burst(agent, cluster, pod):
    """Percent of a core while a pod comes or goes so many times a second."""
    cpu, begun = agent.cpu(), time.monotonic()
    for i in range(BURST_SECONDS * BURST_RATE):
        time.sleep(max(0, begun + i / BURST_RATE - time.monotonic()))
        cluster.write(pod, 'delete' if i % 2 else 'apply')
    return (agent.cpu() - cpu) / (time.monotonic() - begun) * 100


def measure(weir, gen, size, folder, n):
    pods, policies, nodes = size
    manifest = os.path.join(folder, 'cluster.json')
    subprocess.run([gen, '--pods', str(pods), '--policies', str(policies), '--nodes', str(nodes),
                    '-o', manifest], check=True)
    print(f'  {pods} pods, {policies} policies, {nodes} nodes', flush=True)
    cluster = Cluster(manifest)
    begun = time.monotonic()
    agent = Agent(weir, folder, cluster.port)
    try:
        while not agent.syncs()[0]:
            if agent.process.poll() is not None or time.monotonic() > begun + 300:
                with open(agent.log, encoding='utf-8') as log:
                    sys.exit(f'the agent does not sync:\n{log.read()}')
            time.sleep(0.01)
        wall = (time.monotonic() - begun) * 1e3
        _, seconds = agent.syncs()
        print(f'    first sync       from start {wall:.0f} ms, of the last step '
              f'{seconds * 1e3:.1f} ms, CPU {agent.cpu():.2f} s '
              f'{goal(pods, "first")}{goal(pods, "cpu")}', flush=True)
        settle(agent)
        if os.environ.get('BENCH_PROFILE'):
            subprocess.Popen(['perf', 'record', '--call-graph', 'dwarf,16384', '-F', '499', '-q',
                              '-o', os.environ['BENCH_PROFILE'],
                              '-p', str(agent.process.pid)])
            time.sleep(1)
        maps, ip = Maps(agent.pins), '10.1.250.250' if nodes <= 250 else '10.0.1.253'
        pod = new_pod(cluster, ip)
        events(agent, cluster, 'policy', policy_events(cluster, n), maps.head, pods)
        events(agent, cluster, 'pod',
               [(pod, 'delete' if i % 2 else 'apply') for i in range(n)],
               lambda: (maps.head(), maps.address(ip)), pods)
        events(agent, cluster, 'namespace', namespace_events(cluster, n), maps.head, pods)
        print(f'    CPU at {BURST_RATE} pod events a second {burst(agent, cluster, pod):.1f} % of a core'
              f' {"(goal 5)" if pods == 100000 else ""}')
        settle(agent)
        print(f'    memory           {agent.memory():.1f} MB now, {agent.memory("VmHWM"):.1f} MB at '
              f'most {goal(pods, "memory")}', flush=True)
    finally:
        agent.stop()
        cluster.stop()


def main():
    if not os.environ.get('BENCH_AGENT_INSIDE'):
        os.environ['BENCH_AGENT_INSIDE'] = '1'
        os.execvp('unshare', ['unshare', '-n', '-m', sys.executable, *sys.argv])
    subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)
    weir, gen = (os.path.abspath(p) for p in sys.argv[1:3])
    sizes = [tuple(int(n) for n in s.split('x')) for s in sys.argv[3:]] or [(1000, 500, 4)]
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix='weir-bench-') as folder:
            measure(weir, gen, size, folder, 100 if size[0] < 50000 else 20)
    return 0


if __name__ == '__main__':
    sys.exit(main())
