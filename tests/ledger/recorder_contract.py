"""What every recorder must do, whatever database is under it.

An adapter's test module derives from :class:`RecorderContract` and says how an empty database of its kind is made.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from uuid import UUID

import pytest
from eventsourcing.persistence import StoredEvent

from ledger.error import ConflictError, InvalidInputError, LedgerError, StorageError
from ledger.store import Commit, LedgerRecorder, Write
from tests.ledger.storage import Database, Opened

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
    """The suite. Derive, and provide the first fixture."""

    @pytest.fixture
    def fresh(self) -> Callable[[], Database]:
        """What makes an empty database."""
        raise NotImplementedError

    @pytest.fixture
    def opened(self, fresh: Callable[[], Database]) -> Iterator[Opened]:
        with closing(Opened(fresh(), SCHEMA)) as opened:
            yield opened

    @pytest.fixture
    def recorder(self, opened: Opened) -> LedgerRecorder:
        return opened.open()

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

    def test_recorder_keeps_everything_when_opened_again(self, recorder: LedgerRecorder, opened: Opened) -> None:
        recorder.record([Commit([event(ONE, 1)], [row("a")])])
        opened.close()
        again = opened.open()
        assert self.rows(again) == ["a"]
        assert positions(again.record([history(ONE, 2, 2)])[0]) == [2]

    def test_recorder_never_lets_a_tailing_reader_miss_an_event(self, recorder: LedgerRecorder, opened: Opened) -> None:
        writers = [recorder, opened.open()]
        threads = [threading.Thread(target=self._write, args=(writers[n % 2], UUID(int=n))) for n in range(4)]
        for thread in threads:
            thread.start()
        seen: list[int] = []
        while len(seen) < 4 * 60 and (any(t.is_alive() for t in threads) or self._unread(recorder, seen)):
            seen.extend(self._unread(recorder, seen))
        for thread in threads:
            thread.join()
        seen.extend(self._unread(recorder, seen))
        assert seen == list(range(1, 4 * 60 + 1))

    def test_recorder_lets_one_of_many_win_when_all_change_the_same_thing(
        self, recorder: LedgerRecorder, opened: Opened
    ) -> None:
        writers = [recorder, opened.open()]
        recorder.record([history(ONE, 1, 1)])

        def attempt(number: int) -> list[int] | LedgerError:
            return writers[number % 2].record([Commit([event(ONE, 2)], [row(f"by {number}")])])[0]

        with ThreadPoolExecutor(8) as threads:
            results = list(threads.map(attempt, range(16)))
        assert [result for result in results if isinstance(result, list)] == [[2]]
        assert len(self.rows(recorder)) == 1
        assert sum(isinstance(result, ConflictError) for result in results) == 15

    def test_recorder_keeps_a_batch_whole_when_it_is_large(self, recorder: LedgerRecorder) -> None:
        rows = [(f"{number:05}", bytes([number % 256]) * 700) for number in range(3_000)]
        batch = Commit(
            [event(UUID(int=number), 1, b"state %d" % number) for number in range(1, 3_001)], [Write(INSERT, rows)]
        )
        last = rows[-1][0]
        assert positions(recorder.record([batch])[0]) == list(range(1, 3_001))
        assert recorder.query("SELECT name, value FROM contract_row ORDER BY name") == rows
        assert [one.state for one in recorder.select_notifications(2_999, 9)] == [b"state 2999", b"state 3000"]
        changes = [(value * 3, name) for name, value in rows]
        [changed] = recorder.record([Commit((), [Write("UPDATE contract_row SET value=? WHERE name=?", changes)])])
        assert changed == []
        assert recorder.query("SELECT value FROM contract_row WHERE name=?", (last,)) == [(rows[-1][1] * 3,)]
        late = Commit(
            [event(UUID(int=n), 1) for n in range(5_000, 5_010)], [Write(INSERT, [*rows[:0:-1][:9], rows[0]])]
        )
        assert isinstance(recorder.record([late])[0], ConflictError)
        assert recorder.max_notification_id() == 3_000

    @pytest.mark.parametrize("rows", [2, 700])
    @pytest.mark.parametrize("value", ["\ud800", 2**70, object()], ids=["surrogate", "huge", "object"])
    def test_recorder_refuses_many_rows_when_one_cannot_be_stored(
        self, recorder: LedgerRecorder, value: object, rows: int
    ) -> None:
        many = [(f"{number}", b"") for number in range(rows)]
        odd = Commit([event(TWO, 1)], [Write(INSERT, [*many, ("odd", value)])])
        results = recorder.record([history(ONE, 1, 1), odd])
        assert isinstance(results[1], InvalidInputError)
        assert self.rows(recorder) == []
        assert positions(recorder.record([history(ONE, 2, 9)])[0]) == list(range(2, 10))

    def test_recorder_reports_a_storage_error_when_a_statement_fails(self, recorder: LedgerRecorder) -> None:
        with pytest.raises(StorageError, match="missing"):
            recorder.query("SELECT * FROM missing")
        for rows in ([(1,)], [(number,) for number in range(9)]):
            with pytest.raises(StorageError, match="missing"):
                recorder.record([Commit((), [Write("INSERT INTO missing VALUES (?)", rows)])])
        assert recorder.record([history(ONE, 1, 1)]) == [[1]]

    def test_recorder_refuses_to_write_when_it_is_asked_to_read(self, recorder: LedgerRecorder) -> None:
        with pytest.raises(StorageError, match=r"read-?only"):
            recorder.query("DELETE FROM stored_events")

    def test_recorder_answers_no_more_when_it_was_closed(self, recorder: LedgerRecorder) -> None:
        with ThreadPoolExecutor(8) as threads:
            found = list(threads.map(lambda _: recorder.query("SELECT COUNT(*) FROM stored_events"), range(50)))
        assert found == [[(0,)]] * 50
        recorder.close()
        with pytest.raises(StorageError, match="closed"):
            recorder.query("SELECT 1")

    def test_recorder_compares_text_byte_by_byte(self, recorder: LedgerRecorder) -> None:
        names = ["a", "B", "Z", "é", "_", "ж"]
        recorder.record([Commit((), [row(name) for name in names])])
        assert self.rows(recorder) == sorted(names, key=str.encode)

    def test_commits_recorded_together_end_as_if_recorded_in_turn(self, fresh: Callable[[], Database]) -> None:
        merged = refused = 0
        with closing(Opened(fresh(), SCHEMA)) as one, closing(Opened(fresh(), SCHEMA)) as other:
            together, in_turn = one.open(), other.open()
            for seed in range(12):
                dice = random.Random(seed)
                for _ in range(20):
                    group = [some_commit(dice, seed) for _ in range(dice.randrange(1, 5))]
                    found = together.record(group)
                    wanted = [in_turn.record([commit])[0] for commit in group]
                    assert list(map(fate, found)) == list(map(fate, wanted))
                    kept_out = sum(not isinstance(one, list) for one in found)
                    merged += len(group) > 1 and not kept_out
                    refused += kept_out
                assert content(together) == content(in_turn)
        assert min(merged, refused) > 20, "there were groups with nothing in the way, and others"

    def test_rows_are_added_in_an_order_that_each_commit_can_bear(self, fresh: Callable[[], Database]) -> None:
        """The row that refers to another is written after it, though an earlier commit writes the same two tables."""
        schema = (
            "CREATE TABLE IF NOT EXISTS parent (name TEXT PRIMARY KEY)",
            "CREATE TABLE IF NOT EXISTS child (name TEXT PRIMARY KEY, parent TEXT REFERENCES parent (name))",
        )
        parent, child = "INSERT INTO parent VALUES (?)", "INSERT INTO child VALUES (?,?)"
        commits = [
            Commit(
                [event(UUID(int=number), 1)],
                [Write(parent, [(f"p{number}",)]), Write(child, [(f"c{number}", f"p{number}")])],
            )
            for number in range(1, 20)
        ]
        orphan = Commit([event(UUID(int=99), 1)], [Write(child, [("orphan", "nobody")])])
        last = Commit([event(UUID(int=100), 1)], [Write(parent, [("p",)])])
        with closing(Opened(fresh(), schema)) as opened:
            recorder = opened.open()
            assert recorder.record(commits) == [[number] for number in range(1, 20)]
            found = recorder.record([orphan, last])
        assert isinstance(found[0], ConflictError)
        assert found[1] == [20]

    def _unread(self, recorder: LedgerRecorder, seen: list[int]) -> list[int]:
        after = seen[-1] if seen else 0
        return [n.id for n in recorder.select_notifications(after, 50, inclusive_of_start=False)]

    def _write(self, recorder: LedgerRecorder, owner: UUID) -> None:
        for first in range(1, 61, 3):
            recorder.record([history(owner, first, first + 2)])


def some_commit(dice: random.Random, round_number: int) -> Commit:
    """A commit that may well be in another one's way."""
    owners = [UUID(int=dice.randrange(1, 60) + 100 * round_number) for _ in range(6)]
    events = [
        event(owner, dice.choice((1, 1, 2)), dice.randbytes(4)) for owner in dice.sample(owners, dice.randrange(3))
    ]
    names = [f"row {round_number} {number}" for number in dice.sample(range(90), dice.choice((0, 0, 1, 2, 5)))]
    rows = [(name, dice.choice((b"v", b"v", b"v", None))) for name in names]
    writes = [Write(INSERT, rows)]
    if dice.random() < 0.1:
        gone = (f"row {round_number} {dice.randrange(40)}",)
        writes.append(Write("DELETE FROM contract_row WHERE name=?", [gone]))
    unchanged = [(dice.choice(owners), dice.choice((1, 2)))] if dice.random() < 0.15 else []
    return Commit(events, writes, unchanged)


def content(recorder: LedgerRecorder) -> Sequence[object]:
    return [recorder.query(f"SELECT * FROM {table} ORDER BY 1") for table in ("stored_events", "contract_row")]  # noqa: S608  our own names


def fate(result: object) -> object:
    return result if isinstance(result, list) else type(result)
