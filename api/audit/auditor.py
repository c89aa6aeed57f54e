"""The audit itself, by a plan.

1. Read the checkpoint and verify the log's signature with a trusted key (or pin the key on first use, and say so).
2. Verify that it extends the checkpoint that was seen at the last audit: the log only grew, in one history.
3. Read every entry; each byte is hashed into the tree and compared with the signed root.
4. Fold the entries; derive every state commitment again and compare it byte for byte. The last entry must be one.
5. Compare what the server answers with the fold: institutions, status lists and their signatures, every award, anchors.

A live server may have published more between two steps: then the audit follows the log and compares once more.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from anchoring.checkpoint import Checkpoint, verify_checkpoint
from anchoring.error import AnchoringError, CorruptionError
from anchoring.note import parse_note
from anchoring.reader import LogReader
from anchoring.tlog_policy import LogKey
from anchoring.tree import verify_consistency
from api.audit.fold import AuditFold
from api.audit.report import AuditReport, Finding
from api.audit.served import ServedComparison

Fetch = Callable[[str], "bytes | None"]
Progress = Callable[[str, int, "int | None"], None]
MAX_ROUNDS: Final = 5
NOT_CHECKED: Final = [
    "that the documents say what their commitments commit to: an auditor without disclosures cannot open them",
    "that the same log is shown to everyone: compare checkpoints with other auditors and witnesses",
    "time-stamp tokens against their authorities' certificates, unless the policy names them",
]


class AuditError(Exception):
    """The audit could not be carried out: nothing follows for the log."""


class CheckpointMemory(Protocol):
    """Remembers the newest checkpoint that was verified of each log.

    Durability: best effort; what is forgotten makes the next audit a first one.
    """

    def recall(self, vkey: str) -> Checkpoint | None:
        """The checkpoint seen last, or None."""

    def remember(self, vkey: str, checkpoint: Checkpoint) -> None:
        """Keep *checkpoint* in place of the one before."""


@dataclass(frozen=True, slots=True)
class TrustedLog:
    """The log's key, and a sentence that says where it came from."""

    verifier: LogKey
    trust: str


class Auditor:
    """Audits one server.

    Args:
        url: Its address, for the report.
        fetch: Body of a path below it, None when there is nothing there.
        log: The key to believe.
        memory: Checkpoints of earlier audits.
        progress: Told what is being done, how far, and of how much.
    """

    def __init__(self, url: str, fetch: Fetch, log: TrustedLog, memory: CheckpointMemory, progress: Progress) -> None:
        self._url = url
        self._fetch = fetch
        self._log = log
        self._memory = memory
        self._progress = progress
        self._findings: list[Finding] = []

    def run(self) -> AuditReport:
        """Audit.

        Raises:
            AuditError: The server did not answer, or its log is not signed by the key that is believed.
        """
        begin = time.perf_counter()
        checkpoint = self._checkpoint()
        previous = self._memory.recall(self._log.verifier.vkey)
        self._extends(checkpoint, previous)
        fold = AuditFold(self._findings.append)
        counts = dict.fromkeys(("institutions", "status_lists", "credentials", "anchors"), 0)
        for _ in range(MAX_ROUNDS):
            if not self._follow(checkpoint, fold):
                break
            counts, findings = self._compare(fold)
            newer = self._checkpoint()
            if not findings or newer.size == checkpoint.size:
                self._findings += findings
                break
            checkpoint = newer
        if not self._findings:
            self._memory.remember(self._log.verifier.vkey, checkpoint)
        return AuditReport(
            url=self._url,
            origin=checkpoint.origin,
            size=checkpoint.size,
            root=checkpoint.root.hex(),
            entries=fold.size,
            events=dict(fold.events),
            commitments=fold.commitments,
            anchored_size=max((anchor.checkpoint_size for anchor in fold.anchors), default=None),
            previous_size=None if previous is None else previous.size,
            trust=self._log.trust,
            differences=len(self._findings),
            findings=self._findings,
            not_checked=NOT_CHECKED,
            seconds=round(time.perf_counter() - begin, 3),
            **counts,
        )

    def _checkpoint(self) -> Checkpoint:
        """Step 1."""
        note = self._fetch("/log/checkpoint")
        if note is None:
            message = f"{self._url} serves no checkpoint at /log/checkpoint"
            raise AuditError(message)
        try:
            return verify_checkpoint(parse_note(note), self._log.verifier)
        except AnchoringError as error:
            message = f"the checkpoint is not signed by the log that is believed ({self._log.verifier.name}): {error}"
            raise AuditError(message) from error

    def _extends(self, checkpoint: Checkpoint, previous: Checkpoint | None) -> None:
        """Step 2."""
        if previous is None or previous.size == 0:
            return
        if checkpoint.size < previous.size:
            what = f"the log has {checkpoint.size} entries and had {previous.size} at the last audit"
            self._findings.append(Finding(code="log-shrank", where="checkpoint", what=what))
            return
        try:
            proof = LogReader(self._tile, checkpoint).consistency_proof(previous.size)
            verify_consistency(
                old_size=previous.size,
                old_root=previous.root,
                new_size=checkpoint.size,
                new_root=checkpoint.root,
                proof=proof,
            )
        except AnchoringError as error:
            what = f"the log is not an extension of the {previous.size} entries seen at the last audit: {error}"
            self._findings.append(Finding(code="log-forked", where="checkpoint", what=what))

    def _follow(self, checkpoint: Checkpoint, fold: AuditFold) -> bool:
        """Steps 3 and 4; returns whether the whole log could be read."""
        reader = LogReader(self._tile, checkpoint)
        try:
            reader.root()
            entries = reader.entries(fold.size, checkpoint.size)
            fold.take(entries, lambda done: self._progress("entries", done, checkpoint.size))
        except CorruptionError as error:
            self._findings.append(Finding(code="log-damaged", where=f"entry {fold.size} or after", what=str(error)))
            return False
        fold.require_commitment_last()
        return True

    def _compare(self, fold: AuditFold) -> tuple[dict[str, int], list[Finding]]:
        """Step 5."""
        findings: list[Finding] = []
        if fold.state is None:
            return dict.fromkeys(("institutions", "status_lists", "credentials", "anchors"), 0), findings
        served = ServedComparison(self._fetch, fold, fold.state.committed(), findings.append)
        counts = {
            "institutions": served.institutions(),
            "status_lists": served.status_lists(),
            "credentials": served.statuses(lambda done: self._progress("awards", done, None)),
            "anchors": served.anchors(),
        }
        return counts, findings

    def _tile(self, path: str) -> bytes | None:
        return self._fetch(f"/log/{path}")
