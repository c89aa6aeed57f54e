"""Keys of verification methods, looked up in the DID documents of their controllers.

Source: W3C Controlled Identifiers 1.0, section 3.3 (Retrieve Verification Method).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from api.did_resolution import INVALID, INVALID_KEY_LENGTH, DidError, DidResolution
from verifier.error import KeyRefusedError, KeyUnavailableError
from verifier.integrity.binding import controller_of
from verifier.public_key import PublicKey

MULTIKEY: Final = "Multikey"
JSON_WEB_KEY: Final = frozenset({"JsonWebKey", "JsonWebKey2020"})


class DidKeys:
    """Finds keys through the resolution of DIDs; a :class:`verifier.integrity.proof.KeySource`.

    Concurrency: safe from any thread. It asks other hosts only if the resolution does.

    Args:
        resolution: Resolves DIDs.
    """

    def __init__(self, resolution: DidResolution) -> None:
        self._resolution = resolution

    def verification_key(self, method: str, purpose: str) -> PublicKey:
        """Return the key of *method* that its controller authorised for *purpose*.

        Raises:
            KeyRefusedError: The controller has no such method, not for that purpose, or a key that cannot be read.
            KeyUnavailableError: The controller's document could not be had.
        """
        controller = controller_of(method)
        if not controller.startswith("did:") or controller == method:
            raise KeyRefusedError("a verification method is a DID, a # and the name of a key")
        try:
            document = self._resolution.document(controller)
        except DidError as error:
            kind = KeyRefusedError if error.code in {INVALID, INVALID_KEY_LENGTH} else KeyUnavailableError
            raise kind(error.message) from error
        return _read(_authorised(document, method, purpose), controller)


def _authorised(document: dict[str, Any], method: str, purpose: str) -> dict[str, Any]:
    granted = document.get(purpose)
    references = granted if isinstance(granted, list) else []
    for reference in references:
        if isinstance(reference, dict) and reference.get("id") == method:
            return reference
    listed = document.get("verificationMethod")
    methods = [one for one in (listed if isinstance(listed, list) else []) if isinstance(one, dict)]
    found = [one for one in methods if one.get("id") == method]
    if len(found) != 1:
        raise KeyRefusedError("the controller has no verification method of that name")
    if method not in references:
        raise KeyRefusedError(f"the controller does not authorise the key for {purpose[:40]}")
    return found[0]


def _read(method: dict[str, Any], controller: str) -> PublicKey:
    if method.get("controller") != controller:
        raise KeyRefusedError("the verification method is another controller's")
    kind, multibase, jwk = method.get("type"), method.get("publicKeyMultibase"), method.get("publicKeyJwk")
    if kind == MULTIKEY and isinstance(multibase, str):
        return _key(multibase)
    if kind in JSON_WEB_KEY and isinstance(jwk, dict):
        return PublicKey.from_jwk(jwk)
    raise KeyRefusedError("the verification method is of a type that is not read here: Multikey and JsonWebKey are")


_key = lru_cache(maxsize=1024)(PublicKey.from_multibase)
"""A key is what its spelling says; whether it may still be used is asked every time."""
