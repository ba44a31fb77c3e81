"""The cubes of a small market: a year at once, then three days one by one, against the facts and against a rebuild."""

from collections import defaultdict
from datetime import timedelta

import psycopg
import pytest
from psycopg import sql

from etl import pipeline
from etl.catalog.cubes import BASE_CUBES, DERIVED_CUBES
from etl.core.database import connect
from etl.core.fingerprint import differences, fingerprint
from etl.quality import gate
from etl.transform import cube_loader
from etl.transform.batch import whole_batch
from tests.market import deliver, load, settings
from tests.quality_lab import copied, loaded_market

MONTHS = """
    SELECT member_durable_key, month_start_date, policy_id, plan_durable_key, member_month_count, days_covered_count,
        gross_premium_amount, aptc_amount, net_premium_amount
    FROM warehouse.fact_member_month
"""
# view, rate, numerator, denominator, factor, digits
RATES = [
    ("loss_ratio_monthly", "loss_ratio_rate", "paid_amount", "gross_premium_amount", 1, 5),
    ("loss_ratio_monthly", "paid_pmpm_amount", "paid_amount", "member_month_count", 1, 2),
    ("pmpm_service_category", "allowed_pmpm_amount", "allowed_amount", "member_month_count", 1, 4),
    ("pmpm_service_category", "paid_pmpm_amount", "paid_amount", "member_month_count", 1, 4),
    ("pmpm_service_category", "lines_per_1000_rate", "line_count", "member_month_count", 12000, 2),
    ("pmpm_service_category_plan", "paid_pmpm_amount", "paid_amount", "member_month_count", 1, 4),
    ("denials_transparency", "received_denial_rate", "denied_received_claim_count", "received_claim_count", 1, 5),
    ("denials_transparency", "final_denial_rate", "denied_claim_count", "claim_count", 1, 5),
    ("denials_transparency", "line_denial_rate", "denied_line_count", "line_count", 1, 5),
    ("denials_transparency", "dollar_denial_rate", "denied_billed_amount", "billed_amount", 1, 5),
    ("provider_performance", "allowed_per_service_amount", "allowed_amount", "paid_line_count", 1, 2),
    ("provider_performance", "denial_rate", "denied_line_count", "line_count", 1, 5),
    ("provider_performance", "out_of_network_rate", "out_of_network_line_count", "line_count", 1, 5),
    ("enrollment_movement", "churn_rate", "terminated_count", "opening_count", 1, 5),
    ("completion_factors", "link_ratio_rate", "to_paid_amount", "from_paid_amount", 1, 8),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("cubes")


@pytest.fixture(scope="module")
def market(server, migrated_template, home):
    """The database after history and three days, and the member months as they stood after each of the four loads."""
    with loaded_market(server, migrated_template, home, "aca_cubes", but_for=3) as name:
        url, seen = server.url(name), {}
        coming = sorted((home / "next").iterdir())
        seen[max(path.name for path in (home / "landing").iterdir())[:10]] = member_months(url)
        for folder in coming:
            deliver(home / "landing", folder)
            load(url, home / "landing")
            seen[folder.name[:10]] = member_months(url)
        yield name, seen


@pytest.fixture(scope="module")
def url(server, market):
    return server.url(market[0])


@pytest.fixture
def cubes(url):
    with connect(url) as conn:
        yield conn
        conn.rollback()


def member_months(url):
    with psycopg.connect(url) as conn:
        return set(conn.execute(MONTHS).fetchall())


def rows(conn, query):
    return conn.execute(query).fetchall()


def test_three_days_leave_the_cubes_as_a_rebuild_would(server, market, home):
    """Base cubes took what each day added to them; views followed. Nothing tells them from ones made at once."""
    with copied(server, market[0], "aca_cubes_rebuilt") as copy:
        with psycopg.connect(copy) as conn:
            kept = fingerprint(conn, ("mart", "warehouse"))
        pipeline.run_pipeline(copy, settings(home / "landing"), "incremental", first_stage="facts")
        with psycopg.connect(copy) as conn:
            rebuilt = fingerprint(conn, ("mart", "warehouse"))

    assert [] == differences(kept, rebuilt)
    assert {f"mart.{cube.table}" for cube in (*BASE_CUBES, *DERIVED_CUBES)} <= kept.keys()


@pytest.mark.parametrize("cube", BASE_CUBES, ids=lambda cube: cube.table)
def test_a_base_cube_sums_to_its_facts(cubes, cube):
    """To the cent, in every measure it is checked by."""
    sums = sql.SQL(", ").join(sql.SQL("sum({})").format(sql.Identifier(name)) for name in cube.measures)
    query = sql.SQL("SELECT count(*) > 0, {} FROM {}")

    assert rows(cubes, query.format(sums, sql.Identifier("warehouse", cube.fact))) == rows(
        cubes, query.format(sums, sql.Identifier("mart", cube.table))
    )


@pytest.mark.parametrize(
    "cube", [cube for cube in BASE_CUBES if cube.delta != "work_claims_daily_plan"], ids=lambda cube: cube.table
)
def test_the_rows_of_a_base_cube_count_their_facts(cubes, cube):
    """The count that tells an empty group from one whose amounts cancel out."""
    counted = rows(cubes, sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("warehouse", cube.fact)))
    summed = rows(cubes, sql.SQL("SELECT sum(fact_row_count) FROM {}").format(sql.Identifier("mart", cube.table)))

    assert counted == summed


def test_windows_hold_the_thirty_days_that_end_with_them(cubes):
    """Against sums over the claim lines, day by day in plain Python."""
    paid, settled = defaultdict(lambda: defaultdict(int)), defaultdict(lambda: defaultdict(int))
    for plan, day, amount, early in rows(
        cubes,
        """
        SELECT plan.plan_id, fact.service_date, sum(fact.paid_amount),
            COALESCE(sum(fact.paid_amount) FILTER (WHERE fact.paid_date <= fact.service_date + 30), 0)
        FROM warehouse.fact_claim_line AS fact
        INNER JOIN (SELECT DISTINCT plan_durable_key, plan_id FROM warehouse.dim_plan) AS plan USING (plan_durable_key)
        GROUP BY plan.plan_id, fact.service_date
        """,
    ):
        paid[plan][day] = amount
        settled[plan][day] = early
    found = rows(
        cubes,
        "SELECT plan_id, calendar_date, rolling_30_day_paid_amount, prior_30_day_paid_amount, settled_30_day_paid_amount, "
        "(SELECT max(as_of) FROM etl.source_file WHERE feed IN ('claims', 'enrollments')) FROM mart.plan_performance_history",
    )

    def window(amounts, last):
        return sum(amounts.get(last - timedelta(days=back), 0) for back in range(30))

    assert len(found) > 1000
    for plan, day, rolling, prior, early, horizon in found:
        first = min(paid[plan])
        assert window(paid[plan], day) == rolling
        assert (window(paid[plan], day - timedelta(days=30)) if (day - first).days >= 59 else None) == prior
        assert (window(settled[plan], day) if day <= horizon - timedelta(days=30) else None) == early


def test_the_last_quarter_is_the_end_of_the_history(cubes):
    """The materialized view is what the view of every day says of its last 92 days, with no day left out."""
    since = "calendar_date > (SELECT max(as_of) FROM etl.source_file) - 92"

    assert [] == rows(
        cubes,
        "(TABLE mart.plan_performance EXCEPT ALL SELECT * FROM mart.plan_performance_history) UNION ALL "
        f"(SELECT * FROM mart.plan_performance_history WHERE {since} EXCEPT ALL TABLE mart.plan_performance)",
    )


def test_movement_closes_in_every_month_of_every_plan(cubes):
    """Opening and closing come from member months, movements from their own fact: they must meet."""
    broken = rows(
        cubes,
        "SELECT * FROM mart.enrollment_movement WHERE opening_count + added_count + switched_in_count - switched_out_count "
        "- terminated_count <> closing_count",
    )
    ((opened, closed, added, terminated),) = rows(
        cubes,
        "SELECT sum(opening_count), sum(closing_count), sum(added_count), sum(terminated_count) FROM mart.enrollment_movement",
    )

    assert [] == broken
    assert opened == closed
    assert added == terminated > 0


def test_who_switches_out_of_a_plan_switches_into_another_for_the_same_reason(cubes):
    """In the same month."""
    query = """
        SELECT month_start_date, movement_reason_code, sum(member_count)
        FROM mart.enrollment_movement_monthly WHERE movement_code = '{}' GROUP BY 1, 2 ORDER BY 1, 2
    """

    assert rows(cubes, query.format("switched_in")) == rows(cubes, query.format("switched_out"))


def test_adjustments_sum_to_the_member_months(cubes):
    """All that deliveries ever changed comes to what is known now."""
    assert [] == rows(
        cubes,
        f"""
        SELECT member_durable_key, month_start_date, policy_id
        FROM (
            {MONTHS}
            UNION ALL
            SELECT member_durable_key, month_start_date, policy_id, plan_durable_key, -member_month_count,
                -days_covered_count, -gross_premium_amount, -aptc_amount, -net_premium_amount
            FROM warehouse.fact_member_month_adjustment
        ) AS both_sides
        GROUP BY member_durable_key, month_start_date, policy_id, plan_durable_key
        HAVING (sum(member_month_count), sum(days_covered_count), sum(gross_premium_amount), sum(aptc_amount),
            sum(net_premium_amount)) <> (0, 0, 0, 0, 0)
        """,
    )


def test_member_months_can_be_shown_as_any_load_reported_them(market, cubes):
    """The adjustments up to a delivery are the months as they stood after it."""
    _, seen = market

    assert len(set(map(frozenset, seen.values()))) > 1
    for as_of, then in seen.items():
        shown = cubes.execute(
            """
            SELECT member_durable_key, month_start_date, policy_id, plan_durable_key, sum(member_month_count),
                sum(days_covered_count), sum(gross_premium_amount), sum(aptc_amount), sum(net_premium_amount)
            FROM warehouse.fact_member_month_adjustment WHERE reported_as_of <= %s
            GROUP BY 1, 2, 3, 4 HAVING sum(member_month_count) <> 0
            """,
            (as_of,),
        ).fetchall()
        assert then == set(shown)


def test_retro_activity_ends_with_what_is_known_now(cubes):
    """The last delivery that changed a month reported what the enrollment cube holds."""
    last = rows(
        cubes,
        "SELECT DISTINCT ON (month_start_date) month_start_date, reported_member_month_count, current_member_month_count, "
        "reported_gross_premium_amount FROM mart.retro_activity ORDER BY month_start_date, reported_as_of DESC",
    )
    known = rows(
        cubes,
        "SELECT month_start_date, sum(member_month_count), sum(member_month_count), sum(gross_premium_amount) "
        "FROM mart.enrollment_monthly GROUP BY month_start_date ORDER BY month_start_date",
    )

    assert known == [row for row in last if row[1]]


def test_the_triangle_sums_to_all_that_is_paid(cubes):
    """Month by month of service, and its last cumulative cell is the month's total."""
    paid = rows(
        cubes,
        "SELECT date_trunc('month', service_date)::date, claim_type, sum(paid_amount) FROM warehouse.fact_claim_line "
        "WHERE paid_date IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2",
    )

    assert paid == rows(
        cubes,
        "SELECT month_start_date, claim_type, sum(paid_amount) FROM mart.claim_lag_triangle GROUP BY 1, 2 ORDER BY 1, 2",
    )
    assert paid == rows(
        cubes,
        "SELECT DISTINCT ON (month_start_date, claim_type) month_start_date, claim_type, cumulative_paid_amount "
        "FROM mart.claim_lag_triangle ORDER BY month_start_date, claim_type, lag_month_count DESC",
    )


def test_what_is_not_yet_known_is_what_is_not_yet_paid(cubes):
    """IBNR is ultimate less paid; factors rise to one."""
    assert [(0,)] == rows(
        cubes, "SELECT count(*) FROM mart.ibnr_estimate WHERE ibnr_amount <> ultimate_amount - paid_amount"
    )
    assert rows(cubes, "SELECT count(*) > 5 FROM mart.ibnr_estimate WHERE ibnr_amount > 0") == [(True,)]
    for claim_type, factors in rows(
        cubes,
        "SELECT claim_type, array_agg(completion_factor_rate / lead_factor - 1 / link_ratio_rate) FROM (SELECT f.*, "
        "COALESCE(lead(completion_factor_rate) OVER (PARTITION BY claim_type ORDER BY lag_month_count), 1) AS lead_factor "
        "FROM mart.completion_factors AS f) AS chained WHERE link_ratio_rate > 0 GROUP BY claim_type",
    ):
        assert max(map(abs, factors)) < 1e-5, claim_type


@pytest.mark.parametrize(("view", "rate", "numerator", "denominator", "factor", "digits"), RATES)
def test_a_ratio_stands_beside_what_it_is_made_of(cubes, view, rate, numerator, denominator, factor, digits):
    """Anybody can add up numerators and denominators over rows and divide anew; NULL where there is nothing to divide by."""
    query = sql.SQL(
        "SELECT count({rate}), count(*) FILTER (WHERE {rate} IS DISTINCT FROM round({factor} * {numerator}::numeric "
        "/ NULLIF({denominator}, 0), {digits})) FROM {view} AS cube WHERE COALESCE(to_jsonb(cube) ->> 'is_future_month', "
        "'false') = 'false'"
    ).format(
        rate=sql.Identifier(rate),
        numerator=sql.Identifier(numerator),
        denominator=sql.Identifier(denominator),
        factor=sql.Literal(factor),
        digits=sql.Literal(digits),
        view=sql.Identifier("mart", view),
    )
    ((there, wrong),) = rows(cubes, query)

    assert there > 0
    assert 0 == wrong


def test_totals_of_the_cube_are_the_sums_of_its_cells(cubes):
    """Over categories, over metal levels, over both."""
    for grouping, other in ((1, "metal_level"), (2, "service_category_code"), (3, "month_start_date")):
        query = sql.SQL(
            "SELECT month_start_date, {other}, sum(paid_amount) FROM mart.pmpm_service_category WHERE grouping_id = {id} "
            "GROUP BY 1, 2 ORDER BY 1, 2"
        )
        total = rows(cubes, query.format(other=sql.Identifier(other), id=sql.Literal(grouping)))
        cells = rows(cubes, query.format(other=sql.Identifier(other), id=sql.Literal(0)))

        assert cells == total


def test_denials_follow_each_claim(cubes):
    """A claim is denied when all its lines are: counted claim by claim in plain SQL over the facts."""
    expected = rows(
        cubes,
        """
        SELECT count(*), count(*) FILTER (WHERE is_denied) FROM (
            SELECT bool_and(claim_line_status = 'denied') AS is_denied FROM warehouse.fact_claim_line
            WHERE NOT is_reversal AND claim_frequency_code <> '8' GROUP BY claim_id, claim_version_number
        ) AS claim
        """,
    )

    assert expected == rows(
        cubes, "SELECT sum(received_claim_count), sum(denied_received_claim_count) FROM mart.denials_yearly_plan"
    )


def test_every_code_of_the_facts_is_in_its_dimension(cubes):
    """And all that the seed data uses is described."""
    for table, column, dimension, code in (
        ("fact_claim_line", "principal_diagnosis_code", "dim_diagnosis", "diagnosis_code"),
        ("fact_claim_line", "procedure_code", "dim_procedure", "procedure_code"),
        ("fact_claim_line", "place_of_service_code", "dim_place_of_service", "place_of_service_code"),
        ("fact_claim_line", "carc_code", "dim_denial_reason", "carc_code"),
        ("fact_enrollment", "maintenance_reason_code", "dim_enrollment_reason", "maintenance_reason_code"),
        ("fact_member_month", "age_band_code", "dim_age_band", "age_band_code"),
    ):
        missing = sql.SQL(
            "SELECT DISTINCT fact.{column} FROM warehouse.{table} AS fact LEFT JOIN warehouse.{dimension} AS dim "
            "ON fact.{column} = dim.{code} AND dim.is_described WHERE fact.{column} IS NOT NULL AND dim.{code} IS NULL"
        ).format(
            column=sql.Identifier(column),
            table=sql.Identifier(table),
            dimension=sql.Identifier(dimension),
            code=sql.Identifier(code),
        )
        assert [] == rows(cubes, missing), column


def test_nothing_is_refreshed_whose_inputs_did_not_move(cubes):
    """A load that brings no claims leaves the claim views as they are."""
    for cube in DERIVED_CUBES:
        assert 0 == cube_loader.refresh_cube(cubes, cube, {"fact_enrollment", "publish"}).read
        assert 0 < cube_loader.refresh_cube(cubes, cube, {cube.inputs[0]}).read or cube.table == "high_cost_claimants"


@pytest.mark.parametrize(
    "cube", [cube for cube in BASE_CUBES if cube.delta != "work_claims_daily_plan"], ids=lambda cube: cube.table
)
def test_the_gate_of_a_rebuild_finds_any_base_cube_that_is_broken(server, market, cube):
    """One unit too many in one row of one measure."""
    with connect(server.url(market[0])) as conn:
        batch = whole_batch(conn)
        pipeline.prepare(conn, batch)
        name, measure = sql.Identifier("mart", cube.table), sql.Identifier(cube.measures[-1])
        conn.execute(
            sql.SQL("UPDATE {0} SET {1} = {1} + 1 WHERE ctid = (SELECT min(ctid) FROM {0})").format(name, measure)
        )
        failed = {result.table for result in gate.run_gate(conn, batch.sources, whole=True) if not result.passed}
        conn.rollback()

    assert cube.table in failed
