"""The tree of rules over the awards that a stack uses.

Groups (``required``, ``choose``, ``capstone``) take awards: each that is used is in one group, or in none and then
counts for totals and shares alone. ``all_of``, ``any_of``, ``at_least`` and ``credits_from`` combine rules. The others
look at all the awards that are used, wherever in the tree they stand.

Amounts (``credits``, ``size``) are integers of the pathway's smallest unit: hundredths of a credit, or minutes.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from ledger.stacking.component import AchievementRef
from ledger.stacking.quantity import Rounding
from ledger.stacking.selector import Selector
from ledger.stacking.text_form import Text

Base = Literal["counted", "required"]


class Rule(Text, frozen=True, kw_only=True, tag_field="rule"):
    """Base of all rules. ``id`` is unique in the pathway; an officer may waive the rule only if it is ``waivable``."""

    id: str
    waivable: bool = False


class Required(Rule, frozen=True, kw_only=True, tag="required"):
    """Each of these achievements, by an award of it or one that stands for it (which may stand for several)."""

    achievements: tuple[AchievementRef, ...]


class Choose(Rule, frozen=True, kw_only=True, tag="choose"):
    """At least ``count`` awards and at least ``credits`` from those that the selector means."""

    of: Selector
    count: int = 0
    credits: int = 0


class Capstone(Rule, frozen=True, kw_only=True, tag="capstone"):
    """One of these achievements; with ``last``, awarded on or after the day of every other award that is used."""

    achievements: tuple[AchievementRef, ...]
    last: bool = False


class AllOf(Rule, frozen=True, kw_only=True, tag="all_of"):
    """Every one of the rules."""

    rules: tuple[AnyRule, ...]


class AnyOf(Rule, frozen=True, kw_only=True, tag="any_of"):
    """One of the rules, or more."""

    rules: tuple[AnyRule, ...]


class AtLeast(Rule, frozen=True, kw_only=True, tag="at_least"):
    """At least ``count`` of the rules."""

    count: int
    rules: tuple[AnyRule, ...]


class CreditsFrom(Rule, frozen=True, kw_only=True, tag="credits_from"):
    """At least ``credits`` in the groups of those of the rules that are met."""

    credits: int
    rules: tuple[AnyRule, ...]


class Minimum(Rule, frozen=True, kw_only=True, tag="minimum"):
    """At least ``credits`` among the awards that are used and that the selector means (all, if there is none)."""

    credits: int
    of: Selector = Selector()


class Maximum(Rule, frozen=True, kw_only=True, tag="maximum"):
    """At most ``credits``, and at most ``count`` awards, among those that are used and that the selector means."""

    of: Selector
    credits: int | None = None
    count: int | None = None


class Share(Rule, frozen=True, kw_only=True, tag="share"):
    """At least this share of the credits comes from awards that the selector means.

    Args:
        of: Which awards.
        share: Such as ``75%`` or ``2/3``.
        base: Of what: ``counted``, all credits that are used (compared exactly, nothing is rounded); ``required``, the
            fixed ``size`` (rounded by ``rounding`` to a multiple of ``step``).
        size: With ``required``: the size of which the share is taken.
        rounding: With ``required``.
        step: With ``required``: in the smallest unit, so that 100 means whole credits.
    """

    of: Selector
    share: str
    base: Base
    size: int | None = None
    rounding: Rounding | None = None
    step: int = 1


class Residency(Rule, frozen=True, kw_only=True, tag="residency"):
    """At least this share of the credits was awarded by these institutions themselves, and not by recognition.

    The arguments are those of :class:`Share`, with ``institutions`` in place of the selector.
    """

    institutions: tuple[str, ...]
    share: str
    base: Base
    size: int | None = None
    rounding: Rounding | None = None
    step: int = 1


class Prerequisite(Rule, frozen=True, kw_only=True, tag="prerequisite"):
    """An award of ``achievement`` counts only with an award of each of ``requires`` that may count too.

    The prerequisite need not be used itself: its credits may be left for another stack. With ``order`` it was awarded
    ``before`` the day of the other, or ``not_after`` it; ``any`` looks at no dates. What stands for the achievement by
    recognition needs no prerequisite.
    """

    achievement: AchievementRef
    requires: tuple[AchievementRef, ...]
    order: Literal["before", "not_after", "any"] = "not_after"


class Order(Rule, frozen=True, kw_only=True, tag="order"):
    """Of the awards that are used, each of ``first`` was awarded before the day of each of ``then``, or on it."""

    first: Selector
    then: Selector
    same_day: bool = True


AnyRule: TypeAlias = (
    Required
    | Choose
    | Capstone
    | AllOf
    | AnyOf
    | AtLeast
    | CreditsFrom
    | Minimum
    | Maximum
    | Share
    | Residency
    | Prerequisite
    | Order
)
