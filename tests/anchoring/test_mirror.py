"""Copying a log: nothing unchecked is kept, and an interrupted copy goes on where it stood."""

from collections import Counter
from pathlib import Path

import pytest

from anchoring.checkpoint import Checkpoint
from anchoring.error import AnchoringError, CorruptionError
from anchoring.head import HeadOrder, compare_heads
from anchoring.mirror import LogMirror
from anchoring.reader import LogReader
from anchoring.tile import CHECKPOINT_PATH, parse_path
from anchoring.tree import verify_consistency
from tests.anchoring.doubles import Log, MemoryTileStore, make_log

COUNTS = (255, 44, 700)  # checkpoints of 256, 301 and 1002 entries


class Original:
    """A log with its checkpoints, and a count of what was fetched from it."""

    def __init__(self, log: Log, counts: tuple[int, ...] = COUNTS) -> None:
        assert isinstance(log.tiles, MemoryTileStore)
        self.files = log.tiles.files
        self.fetched: Counter[str] = Counter()
        sequencer = log.start()
        self.heads: list[Checkpoint] = []
        for count in counts:
            log.feed.add(count)
            head = sequencer.sequence()
            assert head is not None
            self.heads.append(head)

    def fetch(self, path: str) -> bytes | None:
        self.fetched[path] += 1
        return self.files.get(path)


class BreakingTiles(MemoryTileStore):
    """Tiles whose n-th write fails: before it happened, or after."""

    def __init__(self, breaking: int, *, persisted: bool) -> None:
        super().__init__()
        self.left = breaking
        self.persisted = persisted

    def write(self, path: str, content: bytes) -> None:
        self.left -= 1
        if self.left == 0 and not self.persisted:
            raise OSError("disk")
        super().write(path, content)
        if self.left == 0:
            raise OSError("disk, after all")


@pytest.fixture
def original(tmp_path: Path) -> Original:
    return Original(make_log(tmp_path))


def public_tiles(original: Original) -> dict[str, bytes]:
    """What a copy of the newest head has to hold: full tiles and the head's own partial ones."""
    size = original.heads[-1].size
    kept = {}
    for path, content in original.files.items():
        if path != CHECKPOINT_PATH:
            tile = parse_path(path)
            count = size >> (8 * (tile.level or 0))
            if tile.width == 256 or tile.width == count - 256 * tile.index:
                kept[path] = content
    return kept


def test_copy_holds_the_same_tiles_when_it_went_step_by_step(original: Original) -> None:
    tiles, old = MemoryTileStore(), None
    for head in original.heads:
        entries = list(LogMirror(tiles, original.fetch).copy(old, head))
        assert len(entries) == head.size - (old.size if old else 0)
        old = head
    assert public_tiles(original).items() <= tiles.files.items()
    assert LogReader(tiles.read, original.heads[-1]).root() == original.heads[-1].root


@pytest.mark.parametrize("persisted", [False, True])
def test_copy_goes_on_without_fetching_again_when_a_write_failed(tmp_path: Path, *, persisted: bool) -> None:
    original = Original(make_log(tmp_path))
    head = original.heads[-1]
    breaking = 0
    while True:
        breaking += 1
        tiles = BreakingTiles(breaking, persisted=persisted)
        original.fetched.clear()
        try:
            list(LogMirror(tiles, original.fetch).copy(None, head))
            break
        except OSError:
            assert CHECKPOINT_PATH not in tiles.files
        before = set(tiles.files)
        original.fetched.clear()
        list(LogMirror(tiles, original.fetch).copy(None, head))
        assert not before & set(original.fetched), "what lay there already was fetched again"
        assert tiles.files == public_tiles(original)
    assert breaking > 9  # four bundles, three full tiles, two partial ones


def test_copy_refuses_when_any_fetched_byte_is_changed(original: Original) -> None:
    head = original.heads[-1]
    for path in public_tiles(original):
        # Tiles above the leaves are derived, but each one that is read is checked as well.
        whole = original.files[path]
        for at in {0, len(whole) // 2, len(whole) - 1}:
            original.files[path] = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
            tiles = MemoryTileStore()
            try:
                list(LogMirror(tiles, original.fetch).copy(None, head))
            except CorruptionError:
                pass
            else:
                assert path not in original.fetched, f"{path} was read and believed"
            original.files[path] = whole
            kept = {name: content for name, content in tiles.files.items() if content != original.files[name]}
            assert kept == {}, "a changed byte was kept"
        original.fetched.clear()


def test_copy_mends_itself_when_its_own_bytes_are_damaged(original: Original) -> None:
    tiles, head = MemoryTileStore(), original.heads[-1]
    list(LogMirror(tiles, original.fetch).copy(None, head))
    whole = dict(tiles.files)
    for path in whole:
        tiles.files[path] = whole[path][:-1] + bytes([whole[path][-1] ^ 1])
        list(LogMirror(tiles, original.fetch).copy(None, head, is_kept=True))
        assert tiles.files == whole, path


def test_copy_refuses_when_its_edge_is_not_its_checkpoints(original: Original) -> None:
    tiles, old = MemoryTileStore(), original.heads[1]
    list(LogMirror(tiles, original.fetch).copy(None, old))
    tiles.files["tile/0/001.p/45"] = b"\0" * 32 * 45
    with pytest.raises(CorruptionError, match="right edge"):
        list(LogMirror(tiles, original.fetch).copy(old, original.heads[2]))


def test_copy_fetches_only_what_is_new_when_the_log_grew(original: Original) -> None:
    tiles = MemoryTileStore()
    list(LogMirror(tiles, original.fetch).copy(None, original.heads[1]))
    original.fetched.clear()
    list(LogMirror(tiles, original.fetch).copy(original.heads[1], original.heads[2]))
    assert max(original.fetched.values()) == 1
    assert "tile/entries/000" not in original.fetched


def reader(original: Original) -> LogMirror:
    return LogMirror(MemoryTileStore(), original.fetch)


def test_heads_are_ordered_when_one_log_grew(original: Original) -> None:
    first, _, last = original.heads
    read = reader(original).reader
    assert compare_heads(first, last, read).order is HeadOrder.NEWER
    assert compare_heads(last, first, read).order is HeadOrder.OLDER
    assert compare_heads(last, last, read).order is HeadOrder.SAME


@pytest.mark.parametrize("counts", [(999,), (500,), (2_000,)], ids=["same size", "smaller", "larger"])
def test_heads_are_a_fork_when_neither_begins_the_other(
    original: Original, tmp_path: Path, counts: tuple[int, ...]
) -> None:
    (tmp_path / "other").mkdir()
    other = make_log(tmp_path / "other")
    other.feed.add(1, size=99)
    forked = Original(other, counts)
    seen, shown = original.heads[-1], forked.heads[-1]
    files = {seen: original, shown: forked}
    found = compare_heads(seen, shown, lambda head: LogReader(files[head].fetch, head))
    assert found.order is HeadOrder.FORK
    if found.prefix_root is not None:
        small, large = sorted((seen, shown), key=lambda head: head.size)
        assert found.prefix_root != small.root
        verify_consistency(
            old_size=small.size,
            old_root=found.prefix_root,
            new_size=large.size,
            new_root=large.root,
            proof=found.proof,
        )


def test_heads_are_no_fork_when_tiles_are_merely_damaged(original: Original) -> None:
    _, first, last = original.heads
    for path in ("tile/0/001", "tile/1/000.p/3", "tile/0/003.p/234"):
        damaged = {**original.files, path: b"\0" * len(original.files[path])}
        with pytest.raises(AnchoringError):
            compare_heads(first, last, LogMirror(MemoryTileStore(), damaged.get).reader)
