"""Tile paths, bundles and the right edge, at every boundary."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchoring.error import CorruptionError, EntryTooLargeError, MalformedError
from anchoring.right_edge import RightEdge
from anchoring.tile import (
    MAX_ENTRY_BYTES,
    TILE_WIDTH,
    TileId,
    bundles_for_size,
    decode_bundle,
    encode_bundle,
    entries_path,
    parse_path,
    right_edge_tiles,
    split_hashes,
    tile_path,
    tile_rows,
    tile_width,
    tiles_for_size,
)
from anchoring.tree import MemoryTree, leaf_hash, tree_root

PATHS = [
    (TileId(0, 0), "tile/0/000"),
    (TileId(0, 0, 1), "tile/0/000.p/1"),
    (TileId(0, 999, 255), "tile/0/999.p/255"),
    (TileId(1, 1000), "tile/1/x001/000"),
    (TileId(0, 1_234_067), "tile/0/x001/x234/067"),
    (TileId(63, 1_000_000, 17), "tile/63/x001/x000/000.p/17"),
    (TileId(None, 0), "tile/entries/000"),
    (TileId(None, 273, 112), "tile/entries/273.p/112"),
]


@pytest.mark.parametrize("tile,path", PATHS)
def test_path_is_as_the_format_says_both_ways(tile: TileId, path: str) -> None:
    assert tile.path == path
    assert parse_path(path) == tile


@given(st.none() | st.integers(0, 63), st.integers(0, (1 << 63) // 256 - 1), st.integers(1, 256))
def test_path_round_trips_for_any_tile(level: int | None, index: int, width: int) -> None:
    tile = TileId(level, index, width)
    assert parse_path(tile.path) == tile


REFUSED_PATHS = [
    "",
    "tile",
    "tile/0",
    "tile/0/",
    "tile/0/0",
    "tile/0/00",
    "tile/0/0000",
    "tile/00/000",
    "tile/64/000",
    "tile/99/000",
    "tile/-1/000",
    "tile/data/000",
    "tile/0/x000/001",
    "tile/0/001/002",
    "tile/0/x001",
    "tile/0/x01/002",
    "tile/0/X001/002",
    "tile/0/000.p",
    "tile/0/000.p/",
    "tile/0/000.p/0",
    "tile/0/000.p/01",
    "tile/0/000.p/256",
    "tile/0/000.p/1/",
    "tile/0/000.p/1\n",
    "tile/0/000\n",
    " tile/0/000",
    "/tile/0/000",
    "tile/0/../000",
    "tile/0/٠٠٠",
    "tile/entries/" + "x999/" * 8 + "999",
    "../checkpoint",
    "checkpoint",
]


@pytest.mark.parametrize("path", REFUSED_PATHS)
def test_path_is_refused_when_not_canonical(path: str) -> None:
    with pytest.raises(MalformedError):
        parse_path(path)


@pytest.mark.parametrize("level,index,width", [(64, 0, 1), (-1, 0, 1), (0, -1, 1), (0, 0, 257)])
def test_path_is_refused_when_no_such_tile_can_be(level: int, index: int, width: int) -> None:
    with pytest.raises(ValueError, match="no tile"):
        tile_path(level, index, width)


@pytest.mark.parametrize("index,width", [(-1, 1), (0, 0), (0, 257), (1 << 60, 1)])
def test_entries_path_is_refused_when_no_such_bundle_can_be(index: int, width: int) -> None:
    with pytest.raises(ValueError, match="no tile"):
        entries_path(index, width)


EDGES = {
    0: [],
    1: ["tile/0/000.p/1"],
    255: ["tile/0/000.p/255"],
    256: ["tile/1/000.p/1"],
    257: ["tile/0/001.p/1", "tile/1/000.p/1"],
    65_535: ["tile/0/255.p/255", "tile/1/000.p/255"],
    65_536: ["tile/2/000.p/1"],
    70_000: ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"],
}


@pytest.mark.parametrize("size", EDGES)
def test_right_edge_is_as_the_format_says_at_every_boundary(size: int) -> None:
    assert [tile.path for tile in right_edge_tiles(size)] == EDGES[size]
    for tile in right_edge_tiles(size):
        assert tile_width(tile.level or 0, tile.index, size) == tile.width
    full = [tile for tile in tiles_for_size(size) if tile.width == TILE_WIDTH]
    assert len(full) == size // 256 + size // 65_536
    assert {tile.path for tile in tiles_for_size(size)} >= set(EDGES[size])
    bundles = list(bundles_for_size(size))
    assert sum(bundle.width for bundle in bundles) == size
    assert all(bundle.level is None for bundle in bundles)


def test_tile_width_is_zero_when_the_tile_does_not_exist() -> None:
    assert [tile_width(0, 1, 256), tile_width(1, 0, 255), tile_width(1, 1, 70_000)] == [0, 0, 17]


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 600, 65_535, 65_536, 65_537, 70_000])
def test_right_edge_gives_roots_and_tiles_when_grown_in_pieces(size: int) -> None:
    leaves = [leaf_hash(b"%d" % number) for number in range(size)]
    stored: dict[TileId, bytes] = {}
    edge, at = RightEdge(), 0
    for step in (1, 254, 1, 1, 300, 20_000, size):
        stored.update(edge.extend(leaves[at : min(at + step, size)]))
        stored.update(edge.partial_tiles())
        at = min(at + step, size)
        assert len(edge) == at
    assert edge.root() == tree_root(leaves)
    assert set(tiles_for_size(size)) <= set(stored)
    again = RightEdge.load(size, stored.get)
    assert again.root() == edge.root()
    assert again.partial_tiles() == edge.partial_tiles()
    copy = edge.copy()
    copy.extend([leaf_hash(b"more")])
    assert (len(copy), len(edge)) == (size + 1, size)
    assert edge.root() == tree_root(leaves)


def test_right_edge_names_the_tile_when_it_is_missing_or_cut() -> None:
    with pytest.raises(CorruptionError, match=r"tile/0/000\.p/3 is missing"):
        RightEdge.load(3, lambda _: None)
    with pytest.raises(CorruptionError, match="95 bytes long"):
        RightEdge.load(3, lambda _: bytes(95))


def test_tile_rows_hold_every_subtree_when_full_or_partial() -> None:
    for width in (1, 2, 3, 17, 255, 256):
        leaves = [leaf_hash(b"%d" % number) for number in range(width)]
        rows = tile_rows(b"".join(leaves))
        for height, row in enumerate(rows):
            assert split_hashes(row, width >> height) == [
                MemoryTree(leaves[at << height : (at + 1) << height]).root() for at in range(width >> height)
            ]


def test_split_hashes_refuses_when_the_length_is_wrong() -> None:
    with pytest.raises(MalformedError):
        split_hashes(bytes(33), 1)


def test_bundle_has_golden_bytes_when_written() -> None:
    entries = [b"", b"a", b"\x00" * 256]
    bundle = b"\x00\x00" + b"\x00\x01a" + b"\x01\x00" + b"\x00" * 256
    assert encode_bundle(entries) == bundle
    assert decode_bundle(bundle, 3) == entries


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_bundle_round_trips_for_any_entries(entries: list[bytes]) -> None:
    bundle = encode_bundle(entries)
    assert decode_bundle(bundle, len(entries)) == entries
    for count in (len(entries) - 1, len(entries) + 1):
        with pytest.raises(MalformedError):
            decode_bundle(bundle, count)
    for end in range(len(bundle)):
        with pytest.raises(MalformedError):
            decode_bundle(bundle[:end], len(entries))


def test_bundle_is_refused_when_bytes_are_left_over() -> None:
    with pytest.raises(MalformedError):
        decode_bundle(b"\x00\x01a\x00", 1)
    with pytest.raises(MalformedError):
        decode_bundle(b"\x00\x00", 0)


def test_bundle_takes_an_entry_up_to_the_limit_and_not_beyond() -> None:
    longest = bytes(MAX_ENTRY_BYTES)
    assert decode_bundle(encode_bundle([longest]), 1) == [longest]
    with pytest.raises(EntryTooLargeError):
        encode_bundle([bytes(MAX_ENTRY_BYTES + 1)])


def test_path_is_refused_when_its_number_has_thousands_of_digits() -> None:
    with pytest.raises(MalformedError):
        parse_path("tile/0/" + "x001/" * 2_000 + "001")
