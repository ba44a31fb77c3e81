"""Running PostgreSQL, which refuses root and a uid without a name, and owning the files it then works on."""

import os
import pwd
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from etl.core.errors import ConfigError

NOBODY = 65534

_UNSHARE = ("unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}")
_SETPRIV = (
    "setpriv",
    f"--reuid={NOBODY}",
    f"--regid={NOBODY}",
    "--clear-groups",
    # Without this, pg_ctl's own look for the programs beside it would ignore the right that comes next.
    "--securebits=+no_setuid_fixup",
    "--inh-caps=+dac_override",
    "--ambient-caps=+dac_override",
)


@dataclass(frozen=True, slots=True)
class Launcher:
    """The words that go before a PostgreSQL program, and the uid that then owns its files."""

    prefix: tuple[str, ...]
    owner: int

    def run(self, program: str, *arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
        """Run a program in *folder*: no word of our environment that would steer it, no open file of ours to keep."""
        mine = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "DATABASE_URL"))}
        return subprocess.run(
            [*self.prefix, program, *arguments],
            cwd=folder,
            env=mine | {"LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            close_fds=True,
            check=False,
        )

    def give(self, folder: Path) -> None:
        """Make *folder* belong to whom the program runs as."""
        if folder.stat().st_uid != self.owner:
            os.chown(folder, self.owner, -1)

    def take_over(self, folder: Path, data: Path) -> None:
        """Let root start what root made the other way, all of *folder*; anybody else's *data* stays theirs."""
        owner = data.stat().st_uid
        if owner == self.owner:
            return
        if os.geteuid() != 0 or owner not in (0, NOBODY):
            raise ConfigError(f"{data} belongs to uid {owner}: work as that user, or set ACA_POSTGRES_HOME")
        for path, _, names in os.walk(folder):
            for each in (Path(path), *(Path(path, name) for name in names)):
                os.chown(each, self.owner, -1, follow_symlinks=False)

    def claim(self, folder: Path) -> None:
        """Make *folder* if it is not there, and close it to others.

        Where everybody may write, as in /tmp, one that somebody else put there is refused.
        """
        folder.mkdir(mode=0o700, exist_ok=True)
        found, public = folder.lstat(), folder.parent.stat().st_mode & 0o022
        if not stat.S_ISDIR(found.st_mode) or (public and found.st_uid not in (os.geteuid(), self.owner)):
            raise ConfigError(
                f"{folder} belongs to somebody else: remove it, or set ACA_POSTGRES_HOME to a shorter path"
            )
        folder.chmod(0o700)
        self.give(folder)


def find_launcher() -> Launcher:
    """How to run PostgreSQL here, which refuses root and a uid that has no name.

    Neither way adds a user or changes the rights of a folder that is not the server's own. A user namespace in which we
    are called nobody leaves the files ours. Where namespaces are forbidden, as in most containers, root becomes nobody
    but keeps the right to read past folders that are closed to others.
    """
    uid = os.geteuid()
    if uid != 0 and _has_name(uid):
        return Launcher((), uid)
    if _works(_UNSHARE):
        return Launcher(_UNSHARE, uid)
    if uid == 0 and _works(_SETPRIV):
        return Launcher(_SETPRIV, NOBODY)
    who = "root" if uid == 0 else f"uid {uid}, which has no name,"
    raise ConfigError(
        f"PostgreSQL does not run as {who} and this machine allows no user namespace: "
        "run as a plain user, or set DATABASE_URL to a running server"
    )


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _works(prefix: tuple[str, ...]) -> bool:
    try:
        tried = subprocess.run([*prefix, "true"], check=False, capture_output=True, stdin=subprocess.DEVNULL)
    except OSError:
        return False
    return tried.returncode == 0
