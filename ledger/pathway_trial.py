"""What a pathway would come to, tried on the awards that there are, before it is published. Changes nothing.

1. The learners of an institution are those for whom the vault keeps an award, a part of an unpacked diploma or a
   recognition of that institution.
2. What a learner holds is gathered as for a stack (:mod:`ledger.component_reading`); what cannot count is left out.
   An award of another institution is not there: only its holder can show it.
3. The rules are evaluated as for a stack (:mod:`ledger.stacking.evaluate`), and added up: nobody is named.

Whoever holds what the pathway leads to is not tried again: the credits of a stack are spent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from ledger.access import Actor
from ledger.application import Ledger, pathway_id
from ledger.award_finding import AwardFinding
from ledger.commitment import DOCUMENT_KIND
from ledger.component_reading import RECOGNITION, ComponentReading, PresentedAward, Stacker
from ledger.credential import Credential
from ledger.error import InvalidInputError, LedgerError
from ledger.institution import Institution
from ledger.part import PART_KIND
from ledger.recognition import Recognition
from ledger.recognition_book import details_kind
from ledger.stacking.component import AchievementRef, Component
from ledger.stacking.evaluate import evaluate
from ledger.stacking.evaluation import Evaluation
from ledger.stacking.pathway_rules import Composite, PathwayRules
from ledger.stacking_up import MAX_AWARDS
from ledger.vault import Vault

MAX_LEARNERS: Final = 20_000
"""Learners that one trial looks at, each with the work of a stack that is tried out."""
ENDED: Final = frozenset({"revoked", "replaced"})
"""Awards in these states never count."""
_RECOGNISED: Final = details_kind(1)
"""Under what the first decision of every recognition is kept."""

Told = Callable[[int, int], None]
"""Hears how many learners of how many have been looked at."""


class TrialResult(msgspec.Struct, frozen=True, kw_only=True):
    """How many learners a pathway would reach.

    Attributes:
        learners: Who was looked at: learners who hold an award of the institution.
        holders: Those who hold what the pathway leads to; not tried again.
        begun: Those of the others with an award that counts towards it, or would if no rule kept it out.
        met: Of *begun*, those who could stack today.
        undecided: Of *begun*, those of whom it could not be told within the budget.
        unmet: By id of a rule, how many of *begun* do not meet it in their best attempt; the most first.
        missing: How many of *begun* lack an achievement that is asked for; the most first.
        is_whole: Whether all learners were looked at; else MAX_LEARNERS of them.
    """

    learners: int
    holders: int
    begun: int
    met: int
    undecided: int
    unmet: tuple[tuple[str, int], ...]
    missing: tuple[tuple[AchievementRef, int], ...]
    is_whole: bool

    @property
    def not_met(self) -> int:
        """Of *begun*, those who could not stack."""
        return self.begun - self.met - self.undecided


class PathwayTrial:
    """Tries pathways.

    Args:
        ledger: The event store.
        vault: Where it stands whose an award is.
        reading: Gathers components.
    """

    def __init__(self, ledger: Ledger, vault: Vault, reading: ComponentReading) -> None:
        self._ledger = ledger
        self._vault = vault
        self._reading = reading
        self._finding = AwardFinding(ledger, vault)

    def run(
        self,
        *,
        slug: str,
        code: str,
        achievement: str,
        rules: PathwayRules,
        actor: Actor,
        told: Told = lambda _done, _total: None,
    ) -> TrialResult:
        """Try rules on every learner of an institution.

        Args:
            slug: Whose pathway it would be.
            code: What the institution calls it, or would: recognitions may be for one pathway alone.
            achievement: The institution's code of what it leads to.
            rules: The rules, checked.
            actor: Who asks.
            told: Hears how far it is.

        Raises:
            ForbiddenError: The actor acts for another institution.
            NotFoundError: No such institution or achievement.
        """
        institution, now = self._ledger.institution(slug), self._ledger.now()
        actor.require_institution(institution.id)
        target = self._ledger.achievement(institution.id, achievement).id
        held = self._held(institution)
        count = _Count(rules)
        for number, (learner, awards) in enumerate(list(held.items())[:MAX_LEARNERS], 1):
            if any(one.achievement == target and one.state not in ENDED for one, _ in awards if one is not None):
                count.holders += 1
            else:
                components = self._components(institution, learner, code, now, [name for _, name in awards])
                count.add(
                    evaluate(
                        rules,
                        components,
                        pathway=pathway_id(institution.id, code).hex,
                        version=1,
                        day=now.date(),
                    )
                )
            told(number, min(len(held), MAX_LEARNERS))
        return count.result(is_whole=len(held) <= MAX_LEARNERS)

    def _held(self, institution: Institution) -> Mapping[bytes, list[tuple[Credential | None, str]]]:
        """What each learner holds of the institution: as it stands, and by what it is presented."""
        everyone = self._vault.learners()
        found: dict[bytes, list[tuple[Credential | None, str]]] = {}
        for kind, read in ((DOCUMENT_KIND, self._award), (PART_KIND, self._part), (_RECOGNISED, self._recognition)):
            for learner, items in self._vault.items_of_many(everyone, kind).items():
                for item in items:
                    if (one := read(item, institution.id)) is not None:
                        found.setdefault(learner, []).append(one)
        return found

    def _award(self, item: UUID, institution: UUID) -> tuple[Credential, str] | None:
        try:
            credential = self._ledger.load(Credential, item, "such credential")
        except LedgerError:
            return None
        if credential.institution != institution or credential.achievement is None or credential.state in ENDED:
            return None
        name = self._finding.public_id(item)
        return None if name is None else (credential, name)

    def _part(self, item: UUID, institution: UUID) -> tuple[Credential, str] | None:
        """A part of an unpacked diploma; what became of it is looked at with the others'."""
        name = self._finding.public_id(item)
        if name is None:
            return None
        try:
            credential, _ = self._finding.parts.credential(name, self._ledger.now())
        except LedgerError:
            return None
        return (credential, name) if credential.institution == institution and credential.state not in ENDED else None

    def _recognition(self, item: UUID, institution: UUID) -> tuple[None, str] | None:
        try:
            known = self._ledger.load(Recognition, item, "such recognition")
        except LedgerError:
            return None
        return (None, f"{RECOGNITION}{item.hex}") if known.institution == institution else None

    def _components(
        self, institution: Institution, learner: bytes, code: str, now: datetime, names: Sequence[str]
    ) -> list[Component]:
        stacker = Stacker(institution=institution, learner=learner, day=now.date(), now=now, pathway=code)
        return list(self._gathered(stacker, sorted(names)[:MAX_AWARDS]))

    def _gathered(self, stacker: Stacker, names: Sequence[str]) -> Iterator[Component]:
        for name in names:
            try:
                [gathered] = self._reading.gather([PresentedAward(award=name)], stacker)
            except InvalidInputError:  # it cannot count: suspended, unpacked, erased meanwhile
                continue
            yield gathered.component


class _Count:
    """Adds up evaluations."""

    def __init__(self, rules: PathwayRules) -> None:
        # What a rule over others comes to is told by those.
        self._told = [rule.id for rule in rules.every_rule() if not isinstance(rule, Composite)]
        self.tried = self.holders = self.begun = self.met = self.undecided = 0
        self._unmet: Counter[str] = Counter()
        self._missing: Counter[AchievementRef] = Counter()

    def add(self, evaluation: Evaluation) -> None:
        """Add that of one learner."""
        self.tried += 1
        outcomes = evaluation.outcomes
        if not any(one.awards or (one.excluded and one.kind != "scope") for one in outcomes):
            return
        self.begun += 1
        self.met += evaluation.state == "met"
        self.undecided += evaluation.state == "undecided"
        if evaluation.state == "unmet":
            self._unmet.update(one.rule for one in outcomes if one.state == "unmet")
            self._missing.update({ref for one in outcomes if one.state == "unmet" for ref in one.missing})

    def result(self, *, is_whole: bool) -> TrialResult:
        """What it comes to."""
        unmet = [(rule, self._unmet[rule]) for rule in self._told if self._unmet[rule]]
        return TrialResult(
            learners=self.tried + self.holders,
            holders=self.holders,
            begun=self.begun,
            met=self.met,
            undecided=self.undecided,
            unmet=tuple(sorted(unmet, key=lambda one: -one[1])),
            missing=tuple(sorted(self._missing.items(), key=lambda one: (-one[1], one[0]))),
            is_whole=is_whole,
        )
