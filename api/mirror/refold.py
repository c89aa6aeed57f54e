"""Folding the followed log again: each state that the log commits to is derived anew and compared, byte for byte."""

from __future__ import annotations

from typing import Final

from anchoring.anchor_record import AnchorRecord, parse_anchor_record
from anchoring.entry import ANCHOR_RECORDED, STATE_COMMITTED, parse_entry
from anchoring.error import AnchoringError
from anchoring.state import StateCommitment, parse_state_commitment
from api.mirror.error import MisbehaviourError
from ledger.event_catalogue import make_mapper
from projections.error import ProjectionError
from projections.state_fold import CommittedState, StateFold

KNOWN_BATCH: Final = 10_000
"""Entries folded at once where every commitment between was compared before."""


class Refold:
    """The mirror's own fold of a log. Not safe for concurrent use.

    Attributes:
        size: Entries taken in.
        state: What they add up to, as of the last commitment; None before the first.
        commitment: The last commitment, as the log has it.
        anchors: The log's own time anchors, by index.
    """

    def __init__(self) -> None:
        self.size = 0
        self.state: CommittedState | None = None
        self.commitment: StateCommitment | None = None
        self.anchors: dict[int, AnchorRecord] = {}
        self._fold = StateFold(make_mapper(), "")
        self._pending: list[bytes] = []

    @property
    def is_complete(self) -> bool:
        """Whether the last entry was a commitment over all before it, as every checkpoint's last entry has to be."""
        return self.state is not None and self.state.covered_size == self.size - 1

    def committed(self) -> CommittedState:
        """Return the state of the last commitment; call it only when :attr:`is_complete`."""
        assert self.state is not None  # noqa: S101  is_complete says so
        return self.state

    def take(self, framed: bytes, *, was_compared: bool = False, is_last: bool = False) -> None:
        """Take in the next entry.

        Args:
            framed: The entry, verified under a signed checkpoint.
            was_compared: An earlier run compared the commitments up to here; some may be passed over.
            is_last: Never pass over this one.

        Raises:
            MisbehaviourError: The log signed an entry that cannot be, or a state that does not follow.
        """
        index = self.size
        try:
            entry = parse_entry(framed)
            if entry.topic == STATE_COMMITTED:
                if is_last or not was_compared or len(self._pending) >= KNOWN_BATCH:
                    self._compare(index, framed, parse_state_commitment(entry))
            else:
                if entry.topic == ANCHOR_RECORDED:
                    self.anchors[index] = parse_anchor_record(entry)
                self._pending.append(framed)
        except (AnchoringError, ProjectionError) as error:
            message = f"the log signed an entry that cannot be, number {index}: {error}"
            raise MisbehaviourError(message) from error
        self.size += 1

    def _compare(self, index: int, framed: bytes, commitment: StateCommitment) -> None:
        # The fold takes framed entries without the commitments between them, and names the place by the size given.
        if self._fold.covered() < index:
            self._fold.commit(tuple(self._pending), index)
            self._pending.clear()
        state = self._fold.committed()
        # The cosigner's key follows from nothing in the entries; the log's signature answers for it.
        if state.commitment(commitment.cosigner).entry() != framed:
            message = f"the log signed a state at entry {index} that the entries before it do not add up to"
            raise MisbehaviourError(message)
        self.state, self.commitment = state, commitment
