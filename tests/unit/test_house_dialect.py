"""The SQL keeps to what one server and a distributed PostgreSQL both do: design that cannot be added later."""

import re

import pytest

from tests.house import files, text

FORBIDDEN = {
    "MERGE": r"\bMERGE\s+INTO\b",
    "a serial column": r"\b(?:big|small)?serial\b",
    "a trigger": r"\bCREATE\s+(?:OR\s+REPLACE\s+)?(?:CONSTRAINT\s+)?TRIGGER\b",
    "the table's own number": r"\btableoid\b",
    "COPY that skips errors": r"\bON_ERROR\b",
    "sizes or statistics in logic": r"\bpg_(?:total_relation|relation|table)_size\b|\bpg_stat_\w+",
    "chance in a key": r"\brandom\s*\(|\bgen_random_uuid\b|\buuidv[47]\b",
    "a GiST exclusion": r"\bEXCLUDE\s+USING\b",
}
# Ledger, staging and rejects stay on one server whatever happens, so they may number their rows.
LOCAL = (
    "migrations/versions/0001_ledger.py",
    "migrations/versions/0002_staging.py",
    "etl/transform/dimension_tables.py",  # makes a ledger aside, for a rebuild
)
SQL = [*files(".sql", below="sql/"), *files(".py", below="migrations/"), *files(".py", below="etl/transform/")]


def code(path):
    """The text without its comments, which may name what is forbidden."""
    return re.sub(r"--[^\n]*|^\s*#[^\n]*", "", text(path), flags=re.MULTILINE)


@pytest.mark.parametrize("path", SQL)
def test_nothing_is_used_that_a_distributed_table_cannot_do(path):
    """Person-grain tables may be spread over servers one day, with the same SQL."""
    found = [name for name, pattern in FORBIDDEN.items() if re.search(pattern, code(path), re.IGNORECASE)]
    if path not in LOCAL and re.search(
        r"\bGENERATED\s+(?:ALWAYS|BY DEFAULT)\s+AS\s+IDENTITY\b", code(path), re.IGNORECASE
    ):
        found.append("an identity column")

    assert [] == found


@pytest.mark.parametrize("path", [*files(".sql", below="sql/3_facts/"), *files(".sql", below="sql/4_cubes/")])
def test_what_is_missing_is_found_by_an_outer_join(path):
    """A subquery that depends on the outer row is not pushed down; LEFT JOIN ... IS NULL is."""
    assert not re.search(r"\bNOT\s+EXISTS\b|\bNOT\s+IN\s*\(\s*SELECT\b", code(path), re.IGNORECASE)


@pytest.mark.parametrize("path", files(".sql", below="sql/"))
def test_sums_over_several_groupings_read_a_base_that_is_computed_once(path):
    """GROUPING SETS, CUBE and ROLLUP go over a MATERIALIZED base grain, or over a base cube."""
    if re.search(r"\bGROUPING\s+SETS\b|\bROLLUP\s*\(|\bGROUP\s+BY\s+CUBE\b", code(path), re.IGNORECASE):
        assert re.search(r"\bAS\s+MATERIALIZED\b|\bFROM\s+mart\.", code(path), re.IGNORECASE)
