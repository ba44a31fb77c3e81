"""What a run may be told from outside: one frozen value, read once per entry point."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from etl.core.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = ("etl", "staging", "warehouse", "mart")
# Views for analysts, which nobody's search path names.
VIEW_SCHEMAS = ("deidentified",)
LOG_FORMATS = ("auto", "pretty", "json")


def usable_cores() -> int:
    """The cores this process may run on, which a container or taskset can make fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the warehouse and its files are, and how a run behaves. The database address is never in its repr."""

    root: Path = ROOT
    landing: Path = ROOT / "data" / "landing"
    postgres_home: Path = ROOT / ".postgres"
    database_url: str | None = field(default=None, repr=False)
    pg_bin: Path | None = None
    workers: int = field(default_factory=lambda: min(usable_cores(), 8))
    log_format: str = "auto"
    reject_share_limit: float = 0.05
    max_quoted_field_bytes: int = 1 << 20
    chunk_bytes: int = 2 << 20
    statement_timeout: int = 0
    lock_timeout: int = 300
    lineage: str = ""
    claim_id_suffix: str = ""

    @classmethod
    def read(cls, env: Mapping[str, str] | None = None, *, root: Path = ROOT) -> "Settings":
        """Read environment, then `.env`, then `config/dev.env`, then the defaults; the first that names a value wins.

        An empty value means the default, so `DATABASE_URL= make full-load` goes back to the embedded server.
        All problems are told in one ConfigError.
        """
        problems: list[str] = []
        given = {**_from_file(root / "config" / "dev.env", problems), **_from_file(root / ".env", problems)}
        given |= os.environ if env is None else env
        values: dict[str, Any] = {"root": root}
        values |= {"landing": root / "data" / "landing", "postgres_home": root / ".postgres"}
        for name, (attribute, parse) in _VARIABLES.items():
            if text := given.get(name, "").strip():
                try:
                    values[attribute] = parse(text, root)
                except ValueError as problem:
                    problems.append(f"{name} {problem}")
        if problems:
            raise ConfigError("settings: " + "; ".join(problems))
        return cls(**values)


def _from_file(path: Path, problems: list[str]) -> dict[str, str]:
    """The names and values of a `.env` file; a misspelt ACA_ name is a problem, not a silent default."""
    if not path.is_file():
        return {}
    from dotenv import dotenv_values

    try:
        # interpolate: a password may hold a dollar sign
        values = dotenv_values(path, interpolate=False, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        problems.append(f"cannot read {path}: {problem.__class__.__name__}")
        return {}
    unknown = sorted(name for name in values if name.startswith("ACA_") and name not in _VARIABLES)
    problems += [f"{path.name} names {name}, which does not exist" for name in unknown]
    return {name: value for name, value in values.items() if value is not None}


def _path(text: str, root: Path) -> Path:
    return root / Path(text).expanduser()


def _url(text: str, _root: Path) -> str:
    """A PostgreSQL address; its text is never part of the complaint, since it may hold a password."""
    scheme, _, rest = text.partition("://")
    if rest and scheme in ("postgresql", "postgres", "postgresql+psycopg"):
        return f"postgresql://{rest}"
    raise ValueError("is not of the form postgresql://user:password@host:port/database")


def _whole(least: int, most: int) -> Callable[[str, Path], int]:
    def parse(text: str, _root: Path) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise ValueError(f"must be a whole number from {least} to {most}, not {text!r}")
        return int(text)

    return parse


def _share(text: str, _root: Path) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ValueError(f"must be a number from 0 to 1, not {text!r}")
    return share


def _pattern(text: str, _root: Path) -> str:
    """A regular expression that Python and PostgreSQL read alike: no groups that look around, no named ones."""
    try:
        re.compile(text)
    except re.error as problem:
        raise ValueError(f"is not a regular expression ({problem})") from None
    return text


def _log_format(text: str, _root: Path) -> str:
    if text not in LOG_FORMATS:
        raise ValueError(f"must be one of {', '.join(LOG_FORMATS)}, not {text!r}")
    return text


_VARIABLES: dict[str, tuple[str, Callable[[str, Path], Any]]] = {
    "DATABASE_URL": ("database_url", _url),
    "ACA_LANDING": ("landing", _path),
    "ACA_POSTGRES_HOME": ("postgres_home", _path),
    "ACA_PG_BIN": ("pg_bin", _path),
    "ACA_WORKERS": ("workers", _whole(1, 64)),
    "ACA_LOG_FORMAT": ("log_format", _log_format),
    "ACA_REJECT_SHARE_LIMIT": ("reject_share_limit", _share),
    "ACA_MAX_QUOTED_FIELD_BYTES": ("max_quoted_field_bytes", _whole(1, 1 << 30)),
    "ACA_CHUNK_BYTES": ("chunk_bytes", _whole(1, 1 << 30)),
    "ACA_STATEMENT_TIMEOUT": ("statement_timeout", _whole(0, 86_400)),
    "ACA_LINEAGE": ("lineage", lambda text, _root: text),
    "ACA_LOCK_TIMEOUT": ("lock_timeout", _whole(0, 86_400)),
    "ACA_CLAIM_ID_SUFFIX": ("claim_id_suffix", _pattern),
}

VARIABLES = tuple(_VARIABLES)
