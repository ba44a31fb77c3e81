"""Drawn tables meet the database."""

import pytest

from tests.tables import expect, given


@pytest.fixture
def visits(conn):
    """A table of ours to draw into."""
    conn.execute("CREATE TEMP TABLE visits (id int, cost numeric(12, 2), note text DEFAULT 'none', paid boolean)")
    return conn


def test_drawn_rows_are_found_again_in_any_order_whatever_else_the_table_has(visits):
    """Only drawn columns count, and values are compared as the column's type."""
    given(
        visits,
        "visits",
        """
        | id | cost  | paid |
        | 1  | 10.5  | true |
        | 2  | NULL  | f    |
    """,
    )

    expect(
        visits,
        "visits",
        """
        | cost  | note | paid  | id |
        |       | none | false | 2  |
        | 10.50 | none | true  | 1  |
    """,
    )


@pytest.mark.parametrize(
    "drawing",
    [
        pytest.param("| id | note |\n| 1 | NULL |\n| 2 | NULL |", id="null is not the empty text"),
        pytest.param("| id |\n| 1 |", id="a row too few"),
        pytest.param("| id |\n| 1 |\n| 2 |\n| 2 |", id="a row twice"),
        pytest.param("| id |\n| 1 |\n| 3 |", id="another row"),
    ],
)
def test_a_table_that_is_not_as_drawn_fails(visits, drawing):
    """The comparison can go red in each way that it promises."""
    given(visits, "visits", "| id | note |\n| 1 | '' |\n| 2 | '' |")

    with pytest.raises(AssertionError, match="visits is not as drawn"):
        expect(visits, "visits", drawing)


def test_the_difference_shows_both_sides(visits):
    """A person sees at a glance which row is missing and which is too many."""
    given(visits, "visits", "| id | note |\n| 1 | a |\n| 2 | '' |")

    with pytest.raises(AssertionError) as failure:
        expect(visits, "visits", "| id | note |\n| 1 | a |\n| 2 | b |")

    assert [
        "visits is not as drawn:",
        "         | id | note |",
        "         | 1  | a    |",
        "too many | 2  | ''   |",
        "missing  | 2  | b    |",
    ] == str(failure.value).splitlines()
