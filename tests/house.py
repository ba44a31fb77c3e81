"""What the house tests look at: the files of the repository, and what their code imports."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@cache
def tracked() -> tuple[str, ...]:
    """The files that git keeps or would keep, as paths from the root."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return tuple(sorted(path for path in set(listed.stdout.splitlines()) if (ROOT / path).is_file()))


def files(*suffixes: str, below: str = "") -> list[str]:
    return [path for path in tracked() if path.endswith(suffixes) and path.startswith(below)]


def text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def imports(path: str) -> Iterator[tuple[str, bool]]:
    """Each module that a file imports, and whether it does so on import, not inside a function or for types alone."""
    yield from _imports(ast.parse(text(path)), on_import=True)


def _imports(node: ast.AST, *, on_import: bool) -> Iterator[tuple[str, bool]]:
    if isinstance(node, ast.Import):
        yield from ((alias.name, on_import) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield node.module or "", on_import
        if node.module == "etl":
            yield from ((f"etl.{alias.name}", on_import) for alias in node.names)
    for_types = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
    inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or for_types
    for child in ast.iter_child_nodes(node):
        yield from _imports(child, on_import=on_import and not inside)
