"""Fixtures: a PostgreSQL server of the suite's own, a migrated template, databases and connections made from it.

No test is ever skipped for want of a database: the server comes with the packages, and not to start is a failure.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from etl.core.database import connect
from etl.core.embedded import EmbeddedServer

TEMPLATE = "aca_template"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The folder a test is in is its marker."""
    tests = Path(__file__).parent
    for item in items:
        item.add_marker(item.path.relative_to(tests).parts[0])


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """A throw-away server, one for each worker process; its data goes with it."""
    server = EmbeddedServer(tmp_path_factory.mktemp("postgres"), throwaway=True)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def server_url(server: EmbeddedServer) -> str:
    """The address of an empty database of the suite's server."""
    return server.url()


@pytest.fixture(scope="session")
def migrated_template(server: EmbeddedServer) -> str:
    """The name of a database with every migration and no rows, to be copied."""
    from etl.core.migrate import upgrade

    _create_database(server, TEMPLATE, copy_of="template0")
    upgrade(server.url(TEMPLATE))
    return TEMPLATE


@pytest.fixture
def database(server: EmbeddedServer, migrated_template: str) -> Iterator[str]:
    """The address of a fresh migrated database, for what commits."""
    yield from _copied_database(server, migrated_template, "aca_fresh")


@pytest.fixture(scope="session")
def shared_database(server: EmbeddedServer, migrated_template: str) -> Iterator[str]:
    """The address of one migrated database for all the work that is rolled back."""
    yield from _copied_database(server, migrated_template, "aca_shared")


@pytest.fixture
def conn(shared_database: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """A connection to a migrated, empty database whose work is always rolled back. Do not commit on it."""
    with connect(shared_database) as conn:
        yield conn
        conn.rollback()


def _create_database(server: EmbeddedServer, name: str, *, copy_of: str) -> None:
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                sql.Identifier(name), sql.Identifier(copy_of)
            )
        )


def _copied_database(server: EmbeddedServer, template: str, name: str) -> Iterator[str]:
    _create_database(server, name, copy_of=template)
    yield server.url(name)
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
