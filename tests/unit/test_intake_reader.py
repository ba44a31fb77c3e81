"""Reading files: where records end never depends on how the file is read."""

import gzip
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl.core.errors import SourceError
from etl.extract import reader as reading
from etl.extract.dialect import fields, scan
from etl.extract.reader import Chunk, SourceReader
from tests import intake_oracle
from tests.intake_files import claims_file

LIMIT = 64


def read(path: Path, chunk_bytes: int, limit: int = LIMIT) -> list[Chunk]:
    with SourceReader(path) as source:
        return list(source.chunks(chunk_bytes, limit))


def records(chunks: list[Chunk], limit: int = LIMIT) -> list[tuple[int, str | None, bytes]]:
    """(record number, what is broken, raw) of all records, in order."""
    found = []
    for chunk in chunks:
        sound = list(scan(chunk.records, limit * 10, at_end=True))
        assert chunk.sound_count == len(sound)
        assert chunk.record_count == len(sound) + len(chunk.broken)
        found += [(chunk.number(place), None, chunk.records[cut.start : cut.end]) for place, cut in enumerate(sound)]
        found += [(broken.record_number, str(broken.reason), broken.raw) for broken in chunk.broken]
    return sorted(found)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=claims_file(), chunk_bytes=st.sampled_from([1, 2, 7, 31, 100, 1000, 1 << 20]))
def test_records_are_those_of_the_definition(tmp_path: Path, data: bytes, chunk_bytes: int) -> None:
    """Whatever the chunk size, the reader finds the records that a byte-by-byte reading finds."""
    path = tmp_path / "claims.csv"
    path.write_bytes(data)
    expected = [
        (number, broken, raw) for number, (broken, _, raw) in enumerate(intake_oracle.cut(data, LIMIT), start=1)
    ]

    found = records(read(path, chunk_bytes))

    assert expected == [(number, broken, raw) for number, broken, raw in found]


@settings(max_examples=200, deadline=None)
@given(data=claims_file())
def test_fields_are_those_of_the_definition(data: bytes) -> None:
    """The fields of each sound record are those that a byte-by-byte reading finds."""
    for broken, expected, raw in intake_oracle.cut(data, LIMIT):
        if broken is None:
            assert expected == fields(raw)


def test_gzip_reads_like_plain(tmp_path: Path) -> None:
    """A packed file has the same records as the plain one."""
    data = b"a,b\n" + b"".join(b'%d,"x\ny"\n' % n for n in range(1000))
    plain, packed = tmp_path / "claims.csv", tmp_path / "claims.csv.gz"
    plain.write_bytes(data)
    packed.write_bytes(gzip.compress(data))

    assert records(read(plain, 100)) == records(read(packed, 1000))


def test_truncated_gzip_is_refused(tmp_path: Path) -> None:
    """Half a gzip file is no file."""
    path = tmp_path / "claims.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + bytes(range(65, 91)) * 1000 + b"\n")[:-20])

    with pytest.raises(SourceError, match="no whole gzip file"):
        read(path, 100)


def test_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that unpacks to absurd size is refused before it fills anything."""
    monkeypatch.setattr(reading, "GZIP_RATIO_FREE", 1 << 20)
    path = tmp_path / "claims.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + b"1,1\n" * (8 << 20)))

    with pytest.raises(SourceError, match="unpacks to more than"):
        read(path, 1 << 16)


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"", "empty"), ("a,b\n".encode("utf-16"), "UTF-16"), (b"x" * 70000, "no line end")],
    ids=["empty", "utf_16", "one_endless_line"],
)
def test_file_without_header_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    """What has no header line in UTF-8 is refused with the reason."""
    path = tmp_path / "claims.csv"
    path.write_bytes(content)

    with pytest.raises(SourceError, match=why):
        read(path, 100)


def test_line_longer_than_the_buffer_is_one_broken_record(tmp_path: Path) -> None:
    """An endless line is skipped in constant memory, and the next record is found."""
    path = tmp_path / "claims.csv"
    path.write_bytes(b"a,b\n" + b"x" * 100_000 + b"\n1,2\n")

    assert [(1, "oversized_field", b"x" * LIMIT), (2, None, b"1,2")] == records(read(path, 128))
