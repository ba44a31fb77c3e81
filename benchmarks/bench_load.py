"""How fast claims become facts and cubes, as ratios to a raw COPY of the same files. `make bench-load`.

Yardstick: one connection, psycopg COPY of every CSV as it is into unlogged tables of the same types.
Candidates, each a fresh `run.py` timed from its start to its exit: a full load of all deliveries, then business days of
5,000 new claim lines and 0.1 % of the members changed. With `--growth` the days are run on a third of the members, too.
"""

import argparse
import csv
import json
import os
import shutil
import statistics
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path

import psycopg
from psycopg import sql

from benchmarks.program import Run, tell, timed
from etl.catalog.sources import SOURCES
from etl.core.embedded import EmbeddedServer
from etl.core.migrate import upgrade

LINES_A_DAY = 5_000
CHANGED_MEMBERS = 0.001
DAYS = 3
YARDSTICK = """
import sys, psycopg
with psycopg.connect(sys.argv[1], autocommit=True) as conn:
    for told in sys.argv[2:]:
        table, path = told.split("=", 1)
        with open(path, "rb") as file:
            columns = file.readline().decode().strip()
            with conn.cursor().copy(f"COPY {table} ({columns}) FROM STDIN (FORMAT csv)") as copy:
                while block := file.read(1 << 20):
                    copy.write(block)
"""


def raw_copy(url: str, landing: Path) -> Run:
    """The yardstick, over all files of the landing zone."""
    files = []
    with psycopg.connect(url, autocommit=True) as conn:
        for spec in SOURCES:
            table = f"bench_raw_{spec.feed}"
            columns = sql.SQL(", ").join(
                sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(column.sql_type))
                for column in spec.columns
            )
            conn.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(table)))
            conn.execute(sql.SQL("CREATE UNLOGGED TABLE {} ({})").format(sql.Identifier(table), columns))
            files += [f"{table}={path}" for path in sorted(landing.glob(f"*/{spec.feed}.csv"))]
        conn.execute("CHECKPOINT")
    return timed([sys.executable, "-c", YARDSTICK, url, *files], {})


def business_day(landing: Path, number: int) -> None:
    """Append a delivery: the last lines and members of the one before, under new claim ids and at new ZIP codes."""
    folders = sorted(landing.glob("[0-9]*"))
    as_of = date.fromisoformat(folders[-1].name[:10]) + timedelta(days=1)
    folder = landing / as_of.isoformat()
    folder.mkdir()
    with_claims = [path for path in reversed(folders) if (path / "claims.csv").exists()]
    large = [path for path in with_claims if (path / "claims.csv").stat().st_size > 1_000_000]
    source = (large or with_claims)[0]
    claims = _read(source / "claims.csv", LINES_A_DAY)
    for claim in claims:
        claim |= {"claim_id": f"B{number}-{claim['claim_id']}", "original_claim_id": ""}
        claim |= {"claim_frequency_code": "1", "claim_version_number": "1"}
    lines = {(claim["claim_id"], claim["claim_line_number"]): claim for claim in claims}
    everybody = _read(folders[0] / "members.csv", None)
    step = max(1, int(1 / CHANGED_MEMBERS))
    members = everybody[number::step]
    for member in members:
        member |= {"zip_code": f"3{number}{member['zip_code'][2:]}", "effective_date": as_of.isoformat()}
    _write(folder / "claims.csv", list(lines.values()))
    _write(folder / "members.csv", members)
    feeds = {name: {"file": f"{name}.csv", "mode": "delta"} for name in ("claims", "members")}
    (folder / "manifest.json").write_text(json.dumps({"as_of": as_of.isoformat(), "feeds": feeds}), encoding="utf-8")


def _read(path: Path, most: int | None) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        return [row for row, _ in zip(rows, range(most), strict=False)] if most else list(rows)


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def measure(server: EmbeddedServer, market: Path, members: int, repeat: int) -> None:
    """A database a turn: the yardstick, the full load, the days."""
    ratios: dict[str, list[tuple[float, float]]] = {}
    for turn in range(repeat):
        landing = market.parent / f"landing-{members}-{turn}"
        shutil.copytree(market, landing)
        with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
            admin.execute("DROP DATABASE IF EXISTS bench WITH (FORCE)")
            admin.execute("CREATE DATABASE bench")
        url = server.url("bench")
        upgrade(url)
        env = {"DATABASE_URL": url, "ACA_LANDING": str(landing)}
        yardstick = raw_copy(url, landing)
        _tell(turn, "raw COPY", yardstick, yardstick, ratios)
        with psycopg.connect(url, autocommit=True) as conn:
            for spec in SOURCES:
                conn.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(f"bench_raw_{spec.feed}")))
            conn.execute("CHECKPOINT")
        _tell(turn, "full load", timed([sys.executable, "run.py", "--mode", "full"], env), yardstick, ratios)
        for day in range(1, DAYS + 1):
            business_day(landing, day)
            done = timed([sys.executable, "run.py", "--mode", "incremental"], env)
            _tell(turn, f"business day {day}", done, yardstick, ratios)
        with psycopg.connect(url) as conn:
            count = conn.execute("SELECT count(*) FROM warehouse.fact_claim_line WHERE NOT is_reversal").fetchone()
            tell(f"  turn {turn + 1}  {count[0] if count else 0:,} claim lines in the warehouse")
        shutil.rmtree(landing)
    for name, found in ratios.items():
        seconds, times = (statistics.median(column) for column in zip(*found, strict=True))
        tell(f"median  {name:16} {seconds:7.2f} s  {times:5.2f} x")


def _tell(turn: int, name: str, run: Run, yardstick: Run, ratios: dict[str, list[tuple[float, float]]]) -> None:
    times = run.seconds / yardstick.seconds
    ratios.setdefault(name, []).append((run.seconds, times))
    tell(f"  turn {turn + 1}  {name:16} {run.seconds:7.2f} s  {times:5.2f} x  {run.peak_mib:5.0f} MiB")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=52_000, help="about 58 claim lines each (default: 52000)")
    parser.add_argument("--growth", action="store_true", help="also with a third of the members")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the files go (default: the temporary folder)")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-load-", dir=wanted.folder) as name:
        folder = Path(name)
        server = EmbeddedServer(folder / "postgres")
        server.start()
        try:
            for members in (wanted.members // 3, wanted.members) if wanted.growth else (wanted.members,):
                market = folder / f"market-{members}"
                generate = [sys.executable, "-m", "scripts.generate_seed_data", "--quiet", "--out", str(market)]
                made = timed([*generate, "--members", str(members)], {})
                size = sum(path.stat().st_size for path in market.glob("*/*.csv")) / 1e6
                tell(f"{members:,} members, {size:.0f} MB, made in {made.seconds:.1f} s; {os.cpu_count()} cores")
                measure(server, market, members, wanted.repeat)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
