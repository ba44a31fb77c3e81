"""Kill loads at random moments, run the same command again, and compare all tables with those of an undisturbed run.

python -m scripts.chaos --kills 100
"""

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from etl.core.database import connect
from etl.core.embedded import DATABASE, EmbeddedServer
from etl.core.fingerprint import METADATA, differences, fingerprint
from etl.core.settings import ROOT

START = "chaos_start"
VICTIMS = ("process", "server")
COMMAND_SECONDS = 300
# A load that ends before its moment is begun again with an earlier one, this often.
ATTEMPTS = 5
# What the warehouse remembers beside its tables, and what the ledger says of every file.
LEDGER = (
    "etl.source_file",
    "etl.control_total",
    "etl.rejected_row",
    "etl.dimension_observation",
    "etl.full_observation",
)
NUMBERS = METADATA | {"staged_at", "superseded_by", "replays_source_file_id", "rejected_row_id"}


@dataclass(frozen=True, slots=True)
class Scenario:
    """A command, the deliveries it finds, and the database it starts from: None is a fresh server's empty one."""

    name: str
    mode: str
    landing: Path
    start: str | None


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """How a scenario ends when nobody disturbs it, and how long it takes."""

    tables: dict[str, str]
    seconds: float


@dataclass(slots=True)
class Tally:
    """What the kills came to."""

    kills: Counter[str] = field(default_factory=Counter)
    finished_first: int = 0
    carried_on: int = 0
    problems: list[str] = field(default_factory=list)


class Chaos:
    """A server and a small market of its own, below *home*."""

    def __init__(self, home: Path, *, members: int, days: int, seed: int) -> None:
        self.home, self.random = home, random.Random(seed)
        self.server = EmbeddedServer(home / "postgres")
        history, more = home / "history", home / "more"
        _generate(history, "--members", str(members), "--years", "1", "--seed", str(seed))
        shutil.copytree(history, more)
        _generate(more, "--days", str(days))
        self.server.start()
        # Processes are killed, not the machine: what they wrote is safe without waiting for the disk.
        (self.server.data / "conf.d" / "chaos.conf").write_text("fsync = off\n")
        self.server.stop()
        self._database(None)
        self._must(self._command("full", history), "the first full load")
        self._rename(START)
        self.scenarios = (
            Scenario("first load", "full", history, None),
            Scenario("full load", "full", more, START),
            Scenario("incremental load", "incremental", more, START),
        )
        self.undisturbed = {scenario: self._undisturbed(scenario) for scenario in self.scenarios}
        # How long each takes at the pace of now: a machine that others use gets faster and slower.
        self.seconds = {scenario: self.undisturbed[scenario].seconds for scenario in self.scenarios}

    def kill(self, scenario: Scenario, victim: str, tally: Tally) -> None:
        """Run *scenario*, kill the *victim* at a random moment of it, run it again and compare."""
        expected = self.undisturbed[scenario]
        tally.kills[f"{scenario.name}, {victim}"] += 1
        for _ in range(ATTEMPTS):
            moment = self.random.uniform(0, self.seconds[scenario])
            self._database(scenario.start)
            began = time.monotonic()
            process = self._start(scenario.mode, scenario.landing)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(moment)
            if process.poll() is None:
                break
            self.seconds[scenario] = time.monotonic() - began
            process.communicate()
        told = f"{scenario.name}, {victim} killed after {moment:.2f} s"
        tally.finished_first += process.poll() is not None
        if victim == "process":
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate(timeout=COMMAND_SECONDS)
        else:
            pid = self.server.status().pid
            if pid is not None:
                os.kill(pid, signal.SIGQUIT)
            _, errors = process.communicate(timeout=COMMAND_SECONDS)
            tally.carried_on += process.returncode == 0
            if process.returncode not in (0, 1, 20):
                tally.problems.append(f"{told}: exit code {process.returncode}")
            if "Traceback" in errors:
                tally.problems.append(f"{told}: ended with a stack trace: {errors}")
        again = self._command(scenario.mode, scenario.landing)
        if again.returncode:
            tally.problems.append(f"{told}: the second run ended with {again.returncode}: {again.stderr}")
        elif changed := differences(expected.tables, self._tables()):
            tally.problems.append(f"{told}: " + "; ".join(changed))

    def _undisturbed(self, scenario: Scenario) -> Undisturbed:
        self._database(scenario.start)
        began = time.monotonic()
        self._must(self._command(scenario.mode, scenario.landing), scenario.name)
        seconds = time.monotonic() - began
        return Undisturbed(self._tables(), seconds)

    def _tables(self) -> dict[str, str]:
        with connect(self.server.start()) as conn:
            return fingerprint(conn, tables=LEDGER, ignored=NUMBERS)

    def _database(self, template: str | None) -> None:
        """A new database in the place of the last one."""
        self.server.start()
        # FILE_COPY: a sequence copied the other way falls back in a crash, since its next values are not logged anew.
        with self._admin() as admin:
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(DATABASE)))
            admin.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                    sql.Identifier(DATABASE), sql.Identifier(template or "template0")
                )
            )

    def _rename(self, name: str) -> None:
        with self._admin() as admin:
            admin.execute(
                sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(DATABASE), sql.Identifier(name))
            )

    @contextlib.contextmanager
    def _admin(self) -> Iterator[psycopg.Connection]:
        with psycopg.connect(self.server.url("postgres"), autocommit=True) as admin:
            yield admin

    def _start(self, mode: str, landing: Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "run.py", "--mode", mode],
            cwd=ROOT,
            env=self._environment(landing),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def _command(self, mode: str, landing: Path) -> subprocess.CompletedProcess[str]:
        process = self._start(mode, landing)
        _, errors = process.communicate(timeout=COMMAND_SECONDS)
        return subprocess.CompletedProcess(process.args, process.returncode, "", errors)

    def _environment(self, landing: Path) -> dict[str, str]:
        return {
            **os.environ,
            "DATABASE_URL": "",
            "ACA_POSTGRES_HOME": str(self.home / "postgres"),
            "ACA_LANDING": str(landing),
            "ACA_WORKERS": "2",
            "ACA_LOG_FORMAT": "json",
        }

    @staticmethod
    def _must(done: subprocess.CompletedProcess[str], what: str) -> None:
        if done.returncode:
            raise SystemExit(f"{what} ended with {done.returncode} although nobody disturbed it: {done.stderr}")


def _generate(landing: Path, *options: str) -> None:
    subprocess.run(
        [sys.executable, "scripts/generate_seed_data.py", "--quiet", "--out", str(landing), *options],
        cwd=ROOT,
        check=True,
    )


def run(kills: int, *, members: int = 100, days: int = 3, seed: int = 1, home: Path | None = None) -> Tally:
    """Kill that many times; each scenario and victim in turn, the moments by chance."""
    tally = Tally()
    place = Path(tempfile.mkdtemp(prefix="aca-chaos-", dir=home))
    try:
        chaos = Chaos(place, members=members, days=days, seed=seed)
        turns = [(scenario, victim) for scenario in chaos.scenarios for victim in VICTIMS]
        for number in range(kills):
            scenario, victim = turns[number % len(turns)]
            before = len(tally.problems)
            chaos.kill(scenario, victim, tally)
            print(
                f"{number + 1:>4} of {kills}: {scenario.name}, {victim}: {'ok' if before == len(tally.problems) else 'NOT OK'}"
            )
    finally:
        EmbeddedServer(place / "postgres").remove()
        shutil.rmtree(place, ignore_errors=True)
    return tally


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what the kills came to; 1 where a run did not recover to the same tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20, help="how many (default %(default)s)")
    parser.add_argument("--members", type=int, default=100, help="size of the market (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="same seed, same moments (default %(default)s)")
    wanted = parser.parse_args(arguments)
    # Who ends it, by a time limit say, must not be left with its server.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    tally = run(wanted.kills, members=wanted.members, seed=wanted.seed)
    for problem in tally.problems:
        print(problem, file=sys.stderr)
    for what, count in sorted(tally.kills.items()):
        print(f"  {count:>4} {what}")
    unequal = len(tally.problems)
    print(
        f"{wanted.kills - unequal} of {wanted.kills} ended in the tables of an undisturbed run "
        f"({tally.finished_first} had finished before the kill, {tally.carried_on} outlived the server's by themselves)"
    )
    return 1 if unequal else 0


if __name__ == "__main__":
    sys.exit(main())
