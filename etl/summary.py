"""What a run shows at its end, and the listings of the ledger: for people, on stdout."""

import sys
from collections.abc import Sequence
from datetime import date
from types import TracebackType

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from etl.catalog.cubes import BASE_CUBES, DERIVED_CUBES
from etl.catalog.dimensions import DIMENSIONS
from etl.catalog.facts import FACTS
from etl.catalog.sources import SOURCES
from etl.core.database import connect
from etl.core.plain_text import plain
from etl.pipeline import Outcome
from etl.transform.time_travel import as_of, published_with
from etl.verify import Compared

TRY_NEXT = """try next:
  make incremental      simulate the next business day and load it
  make dq               check the loaded tables with Great Expectations
  make psql             ask it: SELECT * FROM mart.loss_ratio_monthly ORDER BY 1, 2 LIMIT 12;
"""


class Progress:
    """A live line with the step that runs, on a terminal; silent elsewhere."""

    def __enter__(self) -> "Progress":
        self._status = None
        if sys.stderr.isatty():
            from rich.console import Console

            self._status = Console(stderr=True).status("starting")
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def show(self, stage: str, step: str) -> None:
        """This step runs now."""
        if self._status is not None:
            self._status.update(f"{stage}: {step}")


def _print(text: str = "") -> None:
    sys.stdout.write(f"{plain(text, keep=chr(10))}\n")


def _table(heads: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    """A plain table: text to the left, figures to the right."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [
        max(len(head), *(len(row[place]) for row in cells)) if cells else len(head) for place, head in enumerate(heads)
    ]
    is_figure = [bool(rows) and all(not isinstance(row[place], str) for row in rows) for place in range(len(heads))]

    def line(values: list[str]) -> str:
        return (
            "  "
            + "  ".join(
                value.rjust(width) if figure else value.ljust(width)
                for value, width, figure in zip(values, widths, is_figure, strict=True)
            ).rstrip()
        )

    _print(line(list(heads)))
    for row in cells:
        _print(line(row))


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) or hasattr(value, "quantize") else plain(str(value))


def print_summary(url: str, outcome: Outcome) -> None:
    """Rows per table, rejects, dollars reconciled, time per stage, what to try next."""
    batch = outcome.batch
    if not outcome.timings or not batch.loads:
        if outcome.staging and outcome.staging.refused:
            _print("nothing was taken in, nothing was changed")
        elif outcome.staging and outcome.staging.unchanged:
            _print(f"nothing new: {len(outcome.staging.unchanged)} files are loaded already; nothing was changed")
        else:
            _print("nothing is there to load; make full-load begins with a synthetic marketplace")
        return
    if outcome.is_rolled_back:
        _print("plan: this is what a load would do. Nothing was changed; the files stay staged, and load next time")
    for warning in outcome.staging.warnings if outcome.staging else ():
        _print(f"warning: {warning}")
    _print(f"\nrun {outcome.run_id}: {_what_was_done(outcome)}")
    _print("\nrows")
    _table(
        ("stage", "table", "read", "inserted", "updated", "deleted", "seconds"),
        [
            (t.stage, t.step, t.counts.read, t.counts.inserted, t.counts.updated, t.counts.deleted, f"{t.seconds:.2f}")
            for t in outcome.timings
            if t.counts.read or t.counts.changed
        ],
    )
    if outcome.changes:
        _print("\nhistory")
        _table(
            ("dimension", "new", "versions", "closed", "restated", "removed", "overwritten"),
            [
                (name, c.new_entities, c.new_versions, c.closed, c.restated, c.removed_versions, c.overwritten)
                for name, c in outcome.changes.items()
            ],
        )
    if outcome.is_rolled_back:
        _print_planned(outcome)
    with connect(url, autocommit=True) as conn:
        if outcome.staging and outcome.staging.loads:
            _print_conservation(conn, [load.load_id for load in outcome.staging.loads])
        if batch.is_rebuild and not outcome.is_rolled_back:
            _print_dollars(conn)
    passed = sum(result.passed for result in outcome.results)
    _print(f"\ngate: {passed} of {len(outcome.results)} checks passed" if outcome.results else "")
    stages: dict[str, float] = {}
    for timing in outcome.timings:
        stages[timing.stage] = stages.get(timing.stage, 0.0) + timing.seconds
    _print("time: " + " · ".join(f"{stage} {seconds:.2f} s" for stage, seconds in stages.items()))
    _print()
    sys.stdout.write(TRY_NEXT)


def _print_planned(outcome: Outcome) -> None:
    """What would change, kind by kind, with a few business keys of each."""
    rows = [
        (name, kind, count, ", ".join(change.samples.get(kind, ())))
        for name, change in outcome.changes.items()
        for kind, count in (
            ("new", change.new_entities),
            ("changed", change.changed_entities),
            ("gone", change.gone_entities),
            ("closed", change.closed),
            ("late", change.late),
            ("merged", change.removed_versions),
        )
        if count
    ]
    rows += [("facts", "re-keyed", t.counts.updated, "") for t in outcome.timings if t.step == "rekeyed_facts"]
    compared = ", beside what is published" if outcome.batch.is_rebuild else ""
    _print(f"\nwhat would change{compared} (closed, merged: versions; re-keyed: rows; else: entities)")
    _table(("table", "what", "how many", "such as"), [row for row in rows if row[2]])
    if outcome.batch.replaced:
        _print("  a published file is replaced: the facts and cubes are built anew, and pick their versions anew")


def _print_conservation(conn: Connection[TupleRow], loads: list[int]) -> None:
    _print("\nrecords: in the files = staged + rejected + exact duplicates")
    rows = conn.execute(
        "SELECT feed, count(*), sum(record_count)::bigint, sum(staged_count)::bigint, sum(rejected_count)::bigint, "
        "sum(duplicate_count)::bigint FROM etl.source_file WHERE load_id = ANY(%s) AND record_count IS NOT NULL "
        "GROUP BY feed ORDER BY feed",
        (loads,),
    ).fetchall()
    _table(("feed", "files", "records", "staged", "rejected", "duplicates"), list(rows))
    _print("\ndollars: in the files = staged + rejected + exact duplicates")
    rows = conn.execute(
        "SELECT file.feed || '.' || total.column_name, sum(total.file_amount), sum(total.staged_amount), "
        "sum(total.rejected_amount), sum(total.duplicate_amount) FROM etl.control_total AS total "
        "INNER JOIN etl.source_file AS file ON total.source_file_id = file.source_file_id WHERE file.load_id = ANY(%s) "
        "GROUP BY file.feed, total.column_name ORDER BY 1",
        (loads,),
    ).fetchall()
    _table(("amount", "in the files", "staged", "rejected", "duplicates"), list(rows))


def _what_was_done(outcome: Outcome) -> str:
    loads = "1 load" if len(outcome.batch.loads) == 1 else f"{len(outcome.batch.loads)} loads"
    if {timing.stage for timing in outcome.timings} == {"quality"}:
        return f"{loads} checked"
    if outcome.batch.replaced:
        files = sum(map(len, outcome.batch.replaced.values()))
        return (
            f"{loads} added, all else rebuilt: {files} published {'file was' if files == 1 else 'files were'} replaced"
        )
    return f"{loads} {'rebuilt' if outcome.batch.is_rebuild else 'added'}"


def _print_dollars(conn: Connection[TupleRow]) -> None:
    """The same dollars at every layer, each figure added up where it stands."""
    _print("\nclaim dollars at every layer")
    rows = conn.execute(
        """
        WITH file AS (
            SELECT source_file_id FROM etl.source_file WHERE feed = 'claims' AND status = 'in_force'
        ),

        total AS (
            SELECT
                total.column_name, sum(total.file_amount) AS file_amount,
                -sum(total.rejected_amount) AS rejected_amount, -sum(total.duplicate_amount) AS duplicate_amount
            FROM etl.control_total AS total
            INNER JOIN file USING (source_file_id)
            GROUP BY total.column_name
        ),

        crossed AS (
            SELECT
                max(file_amount) FILTER (WHERE column_name = 'billed_amount') AS billed_in_files,
                max(file_amount) FILTER (WHERE column_name = 'allowed_amount') AS allowed_in_files,
                max(file_amount) FILTER (WHERE column_name = 'paid_amount') AS paid_in_files,
                max(rejected_amount + duplicate_amount) FILTER (WHERE column_name = 'billed_amount') AS billed_kept_out,
                max(rejected_amount + duplicate_amount) FILTER (WHERE column_name = 'allowed_amount') AS allowed_kept_out,
                max(rejected_amount + duplicate_amount) FILTER (WHERE column_name = 'paid_amount') AS paid_kept_out
            FROM total
        ),

        claim AS (
            SELECT claim_frequency_code = '8' AS is_void, billed_amount, allowed_amount, paid_amount
            FROM staging.stg_claim
            INNER JOIN file USING (source_file_id)
        ),

        layer (place, name, billed, allowed, paid) AS (
            SELECT 1, 'in the files', billed_in_files, allowed_in_files, paid_in_files FROM crossed
            UNION ALL
            SELECT 2, '- rejected or duplicate', billed_kept_out, allowed_kept_out, paid_kept_out FROM crossed
            UNION ALL
            SELECT 3, '= stg_claim', sum(billed_amount), sum(allowed_amount), sum(paid_amount) FROM claim
            UNION ALL
            SELECT 4, '- voids', -sum(billed_amount), -sum(allowed_amount), -sum(paid_amount) FROM claim WHERE is_void
            UNION ALL
            SELECT 5, '- replaced and voided versions', sum(billed_amount), sum(allowed_amount), sum(paid_amount)
            FROM warehouse.fact_claim_line WHERE is_reversal
            UNION ALL
            SELECT 6, '= fact_claim_line', sum(billed_amount), sum(allowed_amount), sum(paid_amount)
            FROM warehouse.fact_claim_line
            UNION ALL
            SELECT 7, '= claims_daily_plan_provider', sum(billed_amount), sum(allowed_amount), sum(paid_amount)
            FROM mart.claims_daily_plan_provider
            UNION ALL
            SELECT 8, '= claims_monthly_member', sum(billed_amount), sum(allowed_amount), sum(paid_amount)
            FROM mart.claims_monthly_member
            UNION ALL
            SELECT 9, '= loss_ratio_monthly', NULL, sum(allowed_amount), sum(paid_amount) FROM mart.loss_ratio_monthly
        )

        SELECT
            name, CASE WHEN place < 9 THEN COALESCE(billed, 0.00) END,
            COALESCE(allowed, 0.00), COALESCE(paid, 0.00)
        FROM layer
        ORDER BY place
        """
    ).fetchall()
    _table(("layer", "billed", "allowed", "paid"), list(rows))


def print_status(url: str) -> None:
    """Tables with their rows, and the last loads."""
    tables = [
        *(("staging", spec.table) for spec in SOURCES),
        *(("warehouse", spec.table) for spec in DIMENSIONS),
        *(("warehouse", spec.table) for spec in FACTS),
        *(("mart", cube.table) for cube in BASE_CUBES),
        *(("mart", cube.table) for cube in DERIVED_CUBES),
    ]
    with connect(url, autocommit=True) as conn:
        rows: list[tuple[object, ...]] = []
        for schema, table in tables:
            count = conn.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, table))).fetchone()
            rows.append((f"{schema}.{table}", count[0] if count else 0))
        _table(("table", "rows"), rows)
    print_loads(url, most=5)


def print_loads(url: str, most: int = 100) -> None:
    """The history of loads: what came in, and that nothing of it is missing."""
    with connect(url, autocommit=True) as conn:
        rows = conn.execute(
            "SELECT load.load_id, load.delivery_name, load.status, count(file.source_file_id), "
            "sum(file.record_count)::bigint, sum(file.staged_count)::bigint, sum(file.rejected_count)::bigint, "
            "(SELECT count(*) FROM etl.rejected_row AS reject WHERE reject.load_id = load.load_id AND status = 'open'), "
            "sum(file.duplicate_count)::bigint, COALESCE(to_char(load.published_at, 'YYYY-MM-DD HH24:MI'), '') "
            "FROM etl.load AS load LEFT JOIN etl.source_file AS file ON load.load_id = file.load_id "
            "GROUP BY load.load_id ORDER BY load.load_id DESC LIMIT %s",
            (most,),
        ).fetchall()
        dollars = conn.execute(
            "SELECT file.load_id, total.column_name, sum(total.file_amount), sum(total.staged_amount), "
            "sum(total.rejected_amount), sum(total.duplicate_amount) "
            "FROM etl.control_total AS total INNER JOIN etl.source_file AS file USING (source_file_id) "
            "WHERE file.load_id = ANY(%s) AND total.column_name = ANY(%s) GROUP BY 1, 2 ORDER BY 1 DESC, 2",
            ([row[0] for row in rows], [spec.control_columns[0] for spec in SOURCES if spec.control_columns]),
        ).fetchall()
    _print()
    if not rows:
        _print("no load yet: make full-load")
        return
    _table(
        (
            "load",
            "delivery",
            "status",
            "files",
            "records",
            "staged",
            "rejected",
            "open",
            "duplicates",
            "published (UTC)",
        ),
        list(rows),
    )
    if dollars:
        _print()
        _table(("load", "dollars of", "in the files", "staged", "rejected", "duplicates"), list(dollars))


def print_verified(found: Sequence[Compared]) -> None:
    """Table by table: rows compared, rows that differ from the rebuild, and some of their keys."""
    _table(
        ("table", "rows", "differing", "first keys that differ"),
        [(each.table, each.row_count, each.differing_count, ", ".join(each.samples)) for each in found],
    )
    differing = sum(each.differing_count for each in found)
    _print(
        f"\n{differing:,} rows differ from a rebuild; python run.py --from dims builds the tables anew"
        if differing
        else "\nall tables are what a rebuild from staging gives"
    )


def print_as_of(url: str, entity: str, moment: date, known_at: int | None, *, most: int) -> None:
    """The versions of a dimension on a day: keys, dates and what is versioned of it. Personal columns are left out."""
    spec = next(each for each in DIMENSIONS if each.entity == entity)
    personal = {column.name for source in SOURCES for column in source.columns if column.personal}
    shown = [
        name
        for name in (*spec.business_key, *spec.fixed, *spec.versioned[:4], "start_date", "end_date")
        if name not in personal
    ]
    with connect(url, autocommit=True) as conn:
        # Loads that were published together were never known apart.
        known_with = None if known_at is None else published_with(conn, known_at)
        rows = as_of(conn, spec, moment, known_with)
    places = [spec.columns.index(name) for name in shown]
    _table(tuple(shown), [tuple(str(row[place]) for place in places) for row in rows[:most]])
    known = f", as known after load {known_at}" if known_at is not None else ""
    known += f" and those published with it, up to {known_with}" if known_with != known_at else ""
    _print(f"\n{len(rows):,} {entity}s on {moment}{known}; {min(most, len(rows))} shown")
