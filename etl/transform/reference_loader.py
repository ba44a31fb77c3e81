"""Code lists: the files of reference/ into their dimensions, and the codes that facts name beside them."""

from pathlib import Path

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from etl.catalog.references import REFERENCES, ReferenceSpec
from etl.core.ledger import RowCounts
from etl.core.sqlfiles import sql_file
from etl.transform.work_tables import is_empty

FOLDER = Path(__file__).resolve().parents[2] / "reference"


def load_references(conn: Connection[TupleRow]) -> RowCounts:
    """Fill every dimension that is still empty from its list."""
    counts = RowCounts()
    for spec in REFERENCES:
        found = conn.execute(
            sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE is_described)").format(sql.Identifier("warehouse", spec.table))
        ).fetchone()
        if not (found and found[0]):
            counts.inserted += _load(conn, spec)
    return counts


def name_codes(conn: Connection[TupleRow]) -> RowCounts:
    """Add the codes of this load's facts that no list knows, as not described. Where no facts were loaded, all are named."""
    counts = RowCounts()
    for spec in REFERENCES:
        left_by = "work_enrollment" if spec.named_by == "dim_enrollment_reason_named" else "work_claim_code"
        if spec.named_by and not is_empty(conn, left_by):
            counts.inserted += sql_file(spec.named_by).run(conn)
    return counts


def empty_references(conn: Connection[TupleRow]) -> None:
    """Take all codes out, to be filled anew."""
    tables = sql.SQL(", ").join(sql.Identifier("warehouse", spec.table) for spec in REFERENCES)
    conn.execute(sql.SQL("TRUNCATE {}").format(tables))


def _load(conn: Connection[TupleRow], spec: ReferenceSpec) -> int:
    """Empty fields are empty texts: a code that is not given is a code too."""
    with (FOLDER / f"{spec.file}.csv").open(encoding="utf-8") as file:
        names = file.readline().strip().split(",")
        columns = sql.SQL(", ").join(map(sql.Identifier, names))
        table = sql.Identifier("warehouse", spec.table)
        conn.execute(
            sql.SQL("CREATE TEMPORARY TABLE work_reference ON COMMIT DROP AS SELECT {} FROM {} LIMIT 0").format(
                columns, table
            )
        )
        statement = sql.SQL("COPY work_reference ({0}) FROM STDIN (FORMAT csv, FORCE_NOT_NULL ({0}))").format(columns)
        with conn.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(file.read())
    rows = conn.execute(
        sql.SQL(
            "INSERT INTO {table} ({columns}) SELECT {columns} FROM work_reference "
            "ON CONFLICT ({key}) DO UPDATE SET is_described = true, {sets}"
        ).format(
            table=table,
            columns=columns,
            key=sql.SQL(", ").join(map(sql.Identifier, spec.key)),
            sets=sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in names),
        )
    ).rowcount
    conn.execute("DROP TABLE work_reference")
    return rows
