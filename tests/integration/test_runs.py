"""Runs of a warehouse: one at a time, with a sign of life, and clear words when the database fails."""

import os
import subprocess
import sys
import threading
import time

import psycopg
import pytest

from etl.core import failures, heartbeat, ledger
from etl.core.database import connect, with_timeouts
from etl.core.errors import BusyError, ConfigError, ConnectionLost, StepFailed
from etl.core.failures import explained, persistently, unexpected
from etl.core.runs import open_run
from etl.core.settings import Settings
from tests.house import ROOT

NAME = "Wilhelmina Featherstonehaugh"


def runs(url):
    """(status, message) of all runs, in their order."""
    with psycopg.connect(url) as conn:
        return conn.execute("SELECT status, message FROM etl.run ORDER BY run_id").fetchall()


def test_the_loser_is_told_who_holds_the_warehouse_and_the_lock_goes_with_the_winner(database):
    """One run at a time; nothing has to be cleaned up after one that ended."""
    with open_run(database, "full") as winner:
        named = rf"run {winner.run_id} \(full\) on .* pid \d+ since .*sign of life \d+ s ago"
        with pytest.raises(BusyError, match=named), open_run(database, "incremental"):
            pytest.fail("two runs at a time")

    with open_run(database, "incremental") as heir:
        assert winner.run_id < heir.run_id
    assert [("done", None), ("done", None)] == runs(database)


def test_the_end_of_a_run_waits_for_the_disk_and_its_steps_do_not(database):
    """To wait for the disk is to wait for all that others have logged; at the end all is there, as is what was noted."""
    with connect(f"{database}&options=-csynchronous_commit%3Don", autocommit=True) as conn:
        run = ledger.Ledger(conn)
        run.start_run("full")
        with run.step("dim_plan", "dims"):
            during = conn.execute("SHOW synchronous_commit").fetchone()
        run.finish_run(failed=None)
        after = conn.execute("SHOW synchronous_commit").fetchone()

        assert ("off",) == during
        assert ("on",) == after


def test_a_lock_that_no_run_answers_for_is_waited_for_a_moment(database, monkeypatch):
    """A session that is just closing has the lock still, though its run has ended."""
    closing = psycopg.connect(database, autocommit=True)
    closing.execute("SELECT pg_advisory_lock(%s)", (ledger.RUN_LOCK,))
    later = threading.Timer(0.5, closing.close)
    later.start()

    with open_run(database, "full") as run:
        assert run.run_id
    later.join()

    monkeypatch.setattr(ledger, "SECONDS_TO_SHOW", 0.2)
    with psycopg.connect(database, autocommit=True) as stranger:
        stranger.execute("SELECT pg_advisory_lock(%s)", (ledger.RUN_LOCK,))
        with pytest.raises(BusyError, match="held by another run"), open_run(database, "full"):
            pytest.fail("the lock is somebody's")


def test_a_run_whose_process_died_frees_the_lock_and_is_recorded_as_killed(database):
    """The lock is the server's, which knows when a client is gone."""
    dead = connect(database, autocommit=True)
    ledger.Ledger(dead).start_run("full")
    dead.close()

    with open_run(database, "full"):
        pass
    assert [("failed", "killed: no sign of its end"), ("done", None)] == runs(database)


def test_a_killed_run_whose_session_still_works_is_waited_for(database):
    """The server notices a killed client only when its statement ends; the next run does not give up before that."""
    code = f"""
import os, signal, threading
from etl.core.database import connect
from etl.core.ledger import Ledger
conn = connect({database!r}, autocommit=True)
conn.execute("SELECT set_config('client_connection_check_interval', '0', false)")
Ledger(conn).start_run("full")
threading.Timer(1, lambda: os.kill(os.getpid(), signal.SIGKILL)).start()
conn.execute("SELECT pg_sleep(4)")
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)

    began = time.monotonic()
    with open_run(database, "full"):
        assert time.monotonic() - began > 1
    assert ["failed", "done"] == [status for status, _ in runs(database)]


def test_what_a_dead_run_left_working_on_the_server_is_ended_first(database):
    """A killed process leaves its sessions behind; what they still write must not come between the next run's steps."""
    left_over = connect(database)
    left_over.execute("UPDATE etl.run SET message = message")
    reader = connect(database)
    reader.execute("SELECT count(*) FROM etl.run")

    with open_run(database, "full"):
        with pytest.raises(psycopg.OperationalError):
            left_over.execute("SELECT 1")
        assert reader.execute("SELECT 1").fetchone() == (1,)
    reader.close()


def test_two_migrations_of_an_empty_database_do_not_collide(server):
    """The second waits and finds nothing left to do."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS aca_raced WITH (FORCE)")
        admin.execute("CREATE DATABASE aca_raced TEMPLATE template0 STRATEGY FILE_COPY")
    command = [sys.executable, "-m", "etl.core.migrate"]
    environment = {**os.environ, "DATABASE_URL": server.url("aca_raced")}
    both = [subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) for _ in range(2)]

    assert [0, 0] == [each.wait(120) for each in both]


def test_a_long_run_shows_a_sign_of_life(database):
    """Others can tell slow from dead."""
    with connect(database, autocommit=True) as conn:
        run_id = ledger.Ledger(conn).start_run("full")
        with heartbeat.heartbeat(database, run_id, seconds=0.05):
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                alive = conn.execute("SELECT heartbeat_at > started_at FROM etl.run").fetchone()
                if alive == (True,):
                    break
                time.sleep(0.05)

    assert alive == (True,)


def test_a_wait_for_a_lock_ends_as_the_settings_say(database):
    """A load does not wait for ever for somebody who forgot an open transaction."""
    url = with_timeouts(database, Settings(lock_timeout=1))
    with psycopg.connect(database) as other:
        other.execute("LOCK TABLE warehouse.dim_geography")
        with (
            pytest.raises(StepFailed, match="ACA_LOCK_TIMEOUT") as problem,
            open_run(url, "full"),
            connect(url) as conn,
        ):
            conn.execute("TRUNCATE warehouse.dim_geography")

    assert "LockNotAvailable" == runs(database)[0][1]
    assert "\n" not in str(problem.value)


def test_a_statement_ends_as_the_settings_say(database):
    """And is told apart from a lock."""
    url = with_timeouts(database, Settings(statement_timeout=1))
    with pytest.raises(StepFailed, match="ACA_STATEMENT_TIMEOUT"), open_run(url, "full"), connect(url) as conn:
        conn.execute("SELECT pg_sleep(20)")


def test_timeouts_leave_the_options_of_the_address_alone(database):
    """What somebody put into DATABASE_URL goes on."""
    url = with_timeouts(f"{database}&options=-c%20work_mem%3D5MB", Settings(lock_timeout=7))
    with connect(url) as conn:
        shown = conn.execute("SELECT current_setting('work_mem'), current_setting('lock_timeout')").fetchone()

    assert shown == ("5MB", "7s")


def test_a_server_without_a_connection_left_is_told_so(server, database, monkeypatch):
    """Not a missing server, not a stack trace: what to change."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute(
            "DO $$ BEGIN IF to_regrole('crowded') IS NULL THEN CREATE ROLE crowded LOGIN CONNECTION LIMIT 1; END IF; END $$"
        )
    crowded = database.replace("postgres@", "crowded@")
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "2")
    with psycopg.connect(crowded), pytest.raises(ConfigError, match="no connection left"):
        connect(crowded)


@pytest.mark.parametrize(
    ("failure", "error", "words"),
    [
        pytest.param(psycopg.errors.DiskFull, ConfigError, "disk", id="disk full"),
        pytest.param(psycopg.errors.TooManyConnections, ConfigError, "no connection left", id="connections"),
        pytest.param(psycopg.errors.OutOfMemory, ConfigError, "memory", id="memory"),
        pytest.param(psycopg.errors.AdminShutdown, ConnectionLost, "went away", id="shutdown"),
        pytest.param(psycopg.errors.DeadlockDetected, ConnectionLost, "went away", id="deadlock"),
        pytest.param(psycopg.OperationalError, ConnectionLost, "went away", id="lost"),
        pytest.param(psycopg.InterfaceError, ConnectionLost, "went away", id="closed"),
        pytest.param(psycopg.errors.ReadOnlySqlTransaction, ConfigError, "standby", id="standby"),
        pytest.param(psycopg.errors.UniqueViolation, StepFailed, "SQLSTATE 23505", id="anything else"),
    ],
)
def test_a_failure_of_the_database_is_one_line_that_says_what_to_do_and_quotes_no_row(failure, error, words):
    """The server's own text may hold a member's name."""
    told = explained(failure(f"Key (first_name)=({NAME}) already exists."), "dim_member")

    assert type(told) is error
    assert str(told).startswith("dim_member: ")
    assert words in str(told)
    assert "again" in str(told)
    assert not {"\n", NAME} & {part for part in ("\n", NAME) if part in str(told)}


def test_a_real_failure_names_the_constraint_but_not_the_value(database):
    """What the server tells of our tables helps; what it tells of the row does not get out."""
    twice = "INSERT INTO warehouse.dim_geography SELECT 7, %s, '', n, '', 0, now() FROM generate_series(1, 2) AS n"

    def insert_twice():
        with open_run(database, "full") as run, run.step("dim_geography", "dims"), connect(database) as conn:
            conn.execute(twice, (NAME,))

    with pytest.raises(StepFailed, match="dim_geography") as problem:
        insert_twice()

    assert "dim_geography_pkey" in str(problem.value)
    assert NAME not in str(problem.value)
    assert [("failed", "UniqueViolation")] == runs(database)


def test_our_own_mistakes_are_told_by_place_not_by_value():
    """An unexpected error may quote a row, too."""
    try:
        int(NAME)
    except ValueError as problem:
        told = unexpected(problem)

    assert "ValueError at test_runs.py:" in told
    assert NAME not in told


def test_a_lost_server_is_tried_again_with_longer_waits(monkeypatch):
    """Until it is back, or patience ends."""
    waits, tries = [], []
    monkeypatch.setattr(failures.time, "sleep", waits.append)

    def work(fails):
        tries.append(1)
        if len(tries) <= fails:
            raise ConnectionLost("the server went away")
        return "done"

    assert "done" == persistently(lambda: work(2), told=lambda _: None, pauses=(1, 3, 9))
    assert [1, 3] == waits
    with pytest.raises(ConnectionLost):
        persistently(lambda: work(99), told=lambda _: None, pauses=(1, 3))


def test_other_failures_are_not_tried_again():
    """A full disk or a shut gate stays what it is."""
    tries = []

    def work():
        tries.append(1)
        raise StepFailed("no")

    with pytest.raises(StepFailed):
        persistently(work, told=lambda _: None)
    assert 1 == len(tries)
