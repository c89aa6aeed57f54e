"""Steps that wait for an idle moment: one after the other, none under load, none after the end."""

from __future__ import annotations

import threading
import time

from api.warming import BUSY_SHARE, FIRST_SECONDS, LONGEST_SECONDS, LOOK_SECONDS, Warming


class Machine:
    """A process whose work and time are told, not taken."""

    def __init__(self, busy_until: float = 0.0, ends_at: float = float("inf"), share: float = 1.0) -> None:
        self.now = 0.0
        self.worked = 0.0
        self.busy_until = busy_until
        self.ends_at = ends_at
        self.share = share
        self.taken: list[float] = []

    def pause(self, seconds: float) -> bool:
        if self.now < self.busy_until:
            self.worked += self.share * seconds
        self.now += seconds
        return self.now >= self.ends_at

    def step(self) -> None:
        self.taken.append(self.now)

    def run(self, steps: int = 3) -> list[float]:
        Warming([self.step] * steps, own_seconds=lambda: self.worked, pause=self.pause).run()
        return self.taken


def test_idle_process_takes_its_steps_one_after_the_other() -> None:
    assert Machine().run() == [FIRST_SECONDS + LOOK_SECONDS * number for number in (1, 2, 3)]


def test_busy_process_takes_none_until_it_is_idle() -> None:
    until = FIRST_SECONDS + 10 * LOOK_SECONDS
    assert Machine(busy_until=until).run(1) == [until + LOOK_SECONDS]


def test_process_that_is_never_idle_takes_them_in_the_end() -> None:
    assert Machine(busy_until=1e9).run(2) == [FIRST_SECONDS + LONGEST_SECONDS * number for number in (1, 2)]


def test_little_work_is_idle() -> None:
    machine = Machine(busy_until=1e9, share=BUSY_SHARE / 2)
    assert len(machine.run()) == 3
    assert machine.now < LONGEST_SECONDS


def test_work_that_is_more_than_a_little_is_not_idle() -> None:
    machine = Machine(busy_until=1e9, share=BUSY_SHARE * 1.1)
    assert machine.run(1) == [FIRST_SECONDS + LONGEST_SECONDS]


def test_time_that_passes_is_no_work() -> None:
    taken, looks = threading.Event(), 0

    def pause(seconds: float) -> bool:
        nonlocal looks
        looks += 1
        time.sleep(min(seconds, 0.3))
        return looks > 2

    Warming([taken.set], pause=pause).run()
    assert taken.is_set()


def test_nothing_is_taken_after_the_end() -> None:
    assert Machine(ends_at=FIRST_SECONDS).run() == []
    assert len(Machine(ends_at=FIRST_SECONDS + 2 * LOOK_SECONDS).run()) == 1


def test_close_ends_the_thread_at_once() -> None:
    taken = threading.Event()
    warming = Warming([taken.set])
    warming.start()
    warming.close()
    assert not taken.is_set()
    assert "cairn-warming" not in {thread.name for thread in threading.enumerate()}
