"""What is in the tables, as one short text a table: equal texts, equal rows, in whatever order they lie."""

from collections.abc import Collection, Sequence

from psycopg import Connection, sql
from psycopg.rows import TupleRow

CONTENT = ("staging", "warehouse", "mart")
# When a row came in, and under which number its file stands in the ledger: no content.
METADATA = frozenset({"load_timestamp", "source_file_id"})
_MODULUS = 2**64

_COLUMNS = """
    SELECT space.nspname, class.relname, array_agg(attribute.attname::text ORDER BY attribute.attname)
    FROM pg_class AS class
    INNER JOIN pg_namespace AS space ON class.relnamespace = space.oid
    INNER JOIN pg_attribute AS attribute ON attribute.attrelid = class.oid AND attribute.attnum > 0
    WHERE
        (space.nspname = ANY(%s) OR space.nspname || '.' || class.relname = ANY(%s))
        AND class.relkind IN ('r', 'p', 'm') AND NOT class.relispartition
        AND NOT attribute.attisdropped AND attribute.attname <> ALL(%s)
    GROUP BY space.nspname, class.relname
    ORDER BY space.nspname, class.relname
"""


def fingerprint(
    conn: Connection[TupleRow],
    schemas: Sequence[str] = CONTENT,
    *,
    tables: Sequence[str] = (),
    ignored: Collection[str] = METADATA,
    with_load_id: bool = False,
) -> dict[str, str]:
    """Rows and checksum of every table and materialized view of *schemas*, and of *tables* (`schema.table`) besides.

    Set-based and in one snapshot; the order of rows, loads and columns does not matter, how often a row is there does.
    Load metadata is left out, and the number of the load too unless *with_load_id*. Made to be compared on one server.
    """
    left_out = [*ignored] if with_load_id else [*ignored, "load_id"]
    found = conn.execute(_COLUMNS, (list(schemas), list(tables), left_out)).fetchall()
    if not found:
        return {}
    # One statement, so that all tables are read as of one moment.
    query = sql.SQL(" UNION ALL ").join(_digest(schema, table, columns) for schema, table, columns in found)
    return {
        name: f"{rows} rows, {int(first) % _MODULUS:016x}{int(second) % _MODULUS:016x}"
        for name, rows, first, second in sorted(conn.execute(query).fetchall())
    }


def differences(left: dict[str, str], right: dict[str, str]) -> list[str]:
    """The tables whose content differs, with both sides."""
    return [
        f"{table}: {left.get(table, 'absent')} | {right.get(table, 'absent')}"
        for table in sorted({*left, *right})
        if left.get(table) != right.get(table)
    ]


def _digest(schema: str, table: str, columns: Sequence[str]) -> sql.Composable:
    """The sum of two hashes over each row's text: 128 bits, the same for every order of the rows."""
    return sql.SQL(
        "SELECT {name}, count(*), COALESCE(sum(hashtextextended(row_text, 1)::numeric), 0), "
        "COALESCE(sum(hashtextextended(row_text, 2)::numeric), 0) "
        "FROM (SELECT ROW({columns})::text AS row_text FROM {table} AS t) AS rows_of_it"
    ).format(
        name=sql.Literal(f"{schema}.{table}"),
        columns=sql.SQL(", ").join(sql.Identifier("t", column) for column in columns),
        table=sql.Identifier(schema, table),
    )
