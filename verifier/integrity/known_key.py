"""Keys that were found beforehand, so that verifying asks nobody and can be done in another process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol, TypeAlias

import msgspec

from verifier.error import KeyRefusedError, KeyUnavailableError
from verifier.public_key import PublicKey

Key: TypeAlias = PublicKey | KeyRefusedError | KeyUnavailableError
"""A key; or why there is none, as the error to raise."""


class KnownKeys(msgspec.Struct, frozen=True):
    """A key source over a table.

    Attributes:
        keys: (verification method, purpose) -> the key, or why there is none.
    """

    keys: Mapping[tuple[str, str], Key]

    def verification_key(self, method: str, purpose: str) -> PublicKey:
        """Return the key; see `KeySource`."""
        found = self.keys.get((method, purpose))
        if found is None:
            raise KeyUnavailableError(f"no key for {method[:200]}")
        if isinstance(found, PublicKey):
            return found
        raise found


class Keys(Protocol):
    """Where keys come from; see `verifier.integrity.proof.KeySource`."""

    def verification_key(self, method: str, purpose: str) -> PublicKey:
        """Return a key."""


class KeysOnce:
    """A key source that asks another one once for each key, while one document is looked at.

    Concurrency: for one thread.
    """

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._found: dict[tuple[str, str], Key] = {}

    def verification_key(self, method: str, purpose: str) -> PublicKey:
        """Return the key; see `KeySource`."""
        found = self._ask(method, purpose)
        if isinstance(found, PublicKey):
            return found
        raise found

    def known(self, asked: Iterable[tuple[str, str]]) -> KnownKeys:
        """Return the keys of some methods and purposes."""
        return KnownKeys({(method, purpose): self._ask(method, purpose) for method, purpose in asked})

    def _ask(self, method: str, purpose: str) -> Key:
        found = self._found.get((method, purpose))
        if found is None:
            try:
                found = self._keys.verification_key(method, purpose)
            except (KeyRefusedError, KeyUnavailableError) as error:
                found = error
            self._found[method, purpose] = found
        return found
