"""Guards, clean-up, redirects, time travel and verification of the SCD helper, drawn as tables."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from etl.core.errors import SourceError, SpecError
from etl.core.spec import Mode, NewColumns
from etl.history import Observed, as_of, create_as_of_function, create_dimension, load_dimension, verify
from tests.history_lab import BY_TABLE, LAB, build_lab, lab_spec, moment_of
from tests.tables import expect, given

CLOSING = BY_TABLE["closing"]
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def lab(conn):
    """The laboratory's tables, empty."""
    build_lab(conn)
    return conn


def delivery(load_id, day, mode=Mode.FULL):
    return Observed(load_id, moment_of(CLOSING, day), mode, NOW)


def three_prices(lab):
    """Full deliveries of the days 1, 5 and 3, in this order: the last one is late."""
    given(
        lab,
        "lab.source",
        """
        | load_id | record_number | k | a   | o     |
        | 1       | 1             | x | one | early |
        | 2       | 1             | x | two | last  |
        | 3       | 1             | x | mid | late  |
        """,
    )
    first, second, late = delivery(1, 1), delivery(2, 5), delivery(3, 3)
    for each, before in ((first, []), (second, [first]), (late, [first, second])):
        load_dimension(lab, CLOSING, [each], in_force=before, schemas=LAB)
    return first, second, late


def test_what_a_delivery_changes_is_told_kind_by_kind_with_business_keys(lab):
    """Late: x changes in the past, and its later version merges into it; y is new; z, not named again, is gone."""
    given(
        lab,
        "lab.source",
        """
        | load_id | record_number | k | a   |
        | 1       | 1             | x | one |
        | 1       | 2             | z | one |
        | 2       | 1             | x | two |
        | 2       | 2             | z | one |
        | 3       | 1             | x | two |
        | 3       | 2             | y | one |
        """,
    )
    first, second, late = delivery(1, 1), delivery(2, 5), delivery(3, 3)
    load_dimension(lab, CLOSING, [first], schemas=LAB)
    load_dimension(lab, CLOSING, [second], in_force=[first], schemas=LAB)
    change = load_dimension(lab, CLOSING, [late], in_force=[first, second], schemas=LAB, with_samples=True)

    assert {
        "new": ("y",),
        "changed": ("x", "z"),
        "closed": ("x", "z"),
        "gone": (),
        "late": ("x", "z"),
        "merged": ("x",),
    } == change.samples
    assert (1, 2, 2, 2, 1) == (
        change.new_entities,
        change.changed_entities,
        change.closed,
        change.late,
        change.removed_versions,
    )


def test_a_tombstone_that_answers_a_reject_tells_no_overwritten_value(lab):
    """The full delivery rejected x, and its correction says x is gone: the last word on o is from before, come when it may."""
    given(
        lab,
        "lab.source",
        """
        | load_id | record_number | k | a   | o     | operation |
        | 1       | 1             | x | one | first | upsert    |
        | 2       | 1             | y | one | first | upsert    |
        | 3       | 1             | x | two | last  | upsert    |
        | 4       | 1             | x | two | gone  | delete    |
        """,
    )
    lab.execute("INSERT INTO lab.rejected_row VALUES (2, 'things', '{x}')")
    early, full = delivery(1, 1, Mode.DELTA), delivery(2, 5)
    late, answer = delivery(3, 2, Mode.DELTA), delivery(4, 5, Mode.DELTA)
    load_dimension(lab, CLOSING, [early, full], schemas=LAB)
    load_dimension(lab, CLOSING, [late, answer], in_force=[early, full], schemas=LAB)

    told = lab.execute("SELECT a, o FROM lab.closing WHERE k = 'x' ORDER BY start_date").fetchall()
    assert [("one", "last"), ("two", "last")] == told


def test_a_late_delivery_is_spliced_in_and_leaves_a_trace(lab):
    """The version between is new, its neighbours keep their keys, the overwritten value stays the one told last."""
    three_prices(lab)

    expect(
        lab,
        "lab.closing",
        """
        | k | a   | o    | current_a | start_date | end_date   | load_id |
        | x | one | last | two       | 1900-01-01 | 2026-01-04 | 1       |
        | x | mid | last | two       | 2026-01-04 | 2026-01-06 | 3       |
        | x | two | last | two       | 2026-01-06 | 9999-12-31 | 2       |
        """,
    )


def test_a_version_whose_start_moves_leaves_a_redirect(lab):
    """History before the first version takes its key over; for the later dates the old key leads to the new one."""
    given(lab, "lab.source", "| load_id | record_number | k | a |\n| 1 | 1 | x | new |\n| 2 | 1 | x | old |")
    load_dimension(lab, CLOSING, [delivery(1, 5)], schemas=LAB)
    load_dimension(lab, CLOSING, [delivery(2, 2)], in_force=[delivery(1, 5)], schemas=LAB)

    expect(
        lab,
        "lab.key_redirect",
        """
        | load_id | start_date | end_date   |
        | 2       | 2026-01-06 | 9999-12-31 |
        """,
    )
    moved = lab.execute(
        "SELECT count(*) FROM lab.key_redirect AS r INNER JOIN lab.closing AS d ON r.new_key = d.thing_key AND d.a = 'new' "
        "INNER JOIN lab.closing AS o ON r.old_key = o.thing_key AND o.a = 'old'"
    ).fetchone()
    assert (1,) == moved


def test_time_travel_shows_what_was_known(lab):
    """Before the late delivery came, day 4 had the first price; since, it has the late one."""
    three_prices(lab)
    create_as_of_function(lab, CLOSING, LAB)
    place = CLOSING.columns.index("a")
    end = CLOSING.columns.index("end_date")
    day = moment_of(CLOSING, 4)

    assert ["mid"] == [row[place] for row in as_of(lab, CLOSING, day, schemas=LAB)]
    assert [("one", date(2026, 1, 6))] == [(row[place], row[end]) for row in as_of(lab, CLOSING, day, 2, LAB)]
    assert [("one", date(9999, 12, 31))] == [(row[place], row[end]) for row in as_of(lab, CLOSING, day, 1, LAB)]
    assert [] == as_of(lab, CLOSING, day, 0, LAB)
    assert [("mid",)] == lab.execute("SELECT a FROM lab.closing_as_of(%s)", (day,)).fetchall()


def test_verify_finds_nothing_in_a_sound_dimension_and_every_changed_row_in_another(lab):
    """The rebuild compares every column but the load's own."""
    held = three_prices(lab)
    assert [] == verify(lab, [CLOSING], {CLOSING.table: held}, LAB)

    lab.execute("UPDATE lab.closing SET o = 'tampered' WHERE a = 'mid'")
    lab.execute("DELETE FROM lab.closing WHERE a = 'one'")

    found = verify(lab, [CLOSING], {CLOSING.table: held}, LAB)
    assert [("only in the rebuild", date(1900, 1, 1)), ("differs", date(2026, 1, 4))] == [
        (each.why, each.start_date) for each in found
    ]


def test_an_undone_delivery_leaves_the_dimension_as_if_it_had_never_come(lab):
    """Withdrawn with nothing in its place, also the overwritten values go back."""
    first, second, late = three_prices(lab)
    load_dimension(lab, CLOSING, [], in_force=[first, late], withdrawn=[2], schemas=LAB)

    expect(
        lab,
        "lab.closing",
        """
        | k | a   | o    | start_date | end_date   |
        | x | one | late | 1900-01-01 | 2026-01-04 |
        | x | mid | late | 2026-01-04 | 9999-12-31 |
        """,
    )
    assert second not in (first, late)


def many_then_few(lab):
    lab.execute(
        "INSERT INTO lab.source (load_id, record_number, k) SELECT 1, n, n::text FROM generate_series(1, 40) AS n"
    )
    lab.execute(
        "INSERT INTO lab.source (load_id, record_number, k) SELECT 2, n, n::text FROM generate_series(1, 30) AS n"
    )
    guarded = lab_spec("closing", closure_share_limit=0.2)
    load_dimension(lab, guarded, [delivery(1, 1)], schemas=LAB)
    return guarded


def test_a_full_delivery_that_would_end_too_much_is_refused_unless_allowed(lab):
    """Ten of forty is more than a fifth; the name of the override is in the message."""
    guarded = many_then_few(lab)
    with pytest.raises(SourceError, match=r"lacks 10 of 40 living things, more than 20%.*--override closures"):
        load_dimension(lab, guarded, [delivery(2, 2)], schemas=LAB)
    lab.rollback()
    build_lab(lab)
    many_then_few(lab)

    assert 10 == load_dimension(lab, guarded, [delivery(2, 2)], allow_closures=True, schemas=LAB).gone_entities


def test_an_empty_full_delivery_is_refused_however_little_it_would_end(lab):
    """Nothing at all is more often a broken export than the truth."""
    given(lab, "lab.source", "| load_id | record_number | k |\n| 1 | 1 | x |")
    load_dimension(lab, CLOSING, [delivery(1, 1)], schemas=LAB)

    with pytest.raises(SourceError, match="it is empty"):
        load_dimension(lab, CLOSING, [delivery(2, 2)], schemas=LAB)


def test_missing_columns_are_refused_all_at_once(lab):
    """Of the source and of the table, in one message."""
    lab.execute("ALTER TABLE lab.source DROP COLUMN n, DROP COLUMN o")
    lab.execute("ALTER TABLE lab.closing DROP COLUMN row_hash")
    with pytest.raises(SpecError) as refused:
        load_dimension(lab, CLOSING, [delivery(1, 1)], schemas=LAB)

    assert (
        "lab.closing lacks the column row_hash",
        "lab.source lacks the column n",
        "lab.source lacks the column o",
    ) == refused.value.problems


def test_new_columns_are_refused_where_the_spec_says_so(lab):
    """`y` is in the source and in no list of the spec."""
    with pytest.raises(SpecError, match="new column, y"):
        load_dimension(lab, lab_spec("closing", new_columns=NewColumns.REFUSE), [delivery(1, 1)], schemas=LAB)


def test_a_key_told_twice_for_a_day_is_refused_where_no_feed_has_checked_it(lab):
    """Which of the two would hold is nothing to guess."""
    given(lab, "lab.source", "| load_id | record_number | k | a |\n| 1 | 1 | x | p |\n| 1 | 2 | x | q |")
    with pytest.raises(SourceError, match="1 key"):
        load_dimension(lab, lab_spec("closing", feed=""), [delivery(1, 1)], schemas=LAB)


def test_cleaned_columns_are_cleaned_for_comparison_and_in_the_table(lab):
    """Trimmed white space and a composed letter are no new value; without the declaration they would be."""
    spec = lab_spec("cleaned", trim=("a", "k"), nfc=("a",))
    create_dimension(lab, spec, LAB)
    lab.execute(
        "INSERT INTO lab.source (load_id, record_number, k, a, o) VALUES "
        "(1, 1, 'x', E' a\\u0308 ', ' o'), (2, 1, E'x\\t', E'\\u00e4', 'o')"
    )
    for load_id in (1, 2):
        load_dimension(lab, spec, [delivery(load_id, load_id)], schemas=LAB)

    expect(
        lab,
        "lab.cleaned",
        """
        | k | a | o |
        | x | ä | o |
        """,
    )


def test_one_and_one_point_zero_are_one_number(lab):
    """With or without a declared scale."""
    lab.execute(
        "INSERT INTO lab.source (load_id, record_number, k, n, m) VALUES (1, 1, 'x', 1.0, 1.0), (2, 1, 'x', 1.00, 1.00)"
    )
    for load_id in (1, 2):
        load_dimension(lab, CLOSING, [delivery(load_id, load_id)], schemas=LAB)

    assert [(Decimal(1), Decimal(1))] == lab.execute("SELECT n, m FROM lab.closing").fetchall()
