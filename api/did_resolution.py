"""Resolves DIDs: those that hold their own key, those of this ledger's institutions, and others' where that is allowed.

A did:key or did:jwk is its key, so nothing is looked up. A did:web of this ledger is answered from the directory, as
the log knows it. A did:web of another host is asked for only where the operator has switched fetching on.

Source: W3C Decentralized Identifiers 1.0, sections 3.1 (syntax) and 7.1 (resolution); The did:key Method 0.9, section
3.1; did:jwk Method Specification; did:web Method Specification; RFC 7748, section 4.1 (the birational map).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from openvc.did.base import DidDocument, DidResolutionError
from openvc.did.did_jwk import DidJwkResolver
from openvc.multibase import MultibaseError, decode_multibase, encode_multibase, read_varint

from verifier.error import InputError
from verifier.foreign.source import MAX_SOURCE_BYTES, Answer, Missing
from verifier.strict_json import parse_json

DID_CONTEXT: Final = "https://www.w3.org/ns/did/v1"
MULTIKEY_CONTEXT: Final = "https://w3id.org/security/multikey/v1"
JWS_CONTEXT: Final = "https://w3id.org/security/suites/jws-2020/v1"
MAX_DID_CHARS: Final = 4_096
"""Longest DID that is looked at: a did:jwk of an RSA key of 8,192 bits takes about 2,000. Our own limit."""
MAX_KEY_CHARS: Final = 200
"""Longest did:key that is decoded; base58 takes time that grows with the square. P-384 takes 70."""

SIGNING: Final = ("assertionMethod", "authentication", "capabilityInvocation", "capabilityDelegation")
AGREEMENT: Final = "keyAgreement"

_DID: Final = re.compile(r"did:[a-z0-9]+:(?:(?:[A-Za-z0-9._-]|%[0-9A-Fa-f]{2})*:)*(?:[A-Za-z0-9._-]|%[0-9A-Fa-f]{2})+")
_ED25519, _P256, _P384 = 0xED, 0x1200, 0x1201
_CURVES: Final[dict[int, ec.EllipticCurve]] = {_P256: ec.SECP256R1(), _P384: ec.SECP384R1()}
_KEY_BYTES: Final = {_ED25519: 32, _P256: 33, _P384: 49}
_X25519_PREFIX: Final = b"\xec\x01"
_FIELD_PRIME: Final = 2**255 - 19
_PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


class DidError(Exception):
    """A DID could not be resolved.

    Args:
        code: Error of the resolution metadata, such as ``invalidDid``.
        message: A plain sentence.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


INVALID: Final = "invalidDid"
INVALID_URL: Final = "invalidDidUrl"
NOT_FOUND: Final = "notFound"
METHOD_NOT_SUPPORTED: Final = "methodNotSupported"
REPRESENTATION_NOT_SUPPORTED: Final = "representationNotSupported"
INVALID_OPTIONS: Final = "invalidOptions"
FEATURE_NOT_SUPPORTED: Final = "featureNotSupported"
INVALID_KEY_LENGTH: Final = "invalidPublicKeyLength"
UNSUPPORTED_KEY_TYPE: Final = "unsupportedPublicKeyType"
INVALID_KEY_TYPE: Final = "invalidPublicKeyType"
UNCHANGING: Final = ("did:key:", "did:jwk:")
"""DIDs whose document was always the same: they are their keys."""


def is_did(text: str) -> bool:
    """Whether *text* is a DID by its syntax, and not longer than any that is looked at."""
    return len(text) <= MAX_DID_CHARS and _DID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class DidResolution:
    """Resolves DIDs.

    Args:
        own: The DID document of an institution of this ledger, by its DID; None if it has none of that DID.
        fetch_web: Resolves the did:web identifiers of other hosts; None: they are not asked for.
    """

    own: Callable[[str], dict[str, Any] | None]
    fetch_web: Callable[[str], dict[str, Any]] | None = None

    def document(self, did: str) -> dict[str, Any]:
        """Return the DID document of *did*.

        Raises:
            DidError: It is no DID, of a method that is not resolved here, or there is nothing to be had.
        """
        if not is_did(did):
            raise DidError(
                INVALID, "this is no DID: did, a method in lower case, and an identifier, with colons between"
            )
        known, method = self.own(did), did.split(":")[1]
        if method == "key":
            # A key that an institution of ours has revoked, or that was stolen, asserts nothing any more.
            return key_document(did) | ({} if known is None else {SIGNING[0]: known[SIGNING[0]]})
        if known is not None:
            return known
        if method == "jwk":
            return jwk_document(did)
        if method == "web":
            return self._web(did)
        raise DidError(METHOD_NOT_SUPPORTED, "this server resolves did:key, did:jwk and did:web")

    def _web(self, did: str) -> dict[str, Any]:
        if self.fetch_web is None:
            raise DidError(NOT_FOUND, "this ledger has no institution of that DID, and does not ask other hosts")
        try:
            return self.fetch_web(did)
        except DidResolutionError as error:
            raise DidError(NOT_FOUND, "the other host gave no DID document for that DID") from error


def web_documents(answer: Callable[[str], Answer]) -> Callable[[str], dict[str, Any]]:
    """Make what resolves the did:web identifiers of other hosts.

    Args:
        answer: Fetches the document of a did:web.
    """

    def document(did: str) -> dict[str, Any]:
        found = answer(did)
        if isinstance(found, Missing):
            raise DidResolutionError(found.detail)
        try:
            value = parse_json(found.data, max_bytes=MAX_SOURCE_BYTES)
        except InputError as error:
            raise DidResolutionError(str(error)) from error
        if not isinstance(value, dict) or value.get("id") != did:
            message = "the document is another DID's"
            raise DidResolutionError(message)
        return value

    return document


def key_document(did: str) -> dict[str, Any]:
    """Make the document of a did:key of Ed25519, P-256 or P-384.

    An Ed25519 key cannot agree on keys, so the X25519 key that follows from it is there for that.

    Returns:
        The document; what is in it is shared with others' and must not be changed.

    Raises:
        DidError: The key cannot be read, or is of another kind.
    """
    return dict(_key_document(did))


@lru_cache(maxsize=1024)
def _key_document(did: str) -> dict[str, Any]:
    """Make it once for each key: the key alone says what is in it, and an issuer's key verifies many documents."""
    multibase = did.removeprefix("did:key:")
    code, raw = _read_key(multibase)
    method = _multikey(did, multibase)
    document: dict[str, Any] = {
        "@context": [DID_CONTEXT, MULTIKEY_CONTEXT],
        "id": did,
        "verificationMethod": [method],
        **{relationship: [method["id"]] for relationship in SIGNING},
    }
    document[AGREEMENT] = [_multikey(did, _agreement_key(raw)) if code == _ED25519 else method["id"]]
    return document


def _multikey(did: str, multibase: str) -> dict[str, str]:
    return {"id": f"{did}#{multibase}", "type": "Multikey", "controller": did, "publicKeyMultibase": multibase}


def _read_key(multibase: str) -> tuple[int, bytes]:
    """Read a Multikey; the code of its kind and the bytes of the key."""
    if len(multibase) > MAX_KEY_CHARS or not multibase.startswith("z"):
        raise DidError(INVALID, "a did:key is a public key in base58btc, and begins with z")
    try:
        decoded = decode_multibase(multibase)
        code, length = read_varint(decoded)
    except MultibaseError as error:
        raise DidError(INVALID, "a did:key is a multicodec public key in base58btc") from error
    raw = decoded[length:]
    if code not in _KEY_BYTES or multibase != encode_multibase(decoded):
        raise DidError(INVALID, "the key is of a kind that is not resolved here: Ed25519, P-256 and P-384 are")
    if len(raw) != _KEY_BYTES[code]:
        raise DidError(INVALID_KEY_LENGTH, "the public key has another length than keys of its kind")
    try:
        if code == _ED25519:
            Ed25519PublicKey.from_public_bytes(raw)
        else:
            ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[code], raw)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise DidError(INVALID, "the public key is no point of its curve") from error
    return code, raw


def _agreement_key(ed25519: bytes) -> str:
    """Map an Ed25519 public key to the X25519 key of the same secret. Source: RFC 7748 section 4.1."""
    y = int.from_bytes(ed25519, "little") & (1 << 255) - 1
    u = (1 + y) * pow(1 - y, -1, _FIELD_PRIME) % _FIELD_PRIME if (1 - y) % _FIELD_PRIME else 0
    return encode_multibase(_X25519_PREFIX + u.to_bytes(32, "little"))


def jwk_document(did: str) -> dict[str, Any]:
    """Make the document of a did:jwk.

    Raises:
        DidError: It holds no public JWK.
    """
    encoded = did.removeprefix("did:jwk:")
    try:
        base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
        resolved: DidDocument = DidJwkResolver().resolve(did)
    except (DidResolutionError, binascii.Error, ValueError) as error:
        raise DidError(INVALID, "a did:jwk is a public JWK as JSON in base64url") from error
    [method] = resolved.verification_methods
    jwk = method.public_key_jwk
    if jwk.get("kty") not in {"EC", "OKP", "RSA"} or _PRIVATE_MEMBERS & jwk.keys():
        raise DidError(INVALID, "a did:jwk holds a public key of the types EC, OKP or RSA")
    use = jwk.get("use")
    relationships = (*(SIGNING if use != "enc" else ()), *((AGREEMENT,) if use != "sig" else ()))
    return {
        "@context": [DID_CONTEXT, JWS_CONTEXT],
        "id": did,
        "verificationMethod": [
            {"id": method.id, "type": "JsonWebKey2020", "controller": did, "publicKeyJwk": jwk},
        ],
        **{relationship: [method.id] for relationship in relationships},
    }
