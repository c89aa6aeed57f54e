"""Commands on awards that were made, and on parts of unpacked diplomas: suspend, reinstate, revoke."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from ledger.access import Actor, audit
from ledger.application import Decision, Ledger, Outcome, Request
from ledger.commitment import NOTE_KIND, SALT_BYTES, commit
from ledger.consequence import Consequences
from ledger.credential import Credential
from ledger.error import InvalidInputError, RuleError
from ledger.event import DomainEvent
from ledger.part_keeping import PartKeeping
from ledger.reason import Reason
from ledger.store import Write
from ledger.text import check_text
from ledger.vault import SEAL_SQL, Vault

MAX_NOTE_CHARS = 2_000

_Change = Callable[[Credential, "str | None", datetime], "list[DomainEvent]"]


class Lifecycle:
    """Changes the status of awards.

    On ``trial`` a command changes nothing, and raises what it would be refused with.
    """

    def __init__(self, ledger: Ledger, vault: Vault) -> None:
        self._ledger = ledger
        self._vault = vault
        self._parts = PartKeeping(ledger, vault)
        self._consequences = Consequences(ledger, self._parts)

    def suspend(
        self,
        *,
        public_id: str,
        reason: Reason,
        actor: Actor,
        effective_at: datetime | None = None,
        note: str | None = None,
        request: Request | None = None,
        trial: bool = False,
    ) -> Outcome:
        """Suspend an award (now, unless *effective_at* says since when). *note* goes to the vault.

        Raises:
            ForbiddenError: The actor acts for another institution.
            NotFoundError, RuleError: See :meth:`Credential.suspend`.
        """

        def change(credential: Credential, commitment: str | None, now: datetime) -> list[DomainEvent]:
            when = effective_at or now
            return credential.suspend(reason=reason, effective_at=when, note=commitment, at=now)

        return self._change(public_id, "credential.suspend", change, actor, note, request, trial=trial)

    def reinstate(
        self,
        *,
        public_id: str,
        actor: Actor,
        effective_at: datetime | None = None,
        request: Request | None = None,
        trial: bool = False,
    ) -> Outcome:
        """End a suspension.

        Raises:
            ForbiddenError: The actor acts for another institution.
            NotFoundError, RuleError: See :meth:`Credential.reinstate`.
        """

        def change(credential: Credential, _: str | None, now: datetime) -> list[DomainEvent]:
            return credential.reinstate(effective_at=effective_at or now, at=now)

        return self._change(public_id, "credential.reinstate", change, actor, None, request, trial=trial)

    def revoke(
        self,
        *,
        public_id: str,
        reason: Reason,
        actor: Actor,
        effective_at: datetime | None = None,
        note: str | None = None,
        request: Request | None = None,
        trial: bool = False,
    ) -> Outcome:
        """Revoke an award for good. *note* goes to the vault.

        Raises:
            ForbiddenError: The actor acts for another institution.
            NotFoundError, RuleError: See :meth:`Credential.revoke`.
        """

        def change(credential: Credential, commitment: str | None, now: datetime) -> list[DomainEvent]:
            when = effective_at or now
            return credential.revoke(reason=reason, effective_at=when, note=commitment, at=now)

        return self._change(public_id, "credential.revoke", change, actor, note, request, trial=trial)

    def _change(
        self,
        public_id: str,
        act: str,
        change: _Change,
        actor: Actor,
        note: str | None,
        request: Request | None,
        *,
        trial: bool,
    ) -> Outcome:
        if note is not None and not 0 < len(note) <= MAX_NOTE_CHARS:
            message = f"a note has 1 to {MAX_NOTE_CHARS} characters; leave it out if there is none"
            raise InvalidInputError(message, "/note")
        check_text(note or "", "/note")

        def decide(now: datetime) -> Decision:
            credential, before = self._parts.credential(public_id, now)
            actor.require_institution(credential.institution)
            shared = self._require_not_over(public_id)
            commitment, writes = self._keep_note(credential, note)
            events = change(credential, commitment, now)
            following, freed = self._consequences.follow(credential.id, events, now)
            writes += [*freed, audit(actor, act, credential.institution, 1, now)]
            return Decision([*before, *events, *following], writes, {"credential": public_id}, shared)

        if trial:
            return Outcome(decide(self._ledger.now()).answer, 0, repeated=False)
        return self._ledger.carry_out(self._vault, request, decide)

    def _require_not_over(self, public_id: str) -> list[Credential]:
        """Refuse to change a part when all parts of its diploma are revoked; returns what the parts share, if anything.

        Raises:
            RuleError: They are.
        """
        kept = self._parts.find(public_id)
        if kept is None:
            return []
        shared = self._parts.shared(kept)
        if shared.state == "revoked":
            message = f"all parts of this diploma are revoked since {shared.since.date()}, and this one with them"
            raise RuleError(message)
        return [shared]

    def _keep_note(self, credential: Credential, note: str | None) -> tuple[str | None, list[Write]]:
        """Seal a remark and commit to it; the version in its kind keeps remarks of one award apart."""
        if note is None:
            return None, []
        salt = self._ledger.random(SALT_BYTES)
        form = note.encode()
        learner = self._vault.learner_of(credential.id)
        row = self._vault.seal(learner, credential.id, f"{NOTE_KIND}-{credential.version + 1}", salt + form)
        return commit(credential.id, NOTE_KIND, form, salt), [Write(SEAL_SQL, [row])]
