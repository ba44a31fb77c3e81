"""One hash per observed row, computed by streaming it through the client: COPY out, xxh3_128, binary COPY back."""

import struct
from binascii import hexlify
from collections.abc import Generator, Iterable, Iterator

import xxhash
from psycopg import Connection, pq, sql
from psycopg.abc import Buffer
from psycopg.errors import error_from_result
from psycopg.rows import TupleRow

HASH_VERSION = 1
_BINARY_HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
_BINARY_TRAILER = struct.pack("!h", -1)
_LAST_IS_NULL = b"\t\\N"
_FLUSH_BYTES = 1 << 20
# Small, so that neither of two servers waits long for the other.
_PIPE_BYTES = 1 << 14


def row_hash(row: bytes) -> bytes:
    """The 16 bytes that stand for *row*, columns as COPY's text format writes them; trailing NULLs do not count.

    So a column added at the end that is NULL everywhere changes no hash, and NULL differs from the empty text.
    """
    while row.endswith(_LAST_IS_NULL):
        row = row[:-3]
    return xxhash.xxh3_128_digest(row)


def hash_rows(conn: Connection[TupleRow], query: sql.Composable, target: sql.Composable, overwritten_count: int) -> int:
    """Fill *target* (load_id, record_number, row_hash, overwritten_hash) from *query*; how many rows it was.

    *query* gives load_id, record_number, the versioned columns, then the *overwritten_count* overwritten ones. Two
    connections are not needed: the rows are read whole into blocks of hashes, 52 bytes a row, before they are sent back.
    """
    blocks = list(_hashed(conn, query, overwritten_count))
    with conn.cursor() as cursor, cursor.copy(sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(target)) as copy:
        copy.write(_BINARY_HEADER)
        for block, _ in blocks:
            copy.write(block)
        copy.write(_BINARY_TRAILER)
    return sum(count for _, count in blocks)


def with_hashes(lines: Iterable[Buffer], overwritten_count: int, other_count: int, constants: bytes) -> Iterator[bytes]:
    """Blocks of COPY text: the two hashes, the *constants* if there are any, then the line as it came.

    A line holds the versioned columns, the *overwritten_count* overwritten ones, and *other_count* others, at least one.
    """
    # Half a million times: what `row_hash` does is written out, and nothing is looked up twice.
    digest, in_hex, empty, tab = xxhash.xxh3_128_digest, hexlify, _LAST_IS_NULL, b"\t"
    same = b"\t" + constants + b"\t" if constants else tab
    block: list[bytes] = []
    size, add = 0, block.extend
    for buffer in lines:
        line = bytes(buffer)
        hashed = line.rsplit(tab, other_count)[0]
        versioned = hashed.rsplit(tab, overwritten_count)[0] if overwritten_count else hashed
        overwritten = hashed[len(versioned) + 1 :]
        while versioned.endswith(empty):
            versioned = versioned[:-3]
        while overwritten.endswith(empty):
            overwritten = overwritten[:-3]
        add((in_hex(digest(versioned)), tab, in_hex(digest(overwritten)), same, line))
        size += len(line)
        if size > _PIPE_BYTES:
            yield b"".join(block)
            block.clear()
            size = 0
    yield b"".join(block)


def copied_rows(conn: Connection[TupleRow], query: sql.Composed) -> Generator[Buffer]:
    """The rows of `COPY (...) TO STDOUT`, as psycopg's own loop gives them, at a third of its price.

    That asks after each row whether to wait; here what has arrived is taken from libpq at once.
    """
    with conn.cursor() as cursor, cursor.copy(query) as copy:
        take, count = conn.pgconn.get_copy_data, 0
        while count >= 0 and (row := copy.read()):
            yield row
            count, row = take(1)
            while count > 0:
                yield row
                count, row = take(1)
    # The last of them told that it was; how it ended is there to be fetched, all of it, before anything else is sent.
    for result in list(iter(conn.pgconn.get_result, None)) if count < 0 else ():
        if result.status != pq.ExecStatus.COMMAND_OK:
            raise error_from_result(result)


def _hashed(conn: Connection[TupleRow], query: sql.Composable, overwritten_count: int) -> Iterator[tuple[bytes, int]]:
    pack = struct.Struct("!hiqiqi16si16s").pack
    digest = row_hash
    block: list[bytes] = []
    for line in copied_rows(conn, sql.SQL("COPY ({}) TO STDOUT").format(query)):
        load_id, record_number, row = bytes(line)[:-1].split(b"\t", 2)
        versioned, *overwritten = row.rsplit(b"\t", overwritten_count) if overwritten_count else (row,)
        hashes = digest(versioned), digest(b"\t".join(overwritten))
        block.append(pack(4, 8, int(load_id), 8, int(record_number), 16, hashes[0], 16, hashes[1]))
        if len(block) * 52 >= _FLUSH_BYTES:
            yield b"".join(block), len(block)
            block.clear()
    if block:
        yield b"".join(block), len(block)
