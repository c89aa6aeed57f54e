"""Verified reads: what comes out is what the checkpoint commits to, or an error."""

from collections.abc import Callable
from pathlib import Path

import pytest

from anchoring.checkpoint import Checkpoint
from anchoring.error import CorruptionError
from anchoring.reader import LogReader
from anchoring.tile import CHECKPOINT_PATH, TileId
from anchoring.tree import (
    EMPTY_ROOT,
    MemoryTree,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)
from tests.anchoring.doubles import Log, MemoryTileStore, make_log

COUNTS = (255, 44, 700)  # checkpoints of 256, 301 and 1002 entries


class Published:
    """A log, its checkpoints, and its entries in memory."""

    def __init__(self, log: Log) -> None:
        assert isinstance(log.tiles, MemoryTileStore)
        self.files = log.tiles.files
        self.checkpoints: list[Checkpoint] = []
        sequencer = log.start()
        for count in COUNTS:
            log.feed.add(count)
            checkpoint = sequencer.sequence()
            assert checkpoint is not None
            self.checkpoints.append(checkpoint)
        self.head = self.checkpoints[-1]
        self.reader = LogReader(self.files.get, self.head)
        self.entries = list(self.reader.entries())
        self.tree = MemoryTree(map(leaf_hash, self.entries))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    return Published(make_log(tmp_path_factory.mktemp("log")))


def test_reader_gives_all_entries_when_asked(published: Published) -> None:
    assert len(published.entries) == published.head.size == 1002
    assert published.tree.root() == published.head.root


@pytest.mark.parametrize("start,end", [(0, 0), (0, 1), (255, 257), (256, 512), (1001, 1002), (1002, 1002)])
def test_reader_gives_a_range_when_asked(published: Published, start: int, end: int) -> None:
    assert list(published.reader.entries(start, end)) == published.entries[start:end]


def test_reader_gives_proofs_that_verify_at_any_size(published: Published) -> None:
    for size in (1, 2, 255, 256, 257, 301, 512, 513, 1001, 1002):
        root = published.reader.root(size)
        assert root == published.tree.root(size)
        for index in {0, size // 2, size - 1}:
            proof = published.reader.inclusion_proof(index, size)
            leaf = published.reader.leaf(index)
            verify_inclusion(leaf=leaf, index=index, size=size, proof=proof, root=root)
            assert leaf_hash(published.reader.entry(index)) == leaf
        verify_consistency(
            old_size=size,
            old_root=root,
            new_size=1002,
            new_root=published.head.root,
            proof=published.reader.consistency_proof(size),
        )
    assert published.reader.root(0) == EMPTY_ROOT


def test_reader_serves_every_old_checkpoint_when_partials_are_gone(published: Published) -> None:
    files = {path: content for path, content in published.files.items() if ".p/" not in path}
    for tile in ("tile/0/003.p/234", "tile/1/000.p/3", "tile/entries/003.p/234"):
        files[tile] = published.files[tile]
    old = published.checkpoints[1]
    reader = LogReader(lambda path: files.get(path), old)  # noqa: PLW0108  (a caller's own fetch)
    with pytest.raises(CorruptionError, match=r"tile/1/000\.p/1 is missing"):
        reader.root()
    files["tile/1/000.p/1"] = published.files["tile/1/000.p/1"]
    assert list(LogReader(files.get, old).entries()) == published.entries[: old.size]


@pytest.mark.parametrize(
    "ask",
    [
        lambda reader: reader.inclusion_proof(1002),
        lambda reader: reader.inclusion_proof(0, 1003),
        lambda reader: reader.inclusion_proof(-1),
        lambda reader: reader.consistency_proof(0),
        lambda reader: reader.consistency_proof(1003),
        lambda reader: reader.consistency_proof(1, 1003),
        lambda reader: reader.root(-1),
        lambda reader: reader.root(1003),
        lambda reader: reader.leaf(1002),
        lambda reader: reader.leaf(-1),
        lambda reader: reader.entry(1002),
        lambda reader: reader.entries(-1),
        lambda reader: reader.entries(3, 2),
        lambda reader: reader.entries(0, 1003),
    ],
)
def test_reader_refuses_when_the_log_has_no_such_thing(
    published: Published, ask: Callable[[LogReader], object]
) -> None:
    with pytest.raises(ValueError, match=r"no.* (in|of|from)"):
        ask(published.reader)


def test_reader_finds_any_changed_byte_when_reading_all(published: Published) -> None:
    needed = set()

    def watch(path: str) -> bytes | None:
        needed.add(path)
        return published.files.get(path)

    list(LogReader(watch, published.head).entries())
    assert len(needed) == 4 + 4 + 1
    for path in needed:
        good = published.files[path]
        for at in range(0, len(good), max(1, len(good) // 17)):
            bad = good[:at] + bytes([good[at] ^ 4]) + good[at + 1 :]
            reader = LogReader({**published.files, path: bad}.get, published.head)
            with pytest.raises(CorruptionError):
                list(reader.entries())
        for bad in (b"", good[:-1], good + b"\x00", good[:32], good * 2):
            reader = LogReader({**published.files, path: bad}.get, published.head)
            with pytest.raises(CorruptionError):
                list(reader.entries())


def test_reader_names_the_file_when_it_is_damaged_or_missing(published: Published) -> None:
    for path in ("tile/0/001", "tile/entries/001", "tile/1/000.p/3"):
        files = dict(published.files)
        del files[path]
        with pytest.raises(CorruptionError, match=path.replace(".", r"\.")):
            list(LogReader(files.get, published.head).entries())
    files = {**published.files, "tile/entries/001": published.files["tile/entries/000"]}
    with pytest.raises(CorruptionError, match="entry 256 in tile/entries/001"):
        list(LogReader(files.get, published.head).entries())


def test_reader_believes_nothing_when_the_checkpoint_is_of_another_log(published: Published) -> None:
    wrong = Checkpoint(published.head.origin, published.head.size, bytes(32))
    with pytest.raises(CorruptionError, match="miss the root"):
        LogReader(published.files.get, wrong).inclusion_proof(0)


def test_reader_keeps_few_tiles_when_told_so(published: Published) -> None:
    fetched: list[str] = []

    def watch(path: str) -> bytes | None:
        fetched.append(path)
        return published.files.get(path)

    reader = LogReader(watch, published.head, cached_tiles=1)
    for index in (0, 0, 300, 0):
        reader.leaf(index)
    assert [path for path in fetched if path.startswith("tile/0/00") and ".p" not in path] == [
        "tile/0/000",
        "tile/0/001",
        "tile/0/000",
    ]


def test_reader_serves_an_empty_log(tmp_path: Path) -> None:
    log = make_log(tmp_path)
    reader = LogReader(log.tiles.read, Checkpoint("o", 0, EMPTY_ROOT))
    assert (reader.root(), list(reader.entries())) == (EMPTY_ROOT, [])
    assert log.tiles.read(CHECKPOINT_PATH) is None
    assert TileId(0, 0).path == "tile/0/000"
