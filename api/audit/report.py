"""What an audit found: the facts of a report, and the report as one page of text."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from api.audit.finding import Finding

SHOWN: Final = 40
"""Findings on the one page; the JSON report has them all."""
NOT_SERVED: Final = "what a server answers: this was an audit of the log's files alone"


def not_checked(*, disclosed: bool) -> list[str]:
    """What an audit cannot see."""
    documents = (
        "the documents of awards that were not disclosed"
        if disclosed
        else "that the documents say what their commitments commit to: an auditor without disclosures cannot open them"
    )
    return [
        documents,
        "that the same log is shown to everyone: compare checkpoints with other auditors and witnesses",
        "time-stamp tokens against their authorities' certificates, unless the policy names them",
    ]


class DisclosureReport(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the disclosures.

    Attributes:
        institution: Slug of the institution whose awards were disclosed; None for everybody's.
        made_at: When the file was made.
        read: Awards in the file.
        opened: Awards whose commitment was opened.
        derived: Stacked awards whose rules were run again over what they were made of.
        parts: Parts of unpacked diplomas that were opened.
        not_disclosed: Awards of the log that were not in the file: erased, of other institutions, or kept back.
        differences: Findings about them.
    """

    institution: str | None
    made_at: datetime
    read: int
    opened: int
    derived: int
    not_disclosed: int
    differences: int
    parts: int = 0


class AuditReport(msgspec.Struct, frozen=True, kw_only=True):
    """The result of an audit.

    Attributes:
        url: What was audited: an address or a directory.
        origin: Origin of the log.
        size: Entries that the newest verified checkpoint covers.
        root: Its root, hexadecimal.
        entries: Entries read, hashed and replayed.
        events: How many of them were events, by topic.
        commitments: State commitments derived again and compared.
        awards: Awards that the log issued.
        institutions_logged: Institutions that the log registered.
        credentials: Awards whose served status was compared.
        status_lists: Served status lists compared.
        institutions: Served institution records compared.
        anchors: Time anchors of the log; their tokens were compared if there is a server.
        tokens_verified: Tokens verified against an authority that the policy names.
        anchored_size: Size of the newest anchored checkpoint; what follows is not anchored yet.
        checkpoints: Further checkpoints that the log was shown to extend.
        previous_size: Size of the checkpoint of the last audit, which this one was proved to extend; None at first.
        trust: Where the log's key came from.
        disclosed: What came of the disclosures; None when there were none.
        differences: How many findings contradict what the ledger promises.
        objections: How many findings are about what an issuer did and was not entitled to.
        findings: Both; beyond ten thousand they are only counted.
        notices: What an auditor should know and is no difference.
        not_checked: What an audit like this cannot see.
        seconds: How long it took, from this start on.
        processor_seconds: What it used of all processors together.
    """

    url: str
    origin: str
    size: int
    root: str
    entries: int
    events: dict[str, int]
    commitments: int
    awards: int
    institutions_logged: int
    credentials: int
    status_lists: int
    institutions: int
    anchors: int
    tokens_verified: int
    anchored_size: int | None
    checkpoints: int
    previous_size: int | None
    trust: str
    disclosed: DisclosureReport | None
    differences: int
    objections: int
    findings: list[Finding]
    notices: list[Finding]
    not_checked: list[str]
    seconds: float
    processor_seconds: float

    @property
    def verdict(self) -> str:
        """The result in some words."""
        said = _number(self.differences, "difference")
        return f"{said}, {_number(self.objections, 'objection')}" if self.objections else said

    def rows(self) -> list[tuple[str, str]]:
        """What was looked at, as names and sentences."""
        rows = [
            ("log", self.origin),
            ("checkpoint", f"{self.size:,} entries, root {self.root[:16]}…"),
            ("trust", self.trust),
            ("since last", self.since_last()),
            ("entries", f"{self.entries:,} read, hashed and replayed by the ledger's rules"),
            ("commitments", f"{self.commitments:,} derived again"),
            ("awards", f"{self.awards:,} issued; {self.credentials:,} served statuses compared"),
            ("status lists", f"{self.status_lists:,} served lists compared, signatures verified"),
            ("institutions", f"{self.institutions_logged:,} registered; {self.institutions:,} served records compared"),
            ("anchors", f"{self.anchors:,}; {self.tail()}"),
        ]
        if self.checkpoints:
            rows.append(("checkpoints", f"{self.checkpoints:,} further ones that this log extends"))
        if self.disclosed is not None:
            told = self.disclosed
            rows.append(
                (
                    "disclosures",
                    (
                        f"{told.opened:,} commitments opened, {told.derived:,} stacks derived again, "
                        f"{told.not_disclosed:,} awards not disclosed"
                    ),
                )
            )
        return rows

    def text(self) -> str:
        """The report as a page of text."""
        lines = [f"Audit of {self.url}", "", *(f"  {name:<14} {what}" for name, what in self.rows())]
        lines += ["", *(f"    {count:>12,}  {topic}" for topic, count in self.events.items()), ""]
        lines += [
            f"  {'!' if one.objection else '✗'} {one.code} at {one.where}: {one.what}" for one in self.findings[:SHOWN]
        ]
        if self.differences + self.objections > SHOWN:
            lines.append(f"  … and {self.differences + self.objections - SHOWN:,} more; --json has them")
        lines += [f"  - {one.code} at {one.where}: {one.what}" for one in self.notices[:SHOWN]]
        lines += [f"  {self.entries:,} entries checked, {self.verdict}, {self.seconds:.1f} s", "", "  Not checked:"]
        return "\n".join([*lines, *(f"  - {one}" for one in self.not_checked)])

    def since_last(self) -> str:
        """How the log stands to the last audit."""
        if self.previous_size is None:
            return "first audit from here; the next one will prove that the log only grew"
        return f"extends the checkpoint of {self.previous_size:,} entries seen last time"

    def tail(self) -> str:
        """What is not anchored."""
        if self.anchored_size is None:
            return "nothing is anchored"
        return f"the last {self.size - self.anchored_size:,} entries are not anchored yet"


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
