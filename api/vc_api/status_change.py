"""Changes the status of a credential that was signed here, by the id that stands in it.

Source: VC-API 1.0, section 3.2.2 (Update Status).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from api.error import RefusedDocumentError
from api.vc_api.issuing import VERIFY_PATH
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
        public_id = self._find(asked.name, actor)
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

    def _find(self, name: str, actor: Actor) -> str:
        if name.startswith(self._prefix):
            return name.removeprefix(self._prefix)
        for slug in self._slugs(actor):
            try:
                return self._documents.find(slug, name)
            except NotFoundError:
                continue
        message = "no credential of this id was signed here"
        raise NotFoundError(message)


def _position(outcome: Outcome) -> int:
    return outcome.position


def _never(detail: str, pointer: str) -> RefusedDocumentError:
    return RefusedDocumentError(DataProblem(MALFORMED_VALUE, detail, pointer).to_json())
