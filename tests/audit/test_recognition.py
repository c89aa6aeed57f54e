"""Recognitions and agreements in a log: what is legal is replayed without a word, each fraud is named at its entry."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from api.audit.finding import Findings
from api.audit.progress_file import ProgressFile, restored
from api.audit.replay import Replay
from ledger.agreement import Agreement, Terms, agreement_id
from ledger.decision import SubstantialDifference
from ledger.event import DomainEvent
from ledger.institution import Institution
from ledger.limit import NO_LIMITS
from ledger.reason import Reason
from ledger.recognition import Recognition, make_recognition_id
from tests.audit.made_log import (
    MAPPER,
    LogMaker,
    audit,
    found,
    framed,
    later,
    made_log,
    quick_findings,
    sample_events,
    slow_findings,
    with_body,
)

DAY = timedelta(days=1)
TERMS = Terms(awards_of="both", achievements=(), limits=NO_LIMITS, share_percent=100, cap_centi=None)


def schools() -> tuple[Institution, Institution]:
    """Two institutions of the sample."""
    registered = [event for event in sample_events(700) if isinstance(event.body, Institution.Registered)]
    one, other = (Institution.begin(event.originator_id, event.body) for event in registered[:2])
    return one, other


ONE, OTHER = schools()


def decided(number: int = 1, seconds: float = 1, **changes: object) -> DomainEvent:
    """A partial recognition that is legal, but for *changes*."""
    at = later(seconds)
    body = Recognition.Decided(
        institution=ONE.id,
        decision="partial",
        reasons=(SubstantialDifference.WORKLOAD,),
        effective_at=at,
        details="aa" * 32,
        appeal_until=at + 30 * DAY,
        recorded_at=at,
    )
    return DomainEvent(make_recognition_id(at, bytes([number]) * 10), 1, msgspec.structs.replace(body, **changes))


def proposed(**changes: object) -> DomainEvent:
    facts: dict[str, object] = {"proposer": ONE.id, "partner": OTHER.id, "number": 1, "terms": TERMS}
    facts |= {"valid_from": later(), "valid_until": None, "at": later()}
    return Agreement.propose(**(facts | changes))  # type: ignore[arg-type]  # passed through as given


def legal() -> Iterator[DomainEvent]:
    """One of everything: an appeal upheld, one that changed the decision, a withdrawal, a whole agreement."""
    first = decided()
    yield first
    state = Recognition.begin(first.originator_id, first.body)
    appeal = state.appeal(filed_at=later(5), decide_by=later(5) + DAY, statement="bb" * 32, at=later(6))
    yield from appeal
    state = msgspec.structs.replace(state.evolve(appeal[0].body), version=2)
    yield from state.uphold(statement=None, at=later(7))
    second = decided(2, 8)
    yield second
    state = Recognition.begin(second.originator_id, second.body)
    appeal = state.appeal(filed_at=later(9), decide_by=later(9) + DAY, statement=None, at=later(9))
    yield from appeal
    state = msgspec.structs.replace(state.evolve(appeal[0].body), version=2)
    changed = state.change(
        decision="full",
        reasons=(),
        effective_at=later(8),
        details="cc" * 32,
        appeal_until=None,
        statement=None,
        at=later(10),
    )
    yield from changed
    state = msgspec.structs.replace(state.evolve(changed[0].body), version=3)
    yield from state.withdraw(reason=Reason.ISSUED_IN_ERROR, effective_at=later(8), note=None, at=later(11))
    proposal = proposed(at=later(11))
    yield proposal
    agreement = Agreement.begin(proposal.originator_id, proposal.body)
    accepted = agreement.accept(institution=OTHER.id, at=later(12))
    yield from accepted
    agreement = msgspec.structs.replace(agreement.evolve(accepted[0].body), version=2)
    yield from agreement.end(institution=ONE.id, effective_at=later(900), at=later(13))


def test_audit_replays_every_event_of_recognitions_and_agreements(tmp_path: Path) -> None:
    def change(maker: LogMaker) -> None:
        maker.events(legal())
        maker.commit()

    report = audit(made_log(tmp_path / "log", change))
    assert found(report) == []
    assert report.notices == []
    assert {topic for topic in report.events if topic.startswith(("recognition.", "agreement."))} == {
        "recognition.decided.v1",
        "recognition.appealed.v1",
        "recognition.appeal_decided.v1",
        "recognition.withdrawn.v1",
        "agreement.proposed.v1",
        "agreement.accepted.v1",
        "agreement.ended.v1",
    }


def _at(event: DomainEvent, version: int, body: object) -> DomainEvent:
    return DomainEvent(event.originator_id, version, body)  # type: ignore[arg-type]  # an event's body


def _appealed(**changes: object) -> Recognition.Appealed:
    body = Recognition.Appealed(filed_at=later(5), decide_by=later(5) + DAY, statement=None, recorded_at=later(6))
    return msgspec.structs.replace(body, **changes)


UPHELD = Recognition.AppealDecided(
    result="upheld",
    decision=None,
    reasons=(),
    effective_at=None,
    details=None,
    appeal_until=None,
    statement=None,
    recorded_at=later(7),
)
WITHDRAWN = Recognition.Withdrawn(reason=Reason.OTHER, effective_at=later(7), note=None, recorded_at=later(7))
ACCEPTED = Agreement.Accepted(institution=OTHER.id, recorded_at=later(2))
FRAUDS: dict[str, Callable[[], list[DomainEvent]]] = {
    "refused without a reason": lambda: [decided(decision="refused", reasons=())],
    "full with a reason": lambda: [decided(decision="full", appeal_until=None)],
    "no time for an appeal": lambda: [decided(appeal_until=None)],
    "too little time for an appeal": lambda: [decided(appeal_until=later(1) + 13 * DAY)],
    "an id of another time": lambda: [with_body(decided(), recorded_at=later(2))],
    "a stranger decides": lambda: [decided(institution=UUID(int=77))],
    "decided twice": lambda: [decided(), decided()],
    "a recognition of nothing": lambda: [_at(decided(), 2, _appealed())],
    "appealed too late": lambda: [
        decided(appeal_until=later(1) + 14 * DAY),
        _at(decided(), 2, _appealed(filed_at=later(2) + 14 * DAY, decide_by=later(0) + 90 * DAY)),
    ],
    "appealed twice": lambda: [decided(), _at(decided(), 2, _appealed()), _at(decided(), 3, _appealed())],
    "an outcome of no appeal": lambda: [decided(), _at(decided(), 2, UPHELD)],
    "changed into nothing": lambda: [
        decided(),
        _at(decided(), 2, _appealed()),
        _at(decided(), 3, msgspec.structs.replace(UPHELD, result="changed")),
    ],
    "upheld with another decision": lambda: [
        decided(),
        _at(decided(), 2, _appealed()),
        _at(decided(), 3, msgspec.structs.replace(UPHELD, decision="full", details="dd" * 32)),
    ],
    "a version left out": lambda: [decided(), _at(decided(), 3, WITHDRAWN)],
    "withdrawn twice": lambda: [decided(), _at(decided(), 2, WITHDRAWN), _at(decided(), 3, WITHDRAWN)],
    "an agreement with oneself": lambda: [with_body(proposed(), partner=ONE.id)],
    "an agreement with a stranger": lambda: [
        DomainEvent(agreement_id(ONE.id, UUID(int=77), 1), 1, with_body(proposed(), partner=UUID(int=77)).body)
    ],
    "an agreement under another id": lambda: [with_body(proposed(), number=2)],
    "accepted by its proposer": lambda: [
        proposed(),
        _at(proposed(), 2, msgspec.structs.replace(ACCEPTED, institution=ONE.id)),
    ],
    "accepted twice": lambda: [proposed(), _at(proposed(), 2, ACCEPTED), _at(proposed(), 3, ACCEPTED)],
    "ended in the past": lambda: [
        proposed(),
        _at(proposed(), 2, Agreement.Ended(institution=ONE.id, effective_at=later(), recorded_at=later(3))),
    ],
    "proposed twice": lambda: [proposed(), proposed()],
    "an agreement of nothing": lambda: [_at(proposed(), 2, ACCEPTED)],
}


@pytest.mark.parametrize("fraud", FRAUDS)
def test_audit_names_the_entry_when_the_rules_do_not_let_it_happen(tmp_path: Path, fraud: str) -> None:
    at: list[int] = []

    def change(maker: LogMaker) -> None:
        at.append(maker.add(*map(framed, FRAUDS[fraud]())))
        maker.commit()

    log = made_log(tmp_path / "log", change)
    assert found(audit(log)) == [("transition-illegal", at[0])]
    assert quick_findings(log) == slow_findings(log)


@pytest.mark.parametrize("seconds, late", [(86_405, False), (86_405.001, True)])
def test_audit_objects_when_an_appeal_was_decided_after_its_day(tmp_path: Path, seconds: float, late: bool) -> None:  # noqa: FBT001  a column of the table
    at: list[int] = []

    def change(maker: LogMaker) -> None:
        outcome = msgspec.structs.replace(UPHELD, recorded_at=later(seconds))
        events = [decided(), _at(decided(), 2, _appealed()), _at(decided(), 3, outcome)]
        at.append(maker.add(*map(framed, events)))
        maker.commit()

    report = audit(made_log(tmp_path / "log", change))
    assert found(report) == ([("appeal-late", at[0])] if late else [])
    assert (report.differences, report.objections) == (0, int(late))


@pytest.mark.parametrize("seconds, overdue", [(86_405, False), (86_405.001, True)])
def test_audit_gives_notice_of_an_appeal_that_awaits_its_outcome(
    tmp_path: Path,
    seconds: float,
    overdue: bool,  # noqa: FBT001  a column of the table
) -> None:
    def change(maker: LogMaker) -> None:
        maker.events([decided(), _at(decided(), 2, _appealed()), decided(3, seconds)])
        maker.commit()

    report = audit(made_log(tmp_path / "log", change))
    assert [one.code for one in report.notices] == (["appeal-overdue"] if overdue else [])
    assert report.differences == 0


def test_interrupted_audit_goes_on_with_the_recognitions_it_knew(tmp_path: Path) -> None:
    events = list(legal())
    maker = LogMaker()
    maker.events(sample_events(300))
    before = len(maker.entries)
    entries = [*maker.entries, *map(framed, events)]

    def read(first: int, end: int) -> list[bytes]:
        return entries[first:end]

    for number in range(1, len(events)):
        replay = Replay(MAPPER, Findings())
        replay.take_entries(entries[: before + number], read)
        file = ProgressFile(tmp_path / f"{number}.state")
        file.keep("key", len(entries), bytes(32), replay)
        kept = file.load("key")
        assert kept is not None
        resumed = restored(kept, MAPPER)
        resumed.take_entries(entries[resumed.size :], read)
        assert resumed.findings.kept == []
        assert resumed.size == len(entries)
