"""What an evaluation answers: the outcome of every rule, and the nearest ways to complete a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from ledger.stacking.component import AchievementRef
from ledger.stacking.selector import Selector
from ledger.stacking.text_form import Text

if TYPE_CHECKING:
    from ledger.stacking.derivation import Derivation

Counted = Literal["credits", "awards", "achievements", "rules"]
OutcomeState = Literal["met", "unmet", "waived", "undecided", "not_needed"]
State = Literal["met", "unmet", "undecided"]


class RuleOutcome(Text, frozen=True, kw_only=True):
    """How one rule stands.

    Args:
        rule: Its id.
        kind: Its kind, such as ``share``.
        state: ``not_needed`` is an alternative that another one made needless.
        awards: Public ids of the awards that it looks at, sorted: those in the group, or those that count for it.
        have: What there is, in *unit*.
        need: What there has to be (of a maximum: what there may be).
        unit: What *have* and *need* count; credits are in the pathway's smallest unit.
        missing: Achievements that are asked for and not there.
        excluded: Awards that this rule keeps from counting, sorted.
    """

    rule: str
    kind: str
    state: OutcomeState
    awards: tuple[str, ...] = ()
    have: int = 0
    need: int = 0
    unit: Counted = "rules"
    missing: tuple[AchievementRef, ...] = ()
    excluded: tuple[str, ...] = ()


class Step(Text, frozen=True, kw_only=True):
    """One thing to do towards a stack.

    Args:
        kind: ``earn`` an achievement or credits, have an award re-validated (``revalidate``), or ask for a ``waiver``.
        achievement: What to earn, if the pathway names it.
        count: How many awards.
        credits: At least so many credits altogether, in the pathway's smallest unit.
        of: Which awards will do.
        award: What to have re-validated.
        rules: Ids of the rules that it serves.
    """

    kind: Literal["earn", "revalidate", "waiver"]
    rules: tuple[str, ...]
    achievement: AchievementRef | None = None
    count: int = 1
    credits: int = 0
    of: Selector | None = None
    award: str | None = None


class Completion(Text, frozen=True, kw_only=True):
    """Steps that together complete the stack."""

    steps: tuple[Step, ...]


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """The answer.

    Args:
        state: ``undecided`` if the budget ran out before a way was found or shown not to exist.
        outcomes: Of every rule; if not met, those of the best attempt.
        derivation: If met.
        nearest: If not met: the nearest ways to complete it, nearest first.
        steps: How much of the budget was used.
    """

    state: State
    outcomes: tuple[RuleOutcome, ...]
    derivation: Derivation | None = None
    nearest: tuple[Completion, ...] = ()
    steps: int = 0
