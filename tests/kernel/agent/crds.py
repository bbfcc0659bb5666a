#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Cluster-wide policies whose definition comes and goes, with packets: crds.py WEIR

A lab with an API that has no definitions. Its agent finds them when they come,
enforces, tells in the policies' status what it makes of them, and lets go when
they go.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import agent as base
from agent import ADMIN, CLUSTER, LAB, connects, result, wait, weir

CRD = 'clusternetworkpolicies.policy.networking.k8s.io'
DEFINITION = {
    'apiVersion': 'apiextensions.k8s.io/v1', 'kind': 'CustomResourceDefinition',
    'metadata': {'name': CRD, 'annotations': {'api-approved.kubernetes.io': 'https://example.com'}},
    'spec': {'group': 'policy.networking.k8s.io', 'scope': 'Cluster',
             'names': {'plural': 'clusternetworkpolicies', 'kind': 'ClusterNetworkPolicy',
                       'shortNames': ['cnp']},
             'versions': [{'name': 'v1alpha2', 'served': True, 'storage': True,
                           'subresources': {'status': {}},
                           'schema': {'openAPIV3Schema': {'type': 'object'}}}]}}
NAMES = {'apiVersion': ADMIN['apiVersion'], 'kind': ADMIN['kind'], 'metadata': {'name': 'names'},
         'spec': {'tier': 'Admin', 'priority': 7, 'subject': {'namespaces': {}},
                  'egress': [{'name': 'web', 'action': 'Accept',
                              'to': [{'domainNames': ['example.com']}]}]}}
LOOK = 75  # seconds: the agent looks for a kind that is not there every 30 to 60


def kubectl(*args, text=None):
    p = subprocess.run(['kubectl', *args], input=text, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
    return p.returncode, p.stdout


def condition(name):
    """(status, reason, generation that it is about, message) of weir's condition."""
    _, out = kubectl('get', 'cnp', name, '-o', 'json')
    try:
        found = [c for c in json.loads(out).get('status', {}).get('conditions', [])
                 if c['type'] == 'AcceptedByWeir']
    except ValueError:
        return None
    return found and tuple(found[0][k] for k in ('status', 'reason', 'observedGeneration', 'message'))


def installed(run_dir):
    """Whether the agent knows the kind."""
    _, out, _ = weir('status', '--run-dir', run_dir)
    return re.search(r'^ +ClusterNetworkPolicy +\d+ +(.*)$', out, re.M).group(1) != 'not installed'


def versions():
    _, out = kubectl('get', 'cnp', '-o', 'jsonpath={.items[*].metadata.resourceVersion}')
    return out


def conditions():
    status, out = kubectl('wait', '--for=condition=AcceptedByWeir', '--timeout=20s', 'cnp/no-db')
    result('conditions/kubectl-waits', status == 0, out)
    result('conditions/of-a-good-policy', condition('no-db') ==
           ('True', 'Accepted', 1, 'every rule is enforced as it is written'), condition('no-db'))
    kubectl('patch', 'cnp', 'no-db', '--type=merge', '-p', '{"spec":{"priority":2}}')
    result('conditions/of-the-next-generation',
           wait(lambda: condition('no-db')[2] == 2, 20), condition('no-db'))
    kubectl('apply', '-f', '-', text=json.dumps(NAMES))
    result('conditions/of-domain-names', wait(lambda: condition('names'), 20) and
           condition('names')[:3] == ('False', 'RulesNotEnforced', 1) and
           'egress rule 1 (web) has domain names' in condition('names')[3], condition('names'))
    before = versions()
    kubectl('label', 'cnp', 'no-db', 'a=b')
    kubectl('label', 'cnp', 'no-db', 'a-')
    after = versions()
    result('conditions/are-written-once', before.split()[0] == after.split()[0] and
           not wait(lambda: versions() != after, 3), f'{before} {after} {versions()}')


def come_and_go(run_dir):
    status, out = kubectl('get', 'cnp')
    result('absent/is-not-served', status != 0, out)
    result('absent/agent-tells', not installed(run_dir))
    status, out = kubectl('apply', '-f', '-', text=json.dumps(DEFINITION))
    result('comes/applied', status == 0, out)
    status, out = kubectl('wait', '--for=condition=established', '--timeout=20s', f'crd/{CRD}')
    result('comes/established', status == 0, out)
    status, out = kubectl('apply', '-f', '-', text=json.dumps(ADMIN))
    result('comes/policy', status == 0, out)
    result('comes/is-enforced', wait(lambda: not connects(), LOOK) and installed(run_dir))
    conditions()
    status, out = kubectl('delete', 'crd', CRD)
    result('goes/is-not-enforced', wait(connects, 20), out)
    result('goes/agent-tells', wait(lambda: not installed(run_dir), 20))
    kubectl('apply', '-f', '-', text=json.dumps(DEFINITION))
    status, out = kubectl('get', 'cnp')
    result('again/nothing-is-left', status == 0 and 'No resources' in out, out)
    kubectl('apply', '-f', '-', text=json.dumps(ADMIN))
    result('again/is-enforced', wait(lambda: not connects(), LOOK))


def lab_up(*args):
    status, out, err = weir('lab', 'up', '--api', '--nodes', '1', '--name', LAB, *args, timeout=120)
    result(f'up{"".join(a for a in args if a.startswith("--"))}', status == 0, out + err)
    _, out, _ = weir('lab', 'kubeconfig', '--name', LAB)
    os.environ['KUBECONFIG'] = out.strip()
    return status == 0


def main():
    if not shutil.which('kubectl'):
        print('skip crds: kubectl is not installed')
        return 0
    folder = tempfile.mkdtemp(prefix='weir-crds-')
    os.environ['HOME'] = folder
    cluster = os.path.join(folder, 'cluster.yaml')
    with open(cluster, 'w', encoding='utf-8') as f:
        f.write(CLUSTER)
    try:
        if lab_up('--no-policy-crds', '-f', cluster):
            come_and_go(f'/run/weir/lab/{LAB}/agent-1')
        weir('lab', 'down', '--name', LAB)
        if lab_up():
            _, out = kubectl('get', 'crd', '-o', 'name')
            result('lab-has-them', len(out.split()) == 3 and CRD in out, out)
    finally:
        weir('lab', 'down', '--name', LAB)
        shutil.rmtree(folder)
    return 1 if base.failed else 0


if __name__ == '__main__':
    sys.exit(main())
