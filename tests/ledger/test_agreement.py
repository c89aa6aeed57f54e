"""Rules of the aggregate Agreement: who proposes, who accepts, from when to when, and what it covers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.agreement import Agreement, AwardsOf, Terms, agreement_id
from ledger.error import InvalidInputError, RuleError
from ledger.event import Event
from ledger.limit import NO_LIMITS, Limits, Subject
from tests.ledger.scenario import Scenario

NORTH, SOUTH, WEST = UUID(int=5), UUID(int=6), UUID(int=7)
T0 = datetime(2026, 3, 1, tzinfo=UTC)
DAY, MS = timedelta(days=1), timedelta(milliseconds=1)
TERMS = Terms(
    awards_of="partner",
    achievements=("DATA-1",),
    limits=Limits(levels=(5, 6), kinds=("micro_credential",)),
    share_percent=50,
    cap_centi=400,
)
SUBJECT = Subject(level=6, field="0613", kind="micro_credential", country="EE")
PROPOSED = Agreement.Proposed(
    proposer=NORTH,
    partner=SOUTH,
    number=1,
    terms=TERMS,
    valid_from=T0 + 10 * DAY,
    valid_until=T0 + 100 * DAY,
    recorded_at=T0,
)
ACCEPTED = Agreement.Accepted(institution=SOUTH, recorded_at=T0 + 5 * DAY)
ENDED = Agreement.Ended(institution=NORTH, effective_at=T0 + 50 * DAY, recorded_at=T0 + 20 * DAY)


def propose(**changes: object) -> Event:
    facts: dict[str, object] = {
        "proposer": NORTH,
        "partner": SOUTH,
        "number": 1,
        "terms": TERMS,
        "valid_from": T0 + 10 * DAY,
        "valid_until": T0 + 100 * DAY,
        "at": T0,
    }
    return Agreement.propose(**(facts | changes)).body  # type: ignore[arg-type]  # passed through as given


def test_agreement_is_proposed_under_an_id_that_follows_from_both() -> None:
    event = Agreement.propose(
        proposer=NORTH, partner=SOUTH, number=1, terms=TERMS, valid_from=T0, valid_until=None, at=T0
    )
    assert propose() == PROPOSED
    assert event.originator_id == agreement_id(NORTH, SOUTH, 1) == agreement_id(SOUTH, NORTH, 1)
    assert len({agreement_id(NORTH, SOUTH, 2), agreement_id(NORTH, WEST, 1), event.originator_id}) == 3


@pytest.mark.parametrize(
    "changes, pointer",
    [
        ({"partner": NORTH}, "/partner"),
        ({"number": 201}, "/partner"),
        ({"terms": msgspec.structs.replace(TERMS, achievements=("A", "A"))}, "/achievements"),
        ({"terms": msgspec.structs.replace(TERMS, achievements=("a b",))}, "/achievements"),
        ({"terms": msgspec.structs.replace(TERMS, limits=Limits(levels=(9,)))}, "/limits/levels"),
        ({"terms": msgspec.structs.replace(TERMS, share_percent=0)}, "/share_percent"),
        ({"terms": msgspec.structs.replace(TERMS, share_percent=101)}, "/share_percent"),
        ({"terms": msgspec.structs.replace(TERMS, cap_centi=0)}, "/cap_centi"),
        ({"valid_until": T0 + 10 * DAY}, "/valid_until"),
        ({"valid_from": T0 - 20 * DAY, "valid_until": T0}, "/valid_until"),
    ],
)
def test_agreement_is_refused_when_ill_formed(changes: dict[str, object], pointer: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        propose(**changes)
    assert caught.value.pointer == pointer


def test_agreement_is_accepted_by_its_partner_alone_and_once() -> None:
    Scenario(Agreement, PROPOSED).when(lambda a: a.accept(institution=SOUTH, at=T0 + 5 * DAY)).then(ACCEPTED)
    for other in (NORTH, WEST):
        Scenario(Agreement, PROPOSED).when(
            lambda a, other=other: a.accept(institution=other, at=T0)  # type: ignore[misc]  # bound early
        ).then_refused(RuleError, "that it was proposed to")
    for given_events in ((PROPOSED, ACCEPTED), (PROPOSED, ENDED)):
        Scenario(Agreement, *given_events).when(lambda a: a.accept(institution=SOUTH, at=T0)).then_refused(
            RuleError, "accepted or ended before"
        )
    Scenario(Agreement, PROPOSED).when(lambda a: a.accept(institution=SOUTH, at=T0 + 101 * DAY)).then_refused(
        RuleError, "is over"
    )


def test_agreement_is_ended_by_either_of_the_two_once_and_never_in_the_past() -> None:
    for who in (NORTH, SOUTH):
        after = (
            Scenario(Agreement, PROPOSED, ACCEPTED)
            .when(lambda a, who=who: a.end(institution=who, effective_at=T0 + 50 * DAY, at=T0 + 20 * DAY))  # type: ignore[misc]  # the same
            .then(msgspec.structs.replace(ENDED, institution=who))
        )
        assert after.ended_at == T0 + 50 * DAY
    Scenario(Agreement, PROPOSED, ACCEPTED).when(
        lambda a: a.end(institution=WEST, effective_at=T0, at=T0)
    ).then_refused(RuleError, "one of its two")
    Scenario(Agreement, PROPOSED, ACCEPTED, ENDED).when(
        lambda a: a.end(institution=NORTH, effective_at=T0 + 60 * DAY, at=T0 + 60 * DAY)
    ).then_refused(RuleError, "was ended")
    Scenario(Agreement, PROPOSED, ACCEPTED).when(
        lambda a: a.end(institution=NORTH, effective_at=T0 + 20 * DAY - MS, at=T0 + 20 * DAY)
    ).then_refused(RuleError, "not ended in the past")


@pytest.mark.parametrize(
    "given_events, at, in_force",
    [
        ((PROPOSED,), T0 + 20 * DAY, False),
        ((PROPOSED, ACCEPTED), T0 + 10 * DAY - MS, False),
        ((PROPOSED, ACCEPTED), T0 + 10 * DAY, True),
        ((PROPOSED, ACCEPTED), T0 + 100 * DAY, True),
        ((PROPOSED, ACCEPTED), T0 + 100 * DAY + MS, False),
        ((PROPOSED, ACCEPTED, ENDED), T0 + 50 * DAY - MS, True),
        ((PROPOSED, ACCEPTED, ENDED), T0 + 50 * DAY, False),
    ],
)
def test_agreement_is_in_force_from_its_beginning_to_its_end(
    given_events: tuple[Event, ...],
    at: datetime,
    in_force: bool,  # noqa: FBT001  a column of the table
) -> None:
    assert Scenario(Agreement, *given_events).state.in_force(at) == in_force


def test_agreement_holds_from_its_acceptance_when_that_comes_after_its_beginning() -> None:
    late = msgspec.structs.replace(ACCEPTED, recorded_at=T0 + 30 * DAY)
    state = Scenario(Agreement, PROPOSED, late).state
    assert not state.in_force(T0 + 30 * DAY - MS)
    assert state.in_force(T0 + 30 * DAY)


@pytest.mark.parametrize(
    "awards_of, recogniser, awarder, covered",
    [
        ("partner", NORTH, SOUTH, True),
        ("partner", SOUTH, NORTH, False),
        ("proposer", NORTH, SOUTH, False),
        ("proposer", SOUTH, NORTH, True),
        ("both", NORTH, SOUTH, True),
        ("both", SOUTH, NORTH, True),
        ("both", WEST, NORTH, False),
        ("both", NORTH, WEST, False),
        ("both", NORTH, NORTH, False),
    ],
)
def test_agreement_covers_the_awards_of_those_it_is_about(
    awards_of: AwardsOf,
    recogniser: UUID,
    awarder: UUID,
    covered: bool,  # noqa: FBT001  a column of the table
) -> None:
    terms = msgspec.structs.replace(TERMS, awards_of=awards_of)
    state = Scenario(Agreement, msgspec.structs.replace(PROPOSED, terms=terms)).state
    found = state.covers(recogniser=recogniser, awarder=awarder, achievement="DATA-1", subject=SUBJECT)
    assert found == covered


@pytest.mark.parametrize(
    "achievement, subject, covered",
    [
        ("DATA-1", SUBJECT, True),
        ("DATA-2", SUBJECT, False),
        ("DATA-1", msgspec.structs.replace(SUBJECT, level=7), False),
        ("DATA-1", msgspec.structs.replace(SUBJECT, level=None), False),
        ("DATA-1", msgspec.structs.replace(SUBJECT, kind="degree"), False),
    ],
)
def test_agreement_covers_what_lies_within_its_scope(
    achievement: str,
    subject: Subject,
    covered: bool,  # noqa: FBT001  a column of the table
) -> None:
    state = Scenario(Agreement, PROPOSED).state
    assert state.covers(recogniser=NORTH, awarder=SOUTH, achievement=achievement, subject=subject) == covered


@pytest.mark.parametrize(
    "share, cap, whole, credited",
    [
        (100, None, 250, 250),
        (50, None, 250, 125),
        (50, None, 251, 125),
        (33, None, 100, 33),
        (1, None, 99, 0),
        (50, 400, 799, 399),
        (50, 400, 800, 400),
        (50, 400, 802, 400),
    ],
)
def test_agreement_credits_its_share_rounded_down_and_no_more_than_its_cap(
    share: int, cap: int | None, whole: int, credited: int
) -> None:
    terms = Terms(awards_of="both", achievements=(), limits=NO_LIMITS, share_percent=share, cap_centi=cap)
    assert terms.credited(whole) == credited


@given(st.integers(1, 100), st.none() | st.integers(1, 100_000), st.integers(0, 100_000), st.integers(0, 100_000))
def test_agreement_never_credits_more_than_there_is_and_never_less_for_more(
    share: int, cap: int | None, one: int, other: int
) -> None:
    terms = Terms(awards_of="both", achievements=(), limits=NO_LIMITS, share_percent=share, cap_centi=cap)
    low, high = sorted((one, other))
    assert 0 <= terms.credited(low) <= min(low, cap or low)
    assert terms.credited(low) <= terms.credited(high)
