"""The log's keys as the vault keeps them: one generation's private halves, and the names of their public ones."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from anchoring.cosignature import Cosigner
from anchoring.note import NoteSigner
from anchoring.publication import LogKeys
from anchoring.subtree_cosignature import SubtreeCosigner
from ledger.log_keeping import SECRETS, secret_name
from ledger.vault import Vault

OPERATOR_SUFFIX: Final = "/operator"


def secret_keys(vault: Vault, origin: str, generation: int) -> LogKeys:
    """The keys of a generation, made when there are none."""
    log, operator, successor = (vault.secret(secret_name(name, generation)) for name in SECRETS)
    return LogKeys(
        NoteSigner(origin, Ed25519PrivateKey.from_private_bytes(log)),
        Cosigner(origin + OPERATOR_SUFFIX, Ed25519PrivateKey.from_private_bytes(operator)),
        SubtreeCosigner(origin, MLDSA44PrivateKey.from_seed_bytes(successor)),
    )


def vkeys(keys: LogKeys) -> dict[str, str]:
    """The verifier keys, by role, as events of the ledger name them."""
    named = {"log": keys.log.vkey, "operator": keys.operator.vkey}
    return named if keys.successor is None else {**named, "successor": keys.successor.vkey}
