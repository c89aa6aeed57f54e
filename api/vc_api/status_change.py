"""Changes the status of a credential that was signed here, by the id that stands in it.

Source: VC-API 1.0, section 3.2.2 (Update Status).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

import msgspec

from api.error import RefusedDocumentError
from api.vc_api.issuing import VERIFY_PATH, KeptDocument
from api.vc_api.request import StatusRequest
from ledger.access import Actor
from ledger.application import Ledger, Outcome
from ledger.credential import CredentialState
from ledger.error import NotFoundError
from ledger.lifecycle import Lifecycle
from ledger.reason import Reason
from verifier.data_model import DataProblem
from verifier.data_model.problem import MALFORMED_VALUE

OVER: Final[frozenset[CredentialState]] = frozenset({"revoked", "replaced"})


class FindsDocuments(Protocol):
    """Finds what was signed by the id that stands in it; :class:`ledger.attesting.Attesting` does."""

    def find(self, slug: str, name: str) -> str:
        """Public id of an institution's newest document of that id.

        Raises:
            NotFoundError: There is none.
        """

    def document(self, public_id: str) -> KeptDocument:
        """What is kept of a document."""


class StatusChange:
    """Changes statuses.

    Args:
        ledger: Looks up credentials.
        documents: Finds them by their ids.
        lifecycle: Carries changes out.
        slugs: The institutions that a caller acts for.
        base_url: Address of this ledger, which the ids of its own awards begin with.
    """

    def __init__(
        self,
        ledger: Ledger,
        documents: FindsDocuments,
        lifecycle: Lifecycle,
        slugs: Callable[[Actor], Sequence[str]],
        base_url: str,
    ) -> None:
        self._ledger = ledger
        self._documents = documents
        self._lifecycle = lifecycle
        self._slugs = slugs
        self._prefix = base_url + VERIFY_PATH

    def carry_out(self, asked: StatusRequest, actor: Actor) -> int:
        """Bring the credential into the status that is asked for; the position of the newest event about it.

        A credential that is in that status already stays as it is. A revocation cannot be taken back.

        Raises:
            ForbiddenError: The credential is another institution's.
            NotFoundError: No credential of that id was signed for an institution that the caller acts for.
            RefusedDocumentError: The change is one that is never made.
        """
        public_id = self._find(asked, actor)
        credential = self._ledger.credential(public_id)
        actor.require_institution(credential.institution)
        state = credential.state
        if asked.purpose == "revocation":
            return self._revoke(public_id, state, actor, is_set=asked.is_set)
        return self._suspend(public_id, state, actor, is_set=asked.is_set)

    def _revoke(self, public_id: str, state: CredentialState, actor: Actor, *, is_set: bool) -> int:
        if not is_set:
            if state in OVER:
                raise _never("a revocation cannot be taken back", "/status")
            return self._ledger.newest()
        if state in OVER:
            return self._ledger.newest()
        return _position(self._lifecycle.revoke(public_id=public_id, reason=Reason.OTHER, actor=actor))

    def _suspend(self, public_id: str, state: CredentialState, actor: Actor, *, is_set: bool) -> int:
        if state in OVER:
            raise _never("the credential is revoked, and is neither suspended nor reinstated", "/status")
        if is_set == (state == "suspended"):
            return self._ledger.newest()
        if is_set:
            return _position(self._lifecycle.suspend(public_id=public_id, reason=Reason.OTHER, actor=actor))
        return _position(self._lifecycle.reinstate(public_id=public_id, actor=actor))

    def _find(self, asked: StatusRequest, actor: Actor) -> str:
        if asked.name.startswith(self._prefix):
            return asked.name.removeprefix(self._prefix)
        for slug in self._slugs(actor):
            try:
                public_id = self._documents.find(slug, asked.name)
            except NotFoundError:
                continue
            if asked.purpose not in _purposes(self._documents.document(public_id)):
                raise _never("the credential names no status list for this purpose", "/credentialStatus/statusPurpose")
            return public_id
        message = "no credential of this id was signed here"
        raise NotFoundError(message)


def _purposes(kept: KeptDocument) -> set[str]:
    """Return for which purposes a document that is kept names a status list."""
    found: set[str] = set()
    for form in kept.forms.values():
        entries = msgspec.json.decode(form).get("credentialStatus", [])
        found |= {entry.get("statusPurpose", "") for entry in (entries if isinstance(entries, list) else [entries])}
    return found


def _position(outcome: Outcome) -> int:
    return outcome.position


def _never(detail: str, pointer: str) -> RefusedDocumentError:
    return RefusedDocumentError.of(DataProblem(MALFORMED_VALUE, detail, pointer).to_json())
