"""Rejects on their way to etl.rejected_row: reason codes in words, raw text kept without loss."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from etl.extract.dialect import Broken
from etl.load.target import Conn, Target

ESCAPED = "bytea:"

# The closed set of reasons that are no type and no rule; docs/intake.md explains each.
EXPLANATIONS = {
    Broken.UNTERMINATED_QUOTE: "a quoted field does not close; reading goes on at the next line",
    Broken.STRAY_QUOTE: "a quote stands where none may stand; reading goes on at the next line",
    Broken.STRAY_CARRIAGE_RETURN: "a carriage return outside quotes is no part of a line end",
    Broken.OVERSIZED_FIELD: "a field is longer than the limit",
    Broken.OVERSIZED_RECORD: "the record is longer than the limit",
    "nul_byte": "holds a NUL byte",
    "invalid_encoding": "is not UTF-8",
    "null_key": "is empty, and is part of the key",
    "null_value": "is empty, and is required",
    "conflicting_duplicate": "another record of the file has the same key and other values",
}


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that is not staged, and why. The message holds no value of the record."""

    record_number: int
    reason: str
    column: str | None
    message: str
    raw: bytes
    entity_id: tuple[str, ...] | None


def raw_text(raw: bytes) -> str:
    """The record as text; where it is no text, `bytea:` and its bytes as PostgreSQL's escape format writes them.

    `raw_bytes` is the way back.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = ESCAPED
    if text.startswith(ESCAPED) or "\x00" in text:
        return ESCAPED + re.sub(rb"[\x00-\x1f\x7f-\xff\\]", _escape, raw).decode("ascii")
    return text


def _escape(match: re.Match[bytes]) -> bytes:
    return b"\\\\" if match[0] == b"\\" else b"\\%03o" % match[0][0]


def raw_bytes(text: str) -> bytes:
    """The bytes of a record that `raw_text` wrote down."""
    if not text.startswith(ESCAPED):
        return text.encode()
    return re.sub(
        rb"\\(\\|[0-7]{3})",
        lambda match: b"\\" if match[1] == b"\\" else bytes([int(match[1], 8)]),
        text.removeprefix(ESCAPED).encode("ascii"),
    )


def entity_of(target: Target, fields: Sequence[bytes | None]) -> tuple[str, ...] | None:
    """The key of what the record speaks of; None where a part of it is missing or cannot be read."""
    places = {column.name: place for place, column in enumerate(target.header.columns) if column is not None}
    found = []
    for name in target.spec.entity_key:
        place = places.get(name)
        value = fields[place] if place is not None and place < len(fields) else None
        if not value or b"\x00" in value:
            return None
        try:
            found.append(value.decode("utf-8"))
        except UnicodeDecodeError:
            return None
    return tuple(found)


def write_rejects(conn: Conn, target: Target, rejects: Iterable[Reject]) -> None:
    """COPY the rejects of a file into etl.rejected_row, in the order of their record numbers."""
    with conn.cursor().copy(
        "COPY etl.rejected_row (load_id, source_file_id, feed, record_number, column_name, reason_code, message, "
        "raw_text, entity_id) FROM STDIN"
    ) as copy:
        for reject in sorted(rejects, key=lambda reject: reject.record_number):
            copy.write_row(
                (
                    target.load_id,
                    target.source_file_id,
                    target.spec.feed,
                    reject.record_number,
                    reject.column,
                    str(reject.reason),
                    reject.message,
                    raw_text(reject.raw),
                    None if reject.entity_id is None else list(reject.entity_id),
                )
            )
