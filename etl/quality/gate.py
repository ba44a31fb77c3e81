"""The gate: checks in SQL, in the load's own transaction, before it commits.

Facts and staging are added up once, into work tables; the checks compare sums, and look for single keys only where sums
differ. A load is judged by what it touched, so that it costs what it weighs; a rebuild by all there is.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from etl.catalog.checks import CHECKS, Scope, Severity
from etl.catalog.cubes import BASE_CUBES, BaseCube
from etl.catalog.dimensions import DIMENSIONS
from etl.core.database import local_settings
from etl.core.errors import QualityGateError
from etl.core.spec import DimensionSpec
from etl.core.sqlfiles import sql_file


@dataclass(frozen=True, slots=True)
class Result:
    """What one check found: the keys that fail it, all of them."""

    check: str
    table: str
    severity: Severity
    failed_keys: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """No key fails."""
        return not self.failed_keys


def run_gate(conn: Connection[TupleRow], loads: Mapping[str, tuple[int, ...]], *, whole: bool) -> tuple[Result, ...]:
    """Check what these loads (of each feed) changed, or, *whole*, everything.

    Needs the work tables that the loaders leave behind, so it runs in their transaction.
    """
    values = _add_up(conn, loads, whole=whole)
    results = []
    for check in CHECKS:
        if check.scope in (Scope.ALWAYS, Scope.WHOLE if whole else Scope.LOAD):
            file = sql_file(check.name)
            taken = {name: values[name] for name in file.values}
            if "loads" in taken:
                taken["loads"] = list(loads.get(check.feed, ()))
            rows = conn.execute(file.query, taken or None).fetchall()
            results.append(Result(check.name, check.table, check.severity, tuple(row[0] for row in rows)))
    results += [_history(conn, spec, whole=whole) for spec in DIMENSIONS]
    return (*results, *_cube_totals(conn, whole=whole))


def _add_up(conn: Connection[TupleRow], loads: Mapping[str, tuple[int, ...]], *, whole: bool) -> dict[str, Any]:
    """Make the gate's work tables, each by one scan; what the checks' SQL files take as values."""
    claims = list(loads.get("claims", ()))
    if _listed(conn, "SELECT array_agg(true) WHERE to_regclass('pg_temp.work_claim_link') IS NULL"):
        # No claims were loaded just now, which would have left it.
        # A recursion clears a hash table as large as it may become before it begins, which takes longer than all the rest.
        with local_settings(conn, work_mem="8MB"):
            _make(conn, "work_claim_link", loads=claims, is_rebuild=whole)
    _make(conn, "work_gate_staged", loads=claims)
    _make(conn, "work_gate_line", loads=claims)
    if whole:
        _make(conn, "work_gate_day")
        _make(conn, "work_gate_month")
    return {
        "loads": [],
        "all_loads": sorted({load for listed in loads.values() for load in listed}),
        "days": [] if whole else _listed(conn, "SELECT array_agg(DISTINCT service_date) FROM work_claim_delta"),
    }


def _make(conn: Connection[TupleRow], table: str, **values: Any) -> None:
    """Make a work table anew by the file of its name."""
    conn.execute(sql.SQL("DROP TABLE IF EXISTS pg_temp.{}").format(sql.Identifier(table)))
    sql_file(table).run(conn, **values)


def _listed(conn: Connection[TupleRow], query: str) -> list[Any]:
    row = conn.execute(query.encode()).fetchone()
    return list(row[0]) if row and row[0] else []


def _history(conn: Connection[TupleRow], spec: DimensionSpec, *, whole: bool) -> Result:
    """Versions follow each other without overlap, and each key stands for one version of one entity.

    (That each ends after it begins, and that an entity has one current version, the table itself checks.)
    """
    names = {
        "dim": sql.Identifier("warehouse", spec.table),
        "moved": sql.Identifier(f"work_moved_{spec.entity}"),
        "dk": sql.Identifier(spec.durable_key),
        "sk": sql.Identifier(spec.surrogate_key),
        "dk_name": sql.Literal(spec.durable_key),
        "sk_name": sql.Literal(spec.surrogate_key),
        "bk": sql.SQL(", ").join(map(sql.Identifier, spec.business_key)),
    }
    only = sql.SQL("" if whole else "WHERE d.{dk} IN (SELECT m.durable_key FROM {moved} AS m)").format(**names)
    # Of all versions each key is looked for by itself first, which an index can answer. Most entities have one version,
    # which overlaps with none.
    query = sql.SQL(
        "WITH version AS {how} (SELECT {dk}, {sk}, {bk}, start_date, end_date FROM {dim} AS d {only}) "
        "SELECT {dk_name} || ' ' || {dk} || problem FROM ("
        "SELECT {dk}, CASE WHEN lead(start_date) OVER life < end_date THEN ': versions overlap from ' || start_date "
        "WHEN lag(ROW({bk})) OVER life <> ROW({bk}) THEN ': durable key stands for several entities' END AS problem "
        "FROM version WHERE {dk} IN (SELECT {dk} FROM version GROUP BY {dk} HAVING count(*) > 1) "
        "WINDOW life AS (PARTITION BY {dk} ORDER BY start_date)) AS several WHERE problem IS NOT NULL "
        "UNION ALL SELECT {sk_name} || ' ' || {sk} || ': surrogate key stands for several versions' FROM version "
        "GROUP BY {sk} HAVING count(*) > 1 "
        "UNION ALL SELECT {dk_name} || ' ' || min({dk}) || ': business key is doubled' FROM version "
        "{repeated} GROUP BY {bk}, start_date HAVING count(*) > 1"
    ).format(
        how=sql.SQL("NOT MATERIALIZED" if whole else "MATERIALIZED"),
        only=only,
        repeated=sql.SQL(
            "WHERE ({bk}) IN (SELECT {bk} FROM version GROUP BY {bk} HAVING count(*) > 1)" if whole else ""
        ).format(**names),
        **names,
    )
    rows = conn.execute(query).fetchall()
    return Result(f"{spec.table}_history", spec.table, Severity.CRITICAL, tuple(row[0] for row in rows))


def _cube_totals(conn: Connection[TupleRow], *, whole: bool) -> list[Result]:
    """Every base cube holds the totals of its fact, measure by measure.

    In a load, cubes that have a check of their own are not added up: they, like the facts, weigh what history weighs. The
    others are compared with one of those, the smallest, and that one with the first of the others.
    """
    results = []
    checked = {check.table for check in CHECKS if not whole and check.scope is not Scope.WHOLE}
    for fact in dict.fromkeys(cube.fact for cube in BASE_CUBES):
        cubes = [cube for cube in BASE_CUBES if cube.fact == fact and cube.table not in checked]
        measures = sorted({measure for cube in cubes for measure in cube.measures})
        if whole or fact not in _TOTALS_OF:
            expected = _sums(conn, _ADDED_UP.get(fact, ("warehouse", fact)), measures)
        elif cubes:
            small = next(cube for cube in BASE_CUBES if cube.table == _TOTALS_OF[fact])
            expected = _sums(conn, ("mart", small.table), small.measures)
            if small.fact == fact:
                results.append(_compared(conn, small, _sums(conn, ("mart", cubes[0].table), cubes[0].measures)))
        results += [_compared(conn, cube, expected) for cube in cubes]
    return results


# The work tables in which the gate has added a whole fact up already.
_ADDED_UP = {"fact_claim_line": ("work_gate_line",), "fact_member_month": ("work_gate_month",)}


# The cube that is taken for its fact in a load. What the changes of member months add up to is what months there are.
_TOTALS_OF = {
    "fact_claim_line": "claims_yearly_member",
    "fact_member_month": "enrollment_monthly_plan",
    "fact_member_month_adjustment": "enrollment_monthly_plan",
}


def _sums(conn: Connection[TupleRow], table: tuple[str, ...], measures: Iterable[str]) -> dict[str, Any]:
    names = list(measures)
    query = sql.SQL("SELECT {} FROM {}").format(
        sql.SQL(", ").join(sql.SQL("COALESCE(sum({}), 0)").format(sql.Identifier(name)) for name in names),
        sql.Identifier(*table),
    )
    return dict(zip(names, conn.execute(query).fetchone() or (), strict=True))


def _compared(conn: Connection[TupleRow], cube: BaseCube, expected: Mapping[str, Any]) -> Result:
    shared = [measure for measure in cube.measures if measure in expected]
    found = _sums(conn, ("mart", cube.table), shared) if shared else {}
    keys = tuple(
        f"{measure}: {expected[measure]} expected, {found[measure]} found"
        for measure in shared
        if expected[measure] != found[measure]
    )
    return Result(f"{cube.table}_totals", cube.table, Severity.CRITICAL, keys)


def record(conn: Connection[TupleRow], run_id: int, results: Iterable[Result]) -> None:
    """Keep the results, and every failing key, in the ledger; *conn* is the ledger's own, so a rollback keeps them."""
    for result in results:
        row = conn.execute(
            "INSERT INTO etl.check_result (run_id, suite, check_name, table_name, severity, status, failed_count) "
            "VALUES (%s, 'gate', %s, %s, %s, %s, %s) RETURNING check_result_id",
            (
                run_id,
                result.check,
                result.table,
                result.severity.value,
                "passed" if result.passed else "failed",
                len(result.failed_keys),
            ),
        ).fetchone()
        if row and result.failed_keys:
            with (
                conn.cursor() as cursor,
                cursor.copy("COPY etl.check_failure (check_result_id, failed_key) FROM STDIN") as copy,
            ):
                for key in result.failed_keys:
                    copy.write_row((row[0], key))


def decide(results: Iterable[Result], *, verdict: str = "the gate is shut, nothing was published") -> None:
    """QualityGateError where a critical check failed: which, how many, and how to see them."""
    failed = [result for result in results if not result.passed and result.severity is Severity.CRITICAL]
    if failed:
        told = "; ".join(
            f"{result.check} on {result.table}: {len(result.failed_keys):,} failing keys" for result in failed
        )
        raise QualityGateError(f"{verdict}. {told}. See them with: make failures")
