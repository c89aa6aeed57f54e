"""Verification: from a file, a trust policy and an instant to a report.

Nothing here reaches for a network, a database or a clock. The plan, in the order of the code:

    log      1. The checkpoint is signed by a log key of the policy (else nothing below is judged);
                if that key is retired, an outside word about this checkpoint is older.
             2. Every entry of the file is in that log.
             3. The state commitment is the log's last entry, so that no later one exists.
             4. Cosignatures by known keys are good; the policy's quorum is met.
             5. Anchors: earlier checkpoints that a third party saw, tied to this one.
             6. Freshness: the instant the evidence speaks of reaches the one asked about.
    status   7. The entries are this credential's whole history, in order.
             8. Its two status bits are under the state commitment.
             9. The history, folded, comes to those bits.
    issuer  10. The issuer's directory record is under the state commitment; the key of the
                signature that is judged was in use; if stolen, an outside word is older than
                the theft; the issuer was accredited.
    genuine 11. The document is what was signed and recorded, and says what was recorded.
                Without a document only the achievement's edition is judged. A part of an
                unpacked diploma is a module of its programme.
    status  12. Not revoked nor replaced at the instant. 13. Not suspended. 14. The successor.
    dates   15. Come into force. 16. Not expired.
    stack   17. Of an award that was stacked from others: its derivation is the one committed to,
                the rules are those that were published, they are met (checked again, without
                any search), the components are as the log has them, and they still hold.
            18. The verdict follows from the checks; the sentence from the one that decided.

A step whose ground is missing is `unknown`, never passed. Codes: docs/spec/report.md.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from anchoring.cosignature import CosignatureVerifier
from verifier.bundle import Bundle, Stack
from verifier.checks import anchor, dates, form, genuine, issuer, log, retirement, signing, stacking, status, time
from verifier.checks.form import Form, recorded_form
from verifier.checks.signing import JudgedSigning
from verifier.checks.time import Asked
from verifier.conclusion import Given, Proved, conclude
from verifier.credential_id import aggregate_id
from verifier.document import Document
from verifier.error import FutureInstantError
from verifier.evidence import Evidence
from verifier.plan import DOCUMENT_CHECKS
from verifier.policy import Policy
from verifier.report import Check, Report, State, skipped
from verifier.strict_json import Json
from verifier.timeline import Signing, Timeline
from verifier.unlogged import LogSearch, judge_unlogged

LIVE_MAX_AGE: Final = timedelta(minutes=10)
"""Oldest evidence that a live answer accepts by default. Source: docs/spec/report.md."""


def verify_evidence(
    evidence: Evidence,
    policy: Policy,
    *,
    now: datetime,
    at: datetime | None = None,
    max_age: timedelta | None = LIVE_MAX_AGE,
) -> Report:
    """Judge what a log says of one credential, without any document.

    Args:
        evidence: See `parse_evidence`.
        policy: Whose word to take.
        now: The present, aware.
        at: Judge as of this effective instant, aware; the default is now, or for an archived
            file its own instant.
        max_age: Oldest evidence that still speaks of now. None judges an archived file: as of
            its own instant, the newest trusted cosignature or the last event it shows, unless
            `at` is given.

    Returns:
        A report; its document checks are skipped.

    Raises:
        FutureInstantError: `at` is later than `now`.
        ValueError: An instant is naive, or max_age is negative.

    Not checked: any document; who the holder is; what the log learned after the evidence.
    """
    return _verify(Given(evidence), policy, asked_about(now, at, max_age))


def verify_bundle(
    bundle: Bundle,
    policy: Policy,
    *,
    now: datetime,
    at: datetime | None = None,
    max_age: timedelta | None = LIVE_MAX_AGE,
    evidence: Evidence | None = None,
    stack: Stack | None = None,
) -> Report:
    """Judge a holder's bundle: the document, and what the log says of it.

    Args:
        bundle: See `parse_bundle`.
        policy: As for `verify_evidence`.
        now: As for `verify_evidence`.
        at: As for `verify_evidence`.
        max_age: As for `verify_evidence`.
        evidence: Newer evidence to use instead of the bundle's own.
        stack: The bundle's stack with newer proofs, under the newer evidence.

    Raises:
        FutureInstantError: `at` is later than `now`.
        ValueError: An instant is naive, or max_age is negative.

    Not checked: that the person who shows it is the person it was issued to.
    """
    asked = asked_about(now, at, max_age)
    chosen = evidence or bundle.evidence
    if chosen is None:
        return judge_unlogged(bundle.document, asked, None)
    shown = recorded_form(bundle.document, bundle.salt, chosen)
    proved_stack = stack if evidence is not None else bundle.stack
    given = Given(chosen, bundle.document, bundle.salt, bundle.successor, shown, proved_stack)
    return _verify(given, policy, asked)


def verify_document(
    document: dict[str, Json],
    policy: Policy,
    *,
    now: datetime,
    at: datetime | None = None,
    max_age: timedelta | None = LIVE_MAX_AGE,
    evidence: Evidence | None = None,
    salt: bytes | None = None,
    absent: LogSearch | None = None,
) -> Report:
    """Judge a bare document.

    Args:
        document: See `parse_document`.
        policy: As for `verify_evidence`.
        now: As for `verify_evidence`.
        at: As for `verify_evidence`.
        max_age: As for `verify_evidence`.
        evidence: What the log says, if the caller has it.
        salt: 32 bytes that open the commitment, if the caller has them.
        absent: For a caller who searched the whole log and found nothing: then a good signature
            means that it was signed outside the ledger.

    Returns:
        Without evidence never `valid`: `unknown`, or `invalid` if it cannot be genuine.

    Raises:
        FutureInstantError: `at` is later than `now`.
        ValueError: An instant is naive, max_age is negative.
    """
    asked = asked_about(now, at, max_age)
    if evidence is None:
        return judge_unlogged(document, asked, absent)
    return _verify(Given(evidence, document, salt), policy, asked)


def verify_form(
    shown: Form,
    policy: Policy,
    *,
    evidence: Evidence,
    now: datetime,
    at: datetime | None = None,
    max_age: timedelta | None = LIVE_MAX_AGE,
    salt: bytes | None = None,
) -> Report:
    """Judge a document of the ledger in another form than its base form: a token, an SD-JWT, a proof over RDF.

    Args:
        shown: See `verifier.checks.form.read_form`.
        policy: As for `verify_evidence`.
        evidence: What the log says.
        now: As for `verify_evidence`.
        at: As for `verify_evidence`.
        max_age: As for `verify_evidence`.
        salt: 32 bytes that open the commitment, if the caller has them.

    Returns:
        The same report as on the base form, over the same plan.

    Raises:
        FutureInstantError: `at` is later than `now`.
        ValueError: An instant is naive, max_age is negative.
    """
    given = Given(evidence, shown.credential.members, salt, form=shown)
    return _verify(given, policy, asked_about(now, at, max_age))


def asked_about(now: datetime, at: datetime | None, max_age: timedelta | None = LIVE_MAX_AGE) -> Asked:
    """Return what is asked; arguments as for `verify_evidence`.

    Raises:
        FutureInstantError: `at` is later than `now`.
        ValueError: An instant is naive, or max_age is negative.
    """
    if now.tzinfo is None or (at is not None and at.tzinfo is None):
        raise ValueError("instants are aware")
    if max_age is not None and max_age < timedelta(0):
        raise ValueError("max_age is negative")
    if at is not None and at > now:
        raise FutureInstantError("the instant asked about has not come yet")
    return Asked(now, at, max_age)


def _verify(given: Given, policy: Policy, asked: Asked) -> Report:
    proved = Proved()
    checks = _judge_log(given.evidence, policy, asked, proved)
    checks += _judge_history(given.evidence, proved)
    components = stacking.prove_components(given.stack, given.evidence, proved.trusted, proved.state, proved.timeline)
    learned = [components.learned_at, None if proved.timeline is None else proved.timeline.learned_at]
    proved.as_of = asked.as_of(proved.instant, max((one for one in learned if one is not None), default=None))
    signed, found = _judge_issuer(given, policy, proved)
    checks += found
    checks += _judge_document(given, proved, signed, asked.now)
    checks += _judge_instant(given, proved)
    # 17. The stack.
    stacked, proved.made_of = stacking.judge_stack(
        given.stack, components, given.evidence, proved.trusted, proved.timeline, proved.as_of
    )
    checks += stacked
    # 18. The verdict.
    return conclude(checks, asked, given, proved)


def _judge_log(evidence: Evidence, policy: Policy, asked: Asked, proved: Proved) -> list[Check]:
    # 1. The checkpoint's log.
    known, trusted = log.judge_checkpoint(evidence, policy)
    known, proved.trusted = retirement.judge_retirement(known, trusted, evidence, policy)
    # 2. The entries.
    entries, proved.entries = log.judge_entries(evidence, proved.trusted)
    # 3. The state commitment.
    last, proved.state = log.judge_state(evidence, proved.trusted)
    # 4. Cosignatures.
    seen, proved.cosigned = time.judge_cosignatures(proved.trusted, proved.state, policy)
    # 5. Anchors.
    operator = None if proved.state is None else CosignatureVerifier(proved.state.cosigner)
    anchors, proved.anchors = anchor.judge_anchors(
        evidence, proved.trusted, policy, operator, entries_proved=proved.entries is not None
    )
    # 6. Freshness.
    fresh, proved.instant = time.judge_freshness(proved.cosigned, policy, asked)
    return [known, entries, last, seen, anchors, fresh]


def _judge_history(evidence: Evidence, proved: Proved) -> list[Check]:
    # 7. The history.
    history, timeline = status.judge_history(evidence, proved.entries)
    # 8. The bits.
    bits, values = status.judge_bits(evidence, proved.state, timeline)
    # 9. The two agree; a history that contradicts the bits is no ground for anything below.
    agreement = status.judge_agreement(timeline, values)
    proved.timeline = timeline if agreement.state is State.PASSED else None
    return [history, bits, agreement]


def _judge_issuer(given: Given, policy: Policy, proved: Proved) -> tuple[JudgedSigning, list[Check]]:
    # 10. The record, the key of the signature that is judged, the compromise rule, the accreditation.
    known, proved.record = issuer.judge_record(given.evidence, proved.state, proved.timeline)
    timeline = proved.timeline

    def outside(one: Signing) -> list[datetime] | None:
        return _outside_times(given.evidence, policy, proved, one)

    if timeline is not None and given.document is not None:
        owner = aggregate_id(given.evidence.credential)
        if given.form is not None:
            chosen = form.choose_signing(timeline, given.form, given.salt, owner)
        else:
            chosen = signing.choose_signing(timeline, given.document, given.salt, owner)
        signed = signing.judge_chosen(chosen, timeline, proved.record, outside)
    else:
        candidates = () if timeline is None else timeline.signings[::-1]
        signed = signing.judge_signing(candidates, proved.record, outside)
    accreditation = issuer.judge_accreditation(proved.record, timeline)
    return signed, [known, *signed.checks, accreditation]


def _outside_times(evidence: Evidence, policy: Policy, proved: Proved, signed: Signing) -> list[datetime] | None:
    """When parties of the policy saw a signature's entry in the log; the operator's word is not among it."""
    if proved.entries is None or proved.cosigned is None or proved.state is None:
        return None
    index = evidence.entries[signed.version - 1].index
    operators = {name for name, key in policy.witnesses if key.vkey == proved.state.cosigner}
    anchored = [one.time for one in proved.anchors.proved if one.size > index]
    return [*anchored, *(time for name, time in proved.cosigned.witnesses.items() if name not in operators)]


def _judge_document(given: Given, proved: Proved, signed: JudgedSigning, now: datetime) -> list[Check]:
    # 11. The document, if there is one, and in any case the achievement's edition.
    timeline = proved.timeline
    if given.document is None:
        places = "document"
        absent = [skipped(code, "no_document", looked_at=places) for code in DOCUMENT_CHECKS]
        return [*absent, genuine.judge_achievement(None, timeline), *_judge_origin(None, timeline)]
    owner = aggregate_id(given.evidence.credential)
    if given.form is not None:
        judged = form.judge_form(
            given.form,
            timeline=timeline,
            record=proved.record,
            signing=signed.signing,
            key=signed.key,
            salt=given.salt,
            public_id=given.evidence.credential,
            owner=owner,
            now=now,
        )
        return [*judged, *_judge_origin(None, timeline)]
    formed, document = genuine.judge_form(given.document)
    signature, good = genuine.judge_signature(document, signed.key)
    return [
        formed,
        signature,
        genuine.judge_recorded(document, given.salt, signed.signing, owner, signature_good=good),
        genuine.judge_signer(document, proved.record, signed.signing),
        genuine.judge_id(document, given.evidence.credential),
        genuine.judge_document_dates(document, timeline),
        genuine.judge_status_entries(document, timeline),
        genuine.judge_achievement(document, timeline),
        *_judge_origin(document, timeline),
    ]


def _judge_origin(document: Document | None, timeline: Timeline | None) -> list[Check]:
    return [] if timeline is None or timeline.origin is None else [genuine.judge_origin(document, timeline)]


def _judge_instant(given: Given, proved: Proved) -> list[Check]:
    timeline, as_of = proved.timeline, proved.as_of
    owner = aggregate_id(given.evidence.credential)
    return [
        status.judge_revocation(timeline, as_of),  # 12.
        status.judge_suspension(timeline, as_of),  # 13.
        status.judge_successor(timeline, given.successor, owner),  # 14.
        dates.judge_valid_from(timeline, as_of),  # 15.
        dates.judge_valid_until(timeline, as_of),  # 16.
    ]
