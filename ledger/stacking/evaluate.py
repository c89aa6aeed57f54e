"""Evaluate a pathway's rules over awards.

Plan of an evaluation:

1. Each award is looked at by itself: what cannot count is put aside (:mod:`candidate`).
2. The tree of rules has one way through it or several (:mod:`alternative`). Each is made a program of options and rows
   (:mod:`encoding`), attempted quickly (:mod:`greedy`) and searched exactly (:mod:`search`): every way with a small
   part of the budget first, then those that are still open with what is left.
3. What is found is thinned out: an award that is not needed is given back, the newest first (:mod:`finding`).
4. The result is judged by the definition of the rules (:mod:`judging`), which the search does not use.
5. If there is none, the best attempt is explained (:mod:`attempt`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

import msgspec

from ledger.error import InvalidInputError
from ledger.stacking.attempt import explain, with_excluded
from ledger.stacking.candidate import Candidates
from ledger.stacking.check import check_derivation, waiver_problems
from ledger.stacking.component import Component
from ledger.stacking.derivation import Derivation, Waiver
from ledger.stacking.evaluation import Evaluation
from ledger.stacking.finding import Finder
from ledger.stacking.judging import Judge
from ledger.stacking.pathway_rules import PathwayRules
from ledger.stacking.search import Meter

MAX_COMPONENTS: Final = 500
"""Awards that are looked at together; the search goes one call deeper for each."""


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """How far a search may go, in steps and not in time, so that the answer is the same everywhere."""

    steps: int = 700


def evaluate(
    rules: PathwayRules,
    components: Sequence[Component],
    *,
    pathway: str,
    version: int,
    day: date,
    waivers: Sequence[Waiver] = (),
    budget: Budget | None = None,
) -> Evaluation:
    """Find out whether *components* stack, and how.

    Args:
        rules: The rule text, checked.
        components: What the learner holds, in any order, each award once.
        pathway: Its id, 32 hex digits.
        version: Of the pathway.
        day: Of stacking, UTC.
        waivers: Rules that an officer waived.
        budget: Of the search.

    Returns:
        The same answer for the same arguments, whatever their order.

    Raises:
        InvalidInputError: An award is there twice, there are more than ``MAX_COMPONENTS``, or a waiver is of a rule
            that may not be waived.
    """
    _check(components)
    waived = frozenset(waiver.rule for waiver in waivers)
    if problems := waiver_problems(rules, waivers):
        raise InvalidInputError(problems[0], "/waivers")
    candidates = Candidates(rules, components, waived, day)
    meter = Meter((budget or Budget()).steps)
    search = Finder(candidates, waived, meter)
    found = search.run()
    if found is None:
        return explain(candidates, waived, day, decided=search.decided, steps=meter.used)
    pinned, uses = found
    judge = Judge(rules, pinned, uses, waived, day)
    if not judge.met():  # pragma: no cover  the encoding contradicts the definition
        message = "the search found what the rules do not accept"
        raise AssertionError(message)
    outcomes = judge.outcomes()
    derivation = Derivation(
        format="cairn/derivation/v1",
        pathway=pathway,
        version=version,
        rules=rules.digest(),
        day=day,
        components=tuple(pinned.values()),
        uses=uses,
        outcomes=outcomes,
        waivers=tuple(sorted(waivers, key=lambda waiver: waiver.rule)),
    )
    told = tuple(with_excluded(outcome, candidates.excluded) for outcome in outcomes)
    return Evaluation(state="met", outcomes=told, derivation=derivation, steps=meter.used)


def _check(components: Sequence[Component]) -> None:
    if len(components) > MAX_COMPONENTS:
        message = f"at most {MAX_COMPONENTS} awards are looked at together; name those that are to count"
        raise InvalidInputError(message, "/components")
    seen = set()
    for number, component in enumerate(components):
        if component.award in seen:
            message = "an award is there twice; name it once"
            raise InvalidInputError(message, f"/components/{number}/award")
        seen.add(component.award)
        component.check(f"/components/{number}")


__all__ = ["Budget", "check_derivation", "evaluate"]
