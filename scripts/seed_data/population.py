"""Households and their members: who joins the market in a year."""

from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np

from scripts.seed_data import calendar, chance
from scripts.seed_data.chance import Bools, Floats, Ints
from scripts.seed_data.market import Market
from scripts.seed_data.pools import Pools

SELF, SPOUSE, CHILD = 0, 1, 2
SEXES = ("F", "M", "U", "X")
BEFORE, NEW, SPECIAL = 0, 1, 2  # how a household came: enrolled before the history, open enrollment, special enrollment
BLOCK_HOUSEHOLDS = 100_000  # numbers reserved for a block


@dataclass(slots=True)
class Households:
    """Households of a block, in the order of their joining; what changes from year to year is overwritten."""

    county: Ints
    street: Ints
    contact: Ints
    last_name: Ints
    fpl: Ints  # income in tenths of a percent of the guideline
    tribal: Bools
    off_exchange: Floats  # a household's own draw for buying off the exchange
    came: Ints
    joined: Ints  # year
    component: Ints  # plan component held, -1 before the first choice
    active: Bools
    first_member: Ints
    members: Ints

    def __len__(self) -> int:
        return len(self.county)


@dataclass(slots=True)
class Members:
    """Members of a block, household by household: adults, then children from the oldest, then a child not yet born."""

    household: Ints
    position: Ints
    relation: Ints
    birth: Ints
    sex: Ints  # place in SEXES
    first_name: Ints
    tobacco: Bools
    condition: Ints  # place in the chronic conditions, counted from 1; 0 for none
    latent: Floats  # lasting part of the cost of care, a standard normal
    known: Ints  # day of the first record sent, or a day that never comes

    def __len__(self) -> int:
        return len(self.household)


NEVER = 1_000_000


People = TypeVar("People", Households, Members)


def append(old: People | None, new: People) -> People:
    """*old* with *new* after it; places in *new* already count from the start of the block."""
    if old is None:
        return new
    return type(new)(*(np.concatenate([getattr(old, f.name), getattr(new, f.name)]) for f in fields(new)))


def newcomers(
    market: Market, pools: Pools, seed: int, block: int, year: int, target: int, came: int, before: tuple[int, int]
) -> tuple[Households, Members]:
    """Households with *target* members in all that come to the market in *year*; *before* households and members exist."""
    spec = market.population
    rng = chance.stream(seed, "newcomers", block, year, came)
    adults, children = _sizes(rng, spec["household"], target)
    count = len(adults)
    adult_age = _ages(rng, np.array(spec["adult_age"]["bands"]), count)
    # Parents are 25 to 53, so that their children are children.
    adult_age = np.where((children > 0) & (adults > 0), 25 + 28 * rng.beta(2.0, 1.8, count), adult_age)
    slot = (rng.random(count) < 8 * spec["household"]["newborn_slots"]) & (adults > 0) & (adult_age < 40)
    sizes = adults + children + slot
    household = np.repeat(np.arange(count), sizes)
    first = np.cumsum(sizes) - sizes
    position = np.arange(len(household)) - first[household]
    relation = np.where(position >= adults[household], CHILD, np.where(position == 0, SELF, SPOUSE))
    unborn = slot[household] & (position == sizes[household] - 1)

    start = calendar.day(year, 1)
    spouse_age = np.clip(adult_age + rng.normal(-1.0, 3.5, count), 19, 64.4)
    span = np.minimum(20.5, np.maximum(1.0, adult_age - 20))[household]
    child_age = span * _falling(rng, household, relation == CHILD)
    lone_child = (adults == 0)[household]
    child_age = np.where(lone_child, 20 * rng.random(len(household)), child_age)
    age = np.where(
        relation == SELF, adult_age[household], np.where(relation == SPOUSE, spouse_age[household], child_age)
    )
    birth = start - (age * 365.2425).astype(np.int64)
    birth = np.where(unborn, start + rng.integers(30, 8 * 365, len(household)), birth)

    sex = (rng.random(len(household)) >= spec["household"]["female_share"]).astype(np.int64)
    partner = np.where(relation == SPOUSE)[0]
    sex[partner] = np.where(rng.random(len(partner)) < 0.95, 1 - sex[partner - 1], sex[partner - 1])
    rare = rng.random(len(household))
    names = np.where(sex == 0, len(pools.first_female), len(pools.first_male))
    first_name = (rng.random(len(household)) * names).astype(np.int64) * 2 + sex
    sex = np.where(rare < 0.003, 2, np.where(rare < 0.006, 3, sex))
    income = np.array(spec["income"]["bands"])
    drawn = chance.picks(rng, income[:, 2], count)
    fpl = income[drawn, 0] + (income[drawn, 1] - income[drawn, 0]) * rng.random(count)

    return Households(
        county=chance.picks(rng, [c.weight for c in market.counties], count),
        street=rng.integers(0, 1 << 30, count),
        contact=rng.integers(0, 1 << 20, count),
        last_name=rng.integers(0, len(pools.last), count),
        fpl=(fpl * 10).astype(np.int64),
        tribal=rng.random(count) < spec["household"]["tribal_share"],
        off_exchange=rng.random(count),
        came=np.full(count, came),
        joined=np.full(count, year),
        component=np.full(count, -1),
        active=np.zeros(count, dtype=bool),
        first_member=first + before[1],
        members=sizes,
    ), Members(
        household=household + before[0],
        position=position,
        relation=np.where(lone_child & (position == 0), SELF, relation),
        birth=birth,
        sex=sex,
        first_name=first_name,
        tobacco=(age >= 21) & (rng.random(len(household)) < spec["household"]["tobacco_share"]),
        condition=_conditions(market, rng, age),
        latent=rng.standard_normal(len(household)),
        known=np.full(len(household), NEVER),
    )


def _sizes(rng: np.random.Generator, spec: dict[str, Any], target: int) -> tuple[Ints, Ints]:
    """Adults and children of as many households as hold exactly *target* members."""
    kinds = ("single", "couple", "single_parent", "family", "child_only")
    kind = chance.picks(rng, [spec[k] for k in kinds], target)
    adults = np.array([1, 2, 1, 2, 0])[kind]
    brood = 1 + chance.picks(rng, spec["children"], target)
    children = np.where((kind == 2) | (kind == 3), brood, np.where(kind == 4, 1, 0))
    total = np.cumsum(adults + children)
    whole = int(np.searchsorted(total, target, side="right"))
    rest = target - (int(total[whole - 1]) if whole else 0)
    return (
        np.concatenate([adults[:whole], np.ones(rest, dtype=np.int64)]),
        np.concatenate([children[:whole], np.zeros(rest, dtype=np.int64)]),
    )


def _ages(rng: np.random.Generator, bands: Floats, count: int) -> Floats:
    drawn = chance.picks(rng, bands[:, 2], count)
    ages: Floats = bands[drawn, 0] + (bands[drawn, 1] + 0.99 - bands[drawn, 0]) * rng.random(count)
    return ages


def _conditions(market: Market, rng: np.random.Generator, age: Floats) -> Ints:
    """A lasting condition for some, by age."""
    table = np.array([spec["prevalence"] for spec in market.claims["chronic"]["conditions"]])
    until = np.cumsum(table, axis=0)[:, chance.band(age, [0, 18, 35, 50])]
    drawn = rng.random(len(age))
    below: Ints = (drawn >= until).sum(axis=0)
    return np.where(below == len(table), 0, below + 1)


def _falling(rng: np.random.Generator, household: Ints, child: Bools) -> Floats:
    """A number below 1 for each row that falls within a household, so that children come from the oldest."""
    drawn = rng.random(len(household))
    order = np.lexsort((-drawn, child, household))
    falling: Floats = drawn[order]
    return falling
