"""Networks of providers: which one a plan or a provider belongs to on a day.

Each state has as many networks as issuers, and each issuer begins every year with its own. A plan may lease another one
within the year, and a provider may leave one for another: both on the first of a contract month.
"""

from dataclasses import dataclass

import numpy as np

from scripts.seed_data import calendar, cells
from scripts.seed_data.cells import Cells
from scripts.seed_data.chance import Bools, Ints
from scripts.seed_data.market import Market

# On the first of these and of the month after no full file is due, which would tell a change without its day.
PLAN_MONTHS, PROVIDER_MONTHS = (2, 5, 8, 12), (3, 6, 9, 12)
_SPAN = 1 << 20  # more than any day's number


@dataclass(frozen=True, slots=True)
class Networks:
    """The market's networks, state by state."""

    names: Cells
    first: Ints  # of each state, in the order of the market's states
    count: Ints
    of_issuer: Ints  # place of each issuer's own among its state's
    state: Ints  # of each issuer


def networks(market: Market) -> Networks:
    """One for each issuer, with an id in the shape of HIOS: state, N and three digits."""
    states = list(market.states)
    state = np.array([states.index(spec["state"]) for spec in market.plans["issuers"]])
    count = np.bincount(state, minlength=len(states))
    own = np.array([int((state[:place] == s).sum()) for place, s in enumerate(state)])
    names = cells.pool(
        f"{name}N{n + 1:03d}" for name, many in zip(states, count.tolist(), strict=True) for n in range(many)
    )
    return Networks(names, np.cumsum(count) - count, count, own, state)


def contract_days(days: Ints, months: tuple[int, ...]) -> Ints:
    """The last first of one of these *months* up to each day."""
    if not len(days):
        return days
    years = range(calendar.as_date(int(days.min())).year - 1, calendar.as_date(int(days.max())).year + 1)
    firsts = np.array([calendar.day(year, month) for year in years for month in months], dtype=np.int64)
    return firsts[np.searchsorted(firsts, days, side="right") - 1]


@dataclass(frozen=True, slots=True)
class Moves:
    """Changes of network, by who makes them and when."""

    keys: Ints  # who and day in one number, in order
    before: Ints  # of each who: the place of its first

    @classmethod
    def of(cls, who: Ints, days: Ints, everyone: int) -> "Moves":
        """The moves of *who* on *days*; who is a place below *everyone*."""
        keys = np.sort(who * _SPAN + days)
        return cls(keys, np.searchsorted(keys, np.arange(everyone + 1) * _SPAN))

    @property
    def total(self) -> Ints:
        """How often each moves in all."""
        return np.diff(self.before)

    def until(self, who: Ints, days: Ints) -> Ints:
        """How often each of *who* has moved by the end of its day."""
        found: Ints = np.searchsorted(self.keys, who * _SPAN + days, side="right") - self.before[who]
        return found


def told_on(everyone: int, changed: Ints, days: Ints, of_network: Bools) -> Ints:
    """The day that a row telling of these changes holds from: that of a new network if there is one, else the latest."""
    told = np.full(everyone, cells.NO_DAY)
    told[changed] = days
    told[changed[of_network]] = days[of_network]
    return told
