"""Rules of the aggregate Recognition: reasons, dates, appeals, withdrawal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.decision import SubstantialDifference
from ledger.error import InvalidInputError, RuleError
from ledger.event import DomainEvent, Event
from ledger.reason import Reason
from ledger.recognition import MAX_AHEAD, MIN_APPEAL, Recognition, make_recognition_id
from tests.ledger.scenario import IDENTITY, Scenario

NORTH = UUID(int=5)
T0 = datetime(2026, 3, 1, tzinfo=UTC)
DAY, MS = timedelta(days=1), timedelta(milliseconds=1)
UNTIL = T0 + 30 * DAY
WORKLOAD = (SubstantialDifference.WORKLOAD,)

FULL = Recognition.Decided(
    institution=NORTH,
    decision="full",
    reasons=(),
    effective_at=T0,
    details="aa" * 32,
    appeal_until=None,
    recorded_at=T0,
)
PARTIAL = Recognition.Decided(
    institution=NORTH,
    decision="partial",
    reasons=WORKLOAD,
    effective_at=T0,
    details="aa" * 32,
    appeal_until=UNTIL,
    recorded_at=T0,
)
APPEALED = Recognition.Appealed(
    filed_at=T0 + 10 * DAY, decide_by=T0 + 100 * DAY, statement="bb" * 32, recorded_at=T0 + 11 * DAY
)
UPHELD = Recognition.AppealDecided(
    result="upheld",
    decision=None,
    reasons=(),
    effective_at=None,
    details=None,
    appeal_until=None,
    statement=None,
    recorded_at=T0 + 40 * DAY,
)
CHANGED = Recognition.AppealDecided(
    result="changed",
    decision="full",
    reasons=(),
    effective_at=T0,
    details="cc" * 32,
    appeal_until=None,
    statement=None,
    recorded_at=T0 + 40 * DAY,
)
WITHDRAWN = Recognition.Withdrawn(
    reason=Reason.ISSUED_IN_ERROR, effective_at=T0 + 50 * DAY, note=None, recorded_at=T0 + 51 * DAY
)


def decide(**changes: object) -> Event:
    facts: dict[str, object] = {
        "institution": NORTH,
        "decision": "partial",
        "reasons": WORKLOAD,
        "effective_at": T0,
        "details": "aa" * 32,
        "appeal_until": UNTIL,
        "at": T0,
    }
    return Recognition.decide(id=IDENTITY, **(facts | changes)).body  # type: ignore[arg-type]  # passed through as given


def appeal(state: Recognition, **changes: object) -> list[DomainEvent]:
    facts: dict[str, object] = {
        "filed_at": T0 + 10 * DAY,
        "decide_by": T0 + 100 * DAY,
        "statement": "bb" * 32,
        "at": T0 + 11 * DAY,
    }
    return state.appeal(**(facts | changes))  # type: ignore[arg-type]  # passed through as given


def test_recognition_is_decided_as_it_is_said() -> None:
    assert decide() == PARTIAL
    assert decide(decision="full", reasons=(), appeal_until=None) == FULL
    state = Scenario(Recognition, PARTIAL).state
    assert (state.institution, state.rulings[0].decision, state.open_appeal) == (NORTH, "partial", None)


@pytest.mark.parametrize("decision", ["refused", "partial"])
def test_recognition_refuses_a_refusal_when_there_is_no_reason(decision: str) -> None:
    with pytest.raises(InvalidInputError, match="no reason, no refusal") as caught:
        decide(decision=decision, reasons=())
    assert caught.value.pointer == "/reasons"


def test_recognition_refuses_a_reason_when_it_is_full() -> None:
    with pytest.raises(InvalidInputError, match="leave the reasons out"):
        decide(decision="full", appeal_until=None)


def test_recognition_refuses_a_reason_when_it_is_there_twice() -> None:
    with pytest.raises(InvalidInputError, match="once"):
        decide(reasons=WORKLOAD * 2)


@given(st.sampled_from(["full", "partial", "refused"]), st.sets(st.sampled_from(SubstantialDifference)))
def test_recognition_has_reasons_exactly_when_something_is_refused(
    decision: str, reasons: set[SubstantialDifference]
) -> None:
    until = None if decision == "full" else UNTIL
    try:
        decide(decision=decision, reasons=tuple(reasons), appeal_until=until)
        accepted = True
    except InvalidInputError:
        accepted = False
    assert accepted == ((decision == "full") == (not reasons))


@pytest.mark.parametrize(
    "changes, error, match",
    [
        ({"appeal_until": None}, InvalidInputError, "may appeal"),
        ({"appeal_until": T0 + MIN_APPEAL - MS}, InvalidInputError, "14 days at least"),
        ({"decision": "full", "reasons": ()}, InvalidInputError, "nothing to appeal"),
        ({"effective_at": T0 + MAX_AHEAD + MS}, RuleError, "within 366 days"),
        ({"effective_at": datetime(2026, 1, 1)}, InvalidInputError, "in UTC"),  # noqa: DTZ001  the naive instant is the point
    ],
)
def test_recognition_refuses_dates_that_do_not_fit(
    changes: dict[str, object], error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        decide(**changes)


@pytest.mark.parametrize(
    "changes", [{"appeal_until": T0 + MIN_APPEAL}, {"effective_at": T0 + MAX_AHEAD}, {"effective_at": T0 - 900 * DAY}]
)
def test_recognition_takes_dates_at_their_limits(changes: dict[str, object]) -> None:
    decide(**changes)


def test_recognition_is_appealed_against_and_the_appeal_upheld() -> None:
    after = Scenario(Recognition, PARTIAL).when(appeal).then(APPEALED)
    assert after.open_appeal is not None
    decided = (
        Scenario(Recognition, PARTIAL, APPEALED).when(lambda r: r.uphold(statement=None, at=T0 + 40 * DAY)).then(UPHELD)
    )
    assert decided.open_appeal is None
    assert [ruling.version for ruling in decided.rulings] == [1]
    assert (decided.appeals[0].result, decided.appeals[0].is_late(T0 + 900 * DAY)) == ("upheld", False)


def test_recognition_is_changed_when_an_appeal_has_it_changed() -> None:
    after = (
        Scenario(Recognition, PARTIAL, APPEALED)
        .when(
            lambda r: r.change(
                decision="full",
                reasons=(),
                effective_at=T0,
                details="cc" * 32,
                appeal_until=None,
                statement=None,
                at=T0 + 40 * DAY,
            )
        )
        .then(CHANGED)
    )
    assert [(ruling.version, ruling.decision) for ruling in after.rulings] == [(1, "partial"), (3, "full")]


@pytest.mark.parametrize(
    "filed, match",
    [
        (UNTIL + MS, "could be filed until"),
        (T0 - MS, "after the decision"),
        (T0 + 61 * DAY, "in the future"),
    ],
)
def test_recognition_refuses_an_appeal_when_it_is_filed_too_late_or_too_early(filed: datetime, match: str) -> None:
    Scenario(Recognition, PARTIAL).when(lambda r: appeal(r, filed_at=filed, at=T0 + 60 * DAY)).then_refused(
        RuleError, match
    )


def test_recognition_takes_an_appeal_that_was_filed_at_the_last_instant_and_entered_later() -> None:
    given = Scenario(Recognition, PARTIAL)
    [event] = appeal(given.state, filed_at=UNTIL, at=T0 + 60 * DAY)
    assert isinstance(event.body, Recognition.Appealed)
    assert event.body.filed_at == UNTIL


@pytest.mark.parametrize(
    "due",
    [T0 + 10 * DAY, T0 + 11 * DAY, T0 + 10 * DAY + timedelta(days=366) + MS],
    ids=["when it is filed", "when it is entered", "too late"],
)
def test_recognition_refuses_an_appeal_when_its_deadline_does_not_fit(due: datetime) -> None:
    Scenario(Recognition, PARTIAL).when(lambda r: appeal(r, decide_by=due)).then_refused(
        InvalidInputError, "after it was entered"
    )


@pytest.mark.parametrize(
    "given, match",
    [
        ((FULL,), "no appeal against this"),
        ((PARTIAL, APPEALED), "an appeal is open"),
        ((PARTIAL, APPEALED, UPHELD), "no appeal against this"),
        ((PARTIAL, APPEALED, CHANGED), "no appeal against this"),
        ((PARTIAL, WITHDRAWN), "was withdrawn"),
    ],
)
def test_recognition_refuses_an_appeal_when_there_is_none_to_be_had(given: tuple[Event, ...], match: str) -> None:
    Scenario(Recognition, *given).when(appeal).then_refused(RuleError, match)


@pytest.mark.parametrize(
    "given, match",
    [
        ((PARTIAL,), "no appeal is open"),
        ((PARTIAL, APPEALED, UPHELD), "no appeal is open"),
        ((PARTIAL, WITHDRAWN), "withdrawn"),
    ],
)
def test_recognition_refuses_an_outcome_when_no_appeal_is_open(given: tuple[Event, ...], match: str) -> None:
    Scenario(Recognition, *given).when(lambda r: r.uphold(statement=None, at=T0 + 60 * DAY)).then_refused(
        RuleError, match
    )


def test_recognition_refuses_a_changed_decision_when_it_has_no_reason() -> None:
    Scenario(Recognition, PARTIAL, APPEALED).when(
        lambda r: r.change(
            decision="refused",
            reasons=(),
            effective_at=T0,
            details="cc" * 32,
            appeal_until=None,
            statement=None,
            at=T0 + 40 * DAY,
        )
    ).then_refused(InvalidInputError, "no reason, no refusal")


@pytest.mark.parametrize("days, late", [(99, False), (100, False), (101, True)])
def test_appeal_is_late_when_its_day_has_passed(days: int, late: bool) -> None:  # noqa: FBT001  a column of the table
    [appeal_state] = Scenario(Recognition, PARTIAL, APPEALED).state.appeals
    assert appeal_state.is_late(T0 + days * DAY) == late
    assert appeal_state.is_late(T0 + 100 * DAY + MS)


def test_recognition_is_withdrawn_with_a_reason_and_only_once() -> None:
    after = (
        Scenario(Recognition, PARTIAL)
        .when(
            lambda r: r.withdraw(reason=Reason.ISSUED_IN_ERROR, effective_at=T0 + 50 * DAY, note=None, at=T0 + 51 * DAY)
        )
        .then(WITHDRAWN)
    )
    assert after.withdrawal is not None
    assert after.withdrawal.reason is Reason.ISSUED_IN_ERROR
    Scenario(Recognition, PARTIAL, WITHDRAWN).when(
        lambda r: r.withdraw(reason=Reason.OTHER, effective_at=T0, note=None, at=T0 + 60 * DAY)
    ).then_refused(RuleError, "was withdrawn as of")
    Scenario(Recognition, PARTIAL).when(
        lambda r: r.withdraw(reason=Reason.OTHER, effective_at=T0 + 61 * DAY, note=None, at=T0 + 60 * DAY)
    ).then_refused(RuleError, "in the future")


def test_recognition_id_keeps_the_time_and_is_a_uuid_of_version_8() -> None:
    identity = make_recognition_id(T0 + MS, b"\xff" * 10)
    assert int.from_bytes(identity.bytes[:6]) == int((T0 + MS).timestamp() * 1000)
    assert (identity.version, identity.variant) == (8, "specified in RFC 4122")
    with pytest.raises(ValueError, match="10 random bytes"):
        make_recognition_id(T0, b"")
