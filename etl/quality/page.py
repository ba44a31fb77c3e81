"""`make dq-docs`: one page of every expectation, why it is there and what it found. It needs no network and no script."""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from etl.catalog.checks import Severity
from etl.quality.findings import PASSED, Finding
from etl.quality.rules import Kind, Rule, TableRules

STYLE = Path(__file__).resolve().parents[1] / "core" / "page.css"
WORDS = {Severity.CRITICAL: "bad", Severity.WARNING: "warn", Severity.INFO: ""}


def write_page(findings: Sequence[Finding], folder: Path) -> Path:
    """Write index.html to *folder*; answers its path. Counts and names of rules only, no row."""
    folder.mkdir(parents=True, exist_ok=True)
    out = folder / "index.html"
    out.write_text(page(findings), encoding="utf-8")
    return out


def page(findings: Sequence[Finding]) -> str:
    """The whole page."""
    suites = dict.fromkeys(finding.suite for finding in findings)
    links = "".join(f'<a href="#{escape(name)}">{escape(name)}</a>' for name in suites)
    sections = "".join(_suite(name, [f for f in findings if f.suite == name]) for name in suites)
    passed = sum(finding.status == PASSED for finding in findings)
    made = datetime.now(UTC)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>ACA warehouse: expectations</title>'
        f"<style>{STYLE.read_text(encoding='utf-8')}</style></head><body><header><h1>Expectations</h1>"
        f'<p class="lead">{passed} of {len(findings)} hold, {made:%Y-%m-%d %H:%M} UTC. Shares that are borne come from '
        f"<code>config/quality.toml</code>; <code>make failures</code> lists the keys of the rows at fault.</p>"
        f"<nav>{links}</nav></header><main>{sections}</main>"
        "<footer>Judged by Great Expectations, made by <code>make dq-docs</code>. No row is in this page.</footer>"
        "</body></html>\n"
    )


def _suite(name: str, findings: Sequence[Finding]) -> str:
    tables = dict.fromkeys(finding.table for finding in findings)
    cards = "".join(_table(table, [f for f in findings if f.table == table]) for table in tables)
    return f'<section id="{escape(name)}"><h2>{escape(name.capitalize())}</h2>{cards}</section>'


def _table(table: TableRules, findings: Sequence[Finding]) -> str:
    rows = "".join(_row(finding) for finding in findings)
    return (
        f'<div class="card"><h3><code>{escape(table.table)}</code></h3><table><thead><tr><th>expectation</th>'
        "<th>severity</th><th>result</th><th>what was found</th><th>why it is expected</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def _row(finding: Finding) -> str:
    rule = finding.rule
    holds = finding.status == PASSED
    word = "holds" if holds else finding.status
    return (
        f'<tr><td>{escape(told(rule))}</td><td class="{WORDS[rule.severity]}">{rule.severity.value}</td>'
        f'<td class="{"good" if holds else "bad"} mark">{word}</td><td>{escape(finding.detail)}</td>'
        f"<td>{escape(rule.because)}</td></tr>"
    )


def told(rule: Rule) -> str:
    """The rule in a few words."""
    if rule.kind is Kind.ROWS:
        return f"at least {int(rule.low or 0):,} rows"
    if rule.kind is Kind.FILLED:
        return f"{rule.column} is given"
    if rule.kind is Kind.LISTED:
        return f"{rule.column} is one of {', '.join(map(str, rule.values))}"
    if rule.kind is Kind.RANGE:
        return f"{rule.column} from {rule.low:,} to {rule.high:,}"
    return f"never: {rule.column.replace('_', ' ')}"
