"""What one application of deliveries to one dimension shares: names, types and the way statements are run.

Words. An *observation* says that from a day on a key has a value, or is gone. It holds until the key's next observation.
The dimension is those observations with equal neighbours merged. `etl.transform.observe` collects what is observed anew,
`etl.transform.splice` says which versions follow, `etl.transform.dimension_loader` writes the difference.

All work tables are temporary, called work_*, and are analyzed before they are joined: without it a small delta is ten
times slower.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from etl.core import compose
from etl.core.errors import SpecError
from etl.core.hashing import hash_rows
from etl.core.spec import SOURCE_METADATA, DimensionSpec, HistoryType, Mode, NewColumns

_MOMENTS: dict[HistoryType, Mapping[str, sql.Composable]] = {
    HistoryType.DATE: {
        "moment": sql.SQL("date"),
        "open_end": sql.SQL("DATE '9999-12-31'"),
        "beginning": sql.SQL("DATE '1900-01-01'"),
    },
    HistoryType.TIMESTAMPTZ: {
        "moment": sql.SQL("timestamptz"),
        "open_end": sql.SQL("TIMESTAMPTZ '9999-12-31 00:00:00+00'"),
        "beginning": sql.SQL("TIMESTAMPTZ '1900-01-01 00:00:00+00'"),
    },
}
# The ledger tables whose dates are moments where the history's are.
_DATED = ("dimension_observation", "full_observation", "key_redirect")
# Two values of such a type that are equal are written alike, so equality, which is quick, can say that nothing changed.
_WRITTEN_ALIKE = ("text", "character varying", "boolean", "smallint", "integer", "bigint", "numeric", "date", "uuid")


@dataclass(frozen=True, slots=True)
class Observed:
    """One delivery that speaks of a dimension: which rows of the source it is, and what absence in it means."""

    load_id: int
    as_of: date | datetime
    mode: Mode
    load_timestamp: datetime
    # How many rows of the source it is, where that is known.
    row_count: int | None = None


@dataclass(frozen=True, slots=True)
class Schemas:
    """Where the dimension and its ledger stand: other schemas rebuild beside the published tables.

    `rejects`: the table of rejected rows of the feeds that specs name.
    """

    warehouse: str = "warehouse"
    ledger: str = "etl"
    rejects: str = "etl.rejected_row"


def ledger_table(name: str, history: HistoryType) -> str:
    """The ledger table's name: histories by moments have tables of their own."""
    return f"{name}_by_moment" if history is HistoryType.TIMESTAMPTZ and name in _DATED else name


def said(name: str) -> sql.Identifier:
    """The column of work_candidate that holds what a row of the source says of the attribute *name*."""
    return sql.Identifier(f"said_{name}")


def write_canonically(conn: Connection[TupleRow]) -> None:
    """What is hashed is text: make all that the way it is written depends on the same, to the transaction's end."""
    conn.execute(
        "SELECT set_config('datestyle', 'ISO, YMD', true), set_config('timezone', 'UTC', true), "
        "set_config('intervalstyle', 'iso_8601', true), set_config('extra_float_digits', '1', true), "
        "set_config('bytea_output', 'hex', true), set_config('client_encoding', 'UTF8', true)"
    )


class History:
    """One application of deliveries to one dimension, in the caller's transaction.

    Raises SpecError, all problems at once, where the dimension or its source lacks a column that the spec names.
    """

    def __init__(self, conn: Connection[TupleRow], spec: DimensionSpec, schemas: Schemas) -> None:
        self.conn, self.spec, self.schemas = conn, spec, schemas
        self.has_full = False
        self.lone_full: Observed | None = None
        write_canonically(conn)
        self.names: dict[str, sql.Composable] = {
            **_MOMENTS[spec.history],
            "dim": compose.qualified(spec.table, schemas.warehouse),
            "source": compose.qualified(spec.source, "staging"),
            "rejects": compose.qualified(schemas.rejects, schemas.ledger),
            "dimension": sql.Literal(spec.table),
            "dk": sql.Identifier(spec.durable_key),
            "sk": sql.Identifier(spec.surrogate_key),
            "bk": compose.listed(spec.business_key),
            "d_bk": compose.columns("d", spec.business_key),
            "t_bk": compose.columns("t", spec.business_key),
            "effective": sql.SQL("s.effective_date" if spec.has_row_dates else "NULL"),
            "is_gone": sql.SQL("COALESCE(s.operation = 'delete', false)" if spec.has_row_dates else "false"),
            "is_value": sql.SQL(
                "(d.row_hash IS NOT NULL AND NOT d.is_deleted)" if spec.marks_deleted else "d.row_hash IS NOT NULL"
            ),
            "d_scope": self.scope("d"),
            "t_scope": self.scope("t"),
        }
        for short, table in (
            ("log", "dimension_observation"),
            ("fulls", "full_observation"),
            ("journal", "dimension_journal"),
            ("redirect", "key_redirect"),
        ):
            self.names[short] = sql.Identifier(schemas.ledger, ledger_table(table, spec.history))
        self._alike: set[str] = set()
        self._casts = self._check_columns()
        self.names |= {
            "s_bk": sql.SQL(", ").join(
                sql.SQL("{} AS {}").format(self.source("s", name), sql.Identifier(name)) for name in spec.business_key
            ),
            "s_key": compose.computed_key([self.source("s", name) for name in spec.business_key]),
            "s_is_d": self.same_entity("d"),
            "s_is_t": self.same_entity("t"),
            "s_is_f": self.same_entity("f"),
        }

    def scope(self, alias: str) -> sql.Composable:
        """What absence is judged within: the text of the scope column, the same for all where there is none."""
        if self.spec.scope_column is None:
            return sql.SQL("''")
        return sql.SQL("{}::text").format(compose.column(alias, self.spec.scope_column))

    def same_entity(self, alias: str) -> sql.Composable:
        """The source's row `s` and the row *alias* have the same business key."""
        return sql.SQL(" AND ").join(
            sql.SQL("{} = {}").format(self.source("s", name), compose.column(alias, name))
            for name in self.spec.business_key
        )

    def source(self, alias: str, name: str) -> sql.Composable:
        """The source's column as the dimension holds it: of the dimension's type, cleaned where the spec says so."""
        expression = compose.cleaned(self.spec, alias, name)
        if name not in self._casts:
            return expression
        cast = sql.SQL("({})::{}").format(expression, self._casts[name])
        # A numeric without a scale keeps the zeros it was written with: 1.0 and 1.00 are one value.
        return sql.SQL("trim_scale({})").format(cast) if self._casts[name] == sql.SQL("numeric") else cast

    def differ(self, names: Iterable[str]) -> sql.Composable:
        """The source's row `s` and the version `d` are written differently in one of these columns."""
        pairs = [(name, self.source("s", name), compose.column("d", name)) for name in names]
        quick: list[sql.Composable] = [
            sql.SQL("{} IS DISTINCT FROM {}").format(said, held) for name, said, held in pairs if name in self._alike
        ]
        others = [(said, held) for name, said, held in pairs if name not in self._alike]
        if others:
            said, held = (sql.SQL(", ").join(side) for side in zip(*others, strict=True))
            quick.append(sql.SQL("record_image_ne(ROW({}), ROW({}))").format(said, held))
        return sql.SQL("({})").format(sql.SQL(" OR ").join(quick or [sql.SQL("false")]))

    def _check_columns(self) -> dict[str, sql.SQL]:
        """What brings a source column to the dimension's type, where they differ."""
        spec = self.spec
        there: dict[str, dict[str, str]] = {"dim": {}, "source": {}}
        for place, types in there.items():
            for name, type_name, is_alike in self.conn.execute(
                "SELECT attname, format_type(atttypid, atttypmod), format_type(atttypid, NULL) = ANY(%s) "
                "AND COALESCE(collisdeterministic, true) "
                "FROM pg_attribute LEFT JOIN pg_collation ON pg_collation.oid = attcollation "
                "WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped",
                (list(_WRITTEN_ALIKE), self.names[place].as_string(self.conn)),
            ):
                types[name] = type_name
                if place == "dim" and is_alike:
                    self._alike.add(name)
        tracked = (*spec.business_key, *spec.attributes)
        needed = {"dim": spec.columns, "source": (*tracked, *SOURCE_METADATA[: 4 if spec.has_row_dates else 2])}
        problems = [
            f"{where} lacks the column {name}"
            for place, where in (("dim", spec.table), ("source", spec.source))
            for name in needed[place]
            if name not in there[place]
        ]
        if spec.new_columns is NewColumns.REFUSE:
            problems += [
                f"{spec.source} has a new column, {name}: name it in the spec, or let new columns be ignored"
                for name in there["source"]
                if name not in tracked and name not in SOURCE_METADATA
            ]
        if problems:
            raise SpecError(spec.table, problems)
        return {
            # The names of types come from the catalog, quoted where they must be.
            name: sql.SQL(there["dim"][name])
            for name in tracked
            if there["dim"][name] != there["source"][name] or there["dim"][name] == "numeric"
        }

    def run(self, statement: str, **parts: sql.Composable) -> int:
        """Run one statement with this dimension's names filled in; how many rows it wrote."""
        return self.conn.execute(self.compose(statement, **parts)).rowcount

    def compose(self, statement: str, **parts: sql.Composable) -> sql.Composed:
        """The statement with this dimension's names filled in."""
        return sql.SQL(statement).format(**(self.names | parts))

    def row(self, statement: str, **parts: sql.Composable) -> TupleRow:
        """The single row that the query gives."""
        row = self.conn.execute(self.compose(statement, **parts)).fetchone()
        assert row is not None
        return row

    def one(self, statement: str, **parts: sql.Composable) -> Any:
        """The single value that the query gives."""
        return self.row(statement, **parts)[0]

    def create(self, table: str, statement: str, *, told_by: str = "", **parts: sql.Composable) -> int:
        """Make the temporary table anew from the query, and analyze it; how many rows it holds.

        *told_by*: of a wide table, the columns in brackets that it is joined by; the others need no statistics.
        """
        cursor = self.conn.execute(
            self.compose(
                "DROP TABLE IF EXISTS pg_temp.{work}; CREATE TEMPORARY TABLE {work} ON COMMIT DROP AS {query}; "
                # A rough look is enough, and takes a tenth of the time.
                "SET LOCAL default_statistics_target = 10; ANALYZE {work} {told_by}; "
                "SET LOCAL default_statistics_target TO DEFAULT",
                work=sql.Identifier(table),
                told_by=self.compose(told_by),
                query=self.compose(statement, **parts),
            )
        )
        cursor.nextset()
        return cursor.rowcount

    def hash(self, query: sql.Composable | None) -> int:
        """Make work_hashed anew: the hashes of the rows that *query* gives, see `hash_rows`; how many. None gives none."""
        self.create(
            "work_hashed",
            "SELECT 0::bigint AS load_id, 0::bigint AS record_number, NULL::uuid AS row_hash, "
            "NULL::uuid AS overwritten_hash WHERE false",
        )
        if query is None:
            return 0
        count = hash_rows(self.conn, query, sql.Identifier("work_hashed"), len(self.spec.overwritten))
        self.conn.execute("ANALYZE work_hashed (load_id, record_number)")
        return count

    def load_list(self, loads: Iterable[int]) -> sql.Composable:
        """Literals: only so can the planner leave out the other loads' partitions."""
        return sql.SQL(", ").join(map(sql.Literal, sorted(set(loads)) or [-1]))
