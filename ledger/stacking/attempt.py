"""The best attempt at a stack that there is none of, and what it lacks.

An attempt takes one way through the rules and uses awards greedily: never against a row that sets a limit (a maximum, a
share of what is counted, a cap, awards that do not go together), and as long as an award brings something that is
lacking. Of the attempts over the first ways, the best one has the fewest rules unmet; among these, the least sum of
missing parts (of each unmet rule the part of its need that is not there); among these, the way comes first in the rule
text. It is the best of the attempts made, and no proof that nothing comes nearer.
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
from ledger.stacking.judging import Judge, fraction_missing

MAX_ATTEMPTS: Final = 6
_SCALE: Final = 1 << 24


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
    attempts = [attempt(candidates, way, waived, day) for way in islice(ways, MAX_ATTEMPTS)]
    attempts.sort(key=lambda one: one.lack)
    outcomes = tuple(
        _told(with_excluded(outcome, candidates.excluded), decided=decided) for outcome in attempts[0].outcomes
    )
    return Evaluation(
        state="unmet" if decided else "undecided",
        outcomes=outcomes,
        nearest=completions(candidates, attempts, waived, day),
        steps=steps,
    )


def attempt(candidates: Candidates, way: Way, waived: frozenset[str], day: date) -> Attempt:
    """Take one way as far as it goes."""
    encoding = Encoding(candidates, way, waived)
    chosen = _greedy(encoding)
    used = zip(encoding.numbers, encoding.options, chosen, strict=True)
    taken = {number: options[option] for number, options, option in used if options[option].mode is not None}
    pinned, uses = pin(encoding, taken, candidates)
    return Attempt(way, pinned, uses, Judge(candidates.rules, pinned, uses, waived, day).outcomes())


def _greedy(encoding: Encoding) -> list[int]:
    slack = [-need for need in encoding.needs]
    limits = [need <= 0 for need in encoding.needs]
    most = [1] * len(slack)
    for vectors in encoding.vectors:
        for row, amount in {row: amount for vector in vectors for row, amount in vector}.items():
            most[row] += max(0, amount)
    chosen = [0] * len(encoding.vectors)
    order = sorted(range(len(chosen)), key=lambda place: (-_largest(encoding.vectors[place]), place))
    before = -1
    while before != sum(map(bool, chosen)):
        before = sum(map(bool, chosen))
        for place in order:
            if not chosen[place]:
                chosen[place] = _best(encoding.vectors[place], slack, limits, most)
                for row, amount in encoding.vectors[place][chosen[place]]:
                    slack[row] += amount
    return chosen


def _best(vectors: list[tuple[tuple[int, int], ...]], slack: list[int], limits: list[bool], most: list[int]) -> int:
    """The option that brings most of what is lacking, and breaks no limit; 0, not to be used, if none brings any."""
    best, worth = 0, 0
    for option, vector in enumerate(vectors):
        if any(limits[row] and slack[row] + amount < 0 for row, amount in vector if amount < 0):
            continue
        value = sum(min(amount, -slack[row]) * _SCALE // most[row] for row, amount in vector if slack[row] < 0)
        if value > worth:
            best, worth = option, value
    return best


def _largest(vectors: list[tuple[tuple[int, int], ...]]) -> int:
    return max((amount for vector in vectors for _, amount in vector), default=0)


def with_excluded(outcome: RuleOutcome, excluded: Mapping[str, list[str]]) -> RuleOutcome:
    """The outcome with the awards that its rule keeps from counting."""
    if outcome.rule not in excluded:
        return outcome
    return msgspec.structs.replace(outcome, excluded=tuple(sorted(excluded[outcome.rule])))


def _told(outcome: RuleOutcome, *, decided: bool) -> RuleOutcome:
    """As it is said where there is no stack: what the best attempt does not meet is undecided if the search was."""
    state = outcome.state
    if state == "met" and outcome.excluded:
        # It holds for what is used, because it keeps something from being used.
        state = "unmet"
    if state == "unmet" and not decided:
        state = "undecided"
    return outcome if state == outcome.state else msgspec.structs.replace(outcome, state=state)
