"""Days of a large market that are made but not asked for yet, so that the next day costs next to nothing."""

import shutil
import zlib
from dataclasses import dataclass
from pathlib import Path

from scripts.seed_data import calendar
from scripts.seed_data.deliveries import STATE, Landing
from scripts.seed_data.market import FOLDER
from scripts.seed_data.options import Options

LARGE = 20_000  # members from which on it pays
DAYS = 20


@dataclass(frozen=True, slots=True)
class Ahead:
    """Deliveries kept ready in the hidden folder; of no use once the code, the parameters or the options change."""

    landing: Landing
    options: Options

    @property
    def folder(self) -> Path:
        """Where they are."""
        return self.landing.out / STATE / "ahead"

    @property
    def days(self) -> int:
        """How many days to make at once."""
        return DAYS if self.options.members >= LARGE else 1

    def take(self, as_of: tuple[int, ...], building: Path) -> bool:
        """Move these days to *building* if all are ready; otherwise leave nothing ready."""
        found = [self.folder / calendar.as_date(day).isoformat() for day in as_of]
        mark = self.folder / "mark"
        if mark.is_file() and mark.read_text() == self._mark() and all(path.is_dir() for path in found):
            for path in found:
                path.rename(building / path.name)
            return True
        shutil.rmtree(self.folder, ignore_errors=True)
        return False

    def keep(self, as_of: tuple[int, ...], building: Path) -> None:
        """Keep these days of *building* ready; the mark, written last, says that they are whole."""
        if not as_of:
            return
        self.folder.mkdir(parents=True)
        for day in as_of:
            name = calendar.as_date(day).isoformat()
            (building / name).rename(self.folder / name)
        (self.folder / "mark").write_text(self._mark())

    def _mark(self) -> str:
        """A mark of everything that decides a day's bytes."""
        options = (self.options.members, self.options.years, self.options.seed, self.options.first_year)
        mark = zlib.crc32(repr(options).encode())
        for path in sorted([*FOLDER.glob("*.toml"), *Path(__file__).parent.glob("*.py")]):
            mark = zlib.crc32(path.read_bytes(), mark)
        return f"{mark:08x}"
