"""The market's parameters, read from `config/market/*.toml`."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

FOLDER = Path(__file__).resolve().parents[2] / "config" / "market"


@dataclass(frozen=True, slots=True)
class County:
    """A county that people of the market live in."""

    state: str
    name: str
    fips: str
    rating_area: int
    area_factor: float
    weight: float
    city: str
    zips: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlanYear:
    """What holds for one plan year: the government's figures and the cost level."""

    year: int
    benchmark_age_40: float
    moop_individual: int
    guideline_first: float
    guideline_each: float
    care_index: float
    applicable: tuple[tuple[float, float, float, float], ...]
    silver_to_bronze: float = 0.0  # of those who would have chosen silver

    def contribution_rate(self, fpl_percent: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """The part of income to be paid toward the benchmark plan; NaN where there is no credit at all."""
        rate = np.full(fpl_percent.shape, np.nan)
        for low, high, at_low, at_high in self.applicable:
            inside = (fpl_percent >= low) & (fpl_percent < high)
            slope = (fpl_percent - low) / (high - low) * (at_high - at_low)
            rate = np.where(inside, (at_low + slope) / 100.0, rate)
        # The upper end of the last band belongs to it: 400 % of the guideline still has a credit, 401 % may not.
        last = self.applicable[-1]
        return np.where(fpl_percent == last[1], last[3] / 100.0, rate)


@dataclass(frozen=True, slots=True)
class Market:
    """Every parameter of the market."""

    states: dict[str, Any]
    counties: tuple[County, ...]
    plans: dict[str, Any]
    population: dict[str, Any]
    enrollment: dict[str, Any]
    claims: dict[str, Any]
    providers: dict[str, Any]
    years: dict[int, PlanYear]
    trends: dict[str, float]
    age_curves: dict[str, tuple[float, ...]]

    def year(self, year: int) -> PlanYear:
        """The figures of *year*; beyond the listed years, the last one grown by the trends."""
        if year in self.years:
            return self.years[year]
        last = self.years[max(self.years)] if year > max(self.years) else self.years[min(self.years)]
        ahead = year - last.year
        return PlanYear(
            year=year,
            benchmark_age_40=round(last.benchmark_age_40 * (1 + self.trends["premium_trend"]) ** ahead, 2),
            moop_individual=round(last.moop_individual * (1 + self.trends["moop_trend"]) ** ahead / 50) * 50,
            guideline_first=round(last.guideline_first * (1 + self.trends["guideline_trend"]) ** ahead),
            guideline_each=round(last.guideline_each * (1 + self.trends["guideline_trend"]) ** ahead),
            care_index=last.care_index * (1 + self.trends["care_trend"]) ** ahead,
            applicable=last.applicable,
            silver_to_bronze=last.silver_to_bronze,
        )


def load_market(folder: Path = FOLDER) -> Market:
    """Read all parameter files of *folder*."""

    def read(name: str) -> dict[str, Any]:
        return tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8"))

    states = read("states")
    years = read("years")
    trends = years.pop("defaults")
    counties = tuple(
        County(**{**county, "state": state, "weight": county["weight"] * spec["weight"], "zips": tuple(county["zips"])})
        for state, spec in states.items()
        for county in spec["counties"]
    )
    return Market(
        states=states,
        counties=counties,
        plans=read("plans"),
        population=read("population"),
        enrollment=read("enrollment"),
        claims=read("claims"),
        providers=read("providers"),
        years={
            int(year): PlanYear(year=int(year), **{**spec, "applicable": tuple(map(tuple, spec["applicable"]))})
            for year, spec in years.items()
        },
        trends=trends,
        age_curves={name: tuple(curve) for name, curve in read("age_curve").items()},
    )
