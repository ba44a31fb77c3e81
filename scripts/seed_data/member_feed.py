"""The members feed: who becomes known when, and what changes about them."""

from dataclasses import dataclass

import numpy as np

from scripts.seed_data import calendar, cells
from scripts.seed_data.chance import Ints
from scripts.seed_data.coverage import Coverage
from scripts.seed_data.enrollment import Transactions
from scripts.seed_data.market import Market
from scripts.seed_data.policies import INCOME, Policies
from scripts.seed_data.pools import Pools
from scripts.seed_data.population import BLOCK_HOUSEHOLDS, NEVER, SEXES, Households, Members
from scripts.seed_data.providers import address


@dataclass(slots=True)
class Sightings:
    """Member records of a year, by day: the row holds what is true at the end of that day."""

    day: Ints
    member: Ints


def sightings(policies: Policies, cover: Coverage, members: Members, moves: Transactions) -> Sightings:
    """The days on which something about a member is told; marks new members as known."""
    home = members.household
    first_told = np.full(len(members), NEVER)
    np.minimum.at(first_told, moves.member, moves.day)
    fresh = np.flatnonzero((members.known == NEVER) & (first_told < NEVER))
    members.known[fresh] = first_told[fresh]
    year_end = calendar.day(policies.year + 1, 1)
    days, who = [first_told[fresh]], [fresh]
    here = cover.covered.any(axis=1)
    income_again = np.where(policies.switch == INCOME, policies.switch_day, NEVER)
    for event in (policies.income_day, policies.move_day, policies.contact_day, income_again):
        told = event[home]
        found = np.flatnonzero(here & (told < year_end) & (told > members.known))
        days.append(told[found])
        who.append(found)
    # Two things told on one day are one record.
    both = np.unique(np.concatenate(days) * (1 << 32) + np.concatenate(who))
    return Sightings(both >> 32, both & 0xFFFFFFFF)


def member_rows(
    market: Market, pools: Pools, block: int, policies: Policies, homes: Households, members: Members, seen: Sightings,
    snapshot_before: int,
) -> cells.Rows:  # fmt: skip
    """The members feed's rows of *seen*; those before *snapshot_before* are a snapshot and say no date of their own."""
    m, day = seen.member, seen.day
    h = members.household[m]
    counties = market.counties
    county = np.where(day >= policies.switch_day[h], policies.county[h, 1], policies.county[h, 0])
    street = np.where(day >= policies.move_day[h], policies.street[h, 1], policies.street[h, 0])
    contact = (
        np.where(day >= policies.contact_day[h], policies.contact[h, 1], policies.contact[h, 0]) + members.position[m]
    )
    fpl = np.where(day >= policies.income_day[h], policies.fpl[h, 0], policies.fpl_before[h])
    fpl = np.where(policies.income_day[h] == NEVER, policies.fpl[h, 0], fpl)
    fpl = np.where((policies.switch[h] == INCOME) & (day >= policies.switch_day[h]), policies.fpl[h, 1], fpl)
    digits = cells.padded(block * BLOCK_HOUSEHOLDS + h, 9)
    last = homes.last_name[h]
    name = members.first_name[m]
    first = np.where(
        name % 2 == 0,
        pools.first_female[(name // 2) % len(pools.first_female)],
        pools.first_male[(name // 2) % len(pools.first_male)],
    )
    widest = max(len(c.zips) for c in counties)
    zips = np.array([[c.zips[k % len(c.zips)] for k in range(widest)] for c in counties], dtype="S5")
    apartment = street % 7 == 0
    plain = address(pools, street)
    line = np.where(apartment, cells.joined(b'"', plain, b", Apt ", cells.whole(1 + street % 89), b'"'), plain)

    def of_county(key: str) -> cells.Cells:
        found: cells.Cells = cells.pool(getattr(c, key) for c in counties)[county]
        return found

    areas = np.array([c.rating_area for c in counties])
    sex = cells.pool(SEXES)
    return cells.Rows(
        [
            cells.joined(b"M", digits, cells.padded(members.position[m], 1)),
            cells.joined(b"M", digits, b"0"),
            cells.joined(b"H", digits),
            cells.pool(("self", "spouse", "child"))[members.relation[m]],
            first,
            pools.last[last],
            cells.dates(members.birth[m]),
            sex[members.sex[m]],
            cells.joined(pools.mail[last], b".", cells.padded(contact % 10_000, 4), b"@example.com"),
            cells.joined(b"(555) 555-01", cells.padded(contact * 31 % 100, 2)),
            line,
            of_county("city"),
            of_county("state"),
            zips[county, street % widest],
            of_county("fips"),
            cells.whole(areas[county]),
            cells.tenths(fpl),
            cells.flags(members.tobacco[m]),
            cells.dates(np.where(day < snapshot_before, cells.NO_DAY, day)),
            cells.constant("upsert", len(m)),
        ]
    )
