#!/usr/bin/env python3
"""Command line of the ACA warehouse: parses, calls `etl.commands`, turns errors into exit codes."""

import sys

from etl.commands import main

if __name__ == "__main__":
    sys.exit(main())
