"""Bodies that work, shown in the API's description and used by its tests."""

from __future__ import annotations

from typing import Any

AWARD: dict[str, Any] = {
    "achievement": "DATA-101",
    "learner": {"name": "Mari Maasikas", "reference": "S-2026-0042"},
    "awarded_on": "2026-01-31",
    "grade": "A",
}
SUSPENSION: dict[str, Any] = {"reason": "under_review", "note": "Complaint of 3 March, file 17."}
REVOCATION: dict[str, Any] = {
    "reason": "academic_misconduct",
    "effective_at": "2026-02-01T00:00:00Z",
}
REPLACEMENT: dict[str, Any] = {"reason": "incorrect_data", "credential": {**AWARD, "grade": "B"}}
PUBLICATION: dict[str, Any] = {
    "code": "DATA-101",
    "template": {
        "title": "Working with Data: First Steps",
        "language": "en",
        "description": "A short course on reading, cleaning and showing data.",
        "credits_centi": 300,
        "workload_minutes": 4680,
        "eqf_level": 5,
        "outcomes": [
            {"text": "Cleans a table of measurements and says what was changed and why."},
            {"text": "Chooses a chart that shows what the data say, and no more."},
        ],
        "assessment": "Practical assignment with oral defence",
        "participation": "Blended",
        "quality_assurance": "Institutional quality assurance, reviewed every year",
        "criteria": "Hand in the assignment and defend it; at least 60 % of the points.",
    },
    "details": {
        "tags": ["data", "statistics"],
        "isced_f": "0542",
        "national_level": {"framework": "EstQF", "level": "5"},
        "results": [
            {"code": "assignment", "name": "Assignment", "type": "Percent", "value_min": "0", "value_max": "100"}
        ],
        "parts": [{"title": "Cleaning data", "credits_centi": 150}],
    },
}
DUE: dict[str, Any] = {"due_on": "2028-06-30"}
REVIEW: dict[str, Any] = {
    "reviewed_on": "2026-06-30",
    "by": "Programme council of the Faculty of Science",
    "outcome": "confirmed",
    "statement": "Outcomes, workload and assessment are as described.",
    "next_due": "2029-06-30",
}
HEADCOUNT: dict[str, Any] = {
    "edition": 1,
    "first_day": "2025-09-01",
    "last_day": "2026-01-31",
    "enrolled": 120,
    "completed": 96,
    "ratings": [2, 4, 11, 31, 40],
}
SKILL_URI = "http://data.europa.eu/esco/skill/b590d4e2-9dd2-4c4a-9a5c-6e0a2b0b5a0e"
SKILL_PROFILE: dict[str, Any] = {"credentials": []}
SKILL_COVERAGE: dict[str, Any] = {"skills": [SKILL_URI]}
REGISTRATION: dict[str, Any] = {
    "slug": "riverside-university",
    "name": "Riverside University",
    "country": "EE",
    "kind": "university",
}
ACCREDITATION: dict[str, Any] = {
    "by": "Example Quality Agency",
    "scope": "Micro-credentials at EQF levels 5 to 7",
    "limits": {"levels": [5, 6, 7], "kinds": ["micro_credential"], "country": "EE"},
    "valid_from": "2024-01-01T00:00:00Z",
    "valid_until": "2031-01-01T00:00:00Z",
}
WITHDRAWAL: dict[str, Any] = {"reason": "other"}
COMPROMISE: dict[str, Any] = {"compromised_at": "2026-03-01T00:00:00Z"}
REISSUE: dict[str, Any] = {"dry_run": True}
FORMS: dict[str, Any] = {"forms": ["vc-jwt", "elm"]}
RECORD: dict[str, Any] = {"reference": "S-2026-0042"}
ENDORSEMENT: dict[str, Any] = {
    "subject": "https://ledger.example/institutions/lakeside/achievements/STAT-2/1",
    "comment": "We count it towards our diploma in data science.",
}
RECOGNITION: dict[str, Any] = {
    "learner": "S-2026-0042",
    "award": {
        "origin": "paper",
        "title": "Kursus i dataanalyse",
        "awarded_by": "Fjordby Erhvervsskole",
        "country": "DK",
        "awarded_on": "2025-06-20",
        "credits_centi": 500,
        "eqf_level": 5,
        "fields": ["0542"],
        "outcomes": ["Cleans a data set.", "Explains a regression in plain words."],
        "files": [{"name": "certificate.pdf", "media_type": "application/pdf", "content": "JVBERi0xLjcK"}],
    },
    "decision": {
        "decision": "partial",
        "reasons": ["workload"],
        "credits_centi": 300,
        "outcomes": ["Cleans a data set."],
        "towards": {"kind": "programme", "code": "DATA-MASTER"},
        "explanation": "Regression is a module of its own here, with an examination.",
    },
}
APPEAL: dict[str, Any] = {"statement": "The examination of June covered regression."}
APPEAL_OUTCOME: dict[str, Any] = {
    "result": "changed",
    "decision": {"decision": "full", "towards": {"kind": "programme", "code": "DATA-MASTER"}},
}
RECOGNITION_WITHDRAWAL: dict[str, Any] = {"reason": "issued_in_error"}
AGREEMENT: dict[str, Any] = {
    "partner": "lakeside",
    "awards_of": "both",
    "limits": {"levels": [5, 6], "kinds": ["micro_credential"]},
    "share_percent": 100,
    "cap_centi": 1000,
    "valid_until": "2031-12-31T23:59:59Z",
}
KEY_GRANT: dict[str, Any] = {"label": "student information system", "days": 365}
VC_API_ISSUER = "did:key:z6MkqNWYSEtg8qYeRbR1HNmYkT2ofirM1YxSjPCqsSd3Rt8i"
_PROOF: dict[str, Any] = {
    "type": "DataIntegrityProof",
    "cryptosuite": "eddsa-rdfc-2022",
    "created": "2026-01-31T12:00:00Z",
    "verificationMethod": f"{VC_API_ISSUER}#{VC_API_ISSUER.removeprefix('did:key:')}",
}
VC_API_CREDENTIAL: dict[str, Any] = {
    "@context": ["https://www.w3.org/ns/credentials/v2"],
    "id": "urn:uuid:2f9d3a5e-4b0c-4c55-9d2e-6a0f6f1f7c11",
    "type": ["VerifiableCredential"],
    "issuer": VC_API_ISSUER,
    "validFrom": "2026-01-31T12:00:00Z",
    "credentialSubject": {"id": "did:example:learner"},
}
VC_API_SIGNED: dict[str, Any] = {
    **VC_API_CREDENTIAL,
    "proof": {
        **_PROOF,
        "proofPurpose": "assertionMethod",
        "proofValue": "z24nkbHNvDMqkcxobZY5WYFS8jooR4WnTN86wffSSnythqWoVHHW8ADm31teEoJDD52SbM7ecrbSbxj1826jrypok",
    },
}
VC_API_ISSUE: dict[str, Any] = {"credential": VC_API_CREDENTIAL, "options": {"cryptosuite": "eddsa-rdfc-2022"}}
VC_API_VERIFY: dict[str, Any] = {"verifiableCredential": VC_API_SIGNED, "options": {"checks": ["proof"]}}
VC_API_VERIFY_PRESENTATION: dict[str, Any] = {
    "verifiablePresentation": {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "type": ["VerifiablePresentation"],
        "holder": VC_API_ISSUER,
        "verifiableCredential": [VC_API_SIGNED],
        "proof": {
            **_PROOF,
            "proofPurpose": "authentication",
            "proofValue": "z2F2jzTWMv4B3FoRHaZ1bwSo11Bk1gqoxdUKtkV6wKwdrHeZj64bhfx1CMKrEptHQvErSx1TX111kS4232RWC5DZf",
        },
    },
    "options": {},
}
VC_API_STATUS: dict[str, Any] = {
    "credentialId": VC_API_CREDENTIAL["id"],
    "credentialStatus": {"type": "BitstringStatusListEntry", "statusPurpose": "revocation"},
    "status": True,
}
NOT_VERIFIED: dict[str, Any] = {
    "verified": False,
    "problemDetails": [
        {
            "type": "https://www.w3.org/TR/vc-data-model#CRYPTOGRAPHIC_SECURITY_ERROR",
            "title": "The security of the document could not be verified",
            "detail": "signature_wrong (at /proof)",
        }
    ],
}
PROGRAMME: dict[str, Any] = {
    "code": "BSC-DATA",
    "programme": {
        "title": "Bachelor of Data Work",
        "language": "en",
        "achievement": "BSC",
        "partial": "BSC-PART",
        "credits_centi": 600,
        "withdrawal": "review",
        "review_days": 30,
        "modules": [
            {"code": "M1", "achievement": "DATA-101", "semester": 1},
            {"code": "M2", "achievement": "DATA-102", "semester": 2},
        ],
    },
}
UNPACKING: dict[str, Any] = {
    "diploma": "06h0mt7kjdtij0pn3n4970gn8kc6l4mttrj0",
    "programme": "BSC-DATA",
    "completed": [{"module": "M1", "completed_on": "2024-01-20", "grade": "A"}],
}
PATHWAY: dict[str, Any] = {
    "code": "DATA-SPECIALIST",
    "achievement": "DATA-101",
    "rules": {
        "format": "cairn/pathway/v1",
        "unit": {"kind": "ects"},
        "rule": {
            "rule": "all_of",
            "id": "all",
            "rules": [
                {
                    "rule": "required",
                    "id": "core",
                    "achievements": [{"institution": "riverside", "code": "DATA-101"}],
                },
                {"rule": "minimum", "id": "total", "credits": 300},
            ],
        },
        "counting": [{"rule": "recency", "id": "fresh", "years": 7, "waivable": True}],
        "cascade": {"on_loss": "review", "deadline_days": 30, "appeal_days": 14},
    },
}
STACKING: dict[str, Any] = {
    "pathway": "DATA-SPECIALIST",
    "learner": {"name": "Mari Maasikas", "reference": "S-2026-0042"},
    "awards": [{"award": "06almlq1o0sb9piish6qfshn1mf2c3h72dig"}],
    "dry_run": True,
}
REVIEW_APPEAL: dict[str, Any] = {"statement": "The module was assessed again and passed."}
APPEAL_DECISION: dict[str, Any] = {"outcome": "upheld", "note": "Board of 3 March, item 4."}
REVIEW_DECISION: dict[str, Any] = {"outcome": "stands"}
LEARNER_LINK: dict[str, Any] = {"reference": "S-2026-0042", "days": 30}
REQUEST_DECISION: dict[str, Any] = {"outcome": "declined", "answer": "The grade is as the board decided on 3 March."}
