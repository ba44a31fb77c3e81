"""The first delivery of an empty dimension: streamed, joined or applied as any other, it comes to the same rows."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product

import pytest
from psycopg import sql

from etl.core.database import connect
from etl.core.spec import Absence, Mode
from etl.history import Observed, load_dimension
from etl.transform import dimension_loader, first_load
from tests.history_lab import LAB, SPECS, build_lab, moment_of

TEXTS = (None, "", "a", " a\t", "\\N", "a\nb", 'say "ä"', "100 %s", "NULL")
NUMBERS = (None, Decimal(0), Decimal("1.00"), Decimal("-2.5"))
FIRST = [spec for spec in SPECS if spec.absence is not Absence.IGNORE]


@pytest.fixture
def lab(database):
    """The laboratory, committed: one delivery with every text beside every number, in first and last columns."""
    with connect(database) as conn:
        build_lab(conn)
        for source in ("source", "source_by_moment"):
            conn.cursor().executemany(
                sql.SQL(
                    "INSERT INTO {} (load_id, record_number, k, y, a, n, m, o, f) VALUES (1, %s, %s, 2026, %s, %s, %s, %s, %s)"
                ).format(sql.Identifier("lab", source)),
                [
                    (place, f"k\t{place}", text, number, number, other, text)
                    for place, (text, number, other) in enumerate(product(TEXTS, NUMBERS, TEXTS), 1)
                ],
            )
        conn.commit()
        yield conn
        conn.rollback()


DEFAULTS = "SELECT adnum, pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = %s::regclass ORDER BY adnum"


def loaded(conn, spec, **options):
    """What was counted, and all rows that the delivery makes in the emptied dimension; nothing is kept."""
    table = sql.Identifier(*spec.table.split("."))
    delivery = Observed(1, moment_of(spec, 1), Mode.FULL, datetime(2026, 1, 1, tzinfo=UTC))
    try:
        conn.execute(sql.SQL("TRUNCATE {}").format(table))
        before = conn.execute(DEFAULTS, (spec.table,)).fetchall()
        change = load_dimension(
            conn, spec, [replace(delivery, row_count=len(TEXTS) ** 2 * len(NUMBERS))], schemas=LAB, **options
        )
        rows = conn.execute(sql.SQL("SELECT * FROM {} ORDER BY {}").format(table, sql.Identifier(spec.surrogate_key)))
        assert before == conn.execute(DEFAULTS, (spec.table,)).fetchall()
        return change.counts, rows.fetchall()
    finally:
        conn.rollback()


@pytest.mark.parametrize("spec", FIRST, ids=lambda spec: spec.table.removeprefix("lab."))
def test_a_streamed_first_load_is_like_any_other(lab, database, spec, monkeypatch):
    """Keys, hashes and values are the same whichever way the rows go."""
    joined = loaded(lab, spec)
    monkeypatch.setattr(dimension_loader, "is_first", lambda *_: False)
    general = loaded(lab, spec)
    monkeypatch.undo()
    monkeypatch.setattr(first_load, "_MANY", 1)
    opened = []

    def open_reader():
        opened.append(connect(database))
        return opened[-1]

    streamed = loaded(lab, spec, open_reader=open_reader)
    # As for one who may not alter the table.
    monkeypatch.setattr(first_load, "_as_defaults", lambda _, constants: nullcontext(constants))
    told_row_by_row = loaded(lab, spec, open_reader=open_reader)

    assert len(TEXTS) ** 2 * len(NUMBERS) == len(streamed[1])
    assert joined == streamed
    assert general[1] == streamed[1]
    assert told_row_by_row == streamed
    assert [True, True] == [reader.closed for reader in opened]
