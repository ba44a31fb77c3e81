"""Cut a buffer at record ends with numpy: only where it surely cuts as `etl.extract.dialect` would.

A buffer without quotes ends at its last line end. With quotes, a line end is a record's end where the quotes before it
are even in number; and every quote must stand where RFC 4180 lets it, or the cut is left to the dialect.
"""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class SoundCut(NamedTuple):
    """Records that are sound in structure, each ended by one LF."""

    consumed: int
    records: bytes
    record_count: int


def cut_sound(buffer: bytes, limit: int) -> SoundCut | None:
    """The whole records at the start of *buffer*; None where there is any doubt, or no whole record."""
    end = buffer.rfind(b"\n") + 1
    if end == 0:
        return None
    if buffer.find(b'"', 0, end) >= 0:
        return _cut_quoted(buffer, limit)
    records = buffer[:end]
    if b"\r" in records:
        if records.count(b"\r") != records.count(b"\r\n"):
            return None
        records = records.replace(b"\r\n", b"\n")
    import numpy as np

    is_line_end = np.frombuffer(records, dtype=np.uint8) == 10
    if is_line_end[0] or (is_line_end[1:] & is_line_end[:-1]).any() or _may_hold_long_line(records, limit):
        return None
    return SoundCut(end, records, int(np.count_nonzero(is_line_end)))


def _may_hold_long_line(records: bytes, limit: int) -> bool:
    """No line is longer than *limit* where each stretch of half that length holds a line end."""
    if len(records) <= limit:
        return False
    stretch = max(1, limit // 2)
    return any(
        records.find(b"\n", start, start + stretch) < 0 for start in range(0, len(records) - stretch + 1, stretch)
    )


def _cut_quoted(buffer: bytes, limit: int) -> SoundCut | None:
    import numpy as np

    places = np.frombuffer(buffer, dtype=np.uint8)
    quotes = np.flatnonzero(places == 34)
    line_ends = np.flatnonzero(places == 10)
    record_ends = line_ends[_outside(line_ends, quotes)]
    if not record_ends.size:
        return None
    end = int(record_ends[-1]) + 1
    quotes = quotes[: np.searchsorted(quotes, end)]
    if not _well_placed(places, quotes, end):
        return None
    records = places[:end]
    returns = np.flatnonzero(records == 13)
    if returns.size:
        returns = returns[_outside(returns, quotes)]
        if not np.array_equal(places[returns + 1], np.full(returns.size, 10, dtype=np.uint8)):
            return None
        records = np.delete(records, returns)
        record_ends = record_ends - np.searchsorted(returns, record_ends)
    lengths = np.diff(record_ends, prepend=-1)
    if lengths.min() <= 1 or lengths.max() > limit:
        return None
    return SoundCut(end, records.tobytes(), int(record_ends.size))


def _outside(places: "NDArray[np.int64]", quotes: "NDArray[np.int64]") -> "NDArray[np.bool_]":
    """Which of *places* stand outside quotes."""
    import numpy as np

    inside: NDArray[np.bool_] = np.searchsorted(quotes, places) % 2 == 1
    return ~inside


def _well_placed(places: "NDArray[np.uint8]", quotes: "NDArray[np.int64]", end: int) -> bool:
    """Each opening quote follows a separator or a closing quote; each closing one is followed by one of them."""
    import numpy as np

    opening, closing = quotes[0::2], quotes[1::2]
    # A closing quote directly before an opening one: an escaped pair inside one field.
    escaped = np.zeros(opening.size, dtype=np.bool_)
    escaped[1:] = opening[1:] == closing[:-1] + 1
    before = places[np.maximum(opening - 1, 0)]
    if not ((before == 44) | (before == 10) | (opening == 0) | escaped).all():
        return False
    behind, next_but_one = places[closing + 1], places[np.minimum(closing + 2, end - 1)]
    sound = (behind == 44) | (behind == 10) | (behind == 34) | ((behind == 13) & (next_but_one == 10))
    return bool(sound.all())
