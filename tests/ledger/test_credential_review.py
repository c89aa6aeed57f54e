"""Rules of reviews and of stacked awards: aggregate Credential."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from ledger.credential import Credential, Review
from ledger.error import RuleError
from ledger.event import DomainEvent, Event
from ledger.reason import Reason
from tests.ledger.scenario import IDENTITY, Scenario
from tests.ledger.test_credential import ISSUED, REPLACED, REVOKED, T1, T2, T3, T4

MADE = datetime.fromtimestamp(int.from_bytes(IDENTITY.bytes[:6]) / 1000, T1.tzinfo)
DUE, APPEAL_UNTIL = T2 + timedelta(days=30), T2 + timedelta(days=14)
OPENED = Credential.ReviewOpened(reason=Reason.COMPONENT_LOST, due_at=DUE, appeal_until=APPEAL_UNTIL, recorded_at=T2)
APPEALED = Credential.Appealed(statement="ab" * 32, recorded_at=T3)
UPHELD = Credential.AppealDecided(outcome="upheld", note=None, recorded_at=T4)
DISMISSED = Credential.AppealDecided(outcome="dismissed", note=None, recorded_at=T4)
PAUSED = Credential.Suspended(reason=Reason.COMPONENT_LOST, effective_at=T2, note=None, recorded_at=T2)
STACKED = Credential.Stacked(
    pathway=UUID(int=5), pathway_version=2, rules="ab" * 32, derivation="cd" * 32, recorded_at=MADE
)

Command = Callable[[Credential], Sequence[DomainEvent]]


def open_review(at: datetime = T2) -> Command:
    return lambda c: c.open_review(reason=Reason.COMPONENT_LOST, due_at=DUE, appeal_until=APPEAL_UNTIL, at=at)


def close(outcome: str, at: datetime = T4) -> Command:
    return lambda c: c.close_review(outcome=outcome, at=at)  # type: ignore[arg-type]  # passed through as given


def stack(at: datetime = MADE, version: int = 2) -> Command:
    return lambda c: c.stack(pathway=UUID(int=5), pathway_version=version, rules="ab" * 32, derivation="cd" * 32, at=at)


def closed(outcome: str) -> Credential.ReviewClosed:
    return Credential.ReviewClosed(outcome=outcome, recorded_at=T4)  # type: ignore[arg-type]  # as above


def test_award_is_stacked_when_it_is_made() -> None:
    state = Scenario(Credential, ISSUED).when(stack()).then(STACKED)
    assert (state.pathway, state.pathway_version, state.state) == (UUID(int=5), 2, "active")


@pytest.mark.parametrize(
    "given, command",
    [
        ([ISSUED], stack(MADE + timedelta(milliseconds=1))),
        ([ISSUED], stack(version=0)),
        ([ISSUED, STACKED], stack()),
        ([ISSUED, PAUSED], stack()),
    ],
    ids=["at another instant", "by no version", "twice", "after a change"],
)
def test_stacking_is_refused_when_it_is_not_part_of_the_issue(given: list[Event], command: Command) -> None:
    Scenario(Credential, *given).when(command).then_refused(RuleError, "stacked when it is made")


def test_review_is_opened_and_names_its_deadlines() -> None:
    state = Scenario(Credential, ISSUED).when(open_review()).then(OPENED)
    assert state.review == Review(Reason.COMPONENT_LOST, T2, DUE, APPEAL_UNTIL)
    assert state.state == "active"


@pytest.mark.parametrize(
    "given, command, match",
    [
        ([ISSUED, OPENED], open_review(), "under review since"),
        ([ISSUED, REVOKED], open_review(), "revoked"),
        ([ISSUED, REPLACED], open_review(), "replaced"),
        ([ISSUED], open_review(DUE), "lies in the future"),
        ([ISSUED], close("stands"), "not under review"),
        ([ISSUED], lambda c: c.appeal(statement=None, at=T3), "not under review"),
        ([ISSUED, OPENED], lambda c: c.decide_appeal(outcome="upheld", note=None, at=T3), "no appeal"),
        ([ISSUED, OPENED, APPEALED], lambda c: c.appeal(statement=None, at=T3), "there was an appeal"),
        ([ISSUED, OPENED, APPEALED, DISMISSED], lambda c: c.appeal(statement=None, at=T3), "there was an appeal"),
        (
            [ISSUED, OPENED],
            lambda c: c.appeal(statement=None, at=APPEAL_UNTIL + timedelta(milliseconds=1)),
            "could be made until",
        ),
        ([ISSUED, OPENED, APPEALED], close("stands"), "decide that first"),
        ([ISSUED, OPENED], close("suspended"), "cannot end as suspended"),
        ([ISSUED, OPENED], close("revoked"), "cannot end as revoked"),
        ([ISSUED, OPENED, PAUSED], close("stands"), "cannot end as stands"),
    ],
)
def test_review_is_refused_a_step_that_is_not_its_next(given: list[Event], command: Command, match: str) -> None:
    Scenario(Credential, *given).when(command).then_refused(RuleError, match)


def test_appeal_waits_and_is_decided() -> None:
    waiting = Scenario(Credential, ISSUED, OPENED).when(lambda c: c.appeal(statement="ab" * 32, at=T3)).then(APPEALED)
    assert waiting.review is not None
    assert waiting.review.appealed_at == T3
    decide: Command = lambda c: c.decide_appeal(outcome="upheld", note=None, at=T4)  # noqa: E731  one line each
    decided = Scenario(Credential, ISSUED, OPENED, APPEALED).when(decide).then(UPHELD)
    assert decided.review is not None
    assert (decided.review.appealed_at, decided.review.decided) == (None, "upheld")


@pytest.mark.parametrize(
    "given, outcome",
    [
        ([ISSUED, OPENED], "stands"),
        ([ISSUED, OPENED, APPEALED, UPHELD], "stands"),
        ([ISSUED, OPENED, PAUSED], "suspended"),
        ([ISSUED, OPENED, PAUSED, REVOKED], "revoked"),
        ([ISSUED, OPENED, REPLACED], "revoked"),
    ],
)
def test_review_ends_as_the_award_stands(given: list[Event], outcome: str) -> None:
    state = Scenario(Credential, *given).when(close(outcome)).then(closed(outcome))
    assert state.review is None


def test_review_ends_as_stands_when_the_award_is_suspended_for_another_reason() -> None:
    other = Credential.Suspended(reason=Reason.UNDER_REVIEW, effective_at=T2, note=None, recorded_at=T2)
    state = Scenario(Credential, ISSUED, other, OPENED).when(close("stands")).then(closed("stands"))
    assert (state.state, state.paused_for) == ("suspended", Reason.UNDER_REVIEW)
