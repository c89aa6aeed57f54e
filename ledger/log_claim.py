"""The claim of one process on continuing the log of some events.

A log has one directory, and a lock in it (``anchoring.lock``) keeps a second process out. Events that are in a database
of their own can be reached from a copy of that directory as well, whose lock is another file: two processes would
continue the log, each in its own way, and fork it. So the claim is made on the database too, and the database remembers
how far the log has come.
"""

from __future__ import annotations

from typing import Protocol


class LogClaim(Protocol):
    """What the process that continues the log holds."""

    def take(self) -> None:
        """Take the claim at once or not at all.

        Raises:
            ConflictError: Another process holds it.
            StorageError: The database failed.
        """
        ...

    def require(self, size: int) -> None:
        """Check, right before the log grows, that it is ours, and was *size* entries long when it grew last.

        Raises:
            ConflictError: Another process holds the claim, or the log was longer.
            StorageError: The database failed.
        """
        ...

    def advance(self, size: int) -> None:
        """Note that the log has *size* entries now. What fails is made up for the next time."""
        ...

    def release(self) -> None:
        """Give the claim back; releasing what is not held is no error."""
        ...


class OwnDirectory:
    """The claim on events that are in the log's own directory, whose lock is enough."""

    def take(self) -> None:
        """Nothing to do."""

    def require(self, size: int) -> None:
        """Nothing to check."""

    def advance(self, size: int) -> None:
        """Nothing to note."""

    def release(self) -> None:
        """Nothing to give back."""
