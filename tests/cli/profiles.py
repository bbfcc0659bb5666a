#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/profiles.md shows the table of src/cli/profiles.c: profiles.py WEIR [--update]"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / 'docs' / 'profiles.md'
HEAD = '''# Where network plugins differ

Policies leave much to those who enforce them. What is known of the others, with the
project's own file or thread (`project#number` on GitHub); a plugin that is missing for a
topic: not known here. `weir profile` shows the topics that given manifests meet.
'''


def strings(text):
    """A C initialiser's fields; adjacent strings are one."""
    text = re.sub(r'"\s*\n\s*"', '', text)
    return re.findall(r'"((?:[^"\\]|\\.)*)"|(WR_TOPIC_\w+)', text)


def page(source):
    table = source[source.index('wr_profiles[] = {'):source.index('wr_n_profiles')]
    names = source[source.index('} topics[]'):source.index('_Static_assert')]
    topics, order = {}, []
    for topic, body in re.findall(r'\[(WR_TOPIC_\w+)\] = \{(.*?)\}', names, re.S):
        fields = [s for s, _ in strings(body) if s]
        order.append(topic)
        topics[topic] = (fields[0], fields[1], [])
    for body in re.findall(r'^\t\{(.*?)\}', table, re.M | re.S):
        (cni, _), (_, topic), (behaviour, _), (where, _) = strings(body)
        topics[topic][2].append(f'| {cni} | {behaviour} | {where} |')
    out = [HEAD]
    for topic in order:
        name, text, rows = topics[topic]
        out.append(f'\n## {name}\n\nWhen {text}.\n\n| plugin | what it does | source |\n|---|---|---|\n' +
                   '\n'.join(rows) + '\n')
    return ''.join(out)


def main():
    want = page((ROOT / 'src/cli/profiles.c').read_text(encoding='utf-8'))
    if '--update' in sys.argv:
        PAGE.write_text(want, encoding='utf-8')
    same = PAGE.exists() and PAGE.read_text(encoding='utf-8') == want
    ok = same and want.count('\n| ') > 20
    print('ok page' if ok else 'FAIL page: docs/profiles.md is not what src/cli/profiles.c says (--update)')
    return 0 if ok else 1


if __name__ == '__main__':
    sys.exit(main())
