#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the tests and counts them.

    scripts/test.py [PHASE]... [--fuzz-seconds N]     PHASE "list" names them

Every phase gives (kind, name, text) results as they come; the last line is
exactly "N passed, N failed, N skipped". A phase that cannot run here is one
skip with its reason, never a silent pass. Exit status 1 when anything failed
or when nothing passed.
"""
import argparse
import glob
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PLAIN, ASAN = ROOT / 'build', ROOT / 'build-asan'
CORPUS = ROOT.parent / 'shared' / 'corpus'
FUZZ_ROOMS = ['base', 'input', 'api', 'model', 'engine', 'lint', 'expect']
SANITIZER = re.compile(r'ERROR: (Address|Leak)Sanitizer|runtime error:|LeakSanitizer: detected')
ENV = dict(os.environ, ASAN_OPTIONS='detect_leaks=1:abort_on_error=0',
           UBSAN_OPTIONS='print_stacktrace=1:halt_on_error=1', NO_COLOR='1')


class Counts:
    def __init__(self):
        self.n = {'ok': 0, 'FAIL': 0, 'skip': 0}

    def add(self, kind, name, text=''):
        self.n[kind] += 1
        first, _, rest = text.partition('\n')
        print(f'{kind:4} {name}' + (f': {first}' if first else ''), flush=True)
        if rest:
            print('\n'.join('     | ' + line for line in rest.splitlines()[-60:]), flush=True)


def run(argv, seconds, **more):
    """Output and exit status of a program that is ended with all its children at its time."""
    proc = subprocess.Popen([str(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            stdin=subprocess.DEVNULL, start_new_session=True, cwd=ROOT,
                            **{'env': ENV, **more})
    try:
        out, _ = proc.communicate(timeout=seconds)
        return out.decode(errors='replace'), proc.returncode
    except subprocess.TimeoutExpired:
        os.killpg(proc.pid, signal.SIGKILL)
        out, _ = proc.communicate()
        return out.decode(errors='replace') + f'\nno end after {seconds} s', -1


def build(folder, *options):
    if not (folder / 'build.ninja').exists():
        out, status = run(['meson', 'setup', folder, *options], 300)
        if status:
            sys.exit(f'meson setup failed:\n{out}')
    out, status = run(['ninja', '-C', folder], 1200)
    if status:
        sys.exit(f'the build failed:\n{out[-8000:]}')


def lines_protocol(counts, phase, argv, seconds):
    """For programs that print "ok NAME", "FAIL NAME why" and "skip NAME reason"."""
    out, status = run(argv, seconds)
    seen = failed = 0
    for kind, name, text in re.findall(r'^(ok|FAIL|skip) +([^\s:]+)[: ]*(.*)$', out, re.M):
        counts.add(kind, f'{phase}/{name}', text)
        seen += 1
        failed += kind == 'FAIL'
    if (status and not failed) or not seen:
        counts.add('FAIL', f'{phase}/{pathlib.Path(str(argv[0])).name}',
                   f'exit status {status}, {seen} results\n{out}')


def unit_programs(folder):
    """(name, command) of the unit tests that a build folder has."""
    out, status = run(['meson', 'introspect', '--tests', folder], 60)
    tests = [] if status else json.loads(out)
    return [(t['name'], t['cmd']) for t in tests if any(s.endswith('unit') for s in t['suite'])]


def phase_unit(counts, _):
    for name, command in unit_programs(ASAN):
        out, status = run(command, 300)
        for case in re.findall(r'^\[       OK \] (.*)$', out, re.M):
            counts.add('ok', f'unit/{name}/{case}')
        bad = set(re.findall(r'^\[  FAILED  \] (\w+)$', out, re.M))
        for case in sorted(bad):
            counts.add('FAIL', f'unit/{name}/{case}', 'see below\n' + out)
        if status and not bad:
            counts.add('FAIL', f'unit/{name}', f'exit status {status}\n{out}')


def phase_valgrind(counts, _):
    if not shutil.which('valgrind'):
        counts.add('skip', 'valgrind', 'valgrind is not installed')
        return
    for name, command in unit_programs(PLAIN):
        out, status = run(['valgrind', '-q', '--error-exitcode=9', '--leak-check=full', *command], 600)
        counts.add('FAIL' if status else 'ok', f'valgrind/{name}',
                   f'exit status {status}\n{out}' if status else '')


def phase_style(counts, _):
    out, status = run(['scripts/check-style.py'], 300)
    counts.add('FAIL' if status else 'ok', 'style/rules', 'broken\n' + out if status else '')
    out, status = run(['tests/style/run.py'], 120)
    counts.add('FAIL' if status else 'ok', 'style/the-checks-themselves',
               'broken\n' + out if status else '')


def phase_golden(counts, _):
    if (ROOT / 'tests/golden/run.py').exists():
        lines_protocol(counts, 'golden', ['tests/golden/run.py', ASAN / 'weir'], 600)


def phase_lint(counts, _):
    lines_protocol(counts, 'lint', ['tests/lint/run.py', ASAN / 'weir'], 900)


def phase_cli(counts, _):
    """What needs more than a command and its output: repositories, other programs."""
    for script in sorted(glob.glob(str(ROOT / 'tests/cli/*.py'))):
        lines_protocol(counts, f'cli/{pathlib.Path(script).stem}', [script, ASAN / 'weir'], 300)


def phase_apiserver(counts, _):
    for script in sorted(glob.glob(str(ROOT / 'tests/apiserver/test_*.py'))):
        lines_protocol(counts, f'apiserver/{pathlib.Path(script).stem}', [script, ASAN / 'weir'], 600)


def phase_examples(counts, _):
    if (ROOT / 'tests/examples/run.py').exists():
        lines_protocol(counts, 'examples', ['tests/examples/run.py', ASAN / 'weir'], 300)
        lines_protocol(counts, 'pages', ['tests/examples/pages.py', ASAN / 'weir'], 300)


def phase_bogons(counts, _):
    for path in sorted(p for p in (ROOT / 'tests/bogons').rglob('*') if p.is_file()):
        bad = ''
        for argv in (['list', '-f', path], ['describe', '-f', path], ['validate', '-f', path],
                     ['lint', '--no-config', '--strict', '-f', path],
                     ['lint', '--no-config', '--fix', '-f', path],
                     ['eval', '-f', path, '--from', 'a/b', '--to', 'a/c', '--port', '1']):
            out, status = run([ASAN / 'weir', *argv], 120)
            if status not in (0, 1, 2) or SANITIZER.search(out):
                bad = f'weir {argv[0]}: exit status {status}\n{out}'
        counts.add('FAIL' if bad else 'ok', f'bogons/{path.relative_to(ROOT / "tests/bogons")}', bad)


def phase_property(counts, _):
    for program in sorted(glob.glob(f'{ASAN}/tests/property/test_*')):
        if os.path.isfile(program) and os.access(program, os.X_OK):
            out, status = run([program], 600)
            counts.add('FAIL' if status else 'ok', f'property/{os.path.basename(program)}',
                       f'exit status {status}\n{out}' if status else '')


def phase_corpus(counts, _):
    scripts = sorted(glob.glob(str(ROOT / 'tests/corpus/*.py')))
    if scripts and not CORPUS.is_dir():
        counts.add('skip', 'corpus', 'the recorded oracles are not beside this checkout')
        return
    for script in scripts:
        lines_protocol(counts, 'corpus', [script, PLAIN / 'weir'], 900)


def fuzz_sources(target):
    rooms = FUZZ_ROOMS + (['datapath/event_read.c'] if 'event' in target else []) + \
        (['kube'] if 'watch' in target else []) + \
        (['lab/spdy.c', 'lab/websocket.c'] if 'streams' in target else [])
    if 'apiserver' in target:  # all but the network's side
        rooms += [f'apiserver/{p.name}' for p in sorted((ROOT / 'src/apiserver').glob('*.c'))
                  if p.stem not in ('http', 'server', 'credentials', 'stream')]
    out = []
    for room in rooms:
        path = ROOT / 'src' / room
        out += [path] if path.suffix == '.c' else sorted(path.glob('*.c'))
    return out


def phase_fuzz(counts, args):
    if not shutil.which('clang'):
        counts.add('skip', 'fuzz', 'clang is not installed')
        return
    folder = ROOT / 'build-fuzz'
    folder.mkdir(exist_ok=True)
    for source in sorted((ROOT / 'tests/fuzz').glob('fuzz_*.c')):
        name, program = source.stem, folder / source.stem
        out, status = run(['clang', '-g', '-O1', '-std=gnu17', '-D_GNU_SOURCE', '-Isrc',
                           '-fsanitize=fuzzer,address,undefined', '-fno-sanitize-recover=all',
                           source, *fuzz_sources(name), '-lyaml', '-lm', *(['-lcurl'] if 'watch' in name else []),
                           *(['-lsqlite3'] if 'apiserver' in name else []),
                           *(['-lz'] if 'streams' in name else []), '-o', program], 600)
        if status:
            counts.add('FAIL', f'fuzz/{name}', f'does not build\n{out}')
            continue
        seeds = ROOT / 'tests/fuzz/seeds' / name.removeprefix('fuzz_')
        words = ROOT / 'tests/fuzz' / (name.removeprefix('fuzz_') + '.dict')
        with tempfile.TemporaryDirectory() as work:
            out, status = run([program, *([f'-dict={words}'] if words.exists() else []), f'-max_total_time={args.fuzz_seconds}', '-max_len=65536',
                               '-rss_limit_mb=4096', '-timeout=20', f'-artifact_prefix={work}/', work,
                               *([seeds] if seeds.is_dir() else [])], args.fuzz_seconds + 120)
        runs = re.findall(r'Done (\d+) runs', out)
        if status or not runs:
            counts.add('FAIL', f'fuzz/{name}', f'exit status {status}\n{out}')
        else:
            counts.add('ok', f'fuzz/{name}', f'{runs[0]} runs')


def phase_kube(counts, _):
    """The API client against servers of the tests' own."""
    if not shutil.which('openssl'):
        counts.add('skip', 'kube', 'openssl(1), which makes the certificates, is not installed')
        return
    lines_protocol(counts, 'kube', ['tests/kube/run.py', ASAN / 'tests/kube/kubedump', ASAN / 'weir'],
                   900)


def phase_kernel(counts, _):
    """Scripts, and the test programs that the plain build made."""
    programs = [p for p in sorted(PLAIN.glob('tests/kernel/*/*test')) if os.access(p, os.X_OK)]
    scripts = sorted(p for p in (ROOT / 'tests/kernel').rglob('*.py') if os.access(p, os.X_OK))
    for path in programs + scripts:
        name = f'kernel/{path.parent.name}/{path.stem}'
        if os.geteuid():
            counts.add('skip', name, 'needs root')
        else:
            lines_protocol(counts, name, [path, PLAIN / 'weir'] if path in scripts else [path], 900)


PHASES = {name[6:]: fn for name, fn in list(globals().items()) if name.startswith('phase_')}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('phases', nargs='*', metavar='PHASE')
    parser.add_argument('--fuzz-seconds', type=int, default=30)
    args = parser.parse_args()
    if args.phases == ['list']:
        print('\n'.join(PHASES))
        return 0
    unknown = [p for p in args.phases if p not in PHASES]
    if unknown:
        sys.exit(f'no phase {unknown[0]}; there are: {" ".join(PHASES)}')
    build(PLAIN)
    build(ASAN, '-Db_sanitize=address,undefined', '-Db_lundef=false')
    counts = Counts()
    for name in args.phases or PHASES:
        PHASES[name](counts, args)
    print('%(ok)d passed, %(FAIL)d failed, %(skip)d skipped' % counts.n)
    return 1 if counts.n['FAIL'] or not counts.n['ok'] else 0


if __name__ == '__main__':
    sys.exit(main())
