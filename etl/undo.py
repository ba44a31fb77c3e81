"""Take a load back out: the tables become what they would be if its delivery had never come."""

from collections.abc import Callable
from dataclasses import replace

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from etl.catalog.cubes import DERIVED_CUBES
from etl.catalog.sources import SOURCES
from etl.core.database import connect
from etl.core.errors import StepFailed
from etl.core.runs import open_run
from etl.core.settings import Settings
from etl.pipeline import apply_batch
from etl.steps import PIPELINE, STAGES, Run
from etl.transform.batch import whole_batch
from etl.transform.cube_loader import fill_cube
from etl.transform.emptying import empty_warehouse


def undo_load(
    url: str, settings: Settings, load_id: int, *, on_step: Callable[[str, str], None] = lambda stage, step: None
) -> str:
    """Take *load_id* back out, in one transaction: all is rebuilt from staging without it; the name of its delivery.

    Files that it had replaced are in force again, rejects that it had corrected are open again, its staging is dropped.
    Any published load will do. Raises StepFailed where there is no such load, where others wait to be published, or where
    a later load corrects its rejects.
    """
    with open_run(url, "undo") as ledger, connect(url) as conn:
        delivery = _check(conn, load_id)
        _mark_undone(conn, load_id)
        batch = replace(whole_batch(conn), claim_id_suffix=settings.claim_id_suffix)
        # Full deliveries closed these keys before, and were let pass then.
        run = Run(conn, ledger, batch, frozenset({"closures"}))
        if batch.loads:
            apply_batch(run, PIPELINE, on_step)
        else:
            _empty(conn)
        _drop_staging(conn, load_id)
        conn.commit()
    return delivery


def _empty(conn: Connection[TupleRow]) -> None:
    """No load is left: empty every table, and the views over them."""
    empty_warehouse(conn, set(STAGES))
    for cube in DERIVED_CUBES:
        fill_cube(conn, cube)


def _check(conn: Connection[TupleRow], load_id: int) -> str:
    """The load's delivery; StepFailed where it cannot be undone."""
    row = conn.execute("SELECT status, delivery_name FROM etl.load WHERE load_id = %s", (load_id,)).fetchone()
    if row is None or row[0] != "published":
        state = "there is no such load" if row is None else f"it is {row[0]}, not published"
        raise StepFailed(f"load {load_id} cannot be undone: {state}; see: make loads")
    waiting = conn.execute("SELECT count(*) FROM etl.load WHERE status IN ('staging', 'staged')").fetchone()
    if waiting and waiting[0]:
        raise StepFailed(
            f"load {load_id} cannot be undone while {waiting[0]} others wait to be published: make incremental DAYS=0 first"
        )
    correcting = conn.execute(
        "SELECT DISTINCT later.load_id FROM etl.source_file AS later "
        "INNER JOIN etl.source_file AS own ON later.replays_source_file_id = own.source_file_id "
        "WHERE own.load_id = %(load)s AND later.load_id <> %(load)s AND later.status = 'in_force' ORDER BY 1",
        {"load": load_id},
    ).fetchall()
    if correcting:
        later = ", ".join(str(row[0]) for row in correcting)
        raise StepFailed(
            f"load {load_id} cannot be undone: load {later} corrects its rejected records; undo that first"
        )
    return str(row[1])


def _mark_undone(conn: Connection[TupleRow], load_id: int) -> None:
    """Write it into the ledger. What the load had replaced is in force again, unless a later file has replaced that, too."""
    replaced = conn.execute(
        "SELECT old.source_file_id, new.superseded_by, new.status = 'in_force' FROM etl.source_file AS old "
        "INNER JOIN etl.source_file AS new ON old.superseded_by = new.source_file_id WHERE new.load_id = %s",
        (load_id,),
    ).fetchall()
    # First out, then in: there is one file in force for each feed and as_of.
    conn.execute("UPDATE etl.source_file SET status = 'undone' WHERE load_id = %s AND status <> 'refused'", (load_id,))
    for source_file_id, superseded_by, was_in_force in replaced:
        conn.execute(
            "UPDATE etl.source_file SET superseded_by = %s, status = %s WHERE source_file_id = %s",
            (superseded_by, "in_force" if was_in_force else "superseded", source_file_id),
        )
    conn.execute("UPDATE etl.load SET status = 'undone' WHERE load_id = %s", (load_id,))
    conn.execute(
        "UPDATE etl.rejected_row SET status = 'open', replayed_load_id = NULL WHERE replayed_load_id = %s", (load_id,)
    )


def _drop_staging(conn: Connection[TupleRow], load_id: int) -> None:
    """Its records and rejects go; its line in the ledger stays, without the totals of what is no longer there."""
    for spec in SOURCES:
        name = sql.Identifier("staging", f"{spec.table}_{load_id}")
        conn.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(name))
    conn.execute("DELETE FROM etl.rejected_row WHERE load_id = %s", (load_id,))
    conn.execute(
        "DELETE FROM etl.control_total AS total USING etl.source_file AS file "
        "WHERE total.source_file_id = file.source_file_id AND file.load_id = %s",
        (load_id,),
    )
