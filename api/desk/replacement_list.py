"""Many awards and the corrected ones that are to take their place: a table, a look at every row, then the change.

    read ─▶ checked ─▶ replacing ─▶ replaced

The table is that of the awards that were found, with what was claimed of each; whoever corrects it gives it back. A row
names its award by id or link. A column that is not there leaves its field as it was, an empty cell empties it. Rows in
which nothing differs are left alone. While a row has a problem, nothing is replaced; then each award is replaced by a
command of its own, for what follows for stacks is decided award by award, and the result says of each what came of it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from threading import Lock
from typing import Final

from api.desk.change import MAX_AWARDS, Chosen
from api.desk.class_list import MAX_HEADER_CHARS, ListRow, Note, ask_ledger
from api.desk.column import field_of, header_of
from api.desk.download import as_meant
from api.desk.gate import Visit
from api.desk.job import Job, is_refusal
from api.desk.replacing import FIELDS, claim_of, differences, read_correction, replace, shown
from api.desk.sheet import Row, Unreadable
from api.desk.sheet_fault import SheetError
from api.node import Node
from api.page.language import Language
from api.problem_handler import ErrorLog
from api.route.page import pasted_id
from ledger.claim import AwardClaim, LearnerClaim
from ledger.error import LedgerError
from ledger.reason import Reason
from projections.credential_status import CredentialStatus
from projections.status_lists import StatusLists

HELD: Final = "replacements"
"""Under which name a session holds them."""
AWARD: Final = "award"
TITLE: Final = "title"
_AWARD_NAMES: Final = frozenset({"award", "id", "link", "присуждение", "ссылка", "награда"})
"""Headers of the column that names the award."""
_NOBODYS: Final = AwardClaim(achievement="", learner=LearnerClaim(name=""), awarded_on=date.min)
"""Stands where a row names no award of the institution."""
_AWARD_HEADERS: Final = {"en": ("award", "title"), "ru": ("присуждение", "название")}


@dataclass(slots=True)
class CorrectedRow:
    """One row.

    Attributes:
        number: As a spreadsheet counts.
        public_id: The award; as it was written where there is none.
        old: What was claimed; None where there is no such award.
        row: The corrected claim, and what is wrong.
        successor: Id of the new award, once it is made.
        refusal: Why it was not replaced after all.
    """

    number: int
    public_id: str
    old: AwardClaim | None
    row: ListRow
    successor: str = ""
    refusal: str = ""

    @property
    def differences(self) -> list[tuple[str, str, str]]:
        """Field, what stood there, what will."""
        return [] if self.old is None else differences(self.old, self.row.claim)

    @property
    def learner(self) -> str:
        """The learner's name, as it was."""
        return "" if self.old is None else self.old.learner.name


@dataclass(slots=True, eq=False)
class ReplacementList:
    """A table that was read.

    Attributes:
        rows: Rows in which something differs, or something is wrong.
        same: How many rows are as they were.
        unread: Headers of columns that were not read.
        reason: Why the awards are replaced.
        id: 128 random bits as hex: every idempotency key begins with it.
        job: The change, once it has begun.
    """

    rows: list[CorrectedRow]
    same: int
    unread: tuple[str, ...]
    reason: Reason
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    job: Job | None = None
    _lock: Lock = field(default_factory=Lock)

    @property
    def is_under_way(self) -> bool:
        """Whether they are being replaced now."""
        return self.job is not None and not self.job.is_over

    @property
    def wrong(self) -> list[CorrectedRow]:
        """Rows with problems."""
        return [one for one in self.rows if one.row.problems]

    @property
    def done(self) -> list[CorrectedRow]:
        """Rows whose award was replaced."""
        return [one for one in self.rows if one.successor]

    def carry_out(self, node: Node, visit: Visit, log: ErrorLog) -> Job | None:
        """Begin to replace them, unless that has begun and not failed; None while a row has a problem, or none differs.

        What broke off is begun again with the same idempotency keys: no award is replaced twice.
        """
        if self.wrong or not self.rows:
            return None

        def work(told: Callable[[int], None]) -> int:
            newest = 0
            for number, one in enumerate(self.rows, 1):
                key = f"{self.id}-{one.public_id}"
                try:
                    one.successor, position = replace(node, visit, one.public_id, one.row.claim, self.reason, key=key)
                    one.refusal, newest = "", max(newest, position)
                except LedgerError as error:
                    if not is_refusal(error):
                        raise
                    one.refusal = str(error)
                told(number)
            node.wait_until_visible(newest, CredentialStatus.NAME, StatusLists.NAME)
            return newest

        with self._lock:
            if self.job is None or self.job.has_failed:
                self.job = Job(work, len(self.rows), log)
            return self.job


def held_replacements(visit: Visit) -> ReplacementList | None:
    """The table that a session holds, or None."""
    found = visit.session.held.get(HELD)
    return found if isinstance(found, ReplacementList) else None


def table_of(node: Node, visit: Visit, awards: Sequence[Chosen]) -> list[list[object]]:
    """The table to correct: of each award that can be replaced what was claimed of it."""
    lines: list[list[object]] = [headers(visit.language)]
    for one in awards:
        claim = claim_of(node, visit, one.public_id)
        if claim is not None:
            values = shown(claim)
            lines.append([one.public_id, one.title, *(values[name] for name in FIELDS)])
    return lines


def headers(language: Language) -> list[object]:
    """The headers of the table."""
    return [*_AWARD_HEADERS[language], *(header_of(name, language) for name in FIELDS)]


def read_replacements(node: Node, visit: Visit, rows: Sequence[Row], reason: Reason) -> ReplacementList:
    """Read a table, and find out of each row what speaks against it. Changes nothing.

    Args:
        node: The process's parts.
        visit: Who asks.
        rows: The header, then the rows.
        reason: Why the awards are to be replaced.

    Raises:
        SheetError: No column names the award, or one is there twice; no row; more than MAX_AWARDS.
    """
    columns, unread = _columns(rows[0])
    if len(rows) == 1:
        raise SheetError("file_empty")
    if len(rows) > MAX_AWARDS + 1:
        raise SheetError("file_many_awards", str(MAX_AWARDS))
    read = [_row(node, visit, row, columns) for row in rows[1:]]
    _refuse_doubles(read)
    different = [one for one in read if one.row.problems or one.differences]
    _ask(node, visit, [one for one in different if one.old is not None], reason)
    return ReplacementList(different, len(read) - len(different), unread, reason)


def _columns(row: Row) -> tuple[list[str | None], tuple[str, ...]]:
    names = [cell if isinstance(cell, str) else "" for cell in row.cells]
    columns = [AWARD if name.casefold() in _AWARD_NAMES else field_of(name) for name in names]
    known = [one if one in (AWARD, *FIELDS) else None for one in columns]
    if AWARD not in known:
        raise SheetError("file_no_award")
    for one in (AWARD, *FIELDS):
        if known.count(one) > 1:
            raise SheetError("file_column_twice", names[known.index(one)][:MAX_HEADER_CHARS])
    title_names = {title for _, title in _AWARD_HEADERS.values()}
    unread = (
        name[:MAX_HEADER_CHARS]
        for name, one in zip(names, known, strict=True)
        if name and one is None and name.casefold() not in title_names
    )
    return known, tuple(unread)


def _row(node: Node, visit: Visit, row: Row, columns: Sequence[str | None]) -> CorrectedRow:
    cells = [*row.cells, *[""] * (len(columns) - len(row.cells))]
    named = {one: cell for one, cell in zip(columns, cells, strict=False) if one}
    unreadable = ((one, cell) for one, cell in named.items() if isinstance(cell, Unreadable))
    problems = [Note("" if one == AWARD else one, cell.value) for one, cell in unreadable]
    given = {one: as_meant(cell) for one, cell in named.items() if isinstance(cell, str)}
    written = given.pop(AWARD, "")
    public_id = pasted_id(written) or ""
    old = claim_of(node, visit, public_id) if public_id else None
    if old is None:
        written = written[:MAX_HEADER_CHARS]
        nobodys = ListRow(row.number, given, _NOBODYS, [*problems, Note("", "no_such_award", other=written)])
        return CorrectedRow(row.number, written, None, nobodys)
    read = read_correction(row.number, old, given)
    if len(row.cells) > len(columns) and any(row.cells[len(columns) :]):
        problems.append(Note("", "row_long"))
    read.problems = [*problems, *read.problems]
    return CorrectedRow(row.number, public_id, old, read)


def _refuse_doubles(rows: Sequence[CorrectedRow]) -> None:
    seen: dict[str, int] = {}
    for one in rows:
        first = seen.setdefault(one.public_id, one.number)
        if first != one.number and one.old is not None:
            one.row.problems.append(Note("", "same_award", other=str(first)))


def _ask(node: Node, visit: Visit, rows: Sequence[CorrectedRow], reason: Reason) -> None:
    """Note all that the ledger would refuse: of each claim, then of each award."""
    slug, actor = visit.institution.slug, visit.actor
    ask_ledger([one.row for one in rows], lambda asked: node.issuance.refusals(slug=slug, claims=asked, actor=actor))
    for one in rows:
        if one.row.problems:
            continue
        try:
            node.issuance.replace(public_id=one.public_id, claim=one.row.claim, reason=reason, actor=actor, trial=True)
        except LedgerError as error:
            one.row.problems.append(Note("", "refused", str(error)))
