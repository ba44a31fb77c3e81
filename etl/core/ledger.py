"""The ledger of runs and steps, written on a connection of its own: a rolled-back step leaves its failure on record."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields

from psycopg import Connection
from psycopg.rows import TupleRow

from etl.core.errors import BusyError

# One number for "a run works on this warehouse", the same in every version of this program.
RUN_LOCK = 4_202_611


@dataclass(slots=True)
class RowCounts:
    """What a step did to its table, in rows."""

    read: int = 0
    inserted: int = 0
    updated: int = 0
    deleted: int = 0

    def __add__(self, other: "RowCounts") -> "RowCounts":
        """Both together."""
        return RowCounts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @property
    def changed(self) -> int:
        """Rows written."""
        return self.inserted + self.updated + self.deleted


class Ledger:
    """Writes runs and steps as they happen. *conn* must be in autocommit mode and used for nothing else.

    It holds the warehouse's run lock from `start_run` until its connection closes, however the process dies.
    """

    def __init__(self, conn: Connection[TupleRow]) -> None:
        self.conn = conn
        self.run_id = 0

    def start_run(self, mode: str) -> int:
        """Take the run lock and open a run; BusyError names the holder where another run has the lock."""
        locked = self.conn.execute("SELECT pg_try_advisory_lock(%s)", (RUN_LOCK,)).fetchone()
        if not locked or not locked[0]:
            holder = self.conn.execute(
                "SELECT run_id, mode, holder, started_at FROM etl.run WHERE status = 'running' "
                "ORDER BY run_id DESC LIMIT 1"
            ).fetchone()
            who = f"run {holder[0]} ({holder[1]}) on {holder[2]} since {holder[3]:%H:%M:%S}" if holder else "another run"
            raise BusyError(f"the warehouse is held by {who}; wait for it to end, then run the same command again")
        # Whoever held the lock before is gone: its runs and steps did not finish.
        self.conn.execute(
            "UPDATE etl.run SET status = 'failed', message = 'killed: no sign of its end' WHERE status = 'running'"
        )
        self.conn.execute(
            "UPDATE etl.step_run SET status = 'failed', message = 'killed: no sign of its end' WHERE status = 'running'"
        )
        row = self.conn.execute(
            "INSERT INTO etl.run (mode, holder) VALUES (%s, %s) RETURNING run_id",
            (mode, f"{socket.gethostname()} pid {os.getpid()}"),
        ).fetchone()
        assert row is not None
        self.run_id = row[0]
        return self.run_id

    def finish_run(self, *, failed: str | None = None) -> None:
        """Close the run: done, or failed for that reason."""
        self.conn.execute(
            "UPDATE etl.run SET status = %s, message = %s, finished_at = clock_timestamp() WHERE run_id = %s",
            ("failed" if failed else "done", failed, self.run_id),
        )

    @contextmanager
    def step(self, name: str, stage: str) -> Iterator[RowCounts]:
        """Record one step; add what it did to the counts that are yielded. An exception is recorded and goes on."""
        row = self.conn.execute(
            "INSERT INTO etl.step_run (run_id, step_name, stage) VALUES (%s, %s, %s) RETURNING step_run_id",
            (self.run_id, name, stage),
        ).fetchone()
        assert row is not None
        counts = RowCounts()
        failed: str | None = None
        try:
            yield counts
        except BaseException as error:
            # The type alone: a database error's text can quote a row.
            failed = type(error).__name__
            raise
        finally:
            if not self.conn.closed:
                self.conn.execute(
                    "UPDATE etl.step_run SET status = %s, message = %s, finished_at = clock_timestamp(), read_count = %s, "
                    "inserted_count = %s, updated_count = %s, deleted_count = %s WHERE step_run_id = %s",
                    (
                        "failed" if failed else "done",
                        failed,
                        counts.read,
                        counts.inserted,
                        counts.updated,
                        counts.deleted,
                        row[0],
                    ),
                )
