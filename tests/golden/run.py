#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What weir prints, byte for byte: run.py WEIR [--update] [NAME...]

A case is a file NAME.case:

    # what it shows
    $ weir eval -f input/shop.yaml --from shop/web --to shop/db --port 5432
    --- stdout
    ...
    --- stderr
    ...
    --- status 0

Empty sections and status 0 are left out; text without a last newline ends with
a line "\\ no newline". Commands run in this folder, without a shell. Lines
between the comment and the command change how:

    < FILE      standard input (else it is empty)
    > closed    standard output is a pipe that nobody reads
    > full      standard output is a full disk (/dev/full)

--update writes what weir prints now into the cases; read the difference.
"""
import argparse
import os
import pathlib
import shlex
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
NO_NEWLINE = '\\ no newline\n'
SANITIZERS = ('AddressSanitizer', 'LeakSanitizer', 'runtime error:')


class Case:
    def __init__(self, path):
        self.path = path
        self.name = str(path.relative_to(HERE))[:-len('.case')]
        self.head = []  # lines before the sections
        self.stdin = None
        self.stdout_is = None
        self.args = None
        self.expected = {'stdout': '', 'stderr': '', 'status': 0}
        section = None
        for line in path.read_text(encoding='utf-8').splitlines(keepends=True):
            if line.startswith('--- '):
                section, _, status = line[4:].strip().partition(' ')
                if section == 'status':
                    self.expected['status'] = int(status)
            elif section is None:
                self.head.append(line)
                self.command_line(line.strip())
            else:
                self.expected[section] += line
        for key in ('stdout', 'stderr'):
            if self.expected[key].endswith(NO_NEWLINE):
                self.expected[key] = self.expected[key][:-len(NO_NEWLINE) - 1]

    def command_line(self, line):
        if line.startswith('< '):
            self.stdin = line[2:]
        elif line.startswith('> '):
            self.stdout_is = line[2:]
        elif line.startswith('$ weir'):
            self.args = shlex.split(line[2:])[1:]

    def write(self, got):
        text = ''.join(self.head)
        for key in ('stdout', 'stderr'):
            if got[key]:
                text += f'--- {key}\n{got[key]}'
                text += '' if got[key].endswith('\n') else '\n' + NO_NEWLINE
        if got['status']:
            text += f'--- status {got["status"]}\n'
        self.path.write_text(text, encoding='utf-8')

    def run(self, weir):
        env = dict(os.environ, LC_ALL='C.UTF-8', TERM='dumb', COLUMNS='80')
        stdin = open(HERE / self.stdin, 'rb') if self.stdin else subprocess.DEVNULL
        stdout = subprocess.PIPE
        if self.stdout_is == 'full':
            stdout = open('/dev/full', 'wb')
        elif self.stdout_is == 'closed':
            reader, stdout = os.pipe()
            os.close(reader)
        try:
            done = subprocess.run([weir, *self.args], stdin=stdin, stdout=stdout,
                                  stderr=subprocess.PIPE, cwd=HERE, env=env, timeout=120,
                                  check=False)
        finally:
            if self.stdin:
                stdin.close()
            if self.stdout_is == 'full':
                stdout.close()
            elif self.stdout_is == 'closed':
                os.close(stdout)
        return {'stdout': (done.stdout or b'').decode('utf-8', 'backslashreplace'),
                'stderr': done.stderr.decode('utf-8', 'backslashreplace'),
                'status': done.returncode}


def difference(expected, got):
    for key in ('status', 'stderr', 'stdout'):
        if expected[key] == got[key]:
            continue
        if key == 'status':
            return f'status is {got[key]}, not {expected[key]}; stderr: {got["stderr"][:2000]!r}'
        want, have = expected[key].splitlines(), got[key].splitlines()
        for i in range(max(len(want), len(have))):
            a = want[i] if i < len(want) else '(end)'
            b = have[i] if i < len(have) else '(end)'
            if a != b:
                return f'{key} line {i + 1}: expected {a!r}, got {b!r}'
        return f'{key} ends otherwise'
    return None


def main():
    parser = argparse.ArgumentParser(description='what weir prints, byte for byte')
    parser.add_argument('weir')
    parser.add_argument('names', nargs='*', help='cases, or folders of them')
    parser.add_argument('--update', action='store_true')
    options = parser.parse_args()
    weir = os.path.abspath(options.weir)
    failed = 0
    for path in sorted(HERE.rglob('*.case')):
        case = Case(path)
        if options.names and not any(case.name == n or case.name.startswith(n.rstrip('/') + '/')
                                     for n in options.names):
            continue
        if case.args is None:
            failed += 1
            print(f'FAIL {case.name}: no command')
            continue
        got = case.run(weir)
        broken = [s for s in SANITIZERS if s in got['stderr']] or got['status'] < 0
        if options.update and not broken:
            case.write(got)
            continue
        why = difference(case.expected, got)
        print(f'FAIL {case.name}: {why}' if why else f'ok   {case.name}', flush=True)
        failed += why is not None
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
