"""Writes of an answer: head and body go out together, and nothing waits longer than a turn of the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from api.cli.joined_write import JoinedWrites


class Line(asyncio.Transport):
    """The other end of what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.is_closed
        self.sent.append(bytes(data))

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed


def played(play: Callable[[JoinedWrites, Line], Awaitable[None]]) -> list[bytes]:
    """What is sent, packet by packet."""
    line = Line()

    async def run() -> None:
        await play(JoinedWrites(line, asyncio.get_running_loop()), line)
        await asyncio.sleep(0)

    asyncio.run(run())
    return line.sent


def test_head_goes_out_with_the_body_that_follows_at_once() -> None:
    async def play(writes: JoinedWrites, _: Line) -> None:
        writes.write(b"head")
        writes.write(b"body")
        writes.write(b"more")

    assert played(play) == [b"headbody", b"more"]


def test_head_goes_out_by_itself_when_the_body_is_not_there_yet() -> None:
    async def play(writes: JoinedWrites, line: Line) -> None:
        writes.write(b"head")
        assert line.sent == []
        await asyncio.sleep(0)
        assert line.sent == [b"head"]
        writes.write(b"body")

    assert played(play) == [b"head", b"body"]


def test_answers_follow_each_other_in_order_with_a_body_or_without() -> None:
    async def play(writes: JoinedWrites, line: Line) -> None:
        writes.write(b"head 1")
        writes.end()
        assert line.sent == [b"head 1"]
        writes.write(b"head 2")
        writes.write(b"body 2")
        writes.end()

    assert played(play) == [b"head 1", b"head 2body 2"]


def test_head_is_sent_before_the_connection_is_closed() -> None:
    async def play(writes: JoinedWrites, line: Line) -> None:
        writes.write(b"head")
        writes.close()
        assert line.is_closed
        assert writes.is_closing()

    assert played(play) == [b"head"]


def test_nothing_is_written_to_a_connection_that_others_have_closed() -> None:
    async def play(writes: JoinedWrites, line: Line) -> None:
        writes.write(b"head")
        line.close()

    assert played(play) == []
