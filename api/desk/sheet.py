"""A file as rows of text: CSV in UTF-8, or XLSX. All or nothing; nothing in a file is carried out or shown as markup.

CSV: with or without a byte order mark; commas, semicolons or tabs, whichever makes the most known columns of the
first row; fields in quotes as RFC 4180 has them.

XLSX: the first sheet, read row by row. Before anything is unpacked, the sizes that the archive declares are added up,
and the unpacker never gives more than was declared; large files in it are looked at for what would take far more room
in memory than on paper (`api.desk.sheet_xml`). A formula is refused in its cell: what it came to last is the word
of another program, and a program is what a formula is.

Source: RFC 4180; ECMA-376 part 1 (SpreadsheetML); OWASP File Upload Cheat Sheet.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from itertools import islice
from threading import BoundedSemaphore
from typing import Any, Final, TypeAlias
from xml.parsers import expat  # the class of its errors alone

from api.desk.column import known_columns
from api.desk.sheet_fault import SheetError
from api.desk.sheet_xml import MAX_ELEMENTS, check_xml
from ledger.issuance import MAX_BATCH

MAX_FILE_BYTES: Final = 6_291_456
MAX_COLUMNS: Final = 64
MAX_CELL_CHARS: Final = 2_000
"""Longer than anything that a claim takes."""
MAX_UNPACKED_BYTES: Final = 25_165_824
"""Of an XLSX: 10,000 rows of a dozen columns are some 11 MB."""
MAX_MEMBERS: Final = 500
"""Files in an XLSX; a plain one has about ten."""
MAX_PLAIN_BYTES: Final = 1_048_576
"""A larger file in an XLSX has to be a sheet or its table of texts, and is looked at before the library sees it."""
MAX_BLANK_ROWS: Final = 1_000
"""Rows of an XLSX without anything in them: some programs write the borders of a thousand."""
DELIMITERS: Final = ",;\t"
_ZIP: Final = b"PK\x03\x04"
_OLD_EXCEL: Final = b"\xd0\xcf\x11\xe0"
_ENCRYPTED: Final = 0x1
# Two files at a time: each may take a few hundred MB while it is unfolded.
_ROOM: Final = BoundedSemaphore(2)
ROOM_SECONDS: Final = 5.0
"""How long a file waits for that: whoever waits has a thread that every other request could use."""


class Unreadable(Enum):
    """What a cell holds that is no text."""

    FORMULA = "formula"
    ERROR = "cell_error"
    LONG = "cell_long"


_NO_TEXT: Final = {"f": Unreadable.FORMULA, "e": Unreadable.ERROR}
"""By what the library calls the kind of a cell."""
Cell: TypeAlias = str | Unreadable


@dataclass(frozen=True, slots=True)
class Row:
    """A row with something in it: its number as a spreadsheet counts, from 1, and its cells."""

    number: int
    cells: tuple[Cell, ...]


def read_rows(data: bytes) -> list[Row]:
    """Read a file.

    Args:
        data: The whole file.

    Returns:
        The first row with something in it, which names the columns, then at most MAX_BATCH others.

    Raises:
        SheetError: It is no table, or a larger one than is read.
    """
    if not data.strip():
        raise SheetError("file_empty")
    if len(data) > MAX_FILE_BYTES:
        raise SheetError("file_large")
    if data.startswith(_OLD_EXCEL):
        raise SheetError("file_old_excel")
    if data.startswith(_ZIP):
        if not _ROOM.acquire(timeout=ROOM_SECONDS):
            raise SheetError("file_busy")
        try:
            return _bounded(_xlsx_rows(data))
        finally:
            _ROOM.release()
    return _bounded(_csv_rows(data))


def _bounded(cells: Iterable[tuple[Cell, ...]]) -> list[Row]:
    rows = []
    for number, one in enumerate(cells, 1):
        if len(one) > MAX_COLUMNS:
            raise SheetError("file_columns", str(number))
        if any(one):
            rows.append(Row(number, one))
        if len(rows) > MAX_BATCH + 1:
            raise SheetError("file_rows")
    if not rows:
        raise SheetError("file_empty")
    return rows


# ── CSV ────────────────────────────────────────────────────────────────────────────────────────────


def _csv_rows(data: bytes) -> Iterator[tuple[Cell, ...]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SheetError("file_encoding") from error
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    try:
        for record in reader:
            yield tuple(_text(cell) for cell in record)
    except csv.Error as error:
        raise SheetError("file_broken", str(reader.line_num)) from error


def _delimiter(text: str) -> str:
    """The delimiter that makes the most known columns of the first line; a comma when none does."""
    first = next((line for line in io.StringIO(text) if line.strip()), "")[:MAX_CELL_CHARS]

    def known(delimiter: str) -> int:
        try:
            return len(known_columns(next(csv.reader([first], delimiter=delimiter))))
        except (csv.Error, StopIteration):
            return 0

    return max(DELIMITERS, key=known)


def _text(text: str) -> Cell:
    stripped = text.strip()
    return Unreadable.LONG if len(stripped) > MAX_CELL_CHARS else stripped


# ── XLSX ───────────────────────────────────────────────────────────────────────────────────────────


def _xlsx_rows(data: bytes) -> list[tuple[Cell, ...]]:
    """Read the first sheet. What such a file can make the library raise is not a closed list."""
    from openpyxl import load_workbook  # noqa: PLC0415  a twentieth of a server's start, and few ever need it

    try:
        _check_archive(data)
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=False, keep_links=False)
        try:
            return list(_sheet_rows(book.worksheets[0]))
        finally:
            book.close()
    except SheetError:
        raise
    except Exception as error:
        raise SheetError("file_broken") from error


def _check_archive(data: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        if len(members) > MAX_MEMBERS or sum(member.file_size for member in members) > MAX_UNPACKED_BYTES:
            raise SheetError("file_unpacked")
        if any(member.flag_bits & _ENCRYPTED for member in members):
            raise SheetError("file_broken")
        elements = 0
        for member in members:
            is_large = member.file_size > MAX_PLAIN_BYTES
            # A small one that is no XML is a picture, or nothing that is read; or it is read up to where it breaks off.
            with archive.open(member) as opened, nullcontext() if is_large else suppress(expat.ExpatError):
                elements += check_xml(opened, is_large=is_large)
        if elements > MAX_ELEMENTS:
            raise SheetError("file_unpacked")


def _sheet_rows(sheet: Any) -> Iterator[tuple[Cell, ...]]:  # noqa: ANN401  the library has no types
    """The rows up to the last that counts; a row above the limit is read, so that it is noticed."""
    sheet.reset_dimensions()  # what the file says of its own size is not believed
    most = MAX_BATCH + 2 + MAX_BLANK_ROWS
    for cells in islice(sheet.iter_rows(max_row=most, max_col=MAX_COLUMNS + 1), most):
        yield _without_end([_xlsx_cell(cell.value, cell.data_type) for cell in cells])


def _without_end(cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """Without empty cells at the end, which some programs write for looks."""
    end = len(cells)
    while end and not cells[end - 1]:
        end -= 1
    return tuple(cells[:end])


def _xlsx_cell(value: Any, kind: str) -> Cell:  # noqa: ANN401  whatever a cell holds
    if kind in _NO_TEXT:
        return _NO_TEXT[kind]
    match value:
        case None:
            return ""
        case datetime():
            return value.date().isoformat()
        case date():
            return value.isoformat()
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return _text(str(value))
