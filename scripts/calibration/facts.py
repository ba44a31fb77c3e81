"""What several measures share, found once."""

from functools import cached_property

import numpy as np

from scripts.calibration.observe import Bools, Claims, Floats, Ints, Observed, Spans


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

    @cached_property
    def anew(self) -> Bools:
        """Whether a claim was submitted before, under another id, and denied as a whole; by root claim."""
        claims = self.claims
        heads = np.flatnonzero(self.heads)
        same = [
            values[heads] for values in (claims.member, claims.plan, claims.service, claims.provider, claims.billed)
        ]
        keys = [np.unique(values, return_inverse=True)[1] for values in same]
        order = np.lexsort((claims.received[heads], *keys))
        before, after = claims.root[heads][order[:-1]], claims.root[heads][order[1:]]
        repeated = self.denied_whole[before]
        for key in keys:
            repeated &= key[order[1:]] == key[order[:-1]]
        found = np.zeros(len(self.denied_whole), dtype=bool)
        found[after[repeated]] = True
        return found

    @cached_property
    def appealed(self) -> tuple[Bools, Bools]:
        """Whether a claim was denied as a whole and then replaced, and whether the replacement is paid; by root claim."""
        claims = self.claims
        second = (claims.version == 2) & (claims.frequency == "7")
        replaced, paid = np.zeros(len(self.denied_whole), dtype=bool), np.zeros(len(self.denied_whole), dtype=bool)
        replaced[claims.root[second]] = True
        paid[claims.root[second & (claims.status == "paid")]] = True
        return replaced & self.denied_whole, paid & self.denied_whole

    def allowed_share(self, which: Bools) -> float:
        """These lines' part of the allowed amount."""
        claims = self.claims
        return float(claims.allowed[self.whole & which].sum() / claims.allowed[self.whole].sum())

    def rate(self, which: Bools) -> float:
        """Claims with such a line, final, per 1,000 member years."""
        roots = np.unique(self.claims.root[self.whole & which])
        return float(len(roots) / self.whole_months * 12_000)
