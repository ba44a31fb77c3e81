"""Alembic's entry: runs the migrations over the connection that `etl.core.migrate` hands in."""

from alembic import context
from sqlalchemy import Connection, create_engine, pool

connection: Connection | None = context.config.attributes.get("connection")

if connection is None:  # `alembic ...` by hand: same address as everything else
    from etl.core.database import database_url
    from etl.core.migrate import sqlalchemy_url
    from etl.core.settings import Settings

    engine = create_engine(sqlalchemy_url(database_url(Settings.read())), poolclass=pool.NullPool)
    connection = engine.connect()

context.configure(connection=connection, version_table_schema="etl", transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
