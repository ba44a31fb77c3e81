"""`make dq-fast`: what a load touched is judged again, over the tables as they are now."""

import psycopg
import pytest

from tests.market import command, load
from tests.quality_lab import copied, loaded_market


@pytest.fixture(scope="module")
def market(server, migrated_template, tmp_path_factory):
    home = tmp_path_factory.mktemp("recheck")
    with loaded_market(server, migrated_template, home, "aca_recheck", but_for=2) as name:
        load(server.url(name), home / "next")
        yield name


@pytest.fixture
def url(server, market):
    with copied(server, market, "aca_recheck_copy") as address:
        yield address


def latest(url):
    with psycopg.connect(url) as conn:
        (load_id,) = conn.execute("SELECT max(load_id) FROM etl.load WHERE status = 'published'").fetchone()
    return load_id


def broken(url, statement):
    """Break what the latest load with a reversal brought; which load that is."""
    with psycopg.connect(url) as conn:
        (load_id,) = conn.execute("SELECT max(load_id) FROM warehouse.fact_claim_line WHERE is_reversal").fetchone()
        assert conn.execute(statement, {"load": load_id}).rowcount >= 1
    return str(load_id)


def test_sound_tables_pass_for_every_load(url, tmp_path):
    """The latest by default; any other by its number. It is on record like the gate of a load."""
    done = command(url, tmp_path, "gate")
    others = [command(url, tmp_path, "gate", "--load", str(number)) for number in range(1, latest(url))]

    assert 0 == done.returncode, done.stderr
    assert f"by what load {latest(url)} touched" in done.stdout
    assert [] == [each.stderr for each in others if each.returncode]
    with psycopg.connect(url) as conn:
        assert conn.execute("SELECT count(*) FROM etl.run WHERE mode = 'gate' AND status = 'done'").fetchone() == (
            latest(url),
        )


@pytest.mark.parametrize(
    ("check", "statement"),
    [
        pytest.param(
            "claim_lines_conserved",
            "DELETE FROM warehouse.fact_claim_line WHERE claim_id = (SELECT min(claim_id) FROM staging.stg_claim WHERE "
            "load_id = %(load)s)",
            id="a fact",
        ),
        pytest.param(
            "daily_cube_cells_equal_facts",
            "UPDATE mart.claims_daily_plan_provider SET paid_amount = paid_amount + 1 WHERE (service_date, plan_key) = "
            "(SELECT service_date, plan_key FROM warehouse.fact_claim_line WHERE load_id = %(load)s LIMIT 1)",
            id="a cube",
        ),
        pytest.param(
            "new_versions_replace_old",
            "DELETE FROM warehouse.fact_claim_line WHERE is_reversal AND load_id = %(load)s",
            id="a reversal",
        ),
        pytest.param(
            "files_conserved",
            "DELETE FROM staging.stg_claim WHERE load_id = %(load)s AND record_number = 1",
            id="staging",
        ),
    ],
)
def test_what_was_broken_since_is_found(url, tmp_path, check, statement):
    """Exit code 4, the check by name, its keys on record."""
    done = command(url, tmp_path, "gate", "--load", broken(url, statement))

    assert 4 == done.returncode
    assert check in done.stderr
    assert "nothing was published" not in done.stderr
    assert check in command(url, tmp_path, "failures").stdout


def test_there_must_be_a_load(database, url, tmp_path):
    """Nothing loaded, or a number that is not there."""
    assert 2 == command(database, tmp_path, "gate").returncode
    assert 2 == command(url, tmp_path, "gate", "--load", "999").returncode
