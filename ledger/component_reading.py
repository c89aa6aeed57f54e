"""Gathers the facts of awards that are presented for stacking, each with what it takes to trust and to spend it.

An award of the institution that stacks belongs to the same learner by the vault. For an award of another institution of
this ledger the holder hands over its document and salt: they open the commitment in the log, which shows that the
award is in the holder's hands, and say the grade. That it is the same person is for the officer to see, as with paper.

Facts are read from the log's own events, never from what is presented; the document adds what the log does not hold.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Protocol
from uuid import UUID

import msgspec

from ledger.achievement import Achievement
from ledger.aggregate import Aggregate
from ledger.application import Ledger
from ledger.award_reading import AwardReading, ReadAward
from ledger.canonical import canonical_json
from ledger.commitment import DOCUMENT_KIND, SALT_BYTES, commit
from ledger.component_fact import achievement_type, read_component, stacking_instant
from ledger.credential import Credential
from ledger.error import ErasedError, InvalidInputError, NotFoundError
from ledger.event import Event
from ledger.institution import Institution
from ledger.issuance import SealedDocument
from ledger.spending import Amount, Spending, SpendingBook, SpendingUnit
from ledger.stacking.component import Component, Spent
from ledger.vault import Vault

RECOGNITION = "recognition:"
"""How the id of a decision on an award of elsewhere begins."""


class PresentedAward(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An award that is to count.

    Attributes:
        award: Its public id, or ``recognition:`` and the id of a recognition.
        document: Its signed document, as the holder has it; not needed for an own award.
        salt: The salt that opens its commitment, 32 bytes.
        revalidated_on: Day on which the institution that stacks has validated it anew.
    """

    award: str
    document: dict[str, Any] | None = None
    salt: bytes | None = None
    revalidated_on: date | None = None


class Gathered(msgspec.Struct, frozen=True, kw_only=True):
    """One component with what stands behind it.

    Attributes:
        component: Its facts.
        award: Aggregate id under which it is spent.
        seen: The acts that spent it, as far as they were there.
        rests_on: Aggregates on whose present state the facts rest.
        footing: What else has to hold as long as the stack does, with the acts that looked at it: the recognition by
            which an award counts. Nothing is spent of that.
    """

    component: Component
    award: UUID
    seen: Sequence[Spending]
    rests_on: tuple[Aggregate, ...]
    footing: tuple[UUID, Sequence[Spending]] | None = None

    def amounts(self, spent: int) -> list[tuple[UUID, Amount, Sequence[Spending]]]:
        """What :func:`~ledger.spending.spend` enters when *spent* of it, in its own measure, goes into a stack."""
        whole = Amount(unit=_unit(self.component), amount=spent, whole=self.component.size)
        entered = [(self.award, whole, self.seen)]
        if self.footing is not None:
            entered.append((self.footing[0], msgspec.structs.replace(whole, amount=0), self.footing[1]))
        return entered


class Stacker(msgspec.Struct, frozen=True, kw_only=True):
    """Who stacks, for whom, and when.

    Attributes:
        institution: Who stacks.
        learner: The learner's handle in the vault; None for one who is not known here.
        day: Of stacking.
        now: Present instant.
        pathway: Code of the pathway; None where nothing depends on it.
    """

    institution: Institution
    learner: bytes | None
    day: date
    now: datetime
    pathway: str | None = None

    @property
    def instant(self) -> datetime:
        """At which components are looked at."""
        return stacking_instant(self.day, self.now)


class _Found(msgspec.Struct, frozen=True):
    """An award as the log has it, with whose it is, what it is an award of, and what was spent of it."""

    read: ReadAward
    institution: Institution
    achievement: Achievement
    seen: Sequence[Spending]


class Recognised(Protocol):
    """Where recognitions of awards are read from."""

    def gather(self, recognition: str, stacker: Stacker, book: SpendingBook) -> Gathered:
        """The component that a recognition comes to, as far as the decision goes.

        Raises:
            InvalidInputError: There is no such recognition, or it recognises nothing for this institution.
        """


class NoRecognitions:
    """Recognises nothing; stands where recognitions are not kept."""

    def gather(self, recognition: str, stacker: Stacker, book: SpendingBook) -> Gathered:  # noqa: ARG002  the port
        """Refuse. Raises InvalidInputError."""
        message = "there is no such recognition in this ledger"
        raise InvalidInputError(message, "/award")


class ComponentReading:
    """Gathers components.

    Args:
        ledger: The event store.
        vault: Where own documents are.
        book: What was spent on what.
        recognised: Where recognitions are read from.
    """

    def __init__(
        self,
        ledger: Ledger,
        vault: Vault,
        book: SpendingBook,
        recognised: Recognised | None = None,
    ) -> None:
        self._ledger = ledger
        self._vault = vault
        self._book = book
        self._recognised = recognised or NoRecognitions()
        self._awards = AwardReading(ledger, vault)

    def gather(self, presented: Sequence[PresentedAward], stacker: Stacker) -> list[Gathered]:
        """Gather every award that is presented.

        Raises:
            InvalidInputError: One of them cannot count as presented; the pointer says which, and why is in the words.
        """
        gathered: list[Gathered] = []
        for number, one in enumerate(presented):
            try:
                gathered.append(self._one(one, stacker))
            except InvalidInputError as error:
                raise type(error)(error.detail, f"/awards/{number}{error.pointer}") from error
            if any(before.component.award == one.award for before in gathered[:-1]):
                message = "this award is presented twice"
                raise InvalidInputError(message, f"/awards/{number}/award")
        return gathered

    def public(self, award: str, stacker: Stacker) -> Component:
        """The facts of an award that follow from its id: no grade, no results, and not what was spent of it.

        Not checked: whose it is.

        Raises:
            InvalidInputError: It is no award of this ledger that could count.
        """
        found = self._find(award)
        component = self._component(PresentedAward(award=award), found, None, stacker)
        return msgspec.structs.replace(component, spent=())

    def _one(self, one: PresentedAward, stacker: Stacker) -> Gathered:
        if one.award.startswith(RECOGNITION):
            return self._recognised.gather(one.award.removeprefix(RECOGNITION), stacker, self._book)
        found = self._find(one.award)
        component = self._component(one, found, self._document(one, found.read, stacker), stacker)
        standing = (*found.read.standings, found.institution)
        return Gathered(component=component, award=found.read.credential.id, seen=found.seen, rests_on=standing)

    def _find(self, award: str) -> _Found:
        try:
            read = self._awards.read(award)
        except InvalidInputError as error:
            raise InvalidInputError(error.detail, "/award") from error
        except NotFoundError as error:
            message = "there is no such award in this ledger; what was awarded elsewhere counts by a recognition"
            raise InvalidInputError(message, "/award") from error
        credential = read.credential
        if credential.achievement is None or credential.edition is None:
            message = "this is a document of an institution's own making, and no award that could count"
            raise InvalidInputError(message, "/award")
        institution = self._ledger.load(Institution, credential.institution, "such institution")
        achievement = self._ledger.load(Achievement, credential.achievement, "such achievement")
        return _Found(read, institution, achievement, self._book.rows(credential.id))

    def _component(
        self, one: PresentedAward, found: _Found, document: Mapping[str, Any] | None, stacker: Stacker
    ) -> Component:
        read, seen = found.read, found.seen
        if any(row.kind == "unpacking" and not row.released for row in seen):
            message = "this award was unpacked, and its credits are spent on its parts; present those in its place"
            raise InvalidInputError(message, "/award")
        component = read_component(
            read.logged(found.institution, found.achievement),
            document,
            stacker.instant,
            revalidated_on=one.revalidated_on,
            origin=read.origin,
        )
        component = spent_of(component, self._ledger, seen)
        if component.standing == "valid" and (lost := read.lost) is not None:
            message = f"this award has been {lost.state} since {lost.since.date()}; it can no longer count"
            raise InvalidInputError(message, "/award")
        return component

    def _document(self, one: PresentedAward, read: ReadAward, stacker: Stacker) -> Mapping[str, Any]:
        credential = read.credential
        if one.document is not None or one.salt is not None:
            return _opened(one, credential.id, read.events)
        if credential.institution != stacker.institution.id:
            message = "another institution awarded this; hand over the holder's bundle, or its document and salt"
            raise InvalidInputError(message, "/document")
        try:
            owner = self._vault.learner_of(credential.id).handle
            kept = read.kept or msgspec.msgpack.decode(
                self._vault.open(credential.id, DOCUMENT_KIND), type=SealedDocument
            )
        except ErasedError as error:
            message = "the institution's copy was erased; hand over the holder's bundle, or its document and salt"
            raise InvalidInputError(message, "/document") from error
        if owner != stacker.learner:
            message = "this is another learner's award, or the learner is known by another reference"
            raise InvalidInputError(message, "/award")
        document: dict[str, Any] = msgspec.json.decode(kept.document)
        return document


def spent_of(component: Component, ledger: Ledger, rows: Sequence[Spending]) -> Component:
    """*component* with what was used of it for other stacks, in its own measure.

    What was counted in another measure (an award of so many minutes can be recognised for so many credits) is the same
    share, rounded up. What was unpacked is told by its key, since nothing of it is left.
    """
    return msgspec.structs.replace(
        component,
        spent=tuple(
            Spent(target=_target(ledger, row.stack), amount=_amount(component, row.spent))
            for row in rows
            if row.kind == "stack" and not row.released
        ),
    )


def _amount(component: Component, spent: Amount) -> int:
    return spent.amount if spent.unit == _unit(component) else math.ceil(spent.share * component.size)


def _unit(component: Component) -> SpendingUnit:
    return "ects" if component.credits_centi is not None else "minutes"


def _target(ledger: Ledger, stack: UUID) -> str:
    made = ledger.load(Credential, stack, "such credential")
    assert made.achievement is not None  # noqa: S101  a stack is an award
    assert made.edition is not None  # noqa: S101  as above
    achievement = ledger.load(Achievement, made.achievement, "such achievement")
    return achievement_type(achievement, made.edition)


def _opened(one: PresentedAward, award: UUID, events: Sequence[Event]) -> Mapping[str, Any]:
    """The document that was handed over, if it is the one that was committed to."""
    if one.document is None or one.salt is None or len(one.salt) != SALT_BYTES:
        message = f"a document comes with the salt of {SALT_BYTES} bytes that opens its commitment, as in the bundle"
        raise InvalidInputError(message, "/salt")
    made = commit(award, DOCUMENT_KIND, canonical_json(one.document), one.salt)
    for event in events:
        if isinstance(event, Credential.Issued | Credential.Reissued) and event.commitments.get(DOCUMENT_KIND) == made:
            return one.document
    message = "the document and its salt are not what the log has recorded of this award"
    raise InvalidInputError(message, "/document")
