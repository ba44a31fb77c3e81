"""Loads: whole or not at all, once and never twice, whatever was killed, changed or sent again."""

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
import xxhash

from etl.catalog.sources import CLAIMS, SOURCES
from etl.core.database import connect
from etl.core.embedded import EmbeddedServer
from etl.core.errors import ConfigError, Exit, SourceError
from etl.core.ledger import Ledger
from etl.core.settings import Settings
from etl.extract.deliveries import find_deliveries, read_delivery
from etl.load import side_by_side, staging_loader
from etl.load.guards import GUARDS
from etl.load.intake_ledger import fingerprint
from etl.load.profile import profile_file
from etl.load.rejected import EXPLANATIONS
from etl.load.rejects import list_rejects, replay_rejects
from etl.load.rejects import main as rejects_main
from etl.load.staging_loader import stage_deliveries
from etl.summary import print_loads
from tests.intake_oracle import HEADER
from tests.intake_runs import EVERY_GUARD, stage, start_run, write_delivery

HEAD = HEADER.decode() + "\n"
PARTIAL = frozenset({"missing-column"})
Conn = psycopg.Connection[tuple[Any, ...]]


def lines(count: int, first: int = 1) -> str:
    """Sound claim lines, numbered from *first*."""
    return "".join(f"C{n},1,paid,M1,2025-01-31,,true,10.00,8.00,5.00\n" for n in range(first, first + count))


@pytest.fixture
def db(database: str) -> Any:
    """A connection to look at the database with."""
    with connect(database, autocommit=True) as conn:
        yield conn


def staged(db: Conn) -> list[tuple[Any, ...]]:
    return db.execute("SELECT load_id, claim_id FROM staging.stg_claim ORDER BY 1, record_number").fetchall()


def files(db: Conn) -> list[tuple[Any, ...]]:
    return db.execute("SELECT path, status FROM etl.source_file ORDER BY source_file_id").fetchall()


def test_same_content_again_is_a_no_op(tmp_path: Path, database: str, db: Conn) -> None:
    """The second run makes no load and says which files it passed over; so does the same content under another name."""
    delivery = write_delivery(tmp_path, claims=HEAD + lines(2))
    stage(database, delivery)

    again = stage(database, delivery)
    copied = stage(database, write_delivery(tmp_path, "2026-01-01_copy", claims=HEAD + lines(2)))

    assert ((), ("2026-01-01/claims.csv",)) == (again.loads, again.unchanged)
    assert ("2026-01-01_copy/claims.csv",) == copied.unchanged
    assert [(1, "C1"), (1, "C2")] == staged(db)


def test_an_untouched_file_is_not_read_again(
    tmp_path: Path, database: str, db: Conn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Size and age tell; a file changed just before it was staged is read once more, another age makes it read."""
    delivery = write_delivery(tmp_path, claims=HEAD + lines(2))
    claims = tmp_path / "2026-01-01" / "claims.csv"
    read: list[Path] = []
    monkeypatch.setattr(staging_loader, "fingerprint", lambda path: read.append(path) or fingerprint(path))
    stage(database, delivery)
    stage(database, delivery)
    os.utime(claims, ns=(10**18, 10**18))
    stage(database, delivery)
    assert [claims] * 2 == read

    untouched = stage(database, delivery)
    assert ([claims] * 2, ("2026-01-01/claims.csv",)) == (read, untouched.unchanged)

    claims.write_text(HEAD + lines(2, first=3))
    os.utime(claims, ns=(10**18, 10**18 + 1))
    assert 1 == len(stage(database, delivery).loads)
    assert [(1, "C1"), (1, "C2"), (2, "C3"), (2, "C4")] == staged(db)


@pytest.mark.parametrize("ending", ["csv", "csv.gz"])
def test_a_file_whose_size_is_new_is_read_once(
    ending: str, tmp_path: Path, database: str, db: Conn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its bytes on disk are hashed as they are staged, and tell it from others afterwards."""
    monkeypatch.setattr(staging_loader, "fingerprint", lambda path: pytest.fail(f"{path} was read beforehand"))
    text = (HEAD + lines(3)).encode()
    content = text if ending == "csv" else gzip.compress(text)
    (tmp_path / "2026-01-01").mkdir()
    (tmp_path / "2026-01-01" / f"claims.{ending}").write_bytes(content)
    stage(database, read_delivery(tmp_path / "2026-01-01"))
    monkeypatch.undo()
    (tmp_path / "2026-01-01_again").mkdir()
    (tmp_path / "2026-01-01_again" / f"claims.{ending}").write_bytes(content)

    again = stage(database, read_delivery(tmp_path / "2026-01-01_again"))

    assert ((), (f"2026-01-01_again/claims.{ending}",)) == (again.loads, again.unchanged)
    assert [(len(content), UUID(bytes=xxhash.xxh3_128(content).digest()))] == db.execute(
        "SELECT byte_count, content_hash FROM etl.source_file"
    ).fetchall()


def test_other_content_is_taken_in_beside_the_first(tmp_path: Path, database: str, db: Conn) -> None:
    """A corrected delivery is a load of its own; the first stays until it is published over, and is not staged again."""
    first = write_delivery(tmp_path, claims=HEAD + lines(2))
    stage(database, first)
    second = write_delivery(tmp_path, "2026-01-01_b", claims=HEAD + lines(3))
    stage(database, first, second)
    db.execute("UPDATE etl.source_file SET status = 'superseded' WHERE load_id = 1")

    third = stage(database, first, second)

    assert ("2026-01-01/claims.csv", "2026-01-01_b/claims.csv") == third.unchanged
    assert [1, 1, 2, 2, 2] == [load_id for load_id, _ in staged(db)]


def test_a_repeat_does_not_undo_a_correction(tmp_path: Path, database: str, db: Conn) -> None:
    """Content that was superseded is no news under another name; written over the correction it is."""
    wrong = write_delivery(tmp_path, claims=HEAD + lines(2))
    repeat = write_delivery(tmp_path, "2026-01-01_again", claims=HEAD + lines(2))
    right = write_delivery(tmp_path, "2026-01-01_corrected", claims=HEAD + lines(3))
    together = stage(database, wrong, repeat, right)
    db.execute("UPDATE etl.source_file SET status = 'superseded' WHERE load_id = 1")

    afterwards = stage(database, wrong, repeat, right)
    back = stage(database, write_delivery(tmp_path, "2026-01-01_corrected", claims=HEAD + lines(2)))

    assert ("2026-01-01_again/claims.csv",) == together.unchanged
    assert () == afterwards.loads
    assert [3] == [load.load_id for load in back.loads]


@pytest.mark.parametrize("spread_from", [0, 1 << 20], ids=["spread_over_workers", "by_one_worker"])
def test_what_holds_while_a_table_is_filled_ends_with_it(
    tmp_path: Path, database: str, db: Conn, monkeypatch: pytest.MonkeyPatch, spread_from: int
) -> None:
    """Of a staged table autovacuum takes care as of any other, statistics tell its keys, and nothing checks its load twice."""
    monkeypatch.setattr(side_by_side, "SMALL_DELIVERY_BYTES", spread_from)
    stage(database, write_delivery(tmp_path, claims=HEAD + lines(100)), settings=Settings(workers=2, chunk_bytes=1000))

    options, checks = db.execute(
        "SELECT class.reloptions, array_agg(checked.conname::text) FROM pg_class AS class INNER JOIN pg_constraint AS checked "
        "ON class.oid = checked.conrelid AND checked.contype = 'c' WHERE class.relname = 'stg_claim_1' GROUP BY class.oid"
    ).fetchone() or ((), ())
    told = db.execute("SELECT attname, n_distinct FROM pg_stats WHERE tablename = 'stg_claim_1'").fetchall()

    assert options is None
    assert {f"rule_{rule.name}" for rule in CLAIMS.rules} | {"rule_date_range"} == set(checks)
    assert {("load_id", 1.0), ("claim_id", -1.0), ("claim_line_status", 1.0)} <= set(told)


def test_header_order_aliases_and_strangers(tmp_path: Path, database: str, db: Conn) -> None:
    """Columns go where their names say; a stranger's values are kept out and the operator is told."""
    content = (
        "Extra,PAID_AMOUNT,charge_amount,allowed_amount,service_date,claim_line_status,middle,claim_line_number,claim_id,last\n"
        'x,1.00,3.00,2.00,2025-01-31,paid,"a,b",1,C1,"z\nz"\n'
        ",1.00,3.00,2.00,2025-01-31,paid,,2,C1,\n"
        "x,1.00,3.00,2.00,2025-02-30,paid,y,3,C1,z\n"
    )

    result = stage(database, write_delivery(tmp_path, claims=content))

    assert [("C1", 1, 1, "3.00", "1.00", None), ("C1", 2, 1, "3.00", "1.00", None)] == db.execute(
        "SELECT claim_id, claim_line_number, claim_version_number, billed_amount::text, paid_amount::text, member_id "
        "FROM staging.stg_claim ORDER BY record_number"
    ).fetchall()
    assert 1 == result.loads[0].files[0].balance.rejected_count
    assert any("Extra, middle, last" in warning for warning in result.warnings)


def test_packed_file_is_like_the_plain_one(tmp_path: Path, database: str, db: Conn) -> None:
    """gzip is unpacked on the way."""
    folder = tmp_path / "2026-01-01"
    folder.mkdir()
    (folder / "claims.csv.gz").write_bytes(gzip.compress((HEAD + lines(3)).encode()))

    stage(database, read_delivery(folder))

    assert [(1, "C1"), (1, "C2"), (1, "C3")] == staged(db)


@pytest.mark.parametrize(
    ("content", "promise", "guard"),
    [
        (HEAD + lines(2), {}, "missing-column"),
        (HEAD + lines(9) + "bad\n" * 10, {}, "reject-share"),
        (HEAD, {"mode": "full"}, "empty-full-file"),
        (HEAD + lines(2), {"record_count": 3}, "promised-record-count"),
        (HEAD + lines(2), {"control_totals": {"paid_amount": "10.01"}}, "control-total"),
    ],
    ids=["missing_column", "reject_share", "empty_full_file", "promised_record_count", "control_total"],
)
def test_guard_refuses_the_delivery_and_its_override_is_on_record(
    tmp_path: Path, database: str, db: Conn, content: str, promise: dict[str, Any], guard: str
) -> None:
    """Nothing of a refused delivery is staged, the message names the override, and with it the file comes in."""
    folder = tmp_path / "2026-01-01"
    folder.mkdir()
    (folder / "claims.csv").write_text(content)
    (folder / "manifest.json").write_text(json.dumps({"feeds": {"claims": promise}}))

    refused = stage(database, read_delivery(folder), overrides=EVERY_GUARD - {guard})
    left = db.execute("SELECT count(*) FROM etl.rejected_row").fetchone()
    taken_in = stage(database, read_delivery(folder))

    assert f"--override {guard}" in refused.refused[0].why
    assert (0,) == left
    assert [("2026-01-01/claims.csv", "refused"), ("2026-01-01/claims.csv", "staged")] == files(db)
    assert guard in taken_in.loads[0].files[0].overrides


def test_few_rejects_hold_no_small_delivery_back(tmp_path: Path, database: str) -> None:
    """One bad record in two is half of the file, and says nothing about the file as a whole."""
    result = stage(database, write_delivery(tmp_path, claims=HEAD + lines(1) + "bad\n"), overrides=PARTIAL)

    assert () == result.refused
    assert 1 == result.loads[0].files[0].balance.rejected_count


def test_shrinking_full_file_is_held_back(tmp_path: Path, database: str) -> None:
    """Half of the members gone is a broken export until someone says it is not; also within one run."""
    head = "member_id,subscriber_id,effective_date\n"
    many = head + "".join(f"M{n},,\n" for n in range(10))
    few = head + "".join(f"M{n},,\n" for n in range(4))
    first = write_delivery(tmp_path, "2026-01-01", members=many)
    second = write_delivery(tmp_path, "2026-02-01", members=few)

    result = stage(database, first, second, overrides=PARTIAL)
    again = stage(database, second, overrides=PARTIAL)

    assert "--override record-count-drop" in result.refused[0].why
    assert "--override record-count-drop" in again.refused[0].why


def test_refused_file_takes_its_delivery_with_it_and_no_other(tmp_path: Path, database: str, db: Conn) -> None:
    """No half of a delivery is staged; the next delivery is."""
    bad = write_delivery(tmp_path, "2026-01-01", claims=HEAD + lines(1), plans="plan_id\nP1\n")
    good = write_delivery(tmp_path, "2026-02-01", claims=HEAD + lines(1))

    result = stage(database, bad, good)

    assert "plan_year" in result.refused[0].why
    assert [(2, "C1")] == staged(db)
    assert ["failed", "staged"] == [s for (s,) in db.execute("SELECT status FROM etl.load ORDER BY load_id")]


def test_duplicates_collapse_and_conflicts_are_all_rejected(tmp_path: Path, database: str, db: Conn) -> None:
    """Of equal records the first is kept; of records with one key and two contents none is."""
    one, two = lines(1), lines(1).replace("5.00", "6.00")

    result = stage(database, write_delivery(tmp_path, claims=HEAD + one * 3 + lines(1, 7) + two.replace("C1", "C7")))
    balance = result.loads[0].files[0].balance

    assert (5, 1, 2, 2) == (
        balance.record_count,
        balance.staged_count,
        balance.rejected_count,
        balance.duplicate_count,
    )
    assert [(4, "conflicting_duplicate"), (5, "conflicting_duplicate")] == db.execute(
        "SELECT record_number, reason_code FROM etl.rejected_row ORDER BY 1"
    ).fetchall()
    assert balance.totals["paid_amount"].difference == 0


def test_row_without_a_date_holds_from_the_delivery(tmp_path: Path, database: str) -> None:
    """A member's row with the as_of as its effective date and one with none speak of the same day."""
    members = "member_id,effective_date\nM1,\nM1,2026-01-01\nM2,\nM2,2025-12-01\n"

    balance = stage(database, write_delivery(tmp_path, members=members)).loads[0].files[0].balance

    assert (3, 0, 1) == (balance.staged_count, balance.rejected_count, balance.duplicate_count)


DEFECTS: list[tuple[str, str, str | None]] = [
    ("C{n},1,paid,M1,2025-01-31,,true,10.00,8.00", "wrong_field_count", None),
    ("C{n},1,paid,M1,2025-01-31,,true,10.00,8.00,5.00,more", "wrong_field_count", None),
    ('C{n},1,paid,"M1,2025-01-31,,true,10.00,8.00,5.00', "stray_quote", None),
    ('C{n},1,paid,"M"1,2025-01-31,,true,10.00,8.00,5.00', "stray_quote", None),
    ('C{n},1,paid,M"1,2025-01-31,,true,10.00,8.00,5.00', "stray_quote", None),
    ("C{n},1,paid,M\r1,2025-01-31,,true,10.00,8.00,5.00", "stray_carriage_return", None),
    ("C{n},1,paid,M\x001,2025-01-31,,true,10.00,8.00,5.00", "nul_byte", "member_id"),
    ("C{n},1,paid,M\udcff1,2025-01-31,,true,10.00,8.00,5.00", "invalid_encoding", "member_id"),
    (",1,paid,M1,2025-01-31,,true,10.00,8.00,5.00", "null_key", "claim_id"),
    ('C{n},1,paid,M1,2025-01-31,,true,"",8.00,5.00', "null_value", "billed_amount"),
    ("C{n},one,paid,M1,2025-01-31,,true,10.00,8.00,5.00", "invalid_type", "claim_line_number"),
    ("C{n},1,paid,M1,today,,true,10.00,8.00,5.00", "invalid_type", "service_date"),
    ("C{n},1,paid,M1,2025-02-29,,true,10.00,8.00,5.00", "invalid_type", "service_date"),
    ("C{n},1,paid,M1,2025-01-31,infinity,true,10.00,8.00,5.00", "invalid_type", "paid_date"),
    ("C{n},1,paid,M1,2025-01-31,,yes,10.00,8.00,5.00", "invalid_type", "is_in_network"),
    ('C{n},1,paid,M1,2025-01-31,,true,"1,000.00",8.00,5.00', "invalid_type", "billed_amount"),
    ("C{n},1,paid,M1,2025-01-31,,true,10.00,8.001,5.00", "invalid_type", "allowed_amount"),
    ("C{n},1,paid,M1,2025-01-31,,true,10.00,8.00,NaN", "invalid_type", "paid_amount"),
    ("C{n},1,lost,M1,2025-01-31,,true,10.00,8.00,5.00", "rule_claim_line_status", "claim_line_status"),
    ("C{n},1,paid,M1,1825-01-31,,true,10.00,8.00,5.00", "rule_date_range", "service_date"),
]


def test_twenty_defects_in_twenty_known_records(tmp_path: Path, database: str, db: Conn) -> None:
    """Exactly those records are rejected, each with its reason, number and column; all others are staged."""
    expected, text = [], HEAD
    for place, (record, reason, column) in enumerate(DEFECTS):
        text += lines(40, first=1000 * place + 1) + record.replace("{n}", f"X{place}") + "\n"
        expected.append((41 * (place + 1), reason, column))
    text += lines(60, first=900_000)
    delivery = write_delivery(tmp_path, claims=text.encode("utf-8", "surrogateescape"))

    result = stage(database, delivery, overrides=PARTIAL)

    assert 20 == len(expected)
    assert (
        expected
        == db.execute(
            "SELECT record_number, reason_code, column_name FROM etl.rejected_row ORDER BY record_number"
        ).fetchall()
    )
    assert 860 == result.loads[0].files[0].balance.staged_count


def test_staging_makes_the_schema_where_there_is_none(
    tmp_path: Path, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`make stage` as the first command of all; what only looks at loads says how to get there."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS aca_bare WITH (FORCE)")
        admin.execute("CREATE DATABASE aca_bare TEMPLATE template0 STRATEGY FILE_COPY")
    monkeypatch.setenv("DATABASE_URL", server.url("aca_bare"))
    write_delivery(tmp_path, claims=HEAD + lines(2))

    assert Exit.OK != rejects_main(["list", "--load", "1"])
    assert "make migrate" in capsys.readouterr().err

    assert Exit.OK == staging_loader.main(["--landing", str(tmp_path), "--override", "missing-column"])
    with connect(server.url("aca_bare")) as conn:
        assert [(1, "C1"), (1, "C2")] == staged(conn)


def test_killed_intake_is_staged_again_under_its_number(tmp_path: Path, database: str, db: Conn) -> None:
    """kill -9 in the middle, then the same command: no record twice, none missing."""
    write_delivery(tmp_path, claims=HEAD + lines(400_000))
    command = [
        sys.executable,
        "-m",
        "etl.load.staging_loader",
        "--landing",
        str(tmp_path),
        "--override",
        "missing-column",
    ]
    env = {**os.environ, "DATABASE_URL": database, "ACA_CHUNK_BYTES": "65536"}
    killed = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from etl.load import side_by_side, staging_loader; side_by_side.SMALL_DELIVERY_BYTES = 0; sys.exit(staging_loader.main())",
            *command[3:],
        ],
        env=env,
    )
    deadline = time.monotonic() + 30
    while not _rows_of_unattached_table(db) and time.monotonic() < deadline:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    while db.execute(
        "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() AND datname = current_database() AND backend_type = 'client backend'"
    ).fetchone():
        time.sleep(0.01)
    half = _rows_of_unattached_table(db)

    again = subprocess.run(command, env=env, capture_output=True, text=True, check=False)

    assert 0 < half < 400_000
    assert (Exit.OK, "") == (again.returncode, again.stderr)
    assert [(1, 400_000, 400_000)] == db.execute(
        "SELECT load_id, count(*), count(DISTINCT claim_id) FROM staging.stg_claim GROUP BY 1"
    ).fetchall()
    assert [("staged",)] == db.execute("SELECT status FROM etl.load").fetchall()


def _rows_of_unattached_table(db: Conn) -> int:
    if db.execute("SELECT to_regclass('staging.stg_claim_1')").fetchone() == (None,):
        return 0
    row = db.execute("SELECT count(*) FROM staging.stg_claim_1").fetchone()
    assert row is not None
    return int(row[0])


def test_second_intake_names_the_holder(
    tmp_path: Path, database: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two intakes at once one goes on and the other says who holds the warehouse."""
    write_delivery(tmp_path, claims=HEAD + lines(1))
    monkeypatch.setenv("DATABASE_URL", database)
    with connect(database, autocommit=True) as conn:
        Ledger(conn).start_run("full")

        code = staging_loader.main(["--landing", str(tmp_path)])

    assert Exit.BUSY == code
    assert f"pid {os.getpid()}" in capsys.readouterr().err


def test_lost_connection_ends_in_a_clear_error_and_a_clean_retry(
    tmp_path: Path, database: str, db: Conn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The server closes the connections in the middle; the same command then stages everything once."""
    write_delivery(tmp_path, claims=HEAD + lines(50))
    monkeypatch.setenv("DATABASE_URL", database)
    arguments = ["--landing", str(tmp_path), "--override", "missing-column"]
    with monkeypatch.context() as patch:
        original = side_by_side.attach

        def cut_off(conn: Conn, target: Any) -> None:
            db.execute("SELECT pg_terminate_backend(%s)", (conn.info.backend_pid,))
            original(conn, target)

        patch.setattr(side_by_side, "attach", cut_off)
        code = staging_loader.main(arguments)
    told = capsys.readouterr().err

    assert Exit.FAILED == code
    assert "run the same command again" in told
    assert [] == staged(db)
    assert Exit.OK == staging_loader.main(arguments)
    assert 50 == len(staged(db))


@pytest.mark.parametrize("error", [psycopg.errors.DiskFull, psycopg.errors.InsufficientPrivilege])
def test_servers_troubles_are_told_in_our_words(
    tmp_path: Path, database: str, db: Conn, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """A full disk and missing rights ask for other hands than a lost connection."""
    delivery = write_delivery(tmp_path, claims=HEAD + lines(1))

    def fail(*_: Any) -> None:
        raise error("with the text of a row")

    with monkeypatch.context() as patch:
        patch.setattr(side_by_side, "attach", fail)
        with pytest.raises(ConfigError) as caught:
            stage(database, delivery)
    stage(database, delivery)

    assert "text of a row" not in str(caught.value)
    assert [(1, "C1")] == staged(db)


def test_unknown_override_is_refused(database: str) -> None:
    """A misspelt guard is not silently no override."""
    with pytest.raises(ConfigError, match="there is no guard reject_share"):
        stage_deliveries(database, start_run(database), [], Settings(), overrides=frozenset({"reject_share"}))


def test_command_ends_with_source_after_the_good_deliveries(
    tmp_path: Path, database: str, db: Conn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A refused delivery is told on stderr and in the exit code; the others are in."""
    write_delivery(tmp_path, "2026-01-01", claims="")
    write_delivery(tmp_path, "2026-02-01", claims=HEAD + lines(1))
    monkeypatch.setenv("DATABASE_URL", database)

    code = staging_loader.main(["--landing", str(tmp_path), "--override", "missing-column"])

    assert Exit.SOURCE == code
    assert "the file is empty" in capsys.readouterr().err
    assert [(2, "C1")] == staged(db)


MEMBERS = "member_id,first_name,birth_date,rating_area\nM1,Ada,1980-01-01,1\nM2,Bea,born,2\nM3,Cleo,1980-01-01,x\n"


def test_rejects_are_listed_by_reason_with_personal_values_masked(tmp_path: Path, database: str, db: Conn) -> None:
    """Ids and codes are shown, names and birth dates are not, unless asked for."""
    stage(database, write_delivery(tmp_path, members=MEMBERS + "M4,Dora\n"))

    hidden = [example.text for group in list_rejects(db, 1) for example in group.examples]
    open_ = [example.text for group in list_rejects(db, 1, show=True) for example in group.examples]

    assert ["M2,***,***,2", "M3,***,***,x", "***"] == hidden
    assert ["M2,Bea,born,2", "M3,Cleo,1980-01-01,x", "M4,Dora"] == open_


def replay(database: str, landing: Path, content: str) -> Any:
    corrected = landing.parent / "members.csv"
    corrected.write_text(content)
    return replay_rejects(
        database, start_run(database), 1, corrected, Settings(landing=landing, workers=1), overrides=EVERY_GUARD
    )


def test_corrected_records_come_back_at_their_original_date(tmp_path: Path, database: str, db: Conn) -> None:
    """They are a delta of their own, linked to the file and to the rejects; a rebuild finds them in the landing zone."""
    landing = tmp_path / "landing"
    stage(database, write_delivery(landing, members=MEMBERS))

    load = replay(database, landing, "member_id,first_name,birth_date,rating_area\nM2,Bea,1990-05-05,2\n")

    assert (2, "2026-01-01_replay-1") == (load.load_id, load.delivery.name)
    assert [("2026-01-01", "delta", 1)] == db.execute(
        "SELECT as_of::text, mode, replays_source_file_id FROM etl.source_file WHERE load_id = 2"
    ).fetchall()
    assert [(2, "replayed", 2), (3, "open", None)] == db.execute(
        "SELECT record_number, status, replayed_load_id FROM etl.rejected_row ORDER BY 1"
    ).fetchall()
    assert ["2026-01-01", "2026-01-01_replay-1"] == [found.name for found in find_deliveries(landing)]
    assert 2 == len(stage(database, *find_deliveries(landing)).unchanged)


def test_rebuild_takes_the_corrections_in_again(tmp_path: Path, database: str, db: Conn) -> None:
    """Everything staged anew in one run: original first, then what corrects it."""
    landing = tmp_path / "landing"
    stage(database, write_delivery(landing, members=MEMBERS))
    replay(database, landing, "record_number,member_id,first_name,birth_date,rating_area\n3,M3,Cleo,1980-01-01,3\n")
    db.execute("TRUNCATE etl.load, etl.source_file, etl.control_total, etl.rejected_row RESTART IDENTITY")
    db.execute("DROP TABLE staging.stg_member_1, staging.stg_member_2")

    result = stage(database, *find_deliveries(landing))

    assert () == result.refused
    assert [(2, "open"), (3, "replayed")] == db.execute(
        "SELECT record_number, status FROM etl.rejected_row ORDER BY 1"
    ).fetchall()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("member_id,birth_date\nM2,again\n", "record 1: invalid_type in birth_date"),
        ("member_id,birth_date\nM9,1980-01-01\n", "records 1 answer no open reject"),
        ("member_id,birth_date\nM1,1980-01-01\n", "records 1 have the key of a record that was staged well"),
        ("member_id,birth_date\nM2,1980-01-01\nM2,1980-01-01\n", "there twice"),
        ("record_number,member_id,birth_date\n7,M2,1980-01-01\n", "records 1 answer no open reject"),
        ("record_number,member_id,birth_date\n,M2,1980-01-01\n", "has no number in record_number"),
    ],
    ids=["still_bad", "answers_nothing", "known_key", "twice", "wrong_number", "no_number"],
)
def test_corrections_that_do_not_fit_are_refused_whole(
    tmp_path: Path, database: str, db: Conn, content: str, why: str
) -> None:
    """The error says which record; nothing is staged, nothing stays in the landing zone, the rejects stay open."""
    landing = tmp_path / "landing"
    stage(database, write_delivery(landing, members=MEMBERS))

    with pytest.raises(SourceError, match=why):
        replay(database, landing, content)

    assert ["2026-01-01"] == [path.name for path in landing.iterdir()]
    assert [("open", 2)] == db.execute("SELECT status, count(*) FROM etl.rejected_row GROUP BY 1").fetchall()
    assert [(1,)] == db.execute("SELECT DISTINCT load_id FROM staging.stg_member").fetchall()


def test_profile_tells_would_be_rejects_and_keeps_nothing(tmp_path: Path, database: str, db: Conn) -> None:
    """A foreign file is held against the contract; the warehouse is as it was."""
    path = tmp_path / "people.csv"
    path.write_text(",".join(["shoe_size", *(c for c in CLAIMS.column_names)]) + "\n")
    members = tmp_path / "list.csv"
    members.write_text("shoe_size," + MEMBERS.replace("\n", "\n42,").removesuffix("42,"))

    profile = profile_file(db, members, Settings())

    assert "members" == profile.feed
    assert 3 == profile.record_count
    assert [("invalid_type", "birth_date", 1), ("invalid_type", "rating_area", 1)] == [
        (group.reason, group.column, group.count) for group in profile.rejects or ()
    ]
    assert {"shoe_size": None, "rating_area": "integer"} == {
        column.name: column.column and column.column.sql_type
        for column in profile.columns
        if column.name in ("shoe_size", "rating_area")
    }
    assert "claims" == profile_file(db, path, Settings()).feed
    assert [(0,)] == db.execute("SELECT count(*) FROM etl.load").fetchall()


def test_every_guard_is_documented() -> None:
    """An operator who meets a guard finds it explained."""
    text = (Path(__file__).parents[2] / "docs" / "intake.md").read_text(encoding="utf-8")

    assert [] == [name for name in GUARDS if f"`{name}`" not in text]


def test_every_reason_is_documented() -> None:
    """An analyst who meets a reject finds its reason explained."""
    text = (Path(__file__).parents[2] / "docs" / "intake.md").read_text(encoding="utf-8")
    reasons = [*EXPLANATIONS, "wrong_field_count", "invalid_type", "rule_date_range"]
    reasons += [f"rule_{rule.name}" for spec in SOURCES for rule in spec.rules]

    assert [] == [reason for reason in reasons if f"`{reason}`" not in text]


def test_list_of_loads_tells_open_rejects_and_dollars(
    tmp_path: Path, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each load's dollars add up in the list, and an unanswered reject is seen there."""
    stage(
        database,
        write_delivery(tmp_path, claims=HEAD + lines(2) + lines(1, 9).replace("10.00", "x")),
        overrides=PARTIAL,
    )

    print_loads(database)

    out = capsys.readouterr().out
    assert re.search(r"1 +2026-01-01 +staged +1 +3 +2 +1 +1 +0", out)
    assert re.search(r"1 +billed_amount +20\.00 +20\.00 +0\.00 +0\.00", out)
