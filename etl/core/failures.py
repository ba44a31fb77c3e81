"""What a failure of the database means for the operator, in one line that quotes no row and no statement."""

import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psycopg
from psycopg import errors

from etl.core.errors import ConfigError, ConnectionLost, EtlError, StepFailed

AGAIN = "Nothing of this run is published; run the same command again"
PAUSES = (1.0, 3.0, 9.0)

# The server ended the session, is on its way down or up, or chose us to end a deadlock: the same again may well succeed.
_PASSING = (
    errors.AdminShutdown,
    errors.CrashShutdown,
    errors.CannotConnectNow,
    errors.DeadlockDetected,
    errors.SerializationFailure,
)
_MEANING: tuple[tuple[type[psycopg.Error], type[EtlError], str], ...] = (
    (errors.DiskFull, ConfigError, "the disk of the database server is full: make room there"),
    (errors.TooManyConnections, ConfigError, "the server has no connection left: end others, or raise max_connections"),
    (errors.OutOfMemory, ConfigError, "the server is out of memory or locks: give it more, or lower ACA_WORKERS"),
    (errors.ConfigurationLimitExceeded, ConfigError, "a limit of the server's settings is reached"),
    (
        errors.LockNotAvailable,
        StepFailed,
        "others held a lock for too long (ACA_LOCK_TIMEOUT): see who works on the tables",
    ),
    (errors.QueryCanceled, StepFailed, "a statement was cancelled, or took too long (ACA_STATEMENT_TIMEOUT)"),
    (errors.InsufficientPrivilege, ConfigError, "this database user may not do that: correct its rights"),
    (errors.ReadOnlySqlTransaction, ConfigError, "the server is read-only: DATABASE_URL names a standby"),
    (errors.UndefinedTable, ConfigError, "the schema is old or not ours: make migrate brings it"),
    (errors.UndefinedColumn, ConfigError, "the schema is old or not ours: make migrate brings it"),
)

Result = TypeVar("Result")


def explained(problem: psycopg.Error, doing: str) -> EtlError:
    """The error to end with where the database failed while *doing*. The server's own words stay out: they may quote a row."""
    for kind, error, meaning in _MEANING:
        if isinstance(problem, kind):
            return error(f"{doing}: {meaning}. {AGAIN}")
    if isinstance(problem, _PASSING) or (problem.sqlstate or "08").startswith("08"):
        return ConnectionLost(
            f"{doing}: the database server went away ({type(problem).__name__}); its log says why, often a full disk. {AGAIN}"
        )
    # Names of tables and constraints are ours, values are not in them.
    at = " ".join(part for part in (problem.diag.table_name, problem.diag.constraint_name) if part)
    where = f" at {at}" if at else ""
    return StepFailed(
        f"{doing}: the database refused it{where} ({type(problem).__name__}, SQLSTATE {problem.sqlstate}). "
        f"{AGAIN}; ACA_DEBUG=1 shows the stack"
    )


def unexpected(problem: Exception) -> str:
    """One line on an error that is ours to mend: its kind and place. Its text stays out, since it may quote a row."""
    if isinstance(problem, psycopg.Error):
        return str(explained(problem, "the database"))
    frames = [frame for frame in traceback.extract_tb(problem.__traceback__) if "site-packages" not in frame.filename]
    at = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno} in {frames[-1].name}" if frames else ""
    if isinstance(problem, OSError) and problem.strerror:
        at = f" ({problem.strerror}{f': {problem.filename}' if problem.filename else ''}){at}"
    return f"unexpected {type(problem).__name__}{at}. {AGAIN}; ACA_DEBUG=1 shows the stack"


def persistently(
    work: Callable[[], Result], *, told: Callable[[str], object], pauses: tuple[float, ...] = PAUSES
) -> Result:
    """Do *work*; where the server went away, tell so, wait longer each time, and do it again from its start.

    Only for work that may be done twice. The last ConnectionLost is raised when all pauses are used up.
    """
    for pause in pauses:
        try:
            return work()
        except ConnectionLost as problem:
            told(f"{problem} - doing so by itself in {pause:.0f} s")
            time.sleep(pause)
    return work()
