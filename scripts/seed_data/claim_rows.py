"""The claims feed: versions of claim lines with their codes, as CSV rows."""

import numpy as np

from scripts.seed_data import cells
from scripts.seed_data.care import Care
from scripts.seed_data.chance import Bools
from scripts.seed_data.claim_life import FREQUENCIES, Versions
from scripts.seed_data.codes import Codes
from scripts.seed_data.decisions import PENDED, denial_codes
from scripts.seed_data.enrollment import Exposure
from scripts.seed_data.market import Market
from scripts.seed_data.plans import PlanBook
from scripts.seed_data.population import BLOCK_HOUSEHOLDS, Members
from scripts.seed_data.providers import Providers
from scripts.seed_data.services import CLAIM_TYPES, Services


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
    later = np.flatnonzero(rows.version > 1)
    root = np.zeros(count, dtype=f"S{len(prefix) + 7}")
    root[later] = cells.joined(prefix, cells.padded(rows.root[later], 7))
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
