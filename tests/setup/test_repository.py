"""What the repository may not hold: one machine's paths, and where packages came from."""

import re
from pathlib import Path

import pytest

from tests.setup.repository import ROOT, committed_files

_HOME_PATH = re.compile(rb"(?<![\w./-])/(?:work|root|home|Users)/[\w.-]")
_PACKAGE_HOSTS = [
    f"{name}.{top}".encode()
    for name, top in [
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("crates", "io"),
        ("debian", "org"),
    ]
]
_SHORTEST_TELLING_PATH = 6


def _contents() -> dict[str, bytes]:
    return {path: (ROOT / path).read_bytes() for path in committed_files()}


def test_repository_names_no_path_of_a_machine_when_read_whole() -> None:
    here = [str(path).encode() for path in (ROOT, Path.home())]
    telling = [path for path in here if len(path) >= _SHORTEST_TELLING_PATH]
    found = [
        path
        for path, content in _contents().items()
        if _HOME_PATH.search(content) or any(place in content for place in telling)
    ]
    assert found == []


@pytest.mark.parametrize("host", _PACKAGE_HOSTS, ids=lambda host: host.decode().split(".")[0])
def test_repository_names_no_package_host_when_read_whole(host: bytes) -> None:
    assert [path for path, content in _contents().items() if host in content] == []


def test_repository_holds_the_licence_when_it_names_it() -> None:
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in licence
    assert "Version 2.0, January 2004" in licence
    assert "END OF TERMS AND CONDITIONS" in licence
