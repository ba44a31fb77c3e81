"""Plain SQL files: one statement each, `:name` values, run unchanged by psql and by the pipeline."""

import re
from functools import cache
from pathlib import Path
from typing import Any

from psycopg import Connection, sql
from psycopg.abc import AdaptContext
from psycopg.rows import TupleRow

from etl.core.errors import StepFailed

FOLDER = Path(__file__).resolve().parents[2] / "sql"
# What must be left alone (strings, quoted names, comments, casts), then the values, then a percent sign to be doubled.
_TOKENS = re.compile(
    r"(?P<keep>'(?:[^']|'')*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/|::)|:(?P<name>[a-z_][a-z0-9_]*)|(?P<percent>%)", re.DOTALL
)


class _Text(sql.Composable):
    """The text of a file as a part of a statement."""

    def __init__(self, query: bytes) -> None:
        super().__init__(query)
        self._query = query

    def as_bytes(self, context: AdaptContext | None = None) -> bytes:
        return b"\n" + self._query + b"\n"


class SqlFile:
    """One file: its text, and the names of the values it needs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = path.read_text(encoding="utf-8")
        names: list[str] = []

        def bind(token: re.Match[str]) -> str:
            if token["name"]:
                names.append(token["name"])
                return f"%({token['name']})s"
            return token[0].replace("%", "%%")

        query = _TOKENS.sub(bind, self.text)
        # Where there is no value, nothing is looked for: a doubled percent sign would stay doubled.
        self.query = (query if names else self.text).encode()
        self.composable = _Text(self.query)
        self.values = frozenset(names)
        # What it gives can go to any table; other files name the one they fill.
        self.is_query = bool(re.match(r"(?:--[^\n]*\n|\s)*(?:SELECT|WITH)\b", self.text))

    def run(self, conn: Connection[TupleRow], *, into: sql.Composable | None = None, **values: Any) -> int:
        """Execute it in the caller's transaction; how many rows it wrote. Missing or unused values are refused.

        *into*: where the rows of a file that is a SELECT go, put before it: INSERT INTO or CREATE TABLE ... AS.
        """
        if missing := self.values ^ values.keys():
            raise StepFailed(f"{self.path.name}: values missing or not used: {', '.join(sorted(missing))}")
        query = sql.SQL("{}\n{}").format(into, self.composable) if into else self.query
        return conn.execute(query, values or None).rowcount

    def columns(self, conn: Connection[TupleRow]) -> list[str]:
        """The names of what a file that is a SELECT gives, in their order; no row is read, so no value is needed."""
        shape = sql.SQL("SELECT * FROM ({}) AS shape LIMIT 0").format(self.composable)
        return [column.name for column in conn.execute(shape, dict.fromkeys(self.values) or None).description or ()]


@cache
def sql_file(name: str) -> SqlFile:
    """The one file of that name below sql/; StepFailed where there is none, or more than one."""
    found = list(FOLDER.rglob(f"{name}.sql"))
    if len(found) != 1:
        raise StepFailed(f"sql/: {len(found)} files named {name}.sql, one is needed")
    return SqlFile(found[0])


def drop_work(conn: Connection[TupleRow], name: str) -> None:
    """Drop a work table or work view, where there is one: an earlier batch of the same transaction may have left it."""
    found = conn.execute(
        "SELECT relkind = 'v' FROM pg_class WHERE oid = to_regclass(%s)", (f"pg_temp.{name}",)
    ).fetchone()
    if found:
        kind = sql.SQL("VIEW" if found[0] else "TABLE")
        conn.execute(sql.SQL("DROP {} pg_temp.{} CASCADE").format(kind, sql.Identifier(name)))


def remake(conn: Connection[TupleRow], name: str, *, told_by: str = "", **values: Any) -> int:
    """Make a work table anew by the file of its name, or of what the file *told_by* selects; how many rows it holds."""
    drop_work(conn, name)
    file = sql_file(told_by or name)
    made = sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS").format(sql.Identifier(name))
    return file.run(conn, into=made if file.is_query else None, **values)
