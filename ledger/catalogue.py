"""Commands on achievements: publish a micro-credential's template, and revise it."""

from __future__ import annotations

from datetime import datetime

from ledger.access import Actor, audit
from ledger.achievement import Achievement, Template
from ledger.application import Decision, Ledger, Outcome, Request, achievement_id
from ledger.detail import Details
from ledger.error import NotFoundError
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
        actor: Actor,
        request: Request | None = None,
        trial: bool = False,
    ) -> Outcome:
        """Publish a template: its first edition, or the next one when *code* is known. Answers code and edition.

        On *trial* nothing is published, and what it would be refused with is raised.

        Raises:
            ForbiddenError: The actor acts for another institution.
            MissingElementError, InvalidInputError: See :meth:`Template.check` and :meth:`Details.check`.
            NotFoundError: No such institution.
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
                first = Achievement.publish(
                    id=identity, institution=institution.id, code=code, template=template, details=details, at=now
                )
                events = [first]
            else:
                edition = len(known.editions) + 1
                events = known.revise(template=template, details=details, at=now)
            answer = {"institution": slug, "code": code, "edition": edition}
            return Decision(events, [audit(actor, "achievement.publish", institution.id, 1, now)], answer)

        if trial:
            return Outcome(decide(self._ledger.now()).answer, 0, repeated=False)
        return self._ledger.carry_out(self._vault, request, decide)
