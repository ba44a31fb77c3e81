"""Connections: which server, the session settings each connection gets, and clear words when there is none."""

import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from etl.core.errors import ConfigError
from etl.core.postgres_binaries import LEAST_MAJOR
from etl.core.settings import SCHEMAS, Settings

if TYPE_CHECKING:
    import psycopg
    from psycopg_pool import ConnectionPool

    Connection = psycopg.Connection[tuple[Any, ...]]

APPLICATION = "aca-warehouse"
WAIT_SECONDS = 30.0
SESSION = {
    "client_encoding": "UTF8",
    "DateStyle": "ISO, YMD",
    "TimeZone": "UTC",
    "search_path": ", ".join((*SCHEMAS, "public")),
    # A client whose machine is gone is noticed in a minute, and what it held is free again.
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}

# What waiting does not mend. Everything else may be a server on its way up.
_PERMANENT = (
    "authentication failed",
    "no password supplied",
    "pg_hba.conf",
    "does not exist",
    "permission denied",
    "not permitted to log in",
    "not currently accepting connections",
    "could not translate host name",
    "Name or service not known",
    "nodename nor servname",
    "does not support SSL",
    "certificate",
)
_FORM = "postgresql://user:password@host:port/database"


def database_url(settings: Settings) -> str:
    """The address of the warehouse: `DATABASE_URL`, or the embedded server's, which is started if it does not run."""
    if settings.database_url:
        return settings.database_url
    from etl.core.embedded import EmbeddedServer

    return EmbeddedServer(settings.postgres_home, binaries=settings.pg_bin).start()


def connect(url: str, *, autocommit: bool = False, application_name: str = APPLICATION) -> "Connection":
    """Open a connection with our session settings, waiting for a server that is on its way up.

    It waits 30 s, or as long as `connect_timeout` in the address says; a refusal that waiting cannot mend is told at
    once. The password is in no message.
    """
    import psycopg

    parts = _parts(url)
    limit = parts.get("connect_timeout") or os.environ.get("PGCONNECT_TIMEOUT") or ""
    wait = float(limit) if limit.isdigit() else WAIT_SECONDS
    deadline = time.monotonic() + wait
    pause = 0.05
    while True:
        try:
            conn = psycopg.connect(
                url, autocommit=True, application_name=application_name, connect_timeout=max(2, int(wait))
            )
            break
        except psycopg.OperationalError as problem:
            if _is_permanent(problem) or time.monotonic() + pause > deadline:
                raise ConfigError(_refusal(parts, problem)) from None
        # The random part keeps many connections from knocking in step.
        time.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - guards nothing
        pause = min(pause * 2, 2.0)
    try:
        prepare_session(conn)
    except BaseException:
        conn.close()
        raise
    conn.autocommit = autocommit
    return conn


def prepare_session(conn: "Connection") -> None:
    """Make dates, time zone, encoding and schema order the same on every server, and refuse a server that is too old."""
    version = conn.info.server_version
    if version < LEAST_MAJOR * 10000:
        raise ConfigError(
            f"the server is PostgreSQL {version // 10000} and {LEAST_MAJOR} or newer is needed: "
            "set DATABASE_URL to another server"
        )
    conn.execute(
        "SELECT set_config(name, value, false) FROM unnest(%s::text[], %s::text[]) AS setting (name, value)",
        [list(SESSION), list(SESSION.values())],
    )
    if not conn.autocommit:
        conn.commit()


@contextmanager
def local_settings(conn: "Connection", **settings: str) -> Iterator[None]:
    """Other server settings for the statements of the block, in the caller's transaction; then those of before again."""
    query = "SELECT name, current_setting(name), set_config(name, value, true) FROM unnest(%s::text[], %s::text[]) AS s (name, value)"
    before = {name: value for name, value, _ in conn.execute(query, (list(settings), list(settings.values())))}
    yield
    conn.execute(query, (list(before), list(before.values())))


def column_names(conn: "Connection", table: str) -> list[str]:
    """The columns of a table or view, in their order; none where there is no such table."""
    rows = conn.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped "
        "ORDER BY attnum",
        (table,),
    )
    return [name for (name,) in rows]


def open_pool(url: str, size: int, *, application_name: str = APPLICATION) -> "ConnectionPool[Connection]":
    """Open *size* connections to share between threads; the caller closes the pool, best by `with`."""
    from psycopg_pool import ConnectionPool

    # The first connection tells what is wrong in our words; the pool would only time out.
    connect(url, application_name=application_name).close()
    pool: ConnectionPool[Connection] = ConnectionPool(
        url,
        min_size=size,
        max_size=size,
        kwargs={"application_name": application_name},
        configure=prepare_session,
        check=ConnectionPool.check_connection,
        name=application_name,
        open=False,
    )
    pool.open(wait=True, timeout=WAIT_SECONDS)
    return pool


def with_timeouts(url: str, settings: Settings) -> str:
    """The same address, for connections whose statements and waits for locks end as *settings* say."""
    from psycopg.conninfo import make_conninfo

    limits = f"-c statement_timeout={settings.statement_timeout}s -c lock_timeout={settings.lock_timeout}s"
    return make_conninfo(url, options=f"{_parts(url).get('options', '')} {limits}".strip())


def redacted(url: str) -> str:
    """Who and where, for people to read: never the password."""
    return _redacted(_parts(url))


def _redacted(parts: dict[str, str]) -> str:
    user, host = parts.get("user") or "you", parts.get("host") or parts.get("hostaddr") or "localhost"
    return f"database {parts.get('dbname') or user} at {host} port {parts.get('port') or 5432} as {user}"


def _parts(url: str) -> dict[str, str]:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    try:
        return {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    except psycopg.ProgrammingError:
        # Its text would quote the address, and so the password.
        raise ConfigError(f"DATABASE_URL is not a PostgreSQL address of the form {_FORM}") from None


def _is_permanent(problem: "psycopg.OperationalError") -> bool:
    text = str(problem)
    # A socket's "does the server run?" is about a missing file, which a starting server will make.
    return any(word in text for word in _PERMANENT) and "No such file" not in text


def _refusal(parts: dict[str, str], problem: "psycopg.OperationalError") -> str:
    """One line: what was refused, why, and what to do."""
    text = " ".join(str(problem).split())
    if password := parts.get("password"):
        text = text.replace(password, "***")
    where = _redacted(parts)
    if "authentication failed" in text or "no password supplied" in text:
        return f"{where}: the server refuses the user or password; correct DATABASE_URL ({_FORM})"
    if "database" in text and "does not exist" in text:
        return f"{where}: there is no such database; create it, or correct DATABASE_URL ({_FORM})"
    if "too many clients" in text or "connection slots" in text or "too many connections" in text:
        return f"{where}: the server has no connection left; end others, raise max_connections, or lower ACA_WORKERS"
    cause = text.split(" Is the server running")[0]
    return f"{where}: no connection ({cause}); start that server, or correct DATABASE_URL ({_FORM})"
