"""`make dq`: Great Expectations over the loaded tables. The only importer of great_expectations, which takes seconds.

The package judges the rows that break a rule, which one pass over each table has set aside while the package is imported.
"""

import logging
import os
import sys
import time
import warnings
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from psycopg import Connection, IsolationLevel, sql
from psycopg.rows import TupleRow

from etl.core.database import connect
from etl.quality.faults import Faults, faults_of, find_faults
from etl.quality.findings import ERROR, FAILED, PASSED, Finding, detail, keep, show, worst_exit
from etl.quality.page import write_page
from etl.quality.rules import Figures, Kind, Rule, Suite, TableRules, configured, read_figures
from etl.quality.suites import SUITES

SESSION = (
    "SET work_mem = '128MB'; SET temp_buffers = '64MB'; SET jit = off; SET max_parallel_workers_per_gather = 0; "
    "SET client_min_messages = warning"
)

# Most of the work is one query a table, which the server does on one core.
SESSIONS = 2


def check_warehouse(
    url: str,
    *,
    strict: bool = False,
    docs: Path | None = None,
    suites: Sequence[Suite] = SUITES,
    figures: Figures | None = None,
) -> int:
    """Check the loaded tables, show and keep what was found; the exit code says how bad the worst is.

    *docs*: a folder to write a page of every expectation to; it works offline. *figures*: instead of config/quality.toml.

    All of it sees one moment of the warehouse, whatever loads meanwhile. A failed rule is told with table, rule and count;
    the keys of its rows are in the ledger, the rows themselves nowhere.
    """
    started = time.perf_counter()
    figures = figures or read_figures()
    suites = configured(suites, figures)
    with ExitStack() as open_, warnings.catch_warnings():
        # What the package and those below it warn of is theirs to mend.
        warnings.simplefilter("ignore")
        ledger = open_.enter_context(connect(url, autocommit=True))
        conns = [open_.enter_context(connect(url, application_name="aca-warehouse dq")) for _ in range(SESSIONS)]
        server = open_.enter_context(ThreadPoolExecutor(1))
        finding = server.submit(_find_all, conns, suites, figures)
        gx = _great_expectations()
        found = finding.result()
        findings = _judged(gx, conns, suites, found)
        keep(ledger, found, findings)
    show(findings, time.perf_counter() - started)
    if docs:
        sys.stdout.write(f"page: {write_page(findings, docs)}\n")
    return worst_exit(findings, strict=strict)


def _great_expectations() -> Any:
    """The package: six seconds of work for this process, in which the server can do its own."""
    # Before the import that reads it: nothing of this warehouse is anybody's telemetry.
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx

    return gx


def expectation(gx: Any, rule: Rule, mostly: float) -> Any:
    """The rule as Great Expectations says it; *mostly*: the share of the rows it sees that must hold it."""
    expect = gx.expectations
    told: dict[str, Any] = {
        "severity": rule.severity.value,
        "description": f"{rule.name}: {rule.because}",
        "meta": {"rule": rule.name},
    }
    told |= {"column": rule.column, "mostly": mostly}
    if rule.kind is Kind.FILLED:
        return expect.ExpectColumnValuesToNotBeNull(**told)
    if rule.kind is Kind.RANGE:
        return expect.ExpectColumnValuesToBeBetween(min_value=rule.low, max_value=rule.high, **told)
    if rule.kind is Kind.LISTED:
        return expect.ExpectColumnValuesToBeInSet(value_set=list(rule.values), **told)
    return expect.ExpectColumnValuesToBeNull(**told)


def _find_all(conns: Sequence[Connection[TupleRow]], suites: Sequence[Suite], figures: Figures) -> dict[str, Faults]:
    """By table, the rows that break a rule, all of one moment: the transactions stay open. Sessions share the tables out."""
    for conn in conns:
        conn.isolation_level = IsolationLevel.REPEATABLE_READ
    moment = conns[0].execute("SELECT pg_export_snapshot()").fetchone() or ("",)
    for conn in conns[1:]:
        conn.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(moment[0])))
    # The more rules, the longer it takes: what takes longest is begun first, so that no session is left alone with it.
    tables = [table for suite in suites for table in suite.tables]
    waiting = deque(sorted(tables, key=lambda table: -len(table.rules)))
    with ThreadPoolExecutor(len(conns)) as workers:
        shares = [workers.submit(_find_share, conn, waiting, figures) for conn in conns]
        return {faults.table.query: faults for share in shares for faults in share.result()}


def _find_share(conn: Connection[TupleRow], waiting: deque[TableRules], figures: Figures) -> list[Faults]:
    """The rows at fault of one table after another, until none waits."""
    conn.execute(SESSION)
    found = []
    while True:
        try:
            table = waiting.popleft()
        except IndexError:
            break
        found.append(find_faults(conn, table, figures))
    # GX ends its transaction after each query, failed or not; ours goes on from where the tables were made.
    conn.execute("SAVEPOINT one_moment")
    for end in ("commit", "rollback"):
        setattr(conn, end, lambda: conn.execute("ROLLBACK TO SAVEPOINT one_moment"))
    return found


def _judged(
    gx: Any, conns: Sequence[Connection[TupleRow]], suites: Sequence[Suite], found: Mapping[str, Faults]
) -> list[Finding]:
    """Every rule judged, by BOOLEAN_ONLY, which asks for no samples: all rows at fault are at hand."""
    import sqlalchemy
    from great_expectations.data_context.types.base import ProgressBarsConfig

    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    # Our own connection, so that no address and no password goes into a configuration, and the session's views are seen.
    sources = {
        conn: context.data_sources.add_sql(
            f"session {number}",
            connection_string="postgresql+psycopg://",
            kwargs={"creator": partial(_itself, conn), "poolclass": sqlalchemy.StaticPool},
        )
        for number, conn in enumerate(conns)
    }
    findings = []
    for suite in suites:
        for table in suite.tables:
            faults = found[table.query]
            name = f"{suite.name} {table.table}"
            rules = [rule for rule in table.judged if rule not in faults.causes]
            statuses = dict.fromkeys(faults.causes, ERROR) | {
                rule: PASSED if faults.row_count >= (rule.low or 0) else FAILED
                for rule in table.rules
                if rule.kind is Kind.ROWS and rule not in faults.causes
            }
            if rules:
                asset = sources[faults.conn].add_table_asset(name=name, table_name=faults_of(table))
                batch = asset.add_batch_definition_whole_table("rows at fault").get_batch()
                told = [expectation(gx, rule, faults.mostly(rule)) for rule in rules]
                results = batch.validate(
                    gx.ExpectationSuite(name=name, expectations=told), result_format="BOOLEAN_ONLY"
                ).results
                by_rule = {result.expectation_config.meta["rule"]: result for result in results}
                statuses |= {rule: _status(by_rule[rule.name]) for rule in rules}
            findings += [_finding(suite, rule, faults, statuses[rule]) for rule in table.rules]
    return findings


def _itself(conn: Connection[TupleRow]) -> Connection[TupleRow]:
    return conn


def _finding(suite: Suite, rule: Rule, faults: Faults, status: str) -> Finding:
    finding = Finding(suite.name, faults.table, rule, status, faults.row_count, faults.broken.get(rule, 0))
    if status == ERROR:
        unknown = f"great_expectations could not judge column {rule.column}"
        return replace(finding, detail=faults.causes.get(rule, unknown))
    return replace(finding, detail=detail(finding)) if status == FAILED or finding.failed_count else finding


def _status(result: Any) -> str:
    """GX reports what it could not compute as a plain failure, with the exceptions beside it."""
    raised = result.exception_info or {}
    if "raised_exception" in raised:
        is_error = bool(raised["raised_exception"])
    else:
        is_error = any(each.get("raised_exception") for each in raised.values())
    if is_error:
        return ERROR
    return PASSED if result.success else FAILED
