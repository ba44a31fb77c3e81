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
from etl.catalog.cubes import BASE_CUBES, PREMIUMS, BaseCube
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
    values: dict[str, Any] = {
        "whole": whole,
        "loads": [],
        "all_loads": sorted({load for listed in loads.values() for load in listed}),
        "days": [],
        "months": [],
    }
    if not whole:
        values["days"] = _listed(conn, "SELECT array_agg(DISTINCT service_date) FROM work_claim_delta")
    if _listed(conn, "SELECT array_agg(true) WHERE to_regclass('pg_temp.work_claim_link') IS NULL"):
        # No claims were loaded just now, which would have left it.
        # A recursion clears a hash table as large as it may become before it begins, which takes longer than all the rest.
        with local_settings(conn, work_mem="8MB"):
            _make(conn, "work_claim_link", loads=claims, is_rebuild=whole)
    _make(conn, "work_gate_staged", loads=claims)
    _make(conn, "work_gate_line", loads=claims)
    if whole:
        _make(conn, "work_gate_day", "work_gate_day_of_all")
    else:
        _make(conn, "work_gate_day", days=values["days"])
    values["months"] = _listed(
        conn,
        "SELECT array_agg(month_start_date) FROM (SELECT DISTINCT month_start_date FROM warehouse.fact_member_month) AS m"
        if whole
        else "SELECT array_agg(DISTINCT month_start_date) FROM work_member_month_delta",
    )
    _make(conn, "work_gate_month", "work_gate_month" if whole else "work_gate_month_of_load", months=values["months"])
    return values


def _make(conn: Connection[TupleRow], table: str, file: str | None = None, **values: Any) -> None:
    """Make a work table anew by the file of its name, or by another."""
    conn.execute(sql.SQL("DROP TABLE IF EXISTS pg_temp.{}").format(sql.Identifier(table)))
    sql_file(file or table).run(conn, **values)


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
    # Each key is looked for by itself first, which an index can answer; most have one version, which overlaps with none.
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
        "WHERE ({bk}) IN (SELECT {bk} FROM version GROUP BY {bk} HAVING count(*) > 1) "
        "GROUP BY {bk}, start_date HAVING count(*) > 1"
    ).format(how=sql.SQL("NOT MATERIALIZED" if whole else "MATERIALIZED"), only=only, **names)
    rows = conn.execute(query).fetchall()
    return Result(f"{spec.table}_history", spec.table, Severity.CRITICAL, tuple(row[0] for row in rows))


def _cube_totals(conn: Connection[TupleRow], *, whole: bool) -> list[Result]:
    """Every base cube holds the totals of its fact, measure by measure.

    In a load, what a day or month of the load sums to is compared; the totals of a cube without either are compared with
    those of a cube that has one, since only the facts weigh what history weighs.
    """
    results = []
    checked = {check.table for check in CHECKS if not whole and check.scope is not Scope.WHOLE}
    for fact in dict.fromkeys(cube.fact for cube in BASE_CUBES):
        cubes = [cube for cube in BASE_CUBES if cube.fact == fact]
        sliced = [cube for cube in cubes if _slice(cube)]
        if whole or not (sliced or fact in _TOTALS_OF):
            measures = sorted({measure for cube in cubes for measure in cube.measures})
            expected = _sums(conn, _ADDED_UP.get(fact, ("warehouse", fact)), measures)
        elif fact in _TOTALS_OF:
            expected = _sums(conn, ("mart", _TOTALS_OF[fact]), PREMIUMS)
        else:
            # The last is the smallest: cubes are listed from fine to coarse.
            expected = _sums(conn, ("mart", sliced[-1].table), sliced[-1].measures)
        for cube in cubes:
            if cube.table in checked:
                continue
            results.append(_sliced(conn, cube) if cube in sliced and not whole else _whole(conn, cube, expected))
    return results


# The work tables in which the gate has added a whole fact up already.
_ADDED_UP = {"fact_claim_line": ("work_gate_line",), "fact_member_month": ("work_gate_month",)}


# What the changes of member months add up to is what member months there are.
_TOTALS_OF = {"fact_member_month_adjustment": "enrollment_monthly_plan"}


def _slice(cube: BaseCube) -> tuple[str, str] | None:
    """The column by which a cube's touched part is found, and the work table that holds the facts added up by it."""
    if cube.fact == "fact_claim_line" and "service_date" in cube.key:
        return "service_date", "work_gate_day"
    if cube.fact == "fact_member_month" and "month_start_date" in cube.key:
        return "month_start_date", "work_gate_month"
    return None


def _sums(conn: Connection[TupleRow], table: tuple[str, ...], measures: Iterable[str]) -> dict[str, Any]:
    names = list(measures)
    query = sql.SQL("SELECT {} FROM {}").format(
        sql.SQL(", ").join(sql.SQL("COALESCE(sum({}), 0)").format(sql.Identifier(name)) for name in names),
        sql.Identifier(*table),
    )
    return dict(zip(names, conn.execute(query).fetchone() or (), strict=True))


def _whole(conn: Connection[TupleRow], cube: BaseCube, expected: Mapping[str, Any]) -> Result:
    shared = [measure for measure in cube.measures if measure in expected]
    found = _sums(conn, ("mart", cube.table), shared) if shared else {}
    keys = tuple(
        f"{measure}: {expected[measure]} expected, {found[measure]} found"
        for measure in shared
        if expected[measure] != found[measure]
    )
    return Result(f"{cube.table}_totals", cube.table, Severity.CRITICAL, keys)


def _sliced(conn: Connection[TupleRow], cube: BaseCube) -> Result:
    """The days (months) of the load in which cube and facts differ."""
    part = _slice(cube)
    assert part is not None
    column, facts = part
    query = sql.SQL(
        "WITH cube AS (SELECT c.{column}, {sums} FROM mart.{cube} AS c "
        "WHERE c.{column} = ANY(ARRAY(SELECT f.{column} FROM {facts} AS f)) GROUP BY c.{column}) "
        "SELECT f.{column}::text FROM {facts} AS f LEFT JOIN cube ON f.{column} = cube.{column} "
        "WHERE ROW({mine}) IS DISTINCT FROM ROW({theirs})"
    ).format(
        column=sql.Identifier(column),
        cube=sql.Identifier(cube.table),
        facts=sql.Identifier(facts),
        sums=sql.SQL(", ").join(sql.SQL("sum(c.{0}) AS {0}").format(sql.Identifier(name)) for name in cube.measures),
        mine=sql.SQL(", ").join(sql.Identifier("f", name) for name in cube.measures),
        theirs=sql.SQL(", ").join(sql.Identifier("cube", name) for name in cube.measures),
    )
    return Result(
        f"{cube.table}_totals", cube.table, Severity.CRITICAL, tuple(row[0] for row in conn.execute(query).fetchall())
    )


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
