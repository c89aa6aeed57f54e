"""The Makefile: each target is explained, and each `make …` that the pages name exists."""

import re
import subprocess

from tests.setup.repository import ROOT, committed_files, text

_TARGET = re.compile(r"^(?P<name>[a-z][a-z-]*):(?!=)(?P<rest>.*)$", re.MULTILINE)
_PHONY = re.compile(r"^\.PHONY: (?P<names>.+)$", re.MULTILINE)
_HIDDEN = {"always"}  # a make idiom, not something to call


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
