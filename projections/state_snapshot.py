"""A kept copy of the state fold, so that a start does not fold the whole log again.

    cairn-state-snapshot/v1 LF
    covered size (u64)
    part*                         length (u64), bytes
    SHA-256 of all of the above (32)

Parts: the runs of places in order, an empty part, the recent places, the other rows of the status lists, the rows of
the directory. A run and the recent places are rows of 24 bytes; other rows are length (u32) and bytes, key and value in
turn.

A snapshot is derived and may be lost at any time: what cannot be read is as good as none. It is believed only when the
roots that follow from it are those that the log itself committed to at that size.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from anchoring.entry import parse_entry
from anchoring.error import AnchoringError
from anchoring.state import parse_state_commitment
from ledger.event import EventMapper
from projections.place_table import PlaceTable
from projections.state_fold import StateFold

MAGIC: Final = b"cairn-state-snapshot/v1\n"
FIRST_ENTRIES: Final = 100_000
"""Entries after which a first snapshot is worth its writing; a smaller log is read whole at every start."""
GROWTH: Final = 4
"""A further one is written when the log has grown by a quarter: each entry is written some five times in all."""
_U64: Final = struct.Struct(">Q")
_U32: Final = struct.Struct(">I")
_DIGEST_BYTES: Final = 32


class SnapshotFile:
    """The snapshot of one log's state fold. Used by one thread of each process that folds the log.

    Args:
        path: The file; its directory is made when it is needed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._covered = 0

    def load(self, mapper: EventMapper, entry: Callable[[int], bytes]) -> StateFold | None:
        """Read the snapshot.

        Args:
            mapper: Decodes event bodies from here on.
            entry: Returns an entry of the log by index.

        Returns:
            The fold as it was; None when there is no snapshot, it is damaged, or the log commits to something else.
        """
        with suppress(OSError, ValueError, struct.error, AnchoringError):
            content = self._path.read_bytes()
            covered = _covered(content)
            logged = parse_state_commitment(parse_entry(entry(covered)))
            fold = _parse(content, mapper, logged.cosigner)
            if fold.committed().commitment(logged.cosigner) == logged:
                self._covered = covered
                return fold
        return None

    def keep(self, fold: StateFold, *, closing: bool = False) -> bool:
        """Write a snapshot if the log has grown enough since the last one; return whether one was written.

        Call it when the newest commitment of *fold* is published, between two commits. A crash before the rename
        leaves the older snapshot.

        Args:
            fold: The state fold.
            closing: Whether this is the last chance: then any growth is enough.

        Raises:
            OSError: It could not be written.
        """
        grown = fold.covered() - self._covered
        enough = 1 if closing else max(FIRST_ENTRIES, self._covered // GROWTH)
        if grown < enough or fold.covered() < FIRST_ENTRIES:
            return False
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_suffix(f".{os.getpid()}.new")  # processes may share a directory
        with temporary.open("wb") as file:
            _write(file, fold)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)
        self._covered = fold.covered()
        return True


def _write(file: BinaryIO, fold: StateFold) -> None:
    digest = hashlib.sha256()
    places, directory = fold.tables()
    runs, recent, others = places.parts()
    parts: list[bytes] = [*runs, b"", recent, _packed(others), _packed(directory.items())]
    for piece in (MAGIC, _U64.pack(fold.covered()), *(one for part in parts for one in (_U64.pack(len(part)), part))):
        digest.update(piece)
        file.write(piece)
    file.write(digest.digest())


def _covered(content: bytes) -> int:
    body, digest = content[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
    if not body.startswith(MAGIC) or hashlib.sha256(body).digest() != digest:
        message = "this is no snapshot, or a damaged one"
        raise ValueError(message)
    return int(_U64.unpack_from(body, len(MAGIC))[0])


def _parse(content: bytes, mapper: EventMapper, cosigner: str) -> StateFold:
    """Read a snapshot whose digest is right; *cosigner* is the one that the log committed to with that state."""
    body = content[:-_DIGEST_BYTES]
    parts = list(_parts(body, len(MAGIC) + _U64.size))
    gap = parts.index(b"")
    recent, others, directory = parts[gap + 1 :]
    places = PlaceTable.from_parts(parts[:gap], recent)
    return StateFold.restored(mapper, cosigner, _covered(content), places, _rows(others), _rows(directory))


def _parts(body: bytes, at: int) -> Iterator[bytes]:
    while at < len(body):
        [length] = _U64.unpack_from(body, at)
        at += _U64.size + length
        yield body[at - length : at]


def _packed(rows: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"".join(_U32.pack(len(text)) + text for row in rows for text in row)


def _rows(packed: bytes) -> Iterator[tuple[bytes, bytes]]:
    texts: list[bytes] = []
    at = 0
    while at < len(packed):
        [length] = _U32.unpack_from(packed, at)
        at += _U32.size + length
        texts.append(packed[at - length : at])
    return zip(texts[::2], texts[1::2], strict=True)
