"""How fast this machine verifies credentials: Open Badges of 1 to 2 KB, each of another learner, signed by one issuer.

Verified is everything that can be looked at without asking anybody, as `/vc-api/credentials/verify` does it: the shape
of the data model, the terms, the proof, the issuer's hold on the key, the dates. The key is in memory; there is no
status list to ask for. One thread; the figures are for a second of processor time, whatever else the machine does.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from openvc.keys import Ed25519SigningKey

from api.cpu_bound import CpuBound
from api.document_work import DocumentWork
from api.strict_json import JsonValue
from api.vc_api.judging import Judging
from api.vc_api.listed_status import ListedStatus
from api.vc_api.request import VerifyRequest
from ledger.integrity_proof import add_proof
from verifier.jsonld.canonical import canonical_nquads
from verifier.jsonld.context import context_document
from verifier.public_key import PublicKey

SUITES: Final = ("eddsa-jcs-2022", "eddsa-rdfc-2022")
CONTEXTS: Final = (
    "https://www.w3.org/ns/credentials/v2",
    "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
)
KNOWN: Final = 3
"""So often a shape is seen before it is measured: the first time is not what a verifier's day is made of."""
SEED: Final = bytes(range(32))
NOW: Final = datetime(2026, 11, 25, 12, tzinfo=UTC)


class SuiteFigures(msgspec.Struct, frozen=True):
    """What was measured of one suite.

    Attributes:
        suite: The cryptosuite.
        verified_per_second: Credentials verified, all local checks, one core.
        bytes: Size of one credential.
    """

    suite: str
    verified_per_second: float
    bytes: int


class ProofFigures(msgspec.Struct, frozen=True):
    """Figures, and what another implementation needs to be measured with the same credentials.

    Attributes:
        suites: Figures by suite.
        credentials: By suite, the credentials that were verified.
        contexts: Address -> context.
        method: The verification method of all.
        key: Its public key, as Multikey.
        now: The instant judged by.
    """

    suites: tuple[SuiteFigures, ...]
    credentials: Mapping[str, list[dict[str, Any]]]
    contexts: Mapping[str, Mapping[str, Any]]
    method: str
    key: str
    now: str


class _KeyInMemory:
    def __init__(self, key: PublicKey) -> None:
        self._key = key

    def verification_key(self, method: str, purpose: str) -> PublicKey:  # noqa: ARG002  there is one
        return self._key


def measure_proofs(count: int, seconds: float) -> ProofFigures:
    """Verify *count* credentials of each suite, again and again for *seconds*."""
    private = Ed25519PrivateKey.from_private_bytes(SEED)
    signer = Ed25519SigningKey(private, "")
    public = PublicKey.from_jwk(signer.public_jwk())
    issuer = f"did:key:{public.multibase}"
    method = f"{issuer}#{public.multibase}"
    signing = Ed25519SigningKey(private, method)
    cpu = CpuBound()
    judging = Judging(
        DocumentWork(cpu), _KeyInMemory(public), ListedStatus("https://ledger.example.edu", lambda _: None), lambda: NOW
    )
    credentials = {
        suite: [
            add_proof(_badge(issuer, number), signing, NOW, cryptosuite=suite, canonicalise=_canonicalise)
            for number in range(count)
        ]
        for suite in SUITES
    }
    try:
        figures = tuple(_measure(judging, suite, credentials[suite], seconds) for suite in SUITES)
    finally:
        cpu.close()
    contexts = {url: context_document(url) for url in CONTEXTS}
    return ProofFigures(figures, credentials, contexts, method, public.multibase, NOW.isoformat())


def _measure(judging: Judging, suite: str, credentials: list[dict[str, Any]], seconds: float) -> SuiteFigures:
    requests = [VerifyRequest(document, None, None, needs_status=True) for document in credentials]
    for request in requests[:KNOWN] * KNOWN:
        _require_verified(judging, request)
    done, begin = 0, time.process_time()
    while time.process_time() - begin < seconds:
        for request in requests:
            _require_verified(judging, request)
        done += len(requests)
    rate = done / (time.process_time() - begin)
    return SuiteFigures(suite, rate, len(json.dumps(credentials[0], separators=(",", ":"))))


def _require_verified(judging: Judging, request: VerifyRequest) -> None:
    judged = judging.credential(request)
    if not judged.verified:
        message = f"a good credential was not verified: {judged.to_json()}"
        raise RuntimeError(message)


def _canonicalise(document: Mapping[str, Any], hash_name: str) -> bytes:
    return canonical_nquads(document, hash_name="sha384" if hash_name == "sha384" else "sha256")


def _badge(issuer: str, number: int) -> dict[str, JsonValue]:
    base = "https://ledger.example.edu"
    return {
        "@context": list(CONTEXTS),
        "id": f"{base}/verify/0ci{number:022x}",
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "name": "Statistics for social scientists",
        "issuer": {"id": issuer, "type": ["Profile"], "name": "University of the North", "url": base},
        "validFrom": "2026-03-01T10:00:00Z",
        "validUntil": "2031-03-01T10:00:00Z",
        "credentialSubject": {
            "id": f"did:example:learner-{number}",
            "type": ["AchievementSubject"],
            "creditsEarned": 5,
            "identifier": [
                {
                    "type": "IdentityObject",
                    "identityHash": f"sha256${number:064x}",
                    "identityType": "emailAddress",
                    "hashed": True,
                    "salt": f"{number:032x}",
                }
            ],
            "achievement": {
                "id": f"{base}/i/north/achievements/stat-1/{number % 7}",
                "type": ["Achievement"],
                "achievementType": "Certificate",
                "name": "Statistics for social scientists",
                "description": "Describing, testing and modelling data of surveys, with a project of one's own.",
                "criteria": {"narrative": f"A written examination, and a project; passed with group {number % 13}."},
                "creditsAvailable": 5,
                "inLanguage": "en",
                "alignment": [
                    {
                        "type": ["Alignment"],
                        "targetName": "statistics",
                        "targetType": "ext:ESCO",
                        "targetUrl": f"https://esco.example.eu/skill/{number % 11}",
                    }
                ],
            },
        },
    }
