"""One run of a command on the warehouse: the lock, the ledger, the heartbeat, and how it ended, in one `with`."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from etl.core.database import connect
from etl.core.errors import EtlError
from etl.core.failures import explained
from etl.core.heartbeat import heartbeat
from etl.core.ledger import Ledger


@contextmanager
def open_run(url: str, mode: str) -> Iterator[Ledger]:
    """Hold the warehouse for the block and record how it ends; BusyError where another run holds it.

    What the database refuses in the block is raised as an EtlError that quotes no row, ConnectionLost among them.
    """
    doing = "the ledger"
    try:
        with connect(url, autocommit=True) as conn:
            ledger = Ledger(conn)
            ledger.start_run(mode)
            failed: str | None = "stopped"
            try:
                with heartbeat(url, ledger.run_id):
                    yield ledger
                failed = None
            except psycopg.Error as problem:
                failed, doing = type(problem).__name__, ledger.doing
                raise
            except Exception as problem:
                # Our own errors say what to do and hold no row; others are named by their kind alone.
                failed = str(problem) if isinstance(problem, EtlError) else type(problem).__name__
                raise
            finally:
                ledger.finish_run(failed=failed)
    except psycopg.Error as problem:
        raise explained(problem, doing) from problem
