"""A written file taken up again, to disturb it: its lines, and what they add up to for a reader."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from etl.catalog.sources import source

_PLAIN = re.compile(r"-?(\d{1,10}(\.\d{1,2})?|\.\d{1,2})")


@dataclass(slots=True)
class DeliveredFile:
    """The lines of one feed's file, without header and line ends."""

    path: Path
    feed: str
    header: bytes
    lines: list[bytes]

    @classmethod
    def read(cls, path: Path) -> "DeliveredFile":
        """Read a file that this generator wrote: no line breaks in fields."""
        header, *lines = path.read_bytes().split(b"\n")
        return cls(path, path.stem, header, lines[:-1])

    @classmethod
    def empty(cls, path: Path) -> "DeliveredFile":
        """A file of that feed without lines."""
        return cls(path, path.stem, ",".join(source(path.stem).column_names).encode(), [])

    def write(self) -> None:
        """Write it back."""
        self.path.write_bytes(b"\n".join([self.header, *self.lines, b""]))

    def sums(self) -> tuple[int, dict[str, int]]:
        """Record count, and cents of the control columns over the records that can be read."""
        columns = source(self.feed).column_names
        places = {name: columns.index(name) for name in source(self.feed).control_columns}
        totals = dict.fromkeys(places, 0)
        for line in self.lines if places else ():
            values = fields(line)
            if values is None or len(values) != len(columns):
                continue
            for name, place in places.items():
                totals[name] += _cents(values[place])
        return len(self.lines), totals


def fields(line: bytes) -> list[str] | None:
    """The fields of a line; None where it is no text or its quotes stand where they may not."""
    if b"\0" in line or b"\r" in line:
        return None
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return None
    if '"' not in text:
        return text.split(",")
    try:
        values = next(csv.reader([text], strict=True))
    except csv.Error:
        return None
    # The csv module lets a quote stand inside an unquoted field; RFC 4180 does not.
    return values if as_line(values) == line else None


def as_line(values: Sequence[str]) -> bytes:
    """Fields as a line, quoted where needed."""
    quoted = ['"' + value.replace('"', '""') + '"' if any(c in value for c in ',"\n') else value for value in values]
    return ",".join(quoted).encode()


def _cents(text: str) -> int:
    if not _PLAIN.fullmatch(text):
        return 0
    whole, _, part = text.partition(".")
    value = int((whole.lstrip("-") or "0") + part.ljust(2, "0"))
    return -value if text.startswith("-") else value
