"""The short-cut gives the very answers of the ordinary way, or none: over made-up streams, and over real awards."""

from __future__ import annotations

import asyncio
import io
import os
import random
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from api.access_log import AccessLogMiddleware, make_log
from api.app import make_app
from api.cli.connection import ShortcutSlot
from api.cli.listening import server_config
from api.media_type import has_bytes
from api.metric import MetricMiddleware, Metrics
from api.problem import ProblemWriter
from api.quick_status import AWARD_END, BODY_END, QuickAnswer
from api.rate_limit import RateLimiter, RateLimitMiddleware
from api.runtime import Runtime
from api.security_header import SecurityHeaderMiddleware, data_headers
from api.shortcut import FIELDS, ROUTE, Counters, Shortcut
from tests.api.served import CODE, SLUG, TEMPLATE, Served, open_school, serving

STREAMS: Final = int(os.environ.get("SHORTCUT_STREAMS", "3000"))
IDS: Final = [f"{number:036d}" for number in range(3)]
UNKNOWN: Final = "v" * 36
NOW_PIECE: Final = b'","at":"2026-06-01T00:00:00Z","valid_from":"'
JUDGED: Final = b'","since":"'
SHARED: Final = b'","events":[{"of":"'
BODY: Final = b'{"credential":"%b' + JUDGED + b"x" + NOW_PIECE + b"x|y" + SHARED + b'x","recorded_at":"y"}]}'
PEER: Final = ("192.0.2.1", 1234)
NOW: Final = datetime(2026, 6, 1, tzinfo=UTC)


class Quick:
    """Stands for the quick answers: knows two awards, and leaves the third to the ordinary way."""

    def __init__(self) -> None:
        self.asked = 0
        self.stamped = NOW_PIECE

    def answer(self, public_id: bytes, moment: float) -> QuickAnswer | None:
        del moment
        if public_id.decode() not in IDS[:2]:
            return None
        self.asked += 1
        size = len(BODY.removesuffix(AWARD_END + BODY_END) % public_id) - len(NOW_PIECE)
        return 0, b"", b"", 0, b"1", b'-a-active-valid"', JUDGED, b"x", b"|", b"y", SHARED, size


async def ordinary(scope: Scope, receive: Receive, send: Send) -> None:
    """Stands for the application; says what it understood, so that a request taken for another one shows."""
    request = Request(scope, receive)
    try:
        body = await request.body()
    except ClientDisconnect:
        body = b""
    path = re.fullmatch(r"/v1/credentials/([0-9a-v]{36})/status", scope["path"])
    answer: Response
    if path is not None and path[1] in IDS and request.method in {"GET", "HEAD"} and not scope["query_string"]:
        tag = 'W/"1-a-active-valid"'
        headers = {"Cache-Control": "public, max-age=1", "ETag": tag}
        if has_bytes(scope, tag):
            answer = Response(None, 304, headers)
        else:
            content = BODY % path[1].encode()
            answer = Response(content, 200, headers, media_type="application/json")
            if request.method == "HEAD":
                answer.body = b""
    else:
        told = {"method": request.method, "path": scope["path"], "query": scope["query_string"].decode("latin-1")}
        answer = JSONResponse({**told, "body": body.decode("latin-1")}, 404)
    await answer(scope, receive, send)


class Wire(asyncio.Transport):
    """A transport in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = bytearray()
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self.closed:
            self.sent += data

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401  as the library declares it
        return {"peername": PEER, "sockname": ("192.0.2.2", 80)}.get(name, default)

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Side:
    """A server without a socket, with the short-cut or without."""

    def __init__(self, *, with_shortcut: bool, per_minute: int = 0) -> None:
        self.quick, self.log = Quick(), io.StringIO()
        self.metrics = Metrics(version="0")
        limiter = RateLimiter(per_minute=per_minute, burst=0, clock=lambda: 0.0)
        writer = ProblemWriter("http://ledger.test")
        log = make_log(self.log, lambda: NOW)
        limited = RateLimitMiddleware(ordinary, limiter=limiter, writer=writer, trusted_proxy_count=1)
        secured = SecurityHeaderMiddleware(limited, is_https=False)
        measured = MetricMiddleware(secured, metrics=self.metrics, timer=lambda: 0.0)
        app = AccessLogMiddleware(measured, log=log, timer=lambda: 0.0, random_bytes=os.urandom)
        self.slot = slot = ShortcutSlot()
        if with_shortcut:
            slot.answer = Shortcut(
                self.quick,  # type: ignore[arg-type]  # stands for one
                {
                    "Cache-Control": "public, max-age=1",
                    "Content-Type": "application/json",
                    **data_headers(is_https=False),
                },
                Counters(limiter, 1, self.metrics, log),
                timer=lambda: 0.0,
                random_bytes=os.urandom,
            )
        self.config = server_config(app, writer.response, shortcut=slot)
        self.config.load()
        self.state = ServerState()
        self.state.default_headers = [(b"date", b"Mon, 01 Jun 2026 00:00:00 GMT")]

    def connection(self) -> Any:  # noqa: ANN401  uvicorn's own class, with the limits of ours
        """A new connection."""
        made: Any = self.config.http_protocol_class
        return made(config=self.config, server_state=self.state, app_state={})

    async def play(self, pieces: list[bytes]) -> tuple[bytes, bool]:
        """Send pieces over one connection; returns everything that was answered, and whether it was closed."""
        protocol = self.connection()
        wire = Wire()
        protocol.connection_made(wire)
        for piece in pieces:
            if wire.closed:
                break
            protocol.data_received(piece)
            await self._settle()
        await self._settle()
        closed = wire.closed
        protocol.connection_lost(None)
        await self._settle()
        return bytes(wire.sent), closed

    async def _settle(self) -> None:
        for _ in range(60):
            await asyncio.sleep(0)
            if not self.state.tasks:
                return


def answers(raw: bytes) -> list[tuple[bytes, list[bytes], bytes]]:
    """The answers in a stream: status line, header fields in order of name, body; ids of requests are left out."""
    found = []
    while raw:
        head, _, raw = raw.partition(b"\r\n\r\n")
        first, *fields = head.split(b"\r\n")
        kept = sorted(field for field in fields if not field.startswith(b"x-request-id"))
        length = next((int(field.split(b": ")[1]) for field in kept if field.startswith(b"content-length")), 0)
        # A HEAD is answered with the length and without the body, which the next status line shows.
        body = b"" if raw.startswith(b"HTTP/1.1 ") else raw[:length]
        found.append((first, kept, body))
        raw = raw[len(body) :]
    return found


def status_request(chance: random.Random, *fields: str) -> bytes:
    public_id = chance.choice([*IDS, *IDS[:2], UNKNOWN, IDS[0].upper()[:35] + "w"])
    return "\r\n".join([f"GET /v1/credentials/{public_id}/status HTTP/1.1", "Host: a.test", *fields, "", ""]).encode()


HARMLESS: Final = (
    "User-Agent: wrk",
    "Accept: */*",
    "accept-encoding: gzip",
    "Connection: keep-alive",
    "Cookie: a=b",
    "X-Forwarded-For: 192.0.2.7",
    "X-Forwarded-For: 2001:db8::1, 192.0.2.9",
    "Sec-Fetch-Mode: cors",
)
STRANGE: Final = (
    "Connection: close",
    "Connection: Upgrade, keep-alive",
    "Upgrade: websocket",
    "Content-Length: 0",
    "Content-Length: 5",
    "Content-Length: 05",
    "Content-Length: -1",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding : chunked",
    "Expect: 100-continue",
    'If-None-Match: W/"1-a-active-valid"',
    'if-none-match:"1-a-active-valid" ',
    'If-None-Match: "other"',
    'If-None-Match: "other", W/"1-a-active-valid"',
    'If-None-Match: w/"1-a-active-valid"',
    "If-None-Match: *",
    "If-None-Match: 1-a-active-valid",
    'If-None-Match: "other"\r\nIf-None-Match: "1-a-active-valid"',
    "Range: bytes=0-1",
    "Host: b.test",
    "X-Forwarded-For: 192.0.2.8\r\nX-Forwarded-For: 192.0.2.9",
    " folded: yes",
    "bad name: x",
    "no colon",
    "Accept: \x00",
    "Accept: caf\xe9",
    "Authorization: Bearer x",
)


def made_request(chance: random.Random) -> bytes:
    """One request of a stream, plain more often than not."""
    kind = chance.random()
    fields = chance.sample(HARMLESS, chance.randint(0, 4))
    if kind < 0.45:
        return status_request(chance, *fields)
    if kind < 0.65:
        return status_request(chance, *fields, chance.choice(STRANGE))
    hidden = status_request(chance)
    if kind < 0.75:  # a request in the body of another
        return f"POST /v1/verify HTTP/1.1\r\nHost: a.test\r\nContent-Length: {len(hidden)}\r\n\r\n".encode() + hidden
    if kind < 0.82:
        chunk = f"{len(hidden):x}\r\n".encode() + hidden + b"\r\n0\r\n\r\n"
        return b"POST /x HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk
    if kind < 0.86:
        return b"GET /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: %d\r\n\r\n" % len(hidden) + hidden
    plain = status_request(chance, *fields)
    changes = [
        (b"GET ", b"HEAD "),
        (b"GET ", b"get "),
        (b"GET ", b"DELETE "),
        (b"HTTP/1.1", b"HTTP/1.0"),
        (b"HTTP/1.1", b"HTTP/2.0"),
        (b"/status ", b"/status?at=x "),
        (b"/status ", b"/status# "),
        (b"/status ", b"/%73tatus "),
        (b"/status ", b"/status/ "),
        (b" /v1", b"  /v1"),
        (b" /v1", b" http://a.test/v1"),
        (b"\r\n", b"\n"),
        (b"\r\n\r\n", b"\r\n"),
        (b"GET ", b"\r\nGET "),
        (b"Host: a.test\r\n", b""),
        (b"Host: a.test\r\n", b"Host:a.test\r\n"),
    ]
    return plain.replace(*chance.choice(changes))


def made_stream(chance: random.Random) -> list[bytes]:
    """Some requests in one stream, cut into pieces: one a request, or at random places, some of them close together."""
    requests = [made_request(chance) for _ in range(chance.randint(1, 4))]
    if chance.random() < 0.4:
        return requests
    whole = b"".join(requests)
    cuts = sorted({chance.randrange(len(whole) + 1) for _ in range(chance.choice([0, 1, 2, 5]))})
    return [piece for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True) if (piece := whole[start:end])]


def test_streams_get_the_same_answers_with_the_shortcut_and_without() -> None:
    async def play() -> tuple[int, int]:
        quick, slow = Side(with_shortcut=True), Side(with_shortcut=False)
        for number in range(STREAMS):
            pieces = made_stream(random.Random(number))
            shown, expected = await quick.play(pieces), await slow.play(pieces)
            assert (answers(shown[0]), shown[1]) == (answers(expected[0]), expected[1]), (number, pieces)
        for side in (quick, slow):
            assert side.log.getvalue().count('"event": "request"') > STREAMS / 2
        assert lines(quick) == lines(slow)
        return quick.quick.asked, slow.quick.asked

    asked, never = asyncio.run(play())
    assert never == 0
    assert asked > STREAMS / 6


def lines(side: Side) -> list[str]:
    """What was written down of the requests, without their ids, and the routes, which the stand-in does not name."""
    shown = re.sub(r'"request_id": "[0-9a-f]{32}", ', "", side.log.getvalue())
    return re.sub(r'"route": "[^"]*", ', "", shown).splitlines()


def test_stream_is_limited_and_told_so_with_the_shortcut_as_without() -> None:
    async def play(*, with_shortcut: bool) -> list[tuple[bytes, list[bytes], bytes]]:
        side = Side(with_shortcut=with_shortcut, per_minute=5)
        chance = random.Random(1)
        plain = b"GET /v1/credentials/%b/status HTTP/1.1\r\nHost: a\r\n%b\r\n"
        told = []
        for _ in range(12):
            proxy = chance.choice([b"", b"X-Forwarded-For: 192.0.2.7\r\n", b"x-forwarded-for: 1.1.1.1, 192.0.2.7\r\n"])
            raw, _ = await side.play([plain % (IDS[0].encode(), proxy)])
            told += answers(raw)
        return told

    quick, slow = asyncio.run(play(with_shortcut=True)), asyncio.run(play(with_shortcut=False))
    assert [(first, fields) for first, fields, _ in quick] == [(first, fields) for first, fields, _ in slow]
    assert {first for first, _, _ in quick} == {b"HTTP/1.1 200 OK", b"HTTP/1.1 429 Too Many Requests"}


def test_shortcut_counts_what_it_serves_under_the_route() -> None:
    side = Side(with_shortcut=True)
    asyncio.run(side.play([b"GET /v1/credentials/%b/status HTTP/1.1\r\nHost: a\r\n\r\n" % IDS[0].encode()]))
    unchanged = b'GET /v1/credentials/%b/status HTTP/1.1\r\nIf-None-Match: W/"1-a-active-valid"\r\nHost: a\r\n\r\n'
    told, _ = asyncio.run(side.play([unchanged % IDS[1].encode()]))
    assert told.startswith(b"HTTP/1.1 304 Not Modified\r\n")
    assert side.quick.asked == 2
    name = "cairn_http_request_duration_seconds"
    for status in ("200", "304"):
        labels = {"route": ROUTE, "method": "GET", "status": status}
        assert side.metrics.registry.get_sample_value(f"{name}_count", labels) == 1
        assert side.metrics.registry.get_sample_value(f"{name}_bucket", {**labels, "le": "0.0005"}) == 1
        assert side.metrics.registry.get_sample_value(f"{name}_bucket", {**labels, "le": "+Inf"}) == 1
    assert f'"route": "{ROUTE}"' in side.log.getvalue()


BROWSERS: Final = tuple(f"{name}: a b" for name in ("Host", *FIELDS[1:23]))
"""As many fields as a browser behind a proxy sends, each with a space before its value."""


@pytest.mark.parametrize(
    "fields",
    [
        (*BROWSERS, "If-Modified-Since: Mon, 01 Jun 2026 00:00:00 GMT"),
        (*BROWSERS, 'If-None-Match: W/"1", "2"'),
        ("Host: a", "If-None-Match:" + 100_000 * " " + '"1"'),  # remembered, it would take as much room
        (*BROWSERS[:22], "Accept: ä"),
        ("Host:" + 4_000 * " " + "\x7f",),
        ("Host: a", "Connection:" + 4_000 * " " + "close"),
    ],
)
def test_shortcut_leaves_a_head_in_no_time_when_one_of_its_last_fields_is_another(fields: tuple[str, ...]) -> None:
    side = Side(with_shortcut=True)
    head = "\r\n".join([f"GET /v1/credentials/{IDS[0]}/status HTTP/1.1", *fields, "", ""]).encode("latin-1")
    began = time.process_time()
    assert side.slot.answer(head, PEER, side.state.default_headers, 0.0) is None
    assert time.process_time() - began < 0.05


def test_shortcut_leaves_a_question_to_the_ordinary_way_when_it_cannot_read_its_views() -> None:
    side = Side(with_shortcut=True)

    def fail(public_id: bytes, moment: float) -> None:
        raise OSError(public_id, moment)

    side.quick.answer = fail  # type: ignore[method-assign]  # stands for a view on a disk that fails
    request = b"GET /v1/credentials/%b/status HTTP/1.1\r\nHost: a\r\n\r\n" % IDS[0].encode()
    told, is_closed = asyncio.run(side.play([request]))
    assert told.startswith(b"HTTP/1.1 200 OK\r\n")
    assert not is_closed


def test_shortcut_leaves_a_client_that_does_not_read_to_the_ordinary_way() -> None:
    async def play() -> int:
        side = Side(with_shortcut=True)
        protocol = side.connection()
        protocol.connection_made(Wire())
        protocol.pause_writing()
        protocol.data_received(b"GET /v1/credentials/%b/status HTTP/1.1\r\nHost: a\r\n\r\n" % IDS[0].encode())
        await asyncio.sleep(0)
        protocol.resume_writing()
        await side._settle()
        protocol.connection_lost(None)
        return side.quick.asked

    assert asyncio.run(play()) == 0


def test_quiet_connection_is_closed_when_its_time_after_the_last_quick_answer_is_over() -> None:
    async def play() -> tuple[bool, bool] | None:
        side = Side(with_shortcut=True)
        side.config.timeout_keep_alive = 1
        protocol = side.connection()
        wire = Wire()
        protocol.connection_made(wire)
        request = b"GET /v1/credentials/%b/status HTTP/1.1\r\nHost: a\r\n\r\n" % IDS[0].encode()
        for _ in range(6):
            protocol.data_received(request)
            asked = time.monotonic()
            await asyncio.sleep(0.25)
            if time.monotonic() - asked > 0.75:
                return None  # this process stood still, and may have for too long
        before = wire.closed
        await asyncio.sleep(2)
        return before, wire.closed

    plays = (asyncio.run(play()) for _ in range(5))
    assert next(filter(None, plays)) == (False, True)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, str, list[str], Shortcut]]:
    """A ledger with awards in every state, and its short-cut."""
    with serving(tmp_path_factory.mktemp("shortcut") / "data") as served:
        key = open_school(served)
        place, operator = f"/v1/institutions/{SLUG}", served.key()
        grant = {"by": "Agency", "scope": "all", "valid_from": "2025-01-01T00:00:00Z", "valid_until": None}
        assert served.write("POST", f"{place}/accreditations", grant, operator).status_code == 201
        wait_a_second(served)  # on the very second at which something begins there is no quick answer
        revised = {"code": CODE, "template": {**TEMPLATE, "title": "Данные «шаг» \\ 2"}}
        made = [served.issue(key)["id"], served.issue(key, awarded_on="2024-05-05")["id"]]
        assert served.write("POST", "/v1/achievements", revised, key).status_code == 201
        made += [
            served.issue(key, valid_until=until)["id"] for until in ("2026-02-01T00:00:00Z", "2999-01-01T00:00:00Z")
        ]
        for act, body in (("suspension", {"reason": "under_review"}), ("revocation", {"reason": "other"})):
            made.append(served.issue(key)["id"])
            assert served.write("POST", f"/v1/credentials/{made[-1]}/{act}", body, key).status_code == 200
        wait_a_second(served)
        assert served.write("POST", f"{place}/keys", {}, operator).status_code == 201
        wait_a_second(served)
        made += [served.issue(key, awarded_on=day)["id"] for day in ("2026-01-31", "2025-01-01")]
        yield served, key, made, shortcut_of(served)


def shortcut_of(served: Served) -> Shortcut:
    offered: list[Shortcut] = []
    log = make_log(io.StringIO(), lambda: NOW)
    clock = served.node.ledger.clock
    make_app(served.node, Runtime(served.node, clock, log), clock, log, offer=offered.append)
    return offered[0]


def ask(shortcut: Shortcut, public_id: str) -> bytes | None:
    request = b"GET /v1/credentials/%b/status HTTP/1.1\r\nHost: ledger.test\r\n\r\n" % public_id.encode()

    async def asked() -> bytes | None:
        return shortcut(request, PEER, [], time.monotonic())

    return asyncio.run(asked())


def without_time(body: bytes) -> bytes:
    return re.sub(rb'"(at|checked_at)":"[^"]*"', rb'"\1":"now"', body)


def compare(served: Served, shortcut: Shortcut, public_id: str) -> bool:
    """Hold the quick answer against the ordinary one; returns whether there was a quick one."""
    raw = ask(shortcut, public_id)
    if raw is None:
        return False
    [(first, fields, body)] = answers(raw)
    slow = served.http.get(f"/v1/credentials/{public_id}/status")
    assert first == b"HTTP/1.1 200 OK"
    assert without_time(body) == without_time(slow.content)
    expected = {(name.encode(), value.encode()) for name, value in slow.headers.items() if name != "x-request-id"}
    expected = {(name, b"%d" % len(body) if name == b"content-length" else value) for name, value in expected}
    assert {tuple(field.split(b": ", 1)) for field in fields} == expected
    moment = datetime.fromisoformat(slow.json()["checked_at"]) - datetime.fromisoformat(
        re.search(rb'"checked_at":"([^"]*)"', body)[1].decode()  # type: ignore[index]  # it is there
    )
    assert timedelta(0) <= moment < timedelta(seconds=10)
    return True


def test_quick_answer_is_the_ordinary_one_for_awards_in_every_state(
    ledger: tuple[Served, str, list[str], Shortcut],
) -> None:
    served, _, made, shortcut = ledger
    wait_a_second(served)
    quick = [compare(served, shortcut, public_id) for public_id in made]
    #        plain, without accreditation, expired, for long, suspended, revoked, with another key, on the first day
    assert quick == [True, True, False, True, False, False, True, False]


def wait_a_second(served: Served) -> None:
    """Let the second of the last record be over: within it there is no quick answer."""
    newest = served.node.ledger.read(served.node.ledger.newest() - 1, 1)[0]
    recorded = datetime.fromisoformat(re.search(rb'"recorded_at":"([^"]*)"', newest.state)[1].decode())  # type: ignore[index]  # every event has one
    while served.node.ledger.now() < recorded + timedelta(seconds=1.1):
        asyncio.run(asyncio.sleep(0.05))


def test_quick_answer_follows_at_once_when_the_award_or_its_issuer_changes(
    ledger: tuple[Served, str, list[str], Shortcut],
) -> None:
    served, key, _, shortcut = ledger
    award, other = served.issue(key)["id"], served.issue(key)["id"]
    wait_a_second(served)
    assert compare(served, shortcut, award)
    assert compare(served, shortcut, other)
    before = served.http.get(f"/v1/credentials/{other}/status")
    same = served.http.get(f"/v1/credentials/{other}/status", headers={"If-None-Match": before.headers["etag"]})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", before.headers["etag"])
    assert served.write("POST", f"/v1/credentials/{award}/revocation", {"reason": "other"}, key).status_code == 200
    assert ask(shortcut, award) is None
    withdrawal = {"reason": "other", "effective_at": "2026-01-01T00:00:00Z"}
    path = f"/v1/institutions/{SLUG}/accreditations/accreditation-1/withdrawal"
    assert served.write("POST", path, withdrawal, served.key()).status_code == 200
    raw = ask(shortcut, other)
    assert raw is not None
    assert b'"verdict":"invalid"' in raw
    assert compare(served, shortcut, other)
    changed = served.http.get(f"/v1/credentials/{other}/status", headers={"If-None-Match": before.headers["etag"]})
    assert changed.status_code == 200
    stolen = {"compromised_at": "2026-01-01T00:00:00Z"}
    path = f"/v1/institutions/{SLUG}/keys/key-2/compromise"
    assert served.write("POST", path, stolen, served.key()).status_code == 200
    assert ask(shortcut, other) is None


def test_unknown_award_has_no_quick_answer(ledger: tuple[Served, str, list[str], Shortcut]) -> None:
    served, _, _, shortcut = ledger
    assert ask(shortcut, "0" * 36) is None
    assert served.http.get(f"/v1/credentials/{'0' * 36}/status").status_code == 404


def test_what_a_mirror_says_of_its_age_stands_around_an_answer_without_an_entity_tag() -> None:
    shortcut = Shortcut(
        Quick(),  # type: ignore[arg-type]  # stands for one
        {"Content-Type": "application/json"},
        Counters(
            RateLimiter(per_minute=0, burst=0, clock=lambda: 0.0),
            0,
            Metrics(version="0"),
            make_log(io.StringIO(), lambda: NOW),
        ),
        timer=lambda: 0.0,
        random_bytes=os.urandom,
        around=lambda _: (b"cairn-log-size: 7\r\n", b',"freshness":{"size":7}}'),
    )
    asked = b"GET /v1/credentials/%b/status HTTP/1.1\r\nHost: a.test\r\n\r\n" % IDS[0].encode()
    raw = shortcut(asked, PEER, [(b"date", b"Mon, 01 Jun 2026 00:00:00 GMT")], 0.0)
    assert raw is not None
    head, _, body = raw.partition(b"\r\n\r\n")
    assert body == (BODY % IDS[0].encode()).removesuffix(b"}") + b',"freshness":{"size":7}}'
    status, *lines = head.split(b"\r\n")
    fields = dict(line.split(b": ", 1) for line in lines)
    fields.pop(b"x-request-id")
    assert status == b"HTTP/1.1 200 OK"
    assert fields == {
        b"date": b"Mon, 01 Jun 2026 00:00:00 GMT",
        b"content-type": b"application/json",
        b"content-length": str(len(body)).encode(),
        b"cairn-log-size": b"7",
    }
