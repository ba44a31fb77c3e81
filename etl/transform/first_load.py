"""The first full delivery of an empty dimension: every row is a version, so nothing has to be compared or spliced."""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import sql

from etl.core import compose
from etl.core.hashing import HASH_VERSION, hash_rows
from etl.core.spec import Absence, Mode
from etl.transform.history import History, Observed

# From here on it is faster to build indexes anew than to keep them up row by row.
_MANY = 20_000


def is_first(history: History, delivery: Observed) -> bool:
    """Nothing is known of the dimension, and the delivery is a full one whose rows all hold from its as_of on."""
    if delivery.mode is not Mode.FULL or history.spec.absence is Absence.IGNORE or not history.spec.feed:
        return False
    return bool(
        history.one(
            "SELECT NOT EXISTS (SELECT FROM {dim} WHERE {sk} NOT IN (-1, -2)) "
            "AND NOT EXISTS (SELECT FROM {log} WHERE dimension = {dimension}) "
            "AND NOT EXISTS (SELECT FROM {fulls} WHERE dimension = {dimension}) "
            "AND NOT EXISTS (SELECT FROM {source} AS s WHERE s.load_id = {this} AND ({effective} IS NOT NULL OR {is_gone} "
            "OR {no_key}))",
            this=sql.Literal(delivery.load_id),
            no_key=sql.SQL(" OR ").join(
                sql.SQL("{} IS NULL").format(history.source("s", name)) for name in history.spec.business_key
            ),
        )
    )


def insert_all(history: History, delivery: Observed) -> int:
    """Insert a version for each row of the delivery; how many. The outcome is what the general way would come to."""
    spec = history.spec
    parts = {
        "this": sql.Literal(delivery.load_id),
        "as_of": sql.SQL("{}::{}").format(delivery.as_of, history.names["moment"]),
        "started": sql.Literal(delivery.load_timestamp),
        "hash_version": sql.Literal(HASH_VERSION),
    }
    history.create(
        "work_hashed",
        "SELECT 0::bigint AS load_id, 0::bigint AS record_number, NULL::uuid AS row_hash, NULL::uuid AS overwritten_hash "
        "WHERE false",
    )
    rows = history.compose(
        "SELECT s.load_id, s.record_number, {attributes} FROM {source} AS s WHERE s.load_id IN ({this})",
        attributes=sql.SQL(", ").join(history.source("s", name) for name in (*spec.versioned, *spec.overwritten)),
        **parts,
    )
    count = hash_rows(history.conn, rows, sql.Identifier("work_hashed"), len(spec.overwritten))
    history.conn.execute("ANALYZE work_hashed (record_number)")
    start = history.compose("LEAST({as_of}, {beginning})" if spec.from_beginning else "{as_of}", **parts)
    with _indexes_set_aside(history, is_worth_it=count >= _MANY):
        return _insert(history, start, parts)


def _insert(history: History, start: sql.Composable, parts: dict[str, sql.Composable]) -> int:
    spec = history.spec
    return history.run(
        """
        INSERT INTO {dim} (
            {dk}, {sk}, {bk}, {attributes} {mirrors}, start_date, end_date, first_observed_date, is_inferred, row_hash,
            overwritten_hash, hash_version, fixed_as_of, load_id, load_timestamp
        )
        SELECT
            {s_key}, {version_key}, {s_bk}, {s_attributes} {s_mirrors}, {start}, {open_end}, {as_of}, false, h.row_hash,
            h.overwritten_hash, {hash_version}, {fixed_as_of}, s.load_id, {started}
        FROM {source} AS s
        INNER JOIN work_hashed AS h ON s.record_number = h.record_number
        WHERE s.load_id IN ({this})
        """,
        attributes=compose.listed(spec.attributes),
        mirrors=compose.leading(sql.Identifier(f"current_{name}") for name in spec.mirrored),
        s_attributes=sql.SQL(", ").join(history.source("s", name) for name in spec.attributes),
        s_mirrors=compose.leading(history.source("s", name) for name in spec.mirrored),
        version_key=compose.computed_key(
            [*(history.source("s", name) for name in spec.business_key), compose.moment(spec, start)]
        ),
        start=start,
        fixed_as_of=history.compose("{as_of}" if spec.fixed else "NULL", **parts),
        **parts,
    )


@contextmanager
def _indexes_set_aside(history: History, *, is_worth_it: bool) -> Iterator[None]:
    """Drop what indexes and keys the dimension has, and make them again behind the block.

    They stay where only the table's owner may do so and we are not, and where something else rests on a key.
    """
    found = (
        history.conn.execute(
            history.compose(
                """
                SELECT place.nspname, named.relname, key.conname, pg_get_indexdef(index.indexrelid),
                    pg_get_constraintdef(key.oid)
                FROM pg_index AS index
                INNER JOIN pg_class AS named ON index.indexrelid = named.oid
                INNER JOIN pg_namespace AS place ON named.relnamespace = place.oid
                LEFT JOIN pg_constraint AS key ON index.indexrelid = key.conindid AND index.indrelid = key.conrelid
                WHERE
                    index.indrelid = {name}::regclass AND pg_has_role(named.relowner, 'USAGE')
                    AND NOT EXISTS (
                        SELECT FROM pg_constraint AS other
                        WHERE other.conindid = index.indexrelid AND other.conrelid <> index.indrelid
                    )
                    AND NOT EXISTS (SELECT FROM pg_depend AS rests WHERE rests.refclassid = 'pg_constraint'::regclass
                        AND rests.refobjid = key.oid AND rests.deptype = 'n')
                ORDER BY named.relname
                """,
                name=sql.Literal(history.names["dim"].as_string(history.conn)),
            )
        ).fetchall()
        if is_worth_it
        else []
    )
    for schema, index, key, *_ in found:
        if key:
            history.run("ALTER TABLE {dim} DROP CONSTRAINT {key}", key=sql.Identifier(key))
        else:
            history.run("DROP INDEX {index}", index=sql.Identifier(schema, index))
    yield
    for _, _, key, made_by, constraint in found:
        # The catalog's own words; they come as they were.
        if key:
            history.run(
                "ALTER TABLE {dim} ADD CONSTRAINT {key} {how}", key=sql.Identifier(key), how=sql.SQL(constraint)
            )
        else:
            history.conn.execute(made_by.encode())
