#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The examples offline: their verdicts, and the commands that their texts name.

    tests/examples/run.py WEIR
"""
import json
import os
import pathlib
import shlex
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


def commands(weir):
    """Runs every command of the recipes' texts, as it is written there: (name, what is wrong)."""
    for text in sorted((ROOT / 'examples/recipes').glob('*/README.md')):
        lines = [line.strip() for line in text.read_text().splitlines()
                 if line.startswith('    weir ')]
        wrong = None if lines else 'names no command'
        for line in lines:
            done = subprocess.run([weir, *shlex.split(line)[1:]], cwd=text.parent, timeout=60,
                                  capture_output=True, text=True)
            if done.returncode not in (0, 1) or done.stderr or not done.stdout:
                wrong = f'{line}: exit status {done.returncode}: {done.stderr.strip()[:300]}'
        yield f'{text.parent.name}/commands', wrong


def main():
    import tempfile
    failed = False
    with tempfile.TemporaryDirectory() as tmp:
        for name, files, flows in cases(pathlib.Path(tmp)):
            wrong = verdicts(sys.argv[1], files, flows)
            print(f'FAIL {name} {wrong}' if wrong else f'ok {name}')
            failed |= bool(wrong)
    for name, wrong in commands(os.path.abspath(sys.argv[1])):
        print(f'FAIL {name} {wrong}' if wrong else f'ok {name}')
        failed |= bool(wrong)
    return failed


if __name__ == '__main__':
    sys.exit(main())
