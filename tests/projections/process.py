"""Other processes that tests start: to rebuild slowly, to read on, to hold a snapshot, to apply.

``python -m tests.projections.process ROLE DIRECTORY SIZE``
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from projections.error import PositionMovedError
from projections.rebuild import Progress, rebuild
from tests.projections.counting import Counting, Numbers, open_view


def rebuild_slowly(directory: Path, size: int) -> None:
    """Rebuild, saying so after the first batch and then dawdling until it is killed."""

    def progress(reached: Progress) -> None:
        print(f"at {reached.position}", flush=True)  # noqa: T201  the test reads it
        time.sleep(30)

    rebuild(open_view(directory), Counting(), Numbers(size), progress=progress)


def read_on(directory: Path, size: int) -> None:
    """Read until it is enough; say so when there was more than one generation, and at last how many of each."""
    view = open_view(directory, writable=False)
    reads, generations, position = 0, set[str](), 0
    print("reading", flush=True)  # noqa: T201  the test reads it
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (directory / "enough").exists():
        for key in range(1, size + 1, 97):
            if view.get(key.to_bytes(8)) != b"%d" % key:
                message = f"read {key} wrongly from {view.generation}"
                raise AssertionError(message)
            reads += 1
        if view.position() < position:
            message = "the view went backwards"
            raise AssertionError(message)
        position = view.position()
        generations.add(view.generation)
        if len(generations) > 1:
            (directory / "swapped").touch()
    print(f"{reads} {len(generations)}", flush=True)  # noqa: T201  the test reads it


def apply_on(directory: Path, size: int) -> None:
    """Apply events in small batches, as a second projector does; say how often another one was first."""
    view, source, moved = open_view(directory), Numbers(size), 0
    while batch := source.read(position := view.position(), 7):
        try:
            view.apply(batch, Counting().apply, after=position)
        except PositionMovedError:
            moved += 1
    print(moved, flush=True)  # noqa: T201  the test reads it


def hold(directory: Path, size: int) -> None:
    """Hold a snapshot until killed."""
    with open_view(directory, writable=False).snapshot() as rows:
        print(len(list(rows.scan())) == size, flush=True)  # noqa: T201  the test reads it
        time.sleep(30)


ROLES = {"hold": hold, "rebuild": rebuild_slowly, "read": read_on, "apply": apply_on}

if __name__ == "__main__":
    ROLES[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
