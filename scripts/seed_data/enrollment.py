"""From a year's policies to enrollment transactions (834-like) and to the spans in which care is used."""

from dataclasses import dataclass

import numpy as np

from scripts.seed_data import calendar, cells
from scripts.seed_data.chance import Bools, Floats, Ints
from scripts.seed_data.coverage import Coverage, Segments
from scripts.seed_data.market import Market
from scripts.seed_data.plans import PlanBook
from scripts.seed_data.policies import (
    FRESH,
    JOINED,
    MOVE,
    NO_SWITCH,
    NOTICE,
    PASSIVE,
    Policies,
)
from scripts.seed_data.population import BLOCK_HOUSEHOLDS, NEVER, Members

STATUSES = ("selected", "effectuated", "cancelled", "terminated")
SELECTED, EFFECTUATED, CANCELLED, TERMINATED = range(4)
CODES = ("021", "001", "024", "025")
ADD, CHANGE, END, REINSTATE = range(4)


@dataclass(slots=True)
class Transactions:
    """Enrollment transactions of members, in no order yet."""

    day: Ints
    member: Ints
    segment: Ints
    code: Ints
    reason: Ints  # place in REASONS
    status: Ints
    end: Ints


REASONS = ("", "28", "41", "02", "22", "43", "29", "07", "14", "59", "32", "25")


@dataclass(slots=True)
class Exposure:
    """Spans in which members use care, one for each member and segment."""

    member: Ints
    household: Ints
    segment: Ints
    row: Ints  # of the plan book
    start: Ints
    end: Ints
    covered_end: Ints  # care after this day is an orphan
    grace_from: Ints
    county: Ints
    accumulator: Ints  # spans that share deductibles have the same value


def transactions(
    market: Market, policies: Policies, spans: Segments, cover: Coverage, members: Members, draw: Floats
) -> Transactions:
    """All transactions of the year. *draw* is one uniform number per household, for its own habits of paying."""
    home = members.household
    parts: list[tuple[Ints, ...]] = []

    def add(mask: Bools, s: int, day: Ints, code: int, reason: Ints | int, status: int, end: Ints | int) -> None:
        who = np.flatnonzero(mask)
        full = [np.broadcast_to(np.asarray(v, dtype=np.int64), mask.shape)[who] for v in (day, reason, end)]
        parts.append(
            (full[0], who, np.full(len(who), s), np.full(len(who), code), full[1], np.full(len(who), status), full[2])
        )

    sep_reasons = np.array([REASONS.index(r) for r, _ in market.enrollment["special_periods"]["reasons"]])
    paid_after = (draw * 22).astype(np.int64) - 8
    for s in (0, 1):
        here = cover.covered[:, s]
        older, born = here & ~cover.newborn[:, s], cover.newborn[:, s]
        start = spans.start[home, s]
        if s == 0:
            day = policies.selected
            reason = np.where(policies.kind == FRESH, REASONS.index("28"), REASONS.index("41"))
            reason = np.where(policies.kind == JOINED, sep_reasons[policies.reason], reason)
            automatic = (policies.kind == PASSIVE)[home]
        else:
            day = policies.switch_day
            reason = np.where(policies.switch == MOVE, REASONS.index("43"), REASONS.index("22"))
            automatic = np.ones(len(home), dtype=bool)  # the policy is paid for: the change is in force at once
        # Born since the household chose its plan: told of when told of, and that is one day for good.
        told = members.birth + 5 + (home * 7919 + members.birth) % 25
        asked = np.maximum(told, day[home])
        add(older & automatic, s, asked, ADD, reason[home], EFFECTUATED, cells.NO_DAY)
        add(older & ~automatic, s, asked, ADD, reason[home], SELECTED, cells.NO_DAY)
        paid = np.maximum(asked + 1, start + paid_after[home])
        stays = ~policies.cancelled[home]
        add(older & ~automatic & stays, s, paid, CHANGE, 0, EFFECTUATED, cells.NO_DAY)
        add(born, s, told, ADD, REASONS.index("02"), EFFECTUATED, cells.NO_DAY)
        if s == 0:
            dropped = start + 28 + (draw * 14).astype(np.int64)[home]
            add(older & policies.cancelled[home], s, dropped, END, REASONS.index("59"), CANCELLED, start)
            switched = here & (policies.switch != NO_SWITCH)[home]
            why = np.where(policies.switch == MOVE, REASONS.index("43"), REASONS.index("22"))
            add(switched, s, policies.switch_day[home], END, why[home], TERMINATED, spans.start[home, 1] - 1)
        why = np.where(
            policies.leaving == NOTICE,
            np.where(draw < 0.4, REASONS.index("14"), REASONS.index("07")),
            REASONS.index("59"),
        )
        months = calendar.month_starts(policies.year)
        last = months[np.minimum(policies.last_month, 12) + 1] - 1
        # A child whom nobody had told of, or born after that end, is not ended, nor brought back.
        known = older | (born & (told < spans.noticed[home, s]) & (cover.start[:, s] <= last[home]))
        add(known & (spans.noticed[home, s] < NEVER), s, spans.noticed[home, s], END, why[home], TERMINATED, last[home])
        back = known & (spans.back[home, s] < NEVER)
        add(back, s, spans.back[home, s], REINSTATE, REASONS.index("41"), EFFECTUATED, cells.NO_DAY)
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return Transactions(*columns)


def exposures(policies: Policies, spans: Segments, cover: Coverage, members: Members) -> Exposure:
    """The spans in which members of the block use care."""
    home = members.household
    found = []
    for s in (0, 1):
        who = np.flatnonzero(cover.covered[:, s] & (spans.care_end[home, s] >= cover.start[:, s]))
        h = home[who]
        same_plan = policies.rows[h, 0] == policies.rows[h, 1]
        found.append((
            who, h, np.full(len(who), s), policies.rows[h, s], cover.start[who, s], spans.care_end[h, s],
            spans.final_end[h, s], spans.grace_from[h, s], policies.county[h, s], 2 * h + (s == 1) * ~same_plan,
        ))  # fmt: skip
    return Exposure(*(np.concatenate(column) for column in zip(*found, strict=True)))


def transaction_rows(
    market: Market,
    book: PlanBook,
    block: int,
    policies: Policies,
    cover: Coverage,
    members: Members,
    moves: Transactions,
) -> cells.Rows:
    """The enrollments feed's rows of *moves*, as they stand there."""
    m, s = moves.member, moves.segment
    home = members.household[m]
    count = len(m)
    number = block * BLOCK_HOUSEHOLDS + home
    short = f"{policies.year % 100:02d}".encode()
    digits = cells.padded(number, 9)
    member_digits = cells.joined(digits, cells.padded(members.position[m], 1))
    row = policies.rows[home, s]
    areas = np.array([c.rating_area for c in market.counties])
    period = np.where(policies.kind == JOINED, 1, np.where(policies.kind == PASSIVE, 2, 0))[home]
    period = np.where((s == 1) | cover.newborn[m, s], 1, period)
    renewal = np.where(
        policies.kind == PASSIVE, 2, np.where(policies.kind == FRESH, 0, np.where(policies.kind == JOINED, 0, 1))
    )[home]
    gross, credit = cover.gross[m, s], cover.credit[m, s]
    return cells.Rows(
        [
            cells.joined(b"T", short, cells.padded(np.full(count, block), 4), cells.padded(np.arange(count), 7)),
            cells.dates(moves.day),
            cells.joined(b"E", short, member_digits, cells.padded(s, 1)),
            cells.joined(b"P", short, digits, cells.padded(s, 1)),
            cells.joined(b"M", member_digits),
            cells.joined(b"M", digits, b"0"),
            book.plan_id[row],
            cells.constant(str(policies.year), count),
            cells.dates(cover.start[m, s]),
            cells.dates(moves.end),
            cells.pool(CODES)[moves.code],
            cells.pool(REASONS)[moves.reason],
            cells.pool(STATUSES)[moves.status],
            cells.pool(("OEP", "SEP", "auto_renewal"))[period],
            cells.pool(("new", "active", "passive"))[renewal],
            cells.money(gross),
            cells.money(credit),
            cells.money(gross - credit),
            cells.whole(areas[policies.county[home, s]]),
        ]
    )
