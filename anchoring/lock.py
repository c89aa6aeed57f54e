"""One sequencer at a time, by a lock on a file in the data directory."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from anchoring.error import ConflictError


class SequencerLock:
    """An exclusive lock held for as long as the process sequences; a context manager.

    The kernel releases it when the process ends, however it ends, so a crash leaves nothing to
    clean up. It serves operators (a clear error at start); what keeps the log from forking is
    the compare-and-swap of the checkpoint store. On a network file system trust that alone.
    """

    def __init__(self, file: Path) -> None:
        """Name the lock file; its directory must exist. Nothing is locked yet."""
        self._file = file
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock at once or not at all.

        Raises:
            ConflictError: Another process, or another lock object, holds it.
        """
        if self._descriptor is not None:
            raise ConflictError(f"{self._file.name} is already held here")
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise ConflictError(f"another sequencer holds {self._file.name}; two would fork the log") from error
        self._descriptor = descriptor

    def is_held(self) -> bool:
        """Whether a process sequences at this instant; one that starts in it may have to be started again."""
        if self._descriptor is not None:
            return True
        try:
            descriptor = os.open(self._file, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def release(self) -> None:
        """Give the lock back; releasing what is not held is no error."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        """Acquire; see `acquire`."""
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Release."""
        self.release()
