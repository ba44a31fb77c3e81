"""The embedded server lives through what happens to servers: restarts, crashes, races, moves, long paths."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from etl.core import plain_user
from etl.core.embedded import EmbeddedServer
from etl.core.errors import ConfigError
from etl.core.postgres_binaries import find_binaries

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path):
    """A place for a server, which is stopped whatever the test did to it."""
    yield tmp_path / "home"
    for left in tmp_path.glob("*"):
        if left.is_dir():
            EmbeddedServer(left).remove()


def keep_a_row(url):
    with psycopg.connect(url) as conn:
        conn.execute("CREATE TABLE kept AS SELECT 42 AS answer")


def kept_row(url):
    with psycopg.connect(url) as conn:
        return conn.execute("SELECT answer FROM kept").fetchone()


def command(home, *words):
    """Run the database command in a process of its own, its output in a pipe."""
    environment = {**os.environ, "ACA_POSTGRES_HOME": str(home), "DATABASE_URL": ""}
    return subprocess.run(
        [sys.executable, "-m", "etl.core.db_command", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_rows_outlive_the_server_and_a_second_start_is_free(home):
    """`make db-down` and `make db-up` lose nothing, and starting what runs changes nothing."""
    server = EmbeddedServer(home)
    assert "absent" == server.status().state
    url = server.start()
    keep_a_row(url)
    pid = server.status().pid

    assert url == server.start()
    assert ("running", pid) == (server.status().state, server.status().pid)
    assert server.stop()
    assert not server.stop()
    assert "stopped" == server.status().state
    assert (42,) == kept_row(server.start())


@pytest.mark.parametrize("victims", ["the server", "all its processes"])
def test_a_killed_server_starts_again_with_every_committed_row(home, victims):
    """kill -9 leaves a pid file, and for a while shared memory: neither stands in the way of the next command."""
    server = EmbeddedServer(home)
    keep_a_row(server.start())
    pids = {server.status().pid} if victims == "the server" else server._process.pids()
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):  # the server's end is its children's
            os.kill(pid, signal.SIGKILL)

    assert (42,) == kept_row(server.start())


def test_a_pid_that_now_belongs_to_another_program_is_no_server(home):
    """After a container restarts, small pids are given out again."""
    server = EmbeddedServer(home)
    keep_a_row(server.start())
    record = (server.data / "postmaster.pid").read_text().splitlines()
    server.stop()
    (server.data / "postmaster.pid").write_text("\n".join([str(os.getpid()), *record[1:], ""]))

    assert "stopped" == server.status().state
    assert (42,) == kept_row(server.start())


def test_two_starters_at_once_get_one_server(home):
    """Two terminals, or `make -j`: one starts, the other waits and finds it."""
    with ThreadPoolExecutor() as pool:
        first, second = pool.map(lambda _: command(home, "url"), range(2))

    assert (0, "") == (first.returncode, first.stderr)
    assert first.stdout == second.stdout


def test_a_command_in_a_pipe_ends_though_its_server_lives_on(home):
    """`make db-up | cat` must come back: the server keeps none of its starter's files open."""
    done = command(home, "up")

    assert 0 == done.returncode
    assert "running" == EmbeddedServer(home).status().state


def test_two_servers_with_paths_too_long_for_a_socket_do_not_meet(home, tmp_path):
    """A socket's path ends after 107 bytes; the folder that stands in is another one for each server, and closed."""
    urls = []
    for clone in ("one", "two"):
        deep = tmp_path / clone / ("deep" * 20)
        url = EmbeddedServer(deep).start()
        with psycopg.connect(url) as conn:
            conn.execute("CREATE TABLE kept AS SELECT %s::text AS answer", [clone])
        urls.append(url)

    assert [("one",), ("two",)] == [kept_row(url) for url in urls]
    for clone in ("one", "two"):
        server = EmbeddedServer(tmp_path / clone / ("deep" * 20))
        folder = server._socket_folder()
        assert server.folder not in folder.parents
        assert 0o700 == folder.stat().st_mode & 0o777
        server.stop()
        folder.rmdir()


def test_a_server_whose_checkout_was_moved_is_found_again(home):
    """Moving a checkout under a running server must not end in two servers on one folder."""
    if plain_user.find_launcher().owner != os.geteuid():
        pytest.skip("in this container a server is nobody's, and root may not look where it works")
    keep_a_row(EmbeddedServer(home).start())
    moved = home.with_name("moved")
    home.rename(moved)
    server = EmbeddedServer(moved)

    assert "running" == server.status().state
    assert (42,) == kept_row(server.start())


def test_the_leftovers_of_a_killed_initdb_are_cleared_away(home):
    """A data folder appears whole or not at all."""
    server = EmbeddedServer(home)
    half = server.folder / "initdb-killed"
    half.mkdir(parents=True)

    server.start()

    assert not half.exists()
    assert (server.data / "PG_VERSION").is_file()


def test_a_place_where_nothing_can_be_written_is_a_clear_error(tmp_path):
    """The message names the folder and the variable."""
    (tmp_path / "file").touch()

    with pytest.raises(ConfigError, match=r"file.*ACA_POSTGRES_HOME"):
        EmbeddedServer(tmp_path / "file").start()


def test_a_server_that_cannot_start_says_why(home):
    """The cause is the server's own last word, not only where its log is."""
    server = EmbeddedServer(home)
    server.start()
    server.stop()
    (server.data / "conf.d" / "local.conf").write_text("shared_buffers = 'plenty'\n")

    with pytest.raises(ConfigError, match=r"did not start.*configuration file"):
        server.start()


def test_the_servers_log_holds_no_value_of_a_row(home):
    """A failing statement is logged without the statement and without the row that failed."""
    server = EmbeddedServer(home)
    with psycopg.connect(server.start(), autocommit=True) as conn:
        conn.execute("CREATE TABLE person (id int PRIMARY KEY, name text CHECK (name <> 'Jane Roe'))")
        with pytest.raises(psycopg.errors.CheckViolation):
            conn.execute("INSERT INTO person VALUES (1, 'Jane Roe')")

    log = server.log.read_text()

    assert "violates check constraint" in log
    assert "Jane Roe" not in log


def test_committed_work_is_safe_and_the_server_is_ours_alone(home):
    """No speed is bought with durability, and nobody reaches the server by network."""
    with psycopg.connect(EmbeddedServer(home).start()) as conn:
        names = ("fsync", "full_page_writes", "synchronous_commit", "listen_addresses", "unix_socket_permissions")
        found = [conn.execute("SELECT current_setting(%s)", [name]).fetchone()[0] for name in names]

    assert ["on", "on", "on", "", "0700"] == found
    assert 0o700 == (home / "18").stat().st_mode & 0o777


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
def test_root_in_a_container_without_namespaces_starts_a_server_of_nobodys(home, tmp_path, monkeypatch):
    """The second way for root, from folders that are closed to nobody; and the first way takes the data over again."""
    closed = tmp_path.parent / f"{tmp_path.name}-closed"
    closed.mkdir(mode=0o700)
    package = find_binaries().folder.parents[1]
    for part in package.parent.glob(f"{package.name}*"):
        shutil.copytree(part, closed / part.name)
    programs = closed / package.name / "pginstall" / "bin"
    with monkeypatch.context() as container:
        container.setattr(plain_user, "_UNSHARE", ("false",))
        server = EmbeddedServer(home, binaries=programs)
        keep_a_row(server.start())
        assert plain_user.NOBODY == server.data.stat().st_uid
        server.stop()
    server = EmbeddedServer(home, binaries=programs)

    assert (42,) == kept_row(server.start())
    assert plain_user.find_launcher().owner == server.data.stat().st_uid


def test_a_throwaway_server_leaves_no_data_behind(tmp_path):
    """Tests start many; each takes its data with it."""
    server = EmbeddedServer(tmp_path, throwaway=True)
    server.start()
    started = time.monotonic()
    server.stop()

    assert not server.data.exists()
    assert time.monotonic() - started < 30
