"""Functions for a worker to be stopped in."""

from __future__ import annotations

import re


def ok(number: int) -> int:
    """Cheap."""
    return number + 1


def spin() -> None:
    """Python that never ends."""
    while True:
        pass


def c_spin() -> None:
    """C that does not end, and so hears no signal."""
    re.fullmatch(r"(a+)+b", "a" * 40)
