"""Where the log's bytes rest: two ports, and tiles as plain files.

A `TileStore` holds what the world reads: immutable tiles and the one checkpoint that changes.
A `CheckpointStore` holds what only the sequencer writes: the newest signed checkpoint, which is
the commit point of the log, and what is needed to finish publishing it after a crash.
"""

import fcntl
import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from anchoring.anchor_schedule import AnchorHistory
from anchoring.checkpoint import Checkpoint, parse_checkpoint
from anchoring.error import ConflictError, CorruptionError, MalformedError
from anchoring.note import parse_note
from anchoring.tile import CHECKPOINT_PATH, TileId, parse_path
from anchoring.time_anchor import AnchorProof


class TileStore(Protocol):
    """Immutable tiles and one replaceable checkpoint, by path below the log's prefix.

    Durability: `write` and `replace` return only when the bytes survive a power cut.
    Consistency: a reader sees the whole old or the whole new bytes, never a part.
    Concurrency: any number of readers; one writer (see `lock.SequencerLock`).
    Retries: every call may be repeated after any error, and must then succeed or fail the same.
    """

    def read(self, path: str) -> bytes | None:
        """Return the bytes at a path, or None if there are none.

        Raises:
            MalformedError: The path is neither a tile path nor `checkpoint`.
        """

    def write(self, path: str, content: bytes) -> None:
        """Store an immutable tile. Writing the same bytes again is no error.

        Raises:
            CorruptionError: Other bytes stand there already.
        """

    def write_all(self, tiles: Iterable[tuple[str, bytes]]) -> None:
        """Store immutable tiles; errors as `write`.

        After an error some are stored and some are not. Durable when it returns, all at once where that is cheaper.
        """

    def replace(self, path: str, content: bytes) -> None:
        """Store the checkpoint in place of the one before.

        Raises:
            ConflictError: One of more entries is there: another sequencer has taken over.
            CorruptionError: One of as many entries and another root is there: the log has forked.
        """

    def partials(self, tile: TileId) -> Sequence[int]:
        """Return the widths of the stored partial versions of a tile, ascending."""

    def delete_partials(self, tile: TileId) -> None:
        """Delete the stored partial versions of a tile. Deleting nothing is no error.

        Call only when the full tile is stored: C2SP tlog-tiles.
        """


def require_no_newer(present: bytes, content: bytes) -> None:
    """Check that a checkpoint may be replaced. Neither it nor the new one has to be a checkpoint that can be read.

    Args:
        present: The one that is public.
        content: The one that is to be.

    Raises:
        ConflictError: The public one has more entries.
        CorruptionError: It has as many, and another root.
    """
    old, new = _parsed(present), _parsed(content)
    if old is None or new is None or old.size < new.size:
        return
    if old.size > new.size:
        raise ConflictError("the public checkpoint has more entries: another sequencer has taken over")
    if old.root != new.root:
        raise CorruptionError(f"the public checkpoint is of another tree of size {old.size}: the log has forked")


def _parsed(note: bytes) -> Checkpoint | None:
    try:
        return parse_checkpoint(parse_note(note).text)
    except MalformedError:
        return None


@dataclass(frozen=True, slots=True)
class Published:
    """The newest committed state of the log.

    Attributes:
        note: The checkpoint, signed by the log, without cosignatures.
        size: Entries in the log.
        position: Feed position of the last feed item in the log; 0 if none.
        event_size: 1 + index of that item: a checkpoint of at least this size covers all events.
        anchors: Anchor records in the log.
    """

    note: bytes
    size: int
    position: int
    event_size: int
    anchors: int


@dataclass(frozen=True, slots=True)
class Placement:
    """A run of feed items: positions first_position + i stand at log index first_index + i."""

    first_position: int
    first_index: int
    count: int

    def index_of(self, position: int) -> int | None:
        """The log index of a position; None when it is not of this run."""
        offset = position - self.first_position
        return self.first_index + offset if 0 <= offset < self.count else None


@dataclass(frozen=True, slots=True)
class Staged:
    """What is about to become public: whole entry bundles of the tree of `size` entries.

    Attributes:
        old_size: Entries before; the first bundle may repeat some of them.
        size: Entries after.
        bundles: The touched bundles with their bytes, left to right.
    """

    old_size: int
    size: int
    bundles: tuple[tuple[TileId, bytes], ...]


@dataclass(frozen=True, slots=True)
class StoredAnchor:
    """A time anchor's proof.

    Attributes:
        serial: Order of arrival, from 1.
        proof: What the anchor gave.
        checkpoint: The signed note it was taken over, byte for byte what the token covers.
        size: Size of that checkpoint.
        log_index: Index of its record in the log; None until the next publication.
    """

    serial: int
    proof: AnchorProof
    checkpoint: bytes
    size: int
    log_index: int | None


class CheckpointStore(Protocol):
    """The sequencer's own memory. Losing it forks the log: back it up with the tiles.

    Durability: every method that writes returns only when its rows survive a power cut.
    Consistency: `compare_and_swap` is atomic with its placements and anchor marks, and is the one
    commit point of the log: what it stored *is* the log, published yet or not.
    Concurrency: safe from any thread and from several processes; of two concurrent swaps from
    the same state at most one succeeds.
    Retries: a swap that raised anything but ConflictError may have happened; load and look.
    """

    def load(self) -> Published | None:
        """Return the newest committed state, or None for a log that has none.

        Raises:
            ConflictError: This process continued the log, and another has taken over.
        """

    def confirm(self) -> None:
        """Wait until what could be read before this call is as durable as what has been committed.

        A database that is copied to a standby may show what it has not copied: a commit that a crash cut short. Whoever
        publishes what was read and not committed by the same call calls this first.

        Raises:
            ConflictError: Another process continues the log.
        """

    def compare_and_swap(
        self,
        old: Published | None,
        new: Published,
        *,
        placements: Sequence[Placement] = (),
        anchors: Mapping[int, int] | None = None,
    ) -> None:
        """Commit `new` in place of `old`.

        Args:
            old: What the caller built upon.
            new: The state to commit.
            placements: Where the new feed items stand.
            anchors: Serial -> log index of the anchors recorded in this step.

        Raises:
            ConflictError: The stored state is not `old`; nothing was changed.
        """

    def stage(self, staged: Staged) -> None:
        """Keep bundles in place of any staged before."""

    def staged(self) -> Staged | None:
        """Return what is staged."""

    def discard_staged(self, size: int) -> None:
        """Forget the bundles staged for `size`. Forgetting nothing is no error."""

    def index_of(self, position: int) -> int | None:
        """Return the log index of a feed position; None if it is not committed."""

    def placements(self) -> Iterable[Placement]:
        """Yield every run, by position."""

    def add_anchor(self, proof: AnchorProof, checkpoint: bytes, size: int) -> int:
        """Keep a proof and return its serial."""

    def anchors(self, *, pending: bool = False, after: int = 0) -> Sequence[StoredAnchor]:
        """Return the kept proofs by serial, those above `after`; only those not in the log yet if `pending`."""

    def histories(self) -> Mapping[str, AnchorHistory]:
        """Return by name what every anchor that was ever asked has done."""

    def keep_history(self, name: str, history: AnchorHistory) -> None:
        """Keep what an anchor has done, so that a restart neither forgets a failure nor asks too often."""

    def add_garbage(self, tiles: Iterable[TileId], at: datetime) -> None:
        """Remember that the partial versions of these full tiles are of no more use."""

    def garbage(self, before: datetime) -> Sequence[TileId]:
        """Return the tiles remembered before an instant."""

    def forget_garbage(self, tiles: Iterable[TileId]) -> None:
        """Forget tiles whose partial versions are deleted."""


MAX_TIDIED = 1_000
"""Directories of which is remembered that nothing of the dead is in them."""


class DirectoryTileStore:
    """Tiles as files below one directory, ready to be served or copied as they are.

    A file is written beside its place under a dotted name of its own, synced, renamed, and its
    directory synced, once for all the files that are written together. A crash before the rename
    leaves the dotted file, which no reader looks at and which the next process to write there removes.

    Several processes may share the directory, of which one writes (docs/roles.md). One that was paused
    and has been replaced may wake up and go on for a moment: no two write the same file, and the
    checkpoint is compared before it is replaced, and nothing more. Between the two an older one could
    be put in place, until the next checkpoint or heartbeat: an old answer, never a fork.
    """

    def __init__(self, directory: Path) -> None:
        """Use a directory, which need not exist yet."""
        self._root = directory
        self._tidied: set[Path] = set()

    def read(self, path: str) -> bytes | None:
        """Return the bytes at a path, or None; see `TileStore.read`."""
        try:
            return self._file(path).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, path: str, content: bytes) -> None:
        """Store an immutable tile; see `TileStore.write`."""
        self.write_all([(path, content)])

    def write_all(self, tiles: Iterable[tuple[str, bytes]]) -> None:
        """Store immutable tiles, each directory synced once; see `TileStore.write_all`."""
        directories: dict[Path, None] = {}
        for path, content in tiles:
            file = self._file(path)
            present = self.read(path)
            if present is None:
                self._install(file, content)
            elif present != content:
                raise CorruptionError(f"{path} already holds other bytes")
            else:
                _sync(file)  # an earlier attempt may have died between the rename and the sync of the directory
            directories[file.parent] = None
        for directory in directories:
            _sync(directory)

    def replace(self, path: str, content: bytes) -> None:
        """Store the checkpoint; see `TileStore.replace`."""
        file = self._file(path)
        present = self.read(path)
        if present is not None:
            require_no_newer(present, content)
        self._install(file, content)
        _sync(file.parent)

    def partials(self, tile: TileId) -> Sequence[int]:
        """Return the stored partial widths; see `TileStore.partials`."""
        try:
            names = [file.name for file in self._partial_directory(tile).iterdir()]
        except FileNotFoundError:
            return []
        return sorted(int(name) for name in names if name.isdecimal())

    def delete_partials(self, tile: TileId) -> None:
        """Delete the partial versions; see `TileStore.delete_partials`."""
        directory = self._partial_directory(tile)
        with suppress(FileNotFoundError):
            self._tidied.discard(directory)
            for file in directory.iterdir():
                file.unlink(missing_ok=True)
            directory.rmdir()

    def _install(self, file: Path, content: bytes) -> None:
        """Put a whole file in its place; the caller syncs its directory."""
        _make_directories(file.parent)
        if file.parent not in self._tidied:
            _remove_left_behind(file.parent)
            if len(self._tidied) >= MAX_TIDIED:
                self._tidied.clear()
            self._tidied.add(file.parent)
        incoming = file.with_name(f".{file.name}.{secrets.token_hex(8)}.incoming")
        with incoming.open("xb") as stream:
            try:
                with suppress(OSError):  # a file system without locks: then what is left behind stays
                    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
                incoming.replace(file)
            except BaseException:
                incoming.unlink(missing_ok=True)
                raise

    def _partial_directory(self, tile: TileId) -> Path:
        return self._file(TileId(tile.level, tile.index, 1).path).parent

    def _file(self, path: str) -> Path:
        if path != CHECKPOINT_PATH:
            parse_path(path)  # refuses every path that could leave the directory
        return self._root / path


def _remove_left_behind(directory: Path) -> None:
    """Remove what processes that died have left in a directory.

    A living one holds a lock on what it writes. Should its file be taken before it has the lock, its rename fails,
    and it tries again under another name.
    """
    for left in directory.glob(".*incoming"):
        with suppress(OSError), left.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()


def _make_directories(directory: Path) -> None:
    """Make a directory and its parents, each synced into the one above it."""
    if directory.is_dir():
        return
    _make_directories(directory.parent)
    directory.mkdir(exist_ok=True)
    _sync(directory.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
