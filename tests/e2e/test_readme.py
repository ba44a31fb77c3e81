"""What the README shows can be run, and gives what it shows."""

import re

import pytest

from tests.house import ROOT, text

README = text("README.md")
SAMPLES = re.findall(r"```sql\n(.*?)```\n\n```text\n(.*?)\n", README, re.DOTALL)


def test_there_are_samples_enough_to_begin_with():
    """Six questions at least, each with its answer."""
    assert len(SAMPLES) >= 6
    assert README.count("```sql") == len(SAMPLES)


@pytest.mark.parametrize(("query", "heading"), SAMPLES, ids=range(1, len(SAMPLES) + 1))
def test_a_sample_query_runs_and_has_the_columns_that_are_shown(first_load, query, heading):
    """The figures are those of the default market; here a smaller one answers."""
    import psycopg

    warehouse, _ = first_load
    with psycopg.connect(warehouse.url) as conn:
        cursor = conn.execute(query.rstrip().rstrip(";"))
        names = [column.name for column in cursor.description or ()]

    assert [name.strip() for name in heading.split("|")] == names


def test_every_link_into_the_repository_leads_somewhere():
    """A reader who clicks finds a page."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README)

    assert links
    assert [] == [link for link in links if not (ROOT / link).exists()]


def test_every_make_target_the_readme_names_is_there():
    """What is advised can be typed."""
    named = set(re.findall(r"(?:^|`)make ([a-z][a-z-]+)", README, re.MULTILINE))
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):", text("Makefile"), re.MULTILINE))

    assert {"full-load", "incremental", "dq", "psql"} <= named
    assert named <= targets
