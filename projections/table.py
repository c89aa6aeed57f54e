"""Tables: what a fold reads and writes, wherever that is kept.

A fold sees keys and values of bytes and nothing else, so the same fold runs inside a view's transaction, in an
auditor's memory, and in the sequencer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol


class Readable(Protocol):
    """Bytes by key, to be read: a table, a view, one snapshot of a view."""

    def get(self, key: bytes) -> bytes | None:
        """Return the value of *key*, or None."""
        ...


class Table(Readable, Protocol):
    """Bytes by key. What a fold puts must be there when it gets the same key, within the batch and after it."""

    def put(self, key: bytes, value: bytes) -> None:
        """Set the value of *key*, which is 1 to 511 bytes long."""
        ...


class MemoryTable:
    """A table in memory. Not safe for concurrent use."""

    def __init__(self) -> None:
        self._values: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        """Return the value of *key*, or None."""
        return self._values.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        """Set the value of *key*."""
        self._values[key] = value

    def items(self) -> list[tuple[bytes, bytes]]:
        """Return every key and value in order of key."""
        return sorted(self._values.items())


class Overlay:
    """Changes over a table that stays as it is until :meth:`merge`; dropping the overlay undoes them."""

    def __init__(self, below: Table) -> None:
        self._below = below
        self._changes: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        """Return the changed value of *key*, or the one below."""
        value = self._changes.get(key)
        return self._below.get(key) if value is None else value

    def put(self, key: bytes, value: bytes) -> None:
        """Set the value of *key* in the overlay alone."""
        self._changes[key] = value

    def changed(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the changed keys that start with *prefix* and their new values, in order of key."""
        return iter(sorted(item for item in self._changes.items() if item[0].startswith(prefix)))

    def merge(self) -> None:
        """Write the changes into the table below."""
        for key, value in self._changes.items():
            self._below.put(key, value)
        self._changes = {}
