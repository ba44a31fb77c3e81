"""What a run of the generator is asked for, and the error it ends with when it cannot."""

from dataclasses import dataclass
from pathlib import Path

BLOCK_MEMBERS = 2_500  # members simulated together; a constant, so that bytes never depend on the machine


class SeedDataError(Exception):
    """A request that cannot be met; its text is one line and names the way out."""


@dataclass(frozen=True, slots=True)
class Options:
    """The parameters that decide every byte of the history."""

    members: int
    years: int
    seed: int
    first_year: int
    out: Path

    @property
    def end_year(self) -> int:
        """The year whose January 1 is the last delivery of the history."""
        return self.first_year + self.years

    @property
    def blocks(self) -> int:
        """Number of blocks the population is cut into."""
        return -(-self.members // BLOCK_MEMBERS)

    def block_members(self, block: int) -> int:
        """Members that block *block* is to hold at any time."""
        return min(BLOCK_MEMBERS, self.members - block * BLOCK_MEMBERS)
