"""What no file of the repository may hold, and what every SQL file must."""

import ast
import re

import pytest

from tests.house import files, text, tracked

TEXTS = [path for path in tracked() if not path.endswith((".png", ".svg", ".gz", ".ico", ".woff2"))]
# In pieces, since this file is looked at too.
INDEX_HOSTS = re.compile(
    "|".join(("py" + r"pi\.", "pythonhosted" + r"\.", "registry" + r"\.npmjs", "anaconda" + r"\.org"))
)
INDEX_OPTIONS = re.compile(r"--(?:extra-)?index-url[ =]\S|--find-links[ =]\S")
MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:work|root|Users|home/(?!runner))/\w")
SECRETS = re.compile(r"postgres(?:ql)?://\w+:(?!password|<password>|\$|secret|s3cr|wrong|\{)[^@\s'\"]+@")
SQL_CALLS = {"execute", "executemany", "copy", "SQL", "stream"}
SQL_FILES = files(".sql", below="sql/")


@pytest.mark.parametrize("path", TEXTS)
def test_no_file_names_a_package_index(path):
    """Packages come from wherever the machine is told to get them; a named host would break the others."""
    assert [] == INDEX_HOSTS.findall(text(path)) + (
        [] if path.endswith((".py", ".md")) else INDEX_OPTIONS.findall(text(path))
    )


@pytest.mark.parametrize("path", TEXTS)
def test_no_file_holds_a_path_of_somebodys_machine(path):
    """What works here must work in any checkout."""
    assert [] == MACHINE_PATHS.findall(text(path))


@pytest.mark.parametrize("path", [path for path in TEXTS if not path.startswith("tests/")])
def test_no_file_holds_a_password(path):
    """Secrets come from the environment; examples say `password`."""
    assert [] == SECRETS.findall(text(path))


def test_the_lock_is_the_hashed_list_alone():
    """uv.lock would record index addresses; every package of requirements.txt is pinned and hashed."""
    pinned = [line for line in text("requirements.txt").splitlines() if line and line[0] not in " #"]

    assert [] == [path for path in tracked() if path.split("/")[-1] in ("uv.lock", ".env")]
    assert all(re.match(r"[\w.-]+==[^ ]+ .*\\$", line) for line in pinned)
    assert any(line.startswith("uv==") for line in pinned)


@pytest.mark.parametrize("path", SQL_FILES)
def test_a_sql_file_opens_with_its_promise_and_is_one_statement(path):
    """Title, Fills, Reads, Values; then one statement, which psql and the pipeline run unchanged."""
    lines = text(path).splitlines()
    code = re.sub(r"--[^\n]*|'(?:[^']|'')*'", "", text(path))

    assert ["-- Title:", "-- Fills:", "-- Reads:", "-- Values:"] == [line.split(":")[0] + ":" for line in lines[:4]]
    assert code.count(";") <= 1
    assert not code.partition(";")[2].strip()


@pytest.mark.parametrize("path", [*files(".py", below="etl/"), *files(".py", below="scripts/"), *files("run.py")])
def test_no_sql_is_built_by_string_formatting(path):
    """Names and values go through psycopg.sql and parameters, so that no text can become code."""
    found = [
        node.lineno
        for node in ast.walk(ast.parse(text(path)))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in SQL_CALLS
        and node.args
        and _is_formatted(node.args[0])
    ]

    assert [] == found


def _is_formatted(node):
    """An f-string, a % or + on text, or .format() of a plain text; sql.SQL(...).format is the right way."""
    if isinstance(node, ast.Call):
        return (
            isinstance(node.func, ast.Attribute)
            and node.func.attr == "format"
            and isinstance(node.func.value, ast.Constant)
        )
    if isinstance(node, ast.BinOp):
        return any(isinstance(side, ast.JoinedStr | ast.Constant) for side in (node.left, node.right))
    return isinstance(node, ast.JoinedStr)


@pytest.mark.parametrize(
    ("code", "formatted"),
    [
        pytest.param("f'SELECT {x}'", True, id="f-string"),
        pytest.param("'SELECT %s' % x", True, id="percent"),
        pytest.param("'SELECT ' + x", True, id="plus"),
        pytest.param("'SELECT {}'.format(x)", True, id="format"),
        pytest.param("sql.SQL('SELECT {}').format(x)", False, id="composed"),
        pytest.param("'SELECT 1'", False, id="literal"),
    ],
)
def test_the_search_for_formatted_sql_finds_it(code, formatted):
    """The rule above can go red."""
    assert formatted is _is_formatted(ast.parse(code, mode="eval").body)
