"""Scanning on every core: ranges of the log go out to worker processes, and their facts come back in order.

This process is one of those at work: while no worker has answered, it scans a range itself. So few processes share the
processors as there are processors, and whoever is quicker does more. At most a few ranges for each process are out or
waiting at a time, so memory does not grow with the log.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Final

from anchoring.tile import TILE_WIDTH
from api.audit.crew import Worker, hired
from api.audit.scan import Scanner
from api.audit.source import LogPlace
from api.audit.stretch import Chunk
from api.audit.worker import COLLECT_AFTER
from ledger.event_catalogue import make_mapper

CHUNK_ENTRIES: Final = 32 * TILE_WIDTH
"""Entries that go out together: some 4 MB of log, 0.2 MB of facts."""
OUT_PER_WORKER: Final = 2
"""Ranges that a worker has at a time: the one at which it is, and the next."""
AHEAD_PER_PROCESS: Final = 3
"""Ranges, for each process, by which scanning may run ahead of the replay."""
WORTH_A_PROCESS: Final = 40_000
"""Entries from which further processes earn back their start, which can take a third of a second each."""


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
        workers: Processes, this one among them.

    Raises:
        SourceError: The place cannot be read, or a worker was killed.
    """
    ranges = [(start, min(CHUNK_ENTRIES, size - start)) for start in range(first, size, CHUNK_ENTRIES)]
    others = 0 if size - first < WORTH_A_PROCESS else workers - 1
    with _rare_collection(), hired(place, others) as crew, closing(place.open()) as source:
        yield from _shared(ranges, size, crew, Scanner(source, make_mapper()))


def _shared(ranges: Sequence[tuple[int, int]], size: int, crew: Sequence[Worker], scanner: Scanner) -> Iterator[Chunk]:
    """Share the ranges out and yield what comes of them, in order."""
    done: dict[int, Chunk] = {}
    given = 0
    for number in range(len(ranges)):
        end = min(len(ranges), number + AHEAD_PER_PROCESS * (len(crew) + 1))
        while number not in done:
            given = _hand_out(ranges, given, end, size, crew)
            for worker in crew:
                done.update(worker.answers(wait=False))
            if number in done:
                break
            if given < end:
                done[given] = scanner.scan(*ranges[given], size)
                given += 1
            else:
                for worker in crew:
                    done.update(worker.answers(wait=True))
        yield done.pop(number)


def _hand_out(ranges: Sequence[tuple[int, int]], given: int, end: int, size: int, crew: Sequence[Worker]) -> int:
    """Give the workers what they can take, each in turn; return how many ranges are given out then."""
    for turn in range(OUT_PER_WORKER):
        for worker in crew:
            if len(worker) <= turn and given < end:
                worker.ask(given, ranges[given], size)
                given += 1
    return given


@contextmanager
def _rare_collection() -> Iterator[None]:
    """Look for cycles among objects rarely, and not among those that are there already, as the workers do."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
