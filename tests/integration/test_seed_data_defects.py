"""Planted defects meet the intake: the answer key and the loader agree on every record."""

import json
from pathlib import Path

import psycopg
import pytest

from etl.extract.deliveries import find_deliveries
from scripts.seed_data.defects import CATALOGUE, Verdict
from scripts.seed_data.disorder import Disorder
from scripts.seed_data.options import Options
from scripts.seed_data.timeline import make_history
from tests.intake_runs import stage

Key = tuple[str, str, int]


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    """A quarter of a small market, with every kind of defect in it."""
    out = tmp_path / "landing"
    options = Options(members=3000, years=1, seed=11, first_year=2024, out=out)
    make_history(options, Disorder(defects=140), workers=1)
    return out


def answers(landing: Path) -> dict[Key, tuple[str, str, str | None]]:
    """By delivery, feed and record number: verdict, reason, column."""
    found = {}
    for path in landing.glob("*_answers.json"):
        key = json.loads(path.read_text(encoding="utf-8"))
        for answer in key["answers"]:
            place = (key["as_of"], answer["feed"], answer["record_number"])
            found[place] = (answer["verdict"], answer["reason"], answer["column"])
    return found


def test_the_loader_gives_the_verdicts_of_the_answer_key(landing: Path, database: str) -> None:
    """All defects and nothing else are rejected, each with its reason and column; the manifests hold without override."""
    expected = answers(landing)
    result = stage(database, *find_deliveries(landing), overrides=frozenset())

    with psycopg.connect(database) as conn:
        rejected = {
            (str(as_of), feed, number): (Verdict.REJECT, reason, column)
            for as_of, feed, number, reason, column in conn.execute(
                "SELECT load.as_of, reject.feed, reject.record_number, reject.reason_code, reject.column_name "
                "FROM etl.rejected_row AS reject INNER JOIN etl.load AS load ON reject.load_id = load.load_id"
            )
        }
    duplicates = sum(file.balance.duplicate_count for load in result.loads for file in load.files)
    assert {place: answer for place, answer in expected.items() if answer[0] == Verdict.REJECT} == rejected
    assert sum(verdict == Verdict.DUPLICATE for verdict, _, _ in expected.values()) == duplicates
    assert {defect.reason for defect in CATALOGUE} == {reason for _, reason, _ in expected.values()}
