"""The charts: well-formed SVG, true to the figures, with nothing that is fetched."""

import xml.etree.ElementTree as ET

import pytest

from etl.publish import charts


def drawn(svg):
    """The chart as a tree; raises where it is not well-formed."""
    return ET.fromstring(svg)  # noqa: S314 - our own


def heights(svg, kind="s0 bar"):
    return [float(bar.attrib["height"]) for bar in drawn(svg).iter("rect") if bar.attrib["class"] == kind]


def test_a_bar_is_as_long_as_its_figure_says():
    """Half the figure, half the bar; names are shown as text, not as markup."""
    bars = list(drawn(charts.bars("title", [("a & <b>", 10.0), ("c", 5.0)])).iter("rect"))

    assert [2.0] == [float(bars[0].attrib["width"]) / float(bars[1].attrib["width"])]


def test_stacked_parts_add_up():
    """The parts of a label stand on each other, and hold their shares."""
    svg = charts.stacks("title", ["1", "2"], {"low": [1.0, 2.0], "high": [3.0, 0.0]})

    low, high = heights(svg), heights(svg, "s1 bar")
    assert (2, 1) == (len(low), len(high))
    assert high[0] == pytest.approx(3 * low[0], abs=0.2)
    assert low[1] == pytest.approx(2 * low[0], abs=0.2)


def test_a_line_has_a_gap_where_there_is_no_figure():
    """A month that was not measured is not zero."""
    svg = charts.lines("title", {"rate": [("1", 0.1), ("2", None), ("3", 0.2), ("4", 0.3)]}, "%")
    path = next(drawn(svg).iter("path")).attrib["d"]

    assert 2 == path.count("M")
    assert 1 == path.count("L")
    assert ["rate, 1: 10 %", "rate, 3: 20 %", "rate, 4: 30 %"] == [title.text for title in drawn(svg).iter("title")]


def test_a_chart_says_what_it_shows_to_those_who_do_not_see_it():
    """Role and name for a screen reader."""
    assert {"img", "Paid & owed"} <= set(drawn(charts.bars("Paid & owed", [("a", 1.0)])).attrib.values())


@pytest.mark.parametrize(
    "svg",
    [
        pytest.param(charts.bars("title", []), id="bars"),
        pytest.param(charts.lines("title", {"a": [("1", 1.0)]}), id="a single point"),
        pytest.param(charts.lines("title", {}), id="lines"),
        pytest.param(charts.stacks("title", [], {}), id="stacks"),
    ],
)
def test_nothing_to_draw_is_said(svg):
    """An empty warehouse has a report too."""
    assert "nothing to draw" in svg


@pytest.mark.parametrize(
    ("value", "unit", "told"),
    [
        (1_234_567.0, "$", "$1.2M"),
        (98_765.0, "", "98.8k"),
        (9_876.0, "", "9,876"),
        (0.875, "%", "88 %"),
        (2.5, "", "2.50"),
        (3_500_000_000.0, "$", "$3.5B"),
        (250_000_000.0, "", "250M"),
    ],
)
def test_figures_are_told_short(value, unit, told):
    """As much as a reader can take in."""
    assert told == charts.number(value, unit)
