"""Writes to the versions that a dimension holds: removed, ended, overwritten; every write goes to the journal first."""

from dataclasses import dataclass, field, fields

from psycopg import sql

from etl.core import compose
from etl.core.ledger import RowCounts
from etl.core.spec import OverwriteScope
from etl.transform.history import History, said
from etl.transform.journal import columns_before, journal

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
    journal(history, "delete", sql.SQL("to_jsonb(d)"), sql.SQL("work_removed AS d"))
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
    journal(
        history,
        "update",
        sql.SQL("CASE WHEN c.is_rewrite THEN to_jsonb(d) ELSE {} END").format(
            columns_before(("end_date", "first_observed_date"))
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
    journal(
        history,
        "update",
        columns_before((*names, kept)),
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
    journal(
        history,
        "update",
        columns_before(tuple(f"current_{name}" for name in names)),
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
