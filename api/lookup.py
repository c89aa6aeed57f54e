"""What a serving node can be asked in public: the same look-ups, whoever keeps its views up to date."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

import msgspec

from api.error import UnknownResourceError
from api.evidence import Evidences
from api.published_log import PublishedLog
from api.view_node import ViewNode
from ledger.edition_change import Change, changes_between
from projections.achievement_catalogue import Edition
from projections.directory_record import did_document


class StatusAnswers(Protocol):
    """Answers about the status of awards; :class:`api.status.Statuses` is the one over the ledger's own views."""

    def status(self, public_id: str, *, at: datetime | None, known_at: datetime | None) -> dict[str, Any]:
        """The public answer; see :meth:`api.status.Statuses.status`."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """The public look-ups of one serving process. Nothing here writes, and nothing needs the vault.

    Attributes:
        base_url: Address of the ledger, as it stands in its documents.
        views: Readers over the views.
        statuses: Answers about awards.
        evidences: Makes evidence files.
        published: The log as the public sees it.
    """

    base_url: str
    views: ViewNode
    statuses: StatusAnswers
    evidences: Evidences
    published: PublishedLog

    def institutions(self) -> list[dict[str, Any]]:
        """Every institution's record."""
        directory = self.views.directory
        return [msgspec.to_builtins(record) for record in directory.page(limit=max(len(directory), 1))]

    def institution_record(self, slug: str) -> dict[str, Any]:
        """One institution's record. Raises UnknownResourceError."""
        record: dict[str, Any] = msgspec.to_builtins(self.views.record_of(slug))
        return record

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

    def edition_url(self, slug: str, code: str, edition: int) -> str:
        """Address of one edition of a template."""
        return f"{self.base_url}/institutions/{slug}/achievements/{code}/{edition}"


def _changes(before: Edition | None, after: Edition) -> tuple[Change, ...]:
    if before is None:
        return ()
    return changes_between((before.template, before.details), (after.template, after.details))
