"""What differs between two editions of a micro-credential: the public list of changes.

Computed from the editions themselves, so it can be neither forgotten nor made nicer.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ledger.achievement import Template
from ledger.detail import Details


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One member that differs: its RFC 6901 pointer, and the value before and after (None where there is none)."""

    pointer: str
    before: Any
    after: Any


def changes_between(
    before: tuple[Template, Details | None], after: tuple[Template, Details | None]
) -> tuple[Change, ...]:
    """List what differs, in the order of the members. A list that differs is one change, however much of it does."""
    found: list[Change] = []
    _compare(msgspec.to_builtins(before[0]), msgspec.to_builtins(after[0]), "", found)
    _compare(msgspec.to_builtins(before[1]), msgspec.to_builtins(after[1]), "/details", found)
    return tuple(found)


def _compare(before: Any, after: Any, pointer: str, found: list[Change]) -> None:  # noqa: ANN401  any JSON value
    if isinstance(before, dict) and isinstance(after, dict):
        for name in dict.fromkeys((*before, *after)):
            _compare(before.get(name), after.get(name), f"{pointer}/{name}", found)
    elif before != after:
        found.append(Change(pointer=pointer, before=before, after=after))
