"""The nearest ways to complete a stack."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from ledger.stacking.candidate import Candidates
from ledger.stacking.evaluation import Completion

if TYPE_CHECKING:
    from ledger.stacking.attempt import Attempt


def completions(
    candidates: Candidates, attempts: Sequence[Attempt], waived: frozenset[str], day: date
) -> tuple[Completion, ...]:
    """Not yet."""
    return ()
