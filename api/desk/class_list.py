"""Rows of a class list as claims, and everything that is wrong with them. Issues nothing.

1. The header names the columns; a name that is not known is told, a column that is there twice is refused.
2. Each row becomes a claim; what cannot be read of it is a problem of its cell.
3. The ledger itself says what it would refuse (`Issuance.refusals`). What it refused is made good and it is asked
   again, so that a row shows all its problems at once.
4. Warnings: who is there twice, and who has the same micro-credential already. They hinder nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Final

import msgspec

from api.desk.column import COLUMNS, DATES, field_of
from api.desk.sheet import Cell, Row, Unreadable
from api.desk.sheet_fault import SheetError
from ledger.claim import AwardClaim, LearnerClaim
from ledger.error import InvalidInputError

MAX_HEADER_CHARS: Final = 80
_ROUNDS: Final = 8
"""At least as many as there are fields that the ledger may refuse one after the other."""
_LONG_AGO: Final = date(2000, 1, 1)
_ISO: Final = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_DOTS: Final = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
LAST_MOMENT: Final = time(23, 59, 59)

Refusals = Callable[[Sequence[AwardClaim]], list[tuple[int, InvalidInputError]]]
Holders = Callable[[set[str]], Mapping[str, Mapping[str, date]]]
"""For some learners, what they hold: learner -> code of the micro-credential -> day."""


@dataclass(frozen=True, slots=True)
class Note:
    """A problem or a warning.

    Attributes:
        column: The field that it is about; empty for the whole row.
        code: A sentence of the pages has this name.
        detail: What the ledger says, for a code that is not known.
        other: Another row, or a day.
    """

    column: str
    code: str
    detail: str = ""
    other: str = ""


@dataclass(slots=True)
class ListRow:
    """One learner's row.

    Attributes:
        number: As a spreadsheet counts.
        fields: What stands in it, by field; without empty ones.
        claim: What would be issued; while there is a problem, something else stands in its place.
        problems: What hinders.
        warnings: What does not.
    """

    number: int
    fields: dict[str, str]
    claim: AwardClaim
    problems: list[Note] = field(default_factory=list)
    warnings: list[Note] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ClassList:
    """A class list that was read.

    Attributes:
        rows: Its rows, at least one.
        unread: Headers of columns that were not read.
    """

    rows: tuple[ListRow, ...]
    unread: tuple[str, ...]

    @property
    def claims(self) -> list[AwardClaim]:
        """What would be issued."""
        return [row.claim for row in self.rows]

    @property
    def wrong(self) -> list[ListRow]:
        """Rows with problems."""
        return [row for row in self.rows if row.problems]

    @property
    def doubtful(self) -> list[ListRow]:
        """Rows with warnings."""
        return [row for row in self.rows if row.warnings]


@dataclass(frozen=True, slots=True)
class ForAll:
    """What holds for every row that does not say otherwise; empty: each row says it."""

    achievement: str = ""
    awarded_on: str = ""


def read_class(rows: Sequence[Row], for_all: ForAll, refusals: Refusals, holders: Holders) -> ClassList:
    """Read a class list.

    Args:
        rows: The header, then the rows.
        for_all: What holds for every row.
        refusals: What the ledger would refuse.
        holders: What learners hold already.

    Raises:
        SheetError: The header names no learner's name, or a column twice; or there is no row beside it.
        LedgerError: Whatever *refusals* raises of the class as a whole.
    """
    fields, unread = _header(rows[0])
    read = [_row(row, fields, for_all) for row in rows[1:]]
    if not read:
        raise SheetError("file_empty")
    ask_ledger(read, refusals)
    _warn_of_doubles(read)
    _warn_of_holders(read, holders)
    return ClassList(tuple(read), unread)


def learner_of(claim: AwardClaim) -> str | None:
    """By what the ledger takes two awards for one person's."""
    return claim.learner.reference or claim.learner.email


def read_day(text: str) -> date | None:
    """Read `2026-01-31` or `31.01.2026`; None for anything else, for 01/02/2026 are two days."""
    iso, dots = _ISO.fullmatch(text), _DOTS.fullmatch(text)
    found = iso.groups() if iso else tuple(reversed(dots.groups())) if dots else None
    if found is None:
        return None
    try:
        return date(*(int(part) for part in found))
    except ValueError:
        return None


def _header(row: Row) -> tuple[list[str | None], tuple[str, ...]]:
    names = [cell if isinstance(cell, str) else "" for cell in row.cells]
    fields = [field_of(name) for name in names]
    if "name" not in fields:
        raise SheetError("file_header")
    for one in COLUMNS:
        if fields.count(one) > 1:
            raise SheetError("file_column_twice", names[fields.index(one)][:MAX_HEADER_CHARS])
    unread = tuple(name[:MAX_HEADER_CHARS] for name, one in zip(names, fields, strict=True) if name and one is None)
    return fields, unread


def _row(row: Row, columns: Sequence[str | None], for_all: ForAll) -> ListRow:
    problems: list[Note] = []
    cells: dict[str, Cell] = {one: cell for one, cell in zip(columns, row.cells, strict=False) if one and cell}
    fields = {one: cell for one, cell in cells.items() if isinstance(cell, str)}
    problems += [Note(one, cell.value) for one, cell in cells.items() if isinstance(cell, Unreadable)]
    if len(row.cells) > len(columns) and any(row.cells[len(columns) :]):
        problems.append(Note("", "row_long"))
    wanted = {
        **fields,
        "achievement": fields.get("achievement") or for_all.achievement,
        "awarded_on": fields.get("awarded_on") or for_all.awarded_on,
    }
    unread = {note.column for note in problems}
    for one, code in (("achievement", "no_achievement"), ("awarded_on", "no_day")):
        if not wanted[one] and one not in unread:
            problems.append(Note(one, code))
    days = {one: read_day(wanted[one]) for one in DATES if wanted.get(one)}
    problems += [Note(one, "bad_day") for one, day in days.items() if day is None]
    return ListRow(row.number, fields, _claim(wanted, days, has_name="name" not in unread), problems)


def _claim(wanted: Mapping[str, str], days: Mapping[str, date | None], *, has_name: bool) -> AwardClaim:
    """The claim that a row makes; what could not be read is left out, or something harmless stands for it."""
    until = days.get("valid_until")
    return AwardClaim(
        achievement=wanted["achievement"],
        learner=LearnerClaim(
            name=wanted.get("name", "") if has_name else "?",
            reference=wanted.get("reference"),
            email=wanted.get("email"),
        ),
        awarded_on=days.get("awarded_on") or _LONG_AGO,
        grade=wanted.get("grade"),
        # The whole of the last day counts.
        valid_until=None if until is None else datetime.combine(until, LAST_MOMENT, UTC),
        activity_start=days.get("activity_start"),
        activity_end=days.get("activity_end"),
        license_number=wanted.get("license_number"),
    )


def ask_ledger(rows: Sequence[ListRow], refusals: Refusals) -> None:
    """Note all that the ledger would refuse of each row's claim."""
    asked = [(row, row.claim) for row in rows]
    for _ in range(_ROUNDS):
        refused = refusals([claim for _, claim in asked])
        again = []
        for number, error in refused:
            row, claim = asked[number]
            note = _note(error)
            if note.column not in {one.column for one in row.problems if one.column}:
                row.problems.append(note)
            better = _made_good(claim, error.pointer)
            if better is not None:
                again.append((row, better))
        if not again:
            return
        asked = again


def _note(error: InvalidInputError) -> Note:
    """What the ledger refuses, as a note on a column."""
    column = error.pointer.removeprefix("/learner").removeprefix("/")
    return Note(column if column in COLUMNS else "", column if column in COLUMNS else "refused", error.detail)


def _made_good(claim: AwardClaim, pointer: str) -> AwardClaim | None:
    """The claim without what was refused, or None when nothing can be put in its place."""
    column = pointer.removeprefix("/learner").removeprefix("/")
    match column:
        case "name":
            return msgspec.structs.replace(claim, learner=msgspec.structs.replace(claim.learner, name="?"))
        case "reference" | "email":
            return msgspec.structs.replace(claim, learner=msgspec.structs.replace(claim.learner, **{column: None}))
        case "awarded_on":
            return msgspec.structs.replace(claim, awarded_on=_LONG_AGO)
        case "grade" | "valid_until" | "activity_end" | "license_number":
            return msgspec.structs.replace(claim, **{column: None})
        case _:
            return None


def _warn_of_doubles(rows: Sequence[ListRow]) -> None:
    seen: dict[tuple[str, ...], ListRow] = {}
    names: dict[str, ListRow] = {}
    for row in rows:
        claim, learner = row.claim, learner_of(row.claim)
        by_name = ("name", claim.learner.name.casefold(), claim.achievement)
        key = by_name if learner is None else ("learner", learner, claim.achievement)
        first = seen.setdefault(key, row)
        if first is not row:
            code = "same_name" if learner is None else "same_learner"
            row.warnings.append(Note("", code, other=str(first.number)))
        if learner is not None:
            named = names.setdefault(learner, row)
            if named.claim.learner.name.casefold() != claim.learner.name.casefold():
                row.warnings.append(Note("", "other_name", other=str(named.number)))


def _warn_of_holders(rows: Sequence[ListRow], holders: Holders) -> None:
    learners = {learner for row in rows if (learner := learner_of(row.claim)) is not None}
    held = holders(learners) if learners else {}
    for row in rows:
        day = held.get(learner_of(row.claim) or "", {}).get(row.claim.achievement)
        if day is not None:
            row.warnings.append(Note("", "held_already", other=day.isoformat()))
