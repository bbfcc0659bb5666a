#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Drawings: draw.py WEIR. What Graphviz makes of them must be XML, the page HTML."""
import html.parser
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import xml.dom.minidom

INPUT = pathlib.Path(__file__).resolve().parent.parent / 'golden' / 'input'
NASTY = '''apiVersion: v1
kind: Pod
metadata: {name: a, namespace: n, labels: {x: y}}
---
apiVersion: v1
kind: Pod
metadata: {name: b, namespace: n, ownerReferences: [{kind: '<b>&"', name: "\\"<x>&\\\\", controller: true}]}
'''
failed = 0


def result(name, ok, why=''):
    global failed
    failed += not ok
    print(f'ok {name}' if ok else f'FAIL {name}: {why}')


def weir(*args, env=None):
    p = subprocess.run([WEIR, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120,
                       check=False, env=env)
    return p.returncode, p.stdout.decode(), p.stderr.decode()


class Page(html.parser.HTMLParser):
    """Counts the elements of a page, and those that do not end."""
    VOID = {'meta', 'br'}

    def __init__(self, text):
        super().__init__()
        self.open, self.seen = [], {}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.seen[tag] = self.seen.get(tag, 0) + 1
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen[tag] = self.seen.get(tag, 0) + 1

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            raise ValueError(f'</{tag}> ends nothing')


def check(name, path):
    status, svg, err = weir('list', '-f', path, '-o', 'svg')
    try:
        xml.dom.minidom.parseString(svg.encode())
        result(f'{name}/svg', status == 0 and '<svg' in svg, err)
    except Exception as e:  # whatever the parser says is the finding
        result(f'{name}/svg', False, f'{e} {err}')
    for command in ('list', 'matrix'):
        status, page, err = weir(command, '-f', path, '-o', 'html')
        try:
            p = Page(page)
            ok = status == 0 and not p.open and p.seen.get('table') == 1 and 'script' not in p.seen
            result(f'{name}/{command}-html', ok, f'{err} {p.open} {p.seen}')
        except ValueError as e:
            result(f'{name}/{command}-html', False, f'{e} {err}')


def main():
    with tempfile.TemporaryDirectory() as folder:
        status, out, err = weir('list', '-f', str(INPUT / 'shop.yaml'), '-o', 'svg',
                                env={**os.environ, 'PATH': folder})
        result('no-graphviz', status == 2 and 'graphviz' in err and not out, f'{status} {out} {err}')
        if not shutil.which('dot'):
            print('skip drawings: Graphviz is not installed')
            return 1 if failed else 0
        nasty = os.path.join(folder, 'nasty.yaml')
        pathlib.Path(nasty).write_text(NASTY, encoding='utf-8')
        check('shop', str(INPUT / 'shop.yaml'))
        check('ingress', str(INPUT / 'ingress.yaml'))
        check('empty', str(INPUT / 'empty.yaml'))
        check('nasty', nasty)
    return 1 if failed else 0


if __name__ == '__main__':
    WEIR = os.path.abspath(sys.argv[1])
    sys.exit(main())
