"""What Cairn issued, verified by other people's clients from npm: taken as it is, refused when altered or revoked."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final

import pytest

from tests.node.processor import Node, served_contexts
from tests.system.school import SLUG, Caller, Json, loaded, open_school
from tests.system.suite_server import SuiteServing, credential

SUITES: Final = [("Ed25519", "eddsa-rdfc-2022"), ("Ed25519", "eddsa-jcs-2022"), ("P-256", "ecdsa-rdfc-2019")]


@pytest.fixture(scope="module")
def client(suite: SuiteServing) -> Iterator[Node]:
    """The clients, who trust the server's certificate and fetch status lists and DIDs from it."""
    node = Node("client.mjs", NODE_EXTRA_CA_CERTS=str(suite.certificate))
    node.ask(server=suite.url, contexts=served_contexts())
    yield node
    node.close()


def issued(suite: SuiteServing, kind: str, cryptosuite: str) -> Json:
    """A freshly signed credential, valid for a year."""
    unsigned = credential(
        suite.issuers()[kind],
        **{"@context": ["https://www.w3.org/ns/credentials/v2"]},
        name="Working with Data: First Steps",
        validUntil="2099-01-01T00:00:00Z",
    )
    answered = suite.issue(unsigned, cryptosuite=cryptosuite)
    assert answered.status_code == 201, answered.text
    signed: Json = answered.json()["verifiableCredential"]
    return signed


def altered(signed: Json) -> Json:
    """The same with another name in it."""
    return {**deepcopy(signed), "name": "Working with Data: Mastery"}


@pytest.mark.parametrize("kind, cryptosuite", SUITES)
def test_vc_client_takes_what_was_issued_and_refuses_it_altered_or_revoked(
    suite: SuiteServing, client: Node, kind: str, cryptosuite: str
) -> None:
    signed = issued(suite, kind, cryptosuite)
    answer = client.ask(vc=signed)
    assert (answer["verified"], answer["error"]) == (True, None), answer["error"]
    assert {entry["status"] for entry in answer["status"]} == {False}

    assert client.ask(vc=altered(signed))["verified"] is False

    changed = suite.set_status(signed["id"])
    assert changed.status_code == 200, changed.text
    revoked = client.ask(vc=signed)
    assert {"purpose": "revocation", "status": True} in revoked["status"]


def test_verifier_core_takes_what_was_issued_and_refuses_it_altered_or_revoked(
    suite: SuiteServing, client: Node
) -> None:
    signed = issued(suite, "Ed25519", "eddsa-rdfc-2022")
    assert steps(client.ask(core=signed)) == {"valid_signature": True, "expiration": True, "revocation_status": True}

    refused = client.ask(core=altered(signed))
    assert [error["name"] for error in refused["errors"]] == ["invalid_signature"]

    assert suite.set_status(signed["id"]).status_code == 200
    assert steps(client.ask(core=signed))["revocation_status"] is False


def steps(answer: dict[str, Any]) -> dict[str, bool]:
    """The steps that the library judged, and how."""
    assert answer["errors"] is None, answer
    return {
        step["id"]: step["valid"] for step in answer["log"] if "valid" in step and step["id"] != "registered_issuer"
    }


@pytest.fixture(scope="module")
def award(suite: SuiteServing) -> tuple[Caller, str]:
    """An institution that offers the Open Badge with a proof over RDF as well, and one award of it."""
    school = open_school(suite)
    chosen = school.post(f"/v1/institutions/{SLUG}/forms", {"forms": ["open-badge-rdfc"]})
    assert chosen.is_success, chosen.text
    return school, school.issue()["id"]


def document(award: tuple[Caller, str], form: str) -> Json:
    """The award's document in one form."""
    answered = award[0].get(f"/v1/credentials/{award[1]}/documents/{form}")
    assert answered.status_code == 200, answered.text
    return loaded(answered)


@pytest.mark.parametrize("form", ["open-badge", "open-badge-rdfc"])
def test_vc_client_takes_an_award_of_a_did_web_institution_and_refuses_it_altered(
    client: Node, award: tuple[Caller, str], form: str
) -> None:
    signed = document(award, form)
    assert signed["issuer"]["id"].startswith("did:web:localhost")
    answer = client.ask(vc=signed)
    assert (answer["verified"], answer["error"]) == (True, None), answer["error"]
    assert answer["status"] == [{"purpose": "revocation", "status": False}, {"purpose": "suspension", "status": False}]
    assert client.ask(vc=altered(signed))["verified"] is False


def test_verifier_core_takes_an_award_of_a_did_web_institution_and_sees_it_revoked(
    client: Node, award: tuple[Caller, str]
) -> None:
    signed = document(award, "open-badge-rdfc")
    taken = steps(client.ask(core=signed))
    assert taken["valid_signature"] is True
    assert taken["revocation_status"] is True
    assert [error["name"] for error in client.ask(core=altered(signed))["errors"]] == ["invalid_signature"]
    revoked = award[0].post(f"/v1/credentials/{award[1]}/revocation", {"reason": "incorrect_data"})
    assert revoked.is_success, revoked.text
    assert steps(client.ask(core=signed))["revocation_status"] is False
    assert {"purpose": "revocation", "status": True} in client.ask(vc=signed)["status"]
