"""Aggregates whose whole state an audit keeps: legal histories pass, every other is named at its entry."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from api.audit.folded import KINDS, Folded
from ledger.achievement import Achievement
from ledger.event import DomainEvent, Event
from ledger.event_catalogue import EVENTS
from ledger.quality import Quality, quality_id
from tests.audit.made_log import LogMaker, audit, found, framed, later, made_log

DUE = date(2040, 1, 1)


def _achievement(maker: LogMaker) -> Achievement:
    return next(iter(maker._replay.registry.achievements.values()))


def _event(maker: LogMaker, kind: str, changes: Mapping[str, object]) -> Event:
    """An event of quality that is legal, but for *changes*."""
    offer, at = _achievement(maker), later(1)
    whose: dict[str, Any] = {"institution": offer.institution, "achievement": offer.id, "recorded_at": at}
    first = at.date() - timedelta(days=90)
    made: dict[str, Event] = {
        "scheduled": Quality.ReviewScheduled(**whose, due_on=at.date() + timedelta(days=900)),
        "reviewed": Quality.Reviewed(
            **whose,
            edition=len(offer.editions),
            reviewed_on=at.date(),
            by="Programme council",
            outcome="confirmed",
            statement="As described.",
            next_due=None,
        ),
        "figures": Quality.FiguresPublished(
            **whose,
            edition=1,
            first_day=first,
            last_day=at.date() - timedelta(days=1),
            enrolled=50,
            completed=30,
            responses=None,
            ratings=(),
            mean_rating_centi=None,
            threshold=10,
        ),
    }
    return msgspec.structs.replace(made[kind], **changes)


def _add(maker: LogMaker, version: int, body: Event, originator: UUID | None = None) -> int:
    identity = originator or quality_id(_achievement(maker).id)
    return maker.add(framed(DomainEvent(identity, version, body)))


def test_audit_finds_nothing_when_reviews_and_figures_follow_the_rules(tmp_path: Path) -> None:
    def change(maker: LogMaker) -> None:
        for version, kind in enumerate(("scheduled", "reviewed", "figures"), 1):
            _add(maker, version, _event(maker, kind, {}))
        maker.commit()

    report = audit(made_log(tmp_path / "log", change))
    assert found(report) == []
    assert "not-replayed" not in {one.code for one in report.notices}


@pytest.mark.parametrize(
    "kind, changes",
    [
        ("scheduled", {"due_on": date(2000, 1, 1)}),
        ("scheduled", {"institution": UUID(int=5)}),
        ("reviewed", {"edition": 99}),
        ("reviewed", {"reviewed_on": date(2099, 1, 1)}),
        ("reviewed", {"by": " "}),
        ("figures", {"completed": 3}),
        ("figures", {"completed": 45}),
        ("figures", {"edition": 99}),
        ("figures", {"last_day": date(2099, 1, 1)}),
        ("figures", {"responses": 2, "mean_rating_centi": 500}),
    ],
)
def test_audit_names_the_entry_when_an_event_would_not_have_been_decided(
    tmp_path: Path, kind: str, changes: Mapping[str, object]
) -> None:
    at: list[int] = []

    def change(maker: LogMaker) -> None:
        at.append(_add(maker, 1, _event(maker, kind, changes)))
        maker.commit()

    assert found(audit(made_log(tmp_path / "log", change))) == [("transition-illegal", at[0])]


def test_audit_names_the_entry_when_figures_share_a_day(tmp_path: Path) -> None:
    at: list[int] = []

    def change(maker: LogMaker) -> None:
        _add(maker, 1, _event(maker, "figures", {}))
        at.append(_add(maker, 2, _event(maker, "figures", {})))
        maker.commit()

    assert found(audit(made_log(tmp_path / "log", change))) == [("transition-illegal", at[0])]


@pytest.mark.parametrize("version, originator", [(2, None), (1, UUID(int=77))])
def test_audit_names_the_entry_when_its_place_is_not_its_own(
    tmp_path: Path, version: int, originator: UUID | None
) -> None:
    at: list[int] = []

    def change(maker: LogMaker) -> None:
        at.append(_add(maker, version, _event(maker, "scheduled", {}), originator))
        maker.commit()

    assert found(audit(made_log(tmp_path / "log", change))) == [("transition-illegal", at[0])]


def test_states_are_kept_and_read_again() -> None:
    folded = Folded()
    state = Quality(id=UUID(int=1), version=3, institution=UUID(int=2), achievement=UUID(int=3), next_due=DUE)
    folded.states[state.id.bytes] = state
    assert Folded.from_parts(folded.parts()).states == folded.states


def test_kinds_replay_events_that_the_ledger_can_store_and_each_topic_once() -> None:
    topics = [event.TOPIC for kind in KINDS for event in kind.events]
    assert len(topics) == len(set(topics))
    assert set(topics) <= {event.TOPIC for event in EVENTS}
