"""The Makefile: each target is explained, and each `make …` that the pages name exists."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.setup.repository import ROOT, committed_files, text

_TARGET = re.compile(r"^(?P<name>[a-z][a-z-]*):(?!=)(?P<rest>.*)$", re.MULTILINE)
_PHONY = re.compile(r"^\.PHONY: (?P<names>.+)$", re.MULTILINE)
_HIDDEN = {"always"}  # a make idiom, not something to call


# What GNU coreutils brings and set-up calls.
_COREUTILS = ("id", "rm", "touch", "uname")


@pytest.fixture
def bare_path(tmp_path: Path) -> str:
    """Return a PATH that finds python3, make and coreutils, and nothing else."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "python3").symlink_to(Path(sys.base_prefix) / "bin" / "python3")
    for name in ("make", *_COREUTILS):
        found = shutil.which(name)
        assert found is not None, f"{name} is missing; on Debian and Ubuntu: apt-get install make coreutils"
        (programs / name).symlink_to(found)
    return str(programs)


def _targets() -> set[str]:
    return {match["name"] for match in _TARGET.finditer(text("Makefile"))} - _HIDDEN


def _commands(page: str) -> set[str]:
    """Return the targets of the `make …` commands in a page's code blocks and code spans."""
    document = text(page)
    blocks = re.findall(r"^```.*?^```", document, flags=re.DOTALL | re.MULTILINE)
    spans = re.findall(r"`([^`\n]+)`", document)
    lines = "\n".join([*blocks, *spans])
    return set(re.findall(r"(?:^|&& )make ([a-z][a-z-]*)", lines, flags=re.MULTILINE))


def test_help_lists_target_when_make_has_it() -> None:
    printed = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    listed = set(re.findall(r"^  make ([a-z-]+) +\S", printed, flags=re.MULTILINE))
    assert listed == _targets()


def test_target_is_phony_when_it_names_no_file() -> None:
    phony = {name for match in _PHONY.finditer(text("Makefile")) for name in match["names"].split()}
    assert phony - _HIDDEN == _targets()


def test_page_names_an_existing_target_when_it_says_make() -> None:
    pages = [path for path in committed_files() if path.endswith(".md")]
    assert _commands("README.md") >= {"run", "test"}
    unknown = {(page, name) for page in pages for name in _commands(page) - _targets()}
    assert not unknown


def test_ci_calls_make_check_when_it_runs() -> None:
    commands = [line for line in text(".ci/run").splitlines() if line and line[0] != "#"]
    assert commands[0] == "set -euo pipefail"
    assert commands[-1] == "make check"


def test_hooks_call_make_when_they_run() -> None:
    entries = re.findall(r"^ +entry: (.+)$", text(".pre-commit-config.yaml"), flags=re.MULTILINE)
    assert entries
    assert {entry.removeprefix("make ") for entry in entries} <= _targets()
    assert set(re.findall(r"repo: (\S+)", text(".pre-commit-config.yaml"))) == {"local"}


@pytest.mark.slow
def test_setup_makes_an_environment_when_only_python_make_and_coreutils_are_there(
    bare_path: str, tmp_path: Path
) -> None:
    """The part of `make setup` before anything is installed; installing is pip's own."""
    home = tmp_path / "home"
    shutil.copytree(ROOT / "scripts", home / "scripts")
    shutil.copytree(ROOT / "requirements", home / "requirements")
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, home / name)
    env = {"PATH": bare_path, "HOME": str(home)}

    def says(*words: str) -> str:
        done = subprocess.run(words, cwd=home, env=env, check=True, capture_output=True, text=True)
        return done.stdout + done.stderr

    assert "scripts/venv.sh" in says("make", "--dry-run", "run")
    assert says("/bin/bash", "scripts/venv.sh", ".venv").startswith("Making .venv")
    assert says("/bin/bash", "scripts/venv.sh", ".venv") == ""
    assert "not found" not in says("make", "--dry-run", "run")
    says("/bin/bash", "scripts/venv.sh", "--works", ".venv")
