"""What an institution claims of a learner: complete, well formed, refused with the member's name."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import msgspec
import pytest

from ledger.claim import check_text
from ledger.detail import Details
from ledger.error import InvalidInputError, MissingElementError
from ledger.performance import Assessor, Evidence, Result, check_results
from tests.ledger.full_award import DETAILS, FULL_CLAIM, HOLDER_JWK
from tests.ledger.world import START, claim


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"reference": "S-1", "email": "ada@example.org", "id": "did:example:ada", "grade": "A"},
        {"valid_until": datetime(2026, 2, 1, 0, 0, 0, 1_000, tzinfo=UTC)},
        {"awarded_on": START.date()},
    ],
)
def test_claim_is_accepted_when_complete(changes: dict[str, object]) -> None:
    claim(**changes).check(START)  # type: ignore[arg-type]  # passed through as given


@pytest.mark.parametrize("name", ["", "  ", "\t\n"])
def test_claim_names_the_learner_when_the_name_is_missing(name: str) -> None:
    with pytest.raises(MissingElementError, match="identification of the learner") as caught:
        claim(name).check(START)
    assert caught.value.pointer == "/learner/name"


@pytest.mark.parametrize(
    "changes, pointer",
    [
        ({"reference": ""}, "/learner/reference"),
        ({"reference": "x" * 121}, "/learner/reference"),
        ({"email": "ada"}, "/learner/email"),
        ({"email": "ada@example.org\n"}, "/learner/email"),
        ({"email": "a@" + "x" * 300}, "/learner/email"),
        ({"id": "ada"}, "/learner/id"),
        ({"id": "https://a b"}, "/learner/id"),
        ({"grade": " "}, "/grade"),
        ({"grade": "x" * 61}, "/grade"),
        ({"awarded_on": START.date() + timedelta(days=1)}, "/awarded_on"),
        ({"valid_until": datetime(2026, 2, 1, tzinfo=UTC)}, "/valid_until"),
        ({"valid_until": datetime(2030, 1, 1)}, "/valid_until"),  # noqa: DTZ001  the naive instant is the point
        ({"valid_until": datetime(2030, 1, 1, tzinfo=timezone(timedelta(hours=3)))}, "/valid_until"),
        ({"valid_until": datetime(2030, 1, 1, 0, 0, 0, 1, tzinfo=UTC)}, "/valid_until"),
    ],
)
def test_claim_is_refused_when_a_member_is_ill_formed(changes: dict[str, object], pointer: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        claim(**changes).check(START)  # type: ignore[arg-type]  # passed through as given
    assert caught.value.pointer == pointer


def test_claim_is_refused_when_the_name_is_too_long() -> None:
    with pytest.raises(InvalidInputError):
        claim("x" * 201).check(START)


@pytest.mark.parametrize("changes", [{"reference": "\ud800"}, {"grade": "\udfff"}])
def test_claim_is_refused_when_text_is_half_a_surrogate_pair(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError, match="surrogate"):
        claim(**changes).check(START)  # type: ignore[arg-type]  # passed through as given
    check_text("\U0001f600")


def test_claim_holds_from_the_beginning_of_its_day() -> None:
    assert claim(awarded_on=date(2026, 2, 1)).valid_from == datetime(2026, 2, 1, tzinfo=UTC)


P256_JWK = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}


def test_claim_is_accepted_when_nothing_is_left_out() -> None:
    FULL_CLAIM.check(START)
    msgspec.structs.replace(FULL_CLAIM, holder_jwk=P256_JWK).check(START)


@pytest.mark.parametrize(
    "changes, pointer",
    [
        ({"narrative": " "}, "/narrative"),
        ({"narrative": "x" * 4_001}, "/narrative"),
        ({"license_number": "x" * 201}, "/license_number"),
        ({"role": ""}, "/role"),
        ({"term": ""}, "/term"),
        ({"results": (Result(value="x"),) * 31}, "/results"),
        ({"evidence": (Evidence(url="file:///etc/passwd"),)}, "/evidence/0/url"),
        ({"evidence": (Evidence(),)}, "/evidence/0"),
        ({"source": Assessor(id="board", name="Board")}, "/source/id"),
        ({"activity_start": date(2026, 1, 2), "activity_end": date(2026, 1, 1)}, "/activity_end"),
        ({"endorsements": ("a.b",)}, "/endorsements/0"),
        ({"endorsements": ({"type": ["EndorsementCredential"]},)}, "/endorsements/0"),
        ({"endorsements": ({"type": ["VerifiableCredential"], "proof": {}},)}, "/endorsements/0"),
        ({"endorsements": ("a.b." + "c" * 20_000,)}, "/endorsements/0"),
        ({"holder_jwk": {**HOLDER_JWK, "d": "x" * 43}}, "/holder_jwk"),
        ({"holder_jwk": {**HOLDER_JWK, "crv": "X25519"}}, "/holder_jwk"),
        ({"holder_jwk": {**HOLDER_JWK, "x": "short"}}, "/holder_jwk"),
        ({"holder_jwk": {"kty": "RSA"}}, "/holder_jwk"),
    ],
)
def test_claim_refuses_what_was_done_when_it_is_ill_formed(changes: dict[str, object], pointer: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        claim(**changes).check(START)  # type: ignore[arg-type]  # passed through as given
    assert caught.value.pointer == pointer


@pytest.mark.parametrize(
    "result, details, pointer",
    [
        (Result(description="oral", value="1"), DETAILS, "/results/0/description"),
        (Result(description="exam", value="1"), None, "/results/0/description"),
        (Result(description="portfolio", value="good"), DETAILS, "/results/0/value"),
        (Result(description="portfolio", achieved_level="weak"), DETAILS, "/results/0/achieved_level"),
        (Result(description="portfolio"), DETAILS, "/results/0"),
        (Result(achieved_level="strong"), DETAILS, "/results/0/description"),
        (Result(), None, "/results/0"),
    ],
)
def test_claim_refuses_results_that_the_edition_does_not_describe(
    result: Result, details: Details | None, pointer: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        check_results((result,), details)
    assert caught.value.pointer == pointer


def test_claim_takes_results_that_the_edition_describes() -> None:
    check_results((*FULL_CLAIM.results, Result(value="87")), DETAILS)
