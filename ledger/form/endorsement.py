"""An endorsement: one institution's signed word on another institution, its achievement, or an award.

Source: 1EdTech Open Badges 3.0 (EndorsementCredential, EndorsementSubject).
"""

from __future__ import annotations

from typing import Any

from ledger.attesting import Attestable
from ledger.document import instant_text
from ledger.error import MissingElementError
from ledger.form.open_badge import OPEN_BADGES_CONTEXT, VC_CONTEXT


def build_endorsement(about: Attestable, *, subject: str, comment: str | None, base_url: str) -> dict[str, Any]:
    """Build the unsigned endorsement.

    Args:
        about: Who endorses, and where the endorsement's status will be.
        subject: URI of what is endorsed: an institution's DID, an achievement's address, a credential's id.
        comment: In words, if there are any.
        base_url: Absolute URL of the ledger, without a trailing slash.

    Raises:
        MissingElementError: Nothing is endorsed.
    """
    if not subject:
        message = "an endorsement carries credentialSubject.id, and there is none"
        raise MissingElementError(message, "/subject")
    institution = about.institution
    endorsed = {"id": subject, "type": ["EndorsementSubject"]}
    if comment is not None:
        endorsed["endorsementComment"] = comment
    return {
        "@context": [VC_CONTEXT, OPEN_BADGES_CONTEXT],
        "id": f"{base_url}/verify/{about.public_id}",
        "type": ["VerifiableCredential", "EndorsementCredential"],
        "name": f"Endorsement by {institution.name}",
        "issuer": {
            "id": institution.did,
            "type": ["Profile"],
            "name": institution.name,
            "url": f"{base_url}/institutions/{institution.slug}",
        },
        "validFrom": instant_text(about.now),
        "awardedDate": instant_text(about.now),
        "credentialSubject": endorsed,
        "credentialStatus": about.entries,
    }
