"""No name, e-mail, phone number or street of anybody leaves the tables: not in logs, ledger, listings or errors."""

import csv
import os
import re
import subprocess
import sys

import psycopg
import pytest
from psycopg import sql

from tests.house import ROOT
from tests.market import command

PERSONAL = ("first_name", "last_name", "provider_name", "email", "phone", "address_line_1")
# Where the ledger keeps a record as it came: read by the owner and the loader only, and shown on request only.
KEPT_RECORDS = {("rejected_row", "raw_text"), ("rejected_row", "entity_id"), ("dimension_journal", "before")}


@pytest.fixture(scope="module")
def landing(tmp_path_factory):
    """A market whose deliveries are full of defects."""
    landing = tmp_path_factory.mktemp("dirty")
    generate = [sys.executable, "scripts/generate_seed_data.py", "--quiet", "--out", str(landing)]
    subprocess.run([*generate, "--members", "100", "--years", "1", "--defects", "40"], cwd=ROOT, check=True)
    for folder in sorted(landing.glob("2023-0[3-5]*/")):
        spoil(folder / "members.csv", key="member_id", name="last_name", typed="birth_date")
        spoil(folder / "providers.csv", key="npi", name="provider_name", typed="is_accepting_new_patients")
    return landing


def spoil(path, *, key, name, typed):
    """Records that break in every way that the fast lane and the salvage know."""
    head, *lines = path.read_text().splitlines()
    key, name, typed = (head.split(",").index(column) for column in (key, name, typed))
    rows = list(csv.reader(lines))
    no_value, conflicting, no_key, long = (list(rows[0]) for _ in range(4))
    no_value[typed] = "19xx-01-01"
    conflicting[name] += "-Smythe"
    no_key[key] = ""
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([no_value, conflicting, no_key, [*long, "more"], long[:-3]])
        file.write(f'{rows[1][key]},"{rows[1][name]}\n')


@pytest.fixture(scope="module")
def persons(landing):
    """Every personal value of every file of members and providers, ready to be looked for."""
    found = set()
    for path in (*landing.glob("*/members.csv*"), *landing.glob("*/providers.csv*")):
        with path.open(newline="", errors="replace") as file:
            for row in csv.DictReader(file):
                found |= {row[name] for name in PERSONAL if row.get(name) and len(row[name]) > 2}
    assert len(found) > 100
    return re.compile("|".join(rf"(?<!\w){re.escape(value)}(?!\w)" for value in sorted(found, key=len, reverse=True)))


def ledger(url):
    """All text of the ledger, but the columns where a record is kept as it came."""
    texts = []
    with psycopg.connect(url) as conn:
        columns = conn.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'etl'"
        ).fetchall()
        for table, column in columns:
            if (table, column) not in KEPT_RECORDS:
                query = sql.SQL("SELECT string_agg({}::text, E'\\n') FROM etl.{}")
                row = conn.execute(query.format(sql.Identifier(column), sql.Identifier(table))).fetchone()
                texts.append(f"etl.{table}.{column}: {row[0]}")
    return texts


def told(done):
    return f"{done.stdout}\n{done.stderr}"


def test_a_dirty_full_load_tells_nobody_of_a_person(server, database, landing, persons):
    """Output, listings, ledger and the server's log, of a load with hundreds of rejects."""
    environment = {"ACA_REJECT_SHARE_LIMIT": "1"}
    overrides = [word for guard in ("closures", "promised-record-count") for word in ("--override", guard)]
    full = command(database, landing, "--mode", "full", *overrides, **environment)
    assert 0 == full.returncode, full.stderr
    texts = [told(full), *ledger(database), server.log.read_text(errors="replace")]
    texts += [
        told(command(database, landing, *words, **environment))
        for words in (("status",), ("loads",), ("--mode", "incremental"))
    ]
    with psycopg.connect(database) as conn:
        rejected = dict(conn.execute("SELECT feed, count(*) FROM etl.rejected_row GROUP BY feed").fetchall())
        loads = [
            row[0]
            for row in conn.execute(
                "SELECT DISTINCT load_id FROM etl.rejected_row WHERE feed IN ('members', 'providers') ORDER BY 1 LIMIT 4"
            )
        ]
        raw = dict(
            conn.execute("SELECT feed, string_agg(raw_text, ' ') FROM etl.rejected_row GROUP BY feed").fetchall()
        )
    for load in loads:
        listing = [sys.executable, "-m", "etl.load.rejects", "list", "--load", str(load)]
        done = subprocess.run(
            listing, cwd=ROOT, env={**os.environ, "DATABASE_URL": database}, capture_output=True, text=True, check=True
        )
        assert re.search(r"\.csv: \d+ x ", done.stdout)
        texts.append(told(done))

    for feed in ("members", "providers"):
        assert rejected[feed] > 10
        assert persons.search(raw[feed]), "the records that are kept show that there is something to find"
    assert [] == [(match[0], text[:80]) for text in texts if (match := persons.search(text))]


def test_a_load_that_the_database_refuses_quotes_no_row(server, database, landing, persons):
    """The server says `Failing row contains (...)`; we say which table and constraint, and go on to no stack trace."""
    assert 0 == command(database, landing, "status").returncode
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute("ALTER TABLE warehouse.dim_member ADD CONSTRAINT nobody CHECK (last_name IS NULL)")
    done = command(database, landing, "--mode", "full", ACA_REJECT_SHARE_LIMIT="1")

    assert 1 == done.returncode
    assert re.search(r"^dim_member: .*dim_member nobody .*SQLSTATE 23514", done.stderr, re.MULTILINE), done.stderr
    assert "Traceback" not in told(done)
    assert "Failing row" not in told(done)
    texts = [told(done), *ledger(database), server.log.read_text(errors="replace")]
    assert [] == [match[0] for text in texts if (match := persons.search(text))]


def test_a_password_in_the_address_is_never_printed(landing):
    """Neither where the server is away nor where the address is wrong, not even with the stack shown."""
    for url in (
        "postgresql://ann:s3cr3t-word@127.0.0.1:1/aca?connect_timeout=1",
        "postgresql://ann:s3cr3t-word@",
        "ann:s3cr3t-word@nowhere/aca",
    ):
        for words in (("--mode", "full"), ("status",), ("undo", "1")):
            done = command(url, landing, *words, ACA_DEBUG="1", PGCONNECT_TIMEOUT="1")
            assert done.returncode
            assert "s3cr3t" not in told(done), words
