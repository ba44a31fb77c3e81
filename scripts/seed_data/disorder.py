"""Deliveries as they come in practice: late, backdated, repeated, corrected, out of order. Each at its own rate.

Everything is drawn from the seed and the delivery's date, or from the record itself, so that a history and its next days are
disturbed alike however often the command is called.
"""

import json
import shutil
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from etl.catalog.sources import source
from scripts.seed_data import calendar, chance
from scripts.seed_data.defects import answer_key, plant
from scripts.seed_data.delivered_file import DeliveredFile, as_line, fields
from scripts.seed_data.deliveries import ANSWERS, FEEDS, HELD, STATE, WAITING, Sums, manifest, write_manifest

LATE_FEEDS = ("members", "enrollments", "claims")  # deltas; a full file is never short
DATED_FEEDS = ("members", "providers")


@dataclass(frozen=True, slots=True)
class Disorder:
    """How much goes wrong; all zero: nothing does."""

    late: float = 0.0  # share of records that come in a later delivery than they should
    backdated: float = 0.0  # share of changes that hold from a day long before they are told
    duplicates: float = 0.0  # share of records sent twice in their file, and of deliveries sent twice
    corrected: float = 0.0  # share of deliveries sent wrong at first, and then right
    out_of_order: float = 0.0  # share of deliveries that come only after the next ones
    defects: int = 0  # records to be rejected or warned of, planted in each delivery

    @property
    def any(self) -> bool:
        """Something does go wrong."""
        return any(asdict(self).values())


def disturb(
    seed: int, out: Path, disorder: Disorder, folders: list[Path], days: tuple[int, ...], modes: list[dict[str, str]]
) -> tuple[list[Path], list[Path]]:
    """Disturb the finished *folders* in place; the folders to publish now, more or fewer than before, and those to hold."""
    waiting = _Waiting(out)
    for folder, day, mode in zip(folders, days, modes, strict=True):
        rng = chance.stream(seed, "disorder", day)
        files = {
            feed: DeliveredFile.read(folder / f"{feed}.csv") for feed in FEEDS if (folder / f"{feed}.csv").is_file()
        }
        for feed in LATE_FEEDS:
            _delay(files, folder, feed, day, disorder.late, waiting, full=mode.get(feed) == "full")
        for feed in DATED_FEEDS:
            if feed in files and mode.get(feed) != "full":
                _backdate(files[feed], disorder.backdated)
        for feed in ("claims", "enrollments"):
            if feed in files:
                _repeat(files[feed], disorder.duplicates)
        answers = [a for file in files.values() for a in plant(file, _part(disorder.defects, file, files), rng)]
        if answers:
            key = {"as_of": calendar.as_date(day).isoformat(), "answers": answer_key(answers)}
            (out / f"{folder.name}{ANSWERS}").write_text(json.dumps(key, indent=1) + "\n", encoding="utf-8")
        _write(folder, files, day, mode)
    waiting.save(folders[0].parent)
    return _as_whole_deliveries(seed, out, disorder, folders, days, modes)


def _part(defects: int, file: DeliveredFile, files: dict[str, DeliveredFile]) -> int:
    """How many of a delivery's defects a file gets: half go to claims, the others share."""
    if not defects:
        return 0
    if file.feed == "claims":
        return -(-defects // 2)
    return max(1, defects // 2 // max(1, len(files) - 1))


def _write(folder: Path, files: dict[str, DeliveredFile], day: int, modes: dict[str, str]) -> None:
    """Write the files back with a manifest that is true of them; a file without records is taken away."""
    sums = Sums()
    for feed, file in files.items():
        if file.lines:
            file.write()
            sums.add(feed, *file.sums())
        else:
            file.path.unlink(missing_ok=True)
    write_manifest(folder, manifest(day, sums, modes))


def _luck(record: bytes, purpose: bytes) -> float:
    """A number from 0 to 1 that belongs to the record."""
    return zlib.crc32(purpose + record) / 0x1_0000_0000


class _Waiting:
    """Records that are on their way to a later delivery, kept beside the state."""

    def __init__(self, out: Path) -> None:
        self.path = out / STATE / WAITING
        self.records: list[tuple[int, str, str]] = []
        if self.path.is_file():
            self.records = [tuple(entry) for entry in json.loads(self.path.read_text(encoding="utf-8"))]

    def add(self, due: int, feed: str, line: bytes) -> None:
        """Keep a record until *due*."""
        self.records.append((due, feed, line.decode()))

    def take(self, feed: str, day: int) -> list[bytes]:
        """The feed's records that are due by *day*."""
        found = [line.encode() for due, name, line in self.records if name == feed and due <= day]
        self.records = [entry for entry in self.records if entry[1] != feed or entry[0] > day]
        return found

    def save(self, building: Path) -> None:
        """Write down what still waits; it counts once the deliveries are published."""
        if self.records or self.path.is_file():
            (building / WAITING).write_text(json.dumps(self.records) + "\n", encoding="utf-8")


def _delay(
    files: dict[str, DeliveredFile], folder: Path, feed: str, day: int, rate: float, waiting: _Waiting, *, full: bool
) -> None:
    """Send on what is late, and take in what was late before. The lines of a claim stay together."""
    came = waiting.take(feed, day)
    if came and feed not in files:
        files[feed] = DeliveredFile.empty(folder / f"{feed}.csv")
    if feed not in files or full:
        return
    kept = []
    for line in files[feed].lines if rate else ():
        mark = line.split(b",", 1)[0] if feed == "claims" else line
        if _luck(mark, b"late") < rate:
            waiting.add(day + 1 + int(_luck(mark, b"how late") * 60), feed, line)
        else:
            kept.append(line)
    files[feed].lines = (kept if rate else files[feed].lines) + came


def _backdate(file: DeliveredFile, rate: float) -> None:
    """Let some changes hold from a day up to a year before."""
    place = source(file.feed).column_names.index("effective_date")
    taken = set(file.lines)
    for number, line in enumerate(file.lines if rate else ()):
        if _luck(line, b"backdated") >= rate:
            continue
        values = fields(line)
        if values is not None and values[place]:
            day = np.datetime64(values[place]) - 20 - int(_luck(line, b"how long ago") * 340)
            values[place] = str(day)
            if (moved := as_line(values)) not in taken:
                file.lines[number] = moved


def _repeat(file: DeliveredFile, rate: float) -> None:
    """Send some records twice, a while apart."""
    if rate:
        file.lines += [line for line in file.lines if _luck(line, b"twice") < rate]


def _as_whole_deliveries(
    seed: int, out: Path, disorder: Disorder, folders: list[Path], days: tuple[int, ...], modes: list[dict[str, str]]
) -> tuple[list[Path], list[Path]]:
    """Repeat, correct and hold back whole deliveries.

    What was held back comes with the next delivery; what a history holds back comes with the first day after it.
    """
    before = out / STATE / HELD
    held = sorted(before.iterdir()) if before.is_dir() else []
    is_history = not held and not (out / STATE / "state.json").is_file()
    ready: list[Path] = []
    for place, (folder, day, mode) in enumerate(zip(folders, days, modes, strict=True)):
        rng = chance.stream(seed, "whole deliveries", day)
        twice, wrong, behind = rng.random(3) < (disorder.duplicates, disorder.corrected, disorder.out_of_order)
        found = [folder]
        if wrong and (folder / "claims.csv").is_file():
            found.append(_copy(folder, "corrected"))
            _cut_short(folder, day, mode)
        if twice:
            found.append(_copy(folder, "again"))
        if behind and not (is_history and place == 0):
            held += found
        elif is_history:
            ready += found
        else:
            ready, held = [*ready, *held, *found], []
    return ready, held


def _copy(folder: Path, suffix: str) -> Path:
    target = folder.with_name(f"{folder.name}_{suffix}")
    shutil.copytree(folder, target)
    return target


def _cut_short(folder: Path, day: int, modes: dict[str, str]) -> None:
    """The wrong first sending: claims without their last tenth, and its manifest true of that."""
    files = {feed: DeliveredFile.read(folder / f"{feed}.csv") for feed in FEEDS if (folder / f"{feed}.csv").is_file()}
    claims = files["claims"]
    claims.lines = claims.lines[: max(1, len(claims.lines) * 9 // 10)]
    _write(folder, files, day, modes)
