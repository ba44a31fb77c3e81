"""The rows that break a rule: found by one pass over each table, and kept aside for whoever judges, counts or lists them."""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import ClientCursor, Connection, sql
from psycopg.rows import TupleRow

from etl.core.errors import ConfigError
from etl.core.sqlfiles import sql_file
from etl.quality.rules import Figures, Kind, Rule, TableRules


@dataclass(frozen=True, slots=True)
class Faults:
    """What one pass found: the rows of the table, how many of them break a rule, and what could not be computed.

    `row_count` goes no further than is asked where no row is at fault. `fault_count`: rows that break any rule, which
    stand in the temporary table `faults_of` of the session `conn`. `judged_count`: of those, the rows that a rule looks
    at, since a list or range says nothing of NULL.
    """

    conn: Connection[TupleRow]
    table: TableRules
    row_count: int
    fault_count: int
    broken: dict[Rule, int]
    judged_count: dict[Rule, int]
    causes: dict[Rule, str]

    def mostly(self, rule: Rule) -> float:
        """The share of the rows at fault that must be right: what is borne is a share of the whole table."""
        rows = self.judged_count[rule]
        # In whole rows, and divided as the package does: a share that is just met must not fail by a rounding.
        borne = min(rows, int(rule.borne * self.row_count + 1e-6))
        return (rows - borne) / rows if rows else 1.0


def faults_of(table: TableRules) -> str:
    """The temporary table that holds the rows at fault."""
    return table.query.replace("expected_of", "faults_of")


def breaks(rule: Rule) -> sql.Composable:
    """True for a row that breaks *rule*."""
    column = sql.Identifier(rule.column)
    if rule.kind is Kind.FAULT:
        return sql.SQL("{}").format(column)
    if rule.kind is Kind.FILLED:
        return sql.SQL("{} IS NULL").format(column)
    if rule.kind is Kind.LISTED:
        return sql.SQL("{} <> ALL({})").format(column, sql.Literal(list(rule.values)))
    low, high = sql.Literal(rule.low), sql.Literal(rule.high)
    return sql.SQL("({0} < {1} OR {0} > {2})").format(column, low, high)


def find_faults(conn: Connection[TupleRow], table: TableRules, figures: Figures) -> Faults:
    """Give the table's SQL file a view or table of its name, and keep its rows that break a rule. *conn* is in a transaction.

    A rule that the database cannot compute does not keep the others from being judged.
    """
    try:
        with conn.transaction():
            conn.execute(
                sql.SQL("CREATE TEMPORARY {} {} AS {}").format(
                    sql.SQL("TABLE" if table.stored else "VIEW"),
                    sql.Identifier(table.query),
                    _query(conn, table, figures),
                )
            )
    except psycopg.Error as problem:
        return Faults(conn, table, 0, 0, {}, {}, dict.fromkeys(table.rules, _cause(table, problem)))
    causes: dict[Rule, str] = {}
    try:
        with conn.transaction():
            _keep(conn, table, table.judged)
    except psycopg.Error:
        causes = {rule: cause for rule in table.judged if (cause := _alone(conn, table, rule))}
        _keep(conn, table, [rule for rule in table.judged if rule not in causes])
    return _counted(conn, table, causes)


def _query(conn: Connection[TupleRow], table: TableRules, figures: Figures) -> sql.Composable:
    """The table's SQL file with the configured figures in the places of its values."""
    file = sql_file(table.query)
    if missing := file.values - figures.values.keys():
        raise ConfigError(f"config/quality.toml: [values] lacks {', '.join(sorted(missing))}")
    with ClientCursor(conn) as cursor:
        return sql.SQL(cursor.mogrify(file.query, {name: figures.values[name] for name in file.values} or None))


def _keep(conn: Connection[TupleRow], table: TableRules, rules: Sequence[Rule]) -> None:
    """The rows that break any of these rules. A fault is NULL where there is none, which is what is expected of it."""
    columns = {rule.column: rule.kind for rule in rules}
    shown = sql.SQL("").join(
        sql.SQL(", NULLIF(q.{0}, false) AS {0}" if kind is Kind.FAULT else ", q.{0}").format(sql.Identifier(column))
        for column, kind in columns.items()
    )
    conn.execute(
        sql.SQL("CREATE TEMPORARY TABLE {} AS SELECT q.failed_key{} FROM pg_temp.{} AS q WHERE {}").format(
            sql.Identifier(faults_of(table)),
            shown,
            sql.Identifier(table.query),
            sql.SQL(" OR ").join([breaks(rule) for rule in rules] or [sql.SQL("false")]),
        )
    )


def _counted(conn: Connection[TupleRow], table: TableRules, causes: dict[Rule, str]) -> Faults:
    rules = [rule for rule in table.judged if rule not in causes]
    seen = [
        sql.SQL("count({})").format(sql.Identifier(rule.column))
        if rule.kind in (Kind.LISTED, Kind.RANGE)
        else sql.SQL("count(*)")
        for rule in rules
    ]
    broken = [sql.SQL("count(*) FILTER (WHERE {})").format(breaks(rule)) for rule in rules]
    query = sql.SQL("SELECT {} FROM pg_temp.{}").format(
        sql.SQL(", ").join([sql.SQL("count(*)"), *seen, *broken]), sql.Identifier(faults_of(table))
    )
    (faulty, *counts) = conn.execute(query).fetchone() or ()
    # Where no row is at fault, the share of those that are needs no count of all.
    wanted = max((int(rule.low or 0) for rule in table.rules if rule.kind is Kind.ROWS), default=0)
    enough = sql.SQL("ALL") if faulty else sql.Literal(wanted)
    query = sql.SQL("SELECT count(*) FROM (SELECT FROM pg_temp.{} LIMIT {}) AS few").format(
        sql.Identifier(table.query), enough
    )
    (total,) = conn.execute(query).fetchone() or (0,)
    return Faults(
        conn,
        table,
        total,
        faulty,
        dict(zip(rules, counts[len(rules) :], strict=True)),
        dict(zip(rules, counts[: len(rules)], strict=True)),
        causes,
    )


def _alone(conn: Connection[TupleRow], table: TableRules, rule: Rule) -> str:
    """Why this rule cannot be computed; empty where it can."""
    try:
        with conn.transaction():
            conn.execute(
                sql.SQL("SELECT count(*) FROM pg_temp.{} WHERE {}").format(sql.Identifier(table.query), breaks(rule))
            )
    except psycopg.Error as problem:
        return _cause(table, problem)
    return ""


def _cause(table: TableRules, problem: psycopg.Error) -> str:
    """By the error's kind alone: its text can quote a row."""
    return f"{type(problem).__name__} (SQLSTATE {problem.sqlstate}) in sql/5_quality/{table.query}.sql"
