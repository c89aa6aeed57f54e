"""Short ways to write rule texts and components in tests."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from ledger.stacking.component import Component
from ledger.stacking.derivation import Waiver
from ledger.stacking.evaluate import Budget, evaluate
from ledger.stacking.evaluation import Evaluation, RuleOutcome
from ledger.stacking.pathway_rules import PathwayRules, parse_rules
from ledger.stacking.text_form import convert

DAY = date(2026, 6, 1)
PATHWAY = "0123456789abcdef0123456789abcdef"
CASCADE = {"on_loss": "review", "deadline_days": 30, "appeal_days": 14}


def ref(code: str, institution: str = "here") -> dict[str, str]:
    return {"institution": institution, "code": code}


def text(rule: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401  any JSON value
    whole = {"format": "cairn/pathway/v1", "unit": {"kind": "ects"}, "cascade": CASCADE, "rule": rule}
    return {**whole, **more}


def rules(rule: dict[str, Any], **more: Any) -> PathwayRules:  # noqa: ANN401  any JSON value
    return parse_rules(json.dumps(text(rule, **more)).encode())


def all_of(*inner: dict[str, Any], name: str = "root") -> dict[str, Any]:
    return {"rule": "all_of", "id": name, "rules": list(inner)}


def award(name: str, credits_centi: int | None = 500, **facts: Any) -> Component:  # noqa: ANN401  any JSON value
    whole: dict[str, Any] = {"award": name, "institution": "here", "awarded_on": "2025-01-01", "standing": "valid"}
    if credits_centi is not None:
        whole["credits_centi"] = credits_centi
    return convert({**whole, **facts}, Component)


def stack(
    pathway: PathwayRules,
    *components: Component,
    day: date = DAY,
    waive: tuple[str, ...] = (),
    steps: int = 20_000,
) -> Evaluation:
    waivers = tuple(Waiver(rule=name, code="board-decision") for name in waive)
    return evaluate(
        pathway, components, pathway=PATHWAY, version=1, day=day, waivers=waivers, budget=Budget(steps=steps)
    )


def outcome(evaluation: Evaluation, name: str) -> RuleOutcome:
    return next(outcome for outcome in evaluation.outcomes if outcome.rule == name)
