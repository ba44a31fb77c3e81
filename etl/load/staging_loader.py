"""Take deliveries into staging. `python -m etl.load.staging_loader` works by itself; the pipeline calls the same."""

import argparse
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from etl.core.command_line import ended
from etl.core.database import database_url
from etl.core.errors import ConfigError, Exit, SourceError
from etl.core.failures import explained
from etl.core.plain_text import plain
from etl.core.runs import open_run
from etl.core.settings import Settings
from etl.core.spec import Mode
from etl.extract.deliveries import DeliveredFile, Delivery, find_deliveries
from etl.extract.reader import Chunk
from etl.load.connections import Connections
from etl.load.file_lane import Intake, StageChunks, stage_file
from etl.load.guards import GUARDS, UNKNOWN_FEED
from etl.load.intake_ledger import (
    Fingerprint,
    NewFile,
    NewLoad,
    StagedFile,
    drop_leftovers,
    fingerprint,
    is_taken_in,
    last_full_count,
    ledger_path,
    record_refused,
    record_staged,
    register,
)
from etl.load.salvage import Outcome
from etl.load.target import Conn, Target, attach
from etl.load.totals import Totals

if TYPE_CHECKING:
    from datetime import date
    from uuid import UUID

    from etl.load.lanes import Lanes

# A delivery up to this size is staged in one transaction by one worker; a larger one is cut up among all workers.
SMALL_DELIVERY_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class StagedLoad:
    """A delivery that is in staging, whole, and waits to be published."""

    load_id: int
    delivery: Delivery
    files: tuple[StagedFile, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A delivery of which nothing was staged, and why."""

    delivery: Delivery
    load_id: int | None
    why: str


@dataclass(frozen=True, slots=True)
class StagingResult:
    """What became of the deliveries. `unchanged` are paths whose content is taken in already."""

    loads: tuple[StagedLoad, ...]
    unchanged: tuple[str, ...]
    refused: tuple[Refusal, ...]
    warnings: tuple[str, ...]


Progress = Callable[[StagedFile], None]


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
    # numpy is used in threads of ours; its own would only take memory.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with _clear_errors(), Connections(url, settings.workers) as connections:
        with connections.one() as conn:
            drop_leftovers(conn)
            news = _what_is_new(conn, deliveries)
            loads = register(conn, run_id, news.wanted)
        staging = _Staging(connections, Intake(settings, overrides), progress or (lambda _: None))
        staged, refused = staging.run(loads)
    warnings = [text for delivery in deliveries for text in delivery.warnings]
    warnings += [f"{file.path}: {text}" for load in staged for file in load.files for text in file.warnings]
    return StagingResult(tuple(staged), tuple(news.unchanged), (*news.unreadable, *refused), tuple(warnings))


@dataclass(frozen=True, slots=True)
class _News:
    """What the deliveries bring that is not taken in yet, and what is."""

    wanted: list[tuple[Delivery, list[tuple[DeliveredFile, Fingerprint]]]]
    unchanged: list[str]
    unreadable: list[Refusal]


def _what_is_new(conn: Conn, deliveries: Sequence[Delivery]) -> _News:
    news = _News([], [], [])
    seen: set[tuple[str, date, UUID]] = set()
    for delivery in deliveries:
        try:
            found = [(file, fingerprint(file.path)) for file in delivery.files]
        except SourceError as problem:
            news.unreadable.append(Refusal(delivery, None, str(problem)))
            continue
        files = []
        for file, mark in found:
            content = (file.feed, delivery.as_of, mark.content_hash)
            if content in seen or is_taken_in(conn, delivery, file, mark):
                news.unchanged.append(ledger_path(delivery, file))
            else:
                files.append((file, mark))
                seen.add(content)
        if files:
            news.wanted.append((delivery, files))
    return news


class _Staging:
    """Stages loads: small ones side by side, a large one on all connections."""

    def __init__(self, connections: Connections, intake: Intake, progress: Progress) -> None:
        self.connections, self.intake, self.progress = connections, intake, progress
        # (feed, as_of) -> records of the full files of this run, for the guard against files that shrink.
        self.full_counts: dict[tuple[str, date], Future[int | None]] = {}

    def run(self, loads: Sequence[NewLoad]) -> tuple[list[StagedLoad], list[Refusal]]:
        """Stage all loads, in their order where it matters."""
        for load in loads:
            for new in load.files:
                if new.file.mode is Mode.FULL:
                    self.full_counts.setdefault((new.file.feed, load.delivery.as_of), Future())
        results: list[StagedLoad | Refusal] = []
        pending: list[Future[StagedLoad | Refusal]] = []
        with _workers(self.connections.size) as workers:
            for load in loads:
                if any(new.file.replays for new in load.files):
                    # The rejects that it answers must be there first.
                    results += _results(pending)
                    pending = []
                if sum(new.fingerprint.byte_count for new in load.files) <= SMALL_DELIVERY_BYTES:
                    pending.append(workers.submit(self._stage, load, self._stage_small))
                else:
                    results += _results(pending)
                    pending = []
                    results.append(self._stage(load, partial(self._stage_large, workers)))
            results += _results(pending)
        staged = [result for result in results if isinstance(result, StagedLoad)]
        return staged, [result for result in results if isinstance(result, Refusal)]

    def _stage(self, load: NewLoad, how: Callable[[NewLoad], StagedLoad]) -> StagedLoad | Refusal:
        counts: dict[str, int] = {}
        try:
            unknown = load.delivery.unknown_feeds
            if unknown and UNKNOWN_FEED not in self.intake.overrides:
                raise SourceError(
                    f"{load.delivery.path}: the manifest names feeds that are not in the catalog: {', '.join(unknown)}; "
                    f"correct it, or take in the others with --override {UNKNOWN_FEED}"
                )
            done = how(load)
            counts = {file.feed: file.balance.record_count for file in done.files if file.mode is Mode.FULL}
        except SourceError as problem:
            with self.connections.one() as conn:
                record_refused(conn, load, {load.files[0].source_file_id: str(problem)})
            return Refusal(load.delivery, load.load_id, str(problem))
        finally:
            for new in load.files:
                told = self.full_counts.get((new.file.feed, load.delivery.as_of))
                if told is not None and not told.done():
                    told.set_result(counts.get(new.file.feed))
        for file in done.files:
            self.progress(file)
        return done

    def _last_full_count(self, conn: Conn, load: NewLoad, feed: str) -> int | None:
        """Records of the last full file before this delivery, be it of this run or of an earlier one."""
        earlier = sorted(
            (as_of for name, as_of in self.full_counts if name == feed and as_of < load.delivery.as_of),
            reverse=True,
        )
        for as_of in earlier:
            if (count := self.full_counts[feed, as_of].result()) is not None:
                return count
        return last_full_count(conn, feed, load.delivery)

    def _stage_small(self, load: NewLoad) -> StagedLoad:
        """All files of the load in one transaction, on one connection."""
        with self.connections.one() as conn, conn.transaction():

            def one_by_one(target: Target, chunks: Iterable[Chunk]) -> Totals:
                lanes = _lanes(target)
                return Totals.of(lanes.stage(conn, chunk) for chunk in chunks)

            return self._finish(conn, load, [self._stage_file(conn, load, new, one_by_one) for new in load.files])

    def _stage_large(self, workers: ThreadPoolExecutor, load: NewLoad) -> StagedLoad:
        """The chunks of each file on all connections; what they committed counts only when the last is in."""

        def side_by_side(target: Target, chunks: Iterable[Chunk]) -> Totals:
            return Totals.of(self._spread(workers, _lanes(target), chunks))

        with self.connections.one() as conn:
            done = [self._stage_file(conn, load, new, side_by_side) for new in load.files]
            with conn.transaction():
                return self._finish(conn, load, done)

    def _stage_file(self, conn: Conn, load: NewLoad, new: NewFile, how: StageChunks) -> tuple[Target, StagedFile]:
        last = self._last_full_count(conn, load, new.file.feed) if new.file.mode is Mode.FULL else None
        return stage_file(conn, load, new, self.intake, how, last_full_count=last)

    def _spread(self, workers: ThreadPoolExecutor, lanes: "Lanes", chunks: Iterable[Chunk]) -> Iterator[Outcome]:
        """Stage the chunks on all connections; only so many are read ahead as there are workers."""
        pending: deque[Future[Outcome]] = deque()
        try:
            for chunk in chunks:
                if len(pending) > self.connections.size:
                    yield pending.popleft().result()
                pending.append(workers.submit(self._stage_on_any, lanes, chunk))
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
            wait(pending)

    def _stage_on_any(self, lanes: "Lanes", chunk: Chunk) -> Outcome:
        with self.connections.one() as conn:
            return lanes.stage(conn, chunk)

    def _finish(self, conn: Conn, load: NewLoad, done: Sequence[tuple[Target, StagedFile]]) -> StagedLoad:
        """In the caller's transaction: attach the tables, and the load is staged."""
        for target, _ in done:
            attach(conn, target)
        files = tuple(file for _, file in done)
        record_staged(conn, load, files)
        # All that was committed before rests on this commit being on disk.
        conn.execute("SET LOCAL synchronous_commit = on")
        return StagedLoad(load.load_id, load.delivery, files)


@contextmanager
def _workers(count: int) -> Iterator[ThreadPoolExecutor]:
    """Threads; where one fails, what has not begun is not begun."""
    workers = ThreadPoolExecutor(count, "stage")
    try:
        yield workers
    finally:
        workers.shutdown(wait=True, cancel_futures=True)


def _results(pending: Iterable[Future[StagedLoad | Refusal]]) -> list[StagedLoad | Refusal]:
    return [future.result() for future in pending]


def _lanes(target: Target) -> "Lanes":
    # numpy comes with it, which commands that stage nothing can do without.
    from etl.load.lanes import Lanes

    return Lanes(target)


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
