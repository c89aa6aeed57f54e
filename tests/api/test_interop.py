"""What other people's verifiers make of our documents, keys and status lists; nothing is fetched from a network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from openbadgeslib.ob3.contexts import document_loader
from openvc.did.base import DidResolverRegistry
from openvc.did.did_web import DidWebResolver
from openvc.resolvers import default_status_list_resolver
from openvc.status.status_list import CredentialRevoked, CredentialSuspended, StatusResult
from openvc.verify import VerificationPolicy, VerificationResult, verify_credential
from pyld import jsonld

from ledger.form.open_badge import MICROCREDENTIAL_TERM
from tests.api.served import SLUG, Served

LEARNER = {
    "name": "Mari Maasikas",
    "reference": "S-1",
    "email": "mari@example.org",
    "id": "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK",
}
# What is relative in a document becomes an address below this one.
NOWHERE = "https://nowhere.invalid/"
OPTIONS = {"documentLoader": document_loader(), "base": NOWHERE}
POLICY = VerificationPolicy(expected_types=["OpenBadgeCredential"], require_status_issuer_binding=True)


def fetch_text(served: Served, url: str) -> str:
    """Fetch an address of the served ledger; did:web speaks https, whatever the test server does."""
    parts = urlsplit(url)
    assert parts.hostname == "ledger.test"
    answered = served.http.get(parts.path)
    assert answered.status_code == 200, url
    return answered.text


def resolver_of(served: Served) -> DidResolverRegistry:
    return DidResolverRegistry([DidWebResolver(lambda url: json.loads(fetch_text(served, url)))])


def verify(served: Served, document: dict[str, Any]) -> VerificationResult:
    resolver = resolver_of(served)
    lists = default_status_list_resolver(resolver=resolver, fetch=lambda url: fetch_text(served, url))
    return verify_credential(document, policy=POLICY, resolver=resolver, resolve_status_list=lists)


@pytest.fixture(scope="module")
def issued(served: Served, school_key: str) -> dict[str, Any]:
    return served.issue(school_key, learner=LEARNER, grade="A", valid_until="2030-01-31T00:00:00Z")


def test_openvc_verifies_document_key_and_both_status_lists(served: Served, issued: dict[str, Any]) -> None:
    result = verify(served, issued["bundle"]["document"])
    assert result.issuer == f"did:web:ledger.test:institutions:{SLUG}"
    assert isinstance(result.status, StatusResult)
    assert [one.entry.purpose for one in result.status.entries] == ["revocation", "suspension"]


@pytest.mark.parametrize("member", ["name", "validFrom", "issuer", "credentialSubject", MICROCREDENTIAL_TERM])
def test_openvc_refuses_document_when_a_member_was_altered(served: Served, issued: dict[str, Any], member: str) -> None:
    document = json.loads(json.dumps(issued["bundle"]["document"]))
    document[member] = document[member] | {"x": "y"} if isinstance(document[member], dict) else "2020-01-01T00:00:00Z"
    with pytest.raises(Exception, match=r"(?i)signature|proof|invalid"):
        verify(served, document)


def test_openvc_refuses_document_when_it_is_suspended_and_takes_it_again_when_reinstated(
    served: Served, school_key: str
) -> None:
    one = served.issue(school_key)
    path = f"/v1/credentials/{one['id']}/suspension"
    assert served.write("POST", path, {"reason": "under_review"}, school_key).status_code == 200
    with pytest.raises(CredentialSuspended):
        verify(served, one["bundle"]["document"])
    assert served.write("DELETE", path, {}, school_key).status_code == 200
    assert verify(served, one["bundle"]["document"]).status is not None


def test_openvc_refuses_document_when_it_is_revoked(served: Served, school_key: str) -> None:
    one = served.issue(school_key)
    path = f"/v1/credentials/{one['id']}/revocation"
    assert served.write("POST", path, {"reason": "other"}, school_key).status_code == 200
    with pytest.raises(CredentialRevoked):
        verify(served, one["bundle"]["document"])


def test_openvc_refuses_status_list_when_a_bit_was_cleared(served: Served, issued: dict[str, Any]) -> None:
    entry = issued["bundle"]["document"]["credentialStatus"][0]
    honest = json.loads(fetch_text(served, entry["statusListCredential"]))
    forged = honest | {"credentialSubject": honest["credentialSubject"] | {"encodedList": "uH4sIAAAAAAAA"}}
    lists = default_status_list_resolver(resolver=resolver_of(served), fetch=lambda _url: json.dumps(forged))
    with pytest.raises(Exception, match=r"(?i)signature|proof|invalid"):
        lists(entry["statusListCredential"])


def test_openvc_verifies_old_document_when_the_key_was_rotated_since(served: Served, school_key: str) -> None:
    one = served.issue(school_key)
    assert served.write("POST", f"/v1/institutions/{SLUG}/keys", {}, school_key).status_code == 201
    assert verify(served, one["bundle"]["document"]).status is not None
    assert verify(served, served.issue(school_key)["bundle"]["document"]).status is not None


def test_document_and_status_list_define_every_term_they_use(served: Served, issued: dict[str, Any]) -> None:
    document = issued["bundle"]["document"]
    status_list = json.loads(fetch_text(served, document["credentialStatus"][0]["statusListCredential"]))
    for one in (document, status_list):
        dropped: list[Any] = []
        expanded = jsonld.expand(one, OPTIONS, on_property_dropped=dropped.append)
        assert dropped == []
        assert [name for name in names(expanded) if name.startswith(NOWHERE) or ":" not in name] == []


def names(node: object) -> Iterator[str]:
    """Yield every identifier and type of expanded JSON-LD: RDF keeps those alone that are absolute."""
    if isinstance(node, list):
        for one in node:
            yield from names(one)
    elif isinstance(node, dict) and node.get("@type") != "@json":
        types = node.get("@type", [])
        yield from ([types] if isinstance(types, str) else types)
        yield from ([node["@id"]] if "@id" in node else [])
        yield from (name for name in node if not name.startswith("@"))
        for value in node.values():
            yield from names(value)


def test_names_finds_what_rdf_would_drop() -> None:
    document = {"@context": {"a": "urn:a", "T": "urn:T"}, "@type": ["T", "U"], "@id": "relative", "a": {"@type": "V"}}
    dropped: list[Any] = []
    expanded = jsonld.expand(document | {"b": 1}, OPTIONS, on_property_dropped=dropped.append)
    assert dropped == ["b"]
    assert {f"{NOWHERE}U", f"{NOWHERE}relative", f"{NOWHERE}V"} <= set(names(expanded))
