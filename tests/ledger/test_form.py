"""The documents of an award: each verified by a library that did not make it, and refused when it was changed."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from datetime import datetime
from typing import Any

import msgspec
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from jwcrypto.jwk import JWK
from openbadgeslib import baking
from openbadgeslib.ob3 import OB3VerificationError
from openbadgeslib.ob3.verifier import OB3Verifier
from openvc.errors import OpenvcError
from openvc.keys import Ed25519SigningKey, P256SigningKey
from openvc.multibase import decode_multibase
from openvc.proof.di_jcs import EddsaJcsProofSuite
from openvc.proof.sd_jwt import SdJwtVcProofSuite
from openvc.proof.vc_jwt import SigningKey
from png import Reader
from pyld import jsonld
from sd_jwt.verifier import SDJWTVerifier

from ledger.claim import AwardClaim
from ledger.document import Award, document_form, sign_document
from ledger.error import MissingElementError
from ledger.form.elm import build_elm, credit_points, duration
from ledger.form.image import bake_png, bake_svg
from ledger.form.open_badge import build_document, elements_of, without_repetition
from ledger.form.sd_jwt import DISCLOSABLE, issuer_signed_part, sign_sd_jwt
from ledger.form.vc_jwt import claims_of, key_address, key_header, sign_jwt
from ledger.integrity_proof import add_proof
from ledger.learner_identity import identities_of
from ledger.signing_algorithm import Algorithm, RsaSigningKey, make_private_key, public_multibase
from ledger.signing_algorithm import public_jwk as jwk_of
from tests.ledger.full_award import FULL_CLAIM, HOLDER_JWK, full_award
from tests.ledger.test_document import KEY, METHOD, load_context, public_jwk, sign
from tests.ledger.world import BASE_URL, START, claim
from verifier.jsonld.canonical import canonical_nquads

# The name that Open Badges 3.0 and the VC specifications use; RFC 9864 has another for the same signature.
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
BARE = full_award(claim=claim(), details=None)
AWARDS = pytest.mark.parametrize("award", [full_award(), BARE], ids=["full", "bare"])
"""With every element, and with none that may be left out."""


class FixedBytes:
    """Bytes for keys that are the same in every run."""

    def __call__(self, count: int) -> bytes:
        return bytes(range(1, count + 1))


P256 = make_private_key("P-256", FixedBytes())
RSA = rsa.generate_private_key(65537, 2048)


def signing_key(algorithm: str) -> SigningKey:
    keys: dict[str, SigningKey] = {
        "EdDSA": Ed25519SigningKey(KEY, METHOD),
        "ES256": P256SigningKey(P256, METHOD),  # type: ignore[arg-type]  # it is one on that curve
        "RS256": RsaSigningKey(RSA, METHOD),
    }
    return keys[algorithm]


def public_pem(algorithm: str) -> bytes:
    private: Any = {"EdDSA": KEY, "ES256": P256, "RS256": RSA}[algorithm]
    pem: bytes = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


def jose_key(algorithm: str) -> Any:  # noqa: ANN401  a key of three kinds
    kind: Any = {"EdDSA": OKPKey, "ES256": ECKey, "RS256": RSAKey}[algorithm]
    return kind.import_key(public_pem(algorithm))


def decode_part(part: str) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return decoded


# ── VC-JWT ───────────────────────────────────────────────────────────────────────────────────────────


@AWARDS
@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256"])
def test_vc_jwt_verifies_with_libraries_that_did_not_make_it(award: Award, algorithm: str) -> None:
    document = build_document(award, BASE_URL)
    token = sign_jwt(document, signing_key(algorithm)).decode()
    claims = jwt.decode(token, jose_key(algorithm), algorithms=[algorithm]).claims
    assert {name: claims[name] for name in document} == document
    badge = OB3Verifier(pubkey_pem=public_pem(algorithm)).verify(token)
    assert badge.achievement.name == document["name"]


def test_vc_jwt_repeats_the_members_that_have_registered_claims() -> None:
    document = build_document(full_award(), BASE_URL)
    claims = claims_of(document)
    assert (claims["iss"], claims["jti"], claims["sub"]) == (
        document["issuer"]["id"],
        document["id"],
        "did:example:ada",
    )
    for claim_name, member in (("nbf", "validFrom"), ("exp", "validUntil")):
        assert claims[claim_name] == datetime.fromisoformat(document[member]).timestamp()
    assert "vc" not in claims
    header = decode_part(sign_jwt(document, signing_key("EdDSA")).decode().split(".")[0])
    assert header == {"alg": "EdDSA", "kid": METHOD, "typ": "JWT"}


@pytest.mark.parametrize("kind", ["Ed25519", "P-256", "P-384", "RSA"])
def test_header_has_the_key_and_where_it_is_for_displayers(kind: Algorithm) -> None:
    private = make_private_key(kind, secrets.token_bytes)
    address = key_address(BASE_URL, "riverside", "key-2")
    header = key_header(public_multibase(private), address)
    assert address == f"{BASE_URL}/institutions/riverside/keys/key-2"
    made = JWK.from_pyca(private.public_key()).export_public(as_dict=True)
    jwk = {name: value for name, value in made.items() if name != "kid"}
    assert jwk_of(public_multibase(private)) == jwk
    assert header == ({"kid": address} if kind == "RSA" else {"jwk": jwk})


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256"])
def test_vc_jwt_does_not_verify_when_a_part_of_it_is_changed(algorithm: str) -> None:
    token = sign_jwt(build_document(full_award(), BASE_URL), signing_key(algorithm)).decode()
    head, payload, signature = token.split(".")
    body = decode_part(payload)
    body["credentialSubject"]["result"][0]["value"] = "better"
    forged = base64.urlsafe_b64encode(json.dumps(body).encode()).rstrip(b"=").decode()
    other = base64.urlsafe_b64encode(json.dumps({**decode_part(head), "kid": "x"}).encode()).rstrip(b"=").decode()
    for changed in (f"{head}.{forged}.{signature}", f"{other}.{payload}.{signature}", f"{head}.{payload}.{'A' * 86}"):
        with pytest.raises(JoseError):
            jwt.decode(changed, jose_key(algorithm), algorithms=[algorithm])
        with pytest.raises(OB3VerificationError):
            OB3Verifier(pubkey_pem=public_pem(algorithm)).verify(changed)


@pytest.mark.parametrize("member, pointer", [("id", "/id"), ("issuer", "/issuer/id"), ("validFrom", "/validFrom")])
def test_vc_jwt_names_the_member_when_it_is_missing(member: str, pointer: str) -> None:
    document = build_document(full_award(), BASE_URL)
    del document[member]
    with pytest.raises(MissingElementError, match=member) as caught:
        claims_of(document)
    assert caught.value.pointer == pointer


# ── Data Integrity ───────────────────────────────────────────────────────────────────────────────────


def rdfc(document: dict[str, Any]) -> dict[str, Any]:
    def canonicalise(value: Any, hash_name: Any) -> bytes:  # noqa: ANN401  as add_proof calls it
        return canonical_nquads(value, hash_name=hash_name)

    key = Ed25519SigningKey(KEY, METHOD)
    return add_proof(document, key, START, cryptosuite="eddsa-rdfc-2022", canonicalise=canonicalise)


def rdf_hash(document: dict[str, Any]) -> bytes:
    """SHA-256 of a document's canonical N-Quads as PyLD makes them."""
    options = {"algorithm": "URDNA2015", "format": "application/n-quads", "documentLoader": load_context}
    return hashlib.sha256(jsonld.normalize(document, options).encode()).digest()


@AWARDS
def test_open_badge_over_rdf_is_signed_over_what_pyld_makes_of_it(award: Award) -> None:
    signed = rdfc(build_document(award, BASE_URL))
    proof = signed.pop("proof")
    signature = decode_multibase(proof.pop("proofValue"))
    hashes = rdf_hash({**proof, "@context": signed["@context"]}) + rdf_hash(signed)
    KEY.public_key().verify(signature, hashes)
    elements_of(signed)["learningOutcomes"].reverse()
    with pytest.raises(InvalidSignature):
        KEY.public_key().verify(signature, rdf_hash({**proof, "@context": signed["@context"]}) + rdf_hash(signed))


def test_open_badge_over_rdf_has_one_literal_for_every_learner_of_an_offer() -> None:
    others = msgspec.structs.replace(claim("Other Person", grade="B"), awarded_on=FULL_CLAIM.awarded_on)
    made = [without_repetition(build_document(full_award(claim=one), BASE_URL)) for one in (FULL_CLAIM, others)]
    assert elements_of(made[0]) == elements_of(made[1])
    assert made[0]["credentialSubject"]["result"][0]["value"] == FULL_CLAIM.grade
    assert "title" in elements_of(made[0])


def test_award_is_signed_with_the_suite_of_its_key() -> None:
    document = build_document(full_award(), BASE_URL)
    assert sign_document(document, signing_key("ES256"), START)["proof"]["cryptosuite"] == "ecdsa-jcs-2019"
    assert sign_document(document, signing_key("EdDSA"), START)["proof"]["cryptosuite"] == "eddsa-jcs-2022"


# ── SD-JWT VC ────────────────────────────────────────────────────────────────────────────────────────


def sd_jwt(award: Award) -> str:
    return sign_sd_jwt(award, BASE_URL, signing_key("EdDSA")).decode()


def verified(presentation: str) -> dict[str, Any]:
    """What another implementation makes of a presentation."""
    key = JWK.from_pem(public_pem("EdDSA"))
    payload: dict[str, Any] = SDJWTVerifier(presentation, lambda *_: key).get_verified_payload()
    return payload


@AWARDS
def test_sd_jwt_verifies_with_libraries_that_did_not_make_it(award: Award) -> None:
    token = sd_jwt(award)
    ours = SdJwtVcProofSuite().verify(token, public_key_jwk=public_jwk())
    theirs = verified(token)
    assert ours.claims == theirs
    assert theirs["iss"] == award.institution.did
    assert theirs["learner"] == award.claim.learner.name


def test_sd_jwt_shows_nothing_of_the_learner_when_every_disclosure_is_withheld() -> None:
    token = sd_jwt(full_award())
    issuer_part, *disclosures, last = token.split("~")
    assert last == ""
    assert len(disclosures) == len(DISCLOSABLE)
    bare = verified(issuer_part + "~")
    assert not set(DISCLOSABLE) & set(bare)
    text = json.dumps(bare, ensure_ascii=False)
    for told in ("Ада", "ada@example.org", "did:example:ada", "отлично", "portfolios/77", "census", "DA-000123"):
        assert told not in text
    assert issuer_signed_part(token.encode()) == issuer_part.encode()


def test_sd_jwt_shows_one_claim_when_one_is_disclosed() -> None:
    issuer_part, *disclosures, _ = sd_jwt(full_award()).split("~")
    shown = {}
    for disclosure in disclosures:
        claims = verified(f"{issuer_part}~{disclosure}~")
        [name] = set(DISCLOSABLE) & set(claims)
        shown[name] = claims[name]
    assert set(shown) == set(DISCLOSABLE)
    assert shown["grade"] == "отлично"


def test_sd_jwt_never_lets_status_or_validity_be_withheld() -> None:
    bare = verified(sd_jwt(full_award()).split("~")[0] + "~")
    for name in ("status", "nbf", "exp", "validFrom", "validUntil", "vct", "iss", "cnf", "achievement"):
        assert name in bare, name
    place = full_award().place
    assert bare["status"] == {"status_list": {"idx": place.index, "uri": f"{BASE_URL}/status-tokens/{place.block}"}}


def test_sd_jwt_is_bound_to_the_holder_when_the_claim_names_a_key() -> None:
    assert verified(sd_jwt(full_award()))["cnf"] == {"jwk": HOLDER_JWK}
    assert "cnf" not in verified(sd_jwt(BARE))


def test_sd_jwt_does_not_verify_when_a_disclosure_or_the_payload_is_changed() -> None:
    issuer_part, *disclosures, _ = sd_jwt(full_award()).split("~")
    salt, name, _ = json.loads(base64.urlsafe_b64decode(disclosures[4] + "=="))
    assert name == "grade"
    forged = base64.urlsafe_b64encode(json.dumps([salt, name, "better"]).encode()).rstrip(b"=").decode()
    with pytest.raises(OpenvcError):
        SdJwtVcProofSuite().verify(f"{issuer_part}~{forged}~", public_key_jwk=public_jwk())
    head, payload, signature = issuer_part.split(".")
    body = decode_part(payload) | {"name": "Other"}
    other = base64.urlsafe_b64encode(json.dumps(body).encode()).rstrip(b"=").decode()
    with pytest.raises(OpenvcError):
        SdJwtVcProofSuite().verify(f"{head}.{other}.{signature}~", public_key_jwk=public_jwk())


def test_sd_jwt_names_the_field_when_nobody_is_named() -> None:
    nobody = msgspec.structs.replace(FULL_CLAIM.learner, name="")
    award = full_award(claim=msgspec.structs.replace(FULL_CLAIM, learner=nobody))
    with pytest.raises(MissingElementError, match=r"learner\.name") as caught:
        sd_jwt(award)
    assert caught.value.pointer == "/learner/name"


# ── European Learning Model ──────────────────────────────────────────────────────────────────────────


@AWARDS
def test_elm_verifies_with_openvc_and_is_refused_when_any_value_is_changed(award: Award) -> None:
    signed = sign(build_elm(award, BASE_URL))
    EddsaJcsProofSuite().verify(signed, public_key_jwk=public_jwk(), now=START)
    changed = json.loads(json.dumps(signed))
    changed["credentialSubject"]["hasClaim"][0]["specifiedBy"]["eqfLevel"]["notation"] = "8"
    with pytest.raises(OpenvcError):
        EddsaJcsProofSuite().verify(changed, public_key_jwk=public_jwk(), now=START)
    assert b"null" not in document_form(signed)


@pytest.mark.parametrize(
    "changes, pointer",
    [
        ({"outcomes": ()}, "/template/outcomes"),
        ({"credits_centi": None, "workload_minutes": None}, "/template/workload_minutes"),
        ({"eqf_level": None, "qf_ehea": None}, "/template/eqf_level"),
        ({"assessment": ""}, "/template/assessment"),
        ({"participation": ""}, "/template/participation"),
        ({"quality_assurance": ""}, "/template/quality_assurance"),
        ({"title": ""}, "/template/title"),
    ],
)
def test_elm_names_the_field_when_an_element_is_missing(changes: dict[str, object], pointer: str) -> None:
    award = full_award()
    template = msgspec.structs.replace(award.template, **changes)
    with pytest.raises(MissingElementError, match="European Digital Credential") as caught:
        build_elm(msgspec.structs.replace(award, template=template), BASE_URL)
    assert caught.value.pointer == pointer


def test_elm_names_the_field_when_the_country_or_a_grade_is_missing() -> None:
    award = full_award()
    nowhere = msgspec.structs.replace(award.institution, country="")
    with pytest.raises(MissingElementError) as caught:
        build_elm(msgspec.structs.replace(award, institution=nowhere), BASE_URL)
    assert caught.value.pointer == "/institution/country"


@pytest.mark.parametrize(
    "minutes, written", [(1, "PT1M"), (60, "PT1H"), (3_600, "PT60H"), (3_930, "PT65H30M"), (59, "PT59M")]
)
def test_elm_writes_a_workload_as_a_duration(minutes: int, written: str) -> None:
    assert duration(minutes) == written


@pytest.mark.parametrize("centi, written", [(1, "0.01"), (10, "0.1"), (250, "2.5"), (300, "3"), (3_000, "30")])
def test_elm_writes_credits_as_points(centi: int, written: str) -> None:
    assert credit_points(centi) == written


# ── Hashed identities, pictures ──────────────────────────────────────────────────────────────────────


def test_no_form_names_the_learner_when_the_claim_asks_for_hashes() -> None:
    hidden: AwardClaim = msgspec.structs.replace(
        FULL_CLAIM, learner=msgspec.structs.replace(FULL_CLAIM.learner, hashed=True)
    )
    award = full_award(claim=hidden, identities=identities_of(hidden.learner, FixedBytes()))
    forms = [
        document_form(build_document(award, BASE_URL)).decode(),
        json.dumps(verified(sd_jwt(award)), ensure_ascii=False),
        document_form(build_elm(award, BASE_URL)).decode(),
    ]
    [hashed] = {identity.value for identity in award.identities if identity.kind == "name"}
    for text in forms:
        assert "Ада" not in text
        assert "ada@example.org" not in text
        assert hashed in text


@pytest.mark.parametrize(
    "form",
    [
        document_form(sign(build_document(full_award(), BASE_URL))),
        sign_jwt(build_document(full_award(), BASE_URL), signing_key("EdDSA")),
    ],
    ids=["json", "jwt"],
)
def test_picture_holds_the_document_as_openbadgeslib_reads_it(form: bytes) -> None:
    url = full_award().url(BASE_URL)
    png, svg = bake_png(url, form), bake_svg(url, form)
    width, height, *_ = Reader(bytes=png).read()
    assert width == height > 200
    assert OB3Verifier.extract_token_from_png(png).encode() == form
    assert OB3Verifier.extract_token_from_svg(svg).encode() == form
    assert baking.has_png(png, keyword=baking.ITXT_KEYWORD_OB3)
