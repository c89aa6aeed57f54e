"""Group `genuine` for a document of the ledger in another form than the one that every award has.

An award's base form is JSON with one eddsa-jcs-2022 proof. The same award may leave as a token, as an SD-JWT, with a
proof over RDF, in another vocabulary: each signed with a key of the institution and committed to in the log, under a
kind of its own. What is judged is the same: the signature, the record, the signer, and what the document says where
this form says it in the base form's members; where it does not, the ledger's record covers the whole.

The key is the one that the form itself names, out of the proved directory record. It cannot be chosen freely: the log
commits to the bytes that name it.

Source: docs/spec/evidence.md, "Commitments"; docs/spec/report.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from openvc.did.base import multikey_to_jwk
from rfc8785 import CanonicalizationError

from verifier.checks import genuine
from verifier.commitment import DOCUMENT_KIND, commitment, document_form
from verifier.credential_id import aggregate_id
from verifier.directory import Key, Record
from verifier.document import Document, read_document
from verifier.error import FormatError, InputError, KeyRefusedError
from verifier.event import Attested
from verifier.evidence import Evidence
from verifier.foreign.credential import Credential, is_open_badge
from verifier.foreign.sd_jwt import disclosed, is_early
from verifier.foreign.securing import proofs_of
from verifier.foreign.vc_jwt import disagreement
from verifier.integrity.proof import verify_proofs
from verifier.public_key import PublicKey
from verifier.report import Check, State, failed, not_judged, passed, skipped, unknown
from verifier.strict_json import Json
from verifier.timeline import Signing, Timeline

JSON_KINDS: Final = (DOCUMENT_KIND, "vc+rdfc", "elm", "clr")
"""Kinds whose committed bytes are the RFC 8785 form of a JSON document with its proof."""
TOKEN_KINDS: Final = (
    "vc+jwt", "vc+jwt-es256", "vc+jwt-es384", "vc+jwt-rs256", "vc+jwt-holder", "vc+jwt-es256-holder",
)  # fmt: skip
"""Kinds whose committed bytes are the exact compact token."""
DISCLOSURE_KINDS: Final = ("vc+sd-jwt", "vc+sd-jwt-holder")
"""Kinds whose committed bytes are the issuer-signed token alone."""
_PLACE: Final = ("document", "evidence/entries")
_COVERED: Final = (genuine.DATES, genuine.STATUS_ENTRY)


@dataclass(frozen=True, slots=True)
class Form:
    """A document of the ledger as it was shown.

    Attributes:
        credential: As it was read.
        kinds: Under which of these the log may have committed to it.
        data: The bytes committed to.
        method: The verification method that it names.
    """

    credential: Credential
    kinds: tuple[str, ...]
    data: bytes
    method: str

    @property
    def key_id(self) -> str:
        """The fragment of the method: the key's id within its institution."""
        return self.method.partition("#")[2]


def read_form(credential: Credential) -> Form:
    """Take from a credential what the log has committed to.

    Raises:
        FormatError: It has no proof, several, or no canonical form.
    """
    jws = credential.jws
    if jws is not None:
        kinds = DISCLOSURE_KINDS if credential.form == "sd-jwt" else TOKEN_KINDS
        return Form(credential, kinds, jws.compact.encode("ascii"), _method(jws.kid or "", credential.issuer))
    proofs = proofs_of(credential.members)
    try:
        data = document_form(credential.members)
    except CanonicalizationError as error:
        raise FormatError(str(error)) from error
    return Form(credential, JSON_KINDS, data, str(proofs[0].get("verificationMethod", "")))


def _method(kid: str, issuer: str) -> str:
    """Read a token's `kid` as a verification method: a DID URL, a fragment, or the address of a key by its id.

    It only names a key; what the directory has under that name is what has to have signed.
    """
    if kid.startswith("did:"):
        return kid
    if kid.startswith(("https://", "http://")):
        return f"{issuer}#{kid.rpartition('/')[2]}"
    return f"{issuer}#{kid.removeprefix('#')}"


def recorded_form(members: dict[str, Any], salt: bytes, evidence: Evidence) -> Form | None:
    """Read a JSON document as another form than the base form, if that is what the evidence has of it.

    Nothing of the evidence is believed here: it only chooses between two ways of judging, of which neither passes what
    the log does not have.
    """
    if is_base_form(members):
        return None
    try:
        form = read_form(Credential(form="data-integrity", members=members))
        opened = _opened(form, salt, aggregate_id(evidence.credential)).values()
    except FormatError:
        return None
    entries = [proved.entry for proved in evidence.entries]
    return form if any(digest.encode("ascii") in entry for digest in opened for entry in entries) else None


def is_base_form(members: dict[str, Any]) -> bool:
    """Whether a JSON document is an Open Badge with the one proof that every award's own document has."""
    proof = members.get("proof")
    return isinstance(proof, dict) and proof.get("cryptosuite") == "eddsa-jcs-2022" and is_open_badge(members)


def choose_signing(timeline: Timeline, form: Form, salt: bytes | None, owner: UUID) -> Signing:
    """Find the logged signature that a form is judged by, with the key that the form names.

    Returns:
        The one whose commitment the form opens; else the newest, so that what is said is to the point.
    """
    signings = [one for kind in form.kinds for one in timeline.signings_of(kind)[::-1]] or timeline.signings[::-1]
    opened = set() if salt is None else set(_opened(form, salt, owner).values())
    found = next((one for one in signings if not opened.isdisjoint(one.commitments.values())), signings[0])
    return replace(found, key_id=form.key_id)


def judge_form(  # noqa: PLR0913  (each is a part of what was proved, and none belongs to another)
    form: Form,
    *,
    timeline: Timeline | None,
    record: Record | None,
    signing: Signing | None,
    key: Key | None,
    salt: bytes | None,
    public_id: str,
    owner: UUID,
    now: datetime,
) -> list[Check]:
    """Judge every check that needs the document.

    Args:
        form: What was shown.
        timeline: The award's proved history.
        record: The issuer's proved record.
        signing: The logged signature that is judged.
        key: The key of it.
        salt: Opens the commitment.
        public_id: Of the award that the evidence is about.
        owner: Its aggregate id.
        now: The present, aware.
    """
    document = _as_base(form)
    signature = _judge_signature(form, key, now)
    checks = [
        passed(genuine.FORM, "document_formed", detail=form.credential.form, looked_at="document"),
        signature,
        _judge_recorded(form, salt, signing, owner, is_good=signature.state is State.PASSED),
        _judge_signer(form, record, signing),
        _judge_id(form, public_id, timeline),
    ]
    if document is None:
        covered = (*_COVERED, genuine.ACHIEVEMENT)
        return [*checks, *(skipped(code, "form_covered", looked_at="document") for code in covered)]
    return [
        *checks,
        genuine.judge_document_dates(document, timeline),
        genuine.judge_status_entries(document, timeline),
        genuine.judge_achievement(document, timeline),
    ]


def _as_base(form: Form) -> Document | None:
    """Read a form that says all in the base form's members as that; None if it does not."""
    proof: dict[str, Json] = {
        "type": "DataIntegrityProof",
        "cryptosuite": "eddsa-jcs-2022",
        "created": "",
        "verificationMethod": form.method,
        "proofPurpose": "assertionMethod",
        "proofValue": "",
    }
    try:
        return read_document({**form.credential.members, "proof": proof})
    except FormatError:
        return None


class _OneKey:
    """The key of the directory, for the method that the form names and for nothing else."""

    def __init__(self, method: str, key: PublicKey) -> None:
        self._method = method
        self._key = key

    def verification_key(self, method: str, purpose: str) -> PublicKey:
        if method != self._method or purpose != "assertionMethod":
            raise KeyRefusedError("another key than the one that is judged")
        return self._key


def signature_trouble(form: Form, key: Key, now: datetime) -> str | None:
    """Say what is wrong with a form's signature by a key of the directory; None if nothing is.

    Not checked: whether that key was in use, whether the log knows the form.
    """
    try:
        return _wrong(form, PublicKey.from_multibase(key.multibase), now)
    except (InputError, KeyRefusedError, ValueError) as error:
        return str(error) or "malformed"


def _judge_signature(form: Form, key: Key | None, now: datetime) -> Check:
    if key is None:
        return not_judged(genuine.SIGNATURE, "issuer.key")
    place = ("document/proof", "evidence/directory")
    wrong = signature_trouble(form, key, now)
    if wrong is not None:
        return failed(genuine.SIGNATURE, "signature_wrong", detail=wrong, looked_at=place)
    return passed(genuine.SIGNATURE, "signature_good", detail=key.multibase, looked_at=place)


def _wrong(form: Form, key: PublicKey, now: datetime) -> str | None:
    """Say what is wrong with the signature, or with what it covers; None if nothing is."""
    credential, jws = form.credential, form.credential.jws
    if jws is None:
        outcomes = verify_proofs(credential.members, _OneKey(form.method, key), purpose="assertionMethod", now=now)
        bad = next((one for one in outcomes if one.state is not State.PASSED), None)
        return None if bad is None else f"{bad.code} {bad.detail}".strip()
    if not key.verify(jws.signed, jws.signature, jws.alg):
        return f"not by {key.multibase}"
    if credential.form == "vc-jwt":
        return disagreement(credential, jws)
    if not is_early(credential, now):
        disclosed(credential, multikey_to_jwk(key.multibase), now)
    return None


def _opened(form: Form, salt: bytes, owner: UUID) -> dict[str, str]:
    return {kind: commitment(owner, kind, form.data, salt) for kind in form.kinds}


def _judge_recorded(form: Form, salt: bytes | None, signing: Signing | None, owner: UUID, *, is_good: bool) -> Check:
    place = ("document", "bundle/salt", "evidence/entries")
    if signing is None:
        return not_judged(genuine.RECORDED, "status.history")
    if salt is None:
        return unknown(genuine.RECORDED, "salt_missing", looked_at=place)
    opened = _opened(form, salt, owner)
    kind = next((kind for kind, digest in opened.items() if signing.commitments.get(kind) == digest), None)
    if kind is not None:
        return passed(genuine.RECORDED, "recorded", detail=f"{kind} {opened[kind]}", looked_at=place)
    case = "signed_outside" if is_good else "document_altered"
    recorded = ", ".join(sorted(signing.commitments)) or "none"
    return failed(genuine.RECORDED, case, detail=f"no commitment opens; recorded kinds: {recorded}", looked_at=place)


def _judge_signer(form: Form, record: Record | None, signing: Signing | None) -> Check:
    if record is None or signing is None:
        return not_judged(genuine.SIGNER, "issuer.known")
    told, due = (form.credential.issuer, form.method), (record.did, f"{record.did}#{signing.key_id}")
    if told != due:
        detail = f"the document says {told}, the ledger {due}"
        return failed(genuine.SIGNER, "signer_differs", detail=detail, looked_at=_PLACE)
    return passed(genuine.SIGNER, "signer_agrees", looked_at=_PLACE)


def _judge_id(form: Form, public_id: str, timeline: Timeline | None) -> Check:
    """An institution may give a document of its own making another id; the commitment covers that as well."""
    if timeline is not None and isinstance(timeline.issued, Attested):
        return skipped(genuine.ID, "form_covered", looked_at="document/id")
    told = form.credential.id or ""
    if told.rpartition("/verify/")[2] != public_id:
        detail = f"the document says {told}, the ledger {public_id}"
        return failed(genuine.ID, "id_differs", detail=detail, looked_at=_PLACE)
    return passed(genuine.ID, "id_agrees", looked_at=_PLACE)
