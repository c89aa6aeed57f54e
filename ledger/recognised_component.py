"""What counts by a recognition when awards are stacked: as far as the institution's own decision goes, and no further.

The recognition is the stacking institution's own, about an award of the learner who stacks. An award of this ledger is
spent under its own id, whoever recognised it, so that its credits do not count here by recognition and there by
themselves; one of elsewhere is spent under the recognition's.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from ledger.aggregate import Aggregate
from ledger.agreement import Agreement
from ledger.application import Ledger
from ledger.component_fact import standing_at
from ledger.component_reading import Gathered, SpentBefore, Stacker
from ledger.credential import Credential
from ledger.credential_id import PUBLIC_ID_CHARS, credential_aggregate_id
from ledger.decision import Towards
from ledger.error import ErasedError, InvalidInputError, NotFoundError
from ledger.event import Event
from ledger.recognising import Recognising
from ledger.recognition import Recognition
from ledger.recognition_credit import component_of, ruling_on
from ledger.spending import SpendingBook
from ledger.stacking.component import Component, Spent, Standing
from ledger.vault import Vault


class RecognisedComponents:
    """Gathers components from recognitions.

    Args:
        ledger: The event store.
        vault: Says whose a recognition is.
        recognising: Opens what was decided.
    """

    def __init__(self, ledger: Ledger, vault: Vault, recognising: Recognising) -> None:
        self._ledger = ledger
        self._vault = vault
        self._recognising = recognising

    def gather(
        self,
        recognition: str,
        stacker: Stacker,
        book: SpendingBook,
        spent: SpentBefore,
    ) -> Gathered:
        """The component that a recognition comes to on the day of stacking.

        Raises:
            InvalidInputError: There is no such recognition of this institution and learner, or nothing of it counts.
        """
        known = self._own(recognition, stacker)
        rests_on: list[Aggregate] = [known]
        details = self._recognising.details(known)
        ruling = ruling_on(known, stacker.day)
        opened = None if ruling is None else details.get(ruling.version)
        agreement: Agreement | None = None
        if opened is not None and opened.agreement is not None:
            agreement = self._ledger.load(Agreement, opened.agreement, "such agreement")
            rests_on.append(agreement)
        award: UUID = known.id
        standing: Standing = "valid"
        source = None if opened is None else self._source(opened.award.source)
        if source is not None:
            award = source.id
            rests_on.append(source)
            standing = self._standing(source, stacker)
        towards = Towards(kind="pathway", code=stacker.pathway)
        component = component_of(known, details, agreement, stacker.day, towards=towards, standing=standing)
        if component is None:
            message = "nothing of this recognition counts for this pathway on that day"
            raise InvalidInputError(message, "/award")
        seen = book.rows(award)
        return Gathered(component=_with_spent(component, spent(seen)), award=award, seen=seen, rests_on=tuple(rests_on))

    def _own(self, recognition: str, stacker: Stacker) -> Recognition:
        try:
            known = self._recognising.recognition(UUID(hex=recognition))
            owner = self._vault.learner_of(known.id).handle
        except (ValueError, NotFoundError, ErasedError) as error:
            message = "there is no such recognition in this ledger, or it was erased"
            raise InvalidInputError(message, "/award") from error
        if known.institution != stacker.institution.id or owner != stacker.learner:
            message = "a recognition counts for the learner whom this institution gave it to, and for no other"
            raise InvalidInputError(message, "/award")
        return known

    def _source(self, source: str | None) -> Credential | None:
        """The award of this ledger that a recognition is about; None for one of elsewhere."""
        if source is None or len(source) != PUBLIC_ID_CHARS:
            return None
        try:
            return self._ledger.load(Credential, credential_aggregate_id(source), "such credential")
        except (InvalidInputError, NotFoundError):
            return None

    def _standing(self, source: Credential, stacker: Stacker) -> Standing:
        stored = self._ledger.store.select_events(source.id)
        issued, *changes = (self._ledger.event_mapper.to_domain_event(event).body for event in stored)
        return _standing_of(issued, changes, stacker)


def _standing_of(issued: Event, changes: Sequence[Event], stacker: Stacker) -> Standing:
    if not isinstance(issued, Credential.Issued):
        return "valid"
    return standing_at(issued, changes, stacker.instant)


def _with_spent(component: Component, spent: tuple[Spent, ...]) -> Component:
    members = {name: getattr(component, name) for name in component.__struct_fields__}
    return Component(**(members | {"spent": spent}))
