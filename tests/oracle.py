"""What a dimension should hold, worked out key by key in plain Python: the judge of the SCD helper.

Written from the rules in docs/scd_helper.md, not from the SQL, and on purpose without its tricks: it keeps every
observation, sorts them, and walks from day to day. Keys and hashes are left to the database; everything a reader sees is
here.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

OPEN_END = date(9999, 12, 31)
BEGINNING = date(1900, 1, 1)
Moment = Any  # a date or a datetime


@dataclass(frozen=True)
class Row:
    """One row of a delivery. `values`: versioned columns, then overwritten, then fixed ones, each as a tuple."""

    key: tuple[Any, ...]
    versioned: tuple[Any, ...] = ()
    overwritten: tuple[Any, ...] = ()
    fixed: tuple[Any, ...] = ()
    effective: Moment | None = None
    is_delete: bool = False


@dataclass(frozen=True)
class Delivery:
    """A delivery in force: its rows in the order of the file, and the keys of the rows that were rejected."""

    load_id: int
    as_of: Moment
    is_full: bool
    rows: tuple[Row, ...]
    rejected: frozenset[tuple[Any, ...]] = frozenset()


@dataclass(frozen=True)
class Rules:
    """The options of a spec that the outcome depends on. `scope`: place of the scope column in the key."""

    from_beginning: bool = True
    absence: str = "close"
    overwrites_all: bool = True
    scope: int | None = None
    beginning: Moment = BEGINNING
    open_end: Moment = OPEN_END


@dataclass(frozen=True)
class Version:
    """A version as a reader sees it."""

    key: tuple[Any, ...]
    versioned: tuple[Any, ...]
    overwritten: tuple[Any, ...]
    fixed: tuple[Any, ...]
    start: Moment
    end: Moment
    first_observed: Moment
    is_deleted: bool


@dataclass(frozen=True)
class Seen:
    """One observation of one key; `row` None: gone. `rank` decides between those of one day."""

    day: Moment
    rank: tuple[Any, ...]
    row: Row | None


def versions(deliveries: Iterable[Delivery], rules: Rules) -> set[Version]:
    """All versions of all keys that *deliveries* speak of, whatever their order."""
    held = list(deliveries)
    keys = {row.key for delivery in held for row in delivery.rows}
    return {version for key in keys for version in _history(key, held, rules)}


def _history(key: tuple[Any, ...], deliveries: list[Delivery], rules: Rules) -> Iterator[Version]:
    seen = [each for delivery in deliveries for each in _observations(key, delivery, rules)]
    # Who told it, when, and for which day; the row of a full delivery tells it for the as_of, too.
    told = {(*each.rank[:2], each.day): each.row for each in seen if each.row}
    if not told:
        return
    fixed = told[min(told)].fixed
    spans = list(_spans(seen, rules))
    for number, (start, end, row) in enumerate(spans):
        alive = row or next(before for _, _, before in reversed(spans[:number]) if before)
        within = (start, end) if row else next(s[:2] for s in reversed(spans[:number]) if s[2])
        heard = [each for each in told if rules.overwrites_all or within[0] <= each[2] < within[1]]
        yield Version(
            key=key,
            versioned=alive.versioned,
            overwritten=told[max(heard)].overwritten,
            fixed=fixed,
            start=min(start, rules.beginning) if number == 0 and rules.from_beginning else start,
            end=end,
            first_observed=start,
            is_deleted=row is None,
        )


def _spans(seen: list[Seen], rules: Rules) -> Iterator[tuple[Moment, Moment, Row | None]]:
    """Walk from observation to observation; equal neighbours are one span, and what is gone is none, or one that says so."""
    by_day: dict[Moment, Seen] = {}
    for each in seen:
        if each.day not in by_day or by_day[each.day].rank < each.rank:
            by_day[each.day] = each
    states: list[tuple[Moment, Row | None]] = []
    for day in sorted(by_day):
        row = by_day[day].row
        before = states[-1][1] if states else None
        if (row and row.versioned) != (before and before.versioned):
            states.append((day, row))
    for (day, row), (end, _) in pairwise([*states, (rules.open_end, None)]):
        if row or rules.absence == "mark_deleted":
            yield day, end, row


def _observations(key: tuple[Any, ...], delivery: Delivery, rules: Rules) -> Iterator[Seen]:
    mine = [
        Seen(
            row.effective or delivery.as_of,
            (delivery.as_of, delivery.load_id, place),
            None if row.is_delete else row,
        )
        for place, row in enumerate(delivery.rows)
        if row.key == key
    ]
    yield from mine
    if not delivery.is_full or rules.absence == "ignore":
        return
    until_then = [each for each in mine if each.day <= delivery.as_of]
    if until_then:
        last = max(until_then, key=lambda each: (each.day, each.rank))
        if last.day < delivery.as_of:
            yield Seen(delivery.as_of, last.rank, last.row)
    elif not mine and key not in delivery.rejected and _speaks_for(key, delivery, rules):
        yield Seen(delivery.as_of, (delivery.as_of, delivery.load_id, -1), None)


def _speaks_for(key: tuple[Any, ...], delivery: Delivery, rules: Rules) -> bool:
    return rules.scope is None or any(row.key[rules.scope] == key[rules.scope] for row in delivery.rows)
