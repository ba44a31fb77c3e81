"""A chunk on its way into staging: what surely passes goes by COPY, all else to the salvage lane.

Which lane a record takes is a matter of speed; its verdict is the same in each.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from psycopg import errors, sql
from psycopg.pq import TransactionStatus

from etl.extract.reader import Chunk
from etl.load.fields import Words, digits_of
from etl.load.hints import hints
from etl.load.prescan import Contract, Scan, scan_records
from etl.load.rejected import write_rejects
from etl.load.salvage import Outcome, Suspect, judge, salvage
from etl.load.target import Conn, Target, copy_records, names, rules, typed


@dataclass(frozen=True, slots=True)
class Sorted:
    """A chunk that was looked at: what the scan found, and the sure records as COPY takes them, if there are any."""

    chunk: Chunk
    scan: Scan
    lines: memoryview | None


class Lanes:
    """Stages the chunks of one file; from any thread, each with a connection of its own."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._contract = Contract(
            target.spec.key, target.spec.control_columns, int(target.as_of.strftime("%Y%m%d")), hints(target.spec)
        )
        # Once a rule was broken it is likely to be broken again: then the sieve comes before the direct way.
        self._sieve_first = False

    def stage(self, conn: Conn, chunk: Chunk) -> Outcome:
        """Stage one chunk in a transaction (or savepoint) of its own and write its rejects; all of it, or nothing."""
        return self.put(conn, self.sort(chunk))

    def sort(self, chunk: Chunk) -> Sorted:
        """Look at the records of a chunk; the server has no part in it."""
        scan = scan_records(chunk.records, chunk.sound_count, self.target.header.columns, self._contract)
        lines = _lines(self.target, chunk, scan) if scan.sure.any() else None
        return Sorted(chunk, scan.without_fields(), lines)

    def put(self, conn: Conn, found: Sorted) -> Outcome:
        """Stage a chunk that was sorted."""
        if not self._sieve_first:
            try:
                return self._put(conn, found, sieved=False)
            except errors.CheckViolation:
                self._sieve_first = True
            except _NOT_SURE_AFTER_ALL:
                return self._put_one_by_one(conn, found)
        try:
            return self._put(conn, found, sieved=True)
        except _NOT_SURE_AFTER_ALL:
            return self._put_one_by_one(conn, found)

    def _put(self, conn: Conn, found: Sorted, *, sieved: bool) -> Outcome:
        """The sure records by COPY, straight or through the sieve; the others by the salvage lane."""
        chunk, scan = found.chunk, found.scan
        # A COPY of its own is a transaction of its own.
        is_alone = not sieved and bool(scan.sure.all()) and not chunk.broken
        is_idle = conn.info.transaction_status == TransactionStatus.IDLE
        with nullcontext() if is_alone and is_idle else conn.transaction():
            fallen: list[int] = []
            if found.lines is not None:
                unquoted = b'"' not in chunk.records and b"\\" not in chunk.records
                if sieved:
                    fallen = _sieve(conn, self.target, found.lines, unquoted=unquoted)
                else:
                    _copy(conn, copy_records(self.target, self.target.table, unquoted=unquoted), found.lines)
            # The dollars of sure records are added up already.
            suspects = _suspects(chunk, scan, np.flatnonzero(~scan.sure).tolist())
            suspects += _suspects(chunk, scan, _places(chunk, fallen), is_counted=True)
            outcome = salvage(conn, self.target, suspects, chunk.broken)
            for name, value in scan.cents.items():
                outcome.file_cents[name] = outcome.file_cents.get(name, 0) + value
            # A key that is staged by the salvage lane was not hashed.
            hashed = len(outcome.rejects) == len(suspects) + len(chunk.broken)
            return self._finish(conn, chunk, outcome, scan.key_hashes if hashed else None)

    def _put_one_by_one(self, conn: Conn, found: Sorted) -> Outcome:
        """All records by the salvage lane."""
        chunk, scan = found.chunk, found.scan
        with conn.transaction():
            outcome = salvage(conn, self.target, _suspects(chunk, scan, range(chunk.sound_count)), chunk.broken)
            return self._finish(conn, chunk, outcome, None)

    def _finish(self, conn: Conn, chunk: Chunk, outcome: Outcome, hashes: NDArray[np.uint64] | None) -> Outcome:
        outcome.record_count = chunk.record_count
        outcome.key_hashes = hashes
        if outcome.rejects:
            write_rejects(conn, self.target, outcome.rejects)
        return outcome


# What the server says of a value that its type does not take. The prescan should leave nothing of the kind.
_NOT_SURE_AFTER_ALL = (errors.DataError, errors.IntegrityError)


def _places(chunk: Chunk, numbers: Sequence[int]) -> list[int]:
    """Where the records of these numbers stand among the sound ones of the chunk."""
    if chunk.numbers is None:
        return [number - chunk.first_record_number for number in numbers]
    found = {number: place for place, number in enumerate(chunk.numbers)}
    return [found[number] for number in numbers]


def _suspects(chunk: Chunk, scan: Scan, places: Iterable[int], *, is_counted: bool = False) -> list[Suspect]:
    starts, ends = scan.starts, scan.ends
    return [Suspect(chunk.number(place), chunk.records[starts[place] : ends[place]], is_counted) for place in places]


def _copy(conn: Conn, statement: sql.Composed, lines: memoryview) -> None:
    with conn.cursor().copy(statement) as copy:
        copy.write(lines)


def _sieve(conn: Conn, target: Target, lines: memoryview, *, unquoted: bool) -> list[int]:
    """Stage those of the sure records that break no rule; return the record numbers of the others."""
    table = sql.Identifier("pg_temp", f"sieve_{target.spec.feed}_{target.source_file_id}")
    conn.execute(
        sql.SQL(
            "CREATE TEMP TABLE IF NOT EXISTS {} AS SELECT record_number, {} FROM {} WITH NO DATA; TRUNCATE {}"
        ).format(table, names(target.spec.column_names), target.table, table)
    )
    _copy(conn, copy_records(target, table, unquoted=unquoted), lines)
    fallen = judge(conn, typed(target, table), [rule.fails for rule in rules(target)], table)
    wanted = names(["record_number", *(column.name for column in target.columns)])
    conn.execute(sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {}").format(target.table, wanted, wanted, table))
    return [number for number, _ in fallen]


def _lines(target: Target, chunk: Chunk, scan: Scan) -> memoryview:
    """The sure records, each with its number in front, without columns that the contract does not know."""
    lines: bytes = chunk.records
    starts = scan.starts
    unknown = [place for place, column in enumerate(target.header.columns) if column is None]
    if unknown:
        kept = np.repeat(scan.sure, _lengths(scan))
        _drop_fields(kept, scan, unknown)
        starts = (np.cumsum(kept) - kept)[scan.starts[scan.sure]]
        lines = np.frombuffer(lines, dtype=np.uint8)[kept].tobytes()
    elif not scan.sure.all():
        lines = b"".join(lines[start:end] for start, end in _runs(scan))
        lengths = _lengths(scan)[scan.sure]
        starts = np.cumsum(lengths) - lengths
    if chunk.numbers is None:
        numbers = np.arange(chunk.first_record_number, chunk.first_record_number + chunk.record_count)
    else:
        numbers = np.array(chunk.numbers)
    return numbered(lines, starts, numbers[scan.sure])


def _lengths(scan: Scan) -> NDArray[np.int64]:
    """How long the records are, line ends included."""
    return scan.ends - scan.starts + 1


def _runs(scan: Scan) -> Iterator[tuple[int, int]]:
    """Where each stretch of sure records starts and ends, line ends included."""
    changes = np.flatnonzero(np.diff(scan.sure, prepend=False, append=False))
    for first, behind in zip(changes[0::2].tolist(), changes[1::2].tolist(), strict=True):
        yield int(scan.starts[first]), int(scan.ends[behind - 1]) + 1


def _drop_fields(kept: NDArray[np.bool_], scan: Scan, unknown: list[int]) -> None:
    """Unmark the bytes of the unknown fields, each with the comma behind it, or before it where it is the last."""
    edges = np.zeros(kept.size + 1, dtype=np.int8)
    width = scan.field_ends.shape[1]
    last_known = max((place for place in range(width) if place not in unknown), default=-1)
    for place in unknown:
        # Behind the last known field it is the comma before the field that goes with it.
        shift = -1 if place > last_known else 0
        edges[scan.before_field(place) + 1 + shift] += 1
        edges[scan.field_ends[:, place] + 1 + shift] -= 1
    kept &= np.cumsum(edges[:-1], dtype=np.int8) == 0


def numbered(lines: bytes, starts: NDArray[np.int64], numbers: NDArray[np.int64]) -> memoryview:
    """The lines, each with its number and a comma before it."""
    size = 8 if int(numbers[-1]) < 10**7 else 16
    text = _with_room(lines, starts, size)
    places = starts + np.arange(numbers.size) * size
    for place, word in zip((0, 8), _number_words(numbers.astype(np.uint64), size), strict=False):
        _words_of(text)[places + place] = word
    return text.data


def _with_room(lines: bytes, starts: NDArray[np.int64], size: int) -> NDArray[np.uint8]:
    """The lines, each with so many bytes of anything before it."""
    # To put something before each line end is by far the fastest; one more before the first line, and all have room.
    spread = (bytearray(b"\n") + lines).replace(b"\n", b"\n" + bytes(size))
    if len(spread) == 1 + len(lines) + (starts.size + 1) * size:
        return np.frombuffer(spread, dtype=np.uint8)[1:-size]
    # There are line ends within quotes.
    text = np.empty(len(lines) + starts.size * size, dtype=np.uint8)
    is_line = np.ones(text.size, dtype=np.bool_)
    for place in range(0, size, 8):
        _words_of(is_line)[starts + np.arange(starts.size) * size + place] = 0
    text[is_line] = np.frombuffer(lines, dtype=np.uint8)
    return text


def _words_of(array: NDArray[np.uint8] | NDArray[np.bool_]) -> Words:
    """Eight bytes of the array at once, from any of its places on."""
    return np.ndarray((array.size - 7,), dtype="<u8", buffer=array, strides=(1,))


def _number_words(numbers: Words, size: int) -> tuple[Words, ...]:
    """Each number with zeros before it and a comma behind it, *size* bytes long, eight in a word."""
    last = digits_of(numbers % 10**7 * 10) ^ np.uint64((48 ^ 44) << 56)
    return (last,) if size == 8 else (digits_of(numbers // 10**7), last)
