"""Logs on stderr: pretty for a person at a terminal, JSON lines for everything else. Never a person's data."""

import os
import sys
from typing import TYPE_CHECKING

from etl.core.settings import Settings

if TYPE_CHECKING:
    from structlog.typing import Processor


class _Stderr:
    """Writes to whatever stderr is at that moment: a progress bar, or a test, may have taken its place."""

    def msg(self, message: str) -> None:
        sys.stderr.write(message + "\n")
        sys.stderr.flush()

    debug = info = warning = error = critical = exception = log = msg


def configure(settings: Settings) -> None:
    """Set up structlog for the whole process. Tracebacks show code, never the values of its variables."""
    import structlog

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
