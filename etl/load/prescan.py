"""Look at a chunk column by column with numpy: which records surely pass, where their fields are, what they add up to.

It never rejects: a record it is not sure of goes to the salvage lane, which is the definition (`etl.load.salvage`).
It must therefore never be sure of a record that the definition would reject.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from etl.core.spec import Column
from etl.load.fields import LONGEST_KEY, Fields, Flags, Places, Text, Words, combined
from etl.load.hints import Hint


class _Scratch:
    """Room for a chunk's flags, kept from one scan to the next: to get it anew costs more than to fill it."""

    def __init__(self) -> None:
        # As many as there were scans at the same time, which is one where a large file is spread over workers.
        self._free: deque[tuple[Flags, Flags]] = deque()

    @contextmanager
    def flags(self, size: int) -> Iterator[tuple[Flags, Flags]]:
        """Twice room for so many flags, with anything in it, for as long as the block lasts."""
        try:
            room = self._free.pop()
        except IndexError:
            room = np.empty(0, dtype=np.bool_), np.empty(0, dtype=np.bool_)
        if room[0].size < size:
            room = np.empty(size, dtype=np.bool_), np.empty(size, dtype=np.bool_)
        try:
            yield room[0][:size], room[1][:size]
        finally:
            self._free.append(room)


_scratch = _Scratch()


@dataclass(frozen=True, slots=True)
class Contract:
    """What the scan must know of the feed. `as_of_value` stands for an empty date in the key, as YYYYMMDD."""

    key: tuple[str, ...]
    control_columns: tuple[str, ...]
    as_of_value: int
    hints: Mapping[str, Hint] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scan:
    """What was found. `starts` and `ends` are record bounds; `sure` tells the records that surely pass.

    `field_ends` has a row for each record of the right field count (`counted`): where each of its fields ends. `cents`
    are the totals of the control columns over the sure records, in the smallest unit. `key_hashes` has an entry for
    each sure record: equal keys have equal hashes.
    """

    starts: Places
    ends: Places
    sure: Flags
    counted: Flags
    field_ends: Places
    cents: dict[str, int]
    key_hashes: Words

    def before_field(self, place: int) -> Places:
        """Where the separator in front of the field of that place stands, in each record of the right field count."""
        before: Places = self.field_ends[:, place - 1] if place else self.starts[self.counted] - 1
        return before

    def without_fields(self) -> "Scan":
        """The same without `field_ends`, which take more room than the records."""
        return replace(self, field_ends=np.empty((0, 0), dtype=np.int64))


def scan_records(records: bytes, record_count: int, columns: Sequence[Column | None], contract: Contract) -> Scan:
    """Scan *records*, each ended by one LF, of a file with these columns (None: not in the contract)."""
    quoted = b'"' in records
    text = Text(records)
    field_ends, ends, counted = _separators(text.of_records, record_count, len(columns), quoted=quoted)
    starts = np.zeros_like(ends)
    np.add(ends[:-1], 1, out=starts[1:])
    sure = counted.copy()
    _mark_bytes(records, text.of_records, ends, sure)
    passed = sure[counted]
    amounts: dict[str, Places] = {}
    keys: dict[str, Words] = {}
    # To go along a column again and again is faster on a copy than across the records.
    bounds = {-1: starts[counted] - 1}
    for place, column in enumerate(columns):
        hint = contract.hints.get(column.name) if column else None
        if column is None or (column.sql_type == "text" and not column.required and hint is None):
            continue
        for needed in (place - 1, place):
            if needed not in bounds:
                bounds[needed] = field_ends[:, needed].copy()
        is_amount, is_key = column.name in contract.control_columns, column.name in contract.key
        fields = Fields(text, bounds[place - 1] + 1, bounds[place], quoted=quoted)
        good, value = fields.judge(column, wants_value=is_amount or is_key or hint is not None)
        passed &= good
        if hint is not None:
            passed &= fields.meets(hint, value) | fields.empty
        if value is not None and is_amount:
            amounts[column.name] = value
        if is_key:
            if value is None:
                passed &= fields.lengths <= LONGEST_KEY
            keys[column.name] = fields.hashes() if value is None else fields.value_or(value, contract.as_of_value)
    sure[counted] = passed
    cents = {name: int(value.sum(where=passed)) for name, value in amounts.items()}
    hashes = combined([keys[name] for name in contract.key if name in keys], passed.size)
    return Scan(starts, ends, sure, counted, field_ends, cents, hashes[passed])


def _separators(
    text: NDArray[np.uint8], record_count: int, width: int, *, quoted: bool
) -> tuple[Places, Places, Flags]:
    """Where fields end, a row for each record that has *width* of them; where all records end; which have that many."""
    with _scratch.flags(text.size) as (is_separator, is_line_end):
        np.equal(text, 44, out=is_separator)
        np.equal(text, 10, out=is_line_end)
        np.logical_or(is_separator, is_line_end, out=is_separator)
        separators = np.flatnonzero(is_separator)
    if quoted:
        quotes = np.flatnonzero(text == 34)
        separators = separators[np.searchsorted(quotes, separators) % 2 == 0]
    if separators.size == width * record_count:
        ends = separators[width - 1 :: width].copy()
        if bool((text.take(ends) == 10).all()):
            return separators.reshape(-1, width), ends, np.ones(record_count, dtype=np.bool_)
    line_ends = np.flatnonzero(text[separators] == 10)
    if line_ends.size != record_count:
        raise AssertionError(f"{line_ends.size} line ends in a chunk of {record_count} records")
    counts = np.diff(line_ends, prepend=-1)
    counted = counts == width
    return separators[np.repeat(counted, counts)].reshape(-1, width), separators[line_ends], counted


def _mark_bytes(records: bytes, text: NDArray[np.uint8], ends: Places, sure: Flags) -> None:
    """Doubt records with NUL bytes, with bytes that are not UTF-8, and with lines that COPY takes for its end mark."""
    if b"\x00" in records:
        sure[np.searchsorted(ends, np.flatnonzero(text == 0))] = False
    if not records.isascii():
        try:
            records.decode("utf-8")
        except UnicodeDecodeError:
            # Every record with a wide character is in doubt, since one of them is no character.
            sure[np.searchsorted(ends, np.flatnonzero(text >= 128))] = False
    if b"\\" in records:
        marks = np.flatnonzero((text[:-1] == 92) & (text[1:] == 46))
        sure[np.searchsorted(ends, marks)] = False
