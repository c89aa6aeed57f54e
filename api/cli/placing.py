"""A served process on one processor, for as long as it is served."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from api.one_processor import LOOK_SECONDS, OneProcessor
from api.runtime import EventLog, Loop
from api.setting import Settings


@contextmanager
def on_one_processor(settings: Settings, log: EventLog) -> Iterator[None]:
    """Keep all threads on one processor while the block runs and others leave room on it; not if settings forbid it.

    Args:
        settings: What the operator decided.
        log: Where it is recorded when placing fails.
    """
    if not settings.one_processor:
        yield
        return
    placed = OneProcessor()
    loop = Loop("processor", placed.step, LOOK_SECONDS, log)
    loop.start()
    try:
        yield
    finally:
        loop.close()
        placed.close()
