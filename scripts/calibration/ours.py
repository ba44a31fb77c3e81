"""How ours is found, measure by measure: functions of the facts."""

from collections.abc import Callable

import numpy as np

from scripts.calibration.facts import Facts
from scripts.calibration.observe import Bools, Claims, Floats, Spans

DENIAL_CODES = {
    "administrative": ("16", "18", "29", "252", "4", "11", "22"),
    "excluded": ("96", "204"),
    "benefit limit": ("119", "35"),
    "prior authorisation": ("197", "198", "15"),
    "medical necessity": ("50",),
    "not covered": ("26", "27", "31"),
    "investigational": ("55",),
}


def share(which: Bools, of: Bools) -> float:
    return 100 * float((which & of).sum() / max(1, of.sum()))


def metal(*levels: str) -> Callable[[Facts], float]:
    return lambda f: share(np.isin(f.spans.metal, levels), f.active)


def renewal(kind: str) -> Callable[[Facts], float]:
    def ours(f: Facts) -> float:
        later = f.seen.selections.year > min(f.seen.years)
        return share(f.seen.selections.renewal == kind, later & np.isin(f.seen.selections.year, f.seen.years))

    return ours


def average(amount: Callable[[Spans], Floats]) -> Callable[[Facts], float]:
    return lambda f: float(np.mean(amount(f.spans)[f.active]))


def churn(f: Facts) -> float:
    """Mean monthly fall of coverage from March to December, by months that are not the start of a span."""
    ended, held = 0, 0
    for month in range(3, 12):
        day = np.datetime64(f"{f.year}-{month:02d}-01")
        inside = (f.spans.year == f.year) & (f.spans.start < day) & (f.spans.end >= day)
        held += len(np.unique(f.spans.member[inside]))
        after = (f.spans.start <= day + 40) & (f.spans.end >= day + 40) & (f.spans.year == f.year)
        ended += len(np.setdiff1d(f.spans.member[inside], f.spans.member[after]))
    return 100 * ended / max(1, held)


def retention(f: Facts) -> float:
    """Members of December who are with the same issuer in February."""
    kept = held = 0
    for year in f.seen.years[:-1]:
        before, after = f.spans.on(f"{year}-12-15"), f.spans.on(f"{year + 1}-02-15")
        issuer = np.full(len(f.spans.ids), "", dtype=f.spans.issuer.dtype)
        issuer[f.spans.member[after]] = f.spans.issuer[after]
        held += int(before.sum())
        kept += int((issuer[f.spans.member[before]] == f.spans.issuer[before]).sum())
    return 100 * kept / max(1, held)


def pmpm(amount: Callable[[Claims], Floats]) -> Callable[[Facts], float]:
    def ours(f: Facts) -> float:
        year = f.seen.years[-2] if len(f.seen.years) > 1 else f.year
        mine = f.claims.final & (f.service_year == year)
        return float(amount(f.claims)[mine].sum() / f.member_months(f.spans.year == year))

    return ours


def premium_pmpm(f: Facts) -> float:
    year = f.seen.years[-2] if len(f.seen.years) > 1 else f.year
    mine = f.spans.year == year
    return float((f.spans.premium * f.spans.months)[mine].sum() / f.member_months(mine))


def loss_ratio(f: Facts) -> float:
    return 100 * pmpm(lambda c: c.paid)(f) / premium_pmpm(f)


def top(share: float) -> Callable[[Facts], float]:
    def ours(f: Facts) -> float:
        allowed = np.sort(f.full_years[2])[::-1]
        return 100 * float(allowed[: round(len(allowed) * share)].sum() / allowed.sum())

    return ours


def bottom_half(f: Facts) -> float:
    allowed = np.sort(f.full_years[2])
    return 100 * float(allowed[: len(allowed) // 2].sum() / allowed.sum())


def mean_over_median(f: Facts) -> float:
    spent = f.full_years[2][f.full_years[2] > 0]
    return float(spent.mean() / np.median(spent))


def no_spend(*levels: str) -> Callable[[Facts], float]:
    def ours(f: Facts) -> float:
        _, _, allowed, place = f.full_years
        mine = np.isin(f.spans.metal[place], levels) if levels else np.ones(len(place), dtype=bool)
        return share(allowed == 0, mine)

    return ours


def median_spend(*levels: str) -> Callable[[Facts], float]:
    def ours(f: Facts) -> float:
        _, _, allowed, place = f.full_years
        return float(np.median(allowed[np.isin(f.spans.metal[place], levels)]))

    return ours


def denied(inside: bool) -> Callable[[Facts], float]:
    return lambda f: share(f.denied_whole[f.claims.root], f.heads & (f.claims.inside == inside))


def reason(name: str) -> Callable[[Facts], float]:
    def ours(f: Facts) -> float:
        denied = f.heads & f.denied_whole[f.claims.root]
        codes = [code for codes in DENIAL_CODES.values() for code in codes]
        named = np.isin(f.claims.carc, DENIAL_CODES[name]) if name in DENIAL_CODES else ~np.isin(f.claims.carc, codes)
        return share(named, denied)

    return ours


def lag(months: int) -> Callable[[Facts], float]:
    """Part of medical dollars of the first plan year that were paid within *months* of service, first payments only."""

    def ours(f: Facts) -> float:
        c = f.claims
        mine = (c.version == 1) & (c.paid > 0) & (c.kind != "pharmacy") & (f.service_year == min(f.seen.years))
        waited = (c.paid_on[mine] - c.service_end[mine]).astype(np.int64)
        return 100 * float(c.paid[mine][waited <= 30.4 * months].sum() / c.paid[mine].sum())

    return ours


def versions(frequency: str) -> Callable[[Facts], float]:
    def ours(f: Facts) -> float:
        found = f.claims.frequency == frequency
        roots = f.claims.root[found] * 10 + f.claims.version[found]
        return 100 * len(np.unique(roots)) / max(1, int(f.heads.sum()))

    return ours


def submitted_anew(f: Facts) -> float:
    """Of the claims denied at first, those that came once more under another id."""
    return 100 * float(f.anew.sum() / f.denied_whole.sum())


def appealed(f: Facts) -> float:
    return 100 * float(f.appealed[0].sum() / f.denied_whole.sum())


def appeals_won(f: Facts) -> float:
    replaced, paid = f.appealed
    return 100 * float(paid.sum() / max(1, replaced.sum()))


def effective_value(*variants: str, metals: tuple[str, ...] = ()) -> Callable[[Facts], float]:
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


def stay(f: Facts) -> float:
    """Days of an admission."""
    mine = f.whole & np.char.startswith(f.claims.bill, "011") & (f.claims.number == 1)
    return float((f.claims.service_end[mine] - f.claims.service[mine]).astype(np.int64).mean())


def adult_age(f: Facts) -> float:
    age = (np.datetime64(f"{f.year}-07-01") - f.spans.birth[f.active]).astype(np.int64) / 365.2425
    return float(age[age >= 18].mean())


def of_type(f: Facts, kind: str) -> Bools:
    found: Bools = f.claims.kind == kind
    return found


def bill(f: Facts, start: str) -> Bools:
    return np.char.startswith(f.claims.bill, start)


def csr(f: Facts) -> float:
    variant = np.array([plan[-2:] for plan in f.spans.plan.tolist()])
    return share(np.isin(variant, ["02", "03", "04", "05", "06"]), f.active)


def benchmark(year: int) -> Callable[[Facts], float]:
    return lambda f: f.seen.benchmarks[year]
