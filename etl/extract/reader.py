"""Read a delivered file as chunks of whole records, in constant memory: header, BOM, gzip, record ends."""

import gzip
import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from types import TracebackType
from typing import Protocol

from etl.core.errors import SourceError
from etl.extract.cut import cut_sound
from etl.extract.dialect import Broken, scan

BOM = b"\xef\xbb\xbf"
HEADER_LIMIT = 1 << 16
# Deflate cannot do better than 1032 to 1; real CSV stays below 50. What is denser is a bomb or an empty pattern.
GZIP_RATIO_LIMIT = 500
GZIP_RATIO_FREE = 64 << 20
_BLANK_LINES = re.compile(rb"(?:\r?\n)*")


@dataclass(frozen=True, slots=True)
class BrokenRecord:
    """A record whose fields cannot be told apart: the line it began on."""

    record_number: int
    reason: Broken
    raw: bytes


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive records of a file. `records` holds the sound ones, each ended by one LF.

    `numbers` gives the record number of each of them; None: they are consecutive from `first_record_number`.
    """

    first_record_number: int
    record_count: int
    records: bytes
    sound_count: int
    numbers: tuple[int, ...] | None = None
    broken: tuple[BrokenRecord, ...] = ()

    def number(self, place: int) -> int:
        """The record number of the sound record at that place."""
        return self.numbers[place] if self.numbers is not None else self.first_record_number + place


class Digest(Protocol):
    """What takes in bytes one block after the other, such as a hash."""

    def update(self, block: bytes, /) -> object:
        """Take in the next block."""


class _Digested(io.BufferedReader):
    """A file whose bytes go through a digest as they are read, from first to last."""

    def __init__(self, path: Path, digest: Digest) -> None:
        super().__init__(io.FileIO(path))
        self._digest = digest

    def read(self, size: int | None = -1, /) -> bytes:
        block = super().read(size)
        self._digest.update(block)
        return block


class SourceReader:
    """One file, opened for one pass: `header` first, then `chunks()`. Use it in a `with`.

    Once the chunks are read to their end, *digest* has seen all bytes of the file as they are on disk.
    """

    def __init__(self, path: Path, digest: Digest | None = None) -> None:
        self.path = path
        self._packed: io.BufferedIOBase | None = None
        self._unpacked_bytes = 0
        try:
            self._file: io.BufferedIOBase = path.open("rb") if digest is None else _Digested(path, digest)
        except OSError as problem:
            raise SourceError(
                f"{path}: cannot be read ({problem.strerror}); correct its rights, or bring it again"
            ) from problem
        if path.name.endswith(".gz"):
            self._packed = self._file
            self._file = gzip.GzipFile(fileobj=self._packed)
        try:
            self.header, self._rest = self._read_header()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "SourceReader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        if self._packed is not None:
            self._packed.close()

    def _read(self, size: int) -> bytes:
        try:
            found = self._file.read(size)
        except (OSError, EOFError, zlib.error) as problem:
            if self._packed is None:
                raise SourceError(f"{self.path}: reading it failed ({problem}); bring it again") from problem
            raise SourceError(
                f"{self.path}: it is no whole gzip file ({problem}); ask the sender for it again"
            ) from problem
        self._unpacked_bytes += len(found)
        if (
            self._packed is not None
            and self._unpacked_bytes > GZIP_RATIO_FREE
            and self._unpacked_bytes > GZIP_RATIO_LIMIT * max(self._packed.tell(), 1)
        ):
            raise SourceError(
                f"{self.path}: it unpacks to more than {GZIP_RATIO_LIMIT} times its size; unpack it to take it in"
            )
        return found

    def _read_header(self) -> tuple[bytes, bytes]:
        """The header line without BOM and line end, and what was read behind it."""
        start = self._read(HEADER_LIMIT)
        if not start:
            raise SourceError(f"{self.path}: the file is empty, not even a header; ask the sender for it again")
        if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise SourceError(f"{self.path}: it is UTF-16, not UTF-8; ask the sender for UTF-8")
        start = start.removeprefix(BOM)
        line, ended, rest = start.partition(b"\n")
        if not ended and len(start) >= HEADER_LIMIT - len(BOM):
            raise SourceError(f"{self.path}: no line end in its first {HEADER_LIMIT} bytes, so there is no header")
        return line.removesuffix(b"\r"), rest

    def chunks(self, chunk_bytes: int, limit: int) -> Iterator[Chunk]:
        """Cut the records into chunks of about *chunk_bytes*; fields of up to *limit* bytes.

        Which records there are, and their numbers, does not depend on *chunk_bytes*.
        """
        carried, self._rest = self._rest, b""
        next_number, at_end, skipping = 1, False, False
        while not at_end:
            wanted = max(chunk_bytes - len(carried), chunk_bytes // 2, 1)
            fresh = self._read(wanted)
            at_end = not fresh
            if skipping:
                _, ended, fresh = fresh.partition(b"\n")
                if not ended:
                    continue
                skipping = False
            buffer = carried + fresh if carried else fresh
            if at_end and buffer and not buffer.endswith(b"\n"):
                buffer += b"\n"
            chunk, consumed, skipping = _cut(buffer, next_number, limit, at_end=at_end)
            carried = buffer[consumed:]
            # Whoever has the chunk needs the room.
            fresh = buffer = b""
            if chunk is not None:
                next_number += chunk.record_count
                yield chunk
                del chunk


# Where doubts are close together, this many records are cut by definition before numpy is asked again.
_PATIENCE = 64
_WINDOW = 1 << 17


def _cut(buffer: bytes, first: int, limit: int, *, at_end: bool) -> tuple[Chunk | None, int, bool]:
    """The chunk at the start of *buffer*, the bytes it took, and whether the rest of its last line must be skipped."""
    consumed, number, skipping = 0, first, False
    parts: list[bytes] = []
    numbers: list[range] = []
    broken: list[BrokenRecord] = []
    while consumed < len(buffer) and not skipping:
        # Among quotes, what stands behind the first doubt would be looked at in vain.
        window = _WINDOW if buffer.find(b'"', consumed) >= 0 else len(buffer)
        sound = cut_sound(buffer[consumed : consumed + window] if consumed or window < len(buffer) else buffer, limit)
        if sound is not None:
            parts.append(sound.records)
            numbers.append(range(number, number + sound.record_count))
            number += sound.record_count
            consumed += sound.consumed
            if sound.record_count >= _PATIENCE:
                continue
        # Nothing can be decided without a line end, or more than a field may have.
        if not at_end and len(buffer) - consumed <= limit and buffer.find(b"\n", consumed) < 0:
            break
        decided = consumed
        for cut in islice(scan(buffer, limit, at_end=at_end, start=consumed), _PATIENCE):
            if cut.broken is None:
                parts.append(buffer[cut.start : cut.end] + b"\n")
                numbers.append(range(number, number + 1))
            else:
                broken.append(BrokenRecord(number, cut.broken, buffer[cut.start : cut.end]))
            number += 1
            skipping = cut.following is None
            decided = len(buffer) if cut.following is None else cut.following
        if blank := _BLANK_LINES.match(buffer, decided):
            decided = blank.end()
        if decided == consumed:
            break
        consumed = decided
    if number == first:
        return None, consumed, skipping
    records = parts[0] if len(parts) == 1 else b"".join(parts)
    known = tuple(chain.from_iterable(numbers)) if broken else None
    chunk = Chunk(first, number - first, records, sum(map(len, numbers)), known, tuple(broken))
    return chunk, consumed, skipping
