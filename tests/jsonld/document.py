"""Documents to canonicalise: what the field writes, and what nobody would."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any, Final

V1: Final = "https://www.w3.org/2018/credentials/v1"
V2: Final = "https://www.w3.org/ns/credentials/v2"
OB: Final = "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"
DI: Final = "https://w3id.org/security/data-integrity/v2"
EXAMPLES: Final = "https://www.w3.org/ns/credentials/examples/v2"
INLINE: Final = {
    "Course": "https://terms.example.edu/Course",
    "seats": {"@id": "https://terms.example.edu/seats", "@type": "http://www.w3.org/2001/XMLSchema#integer"},
    "weight": {"@id": "https://terms.example.edu/weight", "@type": "http://www.w3.org/2001/XMLSchema#double"},
    "titles": {"@id": "https://terms.example.edu/titles", "@container": "@language"},
    "steps": {"@id": "https://terms.example.edu/steps", "@container": "@list"},
    "kind": {"@id": "https://terms.example.edu/kind", "@type": "@vocab"},
    "raw": {"@id": "https://terms.example.edu/raw", "@type": "@json"},
    "near": {"@id": "https://terms.example.edu/near", "@type": "@id"},
    "note": "https://terms.example.edu/note",
}


def badge() -> dict[str, Any]:
    """An Open Badge such as a university issues."""
    return {
        "@context": [V2, OB],
        "id": "https://ledger.example.edu/verify/0ciX7p",
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "name": "Data analysis",
        "issuer": {"id": "did:web:ledger.example.edu:i:north", "type": ["Profile"], "name": "North University"},
        "validFrom": "2026-03-01T10:00:00Z",
        "validUntil": "2031-03-01T10:00:00Z",
        "credentialSubject": {
            "id": "did:key:z6MkAlice",
            "type": ["AchievementSubject"],
            "creditsEarned": 5.0,
            "achievement": {
                "id": "https://ledger.example.edu/i/north/achievements/da/2",
                "type": ["Achievement"],
                "achievementType": "Certificate",
                "name": "Data analysis",
                "description": "Reading data with care.",
                "criteria": {"narrative": "An examination of three hours."},
                "creditsAvailable": 5.5,
                "inLanguage": "en",
                "alignment": [
                    {"type": ["Alignment"], "targetName": "statistics", "targetUrl": "https://esco.example/s/1"},
                    {"type": ["Alignment"], "targetName": "reading", "targetUrl": "https://esco.example/s/2"},
                ],
                "creator": {"id": "did:web:ledger.example.edu:i:north", "type": ["Profile"]},
            },
            "identifier": [
                {
                    "type": "IdentityObject",
                    "identityHash": "sha256$00ff",
                    "identityType": "emailAddress",
                    "hashed": True,
                    "salt": "s1",
                },
            ],
        },
        "credentialStatus": [
            {
                "id": f"https://ledger.example.edu/status-lists/{number}#94567",
                "type": "BitstringStatusListEntry",
                "statusPurpose": purpose,
                "statusListIndex": "94567",
                "statusListCredential": f"https://ledger.example.edu/status-lists/{number}",
            }
            for number, purpose in enumerate(("revocation", "suspension"))
        ],
    }


def course() -> dict[str, Any]:
    """A credential with terms of its own, one for each thing a context can do to a value."""
    return {
        "@context": [V2, EXAMPLES, INLINE],
        "id": "urn:uuid:5d2f0d9e-91a7-4d0f-9e2a-1d6f7a3a1c11",
        "type": ["VerifiableCredential"],
        "issuer": "did:key:z6MkIssuer",
        "validFrom": "2026-03-01T10:00:00Z",
        "credentialSubject": [
            {
                "id": "did:example:one",
                "type": "Course",
                "seats": 30,
                "weight": 2.5,
                "titles": {"en": "Weaving", "de": ["Weben", "Wirken"]},
                "steps": ["spin", "weave", "spin"],
                "kind": "Course",
                "raw": {"b": [1, 2.5, None], "a": "x"},
                "near": ["https://place.example/1", "did:example:one"],
                "note": {"@value": "hello", "@language": "en"},
                "invented": "a word of the examples",
            },
            {"note": ["a", "b", 3, True], "near": {"id": "urn:uuid:00000000-0000-4000-8000-000000000000"}},
        ],
    }


def old() -> dict[str, Any]:
    """A credential of the data model 1.1."""
    return {
        "@context": [V1, DI],
        "id": "urn:uuid:86294362-4254-4f36-854f-3952fe42555d",
        "type": ["VerifiableCredential"],
        "issuer": "did:key:z6MkIssuer",
        "issuanceDate": "2020-03-16T22:37:26.544Z",
        "credentialSubject": {"id": "did:key:z6MkAlice"},
    }


def options() -> dict[str, Any]:
    """A proof's options, as a suite hashes them."""
    return {
        "@context": [V2, OB],
        "type": "DataIntegrityProof",
        "cryptosuite": "eddsa-rdfc-2022",
        "created": "2026-03-01T10:00:00Z",
        "verificationMethod": "did:web:ledger.example.edu:i:north#key-1",
        "proofPurpose": "assertionMethod",
    }


def presentation() -> dict[str, Any]:
    """A presentation, whose credentials are graphs of their own."""
    return {
        "@context": [V2, OB],
        "id": "urn:uuid:aaaaaaaa-0000-4000-8000-000000000000",
        "type": ["VerifiablePresentation"],
        "holder": "did:key:z6MkAlice",
        "verifiableCredential": [badge()],
    }


DOCUMENTS: Final = (badge, course, old, options, presentation)

STRINGS: Final = (
    "", " ", "plain", "Ünïcödé", "𝔘", "\x01\x02\x07", "\b\t\n\f\r", "\x0b\x1f\x7f", 'q"q', "b\\s", "%s %d %%", "\u2028",
    "null", "true", "7", "1.50", "x" * 300, "@id", "@foo", "a:b", "_:b0", "name", "Course", "Achievement", "../up",
    "https://other.example/a", "http://other.example/a?b=c#d", "https://other.example/a/../b", "did:key:z6MkOther",
    "urn:uuid:11111111-1111-4111-8111-111111111111", "https://www.w3.org/ns/credentials#x", "https://schema.org/name",
    "https://purl.imsglobal.org/spec/vc/ob/vocab.html#Achievement", "https://o.example/%41", "did:example:one",
    "https://ledger.example.edu/status-lists/0", "2026-01-01", "en", "HTTPS://O.EXAMPLE/", "https://o.example/ü",
    "https://o.example/a b", "urn:x", "did:", "https://", "assertionMethod", "x-sentinel-0001x",
)  # fmt: skip
VALUES: Final[tuple[Any, ...]] = (
    None, True, False, 0, -0.0, 1, -7, 7.0, 5.5, 0.1, 1e-7, 1e20, 1e21, 1.5e300, 123456789012, 2**53 - 1,
    [], {}, ["a", "a"], [["x"]], [None], {"@value": "v"}, {"@value": 3.0}, {"@value": "t", "@language": "de"},
    {"@value": "2026-01-01", "@type": "http://www.w3.org/2001/XMLSchema#date"}, {"id": "https://other.example/n"},
    {"@id": "did:example:one"}, {"@list": ["l", "m"]}, {"@set": ["s"]}, {"type": "Profile"}, {"id": "https://o.example/p",
    "type": ["Profile"], "name": "P"},
)  # fmt: skip


def mutated(document: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """Return a document with one to three things changed."""
    changed = copy.deepcopy(document)
    for _ in range(chance.randint(1, 3)):
        parent, key = chance.choice(list(_places(changed)))
        _change(parent, key, changed, chance)
    return changed


def refilled(document: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """Return a document with other strings, and nothing else changed."""
    filled: dict[str, Any] = _refilled(document, chance)
    return filled


def _refilled(value: Any, chance: random.Random) -> Any:  # noqa: ANN401  any JSON
    if isinstance(value, dict):
        fixed = {"type", "@type", "@language", "@context"}
        return {name: member if name in fixed else _refilled(member, chance) for name, member in value.items()}
    if isinstance(value, list):
        return [_refilled(member, chance) for member in value]
    if not isinstance(value, str) or chance.random() < 0.5:
        return value
    return chance.choice(STRINGS) if chance.random() < 0.04 else f"{value}{chance.randint(0, 99)}"


def _places(value: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401  any JSON
    """Every place of a document but its contexts, as (parent, key)."""
    members = value.items() if isinstance(value, dict) else enumerate(value)
    for key, member in list(members):
        if key == "@context":
            continue
        yield value, key
        if isinstance(member, (dict, list)):
            yield from _places(member)


def _change(parent: Any, key: Any, document: dict[str, Any], chance: random.Random) -> None:  # noqa: ANN401  any JSON
    if isinstance(parent, list) and key >= len(parent):
        return
    if isinstance(parent, dict) and key not in parent:
        return
    kind = chance.randrange(8)
    if kind <= 2:
        parent[key] = chance.choice(STRINGS)
    elif kind == 3:
        parent[key] = copy.deepcopy(chance.choice(VALUES))
    elif kind == 4:
        parent.pop(key)
    elif kind == 5:
        parent[key] = [parent[key], chance.choice(STRINGS)] if chance.random() < 0.5 else [parent[key]]
    elif kind == 6:
        # One part of the document again in another place: equal names, equal descriptions, terms as values.
        other, name = chance.choice(list(_places(document)))
        parent[key] = copy.deepcopy(other[name])
    elif isinstance(parent, dict):
        name = chance.choice(
            ["undefinedTerm", "@type", "id", "name", "urn:ex:p", "note", "@index", "evidence", "image"]
        )
        parent[name] = copy.deepcopy(chance.choice((*STRINGS, *VALUES)))
