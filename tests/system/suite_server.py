"""A real `cairn serve-https` on a free loopback port, and holders who sign with keys of their own."""

from __future__ import annotations

import hashlib
import re
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import rfc8785
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from openvc.keys import Ed25519SigningKey, P256SigningKey, P384SigningKey
from openvc.multibase import encode_multibase
from openvc.proof.vc_jwt import SigningKey

from tests.system.serving import CAIRN, START_SECONDS, Serving
from tests.verifier.data_model_case import ABSENT
from verifier.jsonld.canonical import canonical_nquads
from verifier.jsonld.rdfc import HashName

LAST_WORDS: Final = b"docs/conformance.md shows"
V1: Final = "https://www.w3.org/2018/credentials/v1"
V2: Final = "https://www.w3.org/ns/credentials/v2"
EXAMPLES: Final = "https://www.w3.org/ns/credentials/examples/v2"
DATA_INTEGRITY: Final = "https://w3id.org/security/data-integrity/v2"

Json = dict[str, Any]


class SuiteServing(Serving):
    """One `cairn serve-https`, whose clients trust its certificate and no other."""

    def __init__(self, data: Path, home: Path) -> None:
        super().__init__(data, home)
        self.url = f"https://localhost:{self.port}"
        self.http = self._client()

    @property
    def certificate(self) -> Path:
        """What clients are given to trust."""
        return self.data / "https" / "certificate.pem"

    def command(self) -> list[str | Path]:
        """Return what is run."""
        return [CAIRN, "serve-https", "--data", self.data, "--port", str(self.port)]

    def start(self) -> None:
        """Start the process and wait until it is ready and has said all that it says, which comes after that."""
        said = self.output_file.stat().st_size if self.output_file.exists() else 0
        super().start()
        deadline = time.monotonic() + START_SECONDS
        while LAST_WORDS not in self.output_file.read_bytes()[said:]:
            assert time.monotonic() < deadline, "the server did not say how it is meant"
            time.sleep(0.02)

    def _client(self) -> httpx.Client:
        context = ssl.create_default_context(cafile=self.certificate if self.certificate.exists() else None)
        return httpx.Client(base_url=self.url, timeout=30.0, verify=context)

    def _retry(self) -> None:
        self.http.close()
        self.http = self._client()

    def issuers(self) -> dict[str, str]:
        """The issuers that it says it has, by the kind of their key."""
        return dict(re.findall(r"issuer\s+(\S+)\s+(did:key:\S+)", self.output_file.read_text("utf-8")))

    def post(self, path: str, body: object) -> httpx.Response:
        """Send one POST to the VC-API, without any key."""
        return self.http.post(f"/vc-api{path}", json=body)

    def issue(self, credential: Json, **options: object) -> httpx.Response:
        """Have a credential signed."""
        return self.post("/credentials/issue", {"credential": credential, "options": options})

    def verify(self, credential: object, **options: object) -> httpx.Response:
        """Have a credential verified as the suites do, unless *options* say otherwise."""
        return self.post(
            "/credentials/verify", {"verifiableCredential": credential, "options": options or {"checks": ["proof"]}}
        )

    def verify_presentation(self, presentation: object, **options: object) -> httpx.Response:
        """Have a presentation verified."""
        return self.post("/presentations/verify", {"verifiablePresentation": presentation, "options": options})

    def set_status(self, name: object, purpose: str = "revocation", *, status: object = True) -> httpx.Response:
        """Change the status of a credential."""
        entry = {"type": "BitstringStatusListEntry", "statusPurpose": purpose}
        return self.post("/credentials/status", {"credentialId": name, "credentialStatus": entry, "status": status})

    def issued(self, **members: object) -> Json:
        """A freshly signed credential."""
        answered = self.issue(credential(self.issuers()["Ed25519"], **members))
        assert answered.status_code == httpx.codes.CREATED, answered.text
        signed: Json = answered.json()["verifiableCredential"]
        return signed


def credential(issuer: object, /, **members: object) -> Json:
    """A credential of the VC Data Model 2.0 with *members* in the place of its own; ABSENT leaves one out."""
    made = {
        "@context": [V2, EXAMPLES],
        "id": f"urn:uuid:{uuid4()}",
        "type": ["VerifiableCredential"],
        "issuer": issuer,
        "credentialSubject": {"id": "did:example:learner"},
        **members,
    }
    return {name: value for name, value in made.items() if value is not ABSENT}


def first_edition(issuer: object, /, **members: object) -> Json:
    """The same of the VC Data Model 1.1."""
    return credential(issuer, **{"@context": [V1], "issuanceDate": "2026-01-31T12:00:00Z", **members})


@dataclass(frozen=True)
class Signer:
    """Somebody with a did:key."""

    key: SigningKey
    hash_name: HashName

    @property
    def did(self) -> str:
        """Their DID."""
        return self.key.kid.partition("#")[0]

    @property
    def suites(self) -> tuple[str, str]:
        """The suites over RDF and over JSON that fit the key."""
        return (
            ("eddsa-rdfc-2022", "eddsa-jcs-2022") if self.key.alg == "EdDSA" else ("ecdsa-rdfc-2019", "ecdsa-jcs-2019")
        )

    def sign(
        self, document: Json, *, suite: str | None = None, previous: list[Json] | None = None, **options: object
    ) -> Json:
        """Sign a document: the steps of the cryptosuites' specifications, written for the tests.

        Args:
            document: What is signed.
            suite: A suite that fits the key; the one over RDF by default.
            previous: Proofs that this one builds on.
            options: Members of the proof in the place of its own, or besides them; ABSENT leaves one out.
        """
        chosen = {
            "type": "DataIntegrityProof",
            "cryptosuite": suite or self.suites[0],
            "created": "2026-01-31T12:00:00Z",
            "verificationMethod": self.key.kid,
            "proofPurpose": "assertionMethod",
            **options,
        }
        proof = {name: value for name, value in chosen.items() if value is not ABSENT}
        secured = {**document, "proof": previous} if previous else document
        configuration = {**proof, "@context": document["@context"]}
        if "jcs" in (suite or ""):
            proof["@context"] = document["@context"]
        parts = [self._hash(part, suite or self.suites[0]) for part in (configuration, secured)]
        return {**document, "proof": {**proof, "proofValue": encode_multibase(self.key.sign(b"".join(parts)))}}

    def _hash(self, part: Json, suite: str) -> bytes:
        form = rfc8785.dumps(part) if "jcs" in suite else canonical_nquads(part, hash_name=self.hash_name)
        return hashlib.new(self.hash_name, form).digest()

    def present(self, *credentials: object, **members: object) -> Json:
        """An unsigned presentation."""
        made = {
            "@context": [V2],
            "type": ["VerifiablePresentation"],
            "verifiableCredential": list(credentials),
            **members,
        }
        return {name: value for name, value in made.items() if value is not ABSENT}

    def signed_presentation(self, *credentials: object, **members: object) -> Json:
        """A presentation that answers a challenge."""
        made = self.present(*credentials, **members)
        return self.sign(made, proofPurpose="authentication", challenge="c-1", domain="tests.example")


def ed25519_signer() -> Signer:
    """Somebody with an Ed25519 key."""
    private = Ed25519PrivateKey.generate()
    multibase = encode_multibase(b"\xed\x01" + private.public_key().public_bytes_raw())
    return Signer(Ed25519SigningKey(private, f"did:key:{multibase}#{multibase}"), "sha256")


def p256_signer() -> Signer:
    """Somebody with a P-256 key."""
    private = ec.generate_private_key(ec.SECP256R1())
    return Signer(P256SigningKey(private, _method(private, b"\x80\x24")), "sha256")


def p384_signer() -> Signer:
    """Somebody with a P-384 key."""
    private = ec.generate_private_key(ec.SECP384R1())
    return Signer(P384SigningKey(private, _method(private, b"\x81\x24")), "sha384")


def _method(private: ec.EllipticCurvePrivateKey, prefix: bytes) -> str:
    point = private.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    multibase = encode_multibase(prefix + point)
    return f"did:key:{multibase}#{multibase}"
