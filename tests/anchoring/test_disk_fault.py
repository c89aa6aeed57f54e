"""Every call that the sequencer makes to the operating system fails once, in both ways, over real files.

The ports' calls fail in ``test_log_machine``; here it is the calls below them: make a directory, sync, rename, remove.
A call that fails either did nothing, or did its work and only said that it had failed.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anchoring.checkpoint_store import SqliteCheckpointStore
from anchoring.storage import DirectoryTileStore
from tests.anchoring.doubles import make_log
from tests.anchoring.test_log_machine import FaultError, Faults, run_history

PATH_CALLS = ("mkdir", "replace", "unlink", "rmdir")


class DiskFaults(Faults):
    """Lets a call to the operating system fail as the operating system does."""

    def _failing(self, method: Callable[..., Any]) -> Callable[..., Any]:
        inner = super()._failing(method)

        def call(*args: object, **kwargs: object) -> object:
            try:
                return inner(*args, **kwargs)
            except FaultError as error:
                raise DiskFaultError(str(error)) from error

        return call


class DiskFaultError(OSError, FaultError):
    """The disk failed."""


def history(directory: Path, step: int, *, persisted: bool, restart: bool) -> int:
    """Run the history of ``test_log_machine`` over files, with one fault; return how many calls there were."""
    directory.mkdir()
    faults = DiskFaults()
    with pytest.MonkeyPatch.context() as patch:
        for name in PATH_CALLS:
            patch.setattr(Path, name, faults._failing(getattr(Path, name)))
        patch.setattr(os, "fsync", faults._failing(os.fsync))
        log = make_log(directory, DirectoryTileStore(directory / "log"))
        calls = run_history(log, faults, step, persisted=persisted, restart=restart)
    assert isinstance(log.store, SqliteCheckpointStore)
    log.store.close()
    return calls


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("persisted", [False, True])
def test_log_comes_through_when_any_one_call_to_the_disk_fails(
    tmp_path: Path, *, persisted: bool, restart: bool
) -> None:
    calls = history(tmp_path / "counted", 10_000, persisted=False, restart=False)
    assert calls > 30
    for step in range(calls):
        history(tmp_path / str(step), step, persisted=persisted, restart=restart)
