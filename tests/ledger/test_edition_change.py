"""The list of changes says every member that differs, and nothing else."""

from __future__ import annotations

import msgspec

from ledger.detail import Details
from ledger.edition_change import Change, changes_between
from tests.ledger.world import TEMPLATE


def test_changes_are_none_when_two_editions_are_the_same() -> None:
    assert changes_between((TEMPLATE, None), (TEMPLATE, None)) == ()


def test_changes_name_each_member_with_its_value_before_and_after() -> None:
    after = msgspec.structs.replace(TEMPLATE, title="Another", credits_centi=None, workload_minutes=60)
    found = changes_between((TEMPLATE, None), (after, None))
    assert {one.pointer: (one.before, one.after) for one in found} == {
        "/title": (TEMPLATE.title, "Another"),
        "/credits_centi": (TEMPLATE.credits_centi, None),
        "/workload_minutes": (TEMPLATE.workload_minutes, 60),
    }


def test_changes_point_into_the_details_when_these_differ() -> None:
    before, after = Details(tags=("a",)), Details(tags=("a", "b"), isced_f="0613")
    assert changes_between((TEMPLATE, before), (TEMPLATE, after)) == (
        Change(pointer="/details/tags", before=("a",), after=("a", "b")),
        Change(pointer="/details/isced_f", before=None, after="0613"),
    )


def test_changes_hold_the_details_whole_when_there_were_none() -> None:
    [found] = changes_between((TEMPLATE, None), (TEMPLATE, Details()))
    assert (found.pointer, found.before, found.after) == ("/details", None, msgspec.to_builtins(Details()))
