"""The embedded PostgreSQL server: made on first use, started, found again, stopped."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from etl.core.errors import BusyError, ConfigError
from etl.core.postgres_binaries import NOBODY, Launcher, find_binaries, find_launcher
from etl.core.postgres_conf import as_conf, memory_bytes, server_settings, shared_memory_bytes

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
        self._cluster_name = f"aca-{self._mark}"

    def start(self) -> str:
        """Start the server, and make it first if there is none; answers its address. Free when it already runs."""
        with self._locked():
            if not self._settle():
                self._initialise()
                self._configure()
                self._launch()
            self._create_database()
        return self.url()

    def stop(self) -> bool:
        """Stop the server; says whether there was one to stop. Committed work is safe."""
        if not self.folder.is_dir():
            return False
        with self._locked():
            ran = self._settle()
            if ran and not self._stopped("immediate" if self._throwaway else "fast") and not self._stopped("immediate"):
                raise ConfigError(f"PostgreSQL did not stop within {2 * STOP_SECONDS} s; see {self.log}")
            if self._throwaway:
                shutil.rmtree(self.data, ignore_errors=True)
        return ran

    def remove(self) -> None:
        """Stop the server and delete its data for good."""
        self.stop()
        shutil.rmtree(self.data, ignore_errors=True)

    def status(self) -> ServerStatus:
        """Whether the server is there and runs; starts nothing."""
        pid, _ = self._pid_file()
        running = pid in self._pids()
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
            lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as problem:
            raise ConfigError(
                f"cannot write {self.folder} ({problem.strerror}): set ACA_POSTGRES_HOME to a folder that you may write"
            ) from problem
        try:
            deadline = time.monotonic() + LOCK_SECONDS
            while not _flock(lock):
                if time.monotonic() > deadline:
                    raise BusyError(f"another command has been starting or stopping {self.folder} for {LOCK_SECONDS} s")
                time.sleep(0.05)
            yield
        finally:
            os.close(lock)

    def _settle(self) -> bool:
        """Wait until the server either answers or is gone for good; says whether it answers."""
        deadline = time.monotonic() + START_SECONDS
        while pids := self._pids():
            pid, state = self._pid_file()
            if pid in pids and state == "ready":
                return True
            if pid not in pids:
                # The server was killed, and what is left of it holds the shared memory that the next one needs.
                for orphan in pids:
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.kill(orphan, signal.SIGQUIT)
            if time.monotonic() > deadline:
                raise ConfigError(f"PostgreSQL (pid {pid}) neither answers nor ends; see {self.log}")
            time.sleep(0.05)
        return False

    def _initialise(self) -> None:
        """Make the data folder aside and move it into place, so that a killed initdb leaves no half of one."""
        for leftover in self.folder.glob("initdb-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        if self.data.is_dir():
            self._take_over()
            return
        fresh = Path(tempfile.mkdtemp(prefix="initdb-", dir=self.folder))
        self._give(fresh)
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
        self._claim(socket_folder)
        settings = server_settings(
            socket_folder=socket_folder,
            cluster_name=self._cluster_name,
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
        self._give(folder)

    def _launch(self) -> None:
        for attempt in range(START_ATTEMPTS):
            self._clear_pid_file()
            started = self._run(
                "pg_ctl", "start", "-D", self.data, "-l", self.log, "-w", "-t", str(START_SECONDS), "-s"
            )
            if started.returncode == 0 or self._settle():
                return
            time.sleep(1 + attempt)
        cause = _last_line(self.log.read_text(errors="replace") if self.log.is_file() else "", "FATAL", "PANIC")
        raise ConfigError(f"PostgreSQL did not start ({cause or _last_line(started.stderr)}); see {self.log}")

    def _create_database(self) -> None:
        import psycopg
        from psycopg import sql

        try:
            with psycopg.connect(self.url("postgres"), autocommit=True) as conn:
                if not conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                    conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        except psycopg.OperationalError as problem:
            raise ConfigError(
                f"the embedded PostgreSQL runs but does not answer at {self._socket_folder()}: "
                f"`make db-down`, then `make db-up`; its log is {self.log}"
            ) from problem

    def _stopped(self, mode: str) -> bool:
        self._run("pg_ctl", "stop", "-D", self.data, "-m", mode, "-w", "-t", str(STOP_SECONDS), "-s")
        return not self._pids()

    def _pids(self) -> set[int]:
        """The server and its children, each known by its command line; a zombie has none and counts for nothing."""
        server = os.fsencode(self.data)
        child = self._cluster_name.encode()
        found = set()
        for pid, words in _commands():
            runs_here = words[0].endswith(b"postgres") and b"-D" in words and server in words
            if runs_here or words[0].startswith(b"postgres: " + child):
                found.add(pid)
        return found

    def _pid_file(self) -> tuple[int | None, str]:
        """The pid and the state that the server wrote down, which may be those of one long dead."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            return int(lines[0]), lines[7].strip() if len(lines) > 7 else ""
        except (OSError, ValueError, IndexError):
            return None, ""

    def _clear_pid_file(self) -> None:
        """Remove the pid file of a server that is gone while its pid lives on, as a zombie or as another program.

        PostgreSQL clears the file by itself where the pid is free; here it would refuse to start.
        """
        deadline = time.monotonic() + 3
        while (pid := self._pid_file()[0]) is not None and _exists(pid):
            if pid in dict(_commands()) or time.monotonic() > deadline:
                (self.data / "postmaster.pid").unlink(missing_ok=True)
                return
            time.sleep(0.05)

    def _socket_folder(self) -> Path:
        """Beside the data, or in /tmp where that path is too long for a socket: 107 bytes on Linux, 103 elsewhere."""
        if len(os.fsencode(self.folder / "socket" / SOCKET_NAME)) <= 103:
            return self.folder / "socket"
        # Neither TMPDIR nor XDG_RUNTIME_DIR: another shell, or cron, must find the same folder.
        return Path("/tmp") / f"aca-{os.geteuid()}-{self._mark}"  # noqa: S108 - claimed before use

    def _claim(self, folder: Path) -> None:
        """Make the socket's folder ours alone; one that somebody else put there is refused."""
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.geteuid(), self._launcher.owner):
            raise ConfigError(
                f"{folder} belongs to somebody else: remove it, or set ACA_POSTGRES_HOME to a shorter path"
            )
        folder.chmod(0o700)
        self._give(folder)

    def _take_over(self) -> None:
        """Let root start what root made the other way; anybody else's data stays theirs."""
        owner = self.data.stat().st_uid
        if owner == self._launcher.owner:
            return
        if os.geteuid() != 0 or owner not in (0, NOBODY):
            raise ConfigError(f"{self.data} belongs to uid {owner}: work as that user, or set ACA_POSTGRES_HOME")
        for folder, _, names in os.walk(self.data):
            for path in (Path(folder), *(Path(folder, name) for name in names)):
                os.chown(path, self._launcher.owner, -1, follow_symlinks=False)

    def _give(self, folder: Path) -> None:
        if folder.stat().st_uid != self._launcher.owner:
            os.chown(folder, self._launcher.owner, -1)

    @cached_property
    def _launcher(self) -> Launcher:
        return find_launcher()

    def _run(self, program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a PostgreSQL program: no word of our environment that would steer it, no open file of ours to keep."""
        mine = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "DATABASE_URL"))}
        return subprocess.run(
            [*self._launcher.prefix, self._binaries.path(program), *arguments],
            cwd=self.folder,
            env=mine | {"LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            close_fds=True,
            check=False,
        )


def _flock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


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


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _last_line(text: str, *words: str) -> str:
    """The last line that holds one of *words*, or the last line at all."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if any(word in line for word in words)] if words else lines
    return (telling or [""])[-1]
