"""Gathering: many requests, few turns, separate fates."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from api.gathering import LANES, MAX_TOGETHER, Gathering

WAIT_SECONDS = 10


class Halving:
    """Halves even numbers, refuses odd ones, and notes how many it was given at a time."""

    def __init__(self) -> None:
        self.turns: list[int] = []
        self.at_once = 0
        self.most = 0
        self.gate = threading.Event()
        self._lock = threading.Lock()

    def __call__(self, numbers: Sequence[int]) -> list[int | Exception]:
        with self._lock:
            self.turns.append(len(numbers))
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        assert self.gate.wait(WAIT_SECONDS)
        with self._lock:
            self.at_once -= 1
        return [ValueError(str(number)) if number % 2 else number // 2 for number in numbers]


async def ask_all(gathering: Gathering[int, int], work: Halving, count: int) -> list[int | BaseException]:
    tasks = [asyncio.create_task(gathering.ask(number)) for number in range(count)]
    await asyncio.sleep(0)
    work.gate.set()
    return await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), WAIT_SECONDS)


def test_gathering_gives_each_its_own_result_or_error() -> None:
    work = Halving()
    found = asyncio.run(ask_all(Gathering(work), work, 200))
    assert found[::2] == list(range(100))
    assert [str(error) for error in found[1::2]] == [str(number) for number in range(1, 200, 2)]


def test_gathering_takes_all_that_wait_up_to_a_limit_and_few_turns_at_once() -> None:
    work = Halving()
    asyncio.run(ask_all(Gathering(work), work, 3 * MAX_TOGETHER))
    assert sum(work.turns) == 3 * MAX_TOGETHER
    assert len(work.turns) <= 3 + LANES
    assert max(work.turns) <= MAX_TOGETHER
    assert work.most <= LANES


def test_gathering_tells_each_when_the_work_itself_fails_and_goes_on() -> None:
    calls: list[int] = []

    def work(numbers: Sequence[int]) -> list[int | Exception]:
        calls.append(len(numbers))
        if len(calls) == 1:
            message = "broken"
            raise OSError(message)
        return list(numbers)

    async def run() -> None:
        gathering: Gathering[int, int] = Gathering(work)
        with pytest.raises(OSError, match="broken"):
            await gathering.ask(1)
        assert await gathering.ask(2) == 2

    asyncio.run(run())


def test_gathering_carries_out_what_nobody_waits_for_any_more() -> None:
    done: list[int] = []
    gate = threading.Event()

    def work(numbers: Sequence[int]) -> list[int | Exception]:
        assert gate.wait(WAIT_SECONDS)
        done.extend(numbers)
        return list(numbers)

    async def run() -> None:
        gathering: Gathering[int, int] = Gathering(work)
        gone, stays = asyncio.create_task(gathering.ask(1)), asyncio.create_task(gathering.ask(2))
        await asyncio.sleep(0)
        gone.cancel()
        gate.set()
        assert await stays == 2

    asyncio.run(run())
    assert sorted(done) == [1, 2]


def test_gathering_keeps_event_loops_apart() -> None:
    work = Halving()
    work.gate.set()
    gathering: Gathering[int, int] = Gathering(work)

    async def run() -> list[int]:
        return [await asyncio.wait_for(gathering.ask(number), WAIT_SECONDS) for number in range(0, 40, 2)]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: asyncio.run(run()), range(4)))
    assert found == [list(range(20))] * 4
