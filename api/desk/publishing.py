"""What drafts of micro-credentials and pathways have in common: what is wrong with them, and that they go out once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ledger.error import InvalidInputError, MissingElementError

MADE_FROM: Final = "made_from"
"""The field of a form that says from which edition or version it was made: 0 for a first one."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What hinders a draft.

    Attributes:
        field: Of the form; empty for the draft as a whole.
        code: A sentence of the pages has this name.
        detail: What the ledger says.
        place: Where in a text that was given; empty for a plain field.
        excerpt: The line there.
    """

    field: str
    code: str
    detail: str = ""
    place: str = ""
    excerpt: str = ""


def fault_of(error: InvalidInputError, field: str) -> Fault:
    """What the ledger refuses, as a fault of a field."""
    return Fault(field, "element_missing" if isinstance(error, MissingElementError) else "refused", error.detail)


def hundredths(text: str) -> int | None:
    """Read an amount such as 3, 2.5 or 2,5 in hundredths; None for what is none, or has more places."""
    whole, _, part = text.replace(",", ".").partition(".")
    if not (whole.isascii() and whole.isdecimal() and len(whole) <= 6 and len(part) <= 2):  # noqa: PLR2004  counts of digits
        return None
    if part and not (part.isascii() and part.isdecimal()):
        return None
    return int(whole) * 100 + int(part.ljust(2, "0"))
