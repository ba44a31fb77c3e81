"""The market's history and its next days, cut into deliveries and written on all cores."""

import os
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from pathlib import Path

import numpy as np

from scripts.seed_data import calendar, cells, chance, plans
from scripts.seed_data.ahead import Ahead
from scripts.seed_data.block import Piece, Window
from scripts.seed_data.deliveries import Landing, Sums, manifest, modes_of, write_manifest, write_pieces
from scripts.seed_data.disorder import Disorder, disturb
from scripts.seed_data.networks import told_on
from scripts.seed_data.options import Options
from scripts.seed_data.plans import PlanBook, plan_rows
from scripts.seed_data.providers import NETWORK, alive, provider_rows
from scripts.seed_data.workers import all_blocks, merge
from scripts.seed_data.world import World, make_world

CALM = Disorder()


def make_history(options: Options, disorder: Disorder = CALM, *, workers: int | None = None) -> list[Path]:
    """Write the whole history: an initial delivery and one on the first of each month."""
    landing = Landing.open(options.out)
    start = calendar.day(options.first_year, 1)
    as_of = tuple(calendar.day(options.first_year, month) for month in range(1, 12 * options.years + 2))
    window = Window(since=-(1 << 40), as_of=as_of, snapshot_before=start)
    with landing.locked():
        building = landing.building()
        _build(make_world(options), building, window, workers)
        return _release(landing, options, building, as_of, disorder)


def append_days(out: Path, days: int, disorder: Disorder = CALM, *, workers: int | None = None) -> list[Path]:
    """Write the next *days* business days after the last delivery in *out*."""
    Landing.open(out).options()  # nothing is locked where there is nothing to go on from
    with Landing(out, {}).locked():
        return _append_days(Landing.open(out), days, disorder, workers)


def _append_days(landing: Landing, days: int, disorder: Disorder, workers: int | None) -> list[Path]:
    options = landing.options()
    last = calendar.day_of(date.fromisoformat(landing.made["last_as_of"]))
    # A large market is lived through once for a month of days; the days that are not asked for yet are kept ready.
    ahead = Ahead(landing, options)
    as_of = _business_days(last, days)
    building = landing.building()
    if not ahead.take(as_of, building):
        longer = _business_days(last, max(days, ahead.days))
        start = calendar.day(options.first_year, 1)
        _build(make_world(options), building, Window(since=last, as_of=longer, snapshot_before=start), workers)
        ahead.keep(longer[days:], building)
    return _release(landing, options, building, as_of, disorder)


def _business_days(last: int, count: int) -> tuple[int, ...]:
    found = [last]
    for _ in range(count):
        found.append(calendar.next_business_day(found[-1]))
    return tuple(found[1:])


def _build(world: World, building: Path, window: Window, workers: int | None) -> None:
    """Write the window's deliveries, whole with their manifests, below *building*."""
    folders = [building / calendar.as_date(day).isoformat() for day in window.as_of]
    for folder in folders:
        folder.mkdir()
    modes: list[dict[str, str]] = [{} for _ in folders]
    sums = [Sums() for _ in folders]
    for piece in _market_pieces(world, window, modes):
        merge(sums, write_pieces(folders, [piece]))
    for found in all_blocks(world, window, folders, workers or min(os.cpu_count() or 1, 8)):
        merge(sums, found)
    if window.since < 0:
        modes[0]["members"] = "full"
    for folder, day, total, mode in zip(folders, window.as_of, sums, modes, strict=True):
        write_manifest(folder, manifest(day, total, mode))


def _release(
    landing: Landing, options: Options, building: Path, as_of: tuple[int, ...], disorder: Disorder
) -> list[Path]:
    """Disturb what was built, if asked for, and move it to its place."""
    folders = [building / calendar.as_date(day).isoformat() for day in as_of]
    held: list[Path] = []
    kept = landing.made.get("disorder") if not landing.is_empty else asdict(disorder) if disorder.any else {}
    if disorder.any or landing.has_more():
        modes = [modes_of(folder) for folder in folders]
        folders, held = disturb(options.seed, landing.out, disorder, folders, as_of, modes)
    landing.publish(folders, options, as_of[-1], held, kept)
    return [landing.out / folder.name for folder in folders]


def _market_pieces(world: World, window: Window, modes: list[dict[str, str]]) -> Iterator[Piece]:
    """Plans and providers: whole at the start and once a quarter (in turn), what changed in the other deliveries."""
    for place, as_of in enumerate(window.as_of):
        since = window.as_of[place - 1] if place else window.since
        yield from _plan_pieces(world, place, since, as_of, modes[place])
        yield from _provider_pieces(world, place, since, as_of, modes[place])


def _plan_pieces(world: World, place: int, since: int, as_of: int, modes: dict[str, str]) -> Iterator[Piece]:
    today = calendar.as_date(as_of)
    first = since < 0
    november = calendar.day(today.year, 11)
    books: list[tuple[PlanBook, chance.Bools | None, chance.Ints | None]] = []
    if first or (today.day == 1 and today.month in (4, 7, 10)):
        modes["plans"] = "full"
        books.append((world.book(today.year), None, None))
    if since < november <= as_of and not first:
        # The new year's plans, whole: a full file speaks for the plan years in it and for no other.
        modes["plans"] = "full"
        books.append((world.book(today.year + 1), None, None))
        if not any(book.year == today.year for book, _, _ in books):
            books.append((world.book(today.year), None, None))
    if not books:
        book = world.book(calendar.as_date(as_of - 1).year)
        days, changed, kind = book.changes
        now = (days >= since) & (days < as_of)
        effective = told_on(len(book.row), changed[now], days[now], kind[now] == plans.NETWORK)[book.component]
        if now.any():
            books.append((book, effective != cells.NO_DAY, effective))
    for book, only, since_day in books:
        rows = plan_rows(book, as_of, only, since_day)
        yield Piece(place, "plans", rows.encode(0, len(rows)), len(rows), {})


def _provider_pieces(world: World, place: int, since: int, as_of: int, modes: dict[str, str]) -> Iterator[Piece]:
    providers = world.providers
    today = calendar.as_date(as_of)
    living = alive(providers, as_of)
    effective = np.full(len(living), cells.NO_DAY)
    deleted = np.zeros(len(living), dtype=bool)
    if since < 0 or (today.day == 1 and today.month in (2, 5, 8, 11)):
        modes["providers"] = "full"
        told = living
    else:
        now = (providers.change_day >= since) & (providers.change_day < as_of)
        of_network = providers.change_kind[now] == NETWORK
        effective = told_on(len(living), providers.changed[now], providers.change_day[now], of_network)
        effective[~living] = cells.NO_DAY
        opened = living & (providers.opens >= since)
        effective[opened] = np.maximum(effective[opened], providers.opens[opened])
        closed = (providers.closes >= since) & (providers.closes < as_of) & (providers.opens < since)
        effective[closed] = providers.closes[closed]
        deleted = closed
        told = effective != cells.NO_DAY
    where = np.flatnonzero(told)
    if len(where):
        rows = provider_rows(world.market, world.pools, providers, as_of, where, effective[where], deleted[where])
        yield Piece(place, "providers", rows.encode(0, len(rows)), len(rows), {})
