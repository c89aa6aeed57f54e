"""The nearest ways to complete a stack.

A completion starts from an attempt and adds awards that nobody has earned yet, until the rules are met: what the
pathway names, or so many credits that fit so and so. It is judged before it is told. An award that the pathway names is
taken to have no credits, since the rule text does not say how many it has; so the credits that are asked for beside it
are the most that will be needed.

Told are, in this order: awards to have validated anew, if that is enough; what to earn, least credits first; waivers
that a rule allows and that would be enough.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING, Final

import msgspec

from ledger.stacking.admission import Recency
from ledger.stacking.candidate import Candidates
from ledger.stacking.component import AchievementRef
from ledger.stacking.derivation import Use
from ledger.stacking.evaluation import Completion, Step
from ledger.stacking.finding import Finder
from ledger.stacking.judging import Finding, Judge, share_selector
from ledger.stacking.narrowing import example, narrowed, sized
from ledger.stacking.pathway_rules import Composite
from ledger.stacking.quantity import parse_share, rounded
from ledger.stacking.rule import (
    AnyRule,
    Capstone,
    Choose,
    CreditsFrom,
    Minimum,
    Required,
    Residency,
    Share,
)
from ledger.stacking.search import Meter
from ledger.stacking.selector import Selector

if TYPE_CHECKING:
    from ledger.stacking.attempt import Attempt

MAX_COMPLETIONS: Final = 4
_MAX_EARNING: Final = 3
_MAX_STEPS: Final = 12
_REVALIDATION_STEPS: Final = 400


class Lack(msgspec.Struct, frozen=True):
    """What one rule lacks: awards and credits that fit a selector, in a group if it is one."""

    rule: str
    of: Selector
    group: str = ""
    count: int = 0
    credits: int = 0


def completions(
    candidates: Candidates, attempts: Sequence[Attempt], waived: frozenset[str], day: date
) -> tuple[Completion, ...]:
    """The nearest ways to complete a stack, nearest first.

    Args:
        candidates: The awards that may count.
        attempts: The best first.
        waived: Ids of the rules that are waived.
        day: Of stacking.
    """
    ways = list(dict.fromkeys(attempt.way for attempt in attempts))[:_MAX_EARNING]
    earning = [
        completion
        for way in ways
        if (completion := _least([one for one in attempts if one.way == way], candidates, waived, day)) is not None
    ]
    earning.sort(key=_size)
    every = [*_revalidation(candidates, waived, day), *earning, *_waivers(candidates, attempts[0], waived, day)]
    told: list[Completion] = []
    for completion in every:
        if completion not in told:
            told.append(completion)
    return tuple(told[:MAX_COMPLETIONS])


def _least(attempts: Sequence[Attempt], candidates: Candidates, waived: frozenset[str], day: date) -> Completion | None:
    """The completion of one of the *attempts* that takes least, or None if there is none."""
    found = [
        _Earning(candidates, attempt, waived, day, heeding=heeding).run()
        for attempt in attempts
        for heeding in (False, True)
    ]
    return min((one for one in found if one is not None), key=_size, default=None)


def _size(completion: Completion) -> tuple[int, int]:
    return sum(step.credits for step in completion.steps), sum(step.count for step in completion.steps)


class _Earning:
    """Completes one attempt by what is earned in addition.

    Args:
        heeding: Whether all that is earned is to serve the shares of what is counted too, met or not: a share that is
            met may not be so any more when other credits come in.
    """

    def __init__(
        self, candidates: Candidates, attempt: Attempt, waived: frozenset[str], day: date, *, heeding: bool
    ) -> None:
        self._rules, self._way, self._waived, self._day = candidates.rules, attempt.way, waived, day
        self._pinned, self._uses = dict(attempt.pinned), list(attempt.uses)
        self._heeded = [rule for rule in self._way if heeding and isinstance(rule, Share | Residency)]
        self._steps: list[Step] = []
        self._fits: dict[tuple[Selector, str], bool] = {}

    def run(self) -> Completion | None:
        for _ in range(_MAX_STEPS):
            judge = Judge(self._rules, self._pinned, self._uses, self._waived, self._day, self._fits)
            if judge.tree_met():
                return Completion(steps=tuple(self._steps)) if self._steps else None
            lacks = [lack for rule in self._way if rule.id not in self._waived for lack in self._lack(rule, judge)]
            if not lacks or not self._earn(lacks):
                return None
        return None

    def _lack(self, rule: AnyRule, judge: Judge) -> Iterator[Lack]:
        found = judge.finding(rule)
        if found.met:
            return
        match rule:
            case Required():
                yield from (Lack(rule.id, Selector(achievements=(ref,)), rule.id, 1) for ref in found.missing)
            case Capstone():
                yield Lack(rule.id, Selector(achievements=rule.achievements), rule.id, 1)
            case Choose():
                uses = [use for use in self._uses if use.group == rule.id]
                lacking = max(0, rule.credits - sum(use.credits for use in uses))
                yield Lack(rule.id, rule.of, rule.id, max(0, rule.count - len(uses)), lacking)
            case CreditsFrom():
                pools = [pool for pool in _pools(rule) if pool in self._way]
                yield from (Lack(rule.id, pool.of, pool.id, 0, found.need - found.have) for pool in pools[:1])
            case Minimum():
                yield Lack(rule.id, rule.of, credits=found.need - found.have)
            case Share() | Residency():
                yield from self._lacking_share(rule, found)
            case _:
                return

    def _lacking_share(self, rule: Share | Residency, found: Finding) -> Iterator[Lack]:
        if rule.base == "required":
            yield Lack(rule.id, share_selector(rule), credits=found.need - found.have)
            return
        share, total = parse_share(rule.share), sum(use.credits for use in self._uses)
        if share < 1:
            # x more of what is meant: m + x >= share * (t + x).
            more = rounded((share * total - found.have) / (1 - share), "up")
            yield Lack(rule.id, share_selector(rule), credits=more)

    def _earn(self, lacks: list[Lack]) -> bool:
        """Earn what serves the first of *lacks*, and as many of the others as one award can."""
        lead, served = lacks[0], [lacks[0]]
        of, named = lead.of, bool(lead.of.achievements) and not lead.credits
        shares = [Lack(rule.id, share_selector(rule)) for rule in self._heeded if rule.base == "counted"]
        for lack in [*lacks[1:], *shares] if not named else ():
            if any(lack.rule == other.rule for other in served):
                continue
            both = narrowed(of, lack.of, self._rules.categories) if not (lead.group and lack.group) else None
            if both is not None and example("", both, self._rules.categories, self._day, self._taken()) is not None:
                of, served = both, [*served, lack]
        amount = 0 if named else min((lack.credits for lack in served if lack.credits), default=0)
        return self._add(of, max(1, lead.count), amount, lead.group, tuple(lack.rule for lack in served))

    def _add(self, of: Selector, count: int, amount: int, group: str, serves: tuple[str, ...]) -> bool:
        refs: list[AchievementRef] = []
        for number in range(count):
            name = f"to earn {len(self._pinned)}"
            made = example(name, of, self._rules.categories, self._day, self._taken())
            if made is None:
                return False
            size = amount if number == 0 else 0
            self._pinned[name] = sized(made, size, self._rules.unit)
            self._uses.append(Use(award=name, credits=size, spent=0, group=group))
            refs += sorted(made.counts_as)
        named = refs[0] if len(of.achievements) == 1 and refs else None
        self._steps.append(
            Step(
                kind="earn",
                rules=serves,
                achievement=named,
                of=None if named and of == Selector(achievements=(named,)) else of,
                count=count,
                credits=amount,
            )
        )
        return True

    def _taken(self) -> set[AchievementRef]:
        counted = {use.award for use in self._uses}
        held = (component.counts_as for award, component in self._pinned.items() if award in counted)
        return {ref for refs in held for ref in refs}.difference(self._rules.repeatable)


def _pools(rule: AnyRule) -> Iterator[Choose]:
    if isinstance(rule, Choose):
        yield rule
    elif isinstance(rule, Composite):
        for inner in rule.rules:
            yield from _pools(inner)


def _revalidation(candidates: Candidates, waived: frozenset[str], day: date) -> Iterator[Completion]:
    """Awards that are too old, if their re-validation is enough."""
    rules = [rule.id for rule in candidates.rules.counting if isinstance(rule, Recency)]
    old = {award for name in rules for award in candidates.excluded.get(name, ())}
    if not old:
        return
    anew = [
        msgspec.structs.replace(component, revalidated_on=day) if component.award in old else component
        for component in candidates.offered
    ]
    finder = Finder(Candidates(candidates.rules, anew, waived, day), waived, Meter(_REVALIDATION_STEPS), frozenset(old))
    if found := finder.run():
        steps = [Step(kind="revalidate", rules=tuple(rules), award=award) for award in sorted(old & found[0].keys())]
        yield Completion(steps=tuple(steps))


def _waivers(candidates: Candidates, attempt: Attempt, waived: frozenset[str], day: date) -> Iterator[Completion]:
    """Each rule that may be waived and whose waiver is enough."""
    unmet = {outcome.rule for outcome in attempt.outcomes if outcome.state == "unmet"}
    for rule in candidates.rules.every_rule():
        if rule.waivable and rule.id in unmet:
            judge = Judge(candidates.rules, attempt.pinned, attempt.uses, waived | {rule.id}, day)
            if judge.met():
                yield Completion(steps=(Step(kind="waiver", rules=(rule.id,)),))
