"""Copying a log: every byte checked against a signed checkpoint before it is kept.

The plan, numbered as in the code:

    1. The right edge of the copy, as it stands, gives the root of the checkpoint that it ends with.
    2. Each bundle is taken from the copy if an interrupted run left it there, else fetched; each entry is compared with
       its leaf in a tile that hashes up to the new checkpoint's root.
    3. Hash tiles are derived from the entries, never copied. Full ones are kept as they come.
    4. The derived tree has the root that was signed; only then its right edge is kept.

A crash at any line leaves tiles that no checkpoint of the copy names yet; the next run reads them instead of fetching
them. The caller replaces the copy's checkpoint last: that is the commit point.
"""

from collections.abc import Callable, Iterator
from typing import Final

from anchoring.checkpoint import Checkpoint
from anchoring.error import CorruptionError
from anchoring.reader import Fetch, LogReader
from anchoring.right_edge import RightEdge
from anchoring.storage import TileStore
from anchoring.tile import TILE_WIDTH, TileId, encode_bundle, tile_width
from anchoring.tree import leaf_hash

AHEAD_BUNDLES: Final = 8
"""Bundles asked for ahead of the one being checked; each is at most 16.8 MB, usually a hundredth of that."""

Ahead = Callable[[list[str]], None]
"""Told which paths will be fetched next, so that several can be in flight."""


class LogMirror:
    """A copy of one log. Not safe for concurrent use.

    Args:
        tiles: Where the copy is.
        fetch: Gives the bytes at a path of the log, or None; raises when it cannot tell.
        ahead: Told what comes next; may do nothing.
    """

    def __init__(self, tiles: TileStore, fetch: Fetch, ahead: Ahead = lambda _: None) -> None:
        self._tiles = tiles
        self._fetch = fetch
        self._ahead = ahead

    def reader(self, checkpoint: Checkpoint) -> LogReader:
        """Return a reader that takes tiles from the copy, and those that are not there from the log."""
        return LogReader(self._near, checkpoint)

    def copy(self, old: Checkpoint | None, new: Checkpoint, *, is_kept: bool = False) -> Iterator[bytes]:
        """Bring the copy from `old` to `new`, which extends it, and yield the entries between as they are kept.

        Nothing is complete until the iterator is exhausted.

        Args:
            old: What the copy holds; None when it holds nothing or is to be gone over from the beginning.
            new: A checkpoint whose signature was verified and which was found to extend `old`.
            is_kept: The copy's own checkpoint is `new`, so what lies there is durable already.

        Raises:
            CorruptionError: The log's tiles do not lead to the signed root; the message names one.
        """
        # 1. Where the copy stands.
        edge = self._edge(old)
        near, far = self.reader(new), LogReader(self._fetch, new)
        for number in range(len(edge) // TILE_WIDTH, -(-new.size // TILE_WIDTH)):
            self._ahead(self._missing(number, new.size))
            # 2. The entries, each checked.
            first, width = number * TILE_WIDTH, tile_width(0, number, new.size)
            entries = self._entries(near, far, first, width)
            self._keep(TileId(None, number, width), encode_bundle(entries), is_kept=is_kept)
            # 3. The tiles that follow from them.
            fresh = entries[len(edge) - first :]
            for tile, content in edge.extend(map(leaf_hash, fresh)):
                self._keep(tile, content, is_kept=is_kept)
            yield from fresh
        # 4. The whole.
        if edge.root() != new.root:
            raise CorruptionError(f"the entries do not lead to the root signed for size {new.size}")
        for tile, content in edge.partial_tiles():
            self._keep(tile, content, is_kept=is_kept)

    def _near(self, path: str) -> bytes | None:
        kept = self._tiles.read(path)
        return self._fetch(path) if kept is None else kept

    def _edge(self, old: Checkpoint | None) -> RightEdge:
        if old is None:
            return RightEdge()
        edge = RightEdge.load(old.size, lambda tile: self._tiles.read(tile.path))
        if edge.root() != old.root:
            raise CorruptionError(f"the copy's right edge does not have the root of its checkpoint, size {old.size}")
        return edge

    def _entries(self, near: LogReader, far: LogReader, first: int, width: int) -> list[bytes]:
        try:
            return list(near.entries(first, first + width))
        except CorruptionError:  # what lies here is damaged; the log's own bytes are asked for
            return list(far.entries(first, first + width))

    def _missing(self, number: int, size: int) -> list[str]:
        """Paths of this bundle, the next few and their leaf tiles that are not in the copy."""
        paths = []
        for next_number in range(number, min(number + AHEAD_BUNDLES, -(-size // TILE_WIDTH))):
            width = tile_width(0, next_number, size)
            paths += [TileId(level, next_number, width).path for level in (None, 0)]
        return [path for path in paths if self._tiles.read(path) is None]

    def _keep(self, tile: TileId, content: bytes, *, is_kept: bool) -> None:
        """Store a checked tile, in place of damaged bytes if such are there."""
        present = self._tiles.read(tile.path)
        if is_kept and present == content:
            return
        if present is None or present == content:
            self._tiles.write(tile.path, content)  # the same bytes once more: synced, should a crash have come before
        else:
            self._tiles.replace(tile.path, content)
