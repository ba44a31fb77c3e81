"""Look for secrets in the files that git keeps, and for known vulnerabilities in the locked packages.

python -m scripts.audit [secrets | packages] [--strict] [files]

The secrets need no network. Where the database of vulnerabilities (OSV) is out of reach, that is said, and is a failure
with --strict only.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BASELINE = ".secrets.baseline"
OK, FOUND, NOT_COMPUTED = 0, 1, 12


def find_secrets(files: Sequence[str] = ()) -> int:
    """Every tracked file, or these, against the baseline of what was looked at and is none."""
    listed = list(files) or _run("git", "ls-files").stdout.split("\n")[:-1]
    given = [file for file in listed if file != BASELINE]
    # The tool brings line numbers up to date in the baseline it is given, and then wants that committed: it gets a copy.
    with tempfile.TemporaryDirectory() as folder:
        baseline = shutil.copy(ROOT / BASELINE, folder)
        done = _run(_tool("detect-secrets-hook"), "--no-verify", "--baseline", baseline, *given)
    # 3: nothing new, but line numbers have moved.
    if done.returncode not in (0, 3):
        # The tool names file, line and kind, never the secret.
        print(done.stdout.strip() or done.stderr.strip())
        return FOUND
    print(f"secrets: none in {len(given)} files")
    return OK


def find_vulnerable(*options: str, strict: bool = False) -> int:
    """The packages of requirements.txt that have a known vulnerability."""
    done = _run(
        *(_tool("pip-audit"), "--requirement", "requirements.txt", "--disable-pip", "--require-hashes"),
        *("--vulnerability-service", "osv", "--progress-spinner", "off", "--format", "json", *options),
    )
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        cause = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        print(f"packages: NOT checked, the database of vulnerabilities gave no answer: {cause[:200]}", file=sys.stderr)
        return NOT_COMPUTED if strict else OK
    vulnerable = [package for package in packages if package.get("vulns")]
    for package in vulnerable:
        for known in package["vulns"]:
            mended = ", ".join(known.get("fix_versions", [])) or "no version yet"
            print(f"{package['name']} {package['version']}: {known['id']}, mended in {mended}")
    print(f"packages: {len(vulnerable)} of {len(packages)} have a known vulnerability")
    return FOUND if vulnerable else OK


def _tool(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Both, or the one that is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("all", "secrets", "packages"), default="all")
    parser.add_argument("files", nargs="*", help="look for secrets in these alone")
    parser.add_argument("--strict", action="store_true", help="fail where the packages cannot be checked")
    wanted = parser.parse_args(arguments)
    codes = [find_secrets(wanted.files)] if wanted.what != "packages" else []
    codes += [find_vulnerable(strict=wanted.strict)] if wanted.what != "secrets" else []
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
