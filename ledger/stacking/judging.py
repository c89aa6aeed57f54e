"""What each rule says of a stack that is pinned: which award is used, and in which group. No search.

This is the definition of the rules. The search has an encoding of its own, made to be quick; what it finds is judged
here before it is called met, and an auditor judges a derivation by this alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction

import msgspec

from ledger.stacking.admission import Admission
from ledger.stacking.component import AchievementRef, Component
from ledger.stacking.counting import admits, cap_limit, charge, is_charged, speaks_of
from ledger.stacking.derivation import Use
from ledger.stacking.evaluation import Counted, OutcomeState, RuleOutcome
from ledger.stacking.overlap import Overlap
from ledger.stacking.pathway_rules import Composite, PathwayRules
from ledger.stacking.quantity import parse_share, rounded
from ledger.stacking.rule import (
    AllOf,
    AnyOf,
    AnyRule,
    AtLeast,
    Capstone,
    Choose,
    CreditsFrom,
    Maximum,
    Minimum,
    Order,
    Prerequisite,
    Required,
    Residency,
    Rule,
    Share,
)
from ledger.stacking.selector import Selector

Group = Required | Choose | Capstone


class Finding(msgspec.Struct, frozen=True):
    """What there is and what there has to be; ``met`` without regard to waivers."""

    met: bool
    have: int
    need: int
    unit: Counted
    awards: tuple[str, ...] = ()
    missing: tuple[AchievementRef, ...] = ()


def share_selector(rule: Share | Residency) -> Selector:
    """The awards whose share *rule* is about."""
    return rule.of if isinstance(rule, Share) else Selector(institutions=rule.institutions)


def share_need(rule: Share | Residency, counted: int) -> int:
    """Credits that the share amounts to: of a size, rounded as it says; of what is counted, the least that will do."""
    share = parse_share(rule.share)
    if rule.base == "counted" or rule.size is None or rule.rounding is None:
        return rounded(share * counted, "up")
    return rounded(share * rule.size, rule.rounding, rule.step)


class Judge:
    """Judges one pinned stack.

    Args:
        rules: The rule text, checked.
        components: What is pinned, by award.
        uses: How each counts.
        waived: Ids of the rules that are waived.
        day: Of stacking.
        fits: Answers of selectors for awards, if another judge of the same awards is to know them too.
    """

    def __init__(
        self,
        rules: PathwayRules,
        components: Mapping[str, Component],
        uses: Sequence[Use],
        waived: frozenset[str],
        day: date,
        fits: dict[tuple[Selector, str], bool] | None = None,
    ) -> None:
        self._fits = {} if fits is None else fits
        prerequisites = {rule.id for rule in rules.every_rule() if isinstance(rule, Prerequisite)}
        self._rules, self._components, self._waived, self._day = rules, components, waived, day
        self._uses = [use for use in uses if use.group not in prerequisites]
        self._found: dict[str, Finding] = {}

    def outcomes(self) -> tuple[RuleOutcome, ...]:
        """The outcome of every rule, in the order of the rule text."""
        needless: set[str] = set()
        self._mark_needless(self._rules.rule, needless, needed=True)
        return tuple(self._outcome(rule, needless) for rule in self._rules.every_rule())

    def met(self) -> bool:
        """Tell whether the root of the tree, every rule on counting and the one on overlap are met or waived."""
        return all(map(self._holds, (self._rules.rule, *self._rules.admissions, self._rules.overlap)))

    def tree_met(self) -> bool:
        """Tell whether the root of the tree is met or waived."""
        return self._holds(self._rules.rule)

    def _holds(self, rule: Rule) -> bool:
        return rule.id in self._waived or self.finding(rule).met

    def _outcome(self, rule: Rule, needless: set[str]) -> RuleOutcome:
        found = self.finding(rule)
        state: OutcomeState = "met" if found.met else "not_needed" if rule.id in needless else "unmet"
        return RuleOutcome(
            rule=rule.id,
            kind=str(rule.__struct_config__.tag),
            state="waived" if rule.id in self._waived else state,
            awards=tuple(sorted(found.awards)),
            have=found.have,
            need=found.need,
            unit=found.unit,
            missing=found.missing,
        )

    def _mark_needless(self, rule: AnyRule, needless: set[str], *, needed: bool) -> None:
        """Put into *needless* what is not asked for: below an alternative, a waived rule, or one that is needless."""
        if not needed:
            needless.add(rule.id)
        if isinstance(rule, Composite):
            alternatives = not isinstance(rule, AllOf) and self.finding(rule).met
            for inner in rule.rules:
                spare = rule.id in self._waived or (alternatives and not self._holds(inner))
                self._mark_needless(inner, needless, needed=needed and not spare)

    def finding(self, rule: Rule) -> Finding:
        """What there is and what there has to be for *rule*."""
        if rule.id not in self._found:
            self._found[rule.id] = self._find(rule)
        return self._found[rule.id]

    def _find(self, rule: Rule) -> Finding:  # noqa: PLR0911  one answer for each kind of rule
        match rule:
            case AllOf() | AnyOf() | AtLeast():
                return self._combined(rule)
            case CreditsFrom():
                have = sum(map(self._credits_below, rule.rules))
                return Finding(have >= rule.credits, have, rule.credits, "credits")
            case Required() | Choose() | Capstone():
                return self._group(rule)
            case Minimum() | Maximum() | Share() | Residency():
                return self._amount(rule)
            case Prerequisite():
                return self._prerequisite(rule)
            case Order():
                return self._order(rule)
            case Admission():
                awards = [award for award, component in self._components.items() if self._admits(rule, component)]
                return Finding(len(awards) == len(self._components), len(awards), len(self._components), "awards")
            case Overlap():
                return self._overlap(rule)
            case _:
                raise AssertionError(rule)

    # ── combinations ──────────────────────────────────────────────────────────────────────────────────────

    def _combined(self, rule: AllOf | AnyOf | AtLeast) -> Finding:
        need = {AllOf: len(rule.rules), AnyOf: 1}.get(type(rule), getattr(rule, "count", 1))
        have = sum(map(self._holds, rule.rules))
        return Finding(have >= need, have, need, "rules")

    def _credits_below(self, rule: AnyRule) -> int:
        if not self._holds(rule):
            return 0
        if isinstance(rule, Composite):
            return sum(map(self._credits_below, rule.rules))
        return sum(use.credits for use in self._in(rule))

    # ── groups ────────────────────────────────────────────────────────────────────────────────────────────

    def _in(self, rule: Rule) -> list[Use]:
        return [use for use in self._uses if use.group == rule.id]

    def _group(self, rule: Group) -> Finding:
        uses = self._in(rule)
        awards = tuple(use.award for use in uses)
        if isinstance(rule, Choose):
            total, count = sum(use.credits for use in uses), len(uses)
            if rule.credits and (total < rule.credits or count >= rule.count):
                met = total >= rule.credits and count >= rule.count
                return Finding(met, total, rule.credits, "credits", awards)
            return Finding(count >= rule.count, count, rule.count, "awards", awards)
        there = [ref for ref in rule.achievements if any(ref in self._components[award].counts_as for award in awards)]
        if isinstance(rule, Required):
            missing = tuple(ref for ref in rule.achievements if ref not in there)
            return Finding(not missing, len(there), len(rule.achievements), "achievements", awards, missing)
        good = [award for award in awards if not rule.last or self._is_last(award)]
        return Finding(bool(good), len(good[:1]), 1, "awards", awards, () if good else rule.achievements)

    def _is_last(self, award: str) -> bool:
        on = self._components[award].awarded_on
        return all(self._components[use.award].awarded_on <= on for use in self._uses)

    # ── all that is used ──────────────────────────────────────────────────────────────────────────────────

    def _that_fit(self, selector: Selector) -> list[Use]:
        return [use for use in self._uses if self._does_fit(selector, use.award)]

    def _does_fit(self, selector: Selector, award: str) -> bool:
        known = self._fits.get((selector, award))
        if known is None:
            known = selector.fits(self._components[award], self._rules.categories)
            self._fits[selector, award] = known
        return known

    def _amount(self, rule: Minimum | Maximum | Share | Residency) -> Finding:
        selector = rule.of if isinstance(rule, Minimum | Maximum) else share_selector(rule)
        uses = self._that_fit(selector)
        awards, total = tuple(use.award for use in uses), sum(use.credits for use in uses)
        if isinstance(rule, Maximum):
            if rule.count is not None and (rule.credits is None or len(uses) > rule.count):
                return Finding(len(uses) <= rule.count, len(uses), rule.count, "awards", awards)
            need = rule.credits or 0
            return Finding(total <= need, total, need, "credits", awards)
        if isinstance(rule, Minimum):
            return Finding(total >= rule.credits, total, rule.credits, "credits", awards)
        need = share_need(rule, sum(use.credits for use in self._uses))
        return Finding(total >= need, total, need, "credits", awards)

    def _prerequisite(self, rule: Prerequisite) -> Finding:
        missing: set[AchievementRef] = set()
        witnesses: set[str] = set()
        concerned, have, need = [], 0, 0
        for award, component in self._components.items():
            if component.own != rule.achievement:
                continue
            concerned.append(award)
            for ref in rule.requires:
                need += 1
                found = sorted(w for w, other in self._components.items() if _serves(rule, ref, other, component))
                have += bool(found)
                witnesses.update(found[:1])
                missing.update(() if found else (ref,))
        awards = tuple({*concerned, *witnesses})
        return Finding(not missing, have, need, "achievements", awards, tuple(sorted(missing)))

    def _order(self, rule: Order) -> Finding:
        first, then = self._that_fit(rule.first), self._that_fit(rule.then)
        days = {use.award: self._components[use.award].awarded_on for use in (*first, *then)}
        good = [
            late.award
            for late in then
            if all(
                early.award == late.award or in_order(days[early.award], days[late.award], same_day=rule.same_day)
                for early in first
            )
        ]
        return Finding(len(good) == len(then), len(good), len(then), "awards", tuple(use.award for use in then))

    # ── what may count ────────────────────────────────────────────────────────────────────────────────────

    def _admits(self, rule: Admission, component: Component) -> bool:
        return admits(rule, component, self._rules, self._day)

    def _overlap(self, rule: Overlap) -> Finding:
        again = [use for use in self._uses if use.reused]
        awards = tuple(use.award for use in again)
        pinned = [self._components[award] for award in awards]
        allowed = all(any(speaks_of(cap, s.target) for cap in rule.caps) for c in pinned for s in c.spent)
        worst = Finding(allowed, 0, 0, "credits", awards)
        for cap in rule.caps:
            limit, charged = cap_limit(cap), [c for c in pinned if is_charged(c, cap)]
            have = sum(charge(c, cap, self._rules) for c in charged)
            if limit is not None and (have > limit or worst.met):
                worst = Finding(allowed and have <= limit and worst.met, have, limit, "credits", awards)
            if cap.awards is not None and len(charged) > cap.awards:
                worst = Finding(False, len(charged), cap.awards, "awards", awards)
        return worst


def _serves(rule: Prerequisite, ref: AchievementRef, other: Component, component: Component) -> bool:
    if other.award == component.award or ref not in other.counts_as:
        return False
    return prerequisite_in_order(rule, other, component)


def prerequisite_in_order(rule: Prerequisite, earlier: Component, later: Component) -> bool:
    """Tell whether the prerequisite was awarded in time."""
    return rule.order == "any" or in_order(earlier.awarded_on, later.awarded_on, same_day=rule.order == "not_after")


def in_order(first: date, then: date, *, same_day: bool) -> bool:
    """Tell whether *first* lies before *then*, or on it if that will do."""
    return first <= then if same_day else first < then


def fraction_missing(outcome: RuleOutcome) -> Fraction:
    """Which part of what a rule needs is not there: 0 to 1; of a maximum, by how much it is passed."""
    return Fraction(abs(outcome.need - outcome.have), max(outcome.need, outcome.have, 1))
