"""Close a file: duplicates by key, then the proof that records and dollars in = staged + rejected + dropped."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path

from psycopg import sql

from etl.core.database import local_settings
from etl.core.errors import StepFailed
from etl.core.spec import Mode
from etl.extract.dialect import scan
from etl.extract.reader import SourceReader
from etl.load.rejected import EXPLANATIONS, Reject, write_rejects
from etl.load.target import Conn, Target, names
from etl.load.totals import Totals
from etl.load.types import numeric_type


@dataclass(frozen=True, slots=True)
class ControlTotal:
    """Where the dollars of one column went."""

    file: Decimal
    staged: Decimal
    rejected: Decimal
    duplicate: Decimal

    @property
    def difference(self) -> Decimal:
        """What is missing: zero, or the load is wrong."""
        return self.file - self.staged - self.rejected - self.duplicate


@dataclass(frozen=True, slots=True)
class Balance:
    """What became of a file's records and dollars."""

    record_count: int
    staged_count: int
    rejected_count: int
    duplicate_count: int
    totals: dict[str, ControlTotal] = field(default_factory=dict)
    scope: tuple[str, ...] | None = None


# Runs something on another connection meanwhile.
Aside = Callable[[Callable[[Conn], None]], Future[None]]


def close_file(
    conn: Conn, target: Target, totals: Totals, *, mode: Mode, path: Path, limit: int, aside: Aside | None = None
) -> Balance:
    """Settle the duplicates of a file that is all in, prove its balance, and gather statistics for later joins.

    StepFailed where records or dollars do not add up: then a lane has lost something, and nothing may be kept.
    """
    gathering = aside(partial(_gather_statistics, target=target)) if aside else None
    columns = target.spec.control_columns
    duplicates, duplicate_cents = 0, dict.fromkeys(columns, 0)
    rejected_cents = {name: totals.rejected_cents.get(name, 0) for name in columns}
    if totals.keys_may_repeat() and _has_repeated_keys(conn, target):
        for name, value in _reject_conflicts(conn, target, path, limit).items():
            rejected_cents[name] += value
        duplicates, duplicate_cents = _drop_duplicates(conn, target)
    staged, staged_cents = _count(conn, target)
    rejected = conn.execute(
        "SELECT count(*) FROM etl.rejected_row WHERE load_id = %s AND feed = %s", (target.load_id, target.spec.feed)
    ).fetchone()
    assert rejected is not None
    balance = Balance(
        totals.record_count,
        staged,
        rejected[0],
        duplicates,
        {
            name: ControlTotal(
                *(
                    _amount(target, name, found[name])
                    for found in (
                        {name: totals.file_cents.get(name, 0)},
                        staged_cents,
                        rejected_cents,
                        duplicate_cents,
                    )
                )
            )
            for name in columns
        },
        _scope(conn, target, mode),
    )
    _prove(target, balance)
    if gathering is not None:
        gathering.result()
    else:
        _gather_statistics(conn, target)
    return balance


def _gather_statistics(conn: Conn, target: Target) -> None:
    # Without load_id the planner takes "load_id = ANY(...)" for a few rows of each partition.
    wanted = [column.name for column in target.spec.columns if column.required or column.name in target.spec.entity_key]
    # The joins to come want to know how many rows and keys there are, not which; a sample of 9,000 rows tells it.
    with conn.transaction(), local_settings(conn, default_statistics_target="30"):
        conn.execute(sql.SQL("ANALYZE {} ({})").format(target.table, names(["load_id", *wanted])))


def _prove(target: Target, balance: Balance) -> None:
    lost = balance.record_count - balance.staged_count - balance.rejected_count - balance.duplicate_count
    wrong = [f"{lost} records"] if lost else []
    wrong += [f"{total.difference} of {name}" for name, total in balance.totals.items() if total.difference]
    if wrong:
        raise StepFailed(
            f"load {target.load_id}, feed {target.spec.feed}: the balance is out by {' and '.join(wrong)}; "
            "nothing of it was kept. This is a fault of the loader: keep the file and report it"
        )


def _amount(target: Target, name: str, cents: int) -> Decimal:
    numeric = numeric_type(target.spec.column(name).sql_type)
    assert numeric is not None
    return Decimal(cents).scaleb(-numeric.scale)


def _cents(target: Target, name: str, amount: Decimal | None) -> int:
    numeric = numeric_type(target.spec.column(name).sql_type)
    assert numeric is not None
    return int((amount or Decimal(0)).scaleb(numeric.scale))


def _sums(target: Target) -> sql.Composable:
    """`count(*), sum(a), sum(b)` over the control columns."""
    return sql.SQL(", ").join(
        [
            sql.SQL("count(*)"),
            *(sql.SQL("sum({})").format(sql.Identifier(name)) for name in target.spec.control_columns),
        ]
    )


def _count(conn: Conn, target: Target) -> tuple[int, dict[str, int]]:
    row = conn.execute(sql.SQL("SELECT {} FROM {}").format(_sums(target), target.table)).fetchone()
    assert row is not None
    sums = zip(target.spec.control_columns, row[1:], strict=True)
    return row[0], {name: _cents(target, name, amount) for name, amount in sums}


def _scope(conn: Conn, target: Target, mode: Mode) -> tuple[str, ...] | None:
    """The values of the scope column that a full file speaks for; None: all."""
    if mode is not Mode.FULL or target.spec.scope_column is None:
        return None
    found = conn.execute(
        sql.SQL("SELECT DISTINCT {0}::text FROM {1} WHERE {0} IS NOT NULL ORDER BY 1").format(
            sql.Identifier(target.spec.scope_column), target.table
        )
    )
    return tuple(row[0] for row in found)


def _compared(target: Target, name: str) -> sql.Composable:
    """A column as duplicates are told by it: a row without an effective date holds from the delivery's as_of."""
    if name == "effective_date":
        return sql.SQL("coalesce({}, {}::date)").format(sql.Identifier(name), sql.Literal(target.as_of))
    return sql.Identifier(name)


def _key(target: Target) -> sql.Composable:
    return sql.SQL(", ").join(_compared(target, name) for name in target.spec.key)


def _has_repeated_keys(conn: Conn, target: Target) -> bool:
    found = conn.execute(
        sql.SQL("SELECT 1 FROM {} GROUP BY {} HAVING count(*) > 1 LIMIT 1").format(target.table, _key(target))
    )
    return found.fetchone() is not None


def _reject_conflicts(conn: Conn, target: Target, path: Path, limit: int) -> dict[str, int]:
    """Take all records of a key that came with different values out of the table and reject them; return their amounts.

    What is left of repeated keys in pg_temp.repeated are exact duplicates.
    """
    conn.execute("DROP TABLE IF EXISTS pg_temp.repeated")
    conn.execute(
        sql.SQL(
            "CREATE TEMP TABLE repeated AS "
            "SELECT record_number, min(record_number) OVER same_key AS kept, "
            "dense_rank() OVER (PARTITION BY {key} ORDER BY {row}) AS version FROM {table} "
            "WHERE ({key}) IN (SELECT {key} FROM {table} GROUP BY {key} HAVING count(*) > 1) "
            "WINDOW same_key AS (PARTITION BY {key})"
        ).format(
            table=target.table,
            key=_key(target),
            row=sql.SQL(", ").join(_compared(target, name) for name in target.spec.column_names),
        )
    )
    conn.execute("ANALYZE pg_temp.repeated")
    chosen = sql.SQL(
        "record_number IN (SELECT record_number FROM pg_temp.repeated WHERE kept IN "
        "(SELECT kept FROM pg_temp.repeated WHERE version > 1))"
    )
    entity = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in target.spec.entity_key)
    found = conn.execute(
        sql.SQL("SELECT record_number, ARRAY[{}] FROM {} WHERE {} ORDER BY record_number").format(
            entity, target.table, chosen
        )
    ).fetchall()
    if not found:
        return {}
    row = conn.execute(sql.SQL("SELECT {} FROM {} WHERE {}").format(_sums(target), target.table, chosen)).fetchone()
    assert row is not None
    cents = {
        name: _cents(target, name, amount) for name, amount in zip(target.spec.control_columns, row[1:], strict=True)
    }
    conn.execute(sql.SQL("DELETE FROM {} WHERE {}").format(target.table, chosen))
    entities: dict[int, list[str]] = dict(found)
    raws = records_at(path, set(entities), limit)
    rejects = [
        Reject(
            number,
            "conflicting_duplicate",
            target.spec.key[0],
            EXPLANATIONS["conflicting_duplicate"],
            raw,
            tuple(entities[number]),
        )
        for number, raw in raws
    ]
    write_rejects(conn, target, rejects)
    return cents


def _drop_duplicates(conn: Conn, target: Target) -> tuple[int, dict[str, int]]:
    """Drop exact duplicates, all but the lowest record number; return how many, and their amounts."""
    chosen = sql.SQL("record_number IN (SELECT record_number FROM pg_temp.repeated WHERE record_number > kept)")
    row = conn.execute(sql.SQL("SELECT {} FROM {} WHERE {}").format(_sums(target), target.table, chosen)).fetchone()
    assert row is not None
    conn.execute(sql.SQL("DELETE FROM {} WHERE {}").format(target.table, chosen))
    sums = zip(target.spec.control_columns, row[1:], strict=True)
    return row[0], {name: _cents(target, name, amount) for name, amount in sums}


def records_at(path: Path, wanted: set[int], limit: int) -> Iterator[tuple[int, bytes]]:
    """(record number, bytes) of these sound records, read from the file once more."""
    left = len(wanted)
    with SourceReader(path) as reader:
        for chunk in reader.chunks(1 << 20, limit):
            if left == 0:
                return
            numbers = range(chunk.first_record_number, chunk.first_record_number + chunk.record_count)
            if wanted.isdisjoint(numbers):
                continue
            for place, cut in enumerate(scan(chunk.records, limit, at_end=True)):
                if (number := chunk.number(place)) in wanted:
                    left -= 1
                    yield number, chunk.records[cut.start : cut.end]
