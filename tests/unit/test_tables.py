"""The drawn-table helper reads what a person draws."""

import pytest

from tests.tables import draw, parse


def test_an_empty_cell_and_the_word_null_are_null_and_quotes_are_the_empty_text():
    """NULL and '' differ in the warehouse, so they differ in drawings."""
    columns, rows = parse("""
        | plan_id | plan_name | metal_level |
        | FL-001  | ''        | NULL        |
        | FL-002  |           | Silver Plus |
    """)

    assert ["plan_id", "plan_name", "metal_level"] == columns
    assert [("FL-001", "", None), ("FL-002", None, "Silver Plus")] == rows


@pytest.mark.parametrize(
    "drawing",
    [
        pytest.param("", id="nothing"),
        pytest.param("| a | b |\n| 1 |", id="a cell too few"),
        pytest.param("| a |\n1", id="no bars"),
    ],
)
def test_a_drawing_that_is_no_table_is_refused(drawing):
    """A slip of the pen must not become an empty expectation."""
    with pytest.raises(ValueError, match=r"drawn|line of a table"):
        parse(drawing)


def test_what_is_drawn_reads_back_the_same():
    """The difference that a failed comparison prints can be pasted into the test."""
    rows = [("1", None), ("22", "")]

    assert (["a", "b"], rows) == parse("\n".join(draw(["a", "b"], rows)))
