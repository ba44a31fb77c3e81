"""The promises of the house that a reader relies on: SQL headers say what is true, errors end in a code, make calls what is there."""

import ast
import importlib.util
import re
import subprocess
import sys

import pytest

from etl.catalog.cubes import BASE_CUBES
from etl.commands import main
from etl.core.errors import EtlError, Exit
from tests.house import ROOT, files, imports, text

SQL_FILES = files(".sql", below="sql/")
PYTHON = [*files(".py", below="etl/"), "run.py"]
TABLE = re.compile(r"\b(?:etl|staging|warehouse|mart)\.([a-z_]+)\b(?!\()")
VOLATILE = re.compile(
    r"\b(?:now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday|random|nextval|gen_random_uuid)\s*\("
    r"|\b(?:CURRENT_DATE|CURRENT_TIMESTAMP|CURRENT_TIME|LOCALTIMESTAMP|LOCALTIME|CURRENT_USER|SESSION_USER)\b",
    re.IGNORECASE,
)
SLOW = ("alembic", "sqlalchemy", "great_expectations", "pandas", "faker", "polars", "duckdb", "pyarrow")


def header(path):
    """The four lines of the promise, and the lines that go on with one of them."""
    return "\n".join(line for line in text(path).split("\n\n")[0].splitlines() if line.startswith("--"))


def code(path):
    """The statement: without comments, and without what stands in quotes."""
    return re.sub(r"--[^\n]*|'(?:[^']|'')*'", " ", text(path))


def stem(path):
    return path.rpartition("/")[2].removesuffix(".sql")


def words():
    """Every text that the program knows as a value: names of SQL files are among them."""
    trees = [ast.parse(text(path)) for path in PYTHON]
    return {
        node.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


@pytest.mark.parametrize("path", SQL_FILES)
def test_a_sql_file_is_named_after_what_it_fills(path):
    """A table's name finds its file; a check fills nothing and has the check's name."""
    fills = re.search(r"^-- Fills:\s+(.*)$", text(path), re.MULTILINE)
    assert fills
    filled = fills[1].removeprefix("warehouse.").removeprefix("mart.").removeprefix("staging.")
    table = re.match(r"[a-z_]+", filled)

    assert table
    if path.startswith("sql/5_quality/"):
        assert filled.startswith("nothing")
    else:
        assert stem(path).startswith(table[0])


@pytest.mark.parametrize("path", SQL_FILES)
def test_a_sql_file_says_what_it_reads_and_which_values_it_takes(path):
    """The header is what psql users go by: every table and every :value of the statement is in it, and no other value."""
    said = header(path)
    taken = set(re.findall(r"(?<![:\w]):([a-z_]+)\b", code(path)))
    promised = re.search(r"^-- Values:\s+(.*)", said, re.MULTILINE | re.DOTALL)
    assert promised

    assert set() == {table for table in TABLE.findall(code(path)) if table not in said}
    assert taken == set(re.findall(r":([a-z_]+)\b", promised[1]))


def test_every_sql_file_is_run_by_something():
    """What nobody runs is deleted."""
    known = words() | {f"work_{cube.table}" for cube in BASE_CUBES}

    assert [] == [path for path in SQL_FILES if stem(path) not in known]


@pytest.mark.parametrize("path", [*SQL_FILES, *files(".py", below="etl/transform/")])
def test_no_sql_of_the_warehouse_depends_on_when_or_by_whom_it_is_run(path):
    """A rebuild gives the same rows, and a distributed UPDATE takes no volatile function."""
    assert [] == VOLATILE.findall(code(path) if path.endswith(".sql") else sql_texts(path))


def sql_texts(path):
    """The texts of a module that are SQL, docstrings apart. A row's load_timestamp may be the clock's."""
    return "\n".join(
        node.value.replace("COALESCE(o.load_timestamp, now())", "")
        for node in ast.walk(ast.parse(text(path)))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.search(r"\b(?:SELECT|INSERT|UPDATE|DELETE|CREATE)\b", node.value)
    )


@pytest.mark.parametrize("path", files(".py", below="migrations/versions/"))
def test_a_migration_stands_alone(path):
    """It is never edited once merged, so nothing that goes on changing may be under it."""
    imported = {name for name, _ in imports(path)}

    assert imported <= {"alembic", "migrations.ddl", "collections.abc"}


def test_the_migrations_are_one_line_without_forks():
    """0001, 0002, ...: each after the one before, under a name that says what it brings; a number may be left free."""
    paths = files(".py", below="migrations/versions/")
    numbers = [path.rpartition("/")[2][:4] for path in paths]
    said = [re.search(r'^revision = "(.*)"\ndown_revision = (.*)$', text(path), re.MULTILINE) for path in paths]

    assert all(re.fullmatch(r"migrations/versions/\d{4}_[a-z_]+\.py", path) for path in paths)
    assert numbers == [found[1] for found in said if found]
    assert ["None", *(f'"{number}"' for number in numbers[:-1])] == [found[2] for found in said if found]


@pytest.mark.parametrize("module", ["etl.pipeline", "etl.commands", "etl.summary", "etl.load.staging_loader"])
def test_the_load_path_loads_no_slow_package(module):
    """What the load does not use, it does not wait for: asked of the interpreter, not of the source."""
    question = f"import sys, {module}; print(*sorted({{name.split('.')[0] for name in sys.modules}} & set({SLOW!r})))"
    done = subprocess.run([sys.executable, "-c", question], cwd=ROOT, capture_output=True, text=True, check=True)

    assert "" == done.stdout.strip()


def subclasses(kind):
    """All classes below *kind*, wherever they are defined."""
    return {each for below in kind.__subclasses__() for each in (below, *subclasses(below))}


def test_every_error_of_ours_ends_in_an_exit_code_that_help_explains(capsys):
    """What a run ends with is in one place, and a person can look it up."""
    defined = {
        (path, node.name)
        for path in files(".py", below="etl/")
        for node in ast.walk(ast.parse(text(path)))
        if isinstance(node, ast.ClassDef)
        and any(re.search(r"(?:Error|Exception)$", ast.unparse(b)) for b in node.bases)
    }
    ours = {(path, name) for path, name in defined if not name.startswith("_")}
    for path, _ in ours:
        importlib.import_module(path.removesuffix(".py").replace("/", "."))
    with pytest.raises(SystemExit):
        main(["--help"])
    explained = {
        int(found) for found in re.findall(r"(?:^|· | )(\d{1,3}) (?=[a-z])", _exit_codes(capsys.readouterr().out))
    }

    assert {name for _, name in ours} <= {"EtlError", *(kind.__name__ for kind in subclasses(EtlError))}
    assert all(isinstance(kind.exit_code, Exit) and kind.exit_code for kind in subclasses(EtlError))
    assert {int(each) for each in Exit} <= explained


def test_the_documentation_lists_every_exit_code():
    """Operations has the same codes as errors.py."""
    section = text("docs/operations.md").partition("## Exit codes")[2]

    assert sorted(Exit) == [int(found) for found in re.findall(r"^\| (\d+) \|", section, re.MULTILINE)]


def _exit_codes(shown):
    return shown.partition("exit codes:")[2]


CALLS = sorted(set(re.findall(r"run\.py ((?!-)[a-z-]+)", text("Makefile"))))


@pytest.mark.parametrize("command", CALLS)
def test_make_calls_only_commands_that_there_are(command, capsys):
    """A target that ends in `invalid choice` is a promise that was not kept."""
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])

    assert 0 == ended.value.code
    assert f"run.py {command}" in capsys.readouterr().out


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\$\(PYTHON\) -m (etl[\w.]+)", text("Makefile")))))
def test_make_calls_only_modules_that_there_are(path):
    """As above, for `python -m`."""
    assert importlib.util.find_spec(path)


def test_what_run_py_lists_as_stages_is_what_the_pipeline_has():
    """--only and --from take the stages' names before the pipeline is imported."""
    from etl import commands, steps

    assert steps.STAGES == commands.STAGES
    assert {step.stage for step in steps.PIPELINE} | {"extract", "stage"} == set(commands.STAGES)
