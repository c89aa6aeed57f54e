"""One generation of a view: an LMDB environment in a directory of its own, with rows and position in one transaction.

Exactly once: the position of the newest applied event is written in the same transaction as the rows that follow from
it, so after any crash both are there or neither. The fingerprint of that event is kept beside it, which tells a store
that was restored from an older backup and has gone another way since.

Durability: a view can be rebuilt, so it need not survive a power cut whole, but it must never survive one broken. LMDB
runs with ``metasync=False``: every commit flushes the rows, and the page that makes them current is flushed with the
next commit. A power cut loses the last commit at most, rows and position together, and the events are applied again.
(With ``sync=False`` pages could reach the disk out of order and leave a torn tree behind; it is used only while a
generation is built, which nobody serves and which is flushed whole before it is.)

Concurrency: any number of threads and processes read while one writes; a reader sees the state of one commit
throughout.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Final

import lmdb
import msgspec

from projections.error import PositionMovedError, ViewDiskError, ViewError, ViewFullError
from projections.source import Notification

if TYPE_CHECKING:
    from lmdb import _Database

MAP_BYTES: Final = 64 << 30
"""Address space reserved for a view, by readers and writer alike; the file grows only as far as it is filled."""
MAX_READERS: Final = 512
SPARE_TRANSACTIONS: Final = 16
WAITING_BYTES: Final = 32 << 20
"""Rows of a batch that wait to be written in order; a batch of 5,000 awards has 3 MiB."""
_TRACKING_KEY: Final = b"tracking"


class Tracking(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far a generation has come.

    Attributes:
        version: Version of the projection that wrote it.
        position: Position of the newest event applied, 0 before the first.
        fingerprint: What :func:`fingerprint` makes of that event, empty before the first.
    """

    version: int
    position: int = 0
    fingerprint: str = ""


class Snapshot:
    """The rows of one commit. Valid inside the ``with`` block that made it, on that thread."""

    def __init__(self, transaction: lmdb.Transaction[bytes], rows: _Database) -> None:
        self._transaction = transaction
        self._rows = rows

    def get(self, key: bytes) -> bytes | None:
        """Return the value of *key*, or None."""
        return self._transaction.get(key, db=self._rows)

    def scan(self, prefix: bytes = b"", after: bytes | None = None) -> Iterator[tuple[bytes, bytes]]:
        """Yield keys that start with *prefix* (and lie above *after*) with their values, in order of key."""
        with self._transaction.cursor(db=self._rows) as cursor:
            start = prefix if after is None else max(prefix, after)
            found = cursor.set_range(start) if start else cursor.first()
            while found and (key := cursor.key()).startswith(prefix):
                if key != after:
                    yield key, cursor.value()
                found = cursor.next()

    def pass_over(self, after: bytes, most: int) -> tuple[int, bytes]:
        """Touch the pages of the rows above a key, and read nothing from them but their keys.

        Args:
            after: The key.
            most: How many rows, at most.

        Returns:
            How many there were; the last one's key, or *after*.
        """
        with self._transaction.cursor(db=self._rows) as cursor:
            found = cursor.set_range(after) and (cursor.key() != after or cursor.next())
            keys = islice(cursor.iternext(keys=True, values=False), most) if found else iter(())
            rows = list(keys)
        return len(rows), rows[-1] if rows else after


class _Rows:
    """The rows inside a write transaction, as a fold's table.

    What is put waits for :meth:`flush`, which writes in order of key. Rows that come more or less in the order of their
    keys, as those of awards do, then fill their pages; one by one as they came, each page that is full would be halved.
    """

    def __init__(self, transaction: lmdb.Transaction[bytes], rows: _Database) -> None:
        self._transaction = transaction
        self._rows = rows
        self._waiting: dict[bytes, bytes] = {}
        self._bytes = 0

    def get(self, key: bytes) -> bytes | None:
        waiting = self._waiting.get(key)
        return self._transaction.get(key, db=self._rows) if waiting is None else waiting

    def put(self, key: bytes, value: bytes) -> None:
        self._waiting[key] = value
        self._bytes += len(value)
        if self._bytes > WAITING_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what was put."""
        with self._transaction.cursor(db=self._rows) as cursor:
            cursor.putmulti(sorted(self._waiting.items(), key=itemgetter(0)))
        self._waiting, self._bytes = {}, 0


Fold = Callable[[Sequence[Notification], _Rows], None]
"""A projection's ``apply``."""


class Generation:
    """An open generation. One object a process: LMDB must not open the same files twice.

    It is closed when the last reference to it goes, so that no thread ever reads from a closed one; :meth:`close` is
    for a generation that nobody else has.

    Args:
        path: Its directory; the last part of it is the generation's name.
        writable: Whether this process may write; a reader must find the files in place.
        map_bytes: Address space to reserve.
        building: Leave flushing to :meth:`flush`.

    Raises:
        ViewError: The files are not there, or are not a view.
    """

    def __init__(self, path: Path, *, writable: bool, map_bytes: int = MAP_BYTES, building: bool = False) -> None:
        self.path: Final = path
        try:
            self._environment = lmdb.open(
                str(path),
                map_size=map_bytes,
                max_dbs=2,
                max_readers=MAX_READERS,
                max_spare_txns=SPARE_TRANSACTIONS,
                readonly=not writable,
                create=False,
                metasync=False,
                sync=not building,
                readahead=False,
            )
            self._rows = self._environment.open_db(b"rows", create=building)
            self._meta = self._environment.open_db(b"meta", create=building)
        except lmdb.Error as error:
            message = f"the view in {path.name} cannot be opened: {error}"
            raise ViewError(message) from error

    @classmethod
    def create(cls, path: Path, version: int, *, map_bytes: int = MAP_BYTES) -> Generation:
        """Make an empty generation for *version* of the projection, to be built, flushed and closed."""
        path.mkdir(parents=True)
        generation = cls(path, writable=True, map_bytes=map_bytes, building=True)
        with generation._environment.begin(write=True) as transaction:
            generation._track(transaction, Tracking(version))
        return generation

    @property
    def name(self) -> str:
        """Name of the generation within its view."""
        return self.path.name

    def get(self, key: bytes) -> bytes | None:
        """Return the value of *key*, or None."""
        transaction = self.reading()
        try:
            return transaction.get(key)
        finally:
            transaction.abort()

    def reading(self) -> lmdb.Transaction[bytes]:
        """Open the newest commit to get rows from; the caller aborts it soon, on the same thread.

        As long as it is open, no page is used again that it sees.
        """
        return self._environment.begin(self._rows)

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Open the newest commit for several reads that agree with each other."""
        with self._environment.begin() as transaction:
            yield Snapshot(transaction, self._rows)

    def tracking(self) -> Tracking:
        """Return how far the generation has come."""
        with self._environment.begin() as transaction:
            return self._tracking(transaction)

    def rows(self) -> int:
        """Return how many rows there are."""
        with self._environment.begin() as transaction:
            return transaction.stat(self._rows)["entries"]

    def apply(self, batch: Sequence[Notification], fold: Fold, *, after: int) -> None:
        """Apply a batch and move the position, in one transaction.

        Args:
            batch: Events, oldest first, at least one.
            fold: A projection's ``apply``. Whatever it raises rolls the transaction back.
            after: The position that the batch follows.

        Raises:
            PositionMovedError: The generation stands at another position; nothing was written.
            ViewFullError: The memory map is used up; nothing was written.
        """
        with self.write() as write:
            write.apply(batch, fold, after=after)

    @contextmanager
    def write(self) -> Iterator[Write]:
        """Hold the one write transaction, against every other writer in any process; commit it at the end.

        Raises:
            ViewFullError: The memory map is used up; nothing was written.
            ViewDiskError: The disk has no room; nothing was written.
            ViewError: It cannot be written; nothing was.
        """
        try:
            with self._environment.begin(write=True) as transaction:
                yield Write(self, transaction)
        except lmdb.MapFullError as error:
            message = f"the view in {self.name} has filled its map of {self._environment.info()['map_size']} bytes"
            raise ViewFullError(message) from error
        except lmdb.DiskError as error:
            message = f"the disk has no room for the view in {self.name}: {error}"
            raise ViewDiskError(message) from error
        except lmdb.Error as error:
            message = f"the view in {self.name} cannot be written: {error}"
            raise ViewError(message) from error

    def release_dead_readers(self) -> int:
        """Free what processes that died while reading still hold; return how many there were.

        Until then the pages that such a reader saw are not used again, and the file grows.
        """
        return self._environment.reader_check()

    def flush(self) -> None:
        """Return when everything committed so far is on the disk."""
        self._environment.sync(True)

    def close(self) -> None:
        """Close the files. Nobody else may use the object then."""
        self._environment.close()

    def _tracking(self, transaction: lmdb.Transaction[bytes]) -> Tracking:
        stored = transaction.get(_TRACKING_KEY, db=self._meta)
        if stored is None:
            message = f"the view in {self.name} does not say how far it has come"
            raise ViewError(message)
        return msgspec.json.decode(stored, type=Tracking)

    def _track(self, transaction: lmdb.Transaction[bytes], tracking: Tracking) -> None:
        transaction.put(_TRACKING_KEY, msgspec.json.encode(tracking), db=self._meta)


class Write:
    """The open write transaction of a generation."""

    def __init__(self, generation: Generation, transaction: lmdb.Transaction[bytes]) -> None:
        self._generation = generation
        self._transaction = transaction

    def tracking(self) -> Tracking:
        """Return how far the generation has come, this transaction included."""
        return self._generation._tracking(self._transaction)  # noqa: SLF001  two halves of one class

    def apply(self, batch: Sequence[Notification], fold: Fold, *, after: int) -> None:
        """Apply a batch and move the position; see :meth:`Generation.apply`."""
        generation, tracking = self._generation, self.tracking()
        if tracking.position != after:
            message = f"the view in {generation.name} stands at {tracking.position}, not at {after}"
            raise PositionMovedError(message)
        rows = _Rows(self._transaction, generation._rows)  # noqa: SLF001  two halves of one class
        fold(batch, rows)
        rows.flush()
        newest = batch[-1]
        moved = Tracking(tracking.version, newest.position, fingerprint(newest))
        generation._track(self._transaction, moved)  # noqa: SLF001  two halves of one class


def fingerprint(event: Notification) -> str:
    """Return a digest of an event and its place, 32 bytes as hexadecimal."""
    digest = hashlib.sha256(f"{event.position} {event.topic} {event.originator_id} {event.version}\n".encode())
    digest.update(event.state)
    return digest.hexdigest()


def remove_generation(path: Path) -> None:
    """Remove a generation's directory. A process that still reads it keeps the files until it lets go of them."""
    shutil.rmtree(path, ignore_errors=True)
