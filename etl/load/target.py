"""The table that a file goes into, and the statements that are the same for every feed, composed from its contract."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg import Connection, sql

from etl.core.spec import Column, SourceSpec
from etl.extract.header import Header

Conn = Connection[tuple[Any, ...]]
FIRST_DATE, LAST_DATE = "1900-01-01", "2199-12-31"


@dataclass(frozen=True, slots=True)
class Target:
    """Where the records of one file go: the future partition of its load, and what every row of it carries."""

    spec: SourceSpec
    header: Header
    load_id: int
    source_file_id: int
    as_of: date
    load_timestamp: datetime

    @property
    def table(self) -> sql.Composable:
        """The load's own table; it becomes a partition of the feed's staging table when all is in."""
        return partition(self.spec, self.load_id)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that the file brings, in the order of the contract."""
        found = {column.name for column in self.header.known}
        return tuple(column for column in self.spec.columns if column.name in found)


def partition(spec: SourceSpec, load_id: int) -> sql.Composable:
    """`staging.stg_<entity>_<load_id>`."""
    return sql.Identifier("staging", f"{spec.table}_{load_id}")


def names(columns: Iterable[str]) -> sql.Composable:
    """`a, b`."""
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def type_of(column: Column) -> sql.Composable:
    """The column's type, as the contract writes it."""
    return sql.SQL(column.sql_type)


def create_table(conn: Conn, target: Target) -> None:
    """Make the table of *target*, with the checks and defaults of its parent; it is no partition yet.

    Autovacuum leaves it alone until it is one: it would look at half of it, and be in the way of what closes the file.
    """
    conn.execute(
        sql.SQL(
            # A table of this name can only be what a killed run left behind.
            "DROP TABLE IF EXISTS {table}; CREATE TABLE {table} (LIKE {parent} INCLUDING DEFAULTS INCLUDING CONSTRAINTS, "
            "CONSTRAINT of_load CHECK (load_id = {load_id})) WITH (autovacuum_enabled = off); "
            "ALTER TABLE {table} ALTER load_id SET DEFAULT {load_id}, "
            "ALTER source_file_id SET DEFAULT {source_file_id}, ALTER load_timestamp SET DEFAULT {load_timestamp}"
        ).format(
            table=target.table,
            parent=sql.Identifier("staging", target.spec.table),
            load_id=sql.Literal(target.load_id),
            source_file_id=sql.Literal(target.source_file_id),
            load_timestamp=sql.Literal(target.load_timestamp),
        )
    )


def attach(conn: Conn, target: Target) -> None:
    """Make the table a partition of the feed's staging table: from here on its rows are seen."""
    conn.execute(
        sql.SQL(
            "ALTER TABLE {parent} ATTACH PARTITION {table} FOR VALUES IN ({load_id}); "
            "ALTER TABLE {table} DROP CONSTRAINT of_load, RESET (autovacuum_enabled)"
        ).format(
            parent=sql.Identifier("staging", target.spec.table),
            table=target.table,
            load_id=sql.Literal(target.load_id),
        )
    )


@dataclass(frozen=True, slots=True)
class TypedRule:
    """A condition on typed columns: where `fails` is true, the record is rejected with `reason` at `column`."""

    column: str
    reason: str
    fails: sql.Composable


def rules(target: Target) -> tuple[TypedRule, ...]:
    """The feed's rules and the range of its dates, in the order of the contract's columns."""
    found = [
        TypedRule(
            rule.column,
            f"rule_{rule.name}",
            sql.SQL("NOT ({})").format(sql.SQL(rule.expression)),
        )
        for rule in target.spec.rules
    ]
    found += [
        TypedRule(
            column.name,
            "rule_date_range",
            sql.SQL("{} NOT BETWEEN {} AND {}").format(
                sql.Identifier(column.name), sql.Literal(FIRST_DATE), sql.Literal(LAST_DATE)
            ),
        )
        for column in target.columns
        if column.sql_type == "date"
    ]
    order = {name: place for place, name in enumerate(target.spec.column_names)}
    return tuple(sorted(found, key=lambda rule: order[rule.column]))


def typed(target: Target, table: sql.Composable) -> sql.Composable:
    """*table*, which has the feed's columns as text or typed, as a subquery that has them typed, with defaults."""
    present = {column.name for column in target.columns}
    values = (
        sql.SQL("{}::{} AS {}").format(
            sql.Identifier(column.name) if column.name in present else sql.Literal(column.default),
            type_of(column),
            sql.Identifier(column.name),
        )
        for column in target.spec.columns
    )
    return sql.SQL("(SELECT record_number, {} FROM {}) AS typed").format(sql.SQL(", ").join(values), table)


def copy_records(target: Target, table: sql.Composable, *, unquoted: bool) -> sql.Composed:
    """COPY into *table* of records as they stand in the file, each with its record number in front.

    *unquoted* says that they hold neither quotes nor backslashes: then the text format, which the server reads faster,
    means the same.
    """
    dialect = "(FORMAT text, DELIMITER ',', NULL '')" if unquoted else "(FORMAT csv)"
    return sql.SQL("COPY {} ({}) FROM STDIN {}").format(
        table, names(["record_number", *(column.name for column in target.header.known)]), sql.SQL(dialect)
    )
