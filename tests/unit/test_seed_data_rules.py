"""The rules of the synthetic marketplace: premiums, credits, cost sharing and CSV cells, by hand-made cases."""

import numpy as np
import pytest

from scripts.seed_data import calendar, cells, premiums
from scripts.seed_data.adjudication import cost_shares
from scripts.seed_data.market import load_market
from scripts.seed_data.plans import plan_book
from scripts.seed_data.providers import check_digit


def ints(*values: int) -> np.ndarray:
    """An array of whole numbers."""
    return np.array(values, dtype=np.int64)


def test_only_the_three_oldest_children_are_charged() -> None:
    """Of four children under 21 the youngest is free; a child of 22 is charged as an adult beside them."""
    household = ints(1, 1, 1, 1, 1, 1, 2)
    age = ints(45, 22, 17, 12, 9, 3, 30)
    child = np.array([False, True, True, True, True, True, False])

    charged = premiums.rated(household, age, child, np.ones(7, dtype=bool))

    assert [True, True, True, True, True, False, True] == charged.tolist()


def test_premium_is_base_times_factors_rounded_to_the_cent() -> None:
    """389.05 at age 40 (1.278), area 1.03 and tobacco 1.2: 614.5510... dollars."""
    premium = premiums.member_premium(ints(38905), ints(1278), ints(1030), ints(1200))

    assert [61455] == premium.tolist()


def test_credit_of_the_worked_example() -> None:
    """Single, 40, 200 % of 15,650 dollars, plan year 2026, benchmark 625: pays 172.15 a month, credit 452.85."""
    figures = load_market().year(2026)
    expected = premiums.contribution(figures, ints(2000), ints(1))

    assert 17215 == pytest.approx(expected[0])
    assert [45285] == premiums.max_credit(ints(62500), expected).tolist()


def test_no_credit_above_four_hundred_percent_in_2026_but_in_2025() -> None:
    """The cliff is back in 2026; until 2025 the contribution stays at 8.5 % of income."""
    market = load_market()

    assert np.isnan(market.year(2026).contribution_rate(np.array([401.0]))).all()
    assert [0.085] == market.year(2025).contribution_rate(np.array([401.0])).tolist()
    assert [0.0996] == market.year(2026).contribution_rate(np.array([400.0])).round(6).tolist()


def test_credit_is_cut_to_the_cent_and_never_above_a_premium() -> None:
    """The shares of a household add up to its credit."""
    household, premium = ints(1, 1, 1, 2), ints(40000, 30001, 0, 50000)
    cut = premiums.shares(ints(33333, 33333, 33333, 60000), household, premium)

    assert 33333 == cut[:3].sum()
    assert 50000 == cut[3]
    assert (cut <= premium).all()


def shares_of(
    allowed: list[int], person: list[int], family: list[int], *, moop: int = 300_000
) -> tuple[list[int], list[int]]:
    """Deductible and coinsurance of lines in order, with a deductible of 1,000 dollars and 20 % after it."""
    count = len(allowed)
    found = cost_shares(
        ints(*allowed), np.ones(count, dtype=bool), np.zeros(count, dtype=np.int64), np.full(count, 2000), ints(*person),
        ints(*family), np.arange(count), np.full(count, 100_000), np.full(count, moop),
    )  # fmt: skip
    return found.deductible.tolist(), found.coinsurance.tolist()


def test_deductible_is_used_up_in_order() -> None:
    """800 dollars, then 200 of the next 500, then nothing; coinsurance on the rest."""
    deductible, coinsurance = shares_of([80_000, 50_000, 10_000], [1, 1, 1], [1, 1, 1])

    assert [80_000, 20_000, 0] == deductible
    assert [0, 6_000, 2_000] == coinsurance


def test_family_deductible_frees_the_third_person() -> None:
    """Two persons met 1,000 dollars each, so the family met 2,000 and the third owes coinsurance only."""
    deductible, coinsurance = shares_of([100_000, 100_000, 50_000], [1, 2, 3], [1, 1, 1])

    assert [100_000, 100_000, 0] == deductible
    assert [0, 0, 10_000] == coinsurance


def test_nobody_pays_beyond_the_maximum() -> None:
    """1,000 of deductible and 500 of coinsurance make the maximum of 1,500; the coinsurance gives way."""
    deductible, coinsurance = shares_of([1_000_000, 40_000], [1, 1], [1, 1], moop=150_000)

    assert [100_000, 0] == deductible
    assert [50_000, 0] == coinsurance


def test_accumulators_agree_with_a_plain_loop() -> None:
    """Vectors give what adding line by line gives, for many persons in families of one."""
    rng = np.random.default_rng(1)
    count = 500
    person = rng.integers(0, 40, count)
    allowed, subject = rng.integers(100, 90_000, count), rng.random(count) < 0.7
    copay, rate = np.full(count, 4_000), np.full(count, 3_000)
    deductible, maximum = np.full(count, 60_000), np.full(count, 200_000)
    found = cost_shares(allowed, subject, copay, rate, person, person, np.arange(count), deductible, maximum)

    met: dict[int, int] = {}
    spent: dict[int, int] = {}
    for i, who in enumerate(person.tolist()):
        taken = min(allowed[i], 60_000 - met.get(who, 0)) if subject[i] else 0
        met[who] = met.get(who, 0) + taken
        owed = taken + ((allowed[i] - taken) * 3_000 + 5_000) // 10_000 if subject[i] else min(4_000, allowed[i])
        owed = min(owed, 200_000 - spent.get(who, 0))
        spent[who] = spent.get(who, 0) + owed
        assert owed == found.member[i]


def test_npi_check_digit_of_the_standards_example() -> None:
    """1234567893 is the example of the standard."""
    assert [3] == check_digit(ints(123456789)).tolist()


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (
            cells.money(ints(0, 5, 100, 123456, 1_000_000_05, 9_999_999_999)),
            ["0.00", "0.05", "1.00", "1234.56", "1000000.05", "99999999.99"],
        ),
        (cells.whole(ints(0, 7, 10000, 10203)), ["0", "7", "10000", "10203"]),
        (cells.tenths(ints(5, 1380, 13)), ["0.5", "138.0", "1.3"]),
        (cells.padded(ints(42, 123456), 7), ["0000042", "0123456"]),
        (cells.dates(ints(0, calendar.day(2024, 2, 29), cells.NO_DAY)), ["1970-01-01", "2024-02-29", ""]),
        (cells.pool(["plain", "a,b", 'say "x"', ""]), ["plain", '"a,b"', '"say ""x"""', ""]),
    ],
    ids=["money", "whole numbers", "tenths", "padded", "dates", "quoting"],
)
def test_cells_are_plain_text(column: cells.Cells, expected: list[str]) -> None:
    """Each kind of cell reads as a person would write it."""
    rows = cells.Rows([column, cells.constant("x", len(column))])

    assert [f"{text},x" for text in expected] == rows.encode(0, len(rows)).decode().splitlines()


def test_age_is_completed_years() -> None:
    """A birthday counts from its own day on, also that of a leap day."""
    births = ints(calendar.day(2000, 2, 29), calendar.day(2000, 6, 15), calendar.day(2000, 6, 16))

    assert [21, 21, 20] == calendar.ages(births, calendar.day(2021, 6, 15)).tolist()


def test_the_first_code_of_every_list_is_for_all() -> None:
    """Who fits none of a list's other codes takes the first, so that one must fit everybody."""
    claims = load_market().claims
    lists = [spec.get(key, [""]) for spec in claims["services"] for key in ("procedures", "diagnoses")]
    lists += [spec["diagnoses"] for spec in claims["chronic"]["conditions"]]

    assert [] == [codes[0] for codes in lists if codes[0] in claims["whom"]]


def test_an_admission_has_a_drg_for_each_diagnosis() -> None:
    """The two lists of inpatient care are read side by side."""
    (inpatient,) = (spec for spec in load_market().claims["services"] if spec["key"] == "inpatient")

    assert len(inpatient["diagnoses"]) == len(inpatient["drgs"])


def test_plans_keep_to_the_years_limits() -> None:
    """Actuarial values lie in the federal ranges, and no out-of-pocket maximum is above the year's limit."""
    market = load_market()
    ranges = {"Catastrophic": (0, 1), "Bronze": (0.58, 0.62), "Expanded Bronze": (0.58, 0.65), "Silver": (0.70, 0.72),
              "Gold": (0.78, 0.82), "Platinum": (0.88, 0.92)}  # fmt: skip
    for design in market.plans["designs"]:
        low, high = ranges[design["metal"]]
        assert low <= design["actuarial_value"] <= high
        assert design["deductible"] <= design["moop"] <= 1
    for year in range(2023, 2028):
        book = plan_book(market, 1, 2023, year)
        assert book.moop.max() <= market.year(year).moop_individual * 100
        assert (book.deductible <= book.moop).all()
