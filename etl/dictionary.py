"""The data dictionary: what the database says of itself by COMMENT ON, as Markdown. Nothing in it is written by hand."""

from collections.abc import Iterator
from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import TupleRow

from etl.core.database import connect

# In the order in which a reader wants them.
SCHEMAS = ("warehouse", "mart", "deidentified", "staging", "etl")
INTRODUCTION = """\
# Data dictionary

`make dictionary` writes this page from the comments in the database; a test fails where they differ.
Partitions are left out: they have the columns of their table.
"""


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or view, as the server's catalog has it."""

    oid: int
    schema: str
    name: str
    kind: str
    comment: str
    partition_key: str | None


def dictionary(url: str) -> str:
    """The whole dictionary: each schema, its tables and views, their grain, columns and keys. The same on every server."""
    with connect(url, autocommit=True) as conn:
        lines = [INTRODUCTION]
        for schema, comment in _schemas(conn):
            lines += [f"## Schema {schema}", "", _plain(comment), ""]
            for relation in relations(conn, schema):
                lines += _page(conn, relation)
            lines += _functions(conn, schema)
    return "\n".join(lines).rstrip() + "\n"


def relations(conn: Connection[TupleRow], schema: str) -> list[Relation]:
    """The tables and views of a schema, by name; without partitions and without Alembic's own table."""
    rows = conn.execute(
        """
        SELECT
            class.oid, space.nspname, class.relname,
            CASE class.relkind WHEN 'v' THEN 'View' WHEN 'm' THEN 'Materialized view' ELSE 'Table' END,
            COALESCE(obj_description(class.oid, 'pg_class'), ''), pg_get_partkeydef(class.oid)
        FROM pg_class AS class
        INNER JOIN pg_namespace AS space ON class.relnamespace = space.oid
        WHERE
            space.nspname = %s AND class.relkind IN ('r', 'p', 'v', 'm') AND NOT class.relispartition
            AND class.relname <> 'alembic_version'
        ORDER BY class.relname COLLATE "C"
        """,
        (schema,),
    ).fetchall()
    return [Relation(*row) for row in rows]


def columns(conn: Connection[TupleRow], relation: Relation) -> list[tuple[str, str, bool, str]]:
    """(name, type, may be NULL, comment) of each column, in the order of the table."""
    return conn.execute(
        """
        SELECT
            attname, format_type(atttypid, atttypmod), NOT attnotnull,
            COALESCE(col_description(attrelid, attnum), '')
        FROM pg_attribute
        WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped
        ORDER BY attnum
        """,
        (relation.oid,),
    ).fetchall()


def _schemas(conn: Connection[TupleRow]) -> list[tuple[str, str]]:
    comments: dict[str, str] = dict(
        conn.execute(
            "SELECT nspname, COALESCE(obj_description(oid, 'pg_namespace'), '') FROM pg_namespace WHERE nspname = ANY(%s)",
            (list(SCHEMAS),),
        ).fetchall()
    )
    return [(schema, comments[schema]) for schema in SCHEMAS if schema in comments]


def _page(conn: Connection[TupleRow], relation: Relation) -> Iterator[str]:
    yield from (f"### {relation.name}", "", _plain(relation.comment), "")
    notes = [] if relation.kind == "Table" else [relation.kind]
    if relation.partition_key:
        notes.append(f"Partitioned by {relation.partition_key}")
    notes += _keys(conn, relation)
    if notes:
        yield from (*(f"- {note}." for note in notes), "")
    # The server does not know what a view may hold.
    is_table = relation.kind == "Table"
    yield from (
        ("| column | type | NULL | what it is |", "|---|---|---|---|")
        if is_table
        else ("| column | type | what it is |", "|---|---|---|")
    )
    for name, sql_type, may_be_null, comment in columns(conn, relation):
        null = [("yes" if may_be_null else "no")] if is_table else []
        yield f"| {' | '.join([f'`{name}`', sql_type, *null, _plain(comment)])} |"
    yield ""


def _keys(conn: Connection[TupleRow], relation: Relation) -> list[str]:
    """Primary key, unique indexes and references, as a person would say them."""
    unique = conn.execute(
        """
        SELECT
            index.indisprimary,
            ARRAY(
                SELECT pg_get_indexdef(index.indexrelid, place, true) FROM generate_series(1, index.indnkeyatts) AS place
            ),
            pg_get_expr(index.indpred, index.indrelid, true)
        FROM pg_index AS index
        INNER JOIN pg_class AS class ON index.indexrelid = class.oid
        WHERE index.indrelid = %s AND index.indisunique
        ORDER BY index.indisprimary DESC, class.relname COLLATE "C"
        """,
        (relation.oid,),
    ).fetchall()
    notes = [
        f"{'Primary key' if is_primary else 'Unique'}: {_names(names)}"
        + (f", where `{condition}`" if condition else "")
        for is_primary, names, condition in unique
    ]
    references = conn.execute(
        """
        SELECT
            ARRAY(
                SELECT attname::text FROM pg_attribute, unnest(conkey) WITH ORDINALITY AS key (number, place)
                WHERE attrelid = conrelid AND attnum = key.number ORDER BY key.place
            ),
            space.nspname || '.' || target.relname
        FROM pg_constraint AS reference
        INNER JOIN pg_class AS target ON reference.confrelid = target.oid
        INNER JOIN pg_namespace AS space ON target.relnamespace = space.oid
        WHERE reference.conrelid = %s AND reference.contype = 'f' AND reference.conparentid = 0
        ORDER BY reference.conname COLLATE "C"
        """,
        (relation.oid,),
    ).fetchall()
    return notes + [f"{_names(names)} refers to `{target}`" for names, target in references]


def _functions(conn: Connection[TupleRow], schema: str) -> Iterator[str]:
    rows = conn.execute(
        """
        SELECT proname, pg_get_function_arguments(oid), pg_get_function_result(oid), COALESCE(obj_description(oid, 'pg_proc'), '')
        FROM pg_proc
        WHERE pronamespace = %s::regnamespace
        ORDER BY proname COLLATE "C"
        """,
        (schema,),
    ).fetchall()
    for name, arguments, result, comment in rows:
        yield from (f"### {name}", "", _plain(comment), "", f"- Function: `{name}({arguments})` gives `{result}`.", "")


def _names(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _plain(text: str) -> str:
    """*text* so that Markdown shows it as it is, in a cell of a table too."""
    for mark in "\\|<*`":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())
