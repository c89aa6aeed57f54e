"""Looks at a large XML file of an XLSX before the library does, which keeps a whole row or text as objects.

One pass of expat that keeps nothing: the file is a sheet or a table of texts, no row and no text of it has more than
so many elements, and there is no document type. What passes takes a bounded multiple of its own size in memory.

Source: ECMA-376 part 1, 18.3.1.99 (worksheet), 18.4.9 (sst).
"""

from __future__ import annotations

from typing import IO, Final
from xml.parsers import expat  # keeps nothing, and refuses what defusedxml would refuse

from api.desk.sheet_fault import SheetError

MAX_ELEMENTS: Final = 2_000_000
"""In all large files: 10,000 rows of 40 cells have 1.2 million."""
MAX_ELEMENTS_AT_ONCE: Final = 50_000
"""In one row or one text: every column that a spreadsheet has, each with its value."""
_ROOTS: Final = frozenset({"worksheet", "sst"})
_GROUPS: Final = frozenset({"row", "si"})
_SPACE: Final = " "
_BLOCK_BYTES: Final = 65_536


class _Count:
    """Counts elements, in all and since the last group began."""

    def __init__(self) -> None:
        self.all = 0
        self._at_once = 0

    def start(self, name: str, _: dict[str, str]) -> None:
        """Count one element."""
        local = name.rpartition(_SPACE)[2]
        if not self.all and local not in _ROOTS:
            raise SheetError("file_unpacked")
        self.all += 1
        self._at_once = 0 if local in _GROUPS else self._at_once + 1
        if self.all > MAX_ELEMENTS or self._at_once > MAX_ELEMENTS_AT_ONCE:
            raise SheetError("file_unpacked")


def check_large_xml(file: IO[bytes]) -> int:
    """Look at a file and return how many elements it has.

    Raises:
        SheetError: It is none that a class list would have.
        xml.parsers.expat.ExpatError: It is no XML.
    """
    count = _Count()
    parser = expat.ParserCreate(namespace_separator=_SPACE)
    parser.StartElementHandler = count.start
    parser.StartDoctypeDeclHandler = _refuse_doctype
    while block := file.read(_BLOCK_BYTES):
        parser.Parse(block, False)
    parser.Parse(b"", True)
    return count.all


def _refuse_doctype(*_: object) -> None:
    raise SheetError("file_broken")
