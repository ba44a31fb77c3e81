"""`make verify`: rebuild everything from retained staging aside, and compare row by row with what is published."""

from collections.abc import Iterator
from dataclasses import dataclass

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from etl.catalog.cubes import BASE_CUBES, DERIVED_CUBES
from etl.catalog.dimensions import DIMENSIONS
from etl.catalog.facts import FACTS
from etl.core.database import column_names, connect
from etl.core.ledger import Ledger
from etl.pipeline import apply_batch, prepare
from etl.steps import PIPELINE, Run
from etl.transform.batch import whole_batch

SAMPLES = 5
# When a row was written is no part of what it says.
METADATA = ("load_id", "load_timestamp")


@dataclass(frozen=True, slots=True)
class Compared:
    """One table: how many rows were compared, how many differ, and the first keys that do."""

    table: str
    row_count: int
    differing_count: int
    samples: tuple[str, ...]


def verify(url: str) -> list[Compared]:
    """Compare the published tables with a rebuild from the staged loads in force; nothing is changed.

    The rebuild runs in a transaction that is rolled back; readers of the tables wait while it lasts.
    """
    with connect(url, autocommit=True) as ledger_conn, connect(url) as conn:
        ledger = Ledger(ledger_conn)
        ledger.start_run("verify")
        failed: str | None = "stopped"
        try:
            batch = whole_batch(ledger_conn)
            # Before the first temporary table: the session's room for them cannot be changed later.
            prepare(conn, batch)
            for schema, table, key in _tables():
                _remember(conn, schema, table, key)
            steps = [step for step in PIPELINE if step.name not in ("publish", "gate")]
            apply_batch(Run(conn, ledger, batch), steps)
            found = [_compare(conn, schema, table, key) for schema, table, key in _tables()]
            failed = None
        finally:
            conn.rollback()
            if not ledger_conn.closed:
                ledger.finish_run(failed=failed)
    return found


def _tables() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for dimension in DIMENSIONS:
        yield "warehouse", dimension.table, (dimension.durable_key, "start_date")
    for fact in FACTS:
        yield "warehouse", fact.table, fact.identity
    for base in BASE_CUBES:
        yield "mart", base.table, base.key
    for derived in DERIVED_CUBES:
        yield "mart", derived.table, derived.key


def _hashed(conn: Connection[TupleRow], schema: str, table: str, key: tuple[str, ...]) -> sql.Composed:
    """A query that gives the key of each row as text, and a hash of all it says."""
    told = [name for name in column_names(conn, f"{schema}.{table}") if name not in METADATA or name in key]
    return sql.SQL(
        "SELECT concat_ws(' ', {key}) AS row_key, hashtextextended(row({told})::text, 0) AS row_hash FROM {table}"
    ).format(
        key=sql.SQL(", ").join(map(sql.Identifier, key)),
        told=sql.SQL(", ").join(map(sql.Identifier, told)),
        table=sql.Identifier(schema, table),
    )


def _remember(conn: Connection[TupleRow], schema: str, table: str, key: tuple[str, ...]) -> None:
    conn.execute(
        sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS {}").format(
            sql.Identifier(f"verify_{table}"), _hashed(conn, schema, table, key)
        )
    )


def _compare(conn: Connection[TupleRow], schema: str, table: str, key: tuple[str, ...]) -> Compared:
    query = sql.SQL(
        "WITH differing AS ((SELECT * FROM {then} EXCEPT ALL {now}) UNION ALL ({now} EXCEPT ALL SELECT * FROM {then})), "
        "keys AS (SELECT DISTINCT row_key FROM differing) "
        "SELECT (SELECT count(*) FROM {then}), (SELECT count(*) FROM keys), "
        "ARRAY(SELECT row_key FROM keys ORDER BY row_key LIMIT {most})"
    ).format(then=sql.Identifier(f"verify_{table}"), now=_hashed(conn, schema, table, key), most=sql.Literal(SAMPLES))
    row = conn.execute(query).fetchone()
    assert row is not None
    return Compared(f"{schema}.{table}", row[0], row[1], tuple(row[2]))
