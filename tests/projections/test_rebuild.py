import gc
import signal
import subprocess
import sys
import threading
from itertools import count
from pathlib import Path

import pytest

from projections.error import RebuildRunningError
from projections.rebuild import BATCH_EVENTS, Progress, disagreement, rebuild
from projections.view import GRACE_SECONDS
from tests.projections.counting import Counting, CountingAnew, Numbers, fill, open_view

SIZE = 3 * BATCH_EVENTS


def generations(directory: Path) -> list[str]:
    return sorted(path.name for path in (directory / "counting").glob("v*"))


def test_rebuild_gives_the_same_rows_in_another_generation_when_nothing_is_wrong(tmp_path: Path) -> None:
    view, seen = open_view(tmp_path), list[Progress]()
    fill(view, Numbers(SIZE))
    done = rebuild(view, Counting(), Numbers(SIZE + 2), progress=seen.append)
    assert (done.name, done.generation, done.position) == ("counting", "v1-000002", SIZE + 2)
    assert (view.generation, view.get(b"count")) == ("v1-000002", b"%d" % (SIZE + 2))
    assert [progress.position for progress in seen] == [5_000, 10_000, 15_000, 15_002]
    assert {progress.newest for progress in seen} == {SIZE + 2}


def test_rebuild_goes_at_least_as_far_as_the_old_one_when_that_moves_meanwhile(tmp_path: Path) -> None:
    view, source = open_view(tmp_path), Numbers(10)

    def grow(progress: Progress) -> None:
        source.size = 40
        fill(view, source)
        source.size = 10 if progress.position < 10 else 40

    fill(view, source)
    rebuild(view, Counting(), source, progress=grow)
    assert (view.position(), view.get(b"count")) == (40, b"40")


def test_rebuild_keeps_the_old_files_for_a_grace_when_it_has_swapped(tmp_path: Path) -> None:
    view = open_view(tmp_path)
    rebuild(view, Counting(), Numbers(3))
    assert generations(tmp_path) == ["v1-000001", "v1-000002"]
    retired_at = (tmp_path / "counting" / "CURRENT").stat().st_mtime
    with view.exclusive():
        assert view.clean(retired_at + GRACE_SECONDS - 1) == []
        assert view.clean(retired_at + GRACE_SECONDS) == ["v1-000001"]
    assert generations(tmp_path) == ["v1-000002"]
    assert view.get(b"count") == b"3"


def test_rebuild_leaves_the_old_one_serving_when_it_is_interrupted(tmp_path: Path) -> None:
    view = open_view(tmp_path)
    fill(view, Numbers(7))

    def interrupt(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuild(view, Counting(), Numbers(7), progress=interrupt)
    assert (generations(tmp_path), view.get(b"count")) == (["v1-000001"], b"7")
    assert rebuild(view, Counting(), Numbers(7)).generation == "v1-000002"


def test_rebuild_leaves_the_old_one_serving_when_its_process_is_killed_half_way(tmp_path: Path) -> None:
    view = open_view(tmp_path)
    fill(view, Numbers(SIZE))
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.projections.process", "rebuild", str(tmp_path), str(SIZE)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "at 5000\n"
    assert generations(tmp_path) == ["v1-000001", "v1-000002"]
    with pytest.raises(RebuildRunningError):
        rebuild(view, Counting(), Numbers(SIZE))
    child.send_signal(signal.SIGKILL)
    child.communicate(timeout=30)
    fill(view, Numbers(SIZE + 1))
    assert (view.generation, view.get(b"count")) == ("v1-000001", b"%d" % (SIZE + 1))
    done = rebuild(view, Counting(), Numbers(SIZE + 1))
    assert (done.generation, view.get(b"count")) == ("v1-000002", b"%d" % (SIZE + 1))
    assert generations(tmp_path) == ["v1-000001", "v1-000002"]


def test_no_read_fails_in_any_thread_when_generations_are_swapped(tmp_path: Path) -> None:
    view, stop, failures, reads = open_view(tmp_path), threading.Event(), list[BaseException](), [0]
    fill(view, Numbers(500))

    def reader() -> None:
        position = 0
        try:
            while not stop.is_set():
                for key in (1, 250, 500):
                    assert view.get(key.to_bytes(8)) == b"%d" % key
                assert view.position() >= position
                position = view.position()
                reads[0] += 1
        except BaseException as error:  # noqa: BLE001  the test shows whatever it is
            failures.append(error)

    threads = [threading.Thread(target=reader) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(8):
        rebuild(view, Counting(), Numbers(500 + number), grace_seconds=0)
        gc.collect()
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert reads[0] > 0
    assert generations(tmp_path) == ["v1-000009"]


def test_no_read_fails_in_another_process_when_generations_are_swapped_without_grace(tmp_path: Path) -> None:
    view = open_view(tmp_path)
    fill(view, Numbers(500))
    reader = subprocess.Popen(
        [sys.executable, "-m", "tests.projections.process", "read", str(tmp_path), "500"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert reader.stdout is not None
    assert reader.stdout.readline() == "reading\n"
    for number in count():
        rebuild(view, Counting(), Numbers(500 + number), grace_seconds=0)
        threading.Event().wait(0.03)
        if number > 10 and ((tmp_path / "swapped").exists() or reader.poll() is not None):
            break
    threading.Event().wait(0.2)
    (tmp_path / "enough").touch()
    output, _ = reader.communicate(timeout=60)
    assert reader.returncode == 0
    reads, seen = map(int, output.split())
    assert reads > 100
    assert seen > 1


def test_rebuild_makes_the_view_ready_when_the_code_is_of_a_newer_version(tmp_path: Path) -> None:
    old = open_view(tmp_path)
    fill(old, Numbers(9))
    newer = open_view(tmp_path, version=2)
    assert not newer.ready
    assert rebuild(newer, CountingAnew(), Numbers(9)).generation == "v2-000002"
    assert (newer.get(b"count"), old.get(b"count")) == (b"9", b"9")


@pytest.mark.parametrize(
    "source, why",
    [
        (Numbers(9), None),
        (Numbers(12), None),
        (Numbers(8), "the view has seen event 9, and the store ends at 8"),
        (Numbers(9, lambda _: b"another"), "the store holds another event at position 9 than the view has seen"),
    ],
)
def test_disagreement_is_found_when_the_store_went_another_way(
    tmp_path: Path, source: Numbers, why: str | None
) -> None:
    view = open_view(tmp_path)
    fill(view, Numbers(9))
    assert disagreement(view, source) == why


def test_disagreement_is_not_found_when_the_view_is_new(tmp_path: Path) -> None:
    assert disagreement(open_view(tmp_path), Numbers(0)) is None


def test_rebuild_overtakes_the_old_one_under_its_lock_when_that_moved_after_the_last_round(tmp_path: Path) -> None:
    class Stale(Numbers):
        def newest(self) -> int:
            return 10

    view, source = open_view(tmp_path), Stale(10)

    def grow(_: Progress) -> None:
        source.size = 40
        fill(view, source)

    rebuild(view, Counting(), source, progress=grow)
    assert (view.generation, view.position(), view.get(b"count")) == ("v1-000002", 40, b"40")
