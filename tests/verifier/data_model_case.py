"""Cases of the data models: members that a credential may have, and members that make it one no more."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import Any, Final

from openvc.multibase import encode_multibase

from verifier.data_model import V1_CONTEXT, V2_CONTEXT

EXAMPLES = "https://www.w3.org/ns/credentials/examples/v2"
CONTEXT_BYTES = files("openvc.proof.contexts").joinpath("credentials-v2.json").read_bytes()
DIGEST = hashlib.sha256(CONTEXT_BYTES).digest()
WRONG = hashlib.sha256(b"another").digest()
JWT = "eyJhbGciOiJFUzI1NiJ9.e30.c2ln"
ABSENT: Final = object()
"""Stands for a member that is left out."""


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
        {"issuer": {"id": "did:example:school", "name": {"@value": "S", "@language": "en", "url": "did:example:s"}}},
        "/issuer/name",
    ),
    "an issuer's description with more members": (
        {"issuer": {"id": "did:example:school", "description": {"@value": "S", "extra": 1}}},
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
