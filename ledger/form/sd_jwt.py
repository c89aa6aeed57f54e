"""An award as an SD-JWT VC: the holder shows the achievement and, claim by claim, as much of the rest as they like.

Never withheld can be: who issued it, what was achieved, from when to when it holds, where its status is, and the key
that it is bound to. Everything that is the learner's (:data:`DISCLOSABLE`) is a disclosure of its own.

Its status is in a status list token (``status.status_list``). Before, it was in the two Bitstring Status Lists of the
place (``credentialStatus``); the bits are the same, and both are verified.

Source: IETF SD-JWT (RFC 9901), SD-JWT VC section 3.2.2, Token Status List section 6; the claims have the names of Open
Badges 3.0's members.
"""

from __future__ import annotations

from typing import Any

from openbadgeslib.ob3.eudi import OB3_SD_JWT_VCT
from openvc.proof.sd_jwt import SdJwtVcProofSuite
from openvc.proof.vc_jwt import SigningKey

from ledger.document import Award, present, token_status
from ledger.error import MissingElementError
from ledger.form import open_badge
from ledger.form.vc_jwt import seconds

DISCLOSABLE = (
    "sub",
    "learner",
    "identifier",
    "creditsEarned",
    "grade",
    "result",
    "evidence",
    "narrative",
    "activityStartDate",
    "activityEndDate",
    "licenseNumber",
    "role",
    "term",
    "source",
    "endorsement",
    "endorsementJwt",
)
"""Claims that the holder may withhold, in the order of their disclosures."""
PERSONAL_ELEMENTS = ("learner", "grade")
"""Elements of the Recommendation that are claims of their own here, so that they can be withheld."""
SEPARATOR = b"~"


def claims_of(award: Award, base_url: str) -> dict[str, Any]:
    """Every claim of *award*, before any is made a disclosure.

    Raises:
        MissingElementError: The learner is not named in any way.
    """
    document = open_badge.build_document(award, base_url)
    subject = document["credentialSubject"]
    elements: dict[str, Any] = dict(open_badge.elements_of(document))
    if not elements.get("learner"):
        message = "an SD-JWT VC carries learner.name, and the award has none"
        raise MissingElementError(message, "/learner/name")
    learner = {name: elements.pop(name, None) for name in PERSONAL_ELEMENTS}
    claims = {
        "iss": award.institution.did,
        "vct": OB3_SD_JWT_VCT,
        "jti": document["id"],
        "iat": int(award.recorded_at.timestamp()),
        "nbf": seconds(document["validFrom"]),
        "exp": document.get("validUntil") and seconds(document["validUntil"]),
        "sub": subject.get("id"),
        "name": document["name"],
        "issuer": document["issuer"],
        "validFrom": document["validFrom"],
        "validUntil": document.get("validUntil"),
        "awardedDate": document["awardedDate"],
        "achievement": {name: member for name, member in subject["achievement"].items() if name != "resultDescription"},
        "euMicrocredential": elements,
        "status": token_status(award.place, base_url),
        **learner,
        **{name: subject.get(name) for name in DISCLOSABLE if name in subject},
        **{name: document.get(name) for name in ("evidence", "endorsement", "endorsementJwt")},
    }
    # Which results there can be is part of the offer; that a grade was given at all is the learner's to tell.
    described = subject["achievement"].get("resultDescription", [])
    offered = [one for one in described if not one["id"].endswith("#grade")]
    claims["achievement"] |= present({"resultDescription": offered})
    return present(claims)


def sign_sd_jwt(award: Award, base_url: str, key: SigningKey) -> bytes:
    """Sign *award* as an SD-JWT VC with every disclosure, bound to the holder's key when the claim names one.

    Raises:
        MissingElementError: See :func:`claims_of`.
    """
    claims = claims_of(award, base_url)
    hidden = [name for name in DISCLOSABLE if name in claims]
    holder = award.claim.holder_jwk
    return SdJwtVcProofSuite().issue(claims, signing_key=key, disclosable=hidden, holder_jwk=holder).encode("ascii")


def issuer_signed_part(sd_jwt: bytes) -> bytes:
    """The part that the issuer signed, which is what is committed to: everything before the first tilde."""
    return sd_jwt.partition(SEPARATOR)[0]
