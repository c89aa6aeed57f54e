"""An audit of a large made-up log beside plain hashing of the same bytes, in the same run.

The log is written by ``python -m api.audit.sample`` and audited by ``cairn audit`` from its files, so that neither a
server nor a network is measured. The comparison hashes the very same entry bundles into an RFC 6962 tree, with
nothing else done: on one core, and on as many at once as the audit has.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path


@dataclass(frozen=True)
class AuditFigures:
    """What one audit took, without the start of its own process."""

    entries: int
    seconds: float
    processor_seconds: float
    peak_megabytes: float


def write_sample(directory: Path, entries: int) -> str:
    """Write a log of *entries* events below *directory*; returns its verifier key."""
    command = [sys.executable, "-m", "api.audit.sample", str(directory), "--entries", str(entries)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def audited_files(directory: Path, vkey: str, home: Path, processes: int) -> AuditFigures:
    """Audit a log's files.

    Args:
        directory: The log.
        vkey: Its key.
        home: Gets what the auditor remembers; a new one makes it a first audit.
        processes: How many may scan.
    """
    program = str(Path(sys.executable).with_name("cairn"))
    command = [program, "audit", str(directory), "--log-key", vkey, "--json", "--jobs", str(processes)]
    environment = {**os.environ, "XDG_STATE_HOME": str(home), "XDG_CONFIG_HOME": str(home)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        report = json.loads(process.stdout.read())
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert (process.returncode, report["differences"]) == (0, 0)
    assert report["entries"] == report["size"]
    return AuditFigures(report["entries"], report["seconds"], report["processor_seconds"], usage.ru_maxrss / 1024)


def tree_leaves_per_second(directory: Path, processes: int = 1) -> float:
    """Leaves for each second of a core of the plain RFC 6962 tree over all full bundles of a log, reading included.

    Args:
        directory: The log.
        processes: How many do it at once, each all of it: two processors of a virtual machine may be halves of one.

    Returns:
        The mean of the processes' rates.
    """
    with ProcessPoolExecutor(processes) as pool:
        return statistics.fmean(pool.map(_tree_leaves_per_second, [directory] * processes))


def _tree_leaves_per_second(directory: Path) -> float:
    bundles = sorted(
        file for file in (directory / "tile" / "entries").rglob("*") if file.is_file() and file.name.isdigit()
    )
    begin = time.process_time()
    level: list[bytes] = []
    for file in bundles:
        bundle, at = file.read_bytes(), 0
        while at < len(bundle):
            start = at + 2
            at = start + int.from_bytes(bundle[at:start], "big")
            level.append(sha256(b"\0" + bundle[start:at]).digest())
    leaves = len(level)
    while len(level) > 1:
        above = [sha256(b"\1" + level[at] + level[at + 1]).digest() for at in range(0, len(level) - 1, 2)]
        level = above + level[len(above) * 2 :]
    return leaves / (time.process_time() - begin)
