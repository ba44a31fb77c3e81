"""The first full delivery of an empty dimension: every row is a version, so nothing has to be compared or spliced."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from etl.core import compose
from etl.core.hashing import HASH_VERSION, copied_rows, with_hashes
from etl.core.indexes import indexes_afterwards
from etl.core.spec import Absence, Mode
from etl.transform.history import History, Observed, write_canonically

# From here on it is faster to build indexes anew than to keep them up row by row, and a second connection pays.
_MANY = 20_000

# Opens a connection of its own.
OpenReader = Callable[[], Connection[TupleRow]]


def is_first(history: History, delivery: Observed) -> bool:
    """Nothing is known of the dimension, and the delivery is a full one whose rows all hold from its as_of on."""
    if delivery.mode is not Mode.FULL or history.spec.absence is Absence.IGNORE or not history.spec.feed:
        return False
    is_empty = history.one(
        "SELECT NOT EXISTS (SELECT FROM {dim} WHERE {sk} NOT IN (-1, -2)) "
        "AND NOT EXISTS (SELECT FROM {log} WHERE dimension = {dimension}) "
        "AND NOT EXISTS (SELECT FROM {fulls} WHERE dimension = {dimension})"
    )
    # Counted, since workers share that, and all rows must be looked at anyway.
    return bool(is_empty) and not history.one(
        "SELECT count(*) FROM {source} AS s "
        "WHERE s.load_id = {this} AND ({effective} IS NOT NULL OR {is_gone} OR {no_key})",
        this=sql.Literal(delivery.load_id),
        no_key=sql.SQL(" OR ").join(
            sql.SQL("{} IS NULL").format(history.source("s", name)) for name in history.spec.business_key
        ),
    )


def insert_all(history: History, delivery: Observed, open_reader: OpenReader | None) -> int:
    """Insert a version for each row of the delivery; how many. The outcome is what the general way would come to."""
    as_of = sql.SQL("{}::{}").format(delivery.as_of, history.names["moment"])
    start = history.compose("LEAST({as_of}, {beginning})", as_of=as_of) if history.spec.from_beginning else as_of
    # As text, which the server need not make of the date row by row.
    started = sql.Literal(history.one("SELECT ({moment})::text", moment=compose.moment(history.spec, start)))
    values, constants = _values(history, started), _constants(history, delivery, as_of, start)
    rows = sql.SQL("FROM {} AS s WHERE s.load_id IN ({})").format(
        history.names["source"], sql.Literal(delivery.load_id)
    )
    if open_reader and (delivery.row_count or 0) >= _MANY:
        with indexes_afterwards(history.conn, history.names["dim"]):
            return _stream(history, values, constants, rows, open_reader)
    return _insert(history, values, constants, rows)


def _values(history: History, started: sql.Composable) -> dict[str, sql.Composable]:
    """What a version takes from its row `s`, by column: what is hashed comes first. *started*: its start in its key."""
    spec = history.spec
    key = [history.source("s", name) for name in spec.business_key]
    return {
        **{name: history.source("s", name) for name in (*spec.versioned, *spec.overwritten)},
        **{name: history.source("s", name) for name in (*spec.business_key, *spec.fixed)},
        **{f"current_{name}": history.source("s", name) for name in spec.mirrored},
        spec.durable_key: history.names["s_key"],
        spec.surrogate_key: compose.computed_key([*key, started]),
    }


def _constants(
    history: History, delivery: Observed, as_of: sql.Composable, start: sql.Composable
) -> dict[str, sql.Composable]:
    """What is the same in all versions of the delivery, by column; they are not inferred, as is the default."""
    return {
        "start_date": start,
        "end_date": history.names["open_end"],
        "first_observed_date": as_of,
        "hash_version": sql.Literal(HASH_VERSION),
        **({"fixed_as_of": as_of} if history.spec.fixed else {}),
        "load_id": sql.Literal(delivery.load_id),
        "load_timestamp": sql.Literal(delivery.load_timestamp),
    }


def _stream(
    history: History,
    values: dict[str, sql.Composable],
    constants: dict[str, sql.Composable],
    rows: sql.Composable,
    open_reader: OpenReader,
) -> int:
    """The rows go from one connection through the hash into the other, which keeps two cores of the server at work."""
    overwritten_count = len(history.spec.overwritten)
    other_count = len(values) - len(history.spec.versioned) - overwritten_count
    query = sql.SQL("COPY (SELECT {} {}) TO STDOUT").format(sql.SQL(", ").join(values.values()), rows)
    with _as_defaults(history, constants) as told, history.conn.cursor() as writer:
        same = b""
        if told:
            with writer.copy(sql.SQL("COPY (SELECT {}) TO STDOUT").format(sql.SQL(", ").join(told.values()))) as copy:
                same = b"".join(map(bytes, copy)).removesuffix(b"\n")
        # FREEZE: the table was emptied in this transaction, so no one else sees it, and nobody need look at these rows again.
        target = history.compose(
            "COPY {dim} ({columns}) FROM STDIN (FREEZE)",
            columns=compose.listed(["row_hash", "overwritten_hash", *told, *values]),
        )
        with open_reader() as reader:
            write_canonically(reader)
            with closing(copied_rows(reader, query)) as source, writer.copy(target) as copy:
                for block in with_hashes(source, overwritten_count, other_count, same):
                    copy.write(block)
        return writer.rowcount


@contextmanager
def _as_defaults(history: History, constants: dict[str, sql.Composable]) -> Iterator[dict[str, sql.Composable]]:
    """Make the constants the columns' defaults for the block: to read them in each row takes a fifth of the writing.

    Yields those that must be told row by row: all of them where only the table's owner may do so and we are not.
    """
    before: dict[str, str | None] = dict(
        history.conn.execute(
            "SELECT attname, pg_get_expr(adbin, adrelid) FROM pg_attribute INNER JOIN pg_class ON attrelid = pg_class.oid "
            "LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum "
            "WHERE attrelid = %s::regclass AND attname = ANY(%s) AND pg_has_role(relowner, 'USAGE')",
            (history.names["dim"].as_string(history.conn), list(constants)),
        ).fetchall()
    )

    def alter(defaults: dict[str, sql.Composable | None]) -> None:
        history.run(
            "ALTER TABLE {dim} {changes}",
            changes=sql.SQL(", ").join(
                sql.SQL("ALTER {} {}").format(
                    sql.Identifier(name),
                    sql.SQL("SET DEFAULT {}").format(value) if value else sql.SQL("DROP DEFAULT"),
                )
                for name, value in defaults.items()
            ),
        )

    if before:
        alter({name: constants[name] for name in before})
    yield {name: value for name, value in constants.items() if name not in before}
    if before:
        # The catalog's own words; they come as they were.
        alter({name: sql.SQL(text) if text else None for name, text in before.items()})


def _insert(
    history: History, values: dict[str, sql.Composable], constants: dict[str, sql.Composable], rows: sql.Composable
) -> int:
    """The rows' hashes go to the server, which joins them to the rows."""
    spec = history.spec
    hashed = sql.SQL(", ").join(values[name] for name in (*spec.versioned, *spec.overwritten))
    query = sql.SQL("SELECT s.load_id, s.record_number, {} {}").format(hashed, rows)
    count = history.hash(query)
    with indexes_afterwards(history.conn, history.names["dim"], pays=count >= _MANY):
        return history.run(
            "INSERT INTO {dim} ({columns}) SELECT {values}, {constants}, h.row_hash, h.overwritten_hash "
            "FROM (SELECT * {rows}) AS s INNER JOIN work_hashed AS h ON s.record_number = h.record_number",
            columns=compose.listed([*values, *constants, "row_hash", "overwritten_hash"]),
            values=sql.SQL(", ").join(values.values()),
            constants=sql.SQL(", ").join(constants.values()),
            rows=rows,
        )
