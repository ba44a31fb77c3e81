"""Logs are for a person at a terminal or for a machine, and hold nobody's data."""

import json
import subprocess
import sys

import pytest
import structlog

from etl.core import logs
from etl.core.ledger import RowCounts
from etl.core.settings import Settings
from tests.house import ROOT


@pytest.fixture(autouse=True)
def _as_before():
    yield
    structlog.reset_defaults()


class Terminal:
    """A stderr that says it is a terminal."""

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        pass

    def isatty(self):
        return True


def fail_over_a_row():
    person = "Jane Roe"
    raise ValueError(len(person))


def test_away_from_a_terminal_each_event_is_a_line_of_json_on_stderr(capsys):
    """Stdout stays free for what a command answers."""
    logs.configure(Settings())
    with structlog.contextvars.bound_contextvars(load_id=7):
        structlog.get_logger().info("step.done", rows=3)

    out, err = capsys.readouterr()
    line = json.loads(err)

    assert "" == out
    assert ("step.done", 3, 7, "info") == (line["event"], line["rows"], line["load_id"], line["level"])
    assert line["timestamp"].endswith("Z")


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)], ids=["colours", "NO_COLOR"])
def test_a_terminal_gets_colours_unless_the_person_wants_none(monkeypatch, no_color, coloured):
    """NO_COLOR is honoured."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("NO_COLOR", no_color)
    logs.configure(Settings())
    structlog.get_logger().info("step.done", rows=3)

    assert "step.done" in terminal.text
    assert coloured is ("\x1b[" in terminal.text)


@pytest.mark.parametrize("log_format", ["pretty", "json"])
def test_a_traceback_shows_code_and_no_value(capsys, log_format):
    """A variable may hold a member's row."""
    logs.configure(Settings(log_format=log_format))
    try:
        fail_over_a_row()
    except ValueError:
        structlog.get_logger().exception("step.failed")

    err = capsys.readouterr().err

    assert "in fail_over_a_row" in err
    assert "Jane Roe" not in err


def test_each_step_ends_in_a_line_that_says_what_it_did(capsys):
    """Numbers and names of ours; a step that failed is an error."""
    (log,) = logs.step_log(Settings())
    log.step_started(3, "dim_plan")
    log.step_ended(3, "dim_plan", RowCounts(read=5, inserted=2), failed=False)
    log.step_ended(3, "gate", RowCounts(), failed=True)

    done, failed = map(json.loads, capsys.readouterr().err.splitlines())

    assert ("step.done", "info", 3, "dim_plan", 5, 2) == tuple(
        done[name] for name in ("event", "level", "run_id", "step", "read", "inserted")
    )
    assert 0 <= done["seconds"] < 60
    assert ("step.failed", "error", "gate") == (failed["event"], failed["level"], failed["step"])


def test_a_terminal_has_its_live_line_and_no_log_unless_asked_for(monkeypatch):
    """Two accounts of the same steps would be one too many."""
    monkeypatch.setattr(sys, "stderr", Terminal())

    assert [] == logs.step_log(Settings())
    assert 1 == len(logs.step_log(Settings(log_format="pretty")))


def test_a_log_for_a_machine_is_ready_without_what_draws_for_people():
    """rich takes 0.1 s to import, which structlog would do; whoever wants it later gets it."""
    code = (
        "import sys; from etl.core.logs import step_log; from etl.core.settings import Settings; "
        "step_log(Settings(log_format='json')); assert 'rich' not in sys.modules; import rich"
    )

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    assert ("", 0) == (done.stderr, done.returncode)
