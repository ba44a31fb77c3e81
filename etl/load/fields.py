"""The fields of one column of a chunk, many at once: are they of their type, what numbers are they, are two alike.

Eight bytes are read at once, at any place, as one whole number; the first byte is its lowest.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from etl.core.spec import Column
from etl.load.hints import Hint
from etl.load.types import NumericType, numeric_type

Places = NDArray[np.int64]
Flags = NDArray[np.bool_]
Words = NDArray[np.uint64]


@cache
def _u(number: int) -> Words:
    """A number for words, as an array without dimensions: made once, and taken in faster than a scalar."""
    return np.array(number, dtype=np.uint64)


# Bytes before and behind the records, so that eight bytes can be read at once at either end.
PADDING = 16
# What is longer is hashed no further, and goes the slow way as a key.
LONGEST_KEY = 256
_FIRST_DATE, _LAST_DATE = 19000101, 21991231
_ZEROS = _u(0x3030303030303030)


class Text:
    """The records of a chunk, to be read a byte, eight or sixteen at once, at any place and a little beyond."""

    def __init__(self, records: bytes) -> None:
        padded = np.empty(len(records) + 2 * PADDING, dtype=np.uint8)
        padded[:PADDING] = padded[-PADDING:] = 0
        padded[PADDING:-PADDING] = np.frombuffer(records, dtype=np.uint8)
        self.of_records = padded[PADDING:-PADDING]
        self._bytes = padded
        # These overlap. To read sixteen bytes takes hardly longer than to read eight; one byte is seven times as fast.
        self._words = np.ndarray((padded.size - 7,), dtype="<u8", buffer=padded, strides=(1,))
        self._pairs = np.ndarray((padded.size - 15,), dtype="<c16", buffer=padded, strides=(1,))

    def bytes_at(self, places: Places, offset: int = 0) -> NDArray[np.uint8]:
        """The byte at each place, or so far from it."""
        return self._bytes.take(places + (PADDING + offset))

    def words_at(self, places: Places, offset: int = 0) -> Words:
        """The eight bytes from each place on."""
        return self._words[places + (PADDING + offset)]

    def pairs_at(self, places: Places, offset: int = 0) -> tuple[Words, Words]:
        """The eight bytes from each place on, and the next eight."""
        pairs = self._pairs[places + (PADDING + offset)].view(np.uint64).reshape(-1, 2)
        return pairs[:, 0], pairs[:, 1]


class Fields:
    """One column's fields: which of them surely are of the column's type, and their values where they are numbers."""

    def __init__(self, text: Text, starts: Places, ends: Places, *, quoted: bool) -> None:
        self.text, self.starts, self.ends = text, starts, ends
        self.lengths = ends - starts
        self.empty = self.lengths == 0
        if quoted:
            # What stands in the quotes is judged like anything else, except that nothing in them is not NULL.
            in_quotes = text.bytes_at(starts) == 34
            in_quotes &= ~self.empty
            self.starts, self.ends = starts + in_quotes, ends - in_quotes
            self.lengths = self.ends - self.starts
        self.longest = int(self.lengths.max(initial=0))

    def judge(self, column: Column, *, wants_value: bool = True) -> tuple[Flags, Places | None]:
        """For each field: does it surely pass; and its value as a number, if the type has one and it is wanted."""
        value: Places | None = None
        numeric = numeric_type(column.sql_type)
        if column.sql_type == "text":
            good = self.lengths > 0
        elif self.longest == 0:
            good, value = np.zeros(self.lengths.size, dtype=np.bool_), np.zeros(self.lengths.size, dtype=np.int64)
        elif column.sql_type == "date":
            good, value = self._dates()
        elif column.sql_type == "boolean":
            good = self._booleans()
        elif numeric is not None:
            good, value = self._numbers(numeric, wants_value=wants_value)
        else:
            # A type that this module does not know is for the salvage lane.
            good = np.zeros(self.lengths.size, dtype=np.bool_)
        return (good if column.required else good | self.empty), value

    def meets(self, hint: Hint, value: Places | None) -> Flags:
        """Fields with a value in the hint's range, or with one of its texts."""
        if value is not None:
            return (value >= hint.low) & (value <= hint.high)
        found = np.zeros(self.lengths.size, dtype=np.bool_)
        longest = max(map(len, hint.among))
        if longest == 1:
            byte = self.text.bytes_at(self.starts)
            for text in hint.among:
                found |= byte == ord(text)
            found &= self.lengths == 1
            return found
        front = self.text.words_at(self.starts)
        back = self.text.words_at(self.ends, -8) if longest > 8 else front
        for text in hint.among:
            same = self.lengths == len(text)
            same &= (front & _FIRST_BYTES[min(len(text), 8)]) == int.from_bytes(text[:8], "little")
            if len(text) > 8:
                same &= back == int.from_bytes(text[-8:], "little")
            found |= same
        return found

    def value_or(self, value: Places, instead: int) -> Words:
        """The values, and *instead* where a field is empty."""
        return np.where(self.empty, instead, value).astype(np.uint64)

    def hashes(self) -> Words:
        """A hash of each field's bytes. An escaped quote is always written the same, so it needs no care."""
        hashes = self.lengths.astype(np.uint64)
        for first in range(0, min(self.longest, LONGEST_KEY), 16):
            # Behind the end of a field there may be nothing to read.
            places = self.starts + first if first == 0 else np.minimum(self.starts + first, self.text.of_records.size)
            for word, done in zip(self.text.pairs_at(places), (first, first + 8), strict=True):
                if done >= self.longest:
                    break
                left = self.lengths - done
                mixed = _mixed(hashes ^ (word & _FIRST_BYTES.take(left, mode="clip")))
                # A shorter field's hash must not hang on how long the others are.
                hashes = mixed if done == 0 else np.where(left > 0, mixed, hashes)
        return hashes

    def _booleans(self) -> Flags:
        word = self.text.words_at(self.starts) | _u(0x2020202020202020)
        is_true = (self.lengths == 4) & ((word & _u(0xFFFFFFFF)) == int.from_bytes(b"true", "little"))
        is_false = (self.lengths == 5) & ((word & _u(0xFFFFFFFFFF)) == int.from_bytes(b"false", "little"))
        flags: Flags = is_true | is_false
        return flags

    def _dates(self) -> tuple[Flags, Places]:
        """Dates written YYYY-MM-DD that exist, in the years that rule_date_range lets pass; as numbers YYYYMMDD."""
        # Of a field of another length the words are read all the same; it does not pass.
        front, back = self.text.pairs_at(self.starts)
        good = self.lengths == 10
        good &= (front & _u(0xFF0000FF00000000)) == _u(0x2D00002D00000000)
        digits = front & _u(0x00000000FFFFFFFF)
        digits |= (front >> _u(8)) & _u(0x0000FFFF00000000)
        digits |= back << _u(48)
        digits ^= _ZEROS
        good &= _are_digits(digits)
        value = _number(digits).view(np.int64)
        exists = _existing_dates()
        good &= exists.take(value - (_FIRST_DATE - 1), mode="clip")
        return good, value

    def _numbers(self, numeric: NumericType, *, wants_value: bool) -> tuple[Flags, Places | None]:
        """Plain decimals of up to thirteen characters, as whole numbers of the type's smallest unit."""
        if self.longest <= 2:
            good, short = self._short_numbers(numeric)
            if (good | self.empty).all():
                return good, short
        good, value = self._positive(self.lengths, numeric, wants_value=wants_value)
        if (good | self.empty).all():
            return good, value
        negative = self.text.bytes_at(self.starts) == 45
        negative &= self.lengths > 1
        if not negative.any():
            return good, value
        good, value = self._positive(self.lengths - negative, numeric, wants_value=wants_value)
        return good, None if value is None else np.where(negative, -value, value)

    def _short_numbers(self, numeric: NumericType) -> tuple[Flags, Places]:
        """Numbers of one or two digits and nothing else, which can be read byte by byte."""
        digit = self.text.bytes_at(self.ends, -1) - np.uint8(48)
        good = digit < 10
        good &= self.lengths > 0
        value = digit.astype(np.int64)
        if self.longest == 2:
            digit = self.text.bytes_at(self.ends, -2) - np.uint8(48)
            digit[self.lengths != 2] = 0
            good &= digit < 10
            value += digit * np.int64(10)
        value *= 10**numeric.scale
        good &= value < numeric.limit
        return good, value

    def _positive(self, lengths: Places, numeric: NumericType, *, wants_value: bool) -> tuple[Flags, Places | None]:
        """The numbers in the last *lengths* characters, which have no sign."""
        longest = int(lengths.max(initial=0))
        good = lengths > 0
        # In a word the last character is the highest byte: what stands before the field is cut.
        if longest > 8:
            good &= lengths <= 13
            front, back = self.text.pairs_at(self.ends, -16)
            high, low = _digits(front, lengths - 8), _digits(back, lengths)
        else:
            high, low = None, _digits(self.text.words_at(self.ends, -8), lengths)
        low, high, power = _without_point(low, high, lengths, numeric.scale)
        good &= _are_digits(low)
        if high is not None:
            good &= _are_digits(high)
        may_be_too_large = 10 ** (longest + numeric.scale) > numeric.limit
        if not wants_value and not may_be_too_large:
            return good, None
        value = _number(low).view(np.int64)
        if high is not None:
            value += _number(high).view(np.int64) * 100_000_000
        if power is not _AS_IT_IS:
            value *= power
        if may_be_too_large:
            good &= value < numeric.limit
        return good, value


def _digits(word: Words, lengths: Places) -> Words:
    """The last *lengths* characters of each word, all eight if they are more, as digits, one a byte; zeros before them."""
    digits = word ^ _ZEROS
    digits &= _LAST_BYTES.take(lengths, mode="clip")
    return digits


def _without_point(
    low: Words, high: Words | None, lengths: Places, scale: int
) -> tuple[Words, Words | None, Places | np.int64]:
    """The digits without their decimal point, and what brings them to the smallest unit. A misplaced point stays."""
    power: Places | np.int64 = _POWERS[scale]
    seen: Flags | None = None
    for decimals in range(min(scale, 6), 0, -1):
        place = 8 * (7 - decimals)
        here = (low & _u(0xFF << place)) == _u(_POINT << place)
        here &= lengths > decimals + 1
        if seen is not None:
            here &= ~seen
        if not here.any():
            continue
        # What stands left of the point moves one to the right, and one comes over from the high word.
        left = _u((1 << (place + 8)) - 1)
        moved = (low << _u(8)) & left
        if high is not None:
            moved |= high >> _u(56)
        moved |= low & ~left
        if decimals == scale and (here | (lengths == 0)).all():
            # As in most files: the point stands in the same place throughout. Nothing is lost where there is nothing.
            return moved, None if high is None else high << _u(8), _AS_IT_IS
        low = np.where(here, moved, low)
        if high is not None:
            high = np.where(here, high << _u(8), high)
        power = np.where(here, _POWERS[scale - decimals], power)
        seen = here if seen is None else seen | here
    return low, high, power


_POWERS = np.array([10**power for power in range(19)], dtype=np.int64)
_AS_IT_IS = np.int64(1)
_FIRST_BYTES = np.array([(1 << (8 * length)) - 1 for length in range(9)], dtype=np.uint64)
_LAST_BYTES = np.array([((1 << (8 * n)) - 1) << (64 - 8 * n) for n in range(9)], dtype=np.uint64)
_POINT = ord(".") ^ ord("0")


def _are_digits(word: Words) -> Flags:
    """Words of which all eight bytes are 0 to 9."""
    over = word + _u(0x7676767676767676)
    over |= word
    over &= _u(0x8080808080808080)
    flags: Flags = over == 0
    return flags


def _number(word: Words) -> Words:
    """The number that eight digits make, the first of them in the lowest byte."""
    number: Words = word * _u(2561)
    number >>= _u(8)
    number &= _u(0x00FF00FF00FF00FF)
    number *= _u(6553601)
    number >>= _u(16)
    number &= _u(0x0000FFFF0000FFFF)
    number *= _u(42949672960001)
    number >>= _u(32)
    return number


def digits_of(number: Words) -> Words:
    """The eight digits of numbers of up to eight, as characters, the first of them in the lowest byte."""
    front = number // 10_000
    word = front | ((number - front * 10_000) << _u(32))
    front = (word * _u(5243) >> _u(19)) & _u(0x0000007F0000007F)
    word = front | ((word - front * _u(100)) << _u(16))
    front = (word * _u(103) >> _u(10)) & _u(0x000F000F000F000F)
    digits: Words = front | ((word - front * _u(10)) << _u(8)) | _ZEROS
    return digits


def _mixed(word: Words) -> Words:
    """Each bit of the result hangs on all bits of *word*, and no two words have the same result."""
    mixed: Words = word >> _u(32)
    mixed ^= word
    mixed *= _u(0xD6E8FEB86659FD93)
    mixed ^= mixed >> _u(29)
    mixed *= _u(0xD6E8FEB86659FD93)
    mixed ^= mixed >> _u(32)
    return mixed


def combined(parts: Sequence[Words], size: int) -> Words:
    """One hash of all the parts of a key."""
    hashes = np.zeros(size, dtype=np.uint64)
    for part in parts:
        hashes = _mixed(hashes ^ part) + _u(0x9E3779B97F4A7C15)
    return hashes


@cache
def _existing_dates() -> Flags:
    """For each number YYYYMMDD from the first date on: is there such a day. Entries before and behind are for all others."""
    days = np.arange(f"{_FIRST_DATE // 10000}-01-01", f"{_LAST_DATE // 10000 + 1}-01-01", dtype="datetime64[D]")
    months, years = days.astype("datetime64[M]"), days.astype("datetime64[Y]")
    year, month = years.astype(np.int64) + 1970, (months - years).astype(np.int64) + 1
    numbers = year * 10000 + month * 100 + (days - months).astype(np.int64) + 1
    exists = np.zeros(_LAST_DATE - _FIRST_DATE + 3, dtype=np.bool_)
    exists[numbers - (_FIRST_DATE - 1)] = True
    return exists
