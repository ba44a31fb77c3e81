"""The data dictionary is what the database says, and it says something of everything."""

import pytest

from etl.dictionary import SCHEMAS, columns, dictionary, relations
from tests.house import text


@pytest.mark.parametrize("schema", SCHEMAS)
def test_every_table_view_and_column_is_described(conn, schema):
    """COMMENT ON is the dictionary: what has none is in no documentation."""
    there = relations(conn, schema)
    nameless = [relation.name for relation in there if not relation.comment]
    nameless += [
        f"{relation.name}.{name}"
        for relation in there
        for name, _, _, comment in columns(conn, relation)
        if not comment.strip()
    ]

    assert there
    assert [] == nameless


def test_every_schema_of_ours_is_described(conn):
    """A new schema belongs in the dictionary."""
    rows = conn.execute(
        "SELECT nspname FROM pg_namespace WHERE nspname <> 'public' AND nspname !~ '^pg_' AND nspname <> 'information_schema'"
    ).fetchall()

    assert set(SCHEMAS) == {name for (name,) in rows}


@pytest.mark.parametrize("schema", ["warehouse", "mart"])
def test_every_table_people_query_says_its_grain(conn, schema):
    """What is one row? That is the first question, so its answer comes first."""
    silent = [
        relation.name
        for relation in relations(conn, schema)
        if relation.kind != "View" and not relation.comment.startswith("Grain: ")
    ]

    assert [] == silent


def test_the_committed_dictionary_is_what_the_database_says(shared_database):
    """`make dictionary` was run after the last migration."""
    assert dictionary(shared_database) == text("docs/data_dictionary.md")


def test_the_dictionary_shows_keys_and_nullability_and_hides_partitions(database):
    """A reader sees how to join, without a row for each month of claims."""
    from etl.core.database import connect

    with connect(database) as conn:
        conn.execute(
            "CREATE TABLE warehouse.fact_claim_line_2024_01 PARTITION OF warehouse.fact_claim_line "
            "FOR VALUES FROM ('2024-01-01') TO ('2024-02-01')"
        )
        conn.execute("COMMENT ON COLUMN mart.claims_monthly_member.paid_amount IS 'One | two *three*'")
    lines = dictionary(database).splitlines()

    assert "- Primary key: `member_durable_key`, `month_start_date`." in lines
    assert "| `paid_amount` | numeric(16,2) | no | One \\| two \\*three\\* |" in lines
    assert "- Partitioned by RANGE (service_date)." in lines
    assert "- `load_id` refers to `etl.load`." in lines
    assert not [line for line in lines if "2024_01" in line]
