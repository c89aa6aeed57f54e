"""Golden events: bytes that were once stored are read for ever, and what is not exactly an event is refused.

One file per topic in ``golden/``. A file is never changed once it is there (its digest stands in
``SHA256SUMS``); a changed fact is a new topic with a new file.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from ledger import event
from ledger.error import CorruptionError, InvalidInputError
from ledger.event import DomainEvent, Event, EventMapper
from ledger.event_catalogue import EVENTS, make_mapper
from tests.ledger.scenario import IDENTITY
from tests.ledger.test_credential import ISSUED, REVOKED

GOLDEN = Path(__file__).parent / "golden"
TOPICS = sorted(event.TOPIC for event in EVENTS)
LEAST_REFUSED = 15
"""A file with fewer spellings to refuse has been forgotten half-way."""


def read_golden(topic: str) -> dict[str, Any]:
    golden: dict[str, Any] = json.loads((GOLDEN / f"{topic}.json").read_text("utf-8"))
    return golden


REFUSED = [
    pytest.param(topic, refused["bytes"].encode(), id=f"{topic}: {refused['why']}")
    for topic in TOPICS
    for refused in read_golden(topic)["refused"]
]


def test_golden_files_are_one_per_topic_and_none_has_changed() -> None:
    lines = (GOLDEN / "SHA256SUMS").read_text("ascii").splitlines()
    listed = {name: digest for digest, name in (line.split("  ") for line in lines)}
    found = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in GOLDEN.glob("*.json")}
    assert found == listed
    assert sorted(listed) == [f"{topic}.json" for topic in TOPICS]


def test_event_that_was_written_is_read_from_memory_by_its_own_topic_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event, "MAX_WRITTEN", 5)
    mapper = make_mapper()
    for topic in TOPICS:
        body = mapper.decode(topic, read_golden(topic)["stored"].encode(), "golden")
        state = bytes(bytearray(mapper.to_stored_event(DomainEvent(IDENTITY, 1, body)).state))
        read = mapper.decode(topic, state, "written")
        assert read == body
        assert read is mapper.decode(topic, state, "written")
        other = TOPICS[TOPICS.index(topic) - 1]
        with contextlib.suppress(CorruptionError):  # few events are spelled like another's
            assert other == mapper.decode(other, state, "of another topic").TOPIC
        assert len(mapper._written) <= 5


@pytest.mark.parametrize("topic", TOPICS)
def test_event_is_written_as_the_golden_bytes_and_read_from_them(topic: str) -> None:
    golden, mapper = read_golden(topic), make_mapper()
    stored = golden["stored"].encode()
    body = mapper.decode(topic, stored, "golden")
    assert golden["topic"] == body.TOPIC == topic
    assert json.loads(json.dumps(msgspec.to_builtins(body))) == golden["fields"]
    assert body.recorded_at == datetime(2026, 3, 1, 9, 0, 0, 250_000, tzinfo=UTC)
    assert mapper.to_stored_event(DomainEvent(IDENTITY, 3, body)).state == stored


@pytest.mark.parametrize("topic", TOPICS)
def test_golden_file_holds_enough_to_refuse(topic: str) -> None:
    golden = read_golden(topic)
    reasons = [refused["why"] for refused in golden["refused"]]
    assert len(reasons) == len(set(reasons)) >= LEAST_REFUSED
    for name in golden["fields"]:
        assert f"{name} is missing" in reasons
        assert f"{name} has another type" in reasons


@pytest.mark.parametrize("topic, stored", REFUSED)
def test_event_is_refused_when_the_bytes_are_not_exactly_such_an_event(topic: str, stored: bytes) -> None:
    with pytest.raises(CorruptionError, match=topic):
        make_mapper().decode(topic, stored, "golden")


@pytest.mark.parametrize("event", EVENTS, ids=TOPICS)
def test_event_declares_recorded_at_as_its_last_member(event: type[Event]) -> None:
    assert event.__struct_encode_fields__[-1] == "recorded_at"


def test_mapper_names_the_place_when_a_topic_is_unknown() -> None:
    with pytest.raises(
        CorruptionError, match=r"event 7 \(credential\.lost\.v1\) cannot be read: nothing by this topic"
    ):
        make_mapper().decode("credential.lost.v1", b"{}", "7")


def test_mapper_refuses_two_classes_when_they_share_a_topic() -> None:
    with pytest.raises(ValueError, match=r"share the topic 'credential.issued.v1'"):
        EventMapper([type(ISSUED), type(ISSUED)])


@pytest.mark.parametrize(
    "changes",
    [
        {"reason": "because"},
        {"effective_at": datetime(2026, 1, 1)},  # noqa: DTZ001  the naive instant is the point
        {"effective_at": datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC)},
        {"note": "AB" * 32},
        {"note": "\ud800"},
        {"note": 1.5},
    ],
)
def test_mapper_never_writes_what_it_could_not_read_back(changes: dict[str, object]) -> None:
    event = DomainEvent(IDENTITY, 2, msgspec.structs.replace(REVOKED, **changes))
    with pytest.raises(InvalidInputError, match=r"cannot be recorded as credential.revoked.v1"):
        make_mapper().to_stored_event(event)


def test_mapper_never_writes_a_value_that_reads_back_as_another() -> None:
    body = msgspec.structs.replace(ISSUED, institution=str(UUID(int=1)))
    with pytest.raises(InvalidInputError, match="would read back as something else"):
        make_mapper().to_stored_event(DomainEvent(IDENTITY, 1, body))


def test_event_is_refused_when_the_bytes_are_not_utf_8() -> None:
    with pytest.raises(CorruptionError):
        make_mapper().decode("learner.erased.v1", b'{"recorded_at\xff":"2026-03-01T09:00:00Z"}', "here")
