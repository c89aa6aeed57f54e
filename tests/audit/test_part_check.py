"""What an auditor finds when an operator breaks the rules on programmes, unpackings and parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from api.audit.finding import Findings
from api.audit.replay import Replay
from ledger import separating
from ledger.credential import Credential
from ledger.event import DomainEvent, Event
from ledger.part import read_leaf
from ledger.programme import Change, Programme
from ledger.reason import Reason
from ledger.separating import Completed, Separation
from ledger.unpacking import Unpacking
from tests.audit.made_log import framed
from tests.audit.test_derivation import MAPPER, Audited, audited
from tests.ledger.diploma import CREDITS, DIPLOMA, PROGRAMME, award, completed, draft, publish, unpack
from tests.ledger.world import OPERATOR, SLUG, World, open_world, settle

FORGED = UUID("11111111-2222-4333-8444-555555555555")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = settle(open_world(tmp_path / "world"))
    publish(made)
    yield made
    made.close()


def events_of(world: World) -> list[DomainEvent]:
    return [
        DomainEvent(
            UUID(str(one.originator_id)),
            one.originator_version,
            world.ledger.event_mapper.decode(one.topic, one.state, ""),
        )
        for one in world.ledger.read(0, 10_000)
    ]


def replayed(events: list[DomainEvent]) -> list[tuple[str, str]]:
    entries = [framed(event) for event in events]
    findings = Findings()
    Replay(MAPPER, findings).take_entries(entries, lambda first, end: entries[first:end])
    return [(one.code, one.what) for one in findings.kept]


def of(events: list[DomainEvent], kind: type[Event]) -> int:
    return next(at for at, event in enumerate(events) if isinstance(event.body, kind))


def test_replay_finds_nothing_when_the_rules_were_kept(world: World) -> None:
    diploma = award(world)
    parts = unpack(world, diploma, 1, 2, 3)
    world.prospectus.publish(slug=SLUG, code=PROGRAMME, draft=draft(title="B"), actor=OPERATOR)
    world.lifecycle.suspend(public_id=parts[0], reason=Reason.OTHER, actor=OPERATOR)
    world.lifecycle.suspend(public_id=diploma, reason=Reason.OTHER, actor=OPERATOR)
    world.lifecycle.reinstate(public_id=diploma, actor=OPERATOR)
    assert replayed(events_of(world)) == []


def _changed(kind: type[Event], **members: Any) -> Callable[[list[DomainEvent]], None]:  # noqa: ANN401  members of an event
    def change(events: list[DomainEvent]) -> None:
        at = of(events, kind)
        one = events[at]
        body = msgspec.structs.replace(one.body, **members)
        events[at] = DomainEvent(one.originator_id, one.originator_version, body)

    return change


def _forged_part_at_an_awards_place(events: list[DomainEvent]) -> None:
    issued = events[of(events, Credential.Issued)].body
    assert isinstance(issued, Credential.Issued)
    forged = Credential.Parted(
        institution=issued.institution,
        status_block=issued.status_block,
        status_index=issued.status_index,
        recorded_at=events[-1].body.recorded_at,
    )
    events.append(DomainEvent(FORGED, 1, forged))


def _part_in_a_block_that_nobody_opened(events: list[DomainEvent]) -> None:
    parted = events[of(events, Credential.Parted)].body
    events.append(DomainEvent(FORGED, 1, msgspec.structs.replace(parted, status_block=7)))


def _part_that_begins_twice(events: list[DomainEvent]) -> None:
    at = of(events, Credential.Parted)
    events.append(events[at])


def _part_replaced(events: list[DomainEvent]) -> None:
    at = of(events, Credential.Parted)
    last = max(event.originator_version for event in events if event.originator_id == events[at].originator_id)
    when = events[-1].body.recorded_at
    body = Credential.Replaced(reason=Reason.OTHER, effective_at=when, successor="00" * 32, recorded_at=when)
    events.append(DomainEvent(events[at].originator_id, last + 1, body))


@pytest.mark.parametrize(
    "change, code, words",
    [
        (_changed(Unpacking.Made, programme=FORGED), "unpacking-impossible", "never published"),
        (_changed(Unpacking.Made, edition=9), "unpacking-impossible", "no edition 9"),
        (_changed(Unpacking.Made, leaves=3), "unpacking-impossible", "leaves, not 3"),
        (_changed(Unpacking.Made, institution=FORGED), "unpacking-impossible", "never registered"),
        (_changed(Unpacking.Made, key_id="key-9"), "key-not-in-force", "key-9"),
        (_changed(Programme.Revised, changes=()), "transition-illegal", "changes"),
        (
            _changed(Programme.Revised, changes=(Change(kind="removed", module="M1", members=()),)),
            "transition-illegal",
            "changes",
        ),
        (_changed(Programme.Revised, edition=7), "transition-illegal", "edition"),
        (_forged_part_at_an_awards_place, "place-impossible", "in use"),
        (_part_in_a_block_that_nobody_opened, "place-impossible", "block 7"),
        (_part_that_begins_twice, "transition-illegal", "made before"),
        (_part_replaced, "transition-illegal", "nothing takes the place"),
    ],
)
def test_replay_finds_what_no_rule_allows(
    world: World, change: Callable[[list[DomainEvent]], None], code: str, words: str
) -> None:
    parts = unpack(world, award(world), 1, 2, 3)
    world.lifecycle.suspend(public_id=parts[0], reason=Reason.OTHER, actor=OPERATOR)
    world.prospectus.publish(slug=SLUG, code=PROGRAMME, draft=draft(title="B"), actor=OPERATOR)
    events = events_of(world)
    change(events)
    assert any(found == code and words in what for found, what in replayed(events)), replayed(events)


# ── what only disclosures show ────────────────────────────────────────────────────────────────────────────────


def disclosed(world: World, directory: Path) -> Audited:
    return audited(world, directory)


def test_audit_finds_a_diploma_that_was_unpacked_twice(world: World, tmp_path: Path) -> None:
    diploma = award(world)
    unpack(world, diploma, 1, 2, 3)
    world.alter("DELETE FROM vault_spending")
    unpack(world, diploma, 1, 2, 3)
    report, found = disclosed(world, tmp_path).run()
    assert report.parts == 6
    assert [code for code, what in found if "unpacked before, and its parts hold" in what] == ["disclosure-differs"]


def test_audit_finds_parts_that_are_worth_more_than_the_whole(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    electives = tuple(msgspec.structs.replace(module, required=False) for module in draft().modules)
    template = world.ledger.achievement(world.ledger.institution(SLUG).id, DIPLOMA).editions[-1]
    template = msgspec.structs.replace(template, credits_centi=2 * CREDITS)
    world.catalogue.publish(slug=SLUG, code=DIPLOMA, template=template, actor=OPERATOR)
    elective = draft(credits_centi=2 * CREDITS, modules=electives)
    world.prospectus.publish(slug=SLUG, code=PROGRAMME, draft=elective, actor=OPERATOR)
    monkeypatch.setattr(separating, "_conserve", lambda *_, **__: None)
    unpack(world, award(world), 1, 2, 3)
    _, found = disclosed(world, tmp_path).run()
    assert [what for _, what in found] == ["its parts are worth 1800 hundredths of a credit, and the diploma 1200"]


def test_audit_finds_a_whole_that_is_no_diploma_of_the_programme(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(separating.Separating, "_is_full", lambda *_: False)
    asked = Separation(
        diploma=award(world, "DATA-1"),
        programme=PROGRAMME,
        completed=(Completed(module="M1", completed_on=completed(1)[0].completed_on),),
    )
    monkeypatch.setattr(separating, "_conserve", lambda *_, **__: None)
    world.separating.unpack(slug=SLUG, asked=asked, actor=OPERATOR)
    _, found = disclosed(world, tmp_path).run()
    assert any("the diploma is none of that programme" in what for _, what in found)


def test_audit_finds_a_part_whose_place_another_award_got(world: World, tmp_path: Path) -> None:
    parts = unpack(world, award(world), 1, 2, 3)
    kept = world.parts.find(parts[0])
    assert kept is not None
    shown = disclosed(world, tmp_path)
    issued = next(at for at, event in enumerate(shown.events) if isinstance(event.body, Unpacking.Made))
    made = shown.events[issued].body
    assert isinstance(made, Unpacking.Made)
    forged = Credential.Parted(
        institution=made.institution,
        status_block=made.status_block,
        status_index=read_leaf(kept.opening.leaf).status_index,
        recorded_at=shown.events[-1].body.recorded_at,
    )
    shown.events.append(DomainEvent(FORGED, 1, forged))
    _, found = shown.run()
    assert any("is another award's" in what for _, what in found)
