"""What a foreign file looks like against the contract, without loading it. `python -m etl.load.profile FILE`."""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from etl.catalog.sources import SOURCES, source
from etl.core.command_line import ended
from etl.core.database import connect, database_url
from etl.core.errors import Exit, SourceError
from etl.core.migrate import upgrade_if_needed
from etl.core.plain_text import plain
from etl.core.settings import Settings
from etl.core.spec import Column, SourceSpec
from etl.extract.dialect import fields, scan
from etl.extract.header import Header, header_names, match_names, read_header
from etl.extract.reader import SourceReader
from etl.load.rejects import RejectGroup, list_rejects
from etl.load.target import Conn, Target, create_table

# Columns are described from so many records; rejects are counted over all of them.
SAMPLE = 100_000
# No load has this number: what is written under it is never committed.
NOWHERE = -1
_DISTINCT_LIMIT = 10_000
_KINDS = (
    ("integer", re.compile(rb"-?[0-9]+")),
    ("decimal", re.compile(rb"-?[0-9]*[.][0-9]+")),
    ("date", re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}")),
    ("boolean", re.compile(rb"(?i:true|false)")),
)


@dataclass(slots=True)
class ColumnProfile:
    """A column of the file: what it holds in the sample, and the contract's column it matches."""

    name: str
    column: Column | None
    filled: int = 0
    empty: int = 0
    longest: int = 0
    values: set[bytes] = field(default_factory=set)
    kinds: dict[str, int] = field(default_factory=dict)

    def see(self, value: bytes | None) -> None:
        """Take one field into account."""
        if value is None:
            self.empty += 1
            return
        self.filled += 1
        self.longest = max(self.longest, len(value))
        if len(self.values) < _DISTINCT_LIMIT:
            self.values.add(value)
        kind = next((name for name, form in _KINDS if form.fullmatch(value)), "text")
        self.kinds[kind] = self.kinds.get(kind, 0) + 1


@dataclass(frozen=True, slots=True)
class FileProfile:
    """A file against its contract. `rejects` is None where the header does not allow to go on; `problem` says why."""

    feed: str
    columns: tuple[ColumnProfile, ...]
    missing: tuple[str, ...]
    sampled: int
    record_count: int | None
    rejects: tuple[RejectGroup, ...] | None
    problem: str | None


def profile_file(conn: Conn, file: Path, settings: Settings, feed: str | None = None) -> FileProfile:
    """Describe *file*; what is staged for it is rolled back. *conn* must be in autocommit mode."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with SourceReader(file) as reader:
        names = header_names(reader.header, file)
        spec = source(feed) if feed else _best_match(names)
        matched = match_names(names, spec)
        columns = tuple(ColumnProfile(name, column) for name, column in zip(names, matched, strict=True))
        sampled = _sample(reader, columns, settings.max_quoted_field_bytes)
        line = reader.header
    missing = tuple(c.name for c in spec.columns if c not in matched and not c.optional)
    try:
        header = read_header(line, spec, file)
    except SourceError as problem:
        return FileProfile(spec.feed, columns, missing, sampled, None, None, str(problem))
    count, rejects = _would_be_rejects(conn, file, spec, header, settings)
    return FileProfile(spec.feed, columns, missing, sampled, count, rejects, None)


def _best_match(names: Sequence[str]) -> SourceSpec:
    return max(SOURCES, key=lambda spec: sum(column is not None for column in match_names(names, spec)))


def _sample(reader: SourceReader, columns: Sequence[ColumnProfile], limit: int) -> int:
    records = (
        fields(chunk.records[cut.start : cut.end])
        for chunk in reader.chunks(1 << 20, limit)
        for cut in scan(chunk.records, limit, at_end=True)
    )
    sampled = 0
    for values in islice(records, SAMPLE):
        sampled += 1
        for column, value in zip(columns, values, strict=False):
            column.see(value)
    return sampled


def _would_be_rejects(
    conn: Conn, file: Path, spec: SourceSpec, header: Header, settings: Settings
) -> tuple[int, tuple[RejectGroup, ...]]:
    """Records in the file, and those that would be rejected: found by staging it, and rolling back."""
    from etl.load.lanes import Lanes

    now = datetime.now(UTC)
    target = Target(spec, header, NOWHERE, NOWHERE, now.date(), now)
    count = 0
    with SourceReader(file) as reader, conn.transaction(force_rollback=True):
        conn.execute(
            "INSERT INTO etl.run (run_id, mode, holder) OVERRIDING SYSTEM VALUE VALUES (%(id)s, 'profile', 'profile')",
            {"id": NOWHERE},
        )
        conn.execute(
            "INSERT INTO etl.load (load_id, run_id, delivery_name, as_of) OVERRIDING SYSTEM VALUE "
            "VALUES (%(id)s, %(id)s, 'profile', %(as_of)s)",
            {"id": NOWHERE, "as_of": now.date()},
        )
        conn.execute(
            "INSERT INTO etl.source_file (source_file_id, load_id, feed, as_of, mode, path, byte_count, content_hash, header) "
            "OVERRIDING SYSTEM VALUE VALUES (%(id)s, %(id)s, %(feed)s, %(as_of)s, 'delta', %(path)s, 0, "
            "'00000000-0000-0000-0000-000000000000', %(header)s)",
            {"id": NOWHERE, "feed": spec.feed, "as_of": now.date(), "path": file.name, "header": list(header.names)},
        )
        create_table(conn, target)
        lanes = Lanes(target)
        for chunk in reader.chunks(settings.chunk_bytes, settings.max_quoted_field_bytes):
            count += lanes.stage(conn, chunk).record_count
        rejects = list_rejects(conn, NOWHERE)
    return count, rejects


def report(profile: FileProfile) -> list[str]:
    """The profile as lines for people; it shows no value of the file."""
    lines = [f"feed {profile.feed}; columns described from {profile.sampled:,} records"]
    # A first line without a name of the contract may be a record: then its values are not shown as names.
    is_header = any(column.column for column in profile.columns)
    if not is_header:
        lines.append("no name in the first line is of the contract; it may be a record, so it is not shown")
    for place, column in enumerate(profile.columns, 1):
        kinds = ", ".join(
            f"{name} {count:,}" for name, count in sorted(column.kinds.items(), key=lambda kind: -kind[1])
        )
        distinct = f"{len(column.values):,}" + ("+" if len(column.values) >= _DISTINCT_LIMIT else "")
        matched = f"{column.column.name} {column.column.sql_type}" if column.column else "(not in the contract)"
        lines.append(
            f"  {column.name if is_header else f'column {place}'} -> {matched}: {column.empty:,} empty, {distinct} distinct, longest {column.longest}; {kinds}"
        )
    if profile.missing:
        lines.append(f"missing: {', '.join(profile.missing)}")
    if profile.problem:
        lines.append(f"it would be refused: {profile.problem}")
    if profile.rejects is not None:
        total = sum(group.count for group in profile.rejects)
        lines.append(f"{profile.record_count:,} records, of which {total:,} would be rejected")
        for group in profile.rejects:
            where = f" in {group.column}" if group.column else ""
            numbers = ", ".join(str(example.record_number) for example in group.examples)
            lines.append(f"  {group.count:,} x {group.reason}{where}, first at records {numbers}")
    return lines


def main(argv: Sequence[str] | None = None) -> int:
    """Show what a file looks like against the contract, without loading it."""
    parser = argparse.ArgumentParser(prog="python -m etl.load.profile", description=main.__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument(
        "--feed", choices=[spec.feed for spec in SOURCES], help="default: the one whose columns match best"
    )
    wanted = parser.parse_args(argv)
    return ended(lambda: _profile(wanted), stopped="stopped; nothing was changed")


def _profile(wanted: argparse.Namespace) -> int:
    settings = Settings.read()
    url = database_url(settings)
    upgrade_if_needed(url)
    with connect(url, autocommit=True) as conn:
        profile = profile_file(conn, wanted.file, settings, wanted.feed)
    sys.stdout.write("".join(f"{plain(line)}\n" for line in report(profile)))
    return Exit.OK


if __name__ == "__main__":
    sys.exit(main())
