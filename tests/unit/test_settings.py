"""Settings come from the environment, two files and defaults, in that order, and keep secrets."""

import re
from pathlib import Path

import pytest

from etl.core.errors import ConfigError, Exit
from etl.core.settings import VARIABLES, Settings

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path):
    """A folder with both settings files, each naming other values."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "dev.env").write_text("ACA_WORKERS=2\nACA_CHUNK_BYTES=100\nACA_LOG_FORMAT=json\n")
    (tmp_path / ".env").write_text("ACA_WORKERS=3\nACA_CHUNK_BYTES=200\n")
    return tmp_path


def test_the_environment_wins_over_dotenv_which_wins_over_the_committed_file(checkout):
    """The nearer to the person, the stronger."""
    settings = Settings.read({"ACA_WORKERS": "4"}, root=checkout)

    assert (4, 200, "json") == (settings.workers, settings.chunk_bytes, settings.log_format)


def test_an_empty_value_means_the_default(checkout):
    """`DATABASE_URL= make full-load` goes back to the embedded server, whatever .env says."""
    (checkout / ".env").write_text("DATABASE_URL=postgresql://somewhere/aca\n")

    assert Settings.read({"DATABASE_URL": ""}, root=checkout).database_url is None


def test_relative_paths_start_at_the_checkout(checkout):
    """A run from another folder, or from cron, meets the same files."""
    settings = Settings.read({"ACA_LANDING": "in/here", "ACA_POSTGRES_HOME": "/elsewhere"}, root=checkout)

    assert (checkout / "in" / "here", Path("/elsewhere")) == (settings.landing, settings.postgres_home)


def test_all_problems_are_told_at_once(checkout):
    """Nobody mends a configuration one error at a time."""
    (checkout / ".env").write_text("ACA_WORKER=3\n")
    wrong = {
        "ACA_WORKERS": "many",
        "ACA_REJECT_SHARE_LIMIT": "5%",
        "ACA_LOG_FORMAT": "xml",
        "DATABASE_URL": "mysql://x",
    }

    with pytest.raises(ConfigError) as problem:
        Settings.read(wrong, root=checkout)

    assert Exit.CONFIG == problem.value.exit_code
    for name in (*wrong, "ACA_WORKER,"):
        assert name in str(problem.value)


@pytest.mark.parametrize(
    "url",
    ["postgresql://ann:s3cr$et@db/aca", "postgres://ann:s3cr$et@db/aca", "postgresql+psycopg://ann:s3cr$et@db/aca"],
    ids=["postgresql", "postgres", "sqlalchemy"],
)
def test_an_address_is_taken_as_it_stands_and_never_shown(checkout, url):
    """A password may hold a dollar sign, and settings end up in logs."""
    (checkout / ".env").write_text(f"DATABASE_URL={url}\n")

    settings = Settings.read({}, root=checkout)

    assert "postgresql://ann:s3cr$et@db/aca" == settings.database_url
    assert "s3cr" not in repr(settings)


def test_a_wrong_address_is_not_quoted(checkout):
    """The complaint about a password must not hold it."""
    with pytest.raises(ConfigError) as problem:
        Settings.read({"DATABASE_URL": "ann:s3cret@db/aca"}, root=checkout)

    assert "s3cret" not in str(problem.value)


def test_what_is_committed_can_be_read_and_every_name_is_explained():
    """The committed files and their README name the same settings as the code."""
    Settings.read({})
    explained = set(re.findall(r"^\| `(\w+)`", (ROOT / "config" / "README.md").read_text(), re.MULTILINE))

    assert set(VARIABLES) == explained
