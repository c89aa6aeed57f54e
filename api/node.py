"""The composition root: the parts of one serving process, and the few questions that routes ask across them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from api.bundle import Bundles
from api.cpu_bound import CpuBound
from api.error import RETRY_AFTER, FieldError, InvalidRequestError, NotReadyError, UnknownResourceError
from api.evidence import WAIT_SECONDS, Evidences
from api.ledger_node import LedgerNode, open_ledger, system_clock
from api.log_node import PublicLog, follow_log, open_log
from api.lookup import Lookup
from api.part import Parts
from api.published_log import PublishedLog
from api.setting import Settings
from api.signed_list import StatusList
from api.status import Statuses
from api.status_list import StatusLists
from api.status_token import StatusTokens
from api.view_node import ViewNode, open_views, projector_lock
from ledger.access import Access, Actor
from ledger.application import Clock, Ledger
from ledger.catalogue import Catalogue
from ledger.document import PURPOSES
from ledger.error import InvalidInputError, NotFoundError
from ledger.institution import Institution
from ledger.issuance import Issuance
from ledger.lifecycle import Lifecycle
from ledger.part import Opening
from ledger.prospectus import Prospectus
from ledger.registry import Registry
from ledger.reissuance import Reissuance
from ledger.separating import Separating
from projections.credential_status import CredentialFacts
from projections.error import ViewNotReadyError
from projections.projector import Helper
from projections.source import LedgerSource

VISIBLE_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Node:
    """One serving process."""

    parts: LedgerNode
    log: PublicLog
    lookup: Lookup
    bundles: Bundles
    status_lists: StatusLists
    status_tokens: StatusTokens
    cpu: CpuBound

    @property
    def views(self) -> ViewNode:
        """Readers over the views."""
        return self.lookup.views

    @property
    def settings(self) -> Settings:
        """What the operator decided."""
        return self.parts.settings

    @property
    def ledger(self) -> Ledger:
        """The event store."""
        return self.parts.ledger

    @property
    def access(self) -> Access:
        """Bearer keys."""
        return self.parts.access

    @property
    def registry(self) -> Registry:
        """Commands on institutions."""
        return self.parts.registry

    @property
    def catalogue(self) -> Catalogue:
        """Commands on achievements."""
        return self.parts.catalogue

    @property
    def issuance(self) -> Issuance:
        """Commands that make awards."""
        return self.parts.issuance

    @property
    def lifecycle(self) -> Lifecycle:
        """Commands on awards."""
        return self.parts.lifecycle

    @property
    def reissuance(self) -> Reissuance:
        """Commands that sign awards anew."""
        return self.parts.reissuance

    @property
    def prospectus(self) -> Prospectus:
        """Commands on programmes."""
        return self.parts.prospectus

    @property
    def separating(self) -> Separating:
        """The command that unpacks diplomas."""
        return self.parts.separating

    @property
    def published(self) -> PublishedLog:
        """The log as the public sees it."""
        return self.log.published

    def wait_until_visible(self, position: int, *views: str) -> None:
        """Wait until *views* (all, when none is named) show what was written up to *position*.

        Not for long: the write stands anyway.
        """
        self.views.projector.wait_for(position, VISIBLE_SECONDS, views or None)

    @contextmanager
    def showing(self, position: int, *views: str) -> Iterator[None]:
        """Read inside what *views* show of a write, after :meth:`wait_until_visible`.

        Raises:
            NotReadyError: They cannot be read yet; it says that the write stands.
        """
        self.wait_until_visible(position, *views)
        try:
            yield
        except ViewNotReadyError as error:
            message = (
                "it is recorded, and this server cannot show it yet; the same request with the same Idempotency-Key "
                "gives the answer as soon as it can"
            )
            raise NotReadyError(message, headers=RETRY_AFTER) from error

    def slug_for(self, actor: Actor, named: str | None) -> str:
        """The institution that a write is for: the key's own, or the one that an operator names.

        Raises:
            InvalidRequestError: An operator named none.
        """
        if actor.institution is None:
            if named is None:
                message = "an operator key acts for every institution; name one in «institution»"
                raise InvalidRequestError(message, errors=(FieldError(message, "/institution"),))
            return named
        own = self.ledger.load(Institution, actor.institution, "such institution").slug
        return own if named is None else named

    def institution_of_did(self, did: str) -> Institution | None:
        """The institution of this ledger that *did* identifies, as it is now; None if there is none."""
        record = self.views.directory.by_did(did)
        return None if record is None else self.ledger.load(Institution, record.institution, "such institution")

    def slugs_of(self, actor: Actor) -> list[str]:
        """The institutions that *actor* acts for: its own, or every one for an operator."""
        if actor.institution is not None:
            return [self.ledger.load(Institution, actor.institution, "such institution").slug]
        return [institution.slug for institution in self.parts.institutions()]

    def links(self, public_id: str) -> dict[str, str]:
        """Addresses of an award."""
        base = self.parts.identity.base_url
        api = f"{base}/v1/credentials/{public_id}"
        return {
            "url": f"{base}/verify/{public_id}",
            "status_url": f"{api}/status",
            "evidence_url": f"{api}/evidence",
            "bundle_url": f"{api}/bundle",
        }

    def close(self) -> None:
        """End the workers, stop projecting and close everything."""
        self.cpu.close()
        self.views.close()
        self.log.close()
        self.parts.close()


def open_node(
    settings: Settings,
    *,
    clock: Clock = system_clock,
    random: Callable[[int], bytes] = os.urandom,
    sequences: bool = True,
    helper: Helper | None = None,
) -> Node:
    """Open everything over ``settings.data_dir``. The projector is started; the log's loops are the caller's.

    Args:
        settings: What the operator decided.
        clock: Present instant.
        random: Source of randomness.
        sequences: Whether this process continues the log; else it follows what another one publishes.
        helper: The process that is to keep the views up to date for this one. The caller ends it.

    Raises:
        IdentityError, KeyEncryptionError: See :func:`api.ledger_node.open_ledger`.
        anchoring.error.AnchoringError: See :func:`api.log_node.open_log`.
    """
    woken: list[Callable[[int], None]] = []

    def on_commit(position: int) -> None:
        for wake in woken:
            wake(position)

    parts = open_ledger(settings, clock=clock, random=random, on_commit=on_commit)
    try:
        log: PublicLog = open_log(parts, clock) if sequences else follow_log(parts)
    except BaseException:
        parts.close()
        raise
    try:
        views = open_own_views(parts, projector_lock(settings.data_dir).is_held, helper)
    except BaseException:
        log.close()
        parts.close()
        raise
    woken.append(views.projector.wake)
    try:
        # A view that lacks a revocation would call the award valid.
        views.withhold(LedgerSource(parts.ledger))
    except BaseException:
        views.close()
        log.close()
        parts.close()
        raise
    views.projector.start()
    return _node(parts, log, views)


def open_own_views(
    parts: LedgerNode, elsewhere: Callable[[], bool] = lambda: False, helper: Helper | None = None
) -> ViewNode:
    """Open the views over a ledger's own events; see :func:`api.view_node.open_views`."""
    source, mapper = LedgerSource(parts.ledger), parts.ledger.event_mapper
    return open_views(parts.settings.data_dir, source, mapper, elsewhere, helper=helper)


def _node(parts: LedgerNode, log: PublicLog, views: ViewNode) -> Node:
    def catch_up() -> None:
        views.require_answering()
        views.projector.wait_for(parts.ledger.newest(), WAIT_SECONDS)

    opened = Parts(views, parts.parts)
    facts = _facts(parts, views, opened)
    statuses = Statuses(
        facts=facts,
        record=lambda facts, known_at: views.record(facts.institution, known_at),
        edition=views.edition,
        successor=parts.issuance.successor,
        log=log.published,
        now=parts.ledger.now,
        components=parts.cascade.components,
        pathway=views.pathway_name,
    )
    evidences = Evidences(
        log.published,
        log.state,
        facts,
        views.edition_position,
        views.directory.record,
        [log.keys.log.vkey],
        catch_up,
        opened,
    )

    def bits(block: int, purpose: str) -> StatusList | None:
        owner = views.lists.owner(block)
        found = views.lists.bits(2 * block + PURPOSES.index(purpose))
        return None if owner is None or found is None else StatusList(owner, found)

    lists = StatusLists(parts.ledger, parts.keys, parts.identity.base_url, bits)
    lookup = Lookup(parts.identity.base_url, views, statuses, evidences, log.published, parts.ledger.now)
    tokens = StatusTokens(parts.ledger, parts.keys, parts.identity.base_url, bits)
    return Node(
        parts,
        log,
        lookup,
        Bundles(evidences, parts.issuance, parts.parts, parts.stacking, views.pathway_position),
        lists,
        tokens,
        CpuBound(),
    )


def _facts(parts: LedgerNode, views: ViewNode, opened: Parts) -> Callable[[str], CredentialFacts]:
    """Look up awards in the view, and never call one unknown that is recorded and merely not there yet.

    Parts of unpacked diplomas are in no view; the vault has what opens them.
    """

    def facts(public_id: str) -> CredentialFacts:
        try:
            return views.facts(public_id)
        except UnknownResourceError as unknown:
            opening = opened.opening(public_id)
            if opening is not None:
                return _part_facts(opened, opening)
            try:
                recorded = parts.ledger.credential(public_id)
            except (NotFoundError, InvalidInputError):
                raise unknown from None
            if recorded.nature == "part":  # its opening was erased
                raise
            message = "the award is recorded, and this server has not caught up with it; try again in a second"
            raise NotReadyError(message, headers=RETRY_AFTER) from unknown

    return facts


def _part_facts(opened: Parts, opening: Opening) -> CredentialFacts:
    try:
        return opened.facts(opening)
    except UnknownResourceError as error:  # the vault has it, so its unpacking is recorded
        message = "the award is recorded, and this server has not caught up with it; try again in a second"
        raise NotReadyError(message, headers=RETRY_AFTER) from error
