"""Stacked awards, derived again: what auditors with disclosures check of every one of them.

1. The derivation and its salt open the commitment in the award's second event, and it is about the pathway, the version
   and the rules that the event names.
2. The rules, as the log has them, are run again over it (:func:`ledger.stacking.evaluate.check_derivation`, no search).
3. Every component that is an award of this log is what the log says: who awarded what, of which size and level, when,
   how it stood on the day, whether its issuer was accredited as far as was known; grade and results are those of its
   document, if that was disclosed too. Every component that counts by a recognition is what was decided
   (:mod:`api.audit.recognised_check`).
4. No credit is spent twice (:mod:`api.audit.spending_check`).

Not checked: what stands on the stacker's word (the day of a re-validation), and what awards from elsewhere are worth.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import msgspec

from api.audit.finding import Findings
from api.audit.history import AwardHistory
from api.audit.part_check import PartCheck
from api.audit.recognised_check import PREFIX, Recognitions, Stacked, by_recognition
from api.audit.replay import Replay
from api.audit.spending_check import Act, SpendingCheck
from api.audit.told import Telling, Told, identity_of
from ledger.commitment import DERIVATION_KIND, SALT_BYTES, commit
from ledger.component_fact import achievement_type, read_component, results_stated, stacking_instant
from ledger.credential import Credential
from ledger.error import LedgerError
from ledger.event import Event
from ledger.form.open_badge import elements_of
from ledger.pathway import read_rules
from ledger.stacking.component import Component
from ledger.stacking.derivation import Derivation, parse_derivation
from ledger.stacking.evaluate import check_derivation
from ledger.stacking.pathway_rules import PathwayRules

if TYPE_CHECKING:
    from api.audit.disclosure import Line

UNPROVED: Final = ("revalidated_on", "spent", "grade", "results")
"""Facts of an award that the log does not hold: the stacker's word, what other stacks tell, and its document's."""


class Stated(msgspec.Struct, frozen=True):
    """What a document states of its award that the log does not hold."""

    grade: str | None
    results: tuple[tuple[str, str], ...]


NOTHING_STATED: Final = Stated(None, ())


def stated_by(document: Mapping[str, Any]) -> Stated:
    """What a document states of its award that the log does not hold."""
    grade = elements_of(document).get("grade")
    return Stated(grade if isinstance(grade, str) else None, tuple(sorted(results_stated(document).items())))


class DerivationCheck:
    """Checks the derivations of a file of disclosures.

    Args:
        replay: The log, replayed to its end.
        history: Reads its entries.
        findings: Where differences go.
        stated: What disclosed documents state, by aggregate id; of one that is not there, nothing.
        is_opened: Whether the award that was issued at a log index was disclosed.
        parts: The parts of unpacked diplomas that were disclosed.
        has_recognitions: Whether what recognitions decided is disclosed; if not, components that count by one are not
            looked into.
    """

    def __init__(
        self,
        replay: Replay,
        history: AwardHistory,
        findings: Findings,
        stated: Mapping[bytes, Stated],
        is_opened: Callable[[int], bool],
        parts: PartCheck,
        *,
        has_recognitions: bool,
    ) -> None:
        self._replay = replay
        self._history = history
        self._findings = findings
        self._stated = stated
        self._parts = parts
        self._has_recognitions = has_recognitions
        self._telling = Telling(replay, history, is_opened, parts)
        self._rules: dict[tuple[UUID, int], PathwayRules] = {}
        self._spending = SpendingCheck(findings)

    def run(self, lines: Iterable[Line]) -> int:
        """Check every stacked award of *lines*; returns how many were derived again."""
        derived = 0
        for line in lines:
            identity = UUID(hex=line.aggregate)
            place = self._replay.awards.find(identity.bytes)
            if place is None:
                continue
            changed = self._replay.changed.get(identity.bytes)
            if changed is None:
                continue  # it has one event, so it was not stacked
            events = self._history.events(place, changed)
            stacked = next((event for event in events if isinstance(event, Credential.Stacked)), None)
            if stacked is None:
                continue
            derived += self._one(line, identity, place.entry, events, stacked, changed.entries)
        self._spending.finish(self._parts.wholes())
        return derived

    def _one(
        self,
        line: Line,
        identity: UUID,
        entry: int,
        events: Sequence[Event],
        stacked: Credential.Stacked,
        changes: Sequence[int],
    ) -> bool:
        derivation = self._opened(line, identity, entry, stacked)
        rules = self._rules_of(stacked)
        if derivation is None or rules is None:
            return False
        # 2. The rules.
        for problem in check_derivation(rules, derivation):
            self._find(entry, problem)
        if derivation.day != _issued(events).valid_from.date():
            self._find(entry, "the day of the derivation is not the day of the award")
        # 3. The components.
        stack = Stacked(
            institution=_issued(events).institution,
            pathway=self._replay.registry.pathways[stacked.pathway.bytes].code,
            day=derivation.day,
            recorded_at=stacked.recorded_at,
        )
        recognitions = self._recognitions(changes[0], stacked.recorded_at)
        for what in self._component_differences(line, derivation, stack, changes[0], recognitions):
            self._find(entry, what)
        # 4. What was used: kept until every stack is known.
        self._keep(derivation, entry, events, changes, recognitions)
        return True

    def _recognitions(self, stacked_at: int, recorded_at: datetime) -> Recognitions:
        registry = self._replay.registry

        def told(award: str) -> Told | None:
            return self._telling.told(award, stacked_at, recorded_at)

        def grade(award: UUID) -> str | None:
            return self._stated.get(award.bytes, NOTHING_STATED).grade

        return Recognitions(registry.folded.states, registry.institutions, told, grade)

    def _component_differences(
        self, line: Line, derivation: Derivation, stack: Stacked, stacked_at: int, recognitions: Recognitions
    ) -> Iterator[str]:
        try:
            shown = by_recognition([one.decoded() for one in line.stack.recognitions] if line.stack else [])
        except binascii.Error as error:
            yield f"what a recognition decided cannot be read: {error}"
            return
        for component in derivation.components:
            if not component.award.startswith(PREFIX):
                yield from self._award_differences(component, stack, stacked_at)
            elif self._has_recognitions:
                yield from recognitions.differences(component, stack, shown.get(component.award, {}))

    def _opened(self, line: Line, identity: UUID, entry: int, stacked: Credential.Stacked) -> Derivation | None:
        """Step 1."""
        if line.stack is None:
            self._find(entry, "it was stacked, and what it was made of is not disclosed")
            return None
        form = bytes(line.stack.derivation)
        try:
            salt = base64.b64decode(line.stack.salt, validate=True)
            opens = len(salt) == SALT_BYTES and commit(identity, DERIVATION_KIND, form, salt) == stacked.derivation
            derivation = parse_derivation(form)
        except (LedgerError, binascii.Error) as error:
            self._find(entry, f"the disclosed derivation cannot be read: {error}")
            return None
        if not opens:
            self._find(entry, "the derivation and its salt do not open the commitment in the log")
            return None
        if (derivation.pathway, derivation.version, derivation.rules) != (
            stacked.pathway.hex,
            stacked.pathway_version,
            stacked.rules,
        ):
            self._find(entry, "the derivation is by other rules than the event names")
            return None
        return derivation

    def _rules_of(self, stacked: Credential.Stacked) -> PathwayRules | None:
        key = (stacked.pathway, stacked.pathway_version)
        if key not in self._rules:
            pathway = self._replay.registry.pathways.get(stacked.pathway.bytes)
            if pathway is None or not 1 <= stacked.pathway_version <= len(pathway.versions):
                return None  # named already as a stack that is not possible
            self._rules[key] = read_rules(pathway.versions[stacked.pathway_version - 1].rules)
        return self._rules[key]

    def _award_differences(self, component: Component, stack: Stacked, stacked_at: int) -> Iterator[str]:
        told = self._telling.told(component.award, stacked_at, stack.recorded_at)
        if told is None:
            yield "a component is no award that the log or a disclosure has"
            return
        instant = stacking_instant(stack.day, stack.recorded_at)
        expected = read_component(told.logged, None, instant, origin=told.origin)
        for name in Component.__struct_fields__:
            if name not in UNPROVED and getattr(expected, name) != getattr(component, name):
                yield f"a component's {name} is not what the log or its document says"
        stated = self._stated.get(told.identity.bytes, NOTHING_STATED)
        if told.is_opened and stated != Stated(component.grade, tuple(sorted(component.results.items()))):
            yield "a component's grade or result is not what its document says"

    def _keep(
        self,
        derivation: Derivation,
        entry: int,
        events: Sequence[Event],
        changes: Sequence[int],
        recognitions: Recognitions,
    ) -> None:
        issued = _issued(events)
        achievement = self._replay.registry.achievements.get(issued.achievement.bytes)
        target = "" if achievement is None else achievement_type(achievement, issued.edition)
        ended = next(
            (index for index, event in zip(changes, events[1:], strict=True) if isinstance(event, Credential.Revoked)),
            None,
        )
        components = {component.award: component for component in derivation.components}
        for use in derivation.uses:
            component = components.get(use.award)
            if component is None:
                continue  # named already: the rules cannot be run over it
            is_recognised = use.award.startswith(PREFIX)
            identity = recognitions.spent_under(component) if is_recognised else identity_of(use.award)
            if identity is not None:
                act = Act(entry=entry, component=component, use=use, target=target, ended=ended)
                self._spending.keep(identity, act)

    def _find(self, index: int, what: str) -> None:
        self._findings.at(index, "derivation-differs", what)


def _issued(events: Sequence[Event]) -> Credential.Issued:
    issued = events[0]
    assert isinstance(issued, Credential.Issued)  # noqa: S101  replayed: only an award is stacked
    return issued
