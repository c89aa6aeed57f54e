"""Recognitions in disclosed derivations: opened, held against the log, and counted again.

Of every recognition by which something counts in a stack, the details are disclosed with their salt, of each decision
that had been recorded by then. What the auditor makes of them:

1. They open the commitments of the recognition's events, and say of decision, reasons and date what those say.
2. Who decided is who stacked, and the decision is one that can be made on that award.
3. An award of this ledger is what the log says of it; its grade, where one is named, is that of its document, if that
   was disclosed too. An agreement that decided was one between these two institutions and covered the award.
4. The component is what the decision comes to on the day of the stack (:mod:`ledger.recognition_credit`): this much,
   these fields and level, these exemptions, towards this pathway, as the award stood on that day.

Not checked: what an award from elsewhere is worth. Whoever decided has seen it; the details name the digests of what
was shown.

Source: docs/spec/disclosures.md; docs/spec/recognition.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from api.audit.told import Told, identity_of
from ledger.aggregate import Aggregate
from ledger.agreement import Agreement
from ledger.commitment import RECOGNITION_KIND, SALT_BYTES, commit
from ledger.decision import FORMAT, Details, Towards, parse_details
from ledger.error import LedgerError
from ledger.institution import Institution
from ledger.limit import subject_of
from ledger.recognised_fact import recognised_award, recognised_standing
from ledger.recognition import Recognition
from ledger.recognition_credit import component_of, ruling_on
from ledger.stacking.component import Component

PREFIX: Final = "recognition:"
_BY_NAME_NOW: Final = ("awarded_by", "grade")
"""What a decision says of an award and the log does not: a name of that day, and a grade."""
_MILLISECOND: Final = timedelta(milliseconds=1)


class ShownDetails(msgspec.Struct, frozen=True):
    """The details of one decision, as they are disclosed: the version of its event, the exact form, and the salt."""

    version: int
    form: bytes
    salt: bytes


class Stacked(msgspec.Struct, frozen=True, kw_only=True):
    """The stack in which a recognition counts.

    Attributes:
        institution: Who stacked.
        pathway: Code of the pathway.
        day: Of stacking, UTC.
        recorded_at: When it was recorded.
    """

    institution: UUID
    pathway: str
    day: date
    recorded_at: datetime


class Recognitions:
    """Checks components that count by a recognition.

    Args:
        folded: Recognitions and agreements, replayed to the log's end.
        institutions: By the bytes of their ids.
        told: What the log tells of an award of this ledger.
        grade: What the disclosed document of the award with that aggregate id states.
    """

    def __init__(
        self,
        folded: Mapping[bytes, Aggregate],
        institutions: Mapping[bytes, Institution],
        told: Callable[[str], Told | None],
        grade: Callable[[UUID], str | None],
    ) -> None:
        self._folded = folded
        self._institutions = institutions
        self._told = told
        self._grade = grade

    def spent_under(self, component: Component) -> UUID | None:
        """Under which id a component's credits are spent: the recognised award's, else the recognition's."""
        known = self._recognition(component)
        award = None if component.source is None else identity_of(component.source)
        return award if award is not None or known is None else known.id

    def differences(self, component: Component, stack: Stacked, shown: Mapping[int, ShownDetails]) -> Iterator[str]:
        """Yield what is wrong with a component that counts by a recognition.

        Args:
            component: It.
            stack: Where it counts.
            shown: What was disclosed of the recognition, by the versions of its events.
        """
        known = self._recognition(component)
        if known is None:
            yield "the log has no recognition of that id"
            return
        if known.institution != stack.institution:
            yield "another institution than the one that stacked has decided"
        # Of what was recorded in the same millisecond, nobody outside can tell which came first.
        views = (known.known_at(stack.recorded_at), known.known_at(stack.recorded_at - _MILLISECOND))
        told = [list(self._seen(component, stack, view, shown)) for view in views if view is not None]
        yield from min(told, key=len, default=["the recognition was decided after the stack"])

    def _seen(
        self, component: Component, stack: Stacked, known: Recognition, shown: Mapping[int, ShownDetails]
    ) -> Iterator[str]:
        ruling = ruling_on(known, stack.day)
        if ruling is None:
            yield "nothing was recognised on the day of the stack"
            return
        details = _opened(known.id, ruling.details, shown.get(ruling.version))
        if details is None:
            yield "what was decided is not disclosed, or does not open the commitment in the log"
            return
        decider = self._institutions.get(known.institution.bytes)
        if decider is None or (
            details.format,
            details.institution,
            details.decision.decision,
            details.decision.reasons,
            details.effective_at,
        ) != (FORMAT, decider.slug, ruling.decision, ruling.reasons, ruling.effective_at):
            yield "the disclosed details are not of the decision in the log"
            return
        try:
            details.decision.check(details.award)
        except LedgerError as error:
            yield f"such a decision cannot be made: {error}"
        yield from self._counted(component, stack, known, ruling.version, details)

    def _counted(
        self, component: Component, stack: Stacked, known: Recognition, version: int, details: Details
    ) -> Iterator[str]:
        public_id = details.award.credential
        told = None if public_id is None else self._told(public_id)
        if public_id is not None:
            yield from self._award(told, details)
            if told is None:
                return
        agreement = self._agreement(details)
        if details.agreement is not None and (agreement is None or not _covers(agreement, known, told)):
            yield "no such agreement covers this award"
        standing, accredited = (
            ("valid", None)
            if told is None
            else recognised_standing(told.logged, told.awarder, stack.day, stack.recorded_at)
        )
        expected = component_of(
            known,
            {version: details},
            agreement,
            stack.day,
            towards=Towards(kind="pathway", code=stack.pathway),
            standing=standing,
            accredited=accredited,
            origin=None if told is None else told.origin,
        )
        if expected is None:
            yield "the decision counts nothing in this pathway on the day of the stack"
            return
        for name in Component.__struct_fields__:
            if name != "spent" and getattr(expected, name) != getattr(component, name):
                yield f"a component's {name} is not what was recognised"

    def _award(self, told: Told | None, details: Details) -> Iterator[str]:
        """What a decision says of an award of this ledger, held against the log."""
        award = details.award
        if told is None or award.credential is None:
            yield "the log has no such award as was recognised"
            return
        issued = told.logged.issued
        expected = recognised_award(award.credential, issued, told.awarder, told.achievement, award.grade)
        for name in award.__struct_fields__:
            if name not in _BY_NAME_NOW and getattr(expected, name) != getattr(award, name):
                yield f"the recognised award's {name} is not what the log says"
        if award.grade is not None and told.is_opened and award.grade != self._grade(told.identity):
            yield "the recognised award's grade is not that of its document"

    def _agreement(self, details: Details) -> Agreement | None:
        found = None if details.agreement is None else self._folded.get(details.agreement.bytes)
        return found if isinstance(found, Agreement) else None

    def _recognition(self, component: Component) -> Recognition | None:
        try:
            identity = UUID(hex=component.award.removeprefix(PREFIX))
        except ValueError:
            return None
        known = self._folded.get(identity.bytes)
        return known if isinstance(known, Recognition) else None


def _opened(recognition: UUID, commitment: str, shown: ShownDetails | None) -> Details | None:
    """The details, if they open the commitment."""
    if shown is None or len(shown.salt) != SALT_BYTES:
        return None
    try:
        opens = commit(recognition, RECOGNITION_KIND, shown.form, shown.salt) == commitment
        return parse_details(shown.form) if opens else None
    except (msgspec.MsgspecError, LedgerError):
        return None


def _covers(agreement: Agreement, known: Recognition, told: Told | None) -> bool:
    if told is None:
        return False
    edition = told.logged.issued.edition - 1
    subject = subject_of(told.achievement.editions[edition], told.achievement.details[edition], told.awarder.country)
    return agreement.covers(
        recogniser=known.institution, awarder=told.awarder.id, achievement=told.achievement.code, subject=subject
    )


def by_recognition(shown: Sequence[tuple[UUID, ShownDetails]]) -> dict[str, dict[int, ShownDetails]]:
    """What was disclosed, by the component that counts by it and by the version of the event."""
    found: dict[str, dict[int, ShownDetails]] = {}
    for recognition, details in shown:
        found.setdefault(f"{PREFIX}{recognition.hex}", {})[details.version] = details
    return found
