"""When a view that another process keeps up to date is taken to be standing still."""

from __future__ import annotations

import pytest

from projections.watch import ASK_SECONDS, PAUSE_SECONDS, STUCK_SECONDS, Watch

LOOK: float = 0.1


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def looks(watch: Watch, clock: Clock, seconds: float, position: int, told: int = 0) -> bool:
    """Look ten times a second for so long; whether it was stuck at the last look."""
    found = False
    for _ in range(round(seconds / LOOK)):
        clock.now += LOOK
        found = watch.is_stuck(position, told)
    return found


def test_view_is_stuck_that_stands_still_behind_what_there_is() -> None:
    clock = Clock()
    watch = Watch(lambda: 9, clock)
    assert not looks(watch, clock, STUCK_SECONDS - 2 * LOOK, 5)
    assert looks(watch, clock, ASK_SECONDS + 3 * LOOK, 5)
    assert not looks(watch, clock, LOOK, 6), "it has moved"


def test_view_is_not_stuck_for_as_long_as_it_has_everything() -> None:
    clock = Clock()
    watch = Watch(lambda: 5, clock)
    assert not looks(watch, clock, 10 * STUCK_SECONDS, 5)
    assert not looks(watch, clock, STUCK_SECONDS - 2 * LOOK, 5, told=6)
    assert looks(watch, clock, 3 * LOOK, 5, told=6)


def test_time_in_which_nobody_looked_does_not_count() -> None:
    clock = Clock()
    watch = Watch(lambda: 9, clock)
    assert not looks(watch, clock, STUCK_SECONDS / 2, 5, told=9)
    clock.now += 10 * PAUSE_SECONDS
    assert not looks(watch, clock, STUCK_SECONDS / 4, 5, told=9)
    assert looks(watch, clock, STUCK_SECONDS / 2, 5, told=9)


def test_time_in_which_the_source_could_not_be_asked_does_not_count() -> None:
    clock, is_away = Clock(), [True]

    def newest() -> int:
        if is_away[0]:
            raise OSError("the database is away")
        return 9

    watch = Watch(newest, clock)
    assert not looks(watch, clock, ASK_SECONDS - LOOK, 5, told=9)
    clock.now += LOOK / 2
    for _ in range(100):
        clock.now += LOOK
        with pytest.raises(OSError, match="away"):
            watch.is_stuck(5, 9)
    is_away[0] = False
    assert not looks(watch, clock, STUCK_SECONDS - 2 * LOOK, 5, told=9)
    assert looks(watch, clock, 3 * LOOK, 5, told=9)
