"""A small market, loaded once for each worker process; every test gets a copy of database and files to itself."""

import psycopg
import pytest
from psycopg import sql

from tests.warehouse import Warehouse, copy_landing, generate

MARKET = ("--members", "300", "--years", "2", "--seed", "7")
LOADED = "aca_loaded"


def copy_database(server, template, name):
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
    return server.url(name)


@pytest.fixture(scope="session")
def market(tmp_path_factory):
    """A landing zone with two plan years; nobody changes it."""
    landing = tmp_path_factory.mktemp("market") / "landing"
    generate(landing, *MARKET)
    return landing


@pytest.fixture(scope="session")
def first_load(server, migrated_template, market):
    """(the warehouse after its first full load, what the load printed); nobody changes it."""
    warehouse = Warehouse(copy_database(server, migrated_template, LOADED), market)
    return warehouse, warehouse.must("--mode", "full")


@pytest.fixture
def loaded(server, first_load, tmp_path):
    """A loaded warehouse of the test's own."""
    return Warehouse(
        copy_database(server, LOADED, "aca_loaded_copy"), copy_landing(first_load[0].landing, tmp_path / "landing")
    )


@pytest.fixture
def empty(server, migrated_template, tmp_path):
    """A warehouse with its schema, no rows and no landing zone yet."""
    return Warehouse(copy_database(server, migrated_template, "aca_empty_copy"), tmp_path / "landing")
