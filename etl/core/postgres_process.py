"""The processes of a PostgreSQL server, found by what they are called: pids alone are given to others, or to zombies."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from etl.core.errors import ConfigError

_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """The server that works on the folder *data* and calls its children *cluster_name*, running or not."""

    data: Path
    cluster_name: str

    def pids(self) -> set[int]:
        """The server and its children; a zombie has no command line and counts for nothing."""
        return {pid for pid, words in _commands() if self._is_ours(pid, words)}

    def _is_ours(self, pid: int, words: list[bytes]) -> bool:
        """Known by the folder it works in, which follows a checkout that is moved; else by its name and arguments."""
        if not _is_postgres(words):
            return False
        if folder := _working_folder(pid):
            return folder == self.data
        return words[0].startswith(b"postgres: " + self.cluster_name.encode()) or os.fsencode(self.data) in words

    def recorded(self) -> tuple[int | None, str]:
        """The pid and the state that a server wrote down, which may be those of one long dead."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            return int(lines[0]), lines[7].strip() if len(lines) > 7 else ""
        except (OSError, ValueError, IndexError):
            return None, ""

    def settle(self, seconds: float) -> bool:
        """Wait until the server either answers or is gone for good; says whether it answers."""
        deadline = time.monotonic() + seconds
        while pids := self.pids():
            pid, state = self.recorded()
            if pid in pids and state == "ready":
                return True
            if pid not in pids:
                # The server was killed, and what is left of it holds the shared memory that the next one needs.
                for orphan in pids:
                    _send(orphan, signal.SIGQUIT)
            if time.monotonic() > deadline:
                raise ConfigError(f"PostgreSQL (pid {pid}) neither answers nor ends; see its log beside {self.data}")
            time.sleep(_POLL_SECONDS)
        return False

    def stop(self, how: signal.Signals, seconds: float) -> bool:
        """Ask the server to stop, by SIGINT without a wait for its clients, by SIGQUIT at once; says whether it did."""
        pid, _ = self.recorded()
        if pid is not None and pid in self.pids():
            _send(pid, how)
        deadline = time.monotonic() + seconds
        while self.pids():
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_SECONDS)
        return True

    def forget_the_dead(self, seconds: float = 3.0) -> None:
        """Remove the record of a server that is gone while its pid lives on, as a zombie or as another program.

        PostgreSQL removes the record by itself where the pid is free; here it would refuse to start.
        """
        deadline = time.monotonic() + seconds
        while (pid := self.recorded()[0]) is not None and _exists(pid):
            words = dict(_commands()).get(pid)
            if words and _is_postgres(words) and not _working_folder(pid):
                return  # a server we cannot look into may be ours after all: PostgreSQL decides
            if words or time.monotonic() > deadline:
                (self.data / "postmaster.pid").unlink(missing_ok=True)
                return
            time.sleep(_POLL_SECONDS)


def _commands() -> Iterator[tuple[int, list[bytes]]]:
    """Every process that has a command line, with its words."""
    if Path("/proc/self/cmdline").is_file():
        for entry in os.scandir("/proc"):
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    if line := Path(entry.path, "cmdline").read_bytes():
                        yield int(entry.name), line.rstrip(b"\0").split(b"\0")
    else:
        listed = subprocess.run(["ps", "-axo", "pid=,stat=,command="], capture_output=True, check=True)
        for line in listed.stdout.splitlines():
            pid, state, command = line.split(None, 2)
            if not state.startswith(b"Z"):
                yield int(pid), [command] if command.startswith(b"postgres: ") else command.split(b" ")


def _send(pid: int, how: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, how)


def _is_postgres(words: list[bytes]) -> bool:
    return words[0].endswith(b"postgres") or words[0].startswith(b"postgres: ")


def _working_folder(pid: int) -> Path | None:
    """The folder that a process works in, where we may know it; a PostgreSQL server works in its data folder."""
    try:
        return Path(f"/proc/{pid}/cwd").readlink()
    except OSError:
        return None


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
