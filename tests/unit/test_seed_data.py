"""The synthetic marketplace: what its files promise, whatever the seed."""

import csv
import json
import os
import signal
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from etl.catalog.sources import SOURCES
from scripts.generate_seed_data import main
from scripts.seed_data import workers
from scripts.seed_data.deliveries import Landing
from scripts.seed_data.market import load_market
from scripts.seed_data.options import Options
from scripts.seed_data.timeline import append_days, make_history

Row = dict[str, str]


def rows(landing: Path, feed: str) -> list[Row]:
    """All rows of one feed, delivery after delivery."""
    found: list[Row] = []
    for path in sorted(landing.glob(f"2*/{feed}.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            found += [{**row, "delivery": path.parent.name} for row in csv.DictReader(file)]
    return found


def files(landing: Path) -> dict[str, bytes]:
    """Every file below *landing* by its relative path."""
    return {str(path.relative_to(landing)): path.read_bytes() for path in sorted(landing.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two years of a small market, and three business days."""
    out = tmp_path_factory.mktemp("seed") / "landing"
    make_history(Options(members=600, years=2, seed=7, first_year=2023, out=out), workers=1)
    append_days(out, 3, workers=1)
    return out


def test_same_seed_same_bytes_on_any_number_of_workers(tmp_path: Path) -> None:
    """Two blocks written by one process or by two give the same files, and another seed gives others."""
    for name, seed, count in (("one", 3, 1), ("two", 3, 2), ("other", 4, 1)):
        make_history(Options(members=2600, years=1, seed=seed, first_year=2024, out=tmp_path / name), workers=count)

    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert files(tmp_path / "one") != files(tmp_path / "other")


def test_three_days_at_once_are_three_times_one_day(tmp_path: Path, landing: Path) -> None:
    """Appending depends on the day, not on how often the command was called."""
    make_history(Options(members=600, years=2, seed=7, first_year=2023, out=tmp_path), workers=1)
    for _ in range(3):
        append_days(tmp_path, 1, workers=1)

    assert files(landing) == files(tmp_path)


@pytest.mark.parametrize("spec", SOURCES, ids=lambda spec: spec.feed)
def test_headers_are_the_contract(landing: Path, spec: object) -> None:
    """Every file has exactly the columns of its feed, in the order of the contract."""
    for path in landing.glob(f"2*/{spec.feed}.csv"):  # type: ignore[attr-defined]
        with path.open(encoding="utf-8") as file:
            assert ",".join(spec.column_names) == file.readline().rstrip("\n")  # type: ignore[attr-defined]


def test_manifests_keep_their_word(landing: Path) -> None:
    """Record counts and control totals are those of the files."""
    control = {spec.feed: spec.control_columns for spec in SOURCES}
    for path in landing.glob("2*/manifest.json"):
        manifest = json.loads(path.read_text(encoding="utf-8"))
        assert path.parent.name == manifest["as_of"]
        assert {f"{feed}.csv" for feed in manifest["feeds"]} == {file.name for file in path.parent.glob("*.csv")}
        for feed, entry in manifest["feeds"].items():
            with (path.parent / entry["file"]).open(newline="", encoding="utf-8") as file:
                found = list(csv.DictReader(file))
            assert entry["record_count"] == len(found)
            for column in control[feed]:
                assert Decimal(entry["control_totals"][column]) == sum(Decimal(row[column]) for row in found)


def test_claim_amounts_add_up_to_the_cent(landing: Path) -> None:
    """Allowed is paid plus every share; billed covers allowed; denied and pended lines allow and pay nothing."""
    claims = rows(landing, "claims")
    parts = ("paid", "deductible", "copay", "coinsurance", "cob")
    for row in claims:
        amount = {name: Decimal(row[f"{name}_amount"]) for name in (*parts, "billed", "allowed")}
        assert amount["allowed"] == sum(amount[name] for name in parts)
        assert amount["billed"] >= amount["allowed"] >= amount["paid"] >= 0
        if row["claim_line_status"] != "paid":
            assert amount["allowed"] == 0
    assert {"paid", "denied", "pended"} == {row["claim_line_status"] for row in claims}


def test_denials_have_reasons_that_are_no_cost_share(landing: Path) -> None:
    """A denied line has a group and a code, and never that of deductible, coinsurance, copay or contract."""
    for row in rows(landing, "claims"):
        code = (row["carc_group_code"], row["carc_code"])
        assert (row["claim_line_status"] == "denied") == (code != ("", ""))
        assert code not in {("PR", "1"), ("PR", "2"), ("PR", "3"), ("CO", "45")}


def test_claim_dates_follow_each_other(landing: Path) -> None:
    """Service, receipt, decision and payment come in that order, and nothing is known before it happened."""
    for row in rows(landing, "claims"):
        days = [row[f"{name}_date"] for name in ("service", "service_end", "received", "adjudicated", "paid")]
        told = [day for day in days if day]
        assert told == sorted(told)
        assert told[-1] < row["delivery"]
        if row["claim_line_status"] == "pended":
            assert row["paid_date"] == ""


def test_replacements_and_voids_point_to_the_first_claim(landing: Path) -> None:
    """Version 1 is frequency 1; later versions are claims of their own that name the root; a void repeats the amounts."""
    claims = rows(landing, "claims")
    by_version = {
        (r["original_claim_id"] or r["claim_id"], r["claim_version_number"], r["claim_line_number"]): r for r in claims
    }
    assert len(by_version) == len(claims)
    for (root, version, line), row in by_version.items():
        assert (version == "1") == (row["claim_frequency_code"] == "1") == (row["claim_id"] == root)
        if row["claim_frequency_code"] == "8":
            voided = by_version[root, str(int(version) - 1), line]
            for name in ("billed", "allowed", "paid", "deductible", "copay", "coinsurance", "cob"):
                assert voided[f"{name}_amount"] == row[f"{name}_amount"]
    assert {"1", "7", "8"} == {row["claim_frequency_code"] for row in claims}


def test_a_denied_claim_may_be_submitted_anew_or_appealed(landing: Path) -> None:
    """Submitted anew it is a claim of its own, received after the denial; an appeal replaces it months after the denial."""
    heads = [row for row in rows(landing, "claims") if row["claim_line_number"] == "1"]
    denied = {row["claim_id"]: row for row in heads if row["claim_line_status"] == "denied"}
    same = ("member_id", "plan_id", "rendering_npi", "service_date", "billed_amount")
    by_care: dict[tuple[str, ...], list[Row]] = {}
    for row in heads:
        if row["claim_frequency_code"] == "1":
            by_care.setdefault(tuple(row[column] for column in same), []).append(row)
    anew = [found for found in by_care.values() if len(found) > 1]
    appeals = [row for row in heads if row["claim_frequency_code"] == "7" and row["original_claim_id"] in denied]

    assert {"paid", "denied"} <= {again["claim_line_status"] for _, again in anew}
    for first, again in anew:
        assert first["claim_id"] in denied
        assert again["original_claim_id"] == ""
        assert first["adjudicated_date"] < again["received_date"]
    decided = [
        (denied[row["original_claim_id"]]["adjudicated_date"], row["adjudicated_date"], row["claim_line_status"])
        for row in appeals
        if row["claim_version_number"] == "2"
    ]
    assert {"paid", "denied"} == {status for _, _, status in decided}
    for before, after, _ in decided:
        assert 70 <= (date.fromisoformat(after) - date.fromisoformat(before)).days <= 184


def test_in_network_is_what_plan_and_provider_say_of_that_day(landing: Path) -> None:
    """A claim is in network where its plan and its rendering provider name the same network on the day of service."""
    told: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    for feed, key in (("plans", ("plan_id", "plan_year")), ("providers", ("npi",))):
        for row in rows(landing, feed):
            since = row["effective_date"] or row["delivery"]
            told.setdefault(tuple(row[column] for column in key), []).append((since, row["network_id"]))

    def network(key: tuple[str, ...], day: str) -> str:
        known = sorted(told[key])
        return [name for since, name in known if since <= day or since == known[0][0]][-1]

    claims = rows(landing, "claims")
    for row in claims:
        day = row["service_date"]
        same = network((row["plan_id"], day[:4]), day) == network((row["rendering_npi"],), day)
        assert same == (row["is_in_network"] == "true"), row["claim_id"]
    assert {"true", "false"} == {row["is_in_network"] for row in claims}
    for feed in ("plans", "providers"):
        assert any(
            len({name for _, name in found}) > 1 for key, found in told.items() if (feed == "plans") == (len(key) == 2)
        )


def final_coverage(landing: Path) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """What each member and plan is covered from and to, after the last transaction of each enrollment."""
    last: dict[str, Row] = {}
    for row in sorted(rows(landing, "enrollments"), key=lambda r: (r["transaction_date"], r["transaction_id"])):
        last[row["enrollment_id"]] = row
    spans: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for row in last.values():
        if row["enrollment_status"] != "cancelled":
            end = row["coverage_end_date"] or f"{row['plan_year']}-12-31"
            spans.setdefault((row["member_id"], row["plan_id"]), []).append((row["coverage_start_date"], end))
    return spans


def test_claims_are_covered_save_for_a_few_orphans(landing: Path) -> None:
    """A claim's member has that plan on the day of service; late terminations leave a few claims without it."""
    spans = final_coverage(landing)
    claims = rows(landing, "claims")
    orphans = [
        row
        for row in claims
        if not any(
            start <= row["service_date"] <= end for start, end in spans.get((row["member_id"], row["plan_id"]), [])
        )
    ]

    assert 0 < len(orphans) < 0.012 * len(claims)


def test_who_is_named_was_told_of(landing: Path) -> None:
    """Members, plans and providers come no later than what names them; only a newborn's first claims may come sooner."""
    first: dict[str, str] = {}
    for feed, column in (("members", "member_id"), ("plans", "plan_id"), ("providers", "npi")):
        for row in rows(landing, feed):
            first.setdefault(row[column], row["delivery"])
    births = {row["member_id"]: row["birth_date"] for row in rows(landing, "members")}
    for row in rows(landing, "enrollments"):
        assert max(first[row["member_id"]], first[row["subscriber_id"]], first[row["plan_id"]]) <= row["delivery"]
    for row in rows(landing, "claims"):
        assert max(first[row[c]] for c in ("plan_id", "billing_npi", "rendering_npi")) <= row["delivery"]
        if first[row["member_id"]] > row["delivery"]:
            assert (
                0 <= (date.fromisoformat(row["service_date"]) - date.fromisoformat(births[row["member_id"]])).days < 60
            )


def test_keys_are_unique_in_their_file(landing: Path) -> None:
    """No file contradicts itself."""
    for spec in SOURCES:
        keys = [(row["delivery"], *(row[column] for column in spec.key)) for row in rows(landing, spec.feed)]
        assert len(keys) == len(set(keys))


def test_premium_is_credit_plus_net(landing: Path) -> None:
    """Net premium is gross less credit, to the cent, and the credit never exceeds the premium."""
    for row in rows(landing, "enrollments"):
        gross, credit, net = (Decimal(row[f"{name}_amount"]) for name in ("gross_premium", "aptc", "net_premium"))
        assert net == gross - credit
        assert 0 <= credit <= gross


def test_numbers_and_mails_are_unmistakably_invented(landing: Path) -> None:
    """Phones are 555-01xx and mails end in example.com."""
    for row in rows(landing, "members"):
        assert row["phone"].startswith("(555) 555-01")
        assert row["email"].endswith("@example.com")


def test_npi_passes_the_luhn_check(landing: Path) -> None:
    """The check digit of every provider is that of Luhn over 80840 and the number."""
    for row in rows(landing, "providers"):
        digits = [int(d) for d in f"80840{row['npi']}"][::-1]
        doubled = [d if place % 2 == 0 else sum(divmod(2 * d, 10)) for place, d in enumerate(digits)]
        assert len(row["npi"]) == 10
        assert sum(doubled) % 10 == 0


def test_plan_ids_have_the_shape_of_hios_and_csr_is_silver_only(landing: Path) -> None:
    """Ids carry issuer, state and variant; variants 04 to 06 are silver."""
    for row in rows(landing, "plans"):
        plan = row["plan_id"]
        assert len(plan) == 17
        assert plan[:5] == row["issuer_id"]
        assert plan[5:7] == row["state_code"]
        assert plan[-2:] == row["csr_variant_code"]
        if row["csr_variant_code"] in {"04", "05", "06"}:
            assert row["metal_level"] == "Silver"


def test_no_cpt_codes(landing: Path) -> None:
    """Procedures are HCPCS level II: a letter other than D, then four digits."""
    codes = {row["procedure_code"] for row in rows(landing, "claims")} - {""}

    assert codes
    assert all(len(c) == 5 and c[0].isalpha() and c[0] != "D" and c[1:].isdigit() for c in codes)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--members", "50"], "--members must be from 100"),
        (["--years", "0"], "--years must be from 1"),
        (["--days", "0"], "--days must be 1 or more"),
        (["--days", "1"], "no history here yet"),
    ],
    ids=["too few members", "no years", "no days", "days without history"],
)
def test_a_request_that_cannot_be_met_ends_with_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    """Exit code 2 and one line that names the way out."""
    code = main([*words, "--out", str(tmp_path)])

    assert code == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_another_size_is_refused_without_force(landing: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Deliveries of another market are never mixed or overwritten; the same request again writes nothing."""
    before = files(landing)
    same = ["--members", "600", "--years", "2", "--seed", "7", "--out", str(landing)]
    refused = main(["--members", "700", "--out", str(landing)])
    again = main(same)

    assert refused == 2
    assert "--force" in capsys.readouterr().err
    assert again == 0
    assert files(landing) == before


def test_new_york_rates_families_not_ages(tmp_path: Path) -> None:
    """There a household costs 1, 2, 1.7 or 2.85 adults, or 0.412 for a child alone; elsewhere it may cost anything."""
    make_history(Options(members=2500, years=1, seed=9, first_year=2024, out=tmp_path), workers=1)
    base = {
        row["plan_id"]: Decimal(row["base_premium_amount"])
        for row in rows(tmp_path, "plans")
        if row["plan_year"] == "2024"
    }
    areas = {4: Decimal("1.04"), 2: Decimal("0.92")}
    policies: dict[str, list[Row]] = {}
    for row in rows(tmp_path, "enrollments"):
        if row["plan_id"][5:7] == "NY" and row["plan_year"] == "2024" and row["maintenance_type_code"] == "021":
            policies.setdefault(row["policy_id"], []).append(row)
    tiers = set()
    for members in policies.values():
        total = sum(Decimal(row["gross_premium_amount"]) for row in members)
        one = base[members[0]["plan_id"]] * areas[int(members[0]["rating_area"])]
        tiers.add(round(total / one, 2))

    assert tiers <= {Decimal(tier) for tier in ("1.00", "2.00", "1.70", "2.85", "0.41")}
    assert {Decimal("1.00"), Decimal("2.00")} < tiers


def test_codes_fit_the_person(landing: Path) -> None:
    """No man gives birth, no child has a cataract: codes keep to the sex and the ages that the parameters name."""
    whom = load_market().claims["whom"]
    people = {row["member_id"]: row for row in rows(landing, "members")}
    for row in rows(landing, "claims"):
        person = people[row["member_id"]]
        born, service = date.fromisoformat(person["birth_date"]), date.fromisoformat(row["service_date"])
        age = service.year - born.year - ((service.month, service.day) < (born.month, born.day))
        for code in (row["principal_diagnosis_code"], row["procedure_code"]):
            limit = whom.get(code, {})
            assert limit.get("sex", person["sex_code"]) == person["sex_code"]
            low, high = limit.get("ages", (0, 150))
            assert low <= age <= high, code


def test_drg_stands_on_admissions_only(landing: Path) -> None:
    """Bill type 011x has a DRG, and nothing else has; place of service is for professional claims."""
    for row in rows(landing, "claims"):
        assert row["bill_type_code"].startswith("011") == (row["drg_code"] != "")
        assert (row["claim_type"] == "professional") == (row["place_of_service_code"] != "")
        assert (row["claim_type"] == "institutional") == (row["bill_type_code"] != "") == (row["revenue_code"] != "")
        assert (row["claim_type"] == "pharmacy") == (row["ndc_code"] != "")


def test_nobody_pays_more_than_the_plan_allows(landing: Path) -> None:
    """In a plan and year no member's deductible or cost share in network exceeds the plan's, nor a family's twice that."""
    plans = {(row["plan_id"], row["plan_year"]): row for row in rows(landing, "plans")}
    claims = rows(landing, "claims")
    newest: dict[str, int] = {}
    for row in claims:
        root = row["original_claim_id"] or row["claim_id"]
        newest[root] = max(newest.get(root, 0), int(row["claim_version_number"]))
    household = {row["member_id"]: row["household_id"] for row in rows(landing, "members")}
    deductible: Counter[tuple[str, str, str]] = Counter()
    owed: Counter[tuple[str, str, str]] = Counter()
    for row in claims:
        root = row["original_claim_id"] or row["claim_id"]
        if row["is_in_network"] == "false" or int(row["claim_version_number"]) < newest[root]:
            continue
        if row["claim_frequency_code"] == "8":
            continue
        for who in (row["member_id"], household[row["member_id"]]):
            key = (who, row["plan_id"], row["service_date"][:4])
            parts = [round(100 * float(row[f"{name}_amount"])) for name in ("deductible", "copay", "coinsurance")]
            deductible[key] += parts[0]
            owed[key] += sum(parts)
    met = 0
    for (who, plan_id, year), cents in owed.items():
        plan, kind = plans[plan_id, year], "individual" if who.startswith("M") else "family"
        most = round(100 * float(plan[f"{kind}_moop_amount"]))
        assert cents <= most
        assert deductible[who, plan_id, year] <= round(100 * float(plan[f"{kind}_deductible_amount"]))
        met += cents == most > 0
    assert met > 0


def test_two_runs_never_write_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The second is refused and told why; the first goes on."""
    with Landing(tmp_path, {}).locked():
        code = main(["--members", "200", "--years", "1", "--out", str(tmp_path)])

    assert 2 == code
    assert "another run is writing here" in capsys.readouterr().err
    assert 0 == main(["--members", "200", "--years", "1", "--out", str(tmp_path)])


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, not a stack."""
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    code = main(["--members", "200", "--years", "1", "--out", str(blocked / "landing")])

    assert 2 == code
    assert str(blocked) in capsys.readouterr().err


def test_a_worker_that_dies_ends_the_run_with_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is published, nobody waits for ever, and the next run is as if nothing had been."""

    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    words = ["--members", "2600", "--years", "1", "--workers", "2", "--out", str(tmp_path)]
    with monkeypatch.context() as patch:
        patch.setattr(workers, "write_pieces", die)
        code = main(words)

    assert 2 == code
    assert "a worker stopped without a word" in capsys.readouterr().err
    assert [] == list(tmp_path.glob("2*"))
    assert 0 == main(words)
    assert 13 == len(list(tmp_path.glob("2*/manifest.json")))
