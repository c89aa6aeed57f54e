"""Recognitions and agreements, decided again; and whether appeals were decided in time.

Details are not in the log. What an auditor sees is that every refusal names its reasons, that whoever was refused could
appeal, and what became of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING
from uuid import UUID

from api.audit.finding import Finding, Findings
from api.audit.instant import instant, milliseconds
from api.audit.rule import Illegal
from ledger.aggregate import Aggregate
from ledger.agreement import Agreement
from ledger.event import DomainEvent, Event
from ledger.recognition import Recognition

if TYPE_CHECKING:
    from api.audit.folded import Around


def replay_recognition(before: Recognition | None, originator: UUID, body: Event, around: Around) -> DomainEvent:
    """Decide an event of a recognition again.

    Raises:
        Illegal: The institution was never registered, the id is of another time, or it was decided before.
        LedgerError: The command would have refused it.
    """
    if isinstance(body, Recognition.Decided):
        _require_first(before, "recognition was decided")
        _require_registered([body.institution], around)
        if int.from_bytes(originator.bytes[:6]) != milliseconds(body.recorded_at):
            message = "the time in its id is not when it was recorded"
            raise Illegal(message)
        return Recognition.decide(
            id=originator,
            institution=body.institution,
            decision=body.decision,
            reasons=body.reasons,
            effective_at=body.effective_at,
            details=body.details,
            appeal_until=body.appeal_until,
            at=body.recorded_at,
        )
    assert before is not None  # noqa: S101  it begins with a decision
    [decided] = _changed(before, body)
    return decided


def _changed(before: Recognition, body: Event) -> list[DomainEvent]:
    at = body.recorded_at
    if isinstance(body, Recognition.Appealed):
        return before.appeal(filed_at=body.filed_at, decide_by=body.decide_by, statement=body.statement, at=at)
    if isinstance(body, Recognition.Withdrawn):
        return before.withdraw(reason=body.reason, effective_at=body.effective_at, note=body.note, at=at)
    assert isinstance(body, Recognition.AppealDecided)  # noqa: S101  there is no other
    if body.result == "upheld":
        return before.uphold(statement=body.statement, at=at)
    if body.decision is None or body.effective_at is None or body.details is None:
        message = "a changed decision is not there"
        raise Illegal(message)
    return before.change(
        decision=body.decision,
        reasons=body.reasons,
        effective_at=body.effective_at,
        details=body.details,
        appeal_until=body.appeal_until,
        statement=body.statement,
        at=at,
    )


def replay_agreement(
    before: Agreement | None,
    originator: UUID,  # noqa: ARG001  it follows from the institutions
    body: Event,
    around: Around,
) -> DomainEvent:
    """Decide an event of an agreement again.

    Raises:
        Illegal: An institution was never registered, or it was proposed before.
        LedgerError: The command would have refused it.
    """
    if isinstance(body, Agreement.Proposed):
        _require_first(before, "agreement was proposed")
        _require_registered([body.proposer, body.partner], around)
        return Agreement.propose(
            proposer=body.proposer,
            partner=body.partner,
            number=body.number,
            terms=body.terms,
            valid_from=body.valid_from,
            valid_until=body.valid_until,
            at=body.recorded_at,
        )
    assert before is not None  # noqa: S101  it begins with a proposal
    if isinstance(body, Agreement.Accepted):
        [decided] = before.accept(institution=body.institution, at=body.recorded_at)
    else:
        assert isinstance(body, Agreement.Ended)  # noqa: S101  there is no other
        [decided] = before.end(institution=body.institution, effective_at=body.effective_at, at=body.recorded_at)
    return decided


def object_to_late(index: int, known: Aggregate | None, body: Event, findings: Findings) -> None:
    """Object to an appeal that was decided later than its institution had said it would be.

    Args:
        index: Of the entry.
        known: The recognition after it.
        body: The event.
        findings: Where objections go.
    """
    if isinstance(body, Recognition.AppealDecided) and isinstance(known, Recognition) and known.appeals:
        appeal = known.appeals[-1]
        if appeal.is_late(body.recorded_at):
            what = f"an appeal was decided {body.recorded_at:%Y-%m-%d}, and it was due by {appeal.decide_by:%Y-%m-%d}"
            findings.object(index, "appeal-late", what)


def overdue(states: Iterable[Aggregate], latest: int) -> Iterator[Finding]:
    """Yield a notice of each appeal that awaits its outcome after the day on which it was due.

    Args:
        states: Everything that was folded.
        latest: The latest instant that the log knows, in milliseconds.
    """
    for known in states:
        appeal = known.open_appeal if isinstance(known, Recognition) and known.withdrawal is None else None
        if appeal is not None and appeal.is_late(instant(latest)):
            what = f"an appeal was due to be decided by {appeal.decide_by:%Y-%m-%d}, and no outcome was entered"
            yield Finding(code="appeal-overdue", where=str(known.id), what=what)


def _require_first(before: Aggregate | None, what: str) -> None:
    if before is not None:
        message = f"this {what} before"
        raise Illegal(message)


def _require_registered(named: Iterable[UUID], around: Around) -> None:
    if any(one.bytes not in around.institutions for one in named):
        message = "it names an institution that was never registered"
        raise Illegal(message)
