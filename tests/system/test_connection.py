"""What is refused before it is a request: in the words of the table of problems, and before it costs anything."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any, Final

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from api.cli import connection
from api.cli.connection import MAX_HEAD_BYTES
from api.cli.listening import server_config
from api.problem import ProblemWriter
from loadtests.process import processor_seconds
from tests.system.serving import Serving

SECONDS: Final = 20.0
REFUSED_SECONDS: Final = 2.0
"""Of processor time."""
BODY: Final = b"{}"


def sent(serving: Serving, *pieces: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send bytes over a connection of their own; return status, header fields and body."""
    with socket.create_connection(("127.0.0.1", serving.port), SECONDS) as client:
        try:
            for piece in pieces:
                client.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused already; the answer is still to be read
        return answered(client)


def answered(client: socket.socket) -> tuple[int, dict[str, str], bytes]:
    whole = b""
    try:
        while piece := client.recv(65_536):
            whole += piece
    except ConnectionResetError:
        pass
    head, _, body = whole.partition(b"\r\n\r\n")
    first, *fields = head.decode().split("\r\n")
    return int(first.split(" ")[1]), dict(field.lower().split(": ", 1) for field in fields), body


def problem(answer: tuple[int, dict[str, str], bytes]) -> dict[str, Any]:
    status, fields, body = answer
    assert fields["content-type"] == "application/problem+json"
    assert int(fields["content-length"]) == len(body)
    assert fields["connection"] == "close"
    read: dict[str, Any] = json.loads(body)
    assert read["status"] == status
    return read


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"FOO /livez HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /livez /x HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /\xd0\xb0 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /v1/verify HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n{}",
        b"POST /v1/verify HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
    ],
)
def test_bytes_that_are_no_request_are_answered_with_a_problem(serving: Serving, request_bytes: bytes) -> None:
    read = problem(sent(serving, request_bytes))
    assert read["type"] == f"{serving.url}/problems/bad-request"
    assert read["status"] == 400


@pytest.mark.parametrize("pieces", [1, 100])
def test_head_is_refused_when_it_is_too_large(serving: Serving, pieces: int) -> None:
    begun = processor_seconds(serving.pid)
    field = b"a" * (20_000_000 // pieces)
    read = problem(sent(serving, b"GET /livez HTTP/1.1\r\nHost: x\r\nX-A: ", *[field] * pieces, b"\r\n\r\n"))
    assert (read["status"], read["limit_bytes"]) == (431, MAX_HEAD_BYTES)
    assert read["type"] == f"{serving.url}/problems/head-too-large"
    assert processor_seconds(serving.pid) - begun < REFUSED_SECONDS


def test_head_is_refused_when_it_has_too_many_fields(serving: Serving) -> None:
    fields = b"".join(b"X-%d: a\r\n" % number for number in range(10_000))
    assert problem(sent(serving, b"GET /livez HTTP/1.1\r\n" + fields + b"\r\n"))["status"] == 431


def test_head_is_taken_when_it_is_just_small_enough(serving: Serving) -> None:
    head = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-A: "
    room = MAX_HEAD_BYTES - len(head) - len(b"\r\n\r\n")
    assert sent(serving, head + b"a" * room + b"\r\n\r\n")[0] == 200
    assert sent(serving, head, b"a" * room, b"\r\n\r\n")[0] == 200


def test_each_head_is_counted_by_itself_when_a_connection_is_kept(serving: Serving) -> None:
    one = b"GET /livez HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 40_000 + b"\r\n\r\n"
    last = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", serving.port), SECONDS) as client:
        for _ in range(4):
            client.sendall(one)
            time.sleep(0.05)
        client.sendall(last)
        whole = b""
        while piece := client.recv(65_536):
            whole += piece
    assert whole.count(b"HTTP/1.1 200 OK") == 5


def test_heads_are_not_added_up_when_many_come_at_once(serving: Serving) -> None:
    many = 4_000  # of 30 bytes each, and the beginning of one more
    request = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", serving.port), SECONDS) as client:
        sending = threading.Thread(target=client.sendall, args=(request * many + last[:30],))
        sending.start()
        whole = b""
        while whole.count(b"HTTP/1.1 200") < many and (piece := client.recv(1 << 20)):
            whole += piece
        sending.join()
        assert whole.count(b"HTTP/1.1 200") == many, whole[-300:]
        client.sendall(last[30:])
        assert answered(client)[0] == 200


def test_body_is_not_counted_as_head_when_it_follows(serving: Serving) -> None:
    body = b'{"a":"' + b"b" * 200_000 + b'"}'
    head = b"POST /v1/verify HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
    head += b"Content-Length: %d\r\n\r\n" % len(body)
    assert sent(serving, head + body)[0] == 200
    assert sent(serving, head, body)[0] == 200


def test_client_is_asked_to_come_back_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MAX_CONNECTIONS", 2)

    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    statuses, refused = asyncio.run(_crowd(app))
    assert statuses == (204, 204, 503)
    assert refused["type"] == "http://ledger.test/problems/not-ready"


async def listening(
    app: Any,  # noqa: ANN401  any ASGI application
    shortcut: connection.ShortcutSlot | None = None,
) -> tuple[uvicorn.Server, asyncio.Task[None], socket.socket]:
    """Serve *app* until the server is told to exit; gives the server, the task that it is, and where it listens."""
    server = uvicorn.Server(server_config(app, ProblemWriter("http://ledger.test").response, shortcut=shortcut))
    listener = socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(server.serve([listener]))
    while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
        await asyncio.sleep(0.01)
    return server, serving, listener


async def _crowd(app: Any) -> tuple[tuple[int, ...], dict[str, Any]]:  # noqa: ANN401  any ASGI application
    """Ask over three connections at once, where two are served; return the statuses and the last body."""
    config = server_config(app, ProblemWriter("http://ledger.test").response)
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(server.serve([listener]))
    while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
        await asyncio.sleep(0.01)
    streams = []
    statuses: list[int] = []
    body = b"{}"
    for _ in range(3):
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        streams.append(writer)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        statuses.append(int(head.split(b" ")[1]))
        if statuses[-1] == 503:
            assert b"retry-after: 5" in head.lower()
            body = await reader.read()
    for writer in streams:
        writer.close()
    server.should_exit = True
    await serving
    return tuple(statuses), json.loads(body)


@pytest.mark.parametrize(
    "piece",
    [
        b"",
        b"GET /livez HT",
        b"POST /v1/verify HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
        b"POST /v1/verify HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{",
        b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\nGET /livez HT",
    ],
    ids=["nothing", "half a head", "no body", "half a body", "half a second head"],
)
def test_client_is_not_waited_for_when_it_stops_in_the_middle(monkeypatch: pytest.MonkeyPatch, piece: bytes) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 1.0)
    monkeypatch.setattr(connection, "BODY_SECONDS", 1.0)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while scope["method"] == "POST" and (message := await receive())["type"] == "http.request":
            if not message.get("more_body"):
                break
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def ask() -> bytes:
        server, serving, listener = await listening(app)
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.getsockname()[1])
        writer.write(piece)
        try:
            read = await asyncio.wait_for(reader.read(), SECONDS)  # ends when the server has closed
        except ConnectionResetError:
            read = b""
        writer.close()
        server.should_exit = True
        await serving
        return read

    assert asyncio.run(ask()).count(b"HTTP/1.1 204") == piece.count(b"GET /livez HTTP/1.1")


async def sent_until_closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pieces: Sequence[bytes]) -> int:
    """Send one piece after the other, slowly, and say how many the server took before it closed.

    A server that closes while a piece lies unread resets the connection: then the reader has an exception and no end.
    """
    for sent, piece in enumerate(pieces):
        if reader.at_eof() or writer.is_closing():
            return sent
        writer.write(piece)
        await asyncio.sleep(0.02)
    return len(pieces)


def test_client_gets_no_new_time_for_a_head_that_comes_byte_by_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 1.0)

    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def ask() -> tuple[int, float]:
        server, serving, listener = await listening(app)
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.getsockname()[1])
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        begun = time.monotonic()
        sent = await sent_until_closed(
            reader, writer, [bytes([byte]) for byte in b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 1_000]
        )
        writer.close()
        server.should_exit = True
        await serving
        return sent, time.monotonic() - begun

    sent, seconds = asyncio.run(ask())
    assert sent < 500
    assert seconds > 0.9


@pytest.mark.parametrize("is_quick", [False, True], ids=["ordinary", "short-cut"])
def test_client_that_sends_empty_lines_after_an_answer_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, *, is_quick: bool
) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", SECONDS)

    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def quick(data: bytes, *_: object) -> bytes | None:
        return b"HTTP/1.1 204 No Content\r\n\r\n" if data.startswith(b"GET") else None

    async def ask() -> int:
        slot = connection.ShortcutSlot()
        if is_quick:
            slot.take(quick)
        server, serving, listener = await listening(app, slot)
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.getsockname()[1])
        for _ in range(3):  # a connection that goes on being used is not closed, whatever stood between
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"\r\n")
            await asyncio.sleep(0.2)
        monkeypatch.setattr(connection, "HEAD_SECONDS", 1.5)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        sent = await sent_until_closed(reader, writer, [b"\r\n"] * 1_000)
        writer.close()
        server.should_exit = True
        await serving
        return sent

    assert asyncio.run(ask()) < 500


@pytest.mark.parametrize("body_bytes", [10_000, 20_000_000], ids=["small answers", "a large answer"])
def test_client_that_does_not_read_is_broken_off(monkeypatch: pytest.MonkeyPatch, body_bytes: int) -> None:
    monkeypatch.setattr(connection, "UNREAD_SECONDS", 4.0)
    body = b"x" * body_bytes

    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % body_bytes)]})
        await send({"type": "http.response.body", "body": body})

    async def ask() -> tuple[int, int]:
        server, serving, listener = await listening(app)
        address = listener.getsockname()
        silent = socket.create_connection(address)
        await asyncio.to_thread(silent.sendall, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * (20_000_000 // body_bytes))
        reader, writer = await asyncio.open_connection(*address)
        read = 0
        for _ in range(8):  # one that reads slowly is waited for
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await asyncio.sleep(0.1)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            read += len(await reader.readexactly(body_bytes))
        deadline = time.monotonic() + SECONDS
        connections = server.server_state.connections
        while len(connections) > 1 and time.monotonic() < deadline:  # noqa: ASYNC110  another loop closes them
            await asyncio.sleep(0.05)
        left = len(server.server_state.connections)
        writer.close()
        silent.close()
        server.should_exit = True
        await serving
        return left, read

    assert asyncio.run(ask()) == (1, 8 * body_bytes)
