"""The port to the database that holds events, vault and access.

Two adapters implement it: :mod:`ledger.sqlite_store`, one file in the data directory, and :mod:`ledger.postgres_store`.
Statements are written once, in SQLite's words with ``?`` for parameters; :mod:`ledger.postgres_dialect` says what
they may use, and translates them. ``tests/ledger/recorder_contract.py`` holds every adapter to what is promised here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol
from uuid import UUID

import msgspec
from eventsourcing.persistence import Notification, StoredEvent

from ledger.error import LedgerError
from ledger.log_claim import LogClaim

CONFLICT: Final = "the same thing was changed by another request first; try again"
ADDS: Final = re.compile(r"INSERT INTO (?P<table>[a-z_]+) (\((?P<columns>[a-z_, ]+)\) )?VALUES \([?,]+\)")
"""A statement that adds rows and does nothing else."""


class Write(msgspec.Struct, frozen=True):
    """One SQL statement with ``?`` placeholders and the rows to run it with."""

    sql: str
    rows: Sequence[tuple[Any, ...]]


class Commit(msgspec.Struct, frozen=True):
    """What one command commits: all of it, or nothing.

    ``unchanged`` names aggregates that the command has read and not written, with the versions it has seen (0: none):
    when one of them has moved on, the commit conflicts.
    """

    events: Sequence[StoredEvent]
    writes: Sequence[Write] = ()
    unchanged: Sequence[tuple[UUID, int]] = ()


class RowRecorder(Protocol):
    """The part of :class:`LedgerRecorder` for who keeps rows beside the events."""

    @property
    def is_local(self) -> bool:
        """See :class:`LedgerRecorder`."""
        ...

    def record(self, commits: Sequence[Commit]) -> Sequence[list[int] | LedgerError]:
        """See :meth:`LedgerRecorder.record`."""
        ...

    def query(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
        """See :meth:`LedgerRecorder.query`."""
        ...


class LedgerRecorder(Protocol):
    """Records commits in groups, and reads events and rows back.

    Durability: what :meth:`record` returned positions for survives ``kill -9`` and power loss. Consistency: a commit is
    atomic. Positions are given out without gaps, one transaction after the other, in the order in which they become
    visible: who follows them never misses an event that comes later with a smaller position. Concurrency: any number of
    readers, in any threads; those who write, in whatever process, queue. Retries: a transaction that is known to have
    recorded nothing may have been tried again; a conflict fails its own commit only.

    Attributes:
        is_local: Whether a look into an index takes microseconds, whatever becomes of other machines; else it may wait
            for a server, and is not for a thread that nobody else can wait for, such as an event loop's.
    """

    is_local: bool

    def record(self, commits: Sequence[Commit]) -> list[list[int] | LedgerError]:
        """Record *commits* in one durable transaction.

        Returns:
            For each commit the positions of its events, or what kept it out: a ConflictError when another was first,
            an InvalidInputError when its rows cannot be stored at all.

        Raises:
            StorageError: The database failed, and none of *commits* was recorded.
            OutcomeUnknownError: The connection broke while the database was committing, and it could not be asked.
        """
        ...

    def require_writable(self) -> None:
        """Check that :meth:`record` would not be in vain, without asking the database.

        Raises:
            StorageError: It would.
        """
        ...

    def confirm(self) -> None:
        """Wait until all that could be read before this call is as durable as what :meth:`record` has recorded.

        A database that is copied to a standby shows what it has not copied yet once it was started again in between, or
        once a session that waited for the standby was ended. Whoever acknowledges what was read calls this first.

        Raises:
            StorageError: That cannot be had at this moment.
        """
        ...

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """Events of one aggregate by version."""
        ...

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Events of the whole ledger by position."""
        ...

    def select_rows(self, after: int, limit: int) -> list[tuple[int, bytes, int, str, bytes]]:
        """At most *limit* events with a position above *after*, as stored: position, id, version, topic, state."""
        ...

    def max_notification_id(self) -> int | None:
        """Position of the newest event, None when there is none."""
        ...

    def known(self, originators: Iterable[UUID]) -> set[UUID]:
        """Which of some aggregates have events."""
        ...

    def query(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
        """Run one reading statement outside any transaction and return its rows, each a tuple.

        Raises:
            StorageError: The database failed, or the statement would have written.
        """
        ...

    def sweep(self) -> bool:
        """Take out of the database's own files, as far as it can be told to, what was deleted before.

        Returns:
            Whether it is done; False when a reader is in the way, and it has to be tried again.

        Raises:
            StorageError: The database failed.
        """
        ...

    def write_back(self) -> None:
        """Move what has been committed to where it stays, as far as nobody is in the way, so that no commit has to.

        It waits for nobody and keeps nobody waiting; where the database does so by itself there is nothing to do.

        Raises:
            StorageError: The database failed.
        """
        ...

    def log_claim(self) -> LogClaim:
        """What keeps other processes from continuing the log of these events; not taken yet."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


class LedgerFactory(Protocol):
    """Opens the recorder, its tables made. The library asks it for nothing else."""

    def application_recorder(self) -> LedgerRecorder:
        """The recorder.

        Raises:
            StorageError: The database cannot be reached or does not fit; the words say what to do.
        """
        ...

    def close(self) -> None:
        """Close what the recorder left open."""
        ...


def merge(commits: Sequence[Commit]) -> dict[str, list[tuple[Any, ...]]] | None:
    """The rows of all *commits* by their statement, in an order of statements that keeps each commit's own.

    Rows that are only ever added get in nobody's way but by a key that exists or one that is missing, and then the
    database refuses them whatever the order.

    Returns:
        None when a statement does anything but add rows, when a commit rests on an aggregate that another one changes,
        or when there is no such order.
    """
    changed = {raw(event.originator_id) for commit in commits for event in commit.events}
    if any(raw(originator) in changed for commit in commits for originator, _ in commit.unchanged):
        return None
    merged: dict[str, list[tuple[Any, ...]]] = {}
    order: dict[str, int] = {}
    for commit in commits:
        last = -1
        for write in commit.writes:
            place = order.setdefault(write.sql, len(order))
            if place < last or not ADDS.fullmatch(write.sql):
                return None
            last = place
            merged.setdefault(write.sql, []).extend(write.rows)
    return merged


def raw(originator_id: UUID | str) -> bytes:
    """An aggregate's id as it is stored."""
    return originator_id.bytes if isinstance(originator_id, UUID) else UUID(originator_id).bytes
