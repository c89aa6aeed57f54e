"""The registers of recognitions and agreements: rows that follow from the events, in whatever batches they come."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
import pytest

from ledger.agreement import Agreement, Terms, agreement_id
from ledger.decision import SubstantialDifference
from ledger.limit import NO_LIMITS
from ledger.reason import Reason
from ledger.recognition import Recognition
from projections import agreement_register
from projections.agreement_register import AgreementReader, AgreementRegister
from projections.error import CorruptionError
from projections.recognition_register import RecognitionReader, RecognitionRegister
from projections.table import MemoryTable
from tests.projections.history import MAPPER, History, day, registered

NORTH, SOUTH, WEST = UUID(int=1), UUID(int=2), UUID(int=3)
ONE, OTHER = UUID(int=11), UUID(int=12)
TERMS = Terms(awards_of="both", achievements=(), limits=NO_LIMITS, share_percent=100, cap_centi=None)
DECIDED = Recognition.Decided(
    institution=NORTH,
    decision="refused",
    reasons=(SubstantialDifference.QUALITY,),
    effective_at=day(2),
    details="aa" * 32,
    appeal_until=day(40),
    recorded_at=day(3),
)
APPEALED = Recognition.Appealed(filed_at=day(4), decide_by=day(60), statement=None, recorded_at=day(5))
CHANGED = Recognition.AppealDecided(
    result="changed",
    decision="full",
    reasons=(),
    effective_at=day(2),
    details="bb" * 32,
    appeal_until=None,
    statement=None,
    recorded_at=day(6),
)
WITHDRAWN = Recognition.Withdrawn(reason=Reason.OTHER, effective_at=day(7), note=None, recorded_at=day(8))


def proposal(partner: UUID, number: int = 1) -> Agreement.Proposed:
    return Agreement.Proposed(
        proposer=NORTH,
        partner=partner,
        number=number,
        terms=TERMS,
        valid_from=day(2),
        valid_until=None,
        recorded_at=day(2),
    )


def history() -> History:
    made = History()
    made.add(NORTH, registered("north"))
    made.add(ONE, DECIDED, APPEALED)
    made.add(agreement_id(NORTH, SOUTH, 1), proposal(SOUTH), Agreement.Accepted(institution=SOUTH, recorded_at=day(3)))
    made.add(OTHER, msgspec.structs.replace(DECIDED, decision="partial"))
    made.add(agreement_id(NORTH, WEST, 1), proposal(WEST))
    made.add(ONE, CHANGED, WITHDRAWN)
    made.add(
        agreement_id(NORTH, SOUTH, 1),
        Agreement.Ended(institution=NORTH, effective_at=day(9), recorded_at=day(8)),
    )
    return made


def fed(made: History, size: int) -> MemoryTable:
    table = MemoryTable()
    for first in range(0, len(made.events), size):
        for register in (RecognitionRegister(MAPPER), AgreementRegister(MAPPER)):
            register.apply(made.events[first : first + size], table)
    return table


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_registers_come_to_the_same_rows_in_whatever_batches(size: int) -> None:
    assert fed(history(), size).items() == fed(history(), 1).items()


def test_register_knows_everything_that_became_of_a_recognition() -> None:
    known = RecognitionReader(fed(history(), 100)).by_id(ONE)
    assert known is not None
    assert (known.version, known.institution) == (4, NORTH)
    assert [(ruling.version, ruling.decision) for ruling in known.rulings] == [(1, "refused"), (3, "full")]
    assert [appeal.result for appeal in known.appeals] == ["changed"]
    assert known.withdrawal is not None
    assert known.withdrawal.effective_at == day(7)
    assert RecognitionReader(fed(history(), 100)).by_id(UUID(int=9)) is None


def test_register_lists_agreements_in_the_order_of_their_proposal(monkeypatch: pytest.MonkeyPatch) -> None:
    agreements = AgreementReader(fed(history(), 100))
    assert len(agreements) == 2

    def partners(*asked: Any, **members: Any) -> tuple[list[UUID], int | None]:  # noqa: ANN401  passed on
        page, following = agreements.page(*asked, **members)
        return [one.partner for one in page], following

    assert partners() == ([SOUTH, WEST], None)
    assert partners(limit=1) == ([SOUTH], 0)
    assert partners(after=0) == ([WEST], None)
    assert partners(institution=WEST) == ([WEST], None)
    assert partners(institution=UUID(int=9)) == ([], None)
    monkeypatch.setattr(agreement_register, "MAX_LOOKED_AT", 1)
    assert partners(institution=WEST) == ([], 0)
    assert partners(0, institution=WEST) == ([WEST], None)
    ended = agreements.by_id(agreement_id(SOUTH, NORTH, 1))
    assert ended is not None
    assert (ended.version, ended.accepted_at, ended.ended_at) == (3, day(3), day(9))
    assert agreements.by_id(UUID(int=9)) is None


@pytest.mark.parametrize(
    "originator, body, match",
    [
        (ONE, DECIDED, "decided before"),
        (UUID(int=9), APPEALED, "never decided"),
        (agreement_id(NORTH, SOUTH, 1), proposal(SOUTH), "proposed before"),
        (UUID(int=9), Agreement.Accepted(institution=SOUTH, recorded_at=day(3)), "never proposed"),
    ],
)
def test_registers_refuse_what_cannot_have_happened(originator: UUID, body: Recognition.Decided, match: str) -> None:
    made = history()
    made.add(originator, body)
    with pytest.raises(CorruptionError, match=match):
        fed(made, 100)


def test_register_refuses_when_the_bytes_are_not_an_event() -> None:
    made = history()
    made.events[1] = msgspec.structs.replace(made.events[1], state=b"{}")
    with pytest.raises(CorruptionError):
        fed(made, 100)
