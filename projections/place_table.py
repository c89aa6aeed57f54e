"""A table in memory that keeps the places of millions of credentials small.

A status fold remembers where each credential's bits are. As entries of a dict that is some 250 bytes a credential; here
it is 24. Recent places stand in a dict; when there are enough of them they are frozen into a sorted run of bytes, and a
look-up searches the runs. Aggregate ids begin with the time of issue, so nearly every run is ruled out by its first and
last id; a look-up in ten million takes some microseconds, and happens once for each issuance or change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_PREFIX: Final = ord("p")
_KEY_BYTES: Final = 16
_VALUE_BYTES: Final = 8
_ROW_BYTES: Final = _KEY_BYTES + _VALUE_BYTES
RUN_ROWS: Final = 65_536
"""Rows of a run: about 16 MB of dict are frozen into 1.5 MB of bytes."""


class PlaceTable:
    """A table in which keys of ``p`` and 16 bytes, with values of 8 bytes that never change, are kept small.

    Not safe for concurrent use.

    Args:
        run_rows: Recent places that are frozen together.
    """

    def __init__(self, run_rows: int = RUN_ROWS) -> None:
        self._run_rows = run_rows
        self._recent: dict[bytes, bytes] = {}
        self._runs: list[tuple[bytes, bytes, bytes]] = []
        self._others: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        """Return the value of *key*, or None."""
        if key[0] != _PREFIX:
            return self._others.get(key)
        wanted = key[1:]
        found = self._recent.get(wanted)
        if found is not None:
            return found
        for first, last, rows in self._runs:
            if first <= wanted <= last and (value := _search(rows, wanted)) is not None:
                return value
        return None

    def put(self, key: bytes, value: bytes) -> None:
        """Set the value of *key*; that of a place once and for all.

        Raises:
            ValueError: A place of another size, or one that is there already with another value.
        """
        if key[0] != _PREFIX:
            self._others[key] = value
            return
        known = self.get(key)
        if len(key) != 1 + _KEY_BYTES or len(value) != _VALUE_BYTES or known not in {None, value}:
            msg = f"no place can be kept at {key.hex()}"
            raise ValueError(msg)
        if known is not None:
            return
        self._recent[key[1:]] = value
        if len(self._recent) >= self._run_rows:
            self._freeze()

    def parts(self) -> tuple[list[bytes], bytes, list[tuple[bytes, bytes]]]:
        """Return everything: the runs, the recent places as rows of 24 bytes, and the other keys and values."""
        return [rows for _, _, rows in self._runs], _joined(self._recent), sorted(self._others.items())

    @classmethod
    def from_parts(cls, runs: Sequence[bytes], recent: bytes) -> PlaceTable:
        """Make the table of which :meth:`parts` returned *runs* and *recent*, without the other keys.

        Raises:
            ValueError: They are not rows of 24 bytes.
        """
        if any(not rows or len(rows) % _ROW_BYTES for rows in runs) or len(recent) % _ROW_BYTES:
            msg = f"places are rows of {_ROW_BYTES} bytes"
            raise ValueError(msg)
        table = cls()
        table._runs = [_run(rows) for rows in runs]
        rows = (recent[at : at + _ROW_BYTES] for at in range(0, len(recent), _ROW_BYTES))
        table._recent = {row[:_KEY_BYTES]: row[_KEY_BYTES:] for row in rows}
        return table

    def _freeze(self) -> None:
        self._runs.append(_run(_joined(self._recent)))
        self._recent = {}


def _joined(places: dict[bytes, bytes]) -> bytes:
    return b"".join(key + value for key, value in sorted(places.items()))


def _run(rows: bytes) -> tuple[bytes, bytes, bytes]:
    return rows[:_KEY_BYTES], rows[-_ROW_BYTES:][:_KEY_BYTES], rows


def _search(rows: bytes, wanted: bytes) -> bytes | None:
    """Return the value of *wanted* in a sorted run, or None."""
    low, high = 0, len(rows) // _ROW_BYTES
    while low < high:
        middle = (low + high) // 2
        at = middle * _ROW_BYTES
        key = rows[at : at + _KEY_BYTES]
        if key == wanted:
            return rows[at + _KEY_BYTES : at + _ROW_BYTES]
        if key < wanted:
            low = middle + 1
        else:
            high = middle
    return None
