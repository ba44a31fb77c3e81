"""Who reads while loads run sees all of a load or nothing of it."""

import threading

from etl.core.database import connect
from tests.market import deliver, deliveries, load

# Facts, cubes and views in one snapshot, each told by figures that differ from load to load.
SUMS = """
    SELECT
        (SELECT count(*) FROM etl.load WHERE status = 'published'),
        (SELECT (count(*), sum(paid_amount), sum(billed_amount))::text FROM warehouse.fact_claim_line),
        (SELECT (count(*), sum(gross_premium_amount))::text FROM warehouse.fact_member_month),
        (SELECT (count(*), sum(gross_premium_amount))::text FROM warehouse.fact_enrollment),
        (SELECT (count(*), sum(paid_amount), sum(billed_amount))::text FROM mart.claims_daily_plan_provider),
        (SELECT (count(*), sum(paid_amount), sum(billed_amount))::text FROM mart.claims_monthly_member),
        (SELECT (count(*), sum(gross_premium_amount))::text FROM mart.enrollment_monthly),
        (SELECT (count(*), sum(paid_amount))::text FROM mart.plan_performance),
        (SELECT (count(*), sum(paid_amount), sum(gross_premium_amount))::text FROM mart.loss_ratio_monthly),
        (SELECT (count(*), count(*) FILTER (WHERE current_flag))::text FROM warehouse.dim_member),
        (SELECT (count(*), count(*) FILTER (WHERE current_flag))::text FROM warehouse.dim_provider)
"""


class Reader(threading.Thread):
    """Reads the sums over and over, on a connection of its own."""

    def __init__(self, url):
        super().__init__()
        self.url, self.seen, self.count, self.problem = url, [], 0, None
        self.done = threading.Event()

    def run(self):
        try:
            with connect(self.url, autocommit=True) as conn:
                while not self.done.is_set():
                    found = conn.execute(SUMS).fetchone()
                    self.count += 1
                    if not self.seen or self.seen[-1] != found:
                        self.seen.append(found)
        except Exception as problem:  # noqa: BLE001 - told by the test
            self.problem = problem


def sums(url):
    with connect(url) as conn:
        return conn.execute(SUMS).fetchone()


def test_a_reader_never_sees_a_sum_that_belongs_to_no_load(database, tmp_path, tmp_path_factory):
    """Facts, cubes and views move together, from one published state to the next, and nobody has to wait for it."""
    market = deliveries(tmp_path_factory.getbasetemp())
    deliver(tmp_path, *market[:-5])
    load(database, tmp_path)
    published = [sums(database)]
    readers = [Reader(database) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for delivery in market[-5:]:
            deliver(tmp_path, delivery)
            load(database, tmp_path)
            published.append(sums(database))
    finally:
        for reader in readers:
            reader.done.set()
            reader.join()

    assert len(published) == len(set(published)), "the loads do not differ, so this test shows nothing"
    for reader in readers:
        assert reader.problem is None
        assert reader.count > 10
        assert set() == set(reader.seen) - set(published)
        assert len(reader.seen) > 1


def test_the_search_for_torn_reads_finds_one(database, tmp_path, tmp_path_factory):
    """The sums above differ when a single cube is behind its facts."""
    deliver(tmp_path, *deliveries(tmp_path_factory.getbasetemp())[:3])
    load(database, tmp_path)
    before = sums(database)
    with connect(database, autocommit=True) as conn:
        conn.execute(
            "DELETE FROM mart.claims_monthly_member WHERE paid_amount = (SELECT max(paid_amount) FROM mart.claims_monthly_member)"
        )

    assert before != sums(database)
