#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""embed.py OBJECT OUTPUT [LLVM-STRIP]: an object file as a C array, without its debug sections."""
import hashlib
import os
import subprocess
import sys
import tempfile

source, output, strip = sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else ''
with tempfile.TemporaryDirectory() as folder:
    if strip:
        stripped = os.path.join(folder, 'stripped.o')
        subprocess.run([strip, '-g', source, '-o', stripped], check=True)
        source = stripped
    data = open(source, 'rb').read()
with open(output, 'w', encoding='ascii') as out:
    out.write('/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */\n'
              '#include "datapath/object.h"\n\n'
              f'const char wr_bpf_id[] = "{hashlib.sha256(data).hexdigest()[:16]}";\n'
              f'const size_t wr_bpf_size = {len(data)};\n'
              'const unsigned char wr_bpf_bytes[] __attribute__((aligned(8))) = {\n')
    for i in range(0, len(data), 24):
        out.write(','.join(str(b) for b in data[i:i + 24]) + ',\n')
    out.write('};\n')
