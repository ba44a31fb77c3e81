"""Cubes drawn by hand: windows and years compared, service categories, denial reasons, lag, members who move."""

import pytest
from psycopg import sql

from etl import steps
from etl.catalog.cubes import BASE_CUBES
from etl.catalog.facts import CLAIM_LINE
from etl.transform import cube_loader, movement_loader, reference_loader
from etl.transform.batch import Batch
from etl.transform.work_tables import leave_delta, make
from tests.tables import expect, given

PLAN = "11111FL0010001-01"
CODES = ("claim_type", "bill_type_code", "place_of_service_code", "revenue_code", "procedure_code")
PLAN_KEYS = "plan_durable_key, plan_key, plan_id, plan_year, start_date, first_observed_date, load_id, load_timestamp"


@pytest.fixture
def warehouse(conn):
    """An empty warehouse with one plan in two plan years, delivered up to 2026-03-31."""
    for year in (2025, 2026):
        conn.execute(
            f"INSERT INTO warehouse.dim_plan ({PLAN_KEYS}, metal_level) VALUES (%s, %s, %s, %s, '1900-01-01', '2025-01-01', "
            "1, '2026-01-01', 'Silver')",
            (year, year, PLAN, year),
        )
    deliver(conn, 1, "2026-03-31")
    reference_loader.load_references(conn)
    steps._dim_date(steps.Run(conn, None, None))
    return conn


def deliver(conn, load_id, as_of):
    conn.execute("INSERT INTO etl.run (mode, holder) VALUES ('test', 'test')")
    conn.execute(
        "INSERT INTO etl.load (load_id, run_id, delivery_name, as_of, status, load_timestamp) OVERRIDING SYSTEM VALUE "
        "VALUES (%s, (SELECT max(run_id) FROM etl.run), %s, %s, 'published', '2026-01-01')",
        (load_id, as_of, as_of),
    )
    conn.execute(
        "INSERT INTO etl.source_file (load_id, feed, as_of, mode, status, path, byte_count, content_hash, record_count, "
        "staged_count, rejected_count, duplicate_count) VALUES (%s, 'claims', %s, 'delta', 'in_force', 'x', 1, "
        "'00000000-0000-0000-0000-000000000000', 0, 0, 0, 0)",
        (load_id, as_of),
    )


def claims(conn, drawing):
    """Put claim lines into a delta, with the columns that are not drawn as plain as can be."""
    conn.execute("DROP TABLE IF EXISTS pg_temp.work_claim_moved, pg_temp.work_claim_code, pg_temp.work_service CASCADE")
    conn.execute(
        "CREATE TEMPORARY TABLE work_claim_moved (LIKE warehouse.fact_claim_line INCLUDING DEFAULTS, sign integer)"
    )
    plain = {
        "member_durable_key": 1, "member_key": 1, "claim_id": "'C1'", "claim_version_number": 1, "claim_line_number": 1,
        "is_reversal": "false", "claim_family_id": "'C1'", "claim_frequency_code": "'1'", "claim_type": "'professional'",
        "claim_line_status": "'paid'", "is_final_action": "true", "is_orphan_claim": "false", "is_plan_mismatch": "false",
        "plan_durable_key": 2026, "plan_key": 2026, "rendering_provider_durable_key": 1, "rendering_provider_key": 1,
        "billing_provider_durable_key": 1, "billing_provider_key": 1, "geography_key": -1, "service_date_key": 20260101,
        "service_date": "'2026-01-01'", "claim_count": 1, "line_count": 1, "denied_line_count": 0, "unit_count": 1,
        "billed_amount": 0, "allowed_amount": 0, "paid_amount": 0, "deductible_amount": 0, "copay_amount": 0,
        "coinsurance_amount": 0, "cob_amount": 0, "load_id": 1, "load_timestamp": "'2026-01-01'", "sign": 1,
    }  # fmt: skip
    for column, value in plain.items():
        conn.execute(f"ALTER TABLE work_claim_moved ALTER COLUMN {column} SET DEFAULT {value}")
    given(conn, "pg_temp.work_claim_moved", drawing)
    codes = ", ".join(f"COALESCE({code}, '') AS {code}" for code in CODES)
    conn.execute(
        f"CREATE TEMPORARY TABLE work_claim_code AS SELECT {codes}, COALESCE(principal_diagnosis_code, '') AS diagnosis_code, "
        "COALESCE(carc_group_code, '') AS carc_group_code, COALESCE(carc_code, '') AS carc_code FROM work_claim_moved"
    )
    reference_loader.name_codes(conn)
    make(conn, "work_service")
    same = " AND ".join(f"COALESCE(line.{code}, '') = service.{code}" for code in CODES)
    conn.execute(
        "UPDATE work_claim_moved AS line SET service_category_code = service.service_category_code "
        f"FROM work_service AS service WHERE {same}"
    )
    leave_delta(conn, CLAIM_LINE, sql.Identifier("work_claim_moved"))
    cube_loader.leave_cents(conn)


def add(conn, *tables):
    for table in tables:
        cube = next(cube for cube in BASE_CUBES if cube.table == table)
        cube_loader.load_cube(conn, cube)


def refresh(conn, *views):
    for view in views:
        conn.execute(f"REFRESH MATERIALIZED VIEW mart.{view}")


def test_a_year_is_compared_at_equal_run_out(warehouse):
    """Last year's late payments do not make this year look cheap: only what was paid within 30 days counts, in both."""
    claims(
        warehouse,
        """
        | plan_durable_key | service_date | paid_date  | paid_amount |
        | 2025             | 2025-01-01   | 2025-01-02 | 1.00        |
        | 2025             | 2025-02-10   | 2025-02-20 | 100.00      |
        | 2025             | 2025-02-11   | 2025-09-20 | 900.00      |
        | 2026             | 2026-02-10   | 2026-02-25 | 110.00      |
        | 2026             | 2026-03-20   | 2026-03-25 | 70.00       |
        """,
    )
    add(warehouse, "claims_daily_plan", "claims_rolling_plan")
    refresh(warehouse, "plan_performance")
    warehouse.execute(
        "CREATE TEMPORARY VIEW seen AS SELECT * FROM mart.plan_performance WHERE calendar_date IN ('2026-02-20', '2026-03-25')"
    )

    expect(
        warehouse,
        "pg_temp.seen",
        """
        | calendar_date | rolling_30_day_paid_amount | year_ago_30_day_paid_amount | settled_30_day_paid_amount | year_ago_settled_30_day_paid_amount | year_over_year_change_rate |
        | 2026-02-20    | 110.00                     | 1000.00                     | 110.00                     | 100.00                              | 0.10000                    |
        | 2026-03-25    | 70.00                      | 0.00                        | NULL                       | 0.00                                | NULL                       |
        """,
    )


def test_what_is_absent_is_null_and_what_is_nothing_is_zero(warehouse):
    """A plan's first 59 days have no period before; a quiet month is a period of zero."""
    claims(
        warehouse,
        """
        | service_date | paid_date  | paid_amount |
        | 2026-01-01   | 2026-01-02 | 50.00       |
        | 2026-01-20   | 2026-01-22 | 30.00       |
        """,
    )
    add(warehouse, "claims_daily_plan", "claims_rolling_plan")
    refresh(warehouse, "plan_performance")
    warehouse.execute(
        "CREATE TEMPORARY VIEW seen AS SELECT * FROM mart.plan_performance "
        "WHERE calendar_date IN ('2026-01-30', '2026-01-31', '2026-02-28', '2026-03-01', '2026-03-20')"
    )

    expect(
        warehouse,
        "pg_temp.seen",
        """
        | calendar_date | rolling_30_day_paid_amount | prior_30_day_paid_amount | prior_30_day_change_rate |
        | 2026-01-30    | 80.00                      | NULL                     | NULL                     |
        | 2026-01-31    | 30.00                      | NULL                     | NULL                     |
        | 2026-02-28    | 0.00                       | NULL                     | NULL                     |
        | 2026-03-01    | 0.00                       | 80.00                    | -1.00000                 |
        | 2026-03-20    | 0.00                       | 30.00                    | -1.00000                 |
        """,
    )


def test_providers_are_kept_for_two_quarters_and_the_history_has_all(warehouse):
    """Peers are those of the same quarter: what is left out of the view changes no price in it."""
    claims(
        warehouse,
        """
        | rendering_provider_durable_key | service_date | allowed_amount |
        | 1                              | 2025-09-30   | 50.00          |
        | 1                              | 2025-10-01   | 30.00          |
        | 2                              | 2025-12-31   | 10.00          |
        | 1                              | 2026-03-31   | 70.00          |
        """,
    )
    add(warehouse, "claims_quarterly_provider")
    refresh(warehouse, "provider_performance")
    kept = """
        | 1                    | 2025          | 4              | 30.00          | 20.00                   |
        | 2                    | 2025          | 4              | 10.00          | 20.00                   |
        | 1                    | 2026          | 1              | 70.00          | 70.00                   |"""
    head = "| provider_durable_key | calendar_year | quarter_number | allowed_amount | expected_allowed_amount |"
    before = "| 1                    | 2025          | 3              | 50.00          | 50.00                   |"

    expect(warehouse, "mart.provider_performance", f"{head}{kept}")
    expect(warehouse, "mart.provider_performance_history", f"{head}\n{before}{kept}")


def test_a_window_that_nothing_is_left_of_is_deleted(warehouse):
    """What a load takes away goes from all thirty windows."""
    line = "| 2026-01-01   | 50.00       |"
    claims(warehouse, f"| service_date | paid_amount |\n{line}")
    add(warehouse, "claims_daily_plan", "claims_rolling_plan")
    count = warehouse.execute("SELECT count(*) FROM mart.claims_rolling_plan").fetchone()
    claims(warehouse, f"| service_date | paid_amount | sign |\n{line} -1 |")
    add(warehouse, "claims_daily_plan", "claims_rolling_plan")

    assert (30,) == count
    assert (0,) == warehouse.execute("SELECT count(*) FROM mart.claims_rolling_plan").fetchone()


def test_a_line_is_of_the_category_of_the_first_rule_that_fits(warehouse):
    """Kind of claim before place, place before procedure; a code nobody knows is still counted."""
    claims(
        warehouse,
        """
        | claim_type    | bill_type_code | place_of_service_code | revenue_code | procedure_code | paid_amount |
        | institutional | 0111           | NULL                  | 0450         | NULL           | 1.00        |
        | institutional | 0131           | NULL                  | 0450         | G0380          | 2.00        |
        | institutional | 0131           | NULL                  | 0999         | NULL           | 4.00        |
        | professional  | NULL           | 11                    | NULL         | J1100          | 8.00        |
        | professional  | NULL           | 11                    | NULL         | Z9999          | 16.00       |
        | professional  | NULL           | 20                    | NULL         | J1100          | 32.00       |
        | pharmacy      | NULL           | NULL                  | NULL         | NULL           | 64.00       |
        | undetermined  | NULL           | 77                    | NULL         | NULL           | 128.00      |
        """,
    )
    add(warehouse, "claims_monthly_service")

    expect(
        warehouse,
        "mart.claims_monthly_service",
        """
        | service_category_code | paid_amount |
        | inpatient             | 1.00        |
        | emergency             | 2.00        |
        | outpatient_other      | 4.00        |
        | injected_drug         | 8.00        |
        | office                | 16.00       |
        | urgent_care           | 32.00       |
        | pharmacy              | 64.00       |
        | other                 | 128.00      |
        """,
    )
    unknown = (
        "SELECT procedure_code FROM warehouse.dim_procedure WHERE NOT is_described UNION ALL "
        "SELECT place_of_service_code FROM warehouse.dim_place_of_service WHERE NOT is_described"
    )
    assert [("Z9999",), ("77",)] == warehouse.execute(unknown).fetchall()


def test_a_claim_is_denied_when_all_its_lines_are(warehouse):
    """It counts under the reason of its first line; medical necessity is split by diagnosis; a reversal was not received."""
    claims(
        warehouse,
        """
        | claim_id | claim_line_number | is_reversal | claim_line_status | claim_count | line_count | denied_line_count | carc_group_code | carc_code | principal_diagnosis_code | is_in_network |
        | C1       | 1                 | false       | denied            | 1           | 1          | 1                 | CO              | 50        | F32.A                    | true          |
        | C1       | 2                 | false       | denied            | 0           | 1          | 1                 | CO              | 16        | F32.A                    | true          |
        | C2       | 1                 | false       | denied            | 1           | 1          | 1                 | CO              | 50        | I10                      | true          |
        | C2       | 2                 | false       | paid              | 0           | 1          | 0                 | NULL            | NULL      | I10                      | true          |
        | C3       | 1                 | false       | denied            | 1           | 1          | 1                 | CO              | XX9       | I10                      | true          |
        | C3       | 1                 | true        | denied            | -1          | -1         | -1                | CO              | XX9       | I10                      | true          |
        | C4       | 1                 | false       | paid              | 1           | 1          | 0                 | NULL            | NULL      | I10                      | true          |
        """,
    )
    add(warehouse, "denials_yearly_plan")
    refresh(warehouse, "denials_transparency")

    expect(
        warehouse,
        "mart.denials_transparency",
        """
        | tc_reason_code                     | denied_received_claim_count | received_claim_count | received_denial_rate | denied_claim_count | claim_count | denied_line_count | line_count |
        | not_medically_necessary_behavioral | 1                           | 4                    | 0.25000              | 1                  | 3           | 1                 | 5          |
        | administrative                     | 0                           | 4                    | 0.00000              | 0                  | 3           | 1                 | 5          |
        | not_medically_necessary            | 0                           | 4                    | 0.00000              | 0                  | 3           | 1                 | 5          |
        | other                              | 1                           | 4                    | 0.25000              | 0                  | 3           | 0                 | 5          |
        | (all)                              | 2                           | 4                    | 0.50000              | 1                  | 3           | 3                 | 5          |
        """,
    )


def test_link_ratios_chain_to_completion_factors(warehouse):
    """Two months of service: 100 grows to 150; 100 to 250. Weighted by volume: 400 / 200."""
    claims(
        warehouse,
        """
        | service_date | paid_date  | paid_amount |
        | 2026-01-05   | 2026-01-20 | 100.00      |
        | 2026-01-06   | 2026-02-20 | 50.00       |
        | 2026-02-05   | 2026-02-20 | 100.00      |
        | 2026-02-06   | 2026-03-20 | 150.00      |
        | 2026-03-06   | 2026-03-20 | 10.00       |
        | 2026-03-06   | NULL       | 0.00        |
        """,
    )
    add(warehouse, "claims_monthly_lag")
    refresh(warehouse, "claim_lag_triangle", "completion_factors", "ibnr_estimate")

    expect(
        warehouse,
        "mart.completion_factors",
        """
        | lag_month_count | month_count | from_paid_amount | to_paid_amount | link_ratio_rate | completion_factor_rate |
        | 0               | 2           | 200.00           | 400.00         | 2               | 0.5                    |
        | 1               | 1           | 150.00           | 150.00         | 1               | 1                      |
        """,
    )
    expect(
        warehouse,
        "mart.ibnr_estimate",
        """
        | month_start_date | lag_month_count | method_code  | paid_amount | ultimate_amount | ibnr_amount |
        | 2026-01-01       | 2               | chain_ladder | 150.00      | 150.00          | 0.00        |
        | 2026-02-01       | 1               | chain_ladder | 250.00      | 250.00          | 0.00        |
        | 2026-03-01       | 0               | chain_ladder | 10.00       | 20.00           | 10.00       |
        """,
    )


def test_a_late_end_takes_back_the_months_it_was_too_late_for(warehouse):
    """A retroactive termination: reported first, taken back later, and both can be shown."""
    deliver(warehouse, 2, "2026-04-30")
    warehouse.execute("DROP TABLE IF EXISTS pg_temp.work_touched_member")
    warehouse.execute("CREATE TEMPORARY TABLE work_touched_member AS SELECT 1::bigint AS member_durable_key")
    for load_id, name, day, end, status in (
        (1, "T1", "2026-01-01", "2026-03-31", "effectuated"),
        (2, "T2", "2026-04-15", "2026-01-31", "terminated"),
    ):
        warehouse.execute(
            "INSERT INTO warehouse.fact_enrollment VALUES (1, %s, 'E1', %s, true, 'P1', 1, 2026, 2026, -1, '2026-01-01', %s, "
            "20260101, '021', '28', %s, 'OEP', 'new', 300, 200, 100, %s, '2026-01-01')",
            (name, day, end, status, load_id),
        )
    batch = Batch((1, 2), {}, {}, {}, is_rebuild=False)

    first = movement_loader.load_adjustments(warehouse, batch)
    again = movement_loader.load_adjustments(warehouse, batch)

    assert (5, 0) == (first.inserted, first.deleted)
    assert (0, 0) == (again.inserted, again.deleted)
    expect(
        warehouse,
        "warehouse.fact_member_month_adjustment",
        """
        | month_start_date | reported_as_of | is_removal | member_month_count | days_covered_count | gross_premium_amount |
        | 2026-01-01       | 2026-03-31     | false      | 1                  | 31                 | 300.00               |
        | 2026-02-01       | 2026-03-31     | false      | 1                  | 28                 | 300.00               |
        | 2026-03-01       | 2026-03-31     | false      | 1                  | 31                 | 300.00               |
        | 2026-02-01       | 2026-04-30     | true       | -1                 | -28                | -300.00              |
        | 2026-03-01       | 2026-04-30     | true       | -1                 | -31                | -300.00              |
        """,
    )
