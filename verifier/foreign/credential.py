"""What a verifier reads of any credential of the field: who, whom, from when, until when, which status.

Open Badges 3.0 on the VC Data Model 2.0 or 1.1, and the claims of an SD-JWT VC. Members that nothing here looks at may
be there; whether each is a term that the document's contexts define is for the check `genuine.terms`.

Source: W3C VC Data Model 2.0 and 1.1 section 4; 1EdTech Open Badges 3.0 appendix B; IETF SD-JWT VC section 3.2.2.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeAlias

import msgspec

from verifier.error import FormatError
from verifier.foreign.jws import Jws
from verifier.strict_json import Json

V1_CONTEXT: Final = "https://www.w3.org/2018/credentials/v1"
V2_CONTEXT: Final = "https://www.w3.org/ns/credentials/v2"
CREDENTIAL_TYPE: Final = "VerifiableCredential"
BADGE_TYPES: Final = frozenset({"OpenBadgeCredential", "AchievementCredential"})
"""Types of an Open Badge; one of them makes its required members required."""
MAX_STATUS_ENTRIES: Final = 8
"""Most status entries of one credential: one for each purpose there is, and some."""
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,12})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_FRACTION: Final = re.compile(r"\.(\d{6})\d+")

Form: TypeAlias = Literal["data-integrity", "vc-jwt", "sd-jwt"]


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """A secured credential, read but not checked.

    Attributes:
        form: How it is secured.
        members: The document; of an SD-JWT VC the claims that are disclosed.
        jws: The token, where it is one.
        token: An SD-JWT with its disclosures.
    """

    form: Form
    members: dict[str, Any]
    jws: Jws | None = None
    token: str | None = None

    @property
    def is_claims(self) -> bool:
        """Whether it is an SD-JWT VC, whose members are claims and not those of the VC data model."""
        return self.form == "sd-jwt" and "@context" not in self.members

    @property
    def issuer(self) -> str:
        """Who it says issued it; empty if it names nobody."""
        named = identifier(self.members.get("issuer"))
        if named is None and self.form == "sd-jwt":
            named = identifier(self.members.get("iss"))
        return named or ""

    @property
    def id(self) -> str | None:
        """Its own identifier, if it has one."""
        for name in ("id", "jti"):
            if isinstance(self.members.get(name), str):
                return str(self.members[name])
        return None

    @property
    def valid_from(self) -> datetime | None:
        """When it comes into force. Raises FormatError if that is no date."""
        return read_date(self.members, names(self.members)[0])

    @property
    def valid_until(self) -> datetime | None:
        """When it expires. Raises FormatError if that is no date."""
        return read_date(self.members, names(self.members)[1])


def names(members: dict[str, Any]) -> tuple[str, str]:
    """Return what a data model calls the two dates of a credential."""
    contexts = members.get("@context")
    first = contexts[0] if isinstance(contexts, list) and contexts else contexts
    return ("issuanceDate", "expirationDate") if first == V1_CONTEXT else ("validFrom", "validUntil")


def identifier(value: Json) -> str | None:
    """Return the identifier of a node that is a string or an object with an `id`, if it has one."""
    if isinstance(value, dict):
        value = value.get("id")
    return value if isinstance(value, str) and value else None


def types_of(members: dict[str, Any]) -> frozenset[str]:
    """Return the types of a node, which may be one string or a list."""
    told = members.get("type")
    listed = told if isinstance(told, list) else [told]
    return frozenset(one for one in listed if isinstance(one, str))


def is_open_badge(members: dict[str, Any]) -> bool:
    """Whether a credential says that it is an Open Badge."""
    return not BADGE_TYPES.isdisjoint(types_of(members))


def read_date(members: dict[str, Any], name: str) -> datetime | None:
    """Read a dateTimeStamp.

    Returns:
        The instant in UTC, cut to microseconds; None if the member is not there.

    Raises:
        FormatError: No date with a time and an offset, or none that exists.
    """
    if name not in members:
        return None
    text = members[name]
    if not isinstance(text, str) or _DATE.fullmatch(text) is None:
        raise FormatError("not a date with a time and an offset", f"/{name}")
    try:
        return datetime.fromisoformat(_FRACTION.sub(r".\1", text.upper())).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise FormatError("no such date", f"/{name}") from error


def read_document(members: dict[str, Any]) -> Credential:
    """Read a JSON credential whose proof is in it.

    Raises:
        FormatError: It has no proof.

    Not checked: anything else; `problem` says what is wrong with its shape.
    """
    if "proof" not in members:
        raise FormatError("a document without a proof: nothing secures it", "/proof")
    return Credential(form="data-integrity", members=members)


def problem(credential: Credential) -> str | None:
    """Say what is wrong with a credential's shape by the data model; None if nothing is.

    Not checked: members that only a profile requires (see `missing_member`), terms, and dates against each other's
    instants but for their order.
    """
    try:
        starts, ends = credential.valid_from, credential.valid_until
    except FormatError as error:
        return str(error)
    if starts is not None and ends is not None and ends < starts:
        return "it expires before it comes into force"
    if not credential.issuer:
        return "it names no issuer"
    return None if credential.is_claims else _model_problem(credential.members)


def _model_problem(members: dict[str, Any]) -> str | None:
    contexts = members.get("@context")
    if not isinstance(contexts, list) or not contexts or contexts[0] not in {V1_CONTEXT, V2_CONTEXT}:
        single = contexts in (V1_CONTEXT, V2_CONTEXT)
        if not single:
            return "its first context is not that of a verifiable credential"
    if CREDENTIAL_TYPE not in types_of(members):
        return "its type is not that of a verifiable credential"
    if "id" in members and not _is_uri(members["id"]):
        return "its id is no URI"
    if not _is_uri(identifier(members.get("issuer"))):
        return "its issuer is no URI"
    subject = members.get("credentialSubject")
    subjects = subject if isinstance(subject, list) else [subject]
    if not subjects or not all(isinstance(one, dict) and one for one in subjects):
        return "it is about nobody and nothing"
    return _list_problem(members)


def _list_problem(members: dict[str, Any]) -> str | None:
    for name in ("credentialStatus", "credentialSchema", "evidence", "termsOfUse", "refreshService"):
        for one in entries(members, name):
            if not isinstance(one, dict) or not types_of(one):
                return f"an entry of {name} is no object with a type"
    if len(entries(members, "credentialStatus")) > MAX_STATUS_ENTRIES:
        return f"more than {MAX_STATUS_ENTRIES} status entries"
    starts, _ = names(members)
    return "it has no issuanceDate" if starts == "issuanceDate" and starts not in members else None


def entries(members: dict[str, Any], name: str) -> list[Any]:
    """Return a member that may be one value or a list as a list."""
    value = members.get(name)
    if name not in members:
        return []
    return value if isinstance(value, list) else [value]


_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")


def _is_uri(value: Json) -> bool:
    return isinstance(value, str) and _URI.fullmatch(value) is not None
