"""Commands on programmes: publish a diploma as modules, and revise it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from ledger.access import Actor, audit
from ledger.achievement import Achievement, Template
from ledger.application import Decision, Ledger, Outcome, Request, programme_id
from ledger.error import InvalidInputError, NotFoundError
from ledger.institution import Institution
from ledger.programme import Curriculum, Module, Programme, Withdrawal
from ledger.vault import Vault


class ModuleDraft(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A module as it is asked for; without ``edition`` it is the newest of its achievement."""

    code: str
    achievement: str
    semester: int
    edition: int | None = None
    required: bool = True


class ProgrammeDraft(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A programme as it is asked for: a :class:`~ledger.programme.Curriculum` whose modules say no credits."""

    title: str
    language: str
    achievement: str
    credits_centi: int
    withdrawal: Withdrawal
    modules: tuple[ModuleDraft, ...]
    partial: str | None = None
    review_days: int | None = None


class Prospectus:
    """Carries out commands on programmes."""

    def __init__(self, ledger: Ledger, vault: Vault) -> None:
        self._ledger = ledger
        self._vault = vault

    def publish(
        self, *, slug: str, code: str, draft: ProgrammeDraft, actor: Actor, request: Request | None = None
    ) -> Outcome:
        """Publish a programme: its first edition, or the next one when *code* is known. Answers code and edition.

        Raises:
            ForbiddenError: The actor acts for another institution.
            InvalidInputError: See :meth:`Curriculum.check`; or an achievement is not published, has no credits, or the
                diploma is worth something else than its template says.
            NotFoundError: No such institution.
            RuleError: Nothing differs from the newest edition.
        """

        def decide(now: datetime) -> Decision:
            institution = self._ledger.institution(slug)
            actor.require_institution(institution.id)
            curriculum = self._curriculum(institution, draft)
            try:
                known = self._ledger.programme(institution.id, code)
            except NotFoundError:
                edition, identity = 1, programme_id(institution.id, code)
                events = [
                    Programme.publish(id=identity, institution=institution.id, code=code, curriculum=curriculum, at=now)
                ]
            else:
                edition = len(known.editions) + 1
                events = known.revise(curriculum=curriculum, at=now)
            answer = {"institution": slug, "code": code, "edition": edition}
            return Decision(events, [audit(actor, "programme.publish", institution.id, 1, now)], answer)

        return self._ledger.carry_out(self._vault, request, decide)

    def _curriculum(self, institution: Institution, draft: ProgrammeDraft) -> Curriculum:
        diploma = self._template(institution, draft.achievement, None, "/achievement")[1]
        if diploma.credits_centi != draft.credits_centi:
            message = f"the diploma «{draft.achievement}» is worth {diploma.credits_centi} hundredths of a credit"
            raise InvalidInputError(message, "/credits_centi")
        if draft.partial is not None:
            self._template(institution, draft.partial, None, "/partial")
        members = msgspec.structs.asdict(draft)
        members["modules"] = tuple(
            self._module(institution, module, f"/modules/{number}") for number, module in enumerate(draft.modules)
        )
        return Curriculum(**members)

    def _module(self, institution: Institution, draft: ModuleDraft, pointer: str) -> Module:
        edition, template = self._template(institution, draft.achievement, draft.edition, f"{pointer}/achievement")
        if template.credits_centi is None:
            message = f"«{draft.achievement}» says no credits, and the parts of a diploma are counted in credits"
            raise InvalidInputError(message, f"{pointer}/achievement")
        return Module(
            code=draft.code,
            achievement=draft.achievement,
            edition=edition,
            credits_centi=template.credits_centi,
            semester=draft.semester,
            required=draft.required,
        )

    def _template(self, institution: Institution, code: str, edition: int | None, pointer: str) -> tuple[int, Template]:
        try:
            achievement: Achievement = self._ledger.achievement(institution.id, code)
        except NotFoundError as error:
            message = f"{institution.name} has published no «{code}»; publish it first"
            raise InvalidInputError(message, pointer) from error
        number = edition or len(achievement.editions)
        if not 0 < number <= len(achievement.editions):
            message = f"«{code}» has the editions 1 to {len(achievement.editions)}"
            raise InvalidInputError(message, pointer.removesuffix("achievement") + "edition")
        return number, achievement.editions[number - 1]
