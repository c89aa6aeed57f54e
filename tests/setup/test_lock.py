"""The lock files: exact, hashed, free of addresses, and in step with the bounds."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.setup.repository import LOCKS, text

_PIN = re.compile(r"^(?P<name>[a-z0-9][a-z0-9.-]*)==(?P<version>[^ ]+)(?: ; (?P<marker>[^\\]+?))? \\$")
_HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}(?P<more> \\)?$")


def _pins(lock: str) -> dict[str, set[str]]:
    """Return the pinned versions by name: more than one where markers tell them apart."""
    pins: dict[str, set[str]] = {}
    for line in text(f"requirements/{lock}.txt").splitlines():
        if match := _PIN.match(line):
            pins.setdefault(match["name"], set()).add(match["version"])
    return pins


def _bounds(group: str) -> dict[str, Requirement]:
    """Return the requirements written in `requirements/GROUP.in`, by canonical name."""
    lines = text(f"requirements/{group}.in").splitlines()
    found = [Requirement(line) for line in lines if line and line[0] not in "#-"]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_carries_a_hash_when_a_version_is_pinned(lock: str) -> None:
    hashes_due = False
    pins = 0
    for line in text(f"requirements/{lock}.txt").splitlines():
        match = _HASH.match(line)
        if match is None:
            assert not hashes_due, f"no hash before {line!r}"
            assert _PIN.match(line), f"neither a pin nor a hash: {line!r}"
            pins += 1
            hashes_due = True
        else:
            hashes_due = match["more"] is not None
    assert pins > 0
    assert not hashes_due


@pytest.mark.parametrize("lock", LOCKS)
@pytest.mark.parametrize("word", ["://", "http", "index-url", "find-links", "trusted-host", "resolved"])
def test_lock_names_no_address_when_read_whole(lock: str, word: str) -> None:
    # Libraries may have such a word in their own name: httpx, httptools.
    without_names = re.sub(r"^[a-z0-9.-]+==", "", text(f"requirements/{lock}.txt"), flags=re.MULTILINE)
    assert word not in without_names


@pytest.mark.parametrize("group", LOCKS)
def test_lock_keeps_the_bounds_when_bounds_are_given(group: str) -> None:
    pins = _pins(group)
    for name, requirement in _bounds(group).items():
        assert name in pins, f"{name} is not in the lock: run `make lock`"
        for version in pins[name]:
            assert requirement.specifier.contains(version), f"{name}=={version}: run `make lock`"


def test_locks_agree_when_a_library_is_in_both() -> None:
    run, test, load = _pins("run"), _pins("test"), _pins("load")
    for one, other in ((run, test), (run, load), (test, load)):
        shared = one.keys() & other.keys()
        assert shared
        assert {name: one[name] for name in shared} == {name: other[name] for name in shared}


@pytest.mark.parametrize("group", ["run", "test"])
def test_project_names_the_same_bounds_when_compared_with_the_inputs(group: str) -> None:
    document = tomllib.loads(text("pyproject.toml"))
    project = document["project"]
    listed = project["dependencies"] if group == "run" else project["optional-dependencies"]["test"]
    # setuptools is in the lock to build, so it is bounded in build-system instead.
    listed = [*listed, *(document["build-system"]["requires"] if group == "run" else [])]
    assert {str(Requirement(line)) for line in listed} == {str(requirement) for requirement in _bounds(group).values()}


@pytest.mark.parametrize("group", LOCKS)
def test_dependencies_page_names_version_when_a_library_is_required(group: str) -> None:
    page = text("docs/dependencies.md")
    pins = _pins(group)
    for name in _bounds(group):
        (version,) = pins[name]
        assert f"| {name} | {version} |" in page, f"docs/dependencies.md misses {name} {version}"
