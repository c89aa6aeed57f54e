"""What each route answers when all is well: media type and an example, for the API's description.

The schema of a JSON answer is derived from its example, so the two cannot disagree; tests compare both with what a real
server answers. Long values end in «…».

Longer than other modules because it is one table of examples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from api.example import HEADCOUNT, PATHWAY, PUBLICATION, REVIEW, SKILL_URI, VC_API_SIGNED

JSON: Final = "application/json"
TEXT: Final = "text/plain"
OCTETS: Final = "application/octet-stream"

NULLABLE: Final = frozenset(
    {
        *("reason", "since", "known_at", "valid_until", "retired_at", "revoked_at", "compromised_at", "withdrawn_at"),
        *("skill_uri", "skill_name", "credits_centi", "workload_minutes", "eqf_level", "qf_ehea", "supervision"),
        *("prerequisites", "stackable", "next", "anchored_size", "log_index", "key_standing", "evidence", "as_of"),
        *("detail", "credential", "bundle", "mirror", "signed_with", "achievement", "edition"),
        *("limits", "agreement", "effective_at", "appeal_until", "withdrawal", "result", "decided_at", "accepted_at"),
        *("ended_at", "cap_centi", "towards", "explanation"),
        *("review_due", "completed", "responses", "mean_rating_centi", "before", "after"),
        *("partial", "review_days", "module"),
    }
)
"""Members that may be null where a value stands in the example."""
OPEN: Final = frozenset(
    {"facts", "commitments", "document", "@context", "template", "details", "rules", "derivation", "done"}
)
"""Members whose own members or items differ from answer to answer."""
OPTIONAL: Final = frozenset(
    {
        "limits",
        "version",
        "stack",
        "replaced_by",
        "reissues",
        "added",
        "successor",
        "erased",
        "facts",
        "detail",
        "proof",
    }
)
"""Members that may be absent."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a route answers.

    Args:
        example: An answer; for JSON the schema follows from it.
        media_type: Its media type.
        others: Media types that it may have instead.
    """

    example: Any
    media_type: str = JSON
    others: tuple[str, ...] = ()

    def described(self) -> dict[str, Any]:
        """The `content` of an OpenAPI response."""
        is_text = isinstance(self.example, str) and not self.media_type.endswith("json")
        schema = {"type": "string"} if is_text else schema_of(self.example)
        others = {name: {"schema": {"type": "string"}, "example": "…"} for name in self.others}
        return {self.media_type: {"schema": schema, "example": self.example}, **others}


def schema_of(example: object) -> dict[str, Any]:
    """Return the JSON schema of the values that look like *example*: same members, same types."""
    if isinstance(example, dict):
        members = {name: _member(name, value) for name, value in example.items()}
        required = [name for name in example if name not in OPTIONAL]
        return {"type": "object", "properties": members, "required": required}
    if isinstance(example, list):
        return {"type": "array", "items": schema_of(example[0]) if example else {}}
    if example is None:
        return {}
    # bool first: it is an int in Python.
    names = ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"))
    return {"type": next(name for kind, name in names if isinstance(example, kind))}


def _member(name: str, value: object) -> dict[str, Any]:
    schema = schema_of(value)
    if name in OPEN:
        return {"type": schema["type"]}
    if name in NULLABLE and "type" in schema:
        return {**schema, "type": [schema["type"], "null"]}
    return schema


BASE: Final = "https://ledger.example"
ID: Final = "06h0mt7kjdtij0pn3n4970gn8kc6l4mttrj0"
DID: Final = "did:web:ledger.example:institutions:riverside"
DID_KEY: Final = "did:key:z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2"
DID_KEY_METHOD: Final = f"{DID_KEY}#{DID_KEY.removeprefix('did:key:')}"
AT: Final = "2026-01-31T12:00:00Z"
HASH: Final = "XSeWn1KbrgTURSjY2gqjVN4gtMywZtJgVpmSgQFTOUA="
VKEY: Final = "ledger.example/log+ffbbfd7f+ARvVK8G8DIepOR+r6ybYXS8JcT4qYnVZ78SI7CXw65Px"
CHECKPOINT: Final = "ledger.example/log\n57\nPKsz/6TZONPEC8WZ1AWE1jE4Ma846mtS2GM0EJ…\n\n— ledger.example/log …\n"

_EVENT: Final = {"kind": "revoked", "reason": "academic_misconduct", "effective_at": AT, "recorded_at": AT}
STATUS: Final[dict[str, Any]] = {
    "credential": ID,
    "verdict": "invalid",
    "state": "revoked",
    "reason": "academic_misconduct",
    "since": AT,
    "at": AT,
    "known_at": None,
    "checked_at": AT,
    "valid_from": AT,
    "valid_until": None,
    "recorded_at": AT,
    "issuer": {
        "slug": "riverside",
        "name": "Riverside University",
        "country": "EE",
        "did": DID,
        "key": "key-1",
        "key_standing": "in_force",
        "accreditations": ["accreditation-1"],
    },
    "achievement": {"code": "DATA-101", "edition": 1, "title": "Working with Data: First Steps"},
    "events": [_EVENT],
}
STATUS_ENTRY: Final = {
    "id": f"{BASE}/status-lists/0#94567",
    "type": "BitstringStatusListEntry",
    "statusPurpose": "revocation",
    "statusListIndex": "94567",
    "statusListCredential": f"{BASE}/status-lists/0",
}
_PROVED: Final = {"index": 6, "entry": "Y2Fpcm4tZW50cnkvdjEK…", "proof": [HASH]}
_CHUNK: Final = {"leaf": 2, "chunk": "AAAAAAAA…", "proof": [HASH]}
EVIDENCE: Final[dict[str, Any]] = {
    "format": "cairn/evidence/v1",
    "credential": ID,
    "log": {"origin": "ledger.example/log", "vkey": VKEY},
    "checkpoint": CHECKPOINT,
    "entries": [_PROVED],
    "state": _PROVED,
    "status": {"revocation": _CHUNK, "suspension": _CHUNK},
    "directory": {"leaf": 0, "record": "eyJhY2NyZWRpdGF0aW9ucyI6…", "proof": [HASH]},
    "anchors": [],
    "anchored_size": None,
}
BUNDLE: Final[dict[str, Any]] = {
    "format": "cairn/bundle/v1",
    "document": {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "id": f"{BASE}/verify/{ID}",
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
    },
    "salt": HASH,
    "evidence": EVIDENCE,
}
MADE: Final[dict[str, Any]] = {
    "id": ID,
    "url": f"{BASE}/verify/{ID}",
    "status_url": f"{BASE}/v1/credentials/{ID}/status",
    "evidence_url": f"{BASE}/v1/credentials/{ID}/evidence",
    "bundle_url": f"{BASE}/v1/credentials/{ID}/bundle",
    "bundle": {**BUNDLE, "evidence": None},
}
DOCUMENTS: Final[dict[str, Any]] = {
    "id": ID,
    "documents": [
        {
            "form": "open-badge",
            "kind": "vc+jcs",
            "media_type": "application/vc",
            "salt": HASH,
            "url": f"{BASE}/v1/credentials/{ID}/documents/open-badge",
        }
    ],
    "pictures": [
        {"form": "png", "media_type": "image/png", "url": f"{BASE}/v1/credentials/{ID}/documents/png"},
    ],
}
ATTESTED: Final[dict[str, Any]] = {
    "id": ID,
    "url": f"{BASE}/verify/{ID}",
    "status_url": f"{BASE}/v1/credentials/{ID}/status",
    "document": {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "id": f"{BASE}/verify/{ID}",
        "type": ["VerifiableCredential", "ClrCredential"],
    },
    "salt": HASH,
}
_SAID: Final = {"en": "Not revoked.", "ru": "Не отозвано."}
REPORT: Final[dict[str, Any]] = {
    "format": "cairn/report/v1",
    "verdict": "valid",
    "reason": "valid",
    "sentence": {"en": "Genuine and valid.", "ru": "Подлинное и действительно."},
    "credential": ID,
    "as_of": AT,
    "mode": "live",
    "checks": [
        {
            "code": "status.revocation",
            "group": "status",
            "state": "passed",
            "reason": "not_revoked",
            "required": True,
            "summary": _SAID,
            "detail": "",
            "looked_at": ["evidence/entries"],
        }
    ],
    "facts": {},
    "not_checked": [_SAID],
}
INSTITUTION: Final[dict[str, Any]] = {
    "institution": "04863663-9057-5189-937e-dfb858c67d4b",
    "number": 0,
    "slug": "riverside",
    "name": "Riverside University",
    "country": "EE",
    "kind": "university",
    "did": DID,
    "registered_at": AT,
    "keys": [
        {
            "key_id": "key-1",
            "multibase": "z6MkhRQ94LaPvnDrdhsB4Jo8K4R2uVqYv31aiRdMWp3qjXjF",
            "valid_from": AT,
            "retired_at": None,
            "revoked_at": None,
            "compromised_at": None,
        }
    ],
    "accreditations": [
        {
            "accreditation_id": "accreditation-1",
            "by": "Example Quality Agency",
            "scope": "Micro-credentials at EQF levels 5 to 7",
            "valid_from": AT,
            "valid_until": None,
            "withdrawn_at": None,
            "limits": {"levels": [5, 6, 7], "fields": ["06"], "kinds": ["micro_credential"], "country": "EE"},
        }
    ],
    "version": 2,
}
RECOGNITION_ID: Final = "019c1f7a-2b40-8c11-9d3e-5a6b7c8d9e0f"
AGREEMENT_ID: Final = "7d7a9a3e-5a5c-5d0e-8f5b-1d2e3f4a5b6c"
_COMMITMENT: Final = "590f45dc1f20336bc4865b1e1eed5d5a3d53cc480ab3b60e46c300b426239379"
_RULING: Final[dict[str, Any]] = {
    "version": 1,
    "decision": "partial",
    "reasons": ["workload"],
    "effective_at": AT,
    "appeal_until": AT,
    "recorded_at": AT,
    "commitment": _COMMITMENT,
}
RECOGNISED: Final[dict[str, Any]] = {
    "recognition": RECOGNITION_ID,
    "institution": "riverside",
    "state": "in_force",
    **_RULING,
    "under_appeal": False,
    "rulings": [_RULING],
    "appeals": [{"filed_at": AT, "decide_by": AT, "result": "upheld", "decided_at": AT, "late": False}],
    "withdrawal": {"reason": "issued_in_error", "effective_at": AT, "recorded_at": AT},
}
_DECISION_IN_FULL: Final[dict[str, Any]] = {
    "details": {
        "format": "cairn/recognition/v1",
        "institution": "riverside",
        "award": {"origin": "paper", "title": "Kursus i dataanalyse", "awarded_by": "Fjordby Erhvervsskole"},
        "decision": {"decision": "partial", "reasons": ["workload"], "credits_centi": 300},
        "agreement": None,
        "effective_at": AT,
    },
    "salt": HASH,
}
AGREED: Final[dict[str, Any]] = {
    "agreement": AGREEMENT_ID,
    "proposer": "riverside",
    "partner": "lakeside",
    "state": "in_force",
    "awards_of": "both",
    "achievements": ["DATA-101"],
    "limits": {"levels": [5, 6], "fields": ["06"], "kinds": ["micro_credential"], "country": None},
    "share_percent": 100,
    "cap_centi": 1000,
    "valid_from": AT,
    "valid_until": AT,
    "accepted_at": AT,
    "ended_at": AT,
}
_MODULE: Final = {
    "code": "M1",
    "achievement": "DATA-101",
    "edition": 1,
    "credits_centi": 300,
    "semester": 1,
    "required": True,
    "url": f"{BASE}/institutions/riverside/achievements/DATA-101/1",
    "template": PUBLICATION["template"],
}
_PROGRAMME_URL: Final = f"{BASE}/v1/programmes/riverside/BSC-DATA/2"
_PROGRAMME: Final = {
    "id": _PROGRAMME_URL,
    "institution": "riverside",
    "code": "BSC-DATA",
    "edition": 2,
    "recorded_at": AT,
    "title": "Bachelor of Data Work",
    "language": "en",
    "achievement": "BSC",
    "partial": "BSC-PART",
    "credits_centi": 600,
    "withdrawal": "review",
    "review_days": 30,
    "modules": [_MODULE],
    "changes": [{"kind": "changed", "module": "M1", "members": ["semester"]}],
}
_EDITION_URL: Final = f"{BASE}/institutions/riverside/achievements/DATA-101/1"
_PATHWAY_URL: Final = f"{BASE}/v1/pathways/riverside/DATA-SPECIALIST/1"
DERIVATION: Final[dict[str, Any]] = {
    "format": "cairn/derivation/v1",
    "pathway": "0b8e2f649a0c5c7d8e1f2a3b4c5d6e7f",
    "version": 1,
    "rules": "7739385a…",
    "day": "2026-01-31",
    "components": [{"award": ID}],
    "uses": [{"award": ID}],
    "outcomes": [{"rule": "total", "kind": "minimum", "state": "met"}],
}
PATHWAY_ANSWER: Final[dict[str, Any]] = {
    "institution": "riverside",
    "url": _PATHWAY_URL,
    "pathway": "0b8e2f64-9a0c-5c7d-8e1f-2a3b4c5d6e7f",
    "code": "DATA-SPECIALIST",
    "version": 1,
    "versions": 1,
    "retired_at": None,
    "achievement": "DATA-101",
    "edition": None,
    "rules": PATHWAY["rules"],
    "history": [{"version": 1, "recorded_at": AT, "rules_sha256": "7739385a…", "changes": [], "differences": []}],
}
_NAMED: Final = {"institution": "riverside", "code": "DATA-101"}
_OFFERED: Final = {
    **_NAMED,
    "edition": 1,
    "title": "Working with Data: First Steps",
    "credits_centi": 300,
    "workload_minutes": 4680,
    "url": _EDITION_URL,
}
_JUDGED: Final = {
    "verdict": "valid",
    "reason": "valid",
    "sentence": {"en": "Genuine and valid.", "ru": "Подлинный и действительный."},
    "credential": ID,
}
ANSWERS: Final[dict[str, Answer]] = {
    "get /v1/credentials/{id}/status": Answer(STATUS),
    "get /v1/credentials/{id}/evidence": Answer(EVIDENCE),
    "get /v1/credentials/{id}/bundle": Answer(BUNDLE),
    "post /v1/credentials": Answer(MADE),
    "post /v1/credentials/{id}/suspension": Answer(STATUS),
    "delete /v1/credentials/{id}/suspension": Answer(STATUS),
    "post /v1/credentials/{id}/revocation": Answer(STATUS),
    "post /v1/credentials/{id}/replacement": Answer({**MADE, "replaces": ID}),
    "post /v1/credentials/{id}/appeal": Answer(STATUS),
    "post /v1/credentials/{id}/appeal/decision": Answer(STATUS),
    "post /v1/credentials/{id}/review/decision": Answer(STATUS),
    "post /v1/cascade/runs": Answer({"looked_at": 3, "done": {"reviewopened": 1}}),
    "post /v1/stackings": Answer({**MADE, "derivation": DERIVATION}),
    "post /v1/institutions/{slug}/pathways": Answer(
        {"institution": "riverside", "code": "DATA-SPECIALIST", "version": 1, "url": _PATHWAY_URL}
    ),
    "post /v1/institutions/{slug}/pathways/{code}/retirement": Answer(
        {"institution": "riverside", "code": "DATA-SPECIALIST", "retired_at": AT}
    ),
    "get /v1/pathways/{slug}/{code}": Answer(PATHWAY_ANSWER),
    "get /v1/pathways/{slug}/{code}/{version}": Answer(PATHWAY_ANSWER),
    "get /v1/credentials/{id}/documents": Answer(DOCUMENTS),
    "post /v1/credentials/{id}/documents": Answer(DOCUMENTS),
    "get /v1/credentials/{id}/documents/{form}": Answer(
        BUNDLE["document"],
        "application/vc",
        ("application/vc+jwt", "application/dc+sd-jwt", "image/png", "image/svg+xml"),
    ),
    "post /v1/clr": Answer(ATTESTED),
    "post /v1/endorsements": Answer(ATTESTED),
    "post /v1/institutions/{slug}/forms": Answer({"institution": "riverside", "forms": ["open-badge", "vc-jwt"]}),
    "post /v1/recognitions": Answer(
        {
            "recognition": RECOGNITION_ID,
            "agreement": None,
            "url": f"{BASE}/v1/recognitions/{RECOGNITION_ID}",
            "stack_as": f"recognition:{RECOGNITION_ID.replace('-', '')}",
            **_DECISION_IN_FULL,
        }
    ),
    "get /v1/recognitions/{recognition}": Answer(RECOGNISED),
    "get /v1/recognitions/{recognition}/details": Answer(
        {
            "recognition": RECOGNITION_ID,
            "on": "2026-01-31",
            "credit": {
                "credits_centi": 300,
                "workload_minutes": 0,
                "outcomes": ["Cleans a data set."],
                "eqf_level": 5,
                "fields": ["0542"],
                "stands_for": [],
                "towards": {"kind": "programme", "code": "DATA-MASTER"},
            },
            "decisions": [{"version": 1, **_DECISION_IN_FULL}],
        }
    ),
    "get /v1/recognitions/{recognition}/files/{number}": Answer("the bytes of the file", OCTETS),
    "post /v1/recognitions/{recognition}/appeals": Answer(RECOGNISED),
    "post /v1/recognitions/{recognition}/appeals/outcome": Answer(RECOGNISED),
    "post /v1/recognitions/{recognition}/withdrawal": Answer(RECOGNISED),
    "post /v1/agreements": Answer(AGREED),
    "get /v1/agreements": Answer({"agreements": [AGREED], "next": "0"}),
    "post /v1/agreements/{agreement}/acceptance": Answer(AGREED),
    "post /v1/agreements/{agreement}/end": Answer(AGREED),
    "post /v1/verify": Answer(REPORT),
    "post /v1/achievements": Answer({"institution": "riverside", "code": "DATA-101", "edition": 1}),
    "get /v1/achievements": Answer(
        {
            "achievements": [
                {
                    "institution": "riverside",
                    "code": "DATA-101",
                    "edition": 1,
                    "title": "Working with Data: First Steps",
                    "language": "en",
                    "url": _EDITION_URL,
                }
            ],
            "next": "0.0",
        }
    ),
    "get /v1/achievements/{slug}/{code}": Answer(
        {
            "institution": "riverside",
            "code": "DATA-101",
            "title": "Working with Data: First Steps",
            "quality_assurance": "Institutional quality assurance, reviewed every year",
            "review_due": "2029-06-30",
            "review_overdue": False,
            "reviews": [{**{k: v for k, v in REVIEW.items() if k != "next_due"}, "edition": 1, "recorded_at": AT}],
            "figures": [
                {
                    **{k: v for k, v in HEADCOUNT.items() if k != "ratings"},
                    "responses": 88,
                    "ratings": [10, 12, 11, 31, 24],
                    "mean_rating_centi": 420,
                    "threshold": 10,
                    "recorded_at": AT,
                }
            ],
            "editions": [{"edition": 1, "url": _EDITION_URL, "recorded_at": AT, "changes": []}],
        }
    ),
    "post /v1/achievements/{slug}/{code}/due-reviews": Answer({**_NAMED, "review_due": "2028-06-30"}),
    "post /v1/achievements/{slug}/{code}/reviews": Answer({**_NAMED, "review_due": "2029-06-30"}),
    "post /v1/achievements/{slug}/{code}/figures": Answer(_NAMED),
    "get /v1/skills": Answer(
        {"skills": [{"uri": SKILL_URI, "label": "cleanse data", "achievements": 1}], "next": None}
    ),
    "get /v1/skills/{uri}": Answer(
        {
            "uri": SKILL_URI,
            "label": "cleanse data",
            "achievements": [{**_OFFERED, "editions": [1], "current": True}],
            "next": None,
        }
    ),
    "post /v1/skill-profiles": Answer(
        {
            "skills": [{"uri": SKILL_URI, "label": "cleanse data", "credentials": [0]}],
            "credentials": [_JUDGED],
        }
    ),
    "post /v1/skill-coverage": Answer(
        {
            "covered": [{"uri": SKILL_URI, "label": "cleanse data", "credentials": [0]}],
            "missing": [SKILL_URI],
            "way": [{**_OFFERED, "closes": [SKILL_URI]}],
            "is_shortest": True,
            "not_offered": [SKILL_URI],
            "credentials": [_JUDGED],
        }
    ),
    "post /v1/institutions/{slug}/programmes": Answer({"institution": "riverside", "code": "BSC-DATA", "edition": 1}),
    "get /v1/programmes/{slug}": Answer(
        {
            "institution": "riverside",
            "programmes": [
                {
                    "code": "BSC-DATA",
                    "edition": 2,
                    "title": "Bachelor of Data Work",
                    "language": "en",
                    "credits_centi": 600,
                    "modules": 1,
                    "url": _PROGRAMME_URL,
                }
            ],
        }
    ),
    "get /v1/programmes/{slug}/{code}": Answer(_PROGRAMME),
    "get /v1/programmes/{slug}/{code}/{edition}": Answer(_PROGRAMME),
    "post /v1/unpackings": Answer(
        {"unpacking": "5d0f7a7e-3f4b-4a39-9a52-5b6a2c3d4e5f", "parts": [{**MADE, "module": "M1"}]}
    ),
    "post /v1/institutions": Answer({"institution": "riverside", "did": DID, "key": "key-1"}),
    "get /v1/institutions": Answer({"institutions": [INSTITUTION]}),
    "get /v1/institutions/{slug}": Answer(INSTITUTION),
    "get /institutions/{slug}": Answer(INSTITUTION),
    "get /institutions/{slug}/did.json": Answer(
        {
            "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
            "id": DID,
            "verificationMethod": [
                {
                    "id": f"{DID}#key-1",
                    "type": "Multikey",
                    "controller": DID,
                    "publicKeyMultibase": "z6MkhRQ94LaPvnDrdhsB4Jo8K4R2uVqYv31aiRdMWp3qjXjF",
                }
            ],
            "assertionMethod": [f"{DID}#key-1"],
        },
        "application/did+json",
    ),
    "get /institutions/{slug}/keys/{key}": Answer(
        {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
        "application/jwk+json",
    ),
    "get /institutions/{slug}/achievements/{code}/{edition}": Answer(
        {
            "id": _EDITION_URL,
            "institution": "riverside",
            "code": "DATA-101",
            "edition": 1,
            "recorded_at": AT,
            **PUBLICATION["template"],
            "outcomes": [{"text": "Cleans a table of measurements.", "skill_uri": None, "skill_name": None}],
            "qf_ehea": None,
            "supervision": None,
            "prerequisites": None,
            "stackable": None,
        }
    ),
    "post /v1/institutions/{slug}/accreditations": Answer({"accreditation": "accreditation-1"}),
    "post /v1/institutions/{slug}/accreditations/{accreditation}/withdrawal": Answer(
        {"accreditation": "accreditation-1"}
    ),
    "post /v1/institutions/{slug}/keys": Answer({"key": "key-2"}),
    "post /v1/institutions/{slug}/keys/{key}/revocation": Answer({"key": "key-1"}),
    "post /v1/institutions/{slug}/keys/{key}/compromise": Answer({"key": "key-1"}),
    "post /v1/institutions/{slug}/keys/{key}/reissue": Answer(
        {
            "institution": "riverside",
            "key": "key-1",
            "signed_with": "key-2",
            "credentials": [ID],
            "erased": 0,
            "passed_over": 0,
            "more": False,
        }
    ),
    "post /v1/institutions/{slug}/access-keys": Answer(
        {"key": "cairn_k3y1d4bc_…", "institution": "riverside", "expires_at": AT}
    ),
    "get /status-lists/{number}": Answer('{"@context":["https://www.w3.org/ns/credentials/v2"],…', "application/vc"),
    "get /status-tokens/{block}": Answer(
        "eyJhbGciOiJFZERTQSIsInR5cCI6InN0YXR1c2xpc3Qrand0In0…", "application/statuslist+jwt"
    ),
    "post /vc-api/credentials/issue": Answer(
        {"verifiableCredential": {**VC_API_SIGNED, "credentialStatus": STATUS_ENTRY}}
    ),
    "post /vc-api/credentials/verify": Answer({"verified": True}),
    "post /vc-api/presentations/verify": Answer({"verified": True}),
    "post /vc-api/credentials/status": Answer(
        {"credentialId": VC_API_SIGNED["id"], "statusPurpose": "revocation", "status": True}
    ),
    "get /1.0/identifiers/{did}": Answer(
        {
            "@context": "https://w3id.org/did-resolution/v1",
            "didDocument": {
                "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
                "id": DID_KEY,
                "verificationMethod": [
                    {
                        "id": DID_KEY_METHOD,
                        "type": "Multikey",
                        "controller": DID_KEY,
                        "publicKeyMultibase": DID_KEY.removeprefix("did:key:"),
                    }
                ],
                "assertionMethod": [DID_KEY_METHOD],
                "authentication": [DID_KEY_METHOD],
                "capabilityInvocation": [DID_KEY_METHOD],
                "capabilityDelegation": [DID_KEY_METHOD],
                "keyAgreement": [
                    {"id": f"{DID_KEY}#z6LS…", "type": "Multikey", "controller": DID_KEY, "publicKeyMultibase": "z6LS…"}
                ],
            },
            "didDocumentMetadata": {},
            "didResolutionMetadata": {"contentType": "application/did"},
        },
        "application/did-resolution",
    ),
    "get /v1/audit/statuses": Answer(
        {
            "statuses": [
                {
                    "aggregate": "01a20b74f49b8467be62ad2f968a7794",
                    "institution": "04863663-9057-5189-937e-dfb858c67d4b",
                    "achievement": "c233b20c-d185-54f0-838a-c0fef0b92020",
                    "edition": 1,
                    "key_id": "key-1",
                    "commitments": {"vc+jcs": "590f45dc1f20336bc4865b1e1eed5d5a3d53cc480ab3b60e46c300b426239379"},
                    "status_block": 0,
                    "status_index": 17_183,
                    "valid_from": AT,
                    "valid_until": None,
                    "recorded_at": AT,
                    "events": [_EVENT],
                    "reissues": [
                        {
                            "key_id": "key-2",
                            "commitments": {
                                "vc+jcs": "d753cc480ab3b60e46c300b426239379590f45dc1f20336bc4865b1e1eed5d5a"
                            },
                            "recorded_at": AT,
                        }
                    ],
                }
            ],
            "next": "01a20b74f49b8467be62ad2f968a7794",
        }
    ),
    "get /v1/anchors": Answer(
        {
            "anchors": [
                {
                    "kind": "rfc3161",
                    "name": "tsa.example",
                    "time": AT,
                    "size": 48,
                    "checkpoint": CHECKPOINT,
                    "token": "MIIE…",
                    "token_sha256": "590f45dc1f20336bc4865b1e1eed5d5a3d53cc480ab3b60e46c300b426239379",
                    "log_index": 51,
                }
            ],
            "next": None,
            "standing": [
                {
                    "name": "tsa.example",
                    "kind": "rfc3161",
                    "anchored_size": 48,
                    "tried_at": AT,
                    "failures": 0,
                    "next_try": AT,
                }
            ],
            "log_size": 57,
            "anchored_size": 48,
            "unanchored_entries": 9,
            "unanchored": {"from": 48, "to": 57, "since": AT},
        }
    ),
    "post /v1/anchors": Answer({"attempts": [{"anchor": "tsa.example", "size": 57, "time": AT, "error": None}]}),
    "get /v1/credentials/{id}/tlog-proof": Answer(f"c2sp.org/tlog-proof@v1\nextra Y2Fpcm4t…\nindex 6\n{HASH}\n…", TEXT),
    "get /v1/ledger": Answer(
        {
            "base_url": BASE,
            "origin": "ledger.example/log",
            "log_key": VKEY,
            "demonstration": False,
            "mirror": None,
        }
    ),
    "get /log/checkpoint": Answer(CHECKPOINT, TEXT),
    "get /log/vkey": Answer(f"{VKEY}\n", TEXT),
    "get /log/policy": Answer(f"log {VKEY}\n", TEXT),
    "get /log/tile/{path}": Answer("256 hashes of 32 bytes, or length-prefixed entries", OCTETS),
    "get /livez": Answer({"status": "live"}),
    "get /readyz": Answer(
        {"status": "ready", "checks": [{"name": "database", "ok": True, "detail": "The database answers."}]}
    ),
    "get /metrics": Answer("# HELP cairn_log_size_entries Entries of the published log.\n…", TEXT),
    "get /problems": Answer(
        [{"type": f"{BASE}/problems/not-found", "title": "Not found", "status": 404, "remedy": "…"}]
    ),
    "get /problems/{name}": Answer(
        {"type": f"{BASE}/problems/not-found", "title": "Not found", "status": 404, "remedy": "…"}
    ),
}
"""By method and path."""
