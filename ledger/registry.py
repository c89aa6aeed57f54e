"""Commands on institutions: who may issue, with which keys, on whose word.

Only the operator registers institutions and enters accreditations. Keys are the institution's own affair as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ledger.access import Actor, audit
from ledger.application import Decision, Ledger, Outcome, Request, institution_id
from ledger.document import institution_did
from ledger.error import ConflictError, NotFoundError
from ledger.form.kind import BASE
from ledger.institution import DID_KEY, Institution, InstitutionKind
from ledger.limit import Limits
from ledger.reason import Reason
from ledger.signing import KeyStore
from ledger.signing_algorithm import Algorithm
from ledger.store import Write
from ledger.vault import Vault


class Registry:
    """Carries out commands on institutions.

    Args:
        ledger: The event store.
        vault: Keeps answers to submissions.
        keys: Where private keys are.
        host: Host (and port) of the ledger's public address, which the institutions' DIDs name.
    """

    def __init__(self, ledger: Ledger, vault: Vault, keys: KeyStore, host: str) -> None:
        self._ledger = ledger
        self._vault = vault
        self._keys = keys
        self._host = host

    def register(
        self,
        *,
        slug: str,
        name: str,
        country: str,
        kind: InstitutionKind,
        actor: Actor,
        request: Request | None = None,
        did_key: Algorithm | None = None,
    ) -> Outcome:
        """Register an institution and make its first signing key. The answer is its slug and DID.

        Args:
            slug: Its name in addresses.
            name: Its name.
            country: Where it is, ISO 3166-1 alpha-2.
            kind: What it is.
            actor: Who asks.
            request: What makes a repetition recognisable.
            did_key: Identify it by its one key, of this kind, for ever; None for a did:web whose keys can change.

        Raises:
            ForbiddenError: The actor is not the operator.
            InvalidInputError: Something is not well formed.
            ConflictError: The slug is taken.
        """
        actor.require_operator()

        def decide(now: datetime) -> Decision:
            identity = institution_id(slug)
            self._refuse_taken(slug)
            multibase, writes = self._keys.make(identity, "key-1" if did_key is None else None, did_key or "Ed25519")
            did = institution_did(self._host, slug) if did_key is None else f"{DID_KEY}{multibase}"
            event = Institution.register(
                id=identity,
                slug=slug,
                name=name,
                country=country,
                kind=kind,
                did=did,
                key_multibase=multibase,
                at=now,
            )
            answer = {"institution": slug, "did": did, "key": "key-1" if did_key is None else multibase}
            return Decision([event], [*writes, audit(actor, "institution.register", identity, 1, now)], answer)

        return self._ledger.carry_out(self._vault, request, decide)

    def grant_accreditation(
        self,
        *,
        slug: str,
        by: str,
        scope: str,
        valid_from: datetime,
        valid_until: datetime | None,
        actor: Actor,
        request: Request | None = None,
        limits: Limits | None = None,
    ) -> Outcome:
        """Enter an accreditation. The answer is its id.

        Raises:
            ForbiddenError: The actor is not the operator.
            InvalidInputError, NotFoundError: See :meth:`Institution.grant_accreditation`.
        """
        actor.require_operator()

        def decide(now: datetime) -> Decision:
            institution = self._ledger.institution(slug)
            events = institution.grant_accreditation(
                by=by, scope=scope, valid_from=valid_from, valid_until=valid_until, at=now, limits=limits
            )
            answer = {"accreditation": f"accreditation-{len(institution.accreditations) + 1}"}
            return Decision(events, [audit(actor, "accreditation.grant", institution.id, 1, now)], answer)

        return self._ledger.carry_out(self._vault, request, decide)

    def withdraw_accreditation(
        self,
        *,
        slug: str,
        accreditation_id: str,
        reason: Reason,
        effective_at: datetime | None,
        actor: Actor,
        request: Request | None = None,
    ) -> Outcome:
        """Enter that an accreditation was withdrawn (now, unless *effective_at* says when).

        Raises:
            ForbiddenError: The actor is not the operator.
            NotFoundError, RuleError: See :meth:`Institution.withdraw_accreditation`.
        """
        actor.require_operator()

        def decide(now: datetime) -> Decision:
            institution = self._ledger.institution(slug)
            events = institution.withdraw_accreditation(
                accreditation_id=accreditation_id, reason=reason, effective_at=effective_at or now, at=now
            )
            answer = {"accreditation": accreditation_id}
            return Decision(events, [audit(actor, "accreditation.withdraw", institution.id, 1, now)], answer)

        return self._ledger.carry_out(self._vault, request, decide)

    def rotate_key(
        self, *, slug: str, actor: Actor, request: Request | None = None, algorithm: Algorithm | None = None
    ) -> Outcome:
        """Make a new signing key, bring it into force, destroy the private half of the one before. Answers its id.

        Args:
            slug: Whose key.
            actor: Who asks.
            request: What makes a repetition recognisable.
            algorithm: What kind of key; None for the kind that awards are signed with. The first of another kind takes
                the place of none.

        Raises:
            ForbiddenError: The actor acts for another institution.
            NotFoundError: No such institution.
            RuleError: The institution's identifier is its key.
        """

        def decide(now: datetime) -> Decision:
            institution = self._own(slug, actor)
            wanted = algorithm or institution.keys[0].algorithm
            key_id, active = f"key-{len(institution.keys) + 1}", institution.active_key_of(wanted)
            multibase, writes = self._keys.make(institution.id, key_id, wanted)
            if active is not None:
                writes += self._keys.destroy(institution.id, active.key_id)
            events = institution.rotate_key(key_multibase=multibase, at=now)
            return Decision(events, [*writes, audit(actor, "key.rotate", institution.id, 1, now)], {"key": key_id})

        return self._ledger.carry_out(self._vault, request, decide)

    def revoke_key(
        self,
        *,
        slug: str,
        key_id: str,
        reason: Reason,
        effective_at: datetime | None,
        actor: Actor,
        request: Request | None = None,
    ) -> Outcome:
        """Revoke a key and destroy its private half.

        Raises:
            ForbiddenError: The actor acts for another institution.
            NotFoundError, RuleError: See :meth:`Institution.revoke_key`.
        """

        def decide(now: datetime) -> Decision:
            institution = self._own(slug, actor)
            events = institution.revoke_key(key_id=key_id, reason=reason, effective_at=effective_at or now, at=now)
            writes = [*self._keys.destroy(institution.id, key_id), audit(actor, "key.revoke", institution.id, 1, now)]
            return Decision(events, writes, {"key": key_id})

        return self._ledger.carry_out(self._vault, request, decide)

    def declare_compromised(
        self, *, slug: str, key_id: str, compromised_at: datetime, actor: Actor, request: Request | None = None
    ) -> Outcome:
        """Declare that a key was in other hands from *compromised_at* on, and destroy its private half.

        Raises:
            ForbiddenError: The actor acts for another institution.
            NotFoundError, RuleError: See :meth:`Institution.declare_compromised`.
        """

        def decide(now: datetime) -> Decision:
            institution = self._own(slug, actor)
            events = institution.declare_compromised(key_id=key_id, compromised_at=compromised_at, at=now)
            writes: list[Write] = self._keys.destroy(institution.id, key_id)
            writes.append(audit(actor, "key.compromise", institution.id, 1, now))
            return Decision(events, writes, {"key": key_id})

        return self._ledger.carry_out(self._vault, request, decide)

    def choose_forms(self, *, slug: str, forms: Sequence[str], actor: Actor, request: Request | None = None) -> Outcome:
        """Choose in which forms an institution offers its documents from now on. Answers them.

        Raises:
            ForbiddenError: The actor acts for another institution.
            InvalidInputError, NotFoundError, RuleError: See :meth:`Institution.choose_forms`.
        """

        def decide(now: datetime) -> Decision:
            institution = self._own(slug, actor)
            events = institution.choose_forms(forms=forms, at=now)
            answer = {"institution": slug, "forms": [BASE.name, *forms]}
            return Decision(events, [audit(actor, "institution.choose_forms", institution.id, 1, now)], answer)

        return self._ledger.carry_out(self._vault, request, decide)

    def _refuse_taken(self, slug: str) -> None:
        try:
            self._ledger.institution(slug)
        except NotFoundError:
            return
        message = f"there is an institution «{slug}» already; choose another slug"
        raise ConflictError(message)

    def _own(self, slug: str, actor: Actor) -> Institution:
        institution = self._ledger.institution(slug)
        actor.require_institution(institution.id)
        return institution
