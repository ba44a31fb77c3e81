"""The life of claims: decisions, denials, corrections, voids and resubmissions, with their days and amounts."""

from dataclasses import dataclass

import numpy as np

from scripts.seed_data import calendar, cells, chance
from scripts.seed_data.adjudication import Shares, cost_shares
from scripts.seed_data.care import Care
from scripts.seed_data.chance import Bools, Ints
from scripts.seed_data.enrollment import Exposure
from scripts.seed_data.market import Market
from scripts.seed_data.plans import PlanBook
from scripts.seed_data.services import EMERGENCY, FULL, GENERIC, NO_COST, PRIMARY, SPECIALIST, Services

PAID, DENIED, PENDED = range(3)
NOTHING, CORRECTED, VOIDED, AGAIN = range(4)  # what follows a decision; AGAIN: resubmitted, or taken up from pending
COPAY_PLACE = {PRIMARY: 0, SPECIALIST: 1, EMERGENCY: 2, GENERIC: 3}


@dataclass(slots=True)
class Versions:
    """Rows of the claims feed: one for each version of a claim and line. Amounts in cents."""

    line: Ints
    claim: Ints
    version: Ints
    sequence: Ints  # number of this version's claim id within block and year
    frequency: Ints  # place in 1, 7, 8
    status: Ints
    received: Ints
    adjudicated: Ints
    paid_on: Ints
    billed: Ints
    allowed: Ints
    paid: Ints
    deductible: Ints
    copay: Ints
    coinsurance: Ints
    other_payer: Ints
    reason: Ints  # place in the denial codes, 0 for none

    @property
    def released(self) -> Ints:
        """The day the sender knows the row: paid, else decided."""
        return np.where(self.paid_on == cells.NO_DAY, self.adjudicated, self.paid_on)


def denial_codes(market: Market) -> list[tuple[str, str, float]]:
    """Group, code and share of each denial; first nothing, then 97 and 27, which the life of claims gives itself."""
    found = [("", "", 0.0), ("CO", "97", 0.0), ("PR", "27", 0.0)]
    for denial in market.claims["denials"]:
        found += [(group, code, denial["share"] / len(denial["codes"])) for group, code in denial["codes"]]
    return found


BUNDLED, NOT_COVERED = 1, 2


def live(
    market: Market, services: Services, book: PlanBook, care: Care, spans: Exposure, rng: np.random.Generator
) -> tuple[Versions, Bools]:
    """All versions of the year's claims, and which claims are out of network."""
    life, grace = market.claims["life"], market.enrollment["grace"]
    count = len(care.exposure)
    service = care.service
    outside = rng.random(count) < life["out_of_network"] * np.where(services.drug[service], 0.25, 1.3)
    relative = services.denied[service]
    chance_denied = np.where(outside, life["denied_out_of_network"], life["denied_in_network"]) * relative
    drawn = rng.random(count)
    first = np.where(drawn < chance_denied, DENIED, np.where(drawn < chance_denied + life["pended"], PENDED, PAID))
    unpaid = care.service_date >= spans.grace_from[care.exposure]
    uncovered = care.service_date > spans.covered_end[care.exposure]
    first = np.where(unpaid & (rng.random(count) < grace["pended_in_grace"]), PENDED, first)

    u = rng.random(count)
    follow = np.full(count, NOTHING)
    voided = np.where(uncovered, life["orphan_voided"], life["voided"])
    follow[(first == PAID) & (u < voided + life["corrected"])] = CORRECTED
    follow[(first == PAID) & (u < voided)] = VOIDED
    follow[(first == DENIED) & (u < life["resubmitted"])] = AGAIN
    follow[first == PENDED] = AGAIN
    good = rng.random(count) < np.where(first == PENDED, 0.8, life["resubmitted_paid"])
    second = np.where(follow == AGAIN, np.where(good & ~(uncovered & (first == PENDED)), PAID, DENIED), PAID)
    third = (follow != NOTHING) & (follow != VOIDED) & (second == PAID) & (rng.random(count) < life["corrected_twice"])
    third_void = third & (rng.random(count) < 0.25)

    received1, decided1, paid1 = _first_days(market, services, care, rng)
    wait = 5 + rng.integers(5, 120, count)
    known1 = np.where(first == PAID, paid1, decided1)
    received2 = np.where(first == PENDED, received1, known1 + wait // 2)
    decided2 = calendar.weekday_forward(known1 + wait)
    paid2 = calendar.weekday_forward(decided2 + rng.integers(0, 7, count))
    received3 = paid2 + wait // 3
    decided3 = calendar.weekday_forward(received3 + 2 + wait // 4)
    paid3 = calendar.weekday_forward(decided3 + 3)

    # The version whose decision counts toward deductible and maximum.
    counting = np.where(first == PAID, 1, np.where((follow == AGAIN) & (second == PAID), 2, 0))
    when = np.where(counting == 1, decided1, decided2)
    line_denied = (care.lines[care.claim] > 1) & (care.number > 1) & (rng.random(len(care.claim)) < life["line_denied"])
    shares = _adjudicate(services, book, care, spans, counting, when, outside, line_denied, rng)
    pays = (counting[care.claim] > 0) & ~line_denied
    allowed = np.where(pays, care.allowed, 0)
    plan_part = allowed - shares.member
    shared = rng.random(count) < life["other_payer"]
    other = np.where(shared[care.claim], plan_part * rng.integers(30, 81, count)[care.claim] // 100, 0)

    codes = np.array([share for _, _, share in denial_codes(market)])
    reason = chance.picks(rng, codes, count)
    reason = np.where(uncovered & (first == PENDED), NOT_COVERED, reason)
    factor = _correction_factors(rng, count)

    everything = np.arange(len(care.claim))
    has_second = np.flatnonzero(follow != NOTHING)
    has_third = np.flatnonzero(third)
    number2, number3 = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    number2[has_second] = count + np.arange(len(has_second))
    number3[has_third] = count + len(has_second) + np.arange(len(has_third))

    base = (allowed, plan_part - other, shares, other)
    line2, line3 = everything[(follow != NOTHING)[care.claim]], everything[third[care.claim]]
    one = _version(care, 1, everything, np.arange(count), np.zeros(count, dtype=np.int64), first, received1, decided1, paid1,
                   base, counting == 1, line_denied, reason, None)  # fmt: skip
    frequency2 = np.where(follow == VOIDED, 2, 1)
    two = _version(care, 2, line2, number2, frequency2, second, received2, decided2, paid2,
                   base, counting > 0, line_denied, reason, np.where(follow == CORRECTED, factor, 1000))  # fmt: skip
    corrected_again = np.where(third_void, 1000, 940)
    three = _version(care, 3, line3, number3, np.where(third_void, 2, 1), np.full(count, PAID), received3, decided3, paid3,
                     base, counting > 0, line_denied, reason,
                     np.where(follow == CORRECTED, factor, 1000) * corrected_again // 1000)  # fmt: skip
    return Versions(*(np.concatenate(column) for column in zip(one, two, three, strict=True))), outside


def _first_days(market: Market, services: Services, care: Care, rng: np.random.Generator) -> tuple[Ints, Ints, Ints]:
    """Received, decided and paid days of first submissions, by the lag curve."""
    lag = market.claims["lag"]
    count = len(care.service)
    drawn = rng.random(count)
    curve = np.r_[0.0, lag["months"]]
    days = np.interp(drawn, curve, 30.4 * np.arange(len(curve)))
    # The first month is not uniform: nothing is paid in its first days.
    days = np.where(drawn < curve[1], 4 + 26 * np.sqrt(drawn / curve[1]), days)
    days = np.where(services.drug[care.service], lag["drug_days"] * drawn, days)
    total = days.astype(np.int64)
    arrive = (total * (0.15 + 0.45 * rng.random(count))).astype(np.int64)
    arrive = np.where(services.drug[care.service], 0, arrive)
    received = care.service_end + arrive
    decided = calendar.weekday_forward(received + np.where(services.drug[care.service], 0, (total - arrive) * 7 // 10))
    paid = np.maximum(calendar.weekday_forward(care.service_end + total), decided)
    return received, decided, paid


def _adjudicate(
    services: Services, book: PlanBook, care: Care, spans: Exposure, counting: Ints, when: Ints, outside: Bools,
    line_denied: Bools, rng: np.random.Generator,
) -> Shares:  # fmt: skip
    """Cost shares of every line in the version that counts; zeros for lines that are never paid."""
    claim = care.claim
    brand = rng.random(len(counting)) < 0.22
    zero = np.zeros(len(claim), dtype=np.int64)
    result = Shares(zero.copy(), zero.copy(), zero.copy())
    payable = (counting[claim] > 0) & ~line_denied
    away = np.flatnonzero(payable & outside[claim])
    result.coinsurance[away] = care.allowed[away] // 2
    inside = np.flatnonzero(payable & ~outside[claim])
    if not len(inside):
        return result
    c = claim[inside]
    span = care.exposure[c]
    row = spans.row[span]
    cost = services.cost[care.service[c]]
    cost = np.where((cost == GENERIC) & brand[c], FULL, cost)
    fees = np.zeros(len(inside), dtype=np.int64)
    for kind, place in COPAY_PLACE.items():
        fees = np.where(cost == kind, book.copays[row, place], fees)
    free = cost == NO_COST
    # A visit's copay is for its first line; a plan without one takes the deductible instead.
    subject = ~free & ((fees == 0) | (care.number[inside] > 1)) & (book.variant[row] != 2)
    subject |= (cost == FULL) & (book.variant[row] != 2)
    # One number orders lines by the day of decision, then by claim and line.
    order = (when[c] << 32) + inside
    found = cost_shares(
        care.allowed[inside], subject, np.where(free, 0, fees), book.coinsurance[row], spans.member[span] * 2
        + spans.accumulator[span] % 2, spans.accumulator[span], order, book.deductible[row], book.moop[row],
    )  # fmt: skip
    result.deductible[inside], result.copay[inside], result.coinsurance[inside] = (
        found.deductible,
        found.copay,
        found.coinsurance,
    )
    return result


def _correction_factors(rng: np.random.Generator, count: int) -> Ints:
    """What a correction does to the plan's payment, in thousandths: mostly less, sometimes more, sometimes nothing."""
    kind = chance.picks(rng, [0.60, 0.25, 0.15], count)
    drawn = rng.random(count)
    factor = np.where(kind == 0, 550 + 430 * drawn, np.where(kind == 1, 1020 + 200 * drawn, 1000))
    return factor.astype(np.int64)


def _version(
    care: Care, version: int, line: Ints, sequence: Ints, frequency: Ints, outcome: Ints, received: Ints, decided: Ints, paid_on: Ints,
    base: tuple[Ints, Ints, Shares, Ints], pays: Bools, line_denied: Bools, reason: Ints, factor: Ints | None,
) -> tuple[Ints, ...]:  # fmt: skip
    """The rows of one version of claims, for the lines given."""
    claim = care.claim[line]
    allowed, plan_part, shares, other = (x[line] if isinstance(x, np.ndarray) else x for x in base)
    assert isinstance(shares, Shares)
    ok = (outcome == PAID)[claim] & pays[claim] & ~line_denied[line]
    paid = np.where(ok, plan_part, 0)
    if factor is not None:
        # A correction never raises what the member owes, and never allows more than was billed.
        room = care.billed[line] - allowed
        paid = np.minimum(paid * factor[claim] // 1000, paid + room)
    parts = [np.where(ok, part[line], 0) for part in (shares.deductible, shares.copay, shares.coinsurance)]
    other = np.where(ok, other, 0)
    status = np.where(ok, PAID, np.where((outcome == PENDED)[claim], PENDED, DENIED))
    code = np.where(status == DENIED, np.where((outcome == PAID)[claim], BUNDLED, reason[claim]), 0)
    settled = np.where((outcome == PAID)[claim], paid_on[claim], cells.NO_DAY)
    return (
        line, claim, np.full(len(line), version), sequence[claim], frequency[claim], status, received[claim], decided[claim],
        settled, care.billed[line], paid + parts[0] + parts[1] + parts[2] + other, paid, *parts, other, code,
    )  # fmt: skip
