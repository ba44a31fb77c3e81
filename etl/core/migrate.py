"""Bring a database to the newest schema: Alembic, driven without an ini file. `python -m etl.core.migrate`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic.config import Config

ROOT = Path(__file__).resolve().parents[2]


def sqlalchemy_url(url: str) -> str:
    """The same address for SQLAlchemy, over psycopg 3."""
    return "postgresql+psycopg://" + url.split("://", 1)[1]


def _config() -> "Config":
    from alembic.config import Config

    config = Config(toml_file=str(ROOT / "pyproject.toml"))
    config.set_main_option("script_location", str(ROOT / "migrations"))
    return config


def upgrade(url: str, revision: str = "head") -> None:
    """Run the migrations that *url* lacks, all in one transaction; a second call changes nothing."""
    from alembic import command
    from sqlalchemy import create_engine, pool, text

    config = _config()
    engine = create_engine(sqlalchemy_url(url), poolclass=pool.NullPool)
    with engine.begin() as connection:
        # Two first runs at a time: the second finds all done.
        connection.execute(text("SELECT pg_advisory_xact_lock(4202612)"))
        connection.execute(text("CREATE SCHEMA IF NOT EXISTS etl"))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


def newest_revision() -> str:
    """The revision that the newest migration file brings; read from file names, without importing Alembic."""
    return max(path.name.split("_")[0] for path in (ROOT / "migrations" / "versions").glob("[0-9]*.py"))


def upgrade_if_needed(url: str) -> None:
    """As `upgrade`, but without importing Alembic where the schema is at the newest revision already."""
    from etl.core.database import connect

    with connect(url, autocommit=True) as conn:
        there = conn.execute("SELECT to_regclass('etl.alembic_version') IS NOT NULL").fetchone()
        if there and there[0]:
            row = conn.execute("SELECT version_num FROM etl.alembic_version").fetchone()
            if row and row[0] == newest_revision():
                return
    upgrade(url)


def new_migration(name: str) -> None:
    """Write an empty migration with the next readable number."""
    from alembic import command

    number = f"{int(newest_revision()) + 1:04d}"
    command.revision(_config(), message=name, rev_id=number)


if __name__ == "__main__":
    from etl.core.database import database_url
    from etl.core.settings import Settings

    if len(sys.argv) == 3 and sys.argv[1] == "new":
        new_migration(sys.argv[2])
    else:
        upgrade(database_url(Settings.read()))
        print(f"schema at revision {newest_revision()}")
