"""The statements of the SCD helper: from observations to the versions a dimension should hold.

Words. An *observation* says that from a day on a key has a value, or is gone. It holds until the key's next observation.
The dimension is those observations with equal neighbours merged. To take in a late one, its right neighbour must be known
although it was merged away: full deliveries are in etl.full_observation (each observes every key in its scope), all others
in etl.dimension_observation. A *loser* is an observation of a day that a delivery with a greater as_of also spoke of.

All work tables are temporary, called work_*, and are analyzed before they are joined: without it a small delta is ten
times slower.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from etl.core import compose
from etl.core.hashing import hash_rows
from etl.core.spec import DimensionSpec, Mode

OPEN_END = date(9999, 12, 31)
BEGINNING = date(1900, 1, 1)


@dataclass(frozen=True, slots=True)
class Observed:
    """One delivery that speaks of a dimension: which rows of the source it is, and what absence in it means."""

    load_id: int
    as_of: date
    mode: Mode
    load_timestamp: datetime


@dataclass(frozen=True, slots=True)
class Schemas:
    """Where the dimension and its ledger stand: other schemas rebuild beside the published tables."""

    warehouse: str = "warehouse"
    ledger: str = "etl"


class History:
    """One application of deliveries to one dimension, in the caller's transaction."""

    def __init__(self, conn: Connection[TupleRow], spec: DimensionSpec, schemas: Schemas) -> None:
        self.conn, self.spec, self.schemas = conn, spec, schemas
        self.loads: list[int] = []
        self.names: dict[str, sql.Composable] = {
            "dim": compose.qualified(spec.table, schemas.warehouse),
            "source": compose.qualified(spec.source, "staging"),
            "log": sql.Identifier(schemas.ledger, "dimension_observation"),
            "fulls": sql.Identifier(schemas.ledger, "full_observation"),
            "journal": sql.Identifier(schemas.ledger, "dimension_journal"),
            "redirect": sql.Identifier(schemas.ledger, "key_redirect"),
            "dimension": sql.Literal(spec.table),
            "dk": sql.Identifier(spec.durable_key),
            "sk": sql.Identifier(spec.surrogate_key),
            "bk": compose.listed(spec.business_key),
            "s_bk": self._cleaned("s", spec.business_key),
            "d_bk": compose.columns("d", spec.business_key),
            "t_bk": compose.columns("t", spec.business_key),
            "s_key": self._source_key("s"),
            "s_is_d": sql.SQL(" AND ").join(
                sql.SQL("{} = {}").format(compose.cleaned(spec, "s", name), compose.column("d", name))
                for name in spec.business_key
            ),
            "observed": sql.SQL("COALESCE(s.effective_date, o.as_of)" if spec.has_row_dates else "o.as_of"),
            "is_gone": sql.SQL("s.operation = 'delete'" if spec.has_row_dates else "false"),
            "d_scope": self._scope("d"),
            "t_scope": self._scope("t"),
        }

    def _cleaned(self, alias: str, names: Iterable[str]) -> sql.Composable:
        return sql.SQL(", ").join(
            sql.SQL("{} AS {}").format(compose.cleaned(self.spec, alias, name), sql.Identifier(name)) for name in names
        )

    def _source_key(self, alias: str) -> sql.Composable:
        return compose.computed_key([compose.cleaned(self.spec, alias, name) for name in self.spec.business_key])

    def _scope(self, alias: str) -> sql.Composable:
        if self.spec.scope_column is None:
            return sql.SQL("''")
        return sql.SQL("{}::text").format(compose.column(alias, self.spec.scope_column))

    def run(self, statement: str, values: dict[str, Any] | None = None, **parts: sql.Composable) -> int:
        """Run one statement with this dimension's names filled in; how many rows it wrote."""
        query = sql.SQL(statement).format(**(self.names | parts))  # type: ignore[arg-type]
        return self.conn.execute(query, values).rowcount

    def one(self, statement: str) -> Any:
        """The single value that the query gives."""
        row = self.conn.execute(sql.SQL(statement).format(**self.names)).fetchone()  # type: ignore[arg-type]
        return row[0] if row else None

    def create(self, table: str, statement: str, **parts: sql.Composable) -> int:
        """Make the temporary table anew from the query, and analyze it."""
        name = sql.Identifier("pg_temp", table)
        self.conn.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(name))
        query = sql.SQL(statement).format(**(self.names | parts))  # type: ignore[arg-type]
        rows = self.conn.execute(
            sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS {}").format(sql.Identifier(table), query)
        ).rowcount
        self.conn.execute(sql.SQL("ANALYZE {}").format(name))
        return rows

    # -- 1. what was observed -----------------------------------------------------------------------------------------

    def observe(self, deliveries: Iterable[Observed], in_force: Iterable[Observed], withdrawn: Iterable[int]) -> int:
        """Collect the observations of *deliveries*; how many rows were read.

        Keys that a *withdrawn* load spoke of are forgotten and observed anew from all deliveries *in_force*.
        """
        new, gone = list(deliveries), list(withdrawn)
        if not self.spec.close_absent:  # absence says nothing: then a full delivery observes only what it holds
            new = [replace(delivery, mode=Mode.DELTA) for delivery in new]
            in_force = [replace(delivery, mode=Mode.DELTA) for delivery in in_force]
        everything = new + (list(in_force) if gone else [])
        self.loads = [delivery.load_id for delivery in new]
        self.create(
            "work_delivery",
            "SELECT 0::bigint AS load_id, DATE '0001-01-01' AS as_of, '' AS mode, NULL::timestamptz AS load_timestamp, false AS is_new "
            "WHERE false",
        )
        with self.conn.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO work_delivery VALUES (%s, %s, %s, %s, %s)",
                [(o.load_id, o.as_of, o.mode.value, o.load_timestamp, o in new) for o in dict.fromkeys(everything)],
            )
        self.names["loads"] = self._load_list(everything and [o.load_id for o in everything])
        self.names["new_loads"] = self._load_list(self.loads)
        self._withdraw(gone)
        self._record_full_deliveries()
        read = self._hash()
        self._compare()
        self._mark_unknown()
        self._find_absent()
        self._log()
        self._mark_losers()
        return read

    @staticmethod
    def _load_list(loads: list[int]) -> sql.Composable:
        # Literals: only so can the planner leave out the other loads' partitions.
        return sql.SQL(", ").join(map(sql.Literal, loads or [-1]))

    def _withdraw(self, withdrawn: list[int]) -> None:
        self.names["withdrawn"] = self._load_list(withdrawn)
        self.create(
            "work_forgotten",
            "SELECT DISTINCT {s_key} AS durable_key, {s_bk} FROM {source} AS s WHERE s.load_id IN ({withdrawn})"
            if withdrawn
            else "SELECT 0::bigint AS durable_key, {d_bk} FROM {dim} AS d WHERE false",
        )
        if withdrawn:
            self.run("DELETE FROM {log} WHERE dimension = {dimension} AND load_id IN ({withdrawn})")
            self.run("DELETE FROM {fulls} WHERE dimension = {dimension} AND load_id IN ({withdrawn})")

    def _record_full_deliveries(self) -> None:
        scope = (
            sql.SQL("SELECT DISTINCT s.load_id, {}::text AS scope FROM {} AS s WHERE s.load_id IN ({})").format(
                compose.column("s", self.spec.scope_column), self.names["source"], self.names["new_loads"]
            )
            if self.spec.scope_column
            else sql.SQL("SELECT o.load_id, '' AS scope FROM work_delivery AS o")
        )
        self.run(
            "INSERT INTO {fulls} (dimension, as_of, scope, load_id) "
            "SELECT {dimension}, o.as_of, spoken.scope, o.load_id FROM work_delivery AS o "
            "INNER JOIN ({scope}) AS spoken ON o.load_id = spoken.load_id WHERE o.mode = 'full' AND o.is_new "
            "ON CONFLICT (dimension, as_of, scope) DO UPDATE SET load_id = excluded.load_id",
            scope=scope,
        )

    def _hash(self) -> int:
        spec = self.spec
        self.create(
            "work_hashed",
            "SELECT 0::bigint AS load_id, 0::bigint AS record_number, NULL::uuid AS row_hash, NULL::uuid AS overwritten_hash "
            "WHERE false",
        )
        query = sql.SQL(
            "SELECT s.load_id, s.record_number, {attributes} FROM {source} AS s WHERE s.load_id IN ({loads}) {only}"
        ).format(
            attributes=sql.SQL(", ").join(
                compose.cleaned(spec, "s", name) for name in (*spec.versioned, *spec.overwritten)
            ),
            only=self._only_new_or_forgotten(),
            **{name: self.names[name] for name in ("source", "loads")},
        )
        rows = hash_rows(self.conn, query, sql.Identifier("work_hashed"), len(spec.overwritten))
        self.conn.execute("ANALYZE work_hashed")
        return rows

    def _only_new_or_forgotten(self) -> sql.Composable:
        return sql.SQL(
            "AND (s.load_id IN ({new_loads}) OR {s_key} IN (SELECT f.durable_key FROM work_forgotten AS f))"
        ).format(**{name: self.names[name] for name in ("new_loads", "s_key")})

    def _compare(self) -> None:
        """Observations that say something new, or that must be remembered; one join with the dimension."""
        self.create(
            "work_touched",
            """
            SELECT
                s.load_id, s.record_number, {s_bk}, o.as_of, {observed} AS observed_date, o.mode, o.is_new,
                {is_gone} AS is_gone,
                CASE WHEN {is_gone} THEN NULL ELSE h.row_hash END AS row_hash,
                h.overwritten_hash,
                d.overwritten_hash IS DISTINCT FROM h.overwritten_hash AS has_new_overwritten,
                d.fixed_as_of IS NULL OR d.fixed_as_of > o.as_of AS has_older_fixed,
                COALESCE(d.{dk}, {s_key}) AS durable_key,
                CASE WHEN {is_gone} THEN d.{dk} IS NOT NULL ELSE d.row_hash IS DISTINCT FROM h.row_hash END AS is_news,
                false AS is_loser
            FROM {source} AS s
            INNER JOIN work_delivery AS o ON s.load_id = o.load_id
            INNER JOIN work_hashed AS h ON s.load_id = h.load_id AND s.record_number = h.record_number
            LEFT JOIN {dim} AS d
                ON
                    {s_is_d}
                    AND d.row_hash IS NOT NULL
                    AND d.first_observed_date <= {observed}
                    AND d.end_date > {observed}
            WHERE
                s.load_id IN ({loads})
                AND (
                    d.row_hash IS DISTINCT FROM h.row_hash
                    OR d.overwritten_hash IS DISTINCT FROM h.overwritten_hash
                    OR d.fixed_as_of > o.as_of
                    OR o.mode = 'delta'
                    OR {observed} <> o.as_of
                    OR {is_gone}
                    OR NOT o.is_new
                )
            """,
        )
        if self.spec.has_row_dates:
            # A row of a full delivery that dates from before: it also says that the key is there on the as_of itself.
            self.run(
                """
                INSERT INTO work_touched
                SELECT DISTINCT ON (t.load_id, t.durable_key)
                    t.load_id, t.record_number, {t_bk}, t.as_of, t.as_of, t.mode, t.is_new, false, t.row_hash,
                    t.overwritten_hash, t.has_new_overwritten, t.has_older_fixed, t.durable_key,
                    d.row_hash IS DISTINCT FROM t.row_hash, false
                FROM work_touched AS t
                LEFT JOIN {dim} AS d
                    ON
                        t.durable_key = d.{dk}
                        AND d.row_hash IS NOT NULL
                        AND d.first_observed_date <= t.as_of
                        AND d.end_date > t.as_of
                WHERE
                    t.mode = 'full' AND t.observed_date < t.as_of AND NOT t.is_gone
                    AND NOT EXISTS (
                        SELECT FROM {source} AS s
                        WHERE
                            s.load_id IN ({loads}) AND s.load_id = t.load_id AND {s_is_t}
                            AND COALESCE(s.effective_date, t.as_of) BETWEEN t.observed_date + 1 AND t.as_of
                    )
                ORDER BY t.load_id, t.durable_key, t.observed_date DESC
                """,
                s_is_t=sql.SQL(" AND ").join(
                    sql.SQL("{} = {}").format(compose.cleaned(self.spec, "s", name), compose.column("t", name))
                    for name in self.spec.business_key
                ),
            )
        # What a withdrawn load said is forgotten: compare with nothing.
        self.run(
            "UPDATE work_touched AS t SET is_news = true, has_new_overwritten = true, has_older_fixed = true "
            "FROM work_forgotten AS f WHERE t.durable_key = f.durable_key"
        )
        self.conn.execute("ANALYZE work_touched")

    def _mark_unknown(self) -> None:
        """A rejected row, or one that holds only later, in a full delivery: present on the as_of, value unknown."""
        if self.spec.feed:
            entity = [
                sql.SQL("r.entity_id[{}]").format(sql.Literal(place))
                for place in range(1, len(self.spec.business_key) + 1)
            ]
            self.run(
                "INSERT INTO {log} (dimension, durable_key, observed_date, as_of, kind, load_id) "
                "SELECT DISTINCT {dimension}, {key}, o.as_of, o.as_of, 'unknown', o.load_id "
                "FROM etl.rejected_row AS r INNER JOIN work_delivery AS o ON r.load_id = o.load_id "
                "WHERE r.load_id IN ({new_loads}) AND o.mode = 'full' AND r.feed = {feed} AND {given} "
                "AND NOT EXISTS (SELECT FROM {source} AS s WHERE s.load_id IN ({new_loads}) AND s.load_id = r.load_id "
                "AND {s_key} = {key}) ON CONFLICT DO NOTHING",
                key=compose.computed_key(entity),
                feed=sql.Literal(self.spec.feed),
                given=sql.SQL(" AND ").join(sql.SQL("{} IS NOT NULL").format(part) for part in entity),
            )
        if self.spec.has_row_dates:
            self.run(
                "INSERT INTO {log} (dimension, durable_key, observed_date, as_of, kind, load_id) "
                "SELECT {dimension}, t.durable_key, t.as_of, t.as_of, 'unknown', t.load_id FROM work_touched AS t "
                "WHERE t.mode = 'full' GROUP BY t.durable_key, t.as_of, t.load_id HAVING min(t.observed_date) > t.as_of "
                "ON CONFLICT DO NOTHING"
            )

    def _find_absent(self) -> None:
        """Keys that a full delivery should hold and does not: they are gone from its as_of on."""
        absent = """
            INSERT INTO work_touched (
                load_id, {bk}, as_of, observed_date, mode, is_new, is_gone, has_new_overwritten, has_older_fixed,
                durable_key, is_news, is_loser
            )
            SELECT o.load_id, {d_bk}, o.as_of, o.as_of, o.mode, o.is_new, true, false, false, d.{dk}, true, false
            FROM {absent_from} AS d
            INNER JOIN work_delivery AS o ON {alive}
            INNER JOIN {fulls} AS f
                ON f.dimension = {dimension} AND o.as_of = f.as_of AND o.load_id = f.load_id AND {d_scope} = f.scope
            LEFT JOIN {source} AS s ON s.load_id IN ({loads}) AND o.load_id = s.load_id AND {s_is_d}
            WHERE
                o.mode = 'full' AND s.load_id IS NULL
                AND NOT EXISTS (
                    SELECT FROM {log} AS u
                    WHERE
                        u.dimension = {dimension} AND u.durable_key = d.{dk} AND u.observed_date = o.as_of
                        AND u.kind = 'unknown'
                )
        """
        self.run(
            absent,
            absent_from=self.names["dim"],
            alive=sql.SQL(
                "o.is_new AND d.row_hash IS NOT NULL AND d.first_observed_date <= o.as_of AND d.end_date > o.as_of"
            ),
        )
        self.run(
            absent,
            absent_from=sql.SQL("(SELECT durable_key AS {}, {} FROM work_forgotten)").format(
                self.names["dk"], self.names["bk"]
            ),
            alive=sql.SQL("true"),
        )

    def _log(self) -> None:
        """Remember what a list of full deliveries would not tell."""
        logged = self.run(
            """
            INSERT INTO {log} (dimension, durable_key, observed_date, as_of, kind, load_id)
            SELECT DISTINCT ON (t.durable_key, t.observed_date, t.as_of)
                {dimension}, t.durable_key, t.observed_date, t.as_of,
                CASE WHEN t.is_gone THEN 'gone' ELSE 'value' END, t.load_id
            FROM work_touched AS t
            WHERE t.mode = 'delta' OR t.observed_date <> t.as_of
            ORDER BY t.durable_key, t.observed_date, t.as_of, t.load_id DESC
            ON CONFLICT (dimension, durable_key, observed_date, as_of)
            DO UPDATE SET kind = excluded.kind, load_id = excluded.load_id
            """
        )
        if logged > 1000:
            self.run("ANALYZE {log} (dimension, durable_key, observed_date)")

    def _mark_losers(self) -> None:
        self.run(
            """
            UPDATE work_touched AS t SET is_loser = true
            FROM {log} AS l
            WHERE
                l.dimension = {dimension} AND t.durable_key = l.durable_key AND t.observed_date = l.observed_date
                AND l.kind <> 'unknown' AND l.as_of > t.as_of
            """
        )
        self.run(
            """
            UPDATE work_touched AS t SET is_loser = true
            FROM {fulls} AS f
            WHERE
                f.dimension = {dimension} AND t.observed_date = f.as_of AND f.as_of > t.as_of AND f.scope = {t_scope}
                AND NOT EXISTS (
                    SELECT FROM {log} AS u
                    WHERE
                        u.dimension = {dimension} AND u.durable_key = t.durable_key AND u.observed_date = f.as_of
                        AND u.kind = 'unknown'
                )
            """
        )

    # -- 2. what the dimension should hold ----------------------------------------------------------------------------

    def splice(self) -> None:
        """From the observations to work_wanted: the versions that the affected keys should have."""
        self.create(
            "work_affected",
            "SELECT DISTINCT t.durable_key, {t_bk} FROM work_touched AS t WHERE t.is_news AND NOT t.is_loser "
            "UNION SELECT t.durable_key, {t_bk} FROM work_forgotten AS t",
        )
        self.create(
            "work_have",
            "SELECT d.* FROM {dim} AS d INNER JOIN work_affected AS a ON d.{dk} = a.durable_key",
        )
        self._find_right_neighbours()
        self.create(
            "work_point",
            """
            SELECT DISTINCT ON (durable_key, observed_date)
                durable_key, observed_date, row_hash, load_id, record_number, have_start
            FROM (
                SELECT
                    t.durable_key, t.observed_date, t.row_hash, t.load_id, t.record_number, NULL::date AS have_start,
                    1 AS priority, t.as_of
                FROM work_touched AS t
                INNER JOIN work_affected AS a ON t.durable_key = a.durable_key
                WHERE NOT t.is_loser
                UNION ALL
                SELECT n.durable_key, n.next_date, d.row_hash, NULL, NULL, d.start_date, 2, NULL
                FROM work_neighbour AS n
                LEFT JOIN work_have AS d
                    ON
                        n.durable_key = d.{dk} AND d.row_hash IS NOT NULL
                        AND d.first_observed_date <= n.next_date AND d.end_date > n.next_date
                UNION ALL
                SELECT d.{dk}, d.first_observed_date, d.row_hash, NULL, NULL, d.start_date, 2, NULL
                FROM work_have AS d
                WHERE d.row_hash IS NOT NULL AND d.{dk} NOT IN (SELECT f.durable_key FROM work_forgotten AS f)
                UNION ALL
                SELECT d.{dk}, d.end_date, NULL, NULL, NULL, NULL, 3, NULL
                FROM work_have AS d
                WHERE
                    d.row_hash IS NOT NULL AND d.end_date < DATE '9999-12-31'
                    AND d.{dk} NOT IN (SELECT f.durable_key FROM work_forgotten AS f)
            ) AS said
            ORDER BY durable_key, observed_date, priority, as_of DESC, load_id DESC
            """,
        )
        self.create(
            "work_wanted",
            """
            WITH ordered AS (
                SELECT
                    *,
                    lag(row_hash) OVER each_key AS previous_hash
                FROM work_point
                WINDOW each_key AS (PARTITION BY durable_key ORDER BY observed_date)
            ),

            changes AS (
                SELECT * FROM ordered WHERE row_hash IS DISTINCT FROM previous_hash
            ),

            spans AS (
                SELECT
                    *,
                    row_number() OVER each_key AS version_number,
                    COALESCE(lead(observed_date) OVER each_key, DATE '9999-12-31') AS end_date
                FROM changes
                WINDOW each_key AS (PARTITION BY durable_key ORDER BY observed_date)
            )

            SELECT
                durable_key, end_date, row_hash, load_id, record_number, have_start,
                observed_date AS first_observed_date,
                {start} AS start_date
            FROM spans
            WHERE row_hash IS NOT NULL
            """,
            start=sql.SQL("CASE WHEN version_number = 1 THEN LEAST(observed_date, DATE '1900-01-01') ELSE observed_date END")
            if self.spec.from_beginning
            else sql.SQL("observed_date"),
        )

    def _find_right_neighbours(self) -> None:
        """For each news, the key's next known observation: there the state of before has to come back."""
        latest = self.one(
            "SELECT GREATEST((SELECT max(observed_date) FROM {log} WHERE dimension = {dimension}), "
            "(SELECT max(as_of) FROM {fulls} WHERE dimension = {dimension}))"
        )
        earliest = self.one("SELECT min(observed_date) FROM work_touched WHERE is_news AND NOT is_loser")
        self.create(
            "work_neighbour",
            """
            SELECT DISTINCT durable_key, next_date
            FROM (
                SELECT
                    t.durable_key,
                    LEAST(
                        (
                            SELECT min(l.observed_date) FROM {log} AS l
                            WHERE
                                l.dimension = {dimension} AND l.durable_key = t.durable_key
                                AND l.observed_date > t.observed_date AND l.kind <> 'unknown'
                        ),
                        (
                            SELECT min(f.as_of) FROM {fulls} AS f
                            WHERE
                                f.dimension = {dimension} AND f.as_of > t.observed_date AND f.scope = {t_scope}
                                AND NOT EXISTS (
                                    SELECT FROM {log} AS u
                                    WHERE
                                        u.dimension = {dimension} AND u.durable_key = t.durable_key
                                        AND u.observed_date = f.as_of AND u.kind = 'unknown'
                                )
                        )
                    ) AS next_date
                FROM work_touched AS t
                WHERE
                    t.is_news AND NOT t.is_loser AND {there_are_later}
                    AND t.durable_key NOT IN (SELECT f.durable_key FROM work_forgotten AS f)
            ) AS found
            WHERE next_date IS NOT NULL
            """,
            there_are_later=sql.Literal(bool(latest and earliest and latest > earliest)),
        )
