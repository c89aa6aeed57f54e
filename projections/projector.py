"""The projector: keeps every view up to date, each on a thread of its own.

Each thread applies what is new in batches, then sleeps until the ledger's commit hook wakes it, or until 100 ms have
passed and it is time to look for events of other processes. Woken by the hook it lingers a little, so that a burst of
commits costs one batch and not one each; whoever waits for a view cuts that short. The threads share what they read: at
the tail of the ledger one look at the store serves them all.

A projection that cannot go on stops with its error, which readiness shows, and the others go on. An error of the source
is taken to be passing, and so is a disk that has no room for a batch: it is shown, and the thread tries again.

Where one process is there for nothing else (``cairn serve --role projector``), those that serve the same views leave it
to that one and watch; when it ends, they project again. When a view stands still though there are events that it lacks,
because that process is paused or has stopped there, they project that view until somebody else moves it.

A process may have a :class:`Helper`, a process of its own that projects for it. That one is told what is new, and says
how far it has come, so nobody looks again and again. One that stands still is ended, and this process projects again.

Any number of processes may project the same views: each batch checks in its transaction that the view stands where the
batch begins, so nobody applies an event twice; who comes second reads the position again.

Longer than other modules because who projects a view, and who only watches, is decided under one lock.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Collection, Sequence
from typing import Final, Protocol

import msgspec

from projections.error import RebuildRunningError, SourceError, ViewDiskError
from projections.source import EventSource, Notification
from projections.track import Track
from projections.watch import HELPER_SECONDS, STUCK_SECONDS, Watch

__all__ = ["LINGER_SECONDS", "POLL_SECONDS", "Helper", "Projector", "Standing", "Track"]

POLL_SECONDS: Final = 0.1
"""How soon an event of another process is noticed."""
WATCH_SECONDS: Final = 0.02
"""How soon it is noticed what another process has projected that somebody waits for."""
LINGER_SECONDS: Final = 0.05
"""How long a view that nobody waits for gathers commits before it applies them."""


class Helper(Protocol):
    """A process that this one has started to keep its views up to date. None of its methods waits."""

    @property
    def is_active(self) -> bool:
        """Whether it lives and projects."""
        ...

    def listen(self, reached: Callable[[str, int], None]) -> None:
        """Say from now on, by name and position, how far it has brought each view."""
        ...

    def begin(self) -> None:
        """Let it project: the views are there, and fit the events."""
        ...

    def wake(self, position: int) -> None:
        """Say that the store has new events up to *position*."""
        ...

    def hurry(self, position: int, names: Collection[str]) -> None:
        """Say that somebody waits until *names* have reached *position*."""
        ...

    def end(self) -> None:
        """End it, since it does not do its work; it is not active then. Also of one that has ended."""
        ...


class Standing(msgspec.Struct, frozen=True):
    """How one projection stands.

    Attributes:
        name: Its name.
        position: Position of the newest event applied, 0 before the first.
        lag: How far the position is behind the newest event; None when the source cannot be asked.
        rebuilding: Position that a running rebuild has reached, else None.
        error: Why it stopped, or what it is waiting to get over; None when all is well.
        stopped: Whether it has stopped for good.
    """

    name: str
    position: int
    lag: int | None
    rebuilding: int | None
    error: str | None
    stopped: bool


class Projector:
    """Keeps views up to date.

    Args:
        source: The events.
        tracks: The projections and their views.
        poll_seconds: How soon an event of another process is noticed.
        elsewhere: Whether another process keeps these views up to date at this moment; then they are only watched.
        helper: One that does so for this process alone, and is told what is new.
        on_move: Told name and position of each view that was brought further here.
        on_stop: Told the name of a projection that has stopped for good.
    """

    def __init__(
        self,
        source: EventSource,
        tracks: Sequence[Track],
        *,
        poll_seconds: float = POLL_SECONDS,
        elsewhere: Callable[[], bool] = lambda: False,
        helper: Helper | None = None,
        on_move: Callable[[str, int], None] = lambda _, __: None,
        on_stop: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._source = _SharedSource(source)
        self._tracks = tracks
        self._poll_seconds = poll_seconds
        self._elsewhere = elsewhere if helper is None else lambda: helper.is_active or elsewhere()
        self._helper = helper
        self._on_move = on_move
        self._on_stop = on_stop
        self._left = set[str]()
        """Names of views that are left to another process."""
        self._prepared = set[str]() if helper is not None else {track.view.name for track in tracks}
        """Names of views that have been looked at here before a helper may have them."""
        self._lock = threading.Lock()
        self._waiting: list[_Waiter] = []
        self._closing = threading.Event()
        self._told = 0
        self._bells = {track.view.name: _Bell() for track in tracks}
        self._threads = [
            threading.Thread(target=self._run, args=(track,), name=f"project-{track.view.name}", daemon=True)
            for track in tracks
        ]

    def look_first(self, names: Collection[str]) -> None:
        """Have views looked at here before they are left to anybody: they do not fit the events. Before the start."""
        self._prepared -= set(names)

    def start(self) -> None:
        """Start projecting."""
        if self._helper is not None:
            self._helper.listen(self._reached)
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop after the batches at hand, give up rebuilds, and wait until the threads have ended."""
        self._closing.set()
        for bell in self._bells.values():
            bell.hurry()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def wake(self, position: int) -> None:
        """Say that the store has new events up to *position*: the ledger's commit hook. Returns at once."""
        self._told = max(self._told, position)
        if self._helper is not None and self._left:
            self._helper.wake(position)
        for name, bell in self._bells.items():
            if name not in self._left:
                bell.rung.set()

    def hurry(self, names: Collection[str]) -> None:
        """Let those views be brought up to date at once: somebody waits for them in another process."""
        for name in names:
            self._bells[name].hurry()

    def wait_for(self, position: int, timeout: float, names: Collection[str] | None = None) -> bool:
        """Wait until projections have applied every event up to *position*.

        Args:
            position: Position of an event.
            timeout: Seconds to wait at most.
            names: Which projections; None for all of them.

        Returns:
            Whether they have. False at once when one of them has stopped short of it.
        """
        waiter = _Waiter(position, [track for track in self._tracks if names is None or track.view.name in names])
        with self._lock:
            if not waiter.settled():
                self._waiting.append(waiter)
        self._hurry(position, {track.view.name for track in waiter.behind()})
        if not waiter.settled():
            waiter.done.wait(timeout)
        with self._lock:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
        return not waiter.behind()

    def standing(self) -> list[Standing]:
        """Say how each projection stands: for readiness and metrics."""
        try:
            newest = self._source.newest()
        except SourceError:
            newest = None
        return [
            Standing(
                track.view.name,
                track.position,
                None if newest is None else max(0, newest - track.position),
                track.rebuilding,
                track.error,
                track.stopped,
            )
            for track in self._tracks
        ]

    def catch_up(self) -> None:
        """Apply everything there is, on the calling thread: for commands, and for tests without :meth:`start`.

        Raises:
            ProjectionError: A projection cannot go on; those before it have caught up.
        """
        for track in self._tracks:
            track.prepare(self._source, self._closing)
            while track.advance(self._source):
                pass

    def _reached(self, name: str, position: int) -> None:
        """Note that the helper has brought a view up to *position*, in what it sees as the current generation."""
        [track] = [track for track in self._tracks if track.view.name == name]
        track.view.look_again()
        self._note(track, position)
        self._settle()

    def _note(self, track: Track, position: int) -> None:
        """Note how far a view has come that is left to another process.

        What a helper has said is not taken back; of a view that others see to, a rebuild may go back.
        """
        with self._lock:
            track.position = position if self._helper is None else max(track.position, position)

    def _hurry(self, position: int, names: set[str]) -> None:
        """Have views brought further by whoever sees to them."""
        if self._helper is not None and (left := names & self._left):
            self._helper.hurry(position, left)
        self.hurry(names - self._left)

    def _note_prepared(self, name: str) -> None:
        """Let the helper begin once every view is there."""
        with self._lock:
            is_last = name not in self._prepared and len(self._prepared) == len(self._tracks) - 1
            self._prepared.add(name)
        if is_last and self._helper is not None:
            self._helper.begin()

    def _pause(self) -> float:
        """Seconds between two looks at a view that is left to another process."""
        return WATCH_SECONDS if self._waiting and self._helper is None else self._poll_seconds

    def _run(self, track: Track) -> None:
        name = track.view.name
        bell, watch = self._bells[name], _Elsewhere(self._elsewhere, self._source, self._helper, self._note)
        prepared, moved = False, 0
        while not self._closing.is_set() and not track.stopped:
            more = False
            bell.rung.clear()  # before the look: what is committed after it rings again
            if name in self._prepared and watch.sees_to(track, self._told):
                prepared = False  # whoever takes over looks whether the view fits the events first
                self._left.add(name)
                self._settle()
                self._closing.wait(self._pause())
                continue
            self._left.discard(name)
            try:
                if not prepared:
                    track.prepare(self._source, self._closing)
                    prepared = True
                    self._note_prepared(name)
                # At the newest event that this process wrote there is no need to look whether there are more.
                more = track.advance(self._source) and track.position != self._told
                track.error = None
            except (SourceError, RebuildRunningError) as error:
                track.error = str(error)
            except ViewDiskError as error:
                # A batch is tried again; a rebuild would begin anew, and fill the disk again, every time.
                track.error, track.stopped = str(error), not prepared
            except Exception as error:  # noqa: BLE001  whatever it is stops this projection and is shown
                track.error = f"{type(error).__name__}: {error}"
                track.stopped = True
            self._settle()
            if track.position != moved:
                moved = track.position
                self._on_move(name, moved)
            if not more and bell.rung.wait(self._poll_seconds):
                bell.linger()
        if track.stopped:
            self._on_stop(name)

    def _settle(self) -> None:
        """Wake those who wait for what has been reached, or can no longer be."""
        with self._lock:
            settled = [waiter for waiter in self._waiting if waiter.settled()]
            for waiter in settled:
                self._waiting.remove(waiter)
                waiter.done.set()


class _Elsewhere:
    """Tells one thread whether another process keeps a view up to date."""

    def __init__(
        self,
        is_held: Callable[[], bool],
        source: _SharedSource,
        helper: Helper | None,
        note: Callable[[Track, int], None],
    ) -> None:
        self._is_held = is_held
        self._source = source
        self._helper = helper
        self._note = note
        self._watch: Watch | None = None
        self._is_passed_by = False

    def sees_to(self, track: Track, told: int) -> bool:
        """Look; if another one does, *track* says how far the view has come. What kept it from looking, it says too."""
        try:
            if not self._is_held():
                self._watch, self._is_passed_by = None, False
                return False
            position = track.view.position() if track.view.ready else 0
            if self._is_passed_by and position == track.brought:
                return False
            if self._watch is None or self._is_passed_by:
                self._watch = Watch(
                    self._source.newest, patience=STUCK_SECONDS if self._helper is None else HELPER_SECONDS
                )
            self._note(track, position)
            self._is_passed_by = self._watch.is_stuck(position, told)
            track.brought = position
            if self._is_passed_by and self._helper is not None:
                if track.view.is_being_rebuilt():  # whoever does that holds up everybody, towards the end
                    self._watch, self._is_passed_by = None, False
                else:
                    self._helper.end()
            track.error = None
        except Exception as error:  # noqa: BLE001  nothing was changed: shown, and looked at again
            track.error = f"{type(error).__name__}: {error}"
            return True
        return not self._is_passed_by


class _Bell:
    """Wakes one thread: rung by commits, hurried by whoever waits for the view."""

    def __init__(self) -> None:
        self.rung = threading.Event()
        self._hurried = threading.Event()

    def hurry(self) -> None:
        self._hurried.set()
        self.rung.set()

    def linger(self) -> None:
        self._hurried.wait(LINGER_SECONDS)
        self._hurried.clear()


class _Waiter:
    """Someone who waits until *tracks* have reached *position*."""

    def __init__(self, position: int, tracks: Sequence[Track]) -> None:
        self._position = position
        self._tracks = tracks
        self.done = threading.Event()

    def behind(self) -> list[Track]:
        return [track for track in self._tracks if track.position < self._position]

    def settled(self) -> bool:
        behind = self.behind()
        return not behind or any(track.stopped for track in behind)


class _SharedSource:
    """A source whose errors, whatever they are, come as :class:`SourceError`, and whose newest batch is kept.

    What is kept answers only for events that it has: that nothing follows is always asked of the source.
    """

    def __init__(self, source: EventSource) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._after = 0
        self._kept: Sequence[Notification] = ()

    def read(self, after: int, limit: int) -> Sequence[Notification]:
        with self._lock:
            known = self._known(after, limit)
            if not known:
                known = self._ask(after, limit)
                if known:
                    self._after, self._kept = after, known
        return known

    def newest(self) -> int:
        try:
            return self._source.newest()
        except Exception as error:
            message = f"the source of events failed: {error}"
            raise SourceError(message) from error

    def _known(self, after: int, limit: int) -> Sequence[Notification]:
        if after < self._after:
            return ()
        first = bisect_right(self._kept, after, key=lambda event: event.position)
        return self._kept[first : first + limit]

    def _ask(self, after: int, limit: int) -> Sequence[Notification]:
        try:
            return self._source.read(after, limit)
        except Exception as error:
            message = f"the source of events failed: {error}"
            raise SourceError(message) from error
