"""Signing keys of institutions: made, sealed, used and destroyed here.

Kinds of keys: :mod:`ledger.signing_algorithm`. The private half is wrapped under a key-encryption key in the vault's
database; a key that is retired, revoked or compromised is destroyed in the transaction that says so, since nothing may
be signed with it again.

The interface to the outside is openvc's ``SigningKey`` (alg, kid, sign), which an HSM or a KMS can implement.
"""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from openvc.proof.vc_jwt import SigningKey

from ledger.error import NotFoundError
from ledger.key_ring import KeyRing, RandomBytes
from ledger.signing_algorithm import (
    Algorithm,
    decode_private_key,
    encode_private_key,
    make_private_key,
    public_multibase,
    signer,
)
from ledger.store import LedgerRecorder, Write

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

    def make(self, institution: UUID, key_id: str | None, algorithm: Algorithm = "Ed25519") -> tuple[str, list[Write]]:
        """Make a key. Returns its public half as a Multikey string and the writes that keep the private half.

        Args:
            institution: Whose key it is.
            key_id: What it is called; None for a key that is called by its own public half, as in a did:key.
            algorithm: What kind of key.
        """

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
        self._opened: dict[tuple[UUID, str], dict[str, SigningKey]] = {}

    def make(self, institution: UUID, key_id: str | None, algorithm: Algorithm = "Ed25519") -> tuple[str, list[Write]]:
        """Make a key; see :class:`KeyStore`."""
        private = make_private_key(algorithm, self._random)
        multibase = public_multibase(private)
        name = multibase if key_id is None else key_id
        wrapped = self._key_ring.wrap(encode_private_key(private), signing_key_context(institution, name))
        row = (institution.bytes, name, wrapped)
        return multibase, [Write("INSERT INTO vault_signing_key VALUES (?,?,?)", [row])]

    def signing_key(self, institution: UUID, key_id: str, verification_method: str) -> SigningKey:
        """The key, ready to sign; see :class:`KeyStore`."""
        opened = self._opened.setdefault((institution, key_id), {})
        key = opened.get(verification_method)
        if key is None:
            rows = self._recorder.query(
                "SELECT wrapped FROM vault_signing_key WHERE institution=? AND key_id=?", (institution.bytes, key_id)
            )
            if not rows:
                message = f"the private half of {key_id} is not in this ledger's vault"
                raise NotFoundError(message)
            kept = self._key_ring.unwrap(bytes(rows[0][0]), signing_key_context(institution, key_id))
            key = opened[verification_method] = signer(decode_private_key(kept), verification_method)
        return key

    def destroy(self, institution: UUID, key_id: str) -> list[Write]:
        """The writes that destroy the private half; see :class:`KeyStore`."""
        self._opened.pop((institution, key_id), None)
        row = (institution.bytes, key_id)
        return [Write("DELETE FROM vault_signing_key WHERE institution=? AND key_id=?", [row])]


def signing_key_context(institution: UUID, key_id: str) -> bytes:
    """What a wrapped signing key is bound to."""
    return b"cairn/signing-key/v1\n" + institution.bytes + key_id.encode()
