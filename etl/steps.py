"""The steps of the publishing transaction, in the order in which they run: each fills one table."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from etl.catalog.checks import Result
from etl.catalog.cubes import BASE_CUBES, DERIVED_CUBES, BaseCube, DerivedCube
from etl.catalog.dimensions import DIMENSIONS
from etl.core.database import local_settings
from etl.core.indexes import indexes_afterwards
from etl.core.ledger import Ledger, RowCounts
from etl.core.spec import DimensionSpec, Mode
from etl.core.sqlfiles import sql_file
from etl.quality import gate
from etl.transform import cube_loader, fact_loader, movement_loader, planned, reference_loader
from etl.transform.batch import Batch
from etl.transform.dimension_loader import DimensionChange, load_dimension
from etl.transform.history import Observed
from etl.transform.work_tables import make

STAGES = ("extract", "stage", "dims", "facts", "aggregates", "quality")


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
    results: tuple[Result, ...] = ()
    # Another connection, to read on what is committed; where nothing of it is locked in this transaction.
    open_reader: Callable[[], Connection[TupleRow]] | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One table filled, in the run's transaction."""

    name: str
    stage: str
    work: Callable[[Run], RowCounts]


def _dim_date(run: Run) -> RowCounts:
    """The calendar, once."""
    filled = run.conn.execute("SELECT EXISTS (SELECT FROM warehouse.dim_date)").fetchone()
    if filled and filled[0]:
        return RowCounts()
    # So that the server need not log what it can drop.
    run.conn.execute("TRUNCATE warehouse.dim_date")
    with indexes_afterwards(run.conn, sql.Identifier("warehouse", "dim_date")):
        days = sql_file("dim_date").run(run.conn)
    run.conn.execute("ANALYZE warehouse.dim_date (date_key, calendar_date)")
    return RowCounts(inserted=days)


def _dim_geography(run: Run) -> RowCounts:
    # Made by itself, since workers share only what is read; and few places come of many members, which nobody can know.
    with local_settings(run.conn, parallel_tuple_cost="0.001"):
        make(run.conn, "work_place", loads=run.batch.news("members"))
    return RowCounts(inserted=sql_file("dim_geography").run(run.conn))


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


def _claim_cents(run: Run) -> RowCounts:
    return cube_loader.leave_cents(run.conn, is_rebuild=run.batch.is_rebuild)


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
    run.moved |= cube_loader.passed(before, cube_loader.horizon(run.conn))
    return RowCounts(updated=published.rowcount)


def _gate(run: Run) -> RowCounts:
    run.results = gate.run_gate(run.conn, run.batch.sources, whole=run.batch.is_rebuild)
    gate.record(run.ledger.conn, run.ledger.run_id, run.results)
    gate.decide(run.results)
    return RowCounts(read=len(run.results))


PIPELINE: tuple[Step, ...] = (
    Step("dim_date", "dims", _dim_date),
    *map(_dimension_step, DIMENSIONS),
    Step("dim_geography", "dims", _dim_geography),
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
    Step("claim_cents", "aggregates", _claim_cents),
    *map(_cube_step, BASE_CUBES),
    Step("publish", "aggregates", _publish),
    *map(_view_step, DERIVED_CUBES),
    Step("gate", "quality", _gate),
)
