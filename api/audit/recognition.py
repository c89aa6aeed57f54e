"""Recognitions and agreements replayed: the rules of both aggregates, applied again to what the log says.

What is kept is the aggregates themselves, some 600 bytes for each. Details are not in the log; what an auditor sees is
that every refusal names its reasons, that appeals were open to whoever was refused, and whether they were decided in
time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final
from uuid import UUID

import msgspec

from api.audit import rule
from api.audit.finding import Finding, Findings
from api.audit.instant import instant
from api.audit.rule import Illegal
from ledger.agreement import EVENTS as AGREEMENT_EVENTS
from ledger.agreement import Agreement
from ledger.event import Event
from ledger.recognition import EVENTS as RECOGNITION_EVENTS
from ledger.recognition import Recognition

TOPICS: Final = frozenset(event.TOPIC for event in (*RECOGNITION_EVENTS, *AGREEMENT_EVENTS))
_RECOGNITION: Final = frozenset(event.TOPIC for event in RECOGNITION_EVENTS)


class RecognitionReplay:
    """Replays recognitions and agreements. Not safe for concurrent use.

    Args:
        recognitions: Those of an interrupted audit.
        agreements: Those of an interrupted audit.
    """

    def __init__(self, recognitions: Iterable[Recognition] = (), agreements: Iterable[Agreement] = ()) -> None:
        self._recognitions = {one.id.bytes: one for one in recognitions}
        self._agreements = {one.id.bytes: one for one in agreements}

    def parts(self) -> tuple[list[Recognition], list[Agreement]]:
        """Return everything."""
        return [*self._recognitions.values()], [*self._agreements.values()]

    def take(self, originator: UUID, version: int, body: Event, institutions: Collection[bytes]) -> None:
        """Replay an event; what can be taken in is taken in, even when it was not legal.

        Args:
            originator: Aggregate id.
            version: The event's version.
            body: Of one of :data:`TOPICS`.
            institutions: Aggregate ids of the institutions that were registered before.

        Raises:
            Illegal, NotReplayed: See :mod:`api.audit.rule`.
        """
        if body.TOPIC in _RECOGNITION:
            self._recognition(originator, version, body, institutions)
        else:
            self._agreement(originator, version, body, institutions)

    def late(self, index: int, originator: UUID, body: Event, findings: Findings) -> None:
        """Object to an appeal that was decided later than its institution had said it would be."""
        known = self._recognitions.get(originator.bytes)
        if isinstance(body, Recognition.AppealDecided) and known is not None and known.appeals:
            appeal = known.appeals[-1]
            if appeal.is_late(body.recorded_at):
                what = (
                    f"an appeal was decided {body.recorded_at:%Y-%m-%d}, and it was due by {appeal.decide_by:%Y-%m-%d}"
                )
                findings.object(index, "appeal-late", what)

    def overdue(self, latest: int) -> Iterator[Finding]:
        """Yield a notice of each appeal that awaits its outcome after the day on which it was due.

        Args:
            latest: The latest instant that the log knows, in milliseconds.
        """
        for known in self._recognitions.values():
            appeal = known.open_appeal
            if appeal is not None and known.withdrawal is None and appeal.is_late(instant(latest)):
                what = f"an appeal was due to be decided by {appeal.decide_by:%Y-%m-%d}, and no outcome was entered"
                yield Finding(code="appeal-overdue", where=str(known.id), what=what)

    def _recognition(self, originator: UUID, version: int, body: Event, institutions: Collection[bytes]) -> None:
        before = self._recognitions.get(originator.bytes)
        if isinstance(body, Recognition.Decided):
            if before is not None:
                message = "this recognition was decided before"
                raise Illegal(message)
            self._recognitions[originator.bytes] = Recognition.begin(originator, body)
            _in_turn(0, version)
            _require_registered([body.institution], institutions)
            rule.begin_recognition(originator, body)
            return
        if before is None:
            message = "this recognition was never decided"
            raise Illegal(message)
        self._recognitions[originator.bytes] = msgspec.structs.replace(before.evolve(body), version=version)
        _in_turn(before.version, version)
        rule.change_recognition(before, body)

    def _agreement(self, originator: UUID, version: int, body: Event, institutions: Collection[bytes]) -> None:
        before = self._agreements.get(originator.bytes)
        if isinstance(body, Agreement.Proposed):
            if before is not None:
                message = "this agreement was proposed before"
                raise Illegal(message)
            self._agreements[originator.bytes] = Agreement.begin(originator, body)
            _in_turn(0, version)
            _require_registered([body.proposer, body.partner], institutions)
            rule.begin_agreement(originator, body)
            return
        if before is None:
            message = "this agreement was never proposed"
            raise Illegal(message)
        self._agreements[originator.bytes] = msgspec.structs.replace(before.evolve(body), version=version)
        _in_turn(before.version, version)
        rule.change_agreement(before, body)


def _require_registered(named: Iterable[UUID], institutions: Collection[bytes]) -> None:
    if any(one.bytes not in institutions for one in named):
        message = "it names an institution that was never registered"
        raise Illegal(message)


def _in_turn(before: int, version: int) -> None:
    if version != before + 1:
        message = f"version {version} where {before + 1} was due"
        raise Illegal(message)
