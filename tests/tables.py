"""Tables drawn in tests: put them into the database, and compare what is there with what was drawn."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql

Row = tuple[str | None, ...]


def given(conn: psycopg.Connection[Any], table: str, drawing: str) -> None:
    """Insert the drawn rows; columns that are not drawn get their defaults."""
    columns, rows = parse(drawing)
    _insert(conn, sql.Identifier(*table.split(".")), columns, rows)


def expect(conn: psycopg.Connection[Any], table: str, drawing: str) -> None:
    """Fail unless *table* holds exactly the drawn rows, in any order, as far as the drawn columns go.

    What is drawn is read as the column's own type, so `410` is `410.00` where the column has cents.
    """
    columns, rows = parse(drawing)
    source = sql.Identifier(*table.split("."))
    found = _texts(conn, source, columns)
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    conn.execute(sql.SQL("CREATE TEMP TABLE drawn_by_test AS SELECT {} FROM {} LIMIT 0").format(names, source))
    drawn = sql.Identifier("pg_temp", "drawn_by_test")
    _insert(conn, drawn, columns, rows)
    expected = _texts(conn, drawn, columns)
    conn.execute("DROP TABLE pg_temp.drawn_by_test")
    if Counter(expected) != Counter(found):
        raise AssertionError(_difference(table, columns, expected, found))


def parse(drawing: str) -> tuple[list[str], list[Row]]:
    """The columns and rows of a drawing. An empty cell or `NULL` is NULL, `''` is the empty text."""
    lines = [line.strip() for line in drawing.splitlines() if line.strip()]
    for line in lines:
        if not (line.startswith("|") and line.endswith("|") and len(line) > 1):
            raise ValueError(f"not a line of a table: {line!r}")
    cells = [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]
    if not cells:
        raise ValueError("nothing is drawn")
    columns, *rows = cells
    for row in rows:
        if len(row) != len(columns):
            raise ValueError(f"{len(columns)} columns are drawn, but {len(row)} cells: {' | '.join(row)}")
    return columns, [tuple(_value(cell) for cell in row) for row in rows]


def draw(columns: Sequence[str], rows: Sequence[Row]) -> list[str]:
    """The lines of a drawing: header first, cells aligned."""
    cells = [list(columns), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(columns))]
    return [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]


def _value(cell: str) -> str | None:
    if cell in ("", "NULL"):
        return None
    return "" if cell == "''" else cell


def _cell(value: str | None) -> str:
    return "NULL" if value is None else value or "''"


def _insert(conn: psycopg.Connection[Any], table: sql.Identifier, columns: Sequence[str], rows: Sequence[Row]) -> None:
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        table,
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL(", ").join([sql.Placeholder()] * len(columns)),
    )
    with conn.cursor() as cursor:
        cursor.executemany(statement, rows)


def _texts(conn: psycopg.Connection[Any], table: sql.Identifier, columns: Sequence[str]) -> list[Row]:
    names = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in columns)
    return [tuple(row) for row in conn.execute(sql.SQL("SELECT {} FROM {}").format(names, table))]


def _difference(table: str, columns: Sequence[str], expected: list[Row], found: list[Row]) -> str:
    """Every row of both sides once, each marked by the side it is missing from."""
    marked: list[tuple[str, Row]] = []
    wanted, there = Counter(expected), Counter(found)
    for row in sorted(wanted | there, key=lambda row: [_cell(value) for value in row]):
        both = min(wanted[row], there[row])
        marked += [("         ", row)] * both
        marked += [("missing  ", row)] * (wanted[row] - both)
        marked += [("too many ", row)] * (there[row] - both)
    header, *lines = draw(columns, [row for _, row in marked])
    return "\n".join(
        (
            f"{table} is not as drawn:",
            " " * 9 + header,
            *(mark + line for (mark, _), line in zip(marked, lines, strict=True)),
        )
    )
