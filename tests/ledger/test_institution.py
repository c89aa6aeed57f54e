"""Rules of the aggregate Institution."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from ledger.error import InvalidInputError, NotFoundError, RuleError
from ledger.event import DomainEvent, Event
from ledger.institution import Institution
from ledger.limit import NO_LIMITS, Limits, Subject
from ledger.reason import Reason
from tests.ledger.scenario import IDENTITY, Scenario

T0 = datetime(2026, 1, 1, tzinfo=UTC)
T1, T2, T3 = (T0 + timedelta(days=days) for days in (10, 20, 30))

REGISTERED = Institution.Registered(
    slug="north",
    name="Northern University",
    country="EE",
    kind="university",
    did="did:web:ledger.example:institutions:north",
    key_id="key-1",
    key_multibase="z6MkOne",
    recorded_at=T0,
)
GRANTED = Institution.AccreditationGranted(
    accreditation_id="accreditation-1",
    by="Ministry",
    scope="EQF 5-7 micro-credentials",
    valid_from=T0,
    valid_until=T3,
    recorded_at=T1,
)
LIMITS = Limits(levels=(5, 6), fields=("06",), kinds=("micro_credential",), country="EE")
GRANTED_WITHIN = Institution.AccreditationGrantedWithin(
    accreditation_id="accreditation-2",
    by="Agency",
    scope="Computing",
    limits=LIMITS,
    valid_from=T0,
    valid_until=None,
    recorded_at=T2,
)
ROTATED = Institution.KeyRotated(
    key_id="key-2", key_multibase="z6MkTwo", retired_key_id="key-1", effective_at=T1, recorded_at=T1
)


def register(**changes: object) -> Institution.Registered:
    facts: dict[str, object] = {
        "slug": "north",
        "name": "Northern University",
        "country": "EE",
        "kind": "university",
        "did": "did:web:ledger.example:institutions:north",
        "key_multibase": "z6MkOne",
        "at": T0,
    }
    event = Institution.register(id=IDENTITY, **(facts | changes))  # type: ignore[arg-type]  # passed through as given
    assert isinstance(event.body, Institution.Registered)
    return event.body


def test_institution_registers_with_its_first_key_when_well_formed() -> None:
    assert register(name="  Northern University ") == REGISTERED
    state = Scenario(Institution, REGISTERED).state
    assert state.active_key is not None
    assert (state.active_key.key_id, state.active_key.valid_from) == ("key-1", T0)


@pytest.mark.parametrize(
    "member, value",
    [
        ("slug", ""),
        ("slug", "North"),
        ("slug", "-north"),
        ("slug", "north-"),
        ("slug", "n" * 64),
        ("slug", "north\n"),
        ("slug", "../north"),
        ("name", "  "),
        ("name", "n" * 201),
        ("country", "Estonia"),
        ("country", "ee"),
        ("country", "EE\n"),
    ],
)
def test_institution_refuses_registration_when_a_member_is_ill_formed(member: str, value: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        register(**{member: value})
    assert caught.value.pointer == f"/{member}"


def test_institution_accreditation_is_granted_when_it_ends_after_it_begins() -> None:
    after = (
        Scenario(Institution, REGISTERED)
        .when(
            lambda i: i.grant_accreditation(
                by=" Ministry ", scope="EQF 5-7 micro-credentials", valid_from=T0, valid_until=T3, at=T1
            )
        )
        .then(GRANTED)
    )
    assert [a.accreditation_id for a in after.accreditations] == ["accreditation-1"]


def test_institution_accreditation_has_limits_when_they_are_given() -> None:
    after = (
        Scenario(Institution, REGISTERED, GRANTED)
        .when(
            lambda i: i.grant_accreditation(
                by="Agency", scope="Computing", valid_from=T0, valid_until=None, at=T2, limits=LIMITS
            )
        )
        .then(GRANTED_WITHIN)
    )
    assert [a.limits for a in after.accreditations] == [None, LIMITS]


@pytest.mark.parametrize(
    "limits, match",
    [(NO_LIMITS, "leave them out"), (Limits(levels=(9,)), "EQF level"), (Limits(fields=("x",)), "ISCED")],
)
def test_institution_refuses_an_accreditation_when_its_limits_are_empty_or_ill_formed(
    limits: Limits, match: str
) -> None:
    Scenario(Institution, REGISTERED).when(
        lambda i: i.grant_accreditation(
            by="Agency", scope="Computing", valid_from=T0, valid_until=None, at=T2, limits=limits
        )
    ).then_refused(InvalidInputError, match)


def test_institution_accreditation_with_limits_is_withdrawn_like_any_other() -> None:
    withdrawn = Institution.AccreditationWithdrawn(
        accreditation_id="accreditation-2", reason=Reason.OTHER, effective_at=T2, recorded_at=T3
    )
    after = (
        Scenario(Institution, REGISTERED, GRANTED, GRANTED_WITHIN)
        .when(
            lambda i: i.withdraw_accreditation(
                accreditation_id="accreditation-2", reason=Reason.OTHER, effective_at=T2, at=T3
            )
        )
        .then(withdrawn)
    )
    assert after.accreditations[1].withdrawn_at == T2
    assert after.accreditations[1].limits == LIMITS


@pytest.mark.parametrize("end", [T0, T0 - timedelta(seconds=1)])
def test_institution_refuses_an_accreditation_when_it_ends_before_it_begins(end: datetime) -> None:
    Scenario(Institution, REGISTERED).when(
        lambda i: i.grant_accreditation(by="Ministry", scope="all", valid_from=T0, valid_until=end, at=T1)
    ).then_refused(InvalidInputError, "ends after it begins")


@pytest.mark.parametrize("by, scope", [("", "all"), ("Ministry", " "), ("m" * 301, "all"), ("Ministry", "s" * 301)])
def test_institution_refuses_an_accreditation_when_a_text_is_blank_or_too_long(by: str, scope: str) -> None:
    Scenario(Institution, REGISTERED).when(
        lambda i: i.grant_accreditation(by=by, scope=scope, valid_from=T0, valid_until=None, at=T1)
    ).then_refused(InvalidInputError, "authority and scope")


@pytest.mark.parametrize(
    "instant",
    [
        datetime(2026, 1, 1),  # noqa: DTZ001  the naive instant is the point
        datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2))),
        datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
    ],
    ids=["naive", "another zone", "microseconds"],
)
def test_institution_refuses_an_accreditation_when_an_instant_is_not_utc_milliseconds(instant: datetime) -> None:
    for start, end in ((instant, None), (T0 - timedelta(days=9), instant)):
        Scenario(Institution, REGISTERED).when(
            lambda i, start=start, end=end: i.grant_accreditation(  # type: ignore[misc]  # bound in the loop
                by="Ministry", scope="all", valid_from=start, valid_until=end, at=T1
            )
        ).then_refused(InvalidInputError, "in UTC and in whole milliseconds")


def withdraw(institution: Institution, accreditation_id: str, at: datetime) -> list[DomainEvent]:
    return institution.withdraw_accreditation(
        accreditation_id=accreditation_id, reason=Reason.OTHER, effective_at=at, at=T2
    )


def test_institution_accreditation_is_withdrawn_once() -> None:
    withdrawn = Institution.AccreditationWithdrawn(
        accreditation_id="accreditation-1", reason=Reason.OTHER, effective_at=T1, recorded_at=T2
    )

    def first(institution: Institution) -> list[DomainEvent]:
        return withdraw(institution, "accreditation-1", T1)

    after = Scenario(Institution, REGISTERED, GRANTED).when(first).then(withdrawn)
    assert after.accreditations[0].withdrawn_at == T1
    again = Scenario(Institution, REGISTERED, GRANTED, withdrawn)
    again.when(first).then_refused(RuleError, "was withdrawn on 2026-01-11")


def test_institution_refuses_a_withdrawal_when_there_is_no_such_accreditation_or_the_date_is_to_come() -> None:
    scenario = Scenario(Institution, REGISTERED, GRANTED)
    scenario.when(lambda i: withdraw(i, "accreditation-2", T1)).then_refused(NotFoundError, "accreditation-2")
    scenario.when(lambda i: withdraw(i, "accreditation-1", T3)).then_refused(RuleError, "future")


def test_institution_key_rotation_retires_the_key_in_force() -> None:
    after = Scenario(Institution, REGISTERED).when(lambda i: i.rotate_key(key_multibase="z6MkTwo", at=T1)).then(ROTATED)
    assert after.active_key is not None
    assert after.active_key.key_id == "key-2"
    assert after.key("key-1").retired_at == T1


def test_institution_refuses_a_rotation_when_the_key_was_used_before() -> None:
    Scenario(Institution, REGISTERED, ROTATED).when(
        lambda i: i.rotate_key(key_multibase="z6MkOne", at=T2)
    ).then_refused(RuleError, "in use before")


def test_institution_key_revocation_leaves_none_in_force_until_the_next_rotation() -> None:
    revoked = Institution.KeyRevoked(key_id="key-1", reason=Reason.OTHER, effective_at=T1, recorded_at=T2)
    scenario = Scenario(Institution, REGISTERED)

    def command(institution: Institution) -> list[DomainEvent]:
        return institution.revoke_key(key_id="key-1", reason=Reason.OTHER, effective_at=T1, at=T2)

    assert scenario.when(command).then(revoked).active_key is None
    after = Scenario(Institution, REGISTERED, revoked)
    after.when(command).then_refused(RuleError, "was revoked on")
    rotated = Institution.KeyRotated(
        key_id="key-2", key_multibase="z6MkTwo", retired_key_id=None, effective_at=T3, recorded_at=T3
    )
    state = after.when(lambda i: i.rotate_key(key_multibase="z6MkTwo", at=T3)).then(rotated)
    assert state.key("key-1").retired_at is None
    assert state.active_key == state.key("key-2")


def test_institution_compromise_may_be_declared_again_and_the_last_date_holds() -> None:
    first = Institution.KeyCompromised(key_id="key-1", compromised_at=T1, recorded_at=T2)
    moved = Institution.KeyCompromised(key_id="key-1", compromised_at=T0, recorded_at=T3)
    state = (
        Scenario(Institution, REGISTERED, first)
        .when(lambda i: i.declare_compromised(key_id="key-1", compromised_at=T0, at=T3))
        .then(moved)
    )
    assert state.key("key-1").compromised_at == T0
    assert state.active_key is None


def test_institution_refuses_an_end_of_a_key_when_unknown_or_to_come() -> None:
    scenario = Scenario(Institution, REGISTERED)
    scenario.when(lambda i: i.revoke_key(key_id="key-9", reason=Reason.OTHER, effective_at=T0, at=T1)).then_refused(
        NotFoundError, "key-9"
    )
    scenario.when(lambda i: i.revoke_key(key_id="key-1", reason=Reason.OTHER, effective_at=T2, at=T1)).then_refused(
        RuleError, "future"
    )
    scenario.when(lambda i: i.declare_compromised(key_id="key-9", compromised_at=T0, at=T1)).then_refused(
        NotFoundError, "key-9"
    )
    scenario.when(lambda i: i.declare_compromised(key_id="key-1", compromised_at=T2, at=T1)).then_refused(
        RuleError, "future"
    )


SUBJECT = Subject(level=6, field="0613", kind="micro_credential", country="EE")
MS = timedelta(milliseconds=1)


@pytest.mark.parametrize(
    "given, subject, at, entitled",
    [
        ((), SUBJECT, T1, None),
        ((GRANTED,), SUBJECT, T0, True),
        ((GRANTED,), SUBJECT, T0 - MS, False),
        ((GRANTED,), SUBJECT, T3, True),
        ((GRANTED,), SUBJECT, T3 + MS, False),
        ((GRANTED_WITHIN,), SUBJECT, T0 - MS, False),
        ((GRANTED_WITHIN,), SUBJECT, T0, True),
        ((GRANTED_WITHIN,), Subject(level=7, field="0613", kind="micro_credential", country="EE"), T0, False),
        ((GRANTED_WITHIN,), Subject(level=6, field=None, kind="micro_credential", country="EE"), T0, None),
        ((GRANTED_WITHIN,), Subject(level=7, field=None, kind="micro_credential", country="EE"), T0, False),
        ((GRANTED, GRANTED_WITHIN), Subject(level=7, field=None, kind="degree", country="LV"), T3, True),
        ((GRANTED, GRANTED_WITHIN), Subject(level=7, field=None, kind="degree", country="LV"), T3 + MS, False),
    ],
)
def test_institution_is_entitled_to_what_an_accreditation_of_the_day_extends_to(
    given: tuple[Event, ...],
    subject: Subject,
    at: datetime,
    entitled: bool | None,  # noqa: FBT001  a column of the table
) -> None:
    assert Scenario(Institution, REGISTERED, *given).state.entitled(subject, at) is entitled


def test_institution_is_not_entitled_from_the_instant_of_a_withdrawal() -> None:
    withdrawn = Institution.AccreditationWithdrawn(
        accreditation_id="accreditation-1", reason=Reason.OTHER, effective_at=T2, recorded_at=T3
    )
    state = Scenario(Institution, REGISTERED, GRANTED, withdrawn).state
    assert [state.entitled(SUBJECT, at) for at in (T2 - MS, T2)] == [True, False]
