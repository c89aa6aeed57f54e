"""Live verification: what somebody holds, judged with what this log says now."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

import msgspec

from anchoring.entry import parse_entry
from anchoring.error import AnchoringError
from api.batch_memory import BatchMemory
from api.bundle import ShownDerivation
from api.error import UnknownResourceError
from api.evidence import Evidences
from api.foreign import ForeignVerification
from ledger.attesting import Attesting
from ledger.error import ErasedError, InvalidInputError, NotFoundError
from ledger.form_signing import committed_part
from ledger.issuance import Issuance
from ledger.part import Opening
from ledger.part_keeping import PartKeeping
from projections.institution_directory import DirectoryReader
from verifier.bundle import MAX_COMPONENTS, Bundle, ComponentProof, Stack, parse_bundle
from verifier.checks.form import Form, is_base_form, read_form
from verifier.commitment import DERIVATION_KIND, commitment
from verifier.credential_id import aggregate_id
from verifier.error import InputError, WorkExceededError
from verifier.evidence import Evidence, ProvedEntry, ProvedPart, parse_evidence
from verifier.foreign.credential import Credential
from verifier.foreign.format import Presented, read_credential, read_presented
from verifier.foreign.verify import unfinished_credential, unreadable_credential
from verifier.policy import Policy
from verifier.report import Group, Report, State
from verifier.unlogged import LogSearch, judge_unlogged_form
from verifier.verify import (
    LIVE_MAX_AGE,
    asked_about,
    verify_bundle,
    verify_document,
    verify_evidence,
    verify_form,
)

VERIFY_PATH: Final = "/verify/"
SaltOf: TypeAlias = Callable[[str, bytes | None], bytes | None]
"""(public id, committed bytes of a further form, None for the base form) -> the salt that opens its commitment."""


class Verification:
    """Judges documents, bundles and evidence files, as of now or of an instant.

    Args:
        policy: Whose word this server takes.
        evidences: Makes fresh evidence.
        salt: Opens the salt of a bare document from the vault, given its public id and, of another form than the base
            form, its committed bytes; None when it is not to be had.
        directory: Institutions' records.
        base_url: Address that this ledger's documents name.
        now: Present instant.
        foreign: Judges what is not from this ledger.
        attested: Finds, by an institution's slug and an id of the institution's own choosing, the public id of the
            document that it signed under it; None where that is not known.
        complete_until: Up to which instant this server has the whole log, when that is not the present.
        max_age: Oldest evidence that still speaks of now.
        pathway_position: Position of the event that published a version of a pathway.
    """

    def __init__(  # noqa: PLR0913  (each is a part of the node, and none belongs to another)
        self,
        policy: Policy,
        evidences: Evidences,
        salt: SaltOf,
        directory: DirectoryReader,
        base_url: str,
        now: Callable[[], datetime],
        foreign: ForeignVerification,
        *,
        attested: Callable[[str, str], str | None] = lambda _, __: None,
        complete_until: Callable[[], datetime] | None = None,
        max_age: timedelta = LIVE_MAX_AGE,
        pathway_position: Callable[[str, int], int | None] = lambda _, __: None,
    ) -> None:
        self._policy = policy
        self._evidences = evidences
        self._salt = salt
        self._attested = attested
        self._directory = directory
        self._base_url = base_url
        self._now = now
        self._foreign = foreign
        self._complete_until = complete_until or now
        self._max_age = max_age
        self._pathway_position = pathway_position

    def verify(self, data: bytes, at: datetime | None, media_type: str | None = None) -> Report:
        """Judge what somebody was shown: a file of this project, or any credential or presentation of the field.

        A file that carries evidence is first judged by that evidence as of its own instant: whoever tampered with any
        part of it gets that report. One that holds is then judged by fresh evidence. A document of this ledger, in
        whatever form, is judged by what the log says; one from elsewhere by its own issuer's keys and lists.

        Args:
            data: The bytes.
            at: Judge as of this instant; None for now.
            media_type: As the sender named it, lower case; None if nobody did.

        Raises:
            verifier.error.InputError: It is nothing that can be judged, or malformed.
            verifier.error.FutureInstantError: *at* has not come yet.
        """
        presented = read_presented(data, media_type)
        if presented.kind == "evidence":
            return self._evidence(parse_evidence(presented.data), at)
        if presented.kind == "bundle":
            return self._bundle(parse_bundle(presented.data), at)
        if presented.kind == "presentation":
            asked = asked_about(self._now(), at, self._max_age)
            return self._foreign.presentation(presented, asked, lambda one: self._shown(one, at))
        return self._credential(presented, at)

    def one_request(self) -> AbstractContextManager[None]:
        """Everything inside is fetched within one deadline; for whoever judges several credentials for one question."""
        return self._foreign.one_request()

    def one_of(self, memory: BatchMemory) -> AbstractContextManager[None]:
        """What is inside is one of many that are judged for one question, and share what they fetched."""
        return self._foreign.one_of(memory)

    def require_past(self, at: datetime | None) -> None:
        """Refuse an instant that has not come, before anything is judged by it. Raises FutureInstantError."""
        asked_about(self._now(), at, self._max_age)

    def _shown(self, data: bytes, at: datetime | None) -> Report:
        """Judge one credential of a presentation; what is none has a report that says so."""
        asked = asked_about(self._now(), at, self._max_age)
        try:
            presented = read_presented(data)
        except InputError as error:
            return unreadable_credential(str(error), asked)
        if presented.kind != "credential" or presented.carrier != "plain":
            return unreadable_credential("not a credential", asked)
        return self._credential(presented, at)

    def credential(self, public_id: str, at: datetime | None) -> Report:
        """Judge an award of this ledger by its id alone: what the log says of it.

        Raises:
            UnknownResourceError: There is no such award.
            NotReadyError: No checkpoint covers it yet.
        """
        return verify_evidence(self._fresh(public_id), self._policy, now=self._now(), at=at, max_age=self._max_age)

    def knows(self, public_id: str) -> bool:
        """Whether there is such an award of this ledger, as far as anybody may know by its id alone."""
        try:
            return self._evidences.knows(public_id)
        except InvalidInputError:
            return False

    def _evidence(self, evidence: Evidence, at: datetime | None) -> Report:
        if _is_doubtful(verify_evidence(evidence, self._policy, now=self._now(), max_age=None)):
            return verify_evidence(evidence, self._policy, now=self._now(), at=at, max_age=None)
        try:
            fresh = self._fresh(evidence.credential, shown_opening(evidence))
        except UnknownResourceError:
            return verify_evidence(evidence, self._policy, now=self._now(), at=at, max_age=None)
        return verify_evidence(fresh, self._policy, now=self._now(), at=at, max_age=self._max_age)

    def _bundle(self, bundle: Bundle, at: datetime | None) -> Report:
        if bundle.evidence is not None and _is_doubtful(
            verify_bundle(bundle, self._policy, now=self._now(), max_age=None)
        ):
            return verify_bundle(bundle, self._policy, now=self._now(), at=at, max_age=None)
        public_id, shown = self._id_of(bundle.document), bundle.evidence
        opening = None if shown is None or shown.credential != public_id else shown_opening(shown)
        stack = bundle.stack
        try:
            if public_id is None:
                fresh = None
            elif stack is None:
                fresh = self._fresh(public_id, opening)
            else:
                fresh, stack = self._fresh_stack(public_id, stack)
        except UnknownResourceError:
            fresh = None
        if fresh is None:
            return self._unlogged(bundle.document, at)
        now = self._now()
        return verify_bundle(bundle, self._policy, now=now, at=at, max_age=self._max_age, evidence=fresh, stack=stack)

    def _fresh_stack(self, public_id: str, shown: Stack) -> tuple[Evidence, Stack]:
        """Fresh evidence of a stacked award, and fresh proofs of what its holder shows it to be made of.

        Only what opens the recorded commitment is worth the work; anything else is judged as it came.
        """
        stacked = self._evidences.facts(public_id).stacked
        form = json.dumps(shown.derivation, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
        opened = commitment(aggregate_id(public_id), DERIVATION_KIND, form, shown.salt)
        if stacked is None or stacked.derivation != opened:
            return self._fresh(public_id), shown
        derivation = msgspec.convert(shown.derivation, ShownDerivation)
        openings = {one.credential: opening for one in shown.components if (opening := component_opening(one))}
        awards = [one.award for one in derivation.components[:MAX_COMPONENTS]]
        known = [award for award in awards if self._evidences.knows(award, openings.get(award))]
        position = self._pathway_position(derivation.pathway, derivation.version)
        made, proofs = self._evidences.with_stack(public_id, known, position, openings)
        fresh = {"derivation": shown.derivation, "salt": _text(shown.salt), **proofs}
        stack = msgspec.json.decode(msgspec.json.encode(fresh), type=Stack)
        return parse_evidence(msgspec.json.encode(made)), stack

    def _credential(self, presented: Presented, at: datetime | None) -> Report:
        """Judge a credential: by the log if it says that it is of this ledger, else by its issuer's own word."""
        asked = asked_about(self._now(), at, self._max_age)
        try:
            credential = read_credential(presented)
        except InputError as error:
            return unreadable_credential(str(error), asked)
        public_id = self._id_of({"id": credential.id})
        if public_id is not None and credential.form == "data-integrity" and is_base_form(credential.members):
            return self._document(credential.members, public_id, at)
        public_id = public_id or self._attested_as(credential)
        if public_id is None:
            return self._foreign.credential(presented, credential.issuer, asked)
        try:
            form = read_form(credential)
            if credential.jws is None:
                self._foreign.try_out(credential.members)
            return self._form(form, public_id, at)
        except InputError as error:
            return unreadable_credential(str(error), asked)
        except WorkExceededError as error:
            return unfinished_credential(str(error), asked)

    def _attested_as(self, credential: Credential) -> str | None:
        """Public id of a document that an institution of this ledger signed under an id of its own choosing."""
        record = self._directory.by_did(credential.issuer)
        return None if record is None or credential.id is None else self._attested(record.slug, credential.id)

    def _document(self, document: dict[str, Any], public_id: str, at: datetime | None) -> Report:
        try:
            fresh = self._fresh(public_id)
        except UnknownResourceError:
            return self._unlogged(document, at)
        salt = self._salt(public_id, None)
        return verify_document(
            document, self._policy, now=self._now(), at=at, max_age=self._max_age, evidence=fresh, salt=salt
        )

    def _form(self, form: Form, public_id: str, at: datetime | None) -> Report:
        """Judge a document of this ledger in another form."""
        try:
            fresh = self._fresh(public_id)
        except UnknownResourceError:
            asked = asked_about(self._now(), at, self._max_age)
            return judge_unlogged_form(form, asked, self._absent(form.credential.issuer))
        salt = self._salt(public_id, form.data)
        return verify_form(form, self._policy, now=self._now(), at=at, max_age=self._max_age, evidence=fresh, salt=salt)

    def _unlogged(self, document: dict[str, Any], at: datetime | None) -> Report:
        """Judge a document that this ledger has no award for: this server holds the whole log, and says so."""
        issuer = document.get("issuer")
        absent = self._absent(issuer.get("id") if isinstance(issuer, dict) else issuer)
        return verify_document(document, self._policy, now=self._now(), at=at, max_age=self._max_age, absent=absent)

    def _absent(self, did: object) -> LogSearch | None:
        found = self._directory.by_did(did) if isinstance(did, str) else None
        record = None if found is None else self._directory.record(found.number)
        return None if record is None else LogSearch(record, self._complete_until())

    def _id_of(self, document: dict[str, Any]) -> str | None:
        """Public id in the document's own id, when that is an address of this ledger."""
        identity = document.get("id")
        prefix = self._base_url + VERIFY_PATH
        if not isinstance(identity, str) or not identity.startswith(prefix):
            return None
        return identity.removeprefix(prefix)

    def _fresh(self, public_id: str, opening: Opening | None = None) -> Evidence:
        try:
            return parse_evidence(msgspec.json.encode(self._evidences.evidence(public_id, opening)))
        except InvalidInputError as error:
            raise UnknownResourceError(error.detail) from error


def shown_opening(evidence: Evidence) -> Opening | None:
    """What a file shows of a part of an unpacked diploma; None when it is about something else.

    Whoever has been shown it can be given fresh evidence of it, whatever has become of the vault: the log lists no
    parts, and nobody finds one without this.
    """
    return _opening(evidence.part, evidence.entries)


def component_opening(component: ComponentProof) -> Opening | None:
    """What a bundle shows of a component that is a part; see :func:`shown_opening`."""
    return _opening(component.part, component.entries)


def _opening(part: ProvedPart | msgspec.UnsetType, entries: Sequence[ProvedEntry]) -> Opening | None:
    if not isinstance(part, ProvedPart):
        return None
    try:
        unpacking = parse_entry(entries[0].entry).originator
    except AnchoringError:
        return None
    return Opening(unpacking, part.leaf, part.index, tuple(part.proof))


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _is_doubtful(report: Report) -> bool:
    """Whether the file itself does not hold together, whatever became of the award."""
    groups = {Group.GENUINE, Group.LOG}
    states = {State.FAILED, State.UNKNOWN}
    integrity = {"status.history", "status.bits", "status.agreement", "issuer.known"}
    return any(
        check.required and check.state in states and (check.group in groups or check.code in integrity)
        for check in report.checks
    )


def vault_salt(issuance: Issuance, attesting: Attesting, parts: PartKeeping) -> SaltOf:
    """Make the way to the salt of a document in the vault; an erased document has none.

    The forms of a document that were signed together share a salt. One that was added, signed anew alone, or signed for
    a key of the holder's has its own, and is known by its bytes.
    """

    def salt(public_id: str, shown: bytes | None) -> bytes | None:
        if (part := parts.find(public_id)) is not None:
            return part.salt
        try:
            kept = issuance.sealed_document(public_id)
        except ErasedError:
            return _attested_salt(attesting, public_id)
        forms = (form.salt for kind, form in kept.forms.items() if committed_part(kind, form.form) == shown)
        digest = b"" if shown is None else hashlib.sha256(shown).digest()
        copies = (copy.salt for copy in kept.copies if copy.digest == digest)
        return next(forms, None) or next(copies, kept.salt)

    return salt


def attested_id(attesting: Attesting) -> Callable[[str, str], str | None]:
    """Make the way from an id that an institution chose to the public id of the document; an erased one has none."""

    def found(slug: str, name: str) -> str | None:
        try:
            return attesting.find(slug, name)
        except (NotFoundError, ErasedError):
            return None

    return found


def _attested_salt(attesting: Attesting, public_id: str) -> bytes | None:
    try:
        return attesting.document(public_id).salt
    except ErasedError:
        return None
