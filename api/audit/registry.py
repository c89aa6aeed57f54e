"""What institutions have published in a log, as it stands at one entry, and the tree over the directory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from anchoring.tree import MemoryTree, leaf_hash
from api.audit import rule
from api.audit.folded import Folded
from api.audit.rule import Illegal
from api.audit.stretch import Offer
from ledger.achievement import FIRST, Achievement, EditionEvent
from ledger.application import achievement_id
from ledger.credential import Credential
from ledger.event import Event, Instant
from ledger.institution import Accreditation, Institution, SigningKeyRecord
from ledger.limit import Subject, subject_of
from ledger.part_tree import BUCKETS
from ledger.pathway import Pathway, read_rules
from ledger.programme import Programme
from ledger.unpacking import Unpacking
from projections.directory_record import encode_record, make_record


class KnownAccreditations(msgspec.Struct, frozen=True, array_like=True):
    """An institution's accreditations from one instant of recording on."""

    recorded_at: Instant
    accreditations: tuple[Accreditation, ...]


class Registry:
    """Replays institutions, offers and whatever else there is little of. Not safe for concurrent use."""

    def __init__(self) -> None:
        self.institutions: dict[bytes, Institution] = {}
        self.achievements: dict[bytes, Achievement] = {}
        self.folded = Folded()
        self.pathways: dict[bytes, Pathway] = {}
        self.programmes: dict[bytes, Programme] = {}
        self.records: list[bytes] = []
        self.directory = MemoryTree()
        self.accreditations: dict[bytes, list[KnownAccreditations]] = {}
        self._numbers: dict[bytes, int] = {}
        self._names: set[str] = set()
        self._digests: dict[tuple[UUID, int], str] = {}
        self._keys: dict[bytes, SigningKeyRecord | None] = {}

    def institution(self, originator: UUID, version: int, body: object) -> None:
        """Replay an institution's event; what can be taken in is taken in, even when it was not legal.

        Raises:
            Illegal, NotReplayed: See :mod:`api.audit.rule`.
        """
        before = self.institutions.get(originator.bytes)
        if isinstance(body, Institution.Registered):
            if before is not None or {body.slug, body.did} & self._names:
                message = "this id, slug or DID is registered already"
                raise Illegal(message)
            self._keep(msgspec.structs.replace(Institution.begin(originator, body), version=version), body.recorded_at)
            self._names |= {body.slug, body.did}
            _in_turn(0, version)
            rule.begin_institution(originator, body)
            return
        if before is None:
            message = "this institution was never registered"
            raise Illegal(message)
        assert isinstance(body, msgspec.Struct)  # noqa: S101  the mapper decoded it
        at: datetime = body.recorded_at  # type: ignore[attr-defined]  # an event
        self._keep(msgspec.structs.replace(before.evolve(body), version=version), at)  # type: ignore[arg-type]  # an event
        _in_turn(before.version, version)
        rule.change_institution(before, body)  # type: ignore[arg-type]  # an event

    def achievement(self, originator: UUID, version: int, body: EditionEvent) -> None:
        """Replay an achievement's event; what can be taken in is taken in, even when it was not legal.

        Raises:
            Illegal, NotReplayed: See :mod:`api.audit.rule`.
        """
        before = self.achievements.get(originator.bytes)
        if isinstance(body, FIRST):
            if before is not None:
                message = "this achievement was published before"
                raise Illegal(message)
            self.achievements[originator.bytes] = Achievement.begin(originator, body)
            _in_turn(0, version)
            if body.institution.bytes not in self.institutions:
                message = "it is published by an institution that was never registered"
                raise Illegal(message)
            rule.begin_achievement(originator, body)
            return
        if before is None:
            message = "this achievement was never published"
            raise Illegal(message)
        self.achievements[originator.bytes] = msgspec.structs.replace(before.evolve(body), version=version)
        _in_turn(before.version, version)
        rule.change_achievement(before, body)

    def other(self, originator: UUID, version: int, body: Event) -> None:
        """Replay an event of :data:`api.audit.folded.KINDS`.

        Raises:
            Illegal: See :meth:`api.audit.folded.Folded.replay`.
        """
        self.folded.replay(originator, version, body, self.institutions, self.achievements)

    def pathway(self, originator: UUID, version: int, body: Event) -> None:
        """Replay a pathway's event; what can be taken in is taken in, even when it was not legal.

        Raises:
            Illegal, NotReplayed: See :mod:`api.audit.rule`.
        """
        before = self.pathways.get(originator.bytes)
        if isinstance(body, Pathway.Published):
            if before is not None:
                message = "this pathway was published before"
                raise Illegal(message)
            self.pathways[originator.bytes] = Pathway.begin(originator, body)
            _in_turn(0, version)
            rule.begin_pathway(originator, body)
            self._require_target(body)
            return
        if before is None:
            message = "this pathway was never published"
            raise Illegal(message)
        self.pathways[originator.bytes] = msgspec.structs.replace(before.evolve(body), version=version)
        _in_turn(before.version, version)
        rule.change_pathway(before, body)
        if isinstance(body, Pathway.Revised):
            if (body.institution, body.code) != (before.institution, before.code):
                message = "a revision moves no pathway"
                raise Illegal(message)
            self._require_target(body)

    def _require_target(self, body: Pathway.Published | Pathway.Revised) -> None:
        achievement = self.achievements.get(achievement_id(body.institution, body.achievement).bytes)
        if achievement is None or not 1 <= (body.edition or 1) <= len(achievement.editions):
            message = f"its institution has not published «{body.achievement}», or not in that edition"
            raise Illegal(message)

    def stacking_trouble(self, body: Credential.Stacked, issued: Credential.Issued) -> str | None:
        """Say why an award could not be stacked by the rules that its event names; None when it could."""
        pathway = self.pathways.get(body.pathway.bytes)
        if pathway is None or not 1 <= body.pathway_version <= len(pathway.versions):
            return "it names a pathway, or a version of one, that was never published"
        if pathway.retired_at is not None:
            return f"the pathway «{pathway.code}» was retired before"
        version = pathway.versions[body.pathway_version - 1]
        achievement = self.achievements.get(issued.achievement.bytes)
        if (
            achievement is None
            or pathway.institution != issued.institution
            or achievement_id(pathway.institution, version.achievement) != achievement.id
            or (version.edition is not None and version.edition != issued.edition)
        ):
            return f"«{pathway.code}» stacks into another achievement"
        if self._digest(pathway, body.pathway_version) != body.rules:
            return f"the digest is not that of version {body.pathway_version} of «{pathway.code}»"
        return None

    def _digest(self, pathway: Pathway, version: int) -> str:
        known = self._digests.get((pathway.id, version))
        if known is None:
            known = self._digests[pathway.id, version] = read_rules(pathway.versions[version - 1].rules).digest()
        return known

    def programme(self, originator: UUID, version: int, body: Programme.Published | Programme.Revised) -> None:
        """Replay a programme's event; what can be taken in is taken in, even when it was not legal.

        Raises:
            Illegal, NotReplayed: See :mod:`api.audit.rule`.
        """
        before = self.programmes.get(originator.bytes)
        if isinstance(body, Programme.Published):
            if before is not None:
                message = "this programme was published before"
                raise Illegal(message)
            self.programmes[originator.bytes] = Programme.begin(originator, body)
            _in_turn(0, version)
            rule.begin_programme(originator, body)
        else:
            if before is None:
                message = "this programme was never published"
                raise Illegal(message)
            self.programmes[originator.bytes] = msgspec.structs.replace(before.evolve(body), version=version)
            _in_turn(before.version, version)
            rule.change_programme(before, body)
        self._require_taught(body)

    def _require_taught(self, body: Programme.Published | Programme.Revised) -> None:
        """Check that what a programme names was published, and says the credits that the programme repeats."""
        if body.institution.bytes not in self.institutions:
            message = "it is published by an institution that was never registered"
            raise Illegal(message)
        curriculum = body.curriculum
        diploma = self._achievement(body.institution, curriculum.achievement)
        if diploma is None or diploma.editions[-1].credits_centi != curriculum.credits_centi:
            message = "the diploma was not published, or is worth something else"
            raise Illegal(message)
        if curriculum.partial is not None and self._achievement(body.institution, curriculum.partial) is None:
            message = f"«{curriculum.partial}» was not published"
            raise Illegal(message)
        for module in curriculum.modules:
            taught = self._achievement(body.institution, module.achievement)
            edition = taught.editions[module.edition - 1 : module.edition] if taught is not None else ()
            if not edition or edition[0].credits_centi != module.credits_centi:
                message = f"module «{module.code}» is no published edition, or is worth something else"
                raise Illegal(message)

    def _achievement(self, institution: UUID, code: str) -> Achievement | None:
        return self.achievements.get(achievement_id(institution, code).bytes)

    def unpacking_trouble(self, body: Unpacking.Made) -> tuple[str, str] | None:
        """Say why the institution could not have unpacked a diploma like that; None when it could."""
        institution = self.institutions.get(body.institution.bytes)
        if institution is None:
            return "unpacking-impossible", "it names an institution that was never registered"
        programme = self.programmes.get(body.programme.bytes)
        if programme is None or programme.institution != institution.id:
            return "unpacking-impossible", "it names a programme that the institution never published"
        if not 1 <= body.edition <= len(programme.editions):
            return "unpacking-impossible", f"there is no edition {body.edition} of «{programme.code}»"
        if body.leaves not in BUCKETS:
            return "unpacking-impossible", f"a tree over parts has {BUCKETS} leaves, not {body.leaves}"
        key = institution.active_key
        if key is None or key.key_id != body.key_id:
            now = "no key" if key is None else key.key_id
            return "key-not-in-force", f"it is signed with {body.key_id}, and {now} of {institution.slug} was in force"
        return None

    def trouble(self, offer: Offer) -> tuple[str, str] | None:
        """Say why no award could be made of *offer* at this point of the log: code and words; None when it could."""
        institution = self.institutions.get(offer.institution)
        if institution is None:
            return "award-impossible", "it names an institution that was never registered"
        achievement = self.achievements.get(offer.achievement)
        if achievement is None or achievement.institution != institution.id:
            return "award-impossible", "it names an achievement that the institution never published"
        if not 1 <= offer.edition <= len(achievement.editions):
            return "award-impossible", f"there is no edition {offer.edition} of «{achievement.code}»"
        if offer.institution not in self._keys:
            self._keys[offer.institution] = institution.active_key
        key = self._keys[offer.institution]
        if key is None or key.key_id != offer.key_id:
            now = "no key" if key is None else key.key_id
            return "key-not-in-force", f"it is signed with {offer.key_id}, and {now} of {institution.slug} was in force"
        if offer.valid_until is not None and offer.valid_until <= offer.valid_from:
            return "award-impossible", "it ends before it begins"
        return None

    def attestation_trouble(
        self, owner: bytes, key_id: str, valid_from: int, valid_until: int | None
    ) -> tuple[str, str] | None:
        """Say why the institution could not have signed a document of its own making; None when it could."""
        institution = self.institutions.get(owner)
        if institution is None:
            return "award-impossible", "it names an institution that was never registered"
        if not any(key.key_id == key_id and key.usable for key in institution.keys):
            return "key-not-in-force", f"it is signed with {key_id}, which was not in force"
        if valid_until is not None and valid_until <= valid_from:
            return "award-impossible", "it ends before it begins"
        return None

    def subject(self, edition: tuple[bytes, int]) -> Subject | None:
        """What awards under an edition (aggregate id and number) are; None when it was never published."""
        achievement = self.achievements.get(edition[0])
        if achievement is None or not 1 <= edition[1] <= len(achievement.editions):
            return None
        institution = self.institutions[achievement.institution.bytes]
        place = edition[1] - 1
        return subject_of(achievement.editions[place], achievement.details[place], institution.country)

    def accredited(self, institution: bytes, known_at: datetime) -> Sequence[Accreditation]:
        """Return the accreditations of an institution as the log knew them at an instant."""
        known = [one for one in self.accreditations.get(institution, ()) if one.recorded_at <= known_at]
        return known[-1].accreditations if known else ()

    def _keep(self, institution: Institution, at: datetime | None = None) -> None:
        identity = institution.id.bytes
        self._keys.pop(identity, None)
        before = self.institutions.get(identity)
        if at is not None and institution.accreditations != (() if before is None else before.accreditations):
            known_then = KnownAccreditations(at, institution.accreditations)
            self.accreditations.setdefault(identity, []).append(known_then)
        known = self._numbers.get(identity)
        number = self._numbers[identity] = len(self.records) if known is None else known
        record = encode_record(make_record(institution, number))
        self.institutions[identity] = institution
        if known is None:
            self.records.append(record)
            self.directory.append(leaf_hash(record))
        else:
            self.records[number] = record
            self.directory.replace(number, leaf_hash(record))

    def parts(self) -> tuple[list[Institution], list[Achievement], list[Pathway]]:
        """Return everything, institutions in the order of their numbers."""
        institutions = sorted(self.institutions.values(), key=lambda one: self._numbers[one.id.bytes])
        return institutions, [*self.achievements.values()], [*self.pathways.values()]

    @classmethod
    def from_parts(
        cls, institutions: Sequence[Institution], achievements: Sequence[Achievement], pathways: Sequence[Pathway]
    ) -> Registry:
        """Make the registry of which :meth:`parts` returned these."""
        registry = cls()
        for institution in institutions:
            registry._keep(institution)
            registry._names |= {institution.slug, institution.did}
        registry.achievements = {one.id.bytes: one for one in achievements}
        registry.pathways = {one.id.bytes: one for one in pathways}
        return registry


def _in_turn(before: int, version: int) -> None:
    if version != before + 1:
        message = f"version {version} where {before + 1} was due"
        raise Illegal(message)
