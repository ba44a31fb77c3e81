"""The SCD helper: applies deliveries to a dimension, whatever their order of arrival, and writes only what differs.

One path serves append, late, backfill, restate and replay: `observe` collects what is said anew, `splice` finds the
versions that the affected keys should have, and here the difference to what the table holds is written and journaled.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from etl.core import compose
from etl.core.errors import SourceError, StepFailed
from etl.core.hashing import HASH_VERSION
from etl.core.ledger import RowCounts
from etl.core.spec import DimensionSpec, OverwriteScope
from etl.transform.first_load import insert_all, is_first
from etl.transform.history import History, Observed, Schemas
from etl.transform.observe import count_read, mark_rejected_unknown, observe, record_full_deliveries, take
from etl.transform.splice import choose_winners, splice

SAMPLES = 5


@dataclass(slots=True)
class DimensionChange:
    """What applying deliveries did: rows written, and the same in the words of history.

    `closed`: versions whose dates changed, most of them ended. `late`: entities with a version spliced in before known
    history. `removed_versions`: those that vanished into a neighbour, or were taken back. `samples`: business keys by kind.
    """

    counts: RowCounts = field(default_factory=RowCounts)
    new_entities: int = 0
    new_versions: int = 0
    closed: int = 0
    gone_entities: int = 0
    late: int = 0
    restated: int = 0
    removed_versions: int = 0
    overwritten: int = 0
    samples: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __add__(self, other: "DimensionChange") -> "DimensionChange":
        """Both together."""
        sums = {
            part.name: getattr(self, part.name) + getattr(other, part.name)
            for part in fields(self)
            if part.name != "samples"
        }
        kinds = dict.fromkeys([*self.samples, *other.samples])
        samples = {
            kind: tuple(dict.fromkeys(self.samples.get(kind, ()) + other.samples.get(kind, ())))[:SAMPLES]
            for kind in kinds
        }
        return DimensionChange(**sums, samples=samples)


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
) -> DimensionChange:
    """Apply *deliveries* to the dimension of *spec*, in the caller's transaction.

    The same deliveries in any order, in any grouping, any number of times, give the same rows, keys included.
    *in_force*: the deliveries applied before and still valid. *withdrawn* loads (superseded or undone) are taken back: the
    keys they spoke of are observed anew from what is in force. Leaves the temporary table `work_moved` (durable key,
    start_date, end_date): for which known entities and dates the version changed, so that facts can follow; and
    `work_overwrite`, the entities whose overwritten columns were written.

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
    # Read by the caller also where nothing is overwritten, and never that of the dimension before.
    history.create("work_overwrite", "SELECT 0::bigint AS durable_key WHERE false")
    first = min(given, key=lambda each: (each.as_of, each.load_id), default=None)
    if first and not gone and is_first(history, first):
        _load_first(history, first, change)
        given.remove(first)
        known.append(first)
    if given or gone or first is None:
        _apply(history, given, known, gone, change, allow_closures=allow_closures, with_samples=with_samples)
    else:
        _move_nothing(history)
    return change


def _load_first(history: History, delivery: Observed, change: DimensionChange) -> None:
    take(history, [delivery], [])
    record_full_deliveries(history)
    mark_rejected_unknown(history)
    inserted = insert_all(history, delivery)
    change.counts.read += inserted
    change.counts.inserted += inserted
    change.new_entities = change.new_versions = inserted
    history.run("ANALYZE {dim} ({bk}, {dk}, start_date, end_date, first_observed_date)")


def _move_nothing(history: History) -> None:
    history.create(
        "work_moved",
        "SELECT 0::bigint AS durable_key, {beginning} AS start_date, {beginning} AS end_date WHERE false",
    )


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
    change.counts.read += count_read(history)
    if not allow_closures:
        _guard_closures(history)
    affected = splice(history) if touched or gone else 0
    if touched or affected:
        choose_winners(history)
    if affected:
        _check_keys(history)
        _compare(history)
        _note_moves(history)
        _describe(history, change, with_samples=with_samples)
        _remove(history, change)
    else:
        _move_nothing(history)
    if touched:
        _overwrite(history, change)
    if affected:
        _update(history, change)
        _insert(history, change)
        _mirror(history, change)


def _guard_closures(history: History) -> None:
    """Refuse the full delivery that would end more than the allowed share of what lived on its as_of."""
    spec = history.spec
    for load_id, as_of, gone in history.conn.execute(
        "SELECT t.load_id, t.as_of, count(*) FROM work_touched AS t "
        "WHERE t.is_gone AND t.is_news AND t.mode = 'full' AND t.is_new AND t.record_number IS NULL "
        "GROUP BY t.load_id, t.as_of ORDER BY t.load_id"
    ).fetchall():
        alive, holds_any = history.row(
            "SELECT (SELECT count(*) FROM {dim} AS d WHERE {is_value} AND d.first_observed_date <= {as_of} "
            "AND d.end_date > {as_of}), EXISTS (SELECT FROM {source} AS s WHERE s.load_id = {this})",
            as_of=sql.Literal(as_of),
            this=sql.Literal(load_id),
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
        "changed": "h.durable_key IS NOT NULL AND c.has_insert",
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
            SELECT durable_key, bool_or(is_insert) AS has_insert FROM work_change GROUP BY durable_key
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
    new, change.gone_entities, change.late = history.row(
        "SELECT count(*) FILTER (WHERE is_told_new), count(*) FILTER (WHERE is_told_gone), "
        "count(*) FILTER (WHERE is_told_late) FROM ({told}) AS told",
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


def _remove(history: History, change: DimensionChange) -> None:
    """Versions that should not be are journaled and deleted; they and those of other content now leave a redirect."""
    _journal(history, "delete", sql.SQL("SELECT r.* FROM work_removed AS r"))
    history.run(
        """
        INSERT INTO {redirect} (load_id, dimension, durable_key, old_key, new_key, start_date, end_date)
        SELECT
            {load}, {dimension}, d.{dk}, d.{sk}, COALESCE({new_key}, -2),
            GREATEST(d.start_date, COALESCE(w.start_date, d.start_date)),
            LEAST(d.end_date, COALESCE(w.end_date, d.end_date))
        FROM work_have AS d
        LEFT JOIN work_removed AS r ON d.{dk} = r.{dk} AND d.start_date = r.start_date
        LEFT JOIN work_change AS c
            ON d.{dk} = c.durable_key AND d.start_date = c.start_date AND c.is_rewrite AND d.row_hash IS NOT NULL
        LEFT JOIN work_wanted AS w
            ON d.{dk} = w.durable_key AND w.start_date < d.end_date AND w.end_date > d.start_date
        WHERE r.{dk} IS NOT NULL OR (c.durable_key IS NOT NULL AND w.start_date > d.start_date)
        """,
        new_key=sql.SQL("CASE WHEN w.durable_key IS NOT NULL THEN {} END").format(
            compose.version_key(history.spec, "d", sql.SQL("w.start_date"))
        ),
    )
    change.removed_versions = history.run(
        "DELETE FROM {dim} AS d USING work_removed AS r WHERE d.{dk} = r.{dk} AND d.start_date = r.start_date"
    )
    change.counts.deleted += change.removed_versions


def _update(history: History, change: DimensionChange) -> None:
    """Versions whose content stays and whose dates change: mostly the ones that end because a new one begins."""
    chosen = history.compose(
        "SELECT d.* FROM work_have AS d INNER JOIN work_change AS c ON d.{dk} = c.durable_key "
        "AND d.start_date = c.start_date WHERE NOT c.is_insert"
    )
    _journal(history, "update", chosen)
    change.closed = history.run(
        """
        UPDATE {dim} AS d SET end_date = c.end_date, first_observed_date = c.first_observed_date
        FROM work_change AS c
        WHERE d.{dk} = c.durable_key AND d.start_date = c.start_date AND NOT c.is_insert AND NOT c.is_rewrite
        """
    )
    change.counts.updated += change.closed


def _insert(history: History, change: DimensionChange) -> None:
    """New versions, and versions whose content was restated in place (an inferred row among them)."""
    spec = history.spec
    history.names |= {
        "attributes": compose.listed(spec.attributes),
        "deleted": sql.SQL(", is_deleted" if spec.marks_deleted else ""),
        "hash_version": sql.Literal(HASH_VERSION),
        "same_version": sql.SQL(
            "AND c.start_date = ov.start_date" if spec.overwrite_scope is OverwriteScope.CURRENT else ""
        ),
    }
    _build_rows(history)
    change.restated = history.run(
        """
        UPDATE {dim} AS d SET ({attributes}, end_date, first_observed_date, is_inferred, row_hash, overwritten_hash,
            hash_version, fixed_as_of {deleted})
            = (SELECT {r_attributes}, r.end_date, r.first_observed_date, false, r.row_hash, r.overwritten_hash,
                {hash_version}, r.fixed_as_of {r_deleted})
        FROM work_row AS r
        WHERE d.{dk} = r.durable_key AND d.start_date = r.start_date AND NOT r.is_insert
        """,
        r_attributes=compose.columns("r", spec.attributes),
        r_deleted=sql.SQL(", r.is_deleted" if spec.marks_deleted else ""),
    )
    insert = """
        INSERT INTO {dim} (
            {dk}, {sk}, {bk}, {attributes}, start_date, end_date, first_observed_date, is_inferred, row_hash,
            overwritten_hash, hash_version, fixed_as_of, load_id, load_timestamp {deleted}
        )
    """
    plain = history.run(
        insert
        + """
        SELECT
            c.durable_key, {version_key}, {s_bk}, {s_attributes}, c.start_date, c.end_date, c.first_observed_date, false,
            c.row_hash, ov.overwritten_hash, {hash_version}, x.as_of,
            CASE WHEN o.is_new THEN o.load_id ELSE {load} END, o.load_timestamp {is_deleted}
        FROM work_change AS c
        INNER JOIN work_plain AS p ON c.durable_key = p.durable_key AND c.start_date = p.start_date
        INNER JOIN work_overwrite AS ov ON c.durable_key = ov.durable_key {same_version}
        INNER JOIN work_fixed AS x ON c.durable_key = x.durable_key
        INNER JOIN work_delivery AS o ON c.load_id = o.load_id
        INNER JOIN {source} AS s ON c.load_id = s.load_id AND c.record_number = s.record_number
        WHERE s.load_id IN ({loads})
        """,
        version_key=compose.computed_key(
            [*(history.source("s", name) for name in spec.business_key), compose.moment(spec, sql.SQL("c.start_date"))]
        ),
        s_attributes=sql.SQL(", ").join(history.source("s", name) for name in spec.attributes),
        is_deleted=sql.SQL(", c.is_deleted" if spec.marks_deleted else ""),
    )
    spliced = history.run(
        insert
        + """
        SELECT
            r.durable_key, {version_key}, {r_bk}, {r_attributes}, r.start_date, r.end_date, r.first_observed_date, false,
            r.row_hash, r.overwritten_hash, {hash_version}, r.fixed_as_of,
            CASE WHEN o.is_new THEN o.load_id ELSE {load} END, COALESCE(o.load_timestamp, now()) {is_deleted}
        FROM work_row AS r
        LEFT JOIN work_delivery AS o ON COALESCE(r.load_id, {load}) = o.load_id
        WHERE r.is_insert
        """,
        version_key=compose.version_key(spec, "r", sql.SQL("r.start_date")),
        r_bk=compose.columns("r", spec.business_key),
        r_attributes=compose.columns("r", spec.attributes),
        is_deleted=sql.SQL(", r.is_deleted" if spec.marks_deleted else ""),
    )
    change.new_versions += plain + spliced
    change.counts.inserted += plain + spliced
    change.counts.updated += change.restated


def _build_rows(history: History) -> None:
    """work_row: the full content of each changed version, drawn from where each part of it holds.

    work_plain: versions that take everything from one row of the source; they need no such care.
    """
    spec = history.spec
    # Only where all versions share them can another version tell the overwritten columns.
    base = "h" if spec.overwrite_scope is OverwriteScope.CURRENT else "e"
    history.create(
        "work_plain",
        """
        SELECT c.durable_key, c.start_date
        FROM work_change AS c
        INNER JOIN work_overwrite AS ov
            ON
                c.durable_key = ov.durable_key AND c.load_id = ov.load_id AND c.record_number = ov.record_number
                {same_version}
        INNER JOIN work_fixed AS x
            ON c.durable_key = x.durable_key AND c.load_id = x.load_id AND c.record_number = x.record_number
        WHERE c.is_insert
        """,
    )

    def pick(condition: str, yes: str, no: str, names: tuple[str, ...]) -> sql.Composable:
        return compose.leading(
            sql.SQL("CASE WHEN {} THEN {} ELSE {} END AS {}").format(
                sql.SQL(condition),
                history.source(yes, name),
                compose.column(no, name),
                sql.Identifier(name),
            )
            for name in names
        )

    history.create(
        "work_row",
        """
        SELECT
            c.*, {a_bk} {fixed} {versioned} {overwritten},
            CASE WHEN ov.durable_key IS NOT NULL THEN ov.overwritten_hash ELSE {base}.overwritten_hash END AS overwritten_hash,
            CASE WHEN x.durable_key IS NOT NULL THEN x.as_of ELSE e.fixed_as_of END AS fixed_as_of
        FROM work_change AS c
        INNER JOIN work_affected AS a ON c.durable_key = a.durable_key
        LEFT JOIN work_plain AS p ON c.durable_key = p.durable_key AND c.start_date = p.start_date
        LEFT JOIN {source} AS s
            ON s.load_id IN ({loads}) AND c.load_id = s.load_id AND c.record_number = s.record_number
        LEFT JOIN work_have AS h ON c.durable_key = h.{dk} AND c.have_start = h.start_date
        LEFT JOIN (
            SELECT DISTINCT ON ({dk}) * FROM work_have WHERE row_hash IS NOT NULL ORDER BY {dk}, start_date
        ) AS e ON c.durable_key = e.{dk}
        LEFT JOIN work_overwrite AS ov ON c.durable_key = ov.durable_key {same_version}
        LEFT JOIN {source} AS os
            ON os.load_id IN ({loads}) AND ov.load_id = os.load_id AND ov.record_number = os.record_number
        LEFT JOIN work_fixed AS x ON c.durable_key = x.durable_key
        {join_fixed}
        WHERE p.durable_key IS NULL AND (c.is_insert OR c.is_rewrite)
        """,
        a_bk=compose.columns("a", spec.business_key),
        base=sql.Identifier(base),
        join_fixed=history.compose(
            "LEFT JOIN {source} AS fs "
            "ON fs.load_id IN ({loads}) AND x.load_id = fs.load_id AND x.record_number = fs.record_number"
            if spec.fixed
            else ""
        ),
        fixed=pick("x.durable_key IS NOT NULL", "fs", "e", spec.fixed),
        versioned=pick("c.load_id IS NOT NULL", "s", "h", spec.versioned),
        overwritten=pick("ov.durable_key IS NOT NULL", "os", base, spec.overwritten),
    )


def _overwrite(history: History, change: DimensionChange) -> None:
    """Bring overwritten and fixed columns to the versions that are there already; new ones are written with them."""
    spec = history.spec
    by_version = spec.overwrite_scope is OverwriteScope.CURRENT
    for winners, names, told, only in (
        ("work_overwrite", spec.overwritten, "overwritten_hash = w.overwritten_hash", by_version),
        ("work_fixed", spec.fixed, "fixed_as_of = w.as_of", False),
    ):
        kept = sql.Identifier(told.split(" = ")[0])
        parts: dict[str, sql.Composable] = {
            "winners": history.compose(
                "{winners} AS w INNER JOIN {source} AS s ON w.load_id = s.load_id AND w.record_number = s.record_number",
                winners=sql.Identifier(winners),
            ),
            "these": history.compose(
                "d.{dk} = w.durable_key {only} AND d.row_hash IS NOT NULL AND s.load_id IN ({loads}) "
                "AND (d.{kept} IS DISTINCT FROM w.{value} {differs})",
                only=sql.SQL("AND d.start_date = w.start_date" if only else ""),
                kept=kept,
                value=sql.Identifier(told.split("w.")[1]),
                # What is restated may come with the same date and another value.
                differs=sql.SQL("").join(
                    sql.SQL(" OR {} IS DISTINCT FROM {}").format(compose.column("d", name), history.source("s", name))
                    for name in (spec.fixed if names is spec.fixed else ())
                ),
            ),
            "sets": compose.leading(
                sql.SQL("{} = {}").format(sql.Identifier(name), history.source("s", name)) for name in names
            ),
        }
        _journal(
            history,
            "update",
            history.compose("SELECT d.* FROM {winners} INNER JOIN {dim} AS d ON {these}", **parts),
        )
        written = history.run(
            "UPDATE {dim} AS d SET {told} {sets} FROM {winners} WHERE {these}", told=sql.SQL(told), **parts
        )
        change.overwritten += written
        change.counts.updated += written


def _mirror(history: History, change: DimensionChange) -> None:
    """`current_<column>` on all versions: the value of the entity's latest version."""
    names = history.spec.mirrored
    if not names:
        return
    pairs = [(sql.Identifier(f"current_{name}"), compose.column("l", name)) for name in names]
    latest = history.compose(
        "(SELECT DISTINCT ON (v.{dk}) v.* FROM {dim} AS v INNER JOIN work_affected AS a ON v.{dk} = a.durable_key "
        "WHERE v.row_hash IS NOT NULL ORDER BY v.{dk}, v.start_date DESC)"
    )
    differs = sql.SQL(" OR ").join(sql.SQL("d.{} IS DISTINCT FROM {}").format(target, value) for target, value in pairs)
    _journal(
        history,
        "update",
        history.compose(
            "SELECT d.* FROM {dim} AS d INNER JOIN {latest} AS l ON d.{dk} = l.{dk} "
            "INNER JOIN work_have AS h ON d.{dk} = h.{dk} AND d.start_date = h.start_date WHERE {differs}",
            latest=latest,
            differs=differs,
        ),
    )
    change.counts.updated += history.run(
        "UPDATE {dim} AS d SET {sets} FROM {latest} AS l WHERE d.{dk} = l.{dk} AND ({differs})",
        latest=latest,
        differs=differs,
        sets=sql.SQL(", ").join(sql.SQL("{} = {}").format(target, value) for target, value in pairs),
    )


def _journal(history: History, operation: str, rows: sql.Composable) -> None:
    history.run(
        "INSERT INTO {journal} (load_id, dimension, durable_key, surrogate_key, operation, before) "
        "SELECT {load}, {dimension}, b.{dk}, b.{sk}, {operation}, to_jsonb(b) FROM ({rows}) AS b",
        operation=sql.Literal(operation),
        rows=rows,
    )
