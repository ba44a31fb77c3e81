"""How fast the intake is, as ratios to a raw COPY of the same file in the same run. `make bench-intake`.

Yardstick: one connection, psycopg COPY of the file as it is into an unlogged table of the same types, no checks.
Candidates: `python -m etl.load.staging_loader` on a sound file, and on one with 1 % bad records spread evenly.
Each is a fresh process, timed from its start to its exit; they take turns; the medians of the ratios are told.
"""

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg
from psycopg import sql

from benchmarks.program import Run, tell, timed
from etl.catalog.sources import CLAIMS, SOURCES
from etl.core.embedded import EmbeddedServer
from etl.core.migrate import upgrade

BAD_EVERY = 100
YARDSTICK = """
import sys, psycopg
with psycopg.connect(sys.argv[1], autocommit=True) as conn, open(sys.argv[2], "rb") as file:
    with conn.cursor().copy("COPY bench_raw FROM STDIN (FORMAT csv, HEADER)") as copy:
        while block := file.read(1 << 20):
            copy.write(block)
"""


def claim_lines(count: int, chance: random.Random) -> list[str]:
    """What stands behind the keys of *count* claim lines: dates and amounts differ, most codes are empty, as they are."""
    lines = []
    for _ in range(count):
        month, day = chance.randint(1, 12), chance.randint(1, 28)
        served = f"2025-{month:02d}-{day:02d}"
        billed = chance.randint(2_000, 99_999)
        allowed = billed * chance.randint(40, 90) // 100
        paid = allowed * chance.randint(50, 100) // 100
        in_dollars = [f"{cents // 100}.{cents % 100:02d}" for cents in (billed, allowed, paid, allowed - paid)]
        lines.append(
            f",professional,paid,M{chance.randint(1, 500_000):07d},12345FL0010001-01,1234567893,"
            f"{chance.randint(1_000_000_000, 1_999_999_999)},{served},,{served},,{served},11,,,,E11.9,99213,,1,true,"
            f"{','.join(in_dollars)},20.00,0.00,,,"
        )
    return lines


def spoil(line: str, kind: int) -> str:
    """The line with one of six common defects."""
    return (
        lambda: line.replace(",2025-", ",2025/", 1),
        lambda: line.replace(",true,", ",maybe,"),
        lambda: line.replace(",paid,", ",unheard-of,"),
        lambda: line + ",one,more",
        lambda: line.replace(",professional,", ',pro"fessional,'),
        lambda: line.replace("0.00", "NaN"),
    )[kind % 6]()


def write_files(folder: Path, count: int) -> tuple[Path, Path]:
    """The sound file and the one with bad records."""
    ends = claim_lines(50_000, random.Random(20261123))
    paths = folder / "sound" / "2026-01-01" / "claims.csv", folder / "bad" / "2026-01-01" / "claims.csv"
    files = []
    for path in paths:
        path.parent.mkdir(parents=True)
        files.append(path.open("w", encoding="utf-8"))
        files[-1].write(",".join(CLAIMS.column_names) + "\n")
    for first in range(0, count, 50_000):
        numbers = range(first, min(first + 50_000, count))
        lines = [f"C{n // 3:09d},1,{n % 3 + 1},1,{ends[n - first]}" for n in numbers]
        files[0].write("\n".join(lines) + "\n")
        for place in range(BAD_EVERY // 2, len(lines), BAD_EVERY):
            lines[place] = spoil(lines[place], place // BAD_EVERY)
        files[1].write("\n".join(lines) + "\n")
    for file in files:
        file.close()
    return paths


def server_cpu(postmaster: int) -> float:
    """CPU seconds of the server and of its processes that have ended."""
    fields = Path(f"/proc/{postmaster}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def timed_with_server(arguments: list[str], env: dict[str, str], postmaster: int) -> Run:
    """Run a program; its CPU seconds are those of client and server together."""
    before = server_cpu(postmaster)
    run = timed(arguments, env)
    # A backend is counted when the server has seen it end.
    time.sleep(0.3)
    return replace(run, cpu_seconds=run.cpu_seconds + server_cpu(postmaster) - before)


def clear(url: str) -> None:
    """Leave the database as it was before any run, and its caches and log at rest."""
    with psycopg.connect(url, autocommit=True) as conn:
        for (load_id,) in conn.execute("SELECT load_id FROM etl.load").fetchall():
            tables = [sql.Identifier("staging", f"{spec.table}_{load_id}") for spec in SOURCES]
            conn.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.SQL(", ").join(tables)))
        conn.execute("TRUNCATE etl.rejected_row, etl.control_total, etl.source_file, etl.load CASCADE")
        conn.execute("DROP TABLE IF EXISTS bench_raw")
        columns = sql.SQL(", ").join(
            sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(column.sql_type)) for column in CLAIMS.columns
        )
        conn.execute(sql.SQL("CREATE UNLOGGED TABLE bench_raw ({})").format(columns))
        conn.execute("CHECKPOINT")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=3_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the files go (default: the temporary folder)")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-intake-", dir=wanted.folder) as name:
        sound, bad = write_files(Path(name), wanted.lines)
        tell(f"{wanted.lines:,} claim lines, {sound.stat().st_size / 1e6:.0f} MB; {os.cpu_count()} cores")
        server = EmbeddedServer(Path(name) / "postgres")
        url = server.start()
        try:
            upgrade(url)
            measure(url, sound, bad, wanted.repeat)
        finally:
            server.stop()


def measure(url: str, sound: Path, bad: Path, repeat: int) -> None:
    """Take turns, and print each turn and the medians."""

    with psycopg.connect(url) as conn:
        row = conn.execute("SELECT pg_read_file('postmaster.pid')").fetchone()
        assert row is not None
        postmaster = int(row[0].split()[0])

    def intake(file: Path) -> Callable[[], Run]:
        command = [sys.executable, "-m", "etl.load.staging_loader", "--landing", str(file.parents[1])]
        return lambda: timed_with_server(command, {"DATABASE_URL": url}, postmaster)

    turns: dict[str, Callable[[], Run]] = {
        "raw COPY": lambda: timed_with_server([sys.executable, "-c", YARDSTICK, url, str(sound)], {}, postmaster),
        "intake, sound file": intake(sound),
        "intake, 1 % bad": intake(bad),
    }
    ratios: dict[str, list[float]] = {name: [] for name in turns}
    for turn in range(repeat):
        runs = {}
        for name, run in turns.items():
            clear(url)
            runs[name] = run()
        for name, run in runs.items():
            ratios[name].append(run.seconds / runs["raw COPY"].seconds)
            tell(
                f"  turn {turn + 1}  {name:20} {run.seconds:6.2f} s  {ratios[name][-1]:5.2f} x  "
                f"{run.cpu_seconds:6.2f} CPU s  {run.peak_mib:5.0f} MiB"
            )
    for name, found in ratios.items():
        tell(f"median  {name:20} {statistics.median(found):5.2f} x")


if __name__ == "__main__":
    main()
