"""A run, from the files to the cubes. START READING HERE, then the steps in etl/steps.py.

extract -> stage: files become typed staging rows, committed load by load.
dims -> facts -> aggregates -> quality: one transaction, so that readers see all of a load or nothing of it.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from etl import lineage
from etl.catalog.checks import Result
from etl.catalog.dimensions import DIMENSIONS
from etl.core.database import connect
from etl.core.errors import SourceError
from etl.core.ledger import Ledger, RowCounts, Watcher
from etl.core.runs import open_run
from etl.core.settings import Settings
from etl.core.sqlfiles import drop_work
from etl.extract.deliveries import Delivery, find_deliveries
from etl.load.guards import GUARDS
from etl.load.staging_loader import StagingResult, stage_deliveries
from etl.steps import PIPELINE, STAGES, Run, Step
from etl.transform import cube_loader, planned
from etl.transform.batch import Batch, next_batch, whole_batch
from etl.transform.dimension_loader import DimensionChange
from etl.transform.emptying import empty_warehouse, forget_all_loads

OVERRIDES = frozenset({*GUARDS, "closures"})


@dataclass(frozen=True, slots=True)
class Timing:
    """How a step went."""

    step: str
    stage: str
    seconds: float
    counts: RowCounts


@dataclass(slots=True)
class Outcome:
    """What a run did, for the summary."""

    run_id: int
    staging: StagingResult | None
    batch: Batch
    timings: list[Timing]
    changes: dict[str, DimensionChange]
    results: tuple[Result, ...]
    is_rolled_back: bool = False


def run_pipeline(
    url: str,
    settings: Settings,
    mode: str,
    *,
    overrides: frozenset[str] = frozenset(),
    plan_only: bool = False,
    first_stage: str | None = None,
    last_stage: str | None = None,
    on_step: Callable[[str, str], None] = lambda stage, step: None,
    watchers: Sequence[Watcher] = (),
) -> Outcome:
    """Take in what the landing zone holds and publish it. *mode* full rebuilds all, incremental adds what is new.

    *plan_only*: everything is done but the commit. *first_stage* from dims on: rebuild the tables of these stages from
    what the stage before left, all loads in force. *last_stage*: stop after it. Raises EtlError with what to do next; then
    the published tables are as they were. Deliveries that were refused are in the outcome, see `refusals`.
    """
    first = STAGES.index(first_stage or "extract")
    last = STAGES.index(last_stage or "quality")
    # Who only looks has loaded nothing, which the report would tell of.
    looking = "plan" if plan_only else "gate" if first_stage == "quality" else mode
    with open_run(url, looking) as ledger:
        ledger.watchers = [*watchers, *filter(None, [lineage.watcher(settings, url)])]
        staging: StagingResult | None = None
        timings: list[Timing] = []
        if first <= STAGES.index("stage"):
            deliveries = _extract(ledger, settings, timings, on_step)
            if last >= STAGES.index("stage"):
                if mode == "full":
                    forget_all_loads(ledger.conn)
                staging = _stage(url, ledger, deliveries, settings, overrides, timings, on_step)
            batch = next_batch(ledger.conn)
        else:
            batch = whole_batch(ledger.conn)
        batch = replace(batch, claim_id_suffix=settings.claim_id_suffix)
        outcome = Outcome(ledger.run_id, staging, batch, timings, {}, ())
        steps = [step for step in PIPELINE if first <= STAGES.index(step.stage) <= last]
        if steps and batch.loads:
            _apply(url, ledger, outcome, steps, overrides, plan_only, on_step)
    return outcome


def refusals(outcome: Outcome) -> SourceError | None:
    """The error that a run ends with when deliveries were refused; the others are published all the same."""
    if not outcome.staging or not outcome.staging.refused:
        return None
    reasons = [refusal.why for refusal in outcome.staging.refused]
    how_many = "1 delivery is" if len(reasons) == 1 else f"{len(reasons)} deliveries are"
    return SourceError(f"{how_many} refused, whatever else was new is published: {'; '.join(reasons)}")


def _extract(
    ledger: Ledger, settings: Settings, timings: list[Timing], on_step: Callable[[str, str], None]
) -> tuple[Delivery, ...]:
    on_step("extract", "deliveries")
    started = time.perf_counter()
    with ledger.step("deliveries", "extract") as counts:
        deliveries = find_deliveries(settings.landing)
        counts.read = sum(len(delivery.files) for delivery in deliveries)
    timings.append(Timing("deliveries", "extract", time.perf_counter() - started, counts))
    return deliveries


def _stage(
    url: str,
    ledger: Ledger,
    deliveries: Sequence[Delivery],
    settings: Settings,
    overrides: frozenset[str],
    timings: list[Timing],
    on_step: Callable[[str, str], None],
) -> StagingResult:
    on_step("stage", "staging")
    started = time.perf_counter()
    with ledger.step("staging", "stage") as counts:
        staging = stage_deliveries(url, ledger.run_id, deliveries, settings, overrides=overrides - {"closures"})
        files = [file for load in staging.loads for file in load.files]
        counts.read = sum(file.balance.record_count for file in files)
        counts.inserted = sum(file.balance.staged_count for file in files)
    timings.append(Timing("staging", "stage", time.perf_counter() - started, counts))
    return staging


def _apply(
    url: str,
    ledger: Ledger,
    outcome: Outcome,
    steps: Sequence[Step],
    overrides: frozenset[str],
    plan_only: bool,
    on_step: Callable[[str, str], None],
) -> None:
    """Run the steps in one transaction."""
    with connect(url) as conn:
        run = Run(conn, ledger, outcome.batch, overrides, plan_only, open_reader=partial(connect, url))
        outcome.timings += apply_batch(run, steps, on_step)
        if plan_only:
            conn.rollback()
        else:
            conn.commit()
    outcome.changes, outcome.results, outcome.is_rolled_back = run.changes, run.results, plan_only


def apply_batch(
    run: Run, steps: Sequence[Step], on_step: Callable[[str, str], None] = lambda stage, step: None
) -> list[Timing]:
    """Run the steps in the transaction of *run*; how each went. Nothing is committed here."""
    timings = []
    prepare(run.conn, run.batch)
    if run.batch.is_rebuild:
        if run.is_plan:
            for spec in DIMENSIONS:
                planned.remember(run.conn, spec)
        empty_warehouse(run.conn, {step.stage for step in steps})
    for step in steps:
        on_step(step.stage, step.name)
        started = time.perf_counter()
        with run.ledger.step(step.name, step.stage) as counts:
            done = step.work(run)
            counts.read, counts.inserted = done.read, done.inserted
            counts.updated, counts.deleted = done.updated, done.deleted
        if done.inserted or done.updated or done.deleted:
            run.moved.add(step.name)
        timings.append(Timing(step.name, step.stage, time.perf_counter() - started, done))
    return timings


def prepare(conn: Connection[TupleRow], batch: Batch) -> None:
    """Session settings of the publishing transaction, and the work tables that pass from one stage to another."""
    conn.execute(
        "SET LOCAL work_mem = '256MB'; SET LOCAL temp_buffers = '256MB'; SET LOCAL jit = off; "
        "SET LOCAL maintenance_work_mem = '512MB'; SET LOCAL client_min_messages = warning; "
        # What is written goes to the disk while the rest is computed, and the commit need not wait for all of it.
        "SET LOCAL backend_flush_after = '1MB'; "
        # Keys are spread evenly and the tables fit: sorting both sides is never the cheaper way.
        "SET LOCAL enable_mergejoin = off"
    )
    for spec in DIMENSIONS:
        for name, columns in (
            (f"work_moved_{spec.entity}", "durable_key bigint, start_date date, end_date date"),
            (f"work_overwritten_{spec.entity}", "durable_key bigint"),
        ):
            drop_work(conn, name)
            conn.execute(
                sql.SQL("CREATE TEMPORARY TABLE {} ({}) ON COMMIT DROP").format(sql.Identifier(name), sql.SQL(columns))
            )
    if batch.is_rebuild:
        cube_loader.read_deltas_from_facts(conn)
