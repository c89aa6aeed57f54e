"""Small real stand-ins for what surrounds the log: a feed, a state fold, a clock, tiles."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchoring.checkpoint_store import SqliteCheckpointStore
from anchoring.cosignature import Cosigner
from anchoring.entry import Entry
from anchoring.error import CorruptionError
from anchoring.feed import FeedItem
from anchoring.note import NoteSigner
from anchoring.publication import LogKeys
from anchoring.sequencer import Sequencer, SequencerSettings
from anchoring.state import StateCommitment
from anchoring.storage import CheckpointStore, TileStore
from anchoring.tile import CHECKPOINT_PATH, TileId, parse_path
from anchoring.tree import EMPTY_ROOT, CompactRange, leaf_hash

ORIGIN = "test.cairn.example/log"
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def log_keys(seed: int = 1) -> LogKeys:
    """Return the same keys for the same seed."""
    return LogKeys(
        NoteSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes([seed] * 32))),
        Cosigner("operator.example", Ed25519PrivateKey.from_private_bytes(bytes([seed + 1] * 32))),
    )


def event(number: int, size: int = 40) -> bytes:
    """Return a framed event."""
    body = f'{{"number":{number},"filler":"{"x" * size}"}}'.encode()
    return Entry("thing.happened.v1", UUID(int=number + 1), 1, body).encode()


@dataclass
class Clock:
    """A clock that moves when told."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class ListFeed:
    """An `EntryFeed` over a list."""

    items: list[FeedItem] = field(default_factory=list)

    def read(self, after: int, limit: int) -> Sequence[FeedItem]:
        start = bisect_right(self.items, after, key=lambda item: item.position)
        return self.items[start : start + limit]

    def add(self, count: int, *, gap: int = 0, size: int = 40) -> None:
        position = self.items[-1].position if self.items else 0
        for _ in range(count):
            position += 1 + gap
            self.items.append(FeedItem(position, event(position, size)))


class RollingCommitter:
    """A `StateCommitter` whose directory root is the root over all entries it has taken in."""

    def __init__(self, cosigner: str) -> None:
        self._cosigner = cosigner
        self._range = CompactRange()
        self._covered = 0

    def commit(self, entries: Sequence[bytes], covered_size: int) -> bytes:
        self._range.extend(leaf_hash(entry) for entry in entries)
        self._covered = covered_size
        return StateCommitment(
            covered_size=covered_size,
            status_lists=0,
            revocation_root=EMPTY_ROOT,
            suspension_root=EMPTY_ROOT,
            directory_size=len(self._range),
            directory_root=self._range.root(),
            cosigner=self._cosigner,
        ).entry()

    def covered(self) -> int:
        return self._covered


class MemoryTileStore:
    """A `TileStore` in a dictionary."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def read(self, path: str) -> bytes | None:
        if path != CHECKPOINT_PATH:
            parse_path(path)
        return self.files.get(path)

    def write(self, path: str, content: bytes) -> None:
        if self.files.setdefault(path, content) != content:
            raise CorruptionError(f"{path} already holds other bytes")

    def write_all(self, tiles: Iterable[tuple[str, bytes]]) -> None:
        for path, content in tiles:
            self.write(path, content)

    def replace(self, path: str, content: bytes) -> None:
        self.files[path] = content

    def partials(self, tile: TileId) -> Sequence[int]:
        widths = (width for width in range(1, 256))
        return [w for w in widths if TileId(tile.level, tile.index, w).path in self.files]

    def delete_partials(self, tile: TileId) -> None:
        for width in self.partials(tile):
            del self.files[TileId(tile.level, tile.index, width).path]


@dataclass
class Log:
    """A log with everything around it."""

    feed: ListFeed
    tiles: TileStore
    store: CheckpointStore
    clock: Clock
    keys: LogKeys
    oldest: Callable[[], datetime | None] = lambda: None
    settings: SequencerSettings = field(default_factory=SequencerSettings)

    def oldest_now(self) -> datetime | None:
        return self.oldest()

    def start(self) -> Sequencer:
        """Return a new sequencer over the same storage, as after a restart."""
        return Sequencer(
            feed=self.feed,
            committer=RollingCommitter(self.keys.operator.vkey),
            tiles=self.tiles,
            store=self.store,
            keys=self.keys,
            clock=self.clock,
            oldest_unpublished_at=self.oldest_now,
            settings=self.settings,
        )


def make_log(directory: Path, tiles: TileStore | None = None) -> Log:
    """Return an empty log whose checkpoint store is in a directory."""
    store = SqliteCheckpointStore(directory / "log.db")
    return Log(ListFeed(), tiles or MemoryTileStore(), store, Clock(), log_keys())
