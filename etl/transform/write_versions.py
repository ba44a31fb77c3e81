"""Writes what `work_change` says to a dimension: versions removed, updated, inserted, and every write in the journal."""

from dataclasses import dataclass, field, fields

from psycopg import sql

from etl.core import compose
from etl.core.hashing import HASH_VERSION
from etl.core.ledger import RowCounts
from etl.core.spec import OverwriteScope
from etl.transform.history import History, said

SAMPLES = 5


@dataclass(slots=True)
class DimensionChange:
    """What applying deliveries did: rows written, and the same in the words of history.

    `closed`: versions whose dates changed, most of them ended. `changed_entities`: known ones with a version of new content. `late`: entities with a version spliced in before known
    history. `removed_versions`: those that vanished into a neighbour, or were taken back. `samples`: business keys by kind.
    """

    counts: RowCounts = field(default_factory=RowCounts)
    new_entities: int = 0
    changed_entities: int = 0
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


def remove(history: History, change: DimensionChange) -> None:
    """Versions that should not be are journaled and deleted; they and those of other content now leave a redirect."""
    _journal(history, "delete", sql.SQL("to_jsonb(d)"), sql.SQL("work_removed AS d"))
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


def update(history: History, change: DimensionChange) -> None:
    """Versions whose content stays and whose dates change: mostly the ones that end because a new one begins."""
    _journal(
        history,
        "update",
        sql.SQL("CASE WHEN c.is_rewrite THEN to_jsonb(d) ELSE {} END").format(
            _before(("end_date", "first_observed_date"))
        ),
        history.compose(
            "work_have AS d INNER JOIN work_change AS c ON d.{dk} = c.durable_key AND d.start_date = c.start_date "
            "AND NOT c.is_insert"
        ),
    )
    change.closed = history.run(
        """
        UPDATE {dim} AS d SET end_date = c.end_date, first_observed_date = c.first_observed_date
        FROM work_change AS c
        WHERE d.{dk} = c.durable_key AND d.start_date = c.start_date AND NOT c.is_insert AND NOT c.is_rewrite
        """
    )
    change.counts.updated += change.closed


def insert(history: History, change: DimensionChange) -> None:
    """New versions, and versions whose content was restated in place (an inferred row among them)."""
    spec = history.spec
    history.names |= {
        "attributes": compose.listed(spec.attributes),
        "deleted": sql.SQL(", is_deleted" if spec.marks_deleted else ""),
        "hash_version": sql.Literal(HASH_VERSION),
        "same_version": sql.SQL(
            "AND c.start_date = ov.start_date" if spec.overwrite_scope is OverwriteScope.CURRENT else ""
        ),
        "earliest": history.compose(
            "(SELECT DISTINCT ON ({dk}) * FROM work_have WHERE row_hash IS NOT NULL ORDER BY {dk}, start_date)"
        ),
    }
    into = history.compose(
        "INSERT INTO {dim} ({dk}, {sk}, {bk}, {attributes}, start_date, end_date, first_observed_date, is_inferred, "
        "row_hash, overwritten_hash, hash_version, fixed_as_of, load_id, load_timestamp {deleted})"
    )
    plain = _find_plain(history)
    inserted = 0
    if history.one("SELECT count(*) FROM work_change WHERE is_insert OR is_rewrite") > plain:
        _build_rows(history)
        # Before what is inserted: a version that was open may end here.
        change.restated = _restate(history)
        inserted = _insert_built(history, into)
    inserted += _insert_plain(history, into)
    change.new_versions += inserted
    change.counts.inserted += inserted
    change.counts.updated += change.restated


def _find_plain(history: History) -> int:
    """work_plain: the new versions that take everything from one row of the source, as most do; how many."""
    spec = history.spec
    return history.create(
        "work_plain",
        """
        SELECT c.*, s.overwritten_hash, COALESCE(x.as_of, e.fixed_as_of) AS fixed_as_of
        FROM work_change AS c
        INNER JOIN work_hashed AS s ON c.load_id = s.load_id AND c.record_number = s.record_number
        INNER JOIN work_candidate AS said ON c.load_id = said.load_id AND c.record_number = said.record_number
        LEFT JOIN work_overwrite AS ov ON c.durable_key = ov.durable_key {same_version}
        LEFT JOIN work_fixed AS x ON c.durable_key = x.durable_key
        LEFT JOIN {earliest} AS e ON c.durable_key = e.{dk}
        WHERE
            c.is_insert
            -- Its row is the one whose overwritten (fixed) columns hold, or says what the entity's versions hold already.
            AND (
                (ov.load_id = c.load_id AND ov.record_number = c.record_number)
                OR (ov.load_id IS NULL AND s.overwritten_hash = e.overwritten_hash {for_all})
            )
            AND {takes_fixed}
        """,
        told_by="(load_id, record_number)",
        for_all=sql.SQL("AND {}").format(sql.Literal(spec.overwrite_scope is OverwriteScope.ALL)),
        takes_fixed=history.compose(
            "((x.load_id = c.load_id AND x.record_number = c.record_number) "
            "OR (x.load_id IS NULL AND e.{dk} IS NOT NULL AND {same}))",
            same=sql.SQL(" AND ").join(
                sql.SQL("said.{} IS NOT DISTINCT FROM e.{}").format(said(name), sql.Identifier(name))
                for name in spec.fixed
            ),
        )
        if spec.fixed
        else sql.SQL("true"),
    )


def _insert_plain(history: History, into: sql.Composable) -> int:
    spec = history.spec
    return history.run(
        "{into} "
        """
        SELECT
            p.durable_key, {version_key}, {s_bk}, {s_attributes}, p.start_date, p.end_date, p.first_observed_date, false,
            p.row_hash, p.overwritten_hash, {hash_version}, p.fixed_as_of,
            CASE WHEN o.is_new THEN o.load_id ELSE {load} END, o.load_timestamp {is_deleted}
        FROM work_plain AS p
        INNER JOIN work_delivery AS o ON p.load_id = o.load_id
        INNER JOIN work_candidate AS s ON p.load_id = s.load_id AND p.record_number = s.record_number
        """,
        into=into,
        s_bk=compose.columns("s", spec.business_key),
        version_key=compose.version_key(spec, "s", sql.SQL("p.start_date")),
        s_attributes=sql.SQL(", ").join(sql.SQL("s.{}").format(said(name)) for name in spec.attributes),
        is_deleted=sql.SQL(", p.is_deleted" if spec.marks_deleted else ""),
    )


def _restate(history: History) -> int:
    spec = history.spec
    return history.run(
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


def _insert_built(history: History, into: sql.Composable) -> int:
    spec = history.spec
    return history.run(
        "{into} "
        """
        SELECT
            r.durable_key, {version_key}, {r_bk}, {r_attributes}, r.start_date, r.end_date, r.first_observed_date, false,
            r.row_hash, r.overwritten_hash, {hash_version}, r.fixed_as_of,
            CASE WHEN o.is_new THEN o.load_id ELSE {load} END, COALESCE(o.load_timestamp, now()) {is_deleted}
        FROM work_row AS r
        LEFT JOIN work_delivery AS o ON COALESCE(r.load_id, {load}) = o.load_id
        WHERE r.is_insert
        """,
        into=into,
        version_key=compose.version_key(spec, "r", sql.SQL("r.start_date")),
        r_bk=compose.columns("r", spec.business_key),
        r_attributes=compose.columns("r", spec.attributes),
        is_deleted=sql.SQL(", r.is_deleted" if spec.marks_deleted else ""),
    )


def _build_rows(history: History) -> None:
    """work_row: the full content of each changed version, drawn from where each part of it holds."""
    spec = history.spec
    # Only where all versions share them can another version tell the overwritten columns.
    base = "h" if spec.overwrite_scope is OverwriteScope.CURRENT else "e"

    def pick(condition: str, yes: str, no: str, names: tuple[str, ...]) -> sql.Composable:
        return compose.leading(
            sql.SQL("CASE WHEN {} THEN {}.{} ELSE {} END AS {}").format(
                sql.SQL(condition),
                sql.Identifier(yes),
                said(name),
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
        LEFT JOIN work_candidate AS s ON c.load_id = s.load_id AND c.record_number = s.record_number
        LEFT JOIN work_have AS h ON c.durable_key = h.{dk} AND c.have_start = h.start_date
        LEFT JOIN {earliest} AS e ON c.durable_key = e.{dk}
        LEFT JOIN work_overwrite AS ov ON c.durable_key = ov.durable_key {same_version}
        LEFT JOIN work_candidate AS os ON ov.load_id = os.load_id AND ov.record_number = os.record_number
        LEFT JOIN work_fixed AS x ON c.durable_key = x.durable_key
        LEFT JOIN work_candidate AS fs ON x.load_id = fs.load_id AND x.record_number = fs.record_number
        WHERE p.durable_key IS NULL AND (c.is_insert OR c.is_rewrite)
        """,
        told_by="(durable_key, start_date)",
        a_bk=compose.columns("a", spec.business_key),
        base=sql.Identifier(base),
        fixed=pick("x.durable_key IS NOT NULL", "fs", "e", spec.fixed),
        versioned=pick("c.load_id IS NOT NULL", "s", "h", spec.versioned),
        overwritten=pick("ov.durable_key IS NOT NULL", "os", base, spec.overwritten),
    )


def overwrite(history: History, change: DimensionChange) -> None:
    """Bring overwritten and fixed columns to the versions that are there already; new ones are written with them."""
    spec = history.spec
    only = sql.SQL("AND d.start_date = w.start_date" if spec.overwrite_scope is OverwriteScope.CURRENT else "")
    change.overwritten += _bring(history, "work_overwrite", spec.overwritten, "overwritten_hash", only=only)
    if spec.fixed:
        # What is restated may come with the same date and another value.
        differs = sql.SQL("").join(
            sql.SQL(" OR d.{} IS DISTINCT FROM s.{}").format(sql.Identifier(name), said(name)) for name in spec.fixed
        )
        change.overwritten += _bring(history, "work_fixed", spec.fixed, "fixed_as_of", value="as_of", differs=differs)
    change.counts.updated += change.overwritten


def _bring(
    history: History,
    winners: str,
    names: tuple[str, ...],
    kept: str,
    *,
    value: str = "",
    only: sql.Composable | None = None,
    differs: sql.Composable | None = None,
) -> int:
    """Write what the *winners* say of the columns *names*, and what tells them from others, to the versions that lack it."""
    none = sql.SQL("")
    found = history.create(
        "work_target",
        """
        SELECT d.{dk} AS durable_key, d.start_date, w.load_id, w.record_number, w.{value} AS kept
        FROM {winners} AS w
        INNER JOIN work_candidate AS s ON w.load_id = s.load_id AND w.record_number = s.record_number
        INNER JOIN {dim} AS d ON w.durable_key = d.{dk} {only}
        WHERE d.row_hash IS NOT NULL AND (d.{kept} IS DISTINCT FROM w.{value} {differs})
        """,
        winners=sql.Identifier(winners),
        kept=sql.Identifier(kept),
        value=sql.Identifier(value or kept),
        only=only or none,
        differs=differs or none,
    )
    if not found:
        return 0
    these = history.compose("d.{dk} = t.durable_key AND d.start_date = t.start_date")
    _journal(
        history,
        "update",
        _before((*names, kept)),
        history.compose("work_target AS t INNER JOIN {dim} AS d ON {these}", these=these),
    )
    return history.run(
        "UPDATE {dim} AS d SET {kept} = t.kept {sets} FROM work_target AS t "
        "INNER JOIN work_candidate AS s ON t.load_id = s.load_id AND t.record_number = s.record_number WHERE {these}",
        kept=sql.Identifier(kept),
        sets=compose.leading(sql.SQL("{} = s.{}").format(sql.Identifier(name), said(name)) for name in names),
        these=these,
    )


def mirror(history: History, change: DimensionChange) -> None:
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
        _before(tuple(f"current_{name}" for name in names)),
        history.compose(
            "{dim} AS d INNER JOIN {latest} AS l ON d.{dk} = l.{dk} "
            "INNER JOIN work_have AS h ON d.{dk} = h.{dk} AND d.start_date = h.start_date",
            latest=latest,
        ),
        differs,
    )
    change.counts.updated += history.run(
        "UPDATE {dim} AS d SET {sets} FROM {latest} AS l WHERE d.{dk} = l.{dk} AND ({differs})",
        latest=latest,
        differs=differs,
        sets=sql.SQL(", ").join(sql.SQL("{} = {}").format(target, value) for target, value in pairs),
    )


def _before(names: tuple[str, ...]) -> sql.Composable:
    """What the version `d` holds in the columns that are about to change."""
    if len(names) > 50:  # a function takes a hundred arguments
        return sql.SQL("to_jsonb(d)")
    pairs = (sql.SQL("{}, d.{}").format(sql.Literal(name), sql.Identifier(name)) for name in names)
    return sql.SQL("jsonb_build_object({})").format(sql.SQL(", ").join(pairs))


def _journal(
    history: History,
    operation: str,
    before: sql.Composable,
    versions: sql.Composable,
    which: sql.Composable | None = None,
) -> None:
    """Keep what the *versions* `d` hold *before* the operation: whole rows, or the columns that change."""
    history.run(
        "INSERT INTO {journal} (load_id, dimension, durable_key, surrogate_key, operation, before) "
        "SELECT {load}, {dimension}, d.{dk}, d.{sk}, {operation}, {before} FROM {versions} WHERE {which}",
        operation=sql.Literal(operation),
        before=before,
        versions=versions,
        which=which or sql.SQL("true"),
    )
