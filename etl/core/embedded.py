"""The embedded PostgreSQL server: made on first use, started, found again, stopped."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO
from urllib.parse import quote

from etl.core.errors import BusyError, ConfigError
from etl.core.plain_user import Launcher, find_launcher
from etl.core.postgres_binaries import find_binaries
from etl.core.postgres_conf import as_conf, memory_bytes, server_settings, shared_memory_bytes
from etl.core.postgres_process import ServerProcess

DATABASE = "aca"
SOCKET_NAME = ".s.PGSQL.5432"
# A server that recovers from a crash may take minutes; one that cannot start says so at once.
START_SECONDS = 600
STOP_SECONDS = 60
LOCK_SECONDS = 120
START_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """What is known of an embedded server without touching it."""

    state: str  # absent, stopped, running
    pid: int | None
    major: int
    data: Path
    log: Path


class EmbeddedServer:
    """One PostgreSQL server of our own, its data below *home*, reached by a Unix socket in a folder closed to others.

    It lives on after the process that started it. A *throwaway* server trades safety from crashes for speed, and its
    data goes when it is stopped.
    """

    def __init__(self, home: Path, *, throwaway: bool = False, binaries: Path | None = None) -> None:
        self._binaries = find_binaries(binaries)
        self._throwaway = throwaway
        self.folder = home.resolve() / str(self._binaries.major)
        self.data = self.folder / "data"
        self.log = self.folder / "postgres.log"
        self._mark = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:12]
        self._process = ServerProcess(self.data, f"aca-{self._mark}")

    def start(self) -> str:
        """Start the server, and make it first if there is none; answers its address. Free when it already runs."""
        with self._locked():
            for attempt in range(1, START_ATTEMPTS + 1):
                if not self._process.settle(START_SECONDS):
                    self._initialise()
                    self._configure()
                    self._launch()
                if self._has_database():
                    return self.url()
                # A server that was killed a moment ago looks alive until the system has cleared it away.
                time.sleep(0.5 * attempt)
        raise ConfigError(
            f"the embedded PostgreSQL runs but does not answer at {self._socket_folder()}: "
            f"`make db-down`, then `make db-up`; its log is {self.log}"
        )

    def stop(self) -> bool:
        """Stop the server; says whether there was one to stop. Committed work is safe."""
        if not self.folder.is_dir():
            return False
        with self._locked():
            ran = self._process.settle(START_SECONDS)
            how = (signal.SIGQUIT,) if self._throwaway else (signal.SIGINT, signal.SIGQUIT)
            if ran and not any(self._process.stop(each, STOP_SECONDS) for each in how):
                raise ConfigError(f"PostgreSQL did not stop within {STOP_SECONDS * len(how)} s; see {self.log}")
            if self._throwaway:
                shutil.rmtree(self.data, ignore_errors=True)
        return ran

    def remove(self) -> None:
        """Stop the server and delete its data for good."""
        self.stop()
        shutil.rmtree(self.data, ignore_errors=True)

    def status(self) -> ServerStatus:
        """Whether the server is there and runs; starts nothing."""
        pid, _ = self._process.recorded()
        running = pid in self._process.pids()
        state = "running" if running else "stopped" if self.data.is_dir() else "absent"
        return ServerStatus(state, pid if running else None, self._binaries.major, self.data, self.log)

    def url(self, database: str = DATABASE) -> str:
        """The address of *database*, whether or not the server runs."""
        folder = quote(str(self._socket_folder()), safe="/")
        return f"postgresql://postgres@/{quote(database, safe='')}?host={folder}&port=5432"

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One starter or stopper at a time. The lock ends with its holder, however that ends."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.folder.chmod(0o700)
            with (self.folder / "lock").open("w") as lock:
                self._wait_for(lock)
                yield
        except OSError as problem:
            raise ConfigError(
                f"cannot use {self.folder} ({problem.strerror}): "
                "make room, or set ACA_POSTGRES_HOME to a folder that you may write"
            ) from problem

    def _wait_for(self, lock: IO[str]) -> None:
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    text = f"another command has been starting or stopping {self.folder} for {LOCK_SECONDS} s"
                    raise BusyError(text) from None
            time.sleep(0.05)

    def _initialise(self) -> None:
        """Make the data folder aside and move it into place, so that a killed initdb leaves no half of one."""
        for leftover in self.folder.glob("initdb-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        if self.data.is_dir():
            self._launcher.take_over(self.folder, self.data)
            return
        fresh = Path(tempfile.mkdtemp(prefix="initdb-", dir=self.folder))
        self._launcher.give(fresh)
        # The same sort order on every machine, and text indexes that serve LIKE 'x%'.
        choices = ["--encoding=UTF8", "--locale=C"]
        if self._binaries.major >= 17:
            choices += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if self._throwaway:
            choices += ["--no-sync"]
        made = self._run("initdb", "-D", fresh, "--username=postgres", "--auth=trust", *choices)
        if made.returncode != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            raise ConfigError(f"initdb failed in {self.folder}: {_last_line(made.stderr)}")
        with (fresh / "postgresql.conf").open("a") as conf:
            conf.write("\ninclude_dir = 'conf.d'\n")
        fresh.rename(self.data)

    def _configure(self) -> None:
        """Write the settings anew: the machine, or what we think best, may have changed since the last start."""
        socket_folder = self._socket_folder()
        self._launcher.claim(socket_folder)
        settings = server_settings(
            socket_folder=socket_folder,
            cluster_name=self._process.cluster_name,
            memory=memory_bytes(),
            free_disk=shutil.disk_usage(self.folder).free,
            shared_memory=shared_memory_bytes(),
            throwaway=self._throwaway,
        )
        folder = self.data / "conf.d"
        folder.mkdir(exist_ok=True)
        draft = folder / "aca.conf.new"
        draft.write_text(as_conf(settings))
        draft.replace(folder / "aca.conf")
        self._launcher.give(folder)

    def _launch(self) -> None:
        for attempt in range(1, START_ATTEMPTS + 1):
            self._process.forget_the_dead()
            started = self._run(
                "pg_ctl", "start", "-D", self.data, "-l", self.log, "-w", "-t", str(START_SECONDS), "-s"
            )
            if started.returncode == 0 or self._process.settle(START_SECONDS):
                return
            time.sleep(0.5 * attempt)
        cause = _last_line(self.log.read_text(errors="replace") if self.log.is_file() else "", "FATAL", "PANIC")
        raise ConfigError(f"PostgreSQL did not start ({cause or _last_line(started.stderr)}); see {self.log}")

    def _has_database(self) -> bool:
        """Create our database if it is not there; false where the server does not answer."""
        import psycopg
        from psycopg import sql

        try:
            with psycopg.connect(self.url("postgres"), autocommit=True) as conn:
                if not conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                    conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        except psycopg.OperationalError:
            return False
        return True

    def _socket_folder(self) -> Path:
        """Beside the data, or in /tmp where that path is too long for a socket: 107 bytes on Linux, 103 elsewhere."""
        if len(os.fsencode(self.folder / "socket" / SOCKET_NAME)) <= 103:
            return self.folder / "socket"
        # Neither TMPDIR nor XDG_RUNTIME_DIR: another shell, or cron, must find the same folder.
        return Path("/tmp") / f"aca-{os.geteuid()}-{self._mark}"  # noqa: S108 - claimed before use

    @cached_property
    def _launcher(self) -> Launcher:
        return find_launcher()

    def _run(self, program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return self._launcher.run(self._binaries.path(program), *arguments, folder=self.folder)


def _last_line(text: str, *words: str) -> str:
    """The last line that holds one of *words*, or the last line at all."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if any(word in line for word in words)] if words else lines
    return (telling or [""])[-1]
