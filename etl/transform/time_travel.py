"""Time travel: the versions of a dimension on a day, and as they were known when a load had been published."""

from datetime import date, datetime

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from etl.core import compose
from etl.core.spec import DimensionSpec
from etl.transform.history import Schemas, ledger_table


def as_of(
    conn: Connection[TupleRow],
    spec: DimensionSpec,
    moment: date | datetime,
    known_at: int | None = None,
    schemas: Schemas | None = None,
) -> list[TupleRow]:
    """The versions valid on *moment*, in the order of `spec.columns`; reserved rows are left out.

    *known_at*: as they stood after this load had been published, whatever came later.
    """
    query = sql.SQL(
        "SELECT {} FROM {} AS v WHERE v.start_date <= {moment} AND v.end_date > {moment} ORDER BY {}"
    ).format(
        compose.columns("v", spec.columns),
        known_versions(spec, known_at, schemas),
        compose.columns("v", spec.business_key),
        moment=sql.Literal(moment),
    )
    return conn.execute(query).fetchall()


def known_versions(spec: DimensionSpec, known_at: int | None = None, schemas: Schemas | None = None) -> sql.Composed:
    """A query in brackets that gives all versions as they stood after load *known_at* had been published.

    What was written later is undone: a version inserted later is left out; of one changed or deleted later, each column
    stands as the journal shows it before its first such change. Loads that one run published together were never known apart: the
    query takes the last of them.
    """
    where = schemas or Schemas()
    names = {
        "dim": compose.qualified(spec.table, where.warehouse),
        "journal": sql.Identifier(where.ledger, ledger_table("dimension_journal", spec.history)),
        "loads": sql.Identifier(where.ledger, "load"),
        "dimension": sql.Literal(spec.table),
        "columns": compose.columns("d", spec.columns),
        "before": compose.columns("b", spec.columns),
        "sk": sql.Identifier(spec.surrogate_key),
        "known_at": sql.Literal(known_at),
    }
    now = sql.SQL("SELECT {columns} FROM {dim} AS d WHERE d.{sk} NOT IN (-1, -2)").format(**names)
    if known_at is None:
        return sql.SQL("({})").format(now)
    return sql.SQL(
        "("
        # Of one key told twice the last holds, and that is the earliest change.
        "WITH later AS (SELECT j.surrogate_key, jsonb_object_agg(told.key, told.value ORDER BY j.journal_id DESC) AS before "
        "FROM {journal} AS j CROSS JOIN LATERAL jsonb_each(j.before) AS told "
        "WHERE j.dimension = {dimension} AND j.load_id > {known_at} GROUP BY j.surrogate_key) "
        "{now} AND d.load_id <= {known_at} AND d.{sk} NOT IN (SELECT l.surrogate_key FROM later AS l) "
        "UNION ALL SELECT {before} FROM later AS l LEFT JOIN {dim} AS d ON l.surrogate_key = d.{sk} "
        "CROSS JOIN LATERAL jsonb_populate_record(d, l.before) AS b WHERE b.load_id <= {known_at}"
        ")"
    ).format(now=now, **names)


def published_with(conn: Connection[TupleRow], load_id: int, schemas: Schemas | None = None) -> int:
    """The last of the loads that one run published together with *load_id*: what KNOWN_AT is to mean to a person."""
    row = conn.execute(
        sql.SQL(
            "SELECT COALESCE(max(other.load_id), {this}) FROM {loads} AS this INNER JOIN {loads} AS other "
            "ON this.published_at = other.published_at WHERE this.load_id = {this}"
        ).format(this=sql.Literal(load_id), loads=sql.Identifier((schemas or Schemas()).ledger, "load"))
    ).fetchone()
    return int(row[0]) if row else load_id


def create_as_of_function(conn: Connection[TupleRow], spec: DimensionSpec, schemas: Schemas | None = None) -> None:
    """A SQL function `<table>_as_of(moment)` beside the dimension, for those who work in SQL: the versions valid then."""
    where = schemas or Schemas()
    dim = compose.qualified(spec.table, where.warehouse)
    conn.execute(
        sql.SQL(
            "CREATE OR REPLACE FUNCTION {name} (moment {type}) RETURNS SETOF {dim} LANGUAGE sql STABLE PARALLEL SAFE "
            "BEGIN ATOMIC SELECT * FROM {dim} AS d WHERE d.start_date <= moment AND d.end_date > moment; END"
        ).format(
            name=compose.qualified(f"{spec.table}_as_of", where.warehouse),
            type=sql.SQL(spec.history.value),
            dim=dim,
        )
    )
