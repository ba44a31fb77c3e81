"""What the rules found: counted, kept in the ledger with the keys of every row at fault, shown, and turned into an exit code."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from etl.catalog.checks import Severity
from etl.core.errors import Exit
from etl.quality.faults import Faults, breaks, faults_of
from etl.quality.rules import Kind, Rule, TableRules

PASSED, FAILED, ERROR = "passed", "failed", "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one rule. `failed_count`: the rows that break it, also where so many are borne."""

    suite: str
    table: TableRules
    rule: Rule
    status: str
    row_count: int = 0
    failed_count: int = 0
    detail: str = ""

    @property
    def share(self) -> float:
        """The share of rows that break the rule."""
        return self.failed_count / self.row_count if self.row_count else 0.0


def detail(finding: Finding) -> str:
    """How many rows break the rule, of how many, and how much of that is borne."""
    rule = finding.rule
    if rule.kind is Kind.ROWS:
        return f"{finding.row_count:,} rows, at least {int(rule.low or 0):,} are expected"
    borne = f", {rule.borne:.2%} is borne" if rule.borne else ""
    return f"{finding.failed_count:,} of {finding.row_count:,} rows ({finding.share:.2%}){borne}"


def keep(ledger: Connection[TupleRow], found: Mapping[str, Faults], findings: Iterable[Finding]) -> None:
    """Write the findings to the ledger under one time, and the keys of every row that breaks a failed rule."""
    with ledger.transaction():
        row = ledger.execute("SELECT clock_timestamp()").fetchone()
        assert row is not None
        for finding in findings:
            written = ledger.execute(
                "INSERT INTO etl.check_result (suite, check_name, table_name, severity, status, failed_count, detail, checked_at) "
                "VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING check_result_id",
                (
                    finding.suite,
                    finding.rule.name,
                    finding.table.table,
                    finding.rule.severity.value,
                    finding.status,
                    finding.failed_count,
                    finding.detail or None,
                    row[0],
                ),
            ).fetchone()
            assert written is not None
            if finding.status == FAILED and finding.failed_count:
                _keep_keys(ledger, found[finding.table.query].conn, written[0], finding)


def _keep_keys(
    ledger: Connection[TupleRow], conn: Connection[TupleRow], check_result_id: int, finding: Finding
) -> None:
    query = sql.SQL("SELECT failed_key FROM {} WHERE {}").format(
        sql.Identifier("pg_temp", faults_of(finding.table)), breaks(finding.rule)
    )
    with (
        conn.cursor() as cursor,
        ledger.cursor() as target,
        target.copy("COPY etl.check_failure (check_result_id, failed_key) FROM STDIN") as copy,
    ):
        cursor.execute(query)
        for (key,) in cursor:
            copy.write_row((check_result_id, key))


def worst_exit(findings: Iterable[Finding], *, strict: bool) -> Exit:
    """The exit code that the worst finding asks for; warnings count when *strict*."""
    findings = list(findings)
    if any(f.status == FAILED and f.rule.severity is Severity.CRITICAL for f in findings):
        return Exit.GATE
    if any(f.status == ERROR for f in findings):
        return Exit.NOT_COMPUTED
    if strict and any(f.status == FAILED and f.rule.severity is Severity.WARNING for f in findings):
        return Exit.WARNING
    return Exit.OK


def show(findings: Sequence[Finding], seconds: float) -> None:
    """A line a table, then every rule that does not hold: table, rule, count, why it matters, and how to see the keys."""
    out = sys.stdout.write
    heads = ("suite", "table", "rules", "passed", "critical", "warning", "info", "errors")
    lines = [heads, *(_line(table, findings) for table in dict.fromkeys(finding.table for finding in findings))]
    widths = [max(len(line[place]) for line in lines) for place in range(len(heads))]
    for line in lines:
        cells = [
            cell.ljust(width) if place < 2 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        out("  ".join(cells).rstrip() + "\n")
    failed = [finding for finding in findings if finding.status != PASSED]
    order = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}
    for finding in sorted(failed, key=lambda f: order[f.rule.severity]):
        mark = "error" if finding.status == ERROR else finding.rule.severity.value
        out(f"\n{mark.upper():<9}{finding.table.table}: {finding.rule.name}: {finding.detail}\n")
        out(f"         because {finding.rule.because}\n")
        if finding.status == FAILED and finding.failed_count:
            out(f"         see the keys: make failures CHECK={finding.rule.name}\n")
    passed = sum(finding.status == PASSED for finding in findings)
    out(f"\n{passed} of {len(findings)} expectations hold, in {seconds:.1f} s; kept in etl.check_result\n")


def _line(table: TableRules, findings: Iterable[Finding]) -> tuple[str, ...]:
    mine = [finding for finding in findings if finding.table == table]
    failed = [finding.rule.severity for finding in mine if finding.status == FAILED]
    counts = (
        sum(finding.status == PASSED for finding in mine),
        *(failed.count(severity) for severity in (Severity.CRITICAL, Severity.WARNING, Severity.INFO)),
        sum(finding.status == ERROR for finding in mine),
    )
    first, *others = (str(count) if count else "" for count in counts)
    return (mine[0].suite, table.table, str(len(mine)), first, *others)
