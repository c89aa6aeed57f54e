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


def with_copies(pid: int) -> tuple[int, ...]:
    """A server, and the copies of itself that share its work; workers that it starts for other things are none."""
    own = _command(pid)
    return pid, *(child for child in children(pid) if _command(child) == own)


def processor_seconds(pid: int) -> float:
    """Seconds of processor time, user and system, that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def megabytes(pid: int, name: str) -> float:
    """What a process holds, or held at most: ``VmRSS``, ``VmHWM``, ``RssAnon`` or ``RssFile``.

    Source: proc(5), /proc/<pid>/status.
    """
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024


def _command(pid: int) -> bytes:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""
