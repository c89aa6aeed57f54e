"""The sequencer's memory in one SQLite file, `log.db`.

WAL with `synchronous=FULL`: a transaction that committed survives a power cut. Every write runs
under BEGIN IMMEDIATE, so a compare-and-swap holds the write lock from its read to its commit.
"""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from anchoring.anchor_schedule import AnchorHistory
from anchoring.error import ConflictError, CorruptionError
from anchoring.storage import Placement, Published, Staged, StoredAnchor
from anchoring.tile import TileId, parse_path
from anchoring.time_anchor import AnchorProof

BUSY_TIMEOUT_S: Final = 10.0
_MILLISECOND: Final = timedelta(milliseconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS published (
    only_row   INTEGER PRIMARY KEY CHECK (only_row = 1),
    note       BLOB NOT NULL,
    size       INTEGER NOT NULL,
    position   INTEGER NOT NULL,
    event_size INTEGER NOT NULL,
    anchors    INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS staged (
    old_size   INTEGER NOT NULL,
    size       INTEGER NOT NULL,
    path       TEXT PRIMARY KEY,
    content    BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS placement (
    first_position INTEGER PRIMARY KEY,
    first_index    INTEGER NOT NULL UNIQUE,
    count          INTEGER NOT NULL CHECK (count > 0)
) STRICT;
CREATE TABLE IF NOT EXISTS anchor (
    serial     INTEGER PRIMARY KEY,
    kind       TEXT NOT NULL,
    name       TEXT NOT NULL,
    at_ms      INTEGER NOT NULL,
    token      BLOB NOT NULL,
    checkpoint BLOB NOT NULL,
    size       INTEGER NOT NULL,
    log_index  INTEGER UNIQUE
) STRICT;
CREATE TABLE IF NOT EXISTS anchor_history (
    name     TEXT PRIMARY KEY,
    tried_ms INTEGER,
    failures INTEGER NOT NULL,
    error    TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS garbage (
    path  TEXT PRIMARY KEY,
    at_ms INTEGER NOT NULL
) STRICT;
"""


class SqliteCheckpointStore:
    """A `CheckpointStore` in one SQLite file. One connection, shared by threads under a lock."""

    def __init__(self, file: Path) -> None:
        """Open or create the file; its directory must exist.

        Raises:
            CorruptionError: The file is not a database.
        """
        self._lock = threading.RLock()
        self._db = sqlite3.connect(file, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        try:
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_SCHEMA)
        except sqlite3.DatabaseError as error:
            self._db.close()
            if isinstance(error, sqlite3.OperationalError):
                raise  # locked, read-only, disk full: not the file's fault
            raise CorruptionError(f"{file.name} is not a database") from error

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def load(self) -> Published | None:
        """Return the committed state; see `CheckpointStore.load`."""
        rows = self._query("SELECT note, size, position, event_size, anchors FROM published")
        return Published(*rows[0]) if rows else None

    def confirm(self) -> None:
        """Nothing to wait for: what can be read has reached the disk."""

    def compare_and_swap(
        self,
        old: Published | None,
        new: Published,
        *,
        placements: Sequence[Placement] = (),
        anchors: Mapping[int, int] | None = None,
    ) -> None:
        """Commit a new state; see `CheckpointStore.compare_and_swap`."""
        with self._transaction() as db:
            if self.load() != old:
                raise ConflictError("another sequencer moved the log")
            db.execute(
                "INSERT OR REPLACE INTO published VALUES (1, ?, ?, ?, ?, ?)",
                (new.note, new.size, new.position, new.event_size, new.anchors),
            )
            db.executemany(
                "INSERT INTO placement VALUES (?, ?, ?)",
                [(run.first_position, run.first_index, run.count) for run in placements],
            )
            db.executemany(
                "UPDATE anchor SET log_index = ? WHERE serial = ?",
                [(index, serial) for serial, index in (anchors or {}).items()],
            )

    def stage(self, staged: Staged) -> None:
        """Keep bundles; see `CheckpointStore.stage`."""
        with self._transaction() as db:
            db.execute("DELETE FROM staged")
            db.executemany(
                "INSERT INTO staged VALUES (?, ?, ?, ?)",
                [(staged.old_size, staged.size, t.path, data) for t, data in staged.bundles],
            )

    def staged(self) -> Staged | None:
        """Return what is staged; see `CheckpointStore.staged`."""
        rows = self._query("SELECT old_size, size, path, content FROM staged")
        if not rows:
            return None
        bundles = sorted(
            ((parse_path(path), content) for _, _, path, content in rows),
            key=lambda bundle: bundle[0].index,
        )
        return Staged(rows[0][0], rows[0][1], tuple(bundles))

    def discard_staged(self, size: int) -> None:
        """Forget staged bundles; see `CheckpointStore.discard_staged`."""
        with self._transaction() as db:
            db.execute("DELETE FROM staged WHERE size = ?", (size,))

    def index_of(self, position: int) -> int | None:
        """Return the log index of a feed position; see `CheckpointStore.index_of`."""
        rows = self._query(
            "SELECT first_position, first_index, count FROM placement "
            "WHERE first_position <= ? ORDER BY first_position DESC LIMIT 1",
            (position,),
        )
        return Placement(*rows[0]).index_of(position) if rows else None

    def placements(self) -> Iterator[Placement]:
        """Yield every run; see `CheckpointStore.placements`."""
        after = -1
        while rows := self._query(
            "SELECT first_position, first_index, count FROM placement "
            "WHERE first_position > ? ORDER BY first_position LIMIT 1000",
            (after,),
        ):
            yield from (Placement(*row) for row in rows)
            after = rows[-1][0]

    def add_anchor(self, proof: AnchorProof, checkpoint: bytes, size: int) -> int:
        """Keep a proof; see `CheckpointStore.add_anchor`."""
        with self._transaction() as db:
            serial = db.execute(
                "INSERT INTO anchor (kind, name, at_ms, token, checkpoint, size) VALUES (?, ?, ?, ?, ?, ?)",
                (proof.kind, proof.name, _to_ms(proof.at), proof.token, checkpoint, size),
            ).lastrowid
        assert serial is not None  # noqa: S101  (sqlite3: always set after an INSERT)
        return serial

    def anchors(self, *, pending: bool = False, after: int = 0) -> list[StoredAnchor]:
        """Return kept proofs; see `CheckpointStore.anchors`."""
        columns = "SELECT serial, kind, name, at_ms, token, checkpoint, size, log_index FROM anchor "
        # Two statements: with one for both, SQLite would read every token to find the few that are pending.
        only = "WHERE log_index IS NULL AND serial > ?" if pending else "WHERE serial > ?"
        return [
            StoredAnchor(serial, AnchorProof(kind, name, _from_ms(at), token), note, size, index)
            for serial, kind, name, at, token, note, size, index in self._query(
                f"{columns}{only} ORDER BY serial", (after,)
            )
        ]

    def histories(self) -> dict[str, AnchorHistory]:
        """Return what every anchor has done; see `CheckpointStore.histories`."""
        rows = self._query("SELECT name, tried_ms, failures, error FROM anchor_history")
        return {
            name: AnchorHistory(None if tried is None else _from_ms(tried), failures, error)
            for name, tried, failures, error in rows
        }

    def keep_history(self, name: str, history: AnchorHistory) -> None:
        """Keep what an anchor has done; see `CheckpointStore.keep_history`."""
        tried = None if history.tried_at is None else _to_ms(history.tried_at)
        with self._transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO anchor_history VALUES (?, ?, ?, ?)",
                (name, tried, history.failures, history.error),
            )

    def add_garbage(self, tiles: Iterable[TileId], at: datetime) -> None:
        """Remember replaced partial tiles; see `CheckpointStore.add_garbage`."""
        rows = [(tile.path, _to_ms(at)) for tile in tiles]
        if rows:
            with self._transaction() as db:
                db.executemany("INSERT OR REPLACE INTO garbage VALUES (?, ?)", rows)

    def garbage(self, before: datetime) -> list[TileId]:
        """Return remembered tiles; see `CheckpointStore.garbage`."""
        rows = self._query("SELECT path FROM garbage WHERE at_ms < ?", (_to_ms(before),))
        return [parse_path(path) for (path,) in rows]

    def forget_garbage(self, tiles: Iterable[TileId]) -> None:
        """Forget remembered tiles; see `CheckpointStore.forget_garbage`."""
        with self._transaction() as db:
            db.executemany("DELETE FROM garbage WHERE path = ?", [(t.path,) for t in tiles])

    def _query(self, sql: str, arguments: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._db.execute(sql, arguments).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit on leaving, roll back on any error; a crash in between leaves nothing."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise


def _to_ms(at: datetime) -> int:
    return (at - _EPOCH) // _MILLISECOND


def _from_ms(milliseconds: int) -> datetime:
    return _EPOCH + milliseconds * _MILLISECOND
