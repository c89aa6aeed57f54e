"""One way through the rules as a program of options and rows, for the search.

An item is a candidate, and an option of it: not to be used, to be used in no group, or in one of the groups of the way.
A row is a sum that has to reach its need: the credits of a group, one of the achievements that are required, a share,
what a maximum leaves. What :mod:`judging` says in words is said here in sums; what is found is judged there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from ledger.stacking.alternative import Way
from ledger.stacking.candidate import Candidates, bits
from ledger.stacking.conflict import Clash, clashes
from ledger.stacking.counting import Mode, cap_limit, charge, is_charged
from ledger.stacking.judging import in_order, share_need, share_selector
from ledger.stacking.pathway_rules import Composite
from ledger.stacking.quantity import parse_share
from ledger.stacking.rule import (
    AnyRule,
    Capstone,
    Choose,
    CreditsFrom,
    Maximum,
    Minimum,
    Order,
    Prerequisite,
    Required,
    Residency,
    Share,
)
from ledger.stacking.search import Program, Vector


class Option(NamedTuple):
    """To be used in *group* (``""`` is none) as *mode* says; not to be used at all if there is no mode."""

    mode: Mode | None
    group: str


class _Total(NamedTuple):
    """A row over what is used: so much for each credit and for each award of the set, and for each credit beside it."""

    row: int
    inside: int
    credit: int
    award: int = 0
    credit_outside: int = 0


class _Group:
    """A group that is open: who may be in it, and the rows to which being in it adds."""

    def __init__(self, eligible: int) -> None:
        self.eligible = eligible
        self.credit_rows: list[int] = []
        self.award_rows: list[tuple[int, int]] = []
        self.penalties: dict[int, tuple[int, int]] = {}

    def vector(self, number: int, mode: Mode) -> list[tuple[int, int]]:
        """What candidate *number* adds by being in this group."""
        bit = 1 << number
        added = [(row, mode.credits) for row in self.credit_rows if mode.credits]
        added += [(row, 1) for row, mask in self.award_rows if mask & bit]
        if number in self.penalties:
            added.append(self.penalties[number])
        return added


class Encoding:
    """The program of one way.

    Args:
        candidates: The awards that may count.
        way: The rules that are asked for.
        waived: Ids of the rules that are waived.
    """

    def __init__(self, candidates: Candidates, way: Way, waived: frozenset[str]) -> None:
        self._candidates, self.way = candidates, way
        asked = [rule for rule in way if rule.id not in waived]
        self.prerequisites = [rule for rule in asked if isinstance(rule, Prerequisite)]
        self.admitted = candidates.with_prerequisites(self.prerequisites)
        self.numbers = list(bits(self.admitted))
        self.needs: list[int] = []
        self.share_rows: frozenset[int] = frozenset()
        self._totals: list[_Total] = []
        self._if_used: dict[int, list[tuple[int, int]]] = {number: [] for number in self.numbers}
        self._if_reused: dict[int, list[tuple[int, int]]] = {number: [] for number in self.numbers}
        self._groups: dict[str, _Group] = {}
        self._credit_rows: list[tuple[int, int]] = []
        self._award_rows: list[tuple[int, int]] = []
        for rule in way:
            self._open(rule, demanded=rule in asked)
        for rule in asked:
            self._demand(rule)
        self._forbid(clashes((candidates.items[number] for number in self.numbers), candidates.rules))
        if candidates.rules.overlap.id not in waived:
            self._cap()
        self.options = [self._options(number) for number in self.numbers]
        self.vectors = [
            [self._vector(number, option) for option in options]
            for number, options in zip(self.numbers, self.options, strict=True)
        ]

    def program(self) -> Program:
        """What the search is given."""
        rivals = [[row for row, _ in rows] for rows in (self._credit_rows, self._award_rows) if len(rows) > 1]
        for at, (one, eligible) in enumerate(self._credit_rows):
            rivals += [[one, other] for other, also in self._credit_rows[:at] if eligible & also]
        return Program(self.vectors, self.needs, rivals)

    def award(self, place: int) -> str:
        """Id of the award at *place*."""
        return self._candidates.items[self.numbers[place]].award

    def age(self, place: int) -> tuple[date, str]:
        """Day and id of the award at *place*: the newer, the greater."""
        component = self._candidates.items[self.numbers[place]]
        return component.awarded_on, component.award

    def lighter(self, place: int, option: int) -> list[int]:
        """The options at *place* that use less than *option* does: none of it first, then less of what others used."""
        options = self.options[place]
        mode, group = options[option]
        if mode is None:
            return []
        less = [
            number
            for number, (other, name) in enumerate(options)
            if other is not None and name == group and other.reused < mode.reused
        ]
        return [0, *less]

    def _row(self, need: int) -> int:
        self.needs.append(need)
        return len(self.needs) - 1

    # ── groups ────────────────────────────────────────────────────────────────────────────────────────────

    def _open(self, rule: AnyRule, *, demanded: bool) -> None:
        match rule:
            case Choose():
                group = _Group(self._candidates.fitting(rule.of) & self.admitted)
                if demanded and rule.count:
                    self._ask_awards(group, group.eligible, rule.count)
                if demanded and rule.credits:
                    group.credit_rows.append(self._row(rule.credits))
                    self._credit_rows.append((group.credit_rows[-1], group.eligible))
            case Required() | Capstone():
                group = _Group(self._candidates.counting_as(rule.achievements) & self.admitted)
                if demanded and isinstance(rule, Capstone):
                    self._ask_awards(group, group.eligible, 1)
                    self._keep_last(rule, group)
                if demanded and isinstance(rule, Required):
                    for ref in rule.achievements:
                        self._ask_awards(group, self._candidates.counting_as((ref,)) & self.admitted, 1)
            case _:
                return
        self._groups[rule.id] = group

    def _ask_awards(self, group: _Group, mask: int, need: int) -> None:
        group.award_rows.append((self._row(need), mask))
        self._award_rows.append((group.award_rows[-1][0], mask))

    def _keep_last(self, rule: Capstone, group: _Group) -> None:
        """Whoever is the capstone is used with nothing that is later."""
        items = self._candidates.items
        for number in bits(group.eligible) if rule.last else ():
            later = [other for other in self.numbers if items[other].awarded_on > items[number].awarded_on]
            if later:
                row = self._row(-len(later))
                group.penalties[number] = (row, -len(later))
                for other in later:
                    self._if_used[other].append((row, -1))

    # ── sums over all that is used ────────────────────────────────────────────────────────────────────────

    def _demand(self, rule: AnyRule) -> None:
        fitting = self._candidates.fitting
        match rule:
            case CreditsFrom():
                row = self._row(rule.credits)
                for group in self._below(rule):
                    group.credit_rows.append(row)
            case Minimum():
                self._totals.append(_Total(self._row(rule.credits), fitting(rule.of), 1))
            case Maximum():
                if rule.credits is not None:
                    self._totals.append(_Total(self._row(-rule.credits), fitting(rule.of), -1))
                if rule.count is not None:
                    self._totals.append(_Total(self._row(-rule.count), fitting(rule.of), 0, -1))
            case Share() | Residency():
                self._share(rule)
            case Order():
                self._keep_order(rule)
            case _:
                pass

    def _below(self, rule: AnyRule) -> list[_Group]:
        if isinstance(rule, Composite):
            return [group for inner in rule.rules for group in self._below(inner)]
        return [self._groups[rule.id]] if rule.id in self._groups else []

    def _share(self, rule: Share | Residency) -> None:
        inside = self._candidates.fitting(share_selector(rule))
        if rule.base == "required":
            self._totals.append(_Total(self._row(share_need(rule, 0)), inside, 1))
            return
        # m of what is inside and t of all: m >= share * t, both sides multiplied out.
        share = parse_share(rule.share)
        per, of = share.numerator, share.denominator
        self._totals.append(_Total(self._row(0), inside, of - per, credit_outside=-per))
        self.share_rows |= {self._totals[-1].row}

    def _keep_order(self, rule: Order) -> None:
        items, admitted = self._candidates.items, self.admitted
        first = list(bits(self._candidates.fitting(rule.first) & admitted))
        for number in bits(self._candidates.fitting(rule.then) & admitted):
            day = items[number].awarded_on
            wrong = [
                other
                for other in first
                if other != number and not in_order(items[other].awarded_on, day, same_day=rule.same_day)
            ]
            self._exclude(number, wrong)

    def _exclude(self, number: int, others: Sequence[int]) -> None:
        """Candidate *number* is used with none of *others*."""
        if others:
            row = self._row(-len(others))
            self._if_used[number].append((row, -len(others)))
            for other in others:
                self._if_used[other].append((row, -1))

    def _forbid(self, every: Iterable[Clash]) -> None:
        places = {self._candidates.items[number].award: number for number in self.numbers}
        for clash in every:
            others = [places[award] for award in clash.others]
            if clash.one is not None:
                self._exclude(places[clash.one], others)
                continue
            row = self._row(-1)
            for other in others:
                self._if_used[other].append((row, -1))

    def _cap(self) -> None:
        candidates = self._candidates
        again = [number for number in self.numbers if any(mode.reused for mode in candidates.modes[number])]
        for cap in candidates.rules.overlap.caps:
            charged = [number for number in again if is_charged(candidates.items[number], cap)]
            limit = cap_limit(cap)
            rows = (
                None if limit is None else self._row(-limit),
                None if cap.awards is None else self._row(-cap.awards),
            )
            for number in charged:
                amounts = (-charge(candidates.items[number], cap, candidates.rules), -1)
                self._if_reused[number] += [
                    (row, amount) for row, amount in zip(rows, amounts, strict=True) if row is not None and amount
                ]

    # ── items ─────────────────────────────────────────────────────────────────────────────────────────────

    def _options(self, number: int) -> list[Option]:
        bit = 1 << number
        groups = ["", *(name for name, group in self._groups.items() if group.eligible & bit)]
        return [Option(None, ""), *(Option(mode, name) for mode in self._candidates.modes[number] for name in groups)]

    def _vector(self, number: int, option: Option) -> Vector:
        mode, name = option
        if mode is None:
            return ()
        bit, size = 1 << number, mode.credits
        vector = self._if_used[number].copy()
        for row, inside, credit, award, credit_outside in self._totals:
            amount = credit * size + award if inside & bit else credit_outside * size
            if amount:
                vector.append((row, amount))
        if mode.reused:
            vector += self._if_reused[number]
        if name:
            vector += self._groups[name].vector(number, mode)
        return tuple(vector)
