"""What becomes of the parts of a diploma when the diploma is withdrawn: the policy that its programme declared.

Parts share one status, the unpacking's, so that this is one event that names none of them:

    | the diploma is | stand   | review         | suspend        | revoke     |
    |----------------|---------|----------------|----------------|------------|
    | suspended      | nothing | a review opens | suspended      | suspended  |
    | reinstated     | nothing | the review ends | reinstated    | reinstated |
    | revoked        | nothing | a review opens | suspended      | revoked    |
    | replaced       | revoked | revoked        | revoked        | revoked    |

A corrected diploma is unpacked anew, whatever the policy; were the old parts to stand beside it, its credits would be
there twice. A part that was revoked or suspended by itself stays so.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from ledger.credential import Credential
from ledger.event import DomainEvent, Event
from ledger.programme import Curriculum
from ledger.reason import Reason
from ledger.review_end import let_stand

PAUSING: Final = frozenset({"suspend", "revoke"})
"""Policies under which parts do not hold while the diploma does not."""


def follow(parts: Credential, curriculum: Curriculum, change: Event, now: datetime) -> list[DomainEvent]:
    """What follows for *parts* from a *change* of the diploma, by its programme's policy; see the module's table."""
    policy, reason = curriculum.withdrawal, Reason.ORIGIN_WITHDRAWN
    if parts.state not in {"active", "suspended"}:
        return []
    events: list[DomainEvent] = []
    match change:
        case Credential.Replaced():
            events = parts.revoke(reason=reason, effective_at=change.effective_at, note=None, at=now)
        case Credential.Revoked() if policy == "revoke":
            events = parts.revoke(reason=reason, effective_at=change.effective_at, note=None, at=now)
        case Credential.Revoked() | Credential.Suspended() if policy == "review" and parts.review is None:
            due_at = now + timedelta(days=curriculum.review_days or 0)
            events = parts.open_review(reason=reason, due_at=due_at, appeal_until=due_at, at=now)
        case Credential.Revoked() | Credential.Suspended() if policy in PAUSING and parts.state == "active":
            since = max(change.effective_at, parts.since)
            events = parts.suspend(reason=reason, effective_at=since, note=None, at=now)
        case Credential.Reinstated() if parts.review is not None and parts.review.appealed_at is None:
            events = let_stand(parts, now)
        case Credential.Reinstated() if policy in PAUSING and parts.state == "suspended":
            events = parts.reinstate(effective_at=max(change.effective_at, parts.since), at=now)
    return events
