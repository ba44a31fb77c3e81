"""The default marketplace is one that an actuary would believe."""

from pathlib import Path

import pytest

from scripts.calibrate_seed_data import results
from scripts.calibration.facts import Facts
from scripts.calibration.report import Result, as_text, write_docs
from scripts.seed_data.options import Options
from scripts.seed_data.timeline import make_history


@pytest.fixture(scope="module")
def default_size(tmp_path_factory: pytest.TempPathFactory) -> tuple[Facts, list[Result]]:
    """The measures of what `make seed-data` writes."""
    out = tmp_path_factory.mktemp("calibration") / "landing"
    make_history(Options(members=5000, years=3, seed=42, first_year=2023, out=out))
    return results(out)


def test_default_size_holds_every_measure(default_size: tuple[Facts, list[Result]]) -> None:
    """At least 30 measures, and all of them within their tolerance."""
    _, found = default_size

    assert len(found) >= 30
    assert [] == [result.cells() for result in found if not result.holds]


def test_default_size_is_some_three_hundred_thousand_lines(default_size: tuple[Facts, list[Result]]) -> None:
    """The size that the documentation promises."""
    facts, _ = default_size

    assert 270_000 < len(facts.claims.root) < 340_000


def test_a_measure_that_is_off_is_said_to_fail(default_size: tuple[Facts, list[Result]]) -> None:
    """The verdict follows the tolerance, and the last line counts."""
    result = default_size[1][0]
    off = Result(result.measure, result.measure.high + 1)

    assert not off.holds
    assert as_text([result, off]).endswith("1 of 2 measures hold")


def test_the_page_shows_every_measure_and_plot(default_size: tuple[Facts, list[Result]], tmp_path: Path) -> None:
    """The documentation page names each measure and links five plots that are there."""
    facts, found = default_size
    write_docs(tmp_path, facts, found, 5000)

    page = (tmp_path / "calibration.md").read_text(encoding="utf-8")
    assert all(f"| {result.measure.name} |" in page for result in found)
    plots = sorted((tmp_path / "_static" / "calibration").glob("*.svg"))
    assert 5 == len(plots)
    assert all(f"_static/calibration/{plot.name}" in page for plot in plots)
