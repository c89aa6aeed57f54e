"""Kinds of signing keys: how each is made, kept, written as a Multikey, and made ready to sign.

An institution signs its awards with Ed25519. Wallets and displayers that read JOSE alone ask for ES256 or RS256, the
``ecdsa`` cryptosuites for P-256 or P-384; an institution may have one key of each kind in force.

Source: W3C Controlled Identifiers 1.0, section 2.2.2 (Multikey); Multicodec table (``ed25519-pub``, ``p256-pub``,
``p384-pub``, ``rsa-pub``); RFC 7518, section 3.1 (``alg``); RFC 8037 (``EdDSA``).
"""

from __future__ import annotations

import base64
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)
from nacl import bindings
from openvc.did.base import multikey_to_jwk
from openvc.keys import Ed25519SigningKey, P256SigningKey, P384SigningKey
from openvc.multibase import MultibaseError, decode_multibase, encode_multibase
from openvc.proof.vc_jwt import SigningKey

from ledger.error import InvalidInputError
from ledger.key_ring import RandomBytes

Algorithm: TypeAlias = Literal["Ed25519", "P-256", "P-384", "RSA"]
PrivateKey: TypeAlias = Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

ED25519_MULTICODEC: Final = b"\xed\x01"
P256_MULTICODEC: Final = b"\x80\x24"
P384_MULTICODEC: Final = b"\x81\x24"
RSA_MULTICODEC: Final = b"\x85\x24"
SEED_BYTES: Final = 32
RSA_BITS: Final = 3072
"""Source: NIST SP 800-57 part 1, table 2: 128 bits of strength, as the other kinds have."""
RSA_EXPONENT: Final = 65537
_EXTRA_RANDOM_BYTES: Final = 8
"""Random bytes beyond the order's length, so that the remainder is as good as uniform. Source: FIPS 186-5, A.2.1."""
_BEGINNINGS: Final[dict[str, Algorithm]] = {"z6Mk": "Ed25519", "zDn": "P-256", "z82": "P-384"}
"""How keys of one length begin in base58. Source: The did:key Method, section 2.1."""
_ORDERS: Final = {
    "P-256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "P-384": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
}
"""Orders of the curves' groups. Source: NIST SP 800-186, section 3.2.1."""


class RsaSigningKey(msgspec.Struct, frozen=True):
    """An RSA key that signs RS256, as openvc's ``SigningKey`` asks for. Source: RFC 7518, section 3.3."""

    private: rsa.RSAPrivateKey
    kid: str

    @property
    def alg(self) -> str:
        """The JOSE name of what it signs with."""
        return "RS256"

    def sign(self, signing_input: bytes) -> bytes:
        """RSASSA-PKCS1-v1_5 with SHA-256 over *signing_input*."""
        return self.private.sign(signing_input, padding.PKCS1v15(), hashes.SHA256())


class SodiumSigningKey(Ed25519SigningKey):
    """An Ed25519 key that signs with libsodium: the very same bytes, and 25 µs instead of 42.

    Source: RFC 8032 section 5.1.6: a signature follows from the key and the message alone.
    """

    def __init__(self, private: Ed25519PrivateKey, kid: str) -> None:
        super().__init__(private, kid)
        seed = private.private_bytes_raw()
        self._secret: Final = seed + private.public_key().public_bytes_raw()

    def sign(self, signing_input: bytes) -> bytes:
        """The 64 bytes of the signature over *signing_input*."""
        return bindings.crypto_sign(signing_input, self._secret)[: bindings.crypto_sign_BYTES]


@lru_cache(maxsize=256)
def algorithm_of(multibase: str) -> Algorithm:
    """What kind of key a Multikey string is, by how it begins.

    Raises:
        InvalidInputError: It is of no kind that the ledger signs with.

    Not checked: that a key follows.
    """
    known = next((kind for start, kind in _BEGINNINGS.items() if multibase.startswith(start)), None)
    if known is not None:
        return known
    with suppress(MultibaseError):
        if decode_multibase(multibase).startswith(RSA_MULTICODEC):  # how it begins depends on its length
            return "RSA"
    message = f"the ledger has no keys of the kind of {multibase[:60]!r}"
    raise InvalidInputError(message, "/key_multibase")


def make_private_key(algorithm: Algorithm, random: RandomBytes) -> PrivateKey:
    """Make a private key.

    Args:
        algorithm: What kind.
        random: Where randomness comes from. Not used for RSA: its primes can only be drawn by the library itself, from
            the operating system.
    """
    if algorithm == "Ed25519":
        return Ed25519PrivateKey.from_private_bytes(random(SEED_BYTES))
    if algorithm == "RSA":
        return rsa.generate_private_key(RSA_EXPONENT, RSA_BITS)
    curve = ec.SECP256R1() if algorithm == "P-256" else ec.SECP384R1()
    order = _ORDERS[algorithm]
    drawn = int.from_bytes(random(curve.key_size // 8 + _EXTRA_RANDOM_BYTES))
    return ec.derive_private_key(drawn % (order - 1) + 1, curve)


def encode_private_key(private: PrivateKey) -> bytes:
    """The bytes that are wrapped: an Ed25519 key's 32-byte seed, any other key in PKCS #8."""
    if isinstance(private, Ed25519PrivateKey):
        return private.private_bytes_raw()
    return private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def decode_private_key(kept: bytes) -> PrivateKey:
    """Read what :func:`encode_private_key` wrote.

    Raises:
        ValueError: The bytes are no private key of a known kind.
    """
    if len(kept) == SEED_BYTES:
        return Ed25519PrivateKey.from_private_bytes(kept)
    private = load_der_private_key(kept, None)
    if not isinstance(private, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        message = "a private key of a kind that the ledger does not sign with"
        raise ValueError(message)  # noqa: TRY004  the bytes are wrong, not a type
    return private


def public_multibase(private: PrivateKey) -> str:
    """The public half as a Multikey string."""
    public = private.public_key()
    if isinstance(private, Ed25519PrivateKey):
        return encode_multibase(ED25519_MULTICODEC + public.public_bytes(Encoding.Raw, PublicFormat.Raw))
    if isinstance(private, rsa.RSAPrivateKey):
        return encode_multibase(RSA_MULTICODEC + public.public_bytes(Encoding.DER, PublicFormat.PKCS1))
    prefix = P256_MULTICODEC if isinstance(private.curve, ec.SECP256R1) else P384_MULTICODEC
    return encode_multibase(prefix + public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint))


def signer(private: PrivateKey, verification_method: str) -> SigningKey:
    """The key, ready to sign as *verification_method*."""
    if isinstance(private, Ed25519PrivateKey):
        return SodiumSigningKey(private, verification_method)
    if isinstance(private, rsa.RSAPrivateKey):
        return RsaSigningKey(private, verification_method)
    kind = P256SigningKey if isinstance(private.curve, ec.SECP256R1) else P384SigningKey
    return kind(private, verification_method)


@lru_cache(maxsize=256)
def _jwk_members(multibase: str) -> tuple[tuple[str, str], ...]:
    if algorithm_of(multibase) != "RSA":
        return tuple(multikey_to_jwk(multibase).items())
    key = load_der_public_key(decode_multibase(multibase)[len(RSA_MULTICODEC) :])
    if not isinstance(key, rsa.RSAPublicKey):
        message = "a key that is called RSA and is none"
        raise InvalidInputError(message, "/key_multibase")
    numbers = key.public_numbers()
    return (("kty", "RSA"), ("n", _base64url_number(numbers.n)), ("e", _base64url_number(numbers.e)))


def public_jwk(multibase: str) -> dict[str, Any]:
    """The same key as a JWK: the members that make the key, and no others. Source: RFC 7517; RFC 7518, section 6.

    Raises:
        InvalidInputError: It is of no kind that the ledger signs with.
    """
    return dict(_jwk_members(multibase))


def _base64url_number(number: int) -> str:
    """Source: RFC 7518, section 2 (Base64urlUInt)."""
    raw = number.to_bytes((number.bit_length() + 7) // 8)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
