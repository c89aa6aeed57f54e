"""Batches: a line for a line, in order, while it comes; within limits, and at nobody else's cost."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from openvc.did.base import DidResolutionError
from starlette.types import Message

from api.batch.answer import Batches
from api.batch.line import Line, LineSplitter
from api.batch_memory import BatchMemory
from api.fetching import Fetching
from tests.api.served import Served, open_school, serving
from tests.verifier.foreign.maker import (
    LIST_URL,
    Issuer,
    badge,
    did_document,
    did_key,
    did_web,
    encode,
    sign,
    status_entry,
    status_list,
)
from verifier.foreign.source import Found, Missing

PATH: Final = "/v1/verify/batch"
NDJSON: Final = "application/x-ndjson"
UNKNOWN: Final = b'"0000000000000000000000000000000000g0"'
SECONDS: Final = 30.0


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("batch") / "data") as served:
        yield served


@pytest.fixture(scope="module")
def key(ledger: Served) -> str:
    return open_school(ledger)


@pytest.fixture(scope="module")
def award(ledger: Served, key: str) -> str:
    made: str = ledger.issue(key)["id"]
    return made


@pytest.fixture(scope="module")
def bundle(ledger: Served, key: str, award: str) -> bytes:
    return ledger.http.get(f"/v1/credentials/{award}/bundle", headers={"Authorization": f"Bearer {key}"}).content


def sent(served: Served, content: bytes | AsyncIterator[bytes], **parts: Any) -> httpx.Response:  # noqa: ANN401  as httpx takes them
    return served.http.post(PATH, content=content, headers={"Content-Type": NDJSON}, **parts)


def answers(answered: httpx.Response) -> list[dict[str, Any]]:
    assert answered.status_code == httpx.codes.OK, answered.text
    assert answered.headers["content-type"] == NDJSON
    assert answered.text.endswith("\n")
    return [json.loads(line) for line in answered.text.splitlines()]


class Client:
    """One request at the application's own interface, message by message, as a server passes them on.

    Args:
        served: The ledger.
        headers: Further header fields.
    """

    def __init__(self, served: Served, headers: dict[str, str] | None = None) -> None:
        fields = {"host": "ledger.test", "content-type": NDJSON, **(headers or {})}
        self._scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": PATH,
            "raw_path": PATH.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in fields.items()],
            "client": ("192.0.2.7", 40_000),
            "server": ("ledger.test", 80),
        }
        self._app = served.app
        self._coming: asyncio.Queue[Message] = asyncio.Queue()
        self._told: asyncio.Queue[Message] = asyncio.Queue()
        self.reads = asyncio.Event()
        self.reads.set()
        self.task: asyncio.Task[None] = asyncio.ensure_future(self._serve())

    async def _serve(self) -> None:
        async def send(message: Message) -> None:
            await self.reads.wait()
            await self._told.put(message)

        await self._app(self._scope, self._coming.get, send)

    async def put(self, body: bytes, *, more: bool = True) -> None:
        """Send part of the body."""
        await self._coming.put({"type": "http.request", "body": body, "more_body": more})

    async def go(self) -> None:
        """Hang up."""
        await self._coming.put({"type": "http.disconnect"})

    async def line(self) -> dict[str, Any]:
        """Wait for the next line of the answer."""
        while True:
            message = await asyncio.wait_for(self._told.get(), SECONDS)
            if body := message.get("body"):
                found: dict[str, Any] = json.loads(body)
                return found

    @property
    def untaken(self) -> int:
        """How many parts of the body the application has not taken yet."""
        return self._coming.qsize()


# ── what is answered ──────────────────────────────────────────────────────────────────────────────────
def test_every_form_is_judged_as_by_verify_and_in_order(ledger: Served, award: str, bundle: bytes) -> None:
    foreign = did_key()
    shown = [
        bundle,
        json.dumps(json.loads(bundle)["document"]).encode(),
        json.dumps(sign(badge(foreign), foreign)).encode(),
    ]
    shown.append(ledger.http.get(f"/v1/credentials/{award}/evidence").content)
    envelope = b'{"id":"row","item":%b}' % shown[0]
    lines = [*shown, f'"{award}"'.encode(), b'{"a":1,"a":2}', UNKNOWN, b'"a.b.c"', b"17", envelope]
    *judged, end = answers(sent(ledger, b"\n".join(lines)))
    assert [one["line"] for one in judged] == list(range(1, len(lines) + 1))
    assert end == {"end": "complete", "answered": len(lines)}
    alone = [ledger.verify(one).json() for one in shown]
    for one, other in zip(judged, alone, strict=False):
        assert one["report"]["verdict"] == other["verdict"] == "valid"
        assert [check["code"] for check in one["report"]["checks"]] == [check["code"] for check in other["checks"]]
    assert judged[4]["report"]["credential"] == award
    names = [one["problem"]["type"].rpartition("/")[2] for one in judged[5:9]]
    assert names == ["malformed-json", "not-found", "invalid-request", "invalid-request"]
    assert (judged[9]["id"], judged[9]["report"]["verdict"]) == ("row", "valid")
    assert "id" not in judged[8]


def test_problem_of_a_line_is_the_one_that_verify_has(ledger: Served) -> None:
    for body in (
        b'{"format":"cairn/bundle/v9"}',
        b'{"a":1,"a":2}',
        b'{"format":"cairn/evidence/v1","entries":1}',
        b"[]",
    ):
        alone = ledger.verify(body).json()
        one = answers(sent(ledger, body))[0]["problem"]
        assert {name: one[name] for name in ("type", "status")} == {name: alone[name] for name in ("type", "status")}
        if body != b"[]":
            assert (one["detail"], one["errors"]) == (alone["detail"], alone["errors"])
        enveloped = answers(sent(ledger, b'{"item":%b}' % body))[0]["problem"]
        if b'"a"' not in body and body != b"[]":
            assert enveloped["errors"][0]["pointer"] == "#/item" + alone["errors"][0]["pointer"][1:]


def test_instant_is_asked_about_of_all_lines_or_of_one(ledger: Served, key: str) -> None:
    revoked = ledger.issue(key)["id"]
    ledger.write("POST", f"/v1/credentials/{revoked}/revocation", {"reason": "other"}, key)
    lines = f'"{revoked}"\n{{"item":"{revoked}","at":"2026-02-01"}}\n{{"item":"{revoked}","at":"9999-12-31"}}\n'
    now, then, future, _ = answers(sent(ledger, lines.encode()))
    assert (now["report"]["reason"], then["report"]["reason"]) == ("revoked", then["report"]["reason"])
    assert then["report"]["verdict"] != now["report"]["verdict"]
    assert future["problem"]["type"].endswith("/future-instant")
    of_all = answers(sent(ledger, f'"{revoked}"'.encode(), params={"at": "2026-02-01"}))
    assert of_all[0]["report"]["verdict"] == then["report"]["verdict"]
    assert sent(ledger, b"", params={"at": "9999-12-31"}).status_code == httpx.codes.UNPROCESSABLE_ENTITY


@pytest.mark.parametrize(
    "line, name",
    [
        (b"\x00", "malformed-json"),
        (b'"\x00"', "malformed-json"),
        (b"\xff\xfe", "malformed-json"),
        (b'"\xed\xa0\x80"', "malformed-json"),
        (b'"\\ud800"', "malformed-json"),
        (b"\xef\xbb\xbf{}", "malformed-json"),
        (b"[" * 100_000, "malformed-json"),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "malformed-json"),
        (b"[" + b"0," * 300_000 + b"0]", "malformed-json"),
        (b"9" * 100_000, "malformed-json"),
        (b"NaN", "malformed-json"),
        (b'{"item":1,"x":2}', "invalid-request"),
        (b'{"item":{},"id":7}', "invalid-request"),
        (b'{"item":{},"id":"' + b"x" * 201 + b'"}', "invalid-request"),
        (b'{"item":{},"at":7}', "invalid-request"),
        (b'{"item":{},"at":"soon"}', "invalid-request"),
        (b'{"item":{"item":{}}}', None),
        (b'""', "invalid-request"),
        (b'"' + b"v" * 100_000 + b'"', "not-found"),
        ('"Ъ٣"'.encode(), "not-found"),
        (b"null", "invalid-request"),
        (b'{"@context":1,"type":2}', None),
        (b"x" * 1_500_001, "body-too-large"),
    ],
)
def test_odd_line_is_a_problem_of_its_own(ledger: Served, award: str, line: bytes, name: str | None) -> None:
    begun = time.monotonic()
    odd, good, end = answers(sent(ledger, line + f'\n"{award}"\n'.encode()))
    assert time.monotonic() - begun < SECONDS / 3
    if name is None:
        assert odd["report"]["verdict"] != "valid"
    else:
        assert odd["problem"]["type"].endswith(f"/{name}")
    assert (good["line"], good["report"]["verdict"]) == (2, "valid")
    assert end == {"end": "complete", "answered": 2}


def test_line_that_breaks_the_judge_does_not_end_the_batch(
    ledger: Served, award: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr("api.verification.Verification.verify", broken)
    odd, good, _ = answers(sent(ledger, f'{{}}\n"{award}"'.encode()))
    assert odd["problem"]["type"].endswith("/internal-error")
    assert good["report"]["verdict"] == "valid"
    assert "unexpected_error" in ledger.log.getvalue()
    assert "a secret" not in json.dumps(odd) + ledger.log.getvalue()


def test_empty_lines_count_and_are_not_answered(ledger: Served) -> None:
    first, last, end = answers(sent(ledger, b"\r\n\n" + UNKNOWN + b"\r\n \t\n" + UNKNOWN + b"\n\n"))
    assert (first["line"], last["line"], end["answered"]) == (3, 5, 2)
    assert answers(sent(ledger, b"")) == [{"end": "complete", "answered": 0}]
    assert answers(sent(ledger, b"\n\n")) == [{"end": "complete", "answered": 0}]


def test_body_of_another_kind_is_refused(ledger: Served) -> None:
    for kind in ("application/json", "application/x-ndjson; charset=latin-1"):
        answered = ledger.http.post(PATH, content=b"{}", headers={"Content-Type": kind})
        assert answered.status_code == httpx.codes.UNSUPPORTED_MEDIA_TYPE
    coded = {"Content-Type": NDJSON, "Content-Encoding": "gzip"}
    assert ledger.http.post(PATH, content=b"{}", headers=coded).status_code == httpx.codes.UNSUPPORTED_MEDIA_TYPE


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000])
def test_lines_are_the_same_however_the_bytes_are_cut(size: int) -> None:
    whole = b'\n{"a":1}\r\n' + b"x" * 12 + b"\n\n" + b"y" * 11 + b"\n  \nlast"
    splitter, found = LineSplitter(11), []
    for start in range(0, len(whole), size):
        splitter.feed(whole[start : start + size])
        while (line := splitter.next_line(100)) is not None:
            found.append(line)
        assert splitter.held_bytes <= 11 + size
    assert [*found, splitter.rest()] == [Line(2, b'{"a":1}'), Line(3, None), Line(5, b"y" * 11), Line(7, b"last")]


# ── while it comes ────────────────────────────────────────────────────────────────────────────────────
def test_lines_are_answered_before_the_last_has_come(ledger: Served, award: str) -> None:
    async def talk() -> None:
        client = Client(ledger)
        for number in range(1, 4):
            await client.put(f'"{award}"'.encode())
            await client.put(b"\n")
            assert (await client.line())["line"] == number
        await client.put(UNKNOWN, more=False)
        assert (await client.line())["line"] == 4
        assert (await client.line()) == {"end": "complete", "answered": 4}
        await asyncio.wait_for(client.task, SECONDS)

    asyncio.run(talk())


def test_work_stops_when_the_client_has_gone(ledger: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    judged = counted(monkeypatch)

    async def talk() -> None:
        client = Client(ledger)
        await client.put((UNKNOWN + b"\n") * 5_000, more=False)
        await client.line()
        await client.go()
        await asyncio.wait_for(client.task, SECONDS)

    asyncio.run(talk())
    assert 0 < len(judged) < 1_000


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the lines that are judged from now on."""
    judged: list[int] = []
    inner = Batches.answer

    async def answer(self: Batches, line: Line, *rest: Any) -> bytes:  # noqa: ANN401  as the real one
        judged.append(line.number)
        return await inner(self, line, *rest)

    monkeypatch.setattr(Batches, "answer", answer)
    return judged


async def _judged_one(judged: list[int]) -> None:
    while not judged:  # noqa: ASYNC110  the server tells nobody
        await asyncio.sleep(0.01)


def test_nothing_more_is_read_or_judged_while_the_client_does_not_read(
    ledger: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = counted(monkeypatch)

    async def talk() -> None:
        client = Client(ledger)
        client.reads.clear()
        for _ in range(100):
            await client.put((b'{"x":"%b"}\n' % (b"x" * 1_000)) * 64)
        await asyncio.wait_for(_judged_one(judged), SECONDS)
        await asyncio.sleep(0.5)
        assert len(judged) == 1
        assert client.untaken >= 80  # of 64 KiB each
        client.reads.set()
        for number in range(1, 200):
            assert (await client.line())["line"] == number
        await client.go()
        await asyncio.wait_for(client.task, SECONDS)

    asyncio.run(talk())


# ── limits ────────────────────────────────────────────────────────────────────────────────────────────
LIMITS: Final[dict[str, Any]] = {
    "verify_batch_lines": 5,
    "verify_batch_line_bytes": 1_024,
    "verify_batch_bytes": 4_096,
    "verify_batches_per_client": 1,
    "verify_batches": 2,
}
PATIENT: Final = 60
"""Seconds of the limit that is not meant, when the other one is."""
HASTY: Final = 2
QUIET: Final = 1


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("narrow") / "data", trusted_proxy_count=1, **LIMITS) as served:
        yield served


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    times = {"verify_batch_seconds": HASTY, "verify_batch_quiet_seconds": PATIENT}
    with serving(tmp_path_factory.mktemp("hasty") / "data", **times) as served:
        yield served


@pytest.fixture(scope="module")
def attentive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    times = {"verify_batch_seconds": PATIENT, "verify_batch_quiet_seconds": QUIET}
    with serving(tmp_path_factory.mktemp("attentive") / "data", **times) as served:
        yield served


def cut_off(answered: list[dict[str, Any]], limit: str, following: int, count: int) -> None:
    *lines, end = answered
    assert (end["end"], end["answered"], end["next_line"]) == ("cut-off", count, following)
    problem = end["problem"]
    assert problem["type"].endswith("/problems/batch-cut-off")
    assert (problem["limit"], problem["next_line"]) == (limit, following)
    assert f"Send line {following} and what follows in another batch." in problem["detail"]
    assert len(lines) == count


async def parts(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def test_batch_is_cut_off_after_the_most_lines(narrow: Served) -> None:
    whole = (UNKNOWN + b"\n") * 5
    assert answers(sent(narrow, whole + b"\n \n"))[-1] == {"end": "complete", "answered": 5}
    cut_off(answers(sent(narrow, whole + UNKNOWN)), "lines", 6, 5)
    cut_off(answers(sent(narrow, parts(whole, b"\n", b" ", UNKNOWN))), "lines", 6, 5)
    cut_off(answers(sent(narrow, b"\n" * 10 + UNKNOWN)), "lines", 1, 0)


def test_batch_is_cut_off_at_the_most_bytes(narrow: Served) -> None:
    line = b'"%b"\n' % (b"x" * 900)
    cut_off(answers(sent(narrow, parts(*[line] * 5))), "bytes", 5, 4)
    endless = sent(narrow, parts(*[b"x" * 1_000] * 6))
    cut_off(answers(endless), "bytes", 1, 0)


def test_batch_is_refused_when_it_is_announced_as_too_large(narrow: Served) -> None:
    answered = sent(narrow, b"x" * 4_097)
    assert answered.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE
    assert answered.json()["limit_bytes"] == 4_096


def test_line_that_is_too_long_is_passed_over(narrow: Served) -> None:
    long, good, _ = answers(sent(narrow, parts(b"x" * 1_000, b"x" * 1_000, b"x\n" + UNKNOWN)))
    assert (long["line"], long["problem"]["limit_bytes"]) == (1, 1_024)
    assert good["line"] == 2


def test_batch_is_cut_off_when_nothing_comes(attentive: Served) -> None:
    async def talk() -> dict[str, Any]:
        client = Client(attentive)
        await client.put(UNKNOWN + b"\n" + UNKNOWN)
        await client.line()
        end = await client.line()
        await client.go()
        await asyncio.wait_for(client.task, SECONDS)
        return end

    cut_off([{}, asyncio.run(talk())], "silence", 2, 1)


def test_batch_is_cut_off_when_it_takes_too_long(hasty: Served) -> None:
    async def talk() -> dict[str, Any]:
        client = Client(hasty)
        while not client._told.qsize():
            await client.put(b" ")
            await asyncio.sleep(0.05)
        end = await client.line()
        await client.go()
        await asyncio.wait_for(client.task, SECONDS)
        return end

    begun = time.monotonic()
    cut_off([asyncio.run(talk())], "seconds", 1, 0)
    assert time.monotonic() - begun < HASTY + SECONDS


def test_batch_is_given_up_when_the_client_reads_nothing(attentive: Served) -> None:
    async def talk() -> None:
        client = Client(attentive)
        client.reads.clear()
        await client.put(UNKNOWN, more=False)
        await asyncio.wait_for(client.task, QUIET + SECONDS)

    asyncio.run(talk())


def test_batches_of_one_client_and_of_all_are_few_at_a_time(narrow: Served) -> None:
    async def talk() -> None:
        first = Client(narrow, {"x-forwarded-for": "192.0.2.1"})
        await first.put(UNKNOWN + b"\n")
        await first.line()
        again = await status(Client(narrow, {"x-forwarded-for": "192.0.2.1"}))
        assert (again["status"], field(again, b"retry-after")) == (429, b"5")
        other = Client(narrow, {"x-forwarded-for": "192.0.2.2"})
        await other.put(UNKNOWN + b"\n")
        await other.line()
        third = await status(Client(narrow, {"x-forwarded-for": "192.0.2.3"}))
        assert (third["status"], field(third, b"retry-after")) == (503, b"5")
        for client in (first, other):
            await client.put(b"", more=False)
            assert (await client.line())["end"] == "complete"
            await asyncio.wait_for(client.task, SECONDS)
        last = Client(narrow, {"x-forwarded-for": "192.0.2.1"})
        await last.put(b"", more=False)
        assert (await last.line())["end"] == "complete"

    async def status(client: Client) -> Message:
        return await asyncio.wait_for(client._told.get(), SECONDS)

    def field(message: Message, name: bytes) -> bytes | None:
        return dict(message["headers"]).get(name)

    asyncio.run(talk())


def test_every_line_counts_as_a_request_and_waits_for_its_turn(tmp_path_factory: pytest.TempPathFactory) -> None:
    limits = {"rate_limit_per_minute": 1_000, "rate_limit_burst": 10}
    with serving(tmp_path_factory.mktemp("counted") / "data", **limits) as served:
        begun = time.monotonic()
        assert answers(sent(served, (UNKNOWN + b"\n") * 25))[-1] == {"end": "complete", "answered": 25}
        assert time.monotonic() - begun > 2
        left = sent(served, b"").headers["ratelimit"]
        assert '"sustained";r=973' in left  # two requests and 25 lines


# ── ten thousand ──────────────────────────────────────────────────────────────────────────────────────
async def feed(client: Client, pieces: Iterable[bytes]) -> None:
    """Send pieces as they are taken, and no sooner."""
    for piece in pieces:
        await client.put(piece)
        while client.untaken > 2:  # noqa: ASYNC110  a queue tells nobody that it was emptied
            await asyncio.sleep(0.001)
    await client.put(b"", more=False)


async def read(client: Client, numbers: list[int]) -> dict[str, Any]:
    while "line" in (told := await client.line()):
        numbers.append(told["line"])
    return told


def test_ten_thousand_lines_are_answered_in_order_while_others_are_served(ledger: Served, award: str) -> None:
    odd = [UNKNOWN, b'{"item":%b}' % UNKNOWN, b'{"x":"%b"}' % (b"x" * 500), b"not json"]
    lines = [f'"{award}"'.encode() if number % 100 == 0 else odd[number % len(odd)] for number in range(10_000)]
    pieces = (b"\n".join(lines[start : start + 20]) + b"\n" for start in range(0, 10_000, 20))
    numbers: list[int] = []
    waited: list[float] = []

    async def others(client: Client) -> None:
        transport = httpx.ASGITransport(ledger.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://ledger.test") as session:
            while not client.task.done():
                begun = time.monotonic()
                answered = await session.get(f"/v1/credentials/{award}/status")
                waited.append(time.monotonic() - begun)
                assert answered.status_code == httpx.codes.OK
                await asyncio.sleep(0.05)

    async def talk() -> dict[str, Any]:
        client = Client(ledger)
        reading = asyncio.ensure_future(read(client, numbers))
        await asyncio.gather(feed(client, pieces), others(client))
        return await reading

    assert asyncio.run(talk()) == {"end": "complete", "answered": 10_000}
    assert numbers == list(range(1, 10_001))
    assert len(waited) > 10
    assert sorted(waited)[len(waited) // 2] < 1.0


def test_memory_is_bounded_by_a_line_and_not_by_the_batch(ledger: Served) -> None:
    line, numbers = b'"%b"\n' % (b"x." * 700_000), list[int]()  # more than is read ahead

    async def talk() -> dict[str, Any]:
        client = Client(ledger)
        pieces = (line[start : start + 65_536] for _ in range(30) for start in range(0, len(line), 65_536))
        reading = asyncio.ensure_future(read(client, numbers))
        await feed(client, pieces)
        return await reading

    tracemalloc.start()
    try:
        end = asyncio.run(talk())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert end == {"end": "complete", "answered": 30}
    assert peak < 20 * len(line)  # of thirty


def test_threads_of_other_requests_are_left_alone(ledger: Served, award: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long lines take, a status is answered at once: batches have threads of their own."""
    goes_on = threading.Event()
    inner = ledger.node.lookup.evidences.evidence

    def slow(*rest: Any) -> dict[str, Any]:  # noqa: ANN401  as the real one
        goes_on.wait(SECONDS)
        return inner(*rest)

    monkeypatch.setattr("api.evidence.Evidences.evidence", lambda _, *rest: slow(*rest))

    async def talk() -> None:
        clients = [Client(ledger), Client(ledger)]
        for client in clients:
            await client.put(f'"{award}"'.encode(), more=False)
        await asyncio.sleep(0.1)
        transport = httpx.ASGITransport(ledger.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://ledger.test") as session:
            for _ in range(50):
                assert (await session.get(f"/v1/credentials/{award}/status")).status_code == httpx.codes.OK
        goes_on.set()
        for client in clients:
            assert (await client.line())["report"]["verdict"] == "valid"

    asyncio.run(talk())


# ── other hosts ───────────────────────────────────────────────────────────────────────────────────────
KEYS: Final = "https://school.example/.well-known/did.json"


class Hosts:
    """Other hosts, and what they are asked.

    Args:
        answers: What is under an address; nothing answers under any other.
        clock: Moves on by a second whenever something is asked.
    """

    def __init__(self, answers: dict[str, bytes], clock: Clock) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self._clock = clock

    def __call__(self, url: str, timeout_seconds: float, max_bytes: int) -> bytes:
        del timeout_seconds, max_bytes
        self.asked.append(url)
        self._clock.now += 1
        if url not in self.answers:
            raise DidResolutionError("no such host")
        return self.answers[url]


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def fetching(
    data: Path, monkeypatch: pytest.MonkeyPatch, hosts: Hosts, clock: Clock, **settings: object
) -> Iterator[Served]:
    """Serve a ledger that asks *hosts* instead of the network, and the time of *clock* for it."""
    monkeypatch.setattr("api.app.Fetching", lambda chosen: Fetching(chosen, hosts, clock))
    with serving(data, fetch=True, **settings) as served:
        yield served


def listed_badges(issuer: Issuer, count: int, url: str = LIST_URL) -> bytes:
    """Badges of one issuer with their statuses in one list, a line each."""
    entry = {**status_entry(), "statusListCredential": url}
    signed = sign(badge(issuer, credentialStatus=[entry]), issuer)
    return b"".join(json.dumps(signed).encode() + b"\n" for _ in range(count))


def test_list_and_keys_are_fetched_once_for_a_batch_however_long_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, issuer = Clock(), did_web()
    listed = status_list(issuer, subject={"ttl": 1_000})  # a second, after which any other request asks again
    hosts = Hosts({KEYS: encode(did_document(issuer)), LIST_URL: listed}, clock)
    with fetching(tmp_path, monkeypatch, hosts, clock, fetch_cache_seconds=2) as served:
        lines = listed_badges(issuer, 8)
        reports = [one["report"] for one in answers(sent(served, lines))[:-1]]
        assert {report["verdict"] for report in reports} == {"valid"}, reports[0]["sentence"]
        assert sorted(hosts.asked) == sorted([KEYS, LIST_URL])
        clock.now += 10
        answers(sent(served, lines))
        assert sorted(hosts.asked) == sorted([KEYS, LIST_URL] * 2)  # what one batch knows, the next does not


def test_list_that_fails_is_asked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, issuer = Clock(), did_web()
    hosts = Hosts({KEYS: encode(did_document(issuer))}, clock)
    with fetching(tmp_path, monkeypatch, hosts, clock, fetch_cache_seconds=0) as served:
        reports = [one["report"] for one in answers(sent(served, listed_badges(issuer, 8)))[:-1]]
        assert {report["reason"] for report in reports} == {"list_unreachable"}
        assert sorted(hosts.asked) == sorted([KEYS, LIST_URL])


def test_batch_stops_waiting_for_other_hosts_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, issuer = Clock(), did_web()
    hosts = Hosts({KEYS: encode(did_document(issuer))}, clock)
    with fetching(tmp_path, monkeypatch, hosts, clock, verify_batch_fetch_seconds=4) as served:
        lines = b"".join(listed_badges(issuer, 1, f"https://lists.example/{number}") for number in range(12))
        *judged, end = answers(sent(served, lines))
        assert {one["report"]["reason"] for one in judged} == {"list_unreachable"}
        assert end == {"end": "complete", "answered": 12}
        assert len(hosts.asked) == 4  # of a second each


def test_memory_of_a_batch_is_bounded() -> None:
    memory = BatchMemory(10.0, threading.Semaphore())
    for number in range(20):
        memory.keep(f"https://a.example/{number}", Found(b"x" * 2**20), 0.25)
    assert memory.recall("https://a.example/0") is None
    assert memory.recall("https://a.example/19") is not None
    assert memory.seconds_left == 5.0
    for number in range(5_000):
        memory.keep(f"https://b.example/{number}", Missing("unreachable"), 0.0)
    assert len(memory._kept) == 4_096
    assert memory._bytes == 0
