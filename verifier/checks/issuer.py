"""Group `issuer`: who stands behind it, was the key theirs when it was used, were they entitled to?

Everything comes from the directory record under the log's state commitment, and the instants from
the log; nothing from the document.

A compromised key: whoever stole it can sign anything with any date, so a date in an event is worth
nothing after the theft. What counts is an outside word, by a witness or a time-stamping authority
of the policy, that the entry existed before `compromised_at`. The operator's own cosigner does not
count here.

Source: W3C Controlled Identifiers 1.0, revocation semantics; docs/spec/evidence.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from anchoring.error import ProofError
from anchoring.state import StateCommitment
from anchoring.tree import leaf_hash, verify_inclusion
from verifier.directory import Accreditation, Key, Limits, Record, parse_record
from verifier.entitlement import Fit, Subject, fit, subject_of
from verifier.error import InputError
from verifier.evidence import Evidence
from verifier.report import Check, failed, not_judged, passed, skipped, unknown
from verifier.timeline import Signing, Timeline
from verifier.wire import format_instant

KNOWN: Final = "issuer.known"
KEY: Final = "issuer.key"
COMPROMISE: Final = "issuer.compromise"
ACCREDITATION: Final = "issuer.accreditation"
_PLACE: Final = "evidence/directory"
_ENTITLED_BY: Final = ("evidence/directory", "evidence/entries")


def judge_record(
    evidence: Evidence, state: StateCommitment | None, timeline: Timeline | None
) -> tuple[Check, Record | None]:
    """Step 10a: is the record in the directory, and of the institution that issued?"""
    if state is None or timeline is None:
        return not_judged(KNOWN, "log.state" if state is None else "status.history"), None
    proved = evidence.directory
    try:
        verify_inclusion(
            leaf=leaf_hash(proved.record),
            index=proved.leaf,
            size=state.directory_size,
            proof=proved.proof,
            root=state.directory_root,
        )
        record = parse_record(proved.record)
    except (ProofError, InputError) as error:
        return failed(KNOWN, "issuer_not_proved", detail=str(error), looked_at=_PLACE), None
    if record.number != proved.leaf or record.institution != timeline.issued.institution:
        detail = f"record {record.number} of {record.institution}"
        return failed(KNOWN, "issuer_other", detail=detail, looked_at=_PLACE), None
    detail = f"{record.did}, number {record.number} of {state.directory_size}"
    return passed(KNOWN, "issuer_proved", issuer=record.name, detail=detail, looked_at=_PLACE), record


def judge_key(record: Record | None, signing: Signing | None) -> tuple[Check, Key | None]:
    """Step 10b: was the signing key the issuer's, and in use, when the signature was recorded?

    Returns:
        The check, and the key if it is one of the issuer's, in use or not.
    """
    if record is None or signing is None:
        return not_judged(KEY, KNOWN), None
    key = record.key(signing.key_id)
    if key is None:
        return failed(KEY, "key_unknown", detail=signing.key_id, looked_at=_PLACE), None
    used = signing.recorded_at
    detail = f"{key.key_id}, from {format_instant(key.valid_from)}; used {format_instant(used)}"
    if used < key.valid_from:
        return failed(KEY, "key_not_yet_valid", detail=detail, looked_at=_PLACE), key
    # A key may still be used at the very instant of its retirement; from the instant of a revocation on it may not.
    if key.revoked_at is not None and used >= key.revoked_at:
        return failed(KEY, "key_revoked", date=key.revoked_at, detail=detail, looked_at=_PLACE), key
    if key.retired_at is not None and used > key.retired_at:
        return failed(KEY, "key_retired", date=key.retired_at, detail=detail, looked_at=_PLACE), key
    return passed(KEY, "key_valid", detail=detail, looked_at=_PLACE), key


def judge_compromise(key: Key | None, outside: Iterable[datetime] | None, anew: datetime | None = None) -> Check:
    """Step 10c: if the key was stolen, does an outside word show that the record is older?

    Args:
        key: The key that signed.
        outside: When trusted third parties saw the entry in the log; None if not judged.
        anew: When the issuer signed the award again later; None if it did not.
    """
    if key is None or outside is None:
        return not_judged(COMPROMISE, KEY if key is None else "log.entries")
    place = ("evidence/directory", "evidence/anchors", "evidence/checkpoint")
    if key.compromised_at is None:
        return passed(COMPROMISE, "key_safe", looked_at=place)
    earliest = min(outside, default=None)
    seen = "never" if earliest is None else format_instant(earliest)
    detail = f"compromised {format_instant(key.compromised_at)}; seen by a trusted party {seen}"
    if earliest is not None and earliest < key.compromised_at:
        return passed(COMPROMISE, "compromised_later", detail=detail, looked_at=place)
    if anew is not None:
        return unknown(COMPROMISE, "signed_anew", date=anew, detail=detail, looked_at=place)
    return unknown(COMPROMISE, "key_compromised", detail=detail, looked_at=place)


def judge_accreditation(record: Record | None, timeline: Timeline | None) -> Check:
    """Step 10d: was the issuer entitled to award this on the day of the award, and when it was recorded?

    An issuer that never had an accreditation (an employer, say) may issue all the same: then nothing is said about one.
    One that had, and has it no more, may not; nor may one whose accreditations do not extend to the award. A document
    that is no award has neither level nor field nor kind: of that, only the days are judged.
    """
    if record is None or timeline is None:
        return not_judged(ACCREDITATION, KNOWN)
    if not record.accreditations:
        return skipped(ACCREDITATION, "no_accreditation", looked_at=_PLACE)
    subject = None if timeline.edition is None else subject_of(timeline.edition, record)
    awarded, recorded = timeline.issued.valid_from, timeline.issued.recorded_at
    detail = f"awarded {format_instant(awarded)}, recorded {format_instant(recorded)}"
    then = [one for one in record.accreditations if _covers(one, awarded)]
    if not then:
        return failed(ACCREDITATION, "not_accredited", detail=detail, looked_at=_PLACE)
    entitling = [one for one in then if _fit(one, subject).is_within]
    if not entitling:
        return _not_entitled([_fit(one, subject) for one in then], detail)
    still = [one for one in record.accreditations if _covers(one, recorded) and _fit(one, subject).is_within]
    if not still:
        return unknown(ACCREDITATION, "recorded_unaccredited", detail=detail, looked_at=_ENTITLED_BY)
    first = entitling[0]
    case = "entitled" if isinstance(first.limits, Limits) and subject is not None else "accredited"
    return passed(ACCREDITATION, case, by=first.by, detail=f"{first.scope}; {detail}", looked_at=_ENTITLED_BY)


def _not_entitled(fits: list[Fit], detail: str) -> Check:
    """Say that no accreditation of the day extends to the award, or that there is no telling."""
    unstated = [one for one in fits if not one.outside]
    if unstated:
        detail = f"{'; '.join(unstated[0].unstated)}; {detail}"
        return unknown(ACCREDITATION, "entitlement_unstated", detail=detail, looked_at=_ENTITLED_BY)
    detail = f"{'; '.join(fits[0].outside)}; {detail}"
    return failed(ACCREDITATION, "not_entitled", detail=detail, looked_at=_ENTITLED_BY)


def _fit(accreditation: Accreditation, subject: Subject | None) -> Fit:
    limits = accreditation.limits
    return fit(limits if isinstance(limits, Limits) else None, subject)


def _covers(accreditation: Accreditation, instant: datetime) -> bool:
    """The end is the last instant of an accreditation; the instant of its withdrawal is the first one without."""
    begun = accreditation.valid_from <= instant
    lasting = accreditation.valid_until is None or instant <= accreditation.valid_until
    return begun and lasting and (accreditation.withdrawn_at is None or instant < accreditation.withdrawn_at)
