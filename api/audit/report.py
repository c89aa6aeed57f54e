"""What an audit found, on one page."""

from __future__ import annotations

from typing import Final

import msgspec

SHOWN: Final = 40
"""Findings on the one page; the JSON report has them all."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One difference.

    Attributes:
        code: Stable name of the kind of difference.
        where: What is affected: a path, an entry's index, an award's aggregate id.
        what: A plain sentence.
    """

    code: str
    where: str
    what: str


class AuditReport(msgspec.Struct, frozen=True, kw_only=True):
    """The result of an audit.

    Attributes:
        url: What was audited.
        origin: Origin of the log.
        size: Entries that the newest verified checkpoint covers.
        root: Its root, hexadecimal.
        entries: Entries read, hashed and folded.
        events: How many of them were events of the ledger, by topic.
        commitments: State commitments derived again and compared.
        credentials: Awards whose served status was compared.
        status_lists: Served status lists compared.
        institutions: Served institution records compared.
        anchors: Time anchors whose tokens were compared with the log.
        anchored_size: Size of the newest anchored checkpoint; what follows is not anchored yet.
        previous_size: Size of the checkpoint of the last audit, which this one was proved to extend; None at first.
        trust: Where the log's key came from.
        differences: How many findings there are.
        findings: What differs.
        not_checked: What an audit like this cannot see.
        seconds: How long it took.
    """

    url: str
    origin: str
    size: int
    root: str
    entries: int
    events: dict[str, int]
    commitments: int
    credentials: int
    status_lists: int
    institutions: int
    anchors: int
    anchored_size: int | None
    previous_size: int | None
    trust: str
    differences: int
    findings: list[Finding]
    not_checked: list[str]
    seconds: float

    def text(self) -> str:
        """The report as a page of text."""
        lines = [
            f"Audit of {self.url}",
            "",
            f"  log            {self.origin}",
            f"  checkpoint     {self.size:,} entries, root {self.root[:16]}…",
            f"  trust          {self.trust}",
            f"  since last     {self._previous()}",
            "",
            f"  entries        {self.entries:,} read, hashed and folded",
            *(f"    {count:>12,}  {topic}" for topic, count in sorted(self.events.items())),
            f"  commitments    {self.commitments:,} derived again",
            f"  awards         {self.credentials:,} served statuses compared",
            f"  status lists   {self.status_lists:,} served lists compared, signatures verified",
            f"  institutions   {self.institutions:,} served records compared",
            f"  anchors        {self.anchors:,}; {self._tail()}",
            "",
        ]
        lines += [f"  ✗ {one.code} at {one.where}: {one.what}" for one in self.findings[:SHOWN]]
        if len(self.findings) > SHOWN:
            lines.append(f"  … and {len(self.findings) - SHOWN} more; --json has them all")
        verdict = "no difference" if not self.differences else f"{self.differences} differences"
        lines += [f"  {self.entries:,} entries checked, {verdict}, {self.seconds:.1f} s", "", "  Not checked:"]
        return "\n".join([*lines, *(f"  - {one}" for one in self.not_checked)])

    def _previous(self) -> str:
        if self.previous_size is None:
            return "first audit from here; the next one will prove that the log only grew"
        return f"extends the checkpoint of {self.previous_size:,} entries seen last time"

    def _tail(self) -> str:
        if self.anchored_size is None:
            return "nothing is anchored"
        return f"the last {self.size - self.anchored_size:,} entries are not anchored yet"
