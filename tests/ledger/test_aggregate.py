"""What every aggregate has in common, and the two aggregates of one event."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from ledger.aggregate import fold
from ledger.credential import Credential
from ledger.erasure import Erasure
from ledger.error import CorruptionError, IdempotencyError, NotFoundError
from ledger.event import DomainEvent
from ledger.recognition import Recognition
from ledger.submission import Submission, submission_digest, submission_id
from tests.ledger.scenario import IDENTITY
from tests.ledger.test_credential import ISSUED, REINSTATED, SUSPENDED

T0 = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("versions", [(2,), (0,), (1, 3), (1, 1), (1, 2, 2)])
def test_fold_refuses_a_history_when_versions_are_not_one_two_three(versions: tuple[int, ...]) -> None:
    bodies = (ISSUED, SUSPENDED, REINSTATED)
    events = [DomainEvent(IDENTITY, version, body) for version, body in zip(versions, bodies, strict=False)]
    with pytest.raises(CorruptionError, match="was due"):
        fold(Credential)(None, events)


def test_fold_carries_on_from_a_state_when_given_one() -> None:
    project = fold(Credential)
    first = project(None, [DomainEvent(IDENTITY, 1, ISSUED)])
    assert project(first, []) is first
    assert project(first, [DomainEvent(IDENTITY, 2, SUSPENDED)]) == project(
        None, [DomainEvent(IDENTITY, 1, ISSUED), DomainEvent(IDENTITY, 2, SUSPENDED)]
    )
    assert project(None, []) is None


def test_submission_accepts_a_repetition_when_the_body_is_the_same_and_no_other() -> None:
    digest = submission_digest(b"secret", b"body")
    event = Submission.accept(id=IDENTITY, digest=digest, at=T0)
    state = fold(Submission)(None, [event])
    assert state is not None
    state.require_same(submission_digest(b"secret", b"body"))
    with pytest.raises(IdempotencyError, match="another body"):
        state.require_same(submission_digest(b"secret", b"body "))


def test_submission_ids_differ_when_scope_key_or_secret_do() -> None:
    given = [(b"a", "one", "two"), (b"b", "one", "two"), (b"a", "onet", "wo"), (b"a", "1:one", "two"), (b"a", "", "")]
    made = {submission_id(*arguments) for arguments in given}
    assert len(made) == len(given)
    assert {identity.version for identity in made} == {8}
    assert {identity.variant for identity in made} == {"specified in RFC 4122"}


def test_erasure_records_nothing_but_the_instant() -> None:
    event = Erasure.record(handle=UUID(int=7), at=T0)
    assert event == DomainEvent(UUID(int=7), 1, Erasure.Recorded(recorded_at=T0))
    state = fold(Erasure)(None, [event])
    assert state is not None
    assert state.erased_at == T0


def test_fold_finds_nothing_when_the_history_is_of_something_else() -> None:
    event = DomainEvent(IDENTITY, 1, Erasure.Recorded(recorded_at=T0))
    for kind in (Credential, Recognition):
        with pytest.raises(NotFoundError, match="something else"):
            fold(kind)(None, [event])
