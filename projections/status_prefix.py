"""Projection ``status_prefix``: awards by a hash of their ids, so that a few bits of it can be asked for.

Who wants to know how an award stands, and not to tell which award that is, names the first bits of its look-up hash and
is told of every award that begins with them. The ids themselves are no good for this: they begin with the instant of
issue, so a prefix of one would tell the day.

Keys:

    n                    -> u64, how many awards there are
    h look-up hash (16)  -> aggregate id (16), under which the status is

Parts of unpacked diplomas are not here: the log lists none, and of one whose own history has begun it does not show
what became of the diploma, so whatever could be said would be half of its status.

Source: docs/spec/identifiers.md (look-up hash), docs/adr/0030-status-by-prefix.md.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import ClassVar, Final

from ledger.credential import SIGNED_BIRTHS
from ledger.credential_id import LOOKUP_HASH_BYTES, lookup_hash
from ledger.event import EventMapper
from projections.fold import refuse
from projections.source import Notification
from projections.table import Table
from projections.view import View

HASH_BITS: Final = 8 * LOOKUP_HASH_BYTES
MAX_PREFIX_BITS: Final = HASH_BITS - 8
"""Longest prefix that can be looked up; any ledger has use for some thirty bits."""
_COUNT: Final = b"n"
_HASH: Final = b"h"
_U64: Final = struct.Struct(">Q")


class StatusPrefixes:
    """Folds the births of awards into an index by look-up hash; of an event it reads whose it is, and no more.

    Args:
        mapper: As every projection is given; not needed.
    """

    NAME: ClassVar[str] = "status_prefix"
    VERSION: ClassVar[int] = 1
    TOPICS: ClassVar[frozenset[str]] = frozenset(event.TOPIC for event in SIGNED_BIRTHS)

    def __init__(self, mapper: EventMapper) -> None:
        del mapper

    def apply(self, batch: Sequence[Notification], table: Table) -> None:
        """Apply events, oldest first.

        Raises:
            CorruptionError: A credential is issued twice.
        """
        known = count = _count(table.get(_COUNT))
        for event in batch:
            if event.topic in self.TOPICS:
                key = _HASH + lookup_hash(event.originator)
                if table.get(key) is not None:
                    raise refuse(event, "this credential was issued before")
                table.put(key, event.originator)
                count += 1
        if count != known:
            table.put(_COUNT, _U64.pack(count))


class StatusPrefixReader:
    """Looks awards up by the first bits of their look-up hash.

    Args:
        view: The view of this projection.
    """

    def __init__(self, view: View) -> None:
        self._view = view

    def count(self) -> int:
        """Return how many awards there are. Raises ViewNotReadyError."""
        return _count(self._view.get(_COUNT))

    def position(self) -> int:
        """Return the position of the newest event applied. Raises ViewNotReadyError."""
        return self._view.position()

    def under(self, prefix: str) -> Iterator[tuple[bytes, bytes]]:
        """Yield look-up hash and aggregate id of every award under a prefix, in order of hash.

        Args:
            prefix: At most :data:`MAX_PREFIX_BITS` characters ``0`` and ``1``; none for every award.

        Raises:
            ViewNotReadyError: The view is still to be built.
        """
        spare = HASH_BITS - len(prefix)
        first = int(prefix or "0", 2) << spare
        last = (first | (1 << spare) - 1).to_bytes(LOOKUP_HASH_BYTES)
        # A key that is cut short sorts before every key that begins with it, so none is left out.
        start = _HASH + first.to_bytes(LOOKUP_HASH_BYTES)[: (len(prefix) + 7) // 8]
        with self._view.snapshot() as snapshot:
            for key, identity in snapshot.scan(_HASH, start):
                if key[1:] > last:
                    return
                yield key[1:], identity


def _count(stored: bytes | None) -> int:
    return 0 if stored is None else int(_U64.unpack(stored)[0])
