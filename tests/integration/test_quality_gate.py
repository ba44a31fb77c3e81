"""The gate: what is broken on purpose inside a load shuts it, nothing is published, and the keys are on record."""

from dataclasses import dataclass

import psycopg
import pytest

from etl import pipeline, steps
from etl.core.database import connect
from etl.core.errors import QualityGateError
from etl.core.fingerprint import fingerprint
from etl.core.ledger import Ledger, RowCounts
from etl.quality import gate
from etl.transform.batch import next_batch, whole_batch
from tests.market import load, settings
from tests.quality_lab import copied, loaded_market

A_LINE = "(SELECT claim_id, claim_line_number, service_date FROM work_claim_delta WHERE NOT is_reversal AND claim_line_status = 'paid' ORDER BY claim_id, claim_line_number LIMIT 1)"
THAT_LINE = f"(claim_id, claim_line_number, service_date) = {A_LINE} AND NOT is_reversal"


@dataclass(frozen=True)
class Break:
    """A way to break a table, and the check that must find it."""

    check: str
    statement: str


BREAKS = {
    "a dollar too many in the daily cube": Break(
        "daily_cube_equals_facts",
        "UPDATE mart.claims_daily_plan_provider SET cob_amount = cob_amount + 0.01 WHERE (service_date, plan_key, "
        "provider_key) = (SELECT service_date, plan_key, rendering_provider_key FROM work_claim_delta WHERE sign = 1 LIMIT 1)",
    ),
    "a cell of the daily cube is gone": Break(
        "daily_cube_equals_facts",
        "DELETE FROM mart.claims_daily_plan_provider WHERE (service_date, plan_key, provider_key) = (SELECT service_date, "
        "plan_key, rendering_provider_key FROM work_claim_delta WHERE sign = 1 LIMIT 1)",
    ),
    "a month without premium in the enrollment cube": Break(
        "enrollment_cube_equals_facts",
        "UPDATE mart.enrollment_monthly SET covered_day_count = covered_day_count - 1 WHERE (month_start_date, plan_key, "
        "geography_key, age_band_code) = (SELECT month_start_date, plan_key, geography_key, age_band_code FROM "
        "work_member_month_delta WHERE sign = 1 LIMIT 1)",
    ),
    "a fact is lost": Break("claim_lines_conserved", f"DELETE FROM warehouse.fact_claim_line WHERE {THAT_LINE}"),
    "a fact comes from nowhere": Break(
        "claim_lines_conserved",
        f"UPDATE warehouse.fact_claim_line SET claim_line_number = claim_line_number + 5000 WHERE {THAT_LINE}",
    ),
    "a fact's dollars are changed": Break(
        "claim_dollars_conserved",
        f"UPDATE warehouse.fact_claim_line SET paid_amount = paid_amount + 0.01 WHERE {THAT_LINE}",
    ),
    "a fact points to no member": Break(
        "claim_keys_resolve", f"UPDATE warehouse.fact_claim_line SET member_key = 4711 WHERE {THAT_LINE}"
    ),
    "a fact points to another member's version": Break(
        "claim_keys_resolve",
        "UPDATE warehouse.fact_claim_line AS fact SET member_key = (SELECT other.member_key FROM warehouse.dim_member AS "
        "other WHERE other.member_durable_key NOT IN (-1, -2, fact.member_durable_key) LIMIT 1) "
        f"WHERE {THAT_LINE}",
    ),
    "a fact's place is unknown": Break(
        "claim_keys_resolve", f"UPDATE warehouse.fact_claim_line SET geography_key = 4711 WHERE {THAT_LINE}"
    ),
    "an enrollment is lost": Break(
        "enrollments_conserved",
        "DELETE FROM warehouse.fact_enrollment WHERE transaction_id = (SELECT max(transaction_id) FROM work_enrollment)",
    ),
    "an enrollment's premium is changed": Break(
        "enrollments_conserved",
        "UPDATE warehouse.fact_enrollment SET net_premium_amount = net_premium_amount + 1 WHERE transaction_id = "
        "(SELECT max(transaction_id) FROM work_enrollment)",
    ),
    "a span has no current version": Break(
        "one_current_version",
        "UPDATE warehouse.fact_enrollment SET is_current_version = false WHERE transaction_id = "
        "(SELECT max(transaction_id) FROM work_enrollment INNER JOIN warehouse.fact_enrollment USING (transaction_id) "
        "WHERE is_current_version)",
    ),
    "an enrollment points to no plan": Break(
        "enrollment_keys_resolve",
        "UPDATE warehouse.fact_enrollment SET plan_key = 4711 WHERE transaction_id = "
        "(SELECT max(transaction_id) FROM work_enrollment)",
    ),
    "a month points to no plan": Break(
        "member_month_keys_resolve",
        "UPDATE warehouse.fact_member_month SET plan_key = 4711 WHERE (member_durable_key, month_start_date, policy_id) = "
        "(SELECT member_durable_key, month_start_date, policy_id FROM work_member_month_delta WHERE sign = 1 LIMIT 1)",
    ),
    "a member counts as no head": Break(
        "one_head_a_month",
        "UPDATE warehouse.fact_member_month SET is_primary = false WHERE (member_durable_key, month_start_date) = "
        "(SELECT member_durable_key, month_start_date FROM work_member_month_delta WHERE sign = 1 LIMIT 1)",
    ),
    "staged records are gone": Break(
        "files_conserved",
        "DELETE FROM staging.stg_member WHERE (load_id, record_number) = "
        "(SELECT load_id, record_number FROM staging.stg_member ORDER BY load_id DESC, record_number LIMIT 1)",
    ),
}
CUBES = {
    "a window lacks a day": Break(
        "rolling_windows_add_up",
        "UPDATE mart.claims_rolling_plan SET rolling_30_day_allowed_amount = rolling_30_day_allowed_amount - 0.01 WHERE "
        "ctid = (SELECT min(ctid) FROM mart.claims_rolling_plan)",
    ),
    "a day is not the daily cube's": Break(
        "rolling_windows_add_up",
        "UPDATE mart.claims_rolling_plan SET claim_count = claim_count + 1 WHERE ctid = (SELECT min(ctid) FROM "
        "mart.claims_rolling_plan)",
    ),
    "the rolling view was not refreshed": Break(
        "derived_cubes_follow",
        "UPDATE mart.claims_rolling_plan SET rolling_30_day_paid_amount = rolling_30_day_paid_amount + 0.01 WHERE "
        "calendar_date = (SELECT max(calendar_date) FROM mart.plan_performance)",
    ),
    "the loss ratio was not refreshed": Break(
        "derived_cubes_follow",
        "UPDATE mart.enrollment_monthly_plan SET gross_premium_amount = gross_premium_amount + 0.01 WHERE ctid = "
        "(SELECT min(ctid) FROM mart.enrollment_monthly_plan)",
    ),
    "the other views of claims were not refreshed": Break(
        "derived_cubes_follow",
        "UPDATE mart.claims_quarterly_provider SET line_count = line_count + 1 WHERE (provider_durable_key, calendar_year, "
        "quarter_number) = (SELECT provider_durable_key, calendar_year, quarter_number FROM mart.provider_performance LIMIT 1)",
    ),
}
HISTORY = {
    "versions of a member overlap": Break(
        "dim_member_history",
        "INSERT INTO warehouse.dim_member (member_durable_key, member_key, member_id, start_date, end_date, "
        "first_observed_date, load_id, load_timestamp) SELECT member_durable_key, member_key + 1, member_id, "
        "DATE '2010-01-01', DATE '2011-01-01', first_observed_date, load_id, load_timestamp FROM warehouse.dim_member "
        "WHERE member_durable_key IN (SELECT durable_key FROM work_moved_member) AND start_date = DATE '1900-01-01' LIMIT 1",
    ),
    "a surrogate key stands for two plans": Break(
        "dim_plan_history",
        "UPDATE warehouse.dim_plan SET plan_key = 4711 WHERE plan_durable_key IN (SELECT durable_key FROM work_moved_plan "
        "UNION SELECT plan_durable_key FROM warehouse.dim_plan WHERE NOT EXISTS (SELECT FROM work_moved_plan))",
    ),
}
A_REVERSAL = "(SELECT claim_id, claim_version_number, claim_line_number FROM work_claim_delta WHERE is_reversal AND sign = 1 ORDER BY claim_id LIMIT 1)"
OF_A_LOAD = {
    "what a replacement takes back is missing": Break(
        "new_versions_replace_old",
        "DELETE FROM warehouse.fact_claim_line WHERE is_reversal AND (claim_id, claim_version_number, claim_line_number) = "
        f"{A_REVERSAL}",
    ),
    "a replaced version still counts as the one in force": Break(
        "new_versions_replace_old",
        "UPDATE warehouse.fact_claim_line SET is_final_action = true WHERE NOT is_reversal AND (claim_id, "
        f"claim_version_number, claim_line_number) = {A_REVERSAL}; DELETE FROM warehouse.fact_claim_line WHERE is_reversal "
        f"AND (claim_id, claim_version_number, claim_line_number) = {A_REVERSAL}",
    ),
    "a claim of before does not follow whom it is billed by": Break(
        "moved_keys_in_force",
        "INSERT INTO work_moved_provider SELECT billing_provider_durable_key, DATE '1900-01-01', DATE '9999-12-31' FROM "
        "warehouse.fact_claim_line WHERE billing_provider_key <> rendering_provider_key AND billing_provider_key NOT IN "
        "(-1, -2) LIMIT 1; UPDATE warehouse.fact_claim_line SET billing_provider_key = -2 WHERE "
        "billing_provider_durable_key IN (SELECT durable_key FROM work_moved_provider WHERE end_date = DATE '9999-12-31')",
    ),
    "an enrollment of before does not follow its plan": Break(
        "moved_keys_in_force",
        "INSERT INTO work_moved_plan SELECT plan_durable_key, DATE '1900-01-01', DATE '9999-12-31' FROM "
        "warehouse.fact_enrollment WHERE plan_key NOT IN (-1, -2) LIMIT 1; UPDATE warehouse.fact_enrollment SET plan_key = "
        "-2 WHERE plan_durable_key IN (SELECT durable_key FROM work_moved_plan WHERE end_date = DATE '9999-12-31')",
    ),
    "a member month of before does not follow its member": Break(
        "moved_keys_in_force",
        "INSERT INTO work_moved_member SELECT member_durable_key, DATE '1900-01-01', DATE '9999-12-31' FROM "
        "warehouse.fact_member_month WHERE member_key NOT IN (-1, -2) LIMIT 1; UPDATE warehouse.fact_member_month SET "
        "member_key = -2 WHERE member_durable_key IN (SELECT durable_key FROM work_moved_member WHERE end_date = "
        "DATE '9999-12-31')",
    ),
    "a dollar is in the wrong cell of the daily cube": Break(
        "daily_cube_cells_equal_facts",
        "WITH two AS (SELECT min(cube.ctid) AS one, max(cube.ctid) AS other FROM mart.claims_daily_plan_provider AS cube "
        "WHERE cube.service_date = (SELECT service_date FROM work_claim_delta GROUP BY service_date, sign HAVING "
        "count(DISTINCT rendering_provider_key) > 1 LIMIT 1)) UPDATE mart.claims_daily_plan_provider AS cube SET "
        "paid_amount = paid_amount + CASE WHEN cube.ctid = two.one THEN 1 ELSE -1 END FROM two WHERE cube.ctid IN (two.one, "
        "two.other)",
    ),
    "a member is in the wrong cell of the enrollment cube": Break(
        "enrollment_cube_cells_equal_facts",
        "WITH two AS (SELECT min(cube.ctid) AS one, max(cube.ctid) AS other FROM mart.enrollment_monthly AS cube "
        "WHERE cube.month_start_date = (SELECT max(month_start_date) FROM work_member_month_delta)) UPDATE "
        "mart.enrollment_monthly AS cube SET member_count = member_count + CASE WHEN cube.ctid = two.one THEN 1 ELSE -1 END "
        "FROM two WHERE cube.ctid IN (two.one, two.other)",
    ),
    "a year is not its months": Break(
        "member_years_equal_months",
        "UPDATE mart.claims_yearly_member SET billed_amount = billed_amount + 0.01 WHERE member_durable_key = "
        "(SELECT member_durable_key FROM work_claim_delta LIMIT 1)",
    ),
    "a plan's month lacks a cent": Break(
        "plan_months_equal_cells",
        "UPDATE mart.enrollment_monthly_plan SET aptc_amount = aptc_amount - 0.01 WHERE (month_start_date, "
        "plan_durable_key) = (SELECT month_start_date, plan_durable_key FROM work_member_month_delta LIMIT 1)",
    ),
    "a premium is not split": Break(
        "new_premiums_split",
        "UPDATE warehouse.fact_member_month SET net_premium_amount = net_premium_amount + 1 WHERE (member_durable_key, "
        "month_start_date, policy_id) = (SELECT member_durable_key, month_start_date, policy_id FROM "
        "work_member_month_delta WHERE sign = 1 LIMIT 1)",
    ),
    "a reversal takes back too much": Break(
        "reversals_mirror",
        "UPDATE warehouse.fact_claim_line SET billed_amount = billed_amount + 1 WHERE (claim_id, claim_version_number, "
        "claim_line_number) = (SELECT claim_id, claim_version_number, claim_line_number FROM work_claim_delta WHERE "
        "is_reversal AND sign = 1 LIMIT 1) AND NOT is_reversal",
    ),
    "a claim of before does not follow its member": Break(
        "moved_keys_in_force",
        "INSERT INTO work_moved_member SELECT member_durable_key, DATE '1900-01-01', DATE '9999-12-31' FROM "
        "warehouse.fact_claim_line WHERE member_key > 0 LIMIT 1; UPDATE warehouse.fact_claim_line SET member_key = -2 "
        "WHERE member_durable_key IN (SELECT durable_key FROM work_moved_member WHERE end_date = DATE '9999-12-31')",
    ),
    "a cent too many in a small cube": Break(
        "claims_daily_plan_totals",
        "UPDATE mart.claims_daily_plan SET paid_amount = paid_amount + 0.01 WHERE (plan_durable_key, service_date) = "
        "(SELECT plan_durable_key, service_date FROM work_claim_delta WHERE sign = 1 LIMIT 1)",
    ),
    "a claim too many in a cube without days": Break(
        "claims_yearly_member_totals",
        "UPDATE mart.claims_yearly_member SET line_count = line_count + 1 WHERE member_durable_key = "
        "(SELECT min(member_durable_key) FROM mart.claims_yearly_member)",
    ),
    "a member too many in the movements": Break(
        "enrollment_movement_monthly_totals",
        "UPDATE mart.enrollment_movement_monthly SET member_count = member_count + 1 WHERE (month_start_date, plan_id, "
        "movement_code, movement_reason_code) = (SELECT month_start_date, plan_id, movement_code, movement_reason_code "
        "FROM mart.enrollment_movement_monthly LIMIT 1)",
    ),
    "a dollar too many in the member cube": Break(
        "member_cube_equals_facts",
        "UPDATE mart.claims_monthly_member SET allowed_amount = allowed_amount + 0.01 WHERE member_durable_key = "
        "(SELECT member_durable_key FROM work_claim_delta LIMIT 1)",
    ),
}
# What is broken in the same way where there is no load: any line, cell or transaction will do.
ANYWHERE = {
    name: Break(
        broken.check,
        broken.statement.replace("FROM work_enrollment", "FROM warehouse.fact_enrollment").replace(
            "INNER JOIN warehouse.fact_enrollment USING (transaction_id) ", ""
        ),
    )
    for name, broken in BREAKS.items()
} | {"a surrogate key stands for two plans": HISTORY["a surrogate key stands for two plans"]}
OF_ALL = {
    "what a replacement takes back is missing": Break(
        "versions_replace_old",
        "DELETE FROM warehouse.fact_claim_line WHERE ctid = (SELECT min(ctid) FROM warehouse.fact_claim_line WHERE "
        "is_reversal) AND is_reversal",
    ),
    "a dollar too many in the member cube": Break(
        "claims_monthly_member_totals",
        "UPDATE mart.claims_monthly_member SET allowed_amount = allowed_amount + 0.01 WHERE member_durable_key = "
        "(SELECT min(member_durable_key) FROM mart.claims_monthly_member)",
    ),
    "a claim family is gone": Break(
        "claim_families_counted",
        "DELETE FROM warehouse.fact_claim WHERE claim_family_id = (SELECT min(claim_family_id) FROM warehouse.fact_claim "
        "WHERE NOT is_voided)",
    ),
    "a reversal takes back too much": Break(
        "reversals_mirror",
        "UPDATE warehouse.fact_claim_line SET billed_amount = billed_amount - 1 WHERE (claim_id, claim_version_number, "
        "claim_line_number) = (SELECT claim_id, claim_version_number, claim_line_number FROM warehouse.fact_claim_line WHERE "
        "is_reversal LIMIT 1) AND is_reversal",
    ),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("quality")


@pytest.fixture(scope="module")
def market(server, migrated_template, home):
    """A market with its last deliveries yet to come; the first of those holds all feeds."""
    with loaded_market(server, migrated_template, home, "aca_gate", but_for=4) as name:
        yield name


@pytest.fixture
def url(server, market):
    with copied(server, market, "aca_gate_copy") as address:
        yield address


@pytest.fixture(scope="module")
def load_in_flight(server, market, home):
    """A transaction in which the last deliveries are loaded, but for the gate; and their batch."""
    with copied(server, market, "aca_gate_load") as address:
        pipeline.run_pipeline(address, settings(home / "next"), "incremental", last_stage="stage")
        with connect(address) as conn:
            ledger = Ledger(conn)
            ledger.start_run("test")
            run = steps.Run(conn, ledger, next_batch(conn))
            pipeline.apply_batch(run, [step for step in pipeline.PIPELINE if step.name != "gate"])
            yield conn, run.batch
            conn.rollback()


@pytest.fixture(scope="module")
def rebuild_in_flight(server, market):
    """A transaction that sees all that is published, as a rebuild does before its gate; and the batch of all."""
    with copied(server, market, "aca_gate_whole") as address, connect(address) as conn:
        batch = whole_batch(conn)
        pipeline.prepare(conn, batch)
        yield conn, batch
        conn.rollback()


def failing(in_flight, broken):
    """What the gate finds when the table is broken so; the table is mended afterwards."""
    conn, batch = in_flight
    with conn.transaction(force_rollback=True):
        assert 1 <= conn.execute(broken.statement.encode()).rowcount, "nothing was broken"
        results = gate.run_gate(conn, batch.sources, whole=batch.is_rebuild)
    return {result.check: result.failed_keys for result in results if not result.passed}


# The same promise, kept by another check where only what the load touched is looked at.
IN_A_LOAD = {
    "daily_cube_equals_facts": "daily_cube_cells_equal_facts",
    "enrollment_cube_equals_facts": "enrollment_cube_cells_equal_facts",
    "member_month_keys_resolve": "new_member_months_resolve",
    "one_head_a_month": "one_head_a_touched_month",
    "reversals_mirror": "new_reversals_mirror",
}


@pytest.mark.parametrize(
    "broken", [pytest.param(b, id=n) for n, b in {**BREAKS, **HISTORY, **CUBES, **OF_A_LOAD}.items()]
)
def test_the_gate_finds_what_is_broken_in_a_load(load_in_flight, broken):
    """Looking only at what the load touched."""
    assert failing(load_in_flight, broken)[IN_A_LOAD.get(broken.check, broken.check)]


@pytest.mark.parametrize("broken", [pytest.param(b, id=n) for n, b in {**ANYWHERE, **CUBES, **OF_ALL}.items()])
def test_the_gate_of_a_rebuild_finds_what_is_broken_anywhere(rebuild_in_flight, broken):
    """A rebuild looks at everything: also at what the last load did not touch."""
    assert failing(rebuild_in_flight, broken)[broken.check]


@pytest.mark.parametrize("in_flight", ["load_in_flight", "rebuild_in_flight"])
def test_what_is_sound_passes(request, in_flight):
    """Else the tests above would prove nothing."""
    conn, batch = request.getfixturevalue(in_flight)
    with conn.transaction(force_rollback=True):
        results = gate.run_gate(conn, batch.sources, whole=batch.is_rebuild)

    assert {} == {result.check: result.failed_keys for result in results if not result.passed}
    assert len(results) > 15


def with_break(monkeypatch, broken):
    """Put a step before the gate that breaks a table, as a bug would."""

    def sabotage(run):
        return RowCounts(updated=run.conn.execute(broken.statement.encode()).rowcount)

    first = [step for step in pipeline.PIPELINE if step.name != "gate"]
    last = [step for step in pipeline.PIPELINE if step.name == "gate"]
    monkeypatch.setattr(pipeline, "PIPELINE", (*first, steps.Step("sabotage", "quality", sabotage), *last))


def failures(url):
    """How many keys fail, and which are on record, by check."""
    with psycopg.connect(url) as conn:
        rows = conn.execute(
            "SELECT result.check_name, result.failed_count, array_agg(failure.failed_key) FROM etl.check_result AS result "
            "INNER JOIN etl.check_failure AS failure USING (check_result_id) GROUP BY result.check_result_id"
        ).fetchall()
    return {check: (count, keys) for check, count, keys in rows}


def published(url):
    with psycopg.connect(url) as conn:
        return fingerprint(conn, ("warehouse", "mart"))


@pytest.mark.parametrize(
    ("mode", "name"),
    [
        pytest.param("incremental", "a dollar too many in the daily cube", id="a cube, in a load"),
        pytest.param("incremental", "a fact is lost", id="a fact, in a load"),
        pytest.param("incremental", "versions of a member overlap", id="a dimension, in a load"),
        pytest.param("full", "a fact points to no member", id="a fact, in a rebuild"),
    ],
)
def test_what_is_broken_is_not_published(url, home, monkeypatch, mode, name):
    """The error names the check and the next command, every failing key is kept, and the tables stay as they were."""
    broken = {**BREAKS, **HISTORY}[name]
    with_break(monkeypatch, broken)
    before = published(url)

    with pytest.raises(QualityGateError) as shut:
        load(url, home / ("landing" if mode == "full" else "next"), mode)

    check = IN_A_LOAD.get(broken.check, broken.check) if mode == "incremental" else broken.check
    count, keys = failures(url)[check]
    assert count == len(keys) >= 1
    assert f"{check} on " in str(shut.value)
    assert "make failures" in str(shut.value)
    assert before == published(url)


def test_a_sound_load_puts_every_result_on_record(url, home):
    """Passed checks too: a trend needs both."""
    outcome = load(url, home / "next")

    with psycopg.connect(url) as conn:
        rows = conn.execute(
            "SELECT check_name, status, failed_count FROM etl.check_result WHERE run_id = %s ORDER BY check_result_id",
            (outcome.run_id,),
        ).fetchall()
    assert [(result.check, "passed", 0) for result in outcome.results] == rows
