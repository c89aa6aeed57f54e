"""The whole rule text of a pathway: public, pinned by its digest to every award that is stacked under it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Final, Literal, NoReturn

import msgspec

from ledger.error import InvalidInputError
from ledger.stacking.admission import Admission, AnyAdmission, GradeFloor, Quality, Recency, Scope, Status
from ledger.stacking.component import AchievementRef
from ledger.stacking.grade import Scale
from ledger.stacking.overlap import Overlap
from ledger.stacking.quantity import MAX_AMOUNT, MAX_STEP, Unit, parse_share
from ledger.stacking.rule import (
    AllOf,
    AnyOf,
    AnyRule,
    AtLeast,
    Choose,
    CreditsFrom,
    Maximum,
    Minimum,
    Prerequisite,
    Residency,
    Rule,
    Share,
)
from ledger.stacking.selector import Selector
from ledger.stacking.text_form import Text, canonical, parse

NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
MAX_RULES: Final = 200
MAX_ITEMS: Final = 200
DEFAULT_STATUS: Final = Status(id="status")
"""What holds where a rule text has no rule on status."""
MAX_DAYS: Final = 3_660
MAX_YEARS: Final = 100
Composite = AllOf | AnyOf | AtLeast | CreditsFrom


class Cascade(Text, frozen=True, kw_only=True):
    """What becomes of a stack that loses a component.

    Args:
        on_loss: Flag it for review, suspend it, revoke it, or let it stand.
        deadline_days: Days until the policy takes effect.
        appeal_days: Days within which the holder may appeal.
    """

    on_loss: Literal["review", "suspend", "revoke", "stand"]
    deadline_days: int
    appeal_days: int


class PathwayRules(Text, frozen=True, kw_only=True):
    """The rules of one version of a pathway.

    Args:
        unit: What it counts in.
        rule: Root of the tree over the awards that are used.
        counting: Which awards may count at all.
        overlap: What other stacks used already; without it, credits are used once.
        categories: Selectors by name.
        scales: Scales of grades by name.
        repeatable: Achievements of which several awards count; of all others one does, whichever its edition.
        cascade: What becomes of a stack that loses a component.
    """

    format: Literal["cairn/pathway/v1"]
    unit: Unit
    rule: AnyRule
    cascade: Cascade
    counting: tuple[AnyAdmission, ...] = ()
    overlap: Overlap = Overlap(id="overlap")
    categories: dict[str, Selector] = msgspec.field(default_factory=dict)
    scales: dict[str, Scale] = msgspec.field(default_factory=dict)
    repeatable: tuple[AchievementRef, ...] = ()

    def check(self) -> None:
        """Refuse a rule text that is not well formed.

        Raises:
            InvalidInputError: The message and pointer name the member.
        """
        self.unit.check("/unit")
        for name, selector in self.categories.items():
            _check_name(name, "/categories")
            if selector.category is not None:
                _refuse("a category does not refer to another", f"/categories/{name}/category")
            selector.check(self.categories, f"/categories/{name}")
        for name, scale in self.scales.items():
            _check_name(name, "/scales")
            scale.check(f"/scales/{name}")
        self._check_ids()
        for pointer, rule in _walk(self.rule, "/rule"):
            _check_rule(rule, self.categories, pointer)
        for number, admission in enumerate(self.counting):
            self._check_admission(admission, f"/counting/{number}")
        _check_overlap(self.overlap)
        _check_between(self.cascade.deadline_days, 0, MAX_DAYS, "/cascade/deadline_days")
        _check_between(self.cascade.appeal_days, 0, MAX_DAYS, "/cascade/appeal_days")

    def every_rule(self) -> Iterator[Rule]:
        """The rules of the tree from the root down, then those on counting, then overlap."""
        for _, rule in _walk(self.rule, ""):
            yield rule
        yield from self.admissions
        yield self.overlap

    @property
    def admissions(self) -> tuple[Admission, ...]:
        """The rules on what may count; with the one on status that holds where the text has none."""
        if any(isinstance(rule, Status) for rule in self.counting):
            return self.counting
        return (*self.counting, DEFAULT_STATUS)

    def rule_called(self, name: str) -> Rule | None:
        """The rule whose id is *name*, or None."""
        return next((rule for rule in self.every_rule() if rule.id == name), None)

    def canonical(self) -> bytes:
        """The bytes that the digest is of."""
        return canonical(self)

    def digest(self) -> str:
        """SHA-256 of the canonical bytes, in hexadecimal."""
        return sha256(self.canonical()).hexdigest()

    def _check_ids(self) -> None:
        seen: set[str] = set()
        pointers = [pointer for pointer, _ in _walk(self.rule, "/rule")]
        pointers += [f"/counting/{number}" for number in range(len(self.admissions))]
        for pointer, rule in zip([*pointers, "/overlap"], self.every_rule(), strict=True):
            _check_name(rule.id, f"{pointer}/id")
            if rule.id in seen:
                _refuse("another rule of the pathway has this id", f"{pointer}/id")
            seen.add(rule.id)
        if len(seen) > MAX_RULES:
            _refuse(f"a pathway has at most {MAX_RULES} rules", "/rule")

    def _check_admission(self, rule: Admission, pointer: str) -> None:
        rule.only.check(self.categories, f"{pointer}/only")
        if isinstance(rule, Scope):
            rule.of.check(self.categories, f"{pointer}/of")
        if isinstance(rule, Recency):
            _check_between(rule.years, 1, MAX_YEARS, f"{pointer}/years")
        if isinstance(rule, Quality) and not (rule.accredited or rule.supervised):
            _refuse("a rule on quality asks for accredited, supervised, or both", pointer)
        if isinstance(rule, GradeFloor):
            self._check_floors(rule, pointer)

    def _check_floors(self, rule: GradeFloor, pointer: str) -> None:
        _check_list(rule.floors, f"{pointer}/floors")
        for number, floor in enumerate(rule.floors):
            scale = self.scales.get(floor.scale)
            if scale is None:
                _refuse("the pathway declares no scale of this name", f"{pointer}/floors/{number}/scale")
            if scale.rank(floor.grade) is None:
                _refuse("this grade is not on the scale", f"{pointer}/floors/{number}/grade")


def parse_rules(data: bytes) -> PathwayRules:
    """Read a rule text in any spelling of JSON, and check it.

    Raises:
        InvalidInputError: The message and pointer say what is wrong.
    """
    rules = parse(data, PathwayRules)
    rules.check()
    return rules


def _walk(rule: AnyRule, pointer: str) -> Iterator[tuple[str, AnyRule]]:
    yield pointer, rule
    if isinstance(rule, Composite):
        for number, inner in enumerate(rule.rules):
            yield from _walk(inner, f"{pointer}/rules/{number}")


def _check_rule(rule: AnyRule, categories: dict[str, Selector], pointer: str) -> None:
    for name in ("of", "first", "then"):
        selector = getattr(rule, name, None)
        if isinstance(selector, Selector):
            selector.check(categories, f"{pointer}/{name}")
    for name in ("achievements", "rules", "institutions", "requires"):
        if hasattr(rule, name):
            _check_list(getattr(rule, name), f"{pointer}/{name}")
    _check_quantities(rule, pointer)


def _check_quantities(rule: AnyRule, pointer: str) -> None:
    match rule:
        case AtLeast():
            _check_between(rule.count, 1, len(rule.rules), f"{pointer}/count")
        case Choose():
            _check_between(rule.count, 0, MAX_ITEMS, f"{pointer}/count")
            _check_between(rule.credits, 0, MAX_AMOUNT, f"{pointer}/credits")
        case CreditsFrom() | Minimum():
            _check_between(rule.credits, 1, MAX_AMOUNT, f"{pointer}/credits")
        case Maximum():
            _check_maximum(rule, pointer)
        case Share() | Residency():
            _check_share(rule, pointer)
        case Prerequisite() if rule.achievement in rule.requires:
            _refuse("an achievement is no prerequisite of itself", f"{pointer}/requires")


def _check_maximum(rule: Maximum, pointer: str) -> None:
    if rule.credits is None and rule.count is None:
        _refuse("a maximum is of credits, of a count, or of both", pointer)
    _check_between(rule.credits or 0, 0, MAX_AMOUNT, f"{pointer}/credits")
    _check_between(rule.count or 0, 0, MAX_ITEMS, f"{pointer}/count")


def _check_share(rule: Share | Residency, pointer: str) -> None:
    parse_share(rule.share, f"{pointer}/share")
    if rule.base == "counted":
        if rule.size is not None or rule.rounding is not None or rule.step != 1:
            _refuse("a share of what is counted is compared exactly: it has no size, rounding or step", pointer)
        return
    if rule.size is None or rule.rounding is None:
        _refuse("a share of what is required says of which size, and how it is rounded", pointer)
    _check_between(rule.size, 1, MAX_AMOUNT, f"{pointer}/size")
    _check_between(rule.step, 1, MAX_STEP, f"{pointer}/step")


def _check_overlap(overlap: Overlap) -> None:
    for number, cap in enumerate(overlap.caps):
        pointer = f"/overlap/caps/{number}"
        if cap.credits is None and cap.share is None and cap.awards is None:
            _refuse("a cap is in credits, as a share, or a number of awards", pointer)
        _check_between(cap.credits or 0, 0, MAX_AMOUNT, f"{pointer}/credits")
        _check_between(cap.awards or 0, 0, MAX_ITEMS, f"{pointer}/awards")
        if (cap.share is None) != (cap.size is None) or (cap.share is None) != (cap.rounding is None):
            _refuse("a cap as a share says of which size, and how it is rounded", pointer)
        if cap.share is not None and cap.size is not None:
            parse_share(cap.share, f"{pointer}/share")
            _check_between(cap.size, 1, MAX_AMOUNT, f"{pointer}/size")


def _check_list(items: tuple[object, ...], pointer: str) -> None:
    if not 0 < len(items) <= MAX_ITEMS:
        _refuse(f"this list has 1 to {MAX_ITEMS} items", pointer)
    if len(set(map(repr, items))) != len(items):
        _refuse("an item stands twice in this list", pointer)


def _check_between(value: int, least: int, most: int, pointer: str) -> None:
    if not least <= value <= most:
        _refuse(f"this lies between {least} and {most}", pointer)


def _check_name(name: str, pointer: str) -> None:
    if not NAME.fullmatch(name):
        _refuse("a name has 1 to 64 letters, digits, dots, hyphens and underscores", pointer)


def _refuse(message: str, pointer: str) -> NoReturn:
    raise InvalidInputError(message, pointer)
