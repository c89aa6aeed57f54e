"""Publishing on top of what was newest when one began, and of nothing else."""

from __future__ import annotations

from ledger.error import OutdatedError


def require_newest(what: str, made_from: int | None, newest: int) -> None:
    """Check that nothing was published since.

    Args:
        what: What is numbered: an edition, a version.
        made_from: The number that the new one was made from, 0 for a first one; None for whichever is the newest.
        newest: The newest that there is, 0 when there is none.

    Raises:
        OutdatedError: Something was.
    """
    if made_from is not None and made_from != newest:
        message = f"this was made from {what} {made_from}, and the newest is {newest}; begin with that one"
        raise OutdatedError(message)
