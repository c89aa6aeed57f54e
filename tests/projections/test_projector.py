import gc
import shutil
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar
from uuid import UUID

import lmdb
import pytest

from projections.credential_status import CredentialStatus, parse_facts
from projections.error import CorruptionError, PositionMovedError, SourceError
from projections.fold import Projection
from projections.institution_directory import DirectoryReader, InstitutionDirectory
from projections.projector import Helper, Projector, Track
from projections.rebuild import Progress, rebuild
from projections.source import EventSource, Notification
from projections.table import Table
from projections.view import View
from projections.watch import ASK_SECONDS, STUCK_SECONDS
from tests.projections.counting import MAP_BYTES, Counting, CountingAnew, Numbers, fill, open_view
from tests.projections.history import MAPPER, History, day, issued, registered, revoked

TARTU, AWARD = UUID(int=1), UUID(int=11)


class Fragile(Counting):
    """Cannot stand the number 13."""

    NAME: ClassVar[str] = "fragile"

    def apply(self, batch: Sequence[Notification], table: Table) -> None:
        if any(event.position == 13 for event in batch):
            message = "thirteen"
            raise CorruptionError(message)
        super().apply(batch, table)


def track(directory: Path, projection: Projection) -> Track:
    view = View(directory, projection.NAME, projection.VERSION, writable=True, map_bytes=MAP_BYTES)
    return Track(view, projection)


class Doing:
    """A helper that projects numbers when it is told to, or stands still."""

    def __init__(self, track: Track, *, stands_still: bool = False) -> None:
        self.is_active = self.is_ended = False
        self.stands_still = stands_still
        self.heard: list[tuple[str, int]] = []
        self._track = track
        self._reached: Callable[[str, int], None] = lambda _, __: None

    def listen(self, reached: Callable[[str, int], None]) -> None:
        self._reached = reached

    def begin(self) -> None:
        self.heard.append(("begin", self._track.view.position()))
        self.is_active = True

    def wake(self, position: int) -> None:
        self.heard.append(("wake", position))

    def hurry(self, position: int, names: Collection[str]) -> None:
        self.heard += [(f"hurry {name}", position) for name in names]
        if self.is_active and not self.stands_still:
            view = self._track.view
            with suppress(PositionMovedError):  # the projector was in the middle of a batch
                after = view.position()
                view.apply(Numbers(position).read(after, position - after), Counting().apply, after=after)
            self._reached(view.name, view.position())

    def end(self) -> None:
        self.is_active, self.is_ended = False, True


@contextmanager
def running(
    source: EventSource,
    *tracks: Track,
    poll_seconds: float = 0.01,
    elsewhere: Callable[[], bool] = lambda: False,
    helper: Helper | None = None,
) -> Iterator[Projector]:
    projector = Projector(source, tracks, poll_seconds=poll_seconds, elsewhere=elsewhere, helper=helper)
    projector.start()
    try:
        yield projector
    finally:
        projector.close()


def test_projector_brings_every_view_up_to_date_when_there_is_a_history(tmp_path: Path) -> None:
    history = History(gap=3)
    history.add(TARTU, registered("tartu"))
    position = history.add(AWARD, issued(TARTU), revoked(day(2)))
    status, directory = track(tmp_path, CredentialStatus(MAPPER)), track(tmp_path, InstitutionDirectory(MAPPER))
    with running(history, status, directory) as projector:
        assert projector.wait_for(position, 10)
        stored = status.view.get(AWARD.bytes)
        assert stored is not None
        assert [event.position for event in parse_facts(stored).events] == [6, 9]
        assert len(DirectoryReader(directory.view)) == 1
        assert [(one.position, one.lag, one.error) for one in projector.standing()] == [(9, 0, None)] * 2


def test_projector_answers_at_once_when_it_is_woken(tmp_path: Path) -> None:
    source = Numbers(0)
    with running(source, track(tmp_path, Counting()), poll_seconds=60) as projector:
        while projector.standing()[0].position < (source.size or 0) or source.reads == 0:
            time.sleep(0.001)
        started = time.monotonic()
        for position in range(1, 21):
            source.size = position
            projector.wake(position)
            assert projector.wait_for(position, 10)
        assert time.monotonic() - started < 60


def test_projector_notices_events_of_other_processes_when_nobody_wakes_it(tmp_path: Path) -> None:
    source = Numbers(2)
    with running(source, track(tmp_path, Counting())) as projector:
        assert projector.wait_for(2, 10)
        source.size = 5
        assert projector.wait_for(5, 10)


def test_projector_asks_the_source_once_when_several_views_want_the_same_events(tmp_path: Path) -> None:
    source = Numbers(8)
    Projector(source, [track(tmp_path / name, Counting()) for name in "abc"]).catch_up()
    alone = Numbers(8)
    Projector(alone, [track(tmp_path / "d", Counting())]).catch_up()
    assert alone.reads == 2  # the events, and that nothing follows
    assert source.reads == 4  # the same, and for each further view that nothing follows


def test_projector_applies_a_burst_in_few_batches_when_nobody_waits(tmp_path: Path) -> None:
    source, batches = Numbers(0), []

    class Noting(Counting):
        def apply(self, batch: Sequence[Notification], table: Table) -> None:
            batches.append(len(batch))
            super().apply(batch, table)

    with running(source, track(tmp_path, Noting()), poll_seconds=60) as projector:
        for position in range(1, 2_001):
            source.size = position
            projector.wake(position)
        assert projector.wait_for(2_000, 10)
    assert sum(batches) == 2_000
    assert len(batches) < 200


def test_projector_gives_up_waiting_when_the_time_is_over(tmp_path: Path) -> None:
    with running(Numbers(2), track(tmp_path, Counting())) as projector:
        assert not projector.wait_for(3, 0.05)


def test_projector_stops_one_projection_and_goes_on_with_others_when_it_raises(tmp_path: Path) -> None:
    source = Numbers(12)
    with running(source, track(tmp_path, Fragile()), track(tmp_path, Counting())) as projector:
        assert projector.wait_for(12, 10)
        source.size = 20
        assert projector.wait_for(20, 10, {"counting"})
        started = time.monotonic()
        assert not projector.wait_for(20, 60, {"fragile"})
        assert time.monotonic() - started < 30
        fragile, counting = projector.standing()
        assert (fragile.position, fragile.lag, fragile.stopped) == (12, 8, True)
        assert fragile.error == "CorruptionError: thirteen"
        assert (counting.error, counting.stopped) == (None, False)


def test_projector_goes_on_when_the_source_works_again(tmp_path: Path) -> None:
    history = History()
    history.add(TARTU, registered("tartu"))
    history.failing = True
    with running(history, track(tmp_path, InstitutionDirectory(MAPPER))) as projector:
        while projector.standing()[0].error is None:
            time.sleep(0.001)
        standing = projector.standing()[0]
        assert (standing.error, standing.lag) == ("the source of events failed: the disk is on fire", None)
        assert not standing.stopped
        history.failing = False
        assert projector.wait_for(1, 10)
        assert projector.standing()[0].error is None


def test_projector_goes_on_when_the_disk_has_room_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, is_full = track(tmp_path, Counting()), threading.Event()
    is_full.set()

    class Full(Counting):
        def apply(self, batch: Sequence[Notification], table: Table) -> None:
            if is_full.is_set():
                raise lmdb.DiskError("mdb_txn_commit: No space left on device")
            super().apply(batch, table)

    monkeypatch.setattr(one, "projection", Full())
    with running(Numbers(3), one) as projector:
        while projector.standing()[0].error is None:
            time.sleep(0.001)
        standing = projector.standing()[0]
        assert "the disk has no room" in str(standing.error)
        assert not standing.stopped
        is_full.clear()
        assert projector.wait_for(3, 10)
    assert one.view.get(b"count") == b"3"


def test_projector_rebuilds_when_the_code_is_of_a_newer_version(tmp_path: Path) -> None:
    fill(open_view(tmp_path), Numbers(8))
    gc.collect()
    newer = track(tmp_path, CountingAnew())
    with running(Numbers(9), newer) as projector:
        assert projector.wait_for(9, 10)
    assert (newer.view.generation, newer.view.get(b"count")) == ("v2-000002", b"9")


@pytest.mark.parametrize("source", [Numbers(8), Numbers(9, lambda _: b"another")])
def test_projector_rebuilds_when_the_store_was_restored_from_an_older_backup(tmp_path: Path, source: Numbers) -> None:
    fill(open_view(tmp_path), Numbers(9))
    gc.collect()
    restored = track(tmp_path, Counting())
    Projector(source, [restored]).catch_up()
    assert restored.view.generation == "v1-000002"
    assert restored.view.get(b"count") == b"%d" % source.size
    assert restored.view.get((8).to_bytes(8)) == source.read(7, 1)[0].state


def test_projector_rebuilds_when_the_view_is_damaged(tmp_path: Path) -> None:
    fill(open_view(tmp_path), Numbers(9))
    gc.collect()
    shutil.rmtree(tmp_path / "counting" / "v1-000001")
    damaged = track(tmp_path, Counting())
    Projector(Numbers(9), [damaged]).catch_up()
    assert damaged.view.get(b"count") == b"9"


def test_projector_gives_up_a_rebuild_when_it_is_closed(tmp_path: Path) -> None:
    open_view(tmp_path)
    gc.collect()
    newer, reached = track(tmp_path, CountingAnew()), threading.Event()

    class Long(Numbers):
        def read(self, after: int, limit: int) -> Sequence[Notification]:
            if after > 1_000:
                reached.set()
            return super().read(after, min(limit, 500))

    projector = Projector(Long(1_000_000), [newer])
    projector.start()
    assert reached.wait(30)
    projector.close()
    assert not newer.view.ready
    assert sorted(path.name for path in (tmp_path / "counting").glob("v*")) == ["v1-000001"]


def test_projector_goes_on_into_the_new_generation_when_one_is_rebuilt_under_it(tmp_path: Path) -> None:
    source, counting = Numbers(3_000), track(tmp_path, Counting())
    with running(source, counting) as projector:
        assert projector.wait_for(3_000, 10)

        def grow(_: Progress) -> None:
            source.size += 1
            projector.wake(source.size)

        for _ in range(3):
            rebuild(counting.view, Counting(), source, progress=grow if source.size < 3_010 else lambda _: None)
            source.size += 5
            projector.wake(source.size)
            assert projector.wait_for(source.size, 10)
    assert counting.view.generation == "v1-000004"
    assert counting.view.get(b"count") == b"%d" % source.size


def test_projector_raises_what_stopped_it_when_it_catches_up_in_the_foreground(tmp_path: Path) -> None:
    with pytest.raises(CorruptionError, match="thirteen"):
        Projector(Numbers(14), [track(tmp_path, Fragile())]).catch_up()
    history = History()
    history.failing = True
    with pytest.raises(SourceError):
        Projector(history, [track(tmp_path, Counting())]).catch_up()


def test_track_refuses_when_the_view_is_of_another_projection(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not of counting version 2"):
        Track(open_view(tmp_path), CountingAnew())


def test_projector_closes_when_it_was_never_started(tmp_path: Path) -> None:
    Projector(Numbers(3), [track(tmp_path, Counting())]).close()


def require_left(projector: Projector, source: Numbers, position: int) -> None:
    """Have an event come that is left to the other process, which does nothing, until it has had its time."""
    source.size = position
    assert not projector.wait_for(position, STUCK_SECONDS / 4)
    assert projector.wait_for(position, 10)


def test_projector_projects_a_view_that_another_process_leaves_standing_and_leaves_it_when_that_moves_it(
    tmp_path: Path,
) -> None:
    source, one = Numbers(0), track(tmp_path, Counting())
    with running(source, one, elsewhere=lambda: True) as projector:
        source.size = 5
        assert not projector.wait_for(5, STUCK_SECONDS / 2), "the other one has to have its time"
        assert projector.wait_for(5, 10)
        one.view.apply(Numbers(6).read(5, 1), Counting().apply, after=5)  # the other one goes on
        assert projector.wait_for(6, 10)
        require_left(projector, source, 7)
    assert one.view.get(b"count") == b"7"


def test_projector_leaves_a_view_that_another_process_moves_just_before_it_would_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, one = Numbers(0), track(tmp_path, Counting())
    advance, is_beaten = one.advance, threading.Event()

    def advance_second(source: EventSource) -> bool:
        if one.position == 5 and not is_beaten.is_set():
            one.view.apply(Numbers(6).read(5, 1), Counting().apply, after=5)
            is_beaten.set()
        return advance(source)

    monkeypatch.setattr(one, "advance", advance_second)
    with running(source, one, elsewhere=lambda: True) as projector:
        source.size = 5
        assert projector.wait_for(6, 20)
        require_left(projector, source, 7)


def test_projector_leaves_a_view_that_another_process_moves_before_it_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, one = Numbers(0), track(tmp_path, Counting())
    prepare, is_beaten = one.prepare, threading.Event()

    def prepare_second(source: EventSource, closing: threading.Event) -> None:
        if source.newest() and not is_beaten.is_set():
            one.view.apply(Numbers(5).read(0, 5), Counting().apply, after=0)
            is_beaten.set()
        prepare(source, closing)

    monkeypatch.setattr(one, "prepare", prepare_second)
    with running(source, one, elsewhere=lambda: True) as projector:
        source.size = 5
        assert projector.wait_for(5, 20)
        require_left(projector, source, 6)


def test_projector_makes_a_view_of_other_events_anew_before_it_leaves_it_to_another_process(tmp_path: Path) -> None:
    one = track(tmp_path, Counting())
    fill(one.view, Numbers(9))
    source = Numbers(7, lambda position: b"another %d" % position)
    one.view.withhold(7, unlike=one.view.generation)
    projector = Projector(source, [one], poll_seconds=0.01, elsewhere=lambda: True)
    projector.look_first(["counting"])
    projector.start()
    until(lambda: one.view.is_answering)
    assert one.view.get((7).to_bytes(8)) == b"another 7"
    until(lambda: projector._left == {"counting"})
    projector.close()


def test_projector_leaves_a_view_to_another_process_for_as_long_as_there_is_nothing_to_apply(tmp_path: Path) -> None:
    source, one = Numbers(0), track(tmp_path, Counting())
    with running(source, one, elsewhere=lambda: True) as projector:
        time.sleep(STUCK_SECONDS + ASK_SECONDS)
        source.size = 1
        projector.wake(1)
        assert not projector.wait_for(1, STUCK_SECONDS / 2)


def test_projector_shows_what_keeps_it_from_looking_at_a_view_and_goes_on_when_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, one, is_broken = Numbers(0), track(tmp_path, Counting()), threading.Event()
    position = one.view.position

    def broken() -> int:
        if is_broken.is_set():
            raise OSError("too many open files")
        return position()

    monkeypatch.setattr(one.view, "position", broken)
    is_broken.set()
    with running(source, one, elsewhere=lambda: True) as projector:
        while projector.standing()[0].error is None:
            time.sleep(0.001)
        standing = projector.standing()[0]
        assert (standing.error, standing.stopped) == ("OSError: too many open files", False)
        is_broken.clear()
        one.view.apply(Numbers(1).read(0, 1), Counting().apply, after=0)
        assert projector.wait_for(1, 10)
        assert projector.standing()[0].error is None


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_projector_leaves_views_to_its_helper_once_they_are_there_and_believes_what_it_says(tmp_path: Path) -> None:
    source, one = Numbers(3), track(tmp_path, Counting())
    helper = Doing(one)
    with running(source, one, helper=helper, poll_seconds=0.01) as projector:
        until(lambda: projector._left == {"counting"})
        source.size = 9
        projector.wake(9)
        assert helper.heard[-1] == ("wake", 9)
        began = time.monotonic()
        assert projector.wait_for(9, 10)
        assert helper.heard[-1] == ("hurry counting", 9)
        assert time.monotonic() - began < 5
        assert one.view.get(b"count") == b"9"
    assert helper.heard[0][0] == "begin"
    assert not helper.is_ended


def test_projector_projects_again_when_its_helper_has_ended(tmp_path: Path) -> None:
    source, one = Numbers(0), track(tmp_path, Counting())
    helper = Doing(one)
    with running(source, one, helper=helper) as projector:
        until(lambda: projector._left == {"counting"})
        helper.is_active = False
        source.size = 5
        projector.wake(5)
        assert projector.wait_for(5, 10)
        assert one.view.get(b"count") == b"5"


def test_projector_ends_a_helper_that_stands_still_and_projects_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.projector.HELPER_SECONDS", 0.5)
    source, one = Numbers(0), track(tmp_path, Counting())
    helper = Doing(one, stands_still=True)
    with running(source, one, helper=helper) as projector:
        until(lambda: projector._left == {"counting"})
        source.size = 5
        projector.wake(5)
        assert projector.wait_for(5, 20)
        assert helper.is_ended
        assert one.view.get(b"count") == b"5"


def test_projector_tells_who_asked_for_it_how_far_it_has_brought_each_view(tmp_path: Path) -> None:
    source, told = Numbers(2), list[tuple[str, int]]()
    one = track(tmp_path, Counting())
    projector = Projector(
        source, [one], poll_seconds=0.01, on_move=lambda name, position: told.append((name, position))
    )
    projector.start()
    try:
        until(lambda: told == [("counting", 2)])
        source.size = 4
        projector.wake(4)
        projector.hurry(["counting"])
        until(lambda: told[-1] == ("counting", 4))
        time.sleep(0.05)
    finally:
        projector.close()
    assert told == [("counting", 2), ("counting", 4)]


class Rebuilding(Doing):
    """A helper that makes the view anew, each time it is asked to hurry."""

    def hurry(self, position: int, names: Collection[str]) -> None:
        view = self._track.view
        other = View(view.path.parent, view.name, view.version, writable=True, map_bytes=MAP_BYTES)
        rebuild(other, Counting(), Numbers(position))
        other.close()
        gc.collect()
        for name in names:
            self._reached(name, position)


def test_view_shows_what_a_helper_has_reached_at_once_also_in_a_new_generation(tmp_path: Path) -> None:
    """The view's own clock stands still, so that it looks for a new generation only when it is told to."""
    view = View(tmp_path, Counting.NAME, Counting.VERSION, writable=True, map_bytes=MAP_BYTES, monotonic=lambda: 0.0)
    source, one = Numbers(0), Track(view, Counting())
    helper = Rebuilding(one)
    with running(source, one, helper=helper) as projector:
        until(lambda: projector._left == {"counting"})
        for position in (4, 9):
            source.size = position
            projector.wake(position)
            assert projector.wait_for(position, 10)
            assert view.get(b"count") == b"%d" % position


def test_helper_is_not_ended_while_somebody_rebuilds_the_view(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("projections.projector.HELPER_SECONDS", 0.3)
    source, one = Numbers(0), track(tmp_path, Counting())
    helper = Doing(one, stands_still=True)
    with running(source, one, helper=helper) as projector:
        until(lambda: projector._left == {"counting"})
        with one.view.exclusive():
            source.size = 5
            projector.wake(5)
            assert not projector.wait_for(5, 1.5)
            assert not helper.is_ended
        assert projector.wait_for(5, 10)
        assert helper.is_ended


def test_projector_says_which_projection_has_stopped(tmp_path: Path) -> None:
    stopped = list[str]()
    tracks = [track(tmp_path, Counting()), track(tmp_path, Fragile())]
    projector = Projector(Numbers(20), tracks, poll_seconds=0.01, on_stop=stopped.append)
    projector.start()
    try:
        until(lambda: stopped == ["fragile"])
    finally:
        projector.close()
    assert stopped == ["fragile"]
