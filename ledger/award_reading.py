"""Reads one award of this ledger with its history, whether it is an award of its own or a part of an unpacked diploma.

A part begins with no event of its own, and may have none at all: what an issuance would say of it is in its leaf. Who
looks at an award here need not know which of the two it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec

from ledger.achievement import Achievement
from ledger.application import Ledger
from ledger.component_fact import Logged
from ledger.credential import Credential
from ledger.event import Event
from ledger.institution import Institution
from ledger.part import KeptPart
from ledger.part_keeping import PartKeeping
from ledger.vault import Vault


class ReadAward(msgspec.Struct, frozen=True, kw_only=True):
    """An award with its history.

    Attributes:
        public_id: Its public id.
        credential: How it stands by itself.
        shared: How all parts of the diploma stand of which it is one; None for an award of its own.
        kept: What the vault keeps of a part; None for an award of its own.
        events: What the log says of it: of an award its issuance (or another birth) and its changes, of a part what an
            issuance would say of it and its changes.
        shared_changes: What became of all parts of the diploma together.
    """

    public_id: str
    credential: Credential
    shared: Credential | None
    kept: KeptPart | None
    events: Sequence[Event]
    shared_changes: Sequence[Event]

    @property
    def standings(self) -> tuple[Credential, ...]:
        """Everything that has to hold for it to hold, at the versions that were read."""
        return (self.credential,) if self.shared is None else (self.credential, self.shared)

    @property
    def lost(self) -> Credential | None:
        """What of it does not hold, if something does not."""
        return next((one for one in self.standings if one.state != "active"), None)

    @property
    def origin(self) -> str | None:
        """Key of the unpacking of which it is a part."""
        return None if self.kept is None else self.kept.opening.unpacking.hex

    def logged(self, institution: Institution, achievement: Achievement) -> Logged:
        """What the rules of pathways look at; only of what is an award."""
        issued, *changes = self.events
        assert isinstance(issued, Credential.Issued)  # noqa: S101  an award, as the caller has found out
        return Logged(
            award=self.public_id,
            institution=institution.slug,
            country=institution.country,
            accreditations=institution.accreditations,
            achievement=achievement,
            issued=issued,
            changes=changes,
            shared=self.shared_changes,
        )


class AwardReading:
    """Reads awards.

    Args:
        ledger: The event store.
        vault: Where parts are kept.
    """

    def __init__(self, ledger: Ledger, vault: Vault) -> None:
        self._ledger = ledger
        self._parts = PartKeeping(ledger, vault)

    def read(self, public_id: str) -> ReadAward:
        """Read an award or a part.

        Raises:
            InvalidInputError: The id is malformed.
            NotFoundError: There is neither.
        """
        kept = self._parts.find(public_id)
        if kept is None:
            credential = self._ledger.credential(public_id)
            return ReadAward(
                public_id=public_id,
                credential=credential,
                shared=None,
                kept=None,
                events=self._events(credential.id),
                shared_changes=(),
            )
        part, shared = self._parts.rests_on(kept, self._ledger.now())
        return ReadAward(
            public_id=public_id,
            credential=part,
            shared=shared,
            kept=kept,
            events=(self._parts.issued(kept), *self._events(part.id)[1:]),
            shared_changes=self._events(shared.id)[1:],
        )

    def _events(self, identity: UUID) -> Sequence[Event]:
        stored = self._ledger.store.select_events(identity)
        return [self._ledger.event_mapper.to_domain_event(event).body for event in stored]
