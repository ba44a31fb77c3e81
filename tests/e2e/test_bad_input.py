"""What can be wrong with files, folders and servers: each told in one clear line, with the right exit code, and nothing lost."""

import csv
import re
import shutil

import pytest

from etl.core.errors import Exit
from tests.warehouse import command

NEXT = "2099-01-01"


def delivery(warehouse, **feeds):
    """A delivery after all others with these bytes as its files."""
    folder = warehouse.landing / NEXT
    folder.mkdir()
    for feed, content in feeds.items():
        (folder / f"{feed}.csv").write_bytes(content)
    return folder


def sample(warehouse, feed, count=40):
    """Header and records of one of the market's files, as lists of texts; claims with ids that are not there yet."""
    path = max(warehouse.landing.glob(f"2*/{feed}.csv"), key=lambda path: path.stat().st_size)
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))[: count + 1]
    return header, rows


def text(header, rows):
    return "".join(",".join(row) + "\n" for row in [header, *rows]).encode()


def refused(done, code):
    """The one line that it says, on stderr; what was published meanwhile is on stdout."""
    # Beside the log of the steps, which is JSON where nobody looks on.
    line = "\n".join(line for line in done.err.splitlines() if not line.startswith("{"))

    assert code == done.code
    assert line
    assert "\n" not in line
    assert "Traceback" not in done.out + done.err
    return line


@pytest.fixture
def claims(loaded):
    """(the warehouse, the header of claims, records to be spoiled and delivered anew as claims of their own)."""
    header, rows = sample(loaded, "claims")
    for row in rows:
        row[header.index("claim_id")] = "X" + row[header.index("claim_id")]
        row[header.index("claim_frequency_code")] = "1"
        row[header.index("original_claim_id")] = ""
        row[header.index("claim_version_number")] = "1"
    return loaded, header, rows


def test_without_a_landing_zone_the_line_says_how_to_fill_one(empty):
    """The first thing that can be missing."""
    assert "make seed-data" in refused(empty.run("--mode", "full"), Exit.SOURCE)


def test_an_empty_landing_zone_is_nothing_to_load(empty):
    """Not an error, and no table is made of nothing."""
    empty.landing.mkdir()

    assert "nothing is there to load" in empty.must("--mode", "full")


def test_a_landing_zone_that_is_a_file_is_told(empty):
    """The setting names the wrong thing."""
    empty.landing.write_text("not a folder")

    assert str(empty.landing) in refused(empty.run("--mode", "full"), Exit.CONFIG)


def test_a_file_that_the_manifest_promises_and_that_is_missing_stops_before_anything_is_written(loaded):
    """Half a delivery is not a delivery."""
    before = loaded.fingerprints()
    loaded.next_days(1)
    folder = max(loaded.landing.glob("2*"))
    (folder / "claims.csv").unlink()
    line = refused(loaded.run("--mode", "incremental"), Exit.SOURCE)

    assert "claims" in line
    assert folder.name in line
    assert before == loaded.fingerprints()


REFUSED = [
    pytest.param(lambda h, rows: text(h[1:], [row[1:] for row in rows]), "claim_id", id="a missing column"),
    pytest.param(
        lambda h, rows: text([*h, "claim_id"], [[*row, "1"] for row in rows]), "claim_id", id="a column twice"
    ),
    pytest.param(lambda h, rows: b"", "empty", id="an empty file"),
    pytest.param(lambda h, rows: text(h, [["?"] * len(h) for _ in rows]), "rejected", id="nothing but rejects"),
]


@pytest.mark.parametrize(("spoil", "said"), REFUSED)
def test_a_file_that_makes_no_sense_is_refused_and_nothing_changes(claims, spoil, said):
    """Its sender must send another; the warehouse stays as it is."""
    warehouse, header, rows = claims
    before = warehouse.fingerprints()
    delivery(warehouse, claims=spoil(header, rows))
    line = refused(warehouse.run("--mode", "incremental"), Exit.SOURCE)

    assert f"{NEXT}/claims.csv" in line
    assert said in line
    assert before == warehouse.fingerprints()


def test_a_header_alone_is_no_records_and_no_error(claims):
    """A day without claims is a day; absence in a delta says nothing."""
    warehouse, header, _ = claims
    before = warehouse.fingerprints("staging", "warehouse")
    delivery(warehouse, claims=text(header, []))
    warehouse.must("--mode", "incremental")

    assert before == warehouse.fingerprints("staging", "warehouse")
    assert (0, "in_force") == warehouse.rows(
        "SELECT record_count, status FROM etl.source_file ORDER BY source_file_id DESC LIMIT 1"
    )[0]


def test_a_full_file_with_a_header_alone_does_not_close_everybody(loaded):
    """In a full feed absence means gone, so nobody at all is more likely a mistake."""
    header, _ = sample(loaded, "members", 0)
    before = loaded.fingerprints()
    delivery(loaded, members=text(header, []))
    line = refused(loaded.run("--mode", "incremental"), Exit.SOURCE)

    assert "--override" in line
    assert before == loaded.fingerprints()


def spoil_date(header, row):
    row[header.index("service_date")] = "last Tuesday"
    return ",".join(row).encode()


def spoil_encoding(header, row):
    row[header.index("principal_diagnosis_code")] = "?"
    return ",".join(row).encode().replace(b"?", b"\xff\xfe")


REJECTED = [
    pytest.param(spoil_date, "service_date", id="a text in a date"),
    pytest.param(lambda header, row: ",".join([*row, "more"]).encode(), None, id="a field too many"),
    pytest.param(lambda header, row: ",".join(row[:-2]).encode(), None, id="two fields too few"),
    pytest.param(spoil_encoding, "principal_diagnosis_code", id="invalid UTF-8"),
]


@pytest.mark.parametrize(("spoil", "column"), REJECTED)
def test_a_record_that_makes_no_sense_is_kept_aside_and_all_others_are_loaded(claims, spoil, column):
    """One bad record stops nothing and is not lost; the sums still agree, which the gate has proved."""
    warehouse, header, rows = claims
    at = 17
    lines = [",".join(row).encode() for row in rows]
    lines[at] = spoil(header, rows[at])
    delivery(warehouse, claims=b"\n".join([",".join(header).encode(), *lines, b""]))
    out = warehouse.must("--mode", "incremental")
    found = warehouse.rows(
        "SELECT record_number, column_name, raw_text FROM etl.rejected_row "
        "WHERE load_id = (SELECT max(load_id) FROM etl.load)"
    )
    loaded = warehouse.value("SELECT count(*) FROM warehouse.fact_claim_line WHERE claim_id LIKE 'X%%'")

    assert re.search(rf"^  claims +1 +{len(rows)} +{len(rows) - 1} +1 +0$", out, re.MULTILINE)
    assert [(at + 1, column)] == [row[:2] for row in found]
    assert rows[at][0] in found[0][2]
    assert len(rows) - 1 == loaded


def test_a_bad_delivery_does_not_keep_the_good_ones_out(loaded):
    """What is refused is told; what is sound is published, and a better file is taken in later."""
    loaded.next_days(2)
    first, second = sorted(loaded.landing.glob("2*"))[-2:]
    path = first / "claims.csv"
    sound = path.read_bytes()
    path.write_bytes(sound.replace(b"claim_line_number", b"line", 1))
    line = refused(loaded.run("--mode", "incremental"), Exit.SOURCE)
    published = [name for (name,) in loaded.rows("SELECT delivery_name FROM etl.load WHERE status = 'published'")]
    path.write_bytes(sound)
    loaded.must("--mode", "incremental")
    after = [name for (name,) in loaded.rows("SELECT delivery_name FROM etl.load WHERE status = 'published'")]

    assert first.name in line
    assert "claim_line_number" in line
    assert first.name not in published
    assert second.name in published
    assert {first.name, second.name} <= set(after)


def test_a_server_that_is_down_is_told_with_the_variable_to_set(first_load):
    """Port 1 has no server."""
    warehouse, _ = first_load
    down = "postgresql://ann@127.0.0.1:1/aca?connect_timeout=1"

    assert "DATABASE_URL" in refused(warehouse.run("--mode", "incremental", DATABASE_URL=down), Exit.CONFIG)


def test_a_wrong_password_is_told_and_not_shown(server, first_load):
    """One line, and no secret in it."""
    import psycopg

    warehouse, _ = first_load
    rules = server.data / "pg_hba.conf"
    before = rules.read_text()
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute("CREATE ROLE ann LOGIN PASSWORD 'right one'")
        rules.write_text("local all ann scram-sha-256\n" + before)
        admin.execute("SELECT pg_reload_conf()")
        try:
            address = warehouse.url.replace("postgres@", "ann:hunter2secret@", 1)
            line = refused(warehouse.run("--mode", "incremental", DATABASE_URL=address), Exit.CONFIG)
        finally:
            rules.write_text(before)
            admin.execute("SELECT pg_reload_conf()")
            admin.execute("DROP ROLE ann")

    assert "password" in line
    assert "hunter2secret" not in line


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    """The embedded server's home lies below a file, where not even root can make a folder."""
    (tmp_path / "file").write_text("")
    done = command(
        "run.py",
        "status",
        DATABASE_URL="",
        ACA_POSTGRES_HOME=str(tmp_path / "file" / "postgres"),
        ACA_LANDING=str(tmp_path),
    )

    assert str(tmp_path / "file") in refused(done, Exit.CONFIG)


def test_a_landing_zone_that_cannot_be_written_is_told_by_the_generator(tmp_path):
    """`make seed-data` says which folder."""
    (tmp_path / "file").write_text("")
    done = command(
        "scripts/generate_seed_data.py", "--members", "100", "--years", "1", "--out", str(tmp_path / "file" / "landing")
    )

    assert str(tmp_path / "file") in refused(done, Exit.USAGE)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["--mode", "fast"], "--mode", id="no such mode"),
        pytest.param(["--only", "cubes"], "--only", id="no such stage"),
        pytest.param(["fly"], "fly", id="no such command"),
        pytest.param(["--only", "dims", "--from", "facts"], "--only", id="both only and from"),
        pytest.param(["--override", "everything"], "everything", id="no such guard"),
    ],
)
def test_a_slip_on_the_command_line_is_told_before_anything_is_done(words, said):
    """Exit code 2, and what there is to choose from."""
    done = command("run.py", *words, DATABASE_URL="postgresql://ann@127.0.0.1:1/aca?connect_timeout=1")

    assert Exit.USAGE == done.code
    assert said in done.err
    assert "Traceback" not in done.err


def test_settings_that_make_no_sense_are_told_all_at_once():
    """Nobody wants to learn of the second mistake after the first."""
    done = command("run.py", "status", ACA_WORKERS="many", ACA_REJECT_SHARE_LIMIT="2")

    assert Exit.CONFIG == done.code
    assert "ACA_WORKERS" in done.err
    assert "ACA_REJECT_SHARE_LIMIT" in done.err
    assert "Traceback" not in done.err


def test_the_same_delivery_under_another_name_is_no_news(loaded):
    """Same feed, same day, same bytes: nothing to do."""
    before = loaded.fingerprints()
    last = max(loaded.landing.glob("2*"))
    shutil.copytree(last, last.with_name(last.name + "_again"))

    assert loaded.must("--mode", "incremental").startswith("nothing new")
    assert before == loaded.fingerprints()
