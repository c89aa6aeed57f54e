"""Open Badges 3.0 on the W3C Verifiable Credentials Data Model 2.0: the form that every award has.

Every element that the EU Recommendation makes mandatory is in it, and every term is defined: what Open Badges has no
member for is a JSON literal under an absolute IRI, :data:`MICROCREDENTIAL_TERM`. A context of our own would have to be
fetched, and one within the document is refused by clients that compare contexts by identity. Awards made before had the
literal under a term of such an inline context; :func:`elements_of` reads both.

Source: 1EdTech Open Badges 3.0 (AchievementCredential, AchievementSubject, Achievement, Alignment, ResultDescription,
Result, Evidence, IdentityObject, Profile); W3C VC Data Model 2.0; W3C Bitstring Status List 1.0, 2.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ledger.achievement import Outcome
from ledger.detail import Alignment, Details, ResultDescription, RubricLevel
from ledger.document import Award, Origin, StackedUnder, credits_number, instant_text, present, status_entries
from ledger.learner_identity import NO_SALT, Identity
from ledger.performance import Result

VC_CONTEXT = "https://www.w3.org/ns/credentials/v2"
OPEN_BADGES_CONTEXT = "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"
CONTEXT = (VC_CONTEXT, OPEN_BADGES_CONTEXT)
MICROCREDENTIAL_TERM = "urn:cairn:vocabulary:euMicrocredential"
PART_TERM = "urn:cairn:vocabulary:partOf"
"""JSON literal of a part of an unpacked diploma: where it comes from."""
FORMER_TERM = "euMicrocredential"
"""What the inline context of former documents called it."""
EQF_URL = "http://data.europa.eu/snb/eqf/"
ISCED_F_URL = "http://data.europa.eu/snb/isced-f/"
NO_DETAILS = Details()


def build_document(award: Award, base_url: str) -> dict[str, Any]:
    """Build the unsigned document of *award*.

    Args:
        award: The parts.
        base_url: Absolute URL of the ledger, without a trailing slash.
    """
    claim = award.claim
    document: dict[str, Any] = {
        "@context": list(CONTEXT),
        "id": award.url(base_url),
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
        MICROCREDENTIAL_TERM: _literal(recommendation_elements(award)),
    }
    if award.origin is not None:
        document["credentialStatus"] += status_entries(award.origin.place, base_url)
        document[PART_TERM] = _literal(_origin(award, award.origin, base_url))
    if claim.valid_until is not None:
        document["validUntil"] = instant_text(claim.valid_until)
    if claim.evidence:
        document["evidence"] = evidence_of(award)
    plain = [one for one in claim.endorsements if not isinstance(one, str)]
    compact = [one for one in claim.endorsements if isinstance(one, str)]
    return document | present({"endorsement": plain, "endorsementJwt": compact})


def _origin(award: Award, origin: Origin, base_url: str) -> dict[str, Any]:
    """What a part says of the whole: enough to recognise others of the same, and nothing of the diploma itself."""
    return {
        "unpacking": str(origin.unpacking),
        "programme": f"{base_url}/v1/programmes/{award.institution.slug}/{origin.programme}/{origin.edition}",
        "title": origin.title,
    }


LITERAL_ONLY_ONCE = ("learner", "dateOfIssuing", "grade")
"""Elements that stand elsewhere in the document as well, by Open Badges' own names."""


def without_repetition(document: dict[str, Any]) -> dict[str, Any]:
    """*document* for a proof over RDF: the learner's elements are said once, outside of the JSON literal.

    Of a literal, RDF has one whole text. With a learner's values in it, no two awards would have the same shape, and
    canonicalising them cost a hundred times as much (35 ms and 0.3 ms measured).
    """
    kept = {name: value for name, value in elements_of(document).items() if name not in LITERAL_ONLY_ONCE}
    return {**document, MICROCREDENTIAL_TERM: _literal(kept)}


def elements_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """The Recommendation's elements in a document that this ledger made, of today's form or of the one before.

    Returns:
        The elements by their names; empty when there are none, or not as an object.
    """
    literal = document.get(MICROCREDENTIAL_TERM)
    found = literal.get("@value") if isinstance(literal, dict) else document.get(FORMER_TERM)
    return found if isinstance(found, dict) else {}


def _literal(elements: dict[str, Any]) -> dict[str, Any]:
    """A JSON literal as a document of the VC Data Model writes it. Source: JSON-LD 1.1 section 4.2.2."""
    return {"type": "@json", "@value": elements}


def _subject(award: Award, base_url: str) -> dict[str, Any]:
    claim, template = award.claim, award.template
    subject: dict[str, Any] = {"type": ["AchievementSubject"]}
    if claim.learner.id is not None:
        subject["id"] = claim.learner.id
    subject["identifier"] = identifiers_of(award)
    if template.credits_centi is not None:
        subject["creditsEarned"] = credits_number(template.credits_centi)
    subject["achievement"] = achievement_of(award, base_url)
    if results := results_of(award, base_url):
        subject["result"] = results
    return subject | performance_of(award)


def performance_of(award: Award) -> dict[str, Any]:
    """What the learner did, by the member names of AchievementSubject; only what is there."""
    claim, source = award.claim, award.claim.source
    start, end = claim.activity_start, claim.activity_end
    profile = source and present({"id": source.id, "type": ["Profile"], "name": source.name, "url": source.url})
    return present(
        {
            "narrative": claim.narrative,
            "activityStartDate": start and start.isoformat(),
            "activityEndDate": end and end.isoformat(),
            "licenseNumber": claim.license_number,
            "role": claim.role,
            "term": claim.term,
            "source": profile,
        }
    )


def achievement_of(award: Award, base_url: str) -> dict[str, Any]:
    """The achievement; of an award that describes no more, exactly the members that it always had."""
    template, details = award.template, award.details or NO_DETAILS
    url = award.achievement_url(base_url)
    achievement: dict[str, Any] = {
        "id": url,
        "type": ["Achievement"],
        "achievementType": details.achievement_type,
        "name": template.title,
        "description": template.description,
        "criteria": {"narrative": template.criteria},
        "humanCode": award.achievement_code,
        "version": str(award.edition),
        "inLanguage": template.language,
    }
    if template.credits_centi is not None:
        achievement["creditsAvailable"] = credits_number(template.credits_centi)
    described = [_result_description(result, url) for result in details.results]
    if award.claim.grade is not None:
        grade = {"id": f"{url}#grade", "type": ["ResultDescription"], "name": "Grade", "resultType": "LetterGrade"}
        described.insert(0, grade)
    more = {"alignment": _alignments(award), "resultDescription": described} | _details(details)
    return achievement | present(more)


def _details(details: Details) -> dict[str, Any]:
    image = details.image
    return {
        "tag": list(details.tags),
        "related": [
            present({"id": one.id, "type": ["Related"], "inLanguage": one.language, "version": one.version})
            for one in details.related
        ],
        "otherIdentifier": [
            {"type": "IdentifierEntry", "identifier": one.identifier, "identifierType": one.type}
            for one in details.identifiers
        ],
        "fieldOfStudy": details.field_of_study,
        "specialization": details.specialization,
        "image": image and present({"id": image.url, "type": "Image", "caption": image.caption}),
    }


def _alignments(award: Award) -> list[dict[str, Any]]:
    template, details = award.template, award.details or NO_DETAILS
    found = [_skill(outcome) for outcome in template.outcomes if outcome.skill_uri is not None]
    if template.eqf_level is not None:
        found.append(_level(template.eqf_level))
    if details.isced_f is not None:
        found.append(_field(details.isced_f))
    national = details.national_level
    if national is not None and national.url is not None:
        name = f"{national.framework} level {national.level}"
        url, framework = national.url, national.framework
        found.append(alignment_of(Alignment(name=name, url=url, framework=framework, code=national.level)))
    return [*found, *map(alignment_of, details.alignments)]


def alignment_of(alignment: Alignment) -> dict[str, Any]:
    """An alignment by the member names of Open Badges."""
    return present(
        {
            "type": ["Alignment"],
            "targetName": alignment.name,
            "targetUrl": alignment.url,
            "targetFramework": alignment.framework,
            "targetType": alignment.type,
            "targetCode": alignment.code,
            "targetDescription": alignment.description,
        }
    )


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


def _field(code: str) -> dict[str, Any]:
    return {
        "type": ["Alignment"],
        "targetName": f"ISCED-F {code}",
        "targetUrl": f"{ISCED_F_URL}{code}",
        "targetFramework": "ISCED-F 2013",
        "targetCode": code,
    }


def _result_description(result: ResultDescription, url: str) -> dict[str, Any]:
    identity = f"{url}#result-{result.code}"
    return present(
        {
            "id": identity,
            "type": ["ResultDescription"],
            "name": result.name,
            "resultType": result.type,
            "allowedValue": list(result.allowed_values),
            "requiredValue": result.required_value,
            "valueMin": result.value_min,
            "valueMax": result.value_max,
            "rubricCriterionLevel": [_rubric_level(level, identity) for level in result.levels],
            "requiredLevel": result.required_level and f"{identity}-{result.required_level}",
        }
    )


def _rubric_level(level: RubricLevel, result: str) -> dict[str, Any]:
    return present(
        {
            "id": f"{result}-{level.code}",
            "type": ["RubricCriterionLevel"],
            "name": level.name,
            "level": level.level,
            "points": level.points,
            "description": level.description,
        }
    )


def results_of(award: Award, base_url: str) -> list[dict[str, Any]]:
    """The results that were had, the grade first."""
    url = award.achievement_url(base_url)
    results = [_result(result, url) for result in award.claim.results]
    if award.claim.grade is not None:
        results.insert(0, {"type": ["Result"], "resultDescription": f"{url}#grade", "value": award.claim.grade})
    return results


def _result(result: Result, url: str) -> dict[str, Any]:
    described = result.description and f"{url}#result-{result.description}"
    return present(
        {
            "type": ["Result"],
            "resultDescription": described,
            "value": result.value,
            "achievedLevel": result.achieved_level and f"{described}-{result.achieved_level}",
            "status": result.status,
            "alignment": [alignment_of(one) for one in result.alignments],
        }
    )


def evidence_of(award: Award) -> list[dict[str, Any]]:
    """The evidence by the member names of Open Badges."""
    return [
        present(
            {
                "id": one.url,
                "type": ["Evidence"],
                "name": one.name,
                "description": one.description,
                "narrative": one.narrative,
                "genre": one.genre,
                "audience": one.audience,
            }
        )
        for one in award.claim.evidence
    ]


def identifiers_of(award: Award) -> list[dict[str, Any]]:
    """Who the learner is, as IdentityObjects."""
    return [_identity(identity) for identity in award.learner]


def _identity(identity: Identity) -> dict[str, Any]:
    return {
        "type": "IdentityObject",
        "identityType": identity.kind,
        "hashed": identity.salt is not None,
        "identityHash": identity.value,
        "salt": identity.salt or NO_SALT,
    }


def stacked_of(stacked: StackedUnder) -> dict[str, Any]:
    """By which rules an award was stacked."""
    return present(
        {
            "pathway": f"{stacked.institution}/{stacked.code}",
            "version": stacked.version,
            "rules": stacked.rules,
            "components": list(stacked.components),
        }
    )


def recommendation_elements(award: Award) -> dict[str, Any]:
    """The elements of Annex I, by their own names, whether or not Open Badges has a member for them.

    With them stands what Open Badges has no member for either: national level, parts, and what it entitles to.
    """
    template, details = award.template, award.details or NO_DETAILS
    name = award.identity("name")
    national = details.national_level
    level = {
        "eqf": template.eqf_level,
        "qfEhea": template.qf_ehea,
        "national": national
        and present({"framework": national.framework, "level": national.level, "url": national.url}),
    }
    elements: dict[str, Any] = {
        "learner": name and name.value,
        "title": template.title,
        "country": award.institution.country,
        "awardingBody": award.institution.name,
        "dateOfIssuing": award.claim.awarded_on.isoformat(),
        "learningOutcomes": [outcome.text for outcome in template.outcomes],
        "workload": present(
            {
                "ects": template.credits_centi and credits_number(template.credits_centi),
                "minutes": template.workload_minutes,
            }
        ),
        "level": present(level),
        "assessment": template.assessment,
        "participation": template.participation,
        "qualityAssurance": template.quality_assurance,
        "supervision": template.supervision,
        "prerequisites": template.prerequisites,
        "stackability": template.stackable,
        "grade": award.claim.grade,
        "iscedF": details.isced_f,
        "stacked": award.stacked and stacked_of(award.stacked),
        "parts": [
            present(
                {
                    "id": part.id,
                    "title": part.title,
                    "ects": part.credits_centi and credits_number(part.credits_centi),
                }
            )
            for part in details.parts
        ],
        "entitlesTo": [present({"id": one.id, "title": one.title}) for one in details.entitles_to],
    }
    return present(elements)
