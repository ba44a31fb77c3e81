"""The SCD helper: applies deliveries to a dimension, whatever their order of arrival, and writes only what differs.

One path serves append, late, backfill, restate and replay: `etl.transform.history` finds the versions that the affected
keys should have, and here the difference to what the table holds is written and journaled.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from etl.core import compose
from etl.core.errors import SourceError, StepFailed
from etl.core.hashing import HASH_VERSION
from etl.core.ledger import RowCounts
from etl.core.spec import DimensionSpec
from etl.transform.history import History, Observed, Schemas


@dataclass(slots=True)
class DimensionChange:
    """What applying deliveries did: rows written, and the same in the words of history."""

    counts: RowCounts = field(default_factory=RowCounts)
    new_entities: int = 0
    new_versions: int = 0
    closed: int = 0
    restated: int = 0
    removed_versions: int = 0
    overwritten: int = 0

    def __add__(self, other: "DimensionChange") -> "DimensionChange":
        """Both together."""
        return DimensionChange(*(getattr(self, part.name) + getattr(other, part.name) for part in fields(self)))


def load_dimension(
    conn: Connection[TupleRow],
    spec: DimensionSpec,
    deliveries: Iterable[Observed],
    *,
    in_force: Iterable[Observed] = (),
    withdrawn: Iterable[int] = (),
    allow_closures: bool = False,
    schemas: Schemas | None = None,
) -> DimensionChange:
    """Apply *deliveries* to the dimension of *spec*, in the caller's transaction.

    The same deliveries in any order, in any grouping, any number of times, give the same rows, keys included.
    *withdrawn* loads (superseded or undone) are taken back: the keys they spoke of are observed anew from the deliveries
    *in_force*. Leaves the temporary table `work_moved` (durable key, start_date, end_date): for which entities and dates
    the version changed, so that facts can follow.

    Raises SourceError when a full delivery would close more than `closure_share_limit` of the living entities, unless
    *allow_closures*; StepFailed when two business keys come to the same durable key.
    """
    history = History(conn, spec, schemas or Schemas())
    given = list(deliveries)
    change = DimensionChange()
    change.counts.read = history.observe(given, in_force, withdrawn)
    if not allow_closures:
        _guard_closures(history)
    history.splice()
    _choose_winners(history)
    history.create(
        "work_change",
        """
        SELECT
            w.*,
            d.{dk} IS NULL AS is_insert,
            d.row_hash IS DISTINCT FROM w.row_hash AS is_rewrite
        FROM work_wanted AS w
        LEFT JOIN work_have AS d ON w.durable_key = d.{dk} AND w.start_date = d.start_date
        WHERE
            d.{dk} IS NULL OR d.row_hash IS DISTINCT FROM w.row_hash OR d.end_date <> w.end_date
            OR d.first_observed_date <> w.first_observed_date
        """,
    )
    history.names["load"] = sql.Literal(max(history.loads, default=0))
    _note_moves(history)
    _remove(history, change)
    _close(history, change)
    _insert(history, change)
    _overwrite(history, change)
    _mirror(history, change)
    _check_keys(history)
    return change


def _guard_closures(history: History) -> None:
    alive, gone, load_id = history.conn.execute(
        sql.SQL(
            "SELECT (SELECT count(*) FROM {dim} AS d WHERE d.row_hash IS NOT NULL AND d.current_flag), count(*), "
            "max(t.load_id) FROM work_touched AS t WHERE t.is_gone AND t.is_news AND t.mode = 'full' AND t.is_new "
            "AND t.record_number IS NULL"
        ).format(**history.names)  # type: ignore[arg-type]
    ).fetchone() or (0, 0, 0)
    spec = history.spec
    if gone >= 10 and gone > spec.closure_share_limit * alive:
        raise SourceError(
            f"{spec.table}: the full delivery of load {load_id} lacks {gone} of {alive} living {spec.entity}s, more than "
            f"{spec.closure_share_limit:.0%}: is the file whole? If it is: run again with --override closures"
        )


def _choose_winners(history: History) -> None:
    """Whose overwritten (greatest as_of) and fixed (smallest as_of) columns hold, where it is a row of this batch."""
    history.create(
        "work_overwrite",
        """
        SELECT c.durable_key, c.load_id, c.record_number, c.overwritten_hash
        FROM (
            SELECT DISTINCT ON (t.durable_key) t.*
            FROM work_touched AS t
            WHERE NOT t.is_gone
            ORDER BY t.durable_key, t.as_of DESC, t.observed_date DESC, t.load_id DESC
        ) AS c
        WHERE
            c.has_new_overwritten
            AND NOT EXISTS (
                SELECT FROM {log} AS l
                WHERE
                    l.dimension = {dimension} AND l.durable_key = c.durable_key AND l.kind = 'value' AND l.as_of > c.as_of
            )
            AND NOT EXISTS (
                SELECT FROM {fulls} AS f
                INNER JOIN {dim} AS d
                    ON
                        d.{dk} = c.durable_key AND d.row_hash IS NOT NULL
                        AND d.first_observed_date <= f.as_of AND d.end_date > f.as_of
                WHERE
                    f.dimension = {dimension} AND f.as_of > c.as_of AND f.scope = {c_scope}
                    AND c.durable_key NOT IN (SELECT x.durable_key FROM work_forgotten AS x)
                    AND NOT EXISTS (
                        SELECT FROM {log} AS u
                        WHERE
                            u.dimension = {dimension} AND u.durable_key = c.durable_key AND u.observed_date = f.as_of
                            AND u.kind = 'unknown'
                    )
            )
        """,
        c_scope=history._scope("c"),
    )
    history.create(
        "work_fixed",
        """
        SELECT DISTINCT ON (t.durable_key) t.durable_key, t.load_id, t.record_number, t.as_of
        FROM work_touched AS t
        WHERE NOT t.is_gone AND t.has_older_fixed
        ORDER BY t.durable_key, t.as_of, t.observed_date, t.load_id DESC
        """,
    )
    # has_older_fixed was judged by the version of the row's own date; a new version of a known entity has none.
    history.run(
        "DELETE FROM work_fixed AS x USING {dim} AS d WHERE x.durable_key = d.{dk} AND d.fixed_as_of <= x.as_of "
        "AND x.durable_key NOT IN (SELECT f.durable_key FROM work_forgotten AS f)"
    )


def _note_moves(history: History) -> None:
    """For which known entities and dates the version changes, and which surrogate keys that makes obsolete."""
    history.create(
        "work_moved",
        """
        SELECT DISTINCT durable_key, start_date, end_date
        FROM (
            SELECT c.durable_key, c.start_date, c.end_date
            FROM work_change AS c
            WHERE c.is_insert AND c.durable_key IN (SELECT h.{dk} FROM work_have AS h)
            UNION ALL
            SELECT c.durable_key, LEAST(d.end_date, c.end_date), GREATEST(d.end_date, c.end_date)
            FROM work_change AS c
            INNER JOIN work_have AS d ON c.durable_key = d.{dk} AND c.start_date = d.start_date
            WHERE c.end_date <> d.end_date
            UNION ALL
            SELECT d.{dk}, d.start_date, d.end_date
            FROM work_have AS d
            LEFT JOIN work_wanted AS w ON d.{dk} = w.durable_key AND d.start_date = w.start_date
            WHERE w.durable_key IS NULL
        ) AS moves
        """,
    )


def _remove(history: History, change: DimensionChange) -> None:
    """Versions that should not be: journaled, redirected, deleted. An inferred row stays until a real one replaces it."""
    history.create(
        "work_removed",
        """
        SELECT d.*
        FROM work_have AS d
        LEFT JOIN work_wanted AS w ON d.{dk} = w.durable_key AND d.start_date = w.start_date
        WHERE
            w.durable_key IS NULL
            AND (
                d.row_hash IS NOT NULL
                OR d.{dk} IN (SELECT x.durable_key FROM work_wanted AS x)
            )
        """,
    )
    _journal(history, "delete", sql.SQL("SELECT r.* FROM work_removed AS r"))
    history.run(
        """
        INSERT INTO {redirect} (load_id, dimension, durable_key, old_key, new_key, start_date, end_date)
        SELECT
            {load}, {dimension}, r.{dk}, r.{sk}, COALESCE({new_key}, -2),
            GREATEST(r.start_date, COALESCE(w.start_date, r.start_date)), LEAST(r.end_date, COALESCE(w.end_date, r.end_date))
        FROM work_removed AS r
        LEFT JOIN work_wanted AS w
            ON r.{dk} = w.durable_key AND w.start_date < r.end_date AND w.end_date > r.start_date
        """,
        new_key=sql.SQL("CASE WHEN w.durable_key IS NOT NULL THEN {} END").format(
            compose.version_key(history.spec, "r", sql.SQL("w.start_date"))
        ),
    )
    removed = history.run(
        "DELETE FROM {dim} AS d USING work_removed AS r WHERE d.{dk} = r.{dk} AND d.start_date = r.start_date"
    )
    change.removed_versions = removed
    change.counts.deleted += removed


def _close(history: History, change: DimensionChange) -> None:
    """Versions whose content stays and whose dates change: mostly the ones that end because a new one begins."""
    chosen = sql.SQL(
        "SELECT d.* FROM work_have AS d INNER JOIN work_change AS c ON d.{dk} = c.durable_key "
        "AND d.start_date = c.start_date WHERE NOT c.is_insert"
    ).format(**history.names)  # type: ignore[arg-type]
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
    history.names["attributes"] = compose.listed(spec.attributes)
    # A brand-new entity whose one row is all there is takes everything from it: the many, on the cheap way.
    history.create(
        "work_plain",
        """
        SELECT c.durable_key, c.start_date
        FROM work_change AS c
        INNER JOIN work_overwrite AS o
            ON c.durable_key = o.durable_key AND c.load_id = o.load_id AND c.record_number = o.record_number
        INNER JOIN work_fixed AS x
            ON c.durable_key = x.durable_key AND c.load_id = x.load_id AND c.record_number = x.record_number
        WHERE c.is_insert
        """,
    )
    insert = """
        INSERT INTO {dim} (
            {dk}, {sk}, {bk}, {attributes}, start_date, end_date, first_observed_date, is_inferred, row_hash,
            overwritten_hash, hash_version, fixed_as_of, load_id, load_timestamp
        )
    """
    plain = history.run(
        insert
        + """
        SELECT
            c.durable_key, {version_key}, {s_bk}, {s_attributes}, c.start_date, c.end_date, c.first_observed_date, false,
            c.row_hash, ov.overwritten_hash, {hash_version}, o.as_of, c.load_id, o.load_timestamp
        FROM work_change AS c
        INNER JOIN work_plain AS p ON c.durable_key = p.durable_key AND c.start_date = p.start_date
        INNER JOIN work_overwrite AS ov ON c.durable_key = ov.durable_key
        INNER JOIN {source} AS s ON c.load_id = s.load_id AND c.record_number = s.record_number
        INNER JOIN work_delivery AS o ON c.load_id = o.load_id
        WHERE s.load_id IN ({loads})
        """,
        version_key=compose.computed_key(
            [*(compose.cleaned(spec, "s", name) for name in spec.business_key), sql.SQL("c.start_date")]
        ),
        s_attributes=sql.SQL(", ").join(compose.cleaned(spec, "s", name) for name in spec.attributes),
        hash_version=sql.Literal(HASH_VERSION),
    )
    _build_rows(history)
    rewritten = history.run(
        """
        UPDATE {dim} AS d SET ({attributes}, end_date, first_observed_date, is_inferred, row_hash, overwritten_hash,
            hash_version, fixed_as_of)
            = (SELECT {r_attributes}, r.end_date, r.first_observed_date, false, r.row_hash, r.overwritten_hash,
                {hash_version}, r.fixed_as_of)
        FROM work_row AS r
        WHERE d.{dk} = r.durable_key AND d.start_date = r.start_date AND NOT r.is_insert
        """,
        r_attributes=compose.columns("r", spec.attributes),
        hash_version=sql.Literal(HASH_VERSION),
    )
    spliced = history.run(
        insert
        + """
        SELECT
            r.durable_key, {version_key}, {r_bk}, {r_attributes}, r.start_date, r.end_date, r.first_observed_date, false,
            r.row_hash, r.overwritten_hash, {hash_version}, r.fixed_as_of, COALESCE(r.load_id, {load}), o.load_timestamp
        FROM work_row AS r
        INNER JOIN work_delivery AS o ON COALESCE(r.load_id, {load}) = o.load_id
        WHERE r.is_insert
        """,
        version_key=compose.version_key(spec, "r", sql.SQL("r.start_date")),
        r_bk=compose.columns("r", spec.business_key),
        r_attributes=compose.columns("r", spec.attributes),
        hash_version=sql.Literal(HASH_VERSION),
    )
    change.restated = rewritten
    change.new_versions = plain + spliced
    change.new_entities = history.one(
        "SELECT count(DISTINCT c.durable_key) FROM work_change AS c WHERE c.is_insert "
        "AND c.durable_key NOT IN (SELECT h.{dk} FROM work_have AS h)"
    )
    change.counts.inserted += plain + spliced
    change.counts.updated += rewritten


def _build_rows(history: History) -> None:
    """work_row: the full content of each changed version that is not plain, drawn from where each part of it holds."""
    spec = history.spec

    def pick(condition: str, yes: str, no: str, names: tuple[str, ...]) -> sql.Composable:
        return compose.leading(
            sql.SQL("CASE WHEN {} THEN {} ELSE {} END AS {}").format(
                sql.SQL(condition),  # type: ignore[arg-type]
                compose.cleaned(spec, yes, name),
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
            CASE WHEN ov.durable_key IS NOT NULL THEN ov.overwritten_hash ELSE e.overwritten_hash END AS overwritten_hash,
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
        LEFT JOIN work_overwrite AS ov ON c.durable_key = ov.durable_key
        LEFT JOIN {source} AS os
            ON os.load_id IN ({loads}) AND ov.load_id = os.load_id AND ov.record_number = os.record_number
        LEFT JOIN work_fixed AS x ON c.durable_key = x.durable_key
        LEFT JOIN {source} AS fs
            ON fs.load_id IN ({loads}) AND x.load_id = fs.load_id AND x.record_number = fs.record_number
        WHERE p.durable_key IS NULL AND (c.is_insert OR c.is_rewrite)
        """,
        a_bk=compose.columns("a", spec.business_key),
        fixed=pick("x.durable_key IS NOT NULL", "fs", "e", spec.fixed),
        versioned=pick("c.load_id IS NOT NULL", "s", "h", spec.versioned),
        overwritten=pick("ov.durable_key IS NOT NULL", "os", "e", spec.overwritten),
    )


def _overwrite(history: History, change: DimensionChange) -> None:
    """Bring overwritten and fixed columns to all versions of an entity that were not just written with them."""
    spec = history.spec
    for winners, names, differs, also in (
        ("work_overwrite", spec.overwritten, "d.overwritten_hash IS DISTINCT FROM w.overwritten_hash", "overwritten_hash"),
        ("work_fixed", spec.fixed, "d.fixed_as_of IS DISTINCT FROM w.as_of", "fixed_as_of"),
    ):
        parts: dict[str, sql.Composable] = {
            "winners": sql.Identifier(winners),
            "differs": sql.SQL(differs),  # type: ignore[arg-type]
            "also": sql.Identifier(also),
            "value": sql.Identifier("w", "as_of" if also == "fixed_as_of" else also),
            "sets": compose.leading(
                sql.SQL("{} = {}").format(sql.Identifier(name), compose.cleaned(spec, "s", name)) for name in names
            ),
        }
        chosen = sql.SQL(
            "SELECT d.* FROM {dim} AS d INNER JOIN {winners} AS w ON d.{dk} = w.durable_key "
            "WHERE {differs} AND d.row_hash IS NOT NULL"
        ).format(**(history.names | parts))  # type: ignore[arg-type]
        _journal(history, "update", chosen)
        written = history.run(
            "UPDATE {dim} AS d SET {also} = {value} {sets} FROM {winners} AS w "
            "INNER JOIN {source} AS s ON w.load_id = s.load_id AND w.record_number = s.record_number "
            "WHERE d.{dk} = w.durable_key AND d.row_hash IS NOT NULL AND {differs} AND s.load_id IN ({loads})",
            **parts,
        )
        change.overwritten += written
        change.counts.updated += written


def _mirror(history: History, change: DimensionChange) -> None:
    """`current_<column>` on all versions: the value of the entity's latest version."""
    names = history.spec.mirrored
    if not names:
        return
    pairs = [(sql.Identifier(f"current_{name}"), compose.column("l", name)) for name in names]
    change.counts.updated += history.run(
        """
        UPDATE {dim} AS d SET {sets}
        FROM (
            SELECT DISTINCT ON (v.{dk}) v.*
            FROM {dim} AS v INNER JOIN work_affected AS a ON v.{dk} = a.durable_key
            ORDER BY v.{dk}, v.start_date DESC
        ) AS l
        WHERE d.{dk} = l.{dk} AND ({differs})
        """,
        sets=sql.SQL(", ").join(sql.SQL("{} = {}").format(target, value) for target, value in pairs),
        differs=sql.SQL(" OR ").join(
            sql.SQL("d.{} IS DISTINCT FROM {}").format(target, value) for target, value in pairs
        ),
    )


def _journal(history: History, operation: str, rows: sql.Composable) -> None:
    history.run(
        "INSERT INTO {journal} (load_id, dimension, durable_key, surrogate_key, operation, before) "
        "SELECT {load}, {dimension}, b.{dk}, b.{sk}, {operation}, to_jsonb(b) FROM ({rows}) AS b",
        operation=sql.Literal(operation),
        rows=rows,
    )


def _check_keys(history: History) -> None:
    """Two business keys with one durable key, or a version key that stands twice: a collision must be loud."""
    twice = history.one(
        "SELECT count(*) FROM (SELECT a.durable_key FROM work_affected AS a GROUP BY a.durable_key HAVING count(*) > 1) AS c"
    )
    if twice:
        raise StepFailed(
            f"{history.spec.table}: {twice} durable key(s) stand for two business keys each: a collision of computed keys; "
            "nothing was written, please report it"
        )
