"""An interrupted audit, kept so that it can go on: everything that was replayed, in one file that is replaced whole.

    cairn-audit-state/v4 LF
    MessagePack of :class:`KeptAudit`
    SHA-256 of all of the above (32)

A file that is damaged, of another version, or of another log is not used, and the audit begins anew. It is a
convenience on the auditor's own disk and proves nothing: whoever can write there can write this.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

import msgspec

from api.audit.accreditation import AccreditationTally, DayFacts, Edition
from api.audit.award_table import AwardTable, KeptAwards
from api.audit.finding import Finding, Findings
from api.audit.folded import Folded
from api.audit.once import OnceTable
from api.audit.place_map import PlaceMap
from api.audit.registry import KnownAccreditations, Registry
from api.audit.replay import ChangedAward, LoggedAnchor, Replay
from ledger.achievement import Achievement
from ledger.event import EventMapper
from ledger.institution import Institution
from ledger.log_key import LogKeys
from ledger.pathway import Pathway
from ledger.programme import Programme

MAGIC: Final = b"cairn-audit-state/v4\n"
_DIGEST_BYTES: Final = 32


class KeptAudit(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A replay as it stood after ``size`` entries of the log with *vkey*, read under the named checkpoint."""

    vkey: str
    checkpoint_size: int
    checkpoint_root: bytes
    size: int
    events: dict[str, int]
    unreplayed: dict[str, int]
    commitments: int
    committed_last: bool
    latest: int
    institutions: list[Institution]
    achievements: list[Achievement]
    pathways: list[Pathway]
    accreditations: dict[bytes, list[KnownAccreditations]]
    blocks: list[tuple[int, bytes, bytes]]
    revocation: bytes
    suspension: bytes
    awards: KeptAwards
    changed: list[tuple[bytes, ChangedAward]]
    once: list[bytes]
    others: list[tuple[bytes, int]]
    days: list[tuple[bytes, Edition, int, bool, DayFacts]]
    anchors: list[LoggedAnchor]
    latest_at: list[tuple[int, int]]
    findings: list[Finding]
    finding_count: int
    objection_count: int
    log_keys: LogKeys | None
    cosigner: str | None
    folded: list[tuple[str, bytes]] = []
    programmes: list[Programme] = []


class ProgressFile:
    """One log's interrupted audit.

    Args:
        path: The file; its directory is made when it is needed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def keep(self, vkey: str, size: int, root: bytes, replay: Replay) -> None:
        """Replace the file. A crash leaves the one before.

        Args:
            vkey: The log's key.
            size: Size of the checkpoint under which entries are read.
            root: Its root.
            replay: What to keep.

        Raises:
            OSError: It could not be written.
        """
        body = msgspec.msgpack.encode(_kept(vkey, size, root, replay))
        digest = hashlib.sha256(MAGIC)
        digest.update(body)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_suffix(".new")
        with temporary.open("wb") as file:
            file.write(MAGIC)
            file.write(body)
            file.write(digest.digest())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)

    def load(self, vkey: str) -> KeptAudit | None:
        """Read the file; None when there is none, it is damaged, or it is about another log."""
        try:
            content = self._path.read_bytes()
        except OSError:
            return None
        body, digest = content[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
        if not body.startswith(MAGIC) or hashlib.sha256(body).digest() != digest:
            return None
        try:
            kept = msgspec.msgpack.decode(body[len(MAGIC) :], type=KeptAudit)
        except msgspec.MsgspecError:
            return None
        return kept if kept.vkey == vkey else None

    def discard(self) -> None:
        """Remove the file: the audit is done."""
        self._path.unlink(missing_ok=True)


def _kept(vkey: str, size: int, root: bytes, replay: Replay) -> KeptAudit:
    institutions, achievements, pathways = replay.registry.parts()
    blocks, revocation, suspension = replay.places.parts()
    return KeptAudit(
        vkey=vkey,
        checkpoint_size=size,
        checkpoint_root=root,
        size=replay.size,
        events=dict(replay.events),
        unreplayed=dict(replay.unreplayed),
        commitments=replay.commitments,
        committed_last=replay.committed_last,
        latest=replay.latest,
        institutions=institutions,
        achievements=achievements,
        pathways=pathways,
        accreditations=replay.registry.accreditations,
        blocks=blocks,
        revocation=revocation,
        suspension=suspension,
        awards=replay.awards.kept(),
        changed=list(replay.changed.items()),
        once=replay.once.buckets(),
        others=list(replay.others.items()),
        folded=replay.registry.folded.parts(),
        days=replay.days.days(),
        anchors=replay.anchors,
        latest_at=replay.latest_at,
        findings=replay.findings.kept,
        finding_count=replay.findings.count,
        objection_count=replay.findings.objections,
        log_keys=replay.log_keys,
        cosigner=replay.cosigner,
        programmes=list(replay.registry.programmes.values()),
    )


def restored(kept: KeptAudit, mapper: EventMapper) -> Replay:
    """Make the replay that was kept."""
    replay = Replay(mapper, Findings(kept.findings, kept.finding_count, kept.objection_count))
    replay.size = kept.size
    replay.events.update(kept.events)
    replay.unreplayed.update(kept.unreplayed)
    replay.commitments = kept.commitments
    replay.committed_last = kept.committed_last
    replay.latest = kept.latest
    replay.registry = Registry.from_parts(kept.institutions, kept.achievements, kept.pathways)
    replay.registry.folded = Folded.from_parts(kept.folded)
    replay.registry.programmes = {one.id.bytes: one for one in kept.programmes}
    replay.registry.accreditations = kept.accreditations
    replay.places = PlaceMap.from_parts(kept.blocks, kept.revocation, kept.suspension)
    replay.awards = AwardTable.from_kept(kept.awards)
    replay.changed = dict(kept.changed)
    replay.once = OnceTable(kept.once)
    replay.others = dict(kept.others)
    replay.days = AccreditationTally(kept.days)
    replay.anchors = kept.anchors
    replay.latest_at = kept.latest_at
    replay.log_keys = kept.log_keys
    replay.cosigner = kept.cosigner
    return replay
