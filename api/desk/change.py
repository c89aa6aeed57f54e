"""Awards between choice and change.

    found ─▶ planned ─▶ changing ─▶ changed
               │  ▲
               └──┘ rows that would be refused are left out, or nothing is changed

What broke off may be begun again: what was changed before is not changed twice.
Each award is changed by a command of its own, for what follows for stacks is decided award by award; the result says
of each what came of it. Every one was tried before, so that a refusal at last is rare: somebody was faster.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from threading import Lock
from typing import Final, Literal, get_args

import msgspec

from api.desk.gate import Visit
from api.desk.job import Job, is_refusal
from api.node import Node
from api.problem_handler import ErrorLog
from api.route.page import pasted_id
from ledger.achievement import Achievement
from ledger.application import Request, achievement_id
from ledger.award_finding import AwardFinding
from ledger.claim import AwardClaim
from ledger.credential import Credential
from ledger.error import InvalidInputError, LedgerError
from ledger.reason import Reason
from projections.credential_status import CredentialStatus
from projections.status_lists import StatusLists

HELD: Final = "change"
"""Under which name a session holds its choice."""
MAX_AWARDS: Final = 500
"""Awards of one choice; each is a commit of its own."""
MAX_LINES: Final = 1_000
MAX_LINE_CHARS: Final = 2_000
Act = Literal["suspend", "reinstate", "revoke"]
ACTS: Final[tuple[Act, ...]] = get_args(Act)


@dataclass(slots=True)
class Chosen:
    """One award that was found.

    Attributes:
        public_id: Its id.
        learner: The learner's name; empty when it was erased.
        title: What was awarded; empty for documents that are no award.
        day: From when it holds.
        state: How it stood when it was found.
        refusal: Why it would not, or could not, be changed; empty when nothing speaks against it.
        is_changed: Whether it was.
    """

    public_id: str
    learner: str
    title: str
    day: datetime
    state: str
    refusal: str = ""
    is_changed: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done with every award of a choice; ``note`` goes to the vault."""

    act: Act
    reason: Reason | None
    note: str | None


@dataclass(slots=True, eq=False)
class Choice:
    """Awards that were found, and what is to become of them.

    Attributes:
        awards: The awards, in the order in which they were named.
        lost: Lines that led to none of this institution's.
        is_whole: Whether names, and micro-credentials, were looked for among all awards; else the newest alone.
        plan: What is to be done, once it has been said.
        id: 128 random bits as hex, new with every plan.
        job: The change, once it has begun.
    """

    awards: list[Chosen]
    lost: list[str]
    plan: Plan | None = None
    id: str = ""
    job: Job | None = None
    is_whole: bool = True
    _lock: Lock = field(default_factory=Lock)

    @property
    def is_under_way(self) -> bool:
        """Whether they are being changed now."""
        return self.job is not None and not self.job.is_over

    @property
    def refused(self) -> list[Chosen]:
        """Awards against whose change something speaks."""
        return [award for award in self.awards if award.refusal]

    def keep(self, public_ids: Collection[str]) -> None:
        """Leave out what is not among these."""
        self.awards = [award for award in self.awards if award.public_id in public_ids]

    def leave_out_refused(self) -> None:
        """Leave them out."""
        self.awards = [award for award in self.awards if not award.refusal]

    def try_out(self, node: Node, visit: Visit, plan: Plan) -> None:
        """Say what is to be done, and find out of each award what speaks against it. Changes nothing."""
        with self._lock:
            if self.job is not None:  # it began in another window: what is under way stays what it is
                return
            self.plan, self.id = plan, ""  # nothing can be confirmed before all has been tried
        for award in self.awards:
            award.refusal = _tried(lambda award=award: _change(node, visit, plan, award.public_id, trial=True))  # type: ignore[misc]  # called at once
        with self._lock:
            if self.plan is plan:
                self.id = secrets.token_hex(16)

    def carry_out(self, node: Node, visit: Visit, identity: str, log: ErrorLog) -> Job | None:
        """Begin to change them, unless that has begun and not failed.

        Returns:
            None while something speaks against one of them, or when *identity* is of another plan: another window of
            the same officer may have made one since the page was shown.
        """
        with self._lock:
            plan, awards = self.plan, self.awards
            if not identity or identity != self.id or plan is None or not awards:
                return None
            has_failed = self.job is not None and self.job.has_failed
            if has_failed or (self.job is None and not self.refused):
                self.job = Job(self._work(node, visit, plan, identity), len(awards), log)
            return self.job

    def _work(self, node: Node, visit: Visit, plan: Plan, identity: str) -> Callable[[Callable[[int], None]], int]:
        awards = self.awards

        def work(told: Callable[[int], None]) -> int:
            newest = 0
            for number, award in enumerate(awards, 1):
                request = _request(visit, plan, identity, award.public_id)
                try:
                    position = _change(node, visit, plan, award.public_id, request=request)
                    award.is_changed, award.refusal, newest = True, "", max(newest, position)
                except LedgerError as error:
                    if not is_refusal(error):
                        raise
                    award.refusal = str(error)
                told(number)
            node.wait_until_visible(newest, CredentialStatus.NAME, StatusLists.NAME)
            return newest

        return work


def held_choice(visit: Visit) -> Choice | None:
    """The choice that a session holds, or None."""
    found = visit.session.held.get(HELD)
    return found if isinstance(found, Choice) else None


def find(node: Node, visit: Visit, text: str, achievement: str = "", day: date | None = None) -> Choice:
    """Find awards of the visitor's institution.

    Args:
        node: The process's parts.
        visit: Who asks.
        text: Line by line an id, a link, what the institution calls a learner, or a learner's name or part of it.
        achievement: Without lines: all awards of the micro-credential with that code, and
        day: that hold from that day on.

    Raises:
        InvalidInputError: More than MAX_LINES lines, or more than MAX_AWARDS awards.
    """
    finding = AwardFinding(node.ledger, node.parts.vault)
    lines = [line.strip()[:MAX_LINE_CHARS] for line in text.splitlines() if line.strip()]
    if len(lines) > MAX_LINES:
        raise InvalidInputError(f"these are more than {MAX_LINES} lines; take some of them at a time")
    ids = {line: _named(finding, visit, line) for line in lines}
    names = [line for line, found in ids.items() if not found and pasted_id(line) is None]
    is_whole = True
    if names or (not lines and (achievement or day)):
        newest = finding.newest(
            visit.institution.id,
            names=names,
            achievement=achievement_id(visit.institution.id, achievement) if achievement and not lines else None,
            day=None if lines else day,
        )
        ids |= newest.ids
        is_whole = newest.is_whole
    awards: dict[str, Chosen] = {}
    lost = []
    for line, public_ids in ids.items():
        if len(public_ids) + len(awards) > 2 * MAX_AWARDS:
            raise InvalidInputError(f"these are more than {MAX_AWARDS} awards; take some of them at a time")
        found = [one for public_id in public_ids if (one := _chosen(node, visit, finding, public_id)) is not None]
        awards |= {one.public_id: one for one in found}
        if not found and line:
            lost.append(line)
        if len(awards) > MAX_AWARDS:
            raise InvalidInputError(f"these are more than {MAX_AWARDS} awards; take some of them at a time")
    return Choice(list(awards.values()), lost, is_whole=is_whole)


def _named(finding: AwardFinding, visit: Visit, line: str) -> Sequence[str]:
    """The awards that a line names by link, by id, or by what the institution calls the learner."""
    named = pasted_id(line)
    return [named] if named else finding.public_ids(visit.institution.id, line)


def _chosen(node: Node, visit: Visit, finding: AwardFinding, public_id: str) -> Chosen | None:
    """One award of the visitor's institution; of others not even that they exist."""
    try:
        credential, _ = node.parts.parts.credential(public_id, node.ledger.now())
    except LedgerError:
        return None
    if credential.institution != visit.institution.id:
        return None
    kept = finding.sealed(credential.id)
    claim = msgspec.msgpack.decode(kept.claim, type=AwardClaim) if kept is not None and kept.claim else None
    learner = "" if claim is None else claim.learner.name
    return Chosen(public_id, learner, _title(node, credential), credential.valid_from, credential.state)


def _title(node: Node, credential: Credential) -> str:
    if credential.achievement is None or credential.edition is None:
        return ""
    achievement = node.ledger.load(Achievement, credential.achievement, "such achievement")
    return achievement.editions[credential.edition - 1].title


def _tried(work: Callable[[], object]) -> str:
    try:
        work()
    except LedgerError as error:
        return str(error)
    return ""


def _request(visit: Visit, plan: Plan, identity: str, public_id: str) -> Request:
    body = msgspec.json.encode([plan.act, plan.reason, plan.note])
    return Request(f"{visit.institution.id.hex} desk change", f"{identity}-{public_id}", body)


def _change(
    node: Node, visit: Visit, plan: Plan, public_id: str, *, request: Request | None = None, trial: bool = False
) -> int:
    """Change one award, or try; returns the position that was written.

    Raises:
        LedgerError: The ledger refuses it.
    """
    if plan.act == "reinstate":
        outcome = node.lifecycle.reinstate(public_id=public_id, actor=visit.actor, request=request, trial=trial)
        return outcome.position
    if plan.reason is None:
        raise InvalidInputError("give a reason", "/reason")
    command = node.lifecycle.suspend if plan.act == "suspend" else node.lifecycle.revoke
    outcome = command(
        public_id=public_id, reason=plan.reason, note=plan.note, actor=visit.actor, request=request, trial=trial
    )
    return outcome.position
