"""A load is taken back out: all tables become what they would be without its delivery."""

import shutil

import pytest

from etl.core.database import connect
from etl.core.errors import StepFailed
from etl.core.fingerprint import METADATA, differences, fingerprint
from etl.undo import undo_load
from tests.market import deliver, deliveries, load, settings

REMEMBERED = ("etl.control_total", "etl.rejected_row", "etl.dimension_observation", "etl.full_observation")


@pytest.fixture
def market(tmp_path_factory):
    """All deliveries, of which a test uses some."""
    return deliveries(tmp_path_factory.getbasetemp())


@pytest.fixture
def landing(tmp_path):
    """An empty landing zone."""
    (tmp_path / "landing").mkdir()
    return tmp_path / "landing"


def content(url):
    """All tables, and what the warehouse remembers beside them."""
    with connect(url) as conn:
        return fingerprint(conn, tables=REMEMBERED, ignored=METADATA | {"rejected_row_id"})


def take(url, landing, *folders):
    """Deliver and load these; the number of the last load."""
    deliver(landing, *folders)
    return load(url, landing).batch.loads[-1]


def statuses(url):
    with connect(url) as conn:
        return conn.execute("SELECT delivery_name, status FROM etl.load ORDER BY load_id").fetchall()


def test_the_latest_load_is_taken_back_out_exactly(database, market, landing):
    """Members, plans, claims with adjustments, cubes, history, rejects: as before; and it can come again."""
    take(database, landing, *market[:-1])
    before = content(database)
    latest = take(database, landing, market[-1])
    after = content(database)
    assert differences(before, after)

    assert market[-1].name == undo_load(database, settings(landing), latest)

    assert [] == differences(before, content(database))
    assert (market[-1].name, "undone") == statuses(database)[-1]
    load(database, landing)
    assert [] == differences(after, content(database))


def test_an_older_load_is_taken_out_as_if_it_had_never_come(database, market, landing):
    """Deliveries are a set: without one of them the tables are those of the others."""
    take(database, landing, *(folder for folder in market if folder != market[5]))
    without = content(database)
    take(database, landing, market[5])
    with connect(database) as conn:
        (older,) = conn.execute("SELECT load_id FROM etl.load WHERE delivery_name = %s", (market[5].name,)).fetchone()

    undo_load(database, settings(landing), older)

    assert [] == differences(without, content(database))


def test_what_the_load_had_replaced_is_in_force_again(database, market, landing):
    """A wrong correction of a day can be taken back."""
    take(database, landing, *market[:3])
    before = content(database)
    corrected = landing / f"{market[2].name}_b"
    shutil.copytree(market[2], corrected)
    for path in corrected.glob("claims.csv*"):
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(lines[: len(lines) // 2]))
    (corrected / "manifest.json").unlink(missing_ok=True)
    correction = load(database, landing).batch.loads[-1]
    assert differences(before, content(database))

    undo_load(database, settings(landing), correction)

    assert [] == differences(before, content(database))


@pytest.mark.parametrize("number", [pytest.param(99, id="never there"), pytest.param(1, id="undone already")])
def test_a_load_that_is_not_published_is_refused_with_the_reason(database, market, landing, number):
    """And nothing is changed."""
    first = take(database, landing, market[0])
    undo_load(database, settings(landing), first)
    before = content(database)

    with pytest.raises(StepFailed, match=r"no such load|it is undone"):
        undo_load(database, settings(landing), number)

    assert [] == differences(before, content(database))
