"""Imports go one way, and what is slow is imported where it is needed."""

import re
import subprocess
import sys

import pytest

from tests.house import ROOT, files, imports, text

MAY_IMPORT = {
    "core": {"core"},
    "catalog": {"core", "catalog"},
    "extract": {"core", "catalog", "extract"},
    # Between a file and staging there is no table to meet in: the stager reads what extract has checked and cut.
    "load": {"core", "catalog", "extract", "load"},
    "transform": {"core", "catalog", "transform"},
    "quality": {"core", "catalog", "quality"},
    "publish": {"core", "catalog", "publish"},
}
# Each costs every command that imports it a quarter of a second to seven seconds.
SLOW = {"alembic", "sqlalchemy", "great_expectations", "pandas", "faker", "polars", "duckdb", "pyarrow", "scipy"}
PYTHON = files(".py", below="etl/")


def layer(path):
    return path.split("/")[1]


@pytest.mark.parametrize("path", [path for path in PYTHON if path.count("/") > 1])
def test_imports_go_one_way(path):
    """run.py -> pipeline -> stages -> catalog -> core; stages meet in tables, not in imports.

    The modules at the top of etl/ put the stages together: they may import all, and no stage may import them.
    """
    allowed = MAY_IMPORT[layer(path)]
    imported = {name.split(".")[1] for name, _ in imports(path) if name.startswith("etl.")}

    assert imported <= allowed


@pytest.mark.parametrize("path", [path for path in PYTHON if path != "etl/quality/expectations.py"])
def test_slow_packages_are_imported_inside_the_command_that_needs_them(path):
    """A load starts in a blink; only the expectations need their package from the first line."""
    slow = {name for name, on_import in imports(path) if on_import and name.split(".")[0] in SLOW}

    assert set() == slow


def test_great_expectations_is_imported_in_one_place_only():
    """It takes seconds to import and changes its interface often."""
    importers = {path for path in PYTHON if any(name.startswith("great_expectations") for name, _ in imports(path))}

    assert importers <= {"etl/quality/expectations.py"}


@pytest.mark.parametrize("path", files(".py", below="migrations/"))
def test_migrations_know_nothing_of_the_catalog(path):
    """A migration says what was true when it was written; specs go on changing."""
    imported = {name for name, _ in imports(path) if name.startswith("etl.")}

    assert all(name.startswith("etl.core.") for name in imported)


@pytest.mark.parametrize("path", files(".py", below="etl/core/"))
def test_the_machine_names_no_business_table(path):
    """core moves any table; which ones there are is the catalog's to say."""
    assert [] == re.findall(r"\b(?:dim|fact|stg)_[a-z_]+", text(path))


def test_help_imports_no_driver():
    """`python run.py --help` answers in a blink, since it loads nothing that only a run needs."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "run.py", "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}

    assert 0 == done.returncode
    assert set() == loaded & {"psycopg", "structlog", "rich", "numpy", *SLOW}
