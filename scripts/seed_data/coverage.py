"""Coverage of one plan year: households' segments in days, and who is covered in them at what premium and credit."""

from dataclasses import dataclass

import numpy as np

from scripts.seed_data import calendar, premiums
from scripts.seed_data.chance import Bools, Ints
from scripts.seed_data.market import Market
from scripts.seed_data.plans import PlanBook
from scripts.seed_data.policies import NO_SWITCH, NONPAYMENT, REINSTATED, STAYED, Policies
from scripts.seed_data.population import CHILD, NEVER, Members


@dataclass(slots=True)
class Segments:
    """Coverage of households by segment, arrays [household, 2], days; an absent segment ends before it starts."""

    start: Ints
    final_end: Ints  # the last day covered, as finally known
    care_end: Ints  # the last day on which members believed to be covered
    grace_from: Ints  # unpaid from this day on, or NEVER
    noticed: Ints  # day of the transaction that ended it, or NEVER
    back: Ints  # day of the reinstatement, or NEVER


@dataclass(slots=True)
class Coverage:
    """Members by segment, arrays [member, 2]."""

    covered: Bools
    start: Ints
    newborn: Bools
    gross: Ints
    credit: Ints


def segments(policies: Policies, credited: Bools) -> Segments:
    """Days of each household's segments; *credited* households have the three months of grace of 45 CFR 156.270."""
    months = calendar.month_starts(policies.year)
    first = months[policies.start]
    year_end = int(months[13]) - 1
    lapses = policies.leaving != STAYED
    last = np.minimum(policies.last_month, 12)
    lapse_end = np.where(lapses, months[last + 1] - 1, year_end)
    grace_months = np.where(credited, 3, 1)
    spread = (first * 7 + policies.street[:, 0]) % 9
    unpaid = (policies.leaving == NONPAYMENT) | (policies.leaving == REINSTATED)
    notice = np.where(unpaid, months[np.minimum(last + grace_months + 1, 25)] + spread, lapse_end - 3 - spread)
    notice = np.where(lapses, notice, NEVER)
    back = np.where(policies.leaving == REINSTATED, notice + 6 + spread, NEVER)
    final = np.where(policies.leaving == REINSTATED, year_end, lapse_end)
    care = np.where(policies.leaving == NONPAYMENT, np.minimum(notice, year_end), final)

    two = policies.switch != NO_SWITCH
    split = months[np.minimum(policies.switch_month, 12)]
    start = np.stack([first, np.where(two, split, year_end + 1)], axis=1)
    final_end = np.stack([np.where(two, split - 1, final), np.where(two, final, year_end)], axis=1)
    care_end = np.stack([np.where(two, split - 1, care), np.where(two, care, year_end)], axis=1)
    gone = ~policies.enrolled | policies.cancelled
    for ends in (final_end, care_end):
        ends[gone] = start[gone] - 1
        ends[~two, 1] = start[~two, 1] - 1
    grace = np.where(unpaid, lapse_end + 1, NEVER)
    in_last = np.stack([~two, two], axis=1)
    return Segments(
        start=start,
        final_end=final_end,
        care_end=care_end,
        grace_from=np.where(in_last, grace[:, None], NEVER),
        noticed=np.where(in_last, notice[:, None], NEVER),
        back=np.where(in_last, back[:, None], NEVER),
    )


@dataclass(slots=True)
class _Rules:
    """How premiums are made in each county, by the rules of its state; factors in thousandths."""

    curve: Ints  # [county, age]
    area: Ints
    tobacco: Bools
    benchmark: Ints
    tiers: Ints  # [county, adults covered]: what all children together cost where there are family tiers, else 0


def _rules(market: Market, book: PlanBook) -> _Rules:
    counties = market.counties
    states = [market.states[county.state] for county in counties]
    tiers = [state.get("family_tiers", {}) for state in states]
    names = ("child_only", "children_one_adult", "children_two_adults")
    return _Rules(
        curve=np.array([[round(f * 1000) for f in market.age_curves[state["age_curve"]]] for state in states]),
        area=np.array([round(county.area_factor * 1000) for county in counties]),
        tobacco=np.array([state["tobacco_rated"] for state in states]),
        benchmark=np.array([book.benchmark[county.state] for county in counties]),
        tiers=np.array([[round(tier.get(name, 0) * 1000) for name in names] for tier in tiers]),
    )


def coverage(market: Market, book: PlanBook, policies: Policies, spans: Segments, members: Members) -> Coverage:
    """Who is covered in which segment, and at what premium and credit."""
    home = members.household
    rules = _rules(market, book)
    shape = (len(members), 2)
    covered, newborn = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    gross, credit, start = (np.zeros(shape, dtype=np.int64) for _ in range(3))
    january = calendar.day(book.year, 1)
    oldest = np.where(members.relation == CHILD, 26, 65)
    eligible = policies.enrolled[home] & (calendar.ages(members.birth, january) < oldest)
    for s in (0, 1):
        begins, ends = spans.start[home, s], spans.final_end[home, s]
        exists = eligible & ((begins <= ends) | ((s == 0) & policies.cancelled[home]))
        born_in = (members.birth > begins) & (members.birth <= ends - 45) & (members.position > 0)
        newborn[:, s] = exists & born_in
        covered[:, s] = exists & ((members.birth <= begins) | born_in)
        start[:, s] = np.where(newborn[:, s], members.birth, begins)
        gross[:, s], plain, silver = _premiums(rules, book, policies, s, members, covered[:, s], begins)
        credit[:, s] = _credit(market, book, policies, s, home, covered[:, s], newborn[:, s], silver, plain)
    return Coverage(covered=covered, start=start, newborn=newborn, gross=gross, credit=credit)


def _premiums(
    rules: _Rules, book: PlanBook, policies: Policies, s: int, members: Members, covered: Bools, begins: Ints
) -> tuple[Ints, Ints, Ints]:
    """Each member's premium, the same without the tobacco surcharge, and the benchmark plan's."""
    home = members.household
    county = policies.county[home, s]
    age = np.minimum(calendar.ages(members.birth, np.maximum(begins, members.birth)), 64)
    child = (members.relation == CHILD) | (age < 21)
    charged = premiums.rated(home, age, members.relation == CHILD, covered)
    factor = rules.curve[county, age]
    in_tiers = rules.tiers[county, 1] > 0
    if in_tiers.any():
        adults = np.bincount(home, weights=covered & ~child, minlength=len(policies.enrolled)).astype(np.int64)[home]
        tier = rules.tiers[county, np.minimum(adults, 2)]
        first = premiums.is_first(home, covered & child)
        factor = np.where(in_tiers & child, tier, factor)
        charged &= ~(in_tiers & child) | first
    even = np.full(len(home), 1000)
    tobacco = np.where(members.tobacco & rules.tobacco[county] & (age >= 21), premiums.TOBACCO_FACTOR, even)
    base, area = book.base[policies.rows[home, s]], rules.area[county]
    found = (
        premiums.member_premium(base, factor, area, tobacco),
        premiums.member_premium(base, factor, area, even),
        premiums.member_premium(rules.benchmark[county], factor, area, even),
    )
    gross, plain, silver = (np.where(charged, premium, 0) for premium in found)
    return gross, plain, silver


def _credit(
    market: Market, book: PlanBook, policies: Policies, s: int, home: Ints, covered: Bools, newborn: Bools, silver: Ints,
    plain: Ints,
) -> Ints:  # fmt: skip
    """Each member's part of the household's advance credit; a newborn gets what it adds to the household's."""
    count = len(policies.enrolled)

    def summed(values: Ints) -> Ints:
        return np.rint(np.bincount(home, weights=values, minlength=count)).astype(np.int64)

    older = covered & ~newborn
    size = np.maximum(summed(covered.astype(np.int64)), 1)
    row = policies.rows[:, s]
    expected = premiums.contribution(market.year(book.year), policies.fpl[:, s], size)
    catastrophic = np.array([name == "Catastrophic" for name in book.metal_name])
    expected = np.where((book.variant[row] == 0) | catastrophic[row], np.nan, expected)
    base_credit = premiums.max_credit(summed(np.where(older, silver, 0)), expected)
    all_credit = premiums.max_credit(summed(np.where(covered, silver, 0)), expected)
    cut = premiums.shares(base_credit[home], home, np.where(older, plain, 0))
    return np.where(newborn, np.minimum(plain, (all_credit - base_credit)[home]), cut)
