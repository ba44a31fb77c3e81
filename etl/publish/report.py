"""`make report`: one page that says why to trust the numbers. It needs no network, no script and no server."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from html import escape
from pathlib import Path
from typing import Any

from etl.core.database import connect
from etl.publish import charts
from etl.publish.report_figures import Figures, read, series

STYLE = Path(__file__).resolve().parents[1] / "core" / "page.css"
SECTIONS = (
    ("came-in", "What came in"),
    ("rejected", "What was rejected"),
    ("history", "What history changed"),
    ("reconciled", "The same dollars at every layer"),
    ("checked", "What was checked"),
    ("took", "How long it took"),
    ("say", "What the numbers say"),
)
METALS = ("Catastrophic", "Bronze", "Expanded Bronze", "Silver", "Gold", "Platinum")


def write_report(url: str, out: Path) -> Path:
    """Write the page of what is loaded now to *out*; answers its path. It names no person."""
    with connect(url) as conn:
        figures = read(conn)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page(figures), encoding="utf-8")
    return out


def page(figures: Figures) -> str:
    """The whole page."""
    made = datetime.now(UTC)
    bodies = (
        _came_in(figures),
        _rejected(figures),
        _history(figures),
        _reconciled(figures),
        _checked(figures),
        _took(figures),
        _say(figures),
    )
    sections = "".join(
        f'<section id="{name}"><h2>{escape(title)}</h2>{body}</section>'
        for (name, title), body in zip(SECTIONS, bodies, strict=True)
    )
    links = "".join(f'<a href="#{name}">{escape(title)}</a>' for name, title in SECTIONS)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>ACA warehouse: report</title>'
        f"<style>{STYLE.read_text(encoding='utf-8')}</style></head><body>"
        f"<header><h1>ACA warehouse</h1>{_lead(figures)}<nav>{links}</nav>{_facts(figures)}</header>"
        f"<main>{sections}</main><footer>Made {made:%Y-%m-%d %H:%M} UTC by <code>make report</code>. Sums and counts "
        "only; no row of a person is in this page.</footer></body></html>\n"
    )


def _lead(figures: Figures) -> str:
    if figures.run is None:
        return '<p class="lead">Nothing is loaded yet: <code>make full-load</code></p>'
    number, mode, status, started, _, seconds = figures.run
    verdict = '<span class="good mark">published</span>' if status == "done" else '<span class="bad mark">failed</span>'
    took = f", {seconds:.1f} s" if seconds is not None else ""
    return f'<p class="lead">Run {number} ({mode}), {started:%Y-%m-%d %H:%M} UTC{took}: {verdict}</p>'


def _facts(figures: Figures) -> str:
    gate, dq = figures["gate"], figures["expectations"]
    records = sum(row[2] or 0 for row in figures["feeds"])
    rejected = sum(row[4] or 0 for row in figures["feeds"])
    layers = {row[0]: row for row in figures["layers"]}
    paid = layers["= in force"][4]
    facts = [
        (f"{records:,}", "records in the files in force"),
        (f"{rejected:,}", "of them rejected, each with its reason"),
        (charts.number(float(paid or 0), "$"), "paid, the same in facts and cubes"),
        (_passed(gate, 3), "checks of the gate passed"),
        (_passed(dq, 4) if dq else "none yet", f"expectations hold (make dq{_when(figures)})"),
    ]
    return (
        '<div class="facts">'
        + "".join(f'<div class="fact"><b>{b}</b><span>{t}</span></div>' for b, t in facts)
        + "</div>"
    )


def _passed(rows: Sequence[tuple[Any, ...]], column: int) -> str:
    passed = sum(row[column] == "passed" for row in rows)
    mark = "good" if passed == len(rows) else "warn"
    return f'<span class="{mark}">{passed} of {len(rows)}</span>'


def _came_in(figures: Figures) -> str:
    feeds = _table(("feed", "files in force", "records", "staged", "rejected", "duplicates"), figures["feeds"])
    loads = _table(
        ("load", "delivery", "status", "files", "records", "staged", "rejected", "duplicates"),
        figures["loads"],
        text=(0, 1, 2),
    )
    return (
        "<p>Every record of every file is staged, rejected with a reason, or counted as an exact duplicate. "
        "The last three columns add up to the records.</p>"
        f'<div class="card"><h3>By feed</h3>{feeds}</div>'
        f'<div class="card"><h3>The latest deliveries</h3>{loads}</div>'
    )


def _rejected(figures: Figures) -> str:
    rows = figures["rejects"]
    if not rows:
        return '<p class="good">No record of the files in force was rejected.</p>'
    drawn = charts.bars("Rejected records by reason", [(f"{row[0]}: {row[1]}", float(row[3])) for row in rows[:8]])
    table = _table(("feed", "reason", "column", "records", "still open"), rows, text=(0, 1, 2))
    return (
        "<p>Each is kept whole with its reason; corrected ones come back at their original date.</p>"
        f'<div class="card">{drawn}<details><summary>as a table</summary>{table}</details></div>'
    )


def _history(figures: Figures) -> str:
    run = _table(("dimension", "rows read", "inserted", "updated", "deleted"), figures["history"], text=(0,))
    journal = _table(("dimension", "operation", "versions", "entities"), figures["journal"], text=(0, 1))
    changed = f'<div class="card"><h3>Journal of all loads</h3>{journal}</div>' if figures["journal"] else ""
    return (
        "<p>A changed value opens a version on the day from which it holds. What is changed or taken away is written to "
        "the journal as it stood before.</p>"
        f'<div class="grid2"><div class="card"><h3>This run</h3>{run}</div>{changed}</div>'
    )


def _reconciled(figures: Figures) -> str:
    rows = figures["layers"]
    table = _table(("", "where it is added up", "billed", "allowed", "paid"), rows, text=(0, 1), code=1, bold="=")
    by_name = {row[0]: row[2:] for row in rows}
    ends = [by_name[name] for name in ("= in force", "= daily cube", "= member cube")]
    agree = all(end == ends[0] for end in ends)
    verdict = (
        '<p class="good mark">Facts and both cubes agree to the cent.</p>'
        if agree
        else '<p class="bad mark">Facts and cubes do not agree: make dq tells where.</p>'
    )
    return (
        "<p>US dollars of claims, each line added up where it stands. Between staged and versions in the facts lie "
        "voids (kept with amounts of zero) and versions that a later delivery brought again.</p>"
        f'{verdict}<div class="card">{table}</div>'
    )


def _checked(figures: Figures) -> str:
    gate = _table(
        ("check", "table", "severity", "result", "keys that fail"),
        [row[:5] for row in figures["gate"]],
        text=(0, 1, 2, 3),
        code=1,
    )
    return (
        "<p>The gate is part of every load: where a critical check fails, nothing is published. Great Expectations looks "
        "at the loaded tables by <code>make dq</code>. <code>make failures</code> lists the keys.</p>"
        f'<div class="grid2"><div class="card"><h3>Every gate, from old to new</h3>{_trend(figures, "gate")}</div>'
        f'<div class="card"><h3>Every make dq, from old to new</h3>{_trend(figures, "dq")}</div></div>'
        f'<div class="card"><h3>The latest gate</h3>{gate}</div>{_expectations(figures)}'
    )


def _trend(figures: Figures, kind: str) -> str:
    """Passed and failed checks, run by run."""
    rows = [row[1:] for row in figures["trend"] if row[0] == kind]
    # Two runs of one minute are two bars: blanks tell their labels apart.
    moments = [f"{row[0]}{' ' * index}" for index, row in enumerate(rows)]
    parts = {
        name: [float(row[place]) for row in rows] for place, name in ((1, "passed"), (2, "warnings"), (3, "critical"))
    }
    return charts.stacks(f"Results of every {kind}", moments, parts)


def _when(figures: Figures) -> str:
    """The moment of the latest make dq: the tables may have changed since."""
    moments = [row[1] for row in figures["trend"] if row[0] == "dq"]
    return f", {moments[-1]} UTC" if moments else ""


def _expectations(figures: Figures) -> str:
    rows = figures["expectations"]
    if not rows:
        return '<p class="none">Great Expectations have not looked yet: <code>make dq</code></p>'
    suites: dict[tuple[str, str], list[str]] = {}
    for suite, table, _, _, status, _, _ in rows:
        suites.setdefault((suite, table), []).append(status)
    summary = _table(
        ("suite", "table", "expectations", "hold"),
        [(suite, table, len(found), found.count("passed")) for (suite, table), found in suites.items()],
        text=(0, 1),
        code=1,
    )
    told = [(row[1], row[2], row[3], row[4], row[6] or "") for row in rows if row[4] != "passed"]
    borne = [(row[1], row[2], row[3], row[4], row[6]) for row in rows if row[4] == "passed" and row[5]]
    heads = ("table", "expectation", "severity", "result", "what was found")
    failed = (
        f'<div class="card"><h3>What does not hold</h3>{_table(heads, told, text=range(5), code=0)}</div>'
        if told
        else '<p class="good mark">All expectations hold.</p>'
    )
    kept = (
        f'<div class="card"><h3>Faults within what is borne</h3>{_table(heads, borne, text=range(5), code=0)}</div>'
        if borne
        else ""
    )
    return f'{failed}{kept}<div class="card"><h3>The latest expectations{_when(figures)}</h3><details><summary>by table</summary>{summary}</details></div>'


def _took(figures: Figures) -> str:
    steps = charts.bars(
        "Seconds by step", [(f"{row[0]}: {row[1]}", float(row[2])) for row in figures["steps"] if row[2] is not None]
    )
    runs = [(row[0], float(row[3])) for row in figures["runs"]]
    history = charts.stacks("Seconds by run", [name for name, _ in runs], {"seconds": [value for _, value in runs]})
    return (
        f'<div class="card"><h3>Seconds of this run, by step</h3>{steps}</div>'
        f'<div class="card"><h3>Seconds of the latest runs</h3>{history}</div>'
    )


def _say(figures: Figures) -> str:
    months = figures["months"]
    ratio = series(figures["loss_ratio"])
    labels = list(dict.fromkeys(row[0] for row in figures["enrollment"]))
    known = {(row[0], row[1]): row[2] for row in figures["enrollment"]}
    cards = (
        (
            "Paid claims / gross premium, by month of service",
            charts.lines("Loss ratio by metal level", {m: ratio.get(m, []) for m in METALS}, "%"),
            "The latest months still lack claims to come, so they look better than they are. Not the regulatory MLR.",
        ),
        (
            "Member months, by metal level",
            charts.stacks(
                "Member months by metal level", labels, {m: [known.get((x, m), 0.0) for x in labels] for m in METALS}
            ),
            "One per member, policy and month with a covered day.",
        ),
        (
            "Billed, allowed and paid, by month of service",
            charts.lines(
                "Claim dollars by month",
                {
                    "billed": [(row[0], row[1]) for row in months],
                    "allowed": [(row[0], row[2]) for row in months],
                    "paid": [(row[0], row[3]) for row in months],
                },
                "$",
            ),
            "",
        ),
        (
            "Denied share of claim lines, by month of service",
            charts.lines("Denied share of lines", {"denied": [(row[0], row[4]) for row in months]}, "%"),
            "Final-action lines.",
        ),
        (
            "Paid in the latest 30 days, the ten largest plans",
            charts.bars("Paid in 30 days by plan", [(row[0], float(row[1])) for row in figures["plans"]], "$"),
            "",
        ),
    )
    return '<div class="grid2">' + "".join(_card(*card) for card in cards) + "</div>"


def _card(title: str, drawn: str, note: str) -> str:
    told = f'<p class="note">{escape(note)}</p>' if note else ""
    return f'<div class="card"><h3>{escape(title)}</h3>{drawn}{told}</div>'


def _table(
    heads: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    text: Iterable[int] = (0,),
    code: int | None = None,
    bold: str | None = None,
) -> str:
    """A table; *text*: the columns to the left, all others are figures. *bold*: rows whose first cell begins so."""
    left = frozenset(text)
    head = "".join(f"<th{'' if place in left else _N}>{escape(name)}</th>" for place, name in enumerate(heads))
    body = []
    for row in rows:
        cells = "".join(
            f"<td>{_code(value) if place == code else _cell(value)}</td>"
            if place in left
            else f"<td{_N}>{_cell(value)}</td>"
            for place, value in enumerate(row)
        )
        is_bold = bold is not None and str(row[0]).startswith(bold)
        body.append(f"<tr{_SUM if is_bold else ''}>{cells}</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"


_N, _SUM = ' class="n"', ' class="sum"'
_MARKS = {"passed": "good", "failed": "bad", "error": "bad", "critical": "", "warning": "warn"}


def _code(value: Any) -> str:
    return f"<code>{escape(str(value))}</code>"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return f"{value:,}"
    told = escape(str(value))
    return f'<span class="{_MARKS[told]} mark">{told}</span>' if _MARKS.get(told) else told
