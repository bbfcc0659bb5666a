# SPDX-License-Identifier: Apache-2.0
"""Certificates for tests, made by openssl(1): a CA and what it signs."""
import pathlib
import ssl
import subprocess


class Certs:
    def __init__(self, folder):
        self.dir = pathlib.Path(folder)
        self.ca('ca')

    def run(self, *argv):
        subprocess.run(['openssl', *map(str, argv)], check=True, cwd=self.dir,
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def ca(self, name):
        self.run('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                 '-keyout', f'{name}.key', '-out', f'{name}.crt', '-days', '10', '-subj', f'/CN={name}',
                 '-addext', 'keyUsage=critical,keyCertSign')

    def sign(self, name, subject, names='', ca='ca', past=False, client=False):
        """A certificate; past: one that has expired."""
        self.run('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                 '-keyout', f'{name}.key', '-out', f'{name}.csr', '-subj', subject)
        usage = 'clientAuth' if client else 'serverAuth'
        text = f'extendedKeyUsage={usage}\n' + (f'subjectAltName={names}\n' if names else '')
        (self.dir / f'{name}.ext').write_text(text)
        if not past:
            self.run('x509', '-req', '-in', f'{name}.csr', '-CA', f'{ca}.crt', '-CAkey', f'{ca}.key',
                     '-CAcreateserial', '-days', '10', '-extfile', f'{name}.ext', '-out', f'{name}.crt')
            return
        (self.dir / 'index.txt').write_text('')
        (self.dir / 'serial').write_text('1000\n')
        (self.dir / 'ca.cnf').write_text(
            '[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\n'
            'default_md=sha256\npolicy=p\n[p]\ncommonName=supplied\norganizationName=optional\n')
        self.run('ca', '-batch', '-config', 'ca.cnf', '-in', f'{name}.csr', '-cert', f'{ca}.crt',
                 '-keyfile', f'{ca}.key', '-startdate', '20200101000000Z', '-enddate',
                 '20200201000000Z', '-extfile', f'{name}.ext', '-out', f'{name}.crt', '-notext')

    def path(self, name):
        return self.dir / name

    def server(self, name, client_ca=None):
        """A server's context; client_ca: it asks for certificates of this CA."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path(f'{name}.crt'), self.path(f'{name}.key'))
        if client_ca:
            context.verify_mode = ssl.CERT_OPTIONAL
            context.load_verify_locations(self.path(f'{client_ca}.crt'))
        return context
