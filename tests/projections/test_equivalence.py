"""However a projection is fed, the rows are the same: in memory, in batches, with crashes between, or rebuilt."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ledger.event import EventMapper
from projections.achievement_catalogue import AchievementCatalogue
from projections.credential_status import CredentialStatus
from projections.fold import Projection
from projections.institution_directory import InstitutionDirectory
from projections.quality_record import QualityRecord
from projections.rebuild import Progress, rebuild
from projections.skill_index import SkillIndex
from projections.source import Notification
from projections.status_lists import StatusLists
from projections.status_prefix import StatusPrefixes
from projections.table import MemoryTable, Table
from projections.view import View
from tests.projections.history import MAPPER, varied_history

PROJECTIONS: list[Callable[[EventMapper], Projection]] = [
    CredentialStatus,
    InstitutionDirectory,
    AchievementCatalogue,
    SkillIndex,
    QualityRecord,
    StatusLists,
    StatusPrefixes,
]


def rows(view: View) -> list[tuple[bytes, bytes]]:
    with view.snapshot() as snapshot:
        return list(snapshot.scan())


def in_memory(projection: Projection, events: Sequence[Notification]) -> list[tuple[bytes, bytes]]:
    table = MemoryTable()
    projection.apply(events, table)
    return table.items()


class CrashError(Exception):
    """What a simulated crash raises."""


@pytest.mark.parametrize("make", PROJECTIONS)
@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 1000), gap=st.integers(1, 3), sizes=st.lists(st.tuples(st.integers(1, 30), st.booleans())))
def test_rows_are_the_same_when_fed_in_batches_with_crashes_and_when_rebuilt(
    make: Callable[[EventMapper], Projection], seed: int, gap: int, sizes: list[tuple[int, bool]]
) -> None:
    history, projection = varied_history(seed, 80, gap), make(MAPPER)

    def crash(batch: Sequence[Notification], table: Table) -> None:
        projection.apply(batch, table)
        raise CrashError

    expected = in_memory(projection, history.events)
    assert expected
    with tempfile.TemporaryDirectory() as directory:
        view = View(Path(directory), projection.NAME, projection.VERSION, writable=True, map_bytes=32 << 20)
        for size, crashes in [*sizes, (80, False), (80, False), (80, False)]:
            position = view.position()
            if batch := history.read(position, size):
                if crashes:
                    with pytest.raises(CrashError):
                        view.apply(batch, crash, after=position)
                    assert view.position() == position
                view.apply(batch, projection.apply, after=position)
                assert rows(view) == in_memory(projection, history.read(0, batch[-1].position // gap))
        assert rows(view) == expected
        rebuild(view, projection, history)
        assert (rows(view), view.position()) == (expected, history.newest())


class ViewMachine(RuleBasedStateMachine):
    """Applies, crashes, rebuilds and interrupts in any order; the rows are always what the position says."""

    def __init__(self) -> None:
        super().__init__()
        self.history = varied_history(3, 150, 2)
        self.projection = StatusLists(MAPPER)
        self.directory = tempfile.TemporaryDirectory()
        self.view = View(Path(self.directory.name), "status_lists", 1, writable=True, map_bytes=32 << 20)
        self.visible = 0

    @rule(more=st.integers(1, 40))
    def record(self, more: int) -> None:
        """More events happen."""
        self.visible = min(150, self.visible + more)

    @rule(limit=st.integers(1, 50))
    def apply(self, limit: int) -> None:
        """A batch is applied."""
        position = self.view.position()
        if batch := self.read(position, limit):
            self.view.apply(batch, self.projection.apply, after=position)

    @rule(limit=st.integers(1, 50))
    def crash(self, limit: int) -> None:
        """A batch is applied, and the process dies before it is committed."""
        position = self.view.position()
        batch = self.read(position, limit)

        def fail(batch: Sequence[Notification], table: Table) -> None:
            self.projection.apply(batch, table)
            raise CrashError

        if batch:
            with pytest.raises(CrashError):
                self.view.apply(batch, fail, after=position)

    @rule()
    def rebuild(self) -> None:
        """The view is rebuilt."""
        rebuild(self.view, self.projection, self, grace_seconds=0)

    @rule()
    def interrupt(self) -> None:
        """A rebuild is interrupted after its first batch."""

        def stop(_: Progress) -> None:
            raise CrashError

        if self.visible:
            with pytest.raises(CrashError):
                rebuild(self.view, self.projection, self, progress=stop)

    @invariant()
    def rows_are_what_the_position_says(self) -> None:
        """The rows are those of the events up to the position, each applied once."""
        seen = self.view.position() // 2
        assert rows(self.view) == in_memory(self.projection, self.history.events[:seen])

    def read(self, after: int, limit: int) -> Sequence[Notification]:
        """See the port: what has happened so far."""
        return [event for event in self.history.read(after, limit) if event.position <= self.visible * 2]

    def newest(self) -> int:
        """See the port."""
        return self.visible * 2

    def teardown(self) -> None:
        """Let go of the files."""
        self.directory.cleanup()


TestViewMachine = ViewMachine.TestCase
TestViewMachine.settings = settings(max_examples=15, stateful_step_count=20)
