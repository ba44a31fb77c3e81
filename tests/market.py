"""A small synthetic marketplace for tests that load: made once, its deliveries handed over one by one."""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from etl.core.settings import Settings
from etl.pipeline import Outcome, run_pipeline
from tests.house import ROOT

MEMBERS, DAYS = 100, 3


@cache
def deliveries(home: Path) -> tuple[Path, ...]:
    """A year of history and some next days below *home*, as folders in their order; made on first use."""
    made = home / "market"
    _generate(made, "--members", str(MEMBERS), "--years", "1")
    _generate(made, "--days", str(DAYS))
    return tuple(sorted(path for path in made.iterdir() if path.is_dir() and not path.name.startswith(".")))


def _generate(out: Path, *options: str) -> None:
    command = [sys.executable, "scripts/generate_seed_data.py", "--quiet", "--out", str(out), *options]
    subprocess.run(command, cwd=ROOT, check=True)


def deliver(landing: Path, *folders: Path) -> None:
    """Lay the deliveries into the landing zone."""
    for folder in folders:
        shutil.copytree(folder, landing / folder.name)


def settings(landing: Path) -> Settings:
    """The defaults, for this landing zone."""
    return Settings(landing=landing, workers=2)


def load(url: str, landing: Path, mode: str = "incremental") -> Outcome:
    """Run the pipeline on the landing zone."""
    return run_pipeline(url, settings(landing), mode)


def command(url: str, landing: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `run.py` in a process of its own, as people do."""
    return subprocess.run(
        [sys.executable, "run.py", *words],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": url, "ACA_LANDING": str(landing), "ACA_LOG_FORMAT": "json", **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
