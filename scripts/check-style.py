#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the rules of STYLE.md that a machine can check.

    scripts/check-style.py [--root DIR] [--rule S7]... [--advice] [--tidy BUILD]

Prints "file:line: S7: what is wrong", one a line; exit status 1 when there was
any. --advice adds what is worth a look and no error. clang-tidy runs only with
--tidy and a build folder (it wants a compile_commands.json). A rule whose tool
is missing says so on stderr and is passed over.
"""
import argparse
import concurrent.futures
import difflib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

# The rooms from the ground up: a folder includes itself and those before it.
ROOMS = ['base', 'input', 'api', 'model', 'engine', 'lint', 'expect', 'bpf', 'datapath', 'kube', 'apiserver', 'lab', 'agent', 'cli']

# Libraries and the only rooms that may include them.
LIBRARIES = [
    (r'yaml\.h', ['input']),
    (r'bpf/(libbpf|bpf|btf)\.h', ['datapath']),
    (r'(linux/bpf|bpf/bpf_\w+)\.h', ['bpf', 'datapath']),
    (r'nftables/.*|libmnl/.*', ['datapath', 'lab']),
    (r'curl/.*', ['kube']),
    (r'uv\.h', ['agent']),
    (r'seccomp\.h', ['agent']),
    (r'zlib\.h', ['lab']),
    (r'microhttpd\.h|gnutls/.*|sqlite3\.h', ['apiserver']),
    (r'cmocka\.h', []),
]

BANNED = ['strcpy', 'strcat', 'sprintf', 'vsprintf', 'strtok', 'atoi', 'atol', 'atof', 'gets',
          'strncpy', 'strncat', 'alloca', 'tmpnam', 'mktemp']
PRINTING = ['printf', 'puts', 'putchar', 'perror', 'exit', 'abort', 'err', 'errx', 'warn',
            'warnx', 'syslog']

FILE_LINES = 800
FUNCTION_LINES = 120
FUNCTION_ADVICE = 60
COLUMNS = 110  # clang-format breaks at 100; comments and strings may need a little more
FORMAT_MAJOR = 14  # the clang-format whose opinion counts; others space a few things differently

SKIPPED_DIRS = {'.git', '.cache'}


class Project:
    """The files of a tree and the findings about them."""

    def __init__(self, root, rules, advice):
        self.root = pathlib.Path(root).resolve()
        self.rules = set(rules)
        self.with_advice = advice
        self.findings = []
        self.notes = []
        self.paths = sorted(self._list())
        self.text = {}
        for path in self.paths:
            try:
                self.text[path] = (self.root / path).read_text(encoding='utf-8')
            except UnicodeDecodeError:
                pass  # a picture, or an input that is broken on purpose

    def _list(self):
        git = subprocess.run(['git', '-C', str(self.root), 'ls-files', '-co', '--exclude-standard'],
                             capture_output=True, text=True)
        top = subprocess.run(['git', '-C', str(self.root), 'rev-parse', '--show-toplevel'],
                             capture_output=True, text=True).stdout.strip()
        if git.returncode == 0 and top and pathlib.Path(top).resolve() == self.root:
            names = git.stdout.splitlines()
        else:
            names = []
            for folder, dirs, files in os.walk(self.root):
                dirs[:] = [d for d in dirs if d not in SKIPPED_DIRS and not d.startswith('build')]
                names += [os.path.relpath(os.path.join(folder, f), self.root) for f in files]
        # samples that break a rule on purpose
        return [n for n in names
                if not n.startswith('tests/style/bad/') and (self.root / n).is_file()]

    def wants(self, rule):
        return not self.rules or rule in self.rules

    def add(self, rule, path, line, message):
        if self.wants(rule):
            self.findings.append((path, line, rule, message))

    def advise(self, rule, path, line, message):
        if self.with_advice and self.wants(rule):
            self.notes.append((path, line, rule, message))

    def c_files(self, *suffixes):
        return [p for p in self.paths
                if p in self.text and p.endswith(suffixes or ('.c', '.h'))]


def room_of(path):
    parts = path.split('/')
    return parts[1] if len(parts) > 2 and parts[0] == 'src' else None


def blank_comments_and_strings(text):
    """The same text with comments and literals as blanks: same lines, same columns."""
    def blank(match):
        return re.sub(r'[^\n]', ' ', match.group(0))
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(pattern, blank, text, flags=re.S)


def check_licence(project):
    """S1"""
    for path, text in project.text.items():
        name = os.path.basename(path)
        is_source = path.endswith(('.c', '.h', '.py', '.sh')) or name in ('meson.build', 'Makefile')
        if not is_source:
            continue
        want = 'GPL-2.0-only OR BSD-2-Clause' if path.startswith('src/bpf/') and \
            path.endswith(('.c', '.h')) else 'Apache-2.0'
        head = text.split('\n')[:2]
        first = head[1] if len(head) > 1 and head[0].startswith('#!') else head[0]
        if f'SPDX-License-Identifier: {want}' not in first:
            project.add('S1', path, 1, f'the first line is "SPDX-License-Identifier: {want}"')


def check_headers(project):
    """S2 and S3"""
    for path in project.c_files('.h'):
        if '#pragma once' not in project.text[path] and not re.search(
                r'^#ifndef (\w+)\n#define \1\b', project.text[path], re.M):
            project.add('S2', path, 1, 'a header has "#pragma once"')
    for path in project.c_files('.c'):
        own = path[:-2] + '.h'
        room = room_of(path)
        if own not in project.text or not room:
            continue
        first = re.search(r'^#include\s+(\S+)', project.text[path], re.M)
        if not first or first.group(1) != '"' + own[len('src/'):] + '"':
            line = project.text[path][:first.start()].count('\n') + 1 if first else 1
            project.add('S3', path, line, 'a source file includes its own header first')


def check_rooms(project):
    """S4 and S5"""
    for path in project.c_files():
        room = room_of(path)
        if not room:
            continue
        if room not in ROOMS:
            project.add('S4', path, 1, f'no such room: {room} (docs/architecture.md)')
            continue
        for number, line in enumerate(project.text[path].split('\n'), 1):
            include = re.match(r'\s*#\s*include\s+([<"])([^>"]+)[>"]', line)
            if not include:
                continue
            target = include.group(2)
            if include.group(1) == '"':
                other = target.split('/')[0] if '/' in target else room
                if other in ROOMS and ROOMS.index(other) > ROOMS.index(room):
                    project.add('S4', path, number, f'{room} may not include {other}, which stands on it')
                if other == 'bpf' and room != 'bpf' and target != 'bpf/abi.h' and \
                        not target.endswith('.skel.h'):
                    project.add('S4', path, number, 'of bpf only abi.h is for others')
            for pattern, rooms in LIBRARIES:
                if re.fullmatch(pattern, target) and room not in rooms:
                    where = ' and '.join(rooms) if rooms else 'tests'
                    project.add('S5', path, number, f'<{target}> belongs to {where}')
                    break


def functions(text):
    """(name, first line, last line) of the functions: their braces stand in the first column."""
    lines = text.split('\n')
    start = None
    for number, line in enumerate(lines, 1):
        if line == '{':
            start = number
        elif line.startswith('}') and start:
            head = ' '.join(lines[max(0, start - 5):start - 1])
            names = re.findall(r'(\w+)\s*\((?:[^()]|\([^()]*\))*\)\s*$', head)
            yield (names[-1] if names else '?'), start, number
            start = None


def check_lengths(project):
    """S6 and S7"""
    for path in project.c_files():
        lines = project.text[path].count('\n')
        if lines > FILE_LINES:
            project.add('S6', path, FILE_LINES, f'{lines} lines; a file has at most {FILE_LINES}')
        for name, first, last in functions(blank_comments_and_strings(project.text[path])):
            length = last - first + 1
            if length > FUNCTION_LINES:
                project.add('S7', path, first, f'{name}() has {length} lines; at most {FUNCTION_LINES}')
            elif length > FUNCTION_ADVICE:
                project.advise('S7', path, first, f'{name}() has {length} lines; aim at {FUNCTION_ADVICE}')


def check_calls(project):
    """S8 and S9"""
    banned = re.compile(r'(?<![\w.>])(' + '|'.join(BANNED) + r')\s*\(')
    printing = re.compile(r'(?<![\w.>])(' + '|'.join(PRINTING) + r')\s*\(|\b(stdout|stderr)\b')
    for path in project.c_files():
        room = room_of(path)
        library = room not in (None, 'cli', 'bpf')
        for number, line in enumerate(blank_comments_and_strings(project.text[path]).split('\n'), 1):
            call = banned.search(line)
            if call:
                project.add('S8', path, number, f'{call.group(1)}() is banned')
            call = library and printing.search(line)
            if call:
                project.add('S9', path, number,
                            f'{call.group(1) or call.group(2)}: library code neither prints nor exits')


def check_headers_alone(project):
    """S10"""
    if not project.wants('S10'):
        return
    compiler = os.environ.get('CC', 'cc').split()
    if not shutil.which(compiler[0]):
        print('check-style: S10 passed over: no C compiler', file=sys.stderr)
        return

    def compile_alone(path):
        include = path[len('src/'):] if path.startswith('src/') else path
        done = subprocess.run(
            compiler + ['-std=gnu17', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Werror', '-fsyntax-only',
                        '-Wno-unused-function', '-I', str(project.root / 'src'),
                        '-I', str(project.root), '-x', 'c', '-'],
            input=f'#include "{include}"\n', capture_output=True, text=True)
        return path, done

    # the program's own pieces are compiled for another machine
    headers = [p for p in project.c_files('.h')
               if p.startswith('src/') and (room_of(p) != 'bpf' or p.endswith('/abi.h'))]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, done in pool.map(compile_alone, headers):
            if done.returncode:
                errors = [l for l in done.stderr.split('\n') if 'error' in l] or ['error']
                project.add('S10', path, 1, 'does not compile alone: ' + errors[0])


def clang_format_version():
    if not shutil.which('clang-format'):
        return None
    text = subprocess.run(['clang-format', '--version'], capture_output=True, text=True).stdout
    found = re.search(r'version (\d+)', text)
    return int(found.group(1)) if found else None


def spaced(text):
    """Lines without the spacing that is left to the writer: before trailing comments and backslashes."""
    lines = []
    for line in text.split('\n'):
        line = re.sub(r'\s*\\$', '', line)
        line = re.sub(r'\s+(/\*.*\*/)$', r' \1', line)
        line = re.sub(r'\} \* (\w)', r'} *\1', line)  # clang-format 14 takes it for a product
        lines.append(line)
    return lines


def tokens_apart(text):
    """The whole text with every run of blanks as one: where lines break does not matter."""
    return re.sub(r'\s+', ' ', ' '.join(spaced(text)))


def format_findings(text, formatted):
    """
    What clang-format would change, but for where it breaks lines and how it
    aligns what it has broken: the spaces between tokens, and the indentation
    of every line that begins a statement.
    """
    mine, theirs = spaced(text), spaced(formatted)
    if mine == theirs:
        return
    matcher = difflib.SequenceMatcher(None, [l.strip() for l in mine], [l.strip() for l in theirs],
                                      autojunk=False)
    for tag, a1, a2, b1, b2 in matcher.get_opcodes():
        if tag == 'equal':
            for i, k in zip(range(a1, a2), range(b1, b2)):
                before = next((l.strip() for l in reversed(mine[:i]) if l.strip()), '')
                begins = before.endswith((';', '{', '}', ':', '*/')) or not before
                if begins and mine[i].strip() and mine[i] != theirs[k]:
                    yield i + 1, 'indentation is not what clang-format has'
        elif tokens_apart('\n'.join(mine[a1:a2])).replace(' ', '') == \
                tokens_apart('\n'.join(theirs[b1:b2])).replace(' ', ''):
            # a break adds or takes a blank next to brackets; nothing else may differ
            def squeeze(lines):
                return re.sub(r' ?([(){},]) ?', r'\1', tokens_apart('\n'.join(lines)).strip())
            if squeeze(mine[a1:a2]) != squeeze(theirs[b1:b2]):
                yield a1 + 1, f'clang-format has: {theirs[b1].strip() if b1 < b2 else ""}'
        else:
            yield a1 + 1, f'clang-format has: {theirs[b1].strip() if b1 < b2 else "(nothing)"}'


def check_format(project):
    """S11"""
    if not project.wants('S11'):
        return
    version = clang_format_version()
    if version != FORMAT_MAJOR:
        print(f'check-style: S11 passed over: clang-format {FORMAT_MAJOR} is wanted, '
              f'found {version or "none"}', file=sys.stderr)
        return

    style = project.root / '.clang-format'
    if not style.exists():
        style = pathlib.Path(__file__).resolve().parent.parent / '.clang-format'

    def run(path):
        return path, subprocess.run(['clang-format', f'--style=file:{style}', str(project.root / path)],
                                    capture_output=True, text=True).stdout

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, formatted in pool.map(run, project.c_files()):
            for line, message in format_findings(project.text[path], formatted):
                project.add('S11', path, line, message)


def check_lines(project):
    """S12"""
    for path in project.c_files():
        text = project.text[path]
        if text and not text.endswith('\n'):
            project.add('S12', path, text.count('\n') + 1, 'the last line ends with a newline')
        if text.endswith('\n\n'):
            project.add('S12', path, text.count('\n'), 'blank lines at the end')
        for number, line in enumerate(text.split('\n'), 1):
            width = len(line.expandtabs(8))
            if width > COLUMNS:
                project.add('S12', path, number, f'{width} columns; at most {COLUMNS}')
            if line != line.rstrip():
                project.add('S12', path, number, 'blanks at the end of the line')
            if re.match(r' {8}', line):
                project.add('S12', path, number, 'indentation is by tabs')


def check_words(project):
    """S13 and S14"""
    paths = re.compile(r'(?<![\w./-])/(?:work|home|root)/\w')
    left_open = re.compile(r'\b(TODO|FIXME|XXX|HACK)\b')
    for path, text in project.text.items():
        if path.startswith('LICENSE'):
            continue
        for number, line in enumerate(text.split('\n'), 1):
            if paths.search(line):
                project.add('S13', path, number, 'a path of the machine that it was written on')
            if path.startswith(('src/', 'tests/')) and path.endswith(('.c', '.h', '.py', '.sh')) \
                    and left_open.search(line):
                project.add('S14', path, number, 'something left open')


def check_names(project):
    """S15"""
    private = {}  # by room: what its internal.h declares
    for path in project.c_files('internal.h'):
        words = set(re.findall(r'\b(\w+)\(', blank_comments_and_strings(project.text[path])))
        private.setdefault(room_of(path), set()).update(words)
    definition = re.compile(r'^(?!static\b|extern\b|typedef\b|#)([A-Za-z_][\w \t*]*?[ *])(\w+)\(', re.M)
    for path in project.c_files('.c'):
        if room_of(path) in (None, 'bpf'):
            continue
        text = blank_comments_and_strings(project.text[path])
        starts = {first: name for name, first, _ in functions(text)}
        for found in definition.finditer(text):
            name = found.group(2)
            line = text[:found.start()].count('\n') + 1
            # the definition's brace follows within its parameter list's lines
            if not any(starts.get(at) == name for at in range(line, line + 8)):
                continue
            if not name.startswith('wr_') and name != 'main' and \
                    name not in private.get(room_of(path), ()):
                project.add('S15', path, line, f'{name}() is not static and does not begin with wr_')


def check_tidy(project, build):
    """S16"""
    if not project.wants('S16'):
        return
    if not shutil.which('clang-tidy'):
        print('check-style: S16 passed over: no clang-tidy', file=sys.stderr)
        return
    with open(os.path.join(build, 'compile_commands.json'), encoding='utf-8') as file:
        entries = json.load(file)
    wanted = set()
    for entry in entries:
        path = os.path.relpath(os.path.join(entry['directory'], entry['file']), project.root)
        if path.startswith('src/') and path in project.text:
            wanted.add(path)

    def run(path):
        done = subprocess.run(['clang-tidy', '-p', build, '--quiet', '--warnings-as-errors=*',
                               '--extra-arg=-Wno-unknown-warning-option', str(project.root / path)],
                              capture_output=True, text=True)
        return path, done.stdout

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, output in pool.map(run, sorted(wanted)):
            for found in re.finditer(r'^(\S+?):(\d+):\d+: (?:error|warning): (.*)$', output, re.M):
                where = os.path.relpath(found.group(1), project.root)
                project.add('S16', where, int(found.group(2)), found.group(3))


CHECKS = [check_licence, check_headers, check_rooms, check_lengths, check_calls, check_headers_alone,
          check_format, check_lines, check_words, check_names]


def main():
    parser = argparse.ArgumentParser(description='the rules of STYLE.md that a machine can check')
    parser.add_argument('--root', default=pathlib.Path(__file__).resolve().parent.parent)
    parser.add_argument('--rule', action='append', default=[], help='only this rule; repeated')
    parser.add_argument('--advice', action='store_true', help='what is worth a look, too')
    parser.add_argument('--tidy', metavar='BUILD', help='run clang-tidy with this build folder')
    args = parser.parse_args()

    project = Project(args.root, args.rule, args.advice)
    for check in CHECKS:
        check(project)
    if args.tidy:
        check_tidy(project, args.tidy)
    for path, line, rule, message in sorted(set(project.notes)):
        print(f'{path}:{line}: {rule} (advice): {message}')
    for path, line, rule, message in sorted(set(project.findings)):
        print(f'{path}:{line}: {rule}: {message}')
    return 1 if project.findings else 0


if __name__ == '__main__':
    sys.exit(main())
