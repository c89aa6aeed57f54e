"""Aggregate ``Submission``: one request that was carried out, so that its repetition is answered and not done again.

Keys and bodies are guessable, so their plain hashes would tell an onlooker of the log what was submitted: both the
aggregate id and the digest are HMACs under a secret of the vault.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from ledger.aggregate import Aggregate
from ledger.error import IdempotencyError
from ledger.event import Digest, DomainEvent, Event, Instant


class Submission(Aggregate, frozen=True, kw_only=True):
    """State of a submission: the digest of the body that was accepted."""

    digest: str

    class Accepted(Event, frozen=True, kw_only=True):
        """A request was carried out; what it caused was committed together with this event."""

        TOPIC: ClassVar[str] = "submission.accepted.v1"
        digest: Digest
        recorded_at: Instant

    @classmethod
    def accept(cls, *, id: UUID, digest: str, at: datetime) -> DomainEvent:  # noqa: A002  what every aggregate calls it
        """Accept a request."""
        return DomainEvent(id, 1, cls.Accepted(digest=digest, recorded_at=at))

    def require_same(self, digest: str) -> None:
        """Check that a repetition has the same body.

        Raises:
            IdempotencyError: It has another one.
        """
        if not hmac.compare_digest(self.digest, digest):
            message = "this Idempotency-Key was used before with another body; use a new key for a new request"
            raise IdempotencyError(message)

    @classmethod
    def begin(cls, originator_id: UUID, body: Event) -> Submission:
        """State after acceptance."""
        assert isinstance(body, cls.Accepted)  # noqa: S101  the mapper has checked the topic
        return cls(id=originator_id, version=1, digest=body.digest)

    def evolve(self, body: Event) -> Submission:  # noqa: ARG002  a submission has one event only
        """A submission has no second event."""
        return self


def submission_id(secret: bytes, scope: str, key: str) -> UUID:
    """Derive the aggregate id (UUIDv8) of the submission with *key* made by *scope*, under the vault's *secret*."""
    framed = f"{len(scope)}:{scope}{key}".encode()
    value = bytearray(hmac.digest(secret, b"cairn/submission-id/v1\n" + framed, "sha256")[:16])
    value[6] = (value[6] & 0x0F) | 0x80
    value[8] = (value[8] & 0x3F) | 0x80
    return UUID(bytes=bytes(value))


def submission_digest(secret: bytes, body: bytes) -> str:
    """Digest a request's body under the vault's *secret*: 32 bytes as hexadecimal."""
    inner = hashlib.sha256(body).digest()
    return hmac.digest(secret, b"cairn/submission-digest/v1\n" + inner, "sha256").hex()


EVENTS: tuple[type[Event], ...] = (Submission.Accepted,)
"""Every event of this aggregate."""
