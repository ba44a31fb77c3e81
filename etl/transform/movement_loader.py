"""How member months came about: what each delivery changed of them, and how members moved between plans.

Both are told anew for the members a load touches, from what the facts then hold, and only what differs is written; so
they too are a function of the set of deliveries. Needs the work tables of the member months.
"""

from dataclasses import dataclass

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from etl.core.ledger import RowCounts
from etl.core.sqlfiles import sql_file
from etl.transform.fact_loader import Batch, drop_work, make


@dataclass(frozen=True, slots=True)
class Told:
    """A fact told anew: the rows wanted, what differs, the files that take out and put in, and the delta left for cubes."""

    wanted: str
    change: str
    removed: str
    added: str
    delta: str


ADJUSTMENTS = Told(
    wanted="work_adjustment",
    change="work_adjustment_change",
    removed="fact_member_month_adjustment_removed",
    added="fact_member_month_adjustment",
    delta="work_adjustment_delta",
)
MOVEMENTS = Told(
    wanted="work_movement",
    change="work_movement_change",
    removed="fact_enrollment_movement_removed",
    added="fact_enrollment_movement",
    delta="work_movement_delta",
)


def load_adjustments(conn: Connection[TupleRow], batch: Batch) -> RowCounts:
    """Signed changes of member months by delivery: their sum up to a day is what was known by then."""
    return _tell(conn, batch, ADJUSTMENTS)


def load_movements(conn: Connection[TupleRow], batch: Batch) -> RowCounts:
    """Who came to a plan, changed it, or went, in which month and why."""
    sql_file("dim_enrollment_reason_named").run(conn)
    return _tell(conn, batch, MOVEMENTS)


def _tell(conn: Connection[TupleRow], batch: Batch, told: Told) -> RowCounts:
    names = {
        "wanted": sql.Identifier(told.wanted),
        "change": sql.Identifier(told.change),
        "delta": sql.Identifier(told.delta),
    }
    drop_work(conn, told.change)
    counts = RowCounts(read=make(conn, told.wanted))
    if batch.is_rebuild:  # nothing to compare with, and all of it will be the delta
        conn.execute(
            sql.SQL("CREATE TEMPORARY VIEW {change} AS SELECT w.*, 1 AS sign, 1 AS balance FROM {wanted} AS w").format(
                **names
            )
        )
        counts.inserted = sql_file(told.added).run(conn)
        return counts
    make(conn, told.change)
    counts.deleted = sql_file(told.removed).run(conn)
    counts.inserted = sql_file(told.added).run(conn)
    drop_work(conn, told.delta)
    conn.execute(
        sql.SQL("CREATE TEMPORARY VIEW {delta} AS SELECT c.* FROM {change} AS c WHERE c.balance <> 0").format(**names)
    )
    return counts
