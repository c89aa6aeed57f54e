"""A credential as a JSON Web Token: the credential is the claims set, and the registered claims repeat its members.

No ``vc`` claim wraps it. ``kid`` is a DID URL, which dereferences to the key through the issuer's DID document.

Source: 1EdTech Open Badges 3.0, section 8.2 (JSON Web Token proof format); W3C VC-JOSE-COSE, section 3.1; RFC 7519,
section 4.1.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from openvc.proof.vc_jwt import SigningKey

from ledger.error import MissingElementError
from ledger.form.jws import sign_compact

TYPE = "JWT"
"""What Open Badges 3.0 has in ``typ``; VC-JOSE-COSE recommends another and takes this one."""


def sign_jwt(credential: dict[str, Any], key: SigningKey) -> bytes:
    """Sign *credential* as a JWT.

    Args:
        credential: A credential of the VC Data Model 2.0, without a proof.
        key: Signs; its ``kid`` is a verification method of the credential's issuer.

    Raises:
        MissingElementError: A member that the registered claims repeat is not there; the pointer names it.
    """
    return sign_compact({"typ": TYPE}, claims_of(credential), key).encode("ascii")


def claims_of(credential: dict[str, Any]) -> dict[str, Any]:
    """The claims set of *credential*: all of its members, and those that RFC 7519 has names for once more.

    Raises:
        MissingElementError: ``id``, ``issuer`` or ``validFrom`` is not there.
    """
    issuer = credential.get("issuer")
    registered = {
        "iss": _required(issuer.get("id") if isinstance(issuer, dict) else issuer, "/issuer/id"),
        "jti": _required(credential.get("id"), "/id"),
        "nbf": seconds(_required(credential.get("validFrom"), "/validFrom")),
    }
    subject = credential.get("credentialSubject")
    if isinstance(subject, dict) and "id" in subject:
        registered["sub"] = subject["id"]
    if "validUntil" in credential:
        registered["exp"] = seconds(credential["validUntil"])
    return {**credential, **registered}


def seconds(instant: str) -> int:
    """An RFC 3339 instant as seconds since 1970; a fraction is cut off. Source: RFC 7519, section 2, NumericDate."""
    return int(datetime.fromisoformat(instant).timestamp())


def _required(value: object, pointer: str) -> Any:  # noqa: ANN401  whatever the credential has there
    if not value:
        message = f"a VC-JWT carries {pointer[1:].replace('/', '.')}, and the credential has none"
        raise MissingElementError(message, pointer)
    return value
