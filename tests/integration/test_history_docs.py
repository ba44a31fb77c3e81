"""The example of docs/scd_helper.md does what the page says."""

import re
from datetime import date
from decimal import Decimal

from tests.house import text
from tests.tables import expect


def test_the_example_for_a_table_of_your_own_runs(conn):
    """Any table, one import, late history spliced in, time travel."""
    (example,) = re.findall(r"```python\n(.*?)```", text("docs/scd_helper.md"), re.DOTALL)
    names = {"conn": conn}
    exec(compile(example, "docs/scd_helper.md", "exec"), names)  # noqa: S102 - our own page

    expect(
        conn,
        "shop.product",
        """
        | sku | price | name      | start_date | end_date   | first_observed_date | current_flag |
        | A   | 10.00 | Green tea | 1900-01-01 | 2026-02-01 | 2026-01-01          | false        |
        | A   | 11.00 | Green tea | 2026-02-01 | 2026-03-01 | 2026-02-01          | false        |
        | A   | 12.00 | Green tea | 2026-03-01 | 9999-12-31 | 2026-03-01          | true         |
        | B   | 5.00  | Milk      | 1900-01-01 | 2026-03-01 | 2026-01-01          | false        |
        """,
    )
    columns = names["product"].columns
    known = {row[columns.index("sku")]: row for row in names["as_known_before"]}
    valid = {row[columns.index("sku")]: row for row in names["in_february"]}

    assert Decimal("11.00") == valid["A"][columns.index("price")]
    assert Decimal("10.00") == known["A"][columns.index("price")]
    assert date(2026, 3, 1) == known["A"][columns.index("end_date")]
    assert 1 == names["change"].late
