"""How the node stands: the numbers behind readiness and metrics."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from anchoring.error import AnchoringError
from anchoring.note import parse_note
from api.error import ApiError
from api.log_node import oldest_unpublished, recorded_at
from api.node import Node

EPOCH_SECONDS: Final = 0.0
_TIME_BYTES: Final = 8


class Standing:
    """Asks the parts of a node how they stand."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._oldest = oldest_unpublished(node.parts, node.log.store)

    def readings(self) -> dict[str, Callable[[], Any]]:
        """The readers that metrics are made of."""
        return {
            "log_size": self.log_size,
            "unpublished_age_seconds": self.unpublished_age_seconds,
            "projection_lag_events": self.lags,
            "checkpoint_timestamp_seconds": self.checkpoint_seconds,
            "anchor_timestamp_seconds": self.anchor_seconds,
        }

    def log_size(self) -> float:
        """Entries of the published checkpoint."""
        try:
            return self._node.published.snapshot().checkpoint.size
        except ApiError:
            return 0

    def unpublished_age_seconds(self) -> float:
        """Age of the oldest event that no checkpoint covers."""
        oldest = self._oldest()
        return 0.0 if oldest is None else max((self._node.ledger.now() - oldest).total_seconds(), 0.0)

    def lags(self) -> dict[str, float]:
        """By projection, how many positions it is behind."""
        return {one.name: float(one.lag or 0) for one in self._node.views.projector.standing()}

    def largest_lag(self) -> float:
        """The lag of the projection that is furthest behind."""
        return max(self.lags().values(), default=0.0)

    def stopped(self) -> int:
        """How many projections have stopped for good."""
        return sum(one.stopped for one in self._node.views.projector.standing())

    def checkpoint_seconds(self) -> float:
        """POSIX time of the operator's cosignature on the published checkpoint."""
        note = self._node.published.read("checkpoint")
        try:
            lines = () if note is None else parse_note(note).signatures
        except AnchoringError:
            return EPOCH_SECONDS
        operator = self._node.log.keys.operator.key_id
        times = [int.from_bytes(line.blob[:_TIME_BYTES], "big") for line in lines if line.key_id == operator]
        return float(max(times, default=0))

    def anchor_seconds(self) -> float:
        """POSIX time of the newest time anchor."""
        return max((anchor.proof.at.timestamp() for anchor in self._node.published.anchors()), default=EPOCH_SECONDS)

    def newest_recorded_at(self) -> datetime | None:
        """When the newest event was recorded."""
        newest = self._node.ledger.newest()
        events = self._node.ledger.read(newest - 1, 1) if newest else ()
        return recorded_at(events[0].state) if events else None
