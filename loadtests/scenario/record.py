"""The record of a run: a line for each request; tabs between when it ended, what it was, milliseconds, and trouble.

    1795651200.1234<TAB>look-up: status<TAB>1.204<TAB>

Nothing stands behind the last tab when all was well. Lines are in the order in which requests ended, nearly.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TextIO

LOOK_UP = "look-up: "
"""What names of look-ups begin with: they are what must go on."""
ISSUE = "issue: "
MERGE = "merge delay"
"""From an award's answer to its evidence under a published checkpoint."""
WAITED = "evidence of a new award"
"""Asked for before there can be any: it waits for the log, and is no look-up whose time says something."""
REFUSED = "refused: over its limit"
ATTACK = "attack: "
AWARDS_AN_HOUR = 100_000
"""What a graduation day brings."""
BEFORE_SHARE = 0.25
"""Part of the time in which a crawler or an attack has not begun, to compare with."""


class Record:
    """Writes the lines.

    Args:
        path: The file; begun anew.
    """

    def __init__(self, path: Path) -> None:
        self._stream: TextIO = path.open("w", encoding="utf-8")

    def add(self, name: str, milliseconds: float, trouble: str = "") -> None:
        """Add what ended just now.

        Args:
            name: What it was, of a small set of names.
            milliseconds: How long it took.
            trouble: What was wrong; empty when nothing was.
        """
        said = trouble.replace("\t", " ").replace("\n", " ")[:200]
        self._stream.write(f"{time.time():.4f}\t{name}\t{milliseconds:.3f}\t{said}\n")

    def close(self) -> None:
        """Write out what is left."""
        self._stream.close()
