"""The steps, in order. START READING HERE.

extract -> stage: files become typed staging rows, committed load by load.
dims -> facts -> aggregates -> quality: one transaction, so that readers see all of a load or nothing of it.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from etl import lineage
from etl.catalog.cubes import BASE_CUBES, DERIVED_CUBES, BaseCube, DerivedCube
from etl.catalog.dimensions import DIMENSIONS
from etl.core.database import connect
from etl.core.errors import SourceError
from etl.core.ledger import Ledger, RowCounts, Watcher
from etl.core.runs import open_run
from etl.core.settings import Settings
from etl.core.spec import DimensionSpec, Mode
from etl.core.sqlfiles import sql_file
from etl.extract.deliveries import Delivery, find_deliveries
from etl.load.guards import GUARDS
from etl.load.staging_loader import StagingResult, stage_deliveries
from etl.quality import gate
from etl.transform import cube_loader, fact_loader, movement_loader, planned, reference_loader
from etl.transform.dimension_loader import DimensionChange, load_dimension
from etl.transform.fact_loader import Batch
from etl.transform.history import Observed

STAGES = ("extract", "stage", "dims", "facts", "aggregates", "quality")
OVERRIDES = frozenset({*GUARDS, "closures"})


@dataclass(slots=True)
class Run:
    """What the steps of one run share. `conn` is the transaction that publishes."""

    conn: Connection[TupleRow]
    ledger: Ledger
    batch: Batch
    overrides: frozenset[str] = frozenset()
    is_plan: bool = False
    changes: dict[str, DimensionChange] = field(default_factory=dict)
    moved: set[str] = field(default_factory=set)
    results: tuple[gate.Result, ...] = ()
    # Another connection, to read on what is committed; where nothing of it is locked in this transaction.
    open_reader: Callable[[], Connection[TupleRow]] | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One table filled, in the run's transaction."""

    name: str
    stage: str
    work: Callable[[Run], RowCounts]


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
    results: tuple[gate.Result, ...]
    is_rolled_back: bool = False


# -- the steps --------------------------------------------------------------------------------------------------------


def _dim_date(run: Run) -> RowCounts:
    days = sql_file("dim_date").run(run.conn)
    if days:
        run.conn.execute("ANALYZE warehouse.dim_date (date_key, calendar_date)")
    return RowCounts(inserted=days)


def _dimension_step(spec: DimensionSpec) -> Step:
    def work(run: Run) -> RowCounts:
        moved = sql.Identifier(f"work_moved_{spec.entity}")
        total = DimensionChange()
        groups = _groups(_observed(run.conn, spec, run.batch.news(spec.feed)))
        for group in groups:
            # What was let pass once is not judged again when it is applied anew.
            known = all(delivery.load_id in run.batch.accepted for delivery in group)
            total += load_dimension(
                run.conn,
                spec,
                group,
                allow_closures=known or "closures" in run.overrides,
                with_samples=run.is_plan,
                open_reader=run.open_reader if run.batch.is_rebuild else None,
            )
            run.conn.execute(sql.SQL("INSERT INTO {} SELECT * FROM work_moved").format(moved))
            run.conn.execute(
                sql.SQL("INSERT INTO {} SELECT durable_key FROM work_overwrite").format(
                    sql.Identifier(f"work_overwritten_{spec.entity}")
                )
            )
        run.conn.execute(sql.SQL("ANALYZE {}").format(moved))
        if run.batch.is_rebuild and len(groups) > 1:  # a first delivery alone has been looked at
            run.conn.execute(sql.SQL("ANALYZE {}").format(sql.Identifier("warehouse", spec.table)))
        # A rebuild begins with nothing: what it changes shows only beside what is published.
        compared = run.is_plan and run.batch.is_rebuild
        run.changes[spec.table] = planned.compare(run.conn, spec) if compared else total
        return total.counts

    return Step(spec.table, "dims", work)


def _observed(conn: Connection[TupleRow], spec: DimensionSpec, loads: Iterable[int]) -> list[Observed]:
    """The deliveries among *loads* that hold this dimension's feed, in the order of as_of."""
    rows = conn.execute(
        "SELECT file.load_id, file.as_of, file.mode, load.load_timestamp, file.staged_count FROM etl.source_file AS file "
        "INNER JOIN etl.load AS load ON file.load_id = load.load_id "
        "WHERE file.feed = %s AND file.load_id = ANY(%s) AND file.status IN ('staged', 'in_force') "
        "ORDER BY file.as_of, file.load_id",
        (spec.feed, list(loads)),
    ).fetchall()
    return [Observed(load_id, as_of, Mode(mode), begun, count) for load_id, as_of, mode, begun, count in rows]


def _groups(deliveries: Sequence[Observed]) -> list[list[Observed]]:
    """Cut before each full delivery: absence is judged against one full delivery at a time."""
    groups: list[list[Observed]] = []
    for delivery in deliveries:
        if not groups or delivery.mode is Mode.FULL:
            groups.append([])
        groups[-1].append(delivery)
    return groups


def _cube_step(cube: BaseCube) -> Step:
    return Step(
        cube.table,
        "aggregates",
        lambda run: cube_loader.load_cube(run.conn, cube, is_rebuild=run.batch.is_rebuild),
    )


def _view_step(cube: DerivedCube) -> Step:
    def work(run: Run) -> RowCounts:
        if run.batch.is_rebuild:
            return cube_loader.fill_cube(run.conn, cube)
        done = cube_loader.refresh_cube(run.conn, cube, run.moved)
        if done.read:
            run.moved.add(cube.table)
        return done

    return Step(cube.table, "aggregates", work)


def _publish(run: Run) -> RowCounts:
    """The loads' files are in force now; what they replace is not any more."""
    loads = list(run.batch.loads)
    before = cube_loader.horizon(run.conn)
    for feed, replaced in run.batch.replaced.items():
        run.conn.execute(
            "UPDATE etl.source_file AS old SET status = 'superseded', superseded_by = (SELECT new.source_file_id "
            "FROM etl.source_file AS new WHERE new.feed = old.feed AND new.as_of = old.as_of AND new.status = 'staged' "
            "AND new.replays_source_file_id IS NULL) WHERE old.feed = %s AND old.load_id = ANY(%s) AND old.status = 'in_force'",
            (feed, list(replaced)),
        )
    run.conn.execute(
        "UPDATE etl.source_file SET status = 'in_force' WHERE load_id = ANY(%s) AND status = 'staged'", (loads,)
    )
    # Rebuilt dimensions tell all loads together: what was known between them is known no more.
    anew = run.batch.is_rebuild and bool(run.changes)
    published = run.conn.execute(
        "UPDATE etl.load SET status = 'published', published_at = now() "
        "WHERE load_id = ANY(%s) AND (status <> 'published' OR %s)",
        ([*loads, *(load for listed in run.batch.sources.values() for load in listed)] if anew else loads, anew),
    )
    if cube_loader.horizon(run.conn) != before:
        run.moved.add("horizon")
    return RowCounts(updated=published.rowcount)


def _gate(run: Run) -> RowCounts:
    run.results = gate.run_gate(run.conn, run.batch.sources, whole=run.batch.is_rebuild)
    gate.record(run.ledger.conn, run.ledger.run_id, run.results)
    gate.decide(run.results)
    return RowCounts(read=len(run.results))


PIPELINE: tuple[Step, ...] = (
    Step("dim_date", "dims", _dim_date),
    *map(_dimension_step, DIMENSIONS),
    Step(
        "dim_geography",
        "dims",
        lambda run: RowCounts(inserted=sql_file("dim_geography").run(run.conn, loads=run.batch.news("members"))),
    ),
    Step("references", "dims", lambda run: reference_loader.load_references(run.conn)),
    Step("inferred_rows", "dims", lambda run: fact_loader.infer_dimension_rows(run.conn, run.batch)),
    Step("rekeyed_facts", "facts", lambda run: fact_loader.rekey_facts(run.conn, run.batch)),
    Step("fact_enrollment", "facts", lambda run: fact_loader.load_enrollments(run.conn, run.batch)),
    Step("fact_member_month", "facts", lambda run: fact_loader.load_member_months(run.conn, run.batch)),
    Step("fact_member_month_adjustment", "facts", lambda run: movement_loader.load_adjustments(run.conn, run.batch)),
    Step("fact_enrollment_movement", "facts", lambda run: movement_loader.load_movements(run.conn, run.batch)),
    Step("fact_claim_line", "facts", lambda run: fact_loader.load_claims(run.conn, run.batch)),
    Step("fact_claim", "facts", lambda run: fact_loader.load_claim_families(run.conn, run.batch)),
    Step("codes", "aggregates", lambda run: reference_loader.name_codes(run.conn)),
    *map(_cube_step, BASE_CUBES),
    Step("publish", "aggregates", _publish),
    *map(_view_step, DERIVED_CUBES),
    Step("gate", "quality", _gate),
)


# -- a run ------------------------------------------------------------------------------------------------------------


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
        # Keys are spread evenly and the tables fit: sorting both sides is never the cheaper way.
        "SET LOCAL enable_mergejoin = off"
    )
    for spec in DIMENSIONS:
        moved = sql.Identifier(f"work_moved_{spec.entity}")
        conn.execute(sql.SQL("DROP TABLE IF EXISTS pg_temp.{}").format(moved))
        conn.execute(
            sql.SQL(
                "CREATE TEMPORARY TABLE {} (durable_key bigint, start_date date, end_date date) ON COMMIT DROP"
            ).format(moved)
        )
        overwritten = sql.Identifier(f"work_overwritten_{spec.entity}")
        conn.execute(sql.SQL("DROP TABLE IF EXISTS pg_temp.{}").format(overwritten))
        conn.execute(sql.SQL("CREATE TEMPORARY TABLE {} (durable_key bigint) ON COMMIT DROP").format(overwritten))
    if batch.is_rebuild:
        # Each month's partition is added up by itself, on as many cores as there are.
        conn.execute("SET LOCAL enable_partitionwise_aggregate = on")
        cube_loader.read_deltas_from_facts(conn)


def next_batch(conn: Connection[TupleRow]) -> Batch:
    """What is staged and waits; a rebuild where nothing is published, or a published file is replaced."""
    # Of two files of one feed and as_of that wait together, the later one is in force.
    conn.execute(
        "UPDATE etl.source_file AS old SET status = 'superseded', superseded_by = new.source_file_id "
        "FROM etl.source_file AS new WHERE old.status = 'staged' AND new.status = 'staged' AND old.feed = new.feed "
        "AND old.as_of = new.as_of AND old.replays_source_file_id IS NULL AND new.replays_source_file_id IS NULL "
        "AND old.source_file_id < new.source_file_id"
    )
    loads = [
        row[0] for row in conn.execute("SELECT load_id FROM etl.load WHERE status = 'staged' ORDER BY as_of, load_id")
    ]
    states = _files_by_state(conn)
    if states["published"] and not states["replaced"]:
        return Batch(tuple(loads), states["waiting"], accepted=_published(conn))
    # What a replaced file said may be hidden below, merged into or counted with what others said: only telling all anew
    # is sure to leave nothing of it.
    return Batch(
        tuple(loads),
        _together(states["published"], states["waiting"]),
        states["replaced"],
        _published(conn),
        is_rebuild=True,
    )


def whole_batch(conn: Connection[TupleRow]) -> Batch:
    """Everything that is published, as if it came anew."""
    states = _files_by_state(conn)
    loads = _published(conn)
    everything = _together(states["published"], states["replaced"])
    return Batch(tuple(sorted(loads)), everything, accepted=loads, is_rebuild=True)


def _published(conn: Connection[TupleRow]) -> frozenset[int]:
    return frozenset(row[0] for row in conn.execute("SELECT load_id FROM etl.load WHERE status = 'published'"))


def _together(*states: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """The loads of all these states, feed by feed."""
    feeds = {feed for state in states for feed in state}
    return {feed: tuple(load for state in states for load in state.get(feed, ())) for feed in sorted(feeds)}


def _files_by_state(conn: Connection[TupleRow]) -> dict[str, dict[str, tuple[int, ...]]]:
    """Which loads hold a file of which feed, by what is to happen to it: waiting, replaced, published."""
    rows = conn.execute(
        """
        WITH replaced AS (
            SELECT old.source_file_id
            FROM etl.source_file AS old
            INNER JOIN etl.source_file AS new ON new.feed = old.feed AND new.as_of = old.as_of
            WHERE
                old.status = 'in_force' AND new.status = 'staged'
                AND old.replays_source_file_id IS NULL AND new.replays_source_file_id IS NULL
        )

        SELECT
            CASE
                WHEN file.status = 'staged' THEN 'waiting'
                -- What corrects a replaced file goes with it.
                WHEN COALESCE(file.replays_source_file_id, file.source_file_id) IN (SELECT source_file_id FROM replaced)
                    THEN 'replaced'
                ELSE 'published'
            END AS state,
            file.feed,
            array_agg(file.load_id ORDER BY file.as_of, file.load_id) AS loads
        FROM etl.source_file AS file
        WHERE file.status IN ('staged', 'in_force')
        GROUP BY 1, 2
        """
    ).fetchall()
    by_state: dict[str, dict[str, tuple[int, ...]]] = {"waiting": {}, "replaced": {}, "published": {}}
    for state, feed, listed in rows:
        by_state[state][feed] = tuple(listed)
    return by_state


def forget_all_loads(conn: Connection[TupleRow]) -> None:
    """Begin anew: drop all staging and the ledger of loads. The published tables stay until the new ones are complete."""
    # Killed in between, what is left counts as the remains of a load that never ended, which any next run clears away.
    with conn.transaction():
        conn.execute("UPDATE etl.load SET status = 'staging'")
        conn.execute(
            "UPDATE etl.source_file SET status = 'staging', superseded_by = NULL, replays_source_file_id = NULL"
        )
        conn.execute("UPDATE etl.rejected_row SET replayed_load_id = NULL WHERE replayed_load_id IS NOT NULL")
    partitions = conn.execute(
        "SELECT child.relname FROM pg_inherits INNER JOIN pg_class AS child ON child.oid = inhrelid "
        "INNER JOIN pg_namespace AS space ON space.oid = child.relnamespace WHERE space.nspname = 'staging'"
    ).fetchall()
    # A few at a time: each drop holds locks, and the server has room for so many only.
    names = [sql.Identifier("staging", row[0]) for row in partitions]
    for place in range(0, len(names), 200):
        conn.execute(sql.SQL("DROP TABLE {}").format(sql.SQL(", ").join(names[place : place + 200])))
    conn.execute("TRUNCATE etl.load, etl.source_file, etl.control_total, etl.rejected_row RESTART IDENTITY")


def empty_warehouse(conn: Connection[TupleRow], stages: set[str]) -> None:
    """In the publishing transaction: empty the tables that these stages fill, and what the SCD helper remembers."""
    if "dims" in stages:
        for spec in DIMENSIONS:
            _empty_dimension(conn, spec)
        conn.execute("DELETE FROM warehouse.dim_geography WHERE geography_key <> -1")
        conn.execute(
            "TRUNCATE etl.dimension_observation, etl.full_observation, etl.dimension_journal, etl.key_redirect"
        )
    if {"dims", "facts"} <= stages:  # the codes that no list knows come from the facts as they are loaded
        reference_loader.empty_references(conn)
    if "facts" in stages:
        conn.execute(
            "TRUNCATE warehouse.fact_enrollment, warehouse.fact_member_month, warehouse.fact_claim, "
            "warehouse.fact_claim_line, warehouse.claim_link, warehouse.fact_member_month_adjustment, "
            "warehouse.fact_enrollment_movement"
        )
    if "aggregates" in stages:
        cubes = sql.SQL(", ").join(sql.Identifier("mart", cube.table) for cube in BASE_CUBES)
        conn.execute(sql.SQL("TRUNCATE {}").format(cubes))


def _empty_dimension(conn: Connection[TupleRow], spec: DimensionSpec) -> None:
    """All but the reserved rows, -1 and -2."""
    name, columns = sql.Identifier("warehouse", spec.table), sql.SQL(", ").join(map(sql.Identifier, spec.columns))
    conn.execute(
        sql.SQL("CREATE TEMPORARY TABLE work_reserved ON COMMIT DROP AS SELECT * FROM {} WHERE {} IN (-1, -2)").format(
            name, sql.Identifier(spec.surrogate_key)
        )
    )
    conn.execute(sql.SQL("TRUNCATE {}").format(name))
    conn.execute(sql.SQL("INSERT INTO {} ({}) SELECT {} FROM work_reserved").format(name, columns, columns))
    conn.execute("DROP TABLE work_reserved")
