"""What an auditor checks of disclosures.

For each award the auditor opens the commitment in the log, verifies the document's signature with the key that the log
names, looks for every mandatory element of the EU Recommendation, and compares dates, issuer, achievement, edition and
status places with the event and the published template. What stacked awards were made of is checked by
:mod:`api.audit.derivation`.

Source: docs/spec/disclosures.md; Council Recommendation of 16 June 2022 (2022/C 243/02), Annex I.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from typing import Any, Final
from uuid import UUID

from openvc.did.base import multikey_to_jwk
from openvc.errors import OpenvcError
from openvc.proof.di_jcs import EddsaJcsProofSuite

from api.audit.derivation import NOTHING_STATED, DerivationCheck, Stated, stated_by
from api.audit.disclosure import MAX_LINE_BYTES, Disclosures, Line, PartLine
from api.audit.finding import Findings
from api.audit.history import AwardHistory
from api.audit.part_check import PartCheck
from api.audit.replay import Replay
from api.audit.report import DisclosureReport
from ledger.achievement import Template
from ledger.canonical import canonical_json
from ledger.commitment import DOCUMENT_KIND, SALT_BYTES, commit
from ledger.credential_id import credential_aggregate_id
from ledger.document import PURPOSES, instant_text
from ledger.error import LedgerError
from ledger.form.open_badge import elements_of
from ledger.institution import Institution
from projections.credential_status import CredentialFacts
from verifier.error import InputError
from verifier.strict_json import parse_json

MANDATORY: Final = (
    "learner",
    "title",
    "country",
    "awardingBody",
    "dateOfIssuing",
    "learningOutcomes",
    "workload",
    "level",
    "assessment",
    "participation",
    "qualityAssurance",
)
"""Elements that every document has. Source: Council Recommendation 2022/C 243/02, Annex I."""
_PUBLIC_ID: Final = re.compile(r"/verify/([0-9a-v]{36})")


class DisclosureCheck:
    """Checks disclosures against a log that was replayed.

    Args:
        replay: The log, replayed to its end.
        history: Reads its entries.
        findings: Where differences go.
    """

    def __init__(self, replay: Replay, history: AwardHistory, findings: Findings) -> None:
        self._replay = replay
        self._history = history
        self._findings = findings
        self._suite = EddsaJcsProofSuite()
        self._opened = bytearray(replay.size // 8 + 1)
        self._count = 0
        self._stacked = 0
        self._stated: dict[bytes, Stated] = {}
        self._parts = PartCheck(replay, history, findings)

    def run(self, disclosures: Disclosures, progress: Callable[[int], None]) -> DisclosureReport:
        """Check every line; says how many commitments were opened, and how many awards were not disclosed.

        Raises:
            DisclosureError: The file cannot be read to its end.
        """
        before = self._findings.count
        read = 0
        for read, line in enumerate(disclosures.lines(), start=1):
            self._one(line)
            if read % 1_000 == 0:
                progress(read)
        self._parts.finish()
        derived = 0
        if disclosures.has_derivations and self._stacked:
            # A second time through the file: what documents state of components is known now, wherever they stood.
            check = DerivationCheck(
                self._replay,
                self._history,
                self._findings,
                self._stated,
                self._is_opened,
                self._parts,
                has_recognitions=disclosures.has_recognitions,
            )
            derived = check.run(disclosures.lines())
        header = disclosures.header
        return DisclosureReport(
            institution=header.institution,
            made_at=header.made_at,
            read=read,
            opened=self._count,
            derived=derived,
            parts=len(self._parts.opened),
            not_disclosed=len(self._replay.awards) - self._count,
            differences=self._findings.count - before,
        )

    def _one(self, line: Line) -> None:
        identity = UUID(hex=line.aggregate)
        if line.part is not None:
            self._part(line, line.part, identity)
            return
        place = self._replay.awards.find(identity.bytes)
        if place is None:
            self._findings.add("disclosure-unlogged", line.aggregate, "the log has no such award")
            return
        facts = self._history.facts(identity, place, self._replay.changed.get(identity.bytes))
        read = self._read(line, identity, place.entry)
        if read is None:
            return
        document, made = read
        signing = next((one for one in facts.signings if one.commitments.get(line.kind) == made), None)
        if signing is None:
            self._find(place.entry, "the document and its salt do not open the commitment in the log")
            return
        self._mark(place.entry)
        self._stacked += facts.stacked is not None
        self._compare(identity, facts, signing.key_id, document, place.entry)

    def _part(self, line: Line, shown: PartLine, identity: UUID) -> None:
        """Check a part of an unpacked diploma, of which the log need have nothing."""
        unpacking = self._replay.awards.find(UUID(hex=shown.unpacking).bytes)
        entry = 0 if unpacking is None else unpacking.entry
        read = self._read(line, identity, entry)
        try:
            opened = None if read is None else self._parts.open(shown.decoded(identity), read[1], line.kind)
        except binascii.Error as error:
            self._find(entry, f"what shows part {identity} cannot be read: {error}")
            return
        if read is None or opened is None:
            return
        self._mark(opened.entry)
        if (own := self._replay.awards.find(identity.bytes)) is not None:
            self._mark(own.entry)
        self._compare(identity, opened.facts, opened.facts.key_id, read[0], opened.entry)

    def _read(self, line: Line, identity: UUID, entry: int) -> tuple[dict[str, Any], str] | None:
        """The disclosed document, and what it and its salt commit to; None when it cannot be read."""
        try:
            document = parse_json(bytes(line.document), max_bytes=MAX_LINE_BYTES)
            salt = base64.b64decode(line.salt, validate=True)
        except (InputError, binascii.Error) as error:
            self._find(entry, f"the disclosed document or salt cannot be read: {error}")
            return None
        if not isinstance(document, dict) or len(salt) != SALT_BYTES or line.kind != DOCUMENT_KIND:
            self._find(entry, f"it is no document of kind {DOCUMENT_KIND} with a salt of {SALT_BYTES} bytes")
            return None
        return document, commit(identity, line.kind, canonical_json(document), salt)

    def _compare(
        self, identity: UUID, facts: CredentialFacts, key_id: str, document: dict[str, Any], entry: int
    ) -> None:
        if (stated := stated_by(document)) != NOTHING_STATED:
            self._stated[identity.bytes] = stated
        for what in self._differences(identity, facts, key_id, document):
            self._find(entry, what)

    def _is_opened(self, index: int) -> bool:
        return bool(self._opened[index >> 3] & 1 << (index & 7))

    def _mark(self, index: int) -> None:
        mask = 1 << (index & 7)
        if not self._opened[index >> 3] & mask:
            self._opened[index >> 3] |= mask
            self._count += 1

    def _differences(
        self, identity: UUID, event: CredentialFacts, key_id: str, document: dict[str, Any]
    ) -> Iterator[str]:
        institution = self._replay.registry.institutions.get(event.institution.bytes)
        if event.achievement is None or event.edition is None:
            return  # no award: nothing was published that it could differ from
        achievement = self._replay.registry.achievements.get(event.achievement.bytes)
        if institution is None or achievement is None or not 1 <= event.edition <= len(achievement.editions):
            return  # named already as an award that is not possible
        yield from self._signature(document, institution, key_id)
        elements = elements_of(document)
        for name in MANDATORY:
            if not elements.get(name):
                yield f"the mandatory element «{name}» is missing from the document"
        path = f"/institutions/{institution.slug}/achievements/{achievement.code}/{event.edition}"
        for what, found, due in (
            *_dates(document, elements, event),
            *_template(document, elements, achievement.editions[event.edition - 1]),
            ("issuer", _at(document, "issuer", "id"), institution.did),
            ("awarding body", elements.get("awardingBody"), institution.name),
            ("country", elements.get("country"), institution.country),
            ("id", _aggregate(document.get("id")), identity),
            ("edition", _at(document, "credentialSubject", "achievement", "version"), str(event.edition)),
            ("achievement", str(_at(document, "credentialSubject", "achievement", "id"))[-len(path) :], path),
            ("status places", _places(document), _logged_places(event)),
        ):
            if found != due:
                yield f"the document's {what} is not what the log says"

    def _signature(self, document: dict[str, Any], institution: Institution, key_id: str) -> Iterator[str]:
        key = next((one for one in institution.keys if one.key_id == key_id), None)
        method = _at(document, "proof", "verificationMethod")
        if key is None or method != f"{institution.did}#{key_id}":
            yield "the document is not signed with the key that the log names"
            return
        try:
            self._suite.verify(document, public_key_jwk=multikey_to_jwk(key.multibase), check_temporal=False)
        except OpenvcError as error:
            yield f"the document's signature is not good: {error}"

    def _find(self, index: int, what: str) -> None:
        self._findings.at(index, "disclosure-differs", what)


def _dates(
    document: dict[str, Any], elements: dict[str, Any], event: CredentialFacts
) -> Iterator[tuple[str, Any, Any]]:
    until = None if event.valid_until is None else instant_text(event.valid_until)
    yield "date of validity", document.get("validFrom"), instant_text(event.valid_from)
    yield "end of validity", document.get("validUntil"), until
    yield "date of issuing", elements.get("dateOfIssuing"), event.valid_from.date().isoformat()


def _template(document: dict[str, Any], elements: dict[str, Any], template: Template) -> Iterator[tuple[str, Any, Any]]:
    yield "title", (elements.get("title"), document.get("name")), (template.title, template.title)
    yield "learning outcomes", elements.get("learningOutcomes"), [outcome.text for outcome in template.outcomes]
    yield "assessment", elements.get("assessment"), template.assessment
    yield "participation", elements.get("participation"), template.participation
    yield "quality assurance", elements.get("qualityAssurance"), template.quality_assurance
    yield "level", _at(elements, "level", "eqf"), template.eqf_level
    yield "workload", _at(elements, "workload", "minutes"), template.workload_minutes


def _places(document: dict[str, Any]) -> list[tuple[str, str, str]]:
    entries = document.get("credentialStatus")
    return [
        (
            str(entry.get("statusPurpose")),
            str(entry.get("statusListCredential")).rpartition("/")[2],
            str(entry.get("statusListIndex")),
        )
        for entry in (entries if isinstance(entries, list) else [])
        if isinstance(entry, dict)
    ]


def _logged_places(event: CredentialFacts) -> list[tuple[str, str, str]]:
    """The places that a document has to name; a part's second one is what it shares with the other parts."""
    indexes = [event.status_index, *([] if event.part is None else [event.part.status_index])]
    return [
        (purpose, str(2 * event.status_block + offset), str(index))
        for index in indexes
        for offset, purpose in enumerate(PURPOSES)
    ]


def _aggregate(address: object) -> UUID | None:
    match = _PUBLIC_ID.search(str(address))
    try:
        return None if match is None else credential_aggregate_id(match[1])
    except LedgerError:
        return None


def _at(value: object, *names: str) -> object:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value
