"""The rules of `make dq`: enough of them, each with its reason, each with a column in its SQL file, all told by the configuration."""

import re
from pathlib import Path

import pytest

from etl.catalog.checks import Severity
from etl.core.errors import ConfigError
from etl.core.sqlfiles import sql_file
from etl.quality.rules import Figures, Kind, Suite, TableRules, configured, never, read_figures, some_rows
from etl.quality.suites import SUITES
from tests.house import ROOT, files

TABLES = [table for suite in SUITES for table in suite.tables]
RULES = [(table, rule) for table in TABLES for rule in table.rules]
# What the planted defects of the seed data are called: each must be counted by a rule of that name.
PLANTED = (
    "amounts_do_not_add_up",
    "allowed_exceeds_billed",
    "received_before_service",
    "denied_without_reason",
    "unknown_member",
    "unknown_plan",
    "unknown_provider",
    "npi_check_digit",
    "service_before_birth",
    "replacement_without_original",
)


def suite(*rules):
    return (Suite("facts", (TableRules("warehouse.fact_claim_line", "expected_of_fact_claim_line", rules),)),)


def test_there_are_many_expectations_and_each_says_why():
    """At least sixty, named once a table, with a reason in words."""
    assert len(RULES) >= 60
    assert len(RULES) == len({(table.table, rule.name) for table, rule in RULES})
    assert all(len(rule.because) > 10 for _, rule in RULES)
    assert {Severity.CRITICAL, Severity.WARNING, Severity.INFO} == {rule.severity for _, rule in RULES}


def test_every_planted_defect_has_its_rule():
    """The seed data's answer key names the rule that must count each defect."""
    assert set(PLANTED) <= {rule.name for _, rule in RULES}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.query)
def test_every_rule_has_its_column(table):
    """The SQL file shows what its rules look at, and shows nothing for nobody; it names each row by a key."""
    select = sql_file(table.query).text.rpartition("\nSELECT")[2]
    while (inner := re.sub(r"\([^()]*\)", "", select)) != select:
        select = inner  # what stands in parentheses is shown under another name
    shown = set(re.findall(r"\bAS (\w+),?$|^ +\w+\.(\w+),?$", select.partition("\nFROM")[0], re.MULTILINE))
    columns = {alias or name for alias, name in shown}

    assert {rule.column for rule in table.rules if rule.kind is not Kind.ROWS} | {"failed_key"} == columns


def test_every_file_of_expectations_is_asked():
    """A file that no suite names checks nothing."""
    assert {Path(path).stem for path in files(".sql", below="sql/5_quality/expected_of_")} == {t.query for t in TABLES}


def test_the_sql_files_and_the_configuration_agree_on_the_figures():
    """Every :value is configured, and nothing is configured that no file takes."""
    assert set().union(*(sql_file(table.query).values for table in TABLES)) == set(read_figures().values)


def test_the_committed_configuration_fits_the_rules():
    """Every entry speaks of a rule."""
    assert configured(SUITES, read_figures())


def test_shares_and_severities_come_from_the_configuration():
    """What is borne is the operator's to say; what is not listed is not borne."""
    rules = suite(never("orphan_claim", "a reason"), never("plan_mismatch", "a reason"))
    entries = {"warehouse.fact_claim_line": {"orphan_claim": {"share": 0.25, "severity": "info"}}}

    orphan, mismatch = configured(rules, Figures({}, entries))[0].tables[0].rules

    assert (0.25, Severity.INFO) == (orphan.borne, orphan.severity)
    assert (0.0, Severity.WARNING) == (mismatch.borne, mismatch.severity)


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        pytest.param({"warehouse.fact_claim_line": {"orphans": 0.1}}, "orphans: no such rule", id="unknown rule"),
        pytest.param({"warehouse.facts": {}}, "[warehouse.facts]: no such table", id="unknown table"),
        pytest.param({"warehouse.fact_claim_line": {"orphan_claim": 1.5}}, "a share from 0 to 1", id="too large"),
        pytest.param({"warehouse.fact_claim_line": {"orphan_claim": "many"}}, "a share from 0 to 1", id="no number"),
        pytest.param(
            {"warehouse.fact_claim_line": {"orphan_claim": {"severity": "fatal"}}}, "a share from", id="no severity"
        ),
        pytest.param({"warehouse.fact_claim_line": {"orphan_claim": {"most": 0.1}}}, "a share from", id="unknown word"),
    ],
)
def test_an_entry_that_means_nothing_is_refused(entries, told):
    """A misspelled threshold would be a threshold of zero, or none at all."""
    with pytest.raises(ConfigError) as refused:
        configured(suite(never("orphan_claim", "a reason"), some_rows("a reason")), Figures({}, entries))

    assert told in str(refused.value)


def test_a_configuration_that_cannot_be_read_is_a_configuration_error(tmp_path):
    """Exit 20, and the file's name."""
    path = tmp_path / "quality.toml"
    path.write_text("[values\n", encoding="utf-8")

    with pytest.raises(ConfigError, match=r"quality\.toml"):
        read_figures(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_figures(tmp_path / "none.toml")


def test_the_configuration_lies_where_operators_look():
    """Beside the other settings."""
    assert (ROOT / "config" / "quality.toml").is_file()
