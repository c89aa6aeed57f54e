"""A credential as a JSON Web Token: the credential is the claims set, and the registered claims repeat its members.

No ``vc`` claim wraps it. The header says which key it is in the ways that readers of each form need (ADR 0024):

    EdDSA, ES256   ``kid`` is a DID URL, which leads to the key through the issuer's DID document, as VC-JOSE-COSE has
                   it; ``jwk`` is the key itself, for displayers that read no DID
    RS256          ``kid`` is the address of the key as a JWK, which displayers of Open Badges fetch as it is. The key
                   itself would make the header longer than the 512 bytes that some libraries read (joserfc)

Source: 1EdTech Open Badges 3.0, sections 8.2.4 (JOSE header) and 8.5 (dereferencing); W3C VC-JOSE-COSE, sections 3.1
and 4.1; RFC 7519, section 4.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from openvc.proof.vc_jwt import SigningKey

from ledger.error import MissingElementError
from ledger.form.jws import sign_compact
from ledger.signing_algorithm import algorithm_of, public_jwk

TYPE = "JWT"
"""What Open Badges 3.0 has in ``typ``; VC-JOSE-COSE recommends another and takes this one."""


def key_address(base_url: str, slug: str, key_id: str) -> str:
    """Where a key of an institution is, as a JWK."""
    return f"{base_url}/institutions/{slug}/keys/{key_id}"


def key_header(multibase: str, address: str) -> dict[str, Any]:
    """What the header says of the key beside the signer's own ``kid``.

    Args:
        multibase: The public key.
        address: See :func:`key_address`.

    Returns:
        Of an RSA key another ``kid``, of any other ``jwk``.
    """
    return {"kid": address} if algorithm_of(multibase) == "RSA" else {"jwk": public_jwk(multibase)}


def sign_jwt(credential: dict[str, Any], key: SigningKey, header: Mapping[str, Any] | None = None) -> bytes:
    """Sign *credential* as a JWT.

    Args:
        credential: A credential of the VC Data Model 2.0, without a proof.
        key: Signs; its ``kid`` is a verification method of the credential's issuer.
        header: What the header says beside; see :func:`key_header`.

    Raises:
        MissingElementError: A member that the registered claims repeat is not there; the pointer names it.
    """
    return sign_compact({"typ": TYPE, **(header or {})}, claims_of(credential), key).encode("ascii")


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
