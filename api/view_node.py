"""The read side put together: views on disk, the projector that feeds them, and the readers that answer from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice, takewhile
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec

from anchoring.lock import SequencerLock
from api.error import FieldError, InvalidRequestError, UnknownResourceError
from ledger.credential_id import credential_aggregate_id
from ledger.error import InvalidInputError
from ledger.event import EventMapper
from ledger.part import Opening, read_leaf
from projections.achievement_catalogue import AchievementCatalogue, CatalogueReader, Edition, Listing
from projections.agreement_register import AgreementReader, AgreementRegister
from projections.credential_status import CredentialFacts, CredentialStatus, PartFacts, parse_facts
from projections.directory_record import DirectoryRecord
from projections.error import CorruptionError
from projections.fold import Projection
from projections.institution_directory import DirectoryReader, InstitutionDirectory
from projections.pathway_catalogue import PathwayCatalogue, PathwayListing, PathwayReader, listings_of
from projections.programme_catalogue import ProgrammeCatalogue, ProgrammeReader
from projections.projector import Helper, Projector, Track
from projections.quality_record import QualityReader, QualityRecord
from projections.rebuild import disagreement
from projections.recognition_register import RecognitionReader, RecognitionRegister
from projections.short_row import ID_BYTES
from projections.skill_index import SkillIndex, SkillReader
from projections.source import EventSource
from projections.status_lists import StatusListReader, StatusLists
from projections.status_prefix import StatusPrefixes, StatusPrefixReader
from projections.view import View

VIEWS_DIRECTORY: Final = "views"
PROJECTOR_LOCK: Final = "projector.lock"
_KINDS: Final = (
    CredentialStatus,
    InstitutionDirectory,
    AchievementCatalogue,
    SkillIndex,
    QualityRecord,
    StatusLists,
    ProgrammeCatalogue,
    PathwayCatalogue,
    RecognitionRegister,
    AgreementRegister,
    StatusPrefixes,
)
UNKNOWN_AWARD: Final = "there is no such award; check that the whole id was copied"


@dataclass(frozen=True, slots=True)
class ViewNode:
    """Readers over the views, and what keeps those up to date."""

    projector: Projector
    tracks: tuple[Track, ...]
    status: View
    institutions: View
    directory: DirectoryReader
    catalogue: CatalogueReader
    skills: SkillReader
    quality: QualityReader
    lists: StatusListReader
    programmes: ProgrammeReader
    pathways: PathwayReader
    recognitions: RecognitionReader
    agreements: AgreementReader
    prefixes: StatusPrefixReader

    def withhold(self, source: EventSource) -> None:
        """Let no view be read before it shows all that *source* has now. Before the projector is started.

        One that came from other events, as one does that is beside an older database, is made anew first.
        """
        newest = source.newest()
        strange = {track.view.name: name for track in self.tracks if (name := _strange(track.view, source)) is not None}
        for track in self.tracks:
            track.view.withhold(newest, unlike=strange.get(track.view.name))
        self.projector.look_first(strange)

    def require_answering(self) -> None:
        """Do not let anybody wait for views that take longer than anybody should. Raises ViewNotReadyError."""
        for track in self.tracks:
            track.view.require_answering()

    def unready(self) -> int:
        """How many views cannot be read: they are being made, or brought up to what was recorded at the start."""
        return sum(not track.view.is_answering for track in self.tracks)

    def close(self) -> None:
        """Stop projecting, and let go of every view."""
        self.projector.close()
        for track in self.tracks:
            track.view.close()

    def facts(self, public_id: str) -> CredentialFacts:
        """The facts of an award.

        Raises:
            UnknownResourceError: There is no such award, or the id is malformed.
        """
        try:
            stored = self.status.get(credential_aggregate_id(public_id).bytes)
        except InvalidInputError as error:
            raise UnknownResourceError(error.detail, errors=(FieldError(error.detail, parameter="id"),)) from error
        facts = None if stored is None else parse_facts(stored)
        if facts is None or facts.nature in {"part", "unpacking"}:  # nobody's business who has not got it
            raise UnknownResourceError(UNKNOWN_AWARD)
        return facts

    def part_facts(self, opening: Opening) -> CredentialFacts:
        """The facts of a part of an unpacked diploma: what its opening says, and what the log has of its status.

        Raises:
            UnknownResourceError: The unpacking is not there, or not yet.

        Not checked: that the opening is under the unpacking's root.
        """
        stored = self.status.get(opening.unpacking.bytes)
        unpacking = None if stored is None else parse_facts(stored)
        if unpacking is None or unpacking.nature != "unpacking":
            raise UnknownResourceError(UNKNOWN_AWARD)
        leaf = read_leaf(opening.leaf)
        stored = self.status.get(leaf.credential.bytes)
        own = () if stored is None else parse_facts(stored).events
        made, *shared = unpacking.events
        return msgspec.structs.replace(
            unpacking,
            achievement=leaf.achievement,
            edition=leaf.edition,
            commitments=leaf.commitments,
            status_index=leaf.status_index,
            valid_from=leaf.valid_from,
            valid_until=leaf.valid_until,
            events=(msgspec.structs.replace(made, effective_at=leaf.valid_from), *own[1:]),
            nature="part",
            part=PartFacts(opening.unpacking, unpacking.status_index, own[0].position if own else None, tuple(shared)),
        )

    def programme_position(self, facts: CredentialFacts) -> int | None:
        """Position of the event that published the programme that a part comes from; None of what is no part.

        Raises:
            UnknownResourceError: The catalogue has not caught up with it.
        """
        if facts.programme is None or facts.programme_edition is None:
            return None
        found = self.programmes.edition(facts.programme, facts.programme_edition)
        if found is None:
            message = "the programme of this part is not in the catalogue yet; try again in a second"
            raise UnknownResourceError(message)
        return found.position

    def status_page(self, after: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        """Stored facts of at most *limit* awards with an aggregate id above *after*, in order."""
        with self.status.snapshot() as snapshot:
            rows = takewhile(lambda row: len(row[0]) == ID_BYTES, snapshot.scan(after=after or None))  # then short ones
            return list(islice(rows, limit))

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

    def pathway_name(self, pathway: UUID) -> tuple[str, str] | None:
        """Slug of the institution and its code of a pathway; None when it is not in the catalogue."""
        listing = self.pathways.listing(pathway)
        owner = None if listing is None else self.directory.by_id(listing.institution)
        return None if listing is None or owner is None else (owner.slug, listing.code)

    def pathways_of(self, institution: UUID) -> list[tuple[UUID, PathwayListing]]:
        """Id and listing of every pathway of an institution, retired ones too, in no particular order."""
        [view] = (track.view for track in self.tracks if track.view.name == PathwayCatalogue.NAME)
        with view.snapshot() as snapshot:
            return list(listings_of(snapshot.scan(b"p"), institution))

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


def _strange(view: View, source: EventSource) -> str | None:
    """Name of the view's generation if that cannot have come from *source*."""
    if not view.ready:
        return None
    name = view.generation  # before the look: another process may be about to bring in a better one
    try:
        return None if disagreement(view, source) is None else name
    except CorruptionError:  # what is wrong with the source stops the projection, which says so
        return name


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
    return tuple(kind(mapper) for kind in _KINDS)


def view_names() -> tuple[str, ...]:
    """Name of every view that is kept on disk, always in one order."""
    return tuple(kind.NAME for kind in _KINDS)


def projector_lock(data: Path) -> SequencerLock:
    """The lock of the one process that is there to keep the views below *data* up to date, and for nothing else."""
    return SequencerLock(data / PROJECTOR_LOCK)


def open_views(
    data: Path,
    source: EventSource,
    mapper: EventMapper,
    elsewhere: Callable[[], bool] = lambda: False,
    *,
    helper: Helper | None = None,
    on_move: Callable[[str, int], None] = lambda _, __: None,
    on_stop: Callable[[str], None] = lambda _: None,
) -> ViewNode:
    """Open every view below *data*; nothing is projected until the projector starts.

    Args:
        data: The data directory.
        source: The events.
        mapper: Decodes them.
        elsewhere: Whether another process keeps the views up to date at this moment.
        helper: One that does so for this process, which has to be told.
        on_move: Told name and position of each view that was brought further here.
        on_stop: Told the name of a projection that has stopped for good.
    """
    folds = projections(mapper)
    directory = data / VIEWS_DIRECTORY
    views = {fold.NAME: View(directory, fold.NAME, fold.VERSION, writable=True) for fold in folds}
    tracks = tuple(Track(views[fold.NAME], fold) for fold in folds)
    return ViewNode(
        projector=Projector(source, tracks, elsewhere=elsewhere, helper=helper, on_move=on_move, on_stop=on_stop),
        tracks=tracks,
        status=views[CredentialStatus.NAME],
        institutions=views[InstitutionDirectory.NAME],
        directory=DirectoryReader(views[InstitutionDirectory.NAME]),
        catalogue=CatalogueReader(views[AchievementCatalogue.NAME]),
        skills=SkillReader(views[SkillIndex.NAME]),
        quality=QualityReader(views[QualityRecord.NAME]),
        lists=StatusListReader(views[StatusLists.NAME]),
        programmes=ProgrammeReader(views[ProgrammeCatalogue.NAME]),
        pathways=PathwayReader(views[PathwayCatalogue.NAME]),
        recognitions=RecognitionReader(views[RecognitionRegister.NAME]),
        agreements=AgreementReader(views[AgreementRegister.NAME]),
        prefixes=StatusPrefixReader(views[StatusPrefixes.NAME]),
    )
