#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The node agent with packets: agent.py WEIR

A lab without policies is the network; `weir agent` runs in its node's network
namespace and enforces what a folder, and then an API server of the test's own,
says. Every verdict is a connection that was tried.
"""
import ctypes
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

import prometheus

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, os.path.join(ROOT, 'tests', 'kube'))
from server import Model, Server, status  # noqa: E402 (the path is known only here)

WEIR = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else 'build/weir')
LAB = 'tagent%d' % (os.getpid() % 100000)
NETNS = f'/run/netns/weir-{LAB}-node-1'
HTTP = 'http://127.0.0.1:9464'
CLONE_NEWNET = 0x40000000
CAPABILITIES = (12, 38, 39)  # NET_ADMIN, PERFMON, BPF
DAC_READ_SEARCH = 2
failed = 0

CLUSTER = '''
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: c, ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {containers: [{name: c, ports: [{containerPort: 80}]}]}
'''
DENY = {'apiVersion': 'networking.k8s.io/v1', 'kind': 'NetworkPolicy',
        'metadata': {'name': 'deny', 'namespace': 'shop'},
        'spec': {'podSelector': {'matchLabels': {'app': 'db'}}, 'policyTypes': ['Ingress']}}
ADMIN = {'apiVersion': 'policy.networking.k8s.io/v1alpha2', 'kind': 'ClusterNetworkPolicy',
         'metadata': {'name': 'no-db'},
         'spec': {'tier': 'Admin', 'priority': 1, 'subject': {'namespaces': {}},
                  'ingress': [{'name': 'nobody', 'action': 'Deny', 'from': [{'namespaces': {}}]}]}}
POLICIES = '/apis/networking.k8s.io/v1/networkpolicies'
CLUSTER_POLICIES = '/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies'


def result(name, ok, why=''):
    global failed
    failed += not ok
    print(f'ok {name}' if ok else f'FAIL {name}: {why}', flush=True)


def weir(*args, timeout=60):
    p = subprocess.run([WEIR, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       timeout=timeout, check=False)
    return p.returncode, p.stdout.decode(), p.stderr.decode()


def in_node(fn):
    """What fn returns, run by a thread in the node's network namespace."""
    box = {}

    def run():
        with open(NETNS, encoding='ascii') as f:
            if ctypes.CDLL(None, use_errno=True).setns(f.fileno(), CLONE_NEWNET):
                box['error'] = OSError(ctypes.get_errno(), 'setns')
                return
        try:
            box['value'] = fn()
        except Exception as e:  # handed to the caller
            box['error'] = e
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if 'error' in box:
        raise box['error']
    return box['value']


def get(path):
    """(status, text) of the agent's HTTP; (0, '') when nobody listens."""
    def ask():
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(HTTP + path, timeout=5) as r:
                return r.status, r.read().decode()
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode()
        except OSError:
            return 0, ''
    return in_node(ask)


def sample(name):
    return float(re.search(rf'^{name} (\S+)$', get('/metrics')[1], re.M).group(1))


def wait(condition, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def make_way():
    """Ends the lab's own agent: the one that is tried has the node for itself."""
    _, out, err = weir('lab', 'status', '--name', LAB, '-o', 'json')
    own = [p['pid'] for p in json.loads(out)['processes'] if p['name'].startswith('agent') and p['running']]
    result('lab-has-an-agent', len(own) == 1, out + err)
    for pid in own:
        os.kill(pid, signal.SIGKILL)


def connects():
    """Whether shop/web reaches shop/db, by a connection that is tried."""
    _, out, _ = weir('lab', 'probe', '--name', LAB, '--from', 'shop/web', '--to', 'shop/db',
                     '--port', '80', '-o', 'json')
    return json.loads(out)['observed'] == 'allow'


class Agent:
    def __init__(self, folder):
        self.folder = folder
        self.pins = f'/run/weir/lab/{LAB}/bpf/agent'
        self.run_dir = os.path.join(folder, 'run')
        self.log = os.path.join(folder, 'agent.log')
        self.flows = os.path.join(folder, 'flows.jsonl')
        self.process = None

    def args(self, *more):
        return ['nsenter', f'--net={NETNS}', WEIR, 'agent', '--node-name', 'node-1', '--pin-dir',
                self.pins, '--run-dir', self.run_dir, *more]

    def start(self, *source):
        with open(self.log, 'a', encoding='utf-8') as log, \
                open(self.flows, 'a', encoding='utf-8') as flows:
            self.process = subprocess.Popen(
                self.args('--listen', '127.0.0.1:9464', '--flow-log', 'denied', *source),
                stdout=flows, stderr=log)

    def stop(self, number):
        self.process.send_signal(number)
        return self.process.wait(timeout=20)

    def status(self, *more):
        return weir('status', '--run-dir', self.run_dir, *more)

    def ready(self):
        return get('/readyz')[0] == 200

    def tail(self):
        """The end of its log, on one line."""
        return self.text()[-900:].replace('\n', ' | ')

    def text(self):
        with open(self.log, encoding='utf-8') as f:
            return f.read()


def confinement(agent, name, filtered='2', more=()):
    """Every thread has only the capabilities that are told, and a filter or not."""
    wanted = sum(1 << cap for cap in (*CAPABILITIES, *more))
    wrong = []
    for path in glob.glob(f'/proc/{agent.process.pid}/task/*/status'):
        with open(path, encoding='ascii') as f:
            status = dict(line.rstrip('\n').split(':\t', 1) for line in f if ':\t' in line)
        wrong += [f'{key}: {status[key]}' for key in ('CapPrm', 'CapEff', 'CapBnd')
                  if int(status[key], 16) != wanted]
        wrong += [f'{key}: {status[key]}' for key, value in
                  (('NoNewPrivs', '1'), ('Seccomp', filtered), ('CapInh', '0' * 16),
                   ('CapAmb', '0' * 16)) if status[key] != value]
    if 'not confined: sanitizers' in agent.text():
        print(f'skip {name}: a build with sanitizers is not confined', flush=True)
    else:
        result(name, not wrong, wrong)


def lab_objects(what):
    _, out, _ = weir('lab', 'get', what, '--name', LAB, '-o', 'json')
    return json.loads(out)['items']


def write(path, objects):
    temporary = path + '.new'
    with open(temporary, 'w', encoding='utf-8') as f:
        json.dump({'apiVersion': 'v1', 'kind': 'List', 'items': objects}, f)
    os.rename(temporary, path)


def with_folder(agent, folder):
    manifests = os.path.join(folder, 'manifests')
    os.mkdir(manifests)
    policies = os.path.join(manifests, 'policies.json')
    write(os.path.join(manifests, 'cluster.json'), lab_objects('pods') + lab_objects('nodes'))
    agent.start('--manifests', manifests)
    result('folder/ready', wait(agent.ready), agent.text())
    confinement(agent, 'folder/confined', more=(DAC_READ_SEARCH,))
    result('folder/open', connects())
    write(policies, [DENY])
    result('folder/denied', wait(lambda: not connects()), agent.text())
    status, out, err = agent.status('shop/deny')
    result('folder/status', status == 0 and re.search(r'generation [1-9]', out), out + err)
    result('folder/status-unknown', agent.status('shop/other')[0] == 1)
    _, out, _ = weir('flows', '--run-dir', agent.run_dir, '--denied', '--to', 'shop/db', '-o', 'json')
    lines = [json.loads(line) for line in out.splitlines()]
    result('folder/flows', lines and lines[0]['isolating'] == ['shop/deny'], out)
    with open(agent.flows, encoding='utf-8') as f:
        result('folder/flow-log', '"to":"shop/db"' in f.read())
    broken = dict(DENY, spec={'podSelector': {}, 'policyTypes': ['Ingres']})
    write(policies, [broken])
    result('folder/broken-is-told', wait(lambda: 'Ingres' in get('/readyz')[1]), get('/readyz'))
    result('folder/broken-changes-nothing', not connects())
    write(policies, [])
    result('folder/mended', wait(lambda: agent.ready() and connects(), 15), agent.text())
    write(policies, [DENY])
    wait(lambda: not connects())


def life(agent, folder):
    status, _, err = run(agent.args('--manifests', os.path.join(folder, 'manifests')))
    result('life/second-agent-is-refused', status == 2 and 'another agent' in err, err)
    agent.stop(signal.SIGKILL)
    result('life/killed-enforces', not connects())
    result('life/killed-status', agent.status()[0] == 2)
    agent.start('--manifests', os.path.join(folder, 'manifests'))
    result('life/restarted', wait(agent.ready) and not connects(), agent.text())
    status = agent.stop(signal.SIGTERM)
    result('life/terminated-enforces', status == 0 and not connects(), f'{status} {agent.text()}')


def run(args):
    p = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)
    return p.returncode, p.stdout.decode(), p.stderr.decode()


class Api:
    """An API server in the node's network namespace, with the lab's pods and nodes."""

    def __init__(self, folder, tls=None):
        self.model = Model()
        for item in lab_objects('pods'):
            self.model.apply('/api/v1/pods', item)
        for item in lab_objects('nodes'):
            self.model.apply('/api/v1/nodes', item)
        self.model.apply('/api/v1/namespaces', {'metadata': {'name': 'shop'}})
        self.server = in_node(lambda: Server(self.model, tls))
        self.config = os.path.join(folder, 'kubeconfig')
        with open(self.config, 'w', encoding='utf-8') as f:
            f.write('apiVersion: v1\nkind: Config\ncurrent-context: c\n'
                    'contexts: [{name: c, context: {cluster: k, user: u}}]\n'
                    f'clusters: [{{name: k, cluster: {{server: "{self.server.url}"}}}}]\n'
                    'users: [{name: u, user: {token: secret}}]\n')

    def other_range(self):
        """The node's pods get a range more: the datapath has to be opened anew."""
        key = next(k for k in self.model.objects if k[0] == '/api/v1/nodes' and k[2] == 'node-1')
        node = json.loads(json.dumps(self.model.objects[key]))
        node['spec']['podCIDRs'] = [node['spec']['podCIDRs'][0], 'fd00:1234::/64']
        self.model.apply('/api/v1/nodes', node)

    def with_plugin(self, folder):
        """A kubeconfig whose token comes from a program."""
        plugin = os.path.join(folder, 'plugin')
        with open(plugin, 'w', encoding='utf-8') as f:
            f.write('#!/bin/sh\ngrep CapEff /proc/self/status >&2\n'
                    'echo \'{"apiVersion": "client.authentication.k8s.io/v1", "kind": '
                    '"ExecCredential", "status": {"token": "secret"}}\'\n')
        os.chmod(plugin, 0o755)
        path = self.config + '-plugin'
        with open(self.config, encoding='utf-8') as f:
            text = f.read()
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text.replace('{token: secret}', '{exec: {apiVersion: '
                    'client.authentication.k8s.io/v1, interactiveMode: Never, '
                    f'command: "{plugin}"}}}}'))
        return path

    def relabel(self, name, **labels):
        key = ('/api/v1/pods', 'shop', name)
        pod = json.loads(json.dumps(self.model.objects[key]))
        pod['metadata']['labels'] = labels
        self.model.apply('/api/v1/pods', pod)


def with_api(agent, folder):
    api = Api(folder)
    agent.start('--kubeconfig', api.config)
    # the folder's policy is what the dead agent left: until the API is read it stays
    result('api/ready', wait(agent.ready), agent.text())
    result('api/nothing-denied', connects(), agent.text())
    api.model.apply(POLICIES, DENY)
    result('api/denied', wait(lambda: not connects()), agent.text())
    result('api/status', wait(lambda: agent.status('shop/deny')[0] == 0), agent.status()[1])
    api.relabel('db', app='other')
    result('api/relabelled', wait(connects), agent.text())
    api.relabel('db', app='db')
    result('api/labelled-again', wait(lambda: not connects()), agent.text())
    api.model.delete(POLICIES, 'shop', 'deny')
    result('api/deleted', wait(connects), agent.text())
    return api


def cluster_policies(agent, api):
    with api.model.lock:
        api.model.absent.discard(CLUSTER_POLICIES)
    api.model.apply(CLUSTER_POLICIES, ADMIN)
    result('api/cluster-policy-of-a-new-kind', wait(lambda: not connects(), 60), agent.text())
    _, out, _ = weir('flows', '--run-dir', agent.run_dir, '-o', 'json')
    last = json.loads(out.splitlines()[-1])
    result('api/flow-names-the-rule', last.get('policy') == 'Admin/no-db' and
           last.get('rule_name') == 'nobody', out.splitlines()[-1])
    api.model.delete(CLUSTER_POLICIES, None, 'no-db')
    result('api/cluster-policy-deleted', wait(connects), agent.text())


def conditions(agent, api):
    """What a server says to the writing of status: nothing of it is in enforcement's way."""
    answers, log = [], []

    def hook(request, connection):
        if request.method != 'PATCH':
            return False
        log.append((request.target, json.loads(request.body)['status']['conditions'][0]))
        code = answers.pop(0) if answers else 200
        connection.send(code, status(code, 'no such luck') if code >= 400 else {})
        return True

    def change(generation, priority=1, **more):
        api.model.apply(CLUSTER_POLICIES, dict(ADMIN, metadata={
            'name': 'no-db', 'uid': 'u', 'generation': generation},
            spec=dict(ADMIN['spec'], priority=priority), **more))
    api.server.hook = hook
    answers[:] = [409, 200]
    change(1)
    result('conditions/enforced', wait(lambda: not connects()), agent.text())
    result('conditions/conflict-is-tried-again', wait(lambda: len(log) == 2, 30), log)
    target, condition = log[0]
    result('conditions/target', target == CLUSTER_POLICIES +
           '/no-db/status?fieldManager=weir&force=true', target)
    result('conditions/says', (condition['type'], condition['status'],
                               condition['observedGeneration']) == ('AcceptedByWeir', 'True', 1),
           condition)
    result('conditions/counted', wait(lambda: sample('weir_conditions_written_total') == 1))
    # what others have told is not told again, and decides no verdict
    before = sample('weir_syncs_total')
    change(1, status={'conditions': [condition]})
    time.sleep(2)
    result('conditions/status-is-no-change', sample('weir_syncs_total') == before and
           len(log) == 2, (before, sample('weir_syncs_total'), log))
    change(2, 2, status={'conditions': [dict(condition, observedGeneration=2)]})
    result('conditions/next-generation-is', wait(lambda: sample('weir_syncs_total') > before), log)
    answers[:] = [404]
    change(3, 2)  # new, and of the same rules
    result('conditions/not-found-is-harmless', wait(lambda: len(log) == 3) and
           not wait(lambda: len(log) > 3, 2) and 'cannot be written' not in agent.text(), log)
    answers[:] = [403]
    change(4, 4)
    told = wait(lambda: 'does not let this agent' in agent.text())
    change(5, 5)
    result('conditions/forbidden-is-told-once', told and not wait(lambda: len(log) > 4, 2) and
           agent.text().count('does not let this agent') == 1 and not connects(), log)
    api.server.hook = None
    api.model.delete(CLUSTER_POLICIES, None, 'no-db')
    result('conditions/gone', wait(connects), agent.text())


def repairs():
    """How often the agent has set something up again; -1: it does not say."""
    found = re.search(r'^weir_repairs_total ([0-9]+)$', get('/metrics')[1], re.M)
    return int(found[1]) if found else -1


def trouble(agent, api):
    bad = dict(DENY, metadata={'name': 'bad', 'namespace': 'shop'},
               spec={'podSelector': {}, 'ingress': [{'ports': [{'port': 'no port'}]}]})
    api.model.apply(POLICIES, bad)
    result('trouble/unreadable-policy-is-told', wait(lambda: 'shop/bad' in get('/readyz')[1]),
           get('/readyz'))
    api.model.delete(POLICIES, 'shop', 'bad')
    result('trouble/ready-again', wait(agent.ready), get('/readyz'))
    api.model.apply(POLICIES, DENY)
    wait(lambda: not connects())
    api.server.hook = lambda request, connection: connection.reset() or True
    api.server.cut()
    time.sleep(1)
    result('trouble/api-gone-enforces', not connects(), agent.text())
    api.server.hook = None
    api.model.delete(POLICIES, 'shop', 'deny')
    result('trouble/api-back', wait(connects, 60), agent.text())
    api.model.apply(POLICIES, DENY)
    wait(lambda: not connects())
    # every kind's watch comes back by itself, and then the agent is at rest
    wait(lambda: not re.search(r'^weir_api_watch_live\{kind="(Node|Pod|Namespace|NetworkPolicy)"\} 0',
                               get('/metrics')[1], re.M) and agent.ready(), 60)
    time.sleep(0.5)
    before = sample('weir_syncs_total')
    api.other_range()
    result('trouble/other-pod-range', wait(lambda: sample('weir_syncs_total') > before
           and agent.ready()) and not connects(), agent.text())
    flushed(agent)


def flushed(agent):
    """Somebody's `nft flush ruleset` takes away what keeps conntrack on.

    Whatever is applied next puts it back, and nobody counts that: a kind that the
    server does not have is asked for every half a minute, for example. What is
    counted is what the agent finds when it looks after itself, every ten seconds.
    """
    def table():
        return run(['nsenter', f'--net={NETNS}', 'nft', 'list', 'table', 'inet', 'weir'])[0] == 0
    back = counted = True
    for _ in range(4):
        before = repairs()
        run(['nsenter', f'--net={NETNS}', 'nft', 'flush', 'ruleset'])
        back = wait(table, 40)
        counted = wait(lambda: repairs() > before, 2)
        if counted or not back:
            break
    result('trouble/flushed-ruleset-is-repaired', back and counted and wait(agent.ready, 20) and
           wait(lambda: not connects()), f'{back} {counted} {before} {repairs()} {agent.tail()}')


def sysctl(name, value):
    def write_it():
        with open('/proc/sys/net/' + name, 'w', encoding='ascii') as f:
            f.write(value)
    in_node(write_it)


def host(agent):
    """A bridge that carries pods by its addresses, with br_netfilter off; other sysctls."""
    pod = next(p for p in lab_objects('pods') if p['metadata']['name'] == 'db')['status']['podIP']
    at_node = ['nsenter', f'--net={NETNS}', 'ip']
    name = 'bridge/bridge-nf-call-iptables'
    if not os.path.exists('/proc/sys/net/' + name):
        print('skip host/bridge: br_netfilter is not there', flush=True)
        return
    for command in ('link add cni0 type bridge', 'link add v1 type veth peer name v2',
                    'link set v1 master cni0', f'addr add {pod.rpartition(".")[0]}.254/24 dev cni0'):
        run(at_node + command.split())
    result('host/bridge-is-seen', wait(agent.ready), get('/readyz'))
    sysctl(name, '0')
    result('host/bridge-is-told', wait(lambda: 'cni0' in get('/readyz')[1]) and 'br_netfilter' in
           agent.text(), get('/readyz'))
    result('host/bridge-is-counted', 'problem="bridge_netfilter_ipv4_off"} 1' in get('/metrics')[1])
    sysctl(name, '1')
    result('host/bridge-is-well', wait(agent.ready) and 'over: bridge_netfilter' in agent.text(),
           get('/readyz'))
    run(at_node + ['link', 'del', 'cni0'])
    run(at_node + ['link', 'del', 'v1'])
    sysctl('netfilter/nf_conntrack_tcp_loose', '0')
    result('host/sysctl-is-told', wait(lambda: agent.ready() and
           'problem="conntrack_tcp_strict"} 1' in get('/metrics')[1]), agent.text())
    sysctl('netfilter/nf_conntrack_tcp_loose', '1')
    sysctl('netfilter/nf_conntrack_timestamp', '0')
    result('host/timestamps-are-mended', wait(lambda: agent.ready() and 'switched on again' in
           agent.text()) and 'problem="conntrack_timestamp_off"} 0' in get('/metrics')[1],
           agent.text())


def metrics():
    status, text = get('/metrics')
    _, wrong = prometheus.parse(text)
    result('metrics/format', status == 200 and not wrong, wrong[:3])
    result('metrics/policies', '\nweir_policies 1\n' in text, text[:2000])
    result('metrics/other-paths', get('/other')[0] == 404)


def credential_plugin(agent, api, folder):
    agent.stop(signal.SIGTERM)
    agent.start('--kubeconfig', api.with_plugin(folder))
    result('plugin/ready', wait(agent.ready) and not connects(), agent.text())
    confinement(agent, 'plugin/confined', '0', (DAC_READ_SEARCH,))
    if 'not confined: sanitizers' not in agent.text():
        result('plugin/without-capabilities', 'CapEff:\t0000000000000000' in agent.text(),
               agent.text())


def no_confine(agent, api):
    agent.stop(signal.SIGTERM)
    agent.start('--kubeconfig', api.config, '--no-confine')
    result('no-confine/ready', wait(agent.ready) and not connects(), agent.text())
    result('no-confine/is-told', 'weir_confined 0' in get('/metrics')[1] and
           'not confined' in agent.text(), agent.text())


def cleanup(agent):
    agent.stop(signal.SIGTERM)
    status, out, err = run(agent.args('--cleanup'))
    result('cleanup/done', status == 0 and connects() and not os.path.exists(agent.pins),
           out + err)
    result('cleanup/run-dir', not os.path.exists(agent.run_dir))


def main():
    folder = tempfile.mkdtemp(prefix='weir-agent-')
    cluster = os.path.join(folder, 'cluster.yaml')
    with open(cluster, 'w', encoding='utf-8') as f:
        f.write(CLUSTER)
    status, out, err = weir('lab', 'up', '-f', cluster, '--nodes', '1', '--name', LAB)
    if status:
        result('up', False, out + err)
        return 1
    make_way()
    agent = Agent(folder)
    try:
        with_folder(agent, folder)
        life(agent, folder)
        api = with_api(agent, folder)
        cluster_policies(agent, api)
        conditions(agent, api)
        trouble(agent, api)
        metrics()
        host(agent)
        credential_plugin(agent, api, folder)
        no_confine(agent, api)
        cleanup(agent)
        result('no-sanitizer-errors', 'Sanitizer' not in agent.text() and
               'runtime error' not in agent.text(), agent.text())
    finally:
        if agent.process and agent.process.poll() is None:
            agent.process.kill()
        weir('lab', 'down', '--name', LAB)
        shutil.rmtree(folder)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
