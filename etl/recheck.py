"""`make dq-fast`: the gate of one load again, over the tables as they are now. It looks at what that load touched.

What a load leaves behind for its gate is found again by load_id: the facts that came with it, the versions it opened.
"""

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from etl import pipeline
from etl.catalog.checks import Result
from etl.core.database import connect
from etl.core.errors import UsageError
from etl.core.runs import open_run
from etl.core.settings import Settings
from etl.quality import gate
from etl.transform.batch import Batch

# As the loaders leave them, by their names; what a load took away is not there to be found again.
_WORK = """
    CREATE TEMPORARY TABLE work_claim_delta ON COMMIT DROP AS
    SELECT fact.*, 1 AS sign FROM warehouse.fact_claim_line AS fact WHERE fact.load_id = {load_id};
    CREATE TEMPORARY TABLE work_claim_family ON COMMIT DROP AS
    SELECT DISTINCT delta.claim_family_id FROM work_claim_delta AS delta
    WHERE delta.is_reversal OR delta.claim_frequency_code <> '1' OR delta.claim_version_number > 1;
    CREATE TEMPORARY TABLE work_member_month_delta ON COMMIT DROP AS
    SELECT month.*, 1 AS sign FROM warehouse.fact_member_month AS month WHERE month.load_id = {load_id};
    INSERT INTO work_moved_member SELECT version.member_durable_key, version.start_date, version.end_date
    FROM warehouse.dim_member AS version WHERE version.load_id = {load_id} AND version.member_key NOT IN (-1, -2);
    INSERT INTO work_moved_plan SELECT version.plan_durable_key, version.start_date, version.end_date
    FROM warehouse.dim_plan AS version WHERE version.load_id = {load_id} AND version.plan_key NOT IN (-1, -2);
    INSERT INTO work_moved_provider SELECT version.provider_durable_key, version.start_date, version.end_date
    FROM warehouse.dim_provider AS version WHERE version.load_id = {load_id} AND version.provider_key NOT IN (-1, -2);
    ANALYZE work_claim_delta, work_claim_family, work_member_month_delta, work_moved_member, work_moved_plan,
    work_moved_provider
"""


def recheck(url: str, settings: Settings, load_id: int | None = None) -> tuple[int, tuple[Result, ...]]:
    """Judge the latest load, or that one, by every check of the gate; which load it was, and what was found, on record.

    Nothing is changed. UsageError where there is no such published load.
    """
    with open_run(url, "gate") as ledger, connect(url) as conn:
        batch = _batch_of(conn, settings, load_id)
        pipeline.prepare(conn, batch)
        conn.execute(sql.SQL(_WORK).format(load_id=sql.Literal(batch.loads[0])))
        with ledger.step("gate", "quality") as counts:
            results = gate.run_gate(conn, batch.sources, whole=False)
            counts.read = len(results)
        conn.rollback()
        gate.record(ledger.conn, ledger.run_id, results)
    return batch.loads[0], results


def _batch_of(conn: Connection[TupleRow], settings: Settings, load_id: int | None) -> Batch:
    """The feeds of that load that are in force."""
    row = conn.execute(
        "SELECT load.load_id, array_agg(file.feed) FROM etl.load AS load "
        "INNER JOIN etl.source_file AS file ON load.load_id = file.load_id "
        "WHERE load.status = 'published' AND file.status = 'in_force' AND (%(load)s::bigint IS NULL OR load.load_id = %(load)s) "
        "GROUP BY load.load_id, load.published_at, load.as_of "
        "ORDER BY load.published_at DESC, load.as_of DESC, load.load_id DESC LIMIT 1",
        {"load": load_id},
    ).fetchone()
    if row is None:
        raise UsageError(f"load {load_id} is not published" if load_id else "nothing is loaded yet: make full-load")
    return Batch((row[0],), dict.fromkeys(row[1], (row[0],)), claim_id_suffix=settings.claim_id_suffix)
