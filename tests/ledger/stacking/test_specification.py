"""The pages of the specification say what is so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

from ledger.stacking.admission import AnyAdmission
from ledger.stacking.check import check_derivation
from ledger.stacking.component import Component
from ledger.stacking.derivation import Derivation, Use, Waiver
from ledger.stacking.evaluate import Budget
from ledger.stacking.finding import MAX_WAYS
from ledger.stacking.pathway_rules import PathwayRules, parse_rules
from ledger.stacking.rule import AnyRule
from ledger.stacking.text_form import canonical, convert
from tests.ledger.stacking.text import award, rules, stack

SPEC = Path(__file__).parents[3] / "docs" / "spec"


def example(page: str) -> Any:  # noqa: ANN401  any JSON value
    text = (SPEC / page).read_text()
    return json.loads(text.split("```json\n", 1)[1].split("```", 1)[0])


def test_the_example_of_a_rule_text_is_one_when_read() -> None:
    parsed = parse_rules(json.dumps(example("pathway.md")).encode())
    assert parsed.rule_called("thesis") is not None


def test_the_example_of_a_derivation_is_what_an_evaluation_gives_when_run() -> None:
    pathway = rules({"rule": "minimum", "id": "total", "credits": 1000})
    shown = convert(example("derivation.md"), Derivation)
    found = stack(pathway, award("1", 1000, achievement="A")).derivation
    assert canonical(shown) == canonical(found) if found else False
    assert check_derivation(pathway, shown) == []


def test_the_page_names_every_rule_and_member_when_there_are_more() -> None:
    page = (SPEC / "pathway.md").read_text()
    for kind in (*get_args(AnyRule), *get_args(AnyAdmission)):
        assert f"`{kind.__struct_config__.tag}`" in page
        for name in set(kind.__struct_fields__) - {
            "id",
            "waivable",
            "rules",
            "rounding",
            "size",
            "step",
            "base",
            "only",
        }:
            assert f"`{name}`" in page, name
    for name in PathwayRules.__struct_fields__:
        assert f"`{name}`" in page or f'"{name}"' in page
    assert f"{Budget().steps:,} by default" in page
    assert f"At most {MAX_WAYS} ways" in page


def test_the_page_names_every_member_of_a_derivation_when_there_are_more() -> None:
    page = (SPEC / "derivation.md").read_text()
    for kind in (Derivation, Component, Use, Waiver):
        for name in kind.__struct_fields__:
            assert f"`{name}`" in page or f'"{name}"' in page, name
