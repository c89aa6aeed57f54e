"""Deriving every tile of a log from its entries again, and blaming the right file.

Leaf hashes come from the stored entries; each group of 256 makes a tile, whose root goes one
level up. Where a derived tile and the stored one differ, the slot in the tile above, or at the
right edge the signed root, tells which of the two is damaged. The walk then goes on with the good
one, so that one flipped byte gives one finding and not one for every level above it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product
from typing import Final

from anchoring.error import MalformedError
from anchoring.storage import TileStore
from anchoring.tile import (
    TILE_HEIGHT,
    TILE_WIDTH,
    TileId,
    decode_bundle,
    encode_bundle,
    right_edge_tiles,
    tile_peaks,
    tile_rows,
    tile_width,
)
from anchoring.tree import EMPTY_ROOT, HASH_BYTES, fold_peaks, leaf_hash

_UNKNOWN: Final = bytes(HASH_BYTES)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        code: A stable word, such as `entry_damaged`.
        where: The file: a path below the log's prefix, or `log.db`.
        what: A sentence.
        index: The log entry it concerns, if it is one.
    """

    code: str
    where: str
    what: str
    index: int | None = None


@dataclass(slots=True)
class TreeCheck:
    """Walks the stored log of one size. Streams: holds one tile per level.

    Attributes:
        tiles: The store.
        size: Entries to expect.
        root: The signed root; None if there is none to be had.
        on_entry: Called with the index and bytes of every readable entry.
        findings: What was wrong so far.
        entries: Entries read so far.
    """

    tiles: TileStore
    size: int
    root: bytes | None
    on_entry: Callable[[int, bytes], None]
    findings: list[Finding] = field(default_factory=list)
    entries: int = 0
    _pending: list[list[bytes]] = field(default_factory=list)
    _done: list[int] = field(default_factory=list)
    _last_derived: bool = True

    def bundle(self, number: int) -> None:
        """Check the next bundle and every tile it completes."""
        width = tile_width(0, number, self.size)
        entries = self._read_bundle(TileId(None, number, width))
        if entries is not None:
            for at, entry in enumerate(entries):
                self.on_entry(number * TILE_WIDTH + at, entry)
            self.entries += len(entries)
        derived = None if entries is None else b"".join(map(leaf_hash, entries))
        self._last_derived = derived is not None
        if width == TILE_WIDTH:
            self._push(1, self._full_tile(TileId(0, number), derived))
        elif derived is not None:
            self._level(0).append(derived)

    def finish(self) -> None:
        """Check the right edge and the root, after the last bundle."""
        edge = {tile.level or 0: tile for tile in right_edge_tiles(self.size)}
        choices: dict[int, list[bytes]] = {}
        for level, tile in edge.items():
            derived = b"".join(self._level(level))
            readable = level > 0 or self._last_derived
            stored = self._read_hashes(tile)
            choices[level] = [derived] if readable else []
            if stored is not None and stored not in choices[level]:
                choices[level].append(stored)
            self._older_partials(tile, derived if readable else stored)
        if not all(choices.values()):
            return  # neither bundle nor tile can be read: both are reported, no root to be had
        self._judge_edge(edge, choices)

    def _judge_edge(self, edge: dict[int, TileId], choices: dict[int, list[bytes]]) -> None:
        """Find which of the differing right-edge tiles lead to the signed root."""
        for chosen in product(*choices.values()):
            picked = dict(zip(choices, chosen, strict=True))
            peaks = [p for level in sorted(picked, reverse=True) for p in tile_peaks(picked[level])]
            if self.root is None or (fold_peaks(peaks) if peaks else EMPTY_ROOT) == self.root:
                break
        else:
            self._find("root_differs", "checkpoint", "the entries do not give the signed root")
            picked = {level: options[0] for level, options in choices.items()}
        for level, options in choices.items():
            if len(options) > 1:
                derived, stored = options
                stored_holds = picked[level] == stored
                if level == 0 or not stored_holds:  # else the fault is below, and reported there
                    self._blame(edge[level], derived, stored, blame_entries=stored_holds)

    def _full_tile(self, tile: TileId, derived: bytes | None) -> bytes:
        """Compare a full tile with what was derived for it; return its root as best known."""
        stored = self._read_hashes(tile)
        self._older_partials(tile, stored if derived is None else derived)
        if derived is not None and stored in (derived, None):
            return tile_rows(derived)[TILE_HEIGHT]
        above = self._slot_above(tile)
        if derived is None or stored is None:
            return above or (tile_rows(stored)[TILE_HEIGHT] if stored else _UNKNOWN)
        root = tile_rows(derived)[TILE_HEIGHT]
        stored_holds = root != above and tile_rows(stored)[TILE_HEIGHT] == above
        if tile.level == 0 or not stored_holds:
            self._blame(tile, derived, stored, blame_entries=stored_holds)
        return above if above is not None and stored_holds else root

    def _blame(self, tile: TileId, derived: bytes, stored: bytes, *, blame_entries: bool) -> None:
        """Report the slots in which a tile differs from what was derived for it."""
        for at in range(0, len(stored), HASH_BYTES):
            if derived[at : at + HASH_BYTES] == stored[at : at + HASH_BYTES]:
                continue
            slot = at // HASH_BYTES
            if blame_entries:
                index = tile.index * TILE_WIDTH + slot
                where = TileId(None, tile.index, tile.width).path
                what = f"entry {index} is not what the log committed to"
                self._find("entry_damaged", where, what, index)
            else:
                what = f"hash {slot} of {tile.path} does not follow from the entries"
                self._find("tile_damaged", tile.path, what)

    def _push(self, level: int, root: bytes) -> None:
        """Put a hash on a level above 0 and carry a full tile further up."""
        row = self._level(level)
        row.append(root)
        if len(row) == TILE_WIDTH:
            tile = TileId(level, self._done[level])
            derived = b"".join(row)
            row.clear()
            self._done[level] += 1
            self._push(level + 1, self._full_tile(tile, derived))

    def _level(self, level: int) -> list[bytes]:
        while len(self._pending) <= level:
            self._pending.append([])
            self._done.append(0)
        return self._pending[level]

    def _slot_above(self, tile: TileId) -> bytes | None:
        """Return the hash that the tile above holds for a full tile, if it can be read."""
        level = (tile.level or 0) + 1
        number, slot = divmod(tile.index, TILE_WIDTH)
        width = tile_width(level, number, self.size)
        content = self._fetch(TileId(level, number, width))
        if content is None or len(content) != width * HASH_BYTES:
            return None
        return content[slot * HASH_BYTES : (slot + 1) * HASH_BYTES]

    def _read_bundle(self, tile: TileId) -> list[bytes] | None:
        content = self._fetch(tile)
        if content is None:
            self._find("bundle_missing", tile.path, f"{tile.path} is missing")
            return None
        try:
            entries = decode_bundle(content, tile.width)
        except MalformedError:
            what = f"{tile.path} is not a bundle of {tile.width} entries"
            self._find("bundle_damaged", tile.path, what)
            return None
        self._older_partials(tile, content, entries)
        return entries

    def _read_hashes(self, tile: TileId) -> bytes | None:
        content = self._fetch(tile)
        if content is None:
            self._find("tile_missing", tile.path, f"{tile.path} is missing")
        elif len(content) != tile.width * HASH_BYTES:
            what = f"{tile.path} is {len(content)} bytes long, not {tile.width * HASH_BYTES}"
            self._find("tile_damaged", tile.path, what)
        else:
            return content
        return None

    def _older_partials(self, tile: TileId, content: bytes | None, entries: list[bytes] | None = None) -> None:
        """Check that the kept partial versions of a tile are its beginnings."""
        for width in self.tiles.partials(tile):
            if width >= tile.width or content is None:
                continue
            wanted = content[: width * HASH_BYTES]
            if entries is not None:
                wanted = encode_bundle(entries[:width])
            path = TileId(tile.level, tile.index, width).path
            if self.tiles.read(path) != wanted:
                self._find("partial_differs", path, f"{path} is not a beginning of {tile.path}")

    def _fetch(self, tile: TileId) -> bytes | None:
        return self.tiles.read(tile.path)

    def _find(self, code: str, where: str, what: str, index: int | None = None) -> None:
        self.findings.append(Finding(code, where, what, index))
