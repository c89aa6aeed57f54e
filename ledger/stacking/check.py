"""Check a pinned derivation: run every rule again, without any search."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from ledger.error import InvalidInputError
from ledger.stacking.component import Component
from ledger.stacking.conflict import clashes
from ledger.stacking.counting import modes, never_counts
from ledger.stacking.derivation import Derivation, Use, Waiver
from ledger.stacking.judging import Judge
from ledger.stacking.pathway_rules import PathwayRules
from ledger.stacking.rule import Capstone, Choose, Prerequisite, Required, Rule

CODE: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")


def check_derivation(rules: PathwayRules, derivation: Derivation) -> list[str]:
    """Run every rule again over a pinned derivation, without any search.

    Whether its facts are those of the awards, and whether pathway and version are the ones that the event names, is not
    looked at: the facts are compared with the documents, and the whole with the commitment in the event.

    Args:
        rules: The rule text of the pathway's version, checked.
        derivation: As :func:`ledger.stacking.derivation.parse_derivation` gave it.

    Returns:
        What is wrong, a sentence for each problem; nothing if all is right.
    """
    problems = list(_form_problems(rules, derivation))
    problems += waiver_problems(rules, derivation.waivers)
    if problems:
        return problems
    components = {component.award: component for component in derivation.components}
    waived = frozenset(waiver.rule for waiver in derivation.waivers)
    for use in derivation.uses:
        problems += _use_problems(rules, components[use.award], use, waived)
        problems += _component_problems(components[use.award], derivation)
    problems += _clash_problems(rules, derivation, components)
    judge = Judge(rules, components, derivation.uses, waived, derivation.day)
    if not judge.met():
        problems.append("the rules are not met by what is pinned")
    return [*problems, *_outcome_problems(judge, derivation), *_stray_problems(rules, judge, derivation)]


def waiver_problems(rules: PathwayRules, waivers: Sequence[Waiver]) -> list[str]:
    """What is wrong with the waivers: no such rule, one that may not be waived, one twice."""
    problems, seen = [], set()
    for waiver in waivers:
        rule = rules.rule_called(waiver.rule)
        if rule is None:
            problems.append(f"the pathway has no rule {waiver.rule} that could be waived")
        elif not rule.waivable:
            problems.append(f"rule {waiver.rule} may not be waived")
        if waiver.rule in seen:
            problems.append(f"rule {waiver.rule} is waived twice")
        seen.add(waiver.rule)
        if not CODE.fullmatch(waiver.code):
            problems.append(f"the code of the waiver of {waiver.rule} has 1 to 64 letters, digits, dots and hyphens")
    return problems


def _form_problems(rules: PathwayRules, derivation: Derivation) -> Iterator[str]:
    if derivation.rules != rules.digest():
        yield "the derivation is of another rule text: the digests differ"
    awards = [component.award for component in derivation.components]
    if awards != sorted(set(awards)):
        yield "the components are sorted by award, each there once"
    if awards != [use.award for use in derivation.uses]:
        yield "there is one use of each component, in the same order"
    for number, component in enumerate(derivation.components):
        try:
            component.check(f"/components/{number}")
        except InvalidInputError as error:
            yield f"{error.pointer}: {error.detail}"
    waived = [waiver.rule for waiver in derivation.waivers]
    if waived != sorted(waived):
        yield "the waivers are sorted by rule"


def _component_problems(component: Component, derivation: Derivation) -> Iterator[str]:
    if never_counts(component, derivation.day):
        yield f"{component.award} was awarded after the day of stacking, is revoked, or was replaced"


def _use_problems(rules: PathwayRules, component: Component, use: Use, waived: frozenset[str]) -> Iterator[str]:
    group = rules.rule_called(use.group) if use.group else None
    if use.group and not _may_be_in(group, component, rules):
        yield f"{use.award} does not belong into {use.group}"
    if isinstance(group, Prerequisite):
        if use.credits or use.spent or use.reused:
            yield f"{use.award} is a prerequisite alone and counts for no credits"
        return
    if (use.credits, use.spent, use.reused) not in {
        (mode.credits, mode.spent, mode.reused) for mode in modes(component, rules, waived)
    }:
        yield f"{use.award} does not count for {use.credits}, with {use.spent} spent and {use.reused} used again"


def _may_be_in(group: Rule | None, component: Component, rules: PathwayRules) -> bool:
    match group:
        case Choose():
            return group.of.fits(component, rules.categories)
        case Required() | Capstone():
            return not component.counts_as.isdisjoint(group.achievements)
        case Prerequisite():
            return not component.counts_as.isdisjoint(group.requires)
        case _:
            return False


def _clash_problems(rules: PathwayRules, derivation: Derivation, components: Mapping[str, Component]) -> Iterator[str]:
    counting = [components[use.award] for use in derivation.uses if not _is_prerequisite(rules, use)]
    for clash in clashes(counting, rules):
        names = sorted({*clash.others, *(() if clash.one is None else (clash.one,))})
        yield f"{', '.join(names)}: {clash.reason}, which counts once"


def _is_prerequisite(rules: PathwayRules, use: Use) -> bool:
    return isinstance(rules.rule_called(use.group), Prerequisite)


def _outcome_problems(judge: Judge, derivation: Derivation) -> Iterator[str]:
    found, said = judge.outcomes(), derivation.outcomes
    if [outcome.rule for outcome in found] != [outcome.rule for outcome in said]:
        yield "there is one outcome of each rule, in the order of the rule text"
        return
    for mine, theirs in zip(found, said, strict=True):
        if mine != theirs:
            yield f"rule {mine.rule} is {mine.state} with {mine.have} of {mine.need}, which is not what is said of it"


def _stray_problems(rules: PathwayRules, judge: Judge, derivation: Derivation) -> Iterator[str]:
    for use in derivation.uses:
        rule = rules.rule_called(use.group)
        if isinstance(rule, Prerequisite) and use.award not in judge.finding(rule).awards:
            yield f"{use.award} is pinned as a prerequisite of nothing"
