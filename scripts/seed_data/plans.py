"""Issuers' plans: what each component and its variants are in one plan year."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from scripts.seed_data import calendar, cells, chance
from scripts.seed_data.cells import Cells
from scripts.seed_data.chance import Bools, Floats, Ints
from scripts.seed_data.market import Market, PlanYear
from scripts.seed_data.networks import PLAN_MONTHS, Moves, Networks, contract_days, networks

METALS = ("Catastrophic", "Bronze", "Silver", "Gold", "Platinum")  # the levels that people choose between
CURVE_AT_40 = 1.278
COSTS = ("primary", "specialist", "emergency", "generic")
NETWORK, NAME = range(2)  # what changes within a year


@dataclass(frozen=True, slots=True)
class Components:
    """The market's plan components, the same in every year: issuer x design."""

    issuer: Ints
    design: Ints
    state: tuple[str, ...]
    metal: Ints  # place in METALS
    weight: Floats  # of being chosen within state and metal
    share: Floats  # its issuer's weight in the state


@dataclass(frozen=True, slots=True)
class PlanBook:
    """The plans of one year: arrays over rows (a component's variant) and over components. Amounts in cents."""

    year: int
    component: Ints
    issuer: Ints  # place in the market's issuers
    variant: Ints
    row: Ints  # [component, variant] -> row, -1 where there is none
    plan_id: Cells
    base: Ints
    component_base: Ints  # on-exchange premium at age 21, area factor 1
    deductible: Ints
    moop: Ints
    coinsurance: Ints  # in hundredths of a percent
    copays: Ints  # [row, place in COSTS]
    metal_name: tuple[str, ...]
    benchmark: dict[str, int]  # state -> base premium of the second-lowest-cost silver plan
    columns: tuple[Cells, ...]  # constant columns of the plans feed up to network_id
    name: Cells
    hsa: Bools
    changes: tuple[Ints, Ints, Ints]  # day, component, kind: NETWORK or NAME
    networks: Networks
    moves: Moves  # of components, to the state's next network

    def network_on(self, rows: Ints, days: Ints) -> Ints:
        """The network of each plan row on a day, among its state's."""
        issuer = self.issuer[rows]
        moved = self.moves.until(self.component[rows], days)
        found: Ints = (self.networks.of_issuer[issuer] + moved) % self.networks.count[self.networks.state[issuer]]
        return found


def components(market: Market) -> Components:
    """All components; a discontinued one's successor takes its place here."""
    designs, issuers = market.plans["designs"], market.plans["issuers"]
    pairs = [(i, d) for i in range(len(issuers)) for d in range(len(designs))]
    metal_of = {"Expanded Bronze": "Bronze"}
    metals = [METALS.index(metal_of.get(d["metal"], d["metal"])) for d in designs]
    return Components(
        issuer=np.array([i for i, _ in pairs]),
        design=np.array([d for _, d in pairs]),
        state=tuple(issuers[i]["state"] for i, _ in pairs),
        metal=np.array([metals[d] for _, d in pairs]),
        weight=np.array([issuers[i]["share"] * designs[d]["choice"] for i, d in pairs]),
        share=np.array([issuers[i]["share"] for i, _ in pairs]),
    )


def _generations(market: Market, seed: int, first_year: int, year: int, count: int) -> Ints:
    """How often each component has been replaced by a successor up to *year*."""
    generation = np.zeros(count, dtype=np.int64)
    for past in range(first_year + 1, year + 1):
        ended = chance.stream(seed, "plan ends", past).random(count) < market.plans["life"]["discontinued_share"]
        generation += ended
    return generation


def _variants(metal: str) -> tuple[int, ...]:
    if metal == "Catastrophic":
        return (0, 1)
    return (0, 1, 2, 3, 4, 5, 6) if metal == "Silver" else (0, 1, 2, 3)


def _dollars(share: float, limit: int) -> int:
    """A share of the limit on cost sharing, rounded to 50 dollars, in cents and never above the limit."""
    return min(round(share * limit / 50) * 50, limit) * 100


def _benefits(
    design: dict[str, Any], csr: dict[str, Any], variant: int, limit: int
) -> tuple[float, int, int, float, list[int]]:
    """Actuarial value, deductible, out-of-pocket maximum, coinsurance and copays of one variant."""
    copays = [design["copays"][cost] * 100 for cost in COSTS]
    if variant == 2:
        return 1.0, 0, 0, 0.0, [0, 0, 0, 0]
    if variant >= 4:
        reduced = csr[f"{variant:02d}"]
        copays = [round(copay * reduced["copay_share"] / 500) * 500 for copay in copays]
        moop = _dollars(reduced["moop"], limit)
        return reduced["actuarial_value"], _dollars(reduced["deductible"], limit), moop, reduced["coinsurance"], copays
    deductible, moop = _dollars(design["deductible"], limit), _dollars(design["moop"], limit)
    return design["actuarial_value"], deductible, moop, design["coinsurance"], copays


def plan_book(market: Market, seed: int, first_year: int, year: int) -> PlanBook:
    """The plans of *year*: its ids, premiums and benefits, and what changes within the year."""
    parts = components(market)
    designs, issuers, life = market.plans["designs"], market.plans["issuers"], market.plans["life"]
    figures: PlanYear = market.year(year)
    rng = chance.stream(seed, "prices", year)
    issuer_noise = 1 + life["price_noise"] * rng.standard_normal(len(issuers))
    noise = 1 + 0.4 * life["price_noise"] * rng.standard_normal(len(parts.issuer))
    generation = _generations(market, seed, first_year, year, len(parts.issuer))
    silver_21 = figures.benchmark_age_40 / CURVE_AT_40 * 100
    price = np.array(
        [
            silver_21
            * market.states[state]["price_factor"]
            * issuers[i]["price"]
            * issuer_noise[i]
            * designs[d]["price"]
            for i, d, state in zip(parts.issuer, parts.design, parts.state, strict=True)
        ]
    )
    component_base = np.rint(price * noise).astype(np.int64)

    rows: list[tuple[int, int]] = []
    table: list[dict[str, Any]] = []
    for c, (i, d, state) in enumerate(zip(parts.issuer, parts.design, parts.state, strict=True)):
        issuer, design = issuers[i], designs[d]
        product = f"{issuer['id']}{state}{d + 1:03d}"
        for variant in _variants(design["metal"]):
            value, deductible, moop, coinsurance, copays = _benefits(
                design, market.plans["csr"], variant, figures.moop_individual
            )
            base = int(component_base[c])
            if variant == 0 and design["metal"] == "Silver":
                base = round(base / life["silver_loading"])
            rows.append((c, variant))
            table.append(
                {
                    "plan_id": f"{product}{generation[c] + 1:04d}-{variant:02d}",
                    "issuer_id": issuer["id"],
                    "issuer_name": issuer["name"],
                    "state": state,
                    "product_id": product,
                    "name": f"{issuer['name'].split()[0]} {design['label']}"
                    + (f" CSR {variant:02d}" if variant > 1 else ""),
                    "metal": design["metal"],
                    "plan_type": issuer["plan_type"],
                    "variant": f"{variant:02d}",
                    "on_exchange": variant > 0,
                    "value": f"{value:.4f}",
                    "base": base,
                    "deductible": deductible,
                    "moop": moop,
                    "coinsurance": round(coinsurance * 10_000),
                    "copays": copays,
                    "hsa": design["hsa"] and variant in (0, 1),
                }
            )
    book_row = np.full((len(parts.issuer), 7), -1, dtype=np.int64)
    for place, (c, variant) in enumerate(rows):
        book_row[c, variant] = place

    def texts(key: str) -> Cells:
        return cells.pool(line[key] for line in table)

    def numbers(key: str) -> Ints:
        return np.array([line[key] for line in table], dtype=np.int64)

    count = len(table)
    fees = np.array([line["copays"] for line in table], dtype=np.int64)
    rates = cells.joined(b"0.", cells.padded(numbers("coinsurance"), 4))
    columns = (
        texts("plan_id"), cells.constant(str(year), count), texts("issuer_id"), texts("issuer_name"), texts("state"),
        texts("product_id"), texts("name"), texts("metal"), texts("plan_type"), texts("variant"),
        cells.flags(np.array([line["on_exchange"] for line in table])), texts("value"), cells.money(numbers("base")),
        cells.money(numbers("deductible")), cells.money(2 * numbers("deductible")), cells.money(numbers("moop")),
        cells.money(2 * numbers("moop")), rates, *(cells.money(fees[:, k]) for k in range(len(COSTS))),
    )  # fmt: skip
    changes = _changes(market, seed, year, len(parts.issuer))
    moving = changes[2] == NETWORK
    return PlanBook(
        year=year,
        component=np.array([c for c, _ in rows]),
        issuer=parts.issuer[[c for c, _ in rows]],
        variant=np.array([v for _, v in rows]),
        row=book_row,
        plan_id=texts("plan_id"),
        base=numbers("base"),
        component_base=component_base,
        deductible=numbers("deductible"),
        moop=numbers("moop"),
        coinsurance=numbers("coinsurance"),
        copays=fees,
        metal_name=tuple(line["metal"] for line in table),
        benchmark=_benchmarks(parts, component_base),
        columns=columns,
        name=texts("name"),
        hsa=np.array([line["hsa"] for line in table]),
        changes=changes,
        networks=networks(market),
        moves=Moves.of(changes[1][moving], changes[0][moving], len(parts.issuer)),
    )


def _benchmarks(parts: Components, base: Ints) -> dict[str, int]:
    """Second lowest silver premium of each state, counting plans: two plans at one price are the first and the second."""
    silver = parts.metal == METALS.index("Silver")
    states = np.array(parts.state)
    return {str(state): int(np.sort(base[silver & (states == state)])[1]) for state in np.unique(states)}


def _changes(market: Market, seed: int, year: int, count: int) -> tuple[Ints, Ints, Ints]:
    """Changes within the year, in order: a new network or a new marketing name, never in January."""
    rng = chance.stream(seed, "plan changes", year)
    number = int(rng.poisson(count * 11 * market.plans["life"]["midyear_change_share"]))
    days = np.sort(rng.integers(calendar.day(year, 2), calendar.day(year, 12, 28), number))
    changed, kind = rng.integers(0, count, number), rng.integers(0, 2, number)
    days = np.where(kind == NETWORK, contract_days(days, PLAN_MONTHS), days)
    order = np.argsort(days, kind="stable")
    return days[order], changed[order], kind[order]


def plan_rows(book: PlanBook, as_of: int, only: Bools | None = None, effective: Ints | None = None) -> cells.Rows:
    """The plans feed's rows as they stand at the end of the day before *as_of*; *effective* holds a day per row."""
    days, changed, kind = book.changes
    known = days < as_of
    names = np.bincount(changed[known & (kind == NAME)], minlength=len(book.row))[book.component]
    suffix = cells.pool(["", " Plus", " Max", " Prime", " Choice", " Advantage"])[np.minimum(names, 5)]
    count = len(book.plan_id)
    columns = list(book.columns)
    columns[6] = cells.joined(book.name, suffix)
    network = book.network_on(np.arange(count), np.full(count, as_of - 1))
    columns += [
        book.networks.names[book.networks.first[book.networks.state[book.issuer]] + network],
        cells.flags(book.hsa),
        cells.dates(np.full(count, cells.NO_DAY) if effective is None else effective),
        cells.constant("upsert", count),
    ]
    keep = np.ones(count, dtype=bool) if only is None else only
    return cells.Rows([column[keep] for column in columns])
