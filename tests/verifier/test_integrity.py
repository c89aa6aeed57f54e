"""Data Integrity proofs: four suites, sets, chains, and everything that must not verify."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from openvc.keys import Ed25519SigningKey, P256SigningKey, P384SigningKey
from openvc.multibase import b58btc_encode
from openvc.proof.data_integrity import DataIntegrityProofSuite
from openvc.proof.di_jcs import EcdsaJcsProofSuite, EddsaJcsProofSuite
from openvc.proof.vc_jwt import SigningKey

from ledger.canonical import canonical_json
from ledger.integrity_proof import add_proof
from tests.jsonld.conftest import node  # noqa: F401  a fixture
from tests.jsonld.document import DI, V1, V2, badge, old
from tests.node.processor import Processor
from verifier.error import KeyRefusedError, KeyUnavailableError, NotCompiledError, ProofError
from verifier.integrity.binding import controller_of
from verifier.integrity.known_key import KnownKeys
from verifier.integrity.proof import MAX_PROOFS, ProofOutcome, require_proof, verify_proofs
from verifier.jsonld.canonical import Effort, canonical_nquads
from verifier.public_key import PublicKey
from verifier.report import State

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
CREATED = datetime(2026, 3, 1, 10, tzinfo=UTC)
ED25519 = Ed25519SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))), "did:example:issuer#ed")
P256 = P256SigningKey(ec.derive_private_key(7, ec.SECP256R1()), "did:example:issuer#p256")
P384 = P384SigningKey(ec.derive_private_key(7, ec.SECP384R1()), "did:example:issuer#p384")
SIGNERS: list[tuple[str, SigningKey]] = [
    ("eddsa-jcs-2022", ED25519),
    ("eddsa-rdfc-2022", ED25519),
    ("ecdsa-jcs-2019", P256),
    ("ecdsa-jcs-2019", P384),
    ("ecdsa-rdfc-2019", P256),
    ("ecdsa-rdfc-2019", P384),
]
KEYS = KnownKeys(
    {(signer.kid, purpose): PublicKey.from_jwk(signer.public_jwk()) for signer in (ED25519, P256, P384)
     for purpose in ("assertionMethod", "authentication")}
)  # fmt: skip


def canonicalise(document: Mapping[str, Any], hash_name: str) -> bytes:
    return canonical_nquads(document, hash_name="sha384" if hash_name == "sha384" else "sha256")


def signed(suite: str, signer: SigningKey, document: dict[str, Any] | None = None, **named: Any) -> dict[str, Any]:  # noqa: ANN401  any JSON value
    return add_proof(document or badge(), signer, CREATED, cryptosuite=suite, canonicalise=canonicalise, **named)


def verified(document: dict[str, Any], **named: Any) -> tuple[ProofOutcome, ...]:  # noqa: ANN401  options of the call
    return verify_proofs(document, named.pop("keys", KEYS), **{"purpose": "assertionMethod", "now": NOW, **named})


def code(document: dict[str, Any], **named: Any) -> str:  # noqa: ANN401  options of the call
    [outcome] = verified(document, **named)
    return outcome.code


def resigned(document: dict[str, Any], signer: SigningKey = ED25519, **changes: Any) -> dict[str, Any]:  # noqa: ANN401  any JSON value
    """Sign anew with other options, as a signer would who sees nothing wrong in them; None takes one away."""
    unsecured = {name: member for name, member in document.items() if name != "proof"}
    options = {**document["proof"], **changes}
    options = {name: value for name, value in options.items() if value is not None and name != "proofValue"}
    parts = (canonical_json(options), canonical_json(unsecured))
    signature = signer.sign(b"".join(hashlib.sha256(part).digest() for part in parts))
    return {**unsecured, "proof": {**options, "proofValue": "z" + b58btc_encode(signature)}}


@pytest.mark.parametrize("suite, signer", SIGNERS)
def test_proof_is_good_when_it_was_just_made(suite: str, signer: SigningKey) -> None:
    [outcome] = verified(signed(suite, signer))
    assert outcome == ProofOutcome(State.PASSED, "proof_good", "", suite, signer.kid, CREATED, "assertionMethod")


@pytest.mark.parametrize("suite, signer", SIGNERS)
def test_proof_is_bad_when_any_value_is_changed(suite: str, signer: SigningKey) -> None:
    document = signed(suite, signer)
    for change in (
        {"name": "Other"},
        {"validUntil": "2041-03-01T10:00:00Z"},
        {"credentialSubject": {**document["credentialSubject"], "creditsEarned": 6}},
        {"credentialStatus": document["credentialStatus"][:1]},
        {"awardedDate": "2026-01-01T00:00:00Z"},
    ):
        assert code({**document, **change}) == "signature_wrong"
    for name in ("created", "verificationMethod", "proofValue"):
        value = document["proof"][name]
        proof = {**document["proof"], name: value.replace(value[-3], "3" if value[-3] != "3" else "4")}
        assert code({**document, "proof": proof}) != "proof_good"


@pytest.mark.parametrize(
    "suite, theirs, key",
    [
        ("eddsa-jcs-2022", EddsaJcsProofSuite(), ED25519),
        ("eddsa-rdfc-2022", DataIntegrityProofSuite(), ED25519),
        ("ecdsa-jcs-2019", EcdsaJcsProofSuite(), P256),
        ("ecdsa-jcs-2019", EcdsaJcsProofSuite(), P384),
    ],
)
def test_proof_is_good_for_openvc_and_openvcs_for_us(suite: str, theirs: Any, key: Any) -> None:  # noqa: ANN401  suites of openvc
    extra = {"extra_contexts": contexts()} if "rdfc" in suite else {}
    theirs.verify(signed(suite, key), public_key_jwk=key.public_jwk(), now=NOW, **extra)
    made = theirs.add_proof(badge(), signing_key=key, verification_method=key.kid, created=CREATED, **extra)
    assert code(made) == "proof_good"


def contexts() -> dict[str, Any]:
    from verifier.jsonld.context import CONTEXTS, context_document  # noqa: PLC0415  for this one helper

    return {url: context_document(url) for url in CONTEXTS}


@pytest.mark.parametrize("make", [badge, old])
@pytest.mark.parametrize("suite", ["eddsa-jcs-2022", "eddsa-rdfc-2022"])
def test_proof_is_good_for_digitalbazaar_and_theirs_for_us(suite: str, make: Any, node: Processor) -> None:  # noqa: ANN401, F811  a maker of documents; the fixture
    public = PublicKey.from_jwk(ED25519.public_jwk()).multibase
    method = f"did:key:{public}#{public}"
    signer = Ed25519SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))), method)
    document = {**make(), "issuer": f"did:key:{public}"}
    document.pop("credentialStatus", None)
    ours = signed(suite, signer, document)
    asked = {"suite": suite, "key": public, "method": method, "now": NOW.isoformat()}
    assert node.ask(verify=ours, **asked)["verified"]
    assert not node.ask(verify={**ours, "id": "urn:uuid:0000"}, **asked)["verified"]
    pair = {
        "@context": "https://w3id.org/security/multikey/v1", "type": "Multikey", "id": method,
        "controller": f"did:key:{public}", "publicKeyMultibase": public,
        "secretKeyMultibase": "z" + b58btc_encode(b"\x80\x26" + bytes(range(32))),
    }  # fmt: skip
    theirs = node.ask(sign=document, suite=suite, key=pair, date="2026-03-01T10:00:00Z")["signed"]
    keys = KnownKeys({(method, "assertionMethod"): PublicKey.from_multibase(public)})
    assert code(theirs, keys=keys) == "proof_good"


def test_proof_over_json_is_good_when_it_leaves_its_context_out() -> None:
    document = signed("eddsa-jcs-2022", ED25519)
    del document["proof"]["@context"]
    assert code(document) == "proof_good"  # it was hashed
    assert code(resigned(document)) == "proof_good"  # it was not


def test_proof_over_json_is_for_the_beginning_of_the_context_when_it_has_one() -> None:
    document = signed("eddsa-jcs-2022", ED25519)
    longer = {**document, "@context": [*document["@context"], "https://www.w3.org/ns/credentials/examples/v2"]}
    assert code(longer) == "proof_good"
    assert code({**document, "@context": document["@context"][:1]}) == "proof_context_differs"
    assert code({**document, "@context": document["@context"][::-1]}) == "proof_context_differs"
    document["proof"]["@context"] = []
    assert code(document) == "proof_context_differs"


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({"type": None}, "proof_malformed"),
        ({"type": ""}, "proof_malformed"),
        ({"type": "Ed25519Signature2020"}, "suite_unknown"),
        ({"cryptosuite": None}, "proof_malformed"),
        ({"cryptosuite": ""}, "proof_malformed"),
        ({"cryptosuite": 5}, "proof_malformed"),
        ({"cryptosuite": "unknown-2017"}, "suite_unknown"),
        ({"cryptosuite": "ecdsa-jcs-2019"}, "key_unsuited"),
        ({"verificationMethod": None}, "proof_malformed"),
        ({"verificationMethod": {"id": "did:example:issuer#ed"}}, "proof_malformed"),
        ({"verificationMethod": "did:example:nobody#key"}, "key_unavailable"),
        ({"proofPurpose": None}, "proof_malformed"),
        ({"proofPurpose": "authentication"}, "purpose_differs"),
        ({"created": None}, "proof_good"),
        ({"created": "invalidDate"}, "proof_malformed"),
        ({"created": "2026-02-30T00:00:00Z"}, "proof_malformed"),
        ({"created": 5}, "proof_malformed"),
        ({"created": "2026-03-01T10:00:00"}, "proof_good"),
        ({"created": "2026-03-01T10:00:00+02:00"}, "proof_good"),
        ({"created": "2026-11-25T12:04:59Z"}, "proof_good"),
        ({"created": "2026-11-25T12:05:01Z"}, "created_in_future"),
        ({"expires": "2026-11-25T12:00:00Z"}, "proof_good"),
        ({"expires": "2026-11-25T11:59:59Z"}, "proof_expired"),
        ({"expires": "2026-11-25T11:59:59"}, "proof_expired"),
        ({"expires": "never"}, "proof_malformed"),
        ({"id": 5}, "proof_malformed"),
        ({"previousProof": "urn:x:none"}, "previous_proof_missing"),
        ({"previousProof": 5}, "previous_proof_missing"),
        ({"previousProof": ["urn:x:none"]}, "previous_proof_missing"),
    ],
)
def test_proof_is_judged_by_its_options_when_they_are_signed(changes: dict[str, Any], expected: str) -> None:
    assert code(resigned(signed("eddsa-jcs-2022", ED25519), **changes)) == expected


@pytest.mark.parametrize("value", [None, "", "abc", 5, "z", "z0", "u" + "A" * 86, "z" + "1" * 300, "z1111"])
def test_proof_is_refused_when_its_value_is_no_base58btc(value: object) -> None:
    document = signed("eddsa-jcs-2022", ED25519)
    document["proof"] = {**document["proof"], "proofValue": value}
    assert code(document) == "proof_malformed"


@pytest.mark.parametrize("proof, expected", [(None, "proof_missing"), ([], "proof_missing"), ("x", "proof_malformed")])
def test_document_is_refused_when_it_has_no_proof(proof: object, expected: str) -> None:
    assert code({**badge(), "proof": proof}) == expected
    assert code(badge()) == "proof_missing"


def test_document_is_refused_when_it_has_too_many_proofs() -> None:
    proof = signed("eddsa-jcs-2022", ED25519)["proof"]
    assert code({**badge(), "proof": [proof] * (MAX_PROOFS + 1)}) == "too_many_proofs"


def test_challenge_and_domain_are_compared_when_they_are_expected() -> None:
    document = signed("eddsa-jcs-2022", ED25519)
    bound = resigned(document, challenge="c1", domain=["a.example", "b.example"])
    assert code(bound) == "proof_good"
    assert code(bound, challenge="c1", domain="b.example") == "proof_good"
    assert code(bound, challenge="c2") == "challenge_differs"
    assert code(bound, domain="c.example") == "domain_differs"
    assert code(document, challenge="c1") == "challenge_differs"
    assert code(document, domain="a.example") == "domain_differs"
    assert code(resigned(document, domain="a.example"), domain="a.example") == "proof_good"
    assert code(resigned(document, domain="a.example.evil"), domain="a.example") == "domain_differs"


def test_proof_is_refused_or_unknown_when_the_key_is() -> None:
    document = signed("eddsa-jcs-2022", ED25519)
    for error, state, expected in (
        (KeyRefusedError("revoked"), State.FAILED, "key_refused"),
        (KeyUnavailableError("no network"), State.UNKNOWN, "key_unavailable"),
    ):
        [outcome] = verified(document, keys=KnownKeys({(ED25519.kid, "assertionMethod"): error}))
        assert (outcome.state, outcome.code) == (state, expected)


def test_proof_set_is_judged_proof_by_proof() -> None:
    proofs = [signed(suite, signer)["proof"] for suite, signer in SIGNERS]
    proofs[2] = {**proofs[2], "created": "2026-03-01T10:00:01Z"}
    assert [one.code for one in verified({**badge(), "proof": proofs})] == [
        "proof_good", "proof_good", "signature_wrong", "proof_good", "proof_good", "proof_good",
    ]  # fmt: skip


@pytest.mark.parametrize("as_list", [False, True])
@pytest.mark.parametrize("suite", ["eddsa-jcs-2022", "eddsa-rdfc-2022", "ecdsa-rdfc-2019"])
def test_proof_chain_covers_the_proofs_before_it(suite: str, as_list: bool) -> None:  # noqa: FBT001  a parameter
    signer: SigningKey = ED25519 if suite.startswith("eddsa") else P256
    document = chain(suite, signer, as_list=as_list)
    assert [one.code for one in verified(document)] == ["proof_good", "proof_good"]
    # The second no longer holds when the first is another one, although that is good as well.
    other = copy.deepcopy(document)
    other["proof"][0] = {**signed(suite, signer, {**badge()})["proof"], "id": "urn:x:other"}
    assert verified(other)[1].code == "previous_proof_missing"
    other["proof"][0]["id"] = document["proof"][0]["id"]
    assert verified(other)[1].code == "signature_wrong"
    assert verified({**document, "proof": [document["proof"][0]] * 2 + document["proof"][1:]})[2].code == (
        "previous_proof_missing"
    )


def chain(suite: str, signer: Any, *, as_list: bool) -> dict[str, Any]:  # noqa: ANN401  a signing key
    """A document with a proof, and a proof over both."""
    first, second = "urn:uuid:00000000-0000-4000-8000-000000000001", "urn:uuid:00000000-0000-4000-8000-000000000002"
    one = proof_over(badge(), suite, signer, {"id": first})
    before = [first] if as_list else first
    two = proof_over({**badge(), "proof": [one]}, suite, signer, {"id": second, "previousProof": before})
    return {**badge(), "proof": [one, two]}


def proof_over(document: dict[str, Any], suite: str, signer: Any, more: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401  any JSON value
    options = {
        "type": "DataIntegrityProof", "cryptosuite": suite, "created": "2026-03-01T10:00:00Z",
        "verificationMethod": signer.kid, "proofPurpose": "assertionMethod", **more,
    }  # fmt: skip
    write = canonical_json if "jcs" in suite else canonical_nquads
    parts = (write({**options, "@context": document["@context"]}), write(document))
    signature = signer.sign(b"".join(hashlib.sha256(part).digest() for part in parts))
    return {**options, "proofValue": "z" + b58btc_encode(signature)}


def test_proof_over_rdf_is_refused_when_the_json_could_show_something_else() -> None:
    document = signed(
        "eddsa-rdfc-2022", ED25519, {**old(), "@context": [V1, DI], "expirationDate": "2020-06-01T00:00:00Z"}
    )
    assert code(document) == "proof_good"
    hidden = {name: value for name, value in document.items() if name != "expirationDate"}
    hidden["https://www.w3.org/2018/credentials#expirationDate"] = {
        "@value": "2020-06-01T00:00:00Z", "@type": "http://www.w3.org/2001/XMLSchema#dateTime",
    }  # fmt: skip
    [outcome] = verified(hidden)
    assert (outcome.state, outcome.code) == (State.FAILED, "document_refused")


def test_proof_over_rdf_is_refused_when_a_term_has_no_meaning() -> None:
    document = signed("eddsa-rdfc-2022", ED25519)
    [outcome] = verified({**document, "madeUp": "x"})
    assert (outcome.state, outcome.code) == (State.FAILED, "document_refused")


def test_proof_over_rdf_is_unknown_when_a_context_is_not_installed() -> None:
    document = signed("eddsa-rdfc-2022", ED25519)
    [outcome] = verified({**document, "@context": [V2, "https://evil.example/"]})
    assert (outcome.state, outcome.code) == (State.UNKNOWN, "context_refused")


def test_proof_over_rdf_is_unknown_when_the_document_is_poisoned() -> None:
    [outcome] = verified(poisoned())
    assert (outcome.state, outcome.code) == (State.UNKNOWN, "work_exceeded")


def poisoned(size: int = 8) -> dict[str, Any]:
    """A good-looking document whose blank nodes are linked each with each."""
    document = signed("eddsa-rdfc-2022", ED25519)
    names = [f"_:b{number}" for number in range(size)]
    document["evidence"] = [
        {"id": name, "type": ["Evidence"], "evidence": [{"id": other} for other in names if other != name]}
        for name in names
    ]
    document["@context"] = [*document["@context"], "https://www.w3.org/ns/credentials/examples/v2"]
    return document


@pytest.mark.parametrize("text", ["\x01\x07\x08\x0c\x7f", "\ufffe", "𝔘 ñ", '"\\'])
@pytest.mark.parametrize("suite, signer", SIGNERS)
def test_proof_is_good_when_a_text_holds_odd_characters(suite: str, signer: SigningKey, text: str) -> None:
    assert code(signed(suite, signer, {**badge(), "name": text})) == "proof_good"


def test_known_shapes_are_verified_when_nothing_else_may_be_done() -> None:
    documents = [signed("eddsa-rdfc-2022", ED25519, {**badge(), "id": f"urn:uuid:{number}"}) for number in range(4)]
    odd = {**documents[0], "evidence": [{"type": ["Evidence"], "name": "n", "genre": "g", "audience": "a"}]}
    with pytest.raises(NotCompiledError):
        verified(odd, effort=Effort.KNOWN)
    for document in documents[:3]:
        assert code(document) == "proof_good"
    assert code(documents[3], effort=Effort.KNOWN) == "proof_good"
    assert code({**documents[3], "name": "x"}, effort=Effort.KNOWN) == "signature_wrong"


def test_require_proof_says_why_when_it_does_not_hold() -> None:
    document, key = signed("eddsa-jcs-2022", ED25519), PublicKey.from_jwk(ED25519.public_jwk())
    require_proof(document, key)
    with pytest.raises(ProofError, match="signature_wrong"):
        require_proof({**document, "name": "x"}, key)
    with pytest.raises(ProofError, match="key_unsuited"):
        require_proof(document, PublicKey.from_jwk(P256.public_jwk()))


@pytest.mark.parametrize(
    "method, controller",
    [("did:key:zA#zA", "did:key:zA"), ("did:key:zA", "did:key:zA"), ("https://a.example/k#1", "https://a.example/k")],
)
def test_controller_is_what_stands_before_the_fragment(method: str, controller: str) -> None:
    assert controller_of(method) == controller
