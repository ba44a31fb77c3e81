"""The sign of life of a run: others that wait for the warehouse can tell slow from dead."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from etl.core.database import connect

SECONDS = 5.0


@contextmanager
def heartbeat(url: str, run_id: int, *, seconds: float = SECONDS) -> Iterator[None]:
    """While the block lasts, write the time into the run's row every *seconds*, on a connection of its own.

    A run that is shorter opens no connection. A beat that cannot be written is left out: the run is what matters.
    """
    done = threading.Event()
    thread = threading.Thread(target=_beat, args=(url, run_id, seconds, done), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _beat(url: str, run_id: int, seconds: float, done: threading.Event) -> None:
    import psycopg

    from etl.core.errors import EtlError

    while not done.wait(seconds):
        try:
            with connect(url, autocommit=True, application_name="aca-heartbeat") as conn:
                while True:
                    conn.execute("UPDATE etl.run SET heartbeat_at = clock_timestamp() WHERE run_id = %s", (run_id,))
                    if done.wait(seconds):
                        return
        except (psycopg.Error, EtlError):
            continue
