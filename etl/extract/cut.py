"""Cut a buffer at record ends with numpy, as far as it surely cuts as `etl.extract.dialect` would.

A line end is a record's end where the quotes before it are even in number, as long as every quote stands where RFC 4180
lets it. The cut stops before the first record with a quote elsewhere, a carriage return that ends no line, a blank line
before it, or more bytes than a field may have: those are for the dialect to judge.
"""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Places = NDArray[np.int64]


class SoundCut(NamedTuple):
    """Records that are sound in structure, each ended by one LF; they took the first `consumed` bytes."""

    consumed: int
    records: bytes
    record_count: int


def cut_sound(buffer: bytes, limit: int) -> SoundCut | None:
    """The whole and surely sound records at the start of *buffer*; None where there is none."""
    import numpy as np

    end = buffer.rfind(b"\n") + 1
    if end == 0:
        return None
    if buffer.find(b'"', 0, end) < 0 and b"\r" not in buffer:
        records = buffer if end == len(buffer) else buffer[:end]
        is_line_end = np.frombuffer(records, dtype=np.uint8) == 10
        blank = bool(is_line_end[0]) or bool((is_line_end[1:] & is_line_end[:-1]).any())
        if not blank and not _may_hold_long_line(records, limit):
            return SoundCut(end, records, int(np.count_nonzero(is_line_end)))
    return _cut_with_care(buffer, limit)


def _may_hold_long_line(records: bytes, limit: int) -> bool:
    """No line is longer than *limit* where each stretch of half that length holds a line end."""
    if len(records) <= limit:
        return False
    stretch = max(1, limit // 2)
    return any(
        records.find(b"\n", start, start + stretch) < 0 for start in range(0, len(records) - stretch + 1, stretch)
    )


def _cut_with_care(buffer: bytes, limit: int) -> SoundCut | None:
    import numpy as np

    text = np.frombuffer(buffer, dtype=np.uint8)
    quotes = np.flatnonzero(text == 34)
    line_ends = np.flatnonzero(text == 10)
    record_ends = line_ends[_outside(line_ends, quotes)]
    if not record_ends.size:
        return None
    returns = np.flatnonzero(text == 13)
    if returns.size:
        returns = returns[_outside(returns, quotes)]
    doubt = min(
        _first_misplaced_quote(text, quotes),
        _first(returns[text[np.minimum(returns + 1, text.size - 1)] != 10], len(buffer)),
    )
    record_ends = record_ends[: np.searchsorted(record_ends, doubt)]
    # The length with the line end; two of them in a row (or one and a CR) make a blank line.
    lengths = np.diff(record_ends, prepend=-1)
    shortest = lengths - np.isin(record_ends - 1, returns) if returns.size else lengths
    odd = np.flatnonzero((shortest <= 1) | (lengths > limit))
    if odd.size:
        record_ends = record_ends[: odd[0]]
    if not record_ends.size:
        return None
    end = int(record_ends[-1]) + 1
    returns = returns[: np.searchsorted(returns, end)]
    records = np.delete(text[:end], returns).tobytes() if returns.size else buffer[:end]
    return SoundCut(end, records, int(record_ends.size))


def _first(places: "Places", otherwise: int) -> int:
    return int(places[0]) if places.size else otherwise


def _outside(places: "Places", quotes: "Places") -> "NDArray[np.bool_]":
    """Which of *places* stand outside quotes."""
    import numpy as np

    inside: NDArray[np.bool_] = np.searchsorted(quotes, places) % 2 == 1
    return ~inside


def _first_misplaced_quote(text: "NDArray[np.uint8]", quotes: "Places") -> int:
    """Where the first field with a misplaced quote begins, or the quote stands; behind the text if there is none.

    An opening quote follows a separator or a closing quote (an escaped pair); a closing one is followed by one of them.
    """
    import numpy as np

    if not quotes.size:
        return text.size
    opening, closing = quotes[0::2], quotes[1::2]
    escaped = np.zeros(opening.size, dtype=np.bool_)
    escaped[1:] = opening[1:] == closing[: opening.size - 1] + 1
    before = text[np.maximum(opening - 1, 0)]
    wrong = ~((before == 44) | (before == 10) | (opening == 0) | escaped)
    last = text.size - 1
    behind, next_but_one = text[np.minimum(closing + 1, last)], text[np.minimum(closing + 2, last)]
    sound = (behind == 44) | (behind == 10) | (behind == 34) | ((behind == 13) & (next_but_one == 10))
    wrong[: closing.size] |= ~sound
    return _first(opening[wrong], text.size)
