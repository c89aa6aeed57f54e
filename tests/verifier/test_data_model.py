"""The data models' demands, each as a pair: what has to be accepted and what has to be refused."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.verifier.data_model_case import (
    ABSENT,
    ACCEPTED,
    EXAMPLES,
    JWT,
    REFUSED,
    WRONG,
    at_hand,
    credential,
    envelope,
    first_edition,
    multibase,
    presentation,
    related,
)
from verifier.data_model import (
    V1_CONTEXT,
    V2_CONTEXT,
    DataProblem,
    credential_problems,
    credentials_of,
    holder_of,
    issuer_of,
    open_envelope,
    presentation_problems,
)
from verifier.data_model.problem import CRYPTOGRAPHIC_SECURITY, MALFORMED_VALUE, MAX_PROBLEMS, PARSING, RANGE
from verifier.data_model.value import is_url, seconds_of


@pytest.mark.parametrize("members", ACCEPTED.values(), ids=ACCEPTED)
def test_credential_is_accepted_when_it_has(members: dict[str, object]) -> None:
    assert credential_problems(credential(**members), at_hand) == ()


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_credential_is_refused_when_it_has(case: tuple[dict[str, object], str]) -> None:
    members, pointer = case
    problems = credential_problems(credential(**members), at_hand)
    assert pointer in [problem.pointer for problem in problems]
    assert all(problem.type.startswith("https://www.w3.org/TR/vc-data-model#") for problem in problems)


def test_credential_names_the_kind_of_problem_when_refused() -> None:
    late = credential(validFrom="2026-02-01T00:00:00Z", validUntil="2026-01-01T00:00:00Z")
    assert [problem.type for problem in credential_problems(late)] == [RANGE]
    assert [problem.type for problem in credential_problems("a text")] == [PARSING]
    assert [problem.type for problem in credential_problems(credential(id=None))] == [MALFORMED_VALUE]
    wrong = credential(relatedResource=related(digestMultibase=multibase(WRONG)))
    assert [problem.type for problem in credential_problems(wrong, at_hand)] == [CRYPTOGRAPHIC_SECURITY]
    assert credential_problems(wrong) == ()  # nothing at hand to compare with


def test_problem_is_problem_details_when_shown() -> None:
    [shown] = [problem.to_json() for problem in credential_problems(credential(id="secret-value"))]
    assert shown["type"] == MALFORMED_VALUE
    assert set(shown) == {"type", "title", "detail"}
    assert "secret-value" not in shown["detail"]
    assert DataProblem("https://example.org/another", "x").title == "The document could not be verified"


def test_credential_has_a_bounded_list_of_problems_when_wrong_everywhere() -> None:
    assert len(credential_problems(credential(credentialSubject=[{}] * 10_000))) == MAX_PROBLEMS


@pytest.mark.parametrize(
    "members, pointer",
    [
        ({}, None),
        ({"expirationDate": "2027-01-31T12:00:00Z"}, None),
        ({"issuanceDate": "2026-01-31T12:00:00"}, None),
        ({"credentialStatus": {"id": "https://school.example/1", "type": "AnotherList"}}, None),
        ({"issuanceDate": ABSENT}, "/issuanceDate"),
        ({"issuanceDate": "2026"}, "/issuanceDate"),
        ({"expirationDate": "2025-01-31T12:00:00Z"}, "/expirationDate"),
        ({"credentialStatus": {"type": "AnotherList"}}, "/credentialStatus/id"),
        ({"credentialSchema": {"type": "JsonSchema"}}, "/credentialSchema/id"),
        ({"refreshService": {"type": "Service"}}, "/refreshService/id"),
        ({"termsOfUse": {"id": "urn:a:1"}}, "/termsOfUse/type"),
        ({"evidence": {"id": "urn:a:1"}}, "/evidence/type"),
        ({"issuer": 4}, "/issuer"),
        ({"type": ["Course"]}, "/type"),
        ({"credentialSubject": {}}, "/credentialSubject"),
    ],
)
def test_first_edition_is_judged_by_its_own_rules(members: dict[str, object], pointer: str | None) -> None:
    problems = [problem.pointer for problem in credential_problems(first_edition(**members))]
    assert problems == [] if pointer is None else pointer in problems


def test_credential_is_refused_as_its_own_model_when_it_has_the_dates_of_the_other() -> None:
    mixed = credential(issuanceDate="2026-01-31T12:00:00Z")
    assert credential_problems(mixed) == ()  # a member that VC 2.0 does not define; the contexts decide
    assert "/issuanceDate" in [p.pointer for p in credential_problems(credential(**{"@context": [V1_CONTEXT]}))]


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"id": "urn:uuid:9c9a36f8-518f-4976-a934-6649502d0008"},
        {"verifiableCredential": []},
        {"verifiableCredential": ABSENT},
        {"verifiableCredential": credential()},
        {"verifiableCredential": [credential(), envelope("EnvelopedVerifiableCredential")]},
        {"type": ["VerifiablePresentation", "Course"]},
        {"holder": "did:example:learner"},
        {"holder": {"id": "did:example:learner"}},
        {"@context": [V2_CONTEXT, EXAMPLES]},
        {"@context": [V1_CONTEXT], "verifiableCredential": [first_edition()]},
    ],
)
def test_presentation_is_accepted_when_it_has(members: dict[str, object]) -> None:
    assert presentation_problems(presentation(**members)) == ()


@pytest.mark.parametrize(
    "members, pointer",
    [
        ({"@context": ABSENT}, "/@context"),
        ({"@context": [EXAMPLES, V2_CONTEXT]}, "/@context/0"),
        ({"@context": [V2_CONTEXT, 123192875]}, "/@context/1"),
        ({"type": ABSENT}, "/type"),
        ({"type": ["Course"]}, "/type"),
        ({"id": "x"}, "/id"),
        ({"holder": "learner"}, "/holder"),
        ({"holder": {"name": "L"}}, "/holder/id"),
        ({"holder": None}, "/holder"),
        ({"termsOfUse": {"id": "urn:a:1"}}, "/termsOfUse/type"),
        ({"verifiableCredential": ["https://school.example/1"]}, "/verifiableCredential/0"),
        ({"verifiableCredential": 4}, "/verifiableCredential"),
        ({"verifiableCredential": None}, "/verifiableCredential"),
        ({"verifiableCredential": [credential(type=ABSENT)]}, "/verifiableCredential/0/type"),
        ({"verifiableCredential": [credential()] * 51}, "/verifiableCredential"),
        (
            {"verifiableCredential": [envelope("EnvelopedVerifiableCredential", id="urn:a:1")]},
            "/verifiableCredential/0/id",
        ),
        ({"proof": []}, "/proof"),
    ],
)
def test_presentation_is_refused_when_it_has(members: dict[str, object], pointer: str) -> None:
    assert pointer in [problem.pointer for problem in presentation_problems(presentation(**members))]


@pytest.mark.parametrize("kind", ["EnvelopedVerifiableCredential", "EnvelopedVerifiablePresentation"])
def test_envelope_is_judged_by_context_type_and_id(kind: str) -> None:
    judge = credential_problems if kind.endswith("Credential") else presentation_problems
    assert judge(envelope(kind)) == ()
    assert judge(envelope(kind, **{"@context": [V2_CONTEXT]})) == ()
    wrong: tuple[dict[str, object], ...] = (
        {"@context": []},
        {"@context": ABSENT},
        {"@context": EXAMPLES},
        {"@context": [EXAMPLES]},
        {"id": JWT},
        {"id": ABSENT},
        {"id": 4},
        {"type": ["VerifiableCredential"]},
        {"type": [kind, "VerifiableCredential"]},
        {"type": ABSENT},
    )
    for members in wrong:
        assert judge(envelope(kind, **members)) != (), members


def test_envelope_gives_its_content_when_opened() -> None:
    opened = open_envelope(envelope("EnvelopedVerifiableCredential"))
    assert opened is not None
    assert (opened.media_type, opened.content) == ("application/vc+jwt", JWT)
    parameters = open_envelope({"id": f"data:application/vc+jwt;base64url,{JWT}"})
    assert parameters is not None
    assert parameters.content == JWT


def test_readers_answer_what_the_document_says() -> None:
    assert issuer_of(credential()) == "did:example:school"
    assert issuer_of(credential(issuer={"id": "did:example:b"})) == "did:example:b"
    assert issuer_of(credential(issuer=4)) is None
    assert holder_of(presentation()) is None
    assert holder_of(presentation(holder={"id": "did:example:l"})) == "did:example:l"
    assert credentials_of({"verifiableCredential": {"a": 1}}) == [{"a": 1}]


@pytest.mark.parametrize(
    "text, wanted",
    [
        ("https://school.example/a?b#c", True),
        ("did:web:localhost%3A8000:a", True),
        ("urn:uuid:9c9a36f8-518f-4976-a934-6649502d0008", True),
        ("data:application/vc+jwt,abc", True),
        ("https ://not-a-url", False),
        ("https://", False),
        ("https://[::1", False),
        ("https://school.example:port/", False),
        ("//school.example/", False),
        ("school", False),
        ("urn:a b", False),
        ("urn:", False),
        ("", False),
        ("urn:" + "a" * 10_000, False),
        ("https://школа.example/курс", True),
        ("https://school.example/\n", False),
    ],
)
def test_url_is_recognised(text: str, *, wanted: bool) -> None:
    assert is_url(text) is wanted


@pytest.mark.parametrize(
    "stamp, seconds",
    [
        ("1970-01-01T00:00:00Z", Fraction(0)),
        ("1970-01-01T01:00:00+01:00", Fraction(0)),
        ("1969-12-31T24:00:00Z", Fraction(0)),
        ("1970-01-01T00:00:00.25Z", Fraction(1, 4)),
        ("2000-02-29T00:00:00Z", Fraction(951_782_400)),
        ("1900-02-29T00:00:00Z", None),
        ("2026-04-31T00:00:00Z", None),
        ("2026-01-31T12:00:00", None),
        ("2026-01-31T24:00:01Z", None),
        ("2026-01-31T12:00:60Z", None),
        ("2026-01-31T12:00:00+14:01", None),
        ("2026-01-31T12:00:00-14:00", Fraction(1_769_911_200)),
        ("2026-01-31", None),
        ("026-01-31T12:00:00Z", None),
        ("2026-01-31t12:00:00z", None),
        ("2026-01-31T12:00:00Z\n", None),
        ("9" * 10_000, None),
    ],
)
def test_date_time_stamp_is_read(stamp: str, seconds: Fraction | None) -> None:
    assert seconds_of(stamp) == seconds


@given(st.datetimes(timezones=st.just(UTC)))
def test_date_time_stamp_agrees_with_the_standard_library(moment: datetime) -> None:
    whole = moment.replace(microsecond=0)
    wanted = (whole - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    assert seconds_of(whole.isoformat().replace("+00:00", "Z")) == wanted


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


@given(st.sampled_from(sorted(credential())), JSON)
def test_credential_never_raises_when_a_member_is_anything(name: str, value: object) -> None:
    made = {**credential(), name: value}
    before = copy.deepcopy(made)
    credential_problems(made, at_hand)
    presentation_problems(presentation(verifiableCredential=value))
    assert made == before


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "@context", "id", "type", "issuer", "credentialSubject", "validFrom", "credentialStatus", "proof",
                "relatedResource", "evidence", "name", "holder", "verifiableCredential", "credentialSchema",
            ]
        ),
        JSON,
    )
)  # fmt: skip
def test_documents_never_raise_when_made_of_anything(document: dict[str, Any]) -> None:
    credential_problems(document, at_hand)
    presentation_problems(document, at_hand)
