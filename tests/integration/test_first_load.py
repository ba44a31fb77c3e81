"""The first delivery of an empty dimension: streamed, joined or applied as any other, it comes to the same rows."""

from contextlib import closing, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product

import psycopg
import pytest
from psycopg import sql

from etl.core.database import connect
from etl.core.hashing import copied_rows
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


def counted(count, told="number"):
    """COPY of so many numbers, or of what is *told* of each."""
    return sql.SQL("COPY (SELECT {} FROM generate_series(1, {}) AS number) TO STDOUT").format(sql.SQL(told), count)


@pytest.mark.parametrize("count", [0, 1, 50_000])
def test_rows_taken_straight_from_libpq_are_those_that_the_driver_gives(database, count):
    """All of them, in their order, and the connection is free for what comes next."""
    with connect(database) as conn:
        rows = [bytes(row) for row in copied_rows(conn, counted(count))]

        assert [b"%d\n" % number for number in range(1, count + 1)] == rows
        assert (1,) == conn.execute("SELECT 1").fetchone()


def test_what_fails_among_the_rows_is_raised_as_what_it_is(database):
    """A reader that ends in the midst of its rows must not pass for one that is done."""
    with connect(database) as conn:
        with pytest.raises(psycopg.errors.DivisionByZero):
            list(copied_rows(conn, counted(50_000, "1 / (40000 - number)")))
        conn.rollback()

        assert (1,) == conn.execute("SELECT 1").fetchone()


def test_rows_nobody_wants_any_more_are_called_off(database):
    """The writer failed: the reader's connection closes without waiting for the rest."""
    with connect(database) as conn:
        with closing(copied_rows(conn, counted(50_000_000))) as rows:
            assert b"1\n" == bytes(next(rows))
        conn.rollback()

        assert (1,) == conn.execute("SELECT 1").fetchone()
