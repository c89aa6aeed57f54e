"""Commands on recognitions: decide about an award, enter an appeal and its outcome, take a decision back.

Everything about the award and the learner goes to the vault, under the learner whom the deciding institution names, and
goes with that learner when it is erased. Whoever decides nothing of its own has an agreement decide: an award within
its scope and dates is recognised in full, and the details name the agreement.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from ledger.access import Actor, audit
from ledger.agreement import Agreement
from ledger.application import Decision as Decided
from ledger.application import Ledger, Outcome, Request
from ledger.award_showing import AwardShowing, KnownAward
from ledger.commitment import NOTE_KIND, RECOGNITION_KIND, SALT_BYTES, commit
from ledger.decision import FORMAT, DecisionClaim, Details, parse_details
from ledger.error import InvalidInputError, RuleError
from ledger.event import DomainEvent
from ledger.institution import Institution
from ledger.lifecycle import MAX_NOTE_CHARS
from ledger.reason import Reason
from ledger.recognised_award import AwardShown, HeldAward, RecognisedAward, enter
from ledger.recognition import (
    DEFAULT_APPEAL,
    DEFAULT_APPEAL_DECISION,
    RANDOM_BYTES,
    AppealResult,
    Recognition,
    make_recognition_id,
)
from ledger.recognition_book import FILE_KIND, KeptDetails, RecognitionBook, details_kind
from ledger.store import Write
from ledger.text import check_text, is_blank
from ledger.vault import SEAL_SQL, Learner, Vault

MAX_REFERENCE_CHARS: Final = 120


class Shown(msgspec.Struct, frozen=True):
    """What a request shows: the award, whose it is, its files, and what the ledger knows of it if it is one of its."""

    award: RecognisedAward
    learner: Learner
    files: tuple[bytes, ...]
    known: KnownAward | None


class Recognising:
    """Carries out commands on recognitions.

    Args:
        ledger: The event store.
        vault: Where details, documents and statements are kept.

    Attributes:
        book: Looks recognitions up.
    """

    def __init__(self, ledger: Ledger, vault: Vault) -> None:
        self._ledger = ledger
        self._vault = vault
        self._showing = AwardShowing(ledger, vault)
        self.book = RecognitionBook(ledger, vault)

    def decide(
        self,
        *,
        slug: str,
        shown: AwardShown,
        decision: DecisionClaim | None,
        actor: Actor,
        learner: str | None = None,
        effective_at: datetime | None = None,
        appeal_until: datetime | None = None,
        request: Request | None = None,
    ) -> Outcome:
        """Decide about an award. The answer is the recognition's id, and the agreement that decided, if one did.

        Args:
            slug: Who decides.
            shown: The award.
            decision: What is decided; None for what an agreement says.
            actor: Who asks.
            learner: What the deciding institution calls the learner; may be left out for its own award.
            effective_at: From when it holds; None for now.
            appeal_until: Until when an appeal may be filed; None for 30 days from now, where there is one to be had.
            request: What makes a repetition recognisable.

        Raises:
            ForbiddenError: The actor acts for another institution.
            NotFoundError: No such institution or award.
            InvalidInputError: What is shown or decided is not well formed or does not fit; the pointer says where.
            RuleError: The award does not hold, or no agreement covers it.
        """

        def decide(now: datetime) -> Decided:
            institution = self._ledger.institution(slug)
            actor.require_institution(institution.id)
            seen = self._see(shown, institution, learner, now)
            begin = effective_at or now
            claim, agreement = decision, None
            if claim is None:
                claim, agreement = DecisionClaim(decision="full"), self._covering(seen.known, institution, begin)
            self._check(claim, seen)
            details = Details(
                format=FORMAT,
                institution=slug,
                award=seen.award,
                decision=claim,
                agreement=None if agreement is None else agreement.id,
                effective_at=begin,
            )
            identity = make_recognition_id(now, self._ledger.random(RANDOM_BYTES))
            commitment, row = self._keep(details, identity, 1, seen.learner)
            event = Recognition.decide(
                id=identity,
                institution=institution.id,
                decision=claim.decision,
                reasons=claim.reasons,
                effective_at=begin,
                details=commitment,
                appeal_until=_appeal_until(claim, appeal_until, now),
                at=now,
            )
            sealed = [row, *self._seal_files(seen, identity)]
            writes = [*seen.learner.writes, Write(SEAL_SQL, sealed)]
            writes.append(audit(actor, "recognition.decide", institution.id, 1, now))
            answer = {"recognition": str(identity), "agreement": None if agreement is None else str(agreement.id)}
            unchanged = [
                *([] if agreement is None else [agreement]),
                *([] if seen.known is None else seen.known.read.standings),
            ]
            return Decided([event], writes, answer, unchanged)

        return self._ledger.carry_out(self._vault, request, decide)

    def appeal(
        self,
        *,
        recognition: UUID,
        actor: Actor,
        filed_at: datetime | None = None,
        decide_by: datetime | None = None,
        statement: str | None = None,
        request: Request | None = None,
    ) -> Outcome:
        """Enter a learner's appeal (filed now, unless *filed_at* says when). *statement* goes to the vault.

        Raises:
            ForbiddenError: The actor acts for another institution.
            NotFoundError, InvalidInputError, RuleError: See :meth:`Recognition.appeal`.
        """
        _check_words(statement, "/statement")

        def decide(now: datetime) -> Decided:
            known = self._own(recognition, actor)
            commitment, writes = self._keep_words(known, statement)
            filed = filed_at or now
            due = decide_by or filed + DEFAULT_APPEAL_DECISION
            events = known.appeal(filed_at=filed, decide_by=due, statement=commitment, at=now)
            return self._decided(known, events, writes, actor, "recognition.appeal", now)

        return self._ledger.carry_out(self._vault, request, decide)

    def decide_appeal(
        self,
        *,
        recognition: UUID,
        result: AppealResult,
        actor: Actor,
        decision: DecisionClaim | None = None,
        effective_at: datetime | None = None,
        appeal_until: datetime | None = None,
        statement: str | None = None,
        request: Request | None = None,
    ) -> Outcome:
        """Enter the outcome of an appeal; with ``changed`` comes the new decision, about the same award.

        Without *effective_at* the new decision holds from when the old one did.

        Raises:
            ForbiddenError: The actor acts for another institution.
            NotFoundError, InvalidInputError, RuleError: See :meth:`Recognition.change`.
            ErasedError: The learner's data was erased: nobody can tell any more what it is about.
        """
        _check_words(statement, "/statement")
        if (result == "changed") != (decision is not None):
            message = "a changed decision comes with the new one, and one that is upheld comes without"
            raise InvalidInputError(message, "/decision")

        def decide(now: datetime) -> Decided:
            known = self._own(recognition, actor)
            words, writes = self._keep_words(known, statement)
            if decision is None:
                events = known.uphold(statement=words, at=now)
            else:
                begin = effective_at or known.rulings[0].effective_at
                commitment, write = self._replace(known, decision, begin)
                writes.append(write)
                events = known.change(
                    decision=decision.decision,
                    reasons=decision.reasons,
                    effective_at=begin,
                    details=commitment,
                    appeal_until=appeal_until,
                    statement=words,
                    at=now,
                )
            return self._decided(known, events, writes, actor, "recognition.decide_appeal", now)

        return self._ledger.carry_out(self._vault, request, decide)

    def withdraw(
        self,
        *,
        recognition: UUID,
        reason: Reason,
        actor: Actor,
        effective_at: datetime | None = None,
        note: str | None = None,
        request: Request | None = None,
    ) -> Outcome:
        """Take a decision back (now, unless *effective_at* says since when). *note* goes to the vault.

        Raises:
            ForbiddenError: The actor acts for another institution.
            NotFoundError, RuleError: See :meth:`Recognition.withdraw`.
        """
        _check_words(note, "/note")

        def decide(now: datetime) -> Decided:
            known = self._own(recognition, actor)
            commitment, writes = self._keep_words(known, note)
            events = known.withdraw(reason=reason, effective_at=effective_at or now, note=commitment, at=now)
            return self._decided(known, events, writes, actor, "recognition.withdraw", now)

        return self._ledger.carry_out(self._vault, request, decide)

    def _see(self, shown: AwardShown, institution: Institution, reference: str | None, now: datetime) -> Shown:
        """Find out what is shown and whose it is."""
        try:
            if isinstance(shown, HeldAward):
                known = self._showing.show(shown, institution.id)
                return Shown(known.award, self._learner(institution, reference, known), (), known)
            award, files = enter(shown, now.date())
        except InvalidInputError as error:
            if not error.pointer or error.pointer == "/learner":
                raise
            raise InvalidInputError(error.detail, f"/award{error.pointer}") from error
        return Shown(award, self._learner(institution, reference, None), files, None)

    def _learner(self, institution: Institution, reference: str | None, known: KnownAward | None) -> Learner:
        """Whose award it is: the one whom the deciding institution names, or who holds its own award."""
        is_own = known is not None and known.credential.institution == institution.id
        if reference is None and not is_own:
            message = "name the learner by what your institution calls them, so that their data can be erased"
            raise InvalidInputError(message, "/learner")
        if reference is not None and (is_blank(reference) or len(reference) > MAX_REFERENCE_CHARS):
            message = f"a learner's reference has 1 to {MAX_REFERENCE_CHARS} characters"
            raise InvalidInputError(message, "/learner")
        holder = self._vault.learner_of(known.credential.id) if known is not None and is_own else None
        if reference is None:
            assert holder is not None  # noqa: S101  it is the institution's own award
            return holder
        learner = self._vault.learner(institution.id, reference)
        if holder is not None and holder.handle != learner.handle:
            message = "your institution made this award to another learner"
            raise InvalidInputError(message, "/learner")
        return learner

    def _check(self, claim: DecisionClaim, seen: Shown) -> None:
        """Refuse a decision that does not fit the award."""
        _check_claim(claim, seen.award)
        lost = None if seen.known is None else seen.known.read.lost
        if claim.decision != "refused" and lost is not None:
            message = f"this award is {lost.state}, and only what holds can be recognised"
            raise RuleError(message)

    def _covering(self, known: KnownAward | None, recogniser: Institution, at: datetime) -> Agreement:
        """The first agreement in force that covers an award.

        Raises:
            RuleError: There is none: then somebody has to decide.
        """
        for agreement in () if known is None else self.book.agreements_between(recogniser.id, known.awarder.id):
            assert known is not None and known.award.achievement is not None  # noqa: S101, PT018  it is of this ledger
            covers = agreement.covers(
                recogniser=recogniser.id,
                awarder=known.awarder.id,
                achievement=known.award.achievement,
                subject=known.subject,
            )
            if covers and agreement.in_force(at):
                return agreement
        message = "no agreement in force covers this award; say what is decided, in «decision»"
        raise RuleError(message)

    def _keep(
        self, details: Details, identity: UUID, version: int, learner: Learner
    ) -> tuple[str, tuple[bytes, str, bytes, bytes]]:
        """Commit to details and seal them."""
        salt, form = self._ledger.random(SALT_BYTES), details.form()
        kept = msgspec.msgpack.encode(KeptDetails(form, salt))
        row = self._vault.seal(learner, identity, details_kind(version), kept)
        return commit(identity, RECOGNITION_KIND, form, salt), row

    def _replace(self, known: Recognition, claim: DecisionClaim, begin: datetime) -> tuple[str, Write]:
        """Commit to another decision about the same award, and seal it."""
        newest = parse_details(self.book.kept(known, known.rulings[-1].version).form)
        _check_claim(claim, newest.award)
        if (claim, begin) == (newest.decision, newest.effective_at):
            message = "nothing differs from the decision before; uphold it"
            raise RuleError(message)
        details = msgspec.structs.replace(newest, decision=claim, agreement=None, effective_at=begin)
        learner = self._vault.learner_of(known.id)
        commitment, row = self._keep(details, known.id, known.version + 1, learner)
        return commitment, Write(SEAL_SQL, [row])

    def _seal_files(self, seen: Shown, identity: UUID) -> list[tuple[bytes, str, bytes, bytes]]:
        return [
            self._vault.seal(seen.learner, identity, f"{FILE_KIND}-{number}", raw)
            for number, raw in enumerate(seen.files)
        ]

    def _keep_words(self, known: Recognition, words: str | None) -> tuple[str | None, list[Write]]:
        """Seal a statement and commit to it; the version in its kind keeps those of one recognition apart."""
        if words is None:
            return None, []
        salt, form = self._ledger.random(SALT_BYTES), words.encode()
        learner = self._vault.learner_of(known.id)
        row = self._vault.seal(learner, known.id, f"{NOTE_KIND}-{known.version + 1}", salt + form)
        return commit(known.id, NOTE_KIND, form, salt), [Write(SEAL_SQL, [row])]

    def _own(self, recognition: UUID, actor: Actor) -> Recognition:
        known = self.book.recognition(recognition)
        actor.require_institution(known.institution)
        return known

    def _decided(
        self,
        known: Recognition,
        events: Sequence[DomainEvent],
        writes: Sequence[Write],
        actor: Actor,
        act: str,
        now: datetime,
    ) -> Decided:
        row = audit(actor, act, known.institution, 1, now)
        return Decided(events, [*writes, row], {"recognition": str(known.id)})


def _appeal_until(claim: DecisionClaim, given: datetime | None, now: datetime) -> datetime | None:
    return given if given is not None or claim.decision == "full" else now + DEFAULT_APPEAL


def _check_claim(claim: DecisionClaim, award: RecognisedAward) -> None:
    try:
        claim.check(award)
    except InvalidInputError as error:
        raise InvalidInputError(error.detail, f"/decision{error.pointer}") from error


def _check_words(words: str | None, pointer: str) -> None:
    if words is not None and not 0 < len(words) <= MAX_NOTE_CHARS:
        message = f"this has 1 to {MAX_NOTE_CHARS} characters; leave it out if there is none"
        raise InvalidInputError(message, pointer)
    check_text(words or "", pointer)
