"""The first full delivery of an empty dimension: every row is a version, so nothing has to be compared or spliced."""

from psycopg import sql

from etl.core import compose
from etl.core.hashing import HASH_VERSION, hash_rows
from etl.core.spec import Absence, Mode
from etl.transform.history import History, Observed


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
    hash_rows(history.conn, rows, sql.Identifier("work_hashed"), len(spec.overwritten))
    history.conn.execute("ANALYZE work_hashed (record_number)")
    start = history.compose("LEAST({as_of}, {beginning})" if spec.from_beginning else "{as_of}", **parts)
    return history.run(
        """
        INSERT INTO {dim} (
            {dk}, {sk}, {bk}, {attributes} {mirrors}, start_date, end_date, first_observed_date, is_inferred, row_hash,
            overwritten_hash, hash_version, fixed_as_of, load_id, load_timestamp
        )
        SELECT
            {s_key}, {version_key}, {s_bk}, {s_attributes} {s_mirrors}, {start}, {open_end}, {as_of}, false, h.row_hash,
            h.overwritten_hash, {hash_version}, {as_of}, s.load_id, {started}
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
        **parts,
    )
