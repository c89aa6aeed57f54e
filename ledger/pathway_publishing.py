"""Commands on pathways: publish the rules by which awards stack, publish a further version, retire them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from ledger.access import Actor, audit
from ledger.application import Decision, Ledger, Outcome, Request, pathway_id
from ledger.error import InvalidInputError, NotFoundError
from ledger.newest import require_newest
from ledger.pathway import Pathway, rule_text
from ledger.stacking.pathway_rules import PathwayRules
from ledger.vault import Vault


class PathwayPublishing:
    """Carries out commands on pathways."""

    def __init__(self, ledger: Ledger, vault: Vault) -> None:
        self._ledger = ledger
        self._vault = vault

    def publish(  # noqa: PLR0913  all that a version says, who asks, and how
        self,
        *,
        slug: str,
        code: str,
        achievement: str,
        rules: PathwayRules,
        edition: int | None = None,
        changes: tuple[str, ...] = (),
        after: int | None = None,
        actor: Actor,
        request: Request | None = None,
        trial: bool = False,
    ) -> Outcome:
        """Publish a pathway: its first version, or the next one when *code* is known. Answers code and version.

        Args:
            slug: Whose it is.
            code: What the institution calls it.
            achievement: The institution's code of the achievement that it stacks into.
            rules: The rules.
            edition: Which edition of the achievement is awarded; None for the newest at the time.
            changes: What is other than in the version before; none with a first version.
            after: Which version it was made from, 0 for a first one; None for whichever is the newest.
            actor: Who asks.
            request: What makes a repetition recognisable.
            trial: Publish nothing, and raise what it would be refused with.

        Raises:
            ForbiddenError: The actor acts for another institution.
            InvalidInputError: The rules or the changes are not well formed, or there is no such achievement.
            NotFoundError: No such institution.
            OutdatedError: The newest version is not that which it was made from.
            RuleError: Nothing differs from the newest version, or the pathway was retired.
        """
        text = rule_text(rules)

        def decide(now: datetime) -> Decision:
            institution = self._ledger.institution(slug)
            actor.require_institution(institution.id)
            self._require_edition(institution.id, achievement, edition)
            try:
                known = self._ledger.pathway(institution.id, code)
            except NotFoundError:
                number = 1
                require_newest("version", after, 0)
                if changes:
                    message = "a first version has nothing to differ from; leave the changes out"
                    raise InvalidInputError(message, "/changes") from None
                identity = pathway_id(institution.id, code)
                events = [
                    Pathway.publish(
                        id=identity,
                        institution=institution.id,
                        code=code,
                        achievement=achievement,
                        edition=edition,
                        rules=text,
                        at=now,
                    )
                ]
            else:
                number = len(known.versions) + 1
                require_newest("version", after, len(known.versions))
                events = known.revise(achievement=achievement, edition=edition, rules=text, changes=changes, at=now)
            answer = {"institution": slug, "code": code, "version": number}
            return Decision(events, [audit(actor, "pathway.publish", institution.id, 1, now)], answer)

        if trial:
            return Outcome(decide(self._ledger.now()).answer, 0, repeated=False)
        return self._ledger.carry_out(self._vault, request, decide)

    def retire(self, *, slug: str, code: str, actor: Actor, request: Request | None = None) -> Outcome:
        """Let nothing be stacked by a pathway any more; what was stacked stands. Answers its code.

        Raises:
            ForbiddenError: The actor acts for another institution.
            NotFoundError: No such institution or pathway.
            RuleError: It was retired before.
        """

        def decide(now: datetime) -> Decision:
            institution = self._ledger.institution(slug)
            actor.require_institution(institution.id)
            events = self._ledger.pathway(institution.id, code).retire(at=now)
            answer = {"institution": slug, "code": code, "retired_at": now}
            return Decision(events, [audit(actor, "pathway.retire", institution.id, 1, now)], answer)

        return self._ledger.carry_out(self._vault, request, decide)

    def _require_edition(self, institution: UUID, achievement: str, edition: int | None) -> None:
        try:
            editions = len(self._ledger.achievement(institution, achievement).editions)
        except NotFoundError as error:
            message = f"the institution has published no achievement «{achievement}»; publish it first"
            raise InvalidInputError(message, "/achievement") from error
        if edition is not None and not 0 < edition <= editions:
            message = f"«{achievement}» has the editions 1 to {editions}"
            raise InvalidInputError(message, "/edition")
