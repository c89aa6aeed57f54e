from uuid import UUID

import pytest

from anchoring.state import BLOCK_BYTES
from ledger.credential import Credential
from projections.error import CorruptionError
from projections.status_lists import MAX_BLOCKS_AHEAD, StatusListReader, StatusLists
from projections.table import MemoryTable
from tests.projections.history import MAPPER, History, day, issued, reinstated, replaced, revoked, suspended

TARTU, NARVA = UUID(int=1), UUID(int=2)
AWARD, OTHER = UUID(int=11), UUID(int=12)


def read(history: History) -> StatusListReader:
    table = MemoryTable()
    StatusLists(MAPPER).apply(history.events, table)
    return StatusListReader(table)


def bits_set(bits: bytes | None) -> list[int]:
    """Numbers of the bits that are set, the most significant bit of the first byte being number 0."""
    assert bits is not None
    assert len(bits) == BLOCK_BYTES
    return [number for number in range(len(bits) * 8) if bits[number // 8] >> (7 - number % 8) & 1]


def one(*bodies: Credential.Issued | Credential.Suspended | Credential.Reinstated | Credential.Revoked) -> History:
    history = History()
    history.add(AWARD, issued(TARTU, 0, 131_071), *bodies)
    history.add(OTHER, issued(NARVA, 1, 9))
    return history


def test_status_lists_set_the_very_last_bit_when_the_last_place_is_revoked() -> None:
    lists = read(one(revoked(day(2))))
    assert lists.blocks() == 2
    assert bits_set(lists.bits(0)) == [131_071]
    assert [bits_set(lists.bits(number)) for number in (1, 2, 3)] == [[], [], []]


def test_status_lists_set_the_revocation_bit_when_an_award_is_replaced() -> None:
    history = one()
    history.add(OTHER, replaced(day(3)))
    lists = read(history)
    assert (bits_set(lists.bits(2)), bits_set(lists.bits(3))) == ([9], [])


def test_status_lists_set_and_clear_the_suspension_bit_when_an_award_is_suspended_and_reinstated() -> None:
    assert bits_set(read(one(suspended(day(2)))).bits(1)) == [131_071]
    assert bits_set(read(one(suspended(day(2)), reinstated(day(3)))).bits(1)) == []


def test_status_lists_leave_the_suspension_bit_when_a_suspended_award_is_revoked() -> None:
    lists = read(one(suspended(day(2)), revoked(day(3))))
    assert bits_set(lists.bits(0)) == bits_set(lists.bits(1)) == [131_071]


def test_status_lists_know_owner_and_count_when_places_are_used() -> None:
    history = one()
    history.add(UUID(int=13), issued(NARVA, 1, 10))
    lists = read(history)
    assert [lists.owner(block) for block in (0, 1, 2, -1)] == [TARTU, NARVA, None, None]
    assert [lists.allocated(block) for block in (0, 1, 2, -1)] == [1, 2, 0, 0]
    assert lists.place(AWARD) == (0, 131_071)
    assert lists.place(UUID(int=99)) is None
    assert lists.bits(4) is lists.bits(-1) is None


def test_status_lists_have_an_ownerless_block_when_a_later_one_is_used_first() -> None:
    history = History()
    history.add(AWARD, issued(TARTU, 2, 5))
    lists = read(history)
    assert lists.blocks() == 3
    assert [lists.owner(block) for block in range(3)] == [None, None, TARTU]
    assert bits_set(lists.bits(1)) == []
    history.add(OTHER, issued(NARVA, 0, 5))
    assert read(history).owner(0) == NARVA


@pytest.mark.parametrize(
    "body, match",
    [
        (issued(TARTU, 0, 131_071), "is in use"),
        (issued(NARVA, 0, 1), "belongs to another institution"),
        (issued(TARTU, 0, 131_072), "there is no status place"),
        (issued(TARTU, 0, -1), "there is no status place"),
        (issued(TARTU, -1, 0), "there is no status place"),
        (issued(TARTU, 2 + MAX_BLOCKS_AHEAD + 1, 0), "there is no status place"),
        (revoked(day(3)), "never issued"),
    ],
)
def test_status_lists_refuse_when_no_rule_lets_an_event_happen(
    body: Credential.Issued | Credential.Revoked, match: str
) -> None:
    history = one()
    history.add(UUID(int=13), body)
    with pytest.raises(CorruptionError, match=match):
        read(history)


def test_status_lists_refuse_when_an_award_is_issued_twice() -> None:
    history = one()
    history.add(AWARD, issued(TARTU, 0, 1))
    with pytest.raises(CorruptionError, match="issued before"):
        read(history)
