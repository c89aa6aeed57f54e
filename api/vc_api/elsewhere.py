"""What the verifier of credentials from elsewhere says, as the VC-API answers it.

Tokens in envelopes are judged by it as a whole. Of a credential whose proofs have been verified already, it reads the
status lists of other issuers, where this ledger may ask for them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, Protocol
from urllib.parse import unquote

from api.foreign import ForeignVerification
from api.strict_json import JsonValue
from api.vc_api.judgement import Judgement
from api.vc_api.listed_status import ReadForeign, Said, Word
from api.vc_api.request import VerifyRequest
from verifier.data_model import DataProblem, issuer_of
from verifier.data_model.envelope import Envelope, open_envelope
from verifier.data_model.problem import CRYPTOGRAPHIC_SECURITY, PARSING, RANGE, STATUS_RETRIEVAL, STATUS_VERIFICATION
from verifier.error import InputError
from verifier.foreign.disclosure import shown_claims
from verifier.foreign.format import Presented, read_presented
from verifier.foreign.plan import LIST, REVOCATION, SUSPENSION, VALID_FROM, VALID_UNTIL
from verifier.report import Check, Report, State, Verdict
from verifier.verify import asked_about

STATUS_CHECKS: Final = (LIST, REVOCATION, SUSPENSION)
DATE_CHECKS: Final = (VALID_FROM, VALID_UNTIL)


class Verifies(Protocol):
    """Judges whatever is shown; :class:`api.verification.Verification` does."""

    def verify(self, data: bytes, at: datetime | None, media_type: str | None = None) -> Report:
        """Judge what somebody was shown."""


def judge_envelope(
    verifies: Verifies | None, document: JsonValue, asked: VerifyRequest, kind: str, *, is_held: bool = False
) -> Judgement:
    """Judge what is in an envelope whose shape is good.

    Args:
        verifies: Judges tokens; None: nobody does.
        document: What was sent.
        asked: What the caller wants to be answered.
        kind: What has to be in it: `credential` or `presentation`.
        is_held: Whether it is in a presentation, whose own proof answers the challenge. A key binding of its own has to
            answer the same.
    """
    if verifies is None:
        return Judgement((DataProblem(PARSING, "enveloped documents are not verified here"),))
    data = json.dumps(document).encode()
    try:
        shown = read_presented(data)
        if shown.kind != kind or shown.token is None:
            return Judgement((DataProblem(PARSING, f"there is no secured {kind} in the envelope"),))
        report = verifies.verify(data, None)
    except InputError as error:
        return Judgement((DataProblem(PARSING, str(error)),))
    answered = _challenge_problems(shown, asked, is_held=is_held)
    return Judgement(answered) if answered else judgement_of(report, needs_status=asked.needs_status)


def judgement_of(report: Report, *, needs_status: bool) -> Judgement:
    """Say what a report comes to."""
    if report.verdict is Verdict.VALID:
        return Judgement()
    wrong = [
        (check, _problem(check))
        for one in (report, *report.credentials)
        for check in one.checks
        if check.required and check.state in {State.FAILED, State.UNKNOWN} and check.reason != "not_judged"
    ]
    # Nothing but that a list could not be had, and the caller does not want the status checked.
    is_spared = not needs_status and report.verdict is Verdict.UNKNOWN
    if is_spared and wrong and all(check.code == LIST and check.state is State.UNKNOWN for check, _ in wrong):
        return Judgement(warnings=tuple(problem for _, problem in wrong))
    problems = tuple(problem for _, problem in wrong)
    return Judgement(problems or (DataProblem(CRYPTOGRAPHIC_SECURITY, report.sentence.en),))


def read_foreign_lists(foreign: ForeignVerification, now: Callable[[], datetime]) -> ReadForeign:
    """Make what reads the status lists of other issuers."""

    def read(document: dict[str, Any]) -> Said:
        try:
            presented = read_presented(json.dumps(document).encode())
            report = foreign.credential(presented, issuer_of(document) or "", asked_about(now(), None))
        except InputError as error:
            return Said(Word.UNKNOWN, DataProblem(STATUS_RETRIEVAL, str(error), "/credentialStatus"))
        checks = [check for check in report.checks if check.code in STATUS_CHECKS]
        for check in checks:
            if check.state is State.FAILED:
                return Said(Word.SET, _problem(check))
        for check in checks:
            if check.state is not State.PASSED and check.state is not State.SKIPPED:
                return Said(Word.UNKNOWN, _problem(check))
        return Said(Word.CLEAR)

    return read


def _problem(check: Check) -> DataProblem:
    detail = f"{check.summary.en} {check.detail}".strip()
    if check.code in STATUS_CHECKS:
        kind = STATUS_VERIFICATION if check.state is State.FAILED else STATUS_RETRIEVAL
        return DataProblem(kind, detail, "/credentialStatus")
    return DataProblem(RANGE if check.code in DATE_CHECKS else CRYPTOGRAPHIC_SECURITY, detail)


def _challenge_problems(shown: Presented, asked: VerifyRequest, *, is_held: bool) -> tuple[DataProblem, ...]:
    """Hold the claims `nonce` and `aud` against the challenge and the domain that are asked for.

    They are a token's own, or, of an SD-JWT, those of its key binding; whether that is good is in the report. Tokens in
    a presentation need no key binding, but one that was made for somebody else is somebody else's.
    """
    if asked.challenge is None and asked.domain is None:
        return ()
    token = shown.token or ""
    told = shown_claims([token, *held_tokens(shown.value)])
    if "~" not in token:
        told += [] if is_held else [shown.value]
    elif not shown_claims([token]) and not is_held:
        # A presentation may answer in what its holder signed; of a credential the issuer signed that.
        told += [shown.value if shown.kind == "presentation" else {}]
    return tuple(problem for claims in told for problem in _unanswered(claims, asked))


def _unanswered(claims: dict[str, Any], asked: VerifyRequest) -> tuple[DataProblem, ...]:
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    problems = []
    if asked.challenge is not None and claims.get("nonce") != asked.challenge:
        problems.append(DataProblem(CRYPTOGRAPHIC_SECURITY, "the token answers another challenge, or none", "/nonce"))
    if asked.domain is not None and asked.domain not in audiences:
        problems.append(DataProblem(CRYPTOGRAPHIC_SECURITY, "the token is for another domain, or none", "/aud"))
    return tuple(problems)


def held_tokens(members: dict[str, Any]) -> list[str]:
    """Return the tokens in a presentation's envelopes."""
    listed = members.get("verifiableCredential", [])
    held = listed if isinstance(listed, list) else [listed]
    opened = [open_envelope(one) if isinstance(one, dict) else one for one in held]
    tokens = [one.content if isinstance(one, Envelope) else one for one in opened if isinstance(one, (Envelope, str))]
    return [unquote(one).strip() for one in tokens]
