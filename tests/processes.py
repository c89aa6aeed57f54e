"""Signals to processes, and the files that this one has open."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def send_if_there(pid: int, signal: int) -> None:
    """Send a signal to a process that can have ended."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal)


def open_below(directory: Path) -> list[str]:
    """Files below a directory that this process has open, in order."""
    found = list[str]()
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one that the directory itself was listed by, and what others close
            found.append(str(descriptor.readlink()))
    return sorted(one for one in found if one.startswith(str(directory)))
