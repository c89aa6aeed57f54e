"""An award as every document of it is made from it, and the signature on the first of them.

The form that every award has is Open Badges 3.0 with ``eddsa-jcs-2022`` (:mod:`ledger.form.open_badge`); an institution
may offer others (:mod:`ledger.form`).

Source: W3C VC Data Integrity EdDSA Cryptosuites 1.0 (eddsa-jcs-2022).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from openvc.proof.vc_jwt import SigningKey
from openvc.status.issue import build_status_list_entry, build_token_status_reference

from ledger.achievement import Template
from ledger.canonical import canonical_json
from ledger.claim import AwardClaim
from ledger.detail import Details
from ledger.error import RuleError
from ledger.institution import Institution
from ledger.integrity_proof import add_proof
from ledger.learner_identity import Identity, plain_identities
from ledger.status_allocation import StatusPlace

PURPOSES = ("revocation", "suspension")
"""Status purposes in the order of their lists: list ``2 * block + n`` serves ``PURPOSES[n]``."""
STATUS_TOKENS_PATH: Final = "/status-tokens/"
"""Where the status list token of a block is, by the block's number."""
CENTI = 100
JSON_SUITES: Final[Mapping[str, str]] = {
    "EdDSA": "eddsa-jcs-2022",
    "ES256": "ecdsa-jcs-2019",
    "ES384": "ecdsa-jcs-2019",
}
"""Which cryptosuite over JSON signs with which algorithm; those over RDF are named after them."""


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where a part of an unpacked diploma comes from, as its document says it.

    Attributes:
        unpacking: Aggregate id of the unpacking, which the log has.
        programme: The institution's code of the programme.
        edition: Under which edition it was unpacked.
        title: The programme's title.
        place: Where the status is that it shares with the other parts.
    """

    unpacking: UUID
    programme: str
    edition: int
    title: str
    place: StatusPlace


class StackedUnder(msgspec.Struct, frozen=True, kw_only=True):
    """By which rules an award was stacked, as its documents say it.

    ``rules`` is the SHA-256 of the rule text in hexadecimal; ``components`` are the public ids of what it was made of,
    and empty unless the holder wanted them in the document.
    """

    institution: str
    code: str
    version: int
    rules: str
    components: tuple[str, ...] = ()


class Award(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the documents of one award are made of.

    ``identities`` say who the learner is as documents say it: the same in each of them, salts included. ``stacked`` is
    there when the award was stacked, and says by which rules.
    """

    public_id: str
    aggregate_id: UUID
    institution: Institution
    achievement_code: str
    edition: int
    template: Template
    claim: AwardClaim
    key_id: str
    place: StatusPlace
    recorded_at: datetime
    details: Details | None = None
    identities: tuple[Identity, ...] = ()
    origin: Origin | None = None
    stacked: StackedUnder | None = None

    def identity(self, kind: str) -> Identity | None:
        """What documents say of the learner as *kind* (``name``, ``emailAddress``), or None."""
        known = self.identities or plain_identities(self.claim.learner)
        return next((identity for identity in known if identity.kind == kind), None)

    @property
    def learner(self) -> tuple[Identity, ...]:
        """Who the learner is, as documents say it."""
        return self.identities or plain_identities(self.claim.learner)

    def url(self, base_url: str) -> str:
        """The credential's id: the address at which it is verified."""
        return f"{base_url}/verify/{self.public_id}"

    def achievement_url(self, base_url: str) -> str:
        """The address of the edition that was awarded."""
        slug = self.institution.slug
        return f"{base_url}/institutions/{slug}/achievements/{self.achievement_code}/{self.edition}"


def institution_did(host: str, slug: str) -> str:
    """The did:web identifier of an institution on *host* (``example.edu`` or ``localhost:8000``).

    Source: did:web Method Specification, a port's colon is percent-encoded, path segments are joined by colons.
    """
    return f"did:web:{host.replace(':', '%3A')}:institutions:{slug}"


def sign_document(document: dict[str, Any], key: SigningKey, created: datetime) -> dict[str, Any]:
    """Sign *document* as the key's own verification method (its ``kid``), with the suite over JSON for its kind.

    Raises:
        RuleError: No suite takes keys of this kind (RSA).
    """
    suite = JSON_SUITES.get(key.alg)
    if suite is None:
        message = f"no Data Integrity suite takes a key for {key.alg}; awards are signed with Ed25519, P-256 or P-384"
        raise RuleError(message)
    return add_proof(document, key, created, cryptosuite=suite)


def document_form(signed: dict[str, Any]) -> bytes:
    """The form of a signed JSON document that is committed to: its RFC 8785 bytes, proof included."""
    return canonical_json(signed)


def instant_text(instant: datetime) -> str:
    """*instant* as RFC 3339 in UTC, exactly as events carry it."""
    return msgspec.to_builtins(instant)  # type: ignore[no-any-return]  # a datetime becomes a str


def credits_number(centi: int) -> int | float:
    """Credits as JSON writes them: 250 hundredths are 2.5, 300 are 3."""
    return centi // CENTI if centi % CENTI == 0 else centi / CENTI


def status_entries(place: StatusPlace, base_url: str) -> list[dict[str, Any]]:
    """The ``credentialStatus`` entries of a place, one for each of :data:`PURPOSES`."""
    entries = []
    for offset, purpose in enumerate(PURPOSES):
        url = f"{base_url}/status-lists/{2 * place.block + offset}"
        entries.append(
            build_status_list_entry(
                status_list_credential=url, index=place.index, status_purpose=purpose, id=f"{url}#{place.index}"
            )
        )
    return entries


def token_status(place: StatusPlace, base_url: str) -> dict[str, Any]:
    """The claim ``status`` of a place, for tokens: one reference for both of :data:`PURPOSES`."""
    uri = f"{base_url}{STATUS_TOKENS_PATH}{place.block}"
    claim: dict[str, Any] = build_token_status_reference(uri=uri, index=place.index)["status"]
    return claim


def present(members: dict[str, Any]) -> dict[str, Any]:
    """*members* without those that are None or an empty list: what is not said is left out."""
    return {name: value for name, value in members.items() if value is not None and value != []}
