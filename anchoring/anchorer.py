"""Asks the time anchors for proofs over the published checkpoints, beside the sequencer.

It runs in a thread of its own and touches the log only through two short transactions of the
checkpoint store: read the newest checkpoint, keep a proof. So an anchor that hangs or is down
for days delays nothing but its own proofs. The sequencer records what was kept at its next step.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from anchoring.anchor_schedule import AnchorHistory, AnchorSchedule, is_due
from anchoring.error import AnchorError
from anchoring.storage import CheckpointStore, Published
from anchoring.time_anchor import AnchorProof, TimeAnchor


@dataclass(frozen=True, slots=True)
class AnchorAttempt:
    """One request to one anchor: what it gave, or what went wrong in words."""

    name: str
    size: int
    proof: AnchorProof | None
    error: str | None


class Anchorer:
    """Keeps every anchor's proofs coming, as its schedule says. One thread at a time."""

    def __init__(
        self,
        anchors: Sequence[TimeAnchor],
        store: CheckpointStore,
        clock: Callable[[], datetime],
        schedule: AnchorSchedule | None = None,
    ) -> None:
        """Take the anchors, whose names must differ; asks the store what they gave before.

        Raises:
            ValueError: Two anchors have the same name.
        """
        if len({anchor.name for anchor in anchors}) != len(anchors):
            raise ValueError("two time anchors have the same name")
        self._anchors, self._store, self._clock = tuple(anchors), store, clock
        self._schedule = schedule or AnchorSchedule()
        self._histories = {anchor.name: AnchorHistory() for anchor in anchors}
        self._sizes = {anchor.name: 0 for anchor in anchors}
        for kept in store.anchors():
            if kept.proof.name in self._sizes:
                self._sizes[kept.proof.name] = kept.size
                self._histories[kept.proof.name] = AnchorHistory(tried_at=kept.proof.at)

    def run_once(self) -> list[AnchorAttempt]:
        """Ask every anchor that is due, one after another; return what happened.

        A checkpoint that adds nothing but anchor records to what an anchor already covered is
        not stamped again: anchors would otherwise feed each other for ever.
        """
        attempts = []
        for anchor in self._anchors:
            published = self._store.load()
            if published is not None and self._wants(anchor.name, published):
                attempts.append(self._ask(anchor, published))
        return attempts

    def histories(self) -> dict[str, AnchorHistory]:
        """Return each anchor's history by name."""
        return dict(self._histories)

    def anchored_size(self) -> int:
        """Return the size of the newest checkpoint that any anchor covers; 0 if none does."""
        return max((kept.size for kept in self._store.anchors()), default=0)

    def _wants(self, name: str, published: Published) -> bool:
        uncovered = published.event_size > self._sizes[name]
        return uncovered and is_due(self._schedule, self._histories[name], self._clock())

    def _ask(self, anchor: TimeAnchor, published: Published) -> AnchorAttempt:
        history = self._histories[anchor.name]
        try:
            proof = anchor.stamp(published.note)
        except AnchorError as error:
            self._histories[anchor.name] = history.failed(self._clock(), str(error))
            return AnchorAttempt(anchor.name, published.size, None, str(error))
        # A crash before the next line loses the proof; the anchor is then asked again.
        self._store.add_anchor(proof, published.note, published.size)
        self._histories[anchor.name] = history.succeeded(self._clock())
        self._sizes[anchor.name] = published.size
        return AnchorAttempt(anchor.name, published.size, proof, None)
