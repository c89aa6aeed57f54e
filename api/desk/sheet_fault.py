"""Why a file cannot be read as a table at all."""

from __future__ import annotations

from typing import Literal

SheetFault = Literal[
    "file_empty", "file_large", "file_encoding", "file_broken", "file_old_excel", "file_unpacked",
    "file_rows", "file_columns", "file_header", "file_column_twice", "file_busy", "file_no_award", "file_many_awards",
]  # fmt: skip


class SheetError(Exception):
    """A file that cannot be read as a table at all.

    Args:
        fault: Why; a sentence of the pages has this name.
        place: Which column or row, when there is one.
    """

    def __init__(self, fault: SheetFault, place: str = "") -> None:
        super().__init__(fault)
        self.fault: SheetFault = fault
        self.place = place
