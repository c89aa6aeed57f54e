"""Issuers of the field: real keys, and real documents made with openvc, openbadgeslib and by hand."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any

import png
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from openbadgeslib.baking import ITXT_KEYWORD_OB3, SVG_ELEMENT_OB3, SVG_NS_OB3, bake_png, bake_svg
from openvc.keys import Ed25519SigningKey, P256SigningKey, P384SigningKey
from openvc.multibase import encode_multibase
from openvc.proof.data_integrity import DataIntegrityProofSuite
from openvc.proof.di_ecdsa_rdfc import EcdsaRdfcProofSuite
from openvc.proof.di_jcs import EcdsaJcsProofSuite, EddsaJcsProofSuite
from openvc.proof.sd_jwt import SdJwtVcProofSuite
from openvc.status.issue import build_status_list_credential, build_status_list_token

from verifier.checks.time import Asked
from verifier.error import InputError
from verifier.foreign.format import read_presented
from verifier.foreign.source import Answer, Found, Gathered
from verifier.foreign.verify import verify_foreign
from verifier.jsonld.context import context_document
from verifier.report import Report

Json = dict[str, Any]

NOW = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
"""openvc dates what it makes by the clock of the machine, so the tests live in the present; an hour ahead, so that what
is made late in a long run of tests is not of the future."""
ISSUED = NOW - timedelta(days=30)
UNTIL = NOW + timedelta(days=300)
V1 = "https://www.w3.org/2018/credentials/v1"
V2 = "https://www.w3.org/ns/credentials/v2"
OB3 = "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"
LIST_URL = "https://lists.example/status/3"
TOKEN_LIST_URL = "https://lists.example/tokens/1"
SUITES: dict[str, Any] = {
    "eddsa-jcs-2022": EddsaJcsProofSuite,
    "eddsa-rdfc-2022": DataIntegrityProofSuite,
    "ecdsa-jcs-2019": EcdsaJcsProofSuite,
    "ecdsa-rdfc-2019": EcdsaRdfcProofSuite,
}


CONTEXTS = {
    url: dict(context_document(url))
    for url in (V1, OB3, "https://w3id.org/security/data-integrity/v2", V2.replace("/v2", "/examples/v2"))
}
"""openvc brings fewer contexts along than documents of the field name."""


def instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def seed(name: str) -> bytes:
    return sha256(b"foreign test key " + name.encode()).digest()


class RsaKey:
    """A signing key for RS256; openvc has none."""

    alg = "RS256"

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.kid = ""

    def sign(self, data: bytes) -> bytes:
        return self._key.sign(data, padding.PKCS1v15(), hashes.SHA256())

    def public_jwk(self) -> Json:
        numbers = self._key.public_key().public_numbers()
        return {"kty": "RSA", "n": b64url(numbers.n.to_bytes(256)), "e": "AQAB"}


@dataclass
class Issuer:
    """An identifier, and the key that is its own."""

    did: str
    method: str
    key: Any

    @property
    def jwk(self) -> Json:
        found: Json = dict(self.key.public_jwk())
        return {name: found[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in found}


def _private(kind: str, name: str) -> Any:  # noqa: ANN401  (any JSON)
    if kind == "EdDSA":
        return Ed25519SigningKey(ed25519.Ed25519PrivateKey.from_private_bytes(seed(name)), "x")
    curve = ec.SECP256R1() if kind == "ES256" else ec.SECP384R1()
    private = ec.derive_private_key(int.from_bytes(seed(name)) % 2**250 + 1, curve)
    return P256SigningKey(private, "x") if kind == "ES256" else P384SigningKey(private, "x")


@cache
def rsa_key(name: str) -> RsaKey:
    del name
    return RsaKey()


def did_key(kind: str = "EdDSA", name: str = "alice") -> Issuer:
    """A did:key issuer."""
    key = _private(kind, name)
    if kind == "EdDSA":
        raw = b"\xed\x01" + key.public_key_raw()
    else:
        raw = (b"\x80\x24" if kind == "ES256" else b"\x81\x24") + key.public_key_raw(compressed=True)
    multibase = encode_multibase(raw)
    did = f"did:key:{multibase}"
    return Issuer(did, f"{did}#{multibase}", key)


def did_jwk(kind: str = "ES256", name: str = "bob") -> Issuer:
    """A did:jwk issuer."""
    key = rsa_key(name) if kind == "RS256" else _private(kind, name)
    issuer = Issuer("", "", key)
    issuer.did = f"did:jwk:{b64url(json.dumps(issuer.jwk).encode())}"
    issuer.method = f"{issuer.did}#0"
    return issuer


def did_web(host: str = "school.example", kind: str = "EdDSA", name: str = "web") -> Issuer:
    """A did:web issuer; `did_document` is what its host serves."""
    did = f"did:web:{host}"
    return Issuer(did, f"{did}#key-1", _private(kind, name))


def did_document(issuer: Issuer, **changes: Any) -> Json:  # noqa: ANN401  (any JSON)
    """What the host of a did:web serves."""
    entry = {"id": issuer.method, "type": "JsonWebKey", "controller": issuer.did, "publicKeyJwk": issuer.jwk}
    document = {
        "@context": ["https://www.w3.org/ns/did/v1"],
        "id": issuer.did,
        "verificationMethod": [entry],
        "assertionMethod": [issuer.method],
        "authentication": [issuer.method],
    }
    return {**document, **changes}


def badge(issuer: Issuer, **changes: Any) -> Json:  # noqa: ANN401  (any JSON)
    """An Open Badge 3.0, unsigned."""
    document: Json = {
        "@context": [V2, OB3],
        "id": "urn:uuid:6f1c2e5c-2f0b-4a7e-9d4e-0c2f5d1b7a11",
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "name": "Welding, first course",
        "issuer": {"id": issuer.did, "type": ["Profile"], "name": "Southern School"},
        "validFrom": instant(ISSUED),
        "validUntil": instant(UNTIL),
        "credentialSubject": {
            "id": "did:example:learner",
            "type": ["AchievementSubject"],
            "achievement": {
                "id": "https://school.example/achievements/weld-1",
                "type": ["Achievement"],
                "achievementType": "MicroCredential",
                "name": "Welding, first course",
                "description": "MIG and MAG on steel",
                "criteria": {"narrative": "Two seams, judged by an examiner."},
            },
        },
    }
    return {name: value for name, value in {**document, **changes}.items() if value is not None}


def old_credential(issuer: Issuer, **changes: Any) -> Json:  # noqa: ANN401  (any JSON)
    """A credential of the VC data model 1.1, unsigned."""
    document: Json = {
        "@context": [V1],
        "id": "urn:uuid:0b2cfb3e-3f4b-4f39-8f0c-8b8c8f3f6a52",
        "type": ["VerifiableCredential"],
        "issuer": issuer.did,
        "issuanceDate": instant(ISSUED),
        "expirationDate": instant(UNTIL),
        "credentialSubject": {"id": "did:example:learner"},
    }
    return {name: value for name, value in {**document, **changes}.items() if value is not None}


def status_entry(index: int = 94_567, purpose: str = "revocation", **changes: Any) -> Json:  # noqa: ANN401  (any JSON)
    entry = {
        "id": f"{LIST_URL}#{index}",
        "type": "BitstringStatusListEntry",
        "statusPurpose": purpose,
        "statusListIndex": str(index),
        "statusListCredential": LIST_URL,
    }
    return {**entry, **changes}


def sign(document: Json, issuer: Issuer, suite: str = "eddsa-jcs-2022", **options: Any) -> Json:  # noqa: ANN401  (any JSON)
    """Sign a document with openvc."""
    created = options.pop("created", ISSUED)
    if "rdfc" in suite:
        options["extra_contexts"] = CONTEXTS
    signed: Json = SUITES[suite]().add_proof(
        deepcopy(document), signing_key=issuer.key, verification_method=issuer.method, created=created, **options
    )
    return signed


def token(payload: Json, issuer: Issuer, **header: Any) -> str:  # noqa: ANN401  (any JSON)
    """A compact JWS, made by hand."""
    head: Json = {"alg": issuer.key.alg, "typ": "vc+jwt", "kid": issuer.method, **header}
    head = {name: value for name, value in head.items() if value is not None}
    signed = f"{b64url(encode(head))}.{b64url(encode(payload))}"
    return f"{signed}.{b64url(issuer.key.sign(signed.encode()))}"


def encode(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def badge_claims(document: Json, **changes: Any) -> Json:  # noqa: ANN401  (any JSON)
    """The claims that Open Badges 3.0 asks for beside the members of a badge."""
    claims: Json = {
        **document,
        "iss": document["issuer"]["id"],
        "jti": document["id"],
        "nbf": int(datetime.fromisoformat(document["validFrom"]).timestamp()),
        "sub": document["credentialSubject"]["id"],
    }
    if "validUntil" in document:
        claims["exp"] = int(datetime.fromisoformat(document["validUntil"]).timestamp())
    return {name: value for name, value in {**claims, **changes}.items() if value is not None}


def old_token(document: Json, issuer: Issuer, **changes: Any) -> str:  # noqa: ANN401  (any JSON)
    """A VC-JWT of the data model 1.1: the credential is the claim `vc`."""
    claims: Json = {
        "iss": issuer.did,
        "jti": document["id"],
        "sub": document["credentialSubject"]["id"],
        "nbf": int(ISSUED.timestamp()),
        "exp": int(UNTIL.timestamp()),
        "vc": document,
    }
    changed = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    return token(changed, issuer, typ="JWT")


def sd_jwt(issuer: Issuer, holder: Issuer | None = None, **claims: Any) -> str:  # noqa: ANN401  (any JSON)
    """An SD-JWT VC made with openvc."""
    members: Json = {
        "iss": issuer.did,
        "sub": "did:example:learner",
        "nbf": int(ISSUED.timestamp()),
        "exp": int(UNTIL.timestamp()),
        "achievement": "Welding, first course",
        "grade": "5",
        **claims,
    }
    issuer.key._kid = issuer.method
    members = {name: value for name, value in members.items() if value is not None}
    made: str = SdJwtVcProofSuite().issue(
        members,
        signing_key=issuer.key,
        disclosable=("grade", "achievement"),
        holder_jwk=None if holder is None else holder.jwk,
        vct="https://school.example/types/award",
    )
    return made


def status_list(
    issuer: Issuer,
    *revoked: int,
    purpose: str = "revocation",
    bits: int = 131_072,
    **changes: Any,  # noqa: ANN401  (any JSON)
) -> bytes:
    """A signed Bitstring Status List."""
    packed = bytearray(bits // 8)
    for index in revoked:
        packed[index // 8] |= 0x80 >> index % 8
    built = build_status_list_credential(
        id=LIST_URL, issuer=issuer.did, bitstring=bytes(packed), status_purpose=purpose, valid_from=ISSUED
    )
    subject = {**built["credentialSubject"], **changes.pop("subject", {})}
    whole = {**built, "credentialSubject": subject, **changes}
    return encode(sign({name: value for name, value in whole.items() if value is not None}, issuer))


def token_list(issuer: Issuer, *, status: int = 0, index: int = 7, **options: Any) -> bytes:  # noqa: ANN401  (any JSON)
    """A Token Status List of two bits an entry."""
    packed = bytearray(2_048)
    packed[index // 4] |= status << 2 * (index % 4)
    issuer.key._kid = issuer.method
    chosen = {"uri": TOKEN_LIST_URL, "issuer": issuer.did, "issued_at": ISSUED, **options}
    return build_status_list_token(signing_key=issuer.key, status_list=bytes(packed), bits=2, **chosen).encode()


def png_image() -> bytes:
    stream = io.BytesIO()
    png.Writer(2, 2, greyscale=True).write(stream, [[0, 1], [2, 3]])
    return stream.getvalue()


SVG_IMAGE = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><circle r="1"/></svg>'


def baked_png(text: str) -> bytes:
    return bake_png(png_image(), text, keyword=ITXT_KEYWORD_OB3)


def baked_svg(text: str, *, as_text: bool) -> bytes:
    return bake_svg(SVG_IMAGE, text, element=SVG_ELEMENT_OB3, namespace=SVG_NS_OB3, as_text=as_text)


def report_or_none(judging: Callable[[str], Report], made: str) -> Report | None:
    """The report on something, or None when it is refused as malformed."""
    try:
        return judging(made)
    except InputError:
        return None


def judge(
    shown: bytes | str | Json,
    known: Mapping[str, Answer | bytes] | None = None,
    *,
    at: datetime | None = None,
    now: datetime = NOW,
    listed: Mapping[str, str] | None = None,
    anchors: Sequence[bytes] = (),
) -> Report:
    """Judge what was shown, with these answers of the world and no others."""
    return judged(shown, known, at=at, now=now, listed=listed, anchors=anchors)[0]


def judged(
    shown: bytes | str | Json,
    known: Mapping[str, Answer | bytes] | None = None,
    *,
    at: datetime | None = None,
    now: datetime = NOW,
    listed: Mapping[str, str] | None = None,
    anchors: Sequence[bytes] = (),
) -> tuple[Report, list[str]]:
    """Judge what was shown; also return the sources that were asked for in vain."""
    data = encode(shown) if isinstance(shown, dict) else shown.encode() if isinstance(shown, str) else shown
    answers = {name: Found(one) if isinstance(one, bytes) else one for name, one in (known or {}).items()}
    sources = Gathered(answers)
    asked = Asked(now, at, timedelta(minutes=10))
    report = verify_foreign(read_presented(data), sources=sources, asked=asked, listed=listed, anchors=anchors)
    return report, sources.wanted
