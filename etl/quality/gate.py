"""The gate: checks in SQL, in the load's own transaction, before it commits.

Facts and staging are added up once, into work tables; the checks compare sums, and look for single keys only where sums
differ. A load is judged by what it touched, so that it costs what it weighs; a rebuild by all there is.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow

from etl.catalog.checks import CHECKS, Result, Scope, Severity
from etl.catalog.dimensions import DIMENSIONS
from etl.core.database import local_settings
from etl.core.errors import QualityGateError
from etl.core.sqlfiles import remake, sql_file
from etl.quality.composed import cube_totals, history, moved_keys


def run_gate(conn: Connection[TupleRow], loads: Mapping[str, tuple[int, ...]], *, whole: bool) -> tuple[Result, ...]:
    """Check what these loads (of each feed) changed, or, *whole*, everything.

    Needs the work tables that the loaders leave behind, so it runs in their transaction.
    """
    values = _add_up(conn, loads, whole=whole)
    results = []
    for check in CHECKS:
        if check.scope in (Scope.ALWAYS, Scope.WHOLE if whole else Scope.LOAD):
            file = sql_file(check.name)
            taken = {name: values[name] for name in file.values}
            if "loads" in taken:
                taken["loads"] = list(loads.get(check.feed, ()))
            rows = conn.execute(file.query, taken or None).fetchall()
            results.append(Result(check.name, check.table, check.severity, tuple(row[0] for row in rows)))
    results += [history(conn, spec, whole=whole) for spec in DIMENSIONS]
    if not whole:
        results.append(moved_keys(conn))
    return (*results, *cube_totals(conn, whole=whole))


def _add_up(conn: Connection[TupleRow], loads: Mapping[str, tuple[int, ...]], *, whole: bool) -> dict[str, Any]:
    """Make the gate's work tables, each by one scan; what the checks' SQL files take as values."""
    claims = list(loads.get("claims", ()))
    if _listed(conn, "SELECT array_agg(true) WHERE to_regclass('pg_temp.work_claim_link') IS NULL"):
        # No claims were loaded just now, which would have left it.
        # A recursion clears a hash table as large as it may become before it begins, which takes longer than all the rest.
        with local_settings(conn, work_mem="8MB"):
            remake(conn, "work_claim_link", loads=claims, is_rebuild=whole)
    remake(conn, "work_gate_staged", loads=claims)
    remake(conn, "work_gate_line", loads=claims)
    if whole:
        remake(conn, "work_gate_day")
        remake(conn, "work_gate_month")
    return {
        "loads": [],
        "all_loads": sorted({load for listed in loads.values() for load in listed}),
        "days": [] if whole else _listed(conn, "SELECT array_agg(DISTINCT service_date) FROM work_claim_delta"),
    }


def _listed(conn: Connection[TupleRow], query: str) -> list[Any]:
    row = conn.execute(query.encode()).fetchone()
    return list(row[0]) if row and row[0] else []


def record(conn: Connection[TupleRow], run_id: int, results: Iterable[Result]) -> None:
    """Keep the results, and every failing key, in the ledger; *conn* is the ledger's own, so a rollback keeps them."""
    for result in results:
        row = conn.execute(
            "INSERT INTO etl.check_result (run_id, suite, check_name, table_name, severity, status, failed_count) "
            "VALUES (%s, 'gate', %s, %s, %s, %s, %s) RETURNING check_result_id",
            (
                run_id,
                result.check,
                result.table,
                result.severity.value,
                "passed" if result.passed else "failed",
                len(result.failed_keys),
            ),
        ).fetchone()
        if row and result.failed_keys:
            with (
                conn.cursor() as cursor,
                cursor.copy("COPY etl.check_failure (check_result_id, failed_key) FROM STDIN") as copy,
            ):
                for key in result.failed_keys:
                    copy.write_row((row[0], key))


def decide(results: Iterable[Result], *, verdict: str = "the gate is shut, nothing was published") -> None:
    """QualityGateError where a critical check failed: which, how many, and how to see them."""
    failed = [result for result in results if not result.passed and result.severity is Severity.CRITICAL]
    if failed:
        told = "; ".join(
            f"{result.check} on {result.table}: {len(result.failed_keys):,} failing keys" for result in failed
        )
        raise QualityGateError(f"{verdict}. {told}. See them with: make failures")
