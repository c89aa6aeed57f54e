"""What is found good in one pass the usual way finds good, whatever is changed and however it is signed.

Every changed document is signed anew, so that a signature is never what tells it from a good one.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from ledger.canonical import canonical_json
from tests.jsonld.document import STRINGS, VALUES, badge, course, mutated, options, refilled
from tests.verifier.data_model_case import ACCEPTED, REFUSED, credential
from tests.verifier.test_integrity import ED25519, KEYS, NOW, P384, SIGNERS, resigned, signed, verified
from verifier.data_model import credential_problems
from verifier.error import JsonLdError, KeyUnavailableError
from verifier.familiar import MAX_ALIKE, MAX_KINDS, Familiar
from verifier.integrity.known_key import KnownKeys
from verifier.integrity.proof import ProofOutcome
from verifier.jsonld.canonical import canonical_nquads
from verifier.jsonld.shape import Shapes
from verifier.report import State

ODD = (
    *STRINGS,
    'q"',
    "b\\",
    '\\"',
    "\\\\n",
    "\x00",
    "\ufffe",
    "\uffff",
    "a\nb",
    "https://o.example:99999/",
    "https://",
    "0",
)
CHANGES = {
    "created": ("2026-11-25T12:04:00Z", "2026-11-25T12:06:00Z", "2026-03-01T10:00:00.5Z", "2026-W10-1T10:00:00Z", "x",
                "", "2026-03-01T10:00:00+02:00", "2026-13-01T10:00:00Z", "2026-03-01T24:00:00Z", 7, None),
    "expires": ("2027-03-01T10:00:00Z", "2026-03-02T10:00:00Z"),
    "challenge": ("abc",),
    "domain": ("example.org",),
    "id": ("urn:x:proof", "no url"),
    "previousProof": ("urn:x:other",),
    "type": ("Ed25519Signature2020", ["DataIntegrityProof"]),
    "cryptosuite": ("eddsa-2022", "eddsa-rdfc-2022", None),
    "proofPurpose": ("authentication", "", None),
    "verificationMethod": ("did:example:other#1", "", 'did:"#\\', None),
    "@context": (None, "https://www.w3.org/ns/credentials/v2", ["https://www.w3.org/ns/credentials/v2"], []),
}  # fmt: skip


def award() -> dict[str, Any]:
    """A badge with whole numbers as canonical JSON has them: with 5.0 in it, it is no such text."""
    document = badge()
    document["credentialSubject"]["creditsEarned"] = 5
    return document


def another(number: int) -> dict[str, Any]:
    """An award of the same make, with a quote and a character beyond ASCII in every second one."""
    document = award()
    document["id"] += str(number)
    document["name"] = f"Data analysis {number}" + ' "é\\' * (number % 2)
    document["validFrom"] = f"2026-03-01T10:00:{number:02}Z"
    document["credentialSubject"]["id"] = f"did:key:z6Mk{number}"
    document["credentialSubject"]["identifier"][0]["salt"] = f"{number:x}"
    for entry in document["credentialStatus"]:
        entry["id"] = entry["id"].replace("94567", str(number))
        entry["statusListIndex"] = str(number)
    return document


class Both:
    """The usual way, and the quick one, which learns from it."""

    def __init__(self) -> None:
        self.shapes = Shapes()
        self.familiar = Familiar(self.shapes)
        self.quick = 0

    def learn(self, document: dict[str, Any]) -> None:
        """Have everything learnt that there is to learn of a good document."""
        unsecured = {name: member for name, member in document.items() if name != "proof"}
        proof = document.get("proof")
        told = proof if isinstance(proof, dict) else {}
        of_options = {name: member for name, member in told.items() if name != "proofValue"}
        of_options["@context"] = document["@context"]
        template = self.shapes.learn(unsecured, at_once=True)
        of_proof = self.shapes.learn(of_options, at_once=True) if "rdfc" in str(told.get("cryptosuite")) else None
        if template is not None and of_proof is not None:
            self.shapes.agree(template, of_proof)
        self.familiar.learn(document, at_once=True)

    def at_once(self, document: dict[str, Any]) -> ProofOutcome | None:
        return self.familiar.verify(document, KEYS, purpose="assertionMethod", now=NOW)

    def require_same(self, document: dict[str, Any]) -> None:
        """Require that the quick way calls nothing good that the usual way does not, and have it learn."""
        for _ in range(2):
            found = self.at_once(document)
            if found is not None:
                self.quick += 1
                assert found == usually(document), json.dumps(document)
                return
            if usually(document) is None:
                return
            self.learn(document)


def usually(document: dict[str, Any]) -> ProofOutcome | None:
    """Judge shape, terms and proof, all as if nothing were known."""
    if credential_problems(document):
        return None
    outcomes = verified(document, canonical_json=canonical_json)
    try:
        canonical_nquads({name: member for name, member in document.items() if name != "proof"})
    except JsonLdError:
        return None
    return outcomes[0] if len(outcomes) == 1 and outcomes[0].state is State.PASSED else None


def leaves(value: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401  any JSON
    """Every string of a document, as (parent, key), but for those of its proof and its contexts."""
    for key, member in list(value.items() if isinstance(value, dict) else enumerate(value)):
        if isinstance(member, str):
            yield value, key
        elif isinstance(member, (dict, list)) and key not in {"proof", "@context"}:
            yield from leaves(member)


@pytest.mark.parametrize("suite, signer", SIGNERS)
def test_familiar_answers_as_the_usual_way_when_values_differ(suite: str, signer: Any) -> None:  # noqa: ANN401  a key
    both = Both()
    for number in range(10):
        both.require_same(signed(suite, signer, another(number)))
    assert both.quick == 10


@pytest.mark.parametrize("name", ACCEPTED)
def test_familiar_answers_as_the_usual_way_when_a_value_is_odd(name: str) -> None:
    chance, document = random.Random(name), signed("eddsa-jcs-2022", ED25519, credential(**ACCEPTED[name]))
    both = Both()
    both.require_same(document)
    for number in range(len(list(leaves(document)))):
        for odd in chance.sample(ODD, 8):
            changed = copy.deepcopy(document)
            parent, key = list(leaves(changed))[number]
            parent[key] = odd
            both.require_same(resigned(changed))


@pytest.mark.parametrize("name", REFUSED)
def test_familiar_says_nothing_when_the_data_model_refuses(name: str) -> None:
    both = Both()
    for members in ACCEPTED.values():
        both.learn(signed("eddsa-jcs-2022", ED25519, credential(**members)))
    document = credential(**REFUSED[name][0])
    if "@context" in document and "proof" not in document:
        assert both.at_once(signed("eddsa-jcs-2022", ED25519, document)) is None


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("make", [award, course])
def test_familiar_answers_as_the_usual_way_when_anything_differs(make: Any, seed: int) -> None:  # noqa: ANN401  a maker
    both, chance = Both(), random.Random(f"{make.__name__}{seed}")
    document = signed("eddsa-jcs-2022", ED25519, make())
    both.require_same(document)
    for _ in range(60):
        changed = resigned(mutated({**document, "proof": document["proof"]}, chance) | {"proof": document["proof"]})
        both.require_same(changed)
        # What was learnt of one document is asked about others of its make.
        both.require_same(resigned({**refilled(changed, chance), "proof": document["proof"]}))
    assert both.quick > 15


@pytest.mark.parametrize("suite", ["eddsa-rdfc-2022", "ecdsa-rdfc-2019"])
def test_familiar_answers_as_the_usual_way_when_rdf_is_signed(suite: str) -> None:
    both, chance = Both(), random.Random(suite)
    signer = ED25519 if suite.startswith("ed") else P384
    both.require_same(signed(suite, signer, award()))
    for _ in range(40):
        try:
            changed = signed(suite, signer, mutated(award(), chance))
        except (JsonLdError, ValueError):
            continue
        both.require_same(changed)
    assert both.quick > 5


@pytest.mark.parametrize("name", CHANGES)
def test_familiar_answers_as_the_usual_way_when_the_proof_is_odd(name: str) -> None:
    both, document = Both(), signed("eddsa-jcs-2022", ED25519, award())
    both.require_same(document)
    for odd in CHANGES[name]:
        changed: dict[str, Any] = {name: odd}
        both.require_same(resigned(document, **changed))
        both.require_same(document)
    assert both.quick > len(CHANGES[name])


@pytest.mark.parametrize("value", ["", "z", "z1", "u00", "z" + "1" * 88, "z" + "z" * 199, "z0", "zé", 7, None])
def test_familiar_says_nothing_when_the_signature_is_none(value: Any) -> None:  # noqa: ANN401  any JSON
    both, document = Both(), signed("eddsa-jcs-2022", ED25519, award())
    both.require_same(document)
    assert both.at_once({**document, "proof": {**document["proof"], "proofValue": value}}) is None


@pytest.mark.parametrize("suite, signer", SIGNERS)
def test_familiar_says_nothing_when_a_byte_is_changed(suite: str, signer: Any) -> None:  # noqa: ANN401  a key
    both, document = Both(), signed(suite, signer, award())
    both.require_same(document)
    assert both.at_once(document) is not None
    for parent, key in leaves(document):
        kept = parent[key]
        parent[key] = f"{kept}x"
        assert both.at_once(document) is None
        parent[key] = kept
    for name in ("created", "proofValue", "verificationMethod"):
        value = document["proof"][name]
        swapped = "3" if value[-3] != "3" else "4"
        proof = {**document["proof"], name: f"{value[:-3]}{swapped}{value[-2:]}"}
        assert both.at_once({**document, "proof": proof}) is None


@pytest.mark.parametrize("suite, signer", SIGNERS)
def test_familiar_knows_a_make_when_members_stand_in_another_order(suite: str, signer: Any) -> None:  # noqa: ANN401  a key
    both, document = Both(), signed(suite, signer, award())
    both.require_same(document)
    turned = _turned(document)
    assert list(turned) != list(document)
    assert both.at_once(turned) == usually(turned) == both.at_once(document)


def _turned(value: Any) -> Any:  # noqa: ANN401  any JSON
    if isinstance(value, dict):
        return {name: _turned(value[name]) for name in reversed(value)}
    return [_turned(member) for member in value] if isinstance(value, list) else value


def test_familiar_says_nothing_when_a_member_is_written_twice_or_moved() -> None:
    both, document = Both(), signed("eddsa-jcs-2022", ED25519, award())
    both.require_same(document)
    for value in VALUES:
        both.require_same(resigned({**document, "credentialSubject": {**document["credentialSubject"], "x": value}}))
        both.require_same({**document, "proof": [document["proof"]]})
        both.require_same({**document, "proof": [document["proof"], document["proof"]]})
        both.require_same({**document, "proof": {**document["proof"], "proof": document["proof"]}})
        both.require_same(resigned({**document, "evidence": [{"type": ["Evidence"], "proof": value}]}))


def test_familiar_says_nothing_when_the_key_is_not_to_be_had_or_of_another_kind() -> None:
    both, document = Both(), signed("eddsa-jcs-2022", ED25519, award())
    both.require_same(document)
    method = document["proof"]["verificationMethod"]
    for key in (KeyUnavailableError("away"), KEYS.keys[P384.kid, "assertionMethod"]):
        keys = KnownKeys({(method, "assertionMethod"): key})
        assert both.familiar.verify(document, keys, purpose="assertionMethod", now=NOW) is None
    assert both.familiar.verify(document, KEYS, purpose="authentication", now=NOW) is None
    assert both.familiar.verify(document, KEYS, purpose="assertionMethod", now=NOW - timedelta(days=400)) is None


def test_familiar_says_nothing_when_a_make_is_there_for_the_first_time() -> None:
    both, document = Both(), signed("eddsa-jcs-2022", ED25519, award())
    both.shapes.learn({name: member for name, member in document.items() if name != "proof"}, at_once=True)
    both.familiar.learn(document)
    assert both.at_once(document) is None
    both.familiar.learn(document)
    assert both.at_once(document) is not None


def test_familiar_learns_nothing_when_a_document_is_at_fault() -> None:
    both = Both()
    at_fault: tuple[dict[str, Any], ...] = (
        resigned(signed("eddsa-jcs-2022", ED25519, award()) | {"issuer": "nobody"}),
        options(),
        {"@context": []},
    )
    for document in at_fault:
        both.familiar.learn(document, at_once=True)
        assert both.at_once(document) is None
    assert not both.familiar._kinds


def test_familiar_keeps_no_more_than_it_may_when_makes_are_many() -> None:
    both = Both()
    for number in range(MAX_ALIKE + 3):
        document = credential(
            **{"@context": ["https://www.w3.org/ns/credentials/v2", {f"t{number:03}": f"urn:t:{number}"}]}
        )
        both.learn(signed("eddsa-jcs-2022", ED25519, document))
    kinds = [kind for kinds in both.familiar._kinds.values() for kind in kinds]
    assert 0 < max(len(kind.makes) for kind in kinds) <= MAX_ALIKE
    assert max(len(kinds) for kinds in both.familiar._kinds.values()) <= MAX_KINDS
