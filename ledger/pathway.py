"""Aggregate ``Pathway``: the published, versioned rules by which awards stack into an achievement.

A version never changes. Whoever was awarded under it stays judged by it, and its rule text is in the log, word for
word, for whoever checks a stacked award. A revision is a further version with a list of what has changed; a pathway
that is retired takes nobody in any more.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

import msgspec

from ledger.achievement import CODE
from ledger.aggregate import Aggregate
from ledger.error import InvalidInputError, RuleError
from ledger.event import DomainEvent, Event, Instant
from ledger.stacking.pathway_rules import PathwayRules
from ledger.stacking.text_form import convert
from ledger.text import check_text, is_blank

MAX_CHANGES: Final = 30
MAX_CHANGE_CHARS: Final = 500


class PathwayVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version, as it was published and as it stays.

    Attributes:
        achievement: The institution's code of the achievement that it stacks into.
        edition: Which edition of it; None for the newest at the time.
        rules: The rule text.
        changes: What is other than in the version before, in the institution's words; nothing of a first one.
        recorded_at: When it was published.
    """

    achievement: str
    edition: int | None
    rules: dict[str, Any]
    changes: tuple[str, ...]
    recorded_at: Instant


class Pathway(Aggregate, frozen=True, kw_only=True):
    """State of a pathway: every version, the newest last, and since when it takes nobody in any more."""

    institution: UUID
    code: str
    versions: tuple[PathwayVersion, ...]
    retired_at: Instant | None = None

    class Published(Event, frozen=True, kw_only=True):
        """The first version was published."""

        TOPIC: ClassVar[str] = "pathway.published.v1"
        institution: UUID
        code: str
        number: int
        achievement: str
        edition: int | None
        rules: dict[str, Any]
        recorded_at: Instant

    class Revised(Event, frozen=True, kw_only=True):
        """A further version was published; the earlier ones stand for what was awarded under them."""

        TOPIC: ClassVar[str] = "pathway.revised.v1"
        institution: UUID
        code: str
        number: int
        achievement: str
        edition: int | None
        rules: dict[str, Any]
        changes: tuple[str, ...]
        recorded_at: Instant

    class Retired(Event, frozen=True, kw_only=True):
        """Nothing is stacked by it any more; what was stacked stands."""

        TOPIC: ClassVar[str] = "pathway.retired.v1"
        recorded_at: Instant

    @classmethod
    def publish(
        cls,
        *,
        id: UUID,  # noqa: A002  what every aggregate calls it
        institution: UUID,
        code: str,
        achievement: str,
        edition: int | None,
        rules: dict[str, Any],
        at: datetime,
    ) -> DomainEvent:
        """Publish the first version.

        Raises:
            InvalidInputError: The code or the rules are not well formed.
        """
        if not CODE.fullmatch(code):
            message = "a code is 1 to 64 letters, digits, dots, hyphens and underscores"
            raise InvalidInputError(message, "/code")
        _check(achievement, edition, rules)
        body = cls.Published(
            institution=institution,
            code=code,
            number=1,
            achievement=achievement,
            edition=edition,
            rules=rules,
            recorded_at=at,
        )
        return DomainEvent(id, 1, body)

    def revise(
        self,
        *,
        achievement: str,
        edition: int | None,
        rules: dict[str, Any],
        changes: tuple[str, ...],
        at: datetime,
    ) -> list[DomainEvent]:
        """Publish a further version.

        Raises:
            InvalidInputError: The rules or the changes are not well formed.
            RuleError: Nothing differs from the newest version, or the pathway was retired.
        """
        self.require_open()
        _check(achievement, edition, rules)
        _check_changes(changes)
        newest = self.versions[-1]
        if (achievement, edition, rules) == (newest.achievement, newest.edition, newest.rules):
            message = "nothing differs from the newest version"
            raise RuleError(message)
        body = self.Revised(
            institution=self.institution,
            code=self.code,
            number=len(self.versions) + 1,
            achievement=achievement,
            edition=edition,
            rules=rules,
            changes=changes,
            recorded_at=at,
        )
        return self.follow(body)

    def retire(self, *, at: datetime) -> list[DomainEvent]:
        """Take nobody in any more.

        Raises:
            RuleError: It was retired before.
        """
        self.require_open()
        return self.follow(self.Retired(recorded_at=at))

    def require_open(self) -> None:
        """Check that the pathway was not retired.

        Raises:
            RuleError: It was.
        """
        if self.retired_at is not None:
            message = f"«{self.code}» was retired on {self.retired_at.date()}; publish a pathway under another code"
            raise RuleError(message)

    def number_of(self, wanted: int | None) -> int:
        """The number of the version that is asked for, of the newest when none is.

        Raises:
            InvalidInputError: There is no such version.
        """
        count = len(self.versions)
        if wanted is not None and not 0 < wanted <= count:
            message = f"«{self.code}» has the versions 1 to {count}"
            raise InvalidInputError(message, "/version")
        return wanted or count

    @classmethod
    def begin(cls, originator_id: UUID, body: Event) -> Pathway:
        """State after publication."""
        assert isinstance(body, cls.Published)  # noqa: S101  the mapper has checked the topic
        return cls(
            id=originator_id,
            version=1,
            institution=body.institution,
            code=body.code,
            versions=(_version(body),),
        )

    def evolve(self, body: Event) -> Pathway:
        """State after one more event."""
        if isinstance(body, Pathway.Revised):
            return msgspec.structs.replace(self, versions=(*self.versions, _version(body)))
        if isinstance(body, Pathway.Retired):
            return msgspec.structs.replace(self, retired_at=body.recorded_at)
        return self


def _version(body: Pathway.Published | Pathway.Revised) -> PathwayVersion:
    return PathwayVersion(
        achievement=body.achievement,
        edition=body.edition,
        rules=body.rules,
        changes=body.changes if isinstance(body, Pathway.Revised) else (),
        recorded_at=body.recorded_at,
    )


def read_rules(rules: dict[str, Any]) -> PathwayRules:
    """Make the rules of their text as events hold it.

    Raises:
        InvalidInputError: It is none; the pointer starts with ``/rules``.
    """
    try:
        return convert(rules, PathwayRules)
    except InvalidInputError as error:
        raise InvalidInputError(error.detail, f"/rules{error.pointer}") from error


def rule_text(rules: PathwayRules) -> dict[str, Any]:
    """The text of rules as events hold it: the members of its canonical form, in that order.

    Raises:
        InvalidInputError: A text in it has no canonical form; the pointer starts with ``/rules``.
    """
    try:
        text: dict[str, Any] = json.loads(rules.canonical())
    except InvalidInputError as error:
        raise InvalidInputError(error.detail, f"/rules{error.pointer}") from error
    return text


def _check(achievement: str, edition: int | None, rules: dict[str, Any]) -> None:
    if not CODE.fullmatch(achievement):
        message = "the achievement is named by the institution's code for it"
        raise InvalidInputError(message, "/achievement")
    if edition is not None and edition < 1:
        message = "editions are numbered from 1; leave it out for the newest"
        raise InvalidInputError(message, "/edition")
    read = read_rules(rules)
    try:
        read.check()
    except InvalidInputError as error:
        raise InvalidInputError(error.detail, f"/rules{error.pointer}") from error
    if rule_text(read) != rules:
        message = "the rule text is not in its canonical form: what is at its default is left out"
        raise InvalidInputError(message, "/rules")


def _check_changes(changes: tuple[str, ...]) -> None:
    if not 0 < len(changes) <= MAX_CHANGES:
        message = f"a further version comes with 1 to {MAX_CHANGES} sentences on what has changed"
        raise InvalidInputError(message, "/changes")
    for number, change in enumerate(changes):
        check_text(change, f"/changes/{number}")
        if is_blank(change) or len(change) > MAX_CHANGE_CHARS:
            message = f"a change is said in 1 to {MAX_CHANGE_CHARS} characters"
            raise InvalidInputError(message, f"/changes/{number}")


EVENTS: tuple[type[Event], ...] = (Pathway.Published, Pathway.Revised, Pathway.Retired)
"""Every event of this aggregate."""
