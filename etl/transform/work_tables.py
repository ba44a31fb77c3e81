"""Work tables and work views: temporary, made anew by each batch, gone with the transaction."""

from collections.abc import Iterable, Mapping
from typing import Any

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from etl.catalog.facts import FactSpec
from etl.core import compose
from etl.core.database import column_names
from etl.core.indexes import indexes_afterwards
from etl.core.ledger import RowCounts
from etl.core.sqlfiles import SqlFile, drop_work, remake, sql_file

# What later joins of a work table need statistics of; of the others, all columns, since they are few.
_ANALYZED = {
    "work_claim_source": "(claim_family_id, claim_id, claim_version_number, load_id)",
    "work_claim_signed": "(claim_id, member_durable_key, plan_durable_key, service_date)",
    "work_claim_removed": "(member_durable_key, claim_id)",
    "work_claim_added": "(member_durable_key, claim_id)",
}


def make(conn: Connection[TupleRow], name: str, **values: Any) -> int:
    """Make a work table anew by the file of its name, and analyze it."""
    rows = remake(conn, name, **values)
    conn.execute(sql.SQL("ANALYZE {} {}").format(sql.Identifier(name), sql.SQL(_ANALYZED.get(name, ""))))
    return rows


def is_empty(conn: Connection[TupleRow], name: str) -> bool:
    """Whether there is no row in a work table or view, or no such table: nothing that would be read of it."""
    if not column_names(conn, f"pg_temp.{name}"):
        return True
    found = conn.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier(name))).fetchone()
    return not (found and found[0])


def fill(
    conn: Connection[TupleRow], table: sql.Identifier, file: SqlFile, portions: Iterable[Mapping[str, Any]] = ({},)
) -> int:
    """Fill an empty table with what *file* selects, with the values of each of the *portions*, and build its indexes then."""
    into = sql.SQL("INSERT INTO {} ({})").format(table, compose.listed(file.columns(conn)))
    with indexes_afterwards(conn, table):
        return sum(file.run(conn, into=into, **values) for values in portions)


def fill_fact(conn: Connection[TupleRow], fact: FactSpec, wanted: str) -> RowCounts:
    """Fill an empty fact with what the file *wanted* selects."""
    written = fill(conn, sql.Identifier("warehouse", fact.table), sql_file(wanted))
    return RowCounts(read=written, inserted=written)


def leave_delta(conn: Connection[TupleRow], fact: FactSpec, rows: sql.Composable, *, is_signed: bool = True) -> None:
    """Make the delta of *fact* a work view over *rows*, its measures times the sign; unsigned rows were all added."""
    told = [
        sql.SQL("(d.sign * d.{0}) AS {0}").format(sql.Identifier(name))
        if is_signed and name in fact.measures
        else compose.column("d", name)
        for name in column_names(conn, f"warehouse.{fact.table}")
    ]
    drop_work(conn, fact.delta)
    conn.execute(
        sql.SQL("CREATE TEMPORARY VIEW {delta} AS SELECT {told}, {sign} AS sign FROM {rows} AS d").format(
            delta=sql.Identifier(fact.delta),
            told=sql.SQL(", ").join(told),
            sign=sql.SQL("d.sign" if is_signed else "1"),
            rows=rows,
        )
    )
