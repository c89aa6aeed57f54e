"""Evaluate a pathway's rules over awards, and check a pinned derivation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import msgspec

from ledger.stacking.component import Component
from ledger.stacking.derivation import Derivation, Waiver
from ledger.stacking.evaluation import Evaluation
from ledger.stacking.pathway_rules import PathwayRules


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """How far a search may go, in steps and not in time, so that the answer is the same everywhere."""

    steps: int = 20_000


def evaluate(
    rules: PathwayRules,
    components: Sequence[Component],
    *,
    pathway: str,
    version: int,
    day: date,
    waivers: Sequence[Waiver] = (),
    budget: Budget | None = None,
) -> Evaluation:
    """Find out whether *components* stack, and how."""
    raise NotImplementedError


def check_derivation(rules: PathwayRules, derivation: Derivation) -> list[str]:
    """Run every rule again over a pinned derivation, without any search; returns what is wrong."""
    raise NotImplementedError
