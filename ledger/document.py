"""The signed document of an award: Open Badges 3.0 on the W3C Verifiable Credentials Data Model 2.0.

Every element that the EU Recommendation makes mandatory is in it, and every term is defined: what Open Badges has no
member for stands under ``euMicrocredential``, which the third, inline context declares to be a JSON literal.

Source: 1EdTech Open Badges 3.0 (AchievementCredential); W3C VC Data Model 2.0; W3C Bitstring Status List 1.0, 2.1; W3C
VC Data Integrity EdDSA Cryptosuites 1.0 (eddsa-jcs-2022).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from openvc.proof.vc_jwt import SigningKey
from openvc.status.issue import build_status_list_entry

from ledger.achievement import Outcome, Template
from ledger.canonical import canonical_json
from ledger.claim import AwardClaim
from ledger.institution import Institution
from ledger.integrity_proof import add_proof
from ledger.status_allocation import StatusPlace

VC_CONTEXT = "https://www.w3.org/ns/credentials/v2"
OPEN_BADGES_CONTEXT = "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"
MICROCREDENTIAL_TERM = "urn:cairn:vocabulary:euMicrocredential"
EQF_URL = "http://data.europa.eu/snb/eqf/"
PURPOSES = ("revocation", "suspension")
"""Status purposes in the order of their lists: list ``2 * block + n`` serves ``PURPOSES[n]``."""
CENTI = 100


class Award(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the document of one award is made of."""

    public_id: str
    aggregate_id: UUID
    institution: Institution
    achievement_code: str
    edition: int
    template: Template
    claim: AwardClaim
    key_id: str
    place: StatusPlace
    recorded_at: datetime


def institution_did(host: str, slug: str) -> str:
    """The did:web identifier of an institution on *host* (``example.edu`` or ``localhost:8000``).

    Source: did:web Method Specification, a port's colon is percent-encoded, path segments are joined by colons.
    """
    return f"did:web:{host.replace(':', '%3A')}:institutions:{slug}"


def build_document(award: Award, base_url: str) -> dict[str, Any]:
    """Build the unsigned document of *award*.

    Args:
        award: The parts.
        base_url: Absolute URL of the ledger, without a trailing slash.
    """
    claim = award.claim
    document: dict[str, Any] = {
        "@context": [
            VC_CONTEXT,
            OPEN_BADGES_CONTEXT,
            {"euMicrocredential": {"@id": MICROCREDENTIAL_TERM, "@type": "@json"}},
        ],
        "id": f"{base_url}/verify/{award.public_id}",
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "name": award.template.title,
        "issuer": {
            "id": award.institution.did,
            "type": ["Profile"],
            "name": award.institution.name,
            "url": f"{base_url}/institutions/{award.institution.slug}",
        },
        "validFrom": instant_text(claim.valid_from),
        "awardedDate": instant_text(claim.valid_from),
        "credentialSubject": _subject(award, base_url),
        "credentialStatus": status_entries(award.place, base_url),
        "euMicrocredential": _recommendation_elements(award),
    }
    if claim.valid_until is not None:
        document["validUntil"] = instant_text(claim.valid_until)
    return document


def sign_document(document: dict[str, Any], key: SigningKey, created: datetime) -> dict[str, Any]:
    """Sign *document* with ``eddsa-jcs-2022`` as the key's own verification method (its ``kid``)."""
    return add_proof(document, key, created)


def document_form(signed: dict[str, Any]) -> bytes:
    """The form of a signed JSON document that is committed to: its RFC 8785 bytes, proof included."""
    return canonical_json(signed)


def instant_text(instant: datetime) -> str:
    """*instant* as RFC 3339 in UTC, exactly as events carry it."""
    return msgspec.to_builtins(instant)  # type: ignore[no-any-return]  # a datetime becomes a str


def _subject(award: Award, base_url: str) -> dict[str, Any]:
    claim, template = award.claim, award.template
    subject: dict[str, Any] = {"type": ["AchievementSubject"]}
    if claim.learner.id is not None:
        subject["id"] = claim.learner.id
    subject["identifier"] = [_identity("name", claim.learner.name)]
    if claim.learner.email is not None:
        subject["identifier"].append(_identity("emailAddress", claim.learner.email))
    if template.credits_centi is not None:
        subject["creditsEarned"] = _credits(template.credits_centi)
    subject["achievement"] = _achievement(award, base_url)
    if claim.grade is not None:
        description = f"{subject['achievement']['id']}#grade"
        subject["achievement"]["resultDescription"] = [
            {"id": description, "type": ["ResultDescription"], "name": "Grade", "resultType": "LetterGrade"}
        ]
        subject["result"] = [{"type": ["Result"], "resultDescription": description, "value": claim.grade}]
    return subject


def _achievement(award: Award, base_url: str) -> dict[str, Any]:
    template = award.template
    achievement: dict[str, Any] = {
        "id": f"{base_url}/institutions/{award.institution.slug}/achievements/{award.achievement_code}/{award.edition}",
        "type": ["Achievement"],
        "achievementType": "MicroCredential",
        "name": template.title,
        "description": template.description,
        "criteria": {"narrative": template.criteria},
        "humanCode": award.achievement_code,
        "version": str(award.edition),
        "inLanguage": template.language,
    }
    if template.credits_centi is not None:
        achievement["creditsAvailable"] = _credits(template.credits_centi)
    alignments = [_skill(outcome) for outcome in template.outcomes if outcome.skill_uri is not None]
    if template.eqf_level is not None:
        alignments.append(_level(template.eqf_level))
    if alignments:
        achievement["alignment"] = alignments
    return achievement


def _skill(outcome: Outcome) -> dict[str, Any]:
    return {
        "type": ["Alignment"],
        "targetName": outcome.skill_name or outcome.text,
        "targetUrl": outcome.skill_uri,
        "targetFramework": "ESCO" if "data.europa.eu/esco" in (outcome.skill_uri or "") else "skill",
        "targetType": "ceasn:Competency",
    }


def _level(level: int) -> dict[str, Any]:
    return {
        "type": ["Alignment"],
        "targetName": f"EQF level {level}",
        "targetUrl": f"{EQF_URL}{level}",
        "targetFramework": "European Qualifications Framework",
        "targetCode": str(level),
    }


def _identity(kind: str, value: str) -> dict[str, Any]:
    return {"type": "IdentityObject", "identityType": kind, "hashed": False, "identityHash": value, "salt": "not-used"}


def _credits(centi: int) -> int | float:
    """Credits as JSON writes them: 250 hundredths are 2.5, 300 are 3."""
    return centi // CENTI if centi % CENTI == 0 else centi / CENTI


def status_entries(place: StatusPlace, base_url: str) -> list[dict[str, Any]]:
    """The ``credentialStatus`` entries of a place, one for each of :data:`PURPOSES`."""
    entries = []
    for offset, purpose in enumerate(PURPOSES):
        url = f"{base_url}/status-lists/{2 * place.block + offset}"
        entries.append(
            build_status_list_entry(
                status_list_credential=url, index=place.index, status_purpose=purpose, id=f"{url}#{place.index}"
            )
        )
    return entries


def _recommendation_elements(award: Award) -> dict[str, Any]:
    """The elements of Annex I, by their own names, whether or not Open Badges has a member for them."""
    template = award.template
    elements: dict[str, Any] = {
        "learner": award.claim.learner.name,
        "title": template.title,
        "country": award.institution.country,
        "awardingBody": award.institution.name,
        "dateOfIssuing": award.claim.awarded_on.isoformat(),
        "learningOutcomes": [outcome.text for outcome in template.outcomes],
        "workload": _present(
            {"ects": template.credits_centi and _credits(template.credits_centi), "minutes": template.workload_minutes}
        ),
        "level": _present({"eqf": template.eqf_level, "qfEhea": template.qf_ehea}),
        "assessment": template.assessment,
        "participation": template.participation,
        "qualityAssurance": template.quality_assurance,
        "supervision": template.supervision,
        "prerequisites": template.prerequisites,
        "stackability": template.stackable,
        "grade": award.claim.grade,
    }
    return _present(elements)


def _present(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
