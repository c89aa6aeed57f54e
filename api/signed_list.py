"""What status lists and status list tokens share: who signs, and that what was signed is kept for a while.

A list is signed again when its bits or its issuer's key in force are others, or the signature is half a day old.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from openvc.proof.vc_jwt import SigningKey

from api.error import UnknownResourceError
from ledger.application import Ledger
from ledger.institution import Institution
from ledger.signing import KeyStore

SIGN_AGAIN_AFTER: Final = timedelta(hours=12)
MAX_LIST_NUMBER: Final = 2**31


@dataclass(frozen=True, slots=True)
class StatusList:
    """One list's bits and whose they are."""

    institution: UUID
    bits: bytes


ReadStatusList = Callable[[int, str], StatusList | None]
"""Gives the bits of a block for a purpose, or None when there is no such block."""


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


class ListSigning:
    """Has institutions sign lists, and keeps what they signed. Safe for threads.

    Args:
        ledger: Looks up institutions.
        keys: Where private keys are.
    """

    def __init__(self, ledger: Ledger, keys: KeyStore) -> None:
        self._ledger = ledger
        self._keys = keys
        self._lock = threading.Lock()
        self._signed: dict[int, SignedList] = {}

    def institution(self, identity: UUID) -> Institution:
        """Whose list it is. Raises NotFoundError."""
        return self._ledger.load(Institution, identity, "such institution")

    def signed(
        self, number: int, owner: UUID, bits: bytes, sign: Callable[[Institution, SigningKey, datetime], bytes]
    ) -> SignedList:
        """The list with *number*, signed anew by *sign* where what is kept no longer serves.

        Raises:
            UnknownResourceError: Its institution has no key in force to sign it with.
        """
        institution = self.institution(owner)
        key = institution.active_key
        if key is None:
            message = f"{institution.name} has no signing key in force, so its status lists cannot be signed"
            raise UnknownResourceError(message)  # there is no list to show, and waiting does not bring one
        digest, now = hashlib.sha256(bits).digest(), self._ledger.now()
        with self._lock:
            kept = self._signed.get(number)
            if kept is None or not kept.serves(digest, key.key_id, now):
                signer = self._keys.signing_key(institution.id, key.key_id, f"{institution.did}#{key.key_id}")
                body = sign(institution, signer, now)
                kept = SignedList(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"', digest, key.key_id, now)
                self._signed[number] = kept
        return kept
