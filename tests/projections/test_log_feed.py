from uuid import UUID

import msgspec
import pytest

from anchoring.entry import Entry, parse_entry
from anchoring.error import MalformedError
from projections.log_feed import LogFeed
from tests.projections.history import History, day, issued, revoked


def two() -> History:
    history = History(gap=5)
    history.add(UUID(int=1 << 64), issued(UUID(int=1)), revoked(day(2)))
    return history


def test_log_feed_frames_the_stored_bytes_verbatim_when_read() -> None:
    history = two()
    items = LogFeed(history).read(0, 10)
    assert [item.position for item in items] == [5, 10]
    for item, event in zip(items, history.events, strict=True):
        assert parse_entry(item.entry) == Entry(event.topic, event.originator_id, event.version, event.state)
    head = b"cairn-entry/v1\ncredential.issued.v1\n00000000000000010000000000000000\n1\n"
    assert items[0].entry == head + history.events[0].state


def test_log_feed_goes_on_after_a_position_when_asked() -> None:
    feed = LogFeed(two())
    assert [item.position for item in feed.read(5, 10)] == [10]
    assert [item.position for item in feed.read(0, 1)] == [5]
    assert feed.read(10, 10) == []


def test_log_feed_refuses_when_a_topic_cannot_be_framed() -> None:
    history = two()
    history.events[0] = msgspec.structs.replace(history.events[0], topic="Weather\nChanged")
    with pytest.raises(MalformedError):
        LogFeed(history).read(0, 1)
