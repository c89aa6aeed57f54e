"""Rules of the aggregate Credential."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from ledger.credential import Credential
from ledger.error import InvalidInputError, RuleError
from ledger.event import DomainEvent, Event
from ledger.reason import Reason
from tests.ledger.scenario import Scenario

T0 = datetime(2026, 1, 1, tzinfo=UTC)
T1, T2, T3, T4 = (T0 + timedelta(days=days) for days in (10, 20, 30, 40))
NOTE = "ab" * 32

ISSUED = Credential.Issued(
    institution=UUID(int=1),
    achievement=UUID(int=2),
    edition=1,
    key_id="key-1",
    commitments={"vc+jcs": "cd" * 32},
    status_block=0,
    status_index=131_071,
    valid_from=T0,
    valid_until=None,
    recorded_at=T1,
)
SUSPENDED = Credential.Suspended(reason=Reason.UNDER_REVIEW, effective_at=T2, note=NOTE, recorded_at=T2)
REINSTATED = Credential.Reinstated(effective_at=T3, recorded_at=T3)
REVOKED = Credential.Revoked(reason=Reason.ACADEMIC_MISCONDUCT, effective_at=T2, note=None, recorded_at=T3)
REPLACED = Credential.Replaced(reason=Reason.INCORRECT_DATA, effective_at=T3, successor=NOTE, recorded_at=T3)

Command = Callable[[Credential], Sequence[DomainEvent]]


def suspend(effective_at: datetime, at: datetime) -> Command:
    return lambda c: c.suspend(reason=Reason.UNDER_REVIEW, effective_at=effective_at, note=NOTE, at=at)


def reinstate(effective_at: datetime, at: datetime) -> Command:
    return lambda c: c.reinstate(effective_at=effective_at, at=at)


def revoke(effective_at: datetime, at: datetime) -> Command:
    return lambda c: c.revoke(reason=Reason.ACADEMIC_MISCONDUCT, effective_at=effective_at, note=None, at=at)


def replace(at: datetime) -> Command:
    return lambda c: c.replace(reason=Reason.INCORRECT_DATA, successor=NOTE, at=at)


def test_credential_is_active_when_issued() -> None:
    state = Scenario(Credential, ISSUED).state
    assert (state.state, state.since, state.version) == ("active", T0, 1)


@pytest.mark.parametrize(
    "given, command, event, state",
    [
        ([ISSUED], suspend(T2, T2), SUSPENDED, "suspended"),
        ([ISSUED, SUSPENDED], reinstate(T3, T3), REINSTATED, "active"),
        ([ISSUED], revoke(T2, T3), REVOKED, "revoked"),
        ([ISSUED, SUSPENDED], revoke(T2, T3), REVOKED, "revoked"),
        ([ISSUED, SUSPENDED, REINSTATED], revoke(T2, T3), REVOKED, "revoked"),
        ([ISSUED], replace(T3), REPLACED, "replaced"),
        ([ISSUED, SUSPENDED], replace(T3), REPLACED, "replaced"),
    ],
)
def test_credential_changes_when_its_state_allows_it(
    given: list[Event], command: Command, event: Event, state: str
) -> None:
    assert Scenario(Credential, *given).when(command).then(event).state == state


@pytest.mark.parametrize("given", [[ISSUED, REVOKED], [ISSUED, REPLACED]], ids=["revoked", "replaced"])
@pytest.mark.parametrize("command", [suspend(T4, T4), reinstate(T4, T4), revoke(T4, T4), replace(T4)])
def test_credential_refuses_every_change_when_it_has_ended(given: list[Event], command: Command) -> None:
    Scenario(Credential, *given).when(command).then_refused(RuleError, "revoked|replaced")


def test_credential_refuses_a_suspension_when_suspended_and_a_reinstatement_when_active() -> None:
    Scenario(Credential, ISSUED, SUSPENDED).when(suspend(T3, T3)).then_refused(RuleError, "has been suspended since")
    Scenario(Credential, ISSUED).when(reinstate(T3, T3)).then_refused(RuleError, "is active")


@pytest.mark.parametrize(
    "given, command, match",
    [
        ([ISSUED], suspend(T3, T2), "future"),
        ([ISSUED], revoke(T3, T2), "future"),
        ([ISSUED, SUSPENDED], reinstate(T4, T3), "future"),
        ([ISSUED], suspend(T0 - timedelta(days=1), T2), "before 2026-01-01"),
        ([ISSUED], revoke(T0 - timedelta(days=1), T2), "before 2026-01-01"),
        ([ISSUED, SUSPENDED], reinstate(T1, T3), "before 2026-01-21"),
        ([ISSUED, SUSPENDED, REINSTATED], suspend(T2, T4), "before 2026-01-31"),
    ],
)
def test_credential_refuses_a_change_when_the_date_does_not_fit(
    given: list[Event], command: Command, match: str
) -> None:
    Scenario(Credential, *given).when(command).then_refused(RuleError, match)


@pytest.mark.parametrize(
    "instant",
    [T1.replace(tzinfo=None), T1.astimezone(timezone(timedelta(hours=-5))), T1 + timedelta(microseconds=1)],
    ids=["naive", "another zone", "microseconds"],
)
def test_credential_refuses_a_change_when_the_instant_is_not_utc_milliseconds(instant: datetime) -> None:
    scenario = Scenario(Credential, ISSUED)
    for command in (suspend(instant, T2), revoke(instant, T2)):
        scenario.when(command).then_refused(InvalidInputError, "in UTC and in whole milliseconds")
    Scenario(Credential, ISSUED, SUSPENDED).when(reinstate(instant, T3)).then_refused(InvalidInputError, "in UTC")
