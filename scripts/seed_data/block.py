"""The life of one block of the population, year by year, and the rows it gives to the deliveries."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np

from scripts.seed_data import calendar, chance
from scripts.seed_data.care import Care, use_care
from scripts.seed_data.chance import Bools, Ints
from scripts.seed_data.claim_life import Versions, live
from scripts.seed_data.claim_rows import claim_rows
from scripts.seed_data.codes import draw_codes
from scripts.seed_data.coverage import Coverage, Segments, coverage, segments
from scripts.seed_data.decisions import decide
from scripts.seed_data.enrollment import (
    Exposure,
    Transactions,
    exposures,
    transaction_rows,
    transactions,
)
from scripts.seed_data.member_feed import Sightings, member_rows, sightings
from scripts.seed_data.plans import PlanBook
from scripts.seed_data.policies import Policies, live_year
from scripts.seed_data.population import BEFORE, NEW, SPECIAL, Households, Members, append, newcomers
from scripts.seed_data.world import World


@dataclass(frozen=True, slots=True)
class Window:
    """The deliveries to be filled: each takes what is known from the one before (*since* for the first) to its own day."""

    since: int
    as_of: tuple[int, ...]
    snapshot_before: int  # member records before this day are a snapshot

    def cuts(self, sorted_days: Ints) -> Iterator[tuple[int, int, int]]:
        """(delivery, first row, end row) of rows whose days are in order."""
        edges = np.searchsorted(sorted_days, np.array([self.since, *self.as_of]))
        for place, (start, end) in enumerate(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)):
            if end > start:
                yield place, start, end


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of one feed for one delivery."""

    delivery: int
    feed: str
    text: bytes
    rows: int
    totals: dict[str, int]  # cents


@dataclass(slots=True)
class YearOfLife:
    """All that happens to a block in one plan year."""

    book: PlanBook
    policies: Policies
    spans: Segments
    cover: Coverage
    moves: Transactions
    seen: Sightings
    exposure: Exposure


class Block:
    """Some 2,500 members at a time, from the first year on."""

    def __init__(self, world: World, number: int) -> None:
        self.world, self.number = world, number
        self.homes: Households | None = None
        self.members: Members | None = None
        self.next_year = world.options.first_year

    def live(self) -> YearOfLife:
        """Live the next year; call it once a year, in order."""
        world, year = self.world, self.next_year
        market, book = world.market, world.book(year)
        self._grow(year)
        homes, members = self.homes, self.members
        assert homes is not None
        assert members is not None
        rng = chance.stream(world.options.seed, "year", self.number, year)
        policies = live_year(market, world.parts, book, homes, members, rng)
        draw = rng.random(len(homes))
        # Nearly all have a credit; who has none shows in the premium, so segments are cut twice.
        spans = segments(policies, np.ones(len(homes), dtype=bool))
        cover = coverage(market, book, policies, spans, members)
        credited = np.bincount(members.household, weights=cover.credit.sum(axis=1), minlength=len(homes)) > 0
        spans = segments(policies, credited)
        moves = _in_order(transactions(market, policies, spans, cover, members, draw))
        seen = sightings(policies, cover, members, moves)
        self.next_year += 1
        return YearOfLife(book, policies, spans, cover, moves, seen, exposures(policies, spans, cover, members))

    def _grow(self, year: int) -> None:
        """Take in those who join in *year*."""
        world = self.world
        flow = world.market.enrollment["flow"]
        target = world.options.block_members(self.number)
        groups = [(NEW, round(target * flow["new_share"])), (SPECIAL, round(target * flow["sep_share"]))]
        if self.homes is None:
            groups.insert(0, (BEFORE, target - groups[0][1]))
        for came, size in groups:
            if not size:
                continue
            before = (len(self.homes), len(self.members)) if self.homes and self.members else (0, 0)
            homes, members = newcomers(
                world.market, world.pools, world.options.seed, self.number, year, size, came, before
            )
            self.homes, self.members = append(self.homes, homes), append(self.members, members)

    def enrollment_pieces(self, life: YearOfLife, window: Window) -> Iterator[Piece]:
        """Member records and enrollment transactions of the year."""
        world, homes, members = self.world, self.homes, self.members
        assert homes is not None
        assert members is not None
        rows = member_rows(
            world.market, world.pools, self.number, life.policies, homes, members, life.seen, window.snapshot_before
        )
        for delivery, start, end in window.cuts(life.seen.day):
            yield Piece(delivery, "members", rows.encode(start, end), end - start, {})
        rows = transaction_rows(world.market, life.book, self.number, life.policies, life.cover, members, life.moves)
        place = life.moves.member, life.moves.segment
        gross, credit = life.cover.gross[place], life.cover.credit[place]
        amounts = {"gross_premium_amount": gross, "aptc_amount": credit, "net_premium_amount": gross - credit}
        for delivery, start, end in window.cuts(life.moves.day):
            totals = {name: int(values[start:end].sum()) for name, values in amounts.items()}
            yield Piece(delivery, "enrollments", rows.encode(start, end), end - start, totals)

    def claims(self, life: YearOfLife) -> tuple[Care, Versions, Bools, np.random.Generator]:
        """The year's care and every version of its claims."""
        world = self.world
        assert self.members is not None
        rng = chance.stream(world.options.seed, "care", self.number, life.book.year)
        care = use_care(world.market, world.services, life.book, self.members, life.exposure, rng)
        made = decide(world.market, world.services, life.book, care, life.exposure, rng)
        versions = live(world.market, world.services, life.book, care, life.exposure, made, rng)
        return care, versions, made.outside, rng

    def claim_pieces(self, life: YearOfLife, window: Window) -> Iterator[Piece]:
        """The claims of the year's services, as far as the window knows them."""
        world = self.world
        assert self.members is not None
        care, versions, outside, rng = self.claims(life)
        codes = draw_codes(
            world.market, world.services, world.providers, self.members, life.book, care, life.exposure, outside, rng
        )
        released = versions.released
        inside = np.flatnonzero((released >= window.since) & (released < window.as_of[-1]))
        if not len(inside):
            return
        days = released[inside]
        order = inside[np.argsort((days - days.min()).astype(np.int16), kind="stable")]
        rows = Versions(*(getattr(versions, f.name)[order] for f in fields(Versions)))
        released = released[order]
        text = claim_rows(
            world.market, world.services, world.providers, life.book, self.members, self.number, care, life.exposure,
            codes, outside, rows,
        )  # fmt: skip
        amounts = {"billed_amount": rows.billed, "allowed_amount": rows.allowed, "paid_amount": rows.paid}
        for delivery, start, end in window.cuts(released):
            totals = {name: int(values[start:end].sum()) for name, values in amounts.items()}
            yield Piece(delivery, "claims", text.encode(start, end), end - start, totals)


def _in_order(moves: Transactions) -> Transactions:
    """Transactions by day, those of a day as they were made."""
    order = np.argsort(moves.day, kind="stable")
    return Transactions(*(getattr(moves, f.name)[order] for f in fields(Transactions)))


def block_pieces(world: World, number: int, window: Window) -> Iterator[Piece]:
    """Everything that block *number* gives to the window's deliveries."""
    first = calendar.as_date(max(window.since, window.snapshot_before - 1)).year
    last = calendar.as_date(window.as_of[-1] - 1).year
    block = Block(world, number)
    for year in range(world.options.first_year, last + 2):
        life = block.live()
        # Transactions come from November before the plan year until spring after it, claims at most 720 days after service.
        if year >= first - 1:
            yield from block.enrollment_pieces(life, window)
        if first - 2 <= year <= last:
            yield from block.claim_pieces(life, window)
