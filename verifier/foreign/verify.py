"""Verification of a credential that no log of ours holds: from what was shown, sources and an instant to a report.

Nothing here reaches for a network, a database or a clock. The plan, in the order of the code:

    genuine  1. It is a credential, by its data model.
    issuer   2. The keys that signed it are its issuer's own.
    genuine  3. The signatures are good. 4. Claims, disclosures, terms. 5. An Open Badge says what one has to say.
             6. A schema that it names is not fetched, and the report says so.
    issuer   7. Whose word the issuer's identity is.
    status   8. The lists that it names, if all before holds: nobody is asked about a forgery.
    dates    9. Come into force. 10. Not expired.
    log     11. Skipped: no log was asked.
            12. The verdict follows from the checks; the sentence from the one that decided.

Source: docs/spec/report.md, "A credential from elsewhere"; VC Data Model 2.0 section 7.1; Open Badges 3.0 section 8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from verifier.checks.time import Asked
from verifier.conclusion import NOT_JUDGED, deciding
from verifier.data_model import credential_problems
from verifier.error import ContextRefusedError, InputError
from verifier.foreign.credential import Credential, entries, identifier, is_open_badge, problem, types_of
from verifier.foreign.format import Presented, read_credential
from verifier.foreign.issuer import DOMAIN, Issuers
from verifier.foreign.open_badge import missing_member
from verifier.foreign.plan import (
    FOREIGN_ORDER,
    FOREIGN_PLAN,
    FORM,
    KEY,
    KNOWN,
    LOG_CHECKS,
    MEMBERS,
    RECORDED,
    SCHEMA,
    SIGNATURE,
    TERMS,
    VALID_FROM,
    VALID_UNTIL,
)
from verifier.foreign.securing import REGISTERED, secure
from verifier.foreign.source import Sources
from verifier.foreign.status import judge_status, unjudged_status
from verifier.foreign.status_list import Lists
from verifier.foreign.vc_jwt import token_window
from verifier.jsonld.context import context_bytes
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
from verifier.strict_json import Json
from verifier.wording import Text, say

MAX_SHOWN_CHARS: Final = 60
"""Longest identifier in a report's sentence; a did:key of an RSA key would fill the page."""


def verify_foreign(
    presented: Presented,
    *,
    sources: Sources,
    asked: Asked,
    listed: Mapping[str, str] | None = None,
    anchors: Sequence[bytes] = (),
) -> Report:
    """Judge a credential of the field.

    Args:
        presented: A credential; see `read_presented`.
        sources: Keys of domains, and status lists.
        asked: The present, and the instant asked about.
        listed: Issuers that the caller's own directory knows, by identifier, with their names.
        anchors: Certificates, in DER, that the certificate chain of a token may lead to.

    Returns:
        A report over `FOREIGN_PLAN`.

    Not checked: who the issuer is and what it may issue, unless it is `listed`; who the holder is; any log.
    """
    try:
        credential = read_credential(presented)
        wrong = problem(credential) or _shape_problem(credential)
        if credential.jws is not None:
            token_window(credential.jws)  # raises where a date is none
    except InputError as error:
        return unreadable_credential(str(error), asked)
    if wrong is not None:
        return unreadable_credential(wrong, asked)
    instant = asked.now if asked.at is None else asked.at
    return _judge(credential, presented, Issuers(sources, instant, anchors), sources, asked, listed or {})


def _shape_problem(credential: Credential) -> str | None:
    """Say what the data model has against a credential, digests of related resources at hand included."""
    if credential.is_claims or credential.form == "sd-jwt":
        return None  # what a holder has not disclosed is not missing
    members = {name: value for name, value in credential.members.items() if name not in REGISTERED}
    found = credential_problems(members, _installed)
    return f"{found[0].detail} (at {found[0].pointer})" if found else None


def _installed(url: str) -> bytes | None:
    """Give a context that is installed, to compare the digest that a document has of it."""
    try:
        return context_bytes(url)
    except ContextRefusedError:
        return None


def _judge(
    credential: Credential,
    presented: Presented,
    issuers: Issuers,
    sources: Sources,
    asked: Asked,
    listed: Mapping[str, str],
) -> Report:
    # 1. The form.
    form = passed(FORM, "credential_formed", detail=f"{credential.form} {presented.carrier}", looked_at="document")
    instant = asked.now if asked.at is None else asked.at
    # 2. to 4. Keys, signatures, claims, terms.
    try:
        secured = secure(credential, issuers, asked.now)
    except InputError as error:
        return unreadable_credential(error.reason, asked)
    credential = secured.credential
    checks = [
        form,
        *secured.checks,
        _judge_members(credential),  # 5.
        _judge_schema(credential),  # 6.
        _judge_identity(credential.issuer, listed),  # 7.
        _judge_recorded(credential.issuer, listed),
    ]
    # 8. The status lists.
    if secured.is_good:
        lists = Lists(sources, issuers, credential.issuer, asked.now)
        checks += judge_status(credential, lists, asked.at)
    else:
        ground = KEY if secured.key.state is not State.PASSED else SIGNATURE
        checks += unjudged_status(ground)
    # 9. and 10. The dates.
    checks += _judge_dates(credential, instant)
    # 11. The log.
    checks += [skipped(code, "log_foreign") for code in LOG_CHECKS]
    # 12. The verdict.
    return conclude(checks, asked, credential, presented, listed)


def conclude(
    checks: list[Check], asked: Asked, credential: Credential, presented: Presented, listed: Mapping[str, str]
) -> Report:
    """Put the report together."""
    verdict = decide(checks, FOREIGN_PLAN)
    reason, sentence = _sentence(verdict, checks, asked, credential.issuer)
    ordered = sorted(checks, key=lambda check: FOREIGN_PLAN.index(check.code))
    left = [say("not_checked_person", {})]
    if credential.issuer not in listed:
        left.append(say("not_checked_identity", {}))
    return Report(
        verdict=verdict,
        reason=reason,
        sentence=sentence,
        credential=None,
        as_of=asked.now if asked.at is None else asked.at,
        mode=_mode(asked),
        checks=tuple(ordered),
        facts=_facts(ordered, credential, presented),
        not_checked=tuple(left),
    )


def _judge_members(credential: Credential) -> Check:
    if credential.is_claims or not is_open_badge(credential.members):
        return skipped(MEMBERS, "not_open_badge", looked_at="document/type")
    missing = missing_member(credential.members)
    if missing is not None:
        return failed(MEMBERS, "members_missing", detail=missing, looked_at="document")
    return passed(MEMBERS, "members_present", looked_at="document")


def _judge_schema(credential: Credential) -> Check:
    named = [str(identifier(one)) for one in entries(credential.members, "credentialSchema")]
    if not named:
        return skipped(SCHEMA, "no_schema", looked_at="document/credentialSchema")
    return skipped(SCHEMA, "schema_unchecked", detail=", ".join(named), looked_at="document/credentialSchema")


def _judge_identity(issuer: str, listed: Mapping[str, str]) -> Check:
    """Step 7: say whose word it is who the issuer is. Only this ledger's directory passes it."""
    place = "document/issuer"
    if issuer in listed:
        return passed(KNOWN, "identity_directory", issuer=listed[issuer], detail=issuer, looked_at=place)
    if issuer.startswith(DOMAIN):
        return skipped(KNOWN, "identity_domain", domain=_domain(issuer), detail=issuer, looked_at=place)
    return skipped(KNOWN, "identity_self", detail=issuer, looked_at=place)


def _judge_recorded(issuer: str, listed: Mapping[str, str]) -> Check:
    """Whatever an institution of the ledger signs is logged first; what the ledger does not know may be a thief's."""
    if issuer in listed:
        return unknown(RECORDED, "not_known_here", looked_at="document/id")
    return skipped(RECORDED, "log_foreign")


def _judge_dates(credential: Credential, instant: datetime) -> list[Check]:
    """Steps 9 and 10: by the credential's own dates, and in the time in which its token holds."""
    early, late = (None, None) if credential.jws is None else token_window(credential.jws)
    starts = max((date for date in (credential.valid_from, early) if date is not None), default=None)
    ends = min((date for date in (credential.valid_until, late) if date is not None), default=None)
    place = "document"
    if starts is None:
        begin = passed(VALID_FROM, "no_begin", looked_at=place)
    else:
        judge, case = (passed, "begun") if starts <= instant else (failed, "not_yet_valid")
        begin = judge(VALID_FROM, case, date=starts, looked_at=place)
    if ends is None:
        return [begin, passed(VALID_UNTIL, "no_expiry", looked_at=place)]
    judge, case = (passed, "not_expired") if instant <= ends else (failed, "expired")
    return [begin, judge(VALID_UNTIL, case, date=ends, looked_at=place)]


def unreadable_credential(why: str, asked: Asked) -> Report:
    """Report on what calls itself a credential and is none: invalid, and nothing else is judged."""
    return _alone(failed(FORM, "credential_malformed", detail=why, looked_at="document"), asked)


def unfinished_credential(why: str, asked: Asked) -> Report:
    """Report on what took more work than is given to one document: unknown, and nothing else is judged."""
    return _alone(unknown(TERMS, "terms_too_costly", detail=why, looked_at="document"), asked)


def _alone(ground: Check, asked: Asked) -> Report:
    """Report on one check, on which all others stand."""
    checks = tuple(ground if code == ground.code else not_judged(code, ground.code) for code in FOREIGN_PLAN)
    return Report(
        verdict=decide(checks, FOREIGN_PLAN),
        reason=ground.reason,
        sentence=ground.summary,
        credential=None,
        as_of=asked.now if asked.at is None else asked.at,
        mode=_mode(asked),
        checks=checks,
    )


def _sentence(verdict: Verdict, checks: list[Check], asked: Asked, issuer: str) -> tuple[str, Text]:
    if verdict is Verdict.VALID:
        reason = "valid_foreign" if asked.at is None else "valid_foreign_as_of"
        return reason, say(reason, {"issuer": _shown(issuer), "as_of": asked.at or asked.now})
    check = deciding(verdict, checks, FOREIGN_ORDER)
    return (NOT_JUDGED, say(NOT_JUDGED, {})) if check is None else (check.reason, check.summary)


def _facts(checks: list[Check], credential: Credential, presented: Presented) -> dict[str, Json]:
    """Return what was proved: what the document says, if its issuer signed it."""
    states = {check.code: check.state for check in checks}
    if states[SIGNATURE] is not State.PASSED or states[KEY] is not State.PASSED:
        return {}
    members = credential.members
    issuer: Any = members.get("issuer")
    named = issuer.get("name") if isinstance(issuer, dict) else None
    types: list[Json] = [*sorted(types_of(members))]
    return {
        "document": {
            "id": credential.id,
            "issuer": credential.issuer,
            "issuer_name": named if isinstance(named, str) else None,
            "form": credential.form,
            "carrier": presented.carrier,
            "types": types,
        }
    }


def _domain(issuer: str) -> str:
    if issuer.startswith("https://"):
        return urlsplit(issuer).netloc
    parts = issuer.split(":")
    return parts[3 if issuer.startswith("did:webvh:") and len(parts) > 3 else 2]  # noqa: PLR2004  (did, webvh, scid)


def _shown(issuer: str) -> str:
    return issuer if len(issuer) <= MAX_SHOWN_CHARS else f"{issuer[:MAX_SHOWN_CHARS]}…"


def _mode(asked: Asked) -> Mode:
    return Mode.LIVE if asked.at is None else Mode.AT
