"""What deliveries say about the keys of a dimension, as far as it is news or must be remembered.

The dimension does not hold every observation: a value seen again leaves no trace in it. To take in a late one, the next
observation of its key must be known all the same: full deliveries are in etl.full_observation (each observes every key in
its scope), all others in etl.dimension_observation. Of two observations of one key and day the one of the greater as_of
holds; the other is a *loser*, remembered in no table but staging.
"""

from collections.abc import Iterable
from dataclasses import replace

from psycopg import sql

from etl.core import compose
from etl.core.errors import SourceError
from etl.core.spec import Absence, Mode, OverwriteScope
from etl.transform.absence import find_absent, mark_later_unknown, mark_rejected_unknown
from etl.transform.forget import forget_untellable, forget_withdrawn
from etl.transform.history import History, Observed, said
from etl.transform.observation_log import log, log_hidden_values, mark_losers


def observe(
    history: History, deliveries: Iterable[Observed], in_force: Iterable[Observed], withdrawn: Iterable[int]
) -> int:
    """Collect in work_touched what *deliveries* observe, as far as it matters; how many observations that is.

    Keys that a *withdrawn* load spoke of are forgotten (work_forgotten) and observed anew from all deliveries *in_force*;
    so are the few whose history cannot be told from the dimension and its ledger alone.
    """
    new, known, gone = list(deliveries), list(in_force), sorted(set(withdrawn))
    if history.spec.absence is Absence.IGNORE:
        new, known = ([replace(each, mode=Mode.DELTA) for each in group] for group in (new, known))
    take(history, new, known if gone else [])
    history.names["withdrawn"] = history.load_list(gone)
    forget_withdrawn(history, bool(gone))
    record_full_deliveries(history)
    touched = _collect(history, has_forgotten=bool(gone))
    if touched and forget_untellable(history, new, known):
        take(history, new, known)
        touched = _collect(history, has_forgotten=True)
    return touched


def count_read(history: History, deliveries: Iterable[Observed]) -> int:
    """How many rows the new deliveries hold."""
    counts = [each.row_count for each in deliveries]
    if None not in counts:
        return sum(filter(None, counts))
    return int(history.one("SELECT count(*) FROM {source} AS s WHERE s.load_id IN ({new_loads})"))


def take(history: History, new: list[Observed], known: list[Observed]) -> None:
    """work_delivery: the deliveries to read."""
    everything = list(dict.fromkeys([*new, *known]))
    history.names["loads"] = history.load_list(each.load_id for each in everything)
    history.names["new_loads"] = history.load_list(each.load_id for each in new)
    history.has_full = any(each.mode is Mode.FULL for each in everything)
    history.lone_full = new[0] if history.has_full and len(everything) == 1 and new else None
    lines = [
        (each.load_id, each.as_of, history.names["moment"], each.mode.value, each.load_timestamp, each in new)
        for each in everything
    ]
    rows = sql.SQL(", ").join(
        sql.SQL("({}::bigint, {}::{}, {}::text, {}::timestamptz, {}::boolean)").format(*each) for each in lines
    )
    # A single delivery is told by constants: what reads a million rows of it can then be shared out among workers, which
    # see no temporary tables.
    history.names["deliveries"] = (
        sql.SQL(
            "(SELECT {}::bigint AS load_id, {}::{} AS as_of, {}::text AS mode, {}::timestamptz AS load_timestamp, "
            "{}::boolean AS is_new)"
        ).format(*lines[0])
        if len(lines) == 1
        else sql.Identifier("work_delivery")
    )
    history.create(
        "work_delivery",
        "SELECT * FROM (VALUES {rows}) AS o (load_id, as_of, mode, load_timestamp, is_new)"
        if everything
        else "SELECT 0::bigint AS load_id, {beginning} AS as_of, ''::text AS mode, NULL::timestamptz AS load_timestamp, "
        "false AS is_new WHERE false",
        rows=rows,
    )


def record_full_deliveries(history: History) -> None:
    """Each full delivery observes every key in its scope."""
    scope_column = history.spec.scope_column
    history.run(
        "INSERT INTO {fulls} (dimension, as_of, scope, load_id) "
        "SELECT {dimension}, o.as_of, spoken.scope, o.load_id FROM work_delivery AS o "
        "INNER JOIN ({scope}) AS spoken ON o.load_id = spoken.load_id WHERE o.mode = 'full' AND o.is_new "
        "ON CONFLICT (dimension, as_of, scope) DO UPDATE SET load_id = excluded.load_id",
        scope=history.compose(
            "SELECT DISTINCT s.load_id, {value}::text AS scope FROM {source} AS s WHERE s.load_id IN ({new_loads})",
            value=history.source("s", scope_column),
        )
        if scope_column
        else sql.SQL("SELECT load_id, '' AS scope FROM work_delivery"),
    )


def _collect(history: History, *, has_forgotten: bool) -> int:
    """work_touched: the observations that are news or must be remembered, marked where they lose; how many."""
    # What is forgotten compares with nothing.
    history.names["remembered"] = (
        history.compose("AND d.{dk} NOT IN (SELECT f.durable_key FROM work_forgotten AS f)")
        if has_forgotten
        else sql.SQL("")
    )
    if history.has_full:
        # It meets the whole dimension: a plan by stale statistics that loops over both would take hours. Of what workers
        # read, little comes through, which the planner cannot know.
        history.conn.execute("SET LOCAL enable_nestloop = false; SET LOCAL parallel_tuple_cost = 0.001")
    touched = _find_candidates(history, has_forgotten=has_forgotten)
    _hash(history, touched)
    if touched:
        _look_at_dates(history)
    mark_rejected_unknown(history)
    if history.has_full:
        touched += find_absent(history, has_forgotten=has_forgotten)
    history.conn.execute("SET LOCAL enable_nestloop TO DEFAULT; SET LOCAL parallel_tuple_cost TO DEFAULT")
    if touched:
        log(history)
        mark_losers(history)
        log_hidden_values(history)
    return touched


def _look_at_dates(history: History) -> None:
    any_before, any_later, any_unnamed = history.row(
        "SELECT COALESCE(bool_or(observed_date < as_of AND mode = 'full'), false), "
        "COALESCE(bool_or(observed_date > as_of AND mode = 'full'), false), count(*) FILTER (WHERE durable_key IS NULL) "
        "FROM work_touched"
    )
    if any_unnamed:
        raise SourceError(
            f"{history.spec.source}: {any_unnamed} row(s) without a business key; reject them before loading"
        )
    if not history.spec.feed:
        _refuse_repeated_keys(history)
    if any_before:
        _observe_on_the_as_of(history)
    if any_later:
        mark_later_unknown(history)


def _refuse_repeated_keys(history: History) -> None:
    """Staging sees to it that a delivery says one thing of a key and day; for other sources it is checked here."""
    repeated = history.one(
        "SELECT count(*) FROM (SELECT FROM {source} AS s INNER JOIN work_delivery AS o ON s.load_id = o.load_id "
        "WHERE s.load_id IN ({new_loads}) GROUP BY s.load_id, {keys}, COALESCE({effective}, o.as_of) "
        "HAVING count(*) > 1) AS repeated",
        keys=sql.SQL(", ").join(history.source("s", name) for name in history.spec.business_key),
    )
    if repeated:
        raise SourceError(
            f"{history.spec.source}: {repeated} key(s) stand twice for one day in a delivery; keep one row of each"
        )


def _find_candidates(history: History, *, has_forgotten: bool) -> int:
    """work_candidate: rows that are not what the version in force on their day holds already; how many.

    Of a full delivery alone also the versions that no row speaks of, without a record_number: one join finds both.
    """
    spec = history.spec
    meets_all = history.lone_full is not None and not has_forgotten
    is_news = (
        sql.SQL("true")
        if spec.overwrite_scope is OverwriteScope.CURRENT
        else sql.SQL(
            "(d.{dk} IS NULL OR o.mode = 'delta' OR {effective} <> o.as_of OR {is_gone} {is_earlier} OR {differs})"
        ).format(
            **{name: history.names[name] for name in ("dk", "effective", "is_gone")},
            is_earlier=sql.SQL("OR d.fixed_as_of > o.as_of" if spec.fixed else ""),
            differs=history.differ((*spec.versioned, *spec.overwritten)),
        )
    )
    found = history.create(
        "work_candidate",
        """
        SELECT
            s.load_id, s.record_number, {named}, o.as_of, COALESCE({effective}, o.as_of) AS observed_date, o.mode, o.is_new,
            {is_gone} AS is_gone, COALESCE(d.{dk}, {s_key}) AS durable_key,
            d.row_hash AS have_hash, d.overwritten_hash AS have_overwritten_hash, d.fixed_as_of AS have_fixed_as_of,
            {content}
        """
        + (_ROWS_AND_VERSIONS if meets_all else _ROWS),
        told_by="(load_id, record_number, durable_key, observed_date)",
        named=sql.SQL(", ").join(
            sql.SQL("COALESCE({}, {}) AS {}").format(
                history.source("s", name), compose.column("d", name), sql.Identifier(name)
            )
            for name in spec.business_key
        )
        if meets_all
        else history.names["s_bk"],
        content=sql.SQL(", ").join(
            sql.SQL("{} AS {}").format(history.source("s", name), said(name)) for name in spec.attributes
        ),
        full_as_of=sql.SQL("{}::{}").format(history.lone_full.as_of, history.names["moment"])
        if history.lone_full
        else sql.SQL(""),
        is_candidate=history.compose(
            "((o.is_new AND {is_news}) OR EXISTS (SELECT FROM work_forgotten AS f WHERE {s_is_f}))"
            if has_forgotten
            else "{is_news}",
            is_news=is_news,
        ),
    )
    if (
        meets_all
        and spec.has_row_dates
        and history.one("SELECT count(*) FROM work_candidate WHERE observed_date <> as_of")
    ):
        _compare_on_their_day(history)
    return found


_ROWS = """
        FROM {source} AS s
        INNER JOIN {deliveries} AS o ON s.load_id = o.load_id
        LEFT JOIN {dim} AS d
            ON
                {s_is_d} AND {is_value} {remembered}
                AND d.first_observed_date <= COALESCE({effective}, o.as_of) AND d.end_date > COALESCE({effective}, o.as_of)
        WHERE s.load_id IN ({loads}) AND {is_candidate}
"""
_ROWS_AND_VERSIONS = """
        FROM (SELECT * FROM {source} WHERE load_id IN ({loads})) AS s
        FULL JOIN (
            SELECT * FROM {dim} AS d WHERE {is_value} AND d.first_observed_date <= {full_as_of} AND d.end_date > {full_as_of}
        ) AS d ON {s_is_d}
        CROSS JOIN {deliveries} AS o
        WHERE s.load_id IS NULL OR {is_candidate}
"""


def _compare_on_their_day(history: History) -> None:
    """Rows of a full delivery that hold from another day than its as_of: what the version in force on that day holds."""
    history.run(
        """
        UPDATE work_candidate AS c
        SET have_hash = h.row_hash, have_overwritten_hash = h.overwritten_hash, have_fixed_as_of = h.fixed_as_of
        FROM (
            SELECT t.record_number, d.row_hash, d.overwritten_hash, d.fixed_as_of
            FROM work_candidate AS t
            LEFT JOIN {dim} AS d
                ON
                    t.durable_key = d.{dk} AND {is_value}
                    AND d.first_observed_date <= t.observed_date AND d.end_date > t.observed_date
            WHERE t.observed_date <> t.as_of
        ) AS h
        WHERE c.record_number = h.record_number
        """
    )


def _hash(history: History, candidates: int) -> None:
    spec = history.spec
    query = history.compose(
        "SELECT load_id, record_number, {attributes} FROM work_candidate WHERE record_number IS NOT NULL",
        attributes=sql.SQL(", ").join(said(name) for name in (*spec.versioned, *spec.overwritten)),
    )
    history.hash(query if candidates else None)
    is_news = (
        "NOT c.is_gone OR c.have_hash IS NOT NULL"
        if spec.overwrite_scope is OverwriteScope.CURRENT
        else "CASE WHEN c.is_gone THEN c.have_hash IS NOT NULL ELSE c.have_hash IS DISTINCT FROM h.row_hash END"
    )
    history.create(
        "work_touched",
        """
        SELECT
            c.load_id, c.record_number, {c_bk}, c.as_of, c.observed_date, c.mode, c.is_new, c.is_gone, c.durable_key,
            c.have_hash, c.have_overwritten_hash, c.have_fixed_as_of,
            CASE WHEN c.is_gone THEN NULL ELSE h.row_hash END AS row_hash, h.overwritten_hash,
            {is_news} AS is_news, false AS is_loser
        FROM work_candidate AS c
        INNER JOIN work_hashed AS h ON c.load_id = h.load_id AND c.record_number = h.record_number
        """,
        c_bk=compose.columns("c", spec.business_key),
        is_news=sql.SQL(is_news),
    )


def _observe_on_the_as_of(history: History) -> None:
    """A row of a full delivery that dates from before also says how things stand on the as_of itself."""
    history.run(
        """
        INSERT INTO work_touched (
            load_id, record_number, {bk}, as_of, observed_date, mode, is_new, is_gone, durable_key,
            have_hash, have_overwritten_hash, have_fixed_as_of, row_hash, overwritten_hash, is_news, is_loser
        )
        SELECT
            t.load_id, t.record_number, {t_bk}, t.as_of, t.as_of, t.mode, t.is_new, t.is_gone, t.durable_key,
            d.row_hash, d.overwritten_hash, d.fixed_as_of, t.row_hash, t.overwritten_hash,
            d.row_hash IS DISTINCT FROM t.row_hash, false
        FROM (
            SELECT DISTINCT ON (load_id, durable_key) *
            FROM work_touched
            WHERE mode = 'full' AND observed_date < as_of
            ORDER BY load_id, durable_key, observed_date DESC, record_number DESC
        ) AS t
        LEFT JOIN {source} AS s
            ON
                s.load_id IN ({loads}) AND t.load_id = s.load_id AND {s_is_t}
                AND COALESCE({effective}, t.as_of) = t.as_of
        LEFT JOIN {dim} AS d
            ON
                t.durable_key = d.{dk} AND {is_value} {remembered}
                AND d.first_observed_date <= t.as_of AND d.end_date > t.as_of
        WHERE s.load_id IS NULL
        """
    )
