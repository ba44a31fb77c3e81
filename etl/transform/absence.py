"""What a full delivery leaves unsaid: which keys are gone, and of which it does not tell the value."""

from psycopg import sql

from etl.core import compose
from etl.transform.history import History
from etl.transform.observation_log import unknown


def mark_rejected_unknown(history: History) -> None:
    """The row of a full delivery was rejected: the key is there on the as_of, its value is not known."""
    if not history.spec.feed:
        return
    entity = [
        sql.SQL("r.entity_id[{}]").format(sql.Literal(place)) for place in range(1, len(history.spec.business_key) + 1)
    ]
    history.run(
        "INSERT INTO {log} (dimension, durable_key, observed_date, as_of, kind, load_id) "
        "SELECT DISTINCT {dimension}, {key}, o.as_of, o.as_of, 'unknown', o.load_id "
        "FROM {rejects} AS r INNER JOIN work_delivery AS o ON r.load_id = o.load_id "
        "WHERE r.load_id IN ({loads}) AND o.mode = 'full' AND r.feed = {feed} AND {given} "
        "AND NOT EXISTS (SELECT FROM {source} AS s WHERE s.load_id IN ({loads}) AND s.load_id = r.load_id "
        "AND {s_key} = {key}) ON CONFLICT DO NOTHING",
        key=compose.computed_key(entity),
        feed=sql.Literal(history.spec.feed),
        given=sql.SQL(" AND ").join(sql.SQL("{} IS NOT NULL").format(part) for part in entity),
    )


def mark_later_unknown(history: History) -> None:
    """All rows of the key in a full delivery hold only later: it is there on the as_of, its value is not known."""
    history.run(
        """
        INSERT INTO {log} (dimension, durable_key, observed_date, as_of, kind, load_id)
        SELECT DISTINCT {dimension}, t.durable_key, t.as_of, t.as_of, 'unknown', t.load_id
        FROM work_touched AS t
        WHERE
            t.mode = 'full' AND t.observed_date > t.as_of
            AND NOT EXISTS (
                SELECT FROM {source} AS s
                WHERE
                    s.load_id IN ({loads}) AND t.load_id = s.load_id AND {s_is_t}
                    AND COALESCE({effective}, t.as_of) <= t.as_of
            )
        ON CONFLICT DO NOTHING
        """
    )


def find_absent(history: History, *, has_forgotten: bool) -> int:
    """Keys that a full delivery should hold and does not: they are gone from its as_of on; how many."""
    if history.lone_full is not None and not has_forgotten:
        return _take_absent(history, history.lone_full.load_id)
    statement = """
        SELECT o.load_id, {d_bk}, o.as_of, o.mode, o.is_new, d.{dk} AS durable_key, {have_hash} AS have_hash
        FROM {candidates} AS d
        INNER JOIN {deliveries} AS o ON o.mode = 'full' AND {is_asked}
        INNER JOIN {fulls} AS f
            ON f.dimension = {dimension} AND o.as_of = f.as_of AND o.load_id = f.load_id AND {d_scope} = f.scope
        LEFT JOIN {source} AS s ON s.load_id IN ({loads}) AND o.load_id = s.load_id AND {s_is_d}
        WHERE
            s.load_id IS NULL
            AND NOT {unknown}
    """
    is_unknown = unknown(history, "d.{dk}", "o.as_of")
    found = history.create(
        "work_absent",
        statement,
        candidates=history.names["dim"],
        unknown=is_unknown,
        have_hash=sql.SQL("d.row_hash"),
        is_asked=history.compose(
            "o.is_new AND {is_value} {remembered} AND d.first_observed_date <= o.as_of AND d.end_date > o.as_of"
        ),
    )
    if has_forgotten:
        found += history.run(
            "INSERT INTO work_absent " + statement,
            candidates=history.compose("(SELECT f.durable_key AS {dk}, {bk} FROM work_forgotten AS f)"),
            unknown=is_unknown,
            have_hash=sql.SQL("NULL::uuid"),
            is_asked=sql.SQL("true"),
        )
    history.run(
        "INSERT INTO work_touched ("
        "load_id, {bk}, as_of, observed_date, mode, is_new, is_gone, durable_key, have_hash, is_news, is_loser) "
        "SELECT load_id, {bk}, as_of, as_of, mode, is_new, true, durable_key, have_hash, true, false FROM work_absent"
    )
    history.conn.execute("ANALYZE work_touched (durable_key, observed_date)")
    return found


def _take_absent(history: History, load_id: int) -> int:
    """Of the versions that no row of the lone full delivery speaks of, those that it should have spoken of; how many."""
    found = history.run(
        "INSERT INTO work_touched ("
        "load_id, {bk}, as_of, observed_date, mode, is_new, is_gone, durable_key, have_hash, is_news, is_loser) "
        "SELECT f.load_id, {t_bk}, t.as_of, t.as_of, t.mode, t.is_new, true, t.durable_key, t.have_hash, true, false "
        "FROM work_candidate AS t "
        "INNER JOIN {fulls} AS f "
        "ON f.dimension = {dimension} AND t.as_of = f.as_of AND f.load_id = {this} AND {t_scope} = f.scope "
        "WHERE t.record_number IS NULL AND NOT {unknown}",
        this=sql.Literal(load_id),
        unknown=unknown(history, "t.durable_key", "t.as_of"),
    )
    history.conn.execute("ANALYZE work_touched (durable_key, observed_date)")
    return found
