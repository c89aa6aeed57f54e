"""The command that erases a learner's personal data, and the sweep that leaves no copy in the file.

The event of the erasure and the deletion of the learner's key, salts and documents commit together. The database
overwrites what is deleted; the write-ahead log still holds older pages until it is emptied, so an erasure is complete
only when that has been done, and says so otherwise. What could not be swept then is swept as soon as it can be.
"""

from __future__ import annotations

import hmac
import threading
import time
from datetime import datetime
from uuid import UUID

from ledger.access import Actor, audit
from ledger.application import Decision, Ledger, Outcome
from ledger.erasure import Erasure
from ledger.error import ConflictError, OutcomeUnknownError
from ledger.part_keeping import PartKeeping
from ledger.vault import Vault

SWEEP_SECONDS = 10.0
_PAUSE_SECONDS = 0.05
HANDLE_BYTES = 16


class Erasing:
    """Erases learners."""

    def __init__(self, ledger: Ledger, vault: Vault) -> None:
        self._ledger = ledger
        self._vault = vault
        self._parts = PartKeeping(ledger, vault)
        self._is_due = threading.Event()
        self._secret = vault.secret("erasures")  # made now, so that every backup has it

    def erase_learner(self, *, slug: str, reference: str, actor: Actor) -> Outcome:
        """Erase the learner whom an institution calls *reference*. The answer is the handle of the erasure.

        Raises:
            ForbiddenError: The actor acts for another institution.
            NotFoundError: No such institution or learner.
            ConflictError: Erased, but the write-ahead log could not be emptied; call :meth:`sweep` again.
        """
        institution = self._ledger.institution(slug)
        actor.require_institution(institution.id)
        return self._erase(self._vault.find_learner(institution.id, reference), institution.id, actor)

    def erase_holder(self, *, public_id: str, actor: Actor) -> Outcome:
        """Erase the learner who holds the award *public_id*: all awards of that learner, not this one alone.

        Raises:
            ForbiddenError: The actor acts for another institution.
            NotFoundError: No such credential.
            ErasedError: It was done before.
            ConflictError: Erased, but the write-ahead log could not be emptied; call :meth:`sweep` again.
        """
        credential, _ = self._parts.credential(public_id, self._ledger.now())
        actor.require_institution(credential.institution)
        return self._erase(self._vault.learner_of(credential.id).handle, credential.institution, actor)

    def erase_known(self, *, learner: bytes, institution: UUID, actor: Actor) -> Outcome:
        """Erase the learner with the handle *learner*, whose data *institution* has.

        Raises:
            ForbiddenError: The actor acts for another institution.
            ErasedError: It was done before.
            ConflictError: Erased, but the write-ahead log could not be emptied; call :meth:`sweep` again.
        """
        actor.require_institution(institution)
        return self._erase(self._vault.learner_with(learner).handle, institution, actor)

    def _erase(self, learner: bytes, institution: UUID, actor: Actor) -> Outcome:
        def decide(now: datetime) -> Decision:
            handle = self.handle_of(learner)
            event = Erasure.record(handle=handle, at=now)
            writes = [*self._vault.erase(learner), audit(actor, "learner.erase", institution, 1, now)]
            return Decision([event], writes, {"erasure": str(handle)})

        try:
            outcome = self._ledger.carry_out(self._vault, None, decide)
        except OutcomeUnknownError:
            self._is_due.set()
            raise
        self.sweep()
        return outcome

    def handle_of(self, learner: bytes) -> UUID:
        """The handle under which the erasure of a learner is logged: random to all but this vault.

        It follows from the learner's own random handle and a secret of the vault, so that a backup from before the
        erasure, when it is restored, finds whom to erase again; nobody else can tell whose it is.
        """
        digest = hmac.digest(self._secret, learner, "sha256")
        value = bytearray(digest[:HANDLE_BYTES])
        value[6] = (value[6] & 0x0F) | 0x80
        value[8] = (value[8] & 0x3F) | 0x80
        return UUID(bytes=bytes(value))

    def sweep(self) -> None:
        """Empty the write-ahead log, so that no page from before an erasure is left in any file.

        Raises:
            ConflictError: Readers held it for longer than :data:`SWEEP_SECONDS`.
        """
        self._is_due.set()
        deadline = time.monotonic() + SWEEP_SECONDS
        while not self._ledger.store.sweep():
            if time.monotonic() > deadline:
                message = "erased, but a reader still holds the write-ahead log; stop the reader and sweep again"
                raise ConflictError(message)
            time.sleep(_PAUSE_SECONDS)
        self._is_due.clear()

    def sweep_again(self) -> None:
        """Sweep if that is due since an erasure of which it is not known whether it was recorded, or was not swept.

        Raises:
            ConflictError: See :meth:`sweep`.
            StorageError: What was under way has not ended yet.
        """
        if self._is_due.is_set():
            self._ledger.rows.confirm()
            self.sweep()
