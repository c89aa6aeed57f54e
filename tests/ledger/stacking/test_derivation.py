"""Derivations: one spelling, every rule run again, and whatever is changed in one is found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import msgspec
import pytest

from ledger.error import InvalidInputError
from ledger.stacking.check import check_derivation
from ledger.stacking.derivation import Derivation, parse_derivation
from ledger.stacking.pathway_rules import PathwayRules, parse_rules
from tests.ledger.stacking.text import PATHWAY, all_of, award, ref, rules, stack

Path = tuple[str | int, ...]


def pathway() -> PathwayRules:
    return rules(
        all_of(
            {"rule": "required", "id": "core", "achievements": [ref("A"), ref("B")]},
            {"rule": "choose", "id": "elective", "of": {"fields": ["06"]}, "credits": 600, "count": 1},
            {"rule": "minimum", "id": "total", "credits": 1600},
            {"rule": "share", "id": "level", "of": {"min_eqf": 6}, "share": "75%", "base": "counted", "waivable": True},
            {"rule": "prerequisite", "id": "first", "achievement": ref("B"), "requires": [ref("P")], "order": "before"},
            {"rule": "capstone", "id": "end", "achievements": [ref("C")], "last": True},
        ),
        counting=[
            {"rule": "recency", "id": "recent", "years": 7},
            {"rule": "grade_floor", "id": "grade", "floors": [{"scale": "letters", "grade": "B"}]},
            {"rule": "quality", "id": "quality", "accredited": True, "supervised": True},
        ],
        scales={"letters": {"order": ["C", "B", "A"]}},
        overlap={"rule": "overlap", "id": "overlap", "caps": [{"credits": 200}]},
    )


GOOD: dict[str, Any] = {"grade": "B", "accredited": True, "supervised": True}


def derivation() -> Derivation:
    held = [
        award("1", 400, achievement="A", eqf_level=5, awarded_on="2019-06-01", **GOOD),
        award("2", 400, achievement="B", eqf_level=5, awarded_on="2025-01-01", **GOOD),
        award("3", 600, fields=["0613"], eqf_level=6, spent=[{"target": "Degree", "amount": 200}], **GOOD),
        award("4", 200, achievement="C", eqf_level=6, awarded_on="2025-01-01", **GOOD),
        award("5", 300, achievement="P", awarded_on="2024-12-31", **GOOD),
    ]
    found = stack(pathway(), *held, waive=("level",)).derivation
    assert found is not None
    return found


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:  # noqa: ANN401  any JSON value
    if isinstance(value, dict):
        for name, member in value.items():
            yield from leaves(member, (*path, name))
    elif isinstance(value, list):
        for number, member in enumerate(value):
            yield from leaves(member, (*path, number))
    else:
        yield path, value


def others(value: Any) -> list[Any]:  # noqa: ANN401  any JSON value
    """Other values of the same kind."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, value - 1]
    days = {"2019-06-01": ["2019-05-31", "2019-06-02"], "2025-01-01": ["2024-12-30", "2025-01-02"]}
    if value in days:
        return days[value]
    return {
        "2024-12-31": ["2025-01-01", "2024-12-30"],
        "2026-06-01": ["2026-06-02", "2026-05-31"],
        "B": ["C", "A"],
        "valid": ["suspended", "revoked", "replaced", "expired"],
        "met": ["unmet", "waived", "not_needed"],
        "waived": ["met", "unmet"],
        "0613": ["0713", "06"],
        "here": ["there"],
        "Degree": ["Certificate"],
        PATHWAY: ["f" * 32],
    }.get(value, [f"{value}x" if value else "core"])


def changed(tree: Any, path: Path, value: Any) -> Any:  # noqa: ANN401  any JSON value
    copy = json.loads(json.dumps(tree))
    inner = copy
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return copy


def found_wrong(tree: Any) -> bool:  # noqa: ANN401  any JSON value
    """Tell whether reading or checking finds something."""
    data = json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    try:
        return bool(check_derivation(pathway(), parse_derivation(data)))
    except InvalidInputError:
        return True


# What the rules do not look at, or where another value does as well (a better grade, a day earlier): the facts are
# compared with the documents, and pathway, version and waiver with the event, by whoever has these.
BY_OTHERS = {
    ("pathway",),
    ("version",),
    ("day",),
    ("waivers", 0, "code"),
    *(("components", number, "grade") for number in range(5)),
    *(("components", number, "eqf_level") for number in range(4)),
    *(("components", number, "awarded_on") for number in (0, 2, 3, 4)),
    ("components", 2, "fields", 0),  # 06 fits as well as 0613
    ("components", 2, "institution"),  # nothing asks whose the elective is
    ("components", 2, "spent", 0, "target"),  # the cap speaks of every target
    ("components", 4, "credits_centi"),  # a prerequisite alone counts for no credits
}


def test_derivation_is_accepted_when_nothing_is_changed() -> None:
    good = derivation()
    assert [use.group for use in good.uses] == ["core", "core", "elective", "end", "first"]
    assert (good.uses[2].spent, good.uses[2].reused) == (400, 200)
    assert check_derivation(pathway(), good) == []
    assert parse_derivation(good.canonical()) == good


def test_every_change_of_one_value_is_found_when_it_matters() -> None:
    tree = json.loads(derivation().canonical())
    missed = {
        path for path, value in leaves(tree) for other in others(value) if not found_wrong(changed(tree, path, other))
    }
    assert missed == BY_OTHERS
    # Each of the others is caught by the commitment: not one byte may differ.
    digest = sha256(derivation().canonical()).digest()
    for path, value in leaves(tree):
        for other in others(value):
            data = json.dumps(changed(tree, path, other), sort_keys=True, separators=(",", ":")).encode()
            assert sha256(data).digest() != digest


def test_every_award_use_and_outcome_is_needed_when_one_is_left_out() -> None:
    tree = json.loads(derivation().canonical())
    for name in ("components", "uses", "outcomes", "waivers"):
        for number in range(len(tree[name])):
            copy = json.loads(json.dumps(tree))
            del copy[name][number]
            assert found_wrong(copy), (name, number)


def test_every_leaf_is_needed_when_it_is_left_out() -> None:
    tree = json.loads(derivation().canonical())
    missed = set()
    for path, _ in leaves(tree):
        copy = json.loads(json.dumps(tree))
        inner = copy
        for name in path[:-1]:
            inner = inner[name]
        del inner[path[-1]]
        if not found_wrong(copy):
            missed.add(path)
    assert missed <= {
        ("components", 4, "credits_centi"),
        ("components", 0, "eqf_level"),
        ("components", 1, "eqf_level"),
    }


def test_a_derivation_is_refused_when_of_another_rule_text() -> None:
    other = rules({"rule": "minimum", "id": "total", "credits": 100})
    assert "the derivation is of another rule text: the digests differ" in check_derivation(other, derivation())


def rebuilt(**changes: Any) -> list[str]:  # noqa: ANN401  members of a derivation
    return check_derivation(pathway(), msgspec.structs.replace(derivation(), **changes))


def test_problems_are_named_when_a_derivation_is_wrong() -> None:
    good = derivation()
    more = award("0", 100, achievement="A", **GOOD)
    use = msgspec.structs.replace(good.uses[0], award="0", credits=100, spent=100, group="")
    twice = rebuilt(components=(more, *good.components), uses=(use, *good.uses))
    assert any("the same achievement" in problem for problem in twice)
    stray = msgspec.structs.replace(use, credits=0, spent=0, group="first")
    assert any(
        "does not belong" in problem
        for problem in rebuilt(components=(more, *good.components), uses=(stray, *good.uses))
    )
    spare = award("6", 100, achievement="P", awarded_on="2024-12-01", **GOOD)
    named = msgspec.structs.replace(good.uses[4], award="6")
    problems = rebuilt(components=(*good.components, spare), uses=(*good.uses, named))
    assert "6 is pinned as a prerequisite of nothing" in problems
    wrong = msgspec.structs.replace(good.uses[0], group="elective")
    assert "1 does not belong into elective" in rebuilt(uses=(wrong, *good.uses[1:]))
    revoked = msgspec.structs.replace(good.components[0], standing="revoked")
    assert any("is revoked" in problem for problem in rebuilt(components=(revoked, *good.components[1:])))
    assert "rule level is waived twice" in rebuilt(waivers=good.waivers * 2)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data + b"\n",
        lambda data: data.replace(b'{"components"', b'{ "components"', 1),
        lambda data: data.replace(b'"version":1', b'"version":1.0'),
        lambda data: data.replace(b'"version":1', b'"version":1,"version":1'),
        lambda data: data.replace(b'"version":1', b'"version":0'),
        lambda data: data.replace(b'"version":1', b'"version":true'),
        lambda data: data.replace(b'"version":1', b'"version":9007199254740992'),
        lambda data: data.replace(b'"version":1', b'"version":1,"w":1'),
        lambda data: data.replace(b'"reused":200', b'"reused":200,"spent2":null'),
        lambda data: data.replace(b"0123456789abcdef", b"0123456789ABCDEF"),
        lambda data: data.replace(b"cairn/derivation/v1", b"cairn/derivation/v2"),
        lambda data: data.replace(b'"day":"2026-06-01"', b'"day":"2026-6-1"'),
        lambda data: data.replace(b'"2026-06-01"', b'"2026-06-01T00:00:00"'),
        lambda data: b"\xff" + data,
        lambda _: b"[" * 100_000,
        lambda data: data.replace(b'"grade":"B"', b'"grade":"\\ud800"', 1),
        lambda data: data.replace(b'"grade":"B"', b'"grade":"\\u0042"', 1),
        lambda _: b" " * 1_000_001,
    ],
)
def test_bytes_are_refused_when_not_the_canonical_ones(change: Any) -> None:  # noqa: ANN401  a function
    data = derivation().canonical()
    assert change(data) != data
    with pytest.raises(InvalidInputError):
        parse_derivation(change(data))


def test_rule_texts_have_one_digest_when_spelled_in_other_ways() -> None:
    text = json.loads(pathway().canonical())
    spelled = json.dumps(dict(reversed(text.items())), indent=3).encode()
    assert parse_rules(spelled).digest() == pathway().digest()
    assert pathway().digest() == sha256(pathway().canonical()).hexdigest()


@pytest.mark.parametrize(
    "value", [0, -1, 2**53 - 1, -(2**53 - 1), "", "x", "0001-01-01", "9999-12-31", True, [], {}, None]
)
def test_checking_ends_in_problems_or_a_refusal_when_any_value_is_replaced(value: Any) -> None:  # noqa: ANN401  any JSON value
    tree = json.loads(derivation().canonical())
    for path, before in leaves(tree):
        if value != before:
            # Whatever it is, nothing but InvalidInputError is raised: an auditor reads what strangers wrote.
            found_wrong(changed(tree, path, value))
