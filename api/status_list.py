"""Signs status lists, once for every change and not for every reader.

Source: W3C Bitstring Status List 1.0, sections 2.2 and 3.2.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from openvc.status.issue import build_status_list_credential

from api.error import UnknownResourceError
from ledger.application import Ledger
from ledger.document import PURPOSES
from ledger.institution import Institution, SigningKeyRecord
from ledger.integrity_proof import add_proof
from ledger.signing import KeyStore
from verifier.jsonld.canonical import canonical_nquads

SUITES: Final = {"EdDSA": "eddsa-rdfc-2022", "ES256": "ecdsa-rdfc-2019", "ES384": "ecdsa-rdfc-2019"}
"""Suite of a list by the kind of its issuer's key: over RDF, since some wallets' libraries read no other."""
SIGN_AGAIN_AFTER: Final = timedelta(hours=12)
MAX_LIST_NUMBER: Final = 2**31


@dataclass(frozen=True, slots=True)
class StatusList:
    """One list's bits and whose they are."""

    institution: UUID
    bits: bytes


@dataclass(frozen=True, slots=True)
class SignedList:
    """A signed list, ready to be served."""

    body: bytes
    etag: str
    digest: bytes
    key_id: str
    signed_at: datetime

    def serves(self, digest: bytes, key_id: str, now: datetime) -> bool:
        """Whether it still says what is so, under the key in force, and is young enough."""
        same = self.digest == digest and self.key_id == key_id
        return same and now - self.signed_at <= SIGN_AGAIN_AFTER


ReadStatusList = Callable[[int, str], StatusList | None]
"""Gives the bits of a block for a purpose, or None when there is no such block."""


class StatusLists:
    """Serves signed status lists.

    Args:
        ledger: Looks up institutions.
        keys: Where private keys are.
        base_url: Public address of the ledger.
        read: Bits of a block for a purpose, or None when there is no such block.
    """

    def __init__(
        self,
        ledger: Ledger,
        keys: KeyStore,
        base_url: str,
        read: ReadStatusList,
    ) -> None:
        self._ledger = ledger
        self._keys = keys
        self._base_url = base_url
        self._read = read
        self._lock = threading.Lock()
        self._signed: dict[int, SignedList] = {}

    def signed(self, number: int) -> SignedList:
        """The list with *number*, signed by its institution.

        Raises:
            UnknownResourceError: There is no such list, or its institution has no key in force to sign it with.
        """
        found = self._find(number)
        institution = self._ledger.load(Institution, found.institution, "such institution")
        key = institution.active_key
        if key is None:
            message = f"{institution.name} has no signing key in force, so its status lists cannot be signed"
            raise UnknownResourceError(message)  # there is no list to show, and waiting does not bring one
        digest, now = hashlib.sha256(found.bits).digest(), self._ledger.now()
        with self._lock:
            kept = self._signed.get(number)
            if kept is None or not kept.serves(digest, key.key_id, now):
                unsigned = build_status_list_credential(
                    id=f"{self._base_url}/status-lists/{number}",
                    issuer=institution.did,
                    bitstring=found.bits,
                    status_purpose=PURPOSES[number % len(PURPOSES)],
                    valid_from=now,
                )
                body = self._sign(unsigned, institution, key, now)
                kept = SignedList(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"', digest, key.key_id, now)
                self._signed[number] = kept
        return kept

    def bits(self, number: int) -> tuple[str, bytes] | None:
        """The DID of a list's issuer and the list's bits as they are now; None if there is no such list."""
        try:
            found = self._find(number)
        except UnknownResourceError:
            return None
        return self._ledger.load(Institution, found.institution, "such institution").did, found.bits

    def _find(self, number: int) -> StatusList:
        block, offset = divmod(number, len(PURPOSES))
        found = self._read(block, PURPOSES[offset]) if 0 <= number < MAX_LIST_NUMBER else None
        if found is None:
            message = "there is no such status list"
            raise UnknownResourceError(message)
        return found

    def _sign(self, unsigned: dict[str, Any], institution: Institution, key: SigningKeyRecord, now: datetime) -> bytes:
        signer = self._keys.signing_key(institution.id, key.key_id, f"{institution.did}#{key.key_id}")
        suite = SUITES[signer.alg]
        return msgspec.json.encode(add_proof(unsigned, signer, now, cryptosuite=suite, canonicalise=canonicalise))


def canonicalise(document: Mapping[str, Any], hash_name: str) -> bytes:
    """Canonicalise the RDF of a document that this ledger made: what the signing side asks for."""
    return canonical_nquads(document, hash_name="sha384" if hash_name == "sha384" else "sha256")
