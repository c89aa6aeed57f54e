"""Aggregate ``Programme``: a diploma as modules, in editions that never change.

A module is an edition of an achievement that the institution has published, so it has every mandatory element of the EU
Recommendation (outcomes, workload, level, assessment and the rest), and a part of an unpacked diploma can be an award
of it. The event names the module by its code and repeats nothing but its credits, so that a programme of 256 modules
fits an entry of the log.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Final, Literal
from uuid import UUID

import msgspec

from ledger.achievement import CODE, LANGUAGE, MAX_CREDITS_CENTI, MAX_TITLE_CHARS
from ledger.aggregate import Aggregate
from ledger.error import InvalidInputError, RuleError
from ledger.event import DomainEvent, Event, Instant
from ledger.text import check_text, is_blank

MAX_MODULES: Final = 256
"""Modules of a programme. Source: the project's own limit; such a programme takes half of an entry of the log."""
MAX_SEMESTER: Final = 30
MAX_REVIEW_DAYS: Final = 366

Withdrawal = Literal["stand", "review", "suspend", "revoke"]
"""What becomes of the parts when the diploma that they were unpacked from is withdrawn."""
ChangeKind = Literal["added", "removed", "changed"]


class Module(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One module.

    Attributes:
        code: What the programme calls it.
        achievement: The institution's code of the achievement that it is.
        edition: Which edition of that.
        credits_centi: Hundredths of an ECTS credit, as that edition says.
        semester: In which semester it stands, from 1.
        required: Whether the diploma cannot be had without it.
    """

    code: str
    achievement: str
    edition: int
    credits_centi: int
    semester: int
    required: bool


class Curriculum(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one edition of a programme says.

    Attributes:
        title: Its name.
        language: BCP 47 tag of the title.
        achievement: The institution's code of the diploma.
        partial: The code of what a student holds who left before the end; None: nothing.
        credits_centi: What the diploma is worth, in hundredths of an ECTS credit.
        withdrawal: What becomes of the parts when a diploma is withdrawn.
        review_days: How long a review may take, where there is to be one.
        modules: In the order of the programme.
    """

    title: str
    language: str
    achievement: str
    partial: str | None
    credits_centi: int
    withdrawal: Withdrawal
    review_days: int | None
    modules: tuple[Module, ...]

    def check(self) -> None:
        """Refuse a programme that is not well formed, or whose modules cannot come to its credits.

        Raises:
            InvalidInputError: The pointer says where.
        """
        check_text(self)
        if is_blank(self.title) or len(self.title) > MAX_TITLE_CHARS:
            refuse(f"a title has 1 to {MAX_TITLE_CHARS} characters", "/title")
        if not LANGUAGE.fullmatch(self.language):
            refuse("the language is a BCP 47 tag such as en or pt-BR", "/language")
        if (self.withdrawal == "review") != (self.review_days is not None):
            refuse(
                "review_days says how long a review may take, and is there when withdrawal is «review»", "/review_days"
            )
        if self.review_days is not None and not 0 < self.review_days <= MAX_REVIEW_DAYS:
            refuse(f"a review takes 1 to {MAX_REVIEW_DAYS} days", "/review_days")
        if not 0 < len(self.modules) <= MAX_MODULES:
            refuse(f"a programme has 1 to {MAX_MODULES} modules, not {len(self.modules)}", "/modules")
        self._check_modules()
        self._check_credits()

    def _check_modules(self) -> None:
        whole = {self.achievement, self.partial}
        codes: set[str] = set()
        taught: set[str] = set()
        for number, module in enumerate(self.modules):
            pointer = f"/modules/{number}"
            if not CODE.fullmatch(module.code):
                refuse("a code is 1 to 64 letters, digits, dots, hyphens and underscores", f"{pointer}/code")
            if module.code in codes:
                refuse(f"there is a module «{module.code}» already", f"{pointer}/code")
            if module.achievement in taught:
                refuse(f"another module is «{module.achievement}» already", f"{pointer}/achievement")
            if module.achievement in whole:
                refuse("a module is not the diploma itself", f"{pointer}/achievement")
            if module.edition < 1 or not 0 < module.credits_centi <= MAX_CREDITS_CENTI:
                refuse("a module is an edition that has credits", f"{pointer}/edition")
            if not 1 <= module.semester <= MAX_SEMESTER:
                refuse(f"a semester lies between 1 and {MAX_SEMESTER}", f"{pointer}/semester")
            codes.add(module.code)
            taught.add(module.achievement)

    def _check_credits(self) -> None:
        required = sum(module.credits_centi for module in self.modules if module.required)
        offered = sum(module.credits_centi for module in self.modules)
        if not required <= self.credits_centi <= offered:
            message = (
                f"the diploma is worth {self.credits_centi} hundredths of a credit, its required modules {required} "
                f"and all of them {offered}; it lies between the two"
            )
            refuse(message, "/credits_centi")

    def module(self, code: str) -> Module | None:
        """The module with that code, or None."""
        return next((module for module in self.modules if module.code == code), None)


class Change(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one edition has otherwise than the one before.

    Attributes:
        kind: Whether a module came, went or changed.
        module: Its code; None for what concerns the programme as a whole.
        members: Which members changed; none of a module that came or went.
    """

    kind: ChangeKind
    module: str | None
    members: tuple[str, ...]


class Programme(Aggregate, frozen=True, kw_only=True):
    """State of a programme: its newest edition and all before it."""

    institution: UUID
    code: str
    editions: tuple[Curriculum, ...]

    class Published(Event, frozen=True, kw_only=True):
        """The first edition was published."""

        TOPIC: ClassVar[str] = "programme.published.v1"
        institution: UUID
        code: str
        edition: int
        curriculum: Curriculum
        recorded_at: Instant

    class Revised(Event, frozen=True, kw_only=True):
        """A further edition was published; the earlier ones stand for what was unpacked under them."""

        TOPIC: ClassVar[str] = "programme.revised.v1"
        institution: UUID
        code: str
        edition: int
        curriculum: Curriculum
        changes: tuple[Change, ...]
        recorded_at: Instant

    @classmethod
    def publish(
        cls,
        *,
        id: UUID,  # noqa: A002  what every aggregate calls it
        institution: UUID,
        code: str,
        curriculum: Curriculum,
        at: datetime,
    ) -> DomainEvent:
        """Publish the first edition.

        Raises:
            InvalidInputError: The code or the curriculum is not well formed.
        """
        if not CODE.fullmatch(code):
            refuse("a code is 1 to 64 letters, digits, dots, hyphens and underscores", "/code")
        curriculum.check()
        body = cls.Published(institution=institution, code=code, edition=1, curriculum=curriculum, recorded_at=at)
        return DomainEvent(id, 1, body)

    def revise(self, *, curriculum: Curriculum, at: datetime) -> list[DomainEvent]:
        """Publish a further edition; the list of changes follows from the two.

        Raises:
            InvalidInputError: The curriculum is not well formed.
            RuleError: Nothing differs from the newest edition.
        """
        curriculum.check()
        changes = changes_between(self.editions[-1], curriculum)
        if not changes:
            message = "nothing differs from the newest edition"
            raise RuleError(message)
        body = self.Revised(
            institution=self.institution,
            code=self.code,
            edition=len(self.editions) + 1,
            curriculum=curriculum,
            changes=changes,
            recorded_at=at,
        )
        return self.follow(body)

    @classmethod
    def begin(cls, originator_id: UUID, body: Event) -> Programme:
        """State after publication."""
        assert isinstance(body, cls.Published)  # noqa: S101  the mapper has checked the topic
        return cls(
            id=originator_id,
            version=1,
            institution=body.institution,
            code=body.code,
            editions=(body.curriculum,),
        )

    def evolve(self, body: Event) -> Programme:
        """State after one more edition."""
        if isinstance(body, Programme.Revised):
            return msgspec.structs.replace(self, editions=(*self.editions, body.curriculum))
        return self


def changes_between(before: Curriculum, after: Curriculum) -> tuple[Change, ...]:
    """What *after* has otherwise than *before*: the programme first, then modules by code; empty when nothing."""
    changes: list[Change] = []
    whole = [name for name in _differing(before, after) if name != "modules"]
    if [module.code for module in before.modules] != [module.code for module in after.modules] and _codes(
        before
    ) == _codes(after):
        whole.append("modules")
    if whole:
        changes.append(Change(kind="changed", module=None, members=tuple(whole)))
    for code in sorted(_codes(before) | _codes(after)):
        old, new = before.module(code), after.module(code)
        if old is None or new is None:
            changes.append(Change(kind="added" if old is None else "removed", module=code, members=()))
        elif old != new:
            changes.append(Change(kind="changed", module=code, members=_differing(old, new)))
    return tuple(changes)


def _codes(curriculum: Curriculum) -> set[str]:
    return {module.code for module in curriculum.modules}


def _differing(before: msgspec.Struct, after: msgspec.Struct) -> tuple[str, ...]:
    names: Sequence[str] = before.__struct_fields__
    return tuple(name for name in names if getattr(before, name) != getattr(after, name))


def refuse(message: str, pointer: str) -> None:
    """Raise the error for a member that is not well formed."""
    raise InvalidInputError(message, pointer)


EVENTS: tuple[type[Event], ...] = (Programme.Published, Programme.Revised)
"""Every event of this aggregate."""
