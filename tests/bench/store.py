#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Memory and CPU of the stores of a cluster: store.py STORE GEN [--full] [--perf FILE] [SIZE...]

STORE and GEN are bench_store and bench_gen; a SIZE is PODSxPOLICIESxNODES. The
tests' API server poses as the cluster. --full: pods and nodes as large as they are in
clusters (managedFields, conditions, volumes, environment; a ReplicaSet for ten
pods), of which weir keeps nothing. Then heartbeats: updates that change nothing
that weir looks at.
"""
import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'tests', 'kube'))
from server import KINDS, Model, Server  # noqa: E402 (the path is known only here)

PATHS = {kind: path for path, (kind, _, _) in KINDS.items()}
STORES = ['Namespace', 'Node', 'Pod', 'NetworkPolicy']
HEARTBEATS = 20000


def managed(manager, *fields):
    return {'manager': manager, 'operation': 'Update', 'apiVersion': 'v1', 'fieldsType': 'FieldsV1',
            'time': '2026-01-01T00:00:00Z',
            'fieldsV1': {f'f:{a}': {f'f:{b}': {'.': {}, 'f:type': {}} for b in fields}
                         for a in ('metadata', 'spec', 'status')}}


def conditions(*types):
    return [{'type': t, 'status': 'True', 'lastProbeTime': None, 'observedGeneration': 1,
             'lastTransitionTime': '2026-01-01T00:00:00Z', 'reason': 'KubeletReady',
             'message': 'kubelet is posting ready status'} for t in types]


def fill_pod(pod, i, first):
    """first: of the pods of its ReplicaSet; what a template says is all of theirs."""
    meta, spec = pod['metadata'], pod['spec']
    owner = f'{first["metadata"]["labels"]["app"]}-{i // 10:x}'
    meta['labels'] = dict(first['metadata']['labels'],
                          **{'pod-template-hash': f'{i // 10 * 2654435761 % 2**32:010x}'})
    meta['namespace'] = first['metadata']['namespace']
    spec['containers'] = json.loads(json.dumps(first['spec']['containers']))
    meta['name'] = f'{owner}-{i:05x}'
    meta['generateName'] = owner + '-'
    meta['ownerReferences'] = [{'apiVersion': 'apps/v1', 'kind': 'ReplicaSet', 'name': owner,
                                'uid': f'00000000-0000-4000-8000-{i // 10:012x}',
                                'controller': True, 'blockOwnerDeletion': True}]
    meta['creationTimestamp'] = '2026-01-01T00:00:00Z'
    meta['annotations'] = {'kubectl.kubernetes.io/restartedAt': '2026-01-01T00:00:00Z'}
    meta['managedFields'] = [managed('kube-controller-manager', 'containers', 'dnsPolicy', 'volumes',
                                     'tolerations', 'restartPolicy', 'schedulerName'),
                             managed('kubelet', 'conditions', 'containerStatuses', 'hostIP',
                                     'phase', 'podIP', 'podIPs', 'startTime')]
    for c in spec['containers']:
        c['env'] = [{'name': f'SETTING_{k}', 'value': f'value of number {k}'} for k in range(8)]
        c['resources'] = {'requests': {'cpu': '100m', 'memory': '128Mi'}, 'limits': {'cpu': '1'}}
        c['volumeMounts'] = [{'name': 'kube-api-access', 'readOnly': True,
                              'mountPath': '/var/run/secrets/kubernetes.io/serviceaccount'}]
        c['livenessProbe'] = {'httpGet': {'path': '/healthz', 'port': 8080, 'scheme': 'HTTP'},
                              'periodSeconds': 10, 'failureThreshold': 3}
    spec['volumes'] = [{'name': 'kube-api-access', 'projected': {'defaultMode': 420, 'sources': [
        {'serviceAccountToken': {'expirationSeconds': 3607, 'path': 'token'}},
        {'configMap': {'name': 'kube-root-ca.crt', 'items': [{'key': 'ca.crt', 'path': 'ca.crt'}]}},
    ]}}]
    spec['tolerations'] = [{'key': f'node.kubernetes.io/{k}', 'operator': 'Exists',
                            'effect': 'NoExecute', 'tolerationSeconds': 300}
                           for k in ('not-ready', 'unreachable')]
    spec.update(restartPolicy='Always', dnsPolicy='ClusterFirst', schedulerName='default-scheduler',
                serviceAccountName='default', terminationGracePeriodSeconds=30)
    pod['status'].update(
        qosClass='Burstable', startTime='2026-01-01T00:00:00Z',
        hostIPs=[{'ip': pod['status']['hostIP']}],
        conditions=conditions('Initialized', 'Ready', 'ContainersReady', 'PodScheduled'),
        containerStatuses=[{'name': 'c', 'ready': True, 'restartCount': 0, 'started': True,
                            'image': 'registry.example/app:1', 'containerID': f'containerd://{i:064x}',
                            'imageID': f'registry.example/app@sha256:{i:064x}',
                            'state': {'running': {'startedAt': '2026-01-01T00:00:00Z'}}}])


def fill_node(node, i):
    name = node['metadata']['name']
    node['metadata']['labels'].update({
        'beta.kubernetes.io/arch': 'amd64', 'beta.kubernetes.io/os': 'linux',
        'kubernetes.io/arch': 'amd64', 'kubernetes.io/os': 'linux',
        'node.kubernetes.io/instance-type': 'm5.large',
        'topology.kubernetes.io/region': 'eu-central-1',
        'topology.kubernetes.io/zone': f'eu-central-1{"abc"[i % 3]}'})
    node['metadata']['managedFields'] = [managed('kubelet', 'conditions', 'images', 'nodeInfo')]
    node['status']['conditions'] = conditions('MemoryPressure', 'DiskPressure', 'PIDPressure', 'Ready')
    node['status']['images'] = [{'names': [f'registry.example/app-{k}@sha256:{k:064x}'],
                                 'sizeBytes': k * 1000} for k in range(30)]
    node['status']['addresses'].append({'type': 'Hostname', 'address': name})


def serve(pipe, manifest, full):
    model = Model()
    with open(manifest, encoding='utf-8') as f:
        items = json.load(f)['items']
    for i, item in enumerate(items):
        if full and item['kind'] == 'Pod':
            first = item if i % 10 == 0 or items[i // 10 * 10]['kind'] != 'Pod' else \
                items[i // 10 * 10]
            fill_pod(item, i, first)
        elif full and item['kind'] == 'Node':
            fill_node(item, i)
        model.apply(PATHS[item['kind']], item)
    model.events.clear()
    model.compacted = model.version
    pipe.send(Server(model).port)
    pods = [i for i in items if i['kind'] in ('Pod', 'Node')]
    while True:
        for i in range(pipe.recv()):
            with model.lock:
                del model.events[:-5000]
            pods[i % len(pods)]['status']['heartbeat'] = i
            model.apply(PATHS[pods[i % len(pods)]['kind']], pods[i % len(pods)])
            if i % 200 == 199:
                time.sleep(0.05)
        pipe.send(True)


def figures(line):
    words = line.split()
    return dict(zip(words[::2], map(float, words[1::2])))


class Client:
    def __init__(self, argv):
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, env={k: v for k, v in os.environ.items()
                                                        if 'proxy' not in k.lower()})

    def next(self):
        return figures(self.process.stdout.readline())

    def ask(self):
        self.process.stdin.write('.')
        self.process.stdin.flush()
        return self.next()

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def one(args, config, name, kinds):
    client = Client([args.store, config, *kinds])
    empty, f = client.next(), client.next()
    n, mb = f['objects'], 1e6
    print(f'    {name:<14} {n:8.0f} objects {f["bytes"] / n:7.0f} bytes each on the wire; kept '
          f'{f["size"] / n:6.0f}, in use {(f["used"] + f["mapped"]) / n:6.0f}, RSS '
          f'{(f["rss"] - empty["rss"]) / n:6.0f} bytes each; RSS {f["rss"] / mb:.1f} MB, at most '
          f'{f["hwm"] / mb:.1f}; CPU {f["cpu"] - empty["cpu"]:.2f} s', flush=True)
    return client, f


def measure(args, size, folder):
    manifest, config = os.path.join(folder, 'cluster.json'), os.path.join(folder, 'kubeconfig')
    pods, policies, nodes = size
    subprocess.run([args.gen, '--pods', str(pods), '--policies', str(policies), '--nodes', str(nodes),
                    '-o', manifest], check=True)
    pipe, other = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(other, manifest, args.full), daemon=True)
    server.start()
    with open(config, 'w', encoding='utf-8') as f:
        f.write('apiVersion: v1\nkind: Config\ncurrent-context: c\n'
                'contexts: [{name: c, context: {cluster: k, user: u}}]\n'
                f'clusters: [{{name: k, cluster: {{server: "http://127.0.0.1:{pipe.recv()}"}}}}]\n'
                'users: [{name: u, user: {token: secret}}]\n')
    print(f'  {pods} pods, {policies} policies, {nodes} nodes'
          f'{", in full" if args.full else ""}', flush=True)
    for kind in STORES[1:]:
        one(args, config, kind, [kind])[0].stop()
    client, before = one(args, config, 'all', STORES)
    if args.perf:
        profiled = Client(['perf', 'record', '-q', '-F', '999', '-g', '-o', args.perf, args.store,
                           config, *STORES])
        profiled.next(), profiled.next()
        profiled.stop()
    pipe.send(HEARTBEATS)
    pipe.recv()
    time.sleep(1)
    after = client.ask()
    n = after['events'] - before['events']
    print(f'    {n:.0f} heartbeats: {after["changes"] - before["changes"]:.0f} told as changes, '
          f'{after["unchanged"] - before["unchanged"]:.0f} not; CPU '
          f'{(after["cpu"] - before["cpu"]) / max(n, 1) * 1e6:.1f} us each; RSS '
          f'{after["rss"] / 1e6:.1f} MB', flush=True)
    client.stop()
    server.terminate()


def main():
    p = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    p.add_argument('store', type=os.path.abspath)
    p.add_argument('gen', type=os.path.abspath)
    p.add_argument('sizes', nargs='*', default=['1000x500x4'])
    p.add_argument('--full', action='store_true')
    p.add_argument('--perf')
    args = p.parse_args()
    for size in args.sizes:
        with tempfile.TemporaryDirectory(prefix='weir-bench-') as folder:
            measure(args, tuple(int(n) for n in size.split('x')), folder)
    return 0


if __name__ == '__main__':
    sys.exit(main())
