"""How documents say who the learner is: plainly, or as salted hashes that only who knows the person can check.

Source: 1EdTech Open Badges 3.0, IdentityObject: ``sha256$`` and the hash of identifier and salt in hexadecimal.
"""

from __future__ import annotations

import hashlib

import msgspec

from ledger.claim import LearnerClaim
from ledger.key_ring import RandomBytes

SALT_BYTES = 16
"""128 random bits for each identity, so that equal names have unequal hashes in two documents."""
NO_SALT = "not-used"


class Identity(msgspec.Struct, frozen=True):
    """One identification; ``value`` is the plain one, or its hash when ``salt`` is there."""

    kind: str
    value: str
    salt: str | None = None


def plain_identities(learner: LearnerClaim) -> tuple[Identity, ...]:
    """Name and address as they are."""
    name = Identity("name", learner.name)
    return (name,) if learner.email is None else (name, Identity("emailAddress", learner.email))


def identities_of(learner: LearnerClaim, random: RandomBytes) -> tuple[Identity, ...]:
    """Name and address as documents say them: hashed with fresh salts when the claim asks for it."""
    plain = plain_identities(learner)
    return tuple(_hashed(one, random(SALT_BYTES).hex()) for one in plain) if learner.hashed else plain


def _hashed(identity: Identity, salt: str) -> Identity:
    digest = hashlib.sha256((identity.value + salt).encode()).hexdigest()
    return Identity(identity.kind, f"sha256${digest}", salt)
