#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""weir against what real systems said: run.py WEIR [CORPUS] [--only NAME]

Recorded answers lie outside of this tree (default ../shared/corpus, seen from
the project's root); without them there is nothing to do, and the run is
skipped with exit status 77.

truth-tables  expected verdicts of 9 pods x 9 pods x 6 ports
matrices      every ordered pair of pods of a generated cluster, for 8 ports
tiers         the same with cluster-wide policies; pairs that the field reads in two ways left out
connectivity  the connections between workloads of directories of manifests

A case is one line: "ok NAME", "FAIL NAME: why" or, where the two systems differ
by meaning, "skip NAME: reason"; then the counts of the corpus. Exit status 1
when anything fails.
"""
import argparse
import collections
import functools
import glob
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHOWN = 10  # disagreements printed of one case

# Cases in which the two differ by meaning and not by mistake, each with the reason. Where
# workloads of the host network are named, every connection without one of them must agree.
OWNERS = 'it cannot hold pods of one owner with different labels; weir judges each by its own'
UNREADABLE = 'it leaves unreadable objects out with a warning; weir refuses to answer for a part'
HOST_NETWORK = 'it applies policies to pods of the host network; to weir these are their node'
DEMO = {f'demo/cog-agents-{name}[DaemonSet]' for name in
        ('account-command', 'account-query', 'bank-ui')}
SYSTEM = {
    'default/cognetive-agents-agent[DaemonSet]',
    'default/cognetive-agents-analyzer[DaemonSet]',
    'default/cognetive-agents[DaemonSet]',
    'default/cognetive-local-analyzer-7d77fb55cc[ReplicaSet]',
    'ibm-system/ibm-cloud-provider-ip-169-60-164-10-5c9dd7c9c[ReplicaSet]',
    'ibm-system/ibm-cloud-provider-ip-169-60-164-14-6d448884df[ReplicaSet]',
    'kube-system-dummy-to-ignore/calico-kube-controllers-7694668c77[ReplicaSet]',
    *(f'kube-system/{name}[DaemonSet]' for name in
      ('calico-node', 'calico-node-tier', 'ibm-keepalived-watcher',
       'ibm-keepalived-watcher-for-demo', 'ibm-kube-fluentd', 'ibm-kube-fluentd-with-tier')),
}
HOSTS = {
    'ipblockstest': SYSTEM,
    'ipblockstest_2': SYSTEM,
    'multiple_topology_resources_1': DEMO,
    'semanticDiff-same-topologies-new1': DEMO,
    'semanticDiff-same-topologies-new1a': DEMO,
    'semanticDiff-same-topologies-new3': DEMO,
    'semanticDiff-same-topologies-old2': DEMO,
    'semanticDiff-same-topologies-old3': DEMO,
}
# Policies that an API server refuses and the analyser takes: a pods peer without podSelector.
# With the selector that it assumes put in, {}, the answers must agree.
MENDED = {
    'anp_demo', 'anp_test_11', 'anp_test_12', 'anp_test_12_swapping_rules',
    'anp_test_3_pass_traffic', 'anp_test_8', 'anp_test_9_swapping_rules',
    'anp_test_multiple_anps', 'exposure_test_with_anp_12', 'exposure_test_with_anp_13',
    'exposure_test_with_anp_15',
}
# The analyser knows no IPv6: all that is IPv4 must agree.
NO_IPV6 = {'anp_and_banp_using_networks_with_ipv6_test'}
EXPLAINED = {
    'anp_and_banp_using_networks_with_ipv6_test': 'the analyser knows no IPv6',
    'anp_bad_path_test_1':
        'the analyser refuses equal priorities; the API takes them, weir has an order for them',
    'anp_test_named_ports_multiple_peers':
        'a named port towards networks, which the API refuses; the analyser leaves it out',
    **{case: 'pods without podSelector, which the API refuses; with {} put in, both agree'
       for case in MENDED},
    'example_pods_w_same_owner_and_labels_gap_no_policy':
        'the ownerReferences have no kind, which the API requires; weir does not group by them',
    'k8s_ingress_test_new':
        'an Ingress names 8080, which is the targetPort of a Service whose port is 5000; the '
        'analyser takes it, the API does not',
    'semanticDiff-same-topologies-illegal-podlist': OWNERS,
    'malformed-pod-example-2': UNREADABLE,
    'malformed-pod-example-5': UNREADABLE,
    'malformed_pod_example': UNREADABLE,
    'onlineboutique_with_pods_severe_error': UNREADABLE,
    **{case: HOST_NETWORK for case in HOSTS},
}


class Counts:
    def __init__(self, name):
        self.name = name
        self.agreed = self.disagreed = self.explained = 0

    def agree(self, case):
        self.agreed += 1
        print(f'ok   {self.name}/{case}')

    def disagree(self, case, why, lines=()):
        self.disagreed += 1
        print(f'FAIL {self.name}/{case}: {why}')
        print('\n'.join(lines[:SHOWN]), end='\n' if lines else '')

    def explain(self, case, reason):
        self.explained += 1
        print(f'skip {self.name}/{case}: {reason}')

    def line(self):
        cases = self.agreed + self.disagreed + self.explained
        text = f'{self.name}: {cases} cases, {self.agreed} agree, {self.disagreed} disagree'
        return text + (f', {self.explained} explained' if self.explained else '')


def eval_flows(weir, paths, flows):
    """Verdicts of flows, in order; flows is an iterable of dicts."""
    args = [weir, 'eval', '--flows', '-']
    for path in paths:
        args += ['-f', path]
    with tempfile.TemporaryFile('w+') as stdin, tempfile.TemporaryFile('w+') as stdout:
        for flow in flows:
            stdin.write(json.dumps(flow, separators=(',', ':')) + '\n')
        stdin.seek(0)
        done = subprocess.run(args, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE,
                              text=True, timeout=600)
        if done.returncode != 0:
            return None, f'exit status {done.returncode}: {done.stderr[:500]}'
        stdout.seek(0)
        return [json.loads(line) for line in stdout], ''


def compare_flows(weir, counts, case, paths, flows, expected):
    """expected: the verdicts of the flows, in order."""
    got, error = eval_flows(weir, paths, flows)
    if got is None or len(got) != len(expected):
        counts.disagree(case, (error or 'wrong number of answers').replace('\n', ' | '))
        return
    wrong = [f'  {f["from"]} -> {f["to"]} {f["protocol"]}/{f["port"]}: expected {e}, '
             f'got {json.dumps(g)}'
             for f, g, e in zip(flows, got, expected) if g.get('verdict') != e]
    if wrong:
        counts.disagree(case, f'{len(wrong)} of {len(flows)} flows differ', wrong)
    else:
        counts.agree(case)


def truth_tables(weir, corpus):
    counts = Counts('truth-tables')
    folder = os.path.join(corpus, 'truth-tables')
    pods = [f'{ns}/{pod}' for ns in 'xyz' for pod in 'abc']
    numbers = [(proto, port) for proto in ('TCP', 'UDP', 'SCTP') for port in (80, 81)]
    for case in sorted(os.listdir(folder)):
        path = os.path.join(folder, case)
        if not os.path.isdir(path):
            continue
        with open(os.path.join(path, 'expected.json'), encoding='utf-8') as file:
            denied = set(json.load(file)['denied'])
        flows, expected = [], []
        for src in pods:
            for dst in pods:
                for proto, port in numbers if src != dst else ():
                    verdict = 'deny' if f'{src} -> {dst} {proto}/{port}' in denied else 'allow'
                    # by number, and by name: every pod names its ports alike
                    for value in (port, f'serve-{port}-{proto.lower()}'):
                        flows.append({'from': src, 'to': dst, 'protocol': proto, 'port': value})
                        expected.append(verdict)
        compare_flows(weir, counts, case,
                      [os.path.join(folder, 'cluster.yaml'), os.path.join(path, 'policies.yaml')],
                      flows, expected)
    return counts


def disputed_pairs(path):
    """(PROTO/PORT, source, destination) that have no verdict."""
    try:
        with open(os.path.join(path, 'disputed.txt'), encoding='utf-8') as file:
            return {tuple(line.split()[:3]) for line in file if line.strip()}
    except FileNotFoundError:
        return set()


def tables(weir, corpus, name):
    """Generated clusters with tables of the pairs that are allowed."""
    counts = Counts(name)
    for path in sorted(glob.glob(os.path.join(corpus, name, '*', ''))):
        disputed = disputed_pairs(path)
        case = os.path.basename(os.path.dirname(path))
        manifests = os.path.join(path, 'manifests', 'all.json')
        with open(manifests, encoding='utf-8') as file:
            pods = [f'{i["metadata"]["namespace"]}/{i["metadata"]["name"]}'
                    for i in json.load(file)['items'] if i['kind'] == 'Pod']
        for table in sorted(glob.glob(os.path.join(path, 'allowed-*.txt.gz'))):
            proto, port = re.fullmatch(r'allowed-(\w+)-(\d+)\.txt\.gz',
                                       os.path.basename(table)).groups()
            with gzip.open(table, 'rt', encoding='utf-8') as file:
                allowed = {tuple(line.split()) for line in file}
            flows, expected = [], []
            for src in pods:
                for dst in pods:
                    if src != dst and (f'{proto}/{port}', src, dst) not in disputed:
                        flows.append({'from': src, 'to': dst, 'protocol': proto,
                                      'port': int(port)})
                        expected.append('allow' if (src, dst) in allowed else 'deny')
            compare_flows(weir, counts, f'{case}/{proto}-{port}', [manifests], flows, expected)
    return counts


def connection_set(connections):
    """Connections as comparable lines."""
    return collections.Counter((c['src'], c['dst'], c['conn']) for c in connections or ())


def compare_lists(expected, got):
    """(the connections that differ, lines that say so)"""
    missing, more = expected - got, got - expected
    lines = [f'  missing {c}' for c in sorted(missing.elements())]
    return (set(missing) | set(more),
            lines + [f'  too many {c}' for c in sorted(more.elements())])


def list_connections(weir, manifests):
    return subprocess.run([weir, 'list', '-f', manifests, '-o', 'json',
                           '--ipblock-matches-pods=no'], capture_output=True, text=True,
                          timeout=120)


def mend(weir, manifests, folder):
    """A copy of manifests in folder, with podSelector: {} where weir says that it lacks."""
    copy = os.path.join(folder, 'manifests')
    shutil.copytree(manifests, copy)
    missing = re.findall(r'^(.+?):(\d+):(\d+): error: \S+\.podSelector: Required value',
                         list_connections(weir, copy).stderr, re.M)
    for path, line, column in sorted(missing, key=lambda m: -int(m[1])):
        os.chmod(path, 0o644)
        with open(path, encoding='utf-8') as file:
            lines = file.read().split('\n')
        lines.insert(int(line) - 1, ' ' * (int(column) - 1) + 'podSelector: {}')
        with open(path, 'w', encoding='utf-8') as file:
            file.write('\n'.join(lines))
    return copy


def mended_case(weir, path):
    """As connectivity_case, of manifests that an API server would take."""
    with tempfile.TemporaryDirectory() as folder:
        return connectivity_case(weir, path, mend(weir, os.path.join(path, 'manifests'), folder))


def is_ipv6(connection):
    return any('::' in end.split('[')[0] for end in connection[:2])


def connectivity_case(weir, path, manifests=None):
    """(agrees, the connections that differ, lines of explanation)"""
    with open(os.path.join(path, 'expected.json'), encoding='utf-8') as file:
        expected = json.load(file)
    done = list_connections(weir, manifests or os.path.join(path, 'manifests'))
    if expected['rc'] != 0:
        if done.returncode == 2 and ': error: ' in done.stderr:
            return True, set(), []
        return False, set(), [f'  expected an error ({expected["stderr"].strip()[:200]}), '
                              f'got exit status {done.returncode}']
    if done.returncode != 0:
        return False, set(), [f'  exit status {done.returncode}: {done.stderr[:600]}']
    differing, lines = compare_lists(connection_set(expected['connections']),
                                     connection_set(json.loads(done.stdout)))
    return not lines, differing, lines


def connectivity(weir, corpus):
    counts = Counts('connectivity')
    for path in sorted(glob.glob(os.path.join(corpus, 'connectivity', '*', ''))):
        case = os.path.basename(os.path.dirname(path))
        agrees, differing, lines = connectivity_case(weir, path)
        reason = EXPLAINED.get(case)
        hosts = HOSTS.get(case)
        if hosts is not None and any(src not in hosts and dst not in hosts
                                     for src, dst, _ in differing):
            reason = None
        if case in MENDED and not mended_case(weir, path)[0]:
            reason = None
        if case in NO_IPV6 and not all(is_ipv6(c) for c in differing):
            reason = None
        if agrees and reason:
            counts.disagree(case, f'agrees, though a difference is explained: {reason}')
        elif agrees:
            counts.agree(case)
        elif reason:
            counts.explain(case, reason)
        else:
            counts.disagree(case, 'differs', lines)
    return counts


def main():
    parser = argparse.ArgumentParser(description='weir against recorded answers')
    parser.add_argument('weir')
    parser.add_argument('corpus', nargs='?',
                        default=os.path.join(os.path.dirname(ROOT), 'shared', 'corpus'))
    parser.add_argument('--only', choices=['truth-tables', 'matrices', 'tiers', 'connectivity'])
    options = parser.parse_args()
    if not os.path.isdir(options.corpus):
        print(f'skip corpus: no recorded answers at {options.corpus}')
        return 77
    suites = {'truth-tables': truth_tables,
              'matrices': functools.partial(tables, name='matrices'),
              'tiers': functools.partial(tables, name='tiers'), 'connectivity': connectivity}
    failed = False
    for name, suite in suites.items():
        if options.only in (None, name):
            counts = suite(os.path.abspath(options.weir), options.corpus)
            print(counts.line())
            failed |= counts.disagreed > 0 or counts.agreed == 0
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
