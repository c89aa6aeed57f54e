"""Keys in their spellings, and the signatures on which libraries differ."""

from __future__ import annotations

import pickle

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from openvc.keys import Ed25519SigningKey, P256SigningKey, P384SigningKey
from openvc.multibase import encode_multibase

from verifier.error import KeyRefusedError
from verifier.public_key import PublicKey

ED25519 = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
MESSAGE = b"message"

SMALL_ORDER = {
    1: "0100000000000000000000000000000000000000000000000000000000000000",
    2: "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    4: "0000000000000000000000000000000000000000000000000000000000000000",
    8: "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
}
"""Points of small order, each with its order: the identity, -1, a point with y = 0, one of the fours with order 8."""
NOT_REDUCED = {
    "identity as p + 1": (P + 1).to_bytes(32, "little").hex(),
    "y = 0 as p": P.to_bytes(32, "little").hex(),
    "identity with the sign of zero": "01000000000000000000000000000000000000000000000000000000000000" + "80",
}


def openssl_accepts(key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def key_of(raw: bytes) -> PublicKey:
    return PublicKey.from_multibase(encode_multibase(b"\xed\x01" + raw))


def test_ed25519_verifies_what_it_signed_and_nothing_else() -> None:
    raw, signature = ED25519.public_key().public_bytes_raw(), ED25519.sign(MESSAGE)
    key = key_of(raw)
    assert key.verify(MESSAGE, signature)
    assert not key.verify(MESSAGE + b"x", signature)
    assert not key.verify(MESSAGE, signature[:-1])
    assert not key.verify(MESSAGE, signature + b"\0")
    assert not key.verify(MESSAGE, b"")
    assert not key.verify(MESSAGE, signature, "ES256")
    for place in range(64):
        changed = bytearray(signature)
        changed[place] ^= 1
        assert not key.verify(MESSAGE, bytes(changed))
        assert not openssl_accepts(raw, bytes(changed), MESSAGE)


def test_ed25519_refuses_s_when_the_order_is_added_to_it() -> None:
    raw, signature = ED25519.public_key().public_bytes_raw(), ED25519.sign(MESSAGE)
    s = int.from_bytes(signature[32:], "little") + L
    other = signature[:32] + s.to_bytes(32, "little")
    assert not key_of(raw).verify(MESSAGE, other)
    assert not openssl_accepts(raw, other, MESSAGE)


@pytest.mark.parametrize("point", [*SMALL_ORDER.values(), *NOT_REDUCED.values()])
def test_ed25519_refuses_a_key_of_small_order_that_signs_anything(point: str) -> None:
    # With a key of small order and s = 0, R of small order satisfies the equation for some messages, whoever asks.
    key, taken = bytes.fromhex(point), 0
    for r in (*SMALL_ORDER.values(), *NOT_REDUCED.values()):
        for number in range(16):
            signature = bytes.fromhex(r) + bytes(32)
            taken += openssl_accepts(key, signature, bytes([number]))
            assert not key_of(key).verify(bytes([number]), signature)
    # OpenSSL takes some of these for keys that it reads; the stricter answer is ours.
    assert taken > 0 or point in NOT_REDUCED.values() or point == SMALL_ORDER[8] or point == SMALL_ORDER[4]


def test_openssl_takes_a_signature_by_the_identity_that_libsodium_refuses() -> None:
    key, signature = bytes.fromhex(SMALL_ORDER[1]), bytes.fromhex(SMALL_ORDER[1]) + bytes(32)
    assert openssl_accepts(key, signature, MESSAGE)
    assert not key_of(key).verify(MESSAGE, signature)


def test_ed25519_refuses_r_of_small_order_with_an_honest_key() -> None:
    raw = ED25519.public_key().public_bytes_raw()
    for r in (*SMALL_ORDER.values(), *NOT_REDUCED.values()):
        assert not key_of(raw).verify(MESSAGE, bytes.fromhex(r) + bytes(32))


def test_ed25519_is_taken_by_openssl_when_it_is_taken_here() -> None:
    for number in range(200):
        private = Ed25519PrivateKey.from_private_bytes(number.to_bytes(32, "big"))
        raw, signature = private.public_key().public_bytes_raw(), private.sign(MESSAGE)
        assert key_of(raw).verify(MESSAGE, signature)
        assert openssl_accepts(raw, signature, MESSAGE)


@pytest.mark.parametrize(
    "make, curve, size",
    [(P256SigningKey, ec.SECP256R1(), 64), (P384SigningKey, ec.SECP384R1(), 96)],
)
def test_ecdsa_verifies_raw_signatures_of_its_curve_alone(make: type, curve: ec.EllipticCurve, size: int) -> None:
    signer = make(ec.generate_private_key(curve), "did:example:a#b")
    key = PublicKey.from_jwk(signer.public_jwk())
    signature = signer.sign(MESSAGE)
    assert len(signature) == size
    assert key.verify(MESSAGE, signature)
    assert PublicKey.from_multibase(key.multibase).verify(MESSAGE, signature)
    assert not key.verify(MESSAGE + b"x", signature)
    assert not key.verify(MESSAGE, signature[:-1])
    assert not key.verify(MESSAGE, bytes(size))
    assert not key.verify(MESSAGE, b"\xff" * size)


@pytest.mark.parametrize("algorithm", ["RS256", "PS256"])
def test_rsa_verifies_both_paddings_when_asked_to(algorithm: str) -> None:
    private = rsa.generate_private_key(65537, 2048)
    numbers = private.public_key().public_numbers()
    n, e = (encode_multibase_url(value) for value in (numbers.n, numbers.e))
    key = PublicKey.from_jwk({"kty": "RSA", "n": n, "e": e})
    scheme = padding.PKCS1v15() if algorithm == "RS256" else padding.PSS(padding.MGF1(SHA256()), 32)
    signature = private.sign(MESSAGE, scheme, SHA256())
    assert key.verify(MESSAGE, signature, algorithm)
    assert PublicKey.from_multibase(key.multibase).verify(MESSAGE, signature, algorithm)
    assert not key.verify(MESSAGE, signature, "PS256" if algorithm == "RS256" else "RS256")
    assert not key.verify(MESSAGE, signature, "none")
    assert not key.verify(MESSAGE, signature, "HS256")
    assert not key.verify(MESSAGE, signature, "EdDSA")


def encode_multibase_url(value: int) -> str:
    import base64  # noqa: PLC0415  for this one helper

    return base64.urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8)).rstrip(b"=").decode()


def test_key_is_the_same_when_it_went_to_another_process() -> None:
    key = key_of(ED25519.public_key().public_bytes_raw())
    assert pickle.loads(pickle.dumps(key)) == key  # noqa: S301  made on the line itself


JWK = Ed25519SigningKey(ED25519, "").public_jwk()


@pytest.mark.parametrize(
    "jwk",
    [
        {},
        {**JWK, "d": "AAAA"},
        {**JWK, "x": JWK["x"][:-2]},
        {**JWK, "x": JWK["x"] + "="},
        {**JWK, "x": 5},
        {**JWK, "crv": "X25519"},
        {**JWK, "crv": ["Ed25519"]},
        {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"},
        {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43},
        {"kty": "EC", "crv": "secp256k1", "x": "A" * 43, "y": "A" * 43},
        {"kty": "RSA", "n": "A" * 20, "e": "AQAB"},
        {"kty": "RSA", "n": "_" * 342, "e": "AQ"},
        {"kty": "oct", "k": "AAAA"},
    ],
)
def test_jwk_is_refused_when_it_is_no_public_key(jwk: dict[str, object]) -> None:
    with pytest.raises(KeyRefusedError):
        PublicKey.from_jwk(jwk)


@pytest.mark.parametrize(
    "text",
    [
        *("", "z", "zzzz", "z0OIl", "u7QEAAA", "m7QE", "z" + "1" * 5000),
        encode_multibase(b"\xed\x01" + bytes(31)),
        encode_multibase(b"\xec\x01" + bytes(32)),
        encode_multibase(b"\x80\x24" + b"\x02" + b"\xff" * 32),
        encode_multibase(b"\x85\x24" + b"\x30\x00"),
    ],
)
def test_multikey_is_refused_when_it_is_no_public_key(text: str) -> None:
    with pytest.raises(KeyRefusedError):
        PublicKey.from_multibase(text)
