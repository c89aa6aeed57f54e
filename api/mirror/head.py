"""The head that a mirror serves: one verified checkpoint, what its entries add up to, and how old it is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from anchoring.checkpoint import Checkpoint
from anchoring.storage import StoredAnchor, TileStore
from anchoring.tile import CHECKPOINT_PATH
from projections.error import NotCommittedError
from projections.state_fold import CommittedState

KEPT_HEADS: Final = 2
"""The one that is served, and the one before for whoever began with it."""
HELD_FOR: Final = timedelta(seconds=1)
"""How long what was said of the age in the head of an answer is said again in its body. A batch takes longer."""
_HELD: Final[ContextVar[tuple[datetime, Mapping[str, Any]] | None]] = ContextVar("held freshness", default=None)


@dataclass(frozen=True, slots=True)
class Head:
    """One verified checkpoint.

    Attributes:
        note: The signed note with its cosignatures, as it came.
        checkpoint: What it says.
        state: What its entries add up to.
        instant: When it was the newest, by the word of those whom the policy trusts; None when nobody of them says.
    """

    note: bytes
    checkpoint: Checkpoint
    state: CommittedState
    instant: datetime | None


class ServedHead:
    """What the mirror answers from. Safe for threads: readers see one head or the next, never a mixture.

    It is the published log's files, its index and its states at once, so that all three speak of one checkpoint.

    Args:
        tiles: The copy.
        now: Present instant.
        max_age: Oldest head that still speaks of now.
    """

    def __init__(self, tiles: TileStore, now: Callable[[], datetime], max_age: timedelta) -> None:
        self._tiles = tiles
        self._now = now
        self.max_age: Final = max_age
        self._lock = threading.Lock()
        self._heads: tuple[Head, ...] = ()
        self._anchors: tuple[StoredAnchor, ...] = ()
        self.trouble: str | None = None
        self.misbehaviour: str | None = None

    @property
    def head(self) -> Head | None:
        """The head that is served, None before the first was verified."""
        return self._heads[-1] if self._heads else None

    def serve(self, head: Head) -> None:
        """Answer from *head* from now on."""
        with self._lock:
            kept = [one for one in self._heads if one.checkpoint.size != head.checkpoint.size]
            self._heads = (*kept, head)[-KEPT_HEADS:]

    def keep_anchors(self, anchors: Sequence[StoredAnchor]) -> None:
        """Offer these time anchors, oldest first; each was compared with its record in the log."""
        self._anchors = tuple(anchors)

    def read(self, path: str) -> bytes | None:
        """Return the bytes at a path of the log; the checkpoint is the served one."""
        head = self.head
        if path == CHECKPOINT_PATH:
            return None if head is None else head.note
        return self._tiles.read(path)

    def index_of(self, position: int) -> int | None:
        """Return the log index of a position of the mirror's source; None past the served head."""
        head = self.head
        return position - 1 if head is not None and 0 < position <= head.checkpoint.size else None

    def anchors(self) -> Sequence[StoredAnchor]:
        """Return the time anchors that the served head covers, oldest first."""
        head = self.head
        size = 0 if head is None else head.checkpoint.size
        return [one for one in self._anchors if one.log_index is not None and one.log_index < size]

    def committed(self, covered_size: int | None = None) -> CommittedState:
        """Return the state of a served checkpoint's commitment. Raises NotCommittedError."""
        for head in reversed(self._heads):
            if covered_size is None or head.state.covered_size == covered_size:
                return head.state
        message = f"the state of {covered_size} entries is not at hand"
        raise NotCommittedError(message)

    def age_seconds(self) -> float | None:
        """Age of the served head; None when there is none, or when nobody trusted says when it was the newest."""
        head = self.head
        if head is None or head.instant is None:
            return None
        return max((self._now() - head.instant).total_seconds(), 0.0)

    @property
    def is_too_old(self) -> bool:
        """Whether nothing can be said of the present any more."""
        age = self.age_seconds()
        return age is None or age > self.max_age.total_seconds()

    def instant(self) -> datetime:
        """Up to when everything was seen; the beginning of time when there is no telling."""
        head = self.head
        unknown = datetime.min.replace(tzinfo=self._now().tzinfo)
        return unknown if head is None or head.instant is None else head.instant

    def hold_freshness(self) -> Mapping[str, Any]:
        """Say how old answers are, and the same again to whoever asks soon in this context: in one request."""
        held = self._freshness()
        _HELD.set((self._now(), held))
        return held

    def freshness(self) -> dict[str, Any]:
        """How old answers are, and why they may grow older, as members for an answer."""
        held = _HELD.get()
        is_held = held is not None and timedelta() <= self._now() - held[0] < HELD_FOR
        return dict(held[1]) if held is not None and is_held else self._freshness()

    def _freshness(self) -> dict[str, Any]:
        head, age = self.head, self.age_seconds()
        return {
            "checkpoint_size": None if head is None else head.checkpoint.size,
            "as_of": None if head is None else msgspec.to_builtins(head.instant),
            "age_seconds": None if age is None else int(age),
            "max_age_seconds": int(self.max_age.total_seconds()),
            "is_too_old": self.is_too_old,
            "following": self.following,
            "detail": self.misbehaviour or self.trouble,
        }

    @property
    def following(self) -> str:
        """How following goes: ``going``, ``waiting`` (the last attempt failed), or ``stopped`` (the log misbehaved)."""
        if self.misbehaviour is not None:
            return "stopped"
        return "going" if self.trouble is None else "waiting"
