"""Group `stack`: was the award made of what its rules ask for, and does all of that still hold?

Only an award whose history says that it was stacked has these checks. The log holds the rules and a
commitment to the derivation; the derivation itself is the holder's to show. Without it everything
but an open review is `skipped`: nothing is known against the award, and nothing for the stack.

The rules are run again by their one definition, `ledger.stacking`, which is pure: no search, no
clock, no database.

Facts that no log entry proves stand on the issuer's word and on the commitment: grade and results,
accreditation on the day, re-validation, what other stacks used, and whatever a recognition says.

Longer than other modules because every check of a stack is one sentence of the report, and they share what was opened.

Source: docs/spec/bundle.md, "Stacks"; docs/spec/report.md, "Checks".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from anchoring.entry import parse_entry
from anchoring.error import AnchoringError
from anchoring.state import StateCommitment
from ledger.error import LedgerError
from ledger.stacking.component import Component
from ledger.stacking.derivation import Derivation, parse_derivation
from ledger.stacking.evaluate import check_derivation
from ledger.stacking.pathway_rules import PathwayRules
from ledger.stacking.text_form import convert
from verifier.bundle import ComponentProof, Stack
from verifier.checks import genuine, issuer, status
from verifier.checks.log import TrustedCheckpoint, judge_entries, prove_entry
from verifier.commitment import DERIVATION_KIND, commitment
from verifier.credential_id import aggregate_id
from verifier.directory import Record
from verifier.error import VerifierError
from verifier.event import Edition, Issued, Replaced, ReviewClosed, Stacked, parse_pathway
from verifier.evidence import Evidence
from verifier.report import Check, State, failed, not_judged, passed, skipped, unknown
from verifier.strict_json import Json
from verifier.timeline import Timeline

DERIVATION: Final = "stack.derivation"
PATHWAY: Final = "stack.pathway"
RULES: Final = "stack.rules"
FACTS: Final = "stack.facts"
COMPONENTS: Final = "stack.components"
RECOGNITION: Final = "recognition:"
_PLACE: Final = "bundle/stack"
_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class ProvedComponent:
    """One component as the log has it: its history, where in the log that stands, and whose it is."""

    timeline: Timeline
    indexes: tuple[int, ...]
    record: Record

    @property
    def shared_indexes(self) -> tuple[int, ...]:
        """Where the changes of all parts of an unpacked diploma stand, if it is one of them."""
        return self.indexes[1 : 1 + len(self.timeline.shared)]

    @property
    def own_indexes(self) -> tuple[int, ...]:
        """Where its own changes stand; a part's come after those of all parts and the beginning of its own history."""
        if self.timeline.origin is None:
            return self.indexes[1:]
        return self.indexes[2 + len(self.timeline.shared) : -1]


@dataclass(frozen=True, slots=True)
class Components:
    """What is proved of the components that are shown, by public id; and what did not hold, if something did not."""

    proved: Mapping[str, ProvedComponent]
    trouble: str | None

    @property
    def learned_at(self) -> datetime | None:
        """When the log learned the last of them that is shown; None when nothing is."""
        return max((one.timeline.learned_at for one in self.proved.values()), default=None)


def judge_stack(
    shown: Stack | None,
    components: Components,
    evidence: Evidence,
    trusted: TrustedCheckpoint | None,
    timeline: Timeline | None,
    as_of: datetime | None,
) -> tuple[list[Check], list[Json]]:
    """Step 17. Nothing for an award that was not stacked, or whose history is not proved.

    Args:
        shown: The bundle's stack, if it has one.
        components: See :func:`prove_components`.
        evidence: The award's.
        trusted: Its checkpoint.
        timeline: Its proved history.
        as_of: The instant that is judged.

    Returns:
        The checks; and what the award was made of, for display: empty unless the derivation is the one committed to.
    """
    if timeline is None or timeline.stacked is None:
        return [], []
    if shown is None:
        absent = [skipped(code, "stack_not_shown", looked_at=_PLACE) for code in (DERIVATION, PATHWAY, RULES, FACTS)]
        return [*absent, _judge_components(None, None, timeline, as_of)], []
    opened, derivation = _judge_derivation(shown, evidence, timeline)
    published, rules = _judge_pathway(shown, trusted, timeline)
    proved, trouble = components.proved, components.trouble
    checks = [
        opened,
        published,
        _judge_rules(derivation, rules),
        _judge_facts(derivation, proved, trouble, timeline.stacked, evidence),
        _judge_components(proved if derivation is not None else None, rules, timeline, as_of),
    ]
    return checks, [] if derivation is None else list(_made_of(derivation, proved, as_of))


def _made_of(
    derivation: Derivation, proved: Mapping[str, ProvedComponent], as_of: datetime | None
) -> Iterator[dict[str, Json]]:
    """What the award was made of: what the derivation says of each component, and what the log proves of it."""
    counted = {use.award: use.credits for use in derivation.uses}
    for one in derivation.components:
        found = proved.get(one.award)
        yield {
            "award": one.award,
            "institution": one.institution,
            "achievement": one.achievement,
            "credits_centi": one.credits_centi,
            "counted": counted.get(one.award),
            "awarded_on": one.awarded_on.isoformat(),
            "proved": None if found is None else _found_of(found, as_of),
        }


def _found_of(found: ProvedComponent, as_of: datetime | None) -> dict[str, Json]:
    template = None if found.timeline.edition is None else found.timeline.edition.template
    return {
        "issuer": found.record.name,
        "title": None if template is None else template.title,
        "language": None if template is None else template.language,
        "holds": None if as_of is None else _lost(found.timeline, as_of) is None,
        "is_stacked": found.timeline.stacked is not None,
        "is_part": found.timeline.origin is not None,
    }


def _judge_derivation(shown: Stack, evidence: Evidence, timeline: Timeline) -> tuple[Check, Derivation | None]:
    """Is what is shown what was committed to, of the day of the award, and about the rules that the event names?"""
    place, stacked = f"{_PLACE}/derivation", timeline.stacked
    if stacked is None:
        return not_judged(DERIVATION, status.HISTORY), None
    form = json.dumps(shown.derivation, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    made = commitment(aggregate_id(evidence.credential), DERIVATION_KIND, form, shown.salt)
    if made != stacked.derivation:
        return failed(DERIVATION, "derivation_other", detail=made, looked_at=place), None
    try:
        derivation = parse_derivation(form)
    except LedgerError as error:
        return failed(DERIVATION, "derivation_other", detail=str(error), looked_at=place), None
    named = (derivation.pathway, derivation.version, derivation.rules, derivation.day)
    day = timeline.issued.valid_from.date()
    if named != (stacked.pathway.hex, stacked.pathway_version, stacked.rules, day):
        return failed(DERIVATION, "derivation_other", detail=f"it is by {named}", looked_at=place), None
    detail = f"{len(derivation.components)} components, day {derivation.day}"
    return passed(DERIVATION, "derivation_opened", detail=detail, looked_at=place), derivation


def _judge_pathway(
    shown: Stack, trusted: TrustedCheckpoint | None, timeline: Timeline
) -> tuple[Check, PathwayRules | None]:
    """Are the rules in the log, published by the issuer, and those of the digest?"""
    place, stacked = f"{_PLACE}/pathway", timeline.stacked
    if trusted is None or stacked is None:
        return not_judged(PATHWAY, "log.known"), None
    if shown.pathway is None:
        return unknown(PATHWAY, "pathway_missing", looked_at=place), None
    try:
        prove_entry(shown.pathway, trusted.checkpoint)
        entry = parse_entry(shown.pathway.entry)
        version = parse_pathway(entry)
        rules = convert(version.rules, PathwayRules)
        rules.check()
    except (AnchoringError, VerifierError, LedgerError) as error:
        return failed(PATHWAY, "pathway_other", detail=str(error), looked_at=place), None
    found = (entry.originator, version.number, version.institution, rules.digest())
    wanted = (stacked.pathway, stacked.pathway_version, timeline.issued.institution, stacked.rules)
    if found != wanted:
        return failed(PATHWAY, "pathway_other", detail=f"found {found}", looked_at=place), None
    detail = f"entry {shown.pathway.index}, recorded {version.recorded_at.isoformat()}"
    said = passed(
        PATHWAY, "pathway_published", pathway=version.code, version=version.number, detail=detail, looked_at=place
    )
    return said, rules


def _judge_rules(derivation: Derivation | None, rules: PathwayRules | None) -> Check:
    """Are the rules met? They are run again over what is pinned."""
    if derivation is None or rules is None:
        return not_judged(RULES, DERIVATION if derivation is None else PATHWAY)
    try:
        problems = check_derivation(rules, derivation)
    except LedgerError as error:
        problems = [str(error)]
    if problems:
        return failed(RULES, "rules_not_met", detail="; ".join(problems), looked_at=f"{_PLACE}/derivation")
    detail = f"{len(derivation.outcomes)} rules, {len(derivation.uses)} awards, {len(derivation.waivers)} waived"
    return passed(RULES, "rules_met", detail=detail, looked_at=f"{_PLACE}/derivation")


def prove_components(
    shown: Stack | None,
    evidence: Evidence,
    trusted: TrustedCheckpoint | None,
    state: StateCommitment | None,
    timeline: Timeline | None,
) -> Components:
    """Prove what there is of the components of a stacked award; arguments as for :func:`judge_stack`."""
    proved: dict[str, ProvedComponent] = {}
    if shown is None or timeline is None or timeline.stacked is None:
        return Components(proved, None)
    for component in shown.components:
        checks, found = _prove_one(component, evidence, trusted, state)
        wrong = next((check for check in checks if check.state is State.FAILED), None)
        if wrong is not None or component.credential in proved:
            trouble = "one component twice" if wrong is None else f"{wrong.code}: {wrong.detail or wrong.reason}"
            return Components({}, trouble)
        if found is not None:
            proved[component.credential] = found
    return Components(proved, None)


def _prove_one(
    component: ComponentProof, evidence: Evidence, trusted: TrustedCheckpoint | None, state: StateCommitment | None
) -> tuple[list[Check], ProvedComponent | None]:
    """A component is proved as an award is: entries, history, bits, who awarded it, and for which edition."""
    about = Evidence(
        format="cairn/evidence/v2" if component.part else "cairn/evidence/v1",
        credential=component.credential,
        log=evidence.log,
        checkpoint=evidence.checkpoint,
        entries=component.entries,
        state=evidence.state,
        status=component.status,
        directory=component.directory,
        anchors=[],
        anchored_size=None,
        part=component.part,
    )
    inside, entries = judge_entries(about, trusted)
    history, timeline = status.judge_history(about, entries)
    bits, values = status.judge_bits(about, state, timeline)
    agreement = status.judge_agreement(timeline, values)
    known, record = issuer.judge_record(about, state, timeline)
    checks = [inside, history, bits, agreement, known, genuine.judge_achievement(None, timeline)]
    if timeline is not None and timeline.origin is not None:
        checks.append(genuine.judge_origin(None, timeline))
    if timeline is None or record is None or agreement.state is not State.PASSED:
        return checks, None
    indexes = tuple(proved.index for proved in component.entries[:-1])
    return checks, ProvedComponent(timeline, indexes, record)


def _judge_facts(
    derivation: Derivation | None,
    proved: Mapping[str, ProvedComponent],
    trouble: str | None,
    stacked: Stacked,
    evidence: Evidence,
) -> Check:
    """Are the components as the log has them?"""
    place = f"{_PLACE}/components"
    if derivation is None:
        return not_judged(FACTS, DERIVATION)
    if trouble is not None:
        return failed(FACTS, "component_not_proved", detail=trouble, looked_at=place)
    wanted = {one.award: one for one in derivation.components if not one.award.startswith(RECOGNITION)}
    instant, stacked_at = _instant(derivation.day, stacked.recorded_at), evidence.entries[1].index
    differing = [
        f"{award}: {name}"
        for award, component in wanted.items()
        if award in proved
        for name in _differences(component, proved[award], instant, stacked_at)
    ]
    if differing or not proved.keys() <= wanted.keys():
        detail = "; ".join(differing) or "a component that is not in the derivation"
        return failed(FACTS, "component_differs", detail=detail, looked_at=place)
    missing = [award for award in wanted if award not in proved]
    recognised = len(derivation.components) - len(wanted)
    detail = f"{len(wanted) - len(missing)} of {len(wanted)} proved, {recognised} by recognition"
    if missing:
        return unknown(FACTS, "components_missing", detail=detail, looked_at=place)
    return passed(FACTS, "components_proved", count=len(wanted), detail=detail, looked_at=place)


def _judge_components(
    proved: Mapping[str, ProvedComponent] | None,
    rules: PathwayRules | None,
    timeline: Timeline,
    as_of: datetime | None,
) -> Check:
    """Does all of it still hold? What is lost counts as the pathway's policy says, unless a review let it stand."""
    place = (f"{_PLACE}/components", "evidence/entries")
    if as_of is None:
        return not_judged(COMPONENTS, "log.fresh")
    review = timeline.review_at(as_of)
    on_loss = "review" if rules is None else rules.cascade.on_loss
    if review is not None:
        judge, case = (failed, "component_lost") if on_loss == "revoke" else (unknown, "stack_in_review")
        return judge(COMPONENTS, case, date=review.due_at, looked_at=place)
    if not proved:
        return skipped(COMPONENTS, "stack_not_shown", looked_at=place)
    lost = [loss for one in proved.values() if (loss := _lost(one.timeline, as_of)) is not None]
    if not lost:
        return passed(COMPONENTS, "components_hold", looked_at=place)
    detail = f"{len(lost)} of {len(proved)} lost, the newest recorded {max(lost).isoformat()}"
    if on_loss == "stand" or _let_stand(timeline, max(lost), as_of):
        return passed(COMPONENTS, "component_lost_stands", detail=detail, looked_at=place)
    judge = failed if on_loss == "revoke" else unknown
    return judge(COMPONENTS, "component_lost", detail=detail, looked_at=place)


def _lost(timeline: Timeline, as_of: datetime) -> datetime | None:
    """When the log learned of the loss that holds at an instant; None if the component holds."""
    ended = timeline.ended
    if ended is not None and ended.effective_at <= as_of:
        return ended.recorded_at
    held = timeline.suspended_at(as_of)
    return None if held is None else held.recorded_at


def _let_stand(timeline: Timeline, lost: datetime, as_of: datetime) -> bool:
    """Whether a review that was closed since the loss has found that the award stands."""
    return any(
        isinstance(event, ReviewClosed) and event.outcome == "stands" and lost <= event.recorded_at <= as_of
        for event in timeline.changes
    )


def _differences(component: Component, proved: ProvedComponent, instant: datetime, stacked_at: int) -> Iterator[str]:
    """The facts of a component that are not what the log says."""
    issued, edition = proved.timeline.issued, proved.timeline.edition
    if not isinstance(issued, Issued) or edition is None:
        yield "it is no award"
        return
    until = issued.valid_until
    template = edition.template
    for name, found, logged in (
        ("institution", component.institution, proved.record.slug),
        ("achievement", component.achievement, edition.code),
        ("edition", component.edition, edition.edition),
        ("credits_centi", component.credits_centi, template.credits_centi),
        ("workload_minutes", component.workload_minutes, template.workload_minutes),
        ("eqf_level", component.eqf_level, template.eqf_level),
        ("fields", component.fields, _fields(edition)),
        ("awarded_on", component.awarded_on, issued.valid_from.date()),
        ("valid_until", component.valid_until, None if until is None else (until - _MILLISECOND).date()),
        ("supervised", component.supervised, _supervised(template.supervision)),
        ("origin", component.origin, None if proved.timeline.origin is None else proved.timeline.origin.unpacking.hex),
        ("standing", component.standing, _standing(proved, instant, stacked_at)),
    ):
        if found != logged:
            yield name


def _fields(edition: Edition) -> tuple[str, ...]:
    details: dict[str, Any] = getattr(edition, "details", {})
    field = details.get("isced_f")
    return (*((field,) if field else ()), *details.get("tags", ()))


def _supervised(supervision: str | None) -> bool | None:
    said = (supervision or "").strip().casefold()
    return True if said.startswith("supervised") else False if said.startswith("unsupervised") else None


def _standing(proved: ProvedComponent, instant: datetime, stacked_at: int) -> str:
    """How an award stood at an instant, by what was in the log before the stack."""
    timeline = proved.timeline
    known = timeline.only(
        (index < stacked_at for index in proved.own_indexes), (index < stacked_at for index in proved.shared_indexes)
    )
    ended = known.ended
    if ended is not None and ended.effective_at <= instant:
        return "replaced" if isinstance(ended, Replaced) else "revoked"
    until = timeline.issued.valid_until
    if until is not None and instant > until:
        return "expired"
    return "valid" if known.suspended_at(instant) is None else "suspended"


def _instant(day: date, recorded_at: datetime) -> datetime:
    """At which instant a stack looks at its components: the end of its day, if that was over."""
    return min(datetime.combine(day, time(), UTC) + timedelta(days=1) - _MILLISECOND, recorded_at)
