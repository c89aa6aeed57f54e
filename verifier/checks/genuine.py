"""Group `genuine`: is this document, bit for bit, what the issuer signed and the ledger recorded?

The signature is checked with the key of the proved directory record that the logged issue names;
the document has no say in which key that is. Then the document's own words are held against the
logged event one by one: good signature or not, each disagreement is `failed`.

Source: W3C Data Integrity EdDSA Cryptosuites v1.0 (eddsa-jcs-2022); docs/spec/bundle.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from typing import Final
from uuid import UUID

from rfc8785 import CanonicalizationError

from verifier.commitment import DOCUMENT_KIND, commitment, document_form
from verifier.directory import Key, Record
from verifier.document import Document, StatusEntry, read_document
from verifier.error import FormatError, VerifierError
from verifier.event import Attested, Edition, PublishedInDetail, RevisedInDetail
from verifier.integrity.proof import require_proof
from verifier.public_key import PublicKey
from verifier.report import Check, failed, not_judged, passed, skipped, unknown
from verifier.strict_json import Json
from verifier.timeline import Signing, Timeline
from verifier.wire import format_instant

FORM: Final = "genuine.form"
SIGNATURE: Final = "genuine.signature"
RECORDED: Final = "genuine.recorded"
SIGNER: Final = "genuine.signer"
ID: Final = "genuine.id"
DATES: Final = "genuine.dates"
STATUS_ENTRY: Final = "genuine.status_entry"
ACHIEVEMENT: Final = "genuine.achievement"
ORIGIN: Final = "genuine.origin"

PURPOSES: Final = ("revocation", "suspension")
"""Status list 2 * block + n serves PURPOSES[n]."""
PART_TERM: Final = "urn:cairn:vocabulary:partOf"
"""Member of a part of an unpacked diploma: a JSON literal that says where it comes from."""
_CENTI: Final = 100


def judge_form(members: dict[str, Json]) -> tuple[Check, Document | None]:
    """Step 11a: is it a document of this ledger's kind at all?"""
    try:
        document = read_document(members)
    except FormatError as error:
        return failed(FORM, "document_malformed", detail=str(error), looked_at="document"), None
    return passed(FORM, "document_formed", detail=document.id, looked_at="document"), document


def judge_signature(document: Document | None, key: Key | None) -> tuple[Check, bool | None]:
    """Step 11b: is the signature by the key that the directory holds for this issue?

    Returns:
        The check, and whether the signature is good (None if it could not be judged).
    """
    if document is None or key is None:
        return not_judged(SIGNATURE, FORM if document is None else "issuer.key"), None
    place = ("document/proof", "evidence/directory")
    try:
        verify_signature(document.members, key.multibase)
    except VerifierError as error:
        return failed(SIGNATURE, "signature_wrong", detail=str(error), looked_at=place), False
    return passed(SIGNATURE, "signature_good", detail=key.multibase, looked_at=place), True


def verify_signature(members: dict[str, Json], multibase: str) -> None:
    """Check the proofs of a document with a key in Multikey spelling.

    Raises:
        KeyRefusedError: The key's bytes are no key.
        ProofError: A proof does not verify, or is of a suite that the key is not for.

    Not checked: dates (the group `dates` judges the logged ones), who holds the key.
    """
    require_proof(members, PublicKey.from_multibase(multibase))


def judge_recorded(
    document: Document | None,
    salt: bytes | None,
    signing: Signing | None,
    owner: UUID,
    *,
    signature_good: bool | None,
) -> Check:
    """Step 11c: does the salt open the logged commitment to this very document?"""
    place = ("document", "bundle/salt", "evidence/entries")
    if document is None or signing is None:
        return not_judged(RECORDED, FORM if document is None else "status.history")
    if salt is None:
        return unknown(RECORDED, "salt_missing", looked_at=place)
    logged = signing.commitments.get(DOCUMENT_KIND)
    try:
        opened = open_commitment(document.members, salt, owner)
    except CanonicalizationError as error:
        return failed(RECORDED, "document_altered", detail=str(error), looked_at=place)
    if opened == logged:
        return passed(RECORDED, "recorded", detail=opened, looked_at=place)
    case = "signed_outside" if signature_good else "document_altered"
    detail = f"commitment {opened}, recorded {logged}; another salt gives another commitment, too"
    return failed(RECORDED, case, detail=detail, looked_at=place)


def open_commitment(members: dict[str, Json], salt: bytes, owner: UUID) -> str:
    """Return the commitment that a document and a salt open, lower-case hex.

    Raises:
        CanonicalizationError: The document has no canonical form.
    """
    return commitment(owner, DOCUMENT_KIND, document_form(members), salt)


def judge_signer(document: Document | None, record: Record | None, signing: Signing | None) -> Check:
    """Step 11d: does the document name the issuer and key that the ledger names?"""
    if document is None or record is None or signing is None:
        return not_judged(SIGNER, FORM if document is None else "issuer.known")
    told = (document.issuer, document.proof.verification_method)
    due = (record.did, f"{record.did}#{signing.key_id}")
    place = ("document/issuer/id", "document/proof/verificationMethod")
    return _compare(SIGNER, "signer_agrees", "signer_differs", [("signer", told, due)], place)


def judge_id(document: Document | None, public_id: str) -> Check:
    """Step 11e: is it the credential that the evidence is about?"""
    if document is None:
        return not_judged(ID, FORM)
    pairs = [("id", document.id, f"{document.base}/verify/{public_id}")]
    if not document.base.startswith(("https://", "http://")):
        pairs.append(("base", document.base, "https://..."))
    return _compare(ID, "id_agrees", "id_differs", pairs, ("document/id", "evidence/credential"))


def judge_document_dates(document: Document | None, timeline: Timeline | None) -> Check:
    """Step 11f: are the document's dates the logged ones?"""
    if document is None or timeline is None:
        return not_judged(DATES, FORM if document is None else "status.history")
    issued = timeline.issued
    pairs = [
        ("validFrom", document.valid_from, issued.valid_from),
        ("validUntil", document.valid_until, issued.valid_until),
    ]
    place = ("document/validFrom", "document/validUntil", "evidence/entries/0")
    return _compare(DATES, "dates_agree", "dates_differ", pairs, place)


def judge_status_entries(document: Document | None, timeline: Timeline | None) -> Check:
    """Step 11g: does the document point to its own place in the status lists?"""
    if document is None or timeline is None:
        return not_judged(STATUS_ENTRY, FORM if document is None else "status.history")
    issued = timeline.issued
    indexes = [issued.status_index]
    if timeline.origin is not None:  # its second place is the one that it shares with the other parts
        indexes.append(timeline.origin.made.status_index)
    entries = [
        _status_entry(document.base, issued.status_block, index, purpose) for index in indexes for purpose in PURPOSES
    ]
    due, told = (tuple(sorted(one, key=_entry_order)) for one in (entries, document.status))
    place = ("document/credentialStatus", "evidence/entries/0")
    pairs = [("credentialStatus", told, due)]
    return _compare(STATUS_ENTRY, "status_entry_agrees", "status_entry_differs", pairs, place)


def judge_achievement(document: Document | None, timeline: Timeline | None) -> Check:
    """Step 11h: is it awarded for an edition its issuer published, and described as published?

    Without a document, the edition alone is held against the logged issue.
    """
    if timeline is None:
        return not_judged(ACHIEVEMENT, "status.history")
    issued, edition, entry = timeline.issued, timeline.edition, timeline.edition_entry
    if edition is None or entry is None or isinstance(issued, Attested):
        return skipped(ACHIEVEMENT, "no_achievement", looked_at=("evidence/entries/0",))
    pairs: list[tuple[str, object, object]] = [
        ("achievement", entry.originator, issued.achievement),
        ("edition", edition.edition, issued.edition),
        ("version", entry.version, issued.edition),
        ("institution", edition.institution, issued.institution),
    ]
    if document is not None:
        pairs += _described(document, edition)
    place = ("evidence/entries", "document/credentialSubject/achievement")
    title = edition.template.title
    agrees, differs = "achievement_agrees", "achievement_differs"
    return _compare(ACHIEVEMENT, agrees, differs, pairs, place, title=title)


def judge_origin(document: Document | None, timeline: Timeline) -> Check:
    """Step 11i: is a part of an unpacked diploma a module of the programme, and says so?"""
    origin, edition = timeline.origin, timeline.edition
    if origin is None or edition is None:
        return not_judged(ORIGIN, "status.history")
    programme, entry, made = origin.programme, origin.programme_entry, origin.made
    module = next((one for one in programme.curriculum.modules if one.achievement == edition.code), None)
    pairs: list[tuple[str, object, object]] = [
        ("programme", entry.originator, made.programme),
        ("edition", programme.edition, made.edition),
        ("version", entry.version, made.edition),
        ("institution", programme.institution, made.institution),
        ("module", None if module is None else module.edition, edition.edition),
        ("credits", None if module is None else module.credits_centi, origin.credits_centi),
        ("template/credits", edition.template.credits_centi, origin.credits_centi),
    ]
    if document is not None:
        told = _part_of(document)
        tail = f"/{programme.code}/{programme.edition}"
        address = str(told.get("programme"))
        is_here = address.startswith(f"{document.base}/v1/programmes/") and address.endswith(tail)
        pairs += [
            ("partOf/unpacking", told.get("unpacking"), str(origin.unpacking)),
            ("partOf/programme", is_here, True),
            ("partOf/title", told.get("title"), programme.curriculum.title),
        ]
    place = ("evidence/part", "evidence/entries", f"document/{PART_TERM}")
    return _compare(ORIGIN, "origin_agrees", "origin_differs", pairs, place, title=programme.curriculum.title)


def says_part(members: dict[str, Json]) -> bool:
    """Tell whether a document says that it is a part of an unpacked diploma."""
    return PART_TERM in members


def _part_of(document: Document) -> dict[str, Json]:
    literal = document.members.get(PART_TERM)
    told = literal.get("@value") if isinstance(literal, dict) else None
    return told if isinstance(told, dict) else {}


def _described(document: Document, edition: Edition) -> list[tuple[str, object, object]]:
    """Pair what the document says of the achievement with what its issuer published."""
    told, template = document.subject.achievement, edition.template
    credits_due = template.credits_centi
    tail = f"/achievements/{edition.code}/{edition.edition}"
    pairs: list[tuple[str, object, object]] = [
        ("achievement/id", told.id.startswith(document.base) and told.id.endswith(tail), True),
        ("achievement/name", told.name, template.title),
        ("achievement/description", told.description, template.description),
        ("achievement/criteria", told.criteria.narrative, template.criteria),
        ("achievement/version", told.version, str(edition.edition)),
        ("achievement/inLanguage", told.in_language, template.language),
        ("achievement/creditsAvailable", _centi(told.credits_available), credits_due),
        ("creditsEarned", _centi(document.subject.credits_earned), credits_due),
    ]
    return pairs + _detailed(document, edition)


def _detailed(document: Document, edition: Edition) -> list[tuple[str, object, object]]:
    """Pair what the document says of the achievement with its edition's details, when those were published."""
    if not isinstance(edition, (PublishedInDetail, RevisedInDetail)):
        return []
    told, details = document.subject.achievement, edition.details
    return [
        ("achievement/achievementType", told.achievement_type, details.get("achievement_type")),
        ("achievement/tag", told.tag, details.get("tags")),
        ("achievement/fieldOfStudy", told.field_of_study, details.get("field_of_study")),
        ("achievement/specialization", told.specialization, details.get("specialization")),
    ]


def _centi(credits_told: float | None) -> Fraction | None:
    """Credits of a document in exact hundredths, to compare with the logged integer."""
    return None if credits_told is None else Fraction(str(credits_told)) * _CENTI


def _entry_order(entry: StatusEntry) -> tuple[str, str, str]:
    return entry.status_purpose, entry.status_list_credential, entry.status_list_index


def _status_entry(base: str, block: int, index: int, purpose: str) -> StatusEntry:
    number = 2 * block + PURPOSES.index(purpose)
    url = f"{base}/status-lists/{number}"
    return StatusEntry(
        id=f"{url}#{index}",
        type="BitstringStatusListEntry",
        status_purpose=purpose,
        status_list_index=str(index),
        status_list_credential=url,
    )


def _compare(
    code: str,
    agrees: str,
    differs: str,
    pairs: Sequence[tuple[str, object, object]],
    place: tuple[str, ...],
    *,
    title: str = "",
) -> Check:
    """Fail on the first pair (name, told, due) that is not equal."""
    for name, told, due in pairs:
        if told != due:
            detail = f"{name}: the document says {_show(told)}, the ledger {_show(due)}"
            return failed(code, differs, detail=detail, looked_at=place)
    return passed(code, agrees, title=title, looked_at=place)


def _show(value: object) -> str:
    return format_instant(value) if isinstance(value, datetime) else str(value)
