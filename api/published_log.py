"""What the public sees of the log at one instant: the checkpoint that is published, and proofs under it."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Final, Protocol

from anchoring.checkpoint import Checkpoint, parse_checkpoint
from anchoring.note import parse_note
from anchoring.reader import LogReader
from anchoring.storage import CheckpointStore, StoredAnchor
from anchoring.tile import CHECKPOINT_PATH
from anchoring.tlog_policy import parse_log_key
from api.error import RETRY_AFTER, NotReadyError

OFFLINE_KINDS: Final = frozenset({"rfc3161", "cosignature"})
"""Kinds of anchors that a file can show offline; what others say, a node of theirs has to be asked."""


@dataclass(frozen=True, slots=True)
class LogSnapshot:
    """The log as of one published checkpoint.

    Attributes:
        note: The signed note with its cosignatures, as served.
        checkpoint: What it says.
        reader: Verified reads under it.
    """

    note: bytes
    checkpoint: Checkpoint
    reader: LogReader


def signing_key(note: bytes, vkeys: Sequence[str]) -> str:
    """Return the first of a log's verifier keys (at least one) that is on a note; the first of all if none is."""
    signed = {line.key_id for line in parse_note(note).signatures}
    return next((vkey for vkey in vkeys if parse_log_key(vkey).key_id in signed), vkeys[0])


class LogFiles(Protocol):
    """The files of the log that are public; a ``TileStore`` is one."""

    def read(self, path: str) -> bytes | None:
        """Return the bytes at a path, or None if there are none."""


class LogIndex(Protocol):
    """Where things stand in the log; the sequencer's ``CheckpointStore`` is one."""

    def index_of(self, position: int) -> int | None:
        """Return the log index of a feed position; None if it is not committed."""

    def anchors(self) -> Sequence[StoredAnchor]:
        """Return every kept time anchor, oldest first."""


class OwnLogIndex:
    """The index of this process's own log. An anchor that is logged never changes, and is read from the store once.

    So what every evidence file asks for costs what is new, however many anchors are kept. Safe from any thread.

    Args:
        store: Where log positions and anchors are kept.
    """

    def __init__(self, store: CheckpointStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._logged: list[StoredAnchor] = []  # the oldest ones, up to the first that is not logged yet

    def index_of(self, position: int) -> int | None:
        """Return the log index of a feed position; None if it is not committed."""
        return self._store.index_of(position)

    def anchors(self) -> list[StoredAnchor]:
        """Return every kept time anchor, oldest first."""
        with self._lock:
            newer = self._store.anchors(after=self._logged[-1].serial if self._logged else 0)
            found = [*self._logged, *newer]
            self._logged.extend(takewhile(lambda anchor: anchor.log_index is not None, newer))
            return found


class PublishedLog:
    """Reads the published log. Safe from any thread.

    Args:
        tiles: The served files.
        store: Where log positions and anchors are kept.
    """

    def __init__(self, tiles: LogFiles, store: LogIndex) -> None:
        self._tiles = tiles
        self._store = store
        self._lock = threading.Lock()
        self._reader: LogReader | None = None

    def read(self, path: str) -> bytes | None:
        """Return the bytes of a public file, or None if there are none."""
        return self._tiles.read(path)

    def snapshot(self) -> LogSnapshot:
        """The log as it is published now.

        Raises:
            NotReadyError: Nothing has been published yet.
        """
        note = self._tiles.read(CHECKPOINT_PATH)
        if note is None:
            message = "the log has not published a checkpoint yet; try again in a second"
            raise NotReadyError(message, headers=RETRY_AFTER)
        checkpoint = parse_checkpoint(parse_note(note).text)
        with self._lock:
            if self._reader is None or self._reader.checkpoint != checkpoint:
                self._reader = LogReader(self._tiles.read, checkpoint)
            reader = self._reader
        return LogSnapshot(note, checkpoint, reader)

    def index_of(self, position: int) -> int | None:
        """Log index of the event at *position*; None when no checkpoint covers it yet.

        The one that does may not be served yet: compare with a snapshot.
        """
        return self._store.index_of(position)

    def anchors(self) -> list[StoredAnchor]:
        """Every time anchor, oldest first."""
        return list(self._store.anchors())


def anchored_size(anchors: Iterable[StoredAnchor], before: datetime) -> int:
    """Entries of the log that an outside witness of time had seen before an instant; 0 if none had.

    What was in the log by then stands, whoever had an institution's key in hand from that instant on. Anchors that a
    file cannot show do not count: what is answered here has to be what is found there.
    """
    seen = (one.size for one in anchors if one.proof.at < before and one.proof.kind in OFFLINE_KINDS)
    return max(seen, default=0)
