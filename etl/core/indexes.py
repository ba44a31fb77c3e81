"""Indexes of a table that is filled from nothing: built once, when all rows are in."""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import Connection, sql
from psycopg.rows import TupleRow


@contextmanager
def indexes_afterwards(conn: Connection[TupleRow], schema: str, table: str) -> Iterator[None]:
    """Drop the indexes and the primary key of an empty table, and build them again when it is filled: sorted once."""
    name = sql.Identifier(schema, table)
    indexes = conn.execute(
        "SELECT relation.relname, pg_get_indexdef(relation.oid), key.conname, pg_get_constraintdef(key.oid) "
        "FROM pg_index AS listed INNER JOIN pg_class AS relation ON relation.oid = listed.indexrelid "
        "LEFT JOIN pg_constraint AS key ON key.conindid = relation.oid AND key.contype IN ('p', 'u') "
        "WHERE listed.indrelid = %s::regclass ORDER BY relation.relname",
        (f"{schema}.{table}",),
    ).fetchall()
    for index, _, constraint, _ in indexes:
        if constraint:
            conn.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(name, sql.Identifier(constraint)))
        else:
            conn.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(schema, index)))
    yield
    for _, definition, constraint, meaning in indexes:
        if constraint:
            add = sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {}").format(
                name, sql.Identifier(constraint), sql.SQL(meaning)
            )
            conn.execute(add)
        else:
            # Of a partitioned table the server tells the index of the parent alone, which would stay without parts.
            conn.execute(definition.replace(" ON ONLY ", " ON ", 1).encode())
