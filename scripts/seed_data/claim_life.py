"""The versions of claims: each decision as rows with their amounts, in whole cents."""

from dataclasses import dataclass

import numpy as np

from scripts.seed_data import cells, chance
from scripts.seed_data.adjudication import Shares, cost_shares
from scripts.seed_data.care import Care
from scripts.seed_data.chance import Bools, Ints
from scripts.seed_data.decisions import (
    BUNDLED,
    CORRECTED,
    DENIED,
    NOTHING,
    PAID,
    PENDED,
    RESUBMITTED,
    VOIDED,
    Days,
    Decisions,
)
from scripts.seed_data.enrollment import Exposure
from scripts.seed_data.market import Market
from scripts.seed_data.plans import PlanBook
from scripts.seed_data.services import EMERGENCY, FULL, GENERIC, NO_COST, PRIMARY, SPECIALIST, Services

COPAY_PLACE = {PRIMARY: 0, SPECIALIST: 1, EMERGENCY: 2, GENERIC: 3}
ORIGINAL, REPLACEMENT, VOID = range(3)  # places in FREQUENCIES
FREQUENCIES = ("1", "7", "8")


@dataclass(slots=True)
class Versions:
    """Rows of the claims feed: one for each version of a claim and line. Amounts in cents."""

    line: Ints
    claim: Ints
    version: Ints  # within its family; a claim submitted anew begins one
    sequence: Ints  # number of this version's claim id within block and year
    root: Ints  # the same of its family's first version
    frequency: Ints  # place in FREQUENCIES
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


@dataclass(slots=True)
class Amounts:
    """Lines as the version that counts pays them; zero where none does."""

    plan: Ints
    shares: Shares
    other_payer: Ints
    denied: Bools  # lines that are denied even where the claim is paid


def live(
    market: Market, services: Services, book: PlanBook, care: Care, spans: Exposure, made: Decisions,
    rng: np.random.Generator,
) -> Versions:  # fmt: skip
    """All versions of the year's claims."""
    count = len(care.exposure)
    amounts = _amounts(market, services, book, care, spans, made, rng)
    factor = np.where(made.follow == CORRECTED, _correction_factors(rng, count), 1000)
    lines = np.arange(len(care.claim))
    second, third = np.flatnonzero(made.follow != NOTHING), np.flatnonzero(made.third)
    numbers = np.arange(count), np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    numbers[1][second] = count + np.arange(len(second))
    numbers[2][third] = count + len(second) + np.arange(len(third))
    always = np.full(count, PAID)
    anew = made.follow == RESUBMITTED
    roots = numbers[0], np.where(anew, numbers[1], numbers[0]), np.where(anew, numbers[1], numbers[0])
    places = np.ones(count, dtype=np.int64), np.where(anew, 1, 2), np.where(anew, 2, 3)
    frequencies = (
        np.full(count, ORIGINAL),
        np.where(anew, ORIGINAL, np.where(made.follow == VOIDED, VOID, REPLACEMENT)),
        np.where(made.third_void, VOID, REPLACEMENT),
    )
    plain = np.full(count, 1000)
    parts = (
        (lines, made.first, made.counting == 1, plain),
        (lines[(made.follow != NOTHING)[care.claim]], made.second, made.counting > 0, factor),
        (
            lines[made.third[care.claim]],
            always,
            made.counting > 0,
            factor * np.where(made.third_void, 1000, 940) // 1000,
        ),
    )
    versions = [
        _version(
            care,
            amounts,
            line,
            (places[v], numbers[v], roots[v], frequencies[v]),
            outcome,
            pays,
            made.days[v],
            made.reason,
            by,
        )
        for v, (line, outcome, pays, by) in enumerate(parts)
    ]
    return Versions(*(np.concatenate(column) for column in zip(*versions, strict=True)))


def _amounts(
    market: Market, services: Services, book: PlanBook, care: Care, spans: Exposure, made: Decisions,
    rng: np.random.Generator,
) -> Amounts:  # fmt: skip
    """Adjudicate every line once."""
    life = market.claims["life"]
    count = len(care.exposure)
    denied = (care.number > 1) & (rng.random(len(care.claim)) < life["line_denied"])
    pays = (made.counting[care.claim] > 0) & ~denied
    shares = _cost_shares(services, book, care, spans, made, pays, rng.random(count) < life["brand_share"])
    plan = np.where(pays, care.allowed, 0) - shares.member
    shared = rng.random(count) < life["other_payer"]
    other = np.where(shared[care.claim], plan * rng.integers(30, 81, count)[care.claim] // 100, 0)
    return Amounts(plan - other, shares, other, denied)


def _cost_shares(
    services: Services, book: PlanBook, care: Care, spans: Exposure, made: Decisions, pays: Bools, brand: Bools
) -> Shares:
    """What members owe for each line: half of an out-of-network line, and by the plan's rules inside."""
    zero = np.zeros(len(care.claim), dtype=np.int64)
    result = Shares(zero.copy(), zero.copy(), zero.copy())
    away = np.flatnonzero(pays & made.outside[care.claim])
    result.coinsurance[away] = care.allowed[away] // 2
    inside = np.flatnonzero(pays & ~made.outside[care.claim])
    if not len(inside):
        return result
    claim = care.claim[inside]
    span = care.exposure[claim]
    row = spans.row[span]
    cost = services.cost[care.service[claim]]
    cost = np.where((cost == GENERIC) & brand[claim], FULL, cost)
    fees = np.zeros(len(inside), dtype=np.int64)
    for kind, place in COPAY_PLACE.items():
        fees = np.where(cost == kind, book.copays[row, place], fees)
    # A visit's copay is for its first line; where the plan has none, the deductible comes first.
    subject = (cost != NO_COST) & ((cost == FULL) | (fees == 0) | (care.number[inside] > 1)) & (book.variant[row] != 2)
    owed = cost_shares(
        allowed=care.allowed[inside],
        subject=subject,
        copay=fees,
        coinsurance=book.coinsurance[row],
        person=spans.member[span] * 2 + spans.accumulator[span] % 2,
        family=spans.accumulator[span],
        when=(made.counted_on[claim] << 32) + inside,  # by the day of decision, then by claim and line
        deductible=book.deductible[row],
        maximum=book.moop[row],
    )
    result.deductible[inside], result.copay[inside] = owed.deductible, owed.copay
    result.coinsurance[inside] = owed.coinsurance
    return result


def _correction_factors(rng: np.random.Generator, count: int) -> Ints:
    """What a correction does to the plan's payment, in thousandths: mostly less, sometimes more, sometimes nothing."""
    kind = chance.picks(rng, [0.60, 0.25, 0.15], count)
    drawn = rng.random(count)
    factor = np.where(kind == 0, 550 + 430 * drawn, np.where(kind == 1, 1020 + 200 * drawn, 1000))
    return factor.astype(np.int64)


def _version(
    care: Care, amounts: Amounts, line: Ints, named: tuple[Ints, ...], outcome: Ints, pays: Bools, days: Days,
    reason: Ints, factor: Ints,
) -> tuple[Ints, ...]:  # fmt: skip
    """The rows of one version of claims, for the lines given; its columns in the order of Versions.

    *named* says of each claim which version this is, its claim's number, its root's, and the frequency.
    """
    claim = care.claim[line]
    result = outcome[claim]
    ok = (result == PAID) & pays[claim] & ~amounts.denied[line]
    shares = amounts.shares
    deductible, copay, coinsurance = (
        np.where(ok, part[line], 0) for part in (shares.deductible, shares.copay, shares.coinsurance)
    )
    other = np.where(ok, amounts.other_payer[line], 0)
    owed = deductible + copay + coinsurance + other
    # A correction changes what the plan pays, never what the member owes, and never allows more than was billed.
    paid = np.where(ok, amounts.plan[line] * factor[claim] // 1000, 0)
    paid = np.minimum(paid, care.billed[line] - owed)
    status = np.where(ok, PAID, np.where(result == PENDED, PENDED, DENIED))
    code = np.where(status == DENIED, np.where(result == PAID, BUNDLED, reason[claim]), 0)
    settled = np.where(result == PAID, days.paid[claim], cells.NO_DAY)
    return (
        line, claim, *(of_claim[claim] for of_claim in named), status, days.received[claim], days.decided[claim],
        settled, care.billed[line], paid * ok + owed, paid * ok, deductible, copay, coinsurance, other, code,
    )  # fmt: skip
