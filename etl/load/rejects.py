"""Rejects, to be looked at and answered. `python -m etl.load.rejects list|replay`."""

import argparse
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from etl.catalog.sources import SOURCES, source
from etl.core.command_line import ended
from etl.core.database import connect, database_url
from etl.core.errors import Exit, SourceError
from etl.core.plain_text import plain
from etl.core.runs import open_run
from etl.core.settings import Settings
from etl.extract.dialect import fields
from etl.extract.header import match_names
from etl.load.guards import GUARDS
from etl.load.rejected import raw_bytes
from etl.load.replay import original_of, write_delivery
from etl.load.side_by_side import StagedLoad
from etl.load.staging_loader import stage_deliveries
from etl.load.target import Conn

MASK = "***"


@dataclass(frozen=True, slots=True)
class Example:
    """One rejected record as it may be shown: personal values masked, unless they were asked for."""

    record_number: int
    message: str
    text: str


@dataclass(frozen=True, slots=True)
class RejectGroup:
    """Rejects of one file with the same reason at the same column."""

    path: str
    feed: str
    reason: str
    column: str | None
    count: int
    open_count: int
    examples: tuple[Example, ...]


def list_rejects(conn: Conn, load_id: int, *, show: bool = False, examples: int = 3) -> tuple[RejectGroup, ...]:
    """The rejects of a load by reason, the most frequent first, with the first records of each.

    Values of personal columns are masked, and so is every record whose columns cannot be told apart, unless *show*.
    """
    rows = conn.execute(
        "WITH placed AS (SELECT source_file_id, reason_code, column_name, record_number, message, raw_text, status, "
        "row_number() OVER (PARTITION BY source_file_id, reason_code, column_name ORDER BY record_number) AS place "
        "FROM etl.rejected_row WHERE load_id = %s) "
        "SELECT file.path, file.feed, file.header, placed.reason_code, placed.column_name, count(*), "
        "count(*) FILTER (WHERE placed.status = 'open'), "
        "array_agg(placed.record_number ORDER BY place) FILTER (WHERE place <= %s), "
        "array_agg(placed.message ORDER BY place) FILTER (WHERE place <= %s), "
        "array_agg(placed.raw_text ORDER BY place) FILTER (WHERE place <= %s) "
        "FROM placed INNER JOIN etl.source_file AS file USING (source_file_id) "
        "GROUP BY file.source_file_id, placed.reason_code, placed.column_name "
        "ORDER BY file.source_file_id, count(*) DESC, placed.reason_code, placed.column_name",
        (load_id, examples, examples, examples),
    ).fetchall()
    groups = []
    for path, feed, header, reason, column, count, open_count, numbers, messages, texts in rows:
        shown = tuple(
            Example(number, message, text if show else masked(feed, header, text))
            for number, message, text in zip(numbers or (), messages or (), texts or (), strict=True)
        )
        groups.append(RejectGroup(path, feed, reason, column, count, open_count, shown))
    return tuple(groups)


def masked(feed: str, header: Sequence[str] | None, raw_text: str) -> str:
    """The record with the values of personal and unknown columns masked; all of it where columns cannot be told apart."""
    spec = source(feed)
    if not any(column.personal for column in spec.columns):
        return raw_text
    try:
        values = fields(raw_bytes(raw_text))
    except ValueError:
        return MASK
    if header is None or len(values) != len(header):
        return MASK
    columns = match_names(header, spec)
    return ",".join(
        MASK if value and (column is None or column.personal) else (value or b"").decode("utf-8", "backslashreplace")
        for value, column in zip(values, columns, strict=True)
    )


def replay_rejects(
    url: str,
    run_id: int,
    load_id: int,
    file: Path,
    settings: Settings,
    *,
    feed: str | None = None,
    overrides: frozenset[str] = frozenset(),
) -> StagedLoad:
    """Take corrected records in, as a delivery of their own, at the as_of of the file they correct.

    All of them must be good, and each must answer one open reject: by the column record_number if the file has it, else
    by what it speaks of. SourceError otherwise, and nothing is kept. The caller holds the run lock.
    """
    if not file.is_file():
        raise SourceError(f"{file}: there is no such file")
    with connect(url, autocommit=True) as conn:
        original = original_of(conn, load_id, feed or _feed_of_name(file))
    delivery = write_delivery(settings.landing, original, file)
    kept = False
    try:
        result = stage_deliveries(url, run_id, [delivery], settings, overrides=overrides)
        if result.unchanged:
            raise SourceError(f"{file}: these very records are taken in already; there is nothing to do")
        if result.refused:
            raise SourceError(result.refused[0].why.replace(str(delivery.files[0].path), str(file)))
        kept = True
    finally:
        if not kept:
            shutil.rmtree(delivery.path)
    return result.loads[0]


def _feed_of_name(file: Path) -> str | None:
    """The feed that the file is named after, if it is."""
    stem = file.name.split(".")[0]
    return next((spec.feed for spec in SOURCES if spec.feed == stem), None)


def main(argv: Sequence[str] | None = None) -> int:
    """Show the rejects of a load, or bring corrected records in."""
    parser = argparse.ArgumentParser(prog="python -m etl.load.rejects", description=main.__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("list", help="rejects by reason, with examples")
    listing.add_argument("--load", type=int, required=True, help="number of the load (make loads)")
    listing.add_argument("--show", action="store_true", help="show personal values too")
    listing.add_argument("--examples", type=int, default=3, help="records to show of each reason")
    replay = commands.add_parser("replay", help="bring corrected records in, at their original date")
    replay.add_argument("--load", type=int, required=True, help="number of the load whose rejects they answer")
    replay.add_argument("--file", type=Path, required=True, help="corrected records with a header, .csv or .csv.gz")
    replay.add_argument("--feed", choices=[spec.feed for spec in SOURCES], help="where the load has rejects of several")
    replay.add_argument("--override", action="append", default=[], metavar="GUARD", choices=list(GUARDS))
    wanted = parser.parse_args(argv)
    return ended(lambda: _list(wanted) if wanted.command == "list" else _replay(wanted))


def _list(wanted: argparse.Namespace) -> int:
    with connect(database_url(Settings.read()), autocommit=True) as conn:
        groups = list_rejects(conn, wanted.load, show=wanted.show, examples=wanted.examples)
    sys.stdout.write("".join(f"{plain(line)}\n" for line in report(wanted.load, groups)))
    return Exit.OK


def _replay(wanted: argparse.Namespace) -> int:
    settings = Settings.read()
    url = database_url(settings)
    with open_run(url, "replay-rejects") as ledger:
        load = replay_rejects(
            url,
            ledger.run_id,
            wanted.load,
            wanted.file,
            settings,
            feed=wanted.feed,
            overrides=frozenset(wanted.override),
        )
    count = load.files[0].balance.staged_count
    sys.stdout.write(
        f"load {load.load_id}: {count:,} corrected records staged at {load.delivery.as_of}, each linked to its reject of "
        f"load {wanted.load}; make incremental publishes them\n"
    )
    return Exit.OK


def report(load_id: int, groups: Sequence[RejectGroup]) -> list[str]:
    """The groups as lines for people."""
    if not groups:
        return [f"load {load_id} has no rejects"]
    lines = []
    for group in groups:
        where = f" in {group.column}" if group.column else ""
        lines.append(f"{group.path}: {group.count:,} x {group.reason}{where} ({group.open_count:,} open)")
        for example in group.examples:
            lines += [f"    record {example.record_number}: {example.message}", f"        {example.text}"]
    return lines


if __name__ == "__main__":
    sys.exit(main())
