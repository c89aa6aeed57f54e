"""Verified reads of a log under one trusted checkpoint.

The reader starts from a checkpoint whose signature the caller has verified, and believes nothing
else: the tiles of the right edge must give its root, every full tile must hash to its place in
the tile above, every entry must hash to its place in the leaf tile. So a proof or an entry that
comes out is one the checkpoint commits to, wherever the bytes came from.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Final

from anchoring.checkpoint import Checkpoint
from anchoring.error import CorruptionError, MalformedError
from anchoring.right_edge import RightEdge
from anchoring.tile import (
    TILE_HEIGHT,
    TILE_WIDTH,
    TileId,
    decode_bundle,
    tile_rows,
    tile_width,
)
from anchoring.tree import (
    EMPTY_ROOT,
    HASH_BYTES,
    consistency_path,
    inclusion_path,
    leaf_hash,
    range_root,
)

Fetch = Callable[[str], bytes | None]
"""Gives the bytes at a path below the log's prefix, or None; may raise what it likes."""

DEFAULT_CACHED_TILES: Final = 256  # 16 KiB each


class LogReader:
    """Entries and proofs of a log, each byte checked against one trusted checkpoint.

    Reads tiles as they are needed and keeps the most recently used ones. Safe for use from
    several threads if `fetch` is.

    Not checked: the checkpoint itself (see `checkpoint.verify_checkpoint`), and that it extends
    any other; ask for a consistency proof and verify it.
    """

    def __init__(self, fetch: Fetch, checkpoint: Checkpoint, *, cached_tiles: int = DEFAULT_CACHED_TILES) -> None:
        """Read below `fetch` what `checkpoint` commits to; nothing is fetched yet."""
        self.checkpoint: Final = checkpoint
        self._fetch = fetch
        self._cached_tiles = max(cached_tiles, 1)
        self._lock = threading.Lock()
        self._cache: OrderedDict[tuple[int, int], list[bytes]] = OrderedDict()
        self._edge: dict[tuple[int, int], list[bytes]] | None = None

    def root(self, size: int | None = None) -> bytes:
        """Return the root over the first `size` entries (default: the checkpoint's), 32 bytes.

        Raises:
            ValueError: size exceeds the checkpoint's.
            CorruptionError: A needed tile is missing or wrong; the message names it.
        """
        size = self._bounded(size)
        return range_root(self._node, 0, size) if size else EMPTY_ROOT

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """Return the audit path of entry `index` among the first `size` entries.

        Raises:
            ValueError: index or size is out of range.
            CorruptionError: A needed tile is missing or wrong.
        """
        return inclusion_path(self._node, index, self._bounded(size))

    def consistency_proof(self, old: int, new: int | None = None) -> list[bytes]:
        """Return the proof that the first `old` entries are a prefix of the first `new`.

        Raises:
            ValueError: not 0 < old <= new <= the checkpoint's size.
            CorruptionError: A needed tile is missing or wrong.
        """
        return consistency_path(self._node, old, self._bounded(new))

    def leaf(self, index: int) -> bytes:
        """Return the leaf hash of entry `index`, 32 bytes; errors as `inclusion_proof`."""
        if not 0 <= index < self.checkpoint.size:
            raise ValueError(f"no entry {index} in a log of {self.checkpoint.size}")
        return self._node(0, index)

    def subtree(self, level: int, index: int) -> bytes:
        """Return the root of the complete subtree over the entries [index << level, (index + 1) << level), 32 bytes.

        Raises:
            ValueError: The subtree is not complete in a log of this size.
            CorruptionError: A needed tile is missing or wrong.
        """
        if level < 0 or not 0 <= index < self.checkpoint.size >> level:
            raise ValueError(f"no complete subtree {index} of level {level} in a log of {self.checkpoint.size}")
        return self._node(level, index)

    def entry(self, index: int) -> bytes:
        """Return the bytes of entry `index`; errors as `entries`."""
        return next(self.entries(index, index + 1))

    def entries(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yield the entries [start, end), each checked against its leaf, a bundle at a time.

        Raises:
            ValueError: not 0 <= start <= end <= the checkpoint's size.
            CorruptionError: A bundle or tile is missing or wrong; the message names the path
                and, where it is one entry, the index.
        """
        end = self._bounded(end)
        if not 0 <= start <= end:
            raise ValueError(f"no entries from {start} to {end}")
        return self._entries(start, end)

    def _entries(self, start: int, end: int) -> Iterator[bytes]:
        for number in range(start // TILE_WIDTH, -(-end // TILE_WIDTH)):
            first = number * TILE_WIDTH
            bundle = self._bundle(number)
            yield from bundle[max(start - first, 0) : end - first]

    def _bundle(self, number: int) -> list[bytes]:
        """Return a bundle's entries, each compared with its leaf hash."""
        width = tile_width(0, number, self.checkpoint.size)
        path, content, count = self._fetch_tile(TileId(None, number, width))
        try:
            entries = decode_bundle(content, count)[:width]
        except MalformedError as error:
            raise CorruptionError(f"{path} is not a bundle of {count} entries") from error
        leaves = self._rows(0, number)[0]
        for at, entry in enumerate(entries):
            if leaf_hash(entry) != leaves[at * HASH_BYTES : (at + 1) * HASH_BYTES]:
                index = number * TILE_WIDTH + at
                raise CorruptionError(f"entry {index} in {path} is not what the log committed to")
        return entries

    def _bounded(self, size: int | None) -> int:
        if size is None:
            return self.checkpoint.size
        if not 0 <= size <= self.checkpoint.size:
            raise ValueError(f"no tree of {size} in a log of {self.checkpoint.size}")
        return size

    def _node(self, level: int, index: int) -> bytes:
        """Return the complete subtree (level, index), from the tile that holds it."""
        tile_level, within = divmod(level, TILE_HEIGHT)
        number, at = divmod(index, TILE_WIDTH >> within)
        return self._rows(tile_level, number)[within][at * HASH_BYTES : (at + 1) * HASH_BYTES]

    def _rows(self, level: int, number: int) -> list[bytes]:
        """Return the rows of a verified tile."""
        edge = self._verified_edge()
        if (level, number) in edge:
            return edge[level, number]
        with self._lock:
            if (level, number) in self._cache:
                self._cache.move_to_end((level, number))
                return self._cache[level, number]
        rows = self._verified_full(level, number)
        with self._lock:
            self._cache[level, number] = rows
            if len(self._cache) > self._cached_tiles:
                self._cache.popitem(last=False)
        return rows

    def _verified_full(self, level: int, number: int) -> list[bytes]:
        path, content, _ = self._fetch_tile(TileId(level, number))
        if len(content) != TILE_WIDTH * HASH_BYTES:
            raise CorruptionError(f"{path} is {len(content)} bytes long")
        rows = tile_rows(content)
        # The recursion ends at the right edge, which was checked against the signed root.
        if rows[TILE_HEIGHT] != self._node((level + 1) * TILE_HEIGHT, number):
            raise CorruptionError(f"{path} does not hash to its place in the tile above")
        return rows

    def _verified_edge(self) -> dict[tuple[int, int], list[bytes]]:
        """Return the right edge's partial tiles, checked all together against the root."""
        if self._edge is None:
            edge = RightEdge.load(self.checkpoint.size, self._partial)
            if edge.root() != self.checkpoint.root:
                names = ", ".join(tile.path for tile, _ in edge.partial_tiles())
                raise CorruptionError(f"one of {names} is wrong: together they miss the root")
            self._edge = {(tile.level or 0, tile.index): tile_rows(content) for tile, content in edge.partial_tiles()}
        return self._edge

    def _partial(self, tile: TileId) -> bytes:
        _, content, width = self._fetch_tile(tile)
        return content[: tile.width * HASH_BYTES] if width != tile.width else content

    def _fetch_tile(self, tile: TileId) -> tuple[str, bytes, int]:
        """Fetch a tile, or the full one that has replaced it; return path, bytes and width."""
        for candidate in (tile, TileId(tile.level, tile.index)):
            content = self._fetch(candidate.path)
            if content is not None:
                return candidate.path, content, candidate.width
        raise CorruptionError(f"{tile.path} is missing")
