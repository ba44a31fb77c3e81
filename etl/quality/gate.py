"""The gate: checks in SQL, in the load's own transaction, before it commits."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from etl.catalog.checks import CHECKS, Severity
from etl.catalog.dimensions import DIMENSIONS
from etl.core.errors import QualityGateError
from etl.core.spec import DimensionSpec
from etl.core.sqlfiles import sql_file


@dataclass(frozen=True, slots=True)
class Result:
    """What one check found: the keys that fail it, all of them."""

    check: str
    table: str
    severity: Severity
    failed_keys: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """No key fails."""
        return not self.failed_keys


def run_gate(conn: Connection[TupleRow], loads: Mapping[str, tuple[int, ...]], *, whole: bool) -> tuple[Result, ...]:
    """Check what these loads (of each feed) changed; *whole*: the dimensions in full, not only the entities whose versions moved.

    Needs the work tables that the loaders leave behind, so it runs in their transaction.
    """
    first, last = conn.execute("SELECT min(service_date), max(service_date) FROM work_claim_delta").fetchone() or (None, None)
    results = []
    for check in CHECKS:
        values: dict[str, Any] = {"loads": list(loads.get(check.feed, ())), "first_day": first, "last_day": last}
        file = sql_file(check.name)
        rows = conn.execute(file.query, {name: values[name] for name in file.values} or None).fetchall()
        results.append(Result(check.name, check.table, check.severity, tuple(row[0] for row in rows)))
    results += [_history(conn, spec, whole=whole) for spec in DIMENSIONS]
    return tuple(results)


def _history(conn: Connection[TupleRow], spec: DimensionSpec, *, whole: bool) -> Result:
    """Versions of an entity follow each other without overlap. (That each ends after it begins, the table itself checks.)"""
    only = sql.SQL("") if whole else sql.SQL(
        "WHERE d.{dk} IN (SELECT m.durable_key FROM {moved} AS m)"
    ).format(dk=sql.Identifier(spec.durable_key), moved=sql.Identifier(f"work_moved_{spec.entity}"))
    query = sql.SQL(
        "SELECT v.{dk}::text FROM (SELECT d.{dk}, d.end_date, lead(d.start_date) OVER (PARTITION BY d.{dk} "
        "ORDER BY d.start_date) AS next_start FROM {dim} AS d {only}) AS v WHERE v.next_start < v.end_date"
    ).format(dk=sql.Identifier(spec.durable_key), dim=sql.Identifier("warehouse", spec.table), only=only)
    rows = conn.execute(query).fetchall()
    return Result(f"{spec.table}_history", spec.table, Severity.CRITICAL, tuple(row[0] for row in rows))


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
            with conn.cursor() as cursor, cursor.copy("COPY etl.check_failure (check_result_id, failed_key) FROM STDIN") as copy:
                for key in result.failed_keys:
                    copy.write_row((row[0], key))


def decide(results: Iterable[Result]) -> None:
    """QualityGateError where a critical check failed: which, how many, and how to see them."""
    failed = [result for result in results if not result.passed and result.severity is Severity.CRITICAL]
    if failed:
        told = "; ".join(f"{result.check} on {result.table}: {len(result.failed_keys):,} failing keys" for result in failed)
        raise QualityGateError(
            f"the gate is shut, nothing was published. {told}. See them with: make psql ARGS=\"-c 'SELECT r.check_name, "
            "f.failed_key FROM etl.check_failure f JOIN etl.check_result r USING (check_result_id) "
            "ORDER BY check_result_id DESC LIMIT 100'\""
        )
