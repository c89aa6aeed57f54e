"""What the system tells about processes, while they and their threads come and go."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def children(pid: int) -> list[int]:
    """The processes that a process has started and not yet waited for.

    What a thread started that ends meanwhile is not among them.

    Source: proc(5), /proc/<pid>/task/<tid>/children.
    """
    found = list[int]()
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):
            found += [int(child) for child in (thread / "children").read_text("ascii").split()]
    return found


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
