"""Premiums and tax credits: the federal rules, in whole cents."""

import numpy as np

from scripts.seed_data.chance import Bools, Floats, Ints
from scripts.seed_data.market import PlanYear

RATED_CHILDREN = 3  # only the three oldest children under 21 are charged
TOBACCO_FACTOR = 1_200  # thousandths; the cap is 1.5 to 1


def rated(household: Ints, age: Ints, child: Bools, covered: Bools) -> Bools:
    """Whose premium is charged: every adult, and of the children under 21 the three oldest.

    Rows stand household by household, children from the oldest.
    """
    young = child & (age < 21) & covered
    before: Ints = np.cumsum(young) - young
    starts = np.flatnonzero(np.r_[True, household[1:] != household[:-1]])
    first_of = np.repeat(starts, np.diff(np.r_[starts, len(household)]))
    rank: Ints = before - before[first_of]
    return covered & (~young | (rank < RATED_CHILDREN))


def is_first(household: Ints, which: Bools) -> Bools:
    """The first of *which* in each household."""
    before: Ints = np.cumsum(which) - which
    starts = np.flatnonzero(np.r_[True, household[1:] != household[:-1]])
    first_of = np.repeat(starts, np.diff(np.r_[starts, len(household)]))
    first: Bools = which & (before == before[first_of])
    return first


def member_premium(base: Ints, age_factor: Ints, area_factor: Ints, tobacco_factor: Ints) -> Ints:
    """Base premium in cents times factors in thousandths, rounded half up to the cent."""
    scale = 1_000**3
    return (base * age_factor * area_factor * tobacco_factor + scale // 2) // scale


def contribution(figures: PlanYear, fpl_tenths: Ints, size: Ints) -> Floats:
    """What a household is to pay a month toward the benchmark plan, in cents; NaN where it gets no credit."""
    fpl = fpl_tenths / 10.0
    guideline = figures.guideline_first + figures.guideline_each * (size - 1)
    return figures.contribution_rate(fpl) * fpl * guideline / 12.0


def max_credit(benchmark: Ints, expected: Floats) -> Ints:
    """The advance premium tax credit a month: benchmark premium less the contribution, in cents, never below 0."""
    credit = np.where(np.isnan(expected), 0.0, benchmark - np.nan_to_num(expected))
    return np.floor(np.maximum(credit, 0.0) + 1e-6).astype(np.int64)


def shares(total: Ints, household: Ints, premium: Ints) -> Ints:
    """Each household's *total* cut among its rows by *premium*, to the cent and never above a row's premium."""
    starts = np.flatnonzero(np.r_[True, household[1:] != household[:-1]])
    first_of = np.repeat(starts, np.diff(np.r_[starts, len(household)]))
    until = np.cumsum(premium)
    before = until - premium
    offset = before[first_of]
    whole = np.add.reduceat(premium, starts)
    whole = np.maximum(np.repeat(whole, np.diff(np.r_[starts, len(household)])), 1)
    total = np.minimum(total, whole)
    cut: Ints = total * (until - offset) // whole - total * (before - offset) // whole
    return cut
