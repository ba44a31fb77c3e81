"""Delivery folders: files, manifests, and the record of what was made."""

import contextlib
import fcntl
import json
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from etl.catalog.sources import SOURCES, source
from scripts.seed_data import calendar
from scripts.seed_data.block import Piece
from scripts.seed_data.options import Options, SeedDataError

FEEDS = tuple(spec.feed for spec in SOURCES)
STATE = ".generator"
HELD, WAITING = "held", "waiting.json"  # below STATE: deliveries and records that come later
ANSWERS = "_answers.json"
_HEADERS = {spec.feed: (",".join(spec.column_names) + "\n").encode() for spec in SOURCES}


@dataclass(slots=True)
class Sums:
    """What a delivery's manifest promises, growing as rows are written."""

    rows: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    totals: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))

    def add(self, feed: str, rows: int, totals: dict[str, int]) -> None:
        """Count rows of a feed."""
        self.rows[feed] += rows
        for column, cents in totals.items():
            self.totals[feed][column] += cents


def write_pieces(folders: list[Path], pieces: Iterable[Piece]) -> list[Sums]:
    """Append *pieces* to the files of their deliveries; the sums of what was written, by delivery."""
    sums = [Sums() for _ in folders]
    texts: dict[tuple[int, str], list[bytes]] = defaultdict(list)
    for piece in pieces:
        texts[piece.delivery, piece.feed].append(piece.text)
        sums[piece.delivery].add(piece.feed, piece.rows, piece.totals)
    for (delivery, feed), found in texts.items():
        path = folders[delivery] / f"{feed}.csv"
        with path.open("ab") as file:
            if not file.tell():
                file.write(_HEADERS[feed])
            file.write(b"".join(found))
    return sums


def manifest(as_of: int, sums: Sums, modes: dict[str, str]) -> dict[str, Any]:
    """The manifest of one delivery: mode, record count and control totals of each feed in it."""
    feeds: dict[str, Any] = {}
    for feed in FEEDS:
        if not sums.rows.get(feed):
            continue
        entry: dict[str, Any] = {
            "file": f"{feed}.csv",
            "mode": modes.get(feed, "delta"),
            "record_count": sums.rows[feed],
        }
        if columns := source(feed).control_columns:
            entry["control_totals"] = {c: str(Decimal(sums.totals[feed][c]).scaleb(-2)) for c in columns}
        feeds[feed] = entry
    return {"as_of": calendar.as_date(as_of).isoformat(), "feeds": feeds}


def write_manifest(folder: Path, content: dict[str, Any]) -> None:
    """Write *content* as the folder's manifest."""
    (folder / "manifest.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def modes_of(folder: Path) -> dict[str, str]:
    """The mode of each feed, as the folder's manifest says it."""
    feeds = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["feeds"]
    return {feed: entry["mode"] for feed, entry in feeds.items()}


@dataclass(slots=True)
class Landing:
    """The landing zone as the generator left it, remembered in a hidden folder beside the deliveries."""

    out: Path
    made: dict[str, Any]

    @classmethod
    def open(cls, out: Path) -> "Landing":
        """Read the record of *out*; an empty one where nothing was made."""
        path = out / STATE / "state.json"
        return cls(out, json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {})

    @property
    def is_empty(self) -> bool:
        """Nothing was made here."""
        return not self.made

    def options(self) -> Options:
        """The options that the deliveries here were made with."""
        if self.is_empty:
            raise SeedDataError(
                f"{self.out}: no history here yet; make it first: generate_seed_data.py --out {self.out}"
            )
        made = self.made
        return Options(made["members"], made["years"], made["seed"], made["first_year"], self.out)

    def matches(self, options: Options, disorder: dict[str, Any]) -> bool:
        """The history here is that of *options*, disturbed alike."""
        return not self.is_empty and self.options() == options and self.made.get("disorder", {}) == disorder

    def folders(self) -> list[Path]:
        """The deliveries made here, that are still here."""
        return [self.out / name for name in self.made.get("deliveries", []) if (self.out / name).is_dir()]

    def clear(self) -> None:
        """Remove the deliveries made here, and nothing else."""
        for folder in self.folders():
            shutil.rmtree(folder)
            folder.with_name(folder.name + ANSWERS).unlink(missing_ok=True)
        shutil.rmtree(self.out / STATE, ignore_errors=True)
        self.made = {}

    def has_more(self) -> bool:
        """Records or deliveries are still on their way."""
        return (self.out / STATE / HELD).is_dir() or (self.out / STATE / WAITING).is_file()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs out while deliveries are written; the lock dies with its holder."""
        folder = self.out / STATE
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as problem:
                raise SeedDataError(f"{self.out}: another run is writing here; wait for it") from problem
            yield

    def building(self) -> Path:
        """An empty folder to write in; what a stopped run left there is removed."""
        folder = self.out / STATE / "building"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def publish(
        self,
        folders: list[Path],
        options: Options,
        last_as_of: int,
        held: Sequence[Path] = (),
        disorder: dict[str, Any] | None = None,
    ) -> None:
        """Move finished *folders* to their places, those *held* aside, and remember it."""
        self.made = {
            "members": options.members,
            "years": options.years,
            "seed": options.seed,
            "first_year": options.first_year,
            "disorder": disorder or {},
            "last_as_of": calendar.as_date(last_as_of).isoformat(),
            "deliveries": sorted({*self.made.get("deliveries", []), *(folder.name for folder in folders)}),
        }
        moves = [(folder, self.out / folder.name) for folder in folders]
        moves += [(folder, self.out / STATE / HELD / folder.name) for folder in held]
        for folder, target in moves:
            if folder != target:
                shutil.rmtree(target, ignore_errors=True)
                target.parent.mkdir(exist_ok=True)
                folder.rename(target)
        building = self.out / STATE / "building"
        if (building / WAITING).is_file():
            (building / WAITING).replace(self.out / STATE / WAITING)
        shutil.rmtree(building, ignore_errors=True)
        path = self.out / STATE / "state.json"
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(self.made, indent=2) + "\n", encoding="utf-8")
        draft.replace(path)
