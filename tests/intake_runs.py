"""Run the intake on a file and look at all that came of it."""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import psycopg

from etl.catalog.sources import SOURCES
from etl.core.settings import Settings
from etl.extract.deliveries import Delivery, read_delivery
from etl.load.guards import GUARDS
from etl.load.staging_loader import StagingResult, stage_deliveries
from tests.intake_oracle import COLUMNS, Verdict

EVERY_GUARD = frozenset(GUARDS)


def write_delivery(landing: Path, name: str = "2026-01-01", **feeds: bytes | str) -> Delivery:
    """A delivery folder with these files (`claims="..."` for claims.csv), read back."""
    folder = landing / name
    folder.mkdir(parents=True, exist_ok=True)
    for feed, content in feeds.items():
        (folder / f"{feed}.csv").write_bytes(content.encode() if isinstance(content, str) else content)
    return read_delivery(folder)


def start_run(url: str) -> int:
    """A run for the ledger to hang loads on."""
    with psycopg.connect(url, autocommit=True) as conn:
        row = conn.execute("INSERT INTO etl.run (mode, holder) VALUES ('stage', 'test') RETURNING run_id").fetchone()
    assert row is not None
    return int(row[0])


def stage(
    url: str, *deliveries: Delivery, overrides: frozenset[str] = EVERY_GUARD, settings: Settings | None = None
) -> StagingResult:
    """Stage these deliveries in a run of their own."""
    return stage_deliveries(url, start_run(url), deliveries, settings or Settings(workers=2), overrides=overrides)


@dataclass(frozen=True)
class Shown:
    """What the database shows of one claims file."""

    verdict: Verdict
    raw: dict[int, str]
    entities: dict[int, tuple[str, ...] | None]


def shown(conn: psycopg.Connection[tuple[object, ...]], result: StagingResult) -> Shown:
    """What was staged and rejected of the one claims file of *result*."""
    ((load,), (file,)) = result.loads, result.loads[0].files
    rows = conn.execute(
        f"SELECT record_number, {', '.join(COLUMNS)} FROM staging.stg_claim WHERE load_id = %s ORDER BY 1",
        (load.load_id,),
    ).fetchall()
    rejects = conn.execute(
        "SELECT record_number, reason_code, column_name, raw_text, entity_id FROM etl.rejected_row WHERE load_id = %s",
        (load.load_id,),
    ).fetchall()
    totals = conn.execute(
        "SELECT column_name, file_amount FROM etl.control_total WHERE source_file_id = %s", (file.source_file_id,)
    ).fetchall()
    verdict = Verdict(
        file.balance.record_count,
        {row[0]: row[1:] for row in rows},
        {row[0]: (row[1], row[2]) for row in rejects},
        file.balance.duplicate_count,
        dict(totals),
    )
    entities = {row[0]: None if row[4] is None else tuple(row[4]) for row in rejects}
    return Shown(verdict, {row[0]: row[3] for row in rejects}, entities)


def empty(conn: psycopg.Connection[tuple[object, ...]]) -> None:
    """Forget every load."""
    for (load_id,) in conn.execute("SELECT load_id FROM etl.load").fetchall():
        for spec in SOURCES:
            conn.execute(f"DROP TABLE IF EXISTS staging.{spec.table}_{load_id}")
    conn.execute(
        "DELETE FROM etl.rejected_row; DELETE FROM etl.control_total; DELETE FROM etl.source_file; DELETE FROM etl.load"
    )
    conn.commit()


def total(amounts: dict[str, Decimal]) -> Decimal:
    """All of them together."""
    return sum(amounts.values(), Decimal(0))
