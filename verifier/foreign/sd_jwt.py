"""SD-JWT VC: a signed token whose claims its holder discloses one by one.

    issuer-signed token ~ disclosure ~ disclosure ~ [ key-binding token ]

openvc puts the disclosures back and checks the key binding; the signature is checked here first, with a key that was
found for the issuer. Dates are not left to the library, which takes them from the clock of the machine.

Source: RFC 9901 (SD-JWT) section 7; IETF SD-JWT VC section 3; W3C VC JOSE COSE section 3.2.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from openvc.errors import OpenvcError
from openvc.proof.sd_jwt import SdJwtVcProofSuite

from verifier.error import FormatError
from verifier.foreign.credential import Credential
from verifier.foreign.disclosure import parse_parts
from verifier.foreign.vc_jwt import claimed

TYPES: Final = frozenset({"dc+sd-jwt", "vc+sd-jwt", "vc+ld+json+sd-jwt", None})
_LEEWAY_SECONDS: Final = 60
_ANY_AGE_SECONDS: Final = 100 * 365 * 86_400


def is_sd_jwt(text: str) -> bool:
    """Whether a text has the outer shape of an SD-JWT."""
    return "~" in text and "." in text.partition("~")[0]


def read_sd_jwt(text: str) -> Credential:
    """Read an SD-JWT; its members are what the issuer-signed token says in clear, until it is verified.

    Raises:
        TooLargeError: Beyond a named limit.
        FormatError: Not an SD-JWT, or one of another type.
    """
    jws = parse_parts(text).issued
    if jws.typ not in TYPES:
        raise FormatError(f"a token of the type {jws.typ!r} is no SD-JWT VC", "/typ")
    return Credential(form="sd-jwt", members=jws.payload, jws=jws, token=text)


def disclosed(credential: Credential, jwk: dict[str, Any], now: datetime) -> tuple[Credential, bool]:
    """Put the disclosures back into a token whose signature is good.

    Args:
        credential: See `read_sd_jwt`.
        jwk: The issuer's public key.
        now: The present, aware.

    Returns:
        The credential with every disclosed claim, and whether a key-binding token was there and good.

    Raises:
        FormatError: A disclosure that the issuer did not sign, one of a claim that may not be disclosed, claims that
            contradict the credential, or a key binding that does not hold.

    Not checked: the issuer's dates (the group `dates`), to whom and when the key binding was made.
    """
    suite = SdJwtVcProofSuite(leeway_s=_LEEWAY_SECONDS)
    try:
        verified = suite.verify(
            credential.token or "",
            public_key_jwk=jwk,
            check_temporal=False,
            kb_max_age_s=_ANY_AGE_SECONDS,
            now=now,
        )
    except OpenvcError as error:
        raise FormatError(str(error)) from error
    whole = Credential(form="sd-jwt", members=verified.claims, jws=credential.jws, token=credential.token)
    return whole, verified.key_bound


def is_early(credential: Credential, now: datetime) -> bool:
    """Whether a token says that it does not hold yet, or was made later than now: openvc reads it in neither case.

    Raises:
        FormatError: One of its dates is none.
    """
    payload = credential.members if credential.jws is None else credential.jws.payload
    told = (claimed(payload, "nbf"), claimed(payload, "iat"), credential.valid_from)
    ahead = now + timedelta(seconds=_LEEWAY_SECONDS)
    return any(date is not None and date > ahead for date in told)
