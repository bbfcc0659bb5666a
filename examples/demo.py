#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The tutorial in a lab, with real packets: examples/demo.py [WEIR]

Every step applies a policy, tries it with ping and nc, compares what the
engine expects with what the packets do, and tells why one of them was dropped.
Exit status 0 only when every expectation held. Needs root.
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
WEIR = sys.argv[1] if len(sys.argv) > 1 else str(HERE.parent / 'build/weir')
LAB = 'demo'
COLOUR = sys.stdout.isatty() and 'NO_COLOR' not in os.environ


def paint(code, text):
    return f'\033[{code}m{text}\033[0m' if COLOUR else text


def bold(text):
    return paint('1', text)


def dim(text):
    return paint('2', text)


def verdict(text):
    return paint('32' if text == 'allow' else '31' if text == 'deny' else '33', f'{text:8}')


def weir(*args, check=True, text=None):
    done = subprocess.run([WEIR, *args], capture_output=True, text=True, input=text, timeout=60)
    if check and done.returncode:
        sys.exit(f'weir {" ".join(args)}: exit status {done.returncode}\n{done.stdout}{done.stderr}')
    return done


def lab(*args, **more):
    return weir('lab', args[0], '--name', LAB, *args[1:], **more)


def pod_addresses():
    items = json.loads(lab('get', 'pods', '-o', 'json').stdout)['items']
    return {f'{p["metadata"]["namespace"]}/{p["metadata"]["name"]}': p['status']['podIP']
            for p in items}


def real_tools(flows, addresses):
    """One ping and one nc, as anybody would type them."""
    shown = set()
    for flow in flows:
        tool = 'ping' if flow['protocol'] == 'ICMP' else 'nc' if flow['protocol'] == 'TCP' else None
        if not tool or (tool, flow['from']) in shown:
            continue
        shown.add((tool, flow['from']))
        name = re.sub('/deployment/', '/', flow['to'])
        to = next((ip for pod, ip in addresses.items() if pod.startswith(name)), flow['to'])
        argv = ['ping', '-c1', '-W1', to] if tool == 'ping' else ['nc', '-w1', to, str(flow['port'])]
        done = lab('exec', flow['from'], '--', *argv, check=False)
        lines = [line for line in done.stdout.splitlines() if 'bytes from' in line or tool == 'nc']
        answer = lines[0] if lines and lines[0] else dim('no answer')
        print(f'    {flow["from"]}$ {" ".join(argv)}\n      {answer}')


def probe(flows):
    """The table expected/observed; True when all is as the tutorial says."""
    asked = ''.join(json.dumps({k: v for k, v in f.items() if k != 'verdict'}) + '\n' for f in flows)
    done = lab('probe', '--flows', '-', '-o', 'json', text=asked, check=False)
    if done.returncode == 2:
        sys.exit(done.stderr)
    good = True
    print(f'    {"from":20}{"to":36}{"":10}{"expected":10}{"observed":10}')
    for flow, line in zip(flows, done.stdout.splitlines()):
        got = json.loads(line)
        right = got['expected'] == got['observed'] == flow['verdict']
        what = f'{flow["protocol"]} {flow.get("port", "")}'
        print(f'    {flow["from"]:20}{flow["to"]:36}{what:10}{verdict(got["expected"])}  '
              f'{verdict(got["observed"] or "skipped")}{"" if right else bold(" NOT AS IT SHOULD BE")}')
        good &= right
    return good


def why_dropped(source, target):
    """The newest denial between the two, in the words of the flow log."""
    lines = lab('flows', '--denied', '-o', 'json').stdout.splitlines()
    name = re.sub('/deployment/', '/', target)
    events = [json.loads(line) for line in lines]
    events = [e for e in events if e['from'] == source and
              (e['to'].startswith(name) or e['to_ip'] == name)]
    if not events:
        print(dim('    (no event was recorded)'))
        return False
    event = events[-1]
    print(f'    {bold("why:")} {event["from"]} -> {event["to"]} {event["protocol"]} '
          f'{event.get("port", "")} dropped on {event["node"]}: {event.get("direction", "")} '
          f'{event["reason"]}')
    near = event.get('near_miss')
    if near:
        print(f'    {bold("nearly:")} {near["policy"]} rule {near["rule"]} '
              f'({os.path.basename(near["file"])}:{near["line"]}): {near["text"]}')
        if near.get('mend'):
            print(f'    {bold("to allow it:")} {near["mend"]}')
    return True


def step(number, s):
    print(f'\n{bold(str(number) + ". " + s["title"])}\n    {s["text"]}')
    if s['policy']:
        path = HERE / 'tutorial' / s['policy']
        print(dim('\n'.join('    | ' + line for line in path.read_text().splitlines())))
        lab('apply', '-f', str(path))
    real_tools(s['flows'], pod_addresses())
    good = probe(s['flows'])
    if s['why']:
        good &= why_dropped(s['why'][0], s['why'][1])
    if s['step'] == '06-deny-egress' or s['step'] == '07-dns-restored':
        done = lab('exec', 'utils/tools', '--', 'nslookup', '-timeout=1', '-retry=0',
                   'webapp.webapp-balanced', check=False)
        found = 'Address' in done.stdout and done.returncode == 0
        print(f'    utils/tools$ nslookup webapp.webapp-balanced\n      '
              f'{"found" if found else dim("no answer")}')
        good &= found == (s['step'] == '07-dns-restored')
    return good


def main():
    if os.geteuid():
        sys.exit('the demonstration builds network namespaces: run it as root')
    begun = time.monotonic()
    weir('lab', 'down', '--name', LAB, check=False)
    steps = json.loads((HERE / 'tutorial' / 'steps.json').read_text())
    wrong = []
    try:
        lab('up', '-f', str(HERE / 'tutorial' / 'cluster.yaml'), '--nodes', '2',
            '--outside', '10.10.10.10=db.example.com')
        print(bold('A cluster of two nodes, out of network namespaces:'))
        print(lab('get', 'pods').stdout)
        wrong = [s['title'] for i, s in enumerate(steps) if not step(i, s)]
    finally:
        weir('lab', 'down', '--name', LAB, check=False)
    print(f'\n{bold("Done")} in {time.monotonic() - begun:.0f} s. ' +
          ('Every packet did what the engine said.' if not wrong
           else paint('31', 'Not as it should be: ' + '; '.join(wrong))))
    print("""
What to try next:
    weir lab up -f examples/recipes/08-some-pods-in-another-namespace --nodes 2
    weir lab probe
    weir lab exec other/monitor -- nc -w1 api.shop 80
    weir lab flows --denied
    weir lab down
    weir eval -f examples/tutorial/cluster.yaml -f examples/tutorial/03-bare-pod-selector.yaml \\
        --from utils/tools --to webapp-balanced/deployment/webapp --port 80
    weir list -f your/manifests""")
    return 1 if wrong else 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
