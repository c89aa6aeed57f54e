"""The write side put together: database, vault, keys and commands of one ledger."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from api.database import open_factory, read_note, write_note
from api.identity import MIRROR_FILE, Identity, IdentityError, settle_identity
from api.log_secret import secret_keys, vkeys
from api.setting import Settings
from ledger.access import Access
from ledger.agreeing import Agreeing
from ledger.application import Clock, Ledger
from ledger.attesting import Attesting
from ledger.cascade import Cascade
from ledger.catalogue import Catalogue
from ledger.component_reading import ComponentReading
from ledger.erasing import Erasing
from ledger.error import KeyEncryptionError, StorageError
from ledger.form_adding import FormAdding
from ledger.institution import Institution
from ledger.issuance import Issuance
from ledger.key_ring import KeyRing, holds_keys, tried_key_ring
from ledger.learner_link import LearnerLinks, MadeLink
from ledger.learner_request import LearnerRequests
from ledger.lifecycle import Lifecycle
from ledger.log_keeping import LogKeeping
from ledger.part_keeping import PartKeeping
from ledger.pathway_publishing import PathwayPublishing
from ledger.pathway_trial import PathwayTrial
from ledger.prospectus import Prospectus
from ledger.quality_keeping import QualityKeeping
from ledger.recognised_component import RecognisedComponents
from ledger.recognising import Recognising
from ledger.record_keeping import RecordKeeping
from ledger.registry import Registry
from ledger.reissuance import Reissuance
from ledger.reviewing import Reviewing
from ledger.separating import Separating
from ledger.signing import KeyStore, SealedKeyStore
from ledger.spending import SpendingBook
from ledger.stacking_up import StackingUp
from ledger.status_allocation import StatusAllocator
from ledger.store import LedgerFactory
from ledger.vault import Vault
from ledger.wallet_copy import WalletCopies
from verifier.jsonld.canonical import canonical_nquads

KEY_PLACE = "keys.path"
"""File that says where this ledger's key-encryption keys were found last, for a copy that lies elsewhere."""


@dataclass(frozen=True, slots=True)
class LedgerNode:
    """The write side of one ledger."""

    settings: Settings
    identity: Identity
    ledger: Ledger
    key_ring: KeyRing
    vault: Vault
    keys: KeyStore
    access: Access
    registry: Registry
    catalogue: Catalogue
    quality: QualityKeeping
    issuance: Issuance
    lifecycle: Lifecycle
    erasing: Erasing
    reissuance: Reissuance
    attesting: Attesting
    form_adding: FormAdding
    records: RecordKeeping
    log_keeping: LogKeeping
    prospectus: Prospectus
    separating: Separating
    parts: PartKeeping
    pathways: PathwayPublishing
    spending: SpendingBook
    stacking: StackingUp
    trial: PathwayTrial
    cascade: Cascade
    reviewing: Reviewing
    recognising: Recognising
    agreeing: Agreeing
    links: LearnerLinks
    copies: WalletCopies
    requests: LearnerRequests

    def institutions(self) -> list[Institution]:
        """Every institution, in order of registration."""
        rows = self.ledger.store.query(
            "SELECT state FROM stored_events WHERE topic=? ORDER BY position",
            (Institution.Registered.TOPIC,),
        )
        decoded = (self.ledger.event_mapper.decode(Institution.Registered.TOPIC, row[0], "registered") for row in rows)
        return [self.ledger.institution(body.slug) for body in decoded if isinstance(body, Institution.Registered)]

    def close(self) -> None:
        """Record what is waiting, then close the database."""
        self.ledger.close()


def system_clock() -> datetime:
    """The present instant, UTC."""
    return datetime.now(UTC)


def open_ledger(
    settings: Settings,
    *,
    clock: Clock = system_clock,
    random: Callable[[int], bytes] = os.urandom,
    on_commit: Callable[[int], None] = lambda _: None,
) -> LedgerNode:
    """Open the ledger in ``settings.data_dir``, making it when it is not there.

    Raises:
        IdentityError: The settings contradict what the directory has been since it was made.
        KeyEncryptionError: The key-encryption keys do not open the vault.
        StorageError: The directory cannot be written, or the database cannot be reached, fails or is another ledger's.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    if (settings.data_dir / MIRROR_FILE).exists():
        message = f"{settings.data_dir} is a mirror (cairn follow); a ledger needs a directory of its own"
        raise IdentityError(message)
    if not os.access(settings.data_dir, os.W_OK):
        message = f"{settings.data_dir} cannot be written: is the disk read-only, or is it somebody else's?"
        raise StorageError(message)
    identity = settle_identity(settings) if settings.tiles is None else None
    factory = open_factory(settings, random)
    ledger = Ledger(factory, clock=clock, random=random, on_commit=on_commit)
    try:
        if identity is None:
            identity = _joined(settings, ledger, factory)
        is_new = not ledger.newest() and not ledger.store.query("SELECT name FROM vault_secret LIMIT 1")
        with tried_key_ring(find_key_directory(settings, is_new=is_new), random) as key_ring:
            return _put_together(settings, identity, ledger, key_ring, random)
    except BaseException:
        ledger.close()
        raise


def _joined(settings: Settings, ledger: Ledger, factory: LedgerFactory) -> Identity:
    """Join the ledger in the database; the directory may be new. A crash in here is made up for by the next start."""
    from api.joining import join  # noqa: PLC0415  loads the driver
    from ledger.postgres_store import PostgresFactory, PostgresRecorder  # noqa: PLC0415  the same

    recorder = ledger.store
    assert isinstance(factory, PostgresFactory)  # noqa: S101  open_factory makes no other for shared tiles
    assert isinstance(recorder, PostgresRecorder)  # noqa: S101  the factory's
    identity = join(settings, recorder)
    if read_note(settings.data_dir) is None:
        write_note(settings.data_dir, factory.ledger)
    return identity


def _put_together(
    settings: Settings, identity: Identity, ledger: Ledger, key_ring: KeyRing, random: Callable[[int], bytes]
) -> LedgerNode:
    vault = Vault(ledger.rows, key_ring, random)
    keys = SealedKeyStore(ledger.store, key_ring, random)
    places = StatusAllocator(ledger.rows, vault.secret("status-places"))
    issuance = Issuance(ledger, vault, keys, places, identity.base_url, canonicalise=canonicalise)
    book = SpendingBook(ledger.store)
    reading = ComponentReading(ledger, vault, book, RecognisedComponents(ledger, vault))
    attesting = Attesting(ledger, vault, keys, places, identity.base_url)
    erasing = Erasing(ledger, vault)
    return LedgerNode(
        settings=settings,
        identity=identity,
        ledger=ledger,
        key_ring=key_ring,
        vault=vault,
        keys=keys,
        access=Access(ledger.rows, random),
        registry=Registry(ledger, vault, keys, identity.did_host),
        catalogue=Catalogue(ledger, vault),
        quality=QualityKeeping(ledger, vault),
        issuance=issuance,
        lifecycle=Lifecycle(ledger, vault),
        erasing=erasing,
        reissuance=Reissuance(ledger, vault, keys, identity.base_url, canonicalise=canonicalise),
        form_adding=FormAdding(ledger, vault, keys, identity.base_url, canonicalise=canonicalise),
        attesting=attesting,
        records=RecordKeeping(ledger, vault, attesting, identity.base_url),
        pathways=PathwayPublishing(ledger, vault),
        spending=book,
        stacking=StackingUp(ledger, vault, issuance, reading),
        trial=PathwayTrial(ledger, vault, reading),
        cascade=Cascade(ledger, vault, book),
        reviewing=Reviewing(ledger, vault),
        log_keeping=LogKeeping(ledger, vault, lambda number: vkeys(secret_keys(vault, identity.origin, number))),
        prospectus=Prospectus(ledger, vault),
        separating=Separating(ledger, vault, keys, places, identity.base_url),
        parts=PartKeeping(ledger, vault),
        recognising=Recognising(ledger, vault),
        agreeing=Agreeing(ledger, vault),
        links=LearnerLinks(ledger, vault),
        copies=WalletCopies(ledger, vault, keys, identity.base_url),
        requests=LearnerRequests(ledger, vault, erasing),
    )


def learner_address(node: LedgerNode, made: MadeLink) -> str:
    """The address that a learner is handed; its secret part stands where no browser sends it."""
    return f"{node.identity.base_url}/mine/enter#{made.secret}"


def canonicalise(document: Mapping[str, Any], hash_name: str) -> bytes:
    """RDF for proofs; the ledger cannot make it itself."""
    return canonical_nquads(document, hash_name="sha384" if hash_name == "sha384" else "sha256")


def find_key_directory(settings: Settings, *, is_new: bool) -> Path:
    """Find the key-encryption keys: where the settings say, beside the data, or where they were found last.

    Args:
        settings: What the operator decided.
        is_new: Whether the ledger is empty, so that keys may be made.

    Raises:
        KeyEncryptionError: The ledger has content and its keys are in none of these places.
    """
    note = settings.data_dir / KEY_PLACE
    chosen = settings.key_dir
    if settings.kek_dir is None and not holds_keys(chosen) and note.exists():
        remembered = Path(note.read_text("utf-8").strip())
        return remembered if holds_keys(remembered) else _require_new(chosen, is_new=is_new)
    _require_new(chosen, is_new=is_new)
    place = str(chosen.absolute())
    if not note.exists() or note.read_text("utf-8").strip() != place:
        note.write_text(f"{place}\n", "utf-8")
    return chosen


def _require_new(directory: Path, *, is_new: bool) -> Path:
    """Refuse to make fresh keys for a ledger whose vault they could not open."""
    if holds_keys(directory) or is_new:
        return directory
    message = (
        f"the key-encryption keys of this ledger are not in {directory}; copy its key files (kek-*.key) there from "
        "where they are, or from their backup, or name their place in CAIRN_KEK_DIR"
    )
    raise KeyEncryptionError(message)
