"""Cubes: base cubes take what a load's facts sum to; materialized views follow when their inputs moved."""

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from etl.catalog.cubes import BaseCube, DerivedCube
from etl.core.ledger import RowCounts
from etl.core.sqlfiles import sql_file


def read_deltas_from_facts(conn: Connection[TupleRow]) -> None:
    """For a rebuild: all facts are the delta."""
    conn.execute("DROP VIEW IF EXISTS pg_temp.work_claim_delta, pg_temp.work_member_month_delta")
    conn.execute("CREATE TEMPORARY VIEW work_claim_delta AS SELECT fact.*, 1 AS sign FROM warehouse.fact_claim_line AS fact")
    conn.execute(
        "CREATE TEMPORARY VIEW work_member_month_delta AS SELECT fact.*, 1 AS sign FROM warehouse.fact_member_month AS fact"
    )


def load_cube(conn: Connection[TupleRow], cube: BaseCube) -> RowCounts:
    """Add the delta to *cube*; groups that no fact is left of are deleted. Always equal to a rebuild from the facts."""
    written = sql_file(cube.table).run(conn)
    name = sql.Identifier("mart", cube.table)
    emptied = conn.execute(sql.SQL("DELETE FROM {} WHERE fact_row_count = 0").format(name)).rowcount
    return RowCounts(inserted=written, deleted=emptied)


def refresh_cube(conn: Connection[TupleRow], cube: DerivedCube, *, concurrently: bool) -> RowCounts:
    """Refresh a materialized view; concurrently: who reads it meanwhile is not made to wait."""
    how = sql.SQL("CONCURRENTLY" if concurrently else "")
    name = sql.Identifier("mart", cube.table)
    conn.execute(sql.SQL("REFRESH MATERIALIZED VIEW {} {}").format(how, name))
    row = conn.execute(sql.SQL("SELECT count(*) FROM {}").format(name)).fetchone()
    return RowCounts(read=row[0] if row else 0)
