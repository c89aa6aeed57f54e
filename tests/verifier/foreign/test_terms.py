"""Terms are judged alike whether documents of the shape were met before or not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.jsonld.document import badge
from verifier.foreign.securing import judge_terms
from verifier.jsonld.canonical import SHAPES
from verifier.report import State

EVIL = "https://evil.example/"


def award() -> dict[str, Any]:
    """A badge of a shape that no other test uses."""
    return {**badge(), "description": "of a shape of its own", "awardedDate": "2026-02-02T00:00:00Z", "evidence": []}


def test_terms_are_defined_when_a_shape_is_new_and_when_it_is_known() -> None:
    judged = [judge_terms({**award(), "name": f"Award {number}"}) for number in range(3)]
    assert SHAPES.knows(award())
    assert judged == [judged[0]] * 3
    assert judged[0].state is State.PASSED


@pytest.mark.parametrize(
    "change, state",
    [
        ({"madeUp": "x"}, State.FAILED),
        ({"id": "relative"}, State.FAILED),
        ({"type": ["VerifiableCredential", "MadeUp"]}, State.FAILED),
        ({"@context": [*badge()["@context"], EVIL]}, State.UNKNOWN),
    ],
)
def test_terms_are_not_defined_when_a_shape_like_it_is_known(change: dict[str, Any], state: State) -> None:
    for _ in range(3):
        assert judge_terms(award()).state is State.PASSED
        assert judge_terms({**award(), **change}).state is state
