"""The facts of one award, as far as the rules of a pathway look at them.

They are gathered at the edge (from the ledger, the vault and recognitions) and handed in; nothing here looks anything
up. Personal, all of it: a component stands in a derivation, never in an event.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec

from ledger.error import InvalidInputError
from ledger.stacking.text_form import Text

Standing = Literal["valid", "suspended", "revoked", "replaced", "expired"]


class AchievementRef(Text, frozen=True, kw_only=True, order=True):
    """A micro-credential by its institution's slug and its code; every edition of it."""

    institution: str
    code: str


class Spent(Text, frozen=True, kw_only=True):
    """Credits of an award that another stack used already.

    Args:
        target: Achievement type of what it was used for, such as ``Certificate`` or ``MasterDegree``.
        amount: In the award's own measure (see :class:`Component`).
    """

    target: str
    amount: int


class Component(Text, frozen=True, kw_only=True):
    """One award that may count.

    Args:
        award: Public id of the award, or ``recognition:`` and 32 hex digits.
        institution: Slug of who awarded it; for a recognition, of who recognised it or of the source.
        achievement: Its code, or None for what is no template of this ledger.
        edition: Edition of the template.
        credits_centi: Size in hundredths of an ECTS credit; of a recognition, as far as the decision goes.
        workload_minutes: Size in minutes of workload.
        eqf_level: 1 to 8.
        fields: ISCED-F codes and tags.
        awarded_on: Day of the award (UTC).
        valid_until: Last day on which it is valid, or None.
        standing: On the day of stacking.
        grade: As awarded.
        results: Further results: code of the result description and value.
        accredited: Whether the issuer was accredited for it on the award's day; None where nobody knows.
        supervised: Whether its assessment was supervised; None where nobody knows.
        revalidated_on: Day on which it was last validated anew.
        recognised_by: Slug of the institution by whose recognition it counts; never resident then.
        stands_for: What it counts as by recognition (exemption).
        source: Key of the award or outside document that a recognition is about; an award of this ledger by its id.
        origin: Key of the unpacked whole of which it is a part.
        unpacked: Key under which it was itself unpacked.
        spent: What other stacks used of it, in its own measure: hundredths of an ECTS credit if it states credits,
            else minutes.
    """

    award: str
    institution: str
    awarded_on: date
    standing: Standing
    achievement: str | None = None
    edition: int | None = None
    credits_centi: int | None = None
    workload_minutes: int | None = None
    eqf_level: int | None = None
    fields: tuple[str, ...] = ()
    valid_until: date | None = None
    grade: str | None = None
    results: dict[str, str] = msgspec.field(default_factory=dict)
    accredited: bool | None = None
    supervised: bool | None = None
    revalidated_on: date | None = None
    recognised_by: str | None = None
    stands_for: tuple[AchievementRef, ...] = ()
    source: str | None = None
    origin: str | None = None
    unpacked: str | None = None
    spent: tuple[Spent, ...] = ()

    @property
    def size(self) -> int:
        """Its size in its own measure: hundredths of an ECTS credit if it states credits, else minutes, else 0."""
        return self.credits_centi if self.credits_centi is not None else (self.workload_minutes or 0)

    @property
    def unspent(self) -> int:
        """What no other stack has used of it, in its own measure."""
        return max(0, self.size - sum(spent.amount for spent in self.spent))

    @property
    def own(self) -> AchievementRef | None:
        """The achievement that it is an award of."""
        return None if self.achievement is None else AchievementRef(institution=self.institution, code=self.achievement)

    @property
    def counts_as(self) -> frozenset[AchievementRef]:
        """Every achievement that it counts as: its own, and what it stands for by recognition."""
        own = self.own
        return frozenset(self.stands_for) if own is None else frozenset((own, *self.stands_for))

    def check(self, pointer: str = "") -> None:
        """Refuse facts that cannot be.

        Raises:
            InvalidInputError: The message and pointer name the fact.
        """
        for name in ("credits_centi", "workload_minutes"):
            amount = getattr(self, name)
            if amount is not None and amount < 0:
                message = f"{name} is not negative"
                raise InvalidInputError(message, f"{pointer}/{name}")
        for number, spent in enumerate(self.spent):
            if spent.amount < 0:
                message = "what was used of an award is not negative"
                raise InvalidInputError(message, f"{pointer}/spent/{number}/amount")
