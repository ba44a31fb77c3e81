"""The claims feed: versions of claim lines with their codes, as CSV rows."""

from dataclasses import dataclass

import numpy as np

from scripts.seed_data import cells
from scripts.seed_data.care import Care
from scripts.seed_data.chance import Bools, Ints
from scripts.seed_data.claim_life import FREQUENCIES, Versions
from scripts.seed_data.decisions import PENDED, denial_codes
from scripts.seed_data.enrollment import Exposure
from scripts.seed_data.market import Market
from scripts.seed_data.plans import PlanBook
from scripts.seed_data.population import BLOCK_HOUSEHOLDS, Members
from scripts.seed_data.providers import SPECIALTIES, Providers
from scripts.seed_data.services import CLAIM_TYPES, Services


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
    units = np.where(services.drug[line_service], 30, 1 + (rng.random(len(line_service), dtype=np.float32) < 0.12))
    return Codes(
        rendering=_rendering(market, services, providers, care, spans, rng),
        diagnosis=_diagnoses(market, services, members, care, spans, rng),
        place=services.places.draw(rng, service),
        drg=services.drgs.draw(rng, service),
        procedure=services.procedures.draw(rng, line_service),
        # The first line says what the claim is about: room and board, operating room, emergency room.
        revenue=np.where(
            care.number == 1, services.revenues.offset[line_service], services.revenues.draw(rng, line_service)
        ),
        drug=services.drugs.draw(rng, line_service),
        units=units,
    )


def _diagnoses(
    market: Market, services: Services, members: Members, care: Care, spans: Exposure, rng: np.random.Generator
) -> Ints:
    """A diagnosis of the service, or of the member's lasting condition."""
    condition = members.condition[spans.member[care.exposure]]
    usual = services.diagnoses.draw(rng, care.service)
    own = services.conditions.draw(rng, np.maximum(condition - 1, 0)) + len(services.diagnoses.codes)
    named = rng.random(len(usual)) < market.claims["chronic"]["diagnosis_share"]
    return np.where((condition > 0) & named & services.lasting[care.service], own, usual)


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


def claim_rows(
    market: Market, services: Services, providers: Providers, book: PlanBook, members: Members, block: int, care: Care,
    spans: Exposure, codes: Codes, outside: Bools, rows: Versions,
) -> cells.Rows:  # fmt: skip
    """The claims feed's rows of *rows*, as they stand there."""
    claim, line = rows.claim, rows.line
    span = care.exposure[claim]
    member = spans.member[span]
    service = care.service[claim]
    count = len(line)
    prefix = f"C{book.year % 100:02d}{block:04d}".encode()
    number = block * BLOCK_HOUSEHOLDS + members.household[member]
    root = np.where(rows.version > 1, cells.joined(prefix, cells.padded(claim, 7)), np.bytes_(b""))
    bills = services.bills.codes
    with_frequency = cells.pool(code.decode()[:3] + f if code else "" for code in bills.tolist() for f in FREQUENCIES)
    denials = denial_codes(market)
    rendering = codes.rendering[claim]
    return (
        cells.Rows(
            [
                cells.joined(prefix, cells.padded(rows.sequence, 7)),
                cells.whole(rows.version),
                cells.whole(care.number[line]),
                cells.pool(FREQUENCIES)[rows.frequency],
                root,
                cells.pool(CLAIM_TYPES)[services.claim_type[service]],
                cells.pool(("paid", "denied", "pended"))[rows.status],
                cells.joined(b"M", cells.padded(number, 9), cells.padded(members.position[member], 1)),
                book.plan_id[spans.row[span]],
                providers.npi[providers.group[rendering]],
                providers.npi[rendering],
                cells.dates(care.service_date[claim]),
                cells.dates(care.service_end[claim]),
                cells.dates(rows.received),
                cells.dates(np.where(rows.status == PENDED, cells.NO_DAY, rows.adjudicated)),
                cells.dates(rows.paid_on),
                services.places.codes[codes.place[claim]],
                with_frequency[services.bills.offset[service] * 3 + rows.frequency],
                services.revenues.codes[codes.revenue[line]],
                services.drgs.codes[codes.drg[claim]],
                services.all_diagnoses[codes.diagnosis[claim]],
                services.procedures.codes[codes.procedure[line]],
                services.drugs.codes[codes.drug[line]],
                cells.whole(codes.units[line]),
                cells.flags(~outside[claim]),
                cells.money(rows.billed),
                cells.money(rows.allowed),
                cells.money(rows.paid),
                cells.money(rows.deductible),
                cells.money(rows.copay),
                cells.money(rows.coinsurance),
                cells.money(rows.other_payer),
                cells.pool(group for group, _, _ in denials)[rows.reason],
                cells.pool(code for _, code, _ in denials)[rows.reason],
            ]
        )
        if count
        else cells.Rows([cells.blank(0)] * 34)
    )
