"""Days that come late, twice, corrected or out of order lead to the warehouse that orderly days lead to."""

import pytest

from tests.e2e.conftest import LOADED, copy_database
from tests.warehouse import Warehouse, copy_landing, generate

DISORDER = ("--late", "0.1", "--duplicates", "0.1", "--corrected", "0.3", "--out-of-order", "0.2")
DISTURBED, UNTIL_ALL_IS_THERE = 20, 44  # business days; what is late comes within 60 days
LEDGER = ("load_id", "first_load_id", "last_load_id")
# By the date of the delivery that told a change: what came late was told later.
BY_REPORT = {"warehouse.fact_member_month_adjustment", "mart.adjustment_monthly", "mart.retro_activity"}


@pytest.fixture
def calm(server, first_load, tmp_path):
    """The same market, loaded alike, whose days come in order."""
    warehouse, _ = first_load
    return Warehouse(copy_database(server, LOADED, "aca_calm_copy"), copy_landing(warehouse.landing, tmp_path / "calm"))


def business(warehouse):
    """Rows and a hash of each dimension, fact and cube but for which load wrote them."""
    tables = warehouse.fingerprints("warehouse", "mart")
    but = frozenset(f"{table.split('.')[-1]}.{column}" for table in tables for column in LEDGER)
    return warehouse.fingerprints("warehouse", "mart", but=but)


def adjusted(warehouse):
    """What all reports of a member's month come to."""
    return warehouse.rows(
        "SELECT member_durable_key, month_start_date, policy_id, plan_durable_key, sum(member_month_count), "
        "sum(days_covered_count), sum(gross_premium_amount), sum(aptc_amount), sum(net_premium_amount) "
        "FROM warehouse.fact_member_month_adjustment GROUP BY 1, 2, 3, 4 "
        "HAVING sum(member_month_count) <> 0 OR sum(gross_premium_amount) <> 0 ORDER BY 1, 2, 3, 4"
    )


def test_disturbed_days_end_in_the_warehouse_of_orderly_ones(loaded, calm):
    """Once the last late record is there, only reports by the day of telling show in which order all came."""
    calm.next_days(DISTURBED + UNTIL_ALL_IS_THERE)
    calm.must("--mode", "incremental")
    for _ in range(2):
        generate(loaded.landing, "--days", str(DISTURBED // 2), *DISORDER)
        loaded.must("--mode", "incremental")
    loaded.next_days(UNTIL_ALL_IS_THERE)
    loaded.must("--mode", "incremental")

    expected, found = business(calm), business(loaded)
    folders = {path.name for path in loaded.landing.iterdir()} - {path.name for path in calm.landing.iterdir()}
    assert {"again", "corrected"} == {name.partition("_")[2] for name in folders}
    assert {name for name, rows in found.items() if expected[name] != rows} == BY_REPORT
    assert adjusted(calm) == adjusted(loaded)
    assert loaded.must("--mode", "incremental").startswith("nothing new")
