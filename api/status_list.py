"""Signs status lists, once for every change and not for every reader.

Source: W3C Bitstring Status List 1.0, sections 2.2 and 3.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from openvc.proof.vc_jwt import SigningKey
from openvc.status.issue import build_status_list_credential

from api.error import UnknownResourceError
from api.signed_list import MAX_LIST_NUMBER, ListSigning, ReadStatusList, SignedList, StatusList
from ledger.application import Ledger
from ledger.document import PURPOSES
from ledger.institution import Institution
from ledger.integrity_proof import add_proof
from ledger.signing import KeyStore
from verifier.jsonld.canonical import canonical_nquads

SUITES: Final = {"EdDSA": "eddsa-rdfc-2022", "ES256": "ecdsa-rdfc-2019", "ES384": "ecdsa-rdfc-2019"}
"""Suite of a list by the kind of its issuer's key: over RDF, since some wallets' libraries read no other."""


class StatusLists:
    """Serves signed status lists.

    Args:
        ledger: Looks up institutions.
        keys: Where private keys are.
        base_url: Public address of the ledger.
        read: Bits of a block for a purpose, or None when there is no such block.
    """

    def __init__(self, ledger: Ledger, keys: KeyStore, base_url: str, read: ReadStatusList) -> None:
        self._signing = ListSigning(ledger, keys)
        self._base_url = base_url
        self._read = read

    def signed(self, number: int) -> SignedList:
        """The list with *number*, signed by its institution.

        Raises:
            UnknownResourceError: There is no such list, or its institution has no key in force to sign it with.
        """
        found = self._find(number)

        def sign(institution: Institution, key: SigningKey, now: datetime) -> bytes:
            unsigned = build_status_list_credential(
                id=f"{self._base_url}/status-lists/{number}",
                issuer=institution.did,
                bitstring=found.bits,
                status_purpose=PURPOSES[number % len(PURPOSES)],
                valid_from=now,
            )
            suite = SUITES[key.alg]
            return msgspec.json.encode(add_proof(unsigned, key, now, cryptosuite=suite, canonicalise=canonicalise))

        return self._signing.signed(number, found.institution, found.bits, sign)

    def bits(self, number: int) -> tuple[str, bytes] | None:
        """The DID of a list's issuer and the list's bits as they are now; None if there is no such list."""
        try:
            found = self._find(number)
        except UnknownResourceError:
            return None
        return self._signing.institution(found.institution).did, found.bits

    def _find(self, number: int) -> StatusList:
        block, offset = divmod(number, len(PURPOSES))
        found = self._read(block, PURPOSES[offset]) if 0 <= number < MAX_LIST_NUMBER else None
        if found is None:
            message = "there is no such status list"
            raise UnknownResourceError(message)
        return found


def canonicalise(document: Mapping[str, Any], hash_name: str) -> bytes:
    """Canonicalise the RDF of a document that this ledger made: what the signing side asks for."""
    return canonical_nquads(document, hash_name="sha384" if hash_name == "sha384" else "sha256")
