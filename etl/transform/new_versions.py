"""Writes the versions that a dimension lacks, and anew those of other content: most straight from one row that says all."""

from psycopg import sql

from etl.core import compose
from etl.core.hashing import HASH_VERSION
from etl.core.spec import OverwriteScope
from etl.transform.history import History, said
from etl.transform.write_versions import DimensionChange


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
