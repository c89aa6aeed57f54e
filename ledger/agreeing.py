"""Commands on agreements: propose one, accept it, end it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from ledger.access import Actor, audit
from ledger.agreement import MAX_AGREEMENTS, Agreement, Terms, agreement_id
from ledger.application import Decision, Ledger, Outcome, Request
from ledger.error import NotFoundError, RuleError
from ledger.institution import Institution
from ledger.vault import Vault


class Agreeing:
    """Carries out commands on agreements.

    Args:
        ledger: The event store.
        vault: Keeps answers to submissions.
    """

    def __init__(self, ledger: Ledger, vault: Vault) -> None:
        self._ledger = ledger
        self._vault = vault

    def propose(
        self,
        *,
        slug: str,
        partner: str,
        terms: Terms,
        actor: Actor,
        valid_from: datetime | None = None,
        valid_until: datetime | None = None,
        request: Request | None = None,
    ) -> Outcome:
        """Propose an agreement to another institution. The answer is its id.

        Args:
            slug: Who proposes.
            partner: To whom.
            terms: What is agreed on.
            actor: Who asks.
            valid_from: From when; None for now.
            valid_until: The last instant; None without an end.
            request: What makes a repetition recognisable.

        Raises:
            ForbiddenError: The actor acts for another institution.
            NotFoundError: No such institution.
            InvalidInputError: See :meth:`Agreement.propose`.
        """

        def decide(now: datetime) -> Decision:
            proposer = self._own(slug, actor)
            other = self._ledger.institution(partner)
            event = Agreement.propose(
                proposer=proposer.id,
                partner=other.id,
                number=self._next(proposer.id, other.id),
                terms=terms,
                valid_from=valid_from or now,
                valid_until=valid_until,
                at=now,
            )
            writes = [audit(actor, "agreement.propose", proposer.id, 1, now)]
            return Decision([event], writes, {"agreement": str(event.originator_id)})

        return self._ledger.carry_out(self._vault, request, decide)

    def accept(self, *, agreement: UUID, slug: str | None, actor: Actor, request: Request | None = None) -> Outcome:
        """Accept an agreement for the institution that it was proposed to.

        Args:
            agreement: Which one.
            slug: For whom an operator acts; None for the actor's own institution.
            actor: Who asks.
            request: What makes a repetition recognisable.

        Raises:
            ForbiddenError: The actor acts for another institution.
            NotFoundError, RuleError: See :meth:`Agreement.accept`.
        """

        def decide(now: datetime) -> Decision:
            known, institution = self._known(agreement, slug, actor)
            events = known.accept(institution=institution, at=now)
            writes = [audit(actor, "agreement.accept", institution, 1, now)]
            return Decision(events, writes, {"agreement": str(agreement)})

        return self._ledger.carry_out(self._vault, request, decide)

    def end(
        self,
        *,
        agreement: UUID,
        slug: str | None,
        actor: Actor,
        effective_at: datetime | None = None,
        request: Request | None = None,
    ) -> Outcome:
        """End an agreement for one of its two institutions (now, unless *effective_at* says when).

        Raises:
            ForbiddenError: The actor acts for another institution.
            NotFoundError, RuleError: See :meth:`Agreement.end`.
        """

        def decide(now: datetime) -> Decision:
            known, institution = self._known(agreement, slug, actor)
            events = known.end(institution=institution, effective_at=effective_at or now, at=now)
            writes = [audit(actor, "agreement.end", institution, 1, now)]
            return Decision(events, writes, {"agreement": str(agreement)})

        return self._ledger.carry_out(self._vault, request, decide)

    def agreement(self, identity: UUID) -> Agreement:
        """The present state of an agreement. Raises NotFoundError."""
        return self._ledger.load(Agreement, identity, "such agreement")

    def _known(self, identity: UUID, slug: str | None, actor: Actor) -> tuple[Agreement, UUID]:
        """The agreement, and for which institution the actor acts."""
        known = self.agreement(identity)
        institution = actor.institution if slug is None else self._own(slug, actor).id
        if institution is None:
            message = "an operator key acts for every institution; name one in «institution»"
            raise RuleError(message)
        return known, institution

    def _own(self, slug: str, actor: Actor) -> Institution:
        institution = self._ledger.institution(slug)
        actor.require_institution(institution.id)
        return institution

    def _next(self, one: UUID, other: UUID) -> int:
        """The number of the next agreement between two institutions; two at once conflict, and one is tried again."""
        for number in range(1, MAX_AGREEMENTS + 1):
            try:
                self._ledger.load(Agreement, agreement_id(one, other, number), "such agreement")
            except NotFoundError:
                return number
        return MAX_AGREEMENTS + 1
