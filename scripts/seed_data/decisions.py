"""What insurers decide about claims, what follows a decision, and on which days."""

from dataclasses import dataclass

import numpy as np

from scripts.seed_data import calendar, chance
from scripts.seed_data.care import Care
from scripts.seed_data.chance import Bools, Floats, Ints
from scripts.seed_data.enrollment import Exposure
from scripts.seed_data.market import Market
from scripts.seed_data.plans import PlanBook
from scripts.seed_data.services import Services

PAID, DENIED, PENDED = range(3)
NOTHING, CORRECTED, VOIDED, AGAIN, RESUBMITTED = range(5)  # what follows; AGAIN: appealed, or taken up from pending
BUNDLED, NOT_COVERED = 1, 2  # places of the codes that the life of claims gives by itself


@dataclass(slots=True)
class Days:
    """When one version of each claim was received, decided and paid."""

    received: Ints
    decided: Ints
    paid: Ints


@dataclass(slots=True)
class Decisions:
    """The decisions on the year's claims; arrays over claims."""

    outside: Bools  # out of network
    first: Ints  # PAID, DENIED, PENDED
    follow: Ints  # NOTHING, CORRECTED...
    second: Ints  # the outcome of the second version, or of the claim submitted anew
    third: Bools  # a corrected claim is corrected or voided once more
    third_void: Bools
    days: tuple[Days, Days, Days]  # of the three versions
    counting: Ints  # the version whose decision counts toward deductible and maximum, 0 for none
    reason: Ints  # place in the denial codes

    @property
    def counted_on(self) -> Ints:
        """The day of the decision that counts."""
        return np.where(self.counting == 1, self.days[0].decided, self.days[1].decided)


def denial_codes(market: Market) -> list[tuple[str, str, float]]:
    """Group, code and share of each denial; first nothing, then 97 and 27, which the life of claims gives itself."""
    found = [("", "", 0.0), ("CO", "97", 0.0), ("PR", "27", 0.0)]
    for denial in market.claims["denials"]:
        found += [(group, code, denial["share"] / len(denial["codes"])) for group, code in denial["codes"]]
    return found


def decide(
    market: Market, services: Services, book: PlanBook, care: Care, spans: Exposure, rng: np.random.Generator
) -> Decisions:
    """Draw the decisions on every claim of the year."""
    life = market.claims["life"]
    count = len(care.exposure)
    outside, first = _first_decisions(market, services, book, care, spans, rng)
    uncovered = care.service_date > spans.covered_end[care.exposure]

    drawn = rng.random(count)
    voided = np.where(uncovered, life["orphan_voided"], life["voided"])
    follow = np.full(count, NOTHING)
    follow[(first == PAID) & (drawn < voided + life["corrected"])] = CORRECTED
    follow[(first == PAID) & (drawn < voided)] = VOIDED
    anew = (first == DENIED) & (drawn < life["resubmitted"])
    appealed = (first == DENIED) & ~anew & (drawn < life["resubmitted"] + life["appealed"])
    follow[anew] = RESUBMITTED
    follow[appealed | (first == PENDED)] = AGAIN
    odds = np.where(appealed, life["appeals_won"], life["resubmitted_paid"])
    won = rng.random(count) < np.where(first == PENDED, life["pended_paid"], odds)
    won &= ~(uncovered & (first == PENDED))
    again = (follow == AGAIN) | anew
    second = np.where(again & ~won, DENIED, PAID)
    third = (follow != NOTHING) & (follow != VOIDED) & (second == PAID) & (rng.random(count) < life["corrected_twice"])
    third_void = third & (rng.random(count) < 0.25)

    shares = np.array([share for _, _, share in denial_codes(market)])
    reason = np.where(uncovered & (first == PENDED), NOT_COVERED, chance.picks(rng, shares, count))
    return Decisions(
        outside=outside,
        first=first,
        follow=follow,
        second=second,
        third=third,
        third_void=third_void,
        days=_all_days(market, services, care, first, appealed, rng),
        counting=np.where(first == PAID, 1, np.where(again & (second == PAID), 2, 0)),
        reason=reason,
    )


def _first_decisions(
    market: Market, services: Services, book: PlanBook, care: Care, spans: Exposure, rng: np.random.Generator
) -> tuple[Bools, Ints]:
    """Out of network or not, and the decision on the first submission."""
    life, issuers = market.claims["life"], market.plans["issuers"]
    count = len(care.exposure)
    issuer = book.issuer[spans.row[care.exposure]]
    away = np.array([life["out_of_network_by_type"][spec["plan_type"]] for spec in issuers])[issuer]
    strict = np.array([spec["denial"] for spec in issuers])[issuer]
    outside = rng.random(count) < life["out_of_network"] * away * np.where(services.drug[care.service], 0.25, 1.4)
    odds = np.where(outside, life["denied_out_of_network"], life["denied_in_network"] * strict)
    odds = np.minimum(odds * services.denied[care.service], 0.9)
    drawn = rng.random(count)
    first = np.where(drawn < odds, DENIED, np.where(drawn < odds + life["pended"], PENDED, PAID))
    unpaid = care.service_date >= spans.grace_from[care.exposure]
    pended = unpaid & (rng.random(count) < market.enrollment["grace"]["pended_in_grace"])
    return outside, np.where(pended, PENDED, first)


def _all_days(
    market: Market, services: Services, care: Care, first: Ints, appealed: Bools, rng: np.random.Generator
) -> tuple[Days, Days, Days]:
    """The days of all three versions, whether a claim has them or not."""
    life = market.claims["life"]
    count = len(first)
    one = _first_days(market, services, care, rng)
    low, high = (np.where(appealed, *ends) for ends in zip(life["appeal_days"], life["follow_days"], strict=True))
    wait = rng.integers(low, high, endpoint=True)
    known = np.where(first == PAID, one.paid, one.decided)
    decided = calendar.weekday_forward(known + wait)
    received = np.where(first == PENDED, one.received, known + wait // 2)
    two = Days(received, decided, calendar.weekday_forward(decided + rng.integers(0, 7, count)))
    again = two.paid + wait // 3
    decided = calendar.weekday_forward(again + 2 + wait // 4)
    return one, two, Days(again, decided, calendar.weekday_forward(decided + 3))


def _first_days(market: Market, services: Services, care: Care, rng: np.random.Generator) -> Days:
    """Received, decided and paid days of first submissions, by the lag curve."""
    lag = market.claims["lag"]
    drug = services.drug[care.service]
    drawn = rng.random(len(drug))
    total = np.where(drug, lag["drug_days"] * drawn, _lag_days(lag["months"], drawn)).astype(np.int64)
    arrive = np.where(drug, 0, (total * (0.15 + 0.45 * rng.random(len(drug)))).astype(np.int64))
    received = care.service_end + arrive
    decided = calendar.weekday_forward(received + np.where(drug, 0, (total - arrive) * 7 // 10))
    return Days(received, decided, np.maximum(calendar.weekday_forward(care.service_end + total), decided))


def _lag_days(months: list[float], drawn: Floats) -> Floats:
    """Days from service to payment: the curve's inverse, its first month rising instead of uniform."""
    curve = np.r_[0.0, months]
    days = np.interp(drawn, curve, 30.4 * np.arange(len(curve)))
    shaped: Floats = np.where(drawn < curve[1], 3 + 25 * np.sqrt(drawn / curve[1]), days)
    return shaped
