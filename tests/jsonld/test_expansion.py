"""Contexts from this machine alone, and no term without a meaning."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest

from tests.jsonld.document import OB, V2, badge, course, old, options, presentation
from verifier.error import ContextRefusedError, JsonLdError, UndefinedTermError, WorkExceededError
from verifier.jsonld.agreement import require_agreement
from verifier.jsonld.canonical import Effort, canonical_form, canonical_nquads
from verifier.jsonld.context import CONTEXTS, INSTALLED, context_bytes


@pytest.mark.parametrize("url", sorted(INSTALLED))
def test_context_is_the_reviewed_one_when_it_is_installed(url: str) -> None:
    assert sha256(context_bytes(url)).hexdigest() == INSTALLED[url][2]


def test_context_of_the_recommendation_is_the_one_whose_digest_it_prints() -> None:
    assert sha256(context_bytes(V2)).hexdigest().startswith("59955ced")


@pytest.mark.parametrize("url", sorted(CONTEXTS))
def test_context_can_be_used_when_it_is_installed(url: str) -> None:
    assert canonical_nquads({"@context": url}) == b""


@pytest.mark.parametrize(
    "context",
    [
        "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.0.json",
        "https://evil.example/context",
        "http://127.0.0.1:1/context",
        "file:///etc/passwd",
        {"@import": "https://evil.example/context"},
        {"term": {"@id": "urn:x:t", "@context": "https://evil.example/context"}},
    ],
)
def test_document_is_refused_when_a_context_is_not_installed(context: Any) -> None:  # noqa: ANN401  any context
    with pytest.raises(JsonLdError):
        canonical_nquads({**badge(), "@context": [V2, OB, context], "term": {"x": "y"}})


def test_refusal_names_the_context_when_it_is_not_installed() -> None:
    with pytest.raises(ContextRefusedError, match=r"evil\.example"):
        canonical_nquads({**badge(), "@context": [V2, "https://evil.example/context"]})


@pytest.mark.parametrize(
    "change",
    [
        {"madeUp": "x"},
        {"type": ["VerifiableCredential", "MadeUp"]},
        {"id": "relative"},
        {"id": "//host/path"},
        {"id": "../up"},
        {"credentialSubject": {"madeUp": 1}},
        {"evidence": [{"type": "MadeUp"}]},
        {"credentialSchema": {"id": "schema.json", "type": "1EdTechJsonSchemaValidator2019"}},
    ],
)
def test_document_is_refused_when_a_name_has_no_meaning(change: dict[str, Any]) -> None:
    with pytest.raises(UndefinedTermError):
        canonical_nquads({**badge(), **change})


@pytest.mark.parametrize(
    "value", [2**53, -(2**53), float("nan"), float("inf"), {"@value": "x", "@type": "urn:a b"}, "\ud800"]
)
def test_document_is_refused_when_a_value_has_no_one_meaning(value: object) -> None:
    document = course()
    document["credentialSubject"][0]["note"] = value
    with pytest.raises(JsonLdError):
        canonical_nquads(document)


@pytest.mark.parametrize("language", ["en .\n<urn:a> <urn:b> <urn:c>", "\b", "", "en_US", "x" * 9, 'en"', "deutsch-"])
def test_document_is_refused_when_a_language_is_no_tag(language: str) -> None:
    document = course()
    document["credentialSubject"][0]["note"] = {"@value": "hello", "@language": language}
    with pytest.raises(JsonLdError):
        canonical_nquads(document)


def test_integer_with_a_fraction_of_zero_is_an_integer_when_json_says_7_0() -> None:
    document = course()
    document["credentialSubject"][0]["note"] = 7.0
    assert b'"7"^^<http://www.w3.org/2001/XMLSchema#integer>' in canonical_nquads(document)


def test_document_is_refused_when_it_is_nested_too_deeply() -> None:
    nested: Any = "x"
    for _ in range(100):
        nested = {"note": nested}
    with pytest.raises(WorkExceededError):
        canonical_nquads({**course(), "note": nested})


def test_quad_says_nothing_else_when_an_identifier_holds_brackets() -> None:
    with pytest.raises(JsonLdError):
        canonical_nquads({**badge(), "id": "urn:x:a>"})


@pytest.mark.parametrize("make", [badge, course, old])
def test_agreement_is_found_when_a_document_is_honest(make: Any) -> None:  # noqa: ANN401  a maker of documents
    require_agreement(make(), {**options(), "@context": make()["@context"]})


def test_agreement_is_found_when_a_presentation_is_honest() -> None:
    require_agreement(presentation(), options())


@pytest.mark.parametrize(
    "context",
    [
        {"validTo": "https://www.w3.org/2018/credentials#validUntil"},
        {"validUntil": "https://other.example/validUntil"},
        {"credentialStatus": None},
        {"@vocab": "https://www.w3.org/2018/credentials#"},
        {"@vocab": "https://purl.imsglobal.org/spec/vc/ob/vocab.html#Ach"},
        {"@base": "https://other.example/"},
        {"@language": "en"},
        {"@import": V2},
        {"kind": "@type"},
        {"obi": {"@id": "https://other.example/obi", "@reverse": "https://other.example/r"}},
        {"x": {"@id": "https://other.example/x", "@context": {"issuer": "https://other.example/i"}}},
        {"obi:x": "https://other.example/x"},
        None,
    ],
)
def test_agreement_is_refused_when_an_inline_context_bends_meaning(context: Any) -> None:  # noqa: ANN401  any context
    document = {**badge(), "@context": [V2, OB, context]}
    with pytest.raises(JsonLdError):
        require_agreement(document, {**options(), "@context": document["@context"]})


@pytest.mark.parametrize(
    "change",
    [
        {"https://www.w3.org/2018/credentials#validUntil": "2040-01-01T00:00:00Z", "validUntil": None},
        {"@included": [{"id": "urn:x:y", "name": "n"}]},
        {"credentialStatus": [[badge()["credentialStatus"][0]]]},
        {"evidence": [{"id": "https://ledger.example.edu/status-lists/0#94567", "type": ["Evidence"], "name": "n"}]},
    ],
)
def test_agreement_is_refused_when_json_could_show_something_else(change: dict[str, Any]) -> None:
    document = {name: value for name, value in {**badge(), **change}.items() if value is not None}
    with pytest.raises(JsonLdError):
        require_agreement(document, options())


def test_known_shape_is_used_when_it_was_seen_twice() -> None:
    document = {**badge(), "id": "urn:uuid:00000000-0000-4000-8000-00000000abcd", "awardedDate": "2026-01-01T00:00:00Z"}
    forms = [canonical_form(document, "sha256") for _ in range(3)]
    assert {form.nquads for form in forms} == {forms[0].nquads}
    assert canonical_form(json.loads(json.dumps(document)), "sha256", Effort.KNOWN).template is not None
