"""The SCD helper: applies deliveries to a dimension, whatever their order of arrival, and writes only what differs.

One path serves append, late, backfill, restate and replay: `observe` collects what is said anew, `splice` finds the
versions that the affected keys should have, and here the difference to what the table holds is written and journaled.
"""

from collections.abc import Iterable, Sequence

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from etl.core import compose
from etl.core.database import local_settings
from etl.core.errors import SourceError, StepFailed
from etl.core.spec import DimensionSpec
from etl.transform.absence import mark_rejected_unknown
from etl.transform.first_load import OpenReader, insert_all, is_first
from etl.transform.history import History, Observed, Schemas
from etl.transform.new_versions import insert
from etl.transform.observe import count_read, observe, record_full_deliveries, take
from etl.transform.splice import choose_winners, splice
from etl.transform.write_versions import SAMPLES, DimensionChange, mirror, overwrite, remove, update

__all__ = ["DimensionChange", "load_dimension"]


def load_dimension(
    conn: Connection[TupleRow],
    spec: DimensionSpec,
    deliveries: Iterable[Observed],
    *,
    in_force: Iterable[Observed] = (),
    withdrawn: Iterable[int] = (),
    allow_closures: bool = False,
    schemas: Schemas | None = None,
    with_samples: bool = False,
    open_reader: OpenReader | None = None,
) -> DimensionChange:
    """Apply *deliveries* to the dimension of *spec*, in the caller's transaction.

    The same deliveries in any order, in any grouping, any number of times, give the same rows, keys included.
    *in_force*: the deliveries applied before and still valid. *withdrawn* loads (superseded or undone) are taken back: the
    keys they spoke of are observed anew from what is in force. Leaves the temporary table `work_moved` (durable key,
    start_date, end_date): for which known entities and dates the version changed, so that facts can follow; and
    `work_overwrite` (durable key): of which entities an overwritten column may have changed.

    *open_reader* opens a second connection, for a first delivery to be read on while it is written. Give it only where the
    dimension was truncated in this transaction, and the deliveries are committed and locked by nobody.

    Raises SourceError when a full delivery would close more than `closure_share_limit` of the living entities, or is
    empty, unless *allow_closures*; SpecError where columns are missing; StepFailed when two business keys come to the
    same durable key.
    """
    given, gone = list(deliveries), list(withdrawn)
    history = History(conn, spec, schemas or Schemas())
    # What is written is recorded under the newest load applied, or under the one that is taken back.
    history.names["load"] = sql.Literal(max((each.load_id for each in given), default=max(gone, default=0)))
    history.names["d_is_deleted"] = sql.SQL("d.is_deleted" if spec.marks_deleted else "false")
    change = DimensionChange()
    known = list(in_force)
    first = min(given, key=lambda each: (each.as_of, each.load_id), default=None)
    if first and not gone and is_first(history, first):
        _load_first(history, first, change, open_reader)
        given.remove(first)
        known.append(first)
    if given or gone or first is None:
        _apply(history, given, known, gone, change, allow_closures=allow_closures, with_samples=with_samples)
    else:
        for table, query in _NOTHING.items():
            history.create(table, query)
    return change


def _load_first(history: History, delivery: Observed, change: DimensionChange, open_reader: OpenReader | None) -> None:
    take(history, [delivery], [])
    record_full_deliveries(history)
    mark_rejected_unknown(history)
    inserted = insert_all(history, delivery, open_reader)
    change.counts.read += inserted
    change.counts.inserted += inserted
    change.new_entities = change.new_versions = inserted
    # Keys that are all different and dates that are all the same need no closer look.
    with local_settings(history.conn, default_statistics_target="10"):
        history.run("ANALYZE {dim} ({bk}, {dk}, {sk}, start_date, end_date, first_observed_date)")


# What others read of a load's outcome is there, and empty, also where nothing known changes.
_NOTHING = {
    "work_moved": "SELECT 0::bigint AS durable_key, {beginning} AS start_date, {beginning} AS end_date WHERE false",
    "work_overwrite": "SELECT 0::bigint AS durable_key WHERE false",
}


def _apply(
    history: History,
    given: Sequence[Observed],
    known: Sequence[Observed],
    gone: Sequence[int],
    change: DimensionChange,
    *,
    allow_closures: bool,
    with_samples: bool,
) -> None:
    touched = observe(history, given, known, gone)
    change.counts.read += count_read(history, given)
    if not allow_closures:
        _guard_closures(history, given)
    affected = splice(history) if touched or gone else 0
    if touched or affected:
        choose_winners(history)
    else:
        history.create("work_overwrite", _NOTHING["work_overwrite"])
    if not affected:
        history.create("work_moved", _NOTHING["work_moved"])
    else:
        _check_keys(history)
        _compare(history)
        _note_moves(history)
        _describe(history, change, with_samples=with_samples)
        remove(history, change)
    if touched:
        overwrite(history, change)
    if affected:
        update(history, change)
        insert(history, change)
        mirror(history, change)


def _guard_closures(history: History, given: Iterable[Observed]) -> None:
    """Refuse the full delivery that would end more than the allowed share of what lived on its as_of."""
    spec = history.spec
    row_counts = {each.load_id: each.row_count for each in given}
    for load_id, as_of, gone, touched in history.conn.execute(
        "SELECT t.load_id, t.as_of, count(*) FILTER (WHERE t.is_gone AND t.is_news AND t.record_number IS NULL) AS gone, "
        "count(t.record_number) FROM work_touched AS t WHERE t.mode = 'full' AND t.is_new "
        "GROUP BY t.load_id, t.as_of HAVING bool_or(t.is_gone AND t.is_news AND t.record_number IS NULL) "
        "ORDER BY t.load_id"
    ).fetchall():
        rows = row_counts[load_id]
        # Each row that brings nothing new stands for one that lives on; with those that are gone, so many lived at least.
        if rows and gone <= spec.closure_share_limit * (rows - touched + gone):
            continue
        holds_any = history.one(
            "SELECT EXISTS (SELECT FROM {source} AS s WHERE s.load_id = {this})", this=sql.Literal(load_id)
        )
        # A query by itself, so that workers share it.
        alive = history.one(
            "SELECT count(*) FROM {dim} AS d "
            "WHERE {is_value} AND d.first_observed_date <= {as_of} AND d.end_date > {as_of}",
            as_of=sql.Literal(as_of),
        )
        if not holds_any or (gone >= 10 and gone > spec.closure_share_limit * alive):
            raise SourceError(
                f"{spec.table}: the full delivery of load {load_id} lacks {gone} of {alive} living {spec.entity}s"
                + (f", more than {spec.closure_share_limit:.0%}" if holds_any else ": it is empty")
                + ". Is the file whole? If it is: run again with --override closures"
            )


def _check_keys(history: History) -> None:
    """Two business keys with one durable key: a collision must be loud."""
    twice = history.one(
        "SELECT count(*) FROM (SELECT durable_key FROM ("
        "SELECT t.durable_key, {t_bk} FROM work_affected AS t UNION SELECT d.{dk}, {d_bk} FROM work_have AS d"
        ") AS named GROUP BY durable_key HAVING count(*) > 1) AS collisions"
    )
    if twice:
        raise StepFailed(
            f"{history.spec.table}: {twice} durable key(s) stand for two business keys each: a collision of computed keys; "
            "nothing was written, please report it"
        )


def _compare(history: History) -> None:
    """work_change: the wanted versions that the table does not hold as they should be."""
    history.create(
        "work_change",
        """
        SELECT
            w.*, d.{dk} IS NULL AS is_insert,
            d.row_hash IS DISTINCT FROM w.row_hash OR {d_is_deleted} IS DISTINCT FROM w.is_deleted AS is_rewrite
        FROM work_wanted AS w
        LEFT JOIN work_have AS d ON w.durable_key = d.{dk} AND w.start_date = d.start_date
        WHERE
            d.{dk} IS NULL OR d.row_hash IS DISTINCT FROM w.row_hash OR d.end_date <> w.end_date
            OR d.first_observed_date <> w.first_observed_date OR {d_is_deleted} <> w.is_deleted
        """,
    )
    history.create(
        "work_removed",
        """
        SELECT d.*
        FROM work_have AS d
        LEFT JOIN work_wanted AS w ON d.{dk} = w.durable_key AND d.start_date = w.start_date
        WHERE
            w.durable_key IS NULL
            -- An inferred row stays until a real one replaces it.
            AND (d.row_hash IS NOT NULL OR d.{dk} IN (SELECT x.durable_key FROM work_wanted AS x))
        """,
    )


def _note_moves(history: History) -> None:
    """For which known entities and dates the version changes. Known: now, or once, before it was taken back."""
    history.create(
        "work_moved",
        """
        SELECT DISTINCT durable_key, start_date, end_date
        FROM (
            SELECT c.durable_key, c.start_date, c.end_date
            FROM work_change AS c
            WHERE
                c.is_insert
                AND (
                    c.durable_key IN (SELECT h.{dk} FROM work_have AS h)
                    OR EXISTS (
                        SELECT FROM {journal} AS j
                        WHERE j.dimension = {dimension} AND j.durable_key = c.durable_key AND j.operation = 'delete'
                    )
                )
            UNION ALL
            SELECT c.durable_key, LEAST(d.end_date, c.end_date), GREATEST(d.end_date, c.end_date)
            FROM work_change AS c
            INNER JOIN work_have AS d ON c.durable_key = d.{dk} AND c.start_date = d.start_date
            WHERE c.end_date <> d.end_date
            UNION ALL
            -- The same key with other content: what facts took from it (where the member lived) follows too.
            SELECT c.durable_key, c.start_date, c.end_date
            FROM work_change AS c
            WHERE c.is_rewrite AND NOT c.is_insert
            UNION ALL
            SELECT r.{dk}, r.start_date, r.end_date
            FROM work_removed AS r
        ) AS moves
        """,
    )


def _describe(history: History, change: DimensionChange, *, with_samples: bool) -> None:
    """Count entities, and name some, by what happens to them."""
    kinds = {
        "new": "w.durable_key IS NOT NULL AND h.durable_key IS NULL",
        "changed": "h.durable_key IS NOT NULL AND c.has_content",
        "closed": "c.has_closed",
        "gone": "h.is_living AND w.is_living IS NOT TRUE",
        "late": "h.durable_key IS NOT NULL AND n.durable_key IS NOT NULL",
        "merged": "r.durable_key IS NOT NULL",
    }
    told = history.compose(
        """
        SELECT {a_bk}, {flags}
        FROM work_affected AS a
        LEFT JOIN (
            SELECT durable_key, bool_or(end_date = {open_end} AND NOT is_deleted) AS is_living
            FROM work_wanted GROUP BY durable_key
        ) AS w ON a.durable_key = w.durable_key
        LEFT JOIN (
            SELECT d.{dk} AS durable_key, bool_or(d.end_date = {open_end} AND {is_value}) AS is_living
            FROM work_have AS d GROUP BY d.{dk}
        ) AS h ON a.durable_key = h.durable_key
        LEFT JOIN (
            SELECT durable_key, bool_or(is_insert OR is_rewrite) AS has_content, bool_or(NOT is_insert AND NOT is_rewrite) AS has_closed
            FROM work_change GROUP BY durable_key
        ) AS c ON a.durable_key = c.durable_key
        LEFT JOIN (SELECT DISTINCT durable_key FROM work_neighbour) AS n ON a.durable_key = n.durable_key
        LEFT JOIN (SELECT DISTINCT {dk} AS durable_key FROM work_removed) AS r ON a.durable_key = r.durable_key
        """,
        a_bk=compose.columns("a", history.spec.business_key),
        flags=sql.SQL(", ").join(
            sql.SQL("COALESCE({}, false) AS {}").format(sql.SQL(condition), sql.Identifier(f"is_told_{kind}"))
            for kind, condition in kinds.items()
        ),
    )
    new, change.changed_entities, change.gone_entities, change.late = history.row(
        "SELECT count(*) FILTER (WHERE is_told_new), count(*) FILTER (WHERE is_told_changed), "
        "count(*) FILTER (WHERE is_told_gone), count(*) FILTER (WHERE is_told_late) FROM ({told}) AS told",
        told=told,
    )
    change.new_entities += new
    for kind in kinds if with_samples else ():
        rows = history.conn.execute(
            history.compose(
                "SELECT concat_ws(' / ', {bk}) FROM ({told}) AS told WHERE {flag} ORDER BY 1 LIMIT {limit}",
                told=told,
                flag=sql.Identifier(f"is_told_{kind}"),
                limit=sql.Literal(SAMPLES),
            )
        ).fetchall()
        change.samples[kind] = tuple(row[0] for row in rows)
