"""One plan year of a block's households: who takes which plan, from when to when, and what happens on the way.

All arrays run over the block's households. Months count from January of the plan year = 1. A household has one segment of
coverage, or two when it changes plan or rating area in the year.
"""

from dataclasses import dataclass

import numpy as np

from scripts.seed_data import calendar, chance
from scripts.seed_data.chance import Bools, Ints
from scripts.seed_data.market import Market
from scripts.seed_data.plans import METALS, Components, PlanBook
from scripts.seed_data.population import BEFORE, NEW, SPECIAL, Households, Members

FRESH, ACTIVE, PASSIVE, JOINED = 0, 1, 2, 3  # new in open enrollment, renewals, special enrollment
STAYED, NOTICE, NONPAYMENT, REINSTATED = 0, 1, 2, 3
NO_SWITCH, MOVE, PLAN, INCOME = 0, 1, 2, 3
NO_MONTH = 99


@dataclass(slots=True)
class Policies:
    """What every household of a block does in one plan year."""

    year: int
    enrolled: Bools
    kind: Ints
    selected: Ints  # day
    start: Ints  # month
    cancelled: Bools
    leaving: Ints  # STAYED, NOTICE...
    last_month: Ints  # the last month paid for, NO_MONTH while it lasts
    switch: Ints  # NO_SWITCH, MOVE...
    switch_month: Ints
    rows: Ints  # plan row of each segment, [household, 2]
    county: Ints  # of each segment, [household, 2]
    fpl: Ints  # of each segment, [household, 2]
    income_day: Ints  # day from which fpl[:, 0] is known
    switch_day: Ints  # day on which the second segment was asked for
    move_day: Ints  # day of a move, with or without a new county; NEVER
    contact_day: Ints
    street: Ints  # before and after the move, [household, 2]
    contact: Ints  # before and after contact_day, [household, 2]
    fpl_before: Ints  # as known before income_day
    reason: Ints  # place in the special enrollment reasons


NEVER = 1_000_000


def live_year(
    market: Market, parts: Components, book: PlanBook, homes: Households, members: Members, rng: np.random.Generator
) -> Policies:
    """Draw the year of every household, and carry *homes* over to its end."""
    flow = market.enrollment["flow"]
    year, count = book.year, len(homes)
    january = calendar.day(year, 1)
    months = calendar.month_starts(year)

    kind = _kinds(rng, homes, year, flow)
    head_age = calendar.ages(members.birth[homes.first_member], january)
    enrolled = np.where(homes.joined == year, True, homes.active & (rng.random(count) >= flow["not_renewed"]))
    enrolled &= head_age < 65
    late = (kind == FRESH) & (rng.random(count) < flow["late_selection"])
    start = np.where(late, 2, 1)
    joined = kind == JOINED
    # The last special enrollment is for November: who joined has joined before renewing.
    start[joined] = 2 + chance.picks(rng, [1.2, 1.1, 1.0, 1, 1, 1, 1, 1, 0.9, 0.8], count)[joined]
    selected = _selection_days(rng, kind, late, months[start], year)

    fpl_before = homes.fpl.copy()
    spread = market.population["change"]["income_spread"]
    drifted = np.clip(homes.fpl * np.exp(spread * rng.standard_normal(count)), 1000, 90_000).astype(np.int64)
    renews = (kind == ACTIVE) & (homes.joined != year)
    fpl = np.where(renews, drifted, homes.fpl)

    chosen = choose_components(market, parts, book.year, homes, fpl, head_age, rng)
    changes = (rng.random(count) < flow["active_switches_plan"]) & (kind == ACTIVE)
    component = np.where((homes.component < 0) | changes, chosen, homes.component)
    # A member who turned 30 may not stay in a catastrophic plan.
    component = np.where((parts.metal[component] == 0) & (head_age >= 30), chosen, component)

    odds = np.array([flow["cancelled"], 0.4 * flow["cancelled"], 0.15 * flow["cancelled"], flow["cancelled"]])
    cancelled = enrolled & (rng.random(count) < odds[kind])
    leaving, last_month = _leaving(rng, start, flow)
    leaving[cancelled], last_month[cancelled] = STAYED, NO_MONTH

    stays = enrolled & ~cancelled
    switch, switch_month, county, fpl_after, second, rows = _switches(
        market, parts, book, homes, fpl, component, head_age, start, np.where(stays, last_month, 0), rng
    )
    before_switch = months[np.minimum(switch_month, 12) - 1] + 1 + (rng.random(count) * 22).astype(np.int64)
    switch_day = np.where(switch == NO_SWITCH, NEVER, before_switch)
    move_day, contact_day = _other_changes(market, year, switch, switch_day, rng)
    street = np.stack([homes.street, np.where(move_day < NEVER, homes.street + 104_729, homes.street)], axis=1)
    contact = np.stack([homes.contact, np.where(contact_day < NEVER, homes.contact + 7919, homes.contact)], axis=1)
    policies = Policies(
        year=year, enrolled=enrolled, kind=kind, selected=selected, start=start, cancelled=cancelled, leaving=leaving,
        last_month=last_month, switch=switch, switch_month=switch_month, rows=rows, county=county,
        fpl=np.stack([fpl, fpl_after], axis=1), income_day=np.where(renews, selected, NEVER), switch_day=switch_day,
        move_day=move_day, contact_day=contact_day, street=street, contact=contact, fpl_before=fpl_before,
        reason=chance.picks(rng, [w for _, w in market.enrollment["special_periods"]["reasons"]], count),
    )  # fmt: skip
    _carry_over(homes, policies, second)
    return policies


def _switches(
    market: Market, parts: Components, book: PlanBook, homes: Households, fpl: Ints, component: Ints, head_age: Ints,
    start: Ints, last_month: Ints, rng: np.random.Generator,
) -> tuple[Ints, Ints, Ints, Ints, Ints, Ints]:  # fmt: skip
    """Changes of county, plan or variant within the year: kind, month, counties, income, component, plan rows."""
    count = len(homes)
    month = start + 2 + (rng.random(count) * 10).astype(np.int64)
    switch = 1 + chance.picks(rng, [0.30, 0.30, 0.40], count)
    possible = (month <= 11) & (month < last_month)
    switch[~possible | (rng.random(count) >= 2 * market.enrollment["flow"]["midyear_switch"])] = NO_SWITCH

    new_county = _other_county(rng, market, homes.county)
    county = np.stack([homes.county, np.where(switch == MOVE, new_county, homes.county)], axis=1)
    switch[(switch == MOVE) & (county[:, 0] == county[:, 1])] = NO_SWITCH
    jolt = np.exp(np.where(rng.random(count) < 0.5, 1, -1) * rng.uniform(0.2, 0.6, count))
    income = np.where(switch == INCOME, np.clip(fpl * jolt, 1000, 90_000).astype(np.int64), fpl)
    second = choose_components(market, parts, book.year, homes, income, head_age, rng)
    second = np.where(switch == PLAN, second, component)
    before = plan_rows_of(parts, book, homes, component, fpl)
    after = plan_rows_of(parts, book, homes, second, income)
    # Where nothing changes there is no second segment.
    switch[(switch != MOVE) & (before == after)] = NO_SWITCH
    none = switch == NO_SWITCH
    county[none, 1] = county[none, 0]
    rows = np.stack([before, np.where(none, before, after)], axis=1)
    return switch, month, county, np.where(none, fpl, income), np.where(none, component, second), rows


def _other_changes(
    market: Market, year: int, switch: Ints, switch_day: Ints, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """Days of moves and of new phone numbers; all before November, when open enrollment begins to tell of people."""
    change, count = market.population["change"], len(switch)
    january = calendar.day(year, 1)
    quiet = calendar.day(year, 11) - january
    moved = january + (rng.random(count) * quiet).astype(np.int64)
    called = january + (rng.random(count) * quiet).astype(np.int64)
    moves, calls = rng.random(count) < change["move"], rng.random(count) < change["contact"]
    return np.where(switch == MOVE, switch_day, np.where(moves, moved, NEVER)), np.where(calls, called, NEVER)


def _carry_over(homes: Households, policies: Policies, component: Ints) -> None:
    """Leave *homes* as they stand at the end of the year."""
    homes.active = (
        policies.enrolled & ~policies.cancelled & ((policies.leaving == STAYED) | (policies.leaving == REINSTATED))
    )
    on = policies.enrolled
    homes.component = np.where(on, component, homes.component)
    homes.fpl = np.where(on, policies.fpl[:, 1], homes.fpl)
    homes.county = np.where(on, policies.county[:, 1], homes.county)
    homes.street = np.where(on, policies.street[:, 1], homes.street)
    homes.contact = np.where(on, policies.contact[:, 1], homes.contact)


def _kinds(rng: np.random.Generator, homes: Households, year: int, flow: dict[str, float]) -> Ints:
    renewal = np.where(rng.random(len(homes)) < flow["active_of_renewed"], ACTIVE, PASSIVE)
    this_year = homes.joined == year
    kind = np.where(this_year & (homes.came == NEW), FRESH, renewal)
    kind = np.where(this_year & (homes.came == SPECIAL), JOINED, kind)
    return np.where(this_year & (homes.came == BEFORE), renewal, kind)


def _selection_days(rng: np.random.Generator, kind: Ints, late: Bools, first_day: Ints, year: int) -> Ints:
    """Days of plan selection: open enrollment from November 1, most near its deadlines; before the start otherwise."""
    count = len(kind)
    opening, deadline = calendar.day(year - 1, 11), calendar.day(year - 1, 12, 15)
    drawn = rng.random(count)
    on_time = opening + (drawn**0.6 * (deadline - opening + 1)).astype(np.int64)
    afterwards = deadline + 1 + (drawn * 31).astype(np.int64)
    automatic = deadline + 1 + (drawn * 6).astype(np.int64)
    special = first_day - 1 - (drawn * 27).astype(np.int64)
    days = np.where(late, afterwards, on_time)
    days = np.where(kind == PASSIVE, automatic, days)
    return np.where(kind == JOINED, special, days)


def _leaving(rng: np.random.Generator, start: Ints, flow: dict[str, float]) -> tuple[Ints, Ints]:
    """How and after which month households drop out within the year."""
    count = len(start)
    lasted = rng.geometric(flow["monthly_lapse"], count)
    last = start + lasted
    leaves = last <= 11
    drawn = rng.random(count)
    unpaid = drawn < flow["nonpayment_of_lapses"]
    back = drawn < flow["nonpayment_of_lapses"] * flow["reinstated_of_nonpayment"]
    how = np.where(unpaid, np.where(back, REINSTATED, NONPAYMENT), NOTICE)
    return np.where(leaves, how, STAYED), np.where(leaves, last, NO_MONTH)


def choose_components(
    market: Market, parts: Components, year: int, homes: Households, fpl: Ints, head_age: Ints, rng: np.random.Generator
) -> Ints:
    """A plan component for each household: metal level by income, then issuer and design by their weights."""
    bands = np.array(market.enrollment["metal_choice"]["bands"])
    metal = chance.picks_by_row(rng, bands[chance.band(fpl / 10, bands[:, 0]), 2:])
    silver, bronze = METALS.index("Silver"), METALS.index("Bronze")
    metal[(metal == silver) & (rng.random(len(metal)) < market.year(year).silver_to_bronze)] = bronze
    metal = np.where((metal == 0) & (head_age >= 30), 1, metal)
    states = list(market.states)
    state = np.array([states.index(c.state) for c in market.counties])[homes.county]
    place = np.array([states.index(s) for s in parts.state])
    weights = np.zeros((len(states) * len(METALS), len(parts.weight)))
    for s in range(len(states)):
        for m in range(len(METALS)):
            weights[s * len(METALS) + m] = parts.weight * ((place == s) & (parts.metal == m))
    edges = np.cumsum(weights, axis=1)
    edges /= edges[:, -1:]
    group = state * len(METALS) + metal
    drawn = rng.random(len(homes))
    return np.array((drawn[:, None] >= edges[group, :-1]).sum(axis=1), dtype=np.int64)


def plan_rows_of(parts: Components, book: PlanBook, homes: Households, component: Ints, fpl: Ints) -> Ints:
    """The variant each household gets of its component: cost-sharing reductions by income, on silver only."""
    percent = fpl / 10
    silver = parts.metal[component] == METALS.index("Silver")
    csr = np.where(percent <= 150, 6, np.where(percent <= 200, 5, np.where(percent <= 250, 4, 1)))
    variant = np.where(silver & (percent >= 100), csr, 1)
    catastrophic = parts.metal[component] == METALS.index("Catastrophic")
    variant = np.where(homes.tribal & ~catastrophic, np.where(percent <= 300, 2, 3), variant)
    off = (percent > 400) & (homes.off_exchange < 0.55)
    variant = np.where(off, 0, variant)
    return book.row[component, variant]


def _other_county(rng: np.random.Generator, market: Market, county: Ints) -> Ints:
    """A county of the same state for each household, maybe its own."""
    states = np.array([list(market.states).index(c.state) for c in market.counties])
    drawn = rng.random(len(county))
    chosen = county.copy()
    for s in range(len(market.states)):
        places = np.flatnonzero(states == s)
        mine = states[county] == s
        chosen[mine] = places[(drawn[mine] * len(places)).astype(np.int64)]
    return chosen
