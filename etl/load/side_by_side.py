"""Stage loads on several connections: small ones side by side, the chunks of a large one spread over all of them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Event, Lock
from typing import TYPE_CHECKING, TypeVar

from etl.core.errors import SourceError
from etl.core.spec import Mode
from etl.extract.deliveries import Delivery
from etl.extract.reader import Chunk
from etl.load.balance import Aside
from etl.load.connections import Connections
from etl.load.file_lane import Intake, StageChunks, stage_file
from etl.load.guards import UNKNOWN_FEED
from etl.load.intake_ledger import (
    NewFile,
    NewLoad,
    StagedFile,
    last_full_count,
    record_refused,
    record_staged,
)
from etl.load.salvage import Outcome
from etl.load.target import Conn, Target, attach
from etl.load.totals import Totals

if TYPE_CHECKING:
    from datetime import date

    from etl.load.lanes import Lanes

T = TypeVar("T")
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


Progress = Callable[[StagedFile], None]


class SideBySide:
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
                    results.append(self._stage(load, self._stage_large))
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

    def _stage_large(self, load: NewLoad) -> StagedLoad:
        """The chunks of each file on all connections; what they committed counts only when the last is in."""
        # One thread more than connections: the next chunk is sorted while the server is busy with those before it.
        with self.connections.one() as conn, _workers(self.connections.size + 1) as workers:

            def side_by_side(target: Target, chunks: Iterable[Chunk]) -> Totals:
                return Totals.of(self._spread(workers, _lanes(target), iter(chunks)))

            def aside(work: Callable[[Conn], None]) -> Future[None]:
                return workers.submit(self._on_any, work)

            done = [self._stage_file(conn, load, new, side_by_side, aside) for new in load.files]
            with conn.transaction():
                return self._finish(conn, load, done)

    def _stage_file(
        self, conn: Conn, load: NewLoad, new: NewFile, how: StageChunks, aside: Aside | None = None
    ) -> tuple[Target, StagedFile]:
        last = self._last_full_count(conn, load, new.file.feed) if new.file.mode is Mode.FULL else None
        return stage_file(conn, load, new, self.intake, how, last_full_count=last, aside=aside)

    def _spread(self, workers: ThreadPoolExecutor, lanes: "Lanes", chunks: Iterator[Chunk]) -> Iterator[Outcome]:
        """Stage the chunks on all connections.

        One thread at a time reads and sorts: those that do so together are in each other's way.
        """
        sorting, stopped = Lock(), Event()
        outcomes: SimpleQueue[Outcome | Future[None]] = SimpleQueue()

        def work() -> None:
            while not stopped.is_set():
                with sorting:
                    chunk = next(chunks, None)
                    if chunk is None:
                        return
                    found = lanes.sort(chunk)
                with self.connections.one() as conn:
                    outcomes.put(lanes.put(conn, found))
                # Not to be held while the next one is sorted.
                del chunk, found

        working = [workers.submit(work) for _ in range(self.connections.size + 1)]
        for future in working:
            future.add_done_callback(outcomes.put)
        try:
            left = len(working)
            while left:
                outcome = outcomes.get()
                if isinstance(outcome, Future):
                    outcome.result()
                    left -= 1
                else:
                    yield outcome
        finally:
            stopped.set()
            wait(working)

    def _on_any(self, work: Callable[[Conn], T]) -> T:
        with self.connections.one() as conn:
            return work(conn)

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
