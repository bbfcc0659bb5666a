#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The client of the Kubernetes API against servers that are well, ill and hostile:
run.py KUBEDUMP WEIR [TEST]..."""
import pathlib
import sys
import tempfile

import harness
import test_broken
import test_cli
import test_feed
import test_trust

if __name__ == '__main__':
    harness.Client.program, test_cli.WEIR = sys.argv[1], str(pathlib.Path(sys.argv[2]).resolve())
    tests = [getattr(m, name) for m in (test_feed, test_broken, test_trust, test_cli)
             for name in vars(m) if name.startswith('test_')]
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(harness.main(tests, pathlib.Path(folder)))
