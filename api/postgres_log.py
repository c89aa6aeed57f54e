"""The sequencer's memory in PostgreSQL, where any of several machines can go on with the log.

What ``log.db`` has for a ledger in one directory (:mod:`anchoring.checkpoint_store`), these tables have for a ledger of
several processes. What keeps the log from forking is in them as well:

* **Term.** Whoever takes the sequencing over adds one to ``term``, under the claim
  (:class:`ledger.log_claim.LogClaim`). What it writes afterwards it writes in a transaction that has the row of the
  term locked and finds its own number in it. So a process that was paused, or cut off, and goes on when another has
  taken over changes nothing: not the log, nor what is staged for it.
* **Compare-and-swap.** The same row holds the newest signed checkpoint; it is replaced only by whoever built upon it.

Rows that a database loses after it acknowledged them would be lost by the log as well: a standby has to be synchronous
(docs/operating.md).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg

from anchoring.anchor_schedule import AnchorHistory
from anchoring.error import ConflictError
from anchoring.storage import CheckpointStore, Placement, Published, Staged, StoredAnchor
from anchoring.tile import TileId, parse_path
from anchoring.time_anchor import AnchorProof
from ledger.error import ConflictError as LedgerConflictError
from ledger.log_claim import LogClaim
from ledger.postgres_connection import Connection, PostgresConnections, is_passing, storage_errors
from ledger.postgres_schema import MAKING_LOCK

TABLES: Final = (
    (
        "CREATE TABLE IF NOT EXISTS log_published (only_row BOOLEAN PRIMARY KEY CHECK (only_row), "
        "term BIGINT NOT NULL, note BYTEA, size BIGINT NOT NULL, position BIGINT NOT NULL, "
        "event_size BIGINT NOT NULL, anchors BIGINT NOT NULL)"
    ),
    (
        "CREATE TABLE IF NOT EXISTS log_staged (path TEXT PRIMARY KEY, old_size BIGINT NOT NULL, "
        "size BIGINT NOT NULL, content BYTEA NOT NULL)"
    ),
    (
        "CREATE TABLE IF NOT EXISTS log_placement (first_position BIGINT PRIMARY KEY, "
        "first_index BIGINT NOT NULL UNIQUE, count BIGINT NOT NULL CHECK (count > 0))"
    ),
    (
        "CREATE TABLE IF NOT EXISTS log_anchor (serial BIGINT PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, "
        "at_ms BIGINT NOT NULL, token BYTEA NOT NULL, checkpoint BYTEA NOT NULL, size BIGINT NOT NULL, "
        "log_index BIGINT UNIQUE)"
    ),
    (
        "CREATE TABLE IF NOT EXISTS log_anchor_history (name TEXT PRIMARY KEY, tried_ms BIGINT, "
        "failures BIGINT NOT NULL, error TEXT)"
    ),
    "CREATE INDEX IF NOT EXISTS log_anchor_pending ON log_anchor (serial) WHERE log_index IS NULL",
    "CREATE TABLE IF NOT EXISTS log_garbage (path TEXT PRIMARY KEY, at_ms BIGINT NOT NULL)",
    "INSERT INTO log_published VALUES (true, 0, NULL, 0, 0, 0, 0) ON CONFLICT DO NOTHING",
)
_STATE: Final = "SELECT term, note, size, position, event_size, anchors FROM log_published"
PLACEMENTS_AT_ONCE: Final = 1_000
_MILLISECOND: Final = timedelta(milliseconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class PostgresCheckpointStore:
    """A `CheckpointStore` in the ledger's database. Safe from any thread.

    Until :meth:`take_over` was called it reads, keeps time anchors, and refuses whatever continues the log.

    Args:
        connections: To the database, opened.
        claim: On continuing the log; not taken yet.
    """

    def __init__(self, connections: PostgresConnections, claim: LogClaim) -> None:
        self._connections = connections
        self._claim = claim
        self._lock = threading.Lock()
        self._term: int | None = None
        with self._transaction() as connection:
            if connection.execute("SELECT to_regclass('log_published')").fetchone() == (None,):
                connection.execute(f"SELECT pg_advisory_xact_lock({MAKING_LOCK})")  # CREATE IF NOT EXISTS is no lock
                for statement in TABLES:
                    connection.execute(statement)

    def take_over(self) -> None:
        """Become the one that continues the log.

        Raises:
            ConflictError: Another process has the claim.
            StorageError: The database failed.
        """
        with self._lock:
            try:
                self._claim.take()
            except LedgerConflictError as error:
                raise ConflictError(str(error)) from error
            with storage_errors(), self._connections.writing() as connection:
                row = connection.execute("UPDATE log_published SET term = term + 1 RETURNING term").fetchone()
            assert row is not None  # noqa: S101  the table was made with its row
            self._term = row[0]

    def release(self) -> None:
        """Give up continuing the log; releasing what is not held is no error."""
        with self._lock:
            self._term = None
            self._claim.release()

    def close(self) -> None:
        """Give up continuing the log; the connections are the ledger's."""
        self.release()

    def take_in(self, memory: CheckpointStore) -> None:
        """Go on from what another store has committed to; all of it comes over, or nothing.

        Args:
            memory: With nothing staged.

        Raises:
            ConflictError: This one has begun already, or the process does not continue the log.
        """
        published = memory.load()
        with self._continuing() as db:
            if published is None or _published(db.execute(_STATE).fetchall()) is not None:
                raise ConflictError("the log in the database has begun already, or there is none to be taken in")
            db.execute(
                "UPDATE log_published SET note=$1, size=$2, position=$3, event_size=$4, anchors=$5",
                (published.note, published.size, published.position, published.event_size, published.anchors),
            )
            for run in memory.placements():
                row = (run.first_position, run.first_index, run.count)
                db.execute("INSERT INTO log_placement VALUES ($1, $2, $3)", row)
            for one in memory.anchors():
                proof = (one.proof.kind, one.proof.name, _to_ms(one.proof.at), one.proof.token)
                place = (one.checkpoint, one.size, one.log_index)
                db.execute(
                    "INSERT INTO log_anchor VALUES ($1, $2, $3, $4, $5, $6, $7, $8)", (one.serial, *proof, *place)
                )
        for name, history in memory.histories().items():  # not part of the log: one that is lost is asked for anew
            self.keep_history(name, history)

    def load(self) -> Published | None:
        """Return the committed state; see `CheckpointStore.load`.

        Raises:
            ConflictError: This process continued the log, and another has taken over.
        """
        mine, rows = self._term, self._query(_STATE)
        _require_term(rows[0][0], mine)
        return _published(rows)

    def confirm(self) -> None:
        """Wait for the standby, if the server has one to wait for; see `CheckpointStore.confirm`."""
        with self._continuing() as db:
            db.execute("UPDATE log_published SET term=term")  # a commit that has written nothing waits for nobody

    def compare_and_swap(
        self,
        old: Published | None,
        new: Published,
        *,
        placements: Sequence[Placement] = (),
        anchors: Mapping[int, int] | None = None,
    ) -> None:
        """Commit a new state; see `CheckpointStore.compare_and_swap`."""
        with self._continuing() as db:
            if _published(db.execute(_STATE).fetchall()) != old:
                raise ConflictError("another sequencer moved the log")
            db.execute(
                "UPDATE log_published SET note=$1, size=$2, position=$3, event_size=$4, anchors=$5",
                (new.note, new.size, new.position, new.event_size, new.anchors),
            )
            reached = db.execute(
                "UPDATE cairn_ledger SET log_size=$1 WHERE log_size<=$2", (new.size, 0 if old is None else old.size)
            ).rowcount
            if reached != 1:
                raise ConflictError("the log of this database was continued elsewhere; going on would fork it")
            for run in placements:
                row = (run.first_position, run.first_index, run.count)
                db.execute("INSERT INTO log_placement VALUES ($1, $2, $3)", row)
            for serial, index in (anchors or {}).items():
                db.execute("UPDATE log_anchor SET log_index=$1 WHERE serial=$2", (index, serial))

    def stage(self, staged: Staged) -> None:
        """Keep bundles; see `CheckpointStore.stage`."""
        with self._continuing() as db:
            db.execute("DELETE FROM log_staged")
            for tile, content in staged.bundles:
                row = (tile.path, staged.old_size, staged.size, content)
                db.execute("INSERT INTO log_staged VALUES ($1, $2, $3, $4)", row)

    def staged(self) -> Staged | None:
        """Return what is staged; see `CheckpointStore.staged`."""
        rows = self._query("SELECT old_size, size, path, content FROM log_staged")
        if not rows:
            return None
        bundles = ((parse_path(path), bytes(content)) for _, _, path, content in rows)
        return Staged(rows[0][0], rows[0][1], tuple(sorted(bundles, key=lambda bundle: bundle[0].index)))

    def discard_staged(self, size: int) -> None:
        """Forget staged bundles; see `CheckpointStore.discard_staged`."""
        with self._continuing() as db:
            db.execute("DELETE FROM log_staged WHERE size=$1", (size,))

    def index_of(self, position: int) -> int | None:
        """Return the log index of a feed position; see `CheckpointStore.index_of`."""
        rows = self._query(
            "SELECT first_position, first_index, count FROM log_placement "
            "WHERE first_position <= $1 ORDER BY first_position DESC LIMIT 1",
            (position,),
        )
        return Placement(*rows[0]).index_of(position) if rows else None

    def placements(self) -> Iterator[Placement]:
        """Yield every run; see `CheckpointStore.placements`."""
        after = -1
        while rows := self._query(
            "SELECT first_position, first_index, count FROM log_placement "
            "WHERE first_position > $1 ORDER BY first_position LIMIT $2",
            (after, PLACEMENTS_AT_ONCE),
        ):
            yield from (Placement(*row) for row in rows)
            after = rows[-1][0]

    def add_anchor(self, proof: AnchorProof, checkpoint: bytes, size: int) -> int:
        """Keep a proof; see `CheckpointStore.add_anchor`. Any process may."""
        with self._transaction() as db:
            db.execute("SELECT 1 FROM log_published FOR UPDATE")  # so that no two get one serial
            row = db.execute(
                "INSERT INTO log_anchor (serial, kind, name, at_ms, token, checkpoint, size) "
                "SELECT COALESCE(MAX(serial), 0) + 1, $1, $2, $3, $4, $5, $6 FROM log_anchor RETURNING serial",
                (proof.kind, proof.name, _to_ms(proof.at), proof.token, checkpoint, size),
            ).fetchone()
        assert row is not None  # noqa: S101  an insertion that returns
        return int(row[0])

    def anchors(self, *, pending: bool = False, after: int = 0) -> list[StoredAnchor]:
        """Return kept proofs; see `CheckpointStore.anchors`."""
        rows = self._query(
            "SELECT serial, kind, name, at_ms, token, checkpoint, size, log_index FROM log_anchor "
            "WHERE serial > $1 AND (log_index IS NULL OR NOT $2) ORDER BY serial",
            (after, pending),
        )
        return [
            StoredAnchor(serial, AnchorProof(kind, name, _from_ms(at), bytes(token)), bytes(note), size, index)
            for serial, kind, name, at, token, note, size, index in rows
        ]

    def histories(self) -> dict[str, AnchorHistory]:
        """Return what every anchor has done; see `CheckpointStore.histories`."""
        rows = self._query("SELECT name, tried_ms, failures, error FROM log_anchor_history")
        return {
            name: AnchorHistory(None if tried is None else _from_ms(tried), failures, error)
            for name, tried, failures, error in rows
        }

    def keep_history(self, name: str, history: AnchorHistory) -> None:
        """Keep what an anchor has done; see `CheckpointStore.keep_history`. Any process may."""
        tried = None if history.tried_at is None else _to_ms(history.tried_at)
        with self._transaction() as db:
            db.execute(
                "INSERT INTO log_anchor_history VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO UPDATE "
                "SET tried_ms=excluded.tried_ms, failures=excluded.failures, error=excluded.error",
                (name, tried, history.failures, history.error),
            )

    def add_garbage(self, tiles: Iterable[TileId], at: datetime) -> None:
        """Remember replaced partial tiles; see `CheckpointStore.add_garbage`."""
        rows = [(tile.path, _to_ms(at)) for tile in tiles]
        if rows:
            with self._continuing() as db:
                for row in rows:
                    db.execute(
                        "INSERT INTO log_garbage VALUES ($1, $2) ON CONFLICT (path) DO UPDATE SET at_ms=excluded.at_ms",
                        row,
                    )

    def garbage(self, before: datetime) -> list[TileId]:
        """Return remembered tiles; see `CheckpointStore.garbage`."""
        rows = self._query("SELECT path FROM log_garbage WHERE at_ms < $1", (_to_ms(before),))
        return [parse_path(path) for (path,) in rows]

    def forget_garbage(self, tiles: Iterable[TileId]) -> None:
        """Forget remembered tiles; see `CheckpointStore.forget_garbage`."""
        with self._continuing() as db:
            for tile in tiles:
                db.execute("DELETE FROM log_garbage WHERE path=$1", (tile.path,))

    def _query(self, sql: str, arguments: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        with storage_errors():
            try:
                return self._rows(sql, arguments)
            except psycopg.Error as error:
                if not is_passing(error):
                    raise
                return self._rows(sql, arguments)

    def _rows(self, sql: str, arguments: tuple[object, ...]) -> list[tuple[Any, ...]]:
        with self._connections.reading() as connection:
            return connection.execute(sql.encode(), arguments).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with storage_errors(), self._connections.writing() as connection, connection.transaction():
            yield connection

    @contextmanager
    def _continuing(self) -> Iterator[Connection]:
        """A transaction of the process that continues the log; nobody takes over while it lasts.

        Raises:
            ConflictError: It is not this one, or no longer.
        """
        mine = self._term
        with self._transaction() as connection:
            row = connection.execute("SELECT term FROM log_published FOR UPDATE").fetchone()
            if mine is None:
                raise ConflictError("this process does not continue the log")
            _require_term(None if row is None else row[0], mine)
            yield connection


def _require_term(found: int | None, mine: int | None) -> None:
    if mine is not None and found != mine:
        raise ConflictError("another sequencer has taken over")


def _published(rows: Sequence[tuple[Any, ...]]) -> Published | None:
    [(_, note, size, position, event_size, anchors)] = rows
    return None if note is None else Published(bytes(note), size, position, event_size, anchors)


def _to_ms(at: datetime) -> int:
    return (at - _EPOCH) // _MILLISECOND


def _from_ms(milliseconds: int) -> datetime:
    return _EPOCH + milliseconds * _MILLISECOND
