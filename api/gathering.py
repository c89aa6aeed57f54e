"""Gathering: what many clients ask for at once is carried out together, on one thread instead of one for each.

A thread for each request costs more than the request: the interpreter runs one at a time, and each that waits for the
disk or for a view has to win its turn again. So requests wait on the event loop, and a worker takes all that wait.
Nobody waits for others to come: the first is taken at once, and who comes meanwhile goes with the next turn.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar
from weakref import WeakKeyDictionary

from fastapi.concurrency import run_in_threadpool

MAX_TOGETHER: Final = 32
"""Items of one turn; more would let the first wait for the last."""
LANES: Final = 2
"""Turns at once: one is being prepared while the other waits for the disk."""

T = TypeVar("T")
R = TypeVar("R")


class Gathering(Generic[T, R]):
    """Carries out what coroutines ask for, several at a time.

    Concurrency: :meth:`ask` is called on an event loop, and gathers what is asked on the same one; the work runs on
    worker threads, in at most :data:`LANES` calls at once for each loop. Who gave up waiting is carried out all the
    same.

    Args:
        work: Carries out items, in order: for each what came of it, or the error to raise.
    """

    def __init__(self, work: Callable[[Sequence[T]], Sequence[R | Exception]]) -> None:
        self._work = work
        self._queues: WeakKeyDictionary[asyncio.AbstractEventLoop, _Queue[T, R]] = WeakKeyDictionary()

    async def ask(self, item: T) -> R:
        """Have *item* carried out and return what came of it, or raise its error."""
        loop = asyncio.get_running_loop()
        queue = self._queues.setdefault(loop, _Queue())
        future: asyncio.Future[R] = loop.create_future()
        queue.waiting.append((item, future))
        if len(queue.lanes) < LANES:
            lane = loop.create_task(self._run(queue))
            queue.lanes.add(lane)
            lane.add_done_callback(queue.lanes.discard)
        return await future

    async def _run(self, queue: _Queue[T, R]) -> None:
        while queue.waiting:
            turn = [queue.waiting.popleft() for _ in range(min(len(queue.waiting), MAX_TOGETHER))]
            try:
                results = await run_in_threadpool(self._work, [item for item, _ in turn])
            except Exception as error:  # noqa: BLE001  each that waits must hear of it
                results = [error] * len(turn)
            for (_, future), result in zip(turn, results, strict=True):
                _settle(future, result)


class _Queue(Generic[T, R]):
    """What waits on one event loop, and the tasks that serve it."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[T, asyncio.Future[R]]] = deque()
        self.lanes: set[asyncio.Task[None]] = set()


def _settle(future: asyncio.Future[R], result: R | Exception) -> None:
    if future.done():  # its client has gone
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
