"""What a serving node can be asked in public: the same look-ups, whoever keeps its views up to date."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol
from uuid import UUID

import msgspec

from api.error import FieldError, InvalidRequestError, UnknownResourceError
from api.evidence import Evidences
from api.published_log import PublishedLog
from api.quick_status import entity_tag
from api.recognition_answer import agreement_answer, recognition_answer
from api.status import Brief
from api.view_node import ViewNode
from ledger.agreement import Agreement
from ledger.application import programme_id
from ledger.edition_change import Change, changes_between
from ledger.signing_algorithm import public_jwk
from projections.achievement_catalogue import Edition
from projections.credential_status import CredentialFacts
from projections.directory_record import did_document


class StatusAnswers(Protocol):
    """Answers about the status of awards; :class:`api.status.Statuses` is the one over the ledger's own views."""

    def status(self, public_id: str, *, at: datetime | None, known_at: datetime | None) -> dict[str, Any]:
        """The public answer; see :meth:`api.status.Statuses.status`."""

    def briefs(self, found: Iterable[tuple[UUID, CredentialFacts]]) -> Iterator[Brief]:
        """How each of many awards stands now; see :meth:`api.status.Statuses.briefs`."""

    def freshness(self) -> dict[str, Any] | None:
        """How old answers are; None where they are of the present."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """The public look-ups of one serving process. Nothing here writes, and nothing needs the vault.

    Attributes:
        base_url: Address of the ledger, as it stands in its documents.
        views: Readers over the views.
        statuses: Answers about awards.
        evidences: Makes evidence files.
        published: The log as the public sees it.
        now: Present instant.
    """

    base_url: str
    views: ViewNode
    statuses: StatusAnswers
    evidences: Evidences
    published: PublishedLog
    now: Callable[[], datetime]

    def status_now(self, public_id: str) -> tuple[dict[str, Any], str | None]:
        """How an award stands now, and the entity tag of that; on a mirror, whose answers say how old they are, None.

        What the tag is made of is read first: then a change in between gives a tag that is too old, never one under
        which an old answer would stay.

        Raises:
            UnknownResourceError: There is no such award.
        """
        facts = self.evidences.facts(public_id)
        record = self.views.directory.record(self.views.record(facts.institution).number)
        answer = self.answer_now(public_id)
        if record is None or "freshness" in answer:
            return answer, None
        state = answer["state"] if "stack" not in answer else f"{answer['state']}-{answer['stack']['components']}"
        return answer, entity_tag(facts.newest, record, state, answer["verdict"])

    def answer_now(self, public_id: str) -> dict[str, Any]:
        """How an award stands now. Raises UnknownResourceError."""
        return self.statuses.status(public_id, at=None, known_at=None)

    def institutions(self) -> list[dict[str, Any]]:
        """Every institution's record."""
        directory = self.views.directory
        return [msgspec.to_builtins(record) for record in directory.page(limit=max(len(directory), 1))]

    def institution_record(self, slug: str) -> dict[str, Any]:
        """One institution's record. Raises UnknownResourceError."""
        record: dict[str, Any] = msgspec.to_builtins(self.views.record_of(slug))
        return record

    def institution_key(self, slug: str, key_id: str) -> dict[str, Any]:
        """A key of an institution as a JWK. Raises UnknownResourceError.

        One that was merely retired is still there, for what was signed in its time; one that was revoked, or stolen, is
        not: whoever asks for it here knows nothing of dates.
        """
        key = self.views.record_of(slug).key(key_id)
        if key is None or key.revoked_at is not None or key.compromised_at is not None:
            message = "the institution has no key of that id that may speak for it"
            raise UnknownResourceError(message)
        return public_jwk(key.multibase)

    def did_document(self, slug: str) -> dict[str, Any]:
        """One institution's DID document. Raises UnknownResourceError.

        Retired keys may still assert: a verifier that knows nothing of dates must not reject what was signed in their
        time. Revoked and compromised keys may not.
        """
        return did_document(self.views.record_of(slug), retired_may_assert=True)

    def did_document_of(self, did: str) -> dict[str, Any] | None:
        """The DID document of the institution with that DID; None if there is none. See :meth:`did_document`."""
        record = self.views.directory.by_did(did)
        return None if record is None else did_document(record, retired_may_assert=True)

    def catalogue_page(self, slug: str | None, after: str, limit: int) -> dict[str, Any]:
        """A page of published micro-credentials. Raises UnknownResourceError, InvalidRequestError."""
        page, following = self.views.listings(slug, after, limit)
        items = [
            {
                "institution": owner,
                "code": listing.code,
                "edition": listing.editions,
                "title": listing.title,
                "language": listing.language,
                "url": self.edition_url(owner, listing.code, listing.editions),
            }
            for owner, listing in page
        ]
        return {"achievements": items, "next": following}

    def achievement_edition(self, slug: str, code: str, edition: int) -> dict[str, Any]:
        """One edition of a template. Raises UnknownResourceError."""
        record = self.views.record_of(slug)
        listing = self.views.catalogue.by_code(record.institution, code)
        found = None if listing is None else self.views.catalogue.edition(listing.achievement, edition)
        if found is None:
            message = "there is no such edition of a micro-credential"
            raise UnknownResourceError(message)
        return {
            "id": self.edition_url(slug, code, edition),
            "institution": slug,
            "code": code,
            "edition": edition,
            "recorded_at": found.recorded_at,
            **msgspec.to_builtins(found.template),
            **({} if found.details is None else {"details": msgspec.to_builtins(found.details)}),
        }

    def recognition(self, identity: UUID) -> dict[str, Any]:
        """What the log says of a recognition. Raises UnknownResourceError."""
        known = self.views.recognitions.by_id(identity)
        if known is None:
            message = "there is no such recognition"
            raise UnknownResourceError(message)
        return recognition_answer(known, self.views.record(known.institution).slug, self.now())

    def agreement(self, identity: UUID) -> dict[str, Any]:
        """What the log says of an agreement. Raises UnknownResourceError."""
        known = self.views.agreements.by_id(identity)
        if known is None:
            message = "there is no such agreement"
            raise UnknownResourceError(message)
        return self._agreement(known)

    def agreements(self, slug: str | None, after: str, limit: int) -> dict[str, Any]:
        """A page of agreements, of one institution or of all. Raises UnknownResourceError, InvalidRequestError."""
        if after and not after.isdecimal():
            message = "this cursor was not given out here; start again without one"
            raise InvalidRequestError(message, errors=(FieldError(message, parameter="after"),))
        institution = None if slug is None else self.views.record_of(slug).institution
        page, following = self.views.agreements.page(int(after or -1), limit, institution)
        cursor = None if following is None else str(following)
        return {"agreements": [self._agreement(known) for known in page], "next": cursor}

    def _agreement(self, known: Agreement) -> dict[str, Any]:
        proposer, partner = (self.views.record(one).slug for one in (known.proposer, known.partner))
        return agreement_answer(known, proposer, partner, self.now())

    def achievement_history(self, slug: str, code: str, today: date) -> dict[str, Any]:
        """Every edition of a micro-credential with what changed in it, its reviews and its figures.

        Raises:
            UnknownResourceError: There is none.
        """
        record = self.views.record_of(slug)
        listing = self.views.catalogue.by_code(record.institution, code)
        if listing is None:
            message = "there is no such micro-credential"
            raise UnknownResourceError(message)
        editions = self.views.catalogue.editions(listing.achievement)
        quality = self.views.quality.record(listing.achievement)
        due = quality.review_due
        return {
            "institution": slug,
            "code": code,
            "title": listing.title,
            "quality_assurance": editions[-1].template.quality_assurance,
            "review_due": due,
            "review_overdue": due is not None and due < today,
            "reviews": msgspec.to_builtins(quality.reviews),
            "figures": msgspec.to_builtins(quality.figures),
            "editions": [
                {
                    "edition": one.edition,
                    "url": self.edition_url(slug, code, one.edition),
                    "recorded_at": one.recorded_at,
                    "changes": msgspec.to_builtins(_changes(before, one)),
                }
                for before, one in zip([None, *editions], editions, strict=False)
            ],
        }

    def programmes(self, slug: str) -> dict[str, Any]:
        """The programmes of an institution, each by its newest edition. Raises UnknownResourceError."""
        record = self.views.record_of(slug)
        items = [
            {
                "code": found.code,
                "edition": found.edition,
                "title": found.curriculum.title,
                "language": found.curriculum.language,
                "credits_centi": found.curriculum.credits_centi,
                "modules": len(found.curriculum.modules),
                "url": self._programme_url(slug, found.code, found.edition),
            }
            for found in self.views.programmes.of(record.institution)
        ]
        return {"institution": slug, "programmes": items}

    def programme_edition(self, slug: str, code: str, edition: int | None) -> dict[str, Any]:
        """One edition of a programme, or the newest. Raises UnknownResourceError."""
        record, programmes = self.views.record_of(slug), self.views.programmes
        identity = programme_id(record.institution, code)
        found = programmes.edition(identity, edition or programmes.editions(identity))
        if found is None:
            message = "there is no such edition of a programme"
            raise UnknownResourceError(message)
        curriculum: dict[str, Any] = msgspec.to_builtins(found.curriculum)
        for module in curriculum["modules"]:
            module.update(self._module(record.institution, slug, module["achievement"], module["edition"]))
        return {
            "id": self._programme_url(slug, code, found.edition),
            "institution": slug,
            "code": code,
            "edition": found.edition,
            "recorded_at": found.recorded_at,
            **curriculum,
            "changes": msgspec.to_builtins(found.changes),
        }

    def _module(self, institution: UUID, slug: str, code: str, edition: int) -> dict[str, Any]:
        """What a module's achievement says of it, as far as the catalogue has come."""
        catalogue = self.views.catalogue
        listing = catalogue.by_code(institution, code)
        found = None if listing is None else catalogue.edition(listing.achievement, edition)
        described = None if found is None else msgspec.to_builtins(found.template)
        return {"url": self.edition_url(slug, code, edition), "template": described}

    def _programme_url(self, slug: str, code: str, edition: int) -> str:
        return f"{self.base_url}/v1/programmes/{slug}/{code}/{edition}"

    def edition_url(self, slug: str, code: str, edition: int) -> str:
        """Address of one edition of a template."""
        return f"{self.base_url}/institutions/{slug}/achievements/{code}/{edition}"


def _changes(before: Edition | None, after: Edition) -> tuple[Change, ...]:
    if before is None:
        return ()
    return changes_between((before.template, before.details), (after.template, after.details))
