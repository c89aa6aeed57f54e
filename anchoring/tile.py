"""Tiles: how the tree and the entries are cut into immutable files.

A hash tile of level L and number N holds up to 256 consecutive hashes of the complete subtrees
of 256**L leaves. An entry bundle of number N holds the entries 256*N .. 256*N+255, each behind
its length as two big-endian bytes. A tile at the right edge of a published tree may be partial;
its width is then part of its name, so every name's content is fixed for ever.

    tile/0/x001/234       the full tile 1234 of leaf hashes
    tile/1/000.p/17       the first 17 hashes of tile 0, level 1
    tile/entries/x001/234 the bundle of the same leaves

Source: C2SP tlog-tiles.
"""

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from anchoring.error import EntryTooLargeError, MalformedError
from anchoring.tree import HASH_BYTES

TILE_HEIGHT: Final = 8
TILE_WIDTH: Final = 1 << TILE_HEIGHT
MAX_ENTRY_BYTES: Final = 0xFFFF  # C2SP tlog-tiles: the length is a uint16
MAX_TREE_SIZE: Final = (1 << 63) - 1  # C2SP tlog-checkpoint consumers hold sizes in an int64
MAX_LEVEL: Final = 63  # C2SP tlog-tiles
CHECKPOINT_PATH: Final = "checkpoint"
MAX_PATH_CHARS: Final = 64  # "tile/entries/", 22 digits in groups, ".p/255"

_MAX_INDEX: Final = MAX_TREE_SIZE // TILE_WIDTH
_PATH: Final = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)"
    r"/(?P<index>(?:x[0-9]{3}/)*[0-9]{3})"
    r"(?:\.p/(?P<width>[1-9][0-9]{0,2}))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class TileId:
    """Which tile: its level (None for an entry bundle), its number, its width 1..256."""

    level: int | None
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """The tile's path below the log's prefix."""
        if self.level is None:
            return entries_path(self.index, self.width)
        return tile_path(self.level, self.index, self.width)


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """Return the path of a hash tile, such as `tile/0/x001/234.p/17`.

    Args:
        level: 0..63.
        index: The tile's number within its level, from 0.
        width: Hashes in it, 1..256; 256 is a full tile.

    Raises:
        ValueError: An argument is out of range.
    """
    if not 0 <= level <= MAX_LEVEL:
        msg = f"no tile level {level}"
        raise ValueError(msg)
    return f"tile/{level}/{_numbered(index, width)}"


def entries_path(index: int, width: int = TILE_WIDTH) -> str:
    """Return the path of an entry bundle, such as `tile/entries/000.p/17`.

    Raises:
        ValueError: index is negative or width is not in 1..256.
    """
    return f"tile/entries/{_numbered(index, width)}"


def _numbered(index: int, width: int) -> str:
    if not 0 <= index <= _MAX_INDEX or not 1 <= width <= TILE_WIDTH:
        msg = f"no tile {index} of width {width}"
        raise ValueError(msg)
    path = f"{index % 1000:03}"
    while index := index // 1000:
        path = f"x{index % 1000:03}/{path}"
    return path if width == TILE_WIDTH else f"{path}.p/{width}"


def parse_path(path: str) -> TileId:
    """Read a tile path back; the only accepted spelling is the one `tile_path` writes.

    Raises:
        MalformedError: Any other string, such as a leading zero group, a width of 0 or 256.
    """
    match = _PATH.fullmatch(path) if len(path) <= MAX_PATH_CHARS else None
    if match is None:
        msg = "not a tile path"
        raise MalformedError(msg)
    level = None if match["level"] == "entries" else int(match["level"])
    index = int(match["index"].replace("x", "").replace("/", ""))
    width = int(match["width"] or TILE_WIDTH)
    canonical = index <= _MAX_INDEX and width <= TILE_WIDTH and (level or 0) <= MAX_LEVEL
    tile = TileId(level, index, width)
    if not canonical or tile.path != path:
        msg = "not a canonical tile path"
        raise MalformedError(msg)
    return tile


def right_edge_tiles(size: int) -> list[TileId]:
    """Return the partial hash tiles of the tree of `size` leaves, lowest level first.

    The width at level L is floor(size / 256**L) mod 256; a level of width 0 has no partial tile.
    """
    edge = []
    level, count = 0, size
    while count:
        if width := count % TILE_WIDTH:
            edge.append(TileId(level, count // TILE_WIDTH, width))
        level, count = level + 1, count // TILE_WIDTH
    return edge


def tiles_for_size(size: int) -> Iterator[TileId]:
    """Yield every hash tile of the tree of `size` leaves, level by level, left to right."""
    level, count = 0, size
    while count:
        yield from (TileId(level, index) for index in range(count // TILE_WIDTH))
        if width := count % TILE_WIDTH:
            yield TileId(level, count // TILE_WIDTH, width)
        level, count = level + 1, count // TILE_WIDTH


def bundles_for_size(size: int) -> Iterator[TileId]:
    """Yield every entry bundle of a log of `size` entries, left to right."""
    yield from (TileId(None, index) for index in range(size // TILE_WIDTH))
    if width := size % TILE_WIDTH:
        yield TileId(None, size // TILE_WIDTH, width)


def tile_width(level: int, index: int, size: int) -> int:
    """Return how many hashes tile (level, index) has in the tree of `size` leaves, 0..256.

    For an entry bundle take level 0.
    """
    count = size >> (TILE_HEIGHT * level)
    return max(0, min(TILE_WIDTH, count - index * TILE_WIDTH))


def split_hashes(tile: bytes, width: int) -> list[bytes]:
    """Cut a hash tile into its hashes.

    Raises:
        MalformedError: The tile is not exactly width * 32 bytes.
    """
    if len(tile) != width * HASH_BYTES:
        msg = f"a tile of width {width} has {len(tile)} bytes"
        raise MalformedError(msg)
    return [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]


def tile_rows(tile: bytes) -> list[bytes]:
    """Return every node inside a hash tile, as rows of concatenated hashes.

    Row 0 is the tile itself, row k its complete subtrees of 2**k hashes; a full tile's row 8 is
    its one root. The length of the tile (a multiple of 32, at most 8,192) is not checked.
    """
    rows = [tile]
    while len(row := rows[-1]) > HASH_BYTES:
        pairs = range(0, len(row) - 2 * HASH_BYTES + 1, 2 * HASH_BYTES)
        rows.append(b"".join([sha256(b"\x01" + row[at : at + 2 * HASH_BYTES]).digest() for at in pairs]))
    return rows


def tile_peaks(tile: bytes) -> list[bytes]:
    """Return the roots of a tile's largest complete subtrees, left to right (one if full)."""
    rows, width = tile_rows(tile), len(tile) // HASH_BYTES
    return [
        rows[height][((width >> height) - 1) * HASH_BYTES :][:HASH_BYTES]
        for height in reversed(range(len(rows)))
        if width >> height & 1
    ]


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Frame entries one after another: uint16 length, big endian, then the bytes.

    Raises:
        EntryTooLargeError: An entry is longer than 65,535 bytes.
    """
    parts: list[bytes] = []
    for entry in entries:
        if len(entry) > MAX_ENTRY_BYTES:
            msg = f"an entry of {len(entry)} bytes; the limit is {MAX_ENTRY_BYTES}"
            raise EntryTooLargeError(msg)
        parts += (struct.pack(">H", len(entry)), entry)
    return b"".join(parts)


def decode_bundle(bundle: bytes, count: int) -> list[bytes]:
    """Cut a bundle into exactly `count` entries.

    Raises:
        MalformedError: It holds fewer, or bytes are left over.
    """
    entries: list[bytes] = []
    keep, at, end = entries.append, 0, len(bundle)
    try:
        while at < end:
            start = at + 2
            at = start + (bundle[at] << 8 | bundle[at + 1])
            keep(bundle[start:at])
    except IndexError:
        at = -1
    if at != end or len(entries) != count:
        msg = f"a bundle that is not exactly {count} entries"
        raise MalformedError(msg)
    return entries
