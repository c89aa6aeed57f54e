"""Asks the time anchors for proofs over the published checkpoints, beside the sequencer.

It never runs in the sequencer's thread, and touches the log only through short transactions of the
checkpoint store: read the newest checkpoint, keep a proof. Each anchor has its turn by itself: one that
hangs, is down for days or answers with nonsense delays nothing but its own proofs, as long as each is
given a thread (`run_once` with `only`). What each has done is kept, and a restart goes on with its
pauses. The sequencer records what was kept at its next step.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from anchoring.anchor_schedule import AnchorHistory, AnchorSchedule, is_due, next_try
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


@dataclass(frozen=True, slots=True)
class AnchorStanding:
    """How one anchor stands.

    Attributes:
        name: Its name.
        kind: The kind of its proofs.
        size: Size of the newest checkpoint that it covers; 0 if none.
        history: What it has done.
        next_try: When it is due; None: at once.
    """

    name: str
    kind: str
    size: int
    history: AnchorHistory
    next_try: datetime | None


class Anchorer:
    """Keeps every anchor's proofs coming, as its schedule says. Safe from any thread; one request at a time to each."""

    def __init__(
        self,
        anchors: Sequence[TimeAnchor],
        store: CheckpointStore,
        clock: Callable[[], datetime],
        schedule: AnchorSchedule | None = None,
        schedules: Mapping[str, AnchorSchedule] | None = None,
    ) -> None:
        """Take the anchors, whose names must differ; asks the store what they gave before.

        Args:
            anchors: Whom to ask.
            store: Where checkpoints are and proofs go.
            clock: The aware current time.
            schedule: When to ask.
            schedules: When to ask those, by name, for which another schedule holds.

        Raises:
            ValueError: Two anchors have the same name.
        """
        if len({anchor.name for anchor in anchors}) != len(anchors):
            raise ValueError("two time anchors have the same name")
        self._anchors, self._store, self._clock = tuple(anchors), store, clock
        usual = schedule or AnchorSchedule()
        self._schedules = {anchor.name: (schedules or {}).get(anchor.name, usual) for anchor in anchors}
        self._turns = {anchor.name: threading.Lock() for anchor in anchors}
        self._sizes = {anchor.name: 0 for anchor in anchors}
        known = {kept.proof.name: AnchorHistory(tried_at=kept.proof.at) for kept in store.anchors()}
        known |= store.histories()
        self._histories = {name: known.get(name, AnchorHistory()) for name in self._sizes}
        for kept in store.anchors():
            if kept.proof.name in self._sizes:
                self._sizes[kept.proof.name] = kept.size

    def run_once(self, *, at_once: bool = False, only: str | None = None) -> list[AnchorAttempt]:
        """Ask every anchor that is due, all at the same time; return what happened, in the anchors' order.

        Waits for the slowest of them, and for requests to them that are under way.

        A checkpoint that adds nothing but anchor records to what an anchor already covered is
        not stamped again: anchors would otherwise feed each other for ever.

        Args:
            at_once: Ask those as well whose time has not come yet.
            only: Name of the one anchor that it is about; None for all.
        """
        published = self._store.load()
        if published is None:
            return []
        named = [anchor for anchor in self._anchors if only in {None, anchor.name}]
        wanted = [anchor for anchor in named if self._wants(anchor.name, published, at_once=at_once)]
        if not wanted:
            return []
        with ThreadPoolExecutor(len(wanted), thread_name_prefix="anchor") as threads:
            attempts = list(threads.map(lambda anchor: self._take_turn(anchor, at_once=at_once), wanted))
        return [attempt for attempt in attempts if attempt is not None]

    def standing(self) -> list[AnchorStanding]:
        """Return how every anchor stands, in the order in which they were given."""
        return [
            AnchorStanding(
                anchor.name,
                anchor.kind,
                self._sizes[anchor.name],
                self._histories[anchor.name],
                next_try(self._schedules[anchor.name], self._histories[anchor.name]),
            )
            for anchor in self._anchors
        ]

    def histories(self) -> dict[str, AnchorHistory]:
        """Return each anchor's history by name."""
        return dict(self._histories)

    def anchored_size(self) -> int:
        """Return the size of the newest checkpoint that any anchor covers; 0 if none does."""
        return max((kept.size for kept in self._store.anchors()), default=0)

    def _wants(self, name: str, published: Published, *, at_once: bool) -> bool:
        uncovered = published.event_size > self._sizes[name]
        return uncovered and (at_once or is_due(self._schedules[name], self._histories[name], self._clock()))

    def _take_turn(self, anchor: TimeAnchor, *, at_once: bool) -> AnchorAttempt | None:
        """Ask one anchor, unless what it was asked for was given while this waited for its turn."""
        with self._turns[anchor.name]:
            published = self._store.load()
            if published is None or not self._wants(anchor.name, published, at_once=at_once):
                return None
            return self._ask(anchor, published)

    def _ask(self, anchor: TimeAnchor, published: Published) -> AnchorAttempt:
        history = self._histories[anchor.name]
        try:
            proof = anchor.stamp(published.note)
        except Exception as error:  # noqa: BLE001  an adapter's own mistake is its failure too, and pauses it
            words = str(error) if isinstance(error, AnchorError) else f"{type(error).__name__}: {error}"
            self._keep(anchor.name, history.failed(self._clock(), words))
            return AnchorAttempt(anchor.name, published.size, None, words)
        # A crash before the next line loses the proof; the anchor is then asked again.
        self._store.add_anchor(proof, published.note, published.size)
        self._sizes[anchor.name] = published.size
        self._keep(anchor.name, history.succeeded(self._clock()))
        return AnchorAttempt(anchor.name, published.size, proof, None)

    def _keep(self, name: str, history: AnchorHistory) -> None:
        self._histories[name] = history
        self._store.keep_history(name, history)
