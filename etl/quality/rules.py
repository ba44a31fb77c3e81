"""What a rule is: one thing expected of a table, why, how bad it is when it does not hold, and how much of it is borne."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from etl.catalog.checks import Severity
from etl.core.errors import ConfigError

CONFIG = Path(__file__).resolve().parents[2] / "config" / "quality.toml"


class Kind(StrEnum):
    """What can be expected. There is no sixth kind: what does not fit is a fault, judged by the table's SQL file."""

    ROWS = "rows"  # the table has at least `low` rows
    FAULT = "fault"  # a column that says true where a row is at fault
    FILLED = "filled"  # not NULL
    LISTED = "listed"  # one of `values`, or NULL
    RANGE = "range"  # from `low` to `high`, or NULL


@dataclass(frozen=True, slots=True)
class Rule:
    """One expectation. `borne`: the share of rows that may break it, from the configuration."""

    kind: Kind
    column: str
    because: str
    severity: Severity
    values: tuple[str | int | bool, ...] = ()
    low: float | None = None
    high: float | None = None
    borne: float = 0.0

    @property
    def name(self) -> str:
        """What it is called in the ledger, the configuration and on the screen: a fault by its own name."""
        return {
            Kind.ROWS: "has_rows",
            Kind.FAULT: self.column,
            Kind.FILLED: f"{self.column}_missing",
            Kind.LISTED: f"{self.column}_not_listed",
            Kind.RANGE: f"{self.column}_out_of_range",
        }[self.kind]


@dataclass(frozen=True, slots=True)
class TableRules:
    """What is expected of one table. `query`: the SQL file that shows it, a column a rule, and names each row's key.

    `stored`: the file's rows are computed once and kept for the session, since they are few and dear.
    """

    table: str
    query: str
    rules: tuple[Rule, ...]
    stored: bool = False

    @property
    def judged(self) -> tuple[Rule, ...]:
        """The rules that look at rows one by one."""
        return tuple(rule for rule in self.rules if rule.kind is not Kind.ROWS)


@dataclass(frozen=True, slots=True)
class Suite:
    """The tables of one layer."""

    name: str
    tables: tuple[TableRules, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """The configuration: shares that are borne and severities by table and rule, and the figures that the SQL files take."""

    values: Mapping[str, Any]
    rules: Mapping[str, Mapping[str, Any]]


def some_rows(because: str, at_least: int = 1, *, severity: Severity = Severity.CRITICAL) -> Rule:
    """The table has rows."""
    return Rule(Kind.ROWS, "*", because, severity, low=at_least)


def never(fault: str, because: str, *, severity: Severity = Severity.WARNING) -> Rule:
    """No row has this fault."""
    return Rule(Kind.FAULT, fault, because, severity)


def filled(column: str, because: str, *, severity: Severity = Severity.WARNING) -> Rule:
    """No row lacks a value."""
    return Rule(Kind.FILLED, column, because, severity)


def listed(column: str, values: Iterable[str | int], because: str, *, severity: Severity = Severity.WARNING) -> Rule:
    """Every value is one of these."""
    return Rule(Kind.LISTED, column, because, severity, values=tuple(values))


def within(
    column: str, low: float | None, high: float | None, because: str, *, severity: Severity = Severity.WARNING
) -> Rule:
    """Every value lies between these, both included."""
    return Rule(Kind.RANGE, column, because, severity, low=low, high=high)


def read_figures(path: Path = CONFIG) -> Figures:
    """Read the configuration; ConfigError where it cannot be read."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as problem:
        raise ConfigError(f"{path.name}: cannot be read: {problem}") from problem
    values = content.pop("values", {})
    return Figures(values, content)


def configured(suites: Iterable[Suite], figures: Figures) -> tuple[Suite, ...]:
    """The suites with the configured shares and severities; ConfigError lists every entry that speaks of no rule."""
    suites = tuple(suites)
    known = {table.table: {rule.name for rule in table.rules} for suite in suites for table in suite.tables}
    problems = [
        f"[{table}] {name}: no such rule"
        for table, entries in figures.rules.items()
        for name in entries
        if name not in known.get(table, ())
    ]
    problems += [f"[{table}]: no such table" for table in figures.rules if table not in known]
    done = []
    for suite in suites:
        tables = []
        for table in suite.tables:
            entries = figures.rules.get(table.table, {})
            rules = []
            for rule in table.rules:
                try:
                    rules.append(_configured(rule, entries.get(rule.name, 0.0)))
                except (ValueError, TypeError):
                    problems.append(
                        f'[{table.table}] {rule.name}: a share from 0 to 1, or {{ share = 0.1, severity = "info" }}'
                    )
            tables.append(replace(table, rules=tuple(rules)))
        done.append(replace(suite, tables=tuple(tables)))
    if problems:
        raise ConfigError("config/quality.toml: " + "; ".join(problems))
    return tuple(done)


def _configured(rule: Rule, entry: object) -> Rule:
    given: dict[str, Any] = entry if isinstance(entry, dict) else {"share": entry}
    share = float(given.get("share", 0.0))
    if not 0.0 <= share <= 1.0 or given.keys() - {"share", "severity"}:
        raise ValueError
    return replace(rule, borne=share, severity=Severity(given.get("severity", rule.severity.value)))
