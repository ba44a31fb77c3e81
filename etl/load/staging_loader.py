"""Take deliveries into staging. `python -m etl.load.staging_loader` works by itself; the pipeline calls the same."""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import psycopg

from etl.core.command_line import ended
from etl.core.database import database_url
from etl.core.errors import ConfigError, Exit, SourceError
from etl.core.failures import explained
from etl.core.migrate import upgrade_if_needed
from etl.core.plain_text import plain
from etl.core.runs import open_run
from etl.core.settings import Settings
from etl.extract.deliveries import DeliveredFile, Delivery, find_deliveries
from etl.load.connections import Connections
from etl.load.file_lane import Intake
from etl.load.guards import GUARDS
from etl.load.intake_ledger import (
    Fingerprint,
    KnownFiles,
    drop_leftovers,
    fingerprint,
    is_taken_in,
    ledger_path,
    look_at,
    register,
)
from etl.load.memory import keep_freed_memory
from etl.load.side_by_side import Progress, Refusal, SideBySide, StagedLoad
from etl.load.target import Conn

if TYPE_CHECKING:
    from datetime import date
    from uuid import UUID

# For so many bytes numpy, which will be needed, is imported at once.
WORTH_A_THREAD = 32 << 20


@dataclass(frozen=True, slots=True)
class StagingResult:
    """What became of the deliveries. `unchanged` are paths whose content is taken in already."""

    loads: tuple[StagedLoad, ...]
    unchanged: tuple[str, ...]
    refused: tuple[Refusal, ...]
    warnings: tuple[str, ...]


def stage_deliveries(
    url: str,
    run_id: int,
    deliveries: Sequence[Delivery],
    settings: Settings,
    *,
    overrides: frozenset[str] = frozenset(),
    progress: Progress | None = None,
) -> StagingResult:
    """Stage whatever of *deliveries* is not taken in yet; the caller holds the run lock.

    Each delivery is staged whole or not at all. What a killed run left behind is dropped and staged again. The result
    lists refused deliveries; it is for the caller to end with Exit.SOURCE where there are any.
    """
    if unknown := overrides - GUARDS.keys():
        raise ConfigError(f"there is no guard {', '.join(sorted(unknown))}; the guards are {', '.join(GUARDS)}")
    _prepare()
    with _clear_errors(), Connections(url, settings.workers) as connections:
        with connections.one() as conn:
            drop_leftovers(conn)
            news = _what_is_new(conn, deliveries)
            loads = register(conn, run_id, news.wanted)
        staging = SideBySide(connections, Intake(settings, overrides), progress or (lambda _: None))
        staged, refused = staging.run(loads)
    warnings = [text for delivery in deliveries for text in delivery.warnings]
    warnings += [f"{file.path}: {text}" for load in staged for file in load.files for text in file.warnings]
    return StagingResult(tuple(staged), tuple(news.unchanged), (*news.unreadable, *refused), tuple(warnings))


def _prepare() -> None:
    """Make the process ready for the lanes."""
    # numpy is used in threads of ours; its own would only take memory.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    keep_freed_memory()


def _import_meanwhile(files: Iterable[DeliveredFile]) -> None:
    """Import what staging needs while the server answers, if these files are worth it."""
    if sum(file.path.stat().st_size for file in files if file.path.is_file()) > WORTH_A_THREAD:
        Thread(target=import_module, args=("etl.load.lanes",), name="import", daemon=True).start()


@dataclass(frozen=True, slots=True)
class _News:
    """What the deliveries bring that is not taken in yet, and what is."""

    wanted: list[tuple[Delivery, list[tuple[DeliveredFile, Fingerprint]]]]
    unchanged: list[str]
    unreadable: list[Refusal]


def _what_is_new(conn: Conn, deliveries: Sequence[Delivery]) -> _News:
    news = _News([], [], [])
    seen: set[tuple[str, date, UUID]] = set()
    known = KnownFiles(conn)
    unread = {
        delivery.name: [file for file in delivery.files if not known.holds(delivery, file)] for delivery in deliveries
    }
    _import_meanwhile(file for files in unread.values() for file in files)
    sizes = Counter(
        (file.feed, delivery.as_of, file.path.stat().st_size)
        for delivery in deliveries
        for file in unread[delivery.name]
        if file.path.is_file()
    )

    def marked(delivery: Delivery, file: DeliveredFile) -> Fingerprint:
        mark = look_at(file.path)
        kind = file.feed, delivery.as_of, mark.byte_count
        return fingerprint(file.path) if sizes[kind] > 1 or known.may_hold(*kind) else mark

    for delivery in deliveries:
        to_read = unread[delivery.name]
        news.unchanged.extend(ledger_path(delivery, file) for file in delivery.files if file not in to_read)
        try:
            found = [(file, marked(delivery, file)) for file in to_read]
        except SourceError as problem:
            news.unreadable.append(Refusal(delivery, None, str(problem)))
            continue
        files = []
        for file, mark in found:
            if mark.content_hash is not None:
                content = (file.feed, delivery.as_of, mark.content_hash)
                if content in seen or is_taken_in(conn, delivery, file, mark):
                    news.unchanged.append(ledger_path(delivery, file))
                    known.learn(conn, delivery, file, mark)
                    continue
                seen.add(content)
            files.append((file, mark))
        if files:
            news.wanted.append((delivery, files))
    return news


@contextmanager
def _clear_errors() -> Iterator[None]:
    """Say in our words what the server's failures mean for the operator; its own text may quote a row."""
    try:
        yield
    except psycopg.Error as problem:
        raise explained(problem, "staging") from problem


def main(argv: Sequence[str] | None = None) -> int:
    """Stage what is new in the landing zone, and say what became of it."""
    parser = argparse.ArgumentParser(prog="python -m etl.load.staging_loader", description=main.__doc__)
    parser.add_argument("--landing", type=Path, help="folder of deliveries (default: ACA_LANDING, or data/landing)")
    parser.add_argument(
        "--override",
        action="append",
        default=[],
        metavar="GUARD",
        choices=list(GUARDS),
        help=f"one of {', '.join(GUARDS)}",
    )
    wanted = parser.parse_args(argv)
    return ended(lambda: _stage(wanted), stopped="stopped; run the same command again")


def _stage(wanted: argparse.Namespace) -> int:
    settings = Settings.read()
    deliveries = find_deliveries(wanted.landing or settings.landing)
    url = database_url(settings)
    upgrade_if_needed(url)
    with open_run(url, "stage") as ledger, ledger.step("staging", "stage") as counts:
        result = stage_deliveries(url, ledger.run_id, deliveries, settings, overrides=frozenset(wanted.override))
        for load in result.loads:
            counts.read += sum(file.balance.record_count for file in load.files)
            counts.inserted += sum(file.balance.staged_count for file in load.files)
    sys.stdout.write("".join(f"{plain(line)}\n" for line in summary(result)))
    sys.stderr.write("".join(f"refused: {plain(refusal.why)}\n" for refusal in result.refused))
    return Exit.SOURCE if result.refused else Exit.OK


def summary(result: StagingResult) -> Iterator[str]:
    """What became of the deliveries, a line a file, and where the dollars went."""
    for load in result.loads:
        for file in load.files:
            balance = file.balance
            yield (
                f"load {load.load_id}  {file.path}: {balance.record_count:,} records = {balance.staged_count:,} staged "
                f"+ {balance.rejected_count:,} rejected + {balance.duplicate_count:,} duplicates"
            )
            for name, total in balance.totals.items():
                yield (
                    f"    {name}: {total.file:,} = {total.staged:,} staged + {total.rejected:,} rejected "
                    f"+ {total.duplicate:,} duplicates"
                )
    yield from (f"warning: {text}" for text in result.warnings)
    if result.unchanged:
        yield f"{len(result.unchanged)} files are taken in already; nothing to do for them"
    if not result.loads and not result.refused and not result.unchanged:
        yield "there is nothing to take in"


if __name__ == "__main__":
    sys.exit(main())
