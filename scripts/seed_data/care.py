"""The care members use in a year: claims and their lines, priced but not yet adjudicated."""

from dataclasses import dataclass

import numpy as np

from scripts.seed_data import calendar, chance
from scripts.seed_data.chance import Bools, Floats, Ints
from scripts.seed_data.enrollment import Exposure
from scripts.seed_data.market import Market
from scripts.seed_data.plans import PlanBook
from scripts.seed_data.population import Members
from scripts.seed_data.services import Services

TOTAL_SIGMA = 1.5  # log spread of yearly cost among those with any, all causes together


@dataclass(slots=True)
class Care:
    """Claims of a year (arrays over claims) and their lines (arrays over lines). Amounts in cents."""

    exposure: Ints  # place in the year's exposures
    service: Ints
    service_date: Ints
    service_end: Ints
    first_line: Ints
    lines: Ints
    claim: Ints  # of each line
    number: Ints  # line number, from 1
    allowed: Ints  # what the contract allows, if paid
    billed: Ints


def use_care(
    market: Market, services: Services, book: PlanBook, members: Members, spans: Exposure, rng: np.random.Generator
) -> Care:
    """Draw the year's care of all *spans*."""
    spend = market.claims["spend"]
    level, none = _levels(market, book, members, spans, rng)
    days = spans.end - spans.start + 1
    share = days / 365.0
    typical = spend["annual_allowed"] * market.year(book.year).care_index
    rates = services.rate / 1000 / (1 - spend["none_share"])
    norm = np.exp(TOTAL_SIGMA**2 * services.slope * (services.slope - 1) / 2)
    growth = np.exp(np.log(level / typical)[:, None] * services.slope) / norm
    expected = np.minimum(rates * growth, np.where(services.inpatient, 14, 160)) * share[:, None]
    expected[none] = 0.0
    number = rng.poisson(expected)
    cell = np.repeat(np.arange(number.size), number.ravel())
    exposure, service = np.divmod(cell, len(services.keys))

    drawn = (rng.random(len(cell)) * days[exposure]).astype(np.int64)
    service_date = spans.start[exposure] + drawn
    shifted = np.minimum(calendar.weekday_forward(service_date), spans.end[exposure])
    service_date = np.where(services.weekdays[service], shifted, service_date)
    unpaid = service_date >= spans.grace_from[exposure]
    keep = ~unpaid | (rng.random(len(cell)) < market.enrollment["grace"]["use_in_grace"])
    exposure, service, service_date = exposure[keep], service[keep], service_date[keep]

    count = len(exposure)
    lines = 1 + rng.poisson(services.lines[service] - 1)
    stays = 1 + rng.poisson(3.5, count)
    service_end = np.where(services.inpatient[service], service_date + stays, service_date)
    claim = np.repeat(np.arange(count), lines)
    first_line = np.cumsum(lines) - lines
    of_line = service[claim]
    weight = services.price[of_line] * np.exp(services.spread[of_line] * rng.standard_normal(len(claim)))
    line_span = exposure[claim]
    total = np.bincount(line_span, weights=weight, minlength=len(days))
    wanted = level * share
    scale = np.clip(wanted / np.maximum(total, 1e-9), 0.08, 80)
    dollars = np.clip(weight * scale[line_span], 3.0, spend["maximum"] / 2)
    allowed = np.rint(dollars * 100).astype(np.int64)
    markup = 1 + (services.markup[of_line] - 1) * (0.6 + 0.8 * rng.random(len(claim)))
    billed = np.maximum(np.rint(allowed * markup).astype(np.int64), allowed)
    return Care(
        exposure=exposure,
        service=service,
        service_date=service_date,
        service_end=service_end,
        first_line=first_line,
        lines=lines,
        claim=claim,
        number=np.arange(len(claim)) - first_line[claim] + 1,
        allowed=allowed,
        billed=billed,
    )


def _levels(
    market: Market, book: PlanBook, members: Members, spans: Exposure, rng: np.random.Generator
) -> tuple[Floats, Bools]:
    """Each span's yearly cost level in dollars, and who uses nothing at all; a member's spans share their luck."""
    spend = market.claims["spend"]
    keep = spend["persistence"]
    luck = keep * members.latent + np.sqrt(1 - keep**2) * rng.standard_normal(len(members))
    nothing = rng.random(len(members))
    mid_year = calendar.day(book.year, 7)
    weights = np.array(spend["age_weight"])
    age = calendar.ages(members.birth, mid_year)
    by_age = weights[chance.band(age, weights[:, 0]), 1]
    metals = np.array([spend["metal_weight"][m] for m in book.metal_name])
    no_use = np.array([spend["metal_none"][m] for m in book.metal_name])
    chronic = market.claims["chronic"]
    by_condition = np.array([chronic["healthy_cost"], *(spec["cost"] for spec in chronic["conditions"])])[
        members.condition
    ]
    sigma = spend["sigma"]
    typical = spend["annual_allowed"] * market.year(book.year).care_index
    own = by_age * by_condition * np.exp(sigma * luck - sigma**2 / 2)
    level = typical * own[spans.member] * metals[spans.row]
    return np.minimum(level, spend["maximum"]), nothing[spans.member] < spend["none_share"] * no_use[spans.row]
