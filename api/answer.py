"""What each route answers when all is well: media type and an example, for the API's description.

Tests compare both with what a real server answers. Longer than other modules because it is one table.
"""

from __future__ import annotations

from typing import Final

from api.answer_example import (
    AGREED,
    AT,
    ATTESTED,
    BASE,
    BUNDLE,
    CHECKPOINT,
    DECISION_IN_FULL,
    DERIVATION,
    DID,
    DID_KEY,
    DID_KEY_METHOD,
    DOCUMENTS,
    EDITION_URL,
    EVENT,
    EVIDENCE,
    HASH,
    ID,
    INSTITUTION,
    JUDGED,
    LEARNER_LINK,
    LEARNER_REQUEST,
    MADE,
    NAMED,
    OFFERED,
    PATHWAY_ANSWER,
    PATHWAY_URL,
    PROGRAMME,
    PROGRAMME_URL,
    RECOGNISED,
    RECOGNITION_ID,
    REPORT,
    STATUS,
    STATUS_ENTRY,
    VKEY,
)
from api.answer_schema import OCTETS, TEXT, Answer
from api.example import HEADCOUNT, PUBLICATION, REQUEST_DECISION, REVIEW, SKILL_URI, VC_API_SIGNED

ANSWERS: Final[dict[str, Answer]] = {
    "get /v1/credentials/{id}/status": Answer(STATUS),
    "get /v1/credentials/{id}/evidence": Answer(EVIDENCE),
    "get /v1/status-prefixes": Answer({"awards": 41_328, "shared_by": 1_000, "shortest_bits": 4, "longest_bits": 5}),
    "get /v1/status-prefixes/{prefix}": Answer(
        {
            "prefix": "all",
            "checked_at": AT,
            "awards": {"0a9c35d1a4a0e6f2c7d02b9ad1f8e443": ["invalid", "revoked", AT]},
            "padding": "000000",
        }
    ),
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
        {"institution": "riverside", "code": "DATA-SPECIALIST", "version": 1, "url": PATHWAY_URL}
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
            **DECISION_IN_FULL,
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
            "decisions": [{"version": 1, **DECISION_IN_FULL}],
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
    "post /v1/verify/batch": Answer(
        f'{{"line":1,"report":{{"format":"cairn/report/v1","verdict":"valid",…}}}}\n'
        f'{{"line":2,"id":"row 2","problem":{{"type":"{BASE}/problems/not-found",…}}}}\n'
        '{"end":"complete","answered":2}\n',
        "application/x-ndjson",
    ),
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
                    "url": EDITION_URL,
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
            "editions": [{"edition": 1, "url": EDITION_URL, "recorded_at": AT, "changes": []}],
        }
    ),
    "post /v1/achievements/{slug}/{code}/due-reviews": Answer({**NAMED, "review_due": "2028-06-30"}),
    "post /v1/achievements/{slug}/{code}/reviews": Answer({**NAMED, "review_due": "2029-06-30"}),
    "post /v1/achievements/{slug}/{code}/figures": Answer(NAMED),
    "get /v1/skills": Answer(
        {"skills": [{"uri": SKILL_URI, "label": "cleanse data", "achievements": 1}], "next": None}
    ),
    "get /v1/skills/{uri}": Answer(
        {
            "uri": SKILL_URI,
            "label": "cleanse data",
            "achievements": [{**OFFERED, "editions": [1], "current": True}],
            "next": None,
        }
    ),
    "post /v1/skill-profiles": Answer(
        {
            "skills": [{"uri": SKILL_URI, "label": "cleanse data", "credentials": [0]}],
            "credentials": [JUDGED],
        }
    ),
    "post /v1/skill-coverage": Answer(
        {
            "covered": [{"uri": SKILL_URI, "label": "cleanse data", "credentials": [0]}],
            "missing": [SKILL_URI],
            "way": [{**OFFERED, "closes": [SKILL_URI]}],
            "is_shortest": True,
            "not_offered": [SKILL_URI],
            "credentials": [JUDGED],
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
                    "url": PROGRAMME_URL,
                }
            ],
        }
    ),
    "get /v1/programmes/{slug}/{code}": Answer(PROGRAMME),
    "get /v1/programmes/{slug}/{code}/{edition}": Answer(PROGRAMME),
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
            "id": EDITION_URL,
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
    "post /v1/learner-links": Answer({**LEARNER_LINK, "link": f"{BASE}/mine/enter#{LEARNER_LINK['prefix']}_…"}),
    "get /v1/learner-links": Answer({"links": [LEARNER_LINK]}),
    "post /v1/learner-links/{link}/revocation": Answer({**LEARNER_LINK, "revoked_at": AT}),
    "get /v1/learner-requests": Answer({"waiting": 1, "requests": [LEARNER_REQUEST]}),
    "post /v1/learner-requests/{request}/decision": Answer(
        {**LEARNER_REQUEST, "outcome": "declined", "decided_at": AT, "answer": REQUEST_DECISION["answer"]}
    ),
    "get /status-lists/{number}": Answer(
        '{"@context":["https://www.w3.org/ns/credentials/v2"],…',
        "application/vc",
        ("application/ld+json", "application/json"),
    ),
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
        ("application/did", "application/did-url-dereferencing"),
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
                    "events": [EVENT],
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
