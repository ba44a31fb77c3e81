"""The calibration report: the table for a terminal, and the page of the documentation."""

from dataclasses import dataclass
from pathlib import Path

from scripts.calibration.facts import Facts
from scripts.calibration.measures import Measure
from scripts.calibration.plots import PLOTS


@dataclass(frozen=True, slots=True)
class Result:
    """A measure and what ours is."""

    measure: Measure
    ours: float

    @property
    def holds(self) -> bool:
        """Ours lies where it should."""
        return self.measure.low <= self.ours <= self.measure.high

    def cells(self) -> tuple[str, ...]:
        """Measure, target, tolerance, source, ours, verdict."""
        m = self.measure
        unit = f" {m.unit}" if m.unit else ""
        span = f"{_short(m.low)} to {_short(m.high)}"
        return (m.name, m.target + unit, span, m.source, _short(self.ours) + unit, "holds" if self.holds else "FAILS")


HEAD = ("Measure", "Target", "Tolerance", "Source", "Ours", "Verdict")


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}"


def as_text(found: list[Result]) -> str:
    """The table in columns, and how many hold."""
    lines = [HEAD, *(result.cells() for result in found)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEAD))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    held = sum(result.holds for result in found)
    return "\n".join([*table, f"{held} of {len(found)} measures hold"])


def write_docs(folder: Path, facts: Facts, found: list[Result], members: int) -> None:
    """Write `calibration.md` and its plots below *folder*; the same data gives the same bytes."""
    images = folder / "_static" / "calibration"
    images.mkdir(parents=True, exist_ok=True)
    sections = []
    for name, (title, text, draw) in PLOTS.items():
        (images / f"{name}.svg").write_text(draw(facts), encoding="utf-8")
        sections.append(f"## {title}\n\n{text}\n\n![{title}](_static/calibration/{name}.svg)\n")
    rows = "\n".join("| " + " | ".join(result.cells()) + " |" for result in found)
    held = sum(result.holds for result in found)
    page = f"""---
orphan: true
---

# Calibration of the synthetic marketplace

The seed data is made up, but not arbitrary: `make calibrate` generates it, reads the files as a stranger would, and compares
them with what is published about the individual market.
This page was written by that command from {members:,} members and plan years {facts.seen.years[0]} to {facts.seen.years[-1]},
seed 42: {held} of {len(found)} measures hold.
A test holds the default size to all of them.

A source that reads "practitioners' default, not checked" is what people in the trade take for usual; it is a parameter in
`config/market/`, not a published fact.
Tolerances leave room for chance at this size.

Where ours departs on purpose: real issuers process 25 to 35 claims a member year; ours has about 17, so that the default
size stays near 300,000 claim lines.

| {" | ".join(HEAD)} |
|{"---|" * len(HEAD)}
{rows}

"""
    (folder / "calibration.md").write_text(page + "\n".join(sections), encoding="utf-8")
