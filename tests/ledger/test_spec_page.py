"""The pages of the specification say what the code does, and leave nothing out."""

from __future__ import annotations

import json
import re
from pathlib import Path
from uuid import UUID

import pytest

from ledger.achievement import Outcome, Template
from ledger.application import NAMESPACE, achievement_id, institution_id
from ledger.commitment import commit
from ledger.credential_id import credential_aggregate_id, parse_public_id
from ledger.detail import (
    Alignment,
    Details,
    Entitlement,
    Identifier,
    Image,
    NationalLevel,
    Part,
    Related,
    ResultDescription,
    RubricLevel,
)
from ledger.event import Event
from ledger.event_catalogue import EVENTS
from ledger.reason import Reason
from tests.ledger.test_event_golden import read_golden
from tests.ledger.test_identity import derive_aggregate_id, derive_commitment, spell

SPEC = Path(__file__).resolve().parents[2] / "docs" / "spec"
EVENTS_PAGE = (SPEC / "events.md").read_text("utf-8")
IDENTIFIERS_PAGE = (SPEC / "identifiers.md").read_text("utf-8")


def section(heading: str) -> str:
    parts = re.split(r"^## ", EVENTS_PAGE, flags=re.MULTILINE)
    [found] = [part for part in parts if part.startswith(heading + "\n")]
    return found


def rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.TOPIC)
def test_events_page_describes_every_member_in_its_order_and_says_why_it_is_public(event: type[Event]) -> None:
    described = rows(section(f"`{event.TOPIC}`"))
    assert [row[0].strip("` ") for row in described] == list(event.__struct_encode_fields__)
    for row in described:
        assert len(row) == 4
        assert all(len(cell) > 3 for cell in row), row


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.TOPIC)
def test_events_page_marks_exactly_the_members_that_may_be_null(event: type[Event]) -> None:
    nullable = {row[0].strip("` ") for row in rows(section(f"`{event.TOPIC}`")) if row[1].endswith("or null")}
    assert nullable == {name for name, hint in event.__annotations__.items() if "None" in str(hint)}


def test_events_page_describes_no_topic_that_is_not_there() -> None:
    headings = re.findall(r"^## `(.+)`$", EVENTS_PAGE, flags=re.MULTILINE)
    assert headings == [event.TOPIC for event in EVENTS]


def test_events_page_describes_the_template_and_the_reasons() -> None:
    assert [row[0].strip("` ") for row in rows(section("Template"))] == list(Template.__struct_fields__)
    for name in Outcome.__struct_fields__:
        assert f"`{name}`" in section("Template")
    assert [row[0].strip("` ") for row in rows(section("Details"))] == list(Details.__struct_fields__)
    for part in (
        Alignment,
        Related,
        Identifier,
        NationalLevel,
        Image,
        ResultDescription,
        RubricLevel,
        Part,
        Entitlement,
    ):
        for name in part.__struct_fields__:
            assert f"`{name}`" in section("Details")
    assert set(re.findall(r"`([a-z_]+)`", section("Reasons"))) == {reason.value for reason in Reason}


def test_events_page_opens_with_bytes_that_are_read() -> None:
    match = re.search(r"```json\n(.+)\n```\n\nThese (\d+) bytes", EVENTS_PAGE)
    assert match is not None
    stored = read_golden("credential.revoked.v1")["stored"]
    assert (match[1], int(match[2])) == (stored, len(stored))


def test_identifiers_page_opens_with_an_example_that_is_computed() -> None:
    example = dict(re.findall(r"^(issued at|[a-z0-9]+(?: [a-z]+)?)  +(\S.*)$", IDENTIFIERS_PAGE, flags=re.MULTILINE))
    raw = bytes.fromhex(example["22 bytes"])
    assert raw[6:].hex() == example["random"]
    assert example["public id"] == spell(raw)
    assert parse_public_id(example["public id"]) == raw
    identity = credential_aggregate_id(example["public id"])
    assert str(identity) == example["aggregate id"] == str(derive_aggregate_id(raw))
    arguments = (identity, example["kind"], example["form"].encode(), bytes.fromhex(example["salt"]))
    assert commit(*arguments) == example["commitment"] == derive_commitment(*arguments)
    assert json.loads(example["form"])


def test_identifiers_page_names_the_namespace_of_names() -> None:
    assert f"`{NAMESPACE}`" in IDENTIFIERS_PAGE
    assert institution_id("north") == UUID("912643dd-ba6f-5766-9a55-f9bfac48c59d")
    assert achievement_id(institution_id("north"), "DATA-1").version == 5
