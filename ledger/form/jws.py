"""Compact JSON Web Signatures: two parts in base64url, and the signature over them.

Written here because openvc signs JWTs of the VC Data Model 1.1's shape and with a clock of its own; the signature is
the key's, and joserfc and openbadgeslib verify the result in the tests.

Source: RFC 7515, sections 3.1 and 7.1.
"""

from __future__ import annotations

import base64
from typing import Any

import msgspec
from openvc.proof.vc_jwt import SigningKey


def sign_compact(header: dict[str, Any], payload: dict[str, Any], key: SigningKey) -> str:
    """Sign *payload*; the header's ``alg`` and ``kid`` are the key's.

    Args:
        header: Further members, such as ``typ``.
        payload: A JSON object.
        key: Signs, as its ``kid``.
    """
    head = {"alg": key.alg, "kid": key.kid, **header}
    signed = f"{encode_base64url(msgspec.json.encode(head))}.{encode_base64url(msgspec.json.encode(payload))}"
    return f"{signed}.{encode_base64url(key.sign(signed.encode('ascii')))}"


def encode_base64url(raw: bytes) -> str:
    """*raw* in base64url without padding. Source: RFC 7515, section 2."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
