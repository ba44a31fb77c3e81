"""Indexes of a table that is filled from nothing: built once, when all rows are in."""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import Connection, sql
from psycopg.rows import TupleRow


@contextmanager
def indexes_afterwards(conn: Connection[TupleRow], table: sql.Composable, *, pays: bool = True) -> Iterator[None]:
    """Drop the indexes and keys of an empty table, and build them again when it is filled: sorted once.

    They stay where that does not *pay*, where only the table's owner may do so and we are not, and where something else
    rests on a key.
    """
    if not pays:
        yield
        return
    found = conn.execute(
        """
        SELECT place.nspname, named.relname, key.conname, pg_get_indexdef(index.indexrelid), pg_get_constraintdef(key.oid)
        FROM pg_index AS index
        INNER JOIN pg_class AS named ON index.indexrelid = named.oid
        INNER JOIN pg_namespace AS place ON named.relnamespace = place.oid
        LEFT JOIN pg_constraint AS key
            ON index.indexrelid = key.conindid AND index.indrelid = key.conrelid AND key.contype IN ('p', 'u', 'x')
        WHERE
            index.indrelid = %s::regclass AND pg_has_role(named.relowner, 'USAGE')
            AND NOT EXISTS (
                SELECT FROM pg_constraint AS other
                WHERE other.conindid = index.indexrelid AND other.conrelid <> index.indrelid
            )
            AND NOT EXISTS (
                SELECT FROM pg_depend AS rests
                WHERE
                    rests.refclassid = 'pg_constraint'::regclass AND rests.refobjid = key.oid AND rests.deptype = 'n'
            )
        ORDER BY named.relname
        """,
        (table.as_string(conn),),
    ).fetchall()
    for schema, index, key, *_ in found:
        if key:
            conn.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(table, sql.Identifier(key)))
        else:
            conn.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(schema, index)))
    yield
    for _, _, key, made_by, constraint in found:
        # The catalog's own words; they come as they were.
        if key:
            conn.execute(
                sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {}").format(table, sql.Identifier(key), sql.SQL(constraint))
            )
        else:
            # Of a partitioned table the server tells the index of the parent alone, which would stay without parts.
            conn.execute(made_by.replace(" ON ONLY ", " ON ", 1).encode())
