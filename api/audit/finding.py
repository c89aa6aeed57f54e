"""Findings: what an audit names, and a list of them that cannot outgrow memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

MAX_KEPT: Final = 10_000
"""Findings that a report lists; beyond that they are counted. Whoever needs more has a ledger to distrust as a whole.
"""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One difference, or one notice.

    Attributes:
        code: Stable name of the kind of finding; docs/auditing.md lists them.
        where: What is affected: a path, an entry's index, an award's aggregate id.
        what: A plain sentence.
        entry: Index of the log entry that it is about; None when it is about no single one.
    """

    code: str
    where: str
    what: str
    entry: int | None = None


class Findings:
    """Collects findings.

    Args:
        kept: Those of an interrupted audit.
        count: How many there were in all.
    """

    def __init__(self, kept: Iterable[Finding] = (), count: int | None = None) -> None:
        self.kept = list(kept)
        self.count = len(self.kept) if count is None else count

    def add(self, code: str, where: str, what: str, entry: int | None = None) -> None:
        """Add one."""
        self.count += 1
        if len(self.kept) < MAX_KEPT:
            self.kept.append(Finding(code=code, where=where, what=what, entry=entry))

    def at(self, entry: int, code: str, what: str) -> None:
        """Add one about a log entry."""
        self.add(code, f"entry {entry}", what, entry)
