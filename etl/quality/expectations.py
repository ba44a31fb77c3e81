"""`make dq`: Great Expectations over the loaded tables. The only importer of great_expectations, which takes seconds."""

import logging
import os
import sys
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from psycopg import ClientCursor, Connection, IsolationLevel, sql
from psycopg.rows import TupleRow

from etl.core.database import connect
from etl.core.errors import ConfigError
from etl.core.sqlfiles import sql_file
from etl.quality.findings import ERROR, FAILED, PASSED, Finding, counted, keep, show, worst_exit
from etl.quality.page import write_page
from etl.quality.rules import Figures, Kind, Rule, Suite, TableRules, configured, read_figures
from etl.quality.suites import SUITES

SESSION = (
    "SET work_mem = '128MB'; SET jit = off; SET max_parallel_workers_per_gather = 2; SET client_min_messages = warning"
)


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
    with connect(url, autocommit=True) as ledger, connect(url, application_name="aca-warehouse dq") as conn:
        with ThreadPoolExecutor(1) as server, warnings.catch_warnings():
            # What the package and those below it warn of is theirs to mend.
            warnings.simplefilter("ignore")
            opened = server.submit(_open_tables, conn, suites, figures)
            gx = _great_expectations()
            opened.result()
            findings = _judged(gx, conn, suites)
        findings = counted(conn, findings)
        keep(ledger, conn, findings)
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


def expectation(gx: Any, rule: Rule) -> Any:
    """The rule as Great Expectations says it."""
    expect = gx.expectations
    told: dict[str, Any] = {
        "severity": rule.severity.value,
        "description": f"{rule.name}: {rule.because}",
        "meta": {"rule": rule.name},
    }
    if rule.kind is Kind.ROWS:
        return expect.ExpectTableRowCountToBeBetween(min_value=int(rule.low or 0), **told)
    told |= {"column": rule.column, "mostly": 1 - rule.borne}
    if rule.kind is Kind.FILLED:
        return expect.ExpectColumnValuesToNotBeNull(**told)
    if rule.kind is Kind.RANGE:
        return expect.ExpectColumnValuesToBeBetween(min_value=rule.low, max_value=rule.high, **told)
    if rule.kind is Kind.LISTED:
        return expect.ExpectColumnValuesToBeInSet(value_set=list(rule.values), **told)
    return expect.ExpectColumnValuesToBeNull(**told)


def _open_tables(conn: Connection[TupleRow], suites: Sequence[Suite], figures: Figures) -> None:
    """Begin the transaction that everything is read in, and give it a view, or a table, for each SQL file, named like it."""
    conn.isolation_level = IsolationLevel.REPEATABLE_READ
    conn.execute(SESSION)
    for table in (table for suite in suites for table in suite.tables):
        judged = [rule for rule in table.rules if rule.kind is not Kind.ROWS]
        statement = sql.SQL("CREATE TEMPORARY {} {} AS SELECT q.failed_key{} FROM ({}) AS q").format(
            sql.SQL("TABLE" if table.stored else "VIEW"),
            sql.Identifier(table.query),
            sql.SQL("").join(_shown(rule) for rule in {rule.column: rule for rule in judged}.values()),
            _query(conn, table, figures),
        )
        conn.execute(statement)
    # GX ends its transaction after each query, failed or not; ours goes on from where the views were made.
    conn.execute("SAVEPOINT one_moment")
    for end in ("commit", "rollback"):
        setattr(conn, end, lambda: conn.execute("ROLLBACK TO SAVEPOINT one_moment"))


def _shown(rule: Rule) -> sql.Composed:
    """A fault is NULL where there is none: whether it is there is then asked once a row, not three times."""
    shown = sql.SQL(", NULLIF({0}, false) AS {1}") if rule.kind is Kind.FAULT else sql.SQL(", {0}")
    return shown.format(sql.Identifier("q", rule.column), sql.Identifier(rule.column))


def _query(conn: Connection[TupleRow], table: TableRules, figures: Figures) -> sql.Composable:
    """The table's SQL file with the configured figures in the places of its values."""
    file = sql_file(table.query)
    if missing := file.values - figures.values.keys():
        raise ConfigError(f"config/quality.toml: [values] lacks {', '.join(sorted(missing))}")
    with ClientCursor(conn) as cursor:
        return sql.SQL(cursor.mogrify(file.query, {name: figures.values[name] for name in file.values}))


def _judged(gx: Any, conn: Connection[TupleRow], suites: Sequence[Suite]) -> list[Finding]:
    """Every rule judged: one pass over each table for all its rules, by BOOLEAN_ONLY, which asks for no samples."""
    import sqlalchemy
    from great_expectations.data_context.types.base import ProgressBarsConfig

    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    # Our own connection, so that no address and no password goes into a configuration, and the session's views are seen.
    source = context.data_sources.add_sql(
        "warehouse",
        connection_string="postgresql+psycopg://",
        kwargs={"creator": lambda: conn, "poolclass": sqlalchemy.StaticPool},
    )
    findings = []
    for suite in suites:
        for table in suite.tables:
            name = f"{suite.name} {table.table}"
            asset = source.add_table_asset(name=name, table_name=table.query)
            batch = asset.add_batch_definition_whole_table("all rows").get_batch()
            expected = gx.ExpectationSuite(name=name, expectations=[expectation(gx, rule) for rule in table.rules])
            results = batch.validate(expected, result_format="BOOLEAN_ONLY").results
            by_rule = {result.expectation_config.meta["rule"]: result for result in results}
            findings += [Finding(suite.name, table, rule, _status(by_rule[rule.name])) for rule in table.rules]
    return findings


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
