"""Documents that come without evidence: never `valid`, and sometimes provably false.

Without evidence there is no key that is known to be the issuer's, so a signature says nothing. A
caller who holds the whole log can say more: if the log has no entry for the credential, a good
signature was made outside the ledger, which is what a stolen key looks like. Until the log is
complete past the document's own signing date and the merge delay, that is `unknown`. The log lists no
parts of unpacked diplomas, so that of a document that says it is one, nothing follows from its absence.

Source: docs/spec/report.md, "A document without evidence".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from verifier.checks import genuine
from verifier.checks.form import Form, signature_trouble
from verifier.checks.time import CLOCK_SKEW, Asked
from verifier.conclusion import deciding, in_order
from verifier.credential_id import TIME_BYTES, parse_public_id
from verifier.directory import parse_record
from verifier.document import PATH, Document
from verifier.error import FormatError, InputError, VerifierError
from verifier.plan import PLAN
from verifier.report import Check, Report, decide, failed, not_judged, passed, unknown
from verifier.strict_json import Json
from verifier.wire import format_instant, parse_instant

MERGE_DELAY: Final = timedelta(seconds=60)
"""How long an acknowledged issue may take to be in the log. Source: C2SP static-ct-api."""
_PLACE: Final = ("document/proof", "search/record")


@dataclass(frozen=True, slots=True)
class LogSearch:
    """The word of a caller who holds the whole log that it has no entry for a credential.

    Attributes:
        record: The issuer's directory record, as the caller has proved it.
        complete_until: Up to this instant every entry was looked at; aware.
    """

    record: bytes
    complete_until: datetime


def judge_unlogged(members: dict[str, Json], asked: Asked, absent: LogSearch | None) -> Report:
    """Judge a document for which there is no evidence."""
    form, document = genuine.judge_form(members)
    found = [form]
    if document is None:
        found.append(not_judged(genuine.RECORDED, genuine.FORM))
    elif absent is None:
        found.append(unknown(genuine.RECORDED, "no_evidence", looked_at="document"))
    else:
        found += _judge_absent(document, absent, asked.now)
    return _concluded(found, _public_id(document), asked)


def judge_unlogged_form(form: Form, asked: Asked, absent: LogSearch | None) -> Report:
    """Judge a document in another form than the base form, for which there is no evidence.

    A token need not say when it was signed; the time in its own id is what counts then.
    """
    public_id = (form.credential.id or "").rpartition(PATH)[2]
    found = [passed(genuine.FORM, "document_formed", detail=form.credential.form, looked_at="document")]
    if absent is None:
        found.append(unknown(genuine.RECORDED, "no_evidence", looked_at="document"))
        return _concluded(found, public_id, asked)
    try:
        raw = parse_public_id(public_id)
        signed_at = datetime.fromtimestamp(int.from_bytes(raw[:TIME_BYTES]) / 1_000, UTC)
        wrong = _signature_trouble(form, absent, asked.now)
    except (InputError, ValueError, OverflowError) as error:
        public_id, signed_at, wrong = "", asked.now, str(error)
    if wrong is not None:
        found.append(failed(genuine.SIGNATURE, "signature_wrong", detail=wrong, looked_at=_PLACE))
        found.append(not_judged(genuine.RECORDED, genuine.SIGNATURE))
    else:
        good = passed(genuine.SIGNATURE, "signature_good", detail=form.method, looked_at=_PLACE)
        found += [good, _judge_search(signed_at, absent, asked.now)]
    return _concluded(found, public_id or None, asked)


def _concluded(found: list[Check], public_id: str | None, asked: Asked) -> Report:
    done = {check.code for check in found}
    checks = [*found, *(not_judged(code, genuine.RECORDED) for code in PLAN if code not in done)]
    verdict = decide(checks, PLAN)
    ground = deciding(verdict, checks) or found[-1]
    return Report(
        verdict=verdict,
        reason=ground.reason,
        sentence=ground.summary,
        credential=public_id,
        as_of=asked.at,
        mode=asked.mode,
        checks=in_order(checks),
    )


def _signature_trouble(form: Form, absent: LogSearch, now: datetime) -> str | None:
    """Say what is wrong with a form's signature, by the keys of the issuer's record; None if nothing is."""
    record = parse_record(absent.record)
    key = next((key for key in record.keys if f"{record.did}#{key.key_id}" == form.method), None)
    if key is None or form.credential.issuer != record.did:
        return f"{form.method} is no key of {record.did}"
    return signature_trouble(form, key, now)


def _judge_absent(document: Document, absent: LogSearch, now: datetime) -> list[Check]:
    """Judge a document that a search of the whole log did not find.

    Whoever stole a key writes any signing date; one that has not come yet buys no time.
    """
    try:
        record = parse_record(absent.record)
        keys = {f"{record.did}#{key.key_id}": key.multibase for key in record.keys}
        multibase = keys.get(document.proof.verification_method, "")
        genuine.verify_signature(document.members, multibase)
        signed_at = parse_instant(document.proof.created)
    except VerifierError as error:
        wrong = failed(genuine.SIGNATURE, "signature_wrong", detail=str(error), looked_at=_PLACE)
        return [wrong, not_judged(genuine.RECORDED, genuine.SIGNATURE)]
    good = passed(genuine.SIGNATURE, "signature_good", detail=multibase, looked_at=_PLACE)
    if genuine.says_part(document.members):
        return [good, unknown(genuine.RECORDED, "part_unopened", looked_at=_PLACE)]
    return [good, _judge_search(signed_at, absent, now)]


def _judge_search(signed_at: datetime, absent: LogSearch, now: datetime) -> Check:
    """Judge a good signature for which the log has no entry: was it searched past the day of signing?"""
    until = absent.complete_until
    detail = f"signed {format_instant(signed_at)}; log searched up to {format_instant(until)}"
    if signed_at > now + CLOCK_SKEW or signed_at + MERGE_DELAY <= until:
        return failed(genuine.RECORDED, "signed_outside", detail=detail, looked_at=_PLACE)
    return unknown(genuine.RECORDED, "not_yet_recorded", detail=detail, looked_at=_PLACE)


def _public_id(document: Document | None) -> str | None:
    """Return the public id that a document claims, if it is one."""
    if document is None:
        return None
    try:
        parse_public_id(document.public_id)
    except FormatError:
        return None
    return document.public_id
