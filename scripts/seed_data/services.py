"""The kinds of care as flat tables, so that a whole year of lines looks its codes up at once."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from scripts.seed_data import cells
from scripts.seed_data.cells import Cells
from scripts.seed_data.chance import Bools, Floats, Ints
from scripts.seed_data.market import Market
from scripts.seed_data.population import SEXES
from scripts.seed_data.providers import SPECIALTIES

ANYONE, EVER = -1, (0, 150)
CLAIM_TYPES = ("professional", "institutional", "pharmacy")
NO_COST, FULL, PRIMARY, SPECIALIST, EMERGENCY, GENERIC = range(6)
COST_NAMES = {"none": NO_COST, "full": FULL, "primary": PRIMARY, "specialist": SPECIALIST, "emergency": EMERGENCY, "generic": GENERIC}  # fmt: skip


@dataclass(frozen=True, slots=True)
class CodeTable:
    """One list of codes per service, laid end to end; services without such codes have one cell of NULL."""

    codes: Cells
    offset: Ints
    count: Ints
    sex: Ints  # of each code: the only sex it is for, as in Members; ANYONE
    youngest: Ints
    oldest: Ints

    def draw(self, rng: np.random.Generator, service: Ints) -> Ints:
        """A place among the codes for each row's service."""
        return self.offset[service] + (rng.random(len(service), dtype=np.float32) * self.count[service]).astype(
            np.int64
        )

    def draw_for(self, rng: np.random.Generator, service: Ints, sex: Ints, age: Ints) -> Ints:
        """The same, such as fits a person; the first of a list fits everybody."""
        place = self.draw(rng, service)
        for turn in range(4):
            wrong = np.flatnonzero(
                ((self.sex[place] != ANYONE) & (self.sex[place] != sex))
                | (age < self.youngest[place])
                | (age > self.oldest[place])
            )
            if not len(wrong):
                break
            place[wrong] = self.draw(rng, service[wrong]) if turn < 3 else self.offset[service[wrong]]
        return place


@dataclass(frozen=True, slots=True)
class Services:
    """All kinds of care; arrays over them in the order of `claims.toml`."""

    keys: tuple[str, ...]
    claim_type: Ints
    specialty: Ints
    rate: Floats
    slope: Floats
    price: Floats
    spread: Floats
    markup: Floats
    lines: Floats
    cost: Ints
    denied: Floats
    institutional: Bools
    drug: Bools
    inpatient: Bools
    weekdays: Bools
    places: CodeTable
    bills: CodeTable
    revenues: CodeTable
    drgs: CodeTable
    diagnoses: CodeTable
    procedures: CodeTable
    drugs: CodeTable
    conditions: CodeTable  # diagnoses of the chronic conditions; they stand after those of the services
    lasting: Bools  # services that may be for a chronic condition

    @property
    def all_diagnoses(self) -> Cells:
        """Diagnoses of services, then those of conditions."""
        return np.concatenate([self.diagnoses.codes, self.conditions.codes])


def make_services(market: Market) -> Services:
    """The tables of `claims.toml`."""
    specs = market.claims["services"]

    def codes(key: str, of: list[dict[str, Any]] = specs) -> CodeTable:
        lists = [list(spec.get(key, [""])) for spec in of]
        flat = [code for one in lists for code in one]
        counts = np.array([len(one) for one in lists])
        limits = [market.claims["whom"].get(code, {}) for code in flat]
        return CodeTable(
            codes=cells.pool(flat),
            offset=np.cumsum(counts) - counts,
            count=counts,
            sex=np.array([SEXES.index(limit["sex"]) if "sex" in limit else ANYONE for limit in limits]),
            youngest=np.array([limit.get("ages", EVER)[0] for limit in limits]),
            oldest=np.array([limit.get("ages", EVER)[1] for limit in limits]),
        )

    def numbers(key: str) -> Floats:
        return np.array([spec[key] for spec in specs], dtype=float)

    for spec in specs:
        if "bill" in spec:
            spec["bills"] = [spec["bill"] + "1"]
        if "ndc" in spec:
            spec["drugs"] = [f"99999{10 + n:04d}{n % 4 + 1:02d}" for n in range(spec["ndc"])]
    types = [spec["type"] for spec in specs]
    return Services(
        keys=tuple(spec["key"] for spec in specs),
        claim_type=np.array([CLAIM_TYPES.index(t) for t in types]),
        specialty=np.array([SPECIALTIES.index(spec["specialty"]) for spec in specs]),
        rate=numbers("rate"),
        slope=numbers("slope"),
        price=numbers("price"),
        spread=numbers("spread"),
        markup=numbers("markup"),
        lines=numbers("lines"),
        cost=np.array([COST_NAMES[spec["cost"]] for spec in specs]),
        denied=numbers("denied"),
        institutional=np.array([t == "institutional" for t in types]),
        drug=np.array([t == "pharmacy" for t in types]),
        inpatient=np.array(["drgs" in spec for spec in specs]),
        weekdays=np.array(
            [
                t == "professional" and spec["key"] not in ("urgent", "other")
                for t, spec in zip(types, specs, strict=True)
            ]
        ),
        places=codes("place"),
        bills=codes("bills"),
        revenues=codes("revenue"),
        drgs=codes("drgs"),
        diagnoses=codes("diagnoses"),
        procedures=codes("procedures"),
        drugs=codes("drugs"),
        conditions=codes("diagnoses", market.claims["chronic"]["conditions"]),
        lasting=np.array(
            [spec["key"] not in {"preventive", "urgent", "behavioural", "other", "inpatient"} for spec in specs]
        ),
    )
