"""A Comprehensive Learner Record: everything that one learner holds at an institution, in one signed document.

Each credential stands in it as it was signed, proof included; the record says how their achievements belong together.

Source: 1EdTech Comprehensive Learner Record 2.0 (ClrCredential, ClrSubject, Association, AssociationType).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec

from ledger.attesting import Attestable
from ledger.detail import Details
from ledger.document import instant_text
from ledger.error import InvalidInputError, MissingElementError
from ledger.form.open_badge import OPEN_BADGES_CONTEXT, VC_CONTEXT

CLR_CONTEXT: Final = "https://purl.imsglobal.org/spec/clr/v2p0/context-2.0.1.json"
AssociationType = Literal[
    "exactMatchOf", "isChildOf", "isParentOf", "isPartOf", "isPeerOf", "isRelatedTo", "precedes", "replacedBy"
]


class Association(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How two achievements of a record belong together; both are named by their ids."""

    type: AssociationType
    source: str
    target: str


class Held(msgspec.Struct, frozen=True):
    """A credential that the learner holds: the signed document, and what its template says further."""

    document: dict[str, Any]
    details: Details | None

    @property
    def achievement(self) -> str:
        """The id of the achievement."""
        return str(self.document["credentialSubject"]["achievement"]["id"])


def build_record(
    about: Attestable,
    held: Sequence[Held],
    associations: Sequence[Association],
    *,
    partial: bool,
    base_url: str,
) -> dict[str, Any]:
    """Build the unsigned record.

    Args:
        about: Who signs, and where its status will be.
        held: What the learner holds, in the order of the awards.
        associations: Beside those that follow from the templates (:func:`associations_of`).
        partial: Whether the learner holds more than is in it.
        base_url: Absolute URL of the ledger, without a trailing slash.

    Raises:
        MissingElementError: Nothing is held.
        InvalidInputError: An association names an achievement that is not in the record.
    """
    if not held:
        message = "a learner record carries credentials (credentialSubject.verifiableCredential), and there are none"
        raise MissingElementError(message, "/credentials")
    known = {one.achievement for one in held}
    for number, one in enumerate(associations):
        for end in ("source", "target"):
            if getattr(one, end) not in known:
                message = "an association is between achievements of the record"
                raise InvalidInputError(message, f"/associations/{number}/{end}")
    wanted = list(dict.fromkeys([*associations_of(held), *associations]))
    institution = about.institution
    return {
        "@context": [VC_CONTEXT, OPEN_BADGES_CONTEXT, CLR_CONTEXT],
        "id": f"{base_url}/verify/{about.public_id}",
        "type": ["VerifiableCredential", "ClrCredential"],
        "name": f"Learner record, {institution.name}",
        "partial": partial,
        "issuer": {
            "id": institution.did,
            "type": ["Profile"],
            "name": institution.name,
            "url": f"{base_url}/institutions/{institution.slug}",
        },
        "validFrom": instant_text(about.now),
        "awardedDate": instant_text(about.now),
        "credentialSubject": _subject(held, wanted),
        "credentialStatus": about.entries,
    }


def associations_of(held: Sequence[Held]) -> list[Association]:
    """The associations that follow from what the templates say: parts, and achievements that are related."""
    known = {one.achievement for one in held}
    found = []
    for one in held:
        details = one.details or Details()
        parts = (part.id for part in details.parts if part.id in known)
        found += [Association(type="isPartOf", source=str(part), target=one.achievement) for part in parts]
        related = (other.id for other in details.related if other.id in known)
        found += [Association(type="isRelatedTo", source=one.achievement, target=other) for other in related]
    return found


def _subject(held: Sequence[Held], associations: Sequence[Association]) -> dict[str, Any]:
    newest = held[-1].document["credentialSubject"]
    subject: dict[str, Any] = {"type": ["ClrSubject"]}
    ids = {one.document["credentialSubject"].get("id") for one in held}
    if len(ids) == 1 and None not in ids:
        subject["id"] = newest["id"]
    subject["identifier"] = newest["identifier"]
    subject["verifiableCredential"] = [one.document for one in held]
    if associations:
        subject["association"] = [
            {
                "type": "Association",
                "associationType": one.type,
                "sourceId": one.source,
                "targetId": one.target,
            }
            for one in associations
        ]
    return subject
