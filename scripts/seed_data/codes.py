"""The codes and providers that claims name, such as fit the member's sex and age."""

from dataclasses import dataclass

import numpy as np

from scripts.seed_data import calendar
from scripts.seed_data.care import Care
from scripts.seed_data.chance import Bools, Ints
from scripts.seed_data.enrollment import Exposure
from scripts.seed_data.market import Market
from scripts.seed_data.plans import PlanBook
from scripts.seed_data.population import Members
from scripts.seed_data.providers import SPECIALTIES, Providers
from scripts.seed_data.services import Services

TRIES = 4  # providers asked before the one that is always there


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
    book: PlanBook,
    care: Care,
    spans: Exposure,
    outside: Bools,
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
        rendering=_rendering(services, providers, book, care, spans, outside, rng),
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
    services: Services, providers: Providers, book: PlanBook, care: Care, spans: Exposure, outside: Bools,
    rng: np.random.Generator,
) -> Ints:  # fmt: skip
    """A provider of the service's specialty, in the plan's network that day or *outside* it; most go back to the same one."""
    row, day = spans.row[care.exposure], care.service_date
    state = book.networks.state[book.issuer[row]]
    network = book.network_on(row, day)
    drawn = rng.random(len(row))
    others = providers.networks.count[state] - 1
    network = np.where(outside, (network + 1 + (drawn * 1000 % 1 * others).astype(np.int64)) % (others + 1), network)
    need = (providers.networks.first[state] + network) * len(SPECIALTIES) + services.specialty[care.service]
    usual = (spans.member[care.exposure] * 2_654_435_761 + care.service * 40_503) % 4_294_967_296 / 4_294_967_296
    place = np.where(drawn < 0.75, usual, (drawn - 0.75) * 4)
    rendering: Ints = providers.serving[providers.first[need]]
    open_ = np.arange(len(need))
    for turn in range(TRIES):
        # The golden ratio leads everybody to places far apart, and always to the same ones.
        shifted = (place[open_] + turn * 0.6180339887) % 1
        wanted = need[open_]
        chosen = providers.serving[providers.first[wanted] + (shifted * providers.count[wanted]).astype(np.int64)]
        fits = (providers.opens[chosen] <= day[open_]) & (providers.closes[chosen] > day[open_])
        fits &= providers.is_in(network[open_], chosen, day[open_])
        rendering[open_[fits]] = chosen[fits]
        open_ = open_[~fits]
    return rendering
