"""Commands on reviews of awards: record an appeal and what became of it, and decide a review."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from ledger.access import Actor, audit
from ledger.application import Decision, Ledger, Outcome, Request
from ledger.commitment import NOTE_KIND, SALT_BYTES, STATEMENT_KIND, commit
from ledger.consequence import Consequences
from ledger.credential import AppealOutcome, Credential, ReviewOutcome
from ledger.error import InvalidInputError
from ledger.event import DomainEvent
from ledger.part_keeping import PartKeeping
from ledger.review_end import after, let_stand
from ledger.store import Write
from ledger.text import check_text, is_blank
from ledger.vault import SEAL_SQL, Vault

MAX_STATEMENT_CHARS = 10_000

_Change = Callable[[Credential, "str | None", datetime], "list[DomainEvent]"]


class Reviewing:
    """Carries out commands on reviews."""

    def __init__(self, ledger: Ledger, vault: Vault) -> None:
        self._ledger = ledger
        self._vault = vault
        self._parts = PartKeeping(ledger, vault)
        self._consequences = Consequences(ledger, self._parts)

    def appeal(self, *, public_id: str, statement: str | None, actor: Actor, request: Request | None = None) -> Outcome:
        """Record the holder's appeal; until it is decided no deadline has any effect. *statement* goes to the vault.

        Raises:
            ForbiddenError: The actor acts for another institution.
            InvalidInputError: The statement is blank or too long.
            NotFoundError, RuleError: See :meth:`Credential.appeal`.
        """

        def change(credential: Credential, commitment: str | None, now: datetime) -> list[DomainEvent]:
            return credential.appeal(statement=commitment, at=now)

        text = ("/statement", STATEMENT_KIND, statement)
        return self._change(public_id, "review.appeal", change, text, actor, request)

    def decide_appeal(
        self,
        *,
        public_id: str,
        outcome: AppealOutcome,
        note: str | None,
        actor: Actor,
        request: Request | None = None,
    ) -> Outcome:
        """Record what became of an appeal. Upheld, the review ends with it and the award stands.

        Raises:
            ForbiddenError: The actor acts for another institution.
            InvalidInputError: The note is blank or too long.
            NotFoundError, RuleError: See :meth:`Credential.decide_appeal`.
        """

        def change(credential: Credential, commitment: str | None, now: datetime) -> list[DomainEvent]:
            events = credential.decide_appeal(outcome=outcome, note=commitment, at=now)
            return events if outcome == "dismissed" else [*events, *let_stand(after(credential, events), now)]

        return self._change(public_id, "review.decide_appeal", change, ("/note", NOTE_KIND, note), actor, request)

    def close(self, *, public_id: str, outcome: ReviewOutcome, actor: Actor, request: Request | None = None) -> Outcome:
        """Decide a review before its deadline does: the award stands, is suspended, or is revoked.

        Raises:
            ForbiddenError: The actor acts for another institution.
            NotFoundError: No such award.
            RuleError: No review is open, an appeal waits, or the award cannot become that.
        """

        def change(credential: Credential, _: str | None, now: datetime) -> list[DomainEvent]:
            return close_as(credential, outcome, now)

        return self._change(public_id, "review.close", change, ("", NOTE_KIND, None), actor, request)

    def _change(
        self,
        public_id: str,
        act: str,
        change: _Change,
        text: tuple[str, str, str | None],
        actor: Actor,
        request: Request | None,
    ) -> Outcome:
        pointer, kind, said = text
        if said is not None and (is_blank(said) or len(said) > MAX_STATEMENT_CHARS):
            message = f"this has 1 to {MAX_STATEMENT_CHARS} characters; leave it out if there is none"
            raise InvalidInputError(message, pointer)
        check_text(said or "", pointer)

        def decide(now: datetime) -> Decision:
            credential = self._parts.under_review(public_id, now)
            actor.require_institution(credential.institution)
            commitment, writes = self._keep(credential, kind, said)
            events = change(credential, commitment, now)
            following, freed = self._consequences.follow(credential.id, events, now)
            writes += [*freed, audit(actor, act, credential.institution, 1, now)]
            return Decision([*events, *following], writes, {"credential": public_id})

        return self._ledger.carry_out(self._vault, request, decide)

    def _keep(self, credential: Credential, kind: str, said: str | None) -> tuple[str | None, list[Write]]:
        """Seal a text and commit to it; the version in its kind keeps texts of one award apart."""
        if said is None:
            return None, []
        salt, form = self._ledger.random(SALT_BYTES), said.encode()
        learner = self._vault.learner_of(credential.id)
        row = self._vault.seal(learner, credential.id, f"{kind}-{credential.version + 1}", salt + form)
        return commit(credential.id, kind, form, salt), [Write(SEAL_SQL, [row])]


def close_as(credential: Credential, outcome: ReviewOutcome, now: datetime) -> list[DomainEvent]:
    """What it takes to end a review with *outcome*.

    Raises:
        RuleError: No review is open, an appeal waits, or the award cannot become that.
    """
    review = credential.require_review()
    if outcome == "stands":
        return let_stand(credential, now)
    events: list[DomainEvent] = []
    if outcome == "revoked":
        events = credential.revoke(reason=review.reason, effective_at=now, note=None, at=now)
    elif credential.state == "active":
        events = credential.suspend(reason=review.reason, effective_at=now, note=None, at=now)
    return [*events, *after(credential, events).close_review(outcome=outcome, at=now)]
