"""Cubes: base cubes take what a load's facts sum to; materialized views follow when their inputs moved."""

from collections.abc import Set as AbstractSet
from contextlib import nullcontext
from datetime import date

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from etl.catalog.cubes import BaseCube, DerivedCube
from etl.catalog.facts import FACTS
from etl.core import compose
from etl.core.database import column_names, local_settings
from etl.core.indexes import indexes_afterwards
from etl.core.ledger import RowCounts
from etl.core.sqlfiles import remake
from etl.transform.work_tables import leave_delta


def read_deltas_from_facts(conn: Connection[TupleRow]) -> None:
    """For a rebuild: all facts are the delta."""
    for fact in FACTS:
        if fact.delta:
            leave_delta(conn, fact, sql.Identifier("warehouse", fact.table), is_signed=False)


def load_cube(conn: Connection[TupleRow], cube: BaseCube, *, is_rebuild: bool = False) -> RowCounts:
    """Add the delta to *cube*; groups that no fact is left of are deleted. Always equal to a rebuild from the facts.

    Leaves `work_<cube>`, what was added.
    """
    work = f"work_{cube.table}"
    # In a rebuild all groups are wanted: reading the facts in the order of an index, month by month merged, never pays.
    with local_settings(conn, enable_indexscan="off") if is_rebuild else nullcontext():
        added = remake(conn, work)
    if not added:
        return RowCounts()
    columns = column_names(conn, f"pg_temp.{work}")
    names = {
        "cube": sql.Identifier("mart", cube.table),
        "work": sql.Identifier(work),
        "columns": compose.listed(columns),
        "key": compose.listed(cube.key),
        "same": compose.equal("cube", "w", cube.key),
        "sums": sql.SQL(", ").join(
            sql.SQL("{0} = cube.{0} + excluded.{0}").format(sql.Identifier(name))
            for name in columns
            if name not in cube.key
        ),
    }

    def run(statement: str) -> int:
        return conn.execute(sql.SQL(statement).format(**names)).rowcount

    if is_rebuild:
        with indexes_afterwards(conn, sql.Identifier("mart", cube.table)):
            written = run("INSERT INTO {cube} ({columns}) SELECT * FROM {work}")
        run("ANALYZE {cube}")
        return RowCounts(inserted=written)
    run("ANALYZE {work}")
    written = run(
        "INSERT INTO {cube} AS cube ({columns}) SELECT * FROM {work} ON CONFLICT ({key}) DO UPDATE SET {sums}"
    )
    emptied = run("DELETE FROM {cube} AS cube USING {work} AS w WHERE {same} AND cube.fact_row_count = 0")
    return RowCounts(inserted=written, deleted=emptied)


def refresh_cube(conn: Connection[TupleRow], cube: DerivedCube, moved: AbstractSet[str]) -> RowCounts:
    """Refresh a materialized view when one of its inputs *moved*; who reads it meanwhile is not made to wait."""
    if not moved & {*cube.inputs, *cube.follows}:
        return RowCounts()
    name = sql.Identifier("mart", cube.table)
    # The server compares whole rows, old and new, which it can only merge.
    with local_settings(conn, enable_mergejoin="on"):
        conn.execute(sql.SQL("REFRESH MATERIALIZED VIEW CONCURRENTLY {}").format(name))
    return _counted(conn, name)


def fill_cube(conn: Connection[TupleRow], cube: DerivedCube) -> RowCounts:
    """Fill a materialized view at once, as a rebuild does, which holds the base cubes locked anyway."""
    name = sql.Identifier("mart", cube.table)
    conn.execute(sql.SQL("REFRESH MATERIALIZED VIEW {}").format(name))
    return _counted(conn, name)


def horizon(conn: Connection[TupleRow]) -> date | None:
    """The as_of of the latest delivery of claims or enrollments in force: what dated views reach to."""
    row = conn.execute(
        "SELECT max(as_of) FROM etl.source_file WHERE feed IN ('claims', 'enrollments') AND status = 'in_force'"
    ).fetchone()
    return row[0] if row else None


def _counted(conn: Connection[TupleRow], name: sql.Identifier) -> RowCounts:
    row = conn.execute(sql.SQL("SELECT count(*) FROM {}").format(name)).fetchone()
    return RowCounts(read=row[0] if row else 0)
