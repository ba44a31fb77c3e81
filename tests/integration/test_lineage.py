"""OpenLineage events: each step with its tables and rows, nothing when it is off, and no load fails for it."""

import gzip
import json
import subprocess
import sys
import threading
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import UUID

import pytest

from etl.core.database import connect
from etl.core.errors import StepFailed
from etl.core.runs import open_run
from etl.core.settings import Settings
from etl.lineage import LineageEvents, step_tables, watcher
from etl.pipeline import PIPELINE, run_pipeline
from tests.house import ROOT
from tests.market import deliver, deliveries, load


@pytest.fixture
def landing(tmp_path, tmp_path_factory):
    (tmp_path / "landing").mkdir()
    deliver(tmp_path / "landing", *deliveries(tmp_path_factory.getbasetemp())[:2])
    return tmp_path / "landing"


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_step_tells_what_it_read_and_filled(database, landing, tmp_path):
    """START and COMPLETE of each step in one file of JSON lines, rows counted, under one parent run."""
    file = tmp_path / "lineage" / "events.jsonl"
    run_pipeline(database, Settings(landing=landing, workers=2, lineage=str(file)), "full")
    events = read(file)
    by_step = {}
    for event in events:
        by_step.setdefault(event["job"]["name"], []).append(event)
    claims = by_step["load.fact_claim_line"][-1]

    assert {"load.deliveries", "load.staging", *(f"load.{step.name}" for step in PIPELINE)} == set(by_step)
    assert all(["START", "COMPLETE"] == [event["eventType"] for event in pair] for pair in by_step.values())
    assert all(1 == len({event["run"]["runId"] for event in pair}) for pair in by_step.values())
    assert 1 == len({event["run"]["facets"]["parent"]["run"]["runId"] for event in events})
    assert {"staging.stg_claim", "warehouse.dim_member", "warehouse.dim_plan", "warehouse.dim_provider"} == {
        each["name"].split(".", 1)[1] for each in claims["inputs"]
    }
    assert {"postgres://localhost:5432"} == {each["namespace"] for each in claims["inputs"]}
    with connect(database) as conn:
        (rows,) = conn.execute("SELECT count(*) FROM warehouse.fact_claim_line").fetchone()
    assert rows == claims["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"]


def test_a_failed_step_is_told_as_failed(database, tmp_path):
    """FAIL, without the reason: it could quote a row."""
    file = tmp_path / "events.jsonl"

    def fail():
        with open_run(database, "full") as run:
            run.watchers = [watcher(Settings(lineage=str(file)), database)]
            with run.step("dim_member", "dims"):
                raise StepFailed("Jane Doe")

    with pytest.raises(StepFailed):
        fail()

    assert ["START", "FAIL"] == [event["eventType"] for event in read(file)]
    assert "Jane" not in file.read_text()


def test_the_clients_own_settings_hold_where_asked_for(database, tmp_path, monkeypatch):
    """HTTP, Kafka or a file by environment: whatever the client library knows."""
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "file")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__LOG_FILE_PATH", str(tmp_path / "own.jsonl"))
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__APPEND", "true")
    with open_run(database, "full") as run:
        run.watchers = [watcher(Settings(lineage="client"), database)]
        with run.step("dim_plan", "dims"):
            pass

    assert 2 == len(read(tmp_path / "own.jsonl"))


def test_events_go_over_http_where_the_environment_says_so(database, monkeypatch):
    """To the address and with the key that OpenLineage's own variables name; each event is well formed."""
    received = []

    class Lineage(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            received.append((self.path, self.headers["Authorization"], json.loads(body)))
            self.send_response(201)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Lineage) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("OPENLINEAGE_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("OPENLINEAGE_API_KEY", "a-key")
        with open_run(database, "full") as run:
            run.watchers = [watcher(Settings(lineage="client"), database)]
            with run.step("dim_plan", "dims"):
                pass
        server.shutdown()

    assert [("/api/v1/lineage", "Bearer a-key")] * 2 == [(path, key) for path, key, _ in received]
    for _, _, event in received:
        UUID(event["run"]["runId"])
        assert datetime.fromisoformat(event["eventTime"]).tzinfo
        assert event["schemaURL"].startswith("https://openlineage.io/spec/")
        assert ("aca_warehouse", "load.dim_plan") == (event["job"]["namespace"], event["job"]["name"])


def test_a_transport_that_fails_is_told_once_and_fails_no_load(database, landing, capsys):
    """Lineage is a by-product."""

    class Broken:
        def emit(self, event):
            raise ConnectionError("no server")

    with open_run(database, "full") as run:
        run.watchers = [LineageEvents(Broken(), database)]
        with run.step("dim_plan", "dims"), run.step("dim_member", "dims"):
            pass

    assert "lineage: no more events are sent in this run (ConnectionError)\n" == capsys.readouterr().err
    assert load(database, landing).batch.loads


def test_nothing_of_it_is_imported_when_it_is_off():
    """A load that tells nobody pays nothing."""
    question = (
        "import sys; from etl.core.settings import Settings; from etl import lineage, pipeline; "
        "print(lineage.watcher(Settings(), ''), any(name.startswith('openlineage') for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", question], cwd=ROOT, capture_output=True, text=True, check=True)

    assert "None False" == done.stdout.strip()


def test_what_lineage_knows_are_the_steps_that_there_are():
    """A fact or cube is in it by being in the catalog; a step of another name would be told without its tables."""
    assert set() == set(step_tables()) - {"staging"} - {step.name for step in PIPELINE}
