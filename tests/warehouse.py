"""Run the commands that people run against a database of a test's own, and look at all that came of it."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from tests.house import ROOT

# What differs between two runs that did the same: the clock.
CLOCKS = {"load_timestamp"}


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Warehouse:
    """A landing zone and a database; `run` does what `python run.py` does there."""

    url: str
    landing: Path

    def run(self, *words: str, **environment: str) -> Done:
        ours = {"DATABASE_URL": self.url, "ACA_LANDING": str(self.landing)}
        return command("run.py", *words, **ours | environment)

    def must(self, *words: str) -> str:
        """What the command printed; it has to end well."""
        done = self.run(*words)
        assert done.code == 0, done.err
        return done.out

    def next_days(self, days: int) -> None:
        generate(self.landing, "--days", str(days))

    def fingerprints(self, *schemas: str, but: frozenset[str] = frozenset()) -> dict[str, tuple[int, str | None]]:
        """Rows and a hash over all columns but the clocks, of every table and view, whatever the order of the rows.

        *but*: columns to leave out too, as `table.column`.
        """
        with psycopg.connect(self.url) as conn:
            tables = conn.execute(
                "SELECT space.nspname, class.relname, array_agg(attname::text ORDER BY attnum) FROM pg_class AS class "
                "INNER JOIN pg_namespace AS space ON class.relnamespace = space.oid "
                "INNER JOIN pg_attribute ON attrelid = class.oid AND attnum > 0 AND NOT attisdropped "
                "WHERE space.nspname = ANY(%s) AND class.relkind IN ('r', 'p', 'v', 'm') AND NOT class.relispartition "
                "GROUP BY 1, 2",
                (list(schemas or ("staging", "warehouse", "mart")),),
            ).fetchall()
            return {
                f"{schema}.{table}": _fingerprint(
                    conn, schema, table, [c for c in columns if c not in CLOCKS and f"{table}.{c}" not in but]
                )
                for schema, table, columns in tables
            }

    def rows(self, query: str, *values: object) -> list[tuple]:
        with psycopg.connect(self.url) as conn:
            return conn.execute(query, values).fetchall()

    def value(self, query: str, *values: object):
        ((found,),) = self.rows(query, *values)
        return found


def _fingerprint(conn, schema, table, columns):
    query = "SELECT count(*), md5(string_agg(line, chr(10) ORDER BY line)) FROM (SELECT ROW({})::text COLLATE {} AS line FROM {})"
    row = conn.execute(
        sql.SQL(query + " AS each").format(
            sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier("C"), sql.Identifier(schema, table)
        )
    ).fetchone()
    assert row is not None
    return row


def command(*words: str, **environment: str) -> Done:
    """Run a Python program of the repository with this environment and no settings of the machine's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ACA_") and name != "DATABASE_URL"}
    done = subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env={**kept, "ACA_WORKERS": "2", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def generate(landing: Path, *words: str) -> None:
    done = command("scripts/generate_seed_data.py", "--out", str(landing), "--quiet", *words)
    assert done.code == 0, done.err


def copy_landing(landing: Path, to: Path) -> Path:
    """The same deliveries, to be added to and spoiled."""
    shutil.copytree(landing, to)
    return to
