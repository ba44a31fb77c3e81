"""Proof that no key comes twice in a file, from hashes of its keys, in constant memory. It saves the server a pass."""

import tempfile
from collections.abc import Iterable, Iterator
from typing import IO

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
# Hashes held in memory; more go to a temporary file, sorted, and come back a range at a time.
HELD = 1 << 19
# Ranges are told by this many of the highest bits.
RANGE_BITS = 12
_SHIFT = np.uint64(64 - RANGE_BITS)


class KeyHashes:
    """The key hashes of a file's records. `complete`: each staged record's hash is among them."""

    def __init__(self, held: int = HELD) -> None:
        self.complete = True
        self._limit = held
        self._blocks: list[Hashes] = []
        self._held = 0
        self._spilled: IO[bytes] | None = None
        # For each block in the file: at which of all hashes in it each range begins, and where the last one ends.
        self._bounds: list[NDArray[np.int64]] = []

    def add(self, hashes: Hashes) -> None:
        """Take in the hashes of some more records."""
        self._blocks.append(hashes)
        self._held += hashes.size
        if self._held > self._limit:
            self._spill()

    def may_repeat(self) -> bool:
        """Can a key come twice? False is certain; True is for the server to look into."""
        if not self.complete:
            return True
        if self._spilled is None:
            return _repeats(self._blocks)
        self._spill()
        count, step = int(self._bounds[-1][-1]), 1 << RANGE_BITS
        while step > 1 and 2 * count * step > self._limit << RANGE_BITS:
            step //= 2
        return any(_repeats(self._range(first, first + step)) for first in range(0, 1 << RANGE_BITS, step))

    def close(self) -> None:
        """Let go of the temporary file."""
        if self._spilled is not None:
            self._spilled.close()

    def _spill(self) -> None:
        if self._spilled is None:
            self._spilled = tempfile.TemporaryFile(prefix="aca-keys-")  # noqa: SIM115 - closed by `close`
        block = np.concatenate([np.empty(0, dtype=np.uint64), *self._blocks])
        block.sort()
        before = self._bounds[-1][-1] if self._bounds else 0
        starts = np.searchsorted(block, np.arange(1 << RANGE_BITS, dtype=np.uint64) << _SHIFT)
        self._bounds.append(before + np.append(starts, block.size))
        self._spilled.write(block.data)
        self._blocks, self._held = [], 0

    def _range(self, first: int, behind: int) -> Iterator[Hashes]:
        """The hashes whose highest bits are from *first* on, to *behind*, which is not among them."""
        assert self._spilled is not None
        for bounds in self._bounds:
            self._spilled.seek(8 * int(bounds[first]))
            yield np.frombuffer(self._spilled.read(8 * int(bounds[behind] - bounds[first])), dtype=np.uint64)


def _repeats(blocks: Iterable[Hashes]) -> bool:
    """Does a hash come twice in all of them together."""
    found = np.concatenate([np.empty(0, dtype=np.uint64), *blocks])
    found.sort()
    return bool((found[1:] == found[:-1]).any())
