"""make explains itself, and people and machines use it alike."""

import re
import subprocess

import pytest

from tests.house import ROOT, files, text

MAKEFILE = text("Makefile")
TARGETS = sorted(set(re.findall(r"^([a-z][a-z0-9-]*):", MAKEFILE, re.MULTILINE)))
PAGES = "\n".join(text(path) for path in ["README.md", *files(".md", below="docs/")] if (ROOT / path).is_file())


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_has_a_line_of_help_and_is_in_the_documentation(target):
    """What nobody can find is not there."""
    assert re.search(rf"^{target}:[^\n]*## \w", MAKEFILE, re.MULTILINE)
    assert f".PHONY: {target}\n" in MAKEFILE
    assert re.search(rf"make {target}\b(?!-)", PAGES)


def test_make_alone_lists_every_target_and_runs_nothing():
    """The first thing that a newcomer types."""
    done = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True)

    assert TARGETS == sorted(re.findall(r"^  ([a-z0-9-]+) ", done.stdout, re.MULTILINE))


@pytest.mark.parametrize("target", [target for target in TARGETS if target not in {"help", "bootstrap", "ci", "clean"}])
def test_every_target_brings_its_packages(target):
    """A fresh clone can start with any target; those that need no package need Docker."""
    line = re.search(rf"^{target}:([^\n]*?)##", MAKEFILE, re.MULTILINE)

    assert line
    assert "$(READY)" in line[1] or target.startswith("compose-")


@pytest.mark.parametrize("path", [*files(".yml", below=".github/"), ".ci/run"])
def test_the_build_server_calls_make_and_nothing_else(path):
    """What is red there can be made red here by the same word."""
    steps = re.findall(r"^\s*- run: (.*)$", text(path), re.MULTILINE)
    if path == ".ci/run":
        steps = [line for line in text(path).splitlines() if line.startswith("make")]

    assert steps
    assert all(re.fullmatch(r"make [a-z-]+", step) for step in steps)
