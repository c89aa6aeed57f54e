"""Derived proofs of ecdsa-sd-2023: made with openvc, and bent in every way."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from openvc.proof.ecdsa_sd import EcdsaSdProofSuite, decode_derived_proof, encode_derived_proof

from tests.verifier.foreign.maker import (
    CONTEXTS,
    ISSUED,
    NOW,
    Issuer,
    Json,
    badge,
    did_key,
    judge,
    sign,
    status_entry,
)
from verifier.error import KeyUnavailableError, NotCompiledError, ProofError, WorkExceededError
from verifier.integrity import selective
from verifier.integrity.proof import verify_proofs
from verifier.integrity.selective import MAX_STATEMENTS, MAX_VALUE_CHARS, require_derived
from verifier.jsonld.canonical import Effort
from verifier.public_key import PublicKey
from verifier.report import State, Verdict

BOUND = ("/issuer", "/validFrom", "/validUntil", "/type")
SHOWN = (
    "/credentialSubject/type",
    *(f"/credentialSubject/achievement/{name}" for name in ("type", "name", "description", "criteria")),
)


def based(issuer: Issuer, document: Json | None = None, bound: tuple[str, ...] = BOUND) -> Json:
    """A badge with the issuer's own proof, from which its holder derives."""
    made: Json = EcdsaSdProofSuite().add_base_proof(
        deepcopy(document or badge(issuer)),
        signing_key=issuer.key,
        verification_method=issuer.method,
        mandatory_pointers=bound,
        created=ISSUED,
        extra_contexts=CONTEXTS,
    )
    return made


def derived(issuer: Issuer, document: Json | None = None, shown: tuple[str, ...] = SHOWN, **named: Any) -> Json:  # noqa: ANN401  (any JSON)
    """What the holder shows."""
    base = based(issuer, document, **named)
    made: Json = EcdsaSdProofSuite().derive_proof(base, selective_pointers=shown, extra_contexts=CONTEXTS)
    return made


def bent(document: Json, **changes: Any) -> Json:  # noqa: ANN401  (any JSON)
    """The same document with parts of its proof's value exchanged."""
    parts = decode_derived_proof(document["proof"]["proofValue"])
    value = encode_derived_proof(**{**parts, **changes})
    return {**document, "proof": {**document["proof"], "proofValue": value}}


def parts_of(document: Json) -> dict[str, Any]:
    """The parts of a proof's value."""
    found: dict[str, Any] = decode_derived_proof(document["proof"]["proofValue"])
    return found


def refused(document: Json, reason: str = "proof_wrong") -> str:
    """Require that a document is refused for its proof; why."""
    report = judge(document)
    check = report.check("genuine.signature")
    assert (report.verdict, check.state, check.reason) == (Verdict.INVALID, State.FAILED, reason)
    return check.detail or ""


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return did_key("ES256")


@pytest.fixture(scope="module")
def shown(issuer: Issuer) -> Json:
    return derived(issuer)


def test_part_of_a_document_is_valid_when_its_proof_was_derived(shown: Json) -> None:
    assert "achievementType" not in shown["credentialSubject"]["achievement"]
    assert ("name" in shown, "id" in shown["credentialSubject"]) == (False, True)
    report = judge(shown)
    assert (report.verdict, report.check("genuine.signature").reason) == (Verdict.VALID, "proof_good")


@pytest.mark.parametrize("selected", [(), ("/id",), ("/credentialSubject",), ("/name", "/credentialSubject/id")])
def test_any_part_is_valid_when_it_is_shown(issuer: Issuer, selected: tuple[str, ...]) -> None:
    # Without a subject it is no credential; the subject's type is bound, so that there always is one.
    part = derived(issuer, bound=(*BOUND, "/credentialSubject/type"), shown=selected)
    assert judge(part).check("genuine.signature").state is State.PASSED


def test_document_is_invalid_when_anything_that_is_shown_was_changed(shown: Json) -> None:
    for path in (("name",), ("criteria", "narrative")):
        changed = deepcopy(shown)
        node = changed["credentialSubject"]["achievement"]
        for step in path[:-1]:
            node = node[step]
        node[path[-1]] = "Welding, second course"
        refused(changed)


@pytest.mark.parametrize("member", ["validUntil", "validFrom"])
def test_document_is_invalid_when_what_is_bound_was_changed_or_left_out(shown: Json, member: str) -> None:
    refused({**shown, member: "2099-01-01T00:00:00Z" if member == "validUntil" else "2001-01-01T00:00:00Z"})
    without = {name: value for name, value in shown.items() if name != member}
    assert judge(without).verdict is Verdict.INVALID


def test_document_is_invalid_when_something_was_added(shown: Json) -> None:
    refused({**shown, "description": "with honours"})


def test_document_is_invalid_when_parts_of_two_are_put_together(issuer: Issuer, shown: Json) -> None:
    other = derived(issuer, badge(issuer, validUntil="2040-01-01T00:00:00Z"))
    refused(bent(shown, signatures=parts_of(other)["signatures"]))
    refused(bent(shown, base_signature=parts_of(other)["base_signature"]))
    refused(bent(shown, public_key=parts_of(other)["public_key"]))
    refused({**shown, "validUntil": other["validUntil"]})


def test_document_is_invalid_when_a_signature_is_missing_or_one_too_many(shown: Json) -> None:
    signatures = parts_of(shown)["signatures"]
    refused(bent(shown, signatures=signatures[:-1]))
    refused(bent(shown, signatures=[*signatures, signatures[0]]))
    refused(bent(shown, signatures=[signatures[1], signatures[0], *signatures[2:]]))


def test_document_is_invalid_when_bound_statements_are_passed_off_as_others(shown: Json) -> None:
    indexes = parts_of(shown)["mandatory_indexes"]
    refused(bent(shown, mandatory_indexes=indexes[:-1]))
    refused(bent(shown, mandatory_indexes=[*indexes, indexes[0]]))
    refused(bent(shown, mandatory_indexes=[*indexes, 10_000]))


def test_document_is_invalid_when_labels_of_nodes_are_exchanged_added_or_missing(issuer: Issuer) -> None:
    document = badge(issuer)
    document["issuer"]["address"] = {"type": ["Address"], "addressCountry": "DE"}
    shown = derived(issuer, document)
    assert judge(shown).check("genuine.signature").state is State.PASSED
    labels: dict[str, str] = parts_of(shown)["label_map"]
    names = list(labels)
    assert len(names) > 1
    refused(bent(shown, label_map={**labels, names[0]: labels[names[1]], names[1]: labels[names[0]]}))
    refused(bent(shown, label_map={names[0]: labels[names[0]]}))
    refused(bent(shown, label_map={**labels, "c14n99": "uAAAA"}))


def test_text_is_no_label_when_it_looks_like_one(issuer: Issuer) -> None:
    """Statements are relabelled as statements; openvc relabels what is written, and so signs another text."""
    document = badge(issuer)
    document["credentialSubject"]["achievement"]["name"] = "_:c14n0"
    refused(derived(issuer, document))


def test_proof_of_the_issuers_own_is_not_to_be_shown(issuer: Issuer) -> None:
    assert "no derived proof" in refused(based(issuer))


@pytest.mark.parametrize("value", ["u", "z3", "u2V0B", "u2V0BgA", "u" + "!" * 10, "u2V0BhYA"])
def test_document_is_invalid_when_the_value_of_its_proof_is_none(shown: Json, value: str) -> None:
    refused({**shown, "proof": {**shown["proof"], "proofValue": value}})


@pytest.mark.parametrize("key", [b"", b"\x80\x24" + b"\x02" + b"\xff" * 32, b"\xed\x01" + bytes(33)])
def test_document_is_invalid_when_its_key_is_none(issuer: Issuer, shown: Json, key: bytes) -> None:
    """The issuer would have to sign such a key for it to be looked at; so this asks what reads it."""
    refused(bent(shown, public_key=key))
    with pytest.raises(ProofError, match="P-256"):
        selective._document_key(key)
    assert issuer.did


def test_document_is_invalid_when_somebody_else_signed_it(issuer: Issuer) -> None:
    other = did_key("ES256", "mallory")
    forged = derived(other, badge(issuer))
    assert judge(forged).verdict is Verdict.INVALID
    forged["proof"]["verificationMethod"] = issuer.method
    refused(forged)


def test_document_is_invalid_when_an_option_of_its_proof_was_changed(shown: Json) -> None:
    refused({**shown, "proof": {**shown["proof"], "created": "2026-01-02T00:00:00Z"}})


def test_document_is_revoked_when_its_status_is_bound_and_set(issuer: Issuer) -> None:
    part = derived(issuer, badge(issuer, credentialStatus=status_entry()), bound=(*BOUND, "/credentialStatus"))
    assert part["credentialStatus"]["statusListIndex"] == "94567"
    assert judge(part).verdict is Verdict.UNKNOWN


def test_work_is_bounded(shown: Json, monkeypatch: pytest.MonkeyPatch) -> None:
    document = {name: member for name, member in shown.items() if name != "proof"}
    key = PublicKey.from_multibase(shown["proof"]["verificationMethod"].partition("#")[2])
    with pytest.raises(WorkExceededError):
        require_derived(document, {}, "u" * (MAX_VALUE_CHARS + 1), key)
    monkeypatch.setattr(selective, "MAX_STATEMENTS", 2)
    assert MAX_STATEMENTS > len(parts_of(shown)["signatures"]) > 2
    report = judge(shown)
    assert (report.verdict, report.check("genuine.signature").state) == (Verdict.UNKNOWN, State.UNKNOWN)


class _Keys:
    def verification_key(self, method: str, purpose: str) -> PublicKey:
        if purpose != "assertionMethod":
            raise KeyUnavailableError(purpose)
        return PublicKey.from_multibase(method.partition("#")[2])


def test_derived_proof_is_left_to_the_general_way(shown: Json) -> None:
    with pytest.raises(NotCompiledError):
        verify_proofs(shown, _Keys(), purpose="assertionMethod", now=NOW, effort=Effort.KNOWN)


@pytest.mark.parametrize(
    "changes", [{"previousProof": "urn:x:1"}, {"@context": ["https://www.w3.org/ns/credentials/v2"]}]
)
def test_derived_proof_is_not_good_when_it_builds_on_another_or_has_its_own_context(shown: Json, changes: Json) -> None:
    first = {**shown["proof"], "id": "urn:x:1"}
    two = {**shown, "proof": [first, {**shown["proof"], **changes}]}
    outcomes = verify_proofs(two, _Keys(), purpose="assertionMethod", now=NOW)
    assert outcomes[1].state is State.UNKNOWN


def test_other_suites_do_not_take_a_derived_value(issuer: Issuer, shown: Json) -> None:
    whole = sign(badge(issuer), issuer, "ecdsa-rdfc-2019")
    whole["proof"]["proofValue"] = shown["proof"]["proofValue"]
    refused(whole)
