"""The operator's export for an accreditor: each document that the vault still has, with its commitment's salt."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from uuid import UUID

import msgspec

from api.audit.disclosure import ShownStack, write_header, write_line, write_trailer
from api.audit.recognised_check import ShownDetails
from api.ledger_node import LedgerNode
from ledger.access import Actor, audit
from ledger.commitment import DERIVATION_KIND, DOCUMENT_KIND
from ledger.component_reading import RECOGNITION
from ledger.credential import Credential
from ledger.error import ErasedError
from ledger.issuance import SealedDocument
from ledger.part import PART_KIND
from ledger.stacking.derivation import parse_derivation
from ledger.stacking_up import KeptDerivation
from ledger.store import Commit

OWNER_ONLY = 0o600


class _Issuer(msgspec.Struct):
    id: str


class _Issued(msgspec.Struct):
    issuer: _Issuer


def disclose(node: LedgerNode, slug: str | None, to: Path, actor: Actor) -> int:
    """Write the disclosures of one institution, or of all, to a new file that only its owner can read.

    The act is recorded before the file gets its name: whoever finds such a file finds the record too.

    Args:
        node: The ledger; it may be serving.
        slug: Whose awards; None for everybody's.
        to: The file; it must not exist.
        actor: Who asks.

    Returns:
        How many awards are in it. What was erased cannot be disclosed.

    Raises:
        ForbiddenError: The actor is not the operator.
        NotFoundError: There is no such institution.
        FileExistsError: The file is there already.
        OSError: It cannot be written.
    """
    actor.require_operator()
    institution = None if slug is None else node.ledger.institution(slug)
    now = node.ledger.now()
    if to.exists():
        raise FileExistsError(f"{to} is there already; name a new file")
    temporary = to.with_name(f".{to.name}.part")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(write_header(node.identity.origin, slug, now))
            count = 0
            rows = node.ledger.store.query(
                "SELECT aggregate_id, kind FROM vault_item WHERE kind IN (?,?)", (DOCUMENT_KIND, PART_KIND)
            )
            for raw, kind in rows:
                write = _part if kind == PART_KIND else _line
                line = write(node, UUID(bytes=raw), None if institution is None else institution.did)
                count += line is not None
                file.write(line or b"")
            file.write(write_trailer(count))
            file.flush()
            os.fsync(file.fileno())
        owner = None if institution is None else institution.id
        node.ledger.rows.record([Commit((), [audit(actor, "disclosure.export", owner, count, now)])])
        os.link(temporary, to)  # unlike a rename it never replaces what somebody else put there meanwhile
    finally:
        temporary.unlink(missing_ok=True)
    return count


def _line(node: LedgerNode, aggregate: UUID, did: str | None) -> bytes | None:
    """An award's line; None when it is another institution's, or was erased a moment ago."""
    try:
        kept = msgspec.msgpack.decode(node.vault.open(aggregate, DOCUMENT_KIND), type=SealedDocument)
    except ErasedError:
        return None
    if did is not None and msgspec.json.decode(kept.document, type=_Issued).issuer.id != did:
        return None
    return write_line(aggregate, DOCUMENT_KIND, kept.salt, kept.document, _stack(node, aggregate))


def _part(node: LedgerNode, aggregate: UUID, did: str | None) -> bytes | None:
    """The line of a part of an unpacked diploma; None as for an award."""
    kept = node.parts.open(aggregate)
    whole = None if kept is None else node.parts.whole(kept.opening.unpacking)
    if kept is None or whole is None:
        return None
    if did is not None and msgspec.json.decode(kept.document, type=_Issued).issuer.id != did:
        return None
    return write_line(aggregate, DOCUMENT_KIND, kept.salt, kept.document, part=(kept.opening, whole))


def _stack(node: LedgerNode, aggregate: UUID) -> ShownStack | None:
    """The derivation of a stacked award and its salt; officers and their reasons stay in the vault."""
    try:
        kept = msgspec.msgpack.decode(node.vault.open(aggregate, DERIVATION_KIND), type=KeptDerivation)
    except ErasedError:  # it was not stacked, or was erased a moment ago
        return None
    awards = [component.award for component in parse_derivation(kept.derivation).components]
    named = [UUID(hex=award.removeprefix(RECOGNITION)) for award in awards if award.startswith(RECOGNITION)]
    decisions = () if not named else tuple(_decisions(node, named, _stacked_at(node, aggregate)))
    return ShownStack(derivation=kept.derivation, salt=kept.salt, recognitions=decisions)


def _decisions(node: LedgerNode, named: Iterable[UUID], at: datetime) -> Iterator[tuple[UUID, ShownDetails]]:
    """Every decision of some recognitions that had been recorded by *at*; none of what was erased a moment ago."""
    book = node.recognising.book
    for identity in named:
        known = book.recognition(identity).known_at(at)
        if known is None:
            continue
        for ruling in known.rulings:
            with suppress(ErasedError):
                kept = book.kept(known, ruling.version)
                yield identity, ShownDetails(ruling.version, kept.form, kept.salt)


def _stacked_at(node: LedgerNode, aggregate: UUID) -> datetime:
    stored = node.ledger.store.select_events(aggregate)
    bodies = (node.ledger.event_mapper.to_domain_event(event).body for event in stored)
    return next(body.recorded_at for body in bodies if isinstance(body, Credential.Stacked))
