#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""weir diff against weir list: diff.py WEIR [CORPUS]

For pairs of recorded manifests, what `weir diff` says must be exactly what
differs between the two lists of connections: between workloads pair by pair,
towards ranges of addresses at every address where either list changes. The
lists themselves are held against a recorded analyser by run.py. And the
difference the other way round must be the mirror image.
"""
import collections
import glob
import ipaddress
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAIRS_APART = (1, 2, 7)


def weir(*args):
    p = subprocess.run([sys.argv[1], *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       timeout=120, check=False)
    return json.loads(p.stdout) if p.returncode == 0 else None


def split(edges, conn):
    """Pairs of workloads, and ranges by (workload, whether it is the source, family)."""
    pairs, ranges = {}, collections.defaultdict(list)
    for e in edges:
        ends = [e['src'], e['dst']]
        if ends[0] == '{ingress-controller}':
            continue  # of list alone: no end that policies of either version select
        outside = [x.endswith('[External]') for x in ends]
        if not any(outside):
            pairs[tuple(ends)] = conn(e)
            continue
        first, last = ends[outside.index(True)].removesuffix('[External]').split('-')
        first, last = ipaddress.ip_address(first), ipaddress.ip_address(last)
        ranges[ends[outside.index(False)], outside[1], first.version].append((first, last, conn(e)))
    return pairs, ranges


def at(ranges, key, ip):
    return next((c for first, last, c in ranges.get(key, []) if first <= ip <= last), None)


def points(*all_ranges):
    for key in {k for r in all_ranges for k in r}:
        for r in all_ranges:
            for first, last, _ in r.get(key, []):
                yield key, first
                yield key, last


def check(old, new, changes):
    """The first thing that is wrong, or None."""
    (p0, r0), (p1, r1) = split(old, lambda e: e['conn']), split(new, lambda e: e['conn'])
    want = {k: (p0.get(k), p1.get(k)) for k in p0.keys() | p1.keys() if p0.get(k) != p1.get(k)}
    pairs, ranges = split(changes, lambda e: (e['before'], e['after']))
    if pairs != want:
        odd = sorted(k for k in pairs.keys() | want.keys() if pairs.get(k) != want.get(k))[0]
        return f'{odd}: the lists say {want.get(odd)}, diff {pairs.get(odd)}'
    for key, ip in points(r0, r1, ranges):
        before, after = at(r0, key, ip), at(r1, key, ip)
        got = at(ranges, key, ip)
        if got != (None if before == after else (before, after)):
            return f'{key} {ip}: the lists say {(before, after)}, diff {got}'
    return None


def mirrored(a, b):
    swap = {'added': 'removed', 'removed': 'added', 'changed': 'changed'}
    one = sorted((c['change'], c['src'], c['dst'], str(c['before']), str(c['after'])) for c in a)
    two = sorted((swap[c['change']], c['src'], c['dst'], str(c['after']), str(c['before'])) for c in b)
    return one == two


def main():
    folder = sys.argv[2] if len(sys.argv) > 2 else os.path.join(ROOT, '..', 'shared', 'corpus')
    cases = sorted(glob.glob(os.path.join(folder, 'connectivity/*/manifests')))
    if not cases:
        print('skip diff: the recorded manifests are not there')
        return 77
    lists = {c: weir('list', '-f', c, '-o', 'json') for c in cases}
    cases = [c for c in cases if lists[c] is not None]
    failed = 0
    for step in PAIRS_APART:
        for a, b in zip(cases, cases[step:]):
            name = f'{a.split("/")[-2]}..{b.split("/")[-2]}'
            there, back = (weir('diff', '-f', x, '--to', y, '-o', 'json')['connections']
                           for x, y in ((a, b), (b, a)))
            wrong = check(lists[a], lists[b], there)
            if not wrong and not mirrored(there, back):
                wrong = 'the other way round it is not the mirror image'
            failed += bool(wrong)
            print(f'FAIL diff/{name}: {wrong}' if wrong else f'ok diff/{name}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
