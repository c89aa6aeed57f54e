"""Views: a read model on disk that can be rebuilt beside itself and swapped in without one failed read.

::

    views/credential_status/
        CURRENT               one line: the name of the generation that serves, replaced by rename
        rebuild.lock          held (flock) by whoever makes or removes generations
        v1-000001/            retired, removed after a grace
        v1-000002/            data.mdb, lock.mdb: rows and position, see projections.generation

A generation's name carries the projection's version. Code of one version never opens a generation of another: after an
update the old process goes on serving and feeding its own while the new one builds beside it.

Swap: the new generation is caught up under the old one's write lock, flushed, and named in ``CURRENT`` by an atomic
rename. A writer looks at ``CURRENT`` after it got the write lock, so nothing is written to a generation after it was
retired. A reader looks every 100 ms (one ``stat``); until then it reads the old generation, whose files stay readable
even when they are removed. So there is no instant at which a read fails, and no position ever goes backwards.

Longer than other modules because what is read, written, named and removed is decided in one place.
"""

from __future__ import annotations

import fcntl
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from projections.error import RebuildRunningError, ViewError, ViewNotReadyError
from projections.generation import MAP_BYTES, Fold, Generation, Snapshot, Tracking, Write, remove_generation
from projections.source import Notification

if TYPE_CHECKING:
    import lmdb

CHECK_SECONDS: Final = 0.1
"""How long a reader may serve a generation after another process retired it."""
GRACE_SECONDS: Final = 60
"""How long the files of a retired generation stay, for a process that read ``CURRENT`` and is about to open them."""
PATIENCE_SECONDS: Final = 1
"""How long to wait for the right to make generations; tidying up takes milliseconds, a rebuild longer than this."""
LOCK_POLL_SECONDS: Final = 0.01
SWAP_ATTEMPTS: Final = 10
_NAME: Final = re.compile(r"v([0-9]+)-([0-9]{6,})", re.ASCII)


class View:
    """A read model by name. One object a process, shared by its threads; not to be used across a fork.

    Args:
        directory: Directory of all views; this one's is below it.
        name: Name of the projection.
        version: Version of the projection that this code can read and write.
        writable: Whether this process may write; a writer makes the first generation if there is none.
        map_bytes: Address space to reserve, the same for readers and writer.
        monotonic: Seconds of a clock that never goes back.

    """

    def __init__(
        self,
        directory: Path,
        name: str,
        version: int,
        *,
        writable: bool,
        map_bytes: int = MAP_BYTES,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name: Final = name
        self.version: Final = version
        self.path: Final = directory / name
        self.map_bytes: Final = map_bytes
        self._writable = writable
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._generation: Generation | None = None
        self._seen: tuple[int, int] | None = None
        self._check_after = 0.0
        self._withheld: tuple[int, str | None] | None = None
        self._is_closed = False
        if writable:
            self._ensure_first()
        self._refresh()

    # ── reading ───────────────────────────────────────────────────────────────────────────────────────────

    def get(self, key: bytes) -> bytes | None:
        """Return the value of *key*, or None.

        Raises:
            ViewNotReadyError: There is no generation of this version, or it lacks what it must show.
        """
        # What is withheld is asked first: whoever lifted that had a generation that will do.
        if (
            self._withheld is not None
            or (generation := self._generation) is None
            or self._monotonic() >= self._check_after
        ):
            generation = self._answering()
        return generation.get(key)

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Open the newest commit for several reads that agree with each other. Raises ViewNotReadyError."""
        with self._answering().snapshot() as snapshot:
            yield snapshot

    def reader(self) -> Reader:
        """Make what one thread reads with that asks for many rows within moments."""
        return Reader(self._answering)

    def tracking(self) -> Tracking:
        """Return how far the view has come. Raises ViewNotReadyError."""
        return self._current().tracking()

    def position(self) -> int:
        """Return the position of the newest event applied, 0 before the first. Raises ViewNotReadyError."""
        return self.tracking().position

    def rows(self) -> int:
        """Return how many rows there are. Raises ViewNotReadyError."""
        return self._answering().rows()

    @property
    def ready(self) -> bool:
        """Whether there is a generation that this version of the code can read."""
        try:
            self._current()
        except ViewNotReadyError:
            return False
        return True

    def withhold(self, position: int, *, unlike: str | None = None) -> None:
        """Have nothing read, by anybody in this process, until the view shows the events up to *position*.

        For a view that may stand far behind when it is opened: after a restore, or where its files were removed, it is
        folded from the first event on, and would tell of an award what was true before it was revoked. Rows are what is
        withheld: how far it has come can be asked, and it can be written.

        Args:
            position: Of the newest event that it must show.
            unlike: Name of a generation that came from other events than there are. It is not read, however far it is.
        """
        self._withheld = position, unlike

    def require_answering(self) -> None:
        """Raise what :meth:`get` would: ViewNotReadyError."""
        self._answering()

    @property
    def is_answering(self) -> bool:
        """Whether it can be read: it is ready, and shows what it must."""
        try:
            self._answering()
        except ViewNotReadyError:
            return False
        return True

    @property
    def generation(self) -> str:
        """Name of the generation that is read. Raises ViewNotReadyError."""
        return self._current().name

    # ── writing ───────────────────────────────────────────────────────────────────────────────────────────

    def apply(self, batch: Sequence[Notification], fold: Fold, *, after: int) -> None:
        """Apply a batch that follows the position *after*, and move the position, in one transaction.

        Raises:
            PositionMovedError: The view stands elsewhere; nothing was written.
            ViewFullError: The memory map is used up; nothing was written.
            ViewNotReadyError: There is no generation of this version.
        """
        with self.write() as write:
            write.apply(batch, fold, after=after)

    @contextmanager
    def write(self) -> Iterator[Write]:
        """Hold the write transaction of the generation that is current while it is held. Raises as :meth:`apply`."""
        for _ in range(SWAP_ATTEMPTS):
            generation = self._current()
            with generation.write() as write:
                self._refresh()
                if self._generation is generation:
                    yield write
                    return
        message = f"view {self.name} is swapped faster than it can be written"
        raise ViewError(message)

    @contextmanager
    def exclusive(self, patience_seconds: float = PATIENCE_SECONDS) -> Iterator[None]:
        """Hold the right to make and remove generations, against every process; the system frees it if we die.

        Args:
            patience_seconds: How long to wait for somebody who is only tidying up.

        Raises:
            RebuildRunningError: Somebody else holds it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        deadline = self._monotonic() + patience_seconds
        with (self.path / "rebuild.lock").open("ab") as file:
            while not _try_lock(file.fileno()):
                if self._monotonic() >= deadline:
                    message = f"view {self.name} is being rebuilt already"
                    raise RebuildRunningError(message)
                time.sleep(LOCK_POLL_SECONDS)
            yield

    def make_generation(self) -> Generation:
        """Make the next generation, empty, to be built, flushed and closed. The caller holds :meth:`exclusive`."""
        newest = max((number for _, number in map(_parse_name, self._names())), default=0)
        path = self.path / f"v{self.version}-{newest + 1:06}"
        return Generation.create(path, self.version, map_bytes=self.map_bytes)

    def make_current(self, name: str) -> None:
        """Let generation *name*, complete and on the disk, serve from now on. The caller holds :meth:`exclusive`.

        A crash before the rename leaves the old generation serving, and one after it the new one.
        """
        temporary = self.path / "CURRENT.new"
        with temporary.open("wb") as file:
            file.write(f"{name}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path / "CURRENT")
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._refresh()

    def clean(self, now: float, grace_seconds: float = GRACE_SECONDS) -> list[str]:
        """Remove what interrupted rebuilds and retired generations left. The caller holds :meth:`exclusive`.

        Args:
            now: POSIX seconds, on the clock that dates files.
            grace_seconds: Generations retired more recently stay.

        Returns:
            The names of what was removed.
        """
        current = self._current_name()
        settled = current is not None and now - (self.path / "CURRENT").stat().st_mtime >= grace_seconds
        number = 0 if current is None else _parse_name(current)[1]
        removed = [name for name in self._names() if name != current and (settled or _parse_name(name)[1] > number)]
        for name in removed:
            remove_generation(self.path / name)
        return removed

    def look_again(self) -> None:
        """Read from now on what another process has made current, which is noticed within CHECK_SECONDS otherwise."""
        self._refresh()

    def is_being_rebuilt(self) -> bool:
        """Whether somebody holds :meth:`exclusive` at this moment."""
        try:
            with self.exclusive(patience_seconds=0):
                return False
        except RebuildRunningError:
            return True

    def release_dead_readers(self) -> int:
        """Free what processes that died while reading still hold; see :meth:`Generation.release_dead_readers`."""
        return self._current().release_dead_readers()

    def close(self) -> None:
        """Let go of the files; whoever asks later is told that the view is not ready.

        A thread that is still reading keeps them until it is done. Without this they stay open for as long as anything
        refers to the view, and LMDB must not open the same files twice.
        """
        with self._lock:
            self._is_closed = True
            self._generation = None

    # ── which generation ──────────────────────────────────────────────────────────────────────────────────

    def _current(self) -> Generation:
        if self._monotonic() >= self._check_after:
            self._refresh()
        generation = self._generation
        if self._is_closed:
            message = f"view {self.name} was closed"
            raise ViewNotReadyError(message)
        if generation is None:
            message = f"view {self.name} has no generation of version {self.version} yet; it is being built"
            raise ViewNotReadyError(message)
        return generation

    def _answering(self) -> Generation:
        """The generation to read from; see :meth:`withhold`."""
        withheld = self._withheld  # before the generation, as in `get`
        generation = self._current()
        if withheld is not None:
            position, unlike = withheld
            if generation.name == unlike or generation.tracking().position < position:
                message = (
                    f"view {self.name} does not show yet what was recorded when it was opened; it is brought there"
                )
                raise ViewNotReadyError(message)
            self._withheld = None
        return generation

    def _refresh(self) -> None:
        """Open the generation that ``CURRENT`` names, if it is not the one that is open.

        One that cannot be opened is passed over until ``CURRENT`` changes: a rebuild will bring another.
        """
        self._check_after = self._monotonic() + CHECK_SECONDS
        if self._stamp() == self._seen:
            return
        with self._lock:
            stamp = None
            while (newest := self._stamp()) != stamp:
                stamp = newest  # it may be named and removed while we look; then CURRENT names another by now
                with suppress(ViewError):
                    self._adopt(self._current_name())
                    break
            self._seen = stamp

    def _adopt(self, name: str | None) -> None:
        known = self._generation
        if (
            self._is_closed
            or name is None
            or _parse_name(name)[0] != self.version
            or (known is not None and known.name == name)
        ):
            return
        self._generation = Generation(self.path / name, writable=self._writable, map_bytes=self.map_bytes)

    def _ensure_first(self) -> None:
        """Make an empty first generation; an empty view at position 0 is a consistent one."""
        if self._stamp() is not None:
            return
        with suppress(RebuildRunningError), self.exclusive():
            if self._stamp() is None:
                first = self.make_generation()
                first.flush()
                first.close()
                self.make_current(first.name)

    def _stamp(self) -> tuple[int, int] | None:
        try:
            status = (self.path / "CURRENT").stat()
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_mtime_ns

    def _current_name(self) -> str | None:
        """Return the name in ``CURRENT``; None when there is none, or it is damaged and a rebuild has to mend it."""
        try:
            name = (self.path / "CURRENT").read_text("ascii").strip()
        except (FileNotFoundError, UnicodeDecodeError):
            return None
        return name if _NAME.fullmatch(name) else None

    def _names(self) -> list[str]:
        return [path.name for path in self.path.iterdir() if _NAME.fullmatch(path.name)]


class Reader:
    """Reads that come within moments of each other, without opening a commit for each. For one thread.

    Args:
        current: Gives the generation that serves; raises ViewNotReadyError.
    """

    def __init__(self, current: Callable[[], Generation]) -> None:
        self._current = current
        self._open: tuple[Generation, lmdb.Transaction[bytes]] | None = None  # the first must outlive the second

    def renew(self) -> Callable[[bytes], bytes | None]:
        """Go on to the newest commit.

        Returns:
            Gives the value of a key, or None. It must not be called after the next :meth:`renew` or :meth:`release`.

        Raises:
            ViewNotReadyError: There is no generation of this version.
        """
        self.release()
        generation = self._current()
        transaction = generation.reading()
        self._open = generation, transaction
        return transaction.get

    def release(self) -> None:
        """Let go of what was read, whose pages may be used again."""
        opened, self._open = self._open, None
        if opened is not None:
            opened[1].abort()


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _parse_name(name: str) -> tuple[int, int]:
    """Return version and number of a generation; *name* is one."""
    match = _NAME.fullmatch(name)
    assert match is not None  # noqa: S101  every caller has matched it
    return int(match[1]), int(match[2])
