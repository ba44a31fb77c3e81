"""The delivered files as arrays: what the measures look at."""

import csv
import gzip
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

import numpy as np
import numpy.typing as npt

Texts = npt.NDArray[np.str_]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Days = npt.NDArray[np.datetime64]

Columns = dict[str, Texts]
CURVE_AT_40 = 1.278  # federal age curve
COMMUNITY_RATED = ("NY", "VT")


def read(landing: Path, feed: str, columns: tuple[str, ...]) -> Columns:
    """The named columns of all deliveries of *feed*, in the order of delivery."""
    found: list[tuple[str, ...]] = []
    for path in _files(landing, feed):
        opened = gzip.open if path.suffix == ".gz" else Path.open
        with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file)
            header = next(lines)
            found.extend(map(itemgetter(*(header.index(name) for name in columns)), lines))
    if not found:
        raise FileNotFoundError(f"no rows of {feed} in {landing}")
    return {name: np.array(values) for name, values in zip(columns, zip(*found, strict=True), strict=True)}


def _files(landing: Path, feed: str) -> Iterator[Path]:
    for folder in sorted(path for path in landing.iterdir() if path.is_dir() and not path.name.startswith(".")):
        yield from (path for path in (folder / f"{feed}.csv", folder / f"{feed}.csv.gz") if path.is_file())


def numbers(texts: Texts) -> Floats:
    """Amounts; NULL counts as 0."""
    return np.where(texts == "", "0", texts).astype(np.float64)


def days(texts: Texts) -> Days:
    """Dates; NULL is NaT."""
    return np.where(texts == "", "NaT", texts).astype("datetime64[D]")


@dataclass(slots=True)
class Spans:
    """Coverage spans as their last transaction leaves them, those with coverage only. Members are places in `ids`."""

    ids: Texts
    member: Ints
    plan: Texts
    metal: Texts
    issuer: Texts
    year: Ints
    start: Days
    end: Days
    months: Ints
    premium: Floats
    credit: Floats
    birth: Days
    female: Bools

    def on(self, day: str) -> Bools:
        """Spans in force on *day*."""
        when = np.datetime64(day)
        return (self.start <= when) & (self.end >= when)


@dataclass(slots=True)
class Selections:
    """First transactions of subscribers' policies in open enrollment, by plan year."""

    year: Ints
    renewal: Texts
    effectuated: Bools


@dataclass(slots=True)
class Claims:
    """Claim lines, all versions; `final` marks the version in force and leaves out what is void."""

    root: Ints
    version: Ints
    frequency: Texts
    number: Ints
    member: Ints  # place in Spans.ids
    plan: Texts
    provider: Texts
    kind: Texts
    status: Texts
    service: Days
    service_end: Days
    received: Days
    paid_on: Days
    bill: Texts
    revenue: Texts
    procedure: Texts
    inside: Bools
    billed: Floats
    allowed: Floats
    paid: Floats
    carc: Texts
    final: Bools
    covered: Bools


@dataclass(slots=True)
class Observed:
    """Everything the measures need."""

    spans: Spans
    selections: Selections
    claims: Claims
    benchmarks: dict[int, float]  # second lowest silver premium at age 40, averaged by enrollment, by plan year
    years: tuple[int, ...]  # plan years that the deliveries cover whole


def observe(landing: Path) -> Observed:
    """Read the deliveries in *landing*."""
    plans = read(
        landing, "plans", ("plan_id", "plan_year", "metal_level", "issuer_id", "state_code", "base_premium_amount")
    )
    moves = _in_order(
        read(
            landing,
            "enrollments",
            (
                "transaction_date", "transaction_id", "enrollment_id", "member_id", "subscriber_id", "plan_id",
                "plan_year", "coverage_start_date", "coverage_end_date", "enrollment_status", "enrollment_period",
                "renewal_type", "maintenance_type_code", "gross_premium_amount", "aptc_amount",
            ),
        )
    )  # fmt: skip
    spans = _spans(moves, read(landing, "members", ("member_id", "birth_date", "sex_code")), plans)
    claims = _claims(landing, spans)
    last = int(claims.service.max().astype("datetime64[Y]").astype(int)) + 1970
    deliveries = max(path.name for path in landing.iterdir() if path.is_dir() and not path.name.startswith("."))
    years = tuple(y for y in range(int(spans.year.min()), last + 1) if f"{y + 1}-01-01" <= deliveries)
    return Observed(spans, _selections(moves), claims, _benchmarks(plans, moves), years)


def _in_order(moves: Columns) -> Columns:
    order = np.lexsort((moves["transaction_id"], moves["transaction_date"]))
    return {name: values[order] for name, values in moves.items()}


def _last(keys: Texts) -> Ints:
    """Places of the last row of each key."""
    _, first_from_behind = np.unique(keys[::-1], return_index=True)
    return np.sort(len(keys) - 1 - first_from_behind)


def _spans(moves: Columns, members: Columns, plans: Columns) -> Spans:
    last = _last(moves["enrollment_id"])
    now = {name: values[last] for name, values in moves.items()}
    end = np.where(now["coverage_end_date"] == "", np.char.add(now["plan_year"], "-12-31"), now["coverage_end_date"])
    keep = (now["enrollment_status"] != "cancelled") & (now["coverage_start_date"] <= end)
    now, end = {name: values[keep] for name, values in now.items()}, days(end[keep])
    start = days(now["coverage_start_date"])
    ids, member = np.unique(now["member_id"], return_inverse=True)
    known, place = np.unique(members["member_id"], return_index=True)
    person = place[np.searchsorted(known, now["member_id"])]
    key = np.char.add(np.char.add(plans["plan_id"], "|"), plans["plan_year"])
    names, row = np.unique(key, return_index=True)
    plan = row[np.searchsorted(names, np.char.add(np.char.add(now["plan_id"], "|"), now["plan_year"]))]
    months = end.astype("datetime64[M]").astype(np.int64) - start.astype("datetime64[M]").astype(np.int64) + 1
    return Spans(
        ids=ids, member=member, plan=now["plan_id"], metal=plans["metal_level"][plan], issuer=plans["issuer_id"][plan],
        year=now["plan_year"].astype(np.int64), start=start, end=end, months=months,
        premium=numbers(now["gross_premium_amount"]), credit=numbers(now["aptc_amount"]),
        birth=days(members["birth_date"][person]), female=members["sex_code"][person] == "F",
    )  # fmt: skip


def _selections(moves: Columns) -> Selections:
    first = np.unique(moves["enrollment_id"], return_index=True)[1]
    last = _last(moves["enrollment_id"])
    # Both are in the order of their keys once sorted by key.
    last = last[np.argsort(moves["enrollment_id"][last])]
    chosen = np.isin(moves["enrollment_period"][first], ["OEP", "auto_renewal"])
    return Selections(
        year=moves["plan_year"][first][chosen].astype(np.int64),
        renewal=moves["renewal_type"][first][chosen],
        effectuated=moves["enrollment_status"][last][chosen] != "cancelled",
    )


def _claims(landing: Path, spans: Spans) -> Claims:
    raw = read(
        landing,
        "claims",
        (
            "claim_id", "original_claim_id", "claim_version_number", "claim_frequency_code", "claim_line_number",
            "member_id", "plan_id", "rendering_npi", "claim_type", "claim_line_status", "service_date",
            "service_end_date", "received_date", "paid_date", "bill_type_code", "revenue_code", "procedure_code",
            "is_in_network", "billed_amount", "allowed_amount", "paid_amount", "carc_code",
        ),
    )  # fmt: skip
    root = np.unique(
        np.where(raw["original_claim_id"] == "", raw["claim_id"], raw["original_claim_id"]), return_inverse=True
    )[1]
    version = raw["claim_version_number"].astype(np.int64)
    newest = np.zeros(root.max() + 1, dtype=np.int64)
    np.maximum.at(newest, root, version)
    member = np.minimum(np.searchsorted(spans.ids, raw["member_id"]), len(spans.ids) - 1)
    service = days(raw["service_date"])
    return Claims(
        root=root, version=version, frequency=raw["claim_frequency_code"], member=member, plan=raw["plan_id"],
        number=raw["claim_line_number"].astype(np.int64), provider=raw["rendering_npi"], kind=raw["claim_type"],
        status=raw["claim_line_status"], service=service, service_end=days(raw["service_end_date"]),
        received=days(raw["received_date"]), paid_on=days(raw["paid_date"]), bill=raw["bill_type_code"], revenue=raw["revenue_code"], procedure=raw["procedure_code"],
        inside=raw["is_in_network"] == "true", billed=numbers(raw["billed_amount"]),
        allowed=numbers(raw["allowed_amount"]), paid=numbers(raw["paid_amount"]), carc=raw["carc_code"],
        final=(version == newest[root]) & (raw["claim_frequency_code"] != "8"),
        covered=_covered(spans, raw["member_id"], raw["plan_id"], service),
    )  # fmt: skip


def _covered(spans: Spans, member: Texts, plan: Texts, service: Days) -> Bools:
    """Whether the member had that plan on the day of service."""
    keys = np.char.add(np.char.add(spans.ids[spans.member], "|"), spans.plan)
    names, place = np.unique(keys, return_inverse=True)
    wanted = np.char.add(np.char.add(member, "|"), plan)
    found = np.minimum(np.searchsorted(names, wanted), len(names) - 1)
    known = names[found] == wanted
    # A member has a plan in a few spans at most: try each of them.
    order = np.argsort(place, kind="stable")
    starts = np.searchsorted(place[order], np.arange(len(names) + 1))
    covered = np.zeros(len(service), dtype=bool)
    for turn in range(int(np.diff(starts).max())):
        at = starts[found] + turn
        valid = known & (at < starts[found + 1])
        span = order[np.minimum(at, len(order) - 1)]
        covered |= valid & (spans.start[span] <= service) & (service <= spans.end[span])
    return covered


def _benchmarks(plans: Columns, moves: Columns) -> dict[int, float]:
    """Second lowest on-exchange silver premium of each state, at age 40, averaged by enrollment, by plan year."""
    chosen = (plans["metal_level"] == "Silver") & np.char.endswith(plans["plan_id"], "-01")
    enrolled = Counter(plan[5:7] for plan in moves["plan_id"].tolist())
    found: dict[int, float] = {}
    for year in np.unique(plans["plan_year"]):
        total = 0.0
        for state in np.unique(plans["state_code"]).tolist():
            mine = chosen & (plans["state_code"] == state) & (plans["plan_year"] == year)
            first = np.unique(plans["plan_id"][mine], return_index=True)[1]
            prices = np.sort(numbers(plans["base_premium_amount"][mine][first]))
            at_40 = 1.0 if state in COMMUNITY_RATED else CURVE_AT_40
            total += float(prices[1]) * at_40 * enrolled[state]
        found[int(year)] = total / enrolled.total()
    return found
