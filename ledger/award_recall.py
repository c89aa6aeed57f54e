"""Makes an award again from what the log and the vault hold of it, so that further forms of its document can be signed.

Of awards from before there were further forms the vault holds the signed document alone; their claims had few parts,
and all of them are in it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import msgspec

from ledger.achievement import Achievement
from ledger.application import Ledger
from ledger.claim import AwardClaim, LearnerClaim
from ledger.credential import Credential
from ledger.credential_id import parse_public_id
from ledger.document import Award, StackedUnder
from ledger.form.open_badge import elements_of
from ledger.institution import Institution
from ledger.issuance import SealedDocument
from ledger.learner_identity import Identity
from ledger.status_allocation import StatusPlace

_TIME_BYTES = 6
_MILLISECONDS = 1000


def recall_award(ledger: Ledger, credential: Credential, institution: Institution, kept: SealedDocument) -> Award:
    """Make the award of *credential* again; learners are identified as the first document does it, salts included.

    Args:
        ledger: Holds the edition that was awarded.
        credential: The award's state; of an award, not of an institution's own document.
        institution: Who awarded it, as it is now.
        kept: What the vault holds.
    """
    document: dict[str, Any] = msgspec.json.decode(kept.document)
    assert credential.achievement is not None  # noqa: S101  the caller has an award
    assert credential.edition is not None  # noqa: S101  as above
    achievement = ledger.load(Achievement, credential.achievement, "such achievement")
    public_id = str(document["id"]).rpartition("/")[2]
    milliseconds = int.from_bytes(parse_public_id(public_id)[:_TIME_BYTES])
    return Award(
        public_id=public_id,
        aggregate_id=credential.id,
        institution=institution,
        achievement_code=achievement.code,
        edition=credential.edition,
        template=achievement.editions[credential.edition - 1],
        details=achievement.details[credential.edition - 1],
        claim=msgspec.msgpack.decode(kept.claim, type=AwardClaim) if kept.claim else _claim(document),
        identities=_identities(document),
        key_id=credential.key_id,
        place=StatusPlace(credential.status_block, credential.status_index),
        recorded_at=datetime.fromtimestamp(milliseconds / _MILLISECONDS, UTC),
        stacked=_stacked(document),
    )


def _stacked(document: dict[str, Any]) -> StackedUnder | None:
    said = elements_of(document).get("stacked")
    if said is None:
        return None
    institution, _, code = said["pathway"].partition("/")
    return StackedUnder(
        institution=institution,
        code=code,
        version=said["version"],
        rules=said["rules"],
        components=tuple(said.get("components", ())),
    )


def _identities(document: dict[str, Any]) -> tuple[Identity, ...]:
    return tuple(
        Identity(one["identityType"], one["identityHash"], one["salt"] if one["hashed"] else None)
        for one in document["credentialSubject"]["identifier"]
    )


def _claim(document: dict[str, Any]) -> AwardClaim:
    """What was claimed when an award had a name, an address, an id, a grade, and an end."""
    subject, elements = document["credentialSubject"], elements_of(document)
    known = {identity.kind: identity.value for identity in _identities(document)}
    until = document.get("validUntil")
    return AwardClaim(
        achievement=subject["achievement"]["humanCode"],
        learner=LearnerClaim(name=known["name"], email=known.get("emailAddress"), id=subject.get("id")),
        awarded_on=date.fromisoformat(elements["dateOfIssuing"]),
        grade=elements.get("grade"),
        valid_until=None if until is None else datetime.fromisoformat(until),
    )
