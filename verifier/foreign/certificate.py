"""Keys out of X.509 certificate chains that tokens bring along (`x5c`).

A chain proves nothing by itself: anybody makes one. It counts when it leads to a certificate that the verifier's user
has named as an anchor, and when its leaf names the token's issuer. Without an anchor there is no telling.

openvc validates paths, and compares the issuer with the leaf's subject alternative names.

Source: RFC 7515 section 4.1.6 (x5c); RFC 5280 section 6; IETF SD-JWT VC section 3.5 (X.509 certificates).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from cryptography import x509
from openvc.x5c import X5cError, load_x5c_chain, resolve_x5c_key, validate_cert_chain

from verifier.error import ChainUntrustedError, KeyRefusedError
from verifier.public_key import PublicKey

MAX_CERTIFICATES: Final = 8
"""Longest chain; one of the field has two or three."""


def chain_key(x5c: Any, issuer: str, anchors: Sequence[bytes], instant: datetime) -> PublicKey:  # noqa: ANN401  any JSON value
    """Return the key of a chain's leaf.

    Args:
        x5c: The header's member.
        issuer: The issuer that the token names.
        anchors: Certificates, in DER, that chains may lead to.
        instant: As of which the chain has to hold, aware.

    Raises:
        KeyRefusedError: It is no chain, its leaf does not name the issuer, or has a key that openvc does not read (it
            reads P-256).
        ChainUntrustedError: It leads to no anchor, or there is none.
    """
    if not isinstance(x5c, list) or not 1 <= len(x5c) <= MAX_CERTIFICATES:
        raise KeyRefusedError(f"x5c is no list of 1 to {MAX_CERTIFICATES} certificates")
    try:
        chain = load_x5c_chain(x5c)
    except X5cError as error:
        raise KeyRefusedError(str(error)) from error
    if not anchors:
        raise ChainUntrustedError("the token's certificate chain leads to nobody whom this verifier was told to trust")
    trusted = [x509.load_der_x509_certificate(one) for one in anchors]
    try:
        validate_cert_chain(chain[0], chain[1:], trust_anchors=trusted, now=instant)
    except X5cError as error:
        raise ChainUntrustedError(str(error)[:300]) from error
    try:
        return PublicKey.from_jwk(resolve_x5c_key(x5c, issuer, trust_anchors=trusted, now=instant))
    except X5cError as error:
        raise KeyRefusedError(str(error)[:300]) from error
