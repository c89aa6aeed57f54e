"""Records never go back in time, whatever the clock does."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from ledger.error import ClockError
from ledger.steady_clock import TOLERANCE, SteadyClock
from tests.ledger.world import START, World, claim, open_world

SECOND = timedelta(seconds=1)


def recorded_at(world: World) -> list[object]:
    return [world.ledger.event_mapper.decode(topic, state, "x").recorded_at for topic, state in world.events()]


def test_clock_stands_still_when_it_was_set_back_a_little(world: World) -> None:
    world.clock.now = START + timedelta(hours=1)
    world.issue(claim())
    world.clock.advance(seconds=-TOLERANCE.total_seconds())
    world.issue(claim())
    times = recorded_at(world)
    assert times[-1] == times[-2] == START + timedelta(hours=1)


def test_ledger_records_nothing_when_the_clock_jumped_back_and_goes_on_when_it_is_right(world: World) -> None:
    world.clock.advance(hours=1)
    world.issue(claim())
    before = world.events()
    world.clock.advance(hours=-1)
    with pytest.raises(ClockError, match="3600 s behind"):
        world.issue(claim())
    assert world.events() == before
    world.clock.advance(hours=1)
    world.issue(claim())
    assert len(world.events()) == len(before) + 1


def test_ledger_remembers_what_it_recorded_when_it_is_opened_again(world: World, tmp_path: Path) -> None:
    world.clock.advance(hours=1)
    world.issue(claim())
    world.ledger.close()
    again = open_world(tmp_path, seed=2)
    try:
        again.clock.now = START
        with pytest.raises(ClockError):
            again.issue(claim())
    finally:
        again.close()


def test_clock_passes_on_what_it_reads_when_nothing_was_recorded() -> None:
    times = iter([START, START - SECOND])
    clock = SteadyClock(lambda: next(times), lambda: None)
    assert [clock(), clock()] == [START, START - SECOND]


def test_clock_asks_for_the_newest_record_once(world: World) -> None:
    asked: list[int] = []

    def newest() -> None:
        asked.append(1)

    clock = SteadyClock(lambda: START, newest)
    clock.recorded(START)
    clock()
    assert asked == []
    assert world is not None
