"""A loaded small market to break on purpose: made once a module, copied for each test."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from etl.core.embedded import EmbeddedServer
from tests.market import deliver, deliveries, load


@contextmanager
def loaded_market(server: EmbeddedServer, template: str, home: Path, name: str, *, but_for: int = 1) -> Iterator[str]:
    """The name of a database that holds the market but for its last deliveries, which lie in *home*/next."""
    folders = deliveries(home)
    for folder in ("landing", "next"):
        (home / folder).mkdir()
    deliver(home / "landing", *folders[:-but_for])
    deliver(home / "next", *folders[-but_for:])
    _copy(server, template, name)
    load(server.url(name), home / "landing", "full")
    yield name
    _drop(server, name)


@contextmanager
def copied(server: EmbeddedServer, name: str, copy: str) -> Iterator[str]:
    """The address of a copy of that database."""
    _copy(server, name, copy)
    yield server.url(copy)
    _drop(server, copy)


def _copy(server: EmbeddedServer, template: str, name: str) -> None:
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )


def _drop(server: EmbeddedServer, name: str) -> None:
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
