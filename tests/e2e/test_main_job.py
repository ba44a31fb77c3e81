"""The main job: the same tables however often and in however many steps they are loaded, and the same dollars everywhere."""

import csv
import json
import re
from collections import defaultdict
from decimal import Decimal

import pytest

ZERO = Decimal("0.00")
DOLLARS = ("billed_amount", "allowed_amount", "paid_amount")
PREMIUMS = ("gross_premium_amount", "aptc_amount", "net_premium_amount")


def records(landing, feed):
    """Every record of a feed's files, by Python's own csv module: nothing of ours has a hand in it."""
    for path in sorted(landing.glob(f"*/{feed}.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file)


def total(rows, columns):
    """Sums to the cent."""
    sums = dict.fromkeys(columns, ZERO)
    for row in rows:
        for column in columns:
            sums[column] += Decimal(row[column] or 0)
    return sums


def final_lines(landing):
    """The lines of each claim family's last version, if that is no void: told from the files alone."""
    lines, previous, version, frequency = defaultdict(list), {}, {}, {}
    for line in records(landing, "claims"):
        claim = line["claim_id"]
        lines[claim].append(line)
        version[claim] = int(line["claim_version_number"])
        frequency[claim] = line["claim_frequency_code"]
        if line["original_claim_id"]:
            previous[claim] = line["original_claim_id"]

    def first(claim):
        while claim in previous:
            claim = previous[claim]
        return claim

    last = {}
    for claim in lines:
        family = first(claim)
        if family not in last or version[claim] > version[last[family]]:
            last[family] = claim
    return [line for claim in last.values() if frequency[claim] != "8" for line in lines[claim]]


def in_database(warehouse, table, columns, where="true"):
    sums = ", ".join(f"COALESCE(sum({column}), 0.00)" for column in columns)
    (row,) = warehouse.rows(f"SELECT {sums} FROM {table} WHERE {where}")
    return dict(zip(columns, row, strict=True))


def test_a_full_load_shows_rows_rejects_dollars_times_and_what_to_try_next(first_load):
    """The summary is what a newcomer reads first."""
    warehouse, out = first_load
    paid = f"{warehouse.value('SELECT sum(paid_amount) FROM warehouse.fact_claim_line'):,}"

    assert "25 loads rebuilt" in out
    assert re.search(r"^  facts +fact_claim_line ", out, re.MULTILINE)
    assert re.search(r"^  claims +24 ", out, re.MULTILINE)
    assert re.search(r"^gate: (\d+) of \1 checks passed$", out, re.MULTILINE)
    assert re.search(r"^time: extract [\d.]+ s · stage ", out, re.MULTILINE)
    assert out.rstrip().splitlines()[-4] == "try next:"
    for layer in ("fact_claim_line", "claims_daily_plan_provider", "claims_monthly_member", "loss_ratio_monthly"):
        assert re.search(rf"^  = {layer} .* {re.escape(paid)}$", out, re.MULTILINE)


def test_every_dollar_of_the_claims_is_at_every_layer(first_load):
    """Files = staging + rejects; the versions in force = fact = each cube; added up from the CSV files by other means."""
    warehouse, _ = first_load
    sent = total(records(warehouse.landing, "claims"), DOLLARS)
    rejected = total(
        (
            dict(zip(header, next(csv.reader([raw])), strict=True))
            for header, raw in warehouse.rows(
                "SELECT file.header, reject.raw_text FROM etl.rejected_row AS reject "
                "INNER JOIN etl.source_file AS file USING (source_file_id) WHERE file.feed = 'claims'"
            )
        ),
        DOLLARS,
    )
    staged = in_database(warehouse, "staging.stg_claim", DOLLARS)
    final = total(final_lines(warehouse.landing), DOLLARS)

    assert sent == {column: staged[column] + rejected[column] for column in DOLLARS}
    assert ZERO < final["paid_amount"] < sent["paid_amount"]
    assert final == in_database(warehouse, "warehouse.fact_claim_line", DOLLARS)
    assert final == in_database(warehouse, "warehouse.fact_claim_line", DOLLARS, "is_final_action")
    assert final == in_database(warehouse, "warehouse.claims_cash", DOLLARS)
    assert final == in_database(warehouse, "warehouse.claims_incurred", DOLLARS)
    assert final == in_database(warehouse, "mart.claims_daily_plan_provider", DOLLARS)
    assert final == in_database(warehouse, "mart.claims_monthly_member", DOLLARS)
    assert {**final, "billed_amount": ZERO} == {
        **in_database(warehouse, "mart.loss_ratio_monthly", DOLLARS[1:]),
        "billed_amount": ZERO,
    }


def test_every_member_has_his_dollars_in_every_month(first_load):
    """A total can be right by two wrongs; here each cell of a cube is added up from the files."""
    warehouse, _ = first_load
    expected = defaultdict(lambda: ZERO)
    for line in final_lines(warehouse.landing):
        expected[line["member_id"] or "(unknown)", line["service_date"][:7]] += Decimal(line["paid_amount"])
    found = {
        (member, month): paid
        for member, month, paid in warehouse.rows(
            "SELECT member.member_id, to_char(cube.month_start_date, 'YYYY-MM'), cube.paid_amount "
            "FROM mart.claims_monthly_member AS cube INNER JOIN warehouse.dim_member AS member "
            "ON cube.member_durable_key = member.member_durable_key AND member.current_flag"
        )
    }

    assert {cell: paid for cell, paid in expected.items() if paid} == {
        cell: paid for cell, paid in found.items() if paid
    }


def test_plans_perform_as_the_files_say(first_load):
    """plan_performance_history holds every day up to the latest delivery, and its 30 days are 30 days."""
    warehouse, _ = first_load
    horizon = warehouse.value("SELECT max(as_of)::text FROM etl.load")
    lines = [line for line in final_lines(warehouse.landing) if line["service_date"] <= horizon]
    plan, day, rolling = warehouse.rows(
        "SELECT plan_id, calendar_date::text, rolling_30_day_paid_amount FROM mart.plan_performance_history "
        "WHERE rolling_30_day_paid_amount > 0 ORDER BY claim_count DESC, plan_id, calendar_date LIMIT 1"
    )[0]
    first = warehouse.value("SELECT (%s::date - 29)::text", day)
    expected = total(
        [ln for ln in lines if ln["plan_id"] == plan and first <= ln["service_date"] <= day], ["paid_amount"]
    )

    assert total(lines, ["paid_amount"]) == in_database(warehouse, "mart.plan_performance_history", ["paid_amount"])
    assert expected["paid_amount"] == rolling


def test_every_record_of_every_feed_is_staged_or_rejected(first_load):
    """Nothing is lost, and premiums neither."""
    warehouse, _ = first_load
    for feed, table in (
        ("members", "stg_member"),
        ("plans", "stg_plan"),
        ("providers", "stg_provider"),
        ("enrollments", "stg_enrollment"),
        ("claims", "stg_claim"),
    ):
        staged = warehouse.value(f"SELECT count(*) FROM staging.{table}")
        rejected = warehouse.value("SELECT count(*) FROM etl.rejected_row WHERE feed = %s", feed)

        assert sum(1 for _ in records(warehouse.landing, feed)) == staged + rejected
        assert staged
    sent = total(records(warehouse.landing, "enrollments"), PREMIUMS)
    kept = dict.fromkeys(PREMIUMS, ZERO)
    for header, raw in warehouse.rows(
        "SELECT file.header, reject.raw_text FROM etl.rejected_row AS reject "
        "INNER JOIN etl.source_file AS file USING (source_file_id) WHERE file.feed = 'enrollments'"
    ):
        row = dict(zip(header, next(csv.reader([raw])), strict=True))
        kept = {column: kept[column] + Decimal(row[column] or 0) for column in PREMIUMS}
    staged = in_database(warehouse, "staging.stg_enrollment", PREMIUMS)

    assert sent == {column: staged[column] + kept[column] for column in PREMIUMS}


def test_premiums_are_the_same_in_member_months_and_in_the_cubes(first_load):
    """The cube adds up the fact, to the cent."""
    warehouse, _ = first_load
    fact = in_database(warehouse, "warehouse.fact_member_month", ("member_month_count", *PREMIUMS))

    assert fact["gross_premium_amount"] > 0
    assert fact == in_database(warehouse, "mart.enrollment_monthly", ("member_month_count", *PREMIUMS))
    assert fact["gross_premium_amount"] == fact["aptc_amount"] + fact["net_premium_amount"]
    assert {name: fact[name] for name in ("member_month_count", *PREMIUMS[:2])} == in_database(
        warehouse, "mart.loss_ratio_monthly", ("member_month_count", *PREMIUMS[:2])
    )


def test_a_full_load_twice_gives_the_same_tables(loaded):
    """Keys are computed, not drawn: every table is the same in every column but the clock."""
    before = loaded.fingerprints()
    loaded.must("--mode", "full")

    assert before == loaded.fingerprints()
    assert all(rows for table, (rows, _) in before.items() if table.startswith(("staging.", "mart.")))


def test_an_incremental_load_with_nothing_new_changes_nothing_and_says_so(loaded):
    """It costs a look at the files."""
    before = loaded.fingerprints("staging", "warehouse", "mart")
    published = loaded.rows("SELECT * FROM etl.load ORDER BY load_id")

    assert re.match(
        r"nothing new: \d+ files are loaded already; nothing was changed\n", loaded.must("--mode", "incremental")
    )
    assert before == loaded.fingerprints("staging", "warehouse", "mart")
    assert published == loaded.rows("SELECT * FROM etl.load ORDER BY load_id")


def test_three_days_one_by_one_are_three_days_at_once_and_a_rebuild(loaded, empty):
    """The warehouse is a function of the deliveries: not of the steps in which they were taken in."""
    for _ in range(3):
        loaded.next_days(1)
        assert "1 load added" in loaded.must("--mode", "incremental")
    # A month that a later load left as it was keeps the load that wrote it; a rebuild writes it with the latest.
    written_by = frozenset({"fact_member_month.load_id"})
    step_by_step = loaded.fingerprints(but=written_by)
    loaded.must("--from", "dims")
    rebuilt = loaded.fingerprints(but=written_by)
    loaded.landing.rename(empty.landing)
    empty.must("--mode", "full")
    at_once = empty.fingerprints(but=written_by)

    assert step_by_step == rebuilt
    assert step_by_step == at_once


def test_an_incremental_load_keeps_every_dollar(loaded):
    """Sums kept by deltas are the sums of the files after new claims, replacements and voids."""
    loaded.next_days(4)
    loaded.must("--mode", "incremental")
    final = total(final_lines(loaded.landing), DOLLARS)

    assert final == in_database(loaded, "warehouse.fact_claim_line", DOLLARS)
    assert final == in_database(loaded, "mart.claims_daily_plan_provider", DOLLARS)
    assert final == in_database(loaded, "mart.claims_monthly_member", DOLLARS)
    assert loaded.value("SELECT count(*) FROM warehouse.fact_claim_line WHERE is_reversal") > 0


def test_a_plan_shows_what_would_change_and_changes_nothing(loaded):
    """Look before you leap."""
    loaded.next_days(1)
    before = loaded.fingerprints("warehouse", "mart")
    planned = loaded.must("--mode", "incremental", "--plan")
    unchanged = loaded.fingerprints("warehouse", "mart")
    done = loaded.must("--mode", "incremental")

    def history(text):
        return text.partition("\nhistory")[2].partition("\n\n")[0]

    assert planned.startswith("plan: ")
    assert "\nwhat would change (" in planned
    assert before == unchanged
    assert before != loaded.fingerprints("warehouse", "mart")
    assert history(planned) == history(done) != ""


def test_a_plan_with_a_replaced_file_compares_with_what_is_published(loaded):
    """All is rebuilt, yet what shows is what differs; and loads told anew together are known together."""
    last = max(folder for folder in loaded.landing.iterdir() if (folder / "members.csv").is_file())
    head, *told = (last / "members.csv").read_text(encoding="utf-8").splitlines()
    gone = told.pop().split(",")[0]
    told.append(told[0].replace(told[0].split(",")[0], "M9999999999"))
    again = last.with_name(last.name + "_again")
    again.mkdir()
    (again / "members.csv").write_text("\n".join((head, *told)) + "\n", encoding="utf-8")
    promise = json.loads((last / "manifest.json").read_text(encoding="utf-8"))
    promise["feeds"] = {"members": {"file": "members.csv", "mode": promise["feeds"]["members"]["mode"]}}
    (again / "manifest.json").write_text(json.dumps(promise), encoding="utf-8")

    planned = loaded.must("--mode", "incremental", "--plan").partition("\nwhat would change")[2].partition("\n\n")[0]
    loaded.must("--mode", "incremental")
    shown = ("as-of", last.name[:10], "--dimension", "member", "--limit", "100000")
    members, known = (
        re.findall("^  (M[0-9]+) ", loaded.must(*shown, *at), re.MULTILINE) for at in ((), ("--known-at", "2"))
    )

    assert re.search("dim_member +new +1 +M9999999999", planned)
    assert gone in planned
    assert "dim_plan" not in planned
    assert len(set(members)) == len(members) > 0
    assert members == known


@pytest.mark.parametrize("stage", ["dims", "facts", "aggregates", "quality"])
def test_any_stage_can_be_done_again_alone(loaded, stage):
    """Each reads what the one before it left, and leaves the same."""
    before = loaded.fingerprints()
    loaded.must("--only", stage)

    assert before == loaded.fingerprints()


def test_the_steps_are_listed_in_the_order_of_the_run(first_load):
    """--list needs no database, and tells the truth."""
    warehouse, _ = first_load
    listed = [line.split()[1] for line in warehouse.run("--list", DATABASE_URL="").out.splitlines()]
    ran = [
        name for (name,) in warehouse.rows("SELECT step_name FROM etl.step_run WHERE run_id = 1 ORDER BY step_run_id")
    ]

    assert listed == ran


def test_status_and_loads_tell_what_is_there(first_load):
    """Rows as counted, loads as in the ledger, latest first."""
    warehouse, _ = first_load
    status, loads = warehouse.must("status"), warehouse.must("loads").splitlines()
    rows = warehouse.value("SELECT count(*) FROM warehouse.fact_claim_line")

    assert re.search(rf"warehouse\.fact_claim_line +{rows:,}$", status, re.MULTILINE)
    listed = loads[2 : loads.index("", 2)]
    assert [str(load) for load in range(25, 0, -1)] == [line.split()[0] for line in listed]
    assert all(" published " in line for line in listed)
