"""Scanning on every core: ranges of the log go out to worker processes, and their facts come back in order.

A worker is started anew and shares nothing. It ends with the process that started it, even when that one is killed.
At most a few ranges for each worker are out or waiting at a time, so memory does not grow with the log.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from typing import Final

from anchoring.tile import TILE_WIDTH
from api.audit.scan import Chunk, Scanner
from api.audit.source import LogPlace, SourceError
from ledger.event_catalogue import make_mapper

CHUNK_ENTRIES: Final = 32 * TILE_WIDTH
"""Entries that go out together: some 4 MB of log, 0.4 MB of facts."""
OUT_PER_WORKER: Final = 3
WORTH_A_PROCESS: Final = 40_000
"""Entries from which further processes earn back their start, which takes about a second."""

_scanner: Scanner | None = None


def cores() -> int:
    """How many processors this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def scanned(place: LogPlace, first: int, size: int, workers: int) -> Iterator[Chunk]:
    """Yield the scanned ranges of a log in order.

    Args:
        place: The log.
        first: Where to begin, a multiple of 256.
        size: Entries of the log.
        workers: Processes; 1 scans in this one.

    Raises:
        SourceError: The place cannot be read, or a worker was killed.
    """
    ranges = [(start, min(CHUNK_ENTRIES, size - start)) for start in range(first, size, CHUNK_ENTRIES)]
    if workers == 1 or size - first < WORTH_A_PROCESS:
        with closing(place.open()) as source:
            scanner = Scanner(source, make_mapper())
            yield from (scanner.scan(start, count, size) for start, count in ranges)
        return
    with ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), initializer=_begin, initargs=(place,)
    ) as pool:
        try:
            yield from _in_order(pool, ranges, size, workers * OUT_PER_WORKER)
        except BrokenProcessPool as error:
            message = "a worker process of the audit was killed; run the command again, it goes on where it was"
            raise SourceError(message) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _in_order(pool: ProcessPoolExecutor, ranges: list[tuple[int, int]], size: int, out: int) -> Iterator[Chunk]:
    waiting: deque[Future[Chunk]] = deque()
    for start, count in ranges:
        waiting.append(pool.submit(_scan, start, count, size))
        if len(waiting) >= out:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _begin(place: LogPlace) -> None:
    """Prepare a worker."""
    global _scanner  # noqa: PLW0603  a worker process has one, made when it starts
    threading.Thread(target=_end_with_parent, name="parent-watch", daemon=True).start()
    _scanner = Scanner(place.open(), make_mapper())


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


def _scan(first: int, count: int, size: int) -> Chunk:
    assert _scanner is not None  # noqa: S101  made by _begin
    return _scanner.scan(first, count, size)
