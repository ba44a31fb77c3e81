"""The salvage lane: judge records one by one, by definition, and stage the good ones. All other lanes agree with it.

A record is broken in structure, or has another number of fields than the header, or bytes that are no text; or a field
is empty that may not be, or is not of its type (first such column in the order of the contract); or it breaks a rule.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from psycopg import sql

from etl.core.spec import Column
from etl.extract.dialect import fields as fields_of
from etl.extract.dialect import readable_prefix
from etl.extract.reader import BrokenRecord
from etl.load.rejected import EXPLANATIONS, Reject, entity_of
from etl.load.target import Conn, Target, names, rules, typed
from etl.load.types import cents, explanation, pattern

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


# In Python a record's fields take some five kilobytes: so many records are taken apart at a time.
AT_ONCE = 2000


@dataclass(slots=True)
class Outcome:
    """What became of some records: how many were read, which were rejected, what they add up to (smallest unit).

    `key_hashes` has the hash of each staged record's key, and maybe more; None where a key was not hashed.
    """

    record_count: int = 0
    rejects: list[Reject] = field(default_factory=list)
    file_cents: dict[str, int] = field(default_factory=dict)
    rejected_cents: dict[str, int] = field(default_factory=dict)
    key_hashes: "NDArray[np.uint64] | None" = None


@dataclass(frozen=True, slots=True)
class Suspect:
    """A record whose fields can be told apart and whose verdict is open. `is_counted`: its dollars are added up."""

    record_number: int
    raw: bytes
    is_counted: bool = False


def salvage(conn: Conn, target: Target, suspects: Sequence[Suspect], broken: Sequence[BrokenRecord]) -> Outcome:
    """Stage what is good among these records, inside the caller's transaction; return the verdict on the others.

    The rejects are returned, not written.
    """
    outcome = Outcome(len(suspects) + len(broken))
    outcome.rejects += [_reject_broken(target, record) for record in broken]
    for first in range(0, len(suspects), AT_ONCE):
        _salvage(conn, target, suspects[first : first + AT_ONCE], outcome)
    return outcome


def _salvage(conn: Conn, target: Target, suspects: Sequence[Suspect], outcome: Outcome) -> None:
    """Stage what is good among these records, and add the verdict on the others to *outcome*."""
    readable: dict[int, tuple[Suspect, list[bytes | None]]] = {}
    amounts: dict[int, dict[str, int]] = {}
    rows: list[tuple[object, ...]] = []
    columns = target.columns
    places = {column.name: place for place, column in enumerate(target.header.columns) if column is not None}
    for suspect in suspects:
        values = fields_of(suspect.raw)
        if (reject := _reject_unreadable(target, suspect, values)) is not None:
            outcome.rejects.append(reject)
            continue
        texts = [
            None if (value := values[places[column.name]]) is None else value.decode("utf-8") for column in columns
        ]
        amounts[suspect.record_number] = _amounts(target, columns, texts)
        readable[suspect.record_number] = suspect, values
        rows.append((suspect.record_number, *texts))
    for number, column, reason, message in _stage(conn, target, rows) if rows else ():
        suspect, values = readable[number]
        outcome.rejects.append(Reject(number, reason, column, message, suspect.raw, entity_of(target, values)))
        _add(outcome.rejected_cents, amounts[number])
    for number, found in amounts.items():
        if not readable[number][0].is_counted:
            _add(outcome.file_cents, found)


def _add(totals: dict[str, int], more: dict[str, int]) -> None:
    for name, value in more.items():
        totals[name] = totals.get(name, 0) + value


def _amounts(target: Target, columns: Sequence[Column], texts: Sequence[str | None]) -> dict[str, int]:
    return {
        column.name: value
        for column, text in zip(columns, texts, strict=True)
        if column.name in target.spec.control_columns and (value := cents(column, text)) is not None
    }


def _reject_broken(target: Target, record: BrokenRecord) -> Reject:
    entity = entity_of(target, readable_prefix(record.raw))
    return Reject(record.record_number, record.reason, None, EXPLANATIONS[record.reason], record.raw, entity)


def _reject_unreadable(target: Target, suspect: Suspect, values: list[bytes | None]) -> Reject | None:
    """The reject of a record with a wrong field count or with bytes that are no text; None for any other."""
    wanted = len(target.header.columns)
    if len(values) != wanted:
        message = f"it has {len(values)} fields, the header has {wanted}"
        entity = entity_of(target, values)
        return Reject(suspect.record_number, "wrong_field_count", None, message, suspect.raw, entity)
    if b"\x00" in suspect.raw:
        reason, wrong = "nul_byte", [value is not None and b"\x00" in value for value in values]
    elif not _is_text(suspect.raw):
        reason, wrong = "invalid_encoding", [value is not None and not _is_text(value) for value in values]
    else:
        return None
    at_fault = {column.name for column, bad in zip(target.header.columns, wrong, strict=True) if bad and column}
    name = next((column.name for column in target.columns if column.name in at_fault), None)
    message = f"{name or 'a column that the contract does not know'} {EXPLANATIONS[reason]}"
    return Reject(suspect.record_number, reason, name, message, suspect.raw, entity_of(target, values))


def _is_text(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _stage(conn: Conn, target: Target, rows: list[tuple[object, ...]]) -> list[tuple[int, str, str, str]]:
    """Put *rows* of text into the target; return (record number, column, reason, message) of those that do not fit."""
    columns = target.columns
    table = sql.Identifier("pg_temp", f"salvage_{target.spec.feed}")
    conn.execute(
        sql.SQL("CREATE TEMP TABLE IF NOT EXISTS {} (record_number bigint, {}); TRUNCATE {}").format(
            sql.Identifier(f"salvage_{target.spec.feed}"),
            sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(name)) for name in target.spec.column_names),
            table,
        )
    )
    wanted = names(["record_number", *(column.name for column in columns)])
    with conn.cursor().copy(sql.SQL("COPY {} ({}) FROM STDIN").format(table, wanted)) as copy:
        for row in rows:
            copy.write_row(row)
    faults = _type_faults(target, columns)
    found = [(number, *faults[fault][:3]) for number, fault in judge(conn, table, [f[3] for f in faults])]
    relation = typed(target, table)
    judged = rules(target)
    for number, fault in judge(conn, relation, [rule.fails for rule in judged], table):
        rule = judged[fault]
        found.append(
            (number, rule.column, rule.reason, f"{rule.column} breaks the rule {rule.reason.removeprefix('rule_')}")
        )
    conn.execute(sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {}").format(target.table, wanted, wanted, relation))
    return found


def _type_faults(target: Target, columns: Sequence[Column]) -> list[tuple[str, str, str, sql.Composable]]:
    """(column, reason, message, condition on its text) of all that can be wrong with single fields, in order."""
    faults: list[tuple[str, str, str, sql.Composable]] = []
    for column in columns:
        name = sql.Identifier(column.name)
        if column.required:
            reason = "null_key" if column.name in target.spec.key else "null_value"
            empty = sql.SQL("{0} IS NULL OR {0} = ''").format(name)
            faults.append((column.name, reason, f"{column.name} {EXPLANATIONS[reason]}", empty))
        if (form := pattern(column.sql_type)) is not None:
            wrong = sql.SQL("{0} !~ {1} OR NOT pg_input_is_valid({0}, {2})").format(
                name, sql.Literal(form), sql.Literal(column.sql_type)
            )
            faults.append((column.name, "invalid_type", f"{column.name} {explanation(column.sql_type)}", wrong))
    return faults


def judge(
    conn: Conn, relation: sql.Composable, faults: Sequence[sql.Composable], table: sql.Composable | None = None
) -> list[tuple[int, int]]:
    """(record number, place of its first fault) of the records that have one; they are taken out of *table*."""
    if not faults:
        return []
    first = sql.SQL("CASE {} END").format(
        sql.SQL(" ").join(
            sql.SQL("WHEN {} THEN {}").format(fault, sql.Literal(place)) for place, fault in enumerate(faults)
        )
    )
    found = conn.execute(
        sql.SQL(
            "SELECT record_number, fault FROM (SELECT record_number, {} AS fault FROM {}) AS judged "
            "WHERE fault IS NOT NULL"
        ).format(first, relation)
    ).fetchall()
    if found:
        conn.execute(
            sql.SQL("DELETE FROM {} WHERE record_number = ANY(%s)").format(table or relation),
            ([number for number, _ in found],),
        )
    return [(number, fault) for number, fault in found]
