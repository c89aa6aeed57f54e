"""Which credits of which award were spent on what, so that none is spent twice.

An award's credits are spent when it is stacked into another award, or when it is unpacked into its parts. The log names
neither, so the vault keeps it: one row for each act of spending, numbered from 1 for each award. Whoever spends reads
the rows that are there (:meth:`SpendingBook.rows`), decides, and inserts the next number (:func:`spend`) in the commit
of the act itself. Two at once insert the same number: one wins, the other's commit is a
:class:`~ledger.error.ConflictError`, and :meth:`ledger.application.Ledger.carry_out` has it decide again, with the
winner's row in sight.

A row is released, never deleted, when what was made with it has been revoked: were a number free again, somebody who
still saw the old row and somebody who did not could both commit. The rows go with the learner when that is erased.

An amount is in units of the award's own whole: ``amount`` of ``whole``, both in hundredths of an ECTS credit (``ects``)
or in minutes of workload (``minutes``), whichever was counted. So a share can be compared whatever it was counted in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Final, Literal
from uuid import UUID

import msgspec

from ledger.store import LedgerRecorder, Write
from ledger.vault import Learner

SpendingKind = Literal["stack", "unpacking"]
SpendingUnit = Literal["ects", "minutes"]

FREE: Final = 1
"""What stands in the table for credits that are free again."""
_SELECT: Final = "SELECT award, number, stack, kind, unit, amount, whole, released FROM vault_spending "
_INSERT: Final = "INSERT INTO vault_spending VALUES (?,?,?,?,?,?,?,?,0)"
_END: Final = "UPDATE vault_spending SET released=2 WHERE stack=? AND released=0"
_FREE: Final = (
    "UPDATE vault_spending SET released=1 WHERE stack=? AND released=2 "
    "AND NOT EXISTS (SELECT 1 FROM vault_spending AS above WHERE above.released<>1 AND above.award IN (?%s))"
)
_FREE_BELOW: Final = (
    "UPDATE vault_spending SET released=1 WHERE released=2 AND stack IN ("
    "WITH RECURSIVE below (part) AS (SELECT award FROM vault_spending WHERE stack=? "
    "UNION SELECT next.award FROM vault_spending AS next JOIN below ON next.stack=below.part) SELECT part FROM below) "
    "AND NOT EXISTS ("
    "SELECT 1 FROM vault_spending AS above WHERE above.award=vault_spending.stack AND above.released<>1)"
)
LEVELS: Final = 6
"""How many stacks upon stacks are freed in one go; a micro-credential, a certificate and a degree are three."""
_CARRY_OVER: Final = (
    "INSERT INTO vault_spending SELECT ?, number, learner, stack, kind, unit, amount, whole, released "
    "FROM vault_spending WHERE award=?"
)


class Amount(msgspec.Struct, frozen=True, kw_only=True):
    """How much of an award is spent: *amount* of *whole*, integers of the smallest unit, 0 <= amount <= whole.

    Nothing is spent of an award that was looked at and not counted (a prerequisite), or whose credits were used before
    and may be again: the row says all the same what rests on what.
    """

    unit: SpendingUnit
    amount: int
    whole: int

    @property
    def share(self) -> Fraction:
        """The part of the whole, from 0 to 1."""
        return Fraction(self.amount, self.whole) if self.whole else Fraction(0)


class Spending(msgspec.Struct, frozen=True, kw_only=True):
    """One act of spending.

    Attributes:
        award: Aggregate id of what was spent (an award, or a recognition).
        number: Its place among the acts that spent this award, from 1.
        stack: Aggregate id of what it was spent on.
        kind: What that is.
        spent: How much.
        released: Whether the credits are free again: what they were spent on is no more, and not spent itself.
    """

    award: UUID
    number: int
    stack: UUID
    kind: SpendingKind
    spent: Amount
    released: bool


class SpendingBook:
    """Reads the rows.

    Args:
        recorder: The database.
    """

    def __init__(self, recorder: LedgerRecorder) -> None:
        self._recorder = recorder

    def rows(self, award: UUID) -> list[Spending]:
        """Every act that spent *award*, released ones too, by number. Pass it to :func:`spend`."""
        return self._read("WHERE award=? ORDER BY number", award)

    def live(self, award: UUID) -> list[Spending]:
        """The acts that spent *award* and still hold."""
        return [row for row in self.rows(award) if not row.released]

    def made(self, stack: UUID) -> list[Spending]:
        """What was spent on *stack*, by award."""
        return self._read("WHERE stack=? ORDER BY award, number", stack)

    def _read(self, where: str, identity: UUID) -> list[Spending]:
        rows = self._recorder.query(_SELECT + where, (identity.bytes,))
        return [
            Spending(
                award=UUID(bytes=bytes(award)),
                number=number,
                stack=UUID(bytes=bytes(stack)),
                kind=kind,
                spent=Amount(unit=unit, amount=amount, whole=whole),
                released=released == FREE,
            )
            for award, number, stack, kind, unit, amount, whole, released in rows
        ]


def spent_share(rows: Iterable[Spending]) -> Fraction:
    """The part of an award that is spent by the acts in *rows* that still hold; above 1 where overlap was allowed."""
    return sum((row.spent.share for row in rows if not row.released), Fraction(0))


def spend(
    learner: Learner, stack: UUID, kind: SpendingKind, amounts: Sequence[tuple[UUID, Amount, Sequence[Spending]]]
) -> Write:
    """The rows that spend awards on *stack*; they are committed together with the events that make it.

    Args:
        learner: Who holds what is made; the rows go when this learner is erased.
        stack: Aggregate id of what is made.
        kind: What it is.
        amounts: For each award its aggregate id, how much of it is spent, and the rows of it that the decision was made
            on, as :meth:`SpendingBook.rows` gave them, released ones too.

    Raises:
        ValueError: An amount is not part of its whole.
    """
    rows = []
    for award, spent, seen in amounts:
        if not 0 <= spent.amount <= spent.whole:
            message = f"{spent.amount} of {spent.whole} cannot be spent"
            raise ValueError(message)
        number = max((row.number for row in seen), default=0) + 1
        rows.append((award.bytes, number, learner.handle, stack.bytes, kind, spent.unit, spent.amount, spent.whole))
    return Write(_INSERT, rows)


def release(stack: UUID, parts: Sequence[UUID] = ()) -> list[Write]:
    """Free what was spent on *stack*; committed together with the event that ends it.

    As long as *stack* is itself spent on something that holds, what it was made of counts there, and is not free: then
    it is freed when that ends. In the table 1 stands for free, 2 for what waits like that.

    Args:
        stack: What has ended: a stack, or an unpacking.
        parts: The parts of that unpacking; one that is spent counts as the unpacking being spent.
    """
    return [Write(_END, [(stack.bytes,)]), *free(stack, parts)]


def free(stack: UUID, parts: Sequence[UUID] = ()) -> list[Write]:
    """Free what was spent on *stack* if that has ended and waits no longer, and so on down; see :func:`release`."""
    identity = stack.bytes
    held = [part.bytes for part in parts]
    return [
        Write(_FREE % (",?" * len(held)), [(identity, identity, *held)]),
        Write(_FREE_BELOW, [(identity,)] * LEVELS),
    ]


def carry_over(award: UUID, successor: UUID) -> Write:
    """Has *successor*, which takes the place of *award*, be spent as far as that is: one achievement counts once."""
    return Write(_CARRY_OVER, [(successor.bytes, award.bytes)])
