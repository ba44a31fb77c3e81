"""What somebody who means harm could deliver: it is refused, or it stays what it is, data."""

import gzip
import json
import os
import subprocess
import sys
import tracemalloc

import pytest

from etl.catalog.sources import MEMBERS
from etl.core.database import connect
from etl.core.errors import SourceError
from etl.core.settings import Settings
from etl.extract.deliveries import find_deliveries, read_delivery
from tests.house import ROOT
from tests.intake_runs import stage, write_delivery
from tests.market import command, load

INJECTION = "'); DROP TABLE staging.stg_member; --"
PARTS = (
    INJECTION,
    'x" text); DROP SCHEMA warehouse CASCADE; --',
    "$$; DROP SCHEMA etl CASCADE; $$",
    "%s %(load_id)s :loads {dim}",
    "\\N",
    "\\.",
)
FORMULAS = ("=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", '=HYPERLINK("http://example.com")')


def members(*rows: dict[str, str], header: tuple[str, ...] = MEMBERS.column_names) -> str:
    """A member file with these rows; each value quoted, its quotes doubled."""
    lines = [",".join(_quoted(name) for name in header)]
    lines += [",".join(_quoted(row[name]) if name in row else "" for name in header) for row in rows]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def everything_is_there(url: str) -> bool:
    with connect(url) as conn:
        row = conn.execute(
            "SELECT count(to_regclass(name)) FROM unnest(ARRAY['staging.stg_member', 'warehouse.dim_member', "
            "'warehouse.fact_claim_line', 'etl.load', 'mart.plan_performance']) AS name"
        ).fetchone()
    return row == (5,)


def test_sql_in_values_is_data_from_file_to_dimension(tmp_path, database):
    """Ids, names and places hold it to the letter, in staging, dimension, journal and inferred rows alike."""
    rows = [{"member_id": part, "first_name": part, "state_code": part, "rating_area": "1"} for part in PARTS]
    write_delivery(tmp_path, "2026-01-01", members=members(*rows))
    load(database, tmp_path)
    changed = [row | {"state_code": "FL", "last_name": "'; --"} for row in rows]
    write_delivery(tmp_path, "2026-02-01", members=members(*changed))
    load(database, tmp_path)

    assert everything_is_there(database)
    with connect(database) as conn:
        found = conn.execute(
            "SELECT member_id, first_name FROM warehouse.dim_member WHERE current_flag AND member_key NOT IN (-1, -2)"
        ).fetchall()
    assert {(part, part) for part in PARTS} == set(found)


@pytest.mark.parametrize("name", [*PARTS, "load_id", "tableoid", "record_number"])
def test_sql_in_a_header_is_an_unknown_column(tmp_path, database, name):
    """Only names of the contract reach a statement; our own columns cannot be written from a file."""
    header = (*MEMBERS.column_names, name)
    text = members({"member_id": "m1", name: "99"}, header=header)
    result = stage(database, write_delivery(tmp_path, members=text))

    assert 1 == len(result.loads)
    assert everything_is_there(database)
    with connect(database) as conn:
        assert conn.execute("SELECT load_id, record_number FROM staging.stg_member").fetchall() == [
            (result.loads[0].load_id, 1)
        ]
        assert conn.execute("SELECT unknown_columns FROM etl.source_file").fetchone() == ([name],)


@pytest.mark.parametrize(
    "name",
    [
        "2026-01-01_'; DROP SCHEMA etl CASCADE; --",
        "2026-01-01_$(touch pwned)",
        "2026-13-01",
        "2026-01-01_a b",
    ],
)
def test_a_folder_with_a_name_of_its_own_is_refused(tmp_path, database, name):
    """A folder's name goes into the ledger and into messages: letters, digits, dot, dash and underscore only."""
    (tmp_path / name).mkdir()
    (tmp_path / name / "members.csv").write_text(members({"member_id": "m1"}))

    with pytest.raises(SourceError, match="2026"):
        find_deliveries(tmp_path)
    assert everything_is_there(database)


@pytest.mark.parametrize(
    "name",
    [
        "../secret.csv",
        "/etc/passwd",
        "..",
        "",
        ".",
        "sub/members.csv",
        "members.csv/",
        "..\\secret.csv",
        "members.csv\x00.csv",
        7,
        None,
        ["members.csv"],
    ],
)
def test_a_manifest_reaches_no_file_outside_its_folder(tmp_path, name):
    """Only a plain name of a .csv or .csv.gz beside it."""
    (tmp_path / "secret.csv").write_text("member_id\nsecret\n")
    folder = tmp_path / "landing" / "2026-01-01"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"feeds": {"members": {"file": name}}}))

    with pytest.raises(SourceError):
        read_delivery(folder)


def test_links_are_not_followed(tmp_path):
    """Neither a file nor a folder may lead elsewhere."""
    (tmp_path / "secret.csv").write_text(members({"member_id": "secret"}))
    folder = tmp_path / "landing" / "2026-01-01"
    folder.mkdir(parents=True)
    (folder / "members.csv").symlink_to(tmp_path / "secret.csv")

    with pytest.raises(SourceError, match="link"):
        read_delivery(folder)


def test_a_formula_stays_the_text_it_is(tmp_path, database):
    """The warehouse changes no value; whoever opens an export in a spreadsheet imports the columns as text."""
    rows = [{"member_id": f"m{place}", "last_name": text} for place, text in enumerate(FORMULAS)]
    stage(database, write_delivery(tmp_path, members=members(*rows)))

    with connect(database) as conn:
        found = conn.execute("SELECT last_name FROM staging.stg_member ORDER BY record_number").fetchall()
    assert [(text,) for text in FORMULAS] == found


def test_an_oversized_field_is_a_reject_and_its_neighbours_are_not(tmp_path, database):
    """A quoted field that never ends must not eat the file, nor the memory."""
    rows = [{"member_id": "m1"}, {"member_id": "m2", "first_name": "x" * 3_000_000}, {"member_id": "m3"}]
    result = stage(database, write_delivery(tmp_path, members=members(*rows)), settings=Settings(workers=1))

    with connect(database) as conn:
        staged = conn.execute("SELECT member_id FROM staging.stg_member ORDER BY 1").fetchall()
        kept = conn.execute("SELECT record_number, reason_code, length(raw_text) FROM etl.rejected_row").fetchall()
    assert [("m1",), ("m3",)] == staged
    assert [2] == [number for number, _, _ in kept]
    assert all(length < 2_000_000 for _, _, length in kept)
    assert 3 == result.loads[0].files[0].balance.record_count


def test_ten_thousand_columns_are_refused_or_ignored_in_a_blink(tmp_path, database):
    """A header is not a way to make a table of any shape."""
    header = (*MEMBERS.column_names, *(f"x{place}" for place in range(5000)))
    (outcome,) = [stage(database, write_delivery(tmp_path, members=members({"member_id": "m1"}, header=header)))]

    with connect(database) as conn:
        wide = conn.execute(
            "SELECT max(count) FROM (SELECT count(*) FROM information_schema.columns WHERE table_schema = 'staging' GROUP BY table_name)"
        ).fetchone()
    assert outcome.loads or outcome.refused
    assert wide < (60,)


def test_a_bomb_of_zeros_is_refused_before_it_fills_memory_or_disk(tmp_path, database):
    """200 MB that come as 200 kB: told by how much it grows, in constant memory, and nothing of it is staged."""
    folder = tmp_path / "2026-01-01"
    folder.mkdir()
    with gzip.open(folder / "members.csv.gz", "wb", compresslevel=9) as file:
        file.write(",".join(MEMBERS.column_names).encode() + b"\n")
        for _ in range(200):
            file.write(b"0" * (1 << 20))
    assert (folder / "members.csv.gz").stat().st_size < 1 << 20
    tracemalloc.start()
    result = stage(database, read_delivery(folder))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert "times its size" in result.refused[0].why
    assert peak < 150 << 20
    with connect(database) as conn:
        assert conn.execute("SELECT count(*) FROM staging.stg_member").fetchone() == (0,)
        assert conn.execute("SELECT count(*) FROM etl.rejected_row").fetchone() == (0,)


def test_a_device_or_pipe_in_the_place_of_a_file_is_refused(tmp_path):
    """Reading it would never end."""
    folder = tmp_path / "2026-01-01"
    folder.mkdir()
    os.mkfifo(folder / "members.csv")

    with pytest.raises(SourceError):
        read_delivery(folder)


def test_sql_on_the_command_line_is_no_sql(database, tmp_path):
    """Numbers are numbers, guards are names from a list."""
    write_delivery(tmp_path, members=members({"member_id": "m1"}))
    for words in (("undo", INJECTION), ("--override", INJECTION), ("--mode", INJECTION), ("--from", INJECTION)):
        assert command(database, tmp_path, *words).returncode in (2, 20), words
    assert everything_is_there(database)


ESCAPE = "\x1b]0;pwned\x07\x1b[2J\nload 9: published\u202e"


def told_by(url, landing, *words):
    """What a command of the intake says, on both streams."""
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": url, "ACA_LANDING": str(landing), "ACA_REJECT_SHARE_LIMIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_file_cannot_talk_to_the_terminal(tmp_path, database):
    """Control characters of names and records are written out, and a record's line end begins no line of ours."""
    header = (*MEMBERS.column_names, ESCAPE.replace("\n", ""))
    text = members({"member_id": "m1"}, {"member_id": f"m{ESCAPE}", "rating_area": "north"}, header=header)
    folder = write_delivery(tmp_path, members=text).path
    (folder / f"strange{ESCAPE.splitlines()[0]}").touch()
    told = [
        told_by(database, tmp_path, *words)[1]
        for words in (
            ("etl.load.staging_loader",),
            ("etl.load.rejects", "list", "--load", "1"),
            ("etl.load.profile", str(folder / "members.csv")),
        )
    ]

    assert all("pwned" in each for each in told)
    assert not {"\x1b", "\x07", "\u202e"} & {each for text in told for each in text}
    assert [] == [text for text in told if "\nload 9" in text]


def test_a_file_without_a_header_is_described_without_its_first_record(tmp_path, database):
    """What stands where names should be is a person."""
    (tmp_path / "members.csv").write_text("M1,Wilhelmina,Featherstonehaugh,1980-01-01\n")
    _, told = told_by(database, tmp_path, "etl.load.profile", str(tmp_path / "members.csv"))

    assert "column 2" in told
    assert "Wilhelmina" not in told


@pytest.mark.parametrize("words", [("list",), ("replay", "--file", "corrected.csv")], ids=["list", "replay"])
def test_a_listing_or_replay_that_the_database_refuses_quotes_nothing(tmp_path, database, words):
    """One line and an exit code, as of every other command."""
    text = members({"member_id": "m1", "rating_area": "north", "last_name": "Featherstonehaugh"})
    stage(database, write_delivery(tmp_path, members=text), settings=Settings(reject_share_limit=1))
    corrected = tmp_path / "members.csv"
    corrected.write_text(text.replace("north", "1"))
    with connect(database, autocommit=True) as conn:
        conn.execute("ALTER TABLE staging.stg_member ADD CONSTRAINT nobody CHECK (last_name IS NULL)")
        conn.execute("ALTER TABLE etl.rejected_row RENAME COLUMN message TO told" if words == ("list",) else "SELECT 1")
    words = [str(corrected) if word == "corrected.csv" else word for word in words]
    code, told = told_by(database, tmp_path, "etl.load.rejects", words[0], "--load", "1", *words[1:])

    assert code in (1, 3, 20), told
    assert not any(word in told for word in ("Traceback", "Featherstonehaugh", "Failing row"))
