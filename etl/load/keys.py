"""Proof that no key comes twice in a file, from hashes of its keys, in constant memory. It saves the server a pass."""

import tempfile
from collections.abc import Iterator
from typing import IO

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
# Hashes held in memory; more go to a temporary file, and come back a range at a time.
HELD = 1 << 20


class KeyHashes:
    """The key hashes of a file's records. `complete`: each staged record's hash is among them."""

    def __init__(self, held: int = HELD) -> None:
        self.complete = True
        self._limit = held
        self._blocks: list[Hashes] = []
        self._held = 0
        self._spilled: IO[bytes] | None = None
        self._spilled_count = 0

    def add(self, hashes: Hashes) -> None:
        """Take in the hashes of some more records."""
        self._blocks.append(hashes)
        self._held += hashes.size
        if self._held > self._limit:
            if self._spilled is None:
                self._spilled = tempfile.TemporaryFile(prefix="aca-keys-")  # noqa: SIM115 - closed by `close`
            for block in self._blocks:
                self._spilled.write(block.tobytes())
            self._spilled_count += self._held
            self._blocks, self._held = [], 0

    def may_repeat(self) -> bool:
        """Can a key come twice? False is certain; True is for the server to look into."""
        if not self.complete:
            return True
        ranges = 1
        while ranges * self._limit < 2 * self._spilled_count:
            ranges *= 2
        return any(self._range_repeats(part, ranges) for part in range(ranges))

    def close(self) -> None:
        """Let go of the temporary file."""
        if self._spilled is not None:
            self._spilled.close()

    def _range_repeats(self, part: int, ranges: int) -> bool:
        """Does a hash come twice among those whose highest bits are *part*."""
        shift = np.uint64(64 - (ranges.bit_length() - 1))
        blocks = [block if ranges == 1 else block[(block >> shift) == part] for block in self._read()]
        found = np.concatenate(blocks) if blocks else np.empty(0, dtype=np.uint64)
        found.sort()
        return bool((found[1:] == found[:-1]).any())

    def _read(self) -> Iterator[Hashes]:
        yield from self._blocks
        if self._spilled is not None:
            self._spilled.seek(0)
            while found := self._spilled.read(8 * self._limit):
                yield np.frombuffer(found, dtype=np.uint64)
            self._spilled.seek(0, 2)
