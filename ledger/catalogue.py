"""Commands on achievements: publish a micro-credential's template, and revise it."""

from __future__ import annotations

from datetime import datetime

from ledger.access import Actor, audit
from ledger.achievement import Achievement, Template
from ledger.application import Decision, Ledger, Outcome, Request, achievement_id
from ledger.detail import Details
from ledger.error import NotFoundError
from ledger.newest import require_newest
from ledger.vault import Vault


class Catalogue:
    """Carries out commands on achievements."""

    def __init__(self, ledger: Ledger, vault: Vault) -> None:
        self._ledger = ledger
        self._vault = vault

    def publish(
        self,
        *,
        slug: str,
        code: str,
        template: Template,
        details: Details | None = None,
        after: int | None = None,
        actor: Actor,
        request: Request | None = None,
        trial: bool = False,
    ) -> Outcome:
        """Publish a template: its first edition, or the next one when *code* is known. Answers code and edition.

        Args:
            slug: Whose it is.
            code: What the institution calls it.
            template: What is said of it.
            details: What is said beyond the mandatory elements.
            after: Which edition it was made from, 0 for a first one; None for whichever is the newest.
            actor: Who asks.
            request: What makes a repetition recognisable.
            trial: Publish nothing, and raise what it would be refused with.

        Raises:
            ForbiddenError: The actor acts for another institution.
            MissingElementError, InvalidInputError: See :meth:`Template.check` and :meth:`Details.check`.
            NotFoundError: No such institution.
            OutdatedError: The newest edition is not that which it was made from.
            RuleError: Nothing differs from the newest edition.
        """

        def decide(now: datetime) -> Decision:
            institution = self._ledger.institution(slug)
            actor.require_institution(institution.id)
            identity = achievement_id(institution.id, code)
            try:
                known = self._ledger.achievement(institution.id, code)
            except NotFoundError:
                edition = 1
                require_newest("edition", after, 0)
                first = Achievement.publish(
                    id=identity, institution=institution.id, code=code, template=template, details=details, at=now
                )
                events = [first]
            else:
                edition = len(known.editions) + 1
                require_newest("edition", after, len(known.editions))
                events = known.revise(template=template, details=details, at=now)
            answer = {"institution": slug, "code": code, "edition": edition}
            return Decision(events, [audit(actor, "achievement.publish", institution.id, 1, now)], answer)

        if trial:
            return Outcome(decide(self._ledger.now()).answer, 0, repeated=False)
        return self._ledger.carry_out(self._vault, request, decide)
