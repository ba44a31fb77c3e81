"""Cubes: base cubes take what a load's facts sum to; materialized views follow when their inputs moved."""

from collections.abc import Set as AbstractSet
from datetime import date, timedelta
from itertools import groupby

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from etl.catalog.cubes import BaseCube, DerivedCube
from etl.catalog.facts import FACTS
from etl.core import compose
from etl.core.database import column_names, local_settings
from etl.core.ledger import RowCounts
from etl.core.sqlfiles import SqlFile, drop_work, remake, sql_file
from etl.transform.work_tables import fill, is_empty, leave_delta, make


def read_deltas_from_facts(conn: Connection[TupleRow]) -> None:
    """For a rebuild: all facts are the delta."""
    for fact in FACTS:
        if fact.delta:
            leave_delta(conn, fact, sql.Identifier("warehouse", fact.table), is_signed=False)


def leave_cents(conn: Connection[TupleRow], *, is_rebuild: bool = False) -> RowCounts:
    """Leave `work_claim_cents`: the delta of the claims as their cubes add it up, in a rebuild a part for each month."""
    if not is_rebuild:
        return RowCounts(read=make(conn, "work_claim_cents"))
    file, name = sql_file("work_claim_cents"), sql.Identifier("work_claim_cents")
    drop_work(conn, "work_claim_cents")
    drop_work(conn, "work_claim_shape")
    shape = sql.SQL("CREATE TEMPORARY TABLE work_claim_shape ON COMMIT DROP AS SELECT * FROM ({}) AS line LIMIT 0")
    conn.execute(shape.format(file.composable))
    conn.execute(
        sql.SQL(
            "CREATE TEMPORARY TABLE {} (LIKE work_claim_shape) PARTITION BY LIST (month_start_date) ON COMMIT DROP"
        ).format(name)
    )
    for month in _months(conn, is_rebuild=True):
        part = sql.Identifier(f"work_claim_cents_{month:%Y_%m}")
        of_month = sql.SQL("CREATE TEMPORARY TABLE {} PARTITION OF {} FOR VALUES IN ({}) ON COMMIT DROP")
        conn.execute(of_month.format(part, name, sql.Literal(month)))
    return RowCounts(read=file.run(conn, into=sql.SQL("INSERT INTO {}").format(name)))


def load_cube(conn: Connection[TupleRow], cube: BaseCube, *, is_rebuild: bool = False) -> RowCounts:
    """Add the delta to *cube*; groups that no fact is left of are deleted. Always equal to a rebuild from the facts.

    Leaves `work_<cube>`, what was added.
    """
    work, file = f"work_{cube.table}", sql_file(cube.table)
    if is_rebuild:
        return _fill(conn, cube, file)
    if is_empty(conn, cube.delta):
        drop_work(conn, work)
        return RowCounts()
    told = {"months": _months(conn, is_rebuild=False)} if "months" in file.values else {}
    if not remake(conn, work, told_by=cube.table, **told):
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
        "measures": compose.columns("w", [name for name in columns if name not in cube.key]),
        "nothing": sql.SQL(", ").join(sql.Literal(0) for name in columns if name not in cube.key),
    }

    def run(statement: str) -> int:
        return conn.execute(sql.SQL(statement).format(**names)).rowcount

    # What was taken and added again is no change: neither the cell is written nor what follows the cube refreshed.
    written = run(
        "INSERT INTO {cube} AS cube ({columns}) SELECT * FROM {work} AS w WHERE ({measures}) <> ({nothing}) "
        "ON CONFLICT ({key}) DO UPDATE SET {sums}"
    )
    # Only where facts were taken can none be left.
    taken = conn.execute(
        sql.SQL("SELECT EXISTS (SELECT FROM {work} WHERE fact_row_count <= 0)").format(**names)
    ).fetchone()
    if not taken or not taken[0]:
        return RowCounts(inserted=written)
    run("ANALYZE {work}")
    emptied = run(
        "DELETE FROM {cube} AS cube USING {work} AS w WHERE {same} AND w.fact_row_count <= 0 AND cube.fact_row_count = 0"
    )
    return RowCounts(inserted=written, deleted=emptied)


def _fill(conn: Connection[TupleRow], cube: BaseCube, file: SqlFile) -> RowCounts:
    """Fill an empty cube, a period of months at a time where its groups do not reach beyond one: few groups sum fast."""
    periods: list[dict[str, list[date]]] = [{}]
    if "months" in file.values:
        months = _months(conn, is_rebuild=True)
        together = groupby(months, lambda month: (month.year * 12 + month.month - 1) // cube.months_together)
        periods = [{"months": list(period)} for _, period in together]
    table = sql.Identifier("mart", cube.table)
    # All groups are wanted: reading the facts in the order of an index, month by month merged, never pays.
    with local_settings(conn, enable_indexscan="off"):
        written = fill(conn, table, file, periods)
    conn.execute(sql.SQL("ANALYZE {}").format(table))
    drop_work(conn, f"work_{cube.table}")
    added = sql.SQL("CREATE TEMPORARY VIEW {} AS SELECT * FROM {}")
    conn.execute(added.format(sql.Identifier(f"work_{cube.table}"), table))
    return RowCounts(inserted=written)


def _months(conn: Connection[TupleRow], *, is_rebuild: bool) -> list[date]:
    """The months of service of the delta, in their order; in a rebuild those that the claim facts have room for."""
    if is_rebuild:
        query = (
            "SELECT to_date(right(month.relname, 7), 'YYYY_MM') AS month_start_date FROM pg_inherits AS part "
            "INNER JOIN pg_class AS month ON part.inhrelid = month.oid "
            "WHERE part.inhparent = 'warehouse.fact_claim_line'::regclass ORDER BY 1"
        )
    else:
        query = "SELECT DISTINCT month_start_date FROM work_claim_cents ORDER BY 1"
    return [month for (month,) in conn.execute(query.encode())]


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


def passed(before: date | None, after: date | None) -> set[str]:
    """What moved with the horizon: itself, and `horizon_month` where another month has begun, or has just been completed."""
    if before == after:
        return set()
    days = [(day, day + timedelta(days=1)) for day in (before, after) if day]
    months = {tuple((day.year, day.month) for day in pair) for pair in days}
    return {"horizon"} if len(days) == 2 and len(months) == 1 else {"horizon", "horizon_month"}


def _counted(conn: Connection[TupleRow], name: sql.Identifier) -> RowCounts:
    row = conn.execute(sql.SQL("SELECT count(*) FROM {}").format(name)).fetchone()
    return RowCounts(read=row[0] if row else 0)
