"""How member months came about: what each delivery changed of them, and how members moved between plans.

Both are told anew for the members a load touches, from what the facts then hold, and only what differs is written; so
they too are a function of the set of deliveries. Needs the work tables of the member months.
"""

from dataclasses import dataclass

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from etl.catalog.facts import ADJUSTMENT, MOVEMENT, FactSpec
from etl.core.ledger import RowCounts
from etl.core.sqlfiles import sql_file
from etl.transform.batch import Batch
from etl.transform.work_tables import fill_fact, leave_delta, make


@dataclass(frozen=True, slots=True)
class Told:
    """A fact told anew: the rows wanted, what differs, and the files that take out and put in."""

    fact: FactSpec
    wanted: str
    change: str
    removed: str
    added: str


ADJUSTMENTS = Told(
    fact=ADJUSTMENT,
    wanted="work_adjustment",
    change="work_adjustment_change",
    removed="fact_member_month_adjustment_removed",
    added="fact_member_month_adjustment",
)
MOVEMENTS = Told(
    fact=MOVEMENT,
    wanted="work_movement",
    change="work_movement_change",
    removed="fact_enrollment_movement_removed",
    added="fact_enrollment_movement",
)


def load_adjustments(conn: Connection[TupleRow], batch: Batch) -> RowCounts:
    """Signed changes of member months by delivery: their sum up to a day is what was known by then."""
    return _tell(conn, batch, ADJUSTMENTS)


def load_movements(conn: Connection[TupleRow], batch: Batch) -> RowCounts:
    """Who came to a plan, changed it, or went, in which month and why."""
    sql_file("dim_enrollment_reason_named").run(conn)
    return _tell(conn, batch, MOVEMENTS)


def _tell(conn: Connection[TupleRow], batch: Batch, told: Told) -> RowCounts:
    change = sql.Identifier(told.change)
    if batch.is_rebuild:  # nothing to compare with, and all of it will be the delta
        return fill_fact(conn, told.fact, told.wanted)
    counts = RowCounts(read=make(conn, told.wanted))
    make(conn, told.change)
    counts.deleted = sql_file(told.removed).run(conn)
    counts.inserted = sql_file(told.added).run(conn)
    leave_delta(conn, told.fact, sql.SQL("(SELECT * FROM {} WHERE balance <> 0)").format(change))
    return counts
