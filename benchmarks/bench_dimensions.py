"""How fast history is kept, as ratios to a raw COPY of the same file in the same run. `make bench-dimensions`.

Yardstick: one connection, psycopg COPY of the changed full file as it is into an unlogged table of the same types.
Candidates, each a fresh `run.py --mode incremental` timed from its start to its exit, on one growing database:
first load; a full delivery with 3 % changed, 1 % new and 0.5 % gone; one that is two such steps on; the step between, which
comes late; a 1 % delta; a delta of 100 rows.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

import psycopg
from psycopg import sql

from benchmarks.program import tell, timed
from etl.catalog.sources import MEMBERS
from etl.core.embedded import EmbeddedServer
from etl.core.migrate import upgrade

COLUMNS = [column for column in MEMBERS.columns if column.name not in ("effective_date", "operation")]
YARDSTICK = """
import sys, psycopg
with psycopg.connect(sys.argv[1], autocommit=True) as conn, open(sys.argv[2], "rb") as file:
    with conn.cursor().copy("COPY bench_raw FROM STDIN (FORMAT csv, HEADER)") as copy:
        while block := file.read(1 << 20):
            copy.write(block)
"""


def member(number: int, chance: random.Random) -> str:
    """A member's record: half of its columns identify the person, as they do."""
    first, last = f"First{chance.randint(1, 4000)}", f"Last{chance.randint(1, 20_000)}"
    return (
        f"M{number:08d},M{number // 2 * 2:08d},H{number // 2:08d},self,{first},{last},"
        f"{chance.randint(1955, 2010)}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d},{chance.choice('FM')},"
        f"{first}.{last}{number}@example.org,555-{chance.randint(1_000_000, 9_999_999)},{chance.randint(1, 9999)} Main St,"
        f"City{chance.randint(1, 900)},FL,3{chance.randint(1000, 9999)},12{chance.randint(1, 67):03d},"
        f"{chance.randint(1, 67)},{chance.randint(100, 400)}.{chance.randint(0, 9)},{chance.choice(('true', 'false'))}"
    )


def changed(record: str, chance: random.Random) -> str:
    """The record with another ZIP code."""
    fields = record.split(",")
    fields[13] = f"4{chance.randint(1000, 9999)}"
    return ",".join(fields)


def deliver(landing: Path, as_of: str, records: list[str], mode: str) -> Path:
    """Write one delivery of members."""
    folder = landing / as_of
    folder.mkdir(parents=True)
    promise = {"file": "members.csv", "mode": mode, "record_count": len(records)}
    (folder / "manifest.json").write_text(json.dumps({"as_of": as_of, "feeds": {"members": promise}}), encoding="utf-8")
    header = ",".join(column.name for column in COLUMNS)
    (folder / "members.csv").write_text("\n".join((header, *records)) + "\n", encoding="utf-8")
    return folder


def touched(records: list[str], count: int, first_new: int, chance: random.Random) -> list[str]:
    """A later full delivery: 3 % changed, 1 % new, 0.5 % gone."""
    found = [changed(record, chance) if chance.random() < 0.03 else record for record in records]
    found = [record for record in found if chance.random() >= 0.005]
    return found + [member(first_new + number, chance) for number in range(count // 100)]


def make_deliveries(folder: Path, count: int) -> dict[str, Path]:
    """All deliveries, by what they measure, in the order of their arrival."""
    chance = random.Random(20261123)
    states = [[member(number, chance) for number in range(count)]]
    for step in range(3):
        states.append(touched(states[-1], count, (step + 1) * count, chance))
    first, second, third, fourth = states
    delta = [changed(record, chance) for record in chance.sample(fourth, count // 100)]
    small = [changed(record, chance) for record in chance.sample(fourth, 100)]
    return {
        "first load": deliver(folder, "2026-01-01", first, "full"),
        "changed full": deliver(folder, "2026-02-01", second, "full"),
        "two steps on": deliver(folder, "2026-04-01", fourth, "full"),
        "late full": deliver(folder, "2026-03-01", third, "full"),
        "1 % delta": deliver(folder, "2026-04-02", delta, "delta"),
        "100-row delta": deliver(folder, "2026-04-03", small, "delta"),
    }


def step_seconds(url: str) -> float:
    """Seconds the last run spent on dim_member, as its ledger says."""
    with psycopg.connect(url) as conn:
        row = conn.execute(
            "SELECT extract(epoch FROM finished_at - started_at) FROM etl.step_run WHERE step_name = 'dim_member' "
            "ORDER BY step_run_id DESC LIMIT 1"
        ).fetchone()
    return float(row[0]) if row else 0.0


def raw_copy(url: str, file: Path) -> float:
    """The yardstick."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("DROP TABLE IF EXISTS bench_raw")
        columns = sql.SQL(", ").join(
            sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(column.sql_type)) for column in COLUMNS
        )
        conn.execute(sql.SQL("CREATE UNLOGGED TABLE bench_raw ({})").format(columns))
        conn.execute("CHECKPOINT")
    return timed([sys.executable, "-c", YARDSTICK, url, str(file)], {}).seconds


def measure(server: EmbeddedServer, made: dict[str, Path], landing: Path, repeat: int) -> None:
    """One database a turn; the deliveries come one by one."""
    yardstick_file = landing.parent / "yardstick.csv"
    shutil.copyfile(made["changed full"] / "members.csv", yardstick_file)
    ratios: dict[str, list[tuple[float, float, float]]] = {}
    for turn in range(repeat):
        with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
            admin.execute("DROP DATABASE IF EXISTS bench WITH (FORCE)")
            admin.execute("CREATE DATABASE bench")
        url = server.url("bench")
        upgrade(url)
        if turn == 0:
            timed(
                [sys.executable, "run.py", "--mode", "incremental", "--plan"],
                {"DATABASE_URL": url, "ACA_LANDING": str(landing)},
            )
        env = {"DATABASE_URL": url, "ACA_LANDING": str(landing)}
        for name, folder in made.items():
            yardstick = raw_copy(url, yardstick_file)
            folder.rename(landing / folder.name)
            seconds = timed([sys.executable, "run.py", "--mode", "incremental"], env).seconds
            dims = step_seconds(url)
            ratios.setdefault(name, []).append((seconds, seconds / yardstick, dims))
            tell(
                f"  turn {turn + 1}  {name:14} {seconds:6.2f} s  {seconds / yardstick:5.2f} x COPY ({yardstick:.2f} s); "
                f"dim_member {dims:6.3f} s"
            )
        for folder in made.values():
            (landing / folder.name).rename(folder)
    for name, found in ratios.items():
        seconds, times, dims = (statistics.median(column) for column in zip(*found, strict=True))
        tell(f"median  {name:14} {seconds:6.2f} s  {times:5.2f} x; dim_member {dims:6.3f} s")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=500_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the files go (default: the temporary folder)")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-dimensions-", dir=wanted.folder) as name:
        folder = Path(name)
        made = make_deliveries(folder / "made", wanted.members)
        landing = folder / "landing"
        landing.mkdir()
        size = (made["first load"] / "members.csv").stat().st_size / 1e6
        tell(f"{wanted.members:,} members x {len(COLUMNS)} columns, {size:.0f} MB; {os.cpu_count()} cores")
        server = EmbeddedServer(folder / "postgres")
        server.start()
        try:
            measure(server, made, landing, wanted.repeat)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
