"""Commands on the quality of micro-credentials: announce a review, record one, publish figures."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from ledger.access import Actor, audit
from ledger.achievement import Achievement
from ledger.application import Decision, Ledger, Outcome, Request
from ledger.error import NotFoundError
from ledger.event import DomainEvent
from ledger.quality import Headcount, Quality, Review, quality_id
from ledger.vault import Vault


class QualityKeeping:
    """Carries out commands on quality records. Each is for the institution that offers the micro-credential."""

    def __init__(self, ledger: Ledger, vault: Vault) -> None:
        self._ledger = ledger
        self._vault = vault

    def schedule(self, *, slug: str, code: str, due_on: date, actor: Actor, request: Request | None = None) -> Outcome:
        """Announce the next review. Answers when it is due.

        Raises:
            ForbiddenError: The actor acts for another institution.
            NotFoundError: No such institution or micro-credential.
            InvalidInputError, RuleError: See :meth:`Quality.schedule`.
        """

        def events(quality: Quality, _: Achievement, now: datetime) -> list[DomainEvent]:
            return quality.schedule(due_on=due_on, at=now)

        return self._carry_out(slug, code, actor, request, "quality.schedule", events, {"review_due": str(due_on)})

    def review(self, *, slug: str, code: str, review: Review, actor: Actor, request: Request | None = None) -> Outcome:
        """Record a review of the newest edition. Answers when the next is due.

        Raises:
            ForbiddenError, NotFoundError: See :meth:`schedule`.
            InvalidInputError, RuleError: See :meth:`Quality.review`.
        """

        def events(quality: Quality, achievement: Achievement, now: datetime) -> list[DomainEvent]:
            return quality.review(review, edition=len(achievement.editions), at=now)

        due = None if review.next_due is None else str(review.next_due)
        return self._carry_out(slug, code, actor, request, "quality.review", events, {"review_due": due})

    def publish_figures(
        self, *, slug: str, code: str, count: Headcount, actor: Actor, request: Request | None = None
    ) -> Outcome:
        """Publish figures of a period. The answer is empty: what was published is public, what was kept back is not.

        Raises:
            ForbiddenError, NotFoundError: See :meth:`schedule`.
            InvalidInputError, RuleError: See :meth:`Quality.publish_figures`.
        """

        def events(quality: Quality, achievement: Achievement, now: datetime) -> list[DomainEvent]:
            return quality.publish_figures(count, editions=len(achievement.editions), at=now)

        return self._carry_out(slug, code, actor, request, "quality.figures", events, {})

    def _carry_out(
        self,
        slug: str,
        code: str,
        actor: Actor,
        request: Request | None,
        act: str,
        events: Callable[[Quality, Achievement, datetime], list[DomainEvent]],
        answer: dict[str, Any],
    ) -> Outcome:
        def decide(now: datetime) -> Decision:
            institution = self._ledger.institution(slug)
            actor.require_institution(institution.id)
            achievement = self._ledger.achievement(institution.id, code)
            made = events(self._quality(achievement), achievement, now)
            named = {"institution": slug, "code": code, **answer}
            return Decision(made, [audit(actor, act, institution.id, 1, now)], named, [achievement])

        return self._ledger.carry_out(self._vault, request, decide)

    def _quality(self, achievement: Achievement) -> Quality:
        try:
            return self._ledger.load(Quality, quality_id(achievement.id), "quality record")
        except NotFoundError:
            return Quality.of(achievement)
