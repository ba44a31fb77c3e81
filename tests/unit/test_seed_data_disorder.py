"""Disturbed deliveries: what is late, repeated, corrected or held back, and that nothing is lost by it."""

import csv
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from etl.catalog.sources import source
from scripts.generate_seed_data import main
from scripts.seed_data import ahead
from scripts.seed_data.defects import CATALOGUE, plant
from scripts.seed_data.delivered_file import DeliveredFile
from scripts.seed_data.disorder import Disorder
from scripts.seed_data.options import Options
from scripts.seed_data.timeline import append_days, make_history


def options(out: Path) -> Options:
    """One year of a small market."""
    return Options(members=300, years=1, seed=5, first_year=2024, out=out)


def lines(landing: Path, feed: str) -> Counter[bytes]:
    """All records of a feed, however often each was sent."""
    return Counter(
        line for path in sorted(landing.glob(f"2*/{feed}.csv")) for line in path.read_bytes().split(b"\n")[1:-1]
    )


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The market undisturbed, with two months of days behind it."""
    out = tmp_path_factory.mktemp("calm") / "landing"
    make_history(options(out), workers=1)
    append_days(out, 50, workers=1)
    return out


def test_late_records_come_later_and_none_is_lost(calm: Path, tmp_path: Path) -> None:
    """The same records arrive in all, once two months have passed; some of them in another delivery."""
    make_history(options(tmp_path), Disorder(late=0.1), workers=1)
    append_days(tmp_path, 50, workers=1)

    for feed in ("members", "enrollments", "claims"):
        assert lines(calm, feed) == lines(tmp_path, feed)
    here, there = (Counter((p / "2024-06-01" / "claims.csv").read_bytes().split(b"\n")) for p in (calm, tmp_path))
    assert 0.03 < (here - there).total() / here.total() < 0.25


def test_duplicates_are_exact(calm: Path, tmp_path: Path) -> None:
    """Repeated records are the same bytes, and a delivery sent again is the same files."""
    make_history(options(tmp_path), Disorder(duplicates=0.3), workers=1)
    again = sorted(path for path in tmp_path.iterdir() if path.name.endswith("_again"))

    assert again
    for folder in again:
        first = folder.with_name(folder.name.removesuffix("_again"))
        assert {p.name: p.read_bytes() for p in first.iterdir()} == {p.name: p.read_bytes() for p in folder.iterdir()}
    sent = Counter((tmp_path / "2024-06-01" / "claims.csv").read_bytes().split(b"\n"))
    assert set((calm / "2024-06-01" / "claims.csv").read_bytes().split(b"\n")) == set(sent)
    assert 2 == max(sent.values())


def test_a_corrected_delivery_holds_what_the_first_lacked(calm: Path, tmp_path: Path) -> None:
    """The second sending is the undisturbed one; the first lacks claims, and its manifest says so."""
    make_history(options(tmp_path), Disorder(corrected=0.5), workers=1)
    corrected = sorted(path for path in tmp_path.iterdir() if path.name.endswith("_corrected"))

    assert corrected
    for folder in corrected:
        name = folder.name.removesuffix("_corrected")
        assert (folder / "claims.csv").read_bytes() == (calm / name / "claims.csv").read_bytes()
        first = json.loads((tmp_path / name / "manifest.json").read_text(encoding="utf-8"))
        second = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        assert first["feeds"]["claims"]["record_count"] < second["feeds"]["claims"]["record_count"]


def test_deliveries_out_of_order_come_with_the_next_days(calm: Path, tmp_path: Path) -> None:
    """What the history held back is there after the next day, and then all is as without it."""
    make_history(options(tmp_path), Disorder(out_of_order=0.3), workers=1)
    missing = {p.name for p in calm.glob("2024-*")} - {p.name for p in tmp_path.glob("2024-*")}
    append_days(tmp_path, 50, workers=1)

    assert missing
    assert {p.name for p in calm.glob("2*")} == {p.name for p in tmp_path.glob("2*")}
    assert lines(calm, "claims") == lines(tmp_path, "claims")


def test_backdated_changes_hold_from_before(calm: Path, tmp_path: Path) -> None:
    """Some effective dates move back, and nothing else moves."""
    make_history(options(tmp_path), Disorder(backdated=0.5), workers=1)
    moved = 0
    for path in sorted(calm.glob("2024-*/members.csv")):
        with path.open(newline="") as before, (tmp_path / path.parent.name / "members.csv").open(newline="") as after:
            for old, new in zip(csv.DictReader(before), csv.DictReader(after), strict=True):
                moved += new["effective_date"] < old["effective_date"]
                assert {**old, "effective_date": ""} == {**new, "effective_date": ""}
    assert moved


def test_disturbed_days_do_not_depend_on_the_number_of_calls(tmp_path: Path) -> None:
    """Six days at once leave what six times one day leave, also on their way."""
    disorder = Disorder(late=0.1, backdated=0.2, duplicates=0.2, corrected=0.3, out_of_order=0.3, defects=10)
    for name, calls in (("once", [6]), ("often", [1] * 6)):
        make_history(options(tmp_path / name), disorder, workers=1)
        for days in calls:
            append_days(tmp_path / name, days, disorder, workers=1)

    found = [
        {str(p.relative_to(tmp_path / name)): p.read_bytes() for p in (tmp_path / name).rglob("*") if p.is_file()}
        for name in ("once", "often")
    ]
    assert found[0] == found[1]


def test_manifests_are_true_of_disturbed_files(tmp_path: Path) -> None:
    """Record counts and control totals are those of the files, however disturbed."""
    make_history(options(tmp_path), Disorder(late=0.05, duplicates=0.1, corrected=0.3), workers=1)
    for path in tmp_path.glob("2*/manifest.json"):
        for feed, entry in json.loads(path.read_text(encoding="utf-8"))["feeds"].items():
            with (path.parent / entry["file"]).open(newline="", encoding="utf-8") as file:
                found = list(csv.DictReader(file))
            assert entry["record_count"] == len(found)
            for column, promised in entry.get("control_totals", {}).items():
                assert Decimal(promised) == sum(Decimal(row[column]) for row in found), (path, feed)


def test_planting_adds_records_and_changes_none(calm: Path) -> None:
    """Without the records of the answer key the file is what it was; each kind of its feed is planted in turn."""
    file = DeliveredFile.read(calm / "2024-06-01" / "claims.csv")
    file.lines = file.lines * 8
    before = list(file.lines)
    kinds = {defect.kind for defect in CATALOGUE if defect.feed == "claims"}
    answers = plant(file, len(kinds), np.random.default_rng(1))
    planted = {answer.record_number for answer in answers}

    assert kinds == {answer.kind for answer in answers}
    assert before == [line for number, line in enumerate(file.lines, start=1) if number not in planted]


def test_the_catalogue_names_columns_of_the_contract() -> None:
    """Every defect is about a column of its feed, or about the record as a whole."""
    for defect in CATALOGUE:
        assert defect.column is None or defect.column in source(defect.feed).column_names


def test_a_share_above_one_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rates are shares, not percent."""
    code = main(["--out", str(tmp_path), "--late", "2"])

    assert 2 == code
    assert "--late" in capsys.readouterr().err


def test_days_kept_ready_are_the_days_made_on_demand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large market makes a month of days at once and hands them out one by one, the same bytes as day by day."""
    for name, large in (("small", 1_000), ("large", 100)):
        monkeypatch.setattr(ahead, "LARGE", large)
        make_history(options(tmp_path / name), workers=1)
        for _ in range(3):
            append_days(tmp_path / name, 1, workers=1)
    ready = tmp_path / "large" / ".generator" / "ahead"

    days = ("2025-01-02", "2025-01-03", "2025-01-06")
    small, large_ = (
        {p.relative_to(tmp_path / n): p.read_bytes() for d in days for p in (tmp_path / n / d).iterdir()}
        for n in ("small", "large")
    )
    assert small == large_
    assert 17 == sum(path.is_dir() for path in ready.iterdir())
    (ready / "mark").write_text("of another version")
    append_days(tmp_path / "large", 1, workers=1)
    append_days(tmp_path / "small", 1, workers=1)
    found = [(tmp_path / name / "2025-01-07" / "claims.csv").read_bytes() for name in ("small", "large")]
    assert found[0] == found[1]


def test_the_documentation_lists_the_catalogue() -> None:
    """Every kind of defect stands on the page with its verdict, and none that there is not."""
    page = (Path(__file__).parents[2] / "docs" / "seed_data.md").read_text(encoding="utf-8")
    listed = {
        tuple(cell.strip().strip("`") for cell in line.strip("|").split("|"))
        for line in page.splitlines()
        if line.startswith("|")
    }
    known = {(d.feed, d.kind, d.verdict.value, d.reason, d.column or "") for d in CATALOGUE}

    assert known == {row for row in listed if len(row) == 5 and row[0] in {d.feed for d in CATALOGUE}}
