"""The table of the specification says where every element of an award stands in every form, and there it stands."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ledger.attesting import Attestable
from ledger.document import document_form, instant_text
from ledger.form.elm import build_elm, credit_points, duration
from ledger.form.kind import FORMS
from ledger.form.learner_record import Held, build_record
from ledger.form.open_badge import build_document
from ledger.form.sd_jwt import DISCLOSABLE
from ledger.form.vc_jwt import claims_of as jwt_claims
from tests.ledger.full_award import full_award
from tests.ledger.test_document import sign
from tests.ledger.test_form import sd_jwt, signing_key, verified
from tests.ledger.world import BASE_URL, START

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "spec" / "mapping.md").read_text("utf-8")
AWARD = full_award()
NOT_ELEMENTS = {
    "aggregate_id": "the log's id, which no document shows",
    "key_id": "in the proof or the header",
    "recorded_at": "in the proof, or iat",
    "place.block": "with the index in the same entries",
    "claim.achievement": "the code, which the award itself names",
    "claim.learner.reference": "in no document",
    "claim.learner.hashed": "how others are written",
    "institution.id": "the log's id",
    "institution.version": "the ledger's own",
    "institution.kind": "in the public record",
    "institution.registered_at": "in the public record",
    "institution.keys": "in the DID document",
    "institution.accreditations[].accreditation_id": "the ledger's own",
}
"""Parts of an award that are no elements of what it says; everything else has a row."""
COLUMNS = ("Open Badges", "VC-JWT", "SD-JWT VC", "ELM", "CLR")


def held_documents() -> dict[str, dict[str, Any]]:
    badge = build_document(AWARD, BASE_URL)
    about = Attestable(
        public_id=AWARD.public_id,
        aggregate_id=AWARD.aggregate_id,
        institution=AWARD.institution,
        key=signing_key("EdDSA"),
        entries=[],
        now=START,
    )
    record = build_record(about, [Held(sign(badge), AWARD.details)], (), partial=False, base_url=BASE_URL)
    made = (badge, jwt_claims(badge), verified(sd_jwt(AWARD)), build_elm(AWARD, BASE_URL), record)
    return {name: json.loads(document_form(one)) for name, one in zip(COLUMNS, made, strict=True)}


DOCUMENTS = held_documents()


def elements(value: object, name: str = "") -> Iterator[tuple[str, object]]:
    """Every leaf of an award by its name, lists as ``[]``; what is None is not there."""
    if name in NOT_ELEMENTS or value is None or value == ():
        return
    if isinstance(value, msgspec.Struct):
        for member in value.__struct_fields__:
            yield from elements(getattr(value, member), f"{name}.{member}".lstrip("."))
    elif isinstance(value, tuple):
        for item in value:
            yield from elements(item, f"{name}[]")
    else:
        yield name, value


ELEMENTS: dict[str, list[Any]] = {}
for found_name, found_value in elements(AWARD):
    ELEMENTS.setdefault(found_name, []).append(found_value)


def instant(value: Any) -> str:  # noqa: ANN401  a day or an instant
    whole = value if isinstance(value, datetime) else datetime.combine(value, time(), UTC)
    return instant_text(whole)


def plain(value: Any) -> Any:  # noqa: ANN401  whatever an award holds
    return value.isoformat() if isinstance(value, date) else value


WRITTEN: dict[str, Callable[[Any], Any]] = {
    "": plain,
    "text": str,
    "credits": lambda centi: centi / 100,
    "points": credit_points,
    "duration": duration,
    "day": plain,
    "instant": instant,
    "seconds": lambda value: int(datetime.fromisoformat(instant(value)).timestamp()),
    "base64": lambda value: base64.b64encode(
        value.encode() if isinstance(value, str) else msgspec.json.encode(value)
    ).decode(),
    "end": plain,
    "part": plain,
}


def at(document: Any, path: str) -> list[Any]:  # noqa: ANN401  any JSON
    """Every value at a path."""
    found = [document]
    for segment in path.replace("{lang}", AWARD.template.language).split("."):
        name, is_list = segment.removesuffix("[]"), segment.endswith("[]")
        found = [value[name] for value in found if isinstance(value, dict) and name in value]
        if is_list:
            found = [item for value in found for item in value]
    return found


def rows() -> list[tuple[str, list[str]]]:
    lines = [line for line in PAGE.splitlines() if line.startswith("| `") and line.count(" | ") == 4]
    cells = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]
    return [(row[0].strip("`"), row[1:]) for row in cells if not row[1].startswith("`open-badge")]


ROWS = [(name, cells) for name, cells in rows() if name in ELEMENTS or "." in name]


@pytest.mark.parametrize("name, cells", ROWS, ids=[f"{number} {name}" for number, (name, _) in enumerate(ROWS)])
def test_mapping_page_names_the_place_of_every_element(name: str, cells: list[str]) -> None:
    badge, sd, elm, record = cells
    for column, cell in zip(COLUMNS, (badge, badge, sd, elm, record), strict=True):
        if cell == "—":
            assert name.startswith(("institution.accreditations", "claim.holder_jwk")), (name, column)
            continue
        places = re.findall(r"`([^`]+)`(?: \((\w+)\))?", cell)
        assert places, cell
        for value in ELEMENTS[name]:
            assert any(stands(DOCUMENTS[column], path, how, value) for path, how in places), (column, cell, value)


def stands(document: dict[str, Any], path: str, how: str, value: object) -> bool:
    due = WRITTEN[how](value)
    found = at(document, path)
    if how == "end":
        return any(str(one).endswith(due) for one in found)
    if how == "part":
        return any(due in str(one).split("/") for one in found)
    return due in found


def test_mapping_page_has_a_row_for_every_element_of_an_award_that_leaves_nothing_out() -> None:
    assert set(ELEMENTS) == {name for name, _ in ROWS}


def test_award_of_the_test_leaves_nothing_out() -> None:
    for name, value in empty_members(AWARD):
        assert name in {
            "identities",
            "claim.edition",
            "institution.forms",
            "institution.accreditations[].withdrawn_at",
            "institution.accreditations[].limits",
            "origin",  # of parts of unpacked diplomas alone: tests/ledger/test_separating.py
            "stacked",  # of awards that were stacked from others alone
            *(f"institution.keys[].{end}" for end in ("retired_at", "revoked_at", "compromised_at")),
        } or re.search(r"outcomes\[]\.skill|results\[]|alignments\[]", name), (name, value)


def empty_members(value: object, name: str = "") -> Iterator[tuple[str, object]]:
    if value is None or value == ():
        yield name, value
    elif isinstance(value, msgspec.Struct):
        for member in value.__struct_fields__:
            yield from empty_members(getattr(value, member), f"{name}.{member}".lstrip("."))
    elif isinstance(value, tuple):
        for item in value:
            yield from empty_members(item, f"{name}[]")


def test_every_optional_member_of_results_and_alignments_is_there_at_least_once() -> None:
    for part in ("results", "alignments", "evidence", "related", "parts", "identifiers", "entitles_to"):
        owner = AWARD.details if hasattr(AWARD.details, part) else AWARD.claim
        items = getattr(owner, part)
        for member in items[0].__struct_fields__:
            assert any(getattr(item, member) not in {None, ()} for item in items), (part, member)


def test_mapping_page_lists_the_forms_and_what_may_be_withheld() -> None:
    told = re.findall(r"^\| [^|`]+ \| `([^`]+)` \| `([^`]+)` \| `([^`]+)` \|", PAGE, flags=re.MULTILINE)
    assert told == [(form.name, form.kind, form.media_type) for form in FORMS]
    sentence = PAGE[PAGE.index("may withhold:") : PAGE.index("Its status")]
    assert tuple(re.findall(r"`(\w+)`", sentence)) == DISCLOSABLE


def test_value_is_missed_when_a_place_does_not_hold_it() -> None:
    assert not stands(DOCUMENTS["ELM"], "credentialSubject.id", "", "did:example:other")
    assert not stands(DOCUMENTS["ELM"], "credentialSubject.nowhere[].id", "end", "ada")
