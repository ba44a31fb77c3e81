"""The dialect, by definition: where a record ends, what is wrong with it, which fields it has. Slow and exact.

UTF-8, comma, RFC 4180, LF or CRLF. Whatever cuts faster must cut the same; see `etl.extract.cut`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Broken(StrEnum):
    """Why a record has no fields that can be told apart. These are reason codes of `etl.rejected_row`."""

    UNTERMINATED_QUOTE = "unterminated_quote"  # a quoted field that does not close within the limit or the file
    STRAY_QUOTE = "stray_quote"  # a quote inside an unquoted field, or text behind a closing quote
    STRAY_CARRIAGE_RETURN = "stray_carriage_return"  # a CR that is no part of a line end, outside quotes
    OVERSIZED_FIELD = "oversized_field"  # an unquoted field longer than the limit
    OVERSIZED_RECORD = "oversized_record"  # a record longer than RECORD_FIELDS times the limit


# How many fields of the greatest length a record may hold.
RECORD_FIELDS = 4


@dataclass(frozen=True, slots=True)
class Cut:
    """One record of a buffer: it stands in [start, end), and the next one begins at `following`.

    A broken record is the line it began on, without its line end, cut to the field limit; `following` is None where
    that line's end is not in the buffer.
    """

    start: int
    end: int
    following: int | None
    broken: Broken | None = None


def scan(buffer: bytes, limit: int, *, at_end: bool, start: int = 0) -> Iterator[Cut]:
    """Cut the records of *buffer* from *start*, where one begins; stop at the first that it does not decide.

    Blank lines are skipped. At the end of the file the buffer must end with a line end (the reader supplies it). Some
    (RECORD_FIELDS + 2) x *limit* bytes always decide a record, and what follows a decided record never changes it.
    """
    position = start
    while position < len(buffer):
        line_end = buffer.find(b"\n", position)
        if line_end >= 0:
            length = line_end - position
            if length == 0 or (length == 1 and buffer[position] == 13):
                position = line_end + 1
                continue
            if length <= limit and buffer.find(b'"', position, line_end) < 0:
                end = line_end - 1 if buffer[line_end - 1] == 13 else line_end
                broken = Broken.STRAY_CARRIAGE_RETURN if buffer.find(b"\r", position, end) >= 0 else None
                yield Cut(position, end, line_end + 1, broken)
                position = line_end + 1
                continue
        decided = _cut_by_field(buffer, position, limit, at_end=at_end)
        if decided is None:
            return
        yield decided
        if decided.following is None:
            return
        position = decided.following


def _cut_by_field(buffer: bytes, start: int, limit: int, *, at_end: bool) -> Cut | None:
    """The record at *start*, read field by field; None where the buffer ends too early to tell."""
    position = start
    while True:
        verdict = _field_end(buffer, position, limit, at_end=at_end)
        if verdict is None:
            return None
        if isinstance(verdict, Broken):
            return _broken(buffer, start, limit, verdict, at_end=at_end)
        if verdict - start > RECORD_FIELDS * limit:
            return _broken(buffer, start, limit, Broken.OVERSIZED_RECORD, at_end=at_end)
        separator = buffer[verdict]
        if separator == 44:
            position = verdict + 1
        else:
            return Cut(start, verdict, verdict + (2 if separator == 13 else 1))


def _field_end(buffer: bytes, start: int, limit: int, *, at_end: bool) -> int | Broken | None:
    """Where the comma or line end behind the field at *start* stands."""
    if start >= len(buffer):
        return None
    if buffer[start] == 34:
        return _quoted_end(buffer, start, limit, at_end=at_end)
    bound = start + limit + 1
    ends = [place for place in (buffer.find(b",", start, bound), buffer.find(b"\n", start, bound)) if place >= 0]
    # With a CR before the LF the field may be one byte longer than the bound shows.
    if not ends and buffer[bound : bound + 1] == b"\n" and buffer[bound - 1] == 13:
        ends = [bound]
    end = min(ends) if ends else min(len(buffer), bound)
    text_end = end
    if ends and buffer[end] == 10 and end > start and buffer[end - 1] == 13:
        text_end = end - 1
    quote, lone = buffer.find(b'"', start, text_end), buffer.find(b"\r", start, text_end)
    # A CR that is the last byte seen may still be half of a line end.
    if lone == len(buffer) - 1:
        lone = -1
    if quote >= 0 and (lone < 0 or quote < lone):
        return Broken.STRAY_QUOTE
    if lone >= 0:
        return Broken.STRAY_CARRIAGE_RETURN
    if ends:
        return text_end
    if len(buffer) > bound:
        return Broken.OVERSIZED_FIELD
    return None


def _quoted_end(buffer: bytes, start: int, limit: int, *, at_end: bool) -> int | Broken | None:
    """Where the separator behind the quoted field at *start* stands; its content may be *limit* bytes long."""
    bound = start + limit + 2
    position = start + 1
    while True:
        quote = buffer.find(b'"', position, bound)
        if quote < 0:
            return Broken.UNTERMINATED_QUOTE if at_end or len(buffer) >= bound else None
        if quote + 2 >= len(buffer) and not at_end:
            return None
        behind = buffer[quote + 1 : quote + 3]
        if behind[:1] == b'"':
            position = quote + 2
            continue
        if behind[:1] in (b",", b"\n") or behind == b"\r\n":
            return quote + 1
        return Broken.STRAY_QUOTE


def _broken(buffer: bytes, start: int, limit: int, why: Broken, *, at_end: bool) -> Cut | None:
    line_end = buffer.find(b"\n", start)
    if line_end < 0:
        # Enough of the line to keep; the reader skips the rest of it.
        return Cut(start, start + limit, None, why) if len(buffer) - start > limit + 1 else None
    end = line_end - 1 if line_end > start and buffer[line_end - 1] == 13 else line_end
    return Cut(start, min(end, start + limit), line_end + 1, why)


def fields(record: bytes) -> list[bytes | None]:
    """The fields of a sound record. An empty unquoted field is None (NULL), `""` is the empty text."""
    if b'"' not in record:
        return [field or None for field in record.split(b",")]
    found: list[bytes | None] = []
    position = 0
    while True:
        if record[position : position + 1] == b'"':
            end = position + 1
            while True:
                end = record.index(b'"', end)
                if record[end + 1 : end + 2] != b'"':
                    break
                end += 2
            found.append(record[position + 1 : end].replace(b'""', b'"'))
            end += 1
        else:
            end = record.find(b",", position)
            end = len(record) if end < 0 else end
            found.append(record[position:end] or None)
        if end >= len(record):
            return found
        position = end + 1


def readable_prefix(line: bytes) -> list[bytes | None]:
    """The fields of a broken record before its first quote: what can be read of it with certainty."""
    sound, quote, _ = line.partition(b'"')
    parts: list[bytes | None] = [field or None for field in sound.split(b",")]
    return parts[:-1] if quote else parts
