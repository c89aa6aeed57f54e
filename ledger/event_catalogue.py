"""Every event class that the ledger can store, in one place: what is not listed here cannot be read or written."""

from __future__ import annotations

from ledger import (
    achievement,
    agreement,
    credential,
    erasure,
    institution,
    log_key,
    pathway,
    programme,
    quality,
    recognition,
    submission,
    unpacking,
)
from ledger.event import Event, EventMapper

EVENTS: tuple[type[Event], ...] = (
    *institution.EVENTS,
    *achievement.EVENTS,
    *quality.EVENTS,
    *pathway.EVENTS,
    *programme.EVENTS,
    *credential.EVENTS,
    *unpacking.EVENTS,
    *submission.EVENTS,
    *erasure.EVENTS,
    *log_key.EVENTS,
    *recognition.EVENTS,
    *agreement.EVENTS,
)


def make_mapper() -> EventMapper:
    """Make the strict mapper over every event of the ledger."""
    return EventMapper(EVENTS)
