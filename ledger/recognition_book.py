"""What the ledger knows of recognitions: their state, what the vault keeps of them, and what they are worth.

Nothing here decides anything; :mod:`ledger.recognising` does.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final
from uuid import UUID

import msgspec

from ledger.achievement import Achievement
from ledger.agreement import MAX_AGREEMENTS, Agreement, agreement_id
from ledger.application import Ledger
from ledger.award_reading import AwardReading, ReadAward
from ledger.commitment import RECOGNITION_KIND
from ledger.decision import Details, Towards, parse_details
from ledger.error import ErasedError, NotFoundError
from ledger.institution import Institution
from ledger.recognised_fact import recognised_standing
from ledger.recognition import Recognition
from ledger.recognition_credit import component_of, ruling_on
from ledger.stacking.component import Component, Standing
from ledger.vault import Vault

FILE_KIND: Final = "recognised-file"
"""What the vault calls a file that came with an award from elsewhere; never a kind of commitment."""


class KeptDetails(msgspec.Struct, frozen=True):
    """What the vault keeps of a decision: the exact form of its details, and the salt of the commitment to it."""

    form: bytes
    salt: bytes


class RecognitionBook:
    """Looks recognitions up.

    Args:
        ledger: The event store.
        vault: Where details and documents are kept.
    """

    def __init__(self, ledger: Ledger, vault: Vault) -> None:
        self._ledger = ledger
        self._vault = vault
        self._awards = AwardReading(ledger, vault)

    def recognition(self, identity: UUID) -> Recognition:
        """The present state of a recognition. Raises NotFoundError."""
        return self._ledger.load(Recognition, identity, "such recognition")

    def kept(self, recognition: Recognition, version: int) -> KeptDetails:
        """The details of the decision that the event of *version* commits to, and their salt.

        Raises:
            ErasedError: The learner's data was erased.
        """
        opened = self._vault.open(recognition.id, details_kind(version))
        return msgspec.msgpack.decode(opened, type=KeptDetails)

    def details(self, recognition: Recognition) -> dict[int, Details]:
        """The details of every decision by the version of its event; none of a learner who was erased."""
        found: dict[int, Details] = {}
        for ruling in recognition.rulings:
            try:
                found[ruling.version] = parse_details(self.kept(recognition, ruling.version).form)
            except ErasedError:
                continue
        return found

    def component(self, identity: UUID, day: date, towards: Towards | None = None) -> Component | None:
        """The facts of a recognition for the rules of a pathway; None when nothing of it counts there on *day*.

        An award of this ledger stands as it stands on *day*, as far as is known now.

        Args:
            identity: The recognition.
            day: The day of stacking, UTC.
            towards: What is stacked.

        Raises:
            NotFoundError: No such recognition.
        """
        known = self.recognition(identity)
        opened, ruling = self.details(known), ruling_on(known, day)
        details = None if ruling is None else opened.get(ruling.version)
        if details is None:
            return None
        named = details.agreement
        agreement = None if named is None else self._ledger.load(Agreement, named, "such agreement")
        read = None if details.award.credential is None else self._awards.read(details.award.credential)
        standing, accredited = ("valid", None) if read is None else self._standing(read, day)
        return component_of(
            known,
            opened,
            agreement,
            day,
            towards=towards,
            standing=standing,
            accredited=accredited,
            origin=None if read is None else read.origin,
        )

    def _standing(self, read: ReadAward, day: date) -> tuple[Standing, bool | None]:
        """How an award of this ledger stands on *day*, and whether its issuer was entitled to it on its own day."""
        assert read.credential.achievement is not None  # noqa: S101  nothing else is recognised
        awarder = self._ledger.load(Institution, read.credential.institution, "such institution")
        achievement = self._ledger.load(Achievement, read.credential.achievement, "such achievement")
        return recognised_standing(read.logged(awarder, achievement), awarder, day, self._ledger.now())

    def file(self, recognition: UUID, number: int) -> bytes:
        """The exact bytes of a file that came with an award from elsewhere, by its place from 0.

        Raises:
            ErasedError: The learner's data was erased, or there is no such file.
        """
        return self._vault.open(recognition, f"{FILE_KIND}-{number}")

    def agreements_between(self, one: UUID, other: UUID) -> Iterator[Agreement]:
        """Every agreement between two institutions, in the order in which they were proposed."""
        for number in range(1, MAX_AGREEMENTS + 1):
            try:
                yield self._ledger.load(Agreement, agreement_id(one, other, number), "such agreement")
            except NotFoundError:
                return


def details_kind(version: int) -> str:
    """What the vault calls the details that the event of *version* commits to."""
    return f"{RECOGNITION_KIND}-{version}"
