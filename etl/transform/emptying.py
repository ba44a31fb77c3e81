"""Begin anew: forget what was staged, empty the tables that a rebuild fills."""

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from etl.catalog.cubes import BASE_CUBES
from etl.catalog.dimensions import DIMENSIONS
from etl.core.spec import DimensionSpec
from etl.transform import reference_loader


def forget_all_loads(conn: Connection[TupleRow]) -> None:
    """Begin anew: drop all staging and the ledger of loads. The published tables stay until the new ones are complete."""
    # Killed in between, what is left counts as the remains of a load that never ended, which any next run clears away.
    with conn.transaction():
        conn.execute("UPDATE etl.load SET status = 'staging'")
        conn.execute(
            "UPDATE etl.source_file SET status = 'staging', superseded_by = NULL, replays_source_file_id = NULL"
        )
        conn.execute("UPDATE etl.rejected_row SET replayed_load_id = NULL WHERE replayed_load_id IS NOT NULL")
    partitions = conn.execute(
        "SELECT child.relname FROM pg_inherits INNER JOIN pg_class AS child ON child.oid = inhrelid "
        "INNER JOIN pg_namespace AS space ON space.oid = child.relnamespace WHERE space.nspname = 'staging'"
    ).fetchall()
    # A few at a time: each drop holds locks, and the server has room for so many only.
    names = [sql.Identifier("staging", row[0]) for row in partitions]
    for place in range(0, len(names), 200):
        conn.execute(sql.SQL("DROP TABLE {}").format(sql.SQL(", ").join(names[place : place + 200])))
    conn.execute("TRUNCATE etl.load, etl.source_file, etl.control_total, etl.rejected_row RESTART IDENTITY")


def empty_warehouse(conn: Connection[TupleRow], stages: set[str]) -> None:
    """In the publishing transaction: empty the tables that these stages fill, and what the SCD helper remembers."""
    if "dims" in stages:
        for spec in DIMENSIONS:
            _empty_dimension(conn, spec)
        conn.execute("DELETE FROM warehouse.dim_geography WHERE geography_key <> -1")
        conn.execute(
            "TRUNCATE etl.dimension_observation, etl.full_observation, etl.dimension_journal, etl.key_redirect"
        )
    if {"dims", "facts"} <= stages:  # the codes that no list knows come from the facts as they are loaded
        reference_loader.empty_references(conn)
    if "facts" in stages:
        conn.execute(
            "TRUNCATE warehouse.fact_enrollment, warehouse.fact_member_month, warehouse.fact_claim, "
            "warehouse.fact_claim_line, warehouse.claim_link, warehouse.fact_member_month_adjustment, "
            "warehouse.fact_enrollment_movement"
        )
    if "aggregates" in stages:
        cubes = sql.SQL(", ").join(sql.Identifier("mart", cube.table) for cube in BASE_CUBES)
        conn.execute(sql.SQL("TRUNCATE {}").format(cubes))


def _empty_dimension(conn: Connection[TupleRow], spec: DimensionSpec) -> None:
    """All but the reserved rows, -1 and -2."""
    name, columns = sql.Identifier("warehouse", spec.table), sql.SQL(", ").join(map(sql.Identifier, spec.columns))
    conn.execute(
        sql.SQL("CREATE TEMPORARY TABLE work_reserved ON COMMIT DROP AS SELECT * FROM {} WHERE {} IN (-1, -2)").format(
            name, sql.Identifier(spec.surrogate_key)
        )
    )
    conn.execute(sql.SQL("TRUNCATE {}").format(name))
    conn.execute(sql.SQL("INSERT INTO {} ({}) SELECT {} FROM work_reserved").format(name, columns, columns))
    conn.execute("DROP TABLE work_reserved")
