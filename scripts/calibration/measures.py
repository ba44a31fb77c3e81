"""The measures: what is published, how far ours may be from it, and how ours is found."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from scripts.calibration.observe import Bools, Claims, Floats, Ints, Observed, Spans

DEFAULT = "practitioners' default, not checked"
KFF_DENIALS = "KFF, claims denials in HealthCare.gov plans 2023"
WAKELY = "Treasure et al. 2023 (individual market 2019)"
CMS_2025 = "CMS, effectuated enrollment 2025"
SHCE = "MFA, individual market 2024"
DENIAL_CODES = {
    "administrative": ("16", "18", "29", "252", "4", "11", "22"),
    "excluded": ("96", "204"),
    "benefit limit": ("119", "35"),
    "prior authorisation": ("197", "198", "15"),
    "medical necessity": ("50",),
    "not covered": ("26", "27", "31"),
    "investigational": ("55",),
}
LAGS = (1, 2, 3, 6, 12)


class Facts:
    """What several measures share, found once."""

    def __init__(self, seen: Observed) -> None:
        self.seen = seen
        self.spans: Spans = seen.spans
        self.claims: Claims = seen.claims
        self.year = max(seen.years)

    @cached_property
    def active(self) -> Bools:
        """Spans in force on February 15 of the last whole plan year."""
        return self.spans.on(f"{self.year}-02-15")

    def member_months(self, which: Bools) -> float:
        """Member months of these spans."""
        return float(self.spans.months[which].sum())

    @cached_property
    def full_years(self) -> tuple[Ints, Ints, Floats, Ints]:
        """Members covered a whole year: member, year, allowed in the year, place of a span of theirs."""
        spans, found = self.spans, []
        for year in self.seen.years:
            mine = spans.year == year
            months = np.bincount(spans.member[mine], weights=spans.months[mine], minlength=len(spans.ids))
            full = np.flatnonzero(months >= 12)
            allowed = self.by_member(self.claims.allowed, year)[full]
            first = np.full(len(spans.ids), -1)
            first[spans.member[mine]] = np.flatnonzero(mine)
            found.append((full, np.full(len(full), year), allowed, first[full]))
        member, year_, allowed_, place = (np.concatenate(column) for column in zip(*found, strict=True))
        return member, year_, allowed_, place

    def by_member(self, amount: Floats, year: int) -> Floats:
        """Final amounts of services of *year*, by member."""
        claims = self.claims
        mine = claims.final & (claims.service.astype("datetime64[Y]").astype(np.int64) + 1970 == year)
        sums: Floats = np.bincount(claims.member[mine], weights=amount[mine], minlength=len(self.spans.ids)).astype(
            float
        )
        return sums

    @cached_property
    def service_year(self) -> Ints:
        """Year of service of each claim line."""
        return self.claims.service.astype("datetime64[Y]").astype(np.int64) + 1970

    @cached_property
    def whole(self) -> Bools:
        """Final lines of services in the whole plan years, but for the last, which is not paid out yet."""
        years = self.seen.years[:-1] or self.seen.years
        return self.claims.final & np.isin(self.service_year, years)

    @cached_property
    def whole_months(self) -> float:
        """Member months of the same years."""
        return self.member_months(np.isin(self.spans.year, self.seen.years[:-1] or self.seen.years))

    @cached_property
    def heads(self) -> Bools:
        """First lines of claims as first submitted."""
        heads: Bools = (self.claims.version == 1) & (self.claims.number == 1)
        return heads

    @cached_property
    def denied_whole(self) -> Bools:
        """Whether every line of a claim's first version was denied; by root claim."""
        claims = self.claims
        first = claims.version == 1
        kept = np.bincount(
            claims.root[first], weights=claims.status[first] != "denied", minlength=claims.root.max() + 1
        )
        denied: Bools = kept == 0
        return denied

    def allowed_share(self, which: Bools) -> float:
        """These lines' part of the allowed amount."""
        claims = self.claims
        return float(claims.allowed[self.whole & which].sum() / claims.allowed[self.whole].sum())

    def rate(self, which: Bools) -> float:
        """Claims with such a line, final, per 1,000 member years."""
        roots = np.unique(self.claims.root[self.whole & which])
        return float(len(roots) / self.whole_months * 12_000)


@dataclass(frozen=True, slots=True)
class Measure:
    """One comparison: ours has to lie between *low* and *high*."""

    name: str
    target: str
    low: float
    high: float
    source: str
    ours: Callable[[Facts], float]
    unit: str = "%"


def _share(which: Bools, of: Bools) -> float:
    return 100 * float((which & of).sum() / max(1, of.sum()))


def _metal(*levels: str) -> Callable[[Facts], float]:
    return lambda f: _share(np.isin(f.spans.metal, levels), f.active)


def _renewal(kind: str) -> Callable[[Facts], float]:
    def ours(f: Facts) -> float:
        later = f.seen.selections.year > min(f.seen.years)
        return _share(f.seen.selections.renewal == kind, later & np.isin(f.seen.selections.year, f.seen.years))

    return ours


def _average(amount: Callable[[Spans], Floats]) -> Callable[[Facts], float]:
    return lambda f: float(np.mean(amount(f.spans)[f.active]))


def _churn(f: Facts) -> float:
    """Mean monthly fall of coverage from March to December, by months that are not the start of a span."""
    ended, held = 0, 0
    for month in range(3, 12):
        day = np.datetime64(f"{f.year}-{month:02d}-01")
        inside = (f.spans.year == f.year) & (f.spans.start < day) & (f.spans.end >= day)
        held += len(np.unique(f.spans.member[inside]))
        after = (f.spans.start <= day + 40) & (f.spans.end >= day + 40) & (f.spans.year == f.year)
        ended += len(np.setdiff1d(f.spans.member[inside], f.spans.member[after]))
    return 100 * ended / max(1, held)


def _retention(f: Facts) -> float:
    """Members of December who are with the same issuer in February."""
    kept = held = 0
    for year in f.seen.years[:-1]:
        before, after = f.spans.on(f"{year}-12-15"), f.spans.on(f"{year + 1}-02-15")
        issuer = np.full(len(f.spans.ids), "", dtype=f.spans.issuer.dtype)
        issuer[f.spans.member[after]] = f.spans.issuer[after]
        held += int(before.sum())
        kept += int((issuer[f.spans.member[before]] == f.spans.issuer[before]).sum())
    return 100 * kept / max(1, held)


def _pmpm(amount: Callable[[Claims], Floats]) -> Callable[[Facts], float]:
    def ours(f: Facts) -> float:
        year = f.seen.years[-2] if len(f.seen.years) > 1 else f.year
        mine = f.claims.final & (f.service_year == year)
        return float(amount(f.claims)[mine].sum() / f.member_months(f.spans.year == year))

    return ours


def _premium_pmpm(f: Facts) -> float:
    year = f.seen.years[-2] if len(f.seen.years) > 1 else f.year
    mine = f.spans.year == year
    return float((f.spans.premium * f.spans.months)[mine].sum() / f.member_months(mine))


def _loss_ratio(f: Facts) -> float:
    return 100 * _pmpm(lambda c: c.paid)(f) / _premium_pmpm(f)


def _top(share: float) -> Callable[[Facts], float]:
    def ours(f: Facts) -> float:
        allowed = np.sort(f.full_years[2])[::-1]
        return 100 * float(allowed[: round(len(allowed) * share)].sum() / allowed.sum())

    return ours


def _bottom_half(f: Facts) -> float:
    allowed = np.sort(f.full_years[2])
    return 100 * float(allowed[: len(allowed) // 2].sum() / allowed.sum())


def _mean_over_median(f: Facts) -> float:
    spent = f.full_years[2][f.full_years[2] > 0]
    return float(spent.mean() / np.median(spent))


def _no_spend(*levels: str) -> Callable[[Facts], float]:
    def ours(f: Facts) -> float:
        _, _, allowed, place = f.full_years
        mine = np.isin(f.spans.metal[place], levels) if levels else np.ones(len(place), dtype=bool)
        return _share(allowed == 0, mine)

    return ours


def _median_spend(*levels: str) -> Callable[[Facts], float]:
    def ours(f: Facts) -> float:
        _, _, allowed, place = f.full_years
        return float(np.median(allowed[np.isin(f.spans.metal[place], levels)]))

    return ours


def _denied(inside: bool) -> Callable[[Facts], float]:
    return lambda f: _share(f.denied_whole[f.claims.root], f.heads & (f.claims.inside == inside))


def _reason(name: str) -> Callable[[Facts], float]:
    def ours(f: Facts) -> float:
        denied = f.heads & f.denied_whole[f.claims.root]
        codes = [code for codes in DENIAL_CODES.values() for code in codes]
        named = np.isin(f.claims.carc, DENIAL_CODES[name]) if name in DENIAL_CODES else ~np.isin(f.claims.carc, codes)
        return _share(named, denied)

    return ours


def _lag(months: int) -> Callable[[Facts], float]:
    """Part of medical dollars of the first plan year that were paid within *months* of service, first payments only."""

    def ours(f: Facts) -> float:
        c = f.claims
        mine = (c.version == 1) & (c.paid > 0) & (c.kind != "pharmacy") & (f.service_year == min(f.seen.years))
        waited = (c.paid_on[mine] - c.service_end[mine]).astype(np.int64)
        return 100 * float(c.paid[mine][waited <= 30.4 * months].sum() / c.paid[mine].sum())

    return ours


def _versions(frequency: str) -> Callable[[Facts], float]:
    def ours(f: Facts) -> float:
        found = f.claims.frequency == frequency
        roots = f.claims.root[found] * 10 + f.claims.version[found]
        return 100 * len(np.unique(roots)) / max(1, int(f.heads.sum()))

    return ours


def _effective_value(*variants: str, metals: tuple[str, ...] = ()) -> Callable[[Facts], float]:
    """In-network paid over allowed, of plans of these variants or metal levels."""

    def ours(f: Facts) -> float:
        c = f.claims
        variant = np.array([plan[-2:] for plan in c.plan.tolist()])
        mine = f.whole & c.inside & np.isin(variant, variants)
        if metals:
            levels = dict(zip(f.spans.plan.tolist(), f.spans.metal.tolist(), strict=True))
            mine &= np.array([levels.get(plan, "") in metals for plan in c.plan.tolist()])
        return 100 * float(c.paid[mine].sum() / max(1.0, c.allowed[mine].sum()))

    return ours


def _stay(f: Facts) -> float:
    """Days of an admission."""
    mine = f.whole & np.char.startswith(f.claims.bill, "011") & (f.claims.number == 1)
    return float((f.claims.service_end[mine] - f.claims.service[mine]).astype(np.int64).mean())


def _adult_age(f: Facts) -> float:
    age = (np.datetime64(f"{f.year}-07-01") - f.spans.birth[f.active]).astype(np.int64) / 365.2425
    return float(age[age >= 18].mean())


def _is(f: Facts, kind: str) -> Bools:
    found: Bools = f.claims.kind == kind
    return found


def _bill(f: Facts, start: str) -> Bools:
    return np.char.startswith(f.claims.bill, start)


def _csr(f: Facts) -> float:
    variant = np.array([plan[-2:] for plan in f.spans.plan.tolist()])
    return _share(np.isin(variant, ["02", "03", "04", "05", "06"]), f.active)


def _benchmark(year: int) -> Callable[[Facts], float]:
    return lambda f: f.seen.benchmarks[year]


def measures(years: tuple[int, ...]) -> tuple[Measure, ...]:
    """All measures that deliveries of these plan years can be held to."""
    published = {2023: 456, 2024: 477, 2025: 497}
    benchmarks = tuple(
        Measure(f"Benchmark premium {year}, age 40", f"{published[year]}", published[year] * 0.93, published[year] * 1.07,
                "KFF, via PolicyEngine", _benchmark(year), "$")
        for year in years if year in published
    )  # fmt: skip
    lag_targets = {1: 60, 2: 84, 3: 92, 6: 97, 12: 99.8}
    lags = tuple(
        Measure(f"Medical dollars paid within {n} month{'s' * (n > 1)}", f"{lag_targets[n]}",
                lag_targets[n] - (7 if n < 3 else 4 if n == 3 else 2), min(100, lag_targets[n] + (7 if n < 3 else 4)),
                "Tuva, illustrative curve", _lag(n))
        for n in LAGS
    )  # fmt: skip
    reasons = tuple(
        Measure(f"Denials: {name}", f"{target}", target - 4, target + 4, KFF_DENIALS, _reason(name))
        for name, target in (("other", 34), ("administrative", 18), ("excluded", 16), ("benefit limit", 12),
                             ("prior authorisation", 9), ("medical necessity", 6))
    )  # fmt: skip
    return (
        Measure("Women", "53.5", 51, 56, WAKELY, lambda f: _share(f.spans.female, f.active)),
        Measure("Mean age of adults", "46 (full-year enrolled)", 41, 48, WAKELY, _adult_age, "years"),
        Measure("Bronze", "30", 25, 35, DEFAULT, _metal("Bronze", "Expanded Bronze")),
        Measure("Silver", "56", 51, 61, DEFAULT, _metal("Silver")),
        Measure("Gold", "13", 9, 17, DEFAULT, _metal("Gold")),
        Measure("Platinum", "under 1", 0, 1.6, DEFAULT, _metal("Platinum")),
        Measure("Catastrophic", "under 0.3", 0, 0.6, "CMS, open enrollment 2025", _metal("Catastrophic")),
        Measure("Cost-sharing reductions", "53", 49, 58, CMS_2025, _csr),
        Measure("With a premium tax credit", "93", 90, 96, CMS_2025, lambda f: _share(f.spans.credit > 0, f.active)),
        Measure("Average premium", "618 in 2025", 560, 660, CMS_2025, _average(lambda s: s.premium), "$"),
        Measure("Average tax credit", "549 in 2025", 485, 590, CMS_2025, _average(lambda s: s.credit), "$"),
        Measure("Average net premium", "105 in 2025", 65, 125, CMS_2025, _average(lambda s: s.premium - s.credit), "$"),
        *benchmarks,
        Measure("New in open enrollment", "17", 13, 21, "CMS, open enrollment 2025", _renewal("new")),
        Measure("Active renewals", "39", 34, 44, "CMS, open enrollment 2025", _renewal("active")),
        Measure("Automatic renewals", "45", 40, 50, "CMS, open enrollment 2025", _renewal("passive")),
        Measure("Selections that were effectuated", "96", 94.5, 98.5, "CMS, February 2025",
                lambda f: 100 * float(f.seen.selections.effectuated.mean())),
        Measure("Coverage ended, a month", "1 to 1.5", 0.8, 1.7, DEFAULT, _churn),
        Measure("Same issuer next year", "65 to 80", 63, 82, DEFAULT, _retention),
        Measure("Premium a member month", "559 in 2024", 525, 595, SHCE, _premium_pmpm, "$"),
        Measure("Claims paid a member month", "493 in 2024", 420, 560, SHCE, _pmpm(lambda c: c.paid), "$"),
        Measure("Simple loss ratio", "84 (2023)", 74, 94, "KFF, individual market 2023", _loss_ratio),
        Measure("No allowed cost in a full year", "16", 13.5, 18.5, "recipe of MEPS-like data (computed)", _no_spend()),
        Measure("No allowed cost, bronze", "22.7", 19, 28, WAKELY, _no_spend("Bronze", "Expanded Bronze")),
        Measure("No allowed cost, gold", "8.1", 5, 12, WAKELY, _no_spend("Gold")),
        Measure("Cost of the top 1 %", "22", 17, 28, "MEPS Statistical Brief 533", _top(0.01)),
        Measure("Cost of the top 5 %", "48", 42, 54, "MEPS Statistical Brief 533", _top(0.05)),
        Measure("Cost of the top 10 %", "62.6", 56, 68, "recipe of MEPS-like data (computed)", _top(0.10)),
        Measure("Cost of the lower half", "3 to 4.1", 2.5, 6, "MEPS Statistical Brief 533", _bottom_half),
        Measure("Mean over median of spenders", "3.1", 2.3, 3.9, "recipe of MEPS-like data (computed)", _mean_over_median, "x"),
        Measure("Median cost, bronze", "593 in 2019", 500, 1200, WAKELY, _median_spend("Bronze", "Expanded Bronze"), "$"),
        Measure("Median cost, gold", "2,675 in 2019", 2100, 4300, WAKELY, _median_spend("Gold"), "$"),
        Measure("Claims denied, in network", "19", 17, 21, KFF_DENIALS, _denied(True)),
        Measure("Claims denied, out of network", "37", 32, 42, KFF_DENIALS, _denied(False)),
        *reasons,
        *lags,
        Measure("Claims replaced", "3 to 6", 3, 6, DEFAULT, _versions("7")),
        Measure("Claims voided", "1", 0.5, 1.5, DEFAULT, _versions("8")),
        Measure("Claims out of network", "2 to 8", 2, 8, DEFAULT, lambda f: _share(~f.claims.inside, f.heads)),
        Measure("Lines without coverage", "under 0.6", 0.05, 0.6, DEFAULT,
                lambda f: 100 * float((~f.claims.covered).mean())),
        Measure("Admissions per 1,000", "45 to 60", 38, 62, DEFAULT, lambda f: f.rate(_bill(f, "011")), ""),
        Measure("Days of an admission", "4 to 5", 3.8, 5.2, DEFAULT, _stay, "days"),
        Measure("Emergency visits per 1,000", "150 to 200", 140, 210, DEFAULT, lambda f: f.rate(f.claims.revenue == "0450"), ""),
        Measure("Drug claims per 1,000", "8,000 to 11,000", 7500, 11_000, DEFAULT, lambda f: f.rate(_is(f, "pharmacy")), ""),
        Measure("Inpatient part of allowed", "20", 14, 25, DEFAULT, lambda f: 100 * f.allowed_share(_bill(f, "011"))),
        Measure("Outpatient part of allowed", "27", 22, 33, DEFAULT, lambda f: 100 * f.allowed_share(_bill(f, "013"))),
        Measure("Professional part of allowed", "30 and 3 of other care", 27, 39, DEFAULT,
                lambda f: 100 * f.allowed_share(_is(f, "professional"))),
        Measure("Drug part of allowed", "20", 16, 26, DEFAULT, lambda f: 100 * f.allowed_share(_is(f, "pharmacy"))),
        Measure("Paid of allowed, CSR 94", "94", 90, 97, "45 CFR 156.420", _effective_value("06")),
        Measure("Paid of allowed, CSR 87", "87", 81, 92, "45 CFR 156.420", _effective_value("05")),
        Measure("Paid of allowed, bronze", "60 to 65; less where the healthy choose it", 48, 72, "45 CFR 156.140",
                _effective_value("00", "01", metals=("Bronze", "Expanded Bronze"))),
        Measure("Paid of allowed, gold", "80", 73, 87, "45 CFR 156.140", _effective_value("00", "01", metals=("Gold",))),
    )  # fmt: skip
