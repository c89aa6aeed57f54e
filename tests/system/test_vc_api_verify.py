"""Verifying over the VC-API: what strangers signed, what was altered, and what nobody may be told is verified."""

from __future__ import annotations

import copy
import time
from typing import Any, Final

import httpx
import pytest

from tests.system.suite_server import (
    EXAMPLES,
    V1,
    V2,
    Json,
    Signer,
    SuiteServing,
    credential,
    ed25519_signer,
    first_edition,
    p256_signer,
    p384_signer,
)
from tests.verifier.data_model_case import ABSENT, ACCEPTED, REFUSED
from tests.verifier.foreign.maker import did_key
from tests.verifier.foreign.test_selective import derived

MALFORMED: Final = "https://www.w3.org/TR/vc-data-model#MALFORMED_VALUE_ERROR"
CRYPTOGRAPHIC: Final = "https://www.w3.org/TR/vc-data-model#CRYPTOGRAPHIC_SECURITY_ERROR"
PARSING: Final = "https://www.w3.org/TR/vc-data-model#PARSING_ERROR"
RANGE: Final = "https://www.w3.org/TR/vc-data-model#RANGE_ERROR"
RETRIEVAL: Final = "https://www.w3.org/ns/credentials/status-list#STATUS_RETRIEVAL_ERROR"
SIGNERS: Final = {"Ed25519": ed25519_signer(), "P-256": p256_signer(), "P-384": p384_signer()}
SOMEBODY: Final = SIGNERS["Ed25519"]
# A complete graph of blank nodes: 1 kB that costs a minute without a limit.
POISON: Final = [{"id": f"_:b{n}", "relatedTo": [f"_:b{m}" for m in range(10) if m != n]} for n in range(10)]


def require_verified(answered: httpx.Response) -> None:
    assert answered.status_code == httpx.codes.OK, answered.text
    assert answered.json()["verified"] is True
    assert "problemDetails" not in answered.json()


def require_not_verified(answered: httpx.Response) -> list[str]:
    """Not verified, and why: never 200, never without a reason. Returns the types of the problems."""
    assert answered.status_code == httpx.codes.BAD_REQUEST, answered.text
    body = answered.json()
    assert body["verified"] is False
    assert all(problem["type"].startswith("https://") and problem["title"] for problem in body["problemDetails"])
    types = [problem["type"] for problem in body["problemDetails"]]
    assert types
    return types


def signed(signer: Signer = SOMEBODY, suite: str | None = None, **members: object) -> Json:
    return signer.sign(credential(signer.did, **members), suite=suite)


def altered(document: Json, *path: str | int, value: object = ABSENT) -> Json:
    """A copy with one member changed, or left out."""
    made = copy.deepcopy(document)
    place: Any = made
    for step in path[:-1]:
        place = place[step]
    if value is ABSENT:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return made


@pytest.mark.parametrize("kind", SIGNERS)
@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("edition", ["2.0", "1.1"])
def test_credential_of_a_stranger_verifies(suite: SuiteServing, kind: str, number: int, edition: str) -> None:
    signer = SIGNERS[kind]
    chosen = signer.suites[number]
    if edition == "2.0":
        made = signer.sign(credential(signer.did), suite=chosen)
    else:
        contexts = [V1, "https://w3id.org/security/data-integrity/v2"]
        made = signer.sign(first_edition(signer.did, **{"@context": contexts}), suite=chosen)
    require_verified(suite.verify(made))


@pytest.mark.parametrize(
    "options", [{"checks": ["proof"]}, {"checks": []}, {"checks": None}, {"unknown": [1]}, {"checks": "proof"}]
)
def test_credential_verifies_whatever_the_options_are(suite: SuiteServing, options: Json) -> None:
    made = signed()
    require_verified(suite.post("/credentials/verify", {"verifiableCredential": made, "options": options}))
    require_verified(suite.post("/credentials/verify", {"verifiableCredential": made, "options": None}))
    require_verified(suite.post("/credentials/verify", {"verifiableCredential": made}))


def test_credential_verifies_only_when_its_proof_is_for_what_the_caller_expects(suite: SuiteServing) -> None:
    made = signed()
    require_verified(suite.verify(made, expectedProofPurpose="assertionMethod"))
    assert require_not_verified(suite.verify(made, expectedProofPurpose="authentication")) == [CRYPTOGRAPHIC]
    # Expecting it does not make it the proof of a credential.
    other = SOMEBODY.sign(credential(SOMEBODY.did), proofPurpose="authentication")
    require_not_verified(suite.verify(other, expectedProofPurpose="authentication"))
    require_not_verified(suite.verify(made, expectedProofPurpose=7))


@pytest.mark.parametrize("name", ["challenge", "domain"])
def test_credential_verifies_only_when_its_proof_answers_what_the_caller_asks(suite: SuiteServing, name: str) -> None:
    options: dict[str, Any] = {name: "tests.example"}
    made = SOMEBODY.sign(credential(SOMEBODY.did), **options)
    require_verified(suite.verify(made))
    require_verified(suite.verify(made, **{name: "tests.example"}))
    require_not_verified(suite.verify(made, **{name: "other.example"}))
    require_not_verified(suite.verify(signed(), **{name: "tests.example"}))


def test_part_of_a_credential_verifies_when_its_proof_was_derived(suite: SuiteServing) -> None:
    made = derived(did_key("ES256"))
    require_verified(suite.verify(made))
    achievement = altered(made, "credentialSubject", "achievement", "name", value="another")
    assert require_not_verified(suite.verify(achievement)) == [CRYPTOGRAPHIC]


@pytest.mark.parametrize("number", [0, 1])
def test_moments_of_a_proof_are_in_utc_when_they_have_no_offset(suite: SuiteServing, number: int) -> None:
    chosen = SOMEBODY.suites[number]
    made = SOMEBODY.sign(credential(SOMEBODY.did), suite=chosen, created="2026-01-31T12:00:00")
    require_verified(suite.verify(made))
    lasting = SOMEBODY.sign(credential(SOMEBODY.did), suite=chosen, expires="2126-01-31T12:00:00")
    require_verified(suite.verify(lasting))
    over = SOMEBODY.sign(credential(SOMEBODY.did), suite=chosen, expires="2026-01-31T12:00:01")
    require_not_verified(suite.verify(over))


@pytest.mark.parametrize("members", ACCEPTED.values(), ids=ACCEPTED)
def test_credential_is_judged_by_its_signature_when_it_has(suite: SuiteServing, members: dict[str, object]) -> None:
    issuer = members.get("issuer")
    own = {**issuer, "id": SOMEBODY.did} if isinstance(issuer, dict) else SOMEBODY.did
    made = SOMEBODY.sign(credential(SOMEBODY.did, **{**members, "issuer": own}), suite="eddsa-jcs-2022")
    answered = suite.verify(made)
    problems = answered.json().get("problemDetails", [])
    # A credential may be well made and not in force; nothing else speaks against it.
    assert all(problem["type"] == RANGE for problem in problems), answered.text
    assert answered.status_code == (httpx.codes.BAD_REQUEST if problems else httpx.codes.OK)
    changed = {**made, "credentialSubject": {"id": "did:example:another"}}
    assert CRYPTOGRAPHIC in require_not_verified(suite.verify(changed))


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_credential_is_not_verified_when_it_has(suite: SuiteServing, case: tuple[dict[str, object], str]) -> None:
    members, _ = case
    made = {**signed(), **{name: value for name, value in members.items() if value is not ABSENT}}
    for name in (name for name, value in members.items() if value is ABSENT):
        del made[name]
    require_not_verified(suite.verify(made))


@pytest.mark.parametrize("name", ["@context", "type", "issuer", "credentialSubject", "proof"])
def test_credential_is_not_verified_when_a_member_is_missing(suite: SuiteServing, name: str) -> None:
    require_not_verified(suite.verify(altered(signed(), name)))


@pytest.mark.parametrize("name", ["type", "cryptosuite", "created", "verificationMethod", "proofValue", "proofPurpose"])
def test_credential_is_not_verified_when_a_member_of_its_proof_is_missing(suite: SuiteServing, name: str) -> None:
    for chosen in SOMEBODY.suites:
        assert CRYPTOGRAPHIC in require_not_verified(suite.verify(altered(signed(suite=chosen), "proof", name)))


@pytest.mark.parametrize(
    "name, value",
    [
        ("type", "AnotherProof"),
        ("cryptosuite", "eddsa-jcs-2022"),
        ("cryptosuite", "invalid-cryptosuite"),
        ("cryptosuite", ""),
        ("created", "2026-01-31T12:00:01Z"),
        ("created", "invalid"),
        ("created", "2026-13-31T12:00:00Z"),
        ("expires", "2020-01-31T12:00:00Z"),
        ("proofPurpose", "authentication"),
        ("proofPurpose", "invalid"),
        ("verificationMethod", "invalid"),
        ("verificationMethod", "did:key:z6MkInvalid#z6MkInvalid"),
        ("verificationMethod", SIGNERS["P-256"].key.kid),
        ("verificationMethod", SOMEBODY.did),
        ("verificationMethod", "https://school.example/keys#1"),
        ("proofValue", "z5nmMBw2u9TGKd9NxxHJtyZKgjN2Eh"),
        ("proofValue", "uAAAA"),
        ("proofValue", "z0OIl"),
        ("proofValue", ""),
        ("proofValue", "z" + "1" * 10_000),
        ("proofValue", 4),
        ("domain", "elsewhere.example"),
        ("another", "member"),
    ],
    ids=lambda value: f"{value}"[:11],  # the keys are others in every process
)
def test_credential_is_not_verified_when_its_proof_is_altered(suite: SuiteServing, name: str, value: object) -> None:
    require_not_verified(suite.verify(altered(signed(), "proof", name, value=value)))


@pytest.mark.parametrize("kind", SIGNERS)
def test_credential_is_not_verified_when_any_of_it_is_altered(suite: SuiteServing, kind: str) -> None:
    signer = SIGNERS[kind]
    for chosen in signer.suites:
        made = signed(signer, chosen, name="Course")
        require_verified(suite.verify(made))
        for path, value in (
            (("id",), "urn:uuid:another"),
            (("credentialSubject", "id"), "did:example:another"),
            (("credentialSubject", "name"), "Added"),
            (("name",), "Other"),
            (("type",), ["VerifiableCredential", "Added"]),
            (("issuer",), SIGNERS["P-384"].did if kind != "P-384" else SOMEBODY.did),
        ):
            require_not_verified(suite.verify(altered(made, *path, value=value)))


@pytest.mark.parametrize("chosen", SOMEBODY.suites)
def test_credential_is_not_verified_when_its_issuer_does_not_control_the_key(suite: SuiteServing, chosen: str) -> None:
    """A sound signature of somebody else's; rows of public suites that reward accepting it are failed on purpose."""
    for issuer in ("https://vc.example/issuers/5678", SIGNERS["P-256"].did, {"id": "did:example:issuer"}):
        made = SOMEBODY.sign(credential(issuer), suite=chosen)
        assert require_not_verified(suite.verify(made)) == [CRYPTOGRAPHIC]


def test_credential_is_verified_when_a_proof_of_its_issuer_is_among_several(suite: SuiteServing) -> None:
    bare = credential(SOMEBODY.did)
    proofs = [signer.sign(bare)["proof"] for signer in SIGNERS.values()]
    require_verified(suite.verify({**bare, "proof": proofs}))
    require_verified(suite.verify({**bare, "proof": proofs[::-1]}))
    assert require_not_verified(suite.verify({**bare, "proof": proofs[1:]})) == [CRYPTOGRAPHIC]
    broken = [proofs[0], {**proofs[1], "proofValue": proofs[2]["proofValue"]}]
    assert require_not_verified(suite.verify({**bare, "proof": broken})) == [CRYPTOGRAPHIC]


@pytest.mark.parametrize("as_list", [False, True])
def test_chain_of_proofs_is_verified_when_every_link_is_there(suite: SuiteServing, *, as_list: bool) -> None:
    bare = credential(SOMEBODY.did)
    first = SOMEBODY.sign(bare, id="urn:uuid:26329423-bec9-4b2e-88cb-a7c7d9dc4544")["proof"]
    named = [first["id"]] if as_list else first["id"]
    second = SIGNERS["P-256"].sign(bare, previous=[first], previousProof=named)["proof"]
    require_verified(suite.verify({**bare, "proof": [first, second]}))
    lost = {**first, "id": "urn:uuid:8cc9022b-6b14-4cf3-8571-74972c5feb54"}
    require_not_verified(suite.verify({**bare, "proof": [lost, second]}))
    require_not_verified(suite.verify({**bare, "proof": [second]}))


def test_chain_of_proofs_is_not_verified_when_one_of_several_links_is_missing(suite: SuiteServing) -> None:
    bare = credential(SOMEBODY.did)
    links = [
        signer.sign(bare, id=f"urn:uuid:26329423-bec9-4b2e-88cb-{number:012}")["proof"]
        for number, signer in enumerate((SOMEBODY, SIGNERS["P-384"]))
    ]
    last = SIGNERS["P-256"].sign(bare, previous=links, previousProof=[link["id"] for link in links])["proof"]
    require_verified(suite.verify({**bare, "proof": [*links, last]}))
    for kept in links:
        require_not_verified(suite.verify({**bare, "proof": [kept, last]}))


def test_credential_is_not_verified_when_it_is_not_in_force(suite: SuiteServing) -> None:
    assert require_not_verified(suite.verify(signed(validFrom="2099-01-31T12:00:00Z"))) == [RANGE]
    assert require_not_verified(suite.verify(signed(validUntil="2020-01-31T12:00:00Z"))) == [RANGE]
    require_verified(suite.verify(signed(validFrom="2020-01-31T12:00:00Z", validUntil="2099-01-31T12:00:00+14:00")))


def test_status_elsewhere_speaks_against_a_credential_when_the_caller_wants_it_checked(suite: SuiteServing) -> None:
    entry = {
        "type": "BitstringStatusListEntry",
        "statusPurpose": "revocation",
        "statusListIndex": "7",
        "statusListCredential": "https://school.example/status/1",
    }
    for status in (entry, {"type": "AnotherList", "id": "urn:a:1"}):
        made = signed(credentialStatus=status)
        lenient = suite.verify(made, checks=["proof"])
        require_verified(lenient)
        assert [warning["type"] for warning in lenient.json()["warnings"]] == [RETRIEVAL]
        for checks in (["proof", "credentialStatus"], ["status"], [], None):
            assert require_not_verified(suite.verify(made, checks=checks)) == [RETRIEVAL]


def test_status_of_another_issuer_speaks_against_a_credential(suite: SuiteServing) -> None:
    borrowed = suite.issued()["credentialStatus"]
    assert require_not_verified(suite.verify(signed(credentialStatus=borrowed))) == [MALFORMED]
    for name, value in (("statusListIndex", "131072"), ("statusPurpose", "suspension")):
        issuer = suite.issuers()["Ed25519"]
        assert issuer
        require_not_verified(suite.verify(signed(credentialStatus={**borrowed, name: value})))
    nowhere = {**borrowed, "statusListCredential": f"{suite.url}/status-lists/99999"}
    assert require_not_verified(suite.verify(signed(credentialStatus=nowhere), checks=["status"])) == [RETRIEVAL]
    odd = {**borrowed, "statusListCredential": f"{suite.url}/status-lists/../{'9' * 40}"}
    assert require_not_verified(suite.verify(signed(credentialStatus=odd), checks=["status"])) == [RETRIEVAL]


@pytest.mark.parametrize("chosen", SOMEBODY.suites)
def test_poisoned_credential_is_refused_in_bounded_time(suite: SuiteServing, chosen: str) -> None:
    made = credential(SOMEBODY.did, credentialSubject=POISON)
    proof = {**signed(suite=chosen)["proof"]}
    begun = time.monotonic()
    require_not_verified(suite.verify({**made, "proof": proof}))
    refused = suite.issue({**made, "issuer": suite.issuers()["Ed25519"]})
    assert refused.status_code == httpx.codes.BAD_REQUEST
    assert time.monotonic() - begun < 10.0


@pytest.mark.parametrize(
    "document",
    [
        {"type": ["NonconformingDocument"]},
        {},
        [],
        4,
        "text",
        True,
        "eyJhbGciOiJub25lIn0.e30.",
        {"@context": V2, "type": "EnvelopedVerifiableCredential", "id": "data:application/vc+jwt,a.b.c"},
        {"@context": [], "type": "EnvelopedVerifiableCredential", "id": "data:application/vc+jwt,a.b.c"},
    ],
)
def test_anything_else_is_not_verified(suite: SuiteServing, document: object) -> None:
    require_not_verified(suite.verify(document))
    require_not_verified(suite.verify_presentation(document))


@pytest.mark.parametrize("body", [{}, [], 4, {"verifiableCredential": None}, {"verifiablePresentation": None}])
def test_body_without_a_document_is_not_verified(suite: SuiteServing, body: object) -> None:
    require_not_verified(suite.post("/credentials/verify", body))
    require_not_verified(suite.post("/presentations/verify", body))


def test_malformed_body_is_not_verified(suite: SuiteServing) -> None:
    answered = suite.http.post(
        "/vc-api/credentials/verify", content=b'{"a": 1, "a": 2}', headers={"Content-Type": "application/json"}
    )
    assert require_not_verified(answered) == [PARSING]


def test_presentation_verifies_with_credentials_of_others(suite: SuiteServing) -> None:
    made = SOMEBODY.signed_presentation(signed(), signed(SIGNERS["P-256"]), suite.issued())
    require_verified(suite.verify_presentation(made, challenge="c-1", domain="tests.example"))
    require_verified(suite.verify_presentation(made, checks=["proof"]))
    require_verified(suite.post("/presentations/verify", {"verifiablePresentation": made}))


@pytest.mark.parametrize(
    "members",
    [
        {"verifiableCredential": []},
        {"verifiableCredential": ABSENT},
        {"id": "urn:uuid:9c9a36f8-518f-4976-a934-6649502d0008"},
        {"holder": SOMEBODY.did},
        {"holder": {"id": SOMEBODY.did}},
        {"type": ["VerifiablePresentation", "Course"], "@context": [V2, EXAMPLES]},
        {
            "type": ["VerifiablePresentation", "Course"],
            "@context": [V2, {"Course": "https://school.example/#Course"}],
        },
    ],
)
def test_presentation_verifies_when_it_has(suite: SuiteServing, members: Json) -> None:
    require_verified(suite.verify_presentation(SOMEBODY.signed_presentation(signed(), **members)))


@pytest.mark.parametrize(
    "path, value",
    [
        (("@context",), ABSENT),
        (("@context",), [EXAMPLES, V2]),
        (("@context",), [V2, "https://example.com"]),
        (("@context",), [V2, "https ://not-a-url/contexts/example/v1"]),
        (("@context",), [V2, 123192875]),
        (("type",), ABSENT),
        (("type",), ["Course"]),
        (("proof",), ABSENT),
        (("proof", "proofValue"), "z5nmMBw2u9TGKd9NxxHJtyZKgjN2Eh"),
        (("proof", "challenge"), "c-2"),
        (("proof", "domain"), "elsewhere.example"),
        (("proof", "proofPurpose"), "assertionMethod"),
        (("verifiableCredential", 0), "https://school.example/1"),
        (("verifiableCredential", 0, "type"), ABSENT),
        (("verifiableCredential", 0, "proof"), ABSENT),
        (("verifiableCredential", 0, "credentialSubject", "id"), "did:example:another"),
        (("verifiableCredential",), []),
        (("holder",), "did:example:alice"),
    ],
)
def test_presentation_is_not_verified_when_it_is_altered(
    suite: SuiteServing, path: tuple[str | int, ...], value: object
) -> None:
    made = SOMEBODY.signed_presentation(signed(), holder=SOMEBODY.did)
    require_verified(suite.verify_presentation(made))
    require_not_verified(suite.verify_presentation(altered(made, *path, value=value)))


def test_presentation_is_not_verified_when_it_answers_something_else(suite: SuiteServing) -> None:
    made = SOMEBODY.signed_presentation(signed())
    require_not_verified(suite.verify_presentation(made, challenge="c-2"))
    require_not_verified(suite.verify_presentation(made, challenge="c-1", domain="elsewhere.example"))
    require_not_verified(suite.verify_presentation(made, challenge=4))


def test_presentation_is_not_verified_when_the_holder_is_another(suite: SuiteServing) -> None:
    for holder in ("did:example:alice", SIGNERS["P-256"].did, {"id": "did:example:alice"}):
        made = SOMEBODY.signed_presentation(signed(), holder=holder)
        assert require_not_verified(suite.verify_presentation(made)) == [CRYPTOGRAPHIC]


def test_credential_without_a_proof_is_the_holders_own_word_in_a_presentation(suite: SuiteServing) -> None:
    own, others = credential(SOMEBODY.did), credential("did:example:issuer")
    require_verified(suite.verify_presentation(SOMEBODY.signed_presentation(own, holder=SOMEBODY.did)))
    for made in (
        SOMEBODY.signed_presentation(own),
        SOMEBODY.signed_presentation(others, holder=SOMEBODY.did),
        SOMEBODY.signed_presentation(own, others, holder=SOMEBODY.did),
    ):
        assert require_not_verified(suite.verify_presentation(made)) == [CRYPTOGRAPHIC]


def test_presentation_is_not_verified_when_a_credential_in_it_was_revoked(suite: SuiteServing) -> None:
    kept, lost = suite.issued(), suite.issued()
    made = SOMEBODY.signed_presentation(kept, lost)
    require_verified(suite.verify_presentation(made))
    assert suite.set_status(lost["id"]).status_code == httpx.codes.OK
    answered = suite.verify_presentation(made)
    require_not_verified(answered)
    assert "(at /verifiableCredential/1/credentialStatus)" in answered.json()["problemDetails"][0]["detail"]
