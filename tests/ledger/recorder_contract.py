"""What every recorder must do, whatever database is under it.

An adapter's test module derives from :class:`RecorderContract` and says how a recorder is opened on an empty database
that also has the tables of :data:`SCHEMA`, and how it is opened once more on the same data.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from uuid import UUID

import pytest
from eventsourcing.persistence import StoredEvent

from ledger.error import ConflictError, InvalidInputError, LedgerError
from ledger.store import Commit, LedgerRecorder, Write

SCHEMA = ("CREATE TABLE IF NOT EXISTS contract_row (name TEXT PRIMARY KEY, value BLOB NOT NULL)",)
INSERT = "INSERT INTO contract_row VALUES (?,?)"
ONE, TWO = UUID(int=1), UUID("ffffffff-ffff-8fff-bfff-ffffffffffff")


def event(owner: UUID, version: int, state: bytes = b"{}", topic: str = "t.v1") -> StoredEvent:
    return StoredEvent(owner, version, topic, state)


def history(owner: UUID, first: int, last: int) -> Commit:
    return Commit([event(owner, version, b"%d" % version) for version in range(first, last + 1)])


def row(name: str, value: object = b"") -> Write:
    return Write(INSERT, [(name, value)])


def positions(result: list[int] | LedgerError) -> list[int]:
    assert isinstance(result, list), result
    return result


class RecorderContract:
    """The suite. Derive, and provide the two fixtures."""

    @pytest.fixture
    def recorder(self) -> LedgerRecorder:
        raise NotImplementedError

    @pytest.fixture
    def reopened(self) -> Callable[[], LedgerRecorder]:
        raise NotImplementedError

    def rows(self, recorder: LedgerRecorder) -> list[str]:
        return [name for (name,) in recorder.query("SELECT name FROM contract_row ORDER BY name")]

    def test_recorder_returns_positions_in_order_of_the_events(self, recorder: LedgerRecorder) -> None:
        results = recorder.record([history(ONE, 1, 3), history(TWO, 1, 2), Commit(())])
        made = [positions(result) for result in results]
        assert made == [[1, 2, 3], [4, 5], []]
        assert positions(recorder.record([history(ONE, 4, 4)])[0]) == [6]
        assert recorder.max_notification_id() == 6

    def test_recorder_knows_no_newest_position_when_empty(self, recorder: LedgerRecorder) -> None:
        assert recorder.max_notification_id() is None
        assert list(recorder.select_notifications(None, 10)) == []

    @pytest.mark.parametrize("state", [b"", b"\x00\xff", "жук".encode(), b"x" * 65_535])
    def test_recorder_gives_back_the_very_bytes(self, recorder: LedgerRecorder, state: bytes) -> None:
        recorder.record([Commit([event(TWO, 1, state)])])
        [stored] = recorder.select_events(TWO)
        assert stored == StoredEvent(TWO, 1, "t.v1", state)
        [notified] = recorder.select_notifications(1, 1)
        assert (notified.id, notified.state, notified.originator_id) == (1, state, TWO)

    def test_recorder_selects_events_of_one_aggregate_by_version(self, recorder: LedgerRecorder) -> None:
        recorder.record([history(ONE, 1, 9), history(TWO, 1, 2)])

        def versions(**bounds: int | bool) -> list[int]:
            return [e.originator_version for e in recorder.select_events(ONE, **bounds)]  # type: ignore[arg-type]  # passed through

        assert versions() == list(range(1, 10))
        assert versions(gt=3, lte=6) == [4, 5, 6]
        assert versions(desc=True, limit=2) == [9, 8]
        assert versions(gt=9) == []
        assert list(recorder.select_events(UUID(int=3))) == []

    def test_recorder_selects_notifications_by_position_and_topic(self, recorder: LedgerRecorder) -> None:
        topics = ["a.v1", "b.v1"] * 5
        recorder.record([Commit([event(ONE, n, topic=t) for n, t in enumerate(topics, start=1)])])

        def ids(*arguments: int | None, **bounds: object) -> list[int]:
            return [n.id for n in recorder.select_notifications(*arguments, **bounds)]  # type: ignore[arg-type]  # passed through

        assert ids(None, 3) == ids(0, 3) == ids(1, 3) == [1, 2, 3]
        assert ids(3, 2, inclusive_of_start=False) == [4, 5]
        assert ids(3, 9, stop=5) == [3, 4, 5]
        assert ids(1, 9, topics=["b.v1"]) == [2, 4, 6, 8, 10]
        assert ids(2, 2, topics=["a.v1", "c.v1"]) == [3, 5]
        assert ids(11, 9) == []

    def test_recorder_commits_rows_with_the_events(self, recorder: LedgerRecorder) -> None:
        recorder.record([Commit([event(ONE, 1)], [row("a"), row("b")])])
        assert self.rows(recorder) == ["a", "b"]

    @pytest.mark.parametrize("place", [0, 1, 2])
    def test_recorder_fails_a_conflict_alone_when_in_a_group(self, recorder: LedgerRecorder, place: int) -> None:
        recorder.record([Commit([event(TWO, 1)], [row("taken")])])
        for number, clash in enumerate(
            (
                Commit([event(TWO, 2), event(TWO, 1)], [row("lost")]),
                Commit([event(TWO, 2)], [row("lost"), row("taken")]),
                Commit([event(TWO, 2)], [row("lost")], [(TWO, 9)]),
            )
        ):
            group = [Commit([event(UUID(int=100 * number + n), 1)], [row(f"{number}-{n}")]) for n in (1, 2)]
            group.insert(place, clash)
            results = recorder.record(group)
            assert [isinstance(result, ConflictError) for result in results] == [n == place for n in range(3)]
            made = [n for n, result in enumerate(results) if n != place for n in positions(result)]
            assert made == [2 * number + 2, 2 * number + 3]
        assert self.rows(recorder) == ["0-1", "0-2", "1-1", "1-2", "2-1", "2-2", "taken"]
        assert [e.originator_version for e in recorder.select_events(TWO)] == [1]

    @pytest.mark.parametrize("value", ["\ud800", 2**70, object()], ids=["surrogate", "huge", "object"])
    def test_recorder_fails_a_row_alone_when_it_cannot_be_stored(self, recorder: LedgerRecorder, value: object) -> None:
        odd = Commit([event(TWO, 1)], [row("odd", value)])
        results = recorder.record([history(ONE, 1, 1), odd, history(ONE, 2, 2)])
        assert isinstance(results[1], InvalidInputError)
        assert [positions(results[0]), positions(results[2])] == [[1], [2]]
        assert list(recorder.select_events(TWO)) == []

    def test_recorder_fails_a_commit_when_what_it_rests_on_has_moved(self, recorder: LedgerRecorder) -> None:
        recorder.record([history(ONE, 1, 2)])
        fresh, stale, unknown = (
            Commit([event(UUID(int=n), 1)], unchanged=[seen])
            for n, seen in ((10, (ONE, 2)), (11, (ONE, 1)), (12, (TWO, 1)))
        )
        results = recorder.record([fresh, stale, unknown])
        assert [type(result) for result in results] == [list, ConflictError, ConflictError]
        moved = recorder.record([history(ONE, 3, 3), Commit([event(UUID(int=13), 1)], unchanged=[(ONE, 2)])])
        assert isinstance(moved[1], ConflictError), "an earlier commit of the same group counts"

    def test_recorder_keeps_everything_when_opened_again(
        self, recorder: LedgerRecorder, reopened: Callable[[], LedgerRecorder]
    ) -> None:
        recorder.record([Commit([event(ONE, 1)], [row("a")])])
        again = reopened()
        assert self.rows(again) == ["a"]
        assert positions(again.record([history(ONE, 2, 2)])[0]) == [2]

    def test_recorder_never_lets_a_tailing_reader_miss_an_event(self, recorder: LedgerRecorder) -> None:
        threads = [threading.Thread(target=self._write, args=(recorder, UUID(int=n))) for n in range(4)]
        for thread in threads:
            thread.start()
        seen: list[int] = []
        while len(seen) < 4 * 60 and (any(t.is_alive() for t in threads) or self._unread(recorder, seen)):
            seen.extend(self._unread(recorder, seen))
        for thread in threads:
            thread.join()
        seen.extend(self._unread(recorder, seen))
        assert seen == list(range(1, 4 * 60 + 1))

    def _unread(self, recorder: LedgerRecorder, seen: list[int]) -> list[int]:
        after = seen[-1] if seen else 0
        return [n.id for n in recorder.select_notifications(after, 50, inclusive_of_start=False)]

    def _write(self, recorder: LedgerRecorder, owner: UUID) -> None:
        for first in range(1, 61, 3):
            recorder.record([history(owner, first, first + 2)])
