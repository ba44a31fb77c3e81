"""Checks of the gate that are the same for every table, composed from its spec."""

from collections.abc import Iterable, Mapping
from typing import Any

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from etl.catalog.checks import CHECKS, Result, Scope, Severity
from etl.catalog.cubes import BASE_CUBES, BaseCube
from etl.catalog.facts import FACTS, FactSpec, Role
from etl.core import compose
from etl.core.spec import DimensionSpec


def history(conn: Connection[TupleRow], spec: DimensionSpec, *, whole: bool) -> Result:
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
        "bk": compose.listed(spec.business_key),
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


def moved_keys(conn: Connection[TupleRow]) -> Result:
    """Where a load moved versions, facts of the entity in those days point to the version now in force."""
    failed: list[str] = []
    for fact in FACTS:
        for role in fact.roles:
            failed += _moved_keys_of(conn, fact, role)
    return Result("moved_keys_in_force", "facts", Severity.CRITICAL, tuple(failed))


# Of a month it is the last day that counts, which is no column.
_DAYS = {"month_end_date": sql.SQL("(near.month_start_date + INTERVAL '1 month' - INTERVAL '1 day')::date")}


def _moved_keys_of(conn: Connection[TupleRow], fact: FactSpec, role: Role) -> list[str]:
    names: dict[str, sql.Composable] = {
        "fact": sql.Identifier("warehouse", fact.table),
        "dim": sql.Identifier("warehouse", role.dimension),
        "moved": sql.Identifier(f"work_moved_{role.entity}"),
        "day": _DAYS.get(fact.date_column, compose.column("near", fact.date_column)),
        "dk": sql.Identifier(f"{role.name}_durable_key"),
        "sk": sql.Identifier(f"{role.name}_key"),
        "dim_dk": sql.Identifier(f"{role.entity}_durable_key"),
        "dim_sk": sql.Identifier(f"{role.entity}_key"),
        "told": sql.Literal(f"{fact.table} %s: {role.name}_key %s instead of %s"),
        "identity": compose.columns("fact", fact.identity),
    }
    if conn.execute(sql.SQL("SELECT FROM {moved} LIMIT 1").format(**names)).fetchone() is None:
        return []
    # OFFSET 0: the facts are looked up, entity by entity, however few rows the planner expects.
    rows = conn.execute(
        sql.SQL(
            """
            SELECT DISTINCT format({told}, concat_ws(' ', {identity}), fact.{sk}, COALESCE(version.{dim_sk}, -2))
            FROM {moved} AS moved
            CROSS JOIN LATERAL (
                SELECT near.*, {day} AS day
                FROM {fact} AS near
                WHERE near.{dk} = moved.durable_key AND {day} >= moved.start_date AND {day} < moved.end_date
                OFFSET 0
            ) AS fact
            LEFT JOIN {dim} AS version
                ON fact.{dk} = version.{dim_dk} AND fact.day >= version.start_date AND fact.day < version.end_date
            WHERE fact.{sk} <> COALESCE(version.{dim_sk}, -2)
            """
        ).format(**names)
    ).fetchall()
    return [row[0] for row in rows]


def cube_totals(conn: Connection[TupleRow], *, whole: bool) -> list[Result]:
    """Every base cube holds the totals of its fact, measure by measure.

    In a load, cubes that have a check of their own are not added up: they, like the facts, weigh what history weighs. The
    others are compared with one of those, the smallest, and that one with the first of the others.
    """
    results = []
    checked = {check.table for check in CHECKS if not whole and check.scope is not Scope.WHOLE}
    for fact in dict.fromkeys(cube.fact for cube in BASE_CUBES):
        cubes = [cube for cube in BASE_CUBES if cube.fact == fact and cube.table not in checked]
        found = [_sums(conn, ("mart", cube.table), cube.measures) for cube in cubes]
        if whole or fact not in _TOTALS_OF:
            measures = sorted({measure for cube in cubes for measure in cube.measures})
            expected = _sums(conn, _ADDED_UP.get(fact, ("warehouse", fact)), measures)
        elif cubes:
            small = next(cube for cube in BASE_CUBES if cube.table == _TOTALS_OF[fact])
            expected = _sums(conn, ("mart", small.table), small.measures)
            if small.fact == fact:
                results.append(_compared(small, expected, found[0]))
        results += [_compared(cube, sums, expected) for cube, sums in zip(cubes, found, strict=True)]
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


def _compared(cube: BaseCube, found: Mapping[str, Any], expected: Mapping[str, Any]) -> Result:
    keys = tuple(
        f"{measure}: {expected[measure]} expected, {found[measure]} found"
        for measure in cube.measures
        if measure in expected and expected[measure] != found[measure]
    )
    return Result(f"{cube.table}_totals", cube.table, Severity.CRITICAL, keys)
