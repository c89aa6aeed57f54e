"""The best attempt at a stack that there is none of, and what it lacks.

An attempt takes one way through the rules and uses awards greedily: never against a limit (a maximum, a cap, awards
that do not go together), and as long as an award brings something that is lacking. One attempt at each way keeps to the
shares of what is counted, another lets them be. Of the attempts over the first ways, the best one has the fewest rules
unmet; among these, the least sum of missing parts (of each unmet rule the part of its need that is not there); among
these, its way comes first in the rule text. It is the best of the attempts made: no proof that nothing comes nearer.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from itertools import islice
from typing import Final

import msgspec

from ledger.stacking.alternative import Alternatives, Way
from ledger.stacking.candidate import Candidates
from ledger.stacking.completion import completions
from ledger.stacking.component import Component
from ledger.stacking.derivation import Use
from ledger.stacking.encoding import Encoding
from ledger.stacking.evaluation import Evaluation, RuleOutcome
from ledger.stacking.finding import pin
from ledger.stacking.greedy import greedy
from ledger.stacking.judging import Judge, fraction_missing, share_selector
from ledger.stacking.rule import Capstone, Choose, Minimum, Required, Residency, Rule, Share
from ledger.stacking.selector import Selector

MAX_ATTEMPTS: Final = 6
MAX_OPTIONS: Final = 2_500
"""No further attempt is made once the ones before had so many options together: an answer is wanted soon."""


class Attempt(msgspec.Struct, frozen=True):
    """A stack that lacks something."""

    way: Way
    pinned: dict[str, Component]
    uses: tuple[Use, ...]
    outcomes: tuple[RuleOutcome, ...]

    @property
    def lack(self) -> tuple[int, Fraction]:
        """How many rules are unmet, and the sum of what they miss: the less, the better."""
        unmet = [outcome for outcome in self.outcomes if outcome.state == "unmet"]
        return len(unmet), sum(map(fraction_missing, unmet), Fraction(0))


def explain(candidates: Candidates, waived: frozenset[str], day: date, *, decided: bool, steps: int) -> Evaluation:
    """What is said of a stack that was not found: the best attempt and the nearest ways to complete it."""
    ways = Alternatives(waived, lambda _: True).ways(candidates.rules.rule)
    attempts, options = [], 0
    for way in islice(ways, MAX_ATTEMPTS):
        encoding = Encoding(candidates, way, waived)
        attempts.append(attempt(candidates, encoding, waived, day))
        if encoding.share_rows:
            attempts.append(attempt(candidates, encoding, waived, day, free=encoding.share_rows))
        options += sum(map(len, encoding.options))
        if options > MAX_OPTIONS:
            break
    attempts.sort(key=lambda one: one.lack)
    best = attempts[0].outcomes
    wanted = _wanted(candidates, {outcome.rule for outcome in best if outcome.state == "unmet"})
    outcomes = tuple(_told(with_excluded(one, candidates.excluded), wanted, decided=decided) for one in best)
    return Evaluation(
        state="unmet" if decided else "undecided",
        outcomes=outcomes,
        nearest=completions(candidates, attempts, waived, day),
        steps=steps,
    )


def attempt(
    candidates: Candidates,
    encoding: Encoding,
    waived: frozenset[str],
    day: date,
    free: frozenset[int] = frozenset(),
) -> Attempt:
    """Take one way as far as it goes; rows that are *free* may be left lacking."""
    chosen = greedy(encoding.vectors, encoding.needs, free)
    used = zip(encoding.numbers, encoding.options, chosen, strict=True)
    taken = {number: options[option] for number, options, option in used if options[option].mode is not None}
    pinned, uses = pin(encoding, taken, candidates)
    return Attempt(encoding.way, pinned, uses, Judge(candidates.rules, pinned, uses, waived, day).outcomes())


def with_excluded(outcome: RuleOutcome, excluded: Mapping[str, list[str]]) -> RuleOutcome:
    """The outcome with the awards that its rule keeps from counting."""
    if outcome.rule not in excluded:
        return outcome
    return msgspec.structs.replace(outcome, excluded=tuple(sorted(excluded[outcome.rule])))


def _wanted(candidates: Candidates, unmet: set[str]) -> set[str]:
    """The awards among those that were offered which one of the *unmet* rules could use."""
    rules = candidates.rules
    lacking = [rule for rule in rules.every_rule() if rule.id in unmet]
    return {one.award for one in candidates.offered if any(_could_use(rule, one, rules.categories) for rule in lacking)}


def _could_use(rule: Rule, component: Component, categories: Mapping[str, Selector]) -> bool:
    match rule:
        case Required() | Capstone():
            return not component.counts_as.isdisjoint(rule.achievements)
        case Choose() | Minimum():
            return rule.of.fits(component, categories)
        case Share() | Residency():
            return share_selector(rule).fits(component, categories)
        case _:
            return False


def _told(outcome: RuleOutcome, wanted: set[str], *, decided: bool) -> RuleOutcome:
    """As it is said where there is no stack.

    A rule on what may count holds for what is used because it keeps the rest from being used: it is told as unmet if
    what it keeps out is wanted by a rule that is unmet. What the best attempt does not meet is undecided if the search
    was.
    """
    state = outcome.state
    if state == "met" and not wanted.isdisjoint(outcome.excluded):
        state = "unmet"
    if state == "unmet" and not decided:
        state = "undecided"
    return outcome if state == outcome.state else msgspec.structs.replace(outcome, state=state)
