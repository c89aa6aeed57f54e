"""What Cairn issued, verified by other people's clients from npm: taken as it is, refused when altered or revoked."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final

import pytest

from tests.node.processor import Node, served_contexts
from tests.system.school import Json
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
    assert (answer["verified"], answer["error"]) == (True, None)
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
