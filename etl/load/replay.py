"""Corrected records for rejects: they come back as a delivery of their own, at the as_of of the file they correct.

The delivery stays in the landing zone, so that a rebuild takes it in again.
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from psycopg import sql

from etl.core.errors import SourceError
from etl.core.spec import Mode
from etl.extract.deliveries import MANIFEST, DeliveredFile, Delivery, read_delivery
from etl.extract.dialect import fields, scan
from etl.extract.reader import SourceReader
from etl.load.balance import Balance
from etl.load.target import Conn, Target

RECORD_NUMBER = "record_number"
_NAMED = 10


@dataclass(frozen=True, slots=True)
class Original:
    """A file of the ledger with rejects that wait for an answer."""

    source_file_id: int
    feed: str
    as_of: str
    path: str
    open_count: int


def original_of(conn: Conn, load_id: int, feed: str | None) -> Original:
    """The file of that load whose rejects are to be answered; SourceError where there is none, or more than one."""
    rows = conn.execute(
        "SELECT file.source_file_id, file.feed, file.as_of::text, file.path, count(*) "
        "FROM etl.source_file AS file INNER JOIN etl.rejected_row AS reject USING (source_file_id) "
        "WHERE file.load_id = %s AND file.status IN ('staged', 'in_force') AND reject.status = 'open' "
        "GROUP BY file.source_file_id ORDER BY file.source_file_id",
        (load_id,),
    ).fetchall()
    found = [Original(*row) for row in rows if feed in (None, row[1])]
    if not found:
        what = f"of feed {feed} " if feed else ""
        raise SourceError(f"load {load_id} has no open reject {what}in force; make loads shows the loads")
    if len(found) > 1:
        raise SourceError(f"load {load_id} has rejects of {', '.join(one.feed for one in found)}; name one with --feed")
    return found[0]


def write_delivery(landing: Path, original: Original, file: Path) -> Delivery:
    """Copy the corrected file into a delivery folder of its own; it is there whole, or not at all."""
    taken = {path.name for path in landing.iterdir()}
    number = next(n for n in range(1, len(taken) + 2) if f"{original.as_of}_replay-{n}" not in taken)
    folder = landing / f"{original.as_of}_replay-{number}"
    name = original.feed + (".csv.gz" if file.name.endswith(".gz") else ".csv")
    promise = {"file": name, "mode": str(Mode.DELTA), "replays": original.path}
    making = landing / f".{folder.name}"
    try:
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir()
        shutil.copyfile(file, making / name)
        text = json.dumps({"as_of": original.as_of, "feeds": {original.feed: promise}}, indent=2)
        (making / MANIFEST).write_text(text + "\n", encoding="utf-8")
        making.rename(folder)
    except OSError as problem:
        raise SourceError(f"{file}: it cannot be copied to {folder} ({problem.strerror})") from problem
    return read_delivery(folder)


def answer_rejects(conn: Conn, target: Target, file: DeliveredFile, balance: Balance, limit: int) -> None:
    """Link each record of a corrected file to the one open reject that it answers, in the caller's transaction.

    SourceError where a record is still bad, answers nothing, or has the key of a record that is in already.
    """
    row = conn.execute(
        "SELECT source_file_id FROM etl.source_file WHERE path = %s AND feed = %s AND as_of = %s "
        "AND status IN ('staged', 'in_force') ORDER BY source_file_id DESC LIMIT 1",
        (file.replays, file.feed, target.as_of),
    ).fetchone()
    if row is None:
        raise SourceError(f"{file.path}: the file that it corrects, {file.replays}, is not in force")
    original = row[0]
    _refuse_what_is_bad(conn, target, file, balance)
    _refuse_known_keys(conn, target, file, original)
    pairs = _by_number(target, file, limit) if RECORD_NUMBER in map(str.lower, target.header.names) else None
    conn.execute("DROP TABLE IF EXISTS pg_temp.answer; CREATE TEMP TABLE answer (record_number bigint, reject bigint)")
    if pairs is None:
        _pair_by_entity(conn, target, original)
    else:
        _pair_by_number(conn, original, pairs)
    unanswered = conn.execute(
        sql.SQL(
            "SELECT record_number FROM {} AS staged LEFT JOIN pg_temp.answer USING (record_number) "
            "WHERE answer.reject IS NULL ORDER BY 1 LIMIT 11"
        ).format(target.table)
    ).fetchall()
    if unanswered:
        raise SourceError(f"{file.path}: {_listed([n for (n,) in unanswered])} answer no open reject of {file.replays}")
    conn.execute(
        "UPDATE etl.rejected_row SET status = 'replayed', replayed_load_id = %s "
        "WHERE rejected_row_id IN (SELECT reject FROM pg_temp.answer)",
        (target.load_id,),
    )
    conn.execute(
        "UPDATE etl.source_file SET replays_source_file_id = %s WHERE source_file_id = %s",
        (original, target.source_file_id),
    )


def _refuse_what_is_bad(conn: Conn, target: Target, file: DeliveredFile, balance: Balance) -> None:
    if balance.rejected_count:
        found = conn.execute(
            "SELECT record_number, reason_code, column_name FROM etl.rejected_row WHERE source_file_id = %s "
            "ORDER BY record_number LIMIT %s",
            (target.source_file_id, _NAMED),
        ).fetchall()
        wrong = "; ".join(f"record {n}: {reason}" + (f" in {column}" if column else "") for n, reason, column in found)
        raise SourceError(f"{file.path}: {balance.rejected_count} records are still bad ({wrong}); correct them")
    if balance.duplicate_count:
        raise SourceError(f"{file.path}: {balance.duplicate_count} records are there twice; take them out")


def _refuse_known_keys(conn: Conn, target: Target, file: DeliveredFile, original: int) -> None:
    """A corrected record must not stand beside a good one of the same key."""

    def key(alias: str) -> sql.Composable:
        return sql.SQL(", ").join(
            sql.SQL("coalesce({}, {}::date)").format(sql.Identifier(alias, name), sql.Literal(target.as_of))
            if name == "effective_date"
            else sql.Identifier(alias, name)
            for name in target.spec.key
        )

    found = conn.execute(
        sql.SQL(
            "SELECT fresh.record_number FROM {} AS fresh INNER JOIN {} AS known ON ({}) = ({}) "
            "WHERE known.load_id IN (SELECT load_id FROM etl.source_file WHERE feed = %s "
            "AND %s IN (source_file_id, replays_source_file_id)) ORDER BY 1 LIMIT 11"
        ).format(target.table, sql.Identifier("staging", target.spec.table), key("fresh"), key("known")),
        (file.feed, original),
    ).fetchall()
    if found:
        raise SourceError(
            f"{file.path}: {_listed([n for (n,) in found])} have the key of a record that was staged well"
        )


def _listed(numbers: Sequence[int]) -> str:
    return f"records {', '.join(map(str, numbers[:_NAMED]))}" + (" and more" if len(numbers) > _NAMED else "")


def _by_number(target: Target, file: DeliveredFile, limit: int) -> list[tuple[int, int]]:
    """(record number here, record number of the reject) from the column record_number of the corrected file."""
    place = [name.lower() for name in target.header.names].index(RECORD_NUMBER)
    pairs = []
    with SourceReader(file.path) as reader:
        for chunk in reader.chunks(1 << 20, limit):
            for position, cut in enumerate(scan(chunk.records, limit, at_end=True)):
                told = fields(chunk.records[cut.start : cut.end])[place] or b""
                if not told.isdigit():
                    raise SourceError(f"{file.path}: record {chunk.number(position)} has no number in {RECORD_NUMBER}")
                pairs.append((chunk.number(position), int(told)))
    return pairs


def _pair_by_number(conn: Conn, original: int, pairs: Sequence[tuple[int, int]]) -> None:
    conn.execute(
        "INSERT INTO pg_temp.answer SELECT min(pair.fresh), reject.rejected_row_id "
        "FROM unnest(%s::bigint[], %s::bigint[]) AS pair (fresh, old) "
        "INNER JOIN etl.rejected_row AS reject ON reject.record_number = pair.old "
        "WHERE reject.source_file_id = %s AND reject.status = 'open' GROUP BY reject.rejected_row_id",
        ([fresh for fresh, _ in pairs], [old for _, old in pairs], original),
    )


def _pair_by_entity(conn: Conn, target: Target, original: int) -> None:
    """The nth record of an entity answers its nth open reject."""
    entity = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in target.spec.entity_key)
    conn.execute(
        sql.SQL(
            "INSERT INTO pg_temp.answer SELECT fresh.record_number, reject.rejected_row_id FROM "
            "(SELECT record_number, ARRAY[{entity}] AS entity_id, "
            "row_number() OVER (PARTITION BY {entity} ORDER BY record_number) AS place FROM {table}) AS fresh "
            "INNER JOIN (SELECT rejected_row_id, entity_id, "
            "row_number() OVER (PARTITION BY entity_id ORDER BY record_number) AS place "
            "FROM etl.rejected_row WHERE source_file_id = %s AND status = 'open') AS reject "
            "USING (entity_id, place)"
        ).format(entity=entity, table=target.table),
        (original,),
    )
