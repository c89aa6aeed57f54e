"""Signs credentials that others have made, for the institutions of this ledger, and logs them before they leave.

The issuer that a credential names has to be an institution of this ledger, and the caller has to act for it. The ledger
adds an id where there is none, the entries that say where the status will be, and the proof; nothing else is changed.

Source: VC-API 1.0, section 3.2.1; W3C VC Data Integrity EdDSA and ECDSA Cryptosuites 1.0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

import msgspec
from openvc.proof.vc_jwt import SigningKey

from api.document_work import DocumentWork
from api.error import RefusedDocumentError
from api.status_list import SUITES, canonicalise
from api.vc_api.judging import resource_at_hand, term_problems
from api.vc_api.request import IssueRequest
from ledger.access import Actor
from ledger.application import Outcome, Request
from ledger.canonical import canonical_json
from ledger.institution import Institution, SigningKeyRecord
from ledger.integrity_proof import ALGORITHMS, add_proof
from verifier.data_model import V1_CONTEXT, V2_CONTEXT, DataProblem, credential_problems, issuer_of
from verifier.data_model.problem import CRYPTOGRAPHIC_SECURITY, MALFORMED_VALUE
from verifier.data_model.value import Seconds, seconds_of
from verifier.error import JsonLdError
from verifier.jsonld.agreement import require_agreement
from verifier.jsonld.context import context_document
from verifier.public_key import PublicKey

DATA_INTEGRITY_CONTEXT: Final = "https://w3id.org/security/data-integrity/v2"
STATUS_TERM: Final = "BitstringStatusListEntry"
OVER_JSON: Final = {"eddsa-rdfc-2022": "eddsa-jcs-2022", "ecdsa-rdfc-2019": "ecdsa-jcs-2019"}
JCS_FORM: Final = "vc+jcs"
RDFC_FORM: Final = "vc+rdfc"
VERIFY_PATH: Final = "/verify/"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


class Attestable(Protocol):
    """What a signed document is made of; :class:`ledger.attesting.Attestable` is it."""

    @property
    def public_id(self) -> str:
        """Public id of the credential."""

    @property
    def key(self) -> SigningKey:
        """Ready to sign."""

    @property
    def entries(self) -> list[dict[str, Any]]:
        """Where the status will be."""

    @property
    def now(self) -> datetime:
        """The instant of recording."""


class KeptDocument(Protocol):
    """What the vault keeps of a signed document; :class:`ledger.attesting.AttestedDocument` is it."""

    @property
    def forms(self) -> dict[str, bytes]:
        """Signed forms by their kinds."""


class Attests(Protocol):
    """Records that something is signed before it leaves; :class:`ledger.attesting.Attesting` does.

    Durability: when :meth:`attest` returns, event, document and status place are on the disk. Concurrency: safe from
    any thread. Retries: *make* may be called more than once; what the last call made is what counts.
    """

    def attest(
        self,
        *,
        slug: str,
        make: Callable[[Any], Mapping[str, bytes]],
        actor: Actor,
        name: str | None = None,
        key_id: str | None = None,
        valid_from: datetime | None = None,
        valid_until: datetime | None = None,
        request: Request | None = None,
    ) -> Outcome:
        """Sign a document; the answer is its public id."""

    def document(self, public_id: str) -> KeptDocument:
        """What is kept of a document."""


class Issuing:
    """Signs credentials.

    Args:
        attests: Records what is signed.
        work: Does what a stranger's document may make costly.
        institution: Looks up an institution of this ledger by its DID; None if there is none.
        base_url: Address of this ledger.
        now: Present instant.
    """

    def __init__(
        self,
        attests: Attests,
        work: DocumentWork,
        institution: Callable[[str], Institution | None],
        base_url: str,
        now: Callable[[], datetime],
    ) -> None:
        self._attests = attests
        self._work = work
        self._institution = institution
        self._base_url = base_url
        self._now = now

    def issue(self, asked: IssueRequest, actor: Actor, request: Request | None) -> tuple[dict[str, Any], int]:
        """Sign the credential that is asked for; the signed one, and the position of its event.

        Raises:
            RefusedDocumentError: The credential is not as its data model demands, its issuer is none of ours, or has no
                key for the suite.
            ForbiddenError: The caller acts for another institution.
        """
        credential = self._prepared(asked.credential)
        institution = self._issuer(credential)
        actor.require_institution(institution.id)
        key, suite = _key_for(institution, asked.cryptosuite)
        suite = _covering(credential, suite)
        form = JCS_FORM if "jcs" in suite else RDFC_FORM
        begin, end = _period(credential, self._now())
        outcome = self._attests.attest(
            slug=institution.slug,
            make=lambda about: {form: canonical_json(self._signed(credential, about, suite, asked.purposes))},
            actor=actor,
            name=asked.name or credential.get("id"),
            key_id=key.key_id,
            valid_from=begin,
            valid_until=end,
            request=request,
        )
        # What is kept is answered, so that a repetition gets the very document of the first time.
        kept = self._attests.document(str(outcome.answer))
        return msgspec.json.decode(kept.forms[form]), outcome.position

    def _prepared(self, sent: dict[str, Any]) -> dict[str, Any]:
        credential = dict(sent)
        contexts = credential.get("@context")
        if isinstance(contexts, list) and contexts[:1] == [V1_CONTEXT]:
            credential = _first_edition(credential, contexts, self._now())
        problems = credential_problems(credential, resource_at_hand) or term_problems(self._work, credential)
        if problems:
            raise RefusedDocumentError.of(*(problem.to_json() for problem in problems))
        return credential

    def _issuer(self, credential: dict[str, Any]) -> Institution:
        institution = self._institution(issuer_of(credential) or "")
        if institution is None:
            detail = "the issuer is no institution of this ledger, which signs for nobody else"
            raise RefusedDocumentError.of(DataProblem(CRYPTOGRAPHIC_SECURITY, detail, "/credential/issuer").to_json())
        return institution

    def _signed(
        self, credential: dict[str, Any], about: Attestable, suite: str, purposes: tuple[str, ...]
    ) -> dict[str, Any]:
        named = {"id": f"{self._base_url}{VERIFY_PATH}{about.public_id}"} if "id" not in credential else {}
        given = credential.get("credentialStatus", [])
        own = [entry for entry in about.entries if entry["statusPurpose"] in purposes]
        entries = [*(given if isinstance(given, list) else [given]), *own]
        # Some clients read one entry as an object alone.
        status = entries[0] if len(entries) == 1 else entries
        document = {"@context": credential["@context"], **named, **credential, "credentialStatus": status}
        return add_proof(document, about.key, about.now, cryptosuite=suite, canonicalise=canonicalise)


def _first_edition(credential: dict[str, Any], contexts: list[Any], now: datetime) -> dict[str, Any]:
    """Add to a credential of the VC Data Model 1.1 what its context lacks, and the day of issue if it has none."""
    # The older context has no terms of status entries; they come with the definition that the base context gives them.
    status = {STATUS_TERM: context_document(V2_CONTEXT)["@context"][STATUS_TERM]}
    needed = [one for one in (DATA_INTEGRITY_CONTEXT, status) if one not in contexts]
    dated = {} if "issuanceDate" in credential else {"issuanceDate": now.isoformat(timespec="seconds")[:19] + "Z"}
    return {**credential, "@context": [*contexts, *needed], **dated}


def _key_for(institution: Institution, suite: str | None) -> tuple[SigningKeyRecord, str]:
    """Choose the institution's key in force for *suite*, or the suite for the key that its awards are signed with."""
    usable = [(key, PublicKey.from_multibase(key.multibase).alg) for key in reversed(institution.keys) if key.usable]
    if suite is None:
        active = institution.active_key
        for key, alg in usable:
            if active is not None and key.key_id == active.key_id and alg in SUITES:
                return key, SUITES[alg]
    else:
        for key, alg in usable:
            if alg in ALGORITHMS[suite]:
                return key, suite
    detail = "the issuer has no key in force for this cryptosuite"
    raise RefusedDocumentError.of(DataProblem(MALFORMED_VALUE, detail, "/options/cryptosuite").to_json())


def _covering(credential: dict[str, Any], suite: str) -> str:
    """Return *suite*, or its sibling over JSON if a signature over RDF would not cover all that the JSON says.

    RDF has no base direction of a text, for one. A credential is never signed in a way that its own verifier refuses.
    """
    if suite not in OVER_JSON:
        return suite
    options = {"@context": credential["@context"], "type": "DataIntegrityProof", "cryptosuite": suite}
    try:
        require_agreement(credential, options)
    except JsonLdError:
        return OVER_JSON[suite]
    return suite


def _period(credential: dict[str, Any], now: datetime) -> tuple[datetime, datetime | None]:
    """Return from when to when the log is to say that the credential holds.

    The log knows instants in whole milliseconds and until the year 9999, begins no later than now, and ends after it
    begins; the document itself says what it says.
    """
    begin = _instant(credential, "validFrom", "issuanceDate") or now
    end = _instant(credential, "validUntil", "expirationDate")
    begin = min(begin, now)
    return (end - _MILLISECOND if end is not None and end <= begin else begin), end


def _instant(credential: dict[str, Any], *names: str) -> datetime | None:
    for name in names:
        value = credential.get(name)
        seconds = seconds_of(value, needs_zone=False) if isinstance(value, str) else None
        if seconds is not None:
            return _at(seconds)
    return None


def _at(seconds: Seconds) -> datetime | None:
    try:
        return max(_EPOCH + timedelta(milliseconds=int(seconds * 1000)), datetime(1000, 1, 1, tzinfo=UTC))
    except OverflowError:
        return None
