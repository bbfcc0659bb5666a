#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The node agent in a cluster where the API server lies: hostile.py [WEIR] [--seconds N] [--seed N]

Random changes of policies, pods and namespaces, while the agent is killed and the
API server is cut, silent, restarted, forgetful, and hostile. Two connections are
tried all the time: one that is always denied never passes, one that is always
allowed never fails. At quiet points the kernel's maps say what the engine says of
the API's objects, for every pair, and packets agree.
"""
import argparse
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import agent as base
from agent import CLONE_NEWNET, LAB, WEIR, Agent, in_node, result, wait, weir
from chance import Chance
from hostile_world import (HOSTILE, NODE, PODS, WATCHED, Changes, Trouble, lab_cluster,
                           new_server)
from server import KINDS, Model

MAPCHECK = os.path.join(os.path.dirname(WEIR), 'tests/kernel/agent/mapcheck')
CONVERGED = 60  # seconds from the last trouble to the maps: back-offs of the client included
SAMPLES = 40
EVERY = 0.05


class Sentinel(threading.Thread):
    """Tries a connection between two pods, all the time, from the source's namespace."""

    def __init__(self, netns, target, family, allowed):
        super().__init__(daemon=True)
        self.netns, self.target, self.family, self.allowed = netns, target, family, allowed
        self.tries, self.wrong, self.stopped = 0, [], False

    def one(self):
        with socket.socket(self.family) as s:
            s.settimeout(.9 if self.allowed else .2)  # the second SYN would come after a second
            try:
                s.connect((self.target, 80))
                return True, ''
            except OSError as e:
                return False, str(e)

    def run(self):
        with open(self.netns, encoding='ascii') as f:
            if ctypes.CDLL(None, use_errno=True).setns(f.fileno(), CLONE_NEWNET):
                self.wrong.append('setns')
                return
        while not self.stopped:
            passed, why = self.one()
            self.tries += 1
            if passed != self.allowed:
                self.wrong.append(f'{time.strftime("%T")} {self.target} {why or "connected"}')
            time.sleep(EVERY)


class Cluster:
    """The API's objects, what is written of them, and what the engine says."""

    def __init__(self, folder, chance):
        self.folder, self.chance = folder, chance
        self.model = Model()
        self.model.absent.clear()
        self.pods = base.lab_objects('pods')
        for pod in self.pods:
            self.model.apply(PODS, pod)
        for node in base.lab_objects('nodes'):
            self.model.apply('/api/v1/nodes', node)
        self.model.apply('/api/v1/nodes', {'metadata': {'name': 'node-9'}, 'status': {
            'addresses': [{'type': 'InternalIP', 'address': '10.99.0.9'}]}})
        for doc in lab_cluster().split('\n---\n'):
            doc = json.loads(doc)
            if doc['kind'] == 'Namespace':
                self.model.apply('/api/v1/namespaces', doc)
        for policy in WATCHED:
            self.model.apply(base.POLICIES, policy)

    def manifest(self):
        path = os.path.join(self.folder, 'api.json')
        with self.model.lock:
            items = [dict(o, kind=KINDS[p][0], apiVersion=KINDS[p][1])
                     for (p, _, _), o in self.model.objects.items()]
        base.write(path, items)
        return path

    def names(self):
        return [f'{p["metadata"]["namespace"]}/{p["metadata"]["name"]}' for p in self.pods]

    def kubeconfig(self, url):
        path = os.path.join(self.folder, 'kubeconfig')
        with open(path, 'w', encoding='utf-8') as f:
            f.write('apiVersion: v1\nkind: Config\ncurrent-context: c\n'
                    'contexts: [{name: c, context: {cluster: k, user: u}}]\n'
                    f'clusters: [{{name: k, cluster: {{server: "{url}"}}}}]\n'
                    'users: [{name: u, user: {token: secret}}]\n')
        return path


class Chaos:
    def __init__(self, agent, folder, seed):
        self.chance, self.seed, self.agent = Chance(seed), seed, agent
        self.cluster = Cluster(folder, self.chance)
        self.changes = Changes(self.cluster.model, self.chance)
        self.trouble = Trouble(self.cluster.model, new_server(self.cluster.model, in_node),
                               Chance(seed + 1))
        self.config = self.cluster.kubeconfig(self.trouble.server.url)
        self.verdicts = self.rounds = self.kills = self.packets = 0
        self.longest = 0.0
        self.said = ''
        self.wrong = []

    def context(self):
        return f'seed {self.seed}; last changes:\n  ' + '\n  '.join(self.changes.last[-12:])

    def maps_agree(self):
        p = subprocess.run([MAPCHECK, self.agent.pins, self.cluster.manifest(), NODE],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        self.said = p.stdout.decode()
        return p.returncode == 0

    def alive(self):
        """Started, where it was killed."""
        if self.agent.process.poll() is None:
            return
        self.agent.start('--kubeconfig', self.config)

    def kill(self):
        if self.agent.process.poll() is None:
            self.agent.stop(signal.SIGKILL)
            self.kills += 1
        if self.chance.random() < .7:
            self.alive()

    def storm(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            roll = self.chance.random()
            if roll < .03:
                self.changes.last.append('the agent is killed')
                self.kill()
            elif roll < .08:
                self.trouble.heal()
                self.changes.last.append('the API server: ' + self.trouble.any())
            elif roll < .11:
                self.trouble.heal()
                self.alive()
            else:
                self.changes.any()
            time.sleep(self.chance.choice((0, .005, .03, .1)))

    def quiet(self):
        """All is well again: the maps agree, stay so, and so do packets."""
        self.trouble.heal()
        self.alive()
        begun = time.monotonic()
        while not (self.agent.ready() and self.maps_agree()):
            if self.agent.process.poll() is not None:
                self.wrong.append(f'the agent died: {self.agent.text()[-2000:]}')
                self.alive()
            if time.monotonic() > begun + CONVERGED:
                self.wrong.append(f'{base.get("/readyz")}\n{self.said}{self.context()}\n'
                                  f'{self.agent.text()[-3000:]}')
                return
            time.sleep(.1)
        self.longest = max(self.longest, time.monotonic() - begun)
        self.verdicts += int(self.said.rsplit('\n', 2)[-2].split()[0])
        self.rounds += 1
        self.send_packets()

    def send_packets(self):
        flows = os.path.join(self.cluster.folder, 'flows.jsonl')
        names, family = self.cluster.names(), self.chance.choice(('ipv4', 'ipv6'))
        with open(flows, 'w', encoding='utf-8') as f:
            for _ in range(SAMPLES):
                protocol, port = self.chance.choice((('TCP', 80), ('TCP', 8080), ('UDP', 53),
                                                     ('SCTP', 9003)))
                source, target = self.chance.sample(names, 2)
                f.write(json.dumps({'from': source, 'to': target, 'protocol': protocol,
                                    'port': port, 'family': family})
                        + '\n')
        _, told, err = weir('eval', '-f', self.cluster.manifest(), '--flows', flows)
        _, seen, err2 = weir('lab', 'probe', '--name', LAB, '--flows', flows, '--family', family,
                            '-o', 'json')
        try:
            told, seen = ([json.loads(t) for t in x.splitlines()] for x in (told, seen))
        except ValueError:
            self.wrong.append(f'not JSON lines: {err}{err2}{told!r:.300}{seen!r:.300}')
            return
        for want, got in zip(told, seen):
            if got['observed'] not in ('allow', 'deny'):
                continue
            self.packets += 1
            if want.get('verdict') != got['observed']:
                self.wrong.append(f'packet: engine {want}, seen {got}\n{self.context()}')


def sentinels(cluster):
    """Both pairs, in both families."""
    def index(name):
        return cluster.names().index(f'watched/{name}')

    def addresses(name):
        return [i['ip'] for i in cluster.pods[index(name)]['status']['podIPs']]
    own = set(addresses('client'))
    for netns in sorted(os.listdir('/run/netns')):
        if not netns.startswith(f'weir-{LAB}-pod-'):
            continue
        out = subprocess.run(['ip', '-n', netns, '-j', 'address'], stdout=subprocess.PIPE,
                             check=True).stdout
        if own & {a['local'] for i in json.loads(out) for a in i.get('addr_info', [])}:
            return [Sentinel(f'/run/netns/{netns}', ip,
                             socket.AF_INET6 if ':' in ip else socket.AF_INET, name == 'always')
                    for name in ('always', 'never') for ip in addresses(name)]
    raise RuntimeError('the client is in no network namespace')


def hostile(chaos):
    """No answer of a server that lies changes what is in force, nor ends the agent."""
    for name, hook in HOSTILE.items():
        pid = chaos.agent.process.pid
        chaos.trouble.server.hook = hook
        chaos.trouble.server.cut()
        time.sleep(1.2)
        ok = chaos.maps_agree() and chaos.agent.process.poll() is None
        said = chaos.said
        chaos.trouble.server.hook = None
        chaos.trouble.server.cut()
        result(f'hostile/{name}', ok and pid == chaos.agent.process.pid,
               f'{said}{chaos.agent.text()[-1500:]}')
        chaos.alive()
    chaos.quiet()
    result('hostile/after-all-of-it', not chaos.wrong, '\n'.join(chaos.wrong[:2]))


def report(chaos, watched):
    result('hostile/maps-and-packets-equal-the-engine', not chaos.wrong and chaos.rounds,
           f'{len(chaos.wrong)} times, first: ' + ''.join(chaos.wrong[:1]))
    for s in watched:
        name = 'allowed-never-failed' if s.allowed else 'denied-never-passed'
        result(f'hostile/{name}-{"ipv6" if s.family == socket.AF_INET6 else "ipv4"}',
               s.tries > 20 and not s.wrong,
               f'{len(s.wrong)} of {s.tries}: {s.wrong[:5]}\n{chaos.context()}')
    text = chaos.agent.text()
    result('hostile/no-sanitizer-errors', 'Sanitizer' not in text and 'runtime error' not in text,
           text[-3000:])
    print(f'# {chaos.rounds} quiet points, {chaos.verdicts} verdicts of the maps, {chaos.packets} '
          f'packets, {chaos.kills} kills, {sum(s.tries for s in watched)} tries of the watched; '
          f'longest way to quiet {chaos.longest:.1f} s', flush=True)


def run(chaos, seconds):
    chaos.agent.start('--kubeconfig', chaos.config)
    ready = wait(chaos.agent.ready, 30)
    result('hostile/ready', ready, chaos.agent.text()[-3000:])
    if not ready:
        return
    chaos.quiet()
    watched = sentinels(chaos.cluster)
    for s in watched:
        s.start()
    end = time.monotonic() + seconds
    while time.monotonic() < end and not chaos.wrong:
        chaos.storm(min(4, seconds / 4))
        chaos.quiet()
    hostile(chaos)
    for s in watched:
        s.stopped = True
        s.join()
    report(chaos, watched)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('weir', nargs='?')
    parser.add_argument('--seconds', type=float, default=8)
    parser.add_argument('--seed', type=int, default=int.from_bytes(os.urandom(3), 'big'))
    args = parser.parse_args()
    print(f'# seed {args.seed}', flush=True)
    folder = tempfile.mkdtemp(prefix='weir-hostile-')
    manifest = os.path.join(folder, 'cluster.yaml')
    with open(manifest, 'w', encoding='utf-8') as f:
        f.write(lab_cluster())
    status, out, err = weir('lab', 'up', '-f', manifest, '--nodes', '1', '--name', LAB)
    if status:
        result('hostile/up', False, out + err)
        return 1
    agent = Agent(folder)
    try:
        run(Chaos(agent, folder, args.seed), args.seconds)
    finally:
        if agent.process and agent.process.poll() is None:
            agent.process.kill()
            agent.process.wait()
        weir('lab', 'down', '--name', LAB)
        shutil.rmtree(folder)
    return 1 if base.failed else 0


if __name__ == '__main__':
    sys.exit(main())
