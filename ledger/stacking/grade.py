"""Scales that a pathway declares, and floors on them. Values are compared exactly."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Literal

from ledger.error import InvalidInputError
from ledger.stacking.component import Component
from ledger.stacking.quantity import parse_decimal
from ledger.stacking.text_form import Text

GRADE = "grade"
MAX_GRADES = 200


class Scale(Text, frozen=True, kw_only=True):
    """A scale of grades: an ordered list, or a range of numbers with a direction.

    Args:
        reads: ``grade``, or the code of the result whose value is on this scale.
        order: Grades from the lowest to the highest; as they are written, case and all.
        lowest: Smallest number of the range, as a decimal.
        highest: Largest number of the range, as a decimal.
        better: Whether the higher or the lower number is the better one.
    """

    reads: str = GRADE
    order: tuple[str, ...] = ()
    lowest: str | None = None
    highest: str | None = None
    better: Literal["higher", "lower"] | None = None

    def check(self, pointer: str) -> None:
        """Refuse a scale that is not well formed.

        Raises:
            InvalidInputError: The message and pointer name the member.
        """
        numbers = (self.lowest, self.highest, self.better)
        if bool(self.order) == any(member is not None for member in numbers) or (not self.order and None in numbers):
            message = "a scale is either an ordered list of grades (order) or has lowest, highest and better"
            raise InvalidInputError(message, pointer)
        if len(set(self.order)) != len(self.order) or len(self.order) > MAX_GRADES:
            message = f"the grades of a scale are different from each other, {MAX_GRADES} at most"
            raise InvalidInputError(message, f"{pointer}/order")
        if self.lowest is None or self.highest is None:
            return
        lowest = parse_decimal(self.lowest, f"{pointer}/lowest")
        if lowest >= parse_decimal(self.highest, f"{pointer}/highest"):
            message = "the smallest number of a scale lies below its largest"
            raise InvalidInputError(message, f"{pointer}/lowest")

    def rank(self, grade: str) -> Fraction | None:
        """Where *grade* stands: the more, the better; None if it is not on this scale."""
        return _rank(self, grade)

    def rank_of(self, component: Component) -> Fraction | None:
        """Where the award stands on this scale; None if it states nothing that is on it."""
        stated = component.grade if self.reads == GRADE else component.results.get(self.reads)
        return None if stated is None else self.rank(stated)


@lru_cache(maxsize=4_096)
def _rank(scale: Scale, grade: str) -> Fraction | None:
    if scale.order:
        return Fraction(scale.order.index(grade)) if grade in scale.order else None
    if scale.lowest is None or scale.highest is None:
        return None
    try:
        value = parse_decimal(grade)
    except InvalidInputError:
        return None
    if not parse_decimal(scale.lowest) <= value <= parse_decimal(scale.highest):
        return None
    return -value if scale.better == "lower" else value


class Floor(Text, frozen=True, kw_only=True):
    """The lowest grade that will do on the declared scale called *scale*."""

    scale: str
    grade: str
