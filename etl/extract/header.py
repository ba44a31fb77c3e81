"""Hold a file's header against the contract: which column stands where, what is missing, what is unknown."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from etl.core.errors import SourceError
from etl.core.spec import Column, SourceSpec


@dataclass(frozen=True, slots=True)
class Header:
    """A header that was understood.

    `columns` follows the file: the contract's column at each place, None where it knows none. `missing` are columns
    that the contract calls neither required nor optional: a guard may let the file in without them.
    """

    names: tuple[str, ...]
    columns: tuple[Column | None, ...]
    missing: tuple[str, ...]

    @property
    def known(self) -> tuple[Column, ...]:
        """The contract's columns that the file has, in the file's order."""
        return tuple(column for column in self.columns if column is not None)

    @property
    def unknown(self) -> tuple[str, ...]:
        """Names that the contract does not know."""
        return tuple(name for name, column in zip(self.names, self.columns, strict=True) if column is None)


def header_names(line: bytes, path: Path) -> tuple[str, ...]:
    """The names in a header line; SourceError where it is no line of CSV in UTF-8."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as problem:
        raise SourceError(f"{path}: the header is not UTF-8; ask the sender for UTF-8") from problem
    if "\x00" in text:
        raise SourceError(f"{path}: the header holds NUL bytes; this is no CSV file, ask the sender for it again")
    try:
        return tuple(next(csv.reader([text], strict=True), []))
    except csv.Error as problem:
        raise SourceError(f"{path}: the header's quotes do not match; ask the sender for it again") from problem


def match_names(names: Sequence[str], spec: SourceSpec) -> tuple[Column | None, ...]:
    """The contract's column for each name, by name or alias, in any case; None where it knows none."""
    known = {name.lower(): column for column in spec.columns for name in (column.name, *column.aliases)}
    return tuple(known.get(name.strip().lower()) for name in names)


def read_header(line: bytes, spec: SourceSpec, path: Path) -> Header:
    """Understand a header line: any order, any case, declared aliases; SourceError says all that is wrong with it."""
    names = header_names(line, path)
    columns = match_names(names, spec)
    found = [column.name for column in columns if column is not None]
    problems = []
    if twice := sorted({name for name in found if found.count(name) > 1}):
        problems.append(f"the header names these columns more than once: {', '.join(twice)}")
    absent = [column for column in spec.columns if column.name not in found and not column.optional]
    if required := [column.name for column in absent if column.required]:
        problems.append(f"the header lacks required columns: {', '.join(required)}")
    if problems:
        raise SourceError(
            f"{path}: {'; '.join(problems)}; ask the sender for a file with the header of feed {spec.feed}"
        )
    missing = tuple(column.name for column in absent)
    return Header(names, columns, missing)
