"""Logs on stderr: pretty for a person at a terminal, JSON lines for everything else. Never a person's data."""

import os
import sys
import time
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from etl.core.ledger import RowCounts
from etl.core.settings import Settings

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger, Processor


class _Stderr:
    """Writes to whatever stderr is at that moment: a progress bar, or a test, may have taken its place."""

    def msg(self, message: str) -> None:
        sys.stderr.write(message + "\n")
        sys.stderr.flush()

    debug = info = warning = error = critical = exception = log = msg


def import_structlog() -> ModuleType:
    """Import structlog as if rich were not there: it would print the values of variables, and take 0.1 s to be imported."""
    unless_imported = "rich" not in sys.modules
    if unless_imported:
        sys.modules["rich"] = None  # type: ignore[assignment]  # what Python takes for a module not to be found
    try:
        return import_module("structlog")
    finally:
        if unless_imported:
            del sys.modules["rich"]


def configure(settings: Settings) -> None:
    """Set up structlog for the whole process. Tracebacks show code, never the values of its variables."""
    structlog = import_structlog()
    pretty = settings.log_format == "pretty" or (settings.log_format == "auto" and sys.stderr.isatty())
    processors: list[Processor] = [structlog.contextvars.merge_contextvars, structlog.processors.add_log_level]
    if pretty:
        processors += [
            structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty() and not os.environ.get("NO_COLOR"),
                # The default one prints local variables, which may hold rows.
                exception_formatter=structlog.dev.plain_traceback,
            ),
        ]
    else:
        processors += [
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(default=str),
        ]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger("info"),
        logger_factory=lambda *_: _Stderr(),
        cache_logger_on_first_use=False,
    )


class StepLog:
    """Logs how each step of a run ended, with its rows and seconds: a watcher of the ledger."""

    def __init__(self) -> None:
        self._log: FilteringBoundLogger = import_structlog().get_logger()
        self._started = time.perf_counter()

    def step_started(self, run_id: int, name: str) -> None:
        """Start the clock."""
        self._started = time.perf_counter()

    def step_ended(self, run_id: int, name: str, counts: RowCounts, *, failed: bool) -> None:
        """Write one line."""
        write = self._log.error if failed else self._log.info
        write(
            "step.failed" if failed else "step.done",
            run_id=run_id,
            step=name,
            read=counts.read,
            inserted=counts.inserted,
            updated=counts.updated,
            deleted=counts.deleted,
            seconds=round(time.perf_counter() - self._started, 3),
        )


def step_log(settings: Settings) -> list[StepLog]:
    """The log of steps; none on a terminal that was not told otherwise, where a live line says what runs."""
    if settings.log_format == "auto" and sys.stderr.isatty():
        return []
    configure(settings)
    return [StepLog()]
