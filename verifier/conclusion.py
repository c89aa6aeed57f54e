"""From checks to a report: the verdict, the one sentence, the facts, and what was not looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from anchoring.entry import Entry
from anchoring.state import StateCommitment
from verifier.bundle import Stack, Successor
from verifier.checks.anchor import Anchors
from verifier.checks.form import Form
from verifier.checks.log import TrustedCheckpoint
from verifier.checks.time import FRESH, Asked, Cosigned
from verifier.directory import Record
from verifier.event import Issued, StatusEvent
from verifier.evidence import Evidence
from verifier.plan import DECIDING_ORDER, FULL_DECIDING_ORDER, FULL_PLAN, plan_of
from verifier.report import Check, Mode, Report, State, Verdict, decide
from verifier.strict_json import Json
from verifier.timeline import Timeline
from verifier.wire import format_instant
from verifier.wording import Text, say

NOT_JUDGED: Final = "not_judged"


@dataclass(frozen=True, slots=True)
class Given:
    """What there is to judge: evidence always, a document and its salt perhaps, its other form, what it is made of."""

    evidence: Evidence
    document: dict[str, Json] | None = None
    salt: bytes | None = None
    successor: Successor | None = None
    form: Form | None = None
    stack: Stack | None = None


@dataclass(slots=True)
class Proved:
    """What has been proved so far; None where it has not."""

    trusted: TrustedCheckpoint | None = None
    entries: tuple[Entry, ...] | None = None
    state: StateCommitment | None = None
    cosigned: Cosigned | None = None
    anchors: Anchors = field(default_factory=Anchors)
    instant: datetime | None = None
    as_of: datetime | None = None
    timeline: Timeline | None = None
    record: Record | None = None
    made_of: list[Json] = field(default_factory=list)


def conclude(checks: Sequence[Check], asked: Asked, given: Given, proved: Proved) -> Report:
    """Put the report together: step 18 of `verifier.verify`.

    Args:
        checks: What was found, in any order.
        asked: The instant asked about.
        given: What there was to judge.
        proved: What was proved of it.
    """
    verdict = decide(checks, plan_of(proved.timeline))
    reason, sentence = _sentence(verdict, checks, proved.as_of, asked.mode, given)
    return Report(
        verdict=verdict,
        reason=reason,
        sentence=sentence,
        credential=given.evidence.credential,
        as_of=proved.as_of,
        mode=asked.mode,
        checks=in_order(checks),
        facts=_facts(proved),
        not_checked=_not_checked(checks, given, proved),
    )


def in_order(checks: Sequence[Check]) -> tuple[Check, ...]:
    """Return checks in the order of the plan."""
    return tuple(sorted(checks, key=lambda check: FULL_PLAN.index(check.code)))


def deciding(verdict: Verdict, checks: Sequence[Check], order: Sequence[str] = DECIDING_ORDER) -> Check | None:
    """Return the check whose sentence a report takes: the first, in that order, of the verdict's state."""
    state = State.FAILED if verdict is Verdict.INVALID else State.UNKNOWN
    found = [check for check in checks if check.state is state and check.reason != NOT_JUDGED]
    return min(found, key=lambda check: order.index(check.code), default=None)


def _sentence(
    verdict: Verdict,
    checks: Sequence[Check],
    as_of: datetime | None,
    mode: Mode,
    given: Given,
) -> tuple[str, Text]:
    if verdict is Verdict.VALID:
        reason = "valid" if given.document is not None else "valid_record"
        reason = reason if mode is Mode.LIVE else f"{reason}_as_of"
        return reason, say(reason, {"as_of": as_of})
    check = deciding(verdict, checks, FULL_DECIDING_ORDER)
    return (NOT_JUDGED, say(NOT_JUDGED, {})) if check is None else (check.reason, check.summary)


def _facts(proved: Proved) -> dict[str, Json]:
    """Return what was proved, for display. Members are there exactly if they were proved."""
    facts: dict[str, Json] = {}
    if proved.trusted is not None:
        checkpoint = proved.trusted.checkpoint
        facts["log"] = {
            "origin": checkpoint.origin,
            "size": checkpoint.size,
            "root": checkpoint.root.hex(),
            "instant": _instant(proved.instant),
            "unanchored": proved.anchors.unanchored,
        }
    if proved.record is not None:
        record = proved.record
        facts["issuer"] = {
            "id": str(record.institution),
            "name": record.name,
            "slug": record.slug,
            "country": record.country,
            "kind": record.kind,
            "did": record.did,
        }
    if proved.timeline is not None:
        facts |= _credential_facts(proved.timeline)
    if proved.made_of:
        facts["components"] = proved.made_of
    return facts


def _credential_facts(timeline: Timeline) -> dict[str, Json]:
    issued, edition = timeline.issued, timeline.edition
    facts: dict[str, Json] = {}
    if edition is not None and isinstance(issued, Issued):
        facts["achievement"] = {
            "id": str(issued.achievement),
            "code": edition.code,
            "edition": edition.edition,
            "title": edition.template.title,
            "language": edition.template.language,
            "credits_centi": edition.template.credits_centi,
            "eqf_level": edition.template.eqf_level,
        }
    facts["issued"] = {
        "recorded_at": format_instant(issued.recorded_at),
        "valid_from": format_instant(issued.valid_from),
        "valid_until": _instant(issued.valid_until),
        "key_id": issued.key_id,
    }
    changes = sorted((*timeline.changes, *timeline.shared), key=lambda event: event.recorded_at)
    facts["changes"] = [_change(event) for event in changes]
    if timeline.origin is not None:
        programme = timeline.origin.programme
        facts["origin"] = {
            "unpacking": str(timeline.origin.unpacking),
            "programme": programme.code,
            "edition": programme.edition,
            "title": programme.curriculum.title,
        }
    if timeline.stacked is not None:
        facts["stacked"] = {
            "pathway": str(timeline.stacked.pathway),
            "version": timeline.stacked.pathway_version,
            "rules": timeline.stacked.rules,
        }
    return facts


def _change(event: StatusEvent) -> dict[str, Json]:
    kind = type(event).__name__.lower()
    return {
        "change": kind,
        "reason": getattr(event, "reason", None),
        "effective_at": format_instant(getattr(event, "effective_at", event.recorded_at)),
        "recorded_at": format_instant(event.recorded_at),
    }


def _not_checked(checks: Sequence[Check], given: Given, proved: Proved) -> tuple[Text, ...]:
    """Say what the report leaves open, so that nobody takes silence for a yes."""
    left = [say("not_checked_person", {})]
    if given.document is None:
        left.append(say("no_document", {}))
    if proved.instant is not None:
        left.append(say("not_checked_later", {"instant": proved.instant}))
        left.append(say("not_checked_suspensions", {"instant": proved.instant}))
    if any(check.code == FRESH and check.reason == "fresh_operator" for check in checks):
        left.append(say("not_checked_operator", {}))
    return tuple(left)


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else format_instant(instant)
