"""What is remembered of observations that the dimension does not show, and which of two observations holds."""

from psycopg import sql

from etl.transform.history import History


def log(history: History) -> None:
    """Remember what a list of full deliveries would not tell."""
    logged = history.run(
        """
        INSERT INTO {log} AS l (dimension, durable_key, observed_date, as_of, kind, load_id)
        SELECT DISTINCT ON (t.durable_key, t.observed_date, t.as_of)
            {dimension}, t.durable_key, t.observed_date, t.as_of,
            CASE WHEN t.is_gone THEN 'gone' ELSE 'value' END, t.load_id
        FROM work_touched AS t
        WHERE t.mode = 'delta' OR t.observed_date <> t.as_of
        ORDER BY t.durable_key, t.observed_date, t.as_of, t.load_id DESC, t.record_number DESC
        ON CONFLICT (dimension, durable_key, observed_date, as_of)
        DO UPDATE SET kind = excluded.kind, load_id = excluded.load_id
        WHERE l.kind = 'unknown' OR l.load_id <= excluded.load_id
        """
    )
    if logged > 1000:
        history.run("ANALYZE {log} (dimension, durable_key, observed_date)")


def mark_losers(history: History) -> None:
    history.run(
        """
        UPDATE work_touched AS t SET is_loser = true
        FROM {log} AS l
        WHERE
            l.dimension = {dimension} AND t.durable_key = l.durable_key AND t.observed_date = l.observed_date
            AND l.kind <> 'unknown' AND (l.as_of > t.as_of OR (l.as_of = t.as_of AND l.load_id > t.load_id))
        """
    )
    history.run(
        """
        UPDATE work_touched AS t SET is_loser = true
        FROM {fulls} AS f
        WHERE
            f.dimension = {dimension} AND t.observed_date = f.as_of AND f.as_of > t.as_of AND f.scope = {t_scope}
            AND NOT {unknown}
        """,
        unknown=unknown(history, "t.durable_key", "f.as_of"),
    )


def unknown(history: History, key: str, as_of: str) -> sql.Composable:
    """The full delivery of *as_of* holds *key*, and left its value unknown."""
    return history.compose(
        "EXISTS (SELECT FROM {log} AS u WHERE u.dimension = {dimension} AND u.durable_key = {key} "
        "AND u.observed_date = {as_of} AND u.as_of = {as_of} AND u.kind = 'unknown')",
        key=history.compose(key),
        as_of=sql.SQL(as_of),
    )


def log_hidden_values(history: History) -> None:
    """A full delivery's row that another observation of the same day hides: its overwritten columns still count."""
    if not history.spec.has_row_dates:
        return
    history.run(
        """
        INSERT INTO {log} (dimension, durable_key, observed_date, as_of, kind, load_id)
        SELECT DISTINCT {dimension}, t.durable_key, t.as_of, t.as_of, 'value', t.load_id
        FROM work_touched AS t
        WHERE t.is_loser AND t.mode = 'full' AND t.observed_date = t.as_of AND NOT t.is_gone
        UNION
        SELECT {dimension}, t.durable_key, f.as_of, f.as_of, 'value', f.load_id
        FROM work_touched AS t
        INNER JOIN {fulls} AS f ON f.dimension = {dimension} AND t.observed_date = f.as_of AND {t_scope} = f.scope
        WHERE t.is_gone AND NOT t.is_loser AND t.as_of > f.as_of AND t.have_hash IS NOT NULL
        ON CONFLICT DO NOTHING
        """
    )
