"""The codes and providers that claims name, such as fit the member's sex and age."""

from dataclasses import dataclass

import numpy as np

from scripts.seed_data import calendar
from scripts.seed_data.care import Care
from scripts.seed_data.chance import Ints
from scripts.seed_data.enrollment import Exposure
from scripts.seed_data.market import Market
from scripts.seed_data.population import Members
from scripts.seed_data.providers import SPECIALTIES, Providers
from scripts.seed_data.services import Services


@dataclass(slots=True)
class Codes:
    """What claims (or lines) say beside amounts and days: places in tables."""

    rendering: Ints
    diagnosis: Ints
    place: Ints
    drg: Ints
    procedure: Ints  # of lines
    revenue: Ints  # of lines
    drug: Ints  # of lines
    units: Ints  # of lines


def draw_codes(
    market: Market,
    services: Services,
    providers: Providers,
    members: Members,
    care: Care,
    spans: Exposure,
    rng: np.random.Generator,
) -> Codes:
    """Providers and codes for the year's claims."""
    service, line_service = care.service, care.service[care.claim]
    member = spans.member[care.exposure]
    sex, age = members.sex[member], calendar.ages(members.birth[member], care.service_date)
    diagnosis = services.diagnoses.draw_for(rng, service, sex, age)
    condition = members.condition[member]
    own = services.conditions.draw_for(rng, np.maximum(condition - 1, 0), sex, age)
    named = rng.random(len(service)) < market.claims["chronic"]["diagnosis_share"]
    lasting = (condition > 0) & named & services.lasting[service]
    # An admission's group follows from its diagnosis: the two lists are one.
    group = np.where(services.inpatient[service], diagnosis - services.diagnoses.offset[service], 0)
    revenue = services.revenues.draw(rng, line_service)
    return Codes(
        rendering=_rendering(market, services, providers, care, spans, rng),
        diagnosis=np.where(lasting, own + len(services.diagnoses.codes), diagnosis),
        place=services.places.draw(rng, service),
        drg=services.drgs.offset[service] + group,
        procedure=services.procedures.draw_for(rng, line_service, sex[care.claim], age[care.claim]),
        # The first line says what the claim is about: room and board, operating room, emergency room.
        revenue=np.where(care.number == 1, services.revenues.offset[line_service], revenue),
        drug=services.drugs.draw(rng, line_service),
        units=np.where(services.drug[line_service], 30, 1 + (rng.random(len(line_service)) < 0.12)),
    )


def _rendering(
    market: Market, services: Services, providers: Providers, care: Care, spans: Exposure, rng: np.random.Generator
) -> Ints:
    """A provider of the member's state and the service's specialty; most go back to the same one."""
    states = list(market.states)
    state_of = np.array([states.index(c.state) for c in market.counties])
    keys = sorted(providers.by_need)
    flat = np.concatenate([providers.by_need[key] for key in keys])
    count = np.array([len(providers.by_need[key]) for key in keys])
    offset = np.cumsum(count) - count
    need = state_of[spans.county[care.exposure]] * len(SPECIALTIES) + services.specialty[care.service]
    usual = (spans.member[care.exposure] * 2_654_435_761 + care.service * 40_503) % 4_294_967_296 / 4_294_967_296
    drawn = rng.random(len(need))
    place = np.where(drawn < 0.75, usual, (drawn - 0.75) * 4)
    chosen = flat[offset[need] + (place * count[need]).astype(np.int64)]
    open_then = (providers.opens[chosen] <= care.service_date) & (providers.closes[chosen] > care.service_date)
    rendering: Ints = np.where(open_then, chosen, flat[offset[need]])
    return rendering
