"""Facts: enrollments, member months and claims of a batch of loads, with the surrogate keys in force on their dates.

Everything here runs in the caller's transaction and leaves two work views for the cubes: work_member_month_delta and
work_claim_delta, the rows that were added (sign 1) and taken (sign -1, their measures negative).
"""

from collections.abc import Iterable

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from etl.catalog.facts import CLAIM_LINE, ENROLLMENT, MEMBER_MONTH, FactSpec, Role
from etl.core import compose
from etl.core.database import local_settings
from etl.core.indexes import indexes_afterwards
from etl.core.ledger import RowCounts
from etl.core.sqlfiles import drop_work, sql_file
from etl.transform.batch import Batch
from etl.transform.work_tables import fill_fact, is_empty, leave_delta, make


def infer_dimension_rows(conn: Connection[TupleRow], batch: Batch) -> RowCounts:
    """Make an inferred row for every member, plan and provider that facts name and no dimension knows."""
    counts = RowCounts()
    if not batch.news("claims") and not batch.news("enrollments"):
        return counts
    # Two statements each: the server reads staging on several cores only for a table that it makes.
    for named, inferred in (
        ("work_named_member", "dim_member_inferred"),
        ("work_named_plan", "dim_plan_inferred"),
        ("work_named_provider", "dim_provider_inferred"),
    ):
        counts.read += make(conn, named, **{feed: batch.news(feed) for feed in sql_file(named).values})
        counts.inserted += sql_file(inferred).run(conn)
    return counts


def rekey_facts(conn: Connection[TupleRow], batch: Batch) -> RowCounts:
    """Point the facts of entities whose versions moved to the version now in force on their dates."""
    if batch.is_rebuild:  # no facts yet, and all of them will be the delta
        return RowCounts()
    drop_work(conn, "work_claim_moved")
    conn.execute(
        "CREATE TEMPORARY TABLE work_claim_moved (LIKE warehouse.fact_claim_line, sign integer) ON COMMIT DROP"
    )
    leave_delta(conn, CLAIM_LINE, sql.SQL("work_claim_moved"))
    counts = RowCounts()
    for fact in (ENROLLMENT, CLAIM_LINE):
        for role in fact.roles:
            counts.updated += _rekey(conn, fact, role)
    return counts


def _rekey(conn: Connection[TupleRow], fact: FactSpec, role: Role) -> int:
    moved = sql.Identifier(f"work_moved_{role.entity}")
    span = conn.execute(sql.SQL("SELECT min(start_date), max(end_date) FROM {}").format(moved)).fetchone()
    if span is None or span[0] is None:
        return 0
    names: dict[str, sql.Composable] = {
        "fact": sql.Identifier("warehouse", fact.table),
        "dim": sql.Identifier("warehouse", role.dimension),
        "moved": moved,
        "identity": compose.columns("f", fact.identity),
        "same_row": compose.equal("f", "r", fact.identity),
        "key": sql.Identifier(f"{role.name}_key"),
        "dk": sql.Identifier(f"{role.name}_durable_key"),
        "dim_key": sql.Identifier(f"{role.entity}_key"),
        "dim_dk": sql.Identifier(f"{role.entity}_durable_key"),
        "day": compose.column("f", fact.date_column),
        # Literals, so that only the partitions of these dates are looked at.
        "first": sql.Literal(span[0]),
        "last": sql.Literal(span[1]),
        "geography": sql.SQL(""),
        "place": sql.SQL("f.geography_key AS geography_key"),
        "where_lived": sql.SQL(""),
        "or_moved": sql.SQL(""),
    }
    if role.entity == "member":
        names["geography"] = sql.SQL(", geography_key = r.geography_key")
        names["place"] = sql.SQL("COALESCE(g.geography_key, -1) AS geography_key")
        names["or_moved"] = sql.SQL("OR f.geography_key <> COALESCE(g.geography_key, -1)")
        names["where_lived"] = sql.SQL(
            "LEFT JOIN warehouse.dim_geography AS g ON COALESCE(v.state_code, '') = g.state_code "
            "AND COALESCE(v.county_fips, '') = g.county_fips AND COALESCE(v.rating_area, 0) = g.rating_area"
        )

    def run(statement: str) -> int:
        return conn.execute(sql.SQL(statement).format(**names)).rowcount

    drop_work(conn, "work_rekey")
    rows = run(
        """
        CREATE TEMPORARY TABLE work_rekey ON COMMIT DROP AS
        SELECT DISTINCT {identity}, COALESCE(v.{dim_key}, -2) AS new_key, {place}
        FROM {fact} AS f
        INNER JOIN {moved} AS m ON f.{dk} = m.durable_key AND {day} >= m.start_date AND {day} < m.end_date
        LEFT JOIN {dim} AS v ON f.{dk} = v.{dim_dk} AND {day} >= v.start_date AND {day} < v.end_date
        {where_lived}
        WHERE {day} >= {first} AND {day} < {last} AND (f.{key} <> COALESCE(v.{dim_key}, -2) {or_moved})
        """
    )
    if rows:
        run("ANALYZE work_rekey")
        is_claim = fact is CLAIM_LINE
        take = (
            "INSERT INTO work_claim_moved SELECT f.*, {sign} FROM {fact} AS f INNER JOIN work_rekey AS r ON {same_row}"
        )
        if is_claim:
            run(take.replace("{sign}", "-1"))
        run("UPDATE {fact} AS f SET {key} = r.new_key {geography} FROM work_rekey AS r WHERE {same_row}")
        if is_claim:
            run(take.replace("{sign}", "1"))
    return rows


def load_enrollments(conn: Connection[TupleRow], batch: Batch) -> RowCounts:
    """Bring the enrollment transactions in, and mark which version of each span is the current one."""
    counts = RowCounts()
    counts.read = make(conn, "work_enrollment", loads=batch.news("enrollments"))
    make(conn, "work_span")
    if not batch.is_rebuild:
        counts.deleted += sql_file("fact_enrollment_replaced").run(conn)
    with indexes_afterwards(conn, sql.Identifier("warehouse", "fact_enrollment"), pays=batch.is_rebuild):
        counts.inserted += sql_file("fact_enrollment").run(conn)
    if batch.is_rebuild:
        conn.execute(
            "ANALYZE warehouse.fact_enrollment (member_durable_key, transaction_id, enrollment_id, is_current_version, "
            "enrollment_status, coverage_start_date, coverage_end_date, load_id)"
        )
    sql_file("fact_enrollment_current").run(conn)
    return counts


def load_member_months(conn: Connection[TupleRow], batch: Batch) -> RowCounts:
    """Rebuild the months of the touched members, and write what differs."""
    make(conn, "work_touched_member")
    if batch.is_rebuild:
        return fill_fact(conn, MEMBER_MONTH, "work_member_month")
    counts = RowCounts(read=make(conn, "work_member_month"))
    make(conn, "work_member_month_change")
    counts.deleted += sql_file("fact_member_month_removed").run(conn)
    counts.inserted += sql_file("fact_member_month").run(conn)
    leave_delta(conn, MEMBER_MONTH, sql.SQL("(SELECT * FROM work_member_month_change WHERE balance <> 0)"))
    return counts


def load_claims(conn: Connection[TupleRow], batch: Batch) -> RowCounts:
    """Bring the claims in: most lines straight, families with several versions by telling their life anew."""
    loads = batch.news("claims")
    if not loads and not batch.is_rebuild:
        return _no_claims(conn)
    _make_partitions(conn, loads)
    sql_file("claim_link").run(conn, loads=loads, suffix=batch.claim_id_suffix)
    # A recursion clears a hash table as large as it may become before it begins, which takes longer than all the rest.
    with local_settings(conn, work_mem="8MB"):
        make(conn, "work_claim_link", loads=loads, is_rebuild=batch.is_rebuild)
    # Nearly as many groups as lines, which workers would only sort for each other.
    with local_settings(conn, max_parallel_workers_per_gather="0"):
        make(conn, "work_claim_family", loads=loads)
    make(conn, "work_claim_source", loads=loads)
    make(conn, "work_claim_signed")
    make(conn, "work_claim_code", loads=loads)
    make(conn, "work_service")
    if batch.is_rebuild:
        _all_members(conn, "warehouse", "fact_enrollment")
    else:
        make(conn, "work_claim_member", loads=loads)
    make(conn, "work_coverage")
    drop_work(conn, "work_claim_row")
    conn.execute("CREATE TEMPORARY TABLE work_claim_row (LIKE warehouse.fact_claim_line) ON COMMIT DROP")
    sql_file("work_claim_row").run(conn)
    conn.execute("ANALYZE work_claim_row (member_durable_key, claim_id)")
    counts = RowCounts()
    if not batch.is_rebuild:
        make(conn, "work_claim_removed")
        counts.deleted += sql_file("fact_claim_line_removed").run(conn)
    make(conn, "work_claim_added")
    if batch.is_rebuild:
        # Partitions are small: for each, workers would take longer to start than to sort.
        with (
            local_settings(conn, max_parallel_maintenance_workers="0"),
            indexes_afterwards(conn, sql.Identifier("warehouse", "fact_claim_line")),
        ):
            counts.inserted += sql_file("fact_claim_line_signed").run(conn)
            counts.inserted += sql_file("fact_claim_line").run(conn, loads=loads)
        # Without those of plans and providers, the next load looks them up by reading the whole primary key.
        # A few thousand lines of each month tell as much as many.
        with local_settings(conn, default_statistics_target="20"):
            conn.execute(
                "ANALYZE warehouse.fact_claim_line (member_durable_key, service_date, claim_family_id, load_id, "
                "plan_durable_key, rendering_provider_durable_key, billing_provider_durable_key, is_reversal)"
            )
    else:
        counts.inserted += sql_file("fact_claim_line_signed").run(conn)
        counts.inserted += sql_file("fact_claim_line").run(conn, loads=loads)
        sql_file("work_claim_moved").run(conn, loads=loads)
        _flag_coverage(conn, counts)
        sql_file("fact_claim_removed").run(conn)
    counts.read = counts.inserted
    return counts


def load_claim_families(conn: Connection[TupleRow], batch: Batch) -> RowCounts:
    """Keep one snapshot row per claim family."""
    if not batch.news("claims"):
        return RowCounts()
    counts = RowCounts(inserted=sql_file("fact_claim_versions").run(conn))
    with indexes_afterwards(conn, sql.Identifier("warehouse", "fact_claim"), pays=batch.is_rebuild):
        counts.inserted += sql_file("fact_claim").run(conn, loads=batch.news("claims"))
    return counts


def _no_claims(conn: Connection[TupleRow]) -> RowCounts:
    """Where a load brings no claims, those that are there may still have come into coverage, or fallen out of it."""
    for name in ("work_claim_link", "work_claim_code", "work_claim_family"):
        drop_work(conn, name)
    conn.execute("CREATE TEMPORARY TABLE work_claim_family (claim_family_id text) ON COMMIT DROP")
    counts = RowCounts()
    if not is_empty(conn, "work_span"):
        _flag_coverage(conn, counts)
    return counts


def _all_members(conn: Connection[TupleRow], *enrolled: str) -> None:
    """Leave `work_claim_member`: every member of a table of enrollment."""
    drop_work(conn, "work_claim_member")
    conn.execute(
        sql.SQL(
            "CREATE TEMPORARY TABLE work_claim_member ON COMMIT DROP AS SELECT DISTINCT member_durable_key FROM {}"
        ).format(sql.Identifier(*enrolled))
    )
    conn.execute("ANALYZE work_claim_member")


def _flag_coverage(conn: Connection[TupleRow], counts: RowCounts) -> None:
    """Claims of members whose enrollment changed: covered or not is judged anew."""
    _all_members(conn, "work_span")
    make(conn, "work_coverage")
    counts.updated += sql_file("fact_claim_line_coverage").run(conn)


def _make_partitions(conn: Connection[TupleRow], loads: Iterable[int]) -> None:
    """A partition for every month that has a service date, however far from the others."""
    months = conn.execute(
        "SELECT DISTINCT date_trunc('month', day.service_date)::date FROM "
        "(SELECT DISTINCT service_date FROM staging.stg_claim WHERE load_id = ANY(%s)) AS day ORDER BY 1",
        (list(loads),),
    ).fetchall()
    for (month,) in months:
        following = month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)
        conn.execute(
            sql.SQL(
                "CREATE TABLE IF NOT EXISTS {} PARTITION OF warehouse.fact_claim_line FOR VALUES FROM ({}) TO ({})"
            ).format(
                sql.Identifier("warehouse", f"fact_claim_line_{month:%Y_%m}"),
                sql.Literal(month),
                sql.Literal(following),
            )
        )
