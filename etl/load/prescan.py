"""Look at a chunk column by column with numpy: which records surely pass, where their fields are, what they add up to.

It never rejects: a record it is not sure of goes to the salvage lane, which is the definition (`etl.load.salvage`).
It must therefore never be sure of a record that the definition would reject.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etl.core.spec import Column
from etl.load.types import NumericType, numeric_type

Places = NDArray[np.int64]
Flags = NDArray[np.bool_]
Words = NDArray[np.uint64]

_u = np.uint64
# Bytes before and behind the records, so that eight bytes can be read at once at either end.
PADDING = 16
_FIRST_YEAR, _LAST_YEAR = 1900, 2199
_ZEROS = _u(0x3030303030303030)


@dataclass(frozen=True, slots=True)
class Scan:
    """What was found. `starts` and `ends` are record bounds; `sure` tells the records that surely pass.

    `field_starts` and `field_ends` have a row for each column of the file and an entry for each record of the right
    field count; `cents` are the totals of the control columns over the sure records, in the smallest unit.
    """

    starts: Places
    ends: Places
    sure: Flags
    counted: Flags
    field_starts: Places
    field_ends: Places
    cents: dict[str, int]


def scan_records(
    records: bytes, record_count: int, columns: Sequence[Column | None], control_columns: Sequence[str]
) -> Scan:
    """Scan *records*, each ended by one LF, of a file with these columns (None: not in the contract)."""
    padded = np.zeros(len(records) + 2 * PADDING, dtype=np.uint8)
    padded[PADDING : PADDING + len(records)] = np.frombuffer(records, dtype=np.uint8)
    text = padded[PADDING : PADDING + len(records)]
    quoted = b'"' in records
    separators = np.flatnonzero((text == 44) | (text == 10))
    if quoted:
        quotes = np.flatnonzero(text == 34)
        separators = separators[np.searchsorted(quotes, separators) % 2 == 0]
    width = len(columns)
    if separators.size == width * record_count and bool((text[separators[width - 1 :: width]] == 10).all()):
        counted = np.ones(record_count, dtype=np.bool_)
        ends = separators[width - 1 :: width]
    else:
        line_ends = np.flatnonzero(text[separators] == 10)
        ends = separators[line_ends]
        counts = np.diff(line_ends, prepend=-1)
        counted = counts == width
        separators = separators[np.repeat(counted, counts)]
    if ends.size != record_count:
        raise AssertionError(f"{ends.size} line ends in a chunk of {record_count} records")
    starts = np.empty_like(ends)
    starts[:1] = 0
    starts[1:] = ends[:-1] + 1
    field_ends = np.ascontiguousarray(separators.reshape(-1, width).T)
    field_starts = np.empty_like(field_ends)
    field_starts[0] = starts[counted]
    field_starts[1:] = field_ends[:-1] + 1
    words = np.ndarray((padded.size - 7,), dtype="<u8", buffer=padded, strides=(1,))
    sure = counted.copy()
    _mark_bytes(records, text, ends, sure)
    passed = sure[counted]
    values: dict[str, Places] = {}
    for place, column in enumerate(columns):
        if column is not None:
            fields = Fields(words, field_starts[place], field_ends[place], quoted=quoted)
            good, value = fields.judge(column)
            passed &= good
            if value is not None and column.name in control_columns:
                values[column.name] = value
    sure[counted] = passed
    cents = {name: int(value[passed].sum()) for name, value in values.items()}
    return Scan(starts, ends, sure, counted, field_starts, field_ends, cents)


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
    if records.startswith(b"\\.") or b"\n\\." in records:
        marks = np.flatnonzero((text[:-1] == 92) & (text[1:] == 46))
        sure[np.searchsorted(ends, marks)] = False


class Fields:
    """One column's fields: which of them surely are of the column's type, and their values where they are numbers."""

    def __init__(self, words: Words, starts: Places, ends: Places, *, quoted: bool) -> None:
        self.words, self.starts, self.ends = words, starts + PADDING, ends + PADDING
        self.unquoted = self.starts == self.starts
        if quoted:
            # What stands in the quotes is judged like anything else, except that nothing in them is not NULL.
            in_quotes = (words[self.starts] & _u(0xFF)) == 34
            in_quotes &= ends > starts
            self.starts, self.ends, self.unquoted = self.starts + in_quotes, self.ends - in_quotes, ~in_quotes
        self.lengths = self.ends - self.starts

    def judge(self, column: Column) -> tuple[Flags, Places | None]:
        """For each field: does it surely pass; and its value, 0 where it is empty or does not."""
        empty = (self.lengths == 0) & self.unquoted
        value: Places | None = None
        if column.sql_type == "date":
            good = self._dates()
        elif column.sql_type == "boolean":
            good = self._booleans()
        elif (numeric := numeric_type(column.sql_type)) is not None:
            good, value = self._numbers(numeric)
        else:
            good = self.lengths > 0 if column.required else ~empty
        return (good if column.required else good | empty), value

    def _booleans(self) -> Flags:
        word = self.words[self.starts] | _u(0x2020202020202020)
        is_true = (self.lengths == 4) & ((word & _u(0xFFFFFFFF)) == int.from_bytes(b"true", "little"))
        is_false = (self.lengths == 5) & ((word & _u(0xFFFFFFFFFF)) == int.from_bytes(b"false", "little"))
        flags: Flags = is_true | is_false
        return flags

    def _dates(self) -> Flags:
        """Dates written YYYY-MM-DD that exist, in the years that rule_date_range lets pass."""
        # Of a field of another length the words are read all the same; it does not pass.
        front, back = self.words[self.starts], self.words[self.starts + 2]
        good = self.lengths == 10
        good &= (front & _u(0xFF0000FF00000000)) == _u(0x2D00002D00000000)
        front, back = front & _u(0x00FFFF00FFFFFFFF), back >> _u(48)
        good &= _only_digits(front | _u(0x3000003000000000)) & _only_digits(back | _u(0x3030303030300000))
        digits = front & _u(0x000F0F000F0F0F0F)
        year = (digits & 0xF) * 1000 + (digits >> 8 & 0xF) * 100 + (digits >> 16 & 0xF) * 10 + (digits >> 24 & 0xF)
        month = (digits >> 40 & 0xF) * 10 + (digits >> 48 & 0xF)
        day = (back & 0xF) * 10 + (back >> 8 & 0xF)
        good &= (year >= _FIRST_YEAR) & (year <= _LAST_YEAR) & (month >= 1) & (month <= 12) & (day >= 1)
        month_lengths = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 0, 0, 0], dtype=np.uint64)
        last = month_lengths[np.minimum(month, 15).astype(np.intp)]
        leap = ((year % 4 == 0) & (year % 100 != 0)) | (year % 400 == 0)
        flags: Flags = good & (day <= last + ((month == 2) & leap))
        return flags

    def _numbers(self, numeric: NumericType) -> tuple[Flags, Places]:
        """Plain decimals of up to thirteen characters, as whole numbers of the type's smallest unit."""
        starts, lengths = self.starts, self.lengths
        negative = (self.words[starts] & _u(0xFF)) == 45
        if negative.any():
            negative &= lengths > 1
            lengths = lengths - negative
        high = self.words[self.ends - 16]
        low = self.words[self.ends - 8]
        # In a word the last character is the highest byte: what stands before the field is cut and filled with zeros.
        low = _fill(low, lengths)
        good = (lengths > 0) & (lengths <= 13)
        is_long = lengths > 8
        if is_long.any():
            high = np.where(is_long, _fill(high, np.maximum(lengths - 8, 0)), _ZEROS)
        else:
            high = np.full(low.size, _ZEROS, dtype=np.uint64)
        scaled = np.zeros(low.size, dtype=np.bool_)
        places = np.zeros(low.size, dtype=np.uint64)
        for decimals in range(1, min(numeric.scale, 6) + 1):
            here = ((low >> (8 * (7 - decimals))) & _u(0xFF)) == 46
            here &= lengths > decimals + 1
            here &= ~scaled
            if not here.any():
                continue
            # Take the point out: what stands left of it moves one to the right, and one comes over from the high word.
            moved = (low << 8) & ((1 << (8 * (8 - decimals))) - 1)
            moved |= high >> 56
            kept = low & np.uint64(((1 << 64) - 1) ^ ((1 << (8 * (8 - decimals))) - 1))
            low = np.where(here, moved | kept, low)
            high = np.where(here, (high << 8) | _u(0x30), high)
            scaled |= here
            places = np.where(here, np.uint64(decimals), places)
        good &= _only_digits(low) & _only_digits(high)
        value = _parse_eight(low).astype(np.int64) + _parse_eight(high).astype(np.int64) * 100_000_000
        powers = np.array([10 ** (numeric.scale - n) for n in range(numeric.scale + 1)], dtype=np.int64)
        value *= powers[places.astype(np.intp)]
        good &= value < min(10**numeric.precision, numeric.limit)
        value = np.where(negative, -value, value)
        return good, np.where(good, value, 0)


def _fill(word: Words, lengths: Places) -> Words:
    """The last *lengths* bytes of the text in each word, those before it made zeros."""
    kept = np.array([0] + [((1 << (8 * n)) - 1) << (64 - 8 * n) for n in range(1, 9)], dtype=np.uint64)
    mask = kept[np.clip(lengths, 0, 8)]
    filled: Words = (word & mask) | (~mask & np.uint64(_ZEROS))
    return filled


def _only_digits(word: Words) -> Flags:
    """Words of which all eight bytes are the characters 0 to 9."""
    flags: Flags = (
        (word & _u(0xF0F0F0F0F0F0F0F0)) | (((word + _u(0x0606060606060606)) & _u(0xF0F0F0F0F0F0F0F0)) >> 4)
    ) == _u(0x3333333333333333)
    return flags


def _parse_eight(word: Words) -> Words:
    """The number that eight digits make, the first of them in the lowest byte."""
    word = (word & _u(0x0F0F0F0F0F0F0F0F)) * _u(2561) >> _u(8)
    word = (word & _u(0x00FF00FF00FF00FF)) * _u(6553601) >> _u(16)
    parsed: Words = (word & _u(0x0000FFFF0000FFFF)) * _u(42949672960001) >> _u(32)
    return parsed
