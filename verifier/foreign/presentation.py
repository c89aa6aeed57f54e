"""Presentations: several credentials shown together, and perhaps a proof that their holder shows them.

Each credential in it is judged by itself and has a report of its own. Whose the presentation is says something only
about the one who shows it: a credential is not better for it, and an unsigned presentation makes none of them worse.
That a presentation was made for this verifier and now would take a challenge that the verifier chose; there is none
here, and the report says so.

Source: W3C VC Data Model 2.0 section 4.13 and 7.1; W3C VC JOSE COSE section 3.1.2; VC Data Integrity section 4.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from verifier.checks.time import Asked
from verifier.conclusion import NOT_JUDGED, deciding
from verifier.error import FormatError, InputError
from verifier.foreign.credential import V1_CONTEXT, V2_CONTEXT, entries, identifier, types_of
from verifier.foreign.disclosure import binding_problem, parse_parts
from verifier.foreign.format import PRESENTATION_TYPE, Presented
from verifier.foreign.issuer import AUTHENTICATION, Issuers
from verifier.foreign.jws import Jws, parse_jws
from verifier.foreign.plan import CREDENTIALS, FOREIGN_ORDER, FORM, HOLDER, PRESENTATION_PLAN
from verifier.foreign.sd_jwt import is_sd_jwt
from verifier.foreign.securing import WatchedKeys, judge_token_key, judge_token_signature, proofs_of
from verifier.foreign.vc_jwt import token_window
from verifier.integrity.binding import controller_of
from verifier.integrity.proof import verify_proofs
from verifier.report import (
    Check,
    Mode,
    Report,
    State,
    Verdict,
    decide,
    failed,
    not_judged,
    passed,
    skipped,
    unknown,
)
from verifier.wording import say

MAX_CREDENTIALS: Final = 16
"""Most credentials of one presentation; each is judged by itself."""
_PLACE: Final = "presentation"
_NO_CLAIM: Final = frozenset({"vp+jwt", "vp+ld+json+jwt", "vp+sd-jwt", "vp+ld+json+sd-jwt"})
"""Types that forbid the claim `vp`. Source: VC JOSE COSE section 3.1.3."""


class Presentation(msgspec.Struct, frozen=True, kw_only=True):
    """A presentation, read but not checked.

    Attributes:
        members: Its members; of a VC 1.1 token those of the claim `vp`.
        jws: The token, if it is one; of an SD-JWT what its holder signed.
        holder: Whom it names as its holder, if anybody.
        credentials: The credentials in it, each as bytes that can be judged by themselves.
        token: An SD-JWT with its disclosures.
    """

    members: dict[str, Any]
    jws: Jws | None
    holder: str | None
    credentials: tuple[bytes, ...]
    token: str | None = None


def read_presentation(presented: Presented) -> Presentation:
    """Read a presentation.

    Raises:
        FormatError: It has another form, a presentation in it, no credential, or more than MAX_CREDENTIALS.

    Not checked: any proof.
    """
    jws, token = None, None
    if presented.token is not None and is_sd_jwt(presented.token):
        jws, token = parse_parts(presented.token).issued, presented.token
    elif presented.token is not None:
        jws = parse_jws(presented.token)
    members = _members(presented.value, jws)
    contexts = entries(members, "@context")
    if not contexts or contexts[0] not in (V1_CONTEXT, V2_CONTEXT) or PRESENTATION_TYPE not in types_of(members):
        raise FormatError("its first context or its type is not that of a presentation")
    shown = entries(members, "verifiableCredential")
    if not 1 <= len(shown) <= MAX_CREDENTIALS:
        raise FormatError(f"{len(shown)} credentials; there have to be 1 to {MAX_CREDENTIALS}", "/verifiableCredential")
    holder = identifier(members.get("holder"))
    credentials = tuple(_credential(one) for one in shown)
    return Presentation(members=members, jws=jws, holder=holder, credentials=credentials, token=token)


def judge_holder(presentation: Presentation, issuers: Issuers, asked: Asked) -> Check:
    """Judge whether the holder that is named made the presentation."""
    if presentation.jws is not None:
        return _judge_token(presentation, presentation.jws, issuers, asked.now)
    if "proof" not in presentation.members:
        return skipped(HOLDER, "holder_not_shown", looked_at=_PLACE)
    return _judge_proofs(presentation, issuers, asked.now)


def conclude_presentation(holder: Check, reports: Sequence[Report], asked: Asked) -> Report:
    """Put the report on a presentation together from the reports on its credentials."""
    form = passed(FORM, "presentation_formed", looked_at=_PLACE)
    return _report([form, holder, _judge_credentials(reports)], asked, reports)


def unreadable_presentation(why: str, asked: Asked) -> Report:
    """Report on what calls itself a presentation and is none."""
    form = failed(FORM, "presentation_malformed", detail=why, looked_at=_PLACE)
    return _report([form, not_judged(HOLDER, FORM), not_judged(CREDENTIALS, FORM)], asked, ())


def unfinished_holder(why: str) -> Check:
    """Say that judging the holder took more work than is given to one document."""
    return unknown(HOLDER, "terms_too_costly", detail=why, looked_at=_PLACE)


def _report(checks: list[Check], asked: Asked, reports: Sequence[Report]) -> Report:
    verdict = decide(checks, PRESENTATION_PLAN)
    ground = deciding(verdict, checks, FOREIGN_ORDER)
    if verdict is Verdict.VALID:
        reason, sentence = "valid_presentation", say("valid_presentation", {})
    elif ground is None:
        reason, sentence = NOT_JUDGED, say(NOT_JUDGED, {})
    else:
        reason, sentence = ground.reason, ground.summary
    return Report(
        verdict=verdict,
        reason=reason,
        sentence=sentence,
        credential=None,
        as_of=asked.now if asked.at is None else asked.at,
        mode=Mode.LIVE if asked.at is None else Mode.AT,
        checks=tuple(checks),
        not_checked=(say("not_checked_challenge", {}),),
        credentials=tuple(reports),
    )


def _judge_credentials(reports: Sequence[Report]) -> Check:
    verdicts = [report.verdict for report in reports]
    detail = ", ".join(verdicts)
    if Verdict.INVALID in verdicts:
        return failed(CREDENTIALS, "credentials_invalid", detail=detail, looked_at=_PLACE)
    if set(verdicts) != {Verdict.VALID}:
        return unknown(CREDENTIALS, "credentials_unknown", detail=detail, looked_at=_PLACE)
    return passed(CREDENTIALS, "credentials_valid", count=len(reports), detail=detail, looked_at=_PLACE)


def _judge_token(presentation: Presentation, jws: Jws, issuers: Issuers, now: datetime) -> Check:
    told = jws.payload.get("iss", presentation.holder)
    if not isinstance(told, str) or presentation.holder not in {None, told}:
        return failed(HOLDER, "holder_wrong", detail="the token's issuer is not the holder", looked_at=_PLACE)
    key, found = judge_token_key(issuers, told, jws, AUTHENTICATION)
    if key.state is State.UNKNOWN:
        return unknown(HOLDER, "holder_unknown", detail=key.detail, looked_at=_PLACE)
    signature = judge_token_signature(jws, found)
    if signature.state is not State.PASSED:
        return failed(HOLDER, "holder_wrong", detail=key.detail or signature.detail, looked_at=_PLACE)
    wrong = None if presentation.token is None else binding_problem(parse_parts(presentation.token), now)
    wrong = wrong or _time_problem(jws, now)
    if wrong is not None:
        return failed(HOLDER, "holder_wrong", detail=wrong, looked_at=_PLACE)
    return passed(HOLDER, "holder_bound", detail=told, looked_at=_PLACE)


def _time_problem(jws: Jws, now: datetime) -> str | None:
    try:
        starts, ends = token_window(jws)
    except FormatError as error:
        return str(error)
    is_out = (starts is not None and starts > now) or (ends is not None and ends < now)
    return "the presentation does not hold now" if is_out else None


def _judge_proofs(presentation: Presentation, issuers: Issuers, now: datetime) -> Check:
    keys = WatchedKeys(issuers)
    try:
        proofs = proofs_of(presentation.members)
    except InputError as error:
        return failed(HOLDER, "holder_wrong", detail=str(error), looked_at=_PLACE)
    controllers = {controller_of(str(one.get("verificationMethod", ""))) for one in proofs}
    if presentation.holder is not None and presentation.holder not in controllers:
        detail = f"holder {presentation.holder[:200]}, keys of {', '.join(sorted(controllers))[:200]}"
        return failed(HOLDER, "holder_wrong", detail=detail, looked_at=_PLACE)
    outcomes = verify_proofs(
        presentation.members,
        keys,
        purpose=AUTHENTICATION,
        now=now,
        challenge=_told(proofs, "challenge"),
        domain=_told(proofs, "domain"),
    )
    detail = "; ".join(f"{one.cryptosuite} {one.state.value} {one.detail}".strip() for one in outcomes)
    states = {one.state for one in outcomes}
    if keys.unavailable is not None:
        return unknown(HOLDER, "holder_unknown", detail=str(keys.unavailable), looked_at=_PLACE)
    if State.FAILED in states or keys.refused is not None:
        return failed(HOLDER, "holder_wrong", detail=detail, looked_at=_PLACE)
    if states != {State.PASSED}:
        return unknown(HOLDER, "holder_unknown", detail=detail, looked_at=_PLACE)
    return passed(HOLDER, "holder_bound", detail=", ".join(sorted(controllers)), looked_at=_PLACE)


def _told(proofs: list[dict[str, Any]], name: str) -> str | None:
    """Return what the proofs say of themselves: nobody here asked for anything else."""
    return next((one[name] for one in proofs if isinstance(one.get(name), str)), None)


def _members(value: dict[str, Any], jws: Jws | None) -> dict[str, Any]:
    if jws is None or "vp" not in jws.payload:
        return value
    inner = jws.payload["vp"]
    if not isinstance(inner, dict) or jws.typ in _NO_CLAIM:
        raise FormatError("a claim `vp` where there may be none, or that is no object", "/vp")
    return inner


def _credential(shown: object) -> bytes:
    """Take one credential out: a token as a string, or a document."""
    if isinstance(shown, str):
        return shown.encode("utf-8")
    if isinstance(shown, dict):
        if PRESENTATION_TYPE in types_of(shown):
            raise FormatError("a presentation in a presentation", "/verifiableCredential")
        return msgspec.json.encode(shown)
    raise FormatError("a credential that is neither an object nor a token", "/verifiableCredential")
