"""What a learner asks of an institution: that something be corrected, or that everything be erased.

What is said, and what the institution answers, is sealed under the learner's key; kind, dates and outcome are plain.
Nothing of it is in the log. An erasure that is granted takes the request with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import msgspec

from ledger.access import Actor, audit
from ledger.application import Decision, Ledger
from ledger.erasing import Erasing
from ledger.error import ErasedError, InvalidInputError, NotFoundError, RuleError
from ledger.learner_link import LearnerLink
from ledger.store import Write
from ledger.text import check_text, is_blank
from ledger.vault import SEAL_SQL, Vault

REQUEST_KIND: Final = "learner-request"
ANSWER_KIND: Final = "learner-answer"
"""What the vault calls the two texts; they are never kinds of commitments."""
MAX_NOTE_CHARS: Final = 4_000
MAX_OPEN: Final = 20
"""Requests of one learner that wait at once."""
_ID_BYTES: Final = 16
_COLUMNS: Final = "id, kind, learner, institution, made_at, outcome, decided_at"

RequestKind = Literal["correction", "erasure"]
RequestOutcome = Literal["done", "declined"]


class AskedFor(msgspec.Struct, frozen=True):
    """What the vault keeps of a request: the learner's words, and the award that they are about, if it is one."""

    note: str
    award: str | None = None


class LearnerRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request.

    Attributes:
        id: Its own id, random.
        kind: What is asked for.
        learner: The learner's handle in the vault.
        institution: Who is asked.
        made_at: When.
        asked: In words.
        outcome: What the institution did; None: it has not decided.
        decided_at: When it decided.
        answer: What it answered; empty for nothing.
    """

    id: UUID
    kind: RequestKind
    learner: bytes
    institution: UUID
    made_at: datetime
    asked: AskedFor
    outcome: RequestOutcome | None
    decided_at: datetime | None
    answer: str


class LearnerRequests:
    """Enters, lists and decides requests.

    Args:
        ledger: The event store, whose database they are in.
        vault: Seals what is said.
        erasing: Erases, when that was asked for and granted.
    """

    def __init__(self, ledger: Ledger, vault: Vault, erasing: Erasing) -> None:
        self._ledger = ledger
        self._vault = vault
        self._erasing = erasing

    def enter(self, page: LearnerLink, kind: RequestKind, asked: AskedFor, *, actor: Actor) -> UUID:
        """Enter a request of whoever holds *page*.

        Raises:
            InvalidInputError: A correction without words, or too many of them.
            RuleError: Too many wait already, or an erasure was asked for before.
            ErasedError: The learner was erased.
        """
        if (kind == "correction" and is_blank(asked.note)) or len(asked.note) > MAX_NOTE_CHARS:
            message = f"say in 1 to {MAX_NOTE_CHARS} characters what is wrong"
            raise InvalidInputError(message, "/note")
        check_text(asked.note, "/note")
        waiting = [one for one in self.of(page.learner) if one.outcome is None]
        if len(waiting) >= MAX_OPEN or (kind == "erasure" and any(one.kind == kind for one in waiting)):
            message = "this was asked for before, or too much is waiting for an answer"
            raise RuleError(message)
        identity = UUID(bytes=self._ledger.random(_ID_BYTES), version=4)

        def decide(now: datetime) -> Decision:
            owner = self._vault.learner_with(page.learner)
            row = (identity.bytes, kind, page.learner, page.institution.bytes, now.isoformat(), None, None)
            sealed = self._vault.seal(owner, identity, REQUEST_KIND, msgspec.msgpack.encode(asked))
            writes = [
                Write("INSERT INTO vault_request VALUES (?,?,?,?,?,?,?)", [row]),
                Write(SEAL_SQL, [sealed]),
                audit(actor, f"request.{kind}", page.institution, 1, now),
            ]
            return Decision([], writes, None)

        self._ledger.carry_out(self._vault, None, decide)
        return identity

    def of(self, learner: bytes) -> list[LearnerRequest]:
        """Every request of a learner, oldest first."""
        return self._select("learner=?", (learner,))

    def to(self, institution: UUID) -> list[LearnerRequest]:
        """Every request to an institution, oldest first."""
        return self._select("institution=?", (institution.bytes,))

    def waiting(self) -> int:
        """How many requests wait for an answer, of all institutions."""
        return int(self._ledger.store.query("SELECT COUNT(*) FROM vault_request WHERE outcome IS NULL")[0][0])

    def decide(self, identity: UUID, *, outcome: RequestOutcome, answer: str | None, actor: Actor) -> LearnerRequest:
        """Decide a request. An erasure that is done takes the learner's data with it, and this request too.

        Raises:
            ForbiddenError: The actor acts for another institution.
            InvalidInputError: The answer is too long.
            NotFoundError: There is no such request.
            RuleError: It was decided before.
            ConflictError: See :meth:`ledger.erasing.Erasing.erase_known`.
        """
        found = self._select("id=?", (identity.bytes,))
        if not found:
            message = "there is no such request; the learner may have been erased"
            raise NotFoundError(message)
        [request] = found
        actor.require_institution(request.institution)
        if len(answer or "") > MAX_NOTE_CHARS:
            message = f"an answer has at most {MAX_NOTE_CHARS} characters"
            raise InvalidInputError(message, "/answer")
        check_text(answer or "", "/answer")
        if request.kind == "erasure" and outcome == "done":
            self._erasing.erase_known(learner=request.learner, institution=request.institution, actor=actor)
            return msgspec.structs.replace(request, outcome=outcome, decided_at=self._ledger.now())
        return self._decided(request, outcome, answer or "", actor)

    def _decided(self, request: LearnerRequest, outcome: RequestOutcome, answer: str, actor: Actor) -> LearnerRequest:
        if request.outcome is not None:
            message = "this request was decided before"
            raise RuleError(message)

        def decide(now: datetime) -> Decision:
            owner = self._vault.learner_with(request.learner)
            update = "UPDATE vault_request SET outcome=?, decided_at=? WHERE id=?"
            # Sealed whether or not there are words: of two decisions at once the second conflicts with this row.
            sealed = self._vault.seal(owner, request.id, ANSWER_KIND, answer.encode())
            writes = [
                Write(update, [(outcome, now.isoformat(), request.id.bytes)]),
                Write(SEAL_SQL, [sealed]),
                audit(actor, f"request.{outcome}", request.institution, 1, now),
            ]
            return Decision([], writes, None, made=now)

        now = self._ledger.carry_out(self._vault, None, decide).made
        return msgspec.structs.replace(request, outcome=outcome, decided_at=now, answer=answer)

    def _select(self, where: str, parameters: tuple[Any, ...]) -> list[LearnerRequest]:
        sql = f"SELECT {_COLUMNS} FROM vault_request WHERE {where} ORDER BY made_at, id"  # noqa: S608  no text of others
        found = []
        for row in self._ledger.store.query(sql, parameters):
            with suppress(ErasedError):  # the learner, since the rows were read
                found.append(self._read(row))
        return found

    def _read(self, row: Sequence[Any]) -> LearnerRequest:
        identity, kind, learner, institution, made, outcome, decided = row
        known = UUID(bytes=bytes(identity))
        answer = "" if outcome is None else self._vault.open(known, ANSWER_KIND).decode()
        return LearnerRequest(
            id=known,
            kind=kind,
            learner=bytes(learner),
            institution=UUID(bytes=bytes(institution)),
            made_at=datetime.fromisoformat(made),
            asked=msgspec.msgpack.decode(self._vault.open(known, REQUEST_KIND), type=AskedFor),
            outcome=outcome,
            decided_at=None if decided is None else datetime.fromisoformat(decided),
            answer=answer,
        )
