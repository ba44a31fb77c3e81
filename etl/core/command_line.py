"""How every command ends: an exit code that says what to do, and what went wrong in a line that quotes no row."""

import os
import sys
from collections.abc import Callable

from etl.core.errors import EtlError, Exit
from etl.core.plain_text import plain

STOPPED = "stopped; nothing of this run is published. Run the same command again"


def ended(command: Callable[[], int], *, stopped: str = STOPPED) -> int:
    """The exit code of *command*. A user's mistake is told without a stack trace; `ACA_DEBUG` shows that of ours."""
    try:
        return command()
    except BrokenPipeError:
        return Exit.OK
    except EtlError as problem:
        sys.stderr.write(f"{plain(str(problem), keep=chr(10))}\n")
        return problem.exit_code
    except Exception as problem:
        if os.environ.get("ACA_DEBUG"):
            raise
        from etl.core.failures import unexpected

        sys.stderr.write(f"{unexpected(problem)}\n")
        return Exit.FAILED
    except KeyboardInterrupt:
        sys.stderr.write(f"{stopped}\n")
        return Exit.INTERRUPTED
