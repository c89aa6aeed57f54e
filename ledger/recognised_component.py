"""Recognitions as components: what an institution recognised counts in its own stacks, as far as its decision goes.

A recognised award of this ledger is spent under the award itself: whoever stacks it, by its own document or by a
recognition, draws on the same credits. An award from elsewhere is spent under its recognition.
"""

from __future__ import annotations

import re
from typing import Final
from uuid import UUID

from ledger.aggregate import Aggregate
from ledger.agreement import Agreement
from ledger.application import Ledger
from ledger.award_reading import AwardReading, ReadAward
from ledger.component_reading import Gathered, Stacker, spent_of
from ledger.decision import Details, Towards
from ledger.error import ErasedError, InvalidInputError, NotFoundError
from ledger.institution import Institution
from ledger.recognition import Recognition
from ledger.recognition_book import RecognitionBook
from ledger.recognition_credit import ruling_on
from ledger.spending import SpendingBook
from ledger.vault import Vault

_IDENTITY: Final = re.compile(r"[0-9a-f]{32}")


class RecognisedComponents:
    """Gathers recognitions; see :class:`ledger.component_reading.Recognised`.

    Args:
        ledger: The event store.
        vault: Where details are kept.
    """

    def __init__(self, ledger: Ledger, vault: Vault) -> None:
        self._ledger = ledger
        self._vault = vault
        self._awards = AwardReading(ledger, vault)
        self._recognitions = RecognitionBook(ledger, vault)

    def gather(self, recognition: str, stacker: Stacker, book: SpendingBook) -> Gathered:
        """The component that a recognition comes to, as far as the decision goes.

        Raises:
            InvalidInputError: There is no such recognition, it is another's, or it recognises nothing for this pathway
                on this day.
        """
        try:
            return self._gather(recognition, stacker, book)
        except InvalidInputError as error:
            raise InvalidInputError(error.detail, "/award") from error

    def _gather(self, recognition: str, stacker: Stacker, book: SpendingBook) -> Gathered:
        known = self._known(recognition, stacker)
        towards = None if stacker.pathway is None else Towards(kind="pathway", code=stacker.pathway)
        ruling, opened = ruling_on(known, stacker.day), self._recognitions.details(known)
        details = None if ruling is None else opened.get(ruling.version)
        read = None if details is None else self._award(details)
        award = known.id if read is None else read.credential.id
        seen = book.rows(award)
        if any(row.kind == "unpacking" and not row.released for row in seen):
            message = "what was recognised has been unpacked, and its credits are spent on its parts"
            raise InvalidInputError(message)
        component = self._recognitions.component(known.id, stacker.day, towards)
        if component is None or details is None:
            message = (
                "this recognition counts nothing here: it is refused, withdrawn, not yet in force, or for another aim"
            )
            raise InvalidInputError(message)
        return Gathered(
            component=spent_of(component, self._ledger, seen),
            award=award,
            seen=seen,
            rests_on=(known, *self._rests_on(details, read)),
            footing=None if read is None else (known.id, book.rows(known.id)),
        )

    def _known(self, recognition: str, stacker: Stacker) -> Recognition:
        """The recognition, if it is this institution's and this learner's."""
        try:
            if not _IDENTITY.fullmatch(recognition):  # one spelling, so that nothing is presented twice
                raise ValueError(recognition)  # noqa: TRY301  one refusal for whatever is no recognition
            known = self._recognitions.recognition(UUID(hex=recognition))
            owner = self._vault.learner_of(known.id).handle
        except (ValueError, NotFoundError) as error:
            message = "there is no such recognition in this ledger"
            raise InvalidInputError(message) from error
        except ErasedError as error:
            message = "what this recognition is about was erased"
            raise InvalidInputError(message) from error
        if known.institution != stacker.institution.id:
            message = "another institution decided this; what counts here is what this institution recognises"
            raise InvalidInputError(message)
        if owner != stacker.learner:
            message = "this is another learner's recognition, or the learner is known by another reference"
            raise InvalidInputError(message)
        return known

    def _award(self, details: Details) -> ReadAward | None:
        """The award of this ledger that was recognised, if it is one; it has to hold."""
        if details.award.credential is None:
            return None
        read = self._awards.read(details.award.credential)
        if (lost := read.lost) is not None:
            message = f"the award has been {lost.state} since {lost.since.date()}; it can no longer count"
            raise InvalidInputError(message)
        return read

    def _rests_on(self, details: Details, read: ReadAward | None) -> tuple[Aggregate, ...]:
        found: list[Aggregate] = []
        if read is not None:
            awarder = self._ledger.load(Institution, read.credential.institution, "such institution")
            found += [*read.standings, awarder]
        if details.agreement is not None:
            found.append(self._ledger.load(Agreement, details.agreement, "such agreement"))
        return tuple(found)
