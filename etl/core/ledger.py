"""The ledger of runs and steps, written on a connection of its own: a rolled-back step leaves its failure on record."""

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Protocol

from psycopg import Connection, Error
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


class Watcher(Protocol):
    """Who else wants to know of each step: see `etl.lineage` and `etl.core.logs`."""

    def step_started(self, run_id: int, name: str) -> None:
        """A step begins."""

    def step_ended(self, run_id: int, name: str, counts: RowCounts, *, failed: bool) -> None:
        """It ended."""


# Sessions of this program that write: while we hold the run lock, these can only be of a run whose process is gone.
_LEFT_OVER = """
    SELECT DISTINCT activity.pid
    FROM pg_stat_activity AS activity
    INNER JOIN pg_locks AS held ON activity.pid = held.pid
    WHERE
        activity.datname = current_database()
        AND activity.application_name = current_setting('application_name')
        AND activity.pid <> pg_backend_pid()
        AND held.locktype = 'relation' AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND held.mode IN ('RowExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
"""
SECONDS_TO_END = 30
SECONDS_TO_SHOW = 3


class Ledger:
    """Writes runs and steps as they happen. *conn* must be in autocommit mode and used for nothing else.

    It holds the warehouse's run lock from `start_run` until its connection closes, however the process dies.
    """

    def __init__(self, conn: Connection[TupleRow]) -> None:
        self.conn = conn
        self.run_id = 0
        self.doing = "starting"
        self.watchers: list[Watcher] = []

    def start_run(self, mode: str) -> int:
        """Take the run lock and open a run; BusyError names the holder where another run has the lock."""
        deadline = time.monotonic() + SECONDS_TO_END
        soon = time.monotonic() + SECONDS_TO_SHOW
        while not self._locks():
            # Nobody's run: a session that is just closing, or one that has the lock and is about to say so.
            if self._is_unnamed() and time.monotonic() < soon:
                time.sleep(0.1)
                continue
            # The server notices a killed client only when it next looks up from its statement.
            if self._holder_is_dead() and time.monotonic() < deadline:
                time.sleep(0.1)
                continue
            raise BusyError(
                f"the warehouse is held by {self._holder()}; wait for it to end, then run the same command again"
            )
        self._end_left_over()
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
        # The first to wait for the disk waits for all that the publishing transaction has logged so far. What is noted of
        # the steps is on disk with whatever commits later and waits; the end of the run does.
        self.conn.execute("SET synchronous_commit = off")
        return self.run_id

    def _locks(self) -> bool:
        row = self.conn.execute("SELECT pg_try_advisory_lock(%s)", (RUN_LOCK,)).fetchone()
        return bool(row and row[0])

    def _is_unnamed(self) -> bool:
        row = self.conn.execute("SELECT EXISTS (SELECT FROM etl.run WHERE status = 'running')").fetchone()
        return not (row and row[0])

    def _holder_is_dead(self) -> bool:
        """Whether the holder was a process of this machine that is no more; of other machines nobody here can tell."""
        row = self.conn.execute(
            "SELECT holder FROM etl.run WHERE status = 'running' ORDER BY run_id DESC LIMIT 1"
        ).fetchone()
        host, _, pid = (row[0] if row else "").partition(" pid ")
        if host != socket.gethostname() or not pid.isdigit():
            return False
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False

    def _holder(self) -> str:
        """Who has the run lock, since when, and the last sign of life."""
        holder = self.conn.execute(
            "SELECT run_id, mode, holder, started_at, extract(epoch FROM clock_timestamp() - heartbeat_at)::bigint "
            "FROM etl.run WHERE status = 'running' ORDER BY run_id DESC LIMIT 1"
        ).fetchone()
        if not holder:
            return "another run"
        run_id, mode, where, since, silent = holder
        return f"run {run_id} ({mode}) on {where} since {since:%H:%M:%S} UTC, last sign of life {silent} s ago"

    def _end_left_over(self) -> None:
        """A killed process leaves its sessions to finish what they were told last: end them before anything is read."""
        deadline = time.monotonic() + SECONDS_TO_END
        # Again and again: a session that has just ended still clears its work tables away, and shows only then.
        while left := self.conn.execute(_LEFT_OVER).fetchall():
            if time.monotonic() > deadline:
                pids = ", ".join(str(row[0]) for row in left)
                raise BusyError(
                    f"a run that was killed still works on the server, in session {pids}; end it there, then run again"
                )
            for (pid,) in left:
                self.conn.execute("SELECT pg_terminate_backend(%s, 1000)", (pid,))

    def finish_run(self, *, failed: str | None = None) -> None:
        """Close the run: done, or failed for that reason. Where the server is gone, the next run notes it."""
        with contextlib.suppress(Error) if failed else contextlib.nullcontext():
            self.conn.execute("RESET synchronous_commit")
            self.conn.execute(
                "UPDATE etl.run SET status = %s, message = %s, finished_at = clock_timestamp(), "
                "heartbeat_at = clock_timestamp() WHERE run_id = %s",
                ("failed" if failed else "done", failed, self.run_id),
            )

    @contextmanager
    def step(self, name: str, stage: str) -> Iterator[RowCounts]:
        """Record one step; add what it did to the counts that are yielded. An exception is recorded and goes on."""
        self.doing = name
        row = self.conn.execute(
            "INSERT INTO etl.step_run (run_id, step_name, stage) VALUES (%s, %s, %s) RETURNING step_run_id",
            (self.run_id, name, stage),
        ).fetchone()
        assert row is not None
        counts = RowCounts()
        failed: str | None = None
        for watcher in self.watchers:
            watcher.step_started(self.run_id, name)
        try:
            yield counts
        except BaseException as error:
            # The type alone: a database error's text can quote a row.
            failed = type(error).__name__
            raise
        finally:
            for watcher in self.watchers:
                watcher.step_ended(self.run_id, name, counts, failed=failed is not None)
            # Where the server is gone, what failed first is the cause to tell; the next run notes the step's end.
            with contextlib.suppress(Error) if failed else contextlib.nullcontext():
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
