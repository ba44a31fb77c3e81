"""Logs are for a person at a terminal or for a machine, and hold nobody's data."""

import json
import sys

import pytest
import structlog

from etl.core import logs
from etl.core.settings import Settings


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
