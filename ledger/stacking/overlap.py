"""Credits that another stack used already: once, or again up to a cap."""

from __future__ import annotations

from ledger.stacking.quantity import Rounding
from ledger.stacking.rule import Rule
from ledger.stacking.text_form import Text


class OverlapCap(Text, frozen=True, kw_only=True):
    """How much that was used for such targets before may be used again here.

    Args:
        targets: Achievement types of what it was used for; all, if empty.
        credits: At most so many credits, in the pathway's smallest unit.
        share: At most this share of ``size``.
        size: Of what the share is taken.
        rounding: Of the share.
        awards: At most so many awards.
    """

    targets: tuple[str, ...] = ()
    credits: int | None = None
    share: str | None = None
    size: int | None = None
    rounding: Rounding | None = None
    awards: int | None = None


class Overlap(Rule, frozen=True, kw_only=True, tag="overlap"):
    """Credits are used once; what a cap speaks of may be used again, as far as every cap that speaks of it goes.

    Where no cap allows it, an award counts with what no other stack has used of it.
    """

    caps: tuple[OverlapCap, ...] = ()
