"""Make .venv hold exactly the packages of requirements.txt, uv included. Needs nothing but Python.

Behind `make bootstrap`. Nothing when up to date; safe beside another one, and after one that was interrupted: the stamp
is set last. Written for any Python 3, so that an old one can say what is missing.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "requirements.txt"
VENV = ROOT / ".venv"
STAMP = VENV / ".bootstrapped"
LOAD_PATH = ("dotenv", "numpy", "psycopg", "psycopg_binary", "psycopg_pool", "pygments", "rich", "structlog", "xxhash")
LEAST = (3, 11)


def main() -> None:
    with REQUIREMENTS.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if STAMP.exists() and STAMP.stat().st_mtime >= REQUIREMENTS.stat().st_mtime:
            return
        python = VENV / "bin" / "python"
        if not works(str(python), "-c", "import pip"):
            print("bootstrap: making .venv", file=sys.stderr)
            run(find_python(), "-m", "venv", "--clear", str(VENV))
        uv = VENV / "bin" / "uv"
        if not works(str(uv), "--version"):
            install_uv(python)
        print("bootstrap: installing the locked packages", file=sys.stderr)
        run(str(uv), "pip", "sync", "--quiet", "--require-hashes", "--python", str(python), str(REQUIREMENTS))
        compile_load_path(python)
        STAMP.touch()


def compile_load_path(python: Path) -> None:
    """Compile what each command imports, once: where Python is told to keep no bytecode, it would do so at every start."""
    packages = python.parents[1].glob("lib/python3.*/site-packages")
    found = [str(folder / name) for folder in packages for name in LOAD_PATH if (folder / name).is_dir()]
    run(str(python), "-m", "compileall", "-q", "-j", "0", *found, str(ROOT / "etl"))


def find_python() -> str:
    """This Python, or a newer one on the PATH if this one is too old."""
    if sys.version_info >= LEAST:
        return sys.executable
    for minor in range(20, LEAST[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        if found:
            return found
    sys.exit("bootstrap: Python 3.11 or newer is needed; name one with: make bootstrap PYTHON3=/path/to/python3")


def install_uv(python: Path) -> None:
    """Install uv by pip, pinned and hashed by its own lines of requirements.txt."""
    block = re.search(r"^uv==.*?(?=^\S)", REQUIREMENTS.read_text() + "end", re.MULTILINE | re.DOTALL)
    if not block:
        sys.exit("bootstrap: requirements.txt names no uv; restore it, or run `make lock` where uv is installed")
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as only_uv:
        only_uv.write(block.group())
        only_uv.flush()
        run(str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "-r", only_uv.name)


def works(*words: str) -> bool:
    try:
        return subprocess.run(words, check=False, capture_output=True).returncode == 0
    except OSError:
        return False


def run(*words: str) -> None:
    """Run a command, its output on stderr: `make -s db-url` must print the address alone."""
    environment = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONHOME")}
    done = subprocess.run(words, check=False, stdout=sys.stderr, env=environment)
    if done.returncode != 0:
        sys.exit(f"bootstrap: failed at: {' '.join(words)}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("bootstrap: stopped; run the same command again")
