"""All blocks of the population, simulated on several processes and written in their order."""

import multiprocessing
import signal
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from scripts.seed_data import calendar
from scripts.seed_data.block import Window, block_pieces
from scripts.seed_data.deliveries import Sums, write_pieces
from scripts.seed_data.options import SeedDataError
from scripts.seed_data.world import World


def merge(sums: list[Sums], more: list[Sums]) -> None:
    """Add *more* to *sums*, delivery by delivery."""
    for mine, other in zip(sums, more, strict=True):
        for feed, rows in other.rows.items():
            mine.add(feed, rows, other.totals[feed])


def all_blocks(world: World, window: Window, folders: list[Path], workers: int) -> Iterator[list[Sums]]:
    """Simulate all blocks; they write one after the other, so that files never depend on the number of workers."""
    blocks = world.options.blocks
    if min(workers, blocks) < 2 or "fork" not in multiprocessing.get_all_start_methods():
        for block in range(blocks):
            yield write_pieces(folders, block_pieces(world, block, window))
        return
    # Books are made before the fork, so that no worker makes them again.
    for year in range(world.options.first_year, calendar.as_date(window.as_of[-1]).year + 2):
        world.book(year)
    context = multiprocessing.get_context("fork")
    turn, step = context.Value("q", 0), context.Condition()
    count = min(workers, blocks)
    processes, pipes = [], []
    try:
        for k in range(count):
            receive, send = context.Pipe(duplex=False)
            turns = range(k, blocks, count)
            process = context.Process(target=_work, args=(world, window, folders, turns, turn, step, send), daemon=True)
            process.start()
            send.close()  # so that the pipe ends when the worker does
            processes.append(process)
            pipes.append(receive)
        yield from _results(pipes)
    finally:
        for process in processes:
            process.terminate()  # those that are done are not touched by it
            process.join()


def _results(pipes: list[Connection]) -> Iterator[list[Sums]]:
    """What the workers report, as they end."""
    open_pipes = list(pipes)
    while open_pipes:
        for pipe in wait(open_pipes):
            assert isinstance(pipe, Connection)
            try:
                found = pipe.recv()
            except EOFError as problem:
                raise SeedDataError("a worker stopped without a word; is memory short? try --workers 1") from problem
            if isinstance(found, str):
                raise SeedDataError(f"a worker failed: {found}")
            open_pipes.remove(pipe)
            yield found


def _work(
    world: World, window: Window, folders: list[Path], blocks: range, turn: Any, step: Any, send: Connection
) -> None:
    """Simulate every n-th block and append its rows when its turn comes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it and ends the workers
    sums = [Sums() for _ in folders]
    try:
        for block in blocks:
            pieces = list(block_pieces(world, block, window))
            with step:
                step.wait_for(lambda block=block: turn.value == block)
            merge(sums, write_pieces(folders, pieces))
            with step:
                turn.value = block + 1
                step.notify_all()
        send.send([_plain(one) for one in sums])
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent has to hear of it
        send.send(f"{type(error).__name__}: {error}")


def _plain(sums: Sums) -> Sums:
    """The same in plain dictionaries, which travel between processes."""
    return Sums(dict(sums.rows), {feed: dict(sums.totals[feed]) for feed in sums.rows})
