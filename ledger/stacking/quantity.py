"""Units, shares and rounding: integers of the smallest unit, and exact fractions between.

Credits are hundredths of a credit, hours are minutes. A size is converted once for each award and rounded to the
smallest unit as the unit says; a share is computed of an exact size and rounded as its rule says. Nothing is a float.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final, Literal

from ledger.error import InvalidInputError
from ledger.stacking.text_form import Text

Rounding = Literal["down", "up", "half_up", "half_even"]
Kind = Literal["ects", "hours", "national"]

CENTI: Final = 100
"""Hundredths in a credit."""
MINUTES: Final = 60
"""Minutes in an hour."""
MAX_RATIO: Final = 1_000_000
"""Largest numerator or denominator of a conversion."""
MAX_AMOUNT: Final = 10_000_000
"""Largest amount in a rule, in the smallest unit: 100,000 credits or 166,666 hours."""
MAX_STEP: Final = 100_000
_DECIMAL: Final = re.compile(r"-?[0-9]{1,9}(?:\.[0-9]{1,6})?")
_PERCENT: Final = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)%")
_RATIO: Final = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")


def rounded(value: Fraction, rounding: Rounding, step: int = 1) -> int:
    """Round *value* to a multiple of *step*.

    Args:
        value: Exact, not negative.
        rounding: Towards zero, away from it, or to the nearest multiple with ties up or to the even multiple.
        step: In the unit of *value*, at least 1.
    """
    steps = value / step
    floor = steps.numerator // steps.denominator
    rest = steps - floor
    if rounding == "down" or not rest:
        return floor * step
    if rounding == "up":
        return (floor + 1) * step
    half = Fraction(1, 2)
    tie_up = rounding == "half_up" or floor % 2 == 1
    return (floor + (rest > half or (rest == half and tie_up))) * step


def parse_decimal(text: str, pointer: str = "") -> Fraction:
    """Read a decimal such as ``2.7`` exactly: up to nine digits and six decimals, no exponent.

    Raises:
        InvalidInputError: It is not one.
    """
    if not _DECIMAL.fullmatch(text):
        message = "a decimal is written like 2.7: up to nine digits, up to six decimals, no exponent"
        raise InvalidInputError(message, pointer)
    return Fraction(text)


def parse_share(text: str, pointer: str = "") -> Fraction:
    """Read a share such as ``75%`` or ``2/3``: above zero, at most the whole.

    Raises:
        InvalidInputError: It is not one.
    """
    share: Fraction | None = None
    if percent := _PERCENT.fullmatch(text):
        share = Fraction(percent[1]) / 100
    elif (ratio := _RATIO.fullmatch(text)) and int(ratio[2]):
        share = Fraction(int(ratio[1]), int(ratio[2]))
    if share is None or not 0 < share <= 1:
        message = "a share is written like 75% or 2/3, above zero and at most the whole"
        raise InvalidInputError(message, pointer)
    return share


class Unit(Text, frozen=True, kw_only=True):
    """What a pathway counts in.

    ``ects`` counts hundredths of an ECTS credit, ``hours`` minutes of workload, ``national`` hundredths of the credit
    called *name*, of which *numerator* / *denominator* make one ECTS credit or one hour (*per*).

    ``minutes_per_ects`` says what one ECTS credit stands for where an award states only the other quantity; without it
    such an award counts for no credits. ``rounding`` is applied once to each award's converted size.
    """

    kind: Kind
    name: str | None = None
    per: Literal["ects", "hour"] | None = None
    numerator: int = 1
    denominator: int = 1
    minutes_per_ects: int | None = None
    rounding: Rounding = "down"

    def check(self, pointer: str) -> None:
        """Refuse a unit that is not well formed.

        Raises:
            InvalidInputError: The message and pointer name the member.
        """
        national = self.kind == "national"
        if national != (self.name is not None) or national != (self.per is not None):
            message = "a national unit, and no other, has a name and says what it is converted from (per)"
            raise InvalidInputError(message, f"{pointer}/per")
        if self.name is not None and not 0 < len(self.name) <= CENTI:
            message = "a unit's name has 1 to 100 characters"
            raise InvalidInputError(message, f"{pointer}/name")
        for member in ("numerator", "denominator"):
            if not 1 <= getattr(self, member) <= MAX_RATIO or (not national and getattr(self, member) != 1):
                message = f"{member} lies between 1 and {MAX_RATIO} for a national unit, and is left out for another"
                raise InvalidInputError(message, f"{pointer}/{member}")
        if self.minutes_per_ects is not None and not 1 <= self.minutes_per_ects <= MAX_RATIO:
            message = f"minutes_per_ects lies between 1 and {MAX_RATIO}"
            raise InvalidInputError(message, f"{pointer}/minutes_per_ects")

    def amount(self, credits_centi: int | None, workload_minutes: int | None) -> int:
        """A size in the smallest unit of this pathway, rounded as the unit says; 0 where nothing says it.

        Args:
            credits_centi: Hundredths of an ECTS credit, or None.
            workload_minutes: Minutes of workload, or None.
        """
        if self.kind == "ects" and credits_centi is not None:
            return credits_centi
        if self.kind == "hours" and workload_minutes is not None:
            return workload_minutes
        return rounded(self.exact(credits_centi, workload_minutes), self.rounding)

    def exact(self, credits_centi: int | None, workload_minutes: int | None) -> Fraction:
        """A size in the smallest unit of this pathway, not rounded yet; 0 where nothing says it.

        Args:
            credits_centi: Hundredths of an ECTS credit, or None.
            workload_minutes: Minutes of workload, or None.
        """
        if self.kind == "hours":
            return self._minutes(credits_centi, workload_minutes)
        if self.per == "hour":
            scale = Fraction(CENTI * self.numerator, MINUTES * self.denominator)
            return self._minutes(credits_centi, workload_minutes) * scale
        if credits_centi is not None:
            return Fraction(credits_centi * self.numerator, self.denominator)
        if workload_minutes is None or self.minutes_per_ects is None:
            return Fraction(0)
        return Fraction(workload_minutes * CENTI * self.numerator, self.minutes_per_ects * self.denominator)

    def _minutes(self, credits_centi: int | None, workload_minutes: int | None) -> Fraction:
        if workload_minutes is not None:
            return Fraction(workload_minutes)
        if credits_centi is None or self.minutes_per_ects is None:
            return Fraction(0)
        return Fraction(credits_centi * self.minutes_per_ects, CENTI)
