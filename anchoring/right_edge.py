"""The right edge of a tiled tree: all that is needed to append, whatever the log's size.

At most one partial tile per level (five tiles at a million million entries) determines the root
and every tile that appending will complete. The sequencer grows one to publish; fsck grows one
from the entries to learn what every tile must hold.

Source: C2SP tlog-tiles.
"""

from collections.abc import Callable, Iterable

from anchoring.error import CorruptionError
from anchoring.tile import (
    TILE_WIDTH,
    TileId,
    right_edge_tiles,
    tile_peaks,
    tile_rows,
)
from anchoring.tree import HASH_BYTES, fold_peaks

_FULL_BYTES = TILE_WIDTH * HASH_BYTES


class RightEdge:
    """The partial hash tiles of a tree, one per level, and its size. Not thread-safe."""

    def __init__(self) -> None:
        self._size = 0
        self._partials: list[bytes] = []  # by level; b"" where the level has no partial tile

    @classmethod
    def load(cls, size: int, read: Callable[[TileId], bytes | None]) -> "RightEdge":
        """Read the edge of the tree of `size` leaves.

        Args:
            size: Leaves in the tree.
            read: Gives the bytes of a partial tile, or None if it is not stored.

        Raises:
            CorruptionError: A tile is missing or has another length; the message names it.

        Not checked: the hashes. The caller compares `root()` with a signed one.
        """
        edge = cls()
        edge._size = size
        for tile in right_edge_tiles(size):
            content = read(tile)
            if content is None or len(content) != tile.width * HASH_BYTES:
                found = "missing" if content is None else f"{len(content)} bytes long"
                raise CorruptionError(f"{tile.path} is {found}")
            edge._grow_to(tile.level or 0)
            edge._partials[tile.level or 0] = content
        return edge

    def copy(self) -> "RightEdge":
        """Return an independent copy; costs nothing that grows with the tree."""
        other = RightEdge()
        other._size, other._partials = self._size, list(self._partials)
        return other

    def __len__(self) -> int:
        """Return the number of leaves."""
        return self._size

    def root(self) -> bytes:
        """Return the root, 32 bytes."""
        return fold_peaks([p for partial in reversed(self._partials) for p in tile_peaks(partial)])

    def extend(self, leaf_hashes: Iterable[bytes]) -> list[tuple[TileId, bytes]]:
        """Append leaf hashes (32 bytes each).

        Returns:
            The full tiles that this completed, each with its bytes, lower levels first within
            each stretch of leaves.
        """
        completed: list[tuple[TileId, bytes]] = []
        added = b"".join(leaf_hashes)
        at = self._size * HASH_BYTES
        self._size += len(added) // HASH_BYTES
        self._extend_level(0, at, added, completed)
        return completed

    def _extend_level(self, level: int, at: int, added: bytes, completed: list[tuple[TileId, bytes]]) -> None:
        """Put hashes on one level, whose length so far is `at` bytes, and carry full tiles up."""
        self._grow_to(level)
        content = self._partials[level] + added
        first = at // _FULL_BYTES
        full = len(content) // _FULL_BYTES
        self._partials[level] = content[full * _FULL_BYTES :]
        carried: list[bytes] = []
        for number in range(full):
            tile = content[number * _FULL_BYTES : (number + 1) * _FULL_BYTES]
            completed.append((TileId(level, first + number), tile))
            carried.append(tile_rows(tile)[-1])
        if carried:
            self._extend_level(level + 1, first * HASH_BYTES, b"".join(carried), completed)

    def partial_tiles(self) -> list[tuple[TileId, bytes]]:
        """Return the partial tiles of the present size, lowest level first, with their bytes."""
        return [(tile, self._partials[tile.level or 0]) for tile in right_edge_tiles(self._size)]

    def _grow_to(self, level: int) -> None:
        while len(self._partials) <= level:
            self._partials.append(b"")
