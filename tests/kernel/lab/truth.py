#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Truth tables of recorded policy sets, with packets: truth.py [WEIR]

One lab of the recorded cluster, 9 pods on 2 nodes. For every table: apply its
policies, send packets for every pair of pods over TCP and UDP and both
families, and compare with the recorded table and with the engine. The maps are
read back from the kernel and judge every pair, SCTP included.
"""
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent
WEIR = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / 'build/weir')
TABLES = ROOT.parent / 'shared' / 'corpus' / 'truth-tables'
LAB = 'truth'


def weir(*args):
    return subprocess.run([WEIR, 'lab', args[0], '--name', LAB, *args[1:]], capture_output=True,
                          text=True, timeout=120)


def changed(*args):
    done = weir(*args)
    return None if done.returncode == 0 else f'{args[0]}: {done.stderr.strip()[:300]}'


def disagreements(probe, denied, family):
    """Flows that differ from the recorded table or from the engine."""
    if probe.returncode == 2:
        return [probe.stderr.strip()[:300]]
    out = []
    for line in probe.stdout.splitlines():
        f = json.loads(line)
        if f['observed'] is None:
            continue
        name = f'{f["from"]} -> {f["to"]} {f["protocol"]}/{f["port"]}'
        recorded = 'deny' if name in denied else 'allow'
        # the recorded cluster has IPv4 only: its ipBlocks say nothing of IPv6
        if f['observed'] != f['expected'] or (family == 'ipv4' and f['observed'] != recorded):
            out.append(f'{name} {family}: recorded {recorded}, engine {f["expected"]}, '
                       f'observed {f["observed"]}')
    return out


def check(folder):
    denied = set(json.loads((folder / 'expected.json').read_text())['denied'])
    policies = str(folder / 'policies.yaml')
    wrong = changed('apply', '-f', policies)
    if wrong:
        return wrong
    bad = []
    for family in ('ipv4', 'ipv6'):
        for how in ([], ['--maps']):
            bad += disagreements(weir('probe', '--all', '-o', 'json', '--family', family, *how),
                                 denied, family)
    return changed('delete', '-f', policies) or '; '.join(bad[:3])


def main():
    if not TABLES.is_dir():
        print('skip truth-tables the recorded tables are not beside this checkout')
        return 0
    if os.geteuid():
        print('skip truth-tables needs root')
        return 0
    weir('down')
    failed = 0
    try:
        wrong = changed('up', '-f', str(TABLES / 'cluster.yaml'), '--nodes', '2')
        if wrong:
            print(f'FAIL up {wrong}')
            return 1
        for folder in sorted(p for p in TABLES.iterdir() if p.is_dir()):
            wrong = check(folder)
            failed += bool(wrong)
            print(f'FAIL {folder.name} {wrong}' if wrong else f'ok {folder.name}', flush=True)
    finally:
        weir('down')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
