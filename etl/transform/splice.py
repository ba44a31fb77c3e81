"""From the observations in work_touched to work_wanted: the versions that the affected keys should have."""

from psycopg import sql

from etl.core import compose
from etl.core.spec import OverwriteScope
from etl.transform.history import History
from etl.transform.observation_log import unknown


def splice(history: History) -> int:
    """Left neighbour, head, new piece, tail, right neighbour; equal neighbours merge. Late or in order, it is the same.

    How many keys are affected.
    """
    affected = history.create(
        "work_affected",
        "SELECT DISTINCT t.durable_key, {t_bk} FROM work_touched AS t WHERE t.is_news AND NOT t.is_loser "
        "UNION SELECT t.durable_key, {t_bk} FROM work_forgotten AS t",
    )
    history.create(
        "work_have",
        "SELECT d.* FROM {dim} AS d INNER JOIN work_affected AS a ON d.{dk} = a.durable_key",
        told_by="({dk}, start_date)",
    )
    _find_right_neighbours(history)
    _collect_points(history)
    _merge(history)
    return affected


def _find_right_neighbours(history: History) -> None:
    """For each news, the key's next known observation: there the state of before has to come back."""
    history.create(
        "work_neighbour",
        """
        WITH news AS (
            SELECT DISTINCT t.durable_key, t.observed_date, {t_scope} AS scope
            FROM work_touched AS t
            WHERE
                t.is_news AND NOT t.is_loser
                AND t.durable_key NOT IN (SELECT f.durable_key FROM work_forgotten AS f)
        )

        SELECT durable_key, min(next_date) AS next_date
        FROM (
            SELECT n.durable_key, n.observed_date, l.observed_date AS next_date
            FROM news AS n
            INNER JOIN {log} AS l
                ON
                    l.dimension = {dimension} AND n.durable_key = l.durable_key AND l.observed_date > n.observed_date
                    AND l.kind <> 'unknown'
            UNION ALL
            SELECT n.durable_key, n.observed_date, f.next_date
            FROM news AS n
            CROSS JOIN LATERAL (
                SELECT f.as_of AS next_date
                FROM {fulls} AS f
                WHERE
                    f.dimension = {dimension} AND f.scope = n.scope AND f.as_of > n.observed_date
                    AND NOT {unknown}
                ORDER BY f.as_of
                LIMIT 1
            ) AS f
        ) AS found
        GROUP BY durable_key, observed_date
        """,
        unknown=unknown(history, "n.durable_key", "f.as_of"),
    )


def _collect_points(history: History) -> None:
    """work_point: where the state of an affected key is known to begin, and what it is there. A row without hash: gone."""
    history.create(
        "work_point",
        """
        SELECT DISTINCT ON (durable_key, observed_date)
            durable_key, observed_date, row_hash, load_id, record_number, have_start
        FROM (
            SELECT
                t.durable_key, t.observed_date, t.row_hash, t.load_id, t.record_number, NULL::{moment} AS have_start,
                1 AS priority, t.as_of
            FROM work_touched AS t
            INNER JOIN work_affected AS a ON t.durable_key = a.durable_key
            WHERE NOT t.is_loser
            UNION ALL
            SELECT n.durable_key, n.next_date, d.row_hash, NULL, NULL, d.start_date, 2, NULL
            FROM work_neighbour AS n
            LEFT JOIN work_have AS d
                ON
                    n.durable_key = d.{dk} AND {is_value}
                    AND d.first_observed_date <= n.next_date AND d.end_date > n.next_date
            UNION ALL
            SELECT d.{dk}, d.first_observed_date, d.row_hash, NULL, NULL, d.start_date, 2, NULL
            FROM work_have AS d
            WHERE {is_value} {remembered}
            UNION ALL
            SELECT d.{dk}, d.end_date, NULL, NULL, NULL, NULL, 3, NULL
            FROM work_have AS d
            WHERE {is_value} AND d.end_date < {open_end} {remembered}
        ) AS said
        ORDER BY durable_key, observed_date, priority, as_of DESC, load_id DESC, record_number DESC
        """,
    )


def _merge(history: History) -> None:
    """work_wanted: equal neighbours are one version; `content_start` names the version a deleted one takes its values from."""
    spec = history.spec
    history.create(
        "work_wanted",
        """
        WITH ordered AS (
            SELECT *, lag(row_hash) OVER (PARTITION BY durable_key ORDER BY observed_date) AS previous_hash
            FROM work_point
        ),

        spans AS (
            SELECT
                *,
                row_number() OVER each_key AS version_number,
                COALESCE(lead(observed_date) OVER each_key, {open_end}) AS end_date,
                lag(load_id) OVER each_key AS previous_load_id,
                lag(record_number) OVER each_key AS previous_record_number,
                lag(have_start) OVER each_key AS previous_have_start,
                lag(observed_date) OVER each_key AS previous_date
            FROM ordered
            WHERE row_hash IS DISTINCT FROM previous_hash
            WINDOW each_key AS (PARTITION BY durable_key ORDER BY observed_date)
        )

        SELECT
            durable_key, end_date, observed_date AS first_observed_date, row_hash IS NULL AS is_deleted,
            {start} AS start_date,
            COALESCE(row_hash, previous_hash) AS row_hash,
            CASE WHEN row_hash IS NULL THEN previous_load_id ELSE load_id END AS load_id,
            CASE WHEN row_hash IS NULL THEN previous_record_number ELSE record_number END AS record_number,
            CASE WHEN row_hash IS NULL THEN previous_have_start ELSE have_start END AS have_start,
            CASE WHEN row_hash IS NULL THEN previous_date ELSE observed_date END AS content_date,
            CASE WHEN row_hash IS NULL THEN observed_date ELSE end_date END AS content_end
        FROM spans
        WHERE row_hash IS NOT NULL OR {keeps_deleted}
        """,
        start=history.compose(
            "CASE WHEN version_number = 1 THEN LEAST(observed_date, {beginning}) ELSE observed_date END"
        )
        if spec.from_beginning
        else sql.SQL("observed_date"),
        keeps_deleted=sql.Literal(spec.marks_deleted),
    )


def choose_winners(history: History) -> None:
    """Whose overwritten and fixed columns hold, where it is a row of this batch.

    work_overwrite: per key, or per key and wanted version where closed versions keep what was told in their time;
    work_fixed: per key.
    """
    if history.spec.overwrite_scope is OverwriteScope.CURRENT:
        _choose_by_version(history)
    else:
        _choose_by_key(history)
    if not history.spec.fixed:
        history.create(
            "work_fixed",
            "SELECT 0::bigint AS durable_key, 0::bigint AS load_id, 0::bigint AS record_number, {beginning} AS as_of "
            "WHERE false",
        )
        return
    history.create(
        "work_fixed",
        """
        SELECT x.*
        FROM (
            SELECT DISTINCT ON (t.durable_key) t.durable_key, t.load_id, t.record_number, t.as_of
            FROM work_touched AS t
            WHERE NOT t.is_gone AND (t.have_fixed_as_of IS NULL OR t.have_fixed_as_of > t.as_of)
            ORDER BY t.durable_key, t.as_of, t.load_id, t.observed_date, t.record_number
        ) AS x
        -- A row whose own day no version covers cannot tell what is fixed already.
        WHERE NOT EXISTS (
            SELECT FROM {dim} AS d
            WHERE d.{dk} = x.durable_key AND d.row_hash IS NOT NULL AND d.fixed_as_of <= x.as_of {remembered}
        )
        """,
    )


def _choose_by_key(history: History) -> None:
    """The row of the greatest as_of, unless a later delivery is known that held the key."""
    loudest = history.create(
        "work_overwrite",
        """
        SELECT c.durable_key, c.load_id, c.record_number, c.overwritten_hash, {t_bk}, c.as_of, c.observed_date
        FROM (
            SELECT DISTINCT ON (t.durable_key) t.*
            FROM work_touched AS t
            WHERE NOT t.is_gone
            ORDER BY t.durable_key, t.as_of DESC, t.load_id DESC, t.observed_date DESC, t.record_number DESC
        ) AS c
        WHERE c.have_overwritten_hash IS DISTINCT FROM c.overwritten_hash
        """,
        t_bk=compose.columns("c", history.spec.business_key),
    )
    if not loudest:
        return
    history.run(
        """
        DELETE FROM work_overwrite AS c
        USING {log} AS l
        WHERE
            l.dimension = {dimension} AND l.durable_key = c.durable_key AND l.kind = 'value'
            AND (l.as_of > c.as_of OR (l.as_of = c.as_of AND l.load_id > c.load_id))
        """
    )
    history.run(
        """
        DELETE FROM work_overwrite AS c
        USING {dim} AS d, {fulls} AS f
        WHERE
            c.durable_key = d.{dk} AND {is_value} {remembered}
            AND d.first_observed_date <= f.as_of AND d.end_date > f.as_of
            AND f.dimension = {dimension} AND f.scope = {c_scope}
            AND (
                f.as_of > c.as_of
                OR (f.as_of = c.as_of AND f.load_id > c.load_id)
                -- Its own row of the as_of itself: bringing nothing new, it is not among the touched.
                OR (f.load_id = c.load_id AND c.observed_date < c.as_of)
            )
            -- It left the value unknown, and nothing since has told it.
            AND NOT EXISTS (
                SELECT FROM {log} AS u
                WHERE
                    u.dimension = {dimension} AND u.durable_key = c.durable_key AND u.observed_date = f.as_of
                    AND u.as_of = f.as_of AND u.kind <> 'value'
            )
            AND NOT EXISTS (
                SELECT FROM work_touched AS heard
                WHERE
                    heard.durable_key = c.durable_key AND heard.observed_date = f.as_of
                    AND heard.load_id = f.load_id
            )
        """,
        c_scope=history.scope("c"),
    )


def _choose_by_version(history: History) -> None:
    """Per wanted version: of the rows whose day it covers, the one of the greatest as_of."""
    history.create(
        "work_overwrite",
        """
        SELECT DISTINCT ON (w.durable_key, w.start_date)
            w.durable_key, w.start_date, t.load_id, t.record_number, t.overwritten_hash
        FROM work_wanted AS w
        INNER JOIN work_touched AS t
            ON
                w.durable_key = t.durable_key AND t.observed_date >= w.content_date AND t.observed_date < w.content_end
                AND NOT t.is_gone
        ORDER BY
            w.durable_key, w.start_date, t.as_of DESC, t.load_id DESC, t.observed_date DESC, t.record_number DESC
        """,
    )
