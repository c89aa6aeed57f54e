"""The event bodies that a verifier reads, as typed structs; unknown members are refused.

Bodies come out of log entries whose inclusion is proved, so their spelling is fixed by the proof;
here they only have to mean one thing. An event of a topic that is not listed here is one this
version cannot judge, and what depends on it becomes `unknown`.

Longer than other modules because every event is here, so that the list is the catalogue.

Source: docs/spec/events.md.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final, TypeAlias, TypeVar
from uuid import UUID

import msgspec

from anchoring.entry import Entry
from verifier.error import FormatError
from verifier.strict_json import parse_json
from verifier.wire import HexHash, Instant, convert_loosely

MAX_BODY_BYTES: Final = 65_535
"""No entry is longer. Source: C2SP tlog-tiles, entry bundles."""


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    TOPIC: ClassVar[str]


class Issued(_Body, frozen=True, kw_only=True):
    """A credential was issued; `commitments` maps each form of the document to its commitment."""

    TOPIC = "credential.issued.v1"
    institution: UUID
    achievement: UUID
    edition: int
    key_id: str
    commitments: dict[str, HexHash]
    status_block: int
    status_index: int
    valid_from: Instant
    valid_until: Instant | None
    recorded_at: Instant


class Attested(_Body, frozen=True, kw_only=True):
    """An institution signed a document of its own making, which is no award of a published achievement."""

    TOPIC = "credential.attested.v1"
    institution: UUID
    key_id: str
    commitments: dict[str, HexHash]
    status_block: int
    status_index: int
    valid_from: Instant
    valid_until: Instant | None
    recorded_at: Instant


class Parted(_Body, frozen=True, kw_only=True):
    """A part of an unpacked diploma has a history of its own from here on."""

    TOPIC = "credential.parted.v1"
    institution: UUID
    status_block: int
    status_index: int
    recorded_at: Instant


class Unpacked(_Body, frozen=True, kw_only=True):
    """A diploma was unpacked into parts, salted leaves under `root`; `whole` commits to the diploma."""

    TOPIC = "unpacking.made.v1"
    institution: UUID
    programme: UUID
    edition: int
    key_id: str
    whole: HexHash
    leaves: int
    root: HexHash
    status_block: int
    status_index: int
    recorded_at: Instant


class Suspended(_Body, frozen=True, kw_only=True):
    """The credential does not hold for now."""

    TOPIC = "credential.suspended.v1"
    reason: str
    effective_at: Instant
    note: HexHash | None
    recorded_at: Instant


class Reinstated(_Body, frozen=True, kw_only=True):
    """A suspension ended."""

    TOPIC = "credential.reinstated.v1"
    effective_at: Instant
    recorded_at: Instant


class Revoked(_Body, frozen=True, kw_only=True):
    """The credential was taken back for good."""

    TOPIC = "credential.revoked.v1"
    reason: str
    effective_at: Instant
    note: HexHash | None
    recorded_at: Instant


class Replaced(_Body, frozen=True, kw_only=True):
    """A corrected credential took its place; `successor` commits to the new one's public id."""

    TOPIC = "credential.replaced.v1"
    reason: str
    effective_at: Instant
    successor: HexHash
    recorded_at: Instant


class Reissued(_Body, frozen=True, kw_only=True):
    """The document was signed anew with another key; the award itself is as it was."""

    TOPIC = "credential.reissued.v1"
    key_id: str
    commitments: dict[str, HexHash]
    recorded_at: Instant


class FormAdded(_Body, frozen=True, kw_only=True):
    """Further forms of the document were signed; the one that every award has is not among them."""

    TOPIC = "credential.form_added.v1"
    key_id: str
    commitments: dict[str, HexHash]
    recorded_at: Instant


class Stacked(_Body, frozen=True, kw_only=True):
    """The credential was stacked from others, by the rules of that digest; `derivation` commits to how."""

    TOPIC = "credential.stacked.v1"
    pathway: UUID
    pathway_version: int
    rules: HexHash
    derivation: HexHash
    recorded_at: Instant


class ReviewOpened(_Body, frozen=True, kw_only=True):
    """Whether the credential still holds is in question."""

    TOPIC = "credential.review_opened.v1"
    reason: str
    due_at: Instant
    appeal_until: Instant
    recorded_at: Instant


class Appealed(_Body, frozen=True, kw_only=True):
    """The holder appealed."""

    TOPIC = "credential.appealed.v1"
    statement: HexHash | None
    recorded_at: Instant


class AppealDecided(_Body, frozen=True, kw_only=True):
    """The appeal was decided."""

    TOPIC = "credential.appeal_decided.v1"
    outcome: str
    note: HexHash | None
    recorded_at: Instant


class ReviewClosed(_Body, frozen=True, kw_only=True):
    """The review ended."""

    TOPIC = "credential.review_closed.v1"
    outcome: str
    recorded_at: Instant


class Outcome(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One learning outcome."""

    text: str
    skill_uri: str | None
    skill_name: str | None


class Template(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an achievement says of itself."""

    title: str
    language: str
    description: str
    outcomes: list[Outcome]
    assessment: str
    participation: str
    quality_assurance: str
    criteria: str
    credits_centi: int | None
    workload_minutes: int | None
    eqf_level: int | None
    qf_ehea: str | None
    supervision: str | None
    prerequisites: str | None
    stackable: str | None


class _Edition(_Body, frozen=True, kw_only=True):
    institution: UUID
    code: str
    edition: int
    template: Template
    recorded_at: Instant


class Published(_Edition, frozen=True, kw_only=True):
    """The first edition of an achievement."""

    TOPIC = "achievement.published.v1"


class AchievementRevised(_Edition, frozen=True, kw_only=True):
    """A later edition of an achievement."""

    TOPIC = "achievement.revised.v1"


class PublishedInDetail(_Edition, frozen=True, kw_only=True):
    """The first edition of an achievement, with more than the Recommendation's elements."""

    TOPIC = "achievement.published.v2"
    details: dict[str, Any]


class RevisedInDetail(_Edition, frozen=True, kw_only=True):
    """A later edition of an achievement, with more than the Recommendation's elements."""

    TOPIC = "achievement.revised.v2"
    details: dict[str, Any]


class Module(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A module of a programme: an edition of an achievement."""

    code: str
    achievement: str
    edition: int
    credits_centi: int
    semester: int
    required: bool


class Curriculum(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an edition of a programme says."""

    title: str
    language: str
    achievement: str
    partial: str | None
    credits_centi: int
    withdrawal: str
    review_days: int | None
    modules: list[Module]


class _Programme(_Body, frozen=True, kw_only=True):
    institution: UUID
    code: str
    edition: int
    curriculum: Curriculum
    recorded_at: Instant


class ProgrammePublished(_Programme, frozen=True, kw_only=True):
    """The first edition of a programme."""

    TOPIC = "programme.published.v1"


class ProgrammeRevised(_Programme, frozen=True, kw_only=True):
    """A later edition of a programme."""

    TOPIC = "programme.revised.v1"
    changes: list[dict[str, Any]]


ProgrammeEdition: TypeAlias = ProgrammePublished | ProgrammeRevised


class PathwayPublished(_Body, frozen=True, kw_only=True):
    """The first version of a pathway."""

    TOPIC = "pathway.published.v1"
    institution: UUID
    code: str
    number: int
    achievement: str
    edition: int | None
    rules: dict[str, Any]
    recorded_at: Instant


class PathwayRevised(_Body, frozen=True, kw_only=True):
    """A later version of a pathway."""

    TOPIC = "pathway.revised.v1"
    institution: UUID
    code: str
    number: int
    achievement: str
    edition: int | None
    rules: dict[str, Any]
    changes: list[str]
    recorded_at: Instant


Birth: TypeAlias = Issued | Attested
StatusEvent: TypeAlias = (
    Suspended
    | Reinstated
    | Revoked
    | Replaced
    | Reissued
    | FormAdded
    | Stacked
    | ReviewOpened
    | Appealed
    | AppealDecided
    | ReviewClosed
)
Edition: TypeAlias = Published | AchievementRevised | PublishedInDetail | RevisedInDetail

_Form = TypeVar("_Form")
_CREDENTIAL_BODIES: Final[tuple[type[Birth | StatusEvent], ...]] = (
    Issued,
    Attested,
    Suspended,
    Reinstated,
    Revoked,
    Replaced,
    Reissued,
    FormAdded,
    Stacked,
    ReviewOpened,
    Appealed,
    AppealDecided,
    ReviewClosed,
)
_EDITION_BODIES: Final[tuple[type[Edition], ...]] = (
    Published,
    AchievementRevised,
    PublishedInDetail,
    RevisedInDetail,
)


def parse_credential_event(entry: Entry) -> Birth | StatusEvent | None:
    """Read an event of a credential; None when this version does not know its topic.

    Raises:
        InputError: A body that its topic does not allow.
    """
    form = next((form for form in _CREDENTIAL_BODIES if entry.topic == form.TOPIC), None)
    return None if form is None else _read(entry, form)


def parse_unpacked(entry: Entry) -> Unpacked:
    """Read the event that unpacked a diploma.

    Raises:
        InputError: Another topic, or a body that it does not allow.
    """
    if entry.topic != Unpacked.TOPIC:
        raise FormatError(f"{entry.topic} unpacks nothing")
    return _read(entry, Unpacked)


def parse_parted(entry: Entry) -> Parted:
    """Read the event that began the history of a part.

    Raises:
        InputError: Another topic, or a body that it does not allow.
    """
    if entry.topic != Parted.TOPIC:
        raise FormatError(f"{entry.topic} begins no history of a part")
    return _read(entry, Parted)


def parse_programme(entry: Entry) -> ProgrammeEdition:
    """Read the event that published an edition of a programme.

    Raises:
        InputError: Another topic, or a body that it does not allow.
    """
    if entry.topic == ProgrammePublished.TOPIC:
        return _read(entry, ProgrammePublished)
    if entry.topic == ProgrammeRevised.TOPIC:
        return _read(entry, ProgrammeRevised)
    raise FormatError(f"{entry.topic} publishes no programme")


def parse_edition(entry: Entry) -> Edition:
    """Read the event that published an edition of an achievement.

    Raises:
        InputError: Another topic, or a body that it does not allow.
    """
    form = next((form for form in _EDITION_BODIES if entry.topic == form.TOPIC), None)
    if form is None:
        raise FormatError(f"{entry.topic} publishes no achievement")
    return _read(entry, form)


def parse_pathway(entry: Entry) -> PathwayPublished | PathwayRevised:
    """Read the event that published a version of a pathway.

    Raises:
        InputError: Another topic, or a body that it does not allow.
    """
    if entry.topic == PathwayPublished.TOPIC:
        return _read(entry, PathwayPublished)
    if entry.topic == PathwayRevised.TOPIC:
        return _read(entry, PathwayRevised)
    raise FormatError(f"{entry.topic} publishes no pathway")


def _read(entry: Entry, form: type[_Form]) -> _Form:
    return convert_loosely(parse_json(entry.body, max_bytes=MAX_BODY_BYTES), form)
