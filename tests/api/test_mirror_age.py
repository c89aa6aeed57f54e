"""What a mirror's quick answers say of how old they are."""

from __future__ import annotations

from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from anchoring.checkpoint import Checkpoint
from anchoring.storage import DirectoryTileStore
from api.mirror.age import QuickAge
from api.mirror.head import HELD_FOR, Head, ServedHead
from projections.state_fold import CommittedState

AT: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
MAX_AGE: Final = timedelta(minutes=10)


class Following:
    """A mirror whose clock and head are set."""

    def __init__(self, directory: Path) -> None:
        self.now = AT
        self.served = ServedHead(DirectoryTileStore(directory), lambda: self.now, MAX_AGE)
        self.age = QuickAge(self.served)

    def serve(self, size: int) -> None:
        self.served.serve(Head(b"", Checkpoint("test.cairn.example/log", size, bytes(32)), CommittedState(), self.now))

    def said(self, moment: float) -> tuple[int, int] | None:
        """Size and age that are told at a moment, in the body as in the head; None when the present is not told of."""
        found = self.age(moment)
        if found is None:
            return None
        lines = dict(line.split(": ", 1) for line in found[0].decode().removesuffix("\r\n").split("\r\n"))
        told = msgspec.json.decode(b"{" + found[1].removeprefix(b","))["freshness"]
        assert lines["cairn-log-size"] == str(told["checkpoint_size"])
        assert lines["age"] == str(told["age_seconds"])
        assert lines["cairn-following"] == told["following"]
        return told["checkpoint_size"], told["age_seconds"]


def test_nothing_is_said_before_there_is_a_head_or_when_it_is_too_old(tmp_path: Path) -> None:
    following = Following(tmp_path)
    assert following.said(0.0) is None
    following.serve(9)
    assert following.said(0.0) == (9, 0)  # also at the same moment
    following.now += MAX_AGE
    assert following.said(1.0) == (9, 600)
    following.now += timedelta(milliseconds=1)
    assert following.said(2.0) is None
    following.serve(10)
    assert following.said(2.0) == (10, 0)


def test_it_is_looked_at_once_in_a_moment_and_again_in_the_next(tmp_path: Path) -> None:
    following = Following(tmp_path)
    following.serve(9)
    assert following.said(0.0) == (9, 0)
    following.now += timedelta(seconds=3)
    assert following.said(0.0) == (9, 0)
    assert following.said(0.001) == (9, 3)
    following.served.trouble = "the log does not answer"
    found = following.age(0.002)
    assert found is not None
    assert b"waiting" in found[0]
    assert b"the log does not answer" in found[1]


def test_one_age_is_said_in_all_of_an_answer_that_takes_less_than_a_second(tmp_path: Path) -> None:
    following = Following(tmp_path)
    served = following.served
    following.serve(9)

    def answer() -> None:
        said = served.hold_freshness()
        following.now += HELD_FOR / 2
        following.serve(10)
        assert served.freshness() == said
        following.now += HELD_FOR / 2
        assert served.freshness()["checkpoint_size"] == 10

    copy_context().run(answer)
    following.serve(11)
    assert served.freshness()["checkpoint_size"] == 11
