"""The data models' demands, each as a pair: what has to be accepted and what has to be refused."""

from __future__ import annotations

import base64
import copy
import hashlib
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openvc.multibase import encode_multibase

from verifier.data_model import (
    V1_CONTEXT,
    V2_CONTEXT,
    DataProblem,
    credential_problems,
    credentials_of,
    holder_of,
    issuer_of,
    open_envelope,
    presentation_problems,
)
from verifier.data_model.problem import CRYPTOGRAPHIC_SECURITY, MALFORMED_VALUE, MAX_PROBLEMS, PARSING, RANGE
from verifier.data_model.value import is_url, seconds_of

EXAMPLES = "https://www.w3.org/ns/credentials/examples/v2"
CONTEXT_BYTES = files("openvc.proof.contexts").joinpath("credentials-v2.json").read_bytes()
DIGEST = hashlib.sha256(CONTEXT_BYTES).digest()
WRONG = hashlib.sha256(b"another").digest()
JWT = "eyJhbGciOiJFUzI1NiJ9.e30.c2ln"
ABSENT = object()


def at_hand(url: str) -> bytes | None:
    return CONTEXT_BYTES if url == V2_CONTEXT else None


def credential(**members: object) -> dict[str, Any]:
    """A credential of the VC Data Model 2.0 with *members* in the place of its own; ABSENT leaves one out."""
    made = {
        "@context": [V2_CONTEXT, EXAMPLES],
        "id": "urn:uuid:8b7f0a32-1c3e-4f7e-9f61-2b7c5f6a1d11",
        "type": ["VerifiableCredential"],
        "issuer": "did:example:school",
        "credentialSubject": {"id": "did:example:learner"},
        **members,
    }
    return {name: value for name, value in made.items() if value is not ABSENT}


def first_edition(**members: object) -> dict[str, Any]:
    old = {"@context": [V1_CONTEXT], "issuanceDate": "2026-01-31T12:00:00Z"}
    return credential(**{**old, **members})


def presentation(**members: object) -> dict[str, Any]:
    made = {
        "@context": [V2_CONTEXT],
        "type": ["VerifiablePresentation"],
        "verifiableCredential": [credential()],
        **members,
    }
    return {name: value for name, value in made.items() if value is not ABSENT}


def envelope(kind: str, **members: object) -> dict[str, Any]:
    made = {"@context": V2_CONTEXT, "type": kind, "id": f"data:application/vc+jwt,{JWT}", **members}
    return {name: value for name, value in made.items() if value is not ABSENT}


def status(**members: object) -> dict[str, Any]:
    made = {
        "id": "https://school.example/status/1#7",
        "type": "BitstringStatusListEntry",
        "statusPurpose": "revocation",
        "statusListIndex": "7",
        "statusListCredential": "https://school.example/status/1",
        **members,
    }
    return {name: value for name, value in made.items() if value is not ABSENT}


def related(**members: object) -> dict[str, Any]:
    made = {"id": V2_CONTEXT, "digestSRI": "sha256-" + base64.b64encode(DIGEST).decode(), **members}
    return {name: value for name, value in made.items() if value is not ABSENT}


def multibase(raw: bytes) -> str:
    return "u" + base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


MESSAGES = [{"status": f"0x{number}", "message": f"case {number}"} for number in range(4)]

ACCEPTED: dict[str, dict[str, object]] = {
    "as it is": {},
    "no id": {"id": ABSENT},
    "an inline context": {"@context": [V2_CONTEXT, {"Course": "https://school.example/terms#Course"}]},
    "one context": {"@context": [V2_CONTEXT]},
    "one type as a text": {"type": "VerifiableCredential"},
    "a type that is a URL": {"type": ["https://school.example/terms#Course", "VerifiableCredential"]},
    "types in another order": {"type": ["Course", "VerifiableCredential", "Module"]},
    "an issuer with a name": {"issuer": {"id": "https://school.example/", "name": "A school"}},
    "an issuer described in two languages": {
        "issuer": {
            "id": "did:example:school",
            "description": [{"@value": "School", "@language": "en"}, {"@value": "Школа", "@language": "ru"}],
        }
    },
    "a name": {"name": "Course"},
    "a name in a language": {"name": {"@value": "Course", "@language": "en"}},
    "a name with a direction": {"name": {"@value": "دورة", "@language": "ar", "@direction": "rtl"}},
    "a description": {"description": {"@value": "A course"}},
    "several subjects": {"credentialSubject": [{"id": "did:example:a"}, {"name": "B"}]},
    "a subject without id": {"credentialSubject": {"name": "B"}},
    "a beginning with milliseconds": {"validFrom": "2026-01-31T12:00:00.123Z"},
    "a beginning with an offset": {"validFrom": "2026-01-31T12:00:00-06:00"},
    "a beginning in a far year": {"validFrom": "12026-01-31T12:00:00Z"},
    "an end": {"validUntil": "2026-01-31T24:00:00Z"},
    "an end at the beginning": {"validFrom": "2026-01-31T12:00:00Z", "validUntil": "2026-01-31T13:00:00+01:00"},
    "a status of another type": {"credentialStatus": {"type": "AnotherList"}},
    "a status entry": {"credentialStatus": status()},
    "a status entry without id": {"credentialStatus": status(id=ABSENT)},
    "several status entries": {"credentialStatus": [status(), status(statusPurpose="suspension")]},
    "a status of two bits": {"credentialStatus": status(statusSize=2, statusMessage=MESSAGES)},
    "a status with references": {"credentialStatus": status(statusReference=["https://school.example/why"])},
    "a schema": {"credentialSchema": {"id": "https://school.example/schema", "type": "JsonSchema"}},
    "two schemas": {"credentialSchema": [{"id": "urn:a:1", "type": "JsonSchema"}, {"id": "urn:a:2", "type": "Other"}]},
    "evidence": {"evidence": {"type": "Examination"}},
    "two pieces of evidence": {"evidence": [{"type": "Examination"}, {"type": ["Paper"], "id": "urn:x:1"}]},
    "a refresh service": {"refreshService": {"type": "Service", "id": "https://school.example/refresh"}},
    "terms of use": {"termsOfUse": [{"type": "Policy", "id": "https://school.example/policy"}]},
    "a reserved member": {"renderMethod": {"type": "Template"}},
    "a related resource": {"relatedResource": related()},
    "a related resource in a list": {"relatedResource": [related(mediaType="application/ld+json")]},
    "a multihash in base64url": {
        "relatedResource": related(digestSRI=ABSENT, digestMultibase=multibase(b"\x12\x20" + DIGEST))
    },
    "a multihash in base58": {
        "relatedResource": related(digestSRI=ABSENT, digestMultibase=encode_multibase(b"\x12\x20" + DIGEST))
    },
    "a bare digest in base64url": {"relatedResource": related(digestSRI=ABSENT, digestMultibase=multibase(DIGEST))},
    "a digest in hexadecimal digits": {"relatedResource": related(digestSRI=f"sha256-{DIGEST.hex()}")},
    "the stronger of two digests": {
        "relatedResource": related(
            digestSRI=f"sha256-{base64.b64encode(WRONG).decode()} "
            f"sha384-{base64.b64encode(hashlib.sha384(CONTEXT_BYTES).digest()).decode()}"
        )
    },
    "a resource that is not at hand": {
        "relatedResource": related(
            id="https://school.example/x", digestSRI="sha256-" + base64.b64encode(WRONG).decode()
        )
    },
}

REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "no context": ({"@context": ABSENT}, "/@context"),
    "a context that is no list": ({"@context": V2_CONTEXT}, "/@context"),
    "a number for contexts": ({"@context": 4}, "/@context"),
    "no contexts in the list": ({"@context": []}, "/@context"),
    "another first context": ({"@context": [EXAMPLES, V2_CONTEXT]}, "/@context/0"),
    "an object as first context": ({"@context": [{}]}, "/@context/0"),
    "a context that is no URL": ({"@context": [V2_CONTEXT, "https ://not-a-url/v1"]}, "/@context/1"),
    "a number as context": ({"@context": [V2_CONTEXT, 123192875]}, "/@context/1"),
    "null as context": ({"@context": [V2_CONTEXT, None]}, "/@context/1"),
    "a list as context": ({"@context": [V2_CONTEXT, []]}, "/@context/1"),
    "no type": ({"type": ABSENT}, "/type"),
    "a number as type": ({"type": 4}, "/type"),
    "an empty list of types": ({"type": []}, "/type"),
    "null among the types": ({"type": ["VerifiableCredential", None]}, "/type"),
    "another type alone": ({"type": ["Course"]}, "/type"),
    "null as id": ({"id": None}, "/id"),
    "two ids": ({"id": ["urn:a:1", "urn:a:2"]}, "/id"),
    "an id that is no URL": ({"id": "not-a-url"}, "/id"),
    "no issuer": ({"issuer": ABSENT}, "/issuer"),
    "null as issuer": ({"issuer": None}, "/issuer"),
    "a number as issuer": ({"issuer": 4}, "/issuer"),
    "true as issuer": ({"issuer": True}, "/issuer"),
    "a list as issuer": ({"issuer": []}, "/issuer"),
    "an issuer that is no URL": ({"issuer": "a school"}, "/issuer"),
    "an issuer without id": ({"issuer": {"name": "A school"}}, "/issuer/id"),
    "an issuer whose id is null": ({"issuer": {"id": None}}, "/issuer/id"),
    "an issuer whose id is no URL": ({"issuer": {"id": "school"}}, "/issuer/id"),
    "an issuer's name with more members": (
        {"issuer": {"id": "did:example:s", "name": {"@value": "S", "@language": "en", "url": "did:example:s"}}},
        "/issuer/name",
    ),
    "an issuer's description with more members": (
        {"issuer": {"id": "did:example:s", "description": {"@value": "S", "extra": 1}}},
        "/issuer/description",
    ),
    "a name with more members": ({"name": {"@value": "S", "@language": "en", "url": "did:example:s"}}, "/name"),
    "a number as name": ({"name": 4}, "/name"),
    "a name without value": ({"name": {"@language": "en"}}, "/name"),
    "a description with more members": ({"description": {"@value": "S", "url": "x"}}, "/description"),
    "a plain text in a list of texts": ({"name": ["S"]}, "/name/0"),
    "a language that is no tag": ({"name": {"@value": "S", "@language": "e n"}}, "/name/@language"),
    "a direction that is none": ({"name": {"@value": "S", "@direction": "up"}}, "/name/@direction"),
    "no subject": ({"credentialSubject": ABSENT}, "/credentialSubject"),
    "a subject without claims": ({"credentialSubject": {}}, "/credentialSubject"),
    "one of two subjects without claims": ({"credentialSubject": [{"name": "A"}, {}]}, "/credentialSubject/1"),
    "no subjects": ({"credentialSubject": []}, "/credentialSubject"),
    "a text as subject": ({"credentialSubject": "did:example:1234"}, "/credentialSubject"),
    "null as subject": ({"credentialSubject": None}, "/credentialSubject"),
    "true as subject": ({"credentialSubject": True}, "/credentialSubject"),
    "a number as subject": ({"credentialSubject": 4}, "/credentialSubject"),
    "a subject with two ids": ({"credentialSubject": {"id": ["did:a:1", "did:a:2"]}}, "/credentialSubject/id"),
    "a beginning in words": ({"validFrom": "Sat 25 Feb 2023 07:16:31 PM CST"}, "/validFrom"),
    "a beginning without offset": ({"validFrom": "2026-01-31T12:00:00"}, "/validFrom"),
    "a beginning on no day": ({"validFrom": "2026-02-30T12:00:00Z"}, "/validFrom"),
    "a number as beginning": ({"validFrom": 1_700_000_000}, "/validFrom"),
    "an end in words": ({"validUntil": "tomorrow"}, "/validUntil"),
    "null as end": ({"validUntil": None}, "/validUntil"),
    "an end before the beginning": (
        {"validFrom": "2026-01-31T12:00:00.001Z", "validUntil": "2026-01-31T12:00:00Z"},
        "/validUntil",
    ),
    "a status without type": ({"credentialStatus": {"id": "urn:a:1"}}, "/credentialStatus/type"),
    "a status whose type is a number": ({"credentialStatus": {"id": "urn:a:1", "type": 2}}, "/credentialStatus/type"),
    "a status with two ids": ({"credentialStatus": {"id": ["urn:a:1"], "type": "List"}}, "/credentialStatus/id"),
    "a status whose id is no URL": ({"credentialStatus": {"id": "s", "type": "List"}}, "/credentialStatus/id"),
    "an empty list of status entries": ({"credentialStatus": []}, "/credentialStatus"),
    "a text as status": ({"credentialStatus": "https://school.example/status"}, "/credentialStatus"),
    "an index that is true": ({"credentialStatus": status(statusListIndex=True)}, "/credentialStatus/statusListIndex"),
    "an index that is a number": ({"credentialStatus": status(statusListIndex=7)}, "/credentialStatus/statusListIndex"),
    "an index below 0": ({"credentialStatus": status(statusListIndex="-1")}, "/credentialStatus/statusListIndex"),
    "an index with a zero before it": (
        {"credentialStatus": status(statusListIndex="07")},
        "/credentialStatus/statusListIndex",
    ),
    "no purpose": ({"credentialStatus": status(statusPurpose=ABSENT)}, "/credentialStatus/statusPurpose"),
    "a purpose that is a list": (
        {"credentialStatus": status(statusPurpose=["revocation"])},
        "/credentialStatus/statusPurpose",
    ),
    "a list that is no URL": (
        {"credentialStatus": status(statusListCredential="x")},
        "/credentialStatus/statusListCredential",
    ),
    "an id that is the list's": (
        {"credentialStatus": status(id="https://school.example/status/1")},
        "/credentialStatus/id",
    ),
    "a size of 0": ({"credentialStatus": status(statusSize=0)}, "/credentialStatus/statusSize"),
    "a size that is true": ({"credentialStatus": status(statusSize=True)}, "/credentialStatus/statusSize"),
    "a size that is huge": ({"credentialStatus": status(statusSize=10**9)}, "/credentialStatus/statusSize"),
    "two bits without messages": ({"credentialStatus": status(statusSize=2)}, "/credentialStatus/statusMessage"),
    "two bits with two messages": (
        {"credentialStatus": status(statusSize=2, statusMessage=MESSAGES[:2])},
        "/credentialStatus/statusMessage",
    ),
    "a message without text": (
        {"credentialStatus": status(statusMessage=[{"status": "0x0"}, MESSAGES[1]])},
        "/credentialStatus/statusMessage/0",
    ),
    "a reference that is no URL": (
        {"credentialStatus": status(statusReference="why")},
        "/credentialStatus/statusReference",
    ),
    "a schema without type": ({"credentialSchema": {"id": "urn:a:1"}}, "/credentialSchema/type"),
    "a schema without id": ({"credentialSchema": {"type": "JsonSchema"}}, "/credentialSchema/id"),
    "a schema whose id is a number": ({"credentialSchema": {"type": "JsonSchema", "id": 4}}, "/credentialSchema/id"),
    "evidence without type": ({"evidence": {"id": "urn:a:1"}}, "/evidence/type"),
    "evidence that is a text": ({"evidence": ["paper"]}, "/evidence/0"),
    "a refresh service without type": ({"refreshService": {"id": "urn:a:1"}}, "/refreshService/type"),
    "terms of use without type": ({"termsOfUse": [{"id": "urn:a:1"}]}, "/termsOfUse/0/type"),
    "a reserved member without type": ({"confidenceMethod": {"id": "urn:a:1"}}, "/confidenceMethod/type"),
    "texts as related resources": ({"relatedResource": [V2_CONTEXT]}, "/relatedResource/0"),
    "no related resources": ({"relatedResource": []}, "/relatedResource"),
    "a related resource without id": ({"relatedResource": related(id=ABSENT)}, "/relatedResource/id"),
    "a related resource without digest": ({"relatedResource": related(digestSRI=ABSENT)}, "/relatedResource"),
    "a related resource twice": ({"relatedResource": [related(), related()]}, "/relatedResource/1/id"),
    "another digest": (
        {"relatedResource": related(digestSRI="sha256-" + base64.b64encode(WRONG).decode())},
        "/relatedResource/digestSRI",
    ),
    "another multihash": (
        {"relatedResource": related(digestMultibase=multibase(b"\x12\x20" + WRONG))},
        "/relatedResource/digestMultibase",
    ),
    "another bare digest": (
        {"relatedResource": related(digestMultibase=multibase(WRONG))},
        "/relatedResource/digestMultibase",
    ),
    "a digest by another function": ({"relatedResource": related(digestSRI="md5-AAAA")}, "/relatedResource/digestSRI"),
    "a digest of another length": ({"relatedResource": related(digestSRI="sha256-AAAA")}, "/relatedResource/digestSRI"),
    "a text that is no digest": (
        {"relatedResource": related(digestMultibase="uZTQ0MjM1NiAgcmVwb3J0cw")},
        "/relatedResource/digestMultibase",
    ),
    "a number as digest": ({"relatedResource": related(digestSRI=4)}, "/relatedResource/digestSRI"),
    "a proof that is a text": ({"proof": "signed"}, "/proof"),
    "an empty list of proofs": ({"proof": []}, "/proof"),
    "null as proof": ({"proof": None}, "/proof"),
    "a proof without anything": ({"proof": {"type": "DataIntegrityProof"}}, "/proof/proofPurpose"),
}


@pytest.mark.parametrize("members", ACCEPTED.values(), ids=ACCEPTED)
def test_credential_is_accepted_when_it_has(members: dict[str, object]) -> None:
    assert credential_problems(credential(**members), at_hand) == ()


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_credential_is_refused_when_it_has(case: tuple[dict[str, object], str]) -> None:
    members, pointer = case
    problems = credential_problems(credential(**members), at_hand)
    assert pointer in [problem.pointer for problem in problems]
    assert all(problem.type.startswith("https://www.w3.org/TR/vc-data-model#") for problem in problems)


def test_credential_names_the_kind_of_problem_when_refused() -> None:
    late = credential(validFrom="2026-02-01T00:00:00Z", validUntil="2026-01-01T00:00:00Z")
    assert [problem.type for problem in credential_problems(late)] == [RANGE]
    assert [problem.type for problem in credential_problems("a text")] == [PARSING]
    assert [problem.type for problem in credential_problems(credential(id=None))] == [MALFORMED_VALUE]
    wrong = credential(relatedResource=related(digestMultibase=multibase(WRONG)))
    assert [problem.type for problem in credential_problems(wrong, at_hand)] == [CRYPTOGRAPHIC_SECURITY]
    assert credential_problems(wrong) == ()  # nothing at hand to compare with


def test_problem_is_problem_details_when_shown() -> None:
    [shown] = [problem.to_json() for problem in credential_problems(credential(id="secret-value"))]
    assert shown["type"] == MALFORMED_VALUE
    assert set(shown) == {"type", "title", "detail"}
    assert "secret-value" not in shown["detail"]
    assert DataProblem("https://example.org/another", "x").title == "The document could not be verified"


def test_credential_has_a_bounded_list_of_problems_when_wrong_everywhere() -> None:
    assert len(credential_problems(credential(credentialSubject=[{}] * 10_000))) == MAX_PROBLEMS


@pytest.mark.parametrize(
    "members, pointer",
    [
        ({}, None),
        ({"expirationDate": "2027-01-31T12:00:00Z"}, None),
        ({"issuanceDate": "2026-01-31T12:00:00"}, None),
        ({"credentialStatus": {"id": "https://school.example/1", "type": "AnotherList"}}, None),
        ({"issuanceDate": ABSENT}, "/issuanceDate"),
        ({"issuanceDate": "2026"}, "/issuanceDate"),
        ({"expirationDate": "2025-01-31T12:00:00Z"}, "/expirationDate"),
        ({"credentialStatus": {"type": "AnotherList"}}, "/credentialStatus/id"),
        ({"credentialSchema": {"type": "JsonSchema"}}, "/credentialSchema/id"),
        ({"refreshService": {"type": "Service"}}, "/refreshService/id"),
        ({"termsOfUse": {"id": "urn:a:1"}}, "/termsOfUse/type"),
        ({"evidence": {"id": "urn:a:1"}}, "/evidence/type"),
        ({"issuer": 4}, "/issuer"),
        ({"type": ["Course"]}, "/type"),
        ({"credentialSubject": {}}, "/credentialSubject"),
    ],
)
def test_first_edition_is_judged_by_its_own_rules(members: dict[str, object], pointer: str | None) -> None:
    problems = [problem.pointer for problem in credential_problems(first_edition(**members))]
    assert problems == [] if pointer is None else pointer in problems


def test_credential_is_refused_as_its_own_model_when_it_has_the_dates_of_the_other() -> None:
    mixed = credential(issuanceDate="2026-01-31T12:00:00Z")
    assert credential_problems(mixed) == ()  # a member that VC 2.0 does not define; the contexts decide
    assert "/issuanceDate" in [p.pointer for p in credential_problems(credential(**{"@context": [V1_CONTEXT]}))]


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"id": "urn:uuid:9c9a36f8-518f-4976-a934-6649502d0008"},
        {"verifiableCredential": []},
        {"verifiableCredential": ABSENT},
        {"verifiableCredential": credential()},
        {"verifiableCredential": [credential(), envelope("EnvelopedVerifiableCredential")]},
        {"type": ["VerifiablePresentation", "Course"]},
        {"holder": "did:example:learner"},
        {"holder": {"id": "did:example:learner"}},
        {"@context": [V2_CONTEXT, EXAMPLES]},
        {"@context": [V1_CONTEXT], "verifiableCredential": [first_edition()]},
    ],
)
def test_presentation_is_accepted_when_it_has(members: dict[str, object]) -> None:
    assert presentation_problems(presentation(**members)) == ()


@pytest.mark.parametrize(
    "members, pointer",
    [
        ({"@context": ABSENT}, "/@context"),
        ({"@context": [EXAMPLES, V2_CONTEXT]}, "/@context/0"),
        ({"@context": [V2_CONTEXT, 123192875]}, "/@context/1"),
        ({"type": ABSENT}, "/type"),
        ({"type": ["Course"]}, "/type"),
        ({"id": "x"}, "/id"),
        ({"holder": "learner"}, "/holder"),
        ({"holder": {"name": "L"}}, "/holder/id"),
        ({"holder": None}, "/holder"),
        ({"termsOfUse": {"id": "urn:a:1"}}, "/termsOfUse/type"),
        ({"verifiableCredential": ["https://school.example/1"]}, "/verifiableCredential/0"),
        ({"verifiableCredential": 4}, "/verifiableCredential"),
        ({"verifiableCredential": None}, "/verifiableCredential"),
        ({"verifiableCredential": [credential(type=ABSENT)]}, "/verifiableCredential/0/type"),
        ({"verifiableCredential": [credential()] * 51}, "/verifiableCredential"),
        (
            {"verifiableCredential": [envelope("EnvelopedVerifiableCredential", id="urn:a:1")]},
            "/verifiableCredential/0/id",
        ),
        ({"proof": []}, "/proof"),
    ],
)
def test_presentation_is_refused_when_it_has(members: dict[str, object], pointer: str) -> None:
    assert pointer in [problem.pointer for problem in presentation_problems(presentation(**members))]


@pytest.mark.parametrize("kind", ["EnvelopedVerifiableCredential", "EnvelopedVerifiablePresentation"])
def test_envelope_is_judged_by_context_type_and_id(kind: str) -> None:
    judge = credential_problems if kind.endswith("Credential") else presentation_problems
    assert judge(envelope(kind)) == ()
    assert judge(envelope(kind, **{"@context": [V2_CONTEXT]})) == ()
    wrong: tuple[dict[str, object], ...] = (
        {"@context": []},
        {"@context": ABSENT},
        {"@context": EXAMPLES},
        {"@context": [EXAMPLES]},
        {"id": JWT},
        {"id": ABSENT},
        {"id": 4},
        {"type": ["VerifiableCredential"]},
        {"type": [kind, "VerifiableCredential"]},
        {"type": ABSENT},
    )
    for members in wrong:
        assert judge(envelope(kind, **members)) != (), members


def test_envelope_gives_its_content_when_opened() -> None:
    opened = open_envelope(envelope("EnvelopedVerifiableCredential"))
    assert opened is not None
    assert (opened.media_type, opened.content) == ("application/vc+jwt", JWT)
    parameters = open_envelope({"id": f"data:application/vc+jwt;base64url,{JWT}"})
    assert parameters is not None
    assert parameters.content == JWT


def test_readers_answer_what_the_document_says() -> None:
    assert issuer_of(credential()) == "did:example:school"
    assert issuer_of(credential(issuer={"id": "did:example:b"})) == "did:example:b"
    assert issuer_of(credential(issuer=4)) is None
    assert holder_of(presentation()) is None
    assert holder_of(presentation(holder={"id": "did:example:l"})) == "did:example:l"
    assert credentials_of({"verifiableCredential": {"a": 1}}) == [{"a": 1}]


@pytest.mark.parametrize(
    "text, wanted",
    [
        ("https://school.example/a?b#c", True),
        ("did:web:localhost%3A8000:a", True),
        ("urn:uuid:9c9a36f8-518f-4976-a934-6649502d0008", True),
        ("data:application/vc+jwt,abc", True),
        ("https ://not-a-url", False),
        ("https://", False),
        ("https://[::1", False),
        ("https://school.example:port/", False),
        ("//school.example/", False),
        ("school", False),
        ("urn:a b", False),
        ("urn:", False),
        ("", False),
        ("urn:" + "a" * 10_000, False),
        ("https://школа.example/курс", True),
        ("https://school.example/\n", False),
    ],
)
def test_url_is_recognised(text: str, *, wanted: bool) -> None:
    assert is_url(text) is wanted


@pytest.mark.parametrize(
    "stamp, seconds",
    [
        ("1970-01-01T00:00:00Z", Fraction(0)),
        ("1970-01-01T01:00:00+01:00", Fraction(0)),
        ("1969-12-31T24:00:00Z", Fraction(0)),
        ("1970-01-01T00:00:00.25Z", Fraction(1, 4)),
        ("2000-02-29T00:00:00Z", Fraction(951_782_400)),
        ("1900-02-29T00:00:00Z", None),
        ("2026-04-31T00:00:00Z", None),
        ("2026-01-31T12:00:00", None),
        ("2026-01-31T24:00:01Z", None),
        ("2026-01-31T12:00:60Z", None),
        ("2026-01-31T12:00:00+14:01", None),
        ("2026-01-31T12:00:00-14:00", Fraction(1_769_911_200)),
        ("2026-01-31", None),
        ("026-01-31T12:00:00Z", None),
        ("2026-01-31t12:00:00z", None),
        ("2026-01-31T12:00:00Z\n", None),
        ("9" * 10_000, None),
    ],
)
def test_date_time_stamp_is_read(stamp: str, seconds: Fraction | None) -> None:
    assert seconds_of(stamp) == seconds


@given(st.datetimes(timezones=st.just(UTC)))
def test_date_time_stamp_agrees_with_the_standard_library(moment: datetime) -> None:
    whole = moment.replace(microsecond=0)
    wanted = (whole - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    assert seconds_of(whole.isoformat().replace("+00:00", "Z")) == wanted


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


@given(st.sampled_from(sorted(credential())), JSON)
def test_credential_never_raises_when_a_member_is_anything(name: str, value: object) -> None:
    made = {**credential(), name: value}
    before = copy.deepcopy(made)
    credential_problems(made, at_hand)
    presentation_problems(presentation(verifiableCredential=value))
    assert made == before


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "@context", "id", "type", "issuer", "credentialSubject", "validFrom", "credentialStatus", "proof",
                "relatedResource", "evidence", "name", "holder", "verifiableCredential", "credentialSchema",
            ]
        ),
        JSON,
    )
)  # fmt: skip
def test_documents_never_raise_when_made_of_anything(document: dict[str, Any]) -> None:
    credential_problems(document, at_hand)
    presentation_problems(document, at_hand)
