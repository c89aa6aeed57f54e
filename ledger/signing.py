"""Signing keys of institutions: made, sealed, used and destroyed here.

Keys are Ed25519. The private half is wrapped under a key-encryption key in the vault's database; a key that is retired,
revoked or compromised is destroyed in the transaction that says so, since nothing may be signed with it again.

The interface to the outside is openvc's ``SigningKey`` (alg, kid, sign), which an HSM or a KMS can implement.
"""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from openvc.keys import Ed25519SigningKey
from openvc.multibase import encode_multibase
from openvc.proof.vc_jwt import SigningKey

from ledger.error import NotFoundError
from ledger.key_ring import KeyRing, RandomBytes
from ledger.store import LedgerRecorder, Write

ED25519_MULTICODEC = b"\xed\x01"
"""Multicodec prefix of an Ed25519 public key. Source: W3C Controlled Identifiers 1.0, Multikey."""
SEED_BYTES = 32

SIGNING_SCHEMA = (
    (
        "CREATE TABLE IF NOT EXISTS vault_signing_key ("
        "institution BLOB NOT NULL, key_id TEXT NOT NULL, wrapped BLOB NOT NULL, "
        "PRIMARY KEY (institution, key_id)) WITHOUT ROWID"
    ),
)


class KeyStore(Protocol):
    """Where institutions' private keys are.

    Durability: :meth:`make` and :meth:`destroy` return writes that take effect when the command commits. Concurrency:
    safe from any thread.
    """

    def make(self, institution: UUID, key_id: str) -> tuple[str, list[Write]]:
        """Make a key. Returns its public half as a Multikey string and the writes that keep the private half."""

    def signing_key(self, institution: UUID, key_id: str, verification_method: str) -> SigningKey:
        """The key, ready to sign as *verification_method*.

        Raises:
            NotFoundError: It was destroyed, or never made here.
        """

    def destroy(self, institution: UUID, key_id: str) -> list[Write]:
        """The writes that destroy the private half."""


class SealedKeyStore:
    """Keys in the ledger's own database, wrapped under the key ring."""

    def __init__(self, recorder: LedgerRecorder, key_ring: KeyRing, random: RandomBytes) -> None:
        self._recorder = recorder
        self._key_ring = key_ring
        self._random = random
        self._opened: dict[tuple[UUID, str], Ed25519PrivateKey] = {}

    def make(self, institution: UUID, key_id: str) -> tuple[str, list[Write]]:
        """Make an Ed25519 key; see :class:`KeyStore`."""
        seed = self._random(SEED_BYTES)
        private = Ed25519PrivateKey.from_private_bytes(seed)
        wrapped = self._key_ring.wrap(seed, signing_key_context(institution, key_id))
        row = (institution.bytes, key_id, wrapped)
        public = private.public_key().public_bytes_raw()
        return encode_multibase(ED25519_MULTICODEC + public), [
            Write("INSERT INTO vault_signing_key VALUES (?,?,?)", [row])
        ]

    def signing_key(self, institution: UUID, key_id: str, verification_method: str) -> SigningKey:
        """The key, ready to sign; see :class:`KeyStore`."""
        private = self._opened.get((institution, key_id))
        if private is None:
            rows = self._recorder.query(
                "SELECT wrapped FROM vault_signing_key WHERE institution=? AND key_id=?", (institution.bytes, key_id)
            )
            if not rows:
                message = f"the private half of {key_id} is not in this ledger's vault"
                raise NotFoundError(message)
            seed = self._key_ring.unwrap(bytes(rows[0][0]), signing_key_context(institution, key_id))
            private = self._opened[institution, key_id] = Ed25519PrivateKey.from_private_bytes(seed)
        return Ed25519SigningKey(private, verification_method)

    def destroy(self, institution: UUID, key_id: str) -> list[Write]:
        """The writes that destroy the private half; see :class:`KeyStore`."""
        self._opened.pop((institution, key_id), None)
        row = (institution.bytes, key_id)
        return [Write("DELETE FROM vault_signing_key WHERE institution=? AND key_id=?", [row])]


def signing_key_context(institution: UUID, key_id: str) -> bytes:
    """What a wrapped signing key is bound to."""
    return b"cairn/signing-key/v1\n" + institution.bytes + key_id.encode()
