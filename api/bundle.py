"""The holder's bundle: the signed document, the salt that opens its commitment, and evidence of how it stands."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, Final

import msgspec

from api.evidence import Evidences
from ledger.error import ErasedError
from ledger.issuance import Issuance, SealedDocument
from ledger.part import KeptPart
from ledger.part_keeping import PartKeeping
from ledger.stacking_up import StackingUp

BUNDLE_FORMAT: Final = "cairn/bundle/v1"
STACK_FORMAT: Final = "cairn/bundle/v2"


class Bundles:
    """Makes bundles: for the issuer's system, which hands them to the holder.

    Args:
        evidences: Makes the evidence.
        issuance: Opens documents from the vault.
        parts: Opens parts of unpacked diplomas from the vault.
        stacking: Opens derivations from the vault.
        pathway_position: Position of the event that published a version of a pathway, by the pathway's id as 32 digits.
    """

    def __init__(
        self,
        evidences: Evidences,
        issuance: Issuance,
        parts: PartKeeping,
        stacking: StackingUp,
        pathway_position: Callable[[str, int], int | None],
    ) -> None:
        self._evidences = evidences
        self._issuance = issuance
        self._parts = parts
        self._stacking = stacking
        self._pathway_position = pathway_position

    def bundle(self, public_id: str) -> dict[str, Any]:
        """The holder's bundle: document, salt and fresh evidence.

        Raises:
            ErasedError: The document was erased.
            UnknownResourceError, NotReadyError: See :meth:`api.evidence.Evidences.evidence`.
        """
        while True:
            bundle = self.bundle_without_evidence(public_id)
            proved = self._proved(public_id, bundle)
            if bundle == self.bundle_without_evidence(public_id):  # not signed anew between the two
                return {**bundle, **proved}

    def _proved(self, public_id: str, bundle: dict[str, Any]) -> dict[str, Any]:
        """Evidence, and with a stacked award what proves its stack under the same checkpoint."""
        if "stack" not in bundle:
            return {"evidence": self._evidences.evidence(public_id)}
        derivation = msgspec.json.decode(bytes(bundle["stack"]["derivation"]), type=ShownDerivation)
        evidence, proofs = self._evidences.with_stack(
            public_id,
            [one.award for one in derivation.components if self._evidences.knows(one.award)],
            self._pathway_position(derivation.pathway, derivation.version),
        )
        return {"evidence": evidence, "stack": {**bundle["stack"], **proofs}}

    def bundle_without_evidence(self, public_id: str) -> dict[str, Any]:
        """The holder's bundle before a checkpoint covers it: document and salt.

        Raises:
            ErasedError: The document was erased.
        """
        bundle = fresh_bundle(self._parts.find(public_id) or self._issuance.sealed_document(public_id))
        successor = self._issuance.successor(public_id)
        if successor is not None:
            bundle["successor"] = {
                "credential": successor.credential,
                "salt": _text(successor.salt),
            }
        try:
            stacked = self._stacking.derivation(public_id)
        except ErasedError:  # it was not stacked
            return bundle
        shown: dict[str, Any] = {
            "derivation": msgspec.Raw(stacked.derivation),
            "salt": _text(stacked.salt),
            "pathway": None,
            "components": [],
        }
        return {**bundle, "format": STACK_FORMAT, "stack": shown}


class _Component(msgspec.Struct):
    award: str


class ShownDerivation(msgspec.Struct):
    """The few members of a derivation that say what has to be proved with it."""

    pathway: str
    version: int
    components: list[_Component]


def fresh_bundle(kept: KeptPart | SealedDocument) -> dict[str, Any]:
    """The holder's bundle of an award that nothing has happened to yet."""
    return {
        "format": BUNDLE_FORMAT,
        "document": msgspec.Raw(kept.document),
        "salt": _text(kept.salt),
        "evidence": None,
    }


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
