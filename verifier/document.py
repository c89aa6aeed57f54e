"""What a verifier reads of a signed document; the rest is under the signature and not interpreted.

Open Badges 3.0 on the VC Data Model 2.0. Members that nothing here compares may be there and are
covered by signature and commitment alike. The proof alone is closed: an unknown member in it could
change what the signature means.

Source: 1EdTech Open Badges 3.0; W3C VC Data Model 2.0; W3C VC Data Integrity section 2.1.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from verifier.error import FormatError
from verifier.strict_json import Json
from verifier.wire import convert_loosely, parse_instant

VC_CONTEXT: Final = "https://www.w3.org/ns/credentials/v2"
"""First context of every document. Source: W3C VC Data Model 2.0 section 4.3."""
CREDENTIAL_TYPE: Final = "VerifiableCredential"
PATH: Final = "/verify/"
"""What stands between a ledger's address and the public id in a document's id."""


class StatusEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Where a document says that its status is to be found."""

    id: str
    type: Literal["BitstringStatusListEntry"]
    status_purpose: str
    status_list_index: str
    status_list_credential: str


class Proof(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A Data Integrity proof of the one suite that the ledger signs with.

    Its ``@context`` repeats the document's, and must be the same; proofs made before November 2026 have none.
    """

    type: Literal["DataIntegrityProof"]
    cryptosuite: Literal["eddsa-jcs-2022"]
    created: str
    verification_method: str
    proof_purpose: Literal["assertionMethod"]
    proof_value: str
    context: list[Any] | None = msgspec.field(name="@context", default=None)


class Criteria(msgspec.Struct, frozen=True, rename="camel"):
    """What had to be done to earn it."""

    narrative: str | None = None


class Achieved(msgspec.Struct, frozen=True, rename="camel"):
    """What the document says was achieved."""

    id: str
    name: str
    description: str
    criteria: Criteria
    version: str | None = None
    in_language: str | None = None
    credits_available: int | float | None = None
    achievement_type: str | None = None
    tag: list[str] = []
    field_of_study: str | None = None
    specialization: str | None = None


class Subject(msgspec.Struct, frozen=True, rename="camel"):
    """Whom the document is about; who that is, is not looked at."""

    achievement: Achieved
    credits_earned: int | float | None = None


class Issuer(msgspec.Struct, frozen=True, rename="camel"):
    """Who the document says issued it."""

    id: str


class _Members(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    type: list[str]
    issuer: Issuer
    valid_from: str
    credential_subject: Subject
    credential_status: list[StatusEntry]
    proof: Proof
    valid_until: str | None = None


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A signed document, read but not checked.

    Attributes:
        id: Its address: the ledger's base, "/verify/", the public id.
        issuer: The issuer's DID, as claimed.
        valid_from: When it comes into force, as claimed.
        valid_until: When it expires, as claimed; None if it does not.
        status: Its status list entries.
        subject: What was achieved, as claimed.
        proof: The signature and what it says of itself.
        members: The whole document.
    """

    id: str
    issuer: str
    valid_from: datetime
    valid_until: datetime | None
    status: tuple[StatusEntry, ...]
    subject: Subject
    proof: Proof
    members: dict[str, Json]

    @property
    def base(self) -> str:
        """The ledger's address in the document's id; empty if the id has no such form."""
        return self.id.rpartition(PATH)[0]

    @property
    def public_id(self) -> str:
        """The public id in the document's id, unverified."""
        return self.id.rpartition(PATH)[2]


def read_document(members: dict[str, Json]) -> Document:
    """Read the members of a document that a verifier looks at.

    Raises:
        FormatError: One is missing or of another type, or it is no verifiable credential.

    Not checked: the signature, and everything that a check of the group `genuine` compares.
    """
    read = convert_loosely(members, _Members)
    context = members.get("@context")
    if not isinstance(context, list) or context[:1] != [VC_CONTEXT]:
        raise FormatError("not a document of the VC Data Model 2.0", "/@context")
    if CREDENTIAL_TYPE not in read.type:
        raise FormatError("not a verifiable credential", "/type")
    if "validUntil" in members and read.valid_until is None:
        raise FormatError("null where there may be a date or nothing", "/validUntil")
    if read.proof.context is not None and read.proof.context != context:
        raise FormatError("another context than the document's", "/proof/@context")
    return Document(
        id=read.id,
        issuer=read.issuer.id,
        valid_from=_date(read.valid_from, "/validFrom"),
        valid_until=None if read.valid_until is None else _date(read.valid_until, "/validUntil"),
        status=tuple(read.credential_status),
        subject=read.credential_subject,
        proof=read.proof,
        members=members,
    )


def _date(text: str, pointer: str) -> datetime:
    try:
        return parse_instant(text)
    except FormatError as error:
        raise FormatError(error.reason, pointer) from error
