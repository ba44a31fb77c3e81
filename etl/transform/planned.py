"""What a rebuild would change in a dimension, found by comparing: of an increment the SCD helper tells it itself."""

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from etl.core import compose
from etl.core.spec import DimensionSpec
from etl.transform.write_versions import SAMPLES, DimensionChange


def remember(conn: Connection[TupleRow], spec: DimensionSpec) -> None:
    """plan_<entity>: the versions that are published, before they are rebuilt in this transaction."""
    conn.execute(
        sql.SQL(
            "DROP TABLE IF EXISTS pg_temp.{plan}; CREATE TEMPORARY TABLE {plan} ON COMMIT DROP AS {versions}"
        ).format(plan=sql.Identifier(f"plan_{spec.entity}"), versions=_versions(spec))
    )


def compare(conn: Connection[TupleRow], spec: DimensionSpec) -> DimensionChange:
    """The rebuilt dimension against what `remember` kept."""
    kinds = {
        "new": "NOT was_there",
        "changed": "was_there AND (has_new OR restated > 0)",
        "gone": "was_living AND NOT is_living",
        "closed": "closed > 0",
        "merged": "removed > 0",
    }
    query = sql.SQL(
        """
        WITH version AS (
            SELECT
                COALESCE(now.durable_key, old.durable_key) AS durable_key,
                COALESCE(now.business_key, old.business_key) AS business_key,
                old.durable_key IS NOT NULL AS was_there,
                now.durable_key IS NOT NULL AS is_there,
                old.is_open,
                COALESCE(now.is_open, false) AS stays_open,
                old.end_date <> now.end_date AS is_closed,
                old.row_hash <> now.row_hash AS is_restated,
                old.overwritten_hash <> now.overwritten_hash AS is_overwritten
            FROM {plan} AS old
            FULL JOIN ({versions}) AS now
                ON old.durable_key = now.durable_key AND old.start_date = now.start_date
        ),

        entity AS (
            SELECT
                min(business_key) AS business_key,
                bool_or(was_there) AS was_there,
                COALESCE(bool_or(is_open), false) AS was_living,
                bool_or(stays_open) AS is_living,
                bool_or(is_there AND NOT was_there) AS has_new,
                count(*) FILTER (WHERE is_there AND NOT was_there) AS inserted,
                count(*) FILTER (WHERE is_closed) AS closed,
                count(*) FILTER (WHERE is_restated) AS restated,
                count(*) FILTER (WHERE NOT is_there) AS removed,
                count(*) FILTER (WHERE is_overwritten) AS overwritten
            FROM version
            GROUP BY durable_key
        )

        SELECT
            count(*) FILTER (WHERE {new}), count(*) FILTER (WHERE {changed}), count(*) FILTER (WHERE {gone}),
            COALESCE(sum(inserted), 0)::bigint, COALESCE(sum(closed), 0)::bigint, COALESCE(sum(restated), 0)::bigint,
            COALESCE(sum(removed), 0)::bigint, COALESCE(sum(overwritten), 0)::bigint, {samples}
        FROM entity
        """
    ).format(
        plan=sql.Identifier(f"plan_{spec.entity}"),
        versions=_versions(spec),
        samples=sql.SQL(", ").join(
            sql.SQL("(array_agg(business_key ORDER BY business_key) FILTER (WHERE {}))[:{}]").format(
                sql.SQL(condition), sql.Literal(SAMPLES)
            )
            for condition in kinds.values()
        ),
        **{kind: sql.SQL(kinds[kind]) for kind in ("new", "changed", "gone")},
    )
    row = conn.execute(query).fetchone()
    assert row is not None
    new, changed, gone, inserted, closed, restated, removed, overwritten, *samples = row
    return DimensionChange(
        new_entities=new,
        changed_entities=changed,
        gone_entities=gone,
        new_versions=inserted,
        closed=closed,
        restated=restated,
        removed_versions=removed,
        overwritten=overwritten,
        samples={kind: tuple(names or ()) for kind, names in zip(kinds, samples, strict=True)},
    )


def _versions(spec: DimensionSpec) -> sql.Composed:
    return sql.SQL(
        "SELECT {dk} AS durable_key, concat_ws(' / ', {bk}) AS business_key, start_date, end_date, "
        "end_date = '9999-12-31' AS is_open, row_hash, overwritten_hash FROM {table} WHERE row_hash IS NOT NULL"
    ).format(
        dk=sql.Identifier(spec.durable_key),
        bk=compose.listed(spec.business_key),
        table=compose.qualified(spec.table, "warehouse"),
    )
