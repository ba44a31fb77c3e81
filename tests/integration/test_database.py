"""Connections get our session, wait for a server that starts, and say clearly what is wrong with an address."""

import threading
import time

import psycopg
import pytest

from etl.core import database
from etl.core.database import connect, database_url, open_pool
from etl.core.embedded import EmbeddedServer
from etl.core.errors import ConfigError
from etl.core.settings import Settings


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """The address of a server that asks for a password."""
    server = EmbeddedServer(tmp_path_factory.mktemp("guarded"), throwaway=True)
    with psycopg.connect(server.start(), autocommit=True) as conn:
        conn.execute("CREATE ROLE ann LOGIN PASSWORD 'right one'")
        hba = server.data / "pg_hba.conf"
        hba.write_text("local all ann scram-sha-256\n" + hba.read_text())
        conn.execute("SELECT pg_reload_conf()")
    yield server.url()
    server.stop()


def refusal(url):
    with pytest.raises(ConfigError) as problem:
        connect(url)
    text = str(problem.value)
    assert "\n" not in text
    assert "DATABASE_URL" in text
    return text


def test_every_connection_reads_dates_times_and_names_the_same_way(server_url):
    """What the server or the user has set must not change what a load does."""
    with psycopg.connect(server_url, autocommit=True) as conn:
        conn.execute("ALTER ROLE postgres SET datestyle = 'SQL, DMY'")
        conn.execute("ALTER ROLE postgres SET timezone = 'Asia/Tokyo'")
    try:
        with open_pool(server_url, 1) as pool, pool.connection() as pooled, connect(server_url) as single:
            for conn in (pooled, single):
                assert ("2026-02-01", "2026-01-01 00:00:00+00") == conn.execute(
                    "SELECT to_date('01/02/2026', 'DD/MM/YYYY')::text, timestamptz '2026-01-01 00:00:00'::text"
                ).fetchone()
                conn.rollback()
                assert ("etl, staging, warehouse, mart, public",) == conn.execute("SHOW search_path").fetchone()
    finally:
        with psycopg.connect(server_url, autocommit=True) as conn:
            conn.execute("ALTER ROLE postgres RESET ALL")


def test_the_right_password_opens_and_a_wrong_one_is_told_at_once_and_not_shown(guarded):
    """Knocking again with a wrong password may lock an account."""
    address = guarded.replace("postgres@", "ann:{}@")
    connect(address.format("right%20one")).close()
    started = time.monotonic()

    text = refusal(address.format("wrong%20one"))

    assert "refuses the user or password" in text
    assert "wrong" not in text
    assert "ann" in text
    assert time.monotonic() - started < 5


def test_a_missing_database_is_told_at_once(server_url):
    """It is named, with what to do."""
    assert "no such database" in refusal(server_url.replace("/aca?", "/nowhere?"))


def test_a_server_that_is_down_is_named(tmp_path):
    """After the time that the address allows, the message says where nobody answered."""
    text = refusal(f"postgresql://ann:secret@/aca?host={tmp_path}&connect_timeout=1")

    assert str(tmp_path) in text
    assert "secret" not in text


def test_an_address_that_cannot_be_read_is_not_quoted():
    """The driver's own complaint would hold the password."""
    assert "s3cret" not in refusal("postgresql://ann:s3cret x@db:port/aca")


def test_connecting_waits_for_a_server_that_is_on_its_way_up(tmp_path):
    """`docker compose up` comes back before the server answers."""
    server = EmbeddedServer(tmp_path, throwaway=True)
    starter = threading.Timer(0.7, server.start)
    starter.start()
    try:
        with connect(server.url("postgres")) as conn:
            assert (1,) == conn.execute("SELECT 1").fetchone()
    finally:
        starter.join()
        server.stop()


def test_a_server_that_is_too_old_is_refused(server_url, monkeypatch):
    """One line instead of a syntax error in the middle of a load."""
    monkeypatch.setattr(database, "LEAST_MAJOR", 99)

    assert "99 or newer is needed" in refusal(server_url)


def test_an_address_that_is_set_starts_no_server(tmp_path):
    """DATABASE_URL means that server, and nothing is made beside it."""
    settings = Settings(database_url="postgresql://somewhere/aca", postgres_home=tmp_path / "home")

    assert "postgresql://somewhere/aca" == database_url(settings)
    assert not (tmp_path / "home").exists()


def test_without_an_address_the_embedded_server_is_started(tmp_path):
    """A fresh machine needs no settings at all."""
    settings = Settings(postgres_home=tmp_path)
    try:
        with connect(database_url(settings)) as conn:
            assert ("aca",) == conn.execute("SELECT current_database()").fetchone()
    finally:
        EmbeddedServer(tmp_path).remove()
