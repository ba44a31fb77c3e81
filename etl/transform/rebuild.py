"""Rebuilds a dimension aside from what is staged, and compares: the proof that history does not depend on its order."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from etl.core import compose
from etl.core.spec import DimensionSpec, Mode
from etl.transform.dimension_loader import load_dimension
from etl.transform.history import Observed, Schemas, ledger_table

# When a row was written differs between a rebuild and a warehouse that grew; all else must not.
METADATA = ("load_id", "load_timestamp")
SCRATCH = "etl_verify"


@dataclass(frozen=True, slots=True)
class Difference:
    """A version that only one side has, or that the sides hold differently."""

    table: str
    durable_key: int
    start_date: object
    why: str


def verify(
    conn: Connection[TupleRow],
    specs: Iterable[DimensionSpec],
    deliveries: dict[str, Sequence[Observed]],
    schemas: Schemas | None = None,
) -> list[Difference]:
    """Rebuild each dimension from its *deliveries* in force (by table), and name every version that differs.

    Works in a scratch schema of the caller's transaction: roll it back. Rows that facts made (inferred) and the reserved
    rows come from no delivery and are left out.
    """
    where = schemas or Schemas()
    scratch = Schemas(SCRATCH, SCRATCH, where.rejects)
    conn.execute(sql.SQL("DROP SCHEMA IF EXISTS {s} CASCADE; CREATE SCHEMA {s}").format(s=sql.Identifier(SCRATCH)))
    return [
        difference
        for spec in specs
        for difference in _verify_one(conn, spec, deliveries.get(spec.table, ()), where, scratch)
    ]


def _verify_one(
    conn: Connection[TupleRow], spec: DimensionSpec, deliveries: Sequence[Observed], where: Schemas, scratch: Schemas
) -> Iterator[Difference]:
    bare = spec.table.rpartition(".")[2]
    aside = spec.moved_to(f"{SCRATCH}.{bare}")
    made = sql.Identifier(SCRATCH, bare)
    dim = compose.qualified(spec.table, where.warehouse)
    for table in ("dimension_observation", "full_observation", "key_redirect", "dimension_journal"):
        name = ledger_table(table, spec.history)
        conn.execute(
            sql.SQL("CREATE TABLE IF NOT EXISTS {} (LIKE {} INCLUDING ALL)").format(
                sql.Identifier(SCRATCH, name), sql.Identifier(where.ledger, name)
            )
        )
    conn.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(made, dim))
    for group in in_groups(deliveries):
        load_dimension(conn, aside, group, in_force=deliveries, allow_closures=True, schemas=scratch)
    names = [name for name in spec.columns if name not in METADATA]
    rows = conn.execute(
        sql.SQL(
            "SELECT COALESCE(old.{dk}, new.{dk}), COALESCE(old.start_date, new.start_date), "
            "CASE WHEN new.{dk} IS NULL THEN 'not in the rebuild' WHEN old.{dk} IS NULL THEN 'only in the rebuild' "
            "ELSE 'differs' END "
            "FROM (SELECT * FROM {dim} WHERE row_hash IS NOT NULL) AS old "
            "FULL JOIN {made} AS new ON old.{dk} = new.{dk} AND old.start_date = new.start_date "
            "WHERE old.{dk} IS NULL OR new.{dk} IS NULL OR record_image_ne(ROW({old}), ROW({new})) ORDER BY 1, 2"
        ).format(
            dk=sql.Identifier(spec.durable_key),
            dim=dim,
            made=made,
            old=compose.columns("old", names),
            new=compose.columns("new", names),
        )
    ).fetchall()
    for durable_key, start_date, why in rows:
        yield Difference(spec.table, durable_key, start_date, why)


def in_groups(deliveries: Iterable[Observed]) -> list[list[Observed]]:
    """In the order of as_of, cut before each full delivery: only what differs from the last one is looked at closely."""
    groups: list[list[Observed]] = []
    for delivery in sorted(deliveries, key=lambda each: (each.as_of, each.load_id)):
        if not groups or delivery.mode is Mode.FULL:
            groups.append([])
        groups[-1].append(delivery)
    return groups
