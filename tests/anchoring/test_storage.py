"""The storage ports: one suite for every tile store, and the checkpoint store."""

import fcntl
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from anchoring.checkpoint_store import SqliteCheckpointStore
from anchoring.error import ConflictError, CorruptionError, MalformedError, StoreUnreachableError
from anchoring.note import format_note
from anchoring.object_store import ObjectTileStore, connect
from anchoring.storage import CheckpointStore, DirectoryTileStore, Placement, Published, Staged, TileStore
from anchoring.tile import TileId
from anchoring.time_anchor import AnchorProof
from api.postgres_log import PostgresCheckpointStore
from ledger.error import StorageError
from ledger.postgres_store import PostgresFactory, PostgresRecorder
from tests.anchoring.doubles import START, MemoryTileStore
from tests.object_store import FileObjectStore, MemoryObjectStore, ObjectStore


@pytest.fixture(scope="module")
def object_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """A real server that keeps objects as files and ignores the conditions of a write."""
    yield from running(FileObjectStore(tmp_path_factory.mktemp("files")))


@pytest.fixture(scope="module")
def object_memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """A server that keeps the conditions of a write."""
    yield from running(MemoryObjectStore(tmp_path_factory.mktemp("memory")))


def running(server: ObjectStore) -> Iterator[ObjectStore]:
    server.start()
    yield server
    server.close()


OBJECTS = ["object_files", "object_memory"]


@pytest.fixture(params=["directory", "memory", *OBJECTS])
def tiles(request: pytest.FixtureRequest, tmp_path: Path) -> TileStore:
    if request.param == "directory":
        return DirectoryTileStore(tmp_path / "log")
    return MemoryTileStore() if request.param == "memory" else bucket(request.getfixturevalue(request.param))


def bucket(server: ObjectStore) -> ObjectTileStore:
    return ObjectTileStore(connect(server.fresh_address()))


def test_tiles_give_nothing_when_nothing_was_written(tiles: TileStore) -> None:
    assert tiles.read("tile/0/000") is None
    assert tiles.read("checkpoint") is None
    assert list(tiles.partials(TileId(0, 0))) == []
    tiles.delete_partials(TileId(0, 0))


def test_tiles_give_back_what_was_written(tiles: TileStore) -> None:
    for path in ("tile/0/000", "tile/0/x001/234.p/17", "tile/entries/000.p/1"):
        tiles.write(path, path.encode())
        tiles.write(path, path.encode())
        assert tiles.read(path) == path.encode()


def test_tiles_refuse_other_bytes_when_a_tile_is_there(tiles: TileStore) -> None:
    tiles.write("tile/0/000", b"one")
    with pytest.raises(CorruptionError, match="tile/0/000"):
        tiles.write("tile/0/000", b"two")
    assert tiles.read("tile/0/000") == b"one"


def test_tiles_replace_the_checkpoint_as_often_as_told(tiles: TileStore) -> None:
    for content in (b"one", b"two", b"two"):
        tiles.replace("checkpoint", content)
        assert tiles.read("checkpoint") == content


def test_tiles_list_and_delete_partial_versions_of_one_tile_only(tiles: TileStore) -> None:
    for width in (3, 17, 255):
        tiles.write(TileId(0, 0, width).path, b"x")
    tiles.write("tile/0/000", b"full")
    tiles.write("tile/1/000.p/3", b"other")
    assert list(tiles.partials(TileId(0, 0))) == [3, 17, 255]
    tiles.delete_partials(TileId(0, 0))
    assert list(tiles.partials(TileId(0, 0))) == []
    assert tiles.read("tile/0/000.p/3") is None
    assert (tiles.read("tile/0/000"), tiles.read("tile/1/000.p/3")) == (b"full", b"other")


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "tile/0/../../x", "", ".", "tile/0/000/x", "Checkpoint"])
def test_tiles_refuse_a_path_when_it_is_no_tile(tiles: TileStore, path: str) -> None:
    with pytest.raises(MalformedError):
        tiles.read(path)


def test_directory_leaves_the_old_checkpoint_when_the_rename_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiles = DirectoryTileStore(tmp_path)
    tiles.replace("checkpoint", b"old")

    def broken(*_: object) -> None:
        raise OSError("no rename")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", broken)
        with pytest.raises(OSError, match="no rename"):
            tiles.replace("checkpoint", b"new")
    assert tiles.read("checkpoint") == b"old"
    tiles.replace("checkpoint", b"new")
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint"]


def test_directory_syncs_file_and_directory_when_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def watch(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    tiles = DirectoryTileStore(tmp_path / "log")
    monkeypatch.setattr(os, "fsync", watch)
    tiles.write("tile/0/000", b"x")
    incoming = synced.pop(-2)
    assert (incoming[:5], incoming[-9:]) == (".000.", ".incoming")
    assert synced == [tmp_path.name, "log", "tile", "0"]
    synced.clear()
    tiles.write("tile/0/000", b"x")
    assert synced == ["000", "0"]


def test_directory_shows_the_bytes_of_one_process_when_two_write_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused, other = DirectoryTileStore(tmp_path), DirectoryTileStore(tmp_path)
    fsync = os.fsync

    def wake_late(descriptor: int) -> None:
        monkeypatch.setattr(os, "fsync", fsync)
        other.replace("checkpoint", b"other" * 100)  # between what the paused one writes and its rename
        assert other.read("checkpoint") == b"other" * 100
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", wake_late)
    paused.replace("checkpoint", b"paused")
    assert paused.read("checkpoint") == b"paused"
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint"]


def test_directory_is_rid_of_what_dead_processes_left_and_of_nothing_that_is_being_written(tmp_path: Path) -> None:
    tiles = DirectoryTileStore(tmp_path)
    died = "import os, sys; from pathlib import Path; from anchoring import storage; os.fsync = lambda _: os._exit(9)\n"
    died += "storage.DirectoryTileStore(Path(sys.argv[1])).replace('checkpoint', b'half')"
    assert subprocess.run([sys.executable, "-c", died, tmp_path], check=False).returncode == 9
    (tmp_path / ".checkpoint.incoming").write_bytes(b"of an older version")
    (tmp_path / ".checkpoint.1.incoming").write_bytes(b"of a living process")
    with (tmp_path / ".checkpoint.1.incoming").open("rb") as living:
        fcntl.flock(living, fcntl.LOCK_EX)
        assert len(list(tmp_path.iterdir())) == 3
        tiles.replace("checkpoint", b"whole")
    assert sorted(file.name for file in tmp_path.iterdir()) == [".checkpoint.1.incoming", "checkpoint"]


# ── the checkpoint in a store that several processes share ───────────────────────────────────────

SHARED = ["directory", *OBJECTS]


def head(size: int, root: str = "A") -> bytes:
    return format_note(f"example.edu/log\n{size}\n{root * 43}=\n", ["\u2014 example.edu/log AAAAAAAA\n"])


@pytest.mark.parametrize("tiles", SHARED, indirect=True)
def test_tiles_never_replace_a_checkpoint_by_one_of_fewer_entries(tiles: TileStore) -> None:
    for size in (5, 5, 7):
        tiles.replace("checkpoint", head(size))
    with pytest.raises(ConflictError, match="taken over"):
        tiles.replace("checkpoint", head(6))
    assert tiles.read("checkpoint") == head(7)


@pytest.mark.parametrize("tiles", SHARED, indirect=True)
def test_tiles_never_replace_a_checkpoint_by_one_of_another_tree_of_its_size(tiles: TileStore) -> None:
    tiles.replace("checkpoint", head(7))
    with pytest.raises(CorruptionError, match="another tree of size 7"):
        tiles.replace("checkpoint", head(7, "Q"))
    assert tiles.read("checkpoint") == head(7)
    signed_again = head(7) + "\u2014 witness AAAAAAAA\n".encode()
    tiles.replace("checkpoint", signed_again)
    assert tiles.read("checkpoint") == signed_again


# ── tiles in an object store ─────────────────────────────────────────────────────────────────────


def test_objects_find_out_whether_the_store_keeps_conditions(
    object_files: ObjectStore, object_memory: ObjectStore
) -> None:
    assert not bucket(object_files).is_conditional
    assert bucket(object_memory).is_conditional


def test_objects_refuse_an_older_checkpoint_that_was_on_its_way_when_a_newer_one_came(
    object_memory: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = object_memory.fresh_address()
    paused, other = ObjectTileStore(connect(address)), ObjectTileStore(connect(address))
    paused.replace("checkpoint", head(5))
    swap = ObjectTileStore._swap

    def wake_late(store: ObjectTileStore, path: str, content: bytes, tag: str | None) -> bool:
        if store is paused and other.read("checkpoint") == head(5):
            other.replace("checkpoint", head(7))  # between what the paused one read and what it writes
        return swap(store, path, content, tag)

    monkeypatch.setattr(ObjectTileStore, "_swap", wake_late)
    with pytest.raises(ConflictError, match="taken over"):
        paused.replace("checkpoint", head(6))
    assert other.read("checkpoint") == head(7)


@pytest.mark.parametrize("name", OBJECTS)
def test_objects_are_not_taken_for_an_empty_log_when_the_bucket_is_missing(
    name: str, request: pytest.FixtureRequest
) -> None:
    tiles = ObjectTileStore(connect(replace(request.getfixturevalue(name).fresh_address(), bucket="no-such-bucket")))
    with pytest.raises(StoreUnreachableError):
        tiles.read("checkpoint")
    with pytest.raises(StoreUnreachableError):
        tiles.write("tile/0/000", b"x")


def test_objects_say_that_the_store_does_not_answer_and_go_on_when_it_is_back(tmp_path: Path) -> None:
    server = FileObjectStore(tmp_path)
    server.start()
    try:
        tiles = bucket(server)
        tiles.write("tile/0/000", b"kept")
        server.kill()
        with pytest.raises(StoreUnreachableError, match="store of tiles") as failure:
            tiles.read("tile/0/000")
        assert len(str(failure.value).splitlines()) == 1
        server.start()
        assert tiles.read("tile/0/000") == b"kept"
    finally:
        server.close()


# ── the checkpoint store ─────────────────────────────────────────────────────────────────────────

FIRST = Published(b"note 1", 4, 3, 3, 0)
SECOND = Published(b"note 2", 6, 4, 5, 0)


@pytest.fixture(params=["file", "postgres"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CheckpointStore]:
    """A store of either kind, of a process that continues the log."""
    if request.param == "file":
        yield SqliteCheckpointStore(tmp_path / "log.db")
        return
    recorder = opened(request.getfixturevalue("postgres_server").fresh_schema())
    store = PostgresCheckpointStore(recorder.connections, recorder.log_claim())
    store.take_over()
    yield store
    store.close()
    recorder.close()


def opened(address: str) -> PostgresRecorder:
    return PostgresFactory(address, (), ledger="one").application_recorder()


@pytest.fixture
def store(tmp_path: Path) -> SqliteCheckpointStore:
    return SqliteCheckpointStore(tmp_path / "log.db")


def test_store_is_durable_by_its_settings_when_opened(store: SqliteCheckpointStore) -> None:
    (mode,) = store._db.execute("PRAGMA journal_mode").fetchone()
    (synchronous,) = store._db.execute("PRAGMA synchronous").fetchone()
    assert (mode, synchronous) == ("wal", 2)  # 2 is FULL


def test_store_holds_the_last_swap_when_opened_again(store: SqliteCheckpointStore, tmp_path: Path) -> None:
    assert store.load() is None
    store.compare_and_swap(None, FIRST)
    store.compare_and_swap(FIRST, SECOND)
    store.close()
    assert SqliteCheckpointStore(tmp_path / "log.db").load() == SECOND


@pytest.mark.parametrize("old", [None, SECOND, Published(b"note 1", 4, 3, 3, 1)])
def test_store_refuses_a_swap_when_the_state_is_another(either: CheckpointStore, old: Published | None) -> None:
    either.compare_and_swap(None, FIRST)
    with pytest.raises(ConflictError):
        either.compare_and_swap(old, SECOND, placements=[Placement(9, 9, 1)], anchors={1: 5})
    assert (either.load(), list(either.placements())) == (FIRST, [])


def test_store_lets_one_of_two_connections_swap_when_both_try(store: SqliteCheckpointStore, tmp_path: Path) -> None:
    other = SqliteCheckpointStore(tmp_path / "log.db")
    store.compare_and_swap(None, FIRST)
    with pytest.raises(ConflictError):
        other.compare_and_swap(None, SECOND)
    other.compare_and_swap(FIRST, SECOND)
    assert store.load() == SECOND


def test_store_changes_nothing_when_part_of_a_swap_fails(either: CheckpointStore) -> None:
    runs = [Placement(1, 0, 3), Placement(1, 7, 1)]
    with pytest.raises((sqlite3.IntegrityError, StorageError)):
        either.compare_and_swap(None, FIRST, placements=runs)
    assert (either.load(), list(either.placements())) == (None, [])


def test_store_finds_positions_when_there_are_many_runs(either: CheckpointStore) -> None:
    runs = [Placement(position, 2 * position, 3) for position in range(1, 10_000, 4)]
    either.compare_and_swap(None, FIRST, placements=runs)
    assert list(either.placements()) == runs
    assert [either.index_of(position) for position in (1, 2, 3, 4, 5, 9_999)] == [2, 3, 4, None, 10, 19_996]
    assert either.index_of(0) is None


def test_store_keeps_only_what_was_staged_last(either: CheckpointStore) -> None:
    assert either.staged() is None
    bundles = tuple((TileId(None, number), b"%d" % number) for number in (999, 1000, 1001))
    either.stage(Staged(0, 5, ((TileId(None, 0, 5), b"x"),)))
    either.stage(Staged(1, 7, bundles))
    assert either.staged() == Staged(1, 7, bundles)
    either.discard_staged(5)
    assert either.staged() is not None
    either.discard_staged(7)
    either.discard_staged(7)
    assert either.staged() is None


def test_store_gives_pending_anchors_until_they_are_logged(either: CheckpointStore) -> None:
    proofs = [AnchorProof("rfc3161", name, START + timedelta(milliseconds=7), b"t") for name in "ab"]
    serials = [either.add_anchor(proof, b"note", 4) for proof in proofs]
    assert serials == [1, 2]
    assert [kept.proof for kept in either.anchors(pending=True)] == proofs
    either.compare_and_swap(None, FIRST, anchors={1: 12})
    assert [kept.serial for kept in either.anchors(pending=True)] == [2]
    assert [(kept.serial, kept.log_index) for kept in either.anchors()] == [(1, 12), (2, None)]


def test_store_finds_pending_anchors_without_reading_the_others(store: SqliteCheckpointStore) -> None:
    for number in range(4):
        store.add_anchor(AnchorProof("rfc3161", "a", START, b"t%d" % number), b"note", number + 1)
    store.compare_and_swap(None, FIRST, anchors={1: 12, 2: 13, 4: 14})
    asked: list[str] = []
    store._db.set_trace_callback(asked.append)
    assert [kept.serial for kept in store.anchors(pending=True)] == [3]
    assert [kept.serial for kept in store.anchors(after=2)] == [3, 4]
    store._db.set_trace_callback(None)
    plans = [store._query(f"EXPLAIN QUERY PLAN {statement}")[0][-1] for statement in asked]
    assert plans == [
        "SEARCH anchor USING INDEX sqlite_autoindex_anchor_1 (log_index=? AND rowid>?)",
        "SEARCH anchor USING INTEGER PRIMARY KEY (rowid>?)",
    ]


def test_store_remembers_garbage_until_told_to_forget(either: CheckpointStore) -> None:
    tiles = [TileId(0, 1), TileId(None, 1)]
    either.add_garbage([], START)
    either.add_garbage(tiles, START)
    assert either.garbage(START) == []
    later = START + timedelta(seconds=1)
    assert sorted(tile.path for tile in either.garbage(later)) == ["tile/0/001", "tile/entries/001"]
    either.forget_garbage(tiles[:1])
    assert either.garbage(later) == tiles[1:]


def test_store_is_refused_when_the_file_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "log.db").write_bytes(b"not a database" * 100)
    with pytest.raises(CorruptionError, match="no"):
        SqliteCheckpointStore(tmp_path / "log.db")


def test_store_says_what_the_system_says_when_it_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        SqliteCheckpointStore(tmp_path / "absent" / "log.db")
