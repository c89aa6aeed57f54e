"""Public keys of issuers, in the two spellings they come in, and what they say of a signature.

A signature by Ed25519 is judged by libsodium. Libraries differ on keys of small order and on numbers that are not
reduced; libsodium refuses all of these, and what it takes every other library takes (the tests say which is which).

Source: W3C Controlled Identifiers 1.0 section 2.2.2 (Multikey); RFC 7517, RFC 7518 and RFC 8037 (JWK); RFC 8032.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from nacl import bindings
from nacl.exceptions import BadSignatureError
from openvc.multibase import decode_multibase, encode_multibase

from verifier.error import KeyRefusedError

Algorithm = Literal["EdDSA", "ES256", "ES384", "ES512", "ES256K", "RS256"]
"""What a key is for; RSA keys also verify PS256, RS384, PS384, RS512 and PS512."""

_ED25519: Final = b"\xed\x01"
_P256: Final = b"\x80\x24"
_P384: Final = b"\x81\x24"
_P521: Final = b"\x82\x24"
_SECP256K1: Final = b"\xe7\x01"
_RSA: Final = b"\x85\x24"
"""Multicodec prefixes: 0xed, 0x1200, 0x1201, 0x1202, 0xe7 and 0x1205 as varints. Source: the multicodec table."""
ED25519_BYTES: Final = 32
SIGNATURE_BYTES: Final[Mapping[str, int]] = {"EdDSA": 64, "ES256": 64, "ES384": 96, "ES512": 132, "ES256K": 64}
MIN_RSA_BITS: Final = 2048
MAX_RSA_BITS: Final = 8192
"""Source of the lower bound: RFC 7518 section 3.3; the upper one bounds the work."""
MIN_RSA_EXPONENT, MAX_RSA_EXPONENT = 3, 2**32
MAX_MULTIBASE: Final = 2048
_CURVES: Final[Mapping[str, tuple[type[ec.EllipticCurve], Algorithm, bytes]]] = {
    "P-256": (ec.SECP256R1, "ES256", _P256),
    "P-384": (ec.SECP384R1, "ES384", _P384),
    "P-521": (ec.SECP521R1, "ES512", _P521),
    "secp256k1": (ec.SECP256K1, "ES256K", _SECP256K1),
}
_EC_HASHES: Final[Mapping[str, type[HashAlgorithm]]] = {
    "ES256": SHA256,
    "ES384": SHA384,
    "ES512": SHA512,
    "ES256K": SHA256,
}
_RSA_HASHES: Final[Mapping[str, type[HashAlgorithm]]] = {"256": SHA256, "384": SHA384, "512": SHA512}
_RSA_ALGORITHMS: Final = frozenset(f"{scheme}{bits}" for scheme in ("RS", "PS") for bits in _RSA_HASHES)
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]+")
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "k"})


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key.

    Attributes:
        alg: Its JOSE algorithm.
        multibase: Its Multikey spelling.
    """

    alg: Algorithm
    multibase: str
    _key: bytes | ec.EllipticCurvePublicKey | rsa.RSAPublicKey

    def verify(self, data: bytes, signature: bytes, alg: str | None = None) -> bool:
        """Tell whether a signature over *data* is by this key.

        Args:
            data: What was signed, not hashed.
            signature: Raw: 64 bytes for EdDSA, ES256 and ES256K, 96 for ES384, 132 for ES512 (r and s side by side),
                the modulus' for RSA.
            alg: The algorithm that the signature is said to be of; that of the key by default. One that the key
                is not for is a bad signature.
        """
        alg = alg or self.alg
        if isinstance(self._key, rsa.RSAPublicKey):
            return _verify_rsa(self._key, data, signature, alg)
        if alg != self.alg or len(signature) != SIGNATURE_BYTES[alg]:
            return False
        if isinstance(self._key, bytes):
            return _verify_ed25519(self._key, data, signature)
        return _verify_ecdsa(self._key, data, signature, _EC_HASHES[alg]())

    def is_for(self, alg: str) -> bool:
        """Tell whether it is a key for a signature algorithm."""
        return alg in _RSA_ALGORITHMS if self.alg == "RS256" else alg == self.alg

    def __reduce__(self) -> tuple[Any, ...]:
        """Let a key go to another process by its spelling."""
        return PublicKey.from_multibase, (self.multibase,)

    @classmethod
    def from_multibase(cls, multibase: str) -> PublicKey:
        """Read a Multikey, such as the part of a did:key after its last colon.

        Raises:
            KeyRefusedError: It is malformed or of a kind that is not supported.
        """
        if not multibase.startswith("z") or len(multibase) > MAX_MULTIBASE:
            raise KeyRefusedError("a Multikey is written in base58btc")
        try:
            raw = decode_multibase(multibase)
        except Exception as error:
            raise KeyRefusedError("a Multikey that is not base58btc") from error
        kind, body = raw[:2], raw[2:]
        if kind == _ED25519:
            return cls._ed25519(body)
        if kind == _RSA:
            return cls._rsa_der(body)
        for curve, algorithm, prefix in _CURVES.values():
            if kind == prefix:
                return cls._ec(curve(), algorithm, prefix, body)
        raise KeyRefusedError(f"a Multikey of an unknown kind: {kind.hex()}")

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, Any]) -> PublicKey:
        """Read a JWK.

        Raises:
            KeyRefusedError: It is malformed, holds a private key, or is of a kind that is not supported.
        """
        if _PRIVATE & set(jwk):
            raise KeyRefusedError("a JWK that gives a private key away")
        kind, curve = jwk.get("kty"), jwk.get("crv")
        if kind == "OKP" and curve == "Ed25519":
            return cls._ed25519(_member(jwk, "x"))
        if kind == "EC" and isinstance(curve, str) and curve in _CURVES:
            form, algorithm, prefix = _CURVES[curve]
            x, y = _member(jwk, "x"), _member(jwk, "y")
            width = (form().key_size + 7) // 8
            if len(x) != width or len(y) != width:
                raise KeyRefusedError("coordinates of another length than the curve's")
            return cls._ec(form(), algorithm, prefix, b"\x04" + x + y)
        if kind == "RSA":
            modulus, exponent = (int.from_bytes(_member(jwk, name)) for name in ("n", "e"))
            return cls._rsa(modulus, exponent)
        raise KeyRefusedError(f"a JWK of an unknown kind: {kind!s:.20} {curve!s:.20}")

    @classmethod
    def _ed25519(cls, raw: bytes) -> PublicKey:
        if len(raw) != ED25519_BYTES:
            raise KeyRefusedError("an Ed25519 key has 32 bytes")
        return cls("EdDSA", encode_multibase(_ED25519 + raw), raw)

    @classmethod
    def _ec(cls, curve: ec.EllipticCurve, algorithm: Algorithm, prefix: bytes, point: bytes) -> PublicKey:
        try:
            key = ec.EllipticCurvePublicKey.from_encoded_point(curve, point)
        except ValueError as error:
            raise KeyRefusedError("not a point of the curve") from error
        packed = key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
        return cls(algorithm, encode_multibase(prefix + packed), key)

    @classmethod
    def _rsa(cls, modulus: int, exponent: int) -> PublicKey:
        is_exponent = MIN_RSA_EXPONENT <= exponent < MAX_RSA_EXPONENT and exponent % 2 == 1
        if not MIN_RSA_BITS <= modulus.bit_length() <= MAX_RSA_BITS or not is_exponent:
            raise KeyRefusedError("an RSA key that is too short, too long, or has an unusual exponent")
        try:
            key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
        except ValueError as error:
            raise KeyRefusedError("not an RSA key") from error
        packed = key.public_bytes(Encoding.DER, PublicFormat.PKCS1)
        return cls("RS256", encode_multibase(_RSA + packed), key)

    @classmethod
    def _rsa_der(cls, der: bytes) -> PublicKey:
        try:
            key = load_der_public_key(der)
        except ValueError as error:
            raise KeyRefusedError("not an RSA key") from error
        if not isinstance(key, rsa.RSAPublicKey):
            raise KeyRefusedError("not an RSA key")
        numbers = key.public_numbers()
        return cls._rsa(numbers.n, numbers.e)


def _member(jwk: Mapping[str, Any], name: str) -> bytes:
    """Read a base64url member of a JWK."""
    text = jwk.get(name)
    if not isinstance(text, str) or not _BASE64URL.fullmatch(text) or len(text) > MAX_MULTIBASE:
        raise KeyRefusedError(f"a JWK whose {name!r} is not base64url")
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise KeyRefusedError(f"a JWK whose {name!r} is not base64url") from error


def _verify_ed25519(key: bytes, data: bytes, signature: bytes) -> bool:
    try:
        bindings.crypto_sign_open(signature + data, key)
    except BadSignatureError:
        return False
    return True


def _verify_ecdsa(key: ec.EllipticCurvePublicKey, data: bytes, signature: bytes, digest: HashAlgorithm) -> bool:
    half = len(signature) // 2
    r, s = int.from_bytes(signature[:half]), int.from_bytes(signature[half:])
    try:
        key.verify(encode_dss_signature(r, s), data, ec.ECDSA(digest))
    except InvalidSignature:
        return False
    return True


def _verify_rsa(key: rsa.RSAPublicKey, data: bytes, signature: bytes, alg: str) -> bool:
    digest = _RSA_HASHES.get(alg[2:])
    if digest is None or alg[:2] not in {"RS", "PS"}:
        return False
    scheme: padding.AsymmetricPadding = padding.PKCS1v15()
    if alg.startswith("PS"):
        # The salt is as long as the hash. Source: RFC 7518 section 3.5.
        scheme = padding.PSS(padding.MGF1(digest()), salt_length=padding.PSS.DIGEST_LENGTH)
    try:
        key.verify(signature, data, scheme, digest())
    except InvalidSignature:
        return False
    return True
