"""An award as a European Digital Credential: European Learning Model v3 in JSON-LD.

What the model has a place for stands there; what it has none for (the criteria, the term, an achievement's type …) is
a note whose ``subject`` names it. Quantities are in the model's units: a workload is an xsd:duration, credits are
points of ECTS. Concepts that the EU publishes are named by their addresses, all others by their words.

The model's own context is in no installed package, so the proof over it is one over JSON (``eddsa-jcs-2022``), which
needs none.

Longer than other modules because it is one document, mapped in the order in which it is read.

Source: European Learning Model v3, application profile EDC (``edc-ap``); sample of a micro-credential with the elements
of Annex I of 2022/C 243/02.
"""

from __future__ import annotations

import base64
from datetime import date
from typing import Any, Final

import msgspec

from ledger.achievement import Outcome, Template
from ledger.detail import Alignment, Details, ResultDescription, RubricLevel
from ledger.document import CENTI, Award, instant_text, present, status_entries
from ledger.error import MissingElementError
from ledger.form.open_badge import EQF_URL, ISCED_F_URL, NO_DETAILS, VC_CONTEXT
from ledger.institution import Accreditation, Institution
from ledger.performance import Evidence, Result

ELM_CONTEXT: Final = "http://data.europa.eu/snb/model/context/edc-ap"
SCHEMA: Final = "http://data.europa.eu/snb/model/ap/edc-generic-no-cv"
PROFILE: Final = "http://data.europa.eu/snb/credential/e34929035b"
ECTS: Final = "http://data.europa.eu/snb/education-credit/6fcec5c5af"
COUNTRY_SCHEME: Final = "ISO 3166-1 alpha-2"
MINUTES: Final = 60
ESCO: Final = "data.europa.eu/esco"

Json = dict[str, Any]


def build_elm(award: Award, base_url: str) -> Json:
    """Build the unsigned European Digital Credential of *award*.

    Args:
        award: The parts.
        base_url: Absolute URL of the ledger, without a trailing slash.

    Raises:
        MissingElementError: An element that the model asks for is not there; the pointer names it.
    """
    claim, words = award.claim, _Words(award.template.language)
    body = _organisation(award.institution, base_url, words)
    return present(
        {
            "@context": [VC_CONTEXT, ELM_CONTEXT],
            "id": award.url(base_url),
            "type": ["VerifiableCredential", "EuropeanDigitalCredential"],
            "credentialProfiles": {"id": PROFILE, "type": "Concept", "prefLabel": {"en": "Generic"}},
            "displayParameter": {
                "type": "DisplayParameter",
                "title": words(award.template.title),
                "description": words(award.template.description),
                "primaryLanguage": {"type": "Concept", "notation": award.template.language},
            },
            "issuer": body,
            "validFrom": instant_text(claim.valid_from),
            "validUntil": claim.valid_until and instant_text(claim.valid_until),
            "credentialSchema": {"id": SCHEMA, "type": "ShaclValidator2017"},
            "credentialStatus": status_entries(award.place, base_url),
            "credentialSubject": _person(award, base_url, body, words),
            "evidence": [_evidence(one, words) for one in claim.evidence] + _endorsements(award, words),
        }
    )


class _Words:
    """Texts in the template's language, as the model's language maps."""

    def __init__(self, language: str) -> None:
        self._language = language

    def __call__(self, text: str) -> dict[str, str]:
        return {self._language: text}

    def concept(self, text: str) -> Json:
        """A concept that is known by its words alone."""
        return {"type": "Concept", "prefLabel": self(text)}

    def note(self, about: str, text: str) -> Json:
        """A note for which the model has no place of its own."""
        return {
            "type": "Note",
            "subject": {"type": "Concept", "notation": about},
            "noteLiteral": self(text),
        }

    def notes(self, **texts: str | None) -> list[Json]:
        """Notes of those texts that there are."""
        return [self.note(about, text) for about, text in texts.items() if text is not None]


def _organisation(institution: Institution, base_url: str, words: _Words) -> Json:
    """The awarding body. Its country is an element of the Recommendation.

    Raises:
        MissingElementError: It has no country or name.
    """
    for element, value, pointer in (
        ("awarding body", institution.name, "/institution/name"),
        ("country of the issuer", institution.country, "/institution/country"),
    ):
        _require(element, value, pointer)
    country = {
        "type": "Concept",
        "notation": institution.country,
        "inScheme": {"type": "ConceptScheme", "prefLabel": {"en": COUNTRY_SCHEME}},
    }
    return present(
        {
            "id": institution.did,
            "type": "Organisation",
            "legalName": words(institution.name),
            "location": [{"type": "Location", "address": [{"type": "Address", "countryCode": country}]}],
            "homepage": [{"type": "WebResource", "contentURL": f"{base_url}/institutions/{institution.slug}"}],
            "accreditation": [_accreditation(one, words) for one in institution.accreditations],
        }
    )


def _accreditation(accreditation: Accreditation, words: _Words) -> Json:
    return present(
        {
            "type": "Accreditation",
            "title": words(accreditation.scope),
            "accreditingAgent": {"type": "Organisation", "legalName": words(accreditation.by)},
            "dateIssued": instant_text(accreditation.valid_from),
            "expiryDate": accreditation.valid_until and instant_text(accreditation.valid_until),
            "status": "withdrawn" if accreditation.withdrawn_at else None,
        }
    )


def _person(award: Award, base_url: str, body: Json, words: _Words) -> Json:
    """The learner; plainly, or by the same salted hashes as in every other document.

    Raises:
        MissingElementError: The learner is not named in any way.
    """
    name, address = award.identity("name"), award.identity("emailAddress")
    if name is None:
        _require("identification of the learner", None, "/learner/name")
        raise AssertionError
    plain = name.salt is None
    mailbox = address and {"id": f"mailto:{address.value}", "type": "Mailbox"}
    hashed = [] if plain else [one for one in (name, address) if one is not None]
    return present(
        {
            "id": award.claim.learner.id,
            "type": "Person",
            "fullName": words(name.value) if plain else None,
            "contactPoint": [{"type": "ContactPoint", "emailAddress": [mailbox]}] if plain and mailbox else None,
            "identifier": [
                {"type": "Identifier", "notation": one.value, "schemeName": f"{one.kind} salted with {one.salt}"}
                for one in hashed
            ],
            "hasClaim": [_achievement(award, base_url, body, words)],
        }
    )


def _achievement(award: Award, base_url: str, body: Json, words: _Words) -> Json:
    claim, details = award.claim, award.details or NO_DETAILS
    return present(
        {
            "id": f"{award.url(base_url)}#achievement",
            "type": "LearningAchievement",
            "title": words(award.template.title),
            "awardedBy": {
                "type": "AwardingProcess",
                "awardingBody": [body],
                "awardingDate": instant_text(claim.valid_from),
            },
            "creditReceived": _credits(award.template.credits_centi),
            "identifier": [{"type": "Identifier", "notation": claim.license_number, "schemeName": "licence number"}]
            if claim.license_number
            else [],
            "specifiedBy": _specification(award, base_url, words),
            "provenBy": _assessments(award, base_url, body, words),
            "influencedBy": [_activity(award, words)],
            "entitlesTo": [
                present({"id": one.id, "type": "LearningEntitlement", "title": words(one.title)})
                for one in details.entitles_to
            ],
            "additionalNote": words.notes(narrative=claim.narrative, role=claim.role, term=claim.term),
        }
    )


def _specification(award: Award, base_url: str, words: _Words) -> Json:
    """What was achieved: outcomes, volume, credits, level, quality assurance, parts.

    Raises:
        MissingElementError: No outcome, no volume, no level, or no word on quality assurance.
    """
    template, details = award.template, award.details or NO_DETAILS
    _require_specification(template)
    field, image, minutes = details.isced_f, details.image, template.workload_minutes
    return present(
        {
            "id": award.achievement_url(base_url),
            "type": "Qualification",
            "title": words(template.title),
            "description": words(template.description),
            "dcType": words.concept(details.achievement_type),
            "identifier": _identifiers(award),
            "language": [{"type": "Concept", "notation": template.language}],
            "learningOutcome": [_outcome(one, words) for one in template.outcomes]
            + [_aligned(one, words) for one in details.alignments],
            "volumeOfLearning": minutes and duration(minutes),
            "creditPoint": _credits(template.credits_centi),
            "eqfLevel": template.eqf_level and _eqf(template.eqf_level),
            "nqfLevel": _national_levels(template, details, words),
            "accreditation": [{"type": "Accreditation", "description": words(template.quality_assurance)}],
            "provenBy": [_assessment_specification(award, words)],
            "entryRequirement": template.prerequisites and words.note("prerequisites", template.prerequisites),
            "thematicArea": [{"id": f"{ISCED_F_URL}{field}", "type": "Concept", "notation": field}] if field else [],
            "educationSubject": [words.concept(details.field_of_study)] if details.field_of_study else [],
            "image": image
            and present(
                {
                    "type": "MediaObject",
                    "contentURL": image.url,
                    "description": image.caption and words(image.caption),
                }
            ),
            "hasPart": [
                present(
                    {
                        "id": part.id,
                        "type": "Qualification",
                        "title": words(part.title),
                        "creditPoint": _credits(part.credits_centi),
                    }
                )
                for part in details.parts
            ],
            "supplementaryDocument": [
                present(
                    {
                        "type": "WebResource",
                        "contentURL": one.id,
                        "language": one.language and {"type": "Concept", "notation": one.language},
                        "title": one.version and words(one.version),
                    }
                )
                for one in details.related
            ],
            "additionalNote": [
                *words.notes(
                    criteria=template.criteria,
                    stackability=template.stackable,
                    specialization=details.specialization,
                    edition=str(award.edition),
                ),
                *(words.note("tag", tag) for tag in details.tags),
            ],
        }
    )


def _require_specification(template: Template) -> None:
    for element, value, pointer in (
        ("title", template.title, "/template/title"),
        ("learning outcomes", template.outcomes, "/template/outcomes"),
        ("notional workload", template.workload_minutes or template.credits_centi, "/template/workload_minutes"),
        ("level", template.eqf_level or template.qf_ehea, "/template/eqf_level"),
        ("type of assessment", template.assessment, "/template/assessment"),
        ("form of participation", template.participation, "/template/participation"),
        ("type of quality assurance", template.quality_assurance, "/template/quality_assurance"),
    ):
        _require(element, value, pointer)


def _identifiers(award: Award) -> list[Json]:
    details = award.details or NO_DETAILS
    own = {"type": "Identifier", "notation": award.achievement_code, "schemeName": award.institution.name}
    return [
        own,
        *({"type": "Identifier", "notation": one.identifier, "schemeName": one.type} for one in details.identifiers),
    ]


def _outcome(outcome: Outcome, words: _Words) -> Json:
    found: Json = {"type": "LearningOutcome", "title": words(outcome.text)}
    if outcome.skill_uri is None:
        return found
    skill = {"id": outcome.skill_uri, "type": "Concept", "prefLabel": words(outcome.skill_name or outcome.text)}
    return found | {_skill_member(outcome.skill_uri): [skill]}


def _aligned(alignment: Alignment, words: _Words) -> Json:
    """An item of another framework, as an outcome that amounts to it."""
    scheme = alignment.framework and {"type": "ConceptScheme", "prefLabel": words(alignment.framework)}
    skill = present(
        {
            "id": alignment.url,
            "type": "Concept",
            "prefLabel": words(alignment.name),
            "notation": alignment.code,
            "inScheme": scheme,
            "definition": alignment.description and words(alignment.description),
        }
    )
    kind = alignment.type and words.concept(alignment.type)
    found = {"type": "LearningOutcome", "title": words(alignment.name), "dcType": kind}
    return present(found | {_skill_member(alignment.url): [skill]})


def _skill_member(url: str) -> str:
    return "relatedESCOSkill" if ESCO in url else "relatedSkill"


def _eqf(level: int) -> Json:
    return {"id": f"{EQF_URL}{level}", "type": "Concept", "notation": str(level)}


def _national_levels(template: Template, details: Details, words: _Words) -> list[Json]:
    levels = []
    national = details.national_level
    if national is not None:
        scheme = {"type": "ConceptScheme", "prefLabel": words(national.framework)}
        level = {"id": national.url, "type": "Concept", "notation": national.level, "inScheme": scheme}
        levels.append(present(level))
    if template.qf_ehea is not None:
        scheme = {"type": "ConceptScheme", "prefLabel": {"en": "QF-EHEA"}}
        levels.append({"type": "Concept", "notation": template.qf_ehea, "inScheme": scheme})
    return levels


def _credits(centi: int | None) -> list[Json]:
    if centi is None:
        return []
    framework = {"id": ECTS, "type": "Concept", "prefLabel": {"en": "European Credit Transfer System"}}
    return [{"type": "CreditPoint", "framework": framework, "point": credit_points(centi)}]


def credit_points(centi: int) -> str:
    """Hundredths of a credit as the model writes points: 250 are ``2.5``, 300 are ``3``."""
    whole, rest = divmod(centi, CENTI)
    return f"{whole}.{rest:02}".rstrip("0").rstrip(".")


def duration(minutes: int) -> str:
    """Minutes as an xsd:duration in hours and minutes: 3,930 are ``PT65H30M``. Source: XML Schema 1.1-2, 3.3.6."""
    hours, rest = divmod(minutes, MINUTES)
    return "PT" + (f"{hours}H" if hours else "") + (f"{rest}M" if rest or not hours else "")


def _assessment_specification(award: Award, words: _Words) -> Json:
    template, details = award.template, award.details or NO_DETAILS
    return present(
        {
            "type": "LearningAssessmentSpecification",
            "title": words(template.assessment),
            "dcType": words.concept(template.assessment),
            "gradingScheme": [_grading(one, words) for one in details.results],
            "additionalNote": words.notes(supervision=template.supervision),
        }
    )


def _grading(result: ResultDescription, words: _Words) -> Json:
    """A result description as a grading scheme; of values and levels the model knows no more than notes."""
    notes = [
        *words.notes(required_value=result.required_value, required_level=result.required_level),
        *(words.note("allowed_value", value) for value in result.allowed_values),
        *(note for level in result.levels for note in _level_notes(level, words)),
    ]
    return present(
        {
            "type": "GradingScheme",
            "identifier": [{"type": "Identifier", "notation": result.code, "schemeName": result.type}],
            "title": words(result.name),
            "minimumScore": result.value_min,
            "maximumScore": result.value_max,
            "additionalNote": notes,
        }
    )


def _level_notes(level: RubricLevel, words: _Words) -> list[Json]:
    told = {name: getattr(level, name) for name in ("name", "level", "points", "description")}
    return [words.note(f"level/{level.code}/{name}", text) for name, text in told.items() if text is not None]


def _assessments(award: Award, base_url: str, body: Json, words: _Words) -> list[Json]:
    """An assessment for the grade and for each result; the model lets none be without one."""
    made = []
    if award.claim.grade is not None:
        grade = {
            "grade": words.note("grade", award.claim.grade),
            "specifiedBy": _assessment_specification(award, words),
        }
        made.append(grade)
    made += [_assessed(result, award, words) for result in award.claim.results]
    source, supervision = award.claim.source, award.template.supervision
    assessor = source and present(
        {
            "id": source.id,
            "type": "Organisation",
            "legalName": words(source.name),
            "homepage": [{"type": "WebResource", "contentURL": source.url}] if source.url else [],
        }
    )
    shared = {
        "type": "LearningAssessment",
        "title": words(award.template.assessment),
        "awardedBy": {"type": "AwardingProcess", "awardingBody": [{"id": body["id"], "type": "Organisation"}]},
        "assessedBy": [assessor] if assessor else [],
        "idVerification": supervision and words.concept(supervision),
    }
    if not made and assessor:
        made.append({})
    return [
        present({"id": f"{award.url(base_url)}#assessment-{number}", **shared, **one})
        for number, one in enumerate(made, 1)
    ]


def _assessed(result: Result, award: Award, words: _Words) -> Json:
    details = award.details or NO_DETAILS
    described = None if result.description is None else details.result(result.description)
    value = result.value or result.achieved_level or result.status
    _require("grade of an assessment", value, "/results")
    notes = words.notes(achieved_level=result.achieved_level, result=result.description)
    return present(
        {
            "title": described and words(described.name),
            "grade": words.note("grade", str(value)),
            "gradeStatus": result.status and words.concept(result.status),
            "specifiedBy": described
            and {
                "type": "LearningAssessmentSpecification",
                "title": words(described.name),
                "gradingScheme": [_grading(described, words)],
            },
            "proves": [
                {"type": "LearningAchievement", "title": words(one.name), "specifiedBy": _aligned_with(one, words)}
                for one in result.alignments
            ],
            "additionalNote": notes,
        }
    )


def _aligned_with(alignment: Alignment, words: _Words) -> Json:
    return {
        "type": "LearningAchievementSpecification",
        "title": words(alignment.name),
        "learningOutcome": [_aligned(alignment, words)],
    }


def _activity(award: Award, words: _Words) -> Json:
    template, claim = award.template, award.claim
    period = present({"startDate": _day(claim.activity_start), "endDate": _day(claim.activity_end)})
    return present(
        {
            "type": "LearningActivity",
            "title": words(template.title),
            "specifiedBy": {
                "type": "LearningActivitySpecification",
                "title": words(template.title),
                "mode": [words.concept(template.participation)],
            },
            "workload": template.workload_minutes and duration(template.workload_minutes),
            "temporal": [{"type": "PeriodOfTime", **period}] if period else [],
        }
    )


def _day(day: date | None) -> str | None:
    return None if day is None else f"{day.isoformat()}T00:00:00Z"


def _evidence(evidence: Evidence, words: _Words) -> Json:
    return present(
        {
            "id": evidence.url,
            "type": "Evidence",
            "title": evidence.name and words(evidence.name),
            "description": evidence.description and words(evidence.description),
            "evidenceStatement": evidence.narrative,
            "dcType": evidence.genre and words.concept(evidence.genre),
            "additionalNote": words.notes(audience=evidence.audience),
        }
    )


def _endorsements(award: Award, words: _Words) -> list[Json]:
    """Endorsements as they were signed, embedded; the model has no member for a credential within one."""
    embedded = []
    for one in award.claim.endorsements:
        compact = isinstance(one, str)
        raw = one.encode() if isinstance(one, str) else msgspec.json.encode(one)
        embedded.append(
            {
                "type": "Evidence",
                "dcType": words.concept("EndorsementCredential"),
                "embeddedEvidence": [
                    {
                        "type": "MediaObject",
                        "content": base64.b64encode(raw).decode("ascii"),
                        "contentEncoding": {"type": "Concept", "notation": "base64"},
                        "contentType": {
                            "type": "Concept",
                            "notation": "application/vc+jwt" if compact else "application/vc",
                        },
                    }
                ],
            }
        )
    return embedded


def _require(element: str, value: object, pointer: str) -> None:
    if not value:
        message = f"a European Digital Credential carries the element «{element}» ({pointer[1:]}), which is missing"
        raise MissingElementError(message, pointer)
