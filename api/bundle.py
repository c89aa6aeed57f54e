"""The holder's bundle: the signed document, the salt that opens its commitment, and evidence of how it stands."""

from __future__ import annotations

import base64
from typing import Any, Final

import msgspec

from api.evidence import Evidences
from ledger.issuance import Issuance
from ledger.part_keeping import PartKeeping

BUNDLE_FORMAT: Final = "cairn/bundle/v1"


class Bundles:
    """Makes bundles: for the issuer's system, which hands them to the holder.

    Args:
        evidences: Makes the evidence.
        issuance: Opens documents from the vault.
        parts: Opens parts of unpacked diplomas from the vault.
    """

    def __init__(self, evidences: Evidences, issuance: Issuance, parts: PartKeeping) -> None:
        self._evidences = evidences
        self._issuance = issuance
        self._parts = parts

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
        kept = self._parts.find(public_id) or self._issuance.sealed_document(public_id)
        bundle: dict[str, Any] = {
            "format": BUNDLE_FORMAT,
            "document": msgspec.Raw(kept.document),
            "salt": _text(kept.salt),
            "evidence": None,
        }
        successor = self._issuance.successor(public_id)
        if successor is not None:
            bundle["successor"] = {
                "credential": successor.credential,
                "salt": _text(successor.salt),
            }
        return bundle


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
