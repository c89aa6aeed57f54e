"""Tables to take away, as CSV that no spreadsheet mistakes for a program.

Source: OWASP, CSV Injection.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Final

from fastapi import Response

from api.desk.gate import HEADERS
from api.page.language import Language

_FORMULA: Final = tuple("=+-@\t\r\n＝＋－＠")
_WITHIN: Final = re.compile(r"([,;|\t\r\n][\s\"']*)(?=[=+\-@＝＋－＠])")
"""Where a cell would begin for a spreadsheet that expects another delimiter than the file has, with a formula in it."""
_PUT_WITHIN: Final = re.compile(r"([,;|\t\r\n][\s\"']*)'(?=[=+\-@＝＋－＠])")
_BYTE_ORDER_MARK: Final = "\ufeff"
"""By it spreadsheets know UTF-8."""


def table(rows: Iterable[Sequence[object]], name: str, language: Language) -> Response:
    """Answer with a table.

    Args:
        rows: The header first.
        name: Of the file, without its ending: letters and hyphens.
        language: In Russian, spreadsheets expect semicolons.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";" if language == "ru" else ",")
    writer.writerows([safe(str(cell)) for cell in row] for row in rows)
    headers = {**HEADERS, "Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(_BYTE_ORDER_MARK + text.getvalue(), headers=headers, media_type="text/csv; charset=utf-8")


def safe(cell: str) -> str:
    """A cell that is text to every spreadsheet: an apostrophe stands before what could be a formula."""
    is_formula = cell.lstrip(" \xa0").startswith(_FORMULA) or cell.startswith(_FORMULA)
    return _WITHIN.sub(r"\1'", f"'{cell}" if is_formula else cell)


def as_meant(cell: str) -> str:
    """A cell that came back, without the apostrophes that :func:`safe` may have put into it."""
    inner = _PUT_WITHIN.sub(r"\1", cell)
    return next((meant for meant in (inner.removeprefix("'"), inner) if safe(meant) == cell), cell)
