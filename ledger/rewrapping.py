"""Moving every wrapped key under the newest key-encryption key, while the ledger serves.

Rows are moved in small transactions, each only if it is still what was read; a crash anywhere leaves some under the old
key and some under the new, which the ring opens alike, and the next call goes on. Secrets themselves do not change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

from ledger.key_ring import ID_BYTES, KeyRing
from ledger.signing import signing_key_context
from ledger.store import Commit, LedgerRecorder, Write
from ledger.vault import vault_context

BATCH: Final = 500


class _Table(msgspec.Struct, frozen=True):
    """A table with a column ``wrapped``, its key columns, and what a row is bound to."""

    name: str
    keys: tuple[str, ...]
    context: Callable[[Sequence[Any]], bytes]


TABLES: Final = (
    _Table("vault_secret", ("name",), lambda row: vault_context("secret", row[0].encode())),
    _Table("vault_learner", ("handle",), lambda row: vault_context("learner", bytes(row[0]))),
    _Table(
        "vault_signing_key",
        ("institution", "key_id"),
        lambda row: signing_key_context(UUID(bytes=bytes(row[0])), row[1]),
    ),
)


def wrapped_rows(recorder: LedgerRecorder) -> dict[str, int]:
    """How many rows each key-encryption key wraps, by id (8 hexadecimal digits)."""
    counts: dict[str, int] = {}
    for table in TABLES:
        sql = f"SELECT substr(wrapped, 1, {ID_BYTES}), COUNT(*) FROM {table.name} GROUP BY 1"  # noqa: S608  names of ours
        for key_id, count in recorder.query(sql):
            counts[bytes(key_id).hex()] = counts.get(bytes(key_id).hex(), 0) + count
    return counts


def rewrap(recorder: LedgerRecorder, ring: KeyRing, note: Callable[[int], None]) -> int:
    """Move every row under the newest key of *ring*.

    Args:
        recorder: The database.
        ring: The key ring; the old keys are on it too.
        note: Told how many rows have been moved so far.

    Returns:
        How many rows were moved.

    Raises:
        KeyEncryptionError: A row is wrapped under a key that is not on the ring.
    """
    moved = 0
    for table in TABLES:
        columns = ", ".join(table.keys)
        select = f"SELECT {columns}, wrapped FROM {table.name} WHERE substr(wrapped, 1, {ID_BYTES}) <> ? LIMIT {BATCH}"  # noqa: S608  names of ours
        where = " AND ".join(f"{column}=?" for column in (*table.keys, "wrapped"))
        update = f"UPDATE {table.name} SET wrapped=? WHERE {where}"  # noqa: S608  names of ours
        while rows := recorder.query(select, (ring.current,)):
            changes = [
                (ring.wrap(ring.unwrap(bytes(row[-1]), table.context(row)), table.context(row)), *row) for row in rows
            ]
            recorder.record([Commit((), [Write(update, changes)])])
            moved += len(rows)
            note(moved)
    return moved
