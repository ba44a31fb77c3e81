"""Makes the tables that the SCD helper needs, where no migration does: for a table of your own, or for a rebuild aside."""

from typing import TYPE_CHECKING

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from etl.core import compose
from etl.core.errors import SpecError
from etl.core.spec import DimensionSpec, HistoryType
from etl.transform.history import Schemas, ledger_table

if TYPE_CHECKING:
    from collections.abc import Iterable

_LEDGER = {
    "dimension_observation": (
        "dimension text NOT NULL, durable_key bigint NOT NULL, observed_date {moment} NOT NULL, as_of {moment} NOT NULL, "
        "kind text NOT NULL CHECK (kind IN ('value', 'gone', 'unknown')), load_id bigint NOT NULL, "
        "PRIMARY KEY (dimension, durable_key, observed_date, as_of)"
    ),
    "full_observation": (
        "dimension text NOT NULL, as_of {moment} NOT NULL, scope text NOT NULL, load_id bigint NOT NULL, "
        "PRIMARY KEY (dimension, as_of, scope)"
    ),
    "key_redirect": (
        "load_id bigint NOT NULL, dimension text NOT NULL, durable_key bigint NOT NULL, old_key bigint NOT NULL, "
        "new_key bigint NOT NULL, start_date {moment} NOT NULL, end_date {moment} NOT NULL"
    ),
    "dimension_journal": (
        "journal_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, load_id bigint NOT NULL, dimension text NOT NULL, "
        "durable_key bigint NOT NULL, surrogate_key bigint NOT NULL, "
        "operation text NOT NULL CHECK (operation IN ('update', 'delete')), before jsonb NOT NULL, "
        "recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()"
    ),
}
_COMPUTED_KEY = """
    CREATE FUNCTION etl.computed_key(canonical text) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN ('x' || left(encode(sha256(convert_to(canonical, 'UTF8')), 'hex'), 16))::bit(64)::bigint
"""
_OWN_TYPES = {
    "is_deleted": "boolean NOT NULL DEFAULT false",
    "is_inferred": "boolean NOT NULL DEFAULT false",
    "row_hash": "uuid",
    "overwritten_hash": "uuid",
    "hash_version": "smallint NOT NULL DEFAULT 1",
    "load_id": "bigint NOT NULL",
    "load_timestamp": "timestamptz NOT NULL",
}


def create_ledger(
    conn: Connection[TupleRow],
    schemas: Schemas | None = None,
    *,
    history: HistoryType = HistoryType.DATE,
) -> None:
    """Make the schema and the tables in which the helper remembers what was observed; what is there stays."""
    ledger = (schemas or Schemas()).ledger
    for schema in dict.fromkeys(("etl", ledger)):
        conn.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
    row = conn.execute("SELECT to_regprocedure('etl.computed_key(text)')").fetchone()
    if row is None or row[0] is None:
        conn.execute(_COMPUTED_KEY)
    for name, columns in _LEDGER.items():
        conn.execute(
            sql.SQL("CREATE TABLE IF NOT EXISTS {} ({})").format(
                sql.Identifier(ledger, ledger_table(name, history)),
                sql.SQL(columns).format(moment=sql.SQL(history.value)),
            )
        )
    conn.execute(
        sql.SQL("CREATE INDEX IF NOT EXISTS dimension_journal_key ON {} (dimension, durable_key, load_id)").format(
            sql.Identifier(ledger, "dimension_journal")
        )
    )


def create_dimension(conn: Connection[TupleRow], spec: DimensionSpec, schemas: Schemas | None = None) -> None:
    """Make the table of *spec*, its columns typed as the source's, with the constraints that keep history true."""
    where = schemas or Schemas()
    types = _source_types(conn, spec)
    moment = spec.history.value
    own = _OWN_TYPES | {
        spec.durable_key: "bigint NOT NULL",
        spec.surrogate_key: "bigint NOT NULL",
        "start_date": f"{moment} NOT NULL",
        "end_date": f"{moment} NOT NULL",
        "first_observed_date": f"{moment} NOT NULL",
        "fixed_as_of": moment,
        **{name: f"{types[name]} NOT NULL" for name in spec.business_key},
        **{f"current_{name}": types[name] for name in spec.mirrored},
    }
    open_end = sql.SQL("'9999-12-31 00:00:00+00'" if spec.history is HistoryType.TIMESTAMPTZ else "'9999-12-31'")
    names = {
        "table": compose.qualified(spec.table, where.warehouse),
        "columns": sql.SQL(", ").join(
            sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(own.get(name, types.get(name, ""))))
            for name in spec.columns
        ),
        "is_open": sql.SQL("end_date = {}::{}").format(open_end, sql.SQL(moment)),
        "dk": sql.Identifier(spec.durable_key),
        "sk": sql.Identifier(spec.surrogate_key),
        "bk": compose.listed(spec.business_key),
    }
    for statement in (
        (
            "CREATE TABLE {table} ({columns}, current_flag boolean NOT NULL GENERATED ALWAYS AS ({is_open}) STORED, "
            "PRIMARY KEY ({dk}, start_date), CHECK (start_date < end_date))"
        ),
        "CREATE UNIQUE INDEX ON {table} ({dk}) WHERE {is_open}",
        "CREATE UNIQUE INDEX ON {table} ({sk})",
        "CREATE INDEX ON {table} ({bk})",
    ):
        conn.execute(sql.SQL(statement).format(**names))


def _source_types(conn: Connection[TupleRow], spec: DimensionSpec) -> dict[str, str]:
    types: dict[str, str] = dict(
        conn.execute(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
            "WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped",
            (compose.qualified(spec.source, "staging").as_string(conn),),
        ).fetchall()
    )
    tracked: Iterable[str] = (*spec.business_key, *spec.attributes)
    if missing := [f"{spec.source} lacks the column {name}" for name in tracked if name not in types]:
        raise SpecError(spec.table, missing)
    return types
