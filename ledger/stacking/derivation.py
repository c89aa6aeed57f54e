"""The pinned result of a stack: which award satisfied which rule, and every fact that the rules look at.

The event of a stack holds a salted commitment to these bytes and names no component; whoever holds the derivation can
run every rule again without any search.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final, Literal

from ledger.error import InvalidInputError
from ledger.stacking.component import Component
from ledger.stacking.evaluation import RuleOutcome
from ledger.stacking.text_form import Text, canonical, parse_canonical

FORMAT: Final = "cairn/derivation/v1"
_HEX: Final = re.compile(r"[0-9a-f]{32}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class Use(Text, frozen=True, kw_only=True):
    """How one award counts.

    Args:
        award: Public id.
        credits: In the pathway's smallest unit.
        spent: What this stack uses of it that no other stack used before, in the award's own measure.
        reused: What this stack uses of it that others used before, in the award's own measure.
        group: Id of the group that it is in; ``""`` if it counts for totals and shares alone; of a rule on
            prerequisites if it is a prerequisite alone, with no credits.
    """

    award: str
    credits: int
    spent: int
    group: str = ""
    reused: int = 0


class Waiver(Text, frozen=True, kw_only=True):
    """A rule that an officer waived. The code is public; officer and reason are in the vault."""

    rule: str
    code: str


class Derivation(Text, frozen=True, kw_only=True):
    """The pinned result.

    Args:
        pathway: Id of the pathway: 32 hex digits.
        version: Of the pathway.
        rules: SHA-256 of the rule text's canonical bytes, in hexadecimal.
        day: Of stacking, UTC.
        components: The awards that are used, sorted by id.
        uses: How each counts, in the same order.
        waivers: Sorted by rule.
        outcomes: Of every rule, in the order of the rule text.
    """

    format: Literal["cairn/derivation/v1"]
    pathway: str
    version: int
    rules: str
    day: date
    components: tuple[Component, ...]
    uses: tuple[Use, ...]
    outcomes: tuple[RuleOutcome, ...]
    waivers: tuple[Waiver, ...] = ()

    def canonical(self) -> bytes:
        """The bytes that are committed to."""
        return canonical(self)


def parse_derivation(data: bytes) -> Derivation:
    """Read the canonical bytes of a derivation; any other spelling is refused.

    Whether its rules are met is not looked at: see :func:`ledger.stacking.evaluate.check_derivation`.

    Raises:
        InvalidInputError: The message and pointer say what is wrong.
    """
    derivation = parse_canonical(data, Derivation)
    for name, form in (("pathway", _HEX), ("rules", _DIGEST)):
        if not form.fullmatch(getattr(derivation, name)):
            message = f"{name} is lower-case hexadecimal of fixed length"
            raise InvalidInputError(message, f"/{name}")
    if derivation.version < 1:
        message = "versions are counted from 1"
        raise InvalidInputError(message, "/version")
    return derivation
