"""Findings: what an audit names, and a list of them that cannot outgrow memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

MAX_KEPT: Final = 10_000
"""Findings that a report lists; beyond that they are counted. Whoever needs more has a ledger to distrust as a whole.
"""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One difference, objection or notice.

    Attributes:
        code: Stable name of the kind of finding; docs/auditing.md lists them.
        where: What is affected: a path, an entry's index, an award's aggregate id.
        what: A plain sentence.
        entry: Index of the log entry that it is about; None when it is about no single one.
        objection: Whether it is about what an issuer did and was not entitled to. The ledger recorded that faithfully,
            and whoever verifies such an award is told so; it is no difference.
    """

    code: str
    where: str
    what: str
    entry: int | None = None
    objection: bool = False


class Findings:
    """Collects findings.

    Args:
        kept: Those of an interrupted audit.
        count: How many differences there were in all.
        objections: How many objections.
    """

    def __init__(self, kept: Iterable[Finding] = (), count: int = 0, objections: int = 0) -> None:
        self.kept = list(kept)
        self.count = count
        self.objections = objections

    def add(self, code: str, where: str, what: str, entry: int | None = None) -> None:
        """Add a difference."""
        self.count += 1
        self._keep(Finding(code=code, where=where, what=what, entry=entry))

    def at(self, entry: int, code: str, what: str) -> None:
        """Add a difference about a log entry."""
        self.add(code, f"entry {entry}", what, entry)

    def object(self, entry: int, code: str, what: str) -> None:
        """Add an objection to what a log entry records."""
        self.objections += 1
        self._keep(Finding(code=code, where=f"entry {entry}", what=what, entry=entry, objection=True))

    def join(self, others: Findings) -> None:
        """Add all of *others*."""
        self.count += others.count
        self.objections += others.objections
        for one in others.kept:
            self._keep(one)

    def _keep(self, finding: Finding) -> None:
        if len(self.kept) < MAX_KEPT:
            self.kept.append(finding)
