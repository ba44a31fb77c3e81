"""The figures of the report, read from ledger and cubes: sums and counts only, never a row that speaks of a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow

Rows = list[tuple[Any, ...]]

QUERIES = {
    "run": """
        SELECT run_id, mode, status, started_at, finished_at, extract(EPOCH FROM finished_at - started_at)::float8
        FROM etl.run WHERE mode IN ('full', 'incremental') AND status <> 'running' ORDER BY run_id DESC LIMIT 1
    """,
    "loads": """
        SELECT load.load_id, load.delivery_name, load.status, count(file.source_file_id), sum(file.record_count)::bigint,
            sum(file.staged_count)::bigint, sum(file.rejected_count)::bigint, sum(file.duplicate_count)::bigint
        FROM etl.load AS load LEFT JOIN etl.source_file AS file ON load.load_id = file.load_id
        GROUP BY load.load_id ORDER BY load.as_of DESC, load.load_id DESC LIMIT 12
    """,
    "feeds": """
        SELECT feed, count(*), sum(record_count)::bigint, sum(staged_count)::bigint, sum(rejected_count)::bigint,
            sum(duplicate_count)::bigint
        FROM etl.source_file WHERE status = 'in_force' GROUP BY feed ORDER BY sum(record_count) DESC
    """,
    "rejects": """
        SELECT feed, reason_code, COALESCE(column_name, '(the whole record)'), count(*),
            count(*) FILTER (WHERE status = 'open')
        FROM etl.rejected_row GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2 LIMIT 20
    """,
    "history": """
        SELECT step_name, read_count, inserted_count, updated_count, deleted_count
        FROM etl.step_run WHERE run_id = %(run)s AND stage = 'dims' AND step_name LIKE 'dim%%'
            AND (read_count > 0 OR inserted_count > 0 OR updated_count > 0 OR deleted_count > 0) ORDER BY step_run_id
    """,
    "journal": """
        SELECT dimension, operation, count(*), count(DISTINCT durable_key) FROM etl.dimension_journal
        GROUP BY 1, 2 ORDER BY 1, 2
    """,
    "steps": """
        SELECT stage, step_name, extract(EPOCH FROM finished_at - started_at)::float8 AS seconds,
            read_count, inserted_count, updated_count, deleted_count
        FROM etl.step_run WHERE run_id = %(run)s AND finished_at IS NOT NULL ORDER BY seconds DESC LIMIT 14
    """,
    "runs": """
        SELECT '#' || run_id, mode, status, extract(EPOCH FROM finished_at - started_at)::float8
        FROM (
            SELECT * FROM etl.run WHERE mode IN ('full', 'incremental') AND finished_at IS NOT NULL
            ORDER BY run_id DESC LIMIT 24
        ) AS latest ORDER BY run_id
    """,
    "gate": """
        SELECT check_name, table_name, severity, status, failed_count, detail FROM etl.check_result
        WHERE suite = 'gate' AND run_id = (SELECT max(run_id) FROM etl.check_result WHERE suite = 'gate')
        ORDER BY status, check_result_id
    """,
    "expectations": """
        SELECT suite, table_name, check_name, severity, status, failed_count, detail FROM etl.check_result
        WHERE suite <> 'gate' AND checked_at = (SELECT max(checked_at) FROM etl.check_result WHERE suite <> 'gate')
        ORDER BY check_result_id
    """,
    "trend": """
        SELECT kind, moment, passed, warnings, criticals FROM (
            SELECT CASE WHEN suite = 'gate' THEN 'gate' ELSE 'dq' END AS kind,
                to_char(min(checked_at), 'MM-DD HH24:MI') AS moment, min(checked_at) AS first,
                count(*) FILTER (WHERE status = 'passed') AS passed,
                count(*) FILTER (WHERE status <> 'passed' AND severity <> 'critical') AS warnings,
                count(*) FILTER (WHERE status <> 'passed' AND severity = 'critical') AS criticals,
                row_number() OVER (PARTITION BY min((suite = 'gate')::integer) ORDER BY min(checked_at) DESC) AS place
            FROM etl.check_result
            GROUP BY CASE WHEN suite = 'gate' THEN 'gate' ELSE 'dq' END, COALESCE(run_id::text, checked_at::text)
        ) AS latest WHERE place <= 16 ORDER BY first
    """,
    "layers": """
        WITH files AS (
            SELECT total.column_name, sum(total.file_amount) AS file_amount,
                sum(total.rejected_amount + total.duplicate_amount) AS left_out
            FROM etl.control_total AS total INNER JOIN etl.source_file AS file USING (source_file_id)
            WHERE file.status = 'in_force' AND file.feed = 'claims' GROUP BY total.column_name
        )
        SELECT layer, place, billed, allowed, paid FROM (
        SELECT 1 AS number, 'in the files' AS layer, 'etl.control_total' AS place,
            (SELECT file_amount FROM files WHERE column_name = 'billed_amount') AS billed,
            (SELECT file_amount FROM files WHERE column_name = 'allowed_amount') AS allowed,
            (SELECT file_amount FROM files WHERE column_name = 'paid_amount') AS paid
        UNION ALL
        SELECT 2, '- rejected or duplicate', 'etl.rejected_row',
            -(SELECT left_out FROM files WHERE column_name = 'billed_amount'),
            -(SELECT left_out FROM files WHERE column_name = 'allowed_amount'),
            -(SELECT left_out FROM files WHERE column_name = 'paid_amount')
        UNION ALL
        SELECT 3, '= staged', 'staging.stg_claim', sum(billed_amount), sum(allowed_amount), sum(paid_amount)
        FROM staging.stg_claim AS claim INNER JOIN etl.source_file AS file USING (source_file_id)
        WHERE file.status = 'in_force'
        UNION ALL
        SELECT 4, 'versions in the facts', 'warehouse.fact_claim_line', sum(billed_amount), sum(allowed_amount), sum(paid_amount)
        FROM warehouse.fact_claim_line WHERE NOT is_reversal
        UNION ALL
        SELECT 5, '- replaced and voided', 'warehouse.fact_claim_line', sum(billed_amount), sum(allowed_amount),
            sum(paid_amount)
        FROM warehouse.fact_claim_line WHERE is_reversal
        UNION ALL
        SELECT 6, '= in force', 'warehouse.fact_claim_line', sum(billed_amount), sum(allowed_amount), sum(paid_amount)
        FROM warehouse.fact_claim_line
        UNION ALL
        SELECT 7, '= daily cube', 'mart.claims_daily_plan_provider', sum(billed_amount), sum(allowed_amount), sum(paid_amount)
        FROM mart.claims_daily_plan_provider
        UNION ALL
        SELECT 8, '= member cube', 'mart.claims_monthly_member', sum(billed_amount), sum(allowed_amount), sum(paid_amount)
        FROM mart.claims_monthly_member
        ) AS layers ORDER BY number
    """,
    "loss_ratio": """
        SELECT metal_level, to_char(month_start_date, 'YYYY-MM'), loss_ratio_rate::float8 FROM mart.loss_ratio_monthly
        WHERE month_start_date + INTERVAL '1 month' <= (SELECT max(as_of) FROM etl.load)
            AND member_month_count >= 100 AND metal_level <> '(unknown)'
        ORDER BY month_start_date, metal_level
    """,
    "enrollment": """
        SELECT to_char(month_start_date, 'YYYY-MM'), metal_level, member_month_count::float8 FROM mart.loss_ratio_monthly
        WHERE month_start_date + INTERVAL '1 month' <= (SELECT max(as_of) FROM etl.load)
            AND metal_level <> '(unknown)' ORDER BY month_start_date, metal_level
    """,
    "months": """
        SELECT to_char(date_trunc('month', service_date::timestamp), 'YYYY-MM'), sum(billed_amount)::float8,
            sum(allowed_amount)::float8, sum(paid_amount)::float8,
            sum(denied_line_count)::float8 / NULLIF(sum(line_count), 0)
        FROM mart.claims_daily_plan_provider
        WHERE service_date < date_trunc('month', (SELECT max(as_of) FROM etl.load)::timestamp)
            AND service_date >= date_trunc('month', (SELECT max(as_of) FROM etl.load)::timestamp) - INTERVAL '4 years'
        GROUP BY 1 ORDER BY 1
    """,
    "plans": """
        SELECT plan.plan_id, current.rolling_30_day_paid_amount::float8
        FROM mart.plan_performance AS current
        INNER JOIN (SELECT max(calendar_date) AS calendar_date FROM mart.plan_performance) AS latest USING (calendar_date)
        INNER JOIN (SELECT DISTINCT plan_id FROM warehouse.dim_plan) AS plan USING (plan_id)
        WHERE current.rolling_30_day_paid_amount > 0 ORDER BY 2 DESC LIMIT 10
    """,
}


@dataclass(frozen=True, slots=True)
class Figures:
    """Every query's rows, by its name."""

    by_name: dict[str, Rows]

    def __getitem__(self, name: str) -> Rows:
        """The rows of that query."""
        return self.by_name[name]

    @property
    def run(self) -> tuple[Any, ...] | None:
        """The latest run that loaded, or None."""
        rows = self.by_name["run"]
        return rows[0] if rows else None


def read(conn: Connection[TupleRow]) -> Figures:
    """Read all figures of one moment; *conn* must be at the start of a transaction."""
    conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    found: dict[str, Rows] = {}
    for name, query in QUERIES.items():
        run = found["run"][0][0] if found.get("run") else None
        values = {"run": run} if "%(run)s" in query else None
        found[name] = list(conn.execute(query.encode(), values).fetchall())
    return Figures(found)


def series(rows: Sequence[tuple[Any, ...]]) -> dict[str, list[tuple[str, float | None]]]:
    """(series, label, value) rows as lines."""
    found: dict[str, list[tuple[str, float | None]]] = {}
    for name, label, value in rows:
        found.setdefault(name, []).append((label, value))
    return found
