"""Writes what `work_change` says to a dimension: versions removed, updated, inserted, and every write in the journal."""

from dataclasses import dataclass, field, fields

from psycopg import sql

from etl.core import compose
from etl.core.hashing import HASH_VERSION
from etl.core.ledger import RowCounts
from etl.core.spec import OverwriteScope
from etl.transform.history import History

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


def remove(history: History, change: DimensionChange) -> None:
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


def update(history: History, change: DimensionChange) -> None:
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
        told_by="(durable_key, start_date)",
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


def overwrite(history: History, change: DimensionChange) -> None:
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
