"""The errors a run can end with, named by what the operator does next, and their exit codes."""

from enum import IntEnum


class Exit(IntEnum):
    """Every exit code of `run.py` and of the `python -m etl...` commands, and what it asks of the operator."""

    OK = 0  # nothing to do
    FAILED = 1  # read the cause; run the same command again, it takes up where it can
    USAGE = 2  # wrong words on the command line: see --help
    SOURCE = 3  # ask the sender for a better file, or override the guard that is named
    GATE = 4  # a critical check failed; nothing was published: look at the failed checks
    BUSY = 5  # another run holds the warehouse: wait for it
    WARNING = 10  # `make dq` with STRICT=1: a warning-level check failed
    NOT_COMPUTED = 12  # a check could not be computed: read its cause
    CONFIG = 20  # fix the environment (database address, folders, rights), then run again
    INTERRUPTED = 130  # stopped by Ctrl-C: run the same command again


class EtlError(Exception):
    """Base of all errors that a user may meet; its text says what, which, and the next command."""

    exit_code = Exit.FAILED


class ConfigError(EtlError):
    """The environment is wrong: a missing variable, an unreachable server, a folder without rights."""

    exit_code = Exit.CONFIG


class SourceError(EtlError):
    """A file or delivery cannot be taken in as it is."""

    exit_code = Exit.SOURCE


class QualityGateError(EtlError):
    """A critical check failed; the published tables are as they were before."""

    exit_code = Exit.GATE


class BusyError(EtlError):
    """Another run works on this warehouse."""

    exit_code = Exit.BUSY


class StepFailed(EtlError):
    """A step of the pipeline failed for a reason that no other error names."""


class ConnectionLost(StepFailed):
    """The server went away in the middle of a run; the same again may well succeed."""


class UsageError(EtlError):
    """Words on the command line that do not go together."""

    exit_code = Exit.USAGE


class SpecError(EtlError):
    """A spec in the catalog contradicts itself; all its problems are listed at once."""

    exit_code = Exit.USAGE

    def __init__(self, table: str, problems: list[str]) -> None:
        self.table, self.problems = table, tuple(problems)
        super().__init__(f"{table}: " + "; ".join(problems))
