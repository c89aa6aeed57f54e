"""The read side put together: views on disk, the projector that feeds them, and the readers that answer from them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final
from uuid import UUID

from api.error import FieldError, InvalidRequestError, UnknownResourceError
from ledger.achievement import Template
from ledger.credential_id import credential_aggregate_id
from ledger.error import InvalidInputError
from ledger.event import EventMapper
from projections.achievement_catalogue import AchievementCatalogue, CatalogueReader, Edition, Listing
from projections.credential_status import CredentialFacts, CredentialStatus, parse_facts
from projections.directory_record import DirectoryRecord
from projections.fold import Projection
from projections.institution_directory import DirectoryReader, InstitutionDirectory
from projections.pathway_catalogue import PathwayCatalogue, PathwayReader
from projections.projector import Projector, Track
from projections.quality_record import QualityReader, QualityRecord
from projections.skill_index import SkillIndex, SkillReader
from projections.source import EventSource
from projections.status_lists import StatusListReader, StatusLists
from projections.view import View

VIEWS_DIRECTORY: Final = "views"
UNKNOWN_AWARD: Final = "there is no such award; check that the whole id was copied"


@dataclass(frozen=True, slots=True)
class ViewNode:
    """Readers over the views, and what keeps those up to date."""

    projector: Projector
    tracks: tuple[Track, ...]
    status: View
    directory: DirectoryReader
    catalogue: CatalogueReader
    skills: SkillReader
    quality: QualityReader
    lists: StatusListReader
    pathways: PathwayReader

    def facts(self, public_id: str) -> CredentialFacts:
        """The facts of an award.

        Raises:
            UnknownResourceError: There is no such award, or the id is malformed.
        """
        try:
            stored = self.status.get(credential_aggregate_id(public_id).bytes)
        except InvalidInputError as error:
            raise UnknownResourceError(error.detail, errors=(FieldError(error.detail, parameter="id"),)) from error
        if stored is None:
            raise UnknownResourceError(UNKNOWN_AWARD)
        return parse_facts(stored)

    def status_page(self, after: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        """Stored facts of at most *limit* awards with an aggregate id above *after*, in order."""
        with self.status.snapshot() as snapshot:
            return list(islice(snapshot.scan(after=after or None), limit))

    def record(self, institution: UUID, known_at: datetime | None = None) -> DirectoryRecord:
        """The record of an institution.

        Args:
            institution: Its aggregate id.
            known_at: As the ledger knew it by then; None for the record of today.

        Raises:
            UnknownResourceError: There is none.
        """
        found = None if known_at is None else self.directory.known_at(institution, known_at)
        found = found or self.directory.by_id(institution)
        if found is None:
            message = "there is no such institution"
            raise UnknownResourceError(message)
        return found

    def record_of(self, slug: str) -> DirectoryRecord:
        """The record of the institution with *slug*.

        Raises:
            UnknownResourceError: There is none.
        """
        found = self.directory.by_slug(slug)
        if found is None:
            message = "there is no institution at this address"
            raise UnknownResourceError(message)
        return found

    def edition(self, facts: CredentialFacts) -> Edition | None:
        """The edition that an award was made under; None for a document of the institution's own making.

        Raises:
            UnknownResourceError: The catalogue has not caught up with it.
        """
        if facts.achievement is None or facts.edition is None:
            return None
        found = self.catalogue.edition(facts.achievement, facts.edition)
        if found is None:
            message = "the micro-credential of this award is not in the catalogue yet; try again in a second"
            raise UnknownResourceError(message)
        return found

    def template(self, facts: CredentialFacts) -> tuple[str, Template] | None:
        """Code and template that an award was made under, if it is one. Raises UnknownResourceError."""
        edition = self.edition(facts)
        return None if edition is None else (edition.code, edition.template)

    def pathway_name(self, pathway: UUID) -> tuple[str, str] | None:
        """Slug of the institution and its code of a pathway; None when it is not in the catalogue."""
        listing = self.pathways.listing(pathway)
        owner = None if listing is None else self.directory.by_id(listing.institution)
        return None if listing is None or owner is None else (owner.slug, listing.code)

    def pathway_position(self, pathway: str, version: int) -> int | None:
        """Position of the event that published a version of a pathway; None when there is none.

        Args:
            pathway: Its id, 32 hexadecimal digits.
            version: From 1.
        """
        try:
            found = self.pathways.version(UUID(hex=pathway), version)
        except ValueError:
            return None
        return None if found is None else found.position

    def edition_position(self, facts: CredentialFacts) -> int | None:
        """Position of the event that published that edition, if there is one. Raises UnknownResourceError."""
        edition = self.edition(facts)
        return None if edition is None else edition.position

    def listings(self, slug: str | None, after: str, limit: int) -> tuple[list[tuple[str, Listing]], str | None]:
        """A page of the catalogue: slug and listing of each, and the cursor of the next page.

        Raises:
            UnknownResourceError: No such institution.
            InvalidRequestError: The cursor is not one that was given out.
        """
        institutions = self.directory.page(limit=len(self.directory)) if slug is None else [self.record_of(slug)]
        first, number = _cursor(after)
        page: list[tuple[str, Listing]] = []
        for place, record in enumerate(institutions[first:], start=first):
            found = self.catalogue.page(record.institution, number, limit - len(page))
            page += [(record.slug, listing) for listing in found]
            if len(page) >= limit:
                return page, f"{place}.{number + len(found)}"
            number = -1
        return page, None


def _cursor(text: str) -> tuple[int, int]:
    if not text:
        return 0, -1
    first, _, number = text.partition(".")
    if not (first.isdecimal() and number.isdecimal() and len(text) < 20):  # noqa: PLR2004  longer than any cursor
        message = "this cursor was not given out here; start again without one"
        raise InvalidRequestError(message, errors=(FieldError(message, parameter="after"),))
    return int(first), int(number)


def projections(mapper: EventMapper) -> tuple[Projection, ...]:
    """Every projection that is kept on disk."""
    return (
        CredentialStatus(mapper),
        InstitutionDirectory(mapper),
        AchievementCatalogue(mapper),
        PathwayCatalogue(mapper),
        SkillIndex(mapper),
        QualityRecord(mapper),
        StatusLists(mapper),
    )


def open_views(data: Path, source: EventSource, mapper: EventMapper) -> ViewNode:
    """Open every view below *data*; nothing is projected until the projector starts."""
    folds = projections(mapper)
    directory = data / VIEWS_DIRECTORY
    views = {fold.NAME: View(directory, fold.NAME, fold.VERSION, writable=True) for fold in folds}
    tracks = tuple(Track(views[fold.NAME], fold) for fold in folds)
    return ViewNode(
        projector=Projector(source, tracks),
        tracks=tracks,
        status=views[CredentialStatus.NAME],
        directory=DirectoryReader(views[InstitutionDirectory.NAME]),
        catalogue=CatalogueReader(views[AchievementCatalogue.NAME]),
        skills=SkillReader(views[SkillIndex.NAME]),
        quality=QualityReader(views[QualityRecord.NAME]),
        lists=StatusListReader(views[StatusLists.NAME]),
        pathways=PathwayReader(views[PathwayCatalogue.NAME]),
    )
