"""Selective disclosure as such: a signed token, the claims that its holder adds to it, and the holder's key binding.

    issuer-signed token ~ disclosure ~ disclosure ~ [ key-binding token ]

For SD-JWT VCs openvc does this (`sd_jwt`), with the rules of that profile. Presentations that are secured as an SD-JWT
are none of its profile, so what RFC 9901 says of every SD-JWT is here.

    1. Every disclosure is `[salt, name, value]` or `[salt, value]`; its digest is over its text.
    2. A digest in the token stands for the disclosure that has it; one that none has is a decoy, or withheld.
    3. Each digest and each disclosure is used once, and a disclosure takes no name that is there already.
    4. What is left over was never in the token: all is refused.

Source: RFC 9901 sections 4.2, 4.3, 7.1 and 7.3.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from verifier.error import FormatError, InputError, KeyRefusedError, TooLargeError
from verifier.foreign.jws import MAX_JWS_CHARS, MAX_PAYLOAD_BYTES, Jws, decode, is_jws, parse_jws
from verifier.foreign.vc_jwt import claimed
from verifier.public_key import PublicKey
from verifier.strict_json import Json, parse_json

MAX_DISCLOSURES: Final = 500
"""Most disclosures of one token; a long award has some 60."""
MAX_SD_JWT_CHARS: Final = 2 * MAX_JWS_CHARS
"""Longest SD-JWT: the token, and its disclosures."""
MAX_DEPTH: Final = 64
"""Deepest nesting, of disclosures in disclosures as well."""
HASHES: Final[Mapping[str, str]] = {"sha-256": "sha256", "sha-384": "sha384", "sha-512": "sha512"}
BINDING_TYPE: Final = "kb+jwt"
_LEEWAY: Final = timedelta(seconds=60)
_ELEMENT: Final = "..."
_NAMED, _UNNAMED = 3, 2


class Parts(msgspec.Struct, frozen=True):
    """An SD-JWT, taken apart and nothing checked.

    Attributes:
        issued: The token that the issuer signed.
        disclosures: Texts of the disclosures.
        binding: The key-binding token, if there is one.
        bound: The text that a key binding covers: all before it.
    """

    issued: Jws
    disclosures: tuple[str, ...]
    binding: str
    bound: str


def parse_parts(text: str) -> Parts:
    """Take an SD-JWT apart.

    Raises:
        TooLargeError: Beyond a named limit.
        FormatError: Not an SD-JWT.
    """
    if len(text) > MAX_SD_JWT_CHARS:
        raise TooLargeError(f"a token of {len(text)} characters; the limit is {MAX_SD_JWT_CHARS}")
    issued, *disclosures, binding = text.split("~")
    if len(disclosures) > MAX_DISCLOSURES:
        raise TooLargeError(f"{len(disclosures)} disclosures; the limit is {MAX_DISCLOSURES}")
    if "" in disclosures:
        raise FormatError("an empty disclosure")
    bound = text[: len(text) - len(binding)]
    return Parts(parse_jws(issued), tuple(disclosures), binding, bound)


def restored(parts: Parts) -> dict[str, Json]:
    """Put the disclosures back where their digests are.

    Raises:
        FormatError: See the rules above.

    Not checked: any signature. Digests are part of what was signed, so what is restored was signed if the token was.
    """
    hashed = HASHES.get(str(parts.issued.payload.get("_sd_alg", "sha-256")))
    if hashed is None:
        raise FormatError("digests of a kind that is not known here", "/_sd_alg")
    known: dict[str, list[Json]] = {}
    for text in parts.disclosures:
        digest = _digest(hashed, text)
        if digest in known:
            raise FormatError("the same disclosure twice")
        known[digest] = _disclosure(text)  # 1.
    restoring = _Restoring(known)
    found: dict[str, Json] = restoring.members(parts.issued.payload, 0)
    if restoring.used != known.keys():
        raise FormatError("a disclosure that the token has no place for")  # 4.
    found.pop("_sd_alg", None)
    return found


def binding_of(parts: Parts) -> Jws | None:
    """Read the key-binding token, if there is one.

    Raises:
        FormatError: There is something else.
    """
    if not parts.binding:
        return None
    if not is_jws(parts.binding):
        raise FormatError("a key binding that is no token")
    binding = parse_jws(parts.binding)
    if binding.typ != BINDING_TYPE:
        raise FormatError(f"a key binding of the type {binding.typ!r}", "/typ")
    return binding


def binding_problem(parts: Parts, now: datetime) -> str | None:
    """Say what is wrong with the key binding; None if nothing is, or there is none.

    Not checked: how old it is, to whom and in answer to what it was made.
    """
    try:
        binding = binding_of(parts)
        if binding is not None:
            _require_binding(parts, binding, now)
    except (InputError, KeyRefusedError) as error:
        return str(error)
    return None


def _require_binding(parts: Parts, binding: Jws, now: datetime) -> None:
    confirmed: Any = parts.issued.payload.get("cnf")
    holder = confirmed.get("jwk") if isinstance(confirmed, dict) else None
    if not isinstance(holder, dict):
        raise FormatError("the token is bound to nobody's key")
    if not PublicKey.from_jwk(holder).verify(binding.signed, binding.signature, binding.alg):
        raise FormatError("the key binding is not by the key that the token is bound to")
    hashed = HASHES.get(str(parts.issued.payload.get("_sd_alg", "sha-256")), "sha256")
    if binding.payload.get("sd_hash") != _digest(hashed, parts.bound):
        raise FormatError("the key binding is of other disclosures")
    made = claimed(binding.payload, "iat")
    if made is None or made > now + _LEEWAY:
        raise FormatError("the key binding has no date, or one that has not come")


class _Restoring:
    """One pass over a token; remembers what was used."""

    def __init__(self, known: Mapping[str, list[Json]]) -> None:
        self._known = known
        self._seen: set[str] = set()
        self.used: set[str] = set()

    def members(self, node: Mapping[str, Json], depth: int) -> dict[str, Any]:
        """Return an object with what its digests stand for."""
        if _ELEMENT in node:
            raise FormatError("a digest of an element outside a list")
        found: dict[str, Any] = {name: self._value(value, depth + 1) for name, value in node.items() if name != "_sd"}
        digests = node.get("_sd", [])
        if not isinstance(digests, list):
            raise FormatError("digests that are no list", "/_sd")
        for digest in digests:
            told = self._told(digest, _NAMED)
            if told is None:
                continue
            name = told[1]
            if not isinstance(name, str) or name in {"_sd", _ELEMENT} or name in found:
                raise FormatError("a disclosure of a name that is taken, or none")
            found[name] = self._value(told[2], depth + 1)
        return found

    def _value(self, node: Json, depth: int) -> Json:
        if depth > MAX_DEPTH:
            raise TooLargeError(f"more than {MAX_DEPTH} levels")
        if isinstance(node, dict):
            return self.members(node, depth)
        if not isinstance(node, list):
            return node
        found: list[Json] = []
        for element in node:
            if isinstance(element, dict) and set(element) == {_ELEMENT}:
                told = self._told(element[_ELEMENT], _UNNAMED)
                found += [] if told is None else [self._value(told[1], depth + 1)]
            else:
                found.append(self._value(element, depth + 1))
        return found

    def _told(self, digest: Json, length: int) -> list[Json] | None:
        """Return the disclosure of a digest; None if it is a decoy or withheld."""
        if not isinstance(digest, str) or digest in self._seen:
            raise FormatError("a digest that is no text, or there twice")
        self._seen.add(digest)
        told = self._known.get(digest)
        if told is None:
            return None
        if len(told) != length:
            raise FormatError("a disclosure of a member where an element belongs, or the other way around")
        self.used.add(digest)
        return told


def _disclosure(text: str) -> list[Json]:
    value = parse_json(decode(text), max_bytes=MAX_PAYLOAD_BYTES)
    if not isinstance(value, list) or len(value) not in {_NAMED, _UNNAMED} or not isinstance(value[0], str):
        raise FormatError("a disclosure that is not a salt, perhaps a name, and a value")
    return value


def _digest(hashed: str, text: str) -> str:
    raw = hashlib.new(hashed, text.encode("ascii", "replace")).digest()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def shown_claims(texts: Sequence[str]) -> list[dict[str, Json]]:
    """Return the payloads of the key bindings among some tokens; what is none of them is passed over."""
    found = []
    for text in texts:
        if "~" not in text:
            continue
        try:
            binding = binding_of(parse_parts(text))
        except InputError:
            continue
        if binding is not None:
            found.append(binding.payload)
    return found
