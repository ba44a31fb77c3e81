"""Small pieces of SQL composed from names: never from text."""

from collections.abc import Iterable, Sequence

from psycopg import sql

from etl.core.spec import DimensionSpec, HistoryType


def column(alias: str, name: str) -> sql.Composable:
    """`alias.name`."""
    return sql.Identifier(alias, name)


def columns(alias: str, names: Iterable[str]) -> sql.Composable:
    """`alias.a, alias.b`; empty for no names."""
    return sql.SQL(", ").join(column(alias, name) for name in names)


def listed(names: Iterable[str]) -> sql.Composable:
    """`a, b`."""
    return sql.SQL(", ").join(map(sql.Identifier, names))


def leading(parts: Iterable[sql.Composable]) -> sql.Composable:
    """Each part with a comma before it: goes behind a column that is always there."""
    return sql.SQL("").join(sql.SQL(", ") + part for part in parts)


def equal(left: str, right: str, names: Iterable[str]) -> sql.Composable:
    """`left.a = right.a AND left.b = right.b`."""
    return sql.SQL(" AND ").join(sql.SQL("{} = {}").format(column(left, n), column(right, n)) for n in names)


def qualified(table: str, schema: str) -> sql.Composable:
    """`schema.table`; a table that brings its own schema (`a.b`) keeps it."""
    return sql.Identifier(*table.split(".")) if "." in table else sql.Identifier(schema, table)


def computed_key(parts: Sequence[sql.Composable]) -> sql.Composable:
    """The key computed from these text expressions: see the comment of etl.computed_key.

    Written out, since the function is no candidate for inlining (convert_to is not immutable) and costs four times as much.
    """
    # In brackets, so that what is the same in all rows is put together once.
    measured = (sql.SQL("(octet_length({0}::text) || ':' || {0}::text)").format(part) for part in parts)
    return sql.SQL("('x' || encode(substr(sha256(convert_to({}, 'UTF8')), 1, 8), 'hex'))::bit(64)::bigint").format(
        sql.SQL(" || ',' || ").join(measured)
    )


def durable_key(alias: str, names: Sequence[str]) -> sql.Composable:
    """The durable key of the business key in these columns."""
    return computed_key([column(alias, name) for name in names])


def version_key(spec: DimensionSpec, alias: str, start: sql.Composable) -> sql.Composable:
    """The surrogate key of the version that starts at *start*."""
    return computed_key([*(column(alias, name) for name in spec.business_key), moment(spec, start)])


def moment(spec: DimensionSpec, start: sql.Composable) -> sql.Composable:
    """The text of a version's start that goes into its key: the same in every time zone."""
    if spec.history is HistoryType.DATE:
        return start
    return sql.SQL("""to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US')""").format(start)


def cleaned(spec: DimensionSpec, alias: str, name: str) -> sql.Composable:
    """The source's column as the dimension holds it: NFC-normalised and trimmed where the spec says so."""
    expression = column(alias, name)
    if name in spec.nfc:
        expression = sql.SQL("normalize({}, NFC)").format(expression)
    if name in spec.trim:
        expression = sql.SQL("btrim({}, E' \\t\\n\\r\\f\\v')").format(expression)
    return expression
