"""Secrets in files are found, and packages that cannot be checked are said not to be."""

import re

from scripts import audit
from tests.house import text

# In pieces, since this file is looked at too.
PLANTED = "aws_key = 'AKIA" + "IOSFODNN7ABCDEFG'\n"


def test_no_file_of_ours_holds_a_secret_that_nobody_looked_at(capsys):
    """What the baseline lists are made-up passwords of examples and tests."""
    assert audit.OK == audit.find_secrets(), capsys.readouterr().out


def test_a_planted_secret_is_found_by_file_and_line_and_not_shown(tmp_path, capsys):
    """The search can go red."""
    planted = tmp_path / "settings.py"
    planted.write_text(f"x = 1\n{PLANTED}")

    assert audit.FOUND == audit.find_secrets([str(planted)])
    told = capsys.readouterr().out
    assert f"{planted}:2" in told
    assert "IOSFODNN7" not in told


def test_packages_that_cannot_be_checked_are_told_and_fail_only_where_that_was_asked_for(capsys):
    """Without a network the audit does not pretend."""
    nowhere = ("--osv-url", "http://127.0.0.1:9/v1/query", "--timeout", "1")

    assert audit.OK == audit.find_vulnerable(*nowhere)
    assert re.search("packages: NOT checked", capsys.readouterr().err)
    assert audit.NOT_COMPUTED == audit.find_vulnerable(*nowhere, strict=True)


def test_the_audit_is_part_of_each_commit_and_of_the_build_server():
    """What nobody runs finds nothing."""
    assert "scripts.audit secrets" in text(".pre-commit-config.yaml")
    assert "make audit" in text(".github/workflows/ci.yml")
    assert "make audit" in text(".ci/run")
