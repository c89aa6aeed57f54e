"""What a DID is resolved with beside itself: parameters of DID URLs, and options.

They are read strictly. Those that ask for a version are answered where there is only one, and refused elsewhere; those
that name a service are for whoever follows the DID URL, and not looked at further.

Source: W3C DID Resolution 0.3, section 3 (DID parameters); The did:key Method 0.9, section 3.1.2 (publicKeyFormat).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from api.did_resolution import (
    FEATURE_NOT_SUPPORTED,
    INVALID_KEY_TYPE,
    INVALID_OPTIONS,
    UNCHANGING,
    UNSUPPORTED_KEY_TYPE,
    DidError,
)

ASCII_OPTIONS: Final = frozenset({"accept", "service", "serviceType", "relativeRef", "versionId", "versionTime", "hl"})
VERSIONS: Final = frozenset({"versionId", "versionTime"})
KEY_FORMATS: Final = frozenset({"Multikey"})
"""How keys are written in the documents of did:key here."""
EXPERIMENTAL_FORMATS: Final = frozenset({"Ed25519VerificationKey2018", "X25519KeyAgreementKey2019"})
"""Formats older than the did:key method's own, which has them for `enableExperimentalPublicKeyTypes` alone."""
_REFERENCE: Final = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*", re.ASCII)
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


def check_options(did: str, options: Iterable[tuple[str, str]]) -> None:
    """Refuse options that are malformed, or that cannot be followed.

    Args:
        did: What is resolved.
        options: Names and values; names that are not known are ignored.

    Raises:
        DidError: One is refused.
    """
    asked = list(options)
    experimental = dict(asked).get("enableExperimentalPublicKeyTypes", "false")
    for name, value in asked:
        if name in ASCII_OPTIONS and not (value.isascii() and value.isprintable()):
            raise DidError(INVALID_OPTIONS, f"{name} is a text in ASCII")
        if name == "relativeRef" and _REFERENCE.fullmatch(value) is None:
            raise DidError(INVALID_OPTIONS, "relativeRef is a path, percent-encoded")
        if name == "versionTime" and not _is_instant(value):
            raise DidError(INVALID_OPTIONS, "versionTime is an instant in UTC without fractions, 2026-01-31T12:00:00Z")
        if name in VERSIONS and not did.startswith(UNCHANGING):
            raise DidError(FEATURE_NOT_SUPPORTED, "earlier versions of a DID document are not resolved here")
        if name == "publicKeyFormat" and value in EXPERIMENTAL_FORMATS and experimental == "false":
            raise DidError(INVALID_KEY_TYPE, "that format of keys is none of the did:key method's")
        if name == "publicKeyFormat" and value not in KEY_FORMATS:
            raise DidError(UNSUPPORTED_KEY_TYPE, f"keys are written as {', '.join(sorted(KEY_FORMATS))} here")


def _is_instant(text: str) -> bool:
    if _INSTANT.fullmatch(text) is None:
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
