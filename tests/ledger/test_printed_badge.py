"""Printed badges: the very bytes that the long way makes, or the long way itself."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openvc.keys import Ed25519SigningKey, P256SigningKey
from openvc.proof.vc_jwt import SigningKey

from ledger.claim import AwardClaim, LearnerClaim
from ledger.document import Award, Origin, StackedUnder, document_form, sign_document
from ledger.form import printed_badge
from ledger.form.open_badge import build_document
from ledger.form.printed_badge import MAX_PLATES, PrintedBadges
from ledger.learner_identity import identities_of
from ledger.signing_algorithm import make_private_key, signer
from ledger.status_allocation import BLOCK_ENTRIES, StatusPlace
from tests.ledger.full_award import full_award
from tests.ledger.test_document import FULL_TEMPLATE, KEY, METHOD, award
from tests.ledger.world import BASE_URL, CODE, START, claim

SIGNER = signer(KEY, METHOD)
MARKS = (
    "\\u0001credential\\u0001",
    "\\u0001name\\u0001",
    "0001-01-01",
    "98765432",
    "\\u0001grade\\u0001",
    '"proof":{},',
    "100 %b",
    "%%",
)
"""What the plates are cut at and filled in at, as a text may hold it."""
STACKED = StackedUnder(institution="north", code="P-1", version=1, rules="0" * 64)
ORIGIN = Origin(unpacking=UUID(int=7), programme="BA", edition=1, title="A Degree", place=StatusPlace(4, 9))
# No controls and no halves of surrogate pairs: a claim with one never gets this far.
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20) | st.sampled_from(MARKS)
DAY = st.dates(date(1900, 1, 1), date(2100, 12, 31))


def long_way(one: Award, key: SigningKey = SIGNER, now: datetime = START) -> bytes:
    return document_form(sign_document(build_document(one, BASE_URL), key, now))


@st.composite
def learners(draw: st.DrawFn) -> LearnerClaim:
    return LearnerClaim(
        name=draw(TEXT),
        email=draw(st.none() | TEXT),
        id=draw(st.none() | TEXT),
        hashed=draw(st.booleans()),
    )


@st.composite
def claims(draw: st.DrawFn) -> AwardClaim:
    return AwardClaim(
        achievement=CODE,
        learner=draw(learners()),
        awarded_on=draw(DAY),
        grade=draw(st.none() | TEXT),
        valid_until=draw(st.none() | st.just(datetime(2101, 1, 1, tzinfo=UTC))),
        narrative=draw(st.none() | st.none() | TEXT),
    )


def made(claimed: AwardClaim, number: int, base: Award) -> Award:
    """An award of *claimed* with an id, salts and a place of its own."""
    seed = hashlib.sha256(b"%d" % number)
    return msgspec.structs.replace(
        base,
        public_id=f"{number:036d}",
        claim=claimed,
        identities=identities_of(claimed.learner, lambda count: seed.digest()[:count]),
        place=StatusPlace(number % 2, number * 7919 % BLOCK_ENTRIES),
    )


@given(st.lists(claims(), min_size=1, max_size=12), TEXT, TEXT)
def test_printed_badges_agree_with_the_long_way(claimed: Sequence[AwardClaim], title: str, text: str) -> None:
    """Every claim comes twice more, so that there is a plate for its kind, printed with another claim's texts."""
    badges = PrintedBadges(BASE_URL)
    base = award(msgspec.structs.replace(FULL_TEMPLATE, title=title, description=text))
    for number, one in enumerate([*claimed, *claimed, *claimed]):
        signed = made(one, number, base)
        assert badges.sign(signed, SIGNER, START) == long_way(signed)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[Award]:
    """Note each document that is built the long way."""
    built: list[Award] = []

    def build(one: Award, base_url: str) -> dict[str, Any]:
        built.append(one)
        return build_document(one, base_url)

    monkeypatch.setattr(printed_badge, "build_document", build)
    return built


def test_badges_are_printed_when_two_of_their_kind_took_the_long_way(monkeypatch: pytest.MonkeyPatch) -> None:
    built = counted(monkeypatch)
    badges = PrintedBadges(BASE_URL)
    for number in range(20):
        one = made(claim(f"Learner {number}", grade="A"), number * 2, award())
        assert badges.sign(one, SIGNER, START) == long_way(one)
    assert len(built) == 3, "the first, the second, and the second with marks"


@pytest.mark.parametrize("mark", MARKS)
def test_badges_take_the_long_way_when_a_mark_stands_in_the_text_of_the_edition(mark: str) -> None:
    """A mark in the text cannot be told from a mark: the plate is refused, or it prints the text as it stands."""
    raw = mark.encode().decode("unicode_escape") if mark.startswith("\\") else mark
    for text in (mark, raw):
        badges = PrintedBadges(BASE_URL)
        base = award(msgspec.structs.replace(FULL_TEMPLATE, description=f"before {text} after"))
        for number in range(4):
            one = made(claim(f"Learner {number}", grade="A"), number * 2, base)
            assert badges.sign(one, SIGNER, START) == long_way(one)


def test_a_plate_is_not_used_when_the_institution_or_the_edition_is_another() -> None:
    badges = PrintedBadges(BASE_URL)
    base = award()
    for number in range(3):
        badges.sign(made(claim(), number * 2, base), SIGNER, START)
    renamed = msgspec.structs.replace(base.institution, name="Another Name", version=base.institution.version + 1)
    for other in (
        msgspec.structs.replace(base, institution=renamed),
        msgspec.structs.replace(base, template=msgspec.structs.replace(base.template, title="Another Title")),
        msgspec.structs.replace(base, details=full_award().details),
    ):
        one = made(claim(), 8, other)
        assert badges.sign(one, SIGNER, START) == long_way(one)


def test_badges_take_the_long_way_when_a_claim_says_more(monkeypatch: pytest.MonkeyPatch) -> None:
    built = counted(monkeypatch)
    badges = PrintedBadges(BASE_URL)
    for _ in range(3):
        assert badges.sign(full_award(), SIGNER, START) == long_way(full_award())
    assert len(built) == 3


@pytest.mark.parametrize("member", [{"stacked": STACKED}, {"origin": ORIGIN}])
def test_badges_take_the_long_way_when_an_award_is_a_stack_or_a_part(member: dict[str, Any]) -> None:
    badges = PrintedBadges(BASE_URL)
    for number in range(4):
        plain = made(claim(), number * 2, award())
        assert badges.sign(plain, SIGNER, START) == long_way(plain)
        other = msgspec.structs.replace(plain, **member)
        assert badges.sign(other, SIGNER, START) == long_way(other) != long_way(plain)


def test_badges_carry_the_second_and_the_key_that_they_are_signed_with() -> None:
    badges = PrintedBadges(BASE_URL)
    other = signer(make_private_key("Ed25519", bytes), f"{METHOD}-2")
    for number in range(4):
        for key in (SIGNER, other):
            now = START + timedelta(milliseconds=number * 400)
            one = made(claim(), number * 2, award())
            assert badges.sign(one, key, now) == long_way(one, key, now)


def test_badges_are_not_printed_when_the_key_signs_otherwise_each_time() -> None:
    key = make_private_key("P-256", lambda count: bytes(range(1, count + 1)))
    signing = signer(key, METHOD)
    assert isinstance(signing, P256SigningKey)
    badges = PrintedBadges(BASE_URL)
    for number in range(3):
        signed = badges.sign(made(claim(), number * 2, award()), signing, START)
        assert b'"cryptosuite":"ecdsa-jcs-2019"' in signed


def test_plates_are_forgotten_when_there_are_too_many() -> None:
    badges = PrintedBadges(BASE_URL)
    for number in range(MAX_PLATES + 10):
        ends = datetime(2030, 1, 1, tzinfo=UTC) + timedelta(days=number)
        one = made(claim(valid_until=ends), number, award())
        assert badges.sign(one, SIGNER, START) == long_way(one)
    assert len(badges._plates) == MAX_PLATES


def test_signing_key_signs_as_the_other_library_does() -> None:
    reference = Ed25519SigningKey(KEY, METHOD)
    for message in (b"", b"m", bytes(64), b"x" * 5_000):
        assert SIGNER.sign(message) == reference.sign(message)
    assert (SIGNER.alg, SIGNER.kid) == (reference.alg, reference.kid)
