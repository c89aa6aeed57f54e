"""The life of key-encryption keys: rotated, kept for as long as backups are, then destroyed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from api.ledger_node import LedgerNode
from ledger.key_ring import RandomBytes, add_key, destroy_key, retire_key, retired_keys
from ledger.rewrapping import rewrap, wrapped_rows

LOOK_SECONDS: Final = 3_600.0
"""How often a serving process looks for keys whose time is over."""


class KeyStanding(msgspec.Struct, frozen=True):
    """One key-encryption key.

    Attributes:
        id: Its id.
        rows: How many keys and secrets it wraps.
        is_current: Whether new ones are wrapped under it.
        destroy_after: When it may be destroyed; None unless it is retired.
    """

    id: str
    rows: int
    is_current: bool
    destroy_after: datetime | None


def key_standings(node: LedgerNode) -> list[KeyStanding]:
    """How every key on the ring stands, oldest first."""
    rows, retired = wrapped_rows(node.ledger.store), retired_keys(_directory(node))
    current = node.key_ring.current.hex()
    return [KeyStanding(one, rows.get(one, 0), one == current, retired.get(one)) for one in node.key_ring.ids]


def rotate_key(
    node: LedgerNode, now: datetime, keep: timedelta, random: RandomBytes, note: Callable[[int], None]
) -> list[KeyStanding]:
    """Make a new key, move everything under it, and retire those that wrap nothing any more.

    A crash anywhere leaves a ledger that opens; the same call, or :func:`finish_rotation`, goes on.

    Args:
        node: The ledger, served or not.
        now: The present instant.
        keep: How long backups are kept: so long the old keys are needed.
        random: Source of randomness.
        note: Told how many rows have been moved.
    """
    add_key(_directory(node), random)
    return finish_rotation(node, now, keep, note)


def finish_rotation(node: LedgerNode, now: datetime, keep: timedelta, note: Callable[[int], None]) -> list[KeyStanding]:
    """Move what is not yet under the newest key, and retire the others."""
    rewrap(node.ledger.store, node.key_ring, note)
    already = retired_keys(_directory(node))
    for key in key_standings(node):
        if not key.is_current and not key.rows and key.id not in already:
            retire_key(_directory(node), key.id, now + keep)
    return key_standings(node)


def destroy_retired(node: LedgerNode, now: datetime, random: RandomBytes) -> list[str]:
    """Destroy every retired key whose time is over; return their ids. One that still wraps something stays."""
    due = [one for one in key_standings(node) if one.destroy_after is not None and one.destroy_after <= now]
    gone = [one.id for one in due if not one.rows and not one.is_current]
    for key_id in gone:
        destroy_key(_directory(node), key_id, random)
    return gone


def _directory(node: LedgerNode) -> Path:
    return node.key_ring.directory
