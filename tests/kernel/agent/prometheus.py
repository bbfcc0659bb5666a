# SPDX-License-Identifier: Apache-2.0
"""Whether a text is what Prometheus reads (format 0.0.4), as `promtool check metrics` would say."""
import re

NAME = r'[a-zA-Z_:][a-zA-Z0-9_:]*'
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"'
SAMPLE = re.compile(rf'({NAME})(?:\{{({LABEL}(?:,{LABEL})*)?,?\}})? (\S+)')
TYPES = ('counter', 'gauge', 'histogram', 'summary', 'untyped')


class Family:
    def __init__(self):
        self.help, self.type, self.samples = None, None, {}


def family_of(name, families):
    """The family that a sample belongs to: a histogram's have endings."""
    for end in ('_bucket', '_sum', '_count'):
        base = name[:-len(end)]
        if name.endswith(end) and base in families and families[base].type in (
                'histogram', 'summary'):
            return base
    return name


def parse(text):
    """(families by name, what is wrong)"""
    families, wrong, closed, last = {}, [], set(), None
    if text and not text.endswith('\n'):
        wrong.append('the last line does not end')
    for line in text.splitlines():
        meta = re.fullmatch(rf'# (HELP|TYPE) ({NAME}) (.*)', line)
        sample = SAMPLE.fullmatch(line)
        if not meta and not sample:
            if line and not line.startswith('# '):
                wrong.append(f'not a sample: {line}')
            continue
        name = meta[2] if meta else family_of(sample[1], families)
        if name != last:
            if name in closed:
                wrong.append(f'{name} is not in one group')
            closed.add(last)
            last = name
        family = families.setdefault(name, Family())
        wrong += take_meta(family, meta) if meta else take_sample(family, name, sample)
    for name, family in families.items():
        wrong += check(name, family)
    return families, wrong


def take_meta(family, meta):
    what = meta[1].lower()
    if getattr(family, what) is not None or family.samples:
        return [f'{meta[2]}: a second {meta[1]}, or one after the samples']
    setattr(family, what, meta[3])
    return [] if what == 'help' or meta[3] in TYPES else [f'{meta[2]}: no such type: {meta[3]}']


def take_sample(family, name, sample):
    key = sample[1], tuple(sorted(re.findall(LABEL, sample[2] or '')))
    try:
        value = float(sample[3])
    except ValueError:
        return [f'{name}: not a number: {sample[3]}']
    if key in family.samples:
        return [f'{key} is there twice']
    family.samples[key] = value
    return []


def check(name, family):
    wrong = []
    if not family.help or not family.type:
        wrong.append(f'{name}: no help or no type')
    if family.type == 'counter':
        wrong += [f'{name}: a counter does not end in _total'] if not name.endswith(
            '_total') else []
        wrong += [f'{name}: {v}' for v in family.samples.values() if v < 0]
    if family.type == 'gauge' and name.endswith('_total'):
        wrong.append(f'{name}: a gauge does not end in _total')
    if family.type == 'histogram':
        wrong += check_histogram(name, family)
    return wrong


def check_histogram(name, family):
    """Of one without labels of its own: the buckets grow, and the last is all."""
    buckets = [(float(labels[0][4:-1].replace('+Inf', 'inf')), v)
               for (n, labels), v in family.samples.items() if n == name + '_bucket']
    counts = [v for _, v in sorted(buckets)]
    if not buckets or max(buckets)[0] != float('inf'):
        return [f'{name}: no bucket for all']
    if counts != sorted(counts):
        return [f'{name}: the buckets do not grow: {counts}']
    if family.samples.get((name + '_count', ())) != counts[-1]:
        return [f'{name}: the last bucket is not the count']
    return [] if (name + '_sum', ()) in family.samples else [f'{name}: no sum']


def shrunk(before, after):
    """Counters that are less than they were."""
    return [f'{key}: {value}, and then {after[name].samples[key]}'
            for name, family in before.items()
            if family.type in ('counter', 'histogram') and name in after
            for key, value in family.samples.items()
            if not key[0].endswith('_sum') and after[name].samples.get(key, value) < value]
