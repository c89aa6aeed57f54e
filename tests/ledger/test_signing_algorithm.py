"""Kinds of signing keys: made, kept, named, and signing what others can check."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from openvc.did.did_key import DidKeyResolver
from openvc.keys import verify_signature

from ledger.error import InvalidInputError, NotFoundError, RuleError
from ledger.institution import Institution
from ledger.signing_algorithm import (
    Algorithm,
    algorithm_of,
    decode_private_key,
    encode_private_key,
    make_private_key,
    public_multibase,
    signer,
)
from tests.ledger.world import OPERATOR, SLUG, SeededRandom, World, open_world, settle

MESSAGE = b"what is signed"
KINDS: tuple[Algorithm, ...] = ("Ed25519", "P-256", "P-384", "RSA")
ALG = {"Ed25519": "EdDSA", "P-256": "ES256", "P-384": "ES384", "RSA": "RS256"}


@pytest.mark.parametrize("kind", KINDS)
def test_key_signs_the_same_way_when_it_was_written_and_read_again(kind: Algorithm) -> None:
    private = make_private_key(kind, SeededRandom(1))
    again = decode_private_key(encode_private_key(private))
    assert algorithm_of(public_multibase(private)) == kind
    assert public_multibase(again) == public_multibase(private)
    key = signer(again, "did:example:a#key-1")
    assert (key.alg, key.kid) == (ALG[kind], "did:example:a#key-1")
    signature = key.sign(MESSAGE)
    public = private.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        public.verify(signature, MESSAGE, padding.PKCS1v15(), hashes.SHA256())
        with pytest.raises(InvalidSignature):
            public.verify(signature, MESSAGE + b".", padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize("kind", ["Ed25519", "P-256", "P-384"])
def test_multikey_is_read_by_another_library_when_made_here(kind: Algorithm) -> None:
    private = make_private_key(kind, SeededRandom(2))
    multibase = public_multibase(private)
    [method] = DidKeyResolver().resolve(f"did:key:{multibase}").verification_methods
    signature = signer(private, "k").sign(MESSAGE)
    assert verify_signature(alg=ALG[kind], public_jwk=method.public_key_jwk, signing_input=MESSAGE, signature=signature)
    assert not verify_signature(
        alg=ALG[kind], public_jwk=method.public_key_jwk, signing_input=MESSAGE + b".", signature=signature
    )


def test_curve_key_has_a_scalar_in_range_when_randomness_is_extreme() -> None:
    for filler in (b"\x00", b"\xff"):
        for kind in ("P-256", "P-384"):
            private = make_private_key(kind, lambda count, filler=filler: filler * count)  # type: ignore[misc]  # bound per turn
            assert isinstance(private, ec.EllipticCurvePrivateKey)
            signature = private.sign(hashlib.sha256(MESSAGE).digest(), ec.ECDSA(utils.Prehashed(hashes.SHA256())))
            private.public_key().verify(signature, MESSAGE, ec.ECDSA(hashes.SHA256()))


@pytest.mark.parametrize(
    "text", ["", "z", "z6", "zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme", "not a key", "uAAAA"]
)
def test_algorithm_is_refused_when_the_ledger_does_not_sign_with_it(text: str) -> None:
    with pytest.raises(InvalidInputError):
        algorithm_of(text)


def test_private_key_is_refused_when_of_another_kind() -> None:
    with pytest.raises(ValueError, match=r".+"):
        decode_private_key(b"\x30" * 48)
    seed = Ed25519PrivateKey.from_private_bytes(bytes(32))
    assert encode_private_key(seed) == bytes(32)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return settle(open_world(tmp_path))


def test_institution_has_a_key_of_each_kind_in_force_when_it_asked_for_them(world: World) -> None:
    for kind in ("P-256", "RSA"):
        world.registry.rotate_key(slug=SLUG, actor=OPERATOR, algorithm=kind)
    institution = world.ledger.institution(SLUG)
    named = {kind: key.key_id for kind in KINDS if (key := institution.active_key_of(kind)) is not None}
    assert named == {"Ed25519": "key-1", "P-256": "key-2", "RSA": "key-3"}
    assert institution.active_key == institution.key("key-1")
    world.close()


def test_rotation_retires_the_key_of_its_own_kind_when_there_are_others(world: World) -> None:
    world.registry.rotate_key(slug=SLUG, actor=OPERATOR, algorithm="P-256")
    world.registry.rotate_key(slug=SLUG, actor=OPERATOR, algorithm="P-256")
    world.registry.rotate_key(slug=SLUG, actor=OPERATOR)
    institution = world.ledger.institution(SLUG)
    assert [key.retired_at is None for key in institution.keys] == [False, False, True, True]
    assert institution.active_key == institution.key("key-4")
    with pytest.raises(NotFoundError):
        world.keys.signing_key(institution.id, "key-2", "x")
    assert world.keys.signing_key(institution.id, "key-3", "x").alg == "ES256"
    world.close()


@pytest.mark.parametrize("kind", ["Ed25519", "P-256", "P-384"])
def test_institution_is_identified_by_its_key_when_it_asked_to_be(world: World, kind: Algorithm) -> None:
    answer = world.registry.register(
        slug="keyed", name="Keyed", country="EE", kind="other", actor=OPERATOR, did_key=kind
    ).answer
    institution = world.ledger.institution("keyed")
    assert isinstance(institution, Institution)
    [key] = institution.keys
    assert (answer["did"], answer["key"]) == (f"did:key:{key.multibase}", key.multibase)
    method = f"{institution.did}#{key.key_id}"
    assert DidKeyResolver().resolve(institution.did).verification_methods[0].id == method
    assert world.keys.signing_key(institution.id, key.key_id, method).alg == ALG[kind]
    with pytest.raises(RuleError, match="cannot change"):
        world.registry.rotate_key(slug="keyed", actor=OPERATOR)
    world.close()
