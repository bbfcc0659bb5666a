#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the tests of weir, one phase after the other, and counts.

    scripts/test.py [PHASE...] [--fuzz-seconds N]      no phase: all of them
    scripts/test.py list                               names of the phases

Every test or suite is one line as it goes ("ok", "FAIL" with its output,
"skip" with its reason). The last line is "N passed, N failed, N skipped"; the
status is 0 only when nothing failed and something ran.

How the tests are written:
  - Meson tests (tests/**/meson.build) belong to the phase that their suite is
    named after. The cases of a cmocka program count one each.
  - Scripts print a line "ok NAME", "FAIL NAME ..." or "skip NAME reason" for
    each test; what follows a FAIL line is its output. They get WEIR, the
    program, and WEIR_BUILD, its build folder, in the environment.
Every test has its own process group and a bound in time.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PLAIN = ROOT / 'build'
ASAN = ROOT / 'build-asan'
FUZZ = ROOT / 'build-fuzz'
JOBS = max(2, os.cpu_count() or 2)
DEADLINE = time.monotonic() + 24 * 60  # of the whole run; past it everything is cut short
OUTPUT_MAX = 6000  # characters of a failure that are shown

SANITIZER_ENV = {
    'ASAN_OPTIONS': 'detect_leaks=1:abort_on_error=0:exitcode=99:detect_stack_use_after_return=1',
    'LSAN_OPTIONS': 'exitcode=99:print_suppressions=0',
    'UBSAN_OPTIONS': 'halt_on_error=1:print_stacktrace=1:exitcode=99',
}


class Tally:
    """Counts, and the lines that the reader sees."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def total(self):
        return self.passed + self.failed + self.skipped

    def line(self, text):
        print(text, flush=True)

    def ok(self, name, count=1, note=''):
        self.passed += count
        self.line(f'ok    {name}{note}')

    def fail(self, name, output='', count=1):
        self.failed += count
        self.line(f'FAIL  {name}')
        text = output.strip()
        if len(text) > OUTPUT_MAX:
            text = text[:OUTPUT_MAX // 2] + '\n  [...]\n' + text[-OUTPUT_MAX // 2:]
        for line in text.splitlines():
            self.line('      | ' + line)

    def skip(self, name, reason, count=1):
        self.skipped += count
        self.line(f'skip  {name}: {reason}')


class Done:
    """What came of a process: status (None: out of time) and all that it wrote."""

    def __init__(self, status, output):
        self.status, self.output = status, output


def end_group(child):
    """Ends a process and its children: first asked, so that scripts take away what they made."""
    for number, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, None)):
        try:
            os.killpg(child.pid, number)
            child.wait(timeout=patience)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            pass


def run(command, seconds, env=None, stdin=None, cwd=ROOT):
    """Runs a command in a process group of its own, which is gone afterwards."""
    environment = dict(os.environ, **SANITIZER_ENV, **(env or {}))
    with tempfile.TemporaryFile() as out:
        try:
            child = subprocess.Popen([str(part) for part in command], cwd=cwd, env=environment,
                                     stdin=stdin or subprocess.DEVNULL, stdout=out,
                                     stderr=subprocess.STDOUT, start_new_session=True)
        except OSError as error:
            return Done(127, f'{command[0]}: {error}')
        status = None
        seconds = max(5, min(seconds, DEADLINE - time.monotonic()))
        try:
            status = child.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            pass
        finally:  # an interrupt, too
            if status is None:
                end_group(child)
        out.seek(0)
        text = out.read().decode('utf-8', 'replace')
    if status is None:
        text += f'\n[stopped after {seconds:.0f} s]'
    return Done(status, text)


# ---- building ----

def configure(folder, options, env=None):
    if not (folder / 'build.ninja').exists():
        return run(['meson', 'setup', folder, *options], 120, env)
    return run(['meson', 'configure', folder, *options], 60, env)


def build(tally, folder, options, env=None, seconds=600):
    """True when the folder is built; a failure is reported."""
    name = f'build/{folder.name}'
    for step in (lambda: configure(folder, options, env),
                 lambda: run(['ninja', '-C', folder], seconds, env)):
        result = step()
        if result.status != 0:
            lines = [l for l in result.output.splitlines() if not re.match(r'\[\d+/\d+\]', l)]
            tally.fail(name, '\n'.join(lines))
            return False
    tally.line(f'built {folder.name}')
    return True


class Builds:
    """The build folders, each made when it is first asked for."""

    def __init__(self, tally):
        self.tally = tally
        self.made = {}

    def _get(self, folder, *args, **kwargs):
        if folder not in self.made:
            self.made[folder] = build(self.tally, folder, *args, **kwargs)
        return self.made[folder]

    def plain(self):
        return self._get(PLAIN, ['-Dtests=enabled'])

    def asan(self):
        return self._get(ASAN, ['-Dtests=enabled', '-Db_sanitize=address,undefined',
                                '-Db_lundef=false'])

    def fuzz(self):
        return self._get(FUZZ, ['-Dtests=disabled', '-Dfuzz=true', '-Db_sanitize=address,undefined',
                                '-Db_lundef=false', '-Dc_args=-fsanitize=fuzzer-no-link'],
                         env={'CC': 'clang'})


# ---- results of test programs ----

CMOCKA = re.compile(r'^\[\s+(OK|FAILED|SKIPPED)\s+\] ?(.*)$', re.M)
SCRIPT = re.compile(r'^(ok|FAIL|skip)\s+(\S+)[ \t:]*(.*)$')


def report_cmocka(tally, name, done):
    """One cmocka program: its cases count, a line for the program."""
    verdicts = {'OK': [], 'FAILED': [], 'SKIPPED': []}
    for verdict, case in CMOCKA.findall(done.output):
        if not case.startswith(tuple('0123456789')):  # the summary has numbers there
            verdicts[verdict].append(case)
    passed, failed, skipped = (len(set(verdicts[v])) for v in ('OK', 'FAILED', 'SKIPPED'))
    if done.status == 77:
        tally.skip(name, (done.output.strip().splitlines() or ['it says so'])[-1])
    elif done.status != 0:
        tally.passed += passed
        tally.fail(name, done.output or f'status {done.status}', max(1, failed))
    elif skipped:
        tally.passed += passed
        reasons = [l for l in done.output.splitlines() if l.lower().startswith('skip')]
        tally.skip(name, reasons[0] if reasons else ', '.join(sorted(set(verdicts['SKIPPED']))),
                   skipped)
    else:
        tally.ok(name, max(1, passed), f' ({passed})' if passed else '')


def report_script(tally, name, done):
    """A script's lines; one that prints none counts as one test by its status."""
    current, seen, failed = None, 0, 0
    blocks = []
    for line in done.output.splitlines():
        found = SCRIPT.match(line)
        if found:
            seen += 1
            current = [found.group(1), found.group(2), found.group(3), []]
            blocks.append(current)
        elif current:
            current[3].append(line)
    for verdict, test, rest, lines in blocks:
        if not test.startswith(name.split('/')[0]):
            test = f'{name}/{test}'
        if verdict == 'ok':
            tally.ok(test, 1, f' {rest}' if rest else '')
        elif verdict == 'skip':
            tally.skip(test, rest or 'no reason given')
        else:
            failed += 1
            tally.fail(test, '\n'.join(filter(None, [rest, *lines])))
    last = (done.output.strip().splitlines() or [''])[-1]
    if not seen:
        if done.status == 0:
            tally.ok(name)
        elif done.status == 77:
            tally.skip(name, last or 'it says so')
        else:
            tally.fail(name, done.output or f'status {done.status}')
    elif done.status not in (0, 77) and not failed:
        # it broke off: what it did not get to is not counted as passed
        tally.fail(name, f'status {done.status}\n' + '\n'.join(done.output.splitlines()[-30:]))


def meson_tests(folder, suite):
    done = run(['meson', 'introspect', '--tests', folder], 60)
    for test in json.loads(done.output):
        suites = {s.split(':')[-1] for s in test['suite']}
        if suite in suites:
            yield test


def run_meson_tests(tally, folder, suite, seconds, wrap=(), prefix='', env=None):
    """All tests of a suite, two at a time. The number that there were."""
    tests = sorted(meson_tests(folder, suite), key=lambda t: t['name'])

    def one(test):
        bound = min(seconds, test['timeout'] if test['timeout'] > 0 else seconds) if not wrap else seconds
        return test, run([*wrap, *test['cmd']], bound,
                         dict(test['env'], WEIR=str(folder / 'weir'), WEIR_BUILD=str(folder), **(env or {})),
                         cwd=test['workdir'] or ROOT)

    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        for test, done in pool.map(one, tests):
            name = prefix + (test['name'] if '/' in test['name'] else f'{suite}/{test["name"]}')
            if any(SCRIPT.match(line) for line in done.output.splitlines()):
                report_script(tally, name, done)
            else:
                report_cmocka(tally, name, done)
    return len(tests)


def scripts_in(folder, pattern='*'):
    base = ROOT / 'tests' / folder
    return sorted(p for p in base.rglob(pattern)
                  if p.suffix in ('.py', '.sh') and p.is_file() and os.access(p, os.X_OK))


def run_script(tally, path, folder, seconds, env=None):
    name = str(path.relative_to(ROOT / 'tests').with_suffix(''))
    name = name[:-len('/run')] if name.endswith('/run') else name
    done = run([path], seconds, dict({'WEIR': str(folder / 'weir'), 'WEIR_BUILD': str(folder)},
                                     **(env or {})))
    report_script(tally, name, done)


# ---- the phases ----

def phase_style(tally, builds, args):
    folder = PLAIN if builds.plain() else None
    command = [ROOT / 'scripts/check-style.py']
    if folder:
        command += ['--tidy', folder]
    done = run(command, 300)
    by_rule = {}
    for line in done.output.splitlines():
        found = re.match(r'\S+:\d+: (S\d+): ', line)
        if found:
            by_rule.setdefault(found.group(1), []).append(line)
    passed_over = re.findall(r'check-style: (S\d+) passed over: (.*)', done.output)
    if done.status not in (0, 1):
        tally.fail('style/check', done.output)
        return
    rules = sorted(set(re.findall(r'"""(S\d+)|and (S\d+)"""', (ROOT / 'scripts/check-style.py').read_text())))
    names = sorted({a or b for a, b in rules}, key=lambda r: int(r[1:]))
    for rule in names:
        reasons = [why for which, why in passed_over if which == rule]
        if rule in by_rule:
            tally.fail(f'style/{rule}', '\n'.join(by_rule[rule]))
        elif reasons or (rule == 'S16' and not folder):
            tally.skip(f'style/{rule}', (reasons or ['no build folder'])[0])
        else:
            tally.ok(f'style/{rule}')
    run_script(tally, ROOT / 'tests/style/run.py', PLAIN, 120)


def phase_unit(tally, builds, args):
    if builds.asan():
        run_meson_tests(tally, ASAN, 'unit', 120)


def phase_valgrind(tally, builds, args):
    if not shutil.which('valgrind'):
        tally.skip('valgrind', 'valgrind is not installed')
    elif builds.plain():
        wrap = ['valgrind', '--quiet', '--error-exitcode=98', '--leak-check=full',
                '--show-leak-kinds=definite,indirect', '--errors-for-leak-kinds=definite,indirect']
        run_meson_tests(tally, PLAIN, 'unit', 180, wrap, 'valgrind/', {'WEIR_SLOW': '1'})


def phase_golden(tally, builds, args):
    if builds.asan():
        for path in scripts_in('golden', 'run.py'):
            run_script(tally, path, ASAN, 180)


def phase_bogons(tally, builds, args):
    """Inputs that once broke it, or might: never a crash, and a status that it documents."""
    base = ROOT / 'tests/bogons'
    files = sorted(p for p in base.rglob('*')
                   if p.is_file() and p.parent != base and p.suffix != '.md')
    if not files or not builds.asan():
        return
    weir = ASAN / 'weir'
    examples = ROOT / 'examples/recipes/02-limit-to-an-app'

    def one(path):
        target = path.relative_to(base).parts[0]
        driver = FUZZ / 'tests/fuzz' / f'fuzz_{target}'
        if target == 'flows':
            commands = [[weir, 'eval', '-f', examples, '--flows', path]]
        elif (ROOT / 'tests/fuzz' / f'fuzz_{target}.c').exists() and driver.exists():
            commands = [[driver, path]]
        else:
            commands = [[weir, 'list', '-f', path], [weir, 'describe', '-f', path]]
        for command in commands:
            done = run(command, 60)
            if done.status not in (0, 1, 2):
                return path, f'status {done.status}: {" ".join(map(str, command))}\n{done.output}'
        return path, None

    if any((ROOT / 'tests/fuzz' / f'fuzz_{d.name}.c').exists() for d in base.iterdir() if d.is_dir()):
        builds.fuzz()
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        for path, problem in pool.map(one, files):
            name = 'bogons/' + str(path.relative_to(base))
            if problem:
                tally.fail(name, problem)
            else:
                tally.ok(name)


def phase_property(tally, builds, args):
    if builds.asan():
        run_meson_tests(tally, ASAN, 'property', 300)
        for path in scripts_in('property'):
            run_script(tally, path, ASAN, 300)


def phase_corpus(tally, builds, args):
    corpus = ROOT.parent / 'shared/corpus'
    scripts = scripts_in('corpus')
    if not corpus.is_dir():
        for path in scripts:
            tally.skip('corpus/' + path.stem, 'the recorded oracles (../shared/corpus) are not here')
    elif builds.plain():
        for path in scripts:
            run_script(tally, path, PLAIN, 300)


def phase_examples(tally, builds, args):
    if builds.asan():
        run_script(tally, ROOT / 'tests/examples/run.py', ASAN, 180)


def phase_fuzz(tally, builds, args):
    sources = sorted((ROOT / 'tests/fuzz').glob('fuzz_*.c'))
    if not sources:
        return
    if not shutil.which('clang'):
        for path in sources:
            tally.skip(f'fuzz/{path.stem}', 'clang is not installed')
        return
    if not builds.fuzz():
        return

    def one(source):
        driver = FUZZ / 'tests/fuzz' / source.stem
        seeds = [p for p in (source.parent / 'corpus' / source.stem[5:],
                             ROOT / 'tests/bogons' / source.stem[5:]) if p.is_dir()]
        dictionary = source.with_suffix('.dict')
        with tempfile.TemporaryDirectory() as found:
            command = [driver, f'-max_total_time={args.fuzz_seconds}', '-timeout=10',
                       '-rss_limit_mb=1500', '-print_final_stats=1', f'-artifact_prefix={FUZZ}/',
                       *([f'-dict={dictionary}'] if dictionary.exists() else []), found, *seeds]
            return source.stem, run(command, args.fuzz_seconds + 90)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for name, done in pool.map(one, sources):
            runs = re.search(r'number_of_executed_units:\s*(\d+)', done.output)
            if done.status == 0 and runs and int(runs.group(1)) > 0:
                tally.ok(f'fuzz/{name}', 1, f' ({runs.group(1)} inputs, {args.fuzz_seconds} s)')
            else:
                tally.fail(f'fuzz/{name}', done.output)


def phase_kernel(tally, builds, args):
    if not builds.plain():
        return
    run_meson_tests(tally, PLAIN, 'kernel', 300)
    for path in scripts_in('kernel'):
        if path.name.startswith('test_') or path.stem == 'run':
            run_script(tally, path, PLAIN, 420)


def phase_docs(tally, builds, args):
    if builds.plain():
        run_script(tally, ROOT / 'tests/docs/run.py', PLAIN, 180)


PHASES = {
    'style': phase_style,
    'unit': phase_unit,
    'valgrind': phase_valgrind,
    'golden': phase_golden,
    'bogons': phase_bogons,
    'property': phase_property,
    'corpus': phase_corpus,
    'examples': phase_examples,
    'docs': phase_docs,
    'fuzz': phase_fuzz,
    'kernel': phase_kernel,
}


def main():
    parser = argparse.ArgumentParser(description='runs the tests of weir')
    parser.add_argument('phases', nargs='*', metavar='PHASE')
    parser.add_argument('--fuzz-seconds', type=int, default=30)
    args = parser.parse_args()
    if args.phases == ['list']:
        print('\n'.join(PHASES))
        return 0
    unknown = [name for name in args.phases if name not in PHASES]
    if unknown:
        parser.error(f'no phase {unknown[0]} ({", ".join(PHASES)})')

    tally = Tally()
    builds = Builds(tally)
    for name, phase in PHASES.items():
        if args.phases and name not in args.phases:
            continue
        started, before = time.monotonic(), tally.total()
        tally.line(f'==== {name}')
        try:
            phase(tally, builds, args)
        except Exception as error:  # a broken phase is a failure, not the end of the run
            tally.fail(name, f'{type(error).__name__}: {error}')
        if tally.total() == before:
            tally.fail(name, 'no test was found')
        tally.line(f'---- {name}: {time.monotonic() - started:.0f} s')
    print(f'{tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped', flush=True)
    return 1 if tally.failed or not tally.passed else 0


if __name__ == '__main__':
    sys.exit(main())
