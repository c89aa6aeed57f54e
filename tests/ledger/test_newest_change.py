"""When what was read lately had changed last."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from ledger import newest_change
from ledger.event import DomainEvent
from ledger.institution import Institution
from ledger.newest_change import NewestChanges
from tests.ledger.test_institution import REGISTERED
from tests.ledger.world import START


def chosen(number: int, version: int, seconds: float) -> DomainEvent:
    body = Institution.FormsChosen(forms=(), recorded_at=START + timedelta(seconds=seconds))
    return DomainEvent(UUID(int=number), version, body)


def registered(number: int, seconds: float = 0) -> DomainEvent:
    body = msgspec.structs.replace(REGISTERED, recorded_at=START + timedelta(seconds=seconds))
    return DomainEvent(UUID(int=number), 1, body)


def test_newest_event_that_was_read_is_noted() -> None:
    changes = NewestChanges()
    fold = changes.noting(Institution)
    assert changes.of(UUID(int=1)) is None
    state = fold(None, iter([registered(1), chosen(1, 2, 5)]))
    assert state is not None
    assert (state.version, changes.of(UUID(int=1))) == (2, START + timedelta(seconds=5))
    assert fold(state, []) is state
    assert changes.of(UUID(int=1)) == START + timedelta(seconds=5)
    fold(state, [chosen(1, 3, 7)])
    fold(None, [registered(1), chosen(1, 2, 5)])  # by whoever had read less, and is here later
    assert changes.of(UUID(int=1)) == START + timedelta(seconds=7)


def test_as_many_are_noted_as_there_is_room_for_and_the_newest_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newest_change, "MAX_NOTED", 3)
    changes = NewestChanges()
    fold = changes.noting(Institution)
    for number in (1, 2, 3, 1, 4):
        fold(None, [registered(number, number)])
    assert [number for number in range(1, 5) if changes.of(UUID(int=number)) is not None] == [1, 3, 4]
