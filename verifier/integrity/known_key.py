"""Keys that were found beforehand, so that verifying asks nobody and can be done in another process."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from verifier.error import KeyRefusedError, KeyUnavailableError
from verifier.public_key import PublicKey


class KnownKeys(msgspec.Struct, frozen=True):
    """A key source over a table.

    Attributes:
        keys: (verification method, purpose) -> the key; or why there is none, as the error to raise.
    """

    keys: Mapping[tuple[str, str], PublicKey | KeyRefusedError | KeyUnavailableError]

    def verification_key(self, method: str, purpose: str) -> PublicKey:
        """Return the key; see `KeySource`."""
        found = self.keys.get((method, purpose))
        if found is None:
            raise KeyUnavailableError(f"no key for {method[:200]}")
        if isinstance(found, PublicKey):
            return found
        raise found
