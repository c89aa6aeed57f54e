"""When Python looks for garbage in a process that serves.

Memory is freed as soon as nothing refers to it; a collection finds only what refers to itself in a circle. Python's own
measure, a look after 700 new objects, cost an award that was issued by itself an eighth of its time, and stopped every
thread for 7 to 20 ms in each second.
"""

from __future__ import annotations

import gc
from typing import Final

NEW_OBJECTS: Final = 50_000
"""Objects that are made and not freed before the youngest are looked through: some 10 MB of small ones."""
YOUNG: Final = 20
MIDDLE: Final = 50
"""So often one generation is looked through before the next older one is."""


def keep_all() -> None:
    """Let what is there now stay, so that no collection looks through it, and collect seldom from now on."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, YOUNG, MIDDLE)
