"""A chunk on its way into staging: what surely passes goes by COPY, all else to the salvage lane.

Which lane a record takes is a matter of speed; its verdict is the same in each.
"""

import numpy as np
from numpy.typing import NDArray
from psycopg import errors

from etl.extract.reader import Chunk
from etl.load.prescan import Scan, scan_records
from etl.load.rejected import write_rejects
from etl.load.salvage import Outcome, Suspect, salvage
from etl.load.target import Conn, Target, copy_records

# What the server may say of a record that the prescan was sure of: a rule, or a value that its type does not take.
_VERDICTS = (errors.DataError, errors.IntegrityError)


def stage_chunk(conn: Conn, target: Target, chunk: Chunk) -> Outcome:
    """Stage one chunk in a transaction (or savepoint) of its own and write its rejects; all of it, or nothing."""
    columns = target.header.columns
    scan = scan_records(chunk.records, chunk.sound_count, columns, target.spec.control_columns)
    try:
        with conn.transaction():
            _copy(conn, target, chunk, scan)
            outcome = salvage(conn, target, _suspects(chunk, scan, np.flatnonzero(~scan.sure)), chunk.broken)
            for name, value in scan.cents.items():
                outcome.file_cents[name] = outcome.file_cents.get(name, 0) + value
            _finish(conn, target, chunk, outcome)
    except _VERDICTS:
        with conn.transaction():
            outcome = salvage(conn, target, _suspects(chunk, scan, np.arange(chunk.sound_count)), chunk.broken)
            _finish(conn, target, chunk, outcome)
    return outcome


def _finish(conn: Conn, target: Target, chunk: Chunk, outcome: Outcome) -> None:
    outcome.record_count = chunk.record_count
    if outcome.rejects:
        write_rejects(conn, target, outcome.rejects)


def _suspects(chunk: Chunk, scan: Scan, places: NDArray[np.int64]) -> list[Suspect]:
    return [
        Suspect(chunk.number(place), chunk.records[scan.starts[place] : scan.ends[place]]) for place in places.tolist()
    ]


def _copy(conn: Conn, target: Target, chunk: Chunk, scan: Scan) -> None:
    """COPY the sure records of the chunk, each with its number in front, without columns the contract does not know."""
    if not scan.sure.any():
        return
    lines = np.frombuffer(chunk.records, dtype=np.uint8)
    kept = np.repeat(scan.sure, np.diff(scan.ends, prepend=-1)) if not scan.sure.all() else None
    unknown = [place for place, column in enumerate(target.header.columns) if column is None]
    if unknown:
        kept = np.ones(lines.size, dtype=np.bool_) if kept is None else kept
        _drop_fields(kept, scan, unknown)
    starts = scan.starts
    if kept is not None:
        lines = lines[kept]
        starts = (np.cumsum(kept) - kept)[scan.starts[scan.sure]]
    if chunk.numbers is None:
        numbers = np.arange(chunk.first_record_number, chunk.first_record_number + chunk.record_count)
    else:
        numbers = np.array(chunk.numbers)
    with conn.cursor().copy(copy_records(target)) as copy:
        copy.write(_numbered(lines, starts, numbers[scan.sure]))


def _drop_fields(kept: NDArray[np.bool_], scan: Scan, unknown: list[int]) -> None:
    """Unmark the bytes of the unknown fields, each with the comma behind it, or before it where it is the last."""
    edges = np.zeros(kept.size + 1, dtype=np.int8)
    width = scan.field_ends.shape[0]
    last_known = max((place for place in range(width) if place not in unknown), default=-1)
    for place in unknown:
        # Behind the last known field it is the comma before the field that goes with it.
        shift = -1 if place > last_known else 0
        edges[scan.field_starts[place] + shift] += 1
        edges[scan.field_ends[place] + 1 + shift] -= 1
    kept &= np.cumsum(edges[:-1], dtype=np.int8) == 0


def _numbered(lines: NDArray[np.uint8], starts: NDArray[np.int64], numbers: NDArray[np.int64]) -> bytes:
    """The lines, each with its number and a comma before it."""
    digits = len(str(int(numbers[-1])))
    block = np.empty((numbers.size, digits + 1), dtype=np.uint8)
    block[:, digits] = 44
    rest = numbers.copy()
    for place in range(digits - 1, -1, -1):
        rest, digit = np.divmod(rest, 10)
        block[:, place] = digit + 48
    numbered = np.empty(lines.size + block.size, dtype=np.uint8)
    is_line = np.ones(numbered.size, dtype=np.bool_)
    places = (starts + np.arange(numbers.size) * (digits + 1))[:, None] + np.arange(digits + 1)
    numbered[places] = block
    is_line[places] = False
    numbered[is_line] = lines
    return numbered.tobytes()
