"""The measures: what is published, how far ours may be from it, and how ours is found."""

from collections.abc import Callable
from dataclasses import dataclass

from scripts.calibration import ours
from scripts.calibration.facts import Facts

DEFAULT = "practitioners' default, not checked"
KFF_DENIALS = "KFF, claims denials in HealthCare.gov plans 2023"
KFF_APPEALS = "KFF, claims denials in HealthCare.gov plans 2024"
WAKELY = "Treasure et al. 2023 (individual market 2019)"
CMS_2025 = "CMS, effectuated enrollment 2025"
SHCE = "MFA, individual market 2024"
LAGS = (1, 2, 3, 6, 12)


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


def measures(years: tuple[int, ...]) -> tuple[Measure, ...]:
    """All measures that deliveries of these plan years can be held to."""
    published = {2023: 456, 2024: 477, 2025: 497}
    benchmarks = tuple(
        Measure(f"Benchmark premium {year}, age 40", f"{published[year]}", published[year] * 0.93, published[year] * 1.07,
                "KFF, via PolicyEngine", ours.benchmark(year), "$")
        for year in years if year in published
    )  # fmt: skip
    lag_targets = {1: 60, 2: 84, 3: 92, 6: 97, 12: 99.8}
    lags = tuple(
        Measure(f"Medical dollars paid within {n} month{'s' * (n > 1)}", f"{lag_targets[n]}",
                lag_targets[n] - (7 if n < 3 else 4 if n == 3 else 2), min(100, lag_targets[n] + (7 if n < 3 else 4)),
                "Tuva, illustrative curve", ours.lag(n))
        for n in LAGS
    )  # fmt: skip
    reasons = tuple(
        Measure(f"Denials: {name}", f"{target}", target - 4, target + 4, KFF_DENIALS, ours.reason(name))
        for name, target in (("other", 34), ("administrative", 18), ("excluded", 16), ("benefit limit", 12),
                             ("prior authorisation", 9), ("medical necessity", 6))
    )  # fmt: skip
    return (
        Measure("Women", "53.5", 51, 56, WAKELY, lambda f: ours.share(f.spans.female, f.active)),
        Measure("Mean age of adults", "46 (full-year enrolled)", 41, 48, WAKELY, ours.adult_age, "years"),
        Measure("Bronze", "30", 25, 35, DEFAULT, ours.metal("Bronze", "Expanded Bronze")),
        Measure("Silver", "56", 51, 61, DEFAULT, ours.metal("Silver")),
        Measure("Gold", "13", 9, 17, DEFAULT, ours.metal("Gold")),
        Measure("Platinum", "under 1", 0, 1.6, DEFAULT, ours.metal("Platinum")),
        Measure("Catastrophic", "under 0.3", 0, 0.6, "CMS, open enrollment 2025", ours.metal("Catastrophic")),
        Measure("Cost-sharing reductions", "53", 49, 58, CMS_2025, ours.csr),
        Measure("With a premium tax credit", "93", 90, 96, CMS_2025, lambda f: ours.share(f.spans.credit > 0, f.active)),
        Measure("Average premium", "618 in 2025", 560, 660, CMS_2025, ours.average(lambda s: s.premium), "$"),
        Measure("Average tax credit", "549 in 2025", 485, 590, CMS_2025, ours.average(lambda s: s.credit), "$"),
        Measure("Average net premium", "105 in 2025", 65, 125, CMS_2025, ours.average(lambda s: s.premium - s.credit), "$"),
        *benchmarks,
        Measure("New in open enrollment", "17", 13, 21, "CMS, open enrollment 2025", ours.renewal("new")),
        Measure("Active renewals", "39", 34, 44, "CMS, open enrollment 2025", ours.renewal("active")),
        Measure("Automatic renewals", "45", 40, 50, "CMS, open enrollment 2025", ours.renewal("passive")),
        Measure("Selections that were effectuated", "96", 94.5, 98.5, "CMS, February 2025",
                lambda f: 100 * float(f.seen.selections.effectuated.mean())),
        Measure("Coverage ended, a month", "1 to 1.5", 0.8, 1.7, DEFAULT, ours.churn),
        Measure("Same issuer next year", "65 to 80", 63, 82, DEFAULT, ours.retention),
        Measure("Premium a member month", "559 in 2024", 525, 595, SHCE, ours.premium_pmpm, "$"),
        Measure("Claims paid a member month", "493 in 2024", 420, 560, SHCE, ours.pmpm(lambda c: c.paid), "$"),
        Measure("Simple loss ratio", "84 (2023)", 74, 94, "KFF, individual market 2023", ours.loss_ratio),
        Measure("No allowed cost in a full year", "16", 13.5, 18.5, "recipe of MEPS-like data (computed)", ours.no_spend()),
        Measure("No allowed cost, bronze", "22.7", 19, 28, WAKELY, ours.no_spend("Bronze", "Expanded Bronze")),
        Measure("No allowed cost, gold", "8.1", 5, 12, WAKELY, ours.no_spend("Gold")),
        Measure("Cost of the top 1 %", "22", 17, 28, "MEPS Statistical Brief 533", ours.top(0.01)),
        Measure("Cost of the top 5 %", "48", 42, 54, "MEPS Statistical Brief 533", ours.top(0.05)),
        Measure("Cost of the top 10 %", "62.6", 56, 68, "recipe of MEPS-like data (computed)", ours.top(0.10)),
        Measure("Cost of the lower half", "3 to 4.1", 2.5, 6, "MEPS Statistical Brief 533", ours.bottom_half),
        Measure("Mean over median of spenders", "3.1", 2.3, 3.9, "recipe of MEPS-like data (computed)", ours.mean_over_median, "x"),
        Measure("Median cost, bronze", "593 in 2019", 500, 1200, WAKELY, ours.median_spend("Bronze", "Expanded Bronze"), "$"),
        Measure("Median cost, gold", "2,675 in 2019", 2100, 4300, WAKELY, ours.median_spend("Gold"), "$"),
        Measure("Claims denied, in network", "19", 17, 21, KFF_DENIALS, ours.denied(True)),
        Measure("Claims denied, out of network", "37", 32, 42, KFF_DENIALS, ours.denied(False)),
        *reasons,
        Measure("Denied claims submitted anew", "8.5", 6, 10, DEFAULT, ours.submitted_anew),
        Measure("Denied claims appealed", "under 1", 0.3, 1, KFF_DENIALS, ours.appealed),
        Measure("Appeals won", "34", 22, 46, KFF_APPEALS, ours.appeals_won),
        *lags,
        Measure("Claims replaced", "3 to 6", 3, 6, DEFAULT, ours.versions("7")),
        Measure("Claims voided", "1", 0.5, 1.5, DEFAULT, ours.versions("8")),
        Measure("Claims out of network", "2 to 8", 2, 8, DEFAULT, lambda f: ours.share(~f.claims.inside, f.heads)),
        Measure("Lines without coverage", "under 0.6", 0.05, 0.6, DEFAULT,
                lambda f: 100 * float((~f.claims.covered).mean())),
        Measure("Admissions per 1,000", "45 to 60", 38, 62, DEFAULT, lambda f: f.rate(ours.bill(f, "011")), ""),
        Measure("Days of an admission", "4 to 5", 3.8, 5.2, DEFAULT, ours.stay, "days"),
        Measure("Emergency visits per 1,000", "150 to 200", 140, 210, DEFAULT, lambda f: f.rate(f.claims.revenue == "0450"), ""),
        Measure("Drug claims per 1,000", "8,000 to 11,000", 7500, 11_000, DEFAULT, lambda f: f.rate(ours.of_type(f, "pharmacy")), ""),
        Measure("Inpatient part of allowed", "20", 14, 25, DEFAULT, lambda f: 100 * f.allowed_share(ours.bill(f, "011"))),
        Measure("Outpatient part of allowed", "27", 22, 33, DEFAULT, lambda f: 100 * f.allowed_share(ours.bill(f, "013"))),
        Measure("Professional part of allowed", "30 and 3 of other care", 27, 39, DEFAULT,
                lambda f: 100 * f.allowed_share(ours.of_type(f, "professional"))),
        Measure("Drug part of allowed", "20", 16, 26, DEFAULT, lambda f: 100 * f.allowed_share(ours.of_type(f, "pharmacy"))),
        Measure("Paid of allowed, CSR 94", "94", 90, 97, "45 CFR 156.420", ours.effective_value("06")),
        Measure("Paid of allowed, CSR 87", "87", 81, 92, "45 CFR 156.420", ours.effective_value("05")),
        Measure("Paid of allowed, bronze", "60 to 65; less where the healthy choose it", 48, 72, "45 CFR 156.140",
                ours.effective_value("00", "01", metals=("Bronze", "Expanded Bronze"))),
        Measure("Paid of allowed, gold", "80", 73, 87, "45 CFR 156.140", ours.effective_value("00", "01", metals=("Gold",))),
    )  # fmt: skip
