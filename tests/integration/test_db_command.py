"""The database by hand: what `make db-*` and `make psql` do with a server that is not ours."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from etl.core.errors import Exit

ROOT = Path(__file__).parents[2]


@pytest.fixture
def command(database):
    """Runs the command with `DATABASE_URL` set to a migrated database; nobody is there to answer a question."""

    def run(*words, **variables):
        return subprocess.run(
            [sys.executable, "-m", "etl.core.db_command", *words],
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": database, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def schemas(database):
    with psycopg.connect(database) as conn:
        rows = conn.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"
        )
        return {name for (name,) in rows}


@pytest.mark.parametrize("word", ["up", "down"])
def test_a_server_elsewhere_is_neither_started_nor_stopped(command, word):
    """DATABASE_URL means that somebody else runs the server."""
    done = command(word)

    assert 0 == done.returncode
    assert "not ours" in done.stdout


def test_the_address_is_printed_alone(command, database):
    """It goes straight into `psql "$(make -s db-url)"`."""
    assert f"{database}\n" == command("url").stdout


def test_status_names_the_server_and_hides_the_password(command, database):
    """Status is what people paste into tickets."""
    done = command("status", DATABASE_URL=database.replace("postgres@", "postgres:s3cret@"))

    assert "running   PostgreSQL 1" in done.stdout
    assert "s3cret" not in done.stdout + done.stderr


def test_psql_is_connected_and_keeps_the_password_off_the_command_line(command, database):
    """Everybody on the machine can read command lines; bare table names find our schemas."""
    done = command(
        "psql",
        *("-At", "-c", "SHOW search_path", "-c", r"\! tr '\0' ' ' < /proc/$PPID/cmdline"),
        DATABASE_URL=database.replace("postgres@", "postgres:s3cret@"),
    )

    assert done.stdout.startswith("etl,staging,warehouse,mart,public\n")
    assert "dbname=" in done.stdout
    assert "s3cret" not in done.stdout


def test_reset_asks_first_and_deletes_nothing_when_nobody_answers(command, database):
    """A script must say that it means it."""
    done = command("reset")

    assert Exit.CONFIG == done.returncode
    assert "YES=1" in done.stderr
    assert {"etl", "staging", "warehouse", "mart"} <= schemas(database)


def test_reset_takes_our_schemas_and_nobody_elses(command, database):
    """The database may hold more than the warehouse."""
    with psycopg.connect(database) as conn:
        conn.execute("CREATE SCHEMA theirs")

    assert 0 == command("reset", "--yes").returncode
    assert {"public", "theirs"} == schemas(database)
    assert 0 == command("reset", "--yes").returncode
