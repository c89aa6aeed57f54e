"""The short-cut: whole requests of one kind, answered from their bytes; every other goes the ordinary way.

It takes ``GET /v1/credentials/{id}/status`` with nothing unusual about it, at a moment when nothing else is going on in
its connection, and gives the very answer that the ordinary way gives, or none. Then the ordinary way gives one, so
that whatever is strange is dealt with in one place: another method, a query, a body, a condition, a field not in
:data:`FIELDS` or has an unusual value, a client above its limit, an award about which more has to be said.

What the ordinary way counts and writes down is counted and written down here: rate limit, metrics, access log.
``CAIRN_SHORTCUT=0`` turns it off.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from typing import Final

from starlette.types import Scope
from structlog.typing import FilteringBoundLogger

from api.client_address import client_address
from api.metric import Metrics
from api.quick_status import QuickStatus
from api.rate_limit import RateLimiter
from api.request_id import REQUEST_ID_BYTES

START: Final = b"GET /v1/credentials/"
END: Final = b"/status HTTP/1.1\r\n"
ID_AT: Final = len(START)
END_AT: Final = ID_AT + 36
FIELDS_AT: Final = END_AT + len(END)
ROUTE: Final = "/v1/credentials/{id}/status"
MAX_FIELDS_BYTES: Final = 4_096
MAX_REMEMBERED: Final = 1_024
"""Sets of header fields that are remembered: clients send the same ones again and again."""
COUNTED_DIGITS: Final = 3
COUNTED: Final = 16**COUNTED_DIGITS
"""Requests that share the random part of an id."""
FIELDS: Final = (
    *(
        "host",
        "user-agent",
        "accept",
        "accept-encoding",
        "accept-language",
        "accept-charset",
        "cache-control",
        "pragma",
    ),
    *("cookie", "referer", "origin", "dnt", "priority", "upgrade-insecure-requests", "traceparent", "tracestate"),
    *("x-request-id", "x-real-ip", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port"),
    *("forwarded", "via", "save-data", "sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site", "sec-fetch-user"),
    *("sec-ch-ua", "sec-ch-ua-mobile", "sec-ch-ua-platform", "sec-gpc"),
)
"""Header fields that change nothing about this answer, but for the address of a client behind a proxy."""
# Nothing that was taken is given back: a space may be before a value or of it, and a head that fails at its last field
# would be tried with every such choice in every field, twice as many times for each.
_FIELD: Final = rb"(?:%b):[ \t]*+[\x20-\x7e]*+" % "|".join(FIELDS).encode()
_KEEP: Final = rb"connection:[ \t]*+keep-alive[ \t]*+"
_FIELDS: Final = re.compile(rb"(?:(?:%b|%b)\r\n)*+\r\n" % (_FIELD, _KEEP), re.IGNORECASE)
_HOST: Final = re.compile(rb"(?:^|\r\n)host:", re.IGNORECASE)
_FORWARDED: Final = re.compile(rb"(?:^|\r\n)x-forwarded-for:[ \t]*([^\r]*)", re.IGNORECASE)

Peer = tuple[str, int] | None


class Shortcut:
    """Answers a request from its bytes, or leaves it.

    Args:
        quick: Makes the answers.
        headers: Header fields of every such answer, without those that differ from one to the next.
        limiter: Counts clients.
        trusted_proxy_count: See :func:`api.client_address.client_address`.
        metrics: Where requests are counted.
        log: Where requests are written down.
        timer: Seconds that never run backwards.
        random_bytes: Source of request ids.
    """

    def __init__(
        self,
        quick: QuickStatus,
        headers: Mapping[str, str],
        *,
        limiter: RateLimiter,
        trusted_proxy_count: int,
        metrics: Metrics,
        log: FilteringBoundLogger,
        timer: Callable[[], float],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._quick = quick
        self._fixed = "".join(f"{name.lower()}: {value}\r\n" for name, value in headers.items()).encode("latin-1")
        self._limiter = limiter
        self._trusted_proxy_count = trusted_proxy_count
        self._observe = metrics.observer(ROUTE, "GET", 200)
        self._log = log
        self._timer = timer
        self._random_bytes = random_bytes
        self._is_logged = log.is_enabled_for(logging.INFO)
        self._seed, self._left = b"", 0
        self._plain: dict[bytes, bytes | None] = {}

    def __call__(self, data: bytes, peer: Peer, common: bytes) -> bytes | None:
        """Answer *data*, or return None.

        Args:
            data: What came in one piece on a connection on which no request is under way.
            peer: Address and port of the other end.
            common: The server's own header fields, as they are sent.
        """
        if not data.startswith(START) or data[END_AT:FIELDS_AT] != END:
            return None
        fields = data[FIELDS_AT:]
        try:
            forwarded = self._plain[fields]
        except KeyError:
            if not self._is_plain(fields):
                return None
            forwarded = self._plain[fields]
        started = self._timer()
        found = self._quick.answer(data[ID_AT:END_AT])
        if found is None:
            return None
        body, tag = found
        limits = self._limits(peer, forwarded) if self._limiter.is_on else b""
        if limits is None:
            return None
        identity = self._identity()
        answer = b"HTTP/1.1 200 OK\r\n%b%betag: %b\r\n%bcontent-length: %d\r\nx-request-id: %b\r\n\r\n%b" % (
            common,
            self._fixed,
            tag,
            limits,
            len(body),
            identity,
            body,
        )
        self._record(identity, self._timer() - started, len(body))
        return answer

    def _identity(self) -> bytes:
        """A request id; a few random bytes serve for several, whose last digits count."""
        if not self._left:
            self._seed, self._left = self._random_bytes(REQUEST_ID_BYTES).hex()[:-COUNTED_DIGITS].encode(), COUNTED
        self._left -= 1
        return b"%b%0*x" % (self._seed, COUNTED_DIGITS, self._left)

    def _is_plain(self, fields: bytes) -> bool:
        """Whether these header fields are of no consequence; those that are, are remembered."""
        if len(fields) > MAX_FIELDS_BYTES or _FIELDS.fullmatch(fields) is None or len(_HOST.findall(fields)) != 1:
            return False
        forwarded = _FORWARDED.findall(fields)
        if len(forwarded) > 1:
            return False
        if len(self._plain) >= MAX_REMEMBERED:
            self._plain.clear()
        self._plain[fields] = forwarded[0] if forwarded else None
        return True

    def _limits(self, peer: Peer, forwarded: bytes | None) -> bytes | None:
        """Count a client and say how it stands; None when it is above a limit, which is for the ordinary way to say."""
        named = [] if forwarded is None else [(b"x-forwarded-for", forwarded)]
        scope: Scope = {"type": "http", "client": peer, "headers": named}
        told = self._limiter.admit(client_address(scope, self._trusted_proxy_count))
        if told is None:
            return None
        return "".join(f"{name.lower()}: {value}\r\n" for name, value in told.items()).encode("latin-1")

    def _record(self, identity: bytes, seconds: float, sent_bytes: int) -> None:
        self._observe(seconds)
        if self._is_logged:
            self._log.info(
                "request",
                request_id=identity.decode(),
                method="GET",
                route=ROUTE,
                status=200,
                duration_ms=round(seconds * 1_000, 3),
                sent_bytes=sent_bytes,
            )
