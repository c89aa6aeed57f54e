"""Disclosures: what an operator shows an accreditor of the awards behind the log, and what an auditor checks of it.

A file of lines: a header, one line for each award with its document and the salt of its commitment, and a last line
that says how many there were, so that a file which was cut off is noticed. All of it is personal data.

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
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from openvc.did.base import multikey_to_jwk
from openvc.errors import OpenvcError
from openvc.proof.di_jcs import EddsaJcsProofSuite

from api.audit.derivation import NOTHING_STATED, DerivationCheck, Stated, stated_by
from api.audit.finding import Findings
from api.audit.history import AwardHistory
from api.audit.part_check import DisclosedPart, PartCheck
from api.audit.replay import Replay
from api.audit.report import DisclosureReport
from ledger.achievement import Template
from ledger.canonical import canonical_json
from ledger.commitment import DOCUMENT_KIND, SALT_BYTES, commit
from ledger.credential_id import credential_aggregate_id
from ledger.document import PURPOSES, instant_text
from ledger.error import LedgerError
from ledger.event import Instant
from ledger.form.open_badge import elements_of
from ledger.institution import Institution
from ledger.part import KeptWhole, Opening
from projections.credential_status import CredentialFacts
from verifier.error import InputError
from verifier.strict_json import parse_json

FORMAT: Final = "cairn/disclosures/v2"
FORMER_FORMAT: Final = "cairn/disclosures/v1"
"""Without derivations; read as before."""
WARNING: Final = (
    "This file is personal data: names, results and the salts that open the log's commitments. "
    "Use it for the audit it was made for, pass it to nobody, and destroy it afterwards."
)
MAX_LINE_BYTES: Final = 512 * 1024
"""Twice the longest document that the verifier takes."""
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
_AGGREGATE: Final = r"^[0-9a-f]{32}\Z"
_PUBLIC_ID: Final = re.compile(r"/verify/([0-9a-v]{36})")


class DisclosureError(Exception):
    """The file cannot be read as disclosures."""


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """First line. ``institution`` is a slug, or null when awards of all are in the file."""

    format: str
    warning: str
    origin: str
    institution: str | None
    made_at: Instant


class StackPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a stacked award was made of: the derivation, and the salt of the commitment to it in base64."""

    derivation: msgspec.Raw
    salt: str


class PartLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shows a part of an unpacked diploma: ids as 32 hexadecimal digits, bytes in base64.

    ``whole`` is the diploma, ``whole_salt`` the salt of the commitment to it; ``leaf``, ``index`` and ``proof`` show
    the part under the root of the unpacking.
    """

    unpacking: Annotated[str, msgspec.Meta(pattern=_AGGREGATE)]
    whole: Annotated[str, msgspec.Meta(pattern=_AGGREGATE)]
    whole_salt: str
    leaf: str
    index: int
    proof: tuple[str, ...]

    def decoded(self, part: UUID) -> DisclosedPart:
        """The same, as bytes.

        Raises:
            binascii.Error: Something is not base64.
        """
        return DisclosedPart(
            part=part,
            unpacking=UUID(hex=self.unpacking),
            whole=UUID(hex=self.whole),
            whole_salt=base64.b64decode(self.whole_salt, validate=True),
            leaf=base64.b64decode(self.leaf, validate=True),
            index=self.index,
            proof=tuple(base64.b64decode(one, validate=True) for one in self.proof),
        )


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One award: aggregate id, kind of the form, salt in base64, the signed document; and its stack, if it is one."""

    aggregate: Annotated[str, msgspec.Meta(pattern=_AGGREGATE)]
    kind: str
    salt: str
    document: msgspec.Raw
    stack: StackPart | None = None
    part: PartLine | None = None


class Trailer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Last line."""

    end: str
    awards: int


class Disclosures:
    """A file of disclosures; its header is read at once, its lines when they are asked for.

    Args:
        path: The file.

    Raises:
        DisclosureError: It is none.
        OSError: It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("rb") as file:
            first = file.readline(MAX_LINE_BYTES)
        try:
            self.header = msgspec.json.decode(first, type=Header)
        except msgspec.MsgspecError as error:
            message = f"{path.name} does not begin like a file of disclosures: {error}"
            raise DisclosureError(message) from error
        if self.header.format not in {FORMAT, FORMER_FORMAT}:
            message = f"{path.name} is of the format {self.header.format[:40]!r}, and this version reads {FORMAT}"
            raise DisclosureError(message)

    @property
    def has_derivations(self) -> bool:
        """Whether stacked awards come with what they were made of."""
        return self.header.format == FORMAT

    def lines(self) -> Iterator[Line]:
        """Yield the awards.

        Raises:
            DisclosureError: A line is not one, or the file does not end as it must.
        """
        count = 0
        with self._path.open("rb") as file:
            file.readline(MAX_LINE_BYTES)
            for number in range(2, 1 << 62):
                raw = file.readline(MAX_LINE_BYTES)
                if raw.startswith(b'{"end":'):
                    self._require_end(raw, count, file.read(1))
                    return
                count += 1
                try:
                    line = msgspec.json.decode(raw, type=Line)
                except msgspec.MsgspecError as error:
                    message = f"line {number} of {self._path.name} is no disclosure, or the file was cut off: {error}"
                    raise DisclosureError(message) from error
                if (line.stack is not None or line.part is not None) and not self.has_derivations:
                    message = f"line {number} of {self._path.name} has a member that its format has no place for"
                    raise DisclosureError(message)
                yield line

    def _require_end(self, raw: bytes, count: int, more: bytes) -> None:
        try:
            trailer = msgspec.json.decode(raw, type=Trailer)
        except msgspec.MsgspecError:
            trailer = Trailer(end="", awards=-1)
        if trailer != Trailer(end=self.header.format, awards=count) or more:
            message = f"{self._path.name} does not end as a file of {count} disclosures does"
            raise DisclosureError(message)


def write_header(origin: str, institution: str | None, made_at: datetime) -> bytes:
    """Return the first line."""
    header = Header(format=FORMAT, warning=WARNING, origin=origin, institution=institution, made_at=made_at)
    return msgspec.json.encode(header) + b"\n"


def write_line(
    aggregate: UUID,
    kind: str,
    salt: bytes,
    document: bytes,
    stack: tuple[bytes, bytes] | None = None,
    part: tuple[Opening, KeptWhole] | None = None,
) -> bytes:
    """Return an award's line; *document* is the exact form that is committed to.

    Args:
        aggregate: The award.
        kind: Of the form.
        salt: Of the commitment to it.
        document: The form.
        stack: The derivation's canonical bytes and the salt of the commitment to them, of a stacked award.
        part: What opens a part of an unpacked diploma, and what the unpacking is of.
    """
    shown = None
    if stack is not None:
        shown = StackPart(derivation=msgspec.Raw(stack[0]), salt=base64.b64encode(stack[1]).decode())
    line = Line(
        aggregate=aggregate.hex,
        kind=kind,
        salt=base64.b64encode(salt).decode(),
        document=msgspec.Raw(document),
        stack=shown,
        part=None if part is None else _part_line(*part),
    )
    return msgspec.json.encode(line) + b"\n"


def _part_line(opening: Opening, whole: KeptWhole) -> PartLine:
    return PartLine(
        unpacking=opening.unpacking.hex,
        whole=whole.whole.hex,
        whole_salt=base64.b64encode(whole.salt).decode(),
        leaf=base64.b64encode(opening.leaf).decode(),
        index=opening.index,
        proof=tuple(base64.b64encode(one).decode() for one in opening.path),
    )


def write_trailer(awards: int) -> bytes:
    """Return the last line."""
    return msgspec.json.encode(Trailer(end=FORMAT, awards=awards)) + b"\n"


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
                self._replay, self._history, self._findings, self._stated, self._is_opened, self._parts
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
