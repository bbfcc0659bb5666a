#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every recorded document is posted as it was to a real API server: the same answers, word for word.

What the recorded server says of wrong types names types of the Go language;
of these only the status is compared.
"""
import json
import os
import pathlib
import re
import sys

from harness import Server

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CORPUS = pathlib.Path(os.environ.get('WEIR_CORPUS', ROOT.parent / 'shared' / 'corpus'))
POLICY = 'policy.networking.k8s.io'
PLURALS = {'NetworkPolicy': ('networking.k8s.io', 'v1', 'networkpolicies'),
           'ClusterNetworkPolicy': (POLICY, 'v1alpha2', 'clusternetworkpolicies'),
           'AdminNetworkPolicy': (POLICY, 'v1alpha1', 'adminnetworkpolicies'),
           'BaselineAdminNetworkPolicy': (POLICY, 'v1alpha1', 'baselineadminnetworkpolicies')}
TYPE_WORDS = re.compile(r'cannot unmarshal|yaml: ')


def path_of(kind, namespace):
    group, version, plural = PLURALS[kind]
    inside = f'namespaces/{namespace or "default"}/' if kind == 'NetworkPolicy' else ''
    return f'/apis/{group}/{version}/{inside}{plural}'


def post(server, document, text, validation):
    namespace = document.get('namespace') or 'default'
    path = path_of(document['kind'], namespace)
    if document['kind'] == 'NetworkPolicy' and namespace != 'default':
        server.call('POST', '/api/v1/namespaces', {'metadata': {'name': namespace}})
    return server.call('POST', f'{path}?dryRun=All&fieldValidation={validation}', text.encode(),
                       'application/yaml')


def compare(got, want):
    """'' or what is different."""
    status, answer = got
    if status != want['status']:
        return f'{status} {answer.get("message") if isinstance(answer, dict) else answer!r}, wanted {want["status"]} {want["message"]}'
    if status >= 400:
        if TYPE_WORDS.search(want['message']):
            return ''
        if answer['message'] != want['message']:
            return f'{answer["message"]!r}, wanted {want["message"]!r}'
        causes = want.get('causes')
        if causes and answer['details']['causes'] != causes:
            return f'causes {answer["details"]["causes"]}, wanted {causes}'
        return ''
    stored = want.get('stored_spec')
    if stored is not None and answer.get('spec') != stored:
        return f'stored {json.dumps(answer.get("spec"))}, wanted {json.dumps(stored)}'
    return ''


def documents(folder, server):
    """(name, document, its text) of a folder in which every file has its documents described."""
    for path in sorted(folder.glob('*.expected.json')):
        source = path.with_name(path.name[:-len('.expected.json')])
        described = json.loads(path.read_text(encoding='utf-8'))['documents']
        texts = [t for t in re.split(r'(?m)^---.*$', source.read_text(encoding='utf-8'))
                 if re.search(r'(?m)^\s*[^#\s]', t)]
        if len(texts) != max([d['index'] for d in described], default=-1) + 1:
            continue  # lists and templates: not one document each
        for document in described:
            said = re.search(r'(?m)^["\']?kind["\']?: *["\']?(\w+)', texts[document['index']])
            if not said or said.group(1) != document.get('kind') or \
                    not re.fullmatch(r'[a-z0-9-]*', document.get('namespace') or ''):
                continue  # an item of a list; a namespace that cannot be
            if document.get('kind') in PLURALS and document.get('apiVersion', '') == \
                    '/'.join(PLURALS[document['kind']][:2]):
                yield f'{source.name}#{document["index"]}', document, texts[document['index']]


def run_described(server, folder):
    """Documents and differences."""
    n, bad = 0, []
    for name, document, text in documents(folder, server):
        for key, validation in (('server_post_strict', 'Strict'), ('server_post_warn', 'Warn')):
            want = document.get(key)
            if not want or not want.get('status'):
                continue
            if key == 'server_post_strict' and 'stored_spec' not in want and document.get('stored_spec'):
                want = {**want, 'stored_spec': document['stored_spec']}
            n += 1
            try:
                problem = compare(post(server, document, text, validation), want)
            except Exception as error:
                problem = repr(error)
            if problem:
                bad.append(f'{name} {validation}: {problem}')
    return n, bad


def run_single(server, folder):
    """The folder in which every file is one NetworkPolicy."""
    n, bad = 0, []
    for path in sorted(folder.glob('*.yaml')):
        want = json.loads(path.with_name(path.stem + '.expected.json').read_text(encoding='utf-8'))
        message = want['kubectl_message']
        if not want['accepted'] and not want['field_errors'] and 'BadRequest' not in message:
            continue  # kubectl itself refused
        text = path.read_text(encoding='utf-8')
        status, answer = server.call('POST', path_of('NetworkPolicy', None) +
                                     '?dryRun=All&fieldValidation=Strict', text.encode(),
                                     'application/yaml')
        n += 1
        if want['accepted']:
            problem = '' if status == 201 and answer['spec'] == want['stored_spec'] else answer
        elif want['field_errors']:
            got = [(c['field'] + ': ' + c['message'])
                   for c in answer.get('details', {}).get('causes', [])]
            problem = '' if got == want['field_errors'] else f'{got}, wanted {want["field_errors"]}'
        else:
            same = answer.get('message', '') in message or TYPE_WORDS.search(message)
            problem = '' if status == 400 and same else f'{status} {answer}, wanted {message}'
        if problem:
            bad.append(f'{path.name}: {problem}')
    return n, bad


def main():
    if not CORPUS.is_dir():
        print('skip oracle: the recorded answers are not beside this checkout')
        return 0
    failed = False
    with Server(sys.argv[1], '--policy-crds') as server:
        for name, run in (('validation', run_single), ('crd-validation', run_described),
                          ('real-world', run_described)):
            if not (CORPUS / name).is_dir():
                print(f'skip {name}: not recorded here')
                continue
            n, bad = run(server, CORPUS / name)
            failed |= bool(bad) or not n
            print(f'FAIL {name}: {len(bad)} of {n}: ' + ' | '.join(bad[:6])[:3000] if bad or not n
                  else f'ok {name}: {n} documents', flush=True)
            if os.environ.get('WEIR_ALL'):
                print('\n'.join(bad))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
