"""Carries out the demonstration's plan against a real ledger, under a simulated clock.

Five years pass in seconds: before each step the clock is set to the step's instant, so every event, signature and
checkpoint bears the date it would have had. The log is published, and stamped by the demonstration's own witness, at
the end of every simulated week in which something happened.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from api.demo.people import Learner
from api.demo.step import (
    CompromiseKey,
    ForgeDocument,
    GrantAccreditation,
    IssueBatch,
    PlannedAward,
    PublishAchievement,
    RegisterInstitution,
    Reinstate,
    Replace,
    ReviseAchievement,
    Revoke,
    RotateKey,
    Step,
    Suspend,
    WithdrawAccreditation,
)
from api.ledger_node import LedgerNode
from ledger.access import Actor
from ledger.claim import AwardClaim, LearnerClaim
from ledger.credential_id import RANDOM_BYTES, credential_aggregate_id, make_public_id
from ledger.document import Award, sign_document
from ledger.form.open_badge import build_document
from ledger.status_allocation import BLOCK_ENTRIES, StatusPlace

WEEK: Final = timedelta(days=7)


class SimulatedClock:
    """A clock that shows what it is set to, and never goes back."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def __call__(self) -> datetime:
        """The instant it was set to."""
        return self._now

    def set(self, instant: datetime) -> None:
        """Set it to *instant*, if that is later."""
        self._now = max(self._now, instant)


class Driver:
    """Carries out steps.

    Args:
        node: The ledger, empty, working by *clock*.
        clock: The simulated clock.
        publish: Publishes and stamps the log; called at the end of each simulated week.
    """

    def __init__(self, node: LedgerNode, clock: SimulatedClock, publish: Callable[[], None]) -> None:
        self._node = node
        self._clock = clock
        self._publish = publish
        self._actor = Actor(name="demonstration", role="operator")
        self.credentials: dict[str, str] = {}
        self.forged: dict[str, dict[str, Any]] = {}

    def carry_out(self, steps: Sequence[Step], progress: Callable[[int], None]) -> None:
        """Carry out *steps* in order; *progress* is told how many are done."""
        published = steps[0].at
        for done, step in enumerate(steps, start=1):
            if step.at - published >= WEEK:
                self._publish()
                published = step.at
            self._clock.set(step.at)
            self._carry_out(step)
            progress(done)
        self._publish()

    def _carry_out(self, step: Step) -> None:
        match step:
            case IssueBatch() | Replace() | Suspend() | Reinstate() | Revoke():
                self._award_step(step)
            case PublishAchievement() | ReviseAchievement():
                self._node.catalogue.publish(
                    slug=step.institution, code=step.code, template=step.template, actor=self._actor
                )
            case ForgeDocument():
                self._forge(step)
            case _:
                self._institution_step(step)

    def _institution_step(
        self,
        step: RegisterInstitution | GrantAccreditation | WithdrawAccreditation | RotateKey | CompromiseKey,
    ) -> None:
        registry, slug, actor = self._node.registry, step.institution, self._actor
        match step:
            case RegisterInstitution():
                registry.register(slug=slug, name=step.name, country=step.country, kind=step.kind, actor=actor)
            case GrantAccreditation():
                registry.grant_accreditation(
                    slug=slug,
                    by=step.by,
                    scope=step.scope,
                    valid_from=step.valid_from,
                    valid_until=step.valid_until,
                    actor=actor,
                )
            case WithdrawAccreditation():
                registry.withdraw_accreditation(
                    slug=slug,
                    accreditation_id=step.accreditation_id,
                    reason=step.reason,
                    effective_at=step.effective_at,
                    actor=actor,
                )
            case RotateKey():
                registry.rotate_key(slug=slug, actor=actor)
            case CompromiseKey():
                registry.declare_compromised(
                    slug=slug, key_id=step.key_id, compromised_at=step.compromised_at, actor=actor
                )

    def _award_step(self, step: IssueBatch | Replace | Suspend | Reinstate | Revoke) -> None:
        lifecycle, actor = self._node.lifecycle, self._actor
        match step:
            case IssueBatch():
                claims = [_claim(step, award) for award in step.awards]
                outcome = self._node.issuance.issue(slug=step.institution, claims=claims, actor=actor)
                handles = [award.handle for award in step.awards]
                self.credentials.update(zip(handles, outcome.answer, strict=True))
            case Replace():
                outcome = self._node.issuance.replace(
                    public_id=self.credentials[step.award],
                    claim=_claim(step, step.successor),
                    reason=step.reason,
                    actor=actor,
                )
                self.credentials[step.successor.handle] = outcome.answer[0]
            case Suspend():
                lifecycle.suspend(
                    public_id=self.credentials[step.award],
                    reason=step.reason,
                    note=step.note,
                    actor=actor,
                )
            case Reinstate():
                lifecycle.reinstate(public_id=self.credentials[step.award], actor=actor)
            case Revoke():
                lifecycle.revoke(
                    public_id=self.credentials[step.award],
                    reason=step.reason,
                    effective_at=step.effective_at,
                    note=step.note,
                    actor=actor,
                )

    def _forge(self, step: ForgeDocument) -> None:
        """Do what a thief would: sign a document with the key itself, past the ledger."""
        ledger, now = self._node.ledger, self._node.ledger.now()
        institution = ledger.institution(step.institution)
        achievement = ledger.achievement(institution.id, step.code)
        public_id = make_public_id(now, ledger.random(RANDOM_BYTES))
        award = Award(
            public_id=public_id,
            aggregate_id=credential_aggregate_id(public_id),
            institution=institution,
            achievement_code=step.code,
            edition=step.edition,
            template=achievement.editions[step.edition - 1],
            claim=_claim(step, step.award),
            key_id=step.key_id,
            place=StatusPlace(0, int.from_bytes(ledger.random(4)) % BLOCK_ENTRIES),
            recorded_at=now,
        )
        key = self._node.keys.signing_key(institution.id, step.key_id, f"{institution.did}#{step.key_id}")
        document = build_document(award, self._node.identity.base_url)
        self.credentials[step.award.handle] = public_id
        self.forged[step.award.handle] = sign_document(document, key, now)


def _claim(step: IssueBatch | Replace | ForgeDocument, award: PlannedAward) -> AwardClaim:
    learner: Learner = award.learner
    return AwardClaim(
        achievement=step.code,
        learner=LearnerClaim(name=learner.name, reference=learner.reference, email=learner.email),
        awarded_on=step.awarded_on,
        edition=step.edition,
        grade=award.grade,
        valid_until=None if isinstance(step, ForgeDocument) else step.valid_until,
    )
