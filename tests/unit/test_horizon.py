"""What moves when the latest delivery is of another day."""

from datetime import date

import pytest

from etl.transform.cube_loader import passed

DAY = {"horizon"}
MONTH = {"horizon", "horizon_month"}


@pytest.mark.parametrize(
    ("before", "after", "moved"),
    [
        pytest.param("2026-01-10", "2026-01-10", set(), id="the same day"),
        pytest.param("2026-01-10", "2026-01-11", DAY, id="the next day"),
        pytest.param("2026-01-30", "2026-01-31", MONTH, id="a month is complete"),
        pytest.param("2026-01-31", "2026-02-01", MONTH, id="another month begins"),
        pytest.param("2025-01-10", "2026-01-10", MONTH, id="the same month of another year"),
        pytest.param(None, "2026-01-10", MONTH, id="the first delivery"),
        pytest.param("2026-01-10", None, MONTH, id="nothing in force any more"),
    ],
)
def test_views_of_months_follow_only_where_a_month_begins_or_ends(before, after, moved):
    """Most days end no month: then what depends on the month of the horizon stays as it is."""
    days = [date.fromisoformat(day) if day else None for day in (before, after)]

    assert moved == passed(*days)
