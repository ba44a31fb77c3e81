"""CSV cells as NUL-padded bytes of fixed width, and rows squeezed out of them at once.

A column is an array of dtype `S<width>`. Cells may hold NULs anywhere; `Rows.encode` writes the columns side by side with
their commas and removes every NUL in one pass, which leaves plain RFC 4180 text.
"""

from collections.abc import Iterable, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Cells = npt.NDArray[np.bytes_]

FIRST_DAY = -22000  # 1909-10-07, before any birth
LAST_DAY = 32000  # 2057-08-12
AT_ONCE = 1_000  # rows encoded together


def quoted(text: str) -> bytes:
    """*text* as one CSV field, quoted only where RFC 4180 asks for it; '' stays NULL."""
    if any(mark in text for mark in ',"\r\n'):
        text = '"' + text.replace('"', '""') + '"'
    return text.encode()


def pool(texts: Iterable[str]) -> Cells:
    """Cells of a pool of texts, each encoded once; index them with arrays of places."""
    return np.array([quoted(text) for text in texts], dtype=np.bytes_)


@cache
def _four_digits() -> tuple[Cells, Cells]:
    """`0000`-`9999`, with and without their leading zeros (0 keeps none)."""
    padded = np.array([b"%04d" % n for n in range(10_000)], dtype="S4")
    bare = padded.view(np.uint8).reshape(-1, 4).copy()
    leading = np.cumprod(bare == ord("0"), axis=1).astype(bool)
    bare[leading] = 0
    return padded, bare.reshape(-1).view("S4")


@cache
def _low_digits() -> Cells:
    """The last four digits of a number: bare with one digit at least (0-9999), then zero-padded (10000-19999)."""
    padded, bare = _four_digits()
    low = bare.copy()
    low[0] = b"\0\0\x000"
    return np.concatenate([low, padded])


@cache
def _cents() -> Cells:
    return np.array([b".%02d" % n for n in range(100)], dtype="S3")


@cache
def _days() -> Cells:
    days = np.arange(FIRST_DAY, LAST_DAY).astype("datetime64[D]")
    return np.concatenate([np.array([b""], dtype="S10"), np.datetime_as_string(days).astype("S10")])


NO_DAY = FIRST_DAY - 1  # the day that is written as NULL


def dates(days: npt.NDArray[np.integer]) -> Cells:
    """Days since 1970 as `YYYY-MM-DD`; NO_DAY as NULL."""
    found: Cells = _days()[days - NO_DAY]
    return found


def _side_by_side(parts: Sequence[Cells]) -> Cells:
    """Cells joined left to right, NULs kept."""
    width = sum(part.dtype.itemsize for part in parts)
    joined = np.empty(len(parts[0]), dtype=[(str(i), part.dtype) for i, part in enumerate(parts)])
    for i, part in enumerate(parts):
        joined[str(i)] = part
    cells: Cells = joined.view(f"S{width}")
    return cells


def money(cents: npt.NDArray[np.integer]) -> Cells:
    """Cents (0 to 9,999,999,999) as dollars with two decimals."""
    _, bare = _four_digits()
    dollars, rest = np.divmod(cents, 100)
    high, low = np.divmod(dollars, 10_000)
    return _side_by_side([bare[high], _low_digits()[low + 10_000 * (high > 0)], _cents()[rest]])


def whole(numbers: npt.NDArray[np.integer]) -> Cells:
    """Whole numbers from 0 to 99,999,999, without leading zeros."""
    _, bare = _four_digits()
    high, low = np.divmod(numbers, 10_000)
    return _side_by_side([bare[high], _low_digits()[low + 10_000 * (high > 0)]])


def tenths(numbers: npt.NDArray[np.integer]) -> Cells:
    """Tenths as a decimal with one place."""
    units, rest = np.divmod(numbers, 10)
    return _side_by_side([whole(units), np.array([b".%d" % n for n in range(10)], dtype="S2")[rest]])


def padded(numbers: npt.NDArray[np.integer], digits: int) -> Cells:
    """Numbers with exactly *digits* digits, zeros in front."""
    zeros, _ = _four_digits()
    groups = -(-digits // 4)
    parts = []
    rest = numbers
    for _ in range(groups):
        rest, low = np.divmod(rest, 10_000)
        parts.append(zeros[low])
    cells = _side_by_side(parts[::-1])
    extra = groups * 4 - digits
    if not extra:
        return cells
    bare = np.ascontiguousarray(cells.view(np.uint8).reshape(-1, groups * 4)[:, extra:])
    cut: Cells = bare.reshape(-1).view(f"S{digits}")
    return cut


def tagged(prefix: str, cells: Cells) -> Cells:
    """*prefix* before each cell."""
    return _side_by_side([np.full(len(cells), prefix.encode(), dtype=f"S{len(prefix)}"), cells])


def joined(*parts: Cells | bytes) -> Cells:
    """Cells and constants, left to right."""
    count = next(len(part) for part in parts if not isinstance(part, bytes))
    return _side_by_side([np.full(count, p, dtype=f"S{len(p)}") if isinstance(p, bytes) else p for p in parts])


def flags(values: npt.NDArray[np.bool_]) -> Cells:
    """Booleans as `true` and `false`."""
    return np.array([b"false", b"true"], dtype="S5")[values.astype(np.int8)]


def blank(count: int) -> Cells:
    """A column of NULLs."""
    return np.zeros(count, dtype="S1")


def constant(text: str, count: int) -> Cells:
    """One text in every row."""
    return np.full(count, quoted(text), dtype=f"S{max(1, len(text.encode()))}")


class Rows:
    """Rows of one feed, ready to be cut and encoded."""

    def __init__(self, columns: Sequence[Cells]) -> None:
        fields: list[tuple[str, str]] = []
        for i, cells in enumerate(columns):
            fields += [(f"c{i}", cells.dtype.str), (f"s{i}", "S1")]
        template = np.zeros(1, dtype=fields)
        for i in range(len(columns)):
            template[f"s{i}"] = b"\n" if i == len(columns) - 1 else b","
        self._columns = columns
        # Side by side they are wide: some rows at a time stay in the processor's cache.
        self._buffer = np.repeat(template, min(len(self), AT_ONCE))

    def __len__(self) -> int:
        return len(self._columns[0])

    def encode(self, start: int, end: int) -> bytes:
        """The text of rows *start* to *end*."""
        texts = []
        for first in range(start, end, AT_ONCE):
            rows = self._buffer[: min(AT_ONCE, end - first)]
            for i, cells in enumerate(self._columns):
                rows[f"c{i}"] = cells[first : first + len(rows)]
            texts.append(rows.tobytes().translate(None, b"\0"))
        return b"".join(texts)
