"""VC-JWT: a credential as the payload of a signed token, in the forms of both data models.

    VC 2.0   the payload is the credential; `iss`, `jti`, `sub`, `nbf`, `exp` may repeat members of it
    VC 1.1   the credential is the claim `vc`, from which members may have moved into those claims

A claim and the member it stands for are two spellings of one fact. Where both are there they have to say the same, or
two readers would be told two things by one signature.

Source: Open Badges 3.0 section 8.2; W3C VC JOSE COSE section 3.1; W3C VC Data Model 1.1 section 6.3.1.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from verifier.error import FormatError
from verifier.foreign.credential import Credential, identifier, is_open_badge, names
from verifier.foreign.jws import Jws
from verifier.strict_json import Json

TYPES: Final = frozenset({None, "jwt", "vc+jwt", "vc+ld+json+jwt"})
"""Header types of a credential; anything else is a token for another purpose. Source: RFC 8725 section 3.11."""
PLAIN_TYPES: Final = frozenset({"vc+jwt", "vc+ld+json+jwt"})
"""Types that forbid the claim `vc`. Source: W3C VC JOSE COSE section 3.1.3."""
LAST_SECOND: Final = 253_402_300_799
"""The last second of the year 9999, beyond which no date is written."""
_EXPIRY: Final = "exp"
_START: Final = "nbf"


def read_token(jws: Jws) -> Credential:
    """Read a credential out of a token.

    Raises:
        FormatError: A token of another type, an SD-JWT without its disclosures, or no credential in it.

    Not checked: the signature; that claims and members agree (see `disagreement`).
    """
    if jws.typ not in TYPES:
        raise FormatError(f"a token of the type {jws.typ!r} is no credential", "/typ")
    if "_sd" in jws.payload or "_sd_alg" in jws.payload:
        raise FormatError("an SD-JWT without its disclosures")
    inner = jws.payload.get("vc")
    if inner is None:
        members = dict(jws.payload)
    elif jws.typ in PLAIN_TYPES or not isinstance(inner, dict):
        raise FormatError("a claim `vc` where there may be none, or that is no object", "/vc")
    else:
        members = _unfolded(inner, jws.payload)
    return Credential(form="vc-jwt", members=members, jws=jws)


def disagreement(credential: Credential, jws: Jws) -> str | None:
    """Say which claim and member differ, or which claim has to be there and is not; None if all is well.

    `nbf` and `exp` have to be the credential's own dates in a VC 1.1 token and in an Open Badge; a VC 2.0 token may
    date its signature by them, and then they bound the time in which it holds (see `token_window`).
    """
    members, claims = credential.members, jws.payload
    subject = members.get("credentialSubject")
    told: list[tuple[str, Json, Json]] = [
        ("iss", claims.get("iss"), credential.issuer),
        ("jti", claims.get("jti"), members.get("id")),
        ("sub", claims.get("sub"), identifier(subject) if not isinstance(subject, list) else None),
    ]
    strict = "vc" in claims or is_open_badge(members)
    for name, claim, member in told:
        if name in claims and claim != member and not (name == "sub" and _is_one_of(claim, subject)):
            return f"{name} is {str(claim)[:100]!r}, the credential says {str(member)[:100]!r}"
        if strict and name not in claims and member is not None:
            return f"the claim {name} is missing"
    return _dates_differ(credential, claims) if strict else None


def token_window(jws: Jws) -> tuple[datetime | None, datetime | None]:
    """Return from when until when a token says that it holds.

    Raises:
        FormatError: `nbf`, `exp` or `iat` is no whole or broken number of seconds since 1970 that a date can hold.
    """
    claimed(jws.payload, "iat")
    return claimed(jws.payload, _START), claimed(jws.payload, _EXPIRY)


def _dates_differ(credential: Credential, claims: dict[str, Json]) -> str | None:
    for claim, date in ((_START, credential.valid_from), (_EXPIRY, credential.valid_until)):
        told = claimed(claims, claim)
        if (told is None) != (date is None):
            return f"the claim {claim} and the credential's date: one is there without the other"
        if told is not None and date is not None and int(told.timestamp()) != int(date.timestamp()):
            return f"{claim} is {told.isoformat()}, the credential says {date.isoformat()}"
    return None


def _is_one_of(claim: Json, subject: Json) -> bool:
    """Whether a token's subject is one of several of the credential."""
    return isinstance(subject, list) and claim in [identifier(one) for one in subject]


def claimed(claims: dict[str, Json], name: str) -> datetime | None:
    """Read a claim that is a date in seconds since 1970; None if it is not there.

    Raises:
        FormatError: No number, or none that a date can hold.
    """
    if name not in claims:
        return None
    seconds = claims[name]
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds <= LAST_SECOND:
        raise FormatError("not a number of seconds since 1970", f"/{name}")
    return datetime.fromtimestamp(seconds, UTC)


def _unfolded(inner: dict[str, Any], claims: dict[str, Json]) -> dict[str, Json]:
    """Put back the members that a VC 1.1 token may hold as claims alone."""
    members: dict[str, Any] = dict(inner)
    if identifier(members.get("issuer")) is None and "iss" in claims:
        issuer = members.get("issuer")
        members["issuer"] = {**issuer, "id": claims["iss"]} if isinstance(issuer, dict) else claims["iss"]
    if "id" not in members and "jti" in claims:
        members["id"] = claims["jti"]
    starts, ends = names(members)
    for name, claim in ((starts, _START), (ends, _EXPIRY)):
        moment = claimed(claims, claim)
        if name not in members and moment is not None:
            members[name] = moment.isoformat().replace("+00:00", "Z")
    subject = members.get("credentialSubject")
    if isinstance(subject, dict) and "id" not in subject and isinstance(claims.get("sub"), str):
        members["credentialSubject"] = {**subject, "id": claims["sub"]}
    return members
