"""What is publicly said of an award: facts from the view, judged at the instant that is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from api.error import FieldError, FutureInstantError
from api.published_log import PublishedLog, anchored_size
from ledger.cascade import Components
from ledger.credential import Review
from ledger.credential_id import credential_aggregate_id
from ledger.issuance import Successor
from ledger.limit import subject_of
from projections.achievement_catalogue import Edition
from projections.credential_status import CredentialFacts, Signing
from projections.directory_record import DirectoryRecord, KeyRecord, entitlement
from projections.error import FutureInstantError as ProjectionFutureError
from projections.status_answer import StatusAnswer, judge, known_signings

HOLDS: Final = "active"


class Brief(msgspec.Struct, frozen=True, array_like=True):
    """How an award stands, in short: the members of these names of the public answer."""

    verdict: str
    state: str
    since: datetime | None


class Statuses:
    """Answers about the status of awards.

    Args:
        facts: Looks up an award by public id; raises when there is none.
        record: Looks up the issuer's record, as the ledger knew it at an instant (None: today's).
        edition: Looks up the edition that an award was made under; None for a document of the institution's own making.
        successor: What replaced an award, from the vault.
        log: For the anchors that a compromised key's awards are judged by.
        now: Present instant.
        components: How the components of a stacked award stand, by its aggregate id; None where that is not known.
        pathway: Slug and code of a pathway, by its id; None where it is not known.
    """

    def __init__(
        self,
        facts: Callable[[str], CredentialFacts],
        record: Callable[[CredentialFacts, datetime | None], DirectoryRecord],
        edition: Callable[[CredentialFacts], Edition | None],
        successor: Callable[[str], Successor | None],
        log: PublishedLog,
        now: Callable[[], datetime],
        components: Callable[[UUID], Components | None] = lambda _: None,
        pathway: Callable[[UUID], tuple[str, str] | None] = lambda _: None,
    ) -> None:
        self._facts = facts
        self._record = record
        self._edition = edition
        self._successor = successor
        self._log = log
        self._now = now
        self._components = components
        self._pathway = pathway

    def status(self, public_id: str, *, at: datetime | None, known_at: datetime | None) -> dict[str, Any]:
        """The public answer.

        Args:
            public_id: The award.
            at: Effective instant asked about; None for how things stand.
            known_at: Only what the ledger knew by then counts; None for everything.

        Raises:
            UnknownResourceError: There is no such award.
            FutureInstantError: An instant has not come yet.
        """
        facts, now = self._facts(public_id), self._now()
        record, edition = self._record(facts, known_at), self._edition(facts)
        try:
            answer = judge(facts, now=now, at=at, known_at=known_at, institution=record)
        except ProjectionFutureError as error:
            message = f"{error.name} lies in the future; ask about now or the past"
            raise FutureInstantError(message, errors=(FieldError(message, parameter=error.name),)) from error
        verdict, stack = self._verdict(facts, answer, record, edition), None
        if facts.stacked is not None:
            stack = self._stack(credential_aggregate_id(public_id), facts, at=at, known_at=known_at)
            verdict = _worse(verdict, stack["verdict"])
        body: dict[str, Any] = {
            "credential": public_id,
            "verdict": verdict,
            "state": answer.state,
            "reason": answer.reason,
            "since": answer.since,
            "at": answer.at,
            "known_at": answer.known_at,
            "checked_at": now,
            "valid_from": facts.valid_from,
            "valid_until": facts.valid_until,
            "recorded_at": facts.recorded_at,
            "issuer": _issuer(record, facts, answer),
            "achievement": _achievement(edition),
            "events": _events(facts, known_at),
        }
        if stack is not None:
            body["stack"] = {name: value for name, value in stack.items() if name != "verdict"}
        if answer.state == "replaced" and (successor := self._successor(public_id)) is not None:
            body["replaced_by"] = successor.credential
        return body

    def freshness(self) -> None:
        """Nothing to say: answers are of the present."""

    def briefs(self, found: Iterable[tuple[UUID, CredentialFacts]]) -> Iterator[Brief]:
        """How each of many awards stands now: what :meth:`status` says of it, without what goes with it.

        Args:
            found: Aggregate id and facts of each; none is a part of an unpacked diploma.
        """
        now = self._now()
        records: dict[UUID, DirectoryRecord] = {}
        editions: dict[tuple[UUID | None, int | None], Edition | None] = {}
        for identity, facts in found:
            kind = (facts.achievement, facts.edition)
            if facts.institution not in records:
                records[facts.institution] = self._record(facts, None)
            if kind not in editions:
                editions[kind] = self._edition(facts)
            answer = judge(facts, now=now, institution=records[facts.institution])
            verdict = self._verdict(facts, answer, records[facts.institution], editions[kind])
            if facts.stacked is not None:
                verdict = _worse(verdict, self._stack(identity, facts, at=None, known_at=None)["verdict"])
            yield Brief(verdict, answer.state, answer.since)

    def _verdict(
        self, facts: CredentialFacts, answer: StatusAnswer, record: DirectoryRecord, edition: Edition | None
    ) -> str:
        """One word, by the rules of the verifier's report: what fails is invalid, what cannot be told never valid."""
        if answer.state == "unknown":
            return "unknown"
        signed = self._signed(facts, answer.known_at, record)
        entitled = _entitled(facts, record, edition)
        if answer.state != HOLDS or "invalid" in {signed, entitled}:
            return "invalid"
        return signed if entitled == "valid" else "unknown"

    def _stack(
        self, identity: UUID, facts: CredentialFacts, *, at: datetime | None, known_at: datetime | None
    ) -> dict[str, Any]:
        """By which rules it was stacked, and whether what it was made of holds: all together, and never which.

        The vault knows at once; who has no vault knows by the review that is opened. Of an earlier instant only the
        events of the log speak.
        """
        assert facts.stacked is not None  # noqa: S101  asked of stacked awards alone
        named = self._pathway(facts.stacked.pathway)
        found = self._components(identity) if at is None and known_at is None else None
        until = min((instant for instant in (at, known_at) if instant is not None), default=None)
        opened = _opened(facts, until)
        standing = "unknown" if found is None else found.standing
        if opened is not None and standing in {"unknown", "hold"}:
            standing = "lost"
        review = None if facts.review is None or facts.review.opened_at != opened else facts.review
        return {
            "pathway": None if named is None else f"{named[0]}/{named[1]}",
            "version": facts.stacked.version,
            "rules": facts.stacked.rules,
            "components": standing,
            "review": None if review is None else msgspec.to_builtins(_shown(review, until)),
            "verdict": _stack_verdict(standing, None if found is None else found.on_loss),
        }

    def _signed(self, facts: CredentialFacts, known_at: datetime | None, record: DirectoryRecord) -> str:
        """Judge the newest signature that stands; if none does, the newest."""
        newest_first = reversed(known_signings(facts, known_at))
        verdicts = [self._signature(one, record.key(one.key_id)) for one in newest_first]
        return "valid" if "valid" in verdicts else verdicts[0]

    def _signature(self, signing: Signing, key: KeyRecord | None) -> str:
        if key is None or not _in_use(key, signing.recorded_at):
            return "invalid"
        safe = key.compromised_at is None or self._anchored_before(signing.position, key.compromised_at)
        return "valid" if safe else "unknown"

    def _anchored_before(self, position: int, compromised_at: datetime) -> bool:
        """Whether a time anchor from before *compromised_at* covers the event at *position*."""
        index = self._log.index_of(position)
        return index is not None and index < anchored_size(self._log.anchors(), compromised_at)


def _opened(facts: CredentialFacts, until: datetime | None) -> datetime | None:
    """When the review was opened that was open at an instant, by what was known then (None: by all); None: none was."""
    kinds = {"review_opened", "review_closed"}
    told = [one for one in facts.events if one.kind in kinds and (until is None or one.recorded_at <= until)]
    return told[-1].recorded_at if told and told[-1].kind == "review_opened" else None


def _shown(review: Review, until: datetime | None) -> dict[str, Any]:
    is_appealed = review.appealed_at is not None and (until is None or review.appealed_at <= until)
    return {
        "reason": review.reason,
        "opened_at": review.opened_at,
        "due_at": review.due_at,
        "appeal_until": review.appeal_until,
        "appealed_at": review.appealed_at if is_appealed else None,
    }


def _stack_verdict(standing: str, on_loss: str | None) -> str:
    """What a lost component makes of the verdict, by the pathway's policy."""
    if standing != "lost" or on_loss == "stand":
        return "valid"
    return "invalid" if on_loss == "revoke" else "unknown"


def _worse(one: str, other: str) -> str:
    return max(one, other, key=("valid", "unknown", "invalid").index)


def _entitled(facts: CredentialFacts, record: DirectoryRecord, edition: Edition | None) -> str:
    """Judge whether the issuer was entitled to the award on its day and when it was recorded."""
    if not record.accreditations:
        return "valid"
    subject = None if edition is None else subject_of(edition.template, edition.details, record.country)
    awarded, recorded = (
        entitlement(record.accreditations, subject, at) for at in (facts.valid_from, facts.recorded_at)
    )
    if awarded in {"unaccredited", "outside"}:
        return "invalid"
    return "valid" if awarded == recorded == "entitled" else "unknown"


def _in_use(key: KeyRecord, at: datetime) -> bool:
    """Whether the key was the institution's to sign with at *at*; whether it was stolen by then is another question."""
    retired = key.retired_at is not None and at > key.retired_at
    revoked = key.revoked_at is not None and at >= key.revoked_at
    return key.valid_from <= at and not retired and not revoked


def _issuer(record: DirectoryRecord, facts: CredentialFacts, answer: StatusAnswer) -> dict[str, Any]:
    return {
        "slug": record.slug,
        "name": record.name,
        "country": record.country,
        "did": record.did,
        "key": facts.key_id if answer.issuer is None else answer.issuer.key_id,
        "key_standing": None if answer.issuer is None else answer.issuer.key,
        "accreditations": [] if answer.issuer is None else list(answer.issuer.accreditations),
    }


def _achievement(edition: Edition | None) -> dict[str, Any] | None:
    if edition is None:
        return None
    return {"code": edition.code, "edition": edition.edition, "title": edition.template.title}


def _events(facts: CredentialFacts, known_at: datetime | None) -> list[dict[str, Any]]:
    """What became of it, as it was recorded; of a part of a diploma, also what became of all parts together."""
    shared = () if facts.part is None else facts.part.shared
    return [
        {
            "kind": event.kind,
            "reason": event.reason,
            "effective_at": event.effective_at,
            "recorded_at": event.recorded_at,
        }
        for event in sorted((*facts.events, *shared), key=lambda event: event.position)
        if known_at is None or event.recorded_at <= known_at
    ]
