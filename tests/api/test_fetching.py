"""What is fetched, and what never is: real servers on this machine, and the guard that refuses them."""

from __future__ import annotations

import http.server
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from openvc.did.base import DidResolutionError
from openvc.errors import OpenvcError

import api.guarded_get
from api.fetching import IN_FLIGHT, LATE, Fetching, address_of
from api.guarded_get import Call, Reach, guarded_call, guarded_get
from api.setting import Settings
from verifier.foreign.source import Found, Missing

ON = Settings(fetch=True)
DRIPS = 300
"""How often a server that drips sends a byte, which is each tenth of a second."""


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


class Asked:
    """Counts what is asked, and answers from a table."""

    def __init__(self, answers: dict[str, bytes]) -> None:
        self.answers = answers
        self.urls: list[str] = []

    def __call__(self, url: str, timeout_seconds: float, max_bytes: int) -> bytes:
        assert timeout_seconds == ON.fetch_timeout_seconds
        assert max_bytes == ON.fetch_max_bytes
        self.urls.append(url)
        if url not in self.answers:
            message = "no such server"
            raise DidResolutionError(message)
        return self.answers[url]


def test_nothing_is_fetched_when_fetching_is_off() -> None:
    asked = Asked({"https://a.example/x": b"1"})
    answer = Fetching(Settings(), asked).answer("https://a.example/x")
    assert isinstance(answer, Missing)
    assert (answer.reason, asked.urls) == ("off", [])


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example/x",
        "ftp://a.example/x",
        "file:///etc/passwd",
        "https://a.example:8443/x",
        "https://a.example:99999/x",
        "https://user@a.example/x",
        "https://",
        "https://[::1",
        "a.example",
        "did:web:",
        "did:web:127.0.0.1",
        "did:web:127.0.0.1%3A443",
        "did:web:a.example%3A8000",
        "did:web:[::1]",
        "did:web:user%40a.example",
        "did:key:z6Mk",
        "https://a.example/" + "x" * 3_000,
    ],
)
def test_address_is_refused_when_it_is_none_that_an_issuer_publishes(url: str) -> None:
    asked = Asked({})
    assert isinstance(Fetching(ON, asked).answer(url), Missing)
    assert asked.urls == []
    with pytest.raises(OpenvcError):
        address_of(url)


def test_did_web_is_looked_for_where_its_method_says() -> None:
    assert address_of("did:web:a.example") == "https://a.example/.well-known/did.json"
    assert address_of("did:web:a.example:b:c") == "https://a.example/b/c/did.json"


def test_answer_is_kept_for_a_while_and_asked_for_again_when_it_has_to_be_fresh() -> None:
    clock, asked = Clock(), Asked({"https://a.example/x": b"1"})
    fetching = Fetching(ON, asked, clock)
    assert fetching.answer("https://a.example/x") == Found(b"1", 0.0)
    clock.seconds += 30
    assert fetching.answer("https://a.example/x") == Found(b"1", 30.0)
    assert len(asked.urls) == 1
    assert fetching.answer("https://a.example/x", fresh=True) == Found(b"1", 0.0)
    clock.seconds += ON.fetch_cache_seconds
    fetching.answer("https://a.example/x")
    assert len(asked.urls) == 3


def test_failure_is_remembered_for_a_short_time() -> None:
    clock, asked = Clock(), Asked({})
    fetching = Fetching(ON, asked, clock)
    for _ in range(5):
        assert isinstance(fetching.answer("https://a.example/x"), Missing)
    assert len(asked.urls) == 1
    clock.seconds += 11
    fetching.answer("https://a.example/x")
    assert len(asked.urls) == 2


def test_memory_is_bounded() -> None:
    settings = ON.model_copy(update={"fetch_cache_entries": 3})
    asked = Asked({f"https://a.example/{number}": b"x" for number in range(10)})
    fetching = Fetching(settings, asked)
    for number in range(10):
        fetching.answer(f"https://a.example/{number}")
    assert len(fetching._kept) == 3
    assert fetching._bytes == 3


def test_further_requests_are_turned_away_when_many_are_under_way() -> None:
    release, begun = threading.Event(), threading.Semaphore(0)

    def slow(url: str, timeout_seconds: float, max_bytes: int) -> bytes:
        del url, timeout_seconds, max_bytes
        begun.release()
        release.wait(10)
        return b"x"

    fetching = Fetching(ON, slow)
    threads = [
        threading.Thread(target=fetching.answer, args=(f"https://a.example/{number}",)) for number in range(IN_FLIGHT)
    ]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert begun.acquire(timeout=10)
    answer = fetching.answer("https://a.example/more")
    assert isinstance(answer, Missing)
    assert "too many" in answer.detail
    release.set()
    for thread in threads:
        thread.join()
    assert isinstance(fetching.answer("https://a.example/more", fresh=True), Found)


# ── the guard, against a real https server on this machine ──


class Handler(http.server.BaseHTTPRequestHandler):
    seen: list[str]

    def do_GET(self) -> None:
        type(self).seen.append(self.path)
        if self.path == "/drip-header":
            for _ in range(DRIPS):
                self.wfile.write(b"H")
                self.wfile.flush()
                time.sleep(0.1)
            return
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", "/data")
            self.end_headers()
            return
        self.send_response(404 if self.path == "/none" else 200)
        self.end_headers()
        if self.path == "/long":
            self.wfile.write(b"x" * 2_000_000)
        elif self.path == "/drip":
            for _ in range(DRIPS):
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.1)
        else:
            self.wfile.write(b"data")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{self.headers['Authorization']}|{self.headers['Content-Type']}|{body}".encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the interface of http.server)
        del format, args


@contextmanager
def serving(home: Path) -> Iterator[tuple[int, Path, list[str]]]:
    """An https server on the loopback address, for the name a.example."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a.example")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("a.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = home / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    trusted = home / "trusted.pem"
    trusted.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    seen: list[str] = []
    handler = type("SeenHandler", (Handler,), {"seen": seen})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port, trusted, seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, list[str]]]:
    with serving(tmp_path) as (port, trusted, seen):
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        yield port, seen


Resolve = Callable[..., list[tuple[object, object, object, object, tuple[str, int]]]]


def resolving(*addresses: str) -> Resolve:
    """A name service that gives these addresses, one list after another."""
    answers = list(addresses)

    def lookup(host: str, port: int, **_: object) -> list[tuple[object, object, object, object, tuple[str, int]]]:
        del host
        found = answers[0] if len(answers) == 1 else answers.pop(0)
        return [(None, None, None, None, (one, port)) for one in found.split()]

    return lookup


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104  (an address that is refused)
        "fe80::1",
        "fc00::1",
        "224.0.0.1",
        "8.8.8.8 127.0.0.1",
    ],
)
def test_guard_refuses_a_name_when_any_of_its_addresses_is_not_public(
    server: tuple[int, list[str]], monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    port, seen = server
    monkeypatch.setattr(socket, "getaddrinfo", resolving(address))
    with pytest.raises(OpenvcError, match="blocked"):
        guarded_get(f"https://a.example:{port}/data", 2, 1_000)
    assert seen == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_guard_refuses_this_machine_by_every_name(server: tuple[int, list[str]], host: str) -> None:
    port, seen = server
    with pytest.raises(OpenvcError):
        guarded_get(f"https://{host}:{port}/data", 2, 1_000)
    assert seen == []


def test_guard_asks_for_the_address_once_so_that_it_cannot_change(
    server: tuple[int, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, seen = server
    asked: list[str] = []
    public_then_private = resolving("192.0.2.1", "127.0.0.1")

    def lookup(host: str, at: int, **options: object) -> object:
        asked.append(host)
        return public_then_private(host, at, **options)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    with pytest.raises(OpenvcError):
        guarded_get(f"https://a.example:{port}/data", 1, 1_000)
    assert (asked, seen) == (["a.example"], [])


@pytest.fixture
def allowed(server: tuple[int, list[str]], monkeypatch: pytest.MonkeyPatch) -> tuple[int, list[str]]:
    """The same server, with the guard told that its address is a public one: to see the rest of the guard at work."""
    monkeypatch.setattr(socket, "getaddrinfo", _local_lookup)
    monkeypatch.setattr(api.guarded_get, "ip_is_forbidden", lambda _: False)
    return server


def _local_lookup(host: str, port: int, *_: object, **__: object) -> list[tuple[object, ...]]:
    del host
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]


def test_guard_fetches_over_tls_from_the_name_that_was_asked(allowed: tuple[int, list[str]]) -> None:
    port, seen = allowed
    assert guarded_get(f"https://a.example:{port}/data", 5, 1_000) == b"data"
    with pytest.raises(OpenvcError, match="certificate"):
        guarded_get(f"https://b.example:{port}/data", 5, 1_000)
    assert seen == ["/data"]


@pytest.mark.parametrize("path", ["/redirect", "/none", "/long"])
def test_guard_refuses_an_answer_that_is_a_redirect_an_error_or_too_long(
    allowed: tuple[int, list[str]], path: str
) -> None:
    port, seen = allowed
    with pytest.raises(OpenvcError):
        guarded_get(f"https://a.example:{port}{path}", 5, 1_000)
    assert seen == [path]


@pytest.mark.parametrize("path", ["/drip", "/drip-header"])
def test_guard_gives_up_on_an_answer_that_drips(allowed: tuple[int, list[str]], path: str) -> None:
    port, seen = allowed
    begin = time.monotonic()
    with pytest.raises(OpenvcError, match=r"in time|timed out"):
        guarded_get(f"https://a.example:{port}{path}", 2, 1_000)
    assert time.monotonic() - begin < DRIPS * 0.1 / 2
    assert seen == [path]


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example/x",
        "https:///x",
        "https://ä.example/x",
        "https://a\x00.example/x",
        "https://a.example:99999/x",
        f"https://{'a' * 254}/x",
    ],
)
def test_guard_looks_up_no_host_that_two_readers_would_read_differently(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *given, **_: asked.append(given))
    with pytest.raises(OpenvcError):
        guarded_get(url, 1, 1_000)
    assert asked == []


# ── one deadline for all that a request fetches ──


def test_request_waits_no_longer_than_its_deadline_when_every_server_is_slow() -> None:
    release = threading.Event()
    settings = ON.model_copy(update={"fetch_deadline_seconds": 1})

    def slow(url: str, timeout_seconds: float, max_bytes: int) -> bytes:
        del url, timeout_seconds, max_bytes
        release.wait(60)
        return b"x"

    fetching = Fetching(settings, slow)
    begin = time.monotonic()
    with fetching.one_request():
        answers = [fetching.answer(f"https://a.example/{number}") for number in range(6)]
    assert time.monotonic() - begin < 30  # the deadline is one second, and each server is slow for a minute
    assert answers == [LATE] * 6
    release.set()


def test_request_is_not_kept_by_a_host_whose_look_up_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def hanging(*_: object, **__: object) -> object:
        release.wait(60)
        message = "no such host"
        raise OSError(message)

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    fetching = Fetching(ON.model_copy(update={"fetch_timeout_seconds": 1}))
    begin = time.monotonic()
    assert fetching.answer("https://a.example/x") == LATE
    assert time.monotonic() - begin < 30
    release.set()


def test_deadline_is_the_outermost_ones_and_ends_with_it() -> None:
    clock = Clock()
    given: list[float] = []

    def get(url: str, timeout_seconds: float, max_bytes: int) -> bytes:
        del url, max_bytes
        given.append(timeout_seconds)
        clock.seconds += 4
        return b"x"

    fetching = Fetching(ON, get, clock)
    with fetching.one_request():
        assert fetching.answer("https://a.example/1") == Found(b"x")
        with fetching.one_request():
            assert fetching.answer("https://a.example/2") == Found(b"x")
            assert fetching.answer("https://a.example/3") == Found(b"x")
        assert fetching.answer("https://a.example/4") == LATE
        assert fetching.answer("https://a.example/1") == Found(b"x", 8.0)
    assert fetching.answer("https://a.example/4") == Found(b"x")
    assert given == [5.0, 5.0, 2.0, 5.0]


def test_answer_that_came_too_late_is_there_for_the_next_request() -> None:
    release, done = threading.Event(), threading.Event()

    class Watched(Fetching):
        def _keep(self, url: str, answer: Found | Missing) -> None:
            super()._keep(url, answer)
            done.set()

    def slow(url: str, timeout_seconds: float, max_bytes: int) -> bytes:
        del url, timeout_seconds, max_bytes
        release.wait(20)
        return b"x"

    fetching = Watched(ON.model_copy(update={"fetch_timeout_seconds": 1}), slow)
    assert fetching.answer("https://a.example/x") == LATE
    release.set()
    assert done.wait(10)
    answer = fetching.answer("https://a.example/x")
    assert isinstance(answer, Found)
    assert answer.data == b"x"


# ── what an operator has named ─────────────────────────────────────────────────────────────────────


def reach(*networks: str, certificates: Path | None = None) -> Reach:
    return Reach(tuple(ip_network(one) for one in networks), certificates)


def test_guard_asks_a_network_that_an_operator_has_named_and_no_other(
    server: tuple[int, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, seen = server
    monkeypatch.setattr(socket, "getaddrinfo", _local_lookup)
    for networks in ((), ("10.0.0.0/8",), ("::/0",), ("127.0.0.2/32",)):
        with pytest.raises(OpenvcError, match="blocked"):
            guarded_call(f"https://a.example:{port}/data", Call(), 2, 1_000, reach(*networks))
    assert seen == []
    asked = guarded_call(f"https://a.example:{port}/data", Call(), 5, 1_000, reach("10.0.0.0/8", "127.0.0.0/8"))
    assert (asked, seen) == (b"data", ["/data"])


def test_guard_refuses_a_name_when_one_address_is_in_no_network_that_was_named(
    server: tuple[int, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, seen = server
    monkeypatch.setattr(socket, "getaddrinfo", resolving("127.0.0.1 169.254.169.254"))
    with pytest.raises(OpenvcError, match=r"169\.254\.169\.254"):
        guarded_call(f"https://a.example:{port}/data", Call(), 2, 1_000, reach("127.0.0.0/8"))
    assert seen == []


def test_guard_trusts_the_authorities_that_were_named_in_the_place_of_the_systems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", _local_lookup)
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    with serving(tmp_path / "one") as (port, trusted, _), serving(tmp_path / "other") as (other, _, _):
        named = reach("127.0.0.0/8", certificates=trusted)
        assert guarded_call(f"https://a.example:{port}/data", Call(), 5, 1_000, named) == b"data"
        for at, how_far in ((port, reach("127.0.0.0/8")), (other, named)):
            with pytest.raises(OpenvcError, match="certificate"):
                guarded_call(f"https://a.example:{at}/data", Call(), 5, 1_000, how_far)


def test_guard_sends_a_form_with_what_is_said_beside_it(allowed: tuple[int, list[str]]) -> None:
    port, _ = allowed
    call = Call({"code": "a b&c", "state": "\u00e9"}, {"Authorization": "Basic eA=="})
    answered = guarded_call(f"https://a.example:{port}/echo", call, 5, 1_000)
    assert answered == b"Basic eA==|application/x-www-form-urlencoded|code=a+b%26c&state=%C3%A9"
