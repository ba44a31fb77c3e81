"""Cubes: base cubes take what a load's facts sum to; materialized views follow when their inputs moved."""

from collections.abc import Set as AbstractSet
from datetime import date

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from etl.catalog.cubes import DELTAS, BaseCube, DerivedCube
from etl.core.ledger import RowCounts
from etl.core.sqlfiles import sql_file
from etl.transform.fact_loader import drop_work


def read_deltas_from_facts(conn: Connection[TupleRow]) -> None:
    """For a rebuild: all facts are the delta."""
    for delta, fact in DELTAS.items():
        drop_work(conn, delta)
        conn.execute(
            sql.SQL("CREATE TEMPORARY VIEW {} AS SELECT fact.*, 1 AS sign FROM {} AS fact").format(
                sql.Identifier(delta), sql.Identifier(*fact.split("."))
            )
        )


def sum_days(conn: Connection[TupleRow], *, is_rebuild: bool) -> None:
    """Leave work_plan_day_delta, what each day of each plan gained: for a rebuild all that claims_daily_plan holds."""
    drop_work(conn, "work_plan_day_delta")
    if is_rebuild:
        conn.execute("CREATE TEMPORARY VIEW work_plan_day_delta AS SELECT cube.* FROM mart.claims_daily_plan AS cube")
    else:
        sql_file("work_plan_day_delta").run(conn)


def load_cube(conn: Connection[TupleRow], cube: BaseCube, *, is_rebuild: bool = False) -> RowCounts:
    """Add the delta to *cube*; groups that no fact is left of are deleted. Always equal to a rebuild from the facts."""
    if cube.delta == "work_plan_day_delta":
        sum_days(conn, is_rebuild=is_rebuild)
    written = sql_file(cube.table).run(conn)
    if not written:
        return RowCounts()
    name = sql.Identifier("mart", cube.table)
    emptied = conn.execute(sql.SQL("DELETE FROM {} WHERE fact_row_count = 0").format(name)).rowcount
    return RowCounts(inserted=written, deleted=emptied)


def refresh_cube(conn: Connection[TupleRow], cube: DerivedCube, moved: AbstractSet[str]) -> RowCounts:
    """Refresh a materialized view when one of its inputs *moved*; who reads it meanwhile is not made to wait."""
    if not moved & {*cube.inputs, *cube.follows}:
        return RowCounts()
    name = sql.Identifier("mart", cube.table)
    # The server compares whole rows, old and new, which it can only merge.
    conn.execute("SET LOCAL enable_mergejoin = on")
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
