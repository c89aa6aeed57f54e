"""The revocation lists of 1EdTech, which nobody signs: what they say against a credential, and what they do not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.verifier.foreign.maker import Issuer, badge, did_document, did_key, did_web, encode, judge, judged, sign
from verifier.foreign.source import Missing
from verifier.report import Report, Verdict

WEB, KEY = did_web(), did_key()
URL = "https://school.example/revoked.json"
ELSEWHERE = "https://lists.example/revoked.json"
EXTENSIONS = "https://purl.imsglobal.org/spec/ob/v3p0/extensions.json"


def shown(issuer: Issuer, url: str = URL, **members: Any) -> dict[str, Any]:  # noqa: ANN401  (any JSON)
    document = badge(issuer, credentialStatus={"id": url, "type": "1EdTechRevocationList"}, **members)
    document["@context"] = [*document["@context"], EXTENSIONS]
    return sign(document, issuer)


def listing(*entries: object, issuer: object = WEB.did, **members: object) -> bytes:
    return encode({"id": URL, "issuer": issuer, "revokedCredential": list(entries), **members})


def report(document: dict[str, Any], held: bytes | Missing, url: str = URL) -> Report:
    return judge(document, {WEB.did: encode(did_document(WEB)), url: held})


def test_credential_is_valid_when_the_issuers_own_list_does_not_name_it() -> None:
    document = shown(WEB)
    for held in (listing(), listing({"id": "urn:other"}), listing({"id": document["id"], "revoked": False})):
        found = report(document, held)
        assert found.verdict is Verdict.VALID
        assert found.check("status.revocation").reason == "list_no_revocation"
        assert "nobody signed" in found.check("status.list").detail


def test_credential_is_invalid_when_a_list_names_it() -> None:
    document = shown(WEB)
    entry = {"id": document["id"], "revoked": True, "revocationReason": "x"}
    assert report(document, listing({"id": "urn:other"}, entry)).reason == "list_revocation"
    assert report(document, listing({"id": document["id"]})).reason == "list_revocation"
    plural: dict[str, Any] = {"id": URL, "issuer": {"id": WEB.did}, "revokedCredentials": [entry]}
    for held in (plural, {**plural, "revokedCredential": []}):
        assert report(document, encode(held)).reason == "list_revocation"
    assert report(shown(WEB, ELSEWHERE), listing({"id": document["id"]}), ELSEWHERE).reason == "list_revocation"


def test_credential_is_unknown_when_the_list_that_clears_it_is_nobodys_word() -> None:
    assert report(shown(WEB, ELSEWHERE), listing(), ELSEWHERE).reason == "list_unusable"
    assert report(shown(KEY), listing(issuer=KEY.did)).reason == "list_unusable"


@pytest.mark.parametrize(
    "held",
    [
        b"",
        b"[]",
        b'{"id":"a","id":"b"}',
        b"{}",
        b'{"error":"not found"}',
        listing(issuer="did:web:other.example"),
        listing("urn:x"),
        listing({"revoked": True}),
        listing({"id": "urn:x", "revoked": "no"}),
        listing({"id": 5}),
    ],
    ids=range(10),
)
def test_credential_is_unknown_when_the_list_is_none(held: bytes) -> None:
    found = report(shown(WEB), held)
    assert (found.verdict, found.reason) == (Verdict.UNKNOWN, "list_unusable")


def test_credential_is_unknown_when_the_list_is_not_to_be_had() -> None:
    assert report(shown(WEB), Missing("off")).reason == "list_off"
    assert report(shown(WEB), Missing("unreachable")).reason == "list_unreachable"
    for url in ("http://school.example/revoked.json", "urn:list"):
        found, wanted = judged(shown(WEB, url), {WEB.did: encode(did_document(WEB))})
        assert (found.reason, wanted) == ("list_unusable", [])


def test_list_is_not_asked_for_when_the_credential_is_forged() -> None:
    forged = {**shown(WEB), "name": "Another"}
    found, wanted = judged(forged, {WEB.did: encode(did_document(WEB))})
    assert (found.verdict, wanted) == (Verdict.INVALID, [])
