"""Answers of the API and parts of them, as examples. Long values end in «…»."""

from __future__ import annotations

from typing import Any, Final

from api.example import PATHWAY, PUBLICATION

BASE: Final = "https://ledger.example"
ID: Final = "06h0mt7kjdtij0pn3n4970gn8kc6l4mttrj0"
DID: Final = "did:web:ledger.example:institutions:riverside"
DID_KEY: Final = "did:key:z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2"
DID_KEY_METHOD: Final = f"{DID_KEY}#{DID_KEY.removeprefix('did:key:')}"
AT: Final = "2026-01-31T12:00:00Z"
HASH: Final = "XSeWn1KbrgTURSjY2gqjVN4gtMywZtJgVpmSgQFTOUA="
VKEY: Final = "ledger.example/log+ffbbfd7f+ARvVK8G8DIepOR+r6ybYXS8JcT4qYnVZ78SI7CXw65Px"
CHECKPOINT: Final = "ledger.example/log\n57\nPKsz/6TZONPEC8WZ1AWE1jE4Ma846mtS2GM0EJ…\n\n— ledger.example/log …\n"

EVENT: Final = {"kind": "revoked", "reason": "academic_misconduct", "effective_at": AT, "recorded_at": AT}
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
    "events": [EVENT],
}
STATUS_ENTRY: Final = {
    "id": f"{BASE}/status-lists/0#94567",
    "type": "BitstringStatusListEntry",
    "statusPurpose": "revocation",
    "statusListIndex": "94567",
    "statusListCredential": f"{BASE}/status-lists/0",
}
PROVED: Final = {"index": 6, "entry": "Y2Fpcm4tZW50cnkvdjEK…", "proof": [HASH]}
CHUNK: Final = {"leaf": 2, "chunk": "AAAAAAAA…", "proof": [HASH]}
EVIDENCE: Final[dict[str, Any]] = {
    "format": "cairn/evidence/v1",
    "credential": ID,
    "log": {"origin": "ledger.example/log", "vkey": VKEY},
    "checkpoint": CHECKPOINT,
    "entries": [PROVED],
    "state": PROVED,
    "status": {"revocation": CHUNK, "suspension": CHUNK},
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
SAID: Final = {"en": "Not revoked.", "ru": "Не отозвано."}
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
            "summary": SAID,
            "detail": "",
            "looked_at": ["evidence/entries"],
        }
    ],
    "facts": {},
    "not_checked": [SAID],
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
COMMITMENT: Final = "590f45dc1f20336bc4865b1e1eed5d5a3d53cc480ab3b60e46c300b426239379"
RULING: Final[dict[str, Any]] = {
    "version": 1,
    "decision": "partial",
    "reasons": ["workload"],
    "effective_at": AT,
    "appeal_until": AT,
    "recorded_at": AT,
    "commitment": COMMITMENT,
}
RECOGNISED: Final[dict[str, Any]] = {
    "recognition": RECOGNITION_ID,
    "institution": "riverside",
    "state": "in_force",
    **RULING,
    "under_appeal": False,
    "rulings": [RULING],
    "appeals": [{"filed_at": AT, "decide_by": AT, "result": "upheld", "decided_at": AT, "late": False}],
    "withdrawal": {"reason": "issued_in_error", "effective_at": AT, "recorded_at": AT},
}
DECISION_IN_FULL: Final[dict[str, Any]] = {
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
MODULE: Final = {
    "code": "M1",
    "achievement": "DATA-101",
    "edition": 1,
    "credits_centi": 300,
    "semester": 1,
    "required": True,
    "url": f"{BASE}/institutions/riverside/achievements/DATA-101/1",
    "template": PUBLICATION["template"],
}
PROGRAMME_URL: Final = f"{BASE}/v1/programmes/riverside/BSC-DATA/2"
PROGRAMME: Final = {
    "id": PROGRAMME_URL,
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
    "modules": [MODULE],
    "changes": [{"kind": "changed", "module": "M1", "members": ["semester"]}],
}
EDITION_URL: Final = f"{BASE}/institutions/riverside/achievements/DATA-101/1"
PATHWAY_URL: Final = f"{BASE}/v1/pathways/riverside/DATA-SPECIALIST/1"
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
    "url": PATHWAY_URL,
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
NAMED: Final = {"institution": "riverside", "code": "DATA-101"}
OFFERED: Final = {
    **NAMED,
    "edition": 1,
    "title": "Working with Data: First Steps",
    "credits_centi": 300,
    "workload_minutes": 4680,
    "url": EDITION_URL,
}
JUDGED: Final = {
    "verdict": "valid",
    "reason": "valid",
    "sentence": {"en": "Genuine and valid.", "ru": "Подлинный и действительный."},
    "credential": ID,
}
LEARNER_LINK: Final[dict[str, Any]] = {
    "prefix": "k3y1d4bck3y1d4bc",
    "institution": "riverside",
    "created_at": AT,
    "expires_at": AT,
    "revoked_at": None,
}
LEARNER_REQUEST: Final[dict[str, Any]] = {
    "request": "7d0f8a52-0c7e-4b0e-9a37-0a3a6f7c9a11",
    "institution": "riverside",
    "kind": "correction",
    "made_at": AT,
    "credential": ID,
    "note": "My name is spelt with one s.",
    "credentials": [ID],
    "outcome": None,
    "decided_at": None,
    "answer": None,
}
