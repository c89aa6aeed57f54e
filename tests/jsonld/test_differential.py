"""Three ways to the same bytes: by shape, by the general way, and by the npm `jsonld`.

What one refuses the others may take or refuse; what two of them take has to be equal, byte for byte. Three differences
are known, all of the npm packages, and are named below where they are let pass.
"""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from tests.jsonld.document import DOCUMENTS, mutated, refilled
from tests.node.processor import Processor
from verifier.error import JsonLdError
from verifier.jsonld.expansion import to_quads
from verifier.jsonld.rdfc import canonicalise
from verifier.jsonld.shape import Shapes

ROUNDS = 150
"""Documents for each kind and seed."""


def generally(document: dict[str, Any]) -> bytes | None:
    try:
        return canonicalise(to_quads(document)).nquads
    except JsonLdError:
        return None


def by_shape(shapes: Shapes, document: dict[str, Any]) -> bytes | None:
    found = shapes.find(document, "sha256")
    return None if found is None else found.nquads


@pytest.mark.parametrize("make", DOCUMENTS)
def test_shape_equals_the_general_way_when_strings_differ(make: Any) -> None:  # noqa: ANN401  a maker of documents
    chance, shapes, quick = random.Random(make.__name__), Shapes(), 0
    for _ in range(ROUNDS):
        document = refilled(make(), chance)
        general = generally(document)
        found = by_shape(shapes, document)
        if found is not None:
            quick += 1
            assert found == general, json.dumps(document)
        elif general is not None:
            shapes.learn(document, at_once=True)
            assert by_shape(shapes, document) in (None, general), json.dumps(document)
    assert quick > ROUNDS // 15


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("make", DOCUMENTS)
def test_shape_equals_the_general_way_when_anything_differs(make: Any, seed: int) -> None:  # noqa: ANN401  a maker
    chance, shapes = random.Random(f"{make.__name__}{seed}"), Shapes()
    for _ in range(ROUNDS):
        document = mutated(make(), chance)
        general = generally(document)
        if general is None:
            assert by_shape(shapes, document) is None, json.dumps(document)
            continue
        template = shapes.learn(document, at_once=True)
        assert by_shape(shapes, document) in (None, general), json.dumps(document)
        if template is None:
            continue
        # What was learnt of one document is asked about others of its shape.
        for _ in range(4):
            other = refilled(document, chance)
            found = by_shape(shapes, other)
            assert found is None or found == generally(other), json.dumps(other)


@pytest.mark.parametrize("make", DOCUMENTS)
def test_general_way_equals_node_when_anything_differs(make: Any, node: Processor) -> None:  # noqa: ANN401  a maker
    chance, compared = random.Random(f"node {make.__name__}"), 0
    for number in range(ROUNDS):
        document = mutated(make(), chance) if number else make()
        general, told = generally(document), node.ask(canonize=document)
        if general is None or "nquads" not in told or is_known_difference(document):
            continue
        compared += 1
        # A dataset is a set; `jsonld` writes a JSON literal twice if the node that has it is described twice.
        once = "".join(dict.fromkeys(told["nquads"].splitlines(keepends=True)))
        assert general.decode() == once, json.dumps(document)
    assert compared > ROUNDS // 10


@pytest.mark.parametrize("make", DOCUMENTS)
def test_shape_equals_node_when_strings_and_the_order_of_members_differ(make: Any, node: Processor) -> None:  # noqa: ANN401  a maker
    chance, shapes, compared = random.Random(f"order {make.__name__}"), Shapes(), 0
    shapes.learn(make(), at_once=True)
    for number in range(ROUNDS // 3):
        document = shuffled(refilled(make(), chance) if number else make(), chance)
        found = by_shape(shapes, document)
        if found is None:
            continue
        compared += 1
        told = node.ask(canonize=document)["nquads"]
        assert found.decode() == "".join(dict.fromkeys(told.splitlines(keepends=True))), json.dumps(document)
        assert found == generally(document), json.dumps(document)
    assert compared


@pytest.mark.parametrize("make", DOCUMENTS)
def test_general_way_says_the_same_when_members_stand_in_another_order(make: Any) -> None:  # noqa: ANN401  a maker
    chance = random.Random(f"turned {make.__name__}")
    for _ in range(ROUNDS // 5):
        document = mutated(make(), chance)
        assert generally(shuffled(document, chance)) == generally(document), json.dumps(document)


def shuffled(value: Any, chance: random.Random) -> Any:  # noqa: ANN401  any JSON
    """Return a value with its members in another order, those of contexts included."""
    if isinstance(value, dict):
        return {name: shuffled(value[name], chance) for name in chance.sample(list(value), len(value))}
    return [shuffled(member, chance) for member in value] if isinstance(value, list) else value


def is_known_difference(value: Any) -> bool:  # noqa: ANN401  any JSON
    """What the npm packages are known to do otherwise than the specifications say.

    Noncharacters are to be escaped, as N-Quads has them. A number is a double if it has a fraction; `jsonld` looks for
    a point in how JavaScript writes it, and takes 1e-7 for an integer, 0.
    """
    if isinstance(value, dict):
        return any(is_known_difference(part) for pair in value.items() for part in pair)
    if isinstance(value, list):
        return any(map(is_known_difference, value))
    if isinstance(value, float):
        return not value.is_integer() and "." not in repr(value)
    return isinstance(value, str) and ("\ufffe" in value or "\uffff" in value)


def test_shape_is_used_when_a_badge_differs_in_its_values_alone() -> None:
    shapes = Shapes()
    shapes.learn(DOCUMENTS[0](), at_once=True)
    for number in range(20):
        document = DOCUMENTS[0]()
        document["id"] += str(number)
        document["credentialSubject"]["id"] = f"did:key:z6Mk{number}"
        document["credentialSubject"]["identifier"][0]["identityHash"] = f"sha256${number}"
        for entry in document["credentialStatus"]:
            entry["statusListIndex"] = str(number)
        assert by_shape(shapes, document) == generally(document)
