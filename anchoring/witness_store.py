"""A witness's memory in one SQLite file, `witness.db`: its keys, the logs it knows, what it cosigned last.

The private keys are in the same file as what they signed, so that neither can be used without the
other: a key that starts again with an empty memory would cosign a second history without noticing.
WAL with `synchronous=FULL`: a transaction that committed survives a power cut.

Source: docs/spec/witness.md.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from anchoring.checkpoint import parse_checkpoint
from anchoring.cosignature import Cosigner
from anchoring.error import AnchoringError, ConflictError, CorruptionError
from anchoring.note import parse_note
from anchoring.subtree_cosignature import SubtreeCosigner
from anchoring.tlog_policy import LogKey, parse_log_key
from anchoring.witness import Seen, origin_digest

BUSY_TIMEOUT_S: Final = 10.0
FORMAT: Final = "cairn-witness/v1"
SEED_BYTES: Final = 32
_OWNER_ONLY: Final = 0o600

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS identity (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    format   TEXT NOT NULL,
    name     TEXT NOT NULL,
    ed25519  BLOB NOT NULL CHECK (length(ed25519) = 32),
    mldsa44  BLOB NOT NULL CHECK (length(mldsa44) = 32)
) STRICT;
CREATE TABLE IF NOT EXISTS log (
    vkey   TEXT PRIMARY KEY,
    origin TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS seen (
    digest TEXT PRIMARY KEY,
    origin TEXT NOT NULL UNIQUE,
    at_s   INTEGER NOT NULL,
    note   BLOB NOT NULL
) STRICT;
"""


@dataclass(frozen=True, slots=True)
class WitnessKeys:
    """A witness's name and its two private keys, as seeds of 32 bytes."""

    name: str
    ed25519: bytes
    mldsa44: bytes

    def cosigners(self) -> tuple[Cosigner, SubtreeCosigner]:
        """Return what signs with them."""
        return (
            Cosigner(self.name, Ed25519PrivateKey.from_private_bytes(self.ed25519)),
            SubtreeCosigner(self.name, MLDSA44PrivateKey.from_seed_bytes(self.mldsa44)),
        )


class SqliteWitnessStore:
    """A `WitnessStore` in one SQLite file. One connection, shared by threads under a lock."""

    def __init__(self, file: Path) -> None:
        """Open or create the file, readable by its owner alone; its directory must exist.

        Raises:
            CorruptionError: The file is not a database.
        """
        self._lock = threading.RLock()
        file.touch(_OWNER_ONLY)
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

    def keys(self) -> WitnessKeys | None:
        """Return the witness's name and keys; None before `keep_keys`.

        Raises:
            CorruptionError: The file is of another format.
        """
        rows = self._query("SELECT format, name, ed25519, mldsa44 FROM identity")
        if not rows:
            return None
        if rows[0][0] != FORMAT:
            raise CorruptionError(f"witness.db is of the format {rows[0][0]!r}, not {FORMAT}")
        return WitnessKeys(*rows[0][1:])

    def keep_keys(self, keys: WitnessKeys) -> None:
        """Keep the name and keys, once.

        Raises:
            ConflictError: There are keys already.
        """
        keys.cosigners()  # refuses a bad name before it is kept
        with self._transaction() as db:
            if self._query("SELECT 1 FROM identity"):
                raise ConflictError("this witness has its keys already")
            db.execute("INSERT INTO identity VALUES (1, ?, ?, ?, ?)", (FORMAT, keys.name, keys.ed25519, keys.mldsa44))

    def trust(self, key: LogKey) -> None:
        """Know a log from now on by this key, whose name is the origin. Again is no error."""
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO log VALUES (?, ?)", (key.vkey, key.name))

    def distrust(self, vkey: str) -> bool:
        """Forget a log's key; tell whether it was known. What was cosigned for the log is kept."""
        with self._transaction() as db:
            return db.execute("DELETE FROM log WHERE vkey = ?", (vkey,)).rowcount > 0

    def logs(self) -> list[LogKey]:
        """Return every known log's keys, by origin."""
        return [parse_log_key(vkey) for (vkey,) in self._query("SELECT vkey FROM log ORDER BY origin, vkey")]

    def log_keys(self, origin: str) -> list[LogKey]:
        """Return the keys of one log; see `WitnessStore.log_keys`."""
        rows = self._query("SELECT vkey FROM log WHERE origin = ? ORDER BY vkey", (origin,))
        return [parse_log_key(vkey) for (vkey,) in rows]

    def seen(self, origin: str) -> Seen | None:
        """Return what was cosigned last; see `WitnessStore.seen`."""
        return self.seen_by_digest(origin_digest(origin))

    def seen_by_digest(self, digest: str) -> Seen | None:
        """Return what was cosigned last; see `WitnessStore.seen_by_digest`.

        Raises:
            CorruptionError: The stored row is damaged.
        """
        rows = self._query("SELECT origin, at_s, note FROM seen WHERE digest = ?", (digest,))
        if not rows:
            return None
        origin, at_s, note = rows[0]
        try:
            checkpoint = parse_checkpoint(parse_note(note).text)
        except AnchoringError as error:
            raise CorruptionError("witness.db holds a checkpoint that cannot be read") from error
        if checkpoint.origin != origin or origin_digest(origin) != digest:
            raise CorruptionError("witness.db holds a checkpoint under another log's name")
        return Seen(checkpoint, datetime.fromtimestamp(at_s, UTC), note)

    def compare_and_swap(self, old: Seen | None, new: Seen) -> None:
        """Keep a new state; see `WitnessStore.compare_and_swap`."""
        origin = new.checkpoint.origin
        with self._transaction() as db:
            if self.seen(origin) != old:
                raise ConflictError("another request moved this log's state")
            db.execute(
                "INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?)",
                (origin_digest(origin), origin, int(new.at.timestamp()), new.note),
            )

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
