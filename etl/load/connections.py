"""The connections that the workers of an intake share."""

import os
import queue
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from etl.core.database import connect
from etl.load.target import Conn


def _send_more_at_once(conn: Conn) -> None:
    """Let more wait in the socket: each time it is full our thread goes to sleep, and has to be woken."""
    with socket.socket(fileno=os.dup(conn.fileno())) as line:
        if line.family == socket.AF_UNIX:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)


class Connections:
    """As many connections as there are workers, opened when first needed, closed together."""

    def __init__(self, url: str, size: int) -> None:
        self.size = size
        self._url = url
        self._free: queue.LifoQueue[Conn | None] = queue.LifoQueue()
        self._open: list[Conn] = []
        # One more for whoever hands out the work.
        for _ in range(size + 1):
            self._free.put(None)

    def __enter__(self) -> "Connections":
        return self

    def __exit__(self, *_: object) -> None:
        for conn in self._open:
            conn.close()

    @contextmanager
    def one(self) -> Iterator[Conn]:
        """A connection in autocommit mode, for as long as the block lasts."""
        conn = self._free.get()
        try:
            if conn is None:
                conn = connect(self._url, autocommit=True)
                _send_more_at_once(conn)
                self._open.append(conn)
                # Losing the last chunks in a crash is no loss: the load is not marked staged, and is staged again.
                conn.execute("SET synchronous_commit = off; SET work_mem = '256MB'; SET temp_buffers = '64MB'")
            yield conn
        finally:
            self._free.put(conn)
