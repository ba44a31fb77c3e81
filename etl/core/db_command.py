"""The database by hand, behind `make db-*` and `make psql`: up, down, status, url, psql, reset."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from etl.core.database import APPLICATION, connect, database_url, redacted
from etl.core.embedded import EmbeddedServer
from etl.core.errors import ConfigError, EtlError, Exit
from etl.core.postgres_binaries import find_psql
from etl.core.settings import SCHEMAS, VIEW_SCHEMAS, Settings

EXTERNAL = "DATABASE_URL is set, so the server is not ours: nothing to do"


def main(words: Sequence[str] | None = None) -> int:
    """Do what the command line says; answers the exit code."""
    parser = argparse.ArgumentParser(prog="python -m etl.core.db_command", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for action, (_, help_text) in _ACTIONS.items():
        each = actions.add_parser(action, help=help_text, description=help_text)
        if action == "reset":
            each.add_argument("--yes", action="store_true", help="do not ask")
        if action == "psql":
            each.epilog = "All other words go to psql, such as: -c 'SELECT 1'"
    given, others = parser.parse_known_args(words)
    if others and given.action != "psql":
        parser.error(f"unknown words: {' '.join(others)}")
    given.arguments = others
    try:
        _ACTIONS[given.action][0](Settings.read(), given)
    except EtlError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return problem.exit_code
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    return Exit.OK


def up(settings: Settings, _given: argparse.Namespace) -> None:
    """Start the embedded server, and make it first if there is none."""
    if settings.database_url:
        print(EXTERNAL)
        return
    print(f"PostgreSQL runs at {_server(settings).start()}")


def down(settings: Settings, _given: argparse.Namespace) -> None:
    """Stop the embedded server; its data stays."""
    if settings.database_url:
        print(EXTERNAL)
        return
    print("PostgreSQL is stopped" if _server(settings).stop() else "PostgreSQL was not running")


def status(settings: Settings, _given: argparse.Namespace) -> None:
    """Say which server is used and whether it runs; starts nothing."""
    if settings.database_url:
        with connect(settings.database_url) as conn:
            version = conn.info.server_version
        print(f"external  {redacted(settings.database_url)}\nrunning   PostgreSQL {version // 10000}.{version % 10000}")
        return
    server = _server(settings)
    now = server.status()
    print(f"embedded  PostgreSQL {now.major} in {now.data}")
    print(f"{now.state:<9} {f'pid {now.pid}, {server.url()}' if now.pid else 'start it with: make db-up'}")
    print(f"log       {now.log}")


def url(settings: Settings, _given: argparse.Namespace) -> None:
    """Print the address alone; the embedded server is started if it does not run."""
    print(database_url(settings))


def psql(settings: Settings, given: argparse.Namespace) -> None:
    """Become psql, connected to the warehouse."""
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    parts = conninfo_to_dict(database_url(settings))
    # A word of the command line can be read by everybody on the machine, the environment cannot.
    password = parts.pop("password", None)
    secret = {"PGPASSWORD": str(password)} if password else {}
    program = find_psql(settings.pg_bin, tls=bool(settings.database_url))
    options = f"-c search_path={','.join((*SCHEMAS, 'public'))} -c TimeZone=UTC"
    sys.stdout.flush()
    os.execve(  # noqa: S606 - psql takes over the terminal
        program,
        [program, "-d", make_conninfo("", **{"application_name": APPLICATION, **parts}), *given.arguments],
        {"PGOPTIONS": options, **os.environ, **secret},
    )


def reset(settings: Settings, given: argparse.Namespace) -> None:
    """Delete all data of the warehouse for good: our schemas of an external database, the whole embedded server."""
    if settings.database_url:
        what = f"the schemas {', '.join((*SCHEMAS, *VIEW_SCHEMAS))} of {redacted(settings.database_url)}"
    else:
        what = f"all data in {_server(settings).data}"
    if not given.yes and not _confirmed(what):
        print("nothing was deleted")
        return
    if settings.database_url:
        _drop_schemas(settings.database_url)
    else:
        _server(settings).remove()
    print(f"deleted {what}")


def _server(settings: Settings) -> EmbeddedServer:
    return EmbeddedServer(settings.postgres_home, binaries=settings.pg_bin)


def _confirmed(what: str) -> bool:
    if not sys.stdin.isatty():
        raise ConfigError(f"this deletes {what} and asks first; in a script say: make db-reset YES=1")
    return input(f"Delete {what}? Type yes: ").strip() == "yes"


def _drop_schemas(address: str) -> None:
    from psycopg import sql

    with connect(address, autocommit=True) as conn:
        for schema in (*VIEW_SCHEMAS, *SCHEMAS):
            conn.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))


_ACTIONS: dict[str, tuple[Callable[[Settings, argparse.Namespace], None], str]] = {
    each.__name__: (each, str(each.__doc__)) for each in (up, down, status, url, psql, reset)
}

if __name__ == "__main__":
    sys.exit(main())
