import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from api.client_address import UNKNOWN_CLIENT, client_address
from api.problem import ProblemWriter
from api.public_write import PUBLIC_WRITES
from api.rate_limit import RateLimiter, RateLimitMiddleware, WindowStorage
from tests.api.client import BASE_URL, CLIENT, send


class FakeClock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Answer:
    """Answers every request with one status."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.requests = 0

    async def __call__(self, _scope: Scope, _receive: Receive, send_message: Send) -> None:
        self.requests += 1
        start = {"type": "http.response.start", "status": self.status, "headers": []}
        await send_message(start)
        await send_message({"type": "http.response.body", "body": b""})


def limited(
    app: ASGIApp, clock: FakeClock, *, per_minute: int = 5, burst: int = 3, proxies: int = 0
) -> RateLimitMiddleware:
    limiter = RateLimiter(per_minute=per_minute, burst=burst, clock=clock)
    writer = ProblemWriter(BASE_URL)
    return RateLimitMiddleware(app, limiter=limiter, writer=writer, trusted_proxy_count=proxies)


def get(
    app: ASGIApp,
    path: str = "/v1/x",
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    client: tuple[str, int] = CLIENT,
) -> httpx.Response:
    return send(app, method, path, headers=headers, client=client)


def statuses(app: ASGIApp, count: int, *, method: str = "GET", path: str = "/v1/x") -> list[int]:
    return [get(app, path, method=method).status_code for _ in range(count)]


def test_limit_answers_429_when_burst_is_used_up_and_forgets_it_after_a_second() -> None:
    clock = FakeClock()
    app = limited(Answer(), clock)
    assert statuses(app, 4) == [200, 200, 200, 429]
    clock.now += 1.0
    assert statuses(app, 3) == [200, 200, 429]


def test_limit_names_policies_wait_and_problem_when_exceeded() -> None:
    clock = FakeClock()
    app = limited(Answer(), clock)
    statuses(app, 3)
    clock.now += 0.4
    answer = get(app)
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["ratelimit-policy"] == '"burst";q=3;w=1, "sustained";q=5;w=60'
    assert answer.headers["ratelimit"] == '"burst";r=0;t=1, "sustained";r=2;t=60'
    assert answer.json()["type"] == f"{BASE_URL}/problems/rate-limited"
    assert answer.json()["violated-policies"] == ["burst"]


def test_limit_asks_to_wait_for_the_longest_window_when_both_are_exceeded() -> None:
    clock = FakeClock()
    app = limited(Answer(), clock, per_minute=3)
    statuses(app, 3)
    clock.now += 0.5
    assert get(app).headers["retry-after"] == "60"


def test_limit_tells_what_is_left_when_within() -> None:
    answer = get(limited(Answer(), FakeClock()))
    assert answer.headers["ratelimit"] == '"burst";r=2;t=1, "sustained";r=4;t=60'


def test_limit_does_not_reach_the_app_when_exceeded() -> None:
    answer = Answer()
    statuses(limited(answer, FakeClock()), 9)
    assert answer.requests == 3


@pytest.mark.parametrize("path", ["/log/checkpoint", "/log/tile/0/000", "/livez", "/readyz"])
def test_limit_does_not_count_static_log_and_probes(path: str) -> None:
    app = limited(Answer(), FakeClock())
    assert statuses(app, 9, path=path) == [200] * 9
    assert "ratelimit" not in get(app, path).headers


@pytest.mark.parametrize("path", ["/log", "/logs/x", "/livez/x", "/v1/log/checkpoint", "/LOG/x"])
def test_limit_counts_paths_that_only_look_like_the_static_log(path: str) -> None:
    assert statuses(limited(Answer(), FakeClock()), 4, path=path)[-1] == 429


def test_limit_is_off_when_both_settings_are_zero() -> None:
    app = limited(Answer(), FakeClock(), per_minute=0, burst=0)
    assert statuses(app, 20) == [200] * 20


def test_limit_does_not_slow_issuers_but_counts_refused_keys() -> None:
    clock = FakeClock()
    good, bad = limited(Answer(201), clock), limited(Answer(401), clock)
    assert statuses(good, 9, method="POST") == [201] * 9
    assert statuses(bad, 5, method="POST") == [401, 401, 401, 429, 429]


@pytest.mark.parametrize("path", sorted(PUBLIC_WRITES))
def test_limit_counts_public_writes(path: str) -> None:
    app = limited(Answer(), FakeClock())
    assert statuses(app, 4, method="POST", path=path)[-1] == 429


def test_limit_counts_clients_apart_and_ignores_forged_forwarding_when_no_proxy_is_trusted() -> None:
    app = limited(Answer(), FakeClock())
    for number in range(3):
        get(app, headers={"x-forwarded-for": f"198.51.100.{number}"})
    assert get(app, headers={"x-forwarded-for": "203.0.113.9"}).status_code == 429
    assert get(app, client=("192.0.2.8", 1)).status_code == 200


def test_limit_counts_client_behind_proxy_when_the_client_forges_more_entries() -> None:
    app = limited(Answer(), FakeClock(), proxies=1)
    for number in range(3):
        get(app, headers={"x-forwarded-for": f"10.0.0.{number}, 198.51.100.1"})
    assert get(app, headers={"x-forwarded-for": "1.2.3.4,198.51.100.1"}).status_code == 429
    assert get(app, headers={"x-forwarded-for": "198.51.100.2"}).status_code == 200


@pytest.mark.parametrize(
    "peer, forwarded, proxies, counted",
    [
        ("192.0.2.1", "203.0.113.5", 0, "192.0.2.1"),
        ("192.0.2.1", "203.0.113.5", 1, "203.0.113.5"),
        ("192.0.2.1", "6.6.6.6, 203.0.113.5, 10.0.0.1", 2, "203.0.113.5"),
        ("192.0.2.1", "", 1, "192.0.2.1"),
        ("192.0.2.1", "203.0.113.5", 3, "203.0.113.5"),
        ("192.0.2.1", "203.0.113.5:1234", 1, "203.0.113.5"),
        ("192.0.2.1", "[2001:db8:1:2:3::4]:99", 1, "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "", 0, "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "", 0, "192.0.2.1"),
        ("fe80::1%eth0", "", 0, "fe80::/64"),
        ("192.0.2.1", "not an address", 1, UNKNOWN_CLIENT),
        ("192.0.2.1", "x" * 100_000, 1, UNKNOWN_CLIENT),
        ("testclient", "", 0, UNKNOWN_CLIENT),
        ("", "", 0, UNKNOWN_CLIENT),
    ],
)
def test_client_address_counts_whom_the_proxies_name(peer: str, forwarded: str, proxies: int, counted: str) -> None:
    fields = [(b"x-forwarded-for", forwarded.encode())] if forwarded else []
    scope = {"type": "http", "client": (peer, 1) if peer else None, "headers": fields}
    assert client_address(scope, proxies) == counted


def test_client_address_joins_several_lines_of_the_field() -> None:
    fields = [(b"x-forwarded-for", b"6.6.6.6"), (b"x-forwarded-for", b"203.0.113.5")]
    scope = {"type": "http", "client": ("192.0.2.1", 1), "headers": fields}
    assert client_address(scope, 1) == "203.0.113.5"


def test_window_storage_stays_bounded_when_clients_are_many() -> None:
    storage = WindowStorage(FakeClock(), max_windows=50)
    for number in range(1_000):
        storage.incr(f"client/{number}", 60)
    assert len(storage) == 50
    assert storage.get("client/999") == 1
    assert storage.get("client/0") == 0


def test_window_storage_drops_ended_windows_when_others_open() -> None:
    clock = FakeClock()
    storage = WindowStorage(clock)
    for number in range(100):
        storage.incr(f"old/{number}", 1)
    clock.now += 2
    for number in range(100):
        storage.incr(f"new/{number}", 1)
    assert len(storage) <= 101
