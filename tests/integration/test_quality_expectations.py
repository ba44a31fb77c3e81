"""`make dq`: planted defects are counted each by its rule, the exit code says how bad it is, and no person is named."""

import json
from collections import Counter
from pathlib import Path

import psycopg
import pytest

from etl.catalog.checks import Severity
from etl.core.errors import Exit
from etl.quality.expectations import check_warehouse
from etl.quality.failures import show_failures
from etl.quality.rules import Figures, Suite, TableRules, listed, never, read_figures, some_rows, within
from etl.quality.suites import SUITES
from scripts.seed_data.disorder import Disorder
from scripts.seed_data.options import Options
from scripts.seed_data.timeline import make_history
from tests.market import load
from tests.quality_lab import copied, loaded_market

# One expectation of each kind: GX is asked for little, so that these tests take seconds.
TABLE = "warehouse.dim_plan"


def check(url, *rules, **options):
    """Check these rules alone, with nothing borne."""
    options.setdefault("figures", Figures(read_figures().values, {}))
    return check_warehouse(url, suites=suite(*rules), **options)


def suite(*rules):
    return (Suite("dimensions", (TableRules(TABLE, "expected_of_dim_plan", rules),)),)


SOUND = (
    some_rows("a reason"),
    listed("metal_level", ("Catastrophic", "Bronze", "Expanded Bronze", "Silver", "Gold", "Platinum"), "a reason"),
    within("member_coinsurance_rate", 0, 1, "a reason"),
    never("versions_overlap", "a reason", severity=Severity.CRITICAL),
)


@pytest.fixture(scope="module")
def market(server, migrated_template, tmp_path_factory):
    with loaded_market(server, migrated_template, tmp_path_factory.mktemp("dq"), "aca_dq") as name:
        yield name


@pytest.fixture
def url(server, market):
    with copied(server, market, "aca_dq_copy") as address:
        yield address


def latest(url):
    """(check, severity, status, failed_count) of the latest dq."""
    with psycopg.connect(url) as conn:
        return conn.execute(
            "SELECT check_name, severity, status, failed_count FROM etl.check_result WHERE checked_at = "
            "(SELECT max(checked_at) FROM etl.check_result WHERE suite <> 'gate') ORDER BY check_result_id"
        ).fetchall()


def test_a_sound_market_holds_every_critical_expectation(url, capsys):
    """All suites against a small market: nothing critical, nothing that could not be computed, all of it on record."""
    assert Exit.OK == check_warehouse(url)

    rows = latest(url)
    assert sum(len(table.rules) for each in SUITES for table in each.tables) == len(rows)
    assert {"passed"} == {status for _, severity, status, _ in rows if severity == "critical"}
    assert "error" not in {status for _, _, status, _ in rows}
    assert "reconciliation" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("severity", "strict", "code"),
    [
        pytest.param(Severity.CRITICAL, False, Exit.GATE, id="critical"),
        pytest.param(Severity.WARNING, False, Exit.OK, id="warning"),
        pytest.param(Severity.WARNING, True, Exit.WARNING, id="warning, strict"),
        pytest.param(Severity.INFO, True, Exit.OK, id="info, strict"),
    ],
)
def test_the_worst_severity_decides_the_exit_code(url, capsys, severity, strict, code):
    """A failed expectation is told with table, rule, count, reason and the next command; its keys are on record."""
    broken = listed("plan_type", ("none",), "no plan is of that type", severity=severity)

    assert code == check(url, *SOUND, broken, strict=strict)

    told = capsys.readouterr().out
    name, _, status, count = latest(url)[-1]
    assert ("plan_type_not_listed", "failed") == (name, status)
    assert count > 0
    assert f"{severity.value.upper():<9}{TABLE}: plan_type_not_listed: {count:,} of " in told
    assert "because no plan is of that type" in told
    assert "make failures CHECK=plan_type_not_listed" in told
    with psycopg.connect(url) as conn:
        assert conn.execute("SELECT count(*) FROM etl.check_failure").fetchone() == (count,)
    show_failures(url, "plan_type_not_listed", most=3)
    shown = capsys.readouterr().out
    assert f"{count - 3:,} more: make failures CHECK=plan_type_not_listed MOST={count}" in shown


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(never("issuer_not_of_hios_id", "a reason"), id="a fault"),
        pytest.param(listed("metal_level", ("Silver", "Gold"), "a reason"), id="a list"),
        pytest.param(within("base_premium_amount", 400, 10_000, "a reason"), id="a range"),
    ],
)
def test_what_is_borne_is_a_share_of_the_whole_table(url, rule):
    """As many as are borne pass, one more does not, though only rows at fault are looked at one by one."""
    with psycopg.connect(url) as conn:
        conn.execute(
            "UPDATE warehouse.dim_plan SET issuer_id = '99999' WHERE plan_key IN (SELECT plan_key FROM "
            "warehouse.dim_plan WHERE plan_key NOT IN (-1, -2) ORDER BY plan_key LIMIT 7)"
        )
        (total,) = conn.execute("SELECT count(*) FROM warehouse.dim_plan WHERE plan_key NOT IN (-1, -2)").fetchone()
    values = read_figures().values
    check(url, rule)
    ((name, _, status, count),) = latest(url)
    borne = {}
    for allowed in (count, count - 1):
        check(url, rule, figures=Figures(values, {TABLE: {name: allowed / total}}))
        borne[allowed] = latest(url)[0][2:]

    assert status == "failed"
    assert 1 < count < total
    assert {count: ("passed", count), count - 1: ("failed", count)} == borne


def test_what_cannot_be_computed_is_no_failure_of_the_data(url, capsys):
    """Exit 12, the error's kind and the file; the other expectations are judged all the same."""
    assert Exit.NOT_COMPUTED == check(url, *SOUND, within("metal_level", 0, 1, "text is no number"))

    assert ["passed"] * len(SOUND) + ["error"] == [status for _, _, status, _ in latest(url)]
    told = capsys.readouterr().out
    assert "ERROR" in told
    assert "SQLSTATE" in told


def test_dq_changes_nothing_and_sees_one_moment(url):
    """It reads; only the ledger is written."""
    with psycopg.connect(url) as conn:
        before = conn.execute("SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'v')").fetchone()

    check(url, *SOUND)

    with psycopg.connect(url) as conn:
        assert before == conn.execute("SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'v')").fetchone()


def test_planted_defects_are_counted_by_the_rule_of_their_name(database, tmp_path: Path, capsys):
    """Every warning of the seed data's answer key is found by its rule; unplanted faults of that kind may be more."""
    landing = tmp_path / "landing"
    make_history(Options(members=600, years=1, seed=5, first_year=2024, out=landing), Disorder(defects=140), workers=1)
    planted = Counter(
        answer["reason"]
        for path in landing.glob("*_answers.json")
        for answer in json.loads(path.read_text(encoding="utf-8"))["answers"]
        if answer["verdict"] == "warning"
    )
    load(database, landing, "full")

    assert check_warehouse(database, strict=True) == Exit.WARNING

    found = Counter()
    for check, _, _, count in latest(database):
        found[check] = max(found[check], count)
    told = capsys.readouterr().out
    assert set(planted) <= set(found)
    assert {} == {name: (count, found[name]) for name, count in planted.items() if not found[name]}
    with psycopg.connect(database) as conn:
        names = [
            row[0] for row in conn.execute("SELECT DISTINCT last_name FROM warehouse.dim_member WHERE last_name <> ''")
        ]
        keys = " ".join(row[0] for row in conn.execute("SELECT failed_key FROM etl.check_failure"))
    assert [] == [name for name in names if name in told or name in keys]
