"""Find the deliveries of a landing zone: folders by business date, their files, what their manifest promises."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from etl.catalog.sources import SOURCES
from etl.core.errors import ConfigError, SourceError
from etl.core.spec import Mode, SourceSpec

MANIFEST = "manifest.json"
_FOLDER = re.compile(r"(\d{4}-\d{2}-\d{2})(_[A-Za-z0-9._-]+)?")
_ENDINGS = (".csv", ".csv.gz")
# More records, or dollars, than anybody sends; the ledger's columns hold it.
_MOST = 10**12


@dataclass(frozen=True, slots=True)
class DeliveredFile:
    """One feed's file in a delivery, and what the sender promised of it.

    `replays` is the path, below the landing zone, of the file whose rejected records this one corrects.
    """

    spec: SourceSpec
    path: Path
    mode: Mode
    promised_records: int | None = None
    promised_totals: Mapping[str, Decimal] = field(default_factory=dict)
    replays: str | None = None

    @property
    def feed(self) -> str:
        """Name of the feed."""
        return self.spec.feed


@dataclass(frozen=True, slots=True)
class Delivery:
    """A folder of the landing zone: the files of one business date, in the order of the catalog.

    `unknown_feeds` are named in the manifest but not in the catalog; `warnings` are for the operator.
    """

    path: Path
    as_of: date
    files: tuple[DeliveredFile, ...]
    unknown_feeds: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.path.name


def find_deliveries(landing: Path) -> tuple[Delivery, ...]:
    """All deliveries below *landing*, by (as_of, name); hidden folders and loose files are not looked at.

    SourceError tells everything about folders and manifests that makes no sense, at once.
    """
    try:
        folders = sorted(path for path in landing.iterdir() if not path.name.startswith(".") and path.is_dir())
    except FileNotFoundError as problem:
        raise SourceError(f"{landing}: there is no such landing zone; make seed-data fills one") from problem
    except OSError as problem:
        raise ConfigError(f"{landing}: cannot be read ({problem.strerror}); correct its rights") from problem
    deliveries: list[Delivery] = []
    problems: list[str] = []
    for folder in folders:
        try:
            deliveries.append(read_delivery(folder))
        except SourceError as problem:
            problems.append(str(problem))
    if problems:
        raise SourceError("\n".join(problems))
    return tuple(sorted(deliveries, key=lambda delivery: (delivery.as_of, delivery.name)))


def read_delivery(folder: Path) -> Delivery:
    """One delivery folder: its name, its manifest if it has one, and the file of each feed."""
    as_of = _as_of(folder)
    try:
        names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
        manifest = _manifest(folder) if MANIFEST in names else None
    except OSError as problem:
        raise ConfigError(f"{folder}: cannot be read ({problem.strerror}); correct its rights") from problem
    if manifest is not None and manifest.get("as_of", folder.name[:10]) != folder.name[:10]:
        raise SourceError(f"{folder / MANIFEST}: its as_of is not the folder's; correct one of them")
    promises: Mapping[str, Any] = {} if manifest is None else manifest["feeds"]
    files, taken = [], {MANIFEST}
    warnings = []
    for spec in SOURCES:
        promise = promises.get(spec.feed)
        name = _file_name(folder, spec, names, promise)
        if name is None:
            continue
        taken.add(name)
        if manifest is not None and promise is None:
            warnings.append(f"{folder.name}/{name} is not in the manifest; taken in as {spec.default_mode}")
        files.append(_delivered_file(folder, spec, name, promise or {}))
    unknown_feeds = tuple(sorted(set(promises) - {spec.feed for spec in SOURCES}))
    taken.update(str(promises[feed].get("file", "")) for feed in unknown_feeds)
    if strangers := sorted(set(names) - taken):
        warnings.append(f"{folder.name}: not looked at, since no feed has these names: {', '.join(strangers)}")
    return Delivery(folder, as_of, tuple(files), unknown_feeds, tuple(warnings))


def _as_of(folder: Path) -> date:
    if folder.is_symlink():
        raise SourceError(f"{folder}: a delivery must be a folder, not a symbolic link")
    if not (match := _FOLDER.fullmatch(folder.name)):
        raise SourceError(
            f"{folder}: the name of a delivery is <YYYY-MM-DD> or <YYYY-MM-DD>_<suffix>; rename it, or hide it with a dot"
        )
    try:
        return date.fromisoformat(match[1])
    except ValueError as problem:
        raise SourceError(f"{folder}: {match[1]} is no date; rename the folder") from problem


def _manifest(folder: Path) -> Mapping[str, Any]:
    path = folder / MANIFEST
    if path.is_symlink():
        raise SourceError(f"{path}: a manifest must be a file, not a symbolic link")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8-sig"), parse_float=Decimal)
    except (UnicodeDecodeError, ValueError, RecursionError) as problem:
        raise SourceError(f"{path}: it is not JSON; correct it, or take it away") from problem
    feeds = manifest.get("feeds") if isinstance(manifest, dict) else None
    if not isinstance(feeds, dict) or not all(isinstance(promise, dict) for promise in feeds.values()):
        raise SourceError(f'{path}: it must hold {{"feeds": {{"<feed>": {{...}}}}}}; correct it, or take it away')
    return dict(manifest)


def _file_name(folder: Path, spec: SourceSpec, names: list[str], promise: Mapping[str, Any] | None) -> str | None:
    """The feed's file in the folder; None where it has none."""
    if promise is not None and "file" in promise:
        name = promise["file"]
        if not isinstance(name, str) or Path(name).name != name or not name.endswith(_ENDINGS):
            raise SourceError(
                f"{folder / MANIFEST}: the file of {spec.feed} must be the plain name of a .csv or .csv.gz file in the folder"
            )
        if name not in names:
            raise SourceError(
                f"{folder}: the manifest names {name} for {spec.feed}, but there is no such file; ask the sender for it"
            )
        return name
    found = [name for ending in _ENDINGS if (name := spec.feed + ending) in names]
    if len(found) > 1:
        raise SourceError(f"{folder}: both {found[0]} and {found[1]} are there; take one away")
    if not found and promise is not None:
        raise SourceError(
            f"{folder}: the manifest promises {spec.feed}, but there is no such file; ask the sender for it"
        )
    return found[0] if found else None


def _delivered_file(folder: Path, spec: SourceSpec, name: str, promise: Mapping[str, Any]) -> DeliveredFile:
    path, told = folder / name, folder / MANIFEST
    if path.is_symlink() or not path.is_file():
        raise SourceError(f"{path}: a delivered file must be a plain file, not a link or folder")
    try:
        mode = Mode(promise.get("mode", spec.default_mode))
    except ValueError as problem:
        raise SourceError(f"{told}: the mode of {spec.feed} must be full or delta") from problem
    count = promise.get("record_count")
    if count is not None and (not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= _MOST):
        raise SourceError(f"{told}: the record_count of {spec.feed} must be a whole number")
    totals = promise.get("control_totals") or {}
    if not isinstance(totals, dict) or (strangers := set(totals) - set(spec.control_columns)):
        named = f" and not {', '.join(sorted(strangers))}" if isinstance(totals, dict) else ""
        raise SourceError(
            f"{told}: the control_totals of {spec.feed} may name {', '.join(spec.control_columns)}{named}"
        )
    replays = promise.get("replays")
    if replays is not None and (not isinstance(replays, str) or mode is not Mode.DELTA):
        raise SourceError(f"{told}: what corrects rejects names their file by its path, and its mode is delta")
    amounts = {column: _amount(told, column, text) for column, text in totals.items()}
    return DeliveredFile(spec, path, mode, count, amounts, replays)


def _amount(told: Path, column: str, text: object) -> Decimal:
    try:
        amount = Decimal(str(text))
    except InvalidOperation:
        amount = Decimal("NaN")
    if isinstance(text, bool) or not amount.is_finite() or abs(amount) > _MOST:
        raise SourceError(f"{told}: the control total of {column} must be an amount")
    return amount
