"""Finds parts of unpacked diplomas in the vault, and how they stand.

The log does not list parts, and has nothing of one whose status has never changed. Whoever is to change it needs the
state all the same: what the leaf says, and on top of that what the part's own events say, if it has any.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from ledger.application import Ledger
from ledger.commitment import DOCUMENT_KIND
from ledger.credential import Credential
from ledger.credential_id import credential_aggregate_id
from ledger.error import CorruptionError, ErasedError, NotFoundError
from ledger.event import DomainEvent
from ledger.part import PART_KIND, WHOLE_KIND, KeptPart, KeptWhole, Leaf, read_leaf
from ledger.unpacking import Unpacking
from ledger.vault import Vault


class PartKeeping:
    """Reads parts.

    Args:
        ledger: The event store.
        vault: Where parts are kept.
    """

    def __init__(self, ledger: Ledger, vault: Vault) -> None:
        self._ledger = ledger
        self._vault = vault

    def find(self, public_id: str) -> KeptPart | None:
        """What is kept of a part; None when there is none with that id, or it was erased.

        Raises:
            InvalidInputError: The id is malformed.
        """
        return self.open(credential_aggregate_id(public_id))

    def open(self, part: UUID) -> KeptPart | None:
        """What is kept of the part with that aggregate id, or None."""
        try:
            opened = self._vault.open(part, PART_KIND)
        except ErasedError:
            return None
        return msgspec.msgpack.decode(opened, type=KeptPart)

    def whole(self, unpacking: UUID) -> KeptWhole | None:
        """What is kept of an unpacking; None when it was erased."""
        try:
            opened = self._vault.open(unpacking, WHOLE_KIND)
        except ErasedError:
            return None
        return msgspec.msgpack.decode(opened, type=KeptWhole)

    def made(self, unpacking: UUID) -> Unpacking.Made:
        """The event of an unpacking.

        Raises:
            NotFoundError: There is none with that id.
        """
        stored = self._ledger.store.select_events(unpacking, limit=1)
        body = self._ledger.event_mapper.to_domain_event(stored[0]).body if stored else None
        if not isinstance(body, Unpacking.Made):
            message = "there is no such unpacking in this ledger"
            raise NotFoundError(message)
        return body

    def credential(self, public_id: str, now: datetime) -> tuple[Credential, list[DomainEvent]]:
        """How an award or a part stands, and the events that have to come before the first change of a part.

        Raises:
            InvalidInputError: The id is malformed.
            NotFoundError: There is neither.
        """
        kept = self.find(public_id)
        if kept is None:
            return self._ledger.credential(public_id), []
        part, begun = self._state(kept, now)
        return part, [] if begun is None else [begun]

    def shared(self, kept: KeptPart) -> Credential:
        """How all parts of a diploma stand together, of which *kept* is one."""
        return self._ledger.load(Credential, kept.opening.unpacking, "such unpacking")

    def under_review(self, public_id: str, now: datetime) -> Credential:
        """The award that is under review; for a part, when all parts are and it is not itself, what they share.

        Raises:
            InvalidInputError: The id is malformed.
            NotFoundError: There is no such award or part.
        """
        kept = self.find(public_id)
        if kept is None:
            return self._ledger.credential(public_id)
        part, _ = self._state(kept, now)
        return part if part.review is not None else self.shared(kept)

    def rests_on(self, kept: KeptPart, now: datetime) -> tuple[Credential, Credential]:
        """The part and what it shares, at the versions that are recorded; 0 of a part without a history of its own."""
        part, begun = self._state(kept, now)
        return part if begun is None else msgspec.structs.replace(part, version=0), self.shared(kept)

    def issued(self, kept: KeptPart) -> Credential.Issued:
        """What an issuance's event would say of a part."""
        leaf, made = read_leaf(kept.opening.leaf), self.made(kept.opening.unpacking)
        return Credential.Issued(
            institution=made.institution,
            achievement=leaf.achievement,
            edition=leaf.edition,
            key_id=made.key_id,
            commitments=leaf.commitments,
            status_block=made.status_block,
            status_index=leaf.status_index,
            valid_from=leaf.valid_from,
            valid_until=leaf.valid_until,
            recorded_at=made.recorded_at,
        )

    def parts_of(self, unpacking: UUID) -> list[UUID]:
        """Aggregate ids of the parts of an unpacking; none when it is no unpacking, or was erased."""
        whole = self.whole(unpacking)
        return [] if whole is None else [credential_aggregate_id(public_id) for public_id in whole.parts]

    def _state(self, kept: KeptPart, now: datetime) -> tuple[Credential, DomainEvent | None]:
        """A part's state; and of one without a history of its own, the event that would begin it."""
        leaf, made = read_leaf(kept.opening.leaf), self.made(kept.opening.unpacking)
        try:
            return _opened(self._ledger.load(Credential, leaf.credential, "such credential"), leaf, made), None
        except NotFoundError:
            birth = Credential.Parted(
                institution=made.institution,
                status_block=made.status_block,
                status_index=leaf.status_index,
                recorded_at=now,
            )
            begun = DomainEvent(leaf.credential, 1, birth)
            return _opened(Credential.begin(leaf.credential, birth), leaf, made), begun


def _opened(known: Credential, leaf: Leaf, made: Unpacking.Made) -> Credential:
    """What the log knows of a part, with what its leaf says."""
    if (known.nature, known.institution, known.status_block, known.status_index) != (
        "part",
        made.institution,
        made.status_block,
        leaf.status_index,
    ):
        message = f"the history of part {leaf.credential} is not that of its leaf"
        raise CorruptionError(message)
    return msgspec.structs.replace(
        known,
        achievement=leaf.achievement,
        edition=leaf.edition,
        valid_from=leaf.valid_from,
        valid_until=leaf.valid_until,
        since=max(known.since, leaf.valid_from),
        key_id=made.key_id,
        forms={DOCUMENT_KIND: made.key_id},
    )
