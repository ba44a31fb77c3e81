"""Loads and their files in the ledger: what is new, what a killed run left behind, what became of each file."""

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from uuid import UUID

from psycopg import sql

from etl.catalog.sources import SOURCES
from etl.core.errors import SourceError
from etl.core.spec import Mode
from etl.extract.deliveries import DeliveredFile, Delivery
from etl.load.balance import Balance
from etl.load.target import Conn, partition

SETTLED_NS = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What tells one content from another: size and xxh3_128 of the bytes on disk; and when they were last changed.

    `content_hash` is None where the size alone tells that the content is new: the bytes are hashed as they are staged.
    `modified_ns` is None where that was just before: a clock that ticks in milliseconds may not show a further change.
    """

    byte_count: int
    content_hash: UUID | None
    modified_ns: int | None


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file to take in, with its number in the ledger."""

    file: DeliveredFile
    fingerprint: Fingerprint
    source_file_id: int


@dataclass(frozen=True, slots=True)
class NewLoad:
    """A delivery to take in, with its number in the ledger and those of its files that are new."""

    delivery: Delivery
    load_id: int
    load_timestamp: datetime
    files: tuple[NewFile, ...]


class Content:
    """The number of bytes and their xxh3_128, taken as they come."""

    def __init__(self) -> None:
        import xxhash

        self._hash = xxhash.xxh3_128()
        self.byte_count = 0

    def update(self, block: bytes, /) -> None:
        """Take in the next block."""
        self._hash.update(block)
        self.byte_count += len(block)

    def hash(self) -> UUID:
        """The hash of all blocks so far."""
        return UUID(bytes=self._hash.digest())


def look_at(path: Path) -> Fingerprint:
    """The fingerprint of a file as far as it can be told without reading it; SourceError where it cannot be read."""
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
    except OSError as problem:
        raise _unreadable(path, problem) from problem
    is_settled = found.st_mtime_ns < time.time_ns() - SETTLED_NS
    return Fingerprint(found.st_size, None, found.st_mtime_ns if is_settled else None)


def fingerprint(path: Path) -> Fingerprint:
    """Read the file once, in constant memory."""
    found, content = look_at(path), Content()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                content.update(block)
    except OSError as problem:
        raise _unreadable(path, problem) from problem
    return Fingerprint(content.byte_count, content.hash(), found.modified_ns)


def _unreadable(path: Path, problem: OSError) -> SourceError:
    return SourceError(f"{path}: cannot be read ({problem.strerror}); correct its rights, or bring it again")


class KnownFiles:
    """The files that were taken in and have not been touched since: what they hold need not be read to be known."""

    def __init__(self, conn: Conn) -> None:
        rows = conn.execute(
            "SELECT path, as_of, feed, byte_count, modified_ns FROM etl.source_file "
            "WHERE status IN ('staged', 'in_force', 'superseded') ORDER BY source_file_id"
        ).fetchall()
        self._newest = {(path, as_of): (size, modified_ns) for path, as_of, _, size, modified_ns in rows}
        self._sizes = {(feed, as_of, size) for _, as_of, feed, size, _ in rows}

    def may_hold(self, feed: str, as_of: date, byte_count: int) -> bool:
        """Was content of that size taken in for that feed and date? Where none was, a file of that size is news."""
        return (feed, as_of, byte_count) in self._sizes

    def holds(self, delivery: Delivery, file: DeliveredFile) -> bool:
        """Is the file on disk, by size and time of change, the newest one taken in from its path?"""
        try:
            found = file.path.stat()
        except OSError:
            return False
        return self._newest.get((ledger_path(delivery, file), delivery.as_of)) == (found.st_size, found.st_mtime_ns)

    def learn(self, conn: Conn, delivery: Delivery, file: DeliveredFile, found: Fingerprint) -> None:
        """A file that was read only to find that it is known: next time its age will do."""
        conn.execute(
            "UPDATE etl.source_file SET modified_ns = %(modified_ns)s WHERE path = %(path)s AND as_of = %(as_of)s "
            "AND content_hash = %(hash)s AND status IN ('staged', 'in_force', 'superseded')",
            {
                "modified_ns": found.modified_ns,
                "path": ledger_path(delivery, file),
                "as_of": delivery.as_of,
                "hash": found.content_hash,
            },
        )


def drop_leftovers(conn: Conn) -> list[int]:
    """Take away what loads that never ended left behind; return their numbers. Their deliveries are staged again."""
    loads = [row[0] for row in conn.execute("SELECT load_id FROM etl.load WHERE status = 'staging' ORDER BY load_id")]
    for load_id in loads:
        with conn.transaction():
            drop_tables(conn, load_id)
            conn.execute("DELETE FROM etl.rejected_row WHERE load_id = %s", (load_id,))
            conn.execute("DELETE FROM etl.source_file WHERE load_id = %s", (load_id,))
    return loads


def drop_tables(conn: Conn, load_id: int) -> None:
    """Drop the load's staging tables, whichever there are."""
    tables = sql.SQL(", ").join(partition(spec, load_id) for spec in SOURCES)
    conn.execute(sql.SQL("SET LOCAL client_min_messages = warning; DROP TABLE IF EXISTS {}").format(tables))


def is_taken_in(conn: Conn, delivery: Delivery, file: DeliveredFile, found: Fingerprint) -> bool:
    """Is this content in the warehouse, or on its way: for this feed and as_of, or as the newest at this very path.

    At a new path, content that was superseded since is no news either: what was sent twice and then corrected stays so.
    """
    row = conn.execute(
        "SELECT EXISTS (SELECT FROM etl.source_file WHERE feed = %(feed)s AND as_of = %(as_of)s "
        "AND content_hash = %(hash)s AND status IN ('staged', 'in_force') "
        "AND (replays_source_file_id IS NOT NULL) = %(is_replay)s) "
        "OR coalesce((SELECT content_hash = %(hash)s FROM etl.source_file WHERE path = %(path)s AND as_of = %(as_of)s "
        "AND status IN ('staged', 'in_force', 'superseded') ORDER BY source_file_id DESC LIMIT 1), "
        # A correction of rejects is taken in anew after the file that it corrects was replaced.
        "NOT %(is_replay)s AND EXISTS (SELECT FROM etl.source_file WHERE feed = %(feed)s AND as_of = %(as_of)s "
        "AND content_hash = %(hash)s AND status = 'superseded' AND replays_source_file_id IS NULL))",
        {
            "feed": file.feed,
            "as_of": delivery.as_of,
            "hash": found.content_hash,
            "path": ledger_path(delivery, file),
            "is_replay": file.replays is not None,
        },
    ).fetchone()
    return row is not None and bool(row[0])


def ledger_path(delivery: Delivery, file: DeliveredFile) -> str:
    """The file's path below the landing zone."""
    return f"{delivery.name}/{file.path.name}"


def register(
    conn: Conn, run_id: int, wanted: Sequence[tuple[Delivery, Sequence[tuple[DeliveredFile, Fingerprint]]]]
) -> list[NewLoad]:
    """Number loads and files, in the order given. A load that a killed run left behind goes on under its number."""
    loads = []
    with conn.transaction():
        left: dict[str, int] = dict(
            conn.execute(
                "SELECT delivery_name, min(load_id) FROM etl.load WHERE status = 'staging' GROUP BY 1"
            ).fetchall()
        )
        for delivery, files in wanted:
            load_id, load_timestamp = _number_load(conn, run_id, delivery, left.pop(delivery.name, None))
            numbered = []
            for file, found in files:
                row = conn.execute(
                    "INSERT INTO etl.source_file (load_id, feed, as_of, mode, path, byte_count, content_hash, modified_ns, "
                    "promised_record_count) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING source_file_id",
                    (
                        load_id,
                        file.feed,
                        delivery.as_of,
                        file.mode,
                        ledger_path(delivery, file),
                        found.byte_count,
                        found.content_hash,
                        found.modified_ns,
                        file.promised_records,
                    ),
                ).fetchone()
                assert row is not None
                numbered.append(NewFile(file, found, row[0]))
            loads.append(NewLoad(delivery, load_id, load_timestamp, tuple(numbered)))
        conn.execute(
            "UPDATE etl.load SET status = 'failed' WHERE status = 'staging' AND load_id <> ALL(%s)",
            ([load.load_id for load in loads],),
        )
    return loads


def _number_load(conn: Conn, run_id: int, delivery: Delivery, left: int | None) -> tuple[int, datetime]:
    values = {"run_id": run_id, "name": delivery.name, "as_of": delivery.as_of, "load_id": left}
    if left is None:
        row = conn.execute(
            "INSERT INTO etl.load (run_id, delivery_name, as_of) VALUES (%(run_id)s, %(name)s, %(as_of)s) "
            "RETURNING load_id, load_timestamp",
            values,
        ).fetchone()
    else:
        row = conn.execute(
            "UPDATE etl.load SET run_id = %(run_id)s, as_of = %(as_of)s, load_timestamp = clock_timestamp() "
            "WHERE load_id = %(load_id)s RETURNING load_id, load_timestamp",
            values,
        ).fetchone()
    assert row is not None
    return row[0], row[1]


def last_full_count(conn: Conn, feed: str, delivery: Delivery) -> int | None:
    """Records of the full file of the feed that is the last before this delivery; None where there is none."""
    row = conn.execute(
        "SELECT record_count FROM etl.source_file WHERE feed = %s AND mode = 'full' AND as_of < %s "
        "AND status IN ('staged', 'in_force') AND replays_source_file_id IS NULL "
        "ORDER BY as_of DESC, source_file_id DESC LIMIT 1",
        (feed, delivery.as_of),
    ).fetchone()
    return None if row is None else row[0]


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A file that was staged: its balance, and what the operator should know."""

    feed: str
    path: str
    mode: Mode
    source_file_id: int
    balance: Balance
    header: tuple[str, ...]
    unknown_columns: tuple[str, ...]
    content: Content
    overrides: tuple[str, ...]
    warnings: tuple[str, ...]
    promised: dict[str, object]


def record_staged(conn: Conn, load: NewLoad, files: Iterable[StagedFile]) -> None:
    """Write down that all files of the load are in, with what they hold."""
    for staged in files:
        balance = staged.balance
        conn.execute(
            "UPDATE etl.source_file SET status = 'staged', byte_count = %s, content_hash = %s, header = %s, "
            "unknown_columns = %s, scope = %s, "
            "record_count = %s, staged_count = %s, rejected_count = %s, duplicate_count = %s, overrides = %s, "
            "message = %s, staged_at = clock_timestamp() WHERE source_file_id = %s",
            (
                staged.content.byte_count,
                staged.content.hash(),
                list(staged.header),
                list(staged.unknown_columns),
                None if balance.scope is None else list(balance.scope),
                balance.record_count,
                balance.staged_count,
                balance.rejected_count,
                balance.duplicate_count,
                list(staged.overrides),
                "; ".join(staged.warnings) or None,
                staged.source_file_id,
            ),
        )
        for name, total in balance.totals.items():
            conn.execute(
                "INSERT INTO etl.control_total VALUES (%s, %s, %s, %s, %s, %s, %s)",
                (
                    staged.source_file_id,
                    name,
                    total.file,
                    total.staged,
                    total.rejected,
                    total.duplicate,
                    staged.promised.get(name),
                ),
            )
    conn.execute(
        "UPDATE etl.load SET status = 'staged', staged_at = clock_timestamp() WHERE load_id = %s", (load.load_id,)
    )


def record_refused(conn: Conn, load: NewLoad, reasons: dict[int, str]) -> None:
    """Write down that the load's delivery was refused, and take away all of it that is in."""
    with conn.transaction():
        drop_tables(conn, load.load_id)
        conn.execute("DELETE FROM etl.rejected_row WHERE load_id = %s", (load.load_id,))
        for new in load.files:
            conn.execute(
                "UPDATE etl.source_file SET status = 'refused', message = %s WHERE source_file_id = %s",
                (reasons.get(new.source_file_id, "another file of its delivery was refused"), new.source_file_id),
            )
        conn.execute("UPDATE etl.load SET status = 'failed' WHERE load_id = %s", (load.load_id,))
