"""Keys whose history must be observed anew from staging: a delivery was taken back, or the dimension cannot tell it."""

from psycopg import sql

from etl.core import compose
from etl.core.errors import StepFailed
from etl.core.spec import OverwriteScope
from etl.transform.history import History, Observed


def forget_withdrawn(history: History, has_withdrawn: bool) -> None:
    """work_forgotten: the keys whose rows in a withdrawn load do not stand again, just so, in a new one for the same day."""
    if not has_withdrawn:
        history.create("work_forgotten", "SELECT 0::bigint AS durable_key, {d_bk} FROM {dim} AS d WHERE false")
        return
    spec = history.spec
    extra = ("effective_date", "operation") if spec.has_row_dates else ()

    def told(alias: str) -> sql.Composable:
        kept = [history.source(alias, name) for name in (*spec.business_key, *spec.attributes)]
        return sql.SQL(", ").join([*kept, *(compose.column(alias, name) for name in extra)])

    history.create(
        "work_forgotten",
        """
        WITH restated AS (
            SELECT f.load_id AS old_load_id, o.load_id AS new_load_id
            FROM {fulls} AS f
            INNER JOIN work_delivery AS o ON f.as_of = o.as_of AND o.mode = 'full' AND o.is_new
            WHERE f.dimension = {dimension} AND f.load_id IN ({withdrawn})
        )

        SELECT {s_key} AS durable_key, {s_bk}
        FROM {source} AS s
        WHERE s.load_id IN ({withdrawn}) AND NOT EXISTS ({again} WHERE s.load_id = r.old_load_id AND {same})
        UNION
        SELECT {s_key}, {s_bk}
        FROM {source} AS s
        INNER JOIN restated AS p ON s.load_id = p.new_load_id
        WHERE s.load_id IN ({new_loads}) AND NOT EXISTS ({before} WHERE s.load_id = r.new_load_id AND {same})
        UNION
        -- What a full delivery did not hold, it declared gone.
        SELECT d.{dk}, {d_bk}
        FROM {dim} AS d
        INNER JOIN {fulls} AS f ON d.end_date = f.as_of AND {d_scope} = f.scope
        WHERE f.dimension = {dimension} AND f.load_id IN ({withdrawn}) AND {is_value}
        {hidden}
        """,
        # What earlier deliveries said of the full delivery's own day, it hid.
        hidden=history.compose(
            "UNION SELECT {s_key}, {s_bk} FROM {source} AS s INNER JOIN work_delivery AS o ON s.load_id = o.load_id "
            "INNER JOIN {fulls} AS f ON s.effective_date = f.as_of AND o.as_of < f.as_of "
            "WHERE f.dimension = {dimension} AND f.load_id IN ({withdrawn}) AND s.load_id IN ({loads})"
        )
        if spec.has_row_dates
        else sql.SQL(""),
        again=history.compose(
            "SELECT FROM (SELECT * FROM {source} WHERE load_id IN ({new_loads})) AS n "
            "INNER JOIN restated AS r ON n.load_id = r.new_load_id"
        ),
        before=history.compose(
            "SELECT FROM (SELECT * FROM {source} WHERE load_id IN ({withdrawn})) AS n "
            "INNER JOIN restated AS r ON n.load_id = r.old_load_id"
        ),
        same=sql.SQL("{} AND record_image_eq(ROW({}), ROW({}))").format(
            sql.SQL(" AND ").join(
                sql.SQL("{} = {}").format(history.source("s", name), history.source("n", name))
                for name in spec.business_key
            ),
            told("s"),
            told("n"),
        ),
    )
    history.run("DELETE FROM {log} WHERE dimension = {dimension} AND load_id IN ({withdrawn})")
    history.run("DELETE FROM {fulls} WHERE dimension = {dimension} AND load_id IN ({withdrawn})")


def forget_untellable(history: History, new: list[Observed], known: list[Observed]) -> int:
    """Keys to be observed anew from staging, since dimension and ledger do not hold all that is needed; how many more."""
    spec = history.spec
    # No version is left of the entity, yet it was seen: its overwritten and fixed values are in staging alone.
    untold = """
        SELECT DISTINCT t.durable_key, {t_bk}
        FROM work_touched AS t
        INNER JOIN {log} AS l ON l.dimension = {dimension} AND t.durable_key = l.durable_key
        LEFT JOIN {dim} AS d ON t.durable_key = d.{dk} AND d.row_hash IS NOT NULL
        WHERE NOT t.is_gone AND d.{dk} IS NULL AND l.kind = 'value' AND l.load_id NOT IN ({new_loads})
    """
    if spec.overwrite_scope is OverwriteScope.CURRENT:
        # Not the key's last word: which versions take which overwritten values must be judged row by row.
        untold += """
            UNION
            SELECT t.durable_key, {t_bk}
            FROM work_touched AS t
            INNER JOIN {log} AS l
                ON
                    l.dimension = {dimension} AND t.durable_key = l.durable_key AND l.kind <> 'unknown'
                    AND (l.observed_date >= t.observed_date OR l.as_of > t.as_of)
            WHERE l.load_id NOT IN ({new_loads})
            UNION
            SELECT t.durable_key, {t_bk}
            FROM work_touched AS t
            INNER JOIN {fulls} AS f
                ON
                    f.dimension = {dimension} AND {t_scope} = f.scope
                    AND (f.as_of >= t.observed_date OR f.as_of > t.as_of)
            WHERE f.load_id NOT IN ({new_loads})
        """
    history.create("work_untold", untold)
    more = history.run(
        "INSERT INTO work_forgotten SELECT t.durable_key, {t_bk} FROM work_untold AS t "
        "WHERE t.durable_key NOT IN (SELECT f.durable_key FROM work_forgotten AS f)"
    )
    if more and not known:
        raise StepFailed(
            f"{spec.table}: {more} key(s) must be observed anew from earlier deliveries; give them as in_force"
        )
    return more
