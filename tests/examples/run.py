#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the examples' verdicts offline: tests/examples/run.py WEIR"""
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# The lab brings its own DNS pod; here it has to be given.
DNS = """{"apiVersion":"v1","kind":"Pod","metadata":{"name":"kube-dns","namespace":"kube-system",
"labels":{"k8s-app":"kube-dns"}},"spec":{"containers":[{"name":"dns"}]}}"""


def verdicts(weir, files, flows):
    """What is wrong with the verdicts, or None."""
    asked = ''.join(json.dumps({k: v for k, v in f.items() if k != 'verdict'}) + '\n' for f in flows)
    argv = [weir, 'eval', *(a for f in files for a in ('-f', str(f))), '--flows', '/dev/stdin']
    done = subprocess.run(argv, input=asked, capture_output=True, text=True, timeout=60)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode or len(answers) != len(flows):
        return f'exit status {done.returncode}: {done.stderr.strip()[:300]}'
    wrong = [a for f, a in zip(flows, answers) if a.get('verdict') != f['verdict']]
    return f'not as expected: {json.dumps(wrong[0])}' if wrong else None


def cases(tmp):
    for folder in sorted((ROOT / 'examples/recipes').iterdir()):
        flows = [json.loads(line) for line in (folder / 'flows.jsonl').read_text().splitlines()]
        yield folder.name, [folder / 'cluster.yaml', folder / 'policy.yaml'], flows
    tutorial = ROOT / 'examples/tutorial'
    policies = {}
    for step in json.loads((tutorial / 'steps.json').read_text()):
        if step['policy']:
            text = (tutorial / step['policy']).read_text()
            for doc in text.split('\n---\n'):
                name = [line for line in doc.splitlines() if line.startswith('  name')]
                policies[tuple(name)] = doc
        state = tmp / f'{step["step"]}.yaml'
        state.write_text('\n---\n'.join([DNS, *policies.values()]))
        yield f'tutorial-{step["step"]}', [tutorial / 'cluster.yaml', state], step['flows']


def main():
    import tempfile
    failed = False
    with tempfile.TemporaryDirectory() as tmp:
        for name, files, flows in cases(pathlib.Path(tmp)):
            wrong = verdicts(sys.argv[1], files, flows)
            print(f'FAIL {name} {wrong}' if wrong else f'ok {name}')
            failed |= bool(wrong)
    return failed


if __name__ == '__main__':
    sys.exit(main())
