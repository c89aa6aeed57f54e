"""The signed document: verified by openvc, complete, and every term of it defined."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from importlib import resources
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from openvc.keys import Ed25519SigningKey
from openvc.proof.di_jcs import EddsaJcsProofSuite
from pyld import jsonld

from ledger.achievement import Template
from ledger.claim import AwardClaim
from ledger.commitment import DOCUMENT_KIND, commit
from ledger.credential_id import credential_aggregate_id
from ledger.document import Award, document_form, instant_text, institution_did, sign_document
from ledger.form.open_badge import build_document
from ledger.institution import Institution
from ledger.status_allocation import StatusPlace
from tests.ledger.full_award import full_award
from tests.ledger.scenario import Scenario
from tests.ledger.test_identity import GOOD
from tests.ledger.test_institution import REGISTERED
from tests.ledger.world import BASE_URL, OPERATOR, SLUG, START, TEMPLATE, World, claim
from verifier.error import ProofError
from verifier.integrity.proof import require_proof
from verifier.public_key import PublicKey

FULL_TEMPLATE = msgspec.structs.replace(
    TEMPLATE,
    workload_minutes=3_900,
    qf_ehea="first",
    supervision="proctored",
    prerequisites="none",
    stackable="towards a diploma",
)
FULL_CLAIM = claim(
    "Ада Пример",
    reference="S-1",
    email="ada@example.org",
    id="did:example:ada",
    grade="отлично",
    valid_until=datetime(2031, 1, 1, tzinfo=UTC),
)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
METHOD = f"{REGISTERED.did}#key-1"
CONTEXTS = {
    "https://www.w3.org/ns/credentials/v2": "credentials-v2.json",
    "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json": "ob-v3p0-context-3.0.3.json",
}


def award(template: Template = FULL_TEMPLATE, claimed: AwardClaim = FULL_CLAIM) -> Award:
    return Award(
        public_id=GOOD,
        aggregate_id=credential_aggregate_id(GOOD),
        institution=Scenario(Institution, REGISTERED).state,
        achievement_code="DATA-1",
        edition=2,
        template=template,
        claim=claimed,
        key_id="key-1",
        place=StatusPlace(3, 131_071),
        recorded_at=START,
    )


def document(template: Template = FULL_TEMPLATE, claimed: AwardClaim = FULL_CLAIM) -> dict[str, Any]:
    return build_document(award(template, claimed), BASE_URL)


def sign(unsigned: dict[str, Any]) -> dict[str, Any]:
    return sign_document(unsigned, Ed25519SigningKey(KEY, METHOD), START)


def public_jwk() -> dict[str, Any]:
    jwk: dict[str, Any] = Ed25519SigningKey(KEY, METHOD).public_jwk()
    return jwk


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:  # noqa: ANN401  any JSON
    if isinstance(value, dict | list):
        for key, member in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(member, (*path, key))
    else:
        yield path


def change(value: Any, path: tuple[str | int, ...]) -> Any:  # noqa: ANN401  any JSON
    changed = json.loads(json.dumps(value))
    parent = changed
    for key in path[:-1]:
        parent = parent[key]
    old = parent[path[-1]]
    parent[path[-1]] = old + "x" if isinstance(old, str) else (not old if isinstance(old, bool) else old + 1)
    return changed


def test_document_verifies_with_openvc_as_issued(world: World) -> None:
    [public_id] = world.issue(FULL_CLAIM)
    signed = json.loads(world.issuance.sealed_document(public_id).document)
    institution = world.ledger.institution(SLUG)
    signer = world.keys.signing_key(institution.id, "key-1", f"{institution.did}#key-1")
    assert isinstance(signer, Ed25519SigningKey)
    verified = EddsaJcsProofSuite().verify(
        signed,
        public_key_jwk=signer.public_jwk(),
        now=START,
    )
    assert (verified.issuer, verified.subject, verified.expired) == (institution.did, "did:example:ada", False)
    assert signed["proof"]["verificationMethod"] == f"{institution.did}#key-1"
    assert signed["proof"]["cryptosuite"] == "eddsa-jcs-2022"


def test_document_does_not_verify_when_any_value_is_changed() -> None:
    signed = sign(document())
    require_proof(signed, PublicKey.from_jwk(public_jwk()))
    paths = list(leaves(signed))
    assert len(paths) > 60
    for path in paths:
        with pytest.raises(ProofError):
            require_proof(change(signed, path), PublicKey.from_jwk(public_jwk()))


def test_document_form_is_committed_to_in_the_event_before_it_leaves(world: World) -> None:
    [public_id] = world.issue(FULL_CLAIM)
    sealed = world.issuance.sealed_document(public_id)
    identity = credential_aggregate_id(public_id)
    body = world.ledger.event_mapper.to_domain_event(world.ledger.store.select_events(identity)[0]).body
    assert body.commitments == {DOCUMENT_KIND: commit(identity, DOCUMENT_KIND, sealed.document, sealed.salt)}
    assert document_form(json.loads(sealed.document)) == sealed.document


def test_document_holds_every_mandatory_and_optional_element_of_the_recommendation() -> None:
    assert document()["euMicrocredential"] == {
        "learner": "Ада Пример",
        "title": "Data Analysis Basics",
        "country": "EE",
        "awardingBody": "Northern University",
        "dateOfIssuing": "2026-02-01",
        "learningOutcomes": ["cleans a table", "plots a distribution"],
        "workload": {"ects": 2.5, "minutes": 3_900},
        "level": {"eqf": 6, "qfEhea": "first"},
        "assessment": "supervised written exam",
        "participation": "online",
        "qualityAssurance": "internal review every year",
        "supervision": "proctored",
        "prerequisites": "none",
        "stackability": "towards a diploma",
        "grade": "отлично",
    }


def test_document_is_an_open_badge_with_its_members() -> None:
    made = document()
    subject = made["credentialSubject"]
    assert made["type"] == ["VerifiableCredential", "OpenBadgeCredential"]
    assert made["id"] == f"{BASE_URL}/verify/{GOOD}"
    assert made["issuer"]["id"] == "did:web:ledger.example:institutions:north"
    assert (made["validFrom"], made["awardedDate"]) == ("2026-02-01T00:00:00Z",) * 2
    assert made["validUntil"] == "2031-01-01T00:00:00Z"
    assert subject["id"] == "did:example:ada"
    assert [i["identityType"] for i in subject["identifier"]] == ["name", "emailAddress"]
    assert subject["creditsEarned"] == subject["achievement"]["creditsAvailable"] == 2.5
    assert subject["achievement"]["id"] == f"{BASE_URL}/institutions/north/achievements/DATA-1/2"
    assert [a["targetFramework"] for a in subject["achievement"]["alignment"]] == [
        "ESCO",
        "European Qualifications Framework",
    ]
    [result] = subject["result"]
    [description] = subject["achievement"]["resultDescription"]
    assert (result["resultDescription"], result["value"]) == (description["id"], "отлично")


def test_document_points_to_a_list_for_each_purpose() -> None:
    assert document()["credentialStatus"] == [
        {
            "id": f"{BASE_URL}/status-lists/{number}#131071",
            "type": "BitstringStatusListEntry",
            "statusPurpose": purpose,
            "statusListIndex": "131071",
            "statusListCredential": f"{BASE_URL}/status-lists/{number}",
        }
        for number, purpose in ((6, "revocation"), (7, "suspension"))
    ]


def test_document_leaves_out_what_was_not_given() -> None:
    bare = document(msgspec.structs.replace(TEMPLATE, credits_centi=None, workload_minutes=600), claim())
    assert "validUntil" not in bare
    assert set(bare["credentialSubject"]) == {"type", "identifier", "achievement"}
    assert bare["euMicrocredential"]["workload"] == {"minutes": 600}
    assert "null" not in json.dumps(bare)


@pytest.mark.parametrize("centi, written", [(100, "1"), (250, "2.5"), (1, "0.01"), (33, "0.33"), (99_999, "999.99")])
def test_document_writes_credits_as_json_does(centi: int, written: str) -> None:
    made = document(msgspec.structs.replace(TEMPLATE, credits_centi=centi))
    assert f'"ects":{written}}}'.encode() in document_form(made)


def load_context(url: str, options: object) -> dict[str, Any]:
    del options
    text = resources.files("openbadgeslib.ob3").joinpath("contexts", CONTEXTS[url]).read_text("utf-8")
    return {"contextUrl": None, "documentUrl": url, "document": json.loads(text)}


@pytest.mark.parametrize(
    "unsigned",
    [document(), document(claimed=claim()), build_document(full_award(), BASE_URL)],
    ids=["full", "bare", "in detail"],
)
def test_document_uses_no_term_that_its_contexts_do_not_define(unsigned: dict[str, Any]) -> None:
    signed = sign(unsigned)
    EddsaJcsProofSuite().verify(signed, public_key_jwk=public_jwk(), now=START)
    # A term that no other context defines would fall to this vocabulary.
    signed["@context"] = [*signed["@context"], {"@vocab": "urn:undefined:"}]
    expanded = json.dumps(jsonld.expand(signed, {"documentLoader": load_context}))
    assert "urn:cairn:vocabulary:euMicrocredential" in expanded
    assert "urn:undefined:" not in expanded
    stray = json.dumps(jsonld.expand(signed | {"stray": 1}, {"documentLoader": load_context}))
    assert "urn:undefined:stray" in stray, "the test would see a stray term"


@pytest.mark.parametrize(
    "host, did",
    [
        ("example.edu", "did:web:example.edu:institutions:north"),
        ("localhost:8000", "did:web:localhost%3A8000:institutions:north"),
    ],
)
def test_institution_did_encodes_the_port(host: str, did: str) -> None:
    assert institution_did(host, "north") == did


def test_instant_text_is_written_as_events_write_it() -> None:
    assert instant_text(datetime(2026, 3, 1, 9, 0, 0, 250_000, tzinfo=UTC)) == "2026-03-01T09:00:00.250000Z"
    assert instant_text(datetime(2026, 3, 1, tzinfo=UTC)) == "2026-03-01T00:00:00Z"


def test_claim_is_a_day_in_utc(world: World) -> None:
    [public_id] = world.issuance.issue(slug=SLUG, claims=[claim(awarded_on=date(2026, 3, 1))], actor=OPERATOR).answer
    assert world.ledger.credential(public_id).valid_from == datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "template, claimed, digest",
    [
        (FULL_TEMPLATE, FULL_CLAIM, "d6dd665e425d94bf4d62ab3654e2660fd6eb8b993717b636b1bb9d7e0a17774e"),
        (TEMPLATE, claim(), "8db5d2c2d5d3bcb2d148e2ebab72f48f6b1ffe07344adbde650bb3c8af5ac536"),
    ],
)
def test_document_of_a_template_without_details_is_byte_for_byte_what_it_always_was(
    template: Template, claimed: AwardClaim, digest: str
) -> None:
    signed = sign(document(template, claimed))
    assert signed["proof"].pop("@context") == signed["@context"], "repeated since November 2026; it was signed before"
    assert hashlib.sha256(document_form(signed)).hexdigest() == digest


def test_document_names_nobody_when_the_claim_asks_for_hashes(world: World) -> None:
    [public_id] = world.issue(claim("Ада Пример", email="ada@example.org", hashed=True))
    text = world.issuance.sealed_document(public_id).document.decode()
    assert "Ада" not in text
    assert "ada@example.org" not in text
    made = json.loads(text)
    name, address = made["credentialSubject"]["identifier"]
    for identity, plain in ((name, "Ада Пример"), (address, "ada@example.org")):
        assert identity["hashed"] is True
        digest = hashlib.sha256((plain + identity["salt"]).encode()).hexdigest()
        assert identity["identityHash"] == f"sha256${digest}"
        assert len(identity["salt"]) == 32
    assert name["salt"] != address["salt"]
    assert made["euMicrocredential"]["learner"] == name["identityHash"]
