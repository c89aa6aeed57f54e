"""Which awards may count at all: each is looked at by itself, on the day of stacking.

Whatever the rules say, these never count: an award made after the day, one that is revoked or was replaced.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from ledger.stacking.grade import Floor
from ledger.stacking.rule import Rule
from ledger.stacking.selector import Selector


class Admission(Rule, frozen=True, kw_only=True):
    """Base: looks at the awards that ``only`` means (all, if it is left out)."""

    only: Selector = Selector()


class Scope(Admission, frozen=True, kw_only=True, tag="scope"):
    """Only awards that the selector means count."""

    of: Selector


class Status(Admission, frozen=True, kw_only=True, tag="status"):
    """Awards in these standings count. Without any such rule, only ``valid`` ones do."""

    accept: tuple[Literal["valid", "suspended", "expired"], ...] = ("valid",)


class Recency(Admission, frozen=True, kw_only=True, tag="recency"):
    """Awards count to the same calendar day ``years`` later, counted from the day of re-validation if there is one.

    The last day for an award of 29 February is 28 February in a year without the 29th.
    """

    years: int


class GradeFloor(Admission, frozen=True, kw_only=True, tag="grade_floor"):
    """Awards count from a grade on.

    The first of ``floors`` on whose scale the award states something decides. ``ungraded`` says what becomes of an
    award that states nothing on any of them.
    """

    floors: tuple[Floor, ...]
    ungraded: Literal["refuse", "accept"] = "refuse"


class Quality(Admission, frozen=True, kw_only=True, tag="quality"):
    """Awards count whose issuer was accredited on the award's day, and whose assessment was supervised.

    What nobody knows counts as not so.
    """

    accredited: bool = False
    supervised: bool = False


AnyAdmission: TypeAlias = Scope | Status | Recency | GradeFloor | Quality
