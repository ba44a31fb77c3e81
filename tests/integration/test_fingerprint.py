"""The fingerprint changes with content and with nothing else."""

import pytest

from etl.core.fingerprint import differences, fingerprint


def add(conn, key, area=1, load_id=1, load_timestamp="2026-01-01"):
    conn.execute(
        "INSERT INTO warehouse.dim_geography VALUES (%s, 'FL', '12086', %s, 'FL', %s, %s)",
        (key, area, load_id, load_timestamp),
    )


def marked(conn, *rows, with_load_id=False, **table):
    """The fingerprint of the warehouse with these rows, which are taken out again."""
    with conn.transaction(force_rollback=True):
        for row in rows:
            add(conn, **row)
        return fingerprint(conn, with_load_id=with_load_id, **table)


def test_the_order_of_rows_and_the_time_of_loading_are_no_content(conn):
    """What counts is which rows there are."""
    one, two = {"key": 1, "area": 1}, {"key": 2, "area": 2}

    assert marked(conn, one, two) == marked(conn, two | {"load_timestamp": "2027-01-01", "load_id": 9}, one)


def test_the_load_counts_when_asked_for(conn):
    """An undone load must leave every row under the load it came with."""
    one = {"key": 1, "load_id": 1}

    assert marked(conn, one) == marked(conn, one | {"load_id": 2})
    assert marked(conn, one, with_load_id=True) != marked(conn, one | {"load_id": 2}, with_load_id=True)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param([{"key": 1, "area": 2}], id="another value"),
        pytest.param([{"key": 1}, {"key": 2, "area": 2}], id="one more row"),
        pytest.param([], id="one row less"),
    ],
)
def test_any_other_row_shows_and_names_its_table(conn, other):
    """One row among all tables is enough, and the comparison says where it is."""
    expected, found = marked(conn, {"key": 1}), marked(conn, *other)

    assert [line.split(":")[0] for line in differences(expected, found)] == ["warehouse.dim_geography"]


def test_every_table_of_the_three_schemas_is_looked_at(conn):
    """Staging, warehouse and mart, materialized views among them; partitions count with their parent."""
    seen = fingerprint(conn, tables=("etl.full_observation",))

    assert {"staging.stg_claim", "warehouse.fact_claim_line", "mart.plan_performance", "etl.full_observation"} <= {
        *seen
    }
    assert not {name for name in seen if name.startswith("etl.")} - {"etl.full_observation"}
