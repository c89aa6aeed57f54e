"""How a review ends with the award standing, and what becomes of an award by events that are not committed yet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ledger.aggregate import fold
from ledger.credential import Credential
from ledger.error import RuleError
from ledger.event import DomainEvent


def let_stand(credential: Credential, now: datetime) -> list[DomainEvent]:
    """End a review with the award standing as before; a suspension for the review's reason ends with it.

    Raises:
        RuleError: No review is open.
    """
    review = credential.require_review()
    events: list[DomainEvent] = []
    if credential.state == "suspended" and credential.paused_for is review.reason:
        events = credential.reinstate(effective_at=now, at=now)
    return [*events, *after(credential, events).close_review(outcome="stands", at=now)]


def after(credential: Credential, events: Sequence[DomainEvent]) -> Credential:
    """The state of *credential* after events that are not committed yet."""
    state = _PROJECT(credential, events)
    if state is None:
        raise RuleError("no such credential")
    return state


_PROJECT: Final = fold(Credential)
