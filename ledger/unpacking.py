"""``Unpacking``: the one event that turns a diploma into parts, each an award of its own.

It names neither the diploma nor a part. It has a status that all of its parts share, with a place in the status lists
like an award's, so that the withdrawal of the diploma is one event as well: what becomes of an unpacking is told by the
events of a credential (:mod:`ledger.credential`).
"""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from ledger.event import Digest, Event, Instant


class Unpacking:
    """Events of an unpacking."""

    class Made(Event, frozen=True, kw_only=True):
        """A diploma was unpacked. ``root`` is over salted parts and random leaves; ``whole`` commits to the diploma."""

        TOPIC: ClassVar[str] = "unpacking.made.v1"
        institution: UUID
        programme: UUID
        edition: int
        key_id: str
        whole: Digest
        leaves: int
        root: Digest
        status_block: int
        status_index: int
        recorded_at: Instant


EVENTS: tuple[type[Event], ...] = (Unpacking.Made,)
"""Every event of its own; the others are a credential's."""
