"""The code lists: complete for the seed data, joined up among themselves, and free of codes that are not ours to list."""

import csv
import re
import tomllib

import pytest

from etl.catalog.references import REFERENCES
from tests.house import ROOT

LISTS = sorted(path.stem for path in (ROOT / "reference").glob("*.csv"))


def listed(name):
    with (ROOT / "reference" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def codes(name, column):
    return {row[column] for row in listed(name)}


def in_market(key):
    """Every value of *key* anywhere in the market's claims settings."""

    def look(node):
        if isinstance(node, dict):
            for name, value in node.items():
                if name == key:
                    yield from value
                yield from look(value)
        elif isinstance(node, list):
            for each in node:
                yield from look(each)

    return {
        value
        for path in (ROOT / "config" / "market").glob("claims*.toml")
        for value in look(tomllib.loads(path.read_text(encoding="utf-8")))
        if isinstance(value, str)
    }


def test_every_list_has_its_dimension_and_is_named_in_the_readme():
    """A list nobody loads is dead, and one without source and licence is not ours to ship."""
    readme = (ROOT / "reference" / "README.md").read_text(encoding="utf-8")

    assert LISTS == sorted(spec.file for spec in REFERENCES)
    assert [] == [name for name in LISTS if f"`{name}.csv`" not in readme]


@pytest.mark.parametrize("spec", REFERENCES, ids=lambda spec: spec.file)
def test_a_code_is_listed_once(spec):
    """And its key is there to be listed by."""
    keys = [tuple(row[name] for name in spec.key) for row in listed(spec.file)]

    assert keys
    assert sorted(set(keys)) == sorted(keys)


@pytest.mark.parametrize(
    ("key", "name", "column"),
    [
        ("diagnoses", "diagnosis", "diagnosis_code"),
        ("procedures", "procedure", "procedure_code"),
        ("place", "place_of_service", "place_of_service_code"),
    ],
)
def test_every_code_of_the_seed_data_is_described(key, name, column):
    """The market that everybody tries first shows no code without a word."""
    used = in_market(key)

    assert len(used) > 5
    assert set() == used - codes(name, column)


def test_no_procedure_is_a_cpt_or_cdt_code():
    """HCPCS Level II begins with a letter, and not with the D of dental codes; CPT codes are never listed."""
    assert [] == [code for code in codes("procedure", "procedure_code") if not re.fullmatch(r"[A-CE-V]\d{4}", code)]


def test_lists_refer_to_codes_that_are_listed():
    """A rule to a category that is not there would drop its lines from every report by category."""
    assert codes("service_category_rule", "service_category_code") <= codes("service_category", "service_category_code")
    assert codes("denial_reason", "tc_reason_code") <= codes("tc_reason", "tc_reason_code")
    assert 10 == len(listed("tc_reason"))


def test_the_last_rule_takes_every_claim_line():
    """So that the categories add up to all there is."""
    *_, last = sorted(listed("service_category_rule"), key=lambda rule: int(rule["rule_number"]))

    assert {""} == {value for name, value in last.items() if name not in ("rule_number", "service_category_code")}


@pytest.mark.parametrize(
    ("name", "first", "last", "step"),
    [("age_band", "first_age", "last_age", 1), ("fpl_band", "first_percent", "end_percent", 0)],
)
def test_bands_follow_each_other_without_a_gap(name, first, last, step):
    """Every age and every income falls into exactly one band."""
    bands = [(int(row[first]), int(row[last])) for row in listed(name) if int(row[first]) >= 0]

    assert 0 == bands[0][0]
    assert [end + step for _, end in bands[:-1]] == [start for start, _ in bands[1:]]
