"""Group commit: concurrent commands share transactions, and so share the wait for the disk.

Commands prepare their commits in their own threads. One writer thread takes every commit that is waiting, records them
in one transaction, and only then answers each. A conflict fails its own commit and none beside it; when the transaction
itself fails (the disk is full), every command of the group hears of it and nothing of the group is recorded.

A database that has lost its standby may let a transaction wait for as long as that takes. Nobody waits along with it:
once nothing may be recorded, whoever is not part of that transaction is refused, and whoever is hears that the outcome
is not known. Only the writer thread waits, so that the commands' threads stay free for those that come meanwhile.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from itertools import islice
from typing import Any, Final

from ledger.error import LedgerError, OutcomeUnknownError, StorageError
from ledger.store import Commit, LedgerRecorder

MAX_COMMITS_PER_GROUP = 256
MAX_EVENTS_PER_GROUP = 20_000
LOOK_SECONDS: Final = 0.5
"""Of waiting, after which it is looked whether anything may be recorded still."""
UNDER_WAY: Final = (
    "the database has lost its standby while it recorded; whether it was recorded is not known: make the same request "
    "again, with its idempotency key"
)
_LOGGER = logging.getLogger(__name__)

_Results = Sequence[list[int] | LedgerError]
_Item = tuple[Sequence[Commit], "Future[_Results]"]


class GroupWriter:
    """Records commits durably, as many at once as are waiting.

    Args:
        recorder: Where commits are recorded.
        on_commit: Called from the writer thread after each transaction with the newest position. What it raises is
            logged and goes no further: the commit has happened, and the writer must live.
    """

    def __init__(self, recorder: LedgerRecorder, on_commit: Callable[[int], None]) -> None:
        self._recorder = recorder
        self._on_commit = on_commit
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="cairn-writer", daemon=True)
        self._lock = threading.Lock()
        self._closed = False
        self._thread.start()

    def write(self, commit: Commit) -> list[int]:
        """Record *commit* and return the positions of its events once they are on disk.

        Raises:
            ConflictError: Another commit changed the same aggregate first.
            InvalidInputError: Its rows cannot be stored.
            StorageError: The transaction failed, or nothing may be recorded at this moment; nothing was recorded.
            OutcomeUnknownError: The same, while the transaction was under way.
            RuntimeError: The writer was closed.
        """
        [result] = self.write_all([commit])
        if isinstance(result, LedgerError):
            raise result
        return result

    def write_all(self, commits: Sequence[Commit]) -> _Results:
        """Record several commits in one transaction, at most :data:`MAX_COMMITS_PER_GROUP` of them.

        Returns:
            For each the positions of its events, now on disk, or what :meth:`write` would have raised for it alone.

        Raises:
            StorageError: The transaction failed, or nothing may be recorded at this moment; nothing was recorded.
            OutcomeUnknownError: The same, while the transaction was under way.
            RuntimeError: The writer was closed.
        """
        return self._ask(commits) if commits else []

    def confirm(self) -> None:
        """Wait until what can be read is as durable as what is recorded; see :class:`ledger.store.LedgerRecorder`.

        Raises:
            StorageError: That cannot be had at this moment.
            RuntimeError: The writer was closed.
        """
        self._ask(())

    def _ask(self, commits: Sequence[Commit]) -> _Results:
        self._recorder.require_writable()  # here, and not behind others that wait
        future: Future[_Results] = Future()
        with self._lock:
            if self._closed:
                message = "the ledger is closed"
                raise RuntimeError(message)
            self._queue.put((commits, future))
        while True:
            try:
                return future.result(LOOK_SECONDS)
            except TimeoutError:
                if future.done():  # just now, or it was the recorder's own
                    return future.result()
            self._give_up(commits, future)

    def _give_up(self, commits: Sequence[Commit], future: Future[_Results]) -> None:
        """Raise why nobody should wait any longer for *future*, if there is a reason."""
        try:
            self._recorder.require_writable()
        except StorageError as error:
            if future.cancel() or not commits:
                raise
            if not future.done():
                raise OutcomeUnknownError(UNDER_WAY) from error

    def close(self) -> None:
        """Record what is waiting, then stop. A transaction that waits while nothing may be recorded is left behind."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        while self._thread.is_alive() and self._may_record():
            self._thread.join(LOOK_SECONDS)

    def _may_record(self) -> bool:
        try:
            self._recorder.require_writable()
        except StorageError:
            return False
        return True

    def _run(self) -> None:
        held: _Item | None = None
        while True:
            first = held if held is not None else self._queue.get()
            if first is None:
                return
            group, held, closing = self._gather(first)
            self._carry_out([item for item in group if item[1].set_running_or_notify_cancel()])
            if closing:
                return

    def _carry_out(self, group: Sequence[_Item]) -> None:
        recorded = [item for item in group if item[0]]
        if recorded:
            self._record(recorded)
        if len(recorded) < len(group):
            self._confirm([future for commits, future in group if not commits])

    def _confirm(self, futures: Sequence[Future[_Results]]) -> None:
        """Once for all that were asking when it began."""
        try:
            self._recorder.confirm()
        except Exception as error:  # noqa: BLE001  each waiting command must hear of it
            for future in futures:
                future.set_exception(error)
            return
        for future in futures:
            future.set_result([])

    def _gather(self, first: _Item) -> tuple[list[_Item], _Item | None, bool]:
        """Take what is waiting, up to the limits.

        Returns:
            The group, an item that no longer fitted into it, and whether the writer was told to close.
        """
        group = [first]
        commits, events = len(first[0]), _events(first)
        while commits < MAX_COMMITS_PER_GROUP:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
            if item is None:
                return group, None, True
            more = _events(item)
            if events + more > MAX_EVENTS_PER_GROUP:
                return group, item, False
            group.append(item)
            commits, events = commits + len(item[0]), events + more
        return group, None, False

    def _record(self, group: list[_Item]) -> None:
        try:
            results = iter(self._recorder.record([commit for commits, _ in group for commit in commits]))
        except Exception as error:  # noqa: BLE001  each waiting command must hear of it
            for _, future in group:
                future.set_exception(error)
            return
        newest = 0
        for commits, future in group:
            own = list(islice(results, len(commits)))
            newest = max(newest, *(result[-1] for result in own if not isinstance(result, LedgerError) and result), 0)
            future.set_result(own)
        if newest:
            self._tell(newest)

    def _tell(self, newest: int) -> None:
        try:
            self._on_commit(newest)
        except Exception:
            _LOGGER.exception("what is told of commits failed at position %d", newest)


class PromptRecorder:
    """Records rows beside the events as commands record theirs: with them, and without waiting for a lost standby.

    Args:
        recorder: What is read from.
        writer: What records.
    """

    def __init__(self, recorder: LedgerRecorder, writer: GroupWriter) -> None:
        self._recorder = recorder
        self._writer = writer

    @property
    def is_local(self) -> bool:
        """See :class:`ledger.store.LedgerRecorder`."""
        return self._recorder.is_local

    def record(self, commits: Sequence[Commit]) -> Sequence[list[int] | LedgerError]:
        """Record commits; see :meth:`GroupWriter.write_all`."""
        return self._writer.write_all(commits)

    def confirm(self) -> None:
        """Wait for what was under way; see :meth:`GroupWriter.confirm`."""
        self._writer.confirm()

    def query(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
        """Run one reading statement; see :meth:`ledger.store.LedgerRecorder.query`."""
        return self._recorder.query(sql, parameters)


def _events(item: _Item) -> int:
    return sum(len(commit.events) for commit in item[0])
