#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The manifests and commands that a page of the documentation shows.

    tests/examples/pages.py WEIR [--lab] [--update]

Commands ("$ weir ..." in blocks of `console`) run in a copy of examples/recipes,
beside the manifests of the page whose first line names a file ("# NAME.yaml").
They must print what the page says, output and messages; "..." stands for
anything in a line, and spaces at the ends of lines do not count. Manifests must
be accepted by weir validate (but NAME.broken.yaml, and NAME.tests.yaml), or
stand in a recipe word for word. --lab runs the commands that begin with "weir
lab" (root), and only these; without it they are left out. --update writes what
is printed now into the page; read the difference.
"""
import argparse
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PAGES = ['docs/tiers.md']
LAB = 'pages'
BLOCK = re.compile(r'^```(\w+)\n(.*?)^```$', re.M | re.S)
COMMAND = re.compile(r'^\$ (weir .*(?:\\\n.*)*)\n((?:(?!\$ ).*\n)*)', re.M)


def run(weir, command, folder):
    words = shlex.split(command.replace('\\\n', ' '))[1:]
    if words[0] == 'lab':
        words[2:2] = ['--name', LAB]
    done = subprocess.run([weir, *words], cwd=folder, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, check=False)
    return re.sub(r' +$', '', done.stdout, flags=re.M)


def alike(want, got):
    """Whether got is what a page says."""
    return re.fullmatch(re.escape(want).replace(re.escape('...'), '.*'), got) is not None


def is_lab(command):
    return command.split()[1] == 'lab'


def manifests(weir, text, folder, recipes):
    """What is wrong with the manifests of a page: (name, why or None)."""
    for n, block in enumerate((b for kind, b in BLOCK.findall(text) if kind == 'yaml'), 1):
        name = re.match(r'# (\S+\.yaml)\b', block)
        path = folder / (name[1] if name else f'block-{n}.yaml')
        if any(block in recipe for recipe in recipes):
            yield f'yaml-{n}', None
            continue
        path.write_text(block)
        if path.name.endswith(('.broken.yaml', '.tests.yaml')):
            continue
        out = run(weir, f'weir validate -f {path.name}', folder)
        good = 'apiVersion:' in block and re.search(r'^\d+ documents? checked: .* 0 refused', out, re.M)
        yield path.stem, None if good else f'in no recipe, and not accepted: {out.strip()[:200]!r}'
        if not name:
            path.unlink()


def commands(weir, text, folder, lab):
    """(command, what the page says, what weir says)"""
    for kind, block in BLOCK.findall(text):
        for command, want in COMMAND.findall(block) if kind == 'console' else ():
            if is_lab(command) == lab:
                yield command, want, run(weir, command, folder)


def check(page, weir, options):
    text = (ROOT / page).read_text(encoding='utf-8')
    recipes = [p.read_text() for p in (ROOT / 'examples/recipes').glob('*/policy.yaml')]
    failed = seen = 0
    with tempfile.TemporaryDirectory() as tmp:
        folder = pathlib.Path(tmp, 'recipes')
        shutil.copytree(ROOT / 'examples/recipes', folder)
        results = list(manifests(weir, text, folder, recipes))
        for n, (command, want, got) in enumerate(commands(weir, text, folder, options.lab), 1):
            if options.update and not alike(want, got):
                text = text.replace(f'$ {command}\n{want}', f'$ {command}\n{got}', 1)
                want = got
            same = alike(want, got)
            results.append((f'command-{n}', None if same else f'{command}: prints {got!r}'))
    for name, wrong in results:
        print(f'FAIL {page}/{name} {wrong}' if wrong else f'ok {page}/{name}', flush=True)
        failed += bool(wrong)
        seen += name.startswith('command')
    if not seen:
        print(f'FAIL {page} shows no commands')
    if options.update:
        (ROOT / page).write_text(text, encoding='utf-8')
    return failed or not seen


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('weir', type=os.path.abspath)
    parser.add_argument('--lab', action='store_true')
    parser.add_argument('--update', action='store_true')
    options = parser.parse_args()
    return 1 if any([check(page, options.weir, options) for page in PAGES]) else 0


if __name__ == '__main__':
    raise SystemExit(main())
