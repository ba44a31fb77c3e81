"""Who pays what: deductible, copay, coinsurance and out-of-pocket maximum with real accumulators, in whole cents."""

from dataclasses import dataclass

import numpy as np

from scripts.seed_data.chance import Bools, Ints


@dataclass(slots=True)
class Shares:
    """A line's allowed amount by payer; the four parts and the plan's own add up to it."""

    deductible: Ints
    copay: Ints
    coinsurance: Ints

    @property
    def member(self) -> Ints:
        """All that the member owes."""
        owed: Ints = self.deductible + self.copay + self.coinsurance
        return owed


def used_up(amount: Ints, group: Ints, limit: Ints) -> Ints:
    """The part of each *amount* that still fits under its group's *limit*; rows stand group by group, in time."""
    total = np.cumsum(amount)
    before = total - amount
    starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
    base = np.repeat(before[starts], np.diff(np.r_[starts, len(group)]))
    fits: Ints = np.minimum(total - base, limit) - np.minimum(before - base, limit)
    return fits


def cost_shares(
    allowed: Ints,
    subject: Bools,
    copay: Ints,
    coinsurance: Ints,
    person: Ints,
    family: Ints,
    when: Ints,
    deductible: Ints,
    maximum: Ints,
) -> Shares:
    """Cost sharing of in-network lines, in the order of *when* within each person and family.

    *subject*: lines that fall under deductible and coinsurance (in hundredths of a percent); the others cost their copay.
    Deductible and maximum hold per person; a family's are twice that, and each person's stays embedded in it.
    """
    if not len(allowed):
        return Shares(allowed, allowed, allowed)
    by_person = np.lexsort((when, person))
    by_family = np.lexsort((when, family))
    taken = _under_both(np.where(subject, allowed, 0), deductible, person, family, by_person, by_family)
    rest = np.where(subject, allowed - taken, 0)
    part = (rest * coinsurance + 5_000) // 10_000
    fee = np.where(subject, 0, np.minimum(copay, allowed))
    owed = _under_both(taken + part + fee, maximum, person, family, by_person, by_family)
    # What exceeds the maximum is taken off the coinsurance first, then the copay, then the deductible.
    relief = taken + part + fee - owed
    off_part = np.minimum(relief, part)
    off_fee = np.minimum(relief - off_part, fee)
    return Shares(taken - (relief - off_part - off_fee), fee - off_fee, part - off_part)


def _under_both(amount: Ints, limit: Ints, person: Ints, family: Ints, by_person: Ints, by_family: Ints) -> Ints:
    own = np.empty_like(amount)
    own[by_person] = used_up(amount[by_person], person[by_person], limit[by_person])
    both = np.empty_like(amount)
    both[by_family] = used_up(own[by_family], family[by_family], 2 * limit[by_family])
    return both
