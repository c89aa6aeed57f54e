"""Folding a whole log again: states, statuses and anchors, with every commitment derived and compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from anchoring.anchor_record import AnchorRecord, parse_anchor_record
from anchoring.entry import ANCHOR_RECORDED, STATE_COMMITTED, parse_entry
from anchoring.error import AnchoringError
from anchoring.state import parse_state_commitment
from api.audit.report import Finding
from ledger.event_catalogue import make_mapper
from projections.credential_status import CredentialStatus
from projections.error import ProjectionError
from projections.source import Notification
from projections.state_fold import StateFold
from projections.table import MemoryTable


class AuditFold:
    """The auditor's own copy of everything that follows from the log.

    Args:
        difference: Told of each finding.
    """

    def __init__(self, difference: Callable[[Finding], None]) -> None:
        self._difference = difference
        self._mapper = make_mapper()
        self._status = CredentialStatus(self._mapper)
        self._pending: list[bytes] = []
        self.size = 0
        self.events: Counter[str] = Counter()
        self.commitments = 0
        self.anchors: list[AnchorRecord] = []
        self.statuses = MemoryTable()
        self.state: StateFold | None = None

    def take(self, entries: Iterator[bytes], progress: Callable[[int], None]) -> None:
        """Fold further entries, in order.

        Raises:
            CorruptionError: An entry is not what the log committed to (from the reader).
        """
        for framed in entries:
            self._take_one(self.size, framed)
            self.size += 1
            if self.size % 1_000 == 0:
                progress(self.size)
        progress(self.size)

    def require_commitment_last(self) -> None:
        """Check that nothing follows the last state commitment."""
        if self._pending or self.size == 0:
            self._find("state-missing", str(self.size - 1), "the checkpoint does not end with a state commitment")

    def _take_one(self, index: int, framed: bytes) -> None:
        try:
            entry = parse_entry(framed)
            if entry.topic == STATE_COMMITTED:
                self._compare_commitment(index, framed, parse_state_commitment(entry).cosigner)
                return
            if entry.topic == ANCHOR_RECORDED:
                self.anchors.append(parse_anchor_record(entry))
            else:
                event = Notification(index + 1, entry.originator, entry.version, entry.topic, entry.body)
                self._status.apply([event], self.statuses)
        except (AnchoringError, ProjectionError) as error:
            self._find("entry-impossible", str(index), str(error))
        else:
            self.events[entry.topic] += 1
        self._pending.append(framed)

    def _compare_commitment(self, index: int, framed: bytes, cosigner: str) -> None:
        if self.state is None:
            self.state = StateFold(self._mapper, cosigner)
        try:
            ours = self.state.commit(self._pending, index)
        except ProjectionError as error:
            self._find("state-underivable", str(index), f"the entries before it do not add up: {error}")
        else:
            if ours != framed:
                self._find(
                    "state-wrong", str(index), "the state commitment is not what the entries before it add up to"
                )
        self._pending = []
        self.commitments += 1

    def _find(self, code: str, where: str, what: str) -> None:
        self._difference(Finding(code=code, where=f"entry {where}", what=what))
