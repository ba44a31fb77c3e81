#!/usr/bin/env python3
"""Command line of the ACA warehouse: parses, calls `etl.commands`, turns errors into exit codes."""

import gc
import sys

from etl.commands import main

if __name__ == "__main__":
    # A command imports much and leaves little garbage. To look for it every 700 objects, and once more among all when they
    # go anyway, takes 70 ms.
    gc.set_threshold(50_000)
    code = main()
    gc.freeze()
    sys.exit(code)
