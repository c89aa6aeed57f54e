"""The audit itself, by a plan.

1. Read the checkpoint and verify the log's signature with a trusted key (or pin the key on first use, and say so).
2. Verify that it extends the checkpoint that was seen at the last audit: the log only grew, in one history.
3. Read every entry, on all cores; each byte is hashed into the tree and compared with the signed root.
4. Replay the domain: every event must be one that the ledger's rules let happen there; every state commitment is
derived
   again and compared byte for byte. The last entry must be one.
5. Judge what only the whole log tells: accreditations, ids used twice, anchors, further checkpoints, disclosures.
6. Compare what the server answers with the replay: institutions, status lists and their signatures, every award,
anchors.

A live server may have published more between two steps: then the audit verifies that this too extends what it has read,
follows the log and compares once more. A server that publishes faster than it can be compared gains nothing by it: the
last comparison counts, and a notice says how it came about. What was replayed is kept on disk now and then, so that an
audit which was interrupted goes on where it was.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final, Protocol
from uuid import UUID

from anchoring.checkpoint import Checkpoint, verify_checkpoint
from anchoring.error import AnchoringError, CorruptionError
from anchoring.note import parse_note
from anchoring.reader import LogReader
from anchoring.tile import TILE_HEIGHT, TILE_WIDTH
from anchoring.tlog_policy import LogKey
from anchoring.tree import HASH_BYTES
from api.audit.disclosure import Disclosures
from api.audit.disclosure_check import DisclosureCheck
from api.audit.engine import scanned
from api.audit.entitlement import judge_entitlements
from api.audit.finding import Finding, Findings
from api.audit.history import AwardHistory
from api.audit.progress_file import ProgressFile, restored
from api.audit.recognition import overdue
from api.audit.replay import Replay
from api.audit.report import NOT_SERVED, AuditReport, DisclosureReport, not_checked
from api.audit.served import ServedComparison
from api.audit.source import LogPlace
from api.audit.stamp import StampCheck, check_extension, check_logged_anchors, check_part
from api.audit.stretch import Chunk
from ledger.event_catalogue import make_mapper
from verifier.policy import Authority

Fetch = Callable[[str], "bytes | None"]
Progress = Callable[[str, int, "int | None"], None]
MAX_ROUNDS: Final = 5
KEEP_SECONDS: Final = 20.0
ASK_AGAIN_SECONDS: Final = 0.1
"""How often an audit in progress is kept: some 30 MB at a million awards, a tenth of a second."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditOrder:
    """What is to be audited, and how.

    Attributes:
        place: The log.
        answers: Body of a path below the server's address, None when there is nothing; None for a log without a server.
        log: The key to believe.
        memory: Checkpoints of earlier audits.
        progress_file: Where an interrupted audit is kept.
        workers: Processes that scan.
        checkpoints: Further checkpoints that the log must extend, each with a name for the report.
        authorities: Time-stamping authorities that are trusted.
        disclosures: What an operator has disclosed; None without.
        patience_seconds: How long to wait for a newer checkpoint when a server's answers differ, since it publishes in
            its log a moment later what it answers at once.
    """

    place: LogPlace
    answers: Fetch | None
    log: TrustedLog
    memory: CheckpointMemory
    progress_file: ProgressFile
    workers: int
    checkpoints: Sequence[tuple[str, Checkpoint]] = ()
    authorities: tuple[Authority, ...] = ()
    disclosures: Disclosures | None = None
    patience_seconds: float = 0.0


@dataclass(slots=True)
class _Counts:
    institutions: int = 0
    status_lists: int = 0
    credentials: int = 0
    anchors: int = 0
    tokens_verified: int = 0
    checkpoints: int = 0
    disclosed: DisclosureReport | None = None
    notices: list[Finding] = field(default_factory=list)


class Auditor:
    """Carries out one audit.

    Args:
        order: What is to be audited, and how.
        progress: Told what is being done, how far, and of how much.
        monotonic: Seconds that only grow, for the time it took and for keeping progress.
    """

    def __init__(
        self, order: AuditOrder, progress: Progress, monotonic: Callable[[], float] = time.perf_counter
    ) -> None:
        self._order = order
        self._progress = progress
        self._monotonic = monotonic
        self._mapper = make_mapper()
        self._source = order.place.open()
        self._findings = Findings()
        self._counts = _Counts()
        self._damaged = False

    def run(self) -> AuditReport:
        """Audit.

        Raises:
            AuditError: There is no checkpoint, or it is not signed by the key that is believed.
            SourceError: The log could not be read to its end. What was read is kept.
        """
        with closing(self._source):
            return self._run()

    def _run(self) -> AuditReport:
        begin, processor = self._monotonic(), _processor_seconds()
        checkpoint = self._checkpoint()
        previous = self._order.memory.recall(self._order.log.verifier.vkey)
        self._extends(checkpoint, previous)
        replay = self._resumed(checkpoint)
        for number in range(1, MAX_ROUNDS + 1):
            reader = LogReader(self._source, checkpoint)
            if not self._follow(reader, replay):
                break
            try:
                compared = self._compare(reader, replay)
                newer = self._newer_checkpoint(checkpoint, self._order.patience_seconds if compared.count else 0.0)
                has_grown = self._has_grown(checkpoint, newer)
                if not compared.count or not has_grown or number == MAX_ROUNDS:
                    self._findings.join(compared)
                    self._note_haste(compared, has_grown=has_grown)
                    self._conclude(reader, replay)
                    break
            except CorruptionError as error:  # a file was well when it was scanned, and is not any more
                self._findings.add("log-damaged", "log", str(error))
                break
            checkpoint = newer
        findings = replay.findings
        findings.join(self._findings)
        if not findings.count:
            self._order.memory.remember(self._order.log.verifier.vkey, checkpoint)
        self._order.progress_file.discard()
        took = (self._monotonic() - begin, _processor_seconds() - processor)
        return self._report(checkpoint, previous, replay, findings, took)

    def _checkpoint(self) -> Checkpoint:
        """Step 1."""
        where = self._order.place.address
        note = self._source("checkpoint")
        if note is None:
            message = f"there is no checkpoint of a log at {where}"
            raise AuditError(message)
        try:
            return verify_checkpoint(parse_note(note), self._order.log.verifier)
        except AnchoringError as error:
            name = self._order.log.verifier.name
            message = f"the checkpoint is not signed by the log that is believed ({name}): {error}"
            raise AuditError(message) from error

    def _newer_checkpoint(self, read: Checkpoint, patience_seconds: float) -> Checkpoint:
        """The newest checkpoint, once it is newer than the one that was read, or patience is over."""
        until = self._monotonic() + patience_seconds
        newer = self._checkpoint()
        while newer.size <= read.size and self._monotonic() < until:
            time.sleep(ASK_AGAIN_SECONDS)
            newer = self._checkpoint()
        return newer

    def _extends(self, checkpoint: Checkpoint, previous: Checkpoint | None) -> None:
        """Step 2."""
        if previous is None or previous.size == 0:
            return
        if checkpoint.size < previous.size:
            what = f"the log has {checkpoint.size} entries and had {previous.size} at the last audit"
            self._findings.add("log-shrank", "checkpoint", what)
            return
        self._is_extended(checkpoint, previous, "seen at the last audit")

    def _has_grown(self, read: Checkpoint, newer: Checkpoint) -> bool:
        """Whether there is more to follow; a checkpoint of another history than the one that was read is a finding."""
        if newer.size < read.size:  # an older copy, as a cache may hold; it must still be of this history
            self._is_extended(read, newer, "shown a moment later")
            return False
        return self._is_extended(newer, read, "read in this audit") and newer.size > read.size

    def _is_extended(self, checkpoint: Checkpoint, previous: Checkpoint, when: str) -> bool:
        return check_extension(LogReader(self._source, checkpoint), previous, when, self._findings)

    def _note_haste(self, compared: Findings, *, has_grown: bool) -> None:
        """Say so when differences may come from what the server published while it was compared."""
        if compared.count and has_grown:
            what = f"the log grew during each of {MAX_ROUNDS} comparisons; answers may be newer than what was replayed"
            self._counts.notices.append(Finding(code="published-meanwhile", where="checkpoint", what=what))

    def _resumed(self, checkpoint: Checkpoint) -> Replay:
        """Go on with an interrupted audit, if there is one and the log extends what it read."""
        kept = self._order.progress_file.load(self._order.log.verifier.vkey)
        if kept is not None and kept.size <= kept.checkpoint_size <= checkpoint.size:
            try:
                if LogReader(self._source, checkpoint).root(kept.checkpoint_size) == kept.checkpoint_root:
                    return restored(kept, self._mapper)
            except CorruptionError:
                pass  # it will be found and named when the log is read
        return Replay(self._mapper, Findings())

    def _follow(self, reader: LogReader, replay: Replay) -> bool:
        """Steps 3 and 4; returns whether the whole log could be read."""
        size, kept_at = reader.checkpoint.size, self._monotonic()
        try:
            reader.root()
            self._catch_up(reader, replay)
            for chunk in scanned(self._order.place, replay.size, size, self._order.workers):
                self._verify(reader, chunk)
                for stretch in chunk.stretches:
                    replay.take(stretch, reader.entries)
                self._progress("entries", replay.size, size)
                if self._monotonic() - kept_at > KEEP_SECONDS:
                    self._keep(reader.checkpoint, replay)
                    kept_at = self._monotonic()
        except CorruptionError as error:
            self._findings.add("log-damaged", f"entry {replay.size} or after", str(error))
            return False
        if size and not replay.committed_last:
            replay.findings.at(size - 1, "state-missing", "the checkpoint does not end with a state commitment")
        return not self._damaged

    def _catch_up(self, reader: LogReader, replay: Replay) -> None:
        """Replay single entries up to the next tile: workers take whole tiles."""
        end = min(-(-replay.size // TILE_WIDTH) * TILE_WIDTH, reader.checkpoint.size)
        replay.take_entries(list(reader.entries(replay.size, end)), reader.entries)

    def _verify(self, reader: LogReader, chunk: Chunk) -> None:
        """Compare what a worker hashed with the signed root, by way of the tiles above; an error names a file."""
        first = chunk.first // TILE_WIDTH
        whole = chunk.damage is None and all(
            root == reader.subtree(TILE_HEIGHT, first + number) for number, root in enumerate(chunk.roots)
        )
        if whole and chunk.leaves:
            start = chunk.first + len(chunk.roots) * TILE_WIDTH
            leaves = (chunk.leaves[at : at + HASH_BYTES] for at in range(0, len(chunk.leaves), HASH_BYTES))
            whole = all(leaf == reader.leaf(index) for index, leaf in enumerate(leaves, start))
        if not whole:
            for _ in reader.entries(chunk.first, chunk.first + chunk.count):
                pass  # reads the files again and names the one that is wrong
            message = chunk.damage or f"the entries from {chunk.first} on read differently from one moment to the next"
            raise CorruptionError(message)
        for path in chunk.faults:
            self._damaged = True
            self._findings.add("log-damaged", path, f"{path} does not hold the hashes of its entries")

    def _keep(self, checkpoint: Checkpoint, replay: Replay) -> None:
        vkey = self._order.log.verifier.vkey
        self._order.progress_file.keep(vkey, checkpoint.size, checkpoint.root, replay)

    def _conclude(self, reader: LogReader, replay: Replay) -> None:
        """Step 5."""
        history = AwardHistory(reader, self._mapper)
        findings = self._findings
        self._counts.notices += judge_entitlements(replay, history, self._mapper, findings)
        if replay.unreplayed:
            what = ", ".join(f"{count:,} {topic}" for topic, count in sorted(replay.unreplayed.items()))
            what = f"this version knows no rule for {what}; they were decoded and hashed, and not replayed"
            self._counts.notices.append(Finding(code="not-replayed", where="log", what=what))
        self._counts.notices += overdue(replay.registry.folded.states.values(), replay.latest)
        for identity, index in replay.once.twice():
            findings.at(index, "transition-illegal", f"{UUID(bytes=identity)} has a first event twice")
        check_logged_anchors(reader, replay.anchors, findings)
        for name, checkpoint in self._order.checkpoints:
            self._counts.checkpoints += check_part(reader, checkpoint, name, findings)
        if self._order.disclosures is not None:
            check = DisclosureCheck(replay, history, findings)
            self._counts.disclosed = check.run(
                self._order.disclosures, lambda done: self._progress("disclosures", done, len(replay.awards))
            )

    def _compare(self, reader: LogReader, replay: Replay) -> Findings:
        """Step 6."""
        found = Findings()
        history = AwardHistory(reader, self._mapper)
        if self._order.answers is None:
            self._counts.anchors = len(replay.anchors)
            return found
        served = ServedComparison(self._order.answers, replay, history, found)
        stamps = StampCheck(reader, self._order.log.verifier, self._order.authorities, found)
        counts = self._counts
        counts.institutions = served.institutions()
        counts.status_lists = served.status_lists() + served.status_tokens()
        counts.credentials = served.statuses(lambda done: self._progress("awards", done, len(replay.awards)))
        counts.anchors = stamps.run(self._order.answers, replay.anchors)
        counts.tokens_verified = stamps.verified
        return found

    def _report(
        self,
        checkpoint: Checkpoint,
        previous: Checkpoint | None,
        replay: Replay,
        findings: Findings,
        took: tuple[float, float],
    ) -> AuditReport:
        counts, order = self._counts, self._order
        return AuditReport(
            url=order.place.address,
            origin=checkpoint.origin,
            size=checkpoint.size,
            root=checkpoint.root.hex(),
            entries=replay.size,
            events=dict(sorted(replay.events.items())),
            commitments=replay.commitments,
            awards=len(replay.awards),
            institutions_logged=len(replay.registry.institutions),
            institutions=counts.institutions,
            status_lists=counts.status_lists,
            credentials=counts.credentials,
            anchors=counts.anchors,
            tokens_verified=counts.tokens_verified,
            anchored_size=max((anchor.size for anchor in replay.anchors), default=None),
            checkpoints=counts.checkpoints,
            previous_size=None if previous is None else previous.size,
            trust=order.log.trust,
            disclosed=counts.disclosed,
            differences=findings.count,
            objections=findings.objections,
            findings=findings.kept,
            notices=counts.notices,
            not_checked=not_checked(disclosed=counts.disclosed is not None)
            + ([NOT_SERVED] if order.answers is None else []),
            seconds=round(took[0], 3),
            processor_seconds=round(took[1], 3),
        )


def _processor_seconds() -> float:
    """What this process and its ended children have used of the processors so far."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system
