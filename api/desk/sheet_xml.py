"""Looks at the XML files of an XLSX before the library does, which keeps a whole row or text as objects.

One pass of expat that keeps nothing. A large file is a sheet or a table of texts, no row and no text of it has more
than so many elements, and there is no document type. What passes takes a bounded multiple of its own size in memory.

Of any file: a formula that many cells share is written out anew for each of them by the library, so its length times
their number is limited. A sheet of a few thousand bytes, packed, could keep it at that for an hour.

Source: ECMA-376 part 1, 18.3.1.99 (worksheet), 18.4.9 (sst), 18.3.1.40 (f).
"""

from __future__ import annotations

from typing import IO, Final
from xml.parsers import expat  # keeps nothing, and refuses what defusedxml would refuse

from api.desk.sheet_fault import SheetError

MAX_ELEMENTS: Final = 2_000_000
"""In all large files: 10,000 rows of 40 cells have 1.2 million."""
MAX_ELEMENTS_AT_ONCE: Final = 50_000
"""In one row or one text: every column that a spreadsheet has, each with its value."""
MAX_SHARED_CHARS: Final = 2_000_000
"""Of formulas that cells share, written out for each: a column of 10,000 rows has formulas of some 50 characters. The
library takes half a microsecond for each."""
_ROOTS: Final = frozenset({"worksheet", "sst"})
_GROUPS: Final = frozenset({"row", "si"})
_FORMULA: Final = "f"
_SPACE: Final = " "
_BLOCK_BYTES: Final = 65_536


class _Count:
    """Counts elements, in all and since the last group began."""

    def __init__(self, *, is_large: bool) -> None:
        self.all = 0
        self._is_large = is_large
        self._at_once = 0
        self._shared = 0
        self._longest = 0
        self._chars = -1

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Count one element."""
        local = name.rpartition(_SPACE)[2]
        self._chars = 0 if local == _FORMULA else -1
        if local == _FORMULA and "shared" in attributes.values():
            self._shared += 1
            self._limit_shared()
        if not self._is_large:
            return
        if not self.all and local not in _ROOTS:
            raise SheetError("file_unpacked")
        self.all += 1
        self._at_once = 0 if local in _GROUPS else self._at_once + 1
        if self.all > MAX_ELEMENTS or self._at_once > MAX_ELEMENTS_AT_ONCE:
            raise SheetError("file_unpacked")

    def text(self, data: str) -> None:
        """Count what stands in a formula."""
        if self._chars >= 0:
            self._chars += len(data)
            self._longest = max(self._longest, self._chars)
            self._limit_shared()

    def _limit_shared(self) -> None:
        if self._shared * self._longest > MAX_SHARED_CHARS:
            raise SheetError("file_unpacked")


def check_xml(file: IO[bytes], *, is_large: bool) -> int:
    """Look at a file and return how many elements it has, if it is large.

    Args:
        file: The file, unpacked.
        is_large: Whether it has to be a sheet or a table of texts, with elements that are counted.

    Raises:
        SheetError: It is none that a class list would have.
        xml.parsers.expat.ExpatError: It is no XML.
    """
    count = _Count(is_large=is_large)
    parser = expat.ParserCreate(namespace_separator=_SPACE)
    parser.StartElementHandler = count.start
    parser.CharacterDataHandler = count.text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    while block := file.read(_BLOCK_BYTES):
        parser.Parse(block, False)
    parser.Parse(b"", True)
    return count.all


def _refuse_doctype(*_: object) -> None:
    raise SheetError("file_broken")
