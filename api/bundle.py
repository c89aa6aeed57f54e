"""The holder's bundle: the signed document, the salt that opens its commitment, and evidence of how it stands."""

from __future__ import annotations

import base64
from typing import Any, Final

import msgspec

from api.evidence import Evidences
from ledger.issuance import Issuance, SealedDocument

BUNDLE_FORMAT: Final = "cairn/bundle/v1"


class Bundles:
    """Makes bundles: for the issuer's system, which hands them to the holder.

    Args:
        evidences: Makes the evidence.
        issuance: Opens documents from the vault.
    """

    def __init__(self, evidences: Evidences, issuance: Issuance) -> None:
        self._evidences = evidences
        self._issuance = issuance

    def bundle(self, public_id: str) -> dict[str, Any]:
        """The holder's bundle: document, salt and fresh evidence.

        Raises:
            ErasedError: The document was erased.
            UnknownResourceError, NotReadyError: See :meth:`api.evidence.Evidences.evidence`.
        """
        while True:
            bundle = self.bundle_without_evidence(public_id)
            evidence = self._evidences.evidence(public_id)
            if bundle == self.bundle_without_evidence(public_id):  # not signed anew between the two
                return {**bundle, "evidence": evidence}

    def bundle_without_evidence(self, public_id: str) -> dict[str, Any]:
        """The holder's bundle before a checkpoint covers it: document and salt.

        Raises:
            ErasedError: The document was erased.
        """
        bundle = fresh_bundle(self._issuance.sealed_document(public_id))
        successor = self._issuance.successor(public_id)
        if successor is not None:
            bundle["successor"] = {
                "credential": successor.credential,
                "salt": _text(successor.salt),
            }
        return bundle


def fresh_bundle(kept: SealedDocument) -> dict[str, Any]:
    """The holder's bundle of an award that nothing has happened to yet."""
    return {
        "format": BUNDLE_FORMAT,
        "document": msgspec.Raw(kept.document),
        "salt": _text(kept.salt),
        "evidence": None,
    }


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
