"""Live verification: what somebody holds, judged with what this log says now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from api.error import FieldError, InvalidRequestError, UnknownResourceError
from api.evidence import Evidences
from api.strict_json import JsonValue
from ledger.error import ErasedError, InvalidInputError
from ledger.issuance import Issuance
from projections.institution_directory import DirectoryReader
from verifier.bundle import Bundle, parse_bundle
from verifier.evidence import Evidence, parse_evidence
from verifier.file_kind import file_kind
from verifier.policy import Policy
from verifier.report import Group, Report, State
from verifier.unlogged import LogSearch
from verifier.verify import LIVE_MAX_AGE, verify_bundle, verify_document, verify_evidence

VERIFY_PATH: Final = "/verify/"


class Verification:
    """Judges documents, bundles and evidence files, as of now or of an instant.

    Args:
        policy: Whose word this server takes.
        evidences: Makes fresh evidence.
        salt: Opens the salt of a bare document from the vault; None when it is not to be had.
        directory: Institutions' records.
        base_url: Address that this ledger's documents name.
        now: Present instant.
        complete_until: Up to which instant this server has the whole log, when that is not the present.
        max_age: Oldest evidence that still speaks of now.
    """

    def __init__(
        self,
        policy: Policy,
        evidences: Evidences,
        salt: Callable[[str], bytes | None],
        directory: DirectoryReader,
        base_url: str,
        now: Callable[[], datetime],
        complete_until: Callable[[], datetime] | None = None,
        max_age: timedelta = LIVE_MAX_AGE,
    ) -> None:
        self._policy = policy
        self._evidences = evidences
        self._salt = salt
        self._directory = directory
        self._base_url = base_url
        self._now = now
        self._complete_until = complete_until or now
        self._max_age = max_age

    def verify(self, value: JsonValue, raw: bytes, at: datetime | None) -> Report:
        """Judge a document, a holder's bundle, or an evidence file.

        A file that carries evidence is first judged by that evidence as of its own instant: whoever tampered with any
        part of it gets that report. One that holds is then judged by fresh evidence.

        Raises:
            InvalidRequestError: The body is none of the three.
            verifier.error.InputError: It is one of them, malformed.
            verifier.error.FutureInstantError: *at* has not come yet.
        """
        if not isinstance(value, dict):
            message = "send a signed document, a holder's bundle, or an evidence file: a JSON object"
            raise InvalidRequestError(message, errors=(FieldError(message),))
        kind = file_kind(value)
        if kind == "evidence":
            return self._evidence(parse_evidence(raw), at)
        if kind == "bundle":
            return self._bundle(parse_bundle(raw), at)
        return self._document(value, at)

    def credential(self, public_id: str, at: datetime | None) -> Report:
        """Judge an award of this ledger by its id alone: what the log says of it.

        Raises:
            UnknownResourceError: There is no such award.
            NotReadyError: No checkpoint covers it yet.
        """
        return verify_evidence(self._fresh(public_id), self._policy, now=self._now(), at=at, max_age=self._max_age)

    def _evidence(self, evidence: Evidence, at: datetime | None) -> Report:
        if _is_doubtful(verify_evidence(evidence, self._policy, now=self._now(), max_age=None)):
            return verify_evidence(evidence, self._policy, now=self._now(), at=at, max_age=None)
        try:
            fresh = self._fresh(evidence.credential)
        except UnknownResourceError:
            return verify_evidence(evidence, self._policy, now=self._now(), at=at, max_age=None)
        return verify_evidence(fresh, self._policy, now=self._now(), at=at, max_age=self._max_age)

    def _bundle(self, bundle: Bundle, at: datetime | None) -> Report:
        if bundle.evidence is not None and _is_doubtful(
            verify_bundle(bundle, self._policy, now=self._now(), max_age=None)
        ):
            return verify_bundle(bundle, self._policy, now=self._now(), at=at, max_age=None)
        public_id = self._id_of(bundle.document)
        try:
            fresh = None if public_id is None else self._fresh(public_id)
        except UnknownResourceError:
            fresh = None
        if fresh is None:
            return self._unlogged(bundle.document, at)
        return verify_bundle(bundle, self._policy, now=self._now(), at=at, max_age=self._max_age, evidence=fresh)

    def _document(self, document: dict[str, Any], at: datetime | None) -> Report:
        public_id = self._id_of(document)
        if public_id is None:
            return verify_document(document, self._policy, now=self._now(), at=at, max_age=self._max_age)
        try:
            fresh = self._fresh(public_id)
        except UnknownResourceError:
            return self._unlogged(document, at)
        salt = self._salt(public_id)
        return verify_document(
            document, self._policy, now=self._now(), at=at, max_age=self._max_age, evidence=fresh, salt=salt
        )

    def _unlogged(self, document: dict[str, Any], at: datetime | None) -> Report:
        """Judge a document that this ledger has no award for: this server holds the whole log, and says so."""
        now = self._now()
        record = self._issuer_record(document)
        absent = None if record is None else LogSearch(record, self._complete_until())
        return verify_document(document, self._policy, now=now, at=at, max_age=self._max_age, absent=absent)

    def _issuer_record(self, document: dict[str, Any]) -> bytes | None:
        issuer = document.get("issuer")
        did = issuer.get("id") if isinstance(issuer, dict) else issuer
        found = self._directory.by_did(did) if isinstance(did, str) else None
        return None if found is None else self._directory.record(found.number)

    def _id_of(self, document: dict[str, Any]) -> str | None:
        """Public id in the document's own id, when that is an address of this ledger."""
        identity = document.get("id")
        prefix = self._base_url + VERIFY_PATH
        if not isinstance(identity, str) or not identity.startswith(prefix):
            return None
        return identity.removeprefix(prefix)

    def _fresh(self, public_id: str) -> Evidence:
        try:
            return parse_evidence(msgspec.json.encode(self._evidences.evidence(public_id)))
        except InvalidInputError as error:
            raise UnknownResourceError(error.detail) from error


def _is_doubtful(report: Report) -> bool:
    """Whether the file itself does not hold together, whatever became of the award."""
    groups = {Group.GENUINE, Group.LOG}
    states = {State.FAILED, State.UNKNOWN}
    integrity = {"status.history", "status.bits", "status.agreement", "issuer.known"}
    return any(
        check.required and check.state in states and (check.group in groups or check.code in integrity)
        for check in report.checks
    )


def vault_salt(issuance: Issuance) -> Callable[[str], bytes | None]:
    """Make the way to an award's salt in the vault; an erased award has none."""

    def salt(public_id: str) -> bytes | None:
        try:
            return issuance.sealed_document(public_id).salt
        except ErasedError:
            return None

    return salt
