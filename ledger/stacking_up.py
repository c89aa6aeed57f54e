"""The command that stacks awards into one: by a published pathway's rules, exactly, and so that anyone can check it.

Everything is decided on one state and committed at once: the award and the event that pins the rules, what was spent,
the derivation in the vault. Whoever was faster with the same credits has inserted the same numbers
(:mod:`ledger.spending`); then the decision is made again, and says what is missing now.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from ledger.access import Actor, audit
from ledger.application import Decision, Ledger, Outcome, Request
from ledger.claim import AwardClaim, LearnerClaim
from ledger.commitment import DERIVATION_KIND, SALT_BYTES, commit
from ledger.component_reading import ComponentReading, Gathered, PresentedAward, Stacker
from ledger.credential import Credential
from ledger.credential_id import credential_aggregate_id
from ledger.document import StackedUnder
from ledger.error import InvalidInputError, NotFoundError, NotStackedError
from ledger.institution import Institution
from ledger.issuance import Issuance, Stack
from ledger.pathway import Pathway, PathwayVersion, read_rules
from ledger.spending import spend
from ledger.stacking.derivation import Derivation, Waiver
from ledger.stacking.evaluate import evaluate
from ledger.stacking.evaluation import Evaluation
from ledger.stacking.pathway_rules import PathwayRules
from ledger.store import Write
from ledger.text import check_text, is_blank
from ledger.vault import SEAL_SQL, Vault

MAX_AWARDS = 200
"""Awards that may be presented for one stack."""
MAX_WAIVERS = 20
MAX_OFFICER_CHARS = 200
MAX_REASON_CHARS = 2_000
MAX_CODE_CHARS = 64


class WaiverClaim(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule that an officer waives. ``code`` says in one public word why; officer and reason stay in the vault."""

    rule: str
    code: str
    officer: str
    reason: str

    def check(self) -> None:
        """Refuse what is not well formed. Raises InvalidInputError."""
        check_text(self)
        limits = {"code": MAX_CODE_CHARS, "officer": MAX_OFFICER_CHARS, "reason": MAX_REASON_CHARS}
        for name, limit in limits.items():
            value: str = getattr(self, name)
            if is_blank(value) or len(value) > limit:
                message = f"{name} has 1 to {limit} characters"
                raise InvalidInputError(message, f"/{name}")
        if not all(char.isascii() and (char.isalnum() or char in "_-") for char in self.code):
            message = "a code is letters, digits, underscores and hyphens, such as equivalent_experience"
            raise InvalidInputError(message, "/code")


class StackClaim(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be stacked.

    Attributes:
        pathway: The institution's code of the pathway.
        learner: Who earned it.
        awards: What is presented.
        version: Of the pathway; None for the newest.
        day: Of stacking and of the award; None for today.
        waivers: Rules that officers waive.
        grade: Of the stacked award.
        valid_until: When it ends.
        name_components: Whether its document names what it was made of.
    """

    pathway: str
    learner: LearnerClaim
    awards: tuple[PresentedAward, ...]
    version: int | None = None
    day: date | None = None
    waivers: tuple[WaiverClaim, ...] = ()
    grade: str | None = None
    valid_until: datetime | None = None
    name_components: bool = False


class KeptDerivation(msgspec.Struct, frozen=True):
    """What the vault keeps of a stacked award beside its document.

    Attributes:
        derivation: Its canonical bytes.
        salt: Of the commitment to them.
        waivers: Officers and their reasons, as they were claimed.
    """

    derivation: bytes
    salt: bytes
    waivers: tuple[WaiverClaim, ...] = ()


class _Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A stack that is being decided on."""

    institution: Institution
    pathway: Pathway
    number: int
    rules: PathwayRules
    stacker: Stacker
    gathered: Sequence[Gathered]
    evaluation: Evaluation

    @property
    def version(self) -> PathwayVersion:
        return self.pathway.versions[self.number - 1]


class StackingUp:
    """Stacks awards.

    Args:
        ledger: The event store.
        vault: Where derivations and waivers are kept.
        issuance: Makes the award.
        reading: Gathers components.
    """

    def __init__(self, ledger: Ledger, vault: Vault, issuance: Issuance, reading: ComponentReading) -> None:
        self._ledger = ledger
        self._vault = vault
        self._issuance = issuance
        self._reading = reading

    def try_out(self, *, slug: str, claim: StackClaim, actor: Actor, learner: bytes | None = None) -> dict[str, Any]:
        """Evaluate without doing anything; the answer is the evaluation with its explanation.

        Args:
            slug: Who would stack.
            claim: What.
            actor: Who asks.
            learner: Handle of whoever it is for, where that is known otherwise than by the claim's reference.

        Raises:
            ForbiddenError, InvalidInputError, NotFoundError, RuleError: As :meth:`stack`, but for
                :class:`~ledger.error.NotStackedError`.
        """
        plan = self._plan(slug, claim, actor, self._ledger.now(), learner)
        return explanation(plan.evaluation)

    def foresee(self, *, slug: str, pathway: str, awards: Sequence[str], actor: Actor) -> dict[str, Any]:
        """Evaluate a pathway over awards of which nothing but the ids is at hand; the answer is as of :meth:`try_out`.

        What cannot count, such as a diploma that was unpacked, is passed over.

        Nobody's grades, results or other stacks are looked at, so a stack may come out otherwise: a rule on grades is
        not met, and credits that were spent count.

        Args:
            slug: Whose pathway.
            pathway: Its code.
            awards: Public ids.
            actor: Who asks.

        Raises:
            ForbiddenError: The actor acts for another institution.
            InvalidInputError: There are too many, or one is there twice.
            NotFoundError, RuleError: No such institution or pathway; or it was retired.
        """
        institution = self._ledger.institution(slug)
        actor.require_institution(institution.id)
        published = self._ledger.pathway(institution.id, pathway)
        published.require_open()
        number, now = published.number_of(None), self._ledger.now()
        day = now.date()
        stacker = Stacker(institution=institution, learner=None, day=day, now=now, pathway=pathway)
        components = []
        for award in awards:
            with suppress(InvalidInputError):
                components.append(self._reading.public(award, stacker))
        rules = read_rules(published.versions[number - 1].rules)
        return explanation(evaluate(rules, components, pathway=published.id.hex, version=number, day=day))

    def stack(self, *, slug: str, claim: StackClaim, actor: Actor, request: Request | None = None) -> Outcome:
        """Make the award that the presented awards stack into. The answer is its public id.

        Args:
            slug: Who stacks.
            claim: What.
            actor: Who asks.
            request: What makes a repetition recognisable.

        Raises:
            ForbiddenError: The actor acts for another institution.
            InvalidInputError: An award cannot count as presented, or the claim is not well formed.
            NotFoundError: No such institution or pathway.
            NotStackedError: The rules are not met, or it could not be told.
            RuleError: The pathway was retired, or the institution has no key in force.
        """

        def decide(now: datetime) -> Decision:
            plan = self._plan(slug, claim, actor, now)
            derivation = _required(plan)
            award = self._claim(plan, claim)
            learner = self._vault.learner(plan.institution.id, _reference(claim.learner))
            salt, form = self._ledger.random(SALT_BYTES), derivation.canonical()
            stack = _stack(plan, derivation, form, salt, named=claim.name_components)
            made = self._issuance.make_stacked(plan.institution, award, learner, stack, now)
            identity = credential_aggregate_id(made.public_id)
            kept = msgspec.msgpack.encode(KeptDerivation(form, salt, claim.waivers))
            used = {use.award: use.spent for use in derivation.uses}
            amounts = [
                entered
                for one in plan.gathered
                if one.component.award in used
                for entered in one.amounts(used[one.component.award])
            ]
            writes = [
                *learner.writes,
                *made.writes,
                Write(SEAL_SQL, [self._vault.seal(learner, identity, DERIVATION_KIND, kept)]),
                spend(learner, identity, "stack", amounts),
                *_audits(actor, plan.institution.id, claim, now),
            ]
            unchanged = {aggregate.id: aggregate for one in plan.gathered for aggregate in one.rests_on}
            unchanged |= {plan.institution.id: plan.institution, plan.pathway.id: plan.pathway}
            return Decision(made.events, writes, made.public_id, list(unchanged.values()))

        return self._ledger.carry_out(self._vault, request, decide)

    def derivation(self, public_id: str) -> KeptDerivation:
        """What the vault keeps of a stacked award.

        Raises:
            InvalidInputError: The id is malformed.
            ErasedError: It was erased, or the award was not stacked.
        """
        opened = self._vault.open(credential_aggregate_id(public_id), DERIVATION_KIND)
        return msgspec.msgpack.decode(opened, type=KeptDerivation)

    def _plan(self, slug: str, claim: StackClaim, actor: Actor, now: datetime, learner: bytes | None = None) -> _Plan:
        institution = self._ledger.institution(slug)
        actor.require_institution(institution.id)
        pathway = self._ledger.pathway(institution.id, claim.pathway)
        pathway.require_open()
        number = pathway.number_of(claim.version)
        rules = read_rules(pathway.versions[number - 1].rules)
        day = claim.day or now.date()
        _check(claim, rules, day, now)
        stacker = Stacker(
            institution=institution,
            learner=learner or self._handle(institution.id, claim.learner),
            day=day,
            now=now,
            pathway=pathway.code,
        )
        gathered = self._reading.gather(claim.awards, stacker)
        evaluation = evaluate(
            rules,
            [one.component for one in gathered],
            pathway=pathway.id.hex,
            version=number,
            day=day,
            waivers=[Waiver(rule=waiver.rule, code=waiver.code) for waiver in claim.waivers],
        )
        return _Plan(
            institution=institution,
            pathway=pathway,
            number=number,
            rules=rules,
            stacker=stacker,
            gathered=gathered,
            evaluation=evaluation,
        )

    def _handle(self, institution: UUID, learner: LearnerClaim) -> bytes | None:
        reference = _reference(learner)
        try:
            return None if reference is None else self._vault.find_learner(institution, reference)
        except NotFoundError:
            return None

    def _claim(self, plan: _Plan, claim: StackClaim) -> AwardClaim:
        version = plan.version
        return AwardClaim(
            achievement=version.achievement,
            edition=version.edition,
            learner=claim.learner,
            awarded_on=plan.stacker.day,
            grade=claim.grade,
            valid_until=claim.valid_until,
        )


def explanation(evaluation: Evaluation) -> dict[str, Any]:
    """An evaluation as it is answered: state, outcomes, how awards are used, and the nearest ways to complete it."""
    derivation = evaluation.derivation
    return {
        "state": evaluation.state,
        "outcomes": msgspec.to_builtins(evaluation.outcomes),
        "uses": [] if derivation is None else msgspec.to_builtins(derivation.uses),
        "nearest": msgspec.to_builtins(evaluation.nearest),
        "steps": evaluation.steps,
    }


def _required(plan: _Plan) -> Derivation:
    evaluation = plan.evaluation
    if evaluation.derivation is not None and evaluation.state == "met":
        return evaluation.derivation
    undecided = evaluation.state == "undecided"
    unmet = [outcome.rule for outcome in evaluation.outcomes if outcome.state == "unmet"]
    detail = (
        "whether these awards stack could not be told within the budget; present those alone that are to count"
        if undecided
        else f"these awards do not stack by version {plan.number} of «{plan.pathway.code}»: not met is "
        f"{', '.join(unmet[:5]) or 'the pathway'}; the evaluation says what is missing"
    )
    raise NotStackedError(detail, explanation(evaluation), undecided=undecided)


def _stack(plan: _Plan, derivation: Derivation, form: bytes, salt: bytes, *, named: bool) -> Stack:
    under = StackedUnder(
        institution=plan.institution.slug,
        code=plan.pathway.code,
        version=plan.number,
        rules=derivation.rules,
        components=tuple(component.award for component in derivation.components) if named else (),
    )

    def body(award: UUID) -> Credential.Stacked:
        return Credential.Stacked(
            pathway=plan.pathway.id,
            pathway_version=plan.number,
            rules=derivation.rules,
            derivation=commit(award, DERIVATION_KIND, form, salt),
            recorded_at=plan.stacker.now,
        )

    return Stack(under, body)


def _audits(actor: Actor, institution: UUID, claim: StackClaim, now: datetime) -> list[Write]:
    """One row for the stack, and one for each waiver: who waived which rule; why is in the vault alone."""
    rows = [audit(actor, "stacking.stack", institution, len(claim.awards), now)]
    for waiver in claim.waivers:
        officer = msgspec.structs.replace(actor, name=f"{actor.name} for {waiver.officer}")
        rows.append(audit(officer, f"stacking.waive {waiver.rule} {waiver.code}", institution, 1, now))
    return rows


def _check(claim: StackClaim, rules: PathwayRules, day: date, now: datetime) -> None:
    if not 0 < len(claim.awards) <= MAX_AWARDS:
        message = f"a stack is made of 1 to {MAX_AWARDS} awards, not {len(claim.awards)}"
        raise InvalidInputError(message, "/awards")
    if day > now.date():
        message = "the day of stacking lies in the future"
        raise InvalidInputError(message, "/day")
    if len(claim.waivers) > MAX_WAIVERS:
        message = f"at most {MAX_WAIVERS} rules are waived in one stack"
        raise InvalidInputError(message, "/waivers")
    seen: set[str] = set()
    for number, waiver in enumerate(claim.waivers):
        try:
            waiver.check()
        except InvalidInputError as error:
            raise InvalidInputError(error.detail, f"/waivers/{number}{error.pointer}") from error
        rule = rules.rule_called(waiver.rule)
        if rule is None or not rule.waivable or waiver.rule in seen:
            message = "this rule is not one of the pathway's that an officer may waive, or is waived twice"
            raise InvalidInputError(message, f"/waivers/{number}/rule")
        seen.add(waiver.rule)


def _reference(learner: LearnerClaim) -> str | None:
    return learner.reference or learner.email
