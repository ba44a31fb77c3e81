"""The keys that failed: what the latest gate and the latest `make dq` have on record."""

import sys

from etl.core.database import connect
from etl.core.plain_text import plain

LATEST = """
    SELECT
        result.check_result_id, result.suite, result.check_name, result.table_name, result.severity, result.status,
        result.failed_count, COALESCE(result.detail, ''), to_char(result.checked_at, 'YYYY-MM-DD HH24:MI')
    FROM etl.check_result AS result
    WHERE
        result.status <> 'passed'
        AND (%(check)s::text IS NULL OR result.check_name = %(check)s)
        AND CASE
            WHEN result.suite = 'gate'
                THEN result.run_id = (SELECT max(gate.run_id) FROM etl.check_result AS gate WHERE gate.suite = 'gate')
            ELSE result.checked_at = (SELECT max(dq.checked_at) FROM etl.check_result AS dq WHERE dq.suite <> 'gate')
        END
    ORDER BY result.check_result_id
"""


def show_failures(url: str, check: str | None = None, most: int = 20) -> None:
    """Print each check that failed last time, and its first keys; keys name no person."""
    out = sys.stdout.write
    with connect(url, autocommit=True) as conn:
        failed = conn.execute(LATEST, {"check": check}).fetchall()
        for number, suite, name, table, severity, status, count, detail, when in failed:
            out(f"{severity.upper()} {table}: {name} ({suite}, {when} UTC, {status}) {detail or f'{count:,} keys'}\n")
            keys = conn.execute(
                "SELECT failed_key FROM etl.check_failure WHERE check_result_id = %s ORDER BY failed_key LIMIT %s",
                (number, most),
            ).fetchall()
            out("".join(f"    {plain(key)}\n" for (key,) in keys))
            if count > len(keys):
                out(f"    {count - len(keys):,} more: make failures CHECK={name} MOST={count}\n")
    if not failed:
        out(f"{check or 'no check'}: nothing failed in the latest gate and the latest make dq\n")
