"""Providers: who they are on any day, and which one gives a service."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from scripts.seed_data import calendar, cells, chance
from scripts.seed_data.cells import Cells
from scripts.seed_data.chance import Bools, Ints
from scripts.seed_data.market import Market
from scripts.seed_data.networks import PROVIDER_MONTHS, Moves, Networks, contract_days, networks
from scripts.seed_data.pools import Pools

SPECIALTIES = (
    "clinic",
    "primary",
    "specialist",
    "behavioural",
    "hospital",
    "urgent",
    "laboratory",
    "pharmacy",
    "transport",
)
_FAR = 1_000_000  # a day that never comes
ADDRESS, NETWORK, ACCEPTING, PHONE = range(4)  # what changes


def check_digit(first_nine: Ints) -> Ints:
    """The tenth digit of a National Provider Identifier: Luhn over `80840` and the number, whose prefix adds 24."""
    total = np.full(first_nine.shape, 24, dtype=np.int64)
    rest = first_nine
    for place in range(9):
        rest, digit = np.divmod(rest, 10)
        doubled = digit * 2
        total += np.where(place % 2 == 0, doubled - 9 * (doubled > 9), digit)
    return -total % 10


@dataclass(frozen=True, slots=True)
class Providers:
    """All providers of the market's horizon, and the days on which something about them changes."""

    npi: Cells
    kind: Ints
    county: Ints
    group: Ints  # place of the billing organisation; itself for organisations
    name: Cells
    street: Ints
    phone: Ints
    state: Ints
    network: Ints  # at first, among the state's
    accepting: Bools
    opens: Ints
    closes: Ints
    change_day: Ints
    changed: Ints
    change_kind: Ints  # ADDRESS, NETWORK...
    networks: Networks
    moves: Moves  # to the state's next network
    serving: Ints  # providers by network and specialty; the first of each never closes, nor leaves
    first: Ints  # where those of network * specialties + specialty begin
    count: Ints

    def is_in(self, network: Ints, places: Ints, days: Ints) -> Bools:
        """Whether these providers belong to that network of their state on these days."""
        moved = self.network[places] + self.moves.until(places, days)
        found: Bools = moved % self.networks.count[self.state[places]] == network
        return found


def make_providers(market: Market, pools: Pools, seed: int, members: int, first_year: int) -> Providers:
    """The providers for a market of *members*."""
    spec = market.providers
    rng = chance.stream(seed, "providers")
    kinds = spec["kinds"]
    at_start = max(int(spec["minimum"]), round(members * spec["per_member"]))
    years = int(spec["horizon_years"])
    count = at_start + round(at_start * spec["new_a_year"] * years)
    begin, end = calendar.day(first_year, 1), calendar.day(first_year + years, 1)

    kind = chance.picks(rng, [k["share"] for k in kinds], count)
    county = chance.picks(rng, [c.weight for c in market.counties], count)
    states = list(market.states)
    state_of = np.array([states.index(c.state) for c in market.counties])
    specialty_of = np.array([SPECIALTIES.index(k["specialty"]) for k in kinds])
    # Every network has at least one provider of each specialty from the start: the first rows see to it.
    found = networks(market)
    network = rng.integers(0, 1 << 30, count)
    needs = [(s, n, p) for s, many in enumerate(found.count) for n in range(many) for p in range(len(SPECIALTIES))]
    for place, (s, n, p) in enumerate(needs):
        kind[place] = np.flatnonzero(specialty_of == p)[0]
        county[place] = np.flatnonzero(state_of == s)[0]
        network[place] = n
    state, specialty = state_of[county], specialty_of[kind]
    network %= found.count[state]
    opens = np.where(np.arange(count) < at_start, begin - 1000, rng.integers(begin, end, count))
    closes = begin + rng.exponential(365 / spec["closed_a_year"], count).astype(np.int64)
    closes = np.where(closes > opens + 90, closes, _FAR)
    closes[: len(needs)] = _FAR

    group = np.arange(count)
    individual = np.array([k["entity"] == "1" for k in kinds])[kind]
    lasting = (specialty == SPECIALTIES.index("clinic")) & (opens < begin) & (closes == _FAR)
    drawn = rng.random(count)
    for s, many in enumerate(found.count):
        for n in range(many):
            here = (state == s) & (network == n)
            clinics = np.flatnonzero(lasting & here)
            mine = individual & here
            group[mine] = clinics[(drawn[mine] * len(clinics)).astype(np.int64)]

    # First digit 2: allowed by the standard, and not seen among issued numbers, so that nobody's is hit.
    base = 200_000_000 + rng.permutation(min(90_000_000, count * 50))[:count]
    npi = cells.padded(base * 10 + check_digit(base), 10)
    change_day, changed, change_kind = _changes(rng, spec, count, len(needs), closes, begin, end)
    moving = change_kind == NETWORK
    moves = Moves.of(changed[moving], change_day[moving], count)
    by_need, serving = _serving(found, moves, state, specialty, network)
    first = np.searchsorted(by_need, np.arange(len(needs) + 1))
    return Providers(
        npi=npi,
        kind=kind,
        county=county,
        group=group,
        name=_names(rng, pools, np.array([k["type"] for k in kinds])[kind]),
        street=rng.integers(0, 1 << 30, count),
        phone=rng.integers(0, 1 << 30, count),
        state=state,
        network=network,
        accepting=rng.random(count) < 0.82,
        opens=opens,
        closes=closes,
        change_day=change_day,
        changed=changed,
        change_kind=change_kind,
        networks=found,
        moves=moves,
        serving=serving,
        first=first[:-1],
        count=np.diff(first),
    )


def _changes(
    rng: np.random.Generator, spec: dict[str, Any], count: int, anchors: int, closes: Ints, begin: int, end: int
) -> tuple[Ints, Ints, Ints]:
    """Days, providers and kinds of changes; who stays in the network for good, or closes soon, makes no new contract."""
    number = int(rng.poisson(count * spec["changed_a_year"] * int(spec["horizon_years"])))
    days, changed = rng.integers(begin, end, number), rng.integers(0, count, number)
    kind = chance.picks(rng, [0.35, 0.25, 0.30, 0.10], number)
    moving = kind == NETWORK
    days[moving] = contract_days(days[moving], PROVIDER_MONTHS)
    kept = np.flatnonzero(~moving | ((changed >= anchors) & (closes[changed] > days + 60)))
    kept = kept[np.argsort(days[kept], kind="stable")]
    return days[kept], changed[kept], kind[kept]


def _serving(found: Networks, moves: Moves, state: Ints, specialty: Ints, network: Ints) -> tuple[Ints, Ints]:
    """Who belongs to each network at any time, by network and specialty."""
    total, many = moves.total, found.count[state]
    needs, places = [], []
    for turn in range(int(many.max())):
        mine = np.flatnonzero((turn <= total) & (turn < many))
        of_market = found.first[state[mine]] + (network[mine] + turn) % many[mine]
        needs.append(of_market * len(SPECIALTIES) + specialty[mine])
        places.append(mine)
    need, place = np.concatenate(needs), np.concatenate(places)
    order = np.lexsort((place, need))
    return need[order], place[order]


def _names(rng: np.random.Generator, pools: Pools, kind_type: np.ndarray) -> Cells:
    """Names that nobody bears: each ends in -Example, each facility in what it is."""
    count = len(kind_type)
    first = np.where(
        rng.random(count) < 0.5,
        pools.first_female[rng.integers(0, len(pools.first_female), count)],
        pools.first_male[rng.integers(0, len(pools.first_male), count)],
    )
    last = pools.last[rng.integers(0, len(pools.last), count)]
    people = cells.joined(first, b" ", last, b"-Example")
    endings = {"facility": " Example Medical Center", "lab": " Example Laboratory", "pharmacy": " Example Pharmacy"}
    ending = cells.pool(endings.values())[np.array([list(endings).index(k) if k in endings else 0 for k in kind_type])]
    return np.where(kind_type == "individual", people, cells.joined(last, ending))


def alive(providers: Providers, as_of: int) -> Bools:
    """Who is open at the end of the day before *as_of*."""
    return (providers.opens < as_of) & (providers.closes >= as_of)


def provider_rows(
    market: Market, pools: Pools, providers: Providers, as_of: int, places: Ints, effective: Ints, deleted: Bools
) -> cells.Rows:
    """The providers feed's rows of *places* as they stand at the end of the day before *as_of*."""
    kinds = market.providers["kinds"]
    known = providers.change_day < as_of
    moved, contracts, flipped, called = (
        np.bincount(providers.changed[known & (providers.change_kind == k)], minlength=len(providers.npi))[places]
        for k in range(4)
    )
    kind, county = providers.kind[places], providers.county[places]
    street = providers.street[places] + 7919 * moved
    many = providers.networks.count[providers.state[places]]
    network = (providers.network[places] + contracts) % many
    zips = [cells.pool(c.zips) for c in market.counties]
    zip_width = max(z.dtype.itemsize for z in zips)
    zip_table = np.zeros((len(zips), max(map(len, zips))), dtype=f"S{zip_width}")
    for place, found in enumerate(zips):
        zip_table[place] = np.resize(found, zip_table.shape[1])

    def of_kind(key: str) -> Cells:
        return cells.pool(k[key] for k in kinds)[kind]

    def of_county(key: str) -> Cells:
        return cells.pool(getattr(c, key) for c in market.counties)[county]

    own = providers.group[places] == places
    group = np.where(own, np.bytes_(b""), providers.npi[providers.group[places]])
    phone = (providers.phone[places] + 37 * called) % 100
    return cells.Rows(
        [
            providers.npi[places],
            of_kind("entity"),
            providers.name[places],
            of_kind("taxonomy"),
            of_kind("name"),
            of_kind("type"),
            group,
            providers.networks.names[providers.networks.first[providers.state[places]] + network],
            address(pools, street),
            of_county("city"),
            of_county("state"),
            zip_table[county, street % zip_table.shape[1]],
            of_county("fips"),
            cells.joined(b"(555) 555-01", cells.padded(phone, 2)),
            cells.flags(providers.accepting[places] ^ (flipped % 2 == 1)),
            cells.dates(effective),
            np.where(deleted, np.bytes_(b"delete"), np.bytes_(b"upsert")),
        ]
    )


def address(pools: Pools, number: Ints) -> Cells:
    """A house number and street for any whole number."""
    return cells.joined(cells.whole(1 + number % 9973), b" ", pools.street[number % len(pools.street)])
