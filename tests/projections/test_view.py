import gc
import random
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from projections import generation
from projections.error import PositionMovedError, ViewError, ViewFullError, ViewNotReadyError
from projections.generation import Generation, fingerprint
from projections.source import Notification
from projections.table import Table
from projections.view import CHECK_SECONDS, View
from tests.processes import open_below
from tests.projections.counting import MAP_BYTES, Counting, Numbers, fill, open_view


def swap(view: View, source: Numbers) -> str:
    """Bring in another generation by hand; return its name."""
    with view.exclusive():
        fresh = view.make_generation()
        fresh.apply(source.read(0, source.size), Counting().apply, after=0)
        fresh.flush()
        fresh.close()
        view.make_current(fresh.name)
    return fresh.name


def test_view_is_empty_and_at_zero_when_first_opened(tmp_path: Path) -> None:
    view = open_view(tmp_path)
    assert (view.ready, view.position(), view.get(b"count"), view.generation) == (True, 0, None, "v1-000001")
    assert (tmp_path / "counting" / "CURRENT").read_bytes() == b"v1-000001\n"


def test_view_keeps_rows_and_position_when_opened_again(tmp_path: Path) -> None:
    view = open_view(tmp_path)
    source = Numbers(12)
    fill(view, source, limit=5)
    del view
    gc.collect()
    again = open_view(tmp_path)
    assert (again.get(b"count"), again.position()) == (b"12", 12)
    assert again.tracking().fingerprint == fingerprint(source.read(11, 1)[0])


def test_view_is_not_read_before_it_shows_what_it_must(tmp_path: Path) -> None:
    view, source = open_view(tmp_path), Numbers(12)
    fill(view, Numbers(5))
    view.withhold(12)
    reader = view.reader()
    for read in (lambda: view.get(b"count"), view.rows, reader.renew, lambda: view.snapshot().__enter__()):
        with pytest.raises(ViewNotReadyError, match="does not show yet"):
            read()
    assert (view.ready, view.is_answering, view.position(), view.generation) == (True, False, 5, "v1-000001")
    view.apply(source.read(5, 6), Counting().apply, after=5)
    assert not view.is_answering
    view.apply(source.read(11, 6), Counting().apply, after=11)
    assert (view.is_answering, view.get(b"count")) == (True, b"12")
    assert reader.renew()(b"count") == b"12"
    reader.release()


def test_view_is_read_when_it_shows_what_it_must_after_a_swap(tmp_path: Path) -> None:
    view = open_view(tmp_path)
    view.withhold(7)
    assert not view.is_answering
    swap(view, Numbers(7))
    assert (view.is_answering, view.get(b"count")) == (True, b"7")


def test_view_of_other_events_is_not_read_however_far_it_is(tmp_path: Path) -> None:
    view = open_view(tmp_path)
    fill(view, Numbers(12))
    view.withhold(7, unlike=view.generation)
    with pytest.raises(ViewNotReadyError):
        view.require_answering()
    swap(view, Numbers(7, lambda position: b"another %d" % position))
    view.require_answering()
    assert view.get((7).to_bytes(8)) == b"another 7"


def test_view_is_not_read_as_it_was_when_another_thread_finds_that_it_was_swapped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    view, current, has_swapped = open_view(tmp_path), View._current, list[str]()
    fill(view, Numbers(5))
    view.withhold(12)

    def swapped_meanwhile(self: View) -> Generation:
        found = current(self)
        if not has_swapped:
            has_swapped.append(swap(view, Numbers(12)))
            assert view.is_answering
        return found

    monkeypatch.setattr(View, "_current", swapped_meanwhile)
    with pytest.raises(ViewNotReadyError):
        view.get(b"count")
    assert view.get(b"count") == b"12"


def test_view_stays_as_it_was_when_a_fold_fails_half_way(tmp_path: Path) -> None:
    view = open_view(tmp_path)
    source = Numbers(10)
    fill(view, Numbers(5))

    def fail(batch: Sequence[Notification], table: Table) -> None:
        Counting().apply(batch, table)
        message = "the power went"
        raise OSError(message)

    with pytest.raises(OSError, match="the power went"):
        view.apply(source.read(5, 5), fail, after=5)
    assert (view.position(), view.get(b"count"), view.get((7).to_bytes(8))) == (5, b"5", None)
    fill(view, source)
    assert (view.position(), view.get(b"count")) == (10, b"10")


def test_view_applies_nothing_when_a_batch_does_not_follow_its_position(tmp_path: Path) -> None:
    view = open_view(tmp_path)
    fill(view, Numbers(5))
    for after in (0, 4, 6):
        with pytest.raises(PositionMovedError):
            view.apply(Numbers(9).read(after, 2), Counting().apply, after=after)
    assert view.get(b"count") == b"5"


def test_view_counts_each_event_once_when_two_processes_apply(tmp_path: Path) -> None:
    view, source = open_view(tmp_path), Numbers(2_000)
    other = subprocess.Popen(
        [sys.executable, "-m", "tests.projections.process", "apply", str(tmp_path), "2000"],
        stdout=subprocess.PIPE,
        text=True,
    )
    moved = 0
    while batch := source.read(position := view.position(), 11):
        try:
            view.apply(batch, Counting().apply, after=position)
        except PositionMovedError:
            moved += 1
    output, _ = other.communicate(timeout=60)
    assert other.returncode == 0
    assert output.strip().isdecimal()
    assert (view.get(b"count"), view.position()) == (b"2000", 2_000)


def test_view_refuses_to_grow_when_its_map_is_full(tmp_path: Path) -> None:
    view = open_view(tmp_path, map_bytes=1 << 16)
    large = Numbers(40, lambda _: bytes(8_000))
    with pytest.raises(ViewFullError, match="65536 bytes"):
        fill(view, large)
    assert (view.position(), view.get(b"count")) == (0, None)


def test_view_scans_in_order_when_asked_by_prefix(tmp_path: Path) -> None:
    view = open_view(tmp_path)

    def put(_: Sequence[Notification], table: Table) -> None:
        for key in (b"a1", b"b3", b"b1", b"b2", b"c1"):
            table.put(key, key.upper())

    view.apply(Numbers(1).read(0, 1), put, after=0)
    with view.snapshot() as rows:
        assert list(rows.scan(b"b")) == [(b"b1", b"B1"), (b"b2", b"B2"), (b"b3", b"B3")]
        assert [key for key, _ in rows.scan(b"b", after=b"b1")] == [b"b2", b"b3"]
        assert [key for key, _ in rows.scan()] == [b"a1", b"b1", b"b2", b"b3", b"c1"]
        assert list(rows.scan(b"d")) == []


def test_rows_fill_their_pages_when_batches_come_in_order_of_key(tmp_path: Path) -> None:
    view, count, per_page = open_view(tmp_path, map_bytes=16 << 20), 4_000, 7
    chance = random.Random(1)

    def put(batch: Sequence[Notification], table: Table) -> None:
        for event in chance.sample(batch, len(batch)):
            table.put(event.position.to_bytes(16, "big"), bytes(500))

    numbers, at = Numbers(count), 0
    while batch := numbers.read(at, 500):
        view.apply(batch, put, after=at)
        at = batch[-1].position
    pages = (view.path / view.generation / "data.mdb").stat().st_size // 4_096
    assert pages < 1.25 * count / per_page  # half as many rows to a page if they are put as they come


def test_rows_of_a_batch_do_not_wait_in_memory_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generation, "WAITING_BYTES", 10_000)
    view = open_view(tmp_path)
    waiting: list[int] = []

    def put(batch: Sequence[Notification], table: Table) -> None:
        for event in batch:
            table.put(b"%d" % event.position, bytes(1_000))
            assert table.get(b"%d" % event.position) == bytes(1_000)
            kept: dict[bytes, bytes] = vars(table)["_waiting"]
            waiting.append(sum(len(row) for row in kept.values()))

    view.apply(Numbers(100).read(0, 100), put, after=0)
    assert max(waiting) <= 10_000
    assert [view.get(b"%d" % position) for position in range(1, 101)] == [bytes(1_000)] * 100


def test_snapshot_stays_the_same_when_the_view_moves_on(tmp_path: Path) -> None:
    view = open_view(tmp_path)
    fill(view, Numbers(3))
    with view.snapshot() as rows:
        fill(view, Numbers(8))
        swap(view, Numbers(9))
        assert (rows.get(b"count"), view.get(b"count")) == (b"3", b"9")


def test_reader_reads_one_commit_until_it_is_renewed_and_then_the_newest(tmp_path: Path) -> None:
    view, source = open_view(tmp_path), Numbers(30)
    view.apply(source.read(0, 10), Counting().apply, after=0)
    reader = view.reader()
    get = reader.renew()
    before = get(b"count")
    view.apply(source.read(10, 10), Counting().apply, after=10)
    assert (get(b"count"), get(b"none")) == (before, None)
    get = reader.renew()
    assert get(b"count") == view.get(b"count") != before
    swap(view, source)
    assert reader.renew()(b"count") == view.get(b"count")
    reader.release()
    reader.release()
    view.close()
    with pytest.raises(ViewNotReadyError):
        reader.renew()


def test_reader_that_has_let_go_keeps_no_pages_from_being_used_again(tmp_path: Path) -> None:
    view, source = open_view(tmp_path), Numbers(400)
    reader = view.reader()

    def grown(*, released: bool) -> int:
        data = view.path / view.generation / "data.mdb"
        before = data.stat().st_size
        reader.renew()
        if released:
            reader.release()
        for _ in range(100):
            at = view.position()
            view.apply(source.read(at, 1), Counting().apply, after=at)
        return data.stat().st_size - before

    assert grown(released=False) > grown(released=True) == 0


def test_reader_follows_when_another_view_swaps_the_generation(tmp_path: Path) -> None:
    seconds = [0.0]
    writer = open_view(tmp_path)
    fill(writer, Numbers(3))
    shutil.copytree(tmp_path, tmp_path / "copy")  # two processes' views of one directory, in one process
    reader = View(tmp_path / "copy", "counting", 1, writable=False, map_bytes=MAP_BYTES, monotonic=lambda: seconds[0])
    assert reader.get(b"count") == b"3"
    name = swap(writer, Numbers(7))
    shutil.copytree(tmp_path / "counting" / name, tmp_path / "copy" / "counting" / name)
    shutil.copy(tmp_path / "counting" / "CURRENT", tmp_path / "copy" / "counting" / "CURRENT.new")
    (tmp_path / "copy" / "counting" / "CURRENT.new").replace(tmp_path / "copy" / "counting" / "CURRENT")
    assert reader.get(b"count") == b"3"
    seconds[0] += CHECK_SECONDS
    assert (reader.get(b"count"), reader.generation) == (b"7", name)


def test_reader_is_not_ready_when_there_is_no_view_yet_and_ready_once_there_is(tmp_path: Path) -> None:
    seconds = [0.0]
    reader = View(tmp_path, "counting", 1, writable=False, map_bytes=MAP_BYTES, monotonic=lambda: seconds[0])
    assert not reader.ready
    with pytest.raises(ViewNotReadyError, match="counting has no generation of version 1"):
        reader.get(b"count")
    with Generation.create(tmp_path / "counting" / "v1-000001", 1, map_bytes=MAP_BYTES).write():
        pass
    (tmp_path / "counting" / "CURRENT").write_text("v1-000001\n")
    gc.collect()
    seconds[0] += CHECK_SECONDS
    assert reader.position() == 0


def test_view_is_not_ready_when_its_generation_is_of_another_version(tmp_path: Path) -> None:
    fill(open_view(tmp_path), Numbers(3))
    gc.collect()
    newer = open_view(tmp_path, version=2)
    assert not newer.ready
    with pytest.raises(ViewNotReadyError, match="version 2"):
        newer.get(b"count")


def test_view_of_the_old_version_goes_on_when_a_newer_one_is_made_current(tmp_path: Path) -> None:
    old = open_view(tmp_path)
    fill(old, Numbers(3))
    newer = open_view(tmp_path, version=2)
    with newer.exclusive():
        fresh = newer.make_generation()
        fresh.close()
        newer.make_current(fresh.name)
        newer.clean(tmp_path.stat().st_mtime + 1e6)
    assert not (tmp_path / "counting" / "v1-000001").exists()
    old._check_after = 0.0
    fill(old, Numbers(5))
    assert (old.get(b"count"), old.generation, newer.generation) == (b"5", "v1-000001", "v2-000002")


@pytest.mark.parametrize("damage", ["missing", "not a view", "no name"])
def test_view_is_not_ready_when_its_generation_is_damaged(tmp_path: Path, damage: str) -> None:
    fill(open_view(tmp_path), Numbers(3))
    gc.collect()
    if damage == "missing":
        shutil.rmtree(tmp_path / "counting" / "v1-000001")
    elif damage == "not a view":
        (tmp_path / "counting" / "v1-000001" / "data.mdb").write_bytes(b"?" * 40_000)
    else:
        (tmp_path / "counting" / "CURRENT").write_text("../../elsewhere\n")
    assert not open_view(tmp_path).ready


def test_view_makes_its_first_generation_once_when_many_open_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.projections.process", "apply", str(tmp_path), "50"]
    children = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(3)]
    assert [child.wait(timeout=60) for child in children] == [0, 0, 0]
    assert open_view(tmp_path).get(b"count") == b"50"
    assert sorted(path.name for path in (tmp_path / "counting").glob("v*")) == ["v1-000001"]


def test_view_is_read_by_many_threads_when_it_is_written(tmp_path: Path) -> None:
    view, stop, failures, reads = open_view(tmp_path), threading.Event(), list[BaseException](), [0]

    def reader() -> None:
        try:
            while not stop.is_set():
                with view.snapshot() as rows:
                    count = int(rows.get(b"count") or b"0")
                    assert count == 0 or rows.get(count.to_bytes(8)) == b"%d" % count
                    assert rows.get((count + 1).to_bytes(8)) is None
                reads[0] += 1
        except BaseException as error:  # noqa: BLE001  the test shows whatever it is
            failures.append(error)

    threads = [threading.Thread(target=reader) for _ in range(4)]
    for thread in threads:
        thread.start()
    fill(view, Numbers(400), limit=2)
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert reads[0] > 0


def test_view_frees_what_a_dead_reader_held_when_told_to(tmp_path: Path) -> None:
    view = open_view(tmp_path)
    fill(view, Numbers(3))
    command = [sys.executable, "-m", "tests.projections.process", "hold", str(tmp_path), "4"]
    reader = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert reader.stdout is not None
    assert reader.stdout.readline() == "True\n"
    assert view.release_dead_readers() == 0
    reader.kill()
    reader.communicate(timeout=30)
    assert view.release_dead_readers() == 1


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are listed there on Linux alone")
def test_view_lets_go_of_old_generations_when_they_are_swapped(tmp_path: Path) -> None:
    view = open_view(tmp_path)

    def files() -> int:
        return sum("data.mdb" in link for link in open_below(tmp_path))

    before = files()
    for _ in range(5):
        swap(view, Numbers(3))
        assert view.get(b"count") == b"3"
    assert files() == before > 0


def test_view_writes_into_the_new_generation_when_it_was_swapped_since_the_last_look(tmp_path: Path) -> None:
    view = View(tmp_path, "counting", 1, writable=True, map_bytes=MAP_BYTES, monotonic=lambda: 0.0)
    fill(view, Numbers(5))
    fresh = view.make_generation()
    fresh.apply(Numbers(3).read(0, 3), Counting().apply, after=0)
    fresh.flush()
    fresh.close()
    (tmp_path / "counting" / "CURRENT.new").write_text("v1-000002\n")
    (tmp_path / "counting" / "CURRENT.new").replace(tmp_path / "counting" / "CURRENT")
    assert view.generation == "v1-000001"
    with pytest.raises(PositionMovedError, match="v1-000002 stands at 3, not at 5"):
        view.apply(Numbers(6).read(5, 1), Counting().apply, after=5)
    fill(view, Numbers(6))
    assert (view.generation, view.get(b"count")) == ("v1-000002", b"6")


def test_reader_opens_the_next_generation_when_one_is_removed_under_its_hands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = open_view(tmp_path)
    name = swap(writer, Numbers(7))
    current = tmp_path / "counting" / "CURRENT"
    current.write_text("v1-000001\n")
    opened = list[str]()

    def open_late(path: Path, *, writable: bool, map_bytes: int) -> Generation:
        opened.append(path.name)
        if path.name == "v1-000001":
            (tmp_path / "CURRENT.new").write_text(f"{name}\n")
            (tmp_path / "CURRENT.new").replace(current)
            message = "the files are gone"
            raise ViewError(message)
        return Generation(path, writable=writable, map_bytes=map_bytes)

    del writer
    gc.collect()
    monkeypatch.setattr("projections.view.Generation", open_late)
    assert open_view(tmp_path, writable=False).get(b"count") == b"7"
    assert opened == ["v1-000001", name]
