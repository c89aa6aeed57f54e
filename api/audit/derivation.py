"""Stacked awards, derived again: what auditors with disclosures check of every one of them.

1. The derivation and its salt open the commitment in the award's second event, and it is about the pathway, the version
   and the rules that the event names.
2. The rules, as the log has them, are run again over it (:func:`ledger.stacking.evaluate.check_derivation`, no search).
3. Every component that is an award of this log is what the log says: who awarded what, of which size and level, when,
   how it stood on the day, whether its issuer was accredited as far as was known; grade and results are those of its
   document, if that was disclosed too.
4. No credit is spent twice: what a stack says that others had used of a component holds at least what the disclosed
   stacks before it have used and had not given back; within that the rules on overlap have been checked in step 2.

Not checked: what stands on the stacker's word (re-validation), and facts of recognitions.
"""

from __future__ import annotations

import base64
import binascii
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import msgspec

from api.audit.finding import Findings
from api.audit.history import AwardHistory
from api.audit.part_check import PartCheck
from api.audit.replay import Replay
from ledger.commitment import DERIVATION_KIND, SALT_BYTES, commit
from ledger.component_fact import Logged, achievement_type, read_component, results_stated, stacking_instant
from ledger.credential import Credential
from ledger.credential_id import credential_aggregate_id
from ledger.error import LedgerError
from ledger.event import Event
from ledger.form.open_badge import elements_of
from ledger.pathway import read_rules
from ledger.stacking.component import Component, Spent
from ledger.stacking.derivation import Derivation, Use, parse_derivation
from ledger.stacking.evaluate import check_derivation
from ledger.stacking.pathway_rules import PathwayRules

if TYPE_CHECKING:
    from api.audit.disclosure import Line

RECOGNITION: Final = "recognition:"
UNPROVED: Final = ("revalidated_on", "spent", "origin", "unpacked", "recognised_by", "stands_for", "source")
"""Facts of a component that no entry of the log and no document states."""


class Stated(msgspec.Struct, frozen=True):
    """What a document states of its award that the log does not hold."""

    grade: str | None
    results: tuple[tuple[str, str], ...]


NOTHING_STATED: Final = Stated(None, ())


def stated_by(document: Mapping[str, Any]) -> Stated:
    """What a document states of its award that the log does not hold."""
    grade = elements_of(document).get("grade")
    return Stated(grade if isinstance(grade, str) else None, tuple(sorted(results_stated(document).items())))


class _Told(msgspec.Struct, frozen=True):
    """What the log tells of a component: its issuance, what became of it, of a part where it comes from."""

    issued: Credential.Issued
    changes: Sequence[Event]
    shared: Sequence[Event]
    origin: str | None
    is_opened: bool


class DerivationCheck:
    """Checks the derivations of a file of disclosures.

    Args:
        replay: The log, replayed to its end.
        history: Reads its entries.
        findings: Where differences go.
        stated: What disclosed documents state, by aggregate id; of one that is not there, nothing.
        is_opened: Whether the award that was issued at a log index was disclosed.
        parts: The parts of unpacked diplomas that were disclosed.
    """

    def __init__(
        self,
        replay: Replay,
        history: AwardHistory,
        findings: Findings,
        stated: Mapping[bytes, Stated],
        is_opened: Callable[[int], bool],
        parts: PartCheck,
    ) -> None:
        self._replay = replay
        self._history = history
        self._findings = findings
        self._stated = stated
        self._is_opened = is_opened
        self._parts = parts
        self._rules: dict[tuple[UUID, int], PathwayRules] = {}
        self._spent: dict[UUID, list[tuple[int, Component, Use, str, int | None]]] = defaultdict(list)

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
        self._check_spending()
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
        for component in derivation.components:
            if not component.award.startswith(RECOGNITION):
                for what in self._differences(component, derivation, stacked.recorded_at, changes[0]):
                    self._find(entry, f"a component's {what} is not what the log or its document says")
        # 4. What was used: kept until every stack is known.
        self._keep(derivation, entry, events, changes)
        return True

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

    def _differences(
        self, component: Component, derivation: Derivation, recorded_at: datetime, stacked_at: int
    ) -> Iterator[str]:
        identity = _identity(component.award)
        told = None if identity is None else self._told(identity, stacked_at)
        if identity is None or told is None:
            yield "award"
            return
        issued, registry = told.issued, self._replay.registry
        institution = registry.institutions.get(issued.institution.bytes)
        achievement = registry.achievements.get(issued.achievement.bytes)
        if institution is None or achievement is None:
            yield "award"
            return
        logged = Logged(
            award=component.award,
            institution=institution.slug,
            country=institution.country,
            accreditations=registry.accredited(issued.institution.bytes, recorded_at),
            achievement=achievement,
            issued=issued,
            changes=told.changes,
            shared=told.shared,
        )
        expected = read_component(logged, None, stacking_instant(derivation.day, recorded_at), origin=told.origin)
        for name in Component.__struct_fields__:
            if name in {*UNPROVED, "grade", "results"}:
                continue
            if getattr(expected, name) != getattr(component, name):
                yield name
        stated = self._stated.get(identity.bytes, NOTHING_STATED)
        if told.is_opened and stated != Stated(component.grade, tuple(sorted(component.results.items()))):
            yield "grade or result"

    def _told(self, identity: UUID, stacked_at: int) -> _Told | None:
        """What was known of an award before a stack; of a part, by what was disclosed of it. None: there is none."""
        part, place = self._parts.opened.get(identity.bytes), self._replay.awards.find(identity.bytes)
        if part is not None:
            changes = self._before(identity, stacked_at)[1:]
            shared = self._before(part.unpacking, stacked_at)[1:]
            return _Told(part.issued, changes, shared, part.unpacking.hex, is_opened=True)
        events = self._before(identity, stacked_at)
        if place is None or not isinstance(events[0], Credential.Issued):
            return None
        return _Told(events[0], events[1:], (), None, is_opened=self._is_opened(place.entry))

    def _before(self, identity: UUID, entry: int) -> Sequence[Event]:
        """The events of something with a status that stand in the log before an entry; its first one always does."""
        place, changed = self._replay.awards.find(identity.bytes), self._replay.changed.get(identity.bytes)
        if place is None:
            return ()
        first, *changes = self._history.events(place, changed)
        indexes = () if changed is None else changed.entries
        return [first, *(change for index, change in zip(indexes, changes, strict=True) if index < entry)]

    def _keep(self, derivation: Derivation, entry: int, events: Sequence[Event], changes: Sequence[int]) -> None:
        issued = _issued(events)
        achievement = self._replay.registry.achievements.get(issued.achievement.bytes)
        target = "" if achievement is None else achievement_type(achievement, issued.edition)
        ended = next(
            (index for index, event in zip(changes, events[1:], strict=True) if isinstance(event, Credential.Revoked)),
            None,
        )
        components = {component.award: component for component in derivation.components}
        for use in derivation.uses:
            identity = _identity(use.award)
            if identity is not None:
                self._spent[identity].append((entry, components[use.award], use, target, ended))

    def _check_spending(self) -> None:
        """Step 4. In the order of the log each stack has to know of what those before it had used.

        Of a diploma that was unpacked, nothing is left: its parts count in its place.
        """
        for whole, entries in self._parts.wholes().items():
            acts = self._spent.get(whole, ())
            if any(ended is None or ended > min(entries) for _, _, _, _, ended in acts):
                what = "the diploma that was unpacked is used in a stack as well"
                self._findings.at(min(entries), "credits-spent-twice", what)
        for acts in self._spent.values():
            acts.sort(key=lambda act: act[0])
            for number, (entry, component, use, _, _) in enumerate(acts):
                before = Counter(
                    Spent(target=target, amount=earlier.spent)
                    for _, _, earlier, target, ended in acts[:number]
                    if ended is None or ended > entry
                )
                if before - Counter(component.spent):
                    what = "it counts credits of a component that an earlier stack had used, as if nobody had"
                    self._findings.at(entry, "credits-spent-twice", what)
                elif sum(one.amount for one in component.spent) + use.spent > component.size:
                    self._findings.at(entry, "credits-spent-twice", "it uses more of a component than there is")

    def _find(self, index: int, what: str) -> None:
        self._findings.at(index, "derivation-differs", what)


def _issued(events: Sequence[Event]) -> Credential.Issued:
    issued = events[0]
    assert isinstance(issued, Credential.Issued)  # noqa: S101  replayed: only an award is stacked
    return issued


def _identity(award: str) -> UUID | None:
    try:
        return credential_aggregate_id(award)
    except LedgerError:
        return None
