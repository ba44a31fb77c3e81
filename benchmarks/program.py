"""A program run from start to exit: what it took. All benchmarks measure in this one way."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Run:
    """One program: wall seconds, CPU seconds and peak memory of its process."""

    seconds: float
    cpu_seconds: float
    peak_mib: float


def timed(arguments: Sequence[str], env: dict[str, str]) -> Run:
    """Run a program, which may keep its modules compiled, as anyone's does. Ends all where it fails, with what it said."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    with tempfile.TemporaryFile() as told:
        child = subprocess.Popen(arguments, cwd=ROOT, env={**inherited, **env}, stdout=told, stderr=told)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            told.seek(0)
            raise SystemExit(f"{arguments[1:3]} ended with {child.returncode}: {told.read()[-2000:].decode()}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def tell(line: str) -> None:
    """Print a line at once, also into a pipe."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
