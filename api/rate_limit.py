"""Limits how often one client may ask.

Two limits hold at once: a burst within any second and a sustained rate within a minute. Each window
begins with a client's first request in it. Counts live in memory alone, are forgotten with the
window, and take bounded room whatever the number of clients.

Not limited: the static log (it is meant to be mirrored) and the probes. A write with a key counts
only when the key is refused, so that issuers are not slowed while keys cannot be guessed.

Source: draft-ietf-httpapi-ratelimit-headers-10 (field names and parameters).
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from threading import Lock
from typing import Final

from limits import RateLimitItem, RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.answer_header import encoded, put_headers
from api.client_address import client_address
from api.error import RateLimitedError
from api.problem import ProblemWriter
from api.public_write import is_page_form, is_public_write

# Room for this many windows (each client has two), about 20 MiB. When it is full, the window begun
# longest ago is forgotten: a flood from many addresses is counted too low, never too high.
MAX_WINDOWS: Final = 100_000

MAX_REMEMBERED_CLIENTS: Final = 4_096
"""Clients whose windows' names are kept at hand."""

UNLIMITED_PATHS: Final = frozenset({"/livez", "/readyz"})
UNLIMITED_PREFIX: Final = "/log/"
_ANYONE: Final = "\0"
READ_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(slots=True)
class _Window:
    count: int
    ends_at: float


class WindowStorage(Storage):
    """Counts per key for a limited time, in limited room. Safe for threads.

    Args:
        clock: Seconds that never run backwards, such as `time.monotonic`.
        max_windows: How many keys are held at most.
    """

    STORAGE_SCHEME = None

    def __init__(self, clock: Callable[[], float], max_windows: int = MAX_WINDOWS) -> None:
        super().__init__()
        self._clock = clock
        self._max_windows = max_windows
        self._windows: OrderedDict[str, _Window] = OrderedDict()
        self._lock = Lock()

    @property
    def base_exceptions(self) -> type[Exception]:
        """Errors of the backend; memory has none."""
        return MemoryError

    def __len__(self) -> int:
        return len(self._windows)

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add to the key's window, opening one of *expiry* seconds when none is open."""
        with self._lock:
            window = self._open_window(key)
            if window is None:
                window = _Window(0, self._clock() + expiry)
                self._windows.pop(key, None)
                self._windows[key] = window
                self._drop_oldest()
            window.count += amount
            return window.count

    def take(self, wanted: Sequence[tuple[str, int, int]]) -> list[int] | None:
        """Count one request in each of several windows, or in none of them when one is full.

        Args:
            wanted: For each window its key, for how many seconds it is opened, and how many requests it takes.

        Returns:
            For each window the requests that it still takes, and then the seconds until it ends, rounded up; None when
            one was full.
        """
        with self._lock:
            now, windows = self._clock(), self._windows
            told: list[int] = []
            for key, _, most in wanted:
                window = windows.get(key)
                if window is not None and window.ends_at > now and window.count >= most:
                    return None
            for key, seconds, most in wanted:
                window = windows.get(key)
                if window is None or window.ends_at <= now:
                    window = _Window(0, now + seconds)
                    windows.pop(key, None)
                    windows[key] = window
                    self._drop_oldest()
                window.count += 1
                told += (most - window.count, math.ceil(window.ends_at - now))
            return told

    def get(self, key: str) -> int:
        """Return the count of the key's open window, or 0."""
        with self._lock:
            window = self._open_window(key)
            return window.count if window is not None else 0

    def get_expiry(self, key: str) -> float:
        """Return when the key's window ends, by this storage's clock."""
        with self._lock:
            window = self._open_window(key)
            return window.ends_at if window is not None else self._clock()

    def check(self) -> bool:
        """Whether the storage works: always."""
        return True

    def reset(self) -> int:
        """Forget every window and return how many there were."""
        with self._lock:
            held = len(self._windows)
            self._windows.clear()
            return held

    def clear(self, key: str) -> None:
        """Forget one window."""
        with self._lock:
            self._windows.pop(key, None)

    def _open_window(self, key: str) -> _Window | None:
        window = self._windows.get(key)
        return window if window is not None and window.ends_at > self._clock() else None

    def _drop_oldest(self) -> None:
        """Drop windows that have ended, looking at a few per call, and what has no room."""
        now = self._clock()
        for _ in range(2):
            key, window = next(iter(self._windows.items()))
            if window.ends_at > now and len(self._windows) <= self._max_windows:
                return
            del self._windows[key]


@dataclass(frozen=True, slots=True)
class _Policy:
    """A limit; *before* and *after* surround a client in the key of its window, as the library makes it."""

    name: str
    item: RateLimitItem
    seconds: int
    before: str
    after: str


class RateLimiter:
    """Decides whether one more request of a client is within the limits.

    Args:
        per_minute: Sustained limit; 0 switches it off.
        burst: Limit within one second; 0 switches it off.
        clock: Seconds that never run backwards.
        max_windows: Bound on memory, in windows.
    """

    def __init__(
        self,
        *,
        per_minute: int,
        burst: int,
        clock: Callable[[], float],
        max_windows: int = MAX_WINDOWS,
    ) -> None:
        self._clock = clock
        self._storage = WindowStorage(clock, max_windows)
        self._strategy = FixedWindowRateLimiter(self._storage)
        policies = []
        if burst > 0:
            policies.append(_policy("burst", RateLimitItemPerSecond(burst)))
        if per_minute > 0:
            policies.append(_policy("sustained", RateLimitItemPerMinute(per_minute)))
        self._policies = tuple(policies)
        self._told = ", ".join(f'"{p.name}";q={p.item.amount};w={p.seconds}' for p in policies)
        state = ", ".join(f'"{p.name}";r=%d;t=%d' for p in policies)
        self._line = f"ratelimit-policy: {self._told}\r\nratelimit: {state}\r\n".encode()
        self._wanted: dict[str, list[tuple[str, int, int]]] = {}

    @property
    def is_on(self) -> bool:
        """Whether there is any limit."""
        return bool(self._policies)

    def admit(self, client: str) -> bytes | None:
        """Count one request of a client if it is within the limits; None, and nothing is counted, if it is not.

        Returns:
            `RateLimit-Policy` and `RateLimit` as they then stand: lines of an answer's head.
        """
        wanted = self._wanted.get(client)
        if wanted is None:
            if len(self._wanted) >= MAX_REMEMBERED_CLIENTS:
                self._wanted.clear()
            wanted = [(p.before + client + p.after, p.seconds, p.item.amount) for p in self._policies]
            self._wanted[client] = wanted
        told = self._storage.take(wanted)
        return None if told is None else self._line % tuple(told)

    def count(self, client: str, requests: int = 1) -> None:
        """Count a request of a client, or one that is worth several, whether or not it is within the limits."""
        for policy in self._policies:
            self._strategy.hit(policy.item, client, cost=requests)

    def exceeded(self, client: str) -> tuple[str, ...]:
        """Return the names of the limits that leave no room for one more request."""
        return tuple(p.name for p in self._policies if not self._strategy.test(p.item, client))

    def headers(self, client: str) -> dict[str, str]:
        """Return `RateLimit-Policy` and `RateLimit` as they stand for a client."""
        state = ", ".join(
            f'"{p.name}";r={self._remaining(p, client)};t={self._seconds_left(p, client)}' for p in self._policies
        )
        return {"RateLimit-Policy": self._told, "RateLimit": state}

    def retry_after_seconds(self, client: str) -> int:
        """Return after how many seconds every exceeded limit has room again; at least 1."""
        exceeded = self.exceeded(client)
        left = [self._seconds_left(p, client) for p in self._policies if p.name in exceeded]
        return max([1, *left])

    def _remaining(self, policy: _Policy, client: str) -> int:
        return max(0, self._strategy.get_window_stats(policy.item, client).remaining)

    def _seconds_left(self, policy: _Policy, client: str) -> int:
        ends_at = self._strategy.get_window_stats(policy.item, client).reset_time
        return max(0, math.ceil(ends_at - self._clock()))


class ClientCount:
    """Counts what one request asks for beyond itself.

    Args:
        limiter: Holds the counts.
        trusted_proxy_count: See `client_address`.
    """

    def __init__(self, limiter: RateLimiter, trusted_proxy_count: int) -> None:
        self._limiter = limiter
        self._trusted_proxy_count = trusted_proxy_count

    def client(self, scope: Scope) -> str:
        """Whom a request counts for."""
        return client_address(scope, self._trusted_proxy_count)

    def count(self, scope: Scope, requests: int) -> None:
        """Count so many further requests; the request itself is counted already."""
        if self._limiter.is_on:
            self._limiter.count(self.client(scope), requests)

    def wait_seconds(self, scope: Scope) -> int:
        """How long to wait until there is room for one more; 0 while there is."""
        client = self.client(scope)
        return self._limiter.retry_after_seconds(client) if self._limiter.exceeded(client) else 0


class RateLimitMiddleware:
    """Answers 429 to clients above the limits, and tells the others how much is left.

    Args:
        app: What is wrapped.
        limiter: Holds the counts.
        writer: Writes the problem.
        trusted_proxy_count: See `client_address`.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        limiter: RateLimiter,
        writer: ProblemWriter,
        trusted_proxy_count: int = 0,
    ) -> None:
        self._app = app
        self._limiter = limiter
        self._writer = writer
        self._trusted_proxy_count = trusted_proxy_count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not self._limiter.is_on or is_unlimited(scope["path"]):
            await self._app(scope, receive, send)
            return
        client = client_address(scope, self._trusted_proxy_count)
        if needs_key(scope):
            if not self._limiter.exceeded(client):
                await self._app(scope, receive, self._counting_refused_keys(client, send))
                return
        elif self._limiter.admit(client) is not None:
            await self._app(scope, receive, self._telling(client, send))
            return
        await self._writer.response_to(self._refusal(client), scope)(scope, receive, send)

    def _refusal(self, client: str) -> RateLimitedError:
        names = self._limiter.exceeded(client)
        seconds = self._limiter.retry_after_seconds(client)
        headers = {**self._limiter.headers(client), "Retry-After": str(seconds)}
        detail = f"Too many requests came from your network. Wait {seconds} s."
        extensions = {"violated-policies": list(names)}
        return RateLimitedError(detail, headers=headers, extensions=extensions)

    def _telling(self, client: str, send: Send) -> Send:
        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":  # by then the answer may have been counted as several
                put_headers(message, encoded(self._limiter.headers(client)))
            await send(message)

        return tell

    def _counting_refused_keys(self, client: str, send: Send) -> Send:
        async def count(message: Message) -> None:
            if message.get("status") == HTTPStatus.UNAUTHORIZED:
                self._limiter.count(client)
            await send(message)

        return count


def _policy(name: str, item: RateLimitItem) -> _Policy:
    before, _, after = item.key_for(_ANYONE).partition(_ANYONE)
    return _Policy(name, item, item.get_expiry(), before, after)


def is_unlimited(path: str) -> bool:
    """Whether a path is never counted: the static log and the probes."""
    return path.startswith(UNLIMITED_PREFIX) or path in UNLIMITED_PATHS


def needs_key(scope: Scope) -> bool:
    """Whether a request is a write that only the holder of a key may make."""
    path = scope["path"]
    return scope["method"] not in READ_METHODS and not is_public_write(path) and not is_page_form(path)
