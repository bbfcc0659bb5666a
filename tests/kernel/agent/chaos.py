#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The node agent in a cluster where everything changes and much goes wrong:

    chaos.py [WEIR] [--seconds N] [--seed N] [--calm] [--wide] [--keep DIR]
    chaos.py [WEIR] --replay FILE [--each]

`weir apiserver` holds the objects; policies of all kinds, pods, namespaces and nodes
change by API calls and kubectl, many a second; the agent and the API server are
killed, watches are cut, too old, silent, slow. Meanwhile connections run: what is
always allowed never fails, what is always denied never passes, and a guest that is
forbidden is cut within a bound. At quiet points the kernel's maps say what the
engine says of the API's objects, for every pair of addresses, and packets agree.

What happens is decided by the seed alone; when, by the machine. Where something is
wrong, the objects and all changes so far are left in a folder, and --replay does the
changes and the agent's deaths again, without other trouble (--each: with a comparison after each of them).
WEIR_CHAOS_SECONDS is the default for --seconds, which is 30.
"""
import argparse
import json
import mmap
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import agent as base
import prometheus
from agent import LAB, WEIR, Agent, result, wait, weir
from chance import Chance
from chaos_api import KINDS, Api, ApiServer, Road
from chaos_traffic import CELLS
from chaos_world import NODE, Changes, Recorder, lab_manifests

HERE = os.path.dirname(os.path.abspath(__file__))
MAPCHECK = os.path.join(os.path.dirname(WEIR), 'tests/kernel/agent/mapcheck')
# seconds until the maps say what the API says: after changes alone; after trouble, with the
# client's back-offs, which grow to half a minute; for a guest to be cut or let in while other
# changes go on
CALM, CONVERGED, CUT = 5, 120, 2
SANITIZED = 4  # times as long
SAMPLES = 60
SILENCE = .3   # a guest that is cut is looked at for so long


class Traffic(threading.Thread):
    """The connections that run all the time; in a process of their own."""

    def __init__(self, folder, lab):
        super().__init__(daemon=True)
        self.wrong, self.counts = [], {}
        path = os.path.join(folder, 'traffic')
        with open(path, 'wb') as f:
            f.write(b'\0' * CELLS * 8)
        with open(path, 'r+b') as f:
            self.seen = memoryview(mmap.mmap(f.fileno(), CELLS * 8)).cast('d')
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, 'chaos_traffic.py'), path,
             json.dumps(self.config(lab))], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True)
        self.start()

    @staticmethod
    def config(lab):
        homes = namespaces(lab)
        ports = {'always': 7001, 'never': 7002, 'guest': 7003}
        return [{'kind': kind, 'name': name, 'ip': ip, 'port': ports[kind],
                 'from': homes['watched', source], 'to': homes['watched', target]}
                for kind, name, source, target in (
                    ('always', 'client', 'client', 'always'), ('never', 'never', 'client', 'never'),
                    ('never', 'jail', 'jail', 'host'), ('guest', 'guest', 'guest', 'host'))
                for ip in lab['watched', target]]

    def run(self):
        for line in self.process.stdout:
            if line.startswith('counts '):
                self.counts = json.loads(line[7:])
            else:
                self.wrong.append(line.rstrip())

    def guest(self):
        """When each kind of the guest's traffic was last seen; TCP and datagrams that were
        answered, and what reached the host at all, for both families."""
        return list(self.seen[:6])

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        self.join(10)


def namespaces(lab):
    """(namespace, name) of the lab's pods to their network namespaces."""
    homes = {}
    for netns in sorted(os.listdir('/run/netns')):
        if not netns.startswith(f'weir-{LAB}-pod-'):
            continue
        out = subprocess.run(['ip', '-n', netns, '-j', 'address'], stdout=subprocess.PIPE,
                             check=True).stdout
        own = {a['local'] for i in json.loads(out) for a in i.get('addr_info', []) if 'local' in a}
        homes.update({key: f'/run/netns/{netns}' for key, ips in lab.items() if own & set(ips)})
    return homes


class Chaos:
    def __init__(self, agent, folder, args):
        self.agent, self.folder, self.seed, self.keep = agent, folder, args.seed, args.keep
        self.calm, seed = args.calm, args.seed
        self.chance = Chance(seed)
        self.server = ApiServer(folder)
        self.road = Road(self.server, seed + 1)
        self.api = Api(self.server, folder)
        self.recorder = Recorder(self.api, os.path.join(folder, 'changes.jsonl'))
        self.changes = Changes(self.recorder, Chance(seed + 2), base.lab_objects('pods'),
                               base.lab_objects('nodes'), args.wide)
        self.config = self.server.config_for(self.road.port, os.path.join(folder, 'agent.config'))
        self.traffic, self.slow = None, 1
        self.wrong, self.guest_wrong, self.lost = [], [], []
        self.n = dict.fromkeys(('quiet points', 'verdicts', 'packets', 'agent kills',
                                'API server kills', 'troubles'), 0)
        self.longest = {'calm': 0.0, 'trouble': 0.0}
        self.guest_ms = {'cut': [], 'let in': []}
        self.said = ''
        self.told, self.told_by, self.metrics_wrong = {}, 0, []

    # ---- comparing ----

    def manifest(self):
        items, _ = self.api.everything()
        path = os.path.join(self.folder, 'api.json')
        base.write(path, items)
        return path

    def maps_agree(self, manifest):
        p = subprocess.run([MAPCHECK, self.agent.pins, manifest, NODE, *self.changes.addresses()],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        self.said = p.stdout.decode()
        return p.returncode == 0

    def fail(self, text):
        """Says what is wrong with all that is needed to find out why."""
        os.makedirs(self.keep, exist_ok=True)
        for name in ('api.json', 'changes.jsonl', 'agent.log', 'apiserver.log'):
            if os.path.exists(os.path.join(self.folder, name)):
                shutil.copy(os.path.join(self.folder, name), self.keep)
        text = f'{text}\nseed {self.seed}; objects and changes are in {self.keep}\n' \
            'the last changes:\n  ' + '\n  '.join(self.recorder.last[-25:]) + \
            f'\nthe agent: {base.get("/readyz")}, deaf to {self.deaf()}\n' + \
            self.agent.text()[-1500:]
        print(f'# {text}'.replace('\n', '\n# '), flush=True)
        self.wrong.append(text.replace('\n', ' | ')[:1500])

    @staticmethod
    def deaf():
        """Kinds of which the agent hears nothing: their changes wait for a back-off."""
        live = re.findall(r'^weir_api_watch_live{kind="(\w+)"} 1$', base.get('/metrics')[1], re.M)
        return sorted({kind for kind, *_ in KINDS.values()} - set(live))

    def watching(self):
        """Whether the agent hears of everything, and goes on doing so: a server that was
        restarted begins a watch, and says only then that it has no history so old."""
        if self.deaf():
            return False
        time.sleep(.4)
        return not self.deaf()

    def quiet(self, trouble=False, live=False, packets=False):
        """All is well: the maps agree within the bound, stay so, and so do packets."""
        begun, kind = time.monotonic(), 'trouble' if trouble else 'calm'
        bound = self.slow * (CONVERGED if trouble else CALM)
        manifest = self.manifest()
        while not (self.maps_agree(manifest) and self.agent.ready() and
                   (not live or self.watching())):
            if self.agent.process.poll() is not None:
                self.fail(f'the agent died ({self.agent.process.returncode})')
                return
            if time.monotonic() > begun + bound:
                self.fail(f'after {bound} s the maps are not what the engine says:\n{self.said}')
                return
            time.sleep(.02)
        self.longest[kind] = max(self.longest[kind], time.monotonic() - begun)
        time.sleep(.03)
        if not self.maps_agree(manifest):
            self.fail(f'the maps agreed, and then did not:\n{self.said}')
            return
        self.recorder.write(['quiet'])
        self.recorder.note('---- quiet')
        self.n['verdicts'] += int(self.said.rsplit('\n', 2)[-2].split()[0])
        self.n['quiet points'] += 1
        self.check_metrics()
        if packets:
            self.send_packets(manifest)

    def check_metrics(self):
        """They can be read, and what an agent has counted does not become less."""
        families, wrong = prometheus.parse(base.get('/metrics')[1])
        if self.told_by == self.agent.process.pid:
            wrong += prometheus.shrunk(self.told, families)
        self.told, self.told_by = families, self.agent.process.pid
        self.metrics_wrong += wrong if families else ['none']

    def send_packets(self, manifest):
        family = self.chance.choice((4, 6))
        with open(manifest, encoding='utf-8') as f:
            items = json.load(f)['items']
        known, ranges = claimed(items)
        flows = []
        for _ in range(SAMPLES):
            protocol, port = self.chance.choice((('TCP', 80), ('TCP', 8080), ('UDP', 53),
                                                 ('SCTP', 9003)))
            flows.append((*self.chance.sample(sorted(self.changes.places), 2), protocol, port))
        told = self.eval(manifest, flows, family)
        seen = self.probe(flows, family)
        if len(told) != len(flows) or len(seen) != len(flows):
            self.fail(f'{len(told)} verdicts and {len(seen)} probes of {len(flows)} flows')
            return
        for flow, want, got in zip(flows, told, seen):
            ends = [self.changes.places[p][family == 6] for p in flow[:2]]
            expected = want.get('verdict')
            if ranges and not known.issuperset(ends):
                expected = 'deny'  # in the node's range, and no pod claims it
            if got['observed'] in ('allow', 'deny'):
                self.n['packets'] += 1
                if expected != got['observed']:
                    self.fail(f'a packet: {ends} {flow[2:]}: the engine {want}, seen {got}')
                    return

    def eval(self, manifest, flows, family):
        lines = [json.dumps({'from': self.changes.places[a][family == 6],
                             'to': self.changes.places[b][family == 6],
                             'protocol': protocol, 'port': port}) for a, b, protocol, port in flows]
        return self.json_lines(lines, 'eval', '-f', manifest)

    def probe(self, flows, family):
        lines = [json.dumps({'from': f'places/{a}', 'to': f'places/{b}', 'protocol': protocol,
                             'port': port, 'family': f'ipv{family}'})
                 for a, b, protocol, port in flows]
        return self.json_lines(lines, 'lab', 'probe', '--name', LAB, '--family', f'ipv{family}',
                               '-o', 'json')

    def json_lines(self, lines, *command):
        path = os.path.join(self.folder, 'flows')
        with open(path, 'w', encoding='utf-8') as f:
            f.write('\n'.join(lines) + '\n')
        _, out, err = weir(*command, '--flows', path)
        try:
            return [json.loads(t) for t in out.splitlines()]
        except ValueError:
            self.fail(f'not JSON lines: {err}{out:.300}')
            return []

    # ---- trouble ----

    def start_agent(self):
        if self.agent.process.poll() is None:
            return
        self.recorder.write(['start'])
        self.agent.start('--kubeconfig', self.config)

    def kill_agent(self):
        if self.agent.process.poll() is None:
            self.recorder.write(['kill'])
            self.agent.stop(signal.SIGKILL)
            self.n['agent kills'] += 1
        if self.chance.random() < .6:
            self.start_agent()
        return 'the agent is killed'

    def restart_server(self, *faults):
        """What was answered before the kill is there after it."""
        before, version = self.api.everything()
        self.server.stop()
        self.server.start(*faults)
        self.n['API server kills'] += 1
        after, now = self.api.everything()
        was, is_now = meant(before), meant(after)
        if was != is_now or now < version:
            self.lost.append(f'version {version} before, {now} after; '
                             f'{[v for k, v in was.items() if is_now.get(k) != v][:3]}')

    def faults(self):
        c = self.chance
        self.restart_server(*c.choice((
            (), ('--cut-every', '4'), ('--cut-watch', '1'), ('--gone-every', '2'),
            ('--busy-every', '3'), ('--delay', '50'), ('--history', '3'),
            ('--gone-every', '3', '--cut-watch', '1', '--history', '5'))))
        return 'the API server is killed, and comes back with faults'

    def on_road(self):
        how = self.chance.choice(('refuse', 'silent', 'drip', 'cut', 'cut', 'cuts', 'cuts'))
        if how == 'cut':
            self.road.cut()
        elif how == 'cuts':
            self.road.cuts = self.chance.randint(1, 10)
        else:
            self.road.mode = how
            if how == 'refuse':
                self.road.cut()
        return f'on the way to the API server: {how}'

    def heal(self, whole):
        self.road.heal()
        if whole:
            self.server.stop()
            self.server.start()
        self.start_agent()

    def trouble(self):
        what = self.chance.choices((self.kill_agent, self.faults, self.on_road,
                                    lambda: self.road.heal() or 'the way is free',
                                    lambda: self.start_agent() or 'the agent is started'),
                                   (3, 2, 6, 3, 2))[0]()
        self.n['troubles'] += 1
        self.recorder.note(f'**** {what}')

    def storm(self, steps, share):
        """Changes, and a share of trouble."""
        for _ in range(steps):
            if share and self.chance.random() < share:
                self.trouble()
            else:
                self.changes.any()
            time.sleep(self.chance.choice((0, 0, 0, .003, .01, .03)))

    # ---- the guest ----

    def guest(self):
        """Opens or closes its way in the middle of other changes, and looks at it."""
        begun = time.monotonic()
        way = self.changes.toggle()
        for _ in range(self.chance.randrange(4)):
            self.changes.any()
        if self.changes.open:
            wait(lambda: min(self.traffic.guest()) > begun, CUT * self.slow)
            took = max(self.traffic.guest()) and time.monotonic() - begun
            if min(self.traffic.guest()) <= begun:
                ages = [round(time.monotonic() - t, 2) for t in self.traffic.guest()]
                self.guest_wrong.append(f'{way}: not let in after {took:.1f} s: {ages}')
                self.fail(self.guest_wrong[-1])
            self.guest_ms['let in'].append(took * 1e3)
            return
        end = begun + CUT * self.slow
        while time.monotonic() < end and max(self.traffic.guest()) > time.monotonic() - SILENCE:
            time.sleep(.01)
        last = max(self.traffic.guest())
        if last > time.monotonic() - SILENCE:
            self.guest_wrong.append(f'{way}: not cut after {CUT * self.slow} s')
            self.fail(self.guest_wrong[-1])
        self.guest_ms['cut'].append(max(0, last - begun) * 1e3)

    # ---- all of it ----

    def round(self):
        c = self.chance
        kind = c.choices(('one', 'few', 'many', 'guest', 'trouble'), (8, 8, 5, 4, 0 if self.calm else 2))[0]
        packets = c.random() < (.5 if kind == 'trouble' else .06)
        if kind == 'guest':
            self.guest()
            self.quiet()
        elif kind == 'trouble':
            self.storm(c.randint(10, 30), .3)
            whole = c.random() < .8  # else the server goes on doing wrong what it does
            self.heal(whole)
            self.quiet(trouble=True, live=whole, packets=packets)
            if not whole:
                self.heal(True)
                self.quiet(trouble=True, live=True)
        else:
            self.storm({'one': 1, 'few': c.randint(2, 5), 'many': c.randint(10, 40)}[kind], 0)
            self.quiet(packets=packets)

    def start(self):
        self.changes.begin()
        self.agent.start('--kubeconfig', self.config)
        ready = wait(self.agent.ready, 30)
        result('chaos/ready', ready, self.agent.tail())
        if ready:
            self.slow = SANITIZED if 'not confined: sanitizers' in self.agent.text() else 1
            self.quiet()
        return ready and not self.wrong

    def run(self, seconds):
        if not self.start():
            return
        self.traffic = Traffic(self.folder, self.changes.lab)
        wait(lambda: min(self.traffic.guest()) > 0, 10)
        end, rounds = time.monotonic() + seconds, 0
        while time.monotonic() < end and not self.wrong and not self.traffic.wrong:
            self.round()
            rounds += 1
        if self.traffic.wrong:
            self.fail('traffic: ' + '\n'.join(self.traffic.wrong[:5]))
        self.traffic.stop()
        self.report()

    def report(self):
        result('chaos/maps-and-packets-equal-the-engine', not self.wrong and
               self.n['quiet points'], ''.join(self.wrong[:1]))
        for kind, name in (('always', 'allowed-never-failed'), ('never', 'denied-never-passed')):
            wrong = [w for w in self.traffic.wrong if f' {kind} ' in w]
            tries = {k: v for k, v in self.traffic.counts.items() if k.startswith(kind)}
            result(f'chaos/{name}', len(tries) >= 4 and min(tries.values()) > 20 and not wrong,
                   f'{len(wrong)}: {wrong[:5]} {tries}')
        result('chaos/forbidden-guest-is-cut', not self.guest_wrong, self.guest_wrong[:3])
        other = [w for w in self.traffic.wrong if ' always ' not in w and ' never ' not in w]
        result('chaos/traffic-ran', not other and self.traffic.counts, other[:5])
        result('chaos/metrics-are-well', not self.metrics_wrong, self.metrics_wrong[:3])
        result('chaos/api-server-forgets-nothing', not self.lost, self.lost[:2])
        for text in (self.agent.text(), self.server.text()):
            if 'Sanitizer' in text or 'runtime error' in text:
                self.fail(text[-3000:])
        result('chaos/no-sanitizer-errors', 'Sanitizer' not in self.agent.text() +
               self.server.text() and 'runtime error' not in self.agent.text() +
               self.server.text(), self.agent.tail())
        self.say()

    def say(self):
        if not self.api.kubectl_path:
            print('skip chaos/kubectl: kubectl is not installed', flush=True)
        guest = ', '.join(f'{k} {len(v)} times (median {statistics.median(v):.0f} ms, most '
                          f'{max(v):.0f})' for k, v in self.guest_ms.items() if v)
        print(f'# {self.recorder.changes} changes, {self.recorder.by_kubectl} of them by kubectl '
              f'({self.recorder.kubectl_failed} refused); ' +
              ', '.join(f'{v} {k}' for k, v in self.n.items()) +
              f'; {self.api.repeated} calls repeated; longest way to quiet '
              f'{self.longest["calm"]:.2f} s, after trouble {self.longest["trouble"]:.1f} s; '
              f'the guest was {guest}; {self.traffic.counts}', flush=True)

    # ---- again ----

    def replay(self, path, each):
        with open(path, encoding='utf-8') as f:
            entries = [json.loads(line) for line in f]
        started = False
        for number, (verb, *args) in enumerate([*entries, ['quiet']]):
            if verb == 'quiet' or (each and started):
                if not started:
                    self.agent.start('--kubeconfig', self.config)
                    started = wait(self.agent.ready, 30)
                self.quiet()
            if verb == 'kubectl':
                self.recorder.kubectl(*args)
            elif verb == 'kill' and started:
                self.agent.stop(signal.SIGKILL)
            elif verb == 'start' and started:
                self.start_agent()
            elif verb not in ('quiet', 'kill', 'start'):
                self.recorder.do(verb, *args)
            if self.wrong:
                break
        result('replay', started and not self.wrong, f'at line {number + 1} of {path}')


def meant(items):
    """What people want of objects: agents write conditions into policies' status meanwhile."""
    return {o['metadata']['uid']: [o['kind'], o['metadata']['name'], o['metadata'].get('labels'),
                                   o.get('spec'), o.get('status') if o['kind'] == 'Pod' else None]
            for o in items}


def claimed(items):
    """The addresses that pods have, and whether the node says which range is its pods'."""
    pods = [o for o in items if o['kind'] == 'Pod' and not o['spec'].get('hostNetwork') and
            o['status'].get('phase') not in ('Succeeded', 'Failed')]
    return ({i['ip'] for o in pods for i in o['status'].get('podIPs') or []},
            any(o['kind'] == 'Node' and o['metadata']['name'] == NODE for o in items))


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument('weir', nargs='?')
    parser.add_argument('--seconds', type=float,
                        default=float(os.environ.get('WEIR_CHAOS_SECONDS', 30)))
    parser.add_argument('--seed', type=int, default=int.from_bytes(os.urandom(3), 'big'))
    parser.add_argument('--calm', action='store_true', help='changes only, no trouble')
    parser.add_argument('--wide', action='store_true', help='more pods and more policies')
    parser.add_argument('--keep', help='where to leave objects and changes when something is wrong')
    parser.add_argument('--replay', help="a changes.jsonl that was left")
    parser.add_argument('--each', action='store_true', help='compare after each change')
    args = parser.parse_args()
    args.keep = args.keep or os.path.join(tempfile.gettempdir(), f'weir-chaos-{args.seed}')
    return args


def main():
    args = options()
    print(f'# seed {args.seed}', flush=True)
    folder = tempfile.mkdtemp(prefix='weir-chaos-')
    manifest = os.path.join(folder, 'cluster.yaml')
    with open(manifest, 'w', encoding='utf-8') as f:
        f.write(lab_manifests())
    status, out, err = weir('lab', 'up', '-f', manifest, '--nodes', '1', '--name', LAB)
    if status:
        result('chaos/up', False, out + err)
        return 1
    base.make_way()
    agent, chaos = Agent(folder), None
    try:
        chaos = Chaos(agent, folder, args)
        if args.replay:
            chaos.replay(args.replay, args.each)
        else:
            chaos.run(args.seconds)
    finally:
        for process in (agent.process, chaos and chaos.server.process,
                        chaos and chaos.traffic and chaos.traffic.process):
            if process and process.poll() is None:
                process.kill()
                process.wait()
        weir('lab', 'down', '--name', LAB)
        shutil.rmtree(folder)
    return 1 if base.failed else 0


if __name__ == '__main__':
    sys.exit(main())
