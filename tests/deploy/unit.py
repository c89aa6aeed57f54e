"""The systemd samples as the tests read and run them."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Final

from tests.setup.repository import ROOT
from tests.system.serving import CAIRN

SAMPLES: Final = ROOT / "docs" / "deploy" / "systemd"
UNITS: Final = ("cairn.service", "cairn-mirror.service", "cairn-witness.service", "cairn-role@.service")
PROGRAM: Final = "/opt/cairn/bin/cairn"
WRITES_NO_CODE: Final = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(65, 1, 0, 0, 0); a = sys.argv[1:]; os.execv(a[0], a)"
)
"""What MemoryDenyWriteExecute= asks of the kernel (PR_SET_MDWE, Linux 6.3; an older one refuses, and that is all)."""


def unit(name: str) -> dict[str, list[str]]:
    """Return the values of a unit by name, in order; sections do not share names."""
    found: dict[str, list[str]] = {}
    for line in (SAMPLES / name).read_text("utf-8").splitlines():
        key, sign, value = line.partition("=")
        if sign and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


def settings(name: str) -> dict[str, str]:
    """Return the variables of an environment file."""
    lines = (SAMPLES / name).read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def command(name: str, replaced: dict[str, str]) -> list[str]:
    """Return what a unit starts, with this environment's program and other places and addresses.

    Args:
        name: The unit.
        replaced: What stands for what; each has to be a word of the command.
    """
    words = shlex.split(unit(name)["ExecStart"][0])
    assert words[0] == PROGRAM
    assert set(replaced) <= set(words), (set(replaced) - set(words), words)
    return [str(CAIRN), *(replaced.get(word, word) for word in words[1:])]


def installed(name: str, place: Path) -> Path:
    """Write a unit with this environment's program in it to *place*."""
    text = (SAMPLES / name).read_text("utf-8")
    assert PROGRAM in text
    file = place / name
    file.write_text(text.replace(PROGRAM, str(CAIRN)), "utf-8")
    return file
