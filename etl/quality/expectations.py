"""`make dq`: Great Expectations over the loaded tables. The only importer of great_expectations, which takes seconds."""

import os

# Before the import that reads it: nothing of this warehouse is anybody's telemetry.
os.environ["GX_ANALYTICS_ENABLED"] = "false"

import logging
import time
import warnings
from collections.abc import Sequence
from typing import Any

import great_expectations as gx
import sqlalchemy
from great_expectations.data_context.types.base import ProgressBarsConfig
from psycopg import ClientCursor, Connection, IsolationLevel, sql
from psycopg.rows import TupleRow

from etl.core.database import connect
from etl.core.errors import ConfigError
from etl.core.sqlfiles import sql_file
from etl.quality.findings import ERROR, FAILED, PASSED, Finding, counted, keep, show, worst_exit
from etl.quality.rules import Figures, Kind, Rule, Suite, TableRules, configured, read_figures
from etl.quality.suites import SUITES

SESSION = (
    "SET work_mem = '128MB'; SET jit = off; SET max_parallel_workers_per_gather = 2; SET client_min_messages = warning"
)


def check_warehouse(url: str, *, strict: bool = False, suites: Sequence[Suite] = SUITES) -> int:
    """Check the loaded tables, show and keep what was found; the exit code says how bad the worst is.

    All of it sees one moment of the warehouse, whatever loads meanwhile. A failed rule is told with table, rule and count;
    the keys of its rows are in the ledger, the rows themselves nowhere.
    """
    started = time.perf_counter()
    figures = read_figures()
    suites = configured(suites, figures)
    with connect(url, autocommit=True) as ledger, connect(url, application_name="aca-warehouse dq") as conn:
        _open_tables(conn, suites, figures)
        findings = counted(conn, _judged(conn, suites))
        keep(ledger, conn, findings)
    show(findings, time.perf_counter() - started)
    return worst_exit(findings, strict=strict)


def expectation(rule: Rule) -> Any:
    """The rule as Great Expectations says it."""
    expect: Any = gx.expectations
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
    return expect.ExpectColumnValuesToBeInSet(value_set=[False] if rule.kind is Kind.FAULT else list(rule.values), **told)


def _open_tables(conn: Connection[TupleRow], suites: Sequence[Suite], figures: Figures) -> None:
    """Begin the transaction that everything is read in, and give it a view, or a table, for each SQL file, named like it."""
    conn.isolation_level = IsolationLevel.REPEATABLE_READ
    conn.execute(SESSION)
    for table in (table for suite in suites for table in suite.tables):
        name, kind = sql.Identifier(table.query), sql.SQL("TABLE" if table.stored else "VIEW")
        conn.execute(sql.SQL("CREATE TEMPORARY {} {} AS {}").format(kind, name, _query(conn, table, figures)))
    # GX ends its transaction after each query, failed or not; ours goes on from where the views were made.
    conn.execute("SAVEPOINT one_moment")
    for end in ("commit", "rollback"):
        setattr(conn, end, lambda: conn.execute("ROLLBACK TO SAVEPOINT one_moment"))


def _query(conn: Connection[TupleRow], table: TableRules, figures: Figures) -> sql.Composable:
    """The table's SQL file with the configured figures in the places of its values."""
    file = sql_file(table.query)
    if missing := file.values - figures.values.keys():
        raise ConfigError(f"config/quality.toml: [values] lacks {', '.join(sorted(missing))}")
    with ClientCursor(conn) as cursor:
        return sql.SQL(cursor.mogrify(file.query, {name: figures.values[name] for name in file.values}))


def _judged(conn: Connection[TupleRow], suites: Sequence[Suite]) -> list[Finding]:
    """Every rule judged: one pass over each table for all its rules, by BOOLEAN_ONLY, which asks for no samples."""
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    # Our own connection, so that no address and no password goes into a configuration, and the session's views are seen.
    sources: Any = context.data_sources
    source = sources.add_sql(
        "warehouse",
        connection_string="postgresql+psycopg://",
        kwargs={"creator": lambda: conn, "poolclass": sqlalchemy.StaticPool},
    )
    findings = []
    for suite in suites:
        for table in suite.tables:
            asset = source.add_table_asset(name=f"{suite.name}: {table.table}", table_name=table.query)
            batch = asset.add_batch_definition_whole_table("all rows").get_batch()
            expected = gx.ExpectationSuite(
                name=f"{suite.name}: {table.table}", expectations=[expectation(rule) for rule in table.rules]
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                results: Any = batch.validate(expected, result_format="BOOLEAN_ONLY").results
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
